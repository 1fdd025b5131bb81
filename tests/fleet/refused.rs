//! What does not fit is refused before anything is done, with what to do instead.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use scaletop_fleet::ticket::{Credentials, Tickets};

use crate::commands::{Serving, run, said};
use crate::support::{Own, kill, nats_server, soon};

const TICKETS: [&str; 3] = ["fleet.ticket", "join.ticket", "observer.ticket"];

/// A nats-server as others run it: it lets everybody in.
struct Plain {
    child: Child,
    url: String,
    dir: tempfile::TempDir,
}

impl Plain {
    /// One on loopback, with what `more` says; `None` where there is no nats-server.
    async fn start(more: &[&str]) -> Option<Self> {
        let program = nats_server()?;
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
            .arg(dir.path())
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = dir.path().join(format!("nats-server_{}.ports", child.id()));
        let ports = soon("its port", async {
            loop {
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                if let Ok(ports) = serde_json::from_str::<serde_json::Value>(&text) {
                    return ports;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        let url = ports["nats"][0].as_str().unwrap().to_owned();
        Some(Self { child, url, dir })
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tickets_in(dir: &Path) -> [Option<String>; 3] {
    TICKETS.map(|name| std::fs::read_to_string(dir.join(name)).ok())
}

#[tokio::test]
async fn a_folder_that_a_server_serves_from_is_in_use_until_that_has_ended() {
    let store = tempfile::tempdir().unwrap();
    let Some(other) = Plain::start(&["-js", "-sd", &store.path().display().to_string()]).await else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut serving = Serving::start(dir.path());
    let before = tickets_in(dir.path());
    let folder = dir.path().display().to_string();
    let refused = run(&["fleet", "serve", "--listen", "127.0.0.1:0", "--dir", &folder]);
    let words = said(&refused);
    assert!(words.contains(&format!("in use by process {}", serving.child.id())), "{words}");
    assert_eq!(refused.status.code(), Some(1), "{words}");
    let refused = run(&["fleet", "serve", "--nats", &other.url, "--dir", &folder]);
    assert!(said(&refused).contains("in use by process"), "{}", said(&refused));
    assert_eq!(tickets_in(dir.path()), before, "its tickets stay those of its server");
    kill(serving.child.id());
    serving.child.wait().unwrap();
    let mut again = Serving::start(dir.path());
    assert_eq!(tickets_in(dir.path()).map(|ticket| ticket.is_some()), [true; 3]);
    kill(again.child.id());
    again.child.wait().unwrap();
}

#[tokio::test]
async fn a_server_that_keeps_nothing_is_told_before_a_run_needs_it() {
    let Some(plain) = Plain::start(&[]).await else { return };
    let served = run(&["fleet", "serve", "--nats", &plain.url, "--dir", &plain.path("new")]);
    let words = said(&served);
    assert!(words.contains("without JetStream") && words.contains("nats-server -js"), "{words}");
    assert_eq!(served.status.code(), Some(1), "{words}");
    assert!(!Path::new(&plain.path("new")).exists(), "nothing is written");
    let tickets = Tickets::for_existing(std::slice::from_ref(&plain.url), None, &Credentials::default()).unwrap();
    tickets.write(plain.dir.path()).unwrap();
    for name in TICKETS {
        let checked = run(&["fleet", "doctor", &plain.path(name)]);
        let words = said(&checked);
        assert!(words.contains("without JetStream") && words.contains("nats-server -js"), "{name}: {words}");
        assert_eq!(checked.status.code(), Some(1), "{name}: {words}");
    }
    for name in ["fleet.ticket", "observer.ticket"] {
        let listed = run(&["fleet", "ls", &plain.path(name)]);
        assert!(said(&listed).contains("without JetStream"), "{name}: {}", said(&listed));
        assert_eq!(listed.status.code(), Some(1), "{name}");
    }
}

#[tokio::test]
async fn a_server_of_others_gets_every_ticket_that_it_can_have() {
    let store = tempfile::tempdir().unwrap();
    let Some(plain) = Plain::start(&["-js", "-sd", &store.path().display().to_string()]).await else { return };
    let served = run(&["fleet", "serve", "--nats", &plain.url, "--allow", "a.example", "--dir", &plain.path("new")]);
    let words = said(&served);
    assert!(served.status.success() && words.contains("observer.ticket"), "{words}");
    for name in TICKETS {
        let checked = run(&["fleet", "doctor", &plain.path(&format!("new/{name}"))]);
        assert_eq!(checked.status.code(), Some(0), "{name}: {}", said(&checked));
    }
    let listed = run(&["fleet", "ls", &plain.path("new/observer.ticket")]);
    assert!(said(&listed).contains("no run yet"), "{}", said(&listed));
}

#[tokio::test]
async fn generators_that_may_load_nothing_are_not_placed() {
    let Some(own) = Own::start().await else { return };
    let path = own.dir.path().join("join.ticket");
    let mut ticket: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    ticket.as_object_mut().unwrap().remove("allow");
    std::fs::write(&path, ticket.to_string()).unwrap();
    let path = path.display().to_string();
    for place in [
        &["fleet", "up", &path, "--on", "local"][..],
        &["fleet", "up", &path, "--on", "ssh:nowhere.invalid"],
        &["fleet", "manifest", "k8s", &path, "--image", "x"],
    ] {
        let output = run(place);
        let words = said(&output);
        assert!(words.contains("which hosts may these generators load? say --allow HOST"), "{words}");
        assert!(!words.contains("on this machine for the run"), "{words}");
        assert_eq!(output.status.code(), Some(2), "{words}");
    }
}

#[test]
fn what_is_no_file_is_no_secret_that_others_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    let mut cases = vec![(folder.as_str(), "it is a folder; give the file in it, such as")];
    if cfg!(unix) {
        cases.push(("/dev/zero", "no ticket of a fleet"));
    }
    for (path, why) in cases {
        for args in [
            &["fleet", "ls", path][..],
            &["fleet", "doctor", path],
            &["fleet", "join", path],
            &["run", "spike", "http://127.0.0.1:9", "--fleet", path],
            &["run", "spike", "http://127.0.0.1:9", "--check", "--fleet", path],
        ] {
            let output = run(args);
            let words = said(&output);
            assert!(words.contains(why) && !words.contains("chmod"), "{args:?}: {words}");
            assert_eq!(output.status.code(), Some(2), "{args:?}: {words}");
        }
    }
}
