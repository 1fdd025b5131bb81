//! `scaletop compare`: reads the sessions, judges the limits, prints the table, writes the page.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::{CompareArgs, Format};
use crate::commands::outcome::add_to_step_summary;
use crate::commands::{CommandError, say};
use crate::compare::limits::{Judged, Pair, judge};
use crate::compare::{Contender, Curves, compare as compare_sessions, html, json, limits_in_text, markdown, table};
use crate::export;
use crate::files;
use crate::plan::threshold::Limit;
use crate::session::state::Session;
use crate::text::clean;

mod baseline;

/// A page that was written before is not larger.
const MOST_OF_A_PAGE: u64 = 256 * 1024 * 1024;

/// Compares the sessions; the baseline, or else the first one, comes first. One with two targets counts for two.
pub(super) fn compare(args: &CompareArgs) -> Result<u8, CommandError> {
    let mut limits: Vec<Limit> = args.fail_if.iter().map(|text| limit(text)).collect::<Result<_, _>>()?;
    let named: Vec<PathBuf> =
        args.sessions.iter().map(|given| baseline::session(given, &[])).collect::<Result<_, _>>()?;
    let from = baseline::of(args, &named)?;
    let mut read = Read::default();
    for path in from.iter().chain(&named) {
        read.session(path)?;
    }
    let is_first_run = args.baseline.is_some() && from.is_none();
    if read.sessions.len() < 2 && !is_first_run {
        let why = "a session with one target is compared with another one: name both, or a session with two targets";
        return Err(CommandError::Option(why.to_owned()));
    }
    let contenders: Vec<_> = read.sessions.iter().map(|(name, session)| Contender { name, session }).collect();
    resolve(&mut limits, &contenders)?;
    let pairs = read.pairs(is_first_run, from.is_some())?;
    let judged = judge(&limits, &pairs);
    let judged = (!limits.is_empty() || is_first_run).then_some(&judged);
    let comparison = compare_sessions(&contenders);
    if !is_first_run {
        write_page(&args.html, &html(&contenders, &comparison, &read.curves, judged))?;
    }
    let page = if is_first_run {
        "page: none, for want of a baseline".to_owned()
    } else {
        format!("page: {}", clean(&args.html.display().to_string()))
    };
    let said = markdown(&contenders, &comparison, judged);
    add_to_step_summary(&said);
    let mut out = io::stdout().lock();
    match args.format.chosen() {
        Format::Text => {
            let limits = judged.map(limits_in_text).unwrap_or_default();
            writeln!(out, "{limits}{}{page}", table(&contenders, &comparison))?;
        }
        Format::Json => writeln!(out, "{:#}", json(&contenders, &comparison, judged))?,
        Format::Markdown => out.write_all(said.as_bytes())?,
        Format::Junit => out.write_all(judged.unwrap_or(&Judged::default()).junit(&contenders).as_bytes())?,
    }
    if args.format.chosen() != Format::Text {
        say(&page);
    }
    Ok(judged.map_or(0, Judged::exit_code))
}

fn limit(text: &str) -> Result<Limit, CommandError> {
    Limit::parse(text).map_err(|error| CommandError::Option(format!("--fail-if: {error}")))
}

/// Finds out what the names in limits mean; refuses a stage, or a request, that no session has.
fn resolve(limits: &mut [Limit], contenders: &[Contender<'_>]) -> Result<(), CommandError> {
    let (mut stages, mut requests): (Vec<&str>, Vec<&str>) = Default::default();
    for contender in contenders {
        let session = contender.session;
        let names = session.steps().iter().filter_map(|report| report.step.name.as_deref());
        stages.extend(names.filter(|name| !stages.contains(name)).collect::<Vec<_>>());
        let names = session.requests().all().iter().map(|request| request.name.as_str());
        requests.extend(names.filter(|name| !requests.contains(name)).collect::<Vec<_>>());
    }
    stages.dedup();
    for limit in limits {
        if let Err(error) = limit.resolve(stages.iter().copied(), &requests) {
            let why = if stages.is_empty() && requests.is_empty() {
                "no step of these sessions has a name; give * for every step".to_owned()
            } else {
                error.to_string()
            };
            return Err(CommandError::Option(format!("--fail-if \"{limit}\": {why}")));
        }
    }
    Ok(())
}

/// What was read.
#[derive(Default)]
struct Read {
    /// Each with the name it is told by.
    sessions: Vec<(String, Session)>,
    curves: Vec<Curves>,
    /// How many of them each recording has.
    halves: Vec<usize>,
}

impl Read {
    fn session(&mut self, path: &Path) -> Result<(), CommandError> {
        let mut seconds = [Curves::default(), Curves::default()];
        let (halves, damage) = export::fold(path, |halves| {
            for (curves, (_, half)) in seconds.iter_mut().zip(halves.each()) {
                curves.follow(half);
            }
        })?;
        let count = 1 + usize::from(halves.second().is_some());
        self.halves.push(count);
        self.curves.extend(seconds.into_iter().take(count));
        if let Some(damage) = damage.describe() {
            say(&format!("note: {}: {damage}", path.display()));
        }
        let path = path.display().to_string();
        for session in halves.into_each() {
            let target = &session.header().settings.target;
            self.sessions.push((if count > 1 { format!("{path}: {target}") } else { path.clone() }, session));
        }
        Ok(())
    }

    /// What is held against what: each session against the first one. Where a baseline with two targets was named, each half against that
    /// half of it.
    fn pairs(&self, is_first_run: bool, is_named: bool) -> Result<Vec<Pair<'_>>, CommandError> {
        let at = |at: usize| (at, &self.sessions[at].1);
        if is_first_run {
            return Ok((0..self.sessions.len()).map(|of| Pair { baseline: None, session: at(of) }).collect());
        }
        let first = self.halves.first().copied().unwrap_or_default();
        if !is_named || first < 2 {
            return Ok((1..self.sessions.len()).map(|of| Pair { baseline: Some(at(0)), session: at(of) }).collect());
        }
        if self.halves.iter().any(|count| *count != first) {
            let why = "the baseline has two targets: it is compared with sessions of two, target by target";
            return Err(CommandError::Option(why.to_owned()));
        }
        Ok((first..self.sessions.len()).map(|of| Pair { baseline: Some(at(of % first)), session: at(of) }).collect())
    }
}

/// An earlier page is replaced, and nothing else is.
fn write_page(path: &Path, page: &str) -> Result<(), CommandError> {
    let is_page = |text: &str| text.trim_start().to_ascii_lowercase().starts_with("<!doctype html");
    let there = files::read(path, MOST_OF_A_PAGE);
    let is_other = path.is_file() && !there.is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok_and(is_page));
    if is_other {
        return Err(CommandError::Exists { path: path.to_owned(), option: "--html" });
    }
    files::write(path, page.as_bytes()).map_err(|source| CommandError::WritePage { path: path.to_owned(), source })
}
