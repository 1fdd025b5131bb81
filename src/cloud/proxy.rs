//! The proxy that AWS calls go through, as the environment names it.
//!
//! Only calls to AWS, which are https: a tunnel (CONNECT) on the proxy. Load goes directly, and so do endpoints by http, such as
//! the embedded cluster's and the addresses from which machines and containers get their credentials.

use std::fmt;

use aws_smithy_http_client::proxy::ProxyConfig;
use url::Url;

use crate::target::without_secrets;

/// The variables that name it, the first that is set wins: as with curl and Python, the small ones.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// What needs none.
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// Never asked through a proxy.
const LOCAL: &str = "localhost,127.0.0.0/8,::1";

/// A proxy, with what it wants to be shown; neither is ever printed.
#[derive(Clone)]
pub(crate) struct Proxy {
    url: Url,
    variable: &'static str,
    exceptions: String,
}

/// A variable that names no proxy that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is set, and not used: {reason}")]
pub(crate) struct BadProxy {
    variable: &'static str,
    reason: String,
}

impl Proxy {
    /// What the environment says; variables that are empty are not set.
    pub(crate) fn from_variables(read: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, BadProxy> {
        let set = |names: &[&'static str]| {
            let value = |name: &'static str| Some((name, read(name)?.trim().to_owned()));
            names.iter().copied().filter_map(value).find(|(_, value)| !value.is_empty())
        };
        let Some((variable, value)) = set(&VARIABLES) else { return Ok(None) };
        // As everywhere, the scheme may be left out.
        let value = if value.contains("://") { value } else { format!("http://{value}") };
        let bad = |reason: String| BadProxy { variable, reason };
        // A URL that does not parse is not quoted: it may hold a password.
        let url = Url::parse(&value).map_err(|error| bad(format!("it is no URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("AWS calls cannot go through a proxy of the kind {}:", url.scheme())));
        }
        let exceptions = set(&EXCEPTIONS).map_or_else(|| LOCAL.to_owned(), |(_, own)| format!("{own},{LOCAL}"));
        Ok(Some(Self { url, variable, exceptions }))
    }

    /// As the HTTP client wants it.
    pub(crate) fn config(&self) -> Result<ProxyConfig, BadProxy> {
        // The client's own reason may quote the URL, password and all.
        let unusable = |_said| BadProxy { variable: self.variable, reason: "it is no URL of a proxy".to_owned() };
        let config = ProxyConfig::https(self.url.as_str()).map_err(unusable)?;
        Ok(config.no_proxy(&self.exceptions))
    }
}

impl fmt::Display for Proxy {
    /// `http://proxy.example:3128/ (HTTPS_PROXY)`, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", without_secrets(&self.url), self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Option<Proxy>, BadProxy> {
        Proxy::from_variables(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_environment_names_it_and_what_is_empty_is_not_set() {
        let said = |set: &[(&str, &str)]| read(set).expect("usable").map(|proxy| proxy.to_string());
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[("HTTPS_PROXY", ""), ("ALL_PROXY", " ")]), None);
        assert_eq!(said(&[("HTTP_PROXY", "http://a:1")]), None, "AWS calls are https");
        assert_eq!(said(&[("HTTPS_PROXY", "proxy:3128")]).as_deref(), Some("http://proxy:3128/ (HTTPS_PROXY)"));
        let both = [("HTTPS_PROXY", "http://big:1"), ("https_proxy", "http://small:1"), ("ALL_PROXY", "http://all:1")];
        assert_eq!(said(&both).as_deref(), Some("http://small:1/ (https_proxy)"));
    }

    #[test]
    fn user_and_password_are_used_and_never_shown() {
        let proxy = read(&[("HTTPS_PROXY", "http://user:secret@proxy:3128")]).expect("usable").expect("a proxy");
        assert_eq!(proxy.url.password(), Some("secret"));
        assert!(proxy.config().is_ok());
        assert!(!format!("{proxy} {proxy:?}").contains("secret") && !format!("{proxy}").contains("user"));
        for bad in ["http://user:secret@[", "socks5://user:secret@proxy:1080"] {
            let said = read(&[("HTTPS_PROXY", bad)]).expect_err("not usable").to_string();
            assert!(said.starts_with("HTTPS_PROXY is set, and not used: ") && !said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn what_is_local_needs_no_proxy_whatever_the_user_says() {
        let with = |set: &[(&str, &str)]| read(set).expect("usable").expect("a proxy").exceptions;
        assert_eq!(with(&[("HTTPS_PROXY", "p:1")]), LOCAL);
        assert_eq!(with(&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", ".example")]), format!(".example,{LOCAL}"));
    }
}
