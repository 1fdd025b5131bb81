//! Why requests of one second were not answered as expected, in words: the first and most frequent causes, a bounded
//! number of them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::sample::{Cause, OutcomeKind, Phase};

/// More causes than this are not told apart within one second; what lies beyond counts in its kind all the same.
pub(crate) const MAX_CAUSES_PER_SECOND: usize = 16;

/// One cause of failures and how often it struck within a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What the failures are counted as.
    pub kind: OutcomeKind,
    /// What was being done; `None` when a whole answer came, only not one that was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The cause, in a few harmless words.
    pub cause: Cow<'static, str>,
    /// How many requests it struck.
    pub count: u64,
}

/// What stands for causes beyond those that are told apart.
const OTHERS: &str = "other causes";

impl Failure {
    /// Whether it is of the same cause: of answers the status alone, since a redirect may lead somewhere else each time.
    pub fn is_like(&self, other: &Self) -> bool {
        self.is_of(other.kind, other.phase, &other.cause)
    }

    fn is_of(&self, kind: OutcomeKind, phase: Option<Phase>, cause: &str) -> bool {
        let status = |cause: &str| cause.split([' ', ',']).next().unwrap_or_default().to_owned();
        (self.kind, self.phase) == (kind, phase)
            && (self.cause == cause || (phase.is_none() && status(&self.cause) == status(cause)))
    }
}

/// Counts one more failure. Causes keep the order in which they were first seen.
pub(super) fn note(failures: &mut Vec<Failure>, kind: OutcomeKind, cause: &Cause) {
    add(failures, kind, Some(cause.phase), &cause.text, 1);
}

/// Counts one more answer whose status was not expected. A redirect says where it leads.
pub(super) fn note_status(failures: &mut Vec<Failure>, kind: OutcomeKind, status: u16, leads_to: Option<&Cause>) {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    let leads_to = leads_to.map(|cause| format!(", {}", cause.text)).unwrap_or_default();
    add(failures, kind, None, &format!("{status}{reason}{leads_to}"), 1);
}

/// Adds another worker's causes.
pub(super) fn merge(failures: &mut Vec<Failure>, others: &[Failure]) {
    for other in others {
        add(failures, other.kind, other.phase, &other.cause, other.count);
    }
}

fn add(failures: &mut Vec<Failure>, kind: OutcomeKind, phase: Option<Phase>, cause: &str, count: u64) {
    if let Some(known) = failures.iter_mut().find(|known| known.is_of(kind, phase, cause)) {
        known.count += count;
    } else if failures.len() < MAX_CAUSES_PER_SECOND {
        failures.push(Failure { kind, phase, cause: cause.to_owned().into(), count });
    } else if let Some(known) = failures.iter_mut().find(|known| known.kind == kind && known.cause == OTHERS) {
        known.count += count;
    } else {
        // One for each kind at most.
        failures.push(Failure { kind, phase, cause: OTHERS.into(), count });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_counted_in_the_order_in_which_they_were_first_seen() {
        let mut failures = Vec::new();
        let refused = Cause::new(Phase::Tcp, "connection refused");
        note(&mut failures, OutcomeKind::Connect, &refused);
        note(&mut failures, OutcomeKind::Tls, &Cause::new(Phase::Tls, "the certificate has expired"));
        note(&mut failures, OutcomeKind::Connect, &refused);
        let counts: Vec<_> = failures.iter().map(|failure| (failure.cause.as_ref(), failure.count)).collect();
        assert_eq!(counts, [("connection refused", 2), ("the certificate has expired", 1)]);
    }

    #[test]
    fn a_status_is_told_by_its_number_and_a_redirect_by_where_it_leads() {
        let mut failures = Vec::new();
        let leads_to = Cause::new(Phase::Answer, "to https://b.test/");
        note_status(&mut failures, OutcomeKind::Http3xx, 302, Some(&leads_to));
        note_status(&mut failures, OutcomeKind::Http4xx, 404, None);
        note_status(&mut failures, OutcomeKind::Http4xx, 404, None);
        note_status(&mut failures, OutcomeKind::Http4xx, 499, None);
        let told: Vec<_> = failures.iter().map(|failure| (failure.cause.as_ref(), failure.count)).collect();
        assert_eq!(told, [("302 Found, to https://b.test/", 1), ("404 Not Found", 2), ("499", 1)]);
    }

    #[test]
    fn a_cause_that_is_different_each_time_does_not_pile_up() {
        let mut failures = Vec::new();
        for bytes in 0..1_000 {
            note(&mut failures, OutcomeKind::Body, &Cause::new(Phase::Body, format!("closed after {bytes} bytes")));
        }
        assert_eq!(failures.len(), MAX_CAUSES_PER_SECOND + 1);
        assert_eq!(failures.iter().map(|failure| failure.count).sum::<u64>(), 1_000, "and nothing is uncounted");
    }
}
