//! The cloud's clock against ours: every answer carries the cloud's time, and what the cloud dates is brought to our clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_apprunner::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_apprunner::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_apprunner::error::BoxError;
use jiff::{SignedDuration, Timestamp};

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

    /// Now by our clock.
    fn now(&self) -> Timestamp {
        self.started() + SignedDuration::from_nanos(i64::try_from(self.clock.now().as_nanos()).unwrap_or(i64::MAX))
    }

    /// When the session started, by our clock.
    fn started(&self) -> Timestamp {
        Timestamp::from_microsecond(self.clock.started_unix_micros()).unwrap_or_default()
    }

    fn heard(&self, date: &str) {
        let Ok(date) = jiff::fmt::rfc2822::parse(date) else { return };
        // On the average, the second is half over when it is written down.
        let skew = date.timestamp().as_millisecond() + 500 - self.now().as_millisecond();
        self.millis.store(if skew.abs() <= SKEW_RESOLUTION_MILLIS { 0 } else { skew }, Ordering::Relaxed);
    }

    /// Seconds that the cloud is ahead of us; `None` until it has answered.
    pub fn secs(&self) -> Option<f64> {
        self.known().map(|ahead| ahead.as_secs_f64())
    }

    fn known(&self) -> Option<SignedDuration> {
        let millis = self.millis.load(Ordering::Relaxed);
        (millis != i64::MIN).then(|| SignedDuration::from_millis(millis))
    }

    /// Now by the cloud's clock.
    pub(crate) fn cloud_now(&self) -> Timestamp {
        self.now() + self.known().unwrap_or_default()
    }

    /// How long after the session's start a moment of the cloud's clock is; negative before it.
    pub(crate) fn since_start(&self, cloud: Timestamp) -> SignedDuration {
        cloud.duration_since(self.started()) - self.known().unwrap_or_default()
    }

    /// The moment of the session; `None` before its start.
    pub fn elapsed(&self, cloud: Timestamp) -> Option<Elapsed> {
        Some(Elapsed::ZERO + Duration::try_from(self.since_start(cloud)).ok()?)
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
