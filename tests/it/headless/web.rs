//! The live page of a real run: who may ask for what, that it goes on without being asked again, and how it ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::support::deadline;
use crate::support::program::{Running, Workplace, service, url};

/// Asks for something; the answer is read from the connection.
fn ask(address: &str, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(deadline())).unwrap();
    stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    stream
}

fn whole(address: &str, head: &str) -> String {
    let mut answer = String::new();
    ask(address, head).read_to_string(&mut answer).unwrap();
    answer
}

/// Reads on until `is_it` says so; what was read then.
fn read_until(stream: &mut TcpStream, is_it: impl Fn(&str) -> bool) -> String {
    let (mut all, mut some) = (Vec::new(), [0; 16_384]);
    loop {
        let read = stream.read(&mut some).unwrap();
        all.extend_from_slice(&some[..read]);
        let seen = String::from_utf8_lossy(&all);
        if is_it(&seen) {
            return seen.into_owned();
        }
        assert!(read > 0, "it ended: {seen}");
    }
}

#[test]
fn others_look_on_while_it_runs_and_hear_of_its_end() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(20)));
    let plan = work.plan("name = \"short <b>\"\n[[stage]]\nrate = 20\nduration = \"6s\"\n");
    let mut running = Running::start(work.command(&["run", &plan, &url(&service), "--web", "0"]));
    let said = running.wait_for("live page: http://127.0.0.1:");
    let address = said.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
    let here = |what: &str| format!("{what} HTTP/1.1\r\nhost: {address}");

    let page = whole(&address, &here("GET /"));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("data-state=\"live\">live, 0:0"), "{page:.3000}");
    assert!(
        page.contains("short &lt;b&gt;") && page.to_lowercase().contains("content-security-policy: default-src 'none'")
    );
    for (head, status) in [
        (here("POST /"), "405"),
        (here("PUT /events"), "405"),
        (here("GET /recording.jsonl"), "404"),
        ("GET / HTTP/1.1\r\nhost: evil.example".to_owned(), "403"),
    ] {
        let answer = whole(&address, &head);
        assert!(answer.split(' ').nth(1) == Some(status), "{head:?}: {answer:.200}");
    }

    let mut events = ask(&address, &here("GET /events"));
    let seen = read_until(&mut events, |seen| seen.matches("event: update").count() >= 3);
    let status =
        |text: &str| text.split("\"status\":\"live, ").skip(1).map(|rest| rest[..4].to_owned()).collect::<Vec<_>>();
    let times = status(&seen);
    assert!(times.len() >= 2 && times.is_sorted() && times.first() < times.last(), "{times:?}");
    read_until(&mut events, |seen| {
        seen.contains("\"state\":\"ended\"")
            && seen.contains("the session has ended at ")
            && seen.contains("scaletop report ")
    });
    let ended = running.end();
    assert!(matches!(ended.code, 0 | 4), "{ended:?}");
    TcpStream::connect(&address).expect_err("the page goes with the session");
}

#[test]
fn an_address_that_is_taken_or_none_is_said_before_any_load() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan("[[stage]]\nrate = 5\nduration = \"2s\"\n");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = work.run(&["run", &plan, &url(&service), "--web", &address]);
    assert!(ended.assert_code(1).stderr.contains(&address) && ended.stderr.contains("--web"), "{}", ended.stderr);
    let ended = work.run(&["run", &plan, &url(&service), "--web", "8899x"]);
    assert!(ended.assert_code(2).stderr.contains("give a port, such as 8899"), "{}", ended.stderr);
    std::fs::write(work.path().join("scaletop.toml"), "web = \"example.com:80\"\n").unwrap();
    let ended = work.run(&["run", &plan, &url(&service)]);
    assert!(ended.assert_code(2).stderr.contains("scaletop.toml, line 1 (--web"), "{}", ended.stderr);
    assert!(!work.path().join("scaletop-sessions").exists(), "nothing was begun");
}

#[test]
fn an_address_beyond_this_machine_is_warned_of() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let plan = work.plan("[[stage]]\nrate = 5\nduration = \"1s\"\n");
    let output = work.command(&["run", &plan, &url(&service)]).env("SCALETOP_WEB", "0.0.0.0:0").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("warning: --web listens on 0.0.0.0:"), "{said}");
}
