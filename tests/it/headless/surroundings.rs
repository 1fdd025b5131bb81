//! What happens around a run: its folder goes, answers do not come, instances have strange names.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::faults::{Fault, Service};
use crate::support::program::{Running, Workplace, service, url};
use crate::support::turn;

const HOUR: &str = "[[stage]]\nname = \"long\"\nrate = 20\nduration = \"1h\"\n";

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "how soon a process notices is real time")]
fn a_folder_that_is_deleted_or_moved_is_noticed_and_the_session_goes_on_whole() {
    for moved in [false, true] {
        let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
        let plan = work.plan(HOUR);
        let folder = work.path().join("out");
        let mut running = Running::start(work.command(&["run", &plan, &url(&service), "--out", "out"]));
        running.wait_for("in flight");
        if moved {
            std::fs::rename(&folder, work.path().join("away")).unwrap();
        } else {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        let gone = Instant::now();
        running.wait_for("warning: the session's folder was deleted or moved: the recording goes on, whole, in out");
        assert!(gone.elapsed() < Duration::from_secs(2), "{:?}", gone.elapsed());
        // It goes again, and its name is taken: a folder beside it.
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "in the way").unwrap();
        running.wait_for("the recording goes on, whole, in out-2");
        running.signal("INT");
        let ended = running.end();
        ended.assert_code(130);
        assert!(ended.stdout.contains("files: out-2\n"), "{}", ended.stdout);
        let timeline = std::fs::read_to_string(work.path().join("out-2/timeline.csv")).unwrap();
        let first: Vec<_> = timeline.lines().nth(1).unwrap().split(',').take(2).collect();
        assert_eq!(first[1], "0", "from the first second on: {timeline}");
        assert!(work.path().join("out-2/report.html").exists());
    }
}

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "how long a process waits is real time")]
fn for_what_the_end_waits_is_said_and_it_is_no_longer_than_that() {
    let (work, service) = (Workplace::new(), Service::start(Fault::Silent));
    let plan = work.plan(HOUR);
    let mut running = Running::start(work.command(&["run", &plan, &service.url(), "--timeout", "2s"]));
    running.wait_for("in flight");
    running.signal("INT");
    let asked = Instant::now();
    running.wait_for("waiting up to 3 s for");
    running.end().assert_code(130);
    // The files are written after it.
    assert!(asked.elapsed() < Duration::from_secs(3) + Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn long_ids_that_are_alike_at_their_beginning_are_told_apart_everywhere() {
    let (work, service) = (Workplace::new(), Service::start(Fault::LongIds));
    let plan = work.plan("[[stage]]\nrate = 30\nduration = \"2s\"\n");
    let ended = work.run(&["run", &plan, &service.url()]);
    assert!(matches!(ended.code, 0 | 4), "{ended:?}");
    assert!(ended.stdout.contains("instances seen: 3"), "{}", ended.stdout);
    assert!(ended.stderr.contains("a digest of the whole"), "{}", ended.stderr);
    let session = work.session();
    let read = |name: &str| std::fs::read_to_string(session.join(name)).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).unwrap();
    let ids: std::collections::BTreeSet<_> =
        summary["instances"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 3, "{summary}");
    for id in &ids {
        assert!(id.starts_with("checkout-") && id.len() == 64, "{id}");
        for file in ["instances.csv", "report.html", "recording.jsonl"] {
            assert!(read(file).contains(id.as_str()), "{file}: {id}");
        }
    }
}

#[test]
fn a_header_that_names_requests_counts_no_instances_and_thresholds_on_them_cannot_be_told() {
    let (work, service) = (Workplace::new(), Service::start(Fault::NamesRequests));
    let plan = work.plan(
        "[[stage]]\nname = \"only\"\nrate = 50\nduration = \"2s\"\n[thresholds]\n\"only.instances\" = \"< 3\"\nachieved = \"> 1%\"\n",
    );
    let ended = work.run_valid(&["run", &plan, &service.url()]);
    ended.assert_code(5);
    assert!(ended.stderr.contains("the header names requests, not instances"), "{}", ended.stderr);
    assert!(ended.stdout.contains("UNDECIDED only.instances"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("instances seen"), "{}", ended.stdout);
}

#[test]
fn a_report_is_legible_where_a_policy_blocks_its_style_and_script() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan("[[stage]]\nrate = 30\nduration = \"3s\"\n[[stage]]\nrate = 60\nduration = \"3s\"\n");
    work.run(&["run", &plan, &url(&service)]);
    let page = std::fs::read_to_string(work.session().join("report.html")).unwrap();
    let shapes =
        page.split('<').filter(|tag| ["path ", "rect ", "line ", "text "].iter().any(|shape| tag.starts_with(shape)));
    let mut count = 0;
    for shape in shapes {
        count += 1;
        let colour = if shape.starts_with("line ") { "stroke=\"" } else { "fill=\"" };
        assert!(shape.contains(colour), "{shape}");
        // A curve that is not told to be empty is a black area.
        assert!(!shape.contains("class=\"line ") || shape.contains("fill=\"none\" stroke=\"#"), "{shape}");
    }
    assert!(count > 50, "{count}");
    assert!(page.contains("The style of this page is blocked") && page.contains("Scripts are blocked"), "it is said");
}

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "a process is stopped for a time")]
fn a_generator_that_is_stopped_for_two_seconds_blames_the_service_for_nothing() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(20)));
    let plan = work.plan("[[stage]]\nrate = 100\nduration = \"8s\"\n");
    let mut running = Running::start(work.command(&["run", &plan, &url(&service)]));
    running.wait_for("in flight");
    running.signal("STOP");
    std::thread::sleep(Duration::from_secs(2));
    running.signal("CONT");
    let ended = running.end();
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(work.session().join("summary.json")).unwrap()).unwrap();
    let step = &summary["steps"][0]["numbers"];
    assert_eq!(summary["totals"]["due"], 800, "every arrival is accounted for: {summary:#}");
    assert_eq!((&step["lost"], &step["bad_seconds"]), (&0.into(), &0.into()), "{step:#}");
    assert!(step["not_measured_s"].as_f64() > Some(0.0), "{step:#}");
    assert_eq!(ended.code, 4, "two seconds of eight could have changed every number: {}", ended.stdout);
}

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "a process is killed after a time")]
fn a_session_that_was_killed_keeps_every_second_but_the_last_and_its_files_can_be_made() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let mut running = Running::start(work.command(&["run", &work.plan(HOUR), &url(&service), "--out", "out"]));
    running.wait_for("in flight");
    std::thread::sleep(Duration::from_secs(3));
    running.signal("KILL");
    running.end();
    assert!(!work.path().join("out/summary.json").exists(), "nothing was written at its end");
    let ended = work.run(&["report", "out"]);
    assert!(ended.assert_code(0).stdout.contains("out"), "{}", ended.stdout);
    let timeline = std::fs::read_to_string(work.path().join("out/timeline.csv")).unwrap();
    assert!(timeline.lines().skip(1).count() >= 3, "{timeline}");
}
