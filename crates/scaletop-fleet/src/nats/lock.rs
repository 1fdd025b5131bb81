//! One controller at a time: a key that only one can create, that ends by itself when it is not renewed, and an epoch that each
//! new holder raises by one, so that what an earlier one still says is known as old.

use std::fmt;
use std::time::Duration;

use async_nats::datetime::{DateTime, parse_rfc3339};
use async_nats::jetstream::kv::{CreateErrorKind, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{Context, kv};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{ControllerOptions, LinkError, chain};
use crate::RunId;

/// A hold that is not renewed ends after this long.
pub(super) const TTL: Duration = Duration::from_secs(10);

/// Renewed so often: three attempts fit into its time.
pub(super) const RENEWED_EVERY: Duration = Duration::from_secs(3);

/// Tried again so often while another one holds it.
const TRIED_EVERY: Duration = Duration::from_millis(500);

/// Runs are remembered so long after their last controller.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

const LOCKS: &str = "scaletop_lock";
const RUNS: &str = "scaletop_run";

/// Who steers a fleet, or did so last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// How many controllers this run has had, this one included.
    pub epoch: u64,
    /// Its machine.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// What it does, in words, without secrets.
    #[serde(default)]
    pub about: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)?;
        if self.about.is_empty() { Ok(()) } else { write!(f, " ({})", self.about) }
    }
}

/// How a renewal went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renewed {
    Yes,
    /// The server could not be asked: still ours, unless its time is over.
    Unknown,
    /// Another one has it.
    Lost,
}

/// A hold on a run.
pub(super) struct Lock {
    locks: Store,
    runs: Store,
    run: RunId,
    revision: u64,
    pub(super) holder: Holder,
}

impl Lock {
    /// Takes it; waits for one who may be gone, and says who that is.
    pub(super) async fn take(
        context: &Context,
        servers: &str,
        run: &RunId,
        options: &ControllerOptions,
    ) -> Result<Self, LinkError> {
        let ControllerOptions { about, patience, waits_for, .. } = options;
        let no_store = |why: String| LinkError::NoStore { servers: servers.to_owned(), why };
        let locks = bucket(context, LOCKS, TTL).await.map_err(no_store)?;
        let runs = bucket(context, RUNS, REMEMBERED).await.map_err(no_store)?;
        let holder = Holder { epoch: 0, host: host_name(), pid: std::process::id(), about: about.clone() };
        let until = tokio::time::Instant::now() + *patience;
        let mut told = None;
        let revision = loop {
            match locks.create(run.as_str(), encoded(&holder)).await {
                Ok(revision) => break revision,
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                    let now = tokio::time::Instant::now();
                    match read(&locks, run).await.map_err(no_store)? {
                        Some((holder, _)) if now >= until => return Err(LinkError::Held { holder: Box::new(holder) }),
                        Some((holder, _)) => tell(&holder, &mut told, waits_for.as_ref()),
                        // Somebody renews a hold that is no word of ours.
                        None if now >= until + TTL => {
                            return Err(no_store("who steers the run cannot be read".to_owned()));
                        }
                        // Gone since: the next attempt has it.
                        None => {}
                    }
                    tokio::time::sleep(TRIED_EVERY).await;
                }
                Err(error) => return Err(no_store(chain(&error))),
            }
        };
        let mut lock = Self { locks, runs, run: run.clone(), revision, holder };
        if let Err(why) = lock.raise().await {
            lock.release().await;
            return Err(no_store(why));
        }
        Ok(lock)
    }

    /// One more epoch than ever before, written where it stays.
    async fn raise(&mut self) -> Result<(), String> {
        let last = read(&self.runs, &self.run).await?;
        let (epoch, revision) = last.map_or((0, 0), |(holder, revision)| (holder.epoch, revision));
        self.holder.epoch = epoch + 1;
        // Compared and set: whoever took the hold from us meanwhile has another revision.
        let written = self.runs.update(self.run.as_str(), encoded(&self.holder), revision).await;
        written.map_err(|error| chain(&error))?;
        self.revision = self
            .locks
            .update(self.run.as_str(), encoded(&self.holder), self.revision)
            .await
            .map_err(|error| chain(&error))?;
        Ok(())
    }

    /// Holds on for another [`TTL`].
    pub(super) async fn renew(&mut self) -> Renewed {
        match self.locks.update(self.run.as_str(), encoded(&self.holder), self.revision).await {
            Ok(revision) => {
                self.revision = revision;
                Renewed::Yes
            }
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => self.again().await,
            Err(_) => Renewed::Unknown,
        }
    }

    /// Its time was over, in an outage. Whoever had it meanwhile has raised the epoch.
    async fn again(&mut self) -> Renewed {
        // A renewal whose answer was lost was done all the same.
        match read(&self.locks, &self.run).await {
            Ok(Some((holder, revision))) if holder == self.holder => {
                self.revision = revision;
                return Renewed::Yes;
            }
            Ok(Some(_)) => return Renewed::Lost,
            Ok(None) => {}
            Err(_) => return Renewed::Unknown,
        }
        match read(&self.runs, &self.run).await {
            Ok(Some((holder, _))) if holder.epoch == self.holder.epoch => {}
            Ok(_) => return Renewed::Lost,
            Err(_) => return Renewed::Unknown,
        }
        match self.locks.create(self.run.as_str(), encoded(&self.holder)).await {
            Ok(revision) => {
                self.revision = revision;
                Renewed::Yes
            }
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Renewed::Lost,
            Err(_) => Renewed::Unknown,
        }
    }

    /// Lets go at once, so that the next one need not wait. One that is not reached ends by its time.
    pub(super) async fn release(self) {
        let _ = self.locks.delete_expect_revision(self.run.as_str(), Some(self.revision)).await;
    }
}

/// Says once of each holder that it is waited for. One that has only just begun has no epoch yet, and is the same one with it.
fn tell(holder: &Holder, told: &mut Option<Holder>, waits_for: Option<&mpsc::UnboundedSender<Holder>>) {
    let holder = Holder { epoch: 0, ..holder.clone() };
    if told.as_ref() == Some(&holder) {
        return;
    }
    // Nobody need want to know.
    let _ = waits_for.map(|waits_for| waits_for.send(holder.clone()));
    *told = Some(holder);
}

/// The bucket, made where there is none. It is made as the stream that it is (docs.nats.io, ADR-8): the client's own way reads what
/// servers before 2.10 do not say of an account.
async fn bucket(context: &Context, name: &str, max_age: Duration) -> Result<Store, String> {
    let config = Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        max_age,
        max_bytes: 1024 * 1024,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: 1,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..Config::default()
    };
    let made = context.create_stream(config).await;
    // One that was made otherwise by whoever runs the server does as well.
    let found = context.get_key_value(name).await;
    found.map_err(|error| made.map_or_else(|made| chain(&made), |_| chain(&error)))
}

/// The entry that stands under a run, unless it was deleted.
async fn entry(store: &Store, run: &RunId) -> Result<Option<kv::Entry>, String> {
    let entry = store.entry(run.as_str()).await.map_err(|error| chain(&error))?;
    Ok(entry.filter(|entry| entry.operation == kv::Operation::Put))
}

/// What time it is by the server's clock, which entries are dated by. Servers from 2.10 on say it with what they tell of a stream
/// (docs.nats.io, "`JetStream` wire API Reference").
async fn server_time(context: &Context) -> Option<DateTime> {
    let told: serde_json::Value = context.request(format!("STREAM.INFO.KV_{LOCKS}"), &()).await.ok()?;
    parse_rfc3339(told.get("ts")?.as_str()?).ok()
}

/// What stands under a run, and its revision; `None` when nothing does.
async fn read(store: &Store, run: &RunId) -> Result<Option<(Holder, u64)>, String> {
    let entry = entry(store, run).await?;
    Ok(entry.and_then(|entry| Some((serde_json::from_slice(&entry.value).ok()?, entry.revision))))
}

/// A run that a server remembers.
pub(super) struct Remembered {
    pub(super) run: RunId,
    /// Who steered it last.
    pub(super) holder: Holder,
    /// Whether that one holds it now.
    pub(super) is_held: bool,
    /// For how long it has not renewed its hold.
    pub(super) silent_for: Option<Duration>,
    /// How long ago it took it.
    pub(super) held_for: Option<Duration>,
}

/// All runs that a server remembers, by name.
pub(super) async fn runs(context: &Context) -> Result<Vec<Remembered>, String> {
    let Ok(runs) = context.get_key_value(RUNS).await else { return Ok(Vec::new()) };
    let locks = context.get_key_value(LOCKS).await.ok();
    let filter = format!("$KV.{RUNS}.>");
    let mut subjects = runs.stream.info_with_subjects(filter).await.map_err(|error| chain(&error))?;
    let mut found = Vec::new();
    while let Some(subject) = futures_util::StreamExt::next(&mut subjects).await {
        let (subject, _) = subject.map_err(|error| chain(&error))?;
        let Some(run) = subject.rsplit('.').next().and_then(|run| run.parse::<RunId>().ok()) else { continue };
        let Some(last) = entry(&runs, &run).await? else { continue };
        let Ok(holder) = serde_json::from_slice(&last.value) else { continue };
        let renewed = match &locks {
            Some(locks) => entry(locks, &run).await?.map(|entry| entry.created),
            None => None,
        };
        let now = if renewed.is_some() { server_time(context).await } else { None };
        let since = |then: Option<DateTime>| {
            now.zip(then).map(|(now, then)| Duration::try_from(now - then).unwrap_or_default())
        };
        // Who steers it is written there once, when it takes the hold.
        let (silent_for, held_for) = (since(renewed), since(Some(last.created)));
        found.push(Remembered { run, holder, is_held: renewed.is_some(), silent_for, held_for });
    }
    found.sort_by(|a, b| a.run.cmp(&b.run));
    Ok(found)
}

fn encoded(holder: &Holder) -> bytes::Bytes {
    serde_json::to_vec(holder).unwrap_or_default().into()
}

/// What this machine calls itself.
pub fn host_name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
