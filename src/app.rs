//! The application: what the user may do ([`action`]), which key does it ([`keymap`]), what the screen remembers ([`state`]).

pub mod action;
pub mod controller;
pub mod effect;
pub mod event;
pub mod front;
pub mod keymap;
pub mod player;
pub mod runtime;
pub mod signals;
pub mod state;
pub mod update;
