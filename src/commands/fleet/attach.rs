//! `scaletop fleet attach`: goes on with the session of a controller that is gone, or looks on at one that is led.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scaletop_fleet::nats::{Look, Seconds};
use scaletop_fleet::ticket::{Role, Ticket};
use scaletop_fleet::{Abandoned, Resumed, Verifier, recover};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::app::event::ReplayEvent;
use crate::app::runtime::{Ended, Runtime};
use crate::app::signals::Signals;
use crate::app::state::{Live, Place, State};
use crate::app::watch::Watching;
use crate::cli::fleet::AttachArgs;
use crate::commands::drive::{self, Again};
use crate::commands::own::Own;
use crate::commands::{CommandError, fleet_load, has_screen, outcome, say, theme};
use crate::session::event::{Header, SessionEvent};
use crate::session::folder;
use crate::session::recording::FILE_NAME;
use crate::target::Target;
use crate::text::counted;
use crate::tui::front::{Manners, TerminalFront};
use scaletop_units::{Elapsed, RunClock};

use super::{FleetCommandError, given};
use copied::{Copied, kept};

mod copied;

/// Generators of the session are listened for so long.
const LISTENS_FOR: Duration = Duration::from_secs(15);

/// How often whoever looks on asks for more.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// Events that may wait for the screen.
const AHEAD: usize = 256;

/// Goes on with the session, or looks on.
pub(super) async fn run(args: AttachArgs, own: Own) -> Result<u8, CommandError> {
    if !args.finish && !has_screen() {
        return Err(FleetCommandError::NoTerminal.into());
    }
    let ticket = given::read(args.ticket.as_deref(), |source| Ticket::read(source, true))?;
    match ticket.role() {
        Role::Observer if args.finish => Err(FleetCommandError::OnlyLooks.into()),
        Role::Observer => watch(&args, &ticket, own).await,
        _ if args.watch => watch(&args, &ticket, own).await,
        _ => Box::pin(lead(args, &ticket, own)).await,
    }
}

/// Takes the run, and goes on at rate 0.
async fn lead(args: AttachArgs, ticket: &Ticket, own: Own) -> Result<u8, CommandError> {
    let look = Look::with(ticket).await?;
    let first_number = kept(look.record().await)?.first_number();
    let mut carrier = fleet_load::carrier_of(ticket, Seconds::From(first_number), "a session that goes on").await?;
    // Only now: whoever led it says nothing more.
    let copied = Copied::of(kept(look.record().await)?).await?;
    let known = Known::read(&copied)?;
    if let Some(reason) = known.ended {
        return Err(FleetCommandError::IsOver { reason }.into());
    }
    let target: Target = known.header.settings.target.parse()?;
    if target.is_demo() {
        return Err(FleetCommandError::DemoIsGone.into());
    }
    let Some(fleet) = known.header.settings.fleet.clone() else { return Err(FleetCommandError::NothingKept.into()) };
    // One of its own: what the first controller wrote stays where it is.
    let name = folder::name(known.header.started_unix_micros, std::slice::from_ref(&target));
    let (folder, made) = drive::folder_of(args.output.out.as_deref(), &name)?;
    copied.write_to(&folder.join(FILE_NAME))?;
    let session = Abandoned {
        run: carrier.run.clone(),
        epoch: carrier.epoch,
        started_unix_micros: known.header.started_unix_micros,
    };
    let verify: Verifier = Box::new(ticket.verifier());
    say(&format!("fleet: listening for the generators of {}", known.header.settings.url));
    let recovered = recover(&mut carrier.link, &session, &verify, LISTENS_FOR)
        .await
        .map_err(|source| FleetCommandError::NotRecovered { folder: folder.clone(), source })?;
    let missing = match copied.record().missing() {
        0 => String::new(),
        missing => format!("; {} of its recording were not kept", counted(missing, "part")),
    };
    let text = format!(
        "controller {} goes on with a session that was recorded until {}, at rate 0{missing}",
        carrier.epoch, known.at
    );
    let again = Again {
        header: known.header,
        folder,
        made,
        at: known.at,
        text,
        target,
        fleet,
        recovered,
        resumed: known.resumed,
        carrier,
    };
    drive::again(args, again, own).await
}

/// What is known of a session by its recording.
struct Known {
    header: Header,
    resumed: Resumed,
    /// Its end: nothing is known of what came after.
    at: Elapsed,
    /// Why it ended, if it did.
    ended: Option<String>,
}

impl Known {
    fn read(copied: &Copied) -> Result<Self, CommandError> {
        let mut reader = copied.read()?;
        let header = reader.header().clone();
        let (mut resumed, mut at, mut ended) = (Resumed::default(), Elapsed::ZERO, None);
        let mut merged: BTreeMap<_, std::collections::BTreeSet<u64>> = BTreeMap::new();
        while let Some(recorded) = reader.next_event()? {
            at = at.max(recorded.at);
            match recorded.event {
                SessionEvent::Second(second) => {
                    resumed.next = second.index + 1;
                    for row in second.generators {
                        merged.entry(row.id).or_default().extend(row.numbers);
                    }
                }
                SessionEvent::Ended { reason } => ended = Some(reason),
                _ => {}
            }
        }
        resumed.merged = merged;
        Ok(Self { header, resumed, at, ended })
    }
}

/// Shows a session that another program leads.
async fn watch(args: &AttachArgs, ticket: &Ticket, own: Own) -> Result<u8, CommandError> {
    let look = Look::with(ticket).await?;
    let mut copied = Copied::of(kept(look.record().await)?).await?;
    let mut reader = copied.read()?;
    let header = reader.header().clone();
    let mut events = Vec::new();
    while let Some(recorded) = reader.next_event()? {
        events.push(recorded);
    }
    let live = Live { place: Place::Watched, ..Live::new(drive::SPIKE_RATE) };
    let state = State::live(header.clone(), live).with_keys(Arc::clone(&own.keys)).after(events);
    // What it was is the present; from here on time passes as everywhere.
    let zero = Instant::now().checked_sub(state.now().saturating_since(Elapsed::ZERO)).unwrap_or_else(Instant::now);
    let clock = RunClock::anchored(zero, header.started_unix_micros);
    let front = TerminalFront::open(
        theme(args.screen, &own),
        Manners { mouse: !args.screen.no_mouse, bell: args.screen.bell },
    )?;
    let (coming_tx, coming) = mpsc::channel(AHEAD);
    let following = tokio::spawn(async move {
        let mut is_away = false;
        loop {
            let said = match copied.more().await {
                Ok(_) if is_away => {
                    is_away = false;
                    Some("the fleet's server is reached again".to_owned())
                }
                Ok(_) => None,
                Err(_) if is_away => None,
                Err(error) => {
                    is_away = true;
                    Some(error.to_string())
                }
            };
            if let Some(said) = said
                && coming_tx.send(ReplayEvent::Told(said)).await.is_err()
            {
                return;
            }
            while let Ok(Some(recorded)) = reader.next_event() {
                if coming_tx.send(ReplayEvent::Next(Box::new(recorded))).await.is_err() {
                    return;
                }
            }
            if copied.record().is_over() {
                let said = "another session of this fleet has begun: attach again to see it".to_owned();
                let _ = coming_tx.send(ReplayEvent::Told(said)).await;
                return;
            }
            sleep(LOOKS_EVERY).await;
        }
    });
    let back = Watching { coming };
    let runtime = Runtime { state, clock, front, back, signals: Signals::listen()? };
    let Ended { runtime, signal, .. } = runtime.run().await?;
    following.abort();
    // Gives the terminal back.
    drop(runtime);
    Ok(outcome::by_signal(signal).unwrap_or(0))
}
