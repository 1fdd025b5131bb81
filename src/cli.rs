//! The command line: what can be asked for, and what each word of it means. Parsing only; nothing is done here.

pub(crate) mod config_file;
pub(crate) mod environment;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

use crate::target::{Target, TargetError, parse_url, path_as_sent};
use crate::values;
use crate::values::Objective;
use scaletop_cluster::ClusterArgs;
use scaletop_load::{Arrivals, Expected};
use scaletop_units::ArrivalRate;

/// A live scale monitor for the terminal: spike a service by key, watch throughput, p99, errors and instance count answer
/// on one time axis.
#[derive(Clone, Debug, Parser)]
#[command(name = "scaletop", version, args_override_self = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  scaletop demo                                  try it: no account, no network, nothing to install
  scaletop live https://example.com/api/test     drive a service by key
  scaletop run scenarios/demo-spike.toml demo    play a plan without a screen
  scaletop capacity https://example.com/api      how much does it hold?
  scaletop doctor apprunner:checkout             credentials, permissions, image, reachability, limits
  scaletop report scaletop-sessions/NAME         write a session's files again
  scaletop replay scaletop-sessions/NAME         watch it again, up to 50 times as fast
  scaletop compare SESSION SESSION               two sessions side by side

Every option can also stand in scaletop.toml (`max-rate = 1000`) or in the environment (SCALETOP_MAX_RATE=1000);
the command line wins. Keys: press ? in the screen.";

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The screen, against an embedded cluster on this machine
    #[command(after_help = "\
Examples:
  scaletop demo                                  then: s spikes to 600/s, again falls back; ? shows the keys
  scaletop demo --max-size 10 --cold-start 3s    a larger, quicker platform

Without a terminal it plays the demo spike (scenarios/demo-spike.toml) headless.")]
    Demo(DemoArgs),
    /// The screen, against a service
    #[command(after_help = "\
Examples:
  scaletop live https://example.com/api/test
  scaletop live https://example.com --path /api/test --header 'authorization: Bearer …' --rate 50
  scaletop live apprunner:checkout --path /api/test --region eu-west-1
  scaletop live ecs:default/checkout --path /api/test
  scaletop live terraform:infra --path /api/test
  scaletop live http://127.0.0.1:8080/api/test --slo p95=200ms --slo errors=0.5%")]
    Live(LiveArgs),
    /// Play a plan without a screen: progress on stderr (a line every ten seconds in a log), a summary on stdout
    #[command(after_help = "\
Examples:
  scaletop run --check spike.toml                what would it do? sends nothing
  scaletop run scenarios/demo-spike.toml demo
  scaletop run spike.toml https://example.com/api/test --out results/today --yes
  scaletop run spike.toml demo --abort-on-fail --format junit > spike.xml

Exit codes: 0 fine, 1 could not do it or nothing was answered as expected, 2 usage, 3 a threshold failed, 4 the generator was the limit (result invalid),
5 an instance source that a threshold needs gave nothing, 128 + n ended by signal n. 4 goes before 5, 5 before 3.")]
    Run(RunArgs),
    /// Find the highest rate that meets the objective: doubling, then bisection, with the evidence
    #[command(after_help = "\
Examples:
  scaletop capacity demo --per-instance          one instance of the demo: some 124 requests/s
  scaletop capacity https://example.com/api/test --slo p95=300ms --hold 30s --yes
  scaletop capacity http://127.0.0.1:8080/api/test --rate 100 --format json

Each rate is given time to settle (the service may have to scale), then held; one that misses is tried again before it
counts. Exit codes: 0 found, 1 not even 1 request/s holds, 2 usage, 4 this machine was the limit.")]
    Capacity(CapacityArgs),
    /// The App Runner experiment, unattended: every scenario in one folder, and one report that answers its question
    #[command(after_help = "\
Examples:
  scaletop experiment demo --stretch 0.1         at home, in some minutes
  scaletop experiment terraform:infra --out results/today
  scaletop experiment demo scenarios/spike.toml  only this one

How many seconds from 0 to N instances, what was lost meanwhile, did it degrade later, was the generator at fault?")]
    Experiment(ExperimentArgs),
    /// The screen on a recorded session: play, pause, faster, from step to step
    #[command(after_help = "\
Examples:
  scaletop replay scaletop-sessions/NAME         from the beginning, as fast as it happened
  scaletop replay scaletop-sessions/NAME --speed 10
  scaletop replay results/recording.jsonl        the recording alone is enough, whole or cut off

Keys: space plays and pauses, [ ] slower and faster, , . previous and next step,
Home End, ← → scroll, Tab next view, ? all of them, q quits. Nothing is sent, nothing is
written. Without a terminal: scaletop report SESSION.")]
    Replay(ReplayArgs),
    /// Write every derived file of a session again, from its recording
    Report(ReportArgs),
    /// Sessions side by side, step by step: a table on stdout and a page
    #[command(after_help = "\
Examples:
  scaletop compare before after                  two sessions, the first is the baseline
  scaletop compare apprunner ecs --html platforms.html

Steps are aligned by their rates, not by the wall clock. Repeats of a step (a plan's repeat) show the noise: with three or
more on each side, a difference is called better or worse only when the ranges do not overlap.")]
    Compare(CompareArgs),
    /// Check this machine, the cloud and the service before a session: a line each, with what mends it
    #[command(after_help = "\
Examples:
  scaletop doctor                                can this machine drive 5000 requests/s?
  scaletop doctor apprunner:checkout --region eu-west-1
  scaletop doctor ecs:default/checkout --path /api/test
  scaletop doctor --policy ecs:default/checkout --region eu-west-1 --account 123456789012 > policy.json

Sends one request to the service, no load. Exit codes: 0 nothing failed (warnings may be there), 1 a check failed, 2 usage.")]
    Doctor(Box<DoctorArgs>),
    /// The embedded cluster alone, until Ctrl-C
    #[command(after_help = "\
Examples:
  scaletop cluster                               prints the URL and AWS endpoint as export lines, then serves
  scaletop cluster --platform ecs                scales by target tracking, as ECS does
  scaletop cluster --max-concurrency 20 --cluster-port 8080")]
    Cluster(ClusterArgs),
    /// Shell completions
    #[command(after_help = "\
Examples:
  scaletop completions bash > ~/.local/share/bash-completion/completions/scaletop
  scaletop completions zsh > \"${fpath[1]}/_scaletop\"")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `scaletop demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// How the load is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// How the cluster is set up.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `scaletop live`.
#[derive(Clone, Debug, Args)]
pub struct LiveArgs {
    /// What to measure: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET")]
    pub target: Target,
    /// How the load is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// How the cluster is set up, when the target is `demo`.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// How a result is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For summary pages and issues.
    Markdown,
    /// For pipelines that know test results.
    Junit,
}

/// `scaletop run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The plan (TOML)
    pub plan: PathBuf,
    /// Only say what the plan would do: its timeline, requests and requests in flight
    #[arg(long)]
    pub check: bool,
    /// What a request is assumed to take, for --check
    #[arg(long, default_value = "100ms", value_parser = values::positive_duration, value_name = "TIME")]
    pub service_time: Duration,
    /// How the result is written to stdout
    #[arg(long, value_enum, default_value_t, env = "SCALETOP_FORMAT")]
    pub format: Format,
    /// End as soon as a threshold is lost whatever else happens, with what was measured
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_ABORT_ON_FAIL")]
    pub abort_on_fail: bool,
    /// Multiply every duration of the plan, 0.01 to 100
    #[arg(long, default_value = "1", value_parser = values::factor, value_name = "FACTOR", env = "SCALETOP_STRETCH")]
    pub stretch: f64,
    /// What to measure: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR; the plan's own target
    /// when it is left out
    #[arg(env = "SCALETOP_TARGET")]
    pub target: Option<Target>,
    /// How the load is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// How the cluster is set up, when the target is `demo`.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `scaletop capacity`.
#[derive(Clone, Debug, Args)]
pub struct CapacityArgs {
    /// What to measure: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET")]
    pub target: Target,
    /// Say what one instance holds, too; the demo then starts one only, unless --max-size says otherwise
    #[arg(long)]
    pub per_instance: bool,
    /// How long each rate is held
    #[arg(long, default_value = "10s", value_parser = values::whole_seconds, value_name = "TIME")]
    pub hold: Duration,
    /// How long a rate must have been calm before it is held: the same instances, and the objective met or no more to come
    #[arg(long, default_value = "5s", value_parser = values::whole_seconds, value_name = "TIME")]
    pub settle: Duration,
    /// How long to wait for that
    #[arg(long, default_value = "2m", value_parser = values::whole_seconds, value_name = "TIME")]
    pub patience: Duration,
    /// How narrow the bracket must be, as a share of the rate
    #[arg(long, default_value = "1%", value_parser = values::share, value_name = "SHARE")]
    pub tolerance: f64,
    /// How the result is written to stdout
    #[arg(long, value_enum, default_value_t, env = "SCALETOP_FORMAT")]
    pub format: Format,
    /// How the load is driven: --rate is the first rate that is tried (10 by default), --max-rate the highest
    #[command(flatten)]
    pub drive: DriveArgs,
    /// How the cluster is set up, when the target is `demo`.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `scaletop experiment`.
#[derive(Clone, Debug, Args)]
pub struct ExperimentArgs {
    /// What to measure: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET")]
    pub target: Target,
    /// The plans to play instead of the shipped ones (scenarios/)
    pub plans: Vec<PathBuf>,
    /// Multiply every duration of the plans, 0.01 to 100
    #[arg(long, default_value = "1", value_parser = values::factor, value_name = "FACTOR", env = "SCALETOP_STRETCH")]
    pub stretch: f64,
    /// Only write the report again, from the sessions in --out
    #[arg(long, requires = "out")]
    pub report_only: bool,
    /// How the load is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// How the cluster is set up, when the target is `demo`.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `scaletop report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// The session: its folder, or its recording.jsonl
    pub session: PathBuf,
    /// Write a plan that drives the same arrivals again to this file
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
}

/// `scaletop replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The session: its folder, or its recording.jsonl
    pub session: PathBuf,
    /// How many times as fast as it happened: 1, 2, 5, 10, 20 or 50
    #[arg(long, default_value = "1", value_parser = values::speed, value_name = "TIMES", env = "SCALETOP_SPEED")]
    pub speed: u32,
    /// How the screen looks.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// `scaletop compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The sessions: their folders, or their recording.jsonl; the first one is the baseline
    #[arg(num_args = 2.., required = true)]
    pub sessions: Vec<PathBuf>,
    /// Where the page goes
    #[arg(long, default_value = "compare.html", value_name = "FILE")]
    pub html: PathBuf,
}

/// `scaletop doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// What is to be measured: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET")]
    pub target: Option<Target>,
    /// Print the least that a role needs to be allowed, as an IAM policy, and check nothing
    #[arg(long)]
    pub policy: bool,
    /// AWS account for --policy: twelve digits
    #[arg(long, value_name = "ID", requires = "policy", value_parser = values::account)]
    pub account: Option<String>,
    /// ECR repository for --policy
    #[arg(long, value_name = "NAME", requires = "policy")]
    pub repository: Option<String>,
    /// The rate that this machine must be able to drive
    #[arg(long, default_value = "5000", value_parser = values::rate, env = "SCALETOP_MAX_RATE")]
    pub max_rate: ArrivalRate,
    /// The requests in flight that it must be able to hold [default: from the file descriptor limit, 10000 at most]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000), env = "SCALETOP_MAX_IN_FLIGHT")]
    pub max_in_flight: Option<u64>,
    /// What is sent.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How the cluster is set up, when the target is `demo`.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// How the load is driven: everything that every driving command takes.
#[derive(Clone, Debug, Args)]
pub struct DriveArgs {
    /// What is sent.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How much of it.
    #[command(flatten)]
    pub load: LoadArgs,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// Where the session goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How the screen looks, where there is one.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// How the cloud is reached. Credentials come from where the aws CLI has them: environment, profile, sign-on, instance.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cloud")]
pub struct CloudArgs {
    /// AWS region [default: the AWS configuration's, or the one that the target names]
    #[arg(long, value_parser = values::word, env = "SCALETOP_REGION")]
    pub region: Option<String>,
    /// AWS profile
    #[arg(long, value_parser = values::word, env = "SCALETOP_PROFILE")]
    pub profile: Option<String>,
    /// One endpoint for every AWS service, such as the embedded cluster's
    #[arg(long, value_name = "URL", value_parser = endpoint, env = "SCALETOP_ENDPOINT_URL")]
    pub endpoint_url: Option<String>,
    /// Where the service answers, when its platform does not say or a domain of your own is in front
    #[arg(long, value_name = "URL", value_parser = parse_url, env = "SCALETOP_URL")]
    pub url: Option<Url>,
}

/// What is sent.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Request")]
pub struct RequestArgs {
    /// Path to request, in place of the target's own
    #[arg(long, value_parser = path, env = "SCALETOP_PATH")]
    pub path: Option<String>,
    /// HTTP method
    #[arg(long, default_value = "GET", value_parser = values::method_text, env = "SCALETOP_METHOD")]
    pub method: String,
    /// Header to send, `name: value`, or @FILE with one on each line; may be given several times. Never written to any file.
    /// What is typed here can be read in the list of processes; what stands in FILE or in the variable cannot
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE|@FILE", value_parser = values::header_line, env = "SCALETOP_HEADER", hide_env_values = true)]
    pub headers: Vec<String>,
    /// Body to send
    #[arg(long, conflicts_with = "body_file", env = "SCALETOP_BODY", hide_env_values = true)]
    pub body: Option<String>,
    /// File to send as the body
    #[arg(long, value_name = "FILE", env = "SCALETOP_BODY_FILE")]
    pub body_file: Option<PathBuf>,
    /// After this long a request has failed
    #[arg(long, default_value = "10s", value_parser = values::positive_duration, env = "SCALETOP_TIMEOUT")]
    pub timeout: Duration,
    /// Do not check the server's certificate
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_INSECURE")]
    pub insecure: bool,
    /// Certificate authority to trust besides the system's (PEM)
    #[arg(long, value_name = "FILE", env = "SCALETOP_CACERT")]
    pub cacert: Option<PathBuf>,
    /// HTTP/2: on https where the service agrees (ALPN; else HTTP/1.1), on plain http from the first byte
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_HTTP2")]
    pub http2: bool,
    /// A new connection for every request
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_NO_KEEPALIVE")]
    pub no_keepalive: bool,
    /// After this long a connection is retired, so that load reaches new instances; 0 keeps connections for ever
    #[arg(long, default_value = "30s", value_parser = values::duration, env = "SCALETOP_CONN_MAX_AGE")]
    pub conn_max_age: Duration,
    /// Connect to this address in place of what the name resolves to, for this host and port
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = values::resolve_text, env = "SCALETOP_RESOLVE")]
    pub resolve: Vec<String>,
    /// Statuses that are OK: 200, several with commas, a class like 3xx, a range like 200-204
    #[arg(long, default_value = "2xx", value_name = "STATUSES", env = "SCALETOP_EXPECT")]
    pub expect: Expected,
    /// Response header that names the instance
    #[arg(long, default_value = "x-instance-id", value_name = "NAME", value_parser = values::header_name_text, env = "SCALETOP_INSTANCE_HEADER")]
    pub instance_header: String,
}

/// How the screen looks.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Screen")]
pub struct ScreenArgs {
    /// Colours: auto asks the terminal for its background
    #[arg(long, value_enum, default_value_t, value_name = "THEME", env = "SCALETOP_THEME")]
    pub theme: ThemeChoice,
    /// Characters of charts: auto has braille, but not on the Linux console or where the locale is not UTF-8
    #[arg(long, value_enum, default_value_t, value_name = "SYMBOLS", env = "SCALETOP_SYMBOLS")]
    pub symbols: SymbolsChoice,
}

/// The colours of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeChoice {
    /// As the terminal says of itself.
    #[default]
    Auto,
    Dark,
    Light,
    /// The terminal's own 16 colours.
    Ansi,
    /// None.
    Mono,
}

/// The characters of charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SymbolsChoice {
    /// As the terminal and the locale say of themselves.
    #[default]
    Auto,
    Braille,
    Block,
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

/// How much is sent, and what counts as good.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Requests per second to start with
    #[arg(long, default_value = "0", value_parser = values::rate, env = "SCALETOP_RATE")]
    pub rate: ArrivalRate,
    /// Ceiling that no key passes
    #[arg(long, default_value = "5000", value_parser = values::rate, env = "SCALETOP_MAX_RATE")]
    pub max_rate: ArrivalRate,
    /// The spike key jumps to this rate
    #[arg(long, default_value = "600", value_parser = values::rate, env = "SCALETOP_SPIKE_RATE")]
    pub spike_rate: ArrivalRate,
    /// Requests without an answer at the same time; arrivals beyond are dropped and counted [default: from the file
    /// descriptor limit, 10000 at most]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000), env = "SCALETOP_MAX_IN_FLIGHT")]
    pub max_in_flight: Option<u64>,
    /// How arrivals are spaced
    #[arg(long, default_value = "uniform", value_parser = values::arrivals(), env = "SCALETOP_ARRIVALS")]
    pub arrivals: Arrivals,
    /// Seed for Poisson arrivals [default: drawn, and recorded]
    #[arg(long, env = "SCALETOP_LOAD_SEED")]
    pub load_seed: Option<u64>,
    /// The most connections; arrivals that get none in time are dropped and counted [default: as --max-in-flight]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000), env = "SCALETOP_MAX_CONNECTIONS")]
    pub max_connections: Option<u64>,
    /// Connections to open before the clock starts; nothing is sent on them
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(u32).range(0..=10_000), env = "SCALETOP_WARM")]
    pub warm: u32,
    /// Engine threads, 1 to 64; auto begins with one and adds one when it is busy, up to the cores
    #[arg(long, default_value = "auto", value_parser = values::workers, value_name = "auto|N", env = "SCALETOP_WORKERS")]
    pub workers: values::WorkerCount,
    /// Who sends: connections of scaletop's own, or the client reqwest, to compare with
    #[arg(long, value_enum, default_value_t, env = "SCALETOP_TRANSPORT")]
    pub transport: TransportKind,
    /// What counts as good; may be given several times [default: p99=500ms and errors=1%]
    #[arg(long, value_name = "OBJECTIVE", value_parser = values::objective, env = "SCALETOP_SLO", value_delimiter = ',')]
    pub slo: Vec<Objective>,
    /// Requests per second that one instance holds within the objective, if you know
    #[arg(long, value_name = "RPS", env = "SCALETOP_CAPACITY")]
    pub capacity: Option<f64>,
}

/// Where the session goes, and whether to ask.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Folder for the session [default: scaletop-sessions/TIME-TARGET]
    #[arg(long, value_name = "DIR", env = "SCALETOP_OUT")]
    pub out: Option<PathBuf>,
    /// Serve the live numbers in the Prometheus format, such as on 127.0.0.1:9464 (docs/metrics.md)
    #[arg(long, value_name = "ADDRESS:PORT", env = "SCALETOP_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// Do not ask the service once before the load begins
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_NO_PREFLIGHT")]
    pub no_preflight: bool,
    /// Do not ask whether a host that is not loopback may be load-tested. No effect in scaletop.toml
    #[arg(long, short = 'y', value_parser = BoolishValueParser::new(), env = "SCALETOP_YES")]
    pub yes: bool,
    /// No progress on stderr; warnings, notices and the result stay
    #[arg(long, short = 'q', value_parser = BoolishValueParser::new(), env = "SCALETOP_QUIET")]
    pub quiet: bool,
    /// Panic after this long: shows that the terminal is given back even then.
    #[arg(long, hide = true, value_parser = values::duration)]
    pub panic_after: Option<Duration>,
}

/// The URL of an endpoint, as a text.
fn endpoint(text: &str) -> Result<String, TargetError> {
    parse_url(text).map(|_| text.trim().to_owned())
}

/// A path, with a query or without.
fn path(text: &str) -> Result<String, String> {
    let why = |reason: &str| format!("{reason}; write it like /api/test?delay=80");
    if text.contains('#') {
        return Err(why("what follows # is never sent: leave it out, or write %23"));
    }
    if text.chars().any(char::is_control) {
        return Err(why("it holds a control character, such as a line end"));
    }
    path_as_sent(text).map_err(why)?;
    Ok(text.to_owned())
}
