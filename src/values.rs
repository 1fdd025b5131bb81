//! Reading the values that people type: rates, times, shares, objectives. Every refusal says what would have been right.
#![expect(clippy::map_err_ignore, reason = "what would have been right says more than a parser's own complaint")]

pub(crate) mod count;
mod rate;
mod sigv4;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use http::{HeaderName, HeaderValue, Method};
use jiff::SignedDuration;

use crate::slo::Slo;
pub(crate) use rate::rate;
use scaletop_load::Arrivals;
pub(crate) use sigv4::{SigV4, sigv4};

/// The highest rate that can be asked for, requests per second.
pub(crate) const HIGHEST_RATE: u32 = 1_000_000;

/// The speeds of a replay: how many times as fast as it happened.
pub(crate) const SPEEDS: [u32; 6] = [1, 2, 5, 10, 20, 50];

/// The longest time that can be asked for: a week.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// How much a name must be like another to be meant by it, from 0 to 1 (Jaro-Winkler).
const MEANT: f64 = 0.75;

/// Of the names that are known the one that was most likely meant; `None` when none is much like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let alike = known.into_iter().map(|known| (likeness(known), known)).filter(|(likeness, _)| *likeness >= MEANT);
    alike.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known)
}

/// Why a value cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not an AWS account.
    #[error("`{0}` is no AWS account; give its twelve digits (aws sts get-caller-identity)")]
    Account(String),
    #[error(
        "\"{0}\" is not a rate: give whole requests per second from 0 to {HIGHEST_RATE}, such as 600, 1.5k or 60/min"
    )]
    Rate(String),
    #[error("\"{0}\" is not a time: give a number with a unit, such as 500ms, 10s, 5m or 1h30m (at most a week)")]
    Duration(String),
    /// A comma that may set thousands apart or begin decimals.
    #[error("\"{given}\" could be {} or {}: write the one that is meant", given.replace(',', ""), given.replace(',', "."))]
    Comma { given: String },
    /// A number that could be of any unit.
    #[error("\"{0}\" is a time without a unit: write {0}s for seconds, {0}ms for milliseconds or {0}m for minutes")]
    NoUnit(String),
    #[error("\"{0}\" is not a share: give a percentage from 0% to 100%, such as 1% or 0.5%")]
    Share(String),
    #[error("\"{0}\" is not an objective: give a percentile and a time, such as p99=500ms or max=2s, or errors=1%")]
    Objective(String),
    /// Not a header. The value may be a secret, so it is not repeated.
    #[error(
        "--header takes `name: value` in printable characters, such as 'accept: text/html', or @FILE with one on each line"
    )]
    Header,
    /// A method that sends no request to the service.
    #[error("CONNECT opens a tunnel, it is no request to a service: give GET, POST, PUT, …")]
    Tunnel,
    /// Not the name of a header.
    #[error("\"{0}\" is not the name of a header: give one such as x-instance-id")]
    HeaderName(String),
    #[error("\"{0}\" is not an HTTP method: give GET, POST, PUT, …")]
    Method(String),
    /// Not an override of name resolution.
    #[error("\"{0}\" is not HOST:PORT:ADDRESS, such as example.com:443:127.0.0.1")]
    Resolve(String),
    #[error("\"{0}\" is not a factor: give a number from 0.01 to 100, such as 0.1")]
    Factor(String),
    #[error("\"{0}\" is not a number of whole seconds: give one from 1s to an hour, such as 10s")]
    WholeSeconds(String),
    /// Not a number of workers.
    #[error("\"{0}\" is not a number of engine threads: give auto, or one from 1 to 64")]
    Workers(String),
    /// Not a speed of a replay.
    #[error("\"{0}\" is not a speed: give 1, 2, 5, 10, 20 or 50")]
    Speed(String),
    #[error("\"{0}\" is not a level of progress: give true, false, 0 or 1")]
    Verbosity(String),
    /// Not an address to listen on.
    #[error(
        "\"{0}\" is no address to listen on: give a port, such as 8899, for this machine alone, or ADDRESS:PORT, such as 127.0.0.1:8899 or 0.0.0.0:8899"
    )]
    Listen(String),
    /// Not a program that counts.
    #[error(
        "{0}: give a program with its arguments, such as 'docker ps -q', or add --count-shell (`shell = true`) to have a shell run it"
    )]
    CountCommand(String),
    /// Not something that is counted.
    #[error("\"{given}\" is nothing that is counted: {}running, desired and pending are", meant.map(|meant| format!("did you mean {meant}? ")).unwrap_or_default())]
    CountName { given: String, meant: Option<&'static str> },
    #[error("two say what is {0}, and they are never mixed: keep one")]
    CountTwice(&'static str),
    /// Not a JSON pointer.
    #[error(
        "\"{0}\" is not a JSON pointer, which begins with /: give one such as /status/readyReplicas, or desired=/spec/replicas"
    )]
    CountPointer(String),
    #[error("there is no query: give one such as 'count(up{{job=\"web\"}} == 1)', or desired=QUERY")]
    CountQuery,
    #[error("\"{0}\" is not how often instances can be counted: give a time from 500ms to 1h, such as 2s")]
    CountInterval(String),
    /// Not a service and a region.
    #[error(
        "\"{0}\" names no service to sign for: give SERVICE or SERVICE:REGION, such as execute-api:eu-west-1, lambda or vpc-lattice-svcs"
    )]
    SigV4(String),
    #[error("\"{0}\" is not a percentile: give p50, p90, p95, p99, p99.9, … or max")]
    Percentile(String),
}

/// How many times as fast a recording is shown; `x` may stand before or after.
pub(crate) fn speed(text: &str) -> Result<u32, ValueError> {
    let digits = text.trim().trim_start_matches(['x', '×']).trim_end_matches(['x', '×']);
    let speed = digits.parse().ok().filter(|speed| SPEEDS.contains(speed));
    speed.ok_or_else(|| ValueError::Speed(text.to_owned()))
}

/// How much progress is told: a number, or true for the first level of it.
pub(crate) fn verbosity(text: &str) -> Result<u8, ValueError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(1),
        "false" | "no" | "off" => Ok(0),
        digits => digits.parse().map_err(|_| ValueError::Verbosity(text.to_owned())),
    }
}

/// An address to listen on; a port alone, or with `localhost`, is one of this machine alone.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, ValueError> {
    let text = text.trim();
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
        Err(_) => text.parse().map_err(|_| ValueError::Listen(text.to_owned())),
    }
}

/// How many engine threads there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkerCount {
    /// As many as the load needs, up to the cores.
    #[default]
    Auto,
    /// So many from the start on.
    Fixed(u16),
}

/// `auto`, or a number from 1 to 64.
pub(crate) fn workers(text: &str) -> Result<WorkerCount, ValueError> {
    match text.trim() {
        "auto" => Ok(WorkerCount::Auto),
        digits => match digits.parse() {
            Ok(count @ 1..=64) => Ok(WorkerCount::Fixed(count)),
            _ => Err(ValueError::Workers(text.to_owned())),
        },
    }
}

/// An AWS account: twelve digits.
pub(crate) fn account(text: &str) -> Result<String, ValueError> {
    match text.trim() {
        id if id.len() == 12 && id.bytes().all(|digit| digit.is_ascii_digit()) => Ok(id.to_owned()),
        _ => Err(ValueError::Account(text.to_owned())),
    }
}

/// A time with its unit. Zero is a time.
pub(crate) fn duration(text: &str) -> Result<Duration, ValueError> {
    let refuse = || ValueError::Duration(text.to_owned());
    let text = text.trim();
    // A bare number has no unit: 10 could be seconds or milliseconds. Only zero is the same in all of them.
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if is_ambiguous(text) {
        return Err(ValueError::Comma { given: text.to_owned() });
    }
    if rate::thousandths(text).or_else(|| rate::thousandths(&text.replacen(',', ".", 1))).is_some() {
        return Err(ValueError::NoUnit(text.to_owned()));
    }
    let parsed: SignedDuration = text.parse().map_err(|_| refuse())?;
    Duration::try_from(parsed).ok().filter(|d| *d <= LONGEST).ok_or_else(refuse)
}

/// A time that is not zero.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, ValueError> {
    duration(text).and_then(|d| if d.is_zero() { Err(ValueError::Duration(text.to_owned())) } else { Ok(d) })
}

/// A factor that durations are multiplied with.
pub(crate) fn factor(text: &str) -> Result<f64, ValueError> {
    let factor = decimal(text).filter(|factor| (0.01..=100.0).contains(factor));
    factor.ok_or_else(|| ValueError::Factor(text.to_owned()))
}

/// A time in whole seconds, at least one and at most an hour.
pub(crate) fn whole_seconds(text: &str) -> Result<Duration, ValueError> {
    let range = Duration::from_secs(1)..=Duration::from_hours(1);
    if is_ambiguous(text) {
        return Err(ValueError::Comma { given: text.to_owned() });
    }
    let time = duration(text).ok().filter(|time| time.subsec_nanos() == 0 && range.contains(time));
    time.ok_or_else(|| ValueError::WholeSeconds(text.to_owned()))
}

/// A share as a percentage: `1%` is 0.01. The sign is needed: `1` could be everything or a hundredth.
pub(crate) fn share(text: &str) -> Result<f64, ValueError> {
    let refuse = || ValueError::Share(text.to_owned());
    ratio(text).ok().filter(|share| *share <= 1.0).ok_or_else(refuse)
}

/// A percentage that may exceed 100 %: `150%` is 1.5.
pub(crate) fn ratio(text: &str) -> Result<f64, ValueError> {
    let refuse = || ValueError::Share(text.to_owned());
    let digits = text.trim().strip_suffix('%').ok_or_else(refuse)?;
    let percent = decimal(digits).ok_or_else(refuse)?;
    if percent.is_finite() && percent >= 0.0 { Ok(percent / 100.0) } else { Err(refuse()) }
}

/// Whether a comma of `text` stands where one that sets thousands apart would, before exactly three digits: `1,500ms` is 1500 ms to
/// some and 1.5 ms to others. After a zero (`0,125s`) or more than three digits it can only begin decimals.
fn is_ambiguous(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    text.match_indices(',').any(|(at, _)| {
        let whole = &text[text[..at].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |before| before + 1)..at];
        (1..=3).contains(&whole.len()) && !whole.starts_with('0') && digits(&text[at + 1..]) == 3
    })
}

/// A number with decimals, after a point or, as some write it, a comma; times are read so, too. One that [`is_ambiguous`] is none.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    if is_ambiguous(text) {
        return None;
    }
    if text.contains('.') { text.parse().ok() } else { text.replacen(',', ".", 1).parse().ok() }
}

/// A percentile as a quantile: `p99` is 0.99, `max` is 1.
pub(crate) fn percentile(text: &str) -> Result<f64, ValueError> {
    let refuse = || ValueError::Percentile(text.to_owned());
    if text.trim() == "max" {
        return Ok(1.0);
    }
    let percent: f64 = text.trim().strip_prefix('p').ok_or_else(refuse)?.parse().map_err(|_| refuse())?;
    if percent > 0.0 && percent < 100.0 { Ok(percent / 100.0) } else { Err(refuse()) }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// A percentile (as a quantile) and what it must not exceed.
    Latency(f64, Duration),
    /// The share of bad requests that is allowed.
    Errors(f64),
}

/// `p99=500ms`, `max=2s` or `errors=1%`; a bound may be written as one, too: `p99<500ms`, `errors<=1%`.
pub(crate) fn objective(text: &str) -> Result<Objective, ValueError> {
    let refuse = || ValueError::Objective(text.to_owned());
    let (name, value) = text.split_once(['=', '<', '≤']).ok_or_else(refuse)?;
    let value = value.trim_start_matches('=').trim();
    match name.trim() {
        "errors" | "error" => share(value).map(Objective::Errors),
        name => Ok(Objective::Latency(percentile(name).map_err(|_| refuse())?, positive_duration(value)?)),
    }
}

/// The default objectives, each replaced by what was given; the last one of a kind counts.
pub(crate) fn slo(objectives: &[Objective]) -> Slo {
    replaced(Slo::default(), objectives)
}

/// An objective with each of its halves replaced by what was given; the last one of a kind counts.
pub(crate) fn replaced(slo: Slo, objectives: &[Objective]) -> Slo {
    objectives.iter().fold(slo, |slo, objective| match *objective {
        Objective::Latency(quantile, latency) => Slo { quantile, latency, ..slo },
        Objective::Errors(errors) => Slo { errors, ..slo },
    })
}

/// A header to send, `name: value`.
pub(crate) fn header(text: &str) -> Result<(HeaderName, HeaderValue), ValueError> {
    let (name, value) = text.split_once(':').ok_or(ValueError::Header)?;
    let name = name.trim().parse().map_err(|_| ValueError::Header)?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| ValueError::Header)?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// A header as it was given: `name: value`, or `@FILE`, which is not opened here.
pub(crate) fn header_line(text: &str) -> Result<String, ValueError> {
    match text.trim().strip_prefix('@') {
        Some("") => Err(ValueError::Header),
        Some(_) => Ok(text.trim().to_owned()),
        None => header(text).map(|_| text.to_owned()),
    }
}

/// The name of a header.
pub(crate) fn header_name(text: &str) -> Result<HeaderName, ValueError> {
    text.trim().parse().map_err(|_| ValueError::HeaderName(text.to_owned()))
}

/// The name of a header, as a text.
pub(crate) fn header_name_text(text: &str) -> Result<String, ValueError> {
    header_name(text).map(|name| name.as_str().to_owned())
}

pub(crate) fn method(text: &str) -> Result<Method, ValueError> {
    match text.trim().to_ascii_uppercase().parse() {
        Ok(Method::CONNECT) => Err(ValueError::Tunnel),
        parsed => parsed.map_err(|_| ValueError::Method(text.to_owned())),
    }
}

/// A method, as a text.
pub(crate) fn method_text(text: &str) -> Result<String, ValueError> {
    method(text).map(|method| method.as_str().to_owned())
}

/// A word of a configuration, without the space around it.
#[expect(clippy::unnecessary_wraps, reason = "a parser of the command line")]
pub(crate) fn word(text: &str) -> Result<String, ValueError> {
    Ok(text.trim().to_owned())
}

/// `HOST:PORT:ADDRESS`: connections to the host and port go to the address instead. An IPv6 host stands in brackets.
pub(crate) fn resolve(text: &str) -> Result<(String, SocketAddr), ValueError> {
    let refuse = || ValueError::Resolve(text.to_owned());
    let given = text.trim();
    let end_of_host = if given.starts_with('[') { given.find("]:").map(|at| at + 1) } else { given.find(':') };
    let (host, rest) = given.split_at(end_of_host.ok_or_else(refuse)?);
    let (port, address) = rest[1..].split_once(':').ok_or_else(refuse)?;
    let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = address.parse().map_err(|_| refuse())?;
    let port = port.parse().map_err(|_| refuse())?;
    if host.is_empty() { Err(refuse()) } else { Ok((host.to_owned(), SocketAddr::new(address, port))) }
}

/// `HOST:PORT:ADDRESS`, as a text.
pub(crate) fn resolve_text(text: &str) -> Result<String, ValueError> {
    resolve(text).map(|_| text.trim().to_owned())
}

/// The ways in which arrivals can be spaced, by their names.
pub(crate) fn arrivals() -> impl TypedValueParser<Value = Arrivals> {
    PossibleValuesParser::new(Arrivals::ALL.map(Arrivals::name))
        .map(|name| Arrivals::ALL.into_iter().find(|arrivals| arrivals.name() == name).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit_and_a_limit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("1,5s"), duration("1.5s"));
        for text in ["10", "1.5"] {
            let error = duration(text).unwrap_err().to_string();
            assert!(error.contains(&format!("write {text}s for seconds")), "{error}");
        }
        for (text, one, other) in [
            ("1,000ms", "1000ms", "1.000ms"),
            ("1,500s", "1500s", "1.500s"),
            ("1h12,345ms", "1h12345ms", "1h12.345ms"),
            ("1,500", "1500", "1.500"),
        ] {
            let error = duration(text).unwrap_err().to_string();
            assert!(error.contains(&format!("could be {one} or {other}")), "{error}");
        }
        assert!(whole_seconds("3,000s").unwrap_err().to_string().contains("could be 3000s"));
        assert_eq!(duration("0,125s"), duration("125ms"));
        assert_eq!(duration("1500,250ms"), duration("1500.25ms"));
        assert!(matches!(duration("1,5"), Err(ValueError::NoUnit(_))));
        assert!(factor("1,000").is_err() && ratio("1,500%").is_err() && ratio("0,125%").is_ok());
        for text in ["10", "-5s", "NaN", "", "5 parsecs", "9999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(positive_duration("0s").is_err());
        assert_eq!(whole_seconds("2m"), Ok(Duration::from_mins(2)));
        assert!(whole_seconds("1500ms").is_err() && whole_seconds("0s").is_err() && whole_seconds("2h").is_err());
        assert_eq!((speed("50"), speed("×2"), speed("5x")), (Ok(50), Ok(2), Ok(5)));
        for text in ["0", "3", "51", "-1", "fast", ""] {
            assert!(speed(text).unwrap_err().to_string().contains("1, 2, 5, 10, 20 or 50"), "{text}");
        }
        assert_eq!((workers("auto"), workers("64")), (Ok(WorkerCount::Auto), Ok(WorkerCount::Fixed(64))));
        assert!(["0", "65", "", "many"].iter().all(|text| workers(text).is_err()));
        assert_eq!((factor("0.1"), factor("0,1"), share("0,5%")), (Ok(0.1), Ok(0.1), Ok(0.005)));
        for text in ["0", "-1", "NaN", "101", ""] {
            assert!(factor(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requests_that_cannot_be_sent_are_refused_without_repeating_secrets() {
        let error = header("authorization Bearer secret").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(header("x: a\nb").is_err() && header("a b: c").is_err());
        assert_eq!(method("post").unwrap(), Method::POST);
        assert!(method("GE T").is_err() && header_name("").is_err());
        assert_eq!(resolve("example.com:443:[::1]").unwrap().1.to_string(), "[::1]:443");
        assert!(resolve("example.com:127.0.0.1").is_err() && resolve(":1:127.0.0.1").is_err());
        assert_eq!(resolve("[::1]:81:127.0.0.1").unwrap(), ("[::1]".to_owned(), "127.0.0.1:81".parse().unwrap()));
        assert!(resolve("[::1]:81").is_err() && resolve("a:1:[::1").is_err());
        assert!(method("connect").is_err() && header_line("@").is_err() && header_line("no colon").is_err());
        assert_eq!(header_line(" @secrets ").unwrap(), "@secrets");
    }

    #[test]
    fn objectives_replace_the_defaults_one_by_one() {
        let slo = slo(&[objective("p95=1s").unwrap(), objective("errors=0.5%").unwrap()]);
        assert_eq!(slo.to_string(), "p95 ≤ 1 s, errors ≤ 0.5 %");
        for text in ["p99<500ms", "p99 <= 500ms", "p99≤0.5s", "p99=500ms"] {
            assert_eq!(objective(text), Ok(Objective::Latency(0.99, Duration::from_millis(500))), "{text}");
        }
        assert_eq!(
            (objective("error=1%"), objective("errors < 1%")),
            (Ok(Objective::Errors(0.01)), Ok(Objective::Errors(0.01)))
        );
        for text in
            ["p99", "p99>1s", "p99=500", "p0=1s", "p100=1s", "errors=1", "errors=101%", "p99=-1s", "=", "q99=1s"]
        {
            assert!(objective(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_alone_is_one_of_this_machine_alone() {
        for (text, address) in [
            ("8899", "127.0.0.1:8899"),
            ("localhost:0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8899", "[::1]:8899"),
        ] {
            assert_eq!(listen(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in ["", "70000", "example.com:80", "127.0.0.1", "http://127.0.0.1:80"] {
            assert!(listen(text).unwrap_err().to_string().contains("such as 8899"), "{text}");
        }
    }
}
