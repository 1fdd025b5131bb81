//! How it stands, in the header: every verdict reads as a sentence, and nothing stands beside it that seems to belong to it.

use ratatui::layout::Rect;

use super::*;
use crate::tui::fixtures::spike_of;
use scaletop_load::OutcomeKind;

/// Each way in which it may stand, some of them with much to say.
fn standings() -> Vec<(&'static str, Builder)> {
    let far = "NATS is out of reach: tls://fleet.example.com:4222 refuses the connection (os error 111), again in 2 s";
    vec![
        ("nothing was sent", state().limits()),
        ("no load", spike(4, 20).rate(0).run(8)),
        ("not judged", state().limits().rate(50).stalled().run(1)),
        ("held", state().limits().rate(50).run(60)),
        ("missed", spike(2, 3)),
        ("not one OK", state().limits().rate(50).errors(OutcomeKind::Connect, 50).run(30)),
        ("missed, then not one OK", spike(1, 20).errors(OutcomeKind::Dns, 600).run(8)),
        ("not sent", state().limits().rate(600).drops(0, 12).send_lag_ms(35).run(20)),
        ("unreported", spike_of(state().fleet(3), 4, 24).silent("g2").run(4)),
        (
            "the load is held",
            spike_of(state().fleet(3), 4, 24)
                .silent("g2")
                .silent("g3")
                .fleet_stands(Some("1 of 3 generators is there, 2 are needed"))
                .run(3),
        ),
        ("the load is held for a long reason", spike_of(state().fleet(2), 4, 24).fleet_stands(Some(far)).run(3)),
    ]
}

#[test]
fn every_standing_reads_as_a_sentence() {
    let mut text = String::new();
    for (name, builder) in standings() {
        let state = builder.build();
        for (columns, rows) in [(60, 16), (80, 24), (120, 40)] {
            let has_fleet = state.session().fleet().is_some();
            let header = layout::screen(Rect::new(0, 0, columns, rows), false, has_fleet).header;
            let lines = letters(frame(&state, Theme::DARK, columns, rows).backend().buffer());
            let lines = &lines[..usize::from(header.height)];
            let _ = write!(text, "── {name}, {columns}×{rows}\n{}\n", lines.join("\n"));
            // Where the verdict goes on, a bar stands between its end and the rate.
            let goes_on = lines[1].starts_with("   ");
            assert_eq!(goes_on, lines[1].contains(" │ "), "{name}: {lines:?}");
        }
    }
    assert!(!text.contains("0.0 ms late"), "{text}");
    compare("header__standings", &text);
}
