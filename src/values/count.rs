//! What people type of sources that count instances: a command line, names before pointers and queries.

use std::time::Duration;

use crate::instances::Counted;
use crate::values::{self, ValueError};

/// Sources of counts as they were typed, or as a plan has them: at most one of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountWords {
    /// The program that counts.
    pub command: Option<CommandLine>,
    /// The document that has the count, and where in it; without a place it is a number by itself.
    pub url: Option<(String, Vec<Named>)>,
    /// Where Prometheus answers, and what it is asked.
    pub prometheus: Option<(String, Vec<Named>)>,
    /// How often each is asked.
    pub every: Option<Duration>,
    /// How often Prometheus scrapes what it is asked of.
    pub scrape: Option<Duration>,
}

impl CountWords {
    /// Whether nobody counts.
    pub const fn is_empty(&self) -> bool {
        self.command.is_none() && self.url.is_none() && self.prometheus.is_none()
    }

    /// These, and for each kind of source that they do not have the one of `others`.
    #[must_use]
    pub fn or(self, others: Option<&Self>) -> Self {
        let others = others.cloned().unwrap_or_default();
        Self {
            command: self.command.or(others.command),
            url: self.url.or(others.url),
            prometheus: self.prometheus.or(others.prometheus),
            every: self.every.or(others.every),
            scrape: self.scrape.or(others.scrape),
        }
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// The words, split as a shell would: the program first. At least one.
    Words(Vec<String>),
    /// A text for the shell.
    Shell(String),
}

impl CommandLine {
    /// Reads a command line; with `shell` it is left to the shell.
    ///
    /// # Errors
    /// When it is empty, a quote is not closed, or it needs a shell and has none.
    pub(crate) fn new(text: &str, shell: bool) -> Result<Self, ValueError> {
        if text.trim().is_empty() {
            return Err(ValueError::CountCommand("there is nothing to run".to_owned()));
        }
        if shell {
            return Ok(Self::Shell(text.to_owned()));
        }
        let Some(words) = shlex::split(text).filter(|words| !words.is_empty()) else {
            return Err(ValueError::CountCommand("a quote is not closed, or it ends in a backslash".to_owned()));
        };
        let is_of_shell = |word: &&String| {
            matches!(word.as_str(), "|" | "||" | "&&" | "&" | ";" | ">" | ">>" | "<" | "2>&1" | "2>/dev/null")
        };
        match words.iter().find(is_of_shell) {
            Some(word) => Err(ValueError::CountCommand(format!("{word} is for a shell, and it is run without one"))),
            None => Ok(Self::Words(words)),
        }
    }
}

/// A place or a query, with what is counted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub counted: Counted,
    pub text: String,
}

/// What a name stands for.
///
/// # Errors
/// When there is no such name, with the one that was probably meant.
pub(crate) fn counted(name: &str) -> Result<Counted, ValueError> {
    let known = Counted::ALL.into_iter().find(|counted| counted.label().eq_ignore_ascii_case(name));
    known.ok_or_else(|| {
        let meant = values::nearest(&name.to_ascii_lowercase(), Counted::ALL.map(Counted::label));
        ValueError::CountName { given: name.to_owned(), meant }
    })
}

/// `running=/status/readyReplicas`, or the pointer alone for what runs.
pub(crate) fn pointer(text: &str) -> Result<Named, ValueError> {
    let name = text.split_once('=').filter(|(name, _)| is_name(name));
    let (counted, pointer) = match name {
        Some((name, pointer)) => (counted(name.trim())?, pointer.trim()),
        None => (Counted::Running, text.trim()),
    };
    // The empty pointer is the whole document (RFC 6901, section 5).
    if pointer.is_empty() || pointer.starts_with('/') {
        return Ok(Named { counted, text: pointer.to_owned() });
    }
    Err(ValueError::CountPointer(text.to_owned()))
}

/// `running=count(up == 1)`, or the query alone for what runs. A name is followed by one equals sign, which no query has there.
pub(crate) fn query(text: &str) -> Result<Named, ValueError> {
    let name = text.split_once('=').filter(|(name, rest)| is_name(name) && !rest.starts_with(['=', '~']));
    let (counted, query) = match name {
        Some((name, query)) => (counted(name.trim())?, query.trim()),
        None => (Counted::Running, text.trim()),
    };
    if query.is_empty() {
        return Err(ValueError::CountQuery);
    }
    Ok(Named { counted, text: query.to_owned() })
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// How often a source is asked: from half a second to an hour.
pub(crate) fn interval(text: &str) -> Result<Duration, ValueError> {
    between(values::duration(text)?).map_err(|_| ValueError::CountInterval(text.to_owned()))
}

/// The same of a time that was read.
pub(crate) fn between(every: Duration) -> Result<Duration, ValueError> {
    let is_possible = (Duration::from_millis(500)..=Duration::from_hours(1)).contains(&every);
    if is_possible { Ok(every) } else { Err(ValueError::CountInterval(format!("{every:?}"))) }
}

/// The name of what a pointer or a query without one counts.
pub(crate) const RUNNING: &str = Counted::Running.label();

/// Refuses two places or queries for one thing that is counted.
///
/// # Errors
/// When there are two for one.
pub(crate) fn each_once(named: &[Named]) -> Result<(), ValueError> {
    let twice = named.iter().enumerate().find(|(at, one)| named[..*at].iter().any(|two| two.counted == one.counted));
    twice.map_or(Ok(()), |(_, one)| Err(ValueError::CountTwice(one.counted.label())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: std::fmt::Debug>(read: Result<T, ValueError>) -> String {
        read.unwrap_err().to_string()
    }

    #[test]
    fn a_command_is_split_as_a_shell_would_and_refused_where_it_needs_one() {
        let words = |text| CommandLine::new(text, false);
        let expected = CommandLine::Words(vec!["docker".into(), "ps".into(), "--filter=name=my app".into()]);
        assert_eq!(words("docker ps '--filter=name=my app'"), Ok(expected));
        let said = refusal(words("docker ps -q | wc -l"));
        assert!(said.contains("| is for a shell") && said.contains("--count-shell"), "{said}");
        assert!(refusal(words("echo 'a")).contains("quote"));
        assert!(refusal(words("  ")).contains("nothing to run"));
        let shell = "docker ps -q | wc -l";
        assert_eq!(CommandLine::new(shell, true), Ok(CommandLine::Shell(shell.to_owned())));
    }

    #[test]
    fn names_stand_before_pointers_and_queries_and_wrong_ones_are_told_with_the_nearest() {
        let named = |counted, text: &str| Ok(Named { counted, text: text.to_owned() });
        assert_eq!(pointer("/a/b/0"), named(Counted::Running, "/a/b/0"));
        assert_eq!(pointer("desired=/spec/replicas"), named(Counted::Desired, "/spec/replicas"));
        assert_eq!(pointer("/a=b"), named(Counted::Running, "/a=b"), "a key may hold an equals sign");
        assert_eq!(pointer(""), named(Counted::Running, ""), "the whole document");
        assert!(refusal(pointer("status.ready")).contains("begins with /"));
        assert!(refusal(pointer("run=/a")).contains("did you mean running"));

        assert_eq!(query("count(up{job=\"x\"} == 1)"), named(Counted::Running, "count(up{job=\"x\"} == 1)"));
        assert_eq!(query("desired = sum(want)"), named(Counted::Desired, "sum(want)"));
        assert_eq!(query("up==1"), named(Counted::Running, "up==1"));
        assert_eq!(query("up=~1"), named(Counted::Running, "up=~1"), "Prometheus says what is wrong with it");
        assert!(refusal(query("desire=sum(want)")).contains("did you mean desired"));
        assert!(refusal(query("running=")).contains("query"));
    }

    #[test]
    fn what_was_typed_goes_before_what_a_plan_has_of_the_same_kind() {
        let of = |command: &str| CommandLine::new(command, false).ok();
        let typed = CountWords { command: of("one"), ..CountWords::default() };
        let plan = CountWords {
            command: of("two"),
            url: Some(("http://localhost".into(), Vec::new())),
            ..CountWords::default()
        };
        let both = typed.or(Some(&plan));
        assert_eq!((both.command, both.url.is_some()), (of("one"), true));
        assert!(CountWords::default().or(None).is_empty());
    }
}
