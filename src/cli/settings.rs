//! Which value of an option is in force, and where it comes from: what was typed goes before a variable, a variable before the file
//! of the folder, that before the user's, and any of them before the default.
//!
//! A source is known, never guessed: each value is read by the option's own parser as what it is, before all of them are put
//! together. One thing no file can say: that a host may be load-tested.

mod table;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::config_file::{ConfigFile, Entry, Place};
use crate::cli::{environment, unused};
use crate::files;
use crate::values;

pub(crate) use table::{Described, described, of_commands};
pub(crate) use table::{InForce, Kind, Shown};
pub(super) use table::{kind, shown};

/// The key that only a person can turn: whether a host may be load-tested.
pub(super) const CONSENT: &str = "yes";

/// The name of what is measured, in files and variables; on the command line it is a word by itself.
pub(super) const TARGET: &str = "target";

/// Options that stand in no file, each with the reason; nor in a variable, but for those that have one.
pub(super) const TYPED_ONLY: [(&str, &str); 19] = [
    ("check", "it makes the command another one"),
    ("list", "it makes the command another one"),
    ("report-only", "it makes the command another one"),
    ("policy", "it makes the command another one"),
    ("account", "it belongs to --policy"),
    ("repository", "it belongs to --policy"),
    ("schema", "it makes the command another one"),
    ("plan", "it names a file to write"),
    ("html", "it names a file to write"),
    ("dir", "it names files to write"),
    ("baseline", "it names what one comparison is with"),
    ("baseline-optional", "it belongs to --baseline"),
    ("fail-if", "it decides what one comparison is for"),
    ("otlp", "it gets the headers of OTEL_EXPORTER_OTLP_HEADERS, which may be secrets"),
    ("settings", "it makes the command another one"),
    ("config", "it names the file itself"),
    ("data", "it means two things: body or requests-data stand in a file"),
    ("panic-after", "it is for tests"),
    (CONSENT, "nobody but you can say that a host may be load-tested"),
];

/// Sections of a file that hold for every command, each with the heading of its options in the help.
const SECTIONS: [(&str, &str); 8] = [
    ("target", "Cloud"),
    ("request", "Request"),
    ("load", "Load"),
    ("fleet", "Fleet"),
    ("count", "Instance counts"),
    ("cluster", "Embedded cluster (target demo)"),
    ("output", "Output"),
    ("screen", "Screen"),
];

/// Commands that read no settings: they do nothing that settings are for.
const WITHOUT_SETTINGS: [&str; 6] = ["completions", "man", "init", "config", "fleet", "help"];

/// Where a value comes from. What is greater goes before what is less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// A line of a file.
    File(Place),
    /// A variable of the environment.
    Variable(String),
    Typed,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(Place { file, line }) => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Typed => f.write_str("typed"),
        }
    }
}

/// An option that was said, by its key, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub key: String,
    pub source: Source,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File(place) => write!(f, "{} stands in {place}", self.key),
            other => write!(f, "{} is set by {other}", self.key),
        }
    }
}

/// Who said what of a command's options; defaults are nobody's.
pub(super) fn said(command: &Command, settings: &[Setting]) -> Vec<Said> {
    let said = |one: &Setting| {
        let arg = command.get_arguments().find(|arg| arg.get_id() == one.id.as_str())?;
        (one.source != Source::Default).then(|| Said { key: key(arg), source: one.source.clone() })
    };
    settings.iter().filter_map(said).collect()
}

/// An option with the value that is in force.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// What the command line's grammar calls it.
    pub(super) id: String,
    pub(super) source: Source,
    /// How the source is reached in the order of precedence; the highest goes before the others.
    rank: usize,
    /// As it would be typed; empty for a list that is.
    pub(super) words: Vec<OsString>,
}

/// Why the settings make no sense together.
pub(super) enum Refusal {
    /// A value is none, in the words of the option's own parser.
    Value { error: clap::Error, arg: Box<Arg>, source: Source },
    /// Two options of one source exclude each other.
    Both(String),
}

/// What an option is called in files: its long name, or `target`.
pub(super) fn key(arg: &Arg) -> String {
    arg.get_long().unwrap_or(TARGET).to_owned()
}

/// The key of what can be set in advance; `None` for words such as a session or a plan, which say what a command is done to, and for
/// help and version.
pub(super) fn settable(arg: &Arg) -> Option<String> {
    let is_action =
        matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version);
    match arg.get_long() {
        Some(long) if !is_action => Some(long.to_owned()),
        None if arg.get_id() == TARGET => Some(TARGET.to_owned()),
        _ => None,
    }
}

/// Why an option cannot stand in a file, when it cannot; consent is another matter, and told otherwise.
pub(super) fn typed_only(key: &str) -> Option<&'static str> {
    TYPED_ONLY.iter().find(|(one, _)| *one == key && key != CONSENT).map(|(_, why)| *why)
}

/// Commands that have settings.
fn commands(grammar: &Command) -> impl Iterator<Item = &Command> {
    grammar.get_subcommands().filter(|command| uses_settings(command.get_name()))
}

/// Whether a command has settings.
pub(super) fn uses_settings(command: &str) -> bool {
    !WITHOUT_SETTINGS.contains(&command)
}

/// Whether files and variables are read for a command: for those that have settings, and for the one that shows them.
pub(super) fn reads_files(command: &str) -> bool {
    uses_settings(command) || command == "config"
}

/// The option of some command that is called `name`, by its own name or another.
pub(super) fn option<'a>(grammar: &'a Command, name: &str) -> Option<&'a Arg> {
    commands(grammar).find_map(|command| option_of(command, name))
}

/// The option of one command.
pub(super) fn option_of<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        let alias = || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name));
        settable(arg).is_some_and(|key| key == name) || alias()
    })
}

/// Whether `name` is an option of any command.
pub(super) fn is_known(name: &str) -> bool {
    option(environment::grammar(), name).is_some()
}

/// Whether an option may be given several times, or takes several values.
pub(super) fn takes_several(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Whether a section holds for every command.
pub(super) fn is_general(section: &str) -> bool {
    SECTIONS.iter().any(|(name, _)| *name == section)
}

/// Whether there is a section of that name.
pub(super) fn is_section(grammar: &Command, section: &str) -> bool {
    sections(grammar).iter().any(|one| one == section)
}

/// All sections but `[keys]` and `[theme]`: those for every command, then one for each command that has settings.
pub(super) fn sections(grammar: &Command) -> Vec<String> {
    let is_one = |arg: &Arg| settable(arg).is_some_and(|key| table::may_stand(&key));
    let of_commands = commands(grammar).filter(|command| command.get_arguments().any(is_one));
    let names = of_commands.map(Command::get_name).filter(|name| !is_general(name));
    SECTIONS.iter().map(|(name, _)| *name).chain(names).map(str::to_owned).collect()
}

/// The sections that an option belongs to: one that holds for every command, or those of the commands that have it.
pub(super) fn sections_of(grammar: &Command, key: &str) -> Vec<String> {
    if key == TARGET {
        return vec![TARGET.to_owned()];
    }
    let args = || commands(grammar).filter_map(|command| Some((command, option_of(command, key)?)));
    let general = args().find_map(|(_, arg)| {
        let heading = arg.get_help_heading()?;
        SECTIONS.iter().find(|(_, of)| *of == heading).map(|(name, _)| (*name).to_owned())
    });
    general.map_or_else(|| args().map(|(command, _)| command.get_name().to_owned()).collect(), |name| vec![name])
}

/// The setting of each option of `command`, for what was typed, the files in their order and the variables.
pub(super) fn in_force(
    command: &Command,
    typed: Option<&ArgMatches>,
    files: &[ConfigFile],
    variables: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<Setting>, Refusal> {
    let mut settings = Vec::new();
    for arg in command.get_arguments().filter(|arg| settable(arg).is_some()) {
        settings.push(setting(command, arg, typed, files, variables)?);
    }
    overrule(command, &mut settings)?;
    overrule_several(command, &mut settings);
    for (option, header) in unused::HEADERS {
        overrule_header(&mut settings, option, header)?;
    }
    Ok(settings)
}

fn setting(
    command: &Command,
    arg: &Arg,
    typed: Option<&ArgMatches>,
    files: &[ConfigFile],
    variables: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Setting, Refusal> {
    let id = arg.get_id().to_string();
    let of = |source, rank, words| Setting { id: id.clone(), source, rank, words };
    if let Some(typed) = typed.filter(|typed| typed.value_source(&id) == Some(ValueSource::CommandLine)) {
        let words = typed.get_raw(&id).map(|words| words.map(OsString::from).collect()).unwrap_or_default();
        return Ok(of(Source::Typed, usize::MAX, words));
    }
    let variable = arg.get_env().and_then(|name| name.to_str());
    if let Some((name, value)) = variable.and_then(|name| Some((name, variables(name)?))) {
        let source = Source::Variable(name.to_owned());
        let words = checked(arg, split(arg, value), &source)?;
        return Ok(of(source, usize::MAX - 1, words));
    }
    let key = key(arg);
    if key != CONSENT {
        for (at, file) in files.iter().enumerate().rev() {
            let is_meant = |entry: &&Entry, only: Option<&str>| entry.key == key && entry.only_for.as_deref() == only;
            let of_command = file.entries.iter().find(|entry| is_meant(entry, Some(command.get_name())));
            let Some(entry) = of_command.or_else(|| file.entries.iter().find(|entry| is_meant(entry, None))) else {
                continue;
            };
            let source = Source::File(Place { file: file.name.clone(), line: entry.line });
            let words = entry.values.iter().flat_map(|value| split(arg, value.into())).collect();
            return Ok(of(source.clone(), 1 + at, checked(arg, words, &source)?));
        }
    }
    let words = arg.get_default_values().iter().map(clap::builder::OsStr::to_os_string).collect();
    Ok(of(Source::Default, 0, words))
}

/// Refuses a file with a value that the option's own parser does not take, whichever command is asked for.
pub(super) fn check(grammar: &Command, file: &ConfigFile) -> Result<(), Refusal> {
    for entry in &file.entries {
        let Some(arg) = option(grammar, &entry.key) else { continue };
        let source = Source::File(Place { file: file.name.clone(), line: entry.line });
        checked(arg, entry.values.iter().flat_map(|value| split(arg, value.into())).collect(), &source)?;
    }
    Ok(())
}

/// What to say of a file that agrees to load tests: it has no effect.
pub(super) fn consent_note(file: &ConfigFile) -> Option<String> {
    let entry = file.entries.iter().find(|entry| entry.key == CONSENT && entry.values == ["true"])?;
    Some(format!(
        "{}, line {}: `{CONSENT}` has no effect, a file cannot say that a host may be load-tested; say so with --yes",
        file.name, entry.line
    ))
}

/// Of options that say the same in two ways, or opposite things, the one whose source goes before the other's is in force.
fn overrule(command: &Command, settings: &mut [Setting]) -> Result<(), Refusal> {
    let says = |one: &Setting| one.rank > 0 && one.words.iter().all(|word| word != "false" && word != "0");
    for at in 0..settings.len() {
        let other = unused::counterpart(&settings[at].id)
            .and_then(|other| settings.iter().position(|one| one.id == other))
            .filter(|other| *other > at);
        let Some(other) = other else { continue };
        let (one, two) = (&settings[at], &settings[other]);
        if !says(one) || !says(two) {
            continue;
        }
        let loser = match one.rank.cmp(&two.rank) {
            std::cmp::Ordering::Less => at,
            std::cmp::Ordering::Greater => other,
            // What was typed so is told by the grammar.
            std::cmp::Ordering::Equal if one.rank == usize::MAX => continue,
            std::cmp::Ordering::Equal => {
                let told = |setting: &Setting| {
                    let arg = command.get_arguments().find(|arg| arg.get_id() == setting.id.as_str());
                    format!("{} ({})", setting.source, arg.map_or_else(String::new, |arg| format!("--{}", key(arg))))
                };
                return Err(Refusal::Both(format!("{} and {} exclude each other: keep one", told(one), told(two))));
            }
        };
        unset(command, &mut settings[loser]);
    }
    Ok(())
}

/// Of several requests and what one request is, the one whose source goes before the other's is in force. Of the same source both are
/// left, and refused.
fn overrule_several(command: &Command, settings: &mut [Setting]) {
    let at = |settings: &[Setting], id: &str| settings.iter().position(|one| one.id == id && one.rank > 0);
    for id in unused::OF_ONE_REQUEST {
        let (Some(several), Some(one)) = (at(settings, "requests"), at(settings, id)) else { continue };
        match settings[one].rank.cmp(&settings[several].rank) {
            std::cmp::Ordering::Greater => unset(command, &mut settings[several]),
            std::cmp::Ordering::Less => unset(command, &mut settings[one]),
            std::cmp::Ordering::Equal => {}
        }
    }
}

/// Puts the default in the place of what was said.
fn unset(command: &Command, setting: &mut Setting) {
    let arg = command.get_arguments().find(|arg| arg.get_id() == setting.id.as_str());
    let words = arg.map(Arg::get_default_values).unwrap_or_default();
    setting.words = words.iter().map(clap::builder::OsStr::to_os_string).collect();
    (setting.source, setting.rank) = (Source::Default, 0);
}

/// Of an option that is one header and that header by its name, the one whose source goes before the other's is in force. A file of
/// headers that has it is taken line by line.
fn overrule_header(settings: &mut [Setting], option: &str, header: &str) -> Result<(), Refusal> {
    let is_it = |word: &OsString| {
        let name = word.to_str().and_then(|word| word.split_once(':')).map(|(name, _)| name.trim());
        name.is_some_and(|name| name.eq_ignore_ascii_case(header))
    };
    let at = |id: &str| settings.iter().position(|one| one.id == id && one.rank > 0);
    let (Some(option), Some(headers)) = (at(option), at("headers")) else { return Ok(()) };
    let in_lines = |word: OsString| match lines_of(&word) {
        Some(lines) if lines.iter().any(is_it) => lines,
        _ => vec![word],
    };
    let words = std::mem::take(&mut settings[headers].words);
    settings[headers].words = words.into_iter().flat_map(in_lines).collect();
    if !settings[headers].words.iter().any(is_it) {
        return Ok(());
    }
    match settings[option].rank.cmp(&settings[headers].rank) {
        std::cmp::Ordering::Greater => settings[headers].words.retain(|word| !is_it(word)),
        std::cmp::Ordering::Less => {
            settings[option].words.clear();
            (settings[option].source, settings[option].rank) = (Source::Default, 0);
        }
        std::cmp::Ordering::Equal => {
            let name = settings[option].id.replace('_', "-");
            let (one, two) = (&settings[option].source, &settings[headers].source);
            return Err(Refusal::Both(format!(
                "--{name} ({one}) and a header {header} ({two}) say the same: keep one"
            )));
        }
    }
    Ok(())
}

/// The headers in the file that a word names, `@FILE`; `None` where it names none, or none that can be read: what is wrong with one is
/// told by whoever sends it. Standard input can be read only once.
pub(super) fn lines_of(word: &OsStr) -> Option<Vec<OsString>> {
    let path = Path::new(word.to_str()?.strip_prefix('@')?);
    if files::is_standard_input(path) {
        return None;
    }
    let text = files::read_text(path, files::MOST_TEXT).ok()?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let is_sound = lines.iter().all(|line| values::header(line).is_ok());
    is_sound.then(|| lines.into_iter().map(OsString::from).collect())
}

/// A text with several values, where the option says how they are told apart.
fn split(arg: &Arg, value: OsString) -> Vec<OsString> {
    match (arg.get_value_delimiter(), value.to_str()) {
        (Some(delimiter), Some(text)) => text.split(delimiter).map(OsString::from).collect(),
        _ => vec![value],
    }
}

/// The words, when the option's own parser takes each of them; those of a switch as `true` and `false`.
fn checked(arg: &Arg, words: Vec<OsString>, source: &Source) -> Result<Vec<OsString>, Refusal> {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let parser = if is_switch { BoolishValueParser::new().into() } else { arg.get_value_parser().clone() };
    let alone = Arg::new("value").long(key(arg)).action(ArgAction::Append).value_parser(parser);
    let command = Command::new("scaletop").no_binary_name(true).disable_help_flag(true).arg(alone);
    let typed = words.iter().map(|word| {
        let mut typed = OsString::from(format!("--{}=", key(arg)));
        typed.push(word);
        typed
    });
    match command.try_get_matches_from(typed) {
        Ok(found) if is_switch => {
            let on = found.get_many::<bool>("value").into_iter().flatten();
            Ok(on.map(|on| OsString::from(on.to_string())).collect())
        }
        Ok(_) => Ok(words),
        Err(error) => Err(Refusal::Value { error, arg: Box::new(arg.clone()), source: source.clone() }),
    }
}

#[cfg(test)]
mod tests;
