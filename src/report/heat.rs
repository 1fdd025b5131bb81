//! The heat map: when, how slow, how many.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::chart::{Scale, ticks};
use crate::report::ink::ink;
use crate::report::moments::{anchor, clock, moments};
use crate::report::plot::{Frame, LEFT, WIDTH};
use crate::report::series::{repeats, span_for};
use crate::session::state::Session;
use crate::text::{as_millis, exact_millis};
use crate::timeline::heat::{BUCKETS, HeatColumn, bucket_start};

/// The most columns of the map.
const MOST_COLUMNS: u32 = 240;

/// Shades, from few to many answers.
const SHADES: usize = 7;

const TOP: f64 = 4.0;
const HEIGHT: f64 = 190.0;

/// How the response times of a whole session are spread over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeatMap {
    span: u32,
    columns: Vec<HeatColumn>,
}

impl HeatMap {
    /// For a session of about `seconds` seconds.
    pub(crate) fn for_length(seconds: u32) -> Self {
        Self { span: span_for(seconds, MOST_COLUMNS), columns: Vec::new() }
    }

    /// Of what a session still knows of its seconds; a minute of which no more is known fills the columns that it covers.
    pub(crate) fn of(session: &Session) -> Self {
        let mut map = Self::for_length(session.now().second());
        for column in session.timeline().heat() {
            for at in repeats(column.span, map.span) {
                map.push(&HeatColumn { second: column.second + at, ..column.clone() });
            }
        }
        map
    }

    /// Adds the answers of a second; seconds come in their order.
    pub(crate) fn push(&mut self, second: &HeatColumn) {
        let start = second.second - second.second % self.span.max(1);
        if self.columns.last().is_none_or(|last| last.second != start) {
            self.columns.push(HeatColumn { second: start, span: self.span.max(1), counts: [0; BUCKETS] });
        }
        if let Some(last) = self.columns.last_mut() {
            for (mine, theirs) in last.counts.iter_mut().zip(second.counts) {
                *mine = mine.saturating_add(theirs);
            }
        }
    }

    /// The buckets that hold anything, as a range; `None` when nothing was answered.
    fn used(&self) -> Option<(usize, usize)> {
        let is_used = |bucket: &usize| self.columns.iter().any(|column| column.counts[*bucket] > 0);
        let first = (0..BUCKETS).find(is_used)?;
        let last = (0..BUCKETS).rev().find(is_used)?;
        Some((first, last))
    }

    /// One path for each shade. A cell's shade follows its share of its column's answers, on a scale of ratios: a few slow
    /// answers among many are what the map is for.
    fn shades(&self, frame: Frame, first: usize, last: usize) -> [String; SHADES] {
        let mut paths: [String; SHADES] = Default::default();
        let height = frame.height / (last - first + 1) as f64;
        let span = f64::from(self.span.max(1));
        for column in &self.columns {
            let total: u32 = column.counts.iter().fold(0, |sum, count| sum.saturating_add(*count));
            let (x, till) = (frame.x(f64::from(column.second)), frame.x(f64::from(column.second) + span));
            for bucket in first..=last {
                let count = column.counts[bucket];
                if count == 0 {
                    continue;
                }
                let shade = shade(f64::from(count) / f64::from(total));
                let y = frame.top + (last - bucket) as f64 * height;
                let width = till - x;
                let _ = write!(paths[shade], "M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z");
            }
        }
        paths
    }
}

/// From a share of a column's answers to a shade: each shade is about 2.7 times the one before.
fn shade(share: f64) -> usize {
    let from_top = -share.ln();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and clamped")]
    let down = from_top.clamp(0.0, (SHADES - 1) as f64) as usize;
    SHADES - 1 - down
}

/// The map as a chart.
pub(super) fn figure(session: &Session, map: &HeatMap, seconds: f64) -> Markup {
    let Some((first, last)) = map.used() else {
        return html! { p.none { "No request was answered." } };
    };
    // Two buckets of air make the least used map readable.
    let (first, last) = (first.saturating_sub(1), (last + 1).min(BUCKETS - 1));
    let frame = Frame { seconds, top: TOP, height: HEIGHT, scale: Scale::Linear { top: 1.0 } };
    let bottom = TOP + HEIGHT;
    let edge = |bucket: usize| TOP + (last + 1 - bucket) as f64 * HEIGHT / (last - first + 1) as f64;
    let every = (last - first).div_ceil(8).max(1);
    let shades = map.shades(frame, first, last);
    html! {
        figure.chart.heat {
            svg viewBox={ "0 0 " (WIDTH + 6.0) " " (bottom + 20.0) } role="img" aria-label="Heat map of response times" {
                @for (shade, path) in shades.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
                    path class={ "h" (shade) } fill=(ink(&format!("h{shade}"))) d=(path) {}
                }
                @for bucket in (first..=last).step_by(every) {
                    text.tick.y fill=(ink("soft")) font-size="11" text-anchor="end" x=(LEFT - 7.0) y=(format!("{:.1}", edge(bucket))) dy=".35em" { (label(bucket)) }
                }
                @for second in ticks::times(seconds) {
                    text.tick.x.last[frame.x(second) > WIDTH - 14.0] fill=(ink("soft")) font-size="11" text-anchor=(anchor(frame.x(second))) x=(format!("{:.1}", frame.x(second))) y=(bottom + 15.0) { (clock(second)) }
                }
                (moments(session, frame, bottom, false))
                line.cross stroke="none" x1="-9" x2="-9" y1=(TOP) y2=(bottom) {}
            }
            figcaption.key {
                "share of the column's answers, few to many "
                @for shade in 0..SHADES { i class={ "swatch h" (shade) } {} }
            }
        }
    }
}

fn label(bucket: usize) -> String {
    let millis = as_millis(bucket_start(bucket));
    let digits = if millis >= 10_000.0 {
        1_000.0
    } else if millis >= 100.0 {
        10.0
    } else {
        1.0
    };
    exact_millis((millis / digits).round() * digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_a_long_session_is_in_one_column() {
        let mut map = HeatMap::for_length(86_400);
        for second in 0..1_000 {
            let mut column = HeatColumn::new(second);
            column.counts[7] = 3;
            map.push(&column);
        }
        assert!(map.columns.len() <= MOST_COLUMNS as usize);
        assert_eq!(map.columns.iter().map(|column| column.counts[7]).sum::<u32>(), 3_000);
        assert_eq!(map.used(), Some((7, 7)));
    }

    #[test]
    fn a_thousandth_is_still_visible_and_the_whole_is_the_darkest() {
        assert_eq!((shade(1.0), shade(0.001), shade(0.0)), (SHADES - 1, 0, 0));
    }
}
