//! Frames of fixed states: as text, as colours where colour carries meaning, and at every size without a panic.

mod cost;
mod lanes;
mod painting;
mod planes;

use std::fmt::Write as _;
use std::sync::LazyLock;

use insta::Settings;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::{Backend as _, CrosstermBackend, TestBackend};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use self::planes::{colours, letters};
use super::*;
use crate::app::keymap::rebound::Wish;
use crate::app::state::{Lifecycle, Prompt, PromptKind, Question, TimeRange, Ui, Window};
use crate::instances::milestone::MilestoneKind;
use crate::session::event::{NoticeLevel, Side};
use crate::tui::chart::GUTTER;
use crate::tui::fixtures::{Builder, looked_at, spike, spike_of, state};
use crate::tui::glyphs::Glyphs;
use crate::tui::panels::both;
use scaletop_load::OutcomeKind;
use scaletop_units::{ArrivalRate, Elapsed, GeneratorChange};

/// The frame of a state.
fn frame(state: &State, theme: Theme, columns: u16, rows: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(state, &theme, frame)).unwrap();
    terminal
}

/// Compares the frames of a state with the stored ones: as text at the sizes that most people have; then what colours each cell
/// has, and the same in ASCII and in 16 colours.
fn snapshots(name: &str, state: &State, sizes: &[(u16, u16)]) {
    let mut text = String::new();
    let mut part = |title: String, lines: &[String]| {
        let _ = write!(text, "── {title}\n{}\n", lines.join("\n"));
    };
    for &(columns, rows) in sizes {
        part(format!("{columns}×{rows}"), &letters(frame(state, Theme::DARK, columns, rows).backend().buffer()));
    }
    if let Some(&(columns, rows)) = sizes.first() {
        let ascii = Theme::DARK.with(Glyphs::Ascii);
        part(format!("{columns}×{rows} in ASCII"), &letters(frame(state, ascii, columns, rows).backend().buffer()));
        for (look, theme) in [("dark", Theme::DARK), ("16 colours", Theme::ANSI)] {
            let terminal = frame(state, theme, columns, rows);
            let [front, back] = colours(terminal.backend().buffer(), theme);
            part(format!("{columns}×{rows} {look}: foregrounds"), &front);
            part(format!("{columns}×{rows} {look}: backgrounds"), &back);
        }
    }
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// One test a situation, and the list of all for the picture gallery and the size sweep.
macro_rules! situations {
    ($($panel:ident { $($situation:ident: $builder:expr;)* })*) => {
        $(mod $panel {
            use super::*;
            $(#[test]
            fn $situation() {
                let name = concat!(stringify!($panel), "__", stringify!($situation));
                snapshots(name, built(name), &[(80, 24), (120, 40)]);
            })*
        })*

        fn all_situations() -> Vec<(&'static str, fn() -> Builder)> {
            vec![$($((concat!(stringify!($panel), "__", stringify!($situation)), || $builder),)*)*]
        }
    };
}

const ECS_SCALE_OUT: [(MilestoneKind, u64, &str); 6] = [
    (MilestoneKind::Alarm, 3, "TargetTracking-service/default/demo-AlarmHigh"),
    (
        MilestoneKind::Decision,
        4,
        "Setting desired count to 4: monitor alarm TargetTracking-service/default/demo-AlarmHigh",
    ),
    (MilestoneKind::TaskCreated, 5, ""),
    (MilestoneKind::ImagePulled, 7, ""),
    (MilestoneKind::TaskStarted, 8, ""),
    (MilestoneKind::TaskHealthy, 10, ""),
];

situations! {
    overview {
        empty: state();
        first_second: state().limits().rate(50).run(1);
        steady: state().limits().rate(50).live("cloudwatch").run(120);
        scale_out: spike(2, 3);
        recovered: spike(4, 60).mark("deploy 1.2").run(4);
        source_stale: spike(4, 30).stale("cloudwatch", 40);
        source_failed: state().rate(50).run(30).failed("apprunner");
        drops: state().limits().rate(600).drops(40, 0).errors(OutcomeKind::Timeout, 20).run(60);
        generator_late: state().limits().rate(600).drops(0, 12).send_lag_ms(35).run(20);
        stalled: state().limits().rate(50).run(40).stalled().run(6);
        paused: spike(4, 20).rate(0).run_as(|live| live.paused_from = Some(ArrivalRate::new(600))).run(5);
        draining: spike(4, 20).rate(0).run_as(|live| live.phase = Lifecycle::Draining);
        gap: state().limits().rate(50).run(30).gap(20).run(30);
        ramp: state().limits().rate(50).run(20).ramp(400, 30).run(15);
        scrolled_back: spike(4, 60).ui(|ui| {
            ui.range.until = Some(Elapsed::from_secs(70));
            ui.range.window = Window::Minute;
        });
        linear_service_time: spike(4, 30).ui(|ui| (ui.linear_latency, ui.service_time) = (true, true));
        off_the_scale: state().limits().rate(50).p99_ms(90).run(60).rate(5_000).p99_ms(9_000).run(2).rate(50).p99_ms(90).run(60).ui(|ui| ui.linear_latency = true);
        five_failures: state().limits().rate(400).errors(OutcomeKind::Http5xxApplication, 60).errors(OutcomeKind::Connect, 40).drops(30, 0).run(60);
        exported: spike(4, 10).ui(|ui| ui.toast = Some((Elapsed::ZERO, "exported to scaletop-sessions/20261124T001500Z-demo".to_owned())));
        second_3: state().limits().rate(50).run(3);
        second_30: state().limits().rate(50).run(30);
        second_60: state().limits().rate(50).run(60);
        second_61: state().limits().rate(50).run(61);
        second_300: state().limits().rate(50).run(300);
        prompt_error_in_full: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt {
            kind: PromptKind::Rate,
            text: "9000".to_owned(),
            error: Some("9000/s is above the ceiling of 5,000/s, so nothing changes: --max-rate raises it".to_owned()),
        }));
        prompt_error: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt {
            kind: PromptKind::Rate,
            text: "-5".to_owned(),
            error: Some("a rate is a whole number from 0 to 5000".to_owned()),
        }));
        silent_target: state().limits().rate(50).stalled().run(3).errors(OutcomeKind::Timeout, 50).run(30);
        recording_lost: spike(4, 10)
            .notice(NoticeLevel::Error, "not recording: no space left on device (os error 28)")
            .ui(|ui| ui.toast = Some((Elapsed::ZERO, "not recording: no space left on device (os error 28)".to_owned())));
        question_of_a_jump: state().limits().rate(50).run(60).ui(|ui| ui.question = Some(Question::Jump {
            action: Action::Spike,
            to: ArrivalRate::new(600),
            highest: ArrivalRate::new(50),
        }));
        question_before_the_end: spike(4, 100).ui(|ui| ui.question = Some(Question::Quit));
        prompt: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt { text: "45".to_owned(), ..Prompt::new(PromptKind::Rate) }));
        palette: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt::new(PromptKind::Command)));
        palette_of_one: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt { text: "ram".to_owned(), ..Prompt::new(PromptKind::Command) }));
        hostile_text: state().rate(50).run(30).mark("\x1b[2J\x07 two\nlines \u{202e}").run(10).fact("status", "\x1b]0;title\x07").failed("evil\x1b[31m");
    }
    latency {
        none: state().view(View::Latency);
        scale_out: spike(3, 4).view(View::Latency);
        recovered: spike(4, 60).view(View::Latency);
    }
    instances {
        none: state().view(View::Instances);
        recovered: spike(4, 60).without_first_instance().run(12).view(View::Instances);
        pinned: spike(4, 20).pinned().run(15).view(View::Instances);
    }
    steps {
        none: state().view(View::Steps);
        recovered: spike(4, 60).rate(50).run(20).view(View::Steps).ui(|ui| ui.selected = 1);
        scale_out_on_ecs: spike(4, 20).milestones(&ECS_SCALE_OUT).view(View::Steps);
        not_scaled: spike(0, 20)
            .milestones(&[(MilestoneKind::Alarm, 9, "high"), (MilestoneKind::NotScaled, 10, "AlreadyAtMaxCapacity\x1b[2J")])
            .view(View::Steps);
    }
    log {
        none: state().view(View::Log);
        entries: spike(4, 10)
            .stale("cloudwatch", 40)
            .mark("deploy 1.2")
            .notice(NoticeLevel::Info, "exported to scaletop-sessions/20261124T001500Z-demo")
            .run(2)
            .notice(NoticeLevel::Warning, "the send lag rose over 10 ms: the generator, not the service, may be the limit")
            .notice(NoticeLevel::Error, "cannot write recording.jsonl: no space left on device; free some, load goes on")
            .view(View::Log);
        filtered: spike(4, 10).mark("deploy 1.2").run(2).view(View::Log).ui(|ui| ui.filter = Some("deploy".to_owned()));
    }
    replay {
        playing: spike(4, 20).replay(10, 3_600);
        at_the_end: spike(4, 20).mark("deploy 1.2").replay(1, 0);
        missed_at_the_end: spike(1, 60).replay(50, 0);
        help: spike(4, 20).replay(50, 86_400).ui(|ui| ui.help = Some(0));
        scrolled_back: spike(4, 60).replay(1, 3_600).ui(|ui| ui.range.until = Some(Elapsed::from_secs(70)));
    }
    two {
        empty: state().limits().beside("demo:ecs", state().limits());
        scale_out: spike(4, 20).beside("demo:ecs", spike(1, 38));
        latency: spike(4, 20).beside("demo:ecs", spike(1, 38)).view(View::Latency);
        instances: spike(4, 20).beside("demo:ecs", spike(1, 38)).view(View::Instances);
        steps: spike(4, 60).rate(50).run(20).beside("demo:ecs", spike(2, 72).rate(50).run(20)).view(View::Steps).ui(|ui| ui.selected = 1);
        log: spike(4, 20).mark("deploy 1.2").beside("demo:ecs", spike(1, 38).mark("deploy 1.2").notice(NoticeLevel::Warning, "objective MISSED 9 s: 80 % answer 429")).view(View::Log);
        replay: spike(4, 20).replay(10, 3_600).beside("https://a-host-with-a-long-name.example.com/", spike(1, 38));
    }
    fleet {
        overview: spike_of(state().fleet(3), 4, 24);
        lost: spike_of(state().fleet(3), 4, 24)
            .silent("g2")
            .generator("g2", GeneratorChange::Suspected, Some("no beat for 1.0 s"))
            .run(1)
            .generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s"))
            .fleet_stands(None)
            .run(1);
        held: spike_of(state().fleet(3), 4, 24).silent("g2").silent("g3").fleet_stands(Some("1 of 3 generators is there, 2 are needed")).run(3);
        generators: spike_of(state().fleet(3), 4, 64)
            .silent("g2")
            .generator("g2", GeneratorChange::Suspected, Some("no beat for 1.0 s"))
            .run(2)
            .generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s"))
            .generator("g2", GeneratorChange::TakenOver, None)
            .run(6)
            .heard("g2")
            .generator("g2", GeneratorChange::Returned, None)
            .fleet_stands(None)
            .run(10)
            .generator("g3", GeneratorChange::Left, Some("it was asked to"))
            .view(View::Generators);
        many: spike_of(state().fleet(50), 4, 14).view(View::Generators);
        none: state().view(View::Generators);
        log: spike_of(state().fleet(2), 4, 14).generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s")).generator("g2", GeneratorChange::TakenOver, None).run(1).view(View::Log);
    }
    help {
        overview: state().limits().rate(50).run(60).ui(|ui| ui.help = Some(0));
    }
}

/// Every situation, built once: it takes thousands of histogram entries.
static BUILT: LazyLock<Vec<(&'static str, State)>> =
    LazyLock::new(|| all_situations().into_iter().map(|(name, builder)| (name, builder().build())).collect());

fn built(name: &str) -> &'static State {
    let (_, state) = BUILT.iter().find(|(known, _)| *known == name).expect("a situation of the list above");
    state
}

#[test]
fn a_window_that_is_too_small_says_so_and_how_large_it_should_be() {
    let state = built("overview__recovered");
    snapshots("too_small", state, &[(59, 24), (20, 5), (80, 15)]);
    let text = frame(state, Theme::DARK, 59, 24).backend().to_string();
    assert!(text.contains("59 × 24") && text.contains("60 × 16"), "{text}");
}

#[test]
fn the_overview_works_on_the_smallest_and_on_large_screens() {
    snapshots("sizes__scale_out", built("overview__scale_out"), &[(60, 16), (200, 60)]);
    snapshots("sizes__empty", built("overview__empty"), &[(60, 16), (200, 60)]);
    snapshots("sizes__scale_out_on_ecs", built("steps__scale_out_on_ecs"), &[(60, 16), (200, 60)]);
    let facts = state()
        .at_url("checkout", &format!("https://checkout.eu-west-1.example.com/api/{}", "orders/".repeat(8)))
        .limits()
        .rate(50)
        .live("cloudwatch")
        .fact("platform_2xx_per_s", "18.0")
        .fact("cpu_percent", "12.5")
        .fact("image", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/checkout:2026-11-24-a1b2c3d4e5")
        .run(30)
        .build();
    snapshots("sizes__facts", &facts, &[(200, 60), (300, 80)]);
    snapshots("sizes__source_stale", built("overview__source_stale"), &[(200, 60)]);
}

#[test]
fn on_a_wide_screen_urls_and_facts_are_whole_and_on_any_they_are_whole_or_say_that_they_are_not() {
    let url = format!("https://checkout.eu-west-1.example.com/api/{}", "orders/".repeat(8));
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/checkout:2026-11-24-a1b2c3d4e5";
    let state = |target: &str| {
        state()
            .at_url(target, &url)
            .limits()
            .rate(50)
            .live("cloudwatch")
            .fact("platform_2xx_per_s", "18.0")
            .fact("platform_concurrency", "7.0")
            .fact("image", image)
            .run(30)
            .build()
    };
    let shown =
        |state: &State, columns, rows| letters(frame(state, Theme::DARK, columns, rows).backend().buffer()).join("\n");
    for (columns, rows) in [(200, 60), (300, 80)] {
        for target in ["checkout", &url] {
            let text = shown(&state(target), columns, rows);
            let first = text.lines().next().unwrap();
            assert!(first.contains(&url), "{columns}×{rows}: {text}");
            assert!(text.contains("platform 2xx") && text.contains("18.0/s") && !text.contains("platform_"), "{text}");
            assert!(text.contains("platform concurrency"), "{text}");
            assert!(text.contains(image) || !text.contains("image …"), "{text}");
        }
    }
    // The first screen has it whole, too.
    let first = fixtures::state().at_url("checkout", &url).build();
    assert!(shown(&first, 200, 60).contains(&format!("GET {url}")));
    for (columns, rows) in [(60, 16), (80, 24), (100, 30), (150, 40)] {
        let text = shown(&state(&url), columns, rows);
        let first = text.lines().next().unwrap();
        assert!(first.contains("…") || first.contains(&url) || !first.contains("https:"), "{columns}×{rows}: {first}");
    }
}

/// The style of the first cell of `text` on the screen.
fn style_of(buffer: &Buffer, text: &str) -> Style {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let row: String = (area.left()..area.right()).map(|x| buffer[(x, y)].symbol()).collect();
        if let Some(at) = row.find(text) {
            let x = u16::try_from(row[..at].chars().count()).unwrap();
            return buffer[(x, y)].style();
        }
    }
    panic!("{text:?} is not on the screen");
}

fn foreground(state: &State, text: &str) -> Option<ratatui::style::Color> {
    style_of(frame(state, Theme::DARK, 120, 40).backend().buffer(), text).fg
}

#[test]
fn trouble_has_the_colour_of_trouble() {
    assert_eq!(foreground(built("overview__source_stale"), "stale 40 s"), Some(Theme::DARK.color(Role::Warn)));
    assert_eq!(foreground(built("overview__source_failed"), "failed"), Some(Theme::DARK.color(Role::Bad)));
    assert_eq!(foreground(built("overview__steady"), "live"), Some(Theme::DARK.color(Role::Good)));
}

#[test]
fn a_p99_over_the_objective_is_red_in_title_and_curve() {
    let over = state().rate(50).p99_ms(640).run(30).build();
    let p99 = over.session().timeline().latest().and_then(|row| row.ok).map(|ok| ok.p99);
    assert_eq!(foreground(&over, &text::latency(p99)), Some(Theme::DARK.color(Role::Bad)));
    let terminal = frame(&over, Theme::DARK, 120, 40);
    let red = Theme::DARK.color(Role::Bad);
    let dots = terminal.backend().buffer().content.iter().filter(|cell| is_braille(cell.symbol()) && cell.fg == red);
    assert!(dots.count() > 10, "no red curve");
    let under = state().rate(50).p99_ms(120).run(30).build();
    let terminal = frame(&under, Theme::DARK, 120, 40);
    let dots = terminal.backend().buffer().content.iter().filter(|cell| is_braille(cell.symbol()) && cell.fg == red);
    assert_eq!(dots.count(), 0, "a red curve although the objective holds");
}

/// A session that has sent nothing, with keys of one's own.
fn with_keys_of_ones_own(ui: impl FnOnce(&mut Ui)) -> State {
    let spike = ["f5".to_owned()];
    let up = ["w".to_owned()];
    let wish = |action, keys| Wish { place: None, action, keys };
    let wishes =
        [wish("spike", &spike[..]), wish("rate-up", &up), wish("cycle-window", &[]), wish("cancel", &spike[..0])];
    let keys = std::sync::Arc::new(KeyMap::rebound(&wishes).unwrap());
    state()
        .ui(|shown| {
            shown.keys = keys;
            ui(shown);
        })
        .build()
}

#[test]
fn hints_help_and_the_first_screen_show_the_keys_in_force() {
    let shown = |state: &State| letters(frame(state, Theme::DARK, 120, 40).backend().buffer()).join("\n");
    let first = shown(&with_keys_of_ones_own(|_| {}));
    assert!(
        first.contains("w          sends 50/s more; ↓ fewer") && first.contains("F5         spikes to 600/s"),
        "{first}"
    );
    assert!(first.contains("w ↓ rate  ") && first.contains("  F5 spike  "), "{first}");
    assert!(first.contains("none yet: w raises the rate, F5 spikes it"), "{first}");
    let help = shown(&with_keys_of_ones_own(|ui| ui.help = Some(0)));
    assert!(
        help.contains("│ w  ↓ j          raise, lower the rate") && help.contains("│ F5              spike"),
        "{help}"
    );
    assert!(
        help.contains("? closes; ") && help.contains("other keys keep working ") && !help.contains("time window"),
        "{help}"
    );
    let past = shown(&with_keys_of_ones_own(|ui| ui.range.until = Some(Elapsed::ZERO)));
    assert!(!past.contains("back to live"), "no key does it: {past}");
}

fn is_braille(symbol: &str) -> bool {
    symbol.chars().all(|ch| ('\u{2801}'..='\u{28ff}').contains(&ch))
}

#[test]
fn without_colours_nothing_is_coloured() {
    for (name, state) in BUILT.iter() {
        let terminal = frame(state, Theme::MONO, 120, 40);
        let coloured = terminal
            .backend()
            .buffer()
            .content
            .iter()
            .find(|cell| cell.fg != ratatui::style::Color::Reset || cell.bg != ratatui::style::Color::Reset);
        assert_eq!(coloured, None, "{name}");
    }
}

#[test]
fn no_control_character_reaches_the_terminal() {
    for (name, state) in BUILT.iter() {
        for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
            for view in View::ALL {
                let state = looked_at(state, |ui| ui.view = view);
                let terminal = frame(&state, Theme::DARK, columns, rows);
                let cells = &terminal.backend().buffer().content;
                let hostile =
                    cells.iter().find(|cell| cell.symbol().chars().any(|ch| ch.is_control() || ch == '\u{202e}'));
                assert_eq!(hostile, None, "{name} in {view:?} at {columns}×{rows}");
            }
        }
    }
}

#[test]
fn the_halves_of_two_targets_have_the_same_scales() {
    for name in ["two__scale_out", "two__latency"] {
        for (columns, rows) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let terminal = frame(built(name), Theme::DARK, columns, rows);
            let buffer = terminal.backend().buffer();
            // On a wide screen the facts stand right of the charts of the overview.
            let charts = match name {
                "two__scale_out" => {
                    layout::overview_of_two(layout::screen(buffer.area, false, true).body, None, both::WIDTH).times
                }
                _ => buffer.area,
            };
            let right = layout::half(charts, Side::Second).x;
            let text =
                |from: u16, y: u16| -> String { (from..from + GUTTER).map(|x| buffer[(x, y)].symbol()).collect() };
            let labels = (0..rows).map(|y| (text(0, y), text(right, y))).filter(|(left, _)| left.ends_with('┤'));
            let labels: Vec<_> = labels.collect();
            assert!(labels.len() >= 2, "{name} at {columns}×{rows}: {labels:?}");
            assert!(labels.iter().all(|(left, right)| left == right), "{name} at {columns}×{rows}: {labels:?}");
        }
    }
}

#[test]
fn a_column_of_either_half_is_the_same_moment_for_the_mouse() {
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let mut places = Places::default();
    terminal.draw(|frame| places = paint(built("two__scale_out"), Theme::DARK, frame)).unwrap();
    let right = layout::half(ratatui::layout::Rect::new(0, 0, 120, 40), Side::Second).x;
    for column in [GUTTER, GUTTER + 17, right - 4] {
        let moment = places.moment(column, 12, false);
        assert_eq!(moment, places.moment(column + right, 12, false), "{column}");
        assert!(moment.is_some(), "{column}");
    }
}

#[test]
fn drawing_twice_writes_nothing_the_second_time() {
    let state = built("overview__scale_out");
    let mut terminal = frame(state, Theme::DARK, 120, 40);
    let before = terminal.backend().buffer().clone();
    terminal.draw(|frame| draw(state, &Theme::DARK, frame)).unwrap();
    assert_eq!(terminal.backend().buffer(), &before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn no_size_and_no_moment_panics(
        columns in 1_u16..=250, rows in 1_u16..=80, view in 0_usize..5, which in 0_usize..1000, help: bool, selected in 0_usize..40,
        scrolled in proptest::option::of(0_u64..4_000), window in 0_usize..4,
        looked_at_from in proptest::option::of(0_u64..4_000), zoom in proptest::option::of(1_u32..4_000)
    ) {
        let windows = [Window::Minute, Window::FiveMinutes, Window::FifteenMinutes, Window::All];
        let (_, state) = &BUILT[which % BUILT.len()];
        let state = looked_at(state, |ui| {
            let until = scrolled.map(Elapsed::from_secs);
            let cursor = looked_at_from.map(Elapsed::from_secs);
            let range = TimeRange { window: windows[window], until, cursor, zoom, ..TimeRange::default() };
            *ui = Ui { view: View::ALL[view], help: help.then_some(0), selected, range, ..ui.clone() };
        });
        frame(&state, Theme::DARK, columns, rows);
    }
}

/// Writes every situation as terminal output into a folder, to be looked at:
/// `GALLERY=/tmp/gallery cargo test --lib gallery -- --ignored` (`GALLERY_ONLY=steps` for some), then show a file with `cat`
/// in a terminal of its size.
#[test]
#[ignore = "writes pictures for people to look at"]
fn gallery() {
    let folder = std::env::var("GALLERY").expect("GALLERY names a folder");
    let only = std::env::var("GALLERY_ONLY").unwrap_or_default();
    for (name, state) in BUILT.iter().filter(|(name, _)| name.contains(&only)) {
        for (columns, rows) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            for (look, theme) in [
                ("dark", Theme::DARK),
                ("light", Theme::LIGHT),
                ("mono", Theme::MONO),
                ("ansi", Theme::ANSI),
                ("ascii", Theme::DARK.with(Glyphs::Ascii)),
                ("blocks", Theme::DARK.with(Glyphs::Blocks)),
            ] {
                let terminal = frame(state, theme, columns, rows);
                let path = format!("{folder}/{name}__{columns}x{rows}__{look}.ansi");
                std::fs::write(path, ansi(terminal.backend().buffer())).unwrap();
            }
        }
    }
}

/// What a terminal would be sent for this frame.
fn ansi(buffer: &Buffer) -> Vec<u8> {
    let mut bytes = Vec::new();
    let cells = buffer.content.iter().enumerate().map(|(at, cell)| {
        let (x, y) = buffer.pos_of(at);
        (x, y, cell)
    });
    CrosstermBackend::new(&mut bytes).draw(cells).unwrap();
    bytes
}
