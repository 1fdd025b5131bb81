//! What each command does: the edge where options become a running session.

mod aim;
mod authority;
mod capacity;
mod compare;
mod config;
mod counting;
#[cfg(feature = "aws")]
pub(crate) mod demo;
mod demo_spike;
mod destination;
mod doctor;
mod drive;
mod error;
mod experiment;
mod fleet;
mod fleet_load;
#[cfg(test)]
mod foreign_tests;
mod init;
mod offer;
mod other_scheme;
mod outcome;
mod own;
mod pages;
pub(crate) mod placing;
mod preflight;
mod replay;
mod report;
mod request;
mod run;
mod sending;
mod version;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use crate::cli::settings::{Said, Source};
use crate::cli::{Cli, Command, DemoArgs, GlyphsChoice, LiveArgs, OutputArgs, ScreenArgs, ThemeChoice};
use crate::commands::drive::Script;
use crate::commands::own::Own;
use crate::headless::Verbosity;
use crate::plan::Plan;
use crate::target::Target;
use crate::text::clean_lines;
use crate::tui::glyphs::Glyphs;
use crate::tui::theme::{Look, Theme};
use scaletop_cluster::wire::EmbeddedPlatform;
use scaletop_cluster::{ClusterArgs, ClusterOptions};
use scaletop_units::{ArrivalRate, RunClock};

pub(crate) use error::CommandError;
pub use offer::words as offer;
pub use version::long_version;

/// The plan that the demo plays where there is no screen.
const DEMO_SPIKE: &str = include_str!("../scenarios/demo-spike.toml");

/// Does what the command line asks for; the number is the exit code.
pub async fn execute(cli: Cli) -> Result<u8, CommandError> {
    let said = cli.said.clone();
    Box::pin(done(cli)).await.map_err(|error| error.placed(&said))
}

async fn done(cli: Cli) -> Result<u8, CommandError> {
    // Of whatever command: what is wrong with the file is said before anything is done.
    let own = Own::read(&cli.own)?;
    match cli.command {
        Command::Demo(args) => demo(args, own, &cli.said).await,
        Command::Live(args) => live(args, own).await,
        Command::Run(args) => run::run(args).await,
        Command::Capacity(args) => capacity::run(args).await,
        // Boxed: its future holds those of a whole session.
        Command::Experiment(args) => Box::pin(experiment::run(args)).await,
        Command::Replay(args) => replay::replay(&args, own).await,
        Command::Report(args) => report::report(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Doctor(args) => doctor::run(*args).await,
        Command::Cluster(args) => cluster(args).await,
        Command::Fleet(command) => fleet::run(command, own).await,
        Command::Init(args) => init::init(&args),
        Command::Config(args) => config::config(&args, &cli.in_force, &cli.own),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { dir } => pages::man(dir.as_deref()),
    }
}

/// What only a screen has a use for.
const FOR_KEYS: [&str; 6] = ["rate", "theme", "glyphs", "no-mouse", "bell", "no-color"];

async fn demo(mut args: DemoArgs, own: Own, said: &[Said]) -> Result<u8, CommandError> {
    let spike = *args.drive.load.spike_rate.get_or_insert(demo_spike::rate(args.edge));
    if has_screen() {
        return drive::on_screen(args.drive, vec![Target::Demo(None)], args.cluster, own, Script::default()).await;
    }
    let typed = said.iter().filter(|one| one.source == Source::Typed);
    if let Some(key) = typed.map(|one| one.key.as_str()).find(|key| FOR_KEYS.contains(key)) {
        return Err(CommandError::Option(format!(
            "--{key} does nothing beside the demo spike, which is played where there is no terminal: leave it out; for a rate of \
             your own: scaletop run demo --rate 100 --duration 30s"
        )));
    }
    say("no terminal: playing the demo spike headless (scaletop run demo-spike demo)");
    run::play(&args.drive, &[Target::Demo(None)], args.cluster, demo_plan(spike)?, run::How::default()).await
}

/// What is played where nobody presses keys.
fn demo_plan(spike: ArrivalRate) -> Result<Plan, CommandError> {
    Ok(run::parse(DEMO_SPIKE, Path::new("scenarios/demo-spike.toml"))?.with_peak(spike))
}

async fn live(mut args: LiveArgs, own: Own) -> Result<u8, CommandError> {
    let spike = demo_spike::rate_on_all(&args.targets, args.edge);
    args.drive.load.spike_rate = args.drive.load.spike_rate.or(spike);
    if !has_screen() {
        return Err(CommandError::NoTerminal);
    }
    drive::on_screen(args.drive, args.targets, args.cluster, own, Script::default()).await
}

/// Serves until a signal says otherwise.
async fn cluster(args: ClusterArgs) -> Result<u8, CommandError> {
    let mut signals = crate::app::signals::Signals::listen()?;
    let options = args.over(&ClusterOptions::default());
    let platform = EmbeddedPlatform::start(options, None, RunClock::start(), 0).await?;
    {
        let mut out = io::stdout().lock();
        for (name, value) in platform.exports() {
            writeln!(out, "export {name}={value}")?;
        }
        out.flush()?;
    }
    say("serving until Ctrl-C");
    signals.next().await;
    platform.cluster.shutdown().await;
    Ok(0)
}

/// How much progress is told.
const fn verbosity(output: &OutputArgs) -> Verbosity {
    match (output.quiet, output.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    }
}

/// What the screen looks like on this terminal.
fn theme(args: ScreenArgs, own: &Own) -> Theme {
    let theme = match args.colors() {
        ThemeChoice::Auto => None,
        ThemeChoice::Dark => Some(Theme::DARK),
        ThemeChoice::Light => Some(Theme::LIGHT),
        ThemeChoice::Ansi => Some(Theme::ANSI),
        ThemeChoice::Mono => Some(Theme::MONO),
    };
    let glyphs = match args.glyphs {
        GlyphsChoice::Auto => None,
        GlyphsChoice::Braille => Some(Glyphs::Braille),
        GlyphsChoice::Blocks => Some(Glyphs::Blocks),
        GlyphsChoice::Ascii => Some(Glyphs::Ascii),
    };
    let theme = Theme::from_env(Look { theme, glyphs }, |name| std::env::var(name).ok()).own(&own.colors);
    // Where the terminal is asked for its background, the screen says it.
    for role in theme.faint().into_iter().filter(|_| !theme.may_ask_background()) {
        let place = own.roles.iter().rfind(|(name, _)| name == role).map(|(_, place)| format!("{place}: "));
        say(&format!(
            "warning: {}the color of `{role}` hardly stands out from this background (less than 3:1)",
            place.unwrap_or_default()
        ));
    }
    theme
}

/// Whether somebody can see a screen and press keys.
fn has_screen() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// A line on stderr: stdout is the result's. Nothing fails because nobody reads it.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "scaletop: {}", clean_lines(text));
}
