//! Text in Markdown.

use crate::text::clean;

/// Clean text that can do no harm in a Markdown table: no cell, tag, link or emphasis.
pub(crate) fn markdown_cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '\\' | '`' | '*' | '[' | ']' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_stays_in_its_cell() {
        assert_eq!(markdown_cell("a|b\n<script>![x](y) *b*"), "a\\|b�&lt;script&gt;\\!\\[x\\](y) \\*b\\*");
        assert_eq!(markdown_cell("spike.t_recover < 60s"), "spike.t_recover &lt; 60s");
    }
}
