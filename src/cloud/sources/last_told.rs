//! Remembers what was told last, so that a source that is polled tells only what is new. Pure.

use std::collections::BTreeMap;

use super::feed::PollReport;
use crate::session::event::{Fact, Notice, NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// The facts and notices that a source told last.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastTold {
    facts: BTreeMap<&'static str, String>,
    notices: BTreeMap<&'static str, String>,
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
}
