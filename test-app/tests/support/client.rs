//! A small HTTP/1.1 client over std's sockets: enough to open many connections at once and to see each answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Now, by the real clock: these tests are about real sockets.
#[expect(clippy::disallowed_methods, reason = "the one home of the clock in these tests")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One connection. What was read beyond an answer is kept for the next.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends a request without a body.
    pub(crate) fn send(&mut self, method: &str, url: &str) -> io::Result<()> {
        self.send_raw(format!("{method} {url} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next answer, if it is complete by `deadline`.
    pub(crate) fn reply_by(&mut self, deadline: Instant) -> io::Result<Reply> {
        loop {
            if let Some((reply, length)) = parse(&self.unread) {
                self.unread.drain(..length);
                return Ok(reply);
            }
            let patience = deadline.saturating_duration_since(now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(patience))?;
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => self.unread.extend_from_slice(&piece[..bytes]),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends and waits for the answer, for at most 5 s.
    pub(crate) fn ask(&mut self, method: &str, url: &str) -> io::Result<Reply> {
        self.send(method, url)?;
        self.reply_by(now() + Duration::from_secs(5))
    }
}

/// A complete answer with a `content-length`, and how many bytes it takes; `None` if bytes are missing.
fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_length]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut reply = Reply { status, headers, body: String::new() };
    let body_length: usize = reply.header("content-length").unwrap_or("0").parse().ok()?;
    let body = bytes.get(head_length..head_length + body_length)?;
    reply.body = String::from_utf8_lossy(body).into_owned();
    Some((reply, head_length + body_length))
}
