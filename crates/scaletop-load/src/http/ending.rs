//! Whether a request that ended without an answer may be sent once more: pure, the same for both versions.

use std::time::Duration;

/// What the two ends of a connection may take to turn to what has come, beside the round trip.
const RACE: Duration = Duration::from_millis(5);

/// How an exchange ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    /// The connection was closed or broke.
    pub is_close: bool,
    /// Bytes that came of an answer; over HTTP/2 whether any came.
    pub seen: u64,
    /// Bytes of the request that were written; over HTTP/2 whether any could be.
    pub written: usize,
    /// How long the connection had been idle before.
    pub idled: Duration,
    /// How long after the request was begun.
    pub after: Duration,
    /// What the connection's TCP handshake took.
    pub round_trip: Duration,
}

impl Ending {
    /// Whether the service did not look at the request: nothing of it was written, or it met the close of an idle
    /// connection on the way. The latter is no proof, so it counts only for what may be processed twice.
    pub(super) fn was_not_looked_at(self, is_idempotent: bool) -> bool {
        let race = race(self.round_trip);
        let has_met_the_close = is_idempotent && self.idled >= race && self.after <= race;
        self.is_close && self.seen == 0 && (self.written == 0 || has_met_the_close)
    }
}

/// How long after a connection was idle a request on it may meet the close of an idle connection.
pub(super) fn race(round_trip: Duration) -> Duration {
    round_trip + RACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_met_the_close_of_an_idle_connection_is_sent_once_more() {
        let met = Ending {
            is_close: true,
            seen: 0,
            written: 100,
            idled: Duration::from_millis(50),
            after: Duration::from_millis(11),
            round_trip: Duration::from_millis(10),
        };
        let cases = [
            (met, true, true),
            (met, false, false), // it may have been processed
            (Ending { idled: Duration::ZERO, ..met }, true, false),
            (Ending { idled: Duration::MAX, ..met }, true, true),
            (Ending { after: Duration::from_millis(16), ..met }, true, false),
            (Ending { seen: 1, ..met }, true, false),
            (Ending { is_close: false, ..met }, true, false),
            (Ending { written: 0, idled: Duration::ZERO, ..met }, false, true),
        ];
        for (ending, is_idempotent, again) in cases {
            assert_eq!(ending.was_not_looked_at(is_idempotent), again, "{ending:?}");
        }
    }
}
