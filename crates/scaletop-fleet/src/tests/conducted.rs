//! The controller's mind told one message after the other, each as it would come.

use scaletop_load::{RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed};

use crate::conductor::{Conductor, Said, Settings};
use crate::config::OnLoss;
use crate::message::{self, Beat, Standing, StoredSecond};
use crate::roster::tests::hello;
use crate::slots::tests::id;
use crate::tests::history::LEASE;

pub(super) fn settings(on_loss: OnLoss) -> Settings {
    Settings {
        epoch: 1,
        wanted: 3,
        at_least: 1,
        on_loss,
        lease: LEASE,
        seed: 3,
        max_rate: ArrivalRate::new(1_000),
        not_after: Elapsed::from_secs(3_600),
        version: "1".to_owned(),
        allow_versions: false,
        document: (Vec::new(), Vec::new()),
    }
}

/// A beat of the only process of a generator, which hears all answers.
fn beat_at(now: Elapsed, standing: Standing) -> Vec<u8> {
    let beat = Beat {
        process: 1,
        sent: 0,
        session: Some(now),
        answered: now,
        lease: now + LEASE,
        standing,
        known: u64::MAX,
        in_flight: 0,
        clock_error: None,
        round_trip: None,
        given_up: 0,
    };
    message::write(1, now.as_millis(), &beat)
}

/// The bytes of a generator's second in which so many arrivals came due.
fn second_of(index: u32, due: u64) -> Vec<u8> {
    let mut second = Second::new(index, ArrivalRate::PAUSED);
    second.part_mut(index).due = due;
    message::write(1, index.into(), &StoredSecond { second, clock_error: None, late_anchor: None })
}

#[test]
fn the_end_waits_for_the_last_seconds_of_a_generator_that_is_gone_and_counts_them() {
    let ms = Elapsed::from_millis;
    let mut conductor = Conductor::new(settings(OnLoss::Redistribute), Elapsed::ZERO, None);
    conductor.hello(Elapsed::ZERO, &message::write(0, 0, &hello(0, 1))).unwrap();
    for at in (100..2_000).step_by(100) {
        conductor.beat(ms(at), &id(0), &beat_at(ms(at), Standing::Ready)).unwrap();
        if at == 300 {
            conductor.start(ms(at));
        }
        conductor.tick(ms(at));
    }
    conductor.stop(ms(2_000));
    // It is gone, and says that it stored two seconds: one of them is still on its way.
    conductor.second(&id(0), 0, &second_of(0, 5));
    conductor.beat(ms(2_100), &id(0), &beat_at(ms(2_100), Standing::Gone(2))).unwrap();
    conductor.tick(ms(2_200));
    assert!(!conductor.is_finished(), "a second is missing");
    conductor.second(&id(0), 1, &second_of(1, 7));
    conductor.tick(ms(2_300));
    assert!(conductor.is_finished(), "nothing is waited for any more");
    let said: Vec<Said> = std::iter::from_fn(|| conductor.say()).collect();
    let due = said.iter().filter_map(|said| match said {
        Said::Second(second) => Some(second.total().due),
        _ => None,
    });
    assert_eq!(due.sum::<u64>(), 12);
}

#[test]
fn why_the_load_is_held_is_told_as_it_is_at_present_and_each_reason_once() {
    let ms = Elapsed::from_millis;
    let mut conductor = Conductor::new(Settings { at_least: 2, ..settings(OnLoss::Redistribute) }, Elapsed::ZERO, None);
    for number in 0..2 {
        conductor.hello(Elapsed::ZERO, &message::write(0, 0, &hello(number, 1))).unwrap();
    }
    for at in (100..30_000).step_by(100) {
        // The second one falls silent while the server is away, and is back long after.
        for number in (0..2).filter(|number| *number == 0 || !(4_200..20_000).contains(&at)) {
            conductor.beat(ms(at), &id(number), &beat_at(ms(at), Standing::Ready));
        }
        match at {
            500 => conductor.start(ms(at)),
            1_000 => conductor.set(ms(at), ms(at), RateProfile::Constant(ArrivalRate::new(50))),
            4_000 => conductor.connected(ms(at), false),
            6_000 => conductor.connected(ms(at), true),
            _ => {}
        }
        conductor.tick(ms(at));
    }
    let mut held = Vec::new();
    while let Some(said) = conductor.say() {
        if let Said::State(state) = said {
            held.push(state.held);
        }
    }
    held.dedup();
    let few = "1 generator is ready, and at least 2 are asked for";
    let over = format!("{few}; that is over, set the rate to go on");
    let away = "the fleet's server cannot be reached";
    assert_eq!(held, [None, Some(away), Some(few), Some(&over)].map(|why| why.map(str::to_owned)));
}
