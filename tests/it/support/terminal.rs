//! A program in a pseudo terminal: keys in, screen out.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::deadline;

/// A program in a terminal of its own.
pub(crate) struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    /// All that was written to it.
    raw: Arc<Mutex<Vec<u8>>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    pub(crate) fn start(rows: u16, cols: u16, args: &[&str], folder: &Path) -> Self {
        Self::start_with(rows, cols, args, folder, &[("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")])
    }

    /// With what the environment says of the terminal.
    pub(crate) fn start_with(rows: u16, cols: u16, args: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_scaletop"));
        command.args(args);
        Self::spawn(rows, cols, command, folder, variables)
    }

    /// A shell with job control, in which programs can be started.
    pub(crate) fn shell(rows: u16, cols: u16, folder: &Path) -> Self {
        let mut command = CommandBuilder::new("bash");
        command.args(["--norc", "--noprofile", "-i"]);
        let variables = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8"), ("PS1", "shell> ")];
        Self::spawn(rows, cols, command, folder, &variables)
    }

    fn spawn(rows: u16, cols: u16, mut command: CommandBuilder, folder: &Path, variables: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        for (name, value) in variables {
            command.env(name, value);
        }
        command.env("HOME", folder);
        command.env_remove("XDG_CONFIG_HOME");
        // A backtrace would scroll the message away.
        command.env("RUST_BACKTRACE", "0");
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(cols), 0)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let seen = Arc::clone(&screen);
        // Ends with the terminal: the read fails when the child and the master are gone.
        let raw = Arc::new(Mutex::new(Vec::new()));
        let drawn = Arc::clone(&raw);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                drawn.lock().unwrap().extend_from_slice(&bytes[..n]);
                seen.lock().unwrap().process(&bytes[..n]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { screen, raw, keys, child, master: pair.master }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The moment that a person takes before the next key.
    #[expect(clippy::disallowed_methods, reason = "what comes at once is a text, and this is about keys")]
    pub(crate) fn pause() {
        std::thread::sleep(Duration::from_millis(300));
    }

    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        // First the screen, so that nothing drawn for the new size is cut off.
        self.screen().screen_mut().set_size(size(rows), size(cols));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// All that was written to it so far.
    pub(crate) fn drawn(&self) -> String {
        String::from_utf8_lossy(&self.raw.lock().unwrap()).into_owned()
    }

    pub(crate) fn text(&self) -> String {
        self.screen().screen().contents()
    }

    /// What is shown, as it is now.
    pub(crate) fn screen(&self) -> std::sync::MutexGuard<'_, vt100::Parser> {
        self.screen.lock().unwrap()
    }

    /// Waits until the screen satisfies `is_there`; panics with the screen when it does not in time.
    #[expect(clippy::disallowed_methods, reason = "a real terminal lives in real time; this polls it with a deadline")]
    pub(crate) fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + deadline();
        while !is_there(&self.text()) {
            assert!(Instant::now() < deadline, "{what} did not appear in time:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits for the program's end and returns its exit code.
    #[expect(clippy::disallowed_methods, reason = "a real program ends in real time; this polls it with a deadline")]
    pub(crate) fn ended(&mut self) -> u32 {
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
    pub(crate) fn assert_restored(&self) {
        self.wait("the shell's screen", |_| {
            let parser = self.screen();
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

/// A program whose terminal goes away: nobody reads what it draws.
pub(crate) struct Abandoned {
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Abandoned {
    pub(crate) fn start(args: &[&str], folder: &Path) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_scaletop"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("HOME", folder);
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        let keys = pair.master.take_writer().unwrap();
        Self { keys, child, master: pair.master }
    }

    /// Presses the keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Closes the terminal; the program's exit code, or `None` when it does not end.
    #[expect(clippy::disallowed_methods, reason = "a real program ends in real time; this polls it with a deadline")]
    pub(crate) fn hang_up(self) -> Option<u32> {
        let Self { keys, mut child, master } = self;
        drop((keys, master));
        let until = Instant::now() + deadline();
        while Instant::now() < until {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status.exit_code());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}
