//! [`InstanceId`]: what an instance calls itself.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What an instance calls itself in a response header: untrusted text, made harmless on the way in.
///
/// At most [`InstanceId::MAX_LEN`] characters; anything but ASCII letters, digits and `-_.:/@` becomes `?`, so that an id
/// can reach a terminal, a spreadsheet or a page as it is. A leading `-` or `@`, which a spreadsheet would take for the
/// start of a formula, becomes `?` too. What loses something by that, its length or a character, keeps its beginning and its
/// end, and a digest of the whole stands between them: different ids stay different. Clones share the text, so that an id can
/// stand in every sample for free.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct InstanceId(Arc<str>);

/// What stands around the digest of an id that was cut.
const CUT: &str = "..";

impl InstanceId {
    /// Longer ids are cut to this.
    pub const MAX_LEN: usize = 64;

    /// Digits of the digest.
    const DIGEST_LEN: usize = 16;

    /// What an id that is cut keeps of its beginning, and of its end.
    const KEPT: usize = (Self::MAX_LEN - Self::DIGEST_LEN - 2 * CUT.len()) / 2;

    /// The harmless form of what a header says; `None` when nothing is left. The form of a form is itself.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let raw = raw.trim_ascii();
        if raw.is_empty() {
            return None;
        }
        let text: String = raw.iter().enumerate().map(|(at, &byte)| Self::harmless(byte, at == 0)).collect();
        let is_whole = raw.len() <= Self::MAX_LEN && text.as_bytes() == raw;
        if is_whole {
            return Some(Self(text.into()));
        }
        let (head, tail) = if text.len() <= 2 * Self::KEPT {
            (text.as_str(), "")
        } else {
            (&text[..Self::KEPT], &text[text.len() - Self::KEPT..])
        };
        Some(Self(format!("{head}{CUT}{:016x}{CUT}{tail}", digest(raw)).into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id in at most `width` characters. One that is longer keeps its beginning, and its end where there is room, and
    /// digits that tell it from others.
    pub fn shortened(&self, width: usize) -> String {
        const DIGITS: usize = 6;
        let text = &self.0;
        if text.len() <= width {
            return text.as_ref().to_owned();
        }
        let digits = &format!("{:016x}", digest(text.as_bytes()))[..DIGITS.min(width)];
        let kept = width.saturating_sub(DIGITS + 2) / 2;
        if kept < DIGITS {
            let head = width.saturating_sub(DIGITS + 1);
            return if head == 0 { digits.to_owned() } else { format!("{}…{digits}", &text[..head]) };
        }
        format!("{}…{digits}…{}", &text[..kept], &text[text.len() - kept..])
    }

    /// Whether the instance called itself otherwise: longer, or with characters that are not shown.
    pub fn is_cut(&self) -> bool {
        let digest_begins = |at: usize| {
            let rest = &self.0[at + CUT.len()..];
            rest.get(..Self::DIGEST_LEN).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                && rest[Self::DIGEST_LEN..].starts_with(CUT)
        };
        self.0.match_indices(CUT).any(|(at, _)| digest_begins(at))
    }

    fn harmless(byte: u8, is_first: bool) -> char {
        match byte {
            b'-' | b'@' if is_first => '?',
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' | b':' | b'/' | b'@' | b'-' => char::from(byte),
            _ => '?',
        }
    }
}

/// A digest that is the same on every machine and in every version: FNV-1a of 64 bits, and a mixing at the end.
fn digest(bytes: &[u8]) -> u64 {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
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
        assert!(id.as_str().starts_with("?cmd????31m?script?.."), "{id}");
        assert_eq!(InstanceId::parse(&[b'a'; 1000]).expect("not empty").as_str().len(), InstanceId::MAX_LEN);
        assert_eq!(InstanceId::parse(b"  "), None);
    }

    #[test]
    fn a_long_id_keeps_its_beginning_its_end_and_what_tells_it_from_others() {
        let id = |text: &str| InstanceId::parse(text.as_bytes()).expect("not empty");
        let (front, back) = ("f".repeat(82), "b".repeat(30));
        let (one, other) = (id(&format!("{front}1{back}")), id(&format!("{front}2{back}")));
        assert_ne!(one, other, "the same at both ends, another in the middle");
        for long in [&one, &other] {
            assert!(long.as_str().len() == InstanceId::MAX_LEN && long.is_cut(), "{long}");
            assert!(long.as_str().starts_with("ffff") && long.as_str().ends_with("bbbb"), "{long}");
            assert_eq!(&id(long.as_str()), long, "what was recorded is read as it is");
        }
        assert_eq!(id(&format!("{front}1{back}")), one, "the same on every day");
        assert_eq!(one.as_str(), "ffffffffffffffffffffff..8394074b92b3d0f4..bbbbbbbbbbbbbbbbbbbbbb");
        assert!(!id("i-0123456789abcdef0").is_cut() && !id("a..b..c").is_cut());
    }

    #[test]
    fn in_little_room_ids_still_differ() {
        let ids: Vec<_> = (0..50)
            .map(|n| InstanceId::from(format!("ip-10-0-{n}-1.eu-west-1.compute.internal.example.com")))
            .collect();
        for width in [6, 8, 10, 16, 24, 40] {
            let shown: std::collections::BTreeSet<_> = ids.iter().map(|id| id.shortened(width)).collect();
            assert_eq!(shown.len(), ids.len(), "{width}: {shown:?}");
            assert!(shown.iter().all(|text| text.chars().count() <= width), "{width}: {shown:?}");
        }
        assert!(
            ids[0].shortened(24).starts_with("ip-10-0-…") && ids[0].shortened(24).ends_with("…mple.com"),
            "{}",
            ids[0].shortened(24)
        );
        assert_eq!(InstanceId::from("i-1".to_owned()).shortened(10), "i-1");
    }

    #[test]
    fn ids_that_differ_in_what_is_not_shown_stay_different() {
        let id = |raw: &[u8]| InstanceId::parse(raw).expect("not empty");
        assert_ne!(id("i-ä".as_bytes()), id("i-ö".as_bytes()));
        assert_ne!(id(b"a b"), id(b"a+b"));
        assert_ne!(id(b"-1"), id(b"@1"));
        let made = id("i-ä".as_bytes());
        assert_eq!(id(made.as_str().as_bytes()), made, "what was recorded is read as it is");
    }

    #[test]
    fn an_id_that_starts_like_a_formula_is_defused() {
        for raw in ["=1+1", "+1", "@SUM(A1)", "-2"] {
            let id = InstanceId::parse(raw.as_bytes()).expect("not empty");
            assert!(!id.as_str().starts_with(['=', '+', '@', '-']), "{id}");
        }
    }
}
