//! Recordings that an earlier version made are read, and what is derived from them is what it was, to the letter.
//!
//! `tests/fixtures/session-0.1` has two sessions of 40 s against the demo, on either platform, with the files that 0.1.0
//! wrote for them. A definition that changes on purpose changes these files in the same commit; nothing else does.

use std::fs;
use std::path::Path;

use scaletop::export;

/// What is derived, but for the page of the report, which is free to look better.
const TO_THE_LETTER: [&str; 7] =
    ["timeline.csv", "cohorts.csv", "steps.csv", "instances.csv", "events.csv", "latency.hlog", "summary.json"];

#[test]
fn a_recording_of_an_earlier_version_makes_the_same_files_to_the_letter() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/session-0.1");
    for platform in ["app-runner", "ecs"] {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(kept.join(platform).join("recording.jsonl"), folder.path().join("recording.jsonl")).unwrap();
        export(folder.path()).unwrap();
        for name in TO_THE_LETTER {
            let was = fs::read_to_string(kept.join(platform).join(name)).unwrap();
            let is = fs::read_to_string(folder.path().join(name)).unwrap();
            for (line, (was, is)) in was.lines().zip(is.lines()).enumerate() {
                assert_eq!(is, was, "{platform}/{name}, line {}", line + 1);
            }
            assert!(is == was, "{platform}/{name} has another end");
        }
    }
}
