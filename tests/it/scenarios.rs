//! Scenarios: a compact timeline in, the numbers of its steps out, computed by hand from the definitions of the step
//! numbers (`src/analysis`). One file in `tests/scenarios` is one claim; its name says which.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::time::Duration;

use scaletop::Jitter;
use scaletop::Session;
use scaletop::Slo;
use scaletop::{Basis, InstanceObservation, Limits};
use scaletop::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop::{Milestone, MilestoneKind};
use scaletop::{StepReport, Timing, Validity};
use scaletop_load::Latency;
use scaletop_load::OutcomeKind;
use scaletop_load::RateProfile;
use scaletop_load::{GeneratorPart, LATE, Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};
use serde::Deserialize;

use held::Complaints;

mod held;
mod made;

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it shows, and how the expected numbers come about.
    claim: String,
    #[serde(default)]
    setup: Setup,
    limits: Option<Limits>,
    #[serde(default)]
    rate: Vec<Rate>,
    #[serde(default)]
    load: Vec<Load>,
    #[serde(default)]
    observed: Vec<Observed>,
    #[serde(default)]
    recorded: Vec<Record>,
    /// When the session ended; it is still running without.
    end: Option<f64>,
    /// How many steps there are.
    steps: usize,
    #[serde(default)]
    expect: Vec<Expect>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Setup {
    timeout: u64,
    p99_ms: u64,
    errors: f64,
    capacity: Option<f64>,
    max_in_flight: Option<u64>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { timeout: 10, p99_ms: 500, errors: 0.01, capacity: None, max_in_flight: None }
    }
}

/// A change of the rate: to a constant one, or over some seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    at: f64,
    to: u32,
    from: Option<u32>,
    #[serde(default)]
    over: u64,
    stage: Option<String>,
    /// The condition that was waited for before it and not met, in words.
    unmet_start: Option<String>,
}

/// The same in every second of `[from, until)`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    from: u32,
    until: u32,
    /// Answered OK after `ms`.
    #[serde(default)]
    ok: u64,
    #[serde(default = "eighty")]
    ms: u64,
    /// Answered OK too, but after 900 ms.
    #[serde(default)]
    slow: u64,
    /// Failed after 5 ms, by the labels of the kinds.
    #[serde(default)]
    errors: BTreeMap<String, u64>,
    /// Sent, and never answered.
    #[serde(default)]
    unanswered: u64,
    #[serde(default)]
    dropped_cap: u64,
    #[serde(default)]
    dropped_late: u64,
    /// Arrivals that the schedule of a fleet makes due in addition, and that none of its generators reports.
    unreported: Option<u64>,
    /// The generators that report the others.
    #[serde(default)]
    generators: Vec<String>,
    /// How many seconds later the answers are seen.
    #[serde(default)]
    answered_after: u32,
    #[serde(default)]
    lag_ms: u64,
    cpu: Option<f32>,
    #[serde(default = "two")]
    cores: u32,
    /// Who answers, evenly.
    #[serde(default)]
    ids: Vec<String>,
    /// When the first OK answer of an instance was asked for; the start of the second without.
    #[serde(default)]
    first: BTreeMap<String, f64>,
}

const fn eighty() -> u64 {
    80
}

const fn two() -> u32 {
    2
}

/// A count of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Observed {
    basis: Basis,
    at: f64,
    /// Told again every ten seconds until then, as ECS' counts are; once without.
    until: Option<f64>,
    count: u32,
    /// How long before the change may have happened.
    #[serde(default)]
    grain: f64,
    /// When we heard of it; at once without.
    received: Option<f64>,
}

/// What the platform recorded on the way of a scale-out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    kind: MilestoneKind,
    at: f64,
    /// The alarm, the status of the activity, the task.
    subject: String,
    #[serde(default)]
    detail: String,
    /// How long before it may have happened.
    #[serde(default)]
    grain: f64,
    #[serde(default)]
    clock_error: f64,
}

/// What must come out for one step. A time is a number of seconds when it was reached exactly, else what it is shown as
/// (`30 ± 1 s`, `> 40 s`, `> 40 s so far`, `n/a: the rate went down`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    step: usize,
    start: Option<f64>,
    end: Option<f64>,
    before: Option<u32>,
    name: Option<String>,
    trigger: Option<Time>,
    first: Option<Time>,
    serving: Option<Time>,
    capacity: Option<Time>,
    recover: Option<Time>,
    scale_in: Option<Time>,
    bad_seconds: Option<u32>,
    due: Option<u64>,
    sent: Option<u64>,
    ok: Option<u64>,
    lost: Option<u64>,
    slow: Option<u64>,
    deficit: Option<u64>,
    unreported: Option<u64>,
    generators: Option<u32>,
    peak_p99_ms: Option<f64>,
    p99_ms: Option<f64>,
    basis: Option<Basis>,
    instances: Option<[u32; 3]>,
    target: Option<u32>,
    demand: Option<String>,
    per_instance: Option<f64>,
    burn_rate: Option<f64>,
    month_percent: Option<f64>,
    overshoot: Option<f64>,
    waste: Option<f64>,
    jitter: Option<f64>,
    turns: Option<u32>,
    theta_under: Option<f64>,
    theta_over: Option<f64>,
    tau_under: Option<f64>,
    tau_over: Option<f64>,
    efficiency: Option<f64>,
    spread: Option<f64>,
    /// Why the step is invalid; `""` when it is valid.
    invalid: Option<String>,
    words: Option<String>,
    /// The stages of the waterfall, by their labels.
    #[serde(default)]
    scale_out: BTreeMap<String, Time>,
    /// Why it did not scale; `""` when there is nothing to say.
    not_scaled: Option<String>,
    /// What was decided and why; `""` when nothing was.
    cause: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Time {
    Secs(f64),
    Text(String),
}

fn scenarios() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut found: Vec<(String, Scenario)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            let scenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, scenario)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_scenario_comes_out_as_computed_by_hand() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 25, "only {} scenarios were found", scenarios.len());
    let mut found = Vec::new();
    for (name, scenario) in &scenarios {
        assert!(!scenario.claim.is_empty(), "{name} claims nothing");
        let session = scenario.folded();
        let mut complaints = Complaints { file: name, step: 0, found: Vec::new() };
        complaints.equal("steps", Some(scenario.steps), Some(session.steps().len()));
        for expect in &scenario.expect {
            complaints.step = expect.step;
            match session.steps().get(expect.step.wrapping_sub(1)) {
                Some(report) => {
                    complaints.check(expect, report);
                    complaints.check_scale_out(expect, &session, report);
                }
                None => complaints.say("there is no such step", &(), &session.steps().len()),
            }
        }
        found.append(&mut complaints.found);
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Shifting a session by whole seconds shifts its steps and changes none of their numbers.
#[test]
fn shifting_time_changes_nothing() {
    for (name, scenario) in scenarios() {
        let shifted = |by: u32| {
            let header = scenario.folded().header().clone();
            let mut session = Session::new(header);
            for (_, at, event) in scenario.events() {
                session.apply(at + secs(by), &later(event, by));
            }
            session
        };
        let (here, there) = (shifted(0), shifted(7_200));
        for (a, b) in here.steps().iter().zip(there.steps()) {
            assert_eq!(a.words, b.words, "{name}");
            let fall = |session: &Session, report| format!("{:?}", session.waterfall(report));
            assert!(close(&fall(&here, a), &fall(&there, b)), "{name}: {} {}", fall(&here, a), fall(&there, b));
            assert!(
                close(&format!("{:?}", a.numbers), &format!("{:?}", b.numbers)),
                "{name}: {:#?} {:#?}",
                a.numbers,
                b.numbers
            );
        }
    }
}

fn secs(by: u32) -> Duration {
    Duration::from_secs(u64::from(by))
}

fn later(event: SessionEvent, by: u32) -> SessionEvent {
    match event {
        SessionEvent::Second(mut second) => {
            second.index += by;
            second.parts.iter_mut().for_each(|part| part.intended += by);
            for served in &mut second.served {
                served.first_ok_intended = served.first_ok_intended.map(|first| first + secs(by));
            }
            SessionEvent::Second(second)
        }
        SessionEvent::Observed(seen) => {
            SessionEvent::Observed(InstanceObservation { as_of: seen.as_of + secs(by), ..seen })
        }
        SessionEvent::Milestone(seen) => SessionEvent::Milestone(Milestone { as_of: seen.as_of + secs(by), ..seen }),
        other => other,
    }
}

/// Equal, but for the last digits of floating-point numbers.
fn close(a: &str, b: &str) -> bool {
    let split = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-' && c != '_')
            .map(str::to_owned)
            .collect()
    };
    let (a, b) = (split(a), split(b));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if (a - b).abs() < 1e-6)
        })
}
