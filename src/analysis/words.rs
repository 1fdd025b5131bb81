//! A step in a sentence. Says only what the numbers say.

use std::fmt::Write as _;

use crate::analysis::{Direction, Step, StepNumbers, Timing, Validity};
use crate::load::rate::RateProfile;
use crate::slo::Slo;

/// `5→600/s: first new instance after 8.1 s, 5 instances after 31 s, p99 back under 500 ms after 32 s; 12,410 requests lost (8.3 %)`.
pub fn describe(step: &Step, numbers: &StepNumbers, validity: &Validity, slo: &Slo) -> String {
    let mut parts = Vec::new();
    if step.direction() == Direction::Up {
        parts.extend(serving(numbers));
        parts.extend(capacity(numbers));
    }
    if numbers.due > 0 {
        parts.extend(recovery(numbers, slo));
    }
    let mut text = format!("{}: ", rates(step));
    if numbers.due == 0 {
        parts.push("nothing was sent".to_owned());
    }
    text.push_str(&parts.join(", "));
    if numbers.due > 0 {
        text.push_str(&lost(numbers));
    }
    if let Validity::InvalidGenerator(reason) = validity {
        let _ = write!(text, "; invalid: generator ({reason})");
    }
    text
}

/// `5→600/s`, `600→900/s in 2m`.
pub fn rates(step: &Step) -> String {
    let (before, last) = (step.before.get(), step.profile.last());
    match step.profile {
        RateProfile::Constant(_) => format!("{before}→{last}"),
        RateProfile::Ramp { from, over, .. } => format!("{}→{last} in {} s", from.get(), over.as_secs()),
    }
}

fn serving(numbers: &StepNumbers) -> Option<String> {
    match numbers.serving {
        Timing::Reached { .. } if numbers.instances.is_none_or(|span| span.before.is_none()) => {
            Some(format!("first instance answered after {}", numbers.serving))
        }
        Timing::Reached { .. } => Some(format!("first new instance after {}", numbers.serving)),
        Timing::NotWithin { secs, open: true } => Some(format!("no new instance yet ({secs:.0} s)")),
        Timing::NotWithin { secs, open: false } => Some(format!("no new instance within {secs:.0} s")),
        _ => None,
    }
}

fn capacity(numbers: &StepNumbers) -> Option<String> {
    let target = numbers.target?;
    let instances = if target == 1 { "1 instance".to_owned() } else { format!("{target} instances") };
    match numbers.capacity {
        // There were enough all the time: nothing had to come.
        Timing::Reached { secs, .. } if secs <= 0.0 => None,
        Timing::Reached { .. } => Some(format!("{instances} after {}", numbers.capacity)),
        Timing::NotWithin { secs, open } => {
            let peak = numbers.instances.map_or(0, |span| span.peak);
            let when = if open { "so far".to_owned() } else { format!("within {secs:.0} s") };
            // There were enough, but not for long enough to say so: nothing is claimed.
            (peak < target).then(|| format!("{peak} of the {instances} needed {when}"))
        }
        _ => None,
    }
}

fn recovery(numbers: &StepNumbers, slo: &Slo) -> Option<String> {
    let objective = format!("{} back under {} ms", slo.percentile_name(), slo.latency.as_millis());
    match numbers.recover {
        Timing::Reached { .. } => Some(format!("{objective} after {}", numbers.recover)),
        Timing::NotWithin { secs, open: true } => Some(format!("objective missed for {secs:.0} s so far")),
        Timing::NotWithin { secs, open: false } => Some(format!("objective not met again within {secs:.0} s")),
        Timing::Absorbed => Some("objective met throughout".to_owned()),
        Timing::AlreadyViolated => Some("objective missed before the step began".to_owned()),
        Timing::NotApplicable(_) => None,
    }
}

fn lost(numbers: &StepNumbers) -> String {
    if numbers.lost == 0 {
        return "; nothing lost".to_owned();
    }
    let percent = numbers.lost as f64 / numbers.due as f64 * 100.0;
    let places = if percent < 1.0 { 2 } else { 1 };
    let requests = if numbers.lost == 1 { "request" } else { "requests" };
    format!("; {} {requests} lost ({percent:.places$} %)", thousands(numbers.lost))
}

/// `12,410`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::InstanceSpan;
    use crate::units::{ArrivalRate, Elapsed, StepId};

    fn step(before: u32, after: u32) -> Step {
        Step {
            id: StepId(1),
            start: Elapsed::ZERO,
            end: None,
            before: ArrivalRate::new(before),
            profile: RateProfile::Constant(ArrivalRate::new(after)),
            anchor: Elapsed::ZERO,
            name: None,
        }
    }

    fn reached(secs: f64) -> Timing {
        Timing::Reached { secs, plus_minus: 0.0 }
    }

    fn say(step: &Step, numbers: &StepNumbers) -> String {
        describe(step, numbers, &Validity::Valid, &Slo::default())
    }

    #[test]
    fn a_scale_out_reads_as_people_tell_it() {
        let numbers = StepNumbers {
            serving: reached(8.1),
            capacity: reached(31.0),
            recover: reached(32.0),
            target: Some(5),
            due: 149_518,
            lost: 12_410,
            instances: Some(InstanceSpan { before: Some(1), peak: 5, last: 5 }),
            ..StepNumbers::default()
        };
        assert_eq!(
            say(&step(5, 600), &numbers),
            "5→600/s: first new instance after 8.1 s, 5 instances after 31.0 s, p99 back under 500 ms after 32.0 s; \
             12,410 requests lost (8.3 %)"
        );
    }

    #[test]
    fn what_has_not_happened_is_not_invented() {
        let censored = Timing::NotWithin { secs: 42.4, open: false };
        let numbers = StepNumbers {
            serving: censored,
            capacity: censored,
            recover: censored,
            target: Some(5),
            due: 100,
            instances: Some(InstanceSpan { before: Some(1), peak: 1, last: 1 }),
            ..StepNumbers::default()
        };
        let said = say(&step(5, 600), &numbers);
        assert!(
            said.contains("no new instance within 42 s") && said.contains("1 of the 5 instances needed within 42 s"),
            "{said}"
        );
        assert!(said.contains("objective not met again within 42 s; nothing lost"), "{said}");
    }

    #[test]
    fn a_pause_and_a_step_down_say_nothing_of_scaling_out() {
        assert_eq!(say(&step(600, 0), &StepNumbers::default()), "600→0/s: nothing was sent");
        let numbers = StepNumbers { recover: Timing::Absorbed, due: 50, ..StepNumbers::default() };
        assert_eq!(say(&step(600, 50), &numbers), "600→50/s: objective met throughout; nothing lost");
    }

    #[test]
    fn a_step_that_the_generator_spoilt_says_so() {
        let reason = Validity::InvalidGenerator("send lag p99 was 40 ms".into());
        let said = describe(&step(600, 50), &StepNumbers::default(), &reason, &Slo::default());
        assert!(said.ends_with("invalid: generator (send lag p99 was 40 ms)"), "{said}");
    }
}
