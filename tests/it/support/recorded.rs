//! A session that is on disk already.

use std::path::Path;
use std::time::Duration;

use scaletop::{Header, RateCause, RateChange, Recorded, RecordingWriter, SessionEvent, Settings};
use scaletop_load::{OutcomeKind, RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed};

/// A recorded session of two minutes: 5 requests a second, from 0:30 on 20, from 1:00 on 10, each answered within 80 ms.
pub(crate) fn recorded(folder: &Path) {
    let settings = Settings { target: "http://recorded.test/".to_owned(), ..Settings::default() };
    let header = Header::new(1_764_000_000_000_000, settings);
    std::fs::create_dir(folder).unwrap();
    let mut recording = RecordingWriter::create(folder, &header).unwrap();
    let mut append = |at: Elapsed, event: SessionEvent| recording.append(&Recorded::new(at, event)).unwrap();
    let mut rate = 0;
    for index in 0..120_u32 {
        let start = Elapsed::from_secs(u64::from(index));
        if let Some(next) = [(0, 5), (30, 20), (60, 10)].iter().find(|(at, _)| *at == index).map(|(_, rate)| *rate) {
            rate = next;
            let profile = RateProfile::Constant(ArrivalRate::new(rate));
            append(
                start,
                SessionEvent::Rate(RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None }),
            );
        }
        let mut second = Second::new(index, ArrivalRate::new(rate));
        let part = second.part_mut(index);
        (part.due, part.sent) = (u64::from(rate), u64::from(rate));
        for _ in 0..rate {
            part.outcomes.add(OutcomeKind::Ok);
            part.ok.record(Duration::from_millis(80));
            part.service.record(Duration::from_millis(80));
        }
        append(second.end(), SessionEvent::Second(Box::new(second)));
    }
    append(Elapsed::from_secs(120), SessionEvent::Ended { reason: "the user quit".to_owned() });
}
