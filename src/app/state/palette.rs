//! The commands of the palette: what can be typed after `:`. One table for the parser, the completion and the help.

use std::time::Duration;

use crate::app::action::Action;
use crate::app::state::{Characters, Colors, View, Window};
use crate::values::{self, Objective};
use scaletop_units::Elapsed;

/// What was typed asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// What a key could ask for, too.
    Do(Action),
    /// Put the cursor on this moment, if the session has it; `None` is before it.
    Go(Option<Elapsed>),
    /// Mark the moment with this text.
    Mark(String),
    /// Show what in the log has that in it; nothing: all.
    Filter(String),
    /// Judge by this from now on; what is not named stays.
    Judge(Vec<Objective>),
}

/// What commands may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All: the session is led from here.
    Session,
    /// Look: another program leads the session.
    Watched,
    /// Look: it is a replay.
    Replay,
}

impl Reach {
    /// Whether the command does something here.
    fn has(self, command: &Command) -> bool {
        self == Self::Session || !command.is_live
    }
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// What it takes, as people write it; empty when nothing.
    pub(crate) takes: &'static str,
    pub(crate) does: &'static str,
    /// Whether it changes or keeps a session: only who leads one does.
    is_live: bool,
    read: fn(&str) -> Result<Asked, String>,
}

const fn command(
    name: &'static str,
    takes: &'static str,
    does: &'static str,
    is_live: bool,
    read: fn(&str) -> Result<Asked, String>,
) -> Command {
    Command { name, takes, does, is_live, read }
}

/// Every command, in alphabetical order.
pub(crate) const COMMANDS: &[Command] = &[
    command("clear", "", "back to 0 and drain", true, |rest| nothing(rest, Action::Clear)),
    command("export", "", "write the files now", true, |rest| nothing(rest, Action::Export)),
    command("filter", "[TEXT]", "show what in the log has that in it", false, |rest| {
        Ok(Asked::Filter(rest.to_owned()))
    }),
    command("glyphs", "braille|blocks|ascii", "the characters of charts", false, |rest| {
        named(rest, &Characters::ALL).map(Action::UseCharacters).map(Asked::Do)
    }),
    command("go", "TIME", "put the cursor on a moment", false, |rest| moment(rest).map(Asked::Go)),
    command("help", "", "the keys", false, |rest| nothing(rest, Action::ToggleHelp)),
    command("kill", "", "kill an instance (demo)", true, |rest| nothing(rest, Action::KillInstance)),
    command("live", "", "back to live", false, |rest| nothing(rest, Action::ToPresent)),
    command("mark", "[TEXT]", "mark this moment", true, |rest| {
        Ok(if rest.is_empty() { Asked::Do(Action::Mark) } else { Asked::Mark(rest.to_owned()) })
    }),
    command("pause", "", "rate 0, resume", true, |rest| nothing(rest, Action::TogglePause)),
    command("quit", "", "end the session", false, |rest| nothing(rest, Action::AskQuit)),
    command("ramp", "RATE TIME", "go to a rate over a time", true, ramp),
    command("rate", "RATE", "requests per second, at once", true, rate),
    command("save", "svg", "the screen as a picture, beside the session's files", false, |rest| match rest {
        "" | "svg" => Ok(Asked::Do(Action::SaveScreen)),
        _ => Err("svg".to_owned()),
    }),
    command("slo", "p99=300ms errors=1%", "another objective from now on, either or both", true, objectives),
    command("spike", "", "to the spike rate; again: fall back", true, |rest| nothing(rest, Action::Spike)),
    command("theme", "dark|light|ansi|mono", "the colors", false, |rest| {
        named(rest, &Colors::ALL).map(Action::UseColors).map(Asked::Do)
    }),
    command("undo", "", "the last change of rate", true, |rest| nothing(rest, Action::Undo)),
    command("view", "NAME", "overview, latency, instances, steps, log", false, view),
    command("window", "1m|5m|15m|all", "how much time the charts show", false, window),
];

impl Command {
    /// What it does, in words.
    pub(crate) fn does(&self, reach: Reach) -> &'static str {
        match (self.name, reach) {
            ("quit", Reach::Watched) => "stop looking on; the session goes on",
            ("quit", Reach::Replay) => "end the replay",
            ("live", Reach::Replay) => "back to the moment played",
            _ => self.does,
        }
    }
}

/// The commands that do something here and begin so; of those with something behind them, the one of that name.
pub(crate) fn matching(typed: &str, reach: Reach) -> Vec<&'static Command> {
    let name = typed.split_whitespace().next().unwrap_or_default();
    let is_whole = typed.trim_start().contains(char::is_whitespace);
    let fits = |command: &&Command| if is_whole { command.name == name } else { command.name.starts_with(name) };
    COMMANDS.iter().filter(|command| reach.has(command)).filter(fits).collect()
}

/// What was typed, with the name of its command completed as far as it is the only one.
pub(crate) fn completed(typed: &str, reach: Reach) -> Option<String> {
    let candidates = matching(typed, reach);
    let first = candidates.first()?.name;
    let common = candidates.iter().fold(first.len(), |common, command| {
        first.bytes().zip(command.name.bytes()).take(common).take_while(|(a, b)| a == b).count()
    });
    let is_only = candidates.len() == 1 && !candidates[0].takes.is_empty();
    let text = format!("{}{}", &first[..common], if is_only { " " } else { "" });
    (text.len() > typed.trim_start().len()).then_some(text)
}

/// What was typed asks for.
pub(crate) fn read(typed: &str, reach: Reach) -> Result<Asked, String> {
    let typed = typed.trim();
    let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let found = matching(name, reach);
    let command = match (found.iter().find(|command| command.name == name), found.as_slice()) {
        (Some(command), _) | (None, [command]) => command,
        (None, []) => return Err(unknown(name, reach)),
        (None, several) => {
            let names: Vec<_> = several.iter().map(|command| command.name).collect();
            return Err(format!("which one: {}?", names.join(", ")));
        }
    };
    (command.read)(rest.trim())
}

/// Why no command begins so here.
fn unknown(name: &str, reach: Reach) -> String {
    match (matching(name, Reach::Session).first(), reach) {
        (Some(command), Reach::Replay) => {
            format!("{} is for live sessions, and this is a replay: nothing of it can be changed", command.name)
        }
        (Some(command), Reach::Watched) => {
            format!("{} is for who leads the session: you look on, and can change nothing", command.name)
        }
        _ => format!("no command begins with “{name}”: an empty line shows them all"),
    }
}

fn nothing(rest: &str, action: Action) -> Result<Asked, String> {
    if rest.is_empty() { Ok(Asked::Do(action)) } else { Err(format!("it takes nothing, not “{rest}”")) }
}

/// `450`.
pub(crate) fn rate(text: &str) -> Result<Asked, String> {
    let mut words = text.split_whitespace();
    let rate = values::rate(words.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    match words.next() {
        None => Ok(Asked::Do(Action::SetRate(rate))),
        Some(_) => Err("one number: for a rate over a time, ramp".to_owned()),
    }
}

/// `600 30s`.
pub(crate) fn ramp(text: &str) -> Result<Asked, String> {
    let mut words = text.split_whitespace();
    let rate = values::rate(words.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    match words.collect::<String>().as_str() {
        "" => Err(format!("over how long? {} 30s", rate.get())),
        text => {
            let over = values::positive_duration(text).map_err(|error| error.to_string())?;
            Ok(Asked::Do(Action::Ramp(rate, over)))
        }
    }
}

/// `p99=300ms`, `errors=0.5%`, or both, with a space or a comma between them.
fn objectives(text: &str) -> Result<Asked, String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let asked: Vec<Objective> =
        words.map(values::objective).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let is_twice = |is: fn(&Objective) -> bool| asked.iter().filter(|objective| is(objective)).count() > 1;
    if asked.is_empty() {
        Err("which? p99=300ms, errors=0.5%, or both".to_owned())
    } else if is_twice(|one| matches!(one, Objective::Latency(..)))
        || is_twice(|one| matches!(one, Objective::Errors(_)))
    {
        Err("one percentile and one share of errors, such as p99=300ms errors=0.5%".to_owned())
    } else {
        Ok(Asked::Judge(asked))
    }
}

/// What has the name that was typed, or begins so.
fn named<T: Copy>(text: &str, all: &[(&'static str, T)]) -> Result<T, String> {
    let found = all.iter().find(|(name, _)| !text.is_empty() && name.starts_with(text)).map(|(_, value)| *value);
    found.ok_or_else(|| all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))
}

fn view(text: &str) -> Result<Asked, String> {
    let wanted = text.to_lowercase();
    let found =
        View::ALL.into_iter().find(|view| !wanted.is_empty() && view.title().to_lowercase().starts_with(&wanted));
    found
        .map(|view| Asked::Do(Action::Show(view)))
        .ok_or_else(|| "overview, latency, instances, steps or log".to_owned())
}

fn window(text: &str) -> Result<Asked, String> {
    let found = Window::ALL.into_iter().find(|window| window.label() == text);
    found.map(|window| Asked::Do(Action::SetWindow(window))).ok_or_else(|| "1m, 5m, 15m or all".to_owned())
}

/// `1:30`, `1:02:03`, `90s`, `2m`.
fn moment(text: &str) -> Result<Option<Elapsed>, String> {
    let wrong = || format!("“{text}” is no moment of the session: 1:30, or 90s");
    if let Some(before) = text.strip_prefix(['-', '−']) {
        return moment(before).map(|_| None).map_err(|_error| wrong());
    }
    if !text.contains(':') {
        return values::duration(text).map(|after| Some(Elapsed::ZERO + after)).map_err(|_error| wrong());
    }
    let mut secs = 0_u64;
    for part in text.split(':') {
        let part: u64 = part.parse().map_err(|_error| wrong())?;
        secs = secs.saturating_mul(60).saturating_add(part);
    }
    Ok(Some(Elapsed::ZERO + Duration::from_secs(secs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::ArrivalRate;

    #[test]
    fn the_table_is_in_order_and_no_name_is_there_twice() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn what_is_typed_is_understood_and_a_name_may_be_short() {
        let rate = ArrivalRate::new(450);
        for (typed, expected) in [
            ("rate 450", Asked::Do(Action::SetRate(rate))),
            ("ramp 450 2m", Asked::Do(Action::Ramp(rate, Duration::from_mins(2)))),
            ("mark deploy v2", Asked::Mark("deploy v2".to_owned())),
            ("m", Asked::Do(Action::Mark)),
            ("  undo ", Asked::Do(Action::Undo)),
            ("view st", Asked::Do(Action::Show(View::Steps))),
            ("window all", Asked::Do(Action::SetWindow(Window::All))),
            ("go 1:30", Asked::Go(Some(Elapsed::from_secs(90)))),
            ("go -5s", Asked::Go(None)),
            ("save svg", Asked::Do(Action::SaveScreen)),
            ("theme light", Asked::Do(Action::UseColors(Colors::Light))),
            ("glyphs a", Asked::Do(Action::UseCharacters(Characters::Ascii))),
            ("go 90s", Asked::Go(Some(Elapsed::from_secs(90)))),
            ("filter", Asked::Filter(String::new())),
            ("slo p99=300ms", Asked::Judge(vec![Objective::Latency(0.99, Duration::from_millis(300))])),
            ("slo errors=0.5%", Asked::Judge(vec![Objective::Errors(0.005)])),
            (
                "slo max=2s, errors=2%",
                Asked::Judge(vec![Objective::Latency(1.0, Duration::from_secs(2)), Objective::Errors(0.02)]),
            ),
        ] {
            assert_eq!(read(typed, Reach::Session), Ok(expected), "{typed}");
        }
    }

    #[test]
    fn what_is_not_understood_says_why() {
        for (typed, why) in [
            ("r 5", "which one: ramp, rate?"),
            ("frobnicate", "no command begins with “frobnicate”"),
            ("rate", "rate"),
            ("ramp 600", "over how long? 600 30s"),
            ("ramp 600 0s", "such as 500ms"),
            ("undo it", "it takes nothing"),
            ("view x", "overview, latency"),
            ("go later", "no moment"),
            ("go -later", "no moment"),
            ("slo", "which? p99=300ms"),
            ("slo fast", "such as p99=500ms"),
            ("slo p99=fast", "such as 500ms"),
            ("slo p99=0s", "such as 500ms"),
            ("slo errors=1", "such as 1%"),
            ("slo p99=1s p95=1s", "one percentile and one share"),
        ] {
            let error = read(typed, Reach::Session).expect_err(typed);
            assert!(error.contains(why), "{typed}: {error}");
        }
        for (reach, why) in [(Reach::Replay, "this is a replay"), (Reach::Watched, "you look on")] {
            for typed in ["rate 5", "ra", "slo p99=1s", "mark", "export", "kill"] {
                let error = read(typed, reach).expect_err(typed);
                assert!(error.contains(why) && error.contains("change"), "{typed}: {error}");
            }
            assert_eq!(read("view log", reach), Ok(Asked::Do(Action::Show(View::Log))));
            assert!(read("zz", reach).expect_err("none").contains("no command"));
        }
    }

    #[test]
    fn only_what_does_something_here_is_offered() {
        let names = |reach| matching("", reach).into_iter().map(|command| command.name).collect::<Vec<_>>();
        let look = ["filter", "glyphs", "go", "help", "live", "quit", "save", "theme", "view", "window"];
        assert_eq!((names(Reach::Watched), names(Reach::Replay)), (look.to_vec(), look.to_vec()));
        assert_eq!(names(Reach::Session).len(), COMMANDS.len());
        assert_eq!(completed("s", Reach::Watched), Some("save ".to_owned()), "no other is left");
        let quit = matching("q", Reach::Watched)[0];
        assert!(quit.does(Reach::Watched).contains("goes on") && quit.does(Reach::Session).contains("end the session"));
    }

    #[test]
    fn tab_completes_as_far_as_it_is_sure() {
        let all = |typed| completed(typed, Reach::Session);
        assert_eq!(all("sp"), Some("spike".to_owned()));
        assert_eq!(all("sl"), Some("slo ".to_owned()));
        assert_eq!(all("ma"), Some("mark ".to_owned()));
        assert_eq!(all("r"), Some("ra".to_owned()));
        assert_eq!((all("ra"), all("rate 4"), all("zz")), (None, None, None));
    }
}
