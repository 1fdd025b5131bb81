//! A request to be carried: one of the load, or one that somebody asked for by itself.

use tokio::sync::oneshot;

use crate::http::template::Ask;
use crate::line::Exchange;
use crate::transport::Reply;

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
    /// Which of the requests, and who waits for the answer.
    Single(usize, oneshot::Sender<Reply>),
}

impl Job {
    /// A request of the load.
    pub(super) const fn load(exchange: Exchange) -> Self {
        Self { asked: Asked::Load(exchange), again: false }
    }

    /// A request by itself: one of several, by its place among them.
    pub(super) const fn single(index: usize, reply: oneshot::Sender<Reply>) -> Self {
        Self { asked: Asked::Single(index, reply), again: false }
    }

    /// Which request it asks for.
    pub(super) const fn ask(&self) -> Ask {
        match &self.asked {
            Asked::Load(exchange) => Ask::Load(exchange.arrival()),
            Asked::Single(index, _) => Ask::Single(*index),
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
            Asked::Single(_, asked) => drop(asked.send(reply)),
        }
    }
}
