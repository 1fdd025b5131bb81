//! The chunked transfer coding (RFC 9112, section 7.1), as a push parser: sizes, data, trailers.

/// More bytes than this in a size line or in all trailers are not HTTP.
const MAX_LINE: u32 = 16 * 1024;

/// Where in a chunked body we are.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
    /// The size that is being read.
    size: u64,
    /// Whether the size has a digit yet.
    has_digit: bool,
    /// Bytes of lines since the last data.
    line: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In the digits of a size.
    #[default]
    Size,
    /// Behind them, in an extension, until the line ends.
    Extension,
    /// So many bytes of data are still to come.
    Data(u64),
    /// The line that ends the data.
    DataEnd,
    /// At the beginning of a trailer line; an empty one ends the body.
    Trailer,
    /// Within a trailer line.
    TrailerLine,
    Done,
}

impl Chunks {
    /// Whether the last chunk and the trailers were read.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes up to the end of the body: how many it took, and how many of them are data. `None` when they are not
    /// chunked.
    pub(super) fn feed(&mut self, input: &[u8]) -> Option<(usize, u64)> {
        let (mut at, mut data) = (0, 0);
        while at < input.len() && !self.is_done() {
            if let State::Data(left) = self.state {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                (at, data) = (at + take, data + take as u64);
                let left = left - take as u64;
                self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                continue;
            }
            self.step(input[at])?;
            at += 1;
        }
        Some((at, data))
    }

    fn step(&mut self, byte: u8) -> Option<()> {
        self.line += 1;
        if self.line > MAX_LINE {
            return None;
        }
        self.state = match (self.state, byte) {
            (State::Size | State::Extension, b'\n') if self.has_digit => self.sized(),
            (State::Size, b'\r' | b';' | b' ' | b'\t') if self.has_digit => State::Extension,
            (State::Size, _) => {
                let digit = char::from(byte).to_digit(16)?;
                self.size = self.size.checked_mul(16)?.checked_add(u64::from(digit))?;
                self.has_digit = true;
                State::Size
            }
            (State::Extension, _) => State::Extension,
            (State::DataEnd, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size,
            (State::Trailer, b'\n') => State::Done,
            (State::Trailer, b'\r') | (State::TrailerLine, b'\n') => State::Trailer,
            (State::Trailer | State::TrailerLine, _) => State::TrailerLine,
            (State::DataEnd | State::Data(_) | State::Done, _) => return None,
        };
        Some(())
    }

    fn sized(&mut self) -> State {
        let size = std::mem::take(&mut self.size);
        self.has_digit = false;
        if size == 0 {
            return State::Trailer;
        }
        self.line = 0;
        State::Data(size)
    }
}
