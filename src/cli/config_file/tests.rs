//! What a file may say, and how it is told what it may not.

use super::*;
use crate::cli::environment;
use crate::cli::own::OwnEntry;

fn read(text: &str) -> Result<ConfigFile, ConfigError> {
    ConfigFile::parse("scaletop.toml", text, environment::grammar())
}

fn refusal(text: &str) -> String {
    match read(text) {
        Err(error) => error.to_string(),
        Ok(file) => panic!("{text}: it was taken: {file:?}"),
    }
}

#[test]
fn an_option_stands_above_all_sections_or_in_the_one_that_it_belongs_to() {
    let file = read(
        "max-rate = 1000\nrps = 7\n[request]\nheader = [\"a: 1\", \"b: 2\"]\nhttp2 = true\n[load]\nslo = \"p95=1s\"\n\
         [target]\ntarget = \"demo\"\nregion = \"eu-west-1\"\n[cluster]\nmax-size = 0x0a\n[output]\nverbose = 1\n\
         [screen]\nbell = false\n[run]\nstretch = 0.5\nrate = 1_000\n",
    )
    .unwrap();
    let entry = |line: usize| file.entries.iter().find(|entry| entry.line == line).unwrap().clone();
    let of = |line: usize| (entry(line).only_for, entry(line).key, entry(line).values.join(", "));
    let all = |key: &str, value: &str| (None, key.to_owned(), value.to_owned());
    assert_eq!(of(1), all("max-rate", "1000"));
    assert_eq!(of(2), all("rate", "7"), "by another name");
    assert_eq!((of(4), of(5)), (all("header", "a: 1, b: 2"), all("http2", "true")));
    assert_eq!((of(7), of(9), of(10)), (all("slo", "p95=1s"), all("target", "demo"), all("region", "eu-west-1")));
    assert_eq!((of(12), of(14), of(16)), (all("max-size", "10"), all("verbose", "1"), all("bell", "false")));
    let run = |key: &str, value: &str| (Some("run".to_owned()), key.to_owned(), value.to_owned());
    assert_eq!((of(18), of(19)), (run("stretch", "0.5"), run("rate", "1000")));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = refusal("yes = true\nmax-rat = 1\n");
    assert!(error.contains("line 2") && error.contains("`max-rat`"), "{error}");
    assert!(error.contains("the nearest is `max-rate`"), "{error}");
    let error = refusal("# max-rat = 1\n\"max-rat\" = 2\n");
    assert!(error.contains("line 2") && error.contains("`max-rat`"), "{error}");
    let error = refusal("[slo]\np99 = \"1s\"\n");
    assert!(error.contains("line 1") && error.contains("`slo` takes"), "{error}");
    let error = refusal("[load]\n\nmax-rat = 1\n");
    assert!(error.contains("line 3") && error.contains("the nearest is `max-rate`"), "{error}");
}

#[test]
fn a_section_that_there_is_none_of_and_a_key_that_belongs_elsewhere_are_told_where_it_belongs() {
    for (text, line, says) in [
        ("[requests]\nmethod = \"PUT\"\n", 1, "the nearest is [request]"),
        (
            "[request]\nrate = 5\n",
            2,
            "`rate` does not belong to [request]: write it under [load], or above all sections",
        ),
        ("[load]\nhold = \"5s\"\n", 2, "write it under [capacity]"),
        ("[load]\nstretch = 2\n", 2, "write it under [run] or [experiment]"),
        ("[capacity]\nstretch = 2\n", 2, "capacity has no --stretch"),
        ("[run]\nstretsh = 2\n", 2, "the nearest is `stretch`"),
    ] {
        let error = refusal(text);
        assert!(error.contains(&format!("line {line}: ")) && error.contains(says), "{text}: {error}");
    }
}

#[test]
fn an_option_that_stands_twice_is_refused_by_whatever_name() {
    for text in [
        "rate = 1\n\n[load]\nrate = 2\n",
        "rate = 1\n\n\nrps = 2\n",
        "theme = \"dark\"\n\n[screen]\ntheme = \"light\"\n",
    ] {
        let error = refusal(text);
        assert!(error.contains("line 4: ") && error.contains("stands twice, also in line 1"), "{error}");
    }
    assert!(read("rate = 1\n[run]\nrate = 2\n").is_ok(), "for one command alone");
}

#[test]
fn what_makes_a_command_another_one_or_writes_a_file_stands_in_no_file() {
    for key in
        ["check", "list", "plan", "html", "policy", "account", "repository", "report-only", "panic-after", "config"]
    {
        let error = refusal(&format!("{key} = \"x\"\n"));
        assert!(error.contains("line 1") && error.contains(&format!("--{key}")), "{error}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_place_and_never_with_what_stands_there() {
    for (text, place) in [
        ("rate = 5\nheader = [\"authorization: Bearer hunter2]\n", "line 2, column 42, key `header`"),
        ("header = \"authorization: Bearer hunter2\n", "line 1, column 40, key `header`"),
        ("user = hunter2\n", "line 1, column "),
        ("[request]\nheader = [\n  \"authorization: Bearer hunter2=,\n]\n", "line 3, column "),
        ("header = '''\nBearer hunter2\n", "line "),
        ("hunter2=x\n", "line 1, column "),
        ("header = \"hunter2\" \"\n", "line 1, column "),
        ("user = \"a\"\nuser = \"hunter2\"\n", "line 2, column "),
    ] {
        let error = refusal(text);
        assert!(!error.contains("hunter2") && error.starts_with("scaletop.toml, "), "{text}: {error}");
        assert!(error.contains(place) && error.contains("not TOML"), "{text}: {error}");
    }
}

#[test]
fn a_value_of_another_kind_is_told_with_what_would_be_right() {
    for (text, says) in [
        ("http2 = \"yes\"\n", "`http2` takes true or false"),
        ("rate = [1, 2]\n", "`rate` takes a text or a number"),
        ("rate = true\n", "`rate` takes a text or a number"),
        ("header = [[\"a: 1\"]]\n", "`header` takes a text, a number, or a list of texts"),
        ("rate = 1979-05-27\n", "`rate` takes a text or a number"),
    ] {
        assert!(refusal(text).contains(says), "{text}: {}", refusal(text));
    }
}

#[test]
fn keys_and_colors_are_no_options_and_the_base_of_the_colors_is_one() {
    let file = read(
        "max-rate = 7\n[theme]\nbase = \"light\"\nok = 70\n\n[theme.dark]\nok = \"#00ff00\"\n[keys]\nspike = [\"f5\", \"s\"]\n\
         [keys.tables]\nundo = []\n",
    )
    .unwrap();
    let entry = |line, inner: Option<&str>, name: &str, values: &[&str]| OwnEntry {
        place: Place { file: "scaletop.toml".to_owned(), line },
        inner: inner.map(str::to_owned),
        name: name.to_owned(),
        values: values.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(file.own.keys, [entry(9, None, "spike", &["f5", "s"]), entry(11, Some("tables"), "undo", &[])]);
    assert_eq!(file.own.theme, [entry(4, None, "ok", &["70"]), entry(7, Some("dark"), "ok", &["#00ff00"])]);
    let options: Vec<_> = file.entries.iter().map(|entry| (entry.key.as_str(), entry.values.join(""))).collect();
    assert_eq!(options, [("max-rate", "7".to_owned()), ("theme", "light".to_owned())]);
}

#[test]
fn of_two_files_the_folders_key_counts_and_what_only_the_users_says_stays() {
    let user = read("[keys]\nspike = \"f5\"\nmark = \"f6\"\n").unwrap();
    let folder = ConfigFile::parse("folder", "[keys]\nspike = \"f7\"\n", environment::grammar()).unwrap();
    let both = user.own.with(&folder.own);
    let keys: Vec<_> = both.keys.iter().map(|entry| (entry.name.as_str(), entry.values.join(""))).collect();
    assert_eq!(keys, [("mark", "f6".to_owned()), ("spike", "f7".to_owned())]);
    assert_eq!(both.keys[1].place.file, "folder");
}

#[test]
fn a_key_or_a_color_of_another_kind_is_named_with_its_line_and_what_it_takes() {
    for (file, line, says) in [
        ("[keys]\nspike = 5\n", 2, "`spike` takes a key or a list of keys"),
        ("[keys]\nspike = [1]\n", 2, "`spike` takes a key"),
        ("keys = \"vi\"\n", 1, "`keys` takes a table"),
        ("[keys.charts.more]\nspike = \"s\"\n", 1, "`more` takes a key"),
        ("\n[theme.dark]\nok = [1]\n", 3, "`ok` takes a color"),
    ] {
        let error = refusal(file);
        assert!(error.contains(&format!("line {line}: ")) && error.contains(says), "{file}: {error}");
    }
}

#[test]
fn the_files_are_those_of_the_user_and_the_folder_or_the_one_that_is_named() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let files = Files { user: Some(at("user.toml")), folder: at("folder.toml") };
    let read = |named: Option<&Path>| {
        let named = named.map(|path| (path, "--config"));
        let files = files.read(named, environment::grammar())?;
        Ok::<_, ConfigError>(files.into_iter().map(|file| file.entries[0].values.join("")).collect::<Vec<_>>())
    };
    assert_eq!(read(None).unwrap(), Vec::<String>::new(), "none of them has to be there");
    std::fs::write(at("folder.toml"), "rate = 2\n").unwrap();
    std::fs::write(at("user.toml"), "rate = 1\n").unwrap();
    std::fs::write(at("other.toml"), "rate = 3\n").unwrap();
    assert_eq!(read(None).unwrap(), ["1", "2"]);
    assert_eq!(read(Some(&at("other.toml"))).unwrap(), ["3"]);
    let missing = read(Some(&at("none.toml"))).unwrap_err().to_string();
    assert!(missing.starts_with("there is no ") && missing.contains("--config"), "{missing}");
}

#[test]
fn the_file_of_the_folder_one_is_in_names_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let read = |named: Option<&str>| {
        let files = Files { user: Some(at("user.toml")), folder: at("folder.toml") };
        let named = named.map(&at);
        files
            .read(named.as_deref().map(|path| (path, "--config")), environment::grammar())
            .map_err(|error| error.to_string())
    };
    std::fs::write(at("user.toml"), "[count]\ncount-command = \"mine\"\n").unwrap();
    assert_eq!(read(None).unwrap().len(), 1, "one's own may");
    std::fs::write(at("folder.toml"), "\n[count]\ncount-command = \"theirs\"\n").unwrap();
    let error = read(None).unwrap_err();
    assert!(error.contains("folder.toml, line 3: `count-command` is a program"), "{error}");
    assert!(read(Some("folder.toml")).is_ok(), "and one that was named may");
}
