//! Plays a plan: says which rate is due now, and when to look again. Pure: the caller brings the time and what is known.

use std::time::Duration;

use crate::plan::{Condition, Plan, Stage, StageEnd};
use crate::text::span;
use scaletop_load::RateProfile;
use scaletop_units::Elapsed;

/// What the plan's conditions ask about.
pub trait Conditions {
    /// Instances, on the best basis there is, as counted since `since`; `None` while nobody knows.
    fn instances(&self, since: Elapsed) -> Option<u32>;
    /// Whether that count is as a condition wants it; of several targets, that of each.
    fn has_instances(&self, since: Elapsed, is_so: impl Fn(u32) -> bool) -> bool {
        self.instances(since).is_some_and(is_so)
    }
    /// Whether the count has stayed the same and the objective has held since `since`, for long enough to call it settled.
    fn is_settled(&self, since: Elapsed) -> bool;
    /// How long before it is due a change must be told at least.
    fn lead(&self) -> Duration {
        Duration::ZERO
    }
}

/// A change whose time is known is announced this much ahead, so that the pacer has it before its anchor: then a stall of
/// the loop moves no arrival.
pub(crate) const AHEAD: Duration = Duration::from_millis(100);

/// Of a change that must be told ahead, this much is left when the loop has come to it.
const BESIDES_LEAD: Duration = Duration::from_millis(50);

/// What a schedule wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// A stage begins: drive this rate from this moment on.
    Begin {
        /// When the stage begins: up to [`AHEAD`] in the future, more where the lead is longer, or a little in the past.
        at: Elapsed,
        name: String,
        profile: RateProfile,
        /// Why the stage does not begin from what the plan waited for before it, when it does not.
        unmet_start: Option<String>,
    },
    /// The last stage ends then: nothing is due from that moment on. [`Instruction::Finish`] follows in its time.
    End {
        /// When: as far in the future as a stage.
        at: Elapsed,
    },
    /// Something worth a line in the log.
    Note(String),
    /// The same, where the result suffers.
    Warning(String),
    /// The plan is over.
    Finish {
        /// When its last stage ended.
        at: Elapsed,
        /// The condition that its last stage waited for, when that was not met, in words.
        unmet: Option<String>,
    },
}

/// Plays a plan, stage after stage.
#[derive(Clone, Debug)]
pub struct Schedule {
    stages: Vec<Stage>,
    /// When the first stage begins, once that is known.
    begins: Option<Elapsed>,
    /// How much ahead a change whose time is known is announced.
    ahead: Duration,
    /// The stage that plays, and since when; `None` before the first one.
    playing: Option<(usize, Elapsed)>,
    /// Whether [`Instruction::End`] has been said.
    end_is_known: bool,
    /// The end of a stage with a condition that has been told of, and is to follow.
    told: Option<Elapsed>,
    /// The last condition that was waited for, in words, while it is one that was not met.
    unmet_start: Option<String>,
    finished: bool,
}

impl Schedule {
    /// Ready to play `plan` from its beginning.
    pub fn new(plan: &Plan) -> Self {
        Self {
            stages: plan.stages.clone(),
            begins: None,
            ahead: AHEAD,
            playing: None,
            end_is_known: false,
            told: None,
            unmet_start: None,
            finished: false,
        }
    }

    /// When [`Schedule::poll`] has something new to say at the latest; `None` when the plan is over.
    pub fn deadline(&self) -> Option<Elapsed> {
        if self.finished {
            return None;
        }
        let due = self.playing.map_or(self.begins, |(at, since)| Some(since + self.stages[at].end.at_most()));
        let due = due.unwrap_or(Elapsed::ZERO);
        Some(if self.end_is_known { due } else { due - self.ahead })
    }

    /// The next thing to do at `now`, if there is one; call again until there is none.
    ///
    /// Stages of a fixed duration follow each other without drift: each begins where the one before was due to end, not
    /// where somebody noticed. The first one begins with a second, so that a second of the timeline belongs to one stage
    /// and the same plan makes the same arrivals due in the same second of every run.
    pub fn poll(&mut self, now: Elapsed, known: &impl Conditions) -> Option<Instruction> {
        if self.finished {
            return None;
        }
        self.ahead = AHEAD.max(known.lead() + BESIDES_LEAD);
        let ahead = self.ahead;
        let Some((at, since)) = self.playing else {
            let begins = *self.begins.get_or_insert_with(|| (now + known.lead()).next_second());
            return (now + ahead >= begins).then(|| self.begin(0, begins));
        };
        if let Some(end) = self.told.take() {
            return Some(self.begin(at + 1, end));
        }
        let stage = &self.stages[at];
        let due = since + stage.end.at_most();
        let is_last = at + 1 == self.stages.len();
        // The end is not brought forward: what is due until then still has to be sent.
        let is_due = if is_last { now >= due } else { now + ahead >= due };
        let over = match &stage.end {
            _ if is_due => Some(due),
            StageEnd::After(_) => None,
            StageEnd::Until(condition, _) => Self::holds(*condition, since, known).then_some(now),
        };
        if over.is_none() && is_last && !self.end_is_known && now + ahead >= due {
            self.end_is_known = true;
            return Some(Instruction::End { at: due });
        }
        let end = over?;
        // What ended the wait decides what the next stage starts from: that belongs into the log, and into its validity.
        let StageEnd::Until(condition, at_most) = &stage.end else { return Some(self.begin(at + 1, end)) };
        let (name, waited) = (&stage.name, end.saturating_since(since).as_secs_f64());
        self.told = Some(end);
        // Met at the last look is met.
        if Self::holds(*condition, since, known) {
            self.unmet_start = None;
            return Some(Instruction::Note(format!("{name}: {condition} after {waited:.1} s")));
        }
        let instead = Self::instead(*condition, since, known);
        let said = format!("{name}: {condition} was not reached within {} ({instead})", span(*at_most));
        // Nothing begins from what the last stage waited for.
        let so = if is_last { "; the plan ends there" } else { "; the plan goes on, and what follows is invalid" };
        let warning = Instruction::Warning(format!("{said}{so}"));
        self.unmet_start = Some(said);
        Some(warning)
    }

    /// What was the case when a wait was given up.
    fn instead(condition: Condition, since: Elapsed, known: &impl Conditions) -> String {
        match (condition, known.instances(since)) {
            (Condition::Settled, _) => "the count or the objective still moved".to_owned(),
            (Condition::Instances(..), Some(count)) => format!("{count} at its end"),
            (Condition::Instances(..), None) => "no count that is final had come".to_owned(),
        }
    }

    fn holds(condition: Condition, since: Elapsed, known: &impl Conditions) -> bool {
        match condition {
            Condition::Settled => known.is_settled(since),
            Condition::Instances(comparison, count) => known.has_instances(since, |n| comparison.holds(n, count)),
        }
    }

    /// Begins a stage. What follows a wait that was given up does not begin from what the plan says, up to the next wait: a
    /// stage with a condition of its own, at a lower rate than the one before.
    fn begin(&mut self, stage: usize, at: Elapsed) -> Instruction {
        let Some(next) = self.stages.get(stage) else {
            self.finished = true;
            let waits = self.stages.last().is_some_and(|last| matches!(last.end, StageEnd::Until(..)));
            return Instruction::Finish { at, unmet: self.unmet_start.clone().filter(|_| waits) };
        };
        let before = stage.checked_sub(1).map(|before| self.stages[before].profile.last());
        let is_a_wait =
            matches!(next.end, StageEnd::Until(..)) && before.is_some_and(|rate| next.profile.last() < rate);
        self.playing = Some((stage, at));
        let unmet_start = self.unmet_start.clone().filter(|_| !is_a_wait);
        Instruction::Begin { at, name: next.name.clone(), profile: next.profile, unmet_start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known {
        instances: Option<u32>,
        settled: bool,
    }

    impl Conditions for Known {
        fn instances(&self, _: Elapsed) -> Option<u32> {
            self.instances
        }
        fn is_settled(&self, _: Elapsed) -> bool {
            self.settled
        }
    }

    const NOTHING: Known = Known { instances: None, settled: false };

    fn plan(text: &str) -> Schedule {
        Schedule::new(&Plan::parse(text).unwrap())
    }

    fn began(instruction: Option<Instruction>) -> (u64, u32) {
        match instruction {
            Some(Instruction::Begin { at, profile, .. }) => (at.as_millis(), profile.first().get()),
            other => panic!("no stage began: {other:?}"),
        }
    }

    #[test]
    fn stages_follow_each_other_without_drift_however_late_the_poll() {
        let mut schedule = plan("[[stage]]\nrate = 1\nduration = \"2s\"\n[[stage]]\nrate = 2\nduration = \"3s\"\n");
        assert_eq!(began(schedule.poll(Elapsed::ZERO, &NOTHING)), (0, 1));
        assert_eq!(schedule.deadline(), Some(Elapsed::from_millis(1_900)));
        assert_eq!(schedule.poll(Elapsed::from_millis(1_899), &NOTHING), None);
        assert_eq!(began(schedule.poll(Elapsed::from_millis(2_700), &NOTHING)), (2_000, 2));
        assert_eq!(
            schedule.poll(Elapsed::from_secs(60), &NOTHING),
            Some(Instruction::Finish { at: Elapsed::from_secs(5), unmet: None })
        );
        assert_eq!((schedule.poll(Elapsed::from_secs(61), &NOTHING), schedule.deadline()), (None, None));
    }

    #[test]
    fn what_is_known_ahead_is_said_ahead_but_the_end_comes_in_its_time() {
        let mut schedule = plan("[[stage]]\nrate = 1\nduration = \"2s\"\n[[stage]]\nrate = 2\nduration = \"3s\"\n");
        schedule.poll(Elapsed::ZERO, &NOTHING);
        assert_eq!(began(schedule.poll(Elapsed::from_millis(1_900), &NOTHING)), (2_000, 2));
        assert_eq!(schedule.poll(Elapsed::from_millis(1_901), &NOTHING), None);
        let end = Elapsed::from_secs(5);
        assert_eq!(schedule.poll(Elapsed::from_millis(4_900), &NOTHING), Some(Instruction::End { at: end }));
        assert_eq!(schedule.poll(Elapsed::from_millis(4_901), &NOTHING), None);
        assert_eq!(schedule.deadline(), Some(end));
        assert_eq!(schedule.poll(end, &NOTHING), Some(Instruction::Finish { at: end, unmet: None }));
    }

    #[test]
    fn a_condition_that_the_last_stage_waits_for_in_vain_is_told_with_the_end() {
        let text =
            "[[stage]]\nrate = 5\nduration = \"2s\"\n[[stage]]\nrate = 0\nuntil = \"settled\"\nat_most = \"5s\"\n";
        let unmet = |is_met: bool| {
            let mut schedule = plan(text);
            let known = Known { instances: None, settled: is_met };
            (0..100).map(Elapsed::from_secs).find_map(|now| {
                std::iter::from_fn(|| schedule.poll(now, &known)).find_map(|said| match said {
                    Instruction::Finish { unmet, .. } => Some(unmet),
                    _ => None,
                })
            })
        };
        assert_eq!(unmet(true), Some(None));
        let told = unmet(false).flatten().unwrap_or_default();
        assert!(
            told.ends_with("settled was not reached within 5 s (the count or the objective still moved)"),
            "{told}"
        );
    }

    #[test]
    fn a_condition_ends_a_stage_early_and_at_most_ends_it_anyway() {
        let text = "[[stage]]\nrate = 0\nuntil = \"instances <= 1\"\nat_most = \"10s\"\n[[stage]]\nrate = 7\nduration = \"1s\"\n";
        let mut schedule = plan(text);
        schedule.poll(Elapsed::ZERO, &NOTHING);
        assert_eq!(schedule.poll(Elapsed::from_secs(5), &NOTHING), None, "an unknown count is not a small one");
        assert_eq!(schedule.poll(Elapsed::from_secs(5), &Known { instances: Some(2), settled: false }), None);
        let one = Known { instances: Some(1), settled: false };
        let said = |text: &str| Some(Instruction::Note(text.to_owned()));
        assert_eq!(schedule.poll(Elapsed::from_secs(6), &one), said("stage 1: instances <= 1 after 6.0 s"));
        assert_eq!(began(schedule.poll(Elapsed::from_secs(6), &one)), (6_000, 7));

        let mut schedule = plan(text);
        schedule.poll(Elapsed::ZERO, &NOTHING);
        let unmet = "stage 1: instances <= 1 was not reached within 10 s (no count that is final had come)";
        let warned = Instruction::Warning(format!("{unmet}; the plan goes on, and what follows is invalid"));
        assert_eq!(schedule.poll(Elapsed::from_secs(11), &NOTHING), Some(warned));
        assert_eq!(began(schedule.poll(Elapsed::from_secs(11), &NOTHING)), (10_000, 7));

        // Met when it was looked at for the last time.
        let mut schedule = plan(text);
        schedule.poll(Elapsed::ZERO, &NOTHING);
        assert_eq!(schedule.poll(Elapsed::from_secs(10), &one), said("stage 1: instances <= 1 after 10.0 s"));
    }

    /// What each stage of the plan begins from, by what is known: `None` where nothing is wrong with it.
    fn starts(text: &str, known: impl Fn(u64) -> Known) -> Vec<(String, Option<String>)> {
        let mut schedule = plan(text);
        let mut starts = Vec::new();
        for second in 0..10_000 {
            while let Some(instruction) = schedule.poll(Elapsed::from_secs(second), &known(second)) {
                match instruction {
                    Instruction::Begin { name, unmet_start, .. } => starts.push((name, unmet_start)),
                    Instruction::Finish { .. } => return starts,
                    _ => {}
                }
            }
        }
        panic!("the plan never ends: {starts:?}")
    }

    const SPIKES: &str = "repeat = 2\n[[stage]]\nname = \"rest\"\nrate = 5\nuntil = \"instances <= 1\"\nat_most = \"15m\"\n\
                          [[stage]]\nname = \"quiet\"\nrate = 0\nduration = \"10s\"\n\
                          [[stage]]\nname = \"spike\"\nrate = 600\nduration = \"5m\"\n";

    #[test]
    fn what_follows_a_wait_that_was_given_up_does_not_begin_from_what_the_plan_says() {
        let named = |names: &[(&str, Option<&str>)]| -> Vec<_> {
            names.iter().map(|(name, unmet)| ((*name).to_owned(), unmet.map(str::to_owned))).collect()
        };
        let five_in_the_end = "rest (2): instances <= 1 was not reached within 15 min (5 at its end)";
        let late = starts(SPIKES, |second| Known { instances: Some(if second < 100 { 1 } else { 5 }), settled: false });
        let unmet = Some(five_in_the_end);
        let expected = [("rest", None), ("quiet", None), ("spike", None), ("rest (2)", None), ("quiet (2)", unmet)];
        assert_eq!(late[..5], named(&expected)[..]);
        assert_eq!(late[5], ("spike (2)".to_owned(), unmet.map(str::to_owned)));
        // Met again: the second spike is as good as ever, and the wait before it is none of the first wait's.
        let early =
            starts(SPIKES, |second| Known { instances: Some(if second < 1_000 { 5 } else { 1 }), settled: false });
        let was_unmet: Vec<_> = early.iter().map(|(_, unmet)| unmet.is_some()).collect();
        assert_eq!(was_unmet, [false, true, true, false, false, false], "{early:?}");
        // Nobody ever knows: no repeat begins from one instance that anybody has seen.
        let blind = starts(SPIKES, |_| NOTHING);
        assert_eq!(blind.iter().filter(|(_, unmet)| unmet.is_some()).count(), 4, "{blind:?}");
        assert!(blind[1].1.as_deref().unwrap().ends_with("(no count that is final had come)"), "{blind:?}");
    }

    #[test]
    fn a_measured_stage_with_a_condition_of_its_own_is_no_wait() {
        let text = "[[stage]]\nrate = 5\nuntil = \"settled\"\nat_most = \"1m\"\n\
                    [[stage]]\nname = \"spike\"\nrate = 600\nuntil = \"settled\"\nat_most = \"5m\"\n";
        let starts = starts(text, |_| NOTHING);
        let unmet = "stage 1: settled was not reached within 1 min (the count or the objective still moved)";
        assert_eq!(starts[1], ("spike".to_owned(), Some(unmet.to_owned())));
    }

    #[test]
    fn the_first_stage_begins_with_a_second() {
        let mut schedule = plan("[[stage]]\nrate = 1\nduration = \"2s\"\n");
        assert_eq!(schedule.poll(Elapsed::from_millis(3_217), &NOTHING), None);
        assert_eq!(schedule.deadline(), Some(Elapsed::from_millis(3_900)));
        assert_eq!(began(schedule.poll(Elapsed::from_millis(4_003), &NOTHING)), (4_000, 1));
        assert_eq!(schedule.deadline(), Some(Elapsed::from_millis(5_900)));
    }
}
