//! How values become heights, and which of them are named beside a plot: for the charts of the screen and those of the report.
//! Pure arithmetic; it knows neither cells of a terminal nor units of a picture.

mod scale;
pub(crate) mod ticks;

pub(crate) use scale::Scale;
