//! One lane per generator of a fleet: how it stands, which share of the load it has, how late it sends, what it has left, how far
//! its clock may be off, when it was lost. Without a fleet there is nothing to show, and the view is not offered.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analysis::validity::SEND_LAG_LIMIT;
use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::State;
use crate::session::state::{Fleet, Generator, GeneratorState};
use crate::tui::chart::{self, GUTTER};
use crate::tui::layout::Frame;
use crate::tui::panels::lanes::{self, Bar};
use crate::tui::scene::Scene;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};
use crate::tui::views::Charts;
use scaletop_units::GeneratorId;

/// The share of the width that lanes have at least, in percent, where facts can be left out.
const LEAST_FOR_LANES: u16 = 25;

/// Rows of a lane at most.
const HIGHEST_LANE: u16 = 3;

/// A column of the facts left of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Id,
    State,
    Share,
    Lag,
    Cpu,
    InFlight,
    ClockError,
    LastLoss,
}

/// Each fact with its heading in two lines and its columns.
const FACTS: [(Fact, [&str; 2], u16); 8] = [
    (Fact::Id, ["", "generator"], 10),
    (Fact::State, ["", "state"], 10),
    (Fact::Share, ["", "share"], 7),
    (Fact::Lag, ["send lag", "p99"], 8),
    (Fact::Cpu, ["", "CPU"], 6),
    (Fact::InFlight, ["in", "flight"], 7),
    (Fact::ClockError, ["clock", "±"], 7),
    (Fact::LastLoss, ["last", "lost"], 10),
];

/// What goes first where there is no room.
const LEFT_OUT: [Fact; 4] = [Fact::InFlight, Fact::Cpu, Fact::ClockError, Fact::Lag];

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Charts {
    let facts = facts_for(screen.body.width);
    let left = facts_width(&facts) - GUTTER;
    let body = screen.body;
    let right = Rect { x: body.x + left, width: body.width.saturating_sub(left), ..body };
    let scene = super::scene(buf, screen.header, right, state, theme);
    let Some(fleet) = state.session().fleet() else {
        let words = "no fleet generates the load: this process does";
        text::put(buf, body.x, body.y, words, usize::from(body.width), scene.style(Role::Label));
        return super::look(buf, Rect { height: 0, ..right }, &scene);
    };
    summary(buf, Rect { height: 1, width: left.saturating_sub(1), ..body }, &scene, fleet);
    chart::rule_labels(buf, Rect { height: 1, ..right }, theme, &scene.events);
    let charts = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..right };
    let rules = Rect { height: charts.height.saturating_sub(1), ..charts };
    chart::rules(buf, rules, theme, &scene.events);
    let times = Rect { y: body.bottom().saturating_sub(1), height: 1, ..right };
    chart::times(buf, times, theme, &scene.axis, &scene.window_label());
    list(buf, Rect { y: body.y + 1, height: body.height.saturating_sub(2), ..body }, &scene, fleet, &facts);
    super::look(buf, charts, &scene)
}

/// `3 live, 1 lost · lost 4 times · 12 unreported`: what the header does not say.
fn summary(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, fleet: &Fleet) {
    let label = scene.style(Role::Label);
    let counts = GeneratorState::ALL.into_iter().filter_map(|state| {
        let count = fleet.generators().filter(|(_, one)| one.state == state).count();
        (count > 0).then(|| format!("{count} {}", state.label()))
    });
    let counts: Vec<_> = counts.collect();
    let counts = if counts.is_empty() { "no generator yet".to_owned() } else { counts.join(", ") };
    let mut pieces = vec![Piece::new(0, counts, scene.style(Role::Title))];
    let lost = match fleet.losses() {
        0 => "none was lost".to_owned(),
        1 => "lost once".to_owned(),
        times => format!("lost {times} times"),
    };
    pieces.push(Piece::new(1, format!("· {lost}"), label));
    text::put_line(buf, area.x, area.y, &text::fit(pieces, usize::from(area.width), 1), usize::from(area.width));
}

fn list(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, fleet: &Fleet, facts: &[(Fact, [&str; 2], u16)]) {
    headings(buf, area, scene, facts);
    let rows = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let lane = Rect { x: area.x + facts_width(facts), width: area.width.saturating_sub(facts_width(facts)), ..rows };
    let all = ordered(fleet);
    let high = (rows.height / u16::try_from(all.len()).unwrap_or(u16::MAX).max(1)).clamp(1, HIGHEST_LANE);
    let fit = usize::from(rows.height / high);
    let hidden = usize::from(all.len() > fit);
    let fit = fit.saturating_sub(hidden);
    let first = scene.state.ui().selected.min(all.len().saturating_sub(fit));
    let visible = &all[first..(first + fit).min(all.len())];
    let busiest = all.iter().flat_map(|(_, one)| one.recent.iter().map(|second| second.sent)).max().unwrap_or(1);
    let total = fleet.recent_due();
    let mut y = rows.y;
    for &(id, one) in visible {
        let mut x = area.x;
        for (fact, _, width) in facts {
            let (words, role) = told(*fact, id, one, total);
            text::put(buf, x, y, words, usize::from(*width), scene.style(role));
            x += width + 1;
        }
        let bars = one.recent.iter().map(|second| {
            let role = match second.lag_p99 {
                _ if second.sent < second.due => Role::Bad,
                Some(lag) if lag > SEND_LAG_LIMIT => Role::P99,
                _ => Role::Responding,
            };
            Bar { second: second.second, count: second.sent, role }
        });
        lanes::bars(buf, Rect { y, height: high, ..lane }, scene, bars, busiest);
        y += high;
    }
    if hidden > 0 && y < area.bottom() {
        let after = all.len() - first - visible.len();
        let (keys, mode) = (&scene.state.ui().keys, KeyMap::mode(scene.state));
        let scroll = keys.either(mode, &[Action::SelectNext, Action::SelectPrevious]);
        let how = scroll.map_or_else(String::new, |keys| format!("; {keys} scrolls"));
        let words = format!("{first} above, {after} below{how}");
        text::put(buf, area.x, y, words, usize::from(facts_width(facts)), scene.style(Role::Label));
    }
}

/// Those that are in trouble first, then those that are live, and at the end those that went; `g2` before `g10`.
fn ordered(fleet: &Fleet) -> Vec<(&GeneratorId, &Generator)> {
    let mut all: Vec<_> = fleet.generators().collect();
    all.sort_by_key(|(id, one)| {
        let rank = match one.state {
            GeneratorState::Suspect | GeneratorState::Lost | GeneratorState::TakenOver => 0,
            GeneratorState::Live => 1,
            GeneratorState::Left => 2,
        };
        let name = id.as_str();
        (rank, name.trim_end_matches(|c: char| c.is_ascii_digit()), name.len(), name)
    });
    all
}

fn headings(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, facts: &[(Fact, [&str; 2], u16)]) {
    let label = scene.style(Role::Label);
    let mut x = area.x;
    for (_, heading, width) in facts {
        for (y, line) in (area.top()..area.bottom()).zip(heading) {
            text::put(buf, x, y, line, usize::from(*width), label);
        }
        x += width + 1;
    }
    if area.height > 1 {
        let sample = |role, name: &str| Piece::new(1, "▆", scene.style(role)).and(format!(" {name}"), label);
        let pieces = vec![
            Piece::new(0, "sent/s", label),
            sample(Role::Responding, "in time"),
            sample(Role::P99, "late"),
            sample(Role::Bad, "not all sent"),
        ];
        let width = usize::from(area.right().saturating_sub(x));
        text::put_line(buf, x, area.y + 1, &text::fit(pieces, width, 2), width);
    }
}

/// The facts for which a lane of some width remains.
fn facts_for(width: u16) -> Vec<(Fact, [&'static str; 2], u16)> {
    let mut facts = FACTS.to_vec();
    if width >= 150 {
        facts[0].2 = 33;
    }
    for left_out in LEFT_OUT {
        if width.saturating_sub(facts_width(&facts)) < width * LEAST_FOR_LANES / 100 {
            facts.retain(|(fact, ..)| *fact != left_out);
        }
    }
    facts
}

/// Their columns; at least those that a chart has left of its plot.
fn facts_width(facts: &[(Fact, [&str; 2], u16)]) -> u16 {
    facts.iter().map(|(_, _, width)| width + 1).sum::<u16>().max(GUTTER)
}

/// A fact of a generator, in words. All that are live were asked for `total` in the last second.
fn told(fact: Fact, id: &GeneratorId, one: &Generator, total: u64) -> (String, Role) {
    let is_live = one.state == GeneratorState::Live;
    let part = one.last.as_ref().filter(|_| is_live).map(|(_, part)| part);
    let plain = |words: Option<String>| (words.unwrap_or_else(|| "–".to_owned()), Role::Text);
    match fact {
        Fact::Id => (id.as_str().to_owned(), if is_live { Role::Title } else { Role::Label }),
        Fact::State => {
            let role = match one.state {
                GeneratorState::Live => Role::Good,
                GeneratorState::Suspect => Role::Warn,
                GeneratorState::Lost | GeneratorState::TakenOver => Role::Bad,
                GeneratorState::Left => Role::Label,
            };
            (one.state.label().to_owned(), role)
        }
        Fact::Share => {
            let due = one.recent.back().filter(|_| is_live && total > 0).map(|second| second.due);
            plain(due.map(|due| text::percent(due as f64 / total as f64)))
        }
        Fact::Lag => {
            let lag = part.and_then(|part| part.lag_p99);
            let is_late = lag.is_some_and(|lag| lag > SEND_LAG_LIMIT);
            (text::latency(lag), if is_late { Role::Warn } else { Role::Text })
        }
        Fact::Cpu => plain(part.and_then(|part| part.cpu_percent).map(|percent| format!("{percent:.0} %"))),
        Fact::InFlight => plain(part.map(|part| text::count(part.in_flight))),
        Fact::ClockError => plain(part.and_then(|part| part.clock_error).map(|error| text::latency(Some(error)))),
        Fact::LastLoss => match (&one.last_loss, one.losses) {
            (None, _) => ("never".to_owned(), Role::Label),
            (Some((at, _)), 1) => (at.to_string(), Role::Warn),
            (Some((at, _)), losses) => (format!("{at} ×{losses}"), Role::Warn),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_leave_room_at_every_width() {
        for width in 60..250 {
            let facts = facts_width(&facts_for(width));
            assert!(width.saturating_sub(facts) >= GUTTER, "{width}: {facts}");
        }
    }
}
