use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend, TestBackend};
use ratatui::buffer::Buffer;

use super::*;
use crate::load::sample::OutcomeKind;
use crate::session::event::NoticeLevel;
use crate::tui::fixtures::{Builder, spike, state};

/// The frame of a state.
fn frame(state: &State, theme: Theme, columns: u16, rows: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(state, &theme, frame)).unwrap();
    terminal
}

fn situations() -> Vec<(&'static str, Builder)> {
    vec![
        ("overview__empty", state()),
        ("overview__first_second", state().limits().rate(50).run(1)),
        ("overview__steady", state().limits().rate(50).run(120)),
        ("overview__scale_out", spike(2, 3)),
        ("overview__recovered", spike(4, 60).mark("deploy 1.2")),
        ("instances__recovered", spike(4, 60).view(View::Instances)),
        ("steps__recovered", spike(4, 60).view(View::Steps)),
        (
            "log__recovered",
            spike(4, 60)
                .stale("cloudwatch", 40)
                .mark("deploy 1.2")
                .notice(NoticeLevel::Warning, "the send lag rose over 10 ms")
                .view(View::Log),
        ),
        ("help__steady", state().limits().rate(50).run(120).ui(|ui| ui.help = true)),
        ("overview__drops", state().limits().rate(600).drops(40, 0).errors(OutcomeKind::Timeout, 20).run(60)),
    ]
}

/// Writes every situation as terminal output into a folder, to be looked at: `GALLERY=/tmp/g cargo test gallery -- --ignored`.
#[test]
#[ignore = "writes pictures for people to look at"]
fn gallery() {
    let folder = std::env::var("GALLERY").expect("GALLERY names a folder");
    for (name, situation) in situations() {
        let state = situation.build();
        for (columns, rows) in [(80, 24), (120, 40), (200, 60), (60, 16)] {
            for (theme_name, theme) in
                [("dark", Theme::DARK), ("light", Theme::LIGHT), ("mono", Theme::MONO), ("ansi", Theme::ANSI)]
            {
                let terminal = frame(&state, theme, columns, rows);
                let path = format!("{folder}/{name}__{columns}x{rows}__{theme_name}.ansi");
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
