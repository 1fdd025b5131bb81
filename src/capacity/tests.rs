//! The whole search on seconds that a made-up service answers: an instance that takes so many at a time, scaled on demand.

use std::time::Duration;

use super::*;
use crate::instances::Limits;
use crate::session::event::{Header, SessionEvent, Settings};
use crate::slo::Slo;
use scaletop_load::OutcomeKind;
use scaletop_load::Served;
use scaletop_units::InstanceId;

const OPTIONS: ProbeOptions = ProbeOptions {
    slo: Slo { quantile: 0.99, latency: Duration::from_millis(500), errors: 0.01 },
    settle: Duration::from_secs(3),
    patience: Duration::from_mins(1),
    hold: Duration::from_secs(5),
    timeout: Duration::from_secs(10),
    max_connections: None,
    max_in_flight: 5_000,
};

/// A service of up to `most` instances that hold 123/s each and refuse what is beyond; a new one takes 8 s.
struct Service {
    most: u32,
    instances: u32,
    starting: Vec<u32>,
}

impl Service {
    fn second(&mut self, index: u32, rate: u32) -> Second {
        self.instances += u32::try_from(self.starting.iter().filter(|at| **at <= index).count()).unwrap();
        self.starting.retain(|at| *at > index);
        let wanted = rate.div_ceil(123).min(self.most);
        let coming = self.instances + u32::try_from(self.starting.len()).unwrap();
        self.starting.extend((coming..wanted).map(|_| index + 8));
        let mut second = Second::new(index, ArrivalRate::new(rate));
        let part = second.part_mut(index);
        (part.due, part.sent) = (rate.into(), rate.into());
        for n in 0..rate {
            let refused = n >= self.instances * 123;
            part.outcomes.add(if refused { OutcomeKind::Http429 } else { OutcomeKind::Ok });
            if refused { &mut part.failed } else { &mut part.ok }.record(Duration::from_millis(81));
        }
        second.served = (0..self.instances.min(rate))
            .map(|n| Served {
                id: InstanceId::from(format!("i{n}")),
                requests: 1,
                ok: 1,
                first_ok_intended: None,
                response: scaletop_load::Latency::new(),
            })
            .collect();
        second
    }
}

fn capacity_of(most: u32, start: u32) -> (Capacity, Elapsed) {
    let header = Header::new(0, Settings::default());
    let mut session = Session::new(header);
    session.apply(Elapsed::ZERO, &SessionEvent::Limits(Limits { max: Some(most), ..Limits::default() }));
    let mut service = Service { most, instances: 1, starting: Vec::new() };
    let mut search = CapacitySearch::new(SearchOptions { start, ceiling: 5_000, tolerance: 0.01 }, OPTIONS);
    let mut rate = 0;
    for index in 0..3_600 {
        let now = Elapsed::from_secs(u64::from(index));
        while let Some(instruction) = search.poll(now) {
            match instruction {
                Instruction::Begin { at, profile, .. } => {
                    assert_eq!(at, now, "tries begin with a second");
                    rate = profile.last().get();
                }
                Instruction::Note(_) | Instruction::Warning(_) | Instruction::End { .. } => {}
                Instruction::Finish { at, .. } => return (search.answer(), at),
            }
        }
        let second = service.second(index, rate);
        session.apply(second.end(), &SessionEvent::Second(Box::new(second.clone())));
        search.second(&second, &session);
    }
    panic!("the search does not end within an hour");
}

#[test]
fn one_instance_is_found_to_hold_what_it_holds() {
    let (found, _) = capacity_of(1, 10);
    // 1 % of errors are allowed: 124 of which 123 are answered.
    assert_eq!((found.holds, found.misses, found.instances), (Some(124), Some(125), Some(1)));
    assert_eq!(found.sentence(&OPTIONS.slo), "one instance sustains 124–125 requests/s at p99 ≤ 500 ms, errors ≤ 1 %");
    assert_eq!((found.exit_code(), found.per_instance), (0, Some(124.0)));
    assert!(found.text(&OPTIONS.slo, true).contains("--capacity 124.0"));
}

#[test]
fn a_service_that_scales_is_given_time_to() {
    let (found, _) = capacity_of(5, 100);
    let holds = found.holds.unwrap();
    assert!((615..=622).contains(&holds), "five hold 615: {holds}");
    assert_eq!(found.instances, Some(5));
    assert!(found.probes.iter().any(|probe| probe.settled_after_secs > Some(8)), "{:?}", found.probes);
}

#[test]
fn a_search_that_was_interrupted_says_what_it_knows() {
    let search = CapacitySearch::new(SearchOptions { start: 10, ceiling: 100, tolerance: 0.01 }, OPTIONS);
    let answer = search.answer();
    assert_eq!((answer.end.clone(), answer.exit_code()), (End::Interrupted, 1));
    assert!(answer.sentence(&OPTIONS.slo).ends_with("interrupted"));
}

#[test]
fn our_own_cap_is_named_and_no_machine_is_blamed_for_it() {
    let capped = "our cap of 50 requests in flight was reached (--max-in-flight)";
    let found = |holds, reason: &str| Capacity {
        holds,
        misses: None,
        instances: None,
        per_instance: None,
        end: End::Generator(reason.to_owned()),
        probes: Vec::new(),
    };
    let of_slo = "requests/s at p99 ≤ 500 ms, errors ≤ 1 %";
    let said = |holds, reason| (found(holds, reason).sentence(&OPTIONS.slo), found(holds, reason).exit_code());
    assert_eq!(said(Some(80), capped), (format!("the service sustains at least 80 {of_slo}; beyond, {capped}"), 4));
    assert_eq!(said(None, capped), (format!("no rate says anything of the service: {capped}"), 4));
    let (busy, code) = said(Some(80), "send lag");
    assert!(busy.ends_with("beyond, this machine was the limit: send lag") && code == 4, "{busy}");
}
