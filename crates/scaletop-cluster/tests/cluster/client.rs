//! A client without a pool or opinions: one connection, one request after the other.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) struct Client {
    addr: SocketAddr,
    connection: SendRequest<Full<Bytes>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) instance: Option<String>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(driver);
        Ok(Self { addr, connection })
    }

    pub(crate) async fn get(&mut self) -> hyper::Result<Reply> {
        self.send(Request::get("/api/test").body(Full::default()).unwrap()).await
    }

    pub(crate) async fn send(&mut self, mut request: Request<Full<Bytes>>) -> hyper::Result<Reply> {
        request.headers_mut().insert("host", self.addr.to_string().parse().unwrap());
        self.connection.ready().await?;
        let response = self.connection.send_request(request).await?;
        let status = response.status().as_u16();
        let instance = response.headers().get("x-instance-id").map(|id| id.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Reply { status, instance, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// One request on a connection of its own.
pub(crate) async fn get(addr: SocketAddr) -> Reply {
    let mut client = Client::connect(addr).await.expect("connects");
    client.get().await.expect("is answered")
}
