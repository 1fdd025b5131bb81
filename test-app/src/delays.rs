//! The delay queue: requests wait here for their time, not on threads of their own.
//!
//! A waiting request is an entry in a heap, ordered by when it is due; a few responder threads take what is due and
//! write the answer. With a pool of sleeping workers instead, requests queue as soon as more are in flight than there are
//! workers; here no number could be too small, and hundreds of threads are saved. The README has the figures.
//!
//! Two answers on one connection must leave in the order of their requests, and `tiny_http` makes the thread that
//! writes the second wait for the first. With several requests sent ahead on one connection (pipelining) all responders
//! could end up waiting for an answer that nobody is left to write. So an answer is never due before the one ahead of
//! it on its connection: [`Waiting::due_on`] sees to that.

use crate::clock::now;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Responder threads. An answer fits the socket's buffer, so writing takes some 20 µs and one thread would do; the
/// others are there for a client that does not read.
const RESPONDERS: usize = 4;

/// Work that is owed at `due`, for example writing an answer.
type Job = Box<dyn FnOnce() + Send>;

struct Entry {
    due: Instant,
    /// Order of arrival: among equals, first come, first served.
    number: u64,
    connection: Option<SocketAddr>,
    job: Job,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// The latest answer owed on a connection, and how many are owed.
struct Owed {
    latest: Instant,
    count: usize,
}

#[derive(Default)]
struct Waiting {
    heap: BinaryHeap<Reverse<Entry>>,
    next_number: u64,
    /// Only connections with something in flight, so it cannot outgrow the heap.
    per_connection: HashMap<SocketAddr, Owed>,
    /// Accepted and not yet done, waiting or being written.
    in_flight: usize,
    closed: bool,
}

impl Waiting {
    /// When an answer wanted at `due` may leave: not before the one ahead of it on the same connection.
    fn due_on(&mut self, connection: Option<SocketAddr>, due: Instant) -> Instant {
        let Some(connection) = connection else { return due };
        let owed = self.per_connection.entry(connection).or_insert(Owed { latest: due, count: 0 });
        owed.count += 1;
        owed.latest = owed.latest.max(due);
        owed.latest
    }

    fn done(&mut self, connection: Option<SocketAddr>) {
        self.in_flight -= 1;
        let Some(connection) = connection else { return };
        if let Some(owed) = self.per_connection.get_mut(&connection) {
            owed.count -= 1;
            if owed.count == 0 {
                self.per_connection.remove(&connection);
            }
        }
    }
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code of ours panics while it holds the lock, and the counts stay right even if it did.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs jobs when they are due, on [`RESPONDERS`] threads that it owns.
pub(crate) struct DelayQueue {
    shared: Arc<Shared>,
    responders: Vec<JoinHandle<()>>,
}

/// The end of the queue that takes jobs in; cheap to clone.
#[derive(Clone)]
pub(crate) struct Delays(Arc<Shared>);

impl DelayQueue {
    pub(crate) fn start() -> io::Result<Self> {
        let mut queue = Self { shared: Arc::default(), responders: Vec::new() };
        for number in 0..RESPONDERS {
            let shared = Arc::clone(&queue.shared);
            let responder = Builder::new().name(format!("respond-{number}")).spawn(move || respond(&shared))?;
            queue.responders.push(responder);
        }
        Ok(queue)
    }

    pub(crate) fn delays(&self) -> Delays {
        Delays(Arc::clone(&self.shared))
    }

    /// Waits until nothing has been in flight for `quiet`, or until `deadline`. Returns how many were left.
    pub(crate) fn wait_until_idle(&self, quiet: Duration, deadline: Instant) -> usize {
        let mut idle_since = None;
        loop {
            let in_flight = self.shared.lock().in_flight;
            let at = now();
            if in_flight > 0 {
                idle_since = None;
            } else if at.duration_since(*idle_since.get_or_insert(at)) >= quiet {
                return 0;
            }
            if at >= deadline {
                return in_flight;
            }
            // Looks again instead of being told: a wake-up meant for a responder must not end here.
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Drops what still waits and ends the responders. One that is stuck writing to a client who does not read is left
    /// behind, since it must not hold up the end.
    pub(crate) fn close(self) {
        let (mut dropped, being_written) = {
            let mut waiting = self.shared.lock();
            waiting.closed = true;
            let dropped = std::mem::take(&mut waiting.heap);
            waiting.in_flight -= dropped.len();
            (dropped, waiting.in_flight)
        };
        self.shared.changed.notify_all();
        // Outside the lock, since dropping a request answers it with a 500; and in order, since that waits for the answer
        // ahead of it on the connection.
        while dropped.pop().is_some() {}
        if being_written == 0 {
            for responder in self.responders {
                drop(responder.join());
            }
        }
    }
}

impl Delays {
    /// Counts a job as in flight before it can be handed to [`Delays::run_at`].
    pub(crate) fn announce(&self) {
        self.0.lock().in_flight += 1;
    }

    /// Runs an announced `job` at `due`, or after what `connection` is owed already. Dropped if the queue is closed.
    pub(crate) fn run_at(&self, due: Instant, connection: Option<SocketAddr>, job: impl FnOnce() + Send + 'static) {
        let mut waiting = self.0.lock();
        if waiting.closed {
            waiting.in_flight -= 1;
            return;
        }
        let due = waiting.due_on(connection, due);
        let number = waiting.next_number;
        waiting.next_number += 1;
        let is_first = waiting.heap.peek().is_none_or(|Reverse(first)| due < first.due);
        waiting.heap.push(Reverse(Entry { due, number, connection, job: Box::new(job) }));
        drop(waiting);
        if is_first {
            self.0.changed.notify_one();
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.0.lock().in_flight
    }
}

fn respond(shared: &Shared) {
    let mut waiting = shared.lock();
    while !waiting.closed {
        let at = now();
        let patience = waiting.heap.peek().map(|Reverse(first)| first.due.saturating_duration_since(at));
        waiting = match patience {
            Some(Duration::ZERO) => {
                let Some(Reverse(entry)) = waiting.heap.pop() else { continue };
                if !waiting.heap.is_empty() {
                    shared.changed.notify_one(); // the next may be due as well, or need somebody to wait for it
                }
                drop(waiting);
                (entry.job)();
                let mut waiting = shared.lock();
                waiting.done(entry.connection);
                waiting
            }
            Some(patience) => shared.changed.wait_timeout(waiting, patience).unwrap_or_else(PoisonError::into_inner).0,
            None => shared.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    fn connection(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn start() -> (DelayQueue, Delays, Sender<u32>, Receiver<u32>) {
        let queue = DelayQueue::start().expect("four threads");
        let delays = queue.delays();
        let (done_tx, done) = channel();
        (queue, delays, done_tx, done)
    }

    fn run(delays: &Delays, due: Instant, connection: Option<SocketAddr>, done: &Sender<u32>, name: u32) {
        let done = done.clone();
        delays.announce();
        delays.run_at(due, connection, move || {
            let _ = done.send(name);
        });
    }

    /// Sleeps for real: the queue's only purpose is to wait for real time.
    #[test]
    fn jobs_run_when_due_not_when_added() {
        let (queue, delays, done_tx, done) = start();
        let start = now();
        for (name, millis) in [(3, 90), (1, 30), (2, 60)] {
            run(&delays, start + Duration::from_millis(millis), None, &done_tx, name);
        }
        let order: Vec<_> = done.iter().take(3).collect();
        assert_eq!(order, [1, 2, 3]);
        assert!(start.elapsed() >= Duration::from_millis(90));
        assert_eq!(queue.wait_until_idle(Duration::ZERO, now() + Duration::from_secs(5)), 0);
        queue.close();
    }

    #[test]
    fn an_answer_never_overtakes_the_one_ahead_on_its_connection() {
        let mut waiting = Waiting::default();
        let at = now();
        let late = at + Duration::from_secs(5);
        assert_eq!(waiting.due_on(Some(connection(1)), late), late);
        assert_eq!(waiting.due_on(Some(connection(1)), at), late);
        assert_eq!(waiting.due_on(Some(connection(2)), at), at);
        waiting.in_flight = 3;
        waiting.done(Some(connection(1)));
        waiting.done(Some(connection(1)));
        assert_eq!(waiting.due_on(Some(connection(1)), at), at, "what is answered holds nobody up");
    }

    #[test]
    fn closing_drops_what_waits_and_says_how_much() {
        let (queue, delays, done_tx, done) = start();
        run(&delays, now() + Duration::from_mins(1), None, &done_tx, 1);
        drop(done_tx);
        assert_eq!(queue.wait_until_idle(Duration::ZERO, now()), 1);
        queue.close();
        assert_eq!(done.iter().count(), 0);
        delays.announce();
        delays.run_at(now(), None, || unreachable!("the queue is closed"));
    }
}
