//! Looking at a server: what it is, what the ticket may do there, which runs it knows. Nothing is changed by it.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request, jetstream};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::subjects::Subjects;
use super::{Connection, Happened, Holder, LinkError, connection_name, lock};
use crate::RunId;
use crate::ticket::{JoinTicket, Role, Ticket};

/// How long the server's word on a subject is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection that only asks.
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
    /// Seconds of generators that are kept.
    pub seconds: u64,
}

impl Look {
    /// With a controller's or an observer's ticket.
    pub async fn with(ticket: &Ticket) -> Result<Self, LinkError> {
        Self::open(&ticket.access).await
    }

    /// With a generator's ticket.
    pub async fn as_generator(ticket: &JoinTicket) -> Result<Self, LinkError> {
        Self::open(&ticket.access).await
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

    /// The runs that it knows, by name.
    pub async fn runs(&self) -> Result<Vec<RunSeen>, LinkError> {
        let context = jetstream::new(self.client.clone());
        let no_store = |why: String| LinkError::NoStore { servers: self.servers.clone(), why };
        let mut seen = Vec::new();
        for (run, holder, is_held) in lock::runs(&context).await.map_err(no_store)? {
            let stream = context.get_stream(Subjects::of(run.clone()).stream()).await;
            let seconds = stream.map_or(0, |stream| stream.cached_info().state.messages);
            seen.push(RunSeen { run, holder, is_held, seconds });
        }
        Ok(seen)
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
        while self.happens.try_recv().is_ok() {}
        let request = Request::new().payload(Bytes::new()).timeout(Some(PATIENCE));
        let asked = self.client.send_request(subject.to_owned(), request);
        tokio::pin!(asked);
        loop {
            tokio::select! {
                // Somebody answered, or the server said that nobody listens: it went through.
                answer = &mut asked => return match answer {
                    Ok(_) => Some(true),
                    Err(error) if error.kind() == RequestErrorKind::NoResponders => Some(true),
                    Err(_) => None,
                },
                happened = self.happens.recv() => match happened {
                    Some(Happened::Denied(words)) if words.contains(subject) => return Some(false),
                    Some(_) => {}
                    None => return None,
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
