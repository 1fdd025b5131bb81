//! Connections opened at the same instant are all answered: `tiny_http` alone leaves some of them waiting for good.
//!
//! These tests use real time and real sockets, since threads racing in the crate's pool are what they are about. They
//! run one at a time: each needs the machine to itself to mean what it says.

#[path = "support/client.rs"]
mod client;

use client::{Client, Reply, now};
use std::io;
use std::net::SocketAddr;
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use test_app::{Options, Server};

const DELAY: Duration = Duration::from_millis(80);

/// The promise: every request of a burst is answered within the delay and this, counted from the last one sent.
const GRACE: Duration = Duration::from_millis(500);

/// Threads that open connections side by side: enough to be faster than the server's accept loop.
const OPENERS: usize = 4;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn start() -> io::Result<Server> {
    Server::start("127.0.0.1:0", Options { delay: DELAY, ..Options::default() })
}

/// Opens `count` connections at once.
fn open(addr: SocketAddr, count: usize) -> io::Result<Vec<Client>> {
    let at_once = Barrier::new(OPENERS);
    let opened: io::Result<Vec<Vec<Client>>> = thread::scope(|scope| {
        let openers: Vec<_> = (0..OPENERS)
            .map(|_| {
                scope.spawn(|| {
                    at_once.wait();
                    (0..count / OPENERS).map(|_| Client::connect(addr)).collect()
                })
            })
            .collect();
        openers.into_iter().map(|opener| opener.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))).collect()
    });
    Ok(opened?.into_iter().flatten().collect())
}

/// Whether it is the answer in full, from an instance that says who it is.
fn is_complete(reply: &Reply) -> bool {
    reply.status == 200 && reply.body == "ok after 80 ms\n" && reply.header("x-instance-id").is_some()
}

/// One request on each connection; how many were answered with 200 in time.
fn ask_all(clients: &mut [Client]) -> io::Result<usize> {
    for client in &mut *clients {
        client.send("GET", "/api/test")?;
    }
    let deadline = now() + DELAY + GRACE;
    let replies = clients.iter_mut().map(|client| client.reply_by(deadline));
    Ok(replies.filter(|reply| reply.as_ref().is_ok_and(is_complete)).count())
}

#[test]
fn two_hundred_connections_at_once_are_all_answered_twenty_times_in_a_row() -> io::Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start()?;
    let mut answered = Vec::new();
    for _ in 0..20 {
        let mut clients = open(server.addr(), 200)?;
        answered.push(ask_all(&mut clients)?);
    }
    assert_eq!(answered, [200; 20]);
    Ok(())
}

#[test]
fn sixty_four_connections_that_stay_are_all_answered_twenty_times_in_a_row() -> io::Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut answered = Vec::new();
    for _ in 0..20 {
        // A new server each time: its pool is cold, which is when the crate starves most. They stay for three requests.
        let server = start()?;
        let mut clients = open(server.addr(), 64)?;
        for _ in 0..3 {
            answered.push(ask_all(&mut clients)?);
        }
    }
    assert_eq!(answered, [64; 60]);
    Ok(())
}

#[test]
fn ever_larger_bursts_onto_connections_that_stay_are_all_answered() -> io::Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start()?;
    let mut staying = Vec::new();
    for count in [8, 16, 64, 128, 256, 512] {
        // Some that go away leave idle threads behind, fewer than the next burst needs: the pool's blind spot.
        drop(open(server.addr(), count / 2)?);
        let mut clients = open(server.addr(), count)?;
        assert_eq!(ask_all(&mut clients)?, count);
        staying.append(&mut clients);
    }
    let all = staying.len();
    assert_eq!(ask_all(&mut staying)?, all);
    assert_eq!(Client::connect(server.addr())?.ask("GET", "/healthz")?.status, 200, "newcomers are served too");
    Ok(())
}

#[test]
fn connections_opened_in_silence_are_answered_when_they_speak() -> io::Result<()> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..5 {
        let server = start()?;
        let mut clients = open(server.addr(), 200)?;
        thread::park_timeout(Duration::from_millis(700)); // several idle sweeps; none of the connections says a word
        // Only one speaks, and no other request can draw attention to it.
        for client in clients.iter_mut().rev().step_by(20) {
            assert_eq!(ask_all(std::slice::from_mut(client))?, 1);
        }
    }
    Ok(())
}
