//! A server that answers every request with the same recorded bytes: no `Date`, so that it has no say about the clock.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Starts it; it ends with its handle.
pub(crate) async fn serve(status: &str, headers: &str, body: Vec<u8>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let answer = [head.into_bytes(), body].concat();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The SDK's requests of these tests fit into one segment each; what it holds does not matter.
            let mut request = vec![0; 64 << 10];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, task)
}
