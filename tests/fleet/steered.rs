//! Who steers, who waits, and that all of it is said: `scaletop run` with a fleet, as it is typed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use crate::commands::{run, said};
use crate::support::{Own, is_running, scaletop, soon};

/// Where nobody answers, nor has to.
const TARGET: &str = "http://127.0.0.1:9";

/// A program of ours, and what it says.
struct Program {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Program {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(scaletop())
            .args(args)
            .env_remove("SCALETOP_FLEET_TICKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, said: String::new() }
    }

    /// A controller that waits for a generator.
    fn waiting(own: &Own, out: &str) -> Self {
        let [ticket, out] = ["fleet.ticket", out].map(|name| own.dir.path().join(name).display().to_string());
        Self::start(&[
            "run",
            "spike",
            TARGET,
            "--yes",
            "--no-preflight",
            "--fleet",
            &ticket,
            "--generators",
            "1",
            "--out",
            &out,
        ])
    }

    /// Reads until it says this, which it does or ends.
    fn says(&mut self, words: &str) {
        while !self.said.contains(words) {
            let read = self.stderr.read_line(&mut self.said).unwrap();
            assert!(read > 0, "it ended without \"{words}\": {}", self.said);
        }
    }

    /// Signals it, and waits for its end: its exit code.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        while self.stderr.read_line(&mut self.said).unwrap() > 0 {}
        (status.code(), std::mem::take(&mut self.said))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_generator_that_may_not_load_the_target_says_so_to_the_controller() {
    let Some(own) = Own::start().await else { return };
    let mut controller = Program::waiting(&own, "out");
    controller.says("waiting up to");
    let ticket = own.dir.path().join("join.ticket").display().to_string();
    let refusing = run(&["fleet", "join", &ticket, "--name", "g2", "--allow", "other.example"]);
    assert_eq!(refusing.status.code(), Some(2), "{}", said(&refusing));
    controller.says("fleet: g2 refuses this run: 127.0.0.1 is not among its hosts");
    let (_, said) = controller.end("-TERM");
    assert!(!said.contains("not heard any more"), "{said}");
}

#[tokio::test]
async fn a_controller_that_ends_while_it_waits_lets_go_says_so_and_leaves_nothing_behind() {
    let Some(own) = Own::start().await else { return };
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let mut controller = Program::waiting(&own, "new/out");
        controller.says("0 of 1 generator is ready");
        let pid = controller.child.id();
        let ticket = own.dir.path().join("observer.ticket").display().to_string();
        let listed = said(&run(&["fleet", "ls", &ticket]));
        assert!(listed.contains(&format!("  steered by process {pid} on ")), "{listed}");
        let (ended, words) = controller.end(signal);
        assert_eq!(ended, Some(code), "{words}");
        assert!(words.contains("interrupted before the load began"), "{words}");
        assert!(!own.dir.path().join("new").exists(), "an empty folder is left");
        let listed = said(&run(&["fleet", "ls", &ticket]));
        assert!(listed.contains(&format!("last steered by process {pid} on ")), "{listed}");
    }
}

#[tokio::test]
async fn a_session_lets_go_when_its_plan_is_over_and_when_a_signal_ends_it() {
    let Some(own) = Own::start().await else { return };
    let file = |name: &str| own.dir.path().join(name).display().to_string();
    for (how, duration) in [("plan", "1s"), ("signal", "10m")] {
        let (fleet, out) = (file("fleet.ticket"), file(how));
        let load =
            ["run", TARGET, "--rate", "5", "--duration", duration, "--yes", "--no-preflight", "--generators", "1"];
        let mut controller = Program::start(&[&load[..], &["--fleet", &fleet, "--out", &out]].concat());
        controller.says("0 of 1 generator is ready");
        let pid = controller.child.id();
        let mut generator = Program::start(&["fleet", "join", &file("join.ticket"), "--allow", "127.0.0.1"]);
        controller.says("1 of 1 generator is ready");
        if how == "signal" {
            let recording = own.dir.path().join(how).join("recording.jsonl");
            soon("the load", async {
                while !recording.exists() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
            let (_, words) = controller.end("-TERM");
            assert!(!words.contains("panicked"), "{words}");
        } else {
            controller.child.wait().unwrap();
        }
        let listed = said(&run(&["fleet", "ls", &file("observer.ticket")]));
        assert!(listed.contains(&format!("last steered by process {pid} on ")), "{how}: {listed}");
        generator.child.wait().unwrap();
        let mut words = String::new();
        generator.stderr.read_to_string(&mut words).unwrap();
        assert!(!words.contains("reached again"), "{words}");
    }
}

#[tokio::test]
async fn a_start_that_fails_leaves_no_folder_behind() {
    let Some(own) = Own::start().await else { return };
    let [ticket, out] = ["fleet.ticket", "out"].map(|name| own.dir.path().join(name).display().to_string());
    let common = ["run", "spike", TARGET, "--yes", "--no-preflight", "--generators", "1", "--fleet", &ticket];
    let failed = run(&[&common[..], &["--within", "1s", "--out", &out]].concat());
    assert!(said(&failed).contains("only 0 of 1 generator was ready within 1 s"), "{}", said(&failed));
    assert_eq!(failed.status.code(), Some(1));
    assert!(!own.dir.path().join("out").exists());
    // One that the user made stays.
    std::fs::create_dir(own.dir.path().join("out")).unwrap();
    run(&[&common[..], &["--within", "1s", "--out", &out]].concat());
    assert!(own.dir.path().join("out").exists());
}

#[tokio::test]
async fn a_second_controller_says_whom_it_waits_for_and_blames_no_generator() {
    let Some(own) = Own::start().await else { return };
    let mut first = Program::waiting(&own, "first");
    first.says("0 of 1 generator is ready");
    let pid = first.child.id();
    let [ticket, out] = ["fleet.ticket", "second"].map(|name| own.dir.path().join(name).display().to_string());
    let args = ["run", "spike", TARGET, "--yes", "--no-preflight", "--generators", "1", "--within", "1s"];
    let mut second = Program::start(&[&args[..], &["--fleet", &ticket, "--out", &out]].concat());
    second.says(&format!("fleet: steered by process {pid} on "));
    assert!(second.said.contains("waiting up to 12 s") && is_running(pid), "{}", second.said);
    first.end("-TERM");
    let status = second.child.wait().unwrap();
    while second.stderr.read_line(&mut second.said).unwrap() > 0 {}
    assert_eq!(status.code(), Some(1), "{}", second.said);
    let last = second.said.lines().last().unwrap();
    assert!(last.contains(&format!("process {pid} on ")) && last.contains("ended with it: start them anew"), "{last}");
}
