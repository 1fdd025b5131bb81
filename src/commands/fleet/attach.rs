//! `scaletop fleet attach`: goes on with the session of a controller that is gone, or looks on at one that is led.

use std::sync::Arc;
use std::time::Duration;

use scaletop_fleet::nats::{Look, Seconds};
use scaletop_fleet::ticket::{Role, Ticket};
use scaletop_fleet::{Abandoned, FleetError, Resumed, Verifier, recover};
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
use crate::session::event::{FleetSettings, Header, SessionEvent};
use crate::session::folder;
use crate::session::recording::{Damage, FILE_NAME, RecordingReader};
use crate::target::Target;
use crate::text::counted;
use crate::tui::front::{Manners, TerminalFront};
use scaletop_units::{Elapsed, GeneratorChange, GeneratorEvent, RunClock};

use super::{FleetCommandError, given};
pub(in crate::commands) use copied::Copied;

use completed::complete;
use copied::kept;

mod completed;
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
        role if args.watch || role == Role::Observer => {
            only_looks(&args)?;
            watch(&args, &ticket, own).await
        }
        _ => Box::pin(lead(args, &ticket, own)).await,
    }
}

/// Refuses what does nothing for who only looks on.
fn only_looks(args: &AttachArgs) -> Result<(), CommandError> {
    let output = &args.output;
    let given = [
        ("--out", output.out.is_some()),
        ("--metrics", output.metrics.is_some()),
        ("--otlp", output.otlp.is_some()),
        ("--web", output.web.is_some()),
        ("--spike-rate", args.spike_rate.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(CommandError::Option(format!(
            "{option} is for whoever leads the session, and who looks on records, serves and sends nothing: leave it out"
        ))),
        None => Ok(()),
    }
}

/// Takes the run, and goes on at rate 0.
async fn lead(args: AttachArgs, ticket: &Ticket, own: Own) -> Result<u8, CommandError> {
    let look = Look::with(ticket).await?;
    let before = Copied::of(kept(look.record().await)?).await?;
    let (first_number, about) = (before.record().first_number(), before.read()?.header().settings.target.clone());
    let mut carrier = fleet_load::carrier_of(ticket, Seconds::From(first_number), &about).await?;
    // Only now: whoever led it says nothing more.
    let copied = Copied::of(kept(look.record().await)?).await?;
    let mut past = Past::read(copied.read()?)?;
    let (target, fleet) = past.may_go_on()?;
    // One of its own: what the first controller wrote stays where it is. It is empty until somebody goes on.
    let name = folder::name(past.header.started_unix_micros, std::slice::from_ref(&target));
    let (folder, made) = drive::folder_of(args.output.out.as_deref(), &name)?;
    let session = Abandoned {
        run: carrier.run.clone(),
        epoch: carrier.epoch,
        started_unix_micros: past.header.started_unix_micros,
    };
    let verify: Verifier = Box::new(ticket.verifier());
    say(&format!("fleet: listening for the generators of {}", past.header.settings.url));
    let recovering = recover(&mut carrier.link, &session, &verify, LISTENS_FOR, &mut past.resumed.heard);
    let recovered = match recovering.await {
        Err(FleetError::Deserted { .. }) if args.finish => {
            copied.write_to(&folder.join(FILE_NAME))?;
            return complete(&past, copied.record().missing(), &folder, carrier);
        }
        Err(source @ FleetError::Deserted { .. }) => return Err(FleetCommandError::Deserted { source }.into()),
        recovered => recovered?,
    };
    let text = gone_on(carrier.epoch, past.at, copied.record().missing(), past.damage);
    let again = Again {
        header: past.header,
        folder,
        made,
        copied,
        at: past.at,
        text,
        target,
        fleet,
        recovered,
        resumed: past.resumed,
        carrier,
    };
    Box::pin(drive::again(args, again, own)).await
}

/// What the log says of a session that controller `epoch` goes on with, and of how much is known of it.
fn gone_on(epoch: u64, at: Elapsed, missing: u64, damage: Damage) -> String {
    format!(
        "nobody led this session after {at}: its load ended within the lease of its generators, and what they sent until then is \
         counted and belongs to no step; controller {epoch} goes on with it, at rate 0{}",
        left_out(missing, damage)
    )
}

/// `; 2 parts of its recording were not kept; …`: what of a kept recording cannot be had, and what to do; nothing where it is whole.
fn left_out(missing: u64, damage: Damage) -> String {
    let missing = match missing {
        0 => String::new(),
        1 => "; 1 part of its recording was not kept".to_owned(),
        missing => format!("; {} of its recording were not kept", counted(missing, "part")),
    };
    let damaged = damage.describe().map_or_else(String::new, |what| format!("; of its recording {what}"));
    if missing.is_empty() && damaged.is_empty() {
        return String::new();
    }
    format!("{missing}{damaged}: the folder of the program that led it, where it is left, has all of it")
}

/// What is known of a session by its recording.
struct Past {
    header: Header,
    resumed: Resumed,
    /// Its end: nothing is known of what came after.
    at: Elapsed,
    /// Why it ended, if it did.
    ended: Option<String>,
    /// What of its recording could not be read.
    damage: Damage,
}

impl Past {
    fn read(mut reader: RecordingReader) -> Result<Self, CommandError> {
        let header = reader.header().clone();
        let (mut resumed, mut at, mut ended) = (Resumed::default(), Elapsed::ZERO, None);
        while let Some(recorded) = reader.next_event()? {
            at = at.max(recorded.at);
            match recorded.event {
                SessionEvent::Second(second) => {
                    resumed.next = second.index.saturating_add(1);
                    for row in second.generators {
                        resumed.merged.entry(row.id).or_default().extend(row.numbers);
                    }
                }
                SessionEvent::Ended { reason } => ended = Some(reason),
                SessionEvent::Generator(GeneratorEvent { id, change, .. }) => match change {
                    GeneratorChange::Joined | GeneratorChange::Returned => drop(resumed.there.insert(id)),
                    GeneratorChange::Lost | GeneratorChange::Left => drop(resumed.there.remove(&id)),
                    GeneratorChange::Suspected | GeneratorChange::TakenOver => {}
                },
                _ => {}
            }
        }
        Ok(Self { header, resumed, at, ended, damage: reader.damage() })
    }

    /// What it loads and with which fleet; or why nobody goes on with it.
    fn may_go_on(&self) -> Result<(Target, FleetSettings), CommandError> {
        if let Some(reason) = self.ended.clone() {
            return Err(FleetCommandError::IsOver { reason }.into());
        }
        let target: Target = self.header.settings.target.parse()?;
        if target.is_demo() {
            return Err(FleetCommandError::DemoIsGone.into());
        }
        let fleet = self.header.settings.fleet.clone().ok_or(FleetCommandError::NothingKept)?;
        Ok((target, fleet))
    }
}

/// Shows a session that another program leads.
async fn watch(args: &AttachArgs, ticket: &Ticket, own: Own) -> Result<u8, CommandError> {
    let look = Look::with(ticket).await?;
    let copied = Copied::of(kept(look.record().await)?).await?;
    let mut reader = copied.read()?;
    let header = reader.header().clone();
    let live = Live { place: Place::Watched, ..Live::new(drive::SPIKE_RATE) };
    let so_far = reader.by_ref().map_while(Result::ok);
    let state = State::live(header.clone(), live).with_keys(Arc::clone(&own.keys)).after(so_far);
    // What it was is the present; from here on time passes as everywhere.
    let zero = Instant::now().checked_sub(state.now().saturating_since(Elapsed::ZERO)).unwrap_or_else(Instant::now);
    let clock = RunClock::anchored(zero, header.started_unix_micros);
    let front = TerminalFront::open(
        theme(args.screen, &own),
        Manners { mouse: !args.screen.no_mouse, bell: args.screen.bell },
    )?;
    let (tell, coming) = mpsc::channel(AHEAD);
    let following = tokio::spawn(follow(copied, reader, tell));
    let back = Watching { coming };
    let runtime = Runtime { state, clock, front, back, signals: Signals::listen()? };
    let Ended { runtime, signal, .. } = runtime.run().await?;
    following.abort();
    // Gives the terminal back.
    drop(runtime);
    Ok(outcome::by_signal(signal).unwrap_or(0))
}

/// Tells what comes of the recording, until another session begins or nobody listens any more.
async fn follow(mut copied: Copied, mut reader: RecordingReader, tell: mpsc::Sender<ReplayEvent>) {
    let (mut is_away, mut is_damage_told) = (false, false);
    loop {
        let news = match copied.more().await {
            Ok(_) if is_away => Some("the fleet's server is reached again".to_owned()),
            Err(error) if !is_away => Some(error.to_string()),
            Ok(_) | Err(_) => None,
        };
        if let Some(news) = news {
            // Either way it is the other way round now.
            is_away = !is_away;
            if tell.send(ReplayEvent::Told(news)).await.is_err() {
                return;
            }
        }
        while let Ok(Some(recorded)) = reader.next_event() {
            if tell.send(ReplayEvent::Next(Box::new(recorded))).await.is_err() {
                return;
            }
        }
        if let Some(news) = first_damage(&mut is_damage_told, reader.damage())
            && tell.send(ReplayEvent::Told(news)).await.is_err()
        {
            return;
        }
        if copied.record().is_over() {
            let news = "another session of this fleet has begun: attach again to see it".to_owned();
            let _ = tell.send(ReplayEvent::Told(news)).await;
            return;
        }
        sleep(LOOKS_EVERY).await;
    }
}

/// What who looks on is told of a recording of which not all can be read: once.
fn first_damage(is_told: &mut bool, damage: Damage) -> Option<String> {
    if *is_told {
        return None;
    }
    let what = damage.describe()?;
    *is_told = true;
    Some(format!("of what is kept of this session {what}: whoever leads it has all of it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::{Recorded, Settings};

    #[test]
    fn what_is_not_kept_of_a_recording_is_said_as_so_many_parts() {
        let at = Elapsed::from_secs(9);
        let gone_on = |missing| gone_on(2, at, missing, Damage::default());
        assert!(gone_on(0).ends_with("at rate 0"));
        assert!(gone_on(1).contains("at rate 0; 1 part of its recording was not kept: the folder of"));
        assert!(gone_on(1_200).contains("; 1,200 parts of its recording were not kept: the folder of"));
    }

    #[test]
    fn damaged_lines_of_a_kept_recording_are_counted_and_told_once_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let header = Header::new(0, Settings::default());
        let mut writer = crate::session::recording::RecordingWriter::create(folder.path(), &header).unwrap();
        let mark = |at| Recorded::new(Elapsed::from_secs(at), SessionEvent::Mark { text: "here".to_owned() });
        writer.append(&mark(1)).unwrap();
        writer.flush().unwrap();
        drop(writer);
        let path = folder.path().join(FILE_NAME);
        let mut text = std::fs::read_to_string(&path).unwrap();
        let good = text.lines().last().unwrap().to_owned();
        text += &["{\"at\":7,\"no\nhing\n", &good, "\n"].concat();
        std::fs::write(&path, text).unwrap();
        let past = Past::read(RecordingReader::open(&path).unwrap()).unwrap();
        assert_eq!((past.at, past.damage), (Elapsed::from_secs(1), Damage { torn_end: false, skipped_lines: 2 }));
        let said = gone_on(2, past.at, 0, past.damage);
        assert!(
            said.contains("2 lines are damaged and were left out: the folder of the program that led it"),
            "{said}"
        );
        let mut is_told = false;
        assert_eq!(first_damage(&mut is_told, Damage::default()), None);
        let said = first_damage(&mut is_told, past.damage).unwrap();
        assert!(said.contains("2 lines are damaged") && said.contains("whoever leads it"), "{said}");
        assert_eq!(first_damage(&mut is_told, past.damage), None);
    }

    #[test]
    fn what_does_nothing_for_who_looks_on_is_refused() {
        use clap::Parser as _;
        let args = |words: &str| {
            let cli = crate::cli::Cli::try_parse_from(words.split_whitespace()).unwrap();
            let crate::cli::Command::Fleet(crate::cli::fleet::FleetCommand::Attach(args)) = cli.command else {
                panic!("another command")
            };
            args
        };
        assert!(only_looks(&args("scaletop fleet attach t --watch --theme mono")).is_ok());
        for option in ["--out x", "--metrics 9464", "--otlp env", "--web 8080", "--spike-rate 5"] {
            let refused = only_looks(&args(&format!("scaletop fleet attach t --watch {option}"))).unwrap_err();
            let name = option.split(' ').next().unwrap();
            assert!(refused.to_string().starts_with(name) && refused.exit_code() == 2, "{refused}");
        }
    }

    #[test]
    fn nobody_goes_on_with_what_is_over_or_was_the_demos_or_had_no_fleet() {
        let past = |target: &str, fleet: Option<FleetSettings>, ended: Option<&str>| {
            let settings = Settings { target: target.to_owned(), fleet, ..Settings::default() };
            let header = Header::new(0, settings);
            let ended = ended.map(str::to_owned);
            let damage = Damage::default();
            Past { header, resumed: Resumed::default(), at: Elapsed::ZERO, ended, damage }.may_go_on()
        };
        let refused = |past: Result<_, CommandError>| past.map(|_: (Target, FleetSettings)| ()).unwrap_err();
        let fleet = || Some(FleetSettings::default());
        let over = refused(past("http://a.example", fleet(), Some("the plan is over")));
        assert!(over.to_string().contains("the session is over (the plan is over)"), "{over}");
        let demo = refused(past("demo", fleet(), None));
        assert!(matches!(demo, CommandError::FleetCommand(FleetCommandError::DemoIsGone)), "{demo}");
        let alone = refused(past("http://a.example", None, None));
        assert!(matches!(alone, CommandError::FleetCommand(FleetCommandError::NothingKept)), "{alone}");
        let alien = refused(past("gopher://a.example", fleet(), None));
        assert!(matches!(alien, CommandError::Target(_)), "{alien}");
        assert!(past("http://a.example", fleet(), None).is_ok());
    }
}
