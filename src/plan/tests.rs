//! Plans that are right, and what is said of those that are not.

use std::collections::BTreeSet;

use super::*;

/// The plan that the documentation shows in full.
const IN_FULL: &str = r#"
name = "spike to 600"
[target]
url = "https://example.awsapprunner.com/api/test"
[slo]
p99 = "500ms"
errors = "1%"
[[stage]]
name = "warm-up"
rate = 5
duration = "20s"
[[stage]]
name = "spike"
rate = 600
duration = "5m"
[[stage]]
name = "ramp"
from = 600
to = 900
duration = "2m"
[[stage]]
name = "cool-down"
rate = 0
until = "instances <= 1"
at_most = "15m"
[thresholds]
achieved = "> 99%"
"spike.t_recover" = "< 60s"
"spike.lost" = "< 0.5%"
p99 = "< 2s"
"#;

fn refusal(text: &str) -> String {
    Plan::parse(text).unwrap_err().to_string()
}

#[test]
fn the_documented_plan_is_read_as_it_says() {
    let plan = Plan::parse(IN_FULL).unwrap();
    assert_eq!(plan.name, "spike to 600");
    assert_eq!(plan.slo, Some(Slo::default()));
    assert_eq!(plan.stages.len(), 4);
    assert_eq!(plan.stages[2].profile.to_string(), "600→900/s in 120 s");
    assert_eq!(
        plan.stages[3].end,
        StageEnd::Until(Condition::Instances(Comparison::AtMost, 1), Duration::from_mins(15))
    );
    let thresholds: Vec<_> = plan.thresholds.iter().map(ToString::to_string).collect();
    assert_eq!(thresholds, ["achieved > 99%", "spike.t_recover < 60s", "spike.lost < 0.5%", "p99 < 2s"]);
    assert_eq!((plan.peak().get(), plan.at_most().as_secs()), (900, 20 + 300 + 120 + 900));
}

#[test]
fn unknown_keys_are_named_with_their_line() {
    let error = refusal("[[stage]]\nrate = 5\nduratoin = \"20s\"\n");
    assert!(error.contains("duratoin") && error.contains("line 3") && error.contains("duration"), "{error}");
    let error = refusal("[thresholdz]\n");
    assert!(error.contains("thresholdz") && error.contains("line 1"), "{error}");
}

#[test]
fn no_refusal_repeats_what_was_meant_for_a_request() {
    let stage = "[[stage]]\nrate = 1\nduration = \"1s\"\n";
    let headers = "headers are no part of a plan: -H @FILE, or [request] header in scaletop.toml";
    for (place, line) in
        [("", 1), (stage, 4), ("[target]\n", 2), ("[slo]\n", 2), (&format!("{stage}[thresholds]\n"), 5)]
    {
        for (entry, says) in [
            ("header = \"authorization: Bearer S3CR3T\"", headers),
            ("headers = [\"authorization: S3CR3T\"]", headers),
            ("header = Bearer S3CR3T", headers),
            ("token = \"S3CR3T\"", headers),
            ("authorization = { S3CR3T = 1 }", headers),
            ("x-api-key: S3CR3T", headers),
            ("X-Api-Key = \"S3CR3T\"", headers),
            ("user = \"me:S3CR3T\"", "a user is no part of a plan"),
            ("body = \"S3CR3T\"", "a body is no part of a plan"),
            ("timeout = \"S3CR3T\"", "the request is no part of a plan"),
            ("\"authorization: S3CR3T\" = \"< 1%\"", ""),
            ("psswd = \"S3CR3T\"", "psswd"),
            ("psswd = [\"S3CR3T\"]", "psswd"),
            ("psswd = S3CR3T", "not TOML"),
            ("S3CR3T", "not TOML"),
        ] {
            let error = refusal(&format!("{place}{entry}\n"));
            assert!(!error.contains("S3CR3T"), "{place}{entry}: {error}");
            assert!(error.starts_with(&format!("line {line}")) && error.contains(says), "{place}{entry}: {error}");
        }
    }
    for text in [
        "target = \"http://S3CR3T@h\"",
        "stage = \"S3CR3T\"",
        "stage = [\"S3CR3T\"]",
        "repeat = \"S3CR3T\"",
        "slo = \"S3CR3T\"",
        "[[stage]]\nrate = [\"S3CR3T\"]",
        "[[stage]]\nduration = { a = \"S3CR3T\" }",
        "[[stage]]\nname = [\"S3CR3T\"]",
    ] {
        let error = refusal(text);
        assert!(error.contains("line") && !error.contains("S3CR3T"), "{text}: {error}");
    }
}

#[test]
fn an_objective_that_would_be_dropped_is_refused_with_its_line() {
    let error = refusal("[slo]\np99 = \"1s\"\np95 = \"2s\"\n");
    assert!(error.starts_with("line 3: `p95`") && error.contains("two percentiles, with `p99`"), "{error}");
    let error = refusal("[slo]\nerrors = \"1%\"\nerror = \"2%\"\n");
    assert!(error.starts_with("line 3: `error`") && error.contains("twice"), "{error}");
}

#[test]
fn a_slip_of_form_is_answered_with_the_right_one() {
    for (text, says) in [
        ("[stage]\nrate = 1\n", "write [[stage]]"),
        ("[stage.spike]\nrate = 1\n", "write [[stage]]"),
        ("[[target]]\nurl = \"http://127.0.0.1\"\n", "write [target]"),
        ("[[slo]]\np99 = \"1s\"\n", "write [slo]"),
        ("[[thresholds]]\nlost = \"< 1%\"\n", "write [thresholds]"),
        ("[slo]\nerrors = 0.01\n", "errors = \"1%\""),
        ("[slo]\np95 = 500\n", "p95 = \"500ms\""),
        ("[slo]\np99.9 = \"1s\"\n", "\"p99.9\" = "),
        (
            "[[stage]]\nrate = 1\nduration = \"1s\"\n[thresholds]\nt_recover = 60\n",
            "a bound is a string, such as \"< 60s\"",
        ),
    ] {
        let error = refusal(text);
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn values_out_of_range_are_named_with_their_line() {
    for rate in ["-1", "nan", "1.5", "99999999"] {
        let error = refusal(&format!("[[stage]]\nrate = {rate}\nduration = \"1s\"\n"));
        assert!(error.contains("line 2") && error.contains("whole requests per second"), "{rate}: {error}");
    }
    let error = refusal("[[stage]]\nrate = 1\nduration = 20\n");
    assert!(error.contains("line 3") && error.contains("unit"), "{error}");
    let error = refusal("[slo]\nerrors = \"1%\"\np99 = \"fast\"\n");
    assert!(error.starts_with("line 3") && error.contains("is not a time"), "{error}");
    let error = refusal("[slo]\np100 = \"1s\"\n");
    assert!(error.starts_with("line 2") && error.contains("p100"), "{error}");
}

#[test]
fn stages_that_contradict_themselves_are_refused_by_number_and_name() {
    let cases = [
        ("rate = 1", "needs a `duration`"),
        ("rate = 1\nuntil = \"settled\"", "at_most"),
        ("rate = 1\nfrom = 1\nto = 2\nduration = \"1s\"", "excludes"),
        ("from = 1\nduration = \"1s\"", "both"),
        ("duration = \"1s\"", "needs a `rate`"),
        ("rate = 1\nduration = \"1s\"\nat_most = \"2s\"", "at_most"),
        ("from = 1\nto = 2\nuntil = \"settled\"\nat_most = \"1s\"", "ramp"),
    ];
    for (stage, reason) in cases {
        let error = refusal(&format!("name = \"a plan\"\n[[stage]]\nname = \"x\"\n{stage}\n"));
        assert!(error.starts_with("line 2: stage 1 (x)") && error.contains(reason), "{stage}: {error}");
    }
    assert!(refusal("name = \"nothing\"").contains("no stage"));
}

#[test]
fn repeats_are_unrolled_and_numbered() {
    let plan = Plan::parse(
        "repeat = 2\n[[stage]]\nname = \"up\"\nrate = 9\nduration = \"1s\"\nrepeat = 2\n[[stage]]\nname = \"down\"\nrate = 0\nduration = \"1s\"\n",
    )
    .unwrap();
    let names: Vec<_> = plan.stages.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["up", "up (2)", "down", "up (3)", "up (4)", "down (2)"]);
    assert!(refusal("repeat = 0\n").contains("1 to 1000"));
    let long = "repeat = 1000\n".to_owned() + &"[[stage]]\nrate = 1\nduration = \"1s\"\n".repeat(11);
    assert!(refusal(&long).contains("lower a `repeat`"));
}

#[test]
fn conditions_other_than_the_known_ones_are_refused() {
    for text in ["instances", "instances <= x", "instances =< 1", "idle", "instances <= -1"] {
        let error = refusal(&format!("[[stage]]\nrate = 1\nuntil = \"{text}\"\nat_most = \"1s\"\n"));
        assert!(error.contains("is not a condition") && error.contains("line 3"), "{text}: {error}");
    }
}

#[test]
fn wrong_thresholds_are_named_with_key_line_and_what_is_allowed() {
    let plan = |threshold: &str| {
        format!(
            "[[stage]]\nname = \"spike\"\nrate = 1\nduration = \"1s\"\n[thresholds]\nachieved = \"> 9%\"\n{threshold}\n"
        )
    };
    let cases = [
        ("t_recoverr = \"< 1s\"", "`t_recoverr`", "t_recover,"),
        ("\"spkie.t_recover\" = \"< 1s\"", "`spkie`", "the stages are spike"),
        ("lost = \"0.1%\"", "\"0.1%\"", "a percentage from 0% to 100%, or a number"),
        ("spike.lost = \"< 1%\"", "has to be quoted", "\"STAGE.lost\""),
        ("lost = 1", "", "string"),
    ];
    for (threshold, what, allowed) in cases {
        let error = refusal(&plan(threshold));
        assert!(error.contains("line 7") && error.contains(what) && error.contains(allowed), "{threshold}: {error}");
    }
    assert!(Plan::parse(&plan("\"spike.lost\" = \"< 1%\"")).is_ok());
}

#[test]
fn a_stretched_plan_drives_the_same_rates_for_another_time() {
    let plan = Plan::parse(IN_FULL).unwrap().stretched(0.1);
    let secs: Vec<_> = plan.stages.iter().map(|stage| stage.end.at_most().as_secs()).collect();
    assert_eq!(secs, [2, 30, 12, 90]);
    assert_eq!(plan.stages[2].profile.to_string(), "600→900/s in 12 s");
    assert_eq!(Plan::parse(IN_FULL).unwrap().stretched(0.001).stages[0].end, StageEnd::After(Duration::from_secs(2)));
}

#[test]
fn another_peak_replaces_the_highest_rate_wherever_it_stands() {
    let text = "[[stage]]\nrate = 5\nduration = '9s'\n[[stage]]\nfrom = 5\nto = 600\nduration = '9s'\n\
                [[stage]]\nrate = 600\nduration = '9s'\n[[stage]]\nrate = 550\nduration = '9s'\n";
    let plan = Plan::parse(text).unwrap().with_peak(ArrivalRate::new(500));
    let rates: Vec<_> =
        plan.stages.iter().map(|stage| (stage.profile.first().get(), stage.profile.last().get())).collect();
    assert_eq!(rates, [(5, 5), (5, 500), (500, 500), (550, 550)]);
}

/// The rows of a table in docs/plans.md whose header begins so, as cells.
fn documented(header: &str) -> Vec<Vec<&'static str>> {
    let page = include_str!("../../docs/plans.md");
    let table = page.split("\n\n").find(|part| part.starts_with(header)).expect("the table is in docs/plans.md");
    table.lines().skip(2).map(|row| row.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect()).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_page_has_every_key_and_no_other() {
    const TABLES: [&str; 5] = ["target", "slo", "count", "stage", "thresholds"];
    let rows = documented("| where | key |");
    for (place, text) in [
        ("top", "zzz = 1"),
        ("`[target]`", "[target]\nzzz = 1"),
        ("`[count]`", "[count]\nzzz = 1"),
        ("`[[stage]]`", "[[stage]]\nzzz = 1"),
    ] {
        let complaint = Plan::parse(text).unwrap_err().to_string();
        let (_, expected) = complaint.split_once("expected").expect("it says what would be right");
        let known: BTreeSet<&str> = quoted(expected).filter(|key| !TABLES.contains(key)).collect();
        let said: BTreeSet<&str> = rows.iter().filter(|row| row[0] == place).flat_map(|row| quoted(row[1])).collect();
        assert_eq!(said, known, "{place}: {complaint}");
    }
}

#[test]
fn the_page_has_every_number_that_a_plan_can_judge_and_no_other() {
    let rows = documented("| number | of | takes |");
    let said: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    for (_, judged) in crate::analysis::numbers::judged() {
        assert!(said.contains(judged.name), "docs/plans.md has no `{}` among the numbers", judged.name);
    }
    for name in said {
        let takes = |bound: &str| {
            Plan::parse(&format!("[[stage]]\nrate = 1\nduration = \"9s\"\n[thresholds]\n\"{name}\" = \"< {bound}\""))
                .is_ok()
        };
        assert!(["5", "5%", "5s"].into_iter().any(takes), "docs/plans.md has `{name}`, and no threshold is called so");
    }
}
