//! What a run of a fleet is called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Names one fleet on a server: 16 hexadecimal digits. It stands in every subject, so that fleets on one server do not hear each
/// other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(Arc<str>);

/// A text that is no [`RunId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRunId;

impl fmt::Display for NoRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a run is called by 16 of 0-9 and a-f")
    }
}

impl std::error::Error for NoRunId {}

impl RunId {
    /// The run of this number.
    pub fn from_number(number: u64) -> Self {
        Self(format!("{number:016x}").into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = NoRunId;

    fn from_str(text: &str) -> Result<Self, NoRunId> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_id { Ok(Self(text.into())) } else { Err(NoRunId) }
    }
}

impl TryFrom<String> for RunId {
    type Error = NoRunId;

    fn try_from(text: String) -> Result<Self, NoRunId> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_sixteen_digits_and_nothing_that_means_something_in_a_subject() {
        assert!("0123456789abcdef".parse::<RunId>().is_ok());
        for wrong in
            ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcde.", "0123456789abcde>"]
        {
            assert!(wrong.parse::<RunId>().is_err(), "{wrong:?}");
        }
        let id = RunId::from_number(7);
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
    }
}
