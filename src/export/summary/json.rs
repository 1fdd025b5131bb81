//! `summary.json`: the session in numbers, for programs. `docs/summary-json.md` describes every field; a test holds the two
//! together. Pure.

use serde_json::{Map, Value, json};

use crate::analysis::numbers::{self, Value as Worth};
use crate::analysis::waterfall::{ScaleOutStage, Waterfall};
use crate::analysis::{StepReport, Timing, Validity};
use crate::session::event::CountSettings;
use crate::session::halves::Halves;
use crate::session::recording::Damage;
use crate::session::state::{Came, InstanceTrack, RequestTotals, Session};
use crate::session::verdict::{ThresholdResult, Verdict, judge, none_ok};
use crate::text::{as_millis, clean_to, plain, timestamp};
use scaletop_load::OutcomeKind;
use scaletop_load::{Failure, Latency};
use scaletop_units::Elapsed;

mod fleet;

/// The version of the schema. Fields may be added within a version; a field that goes or changes its meaning makes a new
/// one.
pub const VERSION: u32 = 2;

/// More instances than this are left to `instances.csv`.
const MOST_INSTANCES: usize = 1_000;

/// Foreign text is cut after this many characters.
const LONGEST_TEXT: usize = 1_000;

/// The summary of `session`, indented, ending in a newline.
pub fn text(session: &Session, damage: Damage) -> String {
    pretty(&value(session, damage))
}

fn pretty(value: &Value) -> String {
    let mut text = format!("{value:#}");
    text.push('\n');
    text
}

/// The summary of a session as JSON that ends in a newline: that of the first target, and with two that of the other as `second`.
pub fn text_of(halves: &Halves, damage: Damage) -> String {
    let mut whole = value(halves.first(), damage);
    if let (Some(second), Some(fields)) = (halves.second(), whole.as_object_mut()) {
        fields.insert("second".to_owned(), value(second, damage));
    }
    pretty(&whole)
}

/// The summary of `session`.
pub fn value(session: &Session, damage: Damage) -> Value {
    let (settings, totals) = (&session.header().settings, session.totals());
    let outcomes: Map<String, Value> =
        OutcomeKind::ALL.into_iter().map(|kind| (key(kind).to_owned(), json!(totals.outcomes.get(kind)))).collect();
    json!({
        "version": VERSION,
        "writer": clean_to(&session.header().writer, LONGEST_TEXT),
        "session": {
            "target": clean_to(&settings.target, LONGEST_TEXT),
            "url": clean_to(&settings.url, LONGEST_TEXT),
            "method": clean_to(&settings.method, LONGEST_TEXT),
            "plan": settings.plan.as_deref().map(|plan| clean_to(plan, LONGEST_TEXT)),
            "started_utc": timestamp(session.header().started_unix_micros),
            "duration_s": rounded(session.now().as_secs_f64()),
            "ended": session.ended().map(|reason| clean_to(reason, LONGEST_TEXT)),
        },
        "recording": { "torn_end": damage.torn_end, "skipped_lines": damage.skipped_lines },
        "settings": {
            "slo": {
                "percentile": settings.slo.percentile_name(),
                "latency_ms": rounded(as_millis(settings.slo.latency)),
                "errors_percent": rounded(settings.slo.errors * 100.0),
            },
            "objectives": objectives(session),
            "arrivals": settings.arrivals,
            "seed": settings.seed,
            "max_rate_rps": settings.max_rate,
            "max_in_flight": settings.max_in_flight,
            "timeout_s": rounded(settings.timeout.as_secs_f64()),
            "conn_max_age_s": settings.conn_max_age.map(|age| rounded(age.as_secs_f64())),
            "instance_header": clean_to(&settings.instance_header, LONGEST_TEXT),
            "counts": settings.counts.iter().map(counted).collect::<Vec<_>>(),
            "transport": settings.transport.as_deref().map(|transport| clean_to(transport, LONGEST_TEXT)),
            "http2": settings.http2,
            "preflight": settings.preflight.as_deref().map(|told| clean_to(told, LONGEST_TEXT)),
            "expected": settings.expected.as_deref().map(|expected| clean_to(expected, LONGEST_TEXT)),
            "max_connections": settings.max_connections,
            "capacity_per_instance_rps": settings.capacity_per_instance.map(rounded),
        },
        "limits": {
            "min": session.limits().min, "max": session.limits().max, "concurrency": session.limits().concurrency,
        },
        "totals": {
            "due": totals.due,
            "sent": totals.sent,
            "ok": totals.outcomes.get(OutcomeKind::Ok),
            "failed": totals.outcomes.failed(),
            "unanswered": totals.sent.saturating_sub(totals.outcomes.total()),
            "dropped_cap": totals.dropped_cap,
            "dropped_late": totals.dropped_late,
            "dropped_connections": totals.dropped_connections,
            "unreported": totals.unreported(),
            "bytes_in": totals.bytes_in,
            "outcomes": outcomes,
        },
        "response_ms": percentiles(&totals.ok),
        "response_measured_ms": percentiles(&totals.ok_measured),
        "response_left_out_s": session.late_seconds(),
        "failed_ms": percentiles(&totals.failed),
        "all_ms": percentiles(&totals.all()),
        "service_ms": percentiles(&totals.service),
        "failed_service_ms": percentiles(&totals.failed_service),
        "send_lag_ms": percentiles(&totals.send_lag),
        "requests": session.requests().all().iter().map(request).collect::<Vec<_>>(),
        "connections": connections(session),
        "fleet": fleet::value(session),
        "not_judged": none_ok(session).map(|why| clean_to(&why, LONGEST_TEXT)),
        "failures": totals.failures.by_count().into_iter().map(failure).collect::<Vec<_>>(),
        "failures_beyond": totals.failures.beyond(),
        "instances_seen": session.tracks().len(),
        "instances": instances(session),
        "steps": session.steps().iter().map(|report| step(report, &scale_outs(session, report))).collect::<Vec<_>>(),
        "verdict": verdict(&judge(session)),
    })
}

/// One of several requests.
fn request(request: &RequestTotals) -> Value {
    json!({
        "name": clean_to(request.name.as_str(), LONGEST_TEXT),
        "due": request.due,
        "sent": request.sent,
        "ok": request.outcomes.get(OutcomeKind::Ok),
        "failed": request.outcomes.failed(),
        "dropped": request.dropped,
        "response_ms": percentiles(&request.ok),
        "response_measured_ms": percentiles(&request.ok_measured),
        "failed_ms": percentiles(&request.failed),
    })
}

/// What the generator's connections did; `null` when nothing is known of them.
fn connections(session: &Session) -> Value {
    let all = &session.totals().connections;
    if !all.is_known {
        return Value::Null;
    }
    let workers = session.timeline().latest().map(|row| row.generator.workers).filter(|&workers| workers > 0);
    let life = all.life();
    json!({
        "opened": all.opened,
        "closed": all.closed,
        "peak_open": all.open_peak,
        "peak_waiting": all.waiting_peak,
        "failed": all.failed,
        "cancelled": all.cancelled,
        "retried_on_close": all.retried_on_close,
        "retried_on_refusal": all.retried_on_refusal,
        "requests_per_connection": life.map(|(requests, _)| rounded(requests)),
        "connection_age_s": life.map(|(_, age)| rounded(age)),
        "protocol": all.protocol(),
        "workers": workers,
        "connect_ms": percentiles(&all.connect),
        "dns_ms": percentiles(&all.dns),
        "tcp_ms": percentiles(&all.tcp),
        "tls_ms": percentiles(&all.tls),
        "slot_wait_ms": percentiles(&all.slot_wait),
    })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "kind": failure.kind,
        "phase": failure.phase,
        "cause": clean_to(&failure.cause, LONGEST_TEXT),
        "count": failure.count,
    })
}

fn verdict(verdict: &Verdict) -> Value {
    let held = |held: &ThresholdResult| {
        json!({
            "name": clean_to(&held.name, LONGEST_TEXT),
            "bound": clean_to(&held.bound, LONGEST_TEXT),
            "step": held.step.map(|step| step.0),
            "stage": held.stage.as_deref().map(|stage| clean_to(stage, LONGEST_TEXT)),
            "actual": clean_to(&held.actual, LONGEST_TEXT),
            "outcome": held.outcome.key(),
            "reason": held.outcome.reason().map(|reason| clean_to(reason, LONGEST_TEXT)),
        })
    };
    json!({
        "exit_code": verdict.exit_code(),
        "interrupted": verdict.interrupted || verdict.has_no_end,
        "headline": clean_to(&verdict.headline(), LONGEST_TEXT),
        "thresholds": verdict.thresholds.iter().map(held).collect::<Vec<_>>(),
        "invalid_steps": verdict.invalid.iter().map(|invalid| invalid.step.0).collect::<Vec<_>>(),
        "invalid_start_steps": verdict.unmet_start.iter().map(|invalid| invalid.step.0).collect::<Vec<_>>(),
    })
}

/// The name of an outcome in the file: it stays, whatever people get to read.
const fn key(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Ok => "ok",
        OutcomeKind::Http429 => "http_429",
        OutcomeKind::Http4xx => "http_4xx_other",
        OutcomeKind::Http5xxCapacity => "http_502_503_504",
        OutcomeKind::Http5xxApplication => "http_5xx_other",
        OutcomeKind::Connect => "connect",
        OutcomeKind::Timeout => "timeout",
        OutcomeKind::Reset => "reset",
        OutcomeKind::Dns => "dns",
        OutcomeKind::Tls => "tls",
        OutcomeKind::Body => "body",
        OutcomeKind::Ports => "ports_or_fds",
        OutcomeKind::Other => "other",
        OutcomeKind::Http3xx => "http_3xx_unexpected",
        OutcomeKind::Http2xx => "http_2xx_unexpected",
    }
}

/// Three decimals, as everywhere; `null` when it is no number.
fn rounded(value: f64) -> Value {
    plain(value).parse::<serde_json::Number>().map_or(Value::Null, Value::Number)
}

fn secs(at: Elapsed) -> Value {
    rounded(at.as_secs_f64())
}

fn millis(value: Option<std::time::Duration>) -> Value {
    value.map_or(Value::Null, |value| rounded(as_millis(value)))
}

fn percentiles(latency: &Latency) -> Value {
    if latency.is_empty() {
        return Value::Null;
    }
    json!({
        "count": latency.count(),
        "mean": millis(latency.mean()),
        "p50": millis(latency.quantile(0.5)),
        "p90": millis(latency.quantile(0.9)),
        "p95": millis(latency.quantile(0.95)),
        "p99": millis(latency.quantile(0.99)),
        "p999": millis(latency.quantile(0.999)),
        "max": millis(latency.max()),
    })
}

fn instances(session: &Session) -> Vec<Value> {
    let seen = session.tracks().iter().zip(session.came(session.tracks()));
    seen.take(MOST_INSTANCES).map(|(track, came)| instance(track, came)).collect()
}

fn instance(track: &InstanceTrack, came: Option<Came>) -> Value {
    json!({
        "id": track.id.as_str(),
        "first_ok_s": track.first_ok.map(secs),
        "first_s": secs(track.first),
        "last_s": secs(track.last),
        "requests": track.requests,
        "ok": track.ok,
        "p50_ms": millis(track.response.quantile(0.5)),
        "p99_ms": millis(track.response.quantile(0.99)),
        "cold_start_ms": millis(track.cold_start),
        "came_s": came.and_then(|came| came.took()).map(|took| rounded(took.as_secs_f64())),
        "came_after": came.map(|came| came.after.label()),
        "came_since_s": came.and_then(|came| came.since).map(secs),
    })
}

fn scale_outs(session: &Session, report: &StepReport) -> Vec<Waterfall> {
    session.scale_outs(report).and_then(Result::ok).unwrap_or_default()
}

fn step(report: &StepReport, falls: &[Waterfall]) -> Value {
    let (step, first) = (&report.step, falls.first());
    let numbers: Map<String, Value> =
        numbers::of(report).into_iter().map(|number| (number.kind.key.to_owned(), worth(&number.value))).collect();
    let invalid = match &report.validity {
        Validity::InvalidGenerator(reason) => Some(clean_to(reason, LONGEST_TEXT)),
        Validity::Valid | Validity::InvalidStart(_) => None,
    };
    json!({
        "id": step.id.0,
        "name": step.name.as_deref().map(|name| clean_to(name, LONGEST_TEXT)),
        "start_s": secs(step.start),
        "end_s": step.end.map(secs),
        "from_rps": step.before.get(),
        "to_rps": step.profile.last().get(),
        "ramp_s": rounded(step.profile.ramp_duration().as_secs_f64()),
        "invalid_generator": invalid,
        "invalid_start": step.unmet_start.as_deref().map(|unmet| clean_to(unmet, LONGEST_TEXT)),
        "not_judged": report.numbers.not_judged.as_deref().map(|why| clean_to(why, LONGEST_TEXT)),
        "words": clean_to(&report.words, LONGEST_TEXT),
        "pinned": report.pinned.map(|pinned| {
            json!({ "instances": pinned.few, "of": pinned.of, "share_percent": rounded(pinned.share * 100.0) })
        }),
        "numbers": numbers,
        "scale_out": scale_out(first),
        "scale_out_remarks": scale_out_remarks(first),
        "scale_out_cause": first.and_then(|fall| fall.cause.as_deref()).map(|cause| clean_to(cause, LONGEST_TEXT)),
        "not_scaled": first.and_then(|fall| fall.not_scaled.as_deref()).map(|why| clean_to(why, LONGEST_TEXT)),
        "scale_outs": falls.iter().map(whole_scale_out).collect::<Vec<_>>(),
    })
}

/// One scale-out of a step.
fn whole_scale_out(fall: &Waterfall) -> Value {
    json!({
        "times": scale_out(Some(fall)),
        "remarks": scale_out_remarks(Some(fall)),
        "cause": fall.cause.as_deref().map(|cause| clean_to(cause, LONGEST_TEXT)),
        "not_scaled": fall.not_scaled.as_deref().map(|why| clean_to(why, LONGEST_TEXT)),
    })
}

/// The time of each stage of a scale-out; `null` where it is not known.
fn scale_out(fall: Option<&Waterfall>) -> Map<String, Value> {
    let time = |stage| {
        let timing = fall.and_then(|fall| fall.timing(stage));
        (scale_out_key(stage), timing.map_or(Value::Null, |timing| worth(&Worth::Timing(timing))))
    };
    ScaleOutStage::ALL.into_iter().map(time).collect()
}

/// Why stages have no time.
fn scale_out_remarks(fall: Option<&Waterfall>) -> Map<String, Value> {
    let remark = |stage| match fall?.timing(stage)? {
        Timing::NotApplicable(why) => Some((scale_out_key(stage), Value::from(why))),
        _ => None,
    };
    ScaleOutStage::ALL.into_iter().filter_map(remark).collect()
}

/// `t_task_created_s`.
fn scale_out_key(stage: ScaleOutStage) -> String {
    format!("t_{}_s", stage.label().replace(' ', "_"))
}

/// A time is an object that says how it is known; a plain number is a number; what nobody can say is `null`.
fn worth(value: &Worth) -> Value {
    match *value {
        Worth::Timing(Timing::Reached { secs, plus_minus }) => {
            json!({ "s": rounded(secs), "plus_minus_s": rounded(plus_minus) })
        }
        Worth::Timing(Timing::NotWithin { secs, open }) => json!({ "not_within_s": rounded(secs), "open": open }),
        Worth::Timing(Timing::Absorbed) => json!({ "s": 0, "absorbed": true }),
        Worth::Timing(Timing::AlreadyViolated) => json!({ "already_violated": true }),
        value => value.known().map_or(Value::Null, rounded),
    }
}

/// A source of instance counts that the user named.
fn counted(source: &CountSettings) -> Value {
    json!({
        "source": clean_to(&source.source, LONGEST_TEXT),
        "of": clean_to(&source.of, LONGEST_TEXT),
        "every_s": rounded(source.every.as_secs_f64()),
        "grain_s": rounded(source.grain.as_secs_f64()),
    })
}

/// Each objective with the first second that it judges.
fn objectives(session: &Session) -> Vec<Value> {
    session
        .objectives()
        .all()
        .map(|(from, slo)| {
            json!({
                "from_s": from,
                "percentile": slo.percentile_name(),
                "latency_ms": rounded(as_millis(slo.latency)),
                "errors_percent": rounded(slo.errors * 100.0),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
