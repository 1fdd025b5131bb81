//! Sets a session up, so that nothing can fail once load flows, runs it, and says how it went.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::controller::Controller;
use crate::app::ends::FrontEnd;
use crate::app::keymap::KeyMap;
use crate::app::live::{self, Background, Beginning, Finished, LiveBackEnd, Loads};
use crate::app::runtime::Runtime;
use crate::app::signals::Signals;
use crate::app::state::{Live, State};
use crate::cli::{DriveArgs, Format, LoadArgs, OutputArgs, SEED_OF_NOTHING};
use crate::commands::aim::{self, Aim};
use crate::commands::counting::Counting;
use crate::commands::drive::sender::{Sender, sender};
use crate::commands::drive::started::Started;
use crate::commands::own::Own;
use crate::commands::request::with_requests;
use crate::commands::{CommandError, fleet_load, outcome, say, theme};
use crate::metrics::Metrics;
use crate::metrics::otlp::{Otlp, Receiver};
use crate::plan::Plan;
use crate::plan::forecast::Budget;
use crate::session::event::Header;
use crate::session::folder::{self, Made};
use crate::session::recording::RecordingReader;
use crate::session::writer::BackgroundWriter;
use crate::slo::Slo;
use crate::target::Target;
use crate::tui::front::{Manners, TerminalFront};
use crate::values;
use crate::web::Bound;
use scaletop_cluster::ClusterArgs;
use scaletop_load::{Arrivals, default_max_in_flight_each, raise_fd_limit};
use scaletop_units::ArrivalRate;
use scaletop_units::RunClock;

#[cfg(feature = "fleet")]
mod again;
mod sender;
mod started;

#[cfg(feature = "fleet")]
pub(super) use again::{Again, again};

/// Events that sources may have waiting for the loop.
const FEED_QUEUE: usize = 1_024;

/// Where the spike key goes by default.
pub(super) const SPIKE_RATE: ArrivalRate = ArrivalRate::new(600);

/// What drives the load besides the keys.
#[derive(Default)]
pub(super) struct Script {
    /// The plan, for the record: its name, objectives and thresholds.
    pub(super) plan: Option<Plan>,
    /// Who decides the rate.
    pub(super) controller: Option<Controller>,
    /// What the plan will make due, when the session is to end as soon as a threshold is lost.
    pub(super) abort_within: Option<Budget>,
    /// The rate to start with.
    pub(super) rate: ArrivalRate,
    /// Whether the answer to the one request beforehand must be as expected.
    pub(super) must_answer: bool,
    /// The fleet that sends in the place of this process, where it is known already and no ticket names it.
    #[cfg(feature = "fleet")]
    pub(super) fleet: Option<fleet_load::Carrier>,
}

/// A session that only needs a front end.
pub(super) struct Ready {
    header: Header,
    clock: RunClock,
    /// The target, or two of them, with who sends to each.
    aimed: Vec<(Aim, Sender)>,
    /// Who counts instances at the first target, besides its platform.
    counting: Counting,
    folder: PathBuf,
    /// Taken away again unless something is recorded.
    made: Made,
    /// How it begins, where it does not begin anew: its recording is there already.
    again: Option<Beginning>,
    metrics: Option<Metrics>,
    /// Where metrics are pushed to.
    otlp: Option<Receiver>,
    web: Option<Bound>,
    /// What the log says at the beginning.
    notice: Option<String>,
    spike_rate: ArrivalRate,
    panic_after: Option<Duration>,
    script: Script,
    keys: Arc<KeyMap>,
    signals: Signals,
}

/// Runs a session on the screen, where keys decide the rate.
pub(super) async fn on_screen(
    drive: DriveArgs,
    targets: Vec<Target>,
    cluster: ClusterArgs,
    own: Own,
    script: Script,
) -> Result<u8, CommandError> {
    let script = Script { rate: drive.load.rate, ..script };
    let mut ready =
        Ready { keys: Arc::clone(&own.keys), ..Box::pin(prepare(&drive, &targets, &cluster, script)).await? };
    // Before the screen is taken; it is covered then, and the log has the address, too.
    ready.announce();
    ready.notice = ready.live_page();
    let front = TerminalFront::open(
        theme(drive.screen, &own),
        Manners { mouse: !drive.screen.no_mouse, bell: drive.screen.bell },
    )?;
    let mut finished = Box::pin(ready.run(front)).await?;
    outcome::write_session(&finished, Format::Text)?;
    let signal = finished.signal;
    outcome::write_place(&mut finished, Format::Text)?;
    Ok(outcome::by_signal(signal).unwrap_or(0))
}

/// Refuses what no load can be: a rate above the ceiling, an instance that holds nothing.
pub(super) fn check_rates(load: &LoadArgs, highest: ArrivalRate) -> Result<(), CommandError> {
    if load.capacity.is_some_and(|capacity| !(capacity.is_finite() && capacity > 0.0)) {
        return Err(CommandError::Option("--capacity takes a positive number of requests per second".to_owned()));
    }
    if load.max_rate.is_paused() {
        return Err(CommandError::Option(
            "--max-rate 0 allows no request: give the highest rate that may be sent".to_owned(),
        ));
    }
    if load.slo.iter().filter(|objective| matches!(objective, values::Objective::Latency(..))).count() > 1 {
        return Err(CommandError::Option(
            "--slo names two percentiles, and an objective has one: give one, and thresholds for the others".to_owned(),
        ));
    }
    check_rate(load, highest)
}

/// Refuses a rate above the ceiling.
pub(super) fn check_rate(load: &LoadArgs, highest: ArrivalRate) -> Result<(), CommandError> {
    if highest <= load.max_rate {
        return Ok(());
    }
    let (highest, ceiling) = (highest.get(), load.max_rate.get());
    Err(CommandError::Option(format!("{highest}/s is above the ceiling of {ceiling}/s: raise it with --max-rate")))
}

/// The objective: the command line's, else the plan's, else the default.
pub(super) fn slo(load: &LoadArgs, plan: Option<&Plan>) -> Slo {
    let of_plan = if load.slo.is_empty() { plan.and_then(|plan| plan.slo) } else { None };
    of_plan.unwrap_or_else(|| values::slo(&load.slo))
}

/// The cap on requests in flight at each of so many targets.
pub(super) fn max_in_flight(load: &LoadArgs, targets: usize) -> u64 {
    load.max_in_flight.unwrap_or_else(|| default_max_in_flight_each(targets as u64))
}

/// Everything that can go wrong goes wrong here, before the first request.
pub(super) async fn prepare(
    drive: &DriveArgs,
    targets: &[Target],
    cluster: &ClusterArgs,
    mut script: Script,
) -> Result<Ready, CommandError> {
    let drive = &*with_plan(drive, &mut script)?;
    let load = &drive.load;
    let plan = script.plan.as_ref();
    let peak = script.peak();
    check_rates(load, peak)?;
    aim::check_places(targets, drive, cluster)?;
    if !script.has_fleet() {
        fleet_load::check_ticket(&drive.fleet)?;
    }
    fleet_load::check(drive, targets)?;
    let (metrics, web) = listen(&drive.output).await?;
    let otlp = receiver(&drive.output)?;
    // Before anything asks how many connections there may be. Not being allowed to is no failure: the cap follows.
    let _ = raise_fd_limit();
    let counting = Counting::of(&drive.count, &drive.request, plan)?;
    counting.check_targets(targets)?;
    if let Some(notice) = counting.notice() {
        say(&notice);
    }
    let clock = RunClock::start();
    // Two targets that get the same arrivals have the same seed.
    let common =
        aim::Common { drive, plan, targets: targets.len(), seed: load.load_seed.unwrap_or_else(|| fastrand::u64(..)) };
    let mut aims = Vec::new();
    for target in targets {
        aims.push(Aim::find(&common, target, cluster, clock).await?);
    }
    if let Some(hint) = aims.first().and_then(Aim::hint) {
        say(hint);
    }
    if !drive.output.yes {
        for aim in &aims {
            aim.ask_the_user()?;
        }
    }
    if let Some(folder) = &drive.output.out {
        folder::check_free(folder)?;
    }
    if !drive.output.no_preflight {
        for aim in &mut aims {
            let complaint = aim.ask_once(drive.request.expect, peak, clock).await;
            if let (true, Some(complaint)) = (script.must_answer, complaint) {
                return Err(CommandError::Preflight(complaint));
            }
        }
    }
    if script.has_fleet() || fleet_load::is_asked(&drive.fleet) {
        let fleet = fleet_load::settings(&drive.fleet)?;
        for aim in &mut aims {
            aim.by_fleet(load, &fleet);
        }
    }
    if let Some(first) = aims.first_mut() {
        first.settings.counts = counting.settings();
    }
    let mut settings = aims.iter().map(|aim| aim.settings.clone());
    let header = Header::new(clock.started_unix_micros(), settings.next().unwrap_or_default());
    let header = match settings.next() {
        Some(second) => header.beside(second),
        None => header,
    };
    let name = folder::name(header.started_unix_micros, targets);
    let (folder, made) = folder_of(drive.output.out.as_deref(), &name)?;
    // Until here a signal just ends the program; from here on none is lost.
    let mut signals = Signals::listen()?;
    let aimed = tokio::select! {
        aimed = senders(aims, drive, &mut script, clock) => aimed?,
        signal = signals.next() => return Err(CommandError::Interrupted { signal }),
    };
    Ok(Ready {
        header,
        clock,
        aimed,
        counting,
        folder,
        made,
        again: None,
        metrics,
        otlp,
        web,
        notice: None,
        spike_rate: load.spike_rate.unwrap_or(SPIKE_RATE),
        panic_after: drive.output.panic_after,
        script,
        keys: Arc::default(),
        signals,
    })
}

/// What was asked for, with what the plan of `script` sends; and the plan for that load.
fn with_plan(drive: &DriveArgs, script: &mut Script) -> Result<Box<DriveArgs>, CommandError> {
    let mut drive = Box::new(drive.clone());
    if let Some(plan) = script.plan.take() {
        let (request, plan) = with_requests(&drive.request, plan)?;
        (drive.request, script.plan) = (request, Some(plan));
        let is_drawn = drive.load.arrivals == Arrivals::Poisson || drive.request.requests.is_some();
        if drive.load.load_seed.is_some() && !is_drawn {
            say(&format!("note: {SEED_OF_NOTHING}"));
        }
    }
    Ok(drive)
}

/// The pages that are served, if any. One that others can reach is warned of.
async fn listen(output: &OutputArgs) -> Result<(Option<Metrics>, Option<Bound>), CommandError> {
    let metrics = match output.metrics {
        Some(address) => Some(Metrics::serve(address).await?),
        None => None,
    };
    let web = output.web.map(Bound::new).transpose()?;
    let listening =
        [("--metrics", metrics.as_ref().map(Metrics::address)), ("--web", web.as_ref().map(Bound::address))];
    for (option, address) in listening {
        if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
            say(&format!(
                "warning: {option} listens on {address}: whoever reaches this machine can read the live numbers; \
                 127.0.0.1:{} keeps them here",
                address.port()
            ));
        }
    }
    Ok((metrics, web))
}

/// Where metrics are pushed to, if they are.
pub(super) fn receiver(output: &OutputArgs) -> Result<Option<Receiver>, CommandError> {
    let receiver = output.otlp.as_deref().map(|given| Receiver::of(given, |name| std::env::var(name).ok()));
    Ok(receiver.transpose()?)
}

/// The folder of a session: the one that was asked for, or a fresh one of this name; and what of it was made for the session.
pub(super) fn folder_of(asked: Option<&Path>, name: &str) -> Result<(PathBuf, Made), CommandError> {
    if let Some(folder) = asked {
        let made = Made::for_path(folder);
        folder::prepare(folder)?;
        return Ok((folder.to_owned(), made));
    }
    let made = Made::for_path(Path::new(folder::HOME));
    let folder = folder::fresh(name)?;
    let made = made.and(&folder);
    Ok((folder, made))
}

/// The targets, each with who sends to it: it may take a while until a fleet is there.
async fn senders(
    aims: Vec<Aim>,
    drive: &DriveArgs,
    script: &mut Script,
    clock: RunClock,
) -> Result<Vec<(Aim, Sender)>, CommandError> {
    let mut aimed = Vec::new();
    for mut aim in aims {
        let sender = sender(&mut aim, drive, script, clock).await?;
        aimed.push((aim, sender));
    }
    Ok(aimed)
}

impl Script {
    /// The highest rate that is known to come.
    fn peak(&self) -> ArrivalRate {
        self.plan.as_ref().map_or(self.rate, Plan::peak).max(self.rate)
    }

    /// Whether a fleet is known to send.
    #[cfg(feature = "fleet")]
    const fn has_fleet(&self) -> bool {
        self.fleet.is_some()
    }

    /// Whether a fleet is known to send: never, where there are none.
    #[cfg(not(feature = "fleet"))]
    #[expect(clippy::unused_self, reason = "as where there are fleets")]
    const fn has_fleet(&self) -> bool {
        false
    }
}

impl Ready {
    /// Says where the live numbers are.
    pub(super) fn announce(&self) {
        if let Some(metrics) = &self.metrics {
            say(&format!("metrics: http://{}/metrics", metrics.address()));
        }
        if let Some(receiver) = &self.otlp {
            say(&format!("metrics: pushed to {}", receiver.place()));
        }
        if let Some(page) = self.live_page() {
            say(&page);
        }
    }

    /// Where the live page is.
    fn live_page(&self) -> Option<String> {
        Some(format!("live page: http://{}/", self.web.as_ref()?.address()))
    }

    /// Runs the session to its end.
    pub(super) async fn run<F: FrontEnd>(self, front: F) -> Result<Finished, CommandError> {
        let web = self.web.map(|web| web.serve(&self.header)).transpose()?;
        let mut aimed = self.aimed;
        let mirror = aimed.first_mut().and_then(|(_, sender)| sender.mirror(self.again.is_none()));
        let mut known = None;
        let (recording, statuses) = if self.again.is_some() {
            known = Some(RecordingReader::open(&self.folder)?);
            BackgroundWriter::resume(&self.folder, &self.header, mirror)?
        } else {
            BackgroundWriter::start(&self.folder, &self.header, mirror)?
        };
        let (mut started, mut notice) = (Vec::new(), self.notice);
        let mut counting = self.counting;
        for (aim, engine) in aimed {
            let counting = std::mem::take(&mut counting);
            started.push(Started::of(aim, engine, counting, self.clock, notice.take()).await?);
        }
        let mut started = started.into_iter();
        let Some(first) = started.next() else { return Err(CommandError::NoTarget) };
        let second = started.next();
        let live = Live {
            controller: self.script.controller,
            abort_within: self.script.abort_within,
            place: first.place,
            beside: second.as_ref().map(|second| second.place),
            owns_generators: first.owns_generators,
            ..Live::new(self.spike_rate)
        };
        let (second_load, second, second_kept) = match second {
            Some(Started { load, watched, kept, .. }) => (Some(load), Some(watched), Some(kept)),
            None => (None, None, None),
        };
        let back = LiveBackEnd {
            loads: Loads::new(first.load, second_load, self.clock),
            first: first.watched,
            second,
            recording,
            statuses,
            metrics: self.metrics,
            otlp: self.otlp.map(|receiver| Otlp::start(receiver, first.notices)).transpose()?,
            web,
            folder: self.folder.clone(),
            panic_at: self.panic_after.map(|after| tokio::time::Instant::now() + after),
            background: Background::default(),
        };
        let state = State::live(self.header, live).in_folder(self.folder).with_keys(self.keys).after(
            // Read before anything is recorded.
            known.into_iter().flatten().map_while(Result::ok),
        );
        let runtime = Runtime { state, clock: self.clock, front, back, signals: self.signals };
        let finished = live::run(runtime, self.again.unwrap_or(Beginning::At(self.script.rate))).await?;
        drop(self.made);
        if let Some(not_pushed) = &finished.not_pushed {
            say(not_pushed);
        }
        for kept in [Some(first.kept), second_kept].into_iter().flatten() {
            kept.end().await;
        }
        Ok(finished)
    }
}
