//! What passes, what fails, and what cannot be told.

use std::time::Duration;

use super::*;
use crate::analysis::{Step, StepNumbers, StepReport, Timing};
use crate::instances::{Basis, InstanceObservation};
use crate::plan::threshold::Threshold;
use crate::session::event::{COMPLETED, Header, Settings};
use scaletop_load::OutcomeKind;
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed};

mod early;

const NOT_HERE: Timing = Timing::NotApplicable("nothing was to be reached");

fn session(thresholds: &[(&str, &str)]) -> Session {
    let thresholds = thresholds.iter().map(|(name, bound)| Threshold::parse(name, bound).unwrap()).collect();
    let settings = Settings { thresholds, ..Settings::default() };
    Session::new(Header::new(0, settings))
}

/// A step of 100 s at 600/s of which nothing went wrong.
fn step(id: u32, stage: &str) -> StepReport {
    let start = Elapsed::from_secs(u64::from(id - 1) * 100);
    StepReport {
        step: Step {
            id: StepId(id),
            start,
            end: Some(start + Duration::from_secs(100)),
            before: ArrivalRate::PAUSED,
            profile: RateProfile::Constant(ArrivalRate::new(600)),
            anchor: start,
            name: Some(stage.to_owned()),
            unmet_start: None,
        },
        numbers: StepNumbers {
            trigger: NOT_HERE,
            first: NOT_HERE,
            serving: NOT_HERE,
            capacity: NOT_HERE,
            recover: Timing::Absorbed,
            due: 60_000,
            sent: 60_000,
            ok: 60_000,
            lost: 0,
            p99: Some(Duration::from_millis(90)),
            peak_p99: Some(Duration::from_millis(120)),
            ..numbers_of_nothing()
        },
        validity: Validity::Valid,
        words: String::new(),
        pinned: None,
    }
}

fn numbers_of_nothing() -> StepNumbers {
    let (trigger, first, serving, capacity, recover) = (NOT_HERE, NOT_HERE, NOT_HERE, NOT_HERE, NOT_HERE);
    StepNumbers { trigger, first, serving, capacity, recover, ..StepNumbers::default() }
}

fn with_steps(thresholds: &[(&str, &str)], steps: Vec<StepReport>) -> Session {
    let mut session = session(thresholds);
    *session.now_mut() = steps.last().and_then(|report| report.step.end).unwrap_or_default();
    *session.steps_mut() = steps;
    session
}

fn outcomes(verdict: &Verdict) -> Vec<&ThresholdOutcome> {
    verdict.thresholds.iter().map(|result| &result.outcome).collect()
}

fn record(session: &mut Session, latency: Duration) {
    session.totals_mut().ok.record(latency);
    session.totals_mut().ok_measured.record(latency);
}

#[test]
fn a_bare_threshold_is_not_passed_over_where_nothing_could_be_judged() {
    let held = StepReport { numbers: StepNumbers { judged_seconds: 100, ..step(1, "a").numbers }, ..step(1, "a") };
    let otherwise = StepReport {
        numbers: StepNumbers {
            ok: 0,
            p99: None,
            not_judged: Some("not one of 60000 requests was answered as expected".into()),
            ..step(2, "b").numbers
        },
        ..step(2, "b")
    };
    for name in ["bad_seconds", "burn_rate"] {
        let verdict = judge(&with_steps(&[(name, "< 1")], vec![held.clone(), otherwise.clone()]));
        let untold = verdict.thresholds.iter().filter(|result| result.step == Some(StepId(2)));
        let outcomes: Vec<_> = untold.map(|result| &result.outcome).collect();
        assert!(matches!(outcomes[..], [ThresholdOutcome::CannotTell { .. }]), "{name}: {verdict:?}");
        assert_eq!(verdict.exit_code(), 3, "{name}");
    }
}

#[test]
fn a_run_without_an_ok_answer_fails_whatever_its_thresholds() {
    let with = |thresholds: &[(&str, &str)]| {
        let mut session = session(thresholds);
        (session.totals_mut().due, session.totals_mut().sent) = (250, 250);
        (0..250).for_each(|_| session.totals_mut().outcomes.add(OutcomeKind::Http4xx));
        judge(&session)
    };
    let (none, some) = (with(&[]), with(&[("achieved", "> 99%")]));
    assert_eq!((none.exit_code(), some.exit_code()), (1, 3));
    assert_eq!(outcomes(&some), [&ThresholdOutcome::Passed], "all was sent");
    assert_eq!(some.headline(), "failed: not one of 250 requests was answered as expected: 250 × 4xx");
}

#[test]
fn a_percentile_of_the_run_leaves_out_what_our_stall_made_late() {
    let mut session = session(&[("p99", "< 1s")]);
    (0..99).for_each(|_| record(&mut session, Duration::from_millis(80)));
    (0..9).for_each(|_| session.totals_mut().ok.record(Duration::from_secs(2)));
    let verdict = judge(&session);
    assert_eq!(verdict.exit_code(), 4, "with what was left out it would not hold");
    assert_eq!(
        verdict.thresholds[0].line(),
        "UNDECIDED p99 < 1s: 80.0 ms without what the generator was late for, 2.0 s with it"
    );
    session.header_mut().settings.thresholds = vec![Threshold::parse("p99", "< 3s").unwrap()];
    let verdict = judge(&session);
    assert_eq!(outcomes(&verdict), [&ThresholdOutcome::Passed], "it holds either way");
    assert_eq!(verdict.thresholds[0].actual, "80.0ms");
    session.header_mut().settings.thresholds = vec![Threshold::parse("p99", "< 50ms").unwrap()];
    assert_eq!(judge(&session).exit_code(), 3, "what was measured fails");
}

#[test]
fn what_we_did_not_measure_never_makes_a_step_pass() {
    let mut report = step(1, "spike");
    (report.numbers.judged_seconds, report.numbers.not_measured) = (95, 5);
    report.numbers.at_worst = Some(crate::analysis::AtWorst {
        recover: Timing::Reached { secs: 8.0, plus_minus: 0.0 },
        slow: 400,
        p99: Some(Duration::from_millis(700)),
        ..crate::analysis::AtWorst::default()
    });
    let code = |name, bound| judge(&with_steps(&[(name, bound)], vec![report.clone()])).exit_code();
    for (name, bound) in
        [("bad_seconds", "< 5"), ("spike.t_recover", "< 8s"), ("spike.slow", "< 400"), ("spike.p99", "< 700ms")]
    {
        assert_eq!(code(name, bound), 4, "{name}");
    }
    for (name, bound) in
        [("bad_seconds", "< 6"), ("spike.t_recover", "< 9s"), ("spike.slow", "< 401"), ("spike.p99", "< 701ms")]
    {
        assert_eq!(code(name, bound), 0, "{name}");
    }
    assert_eq!(code("spike.p99", "< 90ms"), 3);
    // So of a number of the run, in which the other steps count as they are.
    let mut other = step(2, "calm");
    other.numbers.slow = 7;
    let code = |bound| judge(&with_steps(&[("slow", bound)], vec![report.clone(), other.clone()])).exit_code();
    assert_eq!([code("< 407"), code("< 408"), code("< 7")], [4, 0, 3]);
}

/// A session in which `spike.slow < 400` would not hold at worst, and `spike.t_trigger` has no source.
fn doubtful(more: &[(&str, &str)]) -> Session {
    let mut report = step(1, "spike");
    report.numbers.not_measured = 5;
    report.numbers.at_worst = Some(crate::analysis::AtWorst { slow: 400, ..crate::analysis::AtWorst::default() });
    with_steps(&[&[("spike.slow", "< 400"), ("spike.t_trigger", "< 60s")], more].concat(), vec![report])
}

#[test]
fn what_failed_goes_before_what_is_in_doubt_because_of_us_and_that_before_a_source_that_is_missing() {
    let verdict = judge(&doubtful(&[]));
    assert_eq!(verdict.exit_code(), 4);
    assert_eq!(verdict.headline(), "undecided: 1 of 2 thresholds holds only without what the generator was late for");
    assert_eq!(judge(&doubtful(&[("spike.lost", "< 0")])).exit_code(), 3);
    let mut invalid = doubtful(&[("spike.lost", "< 0")]);
    invalid.steps_mut()[0].validity = Validity::InvalidGenerator("send lag".to_owned());
    assert_eq!(judge(&invalid).exit_code(), 4, "what failed may be ours, too");
}

#[test]
fn of_several_sessions_the_first_code_that_applies_to_one_is_that_of_all() {
    let held = || with_steps(&[("spike.lost", "< 1%")], vec![step(1, "spike")]);
    let failed = || with_steps(&[("spike.lost", "< 0")], vec![step(1, "spike")]);
    let no_source = || with_steps(&[("spike.t_trigger", "< 60s")], vec![step(1, "spike")]);
    let code = |sessions: &[Session]| exit_code_of(sessions);
    assert_eq!(code(&[held(), held()]), 0);
    assert_eq!(code(&[held(), no_source()]), 5);
    assert_eq!(code(&[no_source(), failed()]), 3);
    assert_eq!(code(&[no_source(), failed(), doubtful(&[])]), 4);
    let mut unmet = held();
    unmet.steps_mut()[0].step.unmet_start = Some("rest: settled was not reached within 900 s".to_owned());
    let told = judge(&unmet).thresholds[0].line();
    assert!(told.starts_with("UNDECIDED spike.lost") && told.contains("its start condition was not met"), "{told}");
    assert_eq!(code(&[failed(), doubtful(&[]), unmet]), 1);
}

#[test]
fn what_the_last_stage_waited_for_in_vain_is_said_and_judges_nothing() {
    let mut session = with_steps(&[("spike.lost", "< 1%")], vec![step(1, "spike")]);
    *session.ended_mut() = Some(format!("{LAST_UNMET}rest: settled was not reached within 5s"));
    let verdict = judge(&session);
    assert_eq!(verdict.exit_code(), 0);
    assert_eq!(verdict.headline(), "passed: the threshold held; rest: settled was not reached within 5s");
}

#[test]
fn a_time_within_its_bound_passes_and_a_censored_one_never_does() {
    let judged = |timing, bound| {
        let mut report = step(1, "spike");
        report.numbers.recover = timing;
        let verdict = judge(&with_steps(&[("spike.t_recover", bound)], vec![report]));
        (verdict.exit_code(), verdict.thresholds[0].actual.clone())
    };
    let reached = Timing::Reached { secs: 31.2, plus_minus: 0.0 };
    assert_eq!(judged(reached, "< 60s"), (0, "31.2 s".into()));
    assert_eq!(judged(reached, "< 30s").0, 3);
    let censored = Timing::NotWithin { secs: 42.0, open: false };
    assert_eq!(judged(censored, "< 60s"), (3, "> 42 s".into()), "it might have taken an hour");
    assert_eq!(judged(censored, "> 40s").0, 0, "whatever it was, it was over 40 s");
    assert_eq!(judged(censored, "> 60s").0, 3);
    assert_eq!(judged(Timing::Absorbed, "< 1s").0, 0);
    assert_eq!(judged(Timing::AlreadyViolated, "< 60s").0, 3, "what cannot be told does not pass");
}

#[test]
fn shares_and_counts_of_a_step_are_held_against_what_was_due() {
    let judged = |name, bound| {
        let mut report = step(1, "spike");
        report.numbers.lost = 300;
        report.numbers.sent = 59_990;
        report.numbers.dropped_late = 10;
        let verdict = judge(&with_steps(&[(name, bound)], vec![report]));
        (verdict.exit_code(), verdict.thresholds[0].actual.clone())
    };
    assert_eq!(judged("spike.lost", "<= 0.5%"), (0, "0.5% (300)".into()));
    assert_eq!(judged("spike.lost", "< 0.5%").0, 3);
    assert_eq!(judged("spike.lost", "< 301").0, 0);
    assert_eq!(judged("spike.dropped", "<= 10").0, 0);
    assert_eq!(judged("spike.achieved", "> 99%"), (0, "99.9833% (59990 of 60000)".into()));
    assert_eq!(judged("spike.p99", "< 100ms"), (0, "90.0ms".into()));
    assert_eq!(judged("spike.peak_p99", "< 100ms").0, 3);
}

#[test]
fn totals_are_judged_over_the_whole_run() {
    let mut session = with_steps(
        &[("achieved", "> 99%"), ("errors", "< 1%"), ("lost", "< 4%"), ("p99.9", "< 1s"), ("max", "< 1s")],
        vec![step(1, "spike")],
    );
    session.totals_mut().due = 1_000;
    session.totals_mut().sent = 990;
    session.totals_mut().dropped_cap = 10;
    for n in 0..990 {
        let kind = if n < 30 { OutcomeKind::Http429 } else { OutcomeKind::Ok };
        session.totals_mut().outcomes.add(kind);
        record(&mut session, Duration::from_millis(if n == 0 { 1_500 } else { 80 }));
    }
    let verdict = judge(&session);
    let passed: Vec<_> = verdict.thresholds.iter().map(|result| result.outcome == ThresholdOutcome::Passed).collect();
    // 990 of 1000 is not more than 99 %; 30 of 990 failed; 30 + 10 of 1000 were lost; one of 990 is within p99.9.
    assert_eq!(passed, [false, false, false, false, false]);
    assert_eq!(verdict.thresholds[2].actual, "4% (40)");
    session.header_mut().settings.thresholds =
        [("achieved", ">= 99%"), ("errors", "<= 3.04%"), ("lost", "<= 4%"), ("p99", "< 1s"), ("max", "< 2s")]
            .map(|(name, bound)| Threshold::parse(name, bound).unwrap())
            .into();
    assert_eq!(judge(&session).exit_code(), 0, "{:?}", judge(&session));
}

#[test]
fn every_repeat_of_a_stage_is_judged_by_itself() {
    let mut bad = step(2, "spike (2)");
    bad.numbers.recover = Timing::Reached { secs: 90.0, plus_minus: 0.0 };
    let steps = vec![step(1, "spike"), bad, step(3, "after")];
    let verdict = judge(&with_steps(&[("spike.t_recover", "< 60s")], steps));
    assert_eq!(outcomes(&verdict), [&ThresholdOutcome::Passed, &ThresholdOutcome::Failed]);
    assert_eq!(verdict.thresholds[1].line(), "FAILED spike.t_recover, step 2 (spike (2)) < 60s: 90.0 s");
    assert_eq!(verdict.headline(), "failed: 1 of 2 thresholds did not hold");
}

#[test]
fn every_step_is_meant_by_a_bare_number_but_those_that_have_nothing_to_say() {
    let mut reached = step(1, "spike");
    reached.numbers.capacity = Timing::Reached { secs: 31.0, plus_minus: 2.0 };
    let mut idle = step(3, "idle");
    idle.numbers = StepNumbers { capacity: Timing::NotWithin { secs: 9.0, open: false }, ..numbers_of_nothing() };
    let mut session = with_steps(&[("t_capacity", "< 60s")], vec![reached, step(2, "after"), idle]);
    session.observations_mut().insert(Basis::Running, vec![seen(Basis::Running)]);
    let verdict = judge(&session);
    assert_eq!(outcomes(&verdict), [&ThresholdOutcome::Passed]);
    assert_eq!(verdict.exit_code(), 0);
}

fn seen(basis: Basis) -> InstanceObservation {
    InstanceObservation { basis, count: 1, as_of: Elapsed::ZERO, uncertainty: Duration::ZERO, provisional: false }
}

#[test]
fn a_number_whose_source_gave_nothing_is_undecided_with_a_code_of_its_own() {
    let mut session = with_steps(&[("spike.t_trigger", "< 60s"), ("spike.lost", "< 0")], vec![step(1, "spike")]);
    let verdict = judge(&session);
    assert_eq!(verdict.exit_code(), 3, "what failed has failed, whatever cannot be told");
    assert_eq!(verdict.headline(), "failed: 1 of 2 thresholds did not hold, 1 cannot be told");
    let alone = with_steps(&[("spike.t_trigger", "< 60s")], vec![step(1, "spike")]);
    assert_eq!(judge(&alone).exit_code(), 5);
    assert!(verdict.thresholds[0].line().contains("UNDECIDED"), "{}", verdict.thresholds[0].line());
    session.observations_mut().insert(Basis::Desired, vec![seen(Basis::Desired)]);
    assert_eq!(judge(&session).exit_code(), 3, "the source was there, but the number has nothing to say");
}

#[test]
fn a_step_in_which_the_generator_was_the_limit_outranks_everything() {
    let mut report = step(1, "spike");
    report.validity = Validity::InvalidGenerator("p99 send lag 40 ms".into());
    let verdict = judge(&with_steps(&[("spike.t_trigger", "< 60s"), ("spike.lost", "< 0")], vec![report]));
    assert_eq!(verdict.exit_code(), 4);
    assert!(verdict.headline().contains("step 1"));
}

#[test]
fn a_stage_that_never_began_cannot_pass() {
    let verdict = judge(&with_steps(&[("spike.lost", "< 1%")], vec![step(1, "warm-up")]));
    assert_eq!(verdict.exit_code(), 3);
    assert!(verdict.thresholds[0].line().contains("stage spike has no step"));
    assert_eq!(judge(&session(&[])).exit_code(), 0);
}

#[test]
fn an_interrupted_plan_did_not_pass_even_if_all_held_until_then() {
    let mut session = with_steps(&[("spike.lost", "< 1%")], vec![step(1, "spike")]);
    session.header_mut().settings.plan = Some("spike".to_owned());
    let verdict = judge(&session);
    assert!(!verdict.interrupted && verdict.has_no_end, "it was killed, or goes on");
    assert_eq!(verdict.headline(), "the recording ends before the plan does; until then passed: the threshold held");
    *session.ended_mut() = Some(QUIT_BY_THE_USER.to_owned());
    let verdict = judge(&session);
    assert!(verdict.interrupted && !verdict.has_no_end);
    assert_eq!(verdict.headline(), "interrupted before the plan's end; until then passed: the threshold held");
    *session.ended_mut() = Some(COMPLETED.to_owned());
    assert!(judge(&session).interrupted, "nobody played it to its end");
    session.header_mut().settings.plan = None;
    assert!(!judge(&session).interrupted, "without a plan, quitting is the end");
}

#[test]
fn a_number_that_may_exceed_the_whole_has_bounds_beyond_it() {
    for (name, is_allowed) in [("spike.theta_o", true), ("spike.overshoot", true), ("spike.tau_o", false)] {
        assert_eq!(Threshold::parse(name, "< 150%").is_ok(), is_allowed, "{name}");
    }
}

#[test]
fn a_bare_t_capacity_passes_over_a_step_that_is_shorter_than_its_hold() {
    let with = |name: &str, secs| {
        let mut report = step(1, "spike");
        report.numbers.capacity = Timing::NotWithin { secs, open: false };
        let mut session = with_steps(&[(name, "< 60s")], vec![report]);
        let seen = InstanceObservation {
            basis: Basis::Running,
            count: 1,
            as_of: Elapsed::ZERO,
            uncertainty: Duration::ZERO,
            provisional: false,
        };
        session.observations_mut().insert(Basis::Running, vec![seen]);
        judge(&session).thresholds.into_iter().map(|result| result.outcome).collect::<Vec<_>>()
    };
    assert_eq!(with("t_capacity", 4.0), []);
    assert_eq!(with("t_capacity", 12.0), [ThresholdOutcome::Failed]);
    assert_eq!(with("spike.t_capacity", 4.0), [ThresholdOutcome::Failed], "who names the stage means it");
}

#[test]
fn of_a_step_whose_start_condition_was_not_met_nothing_is_told_and_the_run_says_so_first() {
    let unmet = "rest (2): instances <= 1 was not reached within 2400s (5 at its end)";
    let mut second = step(2, "spike (2)");
    second.step.unmet_start = Some(unmet.to_owned());
    second.validity = Validity::InvalidStart(unmet.to_owned());
    // The numbers would pass: five instances were there already.
    let thresholds = [("spike.t_recover", "< 60s"), ("t_recover", "< 60s"), ("spike.lost", "< 1%")];
    let verdict = judge(&with_steps(&thresholds, vec![step(1, "spike"), second.clone()]));
    for pair in verdict.thresholds.chunks(2) {
        assert_eq!(pair[0].outcome, ThresholdOutcome::Passed, "{pair:?}");
        assert_eq!(pair[1].outcome.reason(), Some(format!("its start condition was not met: {unmet}").as_str()));
    }
    assert_eq!((verdict.exit_code(), verdict.thresholds.len()), (1, 6));
    assert_eq!(verdict.headline(), "invalid: a start condition was not met before step 2");

    // Also without thresholds, and where the generator was the limit elsewhere.
    let verdict = judge(&with_steps(&[], vec![step(1, "spike"), second.clone()]));
    assert_eq!((verdict.exit_code(), verdict.is_silent()), (1, false));
    let ours = StepReport { validity: Validity::InvalidGenerator("lag".into()), ..step(1, "spike") };
    let verdict = judge(&with_steps(&[], vec![ours, second.clone()]));
    assert_eq!(verdict.exit_code(), 1);
    assert!(
        verdict.headline().ends_with("step 2; and the generator was the limit in step 1"),
        "{}",
        verdict.headline()
    );

    // Where nothing was answered, that is why nobody counted instances.
    let mut session = with_steps(&[], vec![second]);
    (session.totals_mut().due, session.totals_mut().sent) = (250, 250);
    (0..250).for_each(|_| session.totals_mut().outcomes.add(OutcomeKind::Http5xxCapacity));
    assert!(judge(&session).headline().starts_with("failed: not one of 250"), "{}", judge(&session).headline());
}
