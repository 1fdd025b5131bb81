//! Whether the terminal's background is light, as the terminal itself says it (OSC 11). It is asked once, before anything is
//! drawn, and not waited for: many do not answer.

#[cfg(unix)]
pub(super) use self::unix::is_light;

/// Nobody knows.
#[cfg(not(unix))]
pub(super) fn is_light() -> Option<bool> {
    None
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

    /// How long an answer may take. One that comes later is swallowed by `tui::input`.
    const PATIENCE: Duration = Duration::from_millis(300);

    /// The question, and one that every terminal answers, so that those which do not know the first are not waited for.
    const QUESTION: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";

    /// Asks. Needs raw mode, and that nobody else reads from the terminal yet.
    pub(in crate::tui) fn is_light() -> Option<bool> {
        let mut out = io::stdout();
        out.write_all(QUESTION).and_then(|()| out.flush()).ok()?;
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
            // The end of the answer, or the answer to the second question.
            let is_told =
                bytes.windows(4).any(|four| four == b"]11;") && (bytes.ends_with(b"\x07") || bytes.ends_with(b"\\"));
            if count == 0 || is_told || bytes.ends_with(b"c") && bytes.windows(3).any(|three| three == b"\x1b[?") {
                break;
            }
        }
        super::is_light_in(&bytes)
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
}
