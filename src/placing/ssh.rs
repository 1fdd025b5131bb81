//! Generators on other machines, through the system's `ssh`: its configuration, its keys, its check of host keys.
//!
//! A machine needs a POSIX shell and the same version of scaletop; where that is missing and the platform is this one's, this program
//! itself is copied. The ticket goes over standard input, never into arguments: not into ssh's here, nor into anybody's there. Each
//! generator leaves the number of its process in a folder of its run, and that is all that ending it needs.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::placing::join::Join;
use crate::text::clean_to;

/// A machine that has not answered by then is told of.
const TO_CONNECT_SECS: u32 = 15;

/// The longest that one command on a machine may take; copying the program is the longest.
const PATIENCE: Duration = Duration::from_mins(3);

/// How long a generator may take to leave before it is killed, seconds.
const TO_LEAVE_SECS: u32 = 30;

/// As much of what a machine complains is told.
const COMPLAINT: usize = 300;

/// Where scaletop is kept on a machine that had none, below the home directory: one file for each version.
const OWN: &str = "$HOME/.cache/scaletop/bin/scaletop-";

/// How ssh is called, and what is copied.
#[derive(Clone, Debug)]
pub(crate) struct Ssh {
    /// `ssh`, as it is found on `PATH`.
    pub(crate) program: OsString,
    /// This program's file.
    pub(crate) own: PathBuf,
    /// This program's version.
    pub(crate) version: String,
    /// What it was built for, as `uname -sm` says it.
    pub(crate) platform: String,
}

/// What a machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    platform: String,
    /// A version, and the program that has it, as the machine's shell names it.
    programs: Vec<(String, String)>,
}

/// A generator that was started there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    /// Its process there.
    pub(crate) pid: u32,
}

/// What stands on a machine for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its process there.
    pub(crate) pid: u32,
    /// Whether it runs.
    pub(crate) runs: bool,
}

/// Why a machine has no generator.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    #[error("cannot run {}: {source}; install OpenSSH's client", program.display())]
    NoSsh { program: OsString, source: io::Error },
    #[error("{host}: {said}; try it by hand: ssh {host} true")]
    Failed { host: String, said: String },
    #[error("{host} did not finish within {} s; try it by hand: ssh {host} true", PATIENCE.as_secs())]
    Silent { host: String },
    #[error(
        "{host} has {there}, this is scaletop {here}{why}: install scaletop {here} there, or use the same version here"
    )]
    Version { host: String, there: String, here: String, why: String },
    #[error("cannot read {} to copy it: {source}", path.display())]
    Own { path: PathBuf, source: io::Error },
    #[error(
        "{host}: the copy of this program does not run there ({said}): install scaletop {here} there, or use a build of scaletop that is \
         linked statically"
    )]
    CopyDoesNotRun { host: String, said: String, here: String },
    #[error("{host}: the generator ended at once: {said}")]
    EndedAtOnce { host: String, said: String },
}

impl Ssh {
    /// The system's ssh, for this program.
    pub(crate) fn here() -> io::Result<Self> {
        Ok(Self {
            program: "ssh".into(),
            own: std::env::current_exe()?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: platform().to_owned(),
        })
    }

    /// Makes sure that the machine has this version of scaletop; returns how its shell names it, and whether it was copied.
    pub(crate) async fn prepare(&self, host: &str) -> Result<(String, bool), SshError> {
        let found = parse_found(&self.run(host, &self.question(), None).await?);
        if let Some((_, program)) = found.programs.iter().find(|(version, _)| *version == self.version) {
            return Ok((program.clone(), false));
        }
        if found.platform != self.platform {
            let there = match found.programs.first() {
                Some((version, _)) => format!("scaletop {version}"),
                None => "no scaletop".to_owned(),
            };
            let why = format!(" for {}, and cannot be copied to {}", self.platform, clean_to(&found.platform, 60));
            return Err(SshError::Version { host: host.to_owned(), there, here: self.version.clone(), why });
        }
        self.copy(host).await?;
        Ok((self.copied(), true))
    }

    /// Where this version is kept on a machine that had none, in the words of its shell.
    fn copied(&self) -> String {
        format!("{OWN}{}", self.version)
    }

    fn question(&self) -> String {
        format!(
            "uname -sm; for p in scaletop \"{}\"; do v=$(\"$p\" --version 2>/dev/null | head -n 1) && [ -n \"$v\" ] && echo \"$v $p\"; done; true",
            self.copied()
        )
    }

    async fn copy(&self, host: &str) -> Result<(), SshError> {
        let path = &self.own;
        let program = std::fs::read(path).map_err(|source| SshError::Own { path: path.clone(), source })?;
        let to = self.copied();
        // Into place at once, so that nobody ever finds half of it.
        let script = format!(
            "set -e; umask 077; mkdir -p \"$(dirname \"{to}\")\"; cat > \"{to}.new.$$\"; chmod 700 \"{to}.new.$$\"; mv \"{to}.new.$$\" \"{to}\"; \
             \"{to}\" --version 2>&1 | head -n 1"
        );
        let said = self.run(host, &script, Some(&program)).await?;
        if parse_version(&said).as_deref() == Some(self.version.as_str()) {
            return Ok(());
        }
        let here = self.version.clone();
        Err(SshError::CopyDoesNotRun { host: host.to_owned(), said: clean_to(said.trim(), COMPLAINT), here })
    }

    /// Starts one generator, which goes on without us.
    pub(crate) async fn start(
        &self,
        host: &str,
        run: &str,
        program: &str,
        join: &Join,
        ticket: &str,
    ) -> Result<Started, SshError> {
        let said = self.run(host, &start_script(run, program, join), Some(format!("{ticket}\n").as_bytes())).await?;
        let pid = said.lines().find_map(|line| line.strip_prefix("started ")?.trim().parse().ok());
        pid.map(|pid| Started { pid })
            .ok_or_else(|| SshError::EndedAtOnce { host: host.to_owned(), said: clean_to(said.trim(), COMPLAINT) })
    }

    /// What stands on a machine for a run.
    pub(crate) async fn standing(&self, host: &str, run: &str) -> Result<Vec<Standing>, SshError> {
        let each = "if runs; then echo \"runs $pid\"; else echo \"ended $pid\"; fi";
        Ok(parse_standing(&self.run(host, &each_script(run, each), None).await?))
    }

    /// Ends what runs on a machine for a run, as a planned leaving; tells what has ended.
    pub(crate) async fn end(&self, host: &str, run: &str) -> Result<Vec<Standing>, SshError> {
        let each = format!(
            "if runs; then kill -TERM $pid; n=0; while runs && [ $n -lt {TO_LEAVE_SECS} ]; do sleep 1; n=$((n+1)); done; runs && kill -KILL $pid; \
             echo \"runs $pid\"; else echo \"ended $pid\"; fi; rm -f \"$file\" \"${{file%.pid}}.log\""
        );
        let said = self.run(host, &(each_script(run, &each) + "; rmdir \"$dir\" 2>/dev/null; true"), None).await?;
        Ok(parse_standing(&said))
    }

    /// Runs a script in the machine's POSIX shell, whatever the user's own shell is.
    async fn run(&self, host: &str, script: &str, input: Option<&[u8]>) -> Result<String, SshError> {
        let mut command = Command::new(&self.program);
        command
            .args(["-T", "-o", &format!("ConnectTimeout={TO_CONNECT_SECS}"), "--", host])
            .arg(format!("sh -c {}", quoted(script)));
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let no_ssh = |source| SshError::NoSsh { program: self.program.clone(), source };
        let mut child = command.spawn().map_err(no_ssh)?;
        let stdin = child.stdin.take();
        let feed = async {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // One that does not read to the end says why not.
                let _ = stdin.write_all(input).await;
            }
        };
        let both = async { tokio::join!(feed, child.wait_with_output()).1 };
        let output = match tokio::time::timeout(PATIENCE, both).await {
            Ok(output) => output.map_err(no_ssh)?,
            Err(_) => return Err(SshError::Silent { host: host.to_owned() }),
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(SshError::Failed { host: host.to_owned(), said: complaint(&output) })
    }
}

/// Starts a generator that outlives the connection. The ticket goes from standard input through a variable of the shell into its
/// standard input: `printf` is the shell's own, so no process has it as an argument.
fn start_script(run: &str, program: &str, join: &Join) -> String {
    let words: Vec<String> = join.words().iter().map(|word| quoted(word)).collect();
    format!(
        "umask 077; {dir}; mkdir -p \"$dir\" || exit 1; ticket=$(cat); n=$$; \
         printf '%s\\n' \"$ticket\" | nohup \"{program}\" {words} - > \"$dir/$n.log\" 2>&1 & pid=$!; \
         echo $pid > \"$dir/$n.pid\"; sleep 1; \
         if kill -0 $pid 2>/dev/null; then echo \"started $pid\"; else tail -n 3 \"$dir/$n.log\"; rm -f \"$dir/$n.pid\" \"$dir/$n.log\"; fi",
        dir = folder(run),
        words = words.join(" "),
    )
}

/// Does something with each generator of a run. A number that another process has by now is none of ours.
fn each_script(run: &str, each: &str) -> String {
    format!(
        "{dir}; runs() {{ ps -o args= -p $pid 2>/dev/null | grep -q 'fleet join'; }}; \
         for file in \"$dir\"/*.pid; do [ -f \"$file\" ] || continue; pid=$(cat \"$file\"); case $pid in ''|*[!0-9]*) continue;; esac; {each}; done",
        dir = folder(run)
    )
}

fn folder(run: &str) -> String {
    format!("dir=\"${{XDG_STATE_HOME:-$HOME/.local/state}}/scaletop/fleet/{run}\"")
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// What ssh or the machine complained, else how it ended.
fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = clean_to(said.trim(), COMPLAINT);
    if said.is_empty() { format!("ssh ended with {}", output.status) } else { said }
}

fn parse_found(said: &str) -> Found {
    let mut lines = said.lines();
    let platform = lines.next().unwrap_or_default().trim().to_owned();
    let program = |line: &str| {
        let version = parse_version(line)?;
        // `scaletop 0.2.0 PATH`: the path may have spaces.
        let path = line.splitn(3, ' ').nth(2)?;
        Some((version, path.to_owned()))
    };
    Found { platform, programs: lines.filter_map(program).collect() }
}

/// `scaletop 0.2.0` → `0.2.0`.
fn parse_version(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    (words.next() == Some("scaletop")).then(|| words.next().map(str::to_owned)).flatten()
}

fn parse_standing(said: &str) -> Vec<Standing> {
    let standing = |line: &str| {
        let (word, pid) = line.split_once(' ')?;
        let runs = match word {
            "runs" => true,
            "ended" => false,
            _ => return None,
        };
        Some(Standing { pid: pid.trim().parse().ok()?, runs })
    };
    said.lines().filter_map(standing).collect()
}

/// What `uname -sm` says where this program was built for.
const fn platform() -> &'static str {
    match (
        cfg!(target_os = "linux"),
        cfg!(target_os = "macos"),
        cfg!(target_arch = "x86_64"),
        cfg!(target_arch = "aarch64"),
    ) {
        (true, _, true, _) => "Linux x86_64",
        (true, _, _, true) => "Linux aarch64",
        (_, true, true, _) => "Darwin x86_64",
        (_, true, _, true) => "Darwin arm64",
        _ => "another platform",
    }
}

#[cfg(test)]
mod tests;
