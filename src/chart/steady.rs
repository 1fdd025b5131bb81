//! What a scale has to hold, moment by moment: it grows at once and shrinks late, so that a plot does not jump.
//!
//! The memory of a scale is derived from the data: the same seconds give the same scale, live, scrolled back and in a replay.

use std::collections::VecDeque;

/// A scale shrinks when, for this many seconds, half of it would have done.
pub(crate) const PATIENCE_SECS: u32 = 8;

/// A value counts for a scale however brief it was while it is not older than this, in seconds: what happens now is always on
/// the scale.
const RECENT_SECS: u32 = 12;

/// What lasted a shorter part of the window than this is brief.
const BRIEF_PART: u32 = 50;

/// A brief value is left to a marker only when it is so many times what the scale would hold without it.
const TOWERS: f64 = 2.5;

/// A span of seconds with one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    /// Its first second.
    pub(crate) second: u32,
    /// How many seconds it covers, at least one.
    pub(crate) length: u32,
    /// What was measured; not negative.
    pub(crate) value: f64,
}

impl Span {
    const fn end(self) -> u32 {
        self.second.saturating_add(self.length)
    }
}

/// Which values may be left to a marker at the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Towers {
    /// None: the scale holds all that is in the window.
    Held,
    /// Those that were brief, tower over the rest and are past.
    Marked,
}

/// The value that a scale holds at the end of `spans` (ascending, without overlaps) when it shows `window` seconds; 0 for no
/// spans.
pub(crate) fn most(spans: &[Span], window: u32, towers: Towers) -> f64 {
    let lasting = match towers {
        Towers::Held => None,
        Towers::Marked => Some(lasting(spans, (window / BRIEF_PART).max(2))),
    };
    let mut held = Held::default();
    let (mut all, mut recent, mut lasted) = (Highest::default(), Highest::default(), Highest::default());
    for (at, span) in spans.iter().enumerate() {
        let end = span.end();
        all.push(end, span.value);
        all.forget(end.saturating_sub(window));
        let mut need = all.value();
        if let Some(lasting) = &lasting {
            recent.push(end, span.value);
            recent.forget(end.saturating_sub(RECENT_SECS));
            lasted.push(end, lasting[at]);
            lasted.forget(end.saturating_sub(window));
            let without = recent.value().max(lasted.value());
            if need > without * TOWERS && without > 0.0 {
                need = without;
            }
        }
        held.advance(end, need);
    }
    held.most
}

/// What a scale holds, and since when half of it would do.
#[derive(Debug, Default)]
struct Held {
    most: f64,
    roomy_since: Option<u32>,
    /// The most that was needed since then.
    needed_since: f64,
}

impl Held {
    fn advance(&mut self, now: u32, need: f64) {
        if need >= self.most / 2.0 {
            self.most = self.most.max(need);
            self.roomy_since = None;
            return;
        }
        let since = *self.roomy_since.get_or_insert_with(|| {
            self.needed_since = 0.0;
            now
        });
        self.needed_since = self.needed_since.max(need);
        if now.saturating_sub(since) >= PATIENCE_SECS {
            self.most = self.needed_since;
            self.roomy_since = None;
        }
    }
}

/// The highest value of a sliding window, in constant time a value: a queue of the candidates, which descend.
#[derive(Debug, Default)]
struct Highest(VecDeque<(u32, f64)>);

impl Highest {
    fn push(&mut self, end: u32, value: f64) {
        while self.0.pop_back_if(|(_, last)| *last <= value).is_some() {}
        self.0.push_back((end, value));
    }

    /// Drops what ended at `until` or before.
    fn forget(&mut self, until: u32) {
        while self.0.pop_front_if(|(end, _)| *end <= until).is_some() {}
    }

    fn value(&self) -> f64 {
        self.0.front().map_or(0.0, |(_, value)| *value)
    }
}

/// For each span the highest level that a run of neighbors around it kept for `secs` seconds: a plateau stays as it is, what is
/// briefer is cut down to what surrounds it (the morphological opening). In constant time a span: the level of a run is a sliding
/// minimum, and that of a span the sliding maximum of the runs that hold it.
fn lasting(spans: &[Span], secs: u32) -> Vec<f64> {
    let mut levels = Vec::with_capacity(spans.len());
    // The run that begins at each span, as far as it lasts long enough, ends with span `end - 1`.
    let (mut end, mut lasted) = (0, 0_u32);
    // Candidates for its lowest value, which ascend; and for the highest run, which descend, each with where it ends.
    let mut lowest = VecDeque::<(usize, f64)>::new();
    let mut highest = VecDeque::<(usize, f64)>::new();
    for (start, span) in spans.iter().enumerate() {
        while lasted < secs
            && let Some(next) = spans.get(end)
        {
            while lowest.pop_back_if(|(_, value)| *value >= next.value).is_some() {}
            lowest.push_back((end, next.value));
            lasted = lasted.saturating_add(next.length);
            end += 1;
        }
        while lowest.pop_front_if(|(at, _)| *at < start).is_some() {}
        if lasted >= secs
            && let Some(&(_, level)) = lowest.front()
        {
            while highest.pop_back_if(|(_, below)| *below <= level).is_some() {}
            highest.push_back((end, level));
        }
        while highest.pop_front_if(|(end, _)| *end <= start).is_some() {}
        levels.push(highest.front().map_or(0.0, |(_, level)| *level));
        lasted = lasted.saturating_sub(span.length);
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In whole numbers, as the values of these tests are.
    fn most(spans: &[Span], window: u32, towers: Towers) -> u64 {
        crate::text::whole(super::most(spans, window, towers))
    }

    /// One span a second.
    fn seconds(values: impl IntoIterator<Item = f64>) -> Vec<Span> {
        (0..).zip(values).map(|(second, value)| Span { second, length: 1, value }).collect()
    }

    fn run(parts: &[(usize, u32)]) -> Vec<Span> {
        seconds(parts.iter().flat_map(|&(count, value)| std::iter::repeat_n(f64::from(value), count)))
    }

    #[test]
    fn a_scale_grows_at_once() {
        assert_eq!(most(&run(&[(60, 50), (1, 600)]), 60, Towers::Marked), 600);
    }

    #[test]
    fn a_scale_shrinks_only_after_half_of_it_would_have_done_for_a_while() {
        let patience = PATIENCE_SECS as usize;
        // The window of 20 s is left by the last high second 20 s later.
        let after = |calm: usize| most(&run(&[(30, 600), (20 + calm, 250)]), 20, Towers::Held);
        assert_eq!(after(patience - 1), 600);
        assert_eq!(after(patience), 250);
        // What needs more than half of it keeps it for good.
        assert_eq!(most(&run(&[(30, 600), (500, 310)]), 20, Towers::Held), 600);
    }

    #[test]
    fn a_dip_below_half_that_is_over_before_does_not_count() {
        let mut parts = vec![(30, 600)];
        for _ in 0..20 {
            parts.extend([(6, 200), (1, 400)]);
        }
        assert_eq!(most(&run(&parts), 2, Towers::Held), 600);
    }

    #[test]
    fn a_brief_tower_leaves_the_scale_once_it_is_past_and_a_plateau_does_not() {
        let brief = |calm: usize| most(&run(&[(60, 400), (2, 5_000), (calm, 400)]), 300, Towers::Marked);
        assert_eq!((brief(1), brief(9)), (5_000, 5_000));
        assert_eq!(brief(60), 400);
        assert_eq!(most(&run(&[(60, 50), (20, 600), (100, 50)]), 300, Towers::Marked), 600);
        assert_eq!(most(&run(&[(60, 400), (2, 900), (60, 400)]), 300, Towers::Marked), 900, "no tower");
        assert_eq!(most(&run(&[(60, 400), (2, 5_000), (60, 400)]), 300, Towers::Held), 5_000);
    }

    #[test]
    fn nothing_measured_needs_nothing() {
        assert_eq!(most(&[], 60, Towers::Marked), 0);
        assert_eq!(most(&run(&[(5, 0)]), 60, Towers::Marked), 0);
    }

    /// [`super::lasting`], by its definition.
    fn lasting_by_definition(spans: &[Span], secs: u32) -> Vec<f64> {
        let mut levels = vec![0.0_f64; spans.len()];
        for start in 0..spans.len() {
            for end in start..spans.len() {
                let run = &spans[start..=end];
                if run.iter().map(|span| span.length).sum::<u32>() >= secs {
                    let level = run.iter().map(|span| span.value).fold(f64::INFINITY, f64::min);
                    levels[start..=end].iter_mut().for_each(|kept| *kept = kept.max(level));
                    break;
                }
            }
        }
        levels
    }

    proptest::proptest! {
        #[test]
        fn what_lasts_is_found_in_one_pass(
            parts in proptest::collection::vec((1_u32..4, 0_u32..6), 0..60), secs in 1_u32..20
        ) {
            let spans: Vec<Span> = parts
                .iter()
                .scan(0, |second, &(length, value)| {
                    let span = Span { second: *second, length, value: f64::from(value) };
                    *second += length;
                    Some(span)
                })
                .collect();
            proptest::prop_assert_eq!(super::lasting(&spans, secs), lasting_by_definition(&spans, secs));
        }
    }
}
