//! From closed seconds to the dot columns of an axis.

use std::time::Duration;

use crate::instances::InstanceObservation;
use crate::session::state::Session;
use crate::timeline::{self, Column, Row};
use crate::tui::axis::TimeAxis;
use scaletop_units::Elapsed;

/// The points of a curve, one a dot column; `None` is a gap.
pub(crate) type Points = Vec<Option<f64>>;

/// The columns of an axis, one a dot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns(Vec<Column>);

impl Columns {
    /// Sums up the rows that are on the axis; the others are not touched.
    pub(crate) fn new(session: &Session, axis: &TimeAxis) -> Self {
        let mut columns = vec![Column::default(); axis.dots()];
        let rows = session.timeline().rows();
        let first = axis.first_second();
        let end = axis.end().second();
        let start = rows.partition_point(|row| row.second.saturating_add(row.span) <= first);
        for row in rows.range(start..).take_while(|row| row.second < end) {
            let sum = Column::of(row, timeline::Counts::default());
            for column in &mut columns[axis.dots_of(row_start(row), row_end(row))] {
                column.absorb(&sum);
            }
        }
        Self(columns)
    }

    pub(crate) fn points(&self, value: impl Fn(&Column) -> Option<f64>) -> Points {
        self.0.iter().map(value).collect()
    }

    /// Whether that is so of any of them.
    pub(crate) fn any(&self, is_so: impl Fn(&Column) -> bool) -> bool {
        self.0.iter().any(is_so)
    }

    /// One column a terminal cell: the two of its dots together.
    pub(crate) fn by_cell(&self) -> impl Iterator<Item = Column> + '_ {
        self.0.chunks(2).map(both)
    }
}

fn both(dots: &[Column]) -> Column {
    let mut cell = Column::default();
    for dot in dots {
        cell.absorb(dot);
    }
    cell
}

fn row_start(row: &Row) -> Elapsed {
    Elapsed::from_secs(u64::from(row.second))
}

fn row_end(row: &Row) -> Elapsed {
    Elapsed::from_secs(u64::from(row.second) + u64::from(row.span.max(1)))
}

/// The row that the values in titles speak of: the last one on the axis, unless it is long past.
pub(crate) fn current<'a>(session: &'a Session, axis: &TimeAxis) -> Option<&'a Row> {
    let rows = session.timeline().rows();
    let end = rows.partition_point(|row| row_start(row) < axis.end());
    let row = rows.get(end.checked_sub(1)?)?;
    (axis.end().saturating_since(row_end(row)) < Duration::from_secs(5)).then_some(row)
}

/// The row of a moment; `None` in a gap.
pub(crate) fn at(session: &Session, at: Elapsed) -> Option<&Row> {
    let rows = session.timeline().rows();
    let end = rows.partition_point(|row| row_start(row) <= at);
    rows.get(end.checked_sub(1)?).filter(|row| at < row_end(row))
}

/// Arrivals that were not sent in all seconds up to that of a moment.
pub(crate) fn dropped_until(session: &Session, at: Elapsed) -> u64 {
    let rows = session.timeline().rows().iter().take_while(|row| row_start(row) <= at);
    rows.map(Row::dropped).fold(0, u64::saturating_add)
}

/// How a count that a platform reported is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CountSeries {
    pub(crate) settled: Points,
    /// What the platform may still revise.
    pub(crate) provisional: Points,
}

/// The counts of a basis as a step line: each observation as long as it stands; then there is a gap.
pub(crate) fn counts(observations: &[InstanceObservation], axis: &TimeAxis) -> CountSeries {
    let mut counts = CountSeries { settled: vec![None; axis.dots()], provisional: vec![None; axis.dots()] };
    for (at, observation) in observations.iter().enumerate() {
        let stands = observation.stands(observations.get(at + 1));
        let points = if observation.provisional { &mut counts.provisional } else { &mut counts.settled };
        for point in &mut points[axis.dots_of(stands.start, stands.end)] {
            *point = Some(f64::from(observation.count));
        }
    }
    counts
}

/// The latest count of a basis at a moment.
pub(crate) fn latest_count(observations: &[InstanceObservation], at: Elapsed) -> Option<InstanceObservation> {
    let end = observations.partition_point(|observation| observation.stands(None).start < at);
    observations.get(end.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::Window;
    use crate::instances::Basis;
    use crate::tui::fixtures::{Builder, state};

    fn columns(builder: Builder, cells: u16) -> (Columns, TimeAxis) {
        let state = builder.ui(|ui| ui.range.window = Window::All).build();
        let axis = TimeAxis::new(&state, cells);
        (Columns::new(state.session(), &axis), axis)
    }

    #[test]
    fn a_column_over_several_seconds_takes_the_mean_rate_and_the_highest_latency() {
        // 60 s over 10 dots: six seconds a column, of which the last has three calm and three slow ones.
        let (columns, _) = columns(state().rate(100).run(57).rate(50).p99_ms(400).run(3), 5);
        let last = columns.0.last().expect("ten columns");
        assert_eq!(last.sent_rate(), Some(75.0));
        assert!(last.p99 >= Some(Duration::from_millis(400)), "{:?}", last.p99);
    }

    #[test]
    fn seconds_that_nobody_measured_are_a_gap_and_not_zero() {
        let (columns, axis) = columns(state().rate(50).run(20).gap(20).run(20), 60);
        let sent = columns.points(Column::sent_rate);
        let during = axis.dots_of(Elapsed::from_secs(21), Elapsed::from_secs(39));
        assert!(sent[during].iter().all(Option::is_none), "{sent:?}");
        assert_eq!(sent.iter().flatten().count(), 80, "two dots a second for forty seconds");
    }

    #[test]
    fn a_second_without_requests_is_zero_and_not_a_gap() {
        let (columns, _) = columns(state().rate(0).run(60), 30);
        assert!(columns.points(Column::sent_rate).iter().all(|sent| *sent == Some(0.0)));
        assert!(columns.points(|column| column.p99.map(|p99| p99.as_secs_f64())).iter().all(Option::is_none));
    }

    #[test]
    fn a_metric_that_comes_late_ends_where_it_ends() {
        let state =
            state().rate(50).run(60).observed(Basis::Active, 1, 50, false).observed(Basis::Active, 2, 40, false);
        let state = state.observed(Basis::Active, 3, 20, true).ui(|ui| ui.range.window = Window::All).build();
        let axis = TimeAxis::new(&state, 30);
        let counts = counts(&state.session().observations()[&Basis::Active], &axis);
        let at = |points: &Points, secs: u64| {
            points[axis.dots_of(Elapsed::from_secs(secs), Elapsed::from_secs(secs + 1)).start]
        };
        let settled: Vec<_> = [15, 20, 29, 30, 49, 55].map(|secs| at(&counts.settled, secs)).into();
        // Each stands from the end of its ten seconds on.
        assert_eq!(settled, [None, Some(1.0), Some(1.0), Some(2.0), Some(2.0), None]);
        assert_eq!((at(&counts.provisional, 45), at(&counts.provisional, 55)), (None, Some(3.0)));
    }

    #[test]
    fn a_count_that_is_told_again_every_ten_seconds_is_a_line_without_gaps() {
        let state = state().rate(50).run(60);
        let state =
            [50, 40, 30, 20, 10].iter().fold(state, |state, &ago| state.observed(Basis::Running, 4, ago, false));
        let state = state.ui(|ui| ui.range.window = Window::All).build();
        let axis = TimeAxis::new(&state, 30);
        let counts = counts(&state.session().observations()[&Basis::Running], &axis);
        let from = axis.dots_of(Elapsed::from_secs(10), Elapsed::from_secs(60));
        assert!(counts.settled[from].iter().all(|point| *point == Some(4.0)), "{:?}", counts.settled);
    }
}
