//! The files of a session without a folder, for fuzzing: the same rows and pages, in memory.

use crate::export::columns;
use crate::export::late::LateCounts;
use crate::export::summary::json;
use crate::report::{self, HeatMap, ReportInput, Series};
use crate::session::event::{Header, Recorded, SessionEvent};
use crate::session::recording::Damage;
use crate::session::state::Session;

/// What would stand in the folder.
pub(crate) struct Exported {
    pub session: Session,
    /// The CSV files with their names.
    pub csv: Vec<(&'static str, Vec<u8>)>,
    pub summary: String,
    pub report: String,
}

/// The session of `events`, and its files.
pub(crate) fn export(header: Header, events: &[Recorded]) -> Exported {
    let mut session = Session::new(header);
    let late = LateCounts::default();
    let end = events.iter().map(|event| event.at.second()).max().unwrap_or(0);
    let (mut series, mut heat) = (Series::for_length(end), HeatMap::for_length(end));
    let (mut timeline, mut told) = (vec![owned(&columns::TIMELINE)], vec![owned(&columns::EVENTS)]);
    for recorded in events {
        session.apply(recorded.at, &recorded.event);
        if let SessionEvent::Second(second) = &recorded.event {
            if let Some(row) = session.timeline().latest().filter(|row| row.second == second.index) {
                timeline.push(columns::row(&session, row, &late));
                series.push(row, columns::counts(&session, row.second, &late));
            }
            if let Some(column) = session.timeline().heat().back().filter(|column| column.second == second.index) {
                heat.push(column);
            }
        }
        told.extend(columns::event(&session, recorded));
    }
    let mut cohorts = vec![owned(&columns::cohorts())];
    cohorts.extend(session.timeline().cohorts().iter().map(|cohort| columns::cohort(&session, cohort, &late)));
    let mut steps = vec![columns::steps()];
    steps.extend(session.steps().iter().map(columns::step));
    let mut instances = vec![owned(&columns::INSTANCES)];
    instances.extend(columns::instances_seen(&session));
    let csv = [
        ("timeline.csv", timeline),
        ("cohorts.csv", cohorts),
        ("events.csv", told),
        ("steps.csv", steps),
        ("instances.csv", instances),
    ];
    let damage = Damage::default();
    let report = report::html(&ReportInput { session: &session, series: &series, heat: &heat, damage, is_live: false });
    Exported {
        csv: csv.into_iter().map(|(name, rows)| (name, written(&rows))).collect(),
        summary: json::text(&session, damage),
        report,
        session,
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn written(rows: &[Vec<String>]) -> Vec<u8> {
    let mut out = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory fails only for a row of another length, which whoever reads the file finds.
        let _ = out.write_record(row);
    }
    out.into_inner().unwrap_or_default()
}
