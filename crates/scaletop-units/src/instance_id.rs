//! [`InstanceId`]: what an instance calls itself.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What an instance calls itself in a response header: untrusted text, made harmless on the way in.
///
/// At most [`InstanceId::MAX_LEN`] characters; anything but ASCII letters, digits and `-_.:/@` becomes `?`, so that an id
/// can reach a terminal, a spreadsheet or a page as it is. A leading `-` or `@`, which a spreadsheet would take for the
/// start of a formula, becomes `?` too. Clones share the text, so that an id can stand in every sample for free.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Longer ids are cut here.
    pub const MAX_LEN: usize = 64;

    /// The harmless form of what a header says; `None` when nothing is left.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let raw = raw.trim_ascii();
        let raw = &raw[..raw.len().min(Self::MAX_LEN)];
        let text: String = raw.iter().enumerate().map(|(at, &byte)| Self::harmless(byte, at == 0)).collect();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn harmless(byte: u8, is_first: bool) -> char {
        match byte {
            b'-' | b'@' if is_first => '?',
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' | b':' | b'/' | b'@' | b'-' => char::from(byte),
            _ => '?',
        }
    }
}

impl From<String> for InstanceId {
    fn from(text: String) -> Self {
        Self::parse(text.as_bytes()).unwrap_or_else(|| Self("?".into()))
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_instance_id_is_made_harmless_and_short() {
        let id = InstanceId::parse(b"=cmd|'\x1b[31m<script>").expect("not empty");
        assert_eq!(id.as_str(), "?cmd????31m?script?");
        assert_eq!(InstanceId::parse(&[b'a'; 1000]).expect("not empty").as_str().len(), InstanceId::MAX_LEN);
        assert_eq!(InstanceId::parse(b"  "), None);
    }

    #[test]
    fn an_id_that_starts_like_a_formula_is_defused() {
        for raw in ["=1+1", "+1", "@SUM(A1)", "-2"] {
            let id = InstanceId::parse(raw.as_bytes()).expect("not empty");
            assert!(!id.as_str().starts_with(['=', '+', '@', '-']), "{id}");
        }
    }
}
