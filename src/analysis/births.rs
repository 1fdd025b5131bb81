//! What each new instance came after: a decision for more, the step where nobody tells of one, or the end of an instance that it
//! replaces. Pure.
//!
//! Nobody says which instance answers to which order, so they are taken in the order in which they were asked for: whoever was
//! created first, or came first where nobody tells of that, is the oldest order's. An instance that ended is an order for one. A decision is an order for as many as it adds;
//! where that is not known, and of a step whose platform tells of no decision, it is an order for as many as come, and what ended
//! since is replaced first.

use std::time::Duration;

use crate::analysis::Direction;
use crate::analysis::waterfall::Order;
use scaletop_units::Elapsed;

/// An instance that ended this long before another one came, or a step began, may be what that one replaces.
pub(crate) const REPLACED_WITHIN: Duration = Duration::from_mins(1);

/// What an instance came after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CameAfter {
    /// The platform's decision for more, by its own records.
    Decision,
    /// The start of the step, where no platform tells of a decision.
    Step,
    /// The end of another instance, which it replaces.
    Replacement,
}

impl CameAfter {
    /// Its name in files.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Step => "step",
            Self::Replacement => "replacement",
        }
    }
}

/// How an instance came to answer OK for the first time, by when that request was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) after: CameAfter,
    /// The moment that it counts from: the decision, the step's start, the last answer of the one that it replaces. `None` where
    /// nobody saw that one end.
    pub(crate) since: Option<Elapsed>,
    /// When it first answered OK.
    pub(crate) at: Elapsed,
}

impl Came {
    /// From what asked for it to its first answer; `None` where nobody saw the end of the one that it replaces.
    pub(crate) fn took(&self) -> Option<Duration> {
        Some(self.at.saturating_since(self.since?))
    }

    /// `decision +2.4 s`, `step +4.4 s`, `replaces +3.1 s`, `replaces one`.
    pub(crate) fn words(&self) -> String {
        let after = match self.after {
            CameAfter::Replacement => "replaces",
            after => after.label(),
        };
        match self.took() {
            Some(took) => format!("{after} +{:.1} s", took.as_secs_f64()),
            None => format!("{after} one"),
        }
    }
}

/// A new instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Birth {
    /// By when it had been asked for: when its task was created where the platform's records have its id, else when it first
    /// answered OK.
    pub(crate) asked_by: Elapsed,
    /// When the first request that it answered OK was due.
    pub(crate) due: Elapsed,
    /// The start of the second in which it first answered. A request that waited long was due before the instance was asked for.
    pub(crate) answered: Elapsed,
}

/// A step, as far as instances come in it.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) start: Elapsed,
    pub(crate) direction: Direction,
    /// The decisions whose instances it is to bring, ascending; none where the platform tells of none.
    pub(crate) orders: &'a [Order],
    /// When instances ended that nobody has replaced yet, ascending: in the step, and shortly before it.
    pub(crate) ends: &'a [Elapsed],
}

/// What each of `births`, ascending and all in the step, came after. `None` where nothing is known to have asked for it.
pub(crate) fn came(asked: &Asked<'_>, births: &[Birth]) -> Vec<Option<Came>> {
    let mut ends: Vec<Elapsed> = asked.ends.to_vec();
    let mut orders: Vec<Order> = asked.orders.to_vec();
    births.iter().map(|birth| one(asked, birth, &mut orders, &mut ends)).collect()
}

fn one(asked: &Asked<'_>, birth: &Birth, orders: &mut [Order], ends: &mut Vec<Elapsed>) -> Option<Came> {
    let at = birth.asked_by;
    let came = |after, since: Option<Elapsed>| {
        let since = since.filter(|since| *since <= birth.due.max(birth.answered));
        // What was due before is no measure.
        let is_measure = since.is_none_or(|since| since <= birth.due);
        Some(Came { after, since, at: if is_measure { birth.due } else { birth.answered } })
    };
    // What ended while the rate was going down was mostly not wanted any more: only the last one may be missing.
    let ended_before = ends.partition_point(|end| *end <= at);
    let oldest = if asked.direction == Direction::Up { 0 } else { ended_before.saturating_sub(1) };
    let replaced = (ended_before > 0).then_some(oldest);
    let made = orders.partition_point(|order| order.at <= at);
    let sized = orders[..made].iter_mut().find(|order| order.more.is_some_and(|left| left > 0));
    match (sized, replaced) {
        (Some(order), replaced) if replaced.is_none_or(|end| order.at <= ends[end]) => {
            order.more = order.more.map(|left| left - 1);
            return came(CameAfter::Decision, Some(order.at));
        }
        (_, Some(end)) => return came(CameAfter::Replacement, Some(ends.remove(end))),
        _ => {}
    }
    match (orders[..made].last(), orders.get(made)) {
        // Of those whose number is known none is left: its predecessor is on its way out, as when a task fails its checks.
        (Some(_), _) if orders[..made].iter().all(|order| order.more.is_some()) => {
            take_end_after(ends, at);
            came(CameAfter::Replacement, None)
        }
        (Some(latest), _) => came(CameAfter::Decision, Some(latest.at)),
        // More were asked for only later: whatever it came for, it was not that.
        (None, Some(_)) if asked.direction == Direction::Up => {
            take_end_after(ends, at);
            came(CameAfter::Replacement, None)
        }
        (None, None) if asked.direction == Direction::Up => came(CameAfter::Step, Some(asked.start)),
        _ => None,
    }
}

/// The one that ends next is what an instance replaces that came before any end: nobody else replaces it.
fn take_end_after(ends: &mut Vec<Elapsed>, at: Elapsed) {
    let next = ends.iter().position(|end| *end > at && end.saturating_since(at) <= REPLACED_WITHIN);
    if let Some(next) = next {
        ends.remove(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(all: &[u64]) -> Vec<Elapsed> {
        all.iter().copied().map(Elapsed::from_secs).collect()
    }

    fn order(at: u64, more: Option<u32>) -> Order {
        Order { at: Elapsed::from_secs(at), more }
    }

    /// One of which nobody tells but its answers, each at once.
    fn at_once(at: Elapsed) -> Birth {
        Birth { asked_by: at, due: at, answered: at }
    }

    /// In words, of a step that began at 100 s.
    fn words(direction: Direction, orders: &[Order], ends: &[u64], births: &[u64]) -> Vec<String> {
        let ends = secs(ends);
        let asked = Asked { start: Elapsed::from_secs(100), direction, orders, ends: &ends };
        let say = |came: &Option<Came>| came.map_or_else(|| "–".to_owned(), |came| came.words());
        came(&asked, &secs(births).into_iter().map(at_once).collect::<Vec<_>>()).iter().map(say).collect()
    }

    fn up(orders: &[Order], ends: &[u64], births: &[u64]) -> Vec<String> {
        words(Direction::Up, orders, ends, births)
    }

    #[test]
    fn each_comes_after_the_decision_that_asked_for_it() {
        let orders = [order(131, Some(2)), order(191, Some(1))];
        let all = up(&orders, &[], &[150, 151, 200]);
        assert_eq!(all, ["decision +19.0 s", "decision +20.0 s", "decision +9.0 s"]);
        // A slow one of the first decision is not put down to the second.
        assert_eq!(up(&orders, &[], &[150, 195, 205]), ["decision +19.0 s", "decision +64.0 s", "decision +14.0 s"]);
        // One more than were asked for, while the one that it replaces still answers.
        assert_eq!(up(&orders[..1], &[160], &[150, 151, 155])[2], "replaces one");
        // How many were asked for is not known: the latest decision is the likeliest.
        let orders = [order(131, None), order(191, None)];
        assert_eq!(up(&orders, &[], &[150, 200]), ["decision +19.0 s", "decision +9.0 s"]);
        assert_eq!(up(&[], &[], &[108]), ["step +8.0 s"], "no platform tells");
    }

    #[test]
    fn what_replaces_one_that_ended_is_not_the_decisions_nor_the_steps() {
        let orders = [order(131, Some(2))];
        assert_eq!(up(&orders, &[200], &[150, 151, 212])[2], "replaces +12.0 s");
        assert_eq!(up(&orders, &[105], &[120, 150, 151]), ["replaces +15.0 s", "decision +19.0 s", "decision +20.0 s"]);
        assert_eq!(up(&[], &[240], &[108, 109, 250]), ["step +8.0 s", "step +9.0 s", "replaces +10.0 s"]);
        assert_eq!(up(&[order(131, None)], &[240], &[150, 250]), ["decision +19.0 s", "replaces +10.0 s"]);
        // One that was replaced while it still answered is not replaced again.
        assert_eq!(up(&[order(131, Some(1))], &[132], &[128, 133]), ["replaces one", "decision +2.0 s"]);
        // Nobody saw one end, and more were asked for only later.
        assert_eq!(up(&orders, &[], &[114, 150]), ["replaces one", "decision +19.0 s"]);
    }

    #[test]
    fn its_task_says_what_asked_for_it_and_a_request_that_waited_is_no_measure() {
        let orders = [order(131, Some(1)), order(191, Some(1))];
        let birth = |created, due, answered| Birth {
            asked_by: Elapsed::from_secs(created),
            due: Elapsed::from_secs(due),
            answered: Elapsed::from_secs(answered),
        };
        let asked = Asked { start: Elapsed::from_secs(100), direction: Direction::Up, orders: &orders, ends: &[] };
        // The second was created at the second decision; what it answered first had been due before.
        let all = came(&asked, &[birth(132, 150, 150), birth(192, 188, 197), birth(240, 250, 250)]);
        let words: Vec<_> = all.into_iter().flatten().map(|came| came.words()).collect();
        assert_eq!(words, ["decision +19.0 s", "decision +6.0 s", "replaces one"]);
    }

    #[test]
    fn in_a_step_that_asks_for_no_more_only_what_is_known_is_said() {
        let down = |orders: &[Order], ends: &[u64], births: &[u64]| words(Direction::Down, orders, ends, births);
        assert_eq!(down(&[], &[], &[110]), ["–"]);
        assert_eq!(
            down(&[], &[102, 103, 120], &[130]),
            ["replaces +10.0 s"],
            "those of before were not wanted any more"
        );
        assert_eq!(down(&[order(95, Some(1))], &[], &[104]), ["decision +9.0 s"], "it was under way");
    }

    proptest! {
        /// None comes before what it came after, nobody replaces one that another one has replaced, and no decision has more
        /// than it asked for while another order is open.
        #[test]
        fn no_order_is_taken_twice(
            made in prop::collection::btree_map(100_u64..300, prop::option::of(1_u32..4), 0..4),
            ends in prop::collection::btree_set(40_u64..300, 0..6),
            births in prop::collection::btree_set(100_u64..300, 0..10),
        ) {
            let orders: Vec<Order> = made.iter().map(|(at, more)| order(*at, *more)).collect();
            let ends = secs(&ends.into_iter().collect::<Vec<_>>());
            let births: Vec<_> = secs(&births.into_iter().collect::<Vec<_>>()).into_iter().map(at_once).collect();
            let asked = Asked { start: Elapsed::from_secs(100), direction: Direction::Up, orders: &orders, ends: &ends };
            let all: Vec<Came> = came(&asked, &births).into_iter().flatten().collect();
            prop_assert_eq!(all.len(), births.len(), "in a step up there is something to say of each");
            prop_assert!(all.iter().all(|came| came.since.is_none_or(|since| since <= came.at)));
            let mut replaced: Vec<_> =
                all.iter().filter(|came| came.after == CameAfter::Replacement).filter_map(|came| came.since).collect();
            replaced.dedup();
            prop_assert!(replaced.len() <= ends.len());
            let unique: std::collections::BTreeSet<_> = replaced.iter().collect();
            prop_assert_eq!(unique.len(), replaced.len());
        }
    }
}
