//! Where nats-server is on this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The variable that names it, before any search.
pub const VARIABLE: &str = "SCALETOP_NATS_SERVER";

/// Finds it: [`VARIABLE`], the search path, then where packages put it that the search path of many users lacks: Debian's
/// into /usr/sbin, `pip install --user` into ~/.local/bin, a virtual environment into its own bin, Homebrew into its own.
pub fn find() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(named) = variable(VARIABLE) {
        return Some(named.into());
    }
    let path = variable("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).filter(|place| place.is_absolute()).collect();
    places.extend(variable("VIRTUAL_ENV").map(|place| PathBuf::from(place).join(BIN)));
    places.extend(variable("HOME").map(|place| PathBuf::from(place).join(".local/bin")));
    places.extend(["/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from));
    among(&places)
}

const BIN: &str = if cfg!(windows) { "Scripts" } else { "bin" };
const PROGRAM: &str = if cfg!(windows) { "nats-server.exe" } else { "nats-server" };

fn among(places: &[PathBuf]) -> Option<PathBuf> {
    places.iter().map(|place| place.join(OsStr::new(PROGRAM))).find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    let Ok(found) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    found.is_file() && may_run
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_that_can_be_run_is_taken() {
        let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let places = [a.path().to_owned(), b.path().to_owned()];
        assert_eq!(among(&places), None);
        std::fs::create_dir(a.path().join(PROGRAM)).expect("a folder of that name");
        std::fs::write(b.path().join(PROGRAM), "").expect("a file");
        assert_eq!(among(&places), None, "a folder, and a file that may not be run");
        std::fs::set_permissions(b.path().join(PROGRAM), std::fs::Permissions::from_mode(0o755)).expect("a program");
        assert_eq!(among(&places), Some(b.path().join(PROGRAM)));
    }
}
