//! A session with two targets: the same arrivals for both, one recording, files and pages of both, a replay of both.

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use crate::support::program::{Workplace, service, url};
#[cfg(unix)]
use crate::support::terminal::Terminal;
#[cfg(unix)]
use crate::support::turn;
use crate::support::world::{Network, Stage, World, header};
use scaletop::{
    Effect, Event, FILES, Halves, Header, Live, Recorded, RecordingWriter, SeekableRecording, SessionEvent, Side,
    State, export, update,
};
use scaletop_units::{ArrivalRate, Elapsed};
use serde_json::Value;

const LOAD: [Stage; 3] = [Stage::of(2, 20), Stage::of(40, 30), Stage::of(12, 900)];

fn both() -> Header {
    let header = header(7);
    let mut second = header.settings.clone();
    "ecs:default/other".clone_into(&mut second.target);
    header.beside(second)
}

/// Runs a session with two targets through the reducer and the writer of a live one. What was known after each event.
fn record(folder: &Path, seconds: u32) -> Vec<(Elapsed, Halves)> {
    let mut writer = RecordingWriter::create(folder, &both()).unwrap();
    let mut state = State::live(both(), Live::new(ArrivalRate::new(600)));
    let mut moments = Vec::new();
    let mut happen = |at: Elapsed, event: Event| {
        for effect in update(&mut state, at, event) {
            if let Effect::Record(recorded) = effect {
                writer.append(&recorded).unwrap();
                moments.push((recorded.at, state.halves().clone()));
            }
        }
    };
    let mut worlds =
        [(Side::First, World::new(7, Network::Near, &LOAD)), (Side::Second, World::new(8, Network::Far, &LOAD))];
    for _ in 0..seconds {
        for (side, world) in &mut worlds {
            for Recorded { at, event, .. } in world.second() {
                match event {
                    // The load has one rate.
                    SessionEvent::Rate(change) if *side == Side::First => happen(at, Event::Rate(change)),
                    SessionEvent::Rate(_) => {}
                    event => happen(at, Event::Half(*side, event)),
                }
            }
        }
    }
    let ended = SessionEvent::Ended { reason: "the user quit".to_owned() };
    happen(Elapsed::from_secs(seconds.into()), Event::Session(ended));
    moments
}

#[test]
fn a_replay_knows_of_both_what_the_live_session_knew_to_and_fro() {
    let folder = tempfile::tempdir().unwrap();
    let moments = record(folder.path(), 70);
    let (_, last) = moments.last().unwrap();
    assert!(last.second().is_some_and(|second| second.steps().len() == last.first().steps().len()));
    let mut recording = SeekableRecording::open(folder.path()).unwrap();
    let mut halves = Halves::new(recording.header());
    for position in [10_500, 45_000, 71_000, 20_100, 70_300, 0, 71_000].map(Elapsed::from_millis) {
        if let Some(other) = recording.seek(halves.now(), position, std::time::Duration::ZERO).unwrap() {
            halves = (*other).clone();
        }
        while let Some(recorded) = recording.next_until(position).unwrap() {
            halves.apply(&recorded);
        }
        let known = moments.iter().take_while(|(at, _)| *at <= position).last();
        let known = known.map_or_else(|| Halves::new(&both()), |(_, known)| known.clone());
        assert!(halves == known, "another state at {position:?}");
    }
}

#[test]
fn the_files_of_the_second_target_have_a_folder_of_their_own_and_the_page_shows_both() {
    let folder = tempfile::tempdir().unwrap();
    let moments = record(folder.path(), 70);
    let exported = export(folder.path()).unwrap();
    assert!(exported.halves == moments.last().unwrap().1);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    for name in FILES {
        assert!(!read(name).is_empty() && !read(&format!("second/{name}")).is_empty(), "{name}");
    }
    let summary = |name: &str| -> Value { serde_json::from_str(&read(name)).unwrap() };
    assert_eq!(summary("second/summary.json")["session"]["target"], "ecs:default/other");
    assert_ne!(summary("summary.json")["totals"]["ok"], summary("second/summary.json")["totals"]["ok"]);
    let page = read("report.html");
    for part in ["B ecs:default/other", "B − A", "2→40/s", "data-half=\"1\"", "id=\"data-second\""] {
        assert!(page.contains(part), "{part}");
    }
    // Each chart once a target.
    for title in ["Rate", "Response time", "Errors and drops", "Instances"] {
        assert_eq!(page.matches(&format!("aria-label=\"{title}\"")).count(), 2, "{title}");
    }
    assert!(!read("second/report.html").contains("data-half=\""), "that of one target is as ever");
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_second_folder_is_not_followed() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    record(folder.path(), 5);
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("second")).unwrap();
    let error = export(folder.path()).unwrap_err().to_string();
    assert!(error.contains("second") && error.contains("move it away"), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// How long the live session on the screen has run, in seconds.
#[cfg(unix)]
fn running(screen: &str) -> u32 {
    let after = screen.split("LIVE").nth(1).unwrap_or_default();
    let clock: String = after.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == ':').collect();
    let (minutes, seconds) = clock.split_once(':').unwrap_or_default();
    minutes.parse::<u32>().unwrap_or(0) * 60 + seconds.parse::<u32>().unwrap_or(0)
}

#[cfg(unix)]
#[test]
fn app_runner_beside_ecs_get_the_same_arrivals_and_leave_one_session_that_every_command_reads() {
    let _turn = turn();
    let place = Workplace::new();
    let args =
        ["live", "demo:apprunner", "demo:ecs", "--cold-start", "1s", "--arrivals", "poisson", "--out", "session"];
    let mut terminal = Terminal::start(40, 120, &args, place.path());
    terminal.wait("both targets", |screen| screen.contains("A demo:apprunner") && screen.contains("B demo:ecs"));
    terminal.press("1");
    terminal.wait_for("0→50");
    let started = running(&terminal.text());
    terminal.wait("some seconds of load", |screen| running(screen) >= started + 3);
    terminal.press("2");
    terminal.wait_for("50→100");
    terminal.wait("some seconds more", |screen| running(screen) >= started + 6);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    terminal.wait_for("both:  scaletop compare session");

    let due = |name: &str| {
        let text = fs::read_to_string(place.path().join("session").join(name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["totals"]["due"].as_u64().unwrap()
    };
    assert!(due("summary.json") > 200, "{}", due("summary.json"));
    assert_eq!(due("summary.json"), due("second/summary.json"), "each due request goes once to each");

    fs::remove_dir_all(place.path().join("session/second")).unwrap();
    let report = place.run(&["report", "session"]);
    report.assert_code(0);
    assert!(report.stdout.contains("A demo:apprunner") && report.stdout.contains("B demo:ecs"), "{}", report.stdout);
    assert_eq!(due("summary.json"), due("second/summary.json"));

    let compared = place.run(&["compare", "session"]);
    compared.assert_code(0);
    // Whether a step counts is this machine's affair.
    for part in ["A  session: demo:apprunner", "B  session: demo:ecs", "page: compare.html"] {
        assert!(compared.stdout.contains(part), "{part}: {}", compared.stdout);
    }

    let mut replay = Terminal::start(24, 80, &["replay", "session"], place.path());
    replay.wait("both targets", |screen| screen.contains("A demo:apprunner") && screen.contains("B demo:ecs"));
    replay.press("\u{1b}[F");
    replay.wait_for("at the end");
    replay.press("q");
    assert_eq!(replay.ended(), 0);
}

/// A plan of two seconds whose threshold says nothing of how quick this machine is.
#[cfg(unix)]
const PLAN: &str =
    "name = \"both\"\n[[stage]]\nname = \"only\"\nrate = 20\nduration = \"2s\"\n[thresholds]\nok = \"> 50%\"\n";

#[cfg(unix)]
#[test]
fn a_plan_on_two_targets_is_one_session_and_its_exit_code_is_the_worse_of_both() {
    let _turn = turn();
    let (place, well) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = place.plan(PLAN);
    let (good, bad) = (url(&well), url(&well).replace("/api/test", "/no/such/path"));
    assert_ne!(good, bad);
    let both = place.run_valid(&["run", &plan, &good, &bad]);
    both.assert_code(3);
    for part in [&format!("A {good}"), &format!("B {bad}"), "threshold: passed ok > 50%", "both:  scaletop compare"] {
        assert!(both.stdout.contains(part), "{part}: {}", both.stdout);
    }
    let (_, second) = both.stdout.split_once("\nB ").unwrap();
    assert!(second.contains("verdict: failed: "), "{}", both.stdout);
    let session = place.session();
    let summary =
        |name: &str| -> Value { serde_json::from_str(&fs::read_to_string(session.join(name)).unwrap()).unwrap() };
    let due = ["summary.json", "second/summary.json"].map(|name| summary(name)["totals"]["due"].as_u64());
    assert!(due[0] == due[1] && due[0] > Some(20), "each arrival once to each: {due:?}");
    // Whichever is named first, and whoever reads it.
    let other = place.run_valid(&["run", &bad, &plan, &good, "--json"]);
    other.assert_code(3);
    let told: Value = serde_json::from_str(&other.stdout).unwrap();
    assert_eq!((&told["verdict"]["exit_code"], &told["second"]["verdict"]["exit_code"]), (&3.into(), &0.into()));
    let junit = place.run_valid(&["run", &plan, &good, &good, "--format", "junit"]);
    junit.assert_code(0);
    let suites = [format!("name=\"both: A {good}\""), format!("name=\"both: B {good}\"")];
    assert!(suites.iter().all(|suite| junit.stdout.contains(suite)), "{}", junit.stdout);
    place.run(&["run", &plan, &good, &bad, "--check"]).assert_code(0);
    let bare = place.run_valid(&["run", &good, &good, "--rate", "10", "--duration", "1s"]);
    bare.assert_code(0);
    for letter in ["A ", "B "] {
        let is_progress = |line: &str| line.starts_with(letter) && line.contains("  target ");
        assert!(bare.stderr.lines().any(is_progress), "progress of both: {}", bare.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_session_with_one_target_alone_is_nothing_to_compare() {
    let place = Workplace::new();
    let folder = place.path().join("one");
    fs::create_dir(&folder).unwrap();
    RecordingWriter::create(&folder, &header(7)).unwrap();
    let ended = place.run(&["compare", "one"]);
    ended.assert_code(2);
    assert!(ended.stderr.contains("a session with two targets"), "{}", ended.stderr);
}
