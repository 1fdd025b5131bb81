//! What every chart of the page shares: the time axis, and where steps begin and marks stand.

use maud::{Markup, html};

use crate::chart::ticks;
use crate::report::ink::ink;
use crate::report::plot::{Frame, WIDTH};
use crate::report::shown;
use crate::session::state::Session;
use crate::text::{clean_to, plain};

/// Marks beyond these are left out of the charts; they are all in `events.csv`.
const MOST_MARKS: usize = 100;

/// Lines of the time axis, and their labels below the last chart.
pub(crate) fn time_grid(frame: Frame, seconds: f64, bottom: f64, labels: bool) -> Markup {
    html! {
        @for second in ticks::times(seconds) {
            @let x = place(frame.x(second));
            line.grid stroke=(ink("faint")) x1=(x) x2=(x) y1=(place(frame.top)) y2=(place(bottom)) {}
            @if labels {
                text.tick.x.last[frame.x(second) > WIDTH - 14.0] fill=(ink("soft")) font-size="11" text-anchor=(anchor(frame.x(second))) x=(x) y=(place(bottom + 15.0)) { (clock(second)) }
            }
        }
    }
}

/// Where steps begin and marks stand.
pub(crate) fn moments(session: &Session, frame: Frame, bottom: f64, named: bool) -> Markup {
    html! {
        @for report in session.steps() {
            @let x = place(frame.x(report.step.start.as_secs_f64()));
            line.stepline stroke=(ink("soft")) stroke-opacity=".55" x1=(x) x2=(x) y1=(place(frame.top)) y2=(place(bottom)) {}
            @if named {
                text.stepname fill=(ink("soft")) font-size="10" x=(x) dx="3" y=(place(frame.top + 9.0)) { (report.step.id) }
            }
        }
        @for (at, text) in session.marks().iter().take(MOST_MARKS) {
            @let x = place(frame.x(at.as_secs_f64()));
            line.mark stroke=(ink("mark")) stroke-dasharray="2 3" x1=(x) x2=(x) y1=(place(frame.top)) y2=(place(bottom)) {
                title { (shown(text)) }
            }
        }
        @for (x, text) in mark_names(session, frame).into_iter().filter(|_| named) {
            text.markname fill=(ink("mark")) font-size="10" x=(place(x)) dx="3" y=(place(frame.top + 20.0)) { (text) }
        }
    }
}

/// How the label of a moment stands to its place: the last one must not leave the picture.
pub(crate) fn anchor(x: f64) -> &'static str {
    if x > WIDTH - 14.0 { "end" } else { "middle" }
}

/// The names of marks that have room before the next one.
fn mark_names(session: &Session, frame: Frame) -> Vec<(f64, String)> {
    let mut names: Vec<(f64, String)> = Vec::new();
    for (at, text) in session.marks().iter().take(MOST_MARKS) {
        let (x, text) = (frame.x(at.as_secs_f64()), clean_to(text, 24));
        if names.last().is_none_or(|(before, name)| x - before > 7.0 * name.chars().count() as f64) {
            names.push((x, text));
        }
    }
    names
}

/// A place with a tenth of a unit.
pub(crate) fn place(value: f64) -> String {
    plain((value * 10.0).round() / 10.0)
}

/// `1:05`, `1:02:05`.
pub(crate) fn clock(seconds: f64) -> String {
    scaletop_units::Elapsed::from_millis({
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a session")]
        let millis = (seconds * 1e3) as u64;
        millis
    })
    .to_string()
}
