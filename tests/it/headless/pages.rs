//! Manual pages and completions: what the program writes is read by those that it is for, where they are installed.

use std::process::{Command, Stdio};

use crate::support::program::Workplace;

/// Whether a program can be started. One that is missing is said to be, and is a failure where `READERS=required`: `.ci/run` installs
/// them all.
#[expect(clippy::print_stderr, reason = "whoever reads the tests' output is to know what was not tried")]
fn is_installed(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = asked.status().is_ok();
    if !is_there {
        eprintln!("SKIPPED: {program} is not installed; what it would have read was only written");
        assert!(std::env::var_os("READERS").is_none_or(|readers| readers != "required"), "{program} is not installed");
    }
    is_there
}

#[test]
fn every_manual_page_is_read_without_a_complaint() {
    let work = Workplace::new();
    work.run(&["man", "--dir", "man"]).assert_code(0);
    let first = work.run(&["man"]);
    let mut pages: Vec<_> =
        std::fs::read_dir(work.path().join("man")).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() > 12 && pages.iter().any(|page| page.ends_with("scaletop-run.1")), "{pages:?}");
    let readers: Vec<_> = ["man", "mandoc"].into_iter().filter(|reader| is_installed(reader)).collect();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.contains(".TH ") && !text.contains("panic-after"), "{}", page.display());
        if text == first.stdout {
            assert!(page.ends_with("scaletop.1"));
        }
        if readers.contains(&"man") {
            let read = Command::new("man").args(["--warnings", "-l"]).arg(page).env("MANWIDTH", "80").output().unwrap();
            let (said, complaint) = (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
            assert!(read.status.success() && said.contains("NAME") && complaint.is_empty(), "{complaint}");
        }
        if readers.contains(&"mandoc") {
            let read = Command::new("mandoc").args(["-T", "lint", "-W", "error"]).arg(page).output().unwrap();
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stdout));
        }
    }
}

#[test]
fn every_shell_loads_its_completions_and_none_names_what_is_hidden() {
    let work = Workplace::new();
    for (shell, load) in [
        ("bash", "source ./bash && complete -p scaletop"),
        ("zsh", "autoload -U compinit && compinit -D && source ./zsh"),
        ("fish", "source ./fish; and complete -c scaletop"),
        ("elvish", ""),
        ("powershell", ""),
    ] {
        let script = work.run(&["completions", shell]).assert_code(0).stdout.clone();
        assert!(script.contains("max-rate") && script.contains("max-size"), "{shell}");
        assert!(!script.contains("panic-after"), "{shell}");
        std::fs::write(work.path().join(shell), script).unwrap();
        if load.is_empty() || !is_installed(shell) {
            continue;
        }
        let loaded =
            Command::new(shell).args(["-c", load]).current_dir(work.path()).env("HOME", work.path()).output().unwrap();
        let complaint = String::from_utf8_lossy(&loaded.stderr);
        assert!(loaded.status.success() && complaint.is_empty(), "{shell}: {complaint}");
    }
}
