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

/// What the shell's job control asks of a program that has the terminal.
#[derive(Debug)]
pub(crate) struct JobControl {
    #[cfg(unix)]
    streams: Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>,
}

/// What job control asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobEvent {
    /// To give the terminal back and stand still.
    Stop,
    /// The terminal is ours again.
    Continued,
}

impl JobControl {
    /// Listens from now on, where there is such a thing.
    pub(crate) fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let of = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
            // Without it the session is as good, only Ctrl-Z in another terminal is not.
            let stop = signal(of(rustix::process::Signal::TSTP));
            let on = signal(of(rustix::process::Signal::CONT));
            Self { streams: stop.ok().zip(on.ok()) }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// What it asks for next. Cancel-safe.
    pub(crate) async fn next(&mut self) -> JobEvent {
        #[cfg(unix)]
        if let Some((stop, on)) = &mut self.streams {
            return tokio::select! {
                _ = stop.recv() => JobEvent::Stop,
                _ = on.recv() => JobEvent::Continued,
            };
        }
        std::future::pending().await
    }

    /// Whether a shell waits that could say `fg`. A program that leads its session has none.
    pub(crate) fn has_shell() -> bool {
        #[cfg(unix)]
        {
            rustix::process::getsid(None).is_ok_and(|leader| leader != rustix::process::getpid())
        }
        #[cfg(not(unix))]
        false
    }

    /// Stands still until the shell says `fg`.
    pub(crate) fn stop() -> io::Result<()> {
        #[cfg(unix)]
        {
            use rustix::process::{Signal, getpgrp, kill_process_group};
            // The whole job, as the key would: a pipe's other programs belong to it.
            kill_process_group(getpgrp(), Signal::STOP).map_err(io::Error::from)
        }
        #[cfg(not(unix))]
        Ok(())
    }
}
