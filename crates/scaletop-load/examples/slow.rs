//! A service on loopback that takes its time: `cargo run --release -p scaletop-load --example slow -- 127.0.0.1:8082 80`
//! answers every request after 80 ms, as many at a time as come. A target for measuring with `drive`.

use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("the first argument is an address")?.parse()?;
    let delay = Duration::from_millis(arguments.next().context("the second is a delay in ms")?.parse()?);
    scaletop_load::raise_fd_limit();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(8_192)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, delay));
        }
    })
}

/// Requests have no body, and come one after the other.
async fn serve(mut stream: TcpStream, delay: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = [0; 4_096];
    while stream.read(&mut request).await? > 0 {
        tokio::time::sleep(delay).await;
        stream.write_all(ANSWER).await?;
    }
    Ok(())
}
