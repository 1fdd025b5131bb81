//! The report of an experiment, in Markdown: the answer first, then the evidence.

use std::fmt::Write as _;
use std::time::Duration;

use crate::analysis::numbers::{self, Kind, row as table};
use crate::analysis::{StepReport, Timing, Validity};
use crate::experiment::{Played, Relapse};
use crate::session::state::Totals;
use crate::session::verdict::{ThresholdOutcome, judge};
use crate::text::{latency, markdown_cell as cell, percent, thousands};

/// The times that the answer is about.
static TIMES: [&Kind; 3] = [&numbers::T_SERVING, &numbers::T_CAPACITY, &numbers::T_RECOVER];

/// The report on the sessions that were `played` against `target`.
pub(crate) fn markdown(target: &str, played: &[Played]) -> String {
    let mut out = format!("# How fast does {} scale?\n\n", cell(target));
    if played.is_empty() {
        out.push_str("No session was recorded.\n");
        return out;
    }
    let _ = writeln!(out, "- **From 0 to N instances:** {}", to_capacity(played));
    let _ = writeln!(out, "- **Lost meanwhile:** {}", lost(played));
    let _ = writeln!(out, "- **Degraded later:** {}", degraded(played));
    let _ = writeln!(out, "- **Generator at fault:** {}", generator(played));
    if let Some(unmet) = unmet_starts(played) {
        let _ = writeln!(out, "- **Start conditions not met:** {unmet}");
    }
    for one in played {
        session(&mut out, one);
    }
    out.push('\n');
    for kind in TIMES {
        let _ = write!(out, "{}: {}. ", kind.label, kind.meaning);
    }
    out.push_str(
        "Lost: refused, failed, unanswered or dropped at the in-flight cap, by the second the request was due in. What was \
         not seen before its step ended reads `> N s`. A relapse is a spell of missed seconds after the step had recovered.\n",
    );
    out
}

/// The spike steps of all sessions that say something of the service, with the session they belong to.
fn spikes(played: &[Played]) -> impl Iterator<Item = (&Played, &StepReport)> {
    played
        .iter()
        .flat_map(|one| one.spikes().map(move |report| (one, report)))
        .filter(|(_, report)| report.validity == Validity::Valid)
}

/// The steps that the headline is about: those to the highest rate that was spiked to from (almost) nothing, else all.
fn headline(played: &[Played]) -> Vec<(&Played, &StepReport)> {
    let from_nothing = |report: &StepReport| report.step.before.get() * 20 <= report.step.profile.last().get();
    let highest = spikes(played).filter(|(_, report)| from_nothing(report)).map(|(_, r)| r.step.profile.last()).max();
    spikes(played)
        .filter(|(_, r)| highest.is_none_or(|rate| from_nothing(r) && r.step.profile.last() == rate))
        .collect()
}

/// Why there is nothing to say of the service.
fn nothing_valid(played: &[Played]) -> String {
    let spikes: Vec<_> = played.iter().flat_map(Played::spikes).collect();
    let is_ours = |report: &&&StepReport| matches!(report.validity, Validity::InvalidGenerator(_));
    let ours = spikes.iter().filter(is_ours).count();
    match (spikes.len(), ours) {
        (0, _) => "unknown: no step in which the load grew was recorded".to_owned(),
        (1, 1) => "unknown: the generator was the limit in the one step in which the load grew".to_owned(),
        (1, _) => "unknown: the start condition of the one step in which the load grew was not met".to_owned(),
        (steps, ours) if ours == steps => {
            format!("unknown: the generator was the limit in all {steps} steps in which the load grew")
        }
        (steps, 0) => format!("unknown: the start condition of all {steps} steps in which the load grew was not met"),
        (steps, ours) => format!(
            "unknown: of the {steps} steps in which the load grew the generator was the limit in {ours}, and the start condition of the others was not met"
        ),
    }
}

fn to_capacity(played: &[Played]) -> String {
    let steps = headline(played);
    let Some((_, first)) = steps.first() else { return nothing_valid(played) };
    let instances = steps.iter().filter_map(|(_, report)| report.numbers.instances).map(|span| span.last).max();
    let (from, to) = (first.step.before.get(), first.step.profile.last());
    let whole = instances.map_or_else(
        || "an unknown number of instances".to_owned(),
        |count| if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") },
    );
    let capacity = times(steps.iter().map(|(_, report)| report.numbers.capacity));
    let serving = times(steps.iter().map(|(_, report)| report.numbers.serving));
    let recover = times(steps.iter().map(|(_, report)| report.numbers.recover));
    format!(
        "{from}→{to}: the first new instance after {serving}, {whole} after {capacity}, the objective held again after {recover}"
    )
}

/// `31.0 s (median of 3, 29.5–33.2)`; what was not reached is said beside it.
fn times(timings: impl Iterator<Item = Timing>) -> String {
    let (mut reached, mut beyond, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for timing in timings {
        match timing {
            Timing::Reached { secs, .. } => reached.push(secs),
            Timing::Absorbed => reached.push(0.0),
            Timing::NotWithin { .. } => beyond.push(timing.to_string()),
            Timing::AlreadyViolated | Timing::NotApplicable(_) => other.push(timing.to_string()),
        }
    }
    reached.sort_by(f64::total_cmp);
    let mut parts = Vec::new();
    match reached.as_slice() {
        [] => {}
        [only] => parts.push(format!("{only:.1} s")),
        [first, .., last] => {
            let middle = reached.len() / 2;
            let median = if reached.len() % 2 == 1 {
                reached[middle]
            } else {
                f64::midpoint(reached[middle - 1], reached[middle])
            };
            parts.push(format!("{median:.1} s (median of {}, {first:.1}–{last:.1})", reached.len()));
        }
    }
    parts.extend(beyond);
    if parts.is_empty() {
        return other.first().map_or_else(|| "– (unknown)".to_owned(), |words| format!("{words} (unknown)"));
    }
    parts.join(", ")
}

fn lost(played: &[Played]) -> String {
    let steps = headline(played);
    let each: Vec<_> = steps.iter().map(|(_, report)| lost_in(report)).collect();
    match each.as_slice() {
        [] => nothing_valid(played),
        [only] => format!("{only} requests"),
        _ => format!("{} requests", each.join(", then ")),
    }
}

fn lost_in(report: &StepReport) -> String {
    let (lost, due) = (report.numbers.lost, report.numbers.due);
    if due == 0 { "0".to_owned() } else { format!("{} ({})", thousands(lost), percent(lost as f64 / due as f64)) }
}

fn degraded(played: &[Played]) -> String {
    let (mut told, mut again, mut never) = (0_u32, Vec::new(), Vec::new());
    for (one, report) in spikes(played) {
        match one.relapses(report) {
            Some(relapses) => {
                told += 1;
                again.extend(relapses.iter().map(|relapse| format!("{} {}", name(one, report), spell(*relapse))));
            }
            None if matches!(report.numbers.recover, Timing::NotWithin { .. }) => never.push(name(one, report)),
            None => {}
        }
    }
    let mut parts = Vec::new();
    if !again.is_empty() {
        parts.push(format!("yes: {}", again.join("; ")));
    }
    if !never.is_empty() {
        parts.push(format!("never recovered within its step: {}", never.join("; ")));
    }
    match (parts.is_empty(), told) {
        (false, _) => parts.join(". "),
        (true, 0) if spikes(played).next().is_none() => nothing_valid(played),
        (true, 0) => "unknown: no step told when it had recovered".to_owned(),
        (true, _) => "no: after a step had recovered, the objective held to its end".to_owned(),
    }
}

fn name(one: &Played, report: &StepReport) -> String {
    let stage = report.step.name.as_deref().map(|name| format!(" ({})", cell(name))).unwrap_or_default();
    format!("{} step {}{stage}", cell(&one.folder), report.step.id)
}

fn spell(relapse: Relapse) -> String {
    format!("{} s after its start for {} s", relapse.after_secs, relapse.bad_secs)
}

fn generator(played: &[Played]) -> String {
    let steps = || played.iter().flat_map(|one| one.session.steps().iter().map(move |report| (one, report)));
    let mut reasons = steps().filter_map(|(one, report)| match &report.validity {
        Validity::Valid | Validity::InvalidStart(_) => None,
        Validity::InvalidGenerator(reason) => Some(format!("{}: {}", name(one, report), cell(reason))),
    });
    let lag = played.iter().filter_map(|one| one.send_lag.quantile(0.99)).max();
    let sum = |dropped: fn(&Totals) -> u64| -> u64 { played.iter().map(|one| dropped(one.session.totals())).sum() };
    let late = sum(|totals| totals.dropped_late);
    let mut evidence = format!("p99 of the send lag {}, {late} requests dropped because we were late", ms(lag));
    let unconnected = sum(|totals| totals.dropped_connections);
    if unconnected > 0 {
        let _ = write!(evidence, ", {unconnected} for want of a connection");
    }
    let Some(first) = reasons.next() else { return format!("no: {evidence}") };
    let (invalid, all) = (reasons.count() + 1, steps().count());
    format!(
        "yes, in {invalid} of {all} steps, which say nothing of the service and are left out above ({first}); {evidence}"
    )
}

/// The spikes that did not begin from what their plan waited for; `None` when all did.
fn unmet_starts(played: &[Played]) -> Option<String> {
    let spikes = || played.iter().flat_map(|one| one.spikes().map(move |report| (one, report)));
    let mut unmet = spikes().filter_map(|(one, report)| Some((name(one, report), report.step.unmet_start.as_deref()?)));
    let (first, why) = unmet.next()?;
    let (count, all) = (unmet.count() + 1, spikes().count());
    Some(format!("before {count} of the {all} steps in which the load grew, left out above ({first}: {})", cell(why)))
}

fn ms(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "unknown".to_owned(), latency)
}

fn session(out: &mut String, one: &Played) {
    let (session, settings) = (&one.session, &one.session.header().settings);
    let plan = settings.plan.as_deref().unwrap_or("no plan");
    let _ = writeln!(out, "\n## {}\n", cell(plan));
    let limit = |limit: Option<u32>| limit.map_or_else(|| "unknown".to_owned(), |limit| limit.to_string());
    let _ = writeln!(
        out,
        "{} for {}; objective {}; instances {} to {}, concurrency {}. Files: `{}/`",
        cell(&settings.target),
        session.now(),
        settings.slo,
        limit(session.limits().min),
        limit(session.limits().max),
        limit(session.limits().concurrency),
        cell(&one.folder)
    );
    let verdict = judge(session);
    if !verdict.is_silent() {
        let _ = writeln!(out, "\n**{}**", cell(&verdict.headline()));
        for held in verdict.thresholds.iter().filter(|held| held.outcome != ThresholdOutcome::Passed) {
            let _ = writeln!(out, "- {}", cell(&held.line()));
        }
    }
    let times = table(&TIMES, |kind| kind.label.to_owned());
    let (bad, lost, p99) = (numbers::BAD_SECONDS.label, numbers::LOST.label, numbers::P99.label);
    let _ = writeln!(out, "\n| step | rate | instances |{times} | {bad} | {lost} | {p99} | relapses |");
    out.push_str("|---|---|---:|---:|---:|---:|---:|---:|---:|---|\n");
    for report in session.steps() {
        let (step, all) = (&report.step, &report.numbers);
        let stage = step.name.as_deref().map(|name| format!(" {}", cell(name))).unwrap_or_default();
        let invalid = report.invalid_by().map(|what| format!(" (invalid: {what})")).unwrap_or_default();
        let relapses = one.relapses(report).map_or_else(
            || "–".to_owned(),
            |relapses| {
                if relapses.is_empty() {
                    "none".to_owned()
                } else {
                    relapses.iter().copied().map(spell).collect::<Vec<_>>().join("; ")
                }
            },
        );
        let _ = writeln!(
            out,
            "| {}{stage}{invalid} | {}→{} | {} |{} | {} | {} | {} | {relapses} |",
            step.id,
            step.before.get(),
            step.profile.last(),
            numbers::INSTANCES_LAST.say(all),
            table(&TIMES, |kind| cell(&kind.say(all))),
            numbers::BAD_SECONDS.say(all),
            lost_in(report),
            numbers::P99.say(all)
        );
    }
    out.push('\n');
    for report in session.steps().iter().filter(|report| !report.words.is_empty()) {
        let _ = writeln!(out, "- {}", cell(&report.words));
    }
}
