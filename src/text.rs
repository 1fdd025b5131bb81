//! Words and numbers for people: text that others wrote, made fit to be shown anywhere, and one form for each kind of number.
//!
//! [`clean()`] is the one rule of what a text from outside may hold: every surface passes what it prints through it. What a
//! single format needs besides (a spreadsheet's formulas, HTML, XML, TOML, Markdown, Prometheus labels) is done behind it, in
//! the format's own file.

mod clean;
mod fit;
mod markdown;
mod numbers;
mod times;

pub use clean::clean_lines;
pub(crate) use clean::{Lines, clean, clean_to, xml};
pub(crate) use fit::{columns, cut, flow, wrap, wrap_whole};
pub(crate) use markdown::markdown_cell;
pub(crate) use numbers::{count, counted, per_second, percent, percent_in_full, plain, spaced, thousands, whole};
pub(crate) use times::{age, as_millis, date_and_time, exact, exact_millis, latency, secs, span, timestamp, watched};
