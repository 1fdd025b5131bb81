//! The scaletop program: parse, run, and turn errors into exit codes.

use std::io::Write as _;
use std::process::ExitCode;

use scaletop::{Surroundings, clean_lines, execute, hide_secrets_in, long_version, offer, parse};

fn main() -> ExitCode {
    // As an instance of the embedded cluster this program is another one.
    if let Some(code) = scaletop_cluster::run_if_child(std::env::args_os()) {
        return code;
    }
    // And it stays beside nats-server, so that this does not outlive who started it.
    #[cfg(feature = "fleet")]
    if let Some(code) = scaletop_fleet::server::run_if_child(std::env::args_os()) {
        return code;
    }
    let args = match offer(std::env::args_os().collect()) {
        Ok(Some(args)) => args,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => return fail(&error.into(), 1),
    };
    let around = Surroundings::here(long_version());
    let cli = match parse(args, &around) {
        Ok(understood) => {
            for note in &understood.notes {
                let _ = writeln!(std::io::stderr(), "scaletop: warning: {}", clean_lines(note));
            }
            understood.cli
        }
        Err(refused) if refused.is_error => {
            let _ = write!(std::io::stderr(), "{}", clean_lines(&hide_secrets_in(&refused.text)));
            return ExitCode::from(2);
        }
        Err(help) => {
            // Whoever wanted only its beginning is gone by now, and that is no error.
            let _ = write!(std::io::stdout(), "{}", help.text);
            return ExitCode::SUCCESS;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into(), 1),
    };
    let done = runtime.block_on(execute(cli));
    // Whoever left at once does not wait for files that are still being written.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        // Whoever reads has read enough (`| head`): no error, and nothing that they want to hear.
        Err(error) if error.is_closed_stdout() => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            fail(&error.into(), code)
        }
    }
}

/// Says what went wrong; there is nobody left to tell when stderr is gone too.
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "scaletop: {}", clean_lines(&hide_secrets_in(&error.to_string())));
    ExitCode::from(code)
}
