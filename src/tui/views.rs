//! The views of the Tab key: one file each.

pub(crate) mod instances;
pub(crate) mod latency;
pub(crate) mod log;
pub(crate) mod overview;
pub(crate) mod steps;
pub(crate) mod waterfall;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::State;
use crate::tui::chart::GUTTER;
use crate::tui::panels::header;
use crate::tui::scene::Scene;
use crate::tui::theme::{Role, Theme};

/// The scene for plots as wide as `body`, with the header drawn.
fn scene<'a>(buf: &mut Buffer, header: Rect, body: Rect, state: &'a State, theme: Theme) -> Scene<'a> {
    let scene = Scene::new(state, theme, body.width.saturating_sub(GUTTER));
    header::draw(buf, header, &scene);
    scene
}

/// A heading with a remark beside it, on one line.
fn heading(buf: &mut Buffer, area: Rect, theme: Theme, title: &str, remark: &str) {
    if area.is_empty() {
        return;
    }
    let (x, _) = buf.set_stringn(area.x, area.y, title, usize::from(area.width), theme.style(Role::Title));
    if x + 2 < area.right() {
        buf.set_stringn(x + 2, area.y, remark, usize::from(area.right() - x - 2), theme.style(Role::Label));
    }
}
