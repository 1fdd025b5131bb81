//! The sentence and the table of instances beside it say the same.

use super::*;

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
