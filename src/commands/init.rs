//! `scaletop init`: a plan to begin with, or a configuration, with what each line means.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use crate::cli::InitArgs;
use crate::cli::settings::{Described, Kind, described};
use crate::commands::CommandError;
use crate::commands::config::{SCHEMA_ADDRESS, quoted};
use crate::files;
use crate::target::{Target, hide_secrets, names_a_target};
use crate::text::{clean, wrap};
use crate::values;
use scaletop_units::ArrivalRate;

/// What is driven, and how high, where nobody says otherwise.
const USUAL_TARGET: &str = "demo";
const USUAL_RATE: ArrivalRate = ArrivalRate::new(400);

/// The ceiling of a session that says none.
const CEILING: u32 = 5_000;

/// Writes the file, and says what comes next.
pub(super) fn init(args: &InitArgs) -> Result<u8, CommandError> {
    let usual = if args.settings { "scaletop.toml" } else { "plan.toml" };
    let path = args.file.clone().unwrap_or_else(|| PathBuf::from(usual));
    let is_printed = files::is_standard_input(&path);
    if let Some(word) =
        path.to_str().filter(|word| !is_printed && !args.settings && names_a_target(word) && *word != "demo")
    {
        return Err(CommandError::Option(format!(
            "`{0}` is a target, and init takes the name of a file to write: scaletop init --target {0}",
            hide_secrets(word)
        )));
    }
    if !is_printed && path.symlink_metadata().is_ok() {
        return Err(exists(&path));
    }
    if args.settings && is_printed {
        io::stdout().lock().write_all(settings(&described()).as_bytes())?;
        return Ok(0);
    }
    if args.settings {
        write_new(&path, &settings(&described()))?;
        writeln!(
            io::stdout(),
            "wrote {0}: take out a # to say something; what is in force: scaletop config",
            shown(&path)
        )?;
        return Ok(0);
    }
    let is_asked = io::stdin().is_terminal() && io::stderr().is_terminal();
    let (target, rate) = if is_asked {
        questions(args, &mut io::stdin().lock(), &mut io::stderr())?
    } else {
        (args.target.clone(), args.rate.unwrap_or(USUAL_RATE))
    };
    if rate.is_paused() {
        return Err(CommandError::Option("--rate 0 plans nothing: give the highest rate of the plan".to_owned()));
    }
    if is_printed {
        io::stdout().lock().write_all(plan(target.as_ref(), rate).as_bytes())?;
        return Ok(0);
    }
    write_new(&path, &plan(target.as_ref(), rate))?;
    let file = shown(&path);
    let mut ceiling = String::new();
    if rate.get() > CEILING {
        let _ = write!(ceiling, " --max-rate {}", rate.get());
    }
    let to = if target.is_some() { "" } else { " TARGET" };
    let mut out = io::stdout().lock();
    writeln!(out, "wrote {file}")?;
    writeln!(out, "next:  scaletop run --check {file}{ceiling}    what it would do; sends nothing")?;
    writeln!(out, "then:  scaletop run {file}{to}{ceiling}")?;
    Ok(0)
}

fn exists(path: &Path) -> CommandError {
    CommandError::Exists { path: path.to_owned(), option: "scaletop init FILE" }
}

fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

/// Asks for what was not typed. At the end of the input nothing is written.
fn questions(
    args: &InitArgs,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<(Option<Target>, ArrivalRate), CommandError> {
    let target = match &args.target {
        Some(target) => target.clone(),
        None => ask(
            "What is measured: a URL, demo, apprunner:NAME, ecs:CLUSTER/SERVICE",
            USUAL_TARGET,
            |line| line.parse::<Target>().map_err(|error| error.to_string()),
            input,
            output,
        )?,
    };
    let rate = match args.rate {
        Some(rate) => rate,
        None => ask(
            "The highest rate, in requests per second",
            &USUAL_RATE.get().to_string(),
            |line| match values::rate(line) {
                Ok(rate) if rate.is_paused() => Err("a rate of 0 plans nothing".to_owned()),
                read => read.map_err(|error| error.to_string()),
            },
            input,
            output,
        )?,
    };
    Ok((Some(target), rate))
}

/// Asks until there is an answer that can be taken; an empty one is the `usual`.
fn ask<T>(
    question: &str,
    usual: &str,
    read: impl Fn(&str) -> Result<T, String>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<T, CommandError> {
    loop {
        write!(output, "{question} [{usual}]: ")?;
        output.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Err(CommandError::Option("nothing was answered, and nothing is written".to_owned()));
        }
        let answer = if line.trim().is_empty() { usual } else { line.trim() };
        match read(answer) {
            Ok(answer) => return Ok(answer),
            Err(why) => writeln!(output, "{}", clean(&why))?,
        }
    }
}

/// A file that is not there yet; a link in its place is not followed.
fn write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    match written.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(source) => Err(CommandError::Write { path: path.to_owned(), source }),
    }
}

/// A plan up to `rate`: warm-up, spike, ramp down.
fn plan(target: Option<&Target>, rate: ArrivalRate) -> String {
    let url = match target {
        // With what the user gave of it: the plan is theirs.
        Some(Target::Url(url)) => format!("url = {}", quoted(url.as_str())),
        Some(target) => format!("url = {}", quoted(&target.to_string())),
        None => "# url = \"https://example.com/api/test\"".to_owned(),
    };
    let table = if target.is_some() { "[target]" } else { "# [target]" };
    let (high, low) = (rate.get(), (rate.get() / 10).max(1));
    format!(
        "\
# A plan of scaletop: load that is written down, stage by stage.
# All keys: https://github.com/scaletop/scaletop/blob/main/docs/plans.md

name = \"spike to {high}/s\"

# Where the load goes: a URL, demo, apprunner:NAME, ecs:CLUSTER/SERVICE or terraform:DIR.
# A target that is typed after the plan goes before this one.
{table}
{url}

# What counts as good: a percentile (pNN, or max) of the response time, and the share of bad requests.
[slo]
p99 = \"500ms\"
errors = \"1%\"

# Little load, so that connections and caches are warm, and what is normal is known.
[[stage]]
name = \"warm-up\"
rate = {low}
duration = \"30s\"

# From one second to the next: how long until the service carries it, and what is lost meanwhile?
# Take a few minutes on a platform that scales by its own clock.
[[stage]]
name = \"spike\"
rate = {high}
duration = \"1m\"

# And down again, in even steps.
[[stage]]
name = \"down\"
from = {high}
to = {low}
duration = \"30s\"

# What must be true at the end, else the exit code is 3. STAGE.NUMBER is of one stage, a NUMBER of them all.
[thresholds]
achieved = \"> 99%\"               # sent of what was due: less, and this machine was the limit
\"warm-up.lost\" = \"< 1%\"
# \"spike.t_recover\" = \"< 60s\"
# \"spike.lost\" = \"< 5%\"
"
    )
}

/// A configuration with every option in comments.
pub(super) fn settings(options: &[Described]) -> String {
    let mut text = format!(
        "\
#:schema {SCHEMA_ADDRESS}
# Settings of scaletop. Take out the # of what you want to say; what is in force, and from where: scaletop config
# As ./scaletop.toml it holds in this folder, as ~/.config/scaletop/scaletop.toml wherever you are.
# A section that is called as a command, such as [run], takes any option for that command alone.
"
    );
    let mut sections: Vec<&str> = Vec::new();
    for one in options {
        for section in &one.sections {
            if !sections.contains(&section.as_str()) {
                sections.push(section);
            }
        }
    }
    for section in sections {
        let _ = write!(text, "\n[{section}]\n");
        for one in options.iter().filter(|one| one.sections.iter().any(|name| name == section)) {
            for line in wrap(&one.help, 100) {
                let _ = writeln!(text, "# {line}");
            }
            let _ = writeln!(text, "# {} = {}", one.key, example(one));
        }
    }
    text.push_str(
        "
# Keys of your own: an action, and its key or keys (docs/settings.md has all).
[keys]
# spike = \"f5\"

# Colors of your own: a role, and its color.
[theme]
# label = \"#9aa7b4\"
",
    );
    text
}

/// The default of an option, or what its value looks like.
fn example(of: &Described) -> String {
    let default = of.defaults.first();
    match (&of.kind, default) {
        (Kind::Switch, _) => "false".to_owned(),
        (Kind::Level, _) => "0".to_owned(),
        (Kind::List, Some(default)) => format!("[{}]", quoted(default)),
        (Kind::List, None) => format!("[{}]", quoted(&of.form)),
        (_, Some(default)) if default.parse::<u32>().is_ok() => default.clone(),
        (_, Some(default)) => quoted(default),
        // What holds by itself, where the help says it as a value: `[default: 600; demo: 500]`.
        (_, None) => {
            let default = of.help.split_once("[default: ").and_then(|(_, rest)| rest.split([';', ' ', ']']).next());
            let default = default.filter(|default| default.starts_with(|first: char| first.is_ascii_digit()));
            match default {
                Some(number) if number.parse::<u32>().is_ok() => number.to_owned(),
                default => quoted(default.unwrap_or(&of.form)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn asked(typed: &InitArgs, answers: &str) -> (Result<(Option<Target>, ArrivalRate), CommandError>, String) {
        let mut said = Vec::new();
        let answer = questions(typed, &mut answers.as_bytes(), &mut said);
        (answer, String::from_utf8(said).unwrap())
    }

    fn nothing_typed() -> InitArgs {
        InitArgs { file: None, target: None, rate: None, settings: false }
    }

    #[test]
    fn a_plan_is_one_whatever_its_target_and_rate() {
        for target in [None, Some("demo"), Some("https://a.test/x?y=\"1\""), Some("ecs:default/checkout")] {
            let target: Option<Target> = target.map(|target| target.parse().unwrap());
            for rate in [1, 2, 400, 1_000_000] {
                let plan = Plan::parse(&plan(target.as_ref(), ArrivalRate::new(rate))).unwrap();
                assert_eq!((plan.peak().get(), plan.stages.len(), plan.thresholds.len()), (rate, 3, 2));
                assert_eq!(plan.url.map(|url| url.parse::<Target>().unwrap()), target);
            }
        }
    }

    #[test]
    fn what_was_not_typed_is_asked_for_until_the_answer_can_be_taken() {
        let (answer, said) = asked(&nothing_typed(), "\n\n");
        assert_eq!(answer.unwrap(), (Some(Target::Demo(None)), USUAL_RATE));
        assert!(said.contains("[demo]: ") && said.contains("[400]: "), "{said}");
        let (answer, said) = asked(&nothing_typed(), "localhost:80\nhttp://localhost:80/\nfast\n0\n1.5k\n");
        assert_eq!(answer.unwrap(), (Some("http://localhost:80/".parse().unwrap()), ArrivalRate::new(1_500)));
        assert!(said.contains("write http://localhost:80") && said.contains("is not a rate"), "{said}");
        let typed = InitArgs { rate: Some(ArrivalRate::new(7)), ..nothing_typed() };
        let (answer, said) = asked(&typed, "demo:ecs\n");
        assert_eq!(answer.unwrap().1.get(), 7);
        assert!(!said.contains("highest rate"), "{said}");
        assert!(asked(&nothing_typed(), "demo\n").0.unwrap_err().to_string().contains("nothing is written"));
    }
}
