//! Which request gets which answer, and after how long. Pure: no socket, no clock.

use crate::options::parse_delay;
use std::time::Duration;
use tiny_http::Method;

/// What will be sent, once `after` has passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) after: Duration,
    /// The methods that would have been right, for a 405.
    pub(crate) allow: Option<&'static str>,
}

impl Answer {
    fn at_once(status: u16, body: String) -> Self {
        Self { status, body, after: Duration::ZERO, allow: None }
    }

    fn wrong_method(method: &Method, path: &str, allow: &'static str) -> Self {
        let body = format!("{method} is not allowed on {path}; use {allow}\n");
        Self { allow: Some(allow), ..Self::at_once(405, body) }
    }
}

/// Decides on one request. `delay` is the server's own.
pub(crate) fn answer(method: &Method, url: &str, delay: Duration) -> Answer {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    match (path, method) {
        ("/api/test", Method::Get | Method::Post) => match asked_delay(query) {
            Ok(asked) => {
                let after = asked.unwrap_or(delay);
                Answer { after, ..Answer::at_once(200, format!("ok after {} ms\n", after.as_millis())) }
            }
            Err(message) => Answer::at_once(400, message),
        },
        ("/api/test", _) => Answer::wrong_method(method, path, "GET, POST"),
        ("/healthz", Method::Get | Method::Head) => Answer::at_once(200, "ok\n".to_owned()),
        ("/healthz", _) => Answer::wrong_method(method, path, "GET, HEAD"),
        _ => Answer::at_once(404, "nothing here; try /api/test or /healthz\n".to_owned()),
    }
}

/// The `delay=` of a query string. Other keys are left alone: load tools add some to defeat caches.
fn asked_delay(query: &str) -> Result<Option<Duration>, String> {
    let mut asked = query.split('&').filter_map(|pair| match pair.split_once('=') {
        Some(("delay", value)) => Some(value),
        None if pair == "delay" => Some(""),
        _ => None,
    });
    match (asked.next(), asked.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match parse_delay(value) {
            Ok(delay) => Ok(Some(delay)),
            Err(error) => Err(format!("query delay={}: {error}\n", value.escape_debug())),
        },
        (Some(_), Some(_)) => Err("query: delay is given twice; give it once\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Duration = Duration::from_millis(80);

    fn get(url: &str) -> Answer {
        answer(&Method::Get, url, OWN)
    }

    #[test]
    fn the_test_path_waits_its_own_delay_or_the_one_asked_for() {
        for (url, millis) in [
            ("/api/test", 80),
            ("/api/test?", 80),
            ("/api/test?nocache=1", 80),
            ("/api/test?delay=120", 120),
            ("/api/test?delay=120ms", 120),
            ("/api/test?x=1&delay=2s", 2_000),
            ("/api/test?delay=0", 0),
        ] {
            let answer = get(url);
            assert_eq!((answer.status, answer.after), (200, Duration::from_millis(millis)), "{url}");
        }
    }

    #[test]
    fn a_bad_query_is_refused_at_once_and_told_why() {
        for (url, reason) in [
            ("/api/test?delay=", "for example 80"),
            ("/api/test?delay", "for example 80"),
            ("/api/test?delay=-1", "for example 80"),
            ("/api/test?delay=%0a", "for example 80"),
            ("/api/test?delay=61s", "longest delay is 60 s"),
            ("/api/test?delay=1&delay=2", "given twice"),
        ] {
            let answer = get(url);
            assert_eq!((answer.status, answer.after), (400, Duration::ZERO), "{url}");
            assert!(answer.body.contains(reason), "{url}: {}", answer.body);
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        for method in [Method::Put, Method::Delete, Method::Head, Method::Patch] {
            let answer = answer(&method, "/api/test", OWN);
            assert_eq!(
                (answer.status, answer.after, answer.allow),
                (405, Duration::ZERO, Some("GET, POST")),
                "{method}"
            );
        }
        assert_eq!(answer(&Method::Post, "/api/test", OWN).status, 200);
        assert_eq!(answer(&Method::Post, "/healthz", OWN).status, 405);
    }

    #[test]
    fn health_and_unknown_paths_do_not_wait() {
        assert_eq!((get("/healthz").status, get("/healthz").after), (200, Duration::ZERO));
        for url in ["/", "/api/test/", "/api", "/healthz2", "", "*", "//api/test"] {
            assert_eq!((get(url).status, get(url).after), (404, Duration::ZERO), "{url}");
        }
    }
}
