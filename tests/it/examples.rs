//! The plans and scripts of `examples/`: each is understood, and does what it says when it is played on this machine.

use std::path::{Path, PathBuf};

use crate::support::program::{Ended, Workplace};
use crate::support::turn;

/// The plans, and how much of their time a test takes.
const PLANS: [(&str, &str); 6] =
    [("ci-gate", "0.2"), ("nightly", "0.03"), ("ramp", "0.01"), ("soak", "0.01"), ("endpoint", "0.1"), ("shop", "0.1")];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// A cluster that is always at rest, so that no plan waits for it: one instance, which sustains all that the plans ask for.
const AT_REST: [&str; 4] = ["--max-size", "1", "--delay", "20ms"];

#[test]
fn every_example_is_tried_and_listed() {
    let page = std::fs::read_to_string(examples().join("README.md")).unwrap();
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|kind| kind == "toml") {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            // What a plan sends is no plan.
            let stem = stem.strip_suffix("-requests").unwrap_or(&stem);
            assert!(PLANS.iter().any(|(plan, _)| *plan == stem), "no test plays {name}");
        }
        if path.extension().is_some_and(|kind| kind != "rs" && kind != "md") {
            assert!(page.contains(&format!("({name})")), "examples/README.md does not list {name}");
        }
    }
}

#[test]
fn every_plan_says_what_it_would_do() {
    let work = Workplace::new();
    for (name, _) in PLANS {
        let plan = examples().join(format!("{name}.toml"));
        let ended = work.run(&["run", "--check", &plan.to_string_lossy()]);
        ended.assert_code(0);
        assert!(ended.stdout.contains("in all: "), "{name}: {}", ended.stdout);
    }
}

#[test]
fn every_plan_plays_to_its_end() {
    let _turn = turn();
    let work = Workplace::new();
    // They take their time, not the machine's: all at once.
    let running = PLANS.map(|(name, stretch)| {
        let plan = examples().join(format!("{name}.toml"));
        let mut args = vec!["run", plan.to_str().unwrap(), "demo", "--stretch", stretch, "--out", name];
        args.extend(AT_REST);
        (name, work.command(&args).spawn().unwrap())
    });
    for (name, child) in running {
        let ended = Ended::of(&child.wait_with_output().unwrap());
        // Cut short, and on a busy machine, a threshold may fail; what must not is anything else.
        assert!(matches!(ended.code, 0 | 3 | 4), "{name}: {ended:?}");
        let summary = std::fs::read_to_string(work.path().join(name).join("summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        // Cut short, the last stage may wait in vain.
        let reason = summary["session"]["ended"].as_str().unwrap();
        assert!(reason.starts_with("the plan is over"), "{name}: {reason}; {}", ended.stderr);
        assert!(summary["totals"]["ok"].as_u64().unwrap() > 0, "{name}: {summary}");
    }
}

#[cfg(unix)]
#[test]
fn the_second_night_is_compared_with_the_first() {
    let _turn = turn();
    let work = Workplace::new();
    let night = || {
        let mut args = vec!["demo", "nights", "--stretch", "0.03"];
        args.extend(AT_REST);
        script(&work, "nightly.sh", &args)
    };
    let first = night();
    assert!(!work.path().join("nights/compare.html").exists(), "there is nothing to compare the first with: {first:?}");
    let second = night();
    assert!(work.path().join("nights/compare.html").exists(), "{second:?}");
    assert!(second.stdout.contains('Δ') && second.stdout.contains("5→60/s"), "{second:?}");
}

#[cfg(unix)]
#[test]
fn several_endpoints_are_compared_with_the_first() {
    use std::time::Duration;

    let _turn = turn();
    let work = Workplace::new();
    let service = crate::support::program::service(Duration::from_millis(20));
    let target = format!("http://{}/", service.addr());
    let ended = script(&work, "endpoints.sh", &[&target, "endpoints", "/api/test", "/healthz"]);
    assert!(matches!(ended.code, 0 | 3 | 4), "{ended:?}");
    for name in ["-api-test", "-healthz", "compare.html"] {
        assert!(work.path().join("endpoints").join(name).exists(), "{name}: {ended:?}");
    }
    assert!(ended.stdout.contains('Δ'), "{ended:?}");
}

/// The lines of the workflow that call scaletop, as its runner's shell gets them.
#[cfg(unix)]
fn workflow(name: &str, target: &str) -> Vec<String> {
    let text = std::fs::read_to_string(examples().join(name)).unwrap();
    let runs = text.lines().filter_map(|line| line.trim().strip_prefix("run: scaletop "));
    let folder = examples();
    let here = |words: &str| {
        words.replace("http://127.0.0.1:8080/", target).replace("examples/", &format!("{}/", folder.display()))
    };
    runs.map(|words| here(&format!("scaletop {words}"))).collect()
}

#[cfg(unix)]
#[test]
fn the_workflow_passes_the_first_time_and_fails_once_the_service_is_slower_than_on_main() {
    use std::time::Duration;

    let _turn = turn();
    let work = Workplace::new();
    let play = |delay: u64| {
        let service = crate::support::program::service(Duration::from_millis(delay));
        let commands = workflow("github-actions.yml", &crate::support::program::url(&service));
        let [run, compare] = commands.as_slice() else { panic!("{commands:?}") };
        [run, compare].map(|command| {
            let mut shell = in_the_way(&work, "sh");
            shell
                .args(["-c", command])
                .env("SCALETOP_STRETCH", "0.1")
                .env("GITHUB_STEP_SUMMARY", work.path().join("summary.md"));
            Ended::of(&shell.output().unwrap())
        })
    };
    let [run, compare] = play(10);
    assert!(matches!(run.code, 0 | 3 | 4), "{run:?}");
    assert!(compare.assert_code(0).stdout.contains("there is no baseline to compare with yet"), "{compare:?}");
    // As it was downloaded: the artifact has the session in a folder.
    std::fs::create_dir(work.path().join("baseline")).unwrap();
    std::fs::rename(work.path().join("session"), work.path().join("baseline/session")).unwrap();
    let [_, compare] = play(400);
    // A machine that was too busy to send in time says so, and nothing of the service.
    assert!(matches!(compare.code, 3 | 4), "{compare:?}");
    assert!(
        compare.code == 4 || compare.stdout.contains("limit: EXCEEDED spike.p99 > +25%, 10→60/s: B "),
        "{compare:?}"
    );
    assert!(work.path().join("session/compare.html").exists(), "the page goes into what is kept");
    let summary = std::fs::read_to_string(work.path().join("summary.md")).unwrap();
    for title in ["## scaletop: ci gate\n", "## scaletop compare\n"] {
        assert_eq!(summary.matches(title).count(), 2, "{summary}");
    }
}

/// Runs a script of the examples, with this build's scaletop in the way to be found.
#[cfg(unix)]
fn script(work: &Workplace, name: &str, args: &[&str]) -> Ended {
    let mut command = in_the_way(work, "sh");
    command.arg(examples().join(name)).args(args).env("OPTIONS", "--stretch 0.1");
    Ended::of(&command.output().unwrap())
}

/// A program that finds this build's scaletop first.
#[cfg(unix)]
fn in_the_way(work: &Workplace, program: &str) -> std::process::Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_scaletop")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(folder.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = std::process::Command::new(program);
    command
        .current_dir(work.path())
        .env("HOME", work.path())
        .env("PATH", path.unwrap())
        .stdin(std::process::Stdio::null());
    command
}
