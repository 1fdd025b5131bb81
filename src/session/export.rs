//! The files that are derived from a recording. Each can be remade at any time; a number in them comes from the same
//! fold of events that the screen shows.
//!
//! The recording is read twice: once for what arrives late (a metric of minute 3 is published in minute 5), once to write
//! the rows as they close. Neither pass keeps the session's seconds in memory. A file appears under its name only when it
//! is complete.

mod columns;
mod text;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::instances::{Basis, InstanceObservation};
use crate::session::event::SessionEvent;
use crate::session::recording::{Damage, ReadError, RecordingReader};
use crate::session::state::Session;

/// The derived files, in the order they are written.
pub const FILES: [&str; 5] = ["timeline.csv", "cohorts.csv", "steps.csv", "instances.csv", "events.csv"];

/// What was written.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The session's folder.
    pub folder: PathBuf,
    /// The session as folded from the recording.
    pub session: Session,
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
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes every derived file of the session at `path` (its folder, or its recording).
pub fn export(path: &Path) -> Result<Exported, ExportError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let late = LateCounts::read(path)?;
    let mut reader = RecordingReader::open(path)?;
    let mut session = Session::new(reader.header().clone());
    let mut timeline = CsvFile::create(folder, "timeline.csv", &columns::TIMELINE)?;
    let mut cohorts = CsvFile::create(folder, "cohorts.csv", &columns::TIMELINE)?;
    let mut events = CsvFile::create(folder, "events.csv", &columns::EVENTS)?;
    let mut next_cohort = 0;
    while let Some(recorded) = reader.next_event()? {
        session.apply(recorded.at, &recorded.event);
        if let SessionEvent::Second(second) = &recorded.event {
            if let Some(row) = session.timeline.latest().filter(|row| row.second == second.index) {
                timeline.row(&columns::row(&session, row, &late))?;
            }
            let known = session.timeline.cohorts();
            let from = known.partition_point(|cohort| cohort.second < next_cohort);
            for cohort in known.range(from..).take_while(|cohort| cohort.is_final) {
                cohorts.row(&columns::cohort(&session, cohort, &late))?;
                next_cohort = cohort.second + 1;
            }
        }
        if let Some(row) = columns::event(&session, &recorded) {
            events.row(&row)?;
        }
    }
    // What the end of the session cut off is written as far as it is known.
    for cohort in session.timeline.cohorts().iter().filter(|c| c.second >= next_cohort) {
        cohorts.row(&columns::cohort(&session, cohort, &late))?;
    }
    for file in [timeline, cohorts, events] {
        file.finish()?;
    }
    let mut steps = CsvFile::create(folder, "steps.csv", &columns::STEPS)?;
    for report in &session.steps {
        steps.row(&columns::step(report))?;
    }
    steps.finish()?;
    let mut instances = CsvFile::create(folder, "instances.csv", &columns::INSTANCES)?;
    for track in &session.instances {
        instances.row(&columns::instance(track))?;
    }
    instances.finish()?;
    Ok(Exported { folder: folder.to_owned(), session, damage: reader.damage() })
}

/// Counts by basis and time, whenever they were received.
#[derive(Debug, Default)]
struct LateCounts(BTreeMap<Basis, BTreeMap<u32, InstanceObservation>>);

/// A count older than this says nothing of the present: App Runner's metric has a point a minute.
const COUNT_HOLDS_SECS: u32 = 60;

impl LateCounts {
    fn read(path: &Path) -> Result<Self, ReadError> {
        let mut late = Self::default();
        for recorded in RecordingReader::open(path)? {
            if let SessionEvent::Observed(seen) = recorded?.event {
                late.0.entry(seen.basis).or_default().insert(seen.as_of.second(), seen);
            }
        }
        Ok(late)
    }

    /// The count that was true in `second`: the last one before its end, unless that is too old.
    fn at(&self, basis: Basis, second: u32) -> Option<u32> {
        let (as_of, seen) = self.0.get(&basis)?.range(..=second).next_back()?;
        (second - as_of < COUNT_HOLDS_SECS).then_some(seen.count)
    }
}

/// A CSV file that appears under its name only when it is complete.
struct CsvFile {
    path: PathBuf,
    unfinished: PathBuf,
    out: csv::Writer<BufWriter<File>>,
}

impl CsvFile {
    fn create(folder: &Path, name: &str, header: &[&str]) -> Result<Self, ExportError> {
        let path = folder.join(name);
        let unfinished = folder.join(format!(".{name}.unfinished"));
        let file = File::create(&unfinished).map_err(|source| ExportError::Write { path: path.clone(), source })?;
        let mut csv = Self { path, unfinished, out: csv::Writer::from_writer(BufWriter::new(file)) };
        csv.row(&header.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
        Ok(csv)
    }

    fn row(&mut self, fields: &[String]) -> Result<(), ExportError> {
        self.out.write_record(fields).map_err(|error| self.failed(error.into()))
    }

    fn finish(mut self) -> Result<(), ExportError> {
        self.out.flush().map_err(|source| self.failed(source))?;
        fs::rename(&self.unfinished, &self.path).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ExportError {
        ExportError::Write { path: self.path.clone(), source }
    }
}
