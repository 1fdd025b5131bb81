//! One lane per instance: when it came, how slow its first answers were, what share it gets, how fast it is, when it went.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::State;
use crate::session::history::is_gone;
use crate::session::state::{InstanceTrack, Session};
use crate::tui::chart::{self, GUTTER};
use crate::tui::layout::Frame;
use crate::tui::painter::DOTS_WIDE;
use crate::tui::panels::charts;
use crate::tui::scene::Scene;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};
use crate::tui::views::Charts;
use scaletop_units::Elapsed;

/// Eighths of a cell; what answered at all is visible, and the last eighth keeps lanes apart.
const EIGHTHS: [&str; 7] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇"];

/// Columns of the facts left of the lanes, and their headings.
const FACTS: [(&str, u16); 6] =
    [("instance", 14), ("born", 7), ("cold start", 10), ("share", 7), ("p99", 7), ("answers", 9)];

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Charts {
    let body = screen.body;
    let scene = super::scene(buf, screen.header, columns(body), state, theme);
    within(buf, body, &scene)
}

/// The columns of the chart, which stands above the lanes, so that both share them and the step lines; left of them are the facts.
pub(crate) fn columns(area: Rect) -> Rect {
    let facts_width: u16 = facts_for(area.width).iter().map(|(_, width)| width + 1).sum::<u16>().max(GUTTER);
    let left = facts_width - GUTTER;
    Rect { x: area.x + left, width: area.width.saturating_sub(left), ..area }
}

/// Draws the instances of one target, for whose [`columns`] the scene is.
pub(crate) fn within(buf: &mut Buffer, body: Rect, scene: &Scene<'_>) -> Charts {
    let theme = scene.theme;
    let (facts, right) = (facts_for(body.width), columns(body));
    let left = right.x - body.x;
    let chart_height = (body.height / 3).clamp(4, 12);
    chart::rule_labels(buf, Rect { height: 1, ..right }, theme, &scene.events);
    chart::rules(buf, Rect { y: right.y + 1, height: right.height.saturating_sub(1), ..right }, theme, &scene.events);
    let chart_area = Rect { height: chart_height, y: body.y + 1, ..right };
    charts::instances(buf, chart_area, scene);
    let times = Rect { y: chart_area.bottom(), height: 1, ..right };
    chart::times(buf, times, theme, &scene.axis, &scene.window_label());
    spread(buf, Rect { width: left, height: chart_height + 2, ..body }, scene);
    let rest = Rect { y: times.bottom(), height: body.bottom().saturating_sub(times.bottom()), ..body };
    lanes(buf, rest, scene, &facts);
    let all = Rect { y: chart_area.y, height: body.bottom().saturating_sub(chart_area.y), ..right };
    super::look(buf, all, scene)
}

/// How many there are, and whether the load is spread over them.
fn spread(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let session = scene.session();
    let alive = session.tracks().iter().filter(|track| !is_gone(session, track.last)).count();
    let mut lines = vec![
        ("Seen in answers".to_owned(), Role::Title),
        (format!("{alive} answering, {} gone", session.tracks().len() - alive), Role::Text),
    ];
    let width = usize::from(area.width.saturating_sub(1));
    match session.pinning(scene.axis.end()) {
        Some(pinning) => {
            let words =
                format!("▲ pinned: {pinning}. kept connections stay where they are, or the balancer prefers some");
            lines.extend(text::wrap(&words, width, 4).into_iter().map(|line| (line, Role::Bad)));
        }
        None if alive > 1 => lines.push(("the load is spread".to_owned(), Role::Good)),
        None => {}
    }
    for (y, (line, role)) in (area.top()..area.bottom()).zip(lines) {
        text::put(buf, area.x, y, line, width, scene.style(role));
    }
}

fn lanes(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, facts: &[(&str, u16)]) {
    let session = scene.session();
    let at = scene.axis.end();
    let mut top = area.top();
    if session.tracks().is_empty() {
        let header = &session.header().settings.instance_header;
        let words = format!("no answer has named its instance yet (response header {})", text::shown(header, 40));
        text::put(buf, area.x, top, words, usize::from(area.width), scene.style(Role::Label));
        return;
    }
    let facts_width: u16 = facts.iter().map(|(_, width)| width + 1).sum();
    let lane = Rect { x: area.x + facts_width, width: area.width.saturating_sub(facts_width), ..area };
    let mut x = area.x;
    let style = scene.style(Role::Label);
    for (title, width) in facts {
        text::put(buf, x, top, title, usize::from(*width), style);
        x += width + 1;
    }
    lane_legend(buf, Rect { y: top, height: 1, ..lane }, scene);
    top += 1;
    let shown = in_order(session);
    let rows = usize::from(area.bottom().saturating_sub(top));
    let hidden_rows = usize::from(shown.len() > rows);
    let first = scene.state.ui().selected.min(shown.len().saturating_sub(rows.saturating_sub(hidden_rows)));
    let total: u64 = shown.iter().map(|track| track.recent_requests(at)).sum();
    let busiest =
        shown.iter().filter_map(|track| track.recent.iter().map(|second| second.requests).max()).max().unwrap_or(1);
    let visible: Vec<&InstanceTrack> =
        shown.iter().skip(first).take(rows.saturating_sub(hidden_rows)).copied().collect();
    let after = shown.len() - first - visible.len();
    for (y, track) in (top..area.bottom()).zip(&visible) {
        fact_row(buf, Rect { y, height: 1, ..area }, scene, facts, track, total);
        draw_lane(buf, Rect { y, height: 1, ..lane }, scene, track, busiest);
    }
    if hidden_rows > 0 && area.height > 0 {
        let words = format!("{first} above, {after} below; n and p scroll");
        text::put(buf, area.x, area.bottom() - 1, words, usize::from(facts_width), style);
    }
}

fn lane_legend(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let label = scene.style(Role::Label);
    let sample = |role, name: &str| Piece::new(1, "▆", scene.style(role)).and(format!(" {name}"), label);
    let pieces = vec![
        Piece::new(0, "answers/s", label),
        sample(Role::Responding, "fast"),
        sample(Role::P99, "p99 over the objective"),
        sample(Role::Bad, "with errors"),
    ];
    text::put_line(buf, area.x, area.y, &text::fit(pieces, usize::from(area.width), 2), usize::from(area.width));
}

/// Those that answer first, by their birth; then those that are gone, the last gone first.
fn in_order(session: &Session) -> Vec<&InstanceTrack> {
    let mut tracks: Vec<&InstanceTrack> = session.tracks().iter().collect();
    tracks.sort_by_key(|track| {
        let gone = is_gone(session, track.last);
        (gone, if gone { u64::MAX - track.last.as_nanos() } else { track.first.as_nanos() })
    });
    tracks
}

/// The facts for which a lane of some width remains.
fn facts_for(width: u16) -> Vec<(&'static str, u16)> {
    let mut facts = FACTS.to_vec();
    if width >= 150 {
        facts[0].1 = 24;
    }
    if width < 110 {
        facts.pop();
        facts[0].1 = 10;
    }
    if width < 76 {
        facts.remove(2);
    }
    facts
}

fn fact_row(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, facts: &[(&str, u16)], track: &InstanceTrack, total: u64) {
    let session = scene.session();
    let gone = is_gone(session, track.last);
    let recent = track.recent_requests(scene.axis.end());
    let slo = session.header().settings.slo.latency;
    let mut x = area.x;
    for (title, width) in facts {
        let (words, role) = match *title {
            "instance" => (track.id.shortened(usize::from(*width)), if gone { Role::Label } else { Role::Title }),
            "born" => (track.first_ok.unwrap_or(track.first).to_string(), Role::Label),
            "cold start" => (
                track.cold_start.map_or_else(|| "–".to_owned(), |cold| format!("+{}", text::latency(Some(cold)))),
                Role::Text,
            ),
            "share" if gone => ("gone".to_owned(), Role::Label),
            "share" if total == 0 => ("–".to_owned(), Role::Label),
            "share" => (text::percent(recent as f64 / total as f64), Role::Text),
            "p99" => {
                let p99 = track.response.quantile(0.99);
                (text::latency(p99), if p99.is_some_and(|p99| p99 > slo) { Role::Bad } else { Role::Text })
            }
            _ => (text::count(track.requests), Role::Label),
        };
        text::put(buf, x, area.y, words, usize::from(*width), scene.style(role));
        x += width + 1;
    }
}

/// Its answers a second as bars: the colour says whether they were fast, slow, or errors.
fn draw_lane(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, track: &InstanceTrack, busiest: u64) {
    let axis = &scene.axis;
    let slo = scene.session().header().settings.slo.latency;
    let mut cells: Vec<Option<(u64, Role)>> = vec![None; axis.cells()];
    for second in &track.recent {
        let start = Elapsed::from_secs(u64::from(second.second));
        let dots = axis.dots_of(start, start + Duration::from_secs(1));
        let role = match second.p99 {
            _ if second.ok < second.requests => Role::Bad,
            Some(p99) if p99 > slo => Role::P99,
            _ => Role::Responding,
        };
        for dot in dots {
            let cell = &mut cells[dot / DOTS_WIDE];
            // Of several seconds in one column the busiest is drawn, in the colour of the worst.
            *cell = Some(match *cell {
                Some((requests, worst)) if severity(worst) >= severity(role) => (requests.max(second.requests), worst),
                Some((requests, _)) => (requests.max(second.requests), role),
                None => (second.requests, role),
            });
        }
    }
    for (x, cell) in (area.left()..area.right()).zip(cells) {
        if let Some((requests, role)) = cell.filter(|(requests, _)| *requests > 0) {
            let height = (requests * 7).div_ceil(busiest.max(1)).clamp(1, 7) - 1;
            buf.set_string(x, area.y, EIGHTHS[usize::try_from(height).unwrap_or(6)], scene.style(role));
        }
    }
    if let Some(x) =
        axis.cell(track.first).and_then(|cell| u16::try_from(cell).ok()).filter(|&x| x > 0 && x <= area.width)
    {
        buf.set_string(area.x + x - 1, area.y, "▸", scene.style(Role::Good));
    }
    let end = axis.cell(track.last).and_then(|cell| u16::try_from(cell).ok()).filter(|&x| x + 8 < area.width);
    if let (true, Some(x)) = (is_gone(scene.session(), track.last), end) {
        let room = usize::from(area.width - x - 1);
        text::put(buf, area.x + x + 1, area.y, format!("✕ {}", track.last), room, scene.style(Role::Label));
    }
}

const fn severity(role: Role) -> u8 {
    match role {
        Role::Bad => 2,
        Role::P99 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_leave_room_at_every_width() {
        for width in 60..250 {
            let facts: u16 = facts_for(width).iter().map(|(_, width)| width + 1).sum();
            assert!(width.saturating_sub(facts) >= GUTTER, "{width}: {facts}");
        }
    }
}
