//! What a frame costs: bytes, and how long a key waits on a slow line.

use super::*;
use crate::tui::theme::Look;

/// What each of the next seconds costs at 120×40, in bytes to the terminal, ascending.
fn costs(mut builder: Builder, theme: Theme) -> Vec<usize> {
    let shown = |builder: &Builder| frame(&builder.clone().build(), theme, 120, 40).backend().buffer().clone();
    let mut before = shown(&builder);
    let mut costs: Vec<usize> = Vec::new();
    for _ in 0..15 {
        builder = builder.run(1);
        let after = shown(&builder);
        costs.push(encode::cost(120, before.diff(&after)));
        before = after;
    }
    costs.sort_unstable();
    costs
}

#[test]
fn a_second_more_costs_less_than_two_kilobytes() {
    let indexed = Theme::from_env(Look::default(), |name| (name == "TERM").then(|| "xterm-256color".to_owned()));
    for theme in [Theme::DARK, indexed] {
        // The window is full: the curves move, all of the axis with them.
        for state in [spike(4, 270), state().limits().rate(50).run(320)] {
            let costs = costs(state, theme);
            assert!(costs[costs.len() / 2] < 2_048, "{theme:?}: {costs:?}");
        }
    }
}

/// In the first minutes of a session, too, in which the axis grows and a spike changes everything: with the colours that most
/// terminals have.
#[test]
fn a_second_of_a_spikes_first_minutes_costs_some_hundred_bytes() {
    let theme = Theme::from_env(Look::default(), |name| (name == "TERM").then(|| "xterm-256color".to_owned()));
    let shown = |builder: &Builder| frame(&builder.clone().build(), theme, 120, 40).backend().buffer().clone();
    let mut builder = state().limits().rate(50).run(20);
    let mut before = shown(&builder);
    let mut costs: Vec<usize> = Vec::new();
    for second in 20..110 {
        builder = match second {
            30 => builder.rate(600).p99_ms(640),
            38 => builder.instance("i-21c0"),
            44 => builder.instance("i-b94e"),
            50 => builder.instance("i-0d55"),
            56 => builder.instance("i-e8a2").p99_ms(96),
            90 => builder.rate(50),
            _ => builder,
        };
        builder = builder.run(1);
        let after = shown(&builder);
        costs.push(encode::cost(120, before.diff(&after)));
        before = after;
    }
    costs.sort_unstable();
    let part = |share: usize| costs[costs.len() * share / 100];
    // Where the axis grows, or a step changes a scale, most of the screen is drawn anew.
    assert!(part(50) < 800 && part(90) < 2_048, "{} {} {}", part(50), part(90), part(99));
}

/// Bytes from one frame to the next, and how many of them there are before a text is whole in the header.
fn change(before: &Buffer, after: &Buffer) -> (usize, usize) {
    let cells = before.diff(after);
    let bytes = |cells: &[(u16, u16, &ratatui::buffer::Cell)]| encode::cost(120, cells.iter().copied());
    let header: Vec<_> = cells.iter().copied().take_while(|(_, y, _)| *y < 2).collect();
    (bytes(&cells), bytes(&header))
}

/// On a line of 1,200 bytes a second a key is seen within two seconds, in whichever moment it is pressed: in virtual time, with the
/// frames that a session under load has and buffers as those of a pseudo terminal of Linux.
#[test]
fn on_a_slow_line_a_key_is_seen_within_two_seconds() {
    use crate::tui::line::Line;
    use crate::tui::line::tests::{Slow, send};
    use std::time::Duration;

    let mut builder = spike(4, 270);
    let seconds: Vec<Builder> = (0..60)
        .map(|_| {
            builder = builder.clone().run(1);
            builder.clone()
        })
        .collect();
    let drawn = |builder: &Builder, rate: Option<u32>| {
        let builder = rate.map_or_else(|| builder.clone(), |rate| builder.clone().rate(rate));
        frame(&builder.build(), Theme::DARK, 120, 40).backend().buffer().clone()
    };
    let frames: Vec<Buffer> = seconds.iter().map(|second| drawn(second, None)).collect();
    let mut waits = Vec::new();
    // From when the first frame is there on, and later.
    let first = change(&Buffer::empty(frames[0].area), &frames[0]).0 as f64 / 1_200.0;
    assert!(first < 10.0, "{first} s");
    for pressed in (0..16).flat_map(|phase| [first, 50.0].map(|from| from + f64::from(phase) * 0.37)) {
        let (mut line, mut slow) = (Line::default(), Slow::new(1_200.0, 4_096.0, 128.0));
        let mut shown = Buffer::empty(frames[0].area);
        let (mut now, mut busy_until, mut waits_for) = (0.0_f64, 0.0, None);
        let seen = loop {
            now += 0.05;
            let is_asked = now >= pressed;
            if now < busy_until || !line.is_free(Duration::from_millis(crate::text::whole(now * 1_000.0)), is_asked) {
                continue;
            }
            let at = usize::try_from(crate::text::whole(now - 0.5)).unwrap().min(seconds.len() - 1);
            let mut target = if is_asked { drawn(&seconds[at], Some(777)) } else { frames[at].clone() };
            if target == shown {
                continue;
            }
            if let Some(budget) = line.budget() {
                waits_for = partly::within(&mut target, &shown, budget, waits_for.unwrap_or(0));
            }
            let (bytes, header) = change(&shown, &target);
            let before = slow.written();
            busy_until = send(&mut line, &mut slow, bytes, now);
            shown = target;
            if is_asked {
                break slow.seen_at(before + header as f64).max(now);
            }
        };
        waits.push(seen - pressed);
    }
    assert!(waits.iter().all(|wait| *wait <= 2.0), "{waits:.2?}");
}
