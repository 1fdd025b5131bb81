//! What a session leaves behind on stdout, in the pipeline's summary, and as exit code.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use crate::app::live::Finished;
use crate::cli::Format;
use crate::commands::{CommandError, say};
use crate::export::SECOND;
use crate::export::summary::{self, json, junit, markdown};
use crate::session::halves::Halves;
use crate::session::recording::Damage;
use crate::session::verdict::{exit_code_of, judge};
use crate::text::{clean, flow};

/// Where a pipeline collects Markdown (GitHub Actions sets it).
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// The session as `format` says. Text ends with where the files are; nothing else does, so that it can be parsed.
pub(super) fn write_session(finished: &Finished, format: Format) -> Result<(), CommandError> {
    let halves = finished.state.halves();
    let text = match format {
        Format::Text => for_this_terminal(summary_of(halves)),
        Format::Json => json::text_of(halves, Damage::default()),
        Format::Markdown => markdown::markdown_of(halves),
        Format::Junit => junit::junit_of(halves),
    };
    for (side, half) in halves.each() {
        if let Some(why) = judge(half).none_ok {
            say(&halves.second().map_or_else(|| why.clone(), |_| format!("{}: {why}", side.letter())));
        }
    }
    // First what the pipeline collects: stdout may be gone.
    add_to_step_summary(&markdown::markdown_of(halves));
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// Broken at white space where somebody reads it on a terminal; a pipe gets lines as they are.
pub(super) fn for_this_terminal(text: String) -> String {
    match crossterm::terminal::size() {
        Ok((columns, _)) if io::stdout().is_terminal() => flow(&text, usize::from(columns.max(20))),
        _ => text,
    }
}

/// The summary in text, of two targets one after the other.
pub(super) fn summary_of(halves: &Halves) -> String {
    if halves.second().is_none() {
        return summary::text(halves.first());
    }
    let of = |(side, half)| format!("{}\n{}", clean(&halves.name(side)), summary::text(half));
    halves.each().map(of).collect::<Vec<_>>().join("\n")
}

/// Appends `text` to the pipeline's summary, where there is one. That it cannot be written fails nothing but itself.
pub(super) fn add_to_step_summary(text: &str) {
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return;
    };
    let written = OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")
    });
    if let Err(error) = written {
        say(&format!("cannot append to {} ({STEP_SUMMARY}): {error}", path.display()));
    }
}

/// Says where the files are: on stdout when that is for people, else on stderr. An export that failed is an error.
pub(super) fn write_place(finished: &mut Finished, format: Format) -> Result<(), CommandError> {
    let folder = finished.state.folder().map(Path::to_owned).unwrap_or_default();
    let is_exported = matches!(finished.exported, Some(Ok(_)));
    let (text, error) = match finished.exported.take() {
        Some(Ok(exported)) => (format!("files: {}", exported.folder.display()), None),
        Some(Err(error)) => (format!("recording: {}", folder.display()), Some(error)),
        None => (format!("recording: {0} (its files: scaletop report {0})", folder.display()), None),
    };
    if format == Format::Text {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", clean(&text))?;
        if is_exported {
            let folder = clean(&folder.display().to_string());
            writeln!(out, "look:  {folder}/report.html in a browser, or scaletop replay {folder}")?;
            if finished.state.halves().second().is_some() {
                writeln!(out, "both:  scaletop compare {folder}; the files of B are in {folder}/{SECOND}")?;
            }
        }
    } else {
        say(&text);
    }
    error.map_or(Ok(()), |error| Err(error.into()))
}

/// 128 + n when signal n ended the session, else what the verdict says; of two targets the worse.
pub(super) fn exit_code(signal: Option<i32>, halves: &Halves) -> u8 {
    by_signal(signal).unwrap_or_else(|| exit_code_of(halves.each().map(|(_, half)| half)))
}

/// 128 + n when signal n ended the session.
pub(super) fn by_signal(signal: Option<i32>) -> Option<u8> {
    signal.map(|signal| u8::try_from(128 + signal).unwrap_or(1))
}
