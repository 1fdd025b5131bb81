//! Whether the generator, not the service, was the limit: then a step's numbers say nothing of the service.

mod limits;
mod machine;

use std::time::Duration;

use crate::analysis::Validity;
use crate::text::{as_millis, count, percent, thousands, whole};
use crate::timeline::objective::LAG_SHARE;
use scaletop_load::LATE;

use limits::Cramped;
pub(crate) use limits::{Capped, Waiting};
pub(crate) use machine::{Strain, is_crowded, is_throttled, quota_in_words};

/// A higher p99 of the send lag means that our own lateness is in the latencies; whether that matters, the numbers say.
pub(crate) const SEND_LAG_LIMIT: Duration = LATE;

/// More of the seconds, or of the arrivals, of a step than this must be measured, or its numbers say nothing.
const UNMEASURED_LIMIT: f64 = 0.10;

/// A larger share of arrivals given up because of our own stalls means that the load was not the one asked for.
pub(crate) const LATE_DROPS_LIMIT: f64 = 0.01;

/// A larger share of what a fleet's schedule made due that nobody reported means that the load was not the one asked for.
const UNREPORTED_LIMIT: f64 = 0.001;

/// What is known of the generator over a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GeneratorRecord {
    /// Arrivals dropped at a cap that the limit on file descriptors set.
    pub dropped_at_descriptors: u64,
    /// What the cap on requests in flight did, if arrivals were dropped at it.
    pub capped: Option<Capped>,
    /// p99 of the send lag.
    pub send_lag_p99: Option<Duration>,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals that the schedule of a fleet made due, and those of them that nobody reported; `None` without a fleet.
    pub planned: Option<u64>,
    pub unreported: Option<u64>,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// Arrivals given up for want of a connection.
    pub dropped_connections: u64,
    /// p99 of how long arrivals waited that found no connection.
    pub slot_wait_p99: Option<Duration>,
    /// What the limit on connections did, if there is one.
    pub cramped: Option<Cramped>,
    /// Seconds judged, and seconds that could not be because of us.
    pub judged_seconds: u32,
    pub not_measured: u32,
    /// Whether the recording says which arrivals we were late for; those before version 4 do not.
    pub tells_lateness: bool,
    /// Arrivals of seconds in which we were late, and those that we were late for.
    pub due_late: u64,
    pub late: u64,
    /// OK answers: without any there is no latency to endanger.
    pub ok: u64,
    /// p99 of the response time of the OK answers of the other seconds.
    pub p99: Option<Duration>,
    /// Requests that failed for want of ports or file descriptors.
    pub starved: u64,
    /// What its seconds say of the machine.
    pub strain: Strain,
}

/// `34 ms`, `23,527 ms`.
fn millis(of: Duration) -> String {
    format!("{} ms", thousands(whole(as_millis(of))))
}

impl GeneratorRecord {
    /// Which numbers our lag could have changed: those of the objective, when over a tenth of the seconds could not be judged
    /// because of it; the percentiles, when over a tenth of the arrivals came in seconds in which we were late, by more than
    /// a tenth of what the others took. A single late request changes neither.
    fn endangered(&self) -> Option<&'static str> {
        let lag = self.send_lag_p99.filter(|lag| *lag > SEND_LAG_LIMIT)?;
        if !self.tells_lateness {
            return Some("its numbers");
        }
        let is_much = |part: f64, whole: f64| part > UNMEASURED_LIMIT * whole;
        let seconds = f64::from(self.judged_seconds) + f64::from(self.not_measured);
        let objective = is_much(f64::from(self.not_measured), seconds);
        let is_long = self.ok > 0 && self.p99.is_none_or(|p99| lag.as_secs_f64() > LAG_SHARE * p99.as_secs_f64());
        // What came in late seconds is in no percentile: one late arrival is no verdict, many leave too little.
        let is_many = is_much(self.late as f64, self.due as f64);
        let latency = is_many && is_much(self.due_late as f64, self.due as f64) && is_long;
        match (objective, latency) {
            (true, true) => Some("T_recover, bad seconds and percentiles"),
            (true, false) => Some("T_recover and bad seconds"),
            (false, true) => Some("the percentiles"),
            (false, false) => None,
        }
    }

    /// That the load was not the one asked for, as far as anybody knows: generators were lost or silent, the load was held, or more was
    /// asked for than they may send. `0.4 % of arrivals (1,210) unreported: nobody of the fleet sent or reported them`.
    fn unreported_in_words(&self) -> Option<String> {
        let (planned, unreported) = (self.planned?, self.unreported?);
        let share = unreported as f64 / planned.max(1) as f64;
        is_too_much_unreported(planned, unreported).then(|| {
            format!(
                "{} of arrivals ({}) unreported: nobody of the fleet sent or reported them",
                percent(share),
                count(unreported)
            )
        })
    }

    /// Limits that were set, on this machine or by the user, and that kept the load from being the one asked for.
    fn limits_in_words(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        reasons.extend(self.unreported_in_words());
        if self.starved > 0 {
            reasons.push(format!("{} requests found no free port or file descriptor", self.starved));
        }
        if self.exceeds(self.dropped_at_descriptors) {
            let percent = self.percent(self.dropped_at_descriptors);
            reasons.push(format!(
                "{percent:.1} % of arrivals dropped at the cap that the limit on file descriptors sets (ulimit -n)"
            ));
        }
        if let Some(capped) = self.capped.filter(|capped| capped.is_ours(self.due)) {
            let percent = self.percent(capped.dropped);
            reasons.push(format!(
                "{percent:.1} % of arrivals dropped at the cap of {} requests in flight (--max-in-flight), while the service answered as before",
                thousands(capped.most)
            ));
        }
        if self.exceeds(self.dropped_connections) {
            let waited = self.slot_wait_p99.map(|wait| format!(" (waiting p99 {})", millis(wait)));
            let (percent, waited) = (self.percent(self.dropped_connections), waited.unwrap_or_default());
            reasons.push(format!("{percent:.1} % of arrivals dropped for want of a connection{waited}"));
        }
        if let Some(cramped) = self.cramped.filter(|cramped| cramped.is_in_the_latencies(self)) {
            let waited = millis(self.slot_wait_p99.unwrap_or_default());
            reasons.push(format!(
                "waiting for one of {} connections, the most that may be open (p99 {waited}), endangers the percentiles",
                cramped.most
            ));
        }
        reasons
    }

    /// What showed of our being late or busy. What the machine was busy with explains that, and no limit that was set.
    fn lateness_in_words(&self) -> Vec<String> {
        let strain = &self.strain;
        let mut reasons = Vec::new();
        if self.exceeds(self.dropped_late) {
            reasons.push(format!("{:.1} % of arrivals dropped late", self.percent(self.dropped_late)));
        }
        if let (Some(lag), Some(endangered)) = (self.send_lag_p99, self.endangered()) {
            let turn = strain.longest_turn.map(|turn| format!(" (longest turn {})", millis(turn)));
            let (lag, turn) = (millis(lag), turn.unwrap_or_default());
            reasons.push(format!("p99 send lag {lag}{turn} endangers {endangered}"));
        }
        if strain.busy_seconds >= 2 && strain.busy_seconds.saturating_mul(10) > strain.seconds {
            reasons.push(format!("CPU over 90 % of all cores for {} s", strain.busy_seconds));
        }
        if let (Some(cause), Some(first)) = (strain.cause(), reasons.first_mut()) {
            *first = format!("{cause}: {first}");
        }
        reasons
    }

    /// Whether so many arrivals were dropped that the load was not the one asked for.
    fn exceeds(&self, dropped: u64) -> bool {
        dropped as f64 > LATE_DROPS_LIMIT * self.due as f64
    }

    fn percent(&self, dropped: u64) -> f64 {
        100.0 * dropped as f64 / self.due.max(1) as f64
    }

    /// The verdict: what kept us from working, and how it showed. Only what showed makes a step invalid, so a service that
    /// stalls is never called our fault. A busy second now and then is no reason: it takes two, and a tenth of the step.
    pub(crate) fn verdict(&self) -> Validity {
        let reasons = [self.limits_in_words(), self.lateness_in_words()].concat();
        if reasons.is_empty() { Validity::Valid } else { Validity::InvalidGenerator(reasons.join(", ")) }
    }
}

/// Whether so many of the `planned` arrivals were reported by nobody that a step is invalid.
pub(crate) fn is_too_much_unreported(planned: u64, unreported: u64) -> bool {
    unreported as f64 > UNREPORTED_LIMIT * planned as f64
}

#[cfg(test)]
mod tests;
