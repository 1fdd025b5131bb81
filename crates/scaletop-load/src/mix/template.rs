//! A text with values in it: read once, written anew for each request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

use super::values::{Draw, Value, ValueError};

/// Where a text stands: that decides how values in it are written unless they say so themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a path or query: percent-encoded.
    Path,
    /// In a header: as it is.
    Header,
    /// In a body: as it is.
    Body,
}

/// A text with values in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Fixed(String),
    /// A value, how it is written, and which of the request's values it is: each draws its own.
    Value(Value, Escape, u32),
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// As it is.
    None,
    /// Percent-encoded, all but the unreserved characters of RFC 3986.
    Url,
    /// As the inside of a JSON string (RFC 8259, section 7).
    Json,
}

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands for a value while a URL is read: nothing that a URL changes.
const STAND_IN: &str = "scaletop0value";

impl Template {
    /// Reads a text; `columns` are those of the data, and `values` how many values stand in the request before it.
    pub(crate) fn parse(text: &str, place: Place, columns: &[String], values: &mut u32) -> Result<Self, ValueError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                pieces.push(Piece::Fixed(before.to_owned()));
            }
            // The braces may stand between quotes, too.
            let quoted = after.trim_start().strip_prefix('\'').and_then(|inner| inner.find('\''));
            let from = quoted.map_or(0, |at| after.len() - after.trim_start().len() + at + 2);
            let end = from + after[from..].find("}}").ok_or(ValueError::Open)?;
            let (value, escape) = read(after[..end].trim(), place, columns)?;
            pieces.push(Piece::Value(value, escape, *values));
            *values += 1;
            rest = &after[end + 2..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Fixed(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// The text, when there is no value in it.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Fixed(text)] => Some(text),
            _ => None,
        }
    }

    /// Writes it with the values of one request.
    pub(crate) fn write(&self, draw: &Draw<'_>, out: &mut String) {
        let mut written = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(text) => out.push_str(text),
                Piece::Value(value, Escape::None, place) => value.write(draw, *place, out),
                Piece::Value(value, escape, place) => {
                    written.clear();
                    value.write(draw, *place, &mut written);
                    match escape {
                        // Most texts have nothing to escape.
                        Escape::Json if written.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') => {
                            out.push_str(&written);
                        }
                        Escape::Json => json(&written, out),
                        _ => out.extend(utf8_percent_encode(&written, RESERVED)),
                    }
                }
            }
        }
    }

    /// As a path with its query of `base`; `None` when it is not of the same origin. What a URL has to have encoded is.
    pub(crate) fn on(&self, base: &Url) -> Result<Option<Self>, url::ParseError> {
        let text: String = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Fixed(text) => text.as_str(),
                Piece::Value(..) => STAND_IN,
            })
            .collect();
        let url = base.join(&text)?;
        if url.origin() != base.origin() {
            return Ok(None);
        }
        let mut values = self.pieces.iter().filter(|piece| matches!(piece, Piece::Value(..)));
        let mut pieces = Vec::new();
        for (at, fixed) in url[Position::BeforePath..Position::AfterQuery].split(STAND_IN).enumerate() {
            if at > 0 {
                pieces.extend(values.next().cloned());
            }
            if !fixed.is_empty() {
                pieces.push(Piece::Fixed(fixed.to_owned()));
            }
        }
        // A whole path may be a value: then it has its slash itself.
        let is_whole = matches!(self.pieces.first(), Some(Piece::Value(_, Escape::None, _)));
        if is_whole && matches!(pieces.first(), Some(Piece::Fixed(slash)) if slash == "/") {
            pieces.remove(0);
        }
        Ok(Some(Self { pieces }))
    }

    /// The text with each row of data, and the number of the row; once without one when no column stands in it.
    pub(crate) fn in_every_row<'a>(
        &'a self,
        rows: &'a [Vec<String>],
    ) -> impl Iterator<Item = (Option<usize>, Vec<u8>)> + 'a {
        let has_column = self.pieces.iter().any(|piece| matches!(piece, Piece::Value(Value::Column(_), ..)));
        let rows = if has_column { rows } else { &[] };
        let none = if has_column { None } else { Some((None, &[][..])) };
        let each = rows.iter().enumerate().map(|(at, row)| (Some(at), &row[..]));
        none.into_iter().chain(each).map(|(at, row)| {
            let mut text = String::new();
            self.write(&Draw { seed: 0, arrival: crate::pacer::Arrival::FIRST, started: 0, row }, &mut text);
            (at, text.into_bytes())
        })
    }
}

/// What stands between the braces: a value, and after `|` how it is written.
fn read(text: &str, place: Place, columns: &[String]) -> Result<(Value, Escape), ValueError> {
    let after_quotes = text.rfind('\'').map_or(0, |at| at + 1);
    let (value, escape) = match text[after_quotes..].find('|') {
        Some(at) => {
            let (value, how) = (text[..after_quotes + at].trim(), text[after_quotes + at + 1..].trim());
            let escape = match how {
                "raw" => Escape::None,
                "url" => Escape::Url,
                "json" => Escape::Json,
                _ => return Err(ValueError::Unknown(text.to_owned())),
            };
            (value, Some(escape))
        }
        None => (text, None),
    };
    let by_place = if place == Place::Path { Escape::Url } else { Escape::None };
    Ok((Value::parse(value, columns)?, escape.unwrap_or(by_place)))
}

/// As the inside of a JSON string.
fn json(text: &str, out: &mut String) {
    // A string is always written as one.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
}
