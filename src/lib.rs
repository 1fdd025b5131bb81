//! scaletop: a live scale monitor for the terminal.
//!
//! ARCHITECTURE.md has the picture. In short: everything that happens is an [`app::event::Event`]; [`app::update::update`]
//! folds it into the state and says what to do; [`app::runtime`] does it. The rest is either a pure stage of that fold
//! ([`load::pacer`], [`record`], [`timeline`], [`analysis`], [`session`]) or an edge ([`load::http`], [`cluster`], [`tui`]).
pub mod analysis;
pub mod app;
pub mod capacity;
pub mod chart;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod compare;
pub mod consent;
pub mod doctor;
pub mod experiment;
pub mod export;
pub mod headless;
pub mod instances;
pub mod metrics;
pub mod plan;
pub mod replay;
pub mod report;
pub mod session;
pub mod slo;
pub mod target;
pub mod text;
pub mod timeline;
pub mod tui;
pub mod values;
