//! The header: what is measured, at which rate, how that is going, whether the generator can be believed.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::analysis::health;
use crate::app::player::Player;
use crate::app::state::{Lifecycle, State, View};
use crate::instances::Feed;
use crate::session::standing::{Standing, standing};
use crate::session::state::Session;
use crate::tui::panels::{fleet, sides};
use crate::tui::scene::{self, Scene};
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;
use scaletop_load::OutcomeKind;
use scaletop_units::Elapsed;

/// Columns below which a URL is left out rather than cut.
const URL_AT_LEAST: usize = 40;

/// Columns of a fact, a reason or a folder on a line of the header, and how many parts of a wide line they may take.
const FACT_AT_LEAST: usize = 30;
const REASON_AT_LEAST: usize = 90;
const FOLDER_AT_LEAST: usize = 70;

/// As wide as what stands before the words of a verdict.
const BELOW: &str = "   ";

/// Columns of the views by their first letters.
const SHORT_TABS: usize = 19;

/// Draws the header into two lines or more.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let width = usize::from(area.width);
    let height = area.height - u16::from(has_two(scene) || fleet::has_one(scene));
    if has_two(scene) {
        sides::draw(buf, Rect { y: area.y + height, height: 1, ..area }, scene);
    }
    if fleet::has_one(scene) {
        fleet::draw(buf, Rect { y: area.y + height, height: 1, ..area }, scene);
    }
    let area = Rect { height, ..area };
    let (identity, rest) = identity(scene, width);
    // With two targets their line says how each stands, and where that has no room, too, it goes on here.
    let rests = if has_two(scene) { sides::rests(scene, area.width) } else { rest.into_iter().collect() };
    let mut lines = vec![identity, load(scene, width, height <= 2, &rests)];
    if height > 2 {
        lines.push(surroundings(scene, width));
    }
    for (row, line) in (area.top()..area.bottom()).zip(lines) {
        text::put_line(buf, area.x, row, &line, usize::from(area.width));
    }
}

/// Whether it is about two targets: what is of one of them stands in a line of its own.
fn has_two(scene: &Scene<'_>) -> bool {
    scene.state.halves().second().is_some()
}

/// `✕ MISSED 9 s: …  demo  http://…   Overview …   LIVE  4:32`, and how the verdict goes on where it does not fit.
fn identity(scene: &Scene<'_>, width: usize) -> (Line<'static>, Option<Rest>) {
    let (state, settings) = (scene.state, &scene.state.session().header().settings);
    let (words, role) = verdict(scene, state.session());
    let mut right = if let Some(player) = state.player() {
        replay(scene, player)
    } else {
        let (phase, role) = phase(state);
        let now = state.now().max(state.session().now());
        vec![Piece::new(0, phase, scene.style(role)), Piece::new(0, now.to_string(), scene.style(Role::Title))]
    };
    let wanted = |right: &[Piece]| right.iter().map(|piece| piece.width() + 2).sum::<usize>() + SHORT_TABS + 2;
    let said = if has_two(scene) { 0 } else { usize::from(text::columns(&words)) };
    // That it is the past stays, or that it plays.
    while state.player().is_some() && right.len() > 2 && said + wanted(&right) > width {
        // How it stands says more than a time that the bar has, too.
        right.pop();
    }
    let right = text::fit(right, width, 2);
    let left_width = width.saturating_sub(right.width() + 2);
    if has_two(scene) {
        let what = Piece::new(2, " two targets, the same arrivals", scene.style(Role::Label));
        let all = tabs(scene, width);
        let tabs = if all.width() > left_width { short_tabs(scene) } else { all };
        return (spread(text::fit(vec![what, tabs], left_width, 2), right, width), None);
    }
    let mut tabs = tabs(scene, width);
    if left_width < tabs.width() + usize::from(text::columns(&words)) + 2 && width < 100 {
        tabs = short_tabs(scene);
    }
    // What is wrong has the line, where it needs it, but for the views.
    let room = if is_wrong(role) { left_width.saturating_sub(tabs.width() + 2) } else { left_width / 2 };
    let (words, rest) = if is_wrong(role) { broken(&words, room) } else { (text::shown(&words, room), None) };
    let mut left = vec![Piece::new(0, words, scene.style(role))];
    // What the verdict and the views leave, with the gaps before and after.
    let free = left_width.saturating_sub(left[0].width() + tabs.width() + 4);
    let has_url = !settings.url.is_empty() && settings.url != settings.target;
    let most = if has_url { free / 2 } else { free };
    let target = text::shown(&settings.target, most.max(left_width / 3).max(8));
    let left_over = free.saturating_sub(usize::from(text::columns(&target)) + 2);
    left.push(Piece::new(2, target, scene.style(Role::Title)));
    if has_url {
        // Cut where it does not fit, but not to a stump that says nothing.
        let url = text::shown(&format!("{} {}", settings.method, settings.url), left_over.max(URL_AT_LEAST));
        left.push(Piece::new(3, url, scene.style(Role::Label)));
    }
    left.push(tabs);
    (spread(text::fit(left, left_width, 2), right, width), rest.map(|words| Rest { words, role }))
}

/// Whether a verdict tells of something that is wrong.
pub(crate) fn is_wrong(role: Role) -> bool {
    matches!(role, Role::Bad | Role::Warn)
}

/// How a verdict goes on that has no room in its line.
pub(crate) struct Rest {
    pub(crate) words: String,
    pub(crate) role: Role,
}

/// A verdict in `room` columns; what has no room in them goes on elsewhere, in whole words.
pub(crate) fn broken(words: &str, room: usize) -> (String, Option<String>) {
    let words = text::shown(words, words.len());
    if usize::from(text::columns(&words)) <= room {
        return (words, None);
    }
    let first =
        text::wrap(words.trim_start(), room.saturating_sub(1), usize::MAX).into_iter().next().unwrap_or_default();
    match words.trim_start().strip_prefix(first.as_str()) {
        Some(rest) => (format!(" {first}"), Some(rest.trim_start().to_owned())),
        // A word that is longer than the line: it is cut.
        None => (text::shown(&words, room), None),
    }
}

/// A line of what stands at the left and what stands at the right.
fn spread(mut line: Line<'static>, right: Line<'static>, width: usize) -> Line<'static> {
    let fill = width.saturating_sub(line.width() + right.width());
    line.push_span(" ".repeat(fill));
    line.spans.extend(right.spans);
    line
}

/// How a target stands at the moment that is looked at.
pub(crate) fn verdict(scene: &Scene<'_>, session: &Session) -> (String, Role) {
    let state = scene.state;
    let at = if state.ui().range.is_past() {
        // The second under the cursor is part of it.
        let edge = Elapsed::from_secs(state.shown().end.into());
        state.ui().range.cursor.map_or(edge, |cursor| (cursor + Duration::from_secs(1)).min(session.now()))
    } else {
        state.now().max(session.now())
    };
    let standing = standing(session, at);
    let (sign, role) = match standing {
        Standing::NothingSent | Standing::NoLoad | Standing::Open { .. } => ("·", Role::Label),
        Standing::Held => ("●", Role::Good),
        Standing::Missed { .. } | Standing::NoneOk { .. } => ("✕", Role::Bad),
        Standing::Generator { .. } | Standing::LoadHeld { .. } => ("▲", Role::Warn),
    };
    (format!(" {sign} {}", standing.words(at)), role)
}

/// The views, the one on screen highlighted.
fn tabs(scene: &Scene<'_>, width: usize) -> Piece {
    let shown = scene.state.ui().view;
    let mut piece = Piece::new(1, "", scene.style(Role::Label));
    for view in View::offered(scene.state.halves()) {
        let role = if view == shown { Role::Selected } else { Role::Label };
        // On a narrow screen the others are there by their first letters.
        let title = view.title();
        let title = if width < 100 && view != shown { &title[..3] } else { title };
        piece = piece.and(format!(" {title} "), scene.style(role));
    }
    piece
}

/// The views by their first letters, the one on screen highlighted.
fn short_tabs(scene: &Scene<'_>) -> Piece {
    let shown = scene.state.ui().view;
    let offered = View::offered(scene.state.halves());
    offered.iter().fold(Piece::new(1, "", scene.style(Role::Label)), |piece, &view| {
        let role = if view == shown { Role::Selected } else { Role::Label };
        piece
            .and(&view.title()[..3], scene.style(role))
            .and(if Some(&view) == offered.last() { "" } else { " " }, scene.style(Role::Label))
    })
}

/// `◀ PAST 0:35`: what is looked at, when that is the past.
fn past(state: &State) -> Option<String> {
    let range = &state.ui().range;
    let at = range.cursor.unwrap_or(Elapsed::from_secs(state.shown().end.into()));
    range.is_past().then(|| format!("◀ PAST {at}"))
}

/// How the session is going, in a word; what is looked at, when that is the past.
fn phase(state: &State) -> (String, Role) {
    if let Some(past) = past(state) {
        return (past, Role::Warn);
    }
    let (phase, paused_from) =
        state.as_live().map_or((Lifecycle::Running, None), |live| (live.phase, live.paused_from));
    match (phase, paused_from) {
        _ if state.session().ended().is_some() => ("■ ended".to_owned(), Role::Label),
        (Lifecycle::Done, _) => ("■ done".to_owned(), Role::Label),
        (Lifecycle::Draining, _) => {
            let left = state.session().timeline().latest().map_or(0, |row| row.in_flight);
            (format!("▼ draining, {} in flight", text::count(left)), Role::Warn)
        }
        (Lifecycle::Running, Some(before)) => (format!("‖ paused at {before}"), Role::Warn),
        (Lifecycle::Running, None) if state.is_watched() => {
            let silent = |silent: Duration| (format!("no news for {} s", silent.as_secs()), Role::Warn);
            state.silent_for().map_or_else(|| ("WATCHING".to_owned(), Role::Title), silent)
        }
        (Lifecycle::Running, None) => ("LIVE".to_owned(), Role::Title),
    }
}

/// ` REPLAY  ▶ ×10  12:34 / 1:00:00`: how a recording is shown, and which moment of it; before that, what is looked at, when that is
/// not the moment played.
fn replay(scene: &Scene<'_>, player: &Player) -> Vec<Piece> {
    let (how, role) = match (player.is_behind(), player.is_playing()) {
        (true, _) => ("» seeking", Role::Warn),
        (false, true) => ("▶ playing", Role::Good),
        (false, false) if player.is_at_end() => ("■ at the end", Role::Label),
        (false, false) => ("‖ paused", Role::Warn),
    };
    let length = player.end().map_or_else(|| "…".to_owned(), |end| end.to_string());
    let label = scene.style(Role::Label);
    let past = past(scene.state).map(|past| Piece::new(0, past, scene.style(Role::Warn)));
    let pieces = [
        Some(Piece::new(0, " REPLAY ", scene.style(Role::Badge))),
        past,
        Some(Piece::new(0, how, scene.style(role)).and(format!(" ×{}", player.speed()), scene.style(Role::Title))),
        Some(Piece::new(0, scene.state.now().to_string(), scene.style(Role::Title)).and(format!(" / {length}"), label)),
    ];
    pieces.into_iter().flatten().collect()
}

/// The rate in force at the moment that is looked at.
fn rate_now(scene: &Scene<'_>) -> String {
    let state = scene.state;
    if state.ui().range.is_past() {
        return scene.row.map_or_else(|| " – ".to_owned(), |row| format!(" {} ", row.target));
    }
    let (anchor, profile) = state.session().rate();
    let now = state.now().max(state.session().now());
    let since = now.saturating_since(anchor);
    if since < profile.ramp_duration() {
        return format!(" {} ↗ {} ", profile.rate_after(since).get(), profile.last());
    }
    format!(" {} ", profile.rate_after(since))
}

/// The rate, and how verdicts go on that have no room in their line, before everything else: what is wrong says more. That of two targets
/// says whose it is. That of one stands below its beginning, and a bar keeps the rate apart: `   there, 2 are needed  │ 600/s`.
fn rated(scene: &Scene<'_>, width: usize, rests: &[Rest]) -> Vec<Piece> {
    let rate = rate_now(scene);
    let rate_width = usize::from(text::columns(&rate));
    let badge = scene.style(Role::Badge);
    match rests {
        [rest] if !has_two(scene) => {
            let room = width.saturating_sub(rate_width + usize::from(text::columns(BELOW)) + 4);
            let words = format!("{BELOW}{}", text::shown(&rest.words, room));
            let rate = Piece::new(0, "│ ", scene.style(Role::Label)).and(rate, badge);
            vec![Piece::new(0, words, scene.style(rest.role)), rate]
        }
        rests => {
            let room = (width.saturating_sub(rate_width) / rests.len().max(1)).saturating_sub(2);
            let rest = |rest: &Rest| Piece::new(0, text::shown(&rest.words, room), scene.style(rest.role));
            std::iter::once(Piece::new(0, rate, badge)).chain(rests.iter().map(rest)).collect()
        }
    }
}

/// ` 600/s  ±50  sent 598 …`; with `alone`, also what must be said of generator and sources.
fn load(scene: &Scene<'_>, width: usize, alone: bool, rests: &[Rest]) -> Line<'static> {
    let (state, label) = (scene.state, scene.style(Role::Label));
    let mut pieces = rated(scene, width, rests);
    if let Some(live) = state.as_live() {
        pieces.push(Piece::new(1, format!("±{}", live.increment()), label));
    }
    if !has_two(scene) {
        pieces.extend(answered(scene));
    }
    pieces.push(generator(scene, if alone { 24 } else { 60 }, !alone));
    if alone {
        pieces.extend(feeds(scene, true, width));
    }
    text::fit(pieces, width, 2)
}

/// What leaves, what is answered, what waits for an answer.
fn answered(scene: &Scene<'_>) -> Vec<Piece> {
    let (state, label, value) = (scene.state, scene.style(Role::Label), scene.style(Role::Title));
    let per_second = |count: fn(&crate::timeline::Row) -> u64| {
        text::per_second(scene.row.map(|row| count(row) as f64 / f64::from(row.span.max(1))))
    };
    let mut pieces = vec![
        Piece::new(4, "sent ", label).and(per_second(|row| row.sent), value).and("/s", label),
        Piece::new(5, "ok ", label)
            .and(per_second(|row| row.outcomes.get(OutcomeKind::Ok)), scene.style(Role::Ok))
            .and("/s", label),
    ];
    let cap = state.session().header().settings.max_in_flight;
    let in_flight = scene.row.map_or_else(|| "–".to_owned(), |row| text::count(row.in_flight));
    let crowded = scene.row.and_then(health::cap_use).is_some_and(|share| share > 0.9);
    pieces.push(
        Piece::new(2, "in flight ", label)
            .and(in_flight, scene.style(if crowded { Role::Warn } else { Role::Title }))
            .and(format!("/{}", text::count(cap)), label),
    );
    let dropped = scene.dropped(state.session());
    if dropped > 0 {
        pieces.push(Piece::new(2, "dropped ", label).and(text::count(dropped), scene.style(Role::Dropped)));
    }
    pieces
}

/// `generator ok · send lag p99 0.4 ms · CPU 12 %`.
fn generator(scene: &Scene<'_>, room: usize, in_full: bool) -> Piece {
    let label = scene.style(Role::Label);
    // One process drives both targets.
    let rows = scene.state.halves().each().filter_map(|(_, half)| scene::row(half, scene.state, &scene.axis));
    let rows: Vec<_> = rows.collect();
    let worst = rows.iter().find(|row| !health::complaints(row).is_empty());
    let Some(row) = worst.or(rows.first()) else { return Piece::new(4, "generator –", label) };
    let complaints = health::complaints(row);
    let mut piece = match complaints.first() {
        None => Piece::new(3, "generator ", label).and("ok", scene.style(Role::Good)),
        Some(first) => Piece::new(1, "generator: ", label).and(text::shown(first, room), scene.style(Role::Warn)),
    };
    if in_full {
        let lag = format!("  send lag p99 {}", text::latency(row.send_lag_p99));
        piece = piece.and(lag, label);
        match row.generator.workers {
            0 => {}
            1 => piece = piece.and("  1 worker", label),
            workers => piece = piece.and(format!("  {workers} workers"), label),
        }
        if let Some(cpu) = row.generator.cpu_percent {
            piece = piece.and(format!("  CPU {cpu:.0} %"), label);
        }
    }
    piece
}

/// Sources of instance counts, and where the files go.
fn surroundings(scene: &Scene<'_>, width: usize) -> Line<'static> {
    let label = scene.style(Role::Label);
    let mut pieces = feeds(scene, false, width);
    for (rank, name) in [(3, "status"), (4, "operation"), (5, "image")] {
        if let Some(fact) = scene.state.session().facts().get(name).filter(|_| !has_two(scene)) {
            let value = text::shown(&fact.worded(), FACT_AT_LEAST.max(width / 2));
            let piece = Piece::new(rank, format!("{} ", fact.label()), label).and(value, scene.style(Role::Text));
            pieces.push(piece.and(scene.if_past(" now"), label));
        }
    }
    let slo = scene.state.session().objective_at(scene.past_second());
    pieces.push(Piece::new(4, "objective ", label).and(slo.to_string(), scene.style(Role::Text)));
    if scene.state.player().is_some() {
        pieces.push(Piece::new(2, "recorded ", label).and(wall_clock(scene), scene.style(Role::Text)));
    }
    if let Some(folder) = scene.state.folder() {
        let folder = text::shown(&folder.display().to_string(), FOLDER_AT_LEAST.max(width / 2));
        pieces.push(Piece::new(6, "files ", label).and(folder, scene.style(Role::Text)));
    }
    text::fit(pieces, width, 3)
}

/// What the clocks said at the moment shown: `2026-11-24 00:15:43 UTC`.
fn wall_clock(scene: &Scene<'_>) -> String {
    let at = scene.past().unwrap_or(scene.state.now());
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let at = scene.state.session().header().started_unix_micros.saturating_add(micros);
    jiff::Timestamp::from_microsecond(at).map_or_else(
        |_| "at an unknown time".to_owned(),
        |at| format!("{at:.0}").replace('T', " ").replace('Z', " UTC"),
    )
}

/// `cloudwatch live · ecs stale 40 s: …`; with `only_trouble`, those that answer are left out.
fn feeds(scene: &Scene<'_>, only_trouble: bool, width: usize) -> Vec<Piece> {
    let state = scene.state;
    let now = state.now().max(state.session().now());
    let mut pieces = Vec::new();
    let all = state.halves().each().flat_map(|(side, half)| half.feeds().iter().map(move |feed| (side, feed)));
    for (side, (name, feed)) in all {
        let (role, words) = feed_words(feed, now);
        if only_trouble && role == Role::Good {
            continue;
        }
        let rank = if role == Role::Good { 4 } else { 1 };
        let of = if has_two(scene) { format!("{} ", side.letter()) } else { String::new() };
        let name = format!("{of}{}", text::shown(name, 20));
        let label = scene.style(Role::Label);
        let piece = Piece::new(rank, format!("{name} "), label).and(words, scene.style(role));
        pieces.push(piece.and(scene.if_past(" now"), label));
        if let Feed::Stale { error, .. } | Feed::Failed { error } = feed
            && !only_trouble
        {
            pieces.push(Piece::new(
                2,
                text::shown(&error.to_string(), REASON_AT_LEAST.max(width / 2)),
                scene.style(Role::Label),
            ));
        }
    }
    pieces
}

/// A source's state in a word or two.
pub(crate) fn feed_words(feed: &Feed, now: Elapsed) -> (Role, String) {
    match feed {
        Feed::Waiting => (Role::Label, "waiting".to_owned()),
        Feed::Live { .. } => (Role::Good, "live".to_owned()),
        Feed::Stale { heard, .. } => (Role::Warn, format!("stale {}", text::age(now.saturating_since(*heard)))),
        Feed::Failed { .. } => (Role::Bad, "failed".to_owned()),
    }
}
