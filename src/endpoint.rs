//! What answers onlookers over HTTP/1.1, bounded in the number of connections and in their length: those that do nothing keep
//! nobody out, and whoever does not read is let go.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections at the same time. One more takes the place of the oldest that is not kept.
pub(crate) const MOST_CONNECTIONS: usize = 64;

/// A connection is closed after this long, whatever it does, unless it is kept: scrapers come back.
const LONGEST_CONNECTION: Duration = Duration::from_secs(30);

/// The head of a request must have come by then, also the next one on a connection that goes on.
const LONGEST_HEAD: Duration = Duration::from_secs(20);

/// Whoever has a connection kept, and takes nothing for so long, is let go.
const LONGEST_STALL: Duration = Duration::from_mins(1);

/// How long to wait when a connection cannot be accepted, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is answered: at once, or piece by piece.
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A connection, as those who answer on it know it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    is_kept: AtomicBool,
    taken: AtomicU64,
}

impl Line {
    /// Keeps the connection for as long as what is answered on it is taken.
    pub(crate) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// A piece of an answer was taken.
    pub(crate) fn took(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// Waits until the connection has lasted long enough.
    async fn over(&self) {
        sleep(LONGEST_CONNECTION).await;
        while self.is_kept() {
            let before = self.taken.load(Ordering::Relaxed);
            sleep(LONGEST_STALL).await;
            if self.taken.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

/// An answer that is there as a whole.
pub(crate) fn whole(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// Accepts connections and answers what is asked on them, until it is dropped. A loop of its own, not the embedded cluster's:
/// what a stranger may ask is bounded.
pub(crate) async fn accept<S, F>(listener: TcpListener, answer: S)
where
    S: Fn(Request<Incoming>, Arc<Line>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<(AbortHandle, Arc<Line>)> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    make_room(&mut oldest_first);
                    let (line, answer) = (Arc::<Line>::default(), answer.clone());
                    let handle = connections.spawn(converse(stream, answer, Arc::clone(&line)));
                    oldest_first.push_back((handle, line));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Lets go of what is over, and of the oldest connection where there is still no room.
fn make_room(oldest_first: &mut VecDeque<(AbortHandle, Arc<Line>)>) {
    oldest_first.retain(|(connection, _)| !connection.is_finished());
    if oldest_first.len() < MOST_CONNECTIONS {
        return;
    }
    let oldest = oldest_first.iter().position(|(_, line)| !line.is_kept()).unwrap_or(0);
    if let Some((connection, _)) = oldest_first.remove(oldest) {
        connection.abort();
    }
}

async fn converse<S, F>(stream: TcpStream, answer: S, line: Arc<Line>)
where
    S: Fn(Request<Incoming>, Arc<Line>) -> F,
    F: Future<Output = Answer>,
{
    let asked = Arc::clone(&line);
    let service = service_fn(move |request| {
        let answered = answer(request, Arc::clone(&asked));
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEAD);
    tokio::select! {
        // An error is the client's: it went away, or does not speak HTTP.
        _ = http.serve_connection(TokioIo::new(stream), service) => {}
        () = line.over() => {}
    }
}

/// Waits for `what`, but not longer than `most`; `None` when it took longer.
pub(crate) async fn within<T>(most: Duration, what: impl Future<Output = T>) -> Option<T> {
    timeout(most, what).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_kept_lasts_as_long_as_something_is_taken() {
        let line = Line::default();
        assert!(within(Duration::from_secs(29), line.over()).await.is_none());
        assert!(within(Duration::from_secs(31), line.over()).await.is_some(), "not kept: half a minute");
        line.keep();
        let taking = async {
            for _ in 0..20 {
                sleep(Duration::from_secs(15)).await;
                line.took();
            }
            sleep(Duration::from_hours(1)).await;
        };
        let began = tokio::time::Instant::now();
        tokio::select! { () = taking => panic!("it was never let go"), () = line.over() => {} }
        let lasted = began.elapsed();
        assert!(lasted >= Duration::from_mins(5), "let go while it took: {lasted:?}");
        assert!(lasted <= Duration::from_mins(5) + 2 * LONGEST_STALL, "{lasted:?}");
    }

    #[tokio::test]
    async fn room_is_made_by_those_that_are_not_kept() {
        let mut tasks = JoinSet::new();
        let mut lines: VecDeque<_> = (0..MOST_CONNECTIONS)
            .map(|_| (tasks.spawn(std::future::pending::<()>()), Arc::<Line>::default()))
            .collect();
        lines[0].1.keep();
        let (kept, oldest) = (Arc::clone(&lines[0].1), Arc::clone(&lines[1].1));
        make_room(&mut lines);
        assert_eq!(lines.len(), MOST_CONNECTIONS - 1);
        assert!(lines.iter().any(|(_, line)| Arc::ptr_eq(line, &kept)));
        assert!(!lines.iter().any(|(_, line)| Arc::ptr_eq(line, &oldest)));
    }
}
