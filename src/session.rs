//! A session: what happened ([`event`]), folded into what is known, and kept on disk.

pub mod event;
pub mod recording;
pub mod state;
