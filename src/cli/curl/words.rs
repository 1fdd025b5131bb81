//! The words of a command that was copied as one text, as the shell that it was written for would tell them apart: a POSIX shell
//! with bash's `$'…'`, or `cmd.exe`. Nothing is replaced and nothing is run.

use std::iter::Peekable;
use std::str::Chars;

/// The words of `text`, or why they cannot be told apart. No message repeats what stands there: it may be a secret.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    if is_of_cmd(text) { Ok(of_cmd(&without_carets(text))) } else { Posix::new(text).words() }
}

/// Whether it was written for `cmd.exe`: its first quote is a double one, and `^` escapes quotes or goes on with the next line.
fn is_of_cmd(text: &str) -> bool {
    let goes_on = text.lines().any(|line| line.trim_end().ends_with('^'));
    match text.find(['\'', '"']) {
        Some(at) => text[at..].starts_with('"') && (text[..at].ends_with('^') || goes_on),
        None => goes_on,
    }
}

/// A POSIX shell's words (POSIX.1-2024, Shell & Utilities, 2.2 and 2.3), with bash's `$'…'`.
struct Posix<'a> {
    rest: Peekable<Chars<'a>>,
    words: Vec<String>,
    /// The word that is being read; an empty one may have been quoted.
    word: Option<String>,
}

impl<'a> Posix<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.chars().peekable(), words: Vec::new(), word: None }
    }

    fn words(mut self) -> Result<Vec<String>, String> {
        while let Some(c) = self.rest.next() {
            match c {
                '\n' | ';' | '&' => {
                    self.end_word();
                    // Whoever copies several gets such a sign behind each of them.
                    if !self.words.is_empty() && self.rest.clone().any(|c| !c.is_whitespace() && c != ';') {
                        return Err(more(c));
                    }
                }
                c if c.is_whitespace() => self.end_word(),
                '#' if self.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '|' | '<' | '>' | '(' | ')' => {
                    return Err(format!(
                        "`{c}` and what follows is for a shell, not for curl: leave it out, or quote what it stands in"
                    ));
                }
                '\'' => self.until_quote()?,
                '"' => self.until_double_quote()?,
                '$' if self.rest.next_if_eq(&'\'').is_some() => self.ansi_c()?,
                '$' if self.rest.peek() == Some(&'"') => {}
                '$' | '`' => self.not_replaced(c)?,
                '\\' => self.escaped(),
                c => self.push(c),
            }
        }
        self.end_word();
        Ok(self.words)
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    /// What follows a backslash outside quotes: itself, or the next line.
    fn escaped(&mut self) {
        match self.rest.next() {
            Some('\n') | None => {}
            Some('\r') if self.rest.next_if_eq(&'\n').is_some() => {}
            Some(c) => self.push(c),
        }
    }

    fn until_quote(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next() {
                Some('\'') => return Ok(()),
                Some(c) => self.push(c),
                None => return Err(unended('\'')),
            }
        }
    }

    fn until_double_quote(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next() {
                Some('"') => return Ok(()),
                Some('\\') => match self.rest.next() {
                    Some(c @ ('"' | '\\' | '$' | '`')) => self.push(c),
                    Some('\n') => {}
                    Some('\r') if self.rest.next_if_eq(&'\n').is_some() => {}
                    Some(c) => {
                        self.push('\\');
                        self.push(c);
                    }
                    None => return Err(unended('"')),
                },
                Some(c @ ('$' | '`')) => self.not_replaced(c)?,
                Some(c) => self.push(c),
                None => return Err(unended('"')),
            }
        }
    }

    /// A `$` or a backtick that a shell might replace: a lone `$` stands for itself.
    fn not_replaced(&mut self, c: char) -> Result<(), String> {
        let begins = |next: &char| next.is_ascii_alphanumeric() || "_{(@*#?$!-".contains(*next);
        if c == '$' && !self.rest.peek().is_some_and(begins) {
            self.push(c);
            return Ok(());
        }
        Err(format!(
            "a shell would replace what begins with `{c}`, and nothing is replaced here: put the command in double quotes, so that your \
             shell does it, or write the value; a `{c}` that is meant stands in single quotes"
        ))
    }

    /// `$'…'`, as bash reads it (Bash Reference Manual, 3.1.2.4).
    fn ansi_c(&mut self) -> Result<(), String> {
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let c = match self.rest.next() {
                Some('\'') => break,
                Some('\\') => match self.ansi_c_escape()? {
                    Ok(c) => c,
                    Err(byte) => {
                        bytes.push(byte);
                        continue;
                    }
                },
                Some(c) => c,
                None => return Err(unended('\'')),
            };
            bytes.extend(c.to_string().as_bytes());
        }
        let text = String::from_utf8(bytes).map_err(|_not_text| {
            "bytes in $'…' are no text in UTF-8: put the body in a file, and give it with --data-binary @FILE"
                .to_owned()
        })?;
        self.word.get_or_insert_default().push_str(&text);
        Ok(())
    }

    /// What an escape of `$'…'` stands for: a character, or a byte.
    fn ansi_c_escape(&mut self) -> Result<Result<char, u8>, String> {
        let c = self.rest.next().ok_or_else(|| unended('\''))?;
        Ok(Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'e' | 'E' => '\u{1b}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'x' => return Ok(self.number(16, 2).map_or(Ok('x'), |byte| Err(low(byte)))),
            'u' | 'U' => {
                let code = self.number(16, if c == 'u' { 4 } else { 8 }).unwrap_or_default();
                return self.unicode(code).map(Ok);
            }
            '0'..='7' => {
                let digit = c.to_digit(8).unwrap_or_default();
                let more = self.digits(8, 2);
                let value = more.iter().fold(digit, |value, digit| value * 8 + digit);
                return Ok(Err(low(value)));
            }
            c => c,
        }))
    }

    /// The character of a code; two escapes of UTF-16 are one, as browsers write them.
    fn unicode(&mut self, code: u32) -> Result<char, String> {
        let wrong = || "an escape \\u in $'…' is no character: write the character itself".to_owned();
        if !(0xd800..0xdc00).contains(&code) {
            return char::from_u32(code).ok_or_else(wrong);
        }
        let (backslash, u) = (self.rest.next(), self.rest.next());
        let second = self.number(16, 4).filter(|second| (0xdc00..0xe000).contains(second));
        match (backslash, u, second) {
            (Some('\\'), Some('u'), Some(second)) => {
                char::from_u32(0x1_0000 + ((code - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }

    fn digits(&mut self, radix: u32, most: usize) -> Vec<u32> {
        let mut digits = Vec::new();
        while digits.len() < most
            && let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(radix))
        {
            digits.push(digit);
            self.rest.next();
        }
        digits
    }

    fn number(&mut self, radix: u32, most: usize) -> Option<u32> {
        let digits = self.digits(radix, most);
        (!digits.is_empty()).then(|| digits.iter().fold(0, |value, digit| value * radix + digit))
    }
}

/// The lowest byte.
const fn low(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

fn unended(quote: char) -> String {
    format!("a quote {quote} is not closed: copy the whole command, and put all of it in quotes of the other kind")
}

fn more(sign: char) -> String {
    let sign = if sign == '\n' { "the end of a line".to_owned() } else { format!("`{sign}`") };
    format!(
        "something follows {sign}, which ends a command: give one command, and quote a URL that holds such a sign; several requests in \
         one load stand in a file (--requests)"
    )
}

/// What `cmd.exe` makes of its carets, which escape what follows outside double quotes; at the end of a line they go on with the
/// next one, whose first character is then itself.
fn without_carets(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    let mut rest = text.chars().filter(|c| *c != '\r').peekable();
    let mut is_quoted = false;
    while let Some(c) = rest.next() {
        match c {
            '^' if !is_quoted => match rest.next() {
                Some('\n') => seen.extend(rest.next()),
                other => seen.extend(other),
            },
            '"' => {
                is_quoted = !is_quoted;
                seen.push(c);
            }
            c => seen.push(c),
        }
    }
    seen
}

/// The words of a command line as programs of Windows read them
/// (<https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments>).
fn of_cmd(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let mut count = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                let is_before_quote = rest.peek() == Some(&'"');
                let word = word.get_or_insert_default();
                word.extend(std::iter::repeat_n('\\', if is_before_quote { count / 2 } else { count }));
                if is_before_quote && count % 2 == 1 {
                    rest.next();
                    word.push('"');
                }
            }
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => word.get_or_insert_default().push('"'),
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !is_quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_posix_shell() {
        for (text, words) in [
            (
                r#"curl a 'b c' "d \"e\" \n \\" f\ g '' h"i"'j'"#,
                &["curl", "a", "b c", r#"d "e" \n \"#, "f g", "", "hij"][..],
            ),
            ("curl \\\n  -H 'a: b' \\\r\n  u", &["curl", "-H", "a: b", "u"]),
            ("curl 'a\nb' \"c\\\nd\"", &["curl", "a\nb", "cd"]),
            (r"curl $'it\'s\n\t\\\x41\101\u00e9\ud83d\ude00\u0021'", &["curl", "it's\n\t\\AAé😀!"]),
            (r"curl $'\xc3\xa9'", &["curl", "é"]),
            ("curl \"100$\" a#b # not said\n", &["curl", "100$", "a#b"]),
            ("curl u ;\n", &["curl", "u"]),
        ] {
            assert_eq!(
                split(text).as_deref(),
                Ok(&words.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_shell_would_do_and_what_is_not_whole_is_refused_without_repeating_it() {
        for (text, part) in [
            ("curl 'hunter2", "is not closed"),
            ("curl \"hunter2", "is not closed"),
            ("curl $'hunter2", "is not closed"),
            ("curl \"a: $hunter2\"", "nothing is replaced"),
            ("curl `hunter2`", "nothing is replaced"),
            ("curl u | hunter2", "for a shell"),
            ("curl http://h/?a=1&b=hunter2", "quote a URL"),
            ("curl u\ncurl hunter2", "--requests"),
            (r"curl $'hunter2\xff'", "--data-binary"),
            (r"curl $'hunter2\ud800'", "no character"),
        ] {
            let told = split(text).expect_err(text);
            assert!(told.contains(part) && !told.contains("hunter2"), "{text}: {told}");
        }
    }

    #[test]
    fn what_browsers_write_for_cmd_is_read_as_cmd_does() {
        let newer =
            "curl ^\"https://h/a?b=1^&c=^%^20d^\" ^\r\n  -H ^\"a: ^\\^\"b^\\^\"^\" ^\r\n  --data-raw ^\"x^\n\ny^\"";
        assert_eq!(split(newer).unwrap(), ["curl", "https://h/a?b=1&c=%20d", "-H", "a: \"b\"", "--data-raw", "x\ny"]);
        let older = "curl \"https://h/a\" ^\n -H \"a: \\\"b\\\" ^c\" ^\n --data \"x\"\"y\"";
        assert_eq!(split(older).unwrap(), ["curl", "https://h/a", "-H", "a: \"b\" ^c", "--data", "x\"y"]);
        assert_eq!(split(r"curl 'a^' '^\'").unwrap(), ["curl", "a^", r"^\"], "no cmd");
    }
}
