//! What is understood of words, files and variables together.

use super::*;
use crate::cli::Command as Chosen;

/// What is understood of words, with a file and variables.
fn all(text: &str, words: &[&str], variables: &[(&str, &str)]) -> Result<Understood, Unparsed> {
    let file =
        ConfigFile::parse("scaletop.toml", text, grammar()).map_err(|error| Unparsed::error(&error.to_string()))?;
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
    let around = Surroundings { variables, ..Surroundings::default() };
    parse_with(words.iter().map(OsString::from).collect(), &[file], &around)
}

pub(crate) fn with_file(text: &str, words: &[&str]) -> Result<Understood, Unparsed> {
    all(text, words, &[])
}

fn typed(words: &[&str]) -> Result<Understood, Unparsed> {
    parse(words.iter().map(OsString::from).collect(), &Surroundings::default())
}

fn drive(understood: Understood) -> crate::cli::DriveArgs {
    match understood.cli.command {
        Chosen::Demo(demo) => demo.drive,
        Chosen::Live(live) => live.drive,
        Chosen::Run(run) => run.drive,
        other => panic!("it drives nothing: {other:?}"),
    }
}

#[test]
fn every_option_that_may_stand_in_a_file_has_the_variable_of_its_name_and_no_other_has_one() {
    for command in grammar().get_subcommands().filter(|command| settings::uses_settings(command.get_name())) {
        for arg in command.get_arguments() {
            let Some(key) = settings::settable(arg) else { continue };
            let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            let named_after = format!("SCALETOP_{}", key.to_ascii_uppercase().replace('-', "_"));
            let is_heard = settings::typed_only(&key).is_none() || key == "config";
            assert_eq!(variable, is_heard.then_some(named_after), "{} --{key}", command.get_name());
        }
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_none_and_one_of_a_switch_is_a_boolean_however_it_is_written() {
    let understood =
        all("rate = 7\n", &["scaletop", "demo"], &[("SCALETOP_RATE", "  "), ("SCALETOP_YES", "")]).unwrap();
    let of_file = drive(understood);
    assert_eq!((of_file.load.rate.get(), of_file.output.yes), (7, false));
    for (value, is_on) in [("1", true), ("true", true), ("yes", true), ("on", true), ("0", false), ("no", false)] {
        let variables = [("SCALETOP_YES", value), ("SCALETOP_HTTP2", value), ("SCALETOP_VERBOSE", value)];
        let understood = drive(all("", &["scaletop", "live", "http://h"], &variables).unwrap());
        let said = (understood.output.yes, understood.request.http2, understood.output.verbose);
        assert_eq!(said, (is_on, is_on, u8::from(is_on)), "{value}");
    }
    // What is switched on in a file can be switched off for once.
    let off = all("http2 = true\n", &["scaletop", "live", "http://h"], &[("SCALETOP_HTTP2", "false")]).unwrap();
    assert!(!drive(off).request.http2);
}

#[test]
fn what_is_typed_goes_before_a_variable_and_that_before_the_folders_file_and_that_before_the_users() {
    let read = |name: &str, text: &str| ConfigFile::parse(name, text, grammar()).unwrap();
    let files = [read("user", "rate = 1\nmax-rate = 100\n[request]\nmethod = \"PUT\"\n"), read("folder", "rate = 2\n")];
    let rate = |words: &[&str], variable: &str| {
        let around =
            Surroundings { variables: vec![("SCALETOP_RATE".to_owned(), variable.into())], ..Surroundings::default() };
        let words = ["scaletop", "demo"].iter().chain(words).map(OsString::from).collect();
        let drive = drive(parse_with(words, &files, &around).unwrap());
        assert_eq!((drive.load.max_rate.get(), drive.request.method()), (100, "PUT"), "of the user's file");
        drive.load.rate.get()
    };
    assert_eq!((rate(&["-r", "4"], "3"), rate(&[], "3"), rate(&[], "")), (4, 3, 2));
}

#[test]
fn a_section_of_a_command_is_for_that_one_alone_and_goes_before_what_holds_for_all() {
    let file = "rate = 5\n[run]\nrate = 9\nformat = \"markdown\"\n";
    let rate = |words: &[&str]| drive(with_file(file, words).unwrap()).load.rate.get();
    assert_eq!(rate(&["scaletop", "run", "http://h", "-z", "1s"]), 9);
    assert_eq!(rate(&["scaletop", "live", "http://h"]), 5);
}

#[test]
fn a_target_of_a_file_or_a_variable_is_one_for_every_command_and_a_run_keeps_it_apart() {
    for file in ["target = \"demo\"\n", "[target]\ntarget = \"demo\"\n"] {
        for command in ["live", "capacity", "experiment", "doctor", "run"] {
            let understood = with_file(file, &["scaletop", command]).unwrap_or_else(|error| panic!("{}", error.text));
            let target = match understood.cli.command {
                Chosen::Live(args) => args.targets.first().cloned(),
                Chosen::Capacity(args) => Some(args.target),
                Chosen::Experiment(args) => Some(args.target),
                Chosen::Doctor(args) => args.target,
                Chosen::Run(args) => args.usual_target.filter(|_| args.target.is_none()),
                other => panic!("{other:?}"),
            };
            assert!(target.is_some_and(|target| target.is_demo()), "{command}");
        }
    }
    let two = with_file("target = [\"demo:apprunner\", \"demo:ecs\"]\n", &["scaletop", "live"]).unwrap();
    assert!(matches!(two.cli.command, Chosen::Live(args) if args.targets.len() == 2));
    let named =
        all("", &["scaletop", "run", "p.toml", "--target", "demo"], &[("SCALETOP_TARGET", "http://h")]).unwrap();
    let Chosen::Run(args) = named.cli.command else { panic!("another command") };
    assert!(args.target.is_some() && args.usual_target.is_none());
    for command in ["capacity", "live", "experiment"] {
        let missing = typed(&["scaletop", command]).unwrap_err().text;
        assert!(missing.contains("<TARGET>") && missing.contains("in SCALETOP_TARGET"), "{missing}");
    }
}

#[test]
fn of_two_options_that_exclude_each_other_the_one_that_goes_before_is_meant_and_of_one_source_neither() {
    let body = |text: &str, words: &[&str], variables: &[(&str, &str)]| {
        let words = [&["scaletop", "live", "http://h"], words].concat();
        all(text, &words, variables).map(|understood| {
            let request = drive(understood).request;
            (request.body, request.body_file.map(|path| path.display().to_string()))
        })
    };
    let of_file = ("body-file = \"a\"\n", (None, Some("a".to_owned())));
    assert_eq!(body(of_file.0, &[], &[]).unwrap(), of_file.1);
    assert_eq!(body(of_file.0, &[], &[("SCALETOP_BODY", "b")]).unwrap(), (Some("b".to_owned()), None));
    let typed = body("body = \"c\"\n", &["--body-file", "d"], &[("SCALETOP_BODY", "b")]).unwrap();
    assert_eq!(typed, (None, Some("d".to_owned())));
    let both = body("body = \"b\"\nbody-file = \"a\"\n", &[], &[]).unwrap_err().text;
    assert!(both.contains("scaletop.toml:1 (--body) and scaletop.toml:2 (--body-file) exclude each other"), "{both}");
    let both = body("", &[], &[("SCALETOP_BODY", "b"), ("SCALETOP_BODY_FILE", "a")]).unwrap_err().text;
    assert!(both.contains("SCALETOP_BODY (--body) and SCALETOP_BODY_FILE (--body-file)"), "{both}");
    // What is switched off excludes nothing.
    assert!(all("quiet = false\nverbose = true\n", &["scaletop", "run", "p.toml"], &[]).is_ok());
}

#[test]
fn an_option_that_is_a_header_and_that_header_are_one_and_the_nearer_is_sent() {
    let sent = |text: &str, words: &[&str]| {
        let words = [&["scaletop", "live", "http://h"], words].concat();
        all(text, &words, &[]).map(|understood| {
            let request = drive(understood).request;
            (request.user, request.headers)
        })
    };
    let kept = |user: Option<&str>, headers: &[&str]| {
        (user.map(str::to_owned), headers.iter().map(|header| (*header).to_owned()).collect::<Vec<_>>())
    };
    let file = "header = [\"Authorization: Bearer x\", \"a: 1\"]\n";
    assert_eq!(sent(file, &["-u", "a:b"]).unwrap(), kept(Some("a:b"), &["a: 1"]));
    let typed = ["-H", "authorization: Bearer x"];
    assert_eq!(sent("user = \"a:b\"\n", &typed).unwrap(), kept(None, &["authorization: Bearer x"]));
    // In a file of headers, too.
    let home = tempfile::tempdir().unwrap();
    let lines = home.path().join("headers");
    std::fs::write(&lines, "a: 1\n\nAuthorization: Bearer hunter2\n").unwrap();
    let named = format!("@{}", lines.display());
    let file = format!("header = [{named:?}, \"b: 2\"]\n");
    assert_eq!(sent(&file, &["-u", "a:b"]).unwrap(), kept(Some("a:b"), &["a: 1", "b: 2"]));
    assert_eq!(sent("user = \"a:b\"\n", &["-H", &named]).unwrap(), kept(None, &[&named]));
    assert_eq!(sent("", &["-H", &named]).unwrap(), kept(None, &[&named]), "nothing else says it");
    for words in [
        &["-u", "a:hunter2", "-H", "authorization: hunter2"][..],
        &["-A", "x", "-H", "User-Agent: y"],
        &["-u", "a:hunter2", "-H", &named],
    ] {
        let refused = sent("", words).unwrap_err().text;
        assert!(refused.contains("say the same: keep one") && !refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn what_does_nothing_is_refused_wherever_it_stands() {
    for (text, words, part) in [
        ("[run]\ntheme = \"dark\"\n", &["run", "p.toml"][..], "line 2: `theme` does not belong to [run]"),
        ("", &["live", "http://h", "--load-seed", "5"], "--load-seed does nothing with uniform"),
        ("no-keepalive = true\n", &["live", "http://h", "--conn-max-age", "5s"], "--conn-max-age does nothing"),
        ("[cluster]\nmax-size = 0\n", &["config"], "line 2 (--max-size <COUNT>)"),
        ("[cluster]\ntime-scale = 0\n", &["config"], "line 2 (--time-scale <FACTOR>)"),
        ("metric-period = \"7s\"\n", &["run", "p.toml"], "line 1 (--metric-period <TIME>)"),
        ("capacity = -5\n", &["run", "p.toml"], "line 1 (--capacity <RATE>)"),
        ("user = \"nopass\"\n", &["run", "p.toml"], "line 1 (--user <USER:PASSWORD>)"),
    ] {
        let words = [&["scaletop"], words].concat();
        let refused = with_file(text, &words).unwrap_err().text;
        assert!(refused.contains(part) && !refused.contains("nopass"), "{refused}");
    }
    let refused = all("", &["scaletop", "run", "p.toml"], &[("SCALETOP_MAX_SIZE", "0")]).unwrap_err().text;
    assert!(refused.contains("SCALETOP_MAX_SIZE"), "{refused}");
    let drawn = with_file("arrivals = \"poisson\"\n", &["scaletop", "live", "http://h", "--load-seed", "5"]);
    assert!(drawn.is_ok(), "{drawn:?}");
}

#[test]
fn a_wrong_value_is_told_with_where_it_stands_even_when_the_same_was_typed_elsewhere() {
    let words = ["scaletop", "live", "http://fast", "-H", "x: fast"];
    let refused = all("\n[load]\nrate = \"fast\"\n", &words, &[]).unwrap_err().text;
    assert!(refused.contains("scaletop.toml, line 3 (--rate <RATE>)"), "{refused}");
    let refused = all("max-rate = 5\n", &words, &[("SCALETOP_RATE", "fast")]).unwrap_err().text;
    assert!(refused.contains("SCALETOP_RATE (--rate <RATE>)"), "{refused}");
    // Of an option that this command does not have, too.
    let refused = all("hold = \"1\"\n", &words, &[]).unwrap_err().text;
    assert!(refused.contains("scaletop.toml, line 1 (--hold <TIME>)"), "{refused}");
    let refused = all("header = \"Bearer hunter2\"\n", &["scaletop", "demo"], &[]).unwrap_err().text;
    assert!(refused.contains("scaletop.toml, line 1 (--header") && !refused.contains("hunter2"), "{refused}");
}

#[test]
fn a_variable_that_nobody_hears_is_told_with_what_was_meant() {
    let notes = |name: &str| all("", &["scaletop", "demo"], &[(name, "1")]).unwrap().notes;
    assert_eq!(notes("SCALETOP_RATE"), Vec::<String>::new());
    for (name, says) in [
        ("SCALETOP_RAT", "the nearest is SCALETOP_RATE"),
        ("SCALETOP_CHECK", "--check is for the command line alone"),
        ("SCALETOP_HTML", "it names a file to write"),
        ("SCALETOP_XYZ", "there is no such variable"),
    ] {
        let notes = notes(name);
        assert!(notes.len() == 1 && notes[0].starts_with(name) && notes[0].contains(says), "{notes:?}");
    }
}

#[test]
fn a_target_that_is_refused_keeps_its_password_to_itself() {
    for words in [
        &["scaletop", "live", "htps://me:hunter2@example.com/"][..],
        &["scaletop", "live", "me:hunter2@example.com"],
        &["scaletop", "live", "http://me:hunter2@:80/"],
        &["scaletop", "live", "http://me:hunter2@example.com:99999/?key=hunter2"],
        &["scaletop", "live", "https://example.com", "https://example.org", "https://me:hunter2@example.com"],
        &["scaletop", "run", "plan.toml", "demo", "https://example.com", "https://me:hunter2@example.com"],
        &["scaletop", "htps://me:hunter2@example.com"],
        &["scaletop", "live", "demo", "--url", "ftp://me:hunter2@example.com/"],
        &["scaletop", "live", "demo", "--header", "authorization hunter2"],
        &["scaletop", "live", "demo", "--endpoint-url", "me:hunter2@example.com"],
    ] {
        let refused = typed(words).unwrap_err();
        assert!(refused.is_error && !refused.text.contains("hunter2"), "{words:?}: {}", refused.text);
    }
}

#[test]
fn what_another_tool_calls_so_is_answered_with_a_tip_and_not_with_a_guess() {
    for (words, tip) in [
        (&["scaletop", "live", "http://localhost", "-n", "5"][..], "not a number of requests"),
        (&["scaletop", "run", "http://localhost", "--vus", "5"], "open model"),
        (&["scaletop", "live", "http://localhost", "--duration", "5s"], "scaletop run URL"),
        (&["scaletop", "live", "http://localhost", "--location"], "--expect 2xx,3xx"),
        (&["scaletop", "experiment", "demo", "--json"], "summary.json"),
    ] {
        let refused = typed(words).unwrap_err();
        assert!(refused.is_error && refused.text.contains(tip), "{words:?}: {}", refused.text);
        assert!(!refused.text.contains("similar"), "{}", refused.text);
    }
}

#[test]
fn what_curl_and_others_call_so_is_understood() {
    let words = ["scaletop", "-X", "put", "-d", "{}", "-k", "-m", "5s", "-r", "1k", "-o", "x", "https://localhost"];
    let Chosen::Live(live) = typed(&words).unwrap().cli.command else { panic!("not live") };
    let (request, load) = (live.drive.request, live.drive.load);
    assert_eq!((request.method(), request.body.as_deref(), request.insecure), ("PUT", Some("{}"), true));
    assert_eq!((request.timeout.as_secs(), load.rate.get()), (5, 1_000));
    let Chosen::Live(live) = typed(&["scaletop", "live", "http://localhost", "-d", "{}"]).unwrap().cli.command else {
        panic!("not live")
    };
    assert_eq!(live.drive.request.method(), "POST");
}

#[test]
fn a_terminal_that_is_dumb_and_a_user_who_wants_none_get_no_colors() {
    let has = |name: &str, value: &str| crate::cli::refused::has_colors(&|one| (one == name).then(|| value.into()));
    assert_eq!((has("TERM", "dumb"), has("NO_COLOR", "1")), (false, false));
    assert!(has("TERM", "xterm") && has("NO_COLOR", "") && crate::cli::refused::has_colors(&|_| None));
}

#[test]
fn help_is_no_error() {
    assert!(!typed(&["scaletop", "--help"]).unwrap_err().is_error);
}

#[test]
fn a_typed_value_is_one_however_it_is_written_and_a_typed_list_replaces_the_files() {
    for typed in [&["--header=a: 1"][..], &["--header", "a: 1"], &["-H", "a: 1"], &["-Ha: 1"]] {
        let words = [&["scaletop", "demo"], typed].concat();
        let understood = with_file("header = [\"b: 2\", \"c: 3\"]\n", &words).unwrap();
        assert_eq!(drive(understood).request.headers.len(), 1, "{typed:?}");
    }
    // What looks like an option and is a value of another is none.
    let words = ["scaletop", "demo", "--body", "x", "--path", "/--max-rate"];
    assert_eq!(drive(with_file("max-rate = 1000\n", &words).unwrap()).load.max_rate.get(), 1_000);
    let words = ["scaletop", "demo", "--slo", "errors=3%"];
    let understood = drive(with_file("slo = [\"p95=1s\"]\n", &words).unwrap());
    assert_eq!(values::slo(&understood.load.slo).to_string(), "p99 ≤ 500 ms, errors ≤ 3 %");
    let of_file = drive(with_file("slo = [\"p95=1s\", \"errors=2%\"]\n", &["scaletop", "demo"]).unwrap());
    assert_eq!(values::slo(&of_file.load.slo).to_string(), "p95 ≤ 1 s, errors ≤ 2 %");
    let of_variable = all("", &["scaletop", "demo"], &[("SCALETOP_SLO", "p95=1s,errors=2%")]).unwrap();
    assert_eq!(values::slo(&drive(of_variable).load.slo).to_string(), "p95 ≤ 1 s, errors ≤ 2 %");
}

#[test]
fn a_file_cannot_say_that_a_host_may_be_load_tested_and_that_it_tried_is_said() {
    let tried = with_file("max-rate = 7\nyes = true\n", &["scaletop", "demo"]).unwrap();
    assert!(tried.notes[0].contains("line 2") && tried.notes[0].contains("--yes"), "{:?}", tried.notes);
    assert!(!drive(tried).output.yes);
    assert_eq!(with_file("yes = false\n", &["scaletop", "demo"]).unwrap().notes, Vec::<String>::new());
    assert!(drive(with_file("yes = true\n", &["scaletop", "demo", "--yes"]).unwrap()).output.yes);
}
