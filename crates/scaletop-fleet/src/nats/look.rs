//! Looking at a server: what it is, what the ticket may do there, which runs it knows. Nothing is changed by it.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request, jetstream};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::record::Record;
use super::subjects::Subjects;
use super::{Connection, Happened, Holder, LinkError, connection_name, lock};
use crate::RunId;
use crate::ticket::{AnyTicket, Role, Ticket};

/// How long the server's word on a subject is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection that only asks.
#[derive(Debug)]
pub struct Look {
    client: Client,
    happens: mpsc::UnboundedReceiver<Happened>,
    servers: String,
    subjects: Subjects,
    role: Role,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSeen {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The longest message that it takes, bytes.
    pub max_payload: usize,
}

/// A run that a server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSeen {
    /// Its name.
    pub run: RunId,
    /// Who steers it, or did so last.
    pub holder: Holder,
    /// Whether that one holds it now.
    pub is_held: bool,
    /// For how long the one that holds it has not said so again, by the server's clock: one that is well says so every 3 s. `None`
    /// where nobody holds it, or the server tells no time (before 2.10).
    pub silent_for: Option<Duration>,
    /// For how long it has been steered by the one that holds it, by the server's clock. `None` as above.
    pub held_for: Option<Duration>,
    /// Seconds of generators that are kept.
    pub seconds: u64,
}

/// Whether a server keeps what it is told to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSeen {
    /// It does.
    Kept,
    /// It does not, because of this.
    Missing(String),
    /// It does not say so to this ticket.
    Untold,
}

/// What came of a question.
enum Asked {
    /// Somebody answered.
    Answer(Bytes),
    /// It went through, and nobody listens there.
    Nobody,
    /// The ticket may not ask there.
    Denied,
    /// No word came.
    Nothing,
}

impl Look {
    /// With a controller's or an observer's ticket.
    pub async fn with(ticket: &Ticket) -> Result<Self, LinkError> {
        Self::open(&ticket.access).await
    }

    /// With the ticket of any role.
    pub async fn with_any(ticket: &AnyTicket) -> Result<Self, LinkError> {
        match ticket {
            AnyTicket::Fleet(ticket) => Self::open(&ticket.access).await,
            AnyTicket::Join(ticket) => Self::open(&ticket.access).await,
        }
    }

    /// What the ticket's bearer may do.
    pub const fn role(&self) -> Role {
        self.role
    }

    async fn open(access: &crate::ticket::Access) -> Result<Self, LinkError> {
        let Connection { client, happens, servers } =
            Connection::open(access, &connection_name(access.role, "that looks")).await?;
        let subjects = Subjects::of(access.run.clone());
        Ok(Self { client, happens, servers, subjects, role: access.role })
    }

    /// What the server says of itself.
    pub fn server(&self) -> ServerSeen {
        let info = self.client.server_info();
        ServerSeen { name: info.server_name, version: info.version, max_payload: info.max_payload }
    }

    /// Whether it keeps what it is told to keep (`JetStream`), for whoever the ticket logs in as.
    pub async fn store(&mut self) -> StoreSeen {
        let without = || StoreSeen::Missing("it runs without JetStream".to_owned());
        match self.ask("$JS.API.INFO").await {
            Asked::Answer(body) => refusal(&body).map_or(StoreSeen::Kept, StoreSeen::Missing),
            Asked::Nobody => without(),
            // Then what the server says to everybody: of itself, not of others in its cluster.
            Asked::Denied | Asked::Nothing => {
                let info = self.client.server_info();
                match (info.jetstream, info.cluster) {
                    (true, _) => StoreSeen::Kept,
                    (false, None) => without(),
                    (false, Some(_)) => StoreSeen::Untold,
                }
            }
        }
    }

    /// Refuses a server that keeps nothing.
    ///
    /// # Errors
    /// When it says that it does not.
    pub async fn check_store(&mut self) -> Result<(), LinkError> {
        match self.store().await {
            StoreSeen::Missing(why) => Err(LinkError::NoStore { servers: self.servers.clone(), why }),
            StoreSeen::Kept | StoreSeen::Untold => Ok(()),
        }
    }

    /// The runs that it knows, by name.
    ///
    /// # Errors
    /// When it keeps nothing, or does not say what.
    pub async fn runs(&mut self) -> Result<Vec<RunSeen>, LinkError> {
        self.check_store().await?;
        let context = jetstream::new(self.client.clone());
        let no_store = |why: String| LinkError::NoStore { servers: self.servers.clone(), why };
        let mut seen = Vec::new();
        for lock::Remembered { run, holder, is_held, silent_for, held_for } in
            lock::runs(&context).await.map_err(no_store)?
        {
            let stream = context.get_stream(Subjects::of(run.clone()).stream()).await;
            let seconds = stream.map_or(0, |stream| stream.cached_info().state.messages);
            seen.push(RunSeen { run, holder, is_held, silent_for, held_for, seconds });
        }
        Ok(seen)
    }

    /// The kept recording of the latest session of the ticket's run; `None` when there is none.
    pub async fn record(&self) -> Result<Option<Record>, LinkError> {
        let context = jetstream::new(self.client.clone());
        Record::open(&context, &self.subjects, &self.servers).await
    }

    /// The least time of some round trips to the server: how far apart two clocks that are compared through it may be taken for is
    /// half of it.
    pub async fn round_trip(&self, now: impl Fn() -> Duration) -> Option<Duration> {
        let subject = match self.role {
            // Answered by the server itself, for want of anybody else: "no responders".
            Role::Generator => self.subjects.schedule_get(),
            Role::Controller | Role::Observer => "$JS.API.INFO".to_owned(),
        };
        let mut least = None::<Duration>;
        for _ in 0..16 {
            let began = now();
            let request = Request::new().payload(Bytes::new()).timeout(Some(PATIENCE));
            let answer = self.client.send_request(subject.clone(), request).await;
            let is_answer = answer.is_ok() || answer.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders);
            if is_answer {
                let took = now().saturating_sub(began);
                least = Some(least.map_or(took, |least| least.min(took)));
            }
        }
        least
    }

    /// Whether the ticket may say something there; `None` when the server gave no word on it. What is said is empty.
    pub async fn may_say(&mut self, subject: &str) -> Option<bool> {
        match self.ask(subject).await {
            // Somebody answered, or the server said that nobody listens: it went through.
            Asked::Answer(_) | Asked::Nobody => Some(true),
            Asked::Denied => Some(false),
            Asked::Nothing => None,
        }
    }

    /// Asks with an empty question.
    async fn ask(&mut self, subject: &str) -> Asked {
        while self.happens.try_recv().is_ok() {}
        let request = Request::new().payload(Bytes::new()).timeout(Some(PATIENCE));
        let asked = self.client.send_request(subject.to_owned(), request);
        tokio::pin!(asked);
        loop {
            tokio::select! {
                answer = &mut asked => return match answer {
                    Ok(answer) => Asked::Answer(answer.payload),
                    Err(error) if error.kind() == RequestErrorKind::NoResponders => Asked::Nobody,
                    Err(_) => Asked::Nothing,
                },
                happened = self.happens.recv() => match happened {
                    Some(Happened::Denied(words)) if words.contains(subject) => return Asked::Denied,
                    Some(_) => {}
                    None => return Asked::Nothing,
                },
            }
        }
    }

    /// Whether the ticket may hear what is said there; `None` without a word on it.
    pub async fn may_hear(&mut self, subject: &str) -> Option<bool> {
        while self.happens.try_recv().is_ok() {}
        let _subscription = self.client.subscribe(subject.to_owned()).await.ok()?;
        // The server takes what a connection says in order: once this is answered, it has said no, if it says so.
        self.round_trip(|| Duration::ZERO).await?;
        loop {
            match self.happens.try_recv() {
                Ok(Happened::Denied(words)) if words.contains(subject) => return Some(false),
                Ok(_) => {}
                Err(_) => return Some(true),
            }
        }
    }

    /// What the ticket's role must be able to say, or must not: `(subject, whether it may)`.
    pub fn expected(&self) -> Vec<(String, bool)> {
        let id = "doctor".parse().ok();
        let (beat, order) =
            (id.as_ref().map(|id| self.subjects.beat(id)), id.as_ref().map(|id| self.subjects.order(id)));
        let is_generator = self.role == Role::Generator;
        let mut expected = Vec::new();
        match self.role {
            Role::Controller => {
                expected.extend(order.map(|subject| (subject, true)));
                expected.push(("$JS.API.INFO".to_owned(), true));
            }
            Role::Generator | Role::Observer => {
                expected.extend(beat.map(|subject| (subject, is_generator)));
                expected.push((self.subjects.schedule(), false));
                expected.extend(order.map(|subject| (subject, false)));
            }
        }
        expected
    }
}

/// Why an answer of `JetStream` is a refusal, as it says itself: `{"error":{"code":503,"description":"…"}}`.
fn refusal(answer: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let error = answer.get("error")?;
    let words = error.get("description").and_then(serde_json::Value::as_str);
    Some(words.unwrap_or("it refuses").chars().filter(|c| !c.is_control()).take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_without_jetstream_is_known_by_the_words_of_its_server() {
        let refused = br#"{"type":"io.nats.jetstream.api.v1.account_info_response","error":{"code":503,"err_code":10039,"description":"JetStream not enabled for account"}}"#;
        assert_eq!(refusal(refused).as_deref(), Some("JetStream not enabled for account"));
        for fine in [&br#"{"type":"x","memory":0,"storage":0}"#[..], b"", b"+OK"] {
            assert_eq!(refusal(fine), None);
        }
    }
}
