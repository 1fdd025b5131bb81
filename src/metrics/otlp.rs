//! The live numbers pushed to an OpenTelemetry receiver: OTLP over HTTP, as protobuf. The numbers are those of the Prometheus page
//! ([`exposition`](super::exposition)), and the response times as a histogram besides.
//!
//! The SDK's instruments do not fit: they add up what they are given, one value at a time, and their histogram cannot be read off
//! one that exists. So the messages are made here, of the crate that has them, and cumulative from the session's start on: what a
//! push that failed would have told, the next one tells.
//!
//! A session's loop hands over the numbers once a second and goes on. A thread of its own sends them, one push at a time;
//! what comes while the receiver is slow takes the place of what waits. That is why nothing is sent again: there are newer numbers.

mod request;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::{mpsc, watch};

use crate::metrics::otlp::request::{Snapshot, request};
use crate::session::event::{Notice, NoticeLevel, SessionEvent};
use crate::session::halves::Halves;
use crate::text::clean_to;

pub(crate) use settings::{OtlpError, Receiver};

/// At the end of a session the last numbers are waited for so long.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// What a receiver says of itself is cut after so many characters.
const LONGEST_ANSWER: usize = 200;

/// More of an answer is not read.
const MOST_OF_AN_ANSWER: usize = 4_096;

/// Pushes to a receiver; the last numbers are sent when this is dropped, for which it waits [`LAST_WITHIN`] at most.
#[derive(Debug)]
pub(crate) struct Otlp {
    newest: Option<watch::Sender<Option<Arc<Snapshot>>>>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// What became of the pushes.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
}

impl Otlp {
    /// Begins to push to `receiver`; that it is away is told to `notices`, once until it is back.
    pub(crate) fn start(receiver: Receiver, notices: mpsc::Sender<SessionEvent>) -> std::io::Result<Self> {
        let (newest, handed) = watch::channel(None);
        let counts = Arc::new(Counts::default());
        let pusher = Pusher { receiver, counts: Arc::clone(&counts), notices, is_away: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("otlp".to_owned()).spawn(move || {
            runtime.block_on(pusher.run(handed));
            // A name that nobody resolves is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { newest: Some(newest), counts, thread: Some(thread) })
    }

    /// Hands over what is known now.
    pub(crate) fn publish(&self, halves: &Halves) {
        if let Some(newest) = &self.newest {
            newest.send_replace(Some(Arc::new(Snapshot::of(halves))));
        }
    }

    /// Sends the last numbers, and says what came of all: nothing where every push arrived.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.end()
    }

    /// Ends without the last numbers.
    pub(crate) fn abandon(mut self) {
        self.thread = None;
    }

    fn end(&mut self) -> Option<String> {
        // Without a sender the thread sends what is newest, and ends.
        self.newest = None;
        let thread = self.thread.take()?;
        let is_over = thread.join().is_ok();
        let (sent, failed) = (self.counts.sent.load(Ordering::Relaxed), self.counts.failed.load(Ordering::Relaxed));
        (failed > 0 || !is_over).then(|| {
            format!(
                "OTLP: {failed} of {} pushes of metrics did not arrive; nothing else was lost by that",
                sent + failed
            )
        })
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// The thread's own.
struct Pusher {
    receiver: Receiver,
    counts: Arc<Counts>,
    notices: mpsc::Sender<SessionEvent>,
    /// Whether it was told that the receiver is away.
    is_away: bool,
}

impl Pusher {
    async fn run(mut self, mut handed: watch::Receiver<Option<Arc<Snapshot>>>) {
        let client = match self.receiver.client() {
            Ok(client) => client,
            Err(why) => return self.failed(&why),
        };
        let mut pause = tokio::time::interval(self.receiver.interval());
        pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut arrived = None;
        loop {
            pause.tick().await;
            if handed.changed().await.is_err() {
                break;
            }
            let Some(snapshot) = handed.borrow_and_update().clone() else { continue };
            let result = tokio::select! {
                result = self.push(&client, &snapshot) => result,
                // The end of the session does not wait for a push that hangs; the last one says it all again.
                () = ended(handed.clone()) => break,
            };
            if result.is_ok() {
                arrived = Some(snapshot);
            }
            self.counted(result);
        }
        let newest = handed.borrow().clone();
        let is_new = |newest: &Arc<Snapshot>| arrived.as_ref().is_none_or(|arrived| !Arc::ptr_eq(arrived, newest));
        if let Some(snapshot) = newest.filter(is_new) {
            let last = tokio::time::timeout(LAST_WITHIN, self.push(&client, &snapshot)).await;
            let late = || format!("no answer within {} s", LAST_WITHIN.as_secs());
            self.counted(last.unwrap_or_else(|_| Err(late())));
        }
    }

    /// One push of all numbers.
    async fn push(&self, client: &reqwest::Client, snapshot: &Snapshot) -> Result<(), String> {
        let body = request(snapshot, self.receiver.resource()).encode_to_vec();
        let sent =
            client.post(self.receiver.url().clone()).headers(self.receiver.headers().clone()).body(body).send().await;
        let mut answer = sent.map_err(|error| describe(&error.without_url()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            text.extend_from_slice(&chunk);
            if text.len() > MOST_OF_AN_ANSWER {
                break;
            }
        }
        // An error is a message of its own there, with text in it; what is no text is left out.
        let text: String =
            String::from_utf8_lossy(&text).chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
        Err(format!("it answered {status} {}", clean_to(text.trim(), LONGEST_ANSWER)).trim_end().to_owned())
    }

    fn counted(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.counts.sent.fetch_add(1, Ordering::Relaxed);
                if std::mem::take(&mut self.is_away) {
                    self.tell(NoticeLevel::Info, "OTLP: the receiver takes metrics again".to_owned());
                }
            }
            Err(why) => self.failed(&why),
        }
    }

    fn failed(&mut self, why: &str) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.is_away, true) {
            let place = self.receiver.place();
            let text =
                format!("OTLP: metrics do not reach {place}: {why}; the session goes on, and each push is tried anew");
            self.tell(NoticeLevel::Warning, text);
        }
    }

    fn tell(&self, level: NoticeLevel, text: String) {
        let _ = self.notices.try_send(SessionEvent::Notice(Notice { level, text }));
    }
}

/// Over when nobody hands over numbers any more.
async fn ended(mut handed: watch::Receiver<Option<Arc<Snapshot>>>) {
    while handed.changed().await.is_ok() {}
}

/// What went wrong, down to its cause: an error's own words stop at "error sending request".
fn describe(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = error.to_string();
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests;
