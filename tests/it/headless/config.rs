//! Files and variables around a command line, what `scaletop config` says of them, and what `scaletop init` writes.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::program::{Ended, Workplace, service, url};
use crate::support::turn;

/// The words of `scaletop config --json`, with variables.
fn told(work: &Workplace, args: &[&str], variables: &[(&str, &str)]) -> Value {
    let args = [&["config", "--json"], args].concat();
    let output = work.command(&args).envs(variables.iter().copied()).output().unwrap();
    let ended = Ended::of(&output);
    serde_json::from_str(&ended.assert_code(0).stdout).unwrap()
}

/// Value and source of an option.
fn option(told: &Value, key: &str) -> (Value, String) {
    let one = told["options"].as_array().unwrap().iter().find(|one| one["key"] == key).unwrap();
    let source = &one["source"];
    let place = [&source["kind"], &source["file"], &source["line"], &source["variable"]];
    let place = place.iter().filter(|part| !part.is_null()).map(|part| part.to_string().replace('"', ""));
    (one["value"].clone(), place.collect::<Vec<_>>().join(" "))
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[cfg(unix)]
#[test]
fn the_users_file_the_folders_and_one_that_is_named_are_told_apart() {
    let work = Workplace::new();
    let user = "rate = 1\nmax-rate = 100\nwarm = 2\n";
    write(&work.path().join(".config/scaletop/scaletop.toml"), user);
    write(&work.path().join("scaletop.toml"), "\nrate = 2\n");
    write(&work.path().join("other.toml"), "[load]\nrate = 3\n");
    let all = told(&work, &[], &[("SCALETOP_WARM", "5")]);
    assert_eq!(option(&all, "rate"), ("2".into(), "file ./scaletop.toml 2".to_owned()));
    assert_eq!(option(&all, "max-rate"), ("100".into(), "file ~/.config/scaletop/scaletop.toml 2".to_owned()));
    assert_eq!(option(&all, "warm"), ("5".into(), "variable SCALETOP_WARM".to_owned()));
    assert_eq!(option(&all, "timeout"), ("10s".into(), "default".to_owned()));
    let elsewhere = work.path().join("elsewhere").to_string_lossy().into_owned();
    let moved = told(&work, &[], &[("XDG_CONFIG_HOME", &elsewhere)]);
    assert_eq!(option(&moved, "max-rate").1, "default");
    for (args, variables) in [(&["--config", "other.toml"][..], &[][..]), (&[], &[("SCALETOP_CONFIG", "other.toml")])] {
        let named = told(&work, args, variables);
        assert_eq!(option(&named, "rate"), ("3".into(), "file other.toml 2".to_owned()));
        assert_eq!(option(&named, "max-rate").1, "default", "it is read in place of both");
    }
    let missing = work.run(&["run", "demo-spike", "--check", "--config", "no-such.toml"]);
    assert!(missing.assert_code(2).stderr.contains("there is no no-such.toml, which --config names"), "{missing:?}");
    // What asks for no settings is not kept from its work by a file that is wrong.
    write(&work.path().join("scaletop.toml"), "rat = 2\n");
    work.run(&["completions", "bash"]).assert_code(0);
    work.run(&["--help"]).assert_code(0);
    let wrong = work.run(&["config"]);
    assert!(wrong.assert_code(2).stderr.contains("./scaletop.toml, line 1: unknown key `rat`"), "{wrong:?}");
}

#[test]
fn a_line_that_is_no_toml_keeps_its_secret_and_so_does_a_value_that_is_refused() {
    let work = Workplace::new();
    for (file, says) in [
        ("rate = 5\nheader = \"authorization: Bearer hunter2\n", "./scaletop.toml, line 2, column 40, key `header`"),
        ("header = \"Bearer hunter2\"\n", "./scaletop.toml, line 1 (--header"),
        ("[request]\nheader = [\"authorization: Bearer hunter2\"\nbody = 5\n", "./scaletop.toml, line 3"),
    ] {
        write(&work.path().join("scaletop.toml"), file);
        for args in [&["run", "demo-spike", "--check"][..], &["doctor"], &["config"]] {
            let ended = work.run(args);
            assert!(ended.assert_code(2).stderr.contains(says), "{args:?}: {}", ended.stderr);
            assert!(!ended.stderr.contains("hunter2") && !ended.stdout.contains("hunter2"), "{}", ended.stderr);
        }
    }
    write(&work.path().join("scaletop.toml"), "header = \"authorization: Bearer hunter2\"\n");
    let ended = work.run(&["config"]);
    assert!(ended.assert_code(0).stdout.contains("header = [\"authorization: …\"]"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("hunter2"), "{}", ended.stdout);
}

#[test]
fn a_target_that_was_not_typed_gives_way_to_the_plans_own() {
    let _turn = turn();
    let (work, service, other) =
        (Workplace::new(), service(Duration::from_millis(5)), service(Duration::from_millis(5)));
    let (ours, others) = (url(&service), url(&other));
    let stage = "[[stage]]\nrate = 5\nduration = \"1s\"\n";
    let sent_to = |plan: &str, args: &[&str]| {
        std::fs::remove_dir_all(work.path().join("scaletop-sessions")).ok();
        let plan = work.plan(plan);
        let args = [&["run", &plan], args].concat();
        Ended::of(&work.command(&args).env("SCALETOP_TARGET", &others).output().unwrap());
        let summary = std::fs::read_to_string(work.session().join("summary.json")).unwrap();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        summary["session"]["target"].as_str().unwrap().to_owned()
    };
    assert_eq!(sent_to(stage, &[]), others);
    assert_eq!(sent_to(&format!("[target]\nurl = \"{ours}\"\n{stage}"), &[]), ours);
    assert_eq!(sent_to(&format!("[target]\nurl = \"{others}\"\n{stage}"), &["--target", &ours]), ours);
}

#[test]
fn a_plan_to_begin_with_passes_its_check_and_no_file_is_overwritten() {
    let work = Workplace::new();
    let ended = work.run(&["init"]);
    assert!(ended.assert_code(0).stdout.contains("scaletop run --check plan.toml"), "{}", ended.stdout);
    work.run(&["run", "--check", "plan.toml"]).assert_code(0);
    let before = std::fs::read(work.path().join("plan.toml")).unwrap();
    let again = work.run(&["init", "--rate", "7"]);
    assert!(again.assert_code(2).stderr.contains("plan.toml exists, and is not overwritten"), "{}", again.stderr);
    assert_eq!(std::fs::read(work.path().join("plan.toml")).unwrap(), before);
    // The command that it names is one that works.
    let high = work.run(&["init", "high.toml", "--rate", "9k", "--target", "http://127.0.0.1:9/"]);
    let next = high.assert_code(0).stdout.lines().find_map(|line| line.strip_prefix("next:  scaletop ")).unwrap();
    let next: Vec<_> = next.split("  ").next().unwrap().split(' ').map(str::to_owned).collect();
    let checked = work.run(&next.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(checked.assert_code(0).stdout.contains("9000/s"), "{}", checked.stdout);
    assert!(work.run(&["init", "x.toml", "--rate", "0"]).assert_code(2).stderr.contains("plans nothing"));
    let printed = work.run(&["init", "-"]);
    assert!(printed.assert_code(0).stdout.contains("[[stage]]") && !work.path().join("-").exists());
    work.run(&["init", "--settings"]).assert_code(0);
    work.run(&["config"]).assert_code(0);
    assert!(work.run(&["run", "--list"]).assert_code(0).stdout.contains("demo-spike "));
}

#[test]
fn what_is_checked_is_refused_as_what_is_run_with_the_place_of_what_was_not_typed() {
    let work = Workplace::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let steady = ["--rate", "10", "--duration", "1s"];
    for option in ["--metrics", "--web"] {
        let busy = work.run(&[&["run", "http://127.0.0.1:9", "--check", option, &taken][..], &steady].concat());
        assert!(busy.assert_code(1).stderr.contains(&taken), "{}", busy.stderr);
    }
    for cluster in [&["--max-size", "0"][..], &["--min-size", "3", "--max-size", "2"]] {
        work.run(&[&["run", "demo", "--check"][..], &steady, cluster].concat()).assert_code(2);
    }
    assert!(work.run(&[&["run", "--check"][..], &steady].concat()).assert_code(2).stderr.contains("target"));
    let nothing = work.run(&["demo", "--rate", "6000"]);
    assert!(nothing.assert_code(2).stderr.contains("--rate does nothing beside the demo spike"), "{}", nothing.stderr);
    std::fs::write(work.path().join("scaletop.toml"), "[load]\nmax-rate = 5\n").unwrap();
    let low = work.run(&[&["run", "http://127.0.0.1:9"][..], &steady].concat());
    assert!(low.assert_code(2).stderr.contains("max-rate stands in ./scaletop.toml, line 2"), "{}", low.stderr);
}

#[test]
fn the_version_says_what_the_program_is_built_of() {
    let work = Workplace::new();
    let short = work.run(&["-V"]);
    assert_eq!(short.stdout, format!("scaletop {}\n", env!("CARGO_PKG_VERSION")));
    let long = work.run(&["--version"]).stdout;
    for part in ["\ncommit: ", "\ntarget: ", "\nfeatures: ", "\nrecording: version "] {
        assert!(long.starts_with(short.stdout.trim_end()) && long.contains(part), "{long}");
    }
}

#[test]
fn results_are_there_for_programs_and_where_there_are_none_it_is_said() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let checks = work.run(&["doctor", &url(&service), "--max-in-flight", "10", "--json"]);
    let checks: Value = serde_json::from_str(&checks.assert_code(0).stdout).unwrap();
    assert_eq!((&checks["failures"], &checks["checks"][0]["part"]), (&0.into(), &"this machine".into()));
    work.run(&["run", &url(&service), "--rate", "5", "--duration", "1s"]);
    let report = work.run(&["report", "--json"]);
    let report: Value = serde_json::from_str(&report.assert_code(0).stdout).unwrap();
    assert_eq!(report["totals"]["due"], 5);
    let name = work.session().to_string_lossy().into_owned();
    let compared = work.run(&["compare", &name, &name, "--json"]);
    let compared: Value = serde_json::from_str(&compared.assert_code(0).stdout).unwrap();
    assert_eq!(compared["sessions"][1]["letter"], "B");
    let due = compared["steps"][0]["numbers"].as_array().unwrap().iter().find(|one| one["key"] == "due").unwrap();
    assert_eq!((&due["medians"][0]["value"], &due["medians"][0]["runs"]), (&5.0.into(), &1.into()), "{due}");
    let refused = work.run(&["experiment", "demo", "--json"]);
    assert!(refused.assert_code(2).stderr.contains("summary.json in the session's folder"), "{}", refused.stderr);
}
