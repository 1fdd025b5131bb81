//! Where in the recording a replay is: a line to look at, and to drag.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::player::Player;
use crate::app::state::State;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use scaletop_units::Elapsed;

/// Columns of the times at both ends, and of the air beside them.
const ENDS: u16 = 10;

/// Draws the bar: `0:42 ━━━━━●──┊────┊── 2:00`, with the beginnings of steps.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, state: &State, theme: Theme) {
    let Some(player) = state.player().filter(|_| !area.is_empty()) else { return };
    let Some(end) = player.end() else {
        text::put(buf, area.x, area.y, "reading the recording …", usize::from(area.width), theme.style(Role::Label));
        return;
    };
    let line = line(area);
    let now = text::shown(&state.now().to_string(), usize::from(ENDS - 1));
    buf.set_string(line.x.saturating_sub(1 + text::columns(&now)), area.y, now, theme.style(Role::Title));
    text::put(buf, line.right() + 1, area.y, end.to_string(), usize::from(ENDS - 1), theme.style(Role::Label));
    for x in line.left()..line.right() {
        let (symbol, role) =
            if x <= column(line, state.now(), end) { ("━", Role::Key) } else { ("─", Role::Faint) };
        text::glyph(buf, x, area.y, symbol, theme.style(role));
    }
    for report in player.step_starts() {
        text::glyph(buf, column(line, *report, end), area.y, "┊", theme.style(Role::Label));
    }
    text::glyph(buf, column(line, state.now(), end), area.y, "●", theme.style(Role::Title));
}

/// The moment of the recording under a column of the bar.
pub(crate) fn moment(area: Rect, player: &Player, x: u16) -> Option<Elapsed> {
    let (line, end) = (line(area), player.end()?);
    let at = u64::from(x.clamp(line.left(), line.right().saturating_sub(1).max(line.left())) - line.left());
    let last = u64::from(line.width.saturating_sub(1).max(1));
    let nanos = u128::from(end.as_nanos()) * u128::from(at) / u128::from(last);
    Some(Elapsed::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// The line between the times.
fn line(area: Rect) -> Rect {
    Rect { x: area.x + ENDS, width: area.width.saturating_sub(2 * ENDS).max(1), ..area }
}

fn column(line: Rect, at: Elapsed, end: Elapsed) -> u16 {
    let last = u128::from(line.width.saturating_sub(1));
    let column = u128::from(at.min(end).as_nanos()) * last / u128::from(end.as_nanos().max(1));
    line.x + u16::try_from(column).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::player::Outline;

    #[test]
    fn a_column_of_the_bar_is_a_moment_and_both_ends_are_reached() {
        let mut player = Player::new(1);
        player.learn(Outline { end: Elapsed::from_secs(120), steps: Vec::new() });
        let area = Rect::new(0, 20, 80, 1);
        let secs = |x| moment(area, &player, x).unwrap().second();
        assert_eq!((secs(0), secs(10), secs(69), secs(79)), (0, 0, 120, 120));
        for x in 10..70 {
            let again = column(line(area), moment(area, &player, x).unwrap(), Elapsed::from_secs(120));
            assert!(again.abs_diff(x) <= 1, "{x}: {again}");
        }
    }
}
