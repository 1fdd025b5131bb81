//! In place of [`otlp`](super) where that was left out of the build: no receiver is ever known.

use tokio::sync::mpsc;

use crate::session::event::SessionEvent;
use crate::session::halves::Halves;

/// A receiver of which there is none.
#[derive(Debug)]
pub(crate) enum Receiver {}

/// Pushes of which there are none.
#[derive(Debug)]
pub(crate) enum Otlp {}

/// Why metrics cannot be pushed.
#[derive(Debug, thiserror::Error)]
#[error("this scaletop was built without OTLP: build it with the feature otlp, or leave --otlp out")]
pub struct OtlpError;

impl Receiver {
    pub(crate) fn of(_: &str, _: impl Fn(&str) -> Option<String>) -> Result<Self, OtlpError> {
        Err(OtlpError)
    }

    pub(crate) fn place(&self) -> String {
        match *self {}
    }
}

impl Otlp {
    pub(crate) fn start(receiver: Receiver, _: mpsc::Sender<SessionEvent>) -> std::io::Result<Self> {
        match receiver {}
    }

    pub(crate) fn publish(&self, _: &Halves) {
        match *self {}
    }

    pub(crate) fn finish(self) -> Option<String> {
        match self {}
    }

    pub(crate) fn abandon(self) {
        match self {}
    }
}
