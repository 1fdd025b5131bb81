//! What takes no part in a comparison, and why: the same words in the terminal and on the page.

use crate::analysis::numbers::{Kind, Needs};
use crate::compare::align::{Key, SessionComparison};
use crate::compare::letter;
use scaletop_units::StepId;

/// So many steps, or numbers, are named for each reason; the others are counted.
const MOST_NAMED: usize = 12;

/// A step that takes no part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The session's place.
    pub session: usize,
    pub step: StepId,
    pub key: Key,
    pub why: Why,
}

/// Why a step takes no part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The generator was the limit; says by what.
    Generator(String),
    /// It did not begin from what its plan waited for; says what was not met.
    Start(String),
    /// No other session has a step with its rates.
    Alone,
    /// Another session has one, but not the baseline.
    NotInBaseline,
    /// Another session has one, but only such as are left out themselves.
    OthersAreLeftOut,
}

impl Why {
    /// In words, of one step or of several.
    fn words(&self, session: usize, is_one: bool) -> String {
        let (it, its) = if is_one { ("it", "its") } else { ("them", "their") };
        match self {
            Self::Generator(_) => format!("the generator was the limit in {it}"),
            Self::Start(_) if is_one => "it did not begin from what its plan waited for".to_owned(),
            Self::Start(_) => "they did not begin from what their plan waited for".to_owned(),
            Self::Alone => format!("{its} rates occur only in {}", letter(session)),
            Self::NotInBaseline => format!("{its} rates do not occur in A, the baseline"),
            Self::OthersAreLeftOut => format!("the other sessions' steps with {its} rates are left out themselves"),
        }
    }

    /// What more is known of this step.
    fn detail(&self) -> Option<&str> {
        match self {
            Self::Generator(why) | Self::Start(why) => Some(why),
            Self::Alone | Self::NotInBaseline | Self::OthersAreLeftOut => None,
        }
    }
}

/// All that was left out, a sentence for each session and reason; nothing when every step took part.
pub(crate) fn in_words(comparison: &SessionComparison) -> Vec<String> {
    let mut said = Vec::new();
    let mut rest: Vec<&LeftOut> = comparison.left_out.iter().collect();
    while let Some(&first) = rest.first() {
        let is_alike = |one: &&LeftOut| {
            one.session == first.session && std::mem::discriminant(&one.why) == std::mem::discriminant(&first.why)
        };
        let (alike, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_alike);
        said.push(steps(&alike));
        rest = others;
    }
    for step in &comparison.steps {
        said.extend(
            step.unjudged
                .iter()
                .map(|(at, why)| format!("{}: {} is not judged by the objective there: {why}.", letter(*at), step.key)),
        );
    }
    said.extend(numbers(comparison));
    said
}

/// Steps of one session that are left out for one reason.
fn steps(alike: &[&LeftOut]) -> String {
    let Some(first) = alike.first() else { return String::new() };
    let which = letter(first.session);
    let why = first.why.words(first.session, alike.len() == 1);
    if let [one] = alike {
        let detail = one.why.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{which}: step {} ({}) is left out: {why}{detail}.", one.step, one.key);
    }
    let name = |one: &&LeftOut| match one.why.detail() {
        Some(detail) => format!("{} ({}: {detail})", one.step, one.key),
        None => format!("{} ({})", one.step, one.key),
    };
    format!("{which}: {} steps are left out, because {why}: {}.", alike.len(), listed(alike.iter().map(name)))
}

/// Numbers that nobody could tell, by what they need.
fn numbers(comparison: &SessionComparison) -> Vec<String> {
    let is_told = |needs: Needs| comparison.steps.iter().flat_map(|step| &step.rows).any(|row| row.kind.needs == needs);
    let reason = |kind: &Kind| match kind.needs {
        Needs::Desired if !is_told(Needs::Desired) => "no source said how many instances scaling asked for",
        Needs::Instances if !is_told(Needs::Instances) => "no source counted instances",
        Needs::Ids if !is_told(Needs::Ids) => "no answer named its instance",
        _ => "what they measure did not happen, or the recordings do not tell of it",
    };
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for kind in &comparison.untold {
        let why = reason(kind);
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, labels)) => labels.push(kind.label.to_owned()),
            None => reasons.push((why, vec![kind.label.to_owned()])),
        }
    }
    let said =
        |(why, labels): (&str, Vec<String>)| format!("Not among the numbers: {} ({why}).", listed(labels.into_iter()));
    reasons.into_iter().map(said).collect()
}

/// `a, b and 3 more`.
fn listed(mut names: impl ExactSizeIterator<Item = String>) -> String {
    let count = names.len();
    let text = names.by_ref().take(MOST_NAMED).collect::<Vec<_>>().join(", ");
    if count > MOST_NAMED { format!("{text} and {} more", count - MOST_NAMED) } else { text }
}
