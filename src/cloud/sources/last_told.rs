//! Remembers what was told last, so that a source that is polled tells only what is new. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::polling::Condition;
use crate::polling::PollReport;
use crate::session::event::{Fact, Notice, NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// The facts, notices and conditions that a source told last.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastTold {
    facts: BTreeMap<&'static str, String>,
    notices: BTreeMap<&'static str, String>,
    conditions: BTreeMap<&'static str, Condition>,
}

impl LastTold {
    /// States a fact, if it differs from what was stated last under this name.
    pub(crate) fn fact(
        &mut self,
        report: &mut PollReport,
        name: &'static str,
        value: impl Into<String>,
        as_of: Elapsed,
    ) {
        let value = value.into();
        if self.facts.get(name) != Some(&value) {
            self.facts.insert(name, value.clone());
            report.events.push(SessionEvent::Fact(Fact { name: name.to_owned(), value, as_of }));
        }
    }

    /// Writes a line into the log, if it differs from the last on this topic. An empty text ends the topic silently.
    pub(crate) fn notice(
        &mut self,
        report: &mut PollReport,
        topic: &'static str,
        level: NoticeLevel,
        text: impl Into<String>,
    ) {
        let text = text.into();
        if self.notices.get(topic).map_or("", String::as_str) != text {
            self.notices.insert(topic, text.clone());
            if !text.is_empty() {
                report.events.push(SessionEvent::Notice(Notice { level, text }));
            }
        }
    }

    /// Tells what stands of `topic` now, if that has changed: its beginning with what to do, and its end.
    pub(crate) fn condition(
        &mut self,
        report: &mut PollReport,
        platform: &str,
        topic: &'static str,
        found: Option<Condition>,
        now: Elapsed,
    ) {
        report.standing.extend(found.clone());
        let before = self.conditions.remove(topic);
        if let Some(found) = &found {
            self.conditions.insert(topic, found.clone());
        }
        if before == found {
            return;
        }
        let (level, text) = match (&before, &found) {
            (_, Some(Condition { text, remedy, .. })) => {
                (NoticeLevel::Warning, format!("{platform}: {text}; {remedy}"))
            }
            (Some(Condition { text, .. }), None) => (NoticeLevel::Info, format!("{platform}: no longer so: {text}")),
            (None, None) => return,
        };
        report.events.push(SessionEvent::Notice(Notice { level, text }));
        let hindered = |condition: Option<Condition>| condition.filter(|condition| condition.hinders);
        let (before, found) = (hindered(before), hindered(found));
        let begins = found.is_some();
        if let Some(Condition { text: detail, .. }) = found.or(before) {
            report.events.push(SessionEvent::Milestone(Milestone {
                kind: if begins { MilestoneKind::Hindrance } else { MilestoneKind::HindranceOver },
                subject: topic.to_owned(),
                detail,
                as_of: now,
                uncertainty: Duration::ZERO,
                clock_error: Duration::ZERO,
            }));
        }
    }
}
