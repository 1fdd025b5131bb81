//! Why requests of one second failed, in words: the first and most frequent causes, a bounded number of them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::sample::{Cause, FailureKind, Phase};

/// More causes than this are not told apart within one second; what lies beyond counts in its kind all the same.
pub(crate) const MAX_CAUSES_PER_SECOND: usize = 16;

/// One cause of failures and how often it struck within a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What the failures are counted as.
    pub kind: FailureKind,
    /// What was being done.
    pub phase: Phase,
    /// The cause, in a few harmless words.
    pub cause: Cow<'static, str>,
    /// How many requests it struck.
    pub count: u64,
}

/// Counts one more failure. Causes keep the order in which they were first seen.
pub(super) fn note(failures: &mut Vec<Failure>, kind: FailureKind, cause: &Cause) {
    add(failures, &Failure { kind, phase: cause.phase, cause: cause.text.clone(), count: 1 });
}

/// Adds another worker's causes.
pub(super) fn merge(failures: &mut Vec<Failure>, others: &[Failure]) {
    for other in others {
        add(failures, other);
    }
}

fn add(failures: &mut Vec<Failure>, new: &Failure) {
    let is_same = |known: &Failure| (known.kind, known.phase) == (new.kind, new.phase) && known.cause == new.cause;
    if let Some(known) = failures.iter_mut().find(|known| is_same(known)) {
        known.count += new.count;
    } else if failures.len() < MAX_CAUSES_PER_SECOND {
        failures.push(new.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_counted_in_the_order_in_which_they_were_first_seen() {
        let mut failures = Vec::new();
        let refused = Cause::new(Phase::Tcp, "connection refused");
        note(&mut failures, FailureKind::Connect, &refused);
        note(&mut failures, FailureKind::Tls, &Cause::new(Phase::Tls, "the certificate has expired"));
        note(&mut failures, FailureKind::Connect, &refused);
        let counts: Vec<_> = failures.iter().map(|failure| (failure.cause.as_ref(), failure.count)).collect();
        assert_eq!(counts, [("connection refused", 2), ("the certificate has expired", 1)]);
    }

    #[test]
    fn a_cause_that_is_different_each_time_does_not_pile_up() {
        let mut failures = Vec::new();
        for bytes in 0..1_000 {
            note(&mut failures, FailureKind::Body, &Cause::new(Phase::Body, format!("closed after {bytes} bytes")));
        }
        assert_eq!(failures.len(), MAX_CAUSES_PER_SECOND);
    }
}
