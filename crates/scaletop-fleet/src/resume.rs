//! Going on with a session whose controller is gone.
//!
//! Two things are kept nowhere but in the generators: what time the session has, and what they send, in which there may be secrets.
//! They tell both to whoever holds the run: the time in each beat, the run document, as it was signed, when they say hello again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use scaletop_load::{Arrivals, Expected, RequestOptions, Second};
use scaletop_units::{Elapsed, GeneratorId, RunClock};
use tempfile::NamedTempFile;
use tokio::time::{Instant, timeout_at};

use crate::config::{Consent, FleetError, Resumed, RunId, Verifier};
use crate::gather::{Closing, Gather};
use crate::link::{Ask, ControllerLink, Incoming, Question};
use crate::message::{self, ArrivedSecond, Beat, BeatAnswer, Hello, RunDocument, Verdict};

/// From the first document on, beats are listened to for so long: the one that took the shortest way says best what time it is.
const LISTENING: Duration = Duration::from_secs(1);

/// What is known of a session whose controller is gone.
#[derive(Clone, Debug)]
pub struct Abandoned {
    /// The run.
    pub run: RunId,
    /// The number of the controller that goes on with it.
    pub epoch: u64,
    /// When the session began: microseconds since 1970 UTC. It tells sessions of a run apart.
    pub started_unix_micros: i64,
}

/// What the generators of an abandoned session say of it.
#[derive(Debug)]
pub struct Recovered {
    /// The session's clock: off by what a message takes from a generator to here, at most.
    pub clock: RunClock,
    /// What is sent.
    pub request: RequestOptions,
    /// A file that `request` may name.
    pub certificates: Option<NamedTempFile>,
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// The seed of Poisson arrivals.
    pub seed: u64,
    /// Which answers are OK.
    pub expected: Expected,
    /// The cap on requests in flight of each generator.
    pub max_in_flight_each: Option<u64>,
    /// How long a generator sends without being heard.
    pub lease: Duration,
    /// No load later than this moment of the session.
    pub not_after: Duration,
    /// Who agreed to the load.
    pub consent: Consent,
}

/// Listens to the generators of an abandoned session, at most for `within`. None of them is answered so that it would send
/// anything. What is stored of their seconds goes to `heard`, for [`Resumed::heard`].
///
/// # Errors
/// When no generator of that session is heard, or the link ends.
pub async fn recover(
    link: &mut ControllerLink,
    session: &Abandoned,
    verify: &Verifier,
    within: Duration,
    heard: &mut Vec<(GeneratorId, u64, Bytes)>,
) -> Result<Recovered, FleetError> {
    let mut listening = Listening::default();
    let mut until = Instant::now() + within;
    while let Ok(incoming) = timeout_at(until, link.inbox.recv()).await {
        match incoming.ok_or(FleetError::Closed)? {
            Incoming::Question(question) => {
                let had_none = listening.document.is_none();
                listening.hear(session, verify, question);
                if had_none && listening.document.is_some() {
                    until = until.min(Instant::now() + LISTENING);
                }
            }
            Incoming::Second { id, number, body } => heard.push((id, number, body)),
            Incoming::Connected(_) => {}
        }
    }
    listening.recovered(session.started_unix_micros, within)
}

/// The seconds that are not in the recording of a session whose generators are gone, too: what they had stored.
pub fn rest(resumed: &Resumed) -> Vec<Second> {
    let mut gather = Gather::new(resumed.next, Some(resumed));
    for (id, number, body) in &resumed.heard {
        // What cannot be read is none of theirs.
        if let Ok(arrived) = message::read::<ArrivedSecond>(body) {
            let _ = gather.add(id, *number, arrived.body);
        }
    }
    let Some(last) = resumed.next.checked_sub(1) else { return Vec::new() };
    gather.finish(last, |_| Closing::default())
}

/// What was heard so far.
#[derive(Default)]
struct Listening {
    document: Option<RunDocument>,
    /// When the session began by the beats of each generator: the earliest, since every message takes a while.
    zeros: BTreeMap<GeneratorId, Instant>,
    /// Who is in the session.
    members: Vec<GeneratorId>,
}

impl Listening {
    fn hear(&mut self, session: &Abandoned, verify: &Verifier, question: Question) {
        let now = Instant::now();
        match question.ask {
            Ask::Beat(id) => {
                let Ok(beat) = message::read::<Beat>(&question.body) else { return };
                let Some(at) = beat.body.session else { return };
                if let Some(zero) = now.checked_sub(at.saturating_since(Elapsed::ZERO)) {
                    let known = self.zeros.entry(id).or_insert(zero);
                    *known = zero.min(*known);
                }
                // So it says hello, and with it what it knows.
                let answer = BeatAnswer { received: at, answered: at, schedule: 0, verdict: Verdict::Unknown };
                let _ = question.answer.send(message::write(session.epoch, beat.number, &answer).into());
            }
            Ask::Hello => {
                let Ok(hello) = message::read::<Hello>(&question.body) else { return };
                let Some(document) = hello.body.known.and_then(|known| {
                    let is_signed = verify(&known.document, &known.signature);
                    is_signed.then(|| message::read::<RunDocument>(&known.document).ok()).flatten()
                }) else {
                    return;
                };
                let document = document.body;
                if document.run != session.run || document.started_unix_micros != session.started_unix_micros {
                    return;
                }
                self.members.push(hello.body.id);
                if self.document.as_ref().is_none_or(|known| known.epoch < document.epoch) {
                    self.document = Some(document);
                }
            }
            // Nothing leads it yet: whoever asks, asks again.
            Ask::Schedule => {}
        }
    }

    fn recovered(mut self, started_unix_micros: i64, within: Duration) -> Result<Recovered, FleetError> {
        let mut zeros: Vec<Instant> =
            self.zeros.iter().filter(|(id, _)| self.members.contains(id)).map(|(_, zero)| *zero).collect();
        zeros.sort_unstable();
        // Each may be off by its error, and by its way to here; none decides alone.
        let (Some(document), Some(&zero)) = (self.document.take(), zeros.get(zeros.len() / 2)) else {
            return Err(FleetError::Deserted { within });
        };
        let (request, certificates) = document.request.unpack()?;
        let wrong = |error: scaletop_load::ExpectedError| FleetError::Request(format!("what counts as OK: {error}"));
        Ok(Recovered {
            clock: RunClock::anchored(zero, started_unix_micros),
            request,
            certificates,
            arrivals: document.arrivals,
            seed: document.seed,
            expected: document.expected.parse().map_err(wrong)?,
            max_in_flight_each: document.max_in_flight,
            lease: document.lease,
            not_after: document.not_after,
            consent: document.consent,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
