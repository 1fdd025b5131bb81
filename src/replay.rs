//! A recorded session on the screen: the same state, folded from the same events, at a pace of one's own.
//!
//! [`player`] says which moment is shown, [`film`] reads the recording up to it, [`scout`] reads it ahead on a thread of its
//! own, so that a jump need not fold everything before it, and [`runtime`] is the loop. Nothing is sent to anybody, and
//! nothing is written.

pub mod film;
pub mod runtime;
pub mod scout;
