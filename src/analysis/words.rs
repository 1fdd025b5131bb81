//! A step in one sentence. Says only what the numbers say: the same text in the terminal, the files and the report.

use std::fmt::Write as _;

use crate::analysis::recovery::{HOLD_SECS, TOO_FEW};
use crate::analysis::{Direction, Step, StepNumbers, Timing, Validity};
use crate::slo::Slo;
use crate::text::{exact, percent, plain, thousands};
use crate::timeline::objective::WINDOW_SECS;
use scaletop_load::RateProfile;

/// `5→600/s: first new instance after 8.1 s, 5 instances after 31 s, p99 back under 500 ms after 32 s; 12,410 requests
/// lost (8.3 %)`.
pub(crate) fn sentence(step: &Step, numbers: &StepNumbers, validity: &Validity, slo: &Slo, was_idle: bool) -> String {
    let is_open = step.end.is_none();
    let mut said: Vec<String> = Vec::new();
    match step.direction() {
        Direction::Up => {
            said.extend([serving(numbers, is_open, was_idle), capacity(numbers, is_open)].into_iter().flatten());
        }
        Direction::Down => said.extend(scale_in(numbers, is_open)),
        Direction::Level => {}
    }
    match &numbers.not_judged {
        Some(why) => said.push(format!("not judged: {why}")),
        None => said.extend(recovery(numbers, slo, is_open)),
    }
    if said.is_empty() && numbers.due == 0 {
        said.push(if step.profile.last().is_paused() { "no load" } else { "no arrivals yet" }.to_owned());
    }
    let mut text = format!("{}: {}", rates(step), said.join(", "));
    if numbers.due > 0 && (numbers.not_judged.is_none() || numbers.lost > 0) {
        text.push_str(if said.is_empty() { "" } else { "; " });
        text.push_str(&lost(numbers, slo, is_open));
        text.push_str(&not_measured(numbers));
    }
    if let Some((what, why)) = validity.objection() {
        let _ = write!(text, "; invalid: {what} ({why})");
    }
    text
}

fn rates(step: &Step) -> String {
    let (before, last) = (step.before.get(), step.profile.last());
    match step.profile {
        RateProfile::Ramp { from, over, .. } if from == step.before => format!("{before}→{last} in {}", exact(over)),
        RateProfile::Ramp { from, over, .. } => format!("{before}→{}→{last} in {}", from.get(), exact(over)),
        RateProfile::Constant(_) => format!("{before}→{last}"),
    }
}

fn serving(numbers: &StepNumbers, is_open: bool, was_idle: bool) -> Option<String> {
    let who = if was_idle { "first answer" } else { "first new instance" };
    let enough =
        || numbers.instances.and_then(|span| span.before).zip(numbers.target).filter(|(had, need)| had >= need);
    match numbers.serving {
        Timing::Reached { .. } => Some(format!("{who} after {}", numbers.serving)),
        Timing::NotWithin { .. } if !was_idle && numbers.demand.is_some() && enough().is_some() => {
            let (had, _) = enough()?;
            Some(format!("{} enough", plural(u64::from(had), "instance was", "instances were")))
        }
        Timing::NotWithin { .. } if was_idle => Some(if is_open { "no answer yet" } else { "no answer" }.to_owned()),
        Timing::NotWithin { .. } if is_open => Some("no new instance yet".to_owned()),
        Timing::NotWithin { secs, .. } => Some(format!("no new instance within {secs:.0} s")),
        Timing::NotApplicable(_) if matches!(numbers.first, Timing::Reached { .. }) => {
            Some(format!("first new instance after {}", numbers.first))
        }
        _ => None,
    }
}

fn capacity(numbers: &StepNumbers, is_open: bool) -> Option<String> {
    let instances = plural(u64::from(numbers.target?), "instance", "instances");
    let are_there = numbers.instances.zip(numbers.target).is_some_and(|(span, target)| span.last >= target);
    match numbers.capacity {
        Timing::Reached { secs, .. } if secs > 0.0 => Some(format!("{instances} after {}", numbers.capacity)),
        // They came, and the step was over before they had been there for the ten seconds that count.
        Timing::NotWithin { .. } if are_there => Some(format!("{instances} only in its last {HOLD_SECS} s")),
        Timing::NotWithin { .. } if is_open => Some(format!("{instances} not reached yet")),
        Timing::NotWithin { secs, .. } => Some(format!("{instances} not reached within {secs:.0} s")),
        _ => None,
    }
}

fn scale_in(numbers: &StepNumbers, is_open: bool) -> Option<String> {
    let instances = plural(u64::from(numbers.target?), "instance", "instances");
    match numbers.scale_in {
        Timing::Reached { secs, .. } if secs > 0.0 => Some(format!("down to {instances} after {}", numbers.scale_in)),
        Timing::Reached { .. } => Some(format!("stayed at {instances}")),
        Timing::NotWithin { .. } if is_open => Some(format!("not down to {instances} yet")),
        Timing::NotWithin { secs, .. } => Some(format!("not down to {instances} within {secs:.0} s")),
        _ => None,
    }
}

fn recovery(numbers: &StepNumbers, slo: &Slo, is_open: bool) -> Option<String> {
    // Which half of the objective broke: a latency that never went up cannot come back.
    let was_slow = numbers.lost == 0 || numbers.peak_p99.is_some_and(|peak| peak > slo.latency);
    let what = if was_slow { slo.percentile_name() } else { "errors".to_owned() };
    let bound = if was_slow { exact(slo.latency) } else { format!("{} %", plain(slo.errors * 100.0)) };
    match numbers.recover {
        Timing::Reached { .. } => {
            Some(format!("{what} back under {bound} after {} (judged over {WINDOW_SECS} s)", numbers.recover))
        }
        Timing::NotWithin { .. } if is_open => Some(format!("{what} not back under {bound} yet")),
        Timing::NotWithin { secs, .. } => Some(format!("{what} not back under {bound} within {secs:.0} s")),
        Timing::Absorbed if numbers.due == 0 => None,
        Timing::Absorbed if is_open => Some("objective held so far".to_owned()),
        Timing::Absorbed => Some("absorbed, the objective held".to_owned()),
        Timing::AlreadyViolated => Some("the objective was already missed before".to_owned()),
        Timing::NotApplicable(TOO_FEW) => Some(TOO_FEW.to_owned()),
        Timing::NotApplicable(_) => None,
    }
}

fn lost(numbers: &StepNumbers, slo: &Slo, is_open: bool) -> String {
    let so_far = if is_open { " so far" } else { "" };
    let slow = if numbers.slow > 0 {
        format!(", {} slower than {}", thousands(numbers.slow), exact(slo.latency))
    } else {
        String::new()
    };
    if numbers.lost == 0 {
        return format!("no requests lost{so_far}{slow}");
    }
    let share = percent(numbers.lost as f64 / numbers.due.max(1) as f64);
    format!("{} lost{so_far} ({share}){slow}", plural(numbers.lost, "request", "requests"))
}

/// Seconds that we left unjudged, since we were late in them.
fn not_measured(numbers: &StepNumbers) -> String {
    match numbers.not_measured {
        0 => String::new(),
        1 => "; 1 second not measured, because of the generator".to_owned(),
        seconds => format!("; {seconds} seconds not measured, because of the generator"),
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
