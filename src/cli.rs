//! The command line: what can be asked for, and what each word of it means. Parsing only; nothing is done here.

mod brevity;
pub(crate) mod config_file;
mod count;
mod curl;
pub(crate) mod environment;
pub(crate) mod fleet;
pub(crate) mod fleet_place;
mod habits;
mod help;
mod options;
pub(crate) mod own;
#[cfg(test)]
mod page;
mod refused;
pub(crate) mod settings;
mod unused;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

pub(crate) use count::CountArgs;
pub(crate) use options::{
    CloudArgs, DriveArgs, EdgeArgs, FleetArgs, GlyphsChoice, LoadArgs, OutputArgs, RequestArgs, ScreenArgs,
    ThemeChoice, TransportKind,
};
pub(crate) use unused::{FLEET_TICKET, SEED_OF_NOTHING};

use crate::target::Target;
use crate::values;
use scaletop_cluster::ClusterArgs;
use scaletop_units::ArrivalRate;

/// A live scale monitor for the terminal: spike a service by key, watch throughput, p99, errors and instance count answer
/// on one time axis.
#[derive(Clone, Debug, Parser)]
#[command(name = "scaletop", version, args_override_self = true, after_help = help::ROOT)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// In place of your own and ./scaletop.toml
    #[arg(long, global = true, value_name = "FILE", env = "SCALETOP_CONFIG", help_heading = "General")]
    pub config: Option<PathBuf>,
    /// The keys and colors of `scaletop.toml`.
    #[arg(skip)]
    pub own: own::Own,
    /// Where each option that has a value has it from, but for defaults.
    #[arg(skip)]
    pub said: Vec<settings::Said>,
    /// For `scaletop config`.
    #[arg(skip)]
    pub in_force: settings::InForce,
}

impl Cli {
    /// The grammar as completions and manual pages show it: without what is hidden.
    pub(crate) fn shown() -> clap::Command {
        brevity::visible(&unused::hidden(Self::command()))
    }

    /// What the command sends, where it sends anything.
    const fn request_mut(&mut self) -> Option<&mut RequestArgs> {
        match &mut self.command {
            Command::Demo(args) => Some(&mut args.drive.request),
            Command::Live(args) => Some(&mut args.drive.request),
            Command::Run(args) => Some(&mut args.drive.request),
            Command::Capacity(args) => Some(&mut args.drive.request),
            Command::Experiment(args) => Some(&mut args.drive.request),
            Command::Doctor(args) => Some(&mut args.request),
            _ => None,
        }
    }

    /// Keeps a target that was typed apart from one that a variable or a file has: a plan's own goes before the latter.
    fn settle(&mut self, target_is_typed: bool) {
        if let (Command::Run(run), false) = (&mut self.command, target_is_typed) {
            run.usual_target = run.target.take();
        }
    }
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The screen, against an embedded cluster on this machine
    #[command(after_help = help::DEMO)]
    Demo(DemoArgs),
    /// The screen, against a service
    #[command(after_help = help::LIVE)]
    Live(LiveArgs),
    /// Play a plan without a screen: progress on stderr, a summary on stdout
    #[command(after_help = help::RUN)]
    Run(RunArgs),
    /// Find the highest rate that meets the objective, with the evidence
    #[command(after_help = help::CAPACITY)]
    Capacity(CapacityArgs),
    /// The App Runner experiment, unattended: every scenario, one report
    #[command(after_help = help::EXPERIMENT)]
    Experiment(ExperimentArgs),
    /// The screen on a recorded session
    #[command(after_help = help::REPLAY)]
    Replay(ReplayArgs),
    /// Write every derived file of a session again, from its recording
    #[command(after_help = help::REPORT)]
    Report(ReportArgs),
    /// Sessions side by side, step by step: a table and a page
    #[command(after_help = help::COMPARE)]
    Compare(CompareArgs),
    /// Check this machine, the cloud and the service before a session
    #[command(after_help = help::DOCTOR)]
    Doctor(Box<DoctorArgs>),
    /// The embedded cluster alone, until Ctrl-C
    #[command(after_help = help::CLUSTER)]
    Cluster(ClusterArgs),
    /// Many generators that behave like one
    #[command(subcommand, after_help = help::FLEET, disable_help_subcommand = true)]
    Fleet(fleet::FleetCommand),
    /// Write a plan to begin with, or a configuration
    #[command(after_help = help::INIT)]
    Init(InitArgs),
    /// What every option is set to, and where that comes from
    #[command(after_help = help::CONFIG)]
    Config(ConfigArgs),
    /// Shell completions
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Manual pages
    #[command(after_help = help::MAN)]
    Man {
        /// Write a page for each command into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
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
    /// A URL, demo (demo:apprunner, demo:ecs), apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR; two of them get the same arrivals
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
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// Result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", env = "SCALETOP_FORMAT")]
    format: Format,
    /// The same as --format json
    #[arg(long, hide = true, conflicts_with = "format", value_parser = BoolishValueParser::new(), env = "SCALETOP_JSON")]
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
    /// A TOML file, -, or a built-in plan; or --rate, -z
    #[arg(value_name = "PLAN")]
    pub first: Option<String>,
    /// A URL, demo, apprunner:NAME, ecs:CLUSTER/SERVICE or terraform:DIR [default: the plan's]
    #[arg(value_name = "TARGET")]
    pub second: Option<String>,
    /// A second one: the same arrivals, judged on each
    #[arg(value_name = "TARGET")]
    pub third: Option<String>,
    /// The target, where it is not given after the plan
    #[arg(long, hide = true, value_name = "TARGET", env = "SCALETOP_TARGET", hide_env_values = true)]
    pub target: Option<Target>,
    /// The target of a variable or of the configuration, which a plan's own goes before.
    #[arg(skip)]
    pub usual_target: Option<Target>,
    /// Only say what the plan would do
    #[arg(long)]
    pub check: bool,
    /// List the built-in plans
    #[arg(long)]
    pub list: bool,
    /// Without a plan: how long --rate is driven
    #[arg(long, short = 'z', allow_hyphen_values = true, value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_DURATION")]
    pub duration: Option<Duration>,
    /// Without a plan: when to spike to --spike-rate
    #[arg(long, value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_SPIKE_AT")]
    pub spike_at: Option<Duration>,
    /// End once a threshold is lost for good
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_ABORT_ON_FAIL")]
    pub abort_on_fail: bool,
    /// Multiplies durations, 0.01 to 100
    #[arg(long, default_value = "1", value_parser = values::factor, value_name = "FACTOR", env = "SCALETOP_STRETCH")]
    pub stretch: f64,
    /// For --check: what a request takes
    #[arg(long, default_value = "100ms", value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_SERVICE_TIME")]
    pub service_time: Duration,
    /// How the result is written.
    #[command(flatten)]
    pub format: FormatArgs,
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
    /// A URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET", hide_env_values = true)]
    pub target: Target,
    /// Also what one instance sustains; a demo has one then
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_PER_INSTANCE")]
    pub per_instance: bool,
    /// How long each rate is held
    #[arg(long, default_value = "10s", value_parser = values::whole_seconds, value_name = "TIME", env = "SCALETOP_HOLD")]
    pub hold: Duration,
    /// How narrow the bracket must be
    #[arg(long, default_value = "1%", value_parser = values::share, value_name = "SHARE", env = "SCALETOP_TOLERANCE")]
    pub tolerance: f64,
    /// How long it must have been calm before it is held
    #[arg(long, default_value = "5s", value_parser = values::whole_seconds, value_name = "TIME", env = "SCALETOP_SETTLE")]
    pub settle: Duration,
    /// How long to wait for that
    #[arg(long, default_value = "2m", value_parser = values::whole_seconds, value_name = "TIME", env = "SCALETOP_PATIENCE")]
    pub patience: Duration,
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
    /// A URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET", hide_env_values = true)]
    pub target: Target,
    /// The plans to play, files or built-in ones by their names [default: the scenarios for the target's platform]
    #[arg(value_name = "PLAN")]
    pub plans: Vec<PathBuf>,
    /// Multiplies durations, 0.01 to 100
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
    /// How the result is written.
    #[command(flatten)]
    pub format: FormatArgs,
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
    /// is enough: its halves are compared. Of a folder of sessions, the newest
    #[arg(num_args = 1.., required = true)]
    pub sessions: Vec<PathBuf>,
    /// The baseline: all others are held against it. Of a folder of sessions, the newest but those named
    #[arg(long, value_name = "SESSION")]
    pub baseline: Option<PathBuf>,
    /// Pass where the baseline does not exist, as before the first run was kept
    #[arg(long, requires = "baseline")]
    pub baseline_optional: bool,
    /// What fails the comparison, with exit code 3: 'p99 > +10%', 'spike.p99 > +50ms', 'errors > +0.5pp', 'p99 > 400ms'; repeatable
    #[arg(long, value_name = "LIMIT")]
    pub fail_if: Vec<String>,
    /// Where the page goes
    #[arg(long, default_value = "compare.html", value_name = "FILE")]
    pub html: PathBuf,
    /// How the result is written.
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `scaletop doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// A URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(env = "SCALETOP_TARGET", hide_env_values = true)]
    pub target: Option<Target>,
    /// Print a minimal IAM policy, and check nothing
    #[arg(long)]
    pub policy: bool,
    /// Print the checks as JSON
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_JSON")]
    pub json: bool,
    /// For --policy: the AWS account, twelve digits
    #[arg(long, value_name = "ID", requires = "policy", value_parser = values::account)]
    pub account: Option<String>,
    /// For --policy: the ECR repository, or the whole name of the image where it lies in another account or region
    #[arg(long, value_name = "NAME", requires = "policy")]
    pub repository: Option<String>,
    /// The rate that this machine must be able to drive
    #[arg(long, default_value = "5000", value_parser = values::rate, value_name = "RATE", env = "SCALETOP_MAX_RATE")]
    pub max_rate: ArrivalRate,
    /// The requests in flight that it must be able to hold [default: by the descriptor limit, 10000 at most]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000), value_name = "COUNT", env = "SCALETOP_MAX_IN_FLIGHT")]
    pub max_in_flight: Option<u64>,
    /// What is sent.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Who counts instances.
    #[command(flatten)]
    pub count: CountArgs,
    /// How the cloud is reached.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How the cluster is set up, when the target is `demo`.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `scaletop init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// The file to write, - for stdout [default: plan.toml; with --settings scaletop.toml]
    pub file: Option<PathBuf>,
    /// What the plan drives: a URL, demo, apprunner:NAME-or-ARN, ecs:CLUSTER/SERVICE or terraform:DIR
    #[arg(long)]
    pub target: Option<Target>,
    /// Its highest rate, in requests per second
    #[arg(long, short = 'r', allow_hyphen_values = true, value_parser = values::rate)]
    pub rate: Option<ArrivalRate>,
    /// Write a configuration in place of a plan, with every option and its default in comments
    #[arg(long, conflicts_with_all = ["target", "rate"])]
    pub settings: bool,
}

/// `scaletop config`.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// Show what holds for this command
    #[arg(value_name = "COMMAND", value_parser = ["demo", "live", "run", "capacity", "experiment", "replay", "report", "compare", "doctor", "cluster"])]
    pub command: Option<String>,
    /// Print the JSON schema of scaletop.toml, for editors
    #[arg(long, conflicts_with = "command")]
    pub schema: bool,
    /// Print it as JSON
    #[arg(long, conflicts_with = "schema")]
    pub json: bool,
}
