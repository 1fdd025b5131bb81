//! A frame in parts, for a slow line: what is in the header and on the bottom line goes at once, the rows between as far as the
//! line carries them in a moment, the others with the next frames. Pure.

use ratatui::buffer::Buffer;

use crate::tui::encode;

/// Rows at the top that always go.
const HEADER: u16 = 3;

/// Leaves of the frame what `budget` bytes are enough for, the rows from `from` on first; the others stay as they are `shown`.
/// Returns the first row that has to wait, if one has to.
pub(crate) fn within(frame: &mut Buffer, shown: &Buffer, budget: usize, from: u16) -> Option<u16> {
    let area = frame.area;
    let last = area.bottom().saturating_sub(1);
    let first = (area.top() + HEADER).min(last);
    let mut left = budget;
    for y in (area.top()..first).chain([last]) {
        left = left.saturating_sub(cost(frame, shown, y));
    }
    let from = from.clamp(first, last);
    let (mut waits, mut has_any) = (None, false);
    for y in (from..last).chain(first..from) {
        let cost = cost(frame, shown, y);
        // A row that is dearer than all of the budget goes alone, or it never would.
        if cost == 0 || (waits.is_none() && (cost <= left || !has_any)) {
            has_any |= cost > 0;
            left = left.saturating_sub(cost);
        } else {
            waits = waits.or(Some(y));
            for x in area.left()..area.right() {
                frame[(x, y)] = shown[(x, y)].clone();
            }
        }
    }
    waits
}

/// Bytes that a row costs.
fn cost(frame: &Buffer, shown: &Buffer, y: u16) -> usize {
    let area = frame.area;
    let changed = (area.left()..area.right()).filter(|&x| frame[(x, y)] != shown[(x, y)]);
    encode::cost(area.width, changed.map(|x| (x, y, &frame[(x, y)])))
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn what_has_to_wait_comes_with_the_next_frames_and_header_and_bottom_line_never_wait() {
        let area = Rect::new(0, 0, 40, 12);
        let mut wanted = Buffer::empty(area);
        for y in 0..12 {
            wanted.set_string(0, y, "x".repeat(40), Style::new());
        }
        let mut shown = Buffer::empty(area);
        let (mut from, mut frames) = (0, 0);
        while shown != wanted {
            let mut frame = wanted.clone();
            let waits = within(&mut frame, &shown, 250, from);
            for y in [0, 1, 2, 11] {
                assert_eq!(frame[(0, y)], wanted[(0, y)]);
            }
            let changed = (3..11).filter(|&y| frame[(0, y)] != shown[(0, y)]).count();
            assert!((1..=5).contains(&changed), "{changed} rows");
            assert_eq!(waits.is_none(), frame == wanted);
            from = waits.unwrap_or(0);
            shown = frame;
            frames += 1;
        }
        assert!((3..=8).contains(&frames), "{frames}");
    }
}
