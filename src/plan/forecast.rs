//! What a plan will do, before it does it: its timeline, its arrivals, and what may be in flight.
//!
//! Arrivals are the integral of the rate, to the request: [`RateProfile::integral`], which the pacer uses too.
//! In flight is Little's law: L = λ·W, rate × the time that a request takes.

use std::time::Duration;

use crate::plan::{Plan, Stage, StageEnd};
use crate::slo::Slo;
use crate::text::{self, Lines};
use scaletop_load::{CREDIT_PER_ARRIVAL, RateProfile};
use scaletop_units::{ArrivalRate, Elapsed};

/// What a plan will do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forecast {
    /// Its stages, in order.
    pub stages: Vec<Planned>,
    /// When it is over, at the latest.
    pub end: Elapsed,
    pub requests: u64,
    pub peak: ArrivalRate,
}

/// When a run begins its first stage: with the first whole second of the session, so that a second belongs to one stage.
const BEGINS: Duration = Duration::from_secs(1);

/// One stage of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// When it begins, at the latest, after the first one has.
    pub at: Elapsed,
    pub stage: Stage,
    /// Its arrivals, at most.
    pub requests: u64,
}

/// What a plan will have made due when it is over, at most: of the whole run, and of each stage by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Arrivals of the whole run.
    pub run: u64,
    /// Arrivals of each stage.
    pub stages: Vec<(String, u64)>,
}

/// What is assumed of the service, to say how many requests will be in flight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Assumptions {
    /// How long a request takes when all goes well.
    pub service_time: Duration,
    /// How long one takes at the worst.
    pub timeout: Duration,
    /// The cap on requests in flight.
    pub max_in_flight: u64,
}

impl Forecast {
    /// What `plan` will do.
    pub(crate) fn of(plan: &Plan) -> Self {
        let (mut at, mut credit) = (Elapsed::ZERO, 0);
        let stages = plan
            .stages
            .iter()
            .map(|stage| {
                let began = at;
                let before = credit / CREDIT_PER_ARRIVAL;
                at = at + stage.end.at_most();
                let nanos = u64::try_from(stage.end.at_most().as_nanos()).unwrap_or(u64::MAX);
                credit += stage.profile.integral(nanos);
                let requests = u64::try_from(credit / CREDIT_PER_ARRIVAL - before).unwrap_or(u64::MAX);
                Planned { at: began, stage: stage.clone(), requests }
            })
            .collect();
        let requests = u64::try_from(credit / CREDIT_PER_ARRIVAL).unwrap_or(u64::MAX);
        Self { stages, end: at, requests, peak: plan.peak() }
    }

    /// What it will have made due, as the verdict wants to know it.
    pub(crate) fn budget(&self) -> Budget {
        let stages = self.stages.iter().map(|planned| (planned.stage.name.clone(), planned.requests)).collect();
        Budget { run: self.requests, stages }
    }

    /// The requests in flight at the peak rate, by Little's law.
    pub(crate) fn in_flight(&self, service_time: Duration) -> u64 {
        let nanos = u128::from(self.peak.get()) * service_time.as_nanos();
        u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
    }

    /// The timeline, at the moments that a run tells of its stages, and its sums, as text that ends in a newline.
    pub(crate) fn text(&self, plan: &Plan, slo: &Slo, assumed: &Assumptions) -> String {
        let mut out = Lines::default();
        out.line(&format!("plan \"{}\", objective {slo}", plan.name));
        out.line("");
        let width = self.stages.iter().map(|planned| planned.stage.name.chars().count()).max().unwrap_or(0).max(5);
        out.line(&format!("{:>8}  {:width$}  {:18}  {:>26}  {:>10}", "from", "stage", "rate", "for", "requests"));
        for planned in &self.stages {
            out.line(&format!(
                "{:>8}  {:width$}  {:18}  {:>26}  {:>10}",
                (planned.at + BEGINS).to_string(),
                planned.stage.name,
                rate(&planned.stage.profile),
                span(&planned.stage.end),
                planned.requests
            ));
        }
        let is_open = self.stages.iter().any(|planned| matches!(planned.stage.end, StageEnd::Until(..)));
        let at_most = if is_open { "at most " } else { "" };
        out.line("");
        out.line(&format!(
            "in all: {at_most}{} and {at_most}{} requests, {} at the peak",
            self.end, self.requests, self.peak
        ));
        let (well, worst) = (self.in_flight(assumed.service_time), self.in_flight(assumed.timeout));
        out.line(&format!(
            "in flight at the peak (Little): {well} if a request takes {}, up to {worst} if all take the timeout of {}",
            text::span(assumed.service_time),
            text::span(assumed.timeout)
        ));
        let cap = assumed.max_in_flight;
        let verdict = match cap {
            cap if cap < well => {
                "too low even when all goes well: arrivals will be dropped; raise it with --max-in-flight"
            }
            cap if cap < worst => {
                "a service that stalls at the peak will reach it, and arrivals will be dropped and counted"
            }
            _ => "enough for the worst case",
        };
        out.line(&format!("cap on requests in flight: {cap}, {verdict}"));
        for threshold in &plan.thresholds {
            out.line(&format!("must hold: {threshold}"));
        }
        out.finish()
    }
}

fn rate(profile: &RateProfile) -> String {
    match profile {
        RateProfile::Constant(rate) => rate.to_string(),
        RateProfile::Ramp { from, to, .. } => format!("{}→{to}", from.get()),
    }
}

fn span(end: &StageEnd) -> String {
    let after = |duration: &Duration| (Elapsed::ZERO + *duration).to_string();
    match end {
        StageEnd::After(duration) if duration.subsec_nanos() > 0 => text::span(*duration),
        StageEnd::After(duration) => after(duration),
        StageEnd::Until(condition, at_most) => format!("{condition}, at most {}", after(at_most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::schedule::{Conditions, Instruction, Schedule};
    use scaletop_load::Arrivals;
    use scaletop_load::{Pacer, Share};

    struct Nothing;

    impl Conditions for Nothing {
        fn instances(&self, _: Elapsed) -> Option<u32> {
            None
        }
        fn is_settled(&self, _: Elapsed) -> bool {
            false
        }
    }

    const PLAN: &str = "[[stage]]\nname = \"warm-up\"\nrate = 7\nduration = \"1500ms\"\n\
                        [[stage]]\nfrom = 5\nto = 200\nduration = \"7s\"\n\
                        [[stage]]\nname = \"cool-down\"\nrate = 3\nuntil = \"instances <= 1\"\nat_most = \"10s\"\n";

    const ASSUMED: Assumptions =
        Assumptions { service_time: Duration::from_millis(80), timeout: Duration::from_secs(10), max_in_flight: 1_000 };

    #[test]
    fn the_requests_are_those_that_the_pacer_hands_out() {
        let plan = Plan::parse(PLAN).unwrap();
        let forecast = Forecast::of(&plan);
        let mut pacer = Pacer::new(Arrivals::Uniform, 0, Share::WHOLE);
        let mut schedule = Schedule::new(&plan);
        let mut sent = Vec::new();
        let mut now = Elapsed::ZERO;
        while let Some(instruction) = {
            now = schedule.deadline().unwrap_or(now);
            schedule.poll(now, &Nothing)
        } {
            let at = match instruction {
                Instruction::Begin { at, profile, .. } => pacer.set(at, profile),
                Instruction::Finish { at, .. } => pacer.set(at, RateProfile::PAUSED),
                Instruction::Note(_) | Instruction::Warning(_) | Instruction::End { .. } => continue,
            };
            sent.push((at, std::iter::from_fn(|| pacer.pop_due(at)).count()));
        }
        // What was due in a stage is handed out when the next one begins.
        let by_stage: Vec<_> = sent.iter().skip(1).map(|(_, count)| *count as u64).collect();
        assert_eq!(forecast.stages.iter().map(|planned| planned.requests).collect::<Vec<_>>(), by_stage);
        assert_eq!(forecast.requests, by_stage.iter().sum::<u64>());
        assert_eq!(forecast.end, now);
    }

    #[test]
    fn in_flight_follows_littles_law() {
        let plan = Plan::parse("[[stage]]\nrate = 600\nduration = \"1m\"\n").unwrap();
        let forecast = Forecast::of(&plan);
        assert_eq!(forecast.in_flight(Duration::from_millis(80)), 48);
        assert_eq!(forecast.in_flight(Duration::from_secs(10)), 6_000);
        let text = |max_in_flight| forecast.text(&plan, &Slo::default(), &Assumptions { max_in_flight, ..ASSUMED });
        assert!(text(10_000).contains("enough for the worst case"));
        assert!(text(1_000).contains("a service that stalls"));
        assert!(text(40).contains("--max-in-flight"));
    }

    #[test]
    fn the_timeline_says_when_what_and_how_much() {
        let plan = Plan::parse(PLAN).unwrap();
        let text = Forecast::of(&plan).text(&plan, &Slo::default(), &ASSUMED);
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[2], "from stage rate for requests");
        assert_eq!(lines[3], "0:01 warm-up 7/s 1.5 s 10");
        assert_eq!(lines[4], "0:02 stage 2 5→200/s 0:07 718");
        assert_eq!(lines[5], "0:09 cool-down 3/s instances <= 1, at most 0:10 30");
        assert_eq!(lines[7], "in all: at most 0:18 and at most 758 requests, 200/s at the peak");
    }

    #[test]
    fn a_week_at_the_highest_rate_does_not_overflow() {
        let stage = "[[stage]]\nrate = 1000000\nduration = \"168h\"\nrepeat = 1000\n";
        assert_eq!(Forecast::of(&Plan::parse(stage).unwrap()).requests, 604_800_000_000_000);
    }
}
