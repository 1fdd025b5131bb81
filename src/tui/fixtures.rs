//! Fixed states for tests, from a small builder: `state().rate(5).run(20).rate(600).run(8).build()`.
//!
//! A fixture is a list of session events, folded as a live session is; nothing in it depends on a clock or on chance.

use std::time::Duration;

use crate::app::player::{Outline, Player};
use crate::app::state::{Live, State, Ui, View};
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::instances::{Basis, Feed, InstanceObservation, Limits, SourceError, SourceErrorKind};
use crate::session::event::{Fact, Header, Notice, NoticeLevel, RateCause, RateChange, SessionEvent, Settings};
use crate::session::halves::Halves;
use crate::session::state::Session;
use scaletop_load::RateProfile;
use scaletop_load::{Connections, Latency};
use scaletop_load::{GeneratorHealth, Second, Served};
use scaletop_load::{OutcomeKind, RequestName};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

mod fleet;

/// Requests a second that one instance of the pretended service holds: 10 at a time, 80 ms each.
const PER_INSTANCE: u64 = 125;

/// A state in the making.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    session: Session,
    /// What is known of a second target.
    second: Option<Session>,
    live: Live,
    player: Option<Player>,
    ui: Ui,
    now: Elapsed,
    rate: ArrivalRate,
    instances: Vec<(u32, &'static str)>,
    p99_ms: u64,
    errors: Vec<(OutcomeKind, u64)>,
    dropped_cap: u64,
    dropped_late: u64,
    send_lag_us: u64,
    pinned: bool,
    in_flight_cap: u64,
    stalled: bool,
    fleet: fleet::Generators,
}

/// An empty session against the demo cluster.
pub(crate) fn state() -> Builder {
    let settings =
        Settings { target: "demo".to_owned(), url: "http://127.0.0.1:4000/api/test".to_owned(), ..Settings::default() };
    let header = Header {
        writer: concat!("scaletop ", env!("CARGO_PKG_VERSION")).to_owned(),
        ..Header::new(1_764_000_000_000_000, settings)
    };
    Builder {
        session: Session::new(header),
        second: None,
        live: Live { place: crate::app::state::Place::Demo, ..Live::new(ArrivalRate::new(600)) },
        player: None,
        ui: Ui::default(),
        now: Elapsed::ZERO,
        rate: ArrivalRate::PAUSED,
        instances: vec![(1, "i-7f3a")],
        p99_ms: 92,
        errors: Vec::new(),
        dropped_cap: 0,
        dropped_late: 0,
        send_lag_us: 400,
        pinned: false,
        in_flight_cap: 10_000,
        stalled: false,
        fleet: fleet::Generators::default(),
    }
}

impl Builder {
    /// With another target; nothing has happened yet.
    pub(crate) fn at_url(mut self, target: &str, url: &str) -> Self {
        let mut header = self.session.header().clone();
        (header.settings.target, header.settings.url) = (target.to_owned(), url.to_owned());
        self.session = Session::new(header);
        self
    }

    /// The session is this many seconds old; nothing was measured since the last second.
    pub(crate) fn at(mut self, secs: u64) -> Self {
        self.now = Elapsed::from_secs(secs);
        self
    }

    /// The rate from now on.
    pub(crate) fn rate(self, per_sec: u32) -> Self {
        let profile = RateProfile::Constant(ArrivalRate::new(per_sec));
        self.change(profile, RateCause::Set)
    }

    /// A ramp from the rate in force to another.
    pub(crate) fn ramp(self, to: u32, over_secs: u64) -> Self {
        let profile =
            RateProfile::Ramp { from: self.rate, to: ArrivalRate::new(to), over: Duration::from_secs(over_secs) };
        self.change(profile, RateCause::Ramp)
    }

    fn change(mut self, profile: RateProfile, cause: RateCause) -> Self {
        self.rate = profile.last();
        self.event(&SessionEvent::Rate(RateChange { profile, cause, stage: None, unmet_start: None }))
    }

    /// p99 of the response time from now on.
    pub(crate) fn p99_ms(mut self, millis: u64) -> Self {
        self.p99_ms = millis;
        self
    }

    /// One more instance answers from now on.
    pub(crate) fn instance(mut self, id: &'static str) -> Self {
        self.instances.push((1, id));
        self
    }

    /// The first of the instances stops answering.
    pub(crate) fn without_first_instance(mut self) -> Self {
        self.instances.remove(0);
        self
    }

    /// From now on nearly everything goes to the first instance.
    pub(crate) fn pinned(mut self) -> Self {
        self.pinned = true;
        self
    }

    /// So many errors of a kind a second from now on.
    pub(crate) fn errors(mut self, kind: OutcomeKind, per_sec: u64) -> Self {
        self.errors.retain(|(other, _)| *other != kind);
        self.errors.push((kind, per_sec));
        self
    }

    /// So many arrivals dropped a second from now on, at the cap and by our own lateness.
    pub(crate) fn drops(mut self, cap: u64, late: u64) -> Self {
        (self.dropped_cap, self.dropped_late) = (cap, late);
        self
    }

    /// The generator sends this late from now on.
    pub(crate) fn send_lag_ms(mut self, millis: u64) -> Self {
        self.send_lag_us = millis * 1_000;
        self
    }

    /// Nothing is answered from now on.
    pub(crate) fn stalled(mut self) -> Self {
        self.stalled = true;
        self
    }

    /// This many seconds go by under load.
    pub(crate) fn run(mut self, secs: u32) -> Self {
        for _ in 0..secs {
            let second = self.second();
            self.now = second.end();
            self = self.event(&SessionEvent::Second(Box::new(second)));
        }
        self
    }

    /// The same of a load of these requests, which share it as they come: the last of them fails.
    pub(crate) fn run_requests(mut self, secs: u32, names: &[&str]) -> Self {
        for _ in 0..secs {
            let mut second = self.second();
            let (index, all) = (second.index, second.parts.clone());
            for (at, name) in names.iter().enumerate() {
                let part = second.request_mut(&RequestName::from(*name), index);
                let is_last = at + 1 == names.len();
                part.due =
                    all.iter().map(|part: &scaletop_load::CohortPart| part.due).sum::<u64>() / names.len() as u64;
                part.sent = part.due;
                for n in 0..part.due {
                    part.outcomes.add(if is_last { OutcomeKind::Http5xxApplication } else { OutcomeKind::Ok });
                    let took = Duration::from_millis(60 * (at as u64 + 1) * (at as u64 + 1) + n);
                    if is_last { &mut part.failed } else { &mut part.ok }.record(took);
                }
            }
            self.now = second.end();
            self = self.event(&SessionEvent::Second(Box::new(second)));
        }
        self
    }

    /// This many seconds go by of which nothing is known.
    pub(crate) fn gap(mut self, secs: u64) -> Self {
        self.now = self.now + Duration::from_secs(secs);
        self
    }

    /// A count from the platform, `ago` seconds old.
    pub(crate) fn observed(self, basis: Basis, count: u32, ago: u64, provisional: bool) -> Self {
        let (as_of, grain) = (self.now - Duration::from_secs(ago), if basis == Basis::Active { 10 } else { 2 });
        let uncertainty = Duration::from_secs(grain);
        self.event(&SessionEvent::Observed(InstanceObservation { basis, count, as_of, uncertainty, provisional }))
    }

    /// The limits of the demo cluster.
    pub(crate) fn limits(self) -> Self {
        self.event(&SessionEvent::Limits(Limits { min: Some(1), max: Some(5), concurrency: Some(10) }))
    }

    pub(crate) fn live(self, source: &str) -> Self {
        let heard = self.now;
        self.event(&SessionEvent::Feed { source: source.to_owned(), feed: Feed::Live { heard } })
    }

    /// A source that answered `ago` seconds ago fails.
    pub(crate) fn stale(self, source: &str, ago: u64) -> Self {
        let heard = self.now - Duration::from_secs(ago);
        let error = SourceError {
            kind: SourceErrorKind::Throttled,
            message: "GetMetricData was throttled by CloudWatch".to_owned(),
            remedy: "polling backs off by itself; close other dashboards that poll the same account".to_owned(),
        };
        self.event(&SessionEvent::Feed { source: source.to_owned(), feed: Feed::Stale { heard, error } })
    }

    /// A source has never answered.
    pub(crate) fn failed(self, source: &str) -> Self {
        let error = SourceError {
            kind: SourceErrorKind::AccessDenied,
            message: "cannot describe service \"checkout\": access denied".to_owned(),
            remedy: "the role needs apprunner:DescribeService; `scaletop doctor --policy` prints a policy".to_owned(),
        };
        self.event(&SessionEvent::Feed { source: source.to_owned(), feed: Feed::Failed { error } })
    }

    /// Something the platform says.
    pub(crate) fn fact(self, name: &str, value: &str) -> Self {
        let as_of = self.now;
        self.event(&SessionEvent::Fact(Fact { name: name.to_owned(), value: value.to_owned(), as_of }))
    }

    /// What ECS recorded of the scale-out of the last step, by seconds after its start.
    pub(crate) fn milestones(mut self, recorded: &[(MilestoneKind, u64, &str)]) -> Self {
        let start = self.session.steps().last().map_or(Elapsed::ZERO, |report| report.step.start);
        for &(kind, after, detail) in recorded {
            let seen = Milestone {
                kind,
                subject: "a".to_owned(),
                detail: detail.to_owned(),
                as_of: start + Duration::from_secs(after),
                uncertainty: Duration::ZERO,
                clock_error: Duration::ZERO,
            };
            self = self.event(&SessionEvent::Milestone(seen));
        }
        self
    }

    pub(crate) fn mark(self, text: &str) -> Self {
        self.event(&SessionEvent::Mark { text: text.to_owned() })
    }

    /// From now on the objective's percentile may take so long.
    pub(crate) fn objective_ms(self, millis: u64) -> Self {
        let first = self.session.header().settings.slo;
        let slo = crate::slo::Slo { latency: Duration::from_millis(millis), ..first };
        self.event(&SessionEvent::Objective(slo))
    }

    /// The session is over.
    pub(crate) fn ended(self) -> Self {
        self.event(&SessionEvent::Ended { reason: "quit".to_owned() })
    }

    /// A line of the log.
    pub(crate) fn notice(self, level: NoticeLevel, text: &str) -> Self {
        self.event(&SessionEvent::Notice(Notice { level, text: text.to_owned() }))
    }

    /// As a replay shows it, so many times as fast, with `more` seconds to come.
    pub(crate) fn replay(mut self, speed: u32, more: u64) -> Self {
        let position = self.now + Duration::from_millis(150);
        let mut player = Player::new(speed);
        let steps = self.session.steps().iter().map(|report| report.step.start).collect();
        player.learn(Outline { end: position + Duration::from_secs(more), steps });
        player.advance(Elapsed::from_nanos(position.as_nanos() / u64::from(speed)));
        self.player = Some(player);
        self
    }

    /// The same with what happened meanwhile at a second target.
    pub(crate) fn beside(self, target: &str, second: Self) -> Self {
        let of = |session: Session, target: &str| {
            let mut session = session;
            target.clone_into(&mut session.header_mut().settings.target);
            session
        };
        let second = Some(of(second.session, target));
        Self { session: of(self.session, "demo:apprunner"), second, ..self }
    }

    /// The view on screen.
    pub(crate) fn view(self, view: View) -> Self {
        self.ui(|ui| ui.view = view)
    }

    /// Changes what the user looks at.
    pub(crate) fn ui(mut self, change: impl FnOnce(&mut Ui)) -> Self {
        change(&mut self.ui);
        self
    }

    /// Changes how the session is going.
    pub(crate) fn run_as(mut self, change: impl FnOnce(&mut Live)) -> Self {
        change(&mut self.live);
        self
    }

    pub(crate) fn build(self) -> State {
        let header = self.session.header().clone();
        let state = match self.player {
            Some(player) => State::replay(header, player),
            None => State::live(header, self.live),
        };
        let now = self.now + Duration::from_millis(150);
        state.in_folder("scaletop-sessions/20261124T001500Z-demo".into()).showing_halves(
            Halves::of(self.session, self.second),
            now,
            self.ui,
        )
    }

    fn event(mut self, event: &SessionEvent) -> Self {
        self.session.apply(self.now, event);
        self
    }

    /// One second of the pretended service: what exceeds its capacity is answered 429.
    fn second(&self) -> Second {
        let (anchor, profile) = self.session.rate();
        let target = profile.rate_after((self.now + Duration::from_secs(1)).saturating_since(anchor));
        let index = self.now.second();
        let mut second = Second::new(index, target);
        let due = u64::from(target.get());
        let sent = due.saturating_sub(self.dropped_cap + self.dropped_late);
        let part = second.part_mut(index);
        (part.due, part.sent) = (due, sent);
        part.dropped_cap = self.dropped_cap.min(due);
        part.dropped_late = self.dropped_late.min(due);
        let mut left = if self.stalled { 0 } else { sent };
        for &(kind, per_sec) in &self.errors {
            for _ in 0..per_sec.min(left) {
                part.outcomes.add(kind);
                part.failed.record(Duration::from_millis(self.p99_ms * 2));
                part.service.record(Duration::from_millis(self.p99_ms * 2));
            }
            left -= per_sec.min(left);
        }
        let room = PER_INSTANCE * self.instances.len() as u64;
        // The capacity breathes a little, so that curves look like curves; the same on every run.
        let ok = left.min(room * (97 + u64::from(index * 7 % 5)) / 100);
        for n in 0..left - ok {
            part.outcomes.add(OutcomeKind::Http429);
            part.failed.record(Duration::from_millis(2 + n % 3));
        }
        for n in 0..ok {
            part.outcomes.add(OutcomeKind::Ok);
            let latency = self.latency(n, ok, index);
            part.ok.record(latency);
            part.service.record(latency.saturating_sub(Duration::from_micros(self.send_lag_us)));
        }
        for _ in 0..sent {
            second.send_lag.record(Duration::from_micros(self.send_lag_us));
        }
        second.in_flight = if self.stalled { sent * 5 } else { ok * 80 / 1000 };
        second.oldest_in_flight = (second.in_flight > 0)
            .then(|| if self.stalled { Duration::from_secs(4) } else { Duration::from_millis(self.p99_ms * 9 / 10) });
        second.bytes_in = ok * 120;
        second.served = self.served(ok, index);
        second.generator = GeneratorHealth {
            cpu_percent: Some(12.0),
            cores: Some(2),
            fds: Some((120, 65_536)),
            ports_left: Some(28_000),
            in_flight_cap: self.in_flight_cap,
            in_flight_peak: if self.dropped_cap > 0 { self.in_flight_cap } else { second.in_flight },
            workers: 1,
            longest_turn: Some(Duration::from_micros(600)),
            ..GeneratorHealth::default()
        };
        second.connections = Self::connections(second.in_flight);
        self.fleet.report(&mut second);
        second
    }

    /// As many as there are requests in flight, some of them new.
    fn connections(in_flight: u64) -> Connections {
        let opened = in_flight / 8;
        let mut connections = Connections { open: in_flight, opened, ..Connections::default() };
        for n in 0..opened {
            let tcp = Duration::from_micros(900 + n * 20);
            connections.dns.record(Duration::from_micros(3));
            connections.tcp.record(tcp);
            connections.connect.record(tcp + Duration::from_micros(3));
            connections.slot_wait.record(tcp / 2);
        }
        connections
    }

    /// Most answers take a little over 80 ms, the slowest hundredth p99.
    fn latency(&self, n: u64, of: u64, index: u32) -> Duration {
        let is_slow = n * 100 >= of * 98;
        let wobble = u64::from(index) * 13 % 9;
        let millis = if is_slow { self.p99_ms + wobble } else { (82 + n % 7 + wobble / 3).min(self.p99_ms) };
        Duration::from_millis(millis)
    }

    fn served(&self, ok: u64, index: u32) -> Vec<Served> {
        let count = self.instances.len() as u64;
        let mut served: Vec<Served> = self
            .instances
            .iter()
            .enumerate()
            .map(|(at, (_, id))| {
                let even = ok / count.max(1);
                let share = match (self.pinned, at) {
                    (true, 0) => ok - ok / 20,
                    (true, _) => ok / 20 / (count - 1).max(1),
                    (false, _) => even,
                };
                let mut response = Latency::new();
                for n in 0..share {
                    response.record(self.latency(n, share, index));
                }
                Served {
                    id: InstanceId::from((*id).to_owned()),
                    requests: share,
                    ok: share,
                    first_ok_intended: (share > 0).then(|| Elapsed::from_millis(u64::from(index) * 1_000 + 100)),
                    response,
                }
            })
            .filter(|served| served.requests > 0)
            .collect();
        served.sort_by(|a, b| a.id.cmp(&b.id));
        served
    }
}

/// The same state, looked at in another way.
pub(crate) fn looked_at(state: &State, change: impl FnOnce(&mut Ui)) -> State {
    let mut ui = state.ui().clone();
    change(&mut ui);
    state.clone().showing_halves(state.halves().clone(), state.now(), ui)
}

/// Calm, a spike to 600, an instance after the other, calm again: the picture that scaletop is for.
pub(crate) fn spike(scaled: usize, after: u32) -> Builder {
    spike_of(state(), scaled, after)
}

/// The same, beginning with something else than nothing.
pub(crate) fn spike_of(begun: Builder, scaled: usize, after: u32) -> Builder {
    const IDS: [&str; 4] = ["i-21c0", "i-b94e", "i-0d55", "i-e8a2"];
    let mut state = begun.limits().rate(50).run(5).live("cloudwatch").fact("status", "RUNNING").run(45);
    for ago in [40, 30, 20, 10] {
        state = state.observed(Basis::Active, 1, ago, false);
    }
    state = state.rate(600).p99_ms(640).run(8);
    for id in IDS.into_iter().take(scaled) {
        state = state.instance(id).run(6);
    }
    if scaled == IDS.len() {
        state = state.p99_ms(96);
    }
    state.run(after)
}
