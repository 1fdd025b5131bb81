//! From values to places: scales, ticks and paths of an SVG. Pure arithmetic; every number that reaches a path is a number.

use std::fmt::Write as _;

/// The width of a plot, in the units of its view box.
pub(super) const WIDTH: f64 = 1_000.0;

/// Room on the left for the labels of the axis.
pub(super) const LEFT: f64 = 52.0;

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From zero, evenly.
    Linear {
        /// The value at the top.
        top: f64,
    },
    /// By ratios: every decade is as high as the next.
    Log {
        /// The value at the bottom.
        bottom: f64,
        /// The value at the top.
        top: f64,
    },
}

impl Scale {
    /// A linear scale that has room for `most`, with its ticks.
    pub(super) fn linear(most: f64, whole: bool) -> (Self, Vec<f64>) {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let mut step = nice(most / 4.0);
        if whole {
            step = step.max(1.0).ceil();
        }
        let count = (most / step).ceil().clamp(1.0, 12.0);
        let top = count * step;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 12")]
        let ticks = (0..=count as u32).map(|n| f64::from(n) * step).collect();
        (Self::Linear { top: top * 1.04 }, ticks)
    }

    /// A logarithmic scale from `least` to `most`, with a tick for every 1, 2 and 5 (every 1 when there are many decades).
    pub(super) fn log(least: f64, most: f64) -> (Self, Vec<f64>) {
        let least = if least.is_finite() && least > 0.0 { least } else { 1.0 };
        let most = if most.is_finite() { most.max(least * 10.0) } else { least * 10.0 };
        let steps: &[f64] = if most / least > 2_000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let decades = -3..=9;
        let all: Vec<f64> = decades.flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power))).collect();
        let bottom = all.iter().copied().filter(|&tick| tick <= least).fold(least, |_, tick| tick);
        let top = all.iter().copied().find(|&tick| tick >= most).unwrap_or(most);
        let ticks = all.into_iter().filter(|tick| (bottom..=top).contains(tick)).collect();
        (Self::Log { bottom, top: top * 1.06 }, ticks)
    }

    /// How far above the bottom a value stands: 0 at the bottom, 1 at the top.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = match *self {
            Self::Linear { top } => value / top,
            Self::Log { bottom, top } => (value.max(bottom) / bottom).ln() / (top / bottom).ln(),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The nearest number above that people count in: 1, 2 or 5 times a power of ten.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|step| step * power >= value * 0.999_999).unwrap_or(10.0);
    step * power
}

/// The box that values are drawn into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    /// Seconds that the width shows.
    pub seconds: f64,
    /// The top edge.
    pub top: f64,
    /// The height.
    pub height: f64,
    /// How values become heights.
    pub scale: Scale,
}

impl Frame {
    /// Where a moment lies.
    pub(super) fn x(&self, second: f64) -> f64 {
        LEFT + (second / self.seconds.max(1.0)).clamp(0.0, 1.0) * (WIDTH - LEFT)
    }

    /// Where a value lies.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.scale.share(value)) * self.height
    }

    /// A line through `points` (seconds, value), broken where a value is missing or more than `gap` seconds are.
    pub(super) fn line(&self, points: impl IntoIterator<Item = (f64, Option<f64>)>, gap: f64) -> String {
        let mut path = Path::default();
        let mut last = None;
        for (second, value) in points {
            let Some(value) = value else {
                last = None;
                continue;
            };
            let connected = last.is_some_and(|last| second - last <= gap);
            if connected {
                path.line_to(self.x(second), self.y(value));
            } else {
                path.move_to(self.x(second), self.y(value));
            }
            last = Some(second);
        }
        path.finish()
    }

    /// A line in stairs: each value holds for `span` seconds.
    pub(super) fn stairs(&self, points: impl IntoIterator<Item = (f64, Option<f64>)>, span: f64) -> String {
        let mut path = Path::default();
        let mut last: Option<(f64, f64)> = None;
        for (second, value) in points {
            let Some(value) = value else {
                last = None;
                continue;
            };
            let (x, y) = (self.x(second), self.y(value));
            match last {
                Some((end, _)) if (end - second).abs() < 1e-6 => path.line_to(x, y),
                _ => path.move_to(x, y),
            }
            path.line_to(self.x(second + span), y);
            last = Some((second + span, y));
        }
        path.finish()
    }

    /// A filled band between two values in stairs; nothing where both are the same.
    pub(super) fn band(&self, points: impl IntoIterator<Item = (f64, f64, f64)>, span: f64) -> String {
        let mut path = String::new();
        let mut run: Vec<(f64, f64, f64, f64)> = Vec::new();
        let mut end = f64::NEG_INFINITY;
        for (second, low, high) in points {
            let is_flat = (high - low).abs() < 1e-9;
            if !run.is_empty() && (is_flat || (second - end).abs() > 1e-6) {
                close_band(&mut path, &run);
                run.clear();
            }
            if !is_flat {
                end = second + span;
                let (x, till) = (self.x(second), self.x(end));
                run.push((x, till, self.y(low), self.y(high)));
            }
        }
        close_band(&mut path, &run);
        path
    }
}

/// Closes a band: along its upper edge, and back along its lower one. `run` holds (left, right, low, high) places.
fn close_band(path: &mut String, run: &[(f64, f64, f64, f64)]) {
    if run.is_empty() {
        return;
    }
    let mut out = Path::default();
    for (at, &(x, till, _, high)) in run.iter().enumerate() {
        if at == 0 {
            out.move_to(x, high);
        } else {
            out.line_to(x, high);
        }
        out.line_to(till, high);
    }
    for &(x, till, low, _) in run.iter().rev() {
        out.line_to(till, low);
        out.line_to(x, low);
    }
    path.push_str(&out.finish());
    path.push('z');
}

/// The text of an SVG path; neighbouring points on one horizontal or vertical become one stroke.
#[derive(Debug, Default)]
struct Path {
    text: String,
    at: (i64, i64),
    pending: Option<(i64, i64)>,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Direction {
    #[default]
    Any,
    Across,
    Up,
}

/// Tenths of a unit are finer than any screen.
#[expect(clippy::cast_possible_truncation, reason = "places are within a few thousand units")]
fn tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

impl Path {
    fn move_to(&mut self, x: f64, y: f64) {
        self.flush();
        self.at = (tenths(x), tenths(y));
        self.direction = Direction::Any;
        let _ = write!(self.text, "M{} {}", Tenths(self.at.0), Tenths(self.at.1));
    }

    fn line_to(&mut self, x: f64, y: f64) {
        let to = (tenths(x), tenths(y));
        let from = self.pending.unwrap_or(self.at);
        if to == from {
            return;
        }
        let direction = match (to.0 == from.0, to.1 == from.1) {
            (_, true) => Direction::Across,
            (true, _) => Direction::Up,
            _ => Direction::Any,
        };
        if direction == Direction::Any || direction != self.direction {
            self.flush();
        }
        self.direction = direction;
        self.pending = Some(to);
    }

    fn flush(&mut self) {
        let Some(to) = self.pending.take() else { return };
        let (dx, dy) = (to.0 - self.at.0, to.1 - self.at.1);
        let _ = match (dx, dy) {
            (_, 0) => write!(self.text, "h{}", Tenths(dx)),
            (0, _) => write!(self.text, "v{}", Tenths(dy)),
            _ if dy < 0 => write!(self.text, "l{}{}", Tenths(dx), Tenths(dy)),
            _ => write!(self.text, "l{} {}", Tenths(dx), Tenths(dy)),
        };
        self.at = to;
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

/// A number of tenths without needless characters: `12`, `.5`, `-3.2`.
struct Tenths(i64);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, whole, part) = (if self.0 < 0 { "-" } else { "" }, self.0.abs() / 10, self.0.abs() % 10);
        match (whole, part) {
            (whole, 0) => write!(f, "{sign}{whole}"),
            (0, part) => write!(f, "{sign}.{part}"),
            (whole, part) => write!(f, "{sign}{whole}.{part}"),
        }
    }
}

/// Ticks of the time axis, in seconds: about eight, at lengths that people count in.
pub(super) fn time_ticks(seconds: f64) -> Vec<f64> {
    const LENGTHS: [f64; 15] = [
        5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0, 21_600.0,
        86_400.0,
    ];
    let step =
        LENGTHS.into_iter().find(|length| seconds / length <= 9.0).unwrap_or(86_400.0 * (seconds / 777_600.0).ceil());
    let mut ticks = Vec::new();
    let mut at = 0.0;
    while at <= seconds {
        ticks.push(at);
        at += step;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(top: f64) -> Frame {
        Frame { seconds: 100.0, top: 0.0, height: 100.0, scale: Scale::Linear { top } }
    }

    #[test]
    fn a_scale_reaches_above_its_values_and_its_ticks_are_round() {
        let (scale, ticks) = Scale::linear(615.0, false);
        assert_eq!(ticks, [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert!(scale.share(615.0) < 1.0);
        assert_eq!(Scale::linear(1.0, true).1, [0.0, 1.0]);
        assert_eq!(Scale::linear(f64::NAN, false).1.first(), Some(&0.0));
    }

    #[test]
    fn a_log_scale_covers_its_values_with_a_tick_below() {
        let (scale, ticks) = Scale::log(79.0, 10_000.0);
        assert_eq!((ticks.first(), ticks.last()), (Some(&50.0), Some(&10_000.0)));
        assert!(scale.share(50.0) < 1e-9 && scale.share(10_000.0) > 0.95);
        assert_eq!(Scale::log(0.0, f64::INFINITY).1.len(), 4);
    }

    #[test]
    fn a_missing_value_breaks_the_line() {
        let path = frame(100.0).line([(0.0, Some(0.0)), (1.0, Some(50.0)), (2.0, None), (3.0, Some(0.0))], 1.0);
        assert_eq!(path.matches('M').count(), 2, "{path}");
    }

    #[test]
    fn a_constant_value_is_one_stroke_however_long() {
        let path = frame(100.0).stairs((0..90).map(|second| (f64::from(second), Some(50.0))), 1.0);
        assert!(path.len() < 20, "{path}");
    }

    #[test]
    fn a_band_is_closed_and_leaves_out_what_is_flat() {
        let path = frame(10.0).band([(0.0, 0.0, 1.0), (1.0, 2.0, 2.0), (2.0, 0.0, 3.0)], 1.0);
        assert_eq!((path.matches('M').count(), path.matches('z').count()), (2, 2));
    }

    #[test]
    fn the_time_axis_has_a_handful_of_ticks_from_seconds_to_days() {
        for seconds in [20.0, 90.0, 600.0, 3_600.0, 86_400.0, 864_000.0] {
            let ticks = time_ticks(seconds);
            assert!((3..=11).contains(&ticks.len()), "{seconds}: {ticks:?}");
        }
    }
}
