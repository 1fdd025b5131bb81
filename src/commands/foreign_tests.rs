//! Text from outside is harmless wherever it comes out: one hostile session, every surface.

use std::fmt::Write as _;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::state::{Live, State, Ui, View};
use crate::compare::{Contender, compare, table};
use crate::doctor::Check;
use crate::experiment::{Played, markdown as experiment};
use crate::export::as_plan;
use crate::export::summary::{self, json, junit, markdown};
use crate::headless::{Log, Verbosity};
use crate::instances::{Feed, SourceError, SourceErrorKind};
use crate::metrics::exposition;
use crate::plan::Plan;
use crate::plan::forecast::{Assumptions, Forecast};
use crate::plan::threshold::Threshold;
use crate::session::event::{Fact, Header, Notice, NoticeLevel, RateCause, RateChange, SessionEvent, Settings};
use crate::session::halves::Halves;
use crate::session::recording::Damage;
use crate::session::state::Session;
use crate::slo::Slo;
use crate::tui::theme::Theme;
use scaletop_load::{Latency, RateProfile, Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

/// Escape sequences (7 and 8 bit, CSI and OSC), line ends, writing direction, characters without width, tags, what is no
/// character.
const ACTING: &str = "\u{1b}[2J\u{9b}31m\u{1b}]0;x\u{7}\r\n\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{200d}\u{feff}\u{ad}\u{3164}\u{e0041}\u{ffff}";

fn hostile(what: &str) -> String {
    format!("{what}{ACTING}verdict: forged")
}

fn settings() -> Settings {
    Settings {
        target: hostile("target"),
        url: hostile("http://url"),
        method: hostile("method"),
        plan: Some(hostile("plan")),
        instance_header: hostile("header"),
        thresholds: vec![Threshold::parse("due", "> 5").unwrap()],
        ..Settings::default()
    }
}

fn change(rate: u32) -> RateChange {
    let profile = RateProfile::Constant(ArrivalRate::new(rate));
    RateChange { profile, cause: RateCause::Plan, stage: Some(hostile("stage")), unmet_start: None }
}

fn session() -> Session {
    let header = Header { writer: hostile("writer"), ..Header::new(0, settings()) };
    let mut session = Session::new(header);
    let error =
        SourceError { kind: SourceErrorKind::BadAnswer, message: hostile("message"), remedy: hostile("remedy") };
    let at = Elapsed::from_secs(1);
    let id = InstanceId::parse(hostile("instance").as_bytes()).unwrap();
    for event in [
        SessionEvent::Rate(change(5)),
        SessionEvent::Mark { text: hostile("mark") },
        SessionEvent::Notice(Notice { level: NoticeLevel::Error, text: hostile("notice") }),
        SessionEvent::Fact(Fact { name: hostile("fact"), value: hostile("value"), as_of: at }),
        SessionEvent::Feed { source: hostile("source"), feed: Feed::Failed { error } },
    ] {
        session.apply(at, &event);
    }
    for index in 1..4 {
        let mut second = Second::new(index, ArrivalRate::new(5));
        let part = second.part_mut(index);
        (part.due, part.sent) = (5, 5);
        part.ok.record(Duration::from_millis(80));
        second.served = vec![Served {
            id: id.clone(),
            requests: 5,
            ok: 5,
            first_ok_intended: Some(second.start()),
            response: Latency::new(),
        }];
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    }
    session.apply(Elapsed::from_secs(4), &SessionEvent::Rate(change(50)));
    session
}

fn state(session: &Session, view: View) -> State {
    let live = Live { ending: Some(hostile("ending")), ..Live::new(ArrivalRate::new(5)) };
    let ui = Ui { view, toast: Some((session.now(), hostile("toast"))), ..Ui::default() };
    State::live(session.header().clone(), live).showing(session.clone(), session.now(), ui)
}

fn screens(session: &Session) -> String {
    let mut text = String::new();
    for view in View::ALL {
        for (columns, rows) in [(80, 24), (200, 60)] {
            let state = &state(session, view);
            let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
            terminal.draw(|frame| crate::tui::draw(state, &Theme::DARK, frame)).unwrap();
            let _ = writeln!(text, "{}", terminal.backend());
        }
    }
    text
}

fn progress(state: &State) -> String {
    let mut out = Vec::new();
    let mut log = Log::new(Some(Duration::from_mins(1)), Verbosity::Normal);
    log.write(&mut out, state).unwrap();
    String::from_utf8(out).unwrap()
}

fn check() -> String {
    let mut plan = Plan::parse("[[stage]]\nname = \"a\"\nrate = 7\nduration = \"1s\"\n").unwrap();
    plan.name = hostile("plan");
    plan.stages[0].name = hostile("stage");
    let assumed =
        Assumptions { service_time: Duration::from_millis(80), timeout: Duration::from_secs(9), max_in_flight: 9 };
    Forecast::of(&plan).text(&plan, &Slo::default(), &assumed)
}

/// What `text` holds that it must not; its own line ends are allowed.
fn acting(text: &str) -> Vec<char> {
    let acts = |c: &char| *c != '\n' && (c.is_control() || !c.is_ascii() && ACTING.contains(*c));
    text.chars().filter(acts).collect()
}

#[test]
fn no_text_from_outside_acts_on_any_surface() {
    let session = session();
    let contenders = [Contender { name: &hostile("a"), session: &session }, Contender { name: "b", session: &session }];
    let mut played = Played::new(hostile("folder"), session.header().clone());
    played.finish();
    let outputs = [
        ("progress line", progress(&state(&session, View::Overview))),
        ("summary text", summary::text(&session)),
        ("--check", check()),
        ("markdown", markdown::markdown(&session)),
        ("junit", junit::junit(&session)),
        ("summary.json", json::text(&session, Damage::default())),
        ("doctor", Check::failure(hostile("name"), hostile("detail"), hostile("remedy")).to_string()),
        ("metrics", exposition::page(&Halves::of(session.clone(), None))),
        ("plan", as_plan::text(session.header(), &[(Elapsed::ZERO, change(5))], &[], session.now())),
        ("compare", table(&contenders, &compare(&contenders))),
        ("experiment", experiment(&hostile("target"), &[played])),
        ("screen", screens(&session)),
    ];
    for (surface, text) in outputs {
        assert_eq!(acting(&text), Vec::<char>::new(), "{surface}: {text:?}");
        // The text is there, and no part of it has become a line of its own.
        assert!(text.contains('\u{fffd}'), "{surface}: {text}");
        assert!(!text.lines().any(|line| line.starts_with("verdict: forged")), "{surface}: {text}");
    }
}
