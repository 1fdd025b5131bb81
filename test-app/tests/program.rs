//! The binary: what it prints, how it ends.

#[path = "support/client.rs"]
mod client;

use client::{Client, now};
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// Generous: how long the program may take to do what it should do at once.
const SOON: Duration = Duration::from_secs(5);

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_test-app"));
    command.args(args).env_remove("PORT").env_remove("DELAY_MS").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running program; killed when dropped, so that no failed test leaves one behind.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn start(args: &[&str]) -> io::Result<(Self, SocketAddr)> {
        let mut program = Self(command(args).spawn()?);
        let mut line = String::new();
        BufReader::new(program.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let addr = line.strip_prefix("listening on http://").and_then(|rest| rest.split(' ').next());
        let addr = addr.and_then(|addr| addr.parse().ok());
        Ok((program, addr.ok_or_else(|| io::Error::other(format!("unexpected first line {line:?}")))?))
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        let deadline = now() + SOON;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn bad_arguments_end_it_with_2_and_a_message() -> io::Result<()> {
    let output = command(&["--delay", "soon"]).output()?;
    assert_eq!(output.status.code(), Some(2));
    let message = "test-app: --delay \"soon\": not a delay; write a time such as 80ms, 1.5s or 1m; a bare number is milliseconds, for example 80";
    assert_eq!(stderr_of(&output).trim_end(), message);
    let output = command(&[]).env("PORT", "99999").output()?;
    assert_eq!(output.status.code(), Some(2));
    Ok(())
}

#[test]
fn a_port_in_use_ends_it_with_1_and_a_message() -> io::Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let output = command(&["--bind", "127.0.0.1", "--port", &port]).output()?;
    assert_eq!(output.status.code(), Some(1));
    let message = stderr_of(&output);
    assert!(message.starts_with(&format!("test-app: cannot listen on 127.0.0.1:{port}: ")), "{message}");
    assert!(message.contains("choose another port with --port or PORT"), "{message}");
    Ok(())
}

#[test]
fn help_goes_to_standard_output() -> io::Result<()> {
    let output = command(&["--help"]).output()?;
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: test-app"));
    Ok(())
}

#[test]
fn it_serves_with_the_delay_and_id_it_was_given() -> io::Result<()> {
    let (_program, addr) = Program::start(&["5ms", "--bind", "127.0.0.1", "--port", "0", "--instance-id", "i-1"])?;
    let reply = Client::connect(addr)?.ask("GET", "/api/test")?;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok after 5 ms\n"));
    assert_eq!(reply.header("x-instance-id"), Some("i-1"));
    Ok(())
}

#[test]
fn it_ends_when_standard_input_does_if_told_so() -> io::Result<()> {
    let (mut program, _) = Program::start(&["--bind", "127.0.0.1", "--port", "0", "--until-stdin-closes"])?;
    assert!(program.0.try_wait()?.is_none());
    drop(program.0.stdin.take());
    assert_eq!(program.wait()?.code(), Some(0));
    Ok(())
}

#[cfg(unix)]
#[test]
fn on_sigterm_it_answers_what_is_in_flight_and_ends_with_0() -> io::Result<()> {
    let (mut program, addr) = Program::start(&["600ms", "--bind", "127.0.0.1", "--port", "0"])?;
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(addr)).collect::<io::Result<_>>()?;
    clients.iter_mut().try_for_each(|client| client.send("GET", "/api/test"))?;
    // An answer from another connection: everything sent before it has arrived by then, or does within its 200 ms.
    assert_eq!(Client::connect(addr)?.ask("GET", "/api/test?delay=200")?.status, 200);
    let killed = Command::new("kill").args(["-TERM", &program.0.id().to_string()]).status()?;
    assert!(killed.success());
    for client in &mut clients {
        assert_eq!(client.reply_by(now() + SOON)?.status, 200);
    }
    assert_eq!(program.wait()?.code(), Some(0));
    Ok(())
}
