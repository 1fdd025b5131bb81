//! What to measure, as the user names it: a URL, `demo`, `apprunner:…`, `ecs:…` or `terraform:…`.
//!
//! Owns the parsing and the messages for what cannot be parsed; it looks nothing up. Turning a name into a URL and into
//! the ids that the platform's API wants is `cloud::resolve`'s.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::{Host, Url};

pub use secrets::hide_secrets_in;
pub(crate) use secrets::{hide_secrets, with_scheme, without_secrets};

mod secrets;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any service by its URL: only what answers show is known of it.
    Url(Url),
    /// The embedded cluster; on the platform that its options name, unless the target itself says which.
    Demo(Option<DemoPlatform>),
    /// An App Runner service.
    AppRunner(AppRunnerName),
    /// A service on ECS; Express services are ECS services.
    Ecs(EcsName),
    /// What the Terraform configuration in this folder has made.
    Terraform(PathBuf),
}

impl Target {
    /// Whether it is an embedded cluster of ours.
    pub(crate) const fn is_demo(&self) -> bool {
        matches!(self, Self::Demo(_))
    }
}

/// Whose way of balancing and scaling the demo follows, where the target says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoPlatform {
    AppRunner,
    Ecs,
}

/// How an App Runner service was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppRunnerName {
    /// By name, to be looked up in the region.
    Name(String),
    /// By ARN, which says its region.
    Arn(Arn),
}

/// How an ECS service was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsName {
    pub cluster: String,
    pub service: String,
    /// The region, when an ARN said it.
    pub region: Option<String>,
    /// The account, when an ARN said it.
    pub account: Option<String>,
}

/// An Amazon resource name in its parts: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// `apprunner`, `ecs`.
    pub service: String,
    /// `eu-west-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// What follows the account: `service/demo/0123…`.
    pub resource: String,
}

/// Why a target could not be understood; each message says what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("the target is empty; give a URL, demo, apprunner:NAME, ecs:CLUSTER/SERVICE or terraform:DIR")]
    Empty,
    /// A host or path without a scheme.
    #[error("`{given}` has no scheme; {suggestion}")]
    NoScheme {
        given: String,
        /// What to write, as a request.
        suggestion: String,
    },
    /// A scheme that is none of ours.
    #[error(
        "`{given}` starts with `{scheme}:`, which is no kind of target; give http://…, https://…, demo, apprunner:NAME, \
         ecs:CLUSTER/SERVICE or terraform:DIR"
    )]
    UnknownKind { given: String, scheme: String },
    /// A URL that is none.
    #[error("`{given}` is no URL that requests can be sent to: {reason}; write it like https://example.com/api/test")]
    BadUrl {
        /// What was given, without credentials.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a platform of the demo.
    #[error(
        "`demo:{given}` is no platform of the demo; write demo:apprunner, demo:ecs, or demo for the one that --platform names"
    )]
    BadDemo {
        /// What followed `demo:`.
        given: String,
    },
    /// Not a name or ARN of an App Runner service.
    #[error(
        "`{given}` names no App Runner service: {reason}; write apprunner:NAME or \
         apprunner:arn:aws:apprunner:REGION:ACCOUNT:service/NAME/ID"
    )]
    BadAppRunner {
        /// What followed `apprunner:`.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a cluster and a service.
    #[error(
        "`{given}` names no ECS service: {reason}; write ecs:CLUSTER/SERVICE (the account's default cluster is called default)"
    )]
    BadEcs {
        /// What followed `ecs:`.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No folder.
    #[error("`terraform:` names no folder; write terraform:infra, the folder in which terraform apply was run")]
    NoTerraformFolder,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(given: &str) -> Result<Self, TargetError> {
        let given = given.trim();
        if given.is_empty() {
            return Err(TargetError::Empty);
        }
        if given.eq_ignore_ascii_case("demo") {
            return Ok(Self::Demo(None));
        }
        let Some((scheme, rest)) = given.split_once(':') else {
            return Err(no_scheme(given));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => parse_url(given).map(Self::Url),
            "demo" => parse_demo(rest),
            "apprunner" => parse_app_runner(rest).map(Self::AppRunner),
            "ecs" => parse_ecs(rest).map(Self::Ecs),
            "terraform" if rest.trim().is_empty() => Err(TargetError::NoTerraformFolder),
            "terraform" => Ok(Self::Terraform(PathBuf::from(rest.trim()))),
            "arn" => parse_bare_arn(given),
            // `localhost:8080` and `10.0.0.1:80/x`: what follows the colon is a port.
            _ if rest.starts_with(|first: char| first.is_ascii_digit()) => Err(no_scheme(given)),
            // `user:password@host`: what stands before the colon is no scheme.
            _ if rest.contains('@') && !rest.starts_with("//") => Err(no_scheme(given)),
            _ => Err(TargetError::UnknownKind { given: hide_secrets(given), scheme: scheme.to_owned() }),
        }
    }
}

fn parse_demo(given: &str) -> Result<Target, TargetError> {
    let platform = match given.trim().to_ascii_lowercase().as_str() {
        "apprunner" | "app-runner" => DemoPlatform::AppRunner,
        "ecs" => DemoPlatform::Ecs,
        // `demo:8080`: a host of that name and a port.
        port if port.starts_with(|first: char| first.is_ascii_digit()) => {
            return Err(no_scheme(&format!("demo:{given}")));
        }
        _ => return Err(TargetError::BadDemo { given: hide_secrets(given) }),
    };
    Ok(Target::Demo(Some(platform)))
}

impl fmt::Display for Target {
    /// As the user named it, without the credentials and the query of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(without_secrets(url).as_str()),
            Self::Demo(None) => f.write_str("demo"),
            Self::Demo(Some(DemoPlatform::AppRunner)) => f.write_str("demo:apprunner"),
            Self::Demo(Some(DemoPlatform::Ecs)) => f.write_str("demo:ecs"),
            Self::AppRunner(AppRunnerName::Name(name)) => write!(f, "apprunner:{name}"),
            Self::AppRunner(AppRunnerName::Arn(arn)) => write!(f, "apprunner:{arn}"),
            Self::Ecs(EcsName { cluster, service, .. }) => write!(f, "ecs:{cluster}/{service}"),
            Self::Terraform(folder) => write!(f, "terraform:{}", folder.display()),
        }
    }
}

impl Target {
    /// The region, where the target itself says it.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::AppRunner(AppRunnerName::Arn(arn)) => Some(&arn.region),
            Self::Ecs(name) => name.region.as_deref(),
            _ => None,
        }
    }

    /// The account, where the target itself says it.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::AppRunner(AppRunnerName::Arn(arn)) => Some(&arn.account),
            Self::Ecs(name) => name.account.as_deref(),
            _ => None,
        }
    }

    /// Whether the cloud's API is needed to know where requests go.
    pub const fn needs_cloud(&self) -> bool {
        matches!(self, Self::AppRunner(_) | Self::Ecs(_))
    }

    /// A short name for folders and titles: ASCII letters, digits, `-` and `.`, at most 40 characters, never empty.
    pub fn slug(&self) -> String {
        let name = match self {
            Self::Url(url) => url.host_str().unwrap_or("url").to_owned(),
            Self::Demo(_) => self.to_string(),
            Self::AppRunner(AppRunnerName::Name(name)) => name.clone(),
            Self::AppRunner(AppRunnerName::Arn(arn)) => arn.resource.split('/').nth(1).unwrap_or("service").to_owned(),
            Self::Ecs(EcsName { cluster, service, .. }) => format!("{cluster}-{service}"),
            Self::Terraform(folder) => {
                folder.file_name().unwrap_or_else(|| Path::new("terraform").as_os_str()).to_string_lossy().into_owned()
            }
        };
        let slug: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '-' })
            .take(40)
            .collect();
        let slug = slug.trim_matches(['-', '.']);
        if slug.is_empty() { "target".to_owned() } else { slug.to_owned() }
    }
}

impl AppRunnerName {
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => arn.resource.split('/').nth(1).unwrap_or_default(),
        }
    }
}

impl FromStr for Arn {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        if next() != "arn" {
            return Err("an ARN starts with arn:");
        }
        let arn = Self { partition: next(), service: next(), region: next(), account: next(), resource: next() };
        if !arn.partition.starts_with("aws") {
            return Err("the partition of an ARN is aws, aws-cn, aws-us-gov or another aws-…");
        }
        if [&arn.service, &arn.region, &arn.account, &arn.resource].iter().any(|part| part.is_empty()) {
            return Err("an ARN has six parts: arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE");
        }
        Ok(arn)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// Whether a word can only be meant as a target: a URL, a kind of ours, or a host and its port.
pub(crate) fn names_a_target(word: &str) -> bool {
    let kinds = ["apprunner:", "ecs:", "terraform:", "demo:", "k8s:"];
    let has_port = || {
        word.rsplit_once(':').is_some_and(|(host, rest)| {
            let port = rest.split('/').next().unwrap_or_default();
            !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
        })
    };
    word == "demo" || word.contains("://") || kinds.iter().any(|kind| word.starts_with(kind)) || has_port()
}

/// Whether a word that names no target may have been meant as one: the name of a host, with or without a path.
pub(crate) fn may_be_a_host(word: &str) -> bool {
    let host = word.split('/').next().unwrap_or_default();
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_file = ["toml", "tml", "json", "yaml", "yml", "txt", "js"].contains(&last);
    host == "localhost" || (host.contains('.') && host.split('.').all(is_label) && !is_file)
}

/// Whether requests to `url` stay on this machine, so that no one need be asked whether they may be sent.
///
/// Only names and addresses that cannot lead elsewhere count: `localhost`, `*.localhost`, 127.0.0.0/8 and `::1`; and 0.0.0.0 and `::`, which
/// a connection takes as this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_this_machine(name),
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => {
            let ip = IpAddr::V6(ip).to_canonical();
            ip.is_loopback() || ip.is_unspecified()
        }
        None => false,
    }
}

/// The same of a host that stands alone: a name, or an address without brackets.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    host.parse::<IpAddr>().map_or_else(|_| is_this_machine(host), |ip| ip.to_canonical().is_loopback())
}

/// Whether a name can only mean this machine.
fn is_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Parses what must be an `http` or `https` URL with a host, and what a request can be sent to as it stands.
pub(crate) fn parse_url(given: &str) -> Result<Url, TargetError> {
    let bad = |reason: String| TargetError::BadUrl { given: hide_secrets(given), reason };
    let given_trimmed = given.trim();
    let url = Url::parse(given_trimmed).map_err(|error| bad(why_no_url(given_trimmed, error)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(format!("{}: is neither http: nor https:", url.scheme())));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("it names no host".to_owned()));
    }
    if url.port() == Some(0) {
        return Err(bad("port 0 cannot be connected to".to_owned()));
    }
    url_as_sent(given_trimmed, &url).map_err(|reason| bad(reason.to_owned()))?;
    Ok(url)
}

/// What the parser of URLs says, and more where it says little.
fn why_no_url(given: &str, error: url::ParseError) -> String {
    match error {
        url::ParseError::InvalidIpv6Address if given.contains('%') => {
            "an IPv6 address with a zone (%eth0) stands for a different host on every machine: give one without"
                .to_owned()
        }
        error => error.to_string(),
    }
}

/// Refuses what would silently become something else on its way: what the user wrote is what is sent.
fn url_as_sent(given: &str, url: &Url) -> Result<(), &'static str> {
    if !given.contains("://") {
        return Err("// is missing behind the scheme");
    }
    if given.chars().any(char::is_control) {
        return Err("it holds a control character, such as a line end");
    }
    let path = given.split(['?', '#']).next().and_then(|before| before.split_once("://")).map_or("", |(_, rest)| rest);
    if has_dot_segment(path.split_once('/').map_or("", |(_, path)| path)) {
        return Err(DOT_SEGMENT);
    }
    if given.split('?').next().is_some_and(|before| before.contains('\\')) {
        return Err("\\ is no separator: write /");
    }
    if url.fragment().is_some() {
        return Err("what follows # is never sent: leave it out, or write %23 where # belongs to the path");
    }
    if let Some(Host::Domain(name)) = url.host() {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(
                "its host is no name that can be looked up: parts have 1 to 63 characters, all of it 253 at most",
            );
        }
    }
    path_as_sent(&url[url::Position::BeforePath..url::Position::AfterQuery])
}

const DOT_SEGMENT: &str =
    ". and .. in a path are resolved before it is sent, as RFC 3986 says: write the path that is meant";

/// Whether a path has a segment `.` or `..`, written out or escaped.
fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."))
}

/// Refuses a path and query that one server or the other will not take as it stands.
pub(crate) fn path_as_sent(path: &str) -> Result<(), &'static str> {
    if has_dot_segment(path.split('?').next().unwrap_or_default()) {
        return Err(DOT_SEGMENT);
    }
    let escapes = path.split('%').skip(1);
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    if escapes.into_iter().any(|rest| !is_escape(rest)) {
        return Err("% does not begin an escape of two hexadecimal digits: write %25 where % itself is meant");
    }
    Ok(())
}

fn no_scheme(given: &str) -> TargetError {
    let suggestion = match with_scheme(given) {
        Some(suggestion) => suggestion,
        None if is_name(given) => format!("write https://{given}, apprunner:{given} or ecs:default/{given}"),
        None if hide_secrets(given) == given => format!("write https://{given}"),
        None => "put https:// before it".to_owned(),
    };
    TargetError::NoScheme { given: hide_secrets(given), suggestion }
}

fn parse_app_runner(given: &str) -> Result<AppRunnerName, TargetError> {
    let given = given.trim();
    let bad = |reason| TargetError::BadAppRunner { given: hide_secrets(given), reason };
    if given.is_empty() {
        return Err(bad("the name is missing"));
    }
    if given.starts_with("arn:") {
        let arn: Arn = given.parse().map_err(bad)?;
        if arn.service != "apprunner" {
            return Err(bad("the ARN is of another AWS service"));
        }
        let parts: Vec<&str> = arn.resource.split('/').collect();
        return match parts.as_slice() {
            ["service", name, id] if is_name(name) && !id.is_empty() => Ok(AppRunnerName::Arn(arn)),
            _ => Err(bad("the ARN is not one of a service")),
        };
    }
    if is_name(given) { Ok(AppRunnerName::Name(given.to_owned())) } else { Err(bad(NAME_RULE)) }
}

fn parse_ecs(given: &str) -> Result<EcsName, TargetError> {
    let given = given.trim();
    let bad = |reason| TargetError::BadEcs { given: hide_secrets(given), reason };
    if given.is_empty() {
        return Err(bad("cluster and service are missing"));
    }
    if given.starts_with("arn:") {
        let arn: Arn = given.parse().map_err(bad)?;
        if arn.service != "ecs" {
            return Err(bad("the ARN is of another AWS service"));
        }
        let parts: Vec<&str> = arn.resource.split('/').collect();
        return match parts.as_slice() {
            ["service", cluster, service] if is_name(cluster) && is_name(service) => Ok(EcsName {
                cluster: (*cluster).to_owned(),
                service: (*service).to_owned(),
                region: Some(arn.region.clone()),
                account: Some(arn.account.clone()),
            }),
            ["service", _] => Err(bad("the ARN is of the old form, without the cluster")),
            _ => Err(bad("the ARN is not one of a service")),
        };
    }
    match given.split_once('/') {
        None => Err(bad("the cluster is missing")),
        Some((cluster, service)) if is_name(cluster) && is_name(service) => {
            Ok(EcsName { cluster: cluster.to_owned(), service: service.to_owned(), region: None, account: None })
        }
        Some(_) => Err(bad(NAME_RULE)),
    }
}

/// An ARN without the kind before it says its kind itself.
fn parse_bare_arn(given: &str) -> Result<Target, TargetError> {
    match given.parse::<Arn>() {
        Ok(arn) if arn.service == "ecs" => parse_ecs(given).map(Target::Ecs),
        _ => parse_app_runner(given).map(Target::AppRunner),
    }
}

const NAME_RULE: &str = "names have letters, digits, - and _ only";

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests;
