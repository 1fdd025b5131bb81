//! The signals that end a session politely, by number. Where there are no Unix signals, Ctrl-C is one.

use std::io;

use futures_util::FutureExt as _;

/// The signals that end a session.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    streams: [(i32, tokio::signal::unix::Signal); 3],
}

impl Signals {
    /// Listens from now on: the signals no longer kill.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let of = |kind: SignalKind| signal(kind).map(|stream| (kind.as_raw_value(), stream));
            Ok(Self {
                streams: [of(SignalKind::interrupt())?, of(SignalKind::terminate())?, of(SignalKind::hangup())?],
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The number of a signal that has come already.
    pub fn pending(&mut self) -> Option<i32> {
        self.next().now_or_never()
    }

    /// The number of the next signal. Cancel-safe.
    pub async fn next(&mut self) -> i32 {
        #[cfg(unix)]
        {
            let [(int, interrupt), (term, terminate), (hup, hangup)] = &mut self.streams;
            tokio::select! {
                _ = interrupt.recv() => *int,
                _ = terminate.recv() => *term,
                _ = hangup.recv() => *hup,
            }
        }
        #[cfg(not(unix))]
        {
            // The conventional number of an interrupt.
            const INTERRUPT: i32 = 2;
            match tokio::signal::ctrl_c().await {
                Ok(()) => INTERRUPT,
                Err(_) => std::future::pending().await,
            }
        }
    }
}
