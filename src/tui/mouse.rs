//! What the mouse means, by where it is: it moves the cursor, zooms and selects. It never drives load.

use crate::app::action::Action;
use crate::app::state::{State, View};
use crate::tui::Places;
use crate::tui::input::Mouse;
use crate::tui::panels::bar;
use scaletop_units::Elapsed;

/// Lines of the help that the wheel scrolls at a time.
const WHEEL_LINES: i16 = 3;

/// What is being dragged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Held {
    /// Nothing.
    #[default]
    Nothing,
    /// A span of the charts, from this moment on.
    Charts(Elapsed),
    /// The bar of a replay.
    Bar,
}

/// What the mouse asks for at a cell of the screen, and what it holds from then on.
pub(crate) fn action(
    state: &State,
    places: &Places,
    held: &mut Held,
    mouse: Mouse,
    column: u16,
    row: u16,
) -> Option<Action> {
    let moment = |beyond| places.moment(column, row, beyond);
    match (mouse, *held) {
        (Mouse::WheelUp | Mouse::WheelDown, _) => {
            let is_up = mouse == Mouse::WheelUp;
            if state.ui().help.is_some() {
                return Some(Action::ScrollHelp(if is_up { -WHEEL_LINES } else { WHEEL_LINES }));
            }
            match (moment(false), state.ui().view) {
                (Some(at), _) => Some(Action::ZoomAt { at, closer: is_up }),
                (None, View::Steps | View::Requests | View::Log | View::Instances | View::Generators) if is_up => {
                    Some(Action::SelectPrevious)
                }
                (None, View::Steps | View::Requests | View::Log | View::Instances | View::Generators) => {
                    Some(Action::SelectNext)
                }
                (None, _) => None,
            }
        }
        (Mouse::Press, _) => {
            let is_on_bar = places.bar.is_some_and(|bar| bar.contains((column, row).into()));
            if let (true, Some(bar), Some(player)) = (is_on_bar, places.bar, state.player()) {
                *held = Held::Bar;
                return bar::moment(bar, player, column).map(Action::SeekTo);
            }
            let at = moment(false)?;
            *held = Held::Charts(at);
            Some(Action::LookAt(at))
        }
        (Mouse::Drag, Held::Bar) => bar::moment(places.bar?, state.player()?, column).map(Action::SeekTo),
        (Mouse::Drag, Held::Charts(from)) => Some(Action::Drag(from, moment(true)?)),
        (Mouse::Release, Held::Charts(_)) => {
            *held = Held::Nothing;
            state.ui().range.dragged.map(|_| Action::Dropped)
        }
        (Mouse::Release, _) => {
            *held = Held::Nothing;
            None
        }
        (Mouse::Drag, Held::Nothing) => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;
    use crate::app::state::Ui;
    use crate::tui::axis::TimeAxis;
    use crate::tui::fixtures::state;

    fn places(state: &State) -> Places {
        Places {
            charts: Some((Rect::new(10, 5, 60, 10), TimeAxis::new(state, 60))),
            beside: None,
            bar: None,
            help: None,
        }
    }

    #[test]
    fn over_the_charts_it_looks_selects_and_zooms_and_elsewhere_it_does_nothing() {
        let state = state().at(400).build();
        let places = places(&state);
        let mut held = Held::default();
        let mut mouse = |mouse, column, row| action(&state, &places, &mut held, mouse, column, row);
        let at = |column: u16| TimeAxis::new(&state, 60).moment(usize::from(column) - 10);
        assert_eq!(mouse(Mouse::WheelUp, 30, 8), Some(Action::ZoomAt { at: at(30), closer: true }));
        assert_eq!(mouse(Mouse::WheelDown, 30, 2), None, "above the charts");
        assert_eq!(mouse(Mouse::Drag, 30, 8), None, "the button went down elsewhere");
        assert_eq!(mouse(Mouse::Press, 30, 8), Some(Action::LookAt(at(30))));
        assert_eq!(
            mouse(Mouse::Drag, 75, 30),
            Some(Action::Drag(at(30), at(69))),
            "beside the charts their edge counts"
        );
        assert_eq!(mouse(Mouse::Release, 75, 30), None, "a click is no selection");
    }

    #[test]
    fn over_a_table_the_wheel_goes_through_the_rows() {
        let state = state().at(400).ui(|ui| *ui = Ui { view: View::Steps, ..Ui::default() }).build();
        let wheel = |mouse| action(&state, &Places::default(), &mut Held::default(), mouse, 9, 9);
        assert_eq!(wheel(Mouse::WheelDown), Some(Action::SelectNext));
        assert_eq!(wheel(Mouse::WheelUp), Some(Action::SelectPrevious));
    }
}
