//! The line of the header that says how the fleet stands. What has no room is left out, what says least first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::scene::Scene;
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;

/// Whether the load is a fleet's.
pub(crate) fn has_one(scene: &Scene<'_>) -> bool {
    scene.state.session().fleet().is_some()
}

/// Draws `fleet 50/50 · ±0.4 ms · lead 60.0 ms · ceiling 1.0M/s · unreported 0`.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let width = usize::from(area.width);
    let line = text::fit(pieces(scene), width, 1);
    text::put_line(buf, area.x, area.y, &line, width);
}

fn pieces(scene: &Scene<'_>) -> Vec<Piece> {
    let (label, session) = (scene.style(Role::Label), scene.state.session());
    let Some(fleet) = session.fleet() else { return Vec::new() };
    let mut pieces = Vec::new();
    let has_ended = session.ended().is_some() && scene.past().is_none();
    if let (true, Some(there), Some(state)) = (has_ended, session.there_to_the_end(), fleet.state()) {
        let role = if there < state.wanted { Role::Warn } else { Role::Good };
        let there = format!("{there}/{}", state.wanted);
        pieces.push(Piece::new(0, " fleet ", label).and(there, scene.style(role)).and(" to the end", label));
    } else if let Some(state) = fleet.state() {
        let role = match (&state.held, state.live < state.wanted) {
            (Some(_), _) => Role::Bad,
            (None, true) => Role::Warn,
            (None, false) => Role::Good,
        };
        let live = format!("{}/{}", state.live, state.wanted);
        pieces.push(Piece::new(0, " fleet ", label).and(live, scene.style(role)));
        let facts = [
            (4, "±", text::latency(fleet.clock_error())),
            (3, "lead ", text::latency(Some(state.lead))),
            (5, "ceiling ", fleet.ceiling().map_or_else(|| "–".to_owned(), |rate| format!("{}/s", short(rate.get())))),
        ];
        let fact = |(rank, name, value): (u8, &str, String)| {
            Piece::new(rank, format!("· {name}"), label).and(value, scene.style(Role::Text))
        };
        pieces.extend(facts.into_iter().map(fact));
    } else {
        pieces.push(Piece::new(0, format!(" fleet of {}", fleet.generators().len()), label));
    }
    if let Some(unreported) = session.totals().unreported() {
        let role = if unreported > 0 { Role::Warn } else { Role::Text };
        pieces.push(Piece::new(1, "· unreported ", label).and(text::count(unreported), scene.style(role)));
    }
    // Nothing of it is known of a moment that is over.
    if scene.past().is_some() {
        pieces.push(Piece::new(2, "· as of now", label));
    }
    pieces
}

/// A rate in few columns: `900`, `60k`, `1.0M`.
fn short(rate: u32) -> String {
    match rate {
        0..10_000 => text::count(rate.into()),
        10_000..1_000_000 => format!("{}k", rate / 1_000),
        _ => format!("{:.1}M", f64::from(rate) / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_ceiling_never_reads_higher_than_it_is() {
        let cases = [(900, "900"), (9_999, "9,999"), (60_000, "60k"), (999_999, "999k"), (1_000_000, "1.0M")];
        for (rate, words) in cases {
            assert_eq!(short(rate), words);
        }
    }
}
