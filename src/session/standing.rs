//! How it stands at a moment: nothing sent, held, missed since when and why, no answer at all, or ourselves in the way. One
//! pure function of the session, for the header, the log, the report and the live metrics alike.

use std::time::Duration;

use crate::analysis::health;
use crate::analysis::recovery::TOO_FEW;
use crate::analysis::words::Present;
use crate::session::state::Session;
use crate::slo::Slo;
use crate::text::{clean_to, count, latency, percent};
use crate::timeline::objective::WINDOW_SECS;
use crate::timeline::{Cohort, Row, SecondJudged};
use scaletop_load::{OutcomeClass, OutcomeCounts, OutcomeKind};
use scaletop_units::Elapsed;

/// A longer cause is cut, in characters: it stands on one line.
const LONGEST_CAUSE: usize = 120;

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing has been sent yet.
    NothingSent,
    /// The rate is 0, and nothing is in flight.
    NoLoad,
    /// Nothing could be judged yet.
    Open { has_answers: bool },
    /// The objective holds.
    Held,
    /// It does not.
    Missed {
        /// The start of the first bad second of the run of them that ends now: see [`lost_since`].
        since: Elapsed,
        why: String,
    },
    /// Not one answer is as expected: the objective is missed, for this reason.
    NoneOk {
        /// As of [`Standing::Missed`]: that the reason has changed is no new beginning.
        since: Elapsed,
        /// Since when no answer is as expected; not before `since`.
        none_since: Elapsed,
        why: String,
        remedy: Option<&'static str>,
    },
    /// We are the limit: nobody can say how the service does.
    Generator { why: String },
    /// The fleet sends nothing although a rate is set.
    LoadHeld { why: String },
}

impl Standing {
    /// A number for each kind, the better the lower; for machines.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::NothingSent => "nothing_sent",
            Self::NoLoad => "no_load",
            Self::Open { .. } => "open",
            Self::Held => "held",
            Self::Missed { .. } => "missed",
            Self::NoneOk { .. } => "none_ok",
            Self::Generator { .. } => "generator",
            Self::LoadHeld { .. } => "load_held",
        }
    }

    /// Every label, in the order of the kinds.
    pub(crate) const LABELS: [&'static str; 8] =
        ["nothing_sent", "no_load", "open", "held", "missed", "none_ok", "generator", "load_held"];

    /// Since when the objective is missed, if it is: one moment for everybody who says so.
    pub(crate) const fn lost_since(&self) -> Option<Elapsed> {
        match self {
            Self::Missed { since, .. } | Self::NoneOk { since, .. } => Some(*since),
            _ => None,
        }
    }

    /// The same for the sentence of the step that is open.
    pub(crate) const fn present(&self) -> Present {
        match self {
            Self::NothingSent | Self::Open { .. } => Present::Unjudged,
            Self::NoLoad => Present::NoLoad,
            Self::Held => Present::Held,
            Self::Missed { .. } => Present::Missed,
            Self::NoneOk { .. } => Present::NoneOk,
            Self::Generator { .. } | Self::LoadHeld { .. } => Present::NotMeasured,
        }
    }

    /// In words, `now` being the moment that it is about: `MISSED 9 s: 80 % answer 429`.
    pub(crate) fn words(&self, now: Elapsed) -> String {
        let for_secs = |since: Elapsed| format!("{} s", now.saturating_since(since).as_secs().max(1));
        match self {
            Self::NothingSent => "nothing sent yet".to_owned(),
            Self::NoLoad => "no load".to_owned(),
            Self::Open { has_answers: false } => "no answer yet".to_owned(),
            Self::Open { has_answers: true } => "not judged yet".to_owned(),
            Self::Held => "held".to_owned(),
            Self::Missed { since, why } => format!("MISSED {}: {why}", for_secs(*since)),
            Self::NoneOk { since, none_since, why, remedy } => {
                let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
                // It was missed before for another reason: one outage, whose beginning stays what it was.
                let before = if none_since > since { format!("MISSED {}, ", for_secs(*since)) } else { String::new() };
                format!("{before}NOT ONE OK for {}: {why}{remedy}", for_secs(*none_since))
            }
            Self::Generator { why } => format!("NOT MEASURED: {why}"),
            Self::LoadHeld { why } => format!("the load is held: {why}"),
        }
    }
}

/// How it stands at the end of the second before `at`, or of the last one that is known by then.
pub(crate) fn standing(session: &Session, at: Elapsed) -> Standing {
    if let Some(why) = session.fleet().and_then(|fleet| fleet.held_at(at)) {
        return Standing::LoadHeld { why: why.to_owned() };
    }
    let rows = session.timeline().rows();
    let end = rows.partition_point(|row| row.second < at.second());
    let recent = || rows.range(end.saturating_sub(WINDOW_SECS as usize)..end);
    let sent_before = rows.range(..end).any(|row| row.due > 0);
    let Some(last) = recent().next_back() else { return Standing::NothingSent };
    if !sent_before {
        return Standing::NothingSent;
    }
    let mut seen = Seen::default();
    recent().for_each(|row| seen.add(row));
    seen.unreported = unreported(session, recent());
    if seen.due == 0 && seen.unreported == 0 && seen.outcomes.total() == 0 && last.in_flight == 0 {
        return Standing::NoLoad;
    }
    let slo = session.objectives().at(last.second);
    if seen.ours() as f64 > slo.errors * seen.due.saturating_add(seen.unreported) as f64 {
        let unreported = seen.unreported;
        let why = if unreported > 0 { unreported_in_words(unreported) } else { generator_in_words(recent()) };
        return Standing::Generator { why };
    }
    if seen.outcomes.total() > 0 && seen.outcomes.get(OutcomeKind::Ok) == 0 {
        let kind = most_frequent(&seen.outcomes);
        let none_since = none_ok_since(session, end);
        let since = lost_since(session, last.second).unwrap_or(none_since);
        let (why, remedy) = (cause(session, kind, &seen.outcomes), remedy(kind));
        return Standing::NoneOk { since, none_since: none_since.max(since), why, remedy };
    }
    judged(session, last, &seen)
}

/// How it stood when there was load last: for a session that has come to rest. `None` where there never was any.
pub(crate) fn standing_under_load(session: &Session) -> Option<(Elapsed, Standing)> {
    let last = session.timeline().rows().iter().rev().find(|row| row.due > 0)?;
    let at = Elapsed::from_secs(u64::from(last.second) + u64::from(last.span.max(1)));
    Some((at, standing(session, at)))
}

/// What the last seconds say of the objective.
fn judged(session: &Session, last: &Row, seen: &Seen) -> Standing {
    let cohorts = session.timeline().cohorts();
    let end = cohorts.partition_point(|cohort| cohort.second <= last.second);
    // A second without arrivals only shows that those of before slid out of its window.
    let is_known = |cohort: &&Cohort| cohort.due > 0 && cohort.judged != SecondJudged::Unknown;
    let open = || Standing::Open { has_answers: seen.outcomes.total() > 0 };
    let known = || cohorts.range(..end).rev().filter(is_known);
    let Some(newest) = known().next().filter(|newest| last.second.saturating_sub(newest.second) <= 2 * WINDOW_SECS)
    else {
        return open();
    };
    let since = || lost_since(session, last.second).unwrap_or(Elapsed::from_secs(newest.second.into()));
    match newest.judged {
        SecondJudged::Unknown => open(),
        SecondJudged::Good => Standing::Held,
        SecondJudged::NotMeasured => {
            // Any second of the window may be the reason.
            let first = newest.second.saturating_sub(WINDOW_SECS - 1);
            let from = cohorts.partition_point(|cohort| cohort.second < first);
            let slo = session.objectives().at(newest.second);
            Standing::Generator { why: not_measured_in_words(cohorts.range(from..end), slo) }
        }
        SecondJudged::NotShown => {
            let why = match most_frequent(&seen.outcomes) {
                // What was answered otherwise is older than these seconds.
                OutcomeKind::Ok => TOO_FEW.to_owned(),
                kind => share(kind, &seen.outcomes),
            };
            Standing::Missed { since: since(), why }
        }
        SecondJudged::Bad => {
            let slo = session.objectives().at(newest.second);
            Standing::Missed { since: since(), why: why_missed(slo, last, seen) }
        }
    }
}

/// Why the seconds of a window are not measured, in the order in which they are judged: what was not sent or not reported, then what
/// was sent late.
fn not_measured_in_words<'a>(window: impl Iterator<Item = &'a Cohort>, slo: &Slo) -> String {
    let (mut due, mut unsent, mut missing, mut lag) = (0_u64, 0_u64, 0_u64, Duration::ZERO);
    for cohort in window {
        due = due.saturating_add(cohort.due);
        unsent = unsent.saturating_add(cohort.unsent());
        missing = missing.saturating_add(cohort.unreported().unwrap_or(0));
        lag = lag.max(cohort.longest_lag);
    }
    let is_much = unsent.saturating_add(missing) as f64 > slo.errors * due.saturating_add(missing) as f64;
    match (is_much, missing, unsent) {
        (true, 0, unsent) => format!("{} arrivals not sent", count(unsent)),
        (true, missing, _) => unreported_in_words(missing),
        // What was missing when it was judged has come since.
        (false, ..) if lag.is_zero() => "not all was reported in time".to_owned(),
        (false, ..) => format!("we sent up to {} late", latency(lag)),
    }
}

/// What was seen over some seconds.
#[derive(Debug, Default)]
struct Seen {
    due: u64,
    outcomes: OutcomeCounts,
    dropped_cap: u64,
    unsent: u64,
    /// Arrivals that no generator of the fleet has reported so far.
    unreported: u64,
    /// The slowest of the p99s of OK answers.
    p99: Option<Duration>,
}

impl Seen {
    fn add(&mut self, row: &Row) {
        self.due = self.due.saturating_add(row.due);
        self.outcomes.merge(&row.outcomes);
        self.dropped_cap = self.dropped_cap.saturating_add(row.dropped_cap);
        self.unsent = self.unsent.saturating_add(row.dropped_late).saturating_add(row.dropped_connections);
        self.p99 = self.p99.max(row.ok.map(|ok| ok.p99));
    }

    /// Arrivals that failed for our own sake.
    fn ours(&self) -> u64 {
        let unsent = self.unsent.saturating_add(self.unreported);
        unsent.saturating_add(self.outcomes.of_class(OutcomeClass::Generator))
    }
}

/// Why the objective is missed: what most requests got instead, else how slow the answers are.
fn why_missed(slo: &Slo, last: &Row, seen: &Seen) -> String {
    let answered = seen.outcomes.total().saturating_add(seen.dropped_cap);
    let failed = answered.saturating_sub(seen.outcomes.get(OutcomeKind::Ok));
    if failed as f64 > slo.errors * answered as f64 {
        let kind = most_frequent(&seen.outcomes);
        if seen.dropped_cap > seen.outcomes.get(kind) || kind == OutcomeKind::Ok {
            let part = part_in_words(seen.dropped_cap, answered);
            return format!("{part} found all places in flight taken");
        }
        return share(kind, &seen.outcomes);
    }
    match seen.p99.filter(|p99| *p99 > slo.latency) {
        Some(p99) => format!("p99 {} over {}", latency(Some(p99)), latency(Some(slo.latency))),
        None => match last.oldest_in_flight.filter(|age| *age > slo.latency) {
            Some(age) => format!("no answer for up to {}", latency(Some(age))),
            None => slo.to_string(),
        },
    }
}

/// `80 % answer 429`, `12 % fail: connect`.
fn share(kind: OutcomeKind, outcomes: &OutcomeCounts) -> String {
    let part = part_in_words(outcomes.get(kind), outcomes.total());
    if kind.is_answer() { format!("{part} answer {}", kind.label()) } else { format!("{part} fail: {}", kind.label()) }
}

/// `80 %`; with a digit more below a tenth, lest it read like a limit that it is over. Never all of it while something is left.
fn part_in_words(part: u64, whole: u64) -> String {
    let share = part as f64 / whole.max(1) as f64;
    if share < 0.1 { percent(share).replace(".0 %", " %") } else { format!("{:.0} %", (share * 100.0).floor()) }
}

/// What is told of failures of this kind most often, or the kind itself.
fn cause(session: &Session, kind: OutcomeKind, outcomes: &OutcomeCounts) -> String {
    let causes = session.totals().failures.by_count();
    causes
        .into_iter()
        .find(|failure| failure.kind == kind)
        .map_or_else(|| share(kind, outcomes), |failure| clean_to(&failure.cause, LONGEST_CAUSE))
}

/// What to do about it, where the cause does not say so itself.
const fn remedy(kind: OutcomeKind) -> Option<&'static str> {
    match kind {
        OutcomeKind::Connect => Some("is it started, and is the port right?"),
        OutcomeKind::Dns => Some("is the name right?"),
        OutcomeKind::Timeout => Some("it takes longer than --timeout"),
        OutcomeKind::Http3xx => Some("send requests to where it leads, or --expect 3xx"),
        OutcomeKind::Http4xx => Some("is the path right, or --expect it"),
        _ => None,
    }
}

/// The kind that most requests failed with; OK when none did.
fn most_frequent(outcomes: &OutcomeCounts) -> OutcomeKind {
    let failed = OutcomeKind::ALL.into_iter().filter(|&kind| kind != OutcomeKind::Ok && outcomes.get(kind) > 0);
    failed.max_by_key(|&kind| outcomes.get(kind)).unwrap_or(OutcomeKind::Ok)
}

/// When the objective was lost, if it is missed in the seconds up to `last`: the first bad second of the unbroken run of them. A
/// second breaks the run in which it held, and so do five without arrivals; one that nobody can judge, and one that is bad for
/// another reason, do not.
fn lost_since(session: &Session, last: u32) -> Option<Elapsed> {
    let (rows, cohorts) = (session.timeline().rows(), session.timeline().cohorts());
    // Not one answer was as expected: bad before the second is judged.
    let is_none_ok = |second: u32| {
        let row = rows.partition_point(|row| row.second <= second).checked_sub(1).and_then(|at| rows.get(at));
        row.is_some_and(|row| row.outcomes.total() > 0 && row.outcomes.get(OutcomeKind::Ok) == 0)
    };
    let end = cohorts.partition_point(|cohort| cohort.second <= last);
    let (mut first, mut idle) = (None, 0);
    for cohort in cohorts.range(..end).rev() {
        if cohort.due == 0 {
            idle += cohort.span.max(1);
            if first.is_some() && idle >= WINDOW_SECS {
                break;
            }
            continue;
        }
        idle = 0;
        match cohort.judged {
            SecondJudged::Bad | SecondJudged::NotShown => first = Some(cohort.second),
            _ if is_none_ok(cohort.second) => first = Some(cohort.second),
            SecondJudged::Good => break,
            SecondJudged::Unknown | SecondJudged::NotMeasured => {}
        }
    }
    first.map(|second| Elapsed::from_secs(second.into()))
}

/// Since when the objective holds, if it does in the last second before `at` that was judged: the first of the good seconds in a row
/// that end there, as `T_recover` counts them. Seconds that we did not measure break no row.
pub(crate) fn held_since(session: &Session, at: Elapsed) -> Option<Elapsed> {
    let cohorts = session.timeline().cohorts();
    let end = cohorts.partition_point(|cohort| cohort.second < at.second());
    let known = cohorts.range(..end).rev().skip_while(|cohort| cohort.judged == SecondJudged::Unknown);
    let row = known.take_while(|cohort| matches!(cohort.judged, SecondJudged::Good | SecondJudged::NotMeasured));
    let first = row.filter(|cohort| cohort.judged == SecondJudged::Good).last();
    first.map(|cohort| Elapsed::from_secs(cohort.second.into()))
}

/// Since when no answer is as expected, at row `end`: the first second with load after the last one that had such an answer.
fn none_ok_since(session: &Session, end: usize) -> Elapsed {
    let has_load = |row: &&Row| row.due > 0 || row.outcomes.total() > 0;
    let rows = session.timeline().rows().range(..end).rev().take_while(|row| row.outcomes.get(OutcomeKind::Ok) == 0);
    let first = rows.filter(has_load).last();
    Elapsed::from_secs(first.map_or(0, |row| row.second).into())
}

/// Arrivals due in these seconds that no generator of the fleet has reported so far. What comes late is in time for this, too.
fn unreported<'a>(session: &Session, rows: impl DoubleEndedIterator<Item = &'a Row>) -> u64 {
    let mut seconds = rows.map(|row| row.second);
    let Some(first) = seconds.next() else { return 0 };
    let last = seconds.next_back().unwrap_or(first);
    let cohorts = session.timeline().kept_cohorts().between(first, last.saturating_add(1));
    cohorts.filter_map(Cohort::unreported).sum()
}

/// `1,210 arrivals unreported`.
fn unreported_in_words(unreported: u64) -> String {
    format!("{} arrivals unreported", count(unreported))
}

/// The first thing that speaks against the generator.
fn generator_in_words<'a>(rows: impl DoubleEndedIterator<Item = &'a Row>) -> String {
    let complaint = rows.rev().find_map(|row| health::complaints(row).into_iter().next());
    complaint.unwrap_or_else(|| "we could not send what was asked".to_owned())
}

#[cfg(test)]
mod tests;
