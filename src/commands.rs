//! What each command does: the edge where options become a running session.

mod compare;
mod drive;
mod error;

use std::io::{self, IsTerminal as _, Write as _};

use clap::CommandFactory as _;

use crate::cli::{Cli, Command, DemoArgs, LiveArgs, ReportArgs, RunArgs};
use crate::cluster::{Cluster, ClusterArgs, ClusterOptions};
use crate::plan::Plan;
use crate::session::export;
use crate::session::summary;
use crate::target::Target;

pub use error::CommandError;

/// The plan that the demo plays where there is no screen.
const DEMO_SPIKE: &str = include_str!("../scenarios/demo-spike.toml");

/// Does what the command line asks for; the number is the exit code.
pub async fn execute(cli: Cli) -> Result<u8, CommandError> {
    match cli.command {
        Command::Demo(args) => demo(args).await,
        Command::Live(args) => live(args).await,
        Command::Run(args) => run(args).await,
        Command::Report(args) => report(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Cluster(args) => cluster(args).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "scaletop", &mut io::stdout());
            Ok(0)
        }
    }
}

async fn demo(args: DemoArgs) -> Result<u8, CommandError> {
    if has_screen() {
        return drive::on_screen(args.drive, Target::Demo, args.cluster).await;
    }
    say("no terminal: playing the demo spike headless (scaletop run scenarios/demo-spike.toml demo)")?;
    let plan = Plan::parse(DEMO_SPIKE)?;
    drive::headless(args.drive, Target::Demo, args.cluster, plan).await
}

async fn live(args: LiveArgs) -> Result<u8, CommandError> {
    if !has_screen() {
        return Err(CommandError::NoTerminal);
    }
    drive::on_screen(args.drive, args.target, args.cluster).await
}

async fn run(args: RunArgs) -> Result<u8, CommandError> {
    let text = std::fs::read_to_string(&args.plan)
        .map_err(|source| CommandError::ReadPlan { path: args.plan.clone(), source })?;
    let plan = Plan::parse(&text)?;
    if !plan.thresholds.is_empty() {
        // Playing it without judging them would be a test that always passes.
        let why = "the plan has [thresholds], which this version cannot judge yet: take them out to play it";
        return Err(CommandError::Option(why.to_owned()));
    }
    let target = match (args.target, &plan.url) {
        (Some(target), _) => target,
        (None, Some(url)) => url.parse()?,
        (None, None) => return Err(CommandError::NoTarget),
    };
    drive::headless(args.drive, target, args.cluster, plan).await
}

fn report(args: &ReportArgs) -> Result<u8, CommandError> {
    let exported = export::export(&args.session)?;
    if let Some(damage) = exported.damage.describe() {
        say(&format!("note: {damage}"))?;
    }
    let mut out = io::stdout().lock();
    out.write_all(summary::text(&exported.session).as_bytes())?;
    writeln!(out, "files: {}", exported.folder.display())?;
    Ok(0)
}

/// Serves until a signal says otherwise.
async fn cluster(args: ClusterArgs) -> Result<u8, CommandError> {
    let mut signals = crate::app::signals::Signals::listen()?;
    let options = args.over(&ClusterOptions::default());
    let cluster = Cluster::start(options, tokio::time::Instant::now()).await?;
    {
        let mut out = io::stdout().lock();
        writeln!(out, "export SCALETOP_URL={}", cluster.url())?;
        writeln!(out, "export SCALETOP_TARGET={}", cluster.url())?;
        out.flush()?;
    }
    say("serving until Ctrl-C")?;
    signals.next().await;
    cluster.shutdown().await;
    Ok(0)
}

/// Whether somebody can see a screen and press keys.
fn has_screen() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// A line on stderr: stdout is the result's.
fn say(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "scaletop: {text}")
}
