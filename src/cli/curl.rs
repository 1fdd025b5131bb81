//! A curl command in place of a target, as browsers, Postman and documentation give it: the request that it describes, in our own
//! options. What is typed beside it goes before it, and it goes before variables and files, as whatever is typed does.

mod options;
mod request;
mod words;

use std::ffi::{OsStr, OsString};

use bytes::Bytes;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::cli::environment::Unparsed;
use crate::cli::{RequestArgs, habits, settings};
use request::Pasted;

/// A command line with a curl command in it.
pub(super) struct CurlCommand {
    /// The words before it, the program first.
    before: Vec<OsString>,
    /// The words behind it.
    behind: Vec<OsString>,
    request: Pasted,
}

impl CurlCommand {
    /// The curl command among `words`, if there is one: a word of its own, in quotes, or everything from the word `curl` on.
    pub(super) fn find(words: &[OsString], grammar: &Command) -> Result<Option<Self>, Unparsed> {
        let refused = |why: &str| Unparsed::error(&format!("the curl command: {why}"));
        let Some((at, found)) = position(words, grammar) else { return Ok(None) };
        let command = habits::command(&words[..at], grammar);
        if let Some(command) = command.filter(|command| !command.get_arguments().any(|arg| arg.get_id() == "headers")) {
            // It may be the name of a file.
            if matches!(found, Found::Bare) {
                return Ok(None);
            }
            return Err(refused(&format!("{} sends no request: leave it out", command.get_name())));
        }
        let (said, behind) = match found {
            Found::Quoted => (words::split(&unprompted(&words[at])).map_err(|why| refused(&why))?, at + 1),
            Found::Bare => {
                let said = words[at..].iter().map(|word| word.to_str().map(str::to_owned)).collect::<Option<_>>();
                (said.ok_or_else(|| refused("it is no text in UTF-8: give the body in a file"))?, words.len())
            }
        };
        let behind = &words[behind..];
        if position(behind, grammar).is_some() {
            return Err(refused("there are two: give one; several requests in one load stand in a file (--requests)"));
        }
        let request = request::read(said.get(1..).unwrap_or_default()).map_err(|why| refused(&why))?;
        Ok(Some(Self { before: words[..at].to_vec(), behind: behind.to_vec(), request }))
    }

    /// The command line with the URL in its place.
    pub(super) fn with_url(&self) -> Vec<OsString> {
        self.with(Vec::new())
    }

    /// The command line with the URL, and with options that say the rest, but for what was `typed` beside it.
    pub(super) fn with_options(&self, typed: &ArgMatches) -> Vec<OsString> {
        self.with(options(&self.request, &Typed::of(typed)))
    }

    /// What it says that no option can, unless another was `typed`.
    pub(super) fn rest(&mut self, typed: &ArgMatches) -> Rest {
        let typed = Typed::of(typed);
        Rest {
            body: self.request.body.take().map(Bytes::from),
            has_body: !typed.any(&BODIES),
            has_path: !typed.any(&["path"]),
        }
    }

    /// Why it cannot be meant beside what was `typed`.
    pub(super) fn complaint(&self, typed: &ArgMatches) -> Option<&'static str> {
        let typed = Typed::of(typed);
        if typed.any(&["requests"]) {
            return Some("a curl command is one request, and --requests sends several: leave one of them out");
        }
        let request = &self.request;
        let is_header = |line: &String| {
            line.split(':').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("authorization"))
        };
        let says_who = request.headers.iter().any(is_header) || (request.user.is_some() && request.sigv4.is_none());
        (says_who && typed.any(&["bearer_file", "sigv4"])).then_some(
            "the curl command says as whom it is sent, and --bearer-file or --sigv4 does, too: which secret was meant is not guessed; \
             leave one of them out",
        )
    }

    /// What of it is not done.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.request.notes.iter().map(|note| format!("the curl command: {note}"))
    }

    fn with(&self, options: Vec<OsString>) -> Vec<OsString> {
        // Behind `--` nothing is an option.
        let end = self.before.iter().position(|word| word == "--").unwrap_or(self.before.len());
        let (before, dashes) = self.before.split_at(end);
        let url = OsString::from(&self.request.url);
        before
            .iter()
            .cloned()
            .chain(options)
            .chain(dashes.iter().cloned())
            .chain([url])
            .chain(self.behind.iter().cloned())
            .collect()
    }
}

/// What no option can say.
pub(super) struct Rest {
    body: Option<Bytes>,
    /// Whether that is the body, or that there is none.
    has_body: bool,
    /// Whether the path is that of the URL.
    has_path: bool,
}

impl Rest {
    /// Puts it before what variables and files say.
    pub(super) fn put(self, request: &mut RequestArgs) {
        if self.has_body {
            (request.body, request.body_file, request.pasted_body) = (None, None, self.body);
        }
        if self.has_path {
            request.path = None;
        }
        // One request, whatever variables and files say.
        (request.requests, request.requests_data) = (None, None);
    }
}

/// Options that say what the body is.
const BODIES: [&str; 4] = ["body", "body_file", "requests", "data"];

/// How a curl command was given.
enum Found {
    /// As one word.
    Quoted,
    /// As words.
    Bare,
}

/// Where a curl command begins.
fn position(words: &[OsString], grammar: &Command) -> Option<(usize, Found)> {
    let command = habits::command(words, grammar).or_else(|| grammar.find_subcommand("live"));
    let is_value = |at: usize| at > 0 && command.is_some_and(|command| habits::takes_a_value(&words[at - 1], command));
    let found = |(at, word): (usize, &OsString)| {
        let is_program = |word: &str| matches!(word, "curl" | "curl.exe");
        let text = unprompted(word);
        if is_value(at) {
            None
        } else if is_program(text.as_str()) {
            // Alone it may be a file of that name.
            (at + 1 < words.len()).then_some((at, Found::Bare))
        } else {
            text.split_once(char::is_whitespace)
                .is_some_and(|(first, _)| is_program(first))
                .then_some((at, Found::Quoted))
        }
    };
    words.iter().enumerate().find_map(found)
}

/// A command as it was copied, without the prompt before it.
fn unprompted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let text = word.trim();
    text.strip_prefix("$ ").unwrap_or(text).trim_start().to_owned()
}

/// What was typed beside the curl command.
struct Typed<'a> {
    matches: Option<&'a ArgMatches>,
    /// The names of headers, in lower case.
    headers: Vec<String>,
}

impl<'a> Typed<'a> {
    fn of(matches: &'a ArgMatches) -> Self {
        let matches = matches.subcommand().map(|(_, of_command)| of_command);
        let mut typed = Self { matches, headers: Vec::new() };
        if let Some(matches) = matches.filter(|_| typed.any(&["headers"])) {
            let words: Vec<_> = matches.get_raw("headers").into_iter().flatten().map(OsStr::to_owned).collect();
            let lines = words.into_iter().flat_map(|word| settings::lines_of(&word).unwrap_or_else(|| vec![word]));
            let name = |line: OsString| Some(line.to_str()?.split_once(':')?.0.trim().to_ascii_lowercase());
            typed.headers = lines.filter_map(name).collect();
        }
        typed
    }

    fn any(&self, ids: &[&str]) -> bool {
        let is_typed = |id: &&str| {
            self.matches.is_some_and(|matches| {
                matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
            })
        };
        ids.iter().any(is_typed)
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|one| one.eq_ignore_ascii_case(name))
    }

    /// Whether it says who sends.
    fn says_who(&self) -> bool {
        self.any(&["user", "bearer_file", "sigv4"]) || self.has_header("authorization")
    }
}

/// Our options for what curl would send.
fn options(request: &Pasted, typed: &Typed<'_>) -> Vec<OsString> {
    let mut options = Vec::new();
    let mut add = |name: &str, value: &str| options.push(OsString::from(format!("--{name}={value}")));
    if !typed.any(&["method", "requests"]) {
        add("method", &request.method);
    }
    let is_https = request.url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    for line in &request.headers {
        let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_said = match name.as_str() {
            "authorization" => typed.says_who(),
            "user-agent" => typed.any(&["user_agent"]),
            // HTTP/2 has none of them.
            "connection" | "keep-alive" | "proxy-connection" | "upgrade" => request.http2 || typed.any(&["http2"]),
            _ => false,
        };
        if !is_said && !typed.has_header(&name) {
            add("header", line);
        }
    }
    // Beside a signature, curl's user is its key.
    let is_key = request.sigv4.is_some() && !typed.any(&["user", "bearer_file"]) && !typed.has_header("authorization");
    if let Some(user) = request.user.as_deref().filter(|_| is_key || !typed.says_who()) {
        add("user", user);
    }
    if let Some(sigv4) = request.sigv4.as_deref()
        && !typed.any(&["sigv4", "bearer_file"])
        && !typed.has_header("authorization")
    {
        add("sigv4", sigv4);
    }
    if let Some(agent) =
        request.user_agent.as_deref().filter(|_| !typed.any(&["user_agent"]) && !typed.has_header("user-agent"))
    {
        add("user-agent", agent);
    }
    // On plain HTTP there is no certificate.
    if let Some(file) = request.cacert.as_deref().filter(|_| is_https && !typed.any(&["cacert"])) {
        add("cacert", file);
    }
    if let Some(timeout) = request.timeout.as_deref().filter(|_| !typed.any(&["timeout"])) {
        add("timeout", timeout);
    }
    if !typed.any(&["resolve"]) {
        request.resolve.iter().for_each(|resolve| add("resolve", resolve));
    }
    if request.http2 && !typed.any(&["http2"]) {
        options.push("--http2".into());
    }
    if request.insecure && is_https && !typed.any(&["insecure"]) {
        options.push("--insecure".into());
    }
    options
}

#[cfg(test)]
mod tests;
