//! The words of `scaletop fleet up`, `down`, `placed` and `manifest`: where generators are placed, and how.
#![expect(clippy::doc_markdown, reason = "the help is no Markdown: it would show the backticks")]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::placing::{Join, Place, Size, is_name, is_run};
use crate::values;
use scaletop_units::ArrivalRate;

/// Placing generators.
#[derive(Clone, Debug, Subcommand)]
pub enum PlaceCommand {
    /// Place generators: here, over ssh, as Fargate tasks
    #[command(after_help = UP)]
    Up(Box<UpArgs>),
    /// End the generators that fleet up has placed
    #[command(after_help = DOWN)]
    Down(PlacedArgs),
    /// The generators that fleet up has placed, and whether they run
    #[command(after_help = PLACED)]
    Placed(PlacedArgs),
    /// Print what places generators elsewhere: on Kubernetes
    #[command(after_help = MANIFEST)]
    Manifest(Box<ManifestArgs>),
}

const UP: &str = "\
Examples:
  scaletop fleet up join.ticket --on local --count 3
  scaletop fleet up join.ticket --on ssh:load-1,load-2 --count 4
  scaletop fleet up join.ticket --on ecs:load -n 52 --subnets subnet-0a1b2c3d

On this machine it stays until Ctrl-C, and its generators end with it. Elsewhere
they go on: scaletop fleet down ends them, and so does every controller's end
after their --orphan. An ECS task gets its ticket from a secret of AWS, which
must hold this ticket: docs/fleet-placing.md.

Exit codes: 0 placed; 1 it failed, or some are missing; 2 usage; 128 + n ended
by signal n.";

const DOWN: &str = "\
Examples:
  scaletop fleet down join.ticket --on ssh:load-1,load-2
  scaletop fleet down --run 0123456789abcdef --on ecs:load

Each is told to leave, as planned: it hands its share over first.

Exit codes: 0 none is left; 1 it failed; 2 usage.";

const PLACED: &str = "\
Examples:
  scaletop fleet placed join.ticket --on ecs:load

Exit codes: 0 told; 1 it failed; 2 usage.";

const MANIFEST: &str = "\
Examples:
  scaletop fleet manifest k8s join.ticket --generators 5 --image r.io/st:0.2

Pipe it into kubectl apply -f -.

It holds the ticket, a secret: keep it out of repositories.

Exit codes: 0 printed; 1 it failed; 2 usage.";

/// How generators join, wherever they are placed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Each generator")]
pub struct JoinedArgs {
    /// A host that it may load, also several [default: the ticket's]
    #[arg(long, value_name = "HOST", value_parser = values::word, num_args = 1)]
    pub allow: Vec<String>,
    /// Threads that send
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256), value_name = "N")]
    pub workers: Option<u32>,
    /// The most that each sends, whoever asks [default: 20000]
    #[arg(long, value_parser = values::rate, value_name = "RATE")]
    pub max_rate: Option<ArrivalRate>,
    /// It ends when it has heard no controller for so long [default: 10m]
    #[arg(long, value_parser = values::positive_duration, value_name = "TIME")]
    pub orphan: Option<Duration>,
    /// Something to know it by, such as az=a; also several
    #[arg(long, value_name = "NAME=VALUE", value_parser = label, num_args = 1)]
    pub label: Vec<String>,
}

impl JoinedArgs {
    /// The words that they become.
    pub(crate) fn join(&self) -> Join {
        Join {
            workers: self.workers,
            max_rate: self.max_rate.map(ArrivalRate::get),
            allow: self.allow.clone(),
            orphan: self.orphan,
            labels: self.label.clone(),
        }
    }
}

/// How AWS is reached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS")]
pub struct AwsArgs {
    /// AWS region [default: AWS' own]
    #[arg(long, value_name = "NAME", value_parser = values::word)]
    pub region: Option<String>,
    /// AWS profile
    #[arg(long, value_name = "NAME", value_parser = values::word)]
    pub profile: Option<String>,
    /// One endpoint for every AWS service
    #[arg(long, value_name = "URL", value_parser = values::word, hide_env_values = true)]
    pub endpoint_url: Option<String>,
    /// Keys for an endpoint that checks none; else those of the chain.
    #[arg(skip)]
    pub keys: Option<(String, String)>,
}

impl PlaceCommand {
    /// For an endpoint that checks no keys, and a machine that has none.
    pub fn with_keys(&mut self, id: &str, secret: &str) {
        let aws = match self {
            Self::Up(args) => &mut args.aws,
            Self::Down(args) | Self::Placed(args) => &mut args.aws,
            Self::Manifest(_) => return,
        };
        aws.keys = Some((id.to_owned(), secret.to_owned()));
    }
}

/// `scaletop fleet up`.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// The generators' ticket: the file join.ticket, or - for standard input [default: $SCALETOP_FLEET_TICKET]
    pub ticket: Option<PathBuf>,
    /// Where: local, ssh:HOST,HOST or ecs:CLUSTER
    #[arg(long, value_name = "PLACE")]
    pub(crate) on: Place,
    /// How many generators [default: 1, or one on each machine]
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N")]
    pub count: Option<u32>,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// How they join.
    #[command(flatten)]
    pub joined: JoinedArgs,
    /// How AWS is reached.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// What tasks are.
    #[command(flatten)]
    pub tasks: TaskArgs,
}

/// What Fargate tasks are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS")]
pub struct TaskArgs {
    /// vCPU and GB of memory of each [default: 2x4]
    #[arg(long, value_name = "VCPUxGB")]
    pub(crate) size: Option<Size>,
    /// On ARM, a fifth cheaper; the image must be for it
    #[arg(long)]
    pub arm: bool,
    /// Subnets that they are spread over, in the target's zones
    #[arg(long, value_name = "ID", value_parser = aws_id, value_delimiter = ',')]
    pub subnets: Vec<String>,
    /// Their security groups [default: the VPC's own]
    #[arg(long, value_name = "ID", value_parser = aws_id, value_delimiter = ',')]
    pub security_groups: Vec<String>,
    /// No public IPv4 address: the subnets need another way out
    #[arg(long)]
    pub no_public_ip: bool,
    /// The task definition to begin with [default: scaletop-generator]
    #[arg(long, value_name = "NAME", value_parser = values::word)]
    pub task_definition: Option<String>,
    /// Another image than the task definition's
    #[arg(long, value_name = "IMAGE", value_parser = values::word)]
    pub image: Option<String>,
    /// The secret that holds the ticket [default: the task definition's]
    #[arg(long, value_name = "ARN")]
    pub ticket_secret: Option<String>,
    /// Do not wait until all run
    #[arg(long)]
    pub no_wait: bool,
}

impl TaskArgs {
    /// The first of its options that was given: none of them is for another place.
    pub(crate) fn given(&self) -> Option<&'static str> {
        [
            (self.size.is_some(), "--size"),
            (self.arm, "--arm"),
            (!self.subnets.is_empty(), "--subnets"),
            (!self.security_groups.is_empty(), "--security-groups"),
            (self.no_public_ip, "--no-public-ip"),
            (self.task_definition.is_some(), "--task-definition"),
            (self.image.is_some(), "--image"),
            (self.ticket_secret.is_some(), "--ticket-secret"),
            (self.no_wait, "--no-wait"),
        ]
        .into_iter()
        .find_map(|(is_given, name)| is_given.then_some(name))
    }
}

impl AwsArgs {
    /// The first of its options that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let all = [(&self.region, "--region"), (&self.profile, "--profile"), (&self.endpoint_url, "--endpoint-url")];
        all.into_iter().find_map(|(value, name)| value.is_some().then_some(name))
    }
}

/// `scaletop fleet down` and `scaletop fleet placed`.
#[derive(Clone, Debug, Args)]
pub struct PlacedArgs {
    /// The ticket of their run: the file join.ticket, or - for standard input [default: $SCALETOP_FLEET_TICKET]
    #[arg(conflicts_with = "run")]
    pub ticket: Option<PathBuf>,
    /// Their run, in place of its ticket
    #[arg(long, value_name = "RUN", value_parser = run)]
    pub run: Option<String>,
    /// Where: ssh:HOST,HOST or ecs:CLUSTER
    #[arg(long, value_name = "PLACE")]
    pub(crate) on: Place,
    /// How AWS is reached.
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// What a manifest is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ManifestKind {
    /// Kubernetes.
    K8s,
}

/// What processors generators need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// ARM, 64 bits.
    Arm64,
}

/// `scaletop fleet manifest`.
#[derive(Clone, Debug, Args)]
pub struct ManifestArgs {
    /// For what
    #[arg(value_enum)]
    pub kind: ManifestKind,
    /// The generators' ticket: the file join.ticket, or - for standard input [default: $SCALETOP_FLEET_TICKET]
    pub ticket: Option<PathBuf>,
    /// How many generators
    #[arg(long, short = 'n', default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N")]
    pub generators: u32,
    /// The image of scaletop
    #[arg(long, value_name = "IMAGE", value_parser = values::word)]
    pub image: String,
    /// The namespace [default: kubectl's]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub namespace: Option<String>,
    /// What the objects are called
    #[arg(long, default_value = "scaletop", value_name = "NAME", value_parser = name)]
    pub name: String,
    /// vCPU and GB of memory that each asks for
    #[arg(long, default_value = "2x4", value_name = "VCPUxGB")]
    pub(crate) size: Size,
    /// Only on nodes with these processors [default: whatever there is]
    #[arg(long, value_enum, value_name = "ARCH")]
    pub arch: Option<Architecture>,
    /// The Job ends after so long, whatever happens
    #[arg(long, default_value = "5h", value_parser = values::positive_duration, value_name = "TIME")]
    pub at_most: Duration,
    /// A nats-server in the cluster, too, of the folder that fleet serve --dir wrote
    #[arg(long, value_name = "DIR")]
    pub with_nats: Option<PathBuf>,
    /// Its image
    #[arg(long, default_value = "docker.io/library/nats:2-alpine", value_name = "IMAGE", value_parser = values::word, requires = "with_nats")]
    pub nats_image: String,
    /// How they join.
    #[command(flatten)]
    pub joined: JoinedArgs,
}

fn run(text: &str) -> Result<String, String> {
    if is_run(text) { Ok(text.to_owned()) } else { Err("a run is called by 16 of 0-9 and a-f".to_owned()) }
}

fn name(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no name: give up to 50 of a-z, 0-9 and -, first a letter, last no hyphen");
    if is_name(text) { Ok(text.to_owned()) } else { Err(wrong()) }
}

fn label(text: &str) -> Result<String, String> {
    let is_fine = text.len() <= 100 && text.chars().all(|c| c.is_ascii_graphic());
    match text.split_once('=') {
        Some((name, _)) if is_fine && !name.is_empty() => Ok(text.to_owned()),
        _ => {
            Err(format!("`{text}` is no label: give NAME=VALUE in at most 100 letters, digits and signs, such as az=a"))
        }
    }
}

/// `subnet-0a1b2c3d`, `sg-…`.
fn aws_id(text: &str) -> Result<String, String> {
    let is_fine = ["subnet-", "sg-"].iter().any(|kind| {
        text.strip_prefix(kind).is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    });
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no id of AWS such as subnet-0a1b2c3d or sg-0a1b2c3d"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(subcommand)]
        command: PlaceCommand,
    }

    fn parse(words: &str) -> Result<PlaceCommand, String> {
        let words = std::iter::once("fleet").chain(words.split_whitespace());
        Words::try_parse_from(words).map(|words| words.command).map_err(|error| error.to_string())
    }

    #[test]
    fn the_examples_of_the_help_are_commands() {
        for help in [UP, DOWN, PLACED, MANIFEST] {
            let text = help.replace("\\\n", " ");
            let examples: Vec<_> =
                text.lines().filter_map(|line| line.trim().strip_prefix("scaletop fleet ")).collect();
            assert!(!examples.is_empty());
            for example in examples {
                let words = example.split('|').next().unwrap();
                parse(words).unwrap_or_else(|error| panic!("{words}: {error}"));
            }
            assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        }
    }

    #[test]
    fn what_is_said_of_a_generator_becomes_its_words() {
        let command =
            parse("up --on local -n 2 --max-rate 5k --orphan 1m --allow a.example --label az=a --workers 3").unwrap();
        let PlaceCommand::Up(args) = command else { panic!("{command:?}") };
        assert_eq!(args.count, Some(2));
        let words = args.joined.join().words().join(" ");
        assert_eq!(words, "fleet join --workers 3 --max-rate 5000 --allow a.example --orphan 60000ms --label az=a");
    }

    #[test]
    fn wrong_words_are_refused_before_anything_is_placed() {
        for (words, said) in [
            ("up --on there", "is no place for generators"),
            ("up --on ssh:-oProxyCommand=x", "is no host"),
            ("up --on ecs:x --size 2", "is no size"),
            ("up --on ecs:x --subnets vpc-1", "is no id of AWS"),
            ("up --on local --count 0", "--count"),
            ("down --run x --on ecs:x", "16 of 0-9"),
            ("down join.ticket --run 0123456789abcdef --on ecs:x", "cannot be used with"),
            ("manifest k8s", "--image"),
            ("manifest k8s --image x --name Load", "is no name"),
            ("manifest helm --image x", "k8s"),
        ] {
            let error = parse(words).unwrap_err();
            assert!(error.contains(said), "{words}: {error}");
        }
    }

    #[test]
    fn options_of_tasks_are_known_by_name() {
        assert_eq!(TaskArgs::default().given(), None);
        assert_eq!(TaskArgs { arm: true, ..TaskArgs::default() }.given(), Some("--arm"));
        assert_eq!(AwsArgs { region: Some("x".to_owned()), ..AwsArgs::default() }.given(), Some("--region"));
    }
}
