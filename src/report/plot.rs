//! From values to places: the paths of an SVG. Pure arithmetic; every number that reaches a path is a number.

use std::fmt::Write as _;

use crate::chart::Scale;

/// The width of a plot, in the units of its view box.
pub(crate) const WIDTH: f64 = 1_000.0;

/// Room on the left for the labels of the axis.
pub(crate) const LEFT: f64 = 52.0;

/// The box that values are drawn into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    /// Seconds that the width shows.
    pub seconds: f64,
    pub top: f64,
    pub height: f64,
    /// How values become heights.
    pub scale: Scale,
}

/// Half the length of a point without neighbours, as a share of the distance of two.
const LONE_POINT: f64 = 0.3;

impl Frame {
    /// Where a moment lies.
    pub(crate) fn x(&self, second: f64) -> f64 {
        LEFT + (second / self.seconds.max(1.0)).clamp(0.0, 1.0) * (WIDTH - LEFT)
    }

    /// Where a value lies.
    pub(crate) fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.scale.height(value)) * self.height
    }

    /// A line through `points` (seconds, value), broken where a value is missing or more than `gap` seconds are.
    pub(crate) fn line(&self, points: impl IntoIterator<Item = (f64, Option<f64>)>, gap: f64) -> String {
        let mut path = Path::default();
        let mut last = None;
        let mut points = points.into_iter().peekable();
        while let Some((second, value)) = points.next() {
            let Some(value) = value else {
                last = None;
                continue;
            };
            let connected = last.is_some_and(|last| second - last <= gap);
            let goes_on = points.peek().is_some_and(|(next, value)| value.is_some() && next - second <= gap);
            match (connected, goes_on) {
                (true, _) => path.line_to(self.x(second), self.y(value)),
                (false, true) => path.move_to(self.x(second), self.y(value)),
                // A lone point would have no ink.
                (false, false) => {
                    path.move_to(self.x(second - LONE_POINT * gap), self.y(value));
                    path.line_to(self.x(second + LONE_POINT * gap), self.y(value));
                }
            }
            last = Some(second);
        }
        path.finish()
    }

    /// A line in stairs: each value holds for `span` seconds.
    pub(crate) fn stairs(&self, points: impl IntoIterator<Item = (f64, Option<f64>)>, span: f64) -> String {
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
    pub(crate) fn band(&self, points: impl IntoIterator<Item = (f64, f64, f64)>, span: f64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(top: f64) -> Frame {
        Frame { seconds: 100.0, top: 0.0, height: 100.0, scale: Scale::Linear { top } }
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
}
