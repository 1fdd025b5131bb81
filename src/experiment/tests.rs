//! The answer of a made-up experiment: what it says when all is well, and when it is not.

use std::time::Duration;

use super::*;
use crate::analysis::{InstanceSpan, Step, StepNumbers, Validity};
use crate::session::event::Settings;
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed, StepId};

fn reached(secs: f64) -> Timing {
    Timing::Reached { secs, plus_minus: 0.0 }
}

/// Spikes of 300 s that begin every 400 s and had their capacity after so many seconds; `bad` seconds were missed.
fn played(capacities: &[f64], bad: &[u32]) -> Played {
    let settings = Settings { target: "demo".into(), plan: Some("spike".into()), ..Settings::default() };
    let header = Header::new(0, settings);
    let mut played = Played::new("spike".into(), header);
    for (at, secs) in capacities.iter().enumerate() {
        let start = Elapsed::from_secs(at as u64 * 400);
        played.session.steps_mut().push(StepReport {
            step: Step {
                id: StepId(u32::try_from(at).unwrap() + 1),
                start,
                end: Some(start + Duration::from_mins(5)),
                before: ArrivalRate::PAUSED,
                profile: RateProfile::Constant(ArrivalRate::new(600)),
                anchor: start,
                name: Some("spike".into()),
                unmet_start: None,
            },
            numbers: StepNumbers {
                serving: reached(8.0),
                capacity: reached(*secs),
                recover: reached(secs + 1.0),
                bad_seconds: 30,
                due: 180_000,
                sent: 180_000,
                ok: 171_000,
                lost: 9_000,
                instances: Some(InstanceSpan { before: Some(1), peak: 5, least: 1, last: 5 }),
                ..StepNumbers::default()
            },
            validity: Validity::Valid,
            words: "0→600/s: …".into(),
            pinned: None,
        });
    }
    played.good = (0..1_200).map(|second| (second, !bad.contains(&second))).collect();
    played
}

#[test]
fn the_report_answers_the_seeds_question() {
    // Bad while it scaled, good ever after.
    let text = markdown("demo", &[played(&[31.0, 33.0, 29.5], &[0, 1, 2, 25])]);
    assert!(text.contains("0→600/s: the first new instance after 8.0 s (median of 3, 8.0–8.0), 5 instances after 31.0 s (median of 3, 29.5–33.0)"), "{text}");
    assert!(text.contains("9,000 (5.0 %), then 9,000 (5.0 %)"), "{text}");
    assert!(text.contains("**Degraded later:** no"), "{text}");
    assert!(text.contains("**Generator at fault:** no"), "{text}");
}

#[test]
fn what_was_missed_after_the_recovery_is_a_relapse() {
    // 100 s after the second spike began, as in the notebook of the first App Runner experiment: six seconds within ten, then one more much later.
    let bad = [405, 500, 501, 502, 506, 507, 508, 600];
    let experiment = played(&[31.0, 31.0], &bad);
    let relapses = experiment.relapses(&experiment.session.steps()[1]).unwrap();
    let at = |after_secs, bad_secs| Relapse { after_secs, bad_secs };
    assert_eq!(relapses, [at(100, 6), at(200, 1)]);
    assert_eq!(experiment.relapses(&experiment.session.steps()[0]), Some(vec![]));
    let text = markdown("demo", &[experiment]);
    assert!(text.contains("yes: spike step 2 (spike) 100 s after its start for 6 s"), "{text}");
}

#[test]
fn what_was_not_reached_and_what_was_our_fault_is_said() {
    let mut experiment = played(&[31.0, 31.0], &[]);
    experiment.session.steps_mut()[1].numbers.capacity = Timing::NotWithin { secs: 300.0, open: false };
    experiment.session.steps_mut()[1].numbers.recover = Timing::NotWithin { secs: 300.0, open: false };
    let text = markdown("demo", &[experiment.clone()]);
    assert!(text.contains("5 instances after 31.0 s, > 300 s"), "{text}");
    assert!(text.contains("never recovered within its step: spike step 2"), "{text}");
    assert!(markdown("demo", &[]).contains("No session"));

    experiment.session.steps_mut()[1].validity = Validity::InvalidGenerator("CPU | 97 %".into());
    let text = markdown("demo", &[experiment.clone()]);
    assert!(text.contains("yes, in 1 of 2 steps") && text.contains("(spike step 2 (spike): CPU \\| 97 %)"), "{text}");
    assert!(text.contains("5 instances after 31.0 s, the") && text.contains("**Degraded later:** no"), "{text}");
    experiment.session.steps_mut().remove(0);
    let text = markdown("demo", &[experiment]);
    assert!(text.contains("**Lost meanwhile:** unknown: the generator was the limit in the one step"), "{text}");
}

#[test]
fn a_repeat_that_did_not_begin_from_what_the_plan_says_is_left_out_and_named() {
    let mut experiment = played(&[31.0, 0.5, 33.0], &[]);
    let unmet = "rest (2): instances <= 1 was not reached within 900s (5 at its end)";
    let invalidate = |report: &mut StepReport| {
        report.step.unmet_start = Some(unmet.to_owned());
        report.validity = Validity::InvalidStart(unmet.to_owned());
    };
    invalidate(&mut experiment.session.steps_mut()[1]);
    let text = markdown("demo", &[experiment.clone()]);
    assert!(text.contains("5 instances after 32.0 s (median of 2, 31.0–33.0)"), "{text}");
    assert!(text.contains("9,000 (5.0 %), then 9,000 (5.0 %) requests"), "two of three: {text}");
    assert!(text.contains(&format!("**Start conditions not met:** before 1 of the 3 steps in which the load grew, left out above (spike step 2 (spike): {})", unmet.replace('<', "&lt;"))), "{text}");
    assert!(text.contains("| 2 spike (invalid: start condition) |"), "{text}");
    assert!(text.contains("**Generator at fault:** no"), "{text}");

    experiment.session.steps_mut()[1].validity = Validity::InvalidGenerator(format!("late; and {unmet}"));
    let text = markdown("demo", &[experiment.clone()]);
    assert!(text.contains("| 2 spike (invalid: generator, start condition) |"), "{text}");

    experiment.session.steps_mut().iter_mut().for_each(invalidate);
    let text = markdown("demo", &[experiment]);
    assert!(text.contains("unknown: the start condition of all 3 steps in which the load grew was not met"), "{text}");
}
