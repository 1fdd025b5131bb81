//! The fold: events in, what is known out.
