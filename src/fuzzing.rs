//! What reads foreign bytes, each as one function of those bytes that checks what must be true of any input. `fuzz/` calls
//! them through the feature `fuzzing`, the tests beside with inputs drawn from a fixed seed.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::time::Duration;

use crate::cli::Command;
use crate::cli::config_file::ConfigFile;
use crate::cli::environment::{self, Surroundings};
use crate::compare::{Contender, Curves, compare, html, table};
use crate::counting;
use crate::export::in_memory::{Exported, export};
use crate::export::summary::{self, junit, markdown};
use crate::plan::Plan;
use crate::plan::forecast::{Assumptions, Forecast};
use crate::report;
use crate::session::event::{
    FORMAT_VERSION, Fact, Header, Notice, NoticeLevel, OLDEST_VERSION, Recorded, SessionEvent, Settings,
};
use crate::slo::Slo;
use crate::target::{Target, hide_secrets_in, parse_url, without_secrets};
use crate::text::{clean, clean_lines};
use crate::values;
use scaletop_load::Expected;
use scaletop_units::{Elapsed, InstanceId};

/// More of an input is left alone: what takes long for a megabyte shows with less.
const MOST: usize = 64 << 10;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| text.len() <= MOST)
}

/// A plan is refused, or can be forecast.
pub fn plan(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Plan::parse(text) {
        Ok(plan) => {
            let assumed = Assumptions {
                service_time: Duration::from_millis(100),
                timeout: Duration::from_secs(10),
                max_in_flight: 10_000,
            };
            let forecast = Forecast::of(&plan);
            let said = forecast.text(&plan, &Slo::default(), &assumed);
            assert_eq!(said, clean_lines(&said));
            let _ = forecast.budget();
            let _ = Forecast::of(&plan.stretched(0.01));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A configuration file is refused, or is understood as if its values had been typed; it never agrees to anything.
pub fn config(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let words: Vec<OsString> = ["scaletop", "run", "plan.toml", "demo"].map(OsString::from).to_vec();
    let file = match ConfigFile::parse("scaletop.toml", text, environment::grammar()) {
        Ok(file) => file,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    if let Ok(understood) = environment::parse_with(words, &[file], &Surroundings::default()) {
        let Command::Run(args) = understood.cli.command else { panic_with("run", "it became another command") };
        assert!(!args.drive.output.yes, "a file cannot agree");
    }
}

/// A recording, damaged as it may be, folds, and every file that follows from it is harmless.
pub fn recording(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(Ok(header)) = lines.next().map(serde_json::from_slice::<Header>) else { return };
    if !(OLDEST_VERSION..=FORMAT_VERSION).contains(&header.version) {
        return;
    }
    let events: Vec<Recorded> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    check_files(&export(header, &events));
}

/// One line of a recording is no event, or an event that can be written and read again.
pub fn line(data: &[u8]) {
    let Ok(recorded) = serde_json::from_slice::<Recorded>(data) else { return };
    let Ok(again) = serde_json::to_vec(&recorded) else { return };
    if let Err(error) = serde_json::from_slice::<Recorded>(&again) {
        // What is written is not read: a session would lose the line.
        panic_with(&error.to_string(), &String::from_utf8_lossy(&again));
    }
}

/// Texts from outside, wherever a session has them, are harmless in every file. The input's lines are the texts.
pub fn texts(data: &[u8]) {
    let Some(all) = text(data) else { return };
    let mut texts = all.split('\n').map(str::to_owned).cycle();
    let mut next = || texts.next().unwrap_or_default();
    let settings =
        Settings { target: next(), url: next(), plan: Some(next()), instance_header: next(), ..Settings::default() };
    let info = NoticeLevel::Info;
    let events = [
        SessionEvent::Mark { text: next() },
        SessionEvent::Objective(settings.slo),
        SessionEvent::Notice(Notice { level: info, text: next() }),
        SessionEvent::Fact(Fact { name: "status".to_owned(), value: next(), as_of: Elapsed::ZERO }),
        SessionEvent::Fact(Fact { name: next(), value: next(), as_of: Elapsed::ZERO }),
        SessionEvent::Ended { reason: next() },
    ];
    let at = |(second, event)| Recorded::new(Elapsed::from_secs(second), event);
    let events: Vec<_> = (1..).zip(events).map(at).collect();
    check_files(&export(Header::new(0, settings), &events));
}

fn check_files(exported: &Exported) {
    for (name, file) in &exported.csv {
        let mut reader = csv::Reader::from_reader(file.as_slice());
        for row in reader.records() {
            let Ok(row) = row else { panic_with(name, "a row has other columns than the header") };
            for field in &row {
                if clean(field) != *field {
                    panic_with(name, field);
                }
                let begins = field.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
                if begins && field.parse::<f64>().is_err() {
                    panic_with(name, field);
                }
            }
        }
    }
    let session = &exported.session;
    let contenders = [Contender { name: &session.header().settings.target, session }; 2];
    let comparison = compare(&contenders);
    let pages = [
        (&exported.report, 2),
        (&html(&contenders, &comparison, &[Curves::of(session), Curves::of(session)], None), 0),
    ];
    for (page, scripts) in pages {
        assert!(page.to_ascii_lowercase().matches("<script").count() <= scripts, "a script of somebody else's");
        check_lines("a page", page);
    }
    check_lines("summary", &summary::text(session));
    check_lines("markdown", &markdown::markdown(session));
    check_lines("junit", &junit::junit(session));
    check_lines("comparison", &table(&contenders, &comparison));
    let _ = report::POLICY;
    let json: Result<serde_json::Value, _> = serde_json::from_str(&exported.summary);
    assert!(json.is_ok(), "summary.json is no JSON");
}

fn check_lines(what: &str, text: &str) {
    if clean_lines(text) != text {
        let line = text.lines().find(|line| clean(line) != **line).unwrap_or_default();
        panic_with(what, line);
    }
}

#[expect(clippy::panic, reason = "a finding of the fuzzer is a panic")]
fn panic_with(what: &str, found: &str) -> ! {
    panic!("{what}: {found:?}")
}

/// A request to the endpoints of the embedded cluster gets an answer. (Its test stands in the crate.)
#[cfg(feature = "fuzzing")]
pub fn wire(data: &[u8]) {
    scaletop_cluster::wire::fuzzing::request(data);
}

/// Ids of instances stay apart, short and harmless. The input is two ids with a line end between them.
pub fn ids(data: &[u8]) {
    let (one, other) = data.iter().position(|byte| *byte == b'\n').map_or((data, data), |at| data.split_at(at));
    let (Some(first), Some(second)) = (InstanceId::parse(one), InstanceId::parse(other)) else { return };
    for id in [&first, &second] {
        assert!(id.as_str().len() <= InstanceId::MAX_LEN && !id.as_str().is_empty());
        assert_eq!(InstanceId::parse(id.as_str().as_bytes()).as_ref(), Some(id), "the form of a form is itself");
        assert_eq!(clean(id.as_str()), id.as_str());
        for width in [0, 1, 6, 7, 12, 20, 63] {
            assert!(id.shortened(width).chars().count() <= width.max(1));
        }
        let _ = id.is_cut();
    }
    let is_same = one.trim_ascii() == other.trim_ascii();
    // A form of an id is its own form, so that one that is the form of the other may be equal to it.
    let is_form = first.as_str().as_bytes() == other.trim_ascii() || second.as_str().as_bytes() == one.trim_ascii();
    assert!((first == second) == is_same || is_form, "{first} and {second}");
}

/// What a source of counts says is a count, or refused with a message that is short and harmless. The input is a pointer or a query,
/// and what is answered, with a line end between them.
pub fn counts(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (asked, answer) = text.split_once('\n').unwrap_or((text, text));
    for why in counting::refusals(asked, answer) {
        assert!(clean(&why) == why && why.chars().count() < 2_000, "{why:?}");
    }
    let (pointer, query) = (values::count::pointer(asked), values::count::query(asked));
    let is_other = |named: &values::count::Named| !asked.contains(named.text.as_str());
    assert!(!pointer.as_ref().is_ok_and(is_other) && !query.as_ref().is_ok_and(is_other), "{asked:?}");
    let _ = values::count::CommandLine::new(asked, false);
}

/// What people type is refused or understood, and no message shows a password.
pub fn words(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(Target::Url(url)) = text.parse::<Target>() {
        let shown = without_secrets(&url);
        assert!(shown.password().is_none() && shown.query().is_none());
    }
    if let Err(error) = parse_url(text) {
        let _ = hide_secrets_in(&error.to_string());
    }
    let hidden = hide_secrets_in(text);
    assert_eq!(hide_secrets_in(&hidden), hidden, "what is hidden stays so");
    if let Ok(expected) = text.parse::<Expected>() {
        assert_eq!(expected.to_string().parse::<Expected>().ok(), Some(expected));
    }
    // `@FILE` is a header line, too.
    if let Ok(line) = values::header_line(text)
        && !line.starts_with('@')
    {
        assert!(values::header(&line).is_ok());
    }
    let _ = values::resolve(text);
    let _ = values::header_name(text);
    let _ = values::method(text);
    let _ = (values::rate(text), values::duration(text), values::objective(text), values::percentile(text));
    let _ = (values::share(text), values::ratio(text), values::factor(text), values::speed(text));
    let _ = (values::workers(text), values::account(text), values::whole_seconds(text), values::word(text));
}
