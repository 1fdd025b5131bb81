//! The load on the target, or on two of them with the same arrivals: every command goes to both, with the same anchor, and both
//! pacers have the same seed. So each moment at which a request is due is one for either target. A load is this process' own, or a
//! fleet's.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep_until;

#[cfg(feature = "fleet")]
use scaletop_fleet::FleetHandle;
use scaletop_load::{LoadHandle, RateProfile};
use scaletop_units::{Elapsed, RunClock};

/// The load on one target: who sends it.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// The engine of this process.
    Engine(LoadHandle),
    /// Generators elsewhere.
    #[cfg(feature = "fleet")]
    Fleet(FleetHandle),
}

impl Load {
    fn set(&self, at: Elapsed, profile: RateProfile) {
        match self {
            Self::Engine(engine) => engine.set(at, profile),
            #[cfg(feature = "fleet")]
            Self::Fleet(fleet) => fleet.set(at, profile),
        }
    }

    async fn drain(&self, at_most: Duration) -> u64 {
        match self {
            Self::Engine(engine) => engine.drain(at_most).await,
            #[cfg(feature = "fleet")]
            Self::Fleet(fleet) => fleet.drain(at_most).await,
        }
    }

    fn stop(&self) {
        match self {
            Self::Engine(engine) => engine.stop(),
            #[cfg(feature = "fleet")]
            Self::Fleet(fleet) => fleet.stop(),
        }
    }

    /// Whether a change of rate is told before it is in force.
    const fn is_told_ahead(&self) -> bool {
        match self {
            Self::Engine(_) => false,
            #[cfg(feature = "fleet")]
            Self::Fleet(_) => true,
        }
    }
}

/// The load on each target.
#[derive(Clone, Debug)]
pub(crate) struct Loads {
    first: Load,
    second: Option<Load>,
    clock: RunClock,
    /// The anchor of the latest change of rate.
    anchor: Elapsed,
}

impl Loads {
    pub(crate) const fn new(first: Load, second: Option<Load>, clock: RunClock) -> Self {
        Self { first, second, clock, anchor: Elapsed::ZERO }
    }

    /// From `at` on, arrivals come at this rate.
    pub(crate) fn set(&mut self, at: Elapsed, profile: RateProfile) {
        self.anchor = self.anchor.max(at);
        self.each().for_each(|load| load.set(at, profile));
    }

    /// Waits until nothing is in flight, at most this long; returns how many requests are then still without an answer. Set
    /// the rate to zero first.
    pub(crate) async fn drain(&self, at_most: Duration) -> u64 {
        // What is due before the rate becomes zero is still sent: to both, and by every generator.
        if self.second.is_some() || self.first.is_told_ahead() {
            sleep_until(self.clock.instant_at(self.anchor)).await;
        }
        let Some(second) = &self.second else { return self.first.drain(at_most).await };
        let (first, second) = tokio::join!(self.first.drain(at_most), second.drain(at_most));
        first + second
    }

    /// Ends the arrivals and the streams of seconds.
    pub(crate) fn stop(&self) {
        self.each().for_each(Load::stop);
    }

    /// Kills a generator of a fleet that this program started itself; `None` without a fleet.
    pub(crate) fn kill_generator(&self) -> Option<oneshot::Receiver<Result<String, String>>> {
        match &self.first {
            Load::Engine(_) => None,
            #[cfg(feature = "fleet")]
            Load::Fleet(fleet) => Some(fleet.kill()),
        }
    }

    fn each(&self) -> impl Iterator<Item = &Load> {
        [Some(&self.first), self.second.as_ref()].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::app::action::Action;
    use crate::app::effect::Effect;
    use crate::app::event::Event;
    use crate::app::state::update::update;
    use crate::app::state::{Live, State};
    use crate::session::event::{Header, SessionEvent, Settings, Side};
    use scaletop_load::{Arrivals, LoadConfig, Reply, Transport, start_inline};
    use scaletop_units::ArrivalRate;
    use tokio::task::LocalSet;
    use tokio::time::sleep;

    /// Notes when it is asked to send, and answers after a while, of its own.
    struct Fake {
        sent: Rc<RefCell<Vec<Elapsed>>>,
        takes: Duration,
    }

    impl Transport for Fake {
        async fn send(&self, sent: Elapsed) -> Reply {
            self.sent.borrow_mut().push(sent);
            tokio::time::sleep(self.takes).await;
            Reply::status(200)
        }
    }

    /// Changes of rate as somebody makes them by key: when, and which.
    fn script() -> Vec<(u64, Action)> {
        let rate = ArrivalRate::new;
        vec![
            (137, Action::SetRate(rate(50))),
            (1_391, Action::RateUp),
            (1_402, Action::RateUp),
            (2_777, Action::Spike),
            (4_003, Action::Ramp(rate(37), Duration::from_millis(1_700))),
            (4_950, Action::RateDouble),
            (6_333, Action::TogglePause),
            (7_101, Action::TogglePause),
            (8_008, Action::Ramp(rate(450), Duration::from_secs(1))),
            (9_600, Action::Undo),
            (11_111, Action::Quit),
        ]
    }

    /// When each target was sent a request, and how many were due by the seconds of each; the second load hears of every change
    /// so much later than the first.
    async fn drive(arrivals: Arrivals, later: Duration) -> ([Vec<Elapsed>; 2], [u64; 2]) {
        let clock = RunClock::start();
        let settings = Settings { arrivals, seed: 11, ..Settings::default() };
        let config = LoadConfig { arrivals, seed: settings.seed, ..LoadConfig::default() };
        let sent: [Rc<RefCell<Vec<Elapsed>>>; 2] = Default::default();
        let start = |at: usize, takes| {
            let transport = Fake { sent: Rc::clone(&sent[at]), takes: Duration::from_millis(takes) };
            start_inline(&config, transport, clock)
        };
        let ((first, mut seconds), (second, mut others)) = (start(0, 20), start(1, 900));
        let mut loads = Loads::new(Load::Engine(first.clone()), Some(Load::Engine(second.clone())), clock);
        let header = Header::new(0, settings.clone()).beside(settings);
        let mut state = State::live(header, Live::new(ArrivalRate::new(600)));
        for (at, action) in script() {
            sleep_until(clock.instant_at(Elapsed::from_millis(at))).await;
            for effect in update(&mut state, clock.now(), Event::Action(action)) {
                match effect {
                    Effect::SetRate { at, profile } if later.is_zero() => loads.set(at, profile),
                    Effect::SetRate { at, profile } => {
                        first.set(at, profile);
                        sleep(later).await;
                        second.set(at, profile);
                        loads.anchor = at;
                    }
                    Effect::Drain => assert_eq!(loads.drain(Duration::from_secs(5)).await, 0, "all is answered"),
                    _ => {}
                }
            }
            while let Ok(second) = seconds.try_recv() {
                let event = SessionEvent::Second(Box::new(second));
                update(&mut state, clock.now(), Event::Half(Side::First, event));
            }
            while let Ok(second) = others.try_recv() {
                let event = SessionEvent::Second(Box::new(second));
                update(&mut state, clock.now(), Event::Half(Side::Second, event));
            }
        }
        loads.stop();
        while let Some(second) = seconds.recv().await {
            update(&mut state, clock.now(), Event::Half(Side::First, SessionEvent::Second(Box::new(second))));
        }
        while let Some(second) = others.recv().await {
            update(&mut state, clock.now(), Event::Half(Side::Second, SessionEvent::Second(Box::new(second))));
        }
        let due = Side::BOTH.map(|side| state.halves().get(side).totals().due);
        assert_eq!(state.session().rates().len(), script().len(), "every change is one");
        (sent.map(|sent| sent.borrow().clone()), due)
    }

    #[cfg(feature = "fleet")]
    #[tokio::test(start_paused = true)]
    async fn a_fleet_gets_the_commands_of_an_engine_and_drains_once_the_last_change_is_in_force() {
        use scaletop_fleet::Command;

        let clock = RunClock::start();
        let (fleet, mut told) = FleetHandle::new();
        let mut loads = Loads::new(Load::Fleet(fleet), None, clock);
        loads.set(Elapsed::from_millis(60), RateProfile::Constant(ArrivalRate::new(50)));
        loads.set(Elapsed::from_millis(2_060), RateProfile::PAUSED);
        let asked = tokio::spawn(async move { (loads.drain(Duration::from_secs(5)).await, loads) });
        let mut came = Vec::new();
        while let Some(command) = told.recv().await {
            match command {
                Command::Set(at, profile) => came.push(format!("{} ms: {profile}", at.as_millis())),
                Command::Drain(_, left) => {
                    assert!(clock.now() >= Elapsed::from_millis(2_060), "{}", clock.now());
                    left.send(3).unwrap();
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(came, ["60 ms: 50/s", "2060 ms: 0/s"]);
        let (left, loads) = asked.await.unwrap();
        assert_eq!(left, 3);
        let killed = loads.kill_generator().unwrap();
        let Some(Command::Kill(answer)) = told.recv().await else { panic!("kill") };
        answer.send(Ok("g2".to_owned())).unwrap();
        assert_eq!(killed.await.unwrap().as_deref(), Ok("g2"));
        loads.stop();
        assert!(matches!(told.recv().await, Some(Command::Stop)));
    }

    #[tokio::test(start_paused = true)]
    async fn every_moment_at_which_a_request_is_due_is_one_for_each_target() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            assert_same(arrivals, Duration::ZERO).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_arrivals_stay_the_same_though_one_load_hears_of_each_change_later() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            assert_same(arrivals, Duration::from_millis(80)).await;
        }
    }

    async fn assert_same(arrivals: Arrivals, later: Duration) {
        let (sent, due) = LocalSet::new().run_until(drive(arrivals, later)).await;
        assert!(sent[0].len() > 1_500, "{arrivals:?}: {}", sent[0].len());
        let apart = sent[0].iter().zip(&sent[1]).position(|(first, second)| first != second);
        assert_eq!((apart, sent[0].len()), (None, sent[1].len()), "{arrivals:?}: the first that differs");
        assert_eq!(due, sent.map(|sent| sent.len() as u64), "{arrivals:?}");
    }
}
