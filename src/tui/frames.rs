//! Writes frames on a thread of its own, so that a terminal that stalls (a paused one, a slow link) stalls nothing else.
//!
//! Drawing fills a buffer; its flush hands the bytes over. While the thread is still busy with them, [`Frames::is_idle`] is
//! false and no new frame should be begun: frames are skipped, never queued up. On a line that is seen to be slow
//! ([`super::line`]) it stays false until what was written has arrived.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::tui::line::Line;

/// Bytes that are written at once: how long they wait tells how fast the line is.
pub(crate) const PIECE: usize = 512;

/// How long the end waits for a terminal that takes nothing.
const END_PATIENCE: Duration = Duration::from_millis(500);

/// What the thread and its users share.
#[derive(Debug)]
struct Progress {
    pending: AtomicUsize,
    failed: AtomicBool,
    /// A frame is being drawn: what is flushed meanwhile is a part of it.
    drawing: AtomicBool,
    line: Mutex<Line>,
    opened: Instant,
}

impl Progress {
    #[expect(clippy::disallowed_methods, reason = "how long a write takes is measured here, and nowhere else")]
    fn now(opened: Option<Instant>) -> (Instant, Duration) {
        let now = Instant::now();
        (now, opened.map_or(Duration::ZERO, |opened| now.saturating_duration_since(opened)))
    }

    fn new() -> Self {
        let (opened, _) = Self::now(None);
        let no = AtomicBool::default;
        Self { pending: AtomicUsize::default(), failed: no(), drawing: no(), line: Mutex::default(), opened }
    }

    /// Since the line was opened.
    fn elapsed(&self) -> Duration {
        Self::now(Some(self.opened)).1
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        // Numbers are whole whoever panicked.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at how the writing goes.
#[derive(Clone, Debug)]
pub(crate) struct Frames(Arc<Progress>);

impl Frames {
    /// Whether a frame can go now: everything handed over is written, and has arrived as far as that can be known. `is_asked`:
    /// somebody has pressed a key and waits for it.
    pub(crate) fn is_free(&self, is_asked: bool) -> bool {
        self.is_idle() && self.0.line().is_free(self.0.elapsed(), is_asked)
    }

    /// How many bytes a frame may have on this line; `None` where that does not matter.
    pub(crate) fn budget(&self) -> Option<usize> {
        self.0.line().budget()
    }

    /// A frame begins, or ends: it is handed over whole.
    pub(crate) fn set_drawing(&self, is_drawing: bool) {
        self.0.drawing.store(is_drawing, Ordering::Release);
    }

    /// Everything will be drawn anew: what was known of the line is not, any more.
    pub(crate) fn forget_line(&self) {
        self.0.line().forget();
    }

    /// Whether everything handed over is written.
    fn is_idle(&self) -> bool {
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
    /// What a frame is in which nothing changed: it is not written.
    nothing: Vec<u8>,
    frames: Option<Sender<Vec<u8>>>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl FrameWriter {
    /// Starts the thread that writes to `out`; `nothing` is a frame in which nothing changed.
    pub(crate) fn new(out: impl Write + Send + 'static, nothing: Vec<u8>) -> io::Result<(Self, Frames)> {
        let (frames, todo) = channel();
        let progress = Arc::new(Progress::new());
        let shared = Arc::clone(&progress);
        let thread = std::thread::Builder::new().name("frames".to_owned()).spawn(move || write(out, &todo, &shared))?;
        let watch = Frames(Arc::clone(&progress));
        Ok((Self { frame: Vec::new(), nothing, frames: Some(frames), progress, thread: Some(thread) }, watch))
    }
}

fn write(mut out: impl Write, todo: &Receiver<Vec<u8>>, progress: &Progress) {
    for frame in todo {
        if in_pieces(&mut out, &frame, progress).is_err() {
            progress.failed.store(true, Ordering::Release);
        }
        progress.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Writes a frame, and notes how long the line takes.
fn in_pieces(out: &mut impl Write, frame: &[u8], progress: &Progress) -> io::Result<()> {
    progress.line().begins(frame.len());
    for piece in frame.chunks(PIECE) {
        let began = progress.elapsed();
        out.write_all(piece).and_then(|()| out.flush())?;
        progress.line().wrote(piece.len(), began, progress.elapsed());
    }
    Ok(())
}

impl Write for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.progress.drawing.load(Ordering::Acquire) || self.frame.is_empty() {
            return Ok(());
        }
        if self.frame == self.nothing {
            self.frame.clear();
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
        let (mut writer, frames) = FrameWriter::new(Stalled(wait, Arc::clone(&shown)), Vec::new()).unwrap();
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
    fn a_frame_is_handed_over_whole_and_one_in_which_nothing_changed_is_not() {
        let (go, wait) = sync_channel(8);
        let shown = Arc::default();
        let (mut writer, frames) = FrameWriter::new(Stalled(wait, Arc::clone(&shown)), b"<>".to_vec()).unwrap();
        for content in ["", "content", ""] {
            frames.set_drawing(true);
            writer.write_all(format!("<{content}").as_bytes()).unwrap();
            writer.flush().unwrap();
            assert!(frames.is_idle(), "a part of a frame is none");
            frames.set_drawing(false);
            writer.write_all(b">").unwrap();
            writer.flush().unwrap();
            assert_eq!(frames.is_idle(), content.is_empty());
            if !content.is_empty() {
                go.send(()).unwrap();
                frames.wait();
            }
        }
        drop(writer);
        assert_eq!(*shown.lock().unwrap(), b"<content>");
    }

    #[test]
    fn a_terminal_that_is_gone_is_noticed() {
        let (go, wait) = sync_channel::<()>(1);
        drop(go);
        let (mut writer, frames) = FrameWriter::new(Stalled(wait, Arc::default()), Vec::new()).unwrap();
        writer.write_all(b"frame").unwrap();
        writer.flush().unwrap();
        drop(writer);
        assert!(frames.has_failed());
    }
}
