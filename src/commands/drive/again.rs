//! A session that goes on after its controller was gone.

use std::path::PathBuf;
use std::sync::Arc;

use scaletop_fleet::{Recovered, Resumed};
use scaletop_units::Elapsed;

use crate::app::live::Beginning;
use crate::app::signals::Signals;
use crate::cli::Format;
use crate::cli::fleet::AttachArgs;
use crate::commands::aim::Aim;
use crate::commands::counting::Counting;
use crate::commands::drive::sender::Sender;
use crate::commands::drive::{Ready, SPIKE_RATE, Script, receiver};
use crate::commands::fleet::Copied;
use crate::commands::fleet_load::{Carrier, Fleet};
use crate::commands::own::Own;
use crate::commands::{CommandError, outcome, say, theme, verbosity};
use crate::headless::Log;
use crate::metrics::Metrics;
use crate::session::event::{FleetSettings, Header};
use crate::session::folder::Made;
use crate::session::recording::FILE_NAME;
use crate::target::Target;
use crate::tui::front::{Manners, TerminalFront};
use crate::web::Bound;

/// What is known of it.
pub(in crate::commands) struct Again {
    pub(in crate::commands) header: Header,
    /// Where it goes on.
    pub(in crate::commands) folder: PathBuf,
    /// Its recording so far.
    pub(in crate::commands) copied: Copied,
    pub(in crate::commands) made: Made,
    /// The end of what is recorded.
    pub(in crate::commands) at: Elapsed,
    /// What the log says of it.
    pub(in crate::commands) text: String,
    pub(in crate::commands) target: Target,
    pub(in crate::commands) fleet: FleetSettings,
    pub(in crate::commands) recovered: Recovered,
    pub(in crate::commands) resumed: Resumed,
    pub(in crate::commands) carrier: Carrier,
}

/// Goes on with it, on the screen or only to its end.
pub(in crate::commands) async fn again(args: AttachArgs, again: Again, own: Own) -> Result<u8, CommandError> {
    let Again { header, folder, made, copied, at, text, target, fleet, recovered, resumed, carrier } = again;
    let (clock, request) = (recovered.clock, recovered.request.clone());
    let aim = Aim::again(&header.settings, &target, request, &args.cloud, clock).await?;
    if !args.output.yes {
        aim.ask_the_user()?;
    }
    let metrics = match args.output.metrics {
        Some(address) => Some(Metrics::serve(address).await?),
        None => None,
    };
    let otlp = receiver(&args.output)?;
    let web = args.output.web.map(Bound::new).transpose()?;
    let mut signals = Signals::listen()?;
    let gathering = Fleet::gather_again(carrier, &fleet, recovered, resumed, &header.settings, args.allow_versions);
    let sender = tokio::select! {
        gathered = gathering => Sender::Fleet(Box::new(gathered?)),
        signal = signals.next() => return Err(CommandError::Interrupted { signal }),
    };
    copied.write_to(&folder.join(FILE_NAME))?;
    // What is secret of them is not recorded, so they cannot be asked again.
    let counted: Vec<_> = header.settings.counts.iter().map(|one| one.source.as_str()).collect();
    if !counted.is_empty() {
        say(&format!(
            "note: instances are counted no longer by {}: where they were asked is not recorded",
            counted.join(", ")
        ));
    }
    let mut ready = Ready {
        header,
        clock,
        aimed: vec![(aim, sender)],
        counting: Counting::default(),
        folder,
        made,
        again: Some(Beginning::Again { at, text, finishes: args.finish }),
        metrics,
        otlp,
        web,
        notice: None,
        spike_rate: args.spike_rate.unwrap_or(SPIKE_RATE),
        panic_after: args.output.panic_after,
        script: Script::default(),
        keys: Arc::clone(&own.keys),
        signals,
    };
    ready.announce();
    let mut finished = if args.finish {
        ready.run(Log::new(None, verbosity(&args.output))).await?
    } else {
        ready.notice = ready.live_page();
        let manners = Manners { mouse: !args.screen.no_mouse, bell: args.screen.bell };
        ready.run(TerminalFront::open(theme(args.screen, &own), manners)?).await?
    };
    outcome::write_session(&finished, Format::Text)?;
    let signal = finished.signal;
    outcome::write_place(&mut finished, Format::Text)?;
    if args.finish {
        say("the session is over; its generators end with it");
        return Ok(outcome::exit_code(signal, finished.state.halves()));
    }
    Ok(outcome::by_signal(signal).unwrap_or(0))
}
