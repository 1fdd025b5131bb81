//! How much a line to a terminal carries, as far as writing to it shows. Pure: times are since the line was opened.
//!
//! What is written waits in buffers that nobody can look into. A line that is slower than what is written fills them, and from
//! then on writes wait for room. Between the ends of two waits as much is carried as is written meanwhile, however large the
//! buffers are, and whether room comes bit by bit or once they are nearly empty (as in a pseudo terminal of Linux): that is how
//! fast the line is. Before that nothing is known, and nothing has to be. Once it is known, what was written is taken to be on its way for as long as it takes at that
//! rate, and the next frame waits for it. Two such waits within one frame are enough to begin with: the first frame, which is all of
//! the screen, tells of a slow line. So buffers stay empty, and what answers a key is not behind what was drawn before.
//!
//! A line that holds more than it lets feel (ssh takes megabytes before a write waits) is not seen to be slow.

use std::time::Duration;

/// A write that took so long has waited for room.
const WAITED: Duration = Duration::from_millis(20);

/// So many spans in a row that end with a wait, and that tell much the same, show a rate: a terminal that stood still for a while
/// is not slow.
const SPANS: usize = 2;

/// What counts as such a span: all but waiting, or a wait of some length that comes soon after the last; and how far the rates of
/// spans may lie apart.
const MOSTLY: f64 = 0.7;
const LONG: f64 = 0.3;
const SOON: f64 = 60.0;
const MUCH_THE_SAME: f64 = 3.0;

/// A line that carries more than this, in bytes per second, needs no care: ten frames a second.
const FAST: f64 = 20_000.0;

/// What buffers are taken to hold, at least and at most, in bytes.
const BUFFERS: (f64, f64) = (2_048.0, 65_536.0);

/// Seconds of the line that a frame may take: what does not fit waits for the next one.
const SHARE: f64 = 0.6;

/// A frame that no key asked for leaves the line free for this many times what it took, so that a key rarely waits for it.
const REST: f64 = 1.0;

/// What is known of a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Bytes per second; `None` while nothing was felt of it.
    rate: Option<f64>,
    /// Bytes that are believed to be on their way at `at`.
    queued: f64,
    at: Duration,
    /// Bytes of the last frame.
    last: f64,
    /// All that was written so far.
    total: f64,
    /// When the first byte was written.
    first: Option<Duration>,
    /// When the last wait ended, and what had been written by then.
    waited: Option<(Duration, f64)>,
    /// The spans between the ends of the last waits: bytes and seconds.
    spans: Vec<(f64, f64)>,
    /// Whether the frame that is being written has waited.
    has_waited: bool,
}

impl Line {
    /// A frame of so many bytes begins.
    pub(crate) fn begins(&mut self, bytes: usize) {
        self.last = bytes as f64;
        self.has_waited = false;
    }

    /// A piece of so many bytes was written from `began` to `ended`.
    pub(crate) fn wrote(&mut self, bytes: usize, began: Duration, ended: Duration) {
        self.first.get_or_insert(began);
        self.total += bytes as f64;
        self.pass(ended);
        self.queued += bytes as f64;
        let took = ended.saturating_sub(began);
        if took < WAITED {
            return;
        }
        let is_again = std::mem::replace(&mut self.has_waited, true);
        let Some((since, written)) = self.waited.replace((ended, self.total)) else { return };
        let secs = ended.saturating_sub(since).as_secs_f64();
        let waited = took.as_secs_f64();
        if waited < secs * MOSTLY && (waited < LONG || secs > SOON) {
            self.spans.clear();
            return;
        }
        self.spans.push((self.total - written, secs));
        // What waits again and again within one frame, and hardly does anything else, is no terminal that stood still.
        let is_plain = is_again && self.rate.is_none() && waited >= secs * MOSTLY && waited >= LONG;
        if is_plain && self.spans.len() < SPANS {
            self.learn((self.total - written) / secs, ended);
        }
        if self.spans.len() < SPANS {
            return;
        }
        let rates = || self.spans.iter().map(|(bytes, secs)| bytes / secs);
        let (most, least) = (rates().fold(0.0, f64::max), rates().fold(f64::INFINITY, f64::min));
        if most <= least * MUCH_THE_SAME {
            let (bytes, secs) = self.spans.iter().fold((0.0, 0.0), |sum, span| (sum.0 + span.0, sum.1 + span.1));
            self.learn(bytes / secs, ended);
        }
        self.spans.remove(0);
    }

    /// The line carries this much.
    fn learn(&mut self, rate: f64, now: Duration) {
        if rate >= FAST {
            self.rate = None;
            return;
        }
        if self.rate.is_none() {
            // All that was written and cannot have arrived is in the buffers.
            let carried = rate * now.saturating_sub(self.first.unwrap_or(now)).as_secs_f64();
            self.queued = (self.total - carried).clamp(BUFFERS.0, BUFFERS.1);
        }
        self.rate = Some(rate);
    }

    /// Time goes by: what is on its way arrives.
    fn pass(&mut self, now: Duration) {
        let carried = self.rate.unwrap_or(0.0) * now.saturating_sub(self.at).as_secs_f64();
        self.queued = (self.queued - carried).max(0.0);
        self.at = self.at.max(now);
    }

    /// Whether a frame can go now without standing behind others; one that no key asks for waits a while longer.
    pub(crate) fn is_free(&self, now: Duration, is_asked: bool) -> bool {
        let Some(rate) = self.rate else { return true };
        let carried = rate * now.saturating_sub(self.at).as_secs_f64();
        carried >= self.queued + if is_asked { 0.0 } else { self.last * REST }
    }

    /// How many bytes a frame may have; `None` where that does not matter.
    pub(crate) fn budget(&self) -> Option<usize> {
        self.rate.map(|rate| usize::try_from(crate::text::whole(rate * SHARE)).unwrap_or(usize::MAX))
    }

    /// Nothing is known any more: somebody wants everything drawn anew.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A line of so many bytes a second behind buffers, in virtual time: what a reader has seen, and how long a writer waits.
    pub(crate) struct Slow {
        rate: f64,
        buffers: f64,
        /// A writer that has to wait goes on when no more than this is left in them.
        low: f64,
        /// When each byte that was written arrives, counted.
        arrived: f64,
        written: f64,
        at: f64,
    }

    impl Slow {
        pub(crate) const fn new(rate: f64, buffers: f64, low: f64) -> Self {
            Self { rate, buffers, low, arrived: 0.0, written: 0.0, at: 0.0 }
        }

        /// Writes a piece at `now`, in seconds; returns when the writer goes on.
        pub(crate) fn write(&mut self, bytes: usize, now: f64) -> f64 {
            self.pass(now);
            let queued = self.written - self.arrived;
            let is_full = queued + bytes as f64 > self.buffers;
            let ended = if is_full { now + ((queued - self.low) / self.rate).max(0.0) } else { now };
            self.pass(ended);
            self.written += bytes as f64;
            ended
        }

        pub(crate) fn pass(&mut self, now: f64) {
            self.arrived = (self.arrived + (now - self.at).max(0.0) * self.rate).min(self.written);
            self.at = self.at.max(now);
        }

        /// When the byte of this number, from the first that was ever written, is seen.
        pub(crate) fn seen_at(&self, byte: f64) -> f64 {
            self.at + ((byte - self.arrived) / self.rate).max(0.0)
        }

        pub(crate) const fn written(&self) -> f64 {
            self.written
        }
    }

    fn secs(at: f64) -> Duration {
        Duration::try_from_secs_f64(at).unwrap()
    }

    /// Writes a frame over a slow line as the thread does; returns when it is handed over.
    pub(crate) fn send(line: &mut Line, slow: &mut Slow, bytes: usize, now: f64) -> f64 {
        let mut now = now;
        line.begins(bytes);
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(super::super::frames::PIECE);
            let ended = slow.write(piece, now);
            line.wrote(piece, secs(now), secs(ended));
            (left, now) = (left - piece, ended);
        }
        now
    }

    #[test]
    fn a_line_that_never_waits_is_always_free() {
        let mut line = Line::default();
        for at in 0..1_000 {
            let now = Duration::from_millis(at * 50);
            assert!(line.is_free(now, false));
            line.begins(8_000);
            line.wrote(8_000, now, now + Duration::from_millis(1));
        }
    }

    #[test]
    fn a_terminal_that_stood_still_for_a_while_is_not_slow() {
        let mut line = Line::default();
        let secs = Duration::from_secs;
        line.wrote(512, secs(1), secs(61));
        for at in 0..10 {
            line.wrote(512, secs(61 + at), secs(61 + at));
        }
        assert!(line.is_free(secs(71), false));
        // Nor is one that does so again and again.
        for at in 1..=10 {
            line.wrote(512, secs(100 * at), secs(100 * at + 5));
            line.wrote(512, secs(100 * at + 5), secs(100 * at + 5));
        }
        assert!(line.is_free(secs(2_000), false));
    }

    #[test]
    fn what_a_line_carries_is_learnt_and_buffers_are_kept_empty() {
        for (rate, buffers, low) in [
            (1_200.0, 4_096.0, 3_584.0),
            (1_200.0, 4_096.0, 128.0),
            (1_200.0, 16_384.0, 15_000.0),
            (1_200.0, 12_288.0, 8_192.0),
            (9_600.0, 16_384.0, 128.0),
        ] {
            let (mut line, mut slow) = (Line::default(), Slow::new(rate, buffers, low));
            let (mut now, mut fullest): (f64, f64) = (0.0, 0.0);
            let mut busy_until = 0.0;
            while now < 180.0 {
                now += 0.05;
                if now >= busy_until && line.is_free(secs(now), false) {
                    busy_until = send(&mut line, &mut slow, if now < 0.1 { 9_000 } else { 1_800 }, now);
                }
                slow.pass(now);
                if now > 120.0 {
                    fullest = fullest.max(slow.written() - slow.arrived);
                }
            }
            let known = line.rate.unwrap_or_else(|| panic!("{rate}, {buffers}, {low}: nothing was learnt"));
            assert!((known / rate - 1.0).abs() < 0.25, "{rate}, {buffers}, {low}: {known}");
            assert!(fullest <= 1_800.0 * 1.3, "{rate}, {buffers}, {low}: {fullest} bytes wait");
        }
    }

    #[test]
    fn the_first_frame_that_takes_long_tells_what_the_line_carries() {
        for (rate, buffers, low) in [(1_200.0, 4_096.0, 128.0), (1_200.0, 4_096.0, 3_584.0), (600.0, 4_096.0, 2_048.0)]
        {
            let (mut line, mut slow) = (Line::default(), Slow::new(rate, buffers, low));
            let now = send(&mut line, &mut slow, 9_000, 0.0);
            let known = line.rate.unwrap_or_else(|| panic!("{rate}, {buffers}, {low}: nothing was learnt"));
            assert!((known / rate - 1.0).abs() < 0.25, "{rate}, {buffers}, {low}: {known}");
            assert!(!line.is_free(secs(now), false), "the next frame waits for what is on its way");
        }
        // One that stood still once is not slow.
        let mut line = Line::default();
        line.begins(9_000);
        for piece in 0..18 {
            line.wrote(512, secs(0.0), secs(if piece == 9 { 10.0 } else { 0.0 }));
        }
        assert!(line.is_free(secs(10.0), false));
    }

    #[test]
    fn drawing_anew_measures_anew() {
        let (mut line, mut slow) = (Line::default(), Slow::new(1_200.0, 4_096.0, 128.0));
        let now = send(&mut line, &mut slow, 40_000, 0.0);
        assert!(!line.is_free(secs(now), false));
        line.forget();
        assert!(line.is_free(secs(now), false));
    }
}
