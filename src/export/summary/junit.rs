//! The verdict as `JUnit` XML: a test case for each threshold, so that a pipeline shows which one failed.

use std::fmt::Write as _;

use crate::session::halves::Halves;
use crate::session::state::Session;
use crate::session::verdict::{InvalidStep, ThresholdOutcome, judge};
use crate::text::xml as attribute;
use scaletop_units::Elapsed;

/// The verdict of `session` as `JUnit` XML.
///
/// A threshold that failed is a failure; one that cannot be told, a generator that was the limit, and a start condition that was not met, are errors. A
/// session without thresholds has the one test case that it was run.
pub fn junit(session: &Session) -> String {
    document(&[suite(session, name(session))], session.now())
}

/// The same of a session with all its targets: a suite for each, by name.
pub fn junit_of(halves: &Halves) -> String {
    if halves.second().is_none() {
        return junit(halves.first());
    }
    let of = |(side, half)| suite(half, &format!("{}: {}", name(half), halves.name(side)));
    document(&halves.each().map(of).collect::<Vec<_>>(), halves.now())
}

/// What a session is called: its plan, or its target.
fn name(session: &Session) -> &str {
    let settings = &session.header().settings;
    settings.plan.as_deref().unwrap_or(&settings.target)
}

fn document(suites: &[Suite], lasted: Elapsed) -> String {
    let sum = |of: fn(&Suite) -> usize| suites.iter().map(of).sum();
    let [tests, failures, errors] = [sum(|suite| suite.tests), sum(|suite| suite.failures), sum(|suite| suite.errors)];
    let counts = counts(tests, failures, errors, lasted.as_secs_f64());
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"scaletop\" {counts}>");
    for suite in suites {
        out.push_str(&suite.text);
    }
    out.push_str("</testsuites>\n");
    out
}

/// What a target contributes.
struct Suite {
    tests: usize,
    failures: usize,
    errors: usize,
    text: String,
}

fn counts(tests: usize, failures: usize, errors: usize, secs: f64) -> String {
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{secs:.3}\"")
}

fn suite(session: &Session, name: &str) -> Suite {
    let verdict = judge(session);
    let secs = session.now().as_secs_f64();
    let failed = verdict.thresholds.iter().filter(|result| result.outcome == ThresholdOutcome::Failed).count();
    let undecided =
        verdict.thresholds.iter().filter(|r| matches!(r.outcome, ThresholdOutcome::CannotTell { .. })).count();
    let interrupted = usize::from(verdict.interrupted || verdict.has_no_end);
    let none_ok = usize::from(verdict.none_ok.is_some());
    let failures = failed + none_ok;
    let unmet = usize::from(!verdict.unmet_start.is_empty());
    let tests = verdict.thresholds.len() + 1 + unmet + interrupted + none_ok;
    let errors = undecided + usize::from(!verdict.invalid.is_empty()) + unmet + interrupted;
    let mut out = String::new();
    let counts = counts(tests, failures, errors, secs);
    let _ = writeln!(out, "  <testsuite name=\"{}\" {counts}>", attribute(name));
    invalid_steps(&mut out, name, "generator", secs, &verdict.invalid);
    if !verdict.unmet_start.is_empty() {
        invalid_steps(&mut out, name, "start conditions were met", secs, &verdict.unmet_start);
    }
    if let Some(why) = &verdict.none_ok {
        let _ = writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"requests were answered as expected\" time=\"{secs:.3}\">\n      <failure message=\"{}\"/>\n    </testcase>",
            attribute(name),
            attribute(why)
        );
    }
    if interrupted > 0 {
        let _ = writeln!(
            out,
            "    <testcase classname=\"{}\" name=\"the plan was played to its end\" time=\"{secs:.3}\">\n      <error message=\"interrupted\"/>\n    </testcase>",
            attribute(name)
        );
    }
    for result in &verdict.thresholds {
        let case = attribute(&format!("{} {}", result.subject(), result.bound));
        let _ = write!(out, "    <testcase classname=\"{}\" name=\"{case}\" time=\"0\"", attribute(name));
        let actual = attribute(&result.said());
        let _ = match &result.outcome {
            ThresholdOutcome::Passed => writeln!(out, ">\n      <system-out>{actual}</system-out>\n    </testcase>"),
            ThresholdOutcome::Failed => {
                writeln!(out, ">\n      <failure message=\"measured {actual}\"/>\n    </testcase>")
            }
            ThresholdOutcome::CannotTell { reason, .. } => {
                writeln!(out, ">\n      <error message=\"{}\"/>\n    </testcase>", attribute(reason))
            }
        };
    }
    out.push_str("  </testsuite>\n");
    Suite { tests, failures, errors, text: out }
}

/// A test case that errs when steps are invalid for what it is about.
fn invalid_steps(out: &mut String, class: &str, case: &str, secs: f64, steps: &[InvalidStep]) {
    let _ = write!(out, "    <testcase classname=\"{}\" name=\"{case}\" time=\"{secs:.3}\"", attribute(class));
    if steps.is_empty() {
        out.push_str("/>\n");
        return;
    }
    let reasons: Vec<_> = steps.iter().map(|step| format!("step {}: {}", step.step, step.reason)).collect();
    let _ = writeln!(out, ">\n      <error message=\"{}\"/>\n    </testcase>", attribute(&reasons.join("; ")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::threshold::Threshold;
    use crate::session::event::{Header, SessionEvent, Settings};
    use scaletop_load::{OutcomeKind, Second};
    use scaletop_units::{ArrivalRate, Elapsed};

    #[test]
    fn each_threshold_is_a_case_and_hostile_names_stay_text() {
        let thresholds = [("due", ">= 0"), ("due", "> 5"), ("spike.lost", "< 1%")]
            .map(|(name, bound)| Threshold::parse(name, bound).unwrap())
            .into();
        let settings = Settings { plan: Some("a \"<b>\"\u{1b}".into()), thresholds, ..Settings::default() };
        let header = Header::new(0, settings);
        let mut session = Session::new(header);
        session.apply(Elapsed::ZERO, &SessionEvent::Ended { reason: "the plan is over".into() });
        let xml = junit(&session);
        assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"1\""), "{xml}");
        assert!(xml.contains("<testsuite name=\"a &quot;&lt;b&gt;&quot;�\""), "{xml}");
        assert!(xml.contains("name=\"due &gt;= 0\""), "{xml}");
        assert!(xml.contains("<failure message=\"measured 0\"/>"), "{xml}");
        assert!(xml.contains("stage spike has no step"), "{xml}");
        // Every tag that is opened is closed.
        assert_eq!(
            xml.matches("<testcase").count(),
            xml.matches("</testcase>").count() + xml.matches("time=\"0.000\"/>").count()
        );
    }

    #[test]
    fn a_run_without_an_ok_answer_is_a_failure() {
        let mut session = Session::new(Header::new(0, Settings::default()));
        let mut second = Second::new(0, ArrivalRate::new(1));
        let part = second.part_mut(0);
        (part.due, part.sent) = (1, 1);
        part.outcomes.add(OutcomeKind::Http4xx);
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        let xml = junit(&session);
        assert!(xml.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{xml}");
        assert!(xml.contains("<failure message=\"the only request was not answered as expected: 1 × 4xx\"/>"), "{xml}");
    }
}
