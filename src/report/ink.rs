//! What the charts look like where a policy blocks the page's own style: every shape carries its colours itself, those of the
//! style sheet on white. The style sheet wins where it is allowed.

use crate::report::STYLE;

/// The colour that the style sheet has for a name, as an attribute takes it. What a source counts has the colour of the source.
pub(crate) fn ink(name: &str) -> &'static str {
    let of = name.split_once('_').map_or(name, |(source, _)| source);
    value(&format!("--{of}: ")).unwrap_or("black")
}

fn value(before: &str) -> Option<&'static str> {
    let (_, rest) = STYLE.split_once(before)?;
    rest.split(';').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::palette::{HEAT_DARK, HEAT_LIGHT, Hue, SESSION_HUES, contrast};

    #[test]
    fn shapes_have_the_colours_of_the_style_sheet_on_white() {
        assert_eq!((ink("soft"), ink("e5xx"), ink("nonsense")), ("#5a6676", "#cf222e", "black"));
    }

    /// The name of a thing in the style sheet.
    const fn name(hue: Hue) -> &'static str {
        match hue {
            Hue::Target => "target",
            Hue::Sent => "sent",
            Hue::Ok => "ok",
            Hue::P50 => "p50",
            Hue::P99 => "p99",
            Hue::Oldest => "oldest",
            Hue::Objective => "level",
            Hue::Status429 => "e429",
            Hue::Status5xx => "e5xx",
            Hue::OtherErrors => "eother",
            Hue::Dropped => "dcap",
            Hue::Responding => "responding",
            Hue::Active => "active",
            Hue::Running => "running",
            Hue::Desired => "desired",
            Hue::Command => "command",
            Hue::Url => "url",
            Hue::Prometheus => "prometheus",
            Hue::Needed => "needed",
            Hue::Limit => "max",
            Hue::Good => "good",
            Hue::Bad => "bad",
            Hue::Warn => "warn",
            Hue::Mark => "mark",
        }
    }

    #[test]
    fn screen_and_report_have_one_palette() {
        let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        let (dark, _) = dark.split_once("* {").unwrap();
        let named = |sheet: &str, name: &str| {
            let (_, rest) = sheet.split_once(&format!("--{name}: #"))?;
            u32::from_str_radix(rest.split(';').next()?, 16).ok()
        };
        let of = |sheet: &str, hue: Hue| named(sheet, name(hue));
        for hue in Hue::ALL {
            assert_eq!(of(light, hue), Some(hue.on_light()), "{hue:?} on light");
            assert_eq!(of(dark, hue), Some(hue.on_dark()), "{hue:?} on dark");
        }
        for (at, (on_dark, on_light)) in SESSION_HUES.into_iter().enumerate() {
            assert_eq!(named(light, &format!("s{at}")), Some(on_light), "session {at} on light");
            assert_eq!(named(dark, &format!("s{at}")), Some(on_dark), "session {at} on dark");
        }
        // The faintest of the screen's shades is a dot there; a page has no use for it.
        for (at, (on_dark, on_light)) in HEAT_DARK.into_iter().zip(HEAT_LIGHT).skip(1).enumerate() {
            assert_eq!(named(light, &format!("h{at}")), Some(on_light), "shade {at} on light");
            assert_eq!(named(dark, &format!("h{at}")), Some(on_dark), "shade {at} on dark");
        }
    }

    /// Names of the style sheet that the palette has no role for: the page itself, and kinds of trouble that the screen has no
    /// room to tell apart.
    const OF_THE_PAGE: [&str; 13] = [
        "paper", "panel", "ink", "soft", "faint", "edge", "econnect", "etimeout", "ereset", "e4xx", "dlate", "dconn",
        "open",
    ];
    /// What lies behind things, and has to be faint.
    const GROUNDS: [&str; 4] = ["paper", "panel", "faint", "edge"];

    #[test]
    fn the_page_has_no_colour_of_its_own_where_the_palette_has_a_role() {
        let names = |text: &str| -> Vec<(String, u32)> {
            let after_name = text.split("--").skip(1).filter_map(|rest| rest.split_once(": #"));
            let parsed = after_name.filter_map(|(name, rest)| {
                let digits = rest.split(';').next()?;
                Some((name.to_owned(), u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6)?))
            });
            parsed.collect()
        };
        let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        let (dark, rules) = dark.split_once("* {").unwrap();
        let of_palette: Vec<String> = Hue::ALL.into_iter().map(|hue| name(hue).to_owned()).collect();
        for (sheet, paper) in [(light, 0xff_ffff), (dark, 0x10_151c)] {
            let found = names(sheet);
            assert!(found.len() > 30, "{found:?}");
            for (name, color) in found {
                let of_ramp = name.len() == 2 && name.starts_with(['h', 's']);
                let is_known = of_palette.contains(&name) || OF_THE_PAGE.contains(&name.as_str()) || of_ramp;
                assert!(is_known, "--{name} is no role of the palette");
                let is_ground = GROUNDS.contains(&name.as_str()) || name.starts_with('h');
                assert!(is_ground || contrast(color, paper) >= 3.0, "--{name}: {:.2}", contrast(color, paper));
            }
        }
        let (screen, _) = rules.split_once("@media print").unwrap();
        assert!(!screen.contains(": #") && !screen.contains("rgb("), "rules name colours, they have none");
    }
}
