//! One lane per generator of a fleet: how it stands, which share of the load it has, how late it sends, what it has left, how far
//! its clock may be off, when it was lost. Without a fleet there is nothing to show, and the view is not offered.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analysis::validity::SEND_LAG_LIMIT;
use crate::app::state::State;
use crate::session::state::{Fleet, Generator, GeneratorState};
use crate::tui::chart;
use crate::tui::layout::Frame;
use crate::tui::panels::lanes::{self, Bar};
use crate::tui::scene::Scene;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};
use crate::tui::views::Charts;
use crate::tui::views::lane_list::{Column, Facts, HEADINGS, HIGHEST_LANE, Kind, Visible};
use scaletop_units::{Elapsed, GeneratorId};

/// A column of the facts left of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
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
const FACTS: [Column<Fact>; 8] = [
    (Fact::Id, ["", "generator"], 10),
    (Fact::State, ["", "state"], 10),
    (Fact::Share, ["", "share"], 7),
    (Fact::Lag, ["send lag", "p99"], 8),
    (Fact::Cpu, ["", "CPU"], 6),
    (Fact::InFlight, ["in", "flight"], 7),
    (Fact::ClockError, ["clock", "±"], 7),
    (Fact::LastLoss, ["last", "lost"], 10),
];

/// What lanes of generators have.
pub(super) static KIND: Kind<Fact> = Kind {
    facts: &FACTS,
    left_out: &[Fact::InFlight, Fact::Cpu, Fact::ClockError, Fact::Lag],
    least_for_lanes: 25,
    long_name: (150, 33),
    bars: ("sent/s", [(Role::Responding, "in time"), (Role::P99, "late"), (Role::Bad, "not all sent")]),
};

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Charts {
    let body = screen.body;
    let facts = KIND.within(body.width);
    let right = facts.chart(body);
    let scene = super::scene(buf, screen.header, right, state, theme);
    let Some(fleet) = state.session().fleet() else {
        let words = "no fleet generates the load: this process does";
        text::put(buf, body.x, body.y, words, usize::from(body.width), scene.style(Role::Label));
        return super::look(buf, Rect { height: 0, ..right }, &scene);
    };
    summary(buf, Rect { height: 1, width: (right.x - body.x).saturating_sub(1), ..body }, &scene, fleet);
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

fn list(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, fleet: &Fleet, facts: &Facts<Fact>) {
    facts.headings(buf, area, scene);
    let rows = Rect { y: area.y + HEADINGS, height: area.height.saturating_sub(HEADINGS), ..area };
    let lane = facts.lane(rows);
    let all = ordered(fleet);
    let high = (rows.height / u16::try_from(all.len()).unwrap_or(u16::MAX).max(1)).clamp(1, HIGHEST_LANE);
    let visible = Visible::of(&all, rows.height, high, scene);
    let busiest = all.iter().flat_map(|(_, one)| one.recent.iter().map(|second| second.sent)).max().unwrap_or(1);
    let total = fleet.recent_due();
    let mut y = rows.y;
    for &(id, one) in visible.items {
        facts.row(buf, (area.x, y), scene, |fact, _| told(fact, id, one, total));
        let bars = one.recent.iter().map(|second| {
            let role = match second.lag_p99 {
                _ if second.sent < second.due => Role::Bad,
                Some(lag) if lag > SEND_LAG_LIMIT => Role::P99,
                _ => Role::Responding,
            };
            Bar { second: second.second, count: second.sent, role }
        });
        let lane = Rect { y, height: high, ..lane };
        lanes::bars(buf, lane, scene, bars, busiest);
        losses(buf, lane, scene, one);
        y += high;
    }
    if y < area.bottom() {
        visible.say_hidden(buf, (area.x, y), facts.width(), scene);
    }
}

/// Where it was lost: `✕`, and where it sends nothing since, the moment: `✕ 1:23`.
fn losses(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, one: &Generator) {
    let is_back = |at: Elapsed| one.recent.back().is_some_and(|last| last.second > at.second());
    for &at in &one.lost_at {
        let Some(x) = scene.axis.cell(at).and_then(|cell| u16::try_from(cell).ok()).filter(|x| *x < area.width) else {
            continue;
        };
        let words = if is_back(at) { "✕".to_owned() } else { format!("✕ {at}") };
        let room = usize::from(area.width - x);
        text::put(buf, area.x + x, area.bottom() - 1, text::shown(&words, room), room, scene.style(Role::Bad));
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
