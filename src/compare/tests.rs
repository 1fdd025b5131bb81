//! Scenario sessions, compared.

use std::cmp::Ordering;

use unicode_width::UnicodeWidthStr as _;

use super::difference::{Difference, Runs, Significance};
use super::*;
use crate::analysis::numbers::{Kind, Value, kinds};
use crate::analysis::{Step, StepNumbers, StepReport, Timing, Validity};
use crate::compare::align::SessionComparison;
use crate::compare::left_out::Why;
use crate::compare::sentence::sentences;
use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop_load::{OutcomeKind, RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed, StepId};

fn kind(key: &str) -> &'static Kind {
    kinds().find(|kind| kind.key == key).unwrap()
}

fn reached(secs: f64) -> Timing {
    Timing::Reached { secs, plus_minus: 0.0 }
}

/// A session whose steps are `(from, to, T_recover, lost)`, a minute each.
pub(super) fn session(steps: &[(u32, u32, Timing, u64)]) -> Session {
    let settings = Settings { target: "demo".into(), ..Settings::default() };
    let mut session = Session::new(Header::new(0, settings));
    for (at, &(from, to, recover, lost)) in steps.iter().enumerate() {
        let at = u32::try_from(at).unwrap();
        let start = Elapsed::from_secs(u64::from(at) * 60);
        session.steps_mut().push(StepReport {
            step: Step {
                id: StepId(at + 1),
                start,
                end: Some(start + std::time::Duration::from_mins(1)),
                before: ArrivalRate::new(from),
                profile: RateProfile::Constant(ArrivalRate::new(to)),
                anchor: start,
                name: None,
                unmet_start: None,
            },
            numbers: StepNumbers { recover, lost, due: 1_000, ..StepNumbers::default() },
            validity: Validity::Valid,
            words: String::new(),
            pinned: None,
        });
    }
    session
}

fn compared(a: &Session, b: &Session) -> SessionComparison {
    compare(&[Contender { name: "a", session: a }, Contender { name: "b", session: b }])
}

fn difference<'a>(comparison: &'a SessionComparison, step: &str, key: &str) -> &'a Difference {
    let step = comparison.steps.iter().find(|compared| compared.key.to_string() == step).unwrap();
    &step.rows.iter().find(|row| row.kind.key == key).unwrap().differences[0]
}

#[test]
fn steps_meet_by_their_rates_whenever_they_happened() {
    let a = session(&[(0, 5, reached(0.0), 0), (5, 600, reached(30.0), 100)]);
    let b = session(&[(0, 50, reached(0.0), 0), (50, 5, reached(0.0), 0), (5, 600, reached(40.0), 50)]);
    let comparison = compared(&a, &b);
    assert_eq!(comparison.steps.iter().map(|step| step.key.to_string()).collect::<Vec<_>>(), ["5→600/s"]);
    assert_eq!(difference(&comparison, "5→600/s", "t_recover_s").delta, Some(10.0));
    let alone: Vec<_> = comparison.left_out.iter().map(|left| (left.session, left.key.to_string())).collect();
    assert_eq!(alone, [(0, "0→5/s".to_owned()), (1, "0→50/s".to_owned()), (1, "50→5/s".to_owned())]);
    assert!(comparison.left_out.iter().all(|left| left.why == Why::Alone));
}

#[test]
fn a_session_does_not_differ_from_itself() {
    let a = session(&[(5, 600, reached(30.0), 100), (600, 5, Timing::Absorbed, 0), (5, 600, reached(32.0), 90)]);
    let comparison = compared(&a, &a);
    for row in comparison.steps.iter().flat_map(|step| &step.rows) {
        let significance = row.differences[0].significance;
        assert!(
            matches!(significance, Significance::Same | Significance::WithinNoise | Significance::Unknown),
            "{}: {significance:?}",
            row.kind.key
        );
        assert!(row.differences[0].delta.is_none_or(|delta| delta.abs() < 1e-9));
    }
}

fn runs(values: &[Timing]) -> Runs {
    Runs::of(&values.iter().map(|&timing| Value::Timing(timing)).collect::<Vec<_>>())
}

fn significance(a: &[Timing], b: &[Timing]) -> Significance {
    Difference::between(kind("t_recover_s"), &runs(a), &runs(b)).significance
}

#[test]
fn repeats_differ_only_when_their_ranges_do_not_overlap() {
    let a = [30.0, 32.0, 31.0].map(reached);
    assert_eq!(significance(&a, &[40.0, 42.0, 41.0].map(reached)), Significance::Worse);
    assert_eq!(significance(&a, &[20.0, 22.0, 21.0].map(reached)), Significance::Better);
    assert_eq!(significance(&a, &[31.5, 42.0, 41.0].map(reached)), Significance::WithinNoise);
}

#[test]
fn one_run_is_never_called_better_or_worse() {
    assert_eq!(significance(&[reached(30.0)], &[90.0, 91.0, 92.0].map(reached)), Significance::OneRun);
    assert_eq!(significance(&[reached(30.0)], &[reached(30.0)]), Significance::Same);
}

#[test]
fn a_polled_time_is_the_whole_interval_it_may_lie_in() {
    let polled = |secs| Timing::Reached { secs, plus_minus: 30.0 };
    assert_eq!(significance(&[polled(60.0), polled(61.0)], &[polled(110.0), polled(111.0)]), Significance::WithinNoise);
    assert_eq!(significance(&[polled(60.0), polled(61.0)], &[polled(160.0), polled(161.0)]), Significance::Worse);
}

#[test]
fn a_time_that_was_not_reached_bounds_the_difference_and_is_no_number() {
    let not_within = |secs| Timing::NotWithin { secs, open: false };
    let kind = kind("t_recover_s");
    let later =
        Difference::between(kind, &runs(&[reached(30.0), reached(31.0)]), &runs(&[not_within(60.0), not_within(60.0)]));
    assert_eq!((later.delta, later.bound, later.significance), (Some(29.5), Ordering::Greater, Significance::Worse));
    assert_eq!(later.say(kind), "> +29.5 s");
    let both = Difference::between(kind, &runs(&[not_within(60.0)]), &runs(&[not_within(90.0)]));
    assert_eq!((both.delta, both.significance), (None, Significance::WithinNoise));
    let half = runs(&[reached(10.0), not_within(60.0)]).median().unwrap();
    assert_eq!((half.value, half.is_censored), (10.0, true), "half-way to the unknown is at least what is known");
    assert_eq!(runs(&[reached(10.0), reached(12.0), not_within(60.0)]).say(kind), "12 s (10–>60)");
}

#[test]
fn invalid_steps_are_left_out_and_said_to_be() {
    let a = session(&[(5, 600, reached(30.0), 100)]);
    let mut b = session(&[(5, 600, reached(40.0), 50)]);
    b.steps_mut()[0].validity = Validity::InvalidGenerator("send lag".into());
    let comparison = compared(&a, &b);
    assert!(comparison.steps.is_empty());
    let said = |comparison: &SessionComparison| left_out::in_words(comparison).join(" ");
    assert_eq!(
        said(&comparison),
        "A: step 1 (5→600/s) is left out: the other sessions' steps with its rates are left out themselves. \
         B: step 1 (5→600/s) is left out: the generator was the limit in it (send lag)."
    );
    assert_eq!(sentences(&comparison, 2), ["Nothing of B can be compared with A: every step of B is left out."]);
    b.steps_mut()[0].validity = Validity::InvalidStart("rest: instances <= 1 was not reached".into());
    let comparison = compared(&a, &b);
    let why = "B: step 1 (5→600/s) is left out: it did not begin from what its plan waited for \
               (rest: instances <= 1 was not reached).";
    assert!(comparison.steps.is_empty() && said(&comparison).ends_with(why), "{}", said(&comparison));
}

#[test]
fn what_is_left_out_is_said_in_words_of_one_and_of_several() {
    let a = session(&[(0, 5, reached(0.0), 0), (5, 600, reached(30.0), 0), (600, 5, Timing::Absorbed, 0)]);
    let mut b = session(&[(5, 600, reached(30.0), 0), (5, 600, reached(30.0), 0), (5, 600, reached(30.0), 0)]);
    for step in &mut b.steps_mut()[1..] {
        step.validity = Validity::InvalidGenerator("CPU".into());
    }
    let said = left_out::in_words(&compared(&a, &b));
    assert_eq!(said[0], "A: 2 steps are left out, because their rates occur only in A: 1 (0→5/s), 3 (600→5/s).");
    assert_eq!(
        said[1],
        "B: 2 steps are left out, because the generator was the limit in them: 2 (5→600/s: CPU), 3 (5→600/s: CPU)."
    );
    assert!(said.iter().any(|said| said.contains("T_trigger (no source said")), "numbers that nobody told: {said:?}");
    let many = session(&(1..=20).map(|n| (n, n + 1, reached(1.0), 0)).collect::<Vec<_>>());
    assert!(left_out::in_words(&compared(&a, &many))[1].ends_with("12 (12→13/s) and 8 more."));
}

/// What is said of B beside A, each with three runs of a step at 5→600/s.
fn said_of(a: [(f64, u64); 3], b: [(f64, u64); 3]) -> String {
    let of = |runs: [(f64, u64); 3]| session(&runs.map(|(recover, lost)| (5, 600, reached(recover), lost)));
    sentences(&compared(&of(a), &of(b)), 2).remove(0)
}

#[test]
fn the_sentence_says_what_differs_beyond_the_noise_and_in_which_direction() {
    let a = [(30.0, 100), (31.0, 102), (32.0, 104)];
    assert_eq!(
        said_of(a, [(26.0, 88), (27.0, 89), (28.0, 90)]),
        "B recovered 4 s sooner and lost 13 % fewer requests than A at 5→600/s."
    );
    assert_eq!(
        said_of(a, [(36.0, 101), (37.0, 103), (38.0, 105)]),
        "B recovered 6 s later than A at 5→600/s; lost is within the noise."
    );
    assert_eq!(said_of(a, a), "B does not differ from A beyond the noise, at 5→600/s.");
    let same = [(30.0, 100); 3];
    assert_eq!(said_of(same, same), "B does not differ from A, number for number, at 5→600/s.");
}

#[test]
fn the_sentence_calls_nothing_better_that_ran_once() {
    let a = session(&[(5, 600, reached(30.0), 100)]);
    let b = session(&[(5, 600, reached(20.0), 50)]);
    let said = sentences(&compared(&a, &b), 2).remove(0);
    let once = "Whether B differs from A beyond the noise is not known, with one run on a side; in what there is, \
                B recovered 10 s sooner and lost 50 % fewer requests than A at 5→600/s.";
    assert_eq!(said, once);
    let never = session(&[(5, 600, Timing::NotWithin { secs: 60.0, open: false }, 100)]);
    let said = sentences(&compared(&a, &never), 2).remove(0);
    assert!(said.contains("B recovered at least 30 s later than A"), "{said}");
    let many = session(&[(5, 600, reached(30.0), 16_193)]);
    let said = sentences(&compared(&a, &many), 2).remove(0);
    assert!(said.contains("B lost 16,093 more requests than A"), "{said}");
    let hardly = session(&[(5, 600, reached(30.01), 100)]);
    let said = sentences(&compared(&a, &hardly), 2).remove(0);
    assert!(said.contains("shows no difference from A") && !said.contains("0.0"), "{said}");
}

#[test]
fn where_nothing_can_be_compared_the_sentence_says_why() {
    let a = session(&[(5, 600, reached(30.0), 100)]);
    let of = |b: &Session| sentences(&compared(&a, b), 2).remove(0);
    assert_eq!(of(&session(&[])), "Nothing of B can be compared with A: B has no step.");
    let other = session(&[(5, 700, reached(30.0), 100)]);
    assert_eq!(of(&other), "Nothing of B can be compared with A: no step of B has the same rates as a step of A.");
}

#[test]
fn other_objectives_and_other_lengths_are_pointed_out() {
    let a = session(&[(5, 600, reached(30.0), 100)]);
    let mut b = session(&[(5, 600, reached(40.0), 50)]);
    b.begin_with_latency(std::time::Duration::from_secs(1));
    b.steps_mut()[0].step.end = Some(Elapsed::from_secs(300));
    let warnings = compared(&a, &b).warnings;
    assert!(
        warnings.iter().any(|w| w.contains("another objective"))
            && warnings.iter().any(|w| w.contains("last from 60 to 300 s")),
        "{warnings:?}"
    );
}

#[test]
fn the_table_fits_eighty_columns_and_states_the_rule() {
    let a = session(&[
        (5, 600, reached(30.0), 1_234_567),
        (600, 5, Timing::Absorbed, 0),
        (5, 600, reached(3_132.0), 9_090_909),
    ]);
    let b = session(&[(5, 600, Timing::NotWithin { secs: 60.0, open: false }, 7_654_321)]);
    let hostile = "\u{1b}[31m<script>".repeat(20);
    let contenders = [Contender { name: &hostile, session: &a }, Contender { name: "b", session: &b }];
    let text = table(&contenders, &compare(&contenders));
    for line in text.lines() {
        assert!(line.width() <= 80, "{} columns: {line}", line.width());
    }
    assert!(text.contains("do not overlap") && text.contains("A ×2") && text.contains("one run"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn foreign_text_stays_text_in_the_page() {
    let mut a = session(&[(5, 600, reached(30.0), 1)]);
    a.header_mut().settings.target = "<img src=x onerror=alert(1)>".into();
    let contenders =
        [Contender { name: "\"><script>alert(1)</script>", session: &a }, Contender { name: "b", session: &a }];
    let page = html(&contenders, &compare(&contenders), &[Curves::of(&a), Curves::of(&a)], None);
    assert!(!page.contains("<script") && !page.contains("<img"), "compare.html has no script of its own");
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

/// A session at 5/s that goes to 600/s after `before` seconds, for 30 s; it answers so many of them OK.
fn measured(before: u32, ok: u64) -> Session {
    let mut session = Session::new(Header::new(0, Settings { target: "demo".into(), ..Settings::default() }));
    let rate = |session: &mut Session, at: u32, rate: u32| {
        let profile = RateProfile::Constant(ArrivalRate::new(rate));
        let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
        session.apply(Elapsed::from_secs(at.into()), &SessionEvent::Rate(change));
    };
    rate(&mut session, 0, 5);
    for index in 0..before + 30 {
        if index == before {
            rate(&mut session, before, 600);
        }
        let mut second = Second::new(index, ArrivalRate::new(if index < before { 5 } else { 600 }));
        let part = second.part_mut(index);
        let answered = if index < before { 5 } else { ok };
        (part.due, part.sent) = (answered, answered);
        for _ in 0..answered {
            part.outcomes.add(OutcomeKind::Ok);
            part.ok.record(std::time::Duration::from_millis(80));
        }
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    }
    session
}

#[test]
fn the_curves_of_both_begin_where_the_step_began() {
    let (a, b) = (measured(10, 500), measured(40, 600));
    let contenders = [Contender { name: "a", session: &a }, Contender { name: "b", session: &b }];
    let page = html(&contenders, &compare(&contenders), &[Curves::of(&a), Curves::of(&b)], None);
    let (_, page) = page.split_once("<h2>5→600/s</h2>").unwrap();
    let path = |class: &str| {
        let (_, rest) = page.split_once(&format!("<path class=\"line {class}\"")).unwrap();
        rest.split_once("d=\"").unwrap().1.split('"').next().unwrap().to_owned()
    };
    let begin = |path: &str| path.split(' ').next().unwrap().to_owned();
    let (first, second) = (path("s0"), path("s1"));
    assert_eq!(begin(&first), begin(&second), "aligned, though B's step began 30 s later: {first} {second}");
    assert_ne!(first, second, "500/s is lower than 600/s");
    assert!(page.contains("Rate answered OK") && page.contains("Response time, p99"), "{page}");
    assert!(!page.contains("<h3>Instances"), "nobody counted any");
}

#[test]
fn each_session_has_its_verdict_in_the_sentence_the_table_and_the_page() {
    let (held, missed) = (measured(10, 600), {
        let mut session = measured(10, 600);
        for index in 40..44 {
            let mut second = Second::new(index, ArrivalRate::new(600));
            let part = second.part_mut(index);
            (part.due, part.sent) = (600, 600);
            (0..600).for_each(|_| part.outcomes.add(OutcomeKind::Http429));
            session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        }
        session
    });
    let contenders = [Contender { name: "a", session: &held }, Contender { name: "b", session: &missed }];
    let comparison = compare(&contenders);
    let text = table(&contenders, &comparison);
    assert!(text.starts_with("A: held. B: missed in 4 of 44 s."), "{text}");
    assert!(
        text.contains("(target demo)\n   verdict: held\n") && text.contains("\n   verdict: missed in 4 of 44 s\n"),
        "{text}"
    );
    let page = html(&contenders, &comparison, &[Curves::of(&held), Curves::of(&missed)], None);
    assert!(page.contains("<p class=\"verdicts\">A: held. B: missed in 4 of 44 s.</p>"), "{page}");
    assert!(page.contains("<td class=\"left\">held</td>"), "{page}");
}

#[test]
fn repeats_are_drawn_each_and_the_plan_is_not_the_target() {
    let mut a = session(&[(5, 600, reached(30.0), 1), (5, 600, reached(31.0), 1), (5, 600, reached(32.0), 1)]);
    a.header_mut().settings.plan = Some("short".into());
    *a.ended_mut() = Some("the plan is over".into());
    let contenders = [Contender { name: "a", session: &a }, Contender { name: "b", session: &a }];
    let comparison = compare(&contenders);
    let page = html(&contenders, &comparison, &[Curves::of(&a), Curves::of(&a)], None);
    assert!(
        page.contains("×3, a line each") && page.contains("<td class=\"left\">demo</td><td class=\"left\">short</td>")
    );
    assert!(table(&contenders, &comparison).contains("A  a  (target demo, plan short)\n"));
    let text = table(&contenders, &comparison);
    assert!(text.starts_with("A: not judged. B: not judged.\nB does not differ from A beyond the noise"), "{text}");
}

#[test]
fn a_step_is_named_by_its_rates_and_a_ramp_from_the_rate_before_it_once() {
    use crate::compare::align::Key;

    let ramp = |from| RateProfile::Ramp {
        from: ArrivalRate::new(from),
        to: ArrivalRate::new(60),
        over: std::time::Duration::from_secs(3),
    };
    let named = |profile| Key { before: ArrivalRate::new(40), profile }.to_string();
    assert_eq!(named(RateProfile::Constant(ArrivalRate::new(60))), "40→60/s");
    assert_eq!(named(ramp(40)), "40→60/s in 3 s");
    assert_eq!(named(ramp(5)), "40→5→60/s in 3 s");
}
