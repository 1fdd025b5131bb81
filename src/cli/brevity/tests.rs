//! The help of every command: its width, its length, its examples, its end.

use super::*;
use crate::cli::environment::{self, Surroundings};
use crate::text::columns;

fn help_of(words: &[&str]) -> String {
    // A command of a command is two words.
    let words = words.iter().flat_map(|word| word.split(' '));
    let words = std::iter::once("scaletop").chain(words).map(OsString::from).collect();
    let help = environment::parse(words, &Surroundings::default()).expect_err("it is no command");
    assert!(!help.is_error, "{}", help.text);
    help.text
}

fn commands() -> Vec<String> {
    let names = |grammar: &Command| -> Vec<String> {
        grammar.get_subcommands().map(|command| command.get_name().to_owned()).filter(|name| name != "help").collect()
    };
    let grammar = environment::grammar();
    let with_inner = |name: String| {
        let inner = grammar.find_subcommand(&name).map(names).unwrap_or_default();
        let inner: Vec<String> = inner.iter().map(|inner| format!("{name} {inner}")).collect();
        std::iter::once(name).chain(inner)
    };
    names(grammar).into_iter().flat_map(with_inner).collect()
}

#[test]
fn no_line_of_any_help_is_wider_than_80_columns_and_no_word_is_broken() {
    let long = |text: &str| text.lines().filter(|line| columns(line) > COLUMNS).map(str::to_owned).collect::<Vec<_>>();
    let mut wide = long(&help_of(&["--help"]));
    for command in commands() {
        for flag in ["-h", "--help"] {
            wide.extend(long(&help_of(&[&command, flag])));
        }
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

#[test]
fn the_long_help_has_every_option_that_is_shown() {
    let grammar = environment::grammar();
    for command in commands() {
        let long = help_of(&[&command, "--help"]);
        let found = command.split(' ').fold(grammar, |found, name| found.find_subcommand(name).expect("a command"));
        for name in found.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(Arg::get_long) {
            let option = format!("--{name}");
            let is_there = |line: &str| line.split([' ', ',']).any(|word| word.trim_end_matches("...") == option);
            assert!(long.lines().any(is_there), "{command}: {option}");
        }
    }
}

#[test]
fn the_short_help_is_a_screen_and_the_long_one_two() {
    for command in commands() {
        let (short, long) = (help_of(&[&command, "-h"]), help_of(&[&command, "--help"]));
        assert!(short.lines().count() <= 50, "{command}: {}\n{short}", short.lines().count());
        assert!(long.lines().count() <= 110, "{command}: {}\n{long}", long.lines().count());
    }
}

#[test]
fn every_help_ends_with_its_exit_codes() {
    for command in commands() {
        let long = help_of(&[&command, "--help"]);
        let (_, last) = long.rsplit_once("\n\n").expect("paragraphs");
        assert!(last.starts_with("Exit codes: 0 "), "{command}: {last}");
        assert_eq!(help_of(&["help", &command]), long);
        let short = help_of(&[&command, "-h"]);
        assert!(short == long || short.contains(&format!("exit codes: scaletop {command} --help")), "{short}");
    }
    assert!(help_of(&["--help"]).contains("Exit codes: 0 "));
}

/// The words of a line as a shell would make them, without where its output goes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().expect("there is one").push(c),
        }
    }
    let end = words.iter().position(|word| word == ">" || word == ">>").unwrap_or(words.len());
    words[..end].to_vec()
}

#[test]
fn every_example_is_understood() {
    let mut count = 0;
    let mut all = vec![help_of(&["--help"])];
    all.extend(commands().iter().map(|command| help_of(&[command, "--help"])));
    for line in all.iter().flat_map(|help| help.lines()).filter(|line| line.starts_with("  scaletop ")) {
        // What stands behind two spaces is said of it.
        let example = line.trim().split("  ").next().expect("a command");
        let words: Vec<OsString> = words(example).into_iter().map(OsString::from).collect();
        if let Err(refused) = environment::parse(words, &Surroundings::default()) {
            panic!("{example}: {}", refused.text);
        }
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn what_is_hidden_is_suggested_by_nobody() {
    let shown = crate::cli::Cli::shown();
    let of = |name: &str| -> Vec<String> {
        let command = shown.find_subcommand(name).expect("it is a command");
        command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
    };
    for (command, option) in [("live", "panic-after"), ("run", "theme"), ("demo", "region"), ("run", "json")] {
        assert!(!of(command).iter().any(|one| one == option), "{command} --{option}");
    }
    assert!(of("run").iter().any(|one| one == "max-size"), "the options of the demo are taken");
    // What is left out leaves nothing behind that the others need.
    shown.debug_assert();
}
