//! A list of lanes: what they are in columns of facts at the left, what happened second by second at the right. Those for which there
//! is no room are scrolled to.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::tui::chart::GUTTER;
use crate::tui::scene::Scene;
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;

/// Rows of a lane at most.
pub(super) const HIGHEST_LANE: u16 = 3;

/// Rows of the headings.
pub(super) const HEADINGS: u16 = 2;

/// A fact with its heading in two lines and its columns.
pub(super) type Column<F> = (F, [&'static str; 2], u16);

/// The facts that lanes of one kind have.
pub(super) struct Kind<F: 'static> {
    /// In their order; the first is the name.
    pub(super) facts: &'static [Column<F>],
    /// What goes first where there is no room.
    pub(super) left_out: &'static [F],
    /// The share of the width that lanes have at least, in percent, where facts can be left out.
    pub(super) least_for_lanes: u16,
    /// From this width on, the name has so many columns.
    pub(super) long_name: (u16, u16),
    /// What the bars are, and what their colours mean.
    pub(super) bars: (&'static str, [(Role, &'static str); 3]),
}

impl<F: Copy + PartialEq> Kind<F> {
    /// Those for which a lane of some width remains.
    pub(super) fn within(&'static self, width: u16) -> Facts<F> {
        let mut facts = Facts { shown: self.facts.to_vec(), bars: &self.bars };
        let (from, columns) = self.long_name;
        if width >= from
            && let Some(name) = facts.shown.first_mut()
        {
            name.2 = columns;
        }
        for left_out in self.left_out {
            if width.saturating_sub(facts.width()) < width * self.least_for_lanes / 100 {
                facts.shown.retain(|(fact, ..)| fact != left_out);
            }
        }
        facts
    }
}

/// The facts that are shown.
pub(super) struct Facts<F> {
    shown: Vec<Column<F>>,
    bars: &'static (&'static str, [(Role, &'static str); 3]),
}

impl<F: Copy> Facts<F> {
    /// Their columns; at least those that a chart has left of its plot.
    pub(super) fn width(&self) -> u16 {
        self.shown.iter().map(|(_, _, width)| width + 1).sum::<u16>().max(GUTTER)
    }

    /// What is right of them.
    pub(super) fn lane(&self, area: Rect) -> Rect {
        Rect { x: area.x + self.width(), width: area.width.saturating_sub(self.width()), ..area }
    }

    /// What is right of them, and the columns in which a chart above or behind the lanes has its scale.
    pub(super) fn chart(&self, area: Rect) -> Rect {
        let left = self.width() - GUTTER;
        Rect { x: area.x + left, width: area.width.saturating_sub(left), ..area }
    }

    /// Their names, and what the bars of the lanes are.
    pub(super) fn headings(&self, buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let label = scene.style(Role::Label);
        let mut x = area.x;
        for (_, heading, width) in &self.shown {
            for (y, line) in (area.top()..area.bottom()).zip(heading) {
                text::put(buf, x, y, line, usize::from(*width), label);
            }
            x += width + 1;
        }
        if area.height > 1 {
            let (unit, colours) = self.bars;
            let sample =
                |&(role, name): &(Role, &str)| Piece::new(1, "▆", scene.style(role)).and(format!(" {name}"), label);
            let pieces: Vec<_> =
                std::iter::once(Piece::new(0, *unit, label)).chain(colours.iter().map(sample)).collect();
            let width = usize::from(area.right().saturating_sub(x));
            text::put_line(buf, x, area.y + 1, &text::fit(pieces, width, 2), width);
        }
    }

    /// One row of them; `told` says each in so many columns.
    pub(super) fn row(
        &self,
        buf: &mut Buffer,
        (mut x, y): (u16, u16),
        scene: &Scene<'_>,
        told: impl Fn(F, usize) -> (String, Role),
    ) {
        for (fact, _, width) in &self.shown {
            let (words, role) = told(*fact, usize::from(*width));
            text::put(buf, x, y, words, usize::from(*width), scene.style(role));
            x += width + 1;
        }
    }
}

/// Those of a list that there is room for.
pub(super) struct Visible<'a, T> {
    pub(super) items: &'a [T],
    above: usize,
    below: usize,
}

impl<'a, T> Visible<'a, T> {
    /// From the selected one on, in `rows` rows of `high` each; where some are hidden a row says so.
    pub(super) fn of(all: &'a [T], rows: u16, high: u16, scene: &Scene<'_>) -> Self {
        let fit = usize::from(rows / high.max(1));
        let fit = fit.saturating_sub(usize::from(all.len() > fit));
        let above = scene.state.ui().selected.min(all.len().saturating_sub(fit));
        let items = &all[above..(above + fit).min(all.len())];
        Self { items, above, below: all.len() - above - items.len() }
    }

    /// Says how many are hidden, and how they are seen; whether any is.
    pub(super) fn say_hidden(&self, buf: &mut Buffer, (x, y): (u16, u16), width: u16, scene: &Scene<'_>) -> bool {
        let is_hidden = self.above + self.below > 0;
        if is_hidden {
            let (keys, mode) = (&scene.state.ui().keys, KeyMap::mode(scene.state));
            let scroll = keys.either(mode, &[Action::SelectNext, Action::SelectPrevious]);
            let how = scroll.map_or_else(String::new, |keys| format!("; {keys} scrolls"));
            let words = format!("{} above, {} below{how}", self.above, self.below);
            text::put(buf, x, y, words, usize::from(width), scene.style(Role::Label));
        }
        is_hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::views::{generators, instances};

    #[test]
    fn the_lanes_leave_room_at_every_width() {
        for width in 60..250 {
            for facts in [generators::KIND.within(width).width(), instances::KIND.within(width).width()] {
                assert!(width.saturating_sub(facts) >= GUTTER, "{width}: {facts}");
            }
        }
    }
}
