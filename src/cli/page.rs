//! docs/cli.md, which is made from the grammar of the command line: what help says of every command, as a page.
//!
//! A test holds the page against the grammar. `UPDATE_DOCS=1 cargo test --lib cli::page` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use crate::cli::{Cli, unused};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");

const BEGIN: &str = "\
<!-- Made from the code: UPDATE_DOCS=1 cargo test --lib cli::page -->

# The command line

Every command with its options, as `scaletop COMMAND --help` has them. Options that several commands share are
[at the end](#shared-options).

An option can be typed, set as a variable of the environment, or set in [`scaletop.toml`](settings.md) without its dashes; what is typed goes
before the environment, and the environment before the file. **Rates** are requests per second: `600`, `600/s`, `1.5k`. **Times** have a
unit: `500ms`, `10s`, `5m`, `1h30m`.
";

/// Options under one heading, as a table.
type Tables = BTreeMap<String, String>;

/// The page.
fn page() -> String {
    let mut grammar = unused::hidden(Cli::command());
    grammar.build();
    // In the order of help: hiding what a command never uses changes the order of the grammar.
    let order = Cli::command();
    let mut commands: Vec<(String, &Command)> = Vec::new();
    for shown in order.get_subcommands().filter(|command| !command.is_hide_set()) {
        let Some(command) = grammar.find_subcommand(shown.get_name()) else { continue };
        commands.push((shown.get_name().to_owned(), command));
        let inner = shown.get_subcommands().filter_map(|inner| command.find_subcommand(inner.get_name()));
        commands.extend(inner.map(|inner| (format!("{} {}", shown.get_name(), inner.get_name()), inner)));
    }
    let tables: Vec<Tables> = commands.iter().map(|(_, command)| tables(command)).collect();
    let shared = shared(&tables);
    let mut page = BEGIN.to_owned();
    page.push_str("\n| command | does |\n|---|---|\n");
    for (name, command) in &commands {
        let anchor = name.replace(' ', "-");
        // A write to a String cannot fail.
        let _ = writeln!(page, "| [`scaletop {name}`](#scaletop-{anchor}) | {} |", cell(&about(command)));
    }
    for ((name, command), tables) in commands.iter().zip(&tables) {
        describe((name, command), tables, &shared, &mut page);
    }
    page.push_str("\n## Shared options\n");
    for (heading, table) in &shared {
        let _ = write!(page, "\n### {heading} options\n\n{table}");
    }
    page
}

/// The tables that more than one command has, by their headings; where a heading has several, the one that most have.
fn shared(tables: &[Tables]) -> Tables {
    let mut times: BTreeMap<(&String, &String), usize> = BTreeMap::new();
    for (heading, table) in tables.iter().flatten().filter(|(heading, _)| !heading.is_empty()) {
        *times.entry((heading, table)).or_default() += 1;
    }
    let mut most: BTreeMap<&String, (usize, &String)> = BTreeMap::new();
    for ((heading, table), count) in times {
        if count > 1 && most.get(heading).is_none_or(|(other, _)| count > *other) {
            most.insert(heading, (count, table));
        }
    }
    most.into_iter().map(|(heading, (_, table))| (heading.clone(), table.clone())).collect()
}

fn describe((name, command): (&str, &Command), tables: &Tables, shared: &Tables, page: &mut String) {
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage:").split_whitespace().collect();
    let _ = write!(page, "\n## scaletop {name}\n\n{}.\n\n", escaped(&about(command)));
    let _ = write!(page, "```text\n{}\n```\n", usage.join(" "));
    let (alike, own): (Vec<_>, Vec<_>) =
        tables.iter().partition(|(heading, table)| shared.get(*heading) == Some(*table));
    for (heading, table) in own {
        let title = if heading.is_empty() { String::new() } else { format!("\n**{heading}**\n") };
        let _ = write!(page, "{title}\n{table}");
    }
    if !alike.is_empty() {
        let links = alike.iter().map(|(heading, _)| {
            let anchor: String = heading.chars().filter(|ch| ch.is_alphanumeric() || matches!(ch, ' ' | '-')).collect();
            format!("[{heading}](#{}-options)", anchor.to_lowercase().replace(' ', "-"))
        });
        let _ = writeln!(page, "\nAlso: {}.", links.collect::<Vec<_>>().join(", "));
    }
    if let Some(after) = command.get_after_help() {
        let _ = write!(page, "\n```text\n{}\n```\n", after.to_string().trim());
    }
}

/// The options and arguments of a command as tables, by heading; without one, those of its own.
fn tables(command: &Command) -> Tables {
    let mut tables = Tables::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && !is_everywhere(arg)) {
        let heading = arg.get_help_heading().unwrap_or_default().to_owned();
        let table = tables
            .entry(heading)
            .or_insert_with(|| "| option | default | variable | meaning |\n|---|---|---|---|\n".to_owned());
        let default = arg.get_default_values().iter().map(|value| code(&value.to_string_lossy()));
        let takes_value = arg.get_action().takes_values();
        let default = if takes_value { default.collect::<Vec<_>>().join(" ") } else { String::new() };
        let variable = arg.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
        let _ = writeln!(table, "| {} | {default} | {variable} | {} |", names(arg), meaning(arg));
    }
    tables
}

fn is_everywhere(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}

/// `-X`, `--method` with what they take: `` `-X, --method METHOD` ``.
fn names(arg: &Arg) -> String {
    let value = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let value = if arg.get_action().takes_values() { value } else { String::new() };
    if arg.is_positional() {
        return code(&value);
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    code(format!("{} {value}", names.join(", ")).trim())
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| arg.get_action().takes_values() && !value.is_hide_set())
        .map(|value| code(value.get_name()))
        .collect();
    let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
    format!("{}{values}", cell(&help))
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// As code in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// As text in a cell of a table.
fn cell(text: &str) -> String {
    escaped(text).replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('*', "\\*")
}

#[test]
fn the_page_says_what_help_says() {
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &page).unwrap();
    }
    let Ok(written) = std::fs::read_to_string(PATH) else { return };
    assert!(
        written.replace("\r\n", "\n") == page,
        "docs/cli.md is not what help says: UPDATE_DOCS=1 cargo test --lib cli::page writes it"
    );
}
