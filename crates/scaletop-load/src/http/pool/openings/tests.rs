//! The decision alone, then a worker with it against services that answer, hang, stall and are slow, in virtual time.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const QUICK: Duration = Duration::from_micros(300);

fn situation(wanted: usize, open: usize, connecting: usize) -> Situation {
    Situation {
        now: Elapsed::ZERO,
        wanted,
        open,
        connecting,
        left: 10_000,
        may_connect: true,
        is_strained: false,
        rate: 0.0,
    }
}

#[test]
fn nobody_waits_and_nothing_is_opened() {
    assert_eq!(Openings::new().step(situation(0, 0, 0)), Adjustment::Stay);
}

#[test]
fn a_backlog_begins_with_a_few_connects_however_long_it_is() {
    assert_eq!(Openings::new().step(situation(100_000, 0, 0)), Adjustment::Start(4));
    assert_eq!(Openings::new().step(situation(1, 50, 0)), Adjustment::Start(1));
}

#[test]
fn what_nobody_waits_for_any_more_is_cancelled() {
    let mut openings = Openings::new();
    assert_eq!(openings.step(situation(2, 10, 4)), Adjustment::Cancel(2));
    assert_eq!(openings.step(situation(0, 10, 4)), Adjustment::Cancel(4));
}

#[test]
fn a_late_turn_opens_nothing_while_there_is_a_connection() {
    let late = |open| Situation { may_connect: false, ..situation(500, open, 0) };
    assert_eq!(Openings::new().step(late(1)), Adjustment::Stay);
    assert_eq!(Openings::new().step(late(0)), Adjustment::Start(4), "else it would never begin");
}

#[test]
fn the_cap_is_kept() {
    let mut openings = Openings::new();
    assert_eq!(openings.step(Situation { left: 1, ..situation(500, 9, 0) }), Adjustment::Start(1));
    assert_eq!(
        openings.step(Situation { left: 0, ..situation(500, 10, 3) }),
        Adjustment::Stay,
        "those under way are within it"
    );
}

#[test]
fn quick_connects_raise_the_limit_slow_ones_lower_it_and_rest_resets_it() {
    let mut openings = Openings::new();
    let at = |millis, wanted, open| Situation { now: Elapsed::from_millis(millis), ..situation(wanted, open, 4) };
    openings.step(at(0, 500, 0));
    openings.connected(Elapsed::ZERO, QUICK);
    assert_eq!(
        openings.step(at(0, 500, 1)),
        Adjustment::Stay,
        "not before it is seen whether the backlog shrinks by itself"
    );
    openings.step(at(2, 500, 1));
    for _ in 0..96 {
        openings.connected(Elapsed::ZERO, QUICK);
    }
    assert_eq!(openings.step(situation(500, 96, 0)), Adjustment::Start(100));
    for _ in 0..100 {
        openings.connected(Elapsed::ZERO, Duration::from_millis(50));
    }
    assert_eq!(openings.step(situation(500, 196, 0)), Adjustment::Start(2));
    for _ in 0..50 {
        openings.connected(Elapsed::ZERO, QUICK);
    }
    openings.step(situation(0, 246, 0));
    assert_eq!(openings.step(situation(500, 246, 0)), Adjustment::Start(4));
}

#[test]
fn a_backlog_that_shrinks_by_itself_opens_nothing() {
    let at = |millis, wanted| Situation { now: Elapsed::from_millis(millis), ..situation(wanted, 20, 0) };
    let mut openings = Openings::new();
    assert_eq!(openings.step(at(0, 1_000)), Adjustment::Start(4));
    assert_eq!(openings.step(at(2, 950)), Adjustment::Stay, "it will be gone in 38 ms");
    assert_eq!(openings.step(at(4, 949)), Adjustment::Start(4), "that would take two seconds");
}

#[test]
fn a_storm_of_slow_connects_is_not_the_measure_of_itself_but_a_path_that_changed_is() {
    let mut openings = Openings::new();
    openings.connected(Elapsed::ZERO, QUICK);
    let slow = Duration::from_millis(80);
    for millis in 0..10_000 {
        openings.connected(Elapsed::from_millis(millis), slow);
    }
    assert_eq!((openings.limit(), openings.quickest()), (2, Some(QUICK)));
    for second in 0..120 {
        openings.connected(Elapsed::from_secs(second), slow);
    }
    assert_eq!(openings.quickest(), Some(slow));
}

#[test]
fn under_strain_as_many_are_enough_as_the_arrivals_keep_busy_and_half_as_many_again() {
    let answers = |took| {
        let mut openings = Openings::new();
        (0..500).for_each(|_| openings.answered(Elapsed::ZERO, took));
        openings
    };
    let strained = |open, rate| Situation { is_strained: true, rate, ..situation(500, open, 0) };
    // 20,000 a second of 80 ms each: 1,600 are busy.
    let step = |took, situation| answers(took).step(situation);
    let slow = Duration::from_millis(80);
    assert_eq!(step(slow, strained(2_400, 20_000.0)), Adjustment::Stay);
    assert_eq!(step(slow, strained(2_399, 20_000.0)), Adjustment::Start(4));
    let later = Situation { now: Elapsed::from_millis(300), ..strained(2_400, 20_000.0) };
    assert_eq!(step(slow, later), Adjustment::Start(4), "it stalls");
    let on_time = Situation { is_strained: false, ..strained(2_400, 20_000.0) };
    assert_eq!(step(slow, on_time), Adjustment::Start(4), "the service may have become slower");
    // However many are asked for, a quick service keeps few busy.
    assert_eq!(step(QUICK / 10, strained(ENOUGH, 500_000.0)), Adjustment::Stay, "the machine is full");
    assert_eq!(step(QUICK / 10, strained(ENOUGH - 1, 500_000.0)), Adjustment::Start(4), "with so few all is slow");
    assert_eq!(Openings::new().step(strained(5_000, 500_000.0)), Adjustment::Start(4), "it has never answered");
    let mut slowed = answers(QUICK);
    (0..500).for_each(|_| slowed.answered(Elapsed::ZERO, Duration::from_millis(70)));
    assert_eq!(slowed.step(strained(100, 500_000.0)), Adjustment::Stay, "its answers became slow with us");
}

/// A worker in virtual time, in steps of 50 µs: arrivals at a rate, a service, and the decision in between.
struct World {
    openings: Openings,
    rate: u64,
    /// How long the service takes; `None`: it hangs.
    service: Option<u64>,
    /// How long a connect takes.
    connect: u64,
    /// Requests a second that the machine can do; `None`: any number.
    capacity: Option<u64>,
    step: u64,
    arrived: u64,
    waiting: u64,
    idle: usize,
    /// When each was sent and when its answer is complete.
    busy: VecDeque<(u64, u64)>,
    connecting: VecDeque<u64>,
    opened: usize,
    cancelled: usize,
}

const STEP_MICROS: u64 = 50;

impl World {
    fn new(rate: u64, service: Option<u64>, connect: u64) -> Self {
        Self {
            openings: Openings::new(),
            rate,
            service,
            connect,
            capacity: None,
            step: 0,
            arrived: 0,
            waiting: 0,
            idle: 0,
            busy: VecDeque::new(),
            connecting: VecDeque::new(),
            opened: 0,
            cancelled: 0,
        }
    }

    fn open(&self) -> usize {
        self.idle + self.busy.len()
    }

    /// Goes on for so many milliseconds.
    fn run(&mut self, millis: u64) {
        for _ in 0..millis * 1_000 / STEP_MICROS {
            self.turn(true);
        }
    }

    /// The process stands still for so long; then it wakes late.
    fn stop(&mut self, millis: u64) {
        self.step += millis * 1_000 / STEP_MICROS;
        self.turn(false);
    }

    fn turn(&mut self, may_connect: bool) {
        self.step += 1;
        let now = self.step * STEP_MICROS;
        let due = now * self.rate / 1_000_000;
        self.waiting += due - self.arrived;
        self.arrived = due;
        while let Some(&(sent, end)) = self.busy.front()
            && end <= now
        {
            self.busy.pop_front();
            self.openings.answered(Elapsed::from_micros(now), Duration::from_micros(end - sent));
            self.idle += 1;
        }
        while self.connecting.front().is_some_and(|&began| began + self.connect <= now) {
            let began = self.connecting.pop_front().unwrap();
            self.openings.connected(Elapsed::from_micros(now), Duration::from_micros(now - began));
            self.opened += 1;
            self.idle += 1;
        }
        while self.idle > 0 && self.waiting > 0 {
            self.idle -= 1;
            self.waiting -= 1;
            let turn = self.capacity.map_or(0, |capacity| 1_000_000 / capacity);
            let free = self.busy.back().map_or(0, |&(_, end)| end + turn);
            self.busy.push_back((now, self.service.map_or(u64::MAX, |service| free.max(now + service))));
        }
        let wanted = usize::try_from(self.waiting).unwrap();
        let (open, connecting) = (self.open(), self.connecting.len());
        let left = 10_000_usize.saturating_sub(open + connecting);
        let moment = Elapsed::from_micros(now);
        match self.openings.step(Situation {
            now: moment,
            wanted,
            open,
            connecting,
            left,
            may_connect,
            is_strained: self.capacity.is_some_and(|capacity| self.rate > capacity),
            rate: self.rate as f64,
        }) {
            Adjustment::Start(count) => self.connecting.extend(std::iter::repeat_n(now, count)),
            Adjustment::Cancel(count) => {
                self.connecting.truncate(connecting - count);
                self.cancelled += count;
            }
            Adjustment::Stay => {}
        }
    }
}

#[test]
fn a_fast_service_needs_a_handful() {
    let mut world = World::new(20_000, Some(200), 300);
    world.run(2_000);
    assert!(world.opened <= 16, "{}", world.opened);
    assert_eq!(world.waiting, 0);
}

#[test]
fn a_stop_of_ours_opens_next_to_nothing_and_is_forgotten_at_once() {
    let mut world = World::new(5_000, Some(200), 300);
    world.run(1_000);
    let before = world.opened;
    world.stop(300);
    world.run(100);
    assert!(world.opened - before <= 64, "{} more", world.opened - before);
    world.run(400);
    assert_eq!((world.waiting, world.connecting.len()), (0, 0));
}

#[test]
fn a_slow_service_gets_the_connections_that_it_needs_and_few_more() {
    let mut world = World::new(20_000, Some(80_000), 300);
    world.run(3_000);
    assert_eq!(world.waiting, 0);
    assert!((1_600..3_200).contains(&world.opened), "{}", world.opened);
}

#[test]
fn five_times_what_the_machine_can_do_opens_little_more_than_keeps_it_busy() {
    let mut world = World { capacity: Some(100_000), ..World::new(500_000, Some(100), 300) };
    world.run(3_000);
    assert!((ENOUGH..=200).contains(&world.opened), "{}", world.opened);
    assert!(world.openings.holds_back(), "what waits then waits because the machine is full");
    let mut slow = World { capacity: Some(10_000), ..World::new(20_000, Some(80_000), 300) };
    slow.run(5_000);
    assert!((1_600..=3_200).contains(&slow.opened), "{}", slow.opened);
}

#[test]
fn a_service_that_hangs_gets_every_arrival_and_the_load_stays_open() {
    let mut world = World::new(400, None, 1_000);
    world.run(2_000);
    assert!(world.busy.len() >= 795, "{} of 800 are with it", world.busy.len());
    assert!(!world.openings.holds_back(), "it is the service that fills the cap");
}

#[test]
fn what_waits_is_held_back_only_by_us() {
    let mut openings = Openings::new();
    openings.answered(Elapsed::ZERO, QUICK);
    let strained = Situation { is_strained: true, rate: 500_000.0, ..situation(500, 100, 0) };
    let mut held = |situation| {
        openings.step(situation);
        openings.holds_back()
    };
    assert!(held(strained));
    assert!(
        !held(Situation { is_strained: false, ..strained }),
        "the limit by delay is the service's or the network's"
    );
    assert!(!held(Situation { left: 0, ..strained }), "the cap on connections is another reason");
    assert!(!held(Situation { now: Elapsed::from_secs(1), ..strained }), "a service that stalls fills the cap itself");
    assert!(held(strained) && !held(situation(0, 100, 0)), "nobody waits");
}

#[test]
fn what_our_limit_on_connects_keeps_waiting_is_ours_while_connects_are_quick_and_answers_come() {
    // Four connects are under way, and that is all that we open at a time.
    let short = situation(500, 10, 4);
    let held = |took: Option<Duration>, now: Duration| {
        let mut openings = Openings::new();
        openings.answered(Elapsed::ZERO, Duration::from_millis(80));
        openings.connected(Elapsed::ZERO, QUICK);
        if let Some(took) = took {
            openings.connected(Elapsed::ZERO, took);
        }
        openings.step(Situation { now: Elapsed::ZERO + now, ..short });
        openings.holds_back()
    };
    assert!(held(None, Duration::from_millis(1)), "a quick one was completed just now");
    assert!(!held(Some(Duration::from_millis(50)), Duration::from_millis(1)), "a slow one is the service's");
    assert!(!held(None, Duration::from_millis(100)), "and so is that none was completed since");
    assert!(!held(None, Duration::from_millis(300)), "nor does it answer");
    // Quick connects, and no answers: the service stands still.
    let mut openings = Openings::new();
    openings.answered(Elapsed::ZERO, QUICK);
    openings.connected(Elapsed::from_millis(2), QUICK);
    openings.step(Situation { now: Elapsed::from_millis(2), ..short });
    assert!(!openings.holds_back(), "it has not answered for longer than two answers take");
}

#[test]
fn where_no_connect_is_answered_no_storm_begins() {
    let mut world = World::new(5_000, Some(200), u64::MAX / 2);
    world.run(5_000);
    assert_eq!((world.opened, world.connecting.len()), (0, 4));
}

proptest! {
    #[test]
    fn the_cap_and_the_demand_bound_it_whatever_is_seen(
        steps in prop::collection::vec((0_usize..2_000, 0_usize..200, 0_u64..100_000, any::<bool>()), 1..200), cap in 1_usize..300
    ) {
        let mut openings = Openings::new();
        let (mut open, mut connecting, mut now) = (0_usize, 0_usize, Elapsed::ZERO);
        for (wanted, done, took, may_connect) in steps {
            let done = done.min(connecting);
            connecting -= done;
            open += done;
            (0..done).for_each(|_| openings.connected(now, Duration::from_micros(took)));
            let left = cap.saturating_sub(open + connecting);
            now = now + Duration::from_micros(took / 10);
            match openings.step(Situation { now, wanted, open, connecting, left, may_connect, is_strained: false, rate: 0.0 }) {
                Adjustment::Start(count) => connecting += count,
                Adjustment::Cancel(count) => connecting -= count,
                Adjustment::Stay => {}
            }
            prop_assert!(open + connecting <= cap);
            prop_assert!(connecting <= wanted);
        }
    }
}
