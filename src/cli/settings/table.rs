//! All options as a table: for people, with what is in force, and for those who describe a file.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::{
    CONSENT, Refusal, Source, TARGET, commands, in_force, is_general, key, option_of, sections, sections_of, settable,
    takes_several, typed_only,
};
use crate::cli::config_file::ConfigFile;
use crate::cli::{environment, unused};
use crate::target::hide_secrets;

/// All that is in force.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// The files that are looked for, the one that goes before the other first, each with whether it is there.
    pub files: Vec<(String, bool)>,
    pub options: Vec<Shown>,
}

/// An option for people: in which section, with which value, from where.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The section of a file that it belongs to.
    pub section: String,
    pub key: String,
    /// Its values as they would be typed, without what may be a secret; empty when it has none.
    pub values: Vec<String>,
    /// Of which kind they are.
    pub kind: Kind,
    pub source: Source,
    /// What holds where it has no value.
    pub otherwise: Option<String>,
    /// Whether it may stand in a file.
    pub is_for_files: bool,
    /// Whether something is left out of its values, which may be a secret.
    pub is_hidden: bool,
}

/// What an option takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Switch,
    /// true or false, or a number.
    Level,
    /// One of these words.
    Choice(Vec<String>),
    /// One text or number.
    One,
    /// A list of them.
    List,
}

/// Of which kind the values of an option are.
pub(in crate::cli) fn kind(arg: &Arg) -> Kind {
    let choices: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    match arg.get_action() {
        ArgAction::SetTrue => Kind::Switch,
        ArgAction::Count => Kind::Level,
        _ if takes_several(arg) => Kind::List,
        _ if !choices.is_empty() => Kind::Choice(choices),
        _ => Kind::One,
    }
}

/// An option that can be set in a file, for those who describe the file.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// Its sections: one, or one for each command that has it.
    pub sections: Vec<String>,
    pub key: String,
    pub kind: Kind,
    /// What it does, in a sentence or two.
    pub help: String,
    /// Its values where nobody says another.
    pub defaults: Vec<String>,
    /// What its values look like: `TIME`.
    pub form: String,
    /// Its variable.
    pub variable: String,
}

/// Every option that can stand in a file, once.
pub(crate) fn described() -> Vec<Described> {
    let grammar = environment::grammar();
    let mut described: Vec<Described> = Vec::new();
    for arg in commands(grammar).flat_map(Command::get_arguments) {
        let Some(key) = settable(arg).filter(|key| may_stand(key)) else { continue };
        if described.iter().any(|one| one.key == key) {
            continue;
        }
        described.push(Described {
            sections: sections_of(grammar, &key),
            kind: kind(arg),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            defaults: arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect(),
            form: arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default(),
            variable: arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            key,
        });
    }
    described
}

/// Whether an option may stand in a file.
pub(super) fn may_stand(key: &str) -> bool {
    typed_only(key).is_none() && key != CONSENT
}

/// The commands that have settings, with the options of each that may stand in a file.
pub(crate) fn of_commands() -> Vec<(String, Vec<String>)> {
    let options = |command: &Command| -> Vec<String> {
        let is_used = |arg: &&Arg| unused::never(command.get_name(), arg.get_id().as_str()).is_none();
        command.get_arguments().filter(is_used).filter_map(settable).filter(|key| may_stand(key)).collect()
    };
    let all = commands(environment::grammar()).map(|command| (command.get_name().to_owned(), options(command)));
    all.filter(|(_, options)| !options.is_empty()).collect()
}

/// What is in force for every command, in the order of the sections; with a `command`, what is in force for that one.
pub(in crate::cli) fn shown(
    grammar: &Command,
    command: Option<&str>,
    files: &[ConfigFile],
    variables: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<Shown>, Refusal> {
    let mut shown: Vec<Shown> = Vec::new();
    for one in commands(grammar).filter(|one| command.is_none_or(|name| name == one.get_name())) {
        let of_command = in_force(one, None, files, variables)?;
        // Without what a file says of this command alone, which stands under its own name.
        let of_all = in_force(&one.clone().name(""), None, files, variables)?;
        for (of_command, of_all) in of_command.into_iter().zip(of_all) {
            let Some(arg) = one.get_arguments().find(|arg| arg.get_id() == of_command.id.as_str()) else { continue };
            let key = key(arg);
            // Another name for what is shown already.
            let is_hidden = || commands(grammar).filter_map(|one| option_of(one, &key)).all(Arg::is_hide_set);
            let is_echo = kind(arg) == Kind::Switch && of_command.source == Source::Default && is_hidden();
            if typed_only(&key).is_some() || is_echo {
                continue;
            }
            let section = sections_of(grammar, &key).into_iter().find(|section| is_general(section));
            let own = one.get_name().to_owned();
            let rows = match section {
                Some(section) if command.is_some() || of_command.source == of_all.source => vec![(section, of_command)],
                Some(section) => vec![(section, of_all), (own, of_command)],
                None => vec![(own, of_command)],
            };
            for (section, setting) in rows {
                if shown.iter().any(|other| other.section == section && other.key == key) {
                    continue;
                }
                let values: Vec<_> = setting.words.iter().map(|word| public(arg, &word.to_string_lossy())).collect();
                let is_hidden =
                    values.iter().zip(&setting.words).any(|(shown, word)| word.as_os_str() != shown.as_str());
                let source = setting.source;
                shown.push(Shown {
                    section,
                    key: key.clone(),
                    values,
                    kind: kind(arg),
                    source,
                    otherwise: otherwise(arg),
                    is_for_files: may_stand(&key),
                    is_hidden,
                });
            }
        }
    }
    let order = sections(grammar);
    shown.sort_by_key(|one| (order.iter().position(|section| *section == one.section), one.key != TARGET));
    Ok(shown)
}

/// What holds where an option has no value, as its help says it.
fn otherwise(arg: &Arg) -> Option<String> {
    let help = arg.get_help()?.to_string();
    let (_, default) = help.split_once("[default: ")?;
    Some(default.trim_end_matches(']').to_owned())
}

/// A value without what may be a secret in it.
fn public(arg: &Arg, word: &str) -> String {
    match arg.get_long() {
        // The name of a file is none.
        Some("header" | "body") if word.starts_with('@') => word.to_owned(),
        Some("header") => word.split_once(':').map_or_else(|| "…".to_owned(), |(name, _)| format!("{name}: …")),
        // The program alone: its arguments may be.
        Some("count-command") => match word.trim().split_once(char::is_whitespace) {
            Some((program, _)) => format!("{program} …"),
            None => word.to_owned(),
        },
        Some("count-query" | "count-pointer") => word.to_owned(),
        Some("body" | "user") => "…".to_owned(),
        Some("path") => word.split_once('?').map_or_else(|| word.to_owned(), |(path, _)| format!("{path}?…")),
        _ => hide_secrets(word),
    }
}
