//! scaletop: a live scale monitor for the terminal.
pub mod analysis;
pub mod app;
pub mod clock;
pub mod instances;
pub mod load;
pub mod plan;
pub mod record;
pub mod session;
pub mod slo;
pub mod target;
pub mod timeline;
pub mod tui;
pub mod units;
