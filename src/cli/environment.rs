//! From words, files and variables to a [`Cli`]: an empty variable is an unset one, and what is wrong is told with where it came
//! from, without the secrets in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::cli::config_file::{ConfigFile, Files};
use crate::cli::curl::CurlCommand;
use crate::cli::own::Own;
use crate::cli::refused::unparsed;
use crate::cli::settings::{self, InForce, Refusal, Setting, Source};
use crate::cli::{Cli, brevity, habits, unused};
use crate::target::hide_secrets;
use crate::values;

/// What all variables of ours begin with.
const OURS: &str = "SCALETOP_";

/// Why there is no command to execute: help was asked for, or the words are wrong.
#[derive(Debug)]
pub struct Unparsed {
    /// What to print, its lines ended; may hold what the user typed.
    pub text: String,
    /// Whether it is an error; help is none, and goes to stdout.
    pub is_error: bool,
}

impl Unparsed {
    pub(super) fn error(text: &str) -> Self {
        Self { text: format!("error: {text}\n"), is_error: true }
    }
}

/// What is heard besides the words: variables and files.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Those that are ours.
    pub variables: Vec<(String, OsString)>,
    /// Which files there are.
    pub files: Files,
    /// What `--version` says; nothing for the version alone.
    pub version: String,
}

/// Variables that are no option's: where a fleet's ticket stands, and which nats-server is run.
const OF_A_FLEET: [&str; 2] = [crate::cli::FLEET_TICKET, "SCALETOP_NATS_SERVER"];

impl Surroundings {
    /// Those of this process.
    pub fn here(version: String) -> Self {
        let ours = |(name, value): (OsString, OsString)| Some((name.to_str()?.to_owned(), value));
        let ours = std::env::vars_os().filter_map(ours).filter(|(name, _)| name.starts_with(OURS));
        Self { variables: ours.collect(), files: Files::here(), version }
    }

    /// A variable that is set to something: pipelines set inputs that were left out to nothing.
    fn variable(&self, name: &str) -> Option<OsString> {
        let set = self.variables.iter().find(|(one, _)| one == name);
        set.map(|(_, value)| value).filter(|value| !is_blank(value)).cloned()
    }

    /// What should be known of variables that nobody hears: misspelt ones, and those of options that are only typed.
    fn unheard(&self, grammar: &Command) -> Vec<String> {
        let args = || grammar.get_subcommands().flat_map(Command::get_arguments);
        let known: Vec<&str> = args().filter_map(|arg| arg.get_env()?.to_str()).collect();
        let is_unheard = |name: &&str| !known.contains(name) && !OF_A_FLEET.contains(name);
        let set = self.variables.iter().filter(|(_, value)| !is_blank(value)).map(|(name, _)| name.as_str());
        let told = |name: &str| {
            let key = name.strip_prefix(OURS).unwrap_or(name).to_ascii_lowercase().replace('_', "-");
            if let Some(why) = settings::typed_only(&key) {
                return format!("{name} has no effect: --{key} is for the command line alone ({why})");
            }
            let nearest = values::nearest(name, known.iter().copied());
            let nearest = nearest.map_or_else(String::new, |nearest| format!("; the nearest is {nearest}"));
            format!("{name} has no effect: there is no such variable{nearest} (scaletop config has all)")
        };
        set.filter(is_unheard).map(told).collect()
    }
}

/// The command line's grammar, built: help shows of each command what it uses.
pub(crate) fn grammar() -> &'static Command {
    static GRAMMAR: LazyLock<Command> = LazyLock::new(|| {
        let mut grammar = Cli::command();
        // Only a command that is built can name its arguments; and what is changed before loses its place.
        grammar.build();
        brevity::legible(unused::hidden(grammar))
    });
    &GRAMMAR
}

fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

/// What was understood.
#[derive(Clone, Debug)]
pub struct Understood {
    pub cli: Cli,
    /// What the user should know of files and variables.
    pub notes: Vec<String>,
}

/// Understands a command line (the program first), with what the files and the variables add.
pub fn parse(words: Vec<OsString>, around: &Surroundings) -> Result<Understood, Unparsed> {
    let grammar = grammar();
    let mut curl = CurlCommand::find(&words, grammar)?;
    let mut words = habits::meant(curl.as_ref().map_or(words, CurlCommand::with_url), grammar);
    // What was typed by itself, with variables out of the way: it is right or wrong whatever they are.
    let silent = match around.version.as_str() {
        "" => silent(grammar),
        version => silent(grammar).long_version(version.to_owned()),
    };
    let read = |words: &[OsString], command: Command| {
        command.try_get_matches_from(words).map_err(|error| unparsed(error, grammar, words))
    };
    let mut matches = read(&words, targets_optional(silent.clone()))?;
    if let Some(complaint) = complaint(grammar, &matches) {
        return Err(Unparsed::error(&format!("{}: leave it out", hide_secrets(&complaint))));
    }
    let mut rest = None;
    if let Some(curl) = &mut curl {
        if let Some(complaint) = curl.complaint(&matches) {
            return Err(Unparsed::error(complaint));
        }
        rest = Some(curl.rest(&matches));
        words = habits::meant(curl.with_options(&matches), grammar);
        matches = read(&words, targets_optional(silent.clone()))?;
    }
    let Some((name, typed)) = matches.subcommand().filter(|(name, _)| settings::reads_files(name)) else {
        let cli = read(&words, silent)?;
        let cli = Cli::from_arg_matches(&cli).map_err(|error| unparsed(error, grammar, &words))?;
        return Ok(Understood { cli, notes: Vec::new() });
    };
    let by_variable = around.variable("SCALETOP_CONFIG").map(PathBuf::from);
    let named = match typed.get_one::<PathBuf>("config") {
        Some(path) => Some((path.as_path(), "--config")),
        None => by_variable.as_deref().map(|path: &Path| (path, "SCALETOP_CONFIG")),
    };
    let files = around.files.read(named, grammar).map_err(|error| Unparsed::error(&error.to_string()))?;
    let mut understood = understood(grammar, &silent, &words, (name, typed), &files, around)?;
    understood.notes.extend(curl.iter().flat_map(CurlCommand::notes));
    if let (Some(rest), Some(request)) = (rest, understood.cli.request_mut()) {
        rest.put(request);
    }
    Ok(understood)
}

/// What does nothing of what was typed; of a command that has others, also what was typed of the one of them.
fn complaint(grammar: &Command, matches: &ArgMatches) -> Option<String> {
    let (name, typed) = matches.subcommand()?;
    let command = grammar.find_subcommand(name)?;
    unused::complaint(command, typed).or_else(|| complaint(command, typed))
}

/// The same with files that are read already.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn parse_with(
    words: Vec<OsString>,
    files: &[ConfigFile],
    around: &Surroundings,
) -> Result<Understood, Unparsed> {
    let (grammar, silent) = (grammar(), silent(grammar()));
    let words = habits::meant(words, grammar);
    let matches = targets_optional(silent.clone()).try_get_matches_from(&words);
    let matches = matches.map_err(|error| unparsed(error, grammar, &words))?;
    let typed = matches.subcommand().ok_or_else(|| Unparsed::error("no command"))?;
    understood(grammar, &silent, &words, typed, files, around)
}

/// Puts together what was typed, the files and the variables.
fn understood(
    grammar: &Command,
    silent: &Command,
    words: &[OsString],
    (name, typed): (&str, &ArgMatches),
    files: &[ConfigFile],
    around: &Surroundings,
) -> Result<Understood, Unparsed> {
    let command = grammar.find_subcommand(name).unwrap_or(grammar);
    let variables = |name: &str| around.variable(name);
    let refused = |refusal| refused(refusal, grammar, words);
    for file in files {
        settings::check(grammar, file).map_err(refused)?;
    }
    let settings = if settings::uses_settings(name) {
        settings::in_force(command, Some(typed), files, &variables).map_err(refused)?
    } else {
        Vec::new()
    };
    if let Some(complaint) = unused::beside(&settings) {
        return Err(Unparsed::error(&complaint));
    }
    let parsed = settled(silent.clone(), name, &settings).try_get_matches_from(words);
    let cli = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
    let mut cli = cli.map_err(|error| unparsed(error, grammar, words))?;
    cli.own = files.iter().fold(Own::default(), |own, file| own.with(&file.own));
    cli.said = settings::said(command, &settings);
    let is_typed = |id: &str| settings.iter().any(|one| one.id == id && one.source == Source::Typed);
    cli.settle(is_typed(settings::TARGET));
    if let super::Command::Config(args) = &cli.command {
        let of = args.command.as_deref();
        let options = settings::shown(grammar, of, files, &variables).map_err(refused)?;
        cli.in_force = InForce { files: read_or_not(files, around), options };
    }
    let mut notes = around.unheard(grammar);
    notes.extend(files.iter().filter_map(settings::consent_note));
    Ok(Understood { cli, notes })
}

/// The files that are looked for, the one that goes before the other first, each with whether it is there.
fn read_or_not(files: &[ConfigFile], around: &Surroundings) -> Vec<(String, bool)> {
    let names = around.files.names();
    if let Some(named) = files.iter().find(|file| !names.contains(&file.name)) {
        return vec![(named.name.clone(), true)];
    }
    let is_read = |name: &String| files.iter().any(|file| file.name == *name);
    names.into_iter().rev().map(|name| (name.clone(), is_read(&name))).collect()
}

/// The grammar without variables: what they say is put in otherwise.
fn silent(grammar: &Command) -> Command {
    let unset = |arg: Arg| arg.env(None::<&'static str>);
    grammar.clone().mut_args(unset).mut_subcommands(|inner| inner.mut_args(unset))
}

/// The grammar for which the target may come from elsewhere.
fn targets_optional(grammar: Command) -> Command {
    grammar.mut_subcommands(|inner| {
        inner.mut_args(|arg| if arg.get_id() == settings::TARGET { arg.required(false) } else { arg })
    })
}

/// The grammar of a command whose defaults are what files and variables say.
fn settled(grammar: Command, name: &str, settings: &[Setting]) -> Command {
    grammar.mut_subcommand(name, |inner| {
        inner.mut_args(|arg| {
            let said = settings.iter().find(|one| arg.get_id() == one.id.as_str());
            let said = said.filter(|one| !matches!(one.source, Source::Default | Source::Typed));
            match said {
                Some(setting) => arg.required(false).default_values(&setting.words),
                None => arg,
            }
        })
    })
}

/// What is wrong with a value of a file or a variable, with where it stands.
fn refused(refusal: Refusal, grammar: &Command, words: &[OsString]) -> Unparsed {
    let (mut error, arg, source) = match refusal {
        Refusal::Value { error, arg, source } => (error, arg, source),
        Refusal::Both(text) => return Unparsed::error(&text),
    };
    let place = match &source {
        Source::File(place) => place.to_string(),
        other => other.to_string(),
    };
    error.insert(ContextKind::InvalidArg, ContextValue::String(format!("{place} ({arg})")));
    if arg.is_hide_env_values_set() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    unparsed(error, grammar, words)
}

#[cfg(test)]
pub(crate) mod tests;
