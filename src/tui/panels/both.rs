//! What is known of two targets at the moment that is looked at, side by side, with the difference: the facts of the overview of
//! two. Where there is room, the totals of the session and what the platforms say follow.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::instances::{Basis, count_at};
use crate::session::state::Session;
use crate::timeline::Row;
use crate::tui::panels::charts::basis_look;
use crate::tui::panels::header;
use crate::tui::scene::Scene;
use crate::tui::text;
use crate::tui::theme::Role;
use scaletop_load::OutcomeKind;
use scaletop_units::Elapsed;

/// Columns that it takes, with the line at its left.
pub(crate) const WIDTH: u16 = NAME + 2 * VALUE + DELTA + INSET;

/// Columns of a name, a value, a difference, and of what stands before them.
const NAME: u16 = 13;
const VALUE: u16 = 9;
const DELTA: u16 = 10;
const INSET: u16 = 3;

/// How a value is written.
#[derive(Clone, Copy)]
enum Form {
    PerSecond,
    Count,
    /// Of seconds.
    Latency,
    /// Of one.
    Share,
}

impl Form {
    fn say(self, value: f64) -> String {
        match self {
            Self::PerSecond => text::per_second(Some(value)),
            Self::Count => text::count(text::whole(value)),
            Self::Latency => text::latency(Duration::try_from_secs_f64(value).ok()),
            Self::Share => text::percent(value),
        }
    }

    /// `+12`, `−3`, `0`; nothing is said where one of the two is not known.
    fn difference(self, [first, second]: [Option<f64>; 2]) -> String {
        let (Some(first), Some(second)) = (first, second) else { return "–".to_owned() };
        let delta = second - first;
        let said = self.say(delta.abs());
        match delta {
            _ if said == self.say(0.0) => "0".to_owned(),
            delta if delta < 0.0 => format!("−{said}"),
            _ => format!("+{said}"),
        }
    }
}

/// A value of both targets.
struct Fact {
    name: &'static str,
    form: Form,
    role: Role,
    values: [Option<f64>; 2],
}

/// What is known of one target at a moment.
struct Moment<'a> {
    session: &'a Session,
    row: Option<&'a Row>,
}

impl Moment<'_> {
    fn of<'a>(scene: &Scene<'a>) -> Moment<'a> {
        Moment { session: scene.session(), row: scene.row }
    }

    fn rate(&self, count: impl Fn(&Row) -> u64) -> Option<f64> {
        self.row.map(|row| count(row) as f64 / f64::from(row.span.max(1)))
    }

    fn failing(&self) -> Option<f64> {
        let row = self.row.filter(|row| row.outcomes.total() > 0)?;
        Some(row.outcomes.failed() as f64 / row.outcomes.total() as f64)
    }

    fn latency(&self, of: impl Fn(&Row) -> Option<Duration>) -> Option<f64> {
        Some(of(self.row?)?.as_secs_f64())
    }

    fn counted(&self, basis: Basis) -> Option<f64> {
        let second = self.row?.second;
        count_at(self.session.observations().get(&basis)?, second).map(f64::from)
    }
}

/// The values at the moment that is looked at, the most telling first. What neither target knows is left out.
fn now(scenes: &[Scene<'_>; 2]) -> Vec<Fact> {
    let moments = [Moment::of(&scenes[0]), Moment::of(&scenes[1])];
    let fact = |name, form, role, of: &dyn Fn(&Moment<'_>) -> Option<f64>| {
        let values = [of(&moments[0]), of(&moments[1])];
        Fact { name, form, role, values }
    };
    let (ok, failed) = (|row: &Row| row.outcomes.get(OutcomeKind::Ok), |row: &Row| row.outcomes.failed());
    let first = [
        fact("ok/s", Form::PerSecond, Role::Ok, &|at| at.rate(ok)),
        fact("failing", Form::Share, Role::Bad, &|at| at.failing()),
        fact("p99", Form::Latency, Role::P99, &|at| at.latency(|row| Some(row.ok?.p99))),
        fact("responding", Form::Count, Role::Responding, &|at| at.row?.responding.map(f64::from)),
    ];
    let counted = Basis::COUNTED
        .into_iter()
        .map(|basis| fact(basis.short(), Form::Count, basis_look(basis).0, &|at| at.counted(basis)));
    let more = [
        fact("needed", Form::Count, Role::Needed, &|at| at.row?.needed.map(f64::from)),
        fact("oldest", Form::Latency, Role::Oldest, &|at| at.latency(|row| row.oldest_in_flight)),
        fact("in flight", Form::Count, Role::Text, &|at| at.row.map(|row| row.in_flight as f64)),
        fact("sent/s", Form::PerSecond, Role::Sent, &|at| at.rate(|row| row.sent)),
        fact("failed/s", Form::PerSecond, Role::Bad, &|at| at.rate(failed)),
        fact("p50", Form::Latency, Role::P50, &|at| at.latency(|row| Some(row.ok?.p50))),
    ];
    let all = first.into_iter().chain(counted).chain(more);
    all.filter(|fact| fact.values.iter().any(Option::is_some)).collect()
}

/// The same of the whole session so far.
fn totals(scenes: &[Scene<'_>; 2]) -> Vec<Fact> {
    let fact = |name, form, role, of: &dyn Fn(&Session) -> Option<f64>| Fact {
        name,
        form,
        role,
        values: [of(scenes[0].session()), of(scenes[1].session())],
    };
    let quantile = |session: &Session, q| session.totals().ok.quantile(q).map(|found| found.as_secs_f64());
    vec![
        fact("due", Form::Count, Role::Text, &|session| Some(session.totals().due as f64)),
        fact("ok", Form::Count, Role::Ok, &|session| Some(session.totals().outcomes.get(OutcomeKind::Ok) as f64)),
        fact("failed", Form::Count, Role::Bad, &|session| Some(session.totals().outcomes.failed() as f64)),
        fact("dropped", Form::Count, Role::Dropped, &|session| Some(session.totals().dropped() as f64)),
        fact("p50", Form::Latency, Role::P50, &|session| quantile(session, 0.5)),
        fact("p99", Form::Latency, Role::P99, &|session| quantile(session, 0.99)),
        fact("instances", Form::Count, Role::Text, &|session| Some(session.tracks().len() as f64)),
    ]
}

/// Writes lines from the top of an area.
struct Lines<'a, 'b> {
    buf: &'a mut Buffer,
    area: Rect,
    scene: &'a Scene<'b>,
    y: u16,
}

impl Lines<'_, '_> {
    fn put(&mut self, x: u16, words: &str, width: u16, role: Role) {
        let room = width.min(self.area.width.saturating_sub(x));
        if self.y < self.area.bottom() && room > 0 {
            let words = text::shown(words, usize::from(room));
            text::put(self.buf, self.area.x + x, self.y, words, usize::from(room), self.scene.style(role));
        }
    }

    /// `words` right-aligned in the `width` columns from `x` on.
    fn right(&mut self, x: u16, words: &str, width: u16, role: Role) {
        self.put(x + width.saturating_sub(text::columns(words)), words, width, role);
    }

    fn heading(&mut self, title: &str) {
        self.put(0, title, NAME, Role::Key);
        for (x, words, width) in [(NAME, "A", VALUE), (NAME + VALUE, "B", VALUE), (NAME + 2 * VALUE, "B − A", DELTA)]
        {
            self.right(x, words, width, Role::Label);
        }
        self.y += 1;
    }

    fn fact(&mut self, fact: &Fact) {
        self.put(0, fact.name, NAME, Role::Label);
        for (x, value) in [NAME, NAME + VALUE].into_iter().zip(fact.values) {
            // Nothing is wrong where nothing failed.
            let role = if fact.role == Role::Bad && value == Some(0.0) { Role::Text } else { fact.role };
            let words = value.map_or_else(|| "–".to_owned(), |value| fact.form.say(value));
            self.right(x, &words, VALUE, role);
        }
        self.right(NAME + 2 * VALUE, &fact.form.difference(fact.values), DELTA, Role::Title);
        self.y += 1;
    }

    fn pair(&mut self, name: &str, value: &str, role: Role) {
        self.put(0, name, NAME - 1, Role::Label);
        self.put(NAME, value, self.area.width.saturating_sub(NAME), role);
        self.y += 1;
    }
}

/// Draws the facts of both; what has no room is left out from below.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, scenes: &[Scene<'_>; 2]) {
    if area.width < WIDTH || area.height == 0 {
        return;
    }
    for y in area.top()..area.bottom() {
        text::glyph(buf, area.x + 1, y, "│", scenes[0].style(Role::Faint));
    }
    let area = Rect { x: area.x + INSET, width: area.width - INSET, ..area };
    let mut lines = Lines { buf, area, scene: &scenes[0], y: area.y };
    let at = scenes.iter().find_map(|scene| scene.row).map(|row| Elapsed::from_secs(row.second.into()));
    lines.heading(&at.map_or_else(|| "Now".to_owned(), |at| format!("At {at}")));
    for fact in now(scenes) {
        lines.fact(&fact);
    }
    lines.y += 1;
    lines.heading("Session");
    for fact in totals(scenes) {
        lines.fact(&fact);
    }
    let state = scenes[0].state;
    let now = state.now().max(state.halves().now());
    for (scene, others) in scenes.iter().zip([1, 0]) {
        lines.y += 1;
        // What is left is shared by those that are still to come.
        let rows = area.bottom().saturating_sub(lines.y) / (others + 1);
        lines.put(0, &state.halves().name(scene.side), area.width, Role::Key);
        lines.y += 1;
        for (name, value, role) in service(scene.session(), now).into_iter().take(usize::from(rows.saturating_sub(1))) {
            lines.pair(&name, &value, role);
        }
    }
}

/// What is asked for, by which objective, what the platform says, how its sources are.
fn service(session: &Session, now: Elapsed) -> Vec<(String, String, Role)> {
    let settings = &session.header().settings;
    let told = |name: &str, value: String| (name.to_owned(), value, Role::Text);
    let mut all = vec![
        told("request", format!("{} {}", settings.method, settings.url)),
        told("objective", session.objective().to_string()),
    ];
    let sources = session.feeds().iter().map(|(source, feed)| {
        let (role, words) = header::feed_words(feed, now);
        (source.clone(), words, role)
    });
    all.extend(sources);
    all.extend(session.facts().values().map(|fact| told(fact.label(), fact.worded())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_its_sign_and_none_where_one_is_not_known() {
        assert_eq!(Form::PerSecond.difference([Some(243.0), Some(590.0)]), "+347");
        assert_eq!(Form::Latency.difference([Some(0.5), Some(0.08)]), "−420 ms");
        assert_eq!(Form::Count.difference([Some(5.0), Some(5.0)]), "0");
        assert_eq!(Form::Share.difference([None, Some(0.5)]), "–");
    }
}
