//! The controller's end over NATS.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, Message};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot};

use super::lock::{Lock, RENEWED_EVERY, Renewed};
use super::record::{Keeping, RecordKeeper};
use super::subjects::Subjects;
use super::{Connection, Happened, Holder, LinkError, chain, connection_name, on_own_thread};
use crate::ticket::Ticket;
use crate::{Ask, ControllerLink, Incoming, Order, Outgoing, Question};

/// Seconds are kept so long: a controller that comes back within it has no hole in its recording.
const KEPT: Duration = Duration::from_mins(15);

/// And so many bytes of them, whichever ends first.
const KEPT_BYTES: i64 = 2 * 1024 * 1024 * 1024;

/// What waits for a controller that is busy. Beats beyond it are dropped, since late they are worth nothing.
const INBOX: usize = 4096;

/// A stream that gives nothing, not even a sign of life, for so long is asked for anew.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The end of a recording is waited for so long: less than whoever ends waits for the release.
const RECORDED_WITHIN: Duration = Duration::from_secs(2);

/// And one that could not be asked for, again so much later.
const PAUSE: Duration = Duration::from_millis(200);

/// Which stored seconds a controller is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconds {
    /// Those that are stored from now on: a new session.
    New,
    /// All that are kept, from this number on: a session that goes on (see [`super::Record::first_number`]).
    From(u64),
}

/// How a controller begins.
#[derive(Clone, Debug)]
pub struct ControllerOptions {
    /// Which stored seconds it is given.
    pub seconds: Seconds,
    /// How long it waits for another controller, which may be gone, to lose its hold.
    pub patience: Duration,
    /// Told who steers the run, where that one is waited for. Each once.
    pub waits_for: Option<mpsc::UnboundedSender<Holder>>,
    /// What it does, in words, without secrets: told to whoever is refused, and listed.
    pub about: String,
}

/// A controller's link, with what only the carrier knows.
#[derive(Debug)]
pub struct Controller {
    /// What comes and goes. Once it is dropped, the hold on the run is released.
    pub link: ControllerLink,
    /// How many controllers this run has had, this one included: what earlier ones still say is old.
    pub epoch: u64,
    /// Says how the hold ended: taken by another controller, or released.
    pub ended: oneshot::Receiver<Ended>,
    /// Keeps the recording of the session. As long as it is used and held, the run is not let go.
    pub record: RecordKeeper,
}

/// How a controller's hold on its run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its link was dropped: it is free for the next one.
    Released,
    /// It was out of reach for so long that another controller took the run.
    Taken,
}

/// Takes the hold on a run and joins its subjects.
pub async fn connect_controller(ticket: &Ticket, options: ControllerOptions) -> Result<Controller, LinkError> {
    let ticket = ticket.clone();
    on_own_thread("fleet-nats", |told| control(ticket, options, told)).await
}

async fn control(ticket: Ticket, options: ControllerOptions, told: oneshot::Sender<Result<Controller, LinkError>>) {
    let begun = match Begun::begin(&ticket, &options).await {
        Ok(begun) => begun,
        Err(error) => {
            // Whoever asked has gone.
            let _ = told.send(Err(error));
            return;
        }
    };
    // Nobody is waited for any more, which ends what is told of it.
    drop(options.waits_for);
    let (inbox, coming) = mpsc::channel(INBOX);
    let (outbox, going) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel();
    let link = ControllerLink { inbox: coming, outbox };
    let epoch = begun.lock.holder.epoch;
    let (record, keeping) = Keeping::new(begun.client.clone(), begun.context.clone(), begun.subjects.clone(), epoch);
    let controller = Controller { link, epoch, ended, record };
    if told.send(Ok(controller)).is_err() {
        begun.lock.release().await;
        return;
    }
    // Nobody need want to know.
    let _ = end.send(begun.serve(options.seconds, keeping, inbox, going).await);
}

/// All that has to be there before anything flows.
struct Begun {
    client: Client,
    happens: mpsc::UnboundedReceiver<Happened>,
    context: Context,
    subjects: Subjects,
    stream: Stream,
    lock: Lock,
    questions: futures_util::stream::SelectAll<async_nats::Subscriber>,
}

impl Begun {
    async fn begin(ticket: &Ticket, options: &ControllerOptions) -> Result<Self, LinkError> {
        let access = &ticket.access;
        let Connection { client, happens, servers } =
            Connection::open(access, &connection_name(access.role, access.run.as_str())).await?;
        let context = jetstream::new(client.clone());
        let subjects = Subjects::of(access.run.clone());
        let lock = Lock::take(&context, &servers, &access.run, options).await?;
        let no_store = |why: String| LinkError::NoStore { servers: servers.clone(), why };
        let ready = async {
            let stream = kept(&context, &subjects).await.map_err(no_store)?;
            let mut questions = futures_util::stream::SelectAll::new();
            for subject in [subjects.hello(), subjects.beats(), subjects.schedule_get()] {
                questions.push(client.subscribe(subject).await.map_err(|error| no_store(chain(&error)))?);
            }
            Ok((stream, questions))
        };
        match ready.await {
            Ok((stream, questions)) => Ok(Self { client, happens, context, subjects, stream, lock, questions }),
            Err(error) => {
                lock.release().await;
                Err(error)
            }
        }
    }

    /// Carries until the link is dropped or the hold is lost.
    async fn serve(
        mut self,
        seconds: Seconds,
        keeping: Keeping,
        inbox: mpsc::Sender<Incoming>,
        mut going: mpsc::UnboundedReceiver<Outgoing>,
    ) -> Ended {
        let reading = Reading::new(&self, seconds, inbox.clone());
        let reading = tokio::spawn(reading.run());
        let has_record = keeping.usage();
        let keeping = tokio::spawn(keeping.run());
        let mut renew = tokio::time::interval(RENEWED_EVERY);
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ended = loop {
            tokio::select! {
                out = going.recv() => match out {
                    Some(out) => self.send(out).await,
                    None => break Ended::Released,
                },
                Some(message) = self.questions.next() => self.ask(&inbox, message),
                Some(happened) = self.happens.recv() => if let Happened::Connected(is_there) = happened {
                    // A controller that is busy learns it before the next question.
                    let _ = inbox.send(Incoming::Connected(is_there)).await;
                },
                _ = renew.tick() => if self.lock.renew().await == Renewed::Lost { break Ended::Taken },
                () = inbox.closed() => break Ended::Released,
            }
        };
        reading.abort();
        if ended == Ended::Released {
            // What is recorded last belongs to it. A server that is away is not waited for without end.
            if has_record.load(Ordering::Relaxed) {
                let _ = tokio::time::timeout(RECORDED_WITHIN, keeping).await;
            }
            self.lock.release().await;
        }
        // What was said last still goes out.
        let _ = self.client.flush().await;
        ended
    }

    async fn send(&self, out: Outgoing) {
        let (subject, body) = match out {
            Outgoing::Schedule(body) => (self.subjects.schedule(), body),
            Outgoing::Order(id, Order::Leave) => {
                (self.subjects.order(&id), Bytes::from_static(super::generator::LEAVE))
            }
        };
        // What does not go out is not promised: whoever misses it asks for it.
        let _ = self.client.publish(subject, body).await;
    }

    /// Hands a question on, and its answer back.
    fn ask(&self, inbox: &mpsc::Sender<Incoming>, message: Message) {
        let Some(ask) = self.asked(&message) else { return };
        // Only to where answers are waited for: a generator may name any subject, but not have us publish there.
        let Some(to) = message.reply.filter(|to| to.starts_with("_INBOX.")) else { return };
        let (answer, answered) = oneshot::channel();
        let question = Question { ask, body: message.payload, answer };
        // Full: it is dropped, and asked again.
        if inbox.try_send(Incoming::Question(question)).is_err() {
            return;
        }
        let client = self.client.clone();
        tokio::spawn(async move {
            if let Ok(body) = answered.await {
                let _ = client.publish(to, body).await;
            }
        });
    }

    fn asked(&self, message: &Message) -> Option<Ask> {
        let subject = message.subject.as_str();
        if subject == self.subjects.hello() {
            Some(Ask::Hello)
        } else if subject == self.subjects.schedule_get() {
            Some(Ask::Schedule)
        } else {
            self.subjects.beat_of(subject).map(Ask::Beat)
        }
    }
}

/// The stream, made where there is none.
async fn kept(context: &Context, subjects: &Subjects) -> Result<Stream, String> {
    let config = Config {
        name: subjects.stream(),
        subjects: vec![subjects.seconds()],
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        max_age: KEPT,
        max_bytes: KEPT_BYTES,
        duplicate_window: KEPT,
        num_replicas: 1,
        ..Config::default()
    };
    context.get_or_create_stream(config).await.map_err(|error| chain(&error))
}

/// Reads the stream on and on, whatever happens to the server meanwhile.
struct Reading {
    context: Context,
    subjects: Subjects,
    /// The first number in the stream that was not handed on.
    next: u64,
    /// Those of a lower number are of another session.
    first_number: u64,
    inbox: mpsc::Sender<Incoming>,
}

impl Reading {
    fn new(begun: &Begun, seconds: Seconds, inbox: mpsc::Sender<Incoming>) -> Self {
        let state = &begun.stream.cached_info().state;
        let (next, first_number) = match seconds {
            Seconds::New => (state.last_sequence + 1, 0),
            Seconds::From(first_number) => (state.first_sequence.max(1), first_number),
        };
        Self { context: begun.context.clone(), subjects: begun.subjects.clone(), next, first_number, inbox }
    }

    async fn run(mut self) {
        while !self.inbox.is_closed() {
            // Whatever ended it, the next one begins where this one stopped.
            let _ = self.read().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<(), String> {
        // Made again on a server that lost its store: what generators keep trying to store is stored then.
        let stream = kept(&self.context, &self.subjects).await?;
        let last = stream.cached_info().state.last_sequence;
        if last + 1 < self.next {
            self.next = 1;
        }
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next },
            ack_policy: AckPolicy::None,
            // One that nobody asks is forgotten by the server.
            inactive_threshold: Duration::from_secs(30),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| chain(&error))?;
        let asked = consumer.stream().max_messages_per_batch(256).expires(HEARTBEAT * 10).heartbeat(HEARTBEAT);
        let mut messages = asked.messages().await.map_err(|error| chain(&error))?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| chain(&error))?;
            let sequence = message.info().map_err(|error| error.to_string())?.stream_sequence;
            if sequence < self.next {
                continue;
            }
            self.next = sequence + 1;
            let Some((id, number)) = self.subjects.second_of(&message.subject) else { continue };
            if number < self.first_number {
                continue;
            }
            let second = Incoming::Second { id, number, body: message.payload.clone() };
            if self.inbox.send(second).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl Controller {
    /// Who steers, as others are told.
    pub fn holder(&self, about: &str) -> Holder {
        Holder { epoch: self.epoch, host: super::lock::host_name(), pid: std::process::id(), about: about.to_owned() }
    }
}
