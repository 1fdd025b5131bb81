//! A fleet in the place of the engine: what it cannot do is refused, its generators are waited for, and what it says of itself
//! becomes events of the session.

use crate::cli::{DriveArgs, FleetArgs, TransportKind};
use crate::commands::CommandError;
use crate::session::event::FleetSettings;
use crate::target::Target;
use crate::values::WorkerCount;
use clap::ValueEnum as _;
use std::time::Duration;

#[cfg(feature = "fleet")]
mod carrier;
#[cfg(feature = "fleet")]
mod gathering;

#[cfg(feature = "fleet")]
pub(super) use carrier::{LetGo, carrier, carrier_of};
#[cfg(feature = "fleet")]
pub(super) use gathering::{Asked, Begun, Carrier, Fleet};

/// The variable that may hold a ticket: its text, or the path of its file.
const TICKET: &str = crate::cli::FLEET_TICKET;

/// How long generators are waited for, unless it is said.
const WITHIN: Duration = Duration::from_mins(3);

/// How long a generator sends unheard, unless it is said.
const LEASE: Duration = Duration::from_millis(1_500);

/// Whether a fleet is to send, by what was said.
pub(super) fn is_asked(args: &FleetArgs) -> bool {
    args.fleet.is_some() || std::env::var(TICKET).is_ok_and(|ticket| !ticket.trim().is_empty())
}

/// How many generators are waited for, and what becomes of those that are lost; refuses what makes no sense.
pub(super) fn settings(args: &FleetArgs) -> Result<FleetSettings, CommandError> {
    let Some(wanted) = args.generators else {
        let why = "how many generators is the fleet to have? say --generators N; scaletop fleet ls shows who is there";
        return Err(CommandError::Option(why.to_owned()));
    };
    // Asked for none that may be lacking: all begin together, and those that are left go on.
    let (to_begin, at_least) = args.at_least.map_or((wanted, 1), |enough| (enough, enough));
    if at_least > wanted {
        return Err(CommandError::Option(format!(
            "--at-least {at_least} is more than --generators {wanted}: it says how many of them are enough"
        )));
    }
    let on_loss = args.on_loss.unwrap_or_default().to_possible_value();
    Ok(FleetSettings {
        wanted,
        to_begin,
        at_least,
        within: args.within.unwrap_or(WITHIN),
        lease: args.lease.unwrap_or(LEASE),
        on_loss: on_loss.map(|value| value.get_name().to_owned()).unwrap_or_default(),
    })
}

/// Refuses what is no ticket of a controller, before anything else is asked for. One that can be read once only is not read
/// yet.
#[cfg(feature = "fleet")]
pub(super) fn check_ticket(args: &FleetArgs) -> Result<(), CommandError> {
    use scaletop_fleet::ticket::Ticket;
    if is_asked(args) {
        let source = carrier::source(args)?;
        if !source.is_used_up() {
            Ticket::read(&source, false)?;
        }
    }
    Ok(())
}

/// Refuses nothing: that there are no fleets is said by [`check`].
#[cfg(not(feature = "fleet"))]
#[expect(clippy::unnecessary_wraps, reason = "as where there are fleets")]
pub(super) const fn check_ticket(_: &FleetArgs) -> Result<(), CommandError> {
    Ok(())
}

/// Refuses what a fleet cannot do, each with the reason.
pub(super) fn check(drive: &DriveArgs, targets: &[Target]) -> Result<(), CommandError> {
    if !is_asked(&drive.fleet) {
        return Ok(());
    }
    if cfg!(not(feature = "fleet")) {
        let why = "this scaletop was built without fleets: build it with the feature fleet, which is on by default";
        return Err(CommandError::Option(why.to_owned()));
    }
    settings(&drive.fleet)?;
    possible(drive, targets)
}

/// Refuses what no fleet can do.
fn possible(drive: &DriveArgs, targets: &[Target]) -> Result<(), CommandError> {
    let load = &drive.load;
    let why = if targets.len() > 1 {
        "a fleet drives one target: two with the same arrivals need an engine each, on one clock; leave one of them out, or --fleet"
    } else if load.transport == TransportKind::Reqwest {
        "--transport reqwest is for one process: generators send over scaletop's own connections, and report what those did; leave it out"
    } else if matches!(load.workers, WorkerCount::Fixed(_)) {
        "--workers is for this process, and a fleet sends from others: say it where they start, scaletop fleet join --workers N"
    } else if load.warm > 0 {
        "--warm opens connections of this process, and a fleet sends from others: leave it out"
    } else if load.max_connections.is_some() {
        "--max-connections is for this process, and a fleet sends from others: limit requests in flight with --max-in-flight, which holds \
         for each generator"
    } else if drive.request.bearer_file.is_some() {
        "--bearer-file is a file of this machine, which generators elsewhere do not have, and cannot see change: give a token with \
         --header @FILE, or leave --fleet out"
    } else if drive.request.sigv4.is_some() {
        "--sigv4 signs with credentials of this machine, which are handed to no generator: leave it out, or --fleet"
    } else {
        return Ok(());
    };
    Err(CommandError::Option(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(words: &str) -> (DriveArgs, Vec<Target>) {
        let words = ["scaletop", "live"].into_iter().chain(words.split_whitespace());
        let Command::Live(args) = Cli::try_parse_from(words).unwrap().command else { panic!("another command") };
        (args.drive, args.targets)
    }

    #[test]
    fn what_a_fleet_cannot_do_is_refused_with_the_reason() {
        for (words, part) in [
            ("http://a.test http://b.test --fleet t --generators 2", "one target"),
            ("http://a.test --fleet t --generators 2 --transport reqwest", "--transport reqwest"),
            ("http://a.test --fleet t --generators 2 --workers 2", "fleet join --workers"),
            ("http://a.test --fleet t --generators 2 --warm 5", "--warm"),
            ("http://a.test --fleet t --generators 2 --max-connections 5", "--max-connections"),
            ("http://a.test --fleet t --generators 2 --bearer-file f", "--bearer-file is a file of this machine"),
            ("http://a.test --fleet t --generators 2 --sigv4 lambda", "--sigv4 signs with credentials of this machine"),
            ("http://a.test --fleet t", "--generators N"),
            ("http://a.test --fleet t --generators 2 --at-least 3", "--at-least 3 is more"),
        ] {
            let (drive, targets) = args(words);
            let error = check(&drive, &targets).expect_err(words);
            assert!(error.to_string().contains(part) && error.exit_code() == 2, "{words}: {error}");
        }
        let (drive, targets) = args("http://a.test --fleet t --generators 2");
        assert!(check(&drive, &targets).is_ok());
        let (drive, targets) = args("http://a.test http://b.test --warm 5 --workers 2");
        assert!(check(&drive, &targets).is_ok(), "without a fleet everything is as it was");
    }

    #[cfg(feature = "fleet")]
    #[test]
    fn what_is_no_controller_s_ticket_is_told_before_anything_else_is_asked_for() {
        use scaletop_fleet::ticket::{Credentials, Tickets};
        let dir = tempfile::tempdir().unwrap();
        let servers = ["nats://127.0.0.1:4222".to_owned()];
        let tickets = Tickets::for_existing(&servers, None, &Credentials::default()).unwrap();
        tickets.write(dir.path()).unwrap();
        let given = |given: &str| {
            let (drive, _) = args("http://a.test");
            let fleet = FleetArgs { fleet: Some(given.into()), ..drive.fleet };
            check_ticket(&fleet).map_err(|error| (error.exit_code(), error.to_string()))
        };
        let file = |name: &str| dir.path().join(name).display().to_string();
        assert_eq!(given(&file("fleet.ticket")), Ok(()));
        assert_eq!(given("-"), Ok(()), "it is read once, when it is used");
        #[cfg(unix)]
        {
            let pipe = file("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            // Nobody writes into it: who reads it waits for ever.
            assert_eq!(given(&pipe), Ok(()), "likewise");
        }
        let folder = dir.path().display().to_string();
        for (what, part) in [
            (tickets.controller.to_text().unwrap(), "every process of this machine can read arguments"),
            (file("join.ticket"), "give fleet.ticket"),
            (file("none"), "cannot read the ticket"),
            (folder, "it is a folder"),
        ] {
            let (code, error) = given(&what).unwrap_err();
            assert!(code == 2 && error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn what_is_not_said_has_the_value_of_the_help() {
        let (drive, _) = args("http://a.test --fleet t --generators 50");
        let settings = settings(&drive.fleet).unwrap();
        let expected = FleetSettings {
            wanted: 50,
            to_begin: 50,
            at_least: 1,
            within: Duration::from_mins(3),
            lease: Duration::from_millis(1_500),
            on_loss: "redistribute".to_owned(),
        };
        assert_eq!(settings, expected);
        let (drive, _) =
            args("http://a.test --fleet t --generators 50 --at-least 45 --within 10s --on-loss shrink --lease 2s");
        let settings = super::settings(&drive.fleet).unwrap();
        assert_eq!((settings.to_begin, settings.at_least, settings.on_loss.as_str()), (45, 45, "shrink"));
        assert_eq!((settings.within, settings.lease), (Duration::from_secs(10), Duration::from_secs(2)));
    }
}
