//! What the log was told of the objective: when it is lost, and when it holds again. Not of every second in between.

use crate::session::event::{Notice, NoticeLevel};
use crate::session::standing::Standing;
use scaletop_units::Elapsed;

/// It has to stand so for this many seconds before it is told: what comes and goes within one is none.
const STEADY: u32 = 2;

/// What the log was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// The last that was told.
    last: Option<&'static str>,
    /// Since when it is not held, if that was told.
    lost: Option<Elapsed>,
    /// What it has been in the last seconds, and for how many.
    now: Option<(&'static str, u32)>,
}

impl Told {
    pub(super) const fn new() -> Self {
        Self { last: None, lost: None, now: None }
    }

    /// How it stands at the end of a second, `at`. What the log should be told of that.
    pub(super) fn second(&mut self, at: Elapsed, standing: &Standing) -> Option<Notice> {
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
        if !is_told || steady < STEADY || self.last == Some(label) {
            return None;
        }
        let was = self.last.replace(label);
        let (level, text) = match standing {
            Standing::Held => {
                let lost = self.lost.take();
                let text = match (was, lost) {
                    (None, _) => "the objective holds".to_owned(),
                    (Some(_), Some(lost)) => {
                        format!(
                            "the objective holds again, {} s after it was lost",
                            at.saturating_since(lost).as_secs()
                        )
                    }
                    (Some(_), None) => "the objective holds again".to_owned(),
                };
                (NoticeLevel::Info, text)
            }
            Standing::Missed { since, .. } | Standing::NoneOk { since, .. } => {
                self.lost = self.lost.or(Some(*since));
                (NoticeLevel::Warning, format!("objective {}", standing.words(at)))
            }
            _ => (NoticeLevel::Warning, standing.words(at)),
        };
        Some(Notice { level, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_it_has_lasted_and_then_once() {
        let missed = Standing::Missed { since: Elapsed::from_secs(3), why: "p99 2 s over 500 ms".to_owned() };
        let seconds = [Standing::Open, Standing::Held, Standing::Held, missed.clone(), Standing::Held, missed.clone()];
        let more = [missed.clone(), missed, Standing::NoLoad, Standing::Held, Standing::Held, Standing::Held];
        let mut told = Told::new();
        let said: Vec<_> = (1..)
            .zip(seconds.iter().chain(&more))
            .filter_map(|(second, standing)| Some((second, told.second(Elapsed::from_secs(second), standing)?.text)))
            .collect();
        let expected = [
            (3, "the objective holds".to_owned()),
            (7, "objective MISSED 4 s: p99 2 s over 500 ms".to_owned()),
            (11, "the objective holds again, 8 s after it was lost".to_owned()),
        ];
        assert_eq!(said, expected);
    }
}
