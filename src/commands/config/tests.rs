//! What `scaletop config` prints, and its schema.

use super::*;
use crate::cli::Command;
use crate::cli::config_file::ConfigFile;
use crate::cli::environment::{self, Surroundings, Understood};
use crate::cli::settings::described;
use crate::commands::init;

/// The shipped schema.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scaletop.schema.json");

fn understood(text: &str) -> Understood {
    let file = ConfigFile::parse("./scaletop.toml", text, environment::grammar()).unwrap();
    let words = ["scaletop", "config"].map(Into::into).to_vec();
    environment::parse_with(words, &[file], &Surroundings::default()).unwrap()
}

/// What is wrong with a value by a schema, of whose words only those are known that ours has.
fn wrong(schema: &Value, root: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointed = root.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere");
        return wrong(pointed, root, value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let all: Vec<_> = any.iter().map(|one| wrong(one, root, value, at)).collect();
        return if all.iter().any(Option::is_none) { None } else { all.into_iter().flatten().next() };
    }
    if let Some(words) = schema["enum"].as_array() {
        return (!words.contains(value)).then(|| format!("{at}: {value} is none of {words:?}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() && kinds.contains(&"integer") => "integer",
        Value::Number(_) => "number",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Null => "null",
    };
    if !kinds.contains(&kind) {
        return Some(format!("{at}: {value} is no {kinds:?}"));
    }
    match value {
        Value::Array(items) => items.iter().find_map(|item| wrong(&schema["items"], root, item, at)),
        Value::Object(table) => table.iter().find_map(|(key, value)| match &schema["properties"][key] {
            Value::Null => Some(format!("{at}: there is no {key}")),
            inner => wrong(inner, root, value, &format!("{at}.{key}")),
        }),
        _ => None,
    }
}

fn wrong_in(text: &str) -> Option<String> {
    let value: Value = toml::from_str(text).unwrap();
    let schema = schema::schema();
    wrong(&schema, &schema, &value, "scaletop.toml")
}

#[test]
fn the_shipped_schema_is_what_the_program_prints() {
    let Ok(shipped) = std::fs::read_to_string(SHIPPED) else { return };
    let printed = format!("{:#}\n", schema::schema());
    assert!(shipped == printed, "write it again: cargo run -- config --schema > docs/scaletop.schema.json");
}

#[test]
fn every_option_is_in_the_schema_at_the_top_and_in_each_of_its_sections() {
    let schema = schema::schema();
    for one in described() {
        let definition = &schema["definitions"][&one.key];
        assert!(definition["description"].as_str().is_some_and(|text| text.contains(&one.variable)), "{}", one.key);
        assert!(!schema["properties"][&one.key].is_null(), "{}", one.key);
        for section in &one.sections {
            let section = &schema["properties"][section];
            let table = section["anyOf"].get(1).unwrap_or(section);
            assert_eq!(table["properties"][&one.key]["$ref"], format!("#/definitions/{}", one.key), "{}", one.key);
        }
    }
}

#[test]
fn the_schema_takes_what_the_program_takes_and_finds_what_it_refuses() {
    let Ok(page) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")) else { return };
    let examples: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(wrong_in(example), None, "{example}");
        ConfigFile::parse("page", example, environment::grammar()).unwrap_or_else(|error| panic!("{error}: {example}"));
    }
    for text in [
        "rate = true\n",
        "http2 = \"yes\"\n",
        "rat = 5\n",
        "theme = \"pink\"\n",
        "[request]\nrate = 5\n",
        "[keys]\nspikes = \"s\"\n",
        "[theme]\nok = [1]\n",
        "[capacity]\nstretch = 2\n",
        "timeout = 10\n",
        "cold-start = 8\n",
        "[run]\ntheme = \"dark\"\n",
    ] {
        assert!(wrong_in(text).is_some(), "{text}");
    }
    assert_eq!(wrong_in("conn-max-age = 0\ndelay = 80\ntimeout = \"10s\"\n"), None);
    assert_eq!(wrong_in("capacity = 125\ntarget = [\"demo\", \"demo:ecs\"]\n[keys.tables]\nundo = []\n"), None);
}

#[test]
fn what_is_printed_is_a_configuration_that_says_the_same() {
    let text = "slo = [\"p95=1s\", \"errors=2%\"]\nrate = \"1.5k\"\n[target]\ntarget = \"demo\"\n[run]\nrate = 9\n\
                [keys]\nspike = [\"f5\"]\n[keys.tables]\nundo = []\n[theme]\nok = 70\n";
    let Understood { cli, notes } = understood(text);
    assert!(notes.is_empty() && matches!(cli.command, Command::Config(_)));
    let printed = as_toml(&cli.in_force, &cli.own);
    let again = understood(&printed).cli;
    let values = |of: &crate::cli::Cli| -> Vec<_> {
        of.in_force.options.iter().map(|one| (one.section.clone(), one.key.clone(), one.values.clone())).collect()
    };
    assert_eq!(values(&again), values(&cli), "{printed}");
    let own = |of: &[OwnEntry]| -> Vec<_> {
        of.iter().map(|one| (one.inner.clone(), one.name.clone(), one.values.clone())).collect()
    };
    assert_eq!((own(&again.own.keys), own(&again.own.theme)), (own(&cli.own.keys), own(&cli.own.theme)));
    for (line, source) in [
        ("rate = \"1.5k\"", "./scaletop.toml:2"),
        ("rate = 9", "./scaletop.toml:6"),
        ("slo = [\"p95=1s\", \"errors=2%\"]", "./scaletop.toml:1"),
        ("timeout = \"10s\"", "default"),
        ("# spike-rate", "default: 600; demo: 500"),
        ("# out", "default: scaletop-sessions/TIME-TARGET"),
        ("# profile", "not set"),
        ("spike = [\"f5\"]", "./scaletop.toml:8"),
    ] {
        let line = format!("\n{line:SOURCES_AT$} # {source}\n");
        assert!(printed.contains(&line), "{line}\n{printed}");
    }
    assert_eq!(wrong_in(&printed), None);
}

#[test]
fn what_is_hidden_is_a_comment_and_not_a_value_that_would_be_sent() {
    let text = "header = [\"x-key: Bearer hunter2\", \"a: 1\"]\nuser = \"me:hunter2\"\nrate = 5\n\
                target = \"https://me:hunter2@a.test/?key=hunter2\"\npath = \"/x?key=hunter2\"\n";
    let cli = understood(text).cli;
    let printed = as_toml(&cli.in_force, &cli.own);
    for key in ["header", "user", "target", "path"] {
        assert!(
            printed.lines().any(|line| line.starts_with(&format!("# {key} = ")) && line.contains("(hidden)")),
            "{printed}"
        );
    }
    assert!(
        !printed.contains("hunter2") && !printed.lines().any(|line| !line.starts_with('#') && line.contains("= \"…"))
    );
    let again = understood(&printed).cli;
    let said = |cli: &crate::cli::Cli, key: &str| {
        cli.in_force.options.iter().find(|one| one.key == key).map(|one| one.values.clone()).unwrap_or_default()
    };
    assert_eq!(said(&again, "rate"), said(&cli, "rate"));
    for key in ["header", "user", "target", "path"] {
        assert_eq!(said(&again, key), Vec::<String>::new(), "{key} is asked for again, and not sent as it is shown");
    }
}

#[test]
fn programs_read_the_same() {
    let cli = understood("http2 = true\n[keys]\nspike = \"f5\"\n").cli;
    let told = as_json(&cli.in_force, &cli.own);
    let http2 = told["options"].as_array().unwrap().iter().find(|one| one["key"] == "http2").unwrap();
    assert_eq!((&http2["value"], &http2["source"]["line"]), (&json!(true), &json!(1)));
    assert_eq!(told["keys"][0]["values"], json!(["f5"]));
}

#[test]
fn a_configuration_to_begin_with_has_every_option_and_says_nothing_yet() {
    let text = init::settings(&described());
    let file = ConfigFile::parse("new", &text, environment::grammar()).unwrap();
    assert!(format!("{file:?}").contains("entries: []"), "{file:?}");
    assert!(text.starts_with("#:schema https://"), "editors find the schema");
    for one in described() {
        assert!(text.contains(&format!("\n# {} = ", one.key)), "{}", one.key);
    }
    // Whatever has a default can be said as it stands there.
    let line = |one: &str| {
        one.strip_prefix("# ").filter(|line| line.contains(" = ") && !line.contains("f5")).map(str::to_owned)
    };
    let defaults: Vec<_> = described()
        .into_iter()
        .filter(|one| matches!(one.kind, Kind::One | Kind::Choice(_)) && !one.defaults.is_empty())
        .map(|one| one.key)
        .collect();
    let said = text.lines().map(|one| match line(one) {
        Some(line) if defaults.iter().any(|key| line.starts_with(&format!("{key} = "))) => line,
        _ => one.to_owned(),
    });
    let text = said.collect::<Vec<_>>().join("\n");
    let file = ConfigFile::parse("new", &text, environment::grammar()).unwrap_or_else(|error| panic!("{error}"));
    let words = ["scaletop", "live", "demo"].map(Into::into).to_vec();
    environment::parse_with(words, &[file], &Surroundings::default()).unwrap_or_else(|error| panic!("{}", error.text));
    assert_eq!(wrong_in(&text), None);
}
