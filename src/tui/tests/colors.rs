//! What is colored, and with what.

use ratatui::style::Style;

use super::*;

/// The style of the first cell of `text` on the screen.
fn style_of(buffer: &Buffer, text: &str) -> Style {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let row: String = (area.left()..area.right()).map(|x| buffer[(x, y)].symbol()).collect();
        if let Some(at) = row.find(text) {
            let x = u16::try_from(row[..at].chars().count()).unwrap();
            return buffer[(x, y)].style();
        }
    }
    panic!("{text:?} is not on the screen");
}

fn foreground(state: &State, text: &str) -> Option<ratatui::style::Color> {
    style_of(frame(state, Theme::DARK, 120, 40).backend().buffer(), text).fg
}

#[test]
fn trouble_has_the_colour_of_trouble() {
    assert_eq!(foreground(built("overview__source_stale"), "stale 40 s"), Some(Theme::DARK.color(Role::Warn)));
    assert_eq!(foreground(built("overview__source_failed"), "failed"), Some(Theme::DARK.color(Role::Bad)));
    assert_eq!(foreground(built("overview__steady"), "live"), Some(Theme::DARK.color(Role::Good)));
}

#[test]
fn a_p99_over_the_objective_is_red_in_title_and_curve() {
    let over = state().rate(50).p99_ms(640).run(30).build();
    let p99 = over.session().timeline().latest().and_then(|row| row.ok).map(|ok| ok.p99);
    assert_eq!(foreground(&over, &text::latency(p99)), Some(Theme::DARK.color(Role::Bad)));
    let terminal = frame(&over, Theme::DARK, 120, 40);
    let red = Theme::DARK.color(Role::Bad);
    let dots = terminal.backend().buffer().content.iter().filter(|cell| is_braille(cell.symbol()) && cell.fg == red);
    assert!(dots.count() > 10, "no red curve");
    let under = state().rate(50).p99_ms(120).run(30).build();
    let terminal = frame(&under, Theme::DARK, 120, 40);
    let dots = terminal.backend().buffer().content.iter().filter(|cell| is_braille(cell.symbol()) && cell.fg == red);
    assert_eq!(dots.count(), 0, "a red curve although the objective holds");
}

fn is_braille(symbol: &str) -> bool {
    symbol.chars().all(|ch| ('\u{2801}'..='\u{28ff}').contains(&ch))
}

#[test]
fn without_colours_nothing_is_coloured() {
    for (name, state) in BUILT.iter() {
        let terminal = frame(state, Theme::MONO, 120, 40);
        let coloured = terminal
            .backend()
            .buffer()
            .content
            .iter()
            .find(|cell| cell.fg != ratatui::style::Color::Reset || cell.bg != ratatui::style::Color::Reset);
        assert_eq!(coloured, None, "{name}");
    }
}
