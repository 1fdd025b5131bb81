//! The overview: four charts on one time axis, the steps below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::State;
use crate::tui::chart;
use crate::tui::layout::{self, Frame};
use crate::tui::panels::{charts, lanes, side, steps, welcome};
use crate::tui::scene::Scene;
use crate::tui::theme::Theme;
use crate::tui::views::Charts;

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Charts {
    let parts = layout::overview(screen.body, lanes::rows(state));
    let scene = super::scene(buf, screen.header, parts.times, state, theme);
    let all = self::charts(buf, &parts, &scene);
    let words = match parts.steps.height {
        0..=2 => 0,
        3..=8 => 1,
        _ => 3,
    };
    steps::draw(buf, parts.steps, state, theme, words);
    side::draw(buf, parts.side, &scene);
    if welcome::is_wanted(state) {
        welcome::draw(buf, all, state, theme);
    }
    super::look(buf, all, &scene)
}

/// Draws the four charts with the times below them and the steps above. Returns where they are.
pub(crate) fn charts(buf: &mut Buffer, parts: &layout::Overview, scene: &Scene<'_>) -> Rect {
    let theme = scene.theme;
    chart::rule_labels(buf, parts.rules, theme, &scene.events);
    let all = parts.charts.into_iter().reduce(Rect::union).unwrap_or_default();
    chart::rules(buf, all, theme, &scene.events);
    let [rate, latency, errors, instances] = parts.charts;
    charts::rate(buf, rate, scene);
    charts::latency(buf, latency, scene);
    charts::errors(buf, errors, scene);
    if !lanes::draw(buf, instances, scene) {
        charts::instances(buf, instances, scene);
    }
    chart::times(buf, parts.times, theme, &scene.axis, &scene.window_label());
    all
}
