//! Sessions side by side: aligned on steps by their rates, never by the wall clock. Pure.
//!
//! Steps of two sessions answer to each other when they go from the same rate to the same rate in the same way: `5→600/s`
//! in one to `5→600/s` in the other, whenever either happened and whatever came between. Steps of a session with the same
//! rates are *repeats* of one experiment. A step that is invalid, by the
//! generator or by what it began from, says nothing and is left out.
//!
//! # The noise rule
//!
//! Of repeats, the median is compared, and the range (least to greatest) is the noise. Two sessions differ in a number only
//! when their ranges do not overlap; else there is *no difference beyond noise*. A polled time is the whole interval it may
//! lie in, and a time that was not reached (`> 42 s`) reaches up without bound. With a single run on either side nothing is
//! known of the noise: the difference is shown as `one run`, and is not called better or worse. With n runs each and no
//! real difference, ranges still fail to overlap by chance in 2·n!²/(2n)! of the cases: 33% at two runs each, 10% at
//! three, 3% at four, 0.8% at five. So three repeats are the least, five are good.

pub(crate) mod align;
mod charts;
mod curves;
mod html;
mod json;
mod left_out;
pub(crate) mod limits;
mod markdown;
mod sentence;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use crate::analysis::difference::{self, NOISE_RULE};
use crate::session::state::Session;

pub use align::compare;
pub(crate) use curves::Curves;
pub(crate) use html::html;
pub(crate) use json::json;
pub(crate) use markdown::markdown;
pub(crate) use table::limits as limits_in_text;
pub use table::table;

/// A session that takes part.
#[derive(Clone, Copy, Debug)]
pub struct Contender<'a> {
    /// Where it was read from, as the user named it.
    pub name: &'a str,
    pub session: &'a Session,
}

/// The letter of the n-th contender: A, B, … Z, then numbers.
pub(crate) fn letter(at: usize) -> String {
    u8::try_from(at)
        .ok()
        .filter(|&at| at < 26)
        .map_or_else(|| format!("#{}", at + 1), |at| char::from(b'A' + at).to_string())
}
