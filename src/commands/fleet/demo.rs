//! `scaletop fleet demo`: a whole fleet on this machine. nats-server, the instances of the cluster and the generators are child
//! processes of this one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scaletop_fleet::nats::{Controller, ControllerOptions, Seconds, connect_controller};
use scaletop_fleet::server::{Launcher, Server, ServerOptions};
use scaletop_fleet::ticket::{Credentials, Tickets};

use crate::cli::fleet::FleetDemoArgs;
use crate::commands::drive::{self, Script};
use crate::commands::fleet_load::{Carrier, LetGo};
use crate::commands::own::Own;
use crate::commands::{CommandError, demo_plan, demo_spike, has_screen, run, say};
use crate::target::Target;

use super::children::Children;
use super::given::Existing;

/// Where the instances of the demo answer: all that its generators may load.
const HERE: &str = "127.0.0.1";

/// The server of our own, in a folder that goes with it.
struct Here {
    server: Server,
    _dir: tempfile::TempDir,
}

/// Starts the server, unless there is one, the generators, and the screen with the demo's cluster; without a terminal, the demo's
/// spike.
pub(super) async fn run(mut args: FleetDemoArgs, own: Own) -> Result<u8, CommandError> {
    let (tickets, server) = server(&args).await?;
    let options = ControllerOptions {
        seconds: Seconds::New,
        patience: Duration::ZERO,
        waits_for: None,
        about: "the demo".to_owned(),
    };
    let Controller { link, epoch, ended, record } = connect_controller(&tickets.controller, options).await?;
    // What a generator says would stand in the midst of the screen, and its news are in the log.
    let is_quiet = has_screen();
    let children = Children::start(args.count, &tickets.generator, move |line| {
        if !is_quiet {
            say(line.strip_prefix("scaletop: ").unwrap_or(line));
        }
    });
    // The killer and the end of the demo share them.
    let children = Arc::new(Mutex::new(children.await?));
    let killer = Arc::clone(&children);
    let fleet = Carrier {
        link,
        run: tickets.controller.run().clone(),
        epoch,
        signer: Box::new(tickets.controller.signer()),
        kill: Some(Box::new(move || killer.lock().unwrap_or_else(PoisonError::into_inner).kill_one())),
        is_here: true,
        before: None,
        record: Some(record),
        keep: Some(Box::new(LetGo::of(ended))),
    };
    let demo = &mut args.demo;
    demo.drive.fleet.generators = Some(args.count);
    demo.drive.fleet.at_least = Some(1);
    let spike = *demo.drive.load.spike_rate.get_or_insert(demo_spike::rate(demo.edge));
    let (targets, cluster) = ([Target::Demo(None)], args.demo.cluster);
    let outcome = if has_screen() {
        let script = Script { fleet: Some(fleet), ..Script::default() };
        drive::on_screen(args.demo.drive, targets.to_vec(), cluster, own, script).await
    } else {
        say("no terminal: playing the demo spike headless");
        run::play_by(fleet, &args.demo.drive, &targets, cluster, demo_plan(spike)?).await
    };
    drop(children);
    if let Some(here) = server {
        here.server.stop().await;
    }
    outcome
}

async fn server(args: &FleetDemoArgs) -> Result<(Tickets, Option<Here>), CommandError> {
    let allow = [HERE.to_owned()];
    if !args.existing.nats.is_empty() {
        let Existing { ca, creds } = Existing::read(&args.existing)?;
        let credentials = Credentials { controller: creds.as_deref(), ..Credentials::default() };
        let tickets = Tickets::for_existing(&args.existing.nats, ca.as_deref(), &credentials)?;
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
