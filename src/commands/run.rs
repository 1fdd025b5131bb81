//! `scaletop run`: a plan without a screen, or only what it would do.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::controller::Controller;
use crate::app::live::Finished;
use crate::cli::{DriveArgs, EdgeArgs, Format, RequestArgs, RunArgs};
use crate::commands::authority::Authority;
use crate::commands::counting::Counting;
use crate::commands::destination::demo_options;
use crate::commands::drive::{self, Ready, Script};
use crate::commands::request::{join, request_options, with_requests};
use crate::commands::{CommandError, aim, demo_spike, fleet_load, outcome, say, sending, verbosity};
use crate::files;
use crate::headless::Log;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::plan::forecast::{Assumptions, Forecast};
use crate::plan::schedule::Schedule;
use crate::requests;
use crate::session::folder;
use crate::target::{self, Target, hide_secrets, names_a_target, with_scheme};
use crate::text::{percent, span, thousands};
use crate::values;
use crate::web::Bound;
use scaletop_cluster::ClusterArgs;
use scaletop_load::{RequestName, raise_fd_limit};
use scaletop_units::ArrivalRate;

/// Plays the plan that `args` name, or says what it would do.
pub(super) async fn run(args: RunArgs) -> Result<u8, CommandError> {
    let given = [&args.first, &args.second, &args.third].into_iter().flatten().map(String::as_str);
    if args.list {
        return match given.map(hide_secrets).next() {
            Some(word) => Err(CommandError::Option(format!(
                "--list names the plans that are built in: leave {word} out, or --list"
            ))),
            None => list(),
        };
    }
    let Words { plan, targets } = words(&given.collect::<Vec<_>>())?;
    let targets = if targets.is_empty() { args.target.iter().cloned().collect() } else { targets };
    // One that holds for whatever has none.
    let usual: Vec<Target> = args.usual_target.iter().cloned().collect();
    let is_unplanned = plan.is_none();
    let plan = match plan {
        Some(plan) => {
            let request = &args.drive.request;
            let body = request.body.as_deref().and_then(|body| body.strip_prefix('@')).map(Path::new);
            let is_body = body.or(request.body_file.as_deref()).is_some_and(files::is_standard_input);
            let reads_twice = plan == "-" && is_body;
            if reads_twice {
                return Err(CommandError::Option(
                    "standard input is the plan or the body, not both: give one a file".into(),
                ));
            }
            read(Path::new(&plan))?
        }
        None => unplanned(&args, if targets.is_empty() { &usual } else { &targets })?,
    };
    let plan = plan.stretched(args.stretch);
    if Forecast::of(&plan).requests == 0 {
        return Err(CommandError::NothingToSend { name: plan.name });
    }
    // What was typed goes before the plan's own target, and that before the usual one.
    let targets = match &plan.url {
        _ if !targets.is_empty() => targets,
        Some(url) => vec![url.parse()?],
        None => usual,
    };
    if args.check {
        if is_unplanned && targets.is_empty() {
            return Err(CommandError::NoTarget);
        }
        return check(&args, &targets, plan).await;
    }
    if targets.is_empty() {
        return Err(CommandError::NoTarget);
    }
    let how = How { format: args.format.chosen(), abort_on_fail: args.abort_on_fail };
    play(&args.drive, &targets, args.cluster, plan, how).await
}

/// What the words after `run` mean.
#[derive(Debug, PartialEq)]
struct Words {
    /// A file, `-`, or the name of a plan that is built in.
    plan: Option<String>,
    /// One, or two that get the same arrivals; none where the plan, or the surroundings, name it.
    targets: Vec<Target>,
}

/// Tells plan and targets apart, in any order.
fn words(words: &[&str]) -> Result<Words, CommandError> {
    // A file goes before what only looks like a host.
    let is_target = |word: &&str| names_a_target(word) && (word.contains("://") || !Path::new(word).is_file());
    let (mut targets, others): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| is_target(word));
    let plan = others.first().map(|plan| (*plan).to_owned());
    // What is neither is refused as a target, with what a target may be.
    targets.extend(others.iter().skip(1));
    if targets.len() > 2 {
        return Err(CommandError::Option(format!(
            "run drives one target, or two with the same arrivals, not {}: {}",
            targets.len(),
            targets.iter().map(|target| hide_secrets(target)).collect::<Vec<_>>().join(", ")
        )));
    }
    let targets = targets.into_iter().map(str::parse).collect::<Result<_, _>>()?;
    Ok(Words { plan, targets })
}

/// The plan of a run that has none: `--rate` for `--duration`, and a spike if one is asked for.
fn unplanned(args: &RunArgs, targets: &[Target]) -> Result<Plan, CommandError> {
    let load = &args.drive.load;
    let sends = !load.rate.is_paused() || args.spike_at.is_some();
    let duration = match args.duration {
        Some(duration) if sends => duration,
        Some(_) => return Err(CommandError::HalfAPlan { missing: "--rate is missing, or 0" }),
        None if sends => return Err(CommandError::HalfAPlan { missing: "--duration is missing" }),
        None => return Err(CommandError::NoPlan),
    };
    let stage = |name, rate: ArrivalRate, duration: Duration| {
        format!("[[stage]]\nname = \"{name}\"\nrate = {}\nduration = \"{}ns\"\n", rate.get(), duration.as_nanos())
    };
    let stages = match args.spike_at {
        None => stage("steady", load.rate, duration),
        Some(at) if at < duration => {
            let of_demo = demo_spike::rate_on_all(targets, EdgeArgs::default());
            let spike = load.spike_rate.or(of_demo).unwrap_or(drive::SPIKE_RATE);
            stage("before", load.rate, at) + &stage("spike", spike, duration.saturating_sub(at))
        }
        Some(at) => {
            let (at, duration) = (span(at), span(duration));
            return Err(CommandError::Option(format!("--spike-at {at} is not within --duration {duration}")));
        }
    };
    parse(&format!("name = \"{} for {}\"\n{stages}", load.rate, span(duration)), Path::new("--rate and --duration"))
}

/// How a plan is played.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    pub(super) format: Format,
    pub(super) abort_on_fail: bool,
}

/// Plays a plan and says how it went.
pub(super) async fn play(
    drive: &DriveArgs,
    targets: &[Target],
    cluster: ClusterArgs,
    plan: Plan,
    how: How,
) -> Result<u8, CommandError> {
    say_how(prepare(drive, targets, cluster, plan, how.abort_on_fail).await?.run().await?, how)
}

/// Plays a plan with a fleet that is known already.
#[cfg(feature = "fleet")]
pub(super) async fn play_by(
    fleet: fleet_load::Carrier,
    drive: &DriveArgs,
    targets: &[Target],
    cluster: ClusterArgs,
    plan: Plan,
) -> Result<u8, CommandError> {
    let script = Script { fleet: Some(fleet), ..script(plan, false) };
    let log = log(&script, drive);
    let ready = ReadyPlan { ready: Box::pin(drive::prepare(drive, targets, &cluster, script)).await?, log };
    say_how(ready.run().await?, How::default())
}

/// Says how a session went; the number is the exit code.
fn say_how(mut finished: Finished, how: How) -> Result<u8, CommandError> {
    let code = outcome::exit_code(finished.signal, finished.state.halves());
    let written = outcome::write_session(&finished, how.format);
    match written.and_then(|()| outcome::write_place(&mut finished, how.format)) {
        Ok(()) => Ok(code),
        // A result that nobody could read does not hide what it was.
        Err(error) if code != 0 => {
            if !error.is_closed_stdout() {
                say(&error.to_string());
            }
            Ok(code)
        }
        Err(error) => Err(error),
    }
}

/// A plan that only needs to be played.
pub(super) struct ReadyPlan {
    ready: Ready,
    log: Log,
}

impl ReadyPlan {
    /// Plays it.
    pub(super) async fn run(self) -> Result<Finished, CommandError> {
        self.ready.announce();
        Box::pin(self.ready.run(self.log)).await
    }
}

/// Prepares a plan, so that nothing can fail once load flows.
pub(super) async fn prepare(
    drive: &DriveArgs,
    targets: &[Target],
    cluster: ClusterArgs,
    plan: Plan,
    abort_on_fail: bool,
) -> Result<ReadyPlan, CommandError> {
    let script = script(plan, abort_on_fail);
    let log = log(&script, drive);
    Ok(ReadyPlan { ready: Box::pin(drive::prepare(drive, targets, &cluster, script)).await?, log })
}

fn script(plan: Plan, abort_on_fail: bool) -> Script {
    Script {
        controller: Some(Controller::Plan(Schedule::new(&plan))),
        abort_within: abort_on_fail.then(|| Forecast::of(&plan).budget()),
        // A plan says every rate; --rate is for the keys.
        rate: ArrivalRate::PAUSED,
        plan: Some(plan),
        ..Script::default()
    }
}

fn log(script: &Script, drive: &DriveArgs) -> Log {
    Log::new(script.plan.as_ref().map(Plan::at_most), verbosity(&drive.output))
}

/// Plans that are built in, by their names in `scenarios/`.
const SHIPPED: [(&str, &str); 7] = [
    ("demo-spike", include_str!("../../scenarios/demo-spike.toml")),
    ("single-instance", include_str!("../../scenarios/single-instance.toml")),
    ("multi-instance", include_str!("../../scenarios/multi-instance.toml")),
    ("spike", include_str!("../../scenarios/spike.toml")),
    ("ecs-multi-instance", include_str!("../../scenarios/ecs-multi-instance.toml")),
    ("ecs-spike", include_str!("../../scenarios/ecs-spike.toml")),
    ("soak", include_str!("../../scenarios/soak.toml")),
];

/// Says which plans are built in, and what each is for.
fn list() -> Result<u8, CommandError> {
    let mut out = io::stdout().lock();
    for (name, text) in SHIPPED {
        let plan = parse(text, Path::new(name))?;
        let (title, peak) = (plan.name.as_str(), plan.peak());
        writeln!(out, "{name:20}{title}; {peak} at most, within {}", span(plan.at_most()))?;
    }
    writeln!(out, "\nPlay one:   scaletop run demo-spike demo")?;
    writeln!(out, "Look at it: scaletop run demo-spike --check")?;
    Ok(0)
}

/// Reads the plan that `word` names: a file, standard input, or one that is built in. A file goes before a name.
pub(super) fn read(path: &Path) -> Result<Plan, CommandError> {
    match files::read_text(path, files::MOST_TEXT) {
        Ok(text) => parse(&text, path),
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
            match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
                // As `demo-spike`, and as the path that it has in the repository.
                Some((shipped, text)) if is_shipped_path(path) => parse(text, Path::new(shipped)),
                _ => Err(CommandError::NoSuchPlan {
                    plan: hide_secrets(&path.display().to_string()),
                    tip: meant(path, name),
                }),
            }
        }
        Err(source) => Err(CommandError::ReadPlan { path: path.to_owned(), source }),
    }
}

/// Whether `path` is a bare name, or one in `scenarios/`.
fn is_shipped_path(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder == Path::new("scenarios"))
}

/// What may have been meant where there is no such plan: a target, if it looks like one, or a name.
fn meant(path: &Path, name: &str) -> String {
    let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let host = path.to_str().filter(|_| !is_file).and_then(with_scheme);
    host.map_or_else(|| nearest(name), |tip| format!("as a target, {tip}"))
}

/// What may have been meant by the name of a plan.
fn nearest(name: &str) -> String {
    let names = SHIPPED.iter().map(|(shipped, _)| *shipped);
    match values::nearest(name, names.clone()) {
        Some(shipped) => format!("did you mean the built-in plan {shipped}?"),
        None => format!("built in are {}", names.collect::<Vec<_>>().join(", ")),
    }
}

/// Reads the plan that stands in `path`.
pub(super) fn parse(text: &str, path: &Path) -> Result<Plan, CommandError> {
    let because = |source| CommandError::PlanFile { path: path.to_owned(), source: Box::new(source) };
    let mut plan = Plan::read(text).map_err(because)?;
    // A file that it names stands beside it.
    let beside = |named: &PathBuf| requests::beside(path, named);
    plan.requests = plan.requests.as_ref().map(beside);
    plan.requests_data = plan.requests_data.as_ref().map(beside);
    plan.file = Some(path.to_owned());
    Ok(plan)
}

/// Says what the plan would do, and refuses what playing it would refuse.
async fn check(args: &RunArgs, targets: &[Target], plan: Plan) -> Result<u8, CommandError> {
    let (request, plan) = with_requests(&args.drive.request, plan)?;
    let (load, request, plan) = (&args.drive.load, &request, &plan);
    aim::check_places(targets, &args.drive, &args.cluster)?;
    fleet_load::check_ticket(&args.drive.fleet)?;
    fleet_load::check(&args.drive, targets)?;
    drive::check_rates(load, plan.peak())?;
    Counting::of(&args.drive.count, request, Some(plan))?.check_targets(targets)?;
    let output = &args.drive.output;
    if let Some(folder) = &output.out {
        folder::check_free(folder)?;
    }
    folder::check_writable(output.out.as_deref())?;
    for target in targets {
        if let Target::Demo(platform) = target {
            let options = demo_options(*platform, &args.cluster);
            options.check().map_err(|error| CommandError::Option(error.to_string()))?;
        }
    }
    // Both at a time, so that they do not want the same port; and both are given back at once.
    let metrics = match output.metrics {
        Some(address) => Some(Metrics::serve(address).await?),
        None => None,
    };
    drop((output.web.map(Bound::new).transpose()?, metrics));
    drive::receiver(output)?;
    // Where a service of the cloud answers is not asked for: what depends on its host is refused by the run alone.
    let url = |target: Option<&Target>| match (target, &args.drive.cloud.url) {
        (Some(Target::Url(url)), _)
        | (Some(Target::AppRunner(_) | Target::Ecs(_) | Target::Terraform(_)), Some(url)) => Ok((url.clone(), true)),
        _ => target::parse_url("http://127.0.0.1").map(|url| (url, false)),
    };
    for target in targets.iter().map(Some).chain(targets.is_empty().then_some(None)) {
        let (url, is_known) = url(target)?;
        let mut options =
            request_options(request, join(url, request.path.as_deref()), load.load_seed.unwrap_or_default())?;
        if !is_known {
            options.resolve.clear();
        }
        Authority::check(request, &options)?;
        sending::sendable(&args.drive, &options)?;
    }
    // As before a session: the cap follows what the system allows.
    let _ = raise_fd_limit();
    let assumed = Assumptions {
        service_time: args.service_time,
        timeout: request.timeout,
        max_in_flight: drive::max_in_flight(load, targets.len().max(1)),
    };
    let mut text = Forecast::of(plan).text(plan, &drive::slo(load, Some(plan)), &assumed);
    text.push_str(&requests_in_words(request)?);
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(0)
}

/// What several requests would be sent, a line for each name: with its share of the arrivals.
fn requests_in_words(args: &RequestArgs) -> Result<String, CommandError> {
    let Some(path) = &args.requests else { return Ok(String::new()) };
    let mix = requests::read(path, args.rows(), 0)?;
    let spec = mix.spec();
    let all: f64 = spec.requests.iter().map(|request| f64::from(request.weight)).sum();
    let line = |name: &RequestName| {
        let of_name = spec.requests.iter().filter(|request| request.name == *name);
        let weight: f64 = of_name.map(|request| f64::from(request.weight)).sum();
        format!("request {name}: {} of the arrivals\n", percent(weight / all))
    };
    let lines: String = mix.names().iter().map(line).collect();
    let rows = match spec.rows.len() {
        0 => String::new(),
        rows => format!("rows of data: {}\n", thousands(rows)),
    };
    Ok(format!("{lines}{rows}"))
}
