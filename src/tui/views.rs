//! The views of the Tab key: one file each.

pub(crate) mod generators;
pub(crate) mod instances;
mod lane_list;
pub(crate) mod latency;
pub(crate) mod log;
pub(crate) mod overview;
pub(crate) mod requests;
pub(crate) mod steps;
pub(crate) mod two;
pub(crate) mod waterfall;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::app::state::State;
use crate::tui::axis::TimeAxis;
use crate::tui::chart::GUTTER;
use crate::tui::panels::header;
use crate::tui::scene::Scene;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// The scene for plots as wide as `body`, with the header drawn.
fn scene<'a>(buf: &mut Buffer, header: Rect, body: Rect, state: &'a State, theme: Theme) -> Scene<'a> {
    let scene = Scene::new(state, theme, body.width.saturating_sub(GUTTER));
    header::draw(buf, header, &scene);
    scene
}

/// Where a view has its charts, and which time their columns are.
pub(crate) type Charts = (Rect, TimeAxis);

/// Shows over the charts of `area` what is looked at: the cursor, and what the mouse is dragged over. Says where the charts are.
fn look(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) -> Charts {
    let plot = Rect { x: area.x + GUTTER, width: area.width.saturating_sub(GUTTER), ..area };
    let range = &scene.state.ui().range;
    let column = |at| {
        let cell = scene.axis.cell(at).and_then(|cell| u16::try_from(cell).ok())?;
        Some(plot.x + cell).filter(|&x| x < plot.right())
    };
    if let Some((from, until)) = range.dragged {
        let (from, until) = (from.min(until), from.max(until));
        let (left, right) = (column(from).unwrap_or(plot.x), column(until).unwrap_or(plot.right().saturating_sub(1)));
        let dragged = Rect { x: left, width: (right + 1).saturating_sub(left), ..plot };
        buf.set_style(dragged.intersection(plot), Style::new().add_modifier(Modifier::REVERSED));
    }
    if let Some(x) = range.cursor.and_then(column) {
        for y in plot.top()..plot.bottom() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                if matches!(cell.symbol(), " " | "┊" | "┆") {
                    cell.set_symbol("┃").set_style(scene.style(Role::Key));
                } else {
                    cell.set_style(Style::new().add_modifier(Modifier::REVERSED));
                }
            }
        }
    }
    (plot, scene.axis)
}

/// A heading with a remark beside it, on one line.
fn heading(buf: &mut Buffer, area: Rect, theme: Theme, title: &str, remark: &str) {
    if area.is_empty() {
        return;
    }
    let x = text::put(buf, area.x, area.y, title, usize::from(area.width), theme.style(Role::Title));
    if x + 2 < area.right() {
        text::put(buf, x + 2, area.y, remark, usize::from(area.right() - x - 2), theme.style(Role::Label));
    }
}
