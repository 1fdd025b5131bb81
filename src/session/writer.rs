//! Writes the recording on a thread of its own, so that a slow disk delays neither the screen nor the load.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::{mpsc as async_mpsc, oneshot};

use crate::session::event::{Header, Recorded, SessionEvent};
use crate::session::recording::{RecordingWriter, WriteError};

/// Events that may wait for the disk: an hour of closed seconds. Beyond, events are lost, and said to be.
const QUEUE: usize = 4_096;

/// The state of the recording, whenever it changes: why it fails, or `None` when it works again.
pub(crate) type WriteStatus = Option<String>;

enum Job {
    Append(Box<Recorded>),
    Flush(oneshot::Sender<()>),
}

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
    ) -> Result<(Self, async_mpsc::Receiver<WriteStatus>), WriteError> {
        let writer = RecordingWriter::create(folder, header)?;
        let (jobs, todo) = sync_channel(QUEUE);
        let (status, statuses) = async_mpsc::channel(16);
        let reports = status.clone();
        let thread = std::thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || write(writer, &todo, &reports))
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
                    let _ = self.status.try_send(Some("the disk does not keep up; events are lost".to_owned()));
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

fn write(mut writer: RecordingWriter, todo: &Receiver<Job>, status: &async_mpsc::Sender<WriteStatus>) {
    let mut health = Health::default();
    for job in todo {
        let change = match job {
            Job::Append(recorded) => {
                let is_second = matches!(recorded.event, SessionEvent::Second(_));
                health.after(is_second, writer.append(&recorded))
            }
            Job::Flush(done) => {
                let result = writer.flush();
                let _ = done.send(());
                health.after(false, result)
            }
        };
        if let Some(change) = change {
            let _ = status.try_send(change);
        }
    }
    let _ = writer.flush();
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
                Some(None)
            }
            Err(error) if !self.failing => {
                self.failing = true;
                Some(Some(error.to_string()))
            }
            Ok(()) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::Settings;
    use crate::session::recording::RecordingReader;
    use scaletop_units::Elapsed;

    fn header() -> Header {
        Header::new(0, Settings::default())
    }

    fn mark(n: u64) -> Recorded {
        Recorded { at: Elapsed::from_secs(n), event: SessionEvent::Mark { text: n.to_string() } }
    }

    #[tokio::test]
    async fn what_is_handed_over_is_on_disk_once_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _statuses) = BackgroundWriter::start(folder.path(), &header()).unwrap();
        for n in 0..100 {
            writer.record(mark(n));
        }
        writer.flushed().await;
        assert_eq!(RecordingReader::open(folder.path()).unwrap().count(), 100);
    }

    #[test]
    fn a_recording_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        drop(BackgroundWriter::start(folder.path(), &header()).unwrap());
        assert!(matches!(BackgroundWriter::start(folder.path(), &header()), Err(WriteError::Create { .. })));
    }

    #[test]
    fn a_failure_is_said_once_and_over_only_when_a_second_is_on_disk() {
        let full = || Err(WriteError::Append(std::io::Error::from(std::io::ErrorKind::StorageFull)));
        let mut health = Health::default();
        assert_eq!(health.after(true, Ok(())), None);
        let said = health.after(true, full()).expect("it is said at once").expect("with the reason");
        assert!(said.contains("cannot write the recording"), "{said}");
        assert_eq!(health.after(false, Ok(())), None, "a line still fits, a second does not");
        assert_eq!(health.after(true, full()), None, "once is enough");
        assert_eq!(health.after(true, Ok(())), Some(None));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_said_at_once() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(RecordingWriter::new(full, &header()).is_err(), "the header alone shows it");
    }
}
