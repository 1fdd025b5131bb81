//! The generators of a fleet: waited for, started, and heard.

use std::any::Any;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::commands::aim::Aim;
use crate::commands::{CommandError, say};
use crate::session::event::{FleetSettings, Notice, NoticeLevel, SessionEvent, Settings};
use crate::session::writer::Mirror;
use crate::text::{counted, exact, thousands, timestamp};
use scaletop_fleet::nats::RecordKeeper;
use scaletop_fleet::{
    Consent, ControllerConfig, ControllerLink, FleetError, FleetHandle, FleetRunning, Gathered, Killer, News, OnLoss,
    Progress, Recovered, Resumed, RunId, Signer, gather,
};
use scaletop_load::{Arrivals, Expected, Second};
use scaletop_units::{ArrivalRate, RunClock};

/// A fleet that has started says how it stands within this time, or never.
const SAYS_WITHIN: Duration = Duration::from_secs(10);

/// How many are ready is said so often at most.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Generators of a session that goes on are there already, and hear of its controller by this time.
const AGAIN_WITHIN: Duration = Duration::from_secs(5);

/// No load later than this, whatever happens to the controller; a plan that is longer has its length and a little more.
const NOT_AFTER: Duration = Duration::from_hours(4);

/// After the end of a plan what is in flight is still waited for.
const AFTER_THE_PLAN: Duration = Duration::from_mins(10);

/// What carries the words of a fleet, and on whose behalf.
pub(in crate::commands) struct Carrier {
    pub(in crate::commands) link: ControllerLink,
    pub(in crate::commands) run: RunId,
    /// The number of this controller among those of the run.
    pub(in crate::commands) epoch: u64,
    pub(in crate::commands) signer: Signer,
    /// Kills one of the generators, where they are children of this program.
    pub(in crate::commands) kill: Option<Killer>,
    /// Whether the generators are on this machine, and reach what answers on it alone.
    pub(in crate::commands) is_here: bool,
    /// Who steered until this one was let in, where it had to wait for that.
    pub(in crate::commands) before: Option<String>,
    /// Keeps the recording where the seconds are, where there is one to keep it.
    pub(in crate::commands) record: Option<RecordKeeper>,
    /// What must live as long, and is dropped after the link.
    pub(in crate::commands) keep: Option<Box<dyn Any>>,
}

/// What the session asks of the fleet.
pub(in crate::commands) struct Asked<'a> {
    pub(in crate::commands) settings: &'a FleetSettings,
    pub(in crate::commands) aim: &'a Aim,
    pub(in crate::commands) arrivals: Arrivals,
    pub(in crate::commands) seed: u64,
    pub(in crate::commands) max_rate: ArrivalRate,
    pub(in crate::commands) expected: Expected,
    pub(in crate::commands) max_in_flight_each: Option<u64>,
    /// The highest rate that is known to come.
    pub(in crate::commands) peak: ArrivalRate,
    /// How long the plan takes at most, if there is one.
    pub(in crate::commands) plan: Option<Duration>,
    pub(in crate::commands) allow_versions: bool,
}

/// A fleet that only needs to be started.
pub(in crate::commands) struct Fleet {
    gathered: Gathered,
    record: Option<RecordKeeper>,
    peak: ArrivalRate,
    /// Whether its generators may be killed by key.
    pub(in crate::commands) owns_generators: bool,
    keep: Option<Box<dyn Any>>,
}

/// A fleet that was started.
pub(in crate::commands) struct Begun {
    pub(in crate::commands) handle: FleetHandle,
    pub(in crate::commands) seconds: mpsc::Receiver<Second>,
    /// What it has said of itself so far.
    pub(in crate::commands) known: Vec<SessionEvent>,
    /// Hands on what it says; over when it has said all.
    pub(in crate::commands) told: JoinHandle<()>,
    /// Its thread, and what carries it.
    pub(in crate::commands) keep: Box<dyn Any>,
}

impl Fleet {
    /// Waits for the generators, and says how far they are.
    pub(in crate::commands) async fn gather(
        carrier: Carrier,
        asked: Asked<'_>,
        clock: RunClock,
    ) -> Result<Self, CommandError> {
        // The first is dropped last: a hold is let go once its link is gone.
        let Carrier { keep, link, run, epoch, signer, kill, is_here, before, record } = carrier;
        let FleetSettings { wanted, to_begin, at_least, within, lease, .. } = *asked.settings;
        if !is_here && !asked.aim.is_elsewhere {
            return Err(CommandError::Option(format!(
                "{} is this machine for this program, and another for each generator: give an address that all of them reach",
                asked.aim.settings.url
            )));
        }
        let owns_generators = kill.is_some();
        let config = ControllerConfig {
            run,
            epoch,
            resumed: None,
            wanted,
            to_begin,
            to_go_on: at_least,
            within,
            on_loss: on_loss(asked.settings),
            lease,
            arrivals: asked.arrivals,
            seed: asked.seed,
            max_rate: asked.max_rate,
            expected: asked.expected,
            max_in_flight_each: asked.max_in_flight_each,
            request: asked.aim.request().clone(),
            not_after: asked.plan.map_or(NOT_AFTER, |plan| NOT_AFTER.max(plan + AFTER_THE_PLAN)),
            consent: consent(asked.aim, clock),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            allow_versions: asked.allow_versions,
            signer,
            kill,
        };
        let generators = counted(wanted.into(), "generator");
        say(&format!("fleet: waiting up to {} for {generators} (scaletop fleet join)", exact(within)));
        let gathered = gather(config, link, clock, tell());
        let gathered = match (gathered.await, before) {
            (Err(source @ FleetError::TooFew { .. }), Some(before)) => {
                return Err(CommandError::AfterAnother { before, source });
            }
            (gathered, _) => gathered?,
        };
        Ok(Self { gathered, record, peak: asked.peak, owns_generators, keep })
    }

    /// Gathers the generators of a session that goes on: those that are there soon will do.
    pub(in crate::commands) async fn gather_again(
        carrier: Carrier,
        fleet: &FleetSettings,
        recovered: Recovered,
        resumed: Resumed,
        settings: &Settings,
        allow_versions: bool,
    ) -> Result<Self, CommandError> {
        let Carrier { keep, link, run, epoch, signer, kill, record, .. } = carrier;
        let config = ControllerConfig {
            run,
            epoch,
            resumed: Some(resumed),
            wanted: fleet.wanted,
            to_begin: 1,
            to_go_on: fleet.at_least,
            within: AGAIN_WITHIN,
            on_loss: on_loss(fleet),
            lease: recovered.lease,
            arrivals: recovered.arrivals,
            seed: recovered.seed,
            max_rate: ArrivalRate::new(settings.max_rate),
            expected: recovered.expected,
            max_in_flight_each: recovered.max_in_flight_each,
            request: recovered.request,
            not_after: recovered.not_after,
            consent: recovered.consent,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            allow_versions,
            signer,
            kill,
        };
        let gathered = gather(config, link, recovered.clock, tell()).await?;
        Ok(Self { gathered, record, peak: ArrivalRate::PAUSED, owns_generators: false, keep })
    }

    /// What keeps the recording where the seconds are: told its header first, unless it was kept there before.
    pub(in crate::commands) fn mirror(&mut self, is_new: bool) -> Option<Mirror> {
        let record = self.record.take()?;
        let mut is_header = is_new;
        Some(Box::new(move |line| {
            if std::mem::take(&mut is_header) {
                record.begin(line);
            } else {
                record.add(line);
            }
        }))
    }

    /// Starts it at rate zero. What it says from then on goes to `feeds`.
    pub(in crate::commands) async fn start(self, feeds: mpsc::Sender<SessionEvent>) -> Result<Begun, CommandError> {
        let FleetRunning { handle, seconds, mut news, thread } = self.gathered.start();
        // The first change of rate depends on the lead, so it is known before.
        let mut known = Vec::new();
        let first = timeout(SAYS_WITHIN, async {
            loop {
                match news.recv().await {
                    Some(News::State(state)) => return Some(state),
                    Some(other) => known.push(event(other)),
                    None => return None,
                }
            }
        });
        let Some(state) = first.await.ok().flatten() else { return Err(CommandError::SilentFleet) };
        let above = (self.peak > state.ceiling).then(|| above(self.peak, state.ceiling));
        known.push(SessionEvent::Fleet(state));
        known.extend(above.map(|text| SessionEvent::Notice(Notice { level: NoticeLevel::Warning, text })));
        let told = tokio::spawn(async move {
            while let Some(news) = news.recv().await {
                if feeds.send(event(news)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Begun { handle, seconds, known, told, keep: Box::new((thread, self.keep)) })
    }
}

/// What becomes of the share of a generator that is lost.
fn on_loss(fleet: &FleetSettings) -> OnLoss {
    OnLoss::ALL.into_iter().find(|one| one.name() == fleet.on_loss).unwrap_or_default()
}

/// Says how far the gathering is: of many that come at once not each, but how many there are each second.
fn tell() -> impl FnMut(Progress) {
    let mut told: Option<Instant> = None;
    move |progress| match progress {
        Progress::Ready { ready, wanted } => {
            let is_due = told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
            if is_due || ready >= wanted {
                told = Some(Instant::now());
                say(&are_ready(ready, wanted));
            }
        }
        Progress::Notice(text) => say(&format!("fleet: {text}")),
    }
}

/// How many of those that are waited for are ready.
fn are_ready(ready: u32, wanted: u32) -> String {
    let verb = if ready == 1 || wanted == 1 { "is" } else { "are" };
    format!("fleet: {} of {} {verb} ready", thousands(ready), counted(wanted.into(), "generator"))
}

/// What the fleet says, as an event of the session.
fn event(news: News) -> SessionEvent {
    match news {
        News::Generator(event) => SessionEvent::Generator(event),
        News::State(state) => SessionEvent::Fleet(state),
        News::Notice(text) => SessionEvent::Notice(Notice { level: NoticeLevel::Warning, text }),
    }
}

/// That the load will be more than the generators may send.
fn above(peak: ArrivalRate, ceiling: ArrivalRate) -> String {
    format!(
        "{}/s is more than the generators may send together, {}/s: start more of them, or raise theirs with scaletop fleet join \
         --max-rate",
        thousands(peak.get()),
        thousands(ceiling.get())
    )
}

/// Who agreed to the load: whoever started this program and was asked where it had to be.
fn consent(aim: &Aim, clock: RunClock) -> Consent {
    let by = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    Consent {
        host: aim.host().to_owned(),
        by: by.unwrap_or_else(|| "an unnamed user".to_owned()),
        at: timestamp(clock.started_unix_micros()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::{FleetState, GeneratorChange, GeneratorEvent};

    #[test]
    fn all_that_a_fleet_says_is_recorded() {
        let lost = GeneratorEvent { id: "g1".parse().unwrap(), change: GeneratorChange::Lost, why: None };
        assert_eq!(event(News::Generator(lost.clone())), SessionEvent::Generator(lost));
        let state = FleetState {
            wanted: 3,
            live: 3,
            held: None,
            clock_error: Duration::from_micros(400),
            lead: Duration::from_millis(60),
            ceiling: ArrivalRate::new(60_000),
        };
        assert_eq!(event(News::State(state.clone())), SessionEvent::Fleet(state));
        let SessionEvent::Notice(notice) = event(News::Notice("g2 sends late".to_owned())) else { panic!("a notice") };
        assert_eq!(notice.text, "g2 sends late");
    }

    #[test]
    fn one_generator_is_told_as_one() {
        assert_eq!(are_ready(1, 1), "fleet: 1 of 1 generator is ready");
        assert_eq!(are_ready(0, 1), "fleet: 0 of 1 generator is ready");
        assert_eq!(are_ready(1, 3), "fleet: 1 of 3 generators is ready");
        assert_eq!(are_ready(2, 3), "fleet: 2 of 3 generators are ready");
    }

    #[test]
    fn a_rate_that_the_generators_may_not_send_is_said_with_what_to_do() {
        let said = above(ArrivalRate::new(90_000), ArrivalRate::new(60_000));
        assert!(said.contains("90,000/s") && said.contains("60,000/s") && said.contains("--max-rate"), "{said}");
    }
}
