//! The comparison for programs: what the table says, with every number by its key in `summary.json` and in its unit. A number that
//! nobody can tell is null; `at_least` says that a time was not reached, and is at least so long.

use serde_json::{Value, json};

use crate::compare::align::{ComparedNumber, ComparedStep, SessionComparison};
use crate::compare::difference::Runs;
use crate::compare::left_out;
use crate::compare::limits::Judged;
use crate::compare::sentence::sentences;
use crate::compare::{Contender, letter};
use crate::text::{clean, clean_to};

/// The version of this form. Fields may be added within a version.
const VERSION: u32 = 1;

/// Foreign text is cut after this many characters.
const LONGEST_TEXT: usize = 1_000;

/// The comparison; its sessions are named by their letters, the first one is the baseline.
pub(crate) fn json(contenders: &[Contender<'_>], comparison: &SessionComparison, judged: Option<&Judged>) -> Value {
    let sessions = contenders.iter().enumerate().map(|(at, contender)| {
        let settings = &contender.session.header().settings;
        json!({
            "letter": letter(at),
            "name": clean_to(contender.name, LONGEST_TEXT),
            "target": clean_to(&settings.target, LONGEST_TEXT),
            "plan": settings.plan.as_deref().map(|plan| clean_to(plan, LONGEST_TEXT)),
        })
    });
    let cleaned = |texts: Vec<String>| texts.iter().map(|text| clean(text)).collect::<Vec<_>>();
    json!({
        "version": VERSION,
        "sentences": cleaned(sentences(comparison, contenders.len())),
        "sessions": sessions.collect::<Vec<_>>(),
        "notes": cleaned(comparison.warnings.clone()),
        "steps": comparison.steps.iter().map(step).collect::<Vec<_>>(),
        "left_out": cleaned(left_out::in_words(comparison)),
        "verdict": judged.map(Judged::json),
    })
}

fn step(step: &ComparedStep) -> Value {
    json!({
        "step": step.key.to_string(),
        "repeats": step.repeats,
        "numbers": step.rows.iter().map(number).collect::<Vec<_>>(),
    })
}

fn number(number: &ComparedNumber) -> Value {
    let verdict = |word: &'static str| if word.is_empty() { Value::Null } else { word.into() };
    json!({
        "key": number.kind.key,
        "label": number.kind.label,
        "medians": number.runs.iter().map(median).collect::<Vec<_>>(),
        "against_the_first": number.differences.iter().map(|one| verdict(one.significance.word())).collect::<Vec<_>>(),
    })
}

fn median(runs: &Runs) -> Value {
    match runs.median() {
        Some(median) => json!({ "value": median.value, "at_least": median.is_censored, "runs": runs.count() }),
        None => Value::Null,
    }
}
