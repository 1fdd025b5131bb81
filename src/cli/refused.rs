//! What is said of words that are no command line: what was wrong, without the secrets in it, and what to write; a guess only
//! where the names are near.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::num::{ParseFloatError, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::cli::environment::Unparsed;
use crate::cli::{brevity, habits};
use crate::target::{hide_secrets, with_scheme};

/// Names are near when so many letters at most are added, left out or replaced.
const FEW: usize = 2;

/// And when so many letters at their beginnings are the same.
const PREFIX: usize = 4;

/// The help that was asked for, or what is wrong with `words`.
pub(super) fn unparsed(mut error: clap::Error, grammar: &Command, words: &[OsString]) -> Unparsed {
    if !error.use_stderr() {
        let help = brevity::help(&error, grammar, words);
        let is_colored = std::io::stdout().is_terminal() && has_colors(&|name| std::env::var_os(name));
        let text = if is_colored { help.ansi().to_string() } else { help.to_string() };
        return Unparsed { text, is_error: false };
    }
    // Of the word as it was typed: it hides by itself what it must.
    let target = text(&error, ContextKind::InvalidSubcommand).and_then(|word| with_scheme(&word));
    hide(&mut error, grammar);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown_option(&mut error, grammar, words),
        ErrorKind::InvalidSubcommand => unknown_command(&mut error, target, grammar),
        // The usage would be that of all the options that were typed.
        ErrorKind::ArgumentConflict => drop(error.remove(ContextKind::Usage)),
        ErrorKind::MissingRequiredArgument if lacks_target(&error) => {
            suggest(
                &mut error,
                "it can also stand in scaletop.toml (target = \"demo\") or in SCALETOP_TARGET".to_owned(),
            );
        }
        ErrorKind::ValueValidation => {
            if let Some(text) = no_number(&error) {
                return Unparsed::error(&text);
            }
        }
        _ => {}
    }
    Unparsed { text: error.render().to_string(), is_error: true }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Replaces whatever may be a secret in what was typed.
fn hide(error: &mut clap::Error, grammar: &Command) {
    if let (Some(name), Some(_)) = (text(error, ContextKind::InvalidArg), text(error, ContextKind::InvalidValue)) {
        let mut args = grammar.get_subcommands().flat_map(Command::get_arguments);
        if args.any(|arg: &Arg| arg.to_string() == name && arg.is_hide_env_values_set()) {
            error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
        }
    }
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        // Elsewhere the argument is one of ours, by its name.
        if kind == ContextKind::InvalidArg && error.kind() != ErrorKind::UnknownArgument {
            continue;
        }
        if let Some(said) = text(error, kind) {
            error.insert(kind, ContextValue::String(hide_secrets(&said)));
        }
    }
}

fn suggest(error: &mut clap::Error, tip: String) {
    error.remove(ContextKind::Suggested);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// Says of a word that is no command what it may be: a target, a plan, or a command that is near.
fn unknown_command(error: &mut clap::Error, target: Option<String>, grammar: &Command) {
    let Some(word) = text(error, ContextKind::InvalidSubcommand) else { return };
    let near = || {
        let names = grammar.get_subcommands().map(Command::get_name).filter(|name| is_near(&word, name));
        let near = names.min_by_key(|name| strsim::levenshtein(&word, name));
        near.map(|name| format!("a similar subcommand exists: '{name}'"))
    };
    let tip = if word.to_ascii_lowercase().ends_with(".toml") {
        Some(format!("to play a plan: scaletop run {word}"))
    } else {
        target.map(|tip| format!("as a target, {tip}")).or_else(near)
    };
    let Some(tip) = tip else { return };
    error.remove(ContextKind::SuggestedSubcommand);
    error.remove(ContextKind::Usage);
    suggest(error, tip);
}

/// Says of an option what helps: what is meant by it elsewhere, which command has it, or which name is near.
fn unknown_option(error: &mut clap::Error, grammar: &Command, words: &[OsString]) {
    let Some(option) = text(error, ContextKind::InvalidArg).filter(|option| option.starts_with('-')) else { return };
    // It would show an option that nobody asked for, and how to give this one as a word that no command takes.
    error.remove(ContextKind::Usage);
    error.remove(ContextKind::Suggested);
    let command = habits::command(words, grammar).map_or("", Command::get_name);
    if let Some(tip) = habits::tip(&option, command).map(str::to_owned).or_else(|| elsewhere(&option, grammar)) {
        error.remove(ContextKind::SuggestedArg);
        suggest(error, tip);
        return;
    }
    if text(error, ContextKind::SuggestedArg).is_none_or(|near| !is_near(&option, &near)) {
        error.remove(ContextKind::SuggestedArg);
    }
}

/// Which commands have an option of that name.
fn elsewhere(option: &str, grammar: &Command) -> Option<String> {
    let long = option.strip_prefix("--")?.split('=').next()?;
    let has = |command: &&Command| {
        command.get_arguments().any(|arg| arg.get_long() == Some(long) && !arg.is_hide_set() && arg.get_id() != "help")
    };
    let commands: Vec<_> = grammar.get_subcommands().filter(has).map(Command::get_name).collect();
    (!commands.is_empty()).then(|| format!("--{long} is an option of scaletop {}", commands.join(", ")))
}

/// Whether one name may be another, misspelt.
fn is_near(one: &str, other: &str) -> bool {
    let name = |option: &str| option.trim_start_matches('-').split(['=', ' ']).next().unwrap_or_default().to_owned();
    let (one, other) = (name(one), name(other));
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    same >= PREFIX || (strsim::levenshtein(&one, &other) <= FEW && same > 0)
}

fn lacks_target(error: &clap::Error) -> bool {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) => missing.iter().any(|one| one.starts_with("<TARGET>")),
        _ => false,
    }
}

/// What to write where a number was expected: a parser's own complaint does not say it.
fn no_number(error: &clap::Error) -> Option<String> {
    let source = std::error::Error::source(error)?;
    let write = if source.is::<ParseIntError>() {
        "write a whole number in digits, such as 10000"
    } else if source.is::<ParseFloatError>() {
        "write a number, such as 10 or 0.5"
    } else {
        return None;
    };
    let (value, arg) = (text(error, ContextKind::InvalidValue)?, text(error, ContextKind::InvalidArg)?);
    Some(format!("invalid value '{value}' for '{arg}': {write}"))
}

/// Whether a terminal has colors, and the user wants them (<https://no-color.org>). Errors have none anywhere.
pub(super) fn has_colors(variable: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::environment::{Surroundings, parse};

    fn told(words: &str) -> String {
        let words = std::iter::once("scaletop").chain(words.split(' ')).map(OsString::from).collect();
        parse(words, &Surroundings::default()).expect_err("it is no command line").text
    }

    #[test]
    fn a_host_without_a_scheme_is_told_what_to_write_and_its_query_to_nobody() {
        for (words, tip) in [
            ("example.com/api", "as a target, write https://example.com/api"),
            ("localhost", "as a target, write http://localhost"),
            ("h.com/api?token=hunter2", "as a target, put https:// before it"),
            ("me:hunter2@h.com/api", "put https:// before it"),
            ("live h/api?token=hunter2", "put https:// before it"),
            ("plan.toml", "to play a plan: scaletop run plan.toml"),
        ] {
            let told = told(words);
            assert!(told.contains(tip) && !told.contains("hunter2") && !told.contains("Usage"), "{words}: {told}");
        }
        assert!(told("dmeo").contains("demo"), "a misspelt command is one");
    }

    #[test]
    fn a_guess_is_made_where_names_are_near_and_nothing_is_shown_that_nobody_asked_for() {
        for (words, tip) in [
            ("live http://h --rat 5", "'--rate'"),
            ("live http://h --max-inflight 5", "'--max-in-flight'"),
            ("replay --slo p99=1s", "--slo is an option of scaletop demo, live, run"),
            ("capacity demo --duration 5s", "--hold says how long"),
            ("experiment demo --duration 5s", "--stretch"),
            ("live http://h --duration 5s", "scaletop run URL"),
            ("live http://h --version", "scaletop --version"),
            ("live http://h -I", "--method HEAD"),
            ("config --format json", "--json"),
            ("doctor --format json", "--json"),
        ] {
            let told = told(words);
            assert!(told.contains(tip), "{words}: {told}");
            assert!(!told.contains("Usage") && !told.contains("as a value"), "{words}: {told}");
        }
        for words in ["live http://h --fail", "live http://h --xyzzy", "live http://h -Q"] {
            let told = told(words);
            assert!(!told.contains("a similar") && !told.contains("Usage"), "{words}: {told}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_told_what_to_write() {
        for (words, part) in [
            ("live http://h --warm -1", "-1 is not in"),
            ("live http://h --conn-max-age -1s", "is not a time"),
            ("live http://h --max-in-flight 10k", "whole number"),
            ("demo --seed abc", "whole number"),
            ("live http://h --capacity lots", "is not a rate"),
            ("demo --time-scale fast", "write a number, such as 10"),
        ] {
            let told = told(words);
            assert!(told.contains(part) && !told.contains("digit found"), "{words}: {told}");
        }
    }
}
