//! Whether a backlog grows or shrinks, and how fast: pure, it takes `now`.

use std::time::Duration;

use scaletop_units::Elapsed;

/// How long a backlog is watched before something is said of it.
const WINDOW: Duration = Duration::from_millis(1);

/// Watches a number from one window to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trend {
    /// When the present window began, and what the number was then.
    since: Option<(Elapsed, usize)>,
    /// What the last window took, and by how much the number fell in it; negative when it rose.
    fell: Option<(Duration, i64)>,
}

impl Trend {
    /// Nothing seen yet.
    pub(super) const fn new() -> Self {
        Self { since: None, fell: None }
    }

    /// The number is `count` at `now`.
    pub(super) fn observe(&mut self, now: Elapsed, count: usize) {
        let Some((since, before)) = self.since else {
            self.since = Some((now, count));
            return;
        };
        let took = now.saturating_since(since);
        if took >= WINDOW {
            let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            self.fell = Some((took, signed(before) - signed(count)));
            self.since = Some((now, count));
        }
    }

    /// Whether anything can be said.
    pub(super) const fn is_known(&self) -> bool {
        self.fell.is_some()
    }

    /// After how long `count` will have fallen to nothing, as it went in the last window; `None` when it does not fall, or
    /// when that is not known.
    pub(super) fn time_to_empty(&self, count: usize) -> Option<Duration> {
        let (took, fell) = self.fell?;
        let fell = u32::try_from(fell).ok().filter(|&fell| fell > 0)?;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Some(took.saturating_mul(count) / fell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_by_a_tenth_in_a_window_is_gone_after_nine_more() {
        let mut trend = Trend::new();
        trend.observe(Elapsed::ZERO, 1_000);
        trend.observe(Elapsed::from_micros(900), 800);
        assert_eq!(trend.time_to_empty(800), None, "too early to tell");
        trend.observe(Elapsed::from_millis(2), 900);
        assert_eq!(trend.time_to_empty(900), Some(Duration::from_millis(18)));
        trend.observe(Elapsed::from_millis(4), 900);
        assert_eq!((trend.is_known(), trend.time_to_empty(900)), (true, None), "it does not fall any more");
    }
}
