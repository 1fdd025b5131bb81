//! Why a connection could not be made or broke: the kind it is counted as, and the cause in a few harmless words, told by
//! the types of the errors and never by their text.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::names::LookupError;
use crate::sample::{Cause, FailureKind, Phase};
use crate::transport::Reply;

/// A failure on the way to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// What it is counted as.
    pub kind: FailureKind,
    /// Why.
    pub cause: Cause,
}

impl Failed {
    /// `kind`, since in `phase` this went wrong.
    pub(super) fn new(kind: FailureKind, phase: Phase, text: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self { kind, cause: Cause::new(phase, text) }
    }

    /// As the fate of a request of which `bytes` of the body had come.
    pub(super) fn reply(self, bytes: u64) -> Reply {
        Reply { bytes, ..Reply::failed(self.kind).because(self.cause) }
    }

    /// The name could not be resolved.
    pub(super) fn dns(error: &LookupError) -> Self {
        Self::new(FailureKind::Dns, Phase::Dns, error.reason())
    }

    /// The TCP connection could not be made.
    pub(super) fn tcp(error: &io::Error) -> Self {
        let kind = if is_our_limit(error) { FailureKind::Ports } else { FailureKind::Connect };
        Self::new(kind, Phase::Tcp, describe(error))
    }

    /// The TLS handshake failed.
    pub(super) fn tls(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let text = match inner {
            Some(error) => describe_tls(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the service closed the connection in the TLS handshake".into()
            }
            None => describe(error),
        };
        Self::new(FailureKind::Tls, Phase::Tls, text)
    }
}

/// A service that refuses us over TLS only once a connection is open: in TLS 1.3 what it says of our certificate, or of none,
/// comes after the handshake is over for us (RFC 8446, section 4.4.2). `None` when this is something else.
pub(super) fn refused_by_tls(error: &io::Error) -> Option<Failed> {
    use AlertDescription as Alert;
    let rustls::Error::AlertReceived(alert) = error.get_ref()?.downcast_ref::<rustls::Error>()? else { return None };
    let is_about_us = matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::UnknownCA
            | Alert::CertificateUnknown
            | Alert::AccessDenied
            | Alert::HandshakeFailure
    );
    is_about_us.then(|| Failed::tls(error))
}

/// Longer addresses of redirects are cut, in characters.
const LONGEST_LOCATION: usize = 200;

/// Where a redirect leads, without what may be secret: user, password and query.
pub(crate) fn leads_to(location: &[u8]) -> Cause {
    let text = String::from_utf8_lossy(location);
    let text = text.split(['?', '#']).next().unwrap_or_default().trim();
    let public = match url::Url::parse(text) {
        Ok(mut url) => {
            // What has no host has no user either.
            let _ = url.set_username("").and_then(|()| url.set_password(None));
            let path = without_parameters(url.path());
            url.set_path(&path);
            url.to_string()
        }
        Err(_) => without_parameters(text.rsplit('@').next().unwrap_or_default()),
    };
    let harmless = public.chars().map(|c| if c.is_control() { '�' } else { c }).take(LONGEST_LOCATION);
    Cause::new(Phase::Answer, format!("to {}", harmless.collect::<String>()))
}

/// A path without the parameters of its segments (`;jsessionid=…`, RFC 3986 section 3.3): they may be as secret as a query.
fn without_parameters(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    segments.join("/")
}

type Text = std::borrow::Cow<'static, str>;

/// No local port, or no file descriptor.
pub(crate) fn is_our_limit(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse) || is_out_of_descriptors(error)
}

#[cfg(unix)]
fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(not(unix))]
fn is_out_of_descriptors(_: &io::Error) -> bool {
    false
}

/// An error of a socket in words.
pub(super) fn describe(error: &io::Error) -> Text {
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "the service reset the connection",
        io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
            "the service closed the connection"
        }
        io::ErrorKind::UnexpectedEof => "closed without TLS's close_notify: the answer may be cut off",
        io::ErrorKind::TimedOut => "the network gave up waiting for the service",
        io::ErrorKind::HostUnreachable => "the host cannot be reached",
        io::ErrorKind::NetworkUnreachable => "the network cannot be reached",
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => "no local port is left",
        _ if is_out_of_descriptors(error) => "no file descriptor is left",
        _ => {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            return inner.map_or_else(|| error.kind().to_string().into(), describe_tls);
        }
    };
    text.into()
}

fn describe_tls(error: &rustls::Error) -> Text {
    use rustls::Error;
    let text = match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the service does not speak TLS on this port: use http://"
        }
        Error::InvalidCertificate(error) => return describe_certificate(error),
        Error::AlertReceived(alert) => match alert {
            AlertDescription::ProtocolVersion => "the service speaks neither TLS 1.2 nor TLS 1.3",
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                "the service has no cipher of TLS in common with us"
            }
            AlertDescription::CertificateRequired => "the service wants a client certificate",
            AlertDescription::UnrecognisedName => "the service has no certificate for this host",
            AlertDescription::NoApplicationProtocol => "the service speaks none of the protocols offered",
            alert => return format!("the service refused the TLS handshake: {alert:?}").into(),
        },
        Error::NoApplicationProtocol => "the service speaks none of the protocols offered",
        Error::PeerIncompatible(_) => "the service speaks no version or cipher of TLS that we do",
        Error::InvalidMessage(_) | Error::PeerMisbehaved(_) | Error::DecryptError => "the TLS of the service is broken",
        _ => "the TLS handshake failed",
    };
    text.into()
}

fn describe_certificate(error: &CertificateError) -> Text {
    let text = match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            return format!("the certificate has expired ({})", date(*not_after)).into();
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            return format!("the certificate is not valid before {}: is this clock right?", date(*not_before)).into();
        }
        CertificateError::Expired => "the certificate has expired",
        CertificateError::NotValidYet => "the certificate is not valid yet: is this clock right?",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another host"
        }
        CertificateError::UnknownIssuer => {
            "the certificate is signed by an authority that is not trusted: name it with --cacert"
        }
        CertificateError::Revoked => "the certificate has been revoked",
        CertificateError::BadSignature => "the certificate is not signed by whom it says",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not one for servers"
        }
        // The verifier of the platform hides this error in a type of its own, which only its name tells.
        CertificateError::Other(error) if format!("{:?}", error.0) == "EkuError" => {
            "the certificate is not one for servers"
        }
        CertificateError::Other(_) => "the certificate cannot stand for a server: it is an authority's, or damaged",
        _ => "the certificate is not acceptable",
    };
    text.into()
}

/// `2026-11-28`, in UTC; by the algorithm `civil_from_days` (<https://howardhinnant.github.io/date_algorithms.html>).
fn date(time: UnixTime) -> String {
    let days = time.as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn running_out_of_ports_or_descriptors_is_ours() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL] {
            assert_eq!(Failed::tcp(&io::Error::from(errno)).kind, FailureKind::Ports, "{errno:?}");
        }
        let refused = Failed::tcp(&io::Error::from(Errno::CONNREFUSED));
        assert_eq!((refused.kind, refused.cause.text.as_ref()), (FailureKind::Connect, "connection refused"));
    }

    #[test]
    fn an_expired_certificate_and_one_for_another_host_are_named() {
        let failed =
            |error| Failed::tls(&io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error)));
        assert_eq!(failed(CertificateError::Expired).cause.text, "the certificate has expired");
        let time = |secs| UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
        let expired = CertificateError::ExpiredContext { time: time(1_800_000_000), not_after: time(951_782_400) };
        assert_eq!(failed(expired).cause.text, "the certificate has expired (2000-02-29)");
        let early = CertificateError::NotValidYetContext { time: time(0), not_before: time(1_767_225_599) };
        assert_eq!(failed(early).cause.text, "the certificate is not valid before 2025-12-31: is this clock right?");
        assert_eq!(failed(CertificateError::NotValidForName).cause.text, "the certificate is for another host");
        assert_eq!(failed(CertificateError::Revoked).kind, FailureKind::Tls);
    }

    #[test]
    fn an_alert_is_told_by_what_it_means() {
        let failed =
            |alert| Failed::tls(&io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert)));
        for (alert, text) in [
            (AlertDescription::ProtocolVersion, "the service speaks neither TLS 1.2 nor TLS 1.3"),
            (AlertDescription::HandshakeFailure, "the service has no cipher of TLS in common with us"),
            (AlertDescription::CertificateRequired, "the service wants a client certificate"),
        ] {
            assert_eq!(failed(alert).cause.text, text);
        }
    }

    #[test]
    fn nothing_that_may_be_secret_is_told_of_where_a_redirect_leads() {
        for (location, told) in [
            ("https://u:p@host/a;jsessionid=SECRET/b;x=1?k=SECRET#f", "to https://host/a/b"),
            ("https://u;v:p@host/a", "to https://host/a"),
            ("/login;jsessionid=SECRET", "to /login"),
            ("//u:p@host/x#SECRET", "to host/x"),
        ] {
            assert_eq!(leads_to(location.as_bytes()).text, told, "{location}");
        }
    }
}
