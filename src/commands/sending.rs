//! Who carries the requests: the transport, its workers and connections, and what they cannot carry.

use std::num::NonZero;

use http::header::HOST;
use url::{Position, Url};

use crate::cli::{DriveArgs, LoadArgs, TransportKind};
use crate::commands::CommandError;
use crate::commands::drive::max_in_flight;
use crate::session::event::Settings;
use crate::values::WorkerCount;
use scaletop_load::{Expected, HttpFactory, LoadConfig, Prepared, RequestOptions, ReqwestTransport, Workers};

/// The longest path and query that HTTP libraries take, in bytes.
const LONGEST_PATH: usize = 65_534;

/// The cap on connections: every request in flight may need one.
pub(super) fn max_connections(load: &LoadArgs) -> u64 {
    load.max_connections.unwrap_or_else(|| max_in_flight(load))
}

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
        max_connections: usize::try_from(max_connections(load)).unwrap_or(usize::MAX),
        warm: usize::try_from(load.warm).unwrap_or(0),
        workers,
        expected,
    };
    match load.transport {
        TransportKind::Own => Ok(Prepared::new(config, vec![factory; most]).await?),
        TransportKind::Reqwest => {
            let transports = (0..most).map(|_| ReqwestTransport::new(request)).collect::<Result<Vec<_>, _>>()?;
            Ok(Prepared::new(config, transports).await?)
        }
    }
}

/// Refuses what only our own connections can do, when they are not asked for.
pub(super) fn check_transport(drive: &DriveArgs, request: &RequestOptions) -> Result<(), CommandError> {
    if drive.load.transport == TransportKind::Own {
        return Ok(());
    }
    let refused = if drive.load.warm > 0 {
        "--warm opens connections of scaletop's own: leave it out"
    } else if drive.load.max_connections.is_some() {
        "--max-connections is kept by scaletop's own connections: leave it out"
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

    #[test]
    fn a_url_that_no_request_can_carry_is_refused_with_its_length_and_the_limit() {
        let url = |length: usize| -> Url { format!("http://127.0.0.1:1/{}", "a".repeat(length - 1)).parse().unwrap() };
        assert!(check_length(&url(LONGEST_PATH)).is_ok());
        let error = check_length(&url(LONGEST_PATH + 1)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("65535 bytes long, 65534 is the most"), "{error}");
    }
}
