//! A made-up service under a made-up load: the events that a real session against it would record.
//!
//! The service behaves as App Runner's: each instance takes ten requests at a time and 80 ms for each; what is too much is
//! refused with 429; new instances take eight seconds to start; those that are not needed go after a minute. The numbers
//! come from a seeded generator: the same seed makes the same session.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use scaletop::{Basis, Feed, InstanceObservation, Limits};
use scaletop::{Fact, Header, Notice, NoticeLevel, RateCause, RateChange, Recorded, SessionEvent, Settings};
use scaletop_load::Latency;
use scaletop_load::OutcomeKind;
use scaletop_load::RateProfile;
use scaletop_load::{GeneratorHealth, Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

/// Requests that one instance takes at the same time.
const CONCURRENCY: u32 = 10;
/// Seconds until a new instance answers.
const COLD_START_SECS: u32 = 8;
/// The most instances.
const MAX_INSTANCES: u32 = 5;
/// Completions later than this do not happen.
const TIMEOUT_SECS: u32 = 10;

/// How widely latencies are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// As on one machine: 80 ms and a little.
    Near,
    /// As across the internet: 20 to 50 ms more, with a tail.
    Far,
}

/// One stage of the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// The rate, or how it changes.
    pub(crate) profile: RateProfile,
    /// For how long.
    pub(crate) secs: u32,
    /// What it is called.
    pub(crate) name: Option<&'static str>,
}

impl Stage {
    /// A constant rate.
    pub(crate) const fn of(rate: u32, secs: u32) -> Self {
        Self { profile: RateProfile::Constant(ArrivalRate::new(rate)), secs, name: None }
    }

    /// A ramp.
    pub(crate) const fn ramp(from: u32, to: u32, secs: u32) -> Self {
        let (from, to) = (ArrivalRate::new(from), ArrivalRate::new(to));
        Self { profile: RateProfile::Ramp { from, to, over: Duration::from_secs(secs as u64) }, secs, name: None }
    }
}

/// A day's load, over and over: calm, spike, ramp, calm.
pub(crate) const SPIKES: [Stage; 5] =
    [Stage::of(5, 60), Stage::of(600, 420), Stage::ramp(600, 900, 120), Stage::of(600, 900), Stage::of(100, 300)];

/// The service and the load on it.
#[derive(Debug)]
pub(crate) struct World {
    rng: Rng,
    network: Network,
    stages: Vec<Stage>,
    stage: usize,
    stage_end: u32,
    now: u32,
    anchor: u32,
    profile: RateProfile,
    /// Instances that answer.
    alive: Vec<InstanceId>,
    /// When each starting instance will answer.
    starting: VecDeque<u32>,
    /// Since when fewer would do.
    idle_since: Option<u32>,
    /// Seconds that something may still complete in, from `now` on.
    open: VecDeque<Second>,
    in_flight: i64,
    born: u32,
}

/// The first line of such a recording.
pub(crate) fn header(seed: u64) -> Header {
    Header {
        writer: concat!("scaletop ", env!("CARGO_PKG_VERSION"), " (synthetic)").to_owned(),
        ..Header::new(
            1_764_000_000_000_000,
            Settings {
                target: "synthetic".to_owned(),
                url: "http://127.0.0.1:1/api/test".to_owned(),
                plan: Some("synthetic spikes".to_owned()),
                seed,
                ..Settings::default()
            },
        )
    }
}

/// Texts that try to do harm wherever they are shown.
pub(crate) const HARMFUL: [&str; 8] = [
    "<script>window.harmed = 1; alert(1)</script>",
    "</script><script>alert(2)</script>",
    "\" onmouseover=\"alert(3)\" x=\"",
    "<img src=x onerror=alert(4)>",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\nnew line",
    "=HYPERLINK(\"http://example.com/?\"&A1,\"click\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u{202e}txet desrever\u{2066}",
];

/// Events that carry such texts.
pub(crate) fn hostile() -> Vec<Recorded> {
    let carriers = |(n, text): (usize, &str)| {
        let (at, text) = (Elapsed::from_secs(n as u64 * 20), text.to_owned());
        let notice = Notice { level: NoticeLevel::Warning, text: text.clone() };
        let fact = Fact { name: text.clone(), value: text.clone(), as_of: at };
        [
            SessionEvent::Mark { text: text.clone() },
            SessionEvent::Notice(notice),
            SessionEvent::Fact(fact),
            SessionEvent::Feed { source: text, feed: Feed::Waiting },
        ]
        .map(|event| Recorded::new(Elapsed::ZERO, event))
    };
    HARMFUL.into_iter().enumerate().flat_map(carriers).collect()
}

impl World {
    /// A world at rest, with one instance.
    pub(crate) fn new(seed: u64, network: Network, stages: &[Stage]) -> Self {
        let mut world = Self {
            rng: Rng::with_seed(seed),
            network,
            stages: stages.to_vec(),
            stage: 0,
            stage_end: 0,
            now: 0,
            anchor: 0,
            profile: RateProfile::PAUSED,
            alive: Vec::new(),
            starting: VecDeque::new(),
            idle_since: None,
            open: VecDeque::new(),
            in_flight: 0,
            born: 0,
        };
        world.be_born();
        world
    }

    /// What is recorded before the first second.
    pub(crate) fn beginning() -> Vec<Recorded> {
        let at = Elapsed::ZERO;
        let limits = Limits { min: Some(1), max: Some(MAX_INSTANCES), concurrency: Some(CONCURRENCY) };
        let fact = Fact { name: "status".to_owned(), value: "RUNNING".to_owned(), as_of: at };
        let feed = SessionEvent::Feed { source: "cloudwatch".to_owned(), feed: Feed::Live { heard: at } };
        [SessionEvent::Limits(limits), SessionEvent::Fact(fact), feed].map(|event| Recorded::new(at, event)).to_vec()
    }

    /// What is recorded in the next second.
    pub(crate) fn second(&mut self) -> Vec<Recorded> {
        let mut events = Vec::new();
        self.change_rate(&mut events);
        self.scale();
        let rate = self.profile.rate_after(Duration::from_secs(u64::from(self.now - self.anchor)));
        self.serve(rate);
        let at = Elapsed::from_secs(u64::from(self.now) + 1);
        let mut second = self.open.pop_front().unwrap_or_else(|| Second::new(self.now, rate));
        second.target = rate;
        let total = second.total();
        self.in_flight += i64::try_from(total.sent).unwrap_or(0) - i64::try_from(total.outcomes.total()).unwrap_or(0);
        second.in_flight = u64::try_from(self.in_flight).unwrap_or(0);
        second.oldest_in_flight = (second.in_flight > 0).then(|| Duration::from_micros(self.rng.u64(60_000..110_000)));
        second.served.sort_by(|a, b| a.id.cmp(&b.id));
        second.remotes = vec![([127, 0, 0, 1].into(), total.outcomes.total())];
        second.generator = GeneratorHealth {
            cpu_percent: Some((12.0 + 4.0 * self.rng.f32() + rate.get() as f32 / 60.0).round()),
            cores: Some(4),
            fds: Some((40 + second.in_flight, 65_536)),
            ports_left: Some(28_000 - u32::try_from(second.in_flight).unwrap_or(0)),
            in_flight_cap: 10_000,
            in_flight_peak: second.in_flight + self.rng.u64(0..12),
            ..GeneratorHealth::default()
        };
        events.push(Recorded::new(at, SessionEvent::Second(Box::new(second))));
        // The platform's own count: a point a minute, two minutes late.
        if self.now % 60 == 59 && self.now > 120 {
            let as_of = Elapsed::from_secs(u64::from(self.now - 119));
            let count = u32::try_from(self.alive.len()).unwrap_or(0);
            let uncertainty = Duration::from_secs(30);
            let seen = InstanceObservation { basis: Basis::Active, count, as_of, uncertainty, provisional: false };
            events.push(Recorded::new(at, SessionEvent::Observed(seen)));
        }
        self.now += 1;
        events
    }

    /// What is recorded at the end.
    pub(crate) fn end(&self) -> Vec<Recorded> {
        let at = Elapsed::from_secs(u64::from(self.now));
        let ended = SessionEvent::Ended { reason: "the plan is done".to_owned() };
        vec![Recorded::new(at, ended)]
    }

    fn change_rate(&mut self, events: &mut Vec<Recorded>) {
        if self.now < self.stage_end || self.stages.is_empty() {
            return;
        }
        let stage = self.stages[self.stage % self.stages.len()];
        self.stage += 1;
        self.stage_end = self.now + stage.secs;
        self.anchor = self.now;
        self.profile = stage.profile;
        let at = Elapsed::from_secs(u64::from(self.now));
        let change = RateChange {
            profile: stage.profile,
            cause: RateCause::Plan,
            stage: stage.name.map(str::to_owned),
            unmet_start: None,
        };
        events.push(Recorded::new(at, SessionEvent::Rate(change)));
        if self.stage.is_multiple_of(7) {
            let text = format!("stage {} began", self.stage);
            events.push(Recorded::new(at, SessionEvent::Notice(Notice { level: NoticeLevel::Info, text })));
        }
    }

    fn be_born(&mut self) {
        self.born += 1;
        self.alive.push(InstanceId::from(format!("i-{:08x}", self.rng.u32(..))));
    }

    fn scale(&mut self) {
        while self.starting.front().is_some_and(|&ready| ready <= self.now) {
            self.starting.pop_front();
            self.be_born();
        }
        let rate = self.profile.rate_after(Duration::from_secs(u64::from(self.now - self.anchor)));
        let wanted =
            (f64::from(rate.get()) * 0.08 / f64::from(CONCURRENCY)).ceil().clamp(1.0, f64::from(MAX_INSTANCES));
        let have = self.alive.len() + self.starting.len();
        if (have as f64) < wanted {
            // One more every other second.
            if self.now.is_multiple_of(2) {
                self.starting.push_back(self.now + COLD_START_SECS);
            }
            self.idle_since = None;
        } else if (self.alive.len() as f64) > wanted {
            let since = *self.idle_since.get_or_insert(self.now);
            if self.now - since >= 60 {
                self.alive.remove(0);
                self.idle_since = Some(self.now - 45);
            }
        } else {
            self.idle_since = None;
        }
    }

    fn serve(&mut self, rate: ArrivalRate) {
        let capacity = self.alive.len() as u64 * u64::from(CONCURRENCY) * 1_000 / 81;
        let (due, start) = (u64::from(rate.get()), u64::from(self.now) * 1_000_000);
        let taken = due.min(capacity);
        for n in 0..due {
            let intended = start + n * 1_000_000 / due.max(1);
            let lag = 30 + whole(-(1.0 - self.rng.f64()).ln() * 90.0);
            let is_ok = n * taken / due.max(1) != (n + 1) * taken / due.max(1);
            let service = if is_ok { self.service_micros() } else { 900 + self.rng.u64(0..1_500) };
            let completed = intended + lag + service;
            let by = self.rng.usize(0..self.alive.len());
            let id = self.alive[by].clone();
            let open = self.open_mut(self.now);
            let part = open.part_mut(u32::try_from(intended / 1_000_000).unwrap_or(0));
            part.due += 1;
            part.sent += 1;
            open.send_lag.record(Duration::from_micros(lag));
            let second = u32::try_from(completed / 1_000_000).unwrap_or(u32::MAX).min(self.now + TIMEOUT_SECS);
            let intended_second = self.now;
            let done = self.open_mut(second);
            let part = done.part_mut(intended_second);
            part.outcomes.add(if is_ok { OutcomeKind::Ok } else { OutcomeKind::Http429 });
            let response = Duration::from_micros(lag + service);
            if is_ok {
                part.ok.record(response);
            } else {
                part.failed.record(response);
            }
            part.service.record(Duration::from_micros(service));
            done.bytes_in += 120;
            if !is_ok {
                done.unattributed += 1;
                continue;
            }
            let known = done.served.iter().position(|served| served.id == id);
            let at = known.unwrap_or_else(|| {
                let none = Served { id, requests: 0, ok: 0, first_ok_intended: None, response: Latency::new() };
                done.served.push(none);
                done.served.len() - 1
            });
            let served = &mut done.served[at];
            served.requests += 1;
            served.ok += 1;
            served.response.record_rough(response);
            served.first_ok_intended.get_or_insert(Elapsed::from_micros(intended));
        }
    }

    fn service_micros(&mut self) -> u64 {
        let tail = -(1.0 - self.rng.f64()).ln();
        match self.network {
            Network::Near => 80_000 + self.rng.u64(0..300) + whole(tail * 600.0),
            // A log-normal of median 6 ms on top of 92.
            Network::Far => {
                let (a, b) = (self.rng.f64().max(1e-12), self.rng.f64());
                let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
                92_000 + whole(0.7_f64.mul_add(normal, 6_000.0_f64.ln()).exp())
            }
        }
    }

    fn open_mut(&mut self, second: u32) -> &mut Second {
        let at = (second - self.now) as usize;
        while self.open.len() <= at {
            let index = self.now + u32::try_from(self.open.len()).unwrap_or(0);
            self.open.push_back(Second::new(index, ArrivalRate::PAUSED));
        }
        &mut self.open[at]
    }
}

/// Whole microseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; `as` saturates")]
fn whole(micros: f64) -> u64 {
    micros as u64
}
