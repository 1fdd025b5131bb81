//! The cloud's clock against ours: every answer carries the cloud's time, and what the cloud dates is brought to our clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_apprunner::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_apprunner::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_apprunner::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use jiff::{SignedDuration, Timestamp};

use scaletop_units::{Elapsed, RunClock};

/// By how much the cloud's clock is ahead of ours, from the `Date` of its answers, and the conversion of its times.
#[derive(Clone, Debug)]
pub struct ClockSkew {
    clock: RunClock,
    /// `None`: not known yet.
    bounds: Arc<Mutex<Option<Bounds>>>,
}

/// `Date` has whole seconds.
const DATE_GRAIN_MILLIS: i64 = 1_000;

/// Quartzes drift apart by less than a ten-thousandth: what was learnt grows vague by this share of the time since.
const DRIFT: i64 = 10_000;

/// Between which the cloud's clock is ahead of ours, in milliseconds.
///
/// An answer is dated between the moments at which we sent the request and had the answer, in whole seconds: one answer bounds
/// the skew to a second and the way there and back, and several that fall into different parts of a second to little more than
/// the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    least: i64,
    most: i64,
    /// When they were last narrowed, since the session's start.
    at: i64,
}

impl Bounds {
    /// What one answer says: its `Date`, when the request was sent and when the answer was there; in milliseconds by the cloud's
    /// and by our clock.
    const fn of(date: i64, sent: i64, received: i64) -> Self {
        Self { least: date - received, most: date + DATE_GRAIN_MILLIS - sent, at: received }
    }

    /// What another answer adds. One that contradicts them is believed alone: a clock was set.
    fn narrowed_by(self, news: Self) -> Self {
        let vague = (news.at - self.at).max(0) / DRIFT;
        let both = Self {
            least: news.least.max(self.least.saturating_sub(vague)),
            most: news.most.min(self.most.saturating_add(vague)),
            at: news.at,
        };
        if both.least <= both.most { both } else { news }
    }

    /// By how much the cloud is ahead: not at all, where that may be, else what lies in the middle.
    const fn skew(self) -> i64 {
        if self.least <= 0 && 0 <= self.most { 0 } else { i64::midpoint(self.least, self.most) }
    }

    /// How far off that may be, either way.
    fn error(self) -> i64 {
        (self.skew() - self.least).max(self.most - self.skew())
    }
}

impl ClockSkew {
    pub(super) fn new(clock: RunClock) -> Self {
        Self { clock, bounds: Arc::default() }
    }

    pub(crate) const fn clock(&self) -> RunClock {
        self.clock
    }

    /// Now by our clock.
    fn now(&self) -> Timestamp {
        self.at(self.clock.now())
    }

    /// A moment of the session by our clock.
    fn at(&self, moment: Elapsed) -> Timestamp {
        self.started() + SignedDuration::from_nanos(i64::try_from(moment.as_nanos()).unwrap_or(i64::MAX))
    }

    /// When the session started, by our clock.
    fn started(&self) -> Timestamp {
        Timestamp::from_microsecond(self.clock.started_unix_micros()).unwrap_or_default()
    }

    fn heard(&self, date: &str, sent: Elapsed, received: Elapsed) {
        let Ok(date) = jiff::fmt::rfc2822::parse(date) else { return };
        let date = date.timestamp().as_millisecond();
        let news = Bounds::of(date, self.at(sent).as_millisecond(), self.at(received).as_millisecond());
        let mut bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        *bounds = Some(bounds.map_or(news, |known| known.narrowed_by(news)));
    }

    /// Seconds that the cloud is ahead of us; `None` until it has answered.
    pub fn secs(&self) -> Option<f64> {
        self.known().map(|ahead| ahead.as_secs_f64())
    }

    fn bounds(&self) -> Option<Bounds> {
        *self.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<SignedDuration> {
        self.bounds().map(|bounds| SignedDuration::from_millis(bounds.skew()))
    }

    /// How far off a moment of the cloud's may be after it was brought to our clock, either way; zero until it has answered.
    pub fn error(&self) -> Duration {
        let millis = self.bounds().map_or(0, Bounds::error);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
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
#[derive(Clone, Debug)]
pub(super) struct SkewProbe(pub(super) ClockSkew);

/// When an attempt was sent.
#[derive(Debug)]
struct SentAt(Elapsed);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for SkewProbe {
    fn name(&self) -> &'static str {
        "SkewProbe"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(SentAt(self.0.clock.now()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(date), Some(SentAt(sent))) = (context.response().headers().get("date"), bag.load::<SentAt>()) {
            self.0.heard(date, *sent, self.0.clock.now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_answer_bounds_the_skew_to_a_second_and_the_way_and_more_of_them_to_the_way() {
        // No skew: asked at 10.300, answered at 10.340, dated 10.
        let one = Bounds::of(10_000, 10_300, 10_340);
        assert_eq!((one.skew(), one.error()), (0, 700));
        // Asked at 11.950, dated 11; asked at 13.010, dated 13.
        let two = one.narrowed_by(Bounds::of(11_000, 11_950, 11_990));
        let three = two.narrowed_by(Bounds::of(13_000, 13_010, 13_050));
        assert_eq!((three.least, three.most), (-50, 50));
        assert_eq!((three.skew(), three.error()), (0, 50));
        // An hour later it is as vague as the quartzes have drifted.
        let later = three.narrowed_by(Bounds::of(3_613_000, 3_613_500, 3_613_540));
        assert_eq!((later.least, later.most), (-410, 410));
    }

    #[test]
    fn a_skew_that_shows_lies_in_the_middle_and_a_clock_that_was_set_is_followed() {
        // The cloud is 900 s ahead: asked at 10.300 by ours, which is 910.300 by its own.
        let ahead = Bounds::of(910_000, 10_300, 10_340);
        assert_eq!((ahead.skew(), ahead.error()), (900_180, 520));
        let set_right = ahead.narrowed_by(Bounds::of(20_000, 20_500, 20_540));
        assert_eq!((set_right.skew(), set_right.error()), (0, 540));
    }

    proptest! {
        /// Whatever the skew and whenever we ask: the truth lies within the error.
        #[test]
        fn the_truth_is_within_the_error(skew in -5_000_i64..5_000, asked in prop::collection::vec((0_i64..600_000, 0_i64..400, 0_i64..400), 1..20)) {
            let mut asked = asked;
            asked.sort_unstable();
            let mut known: Option<Bounds> = None;
            for (sent, there, back) in asked {
                let dated = (1_000_000 + sent + there + skew).div_euclid(1_000) * 1_000 - 1_000_000;
                let news = Bounds::of(dated, sent, sent + there + back);
                let bounds = known.map_or(news, |known| known.narrowed_by(news));
                prop_assert!((bounds.skew() - skew).abs() <= bounds.error(), "{:?} {}", bounds, skew);
                known = Some(bounds);
            }
        }
    }
}
