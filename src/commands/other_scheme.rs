//! Why a service cannot be spoken to: whether its port speaks the other one of http and https, or no HTTP/2. Asked only when
//! a request has failed in a way that makes it likely, without headers, body and password.

use std::time::Duration;

use scaletop_load::{Cause, FailureKind, HttpTransport, Outcome, Phase, Reply, RequestOptions, Transport as _};
use scaletop_units::RunClock;

/// How long the other scheme has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// `reply` to a request of `options`, with the cause named where the port turns out to speak the other scheme.
pub(super) async fn explained(reply: Reply, options: &RequestOptions, clock: RunClock) -> Reply {
    let phase = reply.cause.as_ref().map(|cause| cause.phase);
    let (other, text) = match (options.url.scheme(), &reply.outcome, phase) {
        ("https", Outcome::Failed(FailureKind::Tls | FailureKind::Timeout), Some(Phase::Tls)) => {
            ("http", "this port speaks plain http: use http://")
        }
        (
            "http",
            Outcome::Failed(FailureKind::Reset | FailureKind::Other | FailureKind::Timeout),
            Some(Phase::Answer),
        ) => ("https", "this port wants https: use https://"),
        (scheme @ ("http" | "https"), Outcome::Failed(_), Some(Phase::Sending | Phase::Answer)) if options.http2 => {
            (scheme, "the service does not speak HTTP/2 on this port: use HTTP/1.1, leave --http2 out")
        }
        _ => return reply,
    };
    let other = other.to_owned();
    let Some(phase) = phase else { return reply };
    let mut url = options.url.clone();
    // The host and port stay what they are: a port that is the scheme's own is written down first.
    let port = url.port_or_known_default();
    let is_changed = url.set_scheme(&other).is_ok() && url.set_port(port).is_ok();
    let _ = (url.set_username(""), url.set_password(None));
    if !is_changed {
        return reply;
    }
    let question = RequestOptions {
        timeout: options.timeout.min(PATIENCE),
        // Nothing is told to whoever answers, and nothing is believed.
        insecure: true,
        resolve: options.resolve.clone(),
        ..RequestOptions::get(url)
    };
    let Ok(transport) = HttpTransport::new(&question) else { return reply };
    let answer = tokio::task::LocalSet::new().run_until(transport.send(clock.now())).await;
    match answer.outcome {
        Outcome::Status(_) => reply.because(Cause::new(phase, text)),
        Outcome::Failed(_) => reply,
    }
}
