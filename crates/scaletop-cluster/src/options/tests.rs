//! What the flags make of the options, and that the page on the cluster names flags and constants that there are.

use clap::Parser;

use super::*;
use crate::wire::Publication;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    cluster: ClusterArgs,
}

fn flags(line: &str) -> Result<ClusterOptions, String> {
    let args = std::iter::once("scaletop").chain(line.split_whitespace());
    let cli = Cli::try_parse_from(args).map_err(|error| error.to_string())?;
    let options = cli.cluster.over(&ClusterOptions::default());
    options.check().map_err(|error| error.to_string())?;
    Ok(options)
}

#[test]
fn no_flags_mean_the_defaults() {
    assert_eq!(flags("").unwrap(), ClusterOptions::default());
    assert_eq!(ClusterOptions::default().capacity_per_instance(), Some(125.0));
}

#[test]
fn every_flag_reaches_its_option() {
    let given = flags(
        "--max-size 7 --min-size 2 --max-concurrency 20 --delay 50ms --cold-start 1.5s --scale-in-after 2m \
         --platform ecs --realistic --metric-period 20s --time-scale 10 --cluster-port 8080 --seed 7",
    );
    let wanted = ClusterOptions {
        max_size: 7,
        min_size: 2,
        max_concurrency: 20,
        delay: Duration::from_millis(50),
        cold_start: Duration::from_millis(1_500),
        scale_in_after: Duration::from_mins(2),
        platform: Platform::Ecs,
        realistic: true,
        metric_period: Some(Duration::from_secs(20)),
        time_scale: 10.0,
        port: 8080,
        seed: Some(7),
    };
    assert_eq!(given.unwrap(), wanted);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    for (line, reason) in [
        ("--max-size 0", "--max-size 0 is out of range; choose 1 to 25"),
        ("--max-size 26", "choose 1 to 25"),
        ("--max-concurrency 201", "choose 1 to 200"),
        ("--min-size 0", "choose 1 to 5"),
        ("--min-size 6", "or raise --max-size"),
        ("--delay 61s", "0ms to 60s"),
        ("--delay 1500us", "whole milliseconds"),
        ("--cold-start 80", "write 80s for seconds, 80ms for milliseconds"),
        ("--delay=-1s", "for example 80ms"),
        ("--cold-start 2h", "at most 1h"),
        ("--scale-in-after soon", "for example 80ms"),
        ("--metric-period 20s", "--metric-period 20s needs --platform ecs"),
        ("--metric-period 30s --platform ecs", "choose 60s, or 20s"),
        ("--time-scale 0", "choose 0.01 to 1000"),
        ("--time-scale NaN", "choose 0.01 to 1000"),
        ("--platform lambda", "app-runner, ecs"),
        ("--cluster-port 70000", "70000"),
    ] {
        let message = flags(line).expect_err(line);
        assert!(message.contains(reason), "{line}: {message}");
    }
}

#[test]
fn a_file_may_hold_the_options_and_flags_win() {
    let file: ClusterOptions = toml::from_str("max-size = 9\ncold-start = '2s'\n").unwrap();
    assert_eq!((file.max_size, file.cold_start, file.min_size), (9, Duration::from_secs(2), 1));
    let fast: ClusterOptions = toml::from_str("platform = 'ecs'\nmetric-period = '20s'\n").unwrap();
    assert!(fast.is_high_resolution());
    assert_eq!(toml::from_str::<ClusterOptions>(&toml::to_string(&fast).unwrap()).unwrap(), fast);
    let merged = ClusterArgs { max_size: Some(3), ..ClusterArgs::default() }.over(&file);
    assert_eq!((merged.max_size, merged.cold_start), (3, Duration::from_secs(2)));
    let written = toml::to_string(&merged).unwrap();
    assert_eq!(toml::from_str::<ClusterOptions>(&written).unwrap(), merged, "{written}");
    let error = toml::from_str::<ClusterOptions>("max-sise = 9").unwrap_err().to_string();
    assert!(error.contains("max-sise"), "{error}");
}

#[test]
fn the_time_scale_speeds_up_what_has_no_option_of_its_own() {
    let options = ClusterOptions { platform: Platform::Ecs, time_scale: 10.0, ..ClusterOptions::default() };
    assert_eq!((options.metric_grain(), options.publication().1.as_secs()), (Duration::from_secs(6), 150));
    let realistic = ClusterOptions { realistic: true, ..ClusterOptions::default() };
    for (options, wire) in [(realistic, Publication::REALISTIC), (ClusterOptions::default(), Publication::DEMO)] {
        let (grain, delay) = options.publication();
        assert_eq!((grain.as_secs_f64(), delay.as_secs_f64()), (wire.grain, wire.delay), "one word for one thing");
    }
    let fast = ClusterOptions { metric_period: Some(HIGH_RESOLUTION), ..options };
    assert_eq!((fast.metric_grain(), fast.publication().1.as_secs()), (Duration::from_secs(2), 25));
    assert_eq!(ClusterOptions::default().metric_grain(), Duration::from_secs(10));
    assert_eq!(realistic.metric_grain().as_secs(), 60);
}

/// What stands in code spans in the page on the cluster.
fn code_spans() -> Vec<&'static str> {
    include_str!("../../../../docs/embedded-cluster.md").split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_flag_that_the_page_on_the_cluster_names_is_one() {
    let command = <Cli as clap::CommandFactory>::command();
    let known: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    let named: Vec<&str> = code_spans().into_iter().filter_map(|span| span.strip_prefix("--")).collect();
    assert!(named.len() >= 15, "{named:?}");
    for line in named {
        let (flag, value) = line.split_once(' ').unwrap_or((line, ""));
        assert!(known.contains(&flag), "--{flag}");
        // With what it needs beside it.
        let beside = if flag == "metric-period" { "--platform ecs " } else { "" };
        if !value.is_empty() {
            assert!(flags(&format!("{beside}--{line}")).is_ok(), "--{line}");
        }
    }
}

#[test]
fn every_constant_that_the_page_on_the_cluster_names_is_one_with_the_value_it_has_there() {
    let sources = [
        include_str!("../task_queue.rs"),
        include_str!("../balancer/alb.rs"),
        include_str!("../target_health.rs"),
        include_str!("../supervisor.rs"),
        include_str!("../wire/embedded/lives.rs"),
    ]
    .concat();
    let is_constant = |span: &&str| {
        *span == "STAGES" || (span.contains('_') && span.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    let named: Vec<&str> = code_spans().into_iter().filter(is_constant).collect();
    let ours: Vec<&str> = named
        .into_iter()
        .filter(|name| !["OPERATION_IN_PROGRESS", "UPDATE_SERVICE", "AWS_ENDPOINT_URL"].contains(name))
        .collect();
    assert_eq!(ours, ["TASK_BACKLOG", "IDLE_TIMEOUT", "GRACE_PERIOD", "DRAIN_PATIENCE", "STAGES"]);
    assert!(ours.iter().all(|name| sources.contains(&format!("const {name}: "))));
    let default = crate::target_health::HealthPolicy::DEFAULT;
    assert_eq!((default.interval.as_secs(), default.timeout.as_secs()), (30, 5));
    assert_eq!((default.unhealthy_threshold, default.healthy_threshold), (2, 5));
    assert_eq!(crate::target_health::GRACE_PERIOD.as_secs(), 300);
    assert_eq!(crate::task_queue::TASK_BACKLOG, 1_024);
}
