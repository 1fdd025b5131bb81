//! How a generator is told to join: the words of `scaletop fleet join`, the same wherever it is placed.

use std::time::Duration;

/// What a placed generator is told. What is not said is left to `fleet join`'s own defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Join {
    /// Threads that send.
    pub(crate) workers: Option<u32>,
    /// The highest rate that each generator takes, requests per second.
    pub(crate) max_rate: Option<u32>,
    /// The only hosts that it sends to.
    pub(crate) allow: Vec<String>,
    /// How long it waits for a controller before it ends.
    pub(crate) orphan: Option<Duration>,
    /// What it is labelled with, `az=a`.
    pub(crate) labels: Vec<String>,
}

/// What a generator holds where nothing else is said, requests per second: `--max-rate` of `fleet join`.
#[cfg(any(feature = "aws", test))]
pub(crate) const USUAL_MAX_RATE: u32 = 20_000;

impl Join {
    /// The words after the program: `fleet join`, and what was said. Never the ticket.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec!["fleet".to_owned(), "join".to_owned()];
        let mut say = |option: &str, value: String| words.extend([option.to_owned(), value]);
        if let Some(workers) = self.workers {
            say("--workers", workers.to_string());
        }
        if let Some(rate) = self.max_rate {
            say("--max-rate", rate.to_string());
        }
        for host in &self.allow {
            say("--allow", host.clone());
        }
        if let Some(orphan) = self.orphan {
            say("--orphan", format!("{}ms", orphan.as_millis()));
        }
        for label in &self.labels {
            say("--label", label.clone());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_is_passed_on() {
        assert_eq!(Join::default().words(), ["fleet", "join"]);
        let all = Join {
            workers: Some(2),
            max_rate: Some(5_000),
            allow: vec!["a.example".to_owned(), "b.example".to_owned()],
            orphan: Some(Duration::from_mins(10)),
            labels: vec!["az=a".to_owned()],
        };
        let words = all.words().join(" ");
        assert_eq!(
            words,
            "fleet join --workers 2 --max-rate 5000 --allow a.example --allow b.example --orphan 600000ms --label az=a"
        );
    }
}
