//! Screens without braille: the same picture in characters that every console has. A finished frame is translated, so that no
//! view has to know.

use ratatui::buffer::Buffer;

/// Which characters the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symbols {
    /// All of Unicode: curves in braille dots.
    #[default]
    Braille,
    /// Those of the consoles of PCs: half blocks, boxes.
    Block,
    /// ASCII alone.
    Ascii,
}

impl Symbols {
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
            Some("linux" | "vt100" | "vt220" | "cons25") => Self::Block,
            _ => Self::Braille,
        }
    }
}

/// Puts characters that `symbols` has in place of all others.
pub(super) fn translate(buf: &mut Buffer, symbols: Symbols) {
    if symbols == Symbols::Braille {
        return;
    }
    for cell in &mut buf.content {
        let Some(ch) = cell.symbol().chars().next().filter(|ch| !ch.is_ascii()) else { continue };
        cell.set_char(plain(ch, symbols));
    }
}

fn plain(ch: char, symbols: Symbols) -> char {
    if let dots @ 1..=0xff = (ch as u32).wrapping_sub(0x2800) {
        // The upper two rows of dots, and the lower two.
        return halves(dots & 0b0001_1011 != 0, dots & 0b1110_0100 != 0, symbols);
    }
    let block = match ch {
        '\u{2800}' => ' ',
        '━' | '╍' | '┈' | '╌' | '┄' | '–' | '—' => '─',
        '┃' | '╎' | '┊' | '╏' | '┆' => '│',
        '╭' => '┌',
        '╮' => '┐',
        '╰' => '└',
        '╯' => '┘',
        '▆' | '▇' => '█',
        '▁' | '▂' | '▃' | '▅' => '▄',
        '●' | '◉' | '■' | '•' => '■',
        '▼' => '↓',
        '▲' => '↑',
        '▶' | '▸' | '»' | '→' | '↗' => '>',
        '◀' | '«' => '<',
        '‖' => '"',
        '…' => '.',
        '×' => 'x',
        other => other,
    };
    match symbols {
        Symbols::Ascii => ascii(block),
        _ if block.is_ascii() || HAS_CONSOLE.contains(block) => block,
        _ => ascii(block),
    }
}

/// What the consoles of PCs have beyond ASCII (of their code page 437), as far as a screen needs it.
const HAS_CONSOLE: &str = "─│┌┐└┘├┤┬┴┼█▄▀▌▐░▒▓■±·÷≤≥²µ°↑↓←Δτθ";

const fn halves(upper: bool, lower: bool, symbols: Symbols) -> char {
    match (upper, lower, symbols) {
        (true, true, Symbols::Ascii) => ':',
        (true, false, Symbols::Ascii) => '\'',
        (_, _, Symbols::Ascii) => '.',
        (true, true, _) => '█',
        (true, false, _) => '▀',
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
        '≤' | '←' | '◂' => '<',
        '≥' => '>',
        '↑' => '^',
        '↓' => 'v',
        '±' => '~',
        '÷' => '/',
        'µ' => 'u',
        'Δ' => 'd',
        'θ' | 'τ' => 't',
        '°' | '²' => ' ',
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
        assert_eq!(Symbols::from_env(env(&[("TERM", "linux"), ("LANG", "en_US.UTF-8")])), Symbols::Block);
        assert_eq!(Symbols::from_env(env(&[("TERM", "linux"), ("LANG", "C")])), Symbols::Ascii);
        assert_eq!(Symbols::from_env(env(&[("LC_ALL", "POSIX"), ("LANG", "en_US.UTF-8")])), Symbols::Ascii);
        assert_eq!(Symbols::from_env(env(&[("LC_ALL", ""), ("LANG", "C.utf8")])), Symbols::Braille);
        assert_eq!(Symbols::from_env(env(&[("TERM", "xterm")])), Symbols::Braille);
    }

    #[test]
    fn dots_become_halves_where_they_are() {
        assert_eq!(plain('⠉', Symbols::Block), '▀');
        assert_eq!(plain('⣀', Symbols::Block), '▄');
        assert_eq!(plain('⣿', Symbols::Block), '█');
        assert_eq!(plain('⢀', Symbols::Ascii), '.');
        assert_eq!(plain('日', Symbols::Block), '?');
    }
}
