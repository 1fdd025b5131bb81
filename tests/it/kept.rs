//! Recordings that an earlier version made are read, and what is derived from them is what it was, to the letter.
//!
//! `tests/fixtures/session-0.1` has two sessions of 40 s against the demo, on either platform, with the files that 0.1.0
//! wrote for them. What has been added since has columns and fields of its own, and they are empty: the recordings know
//! nothing of it, or tell apart what stood in one. A definition that changes on purpose changes these files in the same commit;
//! nothing else does. So far: the last point of a late metric is believed until its own period ends, where 0.1.0 believed it
//! for a minute (two cells); percentiles, and `response` in latency.hlog, are of OK answers, where refusals made them better
//! (a p50 of 0.3 ms was 80.7); `T_capacity` is the first OK answer of the instance that completes the
//! count; what was there all along was not waited for, 0 s, though a step of eight seconds cannot show it held for ten (one cell, its
//! words); the period of a metric that straddles a step's start shows what came in it, and is not what was before (the first
//! instance, counted in the first step of App Runner's session, and its first response); what a metric's point shows stands from the
//! end of its period on, in `instances_active` too (four cells of two files); a step that ended while the objective held again, for too
//! short, says so (the words of two steps); counts in words name what they count, and how many are left (the words of two steps); a time
//! that was not reached has its bound in a column of its own, where `>22` stood among numbers (three cells).

use std::fs;
use std::path::Path;

use scaletop::export;
use serde_json::Value;

/// What is derived and has not grown, but for the page of the report, which is free to look better.
const TO_THE_LETTER: [&str; 3] = ["instances.csv", "events.csv", "latency.hlog"];

/// Tables that have more columns now.
const GROWN: [&str; 3] = ["timeline.csv", "cohorts.csv", "steps.csv"];

#[test]
fn a_recording_of_an_earlier_version_makes_the_same_files_to_the_letter() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/session-0.1");
    for platform in ["app-runner", "ecs"] {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(kept.join(platform).join("recording.jsonl"), folder.path().join("recording.jsonl")).unwrap();
        export(folder.path()).unwrap();
        let both = |name: &str| {
            let was = fs::read_to_string(kept.join(platform).join(name)).unwrap();
            (was, fs::read_to_string(folder.path().join(name)).unwrap())
        };
        for name in TO_THE_LETTER {
            let (was, is) = both(name);
            for (line, (was, is)) in was.lines().zip(is.lines()).enumerate() {
                let is_same = is == was || is.strip_prefix(was).is_some_and(|more| more.starts_with(','));
                assert!(is_same, "{platform}/{name}, line {}:\n{is}\nwas\n{was}", line + 1);
            }
        }
        for name in GROWN {
            let (was, is) = both(name);
            assert_old_columns_are_the_same(&format!("{platform}/{name}"), &was, &is);
        }
        let bounds = bounds(&both("steps.csv").1);
        let told: Vec<_> =
            bounds.iter().map(|(step, column, field)| (step.as_str(), column.as_str(), field.as_str())).collect();
        let expected = if platform == "ecs" { &BOUNDS[..1] } else { &BOUNDS[..] };
        assert_eq!(told, expected, "{platform}: what stood as `>22` and `>8` in columns of numbers");
        let (was, is) = both("summary.json");
        let (was, is): (Value, Value) = (serde_json::from_str(&was).unwrap(), serde_json::from_str(&is).unwrap());
        assert_contains(&format!("{platform}/summary.json"), &was, &is);
    }
}

/// New columns that tell apart what stood in one before.
const TOLD_APART: [&str; 3] = ["failed_", "all_", "judged"];

/// The bounds of times that were not reached, by step and column.
const BOUNDS: [(&str, &str, &str); 2] = [("2", "t_recover_bound_s", "22"), ("3", "t_scale_in_bound_s", "8")];

/// The same of the steps of `csv`.
fn bounds(csv: &str) -> Vec<(String, String, String)> {
    let rows = table(csv);
    let cells =
        rows[1..].iter().flat_map(|row| rows[0].iter().zip(row).map(|(column, field)| (&row[0], column, field)));
    let told = cells.filter(|(_, column, field)| column.ends_with("_bound_s") && !field.is_empty());
    told.map(|(step, column, field)| (step.clone(), column.clone(), field.clone())).collect()
}

/// The columns of `was` are in `is`, in their order and to the letter; the others are empty, or count nothing.
fn assert_old_columns_are_the_same(name: &str, was: &str, is: &str) {
    let (was, is) = (table(was), table(is));
    assert_eq!(was.len(), is.len(), "{name}");
    let (columns, old) = (&is[0], &was[0]);
    assert_eq!(columns[..old.len()], *old, "{name}: new columns stand at the end");
    for (line, (was, is)) in was.iter().zip(&is).enumerate().skip(1) {
        let fields = || is.iter().zip(columns);
        let kept: Vec<_> = fields().filter(|(_, column)| old.contains(column)).map(|(field, _)| field).collect();
        assert_eq!(kept, was.iter().collect::<Vec<_>>(), "{name}, line {}", line + 1);
        let is_new = |column: &String| {
            !old.contains(column)
                && !TOLD_APART.iter().any(|begin| column.starts_with(begin))
                && !column.ends_with("_bound_s")
        };
        let mut new = fields().filter(|(_, column)| is_new(column));
        assert!(new.all(|(field, _)| field.is_empty() || field == "0"), "{name}, line {}", line + 1);
    }
}

fn table(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// Every value of `was` is in `is`.
fn assert_contains(path: &str, was: &Value, is: &Value) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            was.iter().for_each(|(key, was)| assert_contains(&format!("{path}.{key}"), was, &is[key]));
        }
        (Value::Array(was), Value::Array(is)) => {
            assert_eq!(was.len(), is.len(), "{path}");
            was.iter().zip(is).for_each(|(was, is)| assert_contains(path, was, is));
        }
        _ => assert_eq!(is, was, "{path}"),
    }
}
