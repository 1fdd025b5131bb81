//! The words of `scaletop fleet`.
#![expect(clippy::doc_markdown, reason = "comments of options are their help, where backticks would be seen")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::fleet_place::PlaceCommand;
use crate::cli::{CloudArgs, DemoArgs, OutputArgs, ScreenArgs, help};
use crate::values;
use scaletop_units::{ArrivalRate, GeneratorId};

/// Where a server of ours listens unless it is said.
const PORT: u16 = 4222;

/// What to do with a fleet.
#[derive(Clone, Debug, Subcommand)]
pub enum FleetCommand {
    /// A fleet on this machine: nats-server, a cluster, generators
    #[command(after_help = help::FLEET_DEMO)]
    Demo(Box<FleetDemoArgs>),
    /// Run the fleet's nats-server, and write the tickets
    #[command(after_help = help::FLEET_SERVE)]
    Serve(ServeArgs),
    /// Be a generator: send what the fleet's controller asks for
    #[command(after_help = help::FLEET_JOIN)]
    Join(JoinArgs),
    /// Go on with a session whose controller is gone, or look on
    #[command(after_help = help::FLEET_ATTACH)]
    Attach(Box<AttachArgs>),
    /// The runs that a fleet's server knows, and who steers them
    #[command(after_help = help::FLEET_LS)]
    Ls(FleetLookArgs),
    /// Check the way to the server, what a ticket may do, this machine
    #[command(after_help = help::FLEET_DOCTOR)]
    Doctor(FleetLookArgs),
    /// Where generators run.
    #[command(flatten)]
    Place(PlaceCommand),
}

/// `scaletop fleet demo`.
#[derive(Clone, Debug, Args)]
pub struct FleetDemoArgs {
    /// How many generators
    #[arg(long, short = 'n', default_value = "3", value_parser = clap::value_parser!(u32).range(1..=32), value_name = "N")]
    pub count: u32,
    /// The nats-server to run [default: looked for]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nats", "creds", "ca"])]
    pub nats_server: Option<PathBuf>,
    /// A nats-server that runs already.
    #[command(flatten)]
    pub existing: ExistingArgs,
    /// The demo's own options.
    #[command(flatten)]
    pub demo: DemoArgs,
}

/// A nats-server that others run.
#[derive(Clone, Debug, Default, Args)]
pub struct ExistingArgs {
    /// One that runs already, in place of our own: tls://HOST:PORT or nats://HOST:PORT, with JetStream
    #[arg(long, value_name = "URL", num_args = 1, hide_env_values = true)]
    pub nats: Vec<String>,
    /// Its credentials file, with the rights of the controller
    #[arg(long, value_name = "FILE", requires = "nats")]
    pub creds: Option<PathBuf>,
    /// The authority of its certificate, PEM [default: those of this machine]
    #[arg(long, value_name = "FILE", requires = "nats")]
    pub ca: Option<PathBuf>,
}

/// `scaletop fleet serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Where it listens
    #[arg(long, default_value = ":4222", value_parser = listen, value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Its folder: tickets, keys, what is kept; the same folder again keeps the tickets good
    #[arg(long, default_value = "scaletop-fleet", value_name = "DIR")]
    pub dir: PathBuf,
    /// A name or address under which generators reach it, also several [default: this machine's]
    #[arg(long, value_name = "HOST", value_parser = host, num_args = 1)]
    pub advertise: Vec<String>,
    /// A host that the generators may load, also several; stands in their ticket
    #[arg(long, value_name = "HOST", value_parser = host, num_args = 1)]
    pub allow: Vec<String>,
    /// The nats-server to run [default: looked for]
    #[arg(long, value_name = "FILE", conflicts_with = "nats")]
    pub nats_server: Option<PathBuf>,
    /// A nats-server that runs already.
    #[command(flatten)]
    pub existing: ExistingArgs,
    /// Another credentials file for the generators [default: that of --creds]
    #[arg(long, value_name = "FILE", requires = "creds")]
    pub join_creds: Option<PathBuf>,
    /// A credentials file for those who only look on [default: none, and no observer.ticket]
    #[arg(long, value_name = "FILE", requires = "creds")]
    pub observer_creds: Option<PathBuf>,
}

/// `scaletop fleet join`.
#[derive(Clone, Debug, Args)]
pub struct JoinArgs {
    /// Its ticket: the file join.ticket, or - for standard input [default: $SCALETOP_FLEET_TICKET]
    pub ticket: Option<PathBuf>,
    /// A host that it may load, also several [default: the ticket's]
    #[arg(long, value_name = "HOST", value_parser = host, num_args = 1)]
    pub allow: Vec<String>,
    /// Threads that send
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256), value_name = "N")]
    pub workers: u32,
    /// The most that it sends, whoever asks
    #[arg(long, default_value = "20000", value_parser = values::rate, value_name = "RATE")]
    pub max_rate: ArrivalRate,
    /// It ends when it has heard no controller for so long
    #[arg(long, default_value = "10m", value_parser = values::positive_duration, value_name = "TIME")]
    pub orphan: Duration,
    /// Something to know it by, such as az=a; also several
    #[arg(long, value_name = "NAME=VALUE", value_parser = label, num_args = 1)]
    pub label: Vec<String>,
    /// What it is called, no other of the fleet the same [default: this machine's name and chance]
    #[arg(long, value_name = "NAME", value_parser = id)]
    pub name: Option<GeneratorId>,
    /// The ticket is one line, and this program ends with its standard input: for children
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// `scaletop fleet attach`.
#[derive(Clone, Debug, Args)]
pub struct AttachArgs {
    /// Its ticket: fleet.ticket to go on, observer.ticket to look on; - for standard input [default: $SCALETOP_FLEET_TICKET]
    pub ticket: Option<PathBuf>,
    /// Only look on, whichever ticket it is
    #[arg(long, conflicts_with = "finish")]
    pub watch: bool,
    /// Complete the recording, and let the generators go; needs no terminal
    #[arg(long)]
    pub finish: bool,
    /// Where the spike goes [default: 600]
    #[arg(long, value_parser = values::rate, value_name = "RATE")]
    pub spike_rate: Option<ArrivalRate>,
    /// Let generators of other versions in, too
    #[arg(long)]
    pub allow_versions: bool,
    /// Where the session goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How the screen looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// `scaletop fleet ls` and `scaletop fleet doctor`.
#[derive(Clone, Debug, Args)]
pub struct FleetLookArgs {
    /// A ticket: its file, or - for standard input [default: $SCALETOP_FLEET_TICKET]
    pub ticket: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `:4222`, `127.0.0.1:4222`, `[::1]:4222`, `0.0.0.0`.
fn listen(text: &str) -> Result<SocketAddr, String> {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(any, port));
    }
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT)).or_else(|_| text.parse::<SocketAddr>());
    address.ok().ok_or_else(|| {
        format!("\"{text}\" is no address to listen on: give :4222, 127.0.0.1:4222 or [::1]:4222 (a name is for --advertise)")
    })
}

/// A host alone: a name, or an address.
fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_name = text.len() <= 253 && text.trim_end_matches('.').split('.').all(is_label);
    if is_name {
        Ok(text.to_owned())
    } else {
        Err(format!("\"{text}\" is no host: give a name or an address, without scheme, port and path"))
    }
}

/// What a generator says of itself: short, and one word.
fn label(text: &str) -> Result<String, String> {
    let is_fine = text.len() <= 100 && text.chars().all(|c| c.is_ascii_graphic());
    match text.split_once('=') {
        Some((name, _)) if is_fine && !name.is_empty() => Ok(text.to_owned()),
        _ => Err(format!(
            "\"{text}\" is no label: give NAME=VALUE in at most 100 letters, digits and signs, such as az=a"
        )),
    }
}

fn id(text: &str) -> Result<GeneratorId, String> {
    text.parse().map_err(|error: scaletop_units::NoGeneratorId| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_listen_is_a_port_an_address_or_both() {
        for (text, meant) in [
            (":4222", "0.0.0.0:4222"),
            (":0", "0.0.0.0:0"),
            ("127.0.0.1", "127.0.0.1:4222"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:1", "[::1]:1"),
            ("::1", "[::1]:4222"),
        ] {
            assert_eq!(listen(text).map(|address| address.to_string()), Ok(meant.to_owned()), "{text}");
        }
        for wrong in ["", ":", ":x", ":70000", "localhost:4222", "http://127.0.0.1"] {
            assert!(listen(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_more() {
        for fine in ["example.com", "10.0.0.1", "::1", "[::1]", "a-b.c", "localhost"] {
            assert!(host(fine).is_ok(), "{fine}");
        }
        for wrong in ["", "http://example.com", "example.com:80", "example.com/", "*", "a b", "a..b", "ä.example"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_label_has_a_name_and_a_value() {
        assert!(label("az=a").is_ok() && label("x=").is_ok());
        for wrong in ["az", "=a", "a =b", "", "a=\u{1b}"] {
            assert!(label(wrong).is_err(), "{wrong:?}");
        }
    }
}
