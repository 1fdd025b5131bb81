//! What is derived from a recording, read back from the files: that the report is small and of a piece with the CSV files,
//! and that text somebody else wrote does no harm in any of them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::support::world::{HARMFUL, Network, SPIKES, Stage, World, header, hostile};
use scaletop::RecordingWriter;
use scaletop::summary;
use scaletop::{Contender, compare, table};
use scaletop::{FILES, export};

fn record(folder: &Path, network: Network, stages: &[Stage], seconds: u32, harm: bool) {
    let mut writer = RecordingWriter::create(folder, &header(1)).unwrap();
    let mut world = World::new(1, network, stages);
    let extra = if harm { hostile() } else { Vec::new() };
    for event in World::beginning().iter().chain(&extra) {
        writer.append(event).unwrap();
    }
    for _ in 0..seconds {
        for event in world.second() {
            writer.append(&event).unwrap();
        }
    }
    for event in world.end() {
        writer.append(&event).unwrap();
    }
}

fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// A light load: the size of the report follows the number of seconds and values, not that of requests.
const LIGHT: [Stage; 4] = [Stage::of(2, 300), Stage::of(20, 900), Stage::ramp(20, 5, 300), Stage::of(11, 600)];

#[test]
fn every_file_is_written_under_its_name_and_none_is_left_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), Network::Near, &LIGHT, 20, false);
    export(folder.path()).unwrap();
    let mut found: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut expected: Vec<_> =
        FILES.iter().map(|&name| name.to_owned()).chain(["recording.jsonl".to_owned()]).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn making_the_files_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), Network::Far, &LIGHT, 40, true);
    let read = || FILES.map(|name| fs::read(folder.path().join(name)).unwrap());
    export(folder.path()).unwrap();
    let once = read();
    export(folder.path()).unwrap();
    assert!(once == read());
}

#[test]
fn the_report_of_an_hour_with_widely_spread_values_stays_under_half_a_megabyte() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), Network::Far, &LIGHT, 3_600, false);
    export(folder.path()).unwrap();
    let size = fs::metadata(folder.path().join("report.html")).unwrap().len();
    assert!(size < 500_000, "{size} bytes");
}

#[test]
fn summary_steps_and_timeline_add_up() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), Network::Near, &SPIKES, 75, false);
    export(folder.path()).unwrap();
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("summary.json")).unwrap()).unwrap();
    let sum = |file: &str, column: &str| -> u64 {
        rows(&folder.path().join(file)).iter().map(|row| row[column].parse::<u64>().unwrap()).sum()
    };
    for column in ["due", "sent", "ok"] {
        let total = summary["totals"][column].as_u64().unwrap();
        let of_steps: u64 =
            summary["steps"].as_array().unwrap().iter().map(|step| step["numbers"][column].as_u64().unwrap()).sum();
        let all = [sum("timeline.csv", column), sum("cohorts.csv", column), sum("steps.csv", column), of_steps];
        assert_eq!(all, [total; 4], "{column}");
    }
}

#[test]
fn harmful_text_does_no_harm_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), Network::Near, &LIGHT, 30, true);
    let exported = export(folder.path()).unwrap();
    for name in FILES {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        let acts = text.chars().find(|&c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c));
        assert_eq!(acts, None, "{name} holds a character that acts");
    }
    for name in FILES.iter().filter(|name| name.split('.').next_back() == Some("csv")) {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(folder.path().join(name)).unwrap();
        for field in reader.records().flat_map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()) {
            let is_number = field.parse::<f64>().is_ok();
            assert!(
                is_number || !field.trim_start().starts_with(['=', '+', '-', '@']),
                "{name}: {field:?} is a formula"
            );
        }
    }
    let events = rows(&folder.path().join("events.csv"));
    let marks = events.iter().filter(|row| row["event"] == "mark").count();
    assert_eq!(marks, HARMFUL.len(), "a mark is one row, whatever is in it");
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert_eq!((page.matches("<script").count(), page.matches("<img").count()), (2, 0));
    assert!(page.contains("&lt;img src=x onerror=alert(4)&gt;"));
    let session = exported.halves.first();
    let contenders = [Contender { name: HARMFUL[4], session }, Contender { name: HARMFUL[7], session }];
    let shown = table(&contenders, &compare(&contenders)) + &summary::text(session);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
}

#[test]
fn a_recording_that_was_cut_off_still_makes_every_file_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), Network::Near, &LIGHT, 30, false);
    let path = folder.path().join("recording.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let exported = export(folder.path()).unwrap();
    assert!(exported.damage.torn_end);
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("The recording is damaged") && page.contains("does not say how the session ended"));
}
