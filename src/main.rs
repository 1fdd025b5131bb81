//! The scaletop program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = scaletop::cluster::instance::run_if_child(std::env::args_os()) {
        return code;
    }
    ExitCode::SUCCESS
}
