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
    match shown.split_once(['?', '#']) {
        Some((before, _)) if separator.is_some() => format!("{before}?…"),
        _ => shown,
    }
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
