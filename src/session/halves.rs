//! What is known of a session as it is shown: that of its target, or of the two that it drives with the same arrivals. Each half
//! is a plain [`Session`], the one that a session with this target alone would be.

use crate::session::event::{Header, Recorded, SessionEvent, Side};
use crate::session::state::Session;
use scaletop_units::Elapsed;

/// What is known of each target.
#[derive(Clone, Debug, PartialEq)]
pub struct Halves {
    first: Session,
    second: Option<Box<Session>>,
}

impl Halves {
    /// Nothing is known yet but what is measured.
    pub fn new(header: &Header) -> Self {
        let half = |side| header.half(side).map(Session::new);
        let first = half(Side::First).unwrap_or_else(|| Session::new(header.clone()));
        Self { first, second: half(Side::Second).map(Box::new) }
    }

    /// Of sessions that are known already.
    pub fn of(first: Session, second: Option<Session>) -> Self {
        Self { first, second: second.map(Box::new) }
    }

    /// Folds one event into the half that it is about.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.apply_to(recorded.side, recorded.at, &recorded.event);
    }

    /// Folds one event into one half, or into every one.
    pub(crate) fn apply_to(&mut self, side: Option<Side>, at: Elapsed, event: &SessionEvent) {
        if side != Some(Side::Second) {
            self.first.apply(at, event);
        }
        if let Some(second) = self.second.as_deref_mut().filter(|_| side != Some(Side::First)) {
            second.apply(at, event);
        }
    }

    /// The sessions alone, the first one first.
    pub(crate) fn into_each(self) -> impl Iterator<Item = Session> {
        std::iter::once(self.first).chain(self.second.map(|second| *second))
    }

    /// That of the first target, or of the only one.
    pub const fn first(&self) -> &Session {
        &self.first
    }

    /// Whether each target has closed the same second as the other: what stands beside each other is of the same time.
    pub(crate) fn are_level(&self) -> bool {
        let latest = |half: &Session| half.timeline().latest().map(|row| row.second);
        self.second().is_none_or(|second| latest(second) == latest(&self.first))
    }

    /// That of the second target, if there is one.
    pub fn second(&self) -> Option<&Session> {
        self.second.as_deref()
    }

    /// That of one target; of the only one, whichever is asked for.
    pub fn get(&self, side: Side) -> &Session {
        match side {
            Side::First => &self.first,
            Side::Second => self.second.as_deref().unwrap_or(&self.first),
        }
    }

    /// Every one with its side, the first one first.
    pub fn each(&self) -> impl Iterator<Item = (Side, &Session)> {
        Side::BOTH.into_iter().zip([Some(&self.first), self.second()].into_iter().flatten())
    }

    /// The time of the last event of either.
    pub fn now(&self) -> Elapsed {
        self.second().map_or(self.first.now(), |second| second.now().max(self.first.now()))
    }

    /// How the target is called where both stand beside one another: `A demo:ecs`.
    pub(crate) fn name(&self, side: Side) -> String {
        format!("{} {}", side.letter(), self.get(side).header().settings.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::{RateCause, RateChange, Settings};
    use scaletop_load::{RateProfile, Second};
    use scaletop_units::ArrivalRate;

    fn header() -> Header {
        let of = |target: &str| Settings { target: target.to_owned(), ..Settings::default() };
        Header::new(0, of("demo:apprunner")).beside(of("demo:ecs"))
    }

    #[test]
    fn what_is_about_both_is_in_both_and_what_is_about_one_in_that_alone() {
        let mut halves = Halves::new(&header());
        let profile = RateProfile::Constant(ArrivalRate::new(5));
        let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
        halves.apply(&Recorded::new(Elapsed::ZERO, SessionEvent::Rate(change)));
        let mut second = Second::new(0, ArrivalRate::new(5));
        second.part_mut(0).due = 5;
        let event = SessionEvent::Second(Box::new(second));
        halves.apply(&Recorded { at: Elapsed::from_secs(1), side: Some(Side::Second), event });
        assert!(!halves.are_level(), "one is a second behind");
        let dues: Vec<_> = halves.each().map(|(_, half)| (half.rates().len(), half.totals().due)).collect();
        assert_eq!(dues, [(1, 0), (1, 5)]);
        assert_eq!(halves.now(), Elapsed::from_secs(1));
        let names: Vec<_> = halves.each().map(|(side, _)| halves.name(side)).collect();
        assert_eq!(names, ["A demo:apprunner", "B demo:ecs"]);
        let other = SessionEvent::Second(Box::new(Second::new(0, ArrivalRate::new(5))));
        halves.apply(&Recorded { at: Elapsed::from_secs(1), side: Some(Side::First), event: other });
        assert!(halves.are_level());
    }

    #[test]
    fn a_session_with_one_target_has_one_half() {
        let header = Header { beside: None, ..header() };
        let mut halves = Halves::new(&header);
        halves.apply(&Recorded::new(Elapsed::from_secs(3), SessionEvent::Mark { text: "x".to_owned() }));
        assert_eq!((halves.each().count(), halves.first().marks().len()), (1, 1));
        assert!(halves.second().is_none() && header.half(Side::Second).is_none());
    }
}
