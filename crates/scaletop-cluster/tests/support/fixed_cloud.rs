//! A cloud whose every number follows from the time by a formula, so that tests in any language can compute what they
//! must be told.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use scaletop_cluster::wire::{
    AlarmView, CloudPlatform, CloudSnapshot, CloudState, DeploymentView, MetricSecond, ScalingActivity, Task,
};

/// The cloud: change `snapshot` as you like; `now` is the wall clock's unless it is held.
#[derive(Debug)]
pub(crate) struct FixedCloud {
    /// What it says, but for the time.
    pub(crate) snapshot: Mutex<CloudSnapshot>,
    /// Seconds before this have no metrics.
    pub(crate) metrics_from: f64,
}

/// The region.
pub(crate) const REGION: &str = "eu-west-1";

/// Unix seconds now.
#[expect(clippy::disallowed_methods, reason = "the fixed cloud of the tests lives in real time, as its clients do")]
pub(crate) fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl FixedCloud {
    /// A service `demo` on `platform`, created an hour ago.
    pub(crate) fn new(platform: CloudPlatform) -> Self {
        let created = unix_now().floor() - 3_600.0;
        let is_ecs = platform == CloudPlatform::Ecs;
        let alarm = |name: &str, state, is_high| AlarmView {
            name: name.to_owned(),
            state,
            since: created + 900.0,
            is_high,
            threshold: if is_high { 60.0 } else { 54.0 },
            points: if is_high { 3 } else { 15 },
            period: 60.0,
        };
        let activity = |at: f64, to, not_scaled: Option<&str>, from| ScalingActivity {
            at: created + at,
            description: match to {
                Some(to) => format!("Setting desired count to {to}."),
                None => "Attempting to scale due to alarm triggered".to_owned(),
            },
            cause: "monitor alarm demo-AlarmHigh in state ALARM triggered policy cpu-target-tracking".to_owned(),
            to,
            not_scaled: not_scaled.map(str::to_owned),
            from,
        };
        let task = |id: &str, created_at: f64, ready: Option<f64>| Task {
            id: id.to_owned(),
            revision: 1,
            created: created + created_at,
            provisioned: Some(created + created_at),
            pull_began: ready.map(|_| created + created_at),
            pull_ended: ready.map(|ready| created + created_at + ready),
            started: ready.map(|ready| created + created_at + ready),
            healthy: ready.map(|ready| created + created_at + ready + 2.0),
            ..Task::default()
        };
        let snapshot = CloudSnapshot {
            now: 0.0,
            created,
            platform,
            region: REGION.to_owned(),
            name: "demo".to_owned(),
            authority: "127.0.0.1:8123".to_owned(),
            min: 1,
            max: 5,
            concurrency: 10,
            desired: 3,
            running: 2,
            pending: 1,
            tasks: vec![
                task("0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", 0.0, Some(8.0)),
                task("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", 905.0, Some(8.0)),
                task("0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", 3_595.0, None),
            ],
            activities: if is_ecs {
                vec![
                    activity(901.0, Some(2), None, 1),
                    activity(1_800.0, None, Some("AlreadyAtMaxCapacity"), 2),
                    activity(3_594.0, Some(3), None, 2),
                ]
            } else {
                Vec::new()
            },
            alarms: if is_ecs {
                vec![alarm("demo-AlarmHigh", "ALARM", true), alarm("demo-AlarmLow", "OK", false)]
            } else {
                Vec::new()
            },
            has_container_check: false,
            deployments: vec![DeploymentView {
                revision: 1,
                tag: "v1".to_owned(),
                created,
                completed: Some(created),
                counts: (3, 2, 1),
            }],
            operations: Vec::new(),
            events: Vec::new(),
            cpu_target: 60.0,
            is_high_resolution: false,
            cooldowns: (300.0, 300.0),
            neighbours: (0..24).map(|n| format!("other-{n:02}")).collect(),
        };
        Self { snapshot: Mutex::new(snapshot), metrics_from: created }
    }

    /// The metrics of the second that begins at `at`; with m the minute it is in: m mod 5 + 1 active instances, 20 requests
    /// (18, 1 and 1 by status), 80 ms each and 100 + m mod 10 ms at most, 7 in flight, CPU 50 + m mod 10 %, no memory.
    pub(crate) fn second(at: f64) -> MetricSecond {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes since 1970")]
        let minute = (at / 60.0).floor() as u32;
        MetricSecond {
            at,
            active: minute % 5 + 1,
            requests: 20,
            status_2xx: 18,
            status_4xx: 1,
            status_5xx: 1,
            latency: (1_600.0, 20, 100.0 + f64::from(minute % 10)),
            concurrency: 7,
            cpu_percent: Some(50.0 + f64::from(minute % 10)),
            memory_percent: None,
        }
    }
}

impl CloudState for FixedCloud {
    fn snapshot(&self) -> CloudSnapshot {
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        CloudSnapshot { now: unix_now(), ..snapshot }
    }

    fn seconds(&self, from: f64, to: f64) -> Vec<MetricSecond> {
        let (from, to) = (from.max(self.metrics_from).ceil(), to.min(unix_now()));
        std::iter::successors(Some(from), |at| Some(at + 1.0)).take_while(|at| *at < to).map(Self::second).collect()
    }
}
