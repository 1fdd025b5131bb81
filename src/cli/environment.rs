//! From words and variables to a [`Cli`]: an empty variable is an unset one, and what is wrong is told with where it came
//! from, without the secrets in it.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use crate::cli::Cli;
use crate::cli::config_file::Merged;
use crate::cli::{habits, unused};
use crate::target::hide_secrets;

/// Why there is no command to execute: help was asked for, or the words are wrong.
#[derive(Debug)]
pub struct Unparsed {
    /// What to print, its lines ended; may hold what the user typed.
    pub text: String,
    /// Whether it is an error; help is none, and goes to stdout.
    pub is_error: bool,
}

/// The command line's grammar, without the variables that are set to nothing, as pipelines do with inputs that were left
/// out.
pub(super) fn grammar() -> Command {
    unused::hidden(without_blank_variables(Cli::command(), &|name| std::env::var_os(name)))
}

fn without_blank_variables(command: Command, variable: &dyn Fn(&OsStr) -> Option<OsString>) -> Command {
    let heard = |arg: Arg| {
        let value = arg.get_env().and_then(variable);
        if value.is_some_and(|value| is_blank(&value)) { arg.env(None::<&'static str>) } else { arg }
    };
    command.mut_args(heard).mut_subcommands(|inner| without_blank_variables(inner, variable))
}

fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

/// Understands the command line that [`super::config_file::with_config_file`] has put together.
pub fn parse(merged: &Merged) -> Result<Cli, Unparsed> {
    let mut command = grammar();
    // Only a command that is built can name its arguments.
    command.build();
    let typed: Vec<OsString> = merged.typed().cloned().collect();
    let command = unused::without_overruled(command, &typed);
    let parsed = command.clone().try_get_matches_from(&merged.args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = parsed.map_err(|error| unparsed(error, &command, merged))?;
    match unused::complaint(&command, &typed) {
        None => Ok(Cli { own: merged.own.clone(), ..cli }),
        Some(complaint) => {
            let text = format!("error: {}: leave it out\n", hide_secrets(&complaint));
            Err(Unparsed { text, is_error: true })
        }
    }
}

fn unparsed(mut error: clap::Error, command: &Command, merged: &Merged) -> Unparsed {
    if !error.use_stderr() {
        let help = error.render();
        let is_plain =
            !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let text = if is_plain { help.to_string() } else { help.ansi().to_string() };
        return Unparsed { text, is_error: false };
    }
    let text = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    if let (Some(name), Some(value)) = (text(&error, ContextKind::InvalidArg), text(&error, ContextKind::InvalidValue))
    {
        let args = command.get_subcommands().flat_map(Command::get_arguments);
        let named: Vec<&Arg> = args.filter(|arg| arg.to_string() == name).collect();
        if let Some(origin) = origin(&named, &value, merged) {
            error.insert(ContextKind::InvalidArg, ContextValue::String(format!("{origin} ({name})")));
        }
        if named.iter().any(|arg| arg.is_hide_env_values_set()) {
            error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
        }
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(option) = text(&error, ContextKind::InvalidArg)
        && let Some(tip) = habits::tip(&option)
    {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::Suggested);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        // Elsewhere the argument is one of ours, by its name.
        if kind == ContextKind::InvalidArg && error.kind() != ErrorKind::UnknownArgument {
            continue;
        }
        if let Some(said) = text(&error, kind) {
            error.insert(kind, ContextValue::String(hide_secrets(&said)));
        }
    }
    Unparsed { text: error.render().to_string(), is_error: true }
}

/// Where a wrong value came from, when it was not typed: the variable, or the file.
fn origin(named: &[&Arg], value: &str, merged: &Merged) -> Option<String> {
    let holds = |word: &OsString| word.to_string_lossy().contains(value);
    if merged.typed().any(holds) {
        return None;
    }
    if merged.from_file.iter().any(holds) {
        return Some(super::config_file::FILE_NAME.to_owned());
    }
    let variables = named.iter().filter_map(|arg| arg.get_env());
    let from =
        variables.filter(|name| std::env::var_os(name).is_some_and(|set| holds(&set))).map(OsStr::to_string_lossy);
    from.map(std::borrow::Cow::into_owned).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command as Chosen;

    fn merged(words: &[&str]) -> Merged {
        Merged::only(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_is_none_for_every_option_of_every_command() {
        let blank = without_blank_variables(Cli::command(), &|_| Some("  ".into()));
        let set = without_blank_variables(Cli::command(), &|_| Some("x".into()));
        let count = |command: &Command| {
            let args = command.get_subcommands().flat_map(Command::get_arguments);
            args.filter(|arg| arg.get_env().is_some()).count()
        };
        assert_eq!(count(&blank), 0);
        assert!(count(&set) > 50);
    }

    #[test]
    fn a_target_that_is_refused_keeps_its_password_to_itself() {
        for words in [
            &["scaletop", "live", "htps://me:hunter2@example.com/"][..],
            &["scaletop", "live", "me:hunter2@example.com"],
            &["scaletop", "live", "http://me:hunter2@:80/"],
            &["scaletop", "live", "http://me:hunter2@example.com:99999/?key=hunter2"],
            &["scaletop", "live", "https://example.com", "https://example.org", "https://me:hunter2@example.com"],
            &["scaletop", "run", "plan.toml", "demo", "https://example.com", "https://me:hunter2@example.com"],
            &["scaletop", "htps://me:hunter2@example.com"],
            &["scaletop", "live", "demo", "--url", "ftp://me:hunter2@example.com/"],
            &["scaletop", "live", "demo", "--header", "authorization hunter2"],
            &["scaletop", "live", "demo", "--endpoint-url", "me:hunter2@example.com"],
        ] {
            let refused = parse(&merged(words)).unwrap_err();
            assert!(refused.is_error && !refused.text.contains("hunter2"), "{words:?}: {}", refused.text);
        }
    }

    #[test]
    fn what_another_tool_calls_so_is_answered_with_a_tip_and_not_with_a_guess() {
        for (words, tip) in [
            (&["scaletop", "live", "http://localhost", "-n", "5"][..], "not a number of requests"),
            (&["scaletop", "run", "http://localhost", "--vus", "5"], "open model"),
            (&["scaletop", "live", "http://localhost", "--duration", "5s"], "scaletop run URL"),
            (&["scaletop", "live", "http://localhost", "--location"], "--expect 2xx,3xx"),
        ] {
            let refused = parse(&merged(words)).unwrap_err();
            assert!(refused.is_error && refused.text.contains(tip), "{words:?}: {}", refused.text);
            assert!(!refused.text.contains("similar"), "{}", refused.text);
        }
    }

    #[test]
    fn what_curl_and_others_call_so_is_understood() {
        let words = ["scaletop", "-X", "put", "-d", "{}", "-k", "-m", "5s", "-r", "1k", "-o", "x", "http://localhost"];
        let words = habits::with_command(words.iter().map(OsString::from).collect(), &grammar());
        let Chosen::Live(live) = parse(&Merged::only(words)).unwrap().command else { panic!("not live") };
        let (request, load) = (live.drive.request, live.drive.load);
        assert_eq!((request.method(), request.body.as_deref(), request.insecure), ("PUT", Some("{}"), true));
        assert_eq!((request.timeout.as_secs(), load.rate.get()), (5, 1_000));
        let posts = ["scaletop", "live", "http://localhost", "-d", "{}"];
        let Chosen::Live(live) = parse(&merged(&posts)).unwrap().command else { panic!("not live") };
        assert_eq!(live.drive.request.method(), "POST");
    }

    #[test]
    fn help_is_no_error() {
        assert!(!parse(&merged(&["scaletop", "--help"])).unwrap_err().is_error);
    }

    #[test]
    fn what_comes_from_the_file_is_said_to() {
        let words = merged(&["scaletop", "demo", "--rate=fast"]);
        let merged = Merged { from_file: vec!["--rate=fast".into()], ..words };
        let refused = parse(&merged).unwrap_err().text;
        assert!(refused.contains("scaletop.toml (--rate <RATE>)"), "{refused}");
    }
}
