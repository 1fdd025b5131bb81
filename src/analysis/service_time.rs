//! The service time of OK answers: what Little's law needs.

use std::collections::VecDeque;
use std::time::Duration;

use scaletop_load::Latency;

/// The trailing window, in seconds.
const WINDOW_SECS: u32 = 5;

/// OK response times and send lags of the last seconds, by completion: for the needed line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trailing {
    seconds: VecDeque<(u32, Latency, Latency)>,
}

impl Trailing {
    /// Takes the second that has just closed.
    pub(crate) fn push(&mut self, second: u32, ok: Latency, send_lag: Latency) {
        self.seconds.retain(|(kept, ..)| second - kept < WINDOW_SECS);
        self.seconds.push_back((second, ok, send_lag));
    }

    /// The median service time of OK answers.
    pub(crate) fn service(&self) -> Option<Duration> {
        let (mut ok, mut send_lag) = (Latency::new(), Latency::new());
        for (_, answered, lag) in &self.seconds {
            ok.merge(answered);
            send_lag.merge(lag);
        }
        ok_service(&ok, &send_lag)
    }
}

/// The median service time of OK answers. Service times are recorded over all answers, and a service that refuses half
/// of them at once would look twice as fast as it is; response times are recorded apart for OK ones, and are longer by
/// the send lag.
pub(crate) fn ok_service(ok: &Latency, send_lag: &Latency) -> Option<Duration> {
    Some(ok.quantile(0.5)?.saturating_sub(send_lag.quantile(0.5).unwrap_or_default()))
}
