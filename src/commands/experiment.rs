//! `scaletop experiment`: plans one after the other, unattended, into one folder with one report.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::signals::Signals;
use crate::cli::{DriveArgs, ExperimentArgs};
use crate::commands::{CommandError, demo_spike, destination, fleet_load, outcome, run, say};
use crate::experiment::{Played, markdown};
use crate::export::ExportError;
use crate::files;
use crate::plan::Plan;
use crate::session::folder;
use crate::session::recording::{self, RecordingReader};
use crate::session::verdict::{exit_code_of, judge};
use crate::target::Target;
use crate::text::{clean, span};
use scaletop_cluster::{ClusterArgs, Platform};
use scaletop_units::RunClock;

/// The report's name in the experiment's folder.
const REPORT: &str = "report.md";

/// From the decision to a task that answers, in AWS' own benchmark of ECS: 386 s less 363 s.
const ECS_COLD_START: Duration = Duration::from_secs(23);

/// The App Runner experiment.
const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "single-instance",
        text: include_str!("../../scenarios/single-instance.toml"),
        // Nothing scales, so nothing has to be waited for.
        on_ecs: None,
        // As in the App Runner experiment: measured against a scaling configuration of its own.
        demo_max_size: Some(1),
        is_demo_spike: false,
    },
    Scenario {
        name: "multi-instance",
        text: include_str!("../../scenarios/multi-instance.toml"),
        on_ecs: Some(include_str!("../../scenarios/ecs-multi-instance.toml")),
        demo_max_size: None,
        is_demo_spike: false,
    },
    Scenario {
        name: "spike",
        text: include_str!("../../scenarios/spike.toml"),
        on_ecs: Some(include_str!("../../scenarios/ecs-spike.toml")),
        demo_max_size: None,
        is_demo_spike: true,
    },
];

/// A plan that is built in.
struct Scenario {
    name: &'static str,
    text: &'static str,
    /// The same with the time that ECS takes to react, where that is another.
    on_ecs: Option<&'static str>,
    /// The most instances of the demo's cluster; a service that is not the demo is left as it is.
    demo_max_size: Option<u32>,
    /// On the demo it goes as high as the demo's own spike, which leaves room unless `--edge` says otherwise.
    is_demo_spike: bool,
}

impl Scenario {
    /// The plan for `platform`, and the name of its file in `scenarios/`.
    fn for_platform(&self, platform: Option<Platform>) -> (&'static str, String) {
        match self.on_ecs {
            Some(text) if platform == Some(Platform::Ecs) => (text, format!("ecs-{}.toml", self.name)),
            _ => (self.text, format!("{}.toml", self.name)),
        }
    }
}

/// Why these durations, in a sentence.
const fn durations(platform: Option<Platform>) -> &'static str {
    match platform {
        Some(Platform::Ecs) => "the target is on ECS, which takes minutes to decide: the scenarios for ECS are played",
        Some(Platform::AppRunner) => "the target is on App Runner: its scenarios are played",
        None => {
            "what the URL's platform is is not known: the scenarios for App Runner are played; for a service on ECS give \
             ecs:CLUSTER/SERVICE, or scenarios/ecs-spike.toml"
        }
    }
}

/// A plan that will be played, and where its session goes.
struct Part {
    name: String,
    plan: Plan,
    cluster: ClusterArgs,
}

/// Plays the plans and writes the report.
pub(super) async fn run(args: ExperimentArgs) -> Result<u8, CommandError> {
    let home = args.drive.output.out.clone().unwrap_or_else(|| {
        let name = folder::name(RunClock::start().started_unix_micros(), std::slice::from_ref(&args.target));
        PathBuf::from(folder::HOME).join(format!("{name}-experiment"))
    });
    if args.report_only {
        return report(&home, &args.target);
    }
    let parts = parts(&args).await?;
    if parts.len() > 1 && fleet_load::is_asked(&args.drive.fleet) {
        let why = "a fleet's generators end with their session, and this experiment has several: give one plan, or start one experiment after \
                   the other with generators of its own each";
        return Err(CommandError::Option(why.to_owned()));
    }
    let (mut failure, mut signals) = (None, None);
    for (at, part) in parts.iter().enumerate() {
        say(&format!("{} of {}: {} (at most {})", at + 1, parts.len(), part.plan.name, span(part.plan.at_most())));
        let mut drive: DriveArgs = args.drive.clone();
        drive.output.out = Some(home.join(&part.name));
        let prepared =
            run::prepare(&drive, std::slice::from_ref(&args.target), part.cluster.clone(), part.plan.clone(), false);
        let prepared = match Box::pin(until_signal(&mut signals, prepared)).await {
            Ok(prepared) => prepared,
            Err(signal) => return interrupted(&home, &args.target, signal),
        };
        // From the first session on, what ends a session ends the experiment, between two of them as well.
        if signals.is_none() {
            signals = Some(Signals::listen()?);
        }
        let played = match prepared {
            Ok(prepared) => prepared.run().await,
            Err(error) => Err(error),
        };
        match played {
            Ok(finished) => {
                say(&judge(finished.state.session()).headline());
                let came = signals.as_mut().and_then(Signals::pending);
                if let Some(signal) = finished.signal.or(came) {
                    return interrupted(&home, &args.target, signal);
                }
            }
            // The others may still work, and what was measured is kept.
            Err(error) => {
                say(&format!("{} could not be played: {error}", part.name));
                failure = Some(error);
            }
        }
    }
    let code = report(&home, &args.target)?;
    failure.map_or(Ok(code), Err)
}

/// Waits for `work`, unless a signal comes first: its number then.
async fn until_signal<T>(signals: &mut Option<Signals>, work: impl Future<Output = T>) -> Result<T, i32> {
    let Some(signals) = signals else { return Ok(work.await) };
    tokio::select! {
        biased;
        signal = signals.next() => Err(signal),
        done = work => Ok(done),
    }
}

/// What was measured is kept.
fn interrupted(home: &Path, target: &Target, signal: i32) -> Result<u8, CommandError> {
    report(home, target)?;
    Ok(outcome::by_signal(Some(signal)).unwrap_or(1))
}

async fn parts(args: &ExperimentArgs) -> Result<Vec<Part>, CommandError> {
    let part =
        |name: &str, plan: Plan, cluster| Part { name: name.to_owned(), plan: plan.stretched(args.stretch), cluster };
    if !args.plans.is_empty() {
        if args.edge.edge {
            let why = "--edge is for the experiment's own spike: a plan says its rates itself";
            return Err(CommandError::Option(why.to_owned()));
        }
        let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = |path: &PathBuf| Ok(part(&name(path), run::read(path)?, args.cluster.clone()));
        return args.plans.iter().map(read).collect();
    }
    let platform = destination::platform(&args.target, &args.cluster, &args.drive.cloud).await?;
    say(durations(platform));
    let demo_spike = demo_spike::rate_on(&args.target, args.edge);
    let mut parts = Vec::new();
    for scenario in SCENARIOS {
        if scenario.demo_max_size.is_some() && !matches!(args.target, Target::Demo(_)) {
            say(&format!(
                "left out: {0}, which is for a service pinned to one instance; to play it: scaletop experiment {1} scenarios/{0}.toml",
                scenario.name, args.target
            ));
            continue;
        }
        let mut cluster = cluster_at_home(args, platform);
        cluster.max_size = cluster.max_size.or(scenario.demo_max_size);
        let (text, file) = scenario.for_platform(platform);
        let plan = run::parse(text, &Path::new("scenarios").join(file))?;
        let plan = match demo_spike.filter(|_| scenario.is_demo_spike) {
            Some(peak) => plan.with_peak(peak),
            None => plan,
        };
        parts.push(part(scenario.name, plan, cluster));
    }
    Ok(parts)
}

/// The demo's cluster for plans that are stretched: the reaction of its ECS, which is counted in minutes, is as much
/// quicker as the plans are shorter, or they would be over before it.
fn cluster_at_home(args: &ExperimentArgs, platform: Option<Platform>) -> ClusterArgs {
    let mut cluster = args.cluster.clone();
    if platform == Some(Platform::Ecs) && args.stretch < 1.0 {
        cluster.time_scale = cluster.time_scale.or(Some(1.0 / args.stretch));
        cluster.cold_start = cluster.cold_start.or(Some(ECS_COLD_START.mul_f64(args.stretch)));
    }
    cluster
}

/// Writes the report on every session in `home`, and prints it.
fn report(home: &Path, target: &Target) -> Result<u8, CommandError> {
    let mut played = sessions(home)?;
    played.sort_by_key(|one| one.session.header().started_unix_micros);
    let text = markdown(&target.to_string(), &played);
    let path = home.join(REPORT);
    files::write(&path, text.as_bytes()).map_err(|source| CommandError::Write { path: path.clone(), source })?;
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    writeln!(out, "\nfiles: {}", clean(&home.display().to_string()))?;
    outcome::add_to_step_summary(&text);
    Ok(exit_code_of(played.iter().map(|one| &one.session)))
}

fn sessions(home: &Path) -> Result<Vec<Played>, CommandError> {
    let entries =
        std::fs::read_dir(home).map_err(|source| CommandError::ReadFolder { path: home.to_owned(), source })?;
    let mut played = Vec::new();
    for entry in entries {
        let folder = entry.map_err(|source| CommandError::ReadFolder { path: home.to_owned(), source })?.path();
        if folder.join(recording::FILE_NAME).exists() {
            played.push(read_session(&folder)?);
        }
    }
    Ok(played)
}

fn read_session(folder: &Path) -> Result<Played, CommandError> {
    let mut reader = RecordingReader::open(folder).map_err(ExportError::from)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut played = Played::new(name, reader.header().clone());
    while let Some(recorded) = reader.next_event().map_err(ExportError::from)? {
        played.apply(&recorded);
    }
    played.finish();
    Ok(played)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn the_scenarios_are_plans_that_drive_what_the_app_runner_experiment_drove() {
        let peaks: Vec<_> = SCENARIOS.iter().map(|s| Plan::parse(s.text).unwrap().peak().get()).collect();
        assert_eq!(peaks, [150, 900, 600]);
        let spike = Plan::parse(SCENARIOS[2].text).unwrap();
        assert_eq!(spike.stages.iter().filter(|stage| stage.name.starts_with("spike")).count(), 3);
    }

    #[tokio::test]
    async fn at_home_the_spike_leaves_room_unless_it_is_asked_to_the_edge() {
        let peaks = async |line: &[&str]| {
            let line = ["scaletop", "experiment"].iter().chain(line);
            let Command::Experiment(args) = Cli::try_parse_from(line).unwrap().command else {
                panic!("another command")
            };
            parts(&args).await.map(|parts| parts.iter().map(|part| part.plan.peak().get()).collect::<Vec<_>>())
        };
        assert_eq!(peaks(&["demo"]).await.unwrap(), [150, 900, 500]);
        assert_eq!(peaks(&["demo", "--edge"]).await.unwrap(), [150, 900, 600]);
        assert_eq!(peaks(&["http://127.0.0.1:1"]).await.unwrap(), [900, 600]);
        let spike = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/spike.toml");
        let spike = spike.to_str().unwrap();
        assert_eq!(peaks(&["demo", spike]).await.unwrap(), [600], "a plan says its rates itself");
        assert!(
            peaks(&["demo", spike, "--edge"]).await.unwrap_err().to_string().contains("a plan says its rates itself")
        );
    }

    #[test]
    fn every_scenario_in_the_folder_is_a_plan() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            run::read(&path).unwrap_or_else(|error| panic!("{error}"));
            names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
        names.sort();
        assert_eq!(
            names,
            ["demo-spike", "ecs-multi-instance", "ecs-spike", "multi-instance", "single-instance", "soak", "spike"]
        );
    }

    /// The longest that a stage of each scenario takes for `platform`, by the beginning of its name.
    fn longest(scenario: &Scenario, platform: Option<Platform>, stage: &str) -> Vec<u64> {
        let plan = Plan::parse(scenario.for_platform(platform).0).unwrap();
        let stages = plan.stages.iter().filter(|s| s.name.starts_with(stage));
        stages.map(|s| s.end.at_most().as_secs() / 60).collect()
    }

    #[test]
    fn the_platforms_own_reaction_sets_the_durations() {
        let [single, multi, spike] = &SCENARIOS;
        let ecs = Some(Platform::Ecs);
        assert_eq!(
            longest(spike, ecs, "spike"),
            [20; 3],
            "three decisions by the CPU, six minutes to the first, and some to see what they are worth"
        );
        assert_eq!(
            longest(spike, ecs, "rest"),
            [60; 3],
            "a quarter of an hour until the first removal, a cooldown for each other"
        );
        assert_eq!(longest(multi, ecs, ""), [0, 10, 10, 10, 10, 10, 10, 10]);
        for quick in [Some(Platform::AppRunner), None] {
            assert_eq!(longest(spike, quick, "spike"), [5; 3]);
            assert_eq!(longest(spike, quick, "rest"), [25; 3]);
            assert_eq!(longest(multi, quick, ""), [0, 5, 5, 5, 5, 5, 5, 5]);
        }
        assert_eq!(longest(single, ecs, ""), longest(single, None, ""), "nothing scales");
        // The same load, or the two could not be compared.
        for scenario in [multi, spike] {
            let rates = |platform| -> Vec<_> {
                let plan = Plan::parse(scenario.for_platform(platform).0).unwrap();
                plan.stages.iter().map(|stage| (stage.name.clone(), stage.profile)).collect()
            };
            assert_eq!(rates(ecs), rates(None), "{}", scenario.name);
        }
    }

    #[tokio::test]
    async fn the_target_decides_which_scenarios_are_played_and_at_home_ecs_is_as_quick_as_they_are_short() {
        use clap::Parser as _;
        let parts = async |words: &[&str]| {
            let line = ["scaletop", "experiment"].iter().chain(words);
            let crate::cli::Command::Experiment(args) = crate::cli::Cli::try_parse_from(line).unwrap().command else {
                panic!("{words:?}")
            };
            super::parts(&args).await.unwrap()
        };
        let names = |parts: &[Part]| -> Vec<_> { parts.iter().map(|part| part.plan.name.clone()).collect() };
        let ecs = ["multi instance on ECS, 200 to 900", "spike from 0 to 600 on ECS, three times"];
        assert_eq!(names(&parts(&["ecs:cluster/service"]).await), ecs);
        let app_runner = ["multi instance, 200 to 900", "spike from 0 to 600, three times"];
        assert_eq!(names(&parts(&["apprunner:demo"]).await), app_runner);
        assert_eq!(names(&parts(&["https://example.com/"]).await), app_runner);
        let at_home = parts(&["demo", "--platform", "ecs", "--stretch", "0.1"]).await;
        // The demo's spike leaves room, and says so.
        assert_eq!(names(&at_home)[1..], [ecs[0], "spike from 0 to 500 on ECS, three times"]);
        assert!(at_home.iter().all(|part| part.cluster.time_scale == Some(10.0)));
        assert!(at_home.iter().all(|part| part.cluster.cold_start == Some(Duration::from_millis(2_300))));
        assert_eq!(at_home[2].plan.stages[2].end.at_most().as_secs(), 120);
        let asked = parts(&["demo", "--platform", "ecs", "--stretch", "0.1", "--time-scale", "3"]).await;
        assert_eq!(asked[0].cluster.time_scale, Some(3.0));
        let quick = parts(&["demo", "--stretch", "0.1"]).await;
        assert_eq!(
            (names(&quick)[1..].to_vec(), quick[0].cluster.time_scale),
            (vec![app_runner[0].to_owned(), "spike from 0 to 500, three times".to_owned()], None)
        );
        assert_eq!(
            parts(&["demo", "scenarios/spike.toml"]).await.len(),
            1,
            "what is asked for by its file is played as it is"
        );
    }
}
