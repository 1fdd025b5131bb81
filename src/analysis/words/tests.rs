//! What is said, and what is not.

use std::time::Duration;

use super::*;
use crate::analysis::InstanceSpan;
use crate::analysis::demand::DemandBasis;
use scaletop_units::{ArrivalRate, Elapsed, StepId};

fn step(before: u32, profile: RateProfile, end: Option<u64>) -> Step {
    let start = Elapsed::from_secs(20);
    let end = end.map(Elapsed::from_secs);
    Step {
        id: StepId(2),
        start,
        end,
        before: ArrivalRate::new(before),
        profile,
        anchor: start,
        name: None,
        unmet_start: None,
    }
}

fn to(rate: u32) -> RateProfile {
    RateProfile::Constant(ArrivalRate::new(rate))
}

const fn reached(secs: f64) -> Timing {
    Timing::Reached { secs, plus_minus: 0.0 }
}

fn spike() -> StepNumbers {
    StepNumbers {
        serving: reached(8.1),
        capacity: reached(31.04),
        recover: reached(32.0),
        target: Some(5),
        demand: Some(DemandBasis::Given { per_instance: 120.0 }),
        instances: Some(InstanceSpan { before: Some(1), peak: 5, last: 5 }),
        due: 149_500,
        lost: 12_410,
        peak_p99: Some(Duration::from_secs(3)),
        ..StepNumbers::default()
    }
}

fn said(step: &Step, numbers: &StepNumbers) -> String {
    sentence(step, numbers, &Validity::Valid, &Slo::default(), false)
}

#[test]
fn a_spike_reads_as_the_contract_has_it() {
    assert_eq!(
        said(&step(5, to(600), Some(300)), &spike()),
        "5→600/s: first new instance after 8.1 s, 5 instances after 31.0 s, p99 back under 500 ms after 32.0 s (judged over 5 s); \
         12,410 requests lost (8.3 %)"
    );
}

#[test]
fn what_never_came_is_said_with_how_long_it_was_awaited() {
    let censored = Timing::NotWithin { secs: 42.3, open: false };
    let few = Some(InstanceSpan { before: Some(1), peak: 3, last: 3 });
    let numbers = StepNumbers { serving: censored, capacity: censored, recover: censored, instances: few, ..spike() };
    assert_eq!(
        said(&step(5, to(600), Some(62)), &numbers),
        "5→600/s: no new instance within 42 s, 5 instances not reached within 42 s, \
         p99 not back under 500 ms within 42 s; 12,410 requests lost (8.3 %)"
    );
}

#[test]
fn instances_that_came_at_the_very_end_are_not_said_to_be_missing() {
    let numbers = StepNumbers { capacity: Timing::NotWithin { secs: 42.3, open: false }, ..spike() };
    let text = said(&step(5, to(600), Some(62)), &numbers);
    assert!(text.contains("5 instances only in its last 10 s") && !text.contains("not reached"), "{text}");
    let open = StepNumbers { capacity: Timing::NotWithin { secs: 42.3, open: true }, ..spike() };
    assert!(!said(&step(5, to(600), None), &open).contains("not reached"));
}

#[test]
fn a_single_instance_and_a_single_request_are_singular() {
    let numbers = StepNumbers { target: Some(1), lost: 1, due: 2_000, ..spike() };
    let text = said(&step(5, to(600), Some(300)), &numbers);
    assert!(text.contains("1 instance after") && text.ends_with("1 request lost (< 0.1 %)"), "{text}");
}

#[test]
fn a_ramp_says_how_long_it_took() {
    let ramp =
        RateProfile::Ramp { from: ArrivalRate::new(5), to: ArrivalRate::new(600), over: Duration::from_secs(90) };
    assert!(said(&step(5, ramp, None), &spike()).starts_with("5→600/s in 90 s: "));
    let jump =
        RateProfile::Ramp { from: ArrivalRate::new(100), to: ArrivalRate::new(600), over: Duration::from_secs(90) };
    assert!(said(&step(5, jump, None), &spike()).starts_with("5→100→600/s in 90 s: "));
}

#[test]
fn an_invalid_step_says_so_last() {
    let validity = Validity::InvalidGenerator("p99 send lag 34 ms".to_owned());
    let text = sentence(&step(5, to(600), Some(300)), &spike(), &validity, &Slo::default(), false);
    assert!(text.ends_with("; invalid: generator (p99 send lag 34 ms)"), "{text}");
}

#[test]
fn a_fresh_step_says_that_nothing_is_known() {
    assert_eq!(said(&step(5, to(600), None), &StepNumbers::default()), "5→600/s: no arrivals yet");
    assert_eq!(said(&step(600, to(0), None), &StepNumbers::default()), "600→0/s: no load");
}

#[test]
fn an_excursion_within_two_seconds_ends_where_it_began() {
    let numbers = StepNumbers { recover: Timing::Absorbed, due: 100, ..StepNumbers::default() };
    assert_eq!(said(&step(5, to(5), Some(60)), &numbers), "5→5/s: absorbed, the objective held; no requests lost");
}
