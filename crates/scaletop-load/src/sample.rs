//! One request and its fate: three instants, an outcome, who answered.
//!
//! A failed request is data, not an error: [`Outcome`] is a closed set that can be counted in a fixed array.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::expected::Expected;
use crate::pacer::Arrival;
use scaletop_units::{Elapsed, InstanceId};

/// One answered (or failed) request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The arrival whose request it is: when the pacer owed it.
    pub arrival: Arrival,
    /// When its first byte was handed to a connection that was ready; `None` when there never was one.
    pub sent: Option<Elapsed>,
    /// When its last byte, or its failure, was seen.
    pub completed: Elapsed,
    /// What became of it.
    pub outcome: Outcome,
    /// Bytes of the response body.
    pub bytes: u64,
    /// Which instance says that it answered.
    pub served_by: Option<InstanceId>,
    /// The address that the connection went to.
    pub remote: Option<SocketAddr>,
    /// Why it failed, in words.
    pub cause: Option<Cause>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// An HTTP response with this status arrived in full.
    Status(u16),
    /// No full response arrived.
    Failed(FailureKind),
}

/// Why no full response arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The connection was refused or could not be made.
    Connect,
    /// The host name could not be resolved.
    Dns,
    /// The TLS handshake failed.
    Tls,
    /// No full answer within the request timeout.
    Timeout,
    /// The connection was closed or reset under the request.
    Reset,
    /// The response started, but its body could not be read.
    Body,
    /// We ran out of local ports or file descriptors: the generator's failure, not the service's.
    Ports,
    /// Anything else.
    Other,
}

/// What was being done for a request when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waited for a connection.
    Waiting,
    /// The name was being resolved.
    Dns,
    /// The TCP connection was being made.
    Tcp,
    /// The TLS handshake was under way.
    Tls,
    /// The request was being sent.
    Sending,
    /// The request was sent, and no answer had begun.
    Answer,
    /// The answer was being read.
    Body,
}

impl Phase {
    /// A few words for tables and logs: "while …".
    pub const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for a connection",
            Self::Dns => "resolving the name",
            Self::Tcp => "connecting",
            Self::Tls => "shaking hands over TLS",
            Self::Sending => "sending the request",
            Self::Answer => "waiting for the answer",
            Self::Body => "reading the answer",
        }
    }
}

/// Why a request failed: what was being done, and what went wrong, in a few words without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What was being done.
    pub phase: Phase,
    /// What went wrong.
    pub text: Cow<'static, str>,
}

impl Cause {
    /// A cause.
    pub fn new(phase: Phase, text: impl Into<Cow<'static, str>>) -> Self {
        Self { phase, text: text.into() }
    }
}

/// Who is to blame for an outcome (docs/step-numbers.md): the steps' numbers count these classes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeClass {
    /// Answered with a status that was expected.
    Ok,
    /// The service had no room: 429, 502, 503, 504, connect, reset, timeout, body cut off.
    Capacity,
    /// The service failed by itself: other 5xx.
    Application,
    /// The request was at fault: other 4xx, TLS, DNS, and any other status that was not expected: a redirect, a 204.
    Client,
    /// We were at fault: no ports or file descriptors.
    Generator,
}

/// The columns of `timeline.csv` that count what was not OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(usize)]
pub enum OutcomeKind {
    /// A status that was expected ([`Expected`]).
    Ok,
    /// 429: the platform or the service asks for less.
    Http429,
    /// 4xx other than 429.
    Http4xx,
    /// 502, 503, 504: capacity errors.
    Http5xxCapacity,
    /// Other 5xx: application errors.
    Http5xxApplication,
    /// Refused or unreachable.
    Connect,
    /// No answer in time.
    Timeout,
    /// Closed or reset under the request.
    Reset,
    /// Name resolution.
    Dns,
    /// TLS handshake.
    Tls,
    /// Body cut off.
    Body,
    /// Our ports or file descriptors.
    Ports,
    /// Anything else.
    Other,
    /// A redirect that was not expected.
    Http3xx,
    /// A status below 300 that was not expected.
    Http2xx,
}

impl OutcomeKind {
    /// Every kind, in the order of its discriminant.
    pub const ALL: [Self; 15] = [
        Self::Ok,
        Self::Http429,
        Self::Http4xx,
        Self::Http5xxCapacity,
        Self::Http5xxApplication,
        Self::Connect,
        Self::Timeout,
        Self::Reset,
        Self::Dns,
        Self::Tls,
        Self::Body,
        Self::Ports,
        Self::Other,
        Self::Http3xx,
        Self::Http2xx,
    ];

    /// Who is to blame.
    pub const fn class(self) -> OutcomeClass {
        match self {
            Self::Ok => OutcomeClass::Ok,
            Self::Http429 | Self::Http5xxCapacity | Self::Connect | Self::Timeout | Self::Reset | Self::Body => {
                OutcomeClass::Capacity
            }
            Self::Http5xxApplication | Self::Other => OutcomeClass::Application,
            Self::Http4xx | Self::Http3xx | Self::Http2xx | Self::Dns | Self::Tls => OutcomeClass::Client,
            Self::Ports => OutcomeClass::Generator,
        }
    }

    /// Whether it is an answer with a status, whatever it says.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::Ok
                | Self::Http2xx
                | Self::Http3xx
                | Self::Http4xx
                | Self::Http429
                | Self::Http5xxCapacity
                | Self::Http5xxApplication
        )
    }

    /// A short word for tables and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Http429 => "429",
            Self::Http4xx => "4xx",
            Self::Http5xxCapacity => "502/503/504",
            Self::Http5xxApplication => "5xx",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Body => "body",
            Self::Ports => "ports/fds (ours)",
            Self::Other => "other",
            Self::Http3xx => "3xx",
            Self::Http2xx => "2xx (not expected)",
        }
    }
}

impl Outcome {
    /// The kind this outcome is counted under when `expected` is what counts as OK. Status codes outside 100..=599 count as
    /// [`OutcomeKind::Other`].
    pub fn kind(self, expected: &Expected) -> OutcomeKind {
        match self {
            Self::Status(status) if expected.holds(status) => OutcomeKind::Ok,
            Self::Status(100..=299) => OutcomeKind::Http2xx,
            Self::Status(300..=399) => OutcomeKind::Http3xx,
            Self::Status(429) => OutcomeKind::Http429,
            Self::Status(400..=499) => OutcomeKind::Http4xx,
            Self::Status(502..=504) => OutcomeKind::Http5xxCapacity,
            Self::Status(500..=599) => OutcomeKind::Http5xxApplication,
            Self::Status(_) => OutcomeKind::Other,
            Self::Failed(kind) => kind.into(),
        }
    }
}

impl From<FailureKind> for OutcomeKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Connect => Self::Connect,
            FailureKind::Dns => Self::Dns,
            FailureKind::Tls => Self::Tls,
            FailureKind::Timeout => Self::Timeout,
            FailureKind::Reset => Self::Reset,
            FailureKind::Body => Self::Body,
            FailureKind::Ports => Self::Ports,
            FailureKind::Other => Self::Other,
        }
    }
}

/// How many requests ended in each [`OutcomeKind`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutcomeCounts([u64; OutcomeKind::ALL.len()]);

impl OutcomeCounts {
    /// Nothing counted.
    pub const NONE: Self = Self([0; OutcomeKind::ALL.len()]);

    /// Counts one more of `kind`.
    pub fn add(&mut self, kind: OutcomeKind) {
        self.0[kind as usize] += 1;
    }

    /// How many ended in `kind`.
    pub const fn get(&self, kind: OutcomeKind) -> u64 {
        self.0[kind as usize]
    }

    /// How many ended in any kind: the requests that were answered or failed.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many of them were not OK.
    pub fn failed(&self) -> u64 {
        self.total() - self.get(OutcomeKind::Ok)
    }

    /// How many ended in a kind of `class`.
    pub fn of_class(&self, class: OutcomeClass) -> u64 {
        OutcomeKind::ALL.iter().filter(|kind| kind.class() == class).map(|&kind| self.get(kind)).sum()
    }

    /// The counts in the order of [`OutcomeKind::ALL`].
    pub const fn counts(&self) -> &[u64; OutcomeKind::ALL.len()] {
        &self.0
    }

    /// From counts in the order of [`OutcomeKind::ALL`]; missing ones are zero, those beyond are of no kind we know.
    pub fn from_counts(counts: &[u64]) -> Self {
        let mut all = Self::NONE;
        all.0.iter_mut().zip(counts).for_each(|(mine, count)| *mine = *count);
        all
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_listed_in_the_order_of_their_discriminants() {
        for (at, kind) in OutcomeKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{kind:?}");
        }
    }

    #[test]
    fn capacity_statuses_are_told_from_application_and_client_ones() {
        let kind = |status| Outcome::Status(status).kind(&Expected::default());
        for status in [429, 502, 503, 504] {
            assert_eq!(kind(status).class(), OutcomeClass::Capacity, "{status}");
        }
        assert_eq!(kind(500).class(), OutcomeClass::Application);
        assert_eq!(kind(404).class(), OutcomeClass::Client);
        assert_eq!(kind(302).class(), OutcomeClass::Client);
        assert_eq!(kind(204), OutcomeKind::Ok);
        assert_eq!(kind(999), OutcomeKind::Other);
        let ports = Outcome::Failed(FailureKind::Ports).kind(&Expected::default());
        assert_eq!(ports.class(), OutcomeClass::Generator);
    }

    #[test]
    fn what_is_expected_is_ok_whatever_it_is_and_nothing_else_is() {
        use OutcomeKind::{Http2xx, Http3xx, Http429, Ok};

        let expected: Expected = "404, 5xx".parse().unwrap();
        let kinds = [200, 302, 404, 429, 503].map(|status| Outcome::Status(status).kind(&expected));
        assert_eq!(kinds, [Http2xx, Http3xx, Ok, Http429, Ok]);
    }

    #[test]
    fn classes_partition_the_counts() {
        let mut counts = OutcomeCounts::default();
        for kind in OutcomeKind::ALL {
            counts.add(kind);
        }
        let by_class: u64 = [
            OutcomeClass::Ok,
            OutcomeClass::Capacity,
            OutcomeClass::Application,
            OutcomeClass::Client,
            OutcomeClass::Generator,
        ]
        .into_iter()
        .map(|class| counts.of_class(class))
        .sum();
        assert_eq!(by_class, counts.total());
    }
}
