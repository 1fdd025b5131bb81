//! The request that the words of a curl command describe (<https://curl.se/docs/manpage.html>).

use std::path::Path;

use super::options::{OPTIONS, Says};
use crate::files;

/// What curl would send, in the words of our options.
#[derive(Default)]
pub(super) struct Pasted {
    pub(super) url: String,
    pub(super) method: String,
    /// `name: value`, or `@FILE`.
    pub(super) headers: Vec<String>,
    pub(super) body: Option<Vec<u8>>,
    /// `user:password`.
    pub(super) user: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) sigv4: Option<String>,
    pub(super) insecure: bool,
    pub(super) cacert: Option<String>,
    pub(super) http2: bool,
    /// In seconds.
    pub(super) timeout: Option<String>,
    pub(super) resolve: Vec<String>,
    /// What of it is not done.
    pub(super) notes: Vec<String>,
}

/// Headers that follow from the body.
const OF_THE_BODY: [&str; 2] = ["content-length", "transfer-encoding"];

/// An option with its value, as it was written: `-d`, `--data`.
struct Given<'a> {
    name: String,
    says: Says,
    value: &'a str,
}

/// Understands the words after `curl`; the error says what is wrong and what to do, and repeats no value.
pub(super) fn read(words: &[String]) -> Result<Pasted, String> {
    let mut request = Reading::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.strip_prefix('-').filter(|name| !name.is_empty()) {
            None => request.add_url(word)?,
            Some("-") => rest.by_ref().try_for_each(|word| request.add_url(word))?,
            Some(long) if long.starts_with('-') => {
                let given = long_option(&long[1..], || rest.next())?;
                request.add(&given)?;
            }
            Some(letters) => short_options(letters, || rest.next(), |given| request.add(&given))?,
        }
    }
    request.done()
}

fn long_option<'a>(name: &'a str, mut next: impl FnMut() -> Option<&'a String>) -> Result<Given<'a>, String> {
    let (name, joined) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
    let shown = format!("--{name}");
    let find = |name: &str| OPTIONS.iter().find(|(_, long, ..)| *long == name);
    // `--no-…` takes back what is off anyway.
    if let Some((_, _, false, _)) = name.strip_prefix("no-").and_then(find) {
        return Ok(Given { name: shown, says: Says::Usual, value: "" });
    }
    let Some((_, _, takes_value, says)) = find(name) else { return Err(unknown(&shown)) };
    let value = match (takes_value, joined) {
        (true, Some(value)) => value,
        (true, None) => next().ok_or_else(|| lacking(&shown))?,
        (false, _) => "",
    };
    Ok(Given { name: shown, says: *says, value })
}

/// Letters behind one dash: each an option of its own, until one takes the rest as its value.
fn short_options<'a>(
    letters: &'a str,
    mut next: impl FnMut() -> Option<&'a String>,
    mut add: impl FnMut(Given<'a>) -> Result<(), String>,
) -> Result<(), String> {
    for (at, letter) in letters.char_indices() {
        let name = format!("-{letter}");
        let known = OPTIONS.iter().find(|(short, ..)| short.chars().eq([letter]));
        let Some((_, _, takes_value, says)) = known else {
            // What is printed, whatever it is.
            if "46".contains(letter) {
                continue;
            }
            return Err(unknown(&name));
        };
        if !takes_value {
            add(Given { name, says: *says, value: "" })?;
            continue;
        }
        let joined = &letters[at + letter.len_utf8()..];
        let value = if joined.is_empty() { next().ok_or_else(|| lacking(&name))? } else { joined };
        return add(Given { name, says: *says, value });
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    format!(
        "{name} is no option of curl that is understood here: leave it out; options of scaletop stand before the curl command, or \
         beside it when it is in quotes"
    )
}

fn lacking(name: &str) -> String {
    format!("a value is missing behind {name}: copy the whole command")
}

/// How data becomes a body.
#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
    is_json: bool,
}

/// A request that is being put together.
#[derive(Default)]
struct Reading {
    pasted: Pasted,
    method: Option<String>,
    data: Option<Data>,
    query: Vec<String>,
    /// Headers that curl adds of itself, unless others of their names are given.
    defaults: Vec<(&'static str, String)>,
    is_get: bool,
    is_head: bool,
    is_globbing_off: bool,
    /// Headers that are not to be sent, in lower case.
    without: Vec<String>,
    /// Options that do nothing here.
    unused: Vec<String>,
}

impl Reading {
    fn add_url(&mut self, url: &str) -> Result<(), String> {
        if !self.pasted.url.is_empty() {
            return Err(
                "there are two URLs: give one; several requests in one load stand in a file (--requests)".to_owned()
            );
        }
        url.trim().clone_into(&mut self.pasted.url);
        Ok(())
    }

    fn add(&mut self, given: &Given<'_>) -> Result<(), String> {
        let Given { name, says, value } = given;
        let text = || (*value).to_owned();
        match says {
            Says::Method => self.method = Some(text()),
            Says::Header => self.add_header(value),
            Says::Data | Says::DataRaw | Says::DataBinary | Says::Json => {
                let bytes = data(*says, value)?;
                let before = self.data.get_or_insert_default();
                // Only the parts of a form are told apart.
                if *says != Says::Json && !before.bytes.is_empty() {
                    before.bytes.push(b'&');
                }
                before.bytes.extend(bytes);
                before.is_json |= *says == Says::Json;
            }
            Says::DataUrlencode => {
                let part = encoded(value)?;
                let before = self.data.get_or_insert_default();
                if !before.bytes.is_empty() {
                    before.bytes.push(b'&');
                }
                before.bytes.extend(part.into_bytes());
            }
            Says::UrlQuery => self.query.push(match value.strip_prefix('+') {
                Some(written) => written.to_owned(),
                None => encoded(value)?,
            }),
            Says::User => self.pasted.user = Some(text()),
            Says::UserAgent => self.pasted.user_agent = Some(text()),
            Says::Referer => self.add_default("referer", value.trim_end_matches(";auto")),
            Says::Cookie if value.contains('=') => self.add_default("cookie", value),
            Says::Cookie => {
                return Err(format!("{name} names a file of cookies, which is not read: give them as name=value"));
            }
            Says::Range => self.add_default("range", &format!("bytes={value}")),
            Says::Bearer => self.add_default("authorization", &format!("Bearer {value}")),
            Says::SigV4 => self.pasted.sigv4 = Some(text()),
            Says::Insecure => self.pasted.insecure = true,
            Says::CaCert => self.pasted.cacert = Some(text()),
            Says::Compressed => self.add_default("accept-encoding", "deflate, gzip, br, zstd"),
            Says::MaxTime => self.pasted.timeout = Some(format!("{}s", value.trim())),
            Says::Http2 => self.pasted.http2 = true,
            Says::Resolve => self.pasted.resolve.push(text()),
            Says::Url => self.add_url(value)?,
            Says::Get => self.is_get = true,
            Says::Head => self.is_head = true,
            Says::GlobOff => self.is_globbing_off = true,
            Says::Location => self.note(
                "redirects are not followed: a load counts the answer to what it sends; name the URL that answers",
            ),
            Says::ConnectTimeout => {
                self.note("--connect-timeout does nothing: connecting counts to the request, which --timeout ends");
            }
            Says::Output => self.unused.push(name.clone()),
            Says::Usual => {}
            Says::Not(why) => return Err(format!("{name} is not done: {why}")),
        }
        Ok(())
    }

    fn note(&mut self, text: &str) {
        if !self.pasted.notes.iter().any(|note| note == text) {
            self.pasted.notes.push(text.to_owned());
        }
    }

    /// `name: value`; `name;` for one without a value; `name:` for none of that name.
    fn add_header(&mut self, line: &str) {
        if line.starts_with('@') {
            self.pasted.headers.push(line.to_owned());
            return;
        }
        match line.split_once(':') {
            Some((name, value)) if value.trim().is_empty() => self.without.push(name.trim().to_ascii_lowercase()),
            Some((name, _)) if OF_THE_BODY.iter().any(|one| name.trim().eq_ignore_ascii_case(one)) => {
                self.note("the headers that say how long the body is are worked out from the body");
            }
            None if line.trim_end().ends_with(';') => {
                self.pasted.headers.push(format!("{}:", line.trim_end().trim_end_matches(';')));
            }
            _ => self.pasted.headers.push(line.to_owned()),
        }
    }

    fn add_default(&mut self, name: &'static str, value: &str) {
        self.defaults.push((name, value.to_owned()));
    }

    fn has(&self, name: &str) -> bool {
        let is_it = |line: &String| line.split(':').next().is_some_and(|one| one.trim().eq_ignore_ascii_case(name));
        self.without.iter().any(|one| one == name) || self.pasted.headers.iter().any(is_it)
    }

    fn done(mut self) -> Result<Pasted, String> {
        let data = self.data.take();
        if data.is_some() && !self.is_get && self.defaults.iter().any(|(name, _)| *name == "range") {
            return Err("-r beside data is no range of the answer: give the header that is meant with -H".to_owned());
        }
        if let Some(data) = &data {
            let kind = if data.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            if !self.is_get {
                self.add_default("content-type", kind);
            }
            if data.is_json {
                self.add_default("accept", kind);
            }
        }
        for (name, value) in std::mem::take(&mut self.defaults) {
            if !self.has(name) {
                self.pasted.headers.push(format!("{name}: {value}"));
            }
        }
        // A header that was given goes before what says the same of itself.
        if self.has("user-agent") {
            self.pasted.user_agent = None;
        }
        if self.has("authorization") && self.pasted.sigv4.is_none() && self.pasted.user.is_some() {
            return Err(
                "it says twice as whom it is sent, by -u and by an authorization header or --oauth2-bearer: keep one"
                    .to_owned(),
            );
        }
        let mut query = std::mem::take(&mut self.query);
        match data {
            Some(data) if self.is_get => query.push(String::from_utf8(data.bytes).map_err(|_not_text| {
                "what -G puts into the URL is no text in UTF-8: give it with --data-urlencode".to_owned()
            })?),
            Some(data) => self.pasted.body = Some(data.bytes),
            None => {}
        }
        let usual = match (self.is_head, &self.pasted.body) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        self.pasted.method = self.method.take().unwrap_or_else(|| usual.to_owned());
        self.pasted.url = url(&self.pasted.url, &query, self.is_globbing_off)?;
        if !self.unused.is_empty() {
            self.unused.dedup();
            let note = format!(
                "{} of the curl command do nothing here: they are about what curl prints, keeps or tries again",
                self.unused.join(", ")
            );
            self.pasted.notes.push(note);
        }
        Ok(self.pasted)
    }
}

/// The URL with its query, as curl would take it: `http://` where no scheme is given, and nothing behind `#`.
fn url(given: &str, query: &[String], is_globbing_off: bool) -> Result<String, String> {
    if given.is_empty() {
        return Err("it names no URL: copy the whole command".to_owned());
    }
    let given = given.split('#').next().unwrap_or_default();
    let scheme = if given.contains("://") { "" } else { "http://" };
    let mut url = format!("{scheme}{given}");
    if !is_globbing_off {
        let at = url.find("://").map_or(0, |at| at + 3);
        let host_ends = url[at..].find(['/', '?']).map_or(url.len(), |end| at + end);
        let behind = unglobbed(&url[host_ends..]).ok_or(
            "curl makes several URLs of { } and [ ]: write one URL, or add -g to the curl command where they are meant as they are",
        )?;
        url.replace_range(host_ends.., &behind);
    }
    for part in query.iter().filter(|part| !part.is_empty()) {
        let sign = if !url.contains('?') {
            // As curl: a URL that ends with its host has a path.
            if behind_host_is_missing(&url) { "/?" } else { "?" }
        } else if url.ends_with('?') {
            ""
        } else {
            "&"
        };
        url.push_str(sign);
        url.push_str(part);
    }
    Ok(url)
}

/// What is left of a part of a URL once curl has looked for its signs of several URLs: each of them that is meant stands behind a
/// backslash. `None`: one does not.
fn unglobbed(text: &str) -> Option<String> {
    let mut left = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.peek().is_some_and(|next| "{}[]".contains(*next)) => left.extend(rest.next()),
            '{' | '}' | '[' | ']' => return None,
            c => left.push(c),
        }
    }
    Some(left)
}

fn behind_host_is_missing(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'))
}

/// The bytes of `-d`, `--data-raw`, `--data-binary` or `--json`: the text itself, or the file behind `@`.
fn data(says: Says, value: &str) -> Result<Vec<u8>, String> {
    let Some(path) = value.strip_prefix('@').filter(|_| says != Says::DataRaw) else { return Ok(value.into()) };
    let mut bytes = contents(path)?;
    if says == Says::Data {
        // `-d` leaves out line ends and zero bytes of a file.
        bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    }
    Ok(bytes)
}

/// `--data-urlencode`: `text`, `=text`, `name=text`, `@FILE`, `name@FILE`.
fn encoded(value: &str) -> Result<String, String> {
    let at = value.find(['=', '@']);
    let (name, bytes) = match at {
        None => ("", value.as_bytes().to_vec()),
        Some(at) if value[at..].starts_with('=') => (&value[..at], value.as_bytes()[at + 1..].to_vec()),
        Some(at) => (&value[..at], contents(&value[at + 1..])?),
    };
    let sign = if name.is_empty() { "" } else { "=" };
    Ok(format!("{name}{sign}{}", percent_encoded(&bytes)))
}

/// All but the unreserved characters of RFC 3986, and a space as a plus, as curl does it.
fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else if byte == b' ' {
            text.push('+');
        } else {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default().to_ascii_uppercase();
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

fn contents(path: &str) -> Result<Vec<u8>, String> {
    let path = Path::new(path);
    let read = if files::is_standard_input(path) {
        files::standard_input(files::MOST_BODY).map(<[u8]>::to_vec)
    } else {
        files::read(path, files::MOST_BODY)
    };
    read.map_err(|error| format!("cannot read the data in {}: {error}", path.display()))
}
