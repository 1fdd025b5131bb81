//! The help as it is laid out: `-h` says what most want, on one screen, `--help` every option of the command. Options stand by what
//! they are for, in an order of use, a line or two each, in at most 80 columns.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::builder::{Resettable, StyledStr};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};

use crate::cli::settings;
use crate::text::{columns, wrap};

/// The columns of the help: those of the narrowest usual terminal, and on a wider one lines that are still easy to read.
const COLUMNS: usize = 80;

/// Where the words about an option begin.
const WORDS_AT: usize = 29;

/// What `-h` shows besides the words that a command takes.
const FIRST: [&str; 47] = [
    "rate",
    "max_rate",
    "spike_rate",
    "slo",
    "duration",
    "spike_at",
    "check",
    "list",
    "format",
    "abort_on_fail",
    "stretch",
    "per_instance",
    "hold",
    "tolerance",
    "edge",
    "method",
    "headers",
    "body",
    "path",
    "timeout",
    "out",
    "yes",
    "region",
    "theme",
    "speed",
    "plan",
    "html",
    "policy",
    "schema",
    "json",
    "dir",
    "settings",
    "config",
    "count",
    "nats",
    "nats_server",
    "creds",
    "ca",
    "join_creds",
    "observer_creds",
    "listen",
    "advertise",
    "allow",
    "orphan",
    "label",
    "name",
    "ticket",
];

/// Commands for any target take the options of the embedded cluster, and do not list them.
const FOR_ANY_TARGET: [&str; 5] = ["live", "run", "capacity", "experiment", "doctor"];

/// The heading of those options.
const CLUSTER: &str = "Embedded cluster (target demo)";

/// The heading of sources of instance counts; what belongs to them is listed by the command that tries them.
const COUNTS: &str = "Instance counts";

/// The command that tries them, and lists all that belongs to them.
const TRIES_COUNTS: &str = "doctor";

/// The sources themselves.
const COUNT_SOURCES: [&str; 3] = ["count_command", "count_url", "count_prometheus"];

/// The heading of what every command has.
const GENERAL: &str = "General";

/// The headings in the order in which what stands below them is needed; those of a command itself come first.
const ORDER: [&str; 11] =
    ["Load", "Fleet", "Each generator", "Request", COUNTS, "Output", "Cloud", "AWS", CLUSTER, "Screen", GENERAL];

/// A grammar that is built, with help that is laid out so.
pub(super) fn legible(grammar: Command) -> Command {
    let general =
        |arg: Arg| if is_help(&arg) { arg.help("This help; -h is shorter").help_heading(GENERAL) } else { arg };
    let grammar = grammar.max_term_width(COLUMNS).mut_args(|arg| arg.hide_env(true));
    let laid_out = move |command: Command, is_inner: bool| {
        let is_for_any = FOR_ANY_TARGET.contains(&command.get_name());
        let tries_counts = command.get_name() == TRIES_COUNTS;
        command.mut_args(|arg| {
            let is_left_out = is_for_any && arg.get_help_heading() == Some(CLUSTER) && arg.get_id() != "edge";
            // A command of `fleet` that has them is a demo, whose instances the platform counts.
            let is_source = COUNT_SOURCES.contains(&arg.get_id().as_str()) && !is_inner;
            let is_detail = arg.get_help_heading() == Some(COUNTS) && !is_source;
            general(if is_left_out || is_detail && !tries_counts { arg.hide(true) } else { arg })
        })
    };
    paged(
        grammar.mut_subcommands(|command| laid_out(command, false).mut_subcommands(|inner| laid_out(inner, true))),
        false,
    )
}

/// Every command with its page, also those of a command that has others.
fn paged(grammar: Command, is_brief: bool) -> Command {
    grammar.mut_subcommands(|command| {
        let command = paged(command, is_brief);
        let page = page(&command, is_brief);
        command.override_help(page)
    })
}

fn is_help(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong)
}

/// The help or version that was asked for: the one of `-h` leaves out what is rarely needed.
pub(super) fn help(error: &clap::Error, grammar: &Command, words: &[OsString]) -> StyledStr {
    let asks_for_all = words.iter().any(|word| word == "--help") || words.get(1).is_some_and(|word| word == "help");
    if asks_for_all || error.kind() != ErrorKind::DisplayHelp {
        return error.render();
    }
    let brief = paged(grammar.clone(), true);
    match brief.try_get_matches_from(words) {
        Err(error) if error.kind() == ErrorKind::DisplayHelp => error.render(),
        _ => error.render(),
    }
}

/// The help of a command.
fn page(command: &Command, is_brief: bool) -> StyledStr {
    let styles = command.get_styles();
    let (strong, off) = (styles.get_header(), styles.get_header().render_reset());
    let is_rare = |arg: &Arg| !arg.is_positional() && !is_help(arg) && !FIRST.contains(&arg.get_id().as_str());
    let all: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set()).collect();
    let shown: Vec<&Arg> = all.iter().copied().filter(|arg| !is_brief || !is_rare(arg)).collect();
    let mut text = String::new();
    if let Some(about) = command.get_about() {
        let _ = write!(text, "{about}\n\n");
    }
    let _ = writeln!(text, "{}", command.clone().render_usage().ansi());
    let inner: Vec<&Command> = command.get_subcommands().filter(|inner| !inner.is_hide_set()).collect();
    if !inner.is_empty() {
        let _ = write!(text, "\n{strong}Commands:{off}\n");
        for one in inner {
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {:<10}{about}", one.get_name());
        }
    }
    let (words, options): (Vec<&Arg>, Vec<&Arg>) = shown.iter().partition(|arg| arg.is_positional());
    let under =
        |heading: Option<&str>| options.iter().copied().filter(|arg| arg.get_help_heading() == heading).collect();
    let mut groups: Vec<(&str, Vec<&Arg>)> = vec![("Arguments", words), ("Options", under(None))];
    groups.extend(ORDER.iter().map(|heading| (*heading, under(Some(heading)))));
    for (heading, args) in groups.into_iter().filter(|(_, args)| !args.is_empty()) {
        let more = if heading == COUNTS && command.get_name() != TRIES_COUNTS {
            " (all of them: scaletop doctor --help)"
        } else {
            ""
        };
        let _ = write!(text, "\n{strong}{heading}{more}:{off}\n");
        for arg in args {
            row(&mut text, arg);
        }
    }
    let left_out = all.len() - shown.len();
    if left_out > 0 {
        let name = command.get_bin_name().unwrap_or_default();
        let _ = write!(text, "\n{left_out} more options, examples and exit codes: {name} --help\n");
    } else if let Some(after) = command.get_after_help() {
        for paragraph in after.to_string().trim_end().split("\n\n") {
            // Examples stand as they are.
            let is_laid_out = paragraph.lines().any(|line| line.starts_with("  "));
            let lines = if is_laid_out { vec![paragraph.to_owned()] } else { wrap(paragraph, COLUMNS) };
            let _ = write!(text, "\n{}\n", lines.join("\n"));
        }
    }
    text.into()
}

/// An option and what it does.
fn row(text: &mut String, arg: &Arg) {
    let short = arg.get_short().map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let spec = if arg.is_positional() { format!("  {arg}") } else { format!("  {short}{arg}") };
    let mut said = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if let settings::Kind::Choice(words) = settings::kind(arg) {
        let _ = write!(said, ": {}", words.join(", "));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ = write!(said, " [default: {}]", defaults.join(", "));
    }
    let mut lines = wrap(&said, COLUMNS - WORDS_AT).into_iter();
    // What is too long for its column has a line of its own.
    let _ = write!(text, "{spec}");
    if columns(&spec) + 2 > WORDS_AT {
        text.push('\n');
    } else if let Some(first) = lines.next() {
        let _ = writeln!(text, "{:1$}{first}", "", WORDS_AT - columns(&spec));
    }
    for line in lines {
        let _ = writeln!(text, "{:WORDS_AT$}{line}", "");
    }
}

/// A grammar that is not built, with what is shown alone: for completions and manual pages, so that no option is suggested that does
/// nothing, or that only tests want.
pub(super) fn visible(grammar: &Command) -> Command {
    // What is left may exclude or need what is not.
    let free = |arg: &Arg| arg.clone().conflicts_with(Resettable::Reset).requires(Resettable::Reset);
    let visible = Command::new(grammar.get_name().to_owned())
        .args(grammar.get_arguments().filter(|arg| !arg.is_hide_set()).map(free))
        .subcommands(grammar.get_subcommands().filter(|inner| !inner.is_hide_set()).map(self::visible))
        .about(grammar.get_about().cloned().unwrap_or_default())
        .after_help(grammar.get_after_help().cloned().unwrap_or_default());
    match grammar.get_version() {
        Some(version) => visible.version(version.to_owned()),
        None => visible,
    }
}

#[cfg(test)]
mod tests;
