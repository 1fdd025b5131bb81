//! Counts by a program: it is run, and the last line that it prints is a number or says what is counted.
//!
//! It is run without a shell unless one is asked for, never twice at a time, in our environment and folder, with nothing on its
//! standard input. On Unix it has a process group of its own, which is killed with it: what it started ends with it, and it ends
//! with us.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::counting::feed::ReadCounts;
use crate::counting::reading::{counts, last_line, quoted};
use crate::counting::{CountSource, LONGEST_ANSWER, MOST_BYTES, Reading};
use crate::instances::{SourceError, SourceErrorKind};
use crate::target::hide_secrets_in;
use crate::text::clean_to;
use crate::values::count::CommandLine;

/// How much of the last line of standard error is told.
const SHOWN: usize = 200;

/// How long what a program leaves open may keep us from what it printed, once it has ended.
const LINGER: Duration = Duration::from_millis(500);

/// A program that counts.
#[derive(Clone, Debug)]
pub(crate) struct CommandReader {
    line: CommandLine,
    /// How long it may run.
    at_most: Duration,
}

impl CommandReader {
    pub(crate) const fn new(line: CommandLine) -> Self {
        Self { line, at_most: LONGEST_ANSWER }
    }

    #[cfg(test)]
    fn within(self, at_most: Duration) -> Self {
        Self { at_most, ..self }
    }

    /// The program alone: arguments may hold what is secret.
    pub(crate) fn described(&self) -> String {
        match &self.line {
            CommandLine::Shell(_) => "a command of the shell".to_owned(),
            CommandLine::Words(words) => {
                let program = words.first().map_or("", String::as_str);
                let name = Path::new(program).file_name().map_or_else(|| program.into(), |name| name.to_string_lossy());
                clean_to(&name, SHOWN)
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = match &self.line {
            CommandLine::Shell(text) => shell(text),
            CommandLine::Words(words) => {
                let mut command = Command::new(words.first().map_or("", String::as_str));
                command.args(words.iter().skip(1));
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command
    }

    async fn run(&self) -> Result<Vec<u8>, SourceError> {
        let program = self.described();
        let spawned = self.command().spawn().map_err(|error| not_run(&program, &error))?;
        let mut running = Running::new(spawned);
        let ended = timeout(self.at_most, running.output()).await;
        // Whatever of it is left.
        drop(running);
        let Ok(output) = ended else {
            let secs = self.at_most.as_secs();
            return Err(SourceError {
                kind: SourceErrorKind::Unreachable,
                message: format!("{program} ran for more than {secs} s, and was ended"),
                remedy: "have it answer faster, or within a time limit of its own".to_owned(),
            });
        };
        let output = output.map_err(|error| failed(format!("{program} cannot be read from: {error}")))?;
        if output.is_too_long {
            return Err(failed(format!("{program} printed more than {} KiB", MOST_BYTES / 1024)));
        }
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said =
            last_line(&said).map_or_else(String::new, |line| format!(": {}", clean_to(&hide_secrets_in(line), SHOWN)));
        Err(failed(format!("{program} {}{said}", ending(output.status))))
    }
}

impl ReadCounts for CommandReader {
    const SOURCE: CountSource = CountSource::Command;

    async fn read(&mut self) -> Reading {
        let read = self.run().await.and_then(|stdout| {
            let text = String::from_utf8_lossy(&stdout);
            let line = last_line(&text).ok_or_else(|| failed(format!("{} printed nothing", self.described())))?;
            counts(line).map_err(|why| failed(format!("the last line of {} is no count: {why}", self.described())))
        });
        match read {
            Ok(counts) => {
                let counts = counts.into_iter().map(|(counted, count)| (counted, count, Duration::ZERO)).collect();
                Reading { counts, ..Reading::default() }
            }
            Err(problem) => Reading { problem: Some(problem), ..Reading::default() },
        }
    }
}

#[cfg(windows)]
fn shell(text: &str) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").raw_arg(text);
    command
}

#[cfg(not(windows))]
fn shell(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(text);
    command
}

fn failed(message: String) -> SourceError {
    SourceError {
        kind: SourceErrorKind::BadAnswer,
        message,
        remedy: "its last line is to be a number, or such as running=3 desired=5 pending=2".to_owned(),
    }
}

fn not_run(program: &str, error: &io::Error) -> SourceError {
    let (kind, remedy) = match error.kind() {
        io::ErrorKind::NotFound => {
            (SourceErrorKind::NotFound, "check its name and PATH; what a shell knows alone needs --count-shell")
        }
        io::ErrorKind::PermissionDenied => (SourceErrorKind::AccessDenied, "make it executable (chmod +x)"),
        _ => (SourceErrorKind::Unavailable, "run it by hand to see what is wrong"),
    };
    let message = format!("cannot run {}: {error}", quoted(program));
    SourceError { kind, message, remedy: remedy.to_owned() }
}

/// `ended with code 3`.
fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal}");
    }
    status.code().map_or_else(|| "ended without a code".to_owned(), |code| format!("ended with code {code}"))
}

/// What a program printed, and how it ended.
struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
    /// Its last bytes.
    stderr: Vec<u8>,
    is_too_long: bool,
}

/// A program that runs; dropping it kills it with all of its process group.
struct Running {
    child: Child,
    /// Its process group, where there are such.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

impl Running {
    fn new(child: Child) -> Self {
        #[cfg(unix)]
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        Self {
            child,
            #[cfg(unix)]
            group,
        }
    }

    /// Ends what is left of it. Its group is there for as long as one of it runs.
    fn kill_group(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group.take() {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    /// Waits for its end, reading meanwhile.
    async fn output(&mut self) -> io::Result<Output> {
        let (mut out, mut err) = (Tail::default(), Tail::default());
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let status = {
            let reading = async {
                tokio::join!(out.read(stdout), err.read(stderr));
            };
            tokio::pin!(reading);
            let ended = tokio::select! {
                status = self.child.wait() => Some(status?),
                () = &mut reading => None,
            };
            match ended {
                Some(status) => {
                    // Something that it started may keep its output open: that ends with it.
                    self.kill_group();
                    let _ = timeout(LINGER, &mut reading).await;
                    status
                }
                // All is closed: it ends now, or does so in its time.
                None => self.child.wait().await?,
            }
        };
        Ok(Output { status, is_too_long: out.is_cut(), stdout: out.bytes, stderr: err.bytes })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The child itself is killed by its own drop.
        self.kill_group();
    }
}

/// The last bytes of a stream.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    read: usize,
}

impl Tail {
    const fn is_cut(&self) -> bool {
        self.read > MOST_BYTES
    }

    /// Reads to the end, keeping what came last.
    async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = vec![0; 8 * 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            self.read = self.read.saturating_add(read);
            self.bytes.extend_from_slice(&buffer[..read]);
            if self.bytes.len() > MOST_BYTES {
                self.bytes.drain(..self.bytes.len() - MOST_BYTES);
            }
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::instances::Counted;

    fn reader(text: &str, shell: bool) -> CommandReader {
        CommandReader::new(CommandLine::new(text, shell).unwrap())
    }

    async fn counted(text: &str, shell: bool) -> Vec<(Counted, u32)> {
        let reading = reader(text, shell).read().await;
        assert_eq!(reading.problem, None);
        reading.counts.into_iter().map(|(counted, count, _)| (counted, count)).collect()
    }

    async fn problem(text: &str, shell: bool) -> SourceError {
        let reading = reader(text, shell).read().await;
        assert_eq!(reading.counts, []);
        reading.problem.expect("a problem")
    }

    #[tokio::test]
    async fn the_last_line_counts_with_a_shell_and_without() {
        assert_eq!(counted("echo 3", false).await, [(Counted::Running, 3)]);
        // Without a shell nothing is made of a dollar sign; with one a pipe is a pipe.
        assert!(problem("echo $HOME", false).await.message.contains("\"$HOME\" is no number"));
        let all = counted("printf 'a\\nb\\n' | wc -l; echo desired=$((2+3)) running=1", true).await;
        assert_eq!(all, [(Counted::Desired, 5), (Counted::Running, 1)]);
    }

    #[tokio::test]
    async fn what_fails_says_how_with_the_last_line_of_standard_error() {
        let failed = problem("echo 3; echo first >&2; printf 'no \\033[31mcluster\\n' >&2; exit 7", true).await;
        assert_eq!(failed.message, "a command of the shell ended with code 7: no \u{fffd}[31mcluster");
        assert_eq!(problem("kill -9 $$", true).await.message, "a command of the shell was ended by signal 9");
        let secret = problem("echo cannot reach http://me:hunter2@host/ >&2; exit 1", true).await.message;
        assert!(secret.contains("host") && !secret.contains("hunter2"), "{secret}");
        let none = problem("scaletop-has-no-such-program --now", false).await;
        assert_eq!(none.kind, SourceErrorKind::NotFound);
        assert!(none.message.contains("\"scaletop-has-no-such-program\""), "{none}");
        assert!(problem("true", false).await.message.contains("true printed nothing"));
        assert!(problem("echo three", false).await.message.contains("\"three\" is no number"));
        let long = problem("yes 1 | head -c 3000000", true).await.message;
        assert!(long.contains("printed more than 1024 KiB"), "{long}");
    }

    /// A file that whoever is alive touches again and again would need a clock; the id of a process is told, and asked after.
    async fn pid_in(file: &Path) -> rustix::process::Pid {
        loop {
            let pid = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_gone(pid: rustix::process::Pid) {
        // One that has ended and was not waited for yet is still there to be asked: whoever adopts it does.
        let is_zombie = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
        };
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let text = format!("sleep 600 & echo $! > {}; sleep 600", file.display());
        let reading = reader(&text, true).within(Duration::from_secs(1)).read().await;
        let problem = reading.problem.expect("a problem");
        assert!(problem.message.contains("ran for more than 1 s"), "{problem}");
        until_gone(pid_in(&file).await).await;
    }

    #[tokio::test]
    async fn what_it_leaves_behind_does_not_keep_us_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        // It has ended, and its output is still open.
        let text = format!("sleep 600 & echo $! > {}; echo 4", file.display());
        let reading = reader(&text, true).within(Duration::from_mins(5)).read().await;
        assert_eq!(reading.counts, [(Counted::Running, 4, Duration::ZERO)], "{:?}", reading.problem);
        until_gone(pid_in(&file).await).await;
    }

    #[tokio::test]
    async fn it_does_not_outlive_whoever_asked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let text = format!("sleep 600 & echo $! > {}; wait", file.display());
        let mut asked = reader(&text, true);
        let asking = tokio::spawn(async move { asked.read().await });
        let pid = pid_in(&file).await;
        asking.abort();
        until_gone(pid).await;
    }

    #[test]
    fn a_description_names_the_program_alone() {
        assert_eq!(reader("/usr/bin/curl -H 'authorization: Bearer hunter2' x", false).described(), "curl");
        assert_eq!(reader("curl -u me:hunter2 x | wc -l", true).described(), "a command of the shell");
    }
}
