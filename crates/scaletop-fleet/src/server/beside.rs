//! The child's side of the bargain that no nats-server outlives us, whatever ends us.
//!
//! nats-server does not watch its parent. So it is started through this program, called again with a hidden command. On Linux that
//! asks the system for a signal at the parent's end (`PR_SET_PDEATHSIG`, prctl(2)), which survives becoming nats-server, and becomes
//! it. Elsewhere it stays between the two, and ends nats-server once its own standard input ends, as it does with the parent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The hidden command that makes this program the keeper of another one.
const CHILD_COMMAND: &str = "__beside";

/// What starts a program so that it ends with us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher(PathBuf);

impl Launcher {
    /// The scaletop program at `path`: for programs that are not scaletop themselves, such as tests.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// This program, which must call [`run_if_child`] first thing in its `main`.
    pub fn this_one() -> io::Result<Self> {
        // On Linux the link leads to the running program even after its file was replaced by a newer build.
        let link = PathBuf::from("/proc/self/exe");
        let path = if cfg!(target_os = "linux") && link.exists() { link } else { std::env::current_exe()? };
        Ok(Self(path))
    }

    /// What runs `program` with these arguments. Its standard input is the parent's to hold.
    pub(super) fn command(&self, program: &OsStr) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.0);
        command.arg(CHILD_COMMAND).arg(std::process::id().to_string()).arg(program);
        command
    }
}

/// Runs as the keeper of another program when the arguments (the program's own name first) say so; to be called before anything
/// else in `main`.
pub fn run_if_child(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    if args.next()? != CHILD_COMMAND {
        return None;
    }
    let parent = args.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(program)) = (parent, args.next()) else { return Some(ExitCode::FAILURE) };
    let mut command = Command::new(program);
    command.args(args);
    Some(become_it(command, parent))
}

#[cfg(target_os = "linux")]
fn become_it(mut command: Command, parent: i32) -> ExitCode {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

    let asked = set_parent_process_death_signal(Some(Signal::KILL));
    // The parent may have ended before the system was asked: then another one is ours by now.
    let is_there = getppid().map(Pid::as_raw_nonzero).is_some_and(|pid| pid.get() == parent);
    if asked.is_err() || !is_there {
        return ExitCode::FAILURE;
    }
    // Returns only when it failed.
    let error = command.stdin(Stdio::null()).exec();
    complain(&error);
    ExitCode::FAILURE
}

#[cfg(not(target_os = "linux"))]
fn become_it(command: Command, _parent: i32) -> ExitCode {
    keep(command, io::stdin())
}

/// Runs a program until it ends, or until `lifeline` does.
#[cfg_attr(
    all(target_os = "linux", not(test)),
    expect(dead_code, reason = "for other systems; a test runs it here, too")
)]
fn keep(mut command: Command, mut lifeline: impl io::Read + Send + 'static) -> ExitCode {
    let child = match command.stdin(Stdio::null()).spawn() {
        Ok(child) => Arc::new(Mutex::new(child)),
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let kept = Arc::clone(&child);
    let locked =
        |child: &Mutex<Child>| -> io::Result<()> { child.lock().unwrap_or_else(PoisonError::into_inner).kill() };
    let watch = std::thread::Builder::new().name("parent".to_owned()).spawn(move || {
        let mut ignored = [0; 64];
        while let Ok(1..) = lifeline.read(&mut ignored) {}
        let _ = locked(&kept);
    });
    if watch.is_err() {
        // Unwatched it could outlive its parent.
        let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }
    loop {
        let ended = child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        match ended {
            Ok(None) => std::thread::park_timeout(Duration::from_millis(50)),
            Ok(Some(status)) => return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
            Err(_) => return ExitCode::FAILURE,
        }
    }
}

fn complain(error: &io::Error) {
    let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("cannot be started: {error}\n"));
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_the_hidden_command_makes_a_keeper() {
        for args in [vec![], vec!["scaletop"], vec!["scaletop", "fleet"], vec!["scaletop", "fleet", CHILD_COMMAND]] {
            assert!(run_if_child(args.iter().map(OsString::from)).is_none(), "{args:?}");
        }
    }

    #[test]
    fn what_is_kept_ends_with_its_lifeline_or_by_itself() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut sleeper = Command::new("sleep");
        sleeper.arg("600");
        let kept = std::thread::spawn(move || keep(sleeper, reader));
        drop(writer);
        assert_eq!(format!("{:?}", kept.join().expect("it ends")), format!("{:?}", ExitCode::FAILURE), "killed");
        let (reader, _writer) = io::pipe().expect("a pipe");
        assert_eq!(format!("{:?}", keep(Command::new("true"), reader)), format!("{:?}", ExitCode::SUCCESS));
    }
}
