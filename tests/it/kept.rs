//! Recordings that an earlier version made are read, and what is derived from them is what it was, to the letter.
//!
//! `tests/fixtures/session-0.1` has two sessions of 40 s against the demo, on either platform, with the files that 0.1.0
//! wrote for them. What has been added since has columns and fields of its own, and they are empty: the recordings know
//! nothing of it. A definition that changes on purpose changes these files in the same commit; nothing else does. So far: the
//! last point of a late metric is believed until its own period ends, where 0.1.0 believed it for a minute (two cells); what was
//! there all along was not waited for, though a step of eight seconds cannot show it held for ten (one cell, its words).

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
        let (was, is) = both("summary.json");
        let (was, is): (Value, Value) = (serde_json::from_str(&was).unwrap(), serde_json::from_str(&is).unwrap());
        assert_contains(&format!("{platform}/summary.json"), &was, &is);
    }
}

/// The columns of `was` are in `is`, in their order and to the letter; those in between are empty, or count nothing.
fn assert_old_columns_are_the_same(name: &str, was: &str, is: &str) {
    let (was, is) = (table(was), table(is));
    assert_eq!(was.len(), is.len(), "{name}");
    let is_old: Vec<bool> = is[0].iter().map(|column| was[0].contains(column)).collect();
    assert_eq!(is[0][..was[0].len()], was[0], "{name}: new columns stand at the end");
    for (line, (was, is)) in was.iter().zip(&is).enumerate() {
        let pick =
            |old: bool| is.iter().zip(&is_old).filter(move |(_, is_old)| **is_old == old).map(|(field, _)| field);
        assert_eq!(pick(true).collect::<Vec<_>>(), was.iter().collect::<Vec<_>>(), "{name}, line {}", line + 1);
        if line > 0 {
            assert!(pick(false).all(|field| field.is_empty() || field == "0"), "{name}, line {}", line + 1);
        }
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
