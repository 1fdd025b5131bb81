//! A session outlives its controller, and others look on.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scaletop_fleet::nats::{Look, Record, Seconds};
use serde_json::Value;

use crate::commands::{run, said};
use crate::support::{Own, kill, scaletop, soon};

/// All that is kept once `until` holds of it.
async fn kept(record: &mut Record, until: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    soon("the kept recording", async {
        while !until(&text) {
            text.push_str(&String::from_utf8(record.more().await.unwrap()).unwrap());
        }
    })
    .await;
    text
}

/// The recording that is kept, once there is one that begins with `header`.
async fn opened(look: &Look, header: &str) -> (Record, String) {
    soon("a kept recording", async {
        loop {
            if let Some(mut record) = look.record().await.unwrap() {
                let text = kept(&mut record, |text| text.contains('\n')).await;
                if text.starts_with(header) {
                    return (record, text);
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_recording_is_kept_for_who_looks_on_until_another_session_begins() {
    let Some(mut own) = Own::start().await else { return };
    let look = Look::with(own.server.tickets.observer.as_ref().unwrap()).await.unwrap();
    assert!(look.record().await.unwrap().is_none(), "nobody has recorded anything");
    let first = own.controller().await;
    first.record.begin(b"header 1\n");
    let (mut record, mut text) = opened(&look, "header 1").await;
    assert_eq!(record.first_number(), 0);
    // Longer than the server takes at once, and across an outage.
    let long = format!("{}\n", "x".repeat(1_300_000));
    first.record.add(long.as_bytes());
    own.kill_and_wait().await;
    first.record.add(b"after\n");
    text.push_str(&kept(&mut record, |text| text.contains("after\n")).await);
    assert!(text == format!("header 1\n{long}after\n"), "{} bytes", text.len());
    assert_eq!((record.missing(), record.is_over()), (0, false));
    drop((first.link, first.record));
    soon("the release", first.ended).await.unwrap();
    // The next controller goes on with it.
    let second = own.controls(Seconds::From(record.first_number())).await.unwrap();
    second.record.add(b"of the second\n");
    assert_eq!(kept(&mut record, |text| text.contains('\n')).await, "of the second\n");
    drop((second.link, second.record));
    soon("the release", second.ended).await.unwrap();
    // The one after that begins anew.
    let third = own.controller().await;
    third.record.begin(b"header 3\n");
    let (other, text) = opened(&look, "header 3").await;
    assert_eq!((text.as_str(), other.first_number()), ("header 3\n", 2 << 48));
    soon("the end of the first", async {
        while !record.is_over() {
            record.more().await.unwrap();
        }
    })
    .await;
}

/// Answers everything with 200, on threads of its own; how often it was asked.
fn service() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::<AtomicU64>::default();
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let count = Arc::clone(&count);
            std::thread::spawn(move || answer(connection, &count));
        }
    });
    (url, asked)
}

fn answer(mut connection: TcpStream, count: &AtomicU64) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(read @ 1..) = connection.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..read]);
        while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            seen.drain(..end + 4);
            count.fetch_add(1, Ordering::SeqCst);
            if connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
    }
}

fn start(dir: &Path, args: &[&str]) -> Child {
    Command::new(scaletop())
        .args(args)
        .current_dir(dir)
        .env_remove("SCALETOP_FLEET_TICKET")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The seconds of a recording, as they stand there; a line that is being written is none.
fn seconds(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("recording.jsonl")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|mut line| Some(line.get_mut("second")?.take())).collect()
}

/// A session of two generators whose controller was killed in its fifth second.
struct Orphaned {
    own: Own,
    generators: Vec<Child>,
    /// How often the service was asked; once by the preflight, which is no request of the load.
    asked: Arc<AtomicU64>,
}

impl Orphaned {
    /// Judged by `threshold`; `None` where there is no nats-server.
    async fn judged_by(threshold: &str) -> Option<Self> {
        let own = Own::start().await?;
        let (url, asked) = service();
        let dir = own.dir.path();
        let generators = ["g1", "g2"].map(|name| start(dir, &["fleet", "join", "join.ticket", "--name", name])).into();
        let plan = format!(
            "[[stage]]\nname = \"s\"\nrate = 50\nduration = \"10m\"\n[thresholds]\n\"due\" = \"{threshold}\"\n"
        );
        std::fs::write(dir.join("plan.toml"), plan).unwrap();
        let words = ["run", "plan.toml", &url, "--out", "first", "-y", "--fleet", "fleet.ticket"];
        let mut controller = start(dir, &[&words[..], &["--generators", "2", "--lease", "1s"]].concat());
        let first = dir.join("first");
        soon("its fourth second", async {
            while seconds(&first).len() < 4 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
        kill(controller.id());
        controller.wait().unwrap();
        Some(Self { own, generators, asked })
    }

    fn path(&self, name: &str) -> String {
        self.own.dir.path().join(name).display().to_string()
    }

    /// Completes it in the folder `second`.
    fn complete(&self) -> Output {
        run(&["fleet", "attach", "--finish", "-y", &self.path("fleet.ticket"), "--out", &self.path("second")])
    }

    /// The seconds of both recordings; all that the service was asked is in the second one.
    fn recorded(&self) -> [Vec<Value>; 2] {
        let [before, after] = ["first", "second"].map(|name| seconds(Path::new(&self.path(name))));
        assert_eq!(after[..before.len()], before, "what the first one recorded is there");
        let indices: Vec<u64> = after.iter().map(|second| second["index"].as_u64().unwrap()).collect();
        assert!(indices.windows(2).all(|pair| pair[1] == pair[0] + 1), "{indices:?}");
        let sent = after.iter().flat_map(|second| second["parts"].as_array().unwrap());
        let sent: u64 = sent.map(|part| part[2].as_u64().unwrap()).sum();
        assert_eq!(sent + 1, self.asked.load(Ordering::SeqCst));
        [before, after]
    }

    fn end_of_generators(&mut self) {
        for generator in &mut self.generators {
            assert_eq!(generator.wait().unwrap().code(), Some(0), "its session is over");
        }
    }
}

#[tokio::test]
async fn a_session_whose_controller_was_killed_is_completed_by_another_one_without_a_hole() {
    let Some(mut session) = Orphaned::judged_by(">= 0").await else { return };
    let (fleet, observer) = (session.path("fleet.ticket"), session.path("observer.ticket"));
    for (args, word) in [(["--finish", &observer], "only looks on"), (["--allow-versions", &fleet], "--finish")] {
        let refused = run(&[&["fleet", "attach"][..], &args].concat());
        assert!(refused.status.code() == Some(2) && said(&refused).contains(word), "{}", said(&refused));
    }
    let attached = session.complete();
    // 4: on a busy machine its own delay may be the limit.
    assert!(matches!(attached.status.code(), Some(0 | 4)), "{}", said(&attached));
    assert!(said(&attached).contains("interrupted before the plan's end"), "{}", said(&attached));
    let [before, after] = session.recorded();
    assert!(after.len() > before.len());
    session.end_of_generators();
    let over = run(&["fleet", "attach", "--finish", &fleet]);
    assert!(over.status.code() == Some(1) && said(&over).contains("the session is over"), "{}", said(&over));
}

#[tokio::test]
async fn a_session_whose_generators_are_gone_too_is_completed_from_what_they_had_stored() {
    let Some(mut session) = Orphaned::judged_by("> 1000000").await else { return };
    // They hand nothing over, since nobody is there, and store what they have.
    for generator in &session.generators {
        assert!(Command::new("kill").args(["-TERM", &generator.id().to_string()]).status().unwrap().success());
    }
    session.end_of_generators();
    let attached = session.complete();
    assert!(matches!(attached.status.code(), Some(3 | 4)), "as run says it: {}", said(&attached));
    let of_the_first = run(&["report", &session.path("first")]);
    assert!(said(&of_the_first).contains("the recording ends before the plan does"), "{}", said(&of_the_first));
    session.recorded();
    let folder = session.path("second");
    assert!(Path::new(&folder).join("report.html").exists());
    let text = std::fs::read_to_string(Path::new(&folder).join("recording.jsonl")).unwrap();
    assert!(text.contains("completed after its controller was gone") && text.contains("\"lost\""), "{text}");
}

#[test]
fn an_experiment_of_several_plans_has_no_fleet() {
    let dir = tempfile::tempdir().unwrap();
    let plan = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, "[[stage]]\nname = \"a\"\nrate = 5\nduration = \"2s\"\n").unwrap();
        path.display().to_string()
    };
    let (one, two) = (plan("one.toml"), plan("two.toml"));
    let refused =
        run(&["experiment", "http://127.0.0.1:9/", &one, &two, "--fleet", "fleet.ticket", "--generators", "2"]);
    assert!(refused.status.code() == Some(2) && said(&refused).contains("give one plan"), "{}", said(&refused));
}

#[tokio::test]
async fn there_is_nothing_to_attach_to_where_nothing_began() {
    let Some(own) = Own::start().await else { return };
    let ticket = own.dir.path().join("fleet.ticket").display().to_string();
    let refused = run(&["fleet", "attach", "--finish", &ticket]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("keeps no session"), "{}", said(&refused));
}
