//! What the words of a scaling activity say: whether it asked for more, and because of which alarm. Pure.
//!
//! Application Auto Scaling records an activity for whatever changes the wanted count, and tells its kinds apart by words only:
//!
//! | description | cause |
//! |---|---|
//! | `Setting desired count to 4.` | `monitor alarm NAME in state ALARM triggered policy POLICY` |
//! | `Setting desired count to 4.` | `minimum capacity was set to 4`, `maximum capacity was set to 4` |
//! | `Setting min capacity to 4 and max capacity to 8` | `scheduled action name NAME was triggered` |
//! | `Attempting to scale due to alarm triggered` | `monitor alarm NAME …`: nothing was changed |
//!
//! Source: <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html>,
//! and the examples of scheduled actions in the same guide. Which way the count went is never said: it is compared with the
//! count that was wanted before.

use std::time::Duration;

use crate::instances::InstanceObservation;
use crate::instances::milestone::{Milestone, MilestoneKind, alarm_of};
use scaletop_units::Elapsed;

/// Which way an activity of Application Auto Scaling meant to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// A policy asked for more.
    Out,
    /// Less was asked for, or it was no policy that asked, or it failed.
    Other,
    /// Its words say nothing, and the count before is not known.
    Unknown,
}

/// A count that was seen this long before a decision was not changed by it, whatever the clocks; recordings of before do not say
/// how far the clocks may have been apart.
const CLOCKS_APART: Duration = Duration::from_secs(2);

/// Which way `decision` meant to go. `desired` are the counts that were wanted, ascending; `decisions` all that was decided.
pub(super) fn aim(decision: &Milestone, decisions: &[&Milestone], desired: &[InstanceObservation]) -> Aim {
    let words = decision.detail.as_str();
    let is_no_policy = ["capacity was set to", "Setting min capacity", "Setting max capacity", "scheduled action"];
    // The subject is the activity's status.
    if decision.subject == "Failed" || is_no_policy.iter().any(|part| words.contains(part)) || is_about_less(words) {
        return Aim::Other;
    }
    match (wanted(words), wanted_before(decision, decisions, desired)) {
        (Some(wanted), Some(before)) if wanted > before => Aim::Out,
        (Some(_), Some(_)) => Aim::Other,
        _ => Aim::Unknown,
    }
}

/// Whether the words are those of scaling in, or of a service at rest: the low alarm of target tracking, the minimum.
pub(super) fn is_about_less(words: &str) -> bool {
    alarm_of(words).is_some_and(|name| name.contains("AlarmLow")) || words.contains("AlreadyAtMinCapacity")
}

/// How many more were asked for by `last`, which overtook the decisions from `first` on: what it sets less what was wanted before
/// `first`. `None` where that is not known.
pub(super) fn more(
    first: &Milestone,
    last: &Milestone,
    decisions: &[&Milestone],
    desired: &[InstanceObservation],
) -> Option<u32> {
    wanted(&last.detail)?.checked_sub(wanted_before(first, decisions, desired)?)
}

/// The count that an activity sets.
fn wanted(words: &str) -> Option<u32> {
    let (_, rest) = words.split_once("desired count to ")?;
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// The count that was wanted just before a decision: what was polled last, or what was decided since.
fn wanted_before(decision: &Milestone, decisions: &[&Milestone], desired: &[InstanceObservation]) -> Option<u32> {
    let sure = |at: Elapsed| at + decision.clock_error.max(CLOCKS_APART) <= decision.as_of;
    let polled = desired.iter().rfind(|seen| sure(seen.as_of)).map(|seen| (seen.as_of, seen.count));
    let set = |one: &&&Milestone| {
        one.kind == MilestoneKind::Decision && one.as_of < decision.as_of && one.subject != "Failed"
    };
    let decided = decisions.iter().filter(set).filter_map(|one| Some((one.as_of, wanted(&one.detail)?)));
    polled.into_iter().chain(decided).max_by_key(|(at, _)| *at).map(|(_, count)| count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::Basis;

    fn decision(at: u64, detail: &str) -> Milestone {
        Milestone {
            kind: MilestoneKind::Decision,
            subject: "Successful".to_owned(),
            detail: detail.to_owned(),
            as_of: Elapsed::from_secs(at),
            uncertainty: Duration::ZERO,
            clock_error: Duration::ZERO,
        }
    }

    fn desired(at: u64, count: u32) -> InstanceObservation {
        let as_of = Elapsed::from_secs(at);
        InstanceObservation {
            basis: Basis::Desired,
            count,
            as_of,
            uncertainty: Duration::from_secs(2),
            provisional: false,
        }
    }

    const HIGH: &str =
        "monitor alarm TargetTracking-service/default/demo-AlarmHigh-22c1 in state ALARM triggered policy cpu";
    const LOW: &str =
        "monitor alarm TargetTracking-service/default/demo-AlarmLow-22c1 in state ALARM triggered policy cpu";
    const STEP: &str = "monitor alarm web-app-cpu-lt-25 in state ALARM triggered policy web-app-cpu-lt-25";

    #[test]
    fn each_documented_form_is_told_apart_and_only_a_policy_that_raises_the_count_scales_out() {
        let counts = [desired(90, 2), desired(99, 2), desired(102, 4)];
        let of = |words: String| aim(&decision(100, &words), &[], &counts);
        for (words, is) in [
            (format!("Setting desired count to 4. {HIGH}"), Aim::Out),
            (format!("Setting desired count to 1. {LOW}"), Aim::Other),
            // A step policy's alarms have any name: the count decides.
            (format!("Setting desired count to 1. {STEP}"), Aim::Other),
            (format!("Setting desired count to 3. {STEP}"), Aim::Out),
            ("Setting desired count to 4. minimum capacity was set to 4".to_owned(), Aim::Other),
            ("Setting desired count to 1. maximum capacity was set to 1".to_owned(), Aim::Other),
            (
                "Setting min capacity to 4 and max capacity to 8 scheduled action name my-action was triggered"
                    .to_owned(),
                Aim::Other,
            ),
            (format!("Attempting to scale due to alarm triggered {HIGH}"), Aim::Unknown),
            ("of another form".to_owned(), Aim::Unknown),
        ] {
            assert_eq!(of(words.clone()), is, "{words}");
        }
        let failed =
            Milestone { subject: "Failed".to_owned(), ..decision(100, &format!("Setting desired count to 4. {HIGH}")) };
        assert_eq!(aim(&failed, &[], &counts), Aim::Other);
    }

    #[test]
    fn the_count_before_is_what_was_polled_surely_before_or_decided_since() {
        let out = decision(100, &format!("Setting desired count to 4. {HIGH}"));
        // Polled within the clocks' error of the decision: it may be the decision's own doing.
        assert_eq!(aim(&out, &[], &[desired(90, 1), desired(99, 4)]), Aim::Out);
        assert_eq!(aim(&out, &[], &[]), Aim::Unknown, "nobody knows how many were wanted");
        // Down to one at 95, before anybody looked again.
        let less = decision(95, &format!("Setting desired count to 1. {LOW}"));
        let again = decision(100, &format!("Setting desired count to 2. {STEP}"));
        assert_eq!(aim(&again, &[&less, &again], &[desired(90, 5)]), Aim::Out);
    }

    #[test]
    fn the_alarm_of_a_cause_is_found_and_what_it_says_of_less() {
        assert_eq!(alarm_of(STEP), Some("web-app-cpu-lt-25"));
        assert_eq!(alarm_of("minimum capacity was set to 4"), None);
        assert!(is_about_less(LOW) && !is_about_less(HIGH));
        assert!(is_about_less("not scaled: AlreadyAtMinCapacity (1, least 1, most 5); nobody"));
    }
}
