//! `scaletop.toml`: options that need not be typed. Its keys are the long options without their dashes, by themselves or under the
//! section that they belong to.
//!
//! Two files are read: the user's and the one of the working directory, or instead of both the one that `--config` names. What a
//! file says is understood here, with the line of each value; which value is in force is decided by [`super::settings`]. Two
//! tables of a file are no options: `[keys]` and `[theme]` ([`super::own`]).

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use etcetera::BaseStrategy as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::own::{self, Own};
use crate::cli::{settings, unused};
use crate::files;
use crate::values;

/// The file's name, in the working directory and in the user's folder of configurations.
pub(crate) const FILE_NAME: &str = "scaletop.toml";

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it is named to people.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// Why a file cannot be used. No message repeats a value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {file}: {source}")]
    Read {
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    #[error("there is no {file}, which {asked_by} names: write it, or leave that out")]
    Missing {
        file: String,
        /// The option or the variable.
        asked_by: &'static str,
    },
    #[error("{place}, column {column}{}: this is not TOML: {reason}", key.as_ref().map_or_else(String::new, |key| format!(", key `{key}`")))]
    Syntax {
        place: Place,
        /// In characters, from 1.
        column: usize,
        /// The key whose value it is, where the line says so.
        key: Option<String>,
        reason: String,
    },
    #[error(
        "{place}: unknown key `{key}`{}; keys are options without their dashes, such as max-rate (scaletop config has all)",
        nearest.as_ref().map_or_else(String::new, |nearest| format!(", the nearest is `{nearest}`"))
    )]
    UnknownKey {
        place: Place,
        key: String,
        /// A key that is known and much like it.
        nearest: Option<String>,
    },
    #[error(
        "{place}: there is no section [{section}]{}; sections are {all}",
        nearest.as_ref().map_or_else(String::new, |nearest| format!(", the nearest is [{nearest}]"))
    )]
    UnknownSection { place: Place, section: String, nearest: Option<String>, all: String },
    /// A program to run, in the file of the folder that one happens to be in.
    #[error(
        "{place}: `{PROGRAM}` is a program, and a file that lies in the working directory does not decide what is run: write it into your \
         own file, or name this one with --config"
    )]
    Program { place: Place },
    /// A key that belongs to another section.
    #[error("{place}: `{key}` does not belong to [{section}]: {belongs}")]
    Elsewhere {
        place: Place,
        key: String,
        section: String,
        /// Where it does belong.
        belongs: String,
    },
    #[error("{place}: `{key}` stands twice, also in line {before}: keep one")]
    Twice { place: Place, key: String, before: usize },
    #[error("{place}: `{name}` takes {takes}")]
    BadValue {
        place: Place,
        name: String,
        /// What would have been right.
        takes: &'static str,
    },
    /// An option that only somebody at the command line can mean.
    #[error("{place}: `{key}` is for the command line alone: {why}; type --{key}")]
    TypedOnly { place: Place, key: String, why: &'static str },
}

/// A configuration file, understood.
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    /// As it is named to people: `./scaletop.toml`, `~/.config/scaletop/scaletop.toml`.
    pub name: String,
    /// Its options, in the order of the file.
    pub(super) entries: Vec<Entry>,
    /// Its keys and colors.
    pub(super) own: Own,
}

/// An option that stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The command that it is for, when it is for one alone.
    pub(super) only_for: Option<String>,
    /// The option, by its own name.
    pub(super) key: String,
    pub(super) line: usize,
    /// Its values, as they would be typed.
    pub(super) values: Vec<String>,
}

/// The option that names a program. Whoever changes into somebody else's folder has not agreed to run what lies there.
const PROGRAM: &str = "count-command";

/// Which files there are to read.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The user's own; none where the system does not say where it would be.
    pub user: Option<PathBuf>,
    /// The one of the working directory.
    pub folder: PathBuf,
}

impl Files {
    /// Those of this user and this folder: `$XDG_CONFIG_HOME/scaletop/scaletop.toml` (by default below `~/.config`, on macOS, too;
    /// `%APPDATA%` on Windows) and `./scaletop.toml`.
    pub fn here() -> Self {
        let user = etcetera::choose_base_strategy().ok().map(|at| at.config_dir().join("scaletop").join(FILE_NAME));
        Self { user, folder: Path::new(".").join(FILE_NAME) }
    }

    /// Reads both, the user's first, or in their place the one that is `named`, by what asked for it. A file that is not there is
    /// none, unless it was named.
    pub(super) fn read(
        &self,
        named: Option<(&Path, &'static str)>,
        grammar: &Command,
    ) -> Result<Vec<ConfigFile>, ConfigError> {
        if let Some((path, asked_by)) = named {
            let file = path.display().to_string();
            return match files::read_text(path, files::MOST_TEXT) {
                Ok(text) => Ok(vec![ConfigFile::parse(&file, &text, grammar)?]),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Err(ConfigError::Missing { file, asked_by })
                }
                Err(source) => Err(ConfigError::Read { file, source }),
            };
        }
        let mut read = Vec::new();
        for path in self.user.iter().chain([&self.folder]) {
            let file = shown(path);
            match files::read_regular_text(path, files::MOST_TEXT) {
                Ok(text) => {
                    let parsed = ConfigFile::parse(&file, &text, grammar)?;
                    match parsed.entries.iter().find(|entry| entry.key == PROGRAM) {
                        Some(entry) if path == &self.folder => {
                            return Err(ConfigError::Program { place: Place { file, line: entry.line } });
                        }
                        _ => read.push(parsed),
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                // A folder that others keep to themselves is none of this user's.
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
                Err(source) => return Err(ConfigError::Read { file, source }),
            }
        }
        Ok(read)
    }

    /// As people would name them, the user's first.
    pub(super) fn names(&self) -> Vec<String> {
        self.user.iter().chain([&self.folder]).map(|path| shown(path)).collect()
    }
}

/// A path as people would write it: below the home directory from `~` on.
fn shown(path: &Path) -> String {
    let home = etcetera::home_dir().ok();
    let below = home.as_deref().and_then(|home| path.strip_prefix(home).ok());
    below.map_or_else(|| path.display().to_string(), |rest| Path::new("~").join(rest).display().to_string())
}

impl ConfigFile {
    /// Understands the text of a file; `grammar` is the command line's, built.
    pub(crate) fn parse(name: &str, text: &str, grammar: &Command) -> Result<Self, ConfigError> {
        let document = DeTable::parse(text).map_err(|error| syntax(name, text, &error))?;
        let own = own::read(name, text, document.get_ref())?;
        let mut reader = Reader { name, text, grammar, entries: Vec::new() };
        for (key, value) in document.get_ref() {
            reader.top(key, value)?;
        }
        let mut entries = reader.entries;
        entries.sort_by_key(|entry| entry.line);
        Ok(Self { name: name.to_owned(), entries, own })
    }
}

/// What the parser says, without the line itself: whatever stands there may be a secret.
fn syntax(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| text.floor_char_boundary(span.start));
    let begins = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[begins..].lines().next().unwrap_or_default();
    let key = line.split_once('=').map(|(key, _)| key.trim());
    let is_known = |key: &&str| settings::is_known(key) || *key == "target";
    ConfigError::Syntax {
        place: Place { file: name.to_owned(), line: line_of(text, at) },
        column: text[begins..at].chars().count() + 1,
        key: key.filter(is_known).map(str::to_owned),
        reason: error.message().to_owned(),
    }
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;

/// Reads the options of one file.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    grammar: &'a Command,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn place(&self, key: &Key<'_>) -> Place {
        Place { file: self.name.to_owned(), line: line_of(self.text, key.span().start) }
    }

    /// A key that stands under no section, or a section.
    fn top(&mut self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        let name = key.get_ref().as_ref();
        match value.get_ref() {
            _ if name == own::KEYS => Ok(()),
            DeValue::Table(table) if name == own::THEME => match table.get_key_value(own::BASE) {
                Some((base, value)) => self.option(base, name, None, value),
                None => Ok(()),
            },
            DeValue::Table(table) if settings::is_section(self.grammar, name) => {
                for (key, value) in table {
                    self.in_section(name, key, value)?;
                }
                Ok(())
            }
            DeValue::Table(_) if settings::option(self.grammar, name).is_none() || self.is_nearly_a_section(name) => {
                Err(self.unknown_section(key))
            }
            _ => self.option(key, name, None, value),
        }
    }

    fn in_section(&mut self, section: &str, key: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        let name = key.get_ref().as_ref();
        if settings::is_general(section) {
            let arg = settings::option(self.grammar, name).ok_or_else(|| self.unknown(key, None))?;
            let belongs = settings::sections_of(self.grammar, &settings::key(arg));
            if !belongs.iter().any(|one| one == section) {
                return Err(self.elsewhere(section, key, &belongs));
            }
            return self.option(key, name, None, value);
        }
        let command =
            self.grammar.find_subcommand(section).filter(|command| settings::option_of(command, name).is_some());
        let arg = command.and_then(|command| settings::option_of(command, name));
        if let Some(why) = arg.and_then(|arg| unused::never(section, arg.get_id().as_str())) {
            let (place, key) = (self.place(key), name.to_owned());
            let belongs = format!("{section} does nothing with it, {why}");
            return Err(ConfigError::Elsewhere { place, key, section: section.to_owned(), belongs });
        }
        match command {
            Some(_) => self.option(key, name, Some(section), value),
            None if settings::option(self.grammar, name).is_some() => {
                let why = format!("{section} has no --{name}");
                let (place, key, section) = (self.place(key), name.to_owned(), section.to_owned());
                Err(ConfigError::Elsewhere { place, key, section, belongs: why })
            }
            None => Err(self.unknown(key, Some(section))),
        }
    }

    fn elsewhere(&self, section: &str, key: &Key<'_>, belongs: &[String]) -> ConfigError {
        let belongs: Vec<_> = belongs.iter().map(|one| format!("[{one}]")).collect();
        let belongs = format!("write it under {}, or above all sections", belongs.join(" or "));
        let (place, key) = (self.place(key), key.get_ref().to_string());
        ConfigError::Elsewhere { place, key, section: section.to_owned(), belongs }
    }

    fn unknown(&self, key: &Key<'_>, command: Option<&str>) -> ConfigError {
        let commands = self.grammar.get_subcommands().filter(|one| command.is_none_or(|name| one.get_name() == name));
        let known: Vec<String> = commands.flat_map(Command::get_arguments).filter_map(settings::settable).collect();
        let known = known.iter().map(String::as_str).chain([own::KEYS]);
        let nearest = values::nearest(key.get_ref(), known).map(str::to_owned);
        ConfigError::UnknownKey { place: self.place(key), key: key.get_ref().to_string(), nearest }
    }

    /// Whether an option's name that has a table is most likely that of a section: `requests`.
    fn is_nearly_a_section(&self, name: &str) -> bool {
        settings::sections(self.grammar)
            .iter()
            .any(|section| section.strip_suffix('s') == Some(name) || name.strip_suffix('s') == Some(section))
    }

    fn unknown_section(&self, key: &Key<'_>) -> ConfigError {
        let all = settings::sections(self.grammar);
        let nearest = values::nearest(key.get_ref(), all.iter().map(String::as_str)).map(str::to_owned);
        let section = key.get_ref().to_string();
        ConfigError::UnknownSection { place: self.place(key), section, nearest, all: all.join(", ") }
    }

    /// Takes an option: it exists, may stand in a file, has a value of its kind, and stands there once.
    fn option(
        &mut self,
        key: &Key<'_>,
        name: &str,
        only_for: Option<&str>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let place = self.place(key);
        let found = match only_for {
            Some(command) => {
                self.grammar.find_subcommand(command).and_then(|command| settings::option_of(command, name))
            }
            None => settings::option(self.grammar, name),
        };
        let Some(arg) = found else { return Err(self.unknown(key, None)) };
        let said = key.get_ref().to_string();
        if let Some(why) = settings::typed_only(&settings::key(arg)) {
            return Err(ConfigError::TypedOnly { place, key: said, why });
        }
        let values = words(arg, value.get_ref()).map_err(|takes| ConfigError::BadValue {
            place: place.clone(),
            name: said.clone(),
            takes,
        })?;
        let entry = Entry { only_for: only_for.map(str::to_owned), key: settings::key(arg), line: place.line, values };
        let before = self.entries.iter().find(|one| one.only_for == entry.only_for && one.key == entry.key);
        if let Some(other) = before {
            let (before, line) = (other.line.min(place.line), other.line.max(place.line));
            return Err(ConfigError::Twice { key: said, before, place: Place { line, ..place } });
        }
        self.entries.push(entry);
        Ok(())
    }
}

/// The words that say on the command line what the file says; what would have been right, when it says nothing that an option takes.
fn words(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    const SWITCH: &str = "true or false";
    const ONE: &str = "a text or a number";
    const SOME: &str = "a text, a number, or a list of texts";
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let takes = match (is_switch, settings::takes_several(arg)) {
        (true, _) => SWITCH,
        (false, true) => SOME,
        (false, false) => ONE,
    };
    match value {
        DeValue::Boolean(on) if is_switch || matches!(arg.get_action(), ArgAction::Count) => Ok(vec![on.to_string()]),
        _ if is_switch => Err(takes),
        DeValue::Array(items) if settings::takes_several(arg) => {
            items.iter().map(|item| scalar(item.get_ref()).ok_or(takes)).collect()
        }
        value => scalar(value).map(|word| vec![word]).ok_or(takes),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(|number| number.to_string()),
        _ => None,
    }
}

/// The line, from 1, of a place in a text.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests;
