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

    #[test]
    fn shapes_have_the_colours_of_the_style_sheet_on_white() {
        assert_eq!((ink("soft"), ink("e5xx"), ink("nonsense")), ("#5a6676", "#d93a35", "black"));
        assert_eq!((opacity(0), opacity(6)), (".13", "1"));
    }
}
