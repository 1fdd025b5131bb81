//! What the header says and what the sentence of the open step says are two views of one state: they never contradict each
//! other, whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use crate::session::standing::standing;
use crate::session::state::Session;
use scaletop_load::{OutcomeKind, RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed};

/// How a service may do for a while.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Fine,
    Slow,
    Refusing,
    /// Every tenth second is slow.
    Flickering,
    NotFound,
    Silent,
    /// Everything waits to be sent.
    Waiting,
    /// We send half of what is asked.
    WeAreLate,
}

fn second_of(index: u32, rate: u32, doing: Doing) -> Second {
    let mut second = Second::new(index, ArrivalRate::new(rate));
    let part = second.part_mut(index);
    let count = u64::from(rate);
    (part.due, part.sent) = (count, count);
    let (kind, answered, millis) = match doing {
        Doing::Fine => (OutcomeKind::Ok, count, 80),
        Doing::Slow => (OutcomeKind::Ok, count, 900),
        Doing::Refusing => (OutcomeKind::Http429, count, 2),
        Doing::Flickering => (OutcomeKind::Ok, count, if index.is_multiple_of(10) { 900 } else { 80 }),
        Doing::NotFound => (OutcomeKind::Http4xx, count, 3),
        Doing::Silent => (OutcomeKind::Ok, 0, 0),
        Doing::Waiting => {
            part.sent = 0;
            (OutcomeKind::Ok, 0, 0)
        }
        Doing::WeAreLate => {
            (part.sent, part.dropped_late) = (count / 2, count - count / 2);
            (OutcomeKind::Ok, count / 2, 80)
        }
    };
    second.in_flight = if answered == 0 { count } else { 0 };
    let part = second.part_mut(index);
    for _ in 0..answered {
        part.outcomes.add(kind);
        let latency = if kind == OutcomeKind::Ok { &mut part.ok } else { &mut part.failed };
        latency.record(Duration::from_millis(millis));
    }
    second
}

/// What the header must not say beside a sentence with these words.
const CONTRADICTING: [(&str, &[&str]); 6] = [
    ("held", &[" back under 500 ms yet", " back under 1 % yet", "missed again", "missed now", "and is now"]),
    ("missed", &["held so far", "absorbed", "holds now", "was enough", "were enough", "(counts from"]),
    ("none_ok", &["held so far", "absorbed", "holds now", "was enough", "were enough", "(counts from"]),
    ("generator", &["missed now", "holds now", "(counts from"]),
    ("no_load", &[" back under 500 ms yet", " back under 1 % yet", "holds now", "missed now", "(counts from"]),
    ("nothing_sent", &["lost", "held", "missed"]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_header_and_the_open_step_agree_at_every_second(
        spells in prop::collection::vec(
            (
                prop::sample::select(vec![0_u32, 0, 5, 20, 20, 40]),
                1_u32..25,
                prop::sample::select(vec![
                    Doing::Fine, Doing::Fine, Doing::Slow, Doing::Refusing, Doing::Flickering, Doing::NotFound,
                    Doing::Silent, Doing::Waiting, Doing::WeAreLate,
                ]),
            ),
            1..8,
        )
    ) {
        let settings = Settings { timeout: Duration::from_secs(2), ..Settings::default() };
        let mut session = Session::new(Header::new(0, settings));
        let mut index = 0;
        for (to, seconds, doing) in spells {
            let profile = RateProfile::Constant(ArrivalRate::new(to));
            let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
            session.apply(Elapsed::from_secs(u64::from(index)), &SessionEvent::Rate(change));
            for _ in 0..seconds {
                let second = second_of(index, to, doing);
                session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
                index += 1;
                let says = standing(&session, session.now());
                let words = says.words(session.now());
                prop_assert!(!words.contains("answer ok"), "no reason to miss it: {words}");
                let Some(open) = session.steps.last().filter(|report| report.step.end.is_none()) else { continue };
                let pairs = CONTRADICTING.iter().filter(|(label, _)| *label == says.label());
                let contradicting = pairs.flat_map(|(_, words)| words.iter()).find(|words| open.words.contains(**words));
                prop_assert!(
                    contradicting.is_none(),
                    "second {index}: the header says “{}”, the step “{}”", says.words(session.now()), open.words
                );
            }
        }
    }
}
