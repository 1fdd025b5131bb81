//! The line that names two targets, each above its half of the screen, and how each of them stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::session::event::Side;
use crate::tui::layout;
use crate::tui::panels::header::{self, Rest};
use crate::tui::scene::{self, Scene};
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;
use scaletop_load::OutcomeKind;

/// Columns that the standing has at least, before the name gets more.
const STANDING: usize = 14;

/// Columns below which a name is its letter only.
const NAME_AT_LEAST: usize = 8;

pub(crate) fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    for side in Side::BOTH {
        let half = layout::half(area, side);
        let width = usize::from(half.width);
        let line = text::fit(pieces(scene, side, width), width, 2);
        text::put_line(buf, half.x, half.y, &line, width);
    }
}

/// A target's name and how it stands, in the columns of its half.
struct Stands {
    name: String,
    words: String,
    role: Role,
    /// How that goes on, where there is no room for it.
    rest: Option<String>,
}

/// What is wrong has the line: the name of a target gives way to it, down to its letter, before it goes on elsewhere.
fn stands(scene: &Scene<'_>, side: Side, width: usize) -> Stands {
    let halves = scene.state.halves();
    let (words, role) = header::verdict(scene, halves.get(side));
    let words = words.trim_start();
    let wanted = usize::from(text::columns(words)) + 2;
    let is_wrong = header::is_wrong(role);
    let left =
        if is_wrong { width.saturating_sub(wanted.max(STANDING)) } else { width.saturating_sub(STANDING).max(8) };
    let whole = halves.name(side);
    let name = if left < NAME_AT_LEAST { side.letter().to_string() } else { text::shown(&whole, left) };
    let room = width.saturating_sub(usize::from(text::columns(&name)) + 2);
    if !is_wrong {
        return Stands { name, words: text::shown(words, room), role, rest: None };
    }
    let (words, rest) = header::broken(words, room + 1);
    Stands { name, words: words.trim_start().to_owned(), role, rest }
}

/// How the verdicts go on that have no room in the halves of a line of `width` columns: `A: connection refused`.
pub(crate) fn rests(scene: &Scene<'_>, width: u16) -> Vec<Rest> {
    let rest = |side: Side| {
        let half = layout::half(Rect { width, height: 1, ..Rect::ZERO }, side);
        let Stands { role, rest, .. } = stands(scene, side, half.width.into());
        Some(Rest { words: format!("{}: {}", side.letter(), rest?), role })
    };
    Side::BOTH.into_iter().filter_map(rest).collect()
}

fn pieces(scene: &Scene<'_>, side: Side, width: usize) -> Vec<Piece> {
    let (halves, label) = (scene.state.halves(), scene.style(Role::Label));
    let session = halves.get(side);
    let Stands { name, words, role, .. } = stands(scene, side, width);
    let mut pieces = vec![Piece::new(0, name, scene.style(Role::Title)), Piece::new(0, words, scene.style(role))];
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
