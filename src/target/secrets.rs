//! What of a target may be shown: no user, no password, no query.

use url::Url;

/// `url` without user, password, query and fragment: what may be shown and written down.
#[must_use]
pub(crate) fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have credentials, which then hold none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// A target, or another text that was given as one word, without what may be a secret in it: user and password, and what
/// follows a question mark.
pub(crate) fn hide_secrets(given: &str) -> String {
    let separator = given.find("://");
    // One that stands in a password or a query follows no scheme.
    let scheme = separator.filter(|&at| !given[..at].contains([':', '@', '?', '#'])).map_or(0, |at| at + 3);
    // The last one: a password may hold another, and a question mark, too.
    let hidden = given.rfind('@').filter(|&at| at >= scheme && (scheme > 0 || given[..at].contains(':')));
    let shown = hidden.map_or_else(|| given.to_owned(), |at| format!("{}…{}", &given[..scheme], &given[at..]));
    // A question mark at the end is one of a sentence; what is hidden already stays as it is.
    match shown.split_once(['?', '#']) {
        Some((_, rest)) if rest.starts_with('…') => shown,
        Some((before, _)) if separator.is_some() => format!("{before}?…"),
        _ => match shown.split_once('?') {
            Some((before, rest)) if !before.is_empty() && rest.contains(char::is_alphanumeric) => format!("{before}?…"),
            _ => shown,
        },
    }
}

/// What to write in place of a word that was probably meant as a target, where it looks like a host and has no scheme:
/// `write https://example.com/api`.
pub(crate) fn with_scheme(given: &str) -> Option<String> {
    let before_query = given.split(['?', '#']).next().unwrap_or_default();
    let authority = before_query.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, port)| if port.parse::<u16>().is_ok() { host } else { "" });
    let is_label = |label: &str| {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        !label.is_empty() && label.chars().all(is_part)
    };
    let is_local = host.eq_ignore_ascii_case("localhost") || host.starts_with("127.");
    let is_host = host.split('.').all(is_label) && (is_local || host.contains('.') || given.contains('?'));
    if given.contains("://") || !is_host {
        return None;
    }
    let scheme = if is_local { "http://" } else { "https://" };
    // A password or a query that is hidden cannot be shown with what belongs before it.
    Some(if hide_secrets(given) == given {
        format!("write {scheme}{given}")
    } else {
        format!("put {scheme} before it")
    })
}

/// A message that may repeat what was given, without what may be a secret in any of its words.
pub fn hide_secrets_in(message: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`');
    message
        .split_inclusive(is_end)
        .map(|word| {
            let end = word.trim_end_matches(is_end).len();
            hide_secrets(&word[..end]) + &word[end..]
        })
        .collect()
}
