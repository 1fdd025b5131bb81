//! The page as a browser asks for it, on real sockets of this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::session::event::{SessionEvent, Settings};
use crate::web::hub::is_here;
use scaletop_load::Second;
use scaletop_units::ArrivalRate;

fn header() -> Header {
    Header::new(0, Settings { target: "demo".into(), ..Settings::default() })
}

fn serve() -> Web {
    Bound::new("127.0.0.1:0".parse().unwrap()).unwrap().serve(&header()).unwrap()
}

fn session(seconds: u32) -> Halves {
    let mut session = Halves::new(&header());
    for index in 0..seconds {
        let second = Second::new(index, ArrivalRate::new(5));
        session.apply_to(None, second.end(), &SessionEvent::Second(Box::new(second)));
    }
    session
}

fn ask(web: &Web, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(web.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    stream
}

fn whole(web: &Web, head: &str) -> String {
    let mut answer = String::new();
    ask(web, head).read_to_string(&mut answer).unwrap();
    answer
}

/// Reads until `text` has come.
fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = Vec::new();
    let mut some = [0; 4_096];
    loop {
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "it ended without {text:?}: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&some[..read]);
        let seen = String::from_utf8_lossy(&all);
        if seen.contains(text) {
            return seen.into_owned();
        }
    }
}

/// Hands over moments until the thread has asked for one.
fn publish(web: &Web, session: &Halves) {
    while !web.wanted.load(Ordering::Relaxed) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    web.publish(session);
}

#[test]
fn only_what_is_read_is_answered_and_only_for_this_machine() {
    let web = serve();
    web.end(&session(1), "over".to_owned());
    for (head, status) in [
        ("GET / HTTP/1.1\r\nhost: 127.0.0.1", "200"),
        ("HEAD / HTTP/1.1\r\nhost: localhost:1", "200"),
        ("HEAD /events HTTP/1.1\r\nhost: localhost", "200"),
        ("POST / HTTP/1.1\r\nhost: localhost", "405"),
        ("DELETE /events HTTP/1.1\r\nhost: localhost", "405"),
        ("GET /report.html HTTP/1.1\r\nhost: localhost", "404"),
        ("GET / HTTP/1.1\r\nhost: evil.example", "403"),
        ("GET /events HTTP/1.1\r\nhost: evil.example:8899", "403"),
        ("GET http://evil.example/ HTTP/1.1\r\nhost: localhost", "403"),
        ("GET / HTTP/1.0", "403"),
    ] {
        let answer = whole(&web, head);
        assert!(answer.split(' ').nth(1) == Some(status), "{head:?}: {answer:.200}");
    }
    let page = whole(&web, "GET / HTTP/1.1\r\nhost: localhost").to_lowercase();
    assert!(page.contains("content-security-policy: default-src 'none'; style-src 'nonce-"), "{page:.800}");
    let refused = whole(&web, "PUT / HTTP/1.1\r\nhost: localhost").to_lowercase();
    assert!(refused.contains("allow: get, head"), "{refused}");
}

#[test]
fn a_host_is_this_machine_by_its_address_or_as_localhost() {
    for here in
        ["localhost", "LOCALHOST:8899", "127.0.0.1:8899", "[::1]:8899", "[::1]", "app.localhost:1", "localhost."]
    {
        assert!(is_here(here), "{here}");
    }
    for elsewhere in
        ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[::1", "[::1]evil", "[evil]:1"]
    {
        assert!(!is_here(elsewhere), "{elsewhere}");
    }
}

#[test]
fn nothing_is_copied_while_nobody_looks() {
    let web = serve();
    for seconds in 1..5 {
        web.publish(&session(seconds));
    }
    assert!(web.handed.borrow().is_none());
}

#[test]
fn who_looks_on_is_told_every_moment_that_is_drawn_and_the_end() {
    let web = serve();
    let mut events = ask(&web, "GET /events HTTP/1.1\r\nhost: localhost");
    publish(&web, &session(1));
    let first = read_until(&mut events, "live, 0:01");
    assert!(first.contains("text/event-stream") && first.contains("event: update\n"), "{first:.400}");
    publish(&web, &session(2));
    let second = read_until(&mut events, "live, 0:02");
    assert!(!second.contains("How it was measured"), "what has not changed is not told again");
    web.end(&session(3), "scaletop report here".to_owned());
    read_until(&mut events, "the session has ended at 0:03: scaletop report here");
    drop(web);
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "it ends, it does not break off: {rest:?}");
}

#[test]
fn the_last_moment_reaches_who_has_seen_nothing_yet() {
    let web = serve();
    web.end(&session(3), "scaletop report here".to_owned());
    let page = whole(&web, "GET / HTTP/1.1\r\nhost: localhost");
    assert!(
        page.contains("data-state=\"ended\">the session has ended at 0:03: scaletop report here</p>"),
        "{page:.2000}"
    );
}

#[test]
fn who_reads_nothing_keeps_neither_the_session_nor_the_others() {
    let web = serve();
    let stalled: Vec<_> = (0..31).map(|_| ask(&web, "GET /events HTTP/1.1\r\nhost: localhost")).collect();
    publish(&web, &session(1));
    let mut events = ask(&web, "GET /events HTTP/1.1\r\nhost: localhost");
    for seconds in 2..5 {
        publish(&web, &session(seconds));
        read_until(&mut events, &format!("live, 0:0{seconds}"));
    }
    drop(stalled);
}

#[test]
fn more_than_may_look_on_are_told_so() {
    let web = serve();
    let mut on = Vec::new();
    for _ in 0..32 {
        on.push(ask(&web, "GET /events HTTP/1.1\r\nhost: localhost"));
    }
    publish(&web, &session(1));
    for events in &mut on {
        read_until(events, "event: update");
    }
    let refused = whole(&web, "GET /events HTTP/1.1\r\nhost: localhost");
    assert!(refused.contains("event: full") && refused.contains("as many as may look on already do: 32"), "{refused}");
}

#[test]
fn the_next_session_gets_the_address_though_somebody_looks_on() {
    let web = serve();
    let address = web.address();
    let mut events = ask(&web, "GET /events HTTP/1.1\r\nhost: localhost");
    publish(&web, &session(1));
    read_until(&mut events, "live, 0:01");
    drop(web);
    let next = Bound::new(address).unwrap().serve(&header()).unwrap();
    next.end(&session(2), "over".to_owned());
    assert!(whole(&next, "GET / HTTP/1.1\r\nhost: localhost").contains("ended at 0:02"));
}

#[test]
fn a_port_in_use_is_said_with_what_to_do() {
    let web = serve();
    let error = Bound::new(web.address()).unwrap_err().to_string();
    assert!(error.contains(&web.address().to_string()) && error.contains("--web"), "{error}");
}
