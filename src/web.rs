//! The live page: the report of a session that goes on, for those who look on in a browser. Read only.
//!
//! It has a thread of its own, on which pages are drawn and sent. Nothing of it waits in the session's loop: while nobody
//! looks, the loop does nothing for it; while somebody does, it hands over a copy of the session when the thread asks for one.
//! Drawing takes at most a twentieth of a core: the longer a session, the more rarely it is drawn.
//!
//! What is sent is pulled: whoever is slow is sent the difference to the latest drawing when there is room for it, and never
//! what lies between.

mod hub;
mod sse;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::report::live::Drawing;
use crate::session::event::Header;
use crate::session::halves::Halves;

/// Why there is no live page.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the live page on {address}: {source}; name another address with --web, such as 127.0.0.1:0")]
pub struct WebError {
    address: SocketAddr,
    source: io::Error,
}

/// An address that is ours, and not served yet.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// A session at a moment.
#[derive(Debug)]
struct Snapshot {
    /// What is known of the target, or of both.
    halves: Halves,
    /// How to go on, when it is over.
    ended: Option<String>,
}

/// The latest moment that the loop has handed over.
type Handed = Option<Arc<Snapshot>>;

/// A page that is served; that ends when this is dropped, once those who look on have been sent the last of it.
#[derive(Debug)]
pub(crate) struct Web {
    #[cfg(test)]
    address: SocketAddr,
    /// Whether the thread asks for a moment.
    wanted: Arc<AtomicBool>,
    handed: watch::Sender<Handed>,
    closing: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Bound {
    /// Takes `address`; port 0 picks a free one.
    pub(crate) fn new(address: SocketAddr) -> Result<Self, WebError> {
        let failed = |source| WebError { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the page of a session that is about to begin.
    pub(crate) fn serve(self, header: &Header) -> Result<Web, WebError> {
        let Self { listener, address } = self;
        let failed = |source| WebError { address, source };
        let (wanted, handed, closing) =
            (Arc::new(AtomicBool::new(false)), watch::Sender::new(None), watch::Sender::new(false));
        let loop_ends =
            hub::LoopEnds { wanted: Arc::clone(&wanted), handed: handed.subscribe(), closing: closing.subscribe() };
        let first = Halves::new(header);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let serve = move || {
            let first = Drawing::of(&first, None, None);
            let _ = runtime.block_on(hub::serve(listener, address, first, loop_ends));
        };
        let thread = std::thread::Builder::new().name("web".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Web {
            #[cfg(test)]
            address,
            wanted,
            handed,
            closing,
            thread: Some(thread),
        })
    }
}

impl Web {
    #[cfg(test)]
    const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A second has closed. Costs nothing while nobody looks, or what was handed over last is not drawn yet. Of two targets the
    /// second is waited for until both have closed it: what stands beside each other is of the same seconds.
    pub(crate) fn publish(&self, halves: &Halves) {
        if halves.are_level() && self.wanted.swap(false, Ordering::Relaxed) {
            self.hand_over(halves, None);
        }
    }

    /// The session is over; `more` says how to go on from here.
    pub(crate) fn end(&self, halves: &Halves, more: String) {
        self.hand_over(halves, Some(more));
    }

    fn hand_over(&self, halves: &Halves, ended: Option<String>) {
        self.handed.send_replace(Some(Arc::new(Snapshot { halves: halves.clone(), ended })));
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        // It closes within a second or two, and a panic on it is none of the session's.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests;
