//! Generators as child processes on this machine.
//!
//! **No generator outlives us, whatever ends us.** Each reads its ticket as the first line of its standard input, of which we hold
//! the other end: when that closes (quit, panic, `kill -9`), it ends. Asked to end, it leaves as planned and has time to.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};

use crate::placing::join::Join;

/// The argument of `fleet join` that takes the ticket from the first line of standard input, and ends with it.
const UNTIL_STDIN_CLOSES: &str = "--until-stdin-closes";

/// How long a generator may take to leave: what is in flight is answered or has timed out by then.
const TO_LEAVE: Duration = Duration::from_secs(30);

/// A generator that this program started. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Generator {
    child: Child,
    /// Its end tells the child that we are gone.
    lifeline: Option<ChildStdin>,
}

/// Why a generator did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot start a generator with {}: {source}; check that the system allows more processes (ulimit -u)", program.display())]
pub struct StartError {
    program: PathBuf,
    source: io::Error,
}

impl Generator {
    /// Starts one, and hands it its ticket.
    pub(crate) async fn start(program: &Path, join: &Join, ticket: &str) -> Result<Self, StartError> {
        let failed = |source| StartError { program: program.to_owned(), source };
        let mut command = Command::new(program);
        command.args(join.words().into_iter().map(OsString::from)).args(["-", UNTIL_STDIN_CLOSES]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        // Ctrl-C is for us: we tell them to leave, and wait.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let mut lifeline = child.stdin.take();
        if let Some(stdin) = &mut lifeline {
            // One that has ended already is told of when it is waited for.
            let _ = stdin.write_all(format!("{ticket}\n").as_bytes()).await;
            let _ = stdin.flush().await;
        }
        Ok(Self { child, lifeline })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Tells it to leave, and waits for that; kills it when it takes too long.
    pub(crate) async fn leave(mut self) {
        #[cfg(unix)]
        if let Some(pid) = self.child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
            // Not reaped yet, so its number is nobody else's.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        #[cfg(not(unix))]
        drop(self.lifeline.take());
        if tokio::time::timeout(TO_LEAVE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
        drop(self.lifeline.take());
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use super::*;

    /// A program that keeps the bargain: writes its arguments and its first line, and ends when standard input does.
    fn stand_in(folder: &Path) -> PathBuf {
        let program = folder.join("scaletop");
        let script = "#!/bin/sh\nd=$(dirname \"$0\")\ntrap 'echo left > \"$d/left\"; exit 0' TERM\nread -r line\necho \"$*\" > \"$d/args\"\n\
                      echo \"$line\" > \"$d/ticket\"\nwhile read -r _; do :; done\n";
        fs::write(&program, script).unwrap();
        let mut mode = fs::metadata(&program).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
        fs::set_permissions(&program, mode).unwrap();
        program
    }

    /// Until the file is there with a whole line.
    async fn written(file: &Path) -> String {
        loop {
            match fs::read_to_string(file) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    #[tokio::test]
    async fn a_generator_gets_its_ticket_on_standard_input_and_leaves_when_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path());
        let join = Join { workers: Some(2), ..Join::default() };
        let generator = Generator::start(&program, &join, "{\"secret\":1}").await.unwrap();
        assert!(generator.pid().is_some());
        assert_eq!(written(&folder.path().join("ticket")).await, "{\"secret\":1}\n");
        assert_eq!(written(&folder.path().join("args")).await, "fleet join --workers 2 - --until-stdin-closes\n");
        generator.leave().await;
        assert_eq!(written(&folder.path().join("left")).await, "left\n");
    }

    #[tokio::test]
    async fn a_generator_ends_when_the_other_end_of_its_standard_input_does() {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path());
        let mut generator = Generator::start(&program, &Join::default(), "{}").await.unwrap();
        written(&folder.path().join("args")).await;
        // What happens when this process is killed: the system closes its ends.
        drop(generator.lifeline.take());
        assert!(!generator.ended().await.unwrap().success() || !folder.path().join("left").exists());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told() {
        let error = Generator::start(Path::new("/nowhere/scaletop"), &Join::default(), "{}").await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/scaletop"), "{error}");
    }
}
