//! `scaletop report`: every derived file of a session again, and, if asked for, a plan that does the same.

use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::{Format, ReportArgs};
use crate::commands::{CommandError, offer, outcome, say};
use crate::export::as_plan;
use crate::export::summary::{json, junit, markdown};
use crate::export::{self, ExportError, SECOND};
use crate::files;
use crate::session::event::SessionEvent;
use crate::session::recording::RecordingReader;
use crate::text::clean;
use scaletop_units::Elapsed;

/// Writes the files, and says what is in them.
pub(super) fn report(args: &ReportArgs) -> Result<u8, CommandError> {
    let session = offer::session(args.session.as_deref())?;
    // A plan may have been written by hand, and what stands beside it is a recording.
    if let Some(path) = args.plan.as_ref().filter(|path| path.exists() && !is_device(path)) {
        return Err(CommandError::Exists { path: path.clone(), option: "--plan" });
    }
    let exported = export::export(&session)?;
    if let Some(damage) = exported.damage.describe() {
        say(&format!("note: {damage}"));
    }
    let format = args.format.chosen();
    let first = exported.halves.first();
    let text = match format {
        Format::Text => outcome::for_this_terminal(outcome::summary_of(&exported.halves)),
        Format::Json => json::text(first, exported.damage),
        Format::Markdown => markdown::markdown(first),
        Format::Junit => junit::junit(first),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    tell(format, &format!("files: {}", exported.folder.display()))?;
    if exported.halves.second().is_some() && format != Format::Text {
        say(&format!(
            "this is the first target; the second one's files are in {}",
            exported.folder.join(SECOND).display()
        ));
    }
    if let Some(path) = &args.plan {
        write_plan(&session, path)?;
        tell(format, &format!("plan: {0} (play it: scaletop run {0})", path.display()))?;
    }
    Ok(0)
}

/// A line for people: on stdout where that is for them, else on stderr.
fn tell(format: Format, line: &str) -> io::Result<()> {
    if format != Format::Text {
        say(line);
        return Ok(());
    }
    writeln!(io::stdout(), "{}", clean(line))
}

/// Whether `path` is something that is written to and not replaced, such as `/dev/stdout`.
fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir())
}

fn write_plan(session: &Path, path: &Path) -> Result<(), CommandError> {
    let mut reader = RecordingReader::open(session).map_err(ExportError::from)?;
    let (mut changes, mut objectives, mut end) = (Vec::new(), Vec::new(), Elapsed::ZERO);
    while let Some(recorded) = reader.next_event().map_err(ExportError::from)? {
        end = end.max(recorded.at);
        match recorded.event {
            SessionEvent::Rate(change) => changes.push((recorded.at, change)),
            SessionEvent::Objective(slo) => objectives.push((recorded.at, slo.to_string())),
            _ => {}
        }
    }
    let text = as_plan::text(reader.header(), &changes, &objectives, end);
    files::write(path, text.as_bytes()).map_err(|source| CommandError::Write { path: path.to_owned(), source })
}
