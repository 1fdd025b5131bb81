//! The service as a program; everything is in the library.

fn main() -> std::process::ExitCode {
    test_app::program::main(std::env::args_os().skip(1))
}
