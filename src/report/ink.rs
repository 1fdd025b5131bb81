//! What the charts look like where a policy blocks the page's own style: every shape carries its colours itself, those of the
//! style sheet on white. The style sheet wins where it is allowed.

use crate::report::STYLE;

/// The colour that the style sheet has for a name, as an attribute takes it.
pub(super) fn ink(name: &str) -> &'static str {
    value(&format!("--{name}: ")).unwrap_or("black")
}

/// How opaque the style sheet has a shade of the heat map.
pub(super) fn opacity(shade: usize) -> &'static str {
    value(&format!(".h{shade} {{ --o: ")).unwrap_or("1")
}

fn value(before: &str) -> Option<&'static str> {
    let (_, rest) = STYLE.split_once(before)?;
    rest.split(';').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::palette::Hue;

    #[test]
    fn shapes_have_the_colours_of_the_style_sheet_on_white() {
        assert_eq!((ink("soft"), ink("e5xx"), ink("nonsense")), ("#5a6676", "#cf222e", "black"));
        assert_eq!((opacity(0), opacity(6)), (".13", "1"));
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
            Hue::Needed => "needed",
            Hue::Limit => "max",
            Hue::Good => "good",
            Hue::Bad => "bad",
        }
    }

    #[test]
    fn screen_and_report_have_one_palette() {
        let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        let (dark, _) = dark.split_once("* {").unwrap();
        let of = |sheet: &str, hue: Hue| {
            let (_, rest) = sheet.split_once(&format!("--{}: #", name(hue)))?;
            u32::from_str_radix(rest.split(';').next()?, 16).ok()
        };
        for hue in Hue::ALL {
            assert_eq!(of(light, hue), Some(hue.on_light()), "{hue:?} on light");
            assert_eq!(of(dark, hue), Some(hue.on_dark()), "{hue:?} on dark");
        }
    }
}
