//! What a comparison says, in a sentence or two for each of the other sessions: what differs beyond the noise and in which
//! direction, or that nothing does, or why nothing can be said.

use crate::analysis::numbers::{BAD_SECONDS, Kind, LOST, LOST_PERCENT, P99, T_CAPACITY, T_RECOVER, T_SERVING};
use crate::compare::align::{ComparedNumber, ComparedStep, SessionComparison};
use crate::compare::difference::Significance;
use crate::compare::left_out::Why;
use crate::compare::{Contender, letter};
use crate::session::verdict::in_words;
use crate::text::counted;

/// Steps that get a sentence of their own; the others are counted.
const MOST_STEPS: usize = 3;

/// Numbers beyond those of the story that are named.
const MOST_OTHERS: usize = 4;

/// The verdict on each session: `A: held. B: missed in 14 of 62 s.`
pub(crate) fn verdicts(contenders: &[Contender<'_>]) -> String {
    let verdict = |(at, one): (usize, &Contender<'_>)| format!("{}: {}.", letter(at), in_words(one.session));
    contenders.iter().enumerate().map(verdict).collect::<Vec<_>>().join(" ")
}

/// A sentence or two for each session after the first, in their order.
pub(crate) fn sentences(comparison: &SessionComparison, sessions: usize) -> Vec<String> {
    (1..sessions).map(|other| of_session(comparison, other)).collect()
}

fn of_session(comparison: &SessionComparison, other: usize) -> String {
    let which = letter(other);
    let steps: Vec<&ComparedStep> = comparison.steps.iter().filter(|step| step.repeats[other] > 0).collect();
    if steps.is_empty() {
        return format!("Nothing of {which} can be compared with A: {}.", why_nothing(comparison, other));
    }
    let told: Vec<(&ComparedStep, Story)> = steps.iter().map(|step| (*step, Story::of(step, other))).collect();
    let beyond: Vec<_> = told.iter().filter(|(_, story)| story.differs()).collect();
    if !beyond.is_empty() {
        let sentences = beyond.iter().take(MOST_STEPS).map(|(step, story)| story.sentence(step, &which));
        let more = beyond.len().saturating_sub(MOST_STEPS);
        let more = (more > 0).then(|| format!("It differs beyond the noise in {}.", counted(more as u64, "more step")));
        return sentences.chain(more).collect::<Vec<_>>().join(" ");
    }
    let single: Vec<_> = told.iter().filter(|(_, story)| !story.single.is_empty()).collect();
    if !single.is_empty() {
        let sentences: Vec<_> = single
            .iter()
            .take(MOST_STEPS)
            .map(|(step, story)| format!("{which} {} than A at {}", joined(&story.single), step.key))
            .collect();
        return format!(
            "Whether {which} differs from A beyond the noise is not known, with one run on a side; in what there is, {}.",
            sentences.join("; ")
        );
    }
    let all = |is: fn(Significance) -> bool| told.iter().all(|(step, _)| numbers(step, other).all(|(_, s)| is(s)));
    let at = named(&steps);
    if all(|significance| matches!(significance, Significance::Same | Significance::Unknown)) {
        return format!("{which} does not differ from A, number for number, at {at}.");
    }
    if told.iter().any(|(step, _)| numbers(step, other).any(|(_, s)| s == Significance::OneRun)) {
        return format!(
            "In what users felt and how it scaled {which} shows no difference from A at {at}; with one run on a side the \
             noise is not known."
        );
    }
    format!("{which} does not differ from A beyond the noise, at {at}.")
}

/// Why not one step of a session meets one of the baseline.
fn why_nothing(comparison: &SessionComparison, other: usize) -> String {
    let of = |session: usize| comparison.left_out.iter().filter(move |left| left.session == session);
    let is_invalid = |why: &Why| matches!(why, Why::Generator(_) | Why::Start(_));
    for session in [0, other] {
        if of(session).next().is_none() && !comparison.steps.iter().any(|step| step.repeats[session] > 0) {
            return format!("{} has no step", letter(session));
        }
        if of(session).next().is_some() && of(session).all(|left| is_invalid(&left.why)) {
            return format!("every step of {} is left out", letter(session));
        }
    }
    if of(0).chain(of(other)).any(|left| left.why == Why::OthersAreLeftOut) {
        return format!("the steps of A and {} that have the same rates are left out", letter(other));
    }
    format!("no step of {} has the same rates as a step of A", letter(other))
}

/// What there is to tell of one step.
#[derive(Debug, Default)]
struct Story {
    /// What differs beyond the noise.
    beyond: Vec<String>,
    /// Numbers that differ beyond the noise and have no phrase of their own.
    others: Vec<&'static str>,
    /// Numbers that do not differ beyond the noise.
    within: Vec<&'static str>,
    /// What differs in single runs, of which nobody knows the noise.
    single: Vec<String>,
}

impl Story {
    fn of(step: &ComparedStep, other: usize) -> Self {
        let mut story = Self::default();
        let told = phrases(step);
        for (kind, phrase) in &told {
            let Some((row, significance)) = number(step, kind, other) else { continue };
            match significance {
                Significance::Better | Significance::Worse | Significance::Differs => {
                    story.beyond.extend(phrase(row, other));
                }
                Significance::OneRun => story.single.extend(phrase(row, other)),
                Significance::WithinNoise | Significance::Same => story.within.push(kind.label),
                Significance::Unknown => {}
            }
        }
        for (row, significance) in numbers(step, other) {
            let is_told = told.iter().any(|(kind, _)| *kind == row.kind) || [&LOST, &LOST_PERCENT].contains(&row.kind);
            if !is_told && matches!(significance, Significance::Better | Significance::Worse) {
                story.others.push(row.kind.label);
            }
        }
        story
    }

    fn differs(&self) -> bool {
        !self.beyond.is_empty() || !self.others.is_empty()
    }

    /// `B scaled out 4.1 s faster and lost 12% fewer requests than A at 20→600/s; p99 is within the noise.`
    fn sentence(&self, step: &ComparedStep, which: &str) -> String {
        let mut parts = Vec::new();
        let mut others = self.others.iter().take(MOST_OTHERS).copied().collect::<Vec<_>>().join(", ");
        if self.others.len() > MOST_OTHERS {
            others = format!("{others} and {} more", self.others.len() - MOST_OTHERS);
        }
        if self.beyond.is_empty() {
            parts.push(format!("{which} differs from A beyond the noise at {} in {others}", step.key));
        } else {
            parts.push(format!("{which} {} than A at {}", joined(&self.beyond), step.key));
            if !others.is_empty() {
                parts.push(format!("it differs in {others}, too"));
            }
        }
        match self.within.as_slice() {
            [] => {}
            [one] => parts.push(format!("{one} is within the noise")),
            several => parts.push(format!("{} are within the noise", joined(several))),
        }
        format!("{}.", parts.join("; "))
    }
}

/// Says how a number of the other session differs; nothing where that cannot be said.
type Phrase = fn(&ComparedNumber, usize) -> Option<String>;

/// The numbers that make the story of a step, each with its phrase.
fn phrases(step: &ComparedStep) -> Vec<(&'static Kind, Phrase)> {
    let scaled = |kind: &Kind| step.number(kind).is_some_and(|row| row.differences.iter().any(|d| d.delta.is_some()));
    let mut told: Vec<(&'static Kind, Phrase)> = Vec::new();
    if scaled(&T_CAPACITY) {
        told.push((&T_CAPACITY, |row, other| amount(row, other, "scaled out", ["faster", "slower"])));
    } else {
        told.push((&T_SERVING, |row, other| amount(row, other, "had a new instance answering", ["sooner", "later"])));
    }
    told.push((&T_RECOVER, |row, other| amount(row, other, "recovered", ["sooner", "later"])));
    if step.lasts_differently() {
        told.push((&LOST_PERCENT, |row, other| {
            amount(row, other, "had a share of lost requests", ["points lower", "points higher"])
        }));
    } else {
        told.push((&BAD_SECONDS, |row, other| amount(row, other, "missed the objective for", ["less", "more"])));
        told.push((&LOST, lost));
    }
    told.push((&P99, |row, other| amount(row, other, "had a p99", ["lower", "higher"])));
    told
}

/// `scaled out 4.1 s faster`, `recovered at least 29.5 s later`.
fn amount(row: &ComparedNumber, other: usize, verb: &str, [less, more]: [&str; 2]) -> Option<String> {
    let difference = &row.differences[other - 1];
    let (delta, by) = visible(row, other)?;
    let bound = if difference.bound.is_eq() { "" } else { "at least " };
    Some(format!("{verb} {bound}{by} {}", if delta < 0.0 { less } else { more }))
}

/// `lost 12% fewer requests`; as a count where there is nothing that it is a share of, or it is more than twice that.
fn lost(row: &ComparedNumber, other: usize) -> Option<String> {
    let (delta, by) = visible(row, other)?;
    let direction = if delta < 0.0 { "fewer" } else { "more" };
    let base = row.runs[0].median().map_or(0.0, |median| median.value);
    let percent = row.differences[other - 1].percent(&row.runs[0]).filter(|_| delta <= 2.0 * base);
    let by = percent.map_or(by, |percent| percent.trim_start_matches(['+', '−', '-']).to_owned());
    Some(format!("lost {by} {direction} requests"))
}

/// A difference, and how large it is in words; nothing where that would read as none.
fn visible(row: &ComparedNumber, other: usize) -> Option<(f64, String)> {
    let delta = row.differences[other - 1].delta?;
    let by = row.kind.unit.say(delta.abs());
    by.contains(|digit| matches!(digit, '1'..='9')).then_some((delta, by))
}

fn number<'a>(step: &'a ComparedStep, kind: &Kind, other: usize) -> Option<(&'a ComparedNumber, Significance)> {
    let row = step.number(kind)?;
    Some((row, row.differences.get(other - 1)?.significance))
}

fn numbers(step: &ComparedStep, other: usize) -> impl Iterator<Item = (&ComparedNumber, Significance)> {
    step.rows.iter().filter_map(move |row| Some((row, row.differences.get(other - 1)?.significance)))
}

/// `a, b and c`.
fn joined<T: AsRef<str>>(parts: &[T]) -> String {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// The steps by their rates, the first of them at least.
fn named(steps: &[&ComparedStep]) -> String {
    let mut names: Vec<String> = steps.iter().take(MOST_STEPS).map(|step| step.key.to_string()).collect();
    if steps.len() > MOST_STEPS {
        names.push(format!("{} more", counted((steps.len() - MOST_STEPS) as u64, "step")));
    }
    joined(&names)
}
