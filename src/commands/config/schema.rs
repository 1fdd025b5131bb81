//! The JSON schema of `scaletop.toml` (draft 7, which editors of TOML know), made of the same table of options as the command line.

use serde_json::{Map, Value, json};

use crate::app::keymap::names::{ACTIONS, PLACES};
use crate::cli::settings::{Described, Kind, described, of_commands};
use crate::tui::theme::own::{PLACES as THEMES, ROLES};

/// Where the schema of the newest version is.
pub(super) const ADDRESS: &str = "https://raw.githubusercontent.com/scaletop/scaletop/main/docs/scaletop.schema.json";

/// The definitions of tables that stand inside `[keys]` and `[theme]`.
const KEYS: &str = "keys-of-one-place";
const THEME: &str = "colors-of-one-theme";

/// The schema.
pub(super) fn schema() -> Value {
    let options = described();
    let mut definitions: Map<String, Value> = options.iter().map(|one| (one.key.clone(), option(one))).collect();
    // What stands above all sections holds for every command.
    let mut top: Map<String, Value> = options.iter().map(|one| (one.key.clone(), reference(&one.key))).collect();
    for (section, keys) in sections(&options) {
        let table = object(&keys.iter().map(|key| (key.clone(), reference(key))).collect());
        either(&mut top, &section, table);
    }
    top.insert("keys".to_owned(), keys());
    either(&mut top, "theme", theme());
    definitions.insert(KEYS.to_owned(), object(&actions()));
    definitions.insert(THEME.to_owned(), object(&roles()));
    let mut schema = object(&top);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["$id"] = json!(ADDRESS);
    schema["title"] = json!("scaletop.toml");
    schema["definitions"] = Value::Object(definitions);
    schema
}

/// The options of each section: those that hold for every command, and those of one command alone.
fn sections(options: &[Described]) -> Vec<(String, Vec<String>)> {
    let of_commands = of_commands();
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    for one in options {
        let [section] = one.sections.as_slice() else { continue };
        if of_commands.iter().any(|(command, _)| command == section && command != "cluster") {
            continue;
        }
        match sections.iter_mut().find(|(name, _)| name == section) {
            Some((_, keys)) => keys.push(one.key.clone()),
            None => sections.push((section.clone(), vec![one.key.clone()])),
        }
    }
    sections.extend(of_commands.into_iter().filter(|(command, _)| command != "cluster"));
    sections
}

/// Lets a key be a table, too, where it is an option already.
fn either(top: &mut Map<String, Value>, key: &str, table: Value) {
    let value = match top.remove(key) {
        Some(option) => json!({ "anyOf": [option, table] }),
        None => table,
    };
    top.insert(key.to_owned(), value);
}

fn object(properties: &Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn reference(key: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{key}") })
}

fn option(described: &Described) -> Value {
    let one = json!({ "type": ["string", "number"] });
    let mut schema = match &described.kind {
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Level => json!({ "type": ["boolean", "integer"] }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::One if described.form == "TIME" => time(&described.key),
        Kind::One => one,
        Kind::List => json!({ "anyOf": [one, { "type": "array", "items": one }] }),
    };
    let variable = &described.variable;
    schema["description"] = json!(format!("{} (variable {variable})", described.help));
    schema
}

/// A time with its unit, and what some take without one.
fn time(key: &str) -> Value {
    let time = json!({ "type": "string", "pattern": "^\\s*[0-9].*[A-Za-zµ]" });
    match key {
        // Milliseconds, as for the service itself.
        "delay" => json!({ "anyOf": [time, { "type": "integer" }] }),
        "conn-max-age" => json!({ "anyOf": [time, { "enum": [0, "0"] }] }),
        _ => time,
    }
}

/// The keys of one place.
fn actions() -> Map<String, Value> {
    let one = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
    let action = |(name, _, does): &(&str, _, &str)| {
        let mut schema = one.clone();
        schema["description"] = json!(does);
        ((*name).to_owned(), schema)
    };
    ACTIONS.iter().map(action).collect()
}

fn keys() -> Value {
    let mut all = actions();
    all.extend(PLACES.iter().map(|(name, ..)| ((*name).to_owned(), reference(KEYS))));
    object(&all)
}

/// The colors of one theme.
fn roles() -> Map<String, Value> {
    let color = |is: &str| json!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0, "maximum": 255 }], "description": is });
    ROLES.iter().map(|(name, _, is)| ((*name).to_owned(), color(is))).collect()
}

fn theme() -> Value {
    let mut all = roles();
    all.insert("base".to_owned(), reference("theme"));
    all.extend(THEMES.iter().map(|name| ((*name).to_owned(), reference(THEME))));
    object(&all)
}
