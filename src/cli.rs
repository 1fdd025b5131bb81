//! The command line: what can be asked for, and what each word of it means. Parsing only; nothing is done here.

pub(crate) mod config_file;
pub(crate) mod environment;
mod habits;
mod options;
pub(crate) mod own;
#[cfg(test)]
mod page;
mod unused;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use options::{
    CloudArgs, DriveArgs, EdgeArgs, GlyphsChoice, LoadArgs, OutputArgs, RequestArgs, ScreenArgs, ThemeChoice,
    TransportKind,
};

use crate::target::Target;
use crate::values;
use scaletop_cluster::ClusterArgs;
use scaletop_units::ArrivalRate;

/// A live scale monitor for the terminal: spike a service by key, watch throughput, p99, errors and instance count answer
/// on one time axis.
#[derive(Clone, Debug, Parser)]
#[command(name = "scaletop", version, args_override_self = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The keys and colours of `scaletop.toml`.
    #[arg(skip)]
    pub own: own::Own,
}

const EXAMPLES: &str = "\
Examples:
  scaletop demo                                  try it: no account, no network, nothing to install
  scaletop live https://example.com/api/test     drive a service by key
  scaletop run demo-spike demo                   play a plan without a screen
  scaletop capacity https://example.com/api      how much does it sustain?
  scaletop doctor apprunner:checkout             credentials, permissions, image, reachability, limits
  scaletop report scaletop-sessions/NAME         write a session's files again
  scaletop replay scaletop-sessions/NAME         watch it again, up to 50 times as fast
  scaletop compare SESSION SESSION               two sessions side by side

Options can also be set in scaletop.toml (`max-rate = 1000`) or in the environment (SCALETOP_MAX_RATE=1000; help names it);
the command line wins. Keys: press ? in the screen. A URL without a command is driven by key, as with live.
Keys and colours of your own: [keys] and [theme] in scaletop.toml (docs/settings.md).

Also understood, from curl, oha, hey and others: -X, --request (--method); -d, --data (--body); -k (--insecure);
-u (a basic authorization header); -A (the user-agent header); -m, --max-time (--timeout); -r, --rps, --qps (--rate);
-z (--duration); -o, --output (--out); --json (--format json); --no-color (--theme mono).";

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The screen, against an embedded cluster on this machine
    #[command(after_help = "\
Examples:
  scaletop demo                                  then: s spikes to 500/s, again falls back; ? shows the keys
  scaletop demo --edge                           the spike at the edge: 600/s, of the 625/s that five instances sustain
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
  scaletop live http://127.0.0.1:8080/api/test --slo p95=200ms --slo errors=0.5%
  scaletop live demo:apprunner demo:ecs          two targets, the same arrivals: App Runner beside ECS
  scaletop live https://a.example.com https://b.example.com --path /api/test

Two targets: every option holds for both (request, headers and body, objective, region and profile, --max-in-flight and
--max-connections each, the demo's cluster flags). Each host that is not this machine is asked about. --platform gives way to
demo:apprunner and demo:ecs; --cluster-port, and --url for two services of the cloud, name one place and are refused.")]
    Live(LiveArgs),
    /// Play a plan without a screen: progress on stderr (a line every ten seconds in a log), a summary on stdout
    #[command(after_help = "\
Examples:
  scaletop run https://example.com/api/test --rate 100 --duration 30s --spike-at 10s --spike-rate 400
  scaletop run --check spike.toml                what would it do? sends nothing
  scaletop run demo-spike demo                   a built-in plan
  scaletop run spike.toml https://example.com/api/test --out results/today --yes
  scaletop run spike.toml demo --abort-on-fail --format junit > spike.xml

A plan drives one target; two at the same time, by key: scaletop live A B.

Exit codes: 0 passed; 1 failed to run, a start condition (until) was not met, or without thresholds nothing was
answered as expected; 2 usage; 3 a threshold failed; 4 the generator was the limit (result invalid); 5 an instance
source that a threshold needs gave nothing; 128 + n ended by signal n. A start condition goes before 4, 4 before 5,
5 before 3.")]
    Run(RunArgs),
    /// Find the highest rate that meets the objective: doubling, then bisection, with the evidence
    #[command(after_help = "\
Examples:
  scaletop capacity demo --per-instance          one instance of the demo: some 124 requests/s
  scaletop capacity https://example.com/api/test --slo p95=300ms --hold 30s --yes
  scaletop capacity http://127.0.0.1:8080/api/test --rate 100 --format json

Each rate is given time to settle (the service may have to scale), then held; one that misses is tried again before it
counts. Exit codes: 0 found, 1 not even 1 request/s is sustained, 2 usage, 4 this machine was the limit.")]
    Capacity(CapacityArgs),
    /// The App Runner experiment, unattended: every scenario in one folder, and one report that answers its question
    #[command(after_help = "\
Examples:
  scaletop experiment demo --stretch 0.1         locally, in ten minutes; its spikes go to 500/s, to leave room
  scaletop experiment demo --stretch 0.1 --edge  with the spikes at 600/s, the edge of what five instances sustain
  scaletop experiment terraform:infra --out results/today
  scaletop experiment demo scenarios/spike.toml  only this one

How many seconds from 0 to N instances, what was lost meanwhile, did it degrade later, was the generator at fault?
The target's platform decides how long spikes and rests take: minutes on App Runner, ten minutes and up to forty on ECS.
A repeat that did not begin from one instance is invalid, left out of the answer, and makes the exit code 1.")]
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
  scaletop compare both                          one session of scaletop live A B: its halves

Steps are aligned by their rates, not by the wall clock. Repeats of a step (a plan's repeat) show the noise: with three or
more on each side, a difference is called better or worse only when the ranges do not overlap.")]
    Compare(CompareArgs),
    /// Check this machine, the cloud and the service before a session: a line each, with how to fix it
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
  scaletop cluster --platform ecs                queues and scales by target tracking, as ECS does
  scaletop cluster --platform ecs --metric-period 20s --time-scale 10
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
    /// How much room its spike leaves.
    #[command(flatten)]
    pub edge: EdgeArgs,
}

/// `scaletop live`.
#[derive(Clone, Debug, Args)]
pub struct LiveArgs {
    /// What to measure: a URL, demo (or demo:apprunner, demo:ecs), apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or
    /// terraform:DIR; two of them get the same arrivals, each due request once to each, and stand beside one another
    #[arg(id = "target", value_name = "TARGET", num_args = 1..=2, required = true, env = "SCALETOP_TARGET", hide_env_values = true)]
    pub targets: Vec<Target>,
    /// How the load is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// How the cluster is set up, when the target is `demo`.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How much room its spike leaves.
    #[command(flatten)]
    pub edge: EdgeArgs,
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

/// How a result is written to stdout.
#[derive(Clone, Copy, Debug, Args)]
pub struct FormatArgs {
    /// How the result is written to stdout
    #[arg(long, value_enum, default_value_t, env = "SCALETOP_FORMAT")]
    format: Format,
    /// The same as --format json
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
}

impl FormatArgs {
    /// The format that was asked for, in either way.
    pub const fn chosen(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// `scaletop run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The plan: a TOML file, - for standard input, or the name of a shipped one (demo-spike, spike, …). May be left out
    /// where --rate and --duration say enough
    #[arg(value_name = "PLAN")]
    pub first: Option<String>,
    /// What to measure: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR; the plan's own target
    /// when it is left out
    #[arg(value_name = "TARGET")]
    pub second: Option<String>,
    /// A second target: both get the same arrivals, each due request once to each; thresholds are judged on each, and the
    /// exit code is the worse of both
    #[arg(value_name = "TARGET")]
    pub third: Option<String>,
    /// The target, where it is not given after the plan
    #[arg(long, hide = true, value_name = "TARGET", env = "SCALETOP_TARGET", hide_env_values = true)]
    pub target: Option<Target>,
    /// Without a plan: how long --rate is held
    #[arg(long, short = 'z', allow_hyphen_values = true, value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_DURATION")]
    pub duration: Option<Duration>,
    /// Without a plan: spike to --spike-rate this long after the start, until the end
    #[arg(long, value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_SPIKE_AT")]
    pub spike_at: Option<Duration>,
    /// Only say what the plan would do: its timeline, requests and requests in flight
    #[arg(long)]
    pub check: bool,
    /// What a request is assumed to take, for --check
    #[arg(long, default_value = "100ms", value_parser = values::positive_duration, value_name = "TIME")]
    pub service_time: Duration,
    /// How the result is written.
    #[command(flatten)]
    pub format: FormatArgs,
    /// End as soon as a threshold is lost whatever else happens, with what was measured
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_ABORT_ON_FAIL")]
    pub abort_on_fail: bool,
    /// Multiply every duration of the plan, 0.01 to 100
    #[arg(long, default_value = "1", value_parser = values::factor, value_name = "FACTOR", env = "SCALETOP_STRETCH")]
    pub stretch: f64,
    /// How the load is driven: a plan says every rate; without one --rate does.
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
    #[arg(env = "SCALETOP_TARGET", hide_env_values = true)]
    pub target: Target,
    /// Say what one instance sustains, too; the demo then starts one only, unless --max-size says otherwise
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
    /// How the result is written.
    #[command(flatten)]
    pub format: FormatArgs,
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
    #[arg(env = "SCALETOP_TARGET", hide_env_values = true)]
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
    /// How much room the spike leaves, when the target is `demo`.
    #[command(flatten)]
    pub edge: EdgeArgs,
}

/// `scaletop report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// The session: its folder, its recording.jsonl, or its name in scaletop-sessions [default: the newest one there]
    pub session: Option<PathBuf>,
    /// Write a plan that drives the same arrivals again to this file
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
}

/// `scaletop replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The session: its folder, its recording.jsonl, or its name in scaletop-sessions [default: the newest one there]
    pub session: Option<PathBuf>,
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
    /// The sessions: their folders, or their recording.jsonl; the first one is the baseline. One session with two targets
    /// is enough: its halves are compared
    #[arg(num_args = 1.., required = true)]
    pub sessions: Vec<PathBuf>,
    /// Where the page goes
    #[arg(long, default_value = "compare.html", value_name = "FILE")]
    pub html: PathBuf,
}

/// `scaletop doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// What is to be measured: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET", hide_env_values = true)]
    pub target: Option<Target>,
    /// Print a minimal IAM policy, and check nothing
    #[arg(long)]
    pub policy: bool,
    /// AWS account for --policy: twelve digits
    #[arg(long, value_name = "ID", requires = "policy", value_parser = values::account)]
    pub account: Option<String>,
    /// ECR repository for --policy, or the whole name of the image where it lies in another account or region
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
