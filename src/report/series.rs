//! The session as columns to draw: one a second, or one for several when the session is long.
//!
//! The values are those of the rows and counts that go into the CSV files.

use crate::instances::{Basis, count_at};
use crate::session::state::Session;
use crate::timeline::{Column, Counts, Row};
use scaletop_load::OutcomeKind;

/// The most columns that are kept: an hour and its drain, second by second.
pub(crate) const MOST_COLUMNS: u32 = 3_900;

/// Lengths of a column, in seconds, that a reader can make sense of.
const SPANS: [u32; 12] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 3_600];

/// The kinds of trouble that the chart of errors stacks, from the bottom.
pub(crate) const FAILURES: [(&str, &str, &[OutcomeKind]); 7] = [
    ("e429", "429", &[OutcomeKind::Http429]),
    ("e5xx", "5xx", &[OutcomeKind::Http5xxCapacity, OutcomeKind::Http5xxApplication]),
    ("econnect", "connect", &[OutcomeKind::Connect]),
    ("etimeout", "timeout", &[OutcomeKind::Timeout]),
    ("ereset", "reset", &[OutcomeKind::Reset]),
    ("e4xx", "4xx", &[OutcomeKind::Http4xx]),
    (
        "eother",
        "other",
        &[OutcomeKind::Dns, OutcomeKind::Tls, OutcomeKind::Body, OutcomeKind::Ports, OutcomeKind::Other],
    ),
];

/// The whole session in columns of the same length, ascending; a span that nobody measured has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    /// How many seconds a column covers.
    pub span: u32,
    pub columns: Vec<Column>,
}

impl Series {
    /// For a session of about `seconds` seconds.
    pub(crate) fn for_length(seconds: u32) -> Self {
        Self { span: span_for(seconds, MOST_COLUMNS), columns: Vec::new() }
    }

    /// Of what a session still knows of its seconds, in at most `most` columns or one a minute. What is known by the minute
    /// only is the same in every column of its minute.
    pub(crate) fn of(session: &Session, most: u32) -> Self {
        let mut series = Self { span: span_for(session.now().second(), most), columns: Vec::new() };
        let count = |basis, second| count_at(session.observations().get(&basis).map_or(&[], Vec::as_slice), second);
        for row in session.timeline().rows() {
            let counts = Counts {
                active: count(Basis::Active, row.second),
                running: count(Basis::Running, row.second),
                desired: count(Basis::Desired, row.second),
                max: session.limits().max,
                named: Basis::NAMED.map(|basis| count(basis, row.second)),
            };
            let column = Column::of(row, counts);
            for at in repeats(row.span, series.span) {
                series.push_column(&column.clone().beginning_at(row.second + at));
            }
        }
        series
    }

    /// Adds a second; seconds come in their order.
    pub(crate) fn push(&mut self, row: &Row, counts: Counts) {
        self.push_column(&Column::of(row, counts));
    }

    fn push_column(&mut self, column: &Column) {
        let span = self.span.max(1);
        let second = column.second - column.second % span;
        match self.columns.last_mut().filter(|last| last.second == second) {
            Some(last) => last.absorb(column),
            None => self.columns.push(column.clone().beginning_at(second)),
        }
    }

    /// The same in at most `most` columns: what can be told apart on a screen.
    #[must_use]
    pub(crate) fn coarser(&self, most: u32) -> Self {
        let mut coarser = Self { span: span_for(self.end(), most).max(self.span), columns: Vec::new() };
        for column in &self.columns {
            coarser.push_column(column);
        }
        coarser
    }

    /// The end of the last column, in seconds since the start.
    pub(crate) fn end(&self) -> u32 {
        self.columns.last().map_or(0, |last| last.second + self.span.max(1))
    }
}

/// Where something that covers `covered` seconds goes in columns of `span` seconds, counted from its start.
pub(super) fn repeats(covered: u32, span: u32) -> impl Iterator<Item = u32> {
    (0..covered.max(1)).step_by(span.max(1) as usize)
}

/// The shortest sensible length of a column so that `seconds` fit into `most` columns.
pub(crate) fn span_for(seconds: u32, most: u32) -> u32 {
    let least = seconds.div_ceil(most.max(1)).max(1);
    SPANS.into_iter().find(|&span| span >= least).unwrap_or_else(|| least.next_multiple_of(3_600))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use scaletop_units::ArrivalRate;

    fn row(second: u32, sent: u64, p99: u64) -> Row {
        let at = Duration::from_millis(p99);
        let percentiles = crate::timeline::Percentiles { p50: at, p90: at, p95: at, p99: at, p999: at, max: at };
        let span = 1;
        Row {
            second,
            span,
            target: ArrivalRate::new(600),
            sent,
            ok: Some(percentiles),
            ..crate::report::fixtures::row()
        }
    }

    #[test]
    fn an_hour_is_kept_second_by_second_and_a_day_is_not() {
        assert_eq!(span_for(3_600, MOST_COLUMNS), 1);
        assert_eq!(span_for(24 * 3_600, MOST_COLUMNS), 30);
        assert_eq!(span_for(u32::MAX, MOST_COLUMNS) % 3_600, 0);
    }

    #[test]
    fn a_minute_of_the_distant_past_fills_its_columns() {
        assert_eq!(repeats(60, 20).collect::<Vec<_>>(), [0, 20, 40]);
        assert_eq!(repeats(1, 5).collect::<Vec<_>>(), [0], "a second is in one column, however long that is");
        assert_eq!(repeats(60, 120).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_column_of_several_seconds_has_the_mean_rate_and_the_worst_latency() {
        let mut series = Series { span: 10, columns: Vec::new() };
        for (second, sent, p99) in [(20, 100, 80), (21, 300, 900), (29, 200, 90), (40, 5, 80)] {
            series.push(&row(second, sent, p99), Counts::default());
        }
        let first = &series.columns[0];
        assert_eq!((first.second, first.per_second(first.sent)), (20, Some(200.0)));
        assert_eq!(first.p99, Some(Duration::from_millis(900)));
        assert_eq!(series.columns[1].second, 40, "what nobody measured has no column");
    }
}
