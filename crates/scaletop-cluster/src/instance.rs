//! Instances as processes: starts one, hears where it listens, ends it; and the child's side of the same bargain.
//!
//! **No instance outlives its cluster, whatever ends it.** The parent holds the writing end of the child's standard input
//! and never writes. When the parent is gone (quit, panic, `kill -9`) the system closes that end, the child reads the end
//! of the file, and exits at once. Nothing needs to be cleaned up by anybody who may not live to do it.
//!
//! The program is this one, called again with [`CHILD_COMMAND`] before its arguments, so that nothing has to be installed.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use scaletop_units::InstanceId;

/// The hidden command that makes this program an instance.
pub(crate) const CHILD_COMMAND: &str = "__instance";

/// A process that has not said where it listens by then is given up. It takes some 20 ms on an idle machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes kept of what a process complains.
const COMPLAINT_KEPT: usize = 512;

/// Runs as an instance when the arguments (the program's own name first) say so; to be called before anything else in
/// `main`.
pub fn run_if_child(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    (args.next()? == CHILD_COMMAND).then(|| run_child(args))
}

/// The instance: test-app with these arguments, until the parent is gone.
fn run_child(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let watch = std::thread::Builder::new().name("parent".to_owned()).spawn(exit_with_parent);
    if watch.is_err() {
        // Unwatched it could outlive its parent.
        return ExitCode::FAILURE;
    }
    test_app::program::main(args)
}

/// Waits for the end of standard input, then ends this process. At once, without the graceful stop: whoever waited for an
/// answer is gone too.
fn exit_with_parent() {
    let mut ignored = [0; 64];
    loop {
        match io::stdin().lock().read(&mut ignored) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "an instance owns no terminal and no file, and nobody is left to wait"
    )]
    std::process::exit(0)
}

/// What is started as an instance. It is given test-app's arguments after its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceProgram {
    path: PathBuf,
    args: Vec<OsString>,
}

impl InstanceProgram {
    /// Another program, with the arguments that come before test-app's.
    pub fn new(path: impl Into<PathBuf>, args: impl IntoIterator<Item = OsString>) -> Self {
        Self { path: path.into(), args: args.into_iter().collect() }
    }

    /// The scaletop program at `path`: for programs that are not scaletop themselves, such as tests.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::new(path, [CHILD_COMMAND.into()])
    }

    /// This program, which must call [`run_if_child`] first thing in its `main`.
    pub fn this_one() -> io::Result<Self> {
        // On Linux the link leads to the running program even after its file was replaced by a newer build.
        let link = PathBuf::from("/proc/self/exe");
        let path = if cfg!(target_os = "linux") && link.exists() { link } else { std::env::current_exe()? };
        Ok(Self::at(path))
    }
}

impl fmt::Display for InstanceProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", arg.display()))
    }
}

/// Why an instance did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The process could not be created.
    #[error(
        "cannot start an instance with `{program}`: {source}; check that the program may be executed and that the system allows more processes (ulimit -u)"
    )]
    Spawn {
        /// What was to be started.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("an instance ended before it was ready ({status}){complaint}; run `{program}` by hand to see why")]
    Exited {
        /// What was started.
        program: String,
        /// How it ended.
        status: String,
        /// What it wrote to standard error, with a colon before it, if anything.
        complaint: String,
    },
    /// It did not say where it listens.
    #[error("an instance said nothing for {} s; the machine may be overloaded: try again with less load on it", PATIENCE.as_secs())]
    Silent,
    /// It said something else.
    #[error("an instance said {line:?} instead of where it listens; `{program}` is not the test service")]
    Garbled {
        /// What was started.
        program: String,
        /// What it said.
        line: String,
    },
}

/// A process that plays an instance. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    program: String,
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    complaint: Option<JoinHandle<String>>,
    /// Held, never written to: its end tells the child that we are gone.
    _lifeline: Option<ChildStdin>,
}

impl Process {
    /// Starts one that will call itself `id` and take `delay` to answer.
    pub(crate) fn spawn(program: &InstanceProgram, id: &InstanceId, delay: Duration) -> Result<Self, StartError> {
        let mut command = Command::new(&program.path);
        command.args(&program.args).args(["--bind", "127.0.0.1", "--port", "0", "--instance-id", id.as_str()]);
        command.arg("--delay").arg(format!("{}ms", delay.as_millis()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        apart_from_our_terminal(&mut command);
        let name = program.to_string();
        let mut child = command.spawn().map_err(|source| StartError::Spawn { program: name.clone(), source })?;
        Ok(Self {
            program: name,
            stdout: child.stdout.take().map(BufReader::new),
            complaint: child.stderr.take().map(|stderr| tokio::spawn(first_words(stderr))),
            _lifeline: child.stdin.take(),
            child,
        })
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the one line that says where it listens.
    pub(crate) async fn announced(&mut self) -> Result<SocketAddr, StartError> {
        let Some(stdout) = self.stdout.take() else { return Err(StartError::Silent) };
        let mut line = String::new();
        let mut first_line = stdout.take(1_024);
        match tokio::time::timeout(PATIENCE, first_line.read_line(&mut line)).await {
            Err(_) => Err(StartError::Silent),
            Ok(Ok(0) | Err(_)) => Err(self.exited().await),
            Ok(Ok(_)) => listening_address(&line)
                .ok_or_else(|| StartError::Garbled { program: self.program.clone(), line: line.trim_end().to_owned() }),
        }
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills and reaps it.
    pub(crate) async fn kill(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill().await;
        if let Some(complaint) = self.complaint.take() {
            complaint.abort();
        }
    }

    /// What to say when it has ended too early.
    pub(crate) async fn exited(&mut self) -> StartError {
        let status = match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it closed its output and went on".to_owned(),
        };
        let complaint = match self.complaint.take() {
            Some(words) => words.await.unwrap_or_default(),
            None => String::new(),
        };
        let complaint = if complaint.is_empty() { complaint } else { format!(": {complaint}") };
        StartError::Exited { program: self.program.clone(), status, complaint }
    }
}

/// Ctrl-C in the terminal is for scaletop, which still wants answers while it drains: the child is put out of its reach.
fn apart_from_our_terminal(command: &mut Command) {
    #[cfg(unix)]
    command.process_group(0).arg0("scaletop");
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        command.creation_flags(CREATE_NEW_PROCESS_GROUP);
    }
}

/// The first words of what a process complains, on one line; reads on to the end so that it never blocks on a full pipe.
async fn first_words(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 256];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read.min(COMPLAINT_KEPT.saturating_sub(kept.len()))]);
    }
    let words = String::from_utf8_lossy(&kept);
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// The address in `listening on http://127.0.0.1:40123 (instance …)`. Loopback only: the balancer talks to nobody else.
fn listening_address(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once("http://")?;
    let addr: SocketAddr = after.split_whitespace().next()?.parse().ok()?;
    addr.ip().is_loopback().then_some(addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_one_line() {
        let line = "listening on http://127.0.0.1:40123 (instance i-1, delay 80 ms)\n";
        assert_eq!(listening_address(line), Some(([127, 0, 0, 1], 40123).into()));
        for line in ["", "hello", "listening on http://", "listening on http://10.0.0.1:80 x", "http://localhost:80"] {
            assert_eq!(listening_address(line), None, "{line}");
        }
    }

    #[test]
    fn only_the_hidden_command_makes_an_instance() {
        for args in [vec![], vec!["scaletop"], vec!["scaletop", "demo"], vec!["scaletop", "demo", CHILD_COMMAND]] {
            assert!(run_if_child(args.iter().map(OsString::from)).is_none(), "{args:?}");
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_exist_is_named() {
        let program = InstanceProgram::new("/nowhere/scaletop", [CHILD_COMMAND.into()]);
        let id = InstanceId::from("i-1".to_owned());
        let error = Process::spawn(&program, &id, Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("`/nowhere/scaletop __instance`"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_fails_is_quoted() {
        let id = InstanceId::from("i-1".to_owned());
        let announced = async |script: &str| {
            let program = InstanceProgram::new("/bin/sh", ["-c".into(), script.into()]);
            let mut process = Process::spawn(&program, &id, Duration::ZERO).unwrap();
            process.announced().await.unwrap_err().to_string()
        };
        let error = announced("echo out of luck >&2; exit 3").await;
        assert!(error.contains("exit status: 3") && error.contains("out of luck"), "{error}");
        let error = announced("echo hello; exec sleep 60").await;
        assert!(error.contains("\"hello\""), "{error}");
    }
}
