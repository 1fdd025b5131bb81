//! The cloud's clock against ours: every answer carries the cloud's time, and what the cloud dates is brought to our clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_apprunner::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_apprunner::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_apprunner::error::BoxError;

use scaletop_units::{Elapsed, RunClock};

/// By how much the cloud's clock is ahead of ours, from the `Date` of its answers, and the conversion of its times.
#[derive(Clone, Debug)]
pub struct ClockSkew {
    clock: RunClock,
    /// Milliseconds; `i64::MIN`: not known yet.
    millis: Arc<AtomicI64>,
}

/// `Date` has whole seconds and the way takes a while: less than this is no skew.
const SKEW_RESOLUTION_MILLIS: i64 = 2_000;

impl ClockSkew {
    pub(super) fn new(clock: RunClock) -> Self {
        Self { clock, millis: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    pub(crate) const fn clock(&self) -> RunClock {
        self.clock
    }

    /// Wall-clock time by our clock, microseconds since 1970.
    fn unix_micros(&self) -> i64 {
        let elapsed = i64::try_from(self.clock.now().as_micros()).unwrap_or(i64::MAX);
        self.clock.started_unix_micros().saturating_add(elapsed)
    }

    fn heard(&self, date: &str) {
        let Ok(date) = jiff::fmt::rfc2822::parse(date) else { return };
        // On the average, the second is half over when it is written down.
        let cloud = date.timestamp().as_millisecond() + 500;
        let skew = cloud - self.unix_micros() / 1_000;
        self.millis.store(if skew.abs() <= SKEW_RESOLUTION_MILLIS { 0 } else { skew }, Ordering::Relaxed);
    }

    /// Seconds that the cloud is ahead of us; `None` until it has answered.
    pub fn secs(&self) -> Option<f64> {
        let millis = self.millis.load(Ordering::Relaxed);
        (millis != i64::MIN).then(|| millis as f64 / 1e3)
    }

    /// Now by the cloud's clock, Unix seconds.
    pub(crate) fn cloud_now(&self) -> f64 {
        self.unix_micros() as f64 / 1e6 + self.secs().unwrap_or(0.0)
    }

    /// Seconds of the session (negative: before its start) at a moment of the cloud's clock, Unix seconds.
    pub(crate) fn session_secs(&self, cloud_unix: f64) -> f64 {
        cloud_unix - self.secs().unwrap_or(0.0) - self.clock.started_unix_micros() as f64 / 1e6
    }

    /// The moment of the session; `None` before its start.
    pub fn elapsed(&self, cloud_unix: f64) -> Option<Elapsed> {
        let since = Duration::try_from_secs_f64(self.session_secs(cloud_unix)).ok()?;
        Some(Elapsed::ZERO + since)
    }
}

/// Reads the `Date` of every answer, errors too.
#[derive(Debug)]
pub(super) struct SkewProbe(pub(super) ClockSkew);

impl Intercept for SkewProbe {
    fn name(&self) -> &'static str {
        "SkewProbe"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.0.heard(date);
        }
        Ok(())
    }
}
