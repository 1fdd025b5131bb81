//! What the user gave: variables, files, targets, headers. It is what is sent, or it is refused before the first request,
//! with its own name and without its secrets; and nothing of it acts on the terminal or writes where it should not.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use crate::support::program::{Workplace, service, url};

const PLAN: &str = "[[stage]]\nname = \"steady\"\nrate = 5\nduration = \"2s\"\n";
const NOWHERE: &str = "http://127.0.0.1:1/";

/// Runs `run --check` with a variable.
fn check(work: &Workplace, name: &str, value: &str, args: &[&str]) -> (i32, String) {
    let plan = work.plan(PLAN);
    let args = [&["run", "--check", &plan], args].concat();
    let output = work.command(&args).env(name, value).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), said.into_owned())
}

#[test]
fn a_variable_that_is_set_to_nothing_is_unset_and_the_file_is_heard() {
    let work = Workplace::new();
    let names = [
        "RATE",
        "SLO",
        "OUT",
        "METRICS",
        "WEB",
        "TIMEOUT",
        "HTTP2",
        "YES",
        "METHOD",
        "HEADER",
        "INSTANCE_HEADER",
        "REGION",
        "PROFILE",
        "ENDPOINT_URL",
        "URL",
        "PATH",
        "BODY",
        "BODY_FILE",
        "CACERT",
        "RESOLVE",
        "TRANSPORT",
        "WORKERS",
        "STRETCH",
        "FORMAT",
        "MAX_IN_FLIGHT",
        "PLATFORM",
        "QUIET",
        "TARGET",
    ];
    for name in names {
        for blank in ["", "  "] {
            let (code, said) = check(&work, &format!("SCALETOP_{name}"), blank, &[NOWHERE]);
            assert_eq!(code, 0, "SCALETOP_{name}: {said}");
        }
    }
    std::fs::write(work.path().join("scaletop.toml"), "stretch = 4\n").unwrap();
    let (_, said) = check(&work, "SCALETOP_STRETCH", "", &[NOWHERE]);
    assert!(said.contains("40 requests"), "the file's stretch: {said}");
}

#[test]
fn what_is_invalid_names_the_variable_or_the_file_that_it_came_from() {
    let work = Workplace::new();
    for (name, value) in [
        ("SCALETOP_RATE", "fast"),
        ("SCALETOP_METHOD", "G T"),
        ("SCALETOP_HEADER", "no colon hunter2"),
        ("SCALETOP_INSTANCE_HEADER", "a b"),
        ("SCALETOP_RESOLVE", "nonsense"),
        ("SCALETOP_HTTP2", "perhaps"),
        ("SCALETOP_TIMEOUT", "10"),
        ("SCALETOP_TRANSPORT", "pigeon"),
    ] {
        let (code, said) = check(&work, name, value, &[NOWHERE]);
        assert!(code == 2 && said.contains(name) && !said.contains("hunter2"), "{name}: {said}");
    }
    let (code, said) = check(&work, "SCALETOP_TARGET", "htps://me:hunter2@example.com", &[]);
    assert!(code == 2 && said.contains("SCALETOP_TARGET") && !said.contains("hunter2"), "{said}");
    // What is typed wins, also over what is wrong.
    assert_eq!(check(&work, "SCALETOP_TIMEOUT", "10", &[NOWHERE, "--timeout", "5s"]).0, 0);
    assert_eq!(check(&work, "SCALETOP_HTTP2", "1", &[NOWHERE]).0, 0);
    std::fs::write(work.path().join("scaletop.toml"), "timeout = \"10\"\n").unwrap();
    let (code, said) = check(&work, "SCALETOP_RATE", "", &[NOWHERE]);
    assert!(code == 2 && said.contains("scaletop.toml, line 1 (--timeout"), "{said}");
}

#[test]
fn a_check_refuses_what_a_run_refuses() {
    let work = Workplace::new();
    let plan = work.plan(PLAN);
    let long = format!("{NOWHERE}{}", "a".repeat(70_000));
    let taken = work.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("recording.jsonl"), "").unwrap();
    let taken = taken.to_string_lossy().into_owned();
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap().port().to_string();
    for wrong in [
        &[NOWHERE, "--method", "G T"][..],
        &[NOWHERE, "--method", "CONNECT"],
        &[NOWHERE, "--header", "no colon"],
        &[NOWHERE, "--header", "@no-such-file"],
        &[NOWHERE, "--header", "content-length: 5"],
        &[NOWHERE, "--header", "host: a b"],
        &[NOWHERE, "--header", "host: a", "--header", "host: b"],
        &[NOWHERE, "--http2", "--header", "connection: close"],
        &[NOWHERE, "--instance-header", "a b"],
        &[NOWHERE, "--resolve", "h.test:9999:127.0.0.1"],
        &[NOWHERE, "--body-file", "no-such-file"],
        &["https://127.0.0.1:9", "--cacert", "no-such-file"],
        &[NOWHERE, "--transport", "reqwest", "--warm", "3"],
        &[NOWHERE, "--capacity", "-1"],
        &[NOWHERE, "--path", "/100%"],
        &[NOWHERE, "--out", &taken],
        &[NOWHERE, "--out", "plan.toml/deep/down", "--yes", "--no-preflight"],
        &[NOWHERE, "--out", "plan.toml", "--yes", "--no-preflight"],
        &[NOWHERE, "--metrics", &port, "--web", &port],
        &[&long],
        &["http://127.0.0.1:0/"],
        &["http://127.0.0.1:1/#part"],
        &["http://[fe80::1%25eth0]/"],
    ] {
        let run = work.run(&[&["run", &plan], wrong].concat());
        let check = work.run(&[&["run", "--check", &plan], wrong].concat());
        assert!(matches!(run.code, 1 | 2), "{wrong:.80?}: {run:?}");
        assert_eq!((check.code, &check.stderr), (run.code, &run.stderr), "{wrong:.80?}");
        assert!(!work.path().join("scaletop-sessions").exists(), "nothing was begun: {wrong:.80?}");
    }
}

#[test]
fn consent_is_asked_for_the_address_that_is_contacted_and_no_file_gives_it() {
    let work = Workplace::new();
    let plan = work.plan(PLAN);
    std::fs::write(work.path().join("scaletop.toml"), "yes = true\n").unwrap();
    let ended = work.run(&["run", &plan, "http://localhost:81/", "--resolve", "localhost:81:8.8.8.8"]);
    ended.assert_code(1);
    assert!(ended.stderr.contains("localhost at 8.8.8.8 is not on this machine"), "{}", ended.stderr);
    assert!(ended.stderr.contains("scaletop.toml, line 1: `yes` has no effect"), "{}", ended.stderr);
    assert!(!work.path().join("scaletop-sessions").exists(), "nothing was begun");
}

#[test]
fn secrets_in_files_are_sent_and_shown_nowhere() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan(PLAN);
    std::fs::write(work.path().join("secrets"), "authorization: Bearer hunter2\n").unwrap();
    let ended = work.run(&["run", &plan, &url(&service), "--header", "@secrets"]);
    assert!(matches!(ended.code, 0 | 4), "{ended:?}");
    for file in std::fs::read_dir(work.session()).unwrap() {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter2"));
    }
    std::fs::write(work.path().join("secrets"), "Bearer hunter2\n").unwrap();
    let ended = work.run(&["run", &plan, &url(&service), "--header", "@secrets"]);
    ended.assert_code(2);
    assert!(ended.stderr.contains("secrets, line 1") && !ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn files_without_end_are_refused_and_named() {
    let work = Workplace::new();
    let plan = work.plan(PLAN);
    for args in [
        &["run", "--check", "/dev/zero", NOWHERE][..],
        &["run", "--check", &plan, NOWHERE, "--body-file", "/dev/zero"],
        &["run", "--check", &plan, NOWHERE, "--header", "@/dev/zero"],
        &["run", "--check", &plan, "https://127.0.0.1:9", "--cacert", "/dev/zero"],
        &["report", "/dev/zero"],
        &["compare", "/dev/zero", "/dev/zero"],
    ] {
        let ended = work.run(args);
        ended.assert_code(1);
        assert!(ended.stderr.contains("/dev/zero"), "{args:?}: {}", ended.stderr);
    }
    std::os::unix::fs::symlink("/dev/zero", work.path().join("scaletop.toml")).unwrap();
    let ended = work.run(&["run", "--check", &plan, NOWHERE]);
    assert!(ended.assert_code(2).stderr.contains("scaletop.toml: it is no regular file"), "{}", ended.stderr);
}

#[test]
fn nothing_that_was_given_acts_on_the_terminal() {
    let work = Workplace::new();
    let plan =
        work.plan("name = \"\\u001b[2Jplan\"\n[[stage]]\nname = \"\\u001b[31mstage\"\nrate = 5\nduration = \"1s\"\n");
    let wrong = work.path().join("wrong.toml");
    std::fs::write(&wrong, "\"\\u001b[2Jkey\" = 1\n").unwrap();
    for args in [
        &["run", "--check", &plan][..],
        &["run", &wrong.to_string_lossy()],
        &["run", &plan, "http://a.test/\u{1b}[2J"],
        &["run", &plan, "\u{1b}[2Jnonsense"],
        &["run", &plan, NOWHERE, "--slo", "\u{1b}[2J"],
        &["\u{1b}[2Jrun"],
        &["run", "\u{1b}[2Jno-such-plan"],
        &["report", "\u{1b}[2Jno-such-session"],
        &["compare", "\u{1b}[2Ja", "b"],
        &["doctor", "ecs:\u{1b}[2J"],
    ] {
        let ended = work.run(args);
        let said = ended.stdout + &ended.stderr;
        assert!(!said.contains('\u{1b}') && !said.is_empty(), "{args:?}: {said:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_report_on_a_foreign_session_writes_nothing_outside_of_it() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan(PLAN);
    work.run(&["run", &plan, &url(&service)]);
    let (session, outside) = (work.session(), work.path().join("outside"));
    std::fs::write(&outside, "untouched").unwrap();
    for name in scaletop::FILES {
        let _ = std::fs::remove_file(session.join(name));
        std::os::unix::fs::symlink(&outside, session.join(name)).unwrap();
        std::os::unix::fs::symlink(&outside, session.join(format!(".{name}.unfinished"))).unwrap();
    }
    std::os::unix::fs::symlink(&outside, session.join("again.toml")).unwrap();
    std::os::unix::fs::symlink(&outside, session.join("compare.html")).unwrap();
    let at = |name: &str| session.join(name).to_string_lossy().into_owned();
    work.run(&["report", &at("")]).assert_code(0);
    // What is asked for by name is not overwritten, wherever it leads.
    for asked in [
        &["report", &at(""), "--plan", &at("again.toml")][..],
        &["compare", &at(""), &at(""), "--html", &at("compare.html")],
    ] {
        assert!(work.run(asked).assert_code(2).stderr.contains("is not overwritten"));
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "untouched");
    assert!(std::fs::read_to_string(session.join("report.html")).unwrap().contains("<html"));
}

#[test]
fn sessions_of_the_same_second_get_folders_of_their_own() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan(PLAN);
    let url = url(&service);
    let runs: Vec<_> = (0..3).map(|_| work.command(&["run", &plan, &url]).spawn().unwrap()).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(std::fs::read_dir(work.path().join("scaletop-sessions")).unwrap().count(), 3);
}

#[test]
fn whoever_reads_only_the_beginning_hears_no_complaint() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan(PLAN);
    let url = url(&service);
    for args in [
        &["doctor", &url][..],
        &["run", "--check", &plan],
        &["run", &plan, &url],
        &["completions", "bash"],
        &["doctor", "--policy"],
        &["--help"],
    ] {
        let mut child = work.command(args).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 4)), "{args:?}: {code:?} {said}");
        assert!(!said.contains("Broken pipe") && !said.contains("cannot"), "{args:?}: {said}");
    }
}

#[test]
fn a_quiet_run_says_what_happens_and_nothing_of_how_far_it_is() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan(PLAN);
    let ended = work.run(&["run", &plan, &url(&service), "--quiet", "--metrics", "0.0.0.0:0"]);
    assert!(matches!(ended.code, 0 | 4), "{ended:?}");
    assert!(!ended.stderr.contains("in flight") && !ended.stderr.contains("steady: 5/s"), "{}", ended.stderr);
    assert!(ended.stderr.contains("warning: --metrics listens on 0.0.0.0:"), "{}", ended.stderr);
    assert!(ended.stdout.contains("requests: 10 due"), "{}", ended.stdout);
}

#[test]
fn a_key_for_two_actions_and_a_color_of_nothing_are_refused_by_every_command_before_anything_is_done() {
    let work = Workplace::new();
    let service = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    service.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", service.local_addr().unwrap());
    let plan = work.plan(PLAN);
    for (file, says) in [
        (
            "max-rate = 50\n[keys]\nspike = \"u\"\n",
            "scaletop.toml, line 3: `u` would be both `spike` and `undo` in charts",
        ),
        ("[keys]\nquit = []\n", "scaletop.toml, line 2: ctrl-c always quits"),
        (
            "[theme]\nlabels = \"red\"\n",
            "scaletop.toml, line 2: nothing on the screen is called `labels`; the nearest is `label`",
        ),
    ] {
        std::fs::write(work.path().join("scaletop.toml"), file).unwrap();
        for args in [
            &["run", "--check", &plan, &url][..],
            &["run", &plan, &url],
            &["doctor", &url],
            &["live", &url],
            &["replay", "session"],
        ] {
            let ended = work.run(args);
            assert!(ended.assert_code(2).stderr.contains(says), "{args:?}: {}", ended.stderr);
        }
    }
    assert!(service.accept().is_err(), "nobody came");
}
