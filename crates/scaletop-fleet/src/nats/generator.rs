//! A generator's end over NATS.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, HeaderMap, Request, Subscriber, header};
use bytes::Bytes;
use futures_util::StreamExt as _;
use scaletop_units::GeneratorId;
use tokio::sync::{mpsc, oneshot};

use super::subjects::Subjects;
use super::{Connection, Happened, LinkError, chain, connection_name, is_connected, on_own_thread};
use crate::ticket::JoinTicket;
use crate::{Ask, FromController, GeneratorLink, Order, Question, ToStore};

/// The words of an order.
pub(super) const LEAVE: &[u8] = b"leave";

/// What waits for a generator that is busy.
const INBOX: usize = 256;

/// How long an answer is waited for: a beat's is worth nothing after the lease.
const BEAT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the stream's receipt is waited for before the second is stored again.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(2);

/// What could not be sent is tried again after this long, and a question is given up after it.
const PAUSE: Duration = Duration::from_millis(200);

/// How much waits to be stored while the server cannot be reached, before the oldest is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Seconds.
    pub seconds: usize,
    /// Bytes of them.
    pub bytes: usize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { seconds: 120, bytes: 64 * 1024 * 1024 }
    }
}

/// Joins the subjects of a run as the generator `id`.
pub async fn connect_generator(
    ticket: &JoinTicket,
    id: &GeneratorId,
    backlog: Backlog,
) -> Result<GeneratorLink, LinkError> {
    let (ticket, id) = (ticket.clone(), id.clone());
    on_own_thread("fleet-nats", move |told| join(ticket, id, backlog, told)).await
}

async fn join(
    ticket: JoinTicket,
    id: GeneratorId,
    backlog: Backlog,
    told: oneshot::Sender<Result<GeneratorLink, LinkError>>,
) {
    let begun = match Begun::begin(&ticket, &id).await {
        Ok(begun) => begun,
        Err(error) => {
            // Whoever asked has gone.
            let _ = told.send(Err(error));
            return;
        }
    };
    let (questions, asked) = mpsc::unbounded_channel();
    let (seconds, to_store) = mpsc::unbounded_channel();
    let (inbox, coming) = mpsc::channel(INBOX);
    if told.send(Ok(GeneratorLink { questions, seconds, inbox: coming })).is_ok() {
        begun.serve(id, backlog, asked, to_store, inbox).await;
    }
}

struct Begun {
    client: Client,
    happens: mpsc::UnboundedReceiver<Happened>,
    subjects: Subjects,
    schedule: Subscriber,
    orders: Subscriber,
}

impl Begun {
    async fn begin(ticket: &JoinTicket, id: &GeneratorId) -> Result<Self, LinkError> {
        let access = &ticket.access;
        let Connection { client, happens, servers } =
            Connection::open(access, &connection_name(access.role, id.as_str())).await?;
        let subjects = Subjects::of(access.run.clone());
        let failed =
            |error: async_nats::SubscribeError| LinkError::Unreachable { servers: servers.clone(), why: chain(&error) };
        // Before the first question: the server takes what one connection says in order, so that no change of the schedule
        // falls between the answer and the subscription.
        let schedule = client.subscribe(subjects.schedule()).await.map_err(failed)?;
        let orders = client.subscribe(subjects.order(id)).await.map_err(failed)?;
        Ok(Self { client, happens, subjects, schedule, orders })
    }

    /// Carries until the link is dropped and what it was given is stored.
    async fn serve(
        mut self,
        id: GeneratorId,
        backlog: Backlog,
        mut asked: mpsc::UnboundedReceiver<Question>,
        to_store: mpsc::UnboundedReceiver<ToStore>,
        inbox: mpsc::Sender<FromController>,
    ) {
        let storing = Storing { client: self.client.clone(), subjects: self.subjects.clone(), id, backlog };
        let storing = tokio::spawn(storing.run(to_store));
        loop {
            let came = tokio::select! {
                question = asked.recv() => match question {
                    Some(question) => {
                        self.ask(question);
                        continue;
                    }
                    None => break,
                },
                Some(message) = self.schedule.next() => FromController::Schedule(message.payload),
                Some(message) = self.orders.next() => match message.payload.as_ref() {
                    LEAVE => FromController::Order(Order::Leave),
                    // Of a version that knows more orders than this one.
                    _ => continue,
                },
                Some(happened) = self.happens.recv() => match happened {
                    Happened::Connected(is_there) => FromController::Connected(is_there),
                    Happened::Denied(_) => continue,
                },
                () = inbox.closed() => break,
            };
            // Full: what the schedule is, it asks at the next beat.
            let _ = inbox.try_send(came);
        }
        // The sender of seconds is gone with the link, so this ends; and who has no server for it does not wait for ever.
        let _ = tokio::time::timeout(ANSWER_TIMEOUT, storing).await;
        let _ = self.client.flush().await;
    }

    fn ask(&self, question: Question) {
        let client = self.client.clone();
        let (subject, timeout) = match &question.ask {
            Ask::Hello => (self.subjects.hello(), ANSWER_TIMEOUT),
            Ask::Beat(id) => (self.subjects.beat(id), BEAT_TIMEOUT),
            Ask::Schedule => (self.subjects.schedule_get(), ANSWER_TIMEOUT),
        };
        tokio::spawn(async move {
            // The client would keep it until it is connected again, and lapsed questions would come in a burst.
            if is_connected(&client) {
                let request = Request::new().payload(question.body).timeout(Some(timeout));
                if let Ok(answer) = client.send_request(subject, request).await {
                    // Whoever asked has gone.
                    let _ = question.answer.send(answer.payload);
                    return;
                }
            }
            // Nobody there yet: not told at once, or it would be asked again at once.
            tokio::time::sleep(PAUSE).await;
        });
    }
}

/// Stores seconds one after the other, each until its receipt came.
struct Storing {
    client: Client,
    subjects: Subjects,
    id: GeneratorId,
    backlog: Backlog,
}

/// How an attempt to store ended.
enum Stored {
    Yes,
    NotYet,
    /// No attempt will ever do.
    Never,
}

impl Storing {
    async fn run(self, mut to_store: mpsc::UnboundedReceiver<ToStore>) {
        let mut waiting = VecDeque::new();
        let mut is_open = true;
        loop {
            if waiting.is_empty() {
                match to_store.recv().await {
                    Some(second) => waiting.push_back(second),
                    None => return,
                }
            }
            let Some(first): Option<&ToStore> = waiting.front() else { continue };
            let number = first.number;
            let attempt = self.store(number, first.body.clone());
            tokio::pin!(attempt);
            let outcome = loop {
                tokio::select! {
                    outcome = &mut attempt => break outcome,
                    more = to_store.recv(), if is_open => match more {
                        Some(second) => waiting.push_back(second),
                        None => is_open = false,
                    },
                }
            };
            match outcome {
                Stored::Yes => {
                    if let Some(first) = waiting.pop_front() {
                        // Who does not wait for it is not told.
                        let _ = first.stored.send(());
                    }
                }
                // Dropped, its `stored` says so.
                Stored::Never => drop(waiting.pop_front()),
                Stored::NotYet => tokio::time::sleep(PAUSE).await,
            }
            self.bound(&mut waiting);
        }
    }

    /// Gives the oldest up beyond the backlog; a dropped `stored` tells it.
    fn bound(&self, waiting: &mut VecDeque<ToStore>) {
        let mut bytes: usize = waiting.iter().map(|second| second.body.len()).sum();
        while waiting.len() > self.backlog.seconds || (bytes > self.backlog.bytes && waiting.len() > 1) {
            let Some(oldest) = waiting.pop_front() else { return };
            bytes -= oldest.body.len();
        }
    }

    async fn store(&self, number: u64, body: Bytes) -> Stored {
        if !is_connected(&self.client) {
            return Stored::NotYet;
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_MESSAGE_ID, self.subjects.message_id(&self.id, number).as_str());
        let request = Request::new().headers(headers).payload(body).timeout(Some(RECEIPT_TIMEOUT));
        match self.client.send_request(self.subjects.second(&self.id, number), request).await {
            Ok(receipt) if is_receipt(&receipt.payload) => Stored::Yes,
            Err(error) if error.kind() == RequestErrorKind::MaxPayloadExceeded => Stored::Never,
            _ => Stored::NotYet,
        }
    }
}

/// Whether it says where the message is kept. A repeat is kept, too: as `{"stream":"ST_…","seq":1,"duplicate":true}`.
fn is_receipt(body: &[u8]) -> bool {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    said.get("error").is_none() && said.get("seq").and_then(serde_json::Value::as_u64).is_some_and(|seq| seq > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_receipt_is_one() {
        assert!(
            is_receipt(br#"{"stream":"ST_1","seq":1}"#) && is_receipt(br#"{"stream":"ST_1","seq":4,"duplicate":true}"#)
        );
        for other in [
            &b""[..],
            b"{}",
            br#"{"error":{"code":503,"description":"insufficient storage"},"stream":"ST_1","seq":0}"#,
            br#"{"stream":"ST_1","seq":0}"#,
        ] {
            assert!(!is_receipt(other), "{other:?}");
        }
    }
}
