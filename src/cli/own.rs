//! The tables `[keys]` and `[theme]` of `scaletop.toml`, as they stand there. What they mean is known to those who have keys and
//! colours; here are only the words, each with its line.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::config_file::ConfigError;

/// The name under which `[theme]` takes what the option `--theme` does: the colours that the others are changes of.
pub(super) const BASE: &str = "base";

/// What somebody wants of keys and colours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The file that says so.
    pub file: PathBuf,
    /// `[keys]`, in the order of the file.
    pub keys: Vec<OwnEntry>,
    /// `[theme]`, in the order of the file.
    pub theme: Vec<OwnEntry>,
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEntry {
    /// The line in the file, from 1.
    pub line: usize,
    /// The inner table that it stands in: `charts` in `[keys.charts]`.
    pub place: Option<String>,
    pub name: String,
    /// One value, or those of a list.
    pub values: Vec<String>,
}

/// What a value of a table may be.
#[derive(Clone, Copy)]
struct Takes {
    lists: bool,
    numbers: bool,
    words: &'static str,
}

const KEYS: Takes =
    Takes { lists: true, numbers: false, words: "a key or a list of keys, such as \"s\", [\"s\", \"f5\"] or []" };

const THEME: Takes = Takes {
    lists: false,
    numbers: true,
    words: "a colour: one of the 16 by its name (\"red\"), \"#rrggbb\", or 0 to 255 of the 256",
};

/// Reads both tables of the file at `path`, whose text is TOML.
pub(super) fn read(path: &Path, text: &str) -> Result<Own, ConfigError> {
    let document = DeTable::parse(text)
        .map_err(|source| ConfigError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
    let mut own = Own { file: path.to_owned(), ..Own::default() };
    for (name, value) in document.get_ref() {
        match (name.get_ref().as_ref(), value.get_ref()) {
            ("keys", DeValue::Table(table)) => entries(path, text, table, None, KEYS, &mut own.keys)?,
            ("keys", _) => {
                let line = line_of(text, name.span().start);
                let (path, name) = (path.to_owned(), "keys".to_owned());
                return Err(ConfigError::BadOwn {
                    path,
                    line,
                    name,
                    takes: "a table: [keys], and under it spike = \"f5\"",
                });
            }
            ("theme", DeValue::Table(table)) => entries(path, text, table, None, THEME, &mut own.theme)?,
            // `theme = "dark"` is the option.
            _ => {}
        }
    }
    own.keys.sort_by_key(|entry| entry.line);
    own.theme.sort_by_key(|entry| entry.line);
    Ok(own)
}

fn entries(
    path: &Path,
    text: &str,
    table: &DeTable<'_>,
    place: Option<&str>,
    takes: Takes,
    into: &mut Vec<OwnEntry>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let (line, name) = (line_of(text, name.span().start), name.get_ref().as_ref());
        if let (DeValue::Table(inner), None) = (value.get_ref(), place) {
            entries(path, text, inner, Some(name), takes, into)?;
            continue;
        }
        let place = place.map(str::to_owned);
        if !takes.lists && place.is_none() && name == BASE {
            continue;
        }
        let values = values(value, takes).ok_or_else(|| ConfigError::BadOwn {
            path: path.to_owned(),
            line,
            name: name.to_owned(),
            takes: takes.words,
        })?;
        into.push(OwnEntry { line, place, name: name.to_owned(), values });
    }
    Ok(())
}

fn values(value: &Spanned<DeValue<'_>>, takes: Takes) -> Option<Vec<String>> {
    match value.get_ref() {
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Integer(number) if takes.numbers => Some(vec![number.to_string()]),
        DeValue::Array(items) if takes.lists => {
            let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
            items.iter().map(text).collect()
        }
        _ => None,
    }
}

/// The line, from 1, of a place in a text.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
