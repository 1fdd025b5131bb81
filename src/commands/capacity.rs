//! `scaletop capacity`: the highest rate that meets the objective.

use std::io::{self, Write as _};

use serde_json::json;

use crate::app::controller::Controller;
use crate::capacity::CapacitySearch;
use crate::capacity::probe::ProbeOptions;
use crate::capacity::search::SearchOptions;
use crate::cli::{CapacityArgs, Format};
use crate::commands::drive::{self, Script};
use crate::commands::{CommandError, outcome, verbosity};
use crate::headless::Log;
use crate::session::event::connections_limit;
use crate::target::Target;
use scaletop_units::ArrivalRate;

/// The first rate that is tried, unless `--rate` says otherwise.
const FIRST_RATE: u32 = 10;

/// Searches, and says what was found.
pub(super) async fn run(args: CapacityArgs) -> Result<u8, CommandError> {
    let format = args.format.chosen();
    if format == Format::Junit {
        return Err(CommandError::Option(
            "capacity has no thresholds to write as junit: choose text, json or markdown".into(),
        ));
    }
    let load = &args.drive.load;
    drive::check_rates(load, load.rate)?;
    let start = if load.rate.is_paused() { FIRST_RATE } else { load.rate.get() };
    let slo = drive::slo(load, None);
    let search = SearchOptions { start, ceiling: load.max_rate.get(), tolerance: args.tolerance };
    let probe = ProbeOptions {
        slo,
        settle: args.settle,
        patience: args.patience.max(args.settle),
        hold: args.hold,
        timeout: args.drive.request.timeout,
        max_in_flight: drive::max_in_flight(load, 1),
        max_connections: connections_limit(
            load.max_connections,
            drive::max_in_flight(load, 1),
            args.drive.request.http2,
        ),
    };
    let mut cluster = args.cluster;
    if args.per_instance && matches!(args.target, Target::Demo(_)) {
        cluster.max_size = cluster.max_size.or(Some(1));
    }
    let script = Script {
        controller: Some(Controller::Capacity(Box::new(CapacitySearch::new(search, probe)))),
        rate: ArrivalRate::PAUSED,
        must_answer: true,
        ..Script::default()
    };
    let ready = drive::prepare(&args.drive, &[args.target], &cluster, script).await?;
    ready.announce();
    let mut finished = ready.run(Log::new(None, verbosity(&args.drive.output))).await?;
    let Some(Controller::Capacity(search)) = finished.state.as_live().and_then(|live| live.controller.as_ref()) else {
        unreachable!("the controller of a session stays what it is");
    };
    let found = search.answer();
    let target = &finished.state.session().header().settings.target;
    let text = match format {
        Format::Text | Format::Junit => found.text(&slo, args.per_instance),
        Format::Markdown => found.markdown(&slo, target, args.per_instance),
        Format::Json => {
            let result = json!({ "target": target, "objective": slo.to_string(), "sentence": found.sentence(&slo), "capacity": found });
            format!("{result:#}\n")
        }
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    outcome::add_to_step_summary(&found.markdown(&slo, target, args.per_instance));
    outcome::write_place(&mut finished, format)?;
    Ok(outcome::by_signal(finished.signal).unwrap_or_else(|| found.exit_code()))
}
