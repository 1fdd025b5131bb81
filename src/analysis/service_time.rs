//! The service time of OK answers: what Little's law needs.

use std::collections::VecDeque;
use std::time::Duration;

use scaletop_load::Latency;

/// The trailing window, in seconds.
const WINDOW_SECS: u32 = 5;

/// What completed in one second: OK response times, send lags, OK service times.
#[derive(Clone, Debug, PartialEq)]
struct Second {
    index: u32,
    ok: Latency,
    send_lag: Latency,
    service: Latency,
}

/// The last seconds, by completion: for the needed line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trailing {
    seconds: VecDeque<Second>,
}

impl Trailing {
    /// Takes the second that has just closed.
    pub(crate) fn push(&mut self, second: u32, ok: Latency, send_lag: Latency, service: Latency) {
        self.seconds.retain(|kept| second - kept.index < WINDOW_SECS);
        self.seconds.push_back(Second { index: second, ok, send_lag, service });
    }

    /// The median service time of OK answers; `is_apart`: the recording tells it from that of failures.
    pub(crate) fn service(&self, is_apart: bool) -> Option<Duration> {
        let merged = |read: fn(&Second) -> &Latency| {
            let mut all = Latency::new();
            self.seconds.iter().for_each(|second| all.merge(read(second)));
            all
        };
        if is_apart {
            return merged(|second| &second.service).quantile(0.5);
        }
        ok_service(&merged(|second| &second.ok), &merged(|second| &second.send_lag))
    }
}

/// The median service time of OK answers in recordings before version 4. There service times are those of all answers, and a
/// service that refuses half of them at once would look twice as fast as it is; response times are recorded apart for OK
/// ones, and are longer by the send lag.
pub(crate) fn ok_service(ok: &Latency, send_lag: &Latency) -> Option<Duration> {
    Some(ok.quantile(0.5)?.saturating_sub(send_lag.quantile(0.5).unwrap_or_default()))
}
