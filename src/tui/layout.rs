//! Which part of the screen is whose, at every size.

use ratatui::layout::{Constraint, Layout, Rect};

use crate::session::event::Side;

/// The smallest screen on which the charts can be read.
pub(crate) const SMALLEST: (u16, u16) = (60, 16);

/// From this width on, a column of facts stands beside the charts.
const WIDE: u16 = 150;

/// Columns of that column, there and on the widest screens.
const SIDE_WIDTH: (u16, u16) = (44, 80);

/// What every view has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What is measured and how it is going.
    pub(crate) header: Rect,
    pub(crate) body: Rect,
    /// Where in the recording a replay is; empty in a live session.
    pub(crate) bar: Rect,
    /// Keys, a message, or a prompt.
    pub(crate) footer: Rect,
}

/// Lines from which on the facts of two targets stand beside their steps.
const FACTS_AT_LEAST: u16 = 9;

/// Columns between the halves of two targets.
const BETWEEN: u16 = 2;

/// Header, body and footer, and the bar of a replay. Two targets, or a fleet, have a line of their own in the header.
pub(crate) fn screen(area: Rect, is_replay: bool, has_more: bool) -> Frame {
    let header = if area.height < 30 { 2 } else { 3 } + u16::from(has_more);
    // On a tall screen a blank line keeps header and charts apart.
    let air = u16::from(area.height >= 36);
    let [header, _, body, bar, footer] = Layout::vertical([
        Constraint::Length(header),
        Constraint::Length(air),
        Constraint::Fill(1),
        Constraint::Length(u16::from(is_replay)),
        Constraint::Length(1),
    ])
    .areas(area);
    Frame { header, body, bar, footer }
}

/// The rows that instances need for a lane each: those that live, and all that would have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneRows {
    pub(crate) least: u16,
    pub(crate) most: u16,
}

/// Lanes get at most this share of what the charts have, in percent.
const MOST_FOR_LANES: u16 = 45;

/// The parts of the overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overview {
    /// The line that says what the vertical lines are.
    pub(crate) rules: Rect,
    /// Rate, latency, errors, instances; the first row of each is its title.
    pub(crate) charts: [Rect; 4],
    /// The times under them.
    pub(crate) times: Rect,
    /// The table of steps; empty where there is no room.
    pub(crate) steps: Rect,
    /// Facts beside the charts; empty where there is no room.
    pub(crate) side: Rect,
}

/// The left or the right half: one a target, equally wide.
pub(crate) fn half(area: Rect, side: Side) -> Rect {
    let width = area.width.saturating_sub(BETWEEN) / 2;
    let x = match side {
        Side::First => area.x,
        Side::Second => area.right() - width,
    };
    Rect { x, width, ..area }
}

/// The parts of the overview; `lanes` are the rows that the instances need, if they have lanes.
pub(crate) fn overview(body: Rect, lanes: Option<LaneRows>) -> Overview {
    let side_width = match body.width.checked_sub(WIDE) {
        // The charts take two of three columns more.
        Some(more) => (SIDE_WIDTH.0 + more / 3).min(SIDE_WIDTH.1),
        None => 0,
    };
    overview_with(body, side_width, lanes)
}

/// The parts of the overview of two targets, of which the charts and what belongs to them are to be halved. The facts of both, which
/// take `facts` columns, stand beside the charts on a wide screen, else beside the steps where there are lines and columns for them.
pub(crate) fn overview_of_two(body: Rect, lanes: Option<LaneRows>, facts: u16) -> Overview {
    let is_wide = body.width >= WIDE;
    let mut parts = overview_with(body, if is_wide { facts } else { 0 }, lanes);
    if !is_wide && parts.steps.height >= FACTS_AT_LEAST && parts.steps.width >= 2 * facts {
        let width = parts.steps.width - facts;
        parts.side = Rect { x: parts.steps.x + width, width: facts, ..parts.steps };
        parts.steps.width = width;
    }
    parts
}

fn overview_with(body: Rect, side_width: u16, lanes: Option<LaneRows>) -> Overview {
    let steps = match body.height {
        0..=15 => 0,
        16..=20 => 2,
        21..=29 => 4,
        30..=38 => 9,
        39..=45 => 10,
        _ => 12,
    };
    let [main, side] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(side_width)]).areas(body);
    let [rules, charts, times, _, steps] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(u16::from(steps > 4)),
        Constraint::Length(steps),
    ])
    .areas(main);
    let heights = chart_heights(charts.height, lanes);
    let charts = Layout::vertical(heights.map(Constraint::Length)).areas(charts);
    Overview { rules, charts, times, steps, side }
}

/// The heights of the four charts, titles included: rate and latency get the most, errors the least. Instances get the rows that
/// their lanes need, where that leaves the others theirs.
fn chart_heights(rows: u16, lanes: Option<LaneRows>) -> [u16; 4] {
    let plots = rows.saturating_sub(4);
    let share = |percent: u16| (plots * percent + 50) / 100;
    let (latency, errors, instances) = (share(30), share(16), share(23));
    let most = share(MOST_FOR_LANES);
    let wanted = lanes.filter(|lanes| lanes.least <= most).map_or(0, |lanes| lanes.most.min(most));
    let more = wanted.saturating_sub(instances);
    let (latency, instances) = (latency - more / 2, instances + more);
    let rate = plots.saturating_sub(latency + errors + instances);
    [rate, latency, errors, instances].map(|plot| plot + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chart_has_a_plot_on_the_smallest_screen() {
        let smallest = Rect::new(0, 0, SMALLEST.0, SMALLEST.1);
        let lanes = |least, most| Some(LaneRows { least, most });
        let two = overview_of_two(screen(smallest, true, true).body, lanes(5, 5), 40);
        let one = [None, lanes(2, 2), lanes(5, 5), lanes(8, 8), lanes(2, 8)];
        let one = one.map(|lanes| overview(screen(smallest, true, false).body, lanes));
        for parts in one.iter().chain([&two]) {
            assert!(parts.charts.iter().all(|chart| chart.height >= 2), "{:?}", parts.charts);
        }
    }

    #[test]
    fn charts_share_their_columns() {
        for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let lanes = LaneRows { least: 6, most: 6 };
            let parts = overview(screen(Rect::new(0, 0, width, height), false, false).body, Some(lanes));
            assert!(parts.charts.iter().all(|chart| chart.x == parts.times.x && chart.width == parts.times.width));
        }
    }
}
