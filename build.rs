//! Tells the program what it is built of: the commit, where there is one to know, and the target.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = variable("CARGO_MANIFEST_DIR");
    // What is built again and again must not be built anew for each commit: the debug profiles do not name it.
    let commit = match variable("PROFILE").as_str() {
        "debug" => "not told by debug builds".to_owned(),
        _ => packaged(&folder).or_else(|| checked_out(&folder)).unwrap_or_else(|| "unknown".to_owned()),
    };
    println!("cargo::rustc-env=BUILT_FROM={commit}");
    println!("cargo::rustc-env=BUILT_FOR={}", variable("TARGET"));
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The commit of a package from a registry, as Cargo notes it there.
fn packaged(folder: &str) -> Option<String> {
    let noted = std::fs::read_to_string(Path::new(folder).join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = noted.split_once("\"sha1\"")?;
    let commit: String =
        rest.chars().skip_while(|c| !c.is_ascii_hexdigit()).take_while(char::is_ascii_hexdigit).collect();
    (commit.len() == 40).then_some(commit)
}

/// The commit of the repository that this folder is the root of; another one around it is not asked.
fn checked_out(folder: &str) -> Option<String> {
    let root = git(folder, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&root).canonicalize().ok()? != Path::new(folder).canonicalize().ok()? {
        return None;
    }
    let commit = git(folder, &["rev-parse", "HEAD"])?;
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(folder, &["rev-parse", "--git-path", name]).map(|path| Path::new(folder).join(path));
        if let Some(path) = path.filter(|path| path.exists()) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    let is_changed =
        git(folder, &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|said| !said.is_empty());
    Some(if is_changed { format!("{commit}, with changes") } else { commit })
}

/// What git says; nothing where there is no git, or no repository.
fn git(folder: &str, args: &[&str]) -> Option<String> {
    let said = Command::new("git").arg("-C").arg(folder).args(args).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    said.status.success().then(|| text.trim().to_owned())
}
