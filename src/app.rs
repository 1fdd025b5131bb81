//! The application: what the user may do ([`action`]), which key does it ([`keymap`]), what the screen remembers ([`state`]).

pub mod action;
pub mod controller;
pub mod effect;
pub mod ends;
pub mod event;
pub mod keymap;
pub mod live;
pub mod player;
pub mod runtime;
pub mod signals;
pub mod state;
