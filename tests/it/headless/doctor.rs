//! `scaletop doctor` on the real binary: what it prints, where, and its exit code.

use std::time::Duration;

use crate::support::program::{Workplace, service, url};

#[test]
fn a_service_that_answers_and_names_its_instance_is_fine() {
    let work = Workplace::new();
    let service = service(Duration::from_millis(5));
    let ended = work.run(&["doctor", &url(&service), "--max-in-flight", "10"]);
    ended.assert_code(0);
    for part in
        ["ok       reachability: 127.0.0.1 answered 200", "ok       instance header: x-instance-id says", ", 0 failed"]
    {
        assert!(ended.stdout.contains(part), "{}", ended.stdout);
    }
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
}

#[test]
fn what_is_wrong_with_a_service_is_a_failure_with_a_remedy() {
    let work = Workplace::new();
    let service = service(Duration::from_millis(5));
    let ended = work.run(&["doctor", &url(&service), "--path", "/nowhere"]);
    ended.assert_code(1);
    assert!(ended.stdout.contains("answered 404 for /nowhere; name a path that the service has"), "{}", ended.stdout);
    work.run(&["doctor", &url(&service), "--header", "no colon"]).assert_code(2);
}

#[cfg(feature = "aws")]
#[test]
fn the_demo_passes_on_either_platform_through_the_clouds_own_calls() {
    let _turn = crate::support::turn();
    let work = Workplace::new();
    for (platform, part) in [("app-runner", "apprunner:ListOperations"), ("ecs", "cloudwatch:DescribeAlarms")] {
        let ended = work.run(&["doctor", "demo", "--platform", platform]);
        ended.assert_code(0);
        for part in [
            part,
            "cost of watching: nothing, the calls stay on this machine; in the cloud about $0.0",
            "image in ECR: demo:v1",
            "answered 200",
        ] {
            assert!(ended.stdout.contains(part), "{platform}: {part}: {}", ended.stdout);
        }
    }
}

#[test]
fn the_policy_is_json_alone_on_stdout_and_what_is_left_to_fill_in_is_said() {
    let work = Workplace::new();
    let place = ["--region", "eu-west-1", "--account", "123456789012", "--repository", "checkout"];
    let ended = work.run(&[&["doctor", "--policy", "ecs:default/checkout"][..], &place].concat());
    ended.assert_code(0);
    let policy: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    assert!(ended.stdout.contains("arn:aws:ecs:eu-west-1:123456789012:service/default/checkout"), "{}", ended.stdout);
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    let open = work.run(&["doctor", "--policy"]);
    open.assert_code(0);
    assert!(open.stderr.contains("fill in REGION, ACCOUNT, REPOSITORY, CLUSTER, SERVICE"), "{}", open.stderr);
    let wrong = work.run(&["doctor", "--policy", "--account", "12"]);
    wrong.assert_code(2);
    assert!(wrong.stderr.contains("twelve digits"), "{}", wrong.stderr);
}

#[cfg(feature = "aws")]
#[test]
fn a_region_that_is_set_to_nothing_is_not_one_and_space_around_it_is_none_of_it() {
    let work = Workplace::new();
    let config = work.path().join("config");
    std::fs::write(&config, "[default]\nregion = eu-south-1\n").unwrap();
    for (region, default, expected) in
        [(" eu-west-1 ", "", "eu-west-1"), ("", "eu-north-1", "eu-north-1"), (" ", "", "eu-south-1")]
    {
        let output = work
            .command(&["doctor", "--max-in-flight", "10"])
            .env("AWS_REGION", region)
            .env("AWS_DEFAULT_REGION", default)
            .env("AWS_PROFILE", "")
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_ACCESS_KEY_ID", "x")
            .env("AWS_SECRET_ACCESS_KEY", "y")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(&format!("region: {expected}\n")), "{region:?} {default:?}: {said}");
    }
}

#[test]
fn a_port_that_speaks_the_other_scheme_is_named_with_what_to_write() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(5)));
    let https = url(&service).replace("http://", "https://");
    let ended = work.run(&["doctor", &https, "--timeout", "1s", "--max-in-flight", "10"]);
    ended.assert_code(1);
    assert!(ended.stdout.contains("speak") && ended.stdout.contains("use http://"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("security groups"), "{}", ended.stdout);
    let ended = work.run(&["doctor", &url(&service), "--http2", "--timeout", "1s", "--max-in-flight", "10"]);
    assert!(ended.stdout.contains("does not speak HTTP/2"), "{}", ended.stdout);
}
