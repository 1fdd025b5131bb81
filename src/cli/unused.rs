//! Options that would do nothing where they are given: left out of the command's help, and refused when they are typed.
//!
//! What stands in a variable or in scaletop.toml holds for many commands, and is not looked at.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::cli::settings::{Setting, Source};
use crate::target::{Target, may_be_a_host, names_a_target};

/// Options that a command never uses.
const NEVER: [(&[&str], &[&str], &str); 8] = [
    (&["init", "completions", "man", "fleet"], &["config"], "it reads no configuration"),
    (&["run", "capacity", "experiment"], &["theme", "glyphs", "no_color", "no_mouse", "bell"], "it draws no screen"),
    (&["experiment"], &["rate", "spike_rate"], "its plans say every rate"),
    (&["capacity"], &["spike_rate"], "nobody presses the spike key"),
    (
        &["demo"],
        &["region", "profile", "endpoint_url", "url"],
        "the demo is an embedded cluster on this machine, which is not reached through AWS",
    ),
    (&["demo"], &["insecure", "cacert"], "the demo speaks plain HTTP"),
    (&["live"], &["quiet"], "its progress is the screen"),
    (
        &["demo"],
        &FLEET,
        "its instances answer on this machine alone, which generators elsewhere do not reach: scaletop fleet demo has generators here",
    ),
];

/// Options of the embedded cluster.
const CLUSTER: [&str; 13] = [
    "max_size",
    "min_size",
    "max_concurrency",
    "delay",
    "cold_start",
    "scale_in_after",
    "platform",
    "realistic",
    "metric_period",
    "time_scale",
    "cluster_port",
    "seed",
    "edge",
];

/// Options that say the same thing in two ways, or opposite things.
const COUNTERPARTS: [(&str, &str); 5] =
    [("json", "format"), ("verbose", "quiet"), ("no_color", "theme"), ("body", "body_file"), ("edge", "spike_rate")];

/// What one request is, which several say themselves.
pub(super) const OF_ONE_REQUEST: [&str; 4] = ["method", "body", "body_file", "path"];

/// Options that are one header each.
pub(super) const HEADERS: [(&str, &str); 2] = [("user", "authorization"), ("user_agent", "user-agent")];

/// Options of a fleet, that which names it first.
const FLEET: [&str; 7] = ["fleet", "generators", "at_least", "within", "on_loss", "lease", "allow_versions"];

/// The variable that may hold the ticket of a fleet: its text, or the path of its file.
pub(crate) const FLEET_TICKET: &str = "SCALETOP_FLEET_TICKET";
/// The variable of `--sigv4`.
const SIGV4: &str = "SCALETOP_SIGV4";

/// Options of an engine in this process, of which a fleet has none.
const OF_ONE_PROCESS: [&str; 4] = ["workers", "warm", "max_connections", "transport"];

/// Options of the cloud.
const CLOUD: [&str; 4] = ["region", "profile", "endpoint_url", "url"];

/// `grammar` with help that shows of each command what it uses.
pub(super) fn hidden(grammar: Command) -> Command {
    grammar.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        let unread = never(&name, "config").is_some();
        let is_unused = |name: &str, arg: &Arg| never(name, arg.get_id().as_str()).is_some();
        let command = command.mut_args(|arg| if is_unused(&name, &arg) { arg.hide(true) } else { arg });
        command.mut_subcommands(|inner| {
            let name = inner.get_name().to_owned();
            let is_hidden = |arg: &Arg| {
                let id = arg.get_id().as_str();
                is_unused(&name, arg) || (unread && id == "config") || OF_ONE_PROCESS.contains(&id) && name == "demo"
            };
            inner.mut_args(|arg| if is_hidden(&arg) { arg.hide(true) } else { arg })
        })
    })
}

/// Why a command never uses an option; `None` when it does.
pub(super) fn never(command: &str, id: &str) -> Option<&'static str> {
    let of = |(commands, options, _): &&(&[&str], &[&str], _)| commands.contains(&command) && options.contains(&id);
    NEVER.iter().find(of).map(|(.., why)| *why)
}

/// What is said of a seed that nothing is drawn by.
pub(crate) const SEED_OF_NOTHING: &str = "--load-seed does nothing with uniform arrivals, which are not drawn, and one request: leave it \
                                          out, or add --arrivals poisson";

/// Why what was typed does nothing beside what is in force, wherever that comes from.
pub(super) fn beside(settings: &[Setting]) -> Option<String> {
    let find = |id: &str| settings.iter().find(|one| one.id == id);
    let is_typed = |id: &str| find(id).is_some_and(|one| one.source == Source::Typed);
    let says = |id: &str, word: &str| find(id).is_some_and(|one| one.words.iter().any(|said| said == word));
    let is_on = find("no_keepalive").is_some_and(|one| {
        one.source != Source::Default && one.words.iter().all(|word| word != "false" && word != "0")
    });
    // Several requests are drawn, too; and a plan may name some, which is not known here.
    let has_several = find("requests").is_some_and(|one| one.source != Source::Default) || find("stretch").is_some();
    if is_typed("load_seed") && says("arrivals", "uniform") && !has_several {
        return Some(SEED_OF_NOTHING.to_owned());
    }
    let several = find("requests").filter(|one| one.source != Source::Default);
    if let Some(several) = several {
        let of_one = OF_ONE_REQUEST.iter().filter_map(|id| find(id)).find(|one| one.source != Source::Default);
        if let Some(one) = of_one {
            return Some(format!(
                "--{} ({}) is one request's, and --requests ({}) sends several, which say it themselves: leave one of them out",
                one.id.replace('_', "-"),
                one.source,
                several.source
            ));
        }
    } else if find("requests_data").is_some_and(|one| one.source == Source::Typed) && find("stretch").is_none() {
        return Some("--requests-data does nothing without --requests, whose values it has".to_owned());
    }
    if is_typed("conn_max_age") && is_on {
        return Some(
            "--conn-max-age does nothing with --no-keepalive, which opens a connection for every request: keep one"
                .to_owned(),
        );
    }
    if let Some(complaint) = of_counts(&find, &is_typed) {
        return Some(complaint);
    }
    let has_fleet =
        find("fleet").is_none_or(|one| one.source != Source::Default) || std::env::var_os(FLEET_TICKET).is_some();
    let option = FLEET[1..].iter().find(|id| !has_fleet && is_typed(id))?;
    Some(format!("--{} does nothing without --fleet, which says who generates the load", option.replace('_', "-")))
}

/// Why an option of a source of counts does nothing: without that source.
fn of_counts<'a>(find: &dyn Fn(&str) -> Option<&'a Setting>, is_typed: &dyn Fn(&str) -> bool) -> Option<String> {
    let has = |id: &str| find(id).is_some_and(|one| one.source != Source::Default);
    // A plan may name a source that these are for.
    let plays_plans = find("stretch").is_some();
    let any = ["count_command", "count_url", "count_prometheus"];
    let needs: [(&str, &str, &[&str], bool); 6] = [
        ("count_shell", "--count-shell", &any[..1], true),
        ("count_pointers", "--count-pointer", &any[1..2], true),
        ("count_queries", "--count-query", &any[2..], true),
        ("count_scrape", "--count-scrape", &any[2..], !plays_plans),
        ("count_token", "--count-token", &any[1..], !plays_plans),
        ("count_interval", "--count-interval", &any, !plays_plans),
    ];
    let idle = |(id, _, sources, is_judged): &&(&str, &str, &[&str], bool)| {
        *is_judged && is_typed(id) && !sources.iter().any(|source| has(source))
    };
    needs.iter().find(idle).map(|(_, option, sources, _)| {
        let sources: Vec<_> = sources.iter().map(|id| format!("--{}", id.replace('_', "-"))).collect();
        format!("{option} does nothing without {}", sources.join(" or "))
    })
}

/// The option that says the same in another way, or the opposite.
pub(super) fn counterpart(id: &str) -> Option<&'static str> {
    COUNTERPARTS.iter().find_map(|(one, other)| match id {
        _ if id == *one => Some(*other),
        _ if id == *other => Some(*one),
        _ => None,
    })
}

/// Why what was typed cannot be meant so: an option that does nothing, by the name it was declared with.
pub(super) fn complaint(grammar: &Command, matches: &ArgMatches) -> Option<String> {
    let name = grammar.get_name();
    let is_typed = |id: &str| {
        let is_known = grammar.get_arguments().any(|arg| arg.get_id() == id);
        is_known && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    if name == "run" && matches.get_flag("list") {
        let is_other = |arg: &&Arg| !["list", "config"].contains(&arg.get_id().as_str());
        let mut others = grammar.get_arguments().filter(is_other).filter(|arg| is_typed(arg.get_id().as_str()));
        let option = others.find_map(Arg::get_long)?;
        return Some(format!("--{option} does nothing with --list, which names the plans that are built in"));
    }
    let of = |options: &[&str]| options.iter().find(|id| is_typed(id)).map(|id| format!("--{}", id.replace('_', "-")));
    for (commands, options, why) in NEVER {
        if let (true, Some(option)) = (commands.contains(&name), of(options)) {
            return Some(format!("{option} does nothing for {name}: {why}"));
        }
    }
    if name == "run"
        && let Some(complaint) = of_run(matches, &of)
    {
        return Some(complaint);
    }
    let targets = targets(matches);
    let is_demo = |target: &Target| target.is_demo();
    if let (false, false, Some(option)) = (targets.is_empty(), targets.iter().any(is_demo), of(&CLUSTER)) {
        let target = &targets[0];
        return Some(format!(
            "{option} does nothing for {target}: it sets up the embedded cluster, which is the target demo"
        ));
    }
    let is_plain = |target: &Target| matches!(target, Target::Url(url) if url.scheme() == "http");
    // Counts may come by https, too.
    let counts_by_tls = ["count_url", "count_prometheus"].iter().any(|id| {
        let given = matches.try_get_one::<String>(id).ok().flatten();
        given.is_some_and(|url| url.trim_start().to_ascii_lowercase().starts_with("https:"))
    });
    let is_plain = |target: &Target| is_plain(target) && !counts_by_tls;
    if let (false, true, Some(option)) = (targets.is_empty(), targets.iter().all(is_plain), of(&["insecure", "cacert"]))
    {
        let target = &targets[0];
        return Some(format!("{option} does nothing for {target}: it speaks plain HTTP"));
    }
    let is_asked = |target: &Target| matches!(target, Target::AppRunner(_) | Target::Ecs(_) | Target::Terraform(_));
    // Signatures are made for a region, with the credentials of a profile.
    let cloud = if is_typed("sigv4") || std::env::var_os(SIGV4).is_some() { &CLOUD[2..] } else { &CLOUD[..] };
    if let (false, false, Some(option)) = (targets.is_empty(), targets.iter().any(is_asked), of(cloud)) {
        let target = &targets[0];
        return Some(format!("{option} does nothing for {target}: it is not watched through AWS"));
    }
    None
}

/// What a plan says, and what only a plan says.
fn of_run(matches: &ArgMatches, of: &dyn Fn(&[&str]) -> Option<String>) -> Option<String> {
    let words: Vec<_> =
        ["first", "second", "third"].into_iter().filter_map(|id| matches.get_one::<String>(id)).collect();
    let has_target = words.iter().any(|word| names_a_target(word));
    // What looks like a host, and is no file, is answered as the plan that there is not.
    let is_plan = |word: &str| !names_a_target(word) && (!may_be_a_host(word) || Path::new(word).exists());
    if words.iter().any(|word| is_plan(word)) {
        let plans = of(&["rate", "duration", "spike_at", "spike_rate"]);
        if let Some(option) = plans {
            return Some(format!("{option} does nothing beside a plan, which says every rate and how long it is held"));
        }
    } else if of(&["spike_at"]).is_none()
        && let Some(option) = of(&["spike_rate"])
    {
        return Some(format!("{option} does nothing without --spike-at, which says when"));
    }
    if let (true, Some(option)) = (has_target, of(&["target"])) {
        return Some(format!("{option} does nothing beside a target that is named"));
    }
    let is_check = matches.get_flag("check");
    if let (false, Some(option)) = (is_check, of(&["service_time"])) {
        return Some(format!("{option} does nothing without --check"));
    }
    if let (true, Some(option)) = (is_check, of(&["format", "json"])) {
        return Some(format!("{option} does nothing with --check, which prints text"));
    }
    None
}

/// The targets among what was typed, wherever a command takes them.
fn targets(matches: &ArgMatches) -> Vec<Target> {
    ["target", "targets", "first", "second", "third"]
        .into_iter()
        .filter(|id| matches.try_contains_id(id).is_ok_and(|is_there| is_there))
        .filter_map(|id| matches.get_raw(id))
        .flatten()
        .filter_map(|word| word.to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::environment;

    fn told(words: &str) -> Option<String> {
        let grammar = environment::grammar();
        let matches = grammar.clone().try_get_matches_from(std::iter::once("scaletop").chain(words.split(' ')));
        let matches = matches.unwrap_or_else(|error| panic!("{words}: {error}"));
        let (name, matches) = matches.subcommand().expect("it is a command");
        complaint(grammar.find_subcommand(name).expect("it is there"), matches)
    }

    #[test]
    fn an_option_that_does_nothing_is_told_with_the_reason() {
        for (words, option, why) in [
            ("run plan.toml demo --theme dark", "--theme", "no screen"),
            ("capacity demo --bell", "--bell", "no screen"),
            ("experiment demo --rate 5", "--rate", "its plans say every rate"),
            ("demo --url http://localhost", "--url", "on this machine"),
            ("live http://localhost --max-size 3", "--max-size", "does nothing for http://localhost"),
            ("run plan.toml http://localhost --platform ecs", "--platform", "the embedded cluster"),
            ("run http://localhost --duration 5s --cold-start 1s", "--cold-start", "the embedded cluster"),
            ("live http://localhost --region eu-west-1", "--region", "not watched through AWS"),
            ("doctor ecs:default/a --delay 80ms", "--delay", "the embedded cluster"),
            ("run plan.toml http://localhost --rate 5", "--rate", "says every rate"),
            ("run plan.toml http://localhost --duration 5s", "--duration", "says every rate"),
            ("run http://localhost --rate 5 --duration 5s --spike-rate 9", "--spike-rate", "without --spike-at"),
            ("run plan.toml http://localhost --target demo", "--target", "beside a target"),
            ("run plan.toml http://localhost --service-time 1s", "--service-time", "without --check"),
            ("run plan.toml http://localhost --check --json", "--json", "prints text"),
            ("run --list --format json", "--format", "with --list"),
            ("run --list --check", "--check", "with --list"),
            ("run plan.toml http://localhost --seed 5", "--seed", "the embedded cluster"),
            ("live http://localhost --edge", "--edge", "the embedded cluster"),
            ("live http://localhost -k", "--insecure", "plain HTTP"),
            ("run http://localhost --duration 5s --cacert a.pem", "--cacert", "plain HTTP"),
            ("completions bash --config x", "--config", "it reads no configuration"),
        ] {
            let told = told(words).unwrap_or_else(|| panic!("{words}: nothing is told"));
            assert!(told.starts_with(option) && told.contains(why), "{words}: {told}");
        }
    }

    #[test]
    fn what_is_used_is_not_complained_of() {
        for words in [
            "demo --max-size 3 --theme dark --spike-rate 100",
            "run plan.toml demo --max-size 3 --quiet",
            "run http://localhost --rate 5 --duration 5s",
            "capacity http://localhost --rate 5",
            "live ecs:default/a --region eu-west-1 --url http://localhost",
            "doctor --region eu-west-1",
            "live http://localhost --sigv4 lambda --region eu-west-1 --profile a",
        ] {
            assert_eq!(told(words), None, "{words}");
        }
    }

    #[test]
    fn help_shows_of_each_command_what_it_uses() {
        let shown = |command: &str, option: &str| {
            let grammar = environment::grammar();
            let command = grammar.find_subcommand(command).expect("it is a command");
            command.get_arguments().any(|arg| arg.get_long() == Some(option) && !arg.is_hide_set())
        };
        assert!(shown("demo", "theme") && shown("live", "region") && shown("run", "rate"));
        for (command, option) in
            [("run", "theme"), ("demo", "region"), ("experiment", "rate"), ("capacity", "spike-rate")]
        {
            assert!(!shown(command, option), "{command} {option}");
        }
        // Every name in the tables is one of an option: a renamed one would be forgotten silently.
        let grammar = environment::grammar();
        for (commands, options, _) in NEVER {
            for (command, option) in
                commands.iter().flat_map(|command| options.iter().map(move |option| (command, option)))
            {
                let command = grammar.find_subcommand(command).expect("it is a command");
                assert!(command.get_arguments().any(|arg| arg.get_id() == option), "{option}");
            }
        }
        let demo = grammar.find_subcommand("demo").expect("it is a command");
        for option in CLUSTER.iter().chain(&CLOUD) {
            assert!(demo.get_arguments().any(|arg| arg.get_id() == option), "{option}");
        }
    }
}
