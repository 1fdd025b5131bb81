//! The files that are derived from a recording. Each can be remade at any time; a number in them comes from the same
//! fold of events that the screen shows.
//!
//! The recording is read twice: once for what arrives late (a metric of minute 3 is published in minute 5), once to write
//! the rows as they close. Neither pass keeps the session's seconds in memory. A file appears under its name only when it
//! is complete.

pub(crate) mod ahead;
pub(crate) mod as_plan;
mod columns;
mod draft;
mod hlog;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod in_memory;
mod late;
mod requests;
pub mod summary;
mod text;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::analysis::failures::FailureTotals;
use crate::export::draft::{CsvDraft, Draft};
use crate::export::late::LateCounts;
use crate::export::requests::RequestRows;
use crate::export::summary::json;
use crate::report::{self, HeatMap, ReportInput, Series};
use crate::session::event::{Recorded, SessionEvent, Side};
use crate::session::halves::Halves;
use crate::session::recording::{Damage, ReadError, RecordingReader};
use crate::session::state::Session;
use crate::timeline::Completed;

/// The derived files: what to look at first, first. A session of several requests has `requests.csv`, too.
pub const FILES: [&str; 8] =
    [REPORT, "summary.json", "timeline.csv", "cohorts.csv", "steps.csv", "instances.csv", "events.csv", "latency.hlog"];

/// The folder of the files of a second target, in that of the session.
pub(crate) const SECOND: &str = "second";

const REPORT: &str = "report.html";

#[derive(Clone, Debug)]
pub struct Exported {
    pub folder: PathBuf,
    /// The session as folded from the recording.
    pub halves: Halves,
    /// What of the recording could not be read.
    pub damage: Damage,
}

/// Why the files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The recording could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What the session at `path` (its folder, or its recording) says of its target, or of both, as its events fold; and what of it
/// could not be read. `watch` sees it after each of its events.
pub(crate) fn fold(path: &Path, mut watch: impl FnMut(&Halves)) -> Result<(Halves, Damage), ReadError> {
    let reader = RecordingReader::open_whole(path)?;
    let mut halves = Halves::new(reader.header());
    let damage = ahead::read(
        reader,
        |_| Ok(()),
        |recorded, _| {
            halves.apply(&recorded);
            watch(&halves);
            Ok::<_, ReadError>(())
        },
    )?;
    Ok((halves, damage))
}

/// Writes every derived file of the session at `path` (its folder, or its recording). Those of a second target go to a folder of
/// their own, [`SECOND`], and the report beside the recording is that of both.
pub fn export(path: &Path) -> Result<Exported, ExportError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let has_two = RecordingReader::open_whole(path)?.header().beside.is_some();
    let first = Half::write(path, Side::First, folder)?;
    let second = if has_two {
        let below = subfolder(folder, SECOND)?;
        let second = Half::write(path, Side::Second, &below)?;
        Draft::write_whole(&below, REPORT, &report::html(&second.evidence()))?;
        Draft::write_whole(folder, REPORT, &report::html_of_two([&first.evidence(), &second.evidence()]))?;
        Some(second.session)
    } else {
        Draft::write_whole(folder, REPORT, &report::html(&first.evidence()))?;
        None
    };
    Ok(Exported { folder: folder.to_owned(), halves: Halves::of(first.session, second), damage: first.damage })
}

/// The folder `name` in `folder`, made if it is not there. A link in its place is not followed.
fn subfolder(folder: &Path, name: &str) -> Result<PathBuf, ExportError> {
    let path = folder.join(name);
    let made = match fs::create_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "something else has the name of the folder: move it away",
            )),
        },
        made => made,
    };
    made.map(|()| path.clone()).map_err(|source| ExportError::Write { path, source })
}

/// What is derived for one target.
struct Half {
    session: Session,
    series: Series,
    heat: HeatMap,
    damage: Damage,
}

impl Half {
    /// Writes the files of one target into `folder`, all but the report.
    fn write(path: &Path, side: Side, folder: &Path) -> Result<Self, ExportError> {
        let late = LateCounts::read(path, side)?;
        let reader = RecordingReader::open_half(path, side)?;
        let mut session = Session::new(reader.header().clone());
        let mut log = LatencyLog::create(folder, &session)?;
        let mut rows = RowFiles::create(folder, &session, late)?;
        let damage = ahead::read(
            reader,
            |recorded| log.take(recorded),
            |recorded, _| {
                session.apply(recorded.at, &recorded.event);
                rows.take(&session, &recorded)
            },
        )?;
        log.out.finish()?;
        let (series, heat) = rows.finish(&session)?;
        let mut steps = CsvDraft::create(folder, "steps.csv", &columns::steps())?;
        for report in session.steps() {
            steps.row(&columns::step(report))?;
        }
        steps.finish()?;
        let mut instances = CsvDraft::create(folder, "instances.csv", &columns::INSTANCES)?;
        for seen in columns::instances_seen(&session) {
            instances.row(&seen)?;
        }
        instances.finish()?;
        Draft::write_whole(folder, "summary.json", &json::text(&session, damage))?;
        Ok(Self { session, series, heat, damage })
    }

    fn evidence(&self) -> ReportInput<'_> {
        ReportInput {
            session: &self.session,
            series: &self.series,
            heat: &self.heat,
            damage: self.damage,
            is_live: false,
        }
    }
}

/// `latency.hlog` in the making. It needs no fold, only the seconds.
struct LatencyLog {
    out: Draft,
    encoder: hlog::Encoder,
    next: u32,
}

impl LatencyLog {
    fn create(folder: &Path, session: &Session) -> Result<Self, ExportError> {
        let mut out = Draft::create(folder, "latency.hlog")?;
        let mut encoder = hlog::Encoder::new();
        hlog::begin(&mut out, &mut encoder, session.header()).map_err(|source| out.failed(source))?;
        Ok(Self { out, encoder, next: 0 })
    }

    fn take(&mut self, recorded: &Recorded) -> Result<(), ExportError> {
        let SessionEvent::Second(second) = &recorded.event else { return Ok(()) };
        // A second that comes again is not counted anywhere.
        if second.index < self.next {
            return Ok(());
        }
        self.next = second.index.saturating_add(1);
        let completed = Completed::of(second);
        let logged = hlog::second(&mut self.out, &mut self.encoder, second.index, &completed);
        logged.map_err(|source| self.out.failed(source))
    }
}

/// The files that are written while the recording is folded, and what the report draws.
struct RowFiles {
    timeline: CsvDraft,
    cohorts: CsvDraft,
    events: CsvDraft,
    requests: RequestRows,
    late: LateCounts,
    next_cohort: u32,
    failures: FailureTotals,
    series: Series,
    heat: HeatMap,
}

impl RowFiles {
    fn create(folder: &Path, session: &Session, late: LateCounts) -> Result<Self, ExportError> {
        Ok(Self {
            timeline: CsvDraft::create(folder, "timeline.csv", &columns::TIMELINE)?,
            cohorts: CsvDraft::create(folder, "cohorts.csv", &columns::cohorts())?,
            events: CsvDraft::create(folder, "events.csv", &columns::EVENTS)?,
            requests: RequestRows::create(folder, session)?,
            next_cohort: 0,
            failures: FailureTotals::default(),
            series: Series::for_length(late.seconds()),
            heat: HeatMap::for_length(late.seconds()),
            late,
        })
    }

    /// Takes in an event that has just been folded into `session`.
    fn take(&mut self, session: &Session, recorded: &Recorded) -> Result<(), ExportError> {
        if let SessionEvent::Second(second) = &recorded.event {
            for new in self.failures.add(second) {
                self.events.row(&columns::failure(session, second.end(), &new))?;
            }
            if let Some(row) = session.timeline().latest().filter(|row| row.second == second.index) {
                self.timeline.row(&columns::row(session, row, &self.late))?;
                self.series.push(row, columns::counts(session, row.second, &self.late));
                self.requests.take(session, second)?;
            }
            if let Some(heat) = session.timeline().heat().back().filter(|heat| heat.second == second.index) {
                self.heat.push(heat);
            }
            let known = session.timeline().cohorts();
            let from = known.partition_point(|cohort| cohort.second < self.next_cohort);
            for cohort in known.range(from..).take_while(|cohort| cohort.is_final) {
                self.cohorts.row(&columns::cohort(session, cohort, &self.late))?;
                self.next_cohort = cohort.second + 1;
            }
        }
        if let Some(row) = columns::event(session, recorded) {
            self.events.row(&row)?;
        }
        Ok(())
    }

    /// Writes what the end of the session cut off, as far as it is known.
    fn finish(mut self, session: &Session) -> Result<(Series, HeatMap), ExportError> {
        for cohort in session.timeline().cohorts().iter().filter(|c| c.second >= self.next_cohort) {
            self.cohorts.row(&columns::cohort(session, cohort, &self.late))?;
        }
        for file in [self.timeline, self.cohorts, self.events] {
            file.finish()?;
        }
        self.requests.finish()?;
        Ok((self.series, self.heat))
    }
}
