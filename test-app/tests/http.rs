//! What a client sees: answers, headers, delays, bodies, and what happens when the server stops.

#[path = "support/client.rs"]
mod client;

use client::{Client, now};
use std::collections::HashSet;
use std::io;
use std::net::TcpStream;
use std::time::Duration;
use test_app::{Options, Server};

/// Requests that are left unanswered on purpose.
const OWED: usize = 20;

/// Generous: how long an answer may take on a busy machine beyond its delay.
const SOON: Duration = Duration::from_secs(3);

fn start(delay_millis: u64) -> io::Result<Server> {
    Server::start("127.0.0.1:0", Options { delay: Duration::from_millis(delay_millis), ..Options::default() })
}

#[test]
fn every_answer_says_who_gave_it_and_for_how_long_it_has_been_up() -> io::Result<()> {
    let server = start(0)?;
    let mut client = Client::connect(server.addr())?;
    let mut uptimes = Vec::new();
    for (method, url, status) in [
        ("GET", "/api/test", 200),
        ("POST", "/api/test", 200),
        ("GET", "/healthz", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/api/test", 405),
        ("GET", "/api/test?delay=soon", 400),
    ] {
        let reply = client.ask(method, url)?;
        assert_eq!(reply.status, status, "{method} {url}");
        assert_eq!(reply.header("x-instance-id"), Some(server.instance_id()), "{method} {url}");
        let uptime = reply.header("x-instance-uptime-ms").and_then(|millis| millis.parse::<u64>().ok());
        uptimes.push(uptime.ok_or(io::ErrorKind::InvalidData)?);
    }
    assert!(uptimes.is_sorted(), "{uptimes:?}");
    assert_eq!(client.ask("DELETE", "/api/test")?.header("allow"), Some("GET, POST"));
    Ok(())
}

#[test]
fn an_instance_id_is_random_unless_given() -> io::Result<()> {
    let ids: io::Result<HashSet<_>> = (0..3).map(|_| Ok(start(0)?.instance_id().to_owned())).collect();
    assert_eq!(ids?.len(), 3);
    let options = Options { instance_id: Some("i-7".to_owned()), ..Options::default() };
    assert_eq!(Server::start("127.0.0.1:0", options)?.instance_id(), "i-7");
    let options = Options { instance_id: Some("a\r\nb".to_owned()), ..Options::default() };
    let refused = Server::start("127.0.0.1:0", options).err().map(|error| error.kind());
    assert_eq!(refused, Some(io::ErrorKind::InvalidInput));
    Ok(())
}

#[test]
fn an_answer_takes_the_servers_delay_or_the_one_asked_for() -> io::Result<()> {
    let server = start(60)?;
    let mut client = Client::connect(server.addr())?;
    for (url, millis) in [("/api/test", 60), ("/api/test?delay=150", 150), ("/api/test?delay=20ms", 20)] {
        let sent = now();
        assert_eq!(client.ask("GET", url)?.body, format!("ok after {millis} ms\n"));
        let took = sent.elapsed();
        assert!((Duration::from_millis(millis)..SOON).contains(&took), "{url}: {took:?}");
    }
    Ok(())
}

#[test]
fn health_is_told_at_once_while_requests_wait() -> io::Result<()> {
    let server = start(30_000)?;
    let mut waiting: Vec<Client> = (0..50).map(|_| Client::connect(server.addr())).collect::<io::Result<_>>()?;
    waiting.iter_mut().try_for_each(|client| client.send("GET", "/api/test"))?;
    let sent = now();
    assert_eq!(Client::connect(server.addr())?.ask("GET", "/healthz")?.status, 200);
    assert!(sent.elapsed() < SOON);
    Ok(())
}

#[test]
fn a_body_is_read_and_the_connection_goes_on() -> io::Result<()> {
    let server = start(0)?;
    let mut client = Client::connect(server.addr())?;
    for bytes in [0, 10, 1024, 1025, 300_000] {
        client.send_raw(format!("POST /api/test HTTP/1.1\r\nContent-Length: {bytes}\r\n\r\n").as_bytes())?;
        client.send_raw(&vec![b'x'; bytes])?;
        assert_eq!(client.reply_by(now() + SOON)?.status, 200, "{bytes} bytes");
    }
    client.send_raw(b"POST /api/test HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")?;
    assert_eq!(client.reply_by(now() + SOON)?.status, 200);
    assert_eq!(client.ask("GET", "/healthz")?.status, 200);
    Ok(())
}

#[test]
fn clients_that_never_send_their_body_hold_nobody_up() -> io::Result<()> {
    let server = start(0)?;
    let mut stalled: Vec<Client> = (0..20).map(|_| Client::connect(server.addr())).collect::<io::Result<_>>()?;
    for client in &mut stalled {
        client.send_raw(b"POST /api/test HTTP/1.1\r\nContent-Length: 5000\r\n\r\nonly this")?;
    }
    let mut client = Client::connect(server.addr())?;
    client.send("GET", "/api/test")?;
    assert_eq!(client.reply_by(now() + SOON)?.status, 200);
    Ok(())
}

#[test]
fn requests_sent_ahead_are_answered_in_order_and_hold_nobody_else_up() -> io::Result<()> {
    let server = start(0)?;
    let mut ahead = Client::connect(server.addr())?;
    ahead.send("GET", "/api/test?delay=400")?;
    for _ in 0..20 {
        ahead.send("GET", "/healthz")?; // more of them than there are responders
    }
    let sent = now();
    assert_eq!(Client::connect(server.addr())?.ask("GET", "/healthz")?.status, 200);
    assert!(sent.elapsed() < SOON);
    assert_eq!(ahead.reply_by(now() + SOON)?.body, "ok after 400 ms\n");
    for _ in 0..20 {
        assert_eq!(ahead.reply_by(now() + SOON)?.body, "ok\n");
    }
    Ok(())
}

#[test]
fn stopping_answers_what_is_in_flight_and_shuts_the_door() -> io::Result<()> {
    let server = start(500)?;
    let addr = server.addr();
    let mut clients: Vec<Client> = (0..30).map(|_| Client::connect(addr)).collect::<io::Result<_>>()?;
    clients.iter_mut().try_for_each(|client| client.send("GET", "/api/test"))?;
    let sent = now();
    while server.in_flight() < clients.len() && sent.elapsed() < SOON {
        std::thread::yield_now();
    }
    assert!(server.is_accepting());
    let report = server.stop();
    assert!(report.is_clean(), "{report:?}");
    assert!(sent.elapsed() < Duration::from_millis(500) + SOON);
    for client in &mut clients {
        assert_eq!(client.reply_by(now() + SOON)?.status, 200);
    }
    assert!(TcpStream::connect(addr).is_err(), "the port is closed");
    Ok(())
}

#[test]
fn stopping_ends_in_time_even_if_answers_are_owed() -> io::Result<()> {
    let options = Options { delay: Duration::from_mins(1), drain: Duration::from_millis(200), ..Options::default() };
    let server = Server::start("127.0.0.1:0", options)?;
    let mut client = Client::connect(server.addr())?;
    for _ in 0..OWED {
        client.send("GET", "/api/test")?; // on one connection: none can be given up before the one ahead of it
    }
    let sent = now();
    while server.in_flight() < OWED && sent.elapsed() < SOON {
        std::thread::yield_now();
    }
    let stopped = now();
    assert_eq!(server.stop().unanswered, OWED);
    assert!(stopped.elapsed() < SOON);
    for _ in 0..OWED {
        assert_eq!(client.reply_by(now() + SOON)?.status, 500);
    }
    Ok(())
}
