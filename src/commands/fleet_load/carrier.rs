//! The carrier that a ticket names.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use crate::cli::FleetArgs;
use crate::commands::fleet_load::{Carrier, TICKET};
use crate::commands::{CommandError, say};
use crate::text::exact;
use scaletop_fleet::nats::{Controller, ControllerOptions, Ended, Holder, Seconds, connect_controller};
use scaletop_fleet::ticket::{Source, Ticket, TicketError, is_open_to_others};
use tokio::sync::{mpsc, oneshot};

/// Another controller that may be gone is waited for this long: its hold ends by then.
const PATIENCE: Duration = Duration::from_secs(12);

/// A server that does not say that a hold was let go by then is not waited for any longer: the hold ends by its time.
const RELEASED_WITHIN: Duration = Duration::from_secs(3);

/// Where the ticket is, by what was given or set.
pub(super) fn source(args: &FleetArgs) -> Result<Source, TicketError> {
    Source::find(args.fleet.as_deref(), std::env::var(TICKET).ok().as_deref())
}

/// Waits, when it is dropped, until the hold on the run was let go: a program that ends sooner would keep others from the run for as
/// long as its hold lasts. The link must have been dropped before.
#[derive(Debug)]
pub(in crate::commands) struct LetGo(Option<oneshot::Receiver<Ended>>);

impl LetGo {
    /// Of the hold that says here how it ended.
    pub(in crate::commands) const fn of(ended: oneshot::Receiver<Ended>) -> Self {
        Self(Some(ended))
    }
}

impl Drop for LetGo {
    fn drop(&mut self) {
        let Some(ended) = self.0.take() else { return };
        let (told, is_told) = std::sync::mpsc::channel();
        // A thread of its own, since there may be a runtime on this one, which must not wait.
        let waiting = std::thread::Builder::new().name("fleet-end".to_owned()).spawn(move || {
            // How it ended is of no concern; dropped, it ended otherwise.
            let _ = ended.blocking_recv();
            let _ = told.send(());
        });
        if waiting.is_ok() {
            let _ = is_told.recv_timeout(RELEASED_WITHIN);
        }
    }
}

/// That another controller is waited for.
fn for_the_end_of(holder: &Holder, patience: Duration) -> String {
    format!("fleet: steered by {holder}, waiting up to {} for it to end", exact(patience))
}

/// Connects to where the ticket says, as the controller of its run; `about` says what it does, to whoever else looks.
pub(in crate::commands) async fn carrier(args: &FleetArgs, about: &str) -> Result<Carrier, CommandError> {
    let source = source(args)?;
    let ticket = Ticket::read(&source, false)?;
    warn_of_others(&source);
    carrier_of(&ticket, Seconds::New, about).await
}

/// Says so when others on this machine can read a ticket.
fn warn_of_others(source: &Source) {
    if let Source::File(path) = source
        && is_open_to_others(path)
    {
        let path = path.display();
        say(&format!(
            "warning: others on this machine can read the ticket {path}, and command the fleet with it: chmod 600 {path}"
        ));
    }
}

/// Connects as the controller of the ticket's run.
pub(in crate::commands) async fn carrier_of(
    ticket: &Ticket,
    seconds: Seconds,
    about: &str,
) -> Result<Carrier, CommandError> {
    let is_new = seconds == Seconds::New;
    let (waits_for, mut holders) = mpsc::unbounded_channel();
    let options =
        ControllerOptions { seconds, patience: PATIENCE, waits_for: Some(waits_for), about: about.to_owned() };
    let connecting = connect_controller(ticket, options);
    tokio::pin!(connecting);
    let mut before = None;
    let Controller { link, epoch, ended, record } = loop {
        tokio::select! {
            biased;
            Some(holder) = holders.recv() => {
                say(&for_the_end_of(&holder, PATIENCE));
                before = Some(holder.to_string());
            }
            connected = &mut connecting => break connected?,
        }
    };
    if let Some(before) = before.as_ref().filter(|_| is_new) {
        say(&format!("fleet: {before} has let it go; generators of its session end with it"));
    }
    Ok(Carrier {
        link,
        run: ticket.run().clone(),
        epoch,
        signer: Box::new(ticket.signer()),
        kill: None,
        is_here: ticket.servers().iter().all(|server| is_here(server)),
        before,
        record: Some(record),
        // Whoever takes the run over is told by the link.
        keep: Some(Box::new(LetGo::of(ended))),
    })
}

/// Whether a server is on this machine: then so are the generators, which reach it.
fn is_here(server: &str) -> bool {
    let whole = if server.contains("://") { server.to_owned() } else { format!("nats://{server}") };
    let Ok(url) = whole.parse::<Url>() else { return false };
    match url.host() {
        // Of a scheme that it does not know the parser takes an address for a name.
        Some(Host::Domain(name)) => {
            let name = name.trim_matches(['[', ']']);
            name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_server_on_loopback_is_here_and_no_other() {
        for here in ["tls://127.0.0.1:4222", "nats://localhost:4222", "127.0.0.1:4222", "tls://[::1]:4222"] {
            assert!(is_here(here), "{here}");
        }
        for away in ["tls://10.0.0.1:4222", "nats.example.com", "tls://localhost.example.com:4222", ""] {
            assert!(!is_here(away), "{away}");
        }
    }

    #[tokio::test]
    async fn what_is_no_ticket_is_refused_with_its_name() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "hello").unwrap();
        let args = FleetArgs { fleet: Some(file.path().to_owned()), ..FleetArgs::default() };
        let error = carrier(&args, "a test").await.err().expect("it is no ticket");
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
        assert_eq!(error.exit_code(), 2, "the words of the command were wrong");
        let args = FleetArgs { fleet: Some("/nowhere/fleet.ticket".into()), ..FleetArgs::default() };
        let error = carrier(&args, "a test").await.err().expect("there is none");
        assert!(error.to_string().contains("/nowhere/fleet.ticket"), "{error}");
    }
}
