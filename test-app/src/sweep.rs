//! Frees connections that `tiny_http`'s thread pool has forgotten.
//!
//! # What goes wrong
//!
//! `tiny_http` 0.12 gives every connection a thread of its pool for the connection's whole life. Its accept loop asks
//! "is a thread idle?" and then either starts a thread *for this connection* (nobody idle) or appends the connection to
//! a queue and wakes one idle thread. A woken thread counts as idle until it has run, so with 4 idle threads and 64
//! connections at once, dozens may be queued for 4 threads. The 4 take one each and keep it while keep-alive lasts;
//! connections that come later find nobody idle and get new threads, which start with their own connection and look at
//! the queue only when that one ends. What was queued in excess waits for good.
//!
//! # What helps
//!
//! A thread that *finishes* looks at the queue first. So one connection that ends frees one that waits. We open a
//! connection to ourselves and send a line that is no HTTP (`?`); the crate answers 400 by itself and hangs up. Call that
//! a nudge. It meets one of two situations:
//!
//! 1. Nobody is idle: the nudge gets a new thread, which then takes the first connection from the queue.
//! 2. Somebody is idle: the nudge is queued, *behind everything accepted before it*. Once it is answered, all of that
//!    has a thread.
//!
//! Nudging until situation 2 occurs therefore proves that nothing older is stuck, whatever the size of the burst. The
//! two are told apart by whether the process started a thread meanwhile, which std's thread ids tell
//! (see [`thread_serial`]). A thread started by someone else only costs another nudge; a wrong "nothing is stuck" cannot
//! come of it.
//!
//! # What it costs, and what was weighed instead
//!
//! A sweep that finds nothing takes one nudge and some 0.8 ms of CPU, every [`BUSY_TICK`] under traffic and every
//! [`IDLE_TICK`] without, and a handful of threads. Nothing has to be kept warm, so a platform that throttles an idle
//! instance's CPU changes nothing: the first request that is seen starts a sweep. The alternatives:
//!
//! * Many servers on clones of one listener: measured, connections still starve.
//! * Pool kept warm by 400 self-connections every 2 s: measured, works up to the margin that is kept, for some 850
//!   threads; not for a larger burst, and not where the timer is throttled.
//! * Occupying the 4 threads that the pool always keeps, so that every connection finds nobody idle: exact for the first
//!   burst, but every connection that closes leaves an idle thread for 5 s, and the next larger burst starves again.

use crate::clock::now;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// Time between sweeps while requests arrive: how late a burst into a busy server may be noticed.
const BUSY_TICK: Duration = Duration::from_millis(20);

/// Time between sweeps while nothing arrives. Connections opened in silence may wait this long for their thread; the
/// first request that is seen ends the wait.
const IDLE_TICK: Duration = Duration::from_millis(200);

/// How long the first wait for a nudge is. Queued behind connections that are stuck it is not answered at all, so more
/// nudges follow after this; each further wait is twice as long, so that a machine that is merely slow is not flooded.
const PATIENCE: Duration = Duration::from_millis(5);

/// Waits for one nudge, 75 ms in all.
const WAITS: u32 = 4;

/// How long a flight of nudges is given to be answered.
const LANDING: Duration = Duration::from_millis(20);

/// Nudges sent side by side at first and at most. Each may leave a thread that idles for 5 s.
const NARROWEST: usize = 4;
const WIDEST: usize = 32;

/// Nudges that may be unanswered at a time. Beyond that the server is not stuck but slow, and more would not help.
const MOST_FLYING: usize = 512;

/// Rounds before a sweep gives way to the next tick. Eight already free 250 connections.
const ROUNDS: usize = 32;

/// A server that answers no nudge for this long, over [`LOST_NUDGES`] or more, has lost its accept thread.
const LOST_AFTER: Duration = Duration::from_secs(30);
const LOST_NUDGES: u32 = 100;

#[derive(Default)]
struct Shared {
    /// A request has arrived since the last sweep.
    busy: AtomicBool,
    /// The sweeper waits for [`IDLE_TICK`] and wants to be woken by a request.
    resting: AtomicBool,
    closing: AtomicBool,
    thread: OnceLock<Thread>,
    lost: AtomicBool,
}

/// Tells the sweeper that requests arrive; cheap to clone and to call.
#[derive(Clone)]
pub(crate) struct Traffic(Arc<Shared>);

impl Traffic {
    pub(crate) fn seen(&self) {
        self.0.busy.store(true, Ordering::SeqCst);
        if self.0.resting.load(Ordering::SeqCst)
            && self.0.resting.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.0.thread.get()
        {
            thread.unpark();
        }
    }
}

/// Owns the thread that sweeps.
pub(crate) struct Sweeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// Sweeps the server that listens on `addr` from now on.
    pub(crate) fn start(addr: SocketAddr) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let inside = Arc::clone(&shared);
        let thread = Builder::new().name("sweep".to_owned()).spawn(move || run(addr, &inside))?;
        drop(shared.thread.set(thread.thread().clone()));
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic(Arc::clone(&self.shared))
    }

    /// Whether the server has stopped taking connections although nobody asked it to.
    pub(crate) fn server_is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

fn run(addr: SocketAddr, shared: &Shared) {
    let mut watch = Watch { last_answer: now(), unanswered: 0 };
    let mut flying = Flying { addr, nudges: Vec::new(), width: NARROWEST };
    while !shared.closing.load(Ordering::Relaxed) {
        let was_busy = shared.busy.swap(false, Ordering::Relaxed);
        sweep(shared, &mut flying, &mut watch);
        shared.lost.store(watch.is_lost(), Ordering::Relaxed);
        if was_busy {
            std::thread::park_timeout(BUSY_TICK);
        } else {
            // First say that we rest, then look again: a request that came during the sweep woke nobody.
            shared.resting.store(true, Ordering::SeqCst);
            if !shared.busy.load(Ordering::SeqCst) {
                std::thread::park_timeout(IDLE_TICK);
            }
            shared.resting.store(false, Ordering::SeqCst);
        }
    }
}

/// Nudges until nothing older than the last nudge can be stuck. One nudge at a time tells; between them fly ever more
/// that nobody waits for, which free as many connections side by side.
fn sweep(shared: &Shared, flying: &mut Flying, watch: &mut Watch) {
    flying.width = NARROWEST;
    for _ in 0..ROUNDS {
        if shared.closing.load(Ordering::Relaxed) {
            return;
        }
        let before = thread_serial();
        let answered = send_nudge(flying.addr).is_ok_and(|telling| {
            let answered = (0..WAITS).any(|wait| {
                let answered = is_answered(&telling, PATIENCE * 2_u32.pow(wait));
                if !answered {
                    flying.send();
                }
                answered
            });
            flying.nudges.push(telling);
            answered
        });
        watch.note(answered);
        if answered && is_next(before, thread_serial()) {
            break;
        }
        flying.send();
        flying.let_land();
    }
    flying.forget_answered();
}

/// Nudges that nobody waits for.
///
/// They are kept until answered. Hanging up with the 400 unread then resets the connection, so that none is left behind
/// in `TIME_WAIT`; hanging up *before* the server has taken it would make accept fail on some systems, which ends the
/// crate's accept loop.
struct Flying {
    addr: SocketAddr,
    nudges: Vec<TcpStream>,
    /// How many the next flight has.
    width: usize,
}

impl Flying {
    /// Sends the next flight, and makes the one after it twice as wide.
    fn send(&mut self) {
        if self.nudges.len() >= MOST_FLYING {
            self.forget_answered();
        }
        let room = MOST_FLYING.saturating_sub(self.nudges.len());
        let sent = (0..self.width.min(room)).filter_map(|_| send_nudge(self.addr).ok());
        self.nudges.extend(sent);
        self.width = WIDEST.min(self.width * 2);
    }

    /// Gives the last flight time to be answered: the threads it starts would look like rescues to the next round.
    fn let_land(&mut self) {
        let deadline = now() + LANDING;
        while let Some(nudge) = self.nudges.last() {
            let patience = deadline.saturating_duration_since(now());
            if patience.is_zero() || !is_answered(nudge, patience) {
                break;
            }
            self.nudges.pop();
        }
    }

    fn forget_answered(&mut self) {
        self.nudges.retain(|nudge| {
            nudge.set_nonblocking(true).is_ok()
                && nudge.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        });
    }
}

fn send_nudge(addr: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&addr, Duration::from_millis(250))?;
    stream.write_all(b"?\r\n")?;
    Ok(stream)
}

fn is_answered(stream: &TcpStream, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).is_ok() && stream.peek(&mut [0]).is_ok()
}

/// How many threads this process has started so far, this call's own included: std numbers them. `None` if it should
/// ever name them otherwise, and if no thread can be started; the sweep then never trusts a single nudge and runs all
/// its rounds, which costs more and frees as many.
fn thread_serial() -> Option<u64> {
    let probe = Builder::new().name("serial".to_owned()).spawn(|| ()).ok()?;
    let name = format!("{:?}", probe.thread().id()); // numbered when started; nobody needs to wait for its end
    name.strip_prefix("ThreadId(")?.strip_suffix(')')?.parse().ok()
}

/// Whether no thread but the second probe was started between two calls of [`thread_serial`].
fn is_next(before: Option<u64>, after: Option<u64>) -> bool {
    matches!((before, after), (Some(before), Some(after)) if after == before + 1)
}

/// Keeps an eye on whether the server still takes connections. `tiny_http`'s accept thread ends at the first error,
/// for example when the process may open no more files.
struct Watch {
    last_answer: Instant,
    unanswered: u32,
}

impl Watch {
    fn note(&mut self, answered: bool) {
        if answered {
            *self = Self { last_answer: now(), unanswered: 0 };
        } else {
            self.unanswered += 1;
        }
    }

    fn is_lost(&self) -> bool {
        self.unanswered >= LOST_NUDGES && self.last_answer.elapsed() >= LOST_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The assumption about std that the sweep rests on. Other tests start threads too, hence "at least" and "some".
    #[test]
    fn thread_serials_count_the_threads_that_were_started() {
        let before = thread_serial().expect("std names its threads ThreadId(n)");
        for _ in 0..10 {
            drop(std::thread::spawn(|| ()).join());
        }
        assert!(thread_serial().expect("as before") > before + 10);
        let quiet = (0..1_000).any(|_| {
            let before = thread_serial();
            is_next(before, thread_serial())
        });
        assert!(quiet, "two calls in a row differ by one when nobody else starts a thread");
    }

    #[test]
    fn an_unknown_serial_never_counts_as_quiet() {
        assert!(is_next(Some(7), Some(8)));
        assert!(!is_next(Some(7), Some(9)));
        assert!(!is_next(None, Some(8)));
        assert!(!is_next(Some(7), None));
    }

    #[test]
    fn a_server_is_lost_only_after_many_nudges_over_a_long_time() {
        let long_ago = now().checked_sub(LOST_AFTER).expect("the machine has been up for longer");
        assert!(Watch { last_answer: long_ago, unanswered: LOST_NUDGES }.is_lost());
        assert!(!Watch { last_answer: long_ago, unanswered: LOST_NUDGES - 1 }.is_lost());
        assert!(!Watch { last_answer: now(), unanswered: LOST_NUDGES }.is_lost());
        let mut watch = Watch { last_answer: long_ago, unanswered: LOST_NUDGES };
        watch.note(true);
        assert!(!watch.is_lost());
    }
}
