//! The running service: owns `tiny_http`'s server, the dispatcher, the delay queue and the sweeper, and ends them.

use crate::answer::{Answer, answer};
use crate::clock::now;
use crate::delays::{DelayQueue, Delays};
use crate::options::{Options, is_instance_id, random_instance_id};
use crate::sweep::{Sweeper, Traffic};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tiny_http::{Header, Request, Response};

/// Connections that may wait to be accepted. std asks for 128, and what a burst brings beyond that is answered a second
/// late, when the client's system tries again. The system caps this at its own limit (4,096 on Linux).
#[cfg(unix)]
const BACKLOG: i32 = 4096;

/// Nothing in flight for this long means that nothing more is on its way from the connections that are open.
const QUIET: Duration = Duration::from_millis(50);

/// What stopping left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopReport {
    /// Requests that were still unanswered when the drain time was over.
    pub unanswered: usize,
}

impl StopReport {
    /// Whether everything that was in flight has been answered.
    pub fn is_clean(&self) -> bool {
        self.unanswered == 0
    }
}

/// A running test-app. Dropping it stops it at once; [`Server::stop`] answers what is in flight first.
pub struct Server {
    addr: SocketAddr,
    instance: Arc<Instance>,
    drain: Duration,
    /// `None` once stopped.
    running: Option<Running>,
}

/// What every answer tells about the instance that gives it.
struct Instance {
    id: String,
    started: Instant,
}

struct Running {
    http: Arc<tiny_http::Server>,
    /// A second handle on the listening socket: the only way to make the crate's accept loop end while its open
    /// connections are still served.
    door: TcpListener,
    door_is_shut: Arc<AtomicBool>,
    receiving: Arc<AtomicBool>,
    dispatcher: JoinHandle<()>,
    delays: DelayQueue,
    sweeper: Sweeper,
}

impl Server {
    /// Listens on `addr` (port 0 picks a free one) and serves from threads of its own until stopped or dropped.
    pub fn start(addr: impl ToSocketAddrs, options: Options) -> io::Result<Self> {
        Self::from_listener(TcpListener::bind(addr)?, options)
    }

    /// Serves on a listener that exists already.
    pub fn from_listener(listener: TcpListener, options: Options) -> io::Result<Self> {
        let id = options.instance_id.unwrap_or_else(random_instance_id);
        if !is_instance_id(&id) {
            let message = format!("instance id {id:?}: use 1 to 64 letters, digits, '-', '_', '.' or ':'");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let addr = listener.local_addr()?;
        listener.set_nonblocking(false)?;
        #[cfg(unix)]
        rustix::net::listen(&listener, BACKLOG)?;
        let door = listener.try_clone()?;
        let http = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
        let http = Arc::new(http);
        let delays = DelayQueue::start()?;
        let sweeper = Sweeper::start(reachable(addr))?;
        let instance = Arc::new(Instance { id, started: now() });
        let receiving = Arc::new(AtomicBool::new(true));
        let door_is_shut = Arc::new(AtomicBool::new(false));
        let dispatcher = Dispatcher {
            http: Arc::clone(&http),
            receiving: Arc::clone(&receiving),
            door_is_shut: Arc::clone(&door_is_shut),
            delays: delays.delays(),
            traffic: sweeper.traffic(),
            instance: Arc::clone(&instance),
            delay: options.delay,
        };
        let dispatcher = Builder::new().name("dispatch".to_owned()).spawn(move || dispatcher.run())?;
        let running = Running { http, door, door_is_shut, receiving, dispatcher, delays, sweeper };
        Ok(Self { addr, instance, drain: options.drain, running: Some(running) })
    }

    /// Where it listens, with the port that was picked.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What `x-instance-id` says.
    pub fn instance_id(&self) -> &str {
        &self.instance.id
    }

    /// Requests that have been read and not yet answered.
    pub fn in_flight(&self) -> usize {
        self.running.as_ref().map_or(0, |running| running.delays.delays().in_flight())
    }

    /// Whether it still takes connections. `tiny_http` stops for good at the first failing accept, typically because
    /// the process may open no more files (two per connection); the process should then end, to be replaced.
    pub fn is_accepting(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| !running.door_is_shut.load(Ordering::Relaxed) && !running.sweeper.server_is_lost())
    }

    /// Stops taking connections, answers what is in flight, then ends; takes [`Options::drain`] at most.
    ///
    /// Requests that arrive meanwhile on open connections are answered too, in the first half of that time. Connections
    /// that clients keep open are theirs to close: `tiny_http` offers no way to do it.
    pub fn stop(mut self) -> StopReport {
        let drain = self.drain;
        self.end(drain)
    }

    fn end(&mut self, drain: Duration) -> StopReport {
        let Some(mut running) = self.running.take() else { return StopReport { unanswered: 0 } };
        let started = now();
        running.sweeper.stop();
        running.shut_door(self.addr);
        let quiet = QUIET.min(drain);
        running.delays.wait_until_idle(quiet, started + drain / 2);
        running.receiving.store(false, Ordering::Relaxed);
        running.http.unblock();
        drop(running.dispatcher.join());
        let unanswered = running.delays.wait_until_idle(Duration::ZERO, started + drain);
        running.delays.close();
        StopReport { unanswered }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

impl Running {
    /// Ends the accept loop. It takes what waits in the backlog, finds the socket non-blocking and empty, and gives up,
    /// which it reports to the dispatcher.
    fn shut_door(&self, addr: SocketAddr) {
        if self.door.set_nonblocking(true).is_err() {
            return; // then dropping the crate's server shuts it
        }
        let patience = Duration::from_millis(250);
        drop(TcpStream::connect_timeout(&reachable(addr), patience)); // wakes an accept that already waits
        let deadline = now() + patience;
        while !self.door_is_shut.load(Ordering::Relaxed) && now() < deadline {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
}

/// An address that reaches a socket bound to `addr`: "any interface" is no place to connect to, except on some systems.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// Takes requests from `tiny_http` and hands each to the delay queue. It never writes and never reads a body, since one
/// slow client would then hold up all others.
struct Dispatcher {
    http: Arc<tiny_http::Server>,
    receiving: Arc<AtomicBool>,
    door_is_shut: Arc<AtomicBool>,
    delays: Delays,
    traffic: Traffic,
    instance: Arc<Instance>,
    delay: Duration,
}

impl Dispatcher {
    fn run(self) {
        while self.receiving.load(Ordering::Relaxed) {
            match self.http.recv() {
                Ok(request) => self.dispatch(request),
                // Either the accept loop has ended (it says so once) or `unblock` was called; the loop tells which.
                Err(_) if self.receiving.load(Ordering::Relaxed) => self.door_is_shut.store(true, Ordering::Relaxed),
                Err(_) => {}
            }
        }
    }

    fn dispatch(&self, mut request: Request) {
        let arrived = now();
        self.traffic.seen();
        self.delays.announce();
        let answer = answer(request.method(), request.url(), self.delay);
        let (due, connection) = (arrived + answer.after, request.remote_addr().copied());
        let (delays, instance) = (self.delays.clone(), Arc::clone(&self.instance));
        if has_body_on_the_wire(&request) {
            // At most one such thread per connection: the next request is parsed when this body has been read.
            let drained = Builder::new().name("drain-body".to_owned()).spawn(move || {
                drop(io::copy(request.as_reader(), &mut io::sink()));
                delays.run_at(due, connection, move || respond(request, answer, &instance));
            });
            if drained.is_err() {
                self.delays.run_at(due, connection, || ()); // the request went with the closure and was answered 500
            }
        } else {
            delays.run_at(due, connection, move || respond(request, answer, &instance));
        }
    }
}

/// Whether reading the body can block. The crate has read bodies of up to 1,024 bytes before it hands a request over.
fn has_body_on_the_wire(request: &Request) -> bool {
    let announces = |name: &'static str| request.headers().iter().any(|header| header.field.equiv(name));
    request.body_length().is_some_and(|bytes| bytes > 1024) || announces("Transfer-Encoding") || announces("Expect")
}

fn respond(request: Request, answer: Answer, instance: &Instance) {
    let uptime = instance.started.elapsed().as_millis().to_string();
    let headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-instance-id", instance.id.as_str()),
        ("x-instance-uptime-ms", uptime.as_str()),
    ];
    let mut response = Response::from_string(answer.body).with_status_code(answer.status);
    for (name, value) in headers.into_iter().chain(answer.allow.map(|methods| ("allow", methods))) {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    drop(request.respond(response)); // it fails when the client has gone, which is the client's business
}
