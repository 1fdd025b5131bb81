//! Words of a fleet: who generates load beside others, and what became of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ArrivalRate;

/// What a generator is called within its fleet: 1 to 32 of `a-z`, `0-9` and `-`, none of which means anything in a subject, a
/// file name, a spreadsheet or a page. It does not begin with `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GeneratorId(Arc<str>);

/// A text that is no [`GeneratorId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoGeneratorId;

impl fmt::Display for NoGeneratorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a generator is called by 1 to 32 of a-z, 0-9 and -, the first of which is no -")
    }
}

impl std::error::Error for NoGeneratorId {}

impl GeneratorId {
    /// Longer names are none.
    pub const MAX_LEN: usize = 32;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GeneratorId {
    type Error = NoGeneratorId;

    fn try_from(text: String) -> Result<Self, NoGeneratorId> {
        let is_fine = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_id = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(is_fine) && !text.starts_with('-');
        if is_id { Ok(Self(text.into())) } else { Err(NoGeneratorId) }
    }
}

impl std::str::FromStr for GeneratorId {
    type Err = NoGeneratorId;

    fn from_str(text: &str) -> Result<Self, NoGeneratorId> {
        Self::try_from(text.to_owned())
    }
}

impl From<GeneratorId> for String {
    fn from(id: GeneratorId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for GeneratorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something happened to a generator of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratorEvent {
    /// Whom it happened to.
    pub id: GeneratorId,
    /// What happened.
    pub change: GeneratorChange,
    /// Why, or with which consequence, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What can happen to a generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorChange {
    /// It is ready and gets a share of the load.
    Joined,
    /// Nothing was heard of it for two thirds of the lease. It is answered no more, so that it is silent by the end of the lease.
    Suspected,
    /// Its lease is over: it sends nothing any more.
    Lost,
    /// Others have its share.
    TakenOver,
    /// It is back after it was lost, and has a share again.
    Returned,
    /// It handed its share over and went.
    Left,
}

/// How the fleet as a whole stands. Said anew when something of it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetState {
    /// Generators that were asked for.
    pub wanted: u32,
    /// Generators that have a share of the load.
    pub live: u32,
    /// Why the load stands still although a rate is set; `None` while it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// How far the generators' clocks may be apart from the session's: the worst of them, plus or minus.
    pub clock_error: Duration,
    /// A change of rate takes effect so long after it is asked for, so that every generator knows of it before.
    pub lead: Duration,
    /// The most that all live ones together may send, requests per second.
    pub ceiling: ArrivalRate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_is_named_by_what_means_nothing_anywhere() {
        let is_id = |text: &str| text.parse::<GeneratorId>().is_ok();
        assert!(is_id("g1") && is_id("ip-10-0-3-7") && is_id(&"a".repeat(32)));
        for wrong in ["", "-a", "A", "a.b", "a*", "a>", "a b", "ä", &"a".repeat(33)] {
            assert!(!is_id(wrong), "{wrong:?}");
        }
        let id: GeneratorId = "g1".parse().expect("a name");
        assert_eq!(String::from(id), "g1");
    }
}
