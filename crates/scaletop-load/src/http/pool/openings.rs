//! How many connections to open: pure, the heart of an engine that cannot collapse.
//!
//! A generator that opens a connection for every arrival without one feeds on its own hiccups: a pause of a few
//! milliseconds makes arrivals bunch, each of the bunch starts a connect, the handshakes cost the time in which the next
//! bunch builds up, and it never comes back. So demand is not added up here but worked out anew at every change:
//!
//! ```text
//!   wanted = min(connections that those who wait could use, limit, what the cap leaves)
//!   wanted > connecting: start the difference          wanted < connecting: cancel it, the youngest first
//! ```
//!
//! When idle connections have served the backlog, nobody waits, and the connects that it started are cancelled. Five
//! brakes hold it; without any of the first three it was seen to collapse:
//!
//! 1. **The guard**: no connect is started in a turn of the loop that woke late, unless there is no connection at all.
//!    Those who wait then wait because of us, and the connections that are there are on their way to them.
//! 2. **A limit by delay**: one more at a time when a connect took about as long as the quickest, a tenth fewer when it
//!    took far longer: then the service, the network or we ourselves are short of something, and more of the same makes
//!    it worse; under strain it grows only while no answers come. Against a service that hangs connects are quick, so the
//!    limit grows by one for each and the load stays open; where nobody answers a connect it does not grow at all.
//! 3. **A small start**: when nobody waits any more the limit falls back to [`FIRST`].
//! 4. **Patience with a backlog that shrinks**: while those who wait become fewer, so fast that they will be served within
//!    [`SOON`], the connections that are there are enough. That is what a stop of ours looks like a moment later.
//! 5. **No more than can be busy, under strain**: while we are late, or have no CPU time left, it is the machine that is
//!    full, not the connections that are few ([`ENOUGH`] there are at least). There are enough when answers take far longer
//!    than the quickest; or when as many are open as the arrivals keep busy at the quickest answer's time (Little's law),
//!    and half as many again. A service that is slow by itself has no quick answers, and one that stalls gives none: it gets
//!    the connections it needs.

use std::time::Duration;

use crate::http::pool::trend::Trend;
use scaletop_units::Elapsed;

/// Connects at the same time when a backlog begins.
const FIRST: f64 = 4.0;

/// The limit never falls below this.
const LEAST: f64 = 2.0;

/// What took more than so many times the quickest of its kind, and a millisecond, was slow.
const SLOW_FACTOR: u32 = 4;
const SLOW_BEYOND: Duration = Duration::from_millis(1);

/// So many connections keep a worker and a quick service busy. With fewer, answers may be slow for want of them: each side
/// sleeps while the other works, and a worker that is kept at a handful would stay there.
const ENOUGH: usize = 64;

/// What one answer weighs in what answers took of late.
const ANSWER_WEIGHT: f64 = 1.0 / 64.0;

/// Of what the arrivals keep busy, so many times is enough.
const SPARE: f64 = 1.5;

/// Without an answer for so long, and twice the quickest, the service stalls.
const STALL: Duration = Duration::from_millis(250);

/// By which the limit shrinks when a connect was slow.
const BACK_OFF: f64 = 0.9;

/// A backlog that will be served within this time by itself needs no more connections.
const SOON: Duration = Duration::from_millis(100);

/// The quickest connect is forgotten after one to two of these, since paths change. By the clock, not by the number of
/// connects: else a storm of slow ones would soon be the measure of itself.
const MEMORY: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adjustment {
    /// Start so many connects.
    Start(usize),
    /// Cancel so many, the youngest first.
    Cancel(usize),
    /// Nothing.
    Stay,
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// The moment.
    pub now: Elapsed,
    /// Connections that those who wait could use.
    pub wanted: usize,
    /// Connections that are open.
    pub open: usize,
    /// Connections that are being opened for those who wait.
    pub connecting: usize,
    /// How many more the cap allows, over all workers.
    pub left: usize,
    /// Whether this turn may start any: see the guard.
    pub may_connect: bool,
    /// Whether we were late of late, or had no CPU time left.
    pub is_strained: bool,
    /// Arrivals a second for each request that a connection can carry at a time.
    pub rate: f64,
}

/// Decides how many connections to open.
#[derive(Debug)]
pub(super) struct Openings {
    limit: f64,
    quickest: Quickest,
    /// When the last connect that somebody waited for was completed, unless it was slow.
    quick_connect: Option<Elapsed>,
    backlog: Trend,
    /// The quickest answer, and what answers took of late, in nanoseconds.
    quickest_answer: Quickest,
    answer_nanos: f64,
    last_answer: Elapsed,
    is_strained: bool,
    holds_back: bool,
}

impl Openings {
    /// Nothing learned yet.
    pub(super) const fn new() -> Self {
        Self {
            limit: FIRST,
            quickest: Quickest::new(),
            quick_connect: None,
            backlog: Trend::new(),
            quickest_answer: Quickest::new(),
            answer_nanos: 0.0,
            last_answer: Elapsed::ZERO,
            is_strained: false,
            holds_back: false,
        }
    }

    /// What to do now.
    pub(super) fn step(&mut self, now: Situation) -> Adjustment {
        let adjustment = self.adjust(now);
        let started = if let Adjustment::Start(count) = adjustment { count } else { 0 };
        let is_short = now.wanted.min(now.connecting + now.left) > now.connecting + started;
        // Under strain answers are read late, too: only a stall speaks against us then.
        let is_strain = now.is_strained && !self.is_stalled(now.now);
        let is_limit = self.connects_are_quick(now.now) && self.is_answering(now.now);
        self.holds_back = is_short && (is_strain || is_limit);
        adjustment
    }

    /// Whether those who wait do so because of us: more connections could be had, the service answers, and they are not
    /// opened since we are strained, or since we open only so many at a time though each is quick.
    pub(super) const fn holds_back(&self) -> bool {
        self.holds_back
    }

    fn adjust(&mut self, now: Situation) -> Adjustment {
        if now.wanted == 0 {
            self.rest();
        }
        self.is_strained = now.is_strained;
        self.backlog.observe(now.now, now.wanted);
        let wanted = now.wanted.min(self.limit()).min(now.connecting + now.left);
        if wanted < now.connecting {
            return Adjustment::Cancel(now.connecting - wanted);
        }
        let may_start = now.open == 0
            || (now.may_connect && !self.is_draining(now.wanted) && !(now.is_strained && self.are_enough(now)));
        if wanted > now.connecting && may_start {
            return Adjustment::Start(wanted - now.connecting);
        }
        Adjustment::Stay
    }

    /// An answer was completed, and took this long.
    pub(super) fn answered(&mut self, now: Elapsed, took: Duration) {
        self.quickest_answer.add(now, took);
        self.last_answer = now;
        self.answer_nanos += (took.as_nanos() as f64 - self.answer_nanos) * ANSWER_WEIGHT;
    }

    /// Whether the service gives no answers, or has never given one.
    fn is_stalled(&self, now: Elapsed) -> bool {
        let quickest = self.quickest_answer.get();
        quickest.is_none_or(|quickest| now.saturating_since(self.last_answer) > STALL.max(quickest * 2))
    }

    /// Whether answers come as they can: one did within the time of two.
    fn is_answering(&self, now: Elapsed) -> bool {
        let quickest = self.quickest_answer.get();
        quickest.is_some_and(|quickest| now.saturating_since(self.last_answer) <= quickest * 2 + SLOW_BEYOND)
    }

    /// Whether connects come to something, and soon: where they do not it is the service or the network that we wait for.
    fn connects_are_quick(&self, now: Elapsed) -> bool {
        let last = self.quick_connect.zip(self.quickest.get());
        last.is_some_and(|(at, quickest)| !is_slow(now.saturating_since(at), quickest))
    }

    /// Whether more connections would not be of use to a machine that is full.
    fn are_enough(&self, now: Situation) -> bool {
        let Some(quickest) = self.quickest_answer.get() else { return false };
        let of_late = Duration::try_from_secs_f64(self.answer_nanos / 1e9).unwrap_or_default();
        let busy = now.rate * quickest.as_secs_f64();
        let are_all_busy = now.open as f64 >= busy * SPARE && !self.is_stalled(now.now);
        now.open >= ENOUGH && (are_all_busy || is_slow(of_late, quickest))
    }

    /// Nobody waits: the next backlog begins anew.
    pub(super) const fn rest(&mut self) {
        self.limit = self.limit.min(FIRST);
        self.backlog = Trend::new();
        self.holds_back = false;
    }

    /// Whether those who wait will be served soon by the connections that are there.
    fn is_draining(&self, wanted: usize) -> bool {
        self.backlog.time_to_empty(wanted).is_some_and(|time| time <= SOON)
    }

    /// A connect that somebody still waited for was completed, and took this long.
    pub(super) fn connected(&mut self, now: Elapsed, took: Duration) {
        let quickest = self.quickest.add(now, took);
        self.quick_connect = (!is_slow(took, quickest)).then_some(now);
        if is_slow(took, quickest) {
            self.limit = (self.limit * BACK_OFF).max(LEAST);
        } else if self.backlog.is_known() && (!self.is_strained || self.is_stalled(now)) {
            // Not before it is known whether more are needed at all, and can be had.
            self.limit += 1.0;
        }
    }

    /// The quickest connect of late.
    #[cfg(test)]
    pub(super) fn quickest(&self) -> Option<Duration> {
        self.quickest.get()
    }

    fn limit(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let limit = self.limit as usize;
        limit
    }
}

/// Whether something took far longer than the quickest of its kind.
fn is_slow(took: Duration, quickest: Duration) -> bool {
    took > quickest * SLOW_FACTOR + SLOW_BEYOND
}

/// The least of the durations of late: of the present span of memory and the one before.
#[derive(Clone, Copy, Debug)]
struct Quickest {
    since: Elapsed,
    present: Option<Duration>,
    before: Option<Duration>,
}

impl Quickest {
    const fn new() -> Self {
        Self { since: Elapsed::ZERO, present: None, before: None }
    }

    /// One more; the least with it.
    fn add(&mut self, now: Elapsed, took: Duration) -> Duration {
        if now.saturating_since(self.since) >= MEMORY {
            (self.since, self.before) = (now, self.present.take());
        }
        let present = self.present.map_or(took, |present| present.min(took));
        self.present = Some(present);
        self.before.map_or(present, |before| before.min(present))
    }

    fn get(&self) -> Option<Duration> {
        [self.present, self.before].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
