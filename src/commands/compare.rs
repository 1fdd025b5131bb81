//! `scaletop compare`: reads the sessions, prints the table, writes the page.

use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::CompareArgs;
use crate::commands::{CommandError, offer, say};
use crate::compare::{Contender, Curves, compare as compare_sessions, html, json, table};
use crate::export;
use crate::files;
use crate::text::clean;

/// A page that was written before is not larger.
const MOST_OF_A_PAGE: u64 = 256 * 1024 * 1024;

/// Compares the sessions; the first is the baseline. One with two targets counts for two.
pub(super) fn compare(args: &CompareArgs) -> Result<u8, CommandError> {
    let (mut sessions, mut curves) = (Vec::new(), Vec::new());
    for given in &args.sessions {
        let path = &offer::session(Some(given))?;
        let mut seconds = [Curves::default(), Curves::default()];
        let (halves, damage) = export::fold(path, |halves| {
            for (curves, (_, half)) in seconds.iter_mut().zip(halves.each()) {
                curves.follow(half);
            }
        })?;
        curves.extend(seconds.into_iter().take(1 + usize::from(halves.second().is_some())));
        if let Some(damage) = damage.describe() {
            say(&format!("note: {}: {damage}", path.display()));
        }
        let (path, has_two) = (path.display().to_string(), halves.second().is_some());
        for session in halves.into_each() {
            let target = &session.header().settings.target;
            sessions.push((if has_two { format!("{path}: {target}") } else { path.clone() }, session));
        }
    }
    if sessions.len() < 2 {
        let why = "a session with one target is compared with another one: name both, or a session with two targets";
        return Err(CommandError::Option(why.to_owned()));
    }
    let contenders: Vec<_> = sessions.iter().map(|(name, session)| Contender { name, session }).collect();
    let comparison = compare_sessions(&contenders);
    write_page(&args.html, &html(&contenders, &comparison, &curves))?;
    let page = format!("page: {}", clean(&args.html.display().to_string()));
    if args.json {
        writeln!(io::stdout(), "{:#}", json(&contenders, &comparison))?;
        say(&page);
    } else {
        writeln!(io::stdout(), "{}{page}", table(&contenders, &comparison))?;
    }
    Ok(0)
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
