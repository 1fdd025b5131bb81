//! [`ArrivalRate`]: how many requests a second the user asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Requests per second that the user asks for, whatever the service answers (open model).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArrivalRate(u32);

impl ArrivalRate {
    /// No arrivals.
    pub const PAUSED: Self = Self(0);

    /// `per_sec` arrivals a second.
    pub const fn new(per_sec: u32) -> Self {
        Self(per_sec)
    }

    /// Arrivals per second.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether no arrivals are due at this rate.
    pub const fn is_paused(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for ArrivalRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}
