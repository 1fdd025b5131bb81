//! What target tracking decides, and when.

use proptest::prelude::*;

use super::*;
use crate::autoscaler::{ObservedLoad, Scaler};
use crate::options::{ClusterOptions, Platform};

const MINUTE: Duration = Duration::from_mins(1);

/// ECS' policy with points that are published as soon as they are over.
fn prompt(min: u32, max: u32) -> TrackingPolicy {
    TrackingPolicy { publication_delay: Duration::ZERO, ..TrackingPolicy::ecs(min, max) }
}

/// A tracker and its clock: `minutes(n, cpu)` lets n minutes pass at one CPU use, measured every second, with as many
/// tasks running as are wanted.
struct Run {
    tracker: TargetTracker,
    now: Elapsed,
}

impl Run {
    fn new(policy: TrackingPolicy, desired: u32) -> Self {
        Self { tracker: TargetTracker::new(policy, "service/default/demo", Elapsed::ZERO, desired), now: Elapsed::ZERO }
    }

    fn minutes(&mut self, count: u32, cpu: impl Into<Option<f64>>) -> u32 {
        let cpu = cpu.into();
        for _ in 0..count * 60 {
            self.now = self.now + Duration::from_secs(1);
            let running = self.tracker.desired();
            self.tracker.observe(self.now, Duration::from_secs(1), cpu, running);
        }
        self.tracker.desired()
    }

    fn decisions(&self) -> Vec<(u64, u32, u32)> {
        let scaled = |activity: &Activity| match activity.outcome {
            ActivityOutcome::Scaled { to } => Some((activity.at.as_nanos() / 1_000_000_000, activity.from, to)),
            ActivityOutcome::NotScaled { .. } => None,
        };
        self.tracker.log().activities.iter().filter_map(scaled).collect()
    }

    fn reasons(&self) -> Vec<NotScaled> {
        let reason = |activity: &Activity| match activity.outcome {
            ActivityOutcome::NotScaled { reason } => Some(reason),
            ActivityOutcome::Scaled { .. } => None,
        };
        self.tracker.log().activities.iter().filter_map(reason).collect()
    }
}

#[test]
fn three_points_above_the_target_scale_out_and_two_do_not() {
    let mut run = Run::new(prompt(1, 20), 2);
    assert_eq!(run.minutes(2, 90.0), 2);
    assert_eq!(run.minutes(1, 90.0), 3, "2 × 90 ÷ 60 = 3");
    assert_eq!(run.decisions(), [(180, 2, 3)]);
    let activity = run.tracker.log().activities.back().unwrap();
    assert_eq!(activity.description, "Setting desired count to 3.");
    assert_eq!(
        activity.cause,
        "monitor alarm TargetTracking-service/default/demo-AlarmHigh in state ALARM triggered policy cpu-target-tracking"
    );
    assert_eq!(run.tracker.log().high, Alarm { state: AlarmState::Alarm, since: Elapsed::from_secs(180) });
}

#[test]
fn a_point_below_the_target_in_between_starts_the_count_anew() {
    let mut run = Run::new(prompt(1, 20), 2);
    run.minutes(2, 90.0);
    run.minutes(1, 59.0);
    assert_eq!(run.minutes(2, 90.0), 2);
    assert_eq!(run.minutes(1, 90.0), 3);
}

#[test]
fn while_a_scale_out_cools_down_only_a_larger_one_gets_through() {
    let mut run = Run::new(prompt(1, 20), 2);
    run.minutes(3, 90.0);
    // The new task has not helped yet and the CPU of those that run goes on rising.
    assert_eq!(run.minutes(1, 100.0), 5, "3 × 100 ÷ 60 = 5 is more than the 3 that were asked for");
    assert_eq!(run.decisions(), [(180, 2, 3), (240, 3, 5)]);
}

#[test]
fn tasks_on_their_way_are_not_counted_twice() {
    let mut tracker = TargetTracker::new(prompt(1, 20), "demo", Elapsed::ZERO, 2);
    for second in 1..=600 {
        // However many are wanted, only two ever run, at 90 %.
        tracker.observe(Elapsed::from_secs(second), Duration::from_secs(1), Some(90.0), 2);
    }
    assert_eq!(tracker.desired(), 3);
    assert_eq!(
        tracker.log().activities.back().unwrap().outcome,
        ActivityOutcome::NotScaled { reason: NotScaled::AlreadyAtDesiredCapacity }
    );
}

#[test]
fn at_the_maximum_it_says_so_instead_of_scaling() {
    let mut run = Run::new(prompt(1, 3), 3);
    assert_eq!(run.minutes(10, 100.0), 3);
    assert_eq!(run.reasons(), [NotScaled::AlreadyAtMaxCapacity], "once, not every minute");
}

#[test]
fn fifteen_points_below_nine_tenths_of_the_target_scale_in() {
    let mut run = Run::new(prompt(1, 20), 6);
    assert_eq!(run.minutes(14, 20.0), 6);
    assert_eq!(run.minutes(1, 20.0), 5, "one at a time, although 6 × 20 ÷ 60 = 2 would do");
    let mut resting = Run::new(prompt(1, 20), 6);
    assert_eq!(resting.minutes(60, 54.5), 6, "between 54 and 60 neither alarm counts");
}

#[test]
fn a_scale_in_waits_for_the_cooldown_of_the_scale_out_before_it() {
    let policy = TrackingPolicy { points_in: 1, ..prompt(1, 20) };
    let mut run = Run::new(policy, 2);
    run.minutes(3, 90.0);
    assert_eq!(run.minutes(4, 10.0), 3);
    assert_eq!(run.reasons(), [NotScaled::CoolingDown]);
    assert_eq!(run.minutes(1, 10.0), 2);
    assert_eq!(run.decisions(), [(180, 2, 3), (480, 3, 2)]);
}

#[test]
fn scaling_in_takes_one_task_each_cooldown_until_what_is_left_is_needed() {
    let mut run = Run::new(prompt(1, 20), 6);
    run.minutes(60, 20.0);
    // Fifteen points, then five minutes each: at rest after 35 minutes.
    let minutes: Vec<_> = run.decisions().iter().map(|(at, _, to)| (at / 60, *to)).collect();
    assert_eq!(minutes, [(15, 5), (20, 4), (25, 3), (30, 2), (35, 1)]);
    let mut busier = Run::new(prompt(1, 20), 3);
    busier.minutes(60, 50.0);
    assert_eq!(busier.tracker.desired(), 3, "3 × 50 ÷ 60 is more than two: rounded up, none can go");
}

#[test]
fn a_scale_out_comes_at_once_after_a_scale_in_and_ends_its_cooldown() {
    let policy = TrackingPolicy { points_in: 3, cooldown_out: MINUTE, ..prompt(1, 20) };
    let mut run = Run::new(policy, 4);
    run.minutes(3, 20.0);
    run.minutes(3, 80.0);
    run.minutes(3, 20.0);
    let minutes: Vec<_> = run.decisions().iter().map(|(at, from, to)| (at / 60, *from, *to)).collect();
    assert_eq!(
        minutes,
        [(3, 4, 3), (6, 3, 4), (9, 4, 3)],
        "a scale-in at 9 although one at 3 cools down until 8, or 11"
    );
}

#[test]
fn while_a_deployment_is_in_progress_nothing_scales_in() {
    let mut run = Run::new(prompt(1, 20), 3);
    run.tracker.deploying(true);
    run.minutes(30, 10.0);
    assert_eq!((run.decisions(), run.reasons()), (vec![], vec![]));
    assert_eq!(run.minutes(3, 90.0), 5, "it does scale out");
    run.tracker.deploying(false);
    run.minutes(15, 10.0);
    assert_eq!(run.tracker.desired(), 4);
}

#[test]
fn alarms_see_a_point_when_it_is_published_and_that_is_late() {
    let mut run = Run::new(TrackingPolicy::ecs(1, 20), 2);
    assert_eq!(run.minutes(5, 90.0), 2);
    assert_eq!(run.minutes(1, 90.0), 3, "three points over at 180 s, published at 330 s");
    assert_eq!(run.decisions(), [(330, 2, 3)]);
    assert_eq!(run.tracker.log().high, Alarm { state: AlarmState::Alarm, since: Elapsed::from_secs(330) });
    assert_eq!(run.tracker.log().last_point, Some((Elapsed::from_secs(120), 90.0)));
}

#[test]
fn the_high_resolution_metric_scales_out_sooner_and_in_after_as_many_minutes_of_points() {
    let policy = resolution(Some(20));
    assert_eq!((policy.points_out, policy.points_in), (3, 45));
    let mut run = Run::new(policy, 2);
    run.minutes(2, 90.0);
    assert_eq!(run.decisions(), [(85, 2, 3)]);
    run.minutes(20, 10.0);
    let (at, from, to) = run.decisions()[1];
    assert_eq!((from, to), (3, 2));
    assert_eq!(at, 120 + 15 * 60 + 25, "fifteen minutes of points below, and the delay of the last");
}

/// The policy that a cluster with points of this span follows, seconds.
fn resolution(secs: Option<u64>) -> TrackingPolicy {
    let metric_period = secs.map(Duration::from_secs);
    let options = ClusterOptions { platform: Platform::Ecs, metric_period, max_size: 3, ..ClusterOptions::default() };
    *TrackingScaler::new(&options, "demo").handle().policy()
}

/// The shortest and the longest time in whole seconds from a change of CPU use until the first decision, over all moments of a
/// period at which it can come, a fifth of a second apart. Two tasks run.
fn time_to_decision(policy: TrackingPolicy, before: f64, after: f64) -> (f64, f64) {
    const TICK: Duration = Duration::from_millis(200);
    let decision = |changed: Elapsed| {
        let mut tracker = TargetTracker::new(policy, "demo", Elapsed::ZERO, 2);
        let mut now = Elapsed::ZERO;
        while tracker.desired() == 2 {
            let cpu = if now < changed { before } else { after };
            now = now + TICK;
            assert!(now < Elapsed::from_secs(3_600), "no decision within an hour");
            tracker.observe(now, TICK, Some(cpu), 2);
        }
        now.saturating_since(changed).as_secs_f64()
    };
    // A whole period before the change, as it would be of a service that has run for long.
    let mut changed = Elapsed::ZERO + policy.period;
    let (mut shortest, mut longest) = (f64::INFINITY, 0.0_f64);
    while changed < Elapsed::ZERO + policy.period * 2 {
        let time = decision(changed);
        (shortest, longest) = (shortest.min(time), longest.max(time));
        changed = changed + TICK;
    }
    (shortest.round(), longest.round())
}

#[test]
fn the_time_to_a_decision_is_what_the_page_on_the_cluster_says_and_holds_what_aws_measured() {
    let (standard, fast) = (resolution(None), resolution(Some(20)));
    // A point counts when its mean is above 60 %, so 36 s of full load within a minute are enough.
    let (full, full_fast) = (time_to_decision(standard, 0.0, 100.0), time_to_decision(fast, 0.0, 100.0));
    assert_eq!((full, full_fast), ((306.0, 366.0), (77.0, 97.0)));
    assert!((full.0..=full.1).contains(&363.0) && (full_fast.0..=full_fast.1).contains(&86.0), "AWS' benchmark");
    let (little, little_fast) = (time_to_decision(standard, 0.0, 60.1), time_to_decision(fast, 0.0, 60.1));
    assert_eq!((little.1, little_fast.1), (390.0, 105.0));
    let fewer = time_to_decision(standard, 100.0, 0.0);
    assert_eq!(fewer, (1_018.0, 1_078.0));

    let page = include_str!("../../../../docs/embedded-cluster.md");
    let range =
        |(shortest, longest): (f64, f64), divisor: f64| format!("{} to {} s", shortest / divisor, longest / divisor);
    let row = |starts: &str| page.lines().find(|line| line.starts_with(starts)).unwrap();
    for (starts, full, little, delay) in [
        ("| standard points |", full, little, standard.publication_delay),
        ("| high-resolution points |", full_fast, little_fast, fast.publication_delay),
    ] {
        let row = row(starts);
        let said = [range(full, 1.0), format!("up to {} s", little.1), format!(" s, {} s late", delay.as_secs())];
        assert!(said.iter().all(|said| row.contains(said)), "{said:?}: {row}");
    }
    let at_a_tenth = [range(full, 10.0), range(fewer, 10.0)];
    assert!(at_a_tenth.iter().all(|said| page.contains(said)), "{at_a_tenth:?}");
    let page = include_str!("../../../../docs/experiments.md");
    assert!([range(full, 1.0), range(full, 10.0)].iter().all(|said| page.contains(said)));
}

#[test]
fn missing_points_never_scale() {
    let mut run = Run::new(prompt(1, 20), 4);
    assert_eq!(run.minutes(60, None), 4);
    assert_eq!(run.tracker.log().low.state, AlarmState::InsufficientData);
    run.minutes(2, 90.0);
    run.minutes(1, None);
    assert_eq!(run.minutes(2, 90.0), 4, "a gap is not a point above the target");
}

#[test]
fn a_time_scale_divides_periods_and_cooldowns_and_leaves_the_counts() {
    let policy = prompt(1, 20).sped_up(10.0);
    assert_eq!((policy.period, policy.cooldown_out), (Duration::from_secs(6), Duration::from_secs(30)));
    let late = TrackingPolicy::ecs(1, 20).sped_up(10.0);
    assert_eq!(late.publication_delay, Duration::from_secs(15));
    assert_eq!((policy.points_out, policy.points_in), (3, 15));
    let mut tracker = TargetTracker::new(policy, "demo", Elapsed::ZERO, 2);
    for second in 1..=18 {
        tracker.observe(Elapsed::from_secs(second), Duration::from_secs(1), Some(90.0), 2);
    }
    assert_eq!(tracker.desired(), 3);
    for nonsense in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let policy = prompt(1, 2).sped_up(nonsense);
        let _ = TargetTracker::new(policy, "demo", Elapsed::ZERO, 1).observe(Elapsed::from_secs(1), MINUTE, None, 1);
    }
}

proptest! {
    /// Whatever is measured, the count stays within the bounds, and every change is written down, once, as it was made.
    #[test]
    fn the_count_stays_within_its_bounds_and_every_change_is_an_activity(
        min in 1_u32..5, extra in 0_u32..20, start in 0_u32..40,
        cpu in prop::collection::vec(prop::option::of(-10.0_f64..400.0), 1..120),
    ) {
        let policy = prompt(min, min + extra);
        let mut run = Run::new(policy, start);
        let mut before = run.tracker.desired();
        let mut changes = Vec::new();
        for cpu in cpu {
            let after = run.minutes(1, cpu);
            prop_assert!((min..=min + extra).contains(&after));
            if after != before {
                changes.push((before, after));
            }
            before = after;
        }
        let written: Vec<_> = run.decisions().into_iter().map(|(_, from, to)| (from, to)).collect();
        prop_assert_eq!(written, changes);
    }

    /// How often it is told does not change what it decides.
    #[test]
    fn decisions_do_not_depend_on_how_often_the_metric_is_told(cpu in prop::collection::vec(0.0_f64..200.0, 1..60), chops in 1_u64..20) {
        let decide = |pieces: u64| {
            let mut tracker = TargetTracker::new(prompt(1, 50), "demo", Elapsed::ZERO, 2);
            for (minute, &cpu) in (0_u64..).zip(&cpu) {
                for piece in 1..=pieces {
                    let now = Elapsed::from_millis(minute * 60_000 + piece * 60_000 / pieces);
                    let running = tracker.desired();
                    tracker.observe(now, MINUTE / u32::try_from(pieces).unwrap(), Some(cpu), running);
                }
            }
            tracker.desired()
        };
        prop_assert_eq!(decide(1), decide(chops));
    }

    /// More load never asks for fewer tasks, and the target itself asks for no change.
    #[test]
    fn the_wanted_count_rises_with_the_metric(current in 1_u32..50, low in 0.0_f64..300.0, more in 0.0_f64..300.0) {
        let policy = prompt(1, 100);
        prop_assert!(policy.wanted(current, low) <= policy.wanted(current, low + more));
        prop_assert_eq!(policy.wanted(current, policy.target), current);
    }
}

#[test]
fn as_a_scaler_it_tells_what_it_did_and_why() {
    let platform = Platform::Ecs;
    let options = ClusterOptions { max_size: 4, platform, time_scale: 60.0, ..ClusterOptions::default() };
    let mut scaler = TrackingScaler::new(&options, "service/default/demo");
    let handle = scaler.handle();
    let span = Duration::from_millis(100);
    let demand = ObservedLoad { span, active: 1, cpu_percent: Some(100.0), ..ObservedLoad::default() };
    let answers: Vec<u32> = (1..=60).map(|tick| scaler.tick(Elapsed::from_millis(tick * 100), &demand)).collect();
    // Points of a second, two and a half late: the third is published after five and a half.
    assert_eq!((answers[53], answers[54]), (1, 2));
    assert!(scaler.cause().contains("AlarmHigh in state ALARM"), "{}", scaler.cause());
    assert_eq!(handle.log().activities[0].at, Elapsed::from_millis(5_500));
    assert_eq!(handle.log().last_point, Some((Elapsed::from_secs(2), 100.0)));
    assert_eq!(handle.policy().max, 4);
}
