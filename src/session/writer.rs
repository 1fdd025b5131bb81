//! Writes the recording on a thread of its own, so that a slow disk delays neither the screen nor the load. When the
//! session's folder is deleted or moved meanwhile, the recording goes on in another one, and nothing of it is lost: what was
//! written is read back from the open file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::{mpsc as async_mpsc, oneshot};

use crate::session::event::{Header, Recorded};
use crate::session::recording::{FILE_NAME, RecordingWriter, WriteError, event_line, header_line};

/// Events that may wait for the disk: an hour of closed seconds. Beyond, events are lost, and said to be.
const QUEUE: usize = 4_096;

/// The state of the recording, whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteStatus {
    /// It cannot be written, and why.
    Failing(String),
    /// It can be written again.
    Working,
    /// Its folder was deleted or moved; it goes on in this one, from its first line on.
    Moved(PathBuf),
    /// Somebody cut its file short: so many bytes of it are lost.
    Cut(u64),
}

/// Folders of the same name that are tried when the session's own is gone.
const MOST_SIBLINGS: u32 = 9;

enum Job {
    Append(Box<Recorded>),
    Flush(oneshot::Sender<()>),
}

/// Told every line that is handed over, on the writing thread, with its end; of a session that begins its header first.
pub(crate) type Mirror = Box<dyn FnMut(&[u8]) + Send>;

/// The handle of the writing thread.
#[derive(Debug)]
pub(crate) struct BackgroundWriter {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    status: async_mpsc::Sender<WriteStatus>,
    lost: u64,
}

impl BackgroundWriter {
    /// Creates the recording in `folder` and starts the thread. What happens to the recording later is said on the
    /// channel.
    pub(crate) fn start(
        folder: &Path,
        header: &Header,
        mut mirror: Option<Mirror>,
    ) -> Result<(Self, async_mpsc::Receiver<WriteStatus>), WriteError> {
        let writer = RecordingWriter::create(folder, header)?;
        let line = header_line(header)?;
        if let Some(mirror) = &mut mirror {
            mirror(&line);
        }
        Self::with(writer, folder, line, mirror)
    }

    /// Goes on with the recording in `folder`, which has this header.
    pub(crate) fn resume(
        folder: &Path,
        header: &Header,
        mirror: Option<Mirror>,
    ) -> Result<(Self, async_mpsc::Receiver<WriteStatus>), WriteError> {
        Self::with(RecordingWriter::resume(folder)?, folder, header_line(header)?, mirror)
    }

    fn with(
        writer: RecordingWriter,
        folder: &Path,
        header: Vec<u8>,
        mut mirror: Option<Mirror>,
    ) -> Result<(Self, async_mpsc::Receiver<WriteStatus>), WriteError> {
        let length = writer.file().metadata().map_err(WriteError::Append)?.len();
        let (jobs, todo) = sync_channel(QUEUE);
        let (status, statuses) = async_mpsc::channel(16);
        let reports = status.clone();
        let folder = folder.to_owned();
        let handed = writer.handed();
        let place = Place { writer, folder, header, length, handed, failed: false };
        let thread = std::thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || write(place, &mut mirror, &todo, &reports))
            .map_err(WriteError::Append)?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread), status, lost: 0 }, statuses))
    }

    /// Hands over an event. Never waits: when the disk is an hour behind, the event is lost, and that is said.
    pub(crate) fn record(&mut self, recorded: Recorded) {
        let Some(jobs) = &self.jobs else { return };
        match jobs.try_send(Job::Append(Box::new(recorded))) {
            Ok(()) => self.lost = 0,
            Err(TrySendError::Full(_)) => {
                self.lost += 1;
                if self.lost == 1 {
                    let _ = self
                        .status
                        .try_send(WriteStatus::Failing("the disk does not keep up; events are lost".to_owned()));
                }
            }
            // The thread only ends when it is told to.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Resolves when everything handed over so far is with the system, or has failed to get there.
    pub(crate) fn flushed(&self) -> impl Future<Output = ()> + use<> {
        let (done, flushed) = oneshot::channel();
        let asked = self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(Job::Flush(done)).is_ok());
        async move {
            if asked {
                let _ = flushed.await;
            }
        }
    }

    /// Writes what is left and ends the thread.
    pub(crate) fn finish(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for BackgroundWriter {
    fn drop(&mut self) {
        self.finish();
    }
}

fn write(
    mut place: Place,
    mirror: &mut Option<Mirror>,
    todo: &Receiver<Job>,
    status: &async_mpsc::Sender<WriteStatus>,
) {
    let mut health = Health::default();
    for job in todo {
        let change = match job {
            Job::Append(recorded) => {
                let closes = recorded.is_a_closing();
                let appended = event_line(&recorded).and_then(|line| {
                    if let Some(mirror) = mirror {
                        mirror(&line);
                    }
                    place.writer.append_line(line, closes)
                });
                place.failed |= appended.is_err();
                let kept = if closes { place.keep(status) } else { Ok(()) };
                health.after(closes, appended.and(kept))
            }
            Job::Flush(done) => {
                let result = place.writer.flush();
                place.failed |= result.is_err();
                let _ = done.send(());
                health.after(false, result)
            }
        };
        if let Some(change) = change {
            let _ = status.try_send(change);
        }
    }
    place.failed |= place.writer.flush().is_err();
    let _ = place.keep(status);
}

/// The recording and where it is.
struct Place {
    writer: RecordingWriter,
    folder: PathBuf,
    /// Its first line.
    header: Vec<u8>,
    /// How long the file was when it was last looked at, and what had been handed to the writer by then.
    length: u64,
    handed: u64,
    /// Whether something could not be written since.
    failed: bool,
}

impl Place {
    /// How many bytes somebody cut off since the last look, if any: a file that is only written to becomes longer by what is
    /// written. What waits to be written must be flushed.
    fn is_cut(&mut self) -> Result<Option<u64>, WriteError> {
        let length = self.writer.file().metadata().map_err(WriteError::Append)?.len();
        let before = std::mem::replace(&mut self.length, length);
        let more = self.writer.handed() - std::mem::replace(&mut self.handed, self.writer.handed());
        // Where writing failed, nobody knows how much of it is there.
        let expected = if std::mem::take(&mut self.failed) { before } else { before + more };
        Ok((length < expected).then(|| expected - length))
    }

    /// Makes sure that the file is still found where the session is, and goes on elsewhere when it is not.
    fn keep(&mut self, status: &async_mpsc::Sender<WriteStatus>) -> Result<(), WriteError> {
        if let Some(lost) = self.is_cut()? {
            self.writer.begin_with(&self.header).map_err(WriteError::Append)?;
            self.is_cut()?;
            let _ = status.try_send(WriteStatus::Cut(lost));
        }
        if is_found(self.writer.file(), &self.folder.join(FILE_NAME)) {
            return Ok(());
        }
        self.writer.flush()?;
        let mut failed = None;
        for folder in elsewhere(&self.folder) {
            match self.writer.go_on_in(&folder) {
                Ok(()) => {
                    self.folder.clone_from(&folder);
                    let _ = status.try_send(WriteStatus::Moved(folder));
                    return Ok(());
                }
                // The reason of the first one counts: the others are makeshifts.
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        Err(WriteError::Gone(failed.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
    }
}

/// Where a recording may go on whose folder is gone: the same place, one beside it, the system's for what is temporary.
fn elsewhere(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let name = folder.file_name().map_or_else(|| "session".into(), |name| name.to_string_lossy().into_owned());
    let temporary = std::env::temp_dir().join(&name);
    let beside = (2..=MOST_SIBLINGS).map({
        let folder = folder.to_owned();
        move |number| folder.with_file_name(format!("{name}-{number}"))
    });
    [folder.to_owned()].into_iter().chain(beside).chain([temporary])
}

/// Whether `path` leads to the open file.
fn is_found(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (open.dev(), open.ino()) == (named.dev(), named.ino())
    }
    #[cfg(not(unix))]
    {
        open.is_file() && named.is_file()
    }
}

/// Whether the recording works. What failed works again once a second is on disk: on a full one there may still be room for
/// a line, and a flush of nothing succeeds.
#[derive(Debug, Default)]
struct Health {
    failing: bool,
}

impl Health {
    /// What is to be said after a write, if anything changed.
    fn after(&mut self, is_second: bool, result: Result<(), WriteError>) -> Option<WriteStatus> {
        match result {
            Ok(()) if self.failing && is_second => {
                self.failing = false;
                Some(WriteStatus::Working)
            }
            Err(error) if !self.failing => {
                self.failing = true;
                Some(WriteStatus::Failing(error.to_string()))
            }
            Ok(()) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::{SessionEvent, Settings};
    use crate::session::recording::RecordingReader;
    use scaletop_units::Elapsed;

    fn header() -> Header {
        Header::new(0, Settings::default())
    }

    fn mark(n: u64) -> Recorded {
        Recorded::new(Elapsed::from_secs(n), SessionEvent::Mark { text: n.to_string() })
    }

    #[test]
    fn a_recording_is_gone_on_with_and_every_line_of_it_is_told_elsewhere_too() {
        let folder = tempfile::tempdir().unwrap();
        let (told, tells) = std::sync::mpsc::channel::<Vec<u8>>();
        let mirror = || {
            let told = told.clone();
            Some(Box::new(move |line: &[u8]| told.send(line.to_vec()).unwrap()) as Mirror)
        };
        let (mut writer, _statuses) = BackgroundWriter::start(folder.path(), &header(), mirror()).unwrap();
        writer.record(second(0));
        writer.finish();
        let (mut writer, mut statuses) = BackgroundWriter::resume(folder.path(), &header(), mirror()).unwrap();
        writer.record(second(1));
        writer.finish();
        assert!(statuses.try_recv().is_err(), "nothing of it was cut off");
        let written = fs::read(folder.path().join(FILE_NAME)).unwrap();
        assert_eq!(tells.try_iter().flatten().collect::<Vec<_>>(), written);
        let events: Vec<_> = RecordingReader::open(folder.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(events, [second(0), second(1)]);
    }

    #[tokio::test]
    async fn what_is_handed_over_is_on_disk_once_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _statuses) = BackgroundWriter::start(folder.path(), &header(), None).unwrap();
        for n in 0..100 {
            writer.record(mark(n));
        }
        writer.flushed().await;
        assert_eq!(RecordingReader::open(folder.path()).unwrap().count(), 100);
    }

    #[test]
    fn a_recording_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        drop(BackgroundWriter::start(folder.path(), &header(), None).unwrap());
        assert!(matches!(BackgroundWriter::start(folder.path(), &header(), None), Err(WriteError::Create { .. })));
    }

    fn second(n: u32) -> Recorded {
        let second = scaletop_load::Second::new(n, scaletop_units::ArrivalRate::PAUSED);
        Recorded::new(second.end(), SessionEvent::Second(Box::new(second)))
    }

    #[tokio::test]
    async fn a_folder_that_goes_is_noticed_with_the_next_second_and_nothing_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let (folder, away) = (home.path().join("session"), home.path().join("away"));
        fs::create_dir(&folder).unwrap();
        let (mut writer, mut statuses) = BackgroundWriter::start(&folder, &header(), None).unwrap();
        writer.record(mark(0));
        writer.record(second(0));
        writer.flushed().await;
        fs::rename(&folder, &away).unwrap();
        writer.record(second(1));
        assert_eq!(statuses.recv().await, Some(WriteStatus::Moved(folder.clone())));
        // The name is taken now by what is no folder: one beside it.
        fs::remove_dir_all(&folder).unwrap();
        fs::write(&folder, "in the way").unwrap();
        writer.record(second(2));
        let beside = home.path().join("session-2");
        assert_eq!(statuses.recv().await, Some(WriteStatus::Moved(beside.clone())));
        writer.record(mark(4));
        writer.finish();
        assert_eq!(RecordingReader::open(&beside).unwrap().count(), 5, "all events from the first on");
    }

    #[tokio::test]
    async fn a_recording_that_is_cut_short_is_noticed_with_the_next_second_and_stays_readable() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, mut statuses) = BackgroundWriter::start(folder.path(), &header(), None).unwrap();
        for n in 0..9 {
            writer.record(mark(n));
        }
        writer.record(second(0));
        writer.flushed().await;
        let file = fs::OpenOptions::new().write(true).open(folder.path().join(FILE_NAME)).unwrap();
        file.set_len(0).unwrap();
        writer.record(second(1));
        assert!(matches!(statuses.recv().await, Some(WriteStatus::Cut(lost)) if lost > 0));
        writer.record(second(2));
        writer.finish();
        assert_eq!(RecordingReader::open(folder.path()).unwrap().count(), 2, "what came since");
        assert!(statuses.try_recv().is_err(), "once is enough");
    }

    #[tokio::test]
    async fn a_recording_that_is_cut_by_less_than_a_second_adds_is_noticed_too() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, mut statuses) = BackgroundWriter::start(folder.path(), &header(), None).unwrap();
        let cut_to = |length: u64| {
            let file = fs::OpenOptions::new().write(true).open(folder.path().join(FILE_NAME)).unwrap();
            file.set_len(length).unwrap();
        };
        // All there is, before the first second, which is longer than that.
        cut_to(0);
        let mut long = second(0);
        if let SessionEvent::Second(second) = &mut long.event {
            second.failures = (0..40)
                .map(|n| scaletop_load::Failure {
                    kind: scaletop_load::OutcomeKind::Other,
                    phase: None,
                    cause: format!("a cause that takes some room, number {n}").into(),
                    count: 1,
                })
                .collect();
        }
        writer.record(long);
        assert!(matches!(statuses.recv().await, Some(WriteStatus::Cut(_))));
        writer.record(second(1));
        writer.flushed().await;
        let whole = fs::metadata(folder.path().join(FILE_NAME)).unwrap().len();
        cut_to(whole - 10);
        writer.record(second(2));
        assert_eq!(statuses.recv().await, Some(WriteStatus::Cut(10)));
        writer.record(second(3));
        writer.finish();
        assert_eq!(
            RecordingReader::open(folder.path()).unwrap().count(),
            2,
            "but for the line that was cut, and the next"
        );
        assert!(statuses.try_recv().is_err());
    }

    #[test]
    fn a_failure_is_said_once_and_over_only_when_a_second_is_on_disk() {
        let full = || Err(WriteError::Append(std::io::Error::from(std::io::ErrorKind::StorageFull)));
        let mut health = Health::default();
        assert_eq!(health.after(true, Ok(())), None);
        let said = health.after(true, full()).expect("it is said at once");
        assert!(matches!(&said, WriteStatus::Failing(why) if why.contains("cannot write the recording")), "{said:?}");
        assert_eq!(health.after(false, Ok(())), None, "a line still fits, a second does not");
        assert_eq!(health.after(true, full()), None, "once is enough");
        assert_eq!(health.after(true, Ok(())), Some(WriteStatus::Working));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_said_at_once() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(RecordingWriter::new(full, &header()).is_err(), "the header alone shows it");
    }
}
