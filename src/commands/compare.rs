//! `scaletop compare`: reads the sessions, prints the table, writes the page.

use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::CompareArgs;
use crate::commands::{CommandError, say};
use crate::compare::{Contender, Curves, compare as compare_sessions, html, table};
use crate::export;
use crate::files;
use crate::text::clean;

/// Compares the sessions; the first is the baseline.
pub(super) fn compare(args: &CompareArgs) -> Result<u8, CommandError> {
    let (mut sessions, mut curves) = (Vec::new(), Vec::new());
    for path in &args.sessions {
        let mut seconds = Curves::default();
        let (session, damage) = export::fold(path, |session| seconds.follow(session))?;
        curves.push(seconds);
        if let Some(damage) = damage.describe() {
            say(&format!("note: {}: {damage}", path.display()));
        }
        sessions.push((path.display().to_string(), session));
    }
    let contenders: Vec<_> = sessions.iter().map(|(name, session)| Contender { name, session }).collect();
    let comparison = compare_sessions(&contenders);
    write_page(&args.html, &html(&contenders, &comparison, &curves))?;
    let mut out = io::stdout().lock();
    out.write_all(table(&contenders, &comparison).as_bytes())?;
    writeln!(out, "page: {}", clean(&args.html.display().to_string()))?;
    Ok(0)
}

fn write_page(path: &Path, page: &str) -> Result<(), CommandError> {
    files::write(path, page.as_bytes()).map_err(|source| CommandError::WritePage { path: path.to_owned(), source })
}
