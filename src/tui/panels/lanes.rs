//! Instances as lanes: a bar a moment for what each answered, where it came, and where it went.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::{Shown, State};
use crate::instances::Basis;
use crate::session::event::Side;
use crate::session::history::{is_gone, was_gone};
use crate::session::state::{Came, InstanceTrack, Session};
use crate::tui::chart::{self, GUTTER};
use crate::tui::glyphs::EIGHTHS;
use crate::tui::ids;
use crate::tui::layout::LaneRows;
use crate::tui::painter::DOTS_WIDE;
use crate::tui::panels::charts;
use crate::tui::scene::Scene;
use crate::tui::series::{self, Points};
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;
use scaletop_units::Elapsed;

/// More instances than this are lines on the overview.
const MOST_LANES: usize = 6;

/// The instances that the overview shows as lanes.
struct Lanes<'a> {
    living: Vec<&'a InstanceTrack>,
    /// Those that are gone, the last first.
    gone: Vec<&'a InstanceTrack>,
    /// How many more are gone.
    folded: usize,
}

impl<'a> Lanes<'a> {
    /// The lanes that fit into so many rows, the oldest first, and how many that are gone have none; `None` where those that live do
    /// not fit.
    fn within(self, rows: usize) -> Option<(Vec<&'a InstanceTrack>, usize)> {
        let Self { living: mut tracks, mut gone, folded } = self;
        let free = rows.checked_sub(tracks.len().max(1))? + usize::from(tracks.is_empty());
        let folded = folded + gone.len().saturating_sub(free);
        gone.truncate(free);
        tracks.append(&mut gone);
        tracks.sort_by_key(|track| track.first);
        Some((tracks, folded))
    }
}

/// Who gets a lane: all that live at the end of the time that is shown, and of those that are gone the last, as far as there are lanes
/// left. `None` when nobody answered in that time, or more live than there are lanes.
fn shown(state: &State, side: Side) -> Option<Lanes<'_>> {
    let Shown { window, edge, end } = state.shown();
    let (from, until) = (edge.saturating_sub(window), end);
    let session = state.halves().get(side);
    let is_shown =
        |track: &&InstanceTrack| track.last > Elapsed::from_secs(from.into()) && track.first.second() <= until;
    let until = Elapsed::from_secs(until.into());
    let is_gone = |track: &&InstanceTrack| was_gone(session, track, until);
    let (mut gone, living): (Vec<_>, Vec<_>) = session.tracks().iter().filter(is_shown).partition(is_gone);
    let free = MOST_LANES.checked_sub(living.len())?;
    gone.sort_by_key(|track| std::cmp::Reverse(track.last));
    let folded = gone.len().saturating_sub(free);
    gone.truncate(free);
    (living.len() + gone.len() > 0).then_some(Lanes { living, gone, folded })
}

/// The rows that the lanes of the overview need below their title, of two targets those of the one that needs more; `None` where
/// lines are drawn.
pub(crate) fn rows(state: &State) -> Option<LaneRows> {
    let rows = |(side, half)| {
        let (Lanes { living, gone, .. }, summary) = (shown(state, side)?, summary_rows(half));
        let rows = |lanes: usize| u16::try_from(lanes + summary).ok();
        Some(LaneRows { least: rows(living.len().max(1))?, most: rows(living.len() + gone.len())? })
    };
    let more =
        |one: LaneRows, other: LaneRows| LaneRows { least: one.least.max(other.least), most: one.most.max(other.most) };
    state.halves().each().filter_map(rows).reduce(more)
}

/// What a platform counts, and what is needed, have a row each.
fn summary_rows(session: &Session) -> usize {
    1 + usize::from(platforms(session).is_some())
}

/// What the platform counts, or a source that the user named, the best of them.
fn platforms(session: &Session) -> Option<Basis> {
    let is_counted = |basis: &Basis| session.observations().get(basis).is_some_and(|seen| !seen.is_empty());
    Basis::COUNTED.into_iter().find(is_counted)
}

/// Draws the instances of the overview as lanes; where those do not fit, and a platform counts, the counts as numbers: in a few rows
/// the lines of several counts would hide each other. Whether it drew any of it.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) -> bool {
    let session = scene.session();
    let Some(lanes) = shown(scene.state, scene.side) else { return false };
    let plot = chart::plot_area(area);
    let summary = u16::try_from(summary_rows(session)).unwrap_or(u16::MAX);
    let lanes = lanes.within(usize::from(plot.height.saturating_sub(summary)));
    let has_lanes = lanes.is_some();
    if !has_lanes && (platforms(session).is_none() || plot.height < summary + 1) {
        return false;
    }
    let (tracks, folded) = lanes.unwrap_or_default();
    let mut legend = charts::instance_legend(scene);
    if has_lanes && folded > 0 {
        legend.push(Piece::new(2, format!("{folded} gone are not shown"), scene.style(Role::Label)));
    }
    chart::title(buf, area, scene.theme, "Instances", legend);
    if !has_lanes {
        put_label(buf, area, plot.y, scene, "respond");
        let responding = scene.columns.points(|column| column.responding.map(f64::from));
        numbers(buf, Rect { height: 1, ..plot }, scene, Role::Responding, &responding);
        summarize(buf, Rect { y: plot.y + 1, height: summary, ..area }, scene);
        return true;
    }
    // Of two targets a lane is as high at either, and its bars have one scale.
    let within =
        |(side, half)| shown(scene.state, side)?.within(usize::from(plot.height).saturating_sub(summary_rows(half)));
    let of_both: Vec<_> = scene.state.halves().each().filter_map(within).collect();
    let most = of_both.iter().map(|(tracks, _)| tracks.len()).max().unwrap_or(1);
    let high = (plot.height - summary) / u16::try_from(most).unwrap_or(u16::MAX).max(1);
    let busiest = of_both.iter().map(|(tracks, _)| busiest(tracks)).max().unwrap_or(1);
    let came = session.came(tracks.iter().copied());
    let mut y = plot.y;
    let ids: Vec<_> = tracks.iter().map(|track| &track.id).collect();
    let ids = ids::shortened(&ids, usize::from(GUTTER - 1));
    for ((track, came), id) in tracks.iter().zip(came).zip(ids) {
        let role = if is_gone(session, track.last) { Role::Label } else { Role::Text };
        text::put(buf, area.x, y, id, usize::from(GUTTER - 1), scene.style(role));
        lane(buf, Rect { y, height: high, ..plot }, scene, track, busiest);
        birth(buf, Rect { y, height: 1, ..plot }, scene, track, came);
        y += high;
    }
    summarize(buf, Rect { y, height: summary, ..area }, scene);
    true
}

/// The most that one of them answered in a second.
pub(crate) fn busiest(tracks: &[&InstanceTrack]) -> u64 {
    tracks.iter().filter_map(|track| track.recent.iter().map(|second| second.requests).max()).max().unwrap_or(1)
}

/// Its answers a second as bars, next to those of the `busiest`: the colour says whether they were fast, slow, or errors.
pub(crate) fn lane(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, track: &InstanceTrack, busiest: u64) {
    let objectives = scene.session().objectives();
    let of_second = track.recent.iter().map(|second| {
        let role = match second.p99 {
            _ if second.ok < second.requests => Role::Bad,
            Some(p99) if p99 > objectives.at(second.second).latency => Role::P99,
            _ => Role::Responding,
        };
        Bar { second: second.second, count: second.requests, role }
    });
    bars(buf, area, scene, of_second, busiest);
    death(buf, area, scene, track);
}

/// A second of a lane: how much, and how well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) second: u32,
    pub(crate) count: u64,
    pub(crate) role: Role,
}

/// Seconds as bars, next to the `busiest`.
pub(crate) fn bars(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, seconds: impl Iterator<Item = Bar>, busiest: u64) {
    let axis = &scene.axis;
    let mut cells: Vec<Option<(u64, Role)>> = vec![None; axis.cells()];
    for Bar { second, count, role } in seconds {
        let start = Elapsed::from_secs(u64::from(second));
        let dots = axis.dots_of(start, start + Duration::from_secs(1));
        for dot in dots {
            let cell = &mut cells[dot / DOTS_WIDE];
            // Of several seconds in one column the busiest is drawn, in the colour of the worst.
            *cell = Some(match *cell {
                Some((most, worst)) if severity(worst) >= severity(role) => (most.max(count), worst),
                Some((most, _)) => (most.max(count), role),
                None => (count, role),
            });
        }
    }
    // What answered at all is visible, and the last eighth keeps lanes apart.
    let most = u64::from(area.height) * 8 - 1;
    for (x, cell) in (area.left()..area.right()).zip(cells) {
        let Some((requests, role)) = cell.filter(|(requests, _)| *requests > 0) else { continue };
        let eighths = (requests * most).div_ceil(busiest.max(1)).clamp(1, most);
        for row in 0..area.height {
            let part = eighths.saturating_sub(u64::from(row) * 8).min(8);
            if part > 0 {
                let y = area.bottom() - 1 - row;
                text::glyph(buf, x, y, EIGHTHS[usize::try_from(part).unwrap_or(8)], scene.style(role));
            }
        }
    }
}

/// Where it came: `4.4 s▸` just before its first answer, with the time that it took.
pub(crate) fn birth(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, track: &InstanceTrack, came: Option<Came>) {
    let Some(x) = scene.axis.cell(track.first).and_then(|cell| u16::try_from(cell).ok()) else { return };
    if x == 0 || x > area.width {
        return;
    }
    let x = area.x + x - 1;
    text::glyph(buf, x, area.y, "▸", scene.style(Role::Good));
    if let Some(took) = came.and_then(|came| came.took()) {
        let words = format!("{:.1} s", took.as_secs_f64());
        let width = u16::try_from(words.chars().count()).unwrap_or(u16::MAX);
        if x >= area.x + width {
            text::put(buf, x - width, area.y, words, usize::from(width), scene.style(Role::Label));
        }
    }
}

/// Where it went: `✕ 1:23` after its last answer.
fn death(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, track: &InstanceTrack) {
    let end = scene.axis.cell(track.last).and_then(|cell| u16::try_from(cell).ok());
    let end = end.filter(|&x| x + 8 < area.width);
    if let (true, Some(x)) = (is_gone(scene.session(), track.last), end) {
        let room = usize::from(area.width - x - 1);
        let y = area.bottom() - 1;
        text::put(buf, area.x + x + 1, y, format!("✕ {}", track.last), room, scene.style(Role::Label));
    }
}

const fn severity(role: Role) -> u8 {
    match role {
        Role::Bad => 2,
        Role::P99 => 1,
        _ => 0,
    }
}

/// What the platform counts and what is needed, as numbers where they change.
fn summarize(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let session = scene.session();
    let plot = chart::plot_area(Rect { y: area.y.saturating_sub(1), height: area.height + 1, ..area });
    let mut y = area.y;
    if let Some(basis) = platforms(session) {
        let (role, _) = charts::basis_look(basis);
        let counts = series::counts(&session.observations()[&basis], &scene.axis);
        let both =
            counts.settled.iter().zip(&counts.provisional).map(|(settled, provisional)| settled.or(*provisional));
        put_label(buf, area, y, scene, basis.short());
        numbers(buf, Rect { y, height: 1, ..plot }, scene, role, &both.collect());
        y += 1;
    }
    put_label(buf, area, y, scene, "needed");
    let needed = scene.columns.points(|column| column.needed.map(f64::from));
    let mut row = Rect { y, height: 1, ..plot };
    if let Some(max) = session.limits().max {
        let words = format!(" at most {max}");
        let width = u16::try_from(words.len()).unwrap_or(0);
        if row.width > 2 * width {
            row.width -= width;
            text::put(buf, row.right(), y, words, usize::from(width), scene.style(Role::Limit));
        }
    }
    numbers(buf, row, scene, Role::Needed, &needed);
}

fn put_label(buf: &mut Buffer, area: Rect, y: u16, scene: &Scene<'_>, label: &str) {
    text::put(buf, area.x, y, label, usize::from(GUTTER - 1), scene.style(Role::Label));
}

/// `1───3──5──`: each number where it begins to hold; nothing where there is none.
fn numbers(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, role: Role, points: &Points) {
    let cells: Vec<_> = points
        .chunks(DOTS_WIDE)
        .take(usize::from(area.width))
        .map(|dots| dots.iter().rev().flatten().next().map(|value| text::whole(*value)))
        .collect();
    for (at, words) in number_line(&cells) {
        let x = area.left().saturating_add(u16::try_from(at).unwrap_or(u16::MAX));
        let width = words.chars().count();
        text::put(buf, x, area.y, words, width, scene.style(role));
    }
}

/// What stands where in a line of counts, cell by cell. Between two numbers stays a cell at least, or they would read as another
/// one; a count that is over before there is room for it is left out.
fn number_line(cells: &[Option<u64>]) -> Vec<(usize, String)> {
    let (mut line, mut before, mut free) = (Vec::new(), None, None);
    for (x, count) in cells.iter().enumerate() {
        let Some(count) = *count else {
            before = None;
            continue;
        };
        if before == Some(count) {
            if free.is_none_or(|free| x >= free) {
                line.push((x, "─".to_owned()));
            }
            continue;
        }
        let words = text::count(count);
        let end = x + words.len();
        if free.is_none_or(|free| x > free) && end <= cells.len() {
            line.push((x, words));
            (before, free) = (Some(count), Some(end));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_line_never_run_together_into_another_one() {
        let drawn = |cells: &[Option<u64>]| {
            let mut row = vec![' '; cells.len()];
            for (at, words) in number_line(cells) {
                row.splice(at..at + words.chars().count(), words.chars());
            }
            row.into_iter().collect::<String>()
        };
        let counts = |all: &[u64]| all.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(drawn(&counts(&[1, 1, 1, 2, 5, 5, 5, 5])), "1──2 5──", "2, then 5: not 25");
        assert_eq!(drawn(&counts(&[7, 8, 15, 28, 27, 27, 27, 27])), "7 15 27─");
        assert_eq!(drawn(&[Some(3), Some(3), None, None, Some(3), Some(3)]), "3─  3─");
        assert_eq!(drawn(&counts(&[12, 12, 345])), "12 ", "no number is cut");
        assert_eq!(drawn(&counts(&[100])), " ");
    }
}
