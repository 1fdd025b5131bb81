//! Limits against sessions whose numbers are known.

use super::*;
use crate::analysis::numbers::Value;
use crate::analysis::{Timing, Validity};
use crate::compare::tests::session as steps;
use crate::compare::{Contender, markdown};
use crate::session::event::QUIT_BY_THE_USER;
use std::time::Duration;

fn reached(secs: f64) -> Timing {
    Timing::Reached { secs, plus_minus: 0.0 }
}

const fn not_within(secs: f64) -> Timing {
    Timing::NotWithin { secs, open: false }
}

/// Repeats of the stage `spike`, `5→600/s`, with these times to recover and a p99 of so many milliseconds.
fn spikes(recover: &[Timing], p99: u64) -> Session {
    let all: Vec<_> =
        recover.iter().flat_map(|&timing| [(600, 5, Timing::Absorbed, 0), (5, 600, timing, 20)]).collect();
    let mut session = steps(&all);
    for report in session.steps_mut() {
        report.numbers.judged_seconds = 60;
        report.numbers.p99 = Some(Duration::from_millis(p99));
        if report.step.id.0.is_multiple_of(2) {
            let repeat = report.step.id.0 / 2;
            report.step.name = Some(if repeat == 1 { "spike".to_owned() } else { format!("spike ({repeat})") });
        } else {
            report.step.name = Some("rest".to_owned());
        }
    }
    *session.ended_mut() = Some("the plan is over".to_owned());
    session
}

fn judged(limit: &str, baseline: &Session, session: &Session) -> Judged {
    judge(&[Limit::parse(limit).unwrap()], &[Pair { baseline: Some((0, baseline)), session: (1, session) }])
}

/// The outcome's word and the exit code, of a limit that is judged in one place.
fn told(limit: &str, baseline: &Session, session: &Session) -> (&'static str, u8) {
    let judged = judged(limit, baseline, session);
    let [one] = judged.results.as_slice() else { panic!("{limit}: {:?}", judged.results) };
    (one.outcome.word(), judged.exit_code())
}

const HELD: (&str, u8) = ("held", 0);
const EXCEEDED: (&str, u8) = ("EXCEEDED", 3);

#[test]
fn a_change_is_judged_against_the_baseline_and_a_bound_against_nothing() {
    let (a, b) = (spikes(&[reached(30.0)], 200), spikes(&[reached(33.0)], 230));
    assert_eq!(told("spike.t_recover > +9%", &a, &b), EXCEEDED);
    assert_eq!(told("spike.t_recover > +10%", &a, &b), HELD, "33 is not more than 1.1 times 30");
    assert_eq!(told("spike.t_recover >= +10%", &a, &b), EXCEEDED);
    assert_eq!(told("spike.t_recover > +2s", &a, &b), EXCEEDED);
    assert_eq!(told("spike.t_recover > 1.2x", &a, &b), HELD);
    assert_eq!(told("spike.p99 > +29ms", &a, &b), EXCEEDED, "a latency in its own unit");
    assert_eq!(told("spike.p99 > +31ms", &a, &b), HELD);
    assert_eq!(told("spike.p99 > 229ms", &a, &b), EXCEEDED);
    assert_eq!(told("spike.p99 > 231ms", &a, &b), HELD);
    assert_eq!(told("spike.t_recover < -5%", &b, &a), EXCEEDED);
    assert_eq!(told("spike.t_recover < -10%", &b, &a), HELD);
}

#[test]
fn shares_are_judged_in_points_and_as_parts_and_counts_as_counts() {
    let (a, mut b) = (spikes(&[reached(30.0)], 200), spikes(&[reached(30.0)], 200));
    b.steps_mut()[1].numbers.lost = 26;
    assert_eq!(told("spike.lost > +0.5pp", &a, &b), EXCEEDED, "2.0 % and 2.6 % of a thousand");
    assert_eq!(told("spike.lost > +0.6pp", &a, &b), HELD);
    let said = judged("spike.lost > +0.5pp", &a, &b).results[0].said();
    assert!(said.starts_with("B 2.60 %, A 2.00 %: +0.60 pp (+30 %)"), "{said}");
    assert_eq!(told("spike.lost > 1.2x", &a, &b), EXCEEDED);
    assert_eq!(told("spike.lost > 1.3x", &a, &b), HELD);
    assert_eq!(told("spike.lost > +5", &a, &b), EXCEEDED);
    assert_eq!(told("spike.lost > +6", &a, &b), HELD);
    assert_eq!(told("spike.lost > 2.5%", &a, &b), EXCEEDED);
    // Twice the load with the same share.
    b.steps_mut()[1].numbers.due = 2_000;
    b.steps_mut()[1].numbers.lost = 40;
    assert_eq!(told("spike.lost > 1.1x", &a, &b), HELD);
    assert_eq!(told("spike.lost > +5", &a, &b), EXCEEDED);
}

#[test]
fn of_a_baseline_of_nothing_any_more_is_beyond_it_and_says_so() {
    let (a, b) = (spikes(&[Timing::Absorbed], 200), spikes(&[reached(3.0)], 200));
    let one = judged("spike.t_recover > +10%", &a, &b);
    assert_eq!(one.exit_code(), 3);
    assert!(one.results[0].said().contains("of a baseline of 0 any more"), "{}", one.results[0].said());
    assert_eq!(told("spike.t_recover > +10%", &a, &a), HELD, "nothing is not more than nothing");
    assert_eq!(told("spike.t_recover > +5s", &a, &b), HELD);
}

#[test]
fn what_was_not_reached_is_beyond_every_upper_limit_unless_the_baseline_did_not_reach_it_either() {
    let (reached, open, far) =
        (spikes(&[reached(30.0)], 200), spikes(&[not_within(3.0)], 200), spikes(&[not_within(60.0)], 200));
    assert_eq!(told("spike.t_recover > +10%", &reached, &open), EXCEEDED, "however soon its step ended");
    assert_eq!(told("spike.t_recover > +10%", &far, &reached), HELD);
    assert_eq!(told("spike.t_recover > +10%", &open, &reached), ("UNDECIDED", 1), "3 s or more is all that is known");
    assert_eq!(told("spike.t_recover > +10%", &open, &far), ("UNDECIDED", 1));
    assert_eq!(told("spike.t_recover < -10%", &reached, &far), HELD);
    assert_eq!(told("spike.t_recover < -10%", &reached, &open), ("UNDECIDED", 3));
    assert_eq!(told("spike.t_recover < -10%", &far, &reached), EXCEEDED);
    assert_eq!(told("spike.t_recover > 50s", &open, &far), EXCEEDED, "a bound needs no baseline");
}

#[test]
fn repeats_are_judged_by_their_median_and_the_noise_is_said_beside_it() {
    let noise = |a: &[f64], b: &[f64]| {
        let of = |secs: &[f64]| spikes(&secs.iter().copied().map(reached).collect::<Vec<_>>(), 200);
        let judged = judged("spike.t_recover > +10%", &of(a), &of(b));
        (judged.exit_code(), judged.results[0].noise().unwrap_or_default())
    };
    assert_eq!(noise(&[30.0, 20.0, 50.0], &[40.0, 45.0, 30.0]), (3, "within the noise of the repeats"));
    assert_eq!(noise(&[30.0, 31.0, 32.0], &[40.0, 45.0, 41.0]), (3, "beyond the noise"));
    assert_eq!(noise(&[30.0], &[40.0]), (3, "one run on a side: the noise is unknown"));
    assert_eq!(noise(&[30.0, 31.0, 32.0], &[31.0, 33.0, 30.0]).0, 0);
}

#[test]
fn a_generator_that_was_the_limit_decides_before_anything_else_on_either_side() {
    let (a, b) = (spikes(&[reached(30.0), reached(31.0)], 200), spikes(&[reached(60.0), reached(61.0)], 200));
    let spoilt = |session: &Session, steps: &[usize]| {
        let mut spoilt = session.clone();
        for &step in steps {
            spoilt.steps_mut()[step].validity = Validity::InvalidGenerator("late".into());
        }
        spoilt
    };
    assert_eq!(told("spike.t_recover > +10%", &a, &b), EXCEEDED);
    assert_eq!(told("spike.t_recover > +10%", &a, &spoilt(&b, &[1])), ("UNDECIDED", 4));
    assert_eq!(
        told("spike.t_recover > +10%", &spoilt(&a, &[1]), &b),
        EXCEEDED,
        "the baseline has a repeat that is valid"
    );
    assert_eq!(told("spike.t_recover > +10%", &spoilt(&a, &[1, 3]), &b), ("UNDECIDED", 4));
    assert_eq!(told("spike.t_recover > +10%", &a, &spoilt(&b, &[0])), EXCEEDED, "another stage is not judged");
    assert_eq!(told("lost > +1pp", &a, &spoilt(&b, &[0])), ("UNDECIDED", 4), "of the whole run it is a part");
}

#[test]
fn a_step_that_did_not_begin_from_what_it_should_have_is_not_compared() {
    let (a, mut b) = (spikes(&[reached(30.0)], 200), spikes(&[reached(30.0)], 200));
    b.steps_mut()[1].step.unmet_start = Some("instances <= 1".into());
    assert_eq!(told("spike.t_recover > +10%", &a, &b), ("UNDECIDED", 1));
    assert_eq!(told("achieved < -1pp", &a, &b), ("UNDECIDED", 1));
}

#[test]
fn an_interruption_cuts_the_step_short_in_which_it_fell_and_the_totals() {
    let (a, mut b) = (spikes(&[reached(30.0), reached(31.0)], 200), spikes(&[reached(60.0), reached(61.0)], 200));
    b.header_mut().settings.plan = Some("nightly".into());
    *b.ended_mut() = Some(QUIT_BY_THE_USER.to_owned());
    let judged = judged("spike.t_recover > +10%", &a, &b);
    assert_eq!((judged.exit_code(), judged.results[0].runs.count()), (3, 1), "what was over before is judged");
    assert_eq!(told("lost > +10", &a, &b), ("UNDECIDED", 1));
    *b.ended_mut() = None;
    assert_eq!(told("lost > +10", &b, &a), ("UNDECIDED", 1), "nor is a recording without an end a baseline");
}

#[test]
fn totals_are_compared_of_the_same_steps_alone_and_sums_of_the_same_length() {
    let (a, mut b) = (spikes(&[reached(30.0)], 200), spikes(&[reached(30.0)], 200));
    assert_ne!(told("due > +10%", &a, &spikes(&[reached(30.0), reached(31.0)], 200)).0, "held");
    let other = steps(&[(600, 5, Timing::Absorbed, 0), (5, 700, reached(30.0), 0)]);
    assert_eq!(told("due > +10%", &a, &other), ("UNDECIDED", 1));
    let last = b.steps_mut().last_mut().unwrap();
    last.step.end = last.step.end.map(|end| end + Duration::from_secs(40));
    assert_eq!(told("due > +10%", &a, &b), ("UNDECIDED", 1), "a part of the mixture lasted longer");
    assert_eq!(told("spike.lost > +10", &a, &b), ("UNDECIDED", 1), "a sum");
    assert_eq!(told("spike.lost > +1pp", &a, &b), HELD, "a share");
    assert_eq!(told("spike.t_recover > +10%", &a, &b), HELD, "a time");
}

#[test]
fn a_stage_of_other_rates_or_none_is_told_with_the_rates() {
    let a = spikes(&[reached(30.0)], 200);
    let mut b = steps(&[(600, 5, Timing::Absorbed, 0), (5, 700, reached(30.0), 0)]);
    b.steps_mut()[1].step.name = Some("spike".into());
    let judged = judged("spike.t_recover > +10%", &a, &b);
    let said = judged.results[0].said();
    assert!(judged.exit_code() == 1 && said.contains("5→700/s") && said.contains("5→600/s"), "{said}");
    b.steps_mut()[1].step.name = None;
    assert_eq!(told("spike.t_recover > +10%", &a, &b), ("UNDECIDED", 3), "the session did not play it");
    assert_eq!(told("spike.t_recover > +10%", &b, &a), ("UNDECIDED", 1), "the baseline did not");
}

#[test]
fn every_step_is_judged_where_both_have_it_and_it_has_something_to_say() {
    let (a, b) = (spikes(&[reached(30.0)], 200), spikes(&[reached(60.0)], 250));
    let judged = judged("*.p99 > +10%", &a, &b);
    let at: Vec<_> =
        judged.results.iter().map(|result| (result.step.as_deref().unwrap(), result.outcome.word())).collect();
    assert_eq!(at, [("600→5/s", "EXCEEDED"), ("5→600/s", "EXCEEDED")]);
    let alone = steps(&[(0, 7, reached(1.0), 0)]);
    assert_eq!(told("*.t_recover > +10%", &a, &alone), ("UNDECIDED", 1));
}

#[test]
fn a_number_that_one_side_lacks_is_told_by_whose_fault() {
    let (a, b) = (spikes(&[reached(30.0)], 200), spikes(&[Timing::AlreadyViolated], 200));
    assert_eq!(told("spike.t_recover > +10%", &a, &b), ("UNDECIDED", 3), "the baseline had it, so the session must");
    assert_eq!(told("spike.t_recover > +10%", &b, &a), ("UNDECIDED", 1));
    assert_eq!(told("spike.t_capacity > +10%", &a, &b), ("UNDECIDED", 5), "nobody counted instances");
}

#[test]
fn numbers_of_another_objective_are_not_compared() {
    let (a, mut b) = (spikes(&[reached(30.0)], 200), spikes(&[reached(60.0)], 200));
    b.begin_with_latency(b.objective().latency * 2);
    assert_eq!(told("spike.t_recover > +10%", &a, &b), ("UNDECIDED", 1));
    assert_eq!(told("spike.p99 > +10%", &a, &b), HELD, "which the objective has no part in");
}

#[test]
fn without_a_baseline_only_what_needs_none_is_judged() {
    let b = spikes(&[reached(30.0)], 200);
    let limits = ["spike.p99 > +10%", "spike.p99 > 100ms"].map(|limit| Limit::parse(limit).unwrap());
    let of = |limits: &[Limit]| judge(limits, &[Pair { baseline: None, session: (0, &b) }]);
    let first = of(&limits[..1]);
    assert_eq!((first.exit_code(), first.headline().as_str()), (0, "passed: there is no baseline to compare with yet"));
    let both = of(&limits);
    assert_eq!((both.exit_code(), both.headline().as_str()), (3, "failed: 1 of 2 limits was exceeded"));
}

#[test]
fn each_session_is_judged_and_every_format_says_it() {
    let (a, b, c) = (spikes(&[reached(30.0)], 200), spikes(&[reached(31.0)], 210), spikes(&[reached(90.0)], 900));
    let limits = [Limit::parse("spike.p99 > +10%").unwrap(), Limit::parse("spike.t_capacity > +1s").unwrap()];
    let pairs = [&b, &c]
        .iter()
        .enumerate()
        .map(|(at, session)| Pair { baseline: Some((0, &a)), session: (at + 1, session) })
        .collect::<Vec<_>>();
    let judged = judge(&limits, &pairs);
    let lines: Vec<String> = judged.results.iter().map(LimitResult::line).collect();
    assert_eq!(
        lines[0],
        "held spike.p99 > +10%, 5→600/s: B 210 ms, A 200 ms: +10.0 ms (+5 %); one run on a side: the noise is unknown"
    );
    assert!(
        lines[2].starts_with("EXCEEDED spike.p99 > +10%, 5→600/s: C 900 ms, A 200 ms: +700 ms (+350 %)"),
        "{}",
        lines[2]
    );
    assert_eq!(judged.exit_code(), 3);
    let names = ["a", "b <i>", "c"];
    let contenders: Vec<_> =
        names.iter().zip([&a, &b, &c]).map(|(name, session)| Contender { name, session }).collect();
    let xml = judged.junit(&contenders);
    assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"2\" skipped=\"0\""), "{xml}");
    assert!(
        xml.contains("name=\"B: b &lt;i&gt;\"") && xml.contains("name=\"not spike.p99 &gt; +10%, 5→600/s\""),
        "{xml}"
    );
    let json = judged.json();
    assert_eq!((&json["exit_code"], &json["limits"][2]["outcome"]), (&3.into(), &"exceeded".into()));
    assert_eq!(json["limits"][2]["median"]["value"], 900.0);
    let text = markdown(&contenders, &crate::compare::compare(&contenders), Some(&judged));
    assert!(text.contains("| spike.p99 &gt; +10% | 5→600/s | C | **exceeded** | C 900 ms, A 200 ms"), "{text}");
}

#[test]
fn what_our_own_delay_left_out_is_not_why_a_limit_holds() {
    let kind = Limit::parse("spike.p99 > +10%").unwrap();
    let place = |worst: f64| Place {
        session: Runs::of([&Value::Known(205.0)]),
        baseline: Runs::of([&Value::Known(200.0)]),
        at_worst: Some(Runs::of([&Value::Known(worst)])),
        ..Place::empty(sides::kind(&kind))
    };
    assert_eq!(super::judged(&kind, &place(219.0)), LimitOutcome::Held);
    assert!(super::judged(&kind, &place(300.0)).is_fault(Fault::LeftOut));
}

#[test]
fn a_request_that_is_never_ok_undecides_no_other() {
    use crate::session::event::{Header, RateCause, SessionEvent, Settings};
    use crate::session::fixtures::rate;
    use scaletop_load::{OutcomeKind, RequestName, Second};
    use scaletop_units::{ArrivalRate, Elapsed};
    let of_two = |millis: u64| {
        let requests = ["good", "gone"].map(RequestName::from).to_vec();
        let mut session = Session::new(Header::new(0, Settings { requests, ..Settings::default() }));
        session.apply(Elapsed::ZERO, &rate(10, RateCause::Start));
        for index in 0..20 {
            let mut second = Second::new(index, ArrivalRate::new(10));
            for (name, kind) in [("good", OutcomeKind::Ok), ("gone", OutcomeKind::Http4xx)] {
                let part = second.request_mut(&RequestName::from(name), index);
                (part.due, part.sent) = (5, 5);
                for _ in 0..5 {
                    part.outcomes.add(kind);
                    let latency = if kind == OutcomeKind::Ok { &mut part.ok } else { &mut part.failed };
                    latency.record(Duration::from_millis(millis));
                }
            }
            for request in second.requests.clone() {
                let part = second.part_mut(index);
                (part.due, part.sent) = (part.due + request.due, part.sent + request.sent);
                part.outcomes.merge(&request.outcomes);
                part.ok.merge(&request.ok);
                part.failed.merge(&request.failed);
            }
            session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        }
        session.apply(Elapsed::from_secs(20), &SessionEvent::Ended { reason: "the plan is over".to_owned() });
        session
    };
    let (a, b) = (of_two(100), of_two(150));
    let told = |limit: &str| {
        let mut limit = Limit::parse(limit).unwrap();
        limit.resolve(std::iter::once("spike"), &["good", "gone"]).unwrap();
        let judged = judge(&[limit], &[Pair { baseline: Some((0, &a)), session: (1, &b) }]);
        judged.results[0].outcome.word()
    };
    assert_eq!((told("good.p99 > +20%"), told("good.p99 > +90%")), ("EXCEEDED", "held"));
    assert_eq!(told("gone.p99 > +20%"), "UNDECIDED", "it has no answer that was OK");
}
