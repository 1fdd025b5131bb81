//! The real binary in a real (pseudo) terminal: keys in, screen out, and the shell gets its terminal back.
//!
//! Every wait is for a text on the screen with a generous deadline, `SCALETOP_TEST_DEADLINE_S` seconds (60).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here, with the reason")]
#![cfg(unix)]

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A program in a terminal of its own.
struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    fn start(rows: u16, cols: u16, args: &[&str], folder: &Path) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_scaletop"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("HOME", folder);
        // A backtrace would scroll the message away.
        command.env("RUST_BACKTRACE", "0");
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(cols), 0)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let seen = Arc::clone(&screen);
        // Ends with the terminal: the read fails when the child and the master are gone.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                seen.lock().unwrap().process(&bytes[..n]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { screen, keys, child, master: pair.master }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        // First the screen, so that nothing drawn for the new size is cut off.
        self.screen.lock().unwrap().screen_mut().set_size(size(rows), size(cols));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen satisfies `is_there`; panics with the screen when it does not in time.
    #[expect(clippy::disallowed_methods, reason = "a real terminal lives in real time; this polls it with a deadline")]
    fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + deadline();
        while !is_there(&self.text()) {
            assert!(Instant::now() < deadline, "{what} did not appear in time:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits for the program's end and returns its exit code.
    #[expect(clippy::disallowed_methods, reason = "a real program ends in real time; this polls it with a deadline")]
    fn ended(&mut self) -> u32 {
        let deadline = Instant::now() + deadline();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "the program did not end in time:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The alternate screen is left, the cursor is visible again.
    fn assert_restored(&self) {
        self.wait("the shell's screen", |_| {
            let parser = self.screen.lock().unwrap();
            !parser.screen().alternate_screen() && !parser.screen().hide_cursor()
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(cells: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(cells).unwrap()
}

fn deadline() -> Duration {
    let secs = std::env::var("SCALETOP_TEST_DEADLINE_S").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(secs.unwrap_or(60))
}

const DEMO: [&str; 9] =
    ["demo", "--cold-start", "1s", "--spike-rate", "300", "--scale-in-after", "60s", "--out", "session"];

#[test]
fn keys_drive_the_load_and_quitting_writes_the_session_and_gives_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(24, 80, &DEMO, folder.path());
    terminal.wait_for("Overview");
    terminal.press("1");
    terminal.wait_for("50/s");
    terminal.press("s");
    terminal.wait_for("300/s");
    terminal.press("m");
    terminal.wait_for("mark 1");
    terminal.press("?");
    terminal.wait_for("ramp to a rate");
    terminal.press("?");
    terminal.wait("the end of the help", |screen| !screen.contains("ramp to a rate"));
    terminal.press("g4x2\r");
    terminal.wait_for("not a rate");
    // Escape on its own: together with what follows it would be an Alt key.
    terminal.press("\x1b");
    terminal.wait("the end of the prompt", |screen| !screen.contains("not a rate"));
    terminal.press("\t");
    terminal.wait_for("Latency");
    terminal.press("e");
    terminal.wait_for("wrote");
    terminal.resize(40, 120);
    terminal.press("\t\t\t\t");
    terminal.wait_for("Overview");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    terminal.assert_restored();
    assert!(terminal.text().contains("files:"), "the summary stays on the terminal:\n{}", terminal.text());
    for file in ["recording.jsonl", "timeline.csv", "cohorts.csv", "steps.csv", "instances.csv", "events.csv"] {
        assert!(folder.path().join("session").join(file).is_file(), "{file} is missing");
    }
}

#[test]
fn ctrl_c_quits_and_gives_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &DEMO, folder.path());
    terminal.wait_for("Overview");
    terminal.press("\x03");
    assert_eq!(terminal.ended(), 0);
    terminal.assert_restored();
}

#[test]
fn a_panic_gives_the_terminal_back_and_leaves_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut args = DEMO.to_vec();
    args.push("--panic-after");
    args.push("500ms");
    let mut terminal = Terminal::start(24, 80, &args, folder.path());
    assert_ne!(terminal.ended(), 0);
    terminal.assert_restored();
    terminal.wait_for("panicked");
}

#[test]
fn too_small_a_window_says_so_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(10, 40, &DEMO, folder.path());
    terminal.wait_for("60");
    terminal.resize(24, 80);
    terminal.wait_for("Overview");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}
