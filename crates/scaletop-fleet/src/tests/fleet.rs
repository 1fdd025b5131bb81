//! A fleet for tests.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use scaletop_load::{
    Arrivals, Expected, Line, LoadConfig, RateProfile, Reply, RequestOptions, Second, Transport, Turn, start_inline,
};
use scaletop_units::{ArrivalRate, Elapsed, GeneratorChange, RunClock};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::sleep;

use super::network::Network;
use crate::config::{
    Consent, ControllerConfig, Ended, Engine, EngineSetup, FleetError, GeneratorConfig, OnLoss, Progress, Resumed,
    RunId, Verifier,
};
use crate::controller::{Wires, await_ready, prepare};
use crate::generator::generate;
use crate::handle::{FleetHandle, News};
use crate::link::ControllerLink;
use crate::resume::{Abandoned, recover};
use crate::slots::tests::id;

/// A controller that was started.
struct Led {
    handle: FleetHandle,
    controller: JoinHandle<()>,
    told: mpsc::UnboundedReceiver<Result<Progress, FleetError>>,
    begin: oneshot::Sender<()>,
}

fn config(generators: u32, options: &Options) -> ControllerConfig {
    let is_forged = options.is_forged;
    ControllerConfig {
        run: RunId::from_number(1),
        epoch: 1,
        resumed: None,
        wanted: generators,
        to_begin: options.at_least,
        to_go_on: options.at_least,
        within: Duration::from_secs(10),
        on_loss: options.on_loss,
        lease: Duration::from_millis(1_500),
        arrivals: Arrivals::Uniform,
        seed: 7,
        max_rate: ArrivalRate::new(100_000),
        expected: Expected::default(),
        max_in_flight_each: None,
        request: RequestOptions::get("https://shop.example/".parse().unwrap()),
        not_after: options.not_after,
        consent: Consent { host: "shop.example".to_owned(), by: "me".to_owned(), at: "now".to_owned() },
        version: "0.2".to_owned(),
        allow_versions: false,
        signer: Box::new(move |bytes| if is_forged { b"forged".to_vec() } else { signature(bytes) }),
        kill: None,
    }
}

/// Starts a controller; what it says goes to `seconds` and `news`.
fn lead(config: ControllerConfig, link: ControllerLink, clock: RunClock, seconds: &Seconds, news: &AllNews) -> Led {
    let drive = prepare(config, link, clock).unwrap();
    let (handle, commands) = FleetHandle::new();
    let (progress, told) = mpsc::unbounded_channel();
    let (begin, begin_rx) = oneshot::channel();
    let (seconds_tx, mut seconds_rx) = mpsc::channel(64);
    let (news_tx, mut news_rx) = mpsc::channel(64);
    let wires = Wires { commands, progress, begin: begin_rx, seconds: seconds_tx, news: news_tx };
    let controller = tokio::task::spawn_local(drive.run(wires));
    let (into, told_news) = (Rc::clone(seconds), Rc::clone(news));
    tokio::task::spawn_local(async move {
        while let Some(second) = seconds_rx.recv().await {
            into.borrow_mut().push(second);
        }
    });
    tokio::task::spawn_local(async move {
        while let Some(one) = news_rx.recv().await {
            told_news.borrow_mut().push((clock.now(), one));
        }
    });
    Led { handle, controller, told, begin }
}

type Seconds = Rc<RefCell<Vec<Second>>>;
type AllNews = Rc<RefCell<Vec<(Elapsed, News)>>>;

/// When each arrival that was sent was due, and who sent it.
type Sent = Rc<RefCell<Vec<(Elapsed, usize)>>>;

/// How a fleet is set up.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub on_loss: OnLoss,
    pub at_least: u32,
    pub max_rate: u32,
    pub answer: Duration,
    pub not_after: Duration,
    pub allow: String,
    pub is_forged: bool,
    pub version: String,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            on_loss: OnLoss::Redistribute,
            at_least: 1,
            max_rate: 10_000,
            answer: Duration::from_millis(20),
            not_after: Duration::from_hours(1),
            allow: "shop.example".to_owned(),
            is_forged: false,
            version: "0.2".to_owned(),
            seed: 1,
        }
    }
}

/// What a fleet did.
#[derive(Debug)]
pub(super) struct Report {
    pub sent: Vec<(Elapsed, usize)>,
    pub seconds: Vec<Second>,
    pub news: Vec<(Elapsed, News)>,
}

impl Report {
    pub(super) fn notices(&self) -> impl Iterator<Item = &str> {
        self.news.iter().filter_map(|(_, news)| match news {
            News::Notice(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

type Generator = JoinHandle<Result<Ended, FleetError>>;

/// A fleet in virtual time.
pub(super) struct Fleet {
    pub net: Network,
    pub handle: FleetHandle,
    options: Options,
    clock: RunClock,
    controller: JoinHandle<()>,
    generators: Vec<(Generator, Option<oneshot::Sender<()>>)>,
    sent: Sent,
    /// What was said while they gathered.
    said: Vec<String>,
    seconds: Seconds,
    news: AllNews,
}

/// Notes what it is asked to send, and answers after a while.
struct Noting {
    who: usize,
    sent: Sent,
    answer: Duration,
}

impl Transport for Noting {
    async fn send(&self, _: Elapsed) -> Reply {
        Reply::status(200)
    }

    fn serve(self: &Rc<Self>, line: &Rc<Line>, _: Turn) {
        while let Some(mut exchange) = line.take() {
            self.sent.borrow_mut().push((exchange.arrival().due, self.who));
            exchange.begin();
            let answer = self.answer;
            tokio::task::spawn_local(async move {
                sleep(answer).await;
                exchange.complete(Reply::status(200));
            });
        }
    }
}

fn signature(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().take(32).copied().collect()
}

impl Fleet {
    /// A running fleet of so many generators with one thread each.
    pub(super) async fn start(generators: u32, options: Options) -> Self {
        let (fleet, ready) = Self::gather(generators, options).await;
        ready.expect("enough are ready");
        fleet
    }

    /// One that does not come about: why not, why each generator ended, and what was said of them.
    pub(super) async fn fail(generators: u32, options: Options) -> (FleetError, Vec<FleetError>, Vec<String>) {
        let (fleet, ready) = Self::gather(generators, options).await;
        let said = fleet.said.clone();
        let mut refusals = Vec::new();
        for (generator, _) in fleet.generators {
            refusals.extend(generator.await.unwrap().err());
        }
        (ready.expect_err("nobody is ready"), refusals, said)
    }

    async fn gather(generators: u32, options: Options) -> (Self, Result<(), FleetError>) {
        let clock = RunClock::start();
        // The session is a while old, and no generator's clock began when it did.
        sleep(Duration::from_millis(1_234)).await;
        let (net, link) = Network::new(options.seed);
        let (seconds, news) = (Rc::default(), Rc::default());
        let Led { handle, controller, mut told, begin } =
            lead(config(generators, &options), link, clock, &seconds, &news);
        let mut fleet = Self {
            net,
            handle,
            options,
            clock,
            controller,
            generators: Vec::new(),
            sent: Rc::default(),
            said: Vec::new(),
            seconds,
            news,
        };
        for which in 0..usize::try_from(generators).unwrap() {
            fleet.join(which).await;
        }
        let within = Duration::from_secs(10);
        let mut said = Vec::new();
        let mut note = |progress| {
            if let Progress::Notice(text) = progress {
                said.push(text);
            }
        };
        let ready = await_ready(&mut told, generators, fleet.options.at_least, within, &mut note).await;
        fleet.said = said;
        let _ = begin.send(());
        sleep(Duration::from_millis(50)).await;
        (fleet, ready)
    }

    /// Generator `which` joins, with one thread.
    pub(super) async fn join(&mut self, which: usize) {
        sleep(Duration::from_millis(37)).await;
        let link = self.net.join(which, &id(which));
        let (leave, leaves) = oneshot::channel();
        let config = GeneratorConfig {
            id: id(which),
            threads: 1,
            max_rate: ArrivalRate::new(self.options.max_rate),
            allow: vec![self.options.allow.clone()],
            orphan: Duration::from_mins(10),
            labels: Vec::new(),
            version: self.options.version.clone(),
            verify: Box::new(|bytes, signed| signature(bytes) == signed),
            leave: leaves,
        };
        let (sent, answer) = (Rc::clone(&self.sent), self.options.answer);
        let make = async move |setup: EngineSetup| {
            assert_eq!(setup.threads, 1, "an engine inline has one worker");
            let (handle, seconds) =
                start_inline(&LoadConfig::default(), Noting { who: which, sent, answer }, setup.clock);
            Ok(Engine { handle, seconds, keep: None })
        };
        // A set of its own: killed, all of its tasks are.
        let process = LocalSet::new();
        let generator =
            tokio::task::spawn_local(async move { process.run_until(generate(config, link, make, |_| {})).await });
        self.generators.push((generator, Some(leave)));
    }

    pub(super) fn now(&self) -> Elapsed {
        self.clock.now()
    }

    pub(super) async fn sleep(&self, millis: u64) {
        sleep(Duration::from_millis(millis)).await;
    }

    /// Sets the rate as early as can be; when.
    pub(super) fn set(&self, profile: RateProfile) -> Elapsed {
        let lead = self.news.borrow().iter().rev().find_map(|(_, news)| match news {
            News::State(state) => Some(state.lead),
            _ => None,
        });
        let at = self.now() + lead.expect("a state was told");
        self.handle.set(at, profile);
        at
    }

    pub(super) fn kill(&mut self, which: usize) {
        self.generators[which].0.abort();
    }

    pub(super) fn leave(&mut self, which: usize) {
        let leave = self.generators[which].1.take().expect("it was not asked before");
        let _ = leave.send(());
    }

    pub(super) fn kill_controller(&mut self) {
        self.controller.abort();
    }

    /// Another controller goes on with what the first one recorded, and with what only the generators know.
    pub(super) async fn resume(&mut self, generators: u32) {
        let mut link = self.net.again();
        let session =
            Abandoned { run: RunId::from_number(1), epoch: 2, started_unix_micros: self.clock.started_unix_micros() };
        let verify: Verifier = Box::new(|bytes, signed| signature(bytes) == signed);
        let mut heard = Vec::new();
        let recovered = recover(&mut link, &session, &verify, Duration::from_secs(10), &mut heard).await.unwrap();
        let ahead = recovered.clock.now().as_nanos().abs_diff(self.clock.now().as_nanos());
        assert!(ahead < 4_000_000, "its clock is {ahead} ns off, and a message takes up to 3 ms");
        self.clock = recovered.clock;
        let mut resumed = Resumed { heard, ..Resumed::default() };
        for (_, news) in &*self.news.borrow() {
            let News::Generator(event) = news else { continue };
            match event.change {
                GeneratorChange::Joined | GeneratorChange::Returned => drop(resumed.there.insert(event.id.clone())),
                GeneratorChange::Lost | GeneratorChange::Left => drop(resumed.there.remove(&event.id)),
                GeneratorChange::Suspected | GeneratorChange::TakenOver => {}
            }
        }
        for second in &*self.seconds.borrow() {
            resumed.next = second.index + 1;
            for row in &second.generators {
                resumed.merged.entry(row.id.clone()).or_default().extend(&row.numbers);
            }
        }
        let config = ControllerConfig {
            epoch: 2,
            resumed: Some(resumed),
            request: recovered.request,
            lease: recovered.lease,
            consent: recovered.consent,
            not_after: recovered.not_after,
            ..config(generators, &self.options)
        };
        let Led { handle, controller, mut told, begin } =
            lead(config, link, recovered.clock, &self.seconds, &self.news);
        (self.handle, self.controller) = (handle, controller);
        await_ready(&mut told, generators, 1, Duration::from_secs(10), &mut |_| {}).await.unwrap();
        sleep(Duration::from_millis(1_550)).await;
        let _ = begin.send(());
        sleep(Duration::from_millis(50)).await;
    }

    pub(super) fn sent(&self) -> Vec<(Elapsed, usize)> {
        self.sent.borrow().clone()
    }

    /// Stops it; what it did.
    pub(super) async fn stop(self) -> Report {
        self.handle.stop();
        self.controller.await.unwrap();
        tokio::task::yield_now().await;
        Report { sent: self.sent.take(), seconds: self.seconds.take(), news: self.news.take() }
    }
}
