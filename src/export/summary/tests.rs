//! What the forms of the summary have in common.

use std::time::Duration;

use super::markdown::markdown;
use super::*;
use crate::session::event::{Header, Settings};
use crate::session::fixtures::ended;
use crate::session::recording::Damage;

#[test]
fn every_form_says_the_p99_that_thresholds_see_where_it_is_another_one() {
    let mut session = Session::new(Header::new(0, Settings::default()));
    let totals = session.totals_mut();
    (0..97).for_each(|_| totals.ok.record(Duration::from_millis(80)));
    totals.ok_measured = totals.ok.clone();
    let json = json::value(&session, Damage::default());
    assert!(!text(&session).contains("in which we were late"), "{}", text(&session));
    assert_eq!(json["response_measured_ms"], json["response_ms"]);
    assert_eq!(json["response_left_out_s"], 0);
    let totals = session.totals_mut();
    (0..3).for_each(|_| totals.ok.record(Duration::from_millis(127)));
    totals.late_seconds = 3;
    let told = "; p99 80.0 ms without 3 seconds in which we were late";
    assert!(text(&session).contains(&format!("p99 127 ms, p99.9 127 ms, max 127 ms{told}\n")), "{}", text(&session));
    let markdown = markdown::markdown(&session);
    assert!(markdown.contains(&format!("max 127 ms{told}.\n")), "{markdown}");
    let json = json::value(&session, Damage::default());
    assert_eq!((&json["response_ms"]["count"], &json["response_measured_ms"]["count"]), (&100.into(), &97.into()));
    assert!(json["response_ms"]["p99"].as_f64() > json["response_measured_ms"]["p99"].as_f64(), "{json:#}");
    assert_eq!(json["response_left_out_s"], 3);
}

#[test]
fn of_a_fleet_every_sum_of_requests_says_what_is_unreported() {
    let fleet = "3 of 3 generators there to the end, one was lost once; 200 of 6,000 planned arrivals unreported";
    let told = text(&ended()).replace("\n  ", " ");
    let requests = "requests: 5,800 due, 5,800 sent, 5,800 ok, 0 failed, 0 dropped (0 at the in-flight cap, 0 by our own delay); \
                    200 unreported\n";
    assert!(told.contains(requests) && told.contains(&format!("fleet: {fleet}\n")), "{told}");
    let step = "step 1: 0→300/s: invalid: generator (3.3 % of arrivals (200) unreported";
    assert!(told.contains(step) && !told.contains("absorbed"), "{told}");
    let told = markdown(&ended());
    let requests = "5800 requests due, 5800 sent, 5800 ok, 0 failed, 0 dropped; 200 unreported.\n";
    assert!(told.contains(requests) && told.contains(&format!("Fleet: {fleet}.\n")), "{told}");
}

#[test]
fn without_a_fleet_nothing_is_said_of_one() {
    let session = Session::new(Header::new(0, Settings::default()));
    for told in [text(&session), markdown(&session)] {
        assert!(!told.to_lowercase().contains("fleet") && !told.contains("unreported"), "{told}");
    }
}
