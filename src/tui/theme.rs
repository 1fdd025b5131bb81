//! What things look like: roles to styles, for dark and light terminals, 16 colours, and none.
//!
//! The only file that names a colour. State and panels speak of roles.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::symbols::Symbols;

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
    /// Capacity errors.
    Capacity,
    /// Application and client errors.
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

/// How many steps of intensity [`Theme::heat`] tells apart.
pub(crate) const HEAT_LEVELS: usize = 8;

/// From cold to hot; perceived lightness rises evenly (after Matplotlib's inferno).
const HEAT_DARK: [u32; HEAT_LEVELS] =
    [0x2b_1055, 0x4a_0c6b, 0x78_1c6d, 0xa5_2c60, 0xcf_4446, 0xed_6925, 0xfb_9b06, 0xf7_d13d];

/// The same on white, where more is darker.
const HEAT_LIGHT: [u32; HEAT_LEVELS] =
    [0xfd_e0b5, 0xfb_c486, 0xf6_a25e, 0xee_7d46, 0xd9_5640, 0xb8_3655, 0x8a_2267, 0x55_0f6d];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    palette: Palette,
    /// Whether only the 256 indexed colours are there.
    indexed: bool,
    symbols: Symbols,
    /// Whether nobody has said yet if the background is light, so that the terminal may be asked.
    may_ask: bool,
}

/// What the user may say about the look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The colours: `None` follows the terminal.
    pub theme: Option<Theme>,
    /// The characters: `None` follows the terminal.
    pub symbols: Option<Symbols>,
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
        Self { palette, indexed: false, symbols: Symbols::Braille, may_ask: false }
    }

    /// The theme for a terminal that says of itself what `var` returns for environment variables, unless `look` says it.
    ///
    /// `NO_COLOR` (any text) wins; `COLORFGBG` tells light from dark where the terminal sets it; `COLORTERM` and `TERM` tell
    /// how many colours there are; a locale that is not UTF-8, and the Linux console, have no braille.
    pub fn from_env(look: Look, var: impl Fn(&str) -> Option<String>) -> Self {
        let symbols = look.symbols.unwrap_or_else(|| Symbols::from_env(&var));
        Self { symbols, ..Self::colors_from_env(look.theme, var) }
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
            None => Self { indexed, may_ask: true, ..Self::DARK },
        }
    }

    /// Whether the terminal should be asked if its background is light.
    pub(super) const fn may_ask(self) -> bool {
        self.may_ask
    }

    /// The same for the background that the terminal says it has.
    #[must_use]
    pub(super) const fn on(self, is_light: bool) -> Self {
        let palette = if is_light { Palette::Light } else { self.palette };
        Self { palette, may_ask: false, ..self }
    }

    /// Which characters can be shown.
    pub(super) const fn symbols(self) -> Symbols {
        self.symbols
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
            (Role::Label | Role::Faint, Palette::Ansi) => Style::new().add_modifier(Modifier::DIM),
            _ => style,
        }
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

#[expect(clippy::cast_possible_truncation, reason = "the bytes of a 24 bit colour")]
const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn dark(role: Role) -> Color {
    rgb(match role {
        Role::Text | Role::Selected => return Color::Reset,
        Role::Badge => 0xff_ffff,
        Role::Title | Role::Target => 0xf0_f6fc,
        Role::Label | Role::Limit | Role::Pending => 0x8b_949e,
        Role::Faint => 0x6a_737d,
        Role::Key | Role::Sent | Role::Active => 0x58_a6ff,
        Role::Good | Role::Ok | Role::Running => 0x3f_b950,
        Role::Warn | Role::P99 | Role::Needed => 0xe3_b341,
        Role::Bad | Role::Capacity => 0xff_5c57,
        Role::P50 => 0x56_b6c2,
        Role::Oldest | Role::Desired => 0xbc_8cff,
        Role::Slo => 0xc4_4a45,
        Role::OtherErrors => 0xdb_61a2,
        Role::Dropped => 0xf0_883e,
        Role::Responding => 0x39_d0d8,
        Role::Mark => 0xf7_78ba,
    })
}

const fn light(role: Role) -> Color {
    rgb(match role {
        Role::Text | Role::Selected => return Color::Reset,
        Role::Title | Role::Target => 0x1f_2328,
        Role::Label | Role::Limit | Role::Pending => 0x57_606a,
        Role::Faint => 0x7d_858d,
        Role::Badge | Role::Key | Role::Sent | Role::Active => 0x09_69da,
        Role::Good | Role::Ok | Role::Running => 0x1a_7f37,
        Role::Warn | Role::P99 | Role::Needed => 0x9a_6700,
        Role::Bad | Role::Capacity => 0xcf_222e,
        Role::P50 | Role::Responding => 0x0e_7490,
        Role::Oldest | Role::Desired => 0x82_50df,
        Role::Slo => 0xd0_4f48,
        Role::OtherErrors | Role::Mark => 0xbf_3989,
        Role::Dropped => 0xbc_4c00,
    })
}

const fn ansi(role: Role) -> Color {
    match role {
        Role::Text | Role::Selected | Role::Title | Role::Target | Role::Label | Role::Faint => Color::Reset,
        Role::Badge => Color::White,
        Role::Limit | Role::Pending => Color::DarkGray,
        Role::Sent | Role::Active => Color::LightBlue,
        Role::Good | Role::Ok | Role::Running => Color::Green,
        Role::Warn | Role::P99 | Role::Needed | Role::Dropped => Color::Yellow,
        Role::Bad | Role::Capacity | Role::Slo => Color::Red,
        Role::Key | Role::P50 | Role::Responding => Color::Cyan,
        Role::Oldest | Role::Desired | Role::OtherErrors | Role::Mark => Color::Magenta,
    }
}

/// The closest of the 6 × 6 × 6 cube and the 24 greys of the 256 colour palette.
fn nearest_indexed(red: u8, green: u8, blue: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |color: [u8; 3]| -> u32 {
        color.into_iter().zip([red, green, blue]).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    let cube = (0..216_u8).map(|at| (16 + at, [at / 36, at / 6 % 6, at % 6].map(|level| LEVELS[usize::from(level)])));
    let greys = (0..24_u8).map(|at| (232 + at, [8 + 10 * at; 3]));
    cube.chain(greys).min_by_key(|&(_, color)| distance(color)).map_or(15, |(index, _)| index)
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
        assert_eq!(theme.style(Role::Capacity).fg, None);
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
    const ROLES: [Role; 28] = [
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
        Role::Capacity,
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
    fn the_terminal_is_asked_only_where_nobody_has_said() {
        let asked = |pairs| Theme::from_env(Look::default(), env(pairs)).may_ask();
        assert!(asked(&[("TERM", "xterm-256color")]));
        assert!(!asked(&[("TERM", "xterm-256color"), ("COLORFGBG", "0;15")]) && !asked(&[("TERM", "linux")]));
        let dark = Look { theme: Some(Theme::DARK), ..Look::default() };
        assert!(!Theme::from_env(dark, env(&[("TERM", "xterm-256color")])).may_ask());
        assert_eq!(Theme::from_env(Look::default(), env(&[("COLORTERM", "truecolor")])).on(true), Theme::LIGHT);
    }

    #[test]
    fn terminals_with_fewer_colors_get_colors_they_have() {
        assert_eq!(Theme::from_env(Look::default(), env(&[("TERM", "linux")])).palette, Palette::Ansi);
        let theme = Theme::from_env(Look::default(), env(&[("TERM", "xterm-256color")]));
        assert!(matches!(theme.color(Role::Ok), Color::Indexed(_)));
    }
}
