//! A session: what happened ([`event`]), folded into what is known, and kept on disk.

pub(crate) mod event;
mod facts;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod folder;
pub(crate) mod halves;
pub(crate) mod history;
pub(crate) mod recording;
pub(crate) mod settled;
pub(crate) mod standing;
pub(crate) mod state;
pub(crate) mod verdict;
pub(crate) mod writer;
