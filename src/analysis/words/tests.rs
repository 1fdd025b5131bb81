//! What is said, and what is not.

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

/// What cannot both be true of one step at one moment: of what the header says, of two parts of the sentence.
fn contradicts(header: Present, text: &str) -> Option<String> {
    let says = |words: &str| text.contains(words);
    let pairs: &[(Present, &[&str])] = &[
        (
            Present::Held,
            &[
                "back under 500 ms yet",
                "back under 1 % yet",
                "missed again",
                "missed now",
                "and is now",
                "no answer yet",
            ],
        ),
        (Present::Missed, &["held so far", "absorbed", "holds now", "were enough", "was enough", "(counts from"]),
        (Present::NoneOk, &["held so far", "absorbed", "holds now", "were enough", "was enough", "(counts from"]),
        (Present::NotMeasured, &["held so far,", "missed now", "holds now", "(counts from"]),
        (
            Present::NoLoad,
            &["not back under 500 ms yet", "not back under 1 % yet", "(counts from", "holds now", "missed now"],
        ),
        (Present::Unjudged, &["(counts from", "holds now", "missed now"]),
        (Present::Over, &[" yet", "so far", " now"]),
    ];
    let of_header = pairs.iter().filter(|(present, _)| *present == header).flat_map(|(_, words)| words.iter());
    if let Some(words) = of_header.copied().find(|words| says(words)) {
        return Some(format!("the header says {header:?}, the sentence “{words}”"));
    }
    let both: &[(&str, &str)] = &[
        ("enough", "not reached"),
        ("enough", "not back"),
        ("enough", "no new instance"),
        ("enough", "missed"),
        ("absorbed", "not reached"),
        ("absorbed", "not back"),
        ("absorbed", "missed"),
        ("held so far", "not reached"),
        ("held so far", "missed"),
        ("no answer", "held"),
        ("no load", "lost"),
        ("there for less than", "not reached"),
        ("stayed at", "down to"),
    ];
    both.iter().find(|(a, b)| says(a) && says(b)).map(|(a, b)| format!("“{a}” and “{b}”"))
}

#[test]
fn no_case_of_a_step_contradicts_the_header_or_itself() {
    let objections = [
        Validity::Valid,
        Validity::InvalidGenerator("p99 send lag 34 ms".to_owned()),
        Validity::InvalidStart("instances <= 1".to_owned()),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (before, rate, end) in [(5, 600), (600, 5), (5, 5), (600, 0), (0, 0), (0, 5)]
        .into_iter()
        .flat_map(|(before, rate)| [None, Some(62)].map(|end| (before, rate, end)))
    {
        for (supply, numbers) in supplies() {
            for recovery in Recovery::ALL {
                for present in Present::ALL {
                    if (present == Present::Over) != end.is_some() || !recovery.may_be(present) {
                        continue;
                    }
                    for validity in &objections {
                        let step = step(before, to(rate), end);
                        let mut numbers = numbers.clone();
                        let is_waited_for = end.is_none() && rate > 0;
                        recovery.set(&mut numbers, is_waited_for);
                        let text = in_words(&step, &numbers, validity, present);
                        let of = format!("{supply}, {recovery:?}, {present:?}: {text}");
                        assert_eq!(contradicts(present, &text), None, "{of}");
                        assert!(!text.contains(", ,") && !text.contains(": ;") && !text.ends_with(": "), "{of}");
                        assert_eq!(text.matches("invalid").count(), usize::from(*validity != Validity::Valid), "{of}");
                        if rate == 0 {
                            assert!(
                                !text.contains("back under 500 ms yet"),
                                "nothing is waited for without load: {of}"
                            );
                        }
                        seen.insert(text);
                    }
                }
            }
        }
    }
    assert!(seen.len() > 300, "the cases are told apart: {}", seen.len());
}

/// What the instances did, what the objective came to, the rate, the header; the sentence, its colour.
type Case = (&'static str, Recovery, u32, Present, &'static str, Tone);

fn cases() -> Vec<Case> {
    use Present::{Held, Missed, NoLoad, NotMeasured, Over};
    vec![
        ("enough", Recovery::Never, 600, Over, "5 instances were enough, absorbed, the objective held", Tone::Good),
        (
            "enough",
            Recovery::Not,
            600,
            Missed,
            "5 instances there, 3 reckoned to be needed, p99 not back under 500 ms yet",
            Tone::Bad,
        ),
        (
            "fell",
            Recovery::Never,
            600,
            Held,
            "no new instance yet, 2 instances now of 3 reckoned to be needed (5 before it), objective held so far",
            Tone::Good,
        ),
        (
            "short",
            Recovery::Never,
            600,
            Held,
            "no new instance yet, 1 instance of 3 reckoned to be needed, objective held so far",
            Tone::Good,
        ),
        (
            "short",
            Recovery::Not,
            600,
            Missed,
            "no new instance yet, 3 instances not reached yet, p99 not back under 500 ms yet",
            Tone::Bad,
        ),
        (
            "short",
            Recovery::Not,
            600,
            Over,
            "no new instance within 36 s, 3 instances not reached within 36 s, p99 not back under 500 ms within 36 s",
            Tone::Bad,
        ),
        (
            "lately",
            Recovery::Pending,
            600,
            Held,
            "first new instance after 8.1 s, 3 instances there, not yet for 10 s, p99 under 500 ms again for 4 s (counts from 10 s on)",
            Tone::Warning,
        ),
        (
            "unknown",
            Recovery::Pending,
            600,
            Over,
            "p99 under 500 ms again only for the last 4 of 36 s, too short to count (10 s)",
            Tone::Warning,
        ),
        (
            "unknown",
            Recovery::Relapsed,
            600,
            Missed,
            "p99 back under 500 ms after 12.0 s (judged over 5 s), the objective is missed again now",
            Tone::Bad,
        ),
        (
            "unknown",
            Recovery::Relapsed,
            600,
            Over,
            "p99 back under 500 ms after 12.0 s (judged over 5 s), the objective was missed again at its end",
            Tone::Bad,
        ),
        ("unknown", Recovery::Never, 600, Missed, "objective missed now, held until then", Tone::Bad),
        ("unknown", Recovery::Never, 600, NotMeasured, "objective held as far as it was measured", Tone::Good),
        ("unknown", Recovery::Not, 0, NoLoad, "p99 not back under 500 ms when the load ended after 36 s", Tone::Bad),
        (
            "unknown",
            Recovery::Before,
            600,
            Held,
            "the objective was already missed before, it holds now",
            Tone::Neutral,
        ),
        ("unknown", Recovery::NotJudged, 600, Missed, "not judged: 100 % answer 404", Tone::Warning),
        ("unknown", Recovery::NoArrivals, 600, Held, "no arrivals yet", Tone::Neutral),
        ("unknown", Recovery::NoArrivals, 0, NoLoad, "no load", Tone::Neutral),
    ]
}

#[test]
fn each_case_has_its_sentence_and_its_colour() {
    let with = |supply: &str, recovery: Recovery, open: bool| {
        let mut numbers = supplies().into_iter().find(|(name, _)| *name == supply).unwrap().1;
        recovery.set(&mut numbers, open);
        numbers
    };
    for (supply, recovery, rate, present, expected, tone) in cases() {
        let end = (present == Present::Over).then_some(62);
        let step = step(5, to(rate), end);
        let numbers = with(supply, recovery, end.is_none() && rate > 0);
        let text = in_words(&step, &numbers, &Validity::Valid, present);
        let (_, said) = text.split_once(": ").unwrap();
        assert_eq!(said.split(';').next(), Some(expected), "{supply}, {recovery:?}, {present:?}");
        assert_eq!(tone_of(&Objective::of(&step, &numbers, present)), tone, "{expected}");
    }
}

#[test]
fn single_seconds_are_no_breach_and_not_hidden() {
    let numbers = StepNumbers { recover: Timing::Absorbed, bad_seconds: 2, due: 100, ..StepNumbers::default() };
    let over = said(&step(5, to(10), Some(60)), &numbers);
    assert_eq!(over, "5→10/s: absorbed, the objective held but for 2 single seconds; no requests lost");
}

/// A number in a sentence: that behind these words.
fn number_after(text: &str, words: &str) -> Option<u32> {
    let (_, rest) = text.split_once(words)?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// A number in a sentence: that before these words.
fn number_before(text: &str, words: &str) -> Option<u32> {
    let (rest, _) = text.split_once(words)?;
    rest.rsplit(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// Where a sentence says other things of instances than the table beside it, which has how many there were before and at the end.
fn contradicts_the_table(text: &str, span: InstanceSpan, step_secs: f64) -> Option<&'static str> {
    let says = |words: &str| text.contains(words);
    let tells_last = number_before(text, " at its end") == Some(span.last)
        || number_before(text, " now") == Some(span.last)
        || number_before(text, " instance responding at its end") == Some(span.last)
        || number_before(text, " instances responding at its end") == Some(span.last)
        || number_before(text, " instance responding now") == Some(span.last)
        || number_before(text, " instances responding now") == Some(span.last);
    let stayed = number_after(text, "stayed at ");
    if stayed.is_some_and(|stayed| [span.before.unwrap_or(stayed), span.peak, span.least, span.last] != [stayed; 4]) {
        return Some("it did not stay there");
    }
    if number_after(text, "not down to ").is_some_and(|needed| span.last <= needed) {
        return Some("it is down there");
    }
    let down = if says("not down") { None } else { number_after(text, "down to ") };
    if down.is_some_and(|down| span.last > down) && !tells_last {
        return Some("it is up again");
    }
    let reached =
        number_before(text, " instances responding after").or(number_before(text, " instance responding after"));
    if !says("down to") && reached.is_some_and(|reached| span.last < reached) && !tells_last {
        return Some("there are fewer again");
    }
    let enough = number_before(text, " instances responding were enough")
        .or(number_before(text, " instance responding was enough"));
    if enough.is_some_and(|enough| enough != span.last || span.before != Some(enough)) {
        return Some("there are not as many");
    }
    if step_secs < 10.0 && (says("for less than 10 s") || says("in its last 10 s")) && !says("down to") {
        return Some("so short a step cannot show it for longer");
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, max_global_rejects: 65_536, ..ProptestConfig::default() })]

    /// Beside the sentence stands how many there were before the step and at its end: neither says otherwise than the other,
    /// whatever was needed, and whenever it was reached.
    #[test]
    fn the_sentence_and_the_table_say_the_same_of_instances(
        (before, more) in (prop::option::of(0_u32..7), prop::collection::vec(0_u32..7, 1..4)),
        target in prop::option::of(0_u32..7),
        has_demand: bool,
        is_up: bool,
        is_open: bool,
        secs in prop::sample::select(vec![4.0, 8.0, 36.0]),
        times in prop::collection::vec(0_usize..4, 3),
        recovery in prop::sample::select(Recovery::ALL.to_vec()),
        validity in prop::sample::select(vec![
            Validity::Valid,
            Validity::InvalidGenerator("p99 send lag 34 ms".to_owned()),
            Validity::InvalidStart("instances <= 1".to_owned()),
        ]),
    ) {
        let counts = || before.into_iter().chain(more.iter().copied());
        let span = InstanceSpan {
            before,
            peak: counts().max().unwrap(),
            least: counts().min().unwrap(),
            last: *more.last().unwrap(),
        };
        let within = Timing::NotWithin { secs, open: is_open };
        let time = |which: usize| [reached(0.0), reached(3.0), within, Timing::NotApplicable("no")][times[which]];
        // What cannot be: a count that held from the start on and was never so, or that never came and always was there.
        let target_is_met = |is_met: fn(u32, u32) -> bool, timing: Timing| match (target, timing) {
            (Some(target), Timing::Reached { secs, .. }) => secs > 0.0 || is_met(before.unwrap_or(more[0]), target),
            (None, Timing::Reached { .. }) => false,
            _ => true,
        };
        prop_assume!(target_is_met(|count, target| count >= target, time(0)));
        prop_assume!(target_is_met(|count, target| count <= target, time(2)));
        let mut numbers = StepNumbers {
            capacity: time(0),
            serving: time(1),
            scale_in: time(2),
            basis: Some(Basis::Responding),
            instances: Some(span),
            target,
            demand: target.filter(|_| has_demand).map(|_| DemandBasis::Given { per_instance: 120.0 }),
            ..StepNumbers::default()
        };
        recovery.set(&mut numbers, is_open);
        let (from, rate) = if is_up { (5, 600) } else { (600, 5) };
        let step = step(from, to(rate), (!is_open).then_some(62));
        let present = if is_open { Present::Missed } else { Present::Over };
        let text = in_words(&step, &numbers, &validity, present);
        let complaint = contradicts_the_table(&text, span, secs);
        prop_assert!(complaint.is_none(), "{}: {text}, beside {span:?}", complaint.unwrap_or_default());
        prop_assert_eq!(text.matches("invalid").count(), usize::from(validity != Validity::Valid), "{}", text);
    }
}

#[test]
fn a_count_is_said_with_what_it_counts_and_as_it_ended() {
    let down = |scale_in, before: u32, last: u32, target: u32| {
        let span = InstanceSpan { before: Some(before), peak: before.max(last), least: before.min(last), last };
        let numbers = StepNumbers {
            scale_in,
            basis: Some(Basis::Responding),
            instances: Some(span),
            target: Some(target),
            demand: Some(DemandBasis::Given { per_instance: 120.0 }),
            recover: Timing::Absorbed,
            due: 100,
            ..StepNumbers::default()
        };
        let text = said(&step(600, to(5), Some(62)), &numbers);
        text.split(", absorbed").next().unwrap().to_owned()
    };
    let within = Timing::NotWithin { secs: 42.0, open: false };
    assert_eq!(down(within, 5, 2, 2), "600→5/s: down to 2 instances responding for less than 10 s at its end");
    assert_eq!(down(within, 5, 4, 2), "600→5/s: not down to 2 instances responding within 42 s (still 4)");
    assert_eq!(
        down(reached(0.0), 4, 5, 5),
        "600→5/s: 5 instances responding at its end, 4 before it, 5 reckoned to be needed"
    );
    assert_eq!(down(reached(0.0), 5, 5, 5), "600→5/s: stayed at 5 instances responding");
    assert_eq!(down(reached(31.0), 5, 3, 2), "600→5/s: down to 2 instances responding after 31.0 s, 3 at its end");
    // Up: what a short step cannot show is not held against it.
    let within = Timing::NotWithin { secs: 8.0, open: false };
    let span = InstanceSpan { before: Some(0), peak: 1, least: 0, last: 1 };
    let numbers = StepNumbers {
        capacity: within,
        serving: Timing::NotApplicable("no answer names its instance"),
        basis: Some(Basis::Running),
        instances: Some(span),
        target: Some(1),
        recover: Timing::Absorbed,
        due: 100,
        ..StepNumbers::default()
    };
    let text = said(&step(5, to(600), Some(28)), &numbers);
    assert_eq!(text, "5→600/s: 1 instance running at its end, absorbed, the objective held; no requests lost");
}
