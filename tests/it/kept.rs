//! Recordings that an earlier version made are read, and what is derived from them is what it was, to the letter.
//!
//! `tests/fixtures/session-0.1` has two sessions of 40 s against the demo, on either platform, with the files that 0.1.0
//! wrote for them. What came later stands behind it: new columns at the end of a line, new fields in an object. A definition
//! that changes on purpose changes these files in the same commit; nothing else does.

use std::fs;
use std::path::Path;

use scaletop::export;
use serde_json::Value;

/// What is derived, but for `summary.json` and for the page of the report, which is free to look better.
const TO_THE_LETTER: [&str; 6] =
    ["timeline.csv", "cohorts.csv", "steps.csv", "instances.csv", "events.csv", "latency.hlog"];

#[test]
fn a_recording_of_an_earlier_version_makes_the_same_files_to_the_letter() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/session-0.1");
    for platform in ["app-runner", "ecs"] {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(kept.join(platform).join("recording.jsonl"), folder.path().join("recording.jsonl")).unwrap();
        export(folder.path()).unwrap();
        let read = |name: &str| {
            let was = fs::read_to_string(kept.join(platform).join(name)).unwrap();
            (was, fs::read_to_string(folder.path().join(name)).unwrap())
        };
        for name in TO_THE_LETTER {
            let (was, is) = read(name);
            assert_eq!(is.lines().count(), was.lines().count(), "{platform}/{name}");
            for (line, (was, is)) in was.lines().zip(is.lines()).enumerate() {
                let is_same = is == was || is.strip_prefix(was).is_some_and(|more| more.starts_with(','));
                assert!(is_same, "{platform}/{name}, line {}:\n{is}\nwas\n{was}", line + 1);
            }
        }
        let (was, is) = read("summary.json");
        compare("", &serde_json::from_str(&was).unwrap(), &serde_json::from_str(&is).unwrap());
    }
}

/// Holds every value that was against the one that is.
fn compare(at: &str, was: &Value, is: &Value) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            for (key, was) in was {
                compare(&format!("{at}.{key}"), was, is.get(key).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            was.iter().zip(is).enumerate().for_each(|(n, (was, is))| compare(&format!("{at}[{n}]"), was, is));
        }
        _ => assert_eq!(is, was, "summary.json{at}"),
    }
}
