//! The page of a session that goes on: the parts of the report, and what puts newer ones in their place. Pure.
//!
//! A [`Drawing`] is the session at a moment, as parts. What is sent to somebody who has seen an earlier one are the parts that
//! differ ([`Drawing::since`]); whoever could not keep up is sent the difference to the latest one, and never what lies
//! between.

use std::sync::Arc;

use maud::{PreEscaped, html};
use serde_json::{Map, Value, json};

use crate::report::beside::{parts_of_two, title_of_two};
use crate::report::{HEADER, HeatMap, ReportInput, SCRIPT, Series, data, document, parts, shown, title};
use crate::session::halves::Halves;
use crate::session::recording::Damage;
use crate::session::state::Session;
use crate::text::clean_to;

const LIVE_SCRIPT: &str = include_str!("live.js");

/// The charts have at most this many columns: each second they are sent anew.
const MOST_COLUMNS: u32 = 900;

/// The parts that hold the values behind the charts: of the target, and of the second where there are two.
const DATA: [&str; 2] = ["data", "data-second"];

/// A part of the page.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    key: &'static str,
    html: String,
}

/// What the parts of one target are drawn from.
struct Drawn<'a> {
    session: &'a Session,
    series: Series,
    heat: HeatMap,
}

impl Drawn<'_> {
    fn input(&self, is_live: bool) -> ReportInput<'_> {
        let Self { session, series, heat } = self;
        ReportInput { session, series, heat, damage: Damage::default(), is_live }
    }
}

/// A session at a moment, drawn.
#[derive(Debug)]
pub struct Drawing {
    /// The parts, from the top down; one that is as before is the same as before.
    parts: Vec<Arc<Part>>,
    title: String,
    /// `live, 0:58`, or how to go on from its end.
    status: String,
    has_ended: bool,
    /// When the session began, in microseconds of Unix time: tells it from another one on the same address.
    started: i64,
}

impl Drawing {
    /// Draws a session, of two targets both. With `ended` it is over, and that says how to go on. What has not changed since
    /// `before` is taken over.
    pub fn of(halves: &Halves, ended: Option<&str>, before: Option<&Self>) -> Self {
        let of = |session| Drawn { session, series: Series::of(session, MOST_COLUMNS), heat: HeatMap::of(session) };
        let (first, second) = (of(halves.first()), halves.second().map(of));
        let is_live = ended.is_none();
        let (name, drawn) = match &second {
            None => (clean_to(title(first.session), 60), parts(&first.input(is_live))),
            Some(second) => {
                let both = [&first.input(is_live), &second.input(is_live)];
                (title_of_two(both), parts_of_two(both))
            }
        };
        let mut drawn: Vec<_> = drawn.into_iter().map(|(key, part)| (key, part.into_string())).collect();
        let blocks = [Some(&first), second.as_ref()].into_iter().flatten();
        drawn.extend(DATA.into_iter().zip(blocks.map(|half| data::block(half.session, &half.series))));
        let known = |key: &str, html: &str| {
            let before = before?.parts.iter().find(|part| part.key == key)?;
            (before.html == html).then(|| Arc::clone(before))
        };
        let keep =
            |(key, html): (&'static str, String)| known(key, &html).unwrap_or_else(|| Arc::new(Part { key, html }));
        let now = halves.now();
        Self {
            parts: drawn.into_iter().map(keep).collect(),
            title: format!("{name}: scaletop live"),
            status: match ended {
                None => format!("live, {now}"),
                Some(more) => format!("the session has ended at {now}: {}", shown(more)),
            },
            has_ended: ended.is_some(),
            started: first.session.header().started_unix_micros,
        }
    }

    /// Whether it is the last one of its session.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// How many targets it is about: the page of two has other parts.
    fn targets(&self) -> usize {
        self.parts.iter().filter(|part| DATA.contains(&part.key)).count()
    }

    /// What somebody has to be told who has seen `before`: the parts that differ from it, or all of them.
    pub(crate) fn since(&self, before: Option<&Self>) -> String {
        let before = before.filter(|before| before.started == self.started);
        let is_new =
            |part: &&Arc<Part>| before.is_none_or(|before| !before.parts.iter().any(|known| Arc::ptr_eq(known, part)));
        let parts: Map<String, Value> = self
            .parts
            .iter()
            .filter(is_new)
            .map(|part| (part.key.to_owned(), Value::String(part.html.clone())))
            .collect();
        json!({
            "title": self.title,
            "status": self.status,
            "state": if self.has_ended { "ended" } else { "live" },
            "targets": self.targets(),
            "parts": parts,
        })
        .to_string()
    }

    /// The whole page. Its style and scripts have the `nonce` that the policy of whoever serves it asks for.
    pub(crate) fn page(&self, nonce: &str) -> String {
        let of = |key: &str| self.parts.iter().find(|part| part.key == key).map_or("", |part| part.html.as_str());
        let body = html! {
            p #live role="status" data-targets=(self.targets()) data-state=(if self.has_ended { "ended" } else { "live" }) { (self.status) }
            header {
                p.kicker { "scaletop live" }
                div data-part=(HEADER) { (PreEscaped(of(HEADER))) }
            }
            main {
                @for part in self.parts.iter().filter(|part| part.key != HEADER && !DATA.contains(&part.key)) {
                    div data-part=(part.key) { (PreEscaped(&part.html)) }
                }
            }
            footer { "Read only: nothing on this page changes the session." }
            p #unscripted { "Scripts are blocked: this is the moment at which the page was loaded. Load it again for a later one." }
            @for part in self.parts.iter().filter(|part| DATA.contains(&part.key)) {
                script type="application/json" id=(part.key) { (PreEscaped(&part.html)) }
            }
            script nonce=(nonce) { (PreEscaped(SCRIPT)) }
            script nonce=(nonce) { (PreEscaped(LIVE_SCRIPT)) }
        };
        document(&self.title, &html! {}, Some(nonce), &body).into_string()
    }
}

/// What the live page may load: nothing but its own style and scripts, which have the nonce, and its own events.
pub(crate) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::{Header, SessionEvent, Settings, Side};
    use scaletop_load::Second;
    use scaletop_units::{ArrivalRate, Elapsed};

    fn session(seconds: u32) -> Halves {
        Halves::of(of_seconds(seconds), None)
    }

    fn of_seconds(seconds: u32) -> Session {
        let mut session = Session::new(Header::new(0, Settings { target: "demo".into(), ..Settings::default() }));
        for index in 0..seconds {
            let second = Second::new(index, ArrivalRate::new(5));
            session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        }
        session
    }

    fn told(text: &str) -> (Value, Vec<String>) {
        let told: Value = serde_json::from_str(text).unwrap();
        let mut parts: Vec<_> = told["parts"].as_object().unwrap().keys().cloned().collect();
        parts.sort();
        (told, parts)
    }

    #[test]
    fn only_what_differs_from_what_was_seen_is_told() {
        let first = Drawing::of(&session(1), None, None);
        let mut marked = session(1);
        marked.apply_to(None, Elapsed::from_secs(1), &SessionEvent::Mark { text: "here".into() });
        let second = Drawing::of(&marked, None, Some(&first));
        assert_eq!(
            told(&second.since(Some(&first))).1,
            ["charts"],
            "a mark is in the charts alone; nothing was answered"
        );
        let (told_all, all) = told(&second.since(None));
        assert!(all.len() == second.parts.len() && all.contains(&"data".to_owned()), "{all:?}");
        assert_eq!((&told_all["status"], &told_all["state"]), (&json!("live, 0:01"), &json!("live")));
        let third = Drawing::of(&marked, None, Some(&second));
        assert_eq!(told(&third.since(Some(&second))).1, Vec::<String>::new());
    }

    #[test]
    fn who_missed_some_is_told_the_difference_to_the_latest() {
        let first = Drawing::of(&session(1), None, None);
        let mut marked = session(1);
        marked.apply_to(None, Elapsed::from_secs(1), &SessionEvent::Mark { text: "here".into() });
        let second = Drawing::of(&marked, None, Some(&first));
        let third = Drawing::of(&marked, None, Some(&second));
        assert_eq!(third.since(Some(&first)), second.since(Some(&first)));
    }

    #[test]
    fn another_session_on_the_same_address_is_told_whole() {
        let first = Drawing::of(&session(1), None, None);
        let other = Halves::new(&Header::new(7, Settings::default()));
        let second = Drawing::of(&other, None, Some(&first));
        assert_eq!(told(&second.since(Some(&first))).1.len(), second.parts.len());
    }

    #[test]
    fn the_page_of_two_targets_shows_both_and_goes_on_with_both() {
        let of = |target: &str| Settings { target: target.into(), ..Settings::default() };
        let mut halves = Halves::new(&Header::new(0, of("demo:apprunner")).beside(of("demo:ecs")));
        let first = Drawing::of(&halves, None, None);
        let page = first.page("abc");
        for shown in ["A demo:apprunner", "B demo:ecs", "id=\"data\"", "id=\"data-second\"", "data-half=\"1\""] {
            assert!(page.contains(shown), "{shown}");
        }
        assert_eq!(first.title, "A demo:apprunner and B demo:ecs: scaletop live");
        let second = Second::new(0, ArrivalRate::new(5));
        halves.apply_to(Some(Side::Second), second.end(), &SessionEvent::Second(Box::new(second)));
        let next = Drawing::of(&halves, None, Some(&first));
        let (news, keys) = told(&next.since(Some(&first)));
        assert_eq!((&news["targets"], &news["status"]), (&json!(2), &json!("live, 0:01")));
        assert!(keys.contains(&"data-second".to_owned()) && !keys.contains(&"data".to_owned()), "{keys:?}");
    }

    #[test]
    fn the_page_of_a_fleet_follows_who_is_there() {
        use crate::session::fixtures::{change_of, ended, events, folded};
        use scaletop_units::GeneratorChange;
        let mut halves = Halves::of(folded(&events()[..20]), None);
        let first = Drawing::of(&halves, None, None);
        let page = first.page("abc");
        for shown in ["2 of 3 generators there now", "<th>state</th>", "<td>lost</td>", "200 unreported"] {
            assert!(page.contains(shown), "{shown}");
        }
        halves.apply_to(None, Elapsed::from_millis(11_500), &change_of("g2", GeneratorChange::Returned, None));
        let next = Drawing::of(&halves, None, Some(&first));
        let (news, keys) = told(&next.since(Some(&first)));
        let fleet = keys.iter().find_map(|key| news["parts"][key].as_str().filter(|html| html.contains("The fleet")));
        assert!(fleet.is_some_and(|html| html.contains("3 of 3 generators there now")), "{keys:?}");
        let over = Drawing::of(&Halves::of(ended(), None), Some("scaletop report here"), None).page("abc");
        assert_eq!(over.matches("<td>there to the end</td>").count(), 3);
    }

    #[test]
    fn the_end_says_how_to_go_on() {
        let drawing = Drawing::of(&session(62), Some("scaletop report here"), None);
        let (told, _) = told(&drawing.since(None));
        assert_eq!(told["state"], json!("ended"));
        assert_eq!(told["status"], json!("the session has ended at 1:02: scaletop report here"));
    }

    #[test]
    fn the_page_has_the_nonce_on_all_that_acts_and_nothing_inline_without_it() {
        let page = Drawing::of(&session(3), None, None).page("abc");
        assert_eq!(page.matches("<script nonce=\"abc\">").count(), 2);
        assert_eq!(page.matches("<script").count(), 3, "and the data, which does not act");
        assert_eq!((page.matches("<style").count(), page.matches("<style nonce=\"abc\">").count()), (1, 1));
        assert!(
            !page.contains(" style=\"") && !page.contains(" onload") && !page.contains("unsafe-inline; "),
            "nothing inline"
        );
        assert!(!page.contains("http-equiv"), "the policy comes with the answer");
        assert!(policy("abc").starts_with("default-src 'none'") && policy("abc").contains("script-src 'nonce-abc'"));
    }

    #[test]
    fn no_doubt_is_made_of_what_is_only_not_known_yet() {
        let page = Drawing::of(&session(3), None, None).page("abc");
        assert!(!page.contains("does not say how the session ended"));
    }
}
