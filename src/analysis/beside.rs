//! The steps of two targets that got the same arrivals, beside one another: a step of one answers to the step of the same number
//! of the other, since both began at the same moment. Whether a number differs beyond noise is read off the repeats of a step, as
//! in a comparison of sessions: see [`crate::analysis::difference`].

use crate::analysis::difference::{Difference, Runs, Significance};
use crate::analysis::numbers::{self, Kind};
use crate::analysis::{StepReport, Validity};

/// The steps of two targets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'a> {
    first: &'a [StepReport],
    second: &'a [StepReport],
}

/// One number of a step at both targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NumberBeside {
    pub(crate) first: Runs,
    pub(crate) second: Runs,
    /// Second minus first, of this step; whether it counts, by all repeats of it.
    pub(crate) difference: Difference,
}

impl<'a> Beside<'a> {
    pub(crate) const fn of(first: &'a [StepReport], second: &'a [StepReport]) -> Self {
        Self { first, second }
    }

    /// The steps that both have, in their order.
    pub(crate) fn steps(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&'a StepReport, &'a StepReport)> + ExactSizeIterator {
        self.first.iter().zip(self.second)
    }

    /// Why nothing can be said of the difference at a step: at one of the targets it does not count.
    pub(crate) fn objection(first: &StepReport, second: &StepReport) -> Option<String> {
        [('A', first), ('B', second)].into_iter().find_map(|(letter, report)| {
            let (what, why) = report.validity.objection()?;
            Some(format!("{letter} does not count ({what}): {why}"))
        })
    }

    /// A number of a step.
    pub(crate) fn number(&self, kind: &'static Kind, first: &StepReport, second: &StepReport) -> NumberBeside {
        let run = |report: &StepReport| Runs::of([&kind.value(&report.numbers)]);
        let (of_first, of_second) = (run(first), run(second));
        let difference = if is_valid(first) && is_valid(second) {
            let repeats = || self.steps().filter(|(a, b)| is_valid(a) && is_valid(b) && is_repeat(a, first));
            let all = |pick: fn((&'a StepReport, &'a StepReport)) -> &'a StepReport| {
                let values: Vec<_> = repeats().map(|pair| kind.value(&pick(pair).numbers)).collect();
                Runs::of(&values)
            };
            let significance = Difference::between(kind, &all(|(a, _)| a), &all(|(_, b)| b)).significance;
            Difference { significance, ..Difference::between(kind, &of_first, &of_second) }
        } else {
            Difference { delta: None, bound: std::cmp::Ordering::Equal, significance: Significance::Unknown }
        };
        NumberBeside { first: of_first, second: of_second, difference }
    }

    /// Every number of a step that is known of either target.
    pub(crate) fn numbers(
        &self,
        first: &StepReport,
        second: &StepReport,
    ) -> impl Iterator<Item = (&'static Kind, NumberBeside)> {
        numbers::kinds()
            .map(|kind| (kind, self.number(kind, first, second)))
            .filter(|(_, number)| number.first.count() + number.second.count() > 0)
    }
}

fn is_valid(report: &StepReport) -> bool {
    report.validity == Validity::Valid
}

/// Whether both go from the same rate to the same rate in the same way.
fn is_repeat(a: &StepReport, b: &StepReport) -> bool {
    a.step.before == b.step.before && a.step.profile == b.step.profile
}
