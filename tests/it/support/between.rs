//! Stands between the clients and the embedded endpoints, and makes the cloud say what accounts in the field say.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Changes an answer: the operation, what was asked, what is answered.
type Edit = dyn Fn(&str, &Value, &mut Value) + Send + Sync;

/// Answers a form of AWS' query protocol, which the endpoints do not speak: the head and the form; status and XML.
type Query = dyn Fn(&str, &str) -> (u16, String) + Send + Sync;

/// Starts it before the endpoints at `upstream` (`http://127.0.0.1:…`); answers its own URL. It ends with its handle. Forms are
/// answered by `query`; what else is no JSON (CloudWatch's metrics) passes as it is.
pub(crate) async fn serve(
    upstream: &str,
    edit: impl Fn(&str, &Value, &mut Value) + Send + Sync + 'static,
    query: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let upstream = upstream.trim_start_matches("http://").to_owned();
    let (edit, query): (Arc<Edit>, Arc<Query>) = (Arc::new(edit), Arc::new(query));
    let task = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, upstream.clone(), Arc::clone(&edit), Arc::clone(&query)));
        }
    });
    (url, task)
}

async fn relay(mut client: TcpStream, upstream: String, edit: Arc<Edit>, query: Arc<Query>) {
    let mut server = TcpStream::connect(upstream).await.expect("the endpoints");
    while let Some((head, body)) = read_message(&mut client).await {
        if body.starts_with(b"Action=") {
            let (status, xml) = query(&head, &String::from_utf8_lossy(&body));
            let head =
                format!("HTTP/1.1 {status} x\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", xml.len());
            if client.write_all(&[head.as_bytes(), xml.as_bytes()].concat()).await.is_err() {
                return;
            }
            continue;
        }
        server.write_all(&[head.as_bytes(), &body].concat()).await.expect("forwarded");
        let (mut answer_head, mut answer) = read_message(&mut server).await.expect("an answer");
        let operation = header(&head, "x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        if let Ok(mut said) = serde_json::from_slice::<Value>(&answer) {
            let before = said.clone();
            edit(operation, &serde_json::from_slice(&body).unwrap_or_default(), &mut said);
            if said != before && !answer_head.starts_with("HTTP/1.1 200") {
                // An answer in place of a refusal.
                let rest = answer_head.split_once("\r\n").map_or("", |(_, rest)| rest);
                answer_head = format!("HTTP/1.1 200 OK\r\n{}", rest.replace("x-amzn-errortype", "x-was-errortype"));
            }
            let length = format!("content-length: {}", answer.len());
            answer = said.to_string().into_bytes();
            answer_head = answer_head.replace(&length, &format!("content-length: {}", answer.len()));
        }
        if client.write_all(&[answer_head.as_bytes(), &answer].concat()).await.is_err() {
            return;
        }
    }
}

/// One request or answer: its head and its body, whose length the head says.
async fn read_message(from: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let length = header(&head, "content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    from.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
