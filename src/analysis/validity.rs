//! Whether the generator, not the service, was the limit: then a step's numbers say nothing of the service.

use std::time::Duration;

use crate::analysis::Validity;
use crate::text::{as_millis, count, percent, plain, thousands, whole};
use crate::timeline::objective::LAG_SHARE;
use scaletop_load::{Connections, GeneratorHealth, LATE, Latency};

/// A higher p99 of the send lag means that our own lateness is in the latencies; whether that matters, the numbers say.
pub(crate) const SEND_LAG_LIMIT: Duration = LATE;

/// More of the seconds, or of the arrivals, of a step than this must be measured, or its numbers say nothing.
const UNMEASURED_LIMIT: f64 = 0.10;

/// A larger share of arrivals given up because of our own stalls means that the load was not the one asked for.
pub(crate) const LATE_DROPS_LIMIT: f64 = 0.01;

/// A larger share of what a fleet's schedule made due that nobody reported means that the load was not the one asked for.
pub(crate) const UNREPORTED_LIMIT: f64 = 0.001;

/// Above this share of all usable cores the generator is its own bottleneck.
pub(crate) const CPU_LIMIT: f64 = 0.90;

/// From so many of its connections on, of those that may be open, a load keeps them all busy.
const CRAMPED: f64 = 0.9;

/// An answer that takes no longer than this times what it took before takes what it usually does.
const USUAL: f64 = 1.25;

/// Kept from running for longer than this in a second, the generator's lag comes from there.
const THROTTLED_LIMIT: Duration = Duration::from_millis(20);

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

/// What the cap on requests in flight did to a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Capped {
    /// Requests that may be in flight.
    pub most: u64,
    /// Arrivals dropped at it.
    pub dropped: u64,
    /// Requests that failed, or had no answer, by the service's fault.
    pub failed: u64,
    /// Requests that the arrivals would keep in flight: their rate times what an OK answer takes (Little's law).
    pub busy: f64,
    /// What an OK answer takes, and what it took when the service had the least to do: in earlier steps, and the quickest.
    pub service: Option<Duration>,
    pub usual: Option<Duration>,
}

impl Capped {
    /// Whether the cap, and not the service, was the limit. It is only where all of this shows it: the rate times what an answer takes
    /// reaches the cap; no more than one in a hundred failed; and answers take no longer than they did when there was less to
    /// do. A service that stalls, refuses or is full fills the cap as well, and fails one of these.
    fn is_ours(&self, due: u64) -> bool {
        let (Some(service), Some(usual)) = (self.service, self.usual) else { return false };
        let share = LATE_DROPS_LIMIT * due as f64;
        self.dropped as f64 > share
            && self.failed as f64 <= share
            && self.busy >= CRAMPED * self.most as f64
            && service.as_secs_f64() <= USUAL * usual.as_secs_f64()
    }
}

/// What waiting for a connection showed over some seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Waiting {
    /// How long arrivals waited that found no connection.
    pub slot_wait: Latency,
    /// Seconds in which every connection that may be open was, and arrivals waited for one.
    cramped_seconds: u32,
}

impl Waiting {
    /// Adds a second. `most` connections may be open, when that limits how many requests can be under way.
    pub(crate) fn note(&mut self, connections: &Connections, most: Option<u64>) {
        let is_cramped = most.is_some_and(|most| connections.open >= most) && connections.waiting_peak > 0;
        self.cramped_seconds += u32::from(is_cramped);
        self.slot_wait.merge(&connections.slot_wait);
    }

    /// What the limit of `most` connections did, `rate` arrivals coming a second and an OK answer taking `service`.
    pub(crate) fn cramped(&self, most: u64, rate: f64, service: Option<Duration>) -> Cramped {
        let busy = rate * service.unwrap_or_default().as_secs_f64();
        Cramped { most, seconds: self.cramped_seconds, waited: self.slot_wait.count(), busy }
    }
}

/// What a limit on connections that the user set did to a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cramped {
    /// Connections that may be open.
    pub most: u64,
    /// Seconds in which all of them were, and arrivals waited for one.
    pub seconds: u32,
    /// Arrivals that waited.
    pub waited: u64,
    /// Connections that the arrivals would keep busy: their rate times what an OK answer takes (Little's law).
    pub busy: f64,
}

/// What the seconds of a step say of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Strain {
    /// Seconds measured.
    pub seconds: u32,
    /// Seconds over [`CPU_LIMIT`].
    pub busy_seconds: u32,
    /// Seconds in which other processes used most of the cores.
    pub crowded_seconds: u32,
    /// Seconds in which the container's CPU quota kept us from running.
    pub throttled_seconds: u32,
    /// Cores that the quota allows.
    pub cpu_quota: Option<f32>,
    /// The longest that a worker neither sent nor read.
    pub longest_turn: Option<Duration>,
}

/// Cores that can be used: the machine's, or as few as the container's quota allows.
fn usable_cores(health: &GeneratorHealth) -> f64 {
    let cores = f64::from(health.cores.unwrap_or(1).max(1));
    health.cpu_quota.map_or(cores, |quota| cores.min(f64::from(quota)))
}

/// Whether this process used more than [`CPU_LIMIT`] of the cores it may use.
pub(crate) fn is_busy(health: &GeneratorHealth) -> bool {
    health.cpu_percent.is_some_and(|percent| f64::from(percent) > 100.0 * CPU_LIMIT * usable_cores(health))
}

/// Whether the container's CPU quota kept us from running.
pub(crate) fn is_throttled(health: &GeneratorHealth) -> bool {
    health.throttled.is_some_and(|throttled| throttled > THROTTLED_LIMIT)
}

/// Whether the cores were busy, and more with other work than with ours.
pub(crate) fn is_crowded(health: &GeneratorHealth) -> bool {
    let Some(others) = health.others_percent else { return false };
    let ours = health.cpu_percent.unwrap_or(0.0);
    let cores = f64::from(health.cores.unwrap_or(1).max(1));
    others > ours && f64::from(others + ours) > 100.0 * CPU_LIMIT * cores
}

/// `0.04 cores`.
pub(crate) fn quota_in_words(quota: Option<f32>) -> String {
    quota.map_or_else(|| "of unknown size".to_owned(), |quota| format!("{} cores", plain(f64::from(quota))))
}

impl Strain {
    /// Adds a second.
    pub(crate) fn note(&mut self, health: &GeneratorHealth) {
        self.seconds += 1;
        self.busy_seconds += u32::from(is_busy(health));
        self.crowded_seconds += u32::from(is_crowded(health));
        self.throttled_seconds += u32::from(is_throttled(health));
        self.cpu_quota = health.cpu_quota.or(self.cpu_quota);
        self.longest_turn = self.longest_turn.max(health.longest_turn);
    }

    /// What kept us from working, if the machine did: more than a tenth of the seconds.
    fn cause(&self) -> Option<String> {
        let is_often = |seconds: u32| seconds.saturating_mul(10) > self.seconds;
        if is_often(self.throttled_seconds) {
            return Some(format!("throttled by the container's CPU quota ({})", quota_in_words(self.cpu_quota)));
        }
        is_often(self.crowded_seconds).then(|| format!("cores busy with other work for {} s", self.crowded_seconds))
    }
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

    /// Whether the limit on connections is in the latencies: over half of the seconds and for over a tenth of the arrivals,
    /// by more than a tenth of the p99; and since the load needs more than it allows, not because the service stood still
    /// for a while.
    fn is_cramped(&self, cramped: &Cramped) -> bool {
        let share = |whole: Duration| LAG_SHARE * whole.as_secs_f64();
        let is_long = match (self.slot_wait_p99, self.p99) {
            (Some(wait), Some(p99)) => wait.as_secs_f64() > share(p99),
            _ => false,
        };
        is_long
            && cramped.seconds.saturating_mul(2) > self.strain.seconds
            && cramped.waited as f64 > UNMEASURED_LIMIT * self.due as f64
            && cramped.busy >= CRAMPED * cramped.most as f64
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

    /// The verdict: what kept us from working, and how it showed. Only what showed makes a step invalid, so a service that
    /// stalls is never called our fault. A busy second now and then is no reason: it takes two, and a tenth of the step.
    pub(crate) fn verdict(&self) -> Validity {
        let strain = &self.strain;
        let exceeds = |dropped: u64| dropped as f64 > LATE_DROPS_LIMIT * self.due as f64;
        let percent = |dropped: u64| 100.0 * dropped as f64 / self.due.max(1) as f64;
        let mut reasons = Vec::new();
        reasons.extend(self.unreported_in_words());
        if self.starved > 0 {
            reasons.push(format!("{} requests found no free port or file descriptor", self.starved));
        }
        if exceeds(self.dropped_at_descriptors) {
            let percent = percent(self.dropped_at_descriptors);
            reasons.push(format!(
                "{percent:.1} % of arrivals dropped at the cap that the limit on file descriptors sets (ulimit -n)"
            ));
        }
        if let Some(capped) = self.capped.filter(|capped| capped.is_ours(self.due)) {
            let percent = percent(capped.dropped);
            reasons.push(format!(
                "{percent:.1} % of arrivals dropped at the cap of {} requests in flight (--max-in-flight), while the service answered as before",
                thousands(capped.most)
            ));
        }
        if exceeds(self.dropped_connections) {
            let waited = self.slot_wait_p99.map(|wait| format!(" (waiting p99 {})", millis(wait)));
            let (percent, waited) = (percent(self.dropped_connections), waited.unwrap_or_default());
            reasons.push(format!("{percent:.1} % of arrivals dropped for want of a connection{waited}"));
        }
        if let Some(cramped) = self.cramped.filter(|cramped| self.is_cramped(cramped)) {
            let waited = millis(self.slot_wait_p99.unwrap_or_default());
            reasons.push(format!(
                "waiting for one of {} connections, the most that may be open (p99 {waited}), endangers the percentiles",
                cramped.most
            ));
        }
        // What the machine was busy with explains lag, and no limit that was set.
        let limits = reasons.len();
        if exceeds(self.dropped_late) {
            reasons.push(format!("{:.1} % of arrivals dropped late", percent(self.dropped_late)));
        }
        if let (Some(lag), Some(endangered)) = (self.send_lag_p99, self.endangered()) {
            let turn = strain.longest_turn.map(|turn| format!(" (longest turn {})", millis(turn)));
            let (lag, turn) = (millis(lag), turn.unwrap_or_default());
            reasons.push(format!("p99 send lag {lag}{turn} endangers {endangered}"));
        }
        if strain.busy_seconds >= 2 && strain.busy_seconds.saturating_mul(10) > strain.seconds {
            reasons.push(format!("CPU over 90 % of all cores for {} s", strain.busy_seconds));
        }
        if reasons.is_empty() {
            return Validity::Valid;
        }
        if let Some(cause) = strain.cause()
            && let Some(first) = reasons.get_mut(limits)
        {
            *first = format!("{cause}: {first}");
        }
        Validity::InvalidGenerator(reasons.join(", "))
    }
}

/// Whether so many of the `planned` arrivals were reported by nobody that a step is invalid.
pub(crate) fn is_too_much_unreported(planned: u64, unreported: u64) -> bool {
    unreported as f64 > UNREPORTED_LIMIT * planned as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_themselves_are_still_valid() {
        let record = GeneratorRecord {
            send_lag_p99: Some(SEND_LAG_LIMIT),
            due: 1000,
            dropped_late: 10,
            dropped_connections: 10,
            strain: Strain { busy_seconds: 1, seconds: 5, ..Strain::default() },
            ..GeneratorRecord::default()
        };
        assert_eq!(record.verdict(), Validity::Valid);
    }

    #[test]
    fn a_thousandth_of_what_was_planned_may_be_unreported_and_not_one_arrival_more() {
        let of = |unreported| GeneratorRecord {
            planned: Some(10_000),
            unreported: Some(unreported),
            due: 10_000 - unreported,
            ..GeneratorRecord::default()
        };
        assert_eq!(of(10).verdict(), Validity::Valid);
        let why = "0.1 % of arrivals (11) unreported: nobody of the fleet sent or reported them";
        assert_eq!(of(11).verdict(), Validity::InvalidGenerator(why.to_owned()));
    }

    #[test]
    fn every_reason_is_named() {
        let record = GeneratorRecord {
            send_lag_p99: Some(Duration::from_millis(34)),
            due: 1000,
            planned: Some(1000),
            unreported: Some(0),
            dropped_late: 21,
            dropped_connections: 500,
            dropped_at_descriptors: 36,
            capped: None,
            slot_wait_p99: Some(Duration::from_millis(800)),
            cramped: None,
            starved: 3,
            tells_lateness: true,
            judged_seconds: 50,
            not_measured: 10,
            due_late: 0,
            late: 0,
            ok: 900,
            p99: None,
            strain: Strain { busy_seconds: 12, seconds: 60, ..Strain::default() },
        };
        let Validity::InvalidGenerator(why) = record.verdict() else { panic!("must be invalid") };
        assert_eq!(
            why,
            "3 requests found no free port or file descriptor, 3.6 % of arrivals dropped at the cap that the limit on file \
             descriptors sets (ulimit -n), 50.0 % of arrivals dropped for want of a connection (waiting \
             p99 800 ms), 2.1 % of arrivals dropped late, p99 send lag 34 ms endangers T_recover and bad seconds, CPU over 90 % of all cores for 12 s"
        );
    }

    #[test]
    fn lag_counts_where_it_could_have_changed_a_number() {
        let calm = GeneratorRecord {
            send_lag_p99: Some(Duration::from_millis(15)),
            due: 80,
            due_late: 5,
            ok: 80,
            tells_lateness: true,
            judged_seconds: 20,
            p99: Some(Duration::from_millis(82)),
            ..GeneratorRecord::default()
        };
        assert_eq!(calm.verdict(), Validity::Valid, "one late request of eighty, in a second of five");
        let of_twenty = GeneratorRecord { due_late: 20, late: 1, ..calm };
        assert_eq!(of_twenty.verdict(), Validity::Valid, "one late request of eighty, in a second of twenty");
        let endangered = |record: GeneratorRecord| record.endangered();
        assert_eq!(endangered(GeneratorRecord { due_late: 9, late: 9, ..calm }), Some("the percentiles"));
        let slow = Some(Duration::from_millis(800));
        assert_eq!(endangered(GeneratorRecord { due_late: 9, late: 9, p99: slow, ..calm }), None, "15 ms of 800");
        let refused = GeneratorRecord { due_late: 80, late: 80, ok: 0, p99: None, ..calm };
        assert_eq!(endangered(refused), None, "lag refuses nothing");
        let blind = GeneratorRecord { not_measured: 3, ..calm };
        assert_eq!(endangered(blind), Some("T_recover and bad seconds"));
        let old = GeneratorRecord { tells_lateness: false, ..calm };
        assert_eq!(endangered(old), Some("its numbers"), "any lag, where nothing more is known");
        let quick = Some(Duration::from_millis(10));
        assert_eq!(endangered(GeneratorRecord { send_lag_p99: quick, due_late: 80, late: 80, ..blind }), None);
    }

    #[test]
    fn a_limit_on_connections_that_the_load_would_need_more_of_is_in_the_latencies() {
        let cramped = Cramped { most: 10, seconds: 9, waited: 90, busy: 16.0 };
        let record = GeneratorRecord {
            due: 100,
            ok: 100,
            slot_wait_p99: Some(Duration::from_millis(800)),
            p99: Some(Duration::from_millis(880)),
            cramped: Some(cramped),
            strain: Strain { seconds: 10, ..Strain::default() },
            ..GeneratorRecord::default()
        };
        let Validity::InvalidGenerator(why) = record.verdict() else { panic!("must be invalid") };
        let expected =
            "waiting for one of 10 connections, the most that may be open (p99 800 ms), endangers the percentiles";
        assert_eq!(why, expected);
        let verdict = |cramped| GeneratorRecord { cramped: Some(cramped), ..record }.verdict();
        assert_eq!(verdict(Cramped { busy: 8.0, ..cramped }), Validity::Valid, "the service stood still for a while");
        assert_eq!(verdict(Cramped { seconds: 5, ..cramped }), Validity::Valid, "half of the time");
        assert_eq!(verdict(Cramped { waited: 10, ..cramped }), Validity::Valid, "one in ten waited");
        let slow = GeneratorRecord { p99: Some(Duration::from_secs(8)), ..record };
        assert_eq!(slow.verdict(), Validity::Valid, "a tenth of what an answer takes");
        assert_eq!(GeneratorRecord { ok: 0, p99: None, ..record }.verdict(), Validity::Valid, "nothing to endanger");
    }

    #[test]
    fn the_cap_on_requests_in_flight_is_the_limit_only_where_the_service_answers_as_before() {
        let second = Some(Duration::from_secs(1));
        let capped = Capped { most: 50, dropped: 500, failed: 0, busy: 100.0, service: second, usual: second };
        let record =
            |capped| GeneratorRecord { due: 1000, ok: 500, capped: Some(capped), ..GeneratorRecord::default() };
        let Validity::InvalidGenerator(why) = record(capped).verdict() else { panic!("must be invalid") };
        let expected = "50.0 % of arrivals dropped at the cap of 50 requests in flight (--max-in-flight), while the service \
                        answered as before";
        assert_eq!(why, expected);
        let is_valid = |capped| record(capped).verdict() == Validity::Valid;
        assert!(is_valid(Capped { usual: Some(Duration::from_millis(20)), ..capped }), "it grew: the service is full");
        assert!(is_valid(Capped { busy: 2.0, ..capped }), "it stood still for a while");
        assert!(is_valid(Capped { failed: 11, ..capped }), "it fails");
        assert!(is_valid(Capped { dropped: 10, ..capped }), "one in a hundred");
        assert!(is_valid(Capped { usual: None, service: None, ..capped }), "no answer says anything");
    }

    #[test]
    fn no_work_of_others_explains_a_limit_that_was_set() {
        let crowd = GeneratorHealth { others_percent: Some(185.0), cores: Some(2), ..GeneratorHealth::default() };
        let mut strain = Strain::default();
        strain.note(&crowd);
        let capped = GeneratorRecord { due: 100, dropped_at_descriptors: 90, strain, ..GeneratorRecord::default() };
        let Validity::InvalidGenerator(why) = capped.verdict() else { panic!("must be invalid") };
        assert!(why.starts_with("90.0 % of arrivals dropped at the cap that the limit"), "{why}");
    }

    #[test]
    fn the_cause_is_named_before_how_it_showed() {
        let health = GeneratorHealth {
            cpu_quota: Some(0.04),
            throttled: Some(Duration::from_millis(600)),
            longest_turn: Some(Duration::from_millis(96)),
            ..GeneratorHealth::default()
        };
        let mut strain = Strain::default();
        (0..8).for_each(|_| strain.note(&health));
        let slow = GeneratorRecord { due: 9, strain, ..GeneratorRecord::default() };
        assert_eq!(slow.verdict(), Validity::Valid, "nothing of it showed");
        let late = GeneratorRecord {
            send_lag_p99: Some(Duration::from_millis(79)),
            due_late: 9,
            late: 9,
            ok: 9,
            tells_lateness: true,
            ..slow
        };
        let Validity::InvalidGenerator(why) = late.verdict() else { panic!("must be invalid") };
        let expected = "throttled by the container's CPU quota (0.04 cores): p99 send lag 79 ms (longest turn 96 ms) \
                        endangers the percentiles";
        assert_eq!(why, expected);
        let crowd = GeneratorHealth { others_percent: Some(185.0), cores: Some(2), ..GeneratorHealth::default() };
        let mut strain = Strain::default();
        strain.note(&crowd);
        let Validity::InvalidGenerator(why) = (GeneratorRecord { strain, ..late }).verdict() else { panic!() };
        assert_eq!(why, "cores busy with other work for 1 s: p99 send lag 79 ms endangers the percentiles");
    }

    #[test]
    fn all_cores_count() {
        let health = GeneratorHealth { cpu_percent: Some(150.0), cores: Some(2), ..GeneratorHealth::default() };
        assert!(!is_busy(&health));
        assert!(is_busy(&GeneratorHealth { cpu_percent: Some(181.0), ..health }));
    }
}
