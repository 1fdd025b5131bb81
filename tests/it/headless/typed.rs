//! What people type because other tools taught them: a run without a plan, words in either order, a body from standard input.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::program::{Ended, Workplace, service, url};
use crate::support::turn;

const PLAN: &str = "[[stage]]\nrate = 10\nduration = \"1s\"\n";

/// The numbers of the newest session.
fn summary(work: &Workplace) -> Value {
    serde_json::from_str(&std::fs::read_to_string(work.session().join("summary.json")).unwrap()).unwrap()
}

/// A service that keeps the heads and bodies of what it is sent.
pub(super) struct Listener {
    pub(super) url: String,
    heard: Arc<Mutex<Vec<(String, String)>>>,
}

impl Listener {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || hear(stream.unwrap(), &told));
            }
        });
        Self { url, heard }
    }

    /// All that was heard, head and body of each request.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        self.heard.lock().unwrap().clone()
    }

    /// One request of the load. All are alike.
    pub(super) fn one(&self) -> (String, String) {
        let heard = self.heard.lock().unwrap();
        assert!(heard.windows(2).all(|two| two[0] == two[1]), "{heard:?}");
        heard.first().expect("something was sent").clone()
    }
}

fn hear(stream: TcpStream, told: &Mutex<Vec<(String, String)>>) {
    let mut lines = BufReader::new(&stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).unwrap();
        told.lock().unwrap().push((head, String::from_utf8(body).unwrap()));
        if (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// Runs it with `input` on its standard input.
fn run_with(work: &Workplace, input: &str, args: &[&str]) -> Ended {
    let mut child = work.command(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ended::of(&child.wait_with_output().unwrap())
}

#[test]
fn a_rate_and_a_time_are_plan_enough_and_a_spike_may_begin_at_nothing() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let url = url(&service);
    work.run_valid(&["run", &url, "--rate", "20", "--duration", "2s"]).assert_code(0);
    assert_eq!(summary(&work)["totals"]["due"], 40);
    work.run_valid(&["run", &url, "-z", "3s", "--spike-at", "1s", "--spike-rate", "30"]).assert_code(0);
    let spiked = summary(&work);
    assert_eq!(spiked["totals"]["due"], 60, "nothing for a second, then 30/s: {spiked:#}");
    assert_eq!(spiked["steps"][1]["to_rps"], 30);
    for (wrong, says) in [
        (&["--duration", "2s"][..], "a rate above 0 and a time"),
        (&["--rate", "5"], "a rate above 0 and a time"),
        (&["--rate", "5"], "--duration is missing"),
        (&["--rate", "5", "--duration", "1,500ms"], "could be 1500ms or 1.500ms"),
        (&["--rate", "5", "--duration", "100ms"], "sends nothing"),
        (&["--rate", "5", "--duration", "2s", "--spike-at", "2s"], "is not within --duration"),
        (&["--rate", "5", "--duration", "2s", "--slo", "p50=1ms", "--slo", "p99=1s"], "two percentiles"),
        (&["--rate", "-5", "--duration", "2s"], "\"-5\" is not a rate"),
    ] {
        let ended = work.run(&[&["run", &url], wrong].concat());
        assert!(ended.assert_code(2).stderr.contains(says), "{wrong:?}: {}", ended.stderr);
    }
}

#[test]
fn plan_and_target_come_in_either_order_and_what_is_neither_is_said_to_be() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let (plan, url) = (work.plan(PLAN), url(&service));
    work.run_valid(&["run", &url, &plan]).assert_code(0);
    assert_eq!(summary(&work)["totals"]["due"], 10);
    run_with(&work, PLAN, &["run", "-", &url]).assert_code(0);
    std::fs::write(work.path().join("nothing.toml"), "[[stage]]\nrate = 0\nduration = \"5s\"\n").unwrap();
    for (words, code, says) in [
        (&["run", "demo-spke", "http://127.0.0.1:9"][..], 2, "did you mean the built-in plan demo-spike?"),
        (
            &["run", "http://127.0.0.1:9", "http://127.0.0.1:8", "http://127.0.0.1:7"],
            2,
            "run drives one target, or two with the same arrivals, not 3",
        ),
        (&["run", "localhost:9", "--rate", "5", "--duration", "1s"], 2, "write http://localhost:9"),
        (
            &["run", "example.com", "--rate", "5", "--duration", "1s"],
            2,
            "there is no plan example.com; as a target, write https://example.com",
        ),
        (&["run", ".", "http://127.0.0.1:9"], 2, "it is a folder"),
        (&["run", "nothing.toml", "--check"], 2, "sends nothing"),
        (&["run", "nothing.toml", "http://127.0.0.1:9"], 2, "sends nothing"),
        (&["run", "--list", "demo-spike"], 2, "leave demo-spike out"),
        (&["run", "--list", "--format", "json"], 2, "--format does nothing with --list"),
        (&["lvie", "http://127.0.0.1:9"], 2, "similar subcommand exists: 'live'"),
        (&["localhost:9"], 2, "write http://localhost:9"),
    ] {
        let ended = work.run(words);
        assert!(ended.assert_code(code).stderr.contains(says), "{words:?}: {}", ended.stderr);
    }
    work.run(&["run", "demo-spike", "--check"]).assert_code(0);
    let ceiling = work.run(&["capacity", "http://127.0.0.1:9", "--max-rate", "0"]);
    assert!(ceiling.assert_code(2).stderr.contains("--max-rate 0 allows no request"), "{}", ceiling.stderr);
}

#[test]
fn a_body_is_posted_from_a_text_a_file_or_standard_input_and_a_user_is_a_header() {
    let _turn = turn();
    let work = Workplace::new();
    std::fs::write(work.path().join("body.json"), "{\"a\":1}").unwrap();
    let rate = ["--rate", "5", "--duration", "1s", "--no-preflight"];
    for (flags, input, body) in [
        (&["-d", "{}"][..], "", "{}"),
        (&["-d", "@body.json"], "", "{\"a\":1}"),
        (&["-d", "@-"], "typed", "typed"),
        (&["--body-file", "-"], "typed", "typed"),
    ] {
        let listener = Listener::start();
        let args = [&["run", &listener.url][..], &rate, flags, &["-u", "me:secret", "-A", "mine"]].concat();
        let ended = run_with(&work, input, &args);
        ended.assert_played();
        assert!(ended.stderr.contains("no content-type") && !ended.stderr.contains("secret"), "{}", ended.stderr);
        let (head, received) = listener.one();
        assert!(head.starts_with("POST / "), "{head}");
        assert!(
            head.contains("authorization: Basic bWU6c2VjcmV0\r\n") && head.contains("user-agent: mine\r\n"),
            "{head}"
        );
        assert_eq!(received, body, "{flags:?}");
    }
    let listener = Listener::start();
    work.run(&[&["run", &listener.url, "-X", "PUT", "-d", "{}", "-H", "content-type: a/b"][..], &rate].concat());
    assert!(listener.one().0.starts_with("PUT / "));
    let asked_once = Listener::start();
    run_with(&work, "typed", &["doctor", &asked_once.url, "-d", "@-"]);
    assert_eq!(asked_once.one().1, "typed", "standard input is the same for whoever asks");
    let twice = run_with(&work, PLAN, &["run", "-", &listener.url, "-d", "@-"]);
    assert!(twice.assert_code(2).stderr.contains("the plan or the body, not both"), "{}", twice.stderr);
    let without = work.run(&[&["run", &listener.url, "-u", "me"][..], &rate].concat());
    assert!(without.assert_code(2).stderr.contains("USER:PASSWORD"), "{}", without.stderr);
}

#[test]
fn what_is_typed_goes_before_its_counterpart_wherever_that_stands() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let url = url(&service);
    let args = ["run", &url, "--rate", "5", "--duration", "1s", "--json"];
    let ended = Ended::of(&work.command(&args).env("SCALETOP_FORMAT", "markdown").output().unwrap());
    ended.assert_played();
    assert!(ended.stdout.starts_with('{'), "{}", ended.stdout);
    std::fs::write(work.path().join("scaletop.toml"), "format = \"markdown\"\n").unwrap();
    assert!(work.run(&args).assert_played().stdout.starts_with('{'));
    // A line a second, where standard error is no terminal.
    let lines = |flags: &[&str]| {
        let ended = work.run(&[&["run", &url, "--rate", "5", "--duration", "4s"], flags].concat());
        ended.stderr.lines().filter(|line| line.contains("  target ")).count()
    };
    assert!(lines(&["-v"]) >= 4 && lines(&[]) <= 2 && lines(&["--quiet"]) == 0);
}

#[test]
fn a_session_is_found_by_its_name_and_the_newest_without_one_and_no_file_is_replaced() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let none = work.run(&["report"]);
    assert!(none.assert_code(2).stderr.contains("scaletop-sessions has none"), "{}", none.stderr);
    work.run(&["run", &url(&service), "--rate", "5", "--duration", "1s"]);
    let name = work.session().file_name().unwrap().to_string_lossy().into_owned();
    let newest = work.run(&["report"]);
    assert!(newest.assert_code(0).stdout.contains(&name), "{}", newest.stdout);
    work.run(&["report", &name]).assert_code(0);
    let near = work.run(&["report", &name[..name.len() - 1]]);
    assert!(near.assert_code(2).stderr.contains(&name), "{}", near.stderr);
    let recording = work.session().join("recording.jsonl").to_string_lossy().into_owned();
    let before = std::fs::read(&recording).unwrap();
    for asked in
        [&["report", &name, "--plan", &recording][..], &["compare", &recording, &recording, "--html", &recording]]
    {
        assert!(work.run(asked).assert_code(2).stderr.contains("is not overwritten"), "{asked:?}");
    }
    assert_eq!(std::fs::read(&recording).unwrap(), before);
    // Its own page is written again.
    for _ in 0..2 {
        work.run(&["compare", &recording, &recording]).assert_code(0);
    }
}
