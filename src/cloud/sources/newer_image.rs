//! Whether a newer image than the deployed one waits: only where that can be true. Pure.
//!
//! A registry holds more than releases: attestations and signatures, build caches, charts, images of other branches. Of these,
//! one waits that can be run, bears a tag, was pushed later and is of the deployed one's line: the same tag, or one that differs
//! in its numbers only and has the higher ones. Of anything else only what is known is said: the newest push.

use std::fmt;
use std::time::Duration;

use aws_sdk_ecr::types::{ImageDetail, ImageStatus};
use jiff::{SignedDuration, Timestamp};

use crate::cloud::clients::timestamp;

/// Whether a newer image waits to be deployed. Its text is the fact `image_newer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NewerImage {
    /// What is deployed is the newest.
    No,
    Waits {
        /// Its tag.
        name: String,
        /// When it was pushed.
        pushed: Timestamp,
    },
    /// Something newer was pushed, and nothing says that it is meant for this service.
    OtherPush {
        /// Its tag.
        name: String,
        /// When it was pushed.
        pushed: Timestamp,
    },
    /// The image is in no registry that can be asked.
    Unknown,
}

impl fmt::Display for NewerImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("none"),
            Self::Waits { name, pushed } => write!(f, "{name}, pushed {}, waits to be deployed", time_text(*pushed)),
            Self::OtherPush { name, pushed } => {
                write!(
                    f,
                    "newest push: {name}, {}; whether it is meant for this service is not known",
                    time_text(*pushed)
                )
            }
            Self::Unknown => f.write_str("unknown: the image is in no private ECR registry"),
        }
    }
}

/// `2026-11-24 00:20:00 UTC`.
pub(crate) fn time_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub(super) fn pushed_at(image: &ImageDetail) -> Option<Timestamp> {
    timestamp(image.image_pushed_at()?)
}

/// The index of a multi-platform image is pushed within this of its parts.
const PUSHED_TOGETHER: Duration = Duration::from_mins(10);

/// What of `all` is newer than `deployed`, which the service names by `tag`.
pub(super) fn newer_than(tag: Option<&str>, deployed: &ImageDetail, all: &[ImageDetail]) -> NewerImage {
    let Some(deployed_at) = pushed_at(deployed) else { return NewerImage::No };
    let own_tags: Vec<&str> = deployed.image_tags().iter().map(String::as_str).chain(tag).collect();
    let is_own_index = |image: &ImageDetail, pushed: Timestamp| {
        let shares_tag = image.image_tags().iter().any(|other| own_tags.contains(&other.as_str()));
        let is_near =
            pushed.duration_since(deployed_at) < SignedDuration::try_from(PUSHED_TOGETHER).unwrap_or_default();
        deployed.image_tags().is_empty() && is_index(image) && shares_tag && is_near
    };
    let mut waiting: Option<(Timestamp, &str)> = None;
    let mut newest: Option<(Timestamp, &str)> = None;
    for image in all.iter().filter(|image| image.image_digest() != deployed.image_digest() && is_runnable(image)) {
        let Some(pushed) = pushed_at(image).filter(|pushed| *pushed > deployed_at) else { continue };
        if is_own_index(image, pushed) {
            continue;
        }
        // No order is promised, neither of images nor of tags: of several tags, and of images that were pushed at the same
        // moment, the last by name.
        let of_line = |other: &&str| own_tags.iter().any(|own| follows(own, other));
        let tags = || image.image_tags().iter().map(String::as_str);
        if let Some(tag) = tags().filter(of_line).max() {
            waiting = waiting.max(Some((pushed, tag)));
        } else if let Some(tag) = tags().max() {
            newest = newest.max(Some((pushed, tag)));
        }
    }
    match (waiting, newest) {
        (Some((pushed, name)), _) => NewerImage::Waits { name: name.to_owned(), pushed },
        (None, Some((pushed, name))) => NewerImage::OtherPush { name: name.to_owned(), pushed },
        (None, None) => NewerImage::No,
    }
}

fn is_index(image: &ImageDetail) -> bool {
    image.image_manifest_media_type().is_some_and(|kind| kind.contains("image.index") || kind.contains("manifest.list"))
}

/// Whether it can be run: no attestation, signature, build cache or chart, and not archived.
fn is_runnable(image: &ImageDetail) -> bool {
    // What an image of today has for its configuration; ECR names none for older ones and for indexes.
    let is_image = image.artifact_media_type().is_none_or(|kind| {
        matches!(kind, "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json")
    });
    let is_manifest = image.image_manifest_media_type().is_none_or(|kind| !kind.contains("artifact.manifest"));
    // cosign's way before registries knew subjects: `sha256-….sig`.
    let is_of_another = image.subject_manifest_digest().is_some()
        || (!image.image_tags().is_empty() && image.image_tags().iter().all(|tag| tag.starts_with("sha256-")));
    let is_at_hand = image.image_status().is_none_or(|status| *status != ImageStatus::Archived);
    is_image && is_manifest && !is_of_another && is_at_hand
}

/// Whether `other` comes after `own` in the same line: the same tag moved, or the same words with higher numbers, or the same
/// words with another commit.
fn follows(own: &str, other: &str) -> bool {
    if own == other {
        return true;
    }
    let (own, other) = (Line::of(own), Line::of(other));
    own.words == other.words && own.is_of_line() && (own.has_commit || other.numbers > own.numbers)
}

/// A tag apart into what names its line and what numbers it: `v1.2-rc3` is `v#-rc#` and 1, 2, 3.
struct Line {
    words: String,
    numbers: Vec<u64>,
    has_commit: bool,
}

impl Line {
    fn of(tag: &str) -> Self {
        let mut line = Self { words: String::new(), numbers: Vec::new(), has_commit: false };
        // Pieces with the separator before them.
        for piece in tag.split_inclusive(['.', '-', '_', '+']) {
            let (word, separator) = match piece.char_indices().next_back() {
                Some((at, last @ ('.' | '-' | '_' | '+'))) => (&piece[..at], Some(last)),
                _ => (piece, None),
            };
            if is_commit(word) {
                line.has_commit = true;
                line.words.push('@');
            } else {
                line.number(word);
            }
            line.words.extend(separator);
        }
        // `1.2` and `1.2.3`, `2026-11-27`: numbers in a row are one.
        for separated in ["#.#", "#-#", "#_#"] {
            while line.words.contains(separated) {
                line.words = line.words.replace(separated, "#");
            }
        }
        line
    }

    fn number(&mut self, word: &str) {
        let mut digits = String::new();
        for character in word.chars().chain(std::iter::once('\0')) {
            if character.is_ascii_digit() {
                digits.push(character);
                continue;
            }
            if !digits.is_empty() {
                self.words.push('#');
                self.numbers.push(digits.parse().unwrap_or(u64::MAX));
                digits.clear();
            }
            if character != '\0' {
                self.words.push(character);
            }
        }
    }

    /// Whether the words name a line. A bare commit, or one with a word that is none of a branch, is of any branch.
    fn is_of_line(&self) -> bool {
        let says_nothing = ["@", "sha-@", "git-@", "commit-@", "g@"].contains(&self.words.as_str());
        !says_nothing && (self.has_commit || !self.numbers.is_empty())
    }
}

/// Whether a word looks like a commit's hash: seven hexadecimal digits or more, with letters and numbers among them.
fn is_commit(word: &str) -> bool {
    (7..=64).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    fn image(digest: &str, tags: &[&str], pushed: i64) -> aws_sdk_ecr::types::builders::ImageDetailBuilder {
        ImageDetail::builder()
            .image_digest(digest)
            .set_image_tags(Some(tags.iter().map(|tag| (*tag).to_owned()).collect()))
            .image_pushed_at(DateTime::from_secs(pushed))
    }

    fn found(deployed: &[&str], others: &[ImageDetail]) -> String {
        let deployed = image("own", deployed, 1_000).build();
        let all: Vec<_> = others.iter().cloned().chain([deployed.clone()]).collect();
        match newer_than(None, &deployed, &all) {
            NewerImage::No => "none".to_owned(),
            NewerImage::Waits { name, .. } => format!("waits {name}"),
            NewerImage::OtherPush { name, .. } => format!("other {name}"),
            NewerImage::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn what_cannot_be_run_or_has_no_tag_is_no_newer_image() {
        let newer = |tags: &[&str]| image("b", tags, 2_000);
        for artefact in [
            newer(&[]).artifact_media_type("application/vnd.in-toto+json"),
            newer(&[]),
            newer(&["buildcache"]).artifact_media_type("application/vnd.buildkit.cacheconfig.v0"),
            newer(&["v2"]).artifact_media_type("application/vnd.cncf.helm.config.v1+json"),
            newer(&["v2"]).subject_manifest_digest("sha256:1"),
            newer(&["v2"]).image_manifest_media_type("application/vnd.oci.artifact.manifest.v1+json"),
            newer(&["sha256-0123.sig"]),
            newer(&["v2"]).image_status(ImageStatus::Archived),
            image("b", &["v2"], 900),
        ] {
            let artefact = artefact.build();
            assert_eq!(found(&["v1"], std::slice::from_ref(&artefact)), "none", "{artefact:?}");
        }
        let docker = newer(&["v2"]).artifact_media_type("application/vnd.docker.container.image.v1+json");
        assert_eq!(found(&["v1"], &[docker.build()]), "waits v2");
    }

    #[test]
    fn only_what_is_of_the_deployed_ones_line_waits_and_of_the_rest_the_newest_push_is_known() {
        for (deployed, pushed, says) in [
            ("v1", "v2", "waits v2"),
            ("v1", "v1.0.1", "waits v1.0.1"),
            ("1.9.0", "1.10.0", "waits 1.10.0"),
            ("2026-11-26", "2026-11-27", "waits 2026-11-27"),
            ("develop-16", "develop-17", "waits develop-17"),
            ("main-0a1b2c3", "main-3c2b1a0", "waits main-3c2b1a0"),
            ("latest", "latest", "waits latest"),
            // Of another branch, a release candidate, a backport, a commit of any branch, another variant.
            ("v1", "develop-17", "other develop-17"),
            ("v1", "v2-rc1", "other v2-rc1"),
            ("v2.0.0", "v1.9.9", "other v1.9.9"),
            ("0a1b2c3", "3c2b1a0", "other 3c2b1a0"),
            ("sha-0a1b2c3", "sha-3c2b1a0", "other sha-3c2b1a0"),
            ("main-0a1b2c3", "develop-3c2b1a0", "other develop-3c2b1a0"),
            ("1.2.3-alpine", "1.2.4-debian", "other 1.2.4-debian"),
            ("latest", "v9", "other v9"),
            ("prod", "staging", "other staging"),
        ] {
            assert_eq!(found(&[deployed], &[image("b", &[pushed], 2_000).build()]), says, "{deployed}, then {pushed}");
        }
    }

    #[test]
    fn any_tag_of_an_image_may_name_its_line_and_what_waits_comes_before_other_pushes() {
        let v2 = image("b", &["3c2b1a0", "v2"], 2_000).build();
        let branch = image("c", &["develop-17"], 3_000).build();
        assert_eq!(found(&["0a1b2c3", "v1"], &[v2, branch]), "waits v2");
    }

    #[test]
    fn the_newest_is_the_last_push_whatever_the_order_and_ties_are_decided_by_name() {
        let pushed = |digest, tags: &[&str], at| image(digest, tags, at).build();
        let all = [
            pushed("a", &["v3"], 2_000),
            pushed("b", &["v4", "v4.0.1"], 3_000),
            pushed("c", &["v5"], 3_000),
            pushed("d", &["v2"], 1_500),
        ];
        let mut orders: Vec<Vec<ImageDetail>> = vec![all.to_vec()];
        orders.extend((1..all.len()).map(|by| [&all[by..], &all[..by]].concat()));
        orders.push(all.iter().rev().cloned().collect());
        for order in orders {
            assert_eq!(found(&["v1"], &order), "waits v5", "{order:?}");
        }
        for tags in [["v4", "v4.0.1"], ["v4.0.1", "v4"]] {
            assert_eq!(found(&["v1"], &[pushed("b", &tags, 3_000)]), "waits v4.0.1");
        }
        for tags in [["develop-17", "abc"], ["abc", "develop-17"]] {
            assert_eq!(found(&["v1"], &[pushed("b", &tags, 3_000)]), "other develop-17");
        }
    }

    #[test]
    fn the_tag_that_the_service_names_counts_though_it_has_moved_and_an_index_of_the_same_push_is_no_news() {
        let platform = image("own", &[], 1_000).build();
        let index =
            |at| image("b", &["v1"], at).image_manifest_media_type("application/vnd.oci.image.index.v1+json").build();
        assert_eq!(newer_than(Some("v1"), &platform, &[index(1_002)]), NewerImage::No);
        assert!(matches!(newer_than(Some("v1"), &platform, &[index(9_000)]), NewerImage::Waits { .. }));
        let other = NewerImage::OtherPush { name: "develop-17".to_owned(), pushed: Timestamp::UNIX_EPOCH };
        let said = other.to_string();
        assert!(said.starts_with("newest push: develop-17, 1970-") && !said.contains("waits"), "{said}");
    }
}
