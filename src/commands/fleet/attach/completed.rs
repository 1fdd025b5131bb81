//! A session of which nobody is left: completed from what its generators had stored.

use std::path::Path;

use scaletop_load::RateProfile;
use scaletop_units::{GeneratorChange, GeneratorEvent};

use super::{Past, left_out};
use crate::app::live::Finished;
use crate::app::state::{Live, State};
use crate::cli::Format;
use crate::commands::fleet_load::Carrier;
use crate::commands::{CommandError, drive, outcome};
use crate::export::export;
use crate::session::event::{COMPLETED, Notice, NoticeLevel, RateCause, RateChange, Recorded, SessionEvent};
use crate::session::recording::RecordingReader;
use crate::session::writer::{BackgroundWriter, Mirror};

/// Completes a session of which no generator is there any more, from what they had stored.
/// `missing`: parts of its recording that were not kept.
pub(super) fn complete(past: &Past, missing: u64, folder: &Path, carrier: Carrier) -> Result<u8, CommandError> {
    let live = Live::new(drive::SPIKE_RATE);
    let recorded = RecordingReader::open(folder)?.map_while(Result::ok);
    let mut state = State::live(past.header.clone(), live).in_folder(folder.to_owned()).after(recorded);
    let mirror = carrier.record.map(|record| Box::new(move |line: &[u8]| record.add(line)) as Mirror);
    let (mut writer, _) = BackgroundWriter::resume(folder, &past.header, mirror)?;
    let mut events = Vec::new();
    if state.session().rate().1 != RateProfile::PAUSED {
        let stop = RateChange { profile: RateProfile::PAUSED, cause: RateCause::Stop, stage: None, unmet_start: None };
        events.push(Recorded::new(past.at, SessionEvent::Rate(stop)));
    }
    let mut at = past.at;
    for second in scaletop_fleet::rest(&past.resumed) {
        at = at.max(second.end());
        events.push(Recorded::new(second.end(), SessionEvent::Second(Box::new(second))));
    }
    for id in past.resumed.there.iter().cloned() {
        let why = Some("no generator was there any more when the session was completed".to_owned());
        let change = GeneratorChange::Lost;
        events.push(Recorded::new(at, SessionEvent::Generator(GeneratorEvent { id, change, why })));
    }
    let text = format!(
        "nobody led this session after {}, and none of its generators was there any more: it was completed from what they had stored{}",
        past.at,
        left_out(missing, past.damage)
    );
    events.push(Recorded::new(at, SessionEvent::Notice(Notice { level: NoticeLevel::Warning, text })));
    events.push(Recorded::new(at, SessionEvent::Ended { reason: COMPLETED.to_owned() }));
    for event in &events {
        writer.record(event.clone());
    }
    writer.finish();
    drop((carrier.link, carrier.keep));
    state = state.after(events);
    let mut finished = Finished { state, exported: Some(export(folder)), signal: None, not_pushed: None };
    outcome::write_session(&finished, Format::Text)?;
    outcome::write_place(&mut finished, Format::Text)?;
    Ok(outcome::exit_code(None, finished.state.halves()))
}
