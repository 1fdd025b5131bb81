//! Sources of instance counts on the real binary: what reaches the files, what `doctor` says of them, what is never written down.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::program::{Workplace, service, url};
use crate::support::turn;

/// Answers by the path alone, without its query, and keeps what it was asked.
struct Counts {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Counts {
    fn start(answers: &'static [(&str, &str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        // Ends with the process: a connection that nobody makes costs nothing.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                let path = path.split('?').next().unwrap_or_default();
                let known = answers.iter().find(|(known, ..)| *known == path);
                let (_, status, body) = known.unwrap_or(&("", "404 Not Found", "nothing here"));
                kept.lock().unwrap().push(head.join("\n"));
                let _ = write!(
                    &stream,
                    "HTTP/1.1 {status}\r\ndate: Sat, 28 Nov 2026 19:00:10 GMT\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { address, heads }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> String {
        self.heads.lock().unwrap().join("\n\n").to_ascii_lowercase()
    }
}

const SAMPLE: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1795892410.2,"4"]}]}}"#;

/// The rows of a CSV file, by the names of its columns.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Everything that a session left behind, as one text.
fn all_files(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

#[test]
fn each_source_has_columns_of_its_own_beside_the_header_and_no_secret_is_written() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let counts = Counts::start(&[
        ("/state", "200 OK", r#"{"status":{"ready":2,"wanted":"6"}}"#),
        ("/prom/api/v1/query", "200 OK", SAMPLE),
    ]);
    let plan = work.plan(&format!(
        "[count]\nurl = \"{}\"\npointer = {{ running = \"/status/ready\", desired = \"/status/wanted\" }}\n\
         [[stage]]\nname = \"steady\"\nrate = 20\nduration = \"13s\"\n",
        counts.url("/state?key=hunter2").replace("http://", "http://me:hunter2@")
    ));
    let prometheus = counts.url("/prom").replace("http://", "http://you:hunter3@");
    let args = [
        "run",
        &plan,
        &url(&service),
        "--count-command",
        "echo running=3 desired=5 pending=2",
        "--count-prometheus",
        &prometheus,
        "--count-query",
        "count(up == 1)",
    ];
    let ended = work.run(&args);
    ended.assert_played();
    assert!(ended.stderr.contains("instances are counted by a program, every 2 s: echo"), "{}", ended.stderr);
    let folder = work.session();
    let timeline = rows(&folder.join("timeline.csv"));
    let known = |column: &str| -> Vec<String> {
        let mut values: Vec<_> =
            timeline.iter().map(|row| row[column].clone()).filter(|value| !value.is_empty()).collect();
        values.dedup();
        values
    };
    for (column, expected) in [
        ("instances_responding", "1"),
        ("instances_command_running", "3"),
        ("instances_command_desired", "5"),
        ("instances_command_pending", "2"),
        ("instances_url_running", "2"),
        ("instances_url_desired", "6"),
        ("instances_prometheus_running", "4"),
    ] {
        assert_eq!(known(column), [expected], "{column}");
    }
    for column in ["instances_running", "instances_desired", "instances_active", "instances_url_pending"] {
        assert_eq!(known(column), [""; 0], "{column}: nobody said that");
    }
    let steps = rows(&folder.join("steps.csv"));
    assert_eq!(steps[0]["instances_basis"], "command_running", "exact and fresh before late");
    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("summary.json")).unwrap()).unwrap();
    let sources: Vec<_> = summary["settings"]["counts"].as_array().unwrap().iter().map(|one| &one["source"]).collect();
    assert_eq!(sources, ["command", "url", "prometheus"]);
    let all = all_files(&folder) + &ended.stdout + &ended.stderr;
    assert!(!all.contains("hunter"), "a secret was written");
    assert!(all.contains("count(up == 1)") && all.contains("running (command)"), "what was counted, and by whom");
    let asked = counts.asked();
    assert!(asked.contains("get /state?key=hunter2 http/1.1"), "{asked}");
    assert!(asked.contains("get /prom/api/v1/query?query=count%28up+%3d%3d+1%29 http/1.1"), "{asked}");
    // base64 of me:hunter2 and of you:hunter3.
    assert!(asked.contains("basic bwu6ahvudgvymg==") && asked.contains("basic ew91omh1bnrlcjm="), "{asked}");
}

#[test]
fn a_count_that_fails_is_stale_with_its_reason_and_the_run_goes_on() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan("[[stage]]\nname = \"steady\"\nrate = 20\nduration = \"4s\"\n");
    // It counts once, and then never again.
    let command = "test -e once && { echo no cluster >&2; exit 3; }; touch once; echo 2";
    let args = ["run", &plan, &url(&service), "--count-shell", "--count-command", command];
    let ended = work.run(&args);
    ended.assert_played();
    let events = std::fs::read_to_string(work.session().join("events.csv")).unwrap();
    assert!(events.contains("2 running (command) at"), "{events}");
    let stale = events.lines().find(|line| line.contains("command: stale since")).unwrap_or_else(|| panic!("{events}"));
    assert!(stale.contains("a command of the shell ended with code 3: no cluster"), "{stale}");
}

#[test]
fn a_plan_waits_for_what_a_command_counts() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan(
        "[count]\nshell = true\ncommand = \"test -e two && echo 1 || { touch two; echo 3; }\"\ninterval = \"1s\"\n\
         [[stage]]\nname = \"rest\"\nrate = 0\nuntil = \"instances <= 1\"\nat_most = \"60s\"\n\
         [[stage]]\nname = \"spike\"\nrate = 20\nduration = \"2s\"\n",
    );
    let ended = work.run(&["run", &plan, &url(&service)]);
    ended.assert_played();
    let seconds = rows(&work.session().join("timeline.csv")).len();
    assert!(seconds < 50, "it waited for {seconds} s: at rate 0 the command alone can tell");
}

#[test]
fn doctor_tries_each_once_and_says_what_was_read_or_what_to_do() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let counts = Counts::start(&[
        ("/n", "200 OK", " 7\n"),
        ("/moved", "302 Found", ""),
        (
            "/api/v1/query",
            "422 Unprocessable",
            r#"{"status":"error","errorType":"execution","error":"too many samples"}"#,
        ),
    ]);
    let target = url(&service);
    let doctor = |args: &[&str]| work.run(&[&["doctor", &target, "--max-in-flight", "10"], args].concat());
    let fine = doctor(&["--count-command", "echo 3", "--count-url", &counts.url("/n")]);
    fine.assert_code(0);
    for said in
        ["ok       count by command: 3 running (± 2 s; echo)", "ok       count by url: 7 running (± 2 s; http://127"]
    {
        assert!(fine.stdout.contains(said), "{said}: {}", fine.stdout);
    }
    let token = work.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let (moved, prometheus) = (counts.url("/moved"), counts.url("/"));
    let bad = doctor(&[
        "--count-command",
        "scaletop-has-no-such-program",
        "--count-url",
        &moved,
        "--count-prometheus",
        &prometheus,
        "--count-query",
        "up",
        "--count-token",
        token.to_str().unwrap(),
    ]);
    bad.assert_code(1);
    for said in [
        "failure  count by command: cannot run \"scaletop-has-no-such-program\"",
        "answered 302; redirects are not followed",
        "the query \"up\": Prometheus refuses it: too many samples; mend the query",
    ] {
        assert!(bad.stdout.contains(said), "{said}: {}", bad.stdout);
    }
    assert!(counts.asked().contains("authorization: bearer s3cret"), "{}", counts.asked());
    assert!(!bad.stdout.contains("s3cret"), "{}", bad.stdout);
    assert_eq!(counts.heads.lock().unwrap().len(), 3, "each once");
}

#[test]
fn what_would_do_nothing_or_is_none_is_refused_with_what_would_be_right() {
    let work = Workplace::new();
    let live = &["live", "http://127.0.0.1:1/"][..];
    let run = &["run", "http://127.0.0.1:1/", "--rate", "1", "--duration", "1s"][..];
    for (command, args, said) in [
        (live, &["--count-shell"][..], "--count-shell does nothing without --count-command"),
        (live, &["--count-pointer", "/a"], "--count-pointer does nothing without --count-url"),
        (live, &["--count-query", "up"], "--count-query does nothing without --count-prometheus"),
        (live, &["--count-interval", "5s"], "--count-interval does nothing without --count-command or"),
        (run, &["--count-url", "http://127.0.0.1:1", "--count-pointer", "a.b"], "begins with /"),
        (run, &["--count-prometheus", "http://127.0.0.1:1"], "--count-query"),
        (run, &["--count-command", "docker ps | wc -l"], "--count-shell"),
        (run, &["--count-interval", "10ms", "--count-command", "x"], "500ms to 1h"),
        (run, &["http://127.0.0.1:2/", "--count-command", "echo 1"], "there are two targets"),
    ] {
        let ended = work.run(&[command, args].concat());
        ended.assert_code(2);
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
    }
    for (count, said) in [
        ("command = \"echo 'a\"", "[count] command: a quote is not closed"),
        ("shell = true", "[count] shell: it does nothing without a `command`"),
        ("prometheus = \"http://127.0.0.1:1\"", "[count] prometheus: it needs a `query`"),
        ("prometheus = \"http://127.0.0.1:1\"\nquery = { run = \"up\" }", "did you mean running?"),
        ("url = \"http://127.0.0.1:1\"\npointer = 5", "[count] pointer: give a text, or a table"),
        ("commands = \"x\"", "the nearest is `command`"),
        ("", "[count]"),
    ] {
        let plan = work.plan(&format!("[count]\n{count}\n[[stage]]\nrate = 1\nduration = \"1s\"\n"));
        let ended = work.run(&["run", "--check", &plan, "http://127.0.0.1:1/"]);
        ended.assert_code(2);
        assert!(ended.stderr.contains(said), "{count}: {}", ended.stderr);
    }
    // In a file and in a variable, too.
    std::fs::write(work.path().join("scaletop.toml"), "[count]\ncount-pointer = [\"running=/a\", \"desired=/b\"]\n")
        .unwrap();
    let shown = work.command(&["config"]).env("SCALETOP_COUNT_COMMAND", "curl --token s3cret").output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("running=/a") && shown.contains("curl …") && !shown.contains("s3cret"), "{shown}");
}
