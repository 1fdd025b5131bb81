//! What must be true of every chart that is painted: no cut number, no lost colour, no glyph out of the list.

use ratatui::style::{Color, Modifier, Style};

use super::*;
use crate::instances::Basis;
use crate::tui::panels::lanes;
use scaletop_load::OutcomeKind;

/// Whether a number in a row is whole: groups of three digits after a comma. Cut ones end in `…`.
fn is_whole(number: &str, after: Option<char>) -> bool {
    let (whole, _) = number.split_once('.').unwrap_or((number, ""));
    let mut groups = whole.split(',');
    let first = groups.next().is_some_and(|first| !first.is_empty() && (first.len() <= 3 || !whole.contains(',')));
    after == Some('…') || first && groups.all(|group| group.len() == 3)
}

/// A session whose every count needs all the room there is.
fn large_numbers() -> State {
    let state =
        state().limits().rate(987_654).drops(912_345, 30_000).errors(OutcomeKind::Http429, 40_000).send_lag_ms(12_345);
    state.p99_ms(12_345).run(65).rate(123_456).run(4).live("cloudwatch").stale("cloudwatch", 34_567).build()
}

#[test]
fn no_number_is_cut_without_an_ellipsis() {
    let state = large_numbers();
    for (columns, rows) in
        [(60, 16), (66, 18), (73, 20), (80, 24), (100, 30), (120, 40), (149, 40), (200, 50), (300, 80)]
    {
        for view in View::ALL {
            let state = looked_at(&state, |ui| ui.view = view);
            for row in letters(frame(&state, Theme::DARK, columns, rows).backend().buffer()) {
                let chars: Vec<char> = row.chars().collect();
                let is_part = |ch: char| ch.is_ascii_digit() || ch == ',' || ch == '.';
                for number in chars.split(|ch| !is_part(*ch)).filter(|part| part.contains(&',')) {
                    let at = number.as_ptr_range().end as usize - chars.as_ptr() as usize;
                    let after = chars.get(at / size_of::<char>()).copied();
                    let number: String = number.iter().collect();
                    let number = number.trim_matches([',', '.']);
                    if !number.contains(',') {
                        continue;
                    }
                    assert!(is_whole(number, after), "{number:?} in {view:?} at {columns}×{rows}: {row}");
                }
            }
        }
    }
}

#[test]
fn text_reaches_the_screen_through_the_helper_that_marks_what_is_cut() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tui");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs")
                && !path.ends_with("text.rs")
                && !path.ends_with("tests.rs")
            {
                let source = std::fs::read_to_string(&path).unwrap();
                for way in ["set_stringn(", "set_line(", "set_span("] {
                    assert!(!source.contains(way), "{} cuts silently: {way}", path.display());
                }
            }
        }
    }
}

#[test]
fn the_screen_uses_no_character_that_the_list_does_not_have() {
    let known = |ch: char| ch.is_ascii() || ('\u{2800}'..='\u{28ff}').contains(&ch) || glyphs::ALL.contains(ch);
    for (name, state) in BUILT.iter().filter(|(name, _)| !name.contains("hostile") && !name.contains("not_scaled")) {
        for view in View::ALL {
            let state = looked_at(state, |ui| ui.view = view);
            for theme in [Theme::DARK, Theme::MONO] {
                let terminal = frame(&state, theme, 120, 40);
                let cells = &terminal.backend().buffer().content;
                let unknown = cells.iter().flat_map(|cell| cell.symbol().chars()).find(|&ch| !known(ch));
                assert_eq!(unknown, None, "{name} in {view:?}");
            }
            let terminal = frame(&state, Theme::DARK.with(Glyphs::Ascii), 120, 40);
            let cells = &terminal.backend().buffer().content;
            let other =
                cells.iter().find(|cell| !cell.symbol().is_ascii() || cell.symbol() == "?" && view != View::Log);
            assert!(other.is_none_or(|cell| cell.symbol() == "?"), "{name} in {view:?}: {other:?}");
        }
    }
}

#[test]
fn the_selected_row_is_one_style_in_16_colours() {
    let terminal = frame(built("steps__recovered"), Theme::ANSI, 120, 40);
    let buffer = terminal.backend().buffer();
    let reversed = |y: u16| {
        (0..120).map(move |x| &buffer[(x, y)]).filter(|cell| cell.modifier.contains(Modifier::REVERSED)).count()
    };
    let row = (4..40).find(|&y| reversed(y) > 20).expect("a selected row");
    let styles: std::collections::HashSet<Style> = (0..120).map(|x| buffer[(x, row)].style()).collect();
    assert_eq!(styles.len(), 1, "{styles:?}");
}

#[test]
fn without_colours_responding_and_active_are_drawn_with_other_glyphs() {
    let text = letters(frame(built("overview__scale_out"), Theme::MONO, 120, 40).backend().buffer()).join("\n");
    let before = |word: &str| text.split_once(word).and_then(|(head, _)| head.trim_end().chars().last());
    assert_ne!(before(" responding "), before(" active "));
    assert_ne!(before(" active "), before(" needed "));
}

#[test]
fn text_over_a_step_line_does_not_take_its_colour() {
    for theme in [Theme::DARK, Theme::ANSI] {
        let terminal = frame(built("instances__recovered"), theme, 120, 40);
        let buffer = terminal.backend().buffer();
        let faint = theme.style(Role::Faint);
        for cell in buffer.content.iter().filter(|cell| cell.symbol().chars().all(char::is_alphanumeric)) {
            let is_faint = cell.fg == theme.color(Role::Faint) && cell.modifier.contains(faint.add_modifier);
            assert!(!is_faint || theme == Theme::ANSI, "{cell:?}");
        }
    }
}

#[test]
fn failures_that_come_at_once_do_not_look_fast() {
    // 80 % are refused within 4 ms; OK answers take 92 ms.
    let refused = state().limits().rate(600).run(60).build();
    let terminal = frame(&refused, Theme::DARK, 120, 40);
    let text = letters(terminal.backend().buffer());
    let title = text.iter().find(|row| row.starts_with("Latency")).expect("the chart");
    assert!(title.contains("p99 9") && title.contains("p50 8") && title.contains("failed p99 4.0 ms"), "{title}");
    let latency = looked_at(&refused, |ui| ui.view = View::Latency);
    let text = letters(frame(&latency, Theme::DARK, 120, 40).backend().buffer());
    let rows: Vec<&String> = text.iter().filter(|row| row.trim_start().starts_with("failed")).collect();
    assert!(rows.iter().any(|row| row.contains('▇')), "a row of their own: {text:#?}");
    let labels: Vec<&str> = text.iter().filter_map(|row| row.split_once('┤')).map(|(label, _)| label.trim()).collect();
    let spread = text.iter().position(|row| row.starts_with("Spread")).expect("the map");
    let of_map: Vec<&str> =
        text[spread..].iter().filter_map(|row| row.split_once('┤')).map(|(label, _)| label.trim()).collect();
    let distinct: std::collections::HashSet<&&str> = of_map.iter().collect();
    assert_eq!(distinct.len(), of_map.len(), "a label twice: {labels:?}");
    assert!(!of_map.iter().any(|label| label.starts_with('0')), "nothing below a millisecond: {of_map:?}");
}

#[test]
fn what_is_off_the_scale_is_marked_with_its_value() {
    let state = built("overview__off_the_scale");
    let text = letters(frame(state, Theme::DARK, 120, 40).backend().buffer()).join("\n");
    assert!(text.contains("▲ 5,000"), "the burst of two seconds: {text}");
    assert!(text.contains("▲ 9.0 s") || text.contains("▲ 9 s"), "its latency: {text}");
    assert!(text.contains("▲ 500 ms"), "the objective, which does not press the curve down: {text}");
}

#[test]
fn a_replay_of_a_moment_is_drawn_as_the_moment_was() {
    // Of the scale's memory, too: the burst has left the scale at one moment and not at the other.
    for calm in [3, 40] {
        let session = || state().limits().rate(50).run(60).rate(900).run(2).rate(50).run(calm);
        // A replay has a row more: its bar.
        let [live, replayed] =
            [(session().build(), 40), (session().replay(10, 3_600).build(), 41)].map(|(state, rows)| {
                let buffer = frame(&state, Theme::DARK, 120, rows).backend().buffer().clone();
                let plots = (5..28).flat_map(|y| (0..120).map(move |x| (x, y)));
                plots.map(|at| buffer[at].clone()).collect::<Vec<_>>()
            });
        assert!(live == replayed, "after {calm} s");
    }
}

#[test]
fn every_series_with_a_value_has_a_cell_of_its_colour_in_its_plot() {
    let five = built("overview__five_failures");
    let spike = built("overview__scale_out");
    for (columns, rows) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        for theme in [Theme::DARK, Theme::LIGHT] {
            let has = |state: &State, chart: usize, color: Color| {
                let area = layout::overview(
                    layout::screen(ratatui::layout::Rect::new(0, 0, columns, rows), false, false).body,
                    lanes::rows(state),
                )
                .charts[chart];
                let terminal = frame(state, theme, columns, rows);
                let cells = chart::plot_area(area).positions();
                cells.map(|at| terminal.backend().buffer()[at].clone()).any(|cell| cell.fg == color || cell.bg == color)
            };
            for (chart, color, name) in [
                (0, theme.fill(Role::Ok), "ok"),
                (0, theme.fill(Role::Bad), "failed"),
                (0, theme.color(Role::Sent), "sent"),
                (0, theme.color(Role::Target), "target"),
                (1, theme.color(Role::P50), "p50"),
                (1, theme.color(Role::Oldest), "oldest"),
                (1, theme.color(Role::OtherErrors), "failed p99"),
                (1, theme.color(Role::Slo), "objective"),
                (3, theme.color(Role::Needed), "needed"),
                (3, theme.color(Role::Limit), "limit"),
                (3, theme.color(Role::Responding), "responding"),
            ] {
                assert!(has(five, chart, color), "{name} at {columns}×{rows}, {theme:?}");
                assert!(has(spike, chart, color), "{name} of the spike at {columns}×{rows}, {theme:?}");
            }
            for role in [Role::Status429, Role::Status5xx, Role::OtherErrors, Role::Dropped] {
                // Four layers need four cells.
                assert!(rows < 60 || has(five, 2, theme.color(role)), "{role:?} at {columns}×{rows}, {theme:?}");
            }
            assert!(
                has(spike, 3, theme.color(Role::Active)) && has(five, 1, theme.color(Role::P99)),
                "{columns}×{rows}"
            );
            assert!(has(spike, 1, theme.color(Role::Bad)), "p99 over the objective at {columns}×{rows}");
        }
    }
}

#[test]
fn the_line_of_the_objective_steps_where_it_changed() {
    let rows_of = |state: &State| -> Vec<u16> {
        let terminal = frame(state, Theme::DARK, 120, 40);
        let area =
            layout::overview(layout::screen(Rect::new(0, 0, 120, 40), false, false).body, lanes::rows(state)).charts[1];
        let cells = chart::plot_area(area).positions();
        let is_line =
            |at: &ratatui::layout::Position| terminal.backend().buffer()[*at].fg == Theme::DARK.color(Role::Slo);
        let mut rows: Vec<u16> = cells.filter(is_line).map(|at| at.y).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    };
    let whole = |builder: fixtures::Builder| builder.ui(|ui| ui.range.window = Window::All).build();
    assert_eq!(rows_of(&whole(state().rate(50).run(60))).len(), 1);
    let changed = whole(state().rate(50).run(30).objective_ms(20).run(30));
    assert_eq!(rows_of(&changed).len(), 2, "the old one on the left, the new one on the right");
}

#[test]
fn of_the_past_the_numbers_are_those_of_its_moment_or_say_that_they_are_of_now() {
    let state = state().limits().rate(600).run(20).drops(40, 0).run(60).live("cloudwatch").fact("status", "RUNNING");
    let state = state.observed(Basis::Active, 1, 60, false).observed(Basis::Active, 4, 15, false);
    let shown = |cursor: Option<u64>, columns, rows| {
        let state = state.clone().ui(|ui| ui.range.cursor = cursor.map(Elapsed::from_secs)).build();
        letters(frame(&state, Theme::DARK, columns, rows).backend().buffer()).join("\n")
    };
    let (now, past) = (shown(None, 149, 40), shown(Some(34), 149, 40));
    assert!(now.contains("dropped 2,400") && past.contains("dropped 600"), "fifteen seconds of forty:\n{past}");
    assert!(shown(Some(10), 149, 40).lines().nth(1).is_some_and(|line| !line.contains("dropped")), "none yet");
    assert!(now.contains("active 4") && past.contains("active 1"), "{past}");
    assert!(past.contains("cloudwatch live now") && past.contains("status RUNNING now"), "{past}");
    assert!(!now.contains(" now"), "{now}");
    let wide = shown(Some(34), 200, 60);
    for heading in ["Service, as of now", "Session, as of now", "Sources, as of now"] {
        assert!(wide.contains(heading), "{heading}:\n{wide}");
    }
}

#[test]
fn the_views_are_on_the_first_line_whatever_it_has_to_say() {
    for (name, state) in BUILT.iter() {
        for (columns, rows) in [(80, 24), (120, 40)] {
            let rows = letters(frame(state, Theme::DARK, columns, rows).backend().buffer());
            for view in View::offered(state.halves()) {
                let title = &view.title()[..3];
                assert!(rows[0].contains(title), "{name} at {columns}: {title} in {}", rows[0]);
            }
        }
    }
}

#[test]
fn no_entry_of_the_help_is_cut() {
    for name in ["help__overview", "replay__help"] {
        for view in [View::Overview, View::Log] {
            let state = looked_at(built(name), |ui| ui.view = view);
            for (columns, rows, glyphs) in [
                (80, 24, Glyphs::Braille),
                (120, 40, Glyphs::Braille),
                (80, 24, Glyphs::Ascii),
                (120, 40, Glyphs::Ascii),
            ] {
                let screen = letters(frame(&state, Theme::DARK.with(glyphs), columns, rows).backend().buffer());
                let top = screen.iter().position(|row| row.contains(" Keys ")).unwrap();
                let bottom = screen.iter().position(|row| row.contains("other keys keep working")).unwrap();
                let edge = |ch: &char| matches!(ch, '╭' | '╮' | '+');
                let (before, _) = screen[top].split_once(" Keys ").unwrap();
                let left = before.chars().count() - 1;
                let across = screen[top].chars().skip(left + 1).position(|ch| edge(&ch)).unwrap();
                let within = |row: &String| row.chars().skip(left + 1).take(across).collect::<String>();
                let inside = screen[top + 1..bottom].iter().map(within).collect::<Vec<_>>().join("\n");
                let cut = inside.replace("view, …", "").replace("1 … 9", "").replace("T_serving …", "");
                let cut = cut.replace("view, ..", "").replace("1 .. 9", "").replace("T_serving ..", "");
                assert!(!cut.contains('…') && !cut.contains(".."), "{name}, {view:?} at {columns}×{rows}:\n{inside}");
                let mode = KeyMap::mode(&state);
                for binding in state.ui().keys.bindings(mode) {
                    let only_closes =
                        binding.keys.iter().all(|(_, action)| *action == crate::app::action::Action::Cancel);
                    let first = binding.help.split([' ', ',', ':']).next().unwrap();
                    assert!(only_closes || inside.contains(first), "{}: {}\n{inside}", binding.shown, binding.help);
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_prompt_is_whole_at_every_width() {
    let error = "9000/s is above the ceiling of 5,000/s, so nothing changes: --max-rate raises it";
    for (columns, rows) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        let rows =
            letters(frame(built("overview__prompt_error_in_full"), Theme::DARK, columns, rows).backend().buffer());
        let below = rows[rows.len() - 4..].join(" ");
        let words: String = below.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(error) && words.contains("rate, requests/s: 9000"), "{columns}: {words}");
    }
}

#[test]
fn in_ascii_every_text_is_ascii_and_says_what_it_says() {
    for (name, state) in BUILT.iter() {
        for view in View::ALL {
            let state = looked_at(state, |ui| ui.view = view);
            for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
                let terminal = frame(&state, Theme::DARK.with(Glyphs::Ascii), columns, rows);
                let cells = &terminal.backend().buffer().content;
                let other = cells.iter().find(|cell| !cell.symbol().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                assert_eq!(other, None, "{name} in {view:?} at {columns}×{rows}");
            }
        }
    }
    let screen =
        letters(frame(built("overview__scale_out"), Theme::DARK.with(Glyphs::Ascii), 120, 40).backend().buffer());
    let screen = screen.join("\n");
    assert!(screen.contains("+-50") && screen.contains("p99 <=") && screen.contains("UpDn rate"), "{screen}");
    assert!(!screen.contains("~50") && !screen.contains("p99 < "), "{screen}");
}

#[test]
fn why_not_one_answer_is_ok_is_told_on_the_smallest_screen() {
    let refused = || state().limits().rate(20).errors(OutcomeKind::Connect, 20).run(3);
    let one = refused().build();
    let crate::session::standing::Standing::NoneOk { why, .. } =
        crate::session::standing::standing(one.session(), one.now())
    else {
        panic!("nothing is answered")
    };
    let two = refused().beside("demo:ecs", refused()).build();
    for (state, columns, rows, header) in [(&one, 60, 16, 2), (&one, 80, 24, 2), (&two, 80, 24, 3), (&one, 120, 40, 3)]
    {
        let screen = letters(frame(state, Theme::DARK, columns, rows).backend().buffer());
        let words = screen[..header].join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(why.split(' ').all(|word| words.contains(word)), "{columns}×{rows}: {why:?} is not in {words}");
    }
}

#[test]
fn a_replay_says_that_the_past_is_looked_at() {
    let past = looked_at(built("replay__playing"), |ui| ui.range.cursor = Some(Elapsed::from_secs(35)));
    for (columns, rows) in [(60, 16), (80, 24), (120, 40)] {
        let screen = letters(frame(&past, Theme::DARK, columns, rows).backend().buffer());
        assert!(screen[0].contains("REPLAY") && screen[0].contains("PAST 0:35"), "{columns}: {}", screen[0]);
    }
}

#[test]
fn a_message_stands_above_the_keys_and_neither_is_cut() {
    let message = "320/s is above the ceiling of 250/s, so nothing changes: --max-rate raises it";
    for name in ["overview__steady", "replay__playing"] {
        let said = looked_at(built(name), |ui| ui.toast = Some((Elapsed::ZERO, message.to_owned())));
        for (columns, rows) in [(60, 16), (80, 24), (120, 40)] {
            let lines = |state: &State| letters(frame(state, Theme::DARK, columns, rows).backend().buffer());
            let (with, without) = (lines(&said), lines(built(name)));
            assert_eq!(with.last(), without.last(), "the keys stay");
            let over: Vec<&str> = with.iter().zip(&without).filter(|(a, b)| a != b).map(|(a, _)| a.as_str()).collect();
            let words = |part: &&str| over.join(" ").contains(*part);
            assert!(over.len() <= 2 && message.split(' ').all(|word| words(&word)), "{columns}: {over:?}");
        }
    }
}

#[test]
fn all_of_the_help_can_be_reached_on_the_smallest_screen() {
    let mut seen = String::new();
    for from in (0..200).step_by(5) {
        let state = looked_at(built("help__overview"), |ui| ui.help = Some(from));
        let screen = letters(frame(&state, Theme::DARK, 60, 16).backend().buffer());
        assert!(from > 0 || screen[0].contains("more below"), "{}", screen[0]);
        seen += &screen.join("\n");
    }
    for binding in KeyMap::default().bindings(crate::app::keymap::Mode::Normal) {
        let first = binding.help.split([' ', ',', ':']).next().unwrap();
        assert!(seen.contains(first), "{}: {}", binding.shown, binding.help);
    }
    assert!(seen.contains("How to read it") && seen.contains("T_serving"), "{seen}");
}

#[test]
fn the_step_in_words_is_the_one_under_the_cursor() {
    let steps = spike(4, 60).rate(50).run(20).build();
    let starts: Vec<_> = steps.session().steps().iter().map(|report| (report.step.start, report.step.id)).collect();
    assert!(starts.len() > 2, "{starts:?}");
    for (start, id) in starts {
        let at = looked_at(&steps, |ui| ui.range.cursor = Some(start + std::time::Duration::from_millis(500)));
        assert_eq!(panels::steps::selected(&at).map(|report| report.step.id), Some(id));
    }
}
