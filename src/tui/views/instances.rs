//! One lane per instance: when it came and how long that took, how slow its first answers were, what share it gets, how fast it
//! is, when it went. Those that are gone are one line, until Enter unfolds it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::{Gone, State};
use crate::session::history::{is_gone, was_gone};
use crate::session::state::{Came, InstanceTrack};
use crate::tui::chart;
use crate::tui::layout::Frame;
use crate::tui::panels::{charts, lanes};
use crate::tui::scene::Scene;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};
use crate::tui::views::Charts;
use crate::tui::views::lane_list::{Column, Facts, HEADINGS, HIGHEST_LANE, Kind, Visible};
use scaletop_units::Elapsed;

/// A column of the facts left of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Id,
    FirstSeen,
    /// From what asked for it to its first answer.
    Came,
    /// By how much its first answers were slower than its later ones.
    FirstAnswers,
    Share,
    P99,
    Errors,
    Answers,
}

/// Each fact with its heading in two lines and its columns.
const FACTS: [Column<Fact>; 8] = [
    (Fact::Id, ["", "instance"], 10),
    (Fact::FirstSeen, ["first", "seen"], 7),
    (Fact::Came, ["came after, and", "after how long"], 16),
    (Fact::FirstAnswers, ["extra latency of", "its first answers"], 17),
    (Fact::Share, ["", "share"], 7),
    (Fact::P99, ["", "p99"], 7),
    (Fact::Errors, ["", "errors"], 7),
    (Fact::Answers, ["", "answers"], 9),
];

/// What is not said by a heading alone.
const MEANINGS: [&str; 2] = [
    "came after, and after how long: the decision that asked for it, or the start of the step where no platform tells of one, or the last \
     answer of the one that it replaces; to when the first request that it answered OK was due",
    "extra latency of its first answers: by how much they were slower than its later ones; the start of the instance itself is over by then",
];

/// What lanes of instances have.
pub(super) static KIND: Kind<Fact> = Kind {
    facts: &FACTS,
    left_out: &[Fact::Answers, Fact::P99, Fact::FirstSeen, Fact::FirstAnswers, Fact::Errors, Fact::Share],
    least_for_lanes: 40,
    long_name: (170, 24),
    bars: (
        "answers/s",
        [(Role::Responding, "fast"), (Role::P99, "p99 over the objective"), (Role::Bad, "with errors")],
    ),
};

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Charts {
    let scene = super::scene(buf, screen.header, columns(screen.body), state, theme);
    within(buf, screen.body, &scene)
}

/// The columns of the chart, which stands above the lanes, so that both share them and the step lines; left of them are the facts.
pub(crate) fn columns(area: Rect) -> Rect {
    KIND.within(area.width).chart(area)
}

/// Draws the instances of one target, for whose [`columns`] the scene is.
pub(crate) fn within(buf: &mut Buffer, body: Rect, scene: &Scene<'_>) -> Charts {
    let theme = scene.theme;
    let (facts, right) = (KIND.within(body.width), columns(body));
    let left = right.x - body.x;
    let list = List::of(scene);
    let (chart_height, lane_height) = list.heights(body.height);
    chart::rule_labels(buf, Rect { height: 1, ..right }, theme, &scene.events);
    chart::rules(buf, Rect { y: right.y + 1, height: right.height.saturating_sub(1), ..right }, theme, &scene.events);
    let chart_area = Rect { height: chart_height, y: body.y + 1, ..right };
    charts::instances(buf, chart_area, scene);
    let times = Rect { y: chart_area.bottom(), height: 1, ..right };
    chart::times(buf, times, theme, &scene.axis, &scene.window_label());
    spread(buf, Rect { width: left, height: chart_height + 2, ..body }, scene);
    let rest = Rect { y: times.bottom(), height: body.bottom().saturating_sub(times.bottom()), ..body };
    list.draw(buf, rest, scene, &facts, lane_height);
    let all = Rect { y: chart_area.y, height: body.bottom().saturating_sub(chart_area.y), ..right };
    super::look(buf, all, scene)
}

/// How many there are, and whether the load is spread over them.
fn spread(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let session = &scene.session();
    let alive = answering(scene);
    let mut lines = vec![("Seen in answers".to_owned(), Role::Title), (seen_in_words(scene), Role::Text)];
    let width = usize::from(area.width.saturating_sub(1));
    match session.pinning(scene.axis.end()) {
        Some(pinning) => {
            let words =
                format!("▲ pinned: {pinning}. kept connections stay where they are, or the balancer prefers some");
            lines.extend(text::wrap(&words, width, 4).into_iter().map(|line| (line, Role::Bad)));
        }
        None if alive.is_some_and(|alive| alive > 1) => lines.push(("the load is spread".to_owned(), Role::Good)),
        None => {}
    }
    lines.push((String::new(), Role::Label));
    for meaning in MEANINGS {
        lines.extend(text::wrap(meaning, width, 4).into_iter().map(|line| (line, Role::Label)));
    }
    for (y, (line, role)) in (area.top()..area.bottom()).zip(lines) {
        text::put(buf, area.x, y, line, width, scene.style(role));
    }
}

/// How many answer at the moment that is looked at: the count of the chart's title, and of its line.
fn answering(scene: &Scene<'_>) -> Option<usize> {
    scene.row?.responding.and_then(|count| usize::try_from(count).ok())
}

/// `5 answering, 1 silent, 2 gone`: who is not counted as answering is gone after some seconds.
fn seen_in_words(scene: &Scene<'_>) -> String {
    let session = scene.session();
    let at = scene
        .row
        .map_or(scene.axis.end(), |row| Elapsed::from_secs(u64::from(row.second) + u64::from(row.span.max(1))));
    let seen: Vec<_> = session.tracks().iter().filter(|track| track.first < at).collect();
    let gone = seen.iter().filter(|track| was_gone(session, track, at)).count();
    let alive = answering(scene);
    // An instance may be counted a little longer than it answers, where answers are few.
    let gone = gone.min(seen.len() - alive.unwrap_or(0).min(seen.len()));
    let silent = seen.len() - gone - alive.unwrap_or(0).min(seen.len() - gone);
    let answering = alive.map_or_else(|| "nobody answers".to_owned(), |alive| format!("{alive} answering"));
    match (silent, gone) {
        (0, gone) => format!("{answering}, {gone} gone"),
        (silent, 0) => format!("{answering}, {silent} silent"),
        (silent, gone) => format!("{answering}, {silent} silent, {gone} gone"),
    }
}

/// The instances in their order: those that answer first, by their birth; then those that are gone, the last gone first.
struct List<'a> {
    tracks: Vec<&'a InstanceTrack>,
    alive: usize,
    is_unfolded: bool,
}

impl<'a> List<'a> {
    fn of(scene: &Scene<'a>) -> Self {
        let session = scene.session();
        let mut tracks: Vec<&InstanceTrack> = session.tracks().iter().collect();
        tracks.sort_by_key(|track| {
            let gone = is_gone(session, track.last);
            (gone, if gone { u64::MAX - track.last.as_nanos() } else { track.first.as_nanos() })
        });
        let alive = tracks.iter().filter(|track| !is_gone(session, track.last)).count();
        Self { tracks, alive, is_unfolded: scene.state.ui().gone == Gone::Unfolded }
    }

    fn shown(&self) -> &[&'a InstanceTrack] {
        if self.is_unfolded { &self.tracks } else { &self.tracks[..self.alive] }
    }

    fn gone(&self) -> &[&'a InstanceTrack] {
        &self.tracks[self.alive..]
    }

    /// The heights of the chart and of a lane: lanes grow first, the chart has what is left.
    fn heights(&self, body: u16) -> (u16, u16) {
        let least = (body / 3).clamp(4, 12);
        let lanes = u16::try_from(self.shown().len()).unwrap_or(u16::MAX).max(1);
        // The rules above the chart, the times below it, two lines of headings, the line of those that are gone.
        let others = 4 + u16::from(!self.gone().is_empty());
        let high = (body.saturating_sub(least + others) / lanes).clamp(1, HIGHEST_LANE);
        (body.saturating_sub(others.saturating_add(lanes.saturating_mul(high))).max(least), high)
    }

    fn draw(&self, buf: &mut Buffer, area: Rect, scene: &Scene<'_>, facts: &Facts<Fact>, high: u16) {
        let session = &scene.session();
        let at = scene.axis.end();
        if self.tracks.is_empty() {
            let header = &session.header().settings.instance_header;
            let words = format!("no answer has named its instance yet (response header {})", text::shown(header, 40));
            text::put(buf, area.x, area.y, words, usize::from(area.width), scene.style(Role::Label));
            return;
        }
        facts.headings(buf, area, scene);
        let fold = u16::from(!self.gone().is_empty());
        let rows = Rect { y: area.y + HEADINGS, height: area.height.saturating_sub(HEADINGS + fold), ..area };
        let lane = facts.lane(rows);
        let shown = self.shown();
        let visible = Visible::of(shown, rows.height, high, scene);
        let total: u64 = self.tracks.iter().map(|track| track.recent_requests(at)).sum();
        let busiest = lanes::busiest(shown);
        let came = session.came(visible.items.iter().copied());
        let mut y = rows.y;
        for (track, came) in visible.items.iter().zip(came) {
            facts.row(buf, (area.x, y), scene, |fact, width| told(fact, width, (track, came), (scene, total)));
            lanes::lane(buf, Rect { y, height: high, ..lane }, scene, track, busiest);
            lanes::birth(buf, Rect { y, height: 1, ..lane }, scene, track, None);
            y += high;
        }
        if y < area.bottom() && visible.say_hidden(buf, (area.x, y), facts.width(), scene) {
            y += 1;
        }
        if fold > 0 && y < area.bottom() {
            self.fold(buf, Rect { y, height: 1, ..area }, scene);
        }
    }

    /// `3 gone: i-7f3a, i-21c0, i-b94e  Enter unfolds`.
    fn fold(&self, buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let label = scene.style(Role::Label);
        let gone = self.gone();
        let mut pieces = vec![Piece::new(0, format!("{} gone", gone.len()), scene.style(Role::Text))];
        if !self.is_unfolded {
            let ids: Vec<_> = gone.iter().map(|track| track.id.shortened(14)).collect();
            pieces[0] = Piece::new(0, format!("{} gone: ", gone.len()), scene.style(Role::Text))
                .and(text::shown(&ids.join(", "), usize::from(area.width / 2)), label);
        }
        let does = if self.is_unfolded { "folds them" } else { "unfolds them" };
        pieces.push(Piece::new(1, "Enter", scene.style(Role::Key)).and(format!(" {does}"), label));
        text::put_line(buf, area.x, area.y, &text::fit(pieces, usize::from(area.width), 2), usize::from(area.width));
    }
}

/// A fact of an instance, in words. Of the answers of the last seconds there were `total`.
fn told(
    fact: Fact,
    width: usize,
    (track, came): (&InstanceTrack, Option<Came>),
    (scene, total): (&Scene<'_>, u64),
) -> (String, Role) {
    let session = scene.session();
    let gone = is_gone(session, track.last);
    let or_none = |words: Option<String>| words.unwrap_or_else(|| "–".to_owned());
    match fact {
        Fact::Id => (track.id.shortened(width), if gone { Role::Label } else { Role::Title }),
        Fact::FirstSeen => (track.first_ok.unwrap_or(track.first).to_string(), Role::Label),
        Fact::Came => (or_none(came.map(|came| came.words())), Role::Text),
        Fact::FirstAnswers => {
            (or_none(track.cold_start.map(|extra| format!("+{}", text::latency(Some(extra))))), Role::Text)
        }
        Fact::Share if gone => ("gone".to_owned(), Role::Label),
        Fact::Share if total == 0 => ("–".to_owned(), Role::Label),
        Fact::Share => (text::percent(track.recent_requests(scene.axis.end()) as f64 / total as f64), Role::Text),
        Fact::P99 => {
            let p99 = track.response.quantile(0.99);
            let is_over = p99.is_some_and(|p99| p99 > session.objective().latency);
            (text::latency(p99), if is_over { Role::Bad } else { Role::Text })
        }
        Fact::Errors => {
            let failed = track.requests.saturating_sub(track.ok);
            (text::count(failed), if failed > 0 { Role::Bad } else { Role::Label })
        }
        Fact::Answers => (text::count(track.requests), Role::Label),
    }
}
