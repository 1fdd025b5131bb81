//! A recorded session on the screen: the same state, folded from the same events, at a pace of one's own.
//!
//! [`Player`](crate::app::player::Player) says which moment is shown, [`seekable`] reads the recording up to it, [`index`]
//! reads all of it ahead on a thread of its own, so that a jump need not fold everything before it, and [`playback`]
//! hands its events to the loop. Nothing is sent to anybody, and nothing is written.

pub mod index;
pub(crate) mod playback;
pub(crate) mod seekable;
