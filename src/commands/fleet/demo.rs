//! `scaletop fleet demo`: a whole fleet on this machine. nats-server, the instances of the cluster and the generators are child
//! processes of this one.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

use scaletop_cluster::wire::EmbeddedPlatform;
use scaletop_fleet::nats::{Controller, ControllerOptions, Seconds, connect_controller};
use scaletop_fleet::server::{Launcher, Server, ServerOptions};
use scaletop_fleet::ticket::Tickets;
use scaletop_fleet::{
    Consent, ControllerConfig, FleetHandle, FleetRunning, News, OnLoss, Progress, RunId, Signer, gather,
};
use scaletop_load::{RateProfile, RequestOptions, Second};
use scaletop_units::{ArrivalRate, RunClock};

use crate::app::signals::Signals;
use crate::cli::fleet::FleetDemoArgs;
use crate::commands::drive::request_options;
use crate::commands::own::Own;
use crate::commands::{CommandError, demo_spike, destination, say};
use crate::target;

use super::children::Children;
use super::given::Existing;

/// Where the instances of the demo answer: all that its generators may load.
const HERE: &str = "127.0.0.1";

/// Generators of this machine are there within seconds.
const WITHIN: Duration = Duration::from_mins(1);

const LEASE: Duration = Duration::from_millis(1_500);

/// A fleet on this machine: what it is steered by, and what lives as long.
pub(super) struct Fleet {
    pub(super) controller: Controller,
    pub(super) run: RunId,
    pub(super) signer: Signer,
    /// The generators: a killer and the end of the demo share them.
    pub(super) children: Rc<RefCell<Children>>,
    server: Option<Here>,
}

/// The server of our own, in a folder that goes with it.
struct Here {
    server: Server,
    _dir: tempfile::TempDir,
}

impl Fleet {
    /// Starts the server, unless there is one, takes its run, and starts the generators.
    pub(super) async fn start(args: &FleetDemoArgs) -> Result<Self, CommandError> {
        let (tickets, server) = server(args).await?;
        let options =
            ControllerOptions { seconds: Seconds::New, patience: Duration::ZERO, about: "the demo".to_owned() };
        let controller = connect_controller(&tickets.controller, options).await?;
        let children = Children::start(args.count, &tickets.generator, |line| {
            say(line.strip_prefix("scaletop: ").unwrap_or(line));
        });
        Ok(Self {
            run: tickets.controller.run().clone(),
            signer: Box::new(tickets.controller.signer()),
            controller,
            children: Rc::new(RefCell::new(children.await?)),
            server,
        })
    }
}

async fn server(args: &FleetDemoArgs) -> Result<(Tickets, Option<Here>), CommandError> {
    let allow = [HERE.to_owned()];
    if !args.existing.nats.is_empty() {
        let Existing { ca, creds, .. } = Existing::read(&args.existing, None)?;
        let tickets = Tickets::for_existing(&args.existing.nats, ca.as_deref(), creds.as_deref(), None)?;
        return Ok((tickets.allowing(&allow), None));
    }
    let dir = tempfile::tempdir()?;
    let options = ServerOptions {
        dir: dir.path().to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        hosts: allow.to_vec(),
        allow: allow.to_vec(),
        program: args.nats_server.clone(),
        launcher: Launcher::this_one()?,
    };
    let (server, _) = Server::start(options).await?;
    say(&format!("nats-server {} listens on {}", server.version, server.address()));
    Ok((server.tickets.clone(), Some(Here { server, _dir: dir })))
}

/// Plays it: the cluster, the fleet, a spike, and a generator that is killed in the middle of it.
pub(super) async fn run(args: FleetDemoArgs, _own: Own) -> Result<u8, CommandError> {
    let mut signals = Signals::listen()?;
    let clock = RunClock::start();
    let options = destination::demo_options(None, &args.demo.cluster);
    let platform = EmbeddedPlatform::start(options, None, clock, 0).await?;
    let fleet = Fleet::start(&args).await?;
    let request = request_options(&args.demo.drive.request, target::parse_url(&platform.cluster.url())?)?;
    let spike = args.demo.drive.load.spike_rate.unwrap_or_else(|| demo_spike::rate(args.demo.edge));
    let Fleet { controller, run, signer, children, server } = fleet;
    let config = config(&args, run, controller.epoch, signer, request);
    let told = |progress: Progress| match progress {
        Progress::Ready { ready, wanted } => say(&format!("{ready} of {wanted} generators are ready")),
        Progress::Notice(text) => say(&text),
    };
    let outcome = tokio::select! {
        gathered = gather(config, controller.link, clock, told) => match gathered {
            Ok(gathered) => play(gathered.start(), clock, spike, &children, &mut signals).await,
            Err(error) => Err(error.into()),
        },
        signal = signals.next() => Ok(u8::try_from(signal).map_or(1, |signal| 128_u8.saturating_add(signal))),
    };
    drop(children);
    if let Some(here) = server {
        here.server.stop().await;
    }
    platform.cluster.shutdown().await;
    outcome
}

fn config(args: &FleetDemoArgs, run: RunId, epoch: u64, signer: Signer, request: RequestOptions) -> ControllerConfig {
    let drive = &args.demo.drive;
    ControllerConfig {
        run,
        epoch,
        resumed: None,
        wanted: args.count,
        at_least: 1,
        within: WITHIN,
        on_loss: OnLoss::Redistribute,
        lease: LEASE,
        arrivals: drive.load.arrivals,
        seed: drive.load.load_seed.unwrap_or_else(|| fastrand::u64(..)),
        max_rate: drive.load.max_rate,
        expected: drive.request.expect,
        max_in_flight_each: drive.load.max_in_flight,
        request,
        not_after: Duration::from_hours(1),
        consent: Consent { host: HERE.to_owned(), by: "the demo".to_owned(), at: "for its own instances".to_owned() },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        allow_versions: false,
        signer,
        kill: None,
    }
}

/// What happens when, seconds after the fleet has begun: a rate, or a generator that is killed.
const RATE: u32 = 100;
const SPIKES_AT: u32 = 5;
const KILLS_AT: u32 = 10;
const CALMS_AT: u32 = 20;
const ENDS_AT: u32 = 25;

/// A line a second on stdout.
async fn play(
    running: FleetRunning,
    clock: RunClock,
    spike: ArrivalRate,
    children: &RefCell<Children>,
    signals: &mut Signals,
) -> Result<u8, CommandError> {
    let FleetRunning { handle, mut seconds, mut news, thread } = running;
    let mut lead = Duration::from_millis(500);
    let mut played = 0;
    set(&handle, clock, lead, ArrivalRate::new(RATE));
    loop {
        tokio::select! {
            second = seconds.recv() => {
                let Some(second) = second else { break };
                print(&second)?;
                played += 1;
                match played {
                    SPIKES_AT => set(&handle, clock, lead, spike),
                    KILLS_AT => match children.borrow_mut().kill_one() {
                        Ok(id) => say(&format!("killed {id}: its share is taken over by the others")),
                        Err(why) => say(&why),
                    },
                    CALMS_AT => set(&handle, clock, lead, ArrivalRate::new(RATE)),
                    ENDS_AT => handle.stop(),
                    _ => {}
                }
            }
            Some(told) = news.recv() => match told {
                News::State(state) => lead = state.lead,
                News::Generator(event) => say(&format!("{}: {:?}{}", event.id, event.change, event.why.map_or_else(String::new, |why| format!(", {why}")))),
                News::Notice(text) => say(&text),
            },
            _ = signals.next() => handle.stop(),
        }
    }
    drop(thread);
    Ok(0)
}

fn set(handle: &FleetHandle, clock: RunClock, lead: Duration, rate: ArrivalRate) {
    handle.set(clock.now() + lead, RateProfile::Constant(rate));
}

fn print(second: &Second) -> io::Result<()> {
    let total = second.total();
    let p99 = total
        .response()
        .quantile(0.99)
        .map_or_else(|| "-".to_owned(), |p99| format!("{:.0} ms", p99.as_secs_f64() * 1e3));
    writeln!(
        io::stdout(),
        "{:>4} s  {:>5}/s  due {:>5}  answered {:>5}  unreported {:>3}  p99 {p99:>7}  from {} generators",
        second.index,
        second.target.get(),
        total.due,
        total.ok.count() + total.failed.count(),
        total.unreported(),
        second.generators.len()
    )
}
