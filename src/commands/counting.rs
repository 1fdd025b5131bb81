//! Sources of instance counts: from what was typed, set or planned to what can be asked.

use std::time::Duration;

use url::Url;

use crate::cli::{CountArgs, RequestArgs};
use crate::commands::CommandError;
use crate::commands::sending::check_certificates;
use crate::counting::{
    CommandReader, Document, INTERVAL, LONGEST_ANSWER, PrometheusReader, Query, Source, UrlReader, in_words,
};
use crate::doctor::Check;
use crate::plan::Plan;
use crate::session::event::CountSettings;
use crate::target::{Target, parse_url};
use crate::text;
use scaletop_load::{Fetcher, RequestOptions};

/// The sources of a session, and how often they are asked.
#[derive(Clone, Debug)]
pub(super) struct Counting {
    pub(super) sources: Vec<Source>,
    pub(super) every: Duration,
}

impl Default for Counting {
    fn default() -> Self {
        Self { sources: Vec::new(), every: INTERVAL }
    }
}

impl Counting {
    /// Those of the options, and for each kind that they do not name that of the plan. Nothing is asked yet.
    pub(super) fn of(args: &CountArgs, request: &RequestArgs, plan: Option<&Plan>) -> Result<Self, CommandError> {
        let words = args.words()?.or(plan.map(|plan| &plan.count));
        if words.is_empty() {
            return Ok(Self::default());
        }
        if let Some(path) = &request.cacert {
            check_certificates(path)?;
        }
        let document = |url: Url| -> Result<Document, CommandError> {
            let options = RequestOptions {
                timeout: LONGEST_ANSWER,
                insecure: request.insecure,
                cacert: request.cacert.clone(),
                conn_max_age: None,
                ..RequestOptions::get(url.clone())
            };
            Ok(Document::new(Fetcher::new(&options)?, &url, args.count_token.clone()))
        };
        let mut sources = Vec::new();
        if let Some(line) = words.command {
            sources.push(Source::Command(CommandReader::new(line)));
        }
        if let Some((url, places)) = words.url {
            sources.push(Source::Url(UrlReader::new(document(parse_url(&url)?)?, places)));
        }
        if let Some((url, queries)) = words.prometheus {
            if queries.is_empty() {
                let why = "--count-prometheus says where to ask, and --count-query what: add one, such as \
                           --count-query 'count(up{job=\"web\"} == 1)'";
                return Err(CommandError::Option(why.to_owned()));
            }
            let base = parse_url(&url)?;
            let queries = queries.into_iter().map(|named| {
                let document = document(instant_query(&base, &named.text))?;
                Ok(Query { counted: named.counted, text: named.text, document })
            });
            let queries = queries.collect::<Result<Vec<_>, CommandError>>()?;
            let scrape = words.scrape.unwrap_or_default();
            sources.push(Source::Prometheus(PrometheusReader::new(&base, queries, scrape)));
        }
        Ok(Self { sources, every: words.every.unwrap_or(INTERVAL) })
    }

    /// Refuses them where there are two targets: whose instances they count is not said.
    pub(super) fn check_targets(&self, targets: &[Target]) -> Result<(), CommandError> {
        match self.sources.first() {
            Some(source) if targets.len() > 1 => Err(CommandError::Option(format!(
                "--count-{} counts the instances of one service, and there are two targets: leave it out, or drive one",
                source.kind().label()
            ))),
            _ => Ok(()),
        }
    }

    /// What is written down of them.
    pub(super) fn settings(&self) -> Vec<CountSettings> {
        let settings = |source: &Source| CountSettings {
            source: source.kind().label().to_owned(),
            of: source.described(),
            every: self.every,
            grain: source.grain(),
        };
        self.sources.iter().map(settings).collect()
    }

    /// What is said of them before the session: a program that is run on this machine is worth a word, since a plan or a file may
    /// have named it.
    pub(super) fn notice(&self) -> Option<String> {
        let command = self.sources.iter().find(|source| matches!(source, Source::Command(_)))?;
        Some(format!("instances are counted by a program, every {}: {}", text::span(self.every), command.described()))
    }

    /// Asks each once, for `doctor`.
    pub(super) async fn checks(self) -> Vec<Check> {
        let mut checks = Vec::new();
        for mut source in self.sources {
            let name = format!("count by {}", source.kind().label());
            let (of, grain) = (source.described(), source.grain());
            let reading = source.ask().await;
            let unsure = self.every + grain;
            if !reading.counts.is_empty() {
                let counts = in_words(&reading.counts);
                checks.push(Check::ok(&name, format!("{counts} (± {}; {of})", text::span(unsure))));
            }
            if let Some(warning) = reading.warning {
                checks.push(Check::warning(&name, warning, "see what it is about; the count may be too low"));
            }
            if let Some(problem) = reading.problem {
                checks.push(Check::failure(&name, problem.message, problem.remedy));
            }
        }
        checks
    }
}

/// Where an instant query is asked under `base`, which may have a path of its own.
fn instant_query(base: &Url, query: &str) -> Url {
    let mut url = base.clone();
    let path = url.path().trim_end_matches('/');
    let path = if path.ends_with("/api/v1/query") { path.to_owned() } else { format!("{path}/api/v1/query") };
    url.set_path(&path);
    url.query_pairs_mut().append_pair("query", query);
    url
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn counting(words: &[&str], plan: &str) -> Result<Counting, String> {
        let words = ["scaletop", "live", "http://127.0.0.1:1"].iter().chain(words);
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        let Command::Live(args) = cli.command else { panic!("another command") };
        let plan = format!("{plan}\n[[stage]]\nrate = 1\nduration = \"5s\"\n");
        let plan = Plan::parse(&plan).map_err(|error| error.to_string())?;
        Counting::of(&args.drive.count, &args.drive.request, Some(&plan)).map_err(|error| error.to_string())
    }

    fn described(counting: &Counting) -> Vec<String> {
        counting.settings().into_iter().map(|one| format!("{}: {}", one.source, one.of)).collect()
    }

    #[test]
    fn options_go_before_a_plan_source_by_source() {
        let plan = "[count]\ncommand = \"planned\"\nurl = \"http://127.0.0.1:1/n\"\ninterval = \"5s\"";
        let of_plan = counting(&[], plan).unwrap();
        assert_eq!(described(&of_plan), ["command: planned", "url: http://127.0.0.1:1/n"]);
        assert_eq!(of_plan.every, Duration::from_secs(5));
        let both = counting(&["--count-command", "typed --now", "--count-interval", "1s"], plan).unwrap();
        assert_eq!(described(&both), ["command: typed", "url: http://127.0.0.1:1/n"]);
        assert_eq!(both.every, Duration::from_secs(1));
        assert!(both.notice().unwrap().contains("typed"));
        assert!(counting(&[], "").unwrap().sources.is_empty());
    }

    #[test]
    fn nothing_secret_is_written_down() {
        let words = [
            "--count-command",
            "curl -H 'authorization: hunter2' x",
            "--count-url",
            "http://me:hunter2@127.0.0.1:1/n?key=hunter2",
            "--count-prometheus",
            "http://me:hunter2@127.0.0.1:1/prom",
            "--count-query",
            "count(up)",
            "--count-query",
            "desired=sum(want)",
            "--count-scrape",
            "15s",
        ];
        let counting = counting(&words, "").unwrap();
        let all = format!("{:?} {:?}", counting.settings(), counting.notice());
        assert!(!all.contains("hunter2"), "{all}");
        assert!(all.contains("http://127.0.0.1:1/prom running: count(up), desired: sum(want)"), "{all}");
        assert_eq!(counting.settings()[2].grain, Duration::from_secs(15));
    }

    #[test]
    fn what_is_missing_or_twice_is_told() {
        let told = |words: &[&str]| counting(words, "").unwrap_err();
        assert!(told(&["--count-prometheus", "http://127.0.0.1:1"]).contains("--count-query"));
        let twice = ["--count-url", "http://127.0.0.1:1", "--count-pointer", "/a", "--count-pointer", "running=/b"];
        assert!(told(&twice).contains("two say what is running"));
        assert!(told(&["--count-command", "docker ps | wc -l"]).contains("--count-shell"));
        let two = [parse_target("http://127.0.0.1:1"), parse_target("http://127.0.0.1:2")];
        let one = counting(&["--count-command", "echo 1"], "").unwrap();
        assert!(one.check_targets(&two[..1]).is_ok());
        let said = one.check_targets(&two).unwrap_err().to_string();
        assert!(said.contains("--count-command") && said.contains("two targets"), "{said}");
    }

    fn parse_target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn a_query_is_asked_under_whatever_path_prometheus_has() {
        let asked = |base: &str| instant_query(&base.parse().unwrap(), "up{a=\"b c\"}").to_string();
        let query = "query=up%7Ba%3D%22b+c%22%7D";
        assert_eq!(asked("http://p:9090"), format!("http://p:9090/api/v1/query?{query}"));
        assert_eq!(asked("http://p/prom/?tenant=1"), format!("http://p/prom/api/v1/query?tenant=1&{query}"));
        assert_eq!(asked("http://p/api/v1/query"), format!("http://p/api/v1/query?{query}"));
    }
}
