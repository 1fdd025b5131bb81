//! The real binary in a real (pseudo) terminal: keys in, screen out, and the shell gets its terminal back.
//!
//! Every wait is for a text on the screen, with a generous deadline.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use scaletop::{Recorded, SessionEvent};

use crate::support::program::{service, url};
use crate::support::recorded::recorded;
use crate::support::terminal::{Abandoned, Terminal};
use crate::support::{turn, wait_until};

pub(crate) const DEMO: [&str; 9] =
    ["demo", "--cold-start", "1s", "--spike-rate", "300", "--scale-in-after", "60s", "--out", "session"];

#[test]
fn keys_drive_the_load_and_quitting_writes_the_session_and_gives_the_terminal_back() {
    let _turn = turn();
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
fn what_is_pasted_is_never_keys_and_those_of_other_layouts_are() {
    let _turn = turn();
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &DEMO, home.path());
    terminal.wait_for("Overview");
    assert!(terminal.drawn().contains("\u{1b}[?2004h"), "the terminal is asked to mark what is pasted");
    terminal.press("\u{1b}[200~https://example.com/s/9?e=q\u{1b}[201~");
    terminal.wait_for("pasting does nothing");
    // From a terminal that does not mark it.
    terminal.press("https://example.com/s/9?e=q");
    Terminal::pause();
    terminal.press("~");
    terminal.wait_for("no such key: ? helps");
    // Into a prompt it is typed, and waits for Enter however many line ends it has.
    terminal.press(":");
    terminal.wait_for("ramp  rate");
    terminal.press("\u{1b}[200~rate 250\rsss\r\n\u{1b}[201~");
    terminal.wait_for(":rate 250 sss");
    terminal.press("\u{1b}");
    terminal.wait("the end of the prompt", |screen| !screen.contains(":rate 250"));
    // An answer of the terminal that comes late: it holds digits, and those are rates.
    terminal.press("\u{1b}]11;rgb:1111/2222/3333\u{1b}\\");
    Terminal::pause();
    terminal.press("ы");
    terminal.wait_for("300/s");
    terminal.press("й");
    assert_eq!(terminal.ended(), 0);
    terminal.assert_restored();
    let events = std::fs::read_to_string(home.path().join("session/events.csv")).unwrap();
    let rates = events.lines().filter(|line| line.contains(",rate,")).count();
    assert!(rates <= 3 && !events.contains("mark") && !events.contains("900"), "start, spike, stop: {events}");
    assert!(!events.contains("250"), "{events}");
}

#[test]
fn the_screen_follows_what_the_terminal_can_show_and_the_background_it_has() {
    let _turn = turn();
    let is_braille = |ch: char| ('\u{2801}'..='\u{28ff}').contains(&ch);
    for (variables, args) in [
        (&[("TERM", "linux"), ("LC_ALL", "C.UTF-8")][..], &[][..]),
        (&[("TERM", "xterm-256color"), ("LC_ALL", "C")], &[]),
        (&[("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")], &["--glyphs", "ascii"]),
        // Its earlier name.
        (&[("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")], &["--symbols", "block"]),
    ] {
        let home = tempfile::tempdir().unwrap();
        let args = [&DEMO[..], &["--rate", "20"], args].concat();
        let mut terminal = Terminal::start_with(40, 120, &args, home.path(), variables);
        terminal.wait_for("20/s");
        terminal.wait_for("0:02");
        terminal.press("q");
        terminal.ended();
        assert!(!terminal.drawn().contains(is_braille), "{variables:?}");
    }
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &[&DEMO[..], &["--rate", "20"]].concat(), home.path());
    terminal.wait("the question for the background", |_| terminal.drawn().contains("\u{1b}]11;?"));
    // The background, how wide the probe is, and what ends the waiting.
    terminal.press("\u{1b}]11;rgb:ffff/ffff/ffff\u{1b}\\\u{1b}[1;2R\u{1b}[?62c");
    terminal.wait_for("0:02");
    terminal.press("q");
    terminal.ended();
    assert!(terminal.drawn().contains(is_braille));
    // The light theme's titles, in the 256 colours: nearly black.
    assert!(terminal.drawn().contains("38;5;23"), "dark letters on the light background");
}

#[test]
fn the_log_has_the_address_at_which_others_look_on() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(24, 80, &[&DEMO[..], &["--web", "0"]].concat(), folder.path());
    terminal.wait_for("Overview");
    terminal.press("\t\t\t\t");
    terminal.wait_for("live page: http://127.0.0.1:");
    let text = terminal.text();
    let (_, rest) = text.split_once("live page: http://").unwrap();
    let address = rest.split('/').next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains(">live, 0:"), "{page:.2000}");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    terminal.assert_restored();
}

#[test]
fn ctrl_c_quits_and_gives_the_terminal_back() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &DEMO, folder.path());
    terminal.wait_for("Overview");
    terminal.press("\x03");
    assert_eq!(terminal.ended(), 0);
    terminal.assert_restored();
}

#[cfg(unix)]
#[test]
fn ctrl_z_pauses_the_load_and_goes_back_to_the_shell_and_fg_brings_screen_and_keys_back() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::shell(40, 120, folder.path());
    terminal.wait_for("shell> ");
    terminal.press(&format!("{} {} --rate 50\n", env!("CARGO_BIN_EXE_scaletop"), DEMO.join(" ")));
    terminal.wait_for("Overview");
    terminal.wait_for("0:02");
    terminal.press("\x1a");
    terminal.wait_for("Stopped");
    terminal.assert_restored();
    terminal.press("echo a$((40 + 2))\n");
    terminal.wait_for("a42");
    terminal.press("fg\n");
    terminal.wait_for("space resumes 50/s");
    terminal.wait("the charts", |screen| screen.contains("Overview") && !screen.contains("a42"));
    terminal.press(" ");
    terminal.wait("the rate of before", |screen| screen.contains(" 50/s "));
    // Stopped by another terminal: the same.
    terminal.press("s");
    terminal.wait_for("300/s");
    terminal.press("\x1a");
    terminal.wait_for("Stopped");
    terminal.press("fg\n");
    terminal.wait_for("space resumes 300/s");
    Terminal::pause();
    terminal.press("q");
    terminal.wait_for("files:");
    terminal.assert_restored();
    terminal.press("exit\n");
    terminal.ended();
    let events = std::fs::read_to_string(folder.path().join("session/events.csv")).unwrap();
    assert!(events.contains("pause"), "the pause is in the recording: {events}");
}

#[test]
fn without_a_shell_ctrl_z_says_so_and_a_repaint_brings_back_what_was_overwritten() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &DEMO, folder.path());
    terminal.wait_for("Overview");
    terminal.press("\x1a");
    terminal.wait_for("no shell to go back to");
    terminal.screen().process(b"\x1b[2J");
    terminal.press("\x0c");
    terminal.wait_for("Overview");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn the_palette_understands_what_is_typed_and_the_log_can_be_filtered() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &DEMO, folder.path());
    terminal.wait_for("Overview");
    terminal.press(":");
    terminal.wait_for("ramp  rate");
    terminal.press("rat\t");
    terminal.wait_for("rate RATE");
    terminal.press("70\r");
    terminal.wait_for("70/s");
    terminal.press(":");
    terminal.wait_for("ramp  rate");
    terminal.press("mark deploy v2\r");
    terminal.wait_for("deploy v2 at");
    terminal.press("/");
    terminal.wait_for("show what has in it");
    terminal.press("deploy\r");
    terminal.wait_for("1 entries with");
    terminal.press("\r");
    terminal.wait_for("PAST");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    let events = std::fs::read_to_string(folder.path().join("session/events.csv")).unwrap();
    assert!(events.contains("deploy v2"), "{events}");
}

#[test]
fn the_wheel_and_the_mouse_send_nothing() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &DEMO, folder.path());
    terminal.wait_for("0:03");
    assert!(terminal.drawn().contains("\u{1b}[?1000h"), "the mouse is captured");
    // Wheel up and down, a press, a drag and a release over the charts.
    for event in ["64;60;12M", "65;60;12M", "0;90;12M", "32;100;12M", "0;100;12m", "0;90;12M", "0;90;12m"] {
        terminal.press(&format!("\x1b[<{event}"));
        Terminal::pause();
    }
    terminal.wait_for("PAST");
    terminal.press("\x1b");
    terminal.wait_for("LIVE");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    let events = std::fs::read_to_string(folder.path().join("session/events.csv")).unwrap();
    assert!(!events.contains(",rate,"), "{events}");
}

#[test]
fn what_drives_no_load_over_a_table_sends_nothing() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(40, 120, &DEMO, folder.path());
    terminal.wait_for("Overview");
    terminal.press("\t\t\t");
    terminal.wait_for("Steps");
    for _ in 0..3 {
        terminal.press("\x1b[B\x1b[A");
        Terminal::pause();
    }
    terminal.press("m");
    terminal.wait_for("mark 1");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    let events = std::fs::read_to_string(folder.path().join("session/events.csv")).unwrap();
    assert!(!events.contains(",rate,"), "{events}");
}

#[test]
fn a_panic_gives_the_terminal_back_and_leaves_its_message() {
    let _turn = turn();
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
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(10, 40, &DEMO, folder.path());
    terminal.wait_for("60");
    terminal.resize(24, 80);
    terminal.wait_for("Overview");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_window_in_which_nothing_can_be_seen_drives_no_load_and_can_be_left() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(15, 59, &[&DEMO[..], &["--rate", "20"]].concat(), folder.path());
    let says = |terminal: &Terminal, what: &str| {
        terminal.wait(what, |screen| screen.split_whitespace().collect::<Vec<_>>().join(" ").contains(what));
    };
    says(&terminal, "load goes on at 20/s");
    for key in ["\x1b[A", "s", "5", "g"] {
        terminal.press(key);
        Terminal::pause();
    }
    // Paused it can be, and a key that would resume what nobody sees does not.
    terminal.press(" ");
    says(&terminal, "the rate is 0/s");
    terminal.press(" ");
    Terminal::pause();
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    let session = folder.path().join("session");
    let text = std::fs::read_to_string(session.join("recording.jsonl")).unwrap();
    let events = text.lines().skip(1).map(|line| serde_json::from_str::<Recorded>(line).unwrap().event);
    let rates: Vec<_> = events
        .filter_map(|event| match event {
            SessionEvent::Rate(change) => Some(change.profile.last().get()),
            _ => None,
        })
        .collect();
    assert!(rates.starts_with(&[20, 0]) && rates.iter().skip(1).all(|rate| *rate == 0), "{rates:?}");
}

#[test]
fn a_terminal_that_is_closed_right_after_a_key_ends_the_session_as_the_key_does() {
    let _turn = turn();
    // Slow, so that the load takes a while to end: the terminal is gone before it has.
    let service = service(Duration::from_secs(2));
    let url = url(&service);
    // Which of the two the program hears of first is chance where they come at once, and is not where the key is done already.
    let sessions: Vec<_> = [("q", true), ("\x03", true), ("q", true), ("\x03", true), ("q", false), ("\x03", false)]
        .into_iter()
        .map(|(keys, at_once)| {
            let folder = tempfile::tempdir().unwrap();
            let args = ["live", &url, "--rate", "10", "--out", "session"];
            (keys, at_once, Abandoned::start(&args, folder.path()), folder)
        })
        .collect();
    let recording = |folder: &Path| std::fs::read_to_string(folder.join("session/recording.jsonl")).unwrap_or_default();
    for (_, _, _, folder) in &sessions {
        wait_until("a third second in the recording", || recording(folder.path()).matches("\"second\":").count() >= 3);
    }
    for (keys, at_once, mut abandoned, folder) in sessions {
        abandoned.press(keys);
        if !at_once {
            wait_until("the end of the load", || recording(folder.path()).contains("\"cause\":\"stop\""));
        }
        // Whether the summary could be printed does not matter any more.
        assert!(abandoned.hang_up().is_some(), "{keys:?}: it goes on for ever");
        assert!(folder.path().join("session/report.html").is_file(), "{keys:?}: every file is written");
        assert!(recording(folder.path()).contains("\"ended\""), "{keys:?}");
        // The second time would be: at once, and what is under way would be given up.
        let summary = std::fs::read_to_string(folder.path().join("session/summary.json")).unwrap();
        assert!(summary.contains("\"unanswered\": 0"), "{keys:?}: {summary}");
    }
}

#[test]
fn alone_it_offers_what_there_is() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(24, 80, &[], folder.path());
    terminal.wait_for("Choose one, or give a URL");
    assert!(!terminal.text().contains("replay"), "there is no session yet:\n{}", terminal.text());
    terminal.press("q\r");
    assert_eq!(terminal.ended(), 0);
    let newest = folder.path().join("scaletop-sessions").join("20260101-recorded");
    std::fs::create_dir(folder.path().join("scaletop-sessions")).unwrap();
    recorded(&newest);
    let mut terminal = Terminal::start(24, 80, &[], folder.path());
    terminal.wait_for("20260101-recorded");
    terminal.press("2\r");
    terminal.wait_for("REPLAY");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    terminal.assert_restored();
}

#[test]
fn a_replay_jumps_changes_its_speed_and_gives_the_terminal_back() {
    let folder = tempfile::tempdir().unwrap();
    recorded(&folder.path().join("session"));
    let mut terminal = Terminal::start(24, 80, &["replay", "session"], folder.path());
    terminal.wait_for("REPLAY");
    terminal.wait_for("/ 2:00");
    terminal.press(" ");
    terminal.wait_for("paused ×1");
    terminal.press(".");
    terminal.wait_for("step 2 of 3");
    terminal.wait_for("0:30 / 2:00");
    terminal.wait_for("20/s");
    terminal.press("\x1b[6~");
    terminal.wait_for("1:00 / 2:00");
    terminal.press("]]");
    terminal.wait_for("paused ×5");
    terminal.press("s");
    terminal.wait_for("live only");
    terminal.press("e");
    terminal.wait_for("scaletop report session");
    terminal.press("?");
    terminal.wait_for("previous, next step");
    terminal.press("?");
    terminal.press("\t");
    terminal.wait_for("Latency");
    terminal.press("\x1b[F");
    terminal.wait_for("at the end");
    terminal.wait_for("2:00 / 2:00");
    terminal.press("\x1b[H");
    terminal.wait_for("0:00 / 2:00");
    terminal.press("]]] ");
    // Fifty times as fast: two minutes take some seconds. At the end it stays.
    terminal.wait_for("at the end ×50");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    terminal.assert_restored();
    let files = std::fs::read_dir(folder.path().join("session")).unwrap().count();
    assert_eq!(files, 1, "a replay writes nothing");
}

#[test]
fn what_cannot_be_replayed_is_said_and_the_terminal_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("alien", "hello\n");
    write("newer", "{\"version\":99,\"writer\":\"scaletop 9\"}\n");
    write("torn", "{\"version\":");
    for (name, says, code) in [
        ("alien", "is not a scaletop recording", 1),
        ("newer", "has format version 99", 1),
        ("torn", "ends within its header", 1),
        (".", "is not a session", 2),
        ("nowhere", "there is no session nowhere", 2),
    ] {
        let mut terminal = Terminal::start(24, 120, &["replay", name], folder.path());
        assert_eq!(terminal.ended(), code, "{name}");
        terminal.wait_for(says);
        terminal.assert_restored();
    }
}

#[test]
fn a_replay_without_a_terminal_points_to_the_report() {
    let folder = tempfile::tempdir().unwrap();
    recorded(&folder.path().join("session"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_scaletop"));
    let output = command.args(["replay", "session"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("scaletop report session"), "{said}");
}
