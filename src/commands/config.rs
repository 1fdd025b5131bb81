//! `scaletop config`: what every option is set to and where that comes from, or the schema of `scaletop.toml`.

mod schema;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::cli::ConfigArgs;
use crate::cli::own::{Own, OwnEntry};
use crate::cli::settings::{InForce, Kind, Shown, Source};
use crate::commands::CommandError;
use crate::text::clean_lines;

/// Where the schema of the newest version is.
pub(super) const SCHEMA_ADDRESS: &str = schema::ADDRESS;

/// Where the sources stand, in columns.
const SOURCES_AT: usize = 44;

/// Prints it.
pub(super) fn config(args: &ConfigArgs, all: &InForce, own: &Own) -> Result<u8, CommandError> {
    let text = match (args.schema, args.json) {
        (true, _) => format!("{:#}\n", schema::schema()),
        (false, true) => format!("{:#}\n", as_json(all, own)),
        (false, false) => clean_lines(&as_toml(all, own)),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(0)
}

/// As a configuration that says the same, its sources in comments.
fn as_toml(all: &InForce, own: &Own) -> String {
    let mut text = "# Files, the first goes before the next:\n".to_owned();
    for (file, is_there) in &all.files {
        let _ = writeln!(text, "#   {file}{}", if *is_there { "" } else { " (not there)" });
    }
    let mut section = "";
    for shown in &all.options {
        if shown.section != section {
            section = &shown.section;
            let _ = write!(text, "\n[{section}]\n");
        }
        let line = match value(shown) {
            // Read back it would be sent as it stands here.
            Some(value) if shown.is_hidden => format!("# {} = {value} (hidden)", shown.key),
            Some(value) if shown.is_for_files => format!("{} = {value}", shown.key),
            Some(value) => format!("# {} = {value}", shown.key),
            None => format!("# {}", shown.key),
        };
        let source = match (&shown.source, &shown.otherwise) {
            (Source::Default, Some(otherwise)) if shown.values.is_empty() => format!("default: {otherwise}"),
            (Source::Default, None) if shown.values.is_empty() => "not set".to_owned(),
            (source, _) => source.to_string(),
        };
        let _ = writeln!(text, "{line:SOURCES_AT$} # {source}");
    }
    for (table, entries) in [("keys", &own.keys), ("theme", &own.theme)] {
        for (at, entry) in entries.iter().enumerate() {
            if at == 0 {
                let _ = write!(text, "\n[{table}]\n");
            }
            let line = own_line(entry, table == "keys");
            let _ = writeln!(text, "{line:SOURCES_AT$} # {}:{}", entry.place.file, entry.place.line);
        }
    }
    text
}

/// A key or a color as it would stand under its table.
fn own_line(entry: &OwnEntry, is_list: bool) -> String {
    let values: Vec<_> = entry.values.iter().map(|value| quoted(value)).collect();
    let value = if is_list { format!("[{}]", values.join(", ")) } else { values.join("") };
    let inner = entry.inner.as_ref().map_or_else(String::new, |inner| format!("{}.", key(inner)));
    format!("{inner}{} = {value}", key(&entry.name))
}

/// A value in TOML; `None` where there is none.
fn value(shown: &Shown) -> Option<String> {
    let first = shown.values.first()?;
    Some(match shown.kind {
        Kind::Switch => first.clone(),
        Kind::List => format!("[{}]", shown.values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")),
        Kind::Level | Kind::One | Kind::Choice(_) if first.parse::<u32>().is_ok_and(|n| n.to_string() == *first) => {
            first.clone()
        }
        Kind::Level | Kind::One | Kind::Choice(_) => quoted(first),
    })
}

/// A text as TOML quotes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key, in quotes where it needs them.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn as_json(all: &InForce, own: &Own) -> Value {
    let files: Vec<_> = all.files.iter().map(|(file, is_there)| json!({ "file": file, "exists": is_there })).collect();
    let options: Vec<_> = all
        .options
        .iter()
        .map(|shown| {
            let value = match (&shown.kind, shown.values.first()) {
                (Kind::List, _) => json!(shown.values),
                (_, None) => Value::Null,
                (Kind::Switch, Some(on)) => json!(on == "true"),
                (_, Some(value)) => json!(value),
            };
            let (kind, file, line) = match &shown.source {
                Source::File(place) => ("file", Some(place.file.as_str()), Some(place.line)),
                Source::Default => ("default", None, None),
                Source::Variable(_) => ("variable", None, None),
                Source::Typed => ("typed", None, None),
            };
            let variable = if let Source::Variable(name) = &shown.source { Some(name) } else { None };
            json!({
                "section": shown.section,
                "key": shown.key,
                "value": value,
                "hidden": shown.is_hidden,
                "default": shown.otherwise,
                "source": { "kind": kind, "file": file, "line": line, "variable": variable },
            })
        })
        .collect();
    let told = |entries: &[OwnEntry]| -> Vec<Value> {
        let entry = |entry: &OwnEntry| {
            json!({
                "place": entry.inner, "name": entry.name, "values": entry.values,
                "source": { "kind": "file", "file": entry.place.file, "line": entry.place.line },
            })
        };
        entries.iter().map(entry).collect()
    };
    json!({ "files": files, "options": options, "keys": told(&own.keys), "theme": told(&own.theme) })
}

#[cfg(test)]
mod tests;
