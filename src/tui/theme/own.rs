//! Colors of one's own: names for the roles, and what `[theme]` of `scaletop.toml` puts over the theme's colors.
//!
//! docs/settings.md is held to the table.

use ratatui::style::Color;

use crate::tui::theme::{Palette, Role};

/// Every role by the name that it has in `scaletop.toml`, and what it is, in the order of [`Role`].
pub(crate) const ROLES: [(&str, Role, &str); 37] = [
    ("text", Role::Text, "what is said"),
    ("label", Role::Label, "names, units, explanations"),
    ("faint", Role::Faint, "axes, step lines, rules"),
    ("title", Role::Title, "titles and the numbers in them"),
    ("badge", Role::Badge, "the rate in force"),
    ("badge-background", Role::BadgeBackground, "what is behind it"),
    ("selected", Role::Selected, "what is behind the selected row"),
    ("key", Role::Key, "keys in hints and help"),
    ("good", Role::Good, "the objective holds, a source answers"),
    ("warn", Role::Warn, "the result may suffer"),
    ("bad", Role::Bad, "the objective is missed, something failed"),
    ("target", Role::Target, "the rate asked for"),
    ("sent", Role::Sent, "requests sent"),
    ("ok", Role::Ok, "requests answered OK"),
    ("ok-area", Role::OkArea, "the area of them"),
    ("failed-area", Role::FailedArea, "the area of what failed"),
    ("p50", Role::P50, "the median"),
    ("p99", Role::P99, "the 99th percentile"),
    ("latency-band", Role::LatencyBand, "the band from p50 to p99"),
    ("oldest", Role::Oldest, "the oldest request in flight"),
    ("objective", Role::Slo, "the objective's level"),
    ("status-429", Role::Status429, "answers with status 429"),
    ("status-5xx", Role::Status5xx, "answers with a status from 500 on"),
    ("other-errors", Role::OtherErrors, "what failed otherwise"),
    ("dropped", Role::Dropped, "dropped arrivals"),
    ("responding", Role::Responding, "instances seen in answers"),
    ("responding-area", Role::RespondingArea, "the area below them"),
    ("active", Role::Active, "the platform's active instances"),
    ("running", Role::Running, "running tasks"),
    ("desired", Role::Desired, "desired tasks"),
    ("pending", Role::Pending, "pending tasks"),
    ("command", Role::Command, "what a command of yours counts"),
    ("url", Role::Url, "what a URL of yours says"),
    ("prometheus", Role::Prometheus, "what a query of Prometheus says"),
    ("needed", Role::Needed, "instances that the load asks for"),
    ("limit", Role::Limit, "limits of scaling"),
    ("mark", Role::Mark, "marks"),
];

/// The themes that `[theme.dark]` and so on are for.
pub(crate) const PLACES: [&str; 3] = ["dark", "light", "ansi"];

/// What is drawn on areas, and has to stand out from them.
const ON_AREAS: [(Role, Role); 6] = [
    (Role::Target, Role::OkArea),
    (Role::Sent, Role::OkArea),
    (Role::Target, Role::FailedArea),
    (Role::P99, Role::LatencyBand),
    (Role::Oldest, Role::LatencyBand),
    (Role::Bad, Role::LatencyBand),
];

/// What stands out less from its background is hard to see (WCAG 2.2, 1.4.11).
pub(super) const LEAST_CONTRAST: f64 = 3.0;

/// The colors that somebody has chosen, for each of [`PLACES`] and each role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnColors([[Option<Color>; ROLES.len()]; PLACES.len()]);

/// Why a color cannot be as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ColorError {
    /// There is no such theme.
    #[error("there is no [theme.{0}]: there are {places}", places = PLACES.join(", "))]
    Place(String),
    /// There is no such role.
    #[error("nothing on the screen is called `{0}`")]
    Role(String),
    /// It is no color.
    #[error(
        "`{0}` is no color: give one of the 16 by its name (\"red\", \"light-blue\"), \"#rrggbb\", or 0 to 255 of the 256"
    )]
    Color(String),
}

impl Default for OwnColors {
    fn default() -> Self {
        Self::NONE
    }
}

impl OwnColors {
    /// None: everything is as the theme has it.
    pub(crate) const NONE: Self = Self([[None; ROLES.len()]; PLACES.len()]);

    /// Another color for a role, in one theme or in all; of two the later counts.
    pub(crate) fn with(&mut self, place: Option<&str>, role: &str, color: &str) -> Result<(), ColorError> {
        let only = match place {
            None => None,
            Some(place) => {
                let at = PLACES.iter().position(|known| *known == place);
                Some(at.ok_or_else(|| ColorError::Place(place.to_owned()))?)
            }
        };
        let role =
            ROLES.iter().position(|(known, ..)| *known == role).ok_or_else(|| ColorError::Role(role.to_owned()))?;
        let color = color.trim().parse().ok().ok_or_else(|| ColorError::Color(color.to_owned()))?;
        for (at, colors) in self.0.iter_mut().enumerate() {
            if only.is_none_or(|only| only == at) {
                colors[role] = Some(color);
            }
        }
        Ok(())
    }

    /// The color of a role in a theme, where somebody has chosen one.
    pub(super) const fn get(&self, palette: Palette, role: Role) -> Option<Color> {
        let place = match palette {
            Palette::Dark => 0,
            Palette::Light => 1,
            Palette::Ansi => 2,
            Palette::Mono => return None,
        };
        self.0[place][role as usize]
    }
}

/// The roles of one's own that do not stand out from what is behind them, as far as that is known: what the 16 colors look
/// like is the terminal's business. `back` is a usual background of the theme, `text` its letters.
pub(super) fn faint(
    is_own: impl Fn(Role) -> bool,
    color: impl Fn(Role) -> Color,
    back: Color,
    text: Color,
) -> Vec<&'static str> {
    let or = |color: Color, other: Color| if color == Color::Reset { other } else { color };
    let hardly =
        |front: Color, behind: Color| contrast(front, behind).is_some_and(|contrast| contrast < LEAST_CONTRAST);
    let is_faint = |role: Role| match role {
        Role::OkArea | Role::FailedArea | Role::LatencyBand | Role::RespondingArea => {
            ON_AREAS.iter().any(|(line, area)| *area == role && hardly(color(*line), color(role)))
        }
        Role::Selected => hardly(or(color(Role::Text), text), color(role)),
        Role::Badge | Role::BadgeBackground => hardly(color(Role::Badge), color(Role::BadgeBackground)),
        _ => hardly(or(color(role), text), back),
    };
    ROLES.iter().filter(|(_, role, _)| is_own(*role) && is_faint(*role)).map(|(name, ..)| *name).collect()
}

/// How much two colors differ in luminance, 1 to 21 (WCAG 2.2, "contrast ratio"); `None` for those that the terminal chooses.
pub(super) fn contrast(one: Color, other: Color) -> Option<f64> {
    let [one, other] = [luminance(parts(one)?) + 0.05, luminance(parts(other)?) + 0.05];
    Some(one.max(other) / one.min(other))
}

/// WCAG 2.2, "relative luminance".
fn luminance([red, green, blue]: [u8; 3]) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

/// Red, green and blue of a color that is the same on every terminal.
pub(super) fn parts(color: Color) -> Option<[u8; 3]> {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match color {
        Color::Rgb(red, green, blue) => Some([red, green, blue]),
        Color::Indexed(at @ 232..) => Some([8 + 10 * (at - 232); 3]),
        Color::Indexed(at @ 16..) => Some([36, 6, 1].map(|by| LEVELS[usize::from((at - 16) / by % 6)])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;

    fn own(entries: &[(Option<&str>, &str, &str)]) -> OwnColors {
        let mut own = OwnColors::NONE;
        for (place, role, color) in entries {
            own.with(*place, role, color).unwrap();
        }
        own
    }

    #[test]
    fn every_role_has_a_name_in_its_place() {
        for (at, (name, role, what)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, at, "{name}");
            assert!(
                !what.is_empty() && name.chars().all(|ch| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-')
            );
        }
    }

    #[test]
    fn colors_are_names_numbers_and_hexadecimal() {
        let own = own(&[
            (None, "ok", "#00ff7f"),
            (None, "p50", "70"),
            (None, "p99", "light-blue"),
            (Some("light"), "ok", "#006600"),
        ]);
        let get = |palette, role| own.get(palette, role);
        assert_eq!(get(Palette::Dark, Role::Ok), Some(Color::Rgb(0, 255, 127)));
        assert_eq!(get(Palette::Light, Role::Ok), Some(Color::Rgb(0, 0x66, 0)));
        assert_eq!(get(Palette::Ansi, Role::P50), Some(Color::Indexed(70)));
        assert_eq!(get(Palette::Dark, Role::P99), Some(Color::LightBlue));
        assert_eq!((get(Palette::Mono, Role::Ok), get(Palette::Dark, Role::Sent)), (None, None));
    }

    #[test]
    fn what_is_no_color_role_or_theme_is_refused() {
        let mut own = OwnColors::NONE;
        assert!(own.with(None, "okay", "red").unwrap_err().to_string().contains("`okay`"));
        for color in ["", "ultraviolet", "#12345", "#gggggg", "256", "-1"] {
            assert_eq!(own.with(None, "ok", color), Err(ColorError::Color(color.to_owned())));
        }
        assert!(own.with(Some("mono"), "ok", "red").unwrap_err().to_string().contains("dark, light, ansi"));
        assert_eq!(own, OwnColors::NONE);
    }

    #[test]
    fn what_hardly_stands_out_is_said_and_what_the_terminal_decides_is_not() {
        let faint = |theme: Theme, entries| theme.own(&own(entries)).faint();
        let entries: &[(Option<&str>, &str, &str)] = &[
            (None, "label", "#333333"),
            (None, "ok", "yellow"),
            (None, "sent", "#6cb6ff"),
            (None, "selected", "#c0c0c0"),
        ];
        assert_eq!(faint(Theme::DARK, entries), ["label", "selected"]);
        assert_eq!(faint(Theme::LIGHT, entries), ["sent"]);
        assert!(faint(Theme::MONO, entries).is_empty());
        assert_eq!(faint(Theme::DARK, &[(None, "ok-area", "#eeeeee")]), ["ok-area"]);
        assert_eq!(faint(Theme::DARK, &[(None, "badge-background", "#ffff00")]), ["badge-background"]);
        assert!(faint(Theme::DARK, &[]).is_empty());
    }

    /// The table of docs/settings.md.
    fn documented() -> String {
        use std::fmt::Write as _;
        let said = |theme: Theme, role: Role| match theme.role_color(role) {
            Color::Reset => "the terminal's".to_owned(),
            color => format!("`{}`", color.to_string().to_lowercase()),
        };
        let mut table = String::from("| role | is | dark | light | 16 colors |\n|---|---|---|---|---|\n");
        for (name, role, what) in ROLES {
            let [dark, light, ansi] = [Theme::DARK, Theme::LIGHT, Theme::ANSI].map(|theme| said(theme, role));
            // A write to a String cannot fail.
            let _ = writeln!(table, "| `{name}` | {what} | {dark} | {light} | {ansi} |");
        }
        table
    }

    #[test]
    fn the_documentation_has_every_role_with_its_colors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let (_, rest) = text.split_once("<!-- roles:begin -->").expect("a place for the table");
        let (table, _) = rest.split_once("<!-- roles:end -->").expect("a beginning without an end");
        assert_eq!(table.trim(), documented().trim(), "copy the table from here into docs/settings.md");
    }
}
