//! The generators of a fleet: waited for, started, and heard.

use std::any::Any;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::commands::aim::Aim;
use crate::commands::{CommandError, say};
use crate::session::event::{FleetSettings, Notice, NoticeLevel, SessionEvent};
use crate::text::{exact, thousands, timestamp};
use scaletop_fleet::{
    Consent, ControllerConfig, ControllerLink, FleetHandle, FleetRunning, Gathered, Killer, News, OnLoss, Progress,
    RunId, Signer, gather,
};
use scaletop_load::{Arrivals, Expected, Second};
use scaletop_units::{ArrivalRate, RunClock};

/// A fleet that has started says how it stands within this time, or never.
const SAYS_WITHIN: Duration = Duration::from_secs(10);

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
    /// What must live as long.
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
        let Carrier { link, run, epoch, signer, kill, is_here, keep } = carrier;
        let FleetSettings { wanted, to_begin, at_least, within, lease, ref on_loss } = *asked.settings;
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
            on_loss: OnLoss::ALL.into_iter().find(|one| one.name() == on_loss).unwrap_or_default(),
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
        say(&format!("fleet: waiting up to {} for {wanted} generators (scaletop fleet join)", exact(within)));
        let gathered = gather(config, link, clock, |progress| match progress {
            Progress::Ready { ready, wanted } => say(&format!("fleet: {ready} of {wanted} generators are ready")),
            Progress::Notice(text) => say(&format!("fleet: {text}")),
        });
        Ok(Self { gathered: gathered.await?, peak: asked.peak, owns_generators, keep })
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
    fn a_rate_that_the_generators_may_not_send_is_said_with_what_to_do() {
        let said = above(ArrivalRate::new(90_000), ArrivalRate::new(60_000));
        assert!(said.contains("90,000/s") && said.contains("60,000/s") && said.contains("--max-rate"), "{said}");
    }
}
