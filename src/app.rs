//! The application: what the user may do ([`action`]), which key does it ([`keymap`]), what the screen remembers ([`state`]).

pub(crate) mod action;
pub(crate) mod controller;
pub(crate) mod effect;
pub(crate) mod ends;
pub(crate) mod event;
pub(crate) mod keymap;
pub(crate) mod live;
pub(crate) mod player;
pub(crate) mod runtime;
pub(crate) mod signals;
pub(crate) mod state;
#[cfg(feature = "fleet")]
pub(crate) mod watch;
