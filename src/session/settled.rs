//! What a plan's conditions ask of a session: how many instances there are, and whether things have calmed down.

use std::time::Duration;

use crate::instances::{Basis, InstanceObservation};
use crate::plan::schedule::Conditions;
use crate::session::halves::Halves;
use crate::session::state::{Fleet, Session};
use crate::timeline::SecondJudged;
use scaletop_units::Elapsed;

/// The count must have stayed the same this long, and the objective must have held (docs/step-numbers.md: settled).
pub(crate) const CALM_FOR: Duration = Duration::from_secs(30);

impl Conditions for Session {
    /// The platform's own count where there is one, or that of a source that the user named, at least what answers show; else the ids in the answers alone. Only
    /// what was counted since then, and is final, counts: a metric of before the load, minutes old, would end the wait for
    /// the end of a scale-in before it began. At rate 0 nobody answers: then only the platform can tell.
    fn instances(&self, since: Elapsed) -> Option<u32> {
        let row = self.timeline().latest().filter(|row| Elapsed::from_secs(row.second.into()) >= since);
        let responding = row.and_then(|row| row.responding);
        match self.platform_counts() {
            // Its word for the time since then is on its way.
            Some(counts) => counts.final_since(since).last().map(|seen| seen.count.max(responding.unwrap_or(0))),
            None => responding,
        }
    }

    fn lead(&self) -> Duration {
        self.fleet().map_or(Duration::ZERO, Fleet::lead)
    }

    fn is_settled(&self, since: Elapsed) -> bool {
        let Some(from) = self.now().as_nanos().checked_sub(u64::try_from(CALM_FOR.as_nanos()).unwrap_or(u64::MAX))
        else {
            return false;
        };
        let from = Elapsed::from_nanos(from);
        if from < since {
            return false;
        }
        let cohorts = self.timeline().cohorts();
        let at = cohorts.partition_point(|cohort| cohort.second < from.second());
        if cohorts.range(at..).any(|cohort| cohort.judged == SecondJudged::Bad) {
            return false;
        }
        let rows = self.timeline().rows();
        let at = rows.partition_point(|row| row.second < from.second());
        let mut counts = rows.range(at..).map(|row| row.responding).peekable();
        if let Some(Some(first)) = counts.peek().copied() {
            return counts.all(|count| count == Some(first));
        }
        if rows.range(at..).any(|row| row.responding.is_some()) {
            return false;
        }
        // Nobody answers (rate 0), or no answer names its instance: the platform may know. Where it counts nothing either,
        // the objective alone decides.
        self.platform_counts().is_none_or(|counts| counts.is_steady(since))
    }
}

/// A plan that two targets share goes on when what it waits for is so at both.
impl Conditions for Halves {
    /// The most at either, where both are known.
    fn instances(&self, since: Elapsed) -> Option<u32> {
        let counts: Option<Vec<u32>> = self.each().map(|(_, half)| half.instances(since)).collect();
        counts?.into_iter().max()
    }

    fn has_instances(&self, since: Elapsed, is_so: impl Fn(u32) -> bool) -> bool {
        self.each().all(|(_, half)| half.has_instances(since, &is_so))
    }

    fn lead(&self) -> Duration {
        self.first().lead()
    }

    fn is_settled(&self, since: Elapsed) -> bool {
        self.each().all(|(_, half)| half.is_settled(since))
    }
}

/// What the platform counts.
struct PlatformCounts<'a> {
    seen: &'a [InstanceObservation],
}

impl Session {
    /// What the platform counts, or a source that the user named, the best of those that have been heard of lately.
    fn platform_counts(&self) -> Option<PlatformCounts<'_>> {
        Basis::COUNTED.iter().find_map(|basis| {
            let seen = self.observations().get(basis)?;
            let is_fresh = seen.last()?.is_fresh(self.now());
            is_fresh.then_some(PlatformCounts { seen })
        })
    }
}

impl<'a> PlatformCounts<'a> {
    /// What it counted since then, ascending, without what may still change.
    fn final_since(&self, since: Elapsed) -> impl DoubleEndedIterator<Item = &'a InstanceObservation> + use<'a> {
        let at = self.seen.partition_point(|seen| seen.as_of < since);
        self.seen[at..].iter().filter(|seen| !seen.provisional)
    }

    /// Whether the last counts since then are the same for [`CALM_FOR`].
    fn is_steady(&self, since: Elapsed) -> bool {
        let mut latest = self.final_since(since).rev().peekable();
        let Some(&last) = latest.peek() else { return false };
        // A metric's point stands for the period that it begins, a poll for its moment.
        let end = if last.basis == Basis::Active { last.as_of + last.uncertainty } else { last.as_of };
        let first = latest.take_while(|seen| seen.count == last.count).last();
        first.is_some_and(|first| end.saturating_since(first.as_of) >= CALM_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::{Header, SessionEvent, Settings, Side};
    use scaletop_units::ArrivalRate;

    fn session() -> Session {
        Session::new(Header::new(0, Settings::default()))
    }

    /// `secs` quiet seconds, nothing due.
    fn rest(session: &mut Session, secs: u32) {
        let from = session.timeline().latest().map_or(0, |row| row.second + 1);
        for index in from..from + secs {
            let second = scaletop_load::Second::new(index, ArrivalRate::PAUSED);
            session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        }
    }

    fn active(session: &mut Session, at: u64, count: u32, provisional: bool) {
        let (as_of, uncertainty) = (Elapsed::from_secs(at), Duration::from_secs(10));
        let seen = InstanceObservation { basis: Basis::Active, count, as_of, uncertainty, provisional };
        session.apply(session.now(), &SessionEvent::Observed(seen));
    }

    #[test]
    fn a_count_from_before_the_stage_or_one_that_may_still_change_ends_no_wait() {
        let mut session = session();
        active(&mut session, 0, 1, false);
        rest(&mut session, 30);
        let since = Elapsed::from_secs(15);
        assert_eq!(session.instances(since), None, "that was before the load");
        active(&mut session, 20, 1, true);
        assert_eq!(session.instances(since), None, "it may still grow");
        active(&mut session, 20, 3, false);
        assert_eq!(session.instances(since), Some(3));
        active(&mut session, 30, 1, false);
        assert_eq!(session.instances(since), Some(1));
    }

    #[test]
    fn what_a_source_counts_that_the_user_named_goes_before_a_late_metric_and_after_what_ecs_runs() {
        use crate::instances::{CountSource, Counted};

        let mut session = session();
        let mut counted = |basis, count| {
            let (as_of, uncertainty) = (Elapsed::from_secs(20), Duration::from_secs(2));
            let seen = InstanceObservation { basis, count, as_of, uncertainty, provisional: false };
            session.apply(Elapsed::from_secs(30), &SessionEvent::Observed(seen));
            session.instances(Elapsed::from_secs(15))
        };
        let by = |source| Basis::By(source, Counted::Running);
        assert_eq!(counted(Basis::Active, 7), Some(7));
        assert_eq!(counted(by(CountSource::Prometheus), 6), Some(6));
        assert_eq!(counted(Basis::By(CountSource::Command, Counted::Desired), 9), Some(6), "that is wanted, not there");
        assert_eq!(counted(by(CountSource::Command), 4), Some(4));
        assert_eq!(counted(by(CountSource::Url), 5), Some(4));
        assert_eq!(counted(Basis::Running, 2), Some(2));
    }

    #[test]
    fn of_two_targets_both_have_to_be_so() {
        let settings = Settings::default();
        let mut halves = Halves::new(&Header::new(0, settings.clone()).beside(settings));
        let mut count = |side, count| {
            let (as_of, uncertainty) = (Elapsed::from_secs(20), Duration::from_secs(10));
            let seen = InstanceObservation { basis: Basis::Active, count, as_of, uncertainty, provisional: false };
            halves.apply_to(Some(side), Elapsed::from_secs(30), &SessionEvent::Observed(seen));
            let since = Elapsed::from_secs(15);
            (halves.has_instances(since, |n| n <= 1), halves.has_instances(since, |n| n >= 3), halves.instances(since))
        };
        assert_eq!(count(Side::First, 1), (false, false, None), "nobody knows of the other");
        assert_eq!(count(Side::Second, 4), (false, false, Some(4)), "one each, and not both");
        assert_eq!(count(Side::Second, 1), (true, false, Some(1)));
    }

    #[test]
    fn at_rate_0_the_platforms_count_settles_it_and_without_one_the_objective_alone() {
        let mut alone = session();
        rest(&mut alone, 29);
        assert!(!alone.is_settled(Elapsed::ZERO), "not for long enough");
        rest(&mut alone, 2);
        assert!(alone.is_settled(Elapsed::ZERO));

        let mut session = session();
        active(&mut session, 0, 3, false);
        rest(&mut session, 40);
        assert!(!session.is_settled(Elapsed::ZERO), "the platform's word for the last 30 s is still to come");
        for at in [10, 20, 30] {
            active(&mut session, at, 1, false);
        }
        assert!(session.is_settled(Elapsed::ZERO), "1 from 10 s to 40 s");
        active(&mut session, 40, 2, false);
        assert!(!session.is_settled(Elapsed::ZERO));
    }
}
