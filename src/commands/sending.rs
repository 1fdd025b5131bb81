//! Who carries the requests: the transport, its workers and connections, and what they cannot carry.

use std::num::NonZero;
use std::path::Path;

use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::Authority;
use url::{Position, Url};

use crate::cli::{DriveArgs, LoadArgs, TransportKind};
use crate::commands::CommandError;
use crate::files;
use crate::session::event::Settings;
use crate::values;
use crate::values::WorkerCount;
use scaletop_load::{
    Expected, HttpFactory, LoadConfig, Prepared, RequestOptions, ReqwestTransport, TransportError, Workers,
};

/// The longest path and query that HTTP libraries take, in bytes.
const LONGEST_PATH: usize = 65_534;

/// Headers about the connection, which HTTP/2 does not have (RFC 9113, section 8.2.2).
const OF_THE_CONNECTION: [&str; 4] = ["connection", "keep-alive", "proxy-connection", "upgrade"];

/// The engine, its threads up and its connections open.
pub(super) async fn engine(
    load: &LoadArgs,
    settings: &Settings,
    factory: HttpFactory,
    request: &RequestOptions,
    expected: Expected,
) -> Result<Prepared, CommandError> {
    let (workers, most) = match load.workers {
        WorkerCount::Auto => (Workers::Auto, std::thread::available_parallelism().map_or(1, NonZero::get)),
        WorkerCount::Fixed(count) => (Workers::Fixed, usize::from(count)),
    };
    let config = LoadConfig {
        arrivals: load.arrivals,
        seed: settings.seed,
        max_in_flight: settings.max_in_flight,
        capped_by_descriptors: settings.capped_by_descriptors,
        // Every request in flight may need a connection.
        max_connections: usize::try_from(settings.max_connections.unwrap_or(settings.max_in_flight))
            .unwrap_or(usize::MAX),
        warm: usize::try_from(load.warm).unwrap_or(0),
        workers,
        expected,
        mix: request.mix.clone(),
    };
    match load.transport {
        TransportKind::Own => Ok(Prepared::new(config, vec![factory; most]).await?),
        TransportKind::Reqwest => {
            let transports = (0..most).map(|_| ReqwestTransport::new(request)).collect::<Result<Vec<_>, _>>()?;
            Ok(Prepared::new(config, transports).await?)
        }
    }
}

/// How connections for this request are made; refuses whatever cannot be sent, before anything is.
pub(super) fn sendable(drive: &DriveArgs, request: &RequestOptions) -> Result<HttpFactory, CommandError> {
    check_headers(request)?;
    check_transport(drive, request)?;
    let factory = HttpFactory::new(request)?;
    if drive.load.transport == TransportKind::Reqwest {
        ReqwestTransport::new(request)?;
    }
    Ok(factory)
}

/// The headers that were given, each by itself or in a file.
pub(super) fn headers(given: &[String]) -> Result<HeaderMap, CommandError> {
    let mut headers = HeaderMap::new();
    for line in given {
        let Some(path) = line.strip_prefix('@').map(Path::new) else {
            let (name, value) = values::header(line)?;
            headers.append(name, value);
            continue;
        };
        let text = files::read_text(path, files::MOST_TEXT)
            .map_err(|source| CommandError::ReadHeaders { path: path.to_owned(), source })?;
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            // The line may be a secret: only its number is said.
            let wrong = |error| CommandError::Option(format!("{}, line {}: {error}", path.display(), at + 1));
            let (name, value) = values::header(line).map_err(wrong)?;
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// Refuses certificates that would be read without end, or only once.
pub(super) fn check_certificates(path: &Path) -> Result<(), CommandError> {
    files::read_regular_text(path, files::MOST_CERTIFICATES)
        .map(drop)
        .map_err(|source| TransportError::CertificateFile { path: path.to_owned(), source }.into())
}

/// Refuses headers that would not arrive as they were written.
pub(super) fn check_headers(request: &RequestOptions) -> Result<(), CommandError> {
    let hosts: Vec<_> = request.headers.get_all(HOST).iter().collect();
    let is_authority = |host: &HeaderValue| {
        let host = host.to_str().unwrap_or_default();
        !host.is_empty() && !host.contains('@') && host.parse::<Authority>().is_ok()
    };
    let why = if hosts.len() > 1 {
        "the header host is given more than once: give it once".to_owned()
    } else if !hosts.into_iter().all(is_authority) {
        "the header host is no host with an optional port: write it like 'host: example.com:8080'".to_owned()
    } else if let Some(name) =
        OF_THE_CONNECTION.iter().find(|name| request.http2 && request.headers.contains_key(**name))
    {
        format!("HTTP/2 has no header {name}: leave it out, or leave --http2 out")
    } else {
        return Ok(());
    };
    Err(CommandError::Option(why))
}

/// Refuses what only our own connections can do, when they are not asked for.
fn check_transport(drive: &DriveArgs, request: &RequestOptions) -> Result<(), CommandError> {
    if drive.load.transport == TransportKind::Own {
        return Ok(());
    }
    let refused = if drive.load.warm > 0 {
        "--warm opens connections of scaletop's own: leave it out"
    } else if drive.load.max_connections.is_some() {
        "--max-connections is kept by scaletop's own connections: leave it out"
    } else if drive.request.bearer_file.is_some() {
        "--bearer-file needs scaletop's own connections, since reqwest sends the same request each time: leave it out"
    } else if drive.request.sigv4.is_some() {
        "--sigv4 needs scaletop's own connections, since reqwest sends the same request each time: leave it out"
    } else if request.http2 && request.headers.contains_key(HOST) {
        "--http2 with a host header needs scaletop's own connections: use --resolve, and the host in the URL"
    } else {
        return Ok(());
    };
    Err(CommandError::Option(format!("{refused}, or leave out --transport reqwest")))
}

/// Refuses what no request line can carry.
pub(super) fn check_length(url: &Url) -> Result<(), CommandError> {
    let length = url[Position::BeforePath..Position::AfterQuery].len();
    if length <= LONGEST_PATH {
        return Ok(());
    }
    Err(CommandError::Option(format!(
        "the URL's path and query are {length} bytes long, {LONGEST_PATH} is the most that can be sent: shorten them, or \
         send the data with --body-file"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(headers: &[(&'static str, &'static str)]) -> RequestOptions {
        let mut request = RequestOptions::get("http://a.test/".parse().unwrap());
        for (name, value) in headers {
            request.headers.append(*name, HeaderValue::from_static(value));
        }
        request
    }

    #[test]
    fn headers_that_would_not_arrive_as_written_are_refused() {
        for (headers, part) in [
            (&[("host", "a.test"), ("host", "b.test")][..], "more than once"),
            (&[("host", "a b")], "no host"),
            (&[("host", "me@a.test")], "no host"),
            (&[("host", "")], "no host"),
        ] {
            let error = check_headers(&get(headers)).unwrap_err();
            assert!(error.to_string().contains(part) && error.exit_code() == 2, "{error}");
        }
        assert!(check_headers(&get(&[("host", "a.test:81"), ("connection", "close")])).is_ok());
        let http2 = RequestOptions { http2: true, ..get(&[("connection", "close")]) };
        assert!(check_headers(&http2).unwrap_err().to_string().contains("HTTP/2 has no header connection"));
    }

    #[test]
    fn headers_stand_in_a_file_too_and_a_wrong_line_is_told_by_its_number_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("headers");
        std::fs::write(&path, "authorization: Bearer hunter2\n\nx-a: 1\r\n").unwrap();
        let given = [format!("@{}", path.display()), "x-a: 2".to_owned()];
        let found = headers(&given).unwrap();
        assert_eq!((found.len(), found.get_all("x-a").iter().count()), (3, 2));
        std::fs::write(&path, "x-a: 1\nBearer hunter2\n").unwrap();
        let error = headers(&given).unwrap_err();
        assert!(error.to_string().contains("line 2") && !error.to_string().contains("hunter2"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_url_that_no_request_can_carry_is_refused_with_its_length_and_the_limit() {
        let url = |length: usize| -> Url { format!("http://127.0.0.1:1/{}", "a".repeat(length - 1)).parse().unwrap() };
        assert!(check_length(&url(LONGEST_PATH)).is_ok());
        let error = check_length(&url(LONGEST_PATH + 1)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("65535 bytes long, 65534 is the most"), "{error}");
    }
}
