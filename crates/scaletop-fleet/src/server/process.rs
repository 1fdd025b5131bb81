//! The process of nats-server: started, asked until it answers, started again when it ends.
//!
//! A thread of its own holds it, since on Linux it ends with the thread that started it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

use super::beside::Launcher;
use super::files::Files;
use super::{ServerError, ServerEvent};

/// One that does not answer by then is given up. It takes some 20 ms on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked whether it answers.
const ASKED_EVERY: Duration = Duration::from_millis(10);

/// How long it is given to end by itself when it is asked to.
const GRACE: Duration = Duration::from_secs(3);

/// Started again so much later; and so often within [`SPELL`].
const PAUSE: Duration = Duration::from_millis(200);
const STARTS: usize = 5;
const SPELL: Duration = Duration::from_mins(1);

/// Lets nats-server read its configuration (`-t`) before it runs with it.
pub(super) async fn check_config(program: &Path, config: &Path) -> Result<(), ServerError> {
    let not_runnable = |source| ServerError::NotRunnable { program: program.to_owned(), source };
    let mut command = Command::new(program);
    command.arg("-t").arg("-c").arg(config).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(not_runnable)?;
    if output.status.success() {
        return Ok(());
    }
    let words = if output.stderr.is_empty() { output.stdout } else { output.stderr };
    Err(ServerError::Config { program: program.to_owned(), words: last_words(&words) })
}

/// The last line of what it wrote, without what does not belong onto a terminal.
fn last_words(written: &[u8]) -> String {
    let written = String::from_utf8_lossy(&written[written.len().saturating_sub(4096)..]).into_owned();
    let last = written.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    last.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect::<String>().trim().to_owned()
}

/// What is run.
struct Run {
    launcher: Launcher,
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    address: SocketAddr,
}

/// A process that is started again when it ends, until this is dropped.
#[derive(Debug)]
pub(super) struct Watched {
    pid: watch::Receiver<Option<u32>>,
    stop: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Watched {
    /// Starts it; its version, once it answers.
    pub(super) async fn start(
        launcher: &Launcher,
        program: &Path,
        files: &Files,
        address: SocketAddr,
        told: mpsc::UnboundedSender<ServerEvent>,
    ) -> Result<(Self, String), ServerError> {
        let run = Run {
            launcher: launcher.clone(),
            program: program.to_owned(),
            config: files.config.clone(),
            log: files.log.clone(),
            address,
        };
        let (pid_of, pid) = watch::channel(None);
        let (stop, stopped) = mpsc::unbounded_channel();
        let (ready, is_ready) = oneshot::channel();
        let not_runnable = |source| ServerError::NotRunnable { program: program.to_owned(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(not_runnable)?;
        let work = move || runtime.block_on(run.go_on(pid_of, stopped, ready, told));
        let thread = std::thread::Builder::new().name("nats-server".to_owned());
        thread.spawn(work).map_err(not_runnable)?;
        let silent = || ServerError::Silent { address, log: files.log.clone() };
        let version = is_ready.await.unwrap_or_else(|_| Err(silent()))?;
        Ok((Self { pid, stop }, version))
    }

    pub(super) fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Asks it to end; `gone` is told when it has.
    pub(super) fn stop(self, gone: oneshot::Sender<()>) {
        // Where the thread has ended there is nothing to stop, and `gone` is dropped.
        let _ = self.stop.send(gone);
    }
}

impl Run {
    async fn go_on(
        self,
        pid: watch::Sender<Option<u32>>,
        mut stopped: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
        ready: oneshot::Sender<Result<String, ServerError>>,
        told: mpsc::UnboundedSender<ServerEvent>,
    ) {
        let mut child = match self.begin().await {
            Ok((child, version)) => {
                pid.send_replace(child.id());
                if ready.send(Ok(version)).is_err() {
                    end(child).await;
                    return;
                }
                child
            }
            Err(error) => {
                // Whoever asked has gone.
                let _ = ready.send(Err(error));
                return;
            }
        };
        let mut starts = Vec::new();
        loop {
            let status = tokio::select! {
                status = child.wait() => status,
                gone = stopped.recv() => {
                    end(child).await;
                    pid.send_replace(None);
                    // Dropped without a word nobody waits.
                    let _ = gone.map(|gone| gone.send(()));
                    return;
                }
            };
            pid.send_replace(None);
            // Nobody need listen.
            let _ = told.send(ServerEvent::Ended(self.ended(status)));
            child = match self.again(&mut starts, &mut stopped).await {
                Ok(Some(child)) => child,
                Ok(None) => return,
                Err(why) => {
                    let _ = told.send(ServerEvent::GivenUp(why));
                    return;
                }
            };
            pid.send_replace(child.id());
            let _ = told.send(ServerEvent::Back);
        }
    }

    /// The next one; `None` when it is not wanted any more.
    async fn again(
        &self,
        starts: &mut Vec<tokio::time::Instant>,
        stopped: &mut mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    ) -> Result<Option<Child>, String> {
        loop {
            let now = tokio::time::Instant::now();
            starts.retain(|start| now.duration_since(*start) < SPELL);
            if starts.len() >= STARTS {
                return Err(format!(
                    "nats-server ended {STARTS} times within {} s; its log is {}",
                    SPELL.as_secs(),
                    self.log.display()
                ));
            }
            starts.push(now);
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                gone = stopped.recv() => {
                    let _ = gone.map(|gone| gone.send(()));
                    return Ok(None);
                }
            }
            if let Ok((child, _)) = self.begin().await {
                return Ok(Some(child));
            }
        }
    }

    /// Starts it and waits until it answers; its version.
    async fn begin(&self) -> Result<(Child, String), ServerError> {
        let not_runnable = |source| ServerError::NotRunnable { program: self.program.clone(), source };
        let mut command = self.launcher.command(self.program.as_os_str());
        command.arg("-c").arg(&self.config);
        // What it says before it has opened its log is told when it ends; its standard input is held, and never written to.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(cfg!(target_os = "linux"));
        apart_from_our_terminal(&mut command);
        let mut child = command.spawn().map_err(not_runnable)?;
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                let words = std::fs::read(&self.log).unwrap_or_default();
                return Err(ServerError::Ended { status: status.to_string(), words: last_words(&words) });
            }
            if let Some(version) = greeting(self.address).await {
                return Ok((child, version));
            }
            if tokio::time::Instant::now() >= until {
                end(child).await;
                return Err(ServerError::Silent { address: self.address, log: self.log.clone() });
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }

    fn ended(&self, status: std::io::Result<ExitStatus>) -> String {
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        format!("nats-server on {} ended ({status})", self.address)
    }
}

/// What a server says first: `INFO {"server_id":…,"version":"2.10.1",…}`; its version.
async fn greeting(address: SocketAddr) -> Option<String> {
    let near = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let said = async {
        let stream = TcpStream::connect((near, address.port())).await.ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.ok()?;
        let info: serde_json::Value = serde_json::from_str(line.strip_prefix("INFO ")?).ok()?;
        // Without its store it is not ready yet.
        info.get("jetstream").and_then(serde_json::Value::as_bool).filter(|is_on| *is_on)?;
        info.get("version")?.as_str().map(str::to_owned)
    };
    tokio::time::timeout(Duration::from_secs(1), said).await.ok().flatten()
}

/// Ends it: asked first, so that it closes its files; killed when it does not.
async fn end(mut child: Child) {
    // Whoever stands between it and us ends it when this is closed.
    drop(child.stdin.take());
    #[cfg(target_os = "linux")]
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// Ctrl-C in the terminal is for scaletop, which still needs it while generators hand over.
fn apart_from_our_terminal(command: &mut Command) {
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        command.creation_flags(CREATE_NEW_PROCESS_GROUP);
    }
}
