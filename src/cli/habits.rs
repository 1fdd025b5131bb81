//! What people type because other tools taught them: understood where it is clear, answered with a tip where it is not.

use std::ffi::{OsStr, OsString};

use clap::Command;

use crate::target::names_a_target;

/// What to say of an option that there is none of, in place of a guess by its letters.
const TIPS: [(&[&str], &str); 13] = [
    (
        &["-n", "--num-requests", "--number", "--iterations", "--amount"],
        "scaletop drives a rate for a time, not a number of requests: run URL --rate 100 --duration 30s sends 3,000",
    ),
    (
        &["-c", "--connections", "--concurrency", "--vus", "--users", "--clients", "--threads", "-t"],
        "scaletop is an open model: give a rate (--rate 100), and it opens the connections that the answers need; \
         --max-connections and --max-in-flight cap them",
    ),
    (&["--version", "-V"], "scaletop --version tells it"),
    (&["-I", "--head"], "--method HEAD asks for the headers alone"),
    (&["-f", "--fail"], "what is not --expect is counted as failed; what fails a run are the thresholds of its plan"),
    (&["-s", "--silent"], "--quiet tells no progress"),
    (&DURATIONS, "live goes on until you quit; for a given time: scaletop run URL --rate 100 --duration 30s"),
    (
        &["--rampup", "--ramp-up", "--stages", "--stage", "--ramp"],
        "write a plan, with a ramp in a stage: docs/plans.md",
    ),
    (&["--keepalive", "--keep-alive"], "connections are kept; --no-keepalive opens one for every request"),
    (&["--data-binary", "--data-raw", "--data-urlencode", "--form", "-F"], "-d TEXT, -d @FILE or -d @- is the body"),
    (&["-L", "--location", "--redirect"], "redirects are not followed: name the URL that answers, or --expect 2xx,3xx"),
    (
        &["--json", "--format"],
        "this command prints for people; programs read summary.json in the session's folder (docs/summary-json.md), or what \
         run, capacity, report, compare, doctor and config print with --json",
    ),
    (
        &["--latency-correction", "--latency", "--corrected"],
        "latency always counts from when a request was due, and percentiles are always there",
    ),
];

/// How long a load lasts, in the words of several tools.
const DURATIONS: [&str; 5] = ["--duration", "-z", "--time", "--run-time", "--spike-at"];

/// What to say of one command alone, in place of what is said of all.
const TIPS_OF_COMMANDS: [(&[&str], &[&str], &str); 3] = [
    (&["capacity"], &DURATIONS, "capacity ends once it has found the rate; --hold says how long each rate is held"),
    (&["experiment"], &DURATIONS, "its plans say how long; --stretch 0.5 halves all of their times"),
    (&["doctor", "config"], &["--format"], "--json prints it as JSON"),
];

/// The command that is asked for: of a command that has others, the one of them.
pub(super) fn command<'a>(words: &[OsString], grammar: &'a Command) -> Option<&'a Command> {
    let mut words = words.iter().skip(1);
    let command = words.find_map(|word| grammar.find_subcommand(word))?;
    Some(words.find_map(|word| command.find_subcommand(word)).unwrap_or(command))
}

/// `args` as they are meant: with the command that was left out, and a negative value as one of its option.
pub(super) fn meant(args: Vec<OsString>, grammar: &Command) -> Vec<OsString> {
    let args = with_command(args, grammar);
    // The help of the help is the help.
    if args.get(1).is_some_and(|word| word == "help") {
        return args.into_iter().filter(|word| word != "-h" && word != "--help").collect();
    }
    let Some(command) = command(&args, grammar) else { return args };
    let mut joined: Vec<OsString> = Vec::with_capacity(args.len());
    for word in args {
        let is_negative = word
            .to_str()
            .and_then(|word| word.strip_prefix('-'))
            .is_some_and(|rest| rest.trim_start_matches('.').starts_with(|first: char| first.is_ascii_digit()));
        match joined.last_mut().filter(|last| is_negative && takes_a_value(last, command)) {
            Some(last) => {
                last.push("=");
                last.push(word);
            }
            None => joined.push(word),
        }
    }
    joined
}

/// Whether `word` is an option that a value must follow.
pub(super) fn takes_a_value(word: &OsStr, command: &Command) -> bool {
    let Some(word) = word.to_str() else { return false };
    command.get_arguments().filter(|arg| arg.get_action().takes_values()).any(|arg| match word.strip_prefix("--") {
        Some(long) => arg.get_long_and_visible_aliases().is_some_and(|longs| longs.contains(&long)),
        None => word.strip_prefix('-').is_some_and(|short| {
            let is_it = |one: char| short.strip_prefix(one) == Some("");
            arg.get_short().is_some_and(is_it)
        }),
    })
}

/// `args` with the command that was left out: a target by itself is driven by key.
fn with_command(mut args: Vec<OsString>, grammar: &Command) -> Vec<OsString> {
    let words: Vec<_> = args.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    let is_command = |word: &str| word == "help" || grammar.find_subcommand(word).is_some();
    let is_target = |word: &str| !is_command(word) && names_a_target(word);
    // A word that is neither may be a misspelt command, and is told so.
    let begins = words.first().is_some_and(|first| first.starts_with('-') || is_target(first));
    let is_left_out = begins && !words.iter().any(|word| is_command(word)) && words.iter().any(|word| is_target(word));
    if is_left_out {
        args.insert(1, "live".into());
    }
    args
}

/// What to say of an option that `command` has none of; no command is the program itself.
pub(super) fn tip(option: &str, command: &str) -> Option<&'static str> {
    let name = option.split('=').next().unwrap_or_default();
    let of_command = TIPS_OF_COMMANDS.iter().find(|(of, names, _)| of.contains(&command) && names.contains(&name));
    // Only what goes on until its end is asked for how to end it.
    let is_meant = |names: &[&str]| names != DURATIONS || ["", "live", "demo"].contains(&command);
    let general = || TIPS.iter().find(|(names, _)| names.contains(&name) && is_meant(names)).map(|(_, tip)| *tip);
    of_command.map(|(_, _, tip)| *tip).or_else(general)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::environment;

    #[test]
    fn a_target_by_itself_is_driven_by_key() {
        let understood = |words: &[&str]| {
            let words = std::iter::once("scaletop").chain(words.iter().copied()).map(OsString::from).collect();
            let words = with_command(words, environment::grammar());
            words[1..].iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(understood(&["https://example.com"]), ["live", "https://example.com"]);
        assert_eq!(understood(&["--rate", "5", "http://h/"]), ["live", "--rate", "5", "http://h/"]);
        assert_eq!(understood(&["ecs:default/checkout"]), ["live", "ecs:default/checkout"]);
        for words in [&["live", "https://example.com"][..], &["run", "p.toml", "http://h"], &["help"], &["--help"], &[]]
        {
            assert_eq!(understood(words), words, "as it was typed");
        }
        assert_eq!(understood(&["localhost:8080"]), ["live", "localhost:8080"], "which says what is missing");
        // What is no target stays, and is answered as an unknown command.
        assert_eq!(understood(&["dmeo"]), ["dmeo"]);
        assert_eq!(understood(&["lvie", "http://h"]), ["lvie", "http://h"]);
    }

    #[test]
    fn no_tip_is_for_an_option_of_live_and_every_alias_that_is_listed_exists() {
        let grammar = environment::grammar();
        let run = grammar.find_subcommand("run").expect("it is a command");
        let live = grammar.find_subcommand("live").expect("it is a command");
        let knows = |command: &Command, name: &str| {
            command.get_arguments().any(|arg| {
                let longs = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
                let shorts = arg.get_short().into_iter().chain(arg.get_all_short_aliases().unwrap_or_default());
                longs
                    .map(|long| format!("--{long}"))
                    .chain(shorts.map(|short| format!("-{short}")))
                    .any(|one| one == name)
            })
        };
        for (names, _) in TIPS {
            for name in names {
                assert!(!knows(live, name), "{name}");
            }
        }
        let aliases = crate::cli::help::ROOT.split("Also understood").nth(1).expect("they are listed");
        let listed: Vec<&str> = aliases
            .split(|c: char| c.is_whitespace() || "(),;.".contains(c))
            .filter(|word| word.starts_with('-'))
            .collect();
        assert!(listed.len() > 15, "{listed:?}");
        for name in listed {
            assert!(knows(run, name), "{name}");
        }
    }
}
