//! Why requests were not answered as expected, in words: the first and the most frequent causes, bounded.

use crate::text::{clean_to, thousands};
use scaletop_load::{Failure, OutcomeClass, OutcomeCounts, OutcomeKind, Second};

/// More causes of failures than this are not told apart; what lies beyond counts in its kind all the same.
const MAX_CAUSES: usize = 32;

/// So many of them fit into a sentence.
const SHOWN_CAUSES: usize = 3;

/// A longer cause is cut, in characters.
const LONGEST_CAUSE: usize = 500;

/// `200 tls, shaking hands over TLS: the certificate has expired`; `250 × 404 Not Found`.
pub(crate) fn failure_in_words(failure: &Failure) -> String {
    let cause = clean_to(&failure.cause, LONGEST_CAUSE);
    let count = thousands(failure.count);
    match failure.phase {
        Some(phase) => format!("{count} {}, {}: {cause}", failure.kind.label(), phase.label()),
        None => format!("{count} × {cause}"),
    }
}

/// `250 × 404 Not Found`, `3 × tls: the certificate has expired`.
fn in_short(failure: &Failure) -> String {
    let (count, cause) = (thousands(failure.count), clean_to(&failure.cause, LONGEST_CAUSE));
    match failure.phase {
        Some(_) => format!("{count} × {}: {cause}", failure.kind.label()),
        None => format!("{count} × {cause}"),
    }
}

/// Why requests failed, in the order in which the causes were first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureTotals {
    causes: Vec<Failure>,
    beyond: u64,
}

impl FailureTotals {
    /// Adds the causes of a second, and names those that are the first of their kind.
    pub(crate) fn add(&mut self, second: &Second) -> Vec<Failure> {
        let known = self.causes.len();
        for failure in &second.failures {
            if let Some(mine) = self.causes.iter_mut().find(|mine| mine.is_like(failure)) {
                mine.count = mine.count.saturating_add(failure.count);
            } else if self.causes.len() < MAX_CAUSES {
                self.causes.push(failure.clone());
            } else {
                self.beyond = self.beyond.saturating_add(failure.count);
            }
        }
        let (before, new) = self.causes.split_at(known);
        let is_first = |new: &&Failure| !before.iter().any(|old| (old.kind, old.phase) == (new.kind, new.phase));
        new.iter().filter(is_first).cloned().collect()
    }

    /// The causes, the most frequent first.
    pub(crate) fn by_count(&self) -> Vec<&Failure> {
        let mut causes: Vec<_> = self.causes.iter().collect();
        causes.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        causes
    }

    /// `not one of 250 requests was answered as expected: 250 × 404 Not Found`, when that is so.
    pub(crate) fn none_ok(&self, outcomes: &OutcomeCounts, unanswered: u64) -> Option<String> {
        let all = outcomes.total().saturating_add(unanswered);
        let is_so = all > 0 && outcomes.get(OutcomeKind::Ok) == 0;
        is_so.then(|| {
            let mut causes = vec![self.in_short(outcomes)];
            causes.retain(|causes| !causes.is_empty());
            causes.extend((unanswered > 0).then(|| format!("{} without an answer", thousands(unanswered))));
            let causes = causes.join(", ");
            match all {
                1 => format!("the only request was not answered as expected: {causes}"),
                _ => format!("not one of {} requests was answered as expected: {causes}", thousands(all)),
            }
        })
    }

    /// `157 of 160 requests were answered otherwise than expected: 157 × 404 Not Found (see --expect)`, when that are more than
    /// the share `allowed`, or all.
    pub(crate) fn not_shown(&self, outcomes: &OutcomeCounts, allowed: f64) -> Option<String> {
        let (all, otherwise) = (outcomes.total(), outcomes.of_class(OutcomeClass::Client));
        self.none_ok(outcomes, 0).or_else(|| {
            (otherwise as f64 > allowed * all as f64).then(|| {
                let (part, all) = (thousands(otherwise), thousands(all));
                let causes = self.in_short(outcomes);
                format!("{part} of {all} requests were answered otherwise than expected: {causes} (see --expect)")
            })
        })
    }

    /// The most frequent causes: `240 × 404 Not Found, 10 × connect: connection refused`. Where no cause is known, the kinds.
    ///
    /// Counts are those of `outcomes`, by when requests were due; causes are told by when they failed, and may be of others, too.
    pub(crate) fn in_short(&self, outcomes: &OutcomeCounts) -> String {
        let mut words = Vec::new();
        for kind in OutcomeKind::ALL.into_iter().filter(|&kind| kind != OutcomeKind::Ok && outcomes.get(kind) > 0) {
            let count = outcomes.get(kind);
            let causes: Vec<_> = self.by_count().into_iter().filter(|failure| failure.kind == kind).collect();
            let told: u64 = causes.iter().map(|failure| failure.count).sum();
            match causes.as_slice() {
                [] => words.push((count, format!("{} × {}", thousands(count), kind.label()))),
                [only] => words.push((count, in_short(&Failure { count, ..(*only).clone() }))),
                [most, ..] if told > count => {
                    let cause = clean_to(&most.cause, LONGEST_CAUSE);
                    words.push((count, format!("{} × {}, mostly {cause}", thousands(count), kind.label())));
                }
                several => words.extend(several.iter().map(|failure| (failure.count, in_short(failure)))),
            }
        }
        words.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        words.into_iter().take(SHOWN_CAUSES).map(|(_, words)| words).collect::<Vec<_>>().join(", ")
    }

    /// Failures with causes beyond those that are told apart.
    pub(crate) const fn beyond(&self) -> u64 {
        self.beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_load::Phase;
    use scaletop_units::ArrivalRate;

    #[test]
    fn causes_are_bounded_and_nothing_is_uncounted() {
        let mut totals = FailureTotals::default();
        for index in 0..100 {
            let mut second = Second::new(index, ArrivalRate::PAUSED);
            let failure = |cause: String, count| Failure {
                kind: OutcomeKind::Tls,
                phase: Some(Phase::Tls),
                cause: cause.into(),
                count,
            };
            second.failures = vec![failure(format!("cause {index}"), 1), failure("cause 5".into(), 2)];
            totals.add(&second);
        }
        let causes = totals.by_count();
        assert_eq!((causes.len(), causes[0].cause.as_ref()), (MAX_CAUSES, "cause 5"));
        assert_eq!(causes.iter().map(|failure| failure.count).sum::<u64>() + totals.beyond(), 300);
    }

    #[test]
    fn that_nothing_was_answered_as_expected_is_said_with_how_it_was() {
        let (mut totals, mut outcomes) = (FailureTotals::default(), OutcomeCounts::default());
        assert_eq!(totals.none_ok(&outcomes, 0), None, "nothing was asked");
        (0..250).for_each(|_| outcomes.add(OutcomeKind::Http4xx));
        let said = |totals: &FailureTotals, outcomes| totals.none_ok(outcomes, 0).unwrap();
        assert_eq!(said(&totals, &outcomes), "not one of 250 requests was answered as expected: 250 × 4xx");
        let mut second = Second::new(0, ArrivalRate::PAUSED);
        second.failures =
            vec![Failure { kind: OutcomeKind::Http4xx, phase: None, cause: "404 Not Found".into(), count: 250 }];
        totals.add(&second);
        assert_eq!(said(&totals, &outcomes), "not one of 250 requests was answered as expected: 250 × 404 Not Found");
        outcomes.add(OutcomeKind::Ok);
        assert_eq!(totals.none_ok(&outcomes, 0), None);
    }

    #[test]
    fn causes_are_counted_by_the_requests_that_are_spoken_of() {
        let mut totals = FailureTotals::default();
        let mut second = Second::new(0, ArrivalRate::PAUSED);
        let failure = |kind, cause: &'static str, count| Failure { kind, phase: None, cause: cause.into(), count };
        second.failures = vec![
            failure(OutcomeKind::Timeout, "no full answer within 10 s", 389),
            failure(OutcomeKind::Http5xxCapacity, "502 Bad Gateway", 30),
            failure(OutcomeKind::Http5xxCapacity, "504 Gateway Timeout", 6),
            failure(OutcomeKind::Http429, "429 Too Many Requests", 9),
        ];
        totals.add(&second);
        let mut outcomes = OutcomeCounts::default();
        (0..36).for_each(|_| outcomes.add(OutcomeKind::Timeout));
        (0..20).for_each(|_| outcomes.add(OutcomeKind::Http5xxCapacity));
        let said = totals.none_ok(&outcomes, 0).unwrap();
        let label = OutcomeKind::Http5xxCapacity.label();
        let causes = format!("36 × no full answer within 10 s, 20 × {label}, mostly 502 Bad Gateway");
        assert_eq!(said, format!("not one of 56 requests was answered as expected: {causes}"));
    }
}
