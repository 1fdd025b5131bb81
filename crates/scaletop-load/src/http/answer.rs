//! Reading an HTTP/1.1 answer as its bytes come in: pure, and the same however they are cut into pieces.
//!
//! Of an answer only this is wanted: its status, who served it, how many bytes its body has, where it ends, and whether the
//! connection can be used again. Bodies are counted and forgotten.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};
use scaletop_units::InstanceId;

use crate::http::answer::chunks::Chunks;
use crate::http::cause::leads_to;
use crate::ids::Ids;
use crate::sample::Cause;

mod chunks;

/// A head longer than this is no answer.
const MAX_HEAD: usize = 64 * 1024;

/// A head with more headers than this is no answer.
const MAX_HEADERS: usize = 128;

/// What a service said, as far as it has been read.
#[derive(Debug)]
pub(super) struct Answer {
    state: State,
    /// What has come of a head that is not complete yet.
    head: Vec<u8>,
    /// The request was HEAD: the answer has no body, whatever it announces.
    is_bodiless: bool,
    /// The status, once the head was read.
    pub status: Option<u16>,
    /// Who served it, as a header says.
    pub served_by: Option<InstanceId>,
    /// Where it leads, when it is a redirect.
    pub leads_to: Option<Cause>,
    /// Bytes of the body so far.
    pub bytes: u64,
    /// Bytes so far, the head's included.
    pub seen: u64,
    /// Whether the connection can carry another request afterwards.
    pub keeps_alive: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunks),
    UntilClose,
    Done,
}

/// Why bytes are not an HTTP/1.1 answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// They are TLS.
    Tls,
    /// They are HTTP/2.
    Http2,
    /// They are something else: what is wrong, and in which line.
    NotHttp(String),
    /// The head is too long, or has too many headers.
    TooLong,
    /// Two lengths that differ, or one that is no number.
    Length,
    /// The body is said to be chunked and is not.
    Chunks,
}

impl Malformed {
    /// In words.
    pub(super) fn text(self) -> Cow<'static, str> {
        let text = match self {
            Self::Tls => "the service speaks TLS on this port: use https://",
            Self::Http2 => "the service speaks HTTP/2 only on this port: use --http2",
            Self::NotHttp(why) => return format!("the answer is not HTTP: {why}").into(),
            Self::TooLong => "the head of the answer is longer than 64 KiB or has over 128 headers",
            Self::Length => "the answer has no valid content-length",
            Self::Chunks => "the answer is not chunked as it says",
        };
        text.into()
    }
}

impl Answer {
    /// Nothing yet of the answer to a request; `is_bodiless` when that was HEAD.
    pub(super) const fn new(is_bodiless: bool) -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            is_bodiless,
            status: None,
            served_by: None,
            leads_to: None,
            bytes: 0,
            seen: 0,
            keeps_alive: true,
        }
    }

    /// Takes the next bytes; whether the answer is complete with them.
    pub(super) fn feed(&mut self, mut input: &[u8], ids: &Ids) -> Result<bool, Malformed> {
        self.seen += input.len() as u64;
        loop {
            match &mut self.state {
                State::Head => match self.read_head(input, ids)? {
                    Some(rest) => input = rest,
                    None => return Ok(false),
                },
                State::Length(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    *left -= take as u64;
                    self.bytes += take as u64;
                    input = &input[take..];
                    if *left > 0 {
                        return Ok(false);
                    }
                    self.state = State::Done;
                }
                State::Chunked(chunks) => {
                    let (taken, body) = chunks.feed(input).ok_or(Malformed::Chunks)?;
                    self.bytes += body;
                    input = &input[taken..];
                    if !chunks.is_done() {
                        return Ok(false);
                    }
                    self.state = State::Done;
                }
                State::UntilClose => {
                    self.bytes += input.len() as u64;
                    return Ok(false);
                }
                State::Done => {
                    // Whoever speaks unasked is not to be trusted with another request.
                    self.keeps_alive &= input.is_empty();
                    return Ok(true);
                }
            }
        }
    }

    /// The connection was closed: whether that is the end of the answer.
    pub(super) const fn ends_with_close(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Reads the head from what was kept of it and `input`; returns what lies behind it once it is complete.
    fn read_head<'a>(&mut self, input: &'a [u8], ids: &Ids) -> Result<Option<&'a [u8]>, Malformed> {
        let kept = self.head.len();
        let joined = if kept == 0 {
            input
        } else {
            self.head.extend_from_slice(input);
            &self.head
        };
        // A head is parsed as soon as something of it is there, to tell what is no HTTP, then only when it ends: else one that
        // comes byte by byte would be parsed as often.
        let read = if kept == 0 || has_empty_line(&joined[kept.saturating_sub(2)..]) {
            Head::read(joined, ids)?
        } else {
            None
        };
        let Some(Head { length, status, keeps_alive, body, served_by, leads_to }) = read else {
            if kept == 0 {
                self.head.extend_from_slice(input);
            }
            return if self.head.len() > MAX_HEAD { Err(Malformed::TooLong) } else { Ok(None) };
        };
        self.head = Vec::new();
        let rest = &input[length - kept..];
        if matches!(status, 100 | 102..=199) {
            return Ok(Some(rest)); // interim: the answer is still to come
        }
        let has_none = self.is_bodiless || matches!(status, 101 | 204 | 304);
        self.state = match body {
            _ if has_none => State::Done,
            Body::Malformed => return Err(Malformed::Length),
            Body::Length(0) => State::Done,
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::Chunked(Chunks::default()),
            Body::UntilClose => State::UntilClose,
        };
        self.status = Some(status);
        self.served_by = served_by;
        self.leads_to = leads_to;
        self.keeps_alive = keeps_alive && status != 101 && !matches!(self.state, State::UntilClose);
        Ok(Some(rest))
    }
}

/// A complete head.
struct Head {
    /// Its own length in bytes.
    length: usize,
    status: u16,
    keeps_alive: bool,
    body: Body,
    served_by: Option<InstanceId>,
    leads_to: Option<Cause>,
}

#[derive(Clone, Copy)]
enum Body {
    Length(u64),
    Chunked,
    UntilClose,
    /// The lengths that are given differ, or are no numbers.
    Malformed,
}

impl Head {
    /// `None` while it is not complete.
    fn read(bytes: &[u8], ids: &Ids) -> Result<Option<Self>, Malformed> {
        let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
        let mut response = Response::new(&mut []);
        let length = ParserConfig::default()
            .parse_response_with_uninit_headers(&mut response, bytes, &mut headers)
            .map_err(|error| what_else(bytes, error))?;
        let Status::Complete(length) = length else {
            // Half a head of something else is told at once, not when the timeout falls due.
            return if is_other_protocol(bytes).is_some() {
                Err(what_else(bytes, httparse::Error::Token))
            } else {
                Ok(None)
            };
        };
        let mut said = Said::default();
        for header in &*response.headers {
            said.heed(header, ids);
        }
        let status = response.code.unwrap_or_default();
        Ok(Some(Self {
            length,
            status,
            leads_to: said.location.filter(|_| matches!(status, 300..=399)).map(leads_to),
            keeps_alive: !said.closes && (said.keeps_alive || response.version == Some(1)),
            body: said.coded.or(said.length).unwrap_or(Body::UntilClose),
            served_by: said.served_by,
        }))
    }
}

/// What the headers say, whatever their order.
#[derive(Default)]
struct Said<'a> {
    location: Option<&'a [u8]>,
    closes: bool,
    keeps_alive: bool,
    /// By a transfer coding, which goes before any length (RFC 9112, section 6.3).
    coded: Option<Body>,
    /// By a length.
    length: Option<Body>,
    served_by: Option<InstanceId>,
}

impl<'a> Said<'a> {
    fn heed(&mut self, header: &Header<'a>, ids: &Ids) {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is(ids.header().as_str()) {
            self.served_by = ids.get(header.value);
        } else if is("location") {
            self.location = Some(header.value);
        } else if is("content-length") {
            // The same length several times, in one header or in several, is that length.
            for word in words(header.value) {
                self.length = Some(match (self.length, number(word)) {
                    (None, Some(length)) => Body::Length(length),
                    (Some(Body::Length(other)), Some(length)) if other == length => Body::Length(length),
                    _ => Body::Malformed,
                });
            }
        } else if is("transfer-encoding") {
            // Whatever else was applied, chunked comes last, and only then is the end known before the connection's.
            let is_chunked = words(header.value).last().is_some_and(|word| word.eq_ignore_ascii_case(b"chunked"));
            self.coded = Some(if is_chunked { Body::Chunked } else { Body::UntilClose });
        } else if is("connection") {
            for word in words(header.value) {
                self.closes |= word.eq_ignore_ascii_case(b"close");
                self.keeps_alive |= word.eq_ignore_ascii_case(b"keep-alive");
            }
        }
    }
}

/// Digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// Whether a line ends and the next one is empty: the end of a head.
fn has_empty_line(bytes: &[u8]) -> bool {
    let ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
    ends.into_iter().any(|(at, _)| matches!(bytes[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// What bytes are that are not HTTP/1.1.
fn what_else(bytes: &[u8], error: httparse::Error) -> Malformed {
    match error {
        httparse::Error::TooManyHeaders => Malformed::TooLong,
        _ => is_other_protocol(bytes).unwrap_or_else(|| Malformed::NotHttp(where_not(bytes, error))),
    }
}

/// More of a line than this is not quoted, in characters.
const LONGEST_QUOTE: usize = 40;

/// What is wrong with a head, in which line, and how that begins. Of a header only the name is told: its value may be secret.
fn where_not(bytes: &[u8], error: httparse::Error) -> String {
    let ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n').map(|(at, _)| at + 1);
    let (mut line, mut from) = (1, 0);
    for end in ends {
        let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
        let mut response = Response::new(&mut []);
        let read =
            ParserConfig::default().parse_response_with_uninit_headers(&mut response, &bytes[..end], &mut headers);
        if read.is_err() {
            break;
        }
        (line, from) = (line + 1, end);
    }
    let wrong = bytes[from..].split(|&byte| byte == b'\n').next().unwrap_or_default();
    let public = if line == 1 { wrong } else { wrong.split(|&byte| byte == b':').next().unwrap_or_default() };
    let text = String::from_utf8_lossy(public);
    let text = text.trim_end();
    let cut = if text.chars().count() > LONGEST_QUOTE { "…" } else { "" };
    let quoted: String =
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(LONGEST_QUOTE).collect();
    match (error, line) {
        (_, 1) => format!("it begins with \"{quoted}{cut}\""),
        (httparse::Error::HeaderValue, _) => format!("the value of header \"{quoted}{cut}\" in line {line}"),
        _ => format!("the header in line {line}, \"{quoted}{cut}\""),
    }
}

/// An alert or a handshake of TLS; the settings with which HTTP/2 begins.
fn is_other_protocol(bytes: &[u8]) -> Option<Malformed> {
    match bytes {
        [0x15 | 0x16, 0x03, ..] => Some(Malformed::Tls),
        [0x00, _, _, 0x04, ..] => Some(Malformed::Http2),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
