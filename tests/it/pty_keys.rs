//! Every key of the table, pressed on the real binary: each does what docs/settings.md says of it. A test beside the key map
//! holds that page against the table, so that a key without an expectation here fails.
//!
//! One session takes many keys; only those that end it have one each.

mod hands;

use std::path::Path;

use crate::pty::DEMO;
use crate::support::recorded::recorded;
use crate::support::terminal::Terminal;
use crate::support::turn;
use hands::{Hands, SCREEN, bytes, footer, is_past, message, rate, window};

/// A key in a place, and what it is said to do.
#[derive(Debug)]
struct Key {
    place: String,
    action: String,
    /// As docs/settings.md writes it.
    written: String,
}

/// Every key of docs/settings.md.
fn documented() -> Vec<Key> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")).unwrap();
    let (_, rest) = page.split_once("<!-- actions:begin -->").unwrap();
    let (table, _) = rest.split_once("<!-- actions:end -->").unwrap();
    let mut all = Vec::new();
    for row in table.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let action = cells[0].trim_matches('`');
        for part in cells[2].trim_end_matches(" |").split("; ") {
            let (places, keys) = part.split_once(": ").unwrap();
            for place in places.split(", ") {
                for key in keys.split(' ').map(|key| key.trim_matches('`')) {
                    let [place, action, written] = [place, action, key].map(str::to_owned);
                    all.push(Key { place, action, written });
                }
            }
        }
    }
    assert!(all.len() > 150, "{}", all.len());
    all
}

/// Those of a place that do not end the session.
fn of(place: &str) -> Vec<Key> {
    documented().into_iter().filter(|key| key.place == place && !ends(key)).collect()
}

fn ends(key: &Key) -> bool {
    key.action == "quit" || key.action == "ask-quit"
}

/// Presses a key that changes what is seen, and sees it; `false` when it is none of those.
fn looks(hands: &mut Hands<'_>, action: &str, key: &str) -> bool {
    match action {
        "next-view" | "previous-view" => {
            let before = hands.view().0;
            hands.press(key);
            hands.see("another view", |_| hands.view().0 != before);
        }
        "cycle-window" => {
            hands.says(key, "time window:");
            // Back to the one of the beginning.
            for _ in 0..3 {
                hands.press(key);
            }
        }
        "cursor-left" | "cursor-far-left" => {
            hands.whole();
            hands.press(key);
            hands.see("the past", is_past);
        }
        "cursor-right" | "cursor-far-right" if hands.place == "replay" => {
            hands.whole();
            hands.press("shift-left");
            hands.press("shift-left");
            hands.see("the past", is_past);
            hands.changes(key);
        }
        "cursor-right" | "cursor-far-right" => {
            hands.press("home");
            hands.see("the beginning", |screen| screen.contains("PAST 0:00"));
            // The first puts the cursor there, and a column may be less than a second.
            for _ in 0..4 {
                hands.press(key);
            }
            hands.see("a later moment", |screen| !screen.contains("PAST 0:00"));
        }
        "zoom-in" => {
            hands.whole();
            hands.windows(key);
        }
        "zoom-out" => {
            hands.whole();
            hands.windows("+");
            hands.windows(key);
        }
        "whole-session" => {
            hands.whole();
            hands.windows("+");
            hands.press(key);
            hands.see("the whole session", |screen| window(screen) == "all");
        }
        "open" => {
            hands.whole();
            if hands.place == "tables" {
                // Over Instances it unfolds those that are gone.
                hands.go("Steps");
            }
            hands.press(key);
            hands.see("a step", |screen| is_past(screen) || window(screen) != "all");
        }
        "ask-command" => hands.opens(key, "go  help"),
        "ask-filter" => hands.opens(key, "show what has in it"),
        "select-next" => hands.selects(key, "p", false),
        "select-previous" => hands.selects(key, "n", true),
        "toggle-latency-axis" => {
            for expected in [", linear", ", log"] {
                hands.press(key);
                hands.go("Overview");
                hands.see(expected, |screen| screen.contains(expected));
                hands.go(hands.home);
            }
        }
        "toggle-service-time" => {
            hands.says(key, "latency: service time");
            hands.says(key, "latency: response time");
        }
        "toggle-help" => {
            hands.press(key);
            hands.see("the help", |screen| screen.contains("other keys keep working"));
            hands.press(key);
            hands.see("its end", |screen| !screen.contains("other keys keep working"));
        }
        "suspend" => hands.says(key, "no shell to go back to"),
        "repaint" => {
            let times = |hands: &Hands<'_>| hands.terminal.drawn().matches("\u{1b}[2J").count();
            let before = times(hands);
            hands.press(key);
            hands.see("a screen drawn anew", |_| times(hands) > before);
        }
        "cancel" => {
            hands.press("?");
            hands.see("the help", |screen| screen.contains("other keys keep working"));
            hands.press(key);
            hands.see("its end", |screen| !screen.contains("other keys keep working"));
        }
        _ => return false,
    }
    true
}

/// Presses a key of a live session, and sees what it does.
fn live(hands: &mut Hands<'_>, action: &str, key: &str) {
    match action {
        "rate-up" => hands.rates(20, key, 70),
        "rate-down" => hands.rates(70, key, 20),
        "rate-double" => hands.rates(20, key, 40),
        "rate-halve" => hands.rates(20, key, 10),
        "increment-smaller" | "increment-larger" => {
            let (expected, back) = if action == "increment-larger" { ("±100", "[") } else { ("±25", "]") };
            hands.press(key);
            hands.see(expected, |screen| screen.contains(expected));
            hands.press(back);
            hands.see("±50", |screen| screen.contains("±50"));
        }
        preset if preset.starts_with("preset-") => {
            let nth: usize = preset["preset-".len()..].parse().unwrap();
            hands.rates(20, key, [50, 100, 200, 300, 400, 500, 600, 750, 900][nth - 1]);
        }
        "ask-rate" => hands.opens(key, "rate, requests/s:"),
        "ask-ramp" => hands.opens(key, "ramp to rate over time:"),
        "spike" => {
            hands.rates(20, key, 300);
            hands.press(key);
            hands.see("the rate of before", |screen| rate(screen) == "20/s");
        }
        "undo" => {
            hands.drive(30);
            hands.drive(20);
            hands.press(key);
            hands.see("the rate of before", |screen| rate(screen) == "30/s");
        }
        "toggle-pause" => {
            hands.drive(20);
            hands.press(key);
            hands.see("the pause", |screen| screen.contains("paused at 20/s"));
            hands.press(key);
            hands.see("its end", |screen| rate(screen) == "20/s");
        }
        "clear" => {
            hands.drive(20);
            hands.press(key);
            hands.see("nothing", |screen| rate(screen) == "0/s");
        }
        "kill-instance" => hands.says(key, "killed"),
        "kill-generator" => hands.says(key, "no fleet generates the load"),
        "to-start" => {
            hands.press(key);
            hands.see("the beginning", |screen| screen.contains("PAST 0:00"));
        }
        "to-present" => {
            hands.press("home");
            hands.see("the beginning", |screen| screen.contains("PAST 0:00"));
            hands.press(key);
            hands.see("the present", |screen| screen.contains("LIVE"));
        }
        "mark" => hands.says(key, "mark "),
        "export" => {
            hands.press(key);
            hands.see("the export", |screen| message(screen).contains("wrote "));
        }
        _ => assert!(looks(hands, action, key), "what is to be seen of {action}?"),
    }
}

/// Presses a key of a replay, and sees what it does.
fn replayed(hands: &mut Hands<'_>, action: &str, key: &str) {
    let at = |at: &'static str| move |screen: &str| screen.contains(&format!("{at} / 2:00"));
    match action {
        "toggle-play" => {
            for expected in ["playing", "paused"] {
                hands.press(key);
                hands.see(expected, |screen| screen.contains(expected));
            }
        }
        "faster" | "slower" => {
            if action == "slower" {
                hands.press("]");
                hands.see("×2", |screen| screen.contains("×2"));
            }
            let (expected, back) = if action == "faster" { ("×2", "[") } else { ("×1", "") };
            hands.press(key);
            hands.see(expected, |screen| screen.contains(expected));
            if !back.is_empty() {
                hands.press(back);
                hands.see("×1", |screen| screen.contains("×1"));
            }
        }
        "next-step" | "previous-step" | "second-back" | "second-on" => {
            hands.press("end");
            hands.see("the end", at("2:00"));
            hands.press(",");
            hands.see("the last step", at("1:00"));
            hands.press(",");
            hands.see("the step before", at("0:30"));
            hands.press(key);
            let expected = match action {
                "next-step" => "1:00",
                "previous-step" => "0:00",
                "second-back" => "0:29",
                _ => "0:31",
            };
            hands.see(expected, at(expected));
        }
        "jump-start" => {
            hands.press("end");
            hands.see("the end", at("2:00"));
            hands.press(key);
            hands.see("the beginning", at("0:00"));
        }
        "jump-end" => {
            hands.press("home");
            hands.see("the beginning", at("0:00"));
            hands.press(key);
            hands.see("the end", at("2:00"));
        }
        "export" => hands.says(key, "scaletop report session"),
        _ => {
            hands.press("end");
            hands.see("the end", at("2:00"));
            assert!(looks(hands, action, key), "what is to be seen of {action}?");
        }
    }
}

/// Starts a session that sends nothing until a key says so; nothing listens where it would go.
fn quiet(folder: &Path) -> Terminal {
    let args = ["live", "http://127.0.0.1:9/", "--no-preflight", "--out", "session"];
    let terminal = Terminal::start(SCREEN.0, SCREEN.1, &args, folder);
    terminal.wait_for("LIVE");
    terminal
}

#[test]
fn every_key_of_a_live_session_does_what_it_is_said_to() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(SCREEN.0, SCREEN.1, &DEMO, folder.path());
    terminal.wait_for("0:01");
    for (place, home) in [("charts", "Overview"), ("tables", "Instances")] {
        for key in of(place) {
            let mut hands = Hands { terminal: &mut terminal, place, home };
            hands.go(home);
            hands.forget();
            live(&mut hands, &key.action, &key.written);
        }
    }
    terminal.press("\x03");
    terminal.ended();
}

#[test]
fn every_key_of_a_replay_does_what_it_is_said_to() {
    let folder = tempfile::tempdir().unwrap();
    recorded(&folder.path().join("session"));
    let mut terminal = Terminal::start(SCREEN.0, SCREEN.1, &["replay", "session"], folder.path());
    terminal.wait_for("/ 2:00");
    terminal.press(" ");
    terminal.wait_for("paused ×1");
    for key in of("replay") {
        let mut hands = Hands { terminal: &mut terminal, place: "replay", home: "Overview" };
        hands.go("Overview");
        hands.forget();
        replayed(&mut hands, &key.action, &key.written);
    }
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn every_key_of_a_prompt_does_what_it_is_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = quiet(folder.path());
    for key in of("prompt") {
        let mut hands = Hands { terminal: &mut terminal, place: "prompt", home: "Overview" };
        let prompt = "rate, requests/s:";
        match key.action.as_str() {
            "prompt-complete" => {
                hands.press(":");
                hands.see("the commands", |screen| screen.contains("ramp  rate"));
                hands.terminal.press("rat");
                hands.press(&key.written);
                hands.see("the whole name", |screen| footer(screen).starts_with(":rate"));
                hands.press("esc");
                hands.see("the end of the prompt", |screen| !footer(screen).starts_with(':'));
            }
            action => {
                hands.press("g");
                hands.see("the prompt", |screen| footer(screen).starts_with(prompt));
                hands.terminal.press("0x");
                hands.see("what was typed", |screen| footer(screen).contains("0x"));
                hands.press(&key.written);
                match action {
                    "prompt-accept" => hands.see("the refusal", |screen| footer(screen).contains("not a rate")),
                    "prompt-delete" => hands.see("one less", |screen| !footer(screen).contains("0x")),
                    "cancel" => hands.see("the end of the prompt", |screen| !footer(screen).starts_with(prompt)),
                    _ => panic!("what is to be seen of {action}?"),
                }
                if action != "cancel" {
                    hands.press("esc");
                    hands.see("the end of the prompt", |screen| !footer(screen).starts_with(prompt));
                }
            }
        }
    }
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn both_keys_of_a_question_do_what_they_are_said_to() {
    let folder = tempfile::tempdir().unwrap();
    // A name that nothing has (RFC 6761): another machine to the question, and nothing is sent to anybody.
    let args =
        ["live", "http://scaletop.invalid/", "--yes", "--no-preflight", "--spike-rate", "120", "--out", "session"];
    let mut terminal = Terminal::start(SCREEN.0, SCREEN.1, &args, folder.path());
    terminal.wait_for("LIVE");
    for key in of("question") {
        let hands = Hands { terminal: &mut terminal, place: "question", home: "Overview" };
        hands.terminal.press("s");
        hands.see("the question", |screen| footer(screen).starts_with("send 120/s to scaletop.invalid?"));
        hands.terminal.press(&bytes(&key.written));
        let expected = match key.action.as_str() {
            "confirm" => "120/s",
            "cancel" => "0/s",
            action => panic!("what is to be seen of {action}?"),
        };
        hands.see("the answer", |screen| !footer(screen).starts_with("send") && rate(screen) == expected);
        hands.terminal.press("c");
        hands.see("nothing", |screen| rate(screen) == "0/s");
    }
    terminal.press("q");
    terminal.ended();
}

#[test]
fn every_key_that_ends_a_session_does_wherever_it_is_pressed() {
    for key in documented().into_iter().filter(ends) {
        let folder = tempfile::tempdir().unwrap();
        let mut terminal = if key.place == "replay" {
            recorded(&folder.path().join("session"));
            let terminal = Terminal::start(SCREEN.0, SCREEN.1, &["replay", "session"], folder.path());
            terminal.wait_for("REPLAY");
            terminal
        } else {
            quiet(folder.path())
        };
        match key.place.as_str() {
            "tables" => {
                terminal.press("\t\t");
                terminal.wait_for("no answer has named its instance yet");
            }
            "prompt" => {
                terminal.press("g");
                terminal.wait_for("rate, requests/s:");
            }
            _ => {}
        }
        terminal.press(&bytes(&key.written));
        assert_eq!(terminal.ended(), 0, "{key:?}");
        terminal.assert_restored();
    }
}

#[test]
fn keys_and_colors_of_ones_own_hold_on_the_real_screen_live_and_in_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[keys]\nspike = \"f5\"\nmark = \"s\"\n[keys.replay]\ntoggle-play = \"p\"\nselect-previous = []\n[theme]\nkey = 207\n";
    std::fs::write(folder.path().join("scaletop.toml"), file).unwrap();
    let mut terminal = quiet(folder.path());
    terminal.wait_for("F5         spikes to 600/s, and back");
    assert!(terminal.drawn().contains("38;5;207"), "the color of keys");
    terminal.press("s");
    terminal.wait_for("mark 1");
    terminal.press("g5\r");
    terminal.wait("the rate", |screen| rate(screen) == "5/s");
    terminal.press("u");
    terminal.wait("the rate of before", |screen| rate(screen) == "0/s");
    terminal.press("q");
    terminal.ended();
    std::fs::remove_dir_all(folder.path().join("session")).unwrap();
    recorded(&folder.path().join("session"));
    let mut terminal = Terminal::start(SCREEN.0, SCREEN.1, &["replay", "session"], folder.path());
    terminal.wait_for("playing");
    terminal.press("p");
    terminal.wait_for("paused ×1");
    // Where the terminal says of itself that it is light, a light color is hard to see, and that is said.
    terminal.press("q");
    terminal.ended();
    std::fs::write(folder.path().join("scaletop.toml"), "[theme]\nlabel = \"#eeeeee\"\n").unwrap();
    let mut terminal = Terminal::start(SCREEN.0, SCREEN.1, &["replay", "session", "--theme", "light"], folder.path());
    terminal.wait_for("REPLAY");
    assert!(terminal.drawn().contains("the color of `label` hardly stands out"), "{}", terminal.drawn());
    terminal.press("q");
    terminal.ended();
}
