//! The numbers of a session, held against what a file expects.

use super::*;

/// What is wrong with one file, number by number.
pub(super) struct Complaints<'a> {
    pub(super) file: &'a str,
    pub(super) step: usize,
    pub(super) found: Vec<String>,
}

impl Complaints<'_> {
    pub(super) fn equal<T: PartialEq + Debug>(&mut self, number: &str, expected: Option<T>, seen: Option<T>) {
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

    pub(super) fn say(&mut self, number: &str, expected: &impl Debug, seen: &impl Debug) {
        let (file, step) = (self.file, self.step);
        self.found.push(format!("{file}: step {step}: {number}: expected {expected:?}, got {seen:?}"));
    }

    /// Where the time of the step's scale-out went.
    pub(super) fn check_scale_out(&mut self, expect: &Expect, session: &Session, report: &StepReport) {
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

    pub(super) fn check(&mut self, expect: &Expect, report: &StepReport) {
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
