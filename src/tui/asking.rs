//! What only the terminal knows: whether its background is light (OSC 11), and how wide it draws characters whose width is
//! ambiguous (where the cursor stands after one: DSR 6). It is asked once, before anything is drawn, and not waited for: many do
//! not answer.

#[cfg(unix)]
pub(super) use self::unix::ask;

/// What a terminal has said of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether its background is light.
    pub(super) is_light: Option<bool>,
    /// Columns that [`super::glyphs::PROBE`] takes.
    pub(super) probe_width: Option<u16>,
}

/// Nobody knows.
#[cfg(not(unix))]
pub(super) fn ask() -> Answer {
    Answer::default()
}

/// Where the cursor is after a character at the left edge tells how wide it is: the first report in `bytes`, `ESC [ row ; column R`.
#[cfg_attr(not(unix), expect(dead_code, reason = "nobody is asked"))]
fn probe_width_in(bytes: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(bytes);
    text.split("\u{1b}[").find_map(|report| {
        let (place, _) = report.split_once('R')?;
        let (row, column) = place.split_once(';')?;
        let column: u16 = row.parse::<u16>().ok().and_then(|_| column.parse().ok())?;
        // Column 1 is where it began: nothing was drawn.
        column.checked_sub(1).filter(|&width| width > 0)
    })
}

/// Whether the answer in `bytes` names a light colour; `None` without one. `rgb:ffff/ffff/ffff`, with one to four digits each.
#[cfg_attr(not(unix), expect(dead_code, reason = "nobody is asked"))]
fn is_light_in(bytes: &[u8]) -> Option<bool> {
    let text = String::from_utf8_lossy(bytes);
    let (_, color) = text.split_once("]11;rgb:").or_else(|| text.split_once("]11;rgba:"))?;
    let mut parts = color.splitn(3, '/').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_hexdigit).take(4).collect();
        let most = 16_f64.powi(i32::try_from(digits.len()).ok()?) - 1.0;
        Some(f64::from(u32::from_str_radix(&digits, 16).ok()?) / most)
    });
    let (red, green, blue) = (parts.next()??, parts.next()??, parts.next()??);
    Some(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)
}

#[cfg(unix)]
mod unix {
    use std::io::{self, Write as _};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use tokio::time::Instant;

    use super::Answer;

    /// How long an answer may take. One that comes later is swallowed by `tui::input`.
    const PATIENCE: Duration = Duration::from_millis(300);

    /// The questions; the last is one that every terminal answers, so that those which do not know the others are not waited for.
    fn questions() -> String {
        format!("\x1b]11;?\x1b\\\x1b[H{}\x1b[6n\x1b[H\x1b[K\x1b[c", crate::tui::glyphs::PROBE)
    }

    /// Asks. Needs raw mode, and that nobody else reads from the terminal yet.
    pub(in crate::tui) fn ask() -> Answer {
        let bytes = answers().unwrap_or_default();
        Answer { is_light: super::is_light_in(&bytes), probe_width: super::probe_width_in(&bytes) }
    }

    /// What comes back, until the last question is answered; `None` when nothing can be asked.
    fn answers() -> Option<Vec<u8>> {
        let mut out = io::stdout();
        out.write_all(questions().as_bytes()).and_then(|()| out.flush()).ok()?;
        let input = rustix::stdio::stdin();
        let (mut bytes, until) = (Vec::new(), Instant::now() + PATIENCE);
        while bytes.len() < 256 {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).ok()?;
            if poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&left)).ok()? == 0 {
                break;
            }
            let mut part = [0_u8; 64];
            let count = rustix::io::read(input, &mut part).ok()?;
            bytes.extend_from_slice(&part[..count]);
            if count == 0 || bytes.ends_with(b"c") && bytes.windows(3).any(|three| three == b"\x1b[?") {
                break;
            }
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminals_answer_is_understood() {
        for (answer, expected) in [
            ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", Some(true)),
            ("\x1b]11;rgb:1e1e/1e1e/2e2e\x07", Some(false)),
            ("\x1b]11;rgb:fd/f6/e3\x07\x1b[?62;4c", Some(true)),
            ("\x1b[?62;4c", None),
            ("\x1b]11;rgb:zz/1/1\x07", None),
            ("", None),
        ] {
            assert_eq!(is_light_in(answer.as_bytes()), expected, "{answer:?}");
        }
    }

    #[test]
    fn the_width_of_the_probe_is_where_the_cursor_went() {
        for (answer, expected) in [
            ("\x1b]11;rgb:1e1e/1e1e/2e2e\x07\x1b[1;2R\x1b[?62;4c", Some(1)),
            ("\x1b[1;3R\x1b[?62c", Some(2)),
            ("\x1b[1;1R", None),
            ("\x1b[?62;4c", None),
            ("\x1b[1;99999999R", None),
            ("R;R\x1b[R", None),
        ] {
            assert_eq!(probe_width_in(answer.as_bytes()), expected, "{answer:?}");
        }
    }
}
