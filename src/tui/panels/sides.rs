//! The line that names two targets, each above its half of the screen, and how each of them stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::session::event::Side;
use crate::tui::layout;
use crate::tui::panels::header;
use crate::tui::scene::{self, Scene};
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;
use scaletop_load::OutcomeKind;

/// Columns that the standing has at least, before the name gets more.
const STANDING: usize = 14;

pub(crate) fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    for side in Side::BOTH {
        let half = layout::half(area, side);
        let width = usize::from(half.width);
        let line = text::fit(pieces(scene, side, width), width, 2);
        text::put_line(buf, half.x, half.y, &line, width);
    }
}

fn pieces(scene: &Scene<'_>, side: Side, width: usize) -> Vec<Piece> {
    let (halves, label) = (scene.state.halves(), scene.style(Role::Label));
    let session = halves.get(side);
    let name = text::shown(&halves.name(side), width.saturating_sub(STANDING).max(8));
    let (words, role) = header::verdict(scene, session);
    let room = width.saturating_sub(usize::from(text::columns(&name)) + 2);
    let mut pieces = vec![
        Piece::new(0, name, scene.style(Role::Title)),
        Piece::new(0, text::shown(words.trim_start(), room), scene.style(role)),
    ];
    let Some(row) = scene::row(session, scene.state, &scene.axis) else { return pieces };
    let per_second = |count: u64| text::per_second(Some(count as f64 / f64::from(row.span.max(1))));
    let ok = per_second(row.outcomes.get(OutcomeKind::Ok));
    pieces.push(Piece::new(1, "ok ", label).and(ok, scene.style(Role::Ok)).and("/s", label));
    let p99 = row.ok.map(|ok| ok.p99);
    pieces.push(Piece::new(2, "p99 ", label).and(text::latency(p99), scene.style(Role::P99)));
    let dropped = scene.dropped(session);
    if dropped > 0 {
        pieces.push(Piece::new(2, "dropped ", label).and(text::count(dropped), scene.style(Role::Dropped)));
    }
    let in_flight = Piece::new(3, "in flight ", label).and(text::count(row.in_flight), scene.style(Role::Title));
    pieces.push(in_flight);
    pieces
}
