//! A whole fleet in virtual time: a real controller, real generators with real engines, and a network that is not.

use std::collections::BTreeMap;
use std::time::Duration;

use scaletop_load::{RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed, GeneratorChange, GeneratorId};
use tokio::task::LocalSet;

use crate::config::{FleetError, OnLoss};
use crate::handle::News;
use crate::slots::tests::id;
use fleet::{Fleet, Options, Report};

mod conducted;
mod fleet;
mod history;
mod network;

fn in_virtual_time(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(LocalSet::new().run_until(test()));
}

const fn constant(rate: u32) -> RateProfile {
    RateProfile::Constant(ArrivalRate::new(rate))
}

/// How many arrivals were sent in each second, by when they were due.
fn sent_in(report: &Report) -> BTreeMap<u32, u64> {
    let mut sent = BTreeMap::new();
    for (due, _) in &report.sent {
        *sent.entry(due.second()).or_default() += 1;
    }
    sent
}

/// No arrival was sent twice; and all that was due is accounted for.
fn assert_sound(report: &Report) {
    let mut dues: Vec<Elapsed> = report.sent.iter().map(|(due, _)| *due).collect();
    dues.sort_unstable();
    let twice: Vec<_> = dues.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "sent twice: {twice:?}");
    for (at, second) in report.seconds.iter().enumerate() {
        assert_eq!(second.index, report.seconds[0].index + u32::try_from(at).unwrap(), "every second once, in order");
    }
    for (cohort, [planned, due, sent, dropped]) in cohorts(&report.seconds) {
        assert!(due <= planned, "second {cohort}: {due} due of {planned}");
        assert_eq!(due, sent + dropped, "second {cohort}");
    }
}

/// Planned, due, sent and dropped by the second they were intended in.
fn cohorts(seconds: &[Second]) -> BTreeMap<u32, [u64; 4]> {
    let mut cohorts = BTreeMap::<u32, [u64; 4]>::new();
    for part in seconds.iter().flat_map(|second| &second.parts) {
        let sums = cohorts.entry(part.intended).or_default();
        for (sum, more) in sums.iter_mut().zip([part.planned.unwrap_or(0), part.due, part.sent, part.dropped()]) {
            *sum += more;
        }
    }
    cohorts
}

fn unreported(seconds: &[Second]) -> u64 {
    cohorts(seconds).values().map(|[planned, due, ..]| planned - due).sum()
}

/// When `change` first happened to `of`.
fn when(report: &Report, of: &GeneratorId, change: GeneratorChange) -> Option<Elapsed> {
    let is_it = |news: &News| matches!(news, News::Generator(event) if event.id == *of && event.change == change);
    report.news.iter().find(|(_, news)| is_it(news)).map(|(at, _)| *at)
}

/// `after` lost its generator at `fault`: seen and taken over in time, little unreported, and then the rate exactly.
fn assert_taken_over(report: &Report, fault: Elapsed, [rate, share]: [u64; 2], within: Duration) {
    let since = |change| when(report, &id(1), change).map(|at| at.saturating_since(fault));
    let seen = since(GeneratorChange::Suspected).expect("seen");
    assert!(seen <= Duration::from_millis(1_250), "{seen:?}");
    let lost = since(GeneratorChange::Lost).expect("lost");
    assert!(lost <= Duration::from_millis(1_750), "{lost:?}");
    let taken = since(GeneratorChange::TakenOver).expect("taken over");
    assert!(lost <= taken && taken <= within, "{lost:?}, then {taken:?}");
    let sent = sent_in(report);
    let whole = (fault + within).next_second().second();
    for second in whole..whole + 2 {
        assert_eq!(sent[&second], rate, "second {second} of {sent:?}");
    }
    let planned: u64 = cohorts(&report.seconds).values().map(|[planned, ..]| planned).sum();
    let missing = planned - report.sent.len() as u64;
    assert!(missing <= share * 7 / 4, "{missing} were not sent");
}

#[test]
fn a_fleet_sends_what_one_machine_would_at_every_change_of_rate() {
    in_virtual_time(async || {
        let fleet = Fleet::start(3, Options::default()).await;
        let mut asked = Vec::new();
        for rate in [1_000, 300, 0, 777, 10] {
            asked.push((fleet.set(constant(rate)), rate));
            fleet.sleep(3_300).await;
        }
        let report = fleet.stop().await;
        assert_sound(&report);
        assert_eq!(unreported(&report.seconds), 0);
        let sent = sent_in(&report);
        for (at, rate) in asked {
            let whole = at.next_second().second();
            for second in whole..whole + 2 {
                assert_eq!(sent.get(&second).copied().unwrap_or(0), u64::from(rate), "second {second}");
            }
        }
        let senders = report.seconds.iter().flat_map(|second| &second.generators).map(|row| row.sent);
        assert_eq!(senders.sum::<u64>(), report.sent.len() as u64);
        let running = &report.seconds[..report.seconds.len() - 1]; // a stop is at once
        assert!(running.iter().flat_map(|second| &second.generators).all(|row| row.late_anchor.is_none()));
    });
}

#[test]
fn a_killed_generator_is_seen_and_its_share_taken_over_and_nothing_is_sent_twice() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(4, Options::default()).await;
        fleet.set(constant(400));
        fleet.sleep(3_050).await;
        let fault = fleet.now();
        fleet.kill(1);
        fleet.sleep(6_000).await;
        let report = fleet.stop().await;
        assert_sound(&report);
        assert_taken_over(&report, fault, [400, 100], Duration::from_millis(1_750));
        // What the killed one counted in its last second died with it.
        let missing = unreported(&report.seconds);
        assert!(missing <= 100 * 7 / 4 + 110, "{missing} unreported");
    });
}

#[test]
fn a_generator_cut_off_either_way_falls_silent_and_comes_back() {
    for (up, down) in [(true, false), (false, true), (true, true)] {
        in_virtual_time(async || {
            let fleet = Fleet::start(4, Options::default()).await;
            fleet.set(constant(400));
            fleet.sleep(3_050).await;
            let fault = fleet.now();
            fleet.net.cut(1, up, down);
            fleet.sleep(6_000).await;
            fleet.net.cut(1, false, false);
            fleet.sleep(6_000).await;
            let report = fleet.stop().await;
            assert_sound(&report);
            assert_taken_over(&report, fault, [400, 100], Duration::from_millis(1_850));
            let missing = unreported(&report.seconds);
            assert!(missing <= 100 * 7 / 4, "{missing} unreported, though its seconds came late");
            let back = when(&report, &id(1), GeneratorChange::Returned).expect("back");
            assert!(back >= fault + Duration::from_secs(8), "two steady seconds first: {back:?}");
            let last = *sent_in(&report).last_key_value().unwrap().0;
            let late = report.sent.iter().filter(|(due, by)| *by == 1 && due.second() + 2 > last).count();
            assert!(late > 100, "it has its share again");
        });
    }
}

#[test]
fn without_a_controller_the_load_ends_within_the_lease() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(3, Options::default()).await;
        fleet.set(constant(300));
        fleet.sleep(3_000).await;
        let fault = fleet.now();
        fleet.kill_controller();
        fleet.sleep(5_000).await;
        let sent = fleet.sent();
        let last = sent.iter().map(|(due, _)| *due).max().unwrap();
        assert!(last > fault && last <= fault + Duration::from_millis(1_600), "{last:?} after {fault:?}");
    });
}

#[test]
fn another_controller_goes_on_without_a_hole_and_nothing_is_sent_before_it_asks_for_it() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(3, Options::default()).await;
        fleet.set(constant(300));
        fleet.sleep(3_300).await;
        let fault = fleet.now();
        fleet.kill_controller();
        fleet.sleep(12_000).await;
        fleet.resume(3).await;
        fleet.sleep(2_000).await;
        let last = fleet.sent().iter().map(|(due, _)| *due).max().unwrap();
        assert!(last > fault && last <= fault + Duration::from_millis(1_600), "{last:?} after {fault:?}");
        let whole = fleet.set(constant(200)).next_second().second();
        fleet.sleep(3_200).await;
        // Who comes now has its request from the others.
        fleet.join(3).await;
        fleet.sleep(4_000).await;
        fleet.leave(0);
        fleet.sleep(3_000).await;
        let report = fleet.stop().await;
        let mut dues: Vec<Elapsed> = report.sent.iter().map(|(due, _)| *due).collect();
        dues.sort_unstable();
        assert!(dues.windows(2).all(|pair| pair[0] != pair[1]), "sent twice");
        let first = report.seconds[0].index;
        assert!(report.seconds.iter().zip(first..).all(|(second, index)| second.index == index), "a hole");
        let counted: u64 = report.seconds.iter().map(|second| second.total().sent).sum();
        assert_eq!(counted, report.sent.len() as u64, "each request once in the recording");
        let sent = sent_in(&report);
        let after: Vec<_> = sent.range(whole..whole + 8).map(|(_, count)| *count).collect();
        assert_eq!(after, [200; 8], "{sent:?}");
        for (cohort, [planned, due, ..]) in cohorts(&report.seconds).split_off(&whole) {
            assert_eq!(planned, due, "second {cohort}");
        }
        let gap = report.seconds.iter().filter(|second| second.target.is_paused() && second.index < whole);
        assert!(gap.clone().count() > 10 && gap.flat_map(|second| &second.parts).all(|part| part.planned.is_none()));
        assert!(report.sent.iter().any(|(_, who)| *who == 3) && when(&report, &id(0), GeneratorChange::Left).is_some());
    });
}

#[test]
fn who_dies_while_nobody_leads_is_told_as_lost_and_who_stays_has_not_joined_again() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(3, Options::default()).await;
        fleet.set(constant(300));
        fleet.sleep(3_300).await;
        fleet.kill_controller();
        fleet.kill(1);
        fleet.sleep(12_000).await;
        let before = fleet.now();
        fleet.resume(2).await;
        fleet.set(constant(200));
        fleet.sleep(3_000).await;
        let report = fleet.stop().await;
        let told: Vec<_> = report
            .news
            .iter()
            .filter_map(|(at, news)| match news {
                News::Generator(event) if *at > before => Some((event.id.clone(), event.change)),
                _ => None,
            })
            .collect();
        assert_eq!(told[0], (id(1), GeneratorChange::Lost));
        assert!(told[1..].iter().all(|(_, change)| *change == GeneratorChange::Left), "{told:?}");
    });
}

#[test]
fn who_leaves_hands_over_without_a_gap_and_who_joins_takes_a_share_without_one() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(3, Options::default()).await;
        fleet.set(constant(300));
        fleet.sleep(2_500).await;
        fleet.join(3).await;
        fleet.sleep(4_000).await;
        fleet.leave(1);
        fleet.sleep(4_000).await;
        let report = fleet.stop().await;
        assert_sound(&report);
        assert_eq!(unreported(&report.seconds), 0);
        let sent = sent_in(&report);
        let (first, last) = (*sent.first_key_value().unwrap().0, *sent.last_key_value().unwrap().0);
        assert!(sent.range(first + 1..last).all(|(_, count)| *count == 300), "{sent:?}");
        assert!(when(&report, &id(3), GeneratorChange::Joined).is_some());
        assert!(when(&report, &id(1), GeneratorChange::Left).is_some());
        assert!(when(&report, &id(1), GeneratorChange::Lost).is_none());
        let by = |of: usize| report.sent.iter().filter(|(due, by)| *by == of && due.second() == last - 1).count();
        assert_eq!([by(0), by(1), by(2), by(3)], [100, 0, 100, 100]);
    });
}

#[test]
fn an_outage_of_the_server_holds_the_load_and_a_brief_one_ends_by_itself() {
    in_virtual_time(async || {
        let fleet = Fleet::start(3, Options::default()).await;
        fleet.set(constant(300));
        fleet.sleep(3_000).await;
        fleet.net.outage(true);
        fleet.sleep(4_000).await;
        let silent = fleet.now();
        fleet.net.outage(false);
        fleet.sleep(8_000).await;
        let report = fleet.stop().await;
        assert_sound(&report);
        assert!(report.sent.iter().all(|(due, _)| *due < silent - Duration::from_secs(2) || *due > silent));
        let sent = sent_in(&report);
        let last = *sent.last_key_value().unwrap().0;
        assert_eq!(sent[&(last - 1)], 300);
        let held = report.news.iter().filter(|(_, news)| matches!(news, News::State(state) if state.held.is_some()));
        assert!(held.count() > 0);
    });
}

#[test]
fn a_long_outage_ends_only_when_a_rate_is_set() {
    in_virtual_time(async || {
        let fleet = Fleet::start(2, Options::default()).await;
        fleet.set(constant(300));
        fleet.sleep(2_000).await;
        fleet.net.outage(true);
        fleet.sleep(15_000).await;
        fleet.net.outage(false);
        fleet.sleep(6_000).await;
        let before = fleet.sent().len();
        fleet.sleep(2_000).await;
        assert_eq!(fleet.sent().len(), before, "it stays at zero");
        fleet.set(constant(200));
        fleet.sleep(3_000).await;
        let report = fleet.stop().await;
        assert_sound(&report);
        assert!(report.sent.len() >= before + 500);
    });
}

#[test]
fn a_loss_shrinks_or_stops_the_load_when_that_is_asked_for() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(4, Options { on_loss: OnLoss::Shrink, ..Options::default() }).await;
        fleet.set(constant(400));
        fleet.sleep(2_000).await;
        fleet.kill(1);
        fleet.sleep(5_000).await;
        let report = fleet.stop().await;
        assert_sound(&report);
        let sent = sent_in(&report);
        let last = *sent.last_key_value().unwrap().0;
        assert_eq!(sent[&(last - 1)], 300, "the others go on as they were");
        assert_eq!(cohorts(&report.seconds)[&(last - 1)][0], 400, "what nobody sends of what is asked for stays known");
        assert!(when(&report, &id(1), GeneratorChange::TakenOver).is_none());
    });
    in_virtual_time(async || {
        let mut fleet = Fleet::start(4, Options { on_loss: OnLoss::Stop, ..Options::default() }).await;
        fleet.set(constant(400));
        fleet.sleep(2_000).await;
        let fault = fleet.now();
        fleet.kill(1);
        fleet.sleep(5_000).await;
        let stopped = fleet.sent().iter().map(|(due, _)| *due).max().unwrap();
        assert!(stopped < fault + Duration::from_secs(2), "{stopped:?}");
        fleet.set(constant(300));
        fleet.sleep(3_000).await;
        let report = fleet.stop().await;
        assert_sound(&report);
        assert!(report.sent.len() > 1_500, "a rate that is set goes on with those that are there");
    });
}

#[test]
fn nobody_is_pushed_over_its_ceiling_and_that_is_said() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(3, Options { max_rate: 150, ..Options::default() }).await;
        fleet.set(constant(400));
        fleet.sleep(3_000).await;
        fleet.kill(1);
        fleet.sleep(5_000).await;
        let report = fleet.stop().await;
        assert_sound(&report);
        let sent = sent_in(&report);
        let (first, last) = (*sent.first_key_value().unwrap().0, *sent.last_key_value().unwrap().0);
        assert_eq!((sent[&(first + 1)], sent[&(last - 1)]), (400, 300));
        assert!(report.notices().any(|text| text.contains("300/s is the most")), "{:?}", report.news);
        assert_eq!(report.seconds.last().unwrap().target, ArrivalRate::new(400), "what was asked for stays known");
    });
}

#[test]
fn too_few_generators_hold_the_load() {
    in_virtual_time(async || {
        let mut fleet = Fleet::start(3, Options { at_least: 3, ..Options::default() }).await;
        fleet.set(constant(300));
        fleet.sleep(2_000).await;
        let fault = fleet.now();
        fleet.kill(1);
        fleet.sleep(4_000).await;
        let last = fleet.sent().iter().map(|(due, _)| *due).max().unwrap();
        assert!(last < fault + Duration::from_millis(1_500));
        let report = fleet.stop().await;
        assert_sound(&report);
        let held = |news: &News| matches!(news, News::State(state) if state.held.as_ref().is_some_and(|why| why.contains("at least 3")));
        assert!(report.news.iter().any(|(_, news)| held(news)), "{:?}", report.news);
        let last = *cohorts(&report.seconds).last_key_value().unwrap().0;
        assert_eq!(cohorts(&report.seconds)[&(last - 1)], [300, 0, 0, 0], "what is held is asked for, and unreported");
    });
}

#[test]
fn draining_waits_for_what_is_in_flight_and_the_agreed_time_ends_the_load() {
    in_virtual_time(async || {
        let fleet = Fleet::start(2, Options { answer: Duration::from_millis(900), ..Options::default() }).await;
        fleet.set(constant(100));
        fleet.sleep(2_000).await;
        let paused = fleet.set(constant(0));
        assert_eq!(fleet.handle.drain(Duration::from_secs(5)).await, 0);
        assert!(fleet.now() >= paused + Duration::from_millis(890), "the last answer takes that long");
        let report = fleet.stop().await;
        assert_sound(&report);
        let answered: u64 = report.seconds.iter().map(|second| second.total().outcomes.total()).sum();
        assert_eq!(answered, report.sent.len() as u64);
    });
    in_virtual_time(async || {
        let fleet = Fleet::start(2, Options { not_after: Duration::from_secs(8), ..Options::default() }).await;
        fleet.set(constant(100));
        fleet.sleep(12_000).await;
        let last = fleet.sent().iter().map(|(due, _)| *due).max().unwrap();
        assert!(last <= Elapsed::from_secs(8) && last > Elapsed::from_millis(7_800), "{last:?}");
    });
}

#[test]
fn a_run_that_a_generator_may_not_load_gets_nothing_of_it() {
    in_virtual_time(async || {
        let elsewhere = Options { allow: "other.example".to_owned(), ..Options::default() };
        let (error, refusals, said) = Fleet::fail(1, elsewhere).await;
        assert!(matches!(error, FleetError::TooFew { ready: 0, .. }), "{error}");
        assert!(matches!(&refusals[..], [FleetError::Unwilling(why)] if why.contains("--allow")), "{refusals:?}");
        assert_eq!(said, [format!("{} refuses this run: shop.example is not among its hosts; see --allow", id(0))]);
        let forged = Options { is_forged: true, ..Options::default() };
        let (_, refusals, said) = Fleet::fail(1, forged).await;
        assert!(matches!(&refusals[..], [FleetError::Unwilling(why)] if why.contains("signed")), "{refusals:?}");
        assert!(matches!(&said[..], [why] if why.contains("refuses this run") && why.contains("signed")), "{said:?}");
        let (_, refusals, said) = Fleet::fail(1, Options { version: "0.9".to_owned(), ..Options::default() }).await;
        let both = |why: &str| why.contains("0.9") && why.contains("0.2");
        assert!(matches!(&refusals[..], [FleetError::Refused(why)] if both(why)), "{refusals:?}");
        assert!(matches!(&said[..], [why] if why.contains("was refused")), "said once: {said:?}");
    });
}

#[test]
fn whatever_the_network_does_nothing_is_sent_twice_and_all_is_accounted_for() {
    for seed in 0..3 {
        in_virtual_time(async || {
            let mut fleet = Fleet::start(4, Options { seed, ..Options::default() }).await;
            fleet.net.trouble(0.08, 0.08, Duration::from_millis(40));
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut others = 4;
            for _ in 0..25 {
                match rng.u32(..10) {
                    0..4 => {
                        fleet.set(constant(rng.u32(..400)));
                    }
                    4..7 => fleet.net.cut(rng.usize(..others), rng.bool(), rng.bool()),
                    7 => (0..others).for_each(|which| fleet.net.cut(which, false, false)),
                    8 => fleet.net.trouble(rng.f64() * 0.3, rng.f64() * 0.3, Duration::from_millis(rng.u64(1..120))),
                    _ if others < 7 => {
                        fleet.join(others).await;
                        others += 1;
                    }
                    _ => fleet.kill(rng.usize(..others)),
                }
                fleet.sleep(rng.u64(100..2_500)).await;
            }
            (0..others).for_each(|which| fleet.net.cut(which, false, false));
            fleet.net.trouble(0.0, 0.05, Duration::from_millis(5));
            fleet.set(constant(0));
            fleet.sleep(4_000).await;
            let report = fleet.stop().await;
            let mut dues: Vec<Elapsed> = report.sent.iter().map(|(due, _)| *due).collect();
            dues.sort_unstable();
            assert!(dues.windows(2).all(|pair| pair[0] != pair[1]), "seed {seed}");
            for (cohort, [_, due, sent, dropped]) in cohorts(&report.seconds) {
                assert_eq!(due, sent + dropped, "seed {seed}, second {cohort}");
            }
        });
    }
}
