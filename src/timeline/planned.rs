//! What the schedule of a fleet makes due, and how much of it nobody reports. Without a fleet nothing is planned for others: then
//! what came due is all there was.

use scaletop_load::{CohortPart, Second};

/// Two plans as one; what has none adds nothing.
pub(crate) fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// Of what was planned, what did not come due with anybody; `None` without a plan.
pub(crate) const fn unreported(planned: Option<u64>, due: u64) -> Option<u64> {
    match planned {
        Some(planned) => Some(planned.saturating_sub(due)),
        None => None,
    }
}

/// What all parts of a second plan.
pub(super) fn of(parts: &[CohortPart]) -> Option<u64> {
    parts.iter().fold(None, |all, part| sum(all, part.planned))
}

/// How many generators of a fleet told of a second; `None` without a fleet.
pub(crate) fn generators(second: &Second) -> Option<u32> {
    if second.generators.is_empty() && of(&second.parts).is_none() {
        return None;
    }
    // In the order of their names; what came late of one stands beside what was in time.
    let others = second.generators.windows(2).filter(|pair| pair[0].id != pair[1].id).count();
    let all = others + usize::from(!second.generators.is_empty());
    Some(u32::try_from(all).unwrap_or(u32::MAX))
}
