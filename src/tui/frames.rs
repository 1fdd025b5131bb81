//! Writes frames on a thread of its own, so that a terminal that stalls (a paused one, a slow link) stalls nothing else.
//!
//! Drawing fills a buffer; its flush hands the bytes over. While the thread is still busy with them, [`Frames::is_idle`] is
//! false and no new frame should be begun: frames are skipped, never queued up.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the end waits for a terminal that takes nothing.
const END_PATIENCE: Duration = Duration::from_millis(500);

/// What the thread and its users share.
#[derive(Debug, Default)]
struct Progress {
    pending: AtomicUsize,
    failed: AtomicBool,
}

/// Looks at how the writing goes.
#[derive(Clone, Debug)]
pub(crate) struct Frames(Arc<Progress>);

impl Frames {
    /// Whether everything handed over is written.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.pending.load(Ordering::Acquire) == 0
    }

    /// Waits until everything handed over is written, but not for a terminal that takes nothing.
    pub(crate) fn wait(&self) {
        wait_for(|| self.is_idle());
    }

    /// Whether the terminal is gone.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::Acquire)
    }
}

/// Collects what is written, and hands it over when it is flushed.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    frame: Vec<u8>,
    frames: Option<Sender<Vec<u8>>>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl FrameWriter {
    /// Starts the thread that writes to `out`.
    pub(crate) fn new(out: impl Write + Send + 'static) -> io::Result<(Self, Frames)> {
        let (frames, todo) = channel();
        let progress = Arc::new(Progress::default());
        let shared = Arc::clone(&progress);
        let thread = std::thread::Builder::new().name("frames".to_owned()).spawn(move || write(out, &todo, &shared))?;
        let watch = Frames(Arc::clone(&progress));
        Ok((Self { frame: Vec::new(), frames: Some(frames), progress, thread: Some(thread) }, watch))
    }
}

fn write(mut out: impl Write, todo: &Receiver<Vec<u8>>, progress: &Progress) {
    for frame in todo {
        if out.write_all(&frame).and_then(|()| out.flush()).is_err() {
            progress.failed.store(true, Ordering::Release);
        }
        progress.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Write for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = std::mem::take(&mut self.frame);
        self.progress.pending.fetch_add(1, Ordering::AcqRel);
        match &self.frames {
            Some(frames) if frames.send(frame).is_ok() => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for FrameWriter {
    /// Lets the thread finish; a terminal that takes nothing is not waited for long.
    fn drop(&mut self) {
        let _ = self.flush();
        drop(self.frames.take());
        let Some(thread) = self.thread.take() else { return };
        wait_for(|| thread.is_finished());
    }
}

/// Waits for the thread that writes, but not for long.
fn wait_for(is_done: impl Fn() -> bool) {
    let step = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    while !is_done() && waited < END_PATIENCE {
        std::thread::park_timeout(step);
        waited += step;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    /// A terminal that takes a frame only when it is told to.
    struct Stalled(Receiver<()>, Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_terminal_blocks_nobody_and_is_seen_to_be_busy() {
        let (go, wait) = sync_channel(8);
        let shown = Arc::default();
        let (mut writer, frames) = FrameWriter::new(Stalled(wait, Arc::clone(&shown))).unwrap();
        assert!(frames.is_idle());
        writer.write_all(b"frame").unwrap();
        writer.flush().unwrap();
        assert!(!frames.is_idle(), "nothing has been taken yet, and yet we are here");
        go.send(()).unwrap();
        drop(writer);
        assert!(frames.is_idle());
        assert_eq!(*shown.lock().unwrap(), b"frame");
    }

    #[test]
    fn a_terminal_that_is_gone_is_noticed() {
        let (go, wait) = sync_channel::<()>(1);
        drop(go);
        let (mut writer, frames) = FrameWriter::new(Stalled(wait, Arc::default())).unwrap();
        writer.write_all(b"frame").unwrap();
        writer.flush().unwrap();
        drop(writer);
        assert!(frames.has_failed());
    }
}
