//! Scenario sessions, compared.

use std::cmp::Ordering;

use unicode_width::UnicodeWidthStr as _;

use super::difference::{Difference, Runs, Significance};
use super::*;
use crate::analysis::numbers::{Kind, Value, kinds};
use crate::analysis::{Step, StepNumbers, StepReport, Timing, Validity};
use crate::compare::align::SessionComparison;
use crate::session::event::{Header, Settings};
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed, StepId};

fn kind(key: &str) -> &'static Kind {
    kinds().find(|kind| kind.key == key).unwrap()
}

fn reached(secs: f64) -> Timing {
    Timing::Reached { secs, plus_minus: 0.0 }
}

/// A session whose steps are `(from, to, T_recover, lost)`, a minute each.
fn session(steps: &[(u32, u32, Timing, u64)]) -> Session {
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
    let alone: Vec<_> = comparison.alone.iter().map(|(at, key)| (*at, key.to_string())).collect();
    assert_eq!(alone, [(0, "0→5/s".to_owned()), (1, "0→50/s".to_owned()), (1, "50→5/s".to_owned())]);
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
    assert!(
        comparison.warnings.iter().any(|warning| warning.contains("B: 1 steps are left out")),
        "{:?}",
        comparison.warnings
    );
    b.steps_mut()[0].validity = Validity::InvalidStart("rest: instances <= 1 was not reached".into());
    let comparison = compared(&a, &b);
    let said = "B: 1 steps are left out, they did not begin from what their plan waited for";
    assert!(comparison.steps.is_empty() && comparison.warnings.iter().any(|warning| warning == said), "{comparison:?}");
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
    let page = html(&contenders, &compare(&contenders));
    assert!(!page.contains("<script") && !page.contains("<img"), "compare.html has no script of its own");
    assert!(page.contains("&lt;script&gt;alert(1)"));
}
