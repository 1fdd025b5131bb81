//! `scaletop.toml`: options that need not be typed. Its keys are the long options without their dashes.
//!
//! The file's values are put in front of what was typed, as if they had been typed too, so that the same checks apply to
//! both. What was really typed wins, and so does a variable of the environment. One thing no file can say: that a host may
//! be load-tested. It stands in a folder that somebody else may have written. Two tables of it are no options: `[keys]` and
//! `[theme]` ([`super::own`]).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command};
use toml::Spanned;

use crate::cli::own::{self, Own, line_of};
use crate::cli::{environment, habits, unused};
use crate::files;
use crate::values;

/// The file's name; looked for in the working directory.
pub(crate) const FILE_NAME: &str = "scaletop.toml";

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
    #[error(
        "{}, line {line}: unknown key `{key}`{}; keys are options without their dashes, such as max-rate (see scaletop run --help)",
        path.display(),
        nearest.as_ref().map_or_else(String::new, |nearest| format!(", the nearest is `{nearest}`"))
    )]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// A key that is known and much like it.
        nearest: Option<String>,
    },
    /// A value of `[keys]` or `[theme]` is none.
    #[error("{}, line {line}: `{name}` takes {takes}", path.display())]
    BadOwn {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What it is for.
        name: String,
        /// What would have been right.
        takes: &'static str,
    },
    /// An option that only somebody at the command line can mean.
    #[error("{}, line {line}: `{key}` is for the command line alone: --{key}", path.display())]
    TypedOnly {
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

/// The key that only a person can turn: whether a host may be load-tested.
const CONSENT: &str = "yes";

/// Options that make a command another one, or name a file that is written: said where it is done, and in no file that others
/// may have put in the folder.
const TYPED_ONLY: [&str; 8] =
    ["check", "plan", "html", "policy", "account", "repository", "report-only", "panic-after"];

/// A command line with what a file had to add.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// The words, the program first.
    pub args: Vec<OsString>,
    /// Those of them that stand in the file.
    pub from_file: Vec<OsString>,
    /// What the user should know of the file.
    pub note: Option<String>,
    /// Its keys and colours.
    pub own: Own,
}

impl Merged {
    /// What was typed, and nothing more.
    pub fn only(args: Vec<OsString>) -> Self {
        Self { args, ..Self::default() }
    }

    /// The words that were typed.
    pub(super) fn typed(&self) -> impl Iterator<Item = &OsString> {
        let after_command = self.args.len().min(AFTER_COMMAND);
        let rest = self.args.get(after_command + self.from_file.len()..).unwrap_or_default();
        self.args[..after_command].iter().chain(rest)
    }
}

/// Where the file's words are put: after the program and its command.
const AFTER_COMMAND: usize = 2;

/// The file's keys and values, with their places in it.
type Entries = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

/// `args` (the program first) with the options of the configuration file in `folder`, if there is one, put in front of
/// the command's own.
pub fn with_config_file(folder: &Path, args: Vec<OsString>) -> Result<Merged, ConfigError> {
    let args = habits::with_command(args, &environment::grammar());
    let path = folder.join(FILE_NAME);
    let text = match files::read_regular_text(&path, files::MOST_TEXT) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Merged::only(args)),
        Err(source) => return Err(ConfigError::Read { path, source }),
    };
    merge(&path, &text, args)
}

pub(crate) fn merge(path: &Path, text: &str, args: Vec<OsString>) -> Result<Merged, ConfigError> {
    let entries: Entries = toml::from_str(text)
        .map_err(|source| ConfigError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
    let own = own::read(path, text)?;
    let entries: Vec<_> = entries.into_iter().filter_map(options_of).collect();
    let line_of = |key: &Spanned<String>| line_of(text, key.span().start);
    let cli = environment::grammar();
    for (key, _) in &entries {
        if TYPED_ONLY.contains(&key.get_ref().as_str()) {
            let (line, key) = (line_of(key), key.get_ref().clone());
            return Err(ConfigError::TypedOnly { path: path.to_owned(), line, key });
        }
        if !cli.get_subcommands().any(|command| option(command, key.get_ref()).is_some()) {
            let known = cli.get_subcommands().flat_map(Command::get_arguments).filter_map(Arg::get_long);
            let nearest = values::nearest(key.get_ref(), known.chain(["keys"])).map(str::to_owned);
            let (line, key) = (line_of(key), key.get_ref().clone());
            return Err(ConfigError::UnknownKey { path: path.to_owned(), line, key, nearest });
        }
    }
    // A command line that is wrong, or asks for help, is answered as it stands, when it is parsed for good.
    let Ok(typed) = cli.clone().try_get_matches_from(&args) else { return Ok(Merged { own, ..Merged::only(args) }) };
    let Some((name, typed)) = typed.subcommand() else { return Ok(Merged { own, ..Merged::only(args) }) };
    let (mut from_file, mut note) = (Vec::new(), None);
    for (key, value) in &entries {
        let Some(arg) = cli.find_subcommand(name).and_then(|command| option(command, key.get_ref())) else { continue };
        // A list that was typed replaces the file's list, as any other option does.
        let is_said = matches!(
            typed.value_source(arg.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        // What is typed goes before its counterpart in the file, too.
        let counterpart = unused::counterpart(arg.get_id().as_str());
        let is_overruled = counterpart.is_some_and(|other| {
            typed.try_contains_id(other).is_ok() && typed.value_source(other) == Some(ValueSource::CommandLine)
        });
        if is_said || is_overruled {
            continue;
        }
        let words = words(arg, key.get_ref(), value.get_ref());
        if key.get_ref() == CONSENT && words.as_ref().is_some_and(|words| !words.is_empty()) {
            let (file, line) = (path.display(), line_of(key));
            note = Some(format!(
                "{file}, line {line}: `{CONSENT}` has no effect, a file of the working directory cannot say that a host may be \
                 load-tested; say so with --yes"
            ));
            continue;
        }
        from_file.extend(words.ok_or_else(|| ConfigError::BadValue {
            path: path.to_owned(),
            line: line_of(key),
            key: key.get_ref().clone(),
        })?);
    }
    let mut merged = args;
    let after_command = merged.len().min(AFTER_COMMAND);
    merged.splice(after_command..after_command, from_file.iter().cloned());
    Ok(Merged { args: merged, from_file, note, own })
}

/// What is an option of an entry of the file; `None` for what is none. `[theme]` is a table of its own, and its `base` is what the
/// option says.
fn options_of(
    (key, value): (Spanned<String>, Spanned<toml::Value>),
) -> Option<(Spanned<String>, Spanned<toml::Value>)> {
    match (key.get_ref().as_str(), value.get_ref()) {
        ("keys", _) => None,
        ("theme", toml::Value::Table(table)) => {
            table.get(own::BASE).map(|base| (key.clone(), Spanned::new(value.span(), base.clone())))
        }
        _ => Some((key, value)),
    }
}

fn option<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let is_called =
        |arg: &&Arg| arg.get_long() == Some(key) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&key));
    command.get_arguments().find(is_called)
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::own::OwnEntry;
    use crate::cli::{Cli, Command as Chosen};

    fn merged(text: &str, typed: &[&str]) -> Result<Vec<OsString>, ConfigError> {
        all(text, typed).map(|merged| merged.args)
    }

    fn all(text: &str, typed: &[&str]) -> Result<Merged, ConfigError> {
        merge(Path::new("scaletop.toml"), text, typed.iter().map(OsString::from).collect())
    }

    fn drive(args: Vec<OsString>) -> crate::cli::DriveArgs {
        match Cli::try_parse_from(args).unwrap().command {
            Chosen::Demo(demo) => demo.drive,
            other => panic!("not the demo: {other:?}"),
        }
    }

    #[test]
    fn what_is_typed_wins_over_the_file_and_the_file_over_the_default() {
        let file = "max-rate = 1000\nspike-rate = 300\nslo = [\"p95=1s\", \"errors=2%\"]\n";
        let drive = drive(merged(file, &["scaletop", "demo", "--spike-rate", "400"]).unwrap());
        assert_eq!((drive.load.max_rate.get(), drive.load.spike_rate.unwrap().get()), (1_000, 400));
        assert_eq!(values::slo(&drive.load.slo).to_string(), "p95 ≤ 1s, errors ≤ 2%");
    }

    #[test]
    fn a_file_cannot_say_that_a_host_may_be_load_tested_and_that_it_tried_is_said() {
        let tried = all("max-rate = 7\nyes = true\n", &["scaletop", "demo"]).unwrap();
        assert!(!drive(tried.args).output.yes);
        let note = tried.note.expect("it is said");
        assert!(note.contains("line 2") && note.contains("--yes"), "{note}");
        assert_eq!(all("yes = false\n", &["scaletop", "demo"]).unwrap().note, None);
        assert!(drive(merged("yes = true\n", &["scaletop", "demo", "--yes"]).unwrap()).output.yes);
    }

    #[test]
    fn a_typed_list_replaces_the_files_list() {
        let drive = drive(merged("slo = [\"p95=1s\"]\n", &["scaletop", "demo", "--slo", "errors=3%"]).unwrap());
        assert_eq!(values::slo(&drive.load.slo).to_string(), "p99 ≤ 500ms, errors ≤ 3%");
    }

    #[test]
    fn a_typed_value_is_one_however_it_is_written() {
        for typed in [&["--header=a: 1"][..], &["--header", "a: 1"], &["-H", "a: 1"], &["-Ha: 1"]] {
            let args = [&["scaletop", "demo"], typed].concat();
            assert_eq!(
                drive(merged("header = [\"b: 2\", \"c: 3\"]\n", &args).unwrap()).request.headers.len(),
                1,
                "{typed:?}"
            );
        }
        // What looks like an option and is a value of another is none.
        let args = ["scaletop", "demo", "--body", "x", "--path", "/--max-rate"];
        assert_eq!(drive(merged("max-rate = 1000\n", &args).unwrap()).load.max_rate.get(), 1_000);
    }

    #[test]
    fn a_wrong_command_line_is_left_as_it_is() {
        for typed in [&["scaletop"][..], &["scaletop", "demo", "--nonsense"], &["scaletop", "demo", "--help"]] {
            assert_eq!(merged("max-rate = 1000\n", typed).unwrap().len(), typed.len());
        }
    }

    #[test]
    fn an_option_of_another_command_is_no_mistake() {
        assert_eq!(merged("max-rate = 1000\n", &["scaletop", "completions", "bash"]).unwrap().len(), 3);
    }

    #[test]
    fn keys_and_colours_are_no_options_and_the_base_of_the_colours_is_one() {
        let file = "max-rate = 7\n[theme]\nbase = \"light\"\nok = 70\n\n[theme.dark]\nok = \"#00ff00\"\n[keys]\nspike = [\"f5\", \"s\"]\n\
                    [keys.tables]\nundo = []\n";
        let merged = all(file, &["scaletop", "demo"]).unwrap();
        let entry = |line, place: Option<&str>, name: &str, values: &[&str]| OwnEntry {
            line,
            place: place.map(str::to_owned),
            name: name.to_owned(),
            values: values.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(merged.own.keys, [entry(9, None, "spike", &["f5", "s"]), entry(11, Some("tables"), "undo", &[])]);
        assert_eq!(merged.own.theme, [entry(4, None, "ok", &["70"]), entry(7, Some("dark"), "ok", &["#00ff00"])]);
        let drive = drive(merged.args);
        assert_eq!((drive.load.max_rate.get(), drive.screen.theme), (7, crate::cli::ThemeChoice::Light));
    }

    #[test]
    fn a_key_or_a_colour_of_another_kind_is_named_with_its_line_and_what_it_takes() {
        for (file, line, says) in [
            ("[keys]\nspike = 5\n", 2, "`spike` takes a key or a list of keys"),
            ("[keys]\nspike = [1]\n", 2, "`spike` takes a key"),
            ("keys = \"vi\"\n", 1, "`keys` takes a table"),
            ("[keys.charts.more]\nspike = \"s\"\n", 1, "`more` takes a key"),
            ("\n[theme.dark]\nok = [1]\n", 3, "`ok` takes a colour"),
        ] {
            let error = merged(file, &["scaletop", "demo"]).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}: ")) && error.contains(says), "{file}: {error}");
        }
    }

    #[test]
    fn what_makes_a_command_another_one_or_writes_a_file_stands_in_no_file() {
        for key in TYPED_ONLY {
            let error = merged(&format!("{key} = \"x\"\n"), &["scaletop", "demo"]).unwrap_err().to_string();
            assert!(error.contains("line 1") && error.contains(&format!("--{key}")), "{error}");
            // An option that is called otherwise now would be forgotten silently.
            let cli = environment::grammar();
            assert!(cli.get_subcommands().any(|command| option(command, key).is_some()), "{key}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = merged("yes = true\nmax-rat = 1\n", &["scaletop", "demo"]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`max-rat`"), "{error}");
        assert!(error.contains("the nearest is `max-rate`"), "{error}");
        let error = merged("# max-rat = 1\n\"max-rat\" = 2\n", &["scaletop", "demo"]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`max-rat`"), "{error}");
        let error = merged("[slo]\np99 = \"1s\"\n", &["scaletop", "demo"]).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("`slo` takes"), "{error}");
    }
}
