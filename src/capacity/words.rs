//! The result of a capacity search in words: text and Markdown.

use std::fmt::Write as _;

use crate::capacity::Capacity;
use crate::capacity::probe::CAP_REACHED;
use crate::capacity::search::End;
use crate::slo::Slo;
use crate::text::{Lines, latency};

impl Capacity {
    /// The answer in a sentence: `one instance sustains 121–122 requests/s at p99 ≤ 500 ms, errors ≤ 1 %`.
    pub fn sentence(&self, slo: &Slo) -> String {
        let who = match self.instances {
            None => "the service sustains".to_owned(),
            Some(1) => "one instance sustains".to_owned(),
            Some(count) => format!("{count} instances sustain"),
        };
        let none = || format!("no rate that was tried meets {slo}");
        match (&self.end, self.holds, self.misses) {
            (End::Unexpected(reason), Some(holds), _) => {
                format!(
                    "{who} at least {holds} requests/s at {slo}; then answers were no longer as expected ({reason})"
                )
            }
            (End::Unexpected(reason), None, _) => format!("no rate says anything: {reason}"),
            (End::Generator(reason), Some(holds), _) if reason.starts_with(CAP_REACHED) => {
                format!("{who} at least {holds} requests/s at {slo}; beyond, {reason}")
            }
            (End::Generator(reason), None, _) if reason.starts_with(CAP_REACHED) => {
                format!("no rate says anything of the service: {reason}")
            }
            (End::Generator(reason), Some(holds), _) => {
                format!("{who} at least {holds} requests/s at {slo}; beyond, this machine was the limit: {reason}")
            }
            (End::Generator(reason), None, _) => format!("this machine, not the service, was the limit: {reason}"),
            (End::AtCeiling, Some(holds), _) => {
                format!("{who} at least {holds} requests/s at {slo}: the ceiling (--max-rate)")
            }
            (End::NothingHolds, ..) => format!("not even 1 request/s meets {slo}"),
            (End::Interrupted, Some(holds), misses) => {
                let misses = misses.map(|misses| format!(", less than {misses}")).unwrap_or_default();
                format!(
                    "{who} at least {holds} requests/s{misses} at {slo}: interrupted before it was known more exactly"
                )
            }
            (End::Interrupted, None, _) => format!("{}: interrupted", none()),
            (_, Some(holds), Some(misses)) => format!("{who} {holds}–{misses} requests/s at {slo}"),
            (_, _, _) => none(),
        }
    }

    /// The capacity of one instance, and what to do with it.
    pub fn per_instance_words(&self) -> Option<String> {
        let (each, count) = self.per_instance.zip(self.instances)?;
        let of = if count == 1 { String::new() } else { format!(" (over {count})") };
        Some(format!(
            "one instance: {each:.1} requests/s{of}; for θ, τ and the needed instances pass --capacity {each:.1}"
        ))
    }

    /// Answer and evidence as text that ends in a newline.
    pub fn text(&self, slo: &Slo, per_instance: bool) -> String {
        let mut out = Lines::default();
        out.line(&self.sentence(slo));
        if per_instance {
            let words = self.per_instance_words();
            out.line(words.as_deref().unwrap_or("one instance: unknown, no answer named its instance"));
        }
        for probe in &self.probes {
            out.line(&format!("  {}", probe.words()));
        }
        out.finish()
    }

    /// Answer and evidence as Markdown.
    pub fn markdown(&self, slo: &Slo, target: &str, per_instance: bool) -> String {
        let cell = crate::text::markdown_cell;
        let mut out = format!("## scaletop capacity: {}\n\n**{}**\n", cell(target), cell(&self.sentence(slo)));
        if per_instance && let Some(words) = self.per_instance_words() {
            let _ = writeln!(out, "\n{words}");
        }
        out.push_str("\n| rate | result | percentile | errors | instances |\n|---:|---|---:|---:|---:|\n");
        for probe in &self.probes {
            let result = match &probe.outcome {
                crate::capacity::probe::ProbeOutcome::Held => "held".to_owned(),
                crate::capacity::probe::ProbeOutcome::Missed(reason) => format!("missed: {reason}"),
                crate::capacity::probe::ProbeOutcome::Unexpected(reason) => format!("not judged: {reason}"),
                crate::capacity::probe::ProbeOutcome::Invalid(reason) => format!("invalid: {reason}"),
            };
            let _ = writeln!(
                out,
                "| {}/s | {} | {} | {:.2} % | {} |",
                probe.rate,
                cell(&result),
                latency(probe.percentile()),
                (probe.errors + probe.unexpected) * 100.0,
                probe.instances.map_or_else(|| "–".to_owned(), |count| count.to_string())
            );
        }
        out
    }

    /// 0 when there is an answer, 1 when no rate holds or answers were not as expected, 4 when the generator was the limit.
    pub const fn exit_code(&self) -> u8 {
        match (&self.end, self.holds) {
            (End::Generator(_), _) => 4,
            (End::Unexpected(_), _) | (_, None) => 1,
            _ => 0,
        }
    }
}
