//! The options that commands share: what is sent, how much of it, how the cloud is reached, where the session goes, how the
//! screen looks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use url::Url;

use super::count::CountArgs;
use crate::target::{TargetError, parse_url, path_as_sent};
use crate::values;
use crate::values::{Objective, SigV4};
use scaletop_load::{Arrivals, Expected};
use scaletop_units::ArrivalRate;

/// How the load is driven: everything that every driving command takes.
#[derive(Clone, Debug, Args)]
pub struct DriveArgs {
    /// How much of it.
    #[command(flatten)]
    pub load: LoadArgs,
    /// What is sent.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Who sends it, where it is not this process.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Who counts instances.
    #[command(flatten)]
    pub count: CountArgs,
    /// Where the session goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How the screen looks, where there is one.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// How the cloud is reached. Credentials come from where the aws CLI has them: environment, profile, sign-on, instance.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cloud")]
pub struct CloudArgs {
    /// AWS region [default: the target's, or AWS' own]
    #[arg(long, value_name = "NAME", value_parser = values::word, env = "SCALETOP_REGION")]
    pub region: Option<String>,
    /// AWS profile
    #[arg(long, value_name = "NAME", value_parser = values::word, env = "SCALETOP_PROFILE")]
    pub profile: Option<String>,
    /// Where it answers, when its platform does not say
    #[arg(long, value_name = "URL", value_parser = parse_url, env = "SCALETOP_URL", hide_env_values = true)]
    pub url: Option<Url>,
    /// One endpoint for every AWS service
    #[arg(long, value_name = "URL", value_parser = endpoint, env = "SCALETOP_ENDPOINT_URL", hide_env_values = true)]
    pub endpoint_url: Option<String>,
}

/// What is sent.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Request")]
pub struct RequestArgs {
    /// HTTP method [default: GET, or POST with a body]
    #[arg(long, short = 'X', alias = "request", value_parser = values::method_text, env = "SCALETOP_METHOD")]
    pub method: Option<String>,
    /// `name: value` or @FILE, also several; ps shows it
    #[arg(long = "header", short = 'H', value_name = "HEADER", value_parser = values::header_line, env = "SCALETOP_HEADER", hide_env_values = true)]
    pub headers: Vec<String>,
    /// Text, @FILE, or @- for standard input
    #[arg(
        long,
        short = 'd',
        value_name = "BODY",
        conflicts_with = "body_file",
        env = "SCALETOP_BODY",
        hide_env_values = true
    )]
    pub body: Option<String>,
    /// Several requests in one load, by weight
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "body", "body_file", "path"], env = "SCALETOP_REQUESTS")]
    pub requests: Option<PathBuf>,
    /// Its columns are the {{csv.NAME}} in them
    #[arg(long, value_name = "CSV", env = "SCALETOP_REQUESTS_DATA")]
    pub requests_data: Option<PathBuf>,
    /// As curl's, the body; with --requests, as --requests-data
    #[arg(long, value_name = "BODY", hide = true, conflicts_with_all = ["body", "body_file", "requests_data"])]
    pub data: Option<String>,
    /// Path to request, in place of the target's own
    #[arg(long, value_parser = path, env = "SCALETOP_PATH", hide_env_values = true)]
    pub path: Option<String>,
    /// When a request counts as failed
    #[arg(long, short = 'm', alias = "max-time", default_value = "10s", value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_TIMEOUT")]
    pub timeout: Duration,
    /// OK statuses: 200, 3xx, 200-204
    #[arg(long, default_value = "2xx", value_name = "STATUSES", env = "SCALETOP_EXPECT")]
    pub expect: Expected,
    /// Header naming the instance
    #[arg(long, default_value = "x-instance-id", value_name = "NAME", value_parser = values::header_name_text, env = "SCALETOP_INSTANCE_HEADER")]
    pub instance_header: String,
    /// Request header with the due time, in ns of session
    #[arg(long, value_name = "NAME", value_parser = values::header_name_text, env = "SCALETOP_DUE_HEADER")]
    pub due_header: Option<String>,
    /// `user:password`, sent as a basic authorization header. Typed here it can be read in the list of processes
    #[arg(
        short = 'u',
        long = "user",
        value_name = "USER:PASSWORD",
        value_parser = user,
        hide = true,
        env = "SCALETOP_USER",
        hide_env_values = true
    )]
    pub user: Option<String>,
    /// Bearer token, read again as the file changes
    #[arg(long, value_name = "FILE", env = "SCALETOP_BEARER_FILE")]
    pub bearer_file: Option<PathBuf>,
    /// Sign for AWS: lambda, execute-api:eu-west-1
    #[arg(long = "sigv4", alias = "aws-sigv4", value_name = "SERVICE", value_parser = values::sigv4, env = "SCALETOP_SIGV4")]
    pub sigv4: Option<SigV4>,
    /// The user-agent header
    #[arg(short = 'A', long = "user-agent", value_name = "TEXT", hide = true, env = "SCALETOP_USER_AGENT")]
    pub user_agent: Option<String>,
    /// File to send as the body
    #[arg(long, value_name = "FILE", env = "SCALETOP_BODY_FILE")]
    pub body_file: Option<PathBuf>,
    /// Do not check the server's certificate
    #[arg(long, short = 'k', value_parser = BoolishValueParser::new(), env = "SCALETOP_INSECURE")]
    pub insecure: bool,
    /// Certificate authority to trust, too (PEM)
    #[arg(long, value_name = "FILE", env = "SCALETOP_CACERT")]
    pub cacert: Option<PathBuf>,
    /// HTTP/2: by ALPN on https, at once on http
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_HTTP2")]
    pub http2: bool,
    /// A new connection for every request
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_NO_KEEPALIVE")]
    pub no_keepalive: bool,
    /// Retire connections by age; 0: never
    #[arg(long, default_value = "30s", value_parser = values::duration, value_name = "TIME", env = "SCALETOP_CONN_MAX_AGE")]
    pub conn_max_age: Duration,
    /// Connect there, whatever the name resolves to
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = values::resolve_text, env = "SCALETOP_RESOLVE")]
    pub resolve: Vec<String>,
    /// The body of a curl command, in place of the other ones.
    #[arg(skip)]
    pub pasted_body: Option<Bytes>,
}

impl RequestArgs {
    /// The body as it was given: text, or a file after `@`.
    pub(crate) fn body(&self) -> Option<&str> {
        let as_curl = || self.data.as_deref().filter(|_| self.requests.is_none());
        self.body.as_deref().or_else(as_curl)
    }

    /// The file with data for several requests.
    pub(crate) fn rows(&self) -> Option<&Path> {
        let as_typed = || self.data.as_deref().map(|path| Path::new(path.strip_prefix('@').unwrap_or(path)));
        self.requests_data.as_deref().or_else(as_typed)
    }

    /// The method: as asked for, else by whether there is something to send.
    pub(crate) fn method(&self) -> &str {
        let has_body = self.body().is_some() || self.body_file.is_some();
        self.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" })
    }
}

/// How the screen looks.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Screen")]
pub struct ScreenArgs {
    /// Colors
    #[arg(long, value_enum, default_value_t, value_name = "THEME", env = "SCALETOP_THEME")]
    pub theme: ThemeChoice,
    /// Characters of charts
    #[arg(long, alias = "symbols", value_enum, default_value_t, value_name = "GLYPHS", env = "SCALETOP_GLYPHS")]
    pub glyphs: GlyphsChoice,
    /// Leave the mouse to the terminal: to select text
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_NO_MOUSE")]
    pub no_mouse: bool,
    /// Ring when the objective is lost, and when met again
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_BELL")]
    pub bell: bool,
    /// No colors, as --theme mono
    #[arg(long, alias = "no-colour", hide = true, conflicts_with = "theme", value_parser = BoolishValueParser::new(), env = "SCALETOP_NO_COLOR")]
    pub no_color: bool,
}

impl ScreenArgs {
    /// The colors that were asked for, in either way.
    pub(crate) const fn colors(self) -> ThemeChoice {
        if self.no_color { ThemeChoice::Mono } else { self.theme }
    }
}

/// The colors of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeChoice {
    /// As the terminal says of itself.
    #[default]
    Auto,
    Dark,
    Light,
    /// The terminal's own 16 colors.
    Ansi,
    /// None.
    Mono,
}

/// The characters of charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GlyphsChoice {
    /// As the terminal and the locale say of themselves.
    #[default]
    Auto,
    /// Dots, eight to a cell.
    Braille,
    /// Half blocks and boxes, as consoles of PCs have them.
    #[value(alias = "block")]
    Blocks,
    /// Letters and signs of ASCII alone.
    Ascii,
}

/// Who carries the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TransportKind {
    /// Connections of scaletop's own: all that they do is measured.
    #[default]
    Own,
    /// The client reqwest: independent, and silent about its connections.
    Reqwest,
}

/// Who sends the load, where it is not this process.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Fleet")]
pub struct FleetArgs {
    /// Its ticket: a file, or - [default: the variable's]
    #[arg(long, value_name = "FILE", env = "SCALETOP_FLEET")]
    pub fleet: Option<PathBuf>,
    /// How many generators to wait for
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N", env = "SCALETOP_GENERATORS")]
    pub generators: Option<u32>,
    /// How many are enough [default: all; to go on: one]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N", env = "SCALETOP_AT_LEAST")]
    pub at_least: Option<u32>,
    /// How long to wait for them [default: 3m]
    #[arg(long, value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_WITHIN")]
    pub within: Option<Duration>,
    /// What becomes of a lost one's share [default: redistribute]
    #[arg(long, value_enum, value_name = "WHAT", env = "SCALETOP_ON_LOSS")]
    pub on_loss: Option<OnLossChoice>,
    /// How long one may send unheard [default: 1.5s]
    #[arg(long, value_parser = lease, value_name = "TIME", env = "SCALETOP_LEASE")]
    pub lease: Option<Duration>,
    /// Let generators of other versions in
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_ALLOW_VERSIONS")]
    pub allow_versions: bool,
}

/// What becomes of the share of a generator that was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnLossChoice {
    /// The others take it over, none beyond its own ceiling.
    #[default]
    Redistribute,
    /// It is left out until the generator is back: the rate is lower by that much.
    Shrink,
    /// The load stops.
    Stop,
}

/// How long a generator may send without being heard: shorter is lost to every hiccup, longer leaves load unwatched.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = values::positive_duration(text).map_err(|error| error.to_string())?;
    if (Duration::from_secs(1)..=Duration::from_secs(10)).contains(&lease) {
        return Ok(lease);
    }
    Err(format!("\"{text}\" is no lease: give 1s to 10s"))
}

/// How much room the demo's own spike leaves.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Embedded cluster (target demo)")]
pub struct EdgeArgs {
    /// Spike to 600/s, the edge of what the demo sustains
    #[arg(long, value_parser = clap::builder::BoolishValueParser::new(), env = "SCALETOP_EDGE", conflicts_with = "spike_rate")]
    pub edge: bool,
}

/// How much is sent, and what counts as good.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Requests/s to start with: 600, 1.5k
    #[arg(long, short = 'r', aliases = ["rps", "qps"], allow_hyphen_values = true, default_value = "0", value_parser = values::rate, value_name = "RATE", env = "SCALETOP_RATE")]
    pub rate: ArrivalRate,
    /// Where the spike goes [default: 600; demo: 500]
    #[arg(long, allow_hyphen_values = true, value_parser = values::rate, value_name = "RATE", env = "SCALETOP_SPIKE_RATE")]
    pub spike_rate: Option<ArrivalRate>,
    /// Ceiling that nothing passes
    #[arg(long, allow_hyphen_values = true, default_value = "5000", value_parser = values::rate, value_name = "RATE", env = "SCALETOP_MAX_RATE")]
    pub max_rate: ArrivalRate,
    /// Objectives [default: p99=500ms and errors=1%]
    #[arg(long, value_name = "OBJECTIVE", value_parser = values::objective, env = "SCALETOP_SLO", value_delimiter = ',')]
    pub slo: Vec<Objective>,
    /// Spacing
    #[arg(long, default_value = "uniform", value_parser = values::arrivals(), value_name = "HOW", env = "SCALETOP_ARRIVALS")]
    pub arrivals: Arrivals,
    /// Cap; the rest is dropped [default: 10000 or by fds]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000), value_name = "N", env = "SCALETOP_MAX_IN_FLIGHT")]
    pub max_in_flight: Option<u64>,
    /// The most connections [default: as --max-in-flight]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000), value_name = "N", env = "SCALETOP_MAX_CONNECTIONS")]
    pub max_connections: Option<u64>,
    /// What one instance sustains, per second, if known
    #[arg(long, allow_hyphen_values = true, value_parser = capacity, value_name = "RATE", env = "SCALETOP_CAPACITY")]
    pub capacity: Option<f64>,
    /// Connections to open beforehand
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(u32).range(0..=10_000), value_name = "N", env = "SCALETOP_WARM")]
    pub warm: u32,
    /// Engine threads, 1 to 64
    #[arg(long, default_value = "auto", value_parser = values::workers, value_name = "auto|N", env = "SCALETOP_WORKERS")]
    pub workers: values::WorkerCount,
    /// Who sends
    #[arg(long, value_enum, default_value_t, value_name = "WHO", env = "SCALETOP_TRANSPORT")]
    pub transport: TransportKind,
    /// Seed of Poisson arrivals [default: drawn]
    #[arg(long, value_name = "N", env = "SCALETOP_LOAD_SEED")]
    pub load_seed: Option<u64>,
}

/// Where the session goes, and whether to ask.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Folder [default: scaletop-sessions/TIME-TARGET]
    #[arg(long, short = 'o', alias = "output", value_name = "DIR", env = "SCALETOP_OUT")]
    pub out: Option<PathBuf>,
    /// Do not ask whether a host may be load-tested
    #[arg(long, short = 'y', value_parser = BoolishValueParser::new(), env = "SCALETOP_YES")]
    pub yes: bool,
    /// A line each second where stderr is no terminal
    #[arg(long, short = 'v', action = clap::ArgAction::Count, conflicts_with = "quiet", value_parser = values::verbosity, env = "SCALETOP_VERBOSE")]
    pub verbose: u8,
    /// No progress; warnings and the result stay
    #[arg(long, short = 'q', value_parser = BoolishValueParser::new(), env = "SCALETOP_QUIET")]
    pub quiet: bool,
    /// Prometheus metrics: 9464, 0.0.0.0:9464
    #[arg(long, value_name = "PORT", value_parser = values::listen, env = "SCALETOP_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// Push metrics to this OTLP receiver, or env
    #[arg(long, value_name = "URL")]
    pub otlp: Option<String>,
    /// The live page: 8899, 0.0.0.0:8899
    #[arg(long, value_name = "PORT", value_parser = values::listen, env = "SCALETOP_WEB")]
    pub web: Option<SocketAddr>,
    /// Send no request before the load begins
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_NO_PREFLIGHT")]
    pub no_preflight: bool,
    /// Panic after this long: shows that the terminal is given back even then.
    #[arg(long, hide = true, value_parser = values::duration)]
    pub panic_after: Option<Duration>,
}

/// The URL of an endpoint, as a text.
pub(super) fn endpoint(text: &str) -> Result<String, TargetError> {
    parse_url(text).map(|_| text.trim().to_owned())
}

/// What one instance sustains: a rate above 0, which may have decimals.
fn capacity(text: &str) -> Result<f64, String> {
    let given = text.trim();
    let decimal = given.strip_suffix("/s").unwrap_or(given).parse::<f64>().ok();
    let rate = decimal.or_else(|| values::rate(given).ok().map(|rate| f64::from(rate.get())));
    let is_possible = |rate: &f64| *rate > 0.0 && *rate <= f64::from(values::HIGHEST_RATE);
    rate.filter(is_possible).ok_or_else(|| {
        format!("\"{text}\" is not a rate that an instance sustains: give requests per second above 0, such as 25, 12.5 or 1k")
    })
}

/// `user:password`; nothing of it is repeated.
fn user(text: &str) -> Result<String, &'static str> {
    if text.contains(':') {
        Ok(text.to_owned())
    } else {
        Err("-u takes USER:PASSWORD; nobody is asked for the password")
    }
}

/// A path, with a query or without.
fn path(text: &str) -> Result<String, String> {
    let why = |reason: &str| format!("{reason}; write it like /api/test");
    if text.contains('#') {
        return Err(why("what follows # is never sent: leave it out, or write %23"));
    }
    if text.chars().any(char::is_control) {
        return Err(why("it holds a control character, such as a line end"));
    }
    path_as_sent(text).map_err(why)?;
    Ok(text.to_owned())
}
