//! `scaletop.toml`: options that need not be typed. Its keys are the long options without their dashes.
//!
//! The file's values are put in front of what was typed, as if they had been typed first, so that what was typed wins and
//! the same checks apply to both. A variable of the environment wins over the file too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::cli::Cli;

/// The file's name; looked for in the working directory.
pub const FILE_NAME: &str = "scaletop.toml";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("{} is not TOML:\n{source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A key is no option of any command.
    #[error("{}, line {line}: unknown key `{key}`; keys are options without their dashes, such as max-rate (see scaletop run --help)", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A value has no place on a command line.
    #[error("{}, line {line}: `{key}` takes a text, a number, true or false, or a list of texts", path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
}

/// `args` (the program first) with the options of the configuration file in `folder`, if there is one, put in front of
/// the command's own. `is_set` says whether an environment variable is set.
pub fn with_config_file(
    folder: &Path,
    args: Vec<OsString>,
    is_set: impl Fn(&str) -> bool,
) -> Result<Vec<OsString>, ConfigError> {
    let path = folder.join(FILE_NAME);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(args),
        Err(source) => return Err(ConfigError::Read { path, source }),
    };
    merge(&path, &text, args, is_set)
}

fn merge(
    path: &Path,
    text: &str,
    args: Vec<OsString>,
    is_set: impl Fn(&str) -> bool,
) -> Result<Vec<OsString>, ConfigError> {
    let table: toml::Table =
        text.parse().map_err(|source| ConfigError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
    let cli = Cli::command();
    let command = args.get(1).and_then(|name| name.to_str()).and_then(|name| cli.find_subcommand(name));
    let mut given = Vec::new();
    for (key, value) in &table {
        let line = line_of(text, key);
        if !cli.get_subcommands().any(|command| option(command, key).is_some()) {
            return Err(ConfigError::UnknownKey { path: path.to_owned(), line, key: key.clone() });
        }
        let Some(arg) = command.and_then(|command| option(command, key)) else { continue };
        if arg.get_env().and_then(|name| name.to_str()).is_some_and(&is_set) || was_typed(&args, arg) {
            continue;
        }
        let words = words(arg, key, value).ok_or_else(|| ConfigError::BadValue {
            path: path.to_owned(),
            line,
            key: key.clone(),
        })?;
        given.extend(words);
    }
    let mut merged = args;
    let after_command = merged.len().min(2);
    merged.splice(after_command..after_command, given);
    Ok(merged)
}

fn option<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(key))
}

/// A list that was typed replaces the file's list, as any other option does.
fn was_typed(args: &[OsString], arg: &Arg) -> bool {
    let Some(long) = arg.get_long() else { return false };
    args.iter().filter_map(|word| word.to_str()).any(|word| {
        let name = word.strip_prefix("--").map(|rest| rest.split('=').next().unwrap_or(rest));
        name == Some(long) || arg.get_short().is_some_and(|short| word.starts_with(&format!("-{short}")))
    })
}

/// The words that say on the command line what the file says.
fn words(arg: &Arg, key: &str, value: &toml::Value) -> Option<Vec<OsString>> {
    let word = |text: String| OsString::from(format!("--{key}={text}"));
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        let on = value.as_bool()?;
        return Some(if on { vec![OsString::from(format!("--{key}"))] } else { Vec::new() });
    }
    match value {
        toml::Value::Array(items) => items.iter().map(|item| scalar(item).map(word)).collect(),
        value => Some(vec![word(scalar(value)?)]),
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

fn line_of(text: &str, key: &str) -> usize {
    let starts = |line: &str| {
        let line = line.trim_start().trim_start_matches(['[', '"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_'))
    };
    text.lines().position(starts).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Command as Chosen;

    fn merged(text: &str, typed: &[&str], set: &[&str]) -> Result<Vec<OsString>, ConfigError> {
        let args = typed.iter().map(OsString::from).collect();
        merge(Path::new("scaletop.toml"), text, args, |name| set.contains(&name))
    }

    fn drive(args: Vec<OsString>) -> crate::cli::DriveArgs {
        match Cli::try_parse_from(args).unwrap().command {
            Chosen::Demo(demo) => demo.drive,
            other => panic!("not the demo: {other:?}"),
        }
    }

    #[test]
    fn what_is_typed_wins_over_the_file_and_the_file_over_the_default() {
        let file = "max-rate = 1000\nspike-rate = 300\nslo = [\"p95=1s\", \"errors=2%\"]\nyes = true\n";
        let drive = drive(merged(file, &["scaletop", "demo", "--spike-rate", "400"], &[]).unwrap());
        assert_eq!((drive.load.max_rate.get(), drive.load.spike_rate.get()), (1_000, 400));
        assert_eq!(values::slo(&drive.load.slo).to_string(), "p95 ≤ 1s, errors ≤ 2%");
        assert!(drive.output.yes);
    }

    use crate::values;

    #[test]
    fn a_typed_list_replaces_the_files_list() {
        let drive = drive(merged("slo = [\"p95=1s\"]\n", &["scaletop", "demo", "--slo", "errors=3%"], &[]).unwrap());
        assert_eq!(values::slo(&drive.load.slo).to_string(), "p99 ≤ 500ms, errors ≤ 3%");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let args = merged("max-rate = 1000\n", &["scaletop", "demo"], &["SCALETOP_MAX_RATE"]).unwrap();
        assert_eq!(args.len(), 2);
    }

    #[test]
    fn an_option_of_another_command_is_no_mistake() {
        assert_eq!(merged("max-rate = 1000\n", &["scaletop", "completions", "bash"], &[]).unwrap().len(), 3);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = merged("yes = true\nmax-rat = 1\n", &["scaletop", "demo"], &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`max-rat`"), "{error}");
        let error = merged("[slo]\np99 = \"1s\"\n", &["scaletop", "demo"], &[]).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("`slo` takes"), "{error}");
    }
}
