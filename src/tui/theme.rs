//! What things look like: roles to styles, for dark and light terminals, 16 colours, and none.
//!
//! State and panels speak of roles. The colours of what is charted are those of `chart::palette`, which the report has too; here stand
//! those that only a screen needs.

mod colors;
pub(crate) mod own;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::app::state::{Characters, Colors};
use crate::tui::asking::Answer;
use crate::tui::glyphs::Glyphs;
pub(crate) use crate::tui::theme::colors::place_of_16;
use crate::tui::theme::colors::{
    HEAT_DARK, HEAT_LIGHT, ansi, dark, indexed, light, nearest_indexed, nearest_of_16, rgb,
};
use crate::tui::theme::own::OwnColors;

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
    BadgeBackground,
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
    /// The area of them, and of what failed.
    OkArea,
    FailedArea,
    P50,
    /// The 99th percentile.
    P99,
    /// The band from one to the other.
    LatencyBand,
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
    /// The area below them.
    RespondingArea,
    /// App Runner's active instances.
    Active,
    /// Running tasks.
    Running,
    /// Desired tasks.
    Desired,
    /// Pending tasks.
    Pending,
    /// What a command of the user's counts.
    Command,
    /// What a URL of the user's says.
    Url,
    /// What a query of Prometheus says.
    Prometheus,
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
    /// What somebody has chosen in place of the palette's. Kept outside, since a theme is handed on by value.
    own: Option<&'static OwnColors>,
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
        let own = None;
        Self { palette, indexed: false, glyphs: Glyphs::Braille, may_ask_background: false, may_measure: false, own }
    }

    /// With colours of one's own. They are kept for as long as the program runs: it has one such choice.
    #[must_use]
    pub(crate) fn own(self, own: &OwnColors) -> Self {
        Self { own: (*own != OwnColors::NONE).then(|| &*Box::leak(Box::new(*own))), ..self }
    }

    /// The colour of one's own that a role has.
    fn own_color(&self, role: Role) -> Option<Color> {
        self.own.and_then(|own| own.get(self.palette, role))
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

    /// Whether the background is not known yet.
    pub(crate) const fn may_ask_background(&self) -> bool {
        self.may_ask_background
    }

    /// The roles of one's own that hardly stand out from the background.
    pub(crate) fn faint(&self) -> Vec<&'static str> {
        let (back, text) = match self.palette {
            Palette::Dark => (rgb(0x1e_1e1e), rgb(0xd5_dae0)),
            Palette::Light => (rgb(0xff_ffff), rgb(0x24_292f)),
            Palette::Ansi | Palette::Mono => return Vec::new(),
        };
        let is_own = |role| self.own_color(role).is_some();
        own::faint(is_own, |role| self.role_color(role), back, text)
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
        let is_own = |role| self.own_color(role).is_some();
        let style = match self.color(role) {
            Color::Reset => Style::new(),
            color => Style::new().fg(color),
        };
        match (role, self.palette) {
            (Role::Badge, Palette::Mono) => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
            // Reversed, so that the letters have the colour of the background.
            (Role::Badge, Palette::Light) if !is_own(Role::BadgeBackground) => {
                style.add_modifier(Modifier::BOLD | Modifier::REVERSED)
            }
            (Role::Badge, _) => style.add_modifier(Modifier::BOLD).bg(self.color(Role::BadgeBackground)),
            (Role::Selected, Palette::Mono | Palette::Ansi) if !is_own(Role::Selected) => {
                Style::new().add_modifier(Modifier::REVERSED)
            }
            (Role::Selected, _) => Style::new().bg(self.color(Role::Selected)),
            (Role::Title | Role::Key, _) => style.add_modifier(Modifier::BOLD),
            (Role::Bad | Role::Warn, Palette::Mono) => Style::new().add_modifier(Modifier::BOLD),
            (Role::Label | Role::Faint | Role::Limit, Palette::Ansi) if !is_own(role) => {
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
        let has_256 = self.indexed && matches!(self.palette, Palette::Dark | Palette::Light);
        match indexed(role, self.is_light()) {
            Some(index) if has_256 && self.own_color(role).is_none() => Color::Indexed(index),
            _ => self.shade(self.role_color(role)),
        }
    }

    /// The colour of a role, whatever the terminal has of it.
    fn role_color(&self, role: Role) -> Color {
        self.own_color(role).unwrap_or_else(|| match self.palette {
            Palette::Mono => Color::Reset,
            Palette::Ansi => ansi(role),
            Palette::Dark => dark(role),
            Palette::Light => light(role),
        })
    }

    /// The colour of an area of a role, behind lines.
    pub fn fill(&self, role: Role) -> Color {
        self.color(match role {
            Role::Ok => Role::OkArea,
            Role::Bad => Role::FailedArea,
            Role::P99 => Role::LatencyBand,
            Role::Responding => Role::RespondingArea,
            Role::Dropped if self.palette == Palette::Ansi && self.own_color(role).is_none() => {
                return Color::Gray;
            }
            _ => role,
        })
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

    /// The nearest colour that the terminal has.
    fn shade(self, color: Color) -> Color {
        match (self.palette, own::parts(color)) {
            // What is not of the 16 can only be of one's own.
            (Palette::Ansi, Some(parts)) => nearest_of_16(parts),
            (_, Some([red, green, blue])) if self.indexed && matches!(color, Color::Rgb(..)) => {
                Color::Indexed(nearest_indexed(red, green, blue))
            }
            _ => color,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
