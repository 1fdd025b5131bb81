//! The carrier that a ticket names.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use crate::cli::FleetArgs;
use crate::commands::fleet_load::{Carrier, TICKET};
use crate::commands::{CommandError, say};
use scaletop_fleet::nats::{Controller, ControllerOptions, Seconds, connect_controller};
use scaletop_fleet::ticket::{Source, Ticket, is_open_to_others};

/// Another controller that may be gone is waited for this long: its hold ends by then.
const PATIENCE: Duration = Duration::from_secs(12);

/// Connects to where the ticket says, as the controller of its run; `about` says what it does, to whoever else looks.
pub(in crate::commands) async fn carrier(args: &FleetArgs, about: &str) -> Result<Carrier, CommandError> {
    let variable = std::env::var(TICKET).ok();
    let source = Source::find(args.fleet.as_deref(), variable.as_deref())?;
    if let Source::File(path) = &source
        && is_open_to_others(path)
    {
        let path = path.display();
        say(&format!(
            "warning: others on this machine can read the ticket {path}, and command the fleet with it: chmod 600 {path}"
        ));
    }
    let ticket = Ticket::read(&source, false)?;
    let options = ControllerOptions { seconds: Seconds::New, patience: PATIENCE, about: about.to_owned() };
    let Controller { link, epoch, ended } = connect_controller(&ticket, options).await?;
    Ok(Carrier {
        link,
        run: ticket.run().clone(),
        epoch,
        signer: Box::new(ticket.signer()),
        kill: None,
        is_here: ticket.servers().iter().all(|server| is_here(server)),
        // Whoever takes the run over is told by the link.
        keep: Some(Box::new(ended)),
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
