//! The seconds of a session, as the curves of its steps need them.

use std::time::Duration;

use crate::session::state::Session;
use crate::text::as_millis;
use crate::timeline::{Column, Counts, Row};
use scaletop_units::Elapsed;

/// A session second by second: a few dozen bytes each, so that those of a day do not weigh.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Curves {
    points: Vec<Point>,
}

/// What a second, or a minute of the distant past, looked like.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    second: u32,
    /// How many seconds it covers.
    span: u32,
    /// Answered OK, a second.
    ok: Option<f64>,
    /// p99 of the response time of OK answers.
    p99: Option<Duration>,
    /// Instances seen in answers.
    responding: Option<u32>,
}

/// A stretch of a step, `at` seconds after its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stretch {
    /// Its first second, counted from the start of the step.
    pub at: f64,
    /// The mean rate of OK answers.
    pub ok: Option<f64>,
    /// The worst p99 of a second, in milliseconds.
    pub p99: Option<f64>,
    /// The latest count of responding instances.
    pub responding: Option<f64>,
    /// Seconds that are summed up in it.
    seconds: f64,
}

/// A step of one session, from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StepCurve {
    pub stretches: Vec<Stretch>,
    /// How many seconds each covers: more than was asked for where the session is known by the minute only.
    pub span: f64,
}

impl Curves {
    #[cfg(any(test, feature = "fuzzing"))]
    /// Of what a session still knows of its seconds: the last hour second by second, what is older by the minute.
    pub(crate) fn of(session: &Session) -> Self {
        Self { points: session.timeline().rows().iter().map(Point::of).collect() }
    }

    /// Takes in the latest second of a session that is being folded.
    pub(crate) fn follow(&mut self, session: &Session) {
        let known = self.points.last().map(|last| last.second);
        if let Some(row) = session.timeline().latest().filter(|row| known.is_none_or(|known| row.second > known)) {
            self.points.push(Point::of(row));
        }
    }

    /// The seconds of a step that began at `start` and ended at `end`, in stretches of `span` seconds. A second belongs to
    /// the step that has the middle of it.
    pub(super) fn step(&self, start: Elapsed, end: Elapsed, span: u32) -> StepCurve {
        let (from, until) = (start.as_secs_f64(), end.as_secs_f64());
        let first = self.points.partition_point(|point| point.middle() < from);
        let of_step = || self.points[first..].iter().take_while(|point| point.middle() < until);
        let span = f64::from(of_step().map(|point| point.span).max().unwrap_or(1).max(span));
        let mut stretches: Vec<Stretch> = Vec::new();
        for point in of_step() {
            let at = ((point.middle() - from) / span).floor() * span;
            match stretches.last_mut().filter(|last| (last.at - at).abs() < 1e-6) {
                Some(last) => last.absorb(point),
                None => stretches.push(Stretch::of(at, point)),
            }
        }
        StepCurve { stretches, span }
    }
}

impl Point {
    fn of(row: &Row) -> Self {
        let column = Column::of(row, Counts::default());
        Self {
            second: row.second,
            span: row.span.max(1),
            ok: column.ok_rate(),
            p99: column.p99,
            responding: column.responding,
        }
    }

    fn middle(&self) -> f64 {
        f64::from(self.second) + f64::from(self.span) / 2.0
    }
}

impl Stretch {
    fn of(at: f64, point: &Point) -> Self {
        let mut stretch = Self { at, ..Self::default() };
        stretch.absorb(point);
        stretch
    }

    /// Means of rates, the worst of latencies, the latest of counts: as a column of the report.
    fn absorb(&mut self, point: &Point) {
        let more = f64::from(point.span);
        if let Some(ok) = point.ok {
            let before = self.ok.unwrap_or(0.0) * self.seconds;
            self.seconds += more;
            self.ok = Some((before + ok * more) / self.seconds);
        }
        let p99 = point.p99.map(as_millis);
        self.p99 = match (self.p99, p99) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.responding = point.responding.map(f64::from).or(self.responding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(seconds: std::ops::Range<u32>) -> Curves {
        let point = |second| Point {
            second,
            span: 1,
            ok: Some(f64::from(second)),
            p99: Some(Duration::from_millis(u64::from(second))),
            responding: (second % 2 == 0).then_some(second),
        };
        Curves { points: seconds.map(point).collect() }
    }

    #[test]
    fn a_step_begins_at_zero_wherever_in_a_second_it_began() {
        let step = curves(0..100).step(Elapsed::from_millis(10_400), Elapsed::from_millis(13_400), 1);
        let seen: Vec<_> = step.stretches.iter().map(|stretch| (stretch.at, stretch.ok)).collect();
        assert_eq!(seen, [(0.0, Some(10.0)), (1.0, Some(11.0)), (2.0, Some(12.0))]);
        let late = curves(0..100).step(Elapsed::from_millis(10_600), Elapsed::from_millis(12_000), 1);
        assert_eq!(late.stretches[0].ok, Some(11.0), "most of second 10 was before the step");
    }

    #[test]
    fn a_stretch_has_the_mean_of_rates_the_worst_of_latencies_and_the_latest_of_counts() {
        let step = curves(0..100).step(Elapsed::from_secs(10), Elapsed::from_secs(20), 5);
        let first = step.stretches[0];
        assert_eq!((first.ok, first.p99, first.responding), (Some(12.0), Some(14.0), Some(14.0)));
        assert_eq!((step.stretches.len(), step.stretches[1].at), (2, 5.0));
    }

    #[test]
    fn what_is_known_by_the_minute_is_drawn_by_the_minute() {
        let mut curves = curves(0..0);
        curves.points.push(Point { second: 60, span: 60, ok: Some(5.0), p99: None, responding: None });
        let step = curves.step(Elapsed::from_secs(60), Elapsed::from_secs(180), 1);
        assert_eq!((step.span, step.stretches.len()), (60.0, 1));
        assert_eq!(step.stretches[0].p99, None, "a gap is no zero");
    }
}
