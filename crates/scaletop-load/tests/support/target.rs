//! A tiny HTTP server on loopback that misbehaves on request: what a real one cannot be asked to do.
//!
//! | path | what it does |
//! |---|---|
//! | `/status/N` | answers N at once, with `x-instance-id: target-1` |
//! | `/redirect` | answers 302 to `/status/200` |
//! | `/hang` | reads the request and never answers |
//! | `/reset` | resets the connection under the request |
//! | `/close` | closes the connection without an answer |
//! | `/truncated` | promises 100 bytes, sends 10 and closes |
//! | `/stuck` | promises 100 bytes, sends 10 and no more |
//! | `/garbage` | answers with something that is not HTTP |
//! | `/delay/MS` | answers 200 after MS milliseconds |
//! | `/echo` | answers 200 with the request head as its body |

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A running target; dropping it closes everything.
pub(crate) struct Target {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    leave: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Target {
    /// Starts on a free port.
    pub(crate) async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into()).await
    }

    /// Starts at `address`.
    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (accepted, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let (counted, served) = (Arc::clone(&accepted), Arc::clone(&requests));
        let leave = Arc::new(Notify::new());
        let left = Arc::clone(&leave);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.expect("a connection");
                        counted.fetch_add(1, Ordering::SeqCst);
                        connections.spawn(serve(stream, Arc::clone(&served)));
                    }
                    _ = connections.join_next(), if !connections.is_empty() => {}
                    () = left.notified() => break,
                }
            }
            drop(listener);
            while connections.join_next().await.is_some() {}
        });
        Self { address, accepted, requests, leave, _tasks: tasks }
    }

    /// Gives the port up; open connections go on being served.
    pub(crate) fn leave_port(&self) {
        self.leave.notify_one();
    }

    /// Where `path` is.
    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("http://{}{path}", self.address).parse().expect("a URL")
    }

    /// The port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Requests read so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Answers requests on one connection until it is closed.
async fn serve(mut stream: TcpStream, requests: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    loop {
        head.clear();
        let mut chunk = [0; 1024];
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(read) => head.extend_from_slice(&chunk[..read]),
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let text = String::from_utf8_lossy(&head).into_owned();
        let path = text.split_whitespace().nth(1).unwrap_or("/");
        let answer = match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["status", code] => {
                format!("HTTP/1.1 {code} Whatever\r\nx-instance-id: target-1\r\ncontent-length: 2\r\n\r\nok")
            }
            ["redirect"] => "HTTP/1.1 302 Found\r\nlocation: /status/200\r\ncontent-length: 0\r\n\r\n".to_owned(),
            ["hang"] => std::future::pending().await,
            ["reset"] => {
                let _ = stream.set_zero_linger();
                return;
            }
            ["close"] => return,
            ["truncated"] => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789").await;
                return;
            }
            ["stuck"] => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789").await;
                std::future::pending().await
            }
            ["garbage"] => "what?\r\n\r\n".to_owned(),
            ["delay", millis] => {
                tokio::time::sleep(Duration::from_millis(millis.parse().unwrap_or(0))).await;
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
            ["echo"] => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()),
            _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
