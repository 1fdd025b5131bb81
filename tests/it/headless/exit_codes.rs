//! Every exit code that is promised, from the real binary.

use std::time::Duration;

use crate::support::program::{Workplace, service, url};
use crate::support::turn;

const QUICK: Duration = Duration::from_millis(20);

/// Two stages of two seconds each: what is shorter merges into one step. Enough requests that p99 is not the slowest.
const STAGES: &str = "[[stage]]\nname = \"low\"\nrate = 100\nduration = \"2s\"\n\
                      [[stage]]\nname = \"high\"\nrate = 200\nduration = \"2s\"\n";

fn with_thresholds(thresholds: &str) -> String {
    format!("{STAGES}[thresholds]\n{thresholds}\n")
}

#[test]
fn a_plan_whose_thresholds_hold_ends_with_0() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(QUICK));
    let plan = work
        .plan(&with_thresholds("achieved = \"> 99%\"\nerrors = \"< 1%\"\n\"high.lost\" = \"< 1\"\nmax = \"< 10s\""));
    let ended = work.run_valid(&["run", &plan, &url(&service)]);
    ended.assert_code(0);
    assert!(ended.stdout.contains("verdict: passed: all 4 thresholds held"), "{}", ended.stdout);
}

#[test]
fn what_cannot_be_done_ends_with_1_before_any_load() {
    let (work, service) = (Workplace::new(), service(QUICK));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = work.run(&["run", &work.plan(STAGES), &url(&service), "--metrics", &address]);
    assert!(ended.assert_code(1).stderr.contains(&address), "{}", ended.stderr);
    assert!(!work.path().join("scaletop-sessions").exists(), "nothing was begun");
}

#[test]
fn wrong_words_end_with_2() {
    let (work, service) = (Workplace::new(), service(QUICK));
    let ended = work.run(&["run", "no-such-plan.toml", &url(&service)]);
    assert!(ended.assert_code(2).stderr.contains("no-such-plan.toml"));
    let ended = work.run(&["run", &work.plan(&with_thresholds("\"higher.lost\" = \"< 1\"")), &url(&service)]);
    let error = &ended.assert_code(2).stderr;
    assert!(error.contains("line 10") && error.contains("`higher`") && error.contains("low, high"), "{error}");
    std::fs::create_dir(work.path().join("empty")).unwrap();
    for session in ["no-such-session", "empty", "empty/recording.jsonl"] {
        for asked in [&["replay", session][..], &["report", session], &["compare", session, session]] {
            let ended = work.run(asked);
            assert!(ended.assert_code(2).stderr.contains(session), "{asked:?}: {}", ended.stderr);
        }
    }
    work.run(&["run", "--rate", "fast"]).assert_code(2);
    work.run(&["live", &url(&service)]).assert_code(2);
    let plan = work.plan(STAGES);
    work.run(&["run", "--check", &plan, "--max-rate", "30"]).assert_code(2);
    work.run(&["run", &plan]).assert_code(2);
    let plan = work.plan(&format!("[target]\nurl = \"not a url\"\n{STAGES}"));
    work.run(&["run", "--check", &plan]).assert_code(2);
}

#[test]
fn a_threshold_that_fails_ends_with_3() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(QUICK));
    let plan = work.plan(&with_thresholds("p50 = \"< 5ms\"\nachieved = \"> 99%\""));
    let ended = work.run_valid(&["run", &plan, &url(&service)]);
    ended.assert_code(3);
    assert!(ended.stdout.contains("threshold: FAILED p50 < 5ms:"), "{}", ended.stdout);
    assert!(ended.stdout.contains("threshold: passed achieved > 99%:"), "{}", ended.stdout);
}

#[test]
fn an_experiment_ends_with_the_code_of_its_worst_session_and_says_which_threshold_failed() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(QUICK));
    let plan = work.plan(&with_thresholds("p50 = \"< 5ms\""));
    let ended = work.run_valid(&["experiment", &url(&service), &plan, "--out", "all"]);
    // A second try finds the folder in use: `run_valid` stops at anything but 4.
    assert!(ended.code == 3 || ended.code == 2, "{}", ended.stderr);
    let report = std::fs::read_to_string(work.path().join("all/report.md")).unwrap();
    assert!(report.contains("FAILED p50 &lt; 5ms") || report.contains("FAILED p50 < 5ms"), "{report}");
}

#[cfg(unix)]
#[test]
fn a_run_goes_on_when_nobody_reads_its_progress() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(QUICK));
    let mut command = work.command(&["run", &work.plan(STAGES), &url(&service), "--format", "json"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stderr(writer).output().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(result["totals"]["sent"].as_u64().unwrap() > 0, "{result}");
    assert!(work.session().join("report.html").exists());
}

#[test]
fn a_threshold_that_is_lost_ends_the_run_early_with_what_was_measured() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(QUICK));
    let plan = work.plan("[[stage]]\nname = \"long\"\nrate = 200\nduration = \"1h\"\n[thresholds]\nmax = \"< 5ms\"\n");
    let ended = work.run_valid(&["run", &plan, &url(&service), "--abort-on-fail", "--format", "json"]);
    ended.assert_code(3);
    let result: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(result["session"]["ended"], "a threshold failed");
    assert!(result["totals"]["sent"].as_u64().unwrap() > 0, "{result}");
    assert!(work.session().join("timeline.csv").exists());
    assert!(ended.stderr.contains("ending early, FAILED max < 5ms"), "{}", ended.stderr);
}

/// A wait of at most two seconds, then a measured stage with a threshold that its numbers hold.
fn after_waiting_for(condition: &str) -> String {
    format!(
        "[[stage]]\nname = \"rest\"\nrate = 50\nuntil = \"{condition}\"\nat_most = \"2s\"\n\
         [[stage]]\nname = \"spike\"\nrate = 100\nduration = \"2s\"\n[thresholds]\n\"spike.errors\" = \"< 50%\"\n"
    )
}

#[test]
fn what_follows_a_start_condition_that_was_not_met_is_invalid_and_ends_with_1() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(QUICK));
    // Met: one instance answers.
    let met = work.run_valid(&["run", &work.plan(&after_waiting_for("instances <= 1")), &url(&service)]);
    met.assert_code(0);
    // Not met, and not known: nobody names instances by that header.
    for (condition, header, instead) in [
        ("instances >= 2", "x-instance-id", "1 at its end"),
        ("instances <= 1", "x-nobody", "no count that is final had come"),
    ] {
        let plan = work.plan(&after_waiting_for(condition));
        let out = work.path().join(header);
        let ended =
            work.run(&["run", &plan, &url(&service), "--instance-header", header, "--out", &out.to_string_lossy()]);
        ended.assert_code(1);
        let why = format!("rest: {condition} was not reached within 2 s ({instead})");
        assert!(
            ended.stdout.contains("verdict: invalid: a start condition was not met before step 2"),
            "{}",
            ended.stdout
        );
        assert!(
            ended.stdout.contains(&format!(
                "UNDECIDED spike.errors, step 2 (spike) < 50%: its start condition was not met: {why}"
            )),
            "{}",
            ended.stdout
        );
        assert!(
            ended.stderr.contains(&format!("{why}; the plan goes on, and what follows is invalid")),
            "{}",
            ended.stderr
        );
        let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).unwrap();
        assert_eq!(summary["verdict"]["invalid_start_steps"], serde_json::json!([2]), "{summary}");
        assert_eq!(summary["steps"][1]["invalid_start"], why.as_str());
        assert!(read("steps.csv").contains(&format!("invalid: start condition ({why})")), "{}", read("steps.csv"));
        assert!(read("report.html").contains("invalid: start condition"));
    }
}

#[test]
#[cfg(unix)]
fn a_generator_that_was_the_limit_ends_with_4_whatever_the_thresholds_say() {
    let (work, service) = (Workplace::new(), service(Duration::from_secs(3)));
    // 200 requests in flight, and descriptors for 64 of anything.
    let plan =
        work.plan("[[stage]]\nrate = 100\nduration = \"2s\"\n[thresholds]\np50 = \"< 1ms\"\nt_trigger = \"< 1s\"\n");
    let url = url(&service);
    // Whether connections fail for want of descriptors, or the cap that follows from them drops arrivals: it is ours.
    for cap in [&["--max-in-flight", "1000"][..], &[]] {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_scaletop")]);
        command.args(["run", &plan, &url]).args(cap).current_dir(work.path()).env("HOME", work.path());
        let output = command.output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
        assert!(stdout.contains("verdict: invalid: the generator"), "{stdout}");
        assert!(stdout.contains("file descriptor"), "{stdout}");
        if cap.is_empty() {
            let summary = std::fs::read_to_string(work.session().join("summary.json")).unwrap();
            let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
            let (totals, numbers) = (&summary["totals"], &summary["steps"][0]["numbers"]);
            assert!(totals["dropped_connections"].as_u64() > Some(0), "{totals}");
            assert_eq!(
                (&totals["dropped_cap"], &numbers["lost"]),
                (&0.into(), &0.into()),
                "ours is not lost: {totals}"
            );
        }
    }
}

#[test]
fn a_limit_on_connections_that_the_load_outgrows_ends_with_4_and_one_that_it_does_not_with_0() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(200)));
    let plan = work.plan("[[stage]]\nrate = 20\nduration = \"4s\"\n[thresholds]\np50 = \"< 30s\"\n");
    // 20 a second of 200 ms each keep four busy.
    let ended = work.run(&["run", &plan, &url(&service), "--max-connections", "2"]);
    assert!(ended.assert_code(4).stdout.contains("waiting for one of 2 connections, the most that may be open"));
    work.run_valid(&["run", &plan, &url(&service), "--max-connections", "20"]).assert_code(0);
}

#[test]
fn a_source_that_a_threshold_needs_and_that_gives_nothing_ends_with_5() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(QUICK));
    // A plain URL says nothing of what scaling asked for.
    let plan = work.plan(&with_thresholds("\"high.t_trigger\" = \"< 60s\""));
    let ended = work.run_valid(&["run", &plan, &url(&service)]);
    ended.assert_code(5);
    assert!(ended.stdout.contains("UNDECIDED high.t_trigger"), "{}", ended.stdout);
    // What failed has failed, whatever cannot be told beside it.
    let plan = work.plan(&with_thresholds("\"high.t_trigger\" = \"< 60s\"\np50 = \"< 1ms\""));
    let ended = work.run_valid(&["run", &plan, &url(&service)]);
    ended.assert_code(3);
    let verdict = "verdict: failed: 1 of 2 thresholds did not hold, 1 cannot be told";
    assert!(ended.stdout.contains(verdict), "{}", ended.stdout);
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::support::program::Running;

    const HOUR: &str = "[[stage]]\nname = \"long\"\nrate = 20\nduration = \"1h\"\n";

    #[test]
    fn a_signal_stops_drains_and_writes_everything() {
        for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            let (work, service) = (Workplace::new(), service(Duration::from_millis(300)));
            let plan = work.plan(HOUR);
            let mut running = Running::start(work.command(&["run", &plan, &url(&service), "--format", "json"]));
            running.wait_for("in flight");
            running.signal(name);
            let ended = running.end();
            ended.assert_code(code);
            let result: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
            let totals = &result["totals"];
            let completed: u64 = totals["outcomes"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
            assert_eq!(totals["sent"], completed, "what was in flight was waited for: {result}");
            for file in ["recording.jsonl", "timeline.csv", "cohorts.csv", "steps.csv", "instances.csv", "events.csv"] {
                assert!(work.session().join(file).exists(), "{file}");
            }
        }
    }

    #[test]
    fn a_second_signal_ends_at_once() {
        let (work, service) = (Workplace::new(), service(Duration::from_mins(1)));
        let plan = work.plan(HOUR);
        let running = work.command(&["run", &plan, &url(&service), "--timeout", "10m"]);
        let mut running = Running::start(running);
        running.wait_for("in flight");
        running.signal("TERM");
        // The rate is 0 now, and nothing is answered yet.
        running.wait_for("waiting up to 601 s for");
        running.signal("TERM");
        let ended = running.end();
        ended.assert_code(143);
        assert!(service.in_flight() > 0, "the drain would have waited for the answers");
        assert!(ended.stdout.contains("scaletop report"), "how to get the files: {}", ended.stdout);
    }
}
