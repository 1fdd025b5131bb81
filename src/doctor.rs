//! `scaletop doctor`: what could keep a measurement from being right, each with what mends it.
//!
//! A check is data. What can be judged from values is judged here, purely ([`generator`], [`reach`]); what must be asked of
//! the cloud is `doctor::cloud`'s.

#[cfg(feature = "aws")]
mod cloud;
pub(crate) mod generator;
pub(crate) mod reach;

use std::fmt;

#[cfg(feature = "aws")]
pub use self::cloud::{Findings, check as check_cloud};
use crate::text::clean;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What: `credentials`, `permission apprunner:DescribeService`.
    pub name: String,
    pub status: Status,
    /// What was found. May hold untrusted text (names, headers).
    pub detail: String,
    /// What to do; `None` when all is well.
    pub remedy: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Ok,
    /// It works; the result may suffer.
    Warning,
    /// It does not work.
    Failure,
}

impl Status {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

impl Check {
    pub fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::Ok, detail: detail.into(), remedy: None }
    }

    /// It works; the result may suffer.
    pub fn warning(name: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::Warning, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work.
    pub fn failure(name: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::Failure, detail: detail.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Check {
    /// `failure  permission ecs:ListTasks: … ; do this`, clean.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {}: {}", self.status.label(), clean(&self.name), clean(&self.detail))?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; {}", clean(remedy))?;
        }
        Ok(())
    }
}

/// The worst of `checks`: what the exit code follows.
pub fn worst(checks: &[Check]) -> Status {
    checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_it_is_what_was_found_and_what_to_do() {
        let check = Check::warning("cores", "1 core\u{1b}[31m", "use a larger machine");
        assert_eq!(check.to_string(), "warning  cores: 1 core�[31m; use a larger machine");
        assert_eq!(Check::ok("clock", "right").to_string(), "ok       clock: right");
    }

    #[test]
    fn the_worst_decides() {
        assert_eq!(worst(&[]), Status::Ok);
        let checks = [Check::ok("a", ""), Check::failure("b", "", ""), Check::warning("c", "", "")];
        assert_eq!(worst(&checks), Status::Failure);
    }
}
