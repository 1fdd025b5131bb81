//! What the log was told of the objective: when it is lost, and when it holds again. Not of every second in between.

use crate::session::event::{Notice, NoticeLevel};
use crate::session::standing::Standing;
use scaletop_units::Elapsed;

/// It has to stand so for this many seconds before it is told: what comes and goes within one is none.
const STEADY: u32 = 2;

/// What the log was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// The last that was told, and since when the objective was missed then, if it was.
    last: Option<(&'static str, Option<Elapsed>)>,
    /// Since when it is missed, or was when it was last: as everything else says.
    lost: Option<Elapsed>,
    /// What it has been in the last seconds, and for how many.
    now: Option<(&'static str, u32)>,
}

impl Told {
    pub(super) const fn new() -> Self {
        Self { last: None, lost: None, now: None }
    }

    /// The log was told elsewhere that it stands so.
    pub(super) fn know(&mut self, standing: &Standing) {
        let (label, since) = (standing.label(), standing.lost_since());
        (self.last, self.lost, self.now) = (Some((label, since)), since, Some((label, STEADY)));
    }

    /// How it stands at the end of a second, `at`, and since when it holds if it does. What the log should be told of that.
    pub(super) fn second(
        &mut self,
        at: Elapsed,
        standing: &Standing,
        held_since: impl FnOnce() -> Option<Elapsed>,
    ) -> Option<Notice> {
        let label = standing.label();
        let steady = match self.now {
            Some((same, seconds)) if same == label => seconds.saturating_add(1),
            _ => 1,
        };
        self.now = Some((label, steady));
        let is_told = matches!(
            standing,
            Standing::Held | Standing::Missed { .. } | Standing::NoneOk { .. } | Standing::Generator { .. }
        );
        let since = standing.lost_since();
        self.lost = since.or(self.lost);
        // Lost again after a second in which it held is another loss.
        let is_known = self.last.is_some_and(|(last, told)| last == label && since <= told);
        if is_known && *standing == Standing::Held {
            // What came and went in between was not told.
            self.lost = None;
        }
        if !is_told || steady < STEADY || is_known {
            return None;
        }
        let was = self.last.replace((label, since));
        let (level, text) = match standing {
            Standing::Held => {
                let lost = self.lost.take();
                let text = match (was, lost) {
                    (None, _) => "the objective holds".to_owned(),
                    // It is told once it has lasted; since when it holds is a moment of its own.
                    (Some(_), Some(lost)) => {
                        let since = held_since().filter(|since| *since > lost).unwrap_or(at);
                        format!("the objective holds again since {since}; it was lost at {lost}")
                    }
                    (Some(_), None) => "the objective holds again".to_owned(),
                };
                (NoticeLevel::Info, text)
            }
            Standing::Missed { .. } | Standing::NoneOk { .. } => {
                (NoticeLevel::Warning, format!("objective {}", standing.words(at)))
            }
            _ => (NoticeLevel::Warning, standing.words(at)),
        };
        Some(Notice { level, text })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::session::event::{Header, SessionEvent, Settings};
    use crate::session::standing::{held_since, standing};
    use crate::session::state::Session;
    use crate::timeline::SecondJudged;
    use scaletop_load::{OutcomeKind, Second};
    use scaletop_units::ArrivalRate;

    #[test]
    fn a_change_is_told_once_it_has_lasted_and_then_once() {
        let missed = Standing::Missed { since: Elapsed::from_secs(3), why: "p99 2 s over 500 ms".to_owned() };
        let seconds = [
            Standing::Open { has_answers: true },
            Standing::Held,
            Standing::Held,
            missed.clone(),
            Standing::Held,
            missed.clone(),
        ];
        let more = [missed.clone(), missed, Standing::NoLoad, Standing::Held, Standing::Held, Standing::Held];
        let mut told = Told::new();
        let said: Vec<_> = (1..)
            .zip(seconds.iter().chain(&more))
            .filter_map(|(second, standing)| {
                let since = || Some(Elapsed::from_secs(9));
                Some((second, told.second(Elapsed::from_secs(second), standing, since)?.text))
            })
            .collect();
        let expected = [
            (3, "the objective holds".to_owned()),
            (7, "objective MISSED 4 s: p99 2 s over 500 ms".to_owned()),
            (11, "the objective holds again since 0:09; it was lost at 0:03".to_owned()),
        ];
        assert_eq!(said, expected);
    }

    /// Since when something is missed, by what is said of it at `at`.
    fn said_since(at: Elapsed, words: &str) -> Option<u64> {
        let (_, rest) = words.split_once("MISSED ").or_else(|| words.split_once("NOT ONE OK for "))?;
        at.as_nanos().checked_sub(1_000_000_000 * rest.split_once(" s")?.0.parse::<u64>().ok()?)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The header, the log and whoever else asks name one beginning of an outage, and keep to it until it is over.
        #[test]
        fn everybody_names_the_same_beginning(
            spells in prop::collection::vec((1_u32..12, 0_usize..5), 1..8),
        ) {
            let mut session = Session::new(Header::new(0, Settings::default()));
            let mut told = Told::new();
            let (mut index, mut before) = (0, None);
            for (seconds, doing) in spells {
                for _ in 0..seconds {
                    let second = second_of(index, doing);
                    let at = second.end();
                    session.apply(at, &SessionEvent::Second(Box::new(second)));
                    index += 1;
                    let stands = standing(&session, at);
                    let since = stands.lost_since();
                    if let (Some(before), Some(since)) = (before, since) {
                        prop_assert_eq!(before, since, "one outage, two beginnings at {}", at);
                    }
                    let words = stands.words(at);
                    prop_assert_eq!(said_since(at, &words), since.map(Elapsed::as_nanos), "{}", words);
                    if let Some(notice) = told.second(at, &stands, || held_since(&session, at)) {
                        let again = notice.text.strip_prefix("the objective holds again since ");
                        if let Some((since, lost)) = again.and_then(|text| text.split_once("; it was lost at ")) {
                            prop_assert_eq!(Some(lost.to_owned()), session_lost(&session, at).map(|lost| lost.to_string()));
                            let first_good = held_since(&session, at).expect("it holds");
                            prop_assert_eq!(since.to_owned(), first_good.to_string());
                            let judged = |second: u32| session.timeline().cohorts().iter().find(|cohort| cohort.second == second).map(|cohort| cohort.judged);
                            prop_assert_eq!(judged(first_good.second()), Some(SecondJudged::Good));
                            prop_assert_ne!(judged(first_good.second() - 1), Some(SecondJudged::Good), "a second before it");
                        } else {
                            let told = said_since(at, &notice.text);
                            prop_assert_eq!(told, since.map(Elapsed::as_nanos), "{}", notice.text);
                        }
                    }
                    before = since;
                }
            }
        }
    }

    /// When the last outage before `at` began, by what the header says of the moments before it.
    fn session_lost(session: &Session, at: Elapsed) -> Option<Elapsed> {
        (1..=at.second()).rev().find_map(|second| standing(session, Elapsed::from_secs(second.into())).lost_since())
    }

    /// A second in which a service does well, slowly, refuses all, refuses some, or has nothing to do.
    fn second_of(index: u32, doing: usize) -> Second {
        let mut second = Second::new(index, ArrivalRate::new(20));
        let part = second.part_mut(index);
        let (ok, refused, millis) = [(20, 0, 80), (20, 0, 900), (0, 20, 80), (10, 10, 80), (0, 0, 80)][doing];
        (part.due, part.sent) = (ok + refused, ok + refused);
        for _ in 0..ok {
            part.outcomes.add(OutcomeKind::Ok);
            part.ok.record(Duration::from_millis(millis));
        }
        for _ in 0..refused {
            part.outcomes.add(OutcomeKind::Http429);
            part.failed.record(Duration::from_millis(2));
        }
        second
    }
}
