//! Reading members of a request, with the platform's own words for what is wrong with them.

use serde_json::Value as Json;

use super::protocol::WireError;

/// A structure of a request. `invalid` is the error code of the operation's service for bad input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    members: &'a Json,
    invalid: &'static str,
}

impl<'a> Input<'a> {
    pub(crate) const fn new(members: &'a Json, invalid: &'static str) -> Self {
        Self { members, invalid }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> WireError {
        WireError::client(self.invalid, message)
    }

    fn member(&self, name: &str) -> Option<&'a Json> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, WireError> {
        self.member(name)
            .map(|value| value.as_str().ok_or_else(|| self.error(format!("{name} must be a string"))))
            .transpose()
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, WireError> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.error(format!("{name} is required"))),
        }
    }

    /// A whole number; as text, too, since a form has nothing else.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, WireError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).and_then(|n| u32::try_from(n).ok());
        number.map(Some).ok_or_else(|| self.error(format!("{name} must be a whole number")))
    }

    /// A page size within its bounds.
    pub(crate) fn page_size(&self, name: &str, least: u32, most: u32, default: u32) -> Result<usize, WireError> {
        let size = self.number(name)?.unwrap_or(default);
        if (least..=most).contains(&size) {
            Ok(size as usize)
        } else {
            Err(self.error(format!("{name} must be between {least} and {most}, not {size}")))
        }
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        match self.member(name) {
            Some(Json::Bool(flag)) => *flag,
            Some(Json::String(flag)) => flag == "true",
            _ => default,
        }
    }

    /// A moment in Unix seconds: a number, or ISO 8601 in a form.
    pub(crate) fn time(&self, name: &str) -> Result<f64, WireError> {
        let value = self.member(name).ok_or_else(|| self.error(format!("The parameter {name} is required.")))?;
        let parse = |text: &str| text.parse::<jiff::Timestamp>().ok();
        value
            .as_f64()
            .or_else(|| Some(parse(value.as_str()?)?.as_duration().as_secs_f64()))
            .filter(|time| time.is_finite())
            .ok_or_else(|| self.error(format!("The parameter {name} must be a timestamp.")))
    }

    pub(crate) fn list(&self, name: &str) -> Result<&'a [Json], WireError> {
        match self.member(name) {
            None => Ok(&[]),
            Some(Json::Array(items)) => Ok(items),
            Some(_) => Err(self.error(format!("{name} must be a list"))),
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, WireError> {
        let text =
            |item: &'a Json| item.as_str().ok_or_else(|| self.error(format!("{name} must be a list of strings")));
        self.list(name)?.iter().map(text).collect()
    }

    pub(crate) fn structure(&self, name: &str) -> Option<Input<'a>> {
        self.member(name).map(|members| Input { members, invalid: self.invalid })
    }

    pub(crate) fn structures(&self, name: &str) -> Result<Vec<Input<'a>>, WireError> {
        Ok(self.list(name)?.iter().map(|members| Input { members, invalid: self.invalid }).collect())
    }
}

/// Cuts one page out of `items`, and names the next. Tokens are opaque to clients and plain to us: `page-20`.
pub(crate) fn page<'i, T>(
    items: &'i [T],
    token: Option<&str>,
    size: usize,
    bad_token: &str,
) -> Result<(&'i [T], Option<String>), WireError> {
    let start = match token {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|at| at.parse::<usize>().ok())
            .filter(|&at| at <= items.len())
            .ok_or_else(|| WireError::client(bad_token, "the token is not one that was handed out"))?,
    };
    let end = start.saturating_add(size).min(items.len());
    Ok((&items[start..end], (end < items.len()).then(|| format!("page-{end}"))))
}
