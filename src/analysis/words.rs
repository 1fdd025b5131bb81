//! A step in one sentence. Says only what the numbers say: the same text in the terminal, the files and the report.
//!
//! Which case a step is decides `cases`; what is said in it stands here, once.

mod cases;

use std::fmt::Write as _;
use std::time::Duration;

pub(crate) use crate::analysis::words::cases::Present;

use crate::analysis::numbers::{self, Value};
use crate::analysis::recovery::{HOLD_SECS, TOO_FEW};
use crate::analysis::words::cases::{Course, Newcomer, Now, Objective, ScaledIn, Supplied};
use crate::analysis::{Direction, Step, StepNumbers, StepReport, Validity, validity};
use crate::instances::Basis;
use crate::slo::Slo;
use crate::text::{counted, exact, percent, plain, thousands, watched};
use crate::timeline::objective::WINDOW_SECS;
use scaletop_load::RateProfile;

/// How a step went, in a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    /// Neither good nor bad, or not known yet.
    Neutral,
    /// It cannot be judged, or is on its way back.
    Warning,
    Bad,
}

/// What a step is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JudgedBy<'a> {
    /// The objective at its end, or now.
    pub(crate) slo: &'a Slo,
    /// How long after its start that one took the place of another, if one did.
    pub(crate) changed: Option<Duration>,
}

/// `5→600/s: first new instance after 8.1 s, 5 instances after 31 s, p99 back under 500 ms after 32 s; 12,410 requests
/// lost (8.3 %)`.
pub(crate) fn sentence(
    step: &Step,
    numbers: &StepNumbers,
    validity: &Validity,
    judged_by: JudgedBy<'_>,
    was_idle: bool,
    present: Present,
) -> String {
    if let (true, Some(why)) = (numbers.too_short, &numbers.not_judged) {
        let objection = objection(validity).map(|objection| format!("; {objection}")).unwrap_or_default();
        return format!("{}: {why}{objection}", rates(step));
    }
    let is_open = step.end.is_none();
    let missing = Missing::of(numbers);
    let objective = Objective::of(step, numbers, present);
    let counts = Counts { basis: numbers.basis, is_open };
    let mut said: Vec<String> = Vec::new();
    match step.direction() {
        Direction::Up => {
            let (newcomer, supplied) = cases::scale_out(numbers, is_open, was_idle);
            // The objective says it.
            let is_said = matches!((newcomer, objective), (Newcomer::NoAnswer { .. }, Objective::Unanswered { .. }));
            let newcomer = if is_said { Newcomer::Unsaid } else { newcomer };
            said.extend(
                [say_newcomer(newcomer), say_supplied(supplied, objective.is_held(), counts)].into_iter().flatten(),
            );
        }
        Direction::Down => said.extend(say_scaled_in(cases::scale_in(numbers, is_open), counts)),
        Direction::Level => {}
    }
    said.extend(say_objective(&objective, &Terms::of(numbers, judged_by), missing));
    let is_at_rest = step.profile == RateProfile::PAUSED;
    if said.is_empty() && (numbers.due == 0 || is_at_rest) {
        let nothing = match (missing, step.profile.last().is_paused(), is_open) {
            (Missing::Much, _, true) => "nothing was sent yet",
            (Missing::Much, _, false) => "nothing was sent",
            (_, true, _) => "no load",
            (_, false, true) => "no arrivals yet",
            (_, false, false) => "no arrivals",
        };
        said.push(nothing.to_owned());
    }
    let mut text = said.join(", ");
    if numbers.due > 0 && (numbers.not_judged.is_none() && !is_at_rest || numbers.lost > 0) {
        text.push_str(if said.is_empty() { "" } else { "; " });
        text.push_str(&lost(numbers, judged_by, is_open));
        text.push_str(&not_measured(numbers));
    }
    if let Some(after) = judged_by.changed {
        let _ = write!(text, "; the objective changed to {} after {:.0} s", judged_by.slo, after.as_secs_f64());
    }
    if let Missing::Little(arrivals) = missing {
        let _ = write!(text, "; {} unreported", counted(arrivals, "arrival"));
    }
    let rates = rates(step);
    match (objection(validity), missing) {
        (None, _) => format!("{rates}: {text}"),
        // What was not sent, or is not known, comes before what is known of the rest.
        (Some(objection), Missing::Much) if numbers.due > 0 => {
            format!("{rates}: {objection}; of what was sent: {text}")
        }
        (Some(objection), Missing::Much) => format!("{rates}: {objection}; {text}"),
        (Some(objection), _) => format!("{rates}: {text}; {objection}"),
    }
}

/// Of what the schedule of a fleet made due, how much nobody reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Nothing,
    /// So many arrivals, too few to say anything about the rest.
    Little(u64),
    /// So much that the step is invalid.
    Much,
}

impl Missing {
    fn of(numbers: &StepNumbers) -> Self {
        match (numbers.planned, numbers.unreported()) {
            (Some(planned), Some(unreported)) if validity::is_too_much_unreported(planned, unreported) => Self::Much,
            (_, Some(unreported)) if unreported > 0 => Self::Little(unreported),
            _ => Self::Nothing,
        }
    }
}

/// What makes a step invalid, as its sentence ends: `invalid: generator (p99 send lag 34 ms)`; `None` for a valid one.
pub(crate) fn objection(validity: &Validity) -> Option<String> {
    let (what, why) = validity.objection()?;
    Some(format!("invalid: {what} ({why})"))
}

/// How a step went, whatever the moment.
pub(crate) fn tone(report: &StepReport) -> Tone {
    let present = match report.step.end {
        Some(_) => Present::Over,
        None => match (report.numbers.good_at_end > 0, report.numbers.judged_last.is_good()) {
            (true, _) | (_, Some(true)) => Present::Held,
            (_, Some(false)) => Present::Missed,
            _ => Present::Unjudged,
        },
    };
    match report.validity {
        Validity::Valid => tone_of(&Objective::of(&report.step, &report.numbers, present)),
        _ => Tone::Warning,
    }
}

const fn tone_of(objective: &Objective<'_>) -> Tone {
    match objective {
        Objective::Held { now: Now::Missed, .. }
        | Objective::MissedBefore(Now::Missed | Now::MissedAtItsEnd)
        | Objective::Back { now: Now::Missed | Now::MissedAtItsEnd, .. }
        | Objective::Unanswered { .. }
        | Objective::Missed { .. } => Tone::Bad,
        Objective::NoArrivals | Objective::Unsaid | Objective::MissedBefore(Now::Held) | Objective::Back { .. } => {
            Tone::Neutral
        }
        Objective::NotJudged(_) | Objective::TooFew | Objective::Again { .. } | Objective::MissedBefore(_) => {
            Tone::Warning
        }
        Objective::Held { .. } => Tone::Good,
    }
}

fn rates(step: &Step) -> String {
    let (before, last) = (step.before.get(), step.profile.last());
    match step.profile {
        RateProfile::Ramp { from, over, .. } if from == step.before => format!("{before}→{last} in {}", exact(over)),
        RateProfile::Ramp { from, over, .. } => format!("{before}→{}→{last} in {}", from.get(), exact(over)),
        RateProfile::Constant(_) => format!("{before}→{last}"),
    }
}

fn say_newcomer(newcomer: Newcomer) -> Option<String> {
    match newcomer {
        Newcomer::Unsaid => None,
        Newcomer::FirstAnswer(after) => Some(format!("first answer after {after}")),
        Newcomer::NoAnswer { is_open } => Some(if is_open { "no answer yet" } else { "no answer" }.to_owned()),
        Newcomer::New(after) => Some(format!("first new instance after {after}")),
        Newcomer::NoneNew { is_open: true, .. } => Some("no new instance yet".to_owned()),
        Newcomer::NoneNew { secs, .. } => Some(format!("no new instance within {}", watched(secs))),
    }
}

/// How counts are said: of which basis, at which moment.
#[derive(Clone, Copy, Debug)]
struct Counts {
    /// Several bases count differently: which one it is.
    basis: Option<Basis>,
    is_open: bool,
}

impl Counts {
    /// `5 instances responding`.
    fn instances(self, count: u32) -> String {
        let basis = self.basis.map(|basis| format!(" {}", basis.label())).unwrap_or_default();
        format!("{}{basis}", instances(count))
    }

    /// The moment of the last count of the step.
    const fn last(self) -> &'static str {
        if self.is_open { "now" } else { "at its end" }
    }
}

/// How many are needed is computed, not seen: what the objective showed goes before it.
fn say_supplied(supplied: Supplied, is_held: bool, counts: Counts) -> Option<String> {
    let (said, last) = (|count| counts.instances(count), counts.last());
    Some(match supplied {
        Supplied::Unsaid => return None,
        Supplied::Enough { had, has, .. } if is_held && had == has => {
            format!("{} {} enough", said(had), if had == 1 { "was" } else { "were" })
        }
        Supplied::Enough { had, has, .. } if is_held => format!("{} {last}, {had} before it: enough", said(has)),
        Supplied::Enough { had, has, needed } => {
            let before = if had == has { String::new() } else { format!(" ({had} before it)") };
            format!("{} there{before}, {needed} reckoned to be needed", said(has))
        }
        Supplied::Reached { needed, after, has } if has < needed => {
            format!("{} after {after}, {has} {last}", said(needed))
        }
        Supplied::Reached { needed, after, .. } => format!("{} after {after}", said(needed)),
        Supplied::Lately { needed, is_open: true, .. } => format!("{} there, not yet for {HOLD_SECS} s", said(needed)),
        // So short a step can show nothing for as long as counts.
        Supplied::Lately { needed, secs, .. } if secs < f64::from(HOLD_SECS) => format!("{} {last}", said(needed)),
        // They came, and the step was over before they had been there for the ten seconds that count.
        Supplied::Lately { needed, .. } => format!("{} there for less than {HOLD_SECS} s", said(needed)),
        Supplied::Short { has, needed, .. } if is_held => format!("{} of {needed} reckoned to be needed", said(has)),
        Supplied::Short { needed, is_open: true, .. } => format!("{} not reached yet", said(needed)),
        Supplied::Short { needed, secs, .. } => format!("{} not reached within {}", said(needed), watched(secs)),
        Supplied::Fell { had, has, needed } => {
            format!("{} {last} of {needed} reckoned to be needed ({had} before it)", said(has))
        }
    })
}

fn say_scaled_in(scaled_in: ScaledIn, counts: Counts) -> Option<String> {
    let (said, last) = (|count| counts.instances(count), counts.last());
    Some(match scaled_in {
        ScaledIn::Unsaid => return None,
        ScaledIn::Down { needed, after, has } if has > needed => {
            format!("down to {} after {after}, {has} {last}", said(needed))
        }
        ScaledIn::Down { needed, after, .. } => format!("down to {} after {after}", said(needed)),
        ScaledIn::Stayed { has } => format!("stayed at {}", said(has)),
        ScaledIn::Few { had, has, needed } => {
            let before = had.map(|had| format!(", {had} before it")).unwrap_or_default();
            let needed = needed.map(|needed| format!(", {needed} reckoned to be needed")).unwrap_or_default();
            format!("{} {last}{before}{needed}", said(has))
        }
        ScaledIn::Lately { has, is_open: true } => format!("down to {}, not yet for {HOLD_SECS} s", said(has)),
        ScaledIn::Lately { has, .. } => format!("down to {} for less than {HOLD_SECS} s at its end", said(has)),
        ScaledIn::NotDown { has, needed, is_open: true, .. } => {
            format!("not down to {} yet (still {has})", said(needed))
        }
        ScaledIn::NotDown { has, needed, secs, .. } => {
            format!("not down to {} within {} (still {has})", said(needed), watched(secs))
        }
    })
}

/// The half of the objective that broke, in the words of each case.
struct Terms {
    back: String,
    not_back: String,
    again: String,
}

impl Terms {
    fn of(numbers: &StepNumbers, JudgedBy { slo, changed }: JudgedBy<'_>) -> Self {
        if changed.is_some() {
            let own = |words: &str| format!("{words}, each second by its own objective,");
            let [back, not_back, again] = ["objective held again", "objective not held again", "objective held again"];
            return Self { back: own(back), not_back: not_back.to_owned(), again: again.to_owned() };
        }
        // A latency that never went up cannot come back.
        let was_slow = numbers.lost == 0 || numbers.peak_p99.is_some_and(|peak| peak > slo.latency);
        let what = if was_slow { slo.percentile_name() } else { "errors".to_owned() };
        let bound = if was_slow { exact(slo.latency) } else { format!("{} %", plain(slo.errors * 100.0)) };
        Self {
            back: format!("{what} back under {bound}"),
            not_back: format!("{what} not back under {bound}"),
            again: format!("{what} under {bound} again"),
        }
    }
}

fn say_objective(objective: &Objective<'_>, terms: &Terms, missing: Missing) -> Option<String> {
    let Terms { back, not_back, again } = terms;
    Some(match *objective {
        Objective::NoArrivals | Objective::Unsaid => return None,
        Objective::NotJudged(why) => format!("not judged: {why}"),
        Objective::TooFew => TOO_FEW.to_owned(),
        Objective::Unanswered { course: Course::Open } => "no request answered yet".to_owned(),
        Objective::Unanswered { .. } => "no request was answered".to_owned(),
        Objective::MissedBefore(Now::Held) => "the objective was already missed before, it holds now".to_owned(),
        Objective::MissedBefore(Now::Missed) => "the objective was already missed before, and is now".to_owned(),
        Objective::MissedBefore(_) => "the objective was already missed before".to_owned(),
        Objective::Held { single, now } => held(single, now, missing),
        Objective::Back { after, now } => {
            let relapse = match now {
                Now::Missed => ", the objective is missed again now",
                Now::MissedAtItsEnd => ", the objective was missed again at its end",
                _ => "",
            };
            format!("{back} after {after} (judged over {WINDOW_SECS} s){relapse}")
        }
        Objective::Again { good, course: Course::Open, .. } => {
            format!("{again} for {good} s (counts from {HOLD_SECS} s on)")
        }
        Objective::Again { good, secs, course: Course::Over } => {
            format!("{again} only for the last {good} of {}, too short to count ({HOLD_SECS} s)", watched(secs))
        }
        Objective::Again { good, secs, course: Course::NoLoad } => {
            format!("{again} only for the last {good} of {} of load, too short to count ({HOLD_SECS} s)", watched(secs))
        }
        Objective::Missed { course: Course::Open, .. } => format!("{not_back} yet"),
        Objective::Missed { secs, course: Course::Over } => format!("{not_back} within {}", watched(secs)),
        Objective::Missed { secs, course: Course::NoLoad } => {
            format!("{not_back} when the load ended after {}", watched(secs))
        }
    })
}

/// The objective was never missed for two seconds in a row.
fn held(single: u32, now: Now, missing: Missing) -> String {
    // A load of which a part did not come, as far as anybody knows, was not absorbed.
    let absorbed = if missing == Missing::Much { "" } else { "absorbed, " };
    let but = |single| counted(u64::from(single), "single second");
    match (single, now) {
        (0, Now::Held | Now::Nothing) => "objective held so far".to_owned(),
        (0, Now::Over | Now::MissedAtItsEnd) => format!("{absorbed}the objective held"),
        (0, Now::NotMeasured) => "objective held as far as it was measured".to_owned(),
        (0 | 1, Now::Missed) => "objective missed now, held until then".to_owned(),
        (single, Now::Missed) => format!("objective missed now, so far only in {}", but(single)),
        (single, Now::Held | Now::Nothing | Now::NotMeasured) => {
            format!("objective held so far but for {}", but(single))
        }
        (single, Now::Over | Now::MissedAtItsEnd) => format!("{absorbed}the objective held but for {}", but(single)),
    }
}

fn lost(numbers: &StepNumbers, JudgedBy { slo, changed }: JudgedBy<'_>, is_open: bool) -> String {
    let so_far = if is_open { " so far" } else { "" };
    let slow = match numbers.slow {
        0 => String::new(),
        slow if changed.is_some() => format!(", {} slower than the objective", thousands(slow)),
        slow => format!(", {} slower than {}", thousands(slow), exact(slo.latency)),
    };
    if numbers.lost == 0 {
        return format!("no requests lost{so_far}{slow}");
    }
    let share = percent(numbers.lost as f64 / numbers.due.max(1) as f64);
    format!("{} lost{so_far} ({share}){slow}", counted(numbers.lost, "request"))
}

/// Seconds that we left unjudged, since we were late in them.
fn not_measured(numbers: &StepNumbers) -> String {
    if numbers.not_measured == 0 {
        return String::new();
    }
    let seconds = counted(numbers.not_measured.into(), "second");
    let peak = match numbers::PEAK_P99.value(numbers) {
        Value::AtLeast(_) => format!(" ({} {})", numbers::PEAK_P99.label, numbers::PEAK_P99.say(numbers)),
        _ => String::new(),
    };
    format!("; {seconds} not measured, because of the generator{peak}")
}

fn instances(count: u32) -> String {
    counted(u64::from(count), "instance")
}

#[cfg(test)]
mod tests;
