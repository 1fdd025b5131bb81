//! From what a platform calls a service's URL to one that requests can be sent to. Pure.

use url::Url;

use crate::target::{TargetError, is_loopback, parse_url};

/// App Runner says a bare host (`abc.eu-west-1.awsapprunner.com`); ECS Express says a host or a URL. Bare hosts are reached
/// by https, those on loopback (the embedded cluster's) by http.
pub(crate) fn service_url(said: &str) -> Result<Url, TargetError> {
    let said = said.trim();
    if said.contains("://") {
        return parse_url(said);
    }
    let plain = parse_url(&format!("http://{said}"))?;
    if is_loopback(&plain) { Ok(plain) } else { parse_url(&format!("https://{said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_hosts_and_urls_both_become_urls() {
        for (said, url) in [
            ("abc.eu-west-1.awsapprunner.com", "https://abc.eu-west-1.awsapprunner.com/"),
            ("https://demo.ecs.eu-west-1.on.aws", "https://demo.ecs.eu-west-1.on.aws/"),
            ("demo.ecs.eu-west-1.on.aws", "https://demo.ecs.eu-west-1.on.aws/"),
            ("http://internal.example/x", "http://internal.example/x"),
            ("127.0.0.1:8123", "http://127.0.0.1:8123/"),
            ("localhost:80", "http://localhost/"),
        ] {
            assert_eq!(service_url(said).expect(said).as_str(), url);
        }
        assert!(service_url("").is_err());
    }
}
