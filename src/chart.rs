//! How values become heights, which of them are named beside a plot, and in which colour they are drawn: for the charts of the
//! screen and those of the report.
//! Pure arithmetic; it knows neither cells of a terminal nor units of a picture.

mod counts;
pub(crate) mod palette;
mod scale;
pub(crate) mod steady;
pub(crate) mod ticks;

pub(crate) use counts::{counts, needed_shown};
pub(crate) use scale::Scale;
