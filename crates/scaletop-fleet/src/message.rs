//! What controllers and generators say to each other, in CBOR (RFC 8949).
//!
//! Every message is a list of four: protocol, epoch of the controller, a number, and its body. The first three are read before
//! the body, so that whoever meets another version can say which one, and what belongs to an earlier controller or comes late is
//! known for what it is. The number is that of the schedule, of the beat, or of the second.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use scaletop_load::{Arrivals, PackedSecond, Piece, Second};
use scaletop_units::{ArrivalRate, Elapsed, GeneratorId};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::{Consent, RunId};
use crate::request::WireRequest;
use crate::slots::Table;

/// The protocol of this program. Programs of different protocols do not work together.
pub const PROTOCOL: u16 = 1;

/// A second of more bytes than this leaves out its histograms per instance: carriers refuse messages of a megabyte.
const LARGEST_SECOND: usize = 900_000;

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message<T> {
    /// The number of the controller it comes from, or is meant for.
    pub epoch: u64,
    /// Its place among its kind.
    pub number: u64,
    /// What it says.
    pub body: T,
}

/// Why a message could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// It speaks another protocol.
    #[error("it speaks protocol {0}, this program protocol {PROTOCOL}")]
    Protocol(u16),
    /// It is none of ours.
    #[error("it is no message of a fleet: {0}")]
    Alien(String),
}

/// A message's bytes.
pub(crate) fn write<T: Serialize>(epoch: u64, number: u64, body: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail, and every body is plain data.
    let _ = ciborium::into_writer(&(PROTOCOL, epoch, number, body), &mut bytes);
    bytes
}

/// Reads a message.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Message<T>, ReadError> {
    match ciborium::from_reader(bytes) {
        Ok(Envelope::Ours(message)) => Ok(message),
        Ok(Envelope::Foreign(protocol)) => Err(ReadError::Protocol(protocol)),
        Err(error) => Err(ReadError::Alien(error.to_string())),
    }
}

/// A message, of which only one of this protocol is read to its end.
enum Envelope<T> {
    Ours(Message<T>),
    Foreign(u16),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Envelope<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = Envelope<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of four")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Envelope<T>, A::Error> {
                let too_few = |count| A::Error::invalid_length(count, &"four");
                let protocol: u16 = parts.next_element()?.ok_or_else(|| too_few(0))?;
                if protocol != PROTOCOL {
                    while parts.next_element::<IgnoredAny>()?.is_some() {}
                    return Ok(Envelope::Foreign(protocol));
                }
                let epoch = parts.next_element()?.ok_or_else(|| too_few(1))?;
                let number = parts.next_element()?.ok_or_else(|| too_few(2))?;
                let body = parts.next_element()?.ok_or_else(|| too_few(3))?;
                Ok(Envelope::Ours(Message { epoch, number, body }))
            }
        }
        deserializer.deserialize_tuple(4, Parts(PhantomData))
    }
}

/// The version that a greeting of another protocol names, where it can be found.
pub(crate) fn version_of_stranger(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Stranger {
        version: String,
    }
    let (.., stranger): (IgnoredAny, IgnoredAny, IgnoredAny, Stranger) = ciborium::from_reader(bytes).ok()?;
    Some(stranger.version)
}

/// A generator wants to be let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// Its program's version. This field keeps its name in every protocol.
    pub version: String,
    /// Its name.
    pub id: GeneratorId,
    /// Tells one process of this name from the next.
    pub process: u64,
    /// Threads that send.
    pub threads: u32,
    /// The most it sends.
    pub max_rate: ArrivalRate,
    /// Cores that it may use.
    pub cores: Option<u32>,
    /// Files that it may open.
    pub open_files: Option<u64>,
    /// Local ports that it has left.
    pub ports: Option<u32>,
    /// What it says of itself.
    pub labels: Vec<String>,
    /// What it knows of the session, once a controller has let it in: a controller that comes later may know less.
    pub known: Option<Known>,
    /// That it does not want to be let in after all, and why: what goes behind its name, "refuses this run: …". It was let in
    /// before, and ends. Who does not know this field lets it in once more, and forgets it as one that is not heard: no harm, so
    /// the protocol has the number that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declines: Option<String>,
}

/// What a generator knows of the session that it is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Its seconds are numbered from here on.
    pub first_number: u64,
    /// The [`RunDocument`] that it follows, as it was signed.
    pub document: Vec<u8>,
    /// The signature that it came with.
    pub signature: Vec<u8>,
}

/// What a generator that wants to be let in is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is in.
    Welcome(Box<Welcome>),
    /// It is not, because of this.
    Refused(String),
}

/// What a generator that is let in is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// Its seconds are numbered from here on, unless this process has numbered some already.
    pub first_number: u64,
    /// A [`RunDocument`], as it was signed.
    pub document: Vec<u8>,
    /// The controller's signature of it.
    pub signature: Vec<u8>,
}

/// What a run is about; the controller signs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunDocument {
    /// The run.
    pub run: RunId,
    /// The number of the controller.
    pub epoch: u64,
    /// The controller's version.
    pub version: String,
    /// What to send.
    pub request: WireRequest,
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// The seed of the run.
    pub seed: u64,
    /// Which answers are OK, as users write it.
    pub expected: String,
    /// The cap on requests in flight of each generator.
    pub max_in_flight: Option<u64>,
    /// How long a generator sends without being heard.
    pub lease: Duration,
    /// No load later than this moment of the session.
    pub not_after: Duration,
    /// Who agreed to the load.
    pub consent: Consent,
    /// When the session began: microseconds since 1970 UTC.
    pub started_unix_micros: i64,
}

/// How a generator is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// It finds out what time the session has, or starts its engine.
    Warming,
    /// It would take a share, or has one.
    Ready,
    /// It wants its share taken away.
    Leaving,
    /// It is gone; so many seconds it stored in all.
    Gone(u64),
}

/// A generator asks for its lease to go on. Its number counts the beats of its process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beat {
    /// Which process of its name asks.
    pub process: u64,
    /// When it asked, by its own clock: nanoseconds.
    pub sent: u64,
    /// When it asked, in the session's time as it knows it; `None` before it does. Its lease counts from here.
    pub session: Option<Elapsed>,
    /// When its latest beat was sent whose answer came in time, in the session's time.
    pub answered: Elapsed,
    /// The end of the lease that it was granted so far.
    pub lease: Elapsed,
    /// How it is doing.
    pub standing: Standing,
    /// The latest schedule that it knows.
    pub known: u64,
    /// Its requests without an answer.
    pub in_flight: u64,
    /// How far its clock may be off, plus or minus.
    pub clock_error: Option<Duration>,
    /// How long its last question took to be answered.
    pub round_trip: Option<Duration>,
    /// Seconds that it had to give up since nobody stored them.
    pub given_up: u64,
}

/// What a beat is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BeatAnswer {
    /// When the beat came, in the session's time.
    pub received: Elapsed,
    /// When the answer went.
    pub answered: Elapsed,
    /// The latest schedule.
    pub schedule: u64,
    /// Whether the lease goes on.
    pub verdict: Verdict,
}

/// Whether a lease goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// It does.
    Granted,
    /// It does not: its share is, or will be, somebody else's.
    Fenced,
    /// Nobody of this name and process was let in: say hello.
    Unknown,
    /// It does not: the run is over for this generator.
    Leave,
}

/// The schedule, as far back as anybody may still need it. Its number grows with each change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// Who has which slots, as the others refer to it.
    pub tables: Vec<Table>,
    /// What is certain, in the order in which it takes effect.
    pub entries: Vec<PublishedEntry>,
    /// A change of slots that waits until everybody knows of it: the moment. Nobody sends what is due after it until it is
    /// certain, or something else is said.
    pub prepared: Option<Elapsed>,
}

/// One entry of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PublishedEntry {
    /// Its number among the entries of this controller, from 1.
    pub number: u64,
    /// The rate, and from when on.
    pub piece: Piece,
    /// Who sends it: a place among the tables.
    pub table: u32,
}

/// A generator's second as it is stored. The number of its message is that of the second among those of its process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredSecond<S = Second> {
    /// What it counted.
    pub second: S,
    /// How far its clock may have been off, plus or minus.
    pub clock_error: Option<Duration>,
    /// How late the latest change reached it in this second.
    pub late_anchor: Option<Duration>,
}

/// A generator's second as it comes: its histograms stay packed until they are added to those of the others.
pub(crate) type ArrivedSecond = StoredSecond<PackedSecond>;

/// A second's bytes. One that is too large leaves out its histograms per instance; whether it did.
pub(crate) fn write_second(epoch: u64, number: u64, stored: &mut StoredSecond) -> (Vec<u8>, bool) {
    write_within(LARGEST_SECOND, epoch, number, stored)
}

fn write_within(largest: usize, epoch: u64, number: u64, stored: &mut StoredSecond) -> (Vec<u8>, bool) {
    let bytes = write(epoch, number, stored);
    if bytes.len() <= largest {
        return (bytes, false);
    }
    for served in &mut stored.second.served {
        served.response = scaletop_load::Latency::new();
    }
    (write(epoch, number, stored), true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scaletop_load::{Latency, Served};
    use scaletop_units::InstanceId;

    use super::*;

    #[test]
    fn a_second_survives_the_wire_and_one_that_is_too_large_leaves_out_its_instances() {
        let mut second = Second::new(3, ArrivalRate::new(9));
        second.part_mut(2).ok.record(Duration::from_millis(80));
        second.remotes = vec![([127, 0, 0, 1].into(), 5)];
        let mut stored = StoredSecond { second, clock_error: Some(Duration::from_micros(70)), late_anchor: None };
        let (bytes, is_cut) = write_second(1, 8, &mut stored);
        assert!(!is_cut);
        assert_eq!(read::<StoredSecond>(&bytes), Ok(Message { epoch: 1, number: 8, body: stored.clone() }));
        let mut rng = fastrand::Rng::with_seed(1);
        for instance in 0..20 {
            let mut response = Latency::new();
            (0..400).for_each(|_| response.record(Duration::from_micros(rng.u64(1..600_000_000))));
            let id = InstanceId::from(format!("i{instance:03}"));
            stored.second.served.push(Served { id, requests: 9, ok: 9, first_ok_intended: None, response });
        }
        let (bytes, is_cut) = write_within(5_000, 1, 9, &mut stored);
        assert!(is_cut && bytes.len() < 5_000);
        assert_eq!(read::<StoredSecond>(&bytes).unwrap().body.second.served.len(), 20, "who answered stays known");
    }

    #[test]
    fn another_protocol_is_known_whatever_its_bodies_are_and_its_version_is_found() {
        let mut bytes = Vec::new();
        let body = std::collections::BTreeMap::from([("version", "9.1"), ("unheard", "of")]);
        ciborium::into_writer(&(PROTOCOL + 1, 1_u64, 0_u64, body), &mut bytes).unwrap();
        assert_eq!(read::<Hello>(&bytes), Err(ReadError::Protocol(PROTOCOL + 1)));
        assert_eq!(version_of_stranger(&bytes).as_deref(), Some("9.1"));
        for alien in [&b""[..], b"hello", &[0x84, 1], &[0xff; 40]] {
            assert!(matches!(read::<Hello>(alien), Err(ReadError::Alien(_))));
        }
    }
}
