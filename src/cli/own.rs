//! The tables `[keys]` and `[theme]` of `scaletop.toml`, as they stand there. What they mean is known to those who have keys and
//! colors; here are only the words, each with its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::config_file::{ConfigError, Place, line_of};

/// The table of keys.
pub(super) const KEYS: &str = "keys";

/// The table of colors, and the option that chooses between those that there are.
pub(super) const THEME: &str = "theme";

/// The name under which `[theme]` takes what the option `--theme` does: the colors that the others are changes of.
pub(super) const BASE: &str = "base";

/// What somebody wants of keys and colors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// `[keys]`, in the order of the file.
    pub keys: Vec<OwnEntry>,
    /// `[theme]`, in the order of the file.
    pub theme: Vec<OwnEntry>,
}

impl Own {
    /// These with what another file says in addition; of two that are for the same thing the other's counts.
    #[must_use]
    pub(super) fn with(mut self, other: &Self) -> Self {
        for (own, others) in [(&mut self.keys, &other.keys), (&mut self.theme, &other.theme)] {
            own.retain(|one| !others.iter().any(|other| (&other.inner, &other.name) == (&one.inner, &one.name)));
            own.extend(others.iter().cloned());
        }
        self
    }
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEntry {
    pub place: Place,
    /// The inner table that it stands in: `charts` in `[keys.charts]`.
    pub inner: Option<String>,
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

const KEYS_TAKE: Takes =
    Takes { lists: true, numbers: false, words: "a key or a list of keys, such as \"s\", [\"s\", \"f5\"] or []" };

const THEME_TAKES: Takes = Takes {
    lists: false,
    numbers: true,
    words: "a color: one of the 16 by its name (\"red\"), \"#rrggbb\", or 0 to 255 of the 256",
};

/// Reads both tables of a file.
pub(super) fn read(file: &str, text: &str, document: &DeTable<'_>) -> Result<Own, ConfigError> {
    let mut own = Own::default();
    let of = Reader { file, text };
    for (name, value) in document {
        match (name.get_ref().as_ref(), value.get_ref()) {
            (KEYS, DeValue::Table(table)) => of.entries(table, None, KEYS_TAKE, &mut own.keys)?,
            (KEYS, _) => {
                let (place, name) = (of.place(name.span().start), KEYS.to_owned());
                let takes = "a table: [keys], and under it spike = \"f5\"";
                return Err(ConfigError::BadValue { place, name, takes });
            }
            (THEME, DeValue::Table(table)) => of.entries(table, None, THEME_TAKES, &mut own.theme)?,
            // `theme = "dark"` is the option.
            _ => {}
        }
    }
    own.keys.sort_by_key(|entry| entry.place.line);
    own.theme.sort_by_key(|entry| entry.place.line);
    Ok(own)
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn place(self, at: usize) -> Place {
        Place { file: self.file.to_owned(), line: line_of(self.text, at) }
    }

    fn entries(
        self,
        table: &DeTable<'_>,
        inner: Option<&str>,
        takes: Takes,
        into: &mut Vec<OwnEntry>,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let (place, name) = (self.place(name.span().start), name.get_ref().as_ref());
            if let (DeValue::Table(table), None) = (value.get_ref(), inner) {
                self.entries(table, Some(name), takes, into)?;
                continue;
            }
            if !takes.lists && inner.is_none() && name == BASE {
                continue;
            }
            let Some(values) = values(value, takes) else {
                return Err(ConfigError::BadValue { place, name: name.to_owned(), takes: takes.words });
            };
            into.push(OwnEntry { place, inner: inner.map(str::to_owned), name: name.to_owned(), values });
        }
        Ok(())
    }
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
