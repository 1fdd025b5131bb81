//! The options that name sources of instance counts.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::options::endpoint;
use crate::values::count::{self, CommandLine, CountWords, Named};
use crate::values::{self, ValueError};

/// Who counts instances besides the answers and the platform.
#[derive(Clone, Debug, Default, Args)]
#[expect(
    clippy::struct_field_names,
    reason = "each is called as its option, by which the grammar tells it from others"
)]
#[command(next_help_heading = "Instance counts")]
pub struct CountArgs {
    /// A program that prints the count as its last line
    #[arg(long, value_name = "CMD", env = "SCALETOP_COUNT_COMMAND", hide_env_values = true)]
    pub count_command: Option<String>,
    /// Have a shell run it
    #[arg(long, value_parser = BoolishValueParser::new(), env = "SCALETOP_COUNT_SHELL")]
    pub count_shell: bool,
    /// A document with the count, at --count-pointer
    #[arg(long, value_name = "URL", value_parser = endpoint, env = "SCALETOP_COUNT_URL", hide_env_values = true)]
    pub count_url: Option<String>,
    /// Where it stands, as a JSON pointer: /status/ready; also several, desired=/spec/replicas [default: it is a number]
    #[arg(long = "count-pointer", value_name = "POINTER", value_parser = count::pointer, env = "SCALETOP_COUNT_POINTER")]
    pub count_pointers: Vec<Named>,
    /// Where Prometheus answers the --count-query
    #[arg(long, value_name = "URL", value_parser = endpoint, env = "SCALETOP_COUNT_PROMETHEUS", hide_env_values = true)]
    pub count_prometheus: Option<String>,
    /// What is asked: 'count(up == 1)'; also several, desired=QUERY
    #[arg(long = "count-query", value_name = "QUERY", value_parser = count::query, env = "SCALETOP_COUNT_QUERY")]
    pub count_queries: Vec<Named>,
    /// How often Prometheus scrapes that: it is part of the ±
    #[arg(long, value_parser = values::positive_duration, value_name = "TIME", env = "SCALETOP_COUNT_SCRAPE")]
    pub count_scrape: Option<Duration>,
    /// Bearer token for the URL and for Prometheus, read anew each time
    #[arg(long, value_name = "FILE", env = "SCALETOP_COUNT_TOKEN")]
    pub count_token: Option<PathBuf>,
    /// How often each is asked [default: 2s]
    #[arg(long, value_parser = count::interval, value_name = "TIME", env = "SCALETOP_COUNT_INTERVAL")]
    pub count_interval: Option<Duration>,
}

impl CountArgs {
    /// What they say together.
    ///
    /// # Errors
    /// When the command is none, or one thing is counted twice by a source.
    pub(crate) fn words(&self) -> Result<CountWords, ValueError> {
        count::each_once(&self.count_pointers)?;
        count::each_once(&self.count_queries)?;
        let command = self.count_command.as_deref().map(|text| CommandLine::new(text, self.count_shell));
        Ok(CountWords {
            command: command.transpose()?,
            url: self.count_url.clone().map(|url| (url, self.count_pointers.clone())),
            prometheus: self.count_prometheus.clone().map(|url| (url, self.count_queries.clone())),
            every: self.count_interval,
            scrape: self.count_scrape,
        })
    }
}
