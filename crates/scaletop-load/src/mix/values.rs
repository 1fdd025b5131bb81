//! What stands in a request where a value is asked for: pure functions of the seed and of the arrival.
//!
//! | written | becomes |
//! |---|---|
//! | `{{n}}` | the number of the arrival, from 1 on |
//! | `{{uuid}}` | a random UUID (version 4), another one at each place |
//! | `{{random 1..100}}` | a whole number from 1 to 100, both included |
//! | `{{now}}` | when the request was due: `2026-11-28T19:10:04.123Z`; `{{now s}}` and `{{now ms}}` count from 1970 |
//! | `{{csv.name}}` | the value of that column in the arrival's row of data |
//! | `{{'{{'}}` | what stands between the quotes, as it is |

use std::fmt::Write as _;

use crate::pacer::Arrival;

/// What the values of one request are drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw<'a> {
    /// The seed of the session.
    pub(crate) seed: u64,
    /// The arrival that sends the request.
    pub(crate) arrival: Arrival,
    /// When the session began: microseconds since 1970 UTC.
    pub(crate) started: i64,
    /// The arrival's row of data.
    pub(crate) row: &'a [String],
}

/// A value that is put in anew for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number,
    Uuid,
    /// From the first to the second, both included.
    Random(i64, i64),
    Now(Clock),
    /// The number of a column.
    Column(usize),
    Quoted(String),
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Text,
    Seconds,
    Milliseconds,
}

/// Why there is no such value, and what there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// Nothing ends it.
    #[error(
        "`{{{{` opens a value that nothing closes; end it with `}}}}`, or write {{{{'{{{{'}}}} for the two braces themselves"
    )]
    Open,
    /// It is none.
    #[error(
        "`{{{{{0}}}}}` is no value; there are n, uuid, random 1..100, now, now s, now ms, csv.COLUMN, and text in single quotes; |json, \
         |url or |raw after it says how it is written"
    )]
    Unknown(String),
    /// No such column.
    #[error("there is no column `{name}` in the data; it has {columns}")]
    Column {
        /// What was asked for.
        name: String,
        /// What there is.
        columns: String,
    },
    /// No data.
    #[error("`{{{{csv.{0}}}}}` is a column of data, and none was given; name its file with --data")]
    NoData(String),
    /// Not two whole numbers.
    #[error("`{{{{random {0}}}}}` has no range; write two whole numbers, the smaller first: {{{{random 1..100}}}}")]
    Range(String),
}

impl Value {
    /// Reads what stands between the braces.
    pub(super) fn parse(text: &str, columns: &[String]) -> Result<Self, ValueError> {
        let unknown = || ValueError::Unknown(text.to_owned());
        if let Some(quoted) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Ok(Self::Quoted(quoted.to_owned()));
        }
        if let Some(name) = text.strip_prefix("csv.") {
            let name = name.trim();
            if columns.is_empty() {
                return Err(ValueError::NoData(name.to_owned()));
            }
            return columns
                .iter()
                .position(|column| column == name)
                .map(Self::Column)
                .ok_or_else(|| ValueError::Column { name: name.to_owned(), columns: columns.join(", ") });
        }
        let mut words = text.split_whitespace();
        let value = match (words.next(), words.next()) {
            (Some("n"), None) => Self::Number,
            (Some("uuid"), None) => Self::Uuid,
            (Some("now"), None) => Self::Now(Clock::Text),
            (Some("now"), Some("s")) => Self::Now(Clock::Seconds),
            (Some("now"), Some("ms")) => Self::Now(Clock::Milliseconds),
            (Some("random"), Some(_)) => {
                let range = text.trim_start()["random".len()..].trim();
                let (low, high) = range.split_once("..").ok_or_else(|| ValueError::Range(range.to_owned()))?;
                let whole = |text: &str| text.trim().parse::<i64>().ok();
                return match (whole(low), whole(high.strip_prefix('=').unwrap_or(high))) {
                    (Some(low), Some(high)) if low <= high => Ok(Self::Random(low, high)),
                    _ => Err(ValueError::Range(range.to_owned())),
                };
            }
            (Some("random"), None) => return Err(ValueError::Range(String::new())),
            _ => return Err(unknown()),
        };
        if words.next().is_some() { Err(unknown()) } else { Ok(value) }
    }

    /// Writes the value. `place` tells the values of one request apart.
    pub(super) fn write(&self, draw: &Draw<'_>, place: u32, out: &mut String) {
        let random = |part: u64| hash(draw.seed, draw.arrival.number, 1 + 2 * u64::from(place) + part);
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Number => write!(out, "{}", draw.arrival.number),
            Self::Uuid => {
                // RFC 9562, section 5.4: version 4, variant 10.
                let (high, low) = (random(0), random(1));
                let version = (high & 0x0fff) | 0x4000;
                let variant = (low >> 48) & 0x3fff | 0x8000;
                write!(
                    out,
                    "{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}",
                    high >> 32,
                    (high >> 16) & 0xffff,
                    low & 0xffff_ffff_ffff
                )
            }
            Self::Random(low, high) => {
                // As many as there are, less one, so that all of them fit.
                let most = high.abs_diff(*low);
                let drawn = if most == u64::MAX { random(0) } else { below(random(0), most + 1) };
                write!(out, "{}", low.wrapping_add_unsigned(drawn))
            }
            Self::Now(clock) => {
                let since = i64::try_from(draw.arrival.due.as_nanos() / 1_000).unwrap_or(i64::MAX);
                let micros = draw.started.saturating_add(since);
                match clock {
                    Clock::Seconds => write!(out, "{}", micros.div_euclid(1_000_000)),
                    Clock::Milliseconds => write!(out, "{}", micros.div_euclid(1_000)),
                    Clock::Text => {
                        let at = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
                        write!(out, "{at:.3}")
                    }
                }
            }
            Self::Column(at) => out.write_str(draw.row.get(*at).map_or("", String::as_str)),
            Self::Quoted(text) => out.write_str(text),
        };
    }
}

/// A number drawn by seed, arrival and place, each bit as likely as not: the finalizer of `SplitMix64` (Steele, Lea and Flood, *Fast
/// splittable pseudorandom number generators*, 2014) over each of them.
pub(super) fn hash(seed: u64, number: u64, place: u64) -> u64 {
    let stir = |mixed: u64, with: u64| {
        let mut z = (mixed ^ with).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    stir(stir(stir(0, seed), number), place)
}

/// `drawn` as a number below `bound`, by multiplication (Lemire, *Fast random integer generation in an interval*, 2019). Numbers
/// differ in likelihood by bound ÷ 2⁶⁴.
pub(super) fn below(drawn: u64, bound: u64) -> u64 {
    u64::try_from((u128::from(drawn) * u128::from(bound)) >> 64).unwrap_or(0)
}
