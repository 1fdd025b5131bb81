//! Running the binary: plans, arguments, outcomes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_app::{Options, Server};

use super::deadline;

/// A service that takes this long to answer.
pub(crate) fn service(delay: Duration) -> Server {
    Server::start("127.0.0.1:0", Options { delay, ..Options::default() }).unwrap()
}

/// Its URL.
pub(crate) fn url(server: &Server) -> String {
    format!("http://{}/api/test", server.addr())
}

/// A working directory with a plan in it.
pub(crate) struct Workplace {
    pub(crate) home: TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    /// Writes `text` as a plan and returns its path.
    pub(crate) fn plan(&self, text: &str) -> String {
        let path = self.path().join("plan.toml");
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// The binary, with nothing of the caller's environment that changes what it does.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scaletop"));
        command.args(args).current_dir(self.path()).env("HOME", self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("XDG_CONFIG_HOME");
        for (name, _) in std::env::vars() {
            if name.starts_with("SCALETOP_") || name.starts_with("GITHUB_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(&self.command(args).output().unwrap())
    }

    /// Runs it until this machine was not the limit, or the time is up.
    pub(crate) fn run_valid(&self, args: &[&str]) -> Ended {
        self.run_until(args, |ended| ended.code != 4)
    }

    /// Runs it until the outcome is one that says something, or the time is up.
    #[expect(clippy::disallowed_methods, reason = "a process lives in real time; this tries again until a deadline")]
    pub(crate) fn run_until(&self, args: &[&str], says_something: impl Fn(&Ended) -> bool) -> Ended {
        let until = Instant::now() + deadline();
        loop {
            let ended = self.run(args);
            if says_something(&ended) || Instant::now() > until {
                return ended;
            }
        }
    }

    /// The one session's folder.
    pub(crate) fn session(&self) -> PathBuf {
        let mut sessions: Vec<_> = std::fs::read_dir(self.path().join("scaletop-sessions"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        sessions.sort();
        sessions.pop().expect("there is a session")
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// It played what it should; a machine that is busy with other work may have made that invalid.
    pub(crate) fn assert_played(&self) -> &Self {
        assert!(matches!(self.code, 0 | 4), "{}: {}\n{}", self.code, self.stdout, self.stderr);
        self
    }
}

/// A run that is still going on.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tx, lines) = channel();
        // Ends with the child's stderr.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| tx.send(line)));
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for a line on stderr.
    #[expect(clippy::disallowed_methods, reason = "a process lives in real time; this waits for it with a deadline")]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let until = Instant::now() + deadline();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {text:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        self.seen.extend(self.lines.iter());
        Ended { code, stdout, stderr: self.seen.join("\n") }
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing behind: else the run goes on, and who waits for its output waits for ever.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
