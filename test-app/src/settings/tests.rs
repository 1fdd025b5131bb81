//! What the arguments and the environment come to.

use super::*;
use std::time::Duration;

fn parsed(args: &[&str], env: &[(&str, &str)]) -> Result<Request, UsageError> {
    parse(args.iter().map(OsString::from), |name| {
        env.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    })
}

fn settings(args: &[&str], env: &[(&str, &str)]) -> Settings {
    match parsed(args, env) {
        Ok(Request::Serve(settings)) => settings,
        other => unreachable!("{args:?} {env:?}: {other:?}"),
    }
}

#[test]
fn without_arguments_it_serves_80_ms_on_8080_everywhere() {
    let settings = settings(&[], &[]);
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.options, Options::default());
    assert_eq!(settings.options.delay, Duration::from_millis(80));
    assert!(!settings.until_stdin_closes);
}

#[test]
fn the_delay_comes_from_an_argument_or_an_option_or_the_environment_in_this_order() {
    let from_env = [("DELAY_MS", "30")];
    for (args, env, millis) in [
        (&["120"][..], &from_env[..], 120),
        (&["120ms"], &from_env, 120),
        (&["--delay", "2s"], &from_env, 2_000),
        (&["--delay=2s"], &from_env, 2_000),
        (&[], &from_env, 30),
        (&[], &[("DELAY_MS", "")], 80),
    ] {
        assert_eq!(settings(args, env).options.delay, Duration::from_millis(millis), "{args:?} {env:?}");
    }
}

#[test]
fn port_address_and_id_can_be_chosen() {
    let chosen = settings(&["--bind", "::1", "--port=0", "--instance-id", "i-1", "--until-stdin-closes"], &[]);
    assert_eq!(chosen.listen.to_string(), "[::1]:0");
    assert_eq!(chosen.options.instance_id.as_deref(), Some("i-1"));
    assert!(chosen.until_stdin_closes);
    assert_eq!(settings(&[], &[("PORT", "9000")]).listen.port(), 9000);
    assert_eq!(settings(&["--port", "1"], &[("PORT", "nonsense, but not asked")]).listen.port(), 1);
}

#[test]
fn every_mistake_says_what_where_and_what_to_do() {
    for (args, env, message) in [
        (&["--dely", "80"][..], &[][..], r#"unknown option "--dely"; --help lists the options"#),
        (&["-x"], &[], r#"unknown option "-x"; --help lists the options"#),
        (&["--help=1"], &[], r#"unknown option "--help=1"; --help lists the options"#),
        (&["--port"], &[], "--port needs a value; write --port VALUE or --port=VALUE"),
        (&["80", "--delay", "90"], &[], r#"the delay is given twice, the second time as "90"; give it once"#),
        (
            &["-5"],
            &[],
            r#"argument "-5": not a delay; write a time such as 80ms, 1.5s or 1m; a bare number is milliseconds, for example 80"#,
        ),
        (&["--delay", "61s"], &[], r#"--delay "61s": too long; the longest delay is 60 s"#),
        (&[], &[("DELAY_MS", "61s")], r#"DELAY_MS "61s": too long; the longest delay is 60 s"#),
        (&[], &[("PORT", "65536")], r#"PORT "65536": not a port; write a number from 0 to 65535"#),
        (&["--port", "http"], &[], r#"--port "http": not a port; write a number from 0 to 65535"#),
        (&["--bind", "localhost"], &[], r#"--bind "localhost": not an IP address; write for example 127.0.0.1 or ::"#),
        (&["--instance-id", "a b"], &[], r#"--instance-id "a b": use 1 to 64 letters, digits, '-', '_', '.' or ':'"#),
    ] {
        let error = parsed(args, env).expect_err("a mistake");
        assert_eq!(error.to_string(), message, "{args:?} {env:?}");
    }
}

#[test]
fn help_names_every_option_and_variable() {
    assert_eq!(parsed(&["-h"], &[]), Ok(Request::Help));
    assert_eq!(parsed(&["--version"], &[]), Ok(Request::Version));
    for word in ["--delay", "--port", "--bind", "--instance-id", "--until-stdin-closes", "DELAY_MS", "PORT"] {
        assert!(HELP.contains(word), "{word}");
    }
}
