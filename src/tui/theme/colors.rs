//! Roles to colours: those of the palette, and those that only a screen has.

use ratatui::style::Color;

use crate::chart::palette::{FILL_BAD, FILL_BAND, FILL_OK, FILL_RESPONDING, Hue};
pub(super) use crate::chart::palette::{HEAT_DARK, HEAT_LIGHT};
use crate::tui::theme::Role;

#[expect(clippy::cast_possible_truncation, reason = "the bytes of a 24 bit colour")]
pub(super) const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// What a role is in charts; `None` for what is only on screens.
const fn hue(role: Role) -> Option<Hue> {
    Some(match role {
        Role::Good => Hue::Good,
        Role::Bad => Hue::Bad,
        Role::Target => Hue::Target,
        Role::Sent => Hue::Sent,
        Role::Ok => Hue::Ok,
        Role::P50 => Hue::P50,
        Role::P99 => Hue::P99,
        Role::Oldest => Hue::Oldest,
        Role::Slo => Hue::Objective,
        Role::Status429 => Hue::Status429,
        Role::Status5xx => Hue::Status5xx,
        Role::OtherErrors => Hue::OtherErrors,
        Role::Dropped => Hue::Dropped,
        Role::Responding => Hue::Responding,
        Role::Active => Hue::Active,
        Role::Running => Hue::Running,
        Role::Desired => Hue::Desired,
        Role::Command => Hue::Command,
        Role::Url => Hue::Url,
        Role::Prometheus => Hue::Prometheus,
        Role::Needed => Hue::Needed,
        Role::Limit => Hue::Limit,
        Role::Warn => Hue::Warn,
        Role::Mark => Hue::Mark,
        Role::Text
        | Role::Label
        | Role::Faint
        | Role::Title
        | Role::Badge
        | Role::BadgeBackground
        | Role::OkArea
        | Role::FailedArea
        | Role::LatencyBand
        | Role::RespondingArea
        | Role::Pending
        | Role::Selected
        | Role::Key => return None,
    })
}

pub(super) const fn dark(role: Role) -> Color {
    if let Some(hue) = hue(role) {
        return rgb(hue.on_dark());
    }
    rgb(match role {
        Role::OkArea => FILL_OK.0,
        Role::FailedArea => FILL_BAD.0,
        Role::LatencyBand => FILL_BAND.0,
        Role::RespondingArea => FILL_RESPONDING.0,
        Role::Pending => 0xf0_a8a8,
        Role::Badge => 0xff_ffff,
        Role::BadgeBackground => 0x1f_6feb,
        Role::Selected => 0x2a_3340,
        Role::Title => 0xf0_f6fc,
        Role::Label => 0x8b_949e,
        Role::Faint => 0x6a_737d,
        Role::Key => 0x58_a6ff,
        _ => return Color::Reset,
    })
}

pub(super) const fn light(role: Role) -> Color {
    if let Some(hue) = hue(role) {
        return rgb(hue.on_light());
    }
    rgb(match role {
        Role::OkArea => FILL_OK.1,
        Role::FailedArea => FILL_BAD.1,
        Role::LatencyBand => FILL_BAND.1,
        Role::RespondingArea => FILL_RESPONDING.1,
        Role::Pending => 0xb3_5a5a,
        Role::Selected => 0xdd_e6f0,
        Role::Title => 0x1f_2328,
        Role::Label => 0x57_606a,
        Role::Faint => 0x7d_858d,
        Role::Badge | Role::Key => 0x09_69da,
        _ => return Color::Reset,
    })
}

pub(super) const fn ansi(role: Role) -> Color {
    match role {
        Role::Text
        | Role::Selected
        | Role::Title
        | Role::Target
        | Role::Label
        | Role::Faint
        | Role::Limit
        | Role::Dropped => Color::Reset,
        Role::Badge => Color::White,
        Role::BadgeBackground => Color::Blue,
        Role::LatencyBand | Role::RespondingArea => Color::DarkGray,
        Role::Sent | Role::Active => Color::LightBlue,
        Role::Good | Role::Ok | Role::OkArea | Role::Running => Color::Green,
        Role::Warn | Role::Oldest | Role::Needed | Role::Status429 => Color::Yellow,
        Role::Bad | Role::FailedArea | Role::Status5xx => Color::Red,
        Role::Slo => Color::LightRed,
        Role::Key | Role::P50 | Role::Responding => Color::Cyan,
        Role::P99 | Role::Desired | Role::Mark => Color::Magenta,
        Role::OtherErrors | Role::Pending => Color::LightMagenta,
        Role::Command => Color::LightYellow,
        Role::Url => Color::LightGreen,
        Role::Prometheus => Color::LightCyan,
    }
}

/// The colour of the 256 where the closest would not do: dark areas would all be greys, and what lies on them has to stand out.
pub(super) const fn indexed(role: Role, is_light: bool) -> Option<u8> {
    Some(match (role, is_light) {
        (Role::OkArea, false) => 22,
        (Role::OkArea, true) => 194,
        (Role::RespondingArea, false) => 23,
        (Role::RespondingArea, true) => 195,
        (Role::LatencyBand, false) => 54,
        (Role::Slo, true) => 124,
        (Role::Active, false) => 75,
        (Role::Running, false) => 77,
        (Role::Desired, false) => 177,
        (Role::Command, false) => 208,
        (Role::Url, false) => 212,
        (Role::Limit, false) => 248,
        _ => return None,
    })
}

/// The place of one of the 16 colours by name, as terminals count them; 0 for what is none of them.
pub(crate) const fn place_of_16(color: Color) -> u8 {
    match color {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => 0,
    }
}

/// The closest of the 16, as xterm has them; what a terminal makes of them is its own business.
pub(super) fn nearest_of_16(color: [u8; 3]) -> Color {
    const COLORS: [(Color, [u8; 3]); 16] = [
        (Color::Black, [0, 0, 0]),
        (Color::Red, [205, 0, 0]),
        (Color::Green, [0, 205, 0]),
        (Color::Yellow, [205, 205, 0]),
        (Color::Blue, [0, 0, 238]),
        (Color::Magenta, [205, 0, 205]),
        (Color::Cyan, [0, 205, 205]),
        (Color::Gray, [229, 229, 229]),
        (Color::DarkGray, [127, 127, 127]),
        (Color::LightRed, [255, 0, 0]),
        (Color::LightGreen, [0, 255, 0]),
        (Color::LightYellow, [255, 255, 0]),
        (Color::LightBlue, [92, 92, 255]),
        (Color::LightMagenta, [255, 0, 255]),
        (Color::LightCyan, [0, 255, 255]),
        (Color::White, [255, 255, 255]),
    ];
    COLORS.into_iter().min_by_key(|(_, known)| distance(*known, color)).map_or(Color::Reset, |(color, _)| color)
}

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let square = |at: usize| u32::from(one[at].abs_diff(other[at])).pow(2);
    square(0) + square(1) + square(2)
}

/// The closest of the 6 × 6 × 6 cube and the 24 greys of the 256 colour palette. Computed, not searched for: it is asked for
/// each cell of each frame.
pub(super) fn nearest_indexed(red: u8, green: u8, blue: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let color = [red, green, blue];
    // The halves between two levels: 47.5, 115, 155, 195, 235. Each channel is closest on its own.
    let level = |channel: u8| match channel {
        0..=47 => 0_u8,
        48..=114 => 1,
        _ => (channel - 35) / 40,
    };
    let [r, g, b] = color.map(level);
    let cube = distance([r, g, b].map(|level| LEVELS[usize::from(level)]), color);
    // Of the greys, 8, 18, … 238, the one that is closest to the mean.
    let sum = u16::from(red) + u16::from(green) + u16::from(blue);
    let grey = u8::try_from((sum.saturating_sub(9) / 30).min(23)).unwrap_or(23);
    if distance([8 + 10 * grey; 3], color) < cube { 232 + grey } else { 16 + 36 * r + 6 * g + b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computed_color_is_as_close_as_any_of_the_256() {
        const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        let known = |index: u8| match index {
            16..232 => {
                let at = index - 16;
                [at / 36, at / 6 % 6, at % 6].map(|level| LEVELS[usize::from(level)])
            }
            _ => [8 + 10 * (index - 232); 3],
        };
        for seed in 0..0x100_0000_u32 / 977 {
            let [_, red, green, blue] = (seed * 977).to_be_bytes();
            let closest = (16..=255).map(|index| distance(known(index), [red, green, blue])).min();
            let made = nearest_indexed(red, green, blue);
            assert_eq!(Some(distance(known(made), [red, green, blue])), closest, "{red} {green} {blue}: {made}");
        }
    }
}
