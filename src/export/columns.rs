//! The columns of the CSV files, and how a value gets into each. An empty field is an unknown value.

use crate::analysis::failures::failure_in_words;
use crate::analysis::numbers;
use crate::analysis::{StepReport, Timing};
use crate::export::LateCounts;
use crate::export::columns::connections::{connections, dropped_connections};
use crate::export::text::{count, foreign, millis, number, secs};
use crate::instances::{Basis, Feed};
use crate::session::event::{Recorded, SessionEvent};
use crate::session::state::{Came, InstanceTrack, Session};
use crate::text::{plain, timestamp};
use crate::timeline::{Cohort, Counts, Percentiles, Row, SecondJudged};
use scaletop_load::{Failure, OutcomeCounts, OutcomeKind};
use scaletop_units::{Elapsed, FleetState, GeneratorChange, GeneratorEvent};

mod connections;

/// `timeline.csv`, to the letter of the contract. Latencies are those of OK answers, `failed_` of the others.
pub(super) const TIMELINE: [&str; 68] = [
    "time_utc",
    "elapsed_s",
    "target_rps",
    "due",
    "sent",
    "completed",
    "ok",
    "err_429",
    "err_4xx",
    "err_5xx",
    "err_connect",
    "err_timeout",
    "err_reset",
    "err_other",
    "dropped_cap",
    "dropped_late",
    "in_flight",
    "oldest_in_flight_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "p999_ms",
    "max_ms",
    "service_p99_ms",
    "send_lag_p99_ms",
    "bytes_in",
    "instances_responding",
    "instances_active",
    "instances_running",
    "instances_desired",
    "instances_needed",
    "instances_max",
    "step",
    "dropped_connections",
    "connections_open",
    "connections_opened",
    "connecting",
    "waiting",
    "connect_p50_ms",
    "connect_p99_ms",
    "dns_p99_ms",
    "tcp_p99_ms",
    "tls_p99_ms",
    "slot_wait_p99_ms",
    "retried_on_close",
    "retried_on_refusal",
    "workers",
    "connections_closed",
    "connections_failed",
    "requests_per_connection",
    "connection_age_s",
    "failed_p50_ms",
    "failed_p99_ms",
    "failed_max_ms",
    "late",
    "err_unexpected",
    "unreported",
    "generators",
    "instances_command_running",
    "instances_command_desired",
    "instances_command_pending",
    "instances_url_running",
    "instances_url_desired",
    "instances_url_pending",
    "instances_prometheus_running",
    "instances_prometheus_desired",
    "instances_prometheus_pending",
];

/// How many columns of [`TIMELINE`] stand in `cohorts.csv`, too, from the first and from the last on; not counting
/// [`LATEST_COLUMNS`].
const COHORT_COLUMNS: (usize, usize) = (35, 5);

/// How many columns a fleet has.
const FLEET_COLUMNS: usize = 2;

/// How many there are at the end of either file: those of a fleet, and the counts of sources that the user names.
const LATEST_COLUMNS: usize = FLEET_COLUMNS + Basis::NAMED.len();

/// `cohorts.csv`: those columns of [`TIMELINE`] that requests have, and how their second was judged.
pub(super) fn cohorts() -> Vec<&'static str> {
    let ((first, last), (others, latest)) = (COHORT_COLUMNS, TIMELINE.split_at(TIMELINE.len() - LATEST_COLUMNS));
    let mut columns = others[..first].to_vec();
    columns.extend(&others[others.len() - last..]);
    columns.push("judged");
    columns.extend(latest);
    columns
}

/// `events.csv`.
pub(super) const EVENTS: [&str; 4] = ["time_utc", "elapsed_s", "event", "detail"];

/// `instances.csv`.
pub(super) const INSTANCES: [&str; 11] = [
    "id",
    "first_s",
    "last_s",
    "requests",
    "ok",
    "p50_ms",
    "p99_ms",
    "cold_start_ms",
    "came_s",
    "came_after",
    "came_since_s",
];

/// A row of `timeline.csv`: what completed in the second.
pub(super) fn row(session: &Session, row: &Row, late: &LateCounts) -> Vec<String> {
    let mut fields = when(session, Elapsed::from_secs(u64::from(row.second)));
    fields.extend([row.target.get().to_string(), row.due.to_string(), row.sent.to_string()]);
    fields.extend(outcomes(&row.outcomes));
    fields.extend([row.dropped_cap.to_string(), row.dropped_late.to_string()]);
    fields.extend([row.in_flight.to_string(), millis(row.oldest_in_flight)]);
    fields.extend(percentiles(row.ok));
    fields.extend([millis(row.service_p99), millis(row.send_lag_p99), row.bytes_in.to_string()]);
    fields.extend(instances(session, Some(row), row.second, late));
    fields.push(dropped_connections(row.dropped_connections, Some(row)));
    fields.extend(connections(row));
    fields.extend(apart(row.failed, row.late, &row.outcomes));
    fields.extend(of_fleet(row.unreported, Some(row)));
    fields.extend(named(row.second, late));
    fields
}

/// A row of `cohorts.csv`: what became of the requests intended in the second. What has no meaning for a cohort (bytes,
/// in flight, send lag) is empty.
pub(super) fn cohort(session: &Session, cohort: &Cohort, late: &LateCounts) -> Vec<String> {
    let row = session.timeline().row_at(cohort.second);
    let mut fields = when(session, Elapsed::from_secs(u64::from(cohort.second)));
    fields.push(row.map(|row| row.target.get().to_string()).unwrap_or_default());
    fields.extend([cohort.due.to_string(), cohort.sent.to_string()]);
    fields.extend(outcomes(&cohort.outcomes));
    fields.extend([cohort.dropped_cap.to_string(), cohort.dropped_late.to_string()]);
    fields.extend([String::new(), String::new()]);
    fields.extend(percentiles(cohort.ok));
    fields.extend([millis(cohort.service_p99), String::new(), String::new()]);
    fields.extend(instances(session, row, cohort.second, late));
    fields.push(dropped_connections(cohort.dropped_connections, row));
    fields.extend(apart(cohort.failed, cohort.late, &cohort.outcomes));
    fields.push(judged(cohort.judged).to_owned());
    fields.extend(of_fleet(cohort.unreported(), row));
    fields.extend(named(cohort.second, late));
    fields
}

/// What only a fleet has: arrivals that nobody reported, and how many generators told of the second.
fn of_fleet(unreported: Option<u64>, row: Option<&Row>) -> [String; FLEET_COLUMNS] {
    let unreported = unreported.map(|unreported| unreported.to_string()).unwrap_or_default();
    [unreported, count(row.and_then(|row| row.generators))]
}

/// What the sources count that the user has named, as true of the second.
fn named(second: u32, late: &LateCounts) -> [String; Basis::NAMED.len()] {
    Basis::NAMED.map(|basis| count(late.at(basis, second)))
}

/// What stands apart from the OK answers: latencies of failures, arrivals that we were late for, answers that were not
/// expected and are nobody's fault (a part of `err_other`).
fn apart(failed: Option<Percentiles>, late: u64, outcomes: &OutcomeCounts) -> [String; 5] {
    let of = |pick: fn(&Percentiles) -> std::time::Duration| millis(failed.as_ref().map(pick));
    let unexpected = outcomes.get(OutcomeKind::Http2xx) + outcomes.get(OutcomeKind::Http3xx);
    [of(|p| p.p50), of(|p| p.p99), of(|p| p.max), late.to_string(), unexpected.to_string()]
}

/// How a second was judged; empty when nobody can say.
const fn judged(judged: SecondJudged) -> &'static str {
    match judged {
        SecondJudged::Unknown => "",
        SecondJudged::Good => "good",
        SecondJudged::Bad => "bad",
        SecondJudged::NotShown => "not shown",
        SecondJudged::NotMeasured => "not measured",
    }
}

pub(super) fn when(session: &Session, at: Elapsed) -> Vec<String> {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    vec![timestamp(session.header().started_unix_micros.saturating_add(micros)).unwrap_or_default(), secs(at)]
}

fn outcomes(counts: &OutcomeCounts) -> [String; 9] {
    let of = |kinds: &[OutcomeKind]| kinds.iter().map(|&kind| counts.get(kind)).sum::<u64>().to_string();
    [
        counts.total().to_string(),
        of(&[OutcomeKind::Ok]),
        of(&[OutcomeKind::Http429]),
        of(&[OutcomeKind::Http4xx]),
        of(&[OutcomeKind::Http5xxCapacity, OutcomeKind::Http5xxApplication]),
        of(&[OutcomeKind::Connect]),
        of(&[OutcomeKind::Timeout]),
        of(&[OutcomeKind::Reset]),
        of(&[
            OutcomeKind::Dns,
            OutcomeKind::Tls,
            OutcomeKind::Body,
            OutcomeKind::Ports,
            OutcomeKind::Other,
            OutcomeKind::Http3xx,
            OutcomeKind::Http2xx,
        ]),
    ]
}

fn percentiles(percentiles: Option<Percentiles>) -> [String; 6] {
    let of = |pick: fn(&Percentiles) -> std::time::Duration| millis(percentiles.as_ref().map(pick));
    [of(|p| p.p50), of(|p| p.p90), of(|p| p.p95), of(|p| p.p99), of(|p| p.p999), of(|p| p.max)]
}

fn instances(session: &Session, row: Option<&Row>, second: u32, late: &LateCounts) -> [String; 7] {
    let counts = counts(session, second, late);
    [
        count(row.and_then(|row| row.responding)),
        count(counts.active),
        count(counts.running),
        count(counts.desired),
        count(row.and_then(|row| row.needed)),
        count(counts.max),
        row.and_then(|row| row.step).map(|step| step.to_string()).unwrap_or_default(),
    ]
}

/// A row of `events.csv`: the first failure of its cause, with how many there were in its second.
pub(super) fn failure(session: &Session, at: Elapsed, failure: &Failure) -> Vec<String> {
    let mut fields = when(session, at);
    fields.extend(["failure".to_owned(), foreign(&failure_in_words(failure))]);
    fields
}

/// A row of `events.csv`; closed seconds have files of their own.
pub(super) fn event(session: &Session, recorded: &Recorded) -> Option<Vec<String>> {
    let (event, detail) = match &recorded.event {
        SessionEvent::Second(_) => return None,
        SessionEvent::Rate(change) => {
            let stage = change.stage.as_deref().map(|stage| format!(", stage {stage}")).unwrap_or_default();
            ("rate", format!("{} ({}){stage}", change.profile, cause(change.cause)))
        }
        SessionEvent::Observed(seen) => {
            let provisional = if seen.provisional { ", provisional" } else { "" };
            ("instances", format!("{} {} at {} s{provisional}", seen.count, seen.basis.label(), secs(seen.as_of)))
        }
        SessionEvent::Limits(limits) => {
            let say = |n: Option<u32>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
            let (min, max) = (say(limits.min), say(limits.max));
            ("limits", format!("min {min}, max {max}, concurrency {}", say(limits.concurrency)))
        }
        SessionEvent::Feed { source, feed } => ("source", format!("{source}: {}", feed_in_words(feed))),
        SessionEvent::Fact(fact) => ("fact", format!("{}: {}", fact.name, fact.value)),
        SessionEvent::Milestone(seen) => {
            ("milestone", format!("{} {}: {}", seen.kind.label(), seen.subject, seen.detail))
        }
        SessionEvent::Mark { text } => ("mark", text.clone()),
        SessionEvent::Objective(slo) => ("objective", format!("{slo} from now on")),
        SessionEvent::Notice(notice) => ("notice", notice.text.clone()),
        SessionEvent::Generator(event) => ("generator", generator_in_words(event)),
        SessionEvent::Fleet(state) => ("fleet", fleet_in_words(state)),
        SessionEvent::Ended { reason } => ("ended", reason.clone()),
    };
    let mut fields = when(session, recorded.at);
    fields.extend([event.to_owned(), foreign(&detail)]);
    Some(fields)
}

fn cause(cause: crate::session::event::RateCause) -> &'static str {
    use crate::session::event::RateCause as C;
    match cause {
        C::Nudge => "key",
        C::Set => "set",
        C::Spike => "spike",
        C::Ramp => "ramp",
        C::Pause => "pause",
        C::Clear => "clear",
        C::Plan => "plan",
        C::Start => "start",
        C::Stop => "stop",
    }
}

fn feed_in_words(feed: &Feed) -> String {
    match feed {
        Feed::Waiting => "waiting".to_owned(),
        Feed::Live { .. } => "live".to_owned(),
        Feed::Stale { heard, error } => format!("stale since {} s: {error}", secs(*heard)),
        Feed::Failed { error } => format!("failed: {error}"),
    }
}

/// `g2 lost: no beat for 1.5 s`.
fn generator_in_words(event: &GeneratorEvent) -> String {
    let what = match event.change {
        GeneratorChange::Joined => "joined",
        GeneratorChange::Suspected => "suspected",
        GeneratorChange::Lost => "lost",
        GeneratorChange::TakenOver => "taken over",
        GeneratorChange::Returned => "returned",
        GeneratorChange::Left => "left",
    };
    let why = event.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} {what}{why}", event.id)
}

/// `2 of 3 generators, clocks ± 0.400 ms, lead 60.000 ms, ceiling 60000/s, held: no generator answers`.
fn fleet_in_words(state: &FleetState) -> String {
    let held = state.held.as_deref().map(|why| format!(", held: {why}")).unwrap_or_default();
    format!(
        "{} of {} generators, clocks ± {} ms, lead {} ms, ceiling {}/s{held}",
        state.live,
        state.wanted,
        millis(Some(state.clock_error)),
        millis(Some(state.lead)),
        state.ceiling.get()
    )
}

/// The rows of `instances.csv`.
pub(super) fn instances_seen(session: &Session) -> impl Iterator<Item = Vec<String>> + '_ {
    session.tracks().iter().zip(session.came(session.tracks())).map(|(track, came)| instance(track, came))
}

fn instance(track: &InstanceTrack, came: Option<Came>) -> Vec<String> {
    vec![
        foreign(track.id.as_str()),
        secs(track.first_ok.unwrap_or(track.first)),
        secs(track.last),
        track.requests.to_string(),
        track.ok.to_string(),
        millis(track.response.quantile(0.5)),
        millis(track.response.quantile(0.99)),
        millis(track.cold_start),
        came.and_then(|came| came.took()).map(|took| format!("{:.3}", took.as_secs_f64())).unwrap_or_default(),
        came.map(|came| came.after.label().to_owned()).unwrap_or_default(),
        came.and_then(|came| came.since).map(secs).unwrap_or_default(),
    ]
}

/// So many numbers stand before the words, as in 0.1.0. What has come since stands at the end of the line, for those who read
/// columns by their place.
const FIRST_NUMBERS: usize = 38;

/// So many stand before the bounds, as before there were fleets; what has come since stands behind them.
const NUMBERS_BEFORE_BOUNDS: usize = 44;

/// What `steps.csv` says of a step before its numbers.
const STEP_HEAD: [&str; 10] = [
    "step",
    "name",
    "start_s",
    "end_s",
    "rate_before",
    "rate_from",
    "rate_to",
    "ramp_s",
    "instances_basis",
    "capacity_basis",
];

/// `steps.csv`: what the step is, its numbers (`analysis/numbers`), the ± of its times, the verdict, the step in words, and how
/// long was watched for a time that was not reached. What does not apply or is not known is empty.
pub(super) fn steps() -> Vec<String> {
    let mut numbers: Vec<_> = numbers::kinds().map(|kind| kind.key.to_owned()).collect();
    let latest = numbers.split_off(NUMBERS_BEFORE_BOUNDS);
    let later = numbers.split_off(FIRST_NUMBERS);
    let mut columns: Vec<_> = STEP_HEAD.into_iter().map(str::to_owned).chain(numbers).collect();
    let of_times = |what: &'static str| {
        let times = numbers::kinds().filter(|kind| kind.is_time());
        times.map(move |kind| format!("{}_{what}_s", kind.key.trim_end_matches("_s")))
    };
    columns.extend(of_times("plus_minus"));
    columns.extend(["verdict".to_owned(), "words".to_owned()]);
    columns.extend(later);
    columns.extend(of_times("bound"));
    columns.extend(latest);
    columns
}

/// A row of `steps.csv`.
pub(super) fn step(report: &StepReport) -> Vec<String> {
    let (step, all) = (&report.step, numbers::of(report));
    let ramp = step.profile.ramp_duration();
    let mut fields = vec![
        step.id.to_string(),
        foreign(step.name.as_deref().unwrap_or_default()),
        secs(step.start),
        step.end.map(secs).unwrap_or_default(),
        step.before.get().to_string(),
        step.profile.first().get().to_string(),
        step.profile.last().get().to_string(),
        if ramp.is_zero() { String::new() } else { number(ramp.as_secs_f64(), 3) },
        report.numbers.basis.map(|basis| basis.key().to_owned()).unwrap_or_default(),
        report.numbers.demand.as_ref().map(|demand| demand.label().to_owned()).unwrap_or_default(),
    ];
    let (known, latest) = all.split_at(NUMBERS_BEFORE_BOUNDS);
    let (first, later) = known.split_at(FIRST_NUMBERS);
    fields.extend(first.iter().map(|number| number.value.field()));
    fields.extend(all.iter().filter(|number| number.kind.is_time()).map(|number| match number.value {
        numbers::Value::Timing(Timing::Reached { plus_minus, .. }) if plus_minus > 0.0 => plain(plus_minus),
        _ => String::new(),
    }));
    let objection = report.validity.objection();
    fields
        .push(objection.map_or_else(|| "valid".to_owned(), |(what, why)| foreign(&format!("invalid: {what} ({why})"))));
    fields.push(foreign(&report.words));
    fields.extend(later.iter().map(|number| number.value.field()));
    fields.extend(all.iter().filter(|number| number.kind.is_time()).map(|number| number.value.bound()));
    fields.extend(latest.iter().map(|number| number.value.field()));
    fields
}

/// What a chart shows besides the row: the counts that were true in its second.
pub(super) fn counts(session: &Session, second: u32, late: &LateCounts) -> Counts {
    Counts {
        active: late.at(Basis::Active, second),
        running: late.at(Basis::Running, second),
        desired: late.at(Basis::Desired, second),
        max: session.limits().max,
        named: Basis::NAMED.map(|basis| late.at(basis, second)),
    }
}

#[cfg(test)]
mod tests;
