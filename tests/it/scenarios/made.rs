//! The events of a session, made of what a file says.

use super::*;

fn moment(secs: f64) -> Elapsed {
    Elapsed::ZERO + Duration::try_from_secs_f64(secs).unwrap()
}

fn latencies(count: u64, millis: u64) -> Latency {
    let mut latency = Latency::new();
    (0..count).for_each(|_| latency.record(Duration::from_millis(millis)));
    latency
}

impl Scenario {
    pub(super) fn events(&self) -> Vec<(Elapsed, Elapsed, SessionEvent)> {
        let mut events: Vec<(Elapsed, Elapsed, SessionEvent)> = Vec::new();
        if let Some(limits) = self.limits {
            events.push((Elapsed::ZERO, Elapsed::ZERO, SessionEvent::Limits(limits)));
        }
        for rate in &self.rate {
            let to = ArrivalRate::new(rate.to);
            let profile = match rate.from {
                Some(from) => {
                    RateProfile::Ramp { from: ArrivalRate::new(from), to, over: Duration::from_secs(rate.over) }
                }
                None => RateProfile::Constant(to),
            };
            let change = RateChange {
                profile,
                cause: RateCause::Set,
                stage: rate.stage.clone(),
                unmet_start: rate.unmet_start.clone(),
            };
            events.push((moment(rate.at), moment(rate.at), SessionEvent::Rate(change)));
        }
        for seen in &self.observed {
            let mut at = seen.at;
            while at <= seen.at || seen.until.is_some_and(|until| at < until) {
                let received = moment(seen.received.unwrap_or(at));
                let observation = InstanceObservation {
                    basis: seen.basis,
                    count: seen.count,
                    as_of: moment(at),
                    uncertainty: Duration::try_from_secs_f64(seen.grain).unwrap(),
                    provisional: false,
                };
                events.push((received, received, SessionEvent::Observed(observation)));
                at += 10.0;
            }
        }
        for seen in &self.recorded {
            let milestone = Milestone {
                kind: seen.kind,
                subject: seen.subject.clone(),
                detail: seen.detail.clone(),
                as_of: moment(seen.at),
                uncertainty: Duration::try_from_secs_f64(seen.grain).unwrap(),
                clock_error: Duration::try_from_secs_f64(seen.clock_error).unwrap(),
            };
            events.push((moment(seen.at), moment(seen.at), SessionEvent::Milestone(milestone)));
        }
        for (index, second) in self.seconds() {
            // A second closes a little after its end.
            let closed = second.end() + Duration::from_millis(100);
            assert_eq!(index, second.index);
            events.push((closed, second.end(), SessionEvent::Second(Box::new(second))));
        }
        if let Some(end) = self.end {
            let ended = SessionEvent::Ended { reason: "the scenario is over".to_owned() };
            events.push((moment(end) + Duration::from_secs(1), moment(end), ended));
        }
        events.sort_by_key(|(order, ..)| *order);
        events
    }

    fn seconds(&self) -> BTreeMap<u32, Second> {
        let mut seconds: BTreeMap<u32, Second> = BTreeMap::new();
        for load in &self.load {
            let alike = Alike::of(load);
            for index in load.from..load.until {
                load.file(index, &alike, &mut seconds);
            }
        }
        for (index, second) in &mut seconds {
            let at = Elapsed::from_secs(u64::from(*index) + 1);
            let rate = self.rate.iter().rev().find(|rate| moment(rate.at) < at);
            second.target = ArrivalRate::new(rate.map_or(0, |rate| rate.to));
        }
        seconds
    }

    pub(super) fn folded(&self) -> Session {
        let slo = Slo { quantile: 0.99, latency: Duration::from_millis(self.setup.p99_ms), errors: self.setup.errors };
        let settings = Settings {
            slo,
            timeout: Duration::from_secs(self.setup.timeout),
            capacity_per_instance: self.setup.capacity,
            max_in_flight: self.setup.max_in_flight.unwrap_or(Settings::default().max_in_flight),
            ..Settings::default()
        };
        let header = Header::new(0, settings);
        let mut session = Session::new(header);
        for (_, at, event) in self.events() {
            session.apply(at, &event);
        }
        session
    }
}

/// The latencies of one second, which are the same in every second of a load.
struct Alike {
    send_lag: Latency,
    ok: Latency,
    service: Latency,
    failed: Latency,
    shares: Vec<(u64, Latency)>,
}

impl Alike {
    fn of(load: &Load) -> Self {
        let mut ok = latencies(load.ok, load.ms);
        ok.merge(&latencies(load.slow, 900));
        let mut service = latencies(load.ok, load.ms.saturating_sub(load.lag_ms));
        service.merge(&latencies(load.slow, 900_u64.saturating_sub(load.lag_ms)));
        let of = load.ids.len() as u64;
        let answers = load.ok + load.slow;
        let share = |at| answers / of + u64::from(at < answers % of);
        Self {
            send_lag: latencies(load.sent(), load.lag_ms),
            ok,
            service,
            failed: latencies(load.failed(), 5),
            shares: (0..of).map(|at| (share(at), latencies(share(at), load.ms))).collect(),
        }
    }
}

impl Load {
    fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    fn sent(&self) -> u64 {
        self.ok + self.slow + self.failed() + self.unanswered
    }

    fn file(&self, index: u32, alike: &Alike, seconds: &mut BTreeMap<u32, Second>) {
        let blank = |index| Second::new(index, ArrivalRate::PAUSED);
        let asked = seconds.entry(index).or_insert_with(|| blank(index));
        asked.send_lag.merge(&alike.send_lag);
        asked.generator.cpu_percent = self.cpu.or(asked.generator.cpu_percent);
        asked.generator.cores = Some(self.cores);
        let part = asked.part_mut(index);
        part.due += self.sent() + self.dropped_cap + self.dropped_late;
        part.sent += self.sent();
        part.planned = self.unreported.map(|unreported| part.due + unreported).or(part.planned);
        part.dropped_cap += self.dropped_cap;
        part.dropped_late += self.dropped_late;
        part.late += self.dropped_late;
        if Duration::from_millis(self.lag_ms) > LATE {
            part.late += self.sent();
            part.longest_lag = Duration::from_millis(self.lag_ms);
        }

        for name in &self.generators {
            asked.generators.push(GeneratorPart {
                id: name.parse().expect("the name of a generator"),
                due: 0,
                sent: 0,
                ok: 0,
                lag_p99: None,
                cpu_percent: None,
                in_flight: 0,
                clock_error: None,
                late_anchor: None,
                numbers: Vec::new(),
            });
        }
        let done = index + self.answered_after;
        let answered = seconds.entry(done).or_insert_with(|| blank(done));
        let part = answered.part_mut(index);
        (0..self.ok + self.slow).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
        part.ok.merge(&alike.ok);
        part.failed.merge(&alike.failed);
        for (label, &count) in &self.errors {
            let kind = OutcomeKind::ALL.into_iter().find(|kind| kind.label() == label);
            let kind = kind.unwrap_or_else(|| panic!("no kind of failure is called {label:?}"));
            (0..count).for_each(|_| part.outcomes.add(kind));
        }
        part.service.merge(&alike.service);
        part.failed_service.merge(&alike.failed);
        for (id, (share, response)) in self.ids.iter().zip(&alike.shares) {
            let start = Elapsed::from_secs(u64::from(index));
            let first = self.first.get(id).map(|&secs| moment(secs)).filter(|first| first.second() == index);
            answered.served.push(Served {
                id: InstanceId::from(id.clone()),
                requests: *share,
                ok: *share,
                first_ok_intended: Some(first.unwrap_or(start)),
                response: response.clone(),
            });
        }
        answered.served.sort_by(|a, b| a.id.cmp(&b.id));
    }
}
