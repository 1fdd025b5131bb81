//! scaletop without a screen, as a pipeline uses it: the real binary, its exit codes, what it writes where.
//!
//! Load goes to a test service in this process or to the binary's own embedded cluster, on loopback. Waits are for an
//! event, with a generous deadline. Where this machine turned out to be the limit (exit code 4), a run says nothing of what a
//! test is about and is repeated.

mod authority;
mod capacity;
mod config;
mod connections;
mod counting;
mod curl;
mod doctor;
mod exit_codes;
mod given;
mod output;
mod pages;
mod preflight;
mod requests;
mod services;
mod surroundings;
mod typed;
mod web;
