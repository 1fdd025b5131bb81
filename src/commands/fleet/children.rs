//! Generators as child processes: this program again, as `fleet join -`, with the ticket on its standard input.
//!
//! None outlives its parent, whatever ends that: the parent holds the writing end of the child's standard input, and the child ends
//! when that is closed.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use scaletop_fleet::ticket::JoinTicket;
use scaletop_units::GeneratorId;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// Generators that this program started.
#[derive(Debug)]
pub(super) struct Children {
    running: Vec<Generator>,
}

#[derive(Debug)]
struct Generator {
    id: GeneratorId,
    child: Child,
    /// Held: its end tells the child that we are gone.
    _lifeline: Option<ChildStdin>,
}

impl Children {
    /// Starts `count` of them, g1, g2, …; `said` gets each line that one of them says, its name first.
    pub(super) async fn start(
        count: u32,
        ticket: &JoinTicket,
        said: impl Fn(&str) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let mut running = Vec::new();
        for number in 1..=count {
            let id: GeneratorId = format!("g{number}").parse().map_err(io::Error::other)?;
            running.push(Generator::start(id, ticket, said.clone()).await?);
        }
        Ok(Self { running })
    }

    /// Kills the first one that still runs, as the system would for want of memory; its name, or why none.
    pub(super) fn kill_one(&mut self) -> Result<String, String> {
        loop {
            if self.running.is_empty() {
                return Err("no generator of this program is left".to_owned());
            }
            let mut first = self.running.remove(0);
            if let Ok(None) = first.child.try_wait() {
                first.child.start_kill().map_err(|error| format!("cannot kill {}: {error}", first.id))?;
                return Ok(first.id.to_string());
            }
        }
    }
}

impl Generator {
    async fn start(id: GeneratorId, ticket: &JoinTicket, said: impl Fn(&str) + Send + 'static) -> io::Result<Self> {
        let mut command = Command::new(this_program()?);
        command.args(["fleet", "join", "-", "--until-stdin-closes", "--name", id.as_str()]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C in the terminal is for the parent, which lets its generators go in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let mut lifeline = child.stdin.take();
        if let Some(stdin) = &mut lifeline {
            let ticket = ticket.to_text().map_err(io::Error::other)?;
            stdin.write_all(format!("{ticket}\n").as_bytes()).await?;
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(async move {
                let mut lines = BufReader::new(stderr).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    said(&line);
                }
            });
        }
        Ok(Self { id, child, _lifeline: lifeline })
    }
}

/// This program, also after its file was replaced by a newer build.
fn this_program() -> io::Result<PathBuf> {
    let link = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && link.exists() { Ok(link) } else { std::env::current_exe() }
}
