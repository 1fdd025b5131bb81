//! The borders of the code base, as a test: what ARCHITECTURE.md says of modules holds for every file under `src`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here, with the reason")]

use std::fs;
use std::path::{Path, PathBuf};

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
    "cli/values.rs",
    "cluster/autoscaler.rs",
    "cluster/faults.rs",
    "cluster/fleet.rs",
    "cluster/ledger",
    "cluster/options.rs",
    "cluster/target_tracking",
    "cluster/truth.rs",
    "compare",
    "experiment",
    "foreign.rs",
    "instances.rs",
    "load/in_flight.rs",
    "load/pacer",
    "load/rate.rs",
    "load/sample.rs",
    "metrics/exposition.rs",
    "plan",
    "record",
    "report",
    "session/as_plan.rs",
    "session/event.rs",
    "session/numbers.rs",
    "session/settled.rs",
    "session/state",
    "session/summary",
    "session/verdict",
    "slo.rs",
    "target",
    "timeline",
    "tui",
    "units.rs",
];

/// Edges that live in a folder that is otherwise pure.
const EDGES: &[&str] = &["tui/frames.rs", "tui/front.rs", "tui/input.rs", "tui/terminal.rs"];

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
    ("reqwest::", &["load/http"]),
    ("aws_sdk_", &["cloud", "doctor", "instances"]),
    ("crate::tui", &["tui", "commands", "app/keymap.rs"]),
    ("ratatui", &["tui"]),
    ("anyhow", &["main.rs"]),
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn is_in(name: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        name == *place || name.strip_prefix(place).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    })
}

/// The lines that are code: no comments, and nothing from the first test module on.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

fn is_test_file(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/") || name.ends_with("fixtures.rs")
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
        assert!(text.starts_with("//!"), "src/{name} does not begin with a module doc");
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
