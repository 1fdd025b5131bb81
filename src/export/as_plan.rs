//! A session as a plan that drives the same arrivals: in every second as many as in the same second of the session.
//!
//! A plan knows whole rates and whole ramps, durations to the nanosecond. What the keyboard can do besides is a ramp that
//! is left half-way, at a rate between two whole ones. Such a ramp goes on to the last whole rate before it was left; the
//! rest, in which the rate grows by less than one request a second, becomes spans of the two whole rates around it, two
//! to a second, so that at the end of each second as many requests have come due as under the ramp.

use std::fmt::Write as _;
use std::time::Duration;

use crate::session::event::{Header, RateCause, RateChange};
use crate::text::clean;
use scaletop_load::{Arrivals, RateProfile};
use scaletop_units::{ArrivalRate, Elapsed, NANOS_PER_SEC};

/// The pacer's unit: arrivals are counted in halves of rate × nanoseconds.
const HALVES: u128 = 2;

/// One stage of the plan to be.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    name: String,
    profile: RateProfile,
    nanos: u64,
}

/// The text of the plan that does what the session's rate `changes` did, until `end`. A plan has one objective: it is the one that
/// the session began with; the `later` ones are told of.
pub(crate) fn text(
    header: &Header,
    changes: &[(Elapsed, RateChange)],
    later: &[(Elapsed, String)],
    end: Elapsed,
) -> String {
    let settings = &header.settings;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# Drives the arrivals of a session against {} again, second by second.",
        clean(&settings.target)
    );
    if settings.arrivals == Arrivals::Poisson {
        let _ = writeln!(out, "# They were random: run it with --arrivals poisson --load-seed {}", settings.seed);
    }
    if !settings.requests.is_empty() {
        let seed = settings.seed;
        let _ =
            writeln!(out, "# It sent several requests: run it with --requests and their file, and --load-seed {seed}");
    }
    let name = settings.plan.clone().unwrap_or_else(|| format!("session against {}", settings.target));
    let _ = writeln!(out, "name = {}", quoted(&name));
    if settings.target.starts_with("http") {
        let _ = writeln!(out, "\n[target]\nurl = {}", quoted(&settings.url));
    }
    let slo = &settings.slo;
    let errors = slo.errors * 100.0;
    let _ =
        writeln!(out, "\n[slo]\n\"{}\" = \"{}\"\nerrors = \"{errors}%\"", slo.percentile_name(), seconds(slo.latency));
    for (at, slo) in later {
        let _ = writeln!(out, "# From {at} on the session was judged by {slo}; a plan has one objective.");
    }
    for span in spans(changes, end, settings.timeout) {
        let _ = writeln!(out, "\n[[stage]]\nname = {}", quoted(&span.name));
        let _ = match span.profile {
            RateProfile::Constant(rate) => writeln!(out, "rate = {}", rate.get()),
            RateProfile::Ramp { from, to, .. } => writeln!(out, "from = {}\nto = {}", from.get(), to.get()),
        };
        let _ = writeln!(out, "duration = \"{}\"", seconds(Duration::from_nanos(span.nanos)));
    }
    out
}

fn quoted(text: &str) -> String {
    toml::Value::String(clean(text)).to_string()
}

/// A duration to the nanosecond: `12.345s`.
fn seconds(duration: Duration) -> String {
    let text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

fn spans(changes: &[(Elapsed, RateChange)], end: Elapsed, timeout: Duration) -> Vec<Span> {
    let mut spans = Vec::new();
    // What follows the end of the load is waiting for its last answers.
    let stopped = changes.iter().position(|(_, change)| change.cause == RateCause::Stop);
    let (changes, end) = stopped.map_or((changes, end), |at| (&changes[..at], changes[at].0));
    let Some((first, _)) = changes.iter().find(|(_, change)| change.profile != RateProfile::PAUSED) else {
        return vec![Span { name: "nothing".into(), profile: RateProfile::PAUSED, nanos: NANOS_PER_SEC }];
    };
    // A plan begins with a second: what is left of the session's first second is its part before the first change.
    let lead = first.as_nanos() % NANOS_PER_SEC;
    push(&mut spans, "lead-in", RateProfile::PAUSED, lead);
    let changes = &changes[changes.partition_point(|(at, _)| at < first)..];
    for (at, (start, change)) in changes.iter().enumerate() {
        let until = changes.get(at + 1).map_or(end, |(next, _)| *next);
        let nanos = until.as_nanos().saturating_sub(start.as_nanos());
        let name = change.stage.clone().unwrap_or_else(|| label(change.cause).to_owned());
        match change.profile {
            RateProfile::Constant(_) => push(&mut spans, &name, change.profile, nanos),
            RateProfile::Ramp { from, to, over } => {
                let over = u64::try_from(over.as_nanos()).unwrap_or(u64::MAX);
                if nanos >= over {
                    push(&mut spans, &name, change.profile, over);
                    push(&mut spans, &name, RateProfile::Constant(to), nanos - over);
                } else {
                    left_half_way(&mut spans, &name, Ramp { from: from.get(), to: to.get(), over }, *start, nanos);
                }
            }
        }
    }
    // A session that was not ended may have been waiting for its last answers, which is no load. A long pause is.
    let short = u64::try_from((timeout + Duration::from_secs(1)).as_nanos()).unwrap_or(u64::MAX);
    while spans.len() > 1 && spans.last().is_some_and(|s| s.profile == RateProfile::PAUSED && s.nanos <= short) {
        spans.pop();
    }
    spans
}

fn push(spans: &mut Vec<Span>, name: &str, profile: RateProfile, nanos: u64) {
    if nanos > 0 {
        spans.push(Span { name: name.to_owned(), profile, nanos });
    }
}

const fn label(cause: RateCause) -> &'static str {
    match cause {
        RateCause::Nudge => "nudge",
        RateCause::Set => "set",
        RateCause::Spike => "spike",
        RateCause::Ramp => "ramp",
        RateCause::Pause => "pause",
        RateCause::Clear => "clear",
        RateCause::Plan => "stage",
        RateCause::Start => "start",
        RateCause::Stop => "stop",
    }
}

#[derive(Clone, Copy)]
struct Ramp {
    from: u32,
    to: u32,
    over: u64,
}

impl Ramp {
    /// Credit earned in the first `t` nanoseconds.
    fn earned(self, t: u64) -> u128 {
        let (from, to) = (ArrivalRate::new(self.from), ArrivalRate::new(self.to));
        RateProfile::Ramp { from, to, over: Duration::from_nanos(self.over) }.integral(t)
    }

    /// The last whole rate at or before `t`, and when it is reached.
    fn whole_rate_before(self, t: u64) -> (u32, u64) {
        let slope = u64::from(self.to.abs_diff(self.from));
        if slope == 0 {
            return (self.from, t);
        }
        let steps = u128::from(t) * u128::from(slope) / u128::from(self.over.max(1));
        let reached = u64::try_from(steps * u128::from(self.over) / u128::from(slope)).unwrap_or(t);
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        (if self.to >= self.from { self.from + steps } else { self.from - steps }, reached)
    }
}

/// A ramp that was left after `nanos`: see the module.
fn left_half_way(spans: &mut Vec<Span>, name: &str, ramp: Ramp, start: Elapsed, nanos: u64) {
    let (rate, reached) = ramp.whole_rate_before(nanos);
    let over = Duration::from_nanos(reached);
    let (from, to) = (ArrivalRate::new(ramp.from), ArrivalRate::new(rate));
    let mut earned = u128::from(ramp.from + rate) * u128::from(reached);
    push(spans, name, RateProfile::Ramp { from, to, over }, reached);
    let (low, high) = if ramp.to >= ramp.from { (rate, rate + 1) } else { (rate.saturating_sub(1), rate) };
    let mut at = reached;
    while at < nanos {
        let into = (start.as_nanos() + at) % NANOS_PER_SEC;
        let until = nanos.min(at + (NANOS_PER_SEC - into));
        let width = u128::from(until - at);
        // width nanoseconds at `low`, and one more request per second for as many of them as it takes. Rounded down: a
        // request due at the very beginning of a second must not move into the one before.
        let wanted = ramp.earned(until).saturating_sub(earned);
        let extra = (wanted.saturating_sub(HALVES * u128::from(low) * width) / HALVES).min(width);
        let higher = u64::try_from(extra).unwrap_or(0);
        let spells = [(low, until - at - higher), (high, higher)];
        let spells = if ramp.to >= ramp.from { spells } else { [spells[1], spells[0]] };
        for (rate, nanos) in spells {
            push(spans, name, RateProfile::Constant(ArrivalRate::new(rate)), nanos);
        }
        earned += HALVES * (u128::from(low) * width + extra);
        at = until;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Plan;
    use crate::plan::schedule::{Conditions, Instruction, Schedule};
    use crate::session::event::Settings;
    use scaletop_load::{Pacer, Share};

    struct Nothing;

    impl Conditions for Nothing {
        fn instances(&self, _: Elapsed) -> Option<u32> {
            None
        }
        fn is_settled(&self, _: Elapsed) -> bool {
            false
        }
    }

    fn header() -> Header {
        let settings = Settings { target: "demo".into(), ..Settings::default() };
        Header::new(0, settings)
    }

    /// Arrivals per second from the second of the first change on.
    fn arrivals(changes: &[(Elapsed, RateProfile)], end: Elapsed) -> Vec<u64> {
        let mut pacer = Pacer::new(Arrivals::Uniform, 0, Share::WHOLE);
        let first =
            changes.iter().find(|(_, profile)| *profile != RateProfile::PAUSED).map_or(0, |(at, _)| at.second());
        let mut seconds = vec![0; (end.second() + 2 - first) as usize];
        let mut take = |pacer: &mut Pacer, until: Elapsed| {
            while let Some(due) = pacer.pop_due(until) {
                seconds[(due.second() - first) as usize] += 1;
            }
        };
        for (at, profile) in changes {
            take(&mut pacer, *at);
            pacer.set(*at, *profile);
        }
        take(&mut pacer, end);
        while seconds.last() == Some(&0) {
            seconds.pop();
        }
        seconds
    }

    /// The rate changes that playing the plan makes.
    fn played(plan: &str) -> (Vec<(Elapsed, RateProfile)>, Elapsed) {
        let plan = Plan::parse(plan).unwrap_or_else(|error| panic!("{error}\n{plan}"));
        let mut schedule = Schedule::new(&plan);
        let (mut now, mut changes) = (Elapsed::ZERO, Vec::new());
        loop {
            match schedule.poll(now, &Nothing) {
                Some(Instruction::Begin { at, profile, .. }) => changes.push((at, profile)),
                Some(Instruction::Finish { at, .. }) => return (changes, at),
                Some(Instruction::Note(_) | Instruction::Warning(_) | Instruction::End { .. }) => {}
                None => now = schedule.deadline().unwrap(),
            }
        }
    }

    fn change(profile: RateProfile) -> RateChange {
        RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None }
    }

    fn constant(rate: u32) -> RateProfile {
        RateProfile::Constant(ArrivalRate::new(rate))
    }

    fn ramp(from: u32, to: u32, over: Duration) -> RateProfile {
        RateProfile::Ramp { from: ArrivalRate::new(from), to: ArrivalRate::new(to), over }
    }

    fn assert_same_arrivals(changes: &[(Elapsed, RateProfile)], end: Elapsed) {
        let recorded: Vec<_> = changes.iter().map(|(at, profile)| (*at, change(*profile))).collect();
        let plan = text(&header(), &recorded, &[], end);
        let (replayed, over) = played(&plan);
        assert_eq!(arrivals(&replayed, over), arrivals(changes, end), "{changes:?} until {end:?}\n{plan}");
    }

    #[test]
    fn a_session_by_hand_is_replayed_arrival_for_arrival() {
        let millis = Elapsed::from_millis;
        // Nothing at first, nudges, a spike and back, a pause, a ramp to its end, one that is left, then quit.
        let changes = [
            (millis(3_217), constant(50)),
            (millis(3_401), constant(75)),
            (millis(9_999), constant(600)),
            (millis(21_003), constant(75)),
            (millis(25_000), constant(0)),
            (millis(28_500), ramp(75, 300, Duration::from_secs(5))),
            (millis(40_123), ramp(300, 290, Duration::from_secs(30))),
            (millis(52_321), constant(100)),
            (millis(60_777), constant(0)),
        ];
        assert_same_arrivals(&changes, millis(61_200));
    }

    #[test]
    fn the_plan_says_what_was_measured_and_how() {
        let mut header = header();
        header.settings.target = "https://example.com/\u{1b}a".into();
        header.settings.url = "https://example.com/a".into();
        header.settings.arrivals = Arrivals::Poisson;
        header.settings.seed = 42;
        let changes = [(Elapsed::from_secs(1), change(constant(5)))];
        let later = [(Elapsed::from_secs(2), "p99 ≤ 300 ms, errors ≤ 1 %".to_owned())];
        let text = text(&header, &changes, &later, Elapsed::from_millis(3_500));
        assert!(text.contains("# From 0:02 on the session was judged by p99 ≤ 300 ms"), "{text}");
        assert!(text.contains("--arrivals poisson --load-seed 42"), "{text}");
        let plan = Plan::parse(&text).unwrap();
        assert_eq!(plan.url.as_deref(), Some("https://example.com/a"));
        assert_eq!(plan.slo, Some(header.settings.slo));
        assert_eq!(plan.at_most(), Duration::from_millis(2_500));
    }

    #[test]
    fn a_session_without_load_is_still_a_plan() {
        assert!(Plan::parse(&text(&header(), &[], &[], Elapsed::from_secs(9))).is_ok());
    }

    fn profile() -> impl Strategy<Value = RateProfile> {
        prop_oneof![
            (0..700_u32).prop_map(constant),
            (0..400_u32, 0..400_u32, 1..20_000_u64).prop_map(|(from, to, over)| ramp(
                from,
                to,
                Duration::from_millis(over)
            )),
        ]
    }

    proptest! {
        #[test]
        fn whatever_the_keys_did_every_second_gets_the_same_arrivals(
            first in 1..2_000_000_000_u64,
            changes in prop::collection::vec((1_000_000..6_000_000_000_u64, profile()), 1..12),
        ) {
            let mut at = Elapsed::from_nanos(first);
            let mut anchored = Vec::new();
            for (gap, profile) in changes {
                anchored.push((at, profile));
                at = at + Duration::from_nanos(gap);
            }
            assert_same_arrivals(&anchored, at);
        }
    }
}
