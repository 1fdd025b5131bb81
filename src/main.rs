//! The scaletop program: parse, run, and turn errors into exit codes.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use scaletop::{Cli, clean_lines, execute, with_config_file};

fn main() -> ExitCode {
    // As an instance of the embedded cluster this program is another one.
    if let Some(code) = scaletop_cluster::run_if_child(std::env::args_os()) {
        return code;
    }
    let args = match with_config_file(Path::new("."), std::env::args_os().collect()) {
        Ok(args) => args,
        Err(error) => return fail(&error.into(), 2),
    };
    let cli = Cli::parse_from(args);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into(), 1),
    };
    let done = runtime.block_on(execute(cli));
    // Whoever left at once does not wait for files that are still being written.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = error.exit_code();
            fail(&error.into(), code)
        }
    }
}

/// Says what went wrong; there is nobody left to tell when stderr is gone too.
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "scaletop: {}", clean_lines(&error.to_string()));
    ExitCode::from(code)
}
