//! The thread of the live page: draws for those who look on, and answers them.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::endpoint::{self, Answer, Line, accept, within};
use crate::report::live::{Drawing, policy};
use crate::web::sse::{HEARTBEAT, event};
use crate::web::{Handed, Snapshot};

/// So many may look on at the same time.
const MOST_ONLOOKERS: usize = 32;

/// After a drawing that took so long, nothing is drawn for so many times as long: it takes at most a twentieth of a core.
pub(super) const REST: u32 = 19;

/// Nothing is drawn for so long in any case, also where seconds close in quick succession.
const LEAST_REST: Duration = Duration::from_millis(500);

/// Who asks for the page is shown a drawing that is no older, or waits for a new one, but not longer than [`LONGEST_WAIT`].
const FRESH: Duration = Duration::from_secs(2);

const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// A line is not silent for longer, so that whoever is gone is noticed.
const LONGEST_SILENCE: Duration = Duration::from_secs(15);

/// How long those who look on have to take the last drawing.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What ties the thread to the session's loop.
pub(super) struct LoopEnds {
    pub(super) wanted: Arc<AtomicBool>,
    pub(super) handed: watch::Receiver<Handed>,
    pub(super) closing: watch::Receiver<bool>,
}

/// What those who answer share.
struct Hub {
    /// Those who look on, and those who wait for a page.
    looking: watch::Sender<usize>,
    /// Those who look on.
    onlookers: AtomicUsize,
    /// The latest drawing, and when it was made; the one of a session that has not begun has no time.
    drawn: watch::Sender<(Arc<Drawing>, Option<Instant>)>,
    closing: watch::Receiver<bool>,
    is_loopback: bool,
}

/// Counts somebody for as long as it lives.
struct Looking {
    hub: Arc<Hub>,
    is_onlooker: bool,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.hub.looking.send_modify(|count| *count -= 1);
        self.hub.onlookers.fetch_sub(usize::from(self.is_onlooker), Ordering::Relaxed);
    }
}

impl Hub {
    fn look(self: &Arc<Self>, is_onlooker: bool) -> Looking {
        self.looking.send_modify(|count| *count += 1);
        self.onlookers.fetch_add(usize::from(is_onlooker), Ordering::Relaxed);
        Looking { hub: Arc::clone(self), is_onlooker }
    }

    /// A place among those who look on, unless there are too many.
    fn look_on(self: &Arc<Self>) -> Option<Looking> {
        // One thread answers: nobody comes between the two.
        (self.onlookers.load(Ordering::Relaxed) < MOST_ONLOOKERS).then(|| self.look(true))
    }
}

/// Serves until the session's loop lets go.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    address: SocketAddr,
    first: Drawing,
    ends: LoopEnds,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let LoopEnds { wanted, handed, mut closing } = ends;
    let hub = Arc::new(Hub {
        looking: watch::Sender::new(0),
        onlookers: AtomicUsize::new(0),
        drawn: watch::Sender::new((Arc::new(first), None)),
        closing: closing.clone(),
        is_loopback: address.ip().is_loopback(),
    });
    let answering = Arc::clone(&hub);
    let last_words = async {
        let _ = closing.wait_for(|is_closing| *is_closing).await;
        let mut looking = hub.looking.subscribe();
        let _ = within(LAST_WORDS, looking.wait_for(|count| *count == 0)).await;
    };
    tokio::select! {
        () = accept(listener, move |request, line| answer(request, line, Arc::clone(&answering))) => {}
        () = draw(&hub, &wanted, handed) => {}
        () = last_words => {}
    }
    Ok(())
}

/// Draws while somebody looks, and once more at the end.
async fn draw(hub: &Hub, wanted: &AtomicBool, mut handed: watch::Receiver<Handed>) {
    let (mut looking, mut end) = (hub.looking.subscribe(), handed.clone());
    let is_over = |handed: &Handed| handed.as_ref().is_some_and(|snapshot| snapshot.ended.is_some());
    loop {
        let next = async {
            let _ = looking.wait_for(|count| *count > 0).await;
            wanted.store(true, Ordering::Relaxed);
            let _ = handed.changed().await;
            handed.borrow_and_update().clone()
        };
        let next = tokio::select! {
            biased;
            over = end.wait_for(is_over) => over.ok().and_then(|over| over.clone()),
            next = next => next,
        };
        // The session's loop is gone: there is nothing to draw any more.
        let Some(snapshot) = next else { return std::future::pending().await };
        let began = Instant::now();
        hub.put(&snapshot);
        if snapshot.ended.is_some() {
            return std::future::pending().await;
        }
        let rest = LEAST_REST.max(began.elapsed() * REST);
        tokio::select! {
            () = sleep(rest) => {}
            _ = end.wait_for(is_over) => {}
        }
    }
}

impl Hub {
    fn put(&self, snapshot: &Snapshot) {
        let before = Arc::clone(&self.drawn.borrow().0);
        let drawing = Drawing::of(&snapshot.halves, snapshot.ended.as_deref(), Some(&before));
        self.drawn.send_replace((Arc::new(drawing), Some(Instant::now())));
    }

    /// A drawing that is of now, if there is one soon.
    async fn present(&self) -> Arc<Drawing> {
        let mut drawn = self.drawn.subscribe();
        let is_fresh = |(drawing, at): &(Arc<Drawing>, Option<Instant>)| {
            drawing.has_ended() || at.is_some_and(|at| at.elapsed() < FRESH)
        };
        let _ = within(LONGEST_WAIT, drawn.wait_for(is_fresh)).await;
        Arc::clone(&self.drawn.borrow().0)
    }
}

async fn answer(request: Request<Incoming>, line: Arc<Line>, hub: Arc<Hub>) -> Answer {
    let plain = |status, text: &'static str| endpoint::whole(status, "text/plain; charset=utf-8", text);
    if hub.is_loopback && !names_this_machine(&request) {
        // A name that somebody else made point here: <https://en.wikipedia.org/wiki/DNS_rebinding>.
        return plain(StatusCode::FORBIDDEN, "this page is asked for as localhost or by its address\n");
    }
    let is_head = request.method() == Method::HEAD;
    let mut answer = match request.uri().path() {
        "/" | "/events" if !is_head && request.method() != Method::GET => {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET: this page is read only\n");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            refused
        }
        "/" => page(&hub).await,
        "/events" if is_head => endpoint::whole(StatusCode::OK, EVENTS, Bytes::new()),
        "/events" => events(&hub, line),
        _ => plain(StatusCode::NOT_FOUND, "the live page is at /\n"),
    };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether a request asks for this machine by its address or as localhost: no name that somebody else may have made point
/// here.
fn names_this_machine(request: &Request<Incoming>) -> bool {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    authority.or_else(|| host(request.headers())).is_some_and(is_here)
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether the value of a Host header is an address or localhost, with a port or without.
pub(super) fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => address,
            Some((address, port)) if port.starts_with(':') => address,
            _ => return false,
        },
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
}

const EVENTS: &str = "text/event-stream";

async fn page(hub: &Arc<Hub>) -> Answer {
    let _looking = hub.look(false);
    let nonce = nonce();
    let page = hub.present().await.page(&nonce);
    let mut answer = endpoint::whole(StatusCode::OK, "text/html; charset=utf-8", page);
    if let Ok(policy) = HeaderValue::from_str(&policy(&nonce)) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// A number that nobody can guess: 128 bits of two hashes whose keys are random.
fn nonce() -> String {
    let random = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", random(), random())
}

/// Somebody who looks on.
struct Onlooker {
    hub: Arc<Hub>,
    line: Arc<Line>,
    drawn: watch::Receiver<(Arc<Drawing>, Option<Instant>)>,
    closing: watch::Receiver<bool>,
    seen: Option<Arc<Drawing>>,
    /// Ends with it.
    _place: Looking,
}

/// All that happens, from now on.
fn events(hub: &Arc<Hub>, line: Arc<Line>) -> Answer {
    let Some(place) = hub.look_on() else {
        let full = event("full", &format!("as many as may look on already do: {MOST_ONLOOKERS}; trying again"));
        return endpoint::whole(StatusCode::OK, EVENTS, full);
    };
    line.keep();
    let (drawn, closing) = (hub.drawn.subscribe(), hub.closing.clone());
    let onlooker = Onlooker { hub: Arc::clone(hub), line, drawn, closing, seen: None, _place: place };
    let pieces = unfold(onlooker, async |mut onlooker| {
        let piece = onlooker.next().await?;
        onlooker.line.took();
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(piece))), onlooker))
    });
    let mut answer = Response::new(StreamBody::new(pieces).boxed_unsync());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    answer
}

impl Onlooker {
    /// The next piece; nothing when it is over. Asked for only when there is room for it.
    async fn next(&mut self) -> Option<String> {
        let is_first = self.seen.is_none();
        if !is_first && !self.drawn.has_changed().ok()? {
            tokio::select! {
                biased;
                changed = self.drawn.changed() => changed.ok()?,
                _ = self.closing.wait_for(|is_closing| *is_closing) => return None,
                () = sleep(LONGEST_SILENCE) => return Some(HEARTBEAT.to_owned()),
            }
        }
        let now = if is_first { self.hub.present().await } else { Arc::clone(&self.drawn.borrow().0) };
        self.drawn.mark_unchanged();
        let told = event("update", &now.since(self.seen.as_deref()));
        self.seen = Some(now);
        Some(told)
    }
}
