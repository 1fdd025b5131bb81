//! What is written is read back; what is damaged, alien or of another version is told apart.

use super::*;
use crate::session::event::{Settings, Side};
use scaletop_load::Second;
use scaletop_units::ArrivalRate;

fn header() -> Header {
    Header { writer: "scaletop test".into(), ..Header::new(0, Settings::default()) }
}

fn second(index: u32) -> Recorded {
    let second = Second::new(index, ArrivalRate::new(5));
    Recorded::new(second.end(), SessionEvent::Second(Box::new(second)))
}

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
    folder
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(folder.path(), &header()).unwrap();
    writer.append(&second(0)).unwrap();
    writer
        .append(&Recorded::new(Elapsed::from_millis(1500), SessionEvent::Mark { text: "a \"mark\"\n".into() }))
        .unwrap();
    writer.append(&second(1)).unwrap();
    let mut reader = RecordingReader::open(folder.path()).unwrap();
    assert_eq!(reader.header(), &header());
    let events: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2], second(1));
    assert_eq!(reader.damage(), Damage::default());
}

#[test]
fn leaving_out_seconds_leaves_out_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(folder.path(), &header()).unwrap();
    let mark = SessionEvent::Mark { text: "m".into() };
    writer.append(&second(0)).unwrap();
    writer.append(&Recorded::new(Elapsed::from_millis(1_500), mark.clone())).unwrap();
    writer.append(&second(1)).unwrap();
    let mut reader = RecordingReader::open(folder.path()).unwrap();
    let read: Vec<_> = std::iter::from_fn(|| reader.next_but_seconds().unwrap()).collect();
    let at = Elapsed::from_millis;
    assert_eq!(read, [(at(1_000), None), (at(1_500), Some(mark)), (at(2_000), None)]);
}

#[test]
fn reading_goes_on_at_any_place_that_was_noted() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(folder.path(), &header()).unwrap();
    (0..5).for_each(|index| writer.append(&second(index)).unwrap());
    let mut reader = RecordingReader::open(folder.path()).unwrap();
    let mut places = vec![reader.offset()];
    while reader.next_event().unwrap().is_some() {
        places.push(reader.offset());
    }
    for (from, &place) in places.iter().enumerate().rev() {
        reader.resume_at(place).unwrap();
        let rest: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
        assert_eq!(rest, (from..5).map(|index| second(u32::try_from(index).unwrap())).collect::<Vec<_>>());
    }
}

#[test]
fn a_closed_second_is_on_disk_before_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(folder.path(), &header()).unwrap();
    writer.append(&second(0)).unwrap();
    // As after kill -9: the writer is never dropped, so nothing else is flushed.
    std::mem::forget(writer);
    assert_eq!(RecordingReader::open(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_torn_last_line_is_left_out_and_named() {
    let whole = serde_json::to_string(&second(0)).unwrap();
    let text = format!("{}\n{whole}\n{}", serde_json::to_string(&header()).unwrap(), &whole[..whole.len() / 2]);
    let folder = folder_with(&text);
    let mut reader = RecordingReader::open(folder.path()).unwrap();
    assert_eq!(reader.by_ref().count(), 1);
    assert!(reader.damage().torn_end);
    assert!(reader.damage().describe().unwrap().contains("cut off"));
}

#[test]
fn a_damaged_line_within_is_skipped_and_counted() {
    let whole = serde_json::to_string(&second(0)).unwrap();
    let text = format!("{}\n{whole}\n{{\"at\":\n{whole}\n", serde_json::to_string(&header()).unwrap());
    let folder = folder_with(&text);
    let mut reader = RecordingReader::open(folder.path()).unwrap();
    assert_eq!(reader.by_ref().count(), 2);
    assert_eq!(reader.damage(), Damage { torn_end: false, skipped_lines: 1 });
}

#[test]
fn an_alien_a_newer_an_empty_and_a_missing_file_are_told_apart() {
    let open = |text: &str| RecordingReader::open(folder_with(text).path()).unwrap_err();
    assert!(matches!(open("hello\n"), ReadError::Alien { .. }));
    assert!(matches!(open("{\"a\":1}\n"), ReadError::Alien { .. }));
    assert!(matches!(open("{\"version\":99,\"writer\":\"scaletop 9\"}\n"), ReadError::Version { found: 99, .. }));
    assert!(matches!(open(""), ReadError::NoHeader { .. }));
    assert!(matches!(open("{\"version\":1,"), ReadError::NoHeader { .. }));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(RecordingReader::open(empty.path()).unwrap_err(), ReadError::NotASession { .. }));
    assert!(matches!(RecordingReader::open(&empty.path().join("x.jsonl")).unwrap_err(), ReadError::Io { .. }));
}

#[test]
fn a_full_disk_is_reported_and_the_next_line_starts_clean() {
    /// Accepts `room` bytes, then fails until `room` is raised.
    #[derive(Debug)]
    struct Disk {
        room: std::rc::Rc<std::cell::Cell<usize>>,
        written: std::rc::Rc<std::cell::RefCell<Vec<u8>>>,
    }
    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room.get());
            if fits == 0 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            self.room.set(self.room.get() - fits);
            self.written.borrow_mut().extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let room = std::rc::Rc::new(std::cell::Cell::new(100_000));
    let written = std::rc::Rc::default();
    let disk = Disk { room: room.clone(), written: std::rc::Rc::clone(&written) };
    let mut writer = RecordingWriter::new(disk, &header()).unwrap();
    writer.append(&second(0)).unwrap();
    room.set(20);
    assert!(matches!(writer.append(&second(1)), Err(WriteError::Append(_))));
    room.set(100_000);
    writer.append(&second(2)).unwrap();
    let folder = folder_with(&String::from_utf8(written.borrow().clone()).unwrap());
    let mut reader = RecordingReader::open(folder.path()).unwrap();
    let kept: Vec<_> = reader.by_ref().map(|e| e.unwrap().at.second()).collect();
    assert!(kept.contains(&1) && kept.contains(&3), "seconds that ended at 1 and 3 s survive: {kept:?}");
}

#[test]
fn a_change_of_the_objective_is_written_as_people_can_read_it_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::create(folder.path(), &header()).unwrap();
    let slo = crate::slo::Slo { errors: 0.005, ..crate::slo::Slo::default() };
    let changed = Recorded { at: Elapsed::from_millis(1_500), side: None, event: SessionEvent::Objective(slo) };
    writer.append(&changed).unwrap();
    writer.flush().unwrap();
    let text = std::fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
    assert!(text.contains("\"objective\":{\"quantile\":0.99,"), "{text}");
    assert_eq!(RecordingReader::open(folder.path()).unwrap().next_event().unwrap(), Some(changed));
}

#[test]
fn the_version_before_is_read_as_ever() {
    let text = serde_json::to_string(&Header { version: FORMAT_VERSION - 1, ..header() }).unwrap();
    let folder = folder_with(&format!("{text}\n"));
    assert_eq!(RecordingReader::open(folder.path()).unwrap().header().version, FORMAT_VERSION - 1);
}

#[test]
fn of_two_targets_each_half_reads_as_a_session_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let of = |target: &str| Settings { target: target.to_owned(), ..Settings::default() };
    let header = Header::new(0, of("demo:apprunner")).beside(of("demo:ecs"));
    let mut writer = RecordingWriter::create(folder.path(), &header).unwrap();
    let mark = |text: &str| SessionEvent::Mark { text: text.to_owned() };
    let events = [(None, "both"), (Some(Side::First), "first"), (Some(Side::Second), "second"), (None, "both again")];
    for (at, (side, text)) in (1..).zip(events) {
        writer.append(&Recorded { at: Elapsed::from_secs(at), side, event: mark(text) }).unwrap();
    }
    writer.flush().unwrap();
    let read = |reader: RecordingReader| {
        let target = reader.header().settings.target.clone();
        let texts: Vec<_> = reader
            .map(|recorded| match recorded.unwrap().event {
                SessionEvent::Mark { text } => text,
                other => panic!("{other:?}"),
            })
            .collect();
        (target, texts)
    };
    let half = |side| read(RecordingReader::open_half(folder.path(), side).unwrap());
    let first = ["both", "first", "both again"].map(str::to_owned).to_vec();
    assert_eq!(half(Side::First), ("demo:apprunner".to_owned(), first.clone()));
    assert_eq!(read(RecordingReader::open(folder.path()).unwrap()).1, first, "unless somebody asks for more");
    let second = ["both", "second", "both again"].map(str::to_owned).to_vec();
    assert_eq!(half(Side::Second), ("demo:ecs".to_owned(), second));
    assert_eq!(read(RecordingReader::open_whole(folder.path()).unwrap()).1.len(), 4);
}
