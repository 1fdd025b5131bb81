//! The borders of the code base, as a test: what ARCHITECTURE.md says of rooms and arrows holds for every file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here, with the reason")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The rooms from the top down, each with all that it uses. A room uses only what stands below it, so that no arrow closes a
/// circle. A room is a file and a folder of its name under `src`; those that begin with `scaletop_` are crates of their own.
const ROOMS: &[(&str, &str)] = &[
    (
        "fuzzing",
        "cli compare counting export report session plan target values slo text scaletop_cluster scaletop_load scaletop_units",
    ),
    (
        "commands",
        "cli consent tui headless replay app doctor compare export metrics web experiment capacity cloud counting session plan placing requests instances target values slo files text scaletop_cluster scaletop_fleet scaletop_load scaletop_units",
    ),
    ("cli", "placing target values files text scaletop_cluster scaletop_load scaletop_units"),
    ("consent", "target"),
    ("tui", "app session analysis timeline instances chart text scaletop_load scaletop_units"),
    ("headless", "app session timeline text scaletop_load scaletop_units"),
    ("replay", "app export session scaletop_units"),
    ("app", "export metrics web capacity session plan values scaletop_fleet scaletop_load scaletop_units"),
    ("web", "endpoint report session"),
    ("doctor", "cloud polling instances target text scaletop_load scaletop_units"),
    ("compare", "report session plan analysis timeline instances chart text scaletop_load scaletop_units"),
    ("export", "report session analysis timeline instances files text scaletop_load scaletop_units"),
    ("report", "session analysis timeline instances chart text scaletop_load scaletop_units"),
    ("metrics", "endpoint session analysis instances text scaletop_load"),
    ("experiment", "session analysis timeline text scaletop_load scaletop_units"),
    ("capacity", "session plan analysis timeline slo text scaletop_load scaletop_units"),
    ("cloud", "polling session instances target scaletop_units"),
    ("counting", "polling session instances target values files text scaletop_load scaletop_units"),
    ("polling", "session instances scaletop_units"),
    ("session", "plan analysis timeline instances target slo files text scaletop_load scaletop_units"),
    ("plan", "analysis values slo text scaletop_load scaletop_units"),
    ("analysis", "timeline instances slo text scaletop_load scaletop_units"),
    ("timeline", "slo scaletop_load scaletop_units"),
    ("placing", "files text"),
    ("requests", "files scaletop_load"),
    ("target", ""),
    ("values", "instances slo scaletop_load scaletop_units"),
    ("instances", "scaletop_units"),
    ("chart", "text"),
    ("slo", "text"),
    ("files", ""),
    ("text", "scaletop_units"),
    ("endpoint", ""),
    ("scaletop_cluster", "scaletop_units"),
    ("scaletop_fleet", "scaletop_load scaletop_units"),
    ("scaletop_load", "scaletop_units"),
    ("scaletop_units", ""),
];

/// Files and folders below `src` whose code is pure: no clock, no runtime, no I/O, no thread.
const PURE: &[&str] = &[
    "analysis",
    "app/action.rs",
    "app/controller.rs",
    "app/effect.rs",
    "app/event.rs",
    "app/keymap",
    "app/player.rs",
    "app/state",
    "capacity",
    "values.rs",
    "scaletop_cluster/autoscaler.rs",
    "scaletop_cluster/faults.rs",
    "scaletop_cluster/instance_pool.rs",
    "scaletop_cluster/ledger",
    "scaletop_cluster/options.rs",
    "scaletop_cluster/target_tracking",
    "scaletop_cluster/truth.rs",
    "scaletop_fleet/conductor",
    "scaletop_fleet/gather.rs",
    "scaletop_fleet/lead.rs",
    "scaletop_fleet/lease.rs",
    "scaletop_fleet/member.rs",
    "scaletop_fleet/message.rs",
    "scaletop_fleet/offset.rs",
    "scaletop_fleet/roster.rs",
    "scaletop_fleet/schedule.rs",
    "scaletop_fleet/slots.rs",
    "compare",
    "experiment",
    "chart",
    "text",
    "counting/reading.rs",
    "instances",
    "polling/condition.rs",
    "polling/counts.rs",
    "scaletop_load/in_flight.rs",
    "scaletop_load/pacer",
    "scaletop_load/rate.rs",
    "scaletop_load/sample.rs",
    "metrics/exposition.rs",
    "placing/estimate.rs",
    "placing/join.rs",
    "placing/manifest.rs",
    "placing/place.rs",
    "placing/size.rs",
    "placing/yaml.rs",
    "plan",
    "scaletop_load/record",
    "report",
    "export/as_plan.rs",
    "session/event.rs",
    "session/halves.rs",
    "session/history.rs",
    "session/settled.rs",
    "session/standing.rs",
    "session/state",
    "export/summary",
    "session/verdict",
    "slo.rs",
    "target",
    "timeline",
    "tui",
    "web/sse.rs",
    "scaletop_units/elapsed.rs",
    "scaletop_units/instance_id.rs",
    "scaletop_units/rate.rs",
];

/// Edges that live in a folder that is otherwise pure.
const EDGES: &[&str] = &["tui/asking.rs", "tui/frames.rs", "tui/front.rs", "tui/input.rs", "tui/terminal.rs"];

/// What pure code must not name.
const IMPURE_WORDS: &[&str] = &[
    "tokio::",
    "reqwest",
    "hyper::",
    "hyper_util",
    "aws_",
    "crossterm::",
    "std::fs",
    "std::net::Tcp",
    "std::thread",
    "std::process",
    "std::env",
    "Instant::now",
    "SystemTime",
    "async fn",
];

/// A word, and the only files or folders that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("reqwest::", &["scaletop_load/reqwest_transport", "scaletop_load/http/options.rs", "metrics/otlp"]),
    ("opentelemetry_proto", &["metrics/otlp"]),
    ("aws_sdk_", &["cloud", "doctor"]),
    ("async_nats", &["scaletop_fleet/nats"]),
    ("crate::tui", &["tui", "commands", "app/keymap.rs"]),
    ("ratatui", &["tui"]),
    ("anyhow", &["main.rs"]),
];

/// Every source file with its text: those of `src` by their path in it, those of the crates as `scaletop_load/…`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    read_sources(&root.join("src"), "", &mut found);
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().replace('-', "_");
        read_sources(&path.join("src"), &name, &mut found);
    }
    assert!(found.len() > 100, "the sources were not found");
    found
}

fn read_sources(folder: &Path, prefix: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        if path.is_dir() {
            read_sources(&path, &name, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The room that a file belongs to; none for the program's and the library's entrance.
fn room_of(name: &str) -> Option<&str> {
    let room = name.split(['/', '.']).next().unwrap();
    (!matches!(room, "main" | "lib")).then_some(room)
}

/// The rooms that a line of code names: after `crate::`, or as a crate.
fn rooms_named(line: &str) -> impl Iterator<Item = &str> {
    let word = |rest: &str| rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let inside = line.match_indices("crate::").map(move |(at, found)| {
        let rest = &line[at + found.len()..];
        &rest[..word(rest)]
    });
    let outside = line.match_indices("scaletop_").filter_map(move |(at, _)| {
        let begins = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let rest = &line[at..];
        (begins && rest[word(rest)..].starts_with("::")).then(|| &rest[..word(rest)])
    });
    inside.chain(outside)
}

/// Each arrow between rooms of `src`, with a line that makes it.
fn arrows() -> BTreeMap<(String, String), String> {
    let mut arrows = BTreeMap::new();
    for (name, text) in sources() {
        let Some(room) = room_of(&name).filter(|room| !room.starts_with("scaletop_")) else { continue };
        if is_test_file(&name) {
            continue;
        }
        for (line, code) in code(&text) {
            assert!(!code.contains("super::super"), "src/{name}:{line} climbs: name the room with crate::");
            let is_top = !name.contains('/') && code.trim_start().starts_with("use super::");
            assert!(!is_top, "src/{name}:{line} climbs out of its room: name the room with crate::");
            let crate_used = code.trim_start().strip_prefix("use ").filter(|used| used.starts_with("scaletop_"));
            let is_renamed = crate_used.is_some_and(|used| !used.contains("::"));
            assert!(!is_renamed, "src/{name}:{line} renames a crate: arrows could not be read");
            assert!(!code.contains("crate::{"), "src/{name}:{line}: one room per use line, so that arrows can be read");
            for named in rooms_named(code).filter(|named| *named != room) {
                arrows.entry((room.to_owned(), named.to_owned())).or_insert_with(|| format!("src/{name}:{line}"));
            }
        }
    }
    arrows
}

fn is_in(name: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        name == *place || name.strip_prefix(place).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    })
}

/// The lines that are code: no comments, and nothing from the tests at the end of a file on. (`#[cfg(test)]` before a line
/// that ends in `;` hides that line alone.)
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let begins_tests = |at: usize| {
        lines[at].starts_with("#[cfg(test)]")
            && lines[at + 1..].iter().find(|line| !line.starts_with("#[")).is_some_and(|line| !line.ends_with(';'))
    };
    let end = (0..lines.len()).find(|&at| begins_tests(at)).unwrap_or(lines.len());
    let code = lines.into_iter().take(end).enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(at, line)| (at + 1, line))
}

fn is_test_file(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/") || name.ends_with("fixtures.rs")
}

#[test]
fn the_arrows_between_rooms_are_those_of_the_table_and_go_down() {
    let mut wrong = String::new();
    let floor: BTreeMap<&str, usize> = ROOMS.iter().enumerate().map(|(at, (room, _))| (*room, at)).collect();
    let allowed: BTreeSet<(String, String)> = ROOMS
        .iter()
        .flat_map(|(room, uses)| uses.split_whitespace().map(|used| ((*room).to_owned(), used.to_owned())))
        .collect();
    for (from, to) in &allowed {
        if floor.get(to.as_str()) <= floor.get(from.as_str()) {
            let _ = writeln!(wrong, "the table lets {from} use {to}, which does not stand below it");
        }
    }
    let found = arrows();
    for ((from, to), place) in &found {
        if !allowed.contains(&(from.clone(), to.clone())) {
            let _ = writeln!(wrong, "{place}: {from} uses {to} (src/{to}), which the table does not allow");
        }
    }
    for (from, to) in allowed.iter().filter(|(from, _)| !from.starts_with("scaletop_")) {
        if !found.contains_key(&(from.clone(), to.clone())) {
            let _ = writeln!(wrong, "the table lets {from} use {to}, and nothing in it does: take it out");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_room_stands_in_the_table() {
    let rooms: BTreeSet<String> = sources().iter().filter_map(|(name, _)| room_of(name).map(str::to_owned)).collect();
    let listed: BTreeSet<String> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, listed);
}

#[test]
fn the_crates_use_each_other_as_the_table_says() {
    for (room, uses) in ROOMS.iter().filter(|(room, _)| room.starts_with("scaletop_")) {
        let name = room.replace('_', "-");
        let manifest = fs::read_to_string(format!("{}/crates/{name}/Cargo.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap().split_once("[dependencies]").unwrap().1;
        let used: Vec<String> = dependencies
            .lines()
            .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.replace('-', "_")))
            .filter(|name| name.starts_with("scaletop_"))
            .collect();
        assert_eq!(used.join(" "), *uses, "crates/{name}/Cargo.toml");
        assert!(!manifest.contains("aws-"), "{name} stands alone, without the AWS SDK");
    }
}

#[test]
fn the_picture_in_architecture_md_is_the_table() {
    let row = |(room, uses): &(&str, &str)| format!("{room:17} {uses}").trim_end().to_owned() + "\n";
    let picture: String = ROOMS.iter().map(row).collect();
    let page = fs::read_to_string(format!("{}/ARCHITECTURE.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(page.contains(&picture), "ARCHITECTURE.md should show:\n\n{picture}");
}

#[test]
fn pure_modules_name_no_clock_runtime_or_io() {
    let mut violations = Vec::new();
    for (name, text) in sources() {
        if !is_in(&name, PURE) || is_in(&name, EDGES) || is_test_file(&name) {
            continue;
        }
        for (line, code) in code(&text) {
            for word in IMPURE_WORDS.iter().filter(|word| code.contains(**word)) {
                violations.push(format!("src/{name}:{line} is pure, but names {word}"));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn what_has_a_home_stays_there() {
    let mut violations = Vec::new();
    for (name, text) in sources() {
        if is_test_file(&name) {
            continue;
        }
        for (word, homes) in HOMES.iter().filter(|(_, homes)| !is_in(&name, homes)) {
            for (line, _) in code(&text).filter(|(_, code)| code.contains(word)) {
                violations.push(format!("src/{name}:{line} names {word}, which belongs to {homes:?}"));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_none_is_a_mod_rs() {
    for (name, text) in sources() {
        let is_documented = text.starts_with("//!") || text.starts_with("#![doc = include_str!");
        assert!(is_documented, "src/{name} does not begin with a module doc");
        assert!(!name.ends_with("/mod.rs"), "src/{name}: folders go with a file of their name");
    }
}

#[test]
fn the_lists_of_this_test_name_files_that_exist() {
    let names: Vec<_> = sources().into_iter().map(|(name, _)| name).collect();
    for place in PURE.iter().chain(EDGES) {
        assert!(names.iter().any(|name| is_in(name, &[place])), "{place} does not exist any more");
    }
}

#[test]
fn every_fault_of_the_page_on_reliability_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let mut faults = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault |")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [fault, outcome, shown_by] = cells[..] else { panic!("not a row of three cells: {line}") };
        assert!(!outcome.is_empty() && faults.insert(fault), "{line}");
        let tests: Vec<_> = shown_by.split('`').filter_map(|part| part.split_once("::")).collect();
        assert!(!tests.is_empty(), "no test shows it: {line}");
        for (path, name) in tests {
            let text = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            let at = text.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("{path} has no {name}: {line}"));
            let attributes = text[..at].rsplit("\n\n").next().unwrap();
            assert!(attributes.contains("test]") || attributes.contains("#[tokio::test("), "{path}::{name} is no test");
        }
    }
    assert!(faults.len() >= 60, "{} faults", faults.len());
}
