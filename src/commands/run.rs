//! `scaletop run`: a plan without a screen, or only what it would do.

use std::io::{self, Write as _};
use std::path::Path;

use crate::app::controller::Controller;
use crate::app::live::Finished;
use crate::cli::{DriveArgs, Format, RunArgs};
use crate::commands::drive::{self, Ready, Script};
use crate::commands::{CommandError, outcome, say, sending};
use crate::files;
use crate::headless::Log;
use crate::plan::Plan;
use crate::plan::forecast::{Assumptions, Forecast};
use crate::plan::schedule::Schedule;
use crate::session::folder;
use crate::target::{self, Target};
use scaletop_cluster::ClusterArgs;
use scaletop_load::raise_fd_limit;
use scaletop_units::ArrivalRate;

/// Plays the plan that `args` name, or says what it would do.
pub(super) async fn run(args: RunArgs) -> Result<u8, CommandError> {
    let plan = read(&args.plan)?.stretched(args.stretch);
    if args.check {
        return check(&args, &plan);
    }
    let target = match (args.target, &plan.url) {
        (Some(target), _) => target,
        (None, Some(url)) => url.parse()?,
        (None, None) => return Err(CommandError::NoTarget),
    };
    play(&args.drive, target, args.cluster, plan, How { format: args.format, abort_on_fail: args.abort_on_fail }).await
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
    target: Target,
    cluster: ClusterArgs,
    plan: Plan,
    how: How,
) -> Result<u8, CommandError> {
    let mut finished = prepare(drive, target, cluster, plan, how.abort_on_fail).await?.run().await?;
    let code = outcome::exit_code(finished.signal, finished.state.session());
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
        self.ready.run(self.log).await
    }
}

/// Prepares a plan, so that nothing can fail once load flows.
pub(super) async fn prepare(
    drive: &DriveArgs,
    target: Target,
    cluster: ClusterArgs,
    plan: Plan,
    abort_on_fail: bool,
) -> Result<ReadyPlan, CommandError> {
    let forecast = Forecast::of(&plan);
    let log = Log::new(Some(plan.at_most()), drive.output.quiet);
    let script = Script {
        controller: Some(Controller::Plan(Schedule::new(&plan))),
        abort_within: abort_on_fail.then(|| forecast.budget()),
        // A plan says every rate; --rate is for the keys.
        rate: ArrivalRate::PAUSED,
        plan: Some(plan),
        must_answer: false,
    };
    Ok(ReadyPlan { ready: drive::prepare(drive, &[target], &cluster, script).await?, log })
}

/// Reads the plan at `path`.
pub(super) fn read(path: &Path) -> Result<Plan, CommandError> {
    let text = files::read_text(path, files::MOST_TEXT)
        .map_err(|source| CommandError::ReadPlan { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// Reads the plan that stands in `path`.
pub(super) fn parse(text: &str, path: &Path) -> Result<Plan, CommandError> {
    let because = |source| CommandError::PlanFile { path: path.to_owned(), source: Box::new(source) };
    Plan::parse(text).map_err(because)
}

/// Says what the plan would do, and refuses what playing it would refuse.
fn check(args: &RunArgs, plan: &Plan) -> Result<u8, CommandError> {
    let target = match (&args.target, &plan.url) {
        (None, Some(url)) => Some(url.parse::<Target>()?),
        (target, _) => target.clone(),
    };
    let (load, request) = (&args.drive.load, &args.drive.request);
    drive::check_rates(load, plan.peak())?;
    if let Some(folder) = &args.drive.output.out {
        folder::check_free(folder)?;
    }
    // Where a service of the cloud answers is not asked for: what depends on its host is refused by the run alone.
    let (url, is_known) = match (target, &args.drive.cloud.url) {
        (Some(Target::Url(url)), _) => (url, true),
        (Some(Target::AppRunner(_) | Target::Ecs(_) | Target::Terraform(_)), Some(url)) => (url.clone(), true),
        _ => (target::parse_url("http://127.0.0.1")?, false),
    };
    let mut options = drive::request_options(request, drive::join(url, request.path.as_deref()))?;
    if !is_known {
        options.resolve.clear();
    }
    sending::sendable(&args.drive, &options)?;
    // As before a session: the cap follows what the system allows.
    let _ = raise_fd_limit();
    let assumed = Assumptions {
        service_time: args.service_time,
        timeout: request.timeout,
        max_in_flight: drive::max_in_flight(load, 1),
    };
    let text = Forecast::of(plan).text(plan, &drive::slo(load, Some(plan)), &assumed);
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(0)
}
