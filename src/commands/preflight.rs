//! One request before the load begins: what cannot work is said before the first second.

use std::time::Duration;

use http::Method;
use url::Url;

use crate::commands::other_scheme;
use crate::doctor::{Check, Status, reach};
use crate::text::latency;
use scaletop_load::{Expected, HttpTransport, Mix, Outcome, Reply, RequestName, RequestOptions};
use scaletop_units::{ArrivalRate, RunClock};

/// A service that has not answered by then is not waited for: the load tells the rest.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the one request showed.
#[derive(Debug)]
pub(super) struct Preflight {
    /// For the record: `200 after 81.2 ms`.
    pub(super) told: String,
    /// What is wrong, with what helps; none when the answer was as expected.
    pub(super) complaint: Option<String>,
    /// How long the answer took.
    pub(super) took: Duration,
}

/// Asks the service once, as the load will. `None` for a method that may change something: it is not sent unasked.
pub(super) async fn ask(options: &RequestOptions, expected: Expected, url: &Url, clock: RunClock) -> Option<Preflight> {
    if let Some(mix) = &options.mix {
        return ask_each(mix, options, expected, url, clock).await;
    }
    if !changes_nothing(&options.method) {
        return None;
    }
    ask_one(options, 0, expected, url, clock).await
}

/// Requests of several that are asked once each before the load.
const MOST_ASKED: usize = 8;

/// Asks the service once with each of several requests, the first ones, that change nothing. The first complaint is told.
async fn ask_each(
    mix: &Mix,
    options: &RequestOptions,
    expected: Expected,
    url: &Url,
    clock: RunClock,
) -> Option<Preflight> {
    let mut all: Option<Preflight> = None;
    for (index, name, path) in asked_alone(mix) {
        let url = path.and_then(|path| url.join(path).ok()).unwrap_or_else(|| url.clone());
        let Some(one) = ask_one(options, index, expected, &url, clock).await else { continue };
        let told = format!("{name}: {}", one.told);
        // What a single request is told to do has another place here.
        let in_file = |complaint: String| complaint.replace("with --path", "in the file of --requests");
        let complaint = one.complaint.map(|complaint| format!("{name}: {}", in_file(complaint)));
        all = Some(match all {
            None => Preflight { told, complaint, took: one.took },
            Some(before) => Preflight {
                told: format!("{}; {told}", before.told),
                complaint: before.complaint.or(complaint),
                took: before.took.max(one.took),
            },
        });
    }
    all
}

/// The first of several requests that change nothing, with their places and names, and their paths where these are always the same.
pub(super) fn asked_alone(mix: &Mix) -> Vec<(usize, &RequestName, Option<&str>)> {
    let all = mix.by_themselves().enumerate().filter(|(_, (_, method, _))| changes_nothing(method));
    all.take(MOST_ASKED).map(|(index, (name, _, path))| (index, name, path)).collect()
}

fn changes_nothing(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

async fn ask_one(
    options: &RequestOptions,
    index: usize,
    expected: Expected,
    url: &Url,
    clock: RunClock,
) -> Option<Preflight> {
    let question = RequestOptions { timeout: PATIENCE.min(options.timeout), ..options.clone() };
    let transport = HttpTransport::new(&question).ok()?;
    let sent = clock.now();
    // Its connection is a task of its own on this thread, and closed with it.
    let reply = tokio::task::LocalSet::new().run_until(transport.try_one(index)).await;
    let took = clock.now().saturating_since(sent);
    let reply = other_scheme::explained(reply, options, clock).await;
    let told = match (&reply.outcome, &reply.cause) {
        (Outcome::Status(status), _) => format!("{status} after {}", latency(took)),
        (Outcome::Failed(_), Some(cause)) => format!("{}: {}", cause.phase.label(), cause.text),
        (Outcome::Failed(kind), None) => format!("failed: {}", scaletop_load::OutcomeKind::from(*kind).label()),
    };
    Some(Preflight { complaint: complaint(url, expected, &reply, took), told, took })
}

impl Preflight {
    /// What to say before the load of `peak` requests a second begins, with room for `cap` in flight.
    pub(super) fn warning(self, peak: ArrivalRate, cap: u64) -> Option<String> {
        let complaint = self.complaint.map(|complaint| format!("asked once before the load: {complaint}"));
        complaint.or_else(|| too_many_in_flight(peak.get(), self.took, cap))
    }
}

fn complaint(url: &Url, expected: Expected, reply: &Reply, took: Duration) -> Option<String> {
    let check = reach::reachable(url, expected, reply, took);
    (check.status == Status::Failure).then(|| described(&check))
}

fn described(check: &Check) -> String {
    match &check.remedy {
        Some(remedy) => format!("{}: {remedy}", check.detail),
        None => check.detail.clone(),
    }
}

/// What so many requests a second of so long a service time will meet, when the caps are too low for them.
fn too_many_in_flight(peak: u32, took: Duration, cap: u64) -> Option<String> {
    let in_flight = f64::from(peak) * took.as_secs_f64();
    (in_flight > cap as f64).then(|| {
        format!(
            "{peak}/s × {} keep {in_flight:.0} requests in flight, {cap} is the cap: what comes beyond is dropped, however \
             well the service does; raise --max-in-flight, --max-connections or ulimit -n",
            latency(took)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_that_the_load_will_reach_is_said_beforehand() {
        let took = Duration::from_millis(80);
        assert_eq!(too_many_in_flight(500, took, 64), None);
        let said = too_many_in_flight(2_000, took, 64).unwrap();
        assert!(said.starts_with("2000/s × 80.0 ms keep 160 requests in flight, 64 is the cap"), "{said}");
    }

    #[test]
    fn only_what_is_not_expected_is_complained_of() {
        let url: Url = "http://a.test/x".parse().unwrap();
        let complaint =
            |expected: &str, status| complaint(&url, expected.parse().unwrap(), &Reply::status(status), Duration::ZERO);
        assert_eq!(complaint("2xx", 200), None);
        assert_eq!(complaint("404", 404), None);
        assert!(complaint("2xx", 404).unwrap().contains("404"));
        assert!(complaint("404", 200).unwrap().contains("200"));
    }
}
