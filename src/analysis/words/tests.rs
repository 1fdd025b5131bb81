//! What is said, and what is not.

mod every_case;
mod table;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::analysis::demand::DemandBasis;
use crate::analysis::{InstanceSpan, Timing};
use crate::timeline::SecondJudged;
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
        judged_last: SecondJudged::Good,
        good_at_end: 200,
        target: Some(5),
        demand: Some(DemandBasis::Given { per_instance: 120.0 }),
        instances: Some(InstanceSpan { before: Some(1), peak: 5, least: 1, last: 5 }),
        due: 149_500,
        lost: 12_410,
        peak_p99: Some(Duration::from_secs(3)),
        ..StepNumbers::default()
    }
}

fn in_words(step: &Step, numbers: &StepNumbers, validity: &Validity, present: Present) -> String {
    let slo = Slo::default();
    let judged_by = JudgedBy { slo: &slo, changed: None };
    // What is open stands somehow, and what is over does not.
    let present = match (present, step.end) {
        (Present::Over, None) => Present::Missed,
        (present, _) => present,
    };
    sentence(step, numbers, validity, judged_by, false, present)
}

fn said(step: &Step, numbers: &StepNumbers) -> String {
    in_words(step, numbers, &Validity::Valid, Present::Over)
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
    let few = Some(InstanceSpan { before: Some(1), peak: 3, least: 1, last: 3 });
    let numbers = StepNumbers {
        serving: censored,
        capacity: censored,
        recover: censored,
        instances: few,
        judged_last: SecondJudged::Bad,
        good_at_end: 0,
        ..spike()
    };
    assert_eq!(
        said(&step(5, to(600), Some(62)), &numbers),
        "5→600/s: no new instance within 42.3 s, 5 instances not reached within 42.3 s, \
         p99 not back under 500 ms within 42.3 s; 12,410 requests lost (8.3 %)"
    );
}

#[test]
fn instances_that_came_at_the_very_end_are_not_said_to_be_missing() {
    let numbers = StepNumbers { capacity: Timing::NotWithin { secs: 42.3, open: false }, ..spike() };
    let text = said(&step(5, to(600), Some(62)), &numbers);
    assert!(text.contains("5 instances there for less than 10 s") && !text.contains("not reached"), "{text}");
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
    let text = in_words(&step(5, to(600), Some(300)), &spike(), &validity, Present::Over);
    assert!(text.ends_with("; invalid: generator (p99 send lag 34 ms)"), "{text}");
}

#[test]
fn what_nobody_sent_comes_first_and_the_rest_is_said_of_what_was_sent_alone() {
    let why = "1.2 % of arrivals (120) unreported: nobody of the fleet sent or reported them";
    let validity = Validity::InvalidGenerator(why.to_owned());
    let held = StepNumbers { recover: Timing::Absorbed, due: 9_880, planned: Some(10_000), ..StepNumbers::default() };
    let text = in_words(&step(5, to(5), Some(60)), &held, &validity, Present::Over);
    assert_eq!(
        text,
        format!("5→5/s: invalid: generator ({why}); of what was sent: the objective held; no requests lost")
    );
    let nothing = StepNumbers { due: 0, recover: Timing::NotApplicable("no arrivals"), ..held.clone() };
    for (end, said) in [(Some(60), "nothing was sent"), (None, "nothing was sent yet")] {
        let text = in_words(&step(5, to(5), end), &nothing, &validity, Present::NotMeasured);
        assert_eq!(text, format!("5→5/s: invalid: generator ({why}); {said}"));
    }
    // Too little to be in doubt of the rest: it is said, and takes nothing from it.
    let little = StepNumbers { due: 9_999, ..held.clone() };
    let text = said(&step(5, to(5), Some(60)), &little);
    assert_eq!(text, "5→5/s: absorbed, the objective held; no requests lost; 1 arrival unreported");
    let all = StepNumbers { due: 10_000, ..held };
    assert_eq!(said(&step(5, to(5), Some(60)), &all), "5→5/s: absorbed, the objective held; no requests lost");
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

/// What the objective of a step may have come to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Recovery {
    Never,
    Back,
    Relapsed,
    Pending,
    Not,
    Before,
    Unsaid,
    TooFew,
    NotJudged,
    NoArrivals,
}

impl Recovery {
    const ALL: [Self; 10] = [
        Self::Never,
        Self::Back,
        Self::Relapsed,
        Self::Pending,
        Self::Not,
        Self::Before,
        Self::Unsaid,
        Self::TooFew,
        Self::NotJudged,
        Self::NoArrivals,
    ];

    fn set(self, numbers: &mut StepNumbers, open: bool) {
        let within = Timing::NotWithin { secs: 36.0, open };
        let (recover, judged_last, good_at_end) = match self {
            Self::Never => (Timing::Absorbed, SecondJudged::Good, 30),
            Self::Back => (reached(12.0), SecondJudged::Good, 20),
            Self::Relapsed => (reached(12.0), SecondJudged::Bad, 0),
            Self::Pending => (within, SecondJudged::Good, 4),
            Self::Not => (within, SecondJudged::Bad, 0),
            Self::Before => (Timing::AlreadyViolated, SecondJudged::Bad, 0),
            Self::TooFew => (Timing::NotApplicable(TOO_FEW), SecondJudged::NotShown, 0),
            Self::Unsaid | Self::NotJudged | Self::NoArrivals => (Timing::default(), SecondJudged::Unknown, 0),
        };
        numbers.not_judged = (self == Self::NotJudged).then(|| "100 % answer 404".to_owned());
        numbers.due = if self == Self::NoArrivals { 0 } else { 1_000 };
        (numbers.recover, numbers.judged_last, numbers.good_at_end) = (recover, judged_last, good_at_end);
    }

    /// Whether a session could stand so at the same moment.
    fn may_be(self, present: Present) -> bool {
        use Present::{Held, Missed};
        match self {
            Self::Pending | Self::Back => present != Missed,
            Self::Relapsed | Self::Not => present != Held,
            _ => true,
        }
    }
}

/// What the instances of a step may have done, with `needed` known or not.
fn supplies() -> Vec<(&'static str, StepNumbers)> {
    let within = Timing::NotWithin { secs: 36.0, open: false };
    let demand = Some(DemandBasis::Given { per_instance: 120.0 });
    let counted = |before, last| Some(InstanceSpan { before, peak: 5, least: 1, last });
    let none = StepNumbers { serving: within, ..StepNumbers::default() };
    vec![
        ("unknown", StepNumbers::default()),
        (
            "enough",
            StepNumbers {
                capacity: reached(0.0),
                target: Some(3),
                demand,
                instances: counted(Some(5), 5),
                ..none.clone()
            },
        ),
        (
            "fell",
            StepNumbers { capacity: within, target: Some(3), demand, instances: counted(Some(5), 2), ..none.clone() },
        ),
        (
            "reached",
            StepNumbers {
                serving: reached(8.1),
                capacity: reached(31.0),
                target: Some(3),
                demand,
                instances: counted(Some(1), 3),
                ..none.clone()
            },
        ),
        (
            "lately",
            StepNumbers {
                serving: reached(8.1),
                capacity: within,
                target: Some(3),
                demand,
                instances: counted(Some(1), 3),
                ..none.clone()
            },
        ),
        (
            "short",
            StepNumbers { capacity: within, target: Some(3), demand, instances: counted(Some(1), 1), ..none.clone() },
        ),
        (
            "short, nobody counted before",
            StepNumbers { capacity: within, target: Some(3), demand, instances: counted(None, 1), ..none },
        ),
    ]
}

#[test]
fn single_seconds_are_no_breach_and_not_hidden() {
    let numbers = StepNumbers { recover: Timing::Absorbed, bad_seconds: 2, due: 100, ..StepNumbers::default() };
    let over = said(&step(5, to(10), Some(60)), &numbers);
    assert_eq!(over, "5→10/s: absorbed, the objective held but for 2 single seconds; no requests lost");
}

#[test]
fn a_step_of_which_no_request_was_answered_absorbed_nothing() {
    let silent = StepNumbers { recover: Timing::Absorbed, due: 100, sent: 100, ..StepNumbers::default() };
    let words = said(&step(5, to(10), Some(60)), &silent);
    assert!(words.starts_with("5→10/s: no request was answered") && !words.contains("held"), "{words}");
    let open = in_words(&step(5, to(10), None), &silent, &Validity::Valid, Present::Held);
    assert!(open.contains("no request answered yet") && !open.contains("held"), "{open}");
}
