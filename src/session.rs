//! A session: what happened ([`event`]), folded into what is known, and kept on disk.

pub mod event;
pub mod folder;
pub mod recording;
pub mod settled;
pub mod state;
pub mod verdict;
pub mod writer;
