//! `scaletop fleet serve`: the fleet's server, and the tickets that let programs in.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

use scaletop_fleet::nats::{Look, host_name};
use scaletop_fleet::server::{Hold, Launcher, Server, ServerEvent, ServerOptions};
use scaletop_fleet::ticket::{AnyTicket, Credentials, Role, Tickets};

use crate::app::signals::Signals;
use crate::cli::fleet::ServeArgs;
use crate::commands::{CommandError, say};

use super::FleetCommandError;
use super::given::{self, Existing};

/// Serves until a signal says otherwise; with a server of others it only writes tickets.
pub(super) async fn run(args: ServeArgs) -> Result<u8, CommandError> {
    if !args.existing.nats.is_empty() {
        return write_tickets(&args).await;
    }
    let mut signals = Signals::listen()?;
    let hosts = if args.advertise.is_empty() { own_hosts(args.listen.ip()) } else { args.advertise.clone() };
    let options = ServerOptions {
        dir: args.dir.clone(),
        listen: args.listen,
        hosts,
        allow: args.allow.clone(),
        program: args.nats_server.clone(),
        launcher: Launcher::this_one()?,
    };
    let (server, mut events) = Server::start(options).await?;
    say(&format!(
        "nats-server {} ({}) listens on {}, process {}",
        server.version,
        server.program().display(),
        server.address(),
        server.pid().unwrap_or_default()
    ));
    told(&args, &server.tickets)?;
    say("serving until Ctrl-C");
    loop {
        tokio::select! {
            _ = signals.next() => break,
            event = events.recv() => match event {
                Some(ServerEvent::Ended(how)) => say(&format!("{how}; starting it again")),
                Some(ServerEvent::Back) => say("nats-server is back"),
                Some(ServerEvent::GivenUp(why)) => return Err(FleetCommandError::GivenUp(why).into()),
                None => break,
            },
        }
    }
    server.stop().await;
    Ok(0)
}

/// Tickets for a server of others, once it has let us in.
async fn write_tickets(args: &ServeArgs) -> Result<u8, CommandError> {
    let Existing { ca, creds } = Existing::read(&args.existing)?;
    let join = given::text(args.join_creds.as_deref())?;
    let observer = given::text(args.observer_creds.as_deref())?;
    let credentials =
        Credentials { controller: creds.as_deref(), generator: join.as_deref(), observer: observer.as_deref() };
    let tickets = Tickets::for_existing(&args.existing.nats, ca.as_deref(), &credentials)?;
    let tickets = tickets.allowing(&args.allow);
    let mut look = Look::with(&tickets.controller).await?;
    look.check_store().await?;
    let seen = look.server();
    // Whoever gets a ticket is let in with it.
    Look::with_any(&AnyTicket::Join(tickets.generator.clone())).await?;
    if let Some(observer) = &tickets.observer {
        Look::with(observer).await?;
    }
    say(&format!("nats-server {} ({}) lets the controller in", seen.version, tickets.controller.servers().join(", ")));
    let _hold = Hold::take(&args.dir)?;
    tickets.write(&args.dir)?;
    told(args, &tickets)?;
    if tickets.observer.is_none() {
        say(&no_observer(&args.dir));
    }
    Ok(0)
}

/// Why there is no ticket for whoever only looks on.
fn no_observer(dir: &Path) -> String {
    let file = dir.join(Role::Observer.file_name());
    let old = if file.exists() { "; the one that is there is of an earlier server" } else { "" };
    format!(
        "{} is not written{old}: the controller's credentials in it would let its bearer command load; give those of a user that may only \
         look with --observer-creds FILE",
        file.display()
    )
}

/// Which files there are, and what to type next.
fn told(args: &ServeArgs, tickets: &Tickets) -> io::Result<()> {
    let file = |role: Role| args.dir.join(role.file_name()).display().to_string();
    let observer = tickets.observer.as_ref().map(|_| (file(Role::Observer), "for whoever only looks on"));
    let files = [(file(Role::Controller), "for whoever steers"), (file(Role::Generator), "for the generators")];
    let mut out = io::stdout().lock();
    writeln!(out, "tickets, which are secrets:")?;
    let width = files.iter().chain(&observer).map(|(file, _)| file.len()).max().unwrap_or_default();
    for (file, what) in files.iter().chain(&observer) {
        writeln!(out, "  {file:<width$}  {what}")?;
    }
    let allow = if args.allow.is_empty() { " --allow HOST" } else { "" };
    writeln!(out, "next, on each machine that sends:")?;
    writeln!(out, "  scaletop fleet join {}{allow}", Role::Generator.file_name())?;
    writeln!(out, "and here:")?;
    writeln!(out, "  scaletop live URL --fleet {} --generators N", file(Role::Controller))?;
    out.flush()
}

/// The names under which others reach a server that listens there.
fn own_hosts(listen: IpAddr) -> Vec<String> {
    if !listen.is_unspecified() {
        return vec![listen.to_string()];
    }
    let name = host_name();
    let name = Path::new(&name).file_name().map(|_| name.clone());
    outward().map(|ip| ip.to_string()).into_iter().chain(name).collect()
}

/// The address that this machine sends from. Nothing is sent: a datagram socket that is connected only looks up its way
/// (192.0.2.1 is nobody's: RFC 5737).
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}
