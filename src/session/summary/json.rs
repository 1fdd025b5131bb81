//! The result as JSON, for a pipeline that reads it with `jq`.

use serde_json::{Value, json};

use crate::analysis::{StepReport, Timing, Validity};
use crate::load::sample::OutcomeKind;
use crate::session::state::Session;
use crate::session::verdict::judge;

/// The version of this layout; grows when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// The result of `session` as one JSON object. Unknown values are `null`; a time that was not reached is `null` too, with
/// its words beside it.
pub fn json(session: &Session) -> Value {
    let (settings, totals) = (&session.header.settings, &session.totals);
    let verdict = judge(session);
    let completed: serde_json::Map<_, _> =
        OutcomeKind::ALL.into_iter().map(|kind| (kind.label().to_owned(), totals.outcomes.get(kind).into())).collect();
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    json!({
        "version": VERSION,
        "writer": session.header.writer,
        "target": settings.target,
        "plan": settings.plan,
        "objective": settings.slo.to_string(),
        "seconds": session.now.as_secs_f64(),
        "ended": session.ended,
        "verdict": {
            "headline": verdict.headline(),
            "exit_code": verdict.exit_code(),
            "thresholds": verdict.thresholds,
            "invalid_steps": verdict.invalid,
        },
        "totals": {
            "due": totals.due,
            "sent": totals.sent,
            "dropped_cap": totals.dropped_cap,
            "dropped_late": totals.dropped_late,
            "completed": completed,
            "bytes_in": totals.bytes_in,
        },
        "response_ms": session.percentiles().map(|p| json!({
            "p50": ms(p.p50), "p90": ms(p.p90), "p95": ms(p.p95), "p99": ms(p.p99), "p99.9": ms(p.p999), "max": ms(p.max),
        })),
        "instances_seen": session.instances.len(),
        "steps": session.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(report: &StepReport) -> Value {
    let (step, numbers) = (&report.step, &report.numbers);
    let secs = |timing: Timing| match timing {
        Timing::Reached { secs, .. } => Some(secs),
        Timing::Absorbed => Some(0.0),
        Timing::NotWithin { .. } | Timing::AlreadyViolated | Timing::NotApplicable(_) => None,
    };
    let timing = |timing: Timing| json!({ "secs": secs(timing), "words": timing.to_string() });
    let ms = |duration: Option<std::time::Duration>| duration.map(|duration| duration.as_secs_f64() * 1e3);
    json!({
        "id": step.id,
        "stage": step.name,
        "start_secs": step.start.as_secs_f64(),
        "end_secs": step.end.map(crate::units::Elapsed::as_secs_f64),
        "from_rate": step.before,
        "to_rate": step.profile.last(),
        "t_trigger": timing(numbers.trigger),
        "t_first": timing(numbers.first),
        "t_serving": timing(numbers.serving),
        "t_capacity": timing(numbers.capacity),
        "t_recover": timing(numbers.recover),
        "bad_seconds": numbers.bad_seconds,
        "due": numbers.due,
        "sent": numbers.sent,
        "ok": numbers.ok,
        "lost": numbers.lost,
        "slow": numbers.slow,
        "p99_ms": ms(numbers.p99),
        "peak_p99_ms": ms(numbers.peak_p99),
        "invalid": match &report.validity {
            Validity::Valid => None,
            Validity::InvalidGenerator(reason) => Some(reason),
        },
        "words": report.words,
    })
}
