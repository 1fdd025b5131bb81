//! The page as text: what it must and must not contain. `tests/browser` opens it in a browser.

use std::time::Duration;

use super::*;
use crate::instances::{Feed, SourceError, SourceErrorKind};
use crate::session::event::{Fact, Header, Notice, NoticeLevel, RateCause, RateChange, SessionEvent, Settings};
use crate::timeline::Counts;
use scaletop_load::RateProfile;
use scaletop_load::Second;
use scaletop_units::{ArrivalRate, Elapsed};

const HARM: &str = "</script><script>alert(1)</script>\" onload=\"alert(2)\u{1b}[31m\u{202e}";

/// A session in which every foreign text is harmful.
fn hostile() -> Session {
    let settings = Settings {
        target: HARM.into(),
        url: HARM.into(),
        method: HARM.into(),
        plan: Some(HARM.into()),
        instance_header: HARM.into(),
        ..Settings::default()
    };
    let header = Header { writer: HARM.into(), ..Header::new(i64::MAX, settings) };
    let mut session = Session::new(header);
    let profile = RateProfile::Constant(ArrivalRate::new(5));
    let stage = Some(HARM.to_owned());
    let error = SourceError { kind: SourceErrorKind::BadAnswer, message: HARM.into(), remedy: HARM.into() };
    let mut second = Second::new(0, ArrivalRate::new(5));
    second.part_mut(0).ok.record(Duration::from_millis(80));
    for event in [
        SessionEvent::Rate(RateChange { profile, cause: RateCause::Set, stage, unmet_start: None }),
        SessionEvent::Mark { text: HARM.into() },
        SessionEvent::Notice(Notice { level: NoticeLevel::Error, text: HARM.into() }),
        SessionEvent::Fact(Fact { name: HARM.into(), value: HARM.into(), as_of: Elapsed::ZERO }),
        SessionEvent::Feed { source: HARM.into(), feed: Feed::Failed { error } },
        SessionEvent::Second(Box::new(second)),
    ] {
        session.apply(Elapsed::from_secs(1), &event);
    }
    session.steps_mut()[0].words = HARM.into();
    session.steps_mut()[0].validity = crate::analysis::Validity::InvalidGenerator(HARM.into());
    session
}

fn page_of(session: &Session) -> String {
    let (mut series, mut heat) = (Series::for_length(10), HeatMap::for_length(10));
    session.timeline().rows().iter().for_each(|row| series.push(row, Counts::default()));
    session.timeline().heat().iter().for_each(|column| heat.push(column));
    html(&ReportInput { session, series: &series, heat: &heat, damage: Damage::default(), is_live: false })
}

#[test]
fn foreign_text_stays_text_wherever_it_is_shown() {
    let page = page_of(&hostile());
    assert_eq!(page.matches("<script").count(), 2, "the data and our own");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("\" onload=\"alert"), "no attribute is broken open");
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'), "no character that acts");
    assert!(page.matches("&lt;/script&gt;").count() > 10, "it is all there, as text");
}

#[test]
fn the_page_names_nothing_that_would_be_loaded() {
    let page = page_of(&hostile());
    for word in ["src=", "http-equiv=\"refresh", "@import", "url(", "href=\"http", "href=\"//"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_tile_says_the_p99_that_thresholds_see_where_it_is_another_one() {
    let mut session = Session::new(Header::new(0, Settings::default()));
    let totals = session.totals_mut();
    (0..97).for_each(|_| totals.ok.record(Duration::from_millis(80)));
    totals.ok_measured = totals.ok.clone();
    assert!(!page_of(&session).contains("in which we were late"));
    let totals = session.totals_mut();
    (0..3).for_each(|_| totals.ok.record(Duration::from_millis(127)));
    totals.late_seconds = 3;
    let tile = "127 ms</p><p class=\"more\">80.0 ms without 3 seconds in which we were late; p50 80.1 ms";
    assert!(page_of(&session).contains(tile));
}

#[test]
fn an_empty_session_is_a_page_too() {
    let header = Header::new(0, Settings::default());
    let page = page_of(&Session::new(header));
    assert!(page.contains("The rate was never changed") && page.contains("No request was answered"));
}

#[test]
fn the_report_says_when_the_objective_changed_and_draws_each() {
    let mut session = Session::new(Header::new(0, Settings::default()));
    let strict = crate::slo::Slo { latency: Duration::from_millis(300), ..session.header().settings.slo };
    for index in 0..40 {
        if index == 20 {
            session.apply(Elapsed::from_secs(20), &SessionEvent::Objective(strict));
        }
        let second = Second::new(index, ArrivalRate::new(5));
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    }
    let page = page_of(&session);
    assert!(page.contains("objective p99 ≤ 500 ms, errors ≤ 1 %; from 0:20 on p99 ≤ 300 ms, errors ≤ 1 %"));
    assert_eq!(page.matches("class=\"level\"").count(), 2, "a line for each");
    assert!(page.contains("objective: p99 ≤ 300 ms") && page.contains("objective: p99 ≤ 500 ms"));
}

#[test]
fn the_heading_says_how_it_stood_in_the_words_of_the_screen() {
    use crate::session::standing::standing;
    let mut session = Session::new(Header::new(0, Settings::default()));
    let rate = ArrivalRate::new(100);
    for index in 0..20_u32 {
        let mut second = Second::new(index, rate);
        let part = second.part_mut(index);
        if index < 10 {
            (part.due, part.sent) = (100, 100);
            for _ in 0..100 {
                part.outcomes.add(scaletop_load::OutcomeKind::Http429);
                part.failed.record(Duration::from_millis(1));
            }
        }
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        let page = page_of(&session);
        let (_, heading) = page.split_once("<p class=\"verdict standing").unwrap();
        let words = standing(&session, session.now()).words(session.now());
        assert!(heading.contains(&format!("at the end: {words}</p>")), "second {index}: {words}");
    }
    let page = page_of(&session);
    assert!(page.contains("<p class=\"verdict standing neutral\">at the end: no load</p>"), "it has come to rest");
    assert!(
        page.contains(
            "<p class=\"verdict standing bad\">under load last, at 0:10: NOT ONE OK for 10 s: 100 % answer 429</p>"
        ),
        "{page}"
    );
}

#[test]
fn of_a_fleet_the_report_tells_who_was_there_to_the_end_and_what_nobody_reported() {
    let page = page_of(&crate::session::fixtures::ended());
    for told in [
        "3 of 3 generators there to the end, one was lost once; 200 of 6,000 planned arrivals unreported.",
        "5,800 sent; 200 unreported",
        "took effect 75.0 ms after it was asked for at the latest; the clocks were ± 0.4 ms apart at most",
        "might send 60,000/s",
        "<th>state at the end</th>",
        "no beat for 1.5 s",
        "200 arrivals that the fleet's schedule made due are unreported: nobody of the fleet sent or reported them.",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert_eq!(page.matches("<td>there to the end</td>").count(), 3, "each of them, though all have left");
    let alone = page_of(&Session::new(Header::new(0, Settings::default())));
    assert!(!alone.contains("The fleet") && !alone.contains("unreported"), "there is none");
}
