//! The characters of the screen: which ones it uses, and what stands in their place where a terminal does not have them or
//! draws them two columns wide.
//!
//! Charts are painted in the glyphs that there are ([`Glyphs::dots`], [`Glyphs::shade`]). What takes more columns in other characters
//! ([`Glyphs::words`], such as `<=`) is put in place where texts are measured (`tui::text`), so that there is room for it; all other
//! characters of a finished frame are translated, one for one. No view has to know.

use ratatui::buffer::Buffer;

use crate::tui::theme::Role;

/// Every character beyond ASCII that the screen uses of its own, but for braille. Many of them are *ambiguous*: a terminal that
/// is set to East Asian widths draws them two columns wide (Unicode Standard Annex 11), and a screen of columns breaks. `auto`
/// measures [`PROBE`] at the start and draws in ASCII there.
#[cfg(test)]
pub(super) const ALL: &str = "─│┌┐└┘├┤┬┴┼╭╮╰╯━┃╍┈┅╌┄╎┊╏┆╵▏█▇▆▅▄▃▂▁▀▌▐░▒▓■●◆▼▲▶▸▾◀◂«»‖✕…×·±÷≤≥²µ°↑↓←→↗–—−“”ΔτθΣ";

/// The character that is measured: as wide as all ambiguous ones.
#[cfg_attr(not(unix), expect(dead_code, reason = "nobody is asked"))]
pub(super) const PROBE: char = '■';

/// Eighths of a cell, from below.
pub(super) const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Which characters the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// All of Unicode: curves in braille dots.
    #[default]
    Braille,
    /// Those of the consoles of PCs: half blocks, boxes.
    Blocks,
    /// ASCII alone.
    Ascii,
}

impl Glyphs {
    /// What a terminal can show that says of itself what `var` returns for environment variables: the Linux console has no
    /// braille, and a locale that names another encoding than UTF-8 has nothing but ASCII for sure.
    pub(super) fn from_env(var: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(&var).find(|value| !value.trim().is_empty());
        let is_utf8 = |locale: String| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        // Where nothing is said, as in many containers, the terminal outside is a usual one.
        if !locale.is_none_or(is_utf8) {
            return Self::Ascii;
        }
        match var("TERM").as_deref() {
            Some("linux" | "vt100" | "vt220" | "cons25") => Self::Blocks,
            _ => Self::Braille,
        }
    }
}

impl Glyphs {
    /// Dots of a line (the bits of a braille character) as one character.
    pub(super) fn dots(self, dots: u8, role: Role) -> char {
        match self {
            Self::Braille => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
            Self::Blocks => halves(dots),
            Self::Ascii => mark(role),
        }
    }

    /// What stands for a character of a text, where that takes more than one column; `None` where one is enough.
    pub(super) const fn words(self, ch: char) -> Option<&'static str> {
        match (self, ch) {
            (Self::Braille, _) => None,
            (_, '…') => Some(".."),
            (_, '→' | '↗') => Some("->"),
            (Self::Ascii, '←') => Some("<-"),
            (Self::Ascii, '↑') => Some("Up"),
            (Self::Ascii, '↓') => Some("Dn"),
            (Self::Ascii, '±') => Some("+-"),
            (Self::Ascii, '≤') => Some("<="),
            (Self::Ascii, '≥') => Some(">="),
            (Self::Ascii, '²') => Some("^2"),
            (Self::Ascii, '°') => Some(" deg"),
            (Self::Ascii, 'Δ') => Some("delta"),
            (Self::Ascii, 'τ') => Some("tau"),
            (Self::Ascii, 'θ') => Some("theta"),
            (Self::Ascii, 'Σ') => Some("sum"),
            (Self::Blocks | Self::Ascii, _) => None,
        }
    }

    /// What a text ends in that is cut.
    pub(super) const fn cut_mark(self) -> &'static str {
        match self.words('…') {
            Some(mark) => mark,
            None => "…",
        }
    }

    /// An area of a role where a background cannot show it.
    pub(super) const fn shade(self, role: Role) -> &'static str {
        match (role, self) {
            (Role::Status429 | Role::Bad, Self::Ascii) => "#",
            (Role::Status5xx, Self::Ascii) => "%",
            (Role::OtherErrors, Self::Ascii) => "x",
            (Role::Dropped, Self::Ascii) => "o",
            (_, Self::Ascii) => ".",
            (Role::Status429, _) => "█",
            (Role::Status5xx | Role::Bad, _) => "▓",
            (Role::OtherErrors, _) => "▒",
            (_, _) => "░",
        }
    }
}

/// The letter of a line where dots are not to be had: each line of a chart has another.
pub(super) const fn mark(role: Role) -> char {
    match role {
        Role::Sent | Role::P50 => '+',
        Role::P99 | Role::Bad | Role::Responding => '*',
        Role::Oldest => 'o',
        Role::OtherErrors => 'x',
        Role::Slo | Role::Limit => '-',
        Role::Active => 'a',
        Role::Running => 'r',
        Role::Desired => 'd',
        Role::Pending => 'p',
        Role::Command => 'c',
        Role::Url => 'u',
        Role::Prometheus => 'q',
        Role::Needed => 'n',
        _ => '=',
    }
}

/// Puts characters that `glyphs` has in place of all others.
pub(super) fn translate(buf: &mut Buffer, glyphs: Glyphs) {
    if glyphs == Glyphs::Braille {
        return;
    }
    for cell in &mut buf.content {
        let Some(ch) = cell.symbol().chars().next().filter(|ch| !ch.is_ascii()) else { continue };
        cell.set_char(plain(ch, glyphs));
    }
}

fn plain(ch: char, glyphs: Glyphs) -> char {
    if let dots @ 1..=0xff = (ch as u32).wrapping_sub(0x2800) {
        let dots = u8::try_from(dots).unwrap_or(0);
        return if glyphs == Glyphs::Ascii { '.' } else { halves(dots) };
    }
    let block = match ch {
        '\u{2800}' => ' ',
        '━' | '╍' | '┈' | '╌' | '┄' | '┅' | '–' | '—' | '−' => '─',
        '┃' | '╎' | '┊' | '╏' | '┆' | '╵' | '▏' => '│',
        '╭' => '┌',
        '╮' => '┐',
        '╰' => '└',
        '╯' => '┘',
        '▆' | '▇' => '█',
        '▁' | '▂' | '▃' | '▅' => '▄',
        '●' | '◉' | '■' | '•' => '■',
        '▼' | '▾' => '↓',
        '◆' => '*',
        '▲' => '↑',
        '▶' | '▸' | '»' => '>',
        '◀' | '◂' | '«' => '<',
        '‖' | '“' | '”' => '"',
        '×' | '✕' => 'x',
        other => other,
    };
    match glyphs {
        Glyphs::Ascii => ascii(block),
        _ if block.is_ascii() || HAS_CONSOLE.contains(block) => block,
        _ => ascii(block),
    }
}

/// What the consoles of PCs have beyond ASCII (of their code page 437), as far as a screen needs it.
const HAS_CONSOLE: &str = "─│┌┐└┘├┤┬┴┼█▄▀▌▐░▒▓■±·÷≤≥²µ°↑↓←Δτθ";

/// Half blocks for the upper two rows of dots, and for the lower two.
const fn halves(dots: u8) -> char {
    match (dots & 0b0001_1011 != 0, dots & 0b1110_0100 != 0) {
        (true, true) => '█',
        (true, false) => '▀',
        _ => '▄',
    }
}

fn ascii(ch: char) -> char {
    match ch {
        '─' => '-',
        '│' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '█' | '▓' | '■' => '#',
        '▀' => '\'',
        '▄' | '░' | '·' => '.',
        '▌' | '▐' | '▒' => '=',
        '◂' => '<',
        '↑' => '^',
        '↓' => 'v',
        '÷' => '/',
        'µ' => 'u',
        ch if ch.is_ascii() => ch,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_linux_console_has_no_braille_and_another_locale_has_ascii() {
        assert_eq!(Glyphs::from_env(env(&[("TERM", "linux"), ("LANG", "en_US.UTF-8")])), Glyphs::Blocks);
        assert_eq!(Glyphs::from_env(env(&[("TERM", "linux"), ("LANG", "C")])), Glyphs::Ascii);
        assert_eq!(Glyphs::from_env(env(&[("LC_ALL", "POSIX"), ("LANG", "en_US.UTF-8")])), Glyphs::Ascii);
        assert_eq!(Glyphs::from_env(env(&[("LC_ALL", ""), ("LANG", "C.utf8")])), Glyphs::Braille);
        assert_eq!(Glyphs::from_env(env(&[("TERM", "xterm")])), Glyphs::Braille);
    }

    #[test]
    fn dots_become_halves_where_they_are() {
        assert_eq!(plain('⠉', Glyphs::Blocks), '▀');
        assert_eq!(plain('⣀', Glyphs::Blocks), '▄');
        assert_eq!(plain('⣿', Glyphs::Blocks), '█');
        assert_eq!(Glyphs::Ascii.dots(0xff, Role::P99), '*');
        assert_eq!(plain('日', Glyphs::Blocks), '?');
    }
    #[test]
    fn what_is_two_columns_wide_in_east_asia_has_an_ascii_form_and_the_probe_is_as_wide() {
        use unicode_width::UnicodeWidthChar as _;
        for ch in '\u{2800}'..='\u{28ff}' {
            assert_eq!((ch.width(), ch.width_cjk()), (Some(1), Some(1)), "braille is narrow everywhere: {ch}");
        }
        let shown =
            |ch: char, glyphs: Glyphs| glyphs.words(ch).map_or_else(|| plain(ch, glyphs).to_string(), str::to_owned);
        for ch in ALL.chars() {
            assert_eq!(ch.width(), Some(1), "{ch}");
            let ascii = shown(ch, Glyphs::Ascii);
            assert!(ascii.is_ascii() && !ascii.contains('?'), "{ch} is {ascii}");
            let block = shown(ch, Glyphs::Blocks);
            assert!(block.chars().all(|ch| ch.is_ascii() || HAS_CONSOLE.contains(ch)), "{ch} is {block}");
        }
        assert_eq!((PROBE.width(), PROBE.width_cjk()), (Some(1), Some(2)));
    }

    #[test]
    fn in_ascii_no_relation_and_no_tolerance_reads_as_another() {
        use std::collections::BTreeSet;
        let all = ["<", ">", "~", ".", "-", "+", "v", "^", "<=", "≤", "≥", "±", "…", "→", "←", "↑", "↓"];
        let shown = |text: &str| -> String {
            text.chars().map(|ch| Glyphs::Ascii.words(ch).map_or_else(|| ch.to_string(), str::to_owned)).collect()
        };
        let distinct: BTreeSet<String> = all.iter().map(|text| shown(text)).collect();
        assert_eq!(distinct.len(), all.len() - 1, "only ≤ is written as what it is: {distinct:?}");
    }

    #[test]
    fn lines_and_areas_of_one_chart_differ_in_ascii() {
        use std::collections::BTreeSet;
        let charts: [&[Role]; 3] = [
            &[Role::Target, Role::Sent],
            &[Role::P50, Role::P99, Role::Oldest, Role::OtherErrors, Role::Slo],
            &crate::tui::theme::tests::OF_INSTANCES,
        ];
        for chart in charts {
            let marks: BTreeSet<char> = chart.iter().map(|&role| mark(role)).collect();
            assert_eq!(marks.len(), chart.len(), "{chart:?}");
        }
        let stacked = [Role::Status429, Role::Status5xx, Role::OtherErrors, Role::Dropped];
        for glyphs in [Glyphs::Braille, Glyphs::Blocks, Glyphs::Ascii] {
            let shades: BTreeSet<&str> = stacked.iter().map(|&role| glyphs.shade(role)).collect();
            assert_eq!(shades.len(), stacked.len(), "{glyphs:?}");
            assert_ne!(glyphs.shade(Role::Ok), glyphs.shade(Role::Bad));
        }
    }
}
