//! What is known of a session: the fold of its events.

use std::collections::BTreeMap;

use crate::analysis::StepReport;
use crate::instances::{Basis, Feed, InstanceObservation, Limits};
use crate::load::rate::RateProfile;
use crate::load::sample::OutcomeCounts;
use crate::record::latency::Latency;
use crate::session::event::{Fact, Header, Notice, SessionEvent};
use crate::timeline::{Percentiles, Timeline};
use crate::units::{Elapsed, InstanceId};

/// What is known of a session. Changed by [`Session::apply`] only; it can be cloned and compared.
#[derive(Clone, Debug)]
pub struct Session {
    /// What was measured, and how.
    pub header: Header,
    /// The time of the last event.
    pub now: Elapsed,
    /// The rate in force, and its anchor.
    pub rate: (Elapsed, RateProfile),
    /// Rows and cohorts.
    pub timeline: Timeline,
    /// Every step so far, the open one last.
    pub steps: Vec<StepReport>,
    /// Every instance seen in answers, in the order of their first.
    pub instances: Vec<InstanceTrack>,
    /// Counts by basis, ascending in `as_of`; a later observation of the same moment replaces the earlier.
    pub observations: BTreeMap<Basis, Vec<InstanceObservation>>,
    /// The platform's scaling limits.
    pub limits: Limits,
    /// The state of each source, by name.
    pub feeds: BTreeMap<String, Feed>,
    /// What the platform says of the service, by name.
    pub facts: BTreeMap<String, Fact>,
    /// Marks, ascending in time.
    pub marks: Vec<(Elapsed, String)>,
    /// The log, oldest first, bounded.
    pub log: Vec<(Elapsed, Notice)>,
    /// Totals of the whole session.
    pub totals: Totals,
    /// Why the session ended.
    pub ended: Option<String>,
}

/// Totals of the whole session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// What became of the requests.
    pub outcomes: OutcomeCounts,
    /// Response times of all.
    pub response: Latency,
    /// Service times of all.
    pub service: Latency,
    /// Send lag of all.
    pub send_lag: Latency,
    /// Bytes of response bodies.
    pub bytes_in: u64,
}

/// One instance as its answers show it.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceTrack {
    /// Its id.
    pub id: InstanceId,
    /// When its first OK answer's request was intended; `None` while it has only failed.
    pub first_ok: Option<Elapsed>,
    /// The start of the first second it answered in.
    pub first: Elapsed,
    /// The end of the last second it answered in.
    pub last: Elapsed,
    /// Its answers.
    pub requests: u64,
    /// How many were OK.
    pub ok: u64,
    /// Response times of all its answers.
    pub response: Latency,
    /// By how much its first answers were slower than its later ones (`None` until there are enough of both).
    pub cold_start: Option<std::time::Duration>,
    /// The last minutes, one entry a second in which it answered: for its lane.
    pub recent: std::collections::VecDeque<InstanceSecond>,
}

/// What an instance answered in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceSecond {
    /// The second.
    pub second: u32,
    /// Its answers.
    pub requests: u64,
    /// How many were OK.
    pub ok: u64,
    /// p99 of their response times.
    pub p99: Option<std::time::Duration>,
}

impl Session {
    /// Nothing yet.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            now: Elapsed::ZERO,
            rate: (Elapsed::ZERO, RateProfile::PAUSED),
            timeline: Timeline::default(),
            steps: Vec::new(),
            instances: Vec::new(),
            observations: BTreeMap::new(),
            limits: Limits::default(),
            feeds: BTreeMap::new(),
            facts: BTreeMap::new(),
            marks: Vec::new(),
            log: Vec::new(),
            totals: Totals::default(),
            ended: None,
        }
    }

    /// Folds one event in.
    pub fn apply(&mut self, at: Elapsed, event: &SessionEvent) {
        self.now = self.now.max(at);
        match event {
            SessionEvent::Rate(change) => {
                let before = self.rate.1.rate_after(at.saturating_since(self.rate.0));
                self.rate = (at, change.profile);
                if let Some(last) = self.steps.last_mut() { last.step.end = Some(at); }
                let id = crate::units::StepId(u32::try_from(self.steps.len()).unwrap_or(0) + 1);
                let na = crate::analysis::Timing::NotApplicable("x");
                self.steps.push(StepReport {
                    step: crate::analysis::Step { id, start: at, end: None, before, profile: change.profile, anchor: at, name: change.stage.clone() },
                    numbers: crate::analysis::StepNumbers { trigger: na, first: na, serving: na, capacity: na, recover: na, bad_seconds: 0, due: 0, sent: 0, ok: 0, lost: 0, slow: 0, peak_p99: None, p99: None, send_lag_p99: None, instances: None },
                    validity: crate::analysis::Validity::Valid,
                    words: format!("{before}→{}", change.profile),
                });
            }
            SessionEvent::Second(sec) => {
                let t = sec.total();
                self.totals.due += t.due;
                self.totals.sent += t.sent;
                self.totals.dropped_cap += t.dropped_cap;
                self.totals.dropped_late += t.dropped_late;
                self.totals.outcomes.merge(&t.outcomes);
                self.totals.response.merge(&t.response());
                self.totals.service.merge(&t.service);
                self.timeline.push_row(crate::timeline::Row {
                    second: sec.index, span: 1, target: sec.target, due: t.due, sent: t.sent, outcomes: t.outcomes,
                    dropped_cap: t.dropped_cap, dropped_late: t.dropped_late, in_flight: sec.in_flight, oldest_in_flight: sec.oldest_in_flight,
                    response: Percentiles::of(&t.response()), service_p99: t.service.quantile(0.99), service_p50: t.service.quantile(0.5),
                    send_lag_p99: sec.send_lag.quantile(0.99), bytes_in: sec.bytes_in,
                    responding: Some(u32::try_from(sec.served.len()).unwrap_or(0)), needed: None, step: None, generator: sec.generator,
                });
            }
            SessionEvent::Mark { text } => self.marks.push((at, text.clone())),
            SessionEvent::Notice(n) => self.log.push((at, n.clone())),
            SessionEvent::Limits(l) => self.limits = *l,
            SessionEvent::Ended { reason } => self.ended = Some(reason.clone()),
            _ => {}
        }
    }

    /// Percentiles of the whole session so far.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Percentiles::of(&self.totals.response)
    }
}
