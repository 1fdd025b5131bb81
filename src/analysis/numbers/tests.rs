//! What the registry promises: one row a number, one place for each name, and pages that say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Where a word of the registry may stand besides, and for what.
const ALSO: &[(&str, &str)] = &[
    ("export/columns.rs", "timeline.csv and cohorts.csv have columns of the same counts, of a second"),
    ("export/hlog.rs", "tags of the histograms of a second"),
    ("export/summary/json.rs", "the totals of the session"),
    ("report.rs", "the tiles of the page: totals of the session"),
    ("report/data.rs", "the curves of the page"),
    ("report/charts.rs", "the curves of the page"),
    ("report/instances.rs", "the table of instances"),
    ("report/tables.rs", "the generator"),
    ("report/fleet.rs", "what each generator did"),
    ("report/requests.rs", "what each of several requests did"),
    ("export/requests.rs", "requests.csv has columns of the same counts, of a second"),
    ("export/summary/json/fleet.rs", "what each generator did"),
    ("session/state/fleet.rs", "a generator is lost"),
    ("report/connections.rs", "what connections took"),
    ("tui/", "the charts, the header and the instances, by the second"),
    ("headless.rs", "a line a second"),
    ("plan/toml.rs", "errors are a part of an objective"),
    ("values.rs", "errors are a part of an objective"),
    ("slo.rs", "errors are a part of an objective"),
    ("cli", "errors are a part of an objective"),
    ("sample.rs", "an outcome is called ok"),
    ("doctor", "a check is ok"),
    ("analysis/numbers/value.rs", "a unit is called instances"),
    ("capacity/words.rs", "the answer of a search"),
    ("analysis/words.rs", "a sentence says: errors back under 1 %"),
];

#[test]
fn no_two_numbers_share_a_name() {
    let keys: BTreeSet<_> = ALL.iter().map(|kind| kind.key).collect();
    assert_eq!(keys.len(), ALL.len());
    let labels: BTreeSet<_> = ALL.iter().map(|kind| kind.label).collect();
    assert_eq!(labels.len(), ALL.len());
}

#[test]
fn two_rows_that_a_plan_calls_the_same_are_judged_alike() {
    for (kind, own) in judged() {
        for (other, its) in judged().filter(|(_, its)| its.name == own.name) {
            assert_eq!(own, its, "{} and {}", kind.key, other.key);
            assert_eq!(kind.needs, other.needs);
        }
    }
}

#[test]
fn a_share_of_nothing_is_unknown() {
    let some = StepNumbers { due: 4, lost: 1, ..StepNumbers::default() };
    assert_eq!(LOST_PERCENT.value(&StepNumbers::default()), Value::Unknown);
    assert_eq!(LOST_PERCENT.value(&some), Value::Known(25.0));
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !name.ends_with("tests.rs")
            && name != "fixtures.rs"
        {
            let text = fs::read_to_string(&path).unwrap();
            // What comes after the first tests of a file is tests; a test module in a file of its own is only named here.
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            found.push((path, code));
        }
    }
}

/// The places at which a number is listed: the registry's row, and no other.
#[test]
fn a_number_stands_in_one_place() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    let mut again = Vec::new();
    for (path, code) in &found {
        let name = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        let is_registry = name == "analysis/numbers/registry.rs";
        for kind in ALL {
            assert_eq!(code.contains(kind.meaning), is_registry, "{name}: the meaning of {}", kind.key);
            let said = [kind.key, kind.label, kind.judged.map_or(kind.key, |judged| judged.name)];
            let is_said = said.iter().any(|word| code.contains(&format!("\"{word}\"")));
            if is_said && !is_registry && !ALSO.iter().any(|(place, _)| name.starts_with(place)) {
                again.push(format!("src/{name} names {} again: take it from its row", kind.key));
            }
            // A name with an underscore can mean nothing else.
            let is_plain = said.iter().any(|word| word.starts_with("t_") && code.contains(&format!("\"{word}\"")));
            if is_plain && !is_registry {
                again.push(format!("src/{name} names {} again: take it from its row", kind.key));
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    assert!(again.is_empty(), "{}", again.join("\n"));
}

#[test]
fn the_pages_have_every_number() {
    let page = include_str!("../../../docs/step-numbers.md");
    let json = include_str!("../../../docs/summary-json.md");
    for kind in ALL {
        let row = format!("| `{}` | {} | {} |", kind.key, kind.label, kind.unit.name());
        assert!(page.contains(&row), "docs/step-numbers.md has no line that begins with {row}");
        if kind.in_files {
            let row = format!("| `steps[].numbers.{}` | {} |", kind.key, kind.meaning);
            assert!(json.contains(&row), "docs/summary-json.md has no line {row}");
        }
    }
    for line in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let key = line.split('`').next().unwrap_or_default();
        assert!(ALL.iter().any(|kind| kind.key == key), "docs/step-numbers.md has {key}, and no number is called so");
    }
}

#[test]
fn nothing_is_told_of_a_step_that_was_too_short() {
    let numbers = StepNumbers {
        too_short: true,
        due: 600,
        ok: 600,
        recover: Timing::Reached { secs: 0.2, plus_minus: 0.0 },
        p99: Some(std::time::Duration::from_millis(80)),
        ..StepNumbers::default()
    };
    for kind in ALL {
        let told = kind.value(&numbers);
        let is_nothing = matches!(told, Value::Unknown | Value::Timing(Timing::NotApplicable(TOO_SHORT)));
        assert!(is_nothing, "{}: {told:?}", kind.key);
    }
}

#[test]
fn the_highest_p99_of_what_was_measured_is_one_at_least_where_not_all_was() {
    let peak_p99 = Some(std::time::Duration::from_millis(120));
    let said = |due_late| PEAK_P99.say(&StepNumbers { due_late, peak_p99, ..StepNumbers::default() });
    assert_eq!([said(0), said(5)], ["120 ms", "≥ 120 ms"]);
}

#[test]
fn what_no_generator_reported_was_not_achieved() {
    let numbers = StepNumbers { due: 90, sent: 90, planned: Some(100), ..StepNumbers::default() };
    assert_eq!(ACHIEVED.value(&numbers), Value::Part { part: 90, whole: 100 });
    assert_eq!(ACHIEVED.value(&StepNumbers { planned: None, ..numbers }), Value::Part { part: 90, whole: 90 });
}
