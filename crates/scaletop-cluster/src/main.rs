//! An instance of the cluster as a program of its own: what this package's tests start. scaletop is its own instance.

use std::process::ExitCode;

fn main() -> ExitCode {
    scaletop_cluster::run_if_child(std::env::args_os()).unwrap_or(ExitCode::from(2))
}
