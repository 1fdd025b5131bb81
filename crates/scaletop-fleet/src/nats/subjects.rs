//! What travels where: `st.R.…`, R being the run.

use scaletop_units::GeneratorId;

use crate::RunId;

/// The subjects of one run.
#[derive(Clone, Debug)]
pub(crate) struct Subjects(RunId);

impl Subjects {
    pub(crate) const fn of(run: RunId) -> Self {
        Self(run)
    }

    pub(crate) fn hello(&self) -> String {
        format!("st.{}.hello", self.0)
    }

    pub(crate) fn beat(&self, id: &GeneratorId) -> String {
        format!("st.{}.beat.{id}", self.0)
    }

    pub(crate) fn beats(&self) -> String {
        format!("st.{}.beat.*", self.0)
    }

    pub(crate) fn schedule(&self) -> String {
        format!("st.{}.schedule", self.0)
    }

    pub(crate) fn schedule_get(&self) -> String {
        format!("st.{}.schedule.get", self.0)
    }

    pub(crate) fn order(&self, id: &GeneratorId) -> String {
        format!("st.{}.order.{id}", self.0)
    }

    pub(crate) fn second(&self, id: &GeneratorId, number: u64) -> String {
        format!("st.{}.sec.{id}.{number}", self.0)
    }

    pub(crate) fn seconds(&self) -> String {
        format!("st.{}.sec.*.*", self.0)
    }

    /// What makes a second known as the same one when it is stored again.
    pub(crate) fn message_id(&self, id: &GeneratorId, number: u64) -> String {
        format!("{}/{id}/{number}", self.0)
    }

    /// The stream that keeps the seconds.
    pub(crate) fn stream(&self) -> String {
        format!("ST_{}", self.0)
    }

    /// The first line of a recording.
    pub(crate) fn record_header(&self) -> String {
        format!("st.{}.rec.header", self.0)
    }

    /// Its other lines.
    pub(crate) fn record_line(&self) -> String {
        format!("st.{}.rec.line", self.0)
    }

    /// All of them.
    pub(crate) fn records(&self) -> String {
        format!("st.{}.rec.*", self.0)
    }

    /// The stream that keeps the recording.
    pub(crate) fn record_stream(&self) -> String {
        format!("RC_{}", self.0)
    }

    /// Whose beat it is.
    pub(crate) fn beat_of(&self, subject: &str) -> Option<GeneratorId> {
        self.after("beat.", subject)?.parse().ok()
    }

    /// Whose second it is, and which.
    pub(crate) fn second_of(&self, subject: &str) -> Option<(GeneratorId, u64)> {
        let (id, number) = self.after("sec.", subject)?.split_once('.')?;
        Some((id.parse().ok()?, number.parse().ok()?))
    }

    fn after<'a>(&self, kind: &str, subject: &'a str) -> Option<&'a str> {
        subject.strip_prefix("st.")?.strip_prefix(self.0.as_str())?.strip_prefix('.')?.strip_prefix(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let run: RunId = "0123456789abcdef".parse().expect("a run");
        let subjects = Subjects::of(run);
        let id: GeneratorId = "g1-x".parse().expect("a name");
        assert_eq!(subjects.second_of(&subjects.second(&id, 17)), Some((id.clone(), 17)));
        assert_eq!(subjects.beat_of(&subjects.beat(&id)), Some(id));
        for wrong in [
            "st.0123456789abcdef.sec.g1",
            "st.0123456789abcdef.sec.g1.-1",
            "st.0123456789abcdee.sec.g1.1",
            "st.",
            "",
            "x",
        ] {
            assert_eq!(subjects.second_of(wrong), None, "{wrong}");
        }
        for wrong in ["st.0123456789abcdef.beat.", "st.0123456789abcdef.beat.a.b", "st.0123456789abcdef.beats.a"] {
            assert_eq!(subjects.beat_of(wrong), None, "{wrong}");
        }
    }
}
