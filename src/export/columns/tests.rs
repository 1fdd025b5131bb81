//! What docs/files.md says of the columns is what the files have: names, order, types and units.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;

/// What the page says of a column.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    name: String,
    kind: String,
    unit: String,
}

/// The columns of the table that begins with the comment `columns: NAME`.
fn said(table: &str) -> Vec<Said> {
    let page = include_str!("../../../docs/files.md");
    let (_, rest) = page.split_once(&format!("<!-- columns: {table} -->")).expect("a place for the table");
    let (rows, _) = rest.split_once("<!-- end -->").expect("a beginning without an end");
    let mut said = Vec::new();
    for row in rows.trim().lines().skip(2) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, names, kind, unit, ..] = cells.as_slice() else { panic!("no row of four cells: {row}") };
        let names = names.split('`').filter(|name| !name.trim().is_empty());
        said.extend(names.map(|name| Said {
            name: name.to_owned(),
            kind: (*kind).to_owned(),
            unit: (*unit).to_owned(),
        }));
    }
    said
}

/// What the page says of every file, by the file's name.
fn pages() -> BTreeMap<&'static str, Vec<Said>> {
    let timeline = said("timeline");
    let ((first, last), (others, latest)) = (COHORT_COLUMNS, timeline.split_at(timeline.len() - LATEST_COLUMNS));
    let mut cohorts = others[..first].to_vec();
    cohorts.extend_from_slice(&others[others.len() - last..]);
    cohorts.extend(said("cohorts"));
    cohorts.extend_from_slice(latest);
    let of = |name| (name, said(name));
    BTreeMap::from([("timeline", timeline), ("cohorts", cohorts), of("steps"), of("instances"), of("events")])
}

#[test]
fn the_page_has_every_column_in_its_place() {
    let pages = pages();
    let names = |file: &str| pages[file].iter().map(|said| said.name.clone()).collect::<Vec<_>>();
    assert_eq!(names("timeline"), TIMELINE);
    assert_eq!(names("cohorts"), cohorts());
    assert_eq!(names("steps"), steps());
    assert_eq!(names("instances"), INSTANCES);
    assert_eq!(names("events"), EVENTS);
}

#[test]
fn a_name_that_ends_in_a_unit_has_it() {
    const ENDINGS: [(&str, &str); 4] = [("_ms", "ms"), ("_s", "s"), ("_rps", "requests/s"), ("_percent", "%")];
    for said in pages().values().flatten().filter(|said| said.name != "waste_instance_s") {
        if let Some((_, unit)) = ENDINGS.iter().find(|(ending, _)| said.name.ends_with(ending)) {
            assert_eq!(said.unit, *unit, "{}", said.name);
        }
    }
    let steps = said("steps");
    for kind in numbers::kinds() {
        let said = steps.iter().find(|said| said.name == kind.key).expect("each number has a column");
        assert_eq!(said.unit, kind.unit.name(), "{}", kind.key);
    }
}

#[test]
fn every_value_is_of_its_columns_type() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/session-0.1");
    let pages = pages();
    for platform in ["app-runner", "ecs"] {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(kept.join(platform).join("recording.jsonl"), folder.path().join("recording.jsonl")).unwrap();
        crate::export::export(folder.path()).unwrap();
        for (file, columns) in &pages {
            let mut reader = csv::Reader::from_path(folder.path().join(format!("{file}.csv"))).unwrap();
            for (line, record) in reader.records().map(Result::unwrap).enumerate() {
                if *file == "events" {
                    let event = format!("\n| `{}` | ", &record[2]);
                    assert!(
                        include_str!("../../../docs/files.md").contains(&event),
                        "docs/files.md has no event {event}"
                    );
                }
                for (said, field) in columns.iter().zip(&record).filter(|(_, field)| !field.is_empty()) {
                    assert!(
                        is_of(&said.kind, field),
                        "{platform}/{file}.csv, line {}, {}: {field}",
                        line + 2,
                        said.name
                    );
                }
            }
        }
    }
}

/// Whether `field` is what the page calls `kind`.
fn is_of(kind: &str, field: &str) -> bool {
    match kind {
        "integer" => field.parse::<i64>().is_ok(),
        "number" => field.parse::<f64>().is_ok_and(f64::is_finite),
        "timestamp" => field.parse::<jiff::Timestamp>().is_ok() && field.ends_with('Z'),
        "text" => true,
        _ => panic!("docs/files.md has a type `{kind}`"),
    }
}
