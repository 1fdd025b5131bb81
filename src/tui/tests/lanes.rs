//! Instances as lanes, and how many there are said to be.

use super::*;
use crate::instances::Basis;
use crate::tui::panels::lanes;

#[test]
fn up_to_six_instances_are_lanes_and_more_are_lines() {
    let with = |ids: &[&'static str]| {
        let begun = state().rate(600).run(5);
        let state = ids.iter().fold(begun, |state, id| state.instance(id).run(3));
        state.ui(|ui| ui.range.window = Window::All).build()
    };
    let ids = ["i-2", "i-3", "i-4", "i-5", "i-6", "i-7"];
    let six = with(&ids[..5]);
    assert_eq!(lanes::rows(&six).map(|rows| (rows.least, rows.most)), Some((7, 7)), "a lane each, and what is needed");
    let screen = letters(frame(&six, Theme::DARK, 120, 50).backend().buffer()).join("\n");
    for id in &ids[..5] {
        assert!(screen.contains(&format!("\n{id} ")), "{id}:\n{screen}");
    }
    assert!(screen.contains("5.1 s▸"), "how long after the step the first of them answered:\n{screen}");
    let seven = with(&ids);
    assert_eq!(lanes::rows(&seven), None);
    assert!(!letters(frame(&seven, Theme::DARK, 120, 50).backend().buffer()).join("\n").contains("\ni-2 "));
}

#[test]
fn those_that_are_gone_take_no_lane_from_those_that_live() {
    let ids = ["i-2", "i-3", "i-4", "i-5", "i-6", "i-7", "i-8"];
    // One leaves whenever another comes: two live at the end, six are gone.
    let mut session = state().rate(100).run(20);
    for id in ids {
        session = session.instance(id).run(10);
        if id != "i-2" {
            session = session.without_first_instance().run(10);
        }
    }
    let state = session.ui(|ui| ui.range.window = Window::All).build();
    let rows = lanes::rows(&state).map(|rows| (rows.least, rows.most));
    assert_eq!(rows, Some((3, 7)), "six lanes at most, two at least, and what is needed");
    // Where there is no room for all, those that live have theirs.
    let small = letters(frame(&state, Theme::DARK, 80, 24).backend().buffer()).join("\n");
    assert!(ids[5..].iter().all(|id| small.contains(&format!("\n{id} "))), "{small}");
    let rows = letters(frame(&state, Theme::DARK, 120, 50).backend().buffer());
    let screen = rows.join("\n");
    for id in &ids[1..] {
        assert!(screen.contains(&format!("\n{id} ")), "{id}: the last that went, and those that live:\n{screen}");
    }
    assert!(!screen.contains("\ni-7f3a ") && screen.contains("2 gone are not shown"), "{screen}");
}

#[test]
fn how_many_answer_is_one_number_at_every_moment() {
    let mut session = state().rate(600).run(5).instance("i-2").run(5).instance("i-3").run(5).without_first_instance();
    for _ in 0..12 {
        session = session.run(1);
        for cursor in [None, Some(Elapsed::from_secs(8))] {
            let state = session.clone().view(View::Instances).ui(|ui| ui.range.cursor = cursor).build();
            let screen = letters(frame(&state, Theme::DARK, 120, 40).backend().buffer()).join("\n");
            let (_, of_title) = screen.split_once("responding ").unwrap();
            let responding = of_title.split_whitespace().next().unwrap();
            let (said, _) = screen.split_once(" answering").unwrap();
            assert_eq!(said.split_whitespace().last(), Some(responding), "{screen}");
            let expected = if cursor.is_some() { "2 answering, 0 gone" } else { "2 answering, 1 " };
            assert!(screen.contains(expected), "{screen}");
        }
    }
}

#[test]
fn where_lanes_have_no_room_every_count_is_there_as_a_number() {
    let state = state().limits().rate(600).run(5).instance("i-2").run(3).instance("i-3").run(3).instance("i-4").run(20);
    let counted = [(1, 25), (4, 15)].into_iter().fold(state, |state, (count, ago)| {
        state.observed(Basis::Running, count, ago, false).observed(Basis::Desired, count, ago, false)
    });
    let state = counted.ui(|ui| ui.range.window = Window::All).build();
    let rows = letters(frame(&state, Theme::DARK, 80, 24).backend().buffer());
    for (label, changes) in [("respond", "1─2─3─4"), ("running", "1─4"), ("needed", "5")] {
        let row = rows.iter().find(|row| row.starts_with(label)).unwrap_or_else(|| panic!("{label}: {rows:?}"));
        let mut told: String = row.chars().filter(|ch| ch.is_ascii_digit() || *ch == '─').collect();
        while told.contains("──") {
            told = told.replace("──", "─");
        }
        assert!(told.contains(changes), "{label}: {row}");
    }
}

#[test]
fn those_that_are_gone_are_a_line_that_enter_unfolds() {
    let state = state().rate(100).run(20).instance("i-2").run(20).without_first_instance().run(40);
    let state = state.view(View::Instances).build();
    let screen = |state: &State| letters(frame(state, Theme::DARK, 120, 40).backend().buffer()).join("\n");
    let folded = screen(&state);
    assert!(folded.contains("1 gone: i-7f3a  Enter unfolds them") && !folded.contains("\ni-7f3a"), "{folded}");
    let unfolded = screen(&looked_at(&state, |ui| ui.gone = ui.gone.toggled()));
    assert!(unfolded.contains("\ni-7f3a") && unfolded.contains("Enter folds them"), "{unfolded}");
}
