//! The program around the server: arguments in, exit code out. The binary is a line that calls [`main`]; a process that
//! plays an instance (scaletop's embedded cluster) calls it too.
//!
//! Exit codes: 0 stopped as asked and everything was answered, 1 could not serve (or something was left unanswered),
//! 2 the arguments make no sense.

use crate::server::Server;
use crate::settings::{self, HELP, Request, Settings};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How often a serving process looks whether it still takes connections.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs the program with these arguments (the program's name not among them) and the process's environment, until
/// SIGTERM, SIGINT or the Windows console ends it. Once it listens it prints one line,
/// `listening on http://ADDRESS:PORT (instance ID, delay 80 ms)`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let settings = match settings::parse(args, |name| std::env::var_os(name)) {
        Ok(Request::Serve(settings)) => settings,
        Ok(Request::Help) => return say(HELP),
        Ok(Request::Version) => return say(&format!("test-app {}\n", env!("CARGO_PKG_VERSION"))),
        Err(error) => return complain(2, &error.to_string()),
    };
    match stop_on_signals().and_then(|(stop_tx, stop)| {
        if settings.until_stdin_closes {
            stop_when_stdin_closes(stop_tx)?;
        }
        Ok(stop)
    }) {
        Ok(stop) => serve(settings, &stop),
        Err(error) => complain(1, &format!("cannot listen for the signal to stop: {error}")),
    }
}

/// Serves until `stop` says so, or has lost everybody who could.
fn serve(settings: Settings, stop: &Receiver<()>) -> ExitCode {
    raise_open_files_limit();
    let (listen, delay) = (settings.listen, settings.options.delay);
    let server = match Server::start(listen, settings.options) {
        Ok(server) => server,
        Err(error) => return complain(1, &cannot_listen(listen, &error)),
    };
    let (addr, id) = (server.addr(), server.instance_id());
    say(&format!("listening on http://{addr} (instance {id}, delay {} ms)\n", delay.as_millis()));
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(LOOK_EVERY) {
        if !server.is_accepting() {
            let remedy = "it has probably run out of open files (two per connection); raise the limit (ulimit -n)";
            return complain(1, &format!("no longer takes connections on {addr}: {remedy}"));
        }
    }
    let report = server.stop();
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        complain(1, &format!("stopped with {} requests unanswered: the drain time was over", report.unanswered))
    }
}

fn cannot_listen(listen: std::net::SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "; choose another port with --port or PORT, or stop what uses this one",
        io::ErrorKind::PermissionDenied => "; choose a port from 1024 up with --port or PORT",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this machine with --bind",
        _ => "",
    };
    format!("cannot listen on {listen}: {error}{remedy}")
}

/// A channel that carries one message when the process is asked to stop. The sender is for further reasons to stop.
fn stop_on_signals() -> io::Result<(SyncSender<()>, Receiver<()>)> {
    let (stop_tx, stop) = sync_channel(1);
    let on_signal = stop_tx.clone();
    // A full channel means that it has been told already.
    ctrlc::set_handler(move || {
        let _ = on_signal.try_send(());
    })
    .map_err(io::Error::other)?;
    Ok((stop_tx, stop))
}

fn stop_when_stdin_closes(stop_tx: SyncSender<()>) -> io::Result<()> {
    let watch = move || {
        let mut ignored = [0; 64];
        while io::stdin().read(&mut ignored).is_ok_and(|bytes| bytes > 0) {}
        let _ = stop_tx.try_send(());
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(watch).map(drop)
}

/// Lifts the number of files that this process may open to what the system lets it have. A connection takes two, and the
/// usual 1,024 would end the service at 500 connections. Where it fails, the limit stays.
fn raise_open_files_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Prints for whoever started the program. If nobody listens any more, that is no reason to end.
fn say(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    ExitCode::SUCCESS
}

fn complain(code: u8, message: &str) -> ExitCode {
    drop(writeln!(io::stderr(), "test-app: {message}"));
    ExitCode::from(code)
}
