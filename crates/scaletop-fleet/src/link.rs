//! What stands between a controller and its generators: bytes that come, or do not. NATS carries them; so does, in tests, a
//! simulated network that delays, loses and repeats.
//!
//! Nothing here promises anything but this: a stored second is handed to the controller at least once, in the order in which its
//! generator stored it. Everything else may be lost, may come late, and may come twice.

use bytes::Bytes;
use scaletop_units::GeneratorId;
use tokio::sync::{mpsc, oneshot};

/// The controller's end.
#[derive(Debug)]
pub struct ControllerLink {
    /// What comes.
    pub inbox: mpsc::Receiver<Incoming>,
    /// What goes.
    pub outbox: mpsc::UnboundedSender<Outgoing>,
}

/// What comes to the controller.
#[derive(Debug)]
pub enum Incoming {
    /// A generator asks.
    Question(Question),
    /// A second that a generator stored.
    Second {
        /// Whose it is.
        id: GeneratorId,
        /// Its number among this generator's, from 0.
        number: u64,
        /// What was stored.
        body: Bytes,
    },
    /// The carrier itself can be reached, or not.
    Connected(bool),
}

/// A question of a generator's.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub ask: Ask,
    /// The words of it.
    pub body: Bytes,
    /// Where the answer goes. Dropped unanswered, the asker waits in vain.
    pub answer: oneshot::Sender<Bytes>,
}

/// What generators ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To be let in.
    Hello,
    /// Whether the lease goes on.
    Beat(GeneratorId),
    /// What the schedule is.
    Schedule,
}

/// What the controller sends unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A change of the schedule, to all.
    Schedule(Bytes),
    /// To one.
    Order(GeneratorId, Order),
}

/// What a generator is told unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Finish what is in flight, report it, and end.
    Leave,
}

/// A generator's end.
#[derive(Debug)]
pub struct GeneratorLink {
    /// Questions to the controller.
    pub questions: mpsc::UnboundedSender<Question>,
    /// What is to be stored, in order. What has been stored is told; until then it is tried again.
    pub seconds: mpsc::UnboundedSender<ToStore>,
    /// What comes unasked.
    pub inbox: mpsc::Receiver<FromController>,
}

/// A second on its way to where it is kept.
#[derive(Debug)]
pub struct ToStore {
    /// Its number among this generator's, from 0: stored once, however often it is sent.
    pub number: u64,
    /// What to store.
    pub body: Bytes,
    /// Told when it is stored; dropped when that was given up.
    pub stored: oneshot::Sender<()>,
}

/// What comes to a generator unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromController {
    /// A change of the schedule.
    Schedule(Bytes),
    /// An order.
    Order(Order),
    /// The carrier itself can be reached, or not.
    Connected(bool),
}
