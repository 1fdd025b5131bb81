//! Every step up has a scale-out that is told, or a reason why there is none.

use std::time::Duration;

use crate::analysis::Timing;
use crate::analysis::waterfall::ScaleOutStage;
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use crate::session::state::Session;
use crate::session::state::births::{Came, CameAfter};
use scaletop_load::{Latency, OutcomeKind, RateProfile, Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

struct Played(Session);

impl Played {
    fn new(settings: Settings) -> Self {
        Self(Session::new(Header::new(0, settings)))
    }

    fn rate(&mut self, at: u32, per_sec: u32) {
        let profile = RateProfile::Constant(ArrivalRate::new(per_sec));
        let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
        self.0.apply(Elapsed::from_secs(at.into()), &SessionEvent::Rate(change));
    }

    /// Seconds in which each of `ids` answers ten requests OK after 80 ms; the first of each is due after `first_millis` of it.
    fn seconds(&mut self, seconds: std::ops::Range<u32>, ids: &[&str], first_millis: u64) {
        for index in seconds {
            let ok = 10 * ids.len() as u64;
            let mut second = Second::new(index, ArrivalRate::new(u32::try_from(ok).unwrap()));
            let part = second.part_mut(index);
            let latencies = |count| {
                let mut latency = Latency::new();
                (0..count).for_each(|_| latency.record(Duration::from_millis(80)));
                latency
            };
            (part.due, part.sent, part.ok, part.service) = (ok, ok, latencies(ok), latencies(ok));
            (0..ok).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
            for id in ids {
                let first_ok_intended = Some(second.start() + Duration::from_millis(first_millis));
                let id = InstanceId::parse(id.as_bytes()).unwrap();
                second.served.push(Served { id, requests: 10, ok: 10, response: latencies(10), first_ok_intended });
            }
            self.0.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        }
    }

    fn told(&self, step: usize) -> Result<String, String> {
        self.0.scale_out(&self.0.steps()[step]).expect("a step up").map(|fall| fall.words())
    }
}

/// 10/s from the beginning, 20/s from second 10 on, for which one more instance comes after 4.4 s.
fn with_a_birth() -> Played {
    let mut played = Played::new(Settings::default());
    played.rate(0, 10);
    played.seconds(0..10, &["a"], 0);
    played.rate(10, 20);
    played.seconds(10..14, &["a"], 0);
    played.seconds(14..40, &["a", "b"], 400);
    played
}

#[test]
fn a_birth_is_a_scale_out_where_no_platform_tells_of_it() {
    let played = with_a_birth();
    assert_eq!(played.told(1).unwrap(), "counted: no source counts instances, first response after 4.4 s");
    let none = played.told(0).unwrap_err();
    assert_eq!(none, "no instance was added: the objective held without");
    let came = played.0.came(played.0.tracks());
    let of_step = Came { after: CameAfter::Step, took: Duration::from_millis(4_400) };
    assert_eq!(came, [None, Some(of_step)], "the first was there from the beginning");
}

#[test]
fn a_step_that_needed_no_more_says_so() {
    let mut played = Played::new(Settings { capacity_per_instance: Some(100.0), ..Settings::default() });
    played.rate(0, 10);
    played.seconds(0..10, &["a"], 0);
    played.rate(10, 20);
    played.seconds(10..30, &["a"], 0);
    assert_eq!(played.told(1).unwrap_err(), "no instance was added yet: 1 reckoned to be needed, 1 there before");
    played.rate(30, 0);
    assert!(played.0.scale_out(&played.0.steps()[2]).is_none(), "the rate went down");
}

#[test]
fn a_birth_is_told_from_the_decision_where_the_platform_tells_of_one() {
    let mut played = with_a_birth();
    let decision = Milestone {
        kind: MilestoneKind::Decision,
        as_of: Elapsed::from_secs(12),
        uncertainty: Duration::ZERO,
        clock_error: Duration::ZERO,
        subject: "demo".to_owned(),
        detail: "Setting desired count to 2.".to_owned(),
    };
    played.0.apply(Elapsed::from_secs(40), &SessionEvent::Milestone(decision));
    let fall = played.0.waterfall(&played.0.steps()[1]).unwrap();
    assert_eq!(fall.timing(ScaleOutStage::Decision), Some(Timing::Reached { secs: 2.0, plus_minus: 0.0 }));
    let of_decision = Came { after: CameAfter::Decision, took: Duration::from_millis(2_400) };
    assert_eq!(played.0.came(played.0.tracks())[1], Some(of_decision));
}
