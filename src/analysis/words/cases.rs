//! What there is to say of a step: closed sets of cases, so that each sentence is thought of once, and no two of one step can
//! contradict each other or what the header says.

use crate::analysis::recovery::TOO_FEW;
use crate::analysis::{InstanceSpan, Step, StepNumbers, Timing};
use crate::timeline::SecondJudged;

/// How it stands at the moment, as the header has it: a step that is open must not say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Present {
    /// The step is over: the moment is not its own.
    Over,
    /// Nothing has been sent, or nothing answered, that could be judged.
    Unjudged,
    /// Nothing is sent, and nothing in flight.
    NoLoad,
    Held,
    Missed,
    /// Not one answer is as expected.
    NoneOk,
    /// We are the limit.
    NotMeasured,
}

impl Present {
    /// Every moment that there is.
    #[cfg(test)]
    pub(super) const ALL: [Self; 7] =
        [Self::Over, Self::Unjudged, Self::NoLoad, Self::Held, Self::Missed, Self::NoneOk, Self::NotMeasured];
}

/// How it stands with the objective at the end of what is told: at the end of the step, or now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Now {
    /// The step is over, and it was not missed at its end.
    Over,
    /// The step is over, and its last second missed it.
    MissedAtItsEnd,
    Held,
    Missed,
    NotMeasured,
    /// There is nothing to judge.
    Nothing,
}

/// What ended the wait for the objective, if anything did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// The step is open.
    Open,
    /// The next step began, or the session ended.
    Over,
    /// The rate is 0: nothing arrives that could show it.
    NoLoad,
}

/// What became of the objective in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Objective<'a> {
    /// There were no arrivals to judge by.
    NoArrivals,
    /// No request was answered as expected, or too few; says how instead.
    NotJudged(&'a str),
    /// Too few answers were as expected, in seconds that were otherwise good.
    TooFew,
    /// No second could be judged.
    Unsaid,
    /// Not one request is answered.
    Unanswered { course: Course },
    /// It was missed before the step began.
    MissedBefore(Now),
    /// It was never missed for two seconds in a row; in how many it was.
    Held { single: u32, now: Now },
    /// It held again for as long as counts.
    Back { after: Timing, now: Now },
    /// It holds again, for fewer seconds than count.
    Again { good: u32, secs: f64, course: Course },
    /// It was missed, and does not hold.
    Missed { secs: f64, course: Course },
}

impl<'a> Objective<'a> {
    pub(super) fn of(step: &Step, numbers: &'a StepNumbers, present: Present) -> Self {
        if let Some(why) = &numbers.not_judged {
            return Self::NotJudged(why);
        }
        if numbers.due == 0 {
            return Self::NoArrivals;
        }
        let now = match present {
            Present::Over if numbers.judged_last == SecondJudged::Bad => Now::MissedAtItsEnd,
            Present::Over => Now::Over,
            Present::Held => Now::Held,
            Present::Missed | Present::NoneOk => Now::Missed,
            Present::NotMeasured => Now::NotMeasured,
            Present::Unjudged | Present::NoLoad => Now::Nothing,
        };
        let is_unanswered = numbers.outcomes.total() == 0 && numbers.sent > 0;
        match numbers.recover {
            Timing::Absorbed if is_unanswered => {
                Self::Unanswered { course: if step.end.is_none() { Course::Open } else { Course::Over } }
            }
            Timing::Absorbed => Self::Held { single: numbers.bad_seconds, now },
            Timing::AlreadyViolated => Self::MissedBefore(now),
            Timing::NotApplicable(TOO_FEW) => Self::TooFew,
            Timing::NotApplicable(_) => Self::Unsaid,
            Timing::Reached { .. } => Self::Back { after: numbers.recover, now },
            Timing::NotWithin { secs, open } => {
                let course = match (present, open) {
                    (Present::NoLoad, _) => Course::NoLoad,
                    (_, false) if ended_without_load(step) => Course::NoLoad,
                    (Present::Over, _) => Course::Over,
                    _ => Course::Open,
                };
                if is_unanswered {
                    return Self::Unanswered { course };
                }
                // What is not good now is no beginning of a recovery, whatever came before.
                let is_good = match (course, now) {
                    (Course::Open, now) => now == Now::Held,
                    _ => numbers.good_at_end > 0,
                };
                if is_good {
                    Self::Again { good: numbers.good_at_end, secs, course }
                } else {
                    Self::Missed { secs, course }
                }
            }
        }
    }

    /// Whether the objective held throughout, as far as anybody saw.
    pub(super) const fn is_held(&self) -> bool {
        matches!(self, Self::Held { now: Now::Over | Now::Held | Now::NotMeasured | Now::Nothing, .. })
    }
}

/// Whether the rate of a step had come to 0 when it was over, or for as long as it is open.
fn ended_without_load(step: &Step) -> bool {
    step.profile.last().is_paused() && step.end.is_none_or(|end| end > step.settled_at())
}

/// Who answered first in a step up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Newcomer {
    Unsaid,
    /// Nobody had answered in the minute before.
    FirstAnswer(Timing),
    NoAnswer {
        is_open: bool,
    },
    New(Timing),
    NoneNew {
        secs: f64,
        is_open: bool,
    },
}

/// Whether there were as many instances as a step up needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Supplied {
    Unsaid,
    /// There were before it, and are now.
    Enough {
        had: u32,
        has: u32,
        needed: u32,
    },
    Reached {
        needed: u32,
        after: Timing,
        /// At its end, or now.
        has: u32,
    },
    /// They are there, and have not been for as long as counts.
    Lately {
        needed: u32,
        /// Seconds of the step.
        secs: f64,
        is_open: bool,
    },
    /// There are fewer.
    Short {
        has: u32,
        needed: u32,
        secs: f64,
        is_open: bool,
    },
    /// There were enough before it, and are fewer.
    Fell {
        had: u32,
        has: u32,
        needed: u32,
    },
}

/// What the instances did in a step up.
pub(super) fn scale_out(numbers: &StepNumbers, is_open: bool, was_idle: bool) -> (Newcomer, Supplied) {
    let newcomer = match numbers.serving {
        after @ Timing::Reached { .. } if was_idle => Newcomer::FirstAnswer(after),
        after @ Timing::Reached { .. } => Newcomer::New(after),
        // Answers that name nobody are answers, too.
        Timing::NotWithin { .. } if was_idle && numbers.ok > 0 => Newcomer::Unsaid,
        Timing::NotWithin { .. } if was_idle => Newcomer::NoAnswer { is_open },
        Timing::NotWithin { secs, .. } => Newcomer::NoneNew { secs, is_open },
        Timing::NotApplicable(_) if matches!(numbers.first, Timing::Reached { .. }) => Newcomer::New(numbers.first),
        _ => Newcomer::Unsaid,
    };
    let supplied = supplied(numbers, is_open);
    match (newcomer, supplied) {
        // That none came says nothing where none was needed.
        (Newcomer::NoneNew { .. }, Supplied::Enough { .. }) => (Newcomer::Unsaid, supplied),
        (Newcomer::Unsaid, _) | (_, Supplied::Reached { .. } | Supplied::Lately { .. }) => (newcomer, supplied),
        // Nor does a need that was met where the newcomer is told.
        (_, Supplied::Enough { .. }) => (newcomer, Supplied::Unsaid),
        _ => (newcomer, supplied),
    }
}

fn supplied(numbers: &StepNumbers, is_open: bool) -> Supplied {
    let (Some(needed), Some(span)) = (numbers.target, numbers.instances) else { return Supplied::Unsaid };
    let has = span.last;
    let had = span.before.filter(|had| *had >= needed && numbers.demand.is_some());
    match (numbers.capacity, had) {
        (Timing::Reached { secs, .. }, _) if secs > 0.0 => Supplied::Reached { needed, after: numbers.capacity, has },
        // There were enough at first, or all along; what counts is how many are left.
        (_, Some(had)) if has < needed => Supplied::Fell { had, has, needed },
        (Timing::NotWithin { secs, .. }, _) if has >= needed => Supplied::Lately { needed, secs, is_open },
        (Timing::NotWithin { secs, .. }, _) => Supplied::Short { has, needed, secs, is_open },
        (_, Some(had)) => Supplied::Enough { had, has, needed },
        _ => Supplied::Unsaid,
    }
}

/// What the instances did in a step down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ScaledIn {
    Unsaid,
    Down {
        needed: u32,
        after: Timing,
        /// At its end, or now.
        has: u32,
    },
    /// There were as many all along, and no more than needed.
    Stayed {
        has: u32,
    },
    /// There were no more than needed from its start on, and not always as many.
    Few {
        had: Option<u32>,
        has: u32,
        /// How many are needed, where that is computed and not only seen.
        needed: Option<u32>,
    },
    /// There are no more than needed, and have not been for as long as counts.
    Lately {
        has: u32,
        is_open: bool,
    },
    NotDown {
        has: u32,
        needed: u32,
        secs: f64,
        is_open: bool,
    },
}

pub(super) fn scale_in(numbers: &StepNumbers, is_open: bool) -> ScaledIn {
    let (Some(needed), Some(span)) = (numbers.target, numbers.instances) else { return ScaledIn::Unsaid };
    let InstanceSpan { before: had, peak, least, last: has } = span;
    match numbers.scale_in {
        Timing::Reached { secs, .. } if secs > 0.0 => ScaledIn::Down { needed, after: numbers.scale_in, has },
        Timing::Reached { .. } if peak == least && had.is_none_or(|had| had == has) => ScaledIn::Stayed { has },
        Timing::Reached { .. } => ScaledIn::Few { had, has, needed: numbers.demand.map(|_| needed) },
        Timing::NotWithin { .. } if has <= needed => ScaledIn::Lately { has, is_open },
        Timing::NotWithin { secs, .. } => ScaledIn::NotDown { has, needed, secs, is_open },
        _ => ScaledIn::Unsaid,
    }
}
