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

/// Runs a script of the examples, with this build's scaletop in the way to be found.
#[cfg(unix)]
fn script(work: &Workplace, name: &str, args: &[&str]) -> Ended {
    let folder = Path::new(env!("CARGO_BIN_EXE_scaletop")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(folder.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = std::process::Command::new("sh");
    command.arg(examples().join(name)).args(args).current_dir(work.path()).env("HOME", work.path());
    command.env("PATH", path.unwrap()).env("OPTIONS", "--stretch 0.1").stdin(std::process::Stdio::null());
    Ended::of(&command.output().unwrap())
}
