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

fn moment(secs: f64) -> Elapsed {
    Elapsed::ZERO + Duration::try_from_secs_f64(secs).unwrap()
}

fn latencies(count: u64, millis: u64) -> Latency {
    let mut latency = Latency::new();
    (0..count).for_each(|_| latency.record(Duration::from_millis(millis)));
    latency
}

impl Scenario {
    fn events(&self) -> Vec<(Elapsed, Elapsed, SessionEvent)> {
        let mut events: Vec<(Elapsed, Elapsed, SessionEvent)> = Vec::new();
        if let Some(limits) = self.limits {
            events.push((Elapsed::ZERO, Elapsed::ZERO, SessionEvent::Limits(limits)));
        }
        for rate in &self.rate {
            let to = ArrivalRate::new(rate.to);
            let profile = match rate.from {
                Some(from) => {
                    RateProfile::Ramp { from: ArrivalRate::new(from), to, over: Duration::from_secs(rate.over) }
                }
                None => RateProfile::Constant(to),
            };
            let change = RateChange {
                profile,
                cause: RateCause::Set,
                stage: rate.stage.clone(),
                unmet_start: rate.unmet_start.clone(),
            };
            events.push((moment(rate.at), moment(rate.at), SessionEvent::Rate(change)));
        }
        for seen in &self.observed {
            let mut at = seen.at;
            while at <= seen.at || seen.until.is_some_and(|until| at < until) {
                let received = moment(seen.received.unwrap_or(at));
                let observation = InstanceObservation {
                    basis: seen.basis,
                    count: seen.count,
                    as_of: moment(at),
                    uncertainty: Duration::try_from_secs_f64(seen.grain).unwrap(),
                    provisional: false,
                };
                events.push((received, received, SessionEvent::Observed(observation)));
                at += 10.0;
            }
        }
        for seen in &self.recorded {
            let milestone = Milestone {
                kind: seen.kind,
                subject: seen.subject.clone(),
                detail: seen.detail.clone(),
                as_of: moment(seen.at),
                uncertainty: Duration::try_from_secs_f64(seen.grain).unwrap(),
                clock_error: Duration::try_from_secs_f64(seen.clock_error).unwrap(),
            };
            events.push((moment(seen.at), moment(seen.at), SessionEvent::Milestone(milestone)));
        }
        for (index, second) in self.seconds() {
            // A second closes a little after its end.
            let closed = second.end() + Duration::from_millis(100);
            assert_eq!(index, second.index);
            events.push((closed, second.end(), SessionEvent::Second(Box::new(second))));
        }
        if let Some(end) = self.end {
            let ended = SessionEvent::Ended { reason: "the scenario is over".to_owned() };
            events.push((moment(end) + Duration::from_secs(1), moment(end), ended));
        }
        events.sort_by_key(|(order, ..)| *order);
        events
    }

    fn seconds(&self) -> BTreeMap<u32, Second> {
        let mut seconds: BTreeMap<u32, Second> = BTreeMap::new();
        for load in &self.load {
            let alike = Alike::of(load);
            for index in load.from..load.until {
                load.file(index, &alike, &mut seconds);
            }
        }
        for (index, second) in &mut seconds {
            let at = Elapsed::from_secs(u64::from(*index) + 1);
            let rate = self.rate.iter().rev().find(|rate| moment(rate.at) < at);
            second.target = ArrivalRate::new(rate.map_or(0, |rate| rate.to));
        }
        seconds
    }

    fn folded(&self) -> Session {
        let slo = Slo { quantile: 0.99, latency: Duration::from_millis(self.setup.p99_ms), errors: self.setup.errors };
        let settings = Settings {
            slo,
            timeout: Duration::from_secs(self.setup.timeout),
            capacity_per_instance: self.setup.capacity,
            max_in_flight: self.setup.max_in_flight.unwrap_or(Settings::default().max_in_flight),
            ..Settings::default()
        };
        let header = Header::new(0, settings);
        let mut session = Session::new(header);
        for (_, at, event) in self.events() {
            session.apply(at, &event);
        }
        session
    }
}

/// The latencies of one second, which are the same in every second of a load.
struct Alike {
    send_lag: Latency,
    ok: Latency,
    service: Latency,
    failed: Latency,
    shares: Vec<(u64, Latency)>,
}

impl Alike {
    fn of(load: &Load) -> Self {
        let mut ok = latencies(load.ok, load.ms);
        ok.merge(&latencies(load.slow, 900));
        let mut service = latencies(load.ok, load.ms.saturating_sub(load.lag_ms));
        service.merge(&latencies(load.slow, 900_u64.saturating_sub(load.lag_ms)));
        let of = load.ids.len() as u64;
        let answers = load.ok + load.slow;
        let share = |at| answers / of + u64::from(at < answers % of);
        Self {
            send_lag: latencies(load.sent(), load.lag_ms),
            ok,
            service,
            failed: latencies(load.failed(), 5),
            shares: (0..of).map(|at| (share(at), latencies(share(at), load.ms))).collect(),
        }
    }
}

impl Load {
    fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    fn sent(&self) -> u64 {
        self.ok + self.slow + self.failed() + self.unanswered
    }

    fn file(&self, index: u32, alike: &Alike, seconds: &mut BTreeMap<u32, Second>) {
        let blank = |index| Second::new(index, ArrivalRate::PAUSED);
        let asked = seconds.entry(index).or_insert_with(|| blank(index));
        asked.send_lag.merge(&alike.send_lag);
        asked.generator.cpu_percent = self.cpu.or(asked.generator.cpu_percent);
        asked.generator.cores = Some(self.cores);
        let part = asked.part_mut(index);
        part.due += self.sent() + self.dropped_cap + self.dropped_late;
        part.sent += self.sent();
        part.planned = self.unreported.map(|unreported| part.due + unreported).or(part.planned);
        part.dropped_cap += self.dropped_cap;
        part.dropped_late += self.dropped_late;
        part.late += self.dropped_late;
        if Duration::from_millis(self.lag_ms) > LATE {
            part.late += self.sent();
            part.longest_lag = Duration::from_millis(self.lag_ms);
        }

        for name in &self.generators {
            asked.generators.push(GeneratorPart {
                id: name.parse().expect("the name of a generator"),
                due: 0,
                sent: 0,
                ok: 0,
                lag_p99: None,
                cpu_percent: None,
                in_flight: 0,
                clock_error: None,
                late_anchor: None,
                numbers: Vec::new(),
            });
        }
        let done = index + self.answered_after;
        let answered = seconds.entry(done).or_insert_with(|| blank(done));
        let part = answered.part_mut(index);
        (0..self.ok + self.slow).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
        part.ok.merge(&alike.ok);
        part.failed.merge(&alike.failed);
        for (label, &count) in &self.errors {
            let kind = OutcomeKind::ALL.into_iter().find(|kind| kind.label() == label);
            let kind = kind.unwrap_or_else(|| panic!("no kind of failure is called {label:?}"));
            (0..count).for_each(|_| part.outcomes.add(kind));
        }
        part.service.merge(&alike.service);
        part.failed_service.merge(&alike.failed);
        for (id, (share, response)) in self.ids.iter().zip(&alike.shares) {
            let start = Elapsed::from_secs(u64::from(index));
            let first = self.first.get(id).map(|&secs| moment(secs)).filter(|first| first.second() == index);
            answered.served.push(Served {
                id: InstanceId::from(id.clone()),
                requests: *share,
                ok: *share,
                first_ok_intended: Some(first.unwrap_or(start)),
                response: response.clone(),
            });
        }
        answered.served.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

/// What is wrong with one file, number by number.
struct Complaints<'a> {
    file: &'a str,
    step: usize,
    found: Vec<String>,
}

impl Complaints<'_> {
    fn equal<T: PartialEq + Debug>(&mut self, number: &str, expected: Option<T>, seen: Option<T>) {
        if expected.is_some() && expected != seen {
            self.say(number, &expected, &seen);
        }
    }

    fn close(&mut self, number: &str, expected: Option<f64>, seen: Option<f64>, tolerance: f64) {
        let Some(expected) = expected else { return };
        if seen.is_none_or(|seen| (seen - expected).abs() > tolerance * expected.abs().max(1.0)) {
            self.say(number, &Some(expected), &seen);
        }
    }

    fn time(&mut self, number: &str, expected: Option<&Time>, seen: Timing) {
        let is_so = match expected {
            None => true,
            Some(Time::Secs(secs)) => {
                matches!(seen, Timing::Reached { secs: s, plus_minus: 0.0 } if (s - secs).abs() < 1e-6)
            }
            Some(Time::Text(text)) => *text == in_words(seen),
        };
        if !is_so {
            self.say(number, &expected, &Some(in_words(seen)));
        }
    }

    fn say(&mut self, number: &str, expected: &impl Debug, seen: &impl Debug) {
        let (file, step) = (self.file, self.step);
        self.found.push(format!("{file}: step {step}: {number}: expected {expected:?}, got {seen:?}"));
    }

    /// Where the time of the step's scale-out went.
    fn check_scale_out(&mut self, expect: &Expect, session: &Session, report: &StepReport) {
        let fall = session.waterfall(report);
        for (stage, expected) in &expect.scale_out {
            let stages = fall.iter().flat_map(|fall| &fall.stages);
            match stages.into_iter().find(|(found, _)| found.label() == stage) {
                Some((_, timing)) => self.time(stage, Some(expected), *timing),
                None => self.say(stage, expected, &"no such stage, or no waterfall"),
            }
        }
        let text =
            |text: fn(&_) -> &Option<String>| fall.as_ref().and_then(|fall| text(fall).clone()).unwrap_or_default();
        self.equal("not_scaled", expect.not_scaled.clone(), Some(text(|fall| &fall.not_scaled)));
        self.equal("cause", expect.cause.clone(), Some(text(|fall| &fall.cause)));
    }

    fn check(&mut self, expect: &Expect, report: &StepReport) {
        let (step, numbers) = (&report.step, &report.numbers);
        let millis = |latency: Option<Duration>| latency.map(|latency| latency.as_secs_f64() * 1e3);
        self.close("start", expect.start, Some(step.start.as_secs_f64()), 1e-9);
        self.close("end", expect.end, step.end.map(Elapsed::as_secs_f64), 1e-9);
        self.equal("before", expect.before, Some(step.before.get()));
        self.equal("name", expect.name.clone(), step.name.clone());
        self.time("trigger", expect.trigger.as_ref(), numbers.trigger);
        self.time("first", expect.first.as_ref(), numbers.first);
        self.time("serving", expect.serving.as_ref(), numbers.serving);
        self.time("capacity", expect.capacity.as_ref(), numbers.capacity);
        self.time("recover", expect.recover.as_ref(), numbers.recover);
        self.time("scale_in", expect.scale_in.as_ref(), numbers.scale_in);
        self.equal("bad_seconds", expect.bad_seconds, Some(numbers.bad_seconds));
        self.equal("due", expect.due, Some(numbers.due));
        self.equal("sent", expect.sent, Some(numbers.sent));
        self.equal("ok", expect.ok, Some(numbers.ok));
        self.equal("lost", expect.lost, Some(numbers.lost));
        self.equal("slow", expect.slow, Some(numbers.slow));
        self.equal("deficit", expect.deficit, Some(numbers.deficit));
        self.equal("unreported", expect.unreported, numbers.unreported());
        self.equal("generators", expect.generators, numbers.generators);
        // To the resolution of a histogram cell.
        self.close("peak_p99_ms", expect.peak_p99_ms, millis(numbers.peak_p99), 1e-3);
        self.close("p99_ms", expect.p99_ms, millis(numbers.p99), 1e-3);
        self.equal("basis", expect.basis, numbers.basis);
        let span = numbers.instances.map(|span| [span.before.unwrap_or(u32::MAX), span.peak, span.last]);
        self.equal("instances", expect.instances, span);
        self.equal("target", expect.target, numbers.target);
        self.equal("demand", expect.demand.clone(), numbers.demand.map(|demand| demand.label().to_owned()));
        self.close("per_instance", expect.per_instance, numbers.demand.map(|demand| demand.per_instance()), 1e-3);
        self.close("burn_rate", expect.burn_rate, numbers.budget.map(|budget| budget.burn_rate), 1e-6);
        self.close("month_percent", expect.month_percent, numbers.budget.map(|budget| budget.month_percent), 1e-6);
        self.close("overshoot", expect.overshoot, numbers.overshoot, 1e-9);
        self.close("waste", expect.waste, numbers.waste, 1e-9);
        let per_minute = |jitter| if let Jitter::PerMinute(of) = jitter { Some(of) } else { None };
        let turns = |jitter| if let Jitter::Turns(of) = jitter { Some(of) } else { None };
        self.close("jitter", expect.jitter, numbers.jitter.and_then(per_minute), 1e-9);
        self.equal("turns", expect.turns, numbers.jitter.and_then(turns));
        self.close("theta_under", expect.theta_under, numbers.elasticity.map(|e| e.theta_under), 1e-9);
        self.close("theta_over", expect.theta_over, numbers.elasticity.map(|e| e.theta_over), 1e-9);
        self.close("tau_under", expect.tau_under, numbers.elasticity.map(|e| e.tau_under), 1e-9);
        self.close("tau_over", expect.tau_over, numbers.elasticity.map(|e| e.tau_over), 1e-9);
        self.close("efficiency", expect.efficiency, numbers.efficiency, 1e-9);
        self.close("spread", expect.spread, numbers.spread, 1e-9);
        let invalid = match &report.validity {
            Validity::Valid => String::new(),
            Validity::InvalidGenerator(why) => why.clone(),
            Validity::InvalidStart(why) => format!("start condition: {why}"),
        };
        self.equal("invalid", expect.invalid.clone(), Some(invalid));
        self.equal("words", expect.words.clone(), Some(report.words.clone()));
    }
}

fn in_words(timing: Timing) -> String {
    match timing {
        Timing::NotApplicable(why) => format!("n/a: {why}"),
        Timing::NotWithin { open: true, .. } => format!("{timing} so far"),
        other => other.to_string(),
    }
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
