//! What stands at a service and is worth a word for as long as it does: a deployment in progress, suspended scaling.
//!
//! A session is told of it once when it begins and once when it is over; `doctor` has a line for each that stands. What keeps
//! the service from scaling out is also recorded as a milestone, and is the reason that the waterfall of a step gives.

/// One thing that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// What it is about, one word or two. Of each topic of a source at most one condition stands at a time.
    pub(crate) topic: &'static str,
    /// What is so. Stays the same for as long as it is news to nobody. May hold the platform's own words.
    pub(crate) text: String,
    /// What to do, or to know.
    pub(crate) remedy: String,
    /// Whether it keeps the service from scaling out.
    pub(crate) hinders: bool,
}

impl Condition {
    /// Worth knowing; it keeps nothing from scaling out.
    pub(crate) fn new(topic: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { topic, text: text.into(), remedy: remedy.into(), hinders: false }
    }

    /// It keeps the service from scaling out.
    pub(crate) fn hindrance(topic: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { hinders: true, ..Self::new(topic, text, remedy) }
    }
}
