//! A session: what happened ([`event`]), folded into what is known, and kept on disk.

pub mod as_plan;
pub mod event;
pub mod export;
pub mod folder;
pub mod numbers;
pub mod recording;
pub mod scribe;
pub mod settled;
pub mod state;
pub mod summary;
pub mod verdict;
