//! Pictures for people to look at.

use ratatui::backend::{Backend as _, CrosstermBackend};

use super::*;

/// Writes every situation as terminal output into a folder, to be looked at:
/// `GALLERY=/tmp/gallery cargo test --lib gallery -- --ignored` (`GALLERY_ONLY=steps` for some), then show a file with `cat`
/// in a terminal of its size.
#[test]
#[ignore = "writes pictures for people to look at"]
fn gallery() {
    let folder = std::env::var("GALLERY").expect("GALLERY names a folder");
    let only = std::env::var("GALLERY_ONLY").unwrap_or_default();
    for (name, state) in BUILT.iter().filter(|(name, _)| name.contains(&only)) {
        for (columns, rows) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            for (look, theme) in [
                ("dark", Theme::DARK),
                ("light", Theme::LIGHT),
                ("mono", Theme::MONO),
                ("ansi", Theme::ANSI),
                ("ascii", Theme::DARK.with(Glyphs::Ascii)),
                ("blocks", Theme::DARK.with(Glyphs::Blocks)),
            ] {
                let terminal = frame(state, theme, columns, rows);
                let path = format!("{folder}/{name}__{columns}x{rows}__{look}.ansi");
                std::fs::write(path, ansi(terminal.backend().buffer())).unwrap();
            }
        }
    }
}

/// What a terminal would be sent for this frame.
fn ansi(buffer: &Buffer) -> Vec<u8> {
    let mut bytes = Vec::new();
    let cells = buffer.content.iter().enumerate().map(|(at, cell)| {
        let (x, y) = buffer.pos_of(at);
        (x, y, cell)
    });
    CrosstermBackend::new(&mut bytes).draw(cells).unwrap();
    bytes
}
