//! The views of a session with two targets: each chart once a target, on the same time axis and the same scale; one table of the
//! steps of both. Overview and latency have the targets left and right, at the same height; the lanes of instances above one
//! another, so that they keep their width.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::{State, View};
use crate::session::event::Side;
use crate::tui::chart::GUTTER;
use crate::tui::layout::{self, Frame, Overview};
use crate::tui::panels::{both, header, lanes, steps_beside, welcome};
use crate::tui::scene::Scene;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::views::{Charts, instances, latency, log, overview, requests};

/// Where the charts are.
pub(crate) struct Drawn {
    /// Those of the first target, and which time their columns are.
    pub(crate) charts: Charts,
    /// Those of the second, where they stand right of them.
    pub(crate) beside: Option<Rect>,
}

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme, view: View) -> Option<Drawn> {
    match view {
        View::Overview => Some(overviews(buf, screen, state, theme)),
        View::Latency => Some(latencies(buf, screen, state, theme)),
        View::Instances => Some(fleets(buf, screen, state, theme)),
        View::Steps => {
            super::scene(buf, screen.header, screen.body, state, theme);
            steps_beside::draw_in_full(buf, screen.body, state, theme);
            None
        }
        View::Requests => {
            requests::draw(buf, screen, state, theme);
            None
        }
        // A fleet has one target.
        View::Log | View::Generators => {
            log::draw(buf, screen, state, theme);
            None
        }
    }
}

/// The scene of each target for charts in the halves of `area`, with the header drawn.
fn scenes<'a>(buf: &mut Buffer, header: Rect, area: Rect, state: &'a State, theme: Theme) -> [Scene<'a>; 2] {
    let cells = layout::half(area, Side::First).width.saturating_sub(GUTTER);
    let scenes = Side::BOTH.map(|side| Scene::of(side, state, theme, cells));
    header::draw(buf, header, &scenes[0]);
    scenes
}

fn overviews(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Drawn {
    let parts = layout::overview_of_two(screen.body, lanes::rows(state), both::WIDTH);
    let scenes = scenes(buf, screen.header, parts.times, state, theme);
    let mut halves = Vec::new();
    for scene in &scenes {
        let half = |area: Rect| layout::half(area, scene.side);
        let parts =
            Overview { rules: half(parts.rules), charts: parts.charts.map(half), times: half(parts.times), ..parts };
        halves.push(overview::charts(buf, &parts, scene));
    }
    let words = if parts.steps.height > 8 { 2 } else { 0 };
    steps_beside::draw(buf, parts.steps, state, theme, words);
    both::draw(buf, parts.side, &scenes);
    if welcome::is_wanted(state) {
        let all = halves.iter().copied().reduce(Rect::union).unwrap_or_default();
        welcome::draw(buf, all, state, theme);
    }
    looked_at(buf, &halves, &scenes)
}

fn latencies(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Drawn {
    let body = screen.body;
    let scenes = scenes(buf, screen.header, body, state, theme);
    let rows = latency::rows_of_two(&scenes, body.height > 24);
    let charts = latency::charts_area(body, rows.len());
    let mut halves = Vec::new();
    for scene in &scenes {
        let half = layout::half(charts, scene.side);
        latency::charts(buf, half, scene);
        halves.push(half);
    }
    latency::table_below(buf, body, theme, &rows, state);
    looked_at(buf, &halves, &scenes)
}

/// Shows what is looked at over the charts of both.
fn looked_at(buf: &mut Buffer, halves: &[Rect], scenes: &[Scene<'_>; 2]) -> Drawn {
    let area = |at: usize| halves.get(at).copied().unwrap_or_default();
    let charts = super::look(buf, area(0), &scenes[0]);
    let (beside, _) = super::look(buf, area(1), &scenes[1]);
    Drawn { charts, beside: Some(beside) }
}

fn fleets(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Drawn {
    let body = screen.body;
    let upper = Rect { height: body.height / 2, ..body };
    let lower = Rect { y: upper.bottom(), height: body.height - upper.height, ..body };
    let cells = instances::columns(body).width.saturating_sub(GUTTER);
    let scenes = Side::BOTH.map(|side| Scene::of(side, state, theme, cells));
    header::draw(buf, screen.header, &scenes[0]);
    let [charts, _] = [(upper, &scenes[0]), (lower, &scenes[1])].map(|(area, scene)| {
        let name = text::shown(&state.halves().name(scene.side), usize::from(area.width));
        text::put(buf, area.x, area.y, name, usize::from(area.width), theme.style(Role::Title));
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        instances::within(buf, below, scene)
    });
    Drawn { charts, beside: None }
}
