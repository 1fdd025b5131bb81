//! A request to be carried: one of the load, or one that somebody asked for by itself.

use tokio::sync::oneshot;

use crate::line::Exchange;
use crate::transport::Reply;
use scaletop_units::Elapsed;

/// One request on its way to, or on, a connection.
#[derive(Debug)]
pub(super) struct Job {
    asked: Asked,
    /// It was sent once more already, and is not a third time.
    pub again: bool,
}

#[derive(Debug)]
enum Asked {
    Load(Exchange),
    Single(oneshot::Sender<Reply>),
}

impl Job {
    /// A request of the load.
    pub(super) const fn load(exchange: Exchange) -> Self {
        Self { asked: Asked::Load(exchange), again: false }
    }

    /// A request by itself.
    pub(super) const fn single(reply: oneshot::Sender<Reply>) -> Self {
        Self { asked: Asked::Single(reply), again: false }
    }

    /// When it was due; `None` of a request by itself.
    pub(super) const fn due(&self) -> Option<Elapsed> {
        match &self.asked {
            Asked::Load(exchange) => Some(exchange.intended()),
            Asked::Single(_) => None,
        }
    }

    /// Its first byte goes to a connection now.
    pub(super) fn begin(&mut self) {
        if let Asked::Load(exchange) = &mut self.asked {
            exchange.begin();
        }
    }

    /// This became of it.
    pub(super) fn complete(self, reply: Reply) {
        match self.asked {
            Asked::Load(exchange) => exchange.complete(reply),
            // Whoever asked may have gone.
            Asked::Single(asked) => drop(asked.send(reply)),
        }
    }
}
