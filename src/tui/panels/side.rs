//! What stands beside the charts on a wide screen: the service, the sources, the generator, the totals.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::analysis::health;
use crate::instances::Feed;
use crate::tui::panels::header;
use crate::tui::scene::Scene;
use crate::tui::text;
use crate::tui::theme::Role;
use scaletop_load::OutcomeKind;

/// Columns of the names: with the gap behind them, at least and at most.
const NAME_WIDTH: (usize, usize) = (15, 22);

/// Lines that a value takes which is too long for one, where the screen has them.
const VALUE_LINES: usize = 4;

/// The facts of the platform where the screen is low.
const FEW_FACTS: usize = 8;

/// Rows from which on all facts are there.
const TALL: u16 = 40;

/// One line: a heading, a name with its value, or a remark.
enum Entry {
    Heading(String),
    Pair(String, String, Role),
    Remark(String),
    Blank,
}

pub(crate) fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    if area.width < 20 {
        return;
    }
    let inner = Rect { x: area.x + 3, width: area.width - 3, ..area };
    for y in area.top()..area.bottom() {
        text::glyph(buf, area.x + 1, y, "│", scene.style(Role::Faint));
    }
    let width = usize::from(inner.width);
    let entries = entries(scene, width, area.height);
    let widest =
        entries.iter().map(|entry| if let Entry::Pair(name, ..) = entry { text::columns(name) } else { 0 }).max();
    let names = usize::from(widest.unwrap_or(0) + 1).clamp(NAME_WIDTH.0, NAME_WIDTH.1);
    let entries = wrapped(entries, width.saturating_sub(names), usize::from(area.height));
    for (y, entry) in (inner.top()..inner.bottom()).zip(entries) {
        let mut put = |x: usize, words: &str, style: Style| {
            let x = u16::try_from(x).unwrap_or(0);
            text::put(buf, inner.x + x, y, words, usize::from(inner.width.saturating_sub(x)), style);
        };
        match entry {
            Entry::Heading(words) => put(0, &words, scene.style(Role::Key)),
            Entry::Pair(name, value, role) => {
                put(0, &text::shown(&name, names - 1), scene.style(Role::Label));
                put(names, &text::shown(&value, width.saturating_sub(names)), scene.style(role));
            }
            Entry::Remark(words) => put(2, &words, scene.style(Role::Label)),
            Entry::Blank => {}
        }
    }
}

/// The same with values that are too long going on in the lines below, as far as there are lines for them.
fn wrapped(entries: Vec<Entry>, room: usize, rows: usize) -> Vec<Entry> {
    let mut spare = rows.saturating_sub(entries.len());
    let mut all = Vec::new();
    for entry in entries {
        let Entry::Pair(name, value, role) = entry else {
            all.push(entry);
            continue;
        };
        let lines = if room == 0 { Vec::new() } else { text::wrap_whole(&value, room, VALUE_LINES.min(spare + 1)) };
        if lines.len() < 2 {
            all.push(Entry::Pair(name, value, role));
            continue;
        }
        spare -= lines.len() - 1;
        let names = std::iter::once(name).chain(std::iter::repeat(String::new()));
        all.extend(names.zip(lines).map(|(name, line)| Entry::Pair(name, line, role)));
    }
    all
}

/// The heading of what is only known of the present: it says so, when the past is looked at.
fn of_now(scene: &Scene<'_>, heading: &str) -> Entry {
    Entry::Heading(format!("{heading}{}", scene.if_past(", as of now")))
}

fn pair(name: &str, value: String) -> Entry {
    Entry::Pair(name.to_owned(), value, Role::Text)
}

fn entries(scene: &Scene<'_>, width: usize, rows: u16) -> Vec<Entry> {
    let mut entries = service(scene, rows);
    entries.push(Entry::Blank);
    entries.extend(totals(scene));
    entries.push(Entry::Blank);
    entries.extend(generator(scene, width));
    if !scene.session().feeds().is_empty() {
        entries.push(Entry::Blank);
        entries.extend(sources(scene, width));
    }
    entries
}

fn service(scene: &Scene<'_>, rows: u16) -> Vec<Entry> {
    let session = scene.session();
    let settings = &session.header().settings;
    let mut entries = vec![of_now(scene, "Service"), pair("target", settings.target.clone())];
    entries.push(pair("request", format!("{} {}", settings.method, settings.url)));
    entries.push(pair("objective", session.objective().to_string()));
    entries.push(pair("arrivals", format!("{:?}", settings.arrivals).to_lowercase()));
    let most = if rows < TALL { FEW_FACTS } else { usize::MAX };
    entries.extend(
        session.facts().values().take(most).map(|fact| pair(&text::shown(fact.label(), NAME_WIDTH.1), fact.worded())),
    );
    entries
}

fn totals(scene: &Scene<'_>) -> Vec<Entry> {
    let totals = scene.session().totals();
    let share = |part: u64| {
        if totals.due == 0 { String::new() } else { format!("  {}", text::percent(part as f64 / totals.due as f64)) }
    };
    let ok = totals.outcomes.get(OutcomeKind::Ok);
    let failed = totals.outcomes.failed();
    let dropped = totals.dropped();
    let role = |count: u64| if count > 0 { Role::Bad } else { Role::Text };
    let quantile = |q: f64| text::latency(totals.ok.quantile(q));
    vec![
        of_now(scene, "Session"),
        pair("due", text::count(totals.due)),
        Entry::Pair("ok".to_owned(), format!("{}{}", text::count(ok), share(ok)), Role::Ok),
        Entry::Pair("failed".to_owned(), format!("{}{}", text::count(failed), share(failed)), role(failed)),
        Entry::Pair("dropped".to_owned(), format!("{}{}", text::count(dropped), share(dropped)), role(dropped)),
        pair("p50 p90 p99", format!("{}  {}  {}", quantile(0.5), quantile(0.9), quantile(0.99))),
        pair("slowest", text::latency(totals.ok.max())),
        pair("instances seen", scene.session().tracks().len().to_string()),
    ]
}

fn generator(scene: &Scene<'_>, width: usize) -> Vec<Entry> {
    let mut entries = vec![Entry::Heading("Generator".to_owned())];
    let Some(row) = scene.row else {
        entries.push(pair("verdict", "–".to_owned()));
        return entries;
    };
    let complaints = health::complaints(row);
    let (verdict, role) = if complaints.is_empty() { ("ok", Role::Good) } else { ("see below", Role::Warn) };
    entries.push(Entry::Pair("verdict".to_owned(), verdict.to_owned(), role));
    for complaint in complaints {
        entries.extend(text::wrap(&complaint, width - 2, 2).into_iter().map(Entry::Remark));
    }
    entries.push(pair("send lag p99", text::latency(row.send_lag_p99)));
    let health = &row.generator;
    if let Some(cpu) = health.cpu_percent {
        let cores = health.cores.map_or_else(String::new, |cores| format!(" of {}", u64::from(cores) * 100));
        entries.push(pair("CPU", format!("{cpu:.0} %{cores}")));
    }
    entries.push(pair("in flight", format!("{} of {}", text::count(row.in_flight), text::count(health.in_flight_cap))));
    if health.workers > 0 {
        entries.push(pair("workers", health.workers.to_string()));
    }
    if let Some(connections) = &row.connections {
        entries.push(pair("connections", text::count(connections.open)));
        if connections.waiting > 0 {
            entries.push(pair("wait for one", text::count(connections.waiting)));
        }
    }
    if let Some((open, allowed)) = health.fds {
        entries.push(pair("descriptors", format!("{} of {}", text::count(open), text::count(allowed))));
    }
    if let Some(ports) = health.ports_left {
        entries.push(pair("ports left", text::count(u64::from(ports))));
    }
    entries
}

fn sources(scene: &Scene<'_>, width: usize) -> Vec<Entry> {
    let state = scene.state;
    let now = state.now().max(state.session().now());
    let mut entries = vec![of_now(scene, "Sources")];
    for (name, feed) in state.session().feeds() {
        let (role, words) = header::feed_words(feed, now);
        entries.push(Entry::Pair(name.clone(), words, role));
        if let Feed::Stale { error, .. } | Feed::Failed { error } = feed {
            entries.extend(text::wrap(&error.to_string(), width - 2, 4).into_iter().map(Entry::Remark));
        }
    }
    entries
}
