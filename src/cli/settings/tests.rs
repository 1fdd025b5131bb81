//! What is shown of every option, and what of it is known to the pages.

use super::*;

fn all(command: Option<&str>, text: &str, variables: &[(&str, &str)]) -> Vec<Shown> {
    let grammar = environment::grammar();
    let file = ConfigFile::parse("./scaletop.toml", text, grammar).unwrap();
    let heard = |name: &str| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| value.into());
    shown(grammar, command, &[file], &heard).unwrap_or_else(|_| panic!("{text}"))
}

fn find<'a>(all: &'a [Shown], section: &str, key: &str) -> Option<&'a Shown> {
    all.iter().find(|one| one.section == section && one.key == key)
}

#[test]
fn every_option_is_shown_once_with_its_value_and_where_that_comes_from() {
    let text = "max-rate = 7\n[run]\nrate = 9\n";
    let all = all(None, text, &[("SCALETOP_HTTP2", "1"), ("SCALETOP_SLO", "p95=1s,errors=2%")]);
    let said = |section: &str, key: &str| {
        find(&all, section, key).map(|one| (one.values.join("|"), one.source.to_string())).expect(key)
    };
    let is = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(said("load", "max-rate"), is("7", "./scaletop.toml:1"));
    assert_eq!(said("load", "rate"), is("0", "default"), "for every other command");
    assert_eq!(said("run", "rate"), is("9", "./scaletop.toml:3"));
    assert_eq!(said("request", "http2"), is("true", "SCALETOP_HTTP2"));
    assert_eq!(said("load", "slo"), is("p95=1s|errors=2%", "SCALETOP_SLO"));
    assert_eq!(said("load", "spike-rate"), is("", "default"));
    assert_eq!((said("capacity", "hold"), said("target", "target")), (is("10s", "default"), is("", "default")));
    let is_echo = |key: &str| matches!(key, "json" | "no-color");
    for one in described().into_iter().filter(|one| !is_echo(&one.key)) {
        let shown = all.iter().filter(|shown| shown.key == one.key && one.sections.contains(&shown.section)).count();
        assert_eq!(shown, one.sections.len(), "{}", one.key);
    }
    let run = super::tests::all(Some("run"), text, &[]);
    assert_eq!(find(&run, "load", "rate").map(|one| one.values.join("")).as_deref(), Some("9"));
    assert!(find(&run, "capacity", "hold").is_none());
}

#[test]
fn what_may_be_a_secret_is_shown_by_nobody() {
    let text = "header = [\"x-key: Bearer hunter2\", \"@file\"]\nbody = \"hunter2\"\nuser = \"me:hunter2\"\n\
                path = \"/x?key=hunter2\"\ntarget = \"https://me:hunter2@a.test/?key=hunter2\"\n\
                url = \"https://a.test/?key=hunter2\"\nendpoint-url = \"https://me:hunter2@a.test/\"\n";
    let all = all(None, text, &[]);
    assert!(!format!("{all:?}").contains("hunter2"), "{all:?}");
    let header = find(&all, "request", "header").expect("it is shown");
    assert_eq!(header.values, ["x-key: …", "@file"]);
}

#[test]
fn every_option_has_a_section_and_what_is_for_the_command_line_alone_is_an_option() {
    let grammar = environment::grammar();
    let options: Vec<String> =
        grammar.get_subcommands().flat_map(Command::get_arguments).filter_map(settable).collect();
    for one in described() {
        assert!(!one.sections.is_empty() && one.sections.iter().all(|section| is_section(grammar, section)), "{one:?}");
        assert!(!one.help.is_empty() && !one.variable.is_empty(), "{one:?}");
    }
    // One that is called otherwise now would be forgotten silently.
    for (key, why) in TYPED_ONLY {
        assert!(options.iter().any(|one| one == key) && !why.is_empty(), "{key}");
    }
    let commands: Vec<String> = of_commands().into_iter().map(|(command, _)| command).collect();
    let shown = grammar.find_subcommand("config").unwrap();
    let takes = shown.get_arguments().find(|arg| arg.get_id() == "command").unwrap();
    let takes: Vec<_> = takes.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    assert_eq!(takes, commands, "scaletop config COMMAND");
}

#[test]
fn the_page_lists_what_is_for_the_command_line_alone_and_why() {
    let Ok(page) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")) else { return };
    let rows = TYPED_ONLY.iter().filter(|(key, _)| *key != "panic-after");
    let rows = rows.map(|(key, why)| format!("| `--{key}` | {why} |")).collect::<Vec<_>>().join("\n");
    assert!(page.contains(&rows), "docs/settings.md should have:\n\n{rows}");
}
