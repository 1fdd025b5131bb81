//! What things look like: roles to styles, for dark and light terminals, 16 colours, and none.
//!
//! State and panels speak of roles. The colours of what is charted are those of [`palette`], which the report has too; here stand
//! those that only a screen needs.

mod colors;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::app::state::{Characters, Colors};
use crate::chart::palette;
use crate::tui::asking::Answer;
use crate::tui::glyphs::Glyphs;
use crate::tui::theme::colors::{HEAT_DARK, HEAT_LIGHT, ansi, dark, light, nearest_indexed, rgb};

/// What something on the screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Text,
    /// Labels, units, explanations.
    Label,
    /// Axes, step lines, rules.
    Faint,
    /// Titles of panels.
    Title,
    /// The rate in force, the view on screen.
    Badge,
    /// The selected row of a list.
    Selected,
    /// A key in hints and help.
    Key,
    Good,
    /// The result may suffer.
    Warn,
    /// The objective is missed, something failed.
    Bad,
    /// The arrival rate asked for.
    Target,
    /// Requests sent.
    Sent,
    /// Requests answered OK.
    Ok,
    P50,
    /// The 99th percentile.
    P99,
    /// The oldest request in flight.
    Oldest,
    Slo,
    /// Answers with status 429.
    Status429,
    /// Answers with a status from 500 on.
    Status5xx,
    /// What failed otherwise, and the latency of failures.
    OtherErrors,
    /// Dropped arrivals.
    Dropped,
    /// Instances seen in answers.
    Responding,
    /// App Runner's active instances.
    Active,
    /// Running tasks.
    Running,
    /// Desired tasks.
    Desired,
    /// Pending tasks.
    Pending,
    /// Instances needed by Little's law.
    Needed,
    /// Limits of scaling.
    Limit,
    /// Marks.
    Mark,
}

pub(crate) use crate::chart::palette::HEAT_LEVELS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    palette: Palette,
    /// Whether only the 256 indexed colours are there.
    indexed: bool,
    glyphs: Glyphs,
    /// Whether nobody has said yet if the background is light, so that the terminal may be asked.
    may_ask_background: bool,
    /// Whether nobody has said which characters to use, so that they may be measured.
    may_measure: bool,
}

/// What the user may say about the look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The colours: `None` follows the terminal.
    pub theme: Option<Theme>,
    /// The characters: `None` follows the terminal.
    pub glyphs: Option<Glyphs>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Palette {
    Dark,
    Light,
    Ansi,
    Mono,
}

impl Default for Theme {
    fn default() -> Self {
        Self::DARK
    }
}

impl Theme {
    /// For dark terminals with all colours.
    pub const DARK: Self = Self::plain(Palette::Dark);
    /// For light terminals with all colours.
    pub const LIGHT: Self = Self::plain(Palette::Light);
    /// The terminal's own 16 colours, readable on dark and on light.
    pub const ANSI: Self = Self::plain(Palette::Ansi);
    /// No colours: weight and line style only.
    pub const MONO: Self = Self::plain(Palette::Mono);

    const fn plain(palette: Palette) -> Self {
        Self { palette, indexed: false, glyphs: Glyphs::Braille, may_ask_background: false, may_measure: false }
    }

    /// The theme for a terminal that says of itself what `var` returns for environment variables, unless `look` says it.
    ///
    /// `NO_COLOR` (any text) wins; `COLORFGBG` tells light from dark where the terminal sets it; `COLORTERM` and `TERM` tell
    /// how many colours there are; a locale that is not UTF-8, and the Linux console, have no braille.
    pub fn from_env(look: Look, var: impl Fn(&str) -> Option<String>) -> Self {
        let glyphs = look.glyphs.unwrap_or_else(|| Glyphs::from_env(&var));
        let is_dumb = var("TERM").is_none_or(|term| term == "dumb");
        let may_measure = look.glyphs.is_none() && glyphs == Glyphs::Braille && !is_dumb;
        Self { glyphs, may_measure, ..Self::colors_from_env(look.theme, var) }
    }

    fn colors_from_env(said: Option<Self>, var: impl Fn(&str) -> Option<String>) -> Self {
        let term = var("TERM").unwrap_or_default();
        if var("NO_COLOR").is_some_and(|value| !value.is_empty()) || term == "dumb" {
            return Self::MONO;
        }
        let truecolor = var("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit");
        let indexed = !truecolor;
        if let Some(theme) = said {
            return Self { indexed, ..theme };
        }
        if !truecolor && !term.contains("256") && !term.contains("direct") && !term.contains("kitty") {
            return Self::ANSI;
        }
        let background = var("COLORFGBG")
            .and_then(|value| value.rsplit(';').next().and_then(|background| background.parse::<u8>().ok()));
        match background {
            Some(background) if background == 7 || background >= 9 => Self { indexed, ..Self::LIGHT },
            Some(_) => Self { indexed, ..Self::DARK },
            None => Self { indexed, may_ask_background: true, ..Self::DARK },
        }
    }

    /// Whether the terminal should be asked if its background is light, or how wide its characters are.
    pub(super) const fn may_ask(self) -> bool {
        self.may_ask_background || self.may_measure
    }

    /// The same for what the terminal says of itself.
    #[must_use]
    pub(super) fn on(self, answer: Answer) -> Self {
        let is_light = self.may_ask_background && answer.is_light == Some(true);
        let palette = if is_light { Palette::Light } else { self.palette };
        // In columns that nobody expects nothing but ASCII is sure to stand where it should.
        let is_wide = self.may_measure && answer.probe_width.is_some_and(|width| width != 1);
        let glyphs = if is_wide { Glyphs::Ascii } else { self.glyphs };
        Self { palette, glyphs, may_ask_background: false, may_measure: false, ..self }
    }

    /// With the colours and characters that the user has asked for meanwhile.
    #[must_use]
    pub(super) fn wished(self, colors: Option<Colors>, characters: Option<Characters>) -> Self {
        let palette = colors.map_or(self.palette, |colors| match colors {
            Colors::Dark => Palette::Dark,
            Colors::Light => Palette::Light,
            Colors::Ansi => Palette::Ansi,
            Colors::Mono => Palette::Mono,
        });
        let glyphs = characters.map_or(self.glyphs, |characters| match characters {
            Characters::Braille => Glyphs::Braille,
            Characters::Blocks => Glyphs::Blocks,
            Characters::Ascii => Glyphs::Ascii,
        });
        Self { palette, glyphs, ..self }
    }

    /// Whether it is for a light background.
    pub(super) const fn is_light(self) -> bool {
        matches!(self.palette, Palette::Light)
    }

    /// Which characters can be shown.
    pub(super) const fn glyphs(self) -> Glyphs {
        self.glyphs
    }

    /// The same with other characters.
    #[cfg(test)]
    pub(super) const fn with(self, glyphs: Glyphs) -> Self {
        Self { glyphs, ..self }
    }

    /// Whether there are colours at all; without them classes need other marks.
    pub const fn has_color(&self) -> bool {
        !matches!(self.palette, Palette::Mono)
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        let style = match self.color(role) {
            Color::Reset => Style::new(),
            color => Style::new().fg(color),
        };
        match (role, self.palette) {
            (Role::Badge, Palette::Mono) => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
            // Reversed, so that the letters have the colour of the background.
            (Role::Badge, Palette::Light) => style.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            (Role::Badge, _) => style.add_modifier(Modifier::BOLD).bg(self.badge_background()),
            (Role::Selected, Palette::Mono | Palette::Ansi) => Style::new().add_modifier(Modifier::REVERSED),
            (Role::Selected, Palette::Dark) => Style::new().bg(self.shade(Color::Rgb(0x2a, 0x33, 0x40))),
            (Role::Selected, Palette::Light) => Style::new().bg(self.shade(Color::Rgb(0xdd, 0xe6, 0xf0))),
            (Role::Title | Role::Key, _) => style.add_modifier(Modifier::BOLD),
            (Role::Bad | Role::Warn, Palette::Mono) => Style::new().add_modifier(Modifier::BOLD),
            (Role::Label | Role::Faint | Role::Limit | Role::Pending, Palette::Ansi) => {
                Style::new().add_modifier(Modifier::DIM)
            }
            _ => style,
        }
    }

    /// Makes what stands in an area the selected row: a background, or where there are too few colours for one behind all others, one
    /// style from edge to edge.
    pub(super) fn select(self, buf: &mut Buffer, area: Rect) {
        if matches!(self.palette, Palette::Mono | Palette::Ansi) {
            for position in area.intersection(buf.area).positions() {
                let cell = &mut buf[position];
                (cell.fg, cell.bg, cell.modifier) = (Color::Reset, Color::Reset, Modifier::empty());
            }
        }
        buf.set_style(area, self.style(Role::Selected));
    }

    /// The colour of a role, for dots.
    pub fn color(&self, role: Role) -> Color {
        let color = match self.palette {
            Palette::Mono => Color::Reset,
            Palette::Ansi => ansi(role),
            Palette::Dark => dark(role),
            Palette::Light => light(role),
        };
        self.shade(color)
    }

    /// The colour of an area of a role, behind lines.
    pub fn fill(&self, role: Role) -> Color {
        let fill = match (role, self.palette) {
            (Role::P99 | Role::Responding, Palette::Ansi) => return Color::DarkGray,
            (Role::Dropped, Palette::Ansi) => return Color::Gray,
            (_, Palette::Ansi | Palette::Mono) => return self.color(role),
            (Role::Ok, _) => palette::FILL_OK,
            (Role::Bad, _) => palette::FILL_BAD,
            (Role::P99, _) => palette::FILL_BAND,
            (Role::Responding, _) => palette::FILL_RESPONDING,
            _ => return self.color(role),
        };
        self.shade(rgb(if self.palette == Palette::Light { fill.1 } else { fill.0 }))
    }

    /// The style of a heat map's cell, from 0 (least) to [`HEAT_LEVELS`] − 1 (most).
    pub fn heat(&self, level: usize) -> Style {
        let level = level.min(HEAT_LEVELS - 1);
        match self.palette {
            Palette::Dark => Style::new().fg(self.shade(rgb(HEAT_DARK[level]))),
            Palette::Light => Style::new().fg(self.shade(rgb(HEAT_LIGHT[level]))),
            Palette::Ansi => Style::new().fg(match level {
                0..=2 => Color::Blue,
                3..=4 => Color::Magenta,
                5..=6 => Color::Red,
                _ => Color::Yellow,
            }),
            Palette::Mono => Style::new(),
        }
    }

    fn badge_background(self) -> Color {
        match self.palette {
            Palette::Dark => self.shade(rgb(0x1f_6feb)),
            Palette::Ansi => Color::Blue,
            Palette::Light | Palette::Mono => Color::Reset,
        }
    }

    /// The nearest colour that the terminal has.
    fn shade(self, color: Color) -> Color {
        match color {
            Color::Rgb(r, g, b) if self.indexed => Color::Indexed(nearest_indexed(r, g, b)),
            color => color,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn no_color_wins_over_everything() {
        let light = Look { theme: Some(Theme::LIGHT), ..Look::default() };
        let theme = Theme::from_env(light, env(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]));
        assert_eq!(theme, Theme::MONO);
        assert_eq!(theme.style(Role::Status429).fg, None);
    }

    #[test]
    fn an_empty_no_color_does_not_count() {
        assert_eq!(
            Theme::from_env(
                Look::default(),
                env(&[("NO_COLOR", ""), ("COLORTERM", "truecolor"), ("COLORFGBG", "15;0")])
            ),
            Theme::DARK
        );
    }

    #[test]
    fn a_light_background_is_told_from_a_dark_one() {
        assert_eq!(
            Theme::from_env(Look::default(), env(&[("COLORTERM", "truecolor"), ("COLORFGBG", "0;15")])),
            Theme::LIGHT
        );
        assert_eq!(
            Theme::from_env(Look::default(), env(&[("COLORTERM", "truecolor"), ("COLORFGBG", "15;default;0")])),
            Theme::DARK
        );
    }

    /// Every role, as far as it has a colour of its own.
    const ROLES: [Role; 29] = [
        Role::Text,
        Role::Label,
        Role::Faint,
        Role::Title,
        Role::Key,
        Role::Good,
        Role::Warn,
        Role::Bad,
        Role::Target,
        Role::Sent,
        Role::Ok,
        Role::P50,
        Role::P99,
        Role::Oldest,
        Role::Slo,
        Role::Status429,
        Role::Status5xx,
        Role::OtherErrors,
        Role::Dropped,
        Role::Responding,
        Role::Active,
        Role::Running,
        Role::Desired,
        Role::Pending,
        Role::Needed,
        Role::Limit,
        Role::Mark,
        Role::Selected,
        Role::Badge,
    ];

    fn luminance([red, green, blue]: [u8; 3]) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn parts(color: Color) -> Option<[u8; 3]> {
        const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        match color {
            Color::Rgb(red, green, blue) => Some([red, green, blue]),
            Color::Indexed(at @ 232..) => Some([8 + 10 * (at - 232); 3]),
            Color::Indexed(at @ 16..) => Some([36, 6, 1].map(|by| LEVELS[usize::from((at - 16) / by % 6)])),
            _ => None,
        }
    }

    #[test]
    fn every_text_stands_out_from_its_background() {
        for (theme, background) in [(Theme::DARK, [0x1e; 3]), (Theme::LIGHT, [255; 3])] {
            for theme in [theme, Theme { indexed: true, ..theme }] {
                for role in ROLES {
                    let style = theme.style(role);
                    let behind = style.bg.and_then(parts).unwrap_or(background);
                    let Some(front) = style.fg.and_then(parts) else { continue };
                    let (a, b) = (luminance(front) + 0.05, luminance(behind) + 0.05);
                    assert!(a.max(b) / a.min(b) >= 3.0, "{theme:?} {role:?}: {:.2}", a.max(b) / a.min(b));
                }
            }
        }
    }

    #[test]
    fn the_terminal_is_asked_only_what_nobody_has_said() {
        let theme = |look, pairs| Theme::from_env(look, env(pairs));
        let look = Look::default();
        assert!(theme(look, &[("TERM", "xterm-256color")]).may_ask_background);
        assert!(!theme(look, &[("TERM", "xterm-256color"), ("COLORFGBG", "0;15")]).may_ask_background);
        let dark = Look { theme: Some(Theme::DARK), ..look };
        assert!(!theme(dark, &[("TERM", "xterm-256color")]).may_ask_background);
        assert!(theme(dark, &[("TERM", "xterm-256color")]).may_measure);
        assert!(!theme(Look { glyphs: Some(Glyphs::Braille), ..dark }, &[("TERM", "xterm-256color")]).may_ask());
        assert!(!theme(look, &[("TERM", "linux")]).may_ask() && !theme(look, &[("TERM", "dumb")]).may_ask());
    }

    #[test]
    fn what_the_terminal_answers_decides_what_is_drawn() {
        let asked = Theme::from_env(Look::default(), env(&[("COLORTERM", "truecolor"), ("TERM", "xterm")]));
        let answer = |is_light, probe_width| Answer { is_light, probe_width };
        assert_eq!(asked.on(answer(Some(true), Some(1))), Theme::LIGHT);
        assert_eq!(asked.on(answer(None, None)), Theme::DARK);
        assert_eq!(asked.on(answer(Some(false), Some(2))).glyphs(), Glyphs::Ascii);
        let said = Theme::from_env(Look { glyphs: Some(Glyphs::Blocks), ..Look::default() }, env(&[("TERM", "xterm")]));
        assert_eq!(said.on(answer(None, Some(2))).glyphs(), Glyphs::Blocks, "what the user says wins");
    }

    #[test]
    fn terminals_with_fewer_colors_get_colors_they_have() {
        assert_eq!(Theme::from_env(Look::default(), env(&[("TERM", "linux")])).palette, Palette::Ansi);
        let theme = Theme::from_env(Look::default(), env(&[("TERM", "xterm-256color")]));
        assert!(matches!(theme.color(Role::Ok), Color::Indexed(_)));
    }
}
