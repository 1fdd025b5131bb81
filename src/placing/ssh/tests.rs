//! ssh, with a stand-in that runs what it is given in another home.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A machine: a home, a folder of programs, and a log of what ssh was called with.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(machine.at("bin")).unwrap();
        // As ssh does: options until `--`, the host, then one line for the user's shell, in the machine's home.
        let at = machine.folder.path().display();
        machine.program(
            "ssh",
            &format!(
                "echo \"$*\" >> '{at}/calls'\nwhile [ \"$1\" != -- ]; do shift; done\nshift; [ \"$1\" = away ] && {{ echo 'no route to host' >&2; exit 255; }}\n\
                 shift\nexport HOME='{at}/home' PATH=\"{at}/bin:$PATH\"; unset XDG_STATE_HOME; mkdir -p \"$HOME\"; exec sh -c \"$*\"\n"
            ),
        );
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.at(name);
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A scaletop that tells its version, and as a generator keeps its ticket and stays until it is told to leave.
    fn scaletop(&self, name: &str, version: &str) {
        let at = self.folder.path().display();
        self.program(
            name,
            &format!(
                "[ \"$1\" = --version ] && {{ echo 'scaletop {version}'; exit; }}\ncat > '{at}/ticket'\necho \"$*\" > '{at}/args'\n\
                 trap 'kill $s; exit 0' TERM\nsleep 600 & s=$!\nwait\n"
            ),
        );
    }

    fn ssh(&self) -> Ssh {
        let platform = std::process::Command::new("uname").arg("-sm").output().unwrap();
        let platform = String::from_utf8(platform.stdout).unwrap().trim().to_owned();
        Ssh { program: self.at("ssh").into(), own: self.at("own"), version: "9.9.9".to_owned(), platform }
    }

    /// What a program there has written, once it is a whole line.
    async fn written(&self, name: &str) -> String {
        loop {
            match fs::read_to_string(self.at(name)) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.at("calls")).unwrap_or_default()
    }
}

const RUN: &str = "0123456789abcdef";

#[tokio::test]
async fn a_generator_is_started_with_its_ticket_on_standard_input_stands_there_and_is_ended() {
    let machine = Machine::new();
    machine.scaletop("bin/scaletop", "9.9.9");
    let ssh = machine.ssh();
    let (program, copied) = ssh.prepare("one").await.unwrap();
    assert_eq!((program.as_str(), copied), ("scaletop", false));
    let join = Join { labels: vec!["az=it's".to_owned()], ..Join::default() };
    let Started { pid } = ssh.start("one", RUN, &program, &join, "{\"key\":\"SECRET\"}").await.unwrap();
    assert_eq!(machine.written("ticket").await, "{\"key\":\"SECRET\"}\n");
    assert_eq!(machine.written("args").await, "fleet join --label az=it's -\n");
    assert_eq!(ssh.standing("one", RUN).await.unwrap(), [Standing { pid, runs: true }]);
    assert_eq!(ssh.standing("one", "fedcba9876543210").await.unwrap(), [], "another run's are not ours");
    assert_eq!(ssh.end("one", RUN).await.unwrap(), [Standing { pid, runs: true }]);
    assert_eq!(ssh.standing("one", RUN).await.unwrap(), []);
    assert!(!machine.calls().contains("SECRET"), "the ticket is never an argument: {}", machine.calls());
}

#[tokio::test]
async fn a_number_that_another_process_has_by_now_is_left_alone() {
    let machine = Machine::new();
    let folder = machine.at("home/.local/state/scaletop/fleet").join(RUN);
    fs::create_dir_all(&folder).unwrap();
    let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(folder.join("1.pid"), format!("{}\n", other.id())).unwrap();
    fs::write(folder.join("2.pid"), "; touch hacked\n").unwrap();
    let ended = machine.ssh().end("one", RUN).await.unwrap();
    assert_eq!(ended, [Standing { pid: other.id(), runs: false }]);
    assert!(other.try_wait().unwrap().is_none(), "it runs on");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn this_program_is_copied_where_there_is_none_or_another_version_and_theirs_stays() {
    let machine = Machine::new();
    machine.scaletop("own", "9.9.9");
    machine.scaletop("bin/scaletop", "0.1.0");
    let ssh = machine.ssh();
    let (program, copied) = ssh.prepare("one").await.unwrap();
    assert_eq!((program.as_str(), copied), ("$HOME/.cache/scaletop/bin/scaletop-9.9.9", true));
    let there = machine.at("home/.cache/scaletop/bin/scaletop-9.9.9");
    assert_eq!(fs::read(&there).unwrap(), fs::read(machine.at("own")).unwrap());
    assert_eq!(fs::metadata(&there).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(fs::read_to_string(machine.at("bin/scaletop")).unwrap().contains("0.1.0"));
    // The second time it is there.
    let (again, copied) = ssh.prepare("one").await.unwrap();
    assert_eq!((again, copied), (there.display().to_string(), false));
    let Started { .. } = ssh.start("one", RUN, &program, &Join::default(), "{}").await.unwrap();
    assert_eq!(ssh.end("one", RUN).await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_platform_gets_no_copy_and_is_told_both_versions() {
    let machine = Machine::new();
    machine.scaletop("bin/scaletop", "0.1.0");
    let ssh = Ssh { platform: "Plan9 mips".to_owned(), ..machine.ssh() };
    let error = ssh.prepare("one").await.unwrap_err().to_string();
    for said in ["one has scaletop 0.1.0", "this is scaletop 9.9.9 for Plan9 mips", "cannot be copied to "] {
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn what_fails_is_told_with_its_words() {
    let machine = Machine::new();
    let ssh = machine.ssh();
    let error = ssh.prepare("away").await.unwrap_err().to_string();
    assert_eq!(error, "away: no route to host; try it by hand: ssh away true");
    // A copy that does not run there.
    machine.program("own", "echo 'version GLIBC_2.99 not found' >&2; exit 1\n");
    let error = ssh.prepare("one").await.unwrap_err().to_string();
    assert!(error.contains("GLIBC_2.99") && error.contains("statically"), "{error}");
    // A generator that ends at once.
    machine.program("bin/scaletop", "echo 'scaletop: the ticket is for another server'; exit 2\n");
    let error = ssh.start("one", RUN, "scaletop", &Join::default(), "{}").await.unwrap_err().to_string();
    assert!(error.contains("the ticket is for another server"), "{error}");
    assert_eq!(ssh.standing("one", RUN).await.unwrap(), []);
    let nowhere = Ssh { program: "/nowhere/ssh".into(), ..ssh };
    assert!(nowhere.prepare("one").await.unwrap_err().to_string().contains("OpenSSH"));
}
