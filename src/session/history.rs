//! What happened in a session, in the order in which it did: changes of rate, instances that came and went, marks, notices. One
//! list for the log on the screen; what lies beyond the bounds of its parts is not in it. With two targets it says whose each is.

use std::time::Duration;

use crate::session::event::{Notice, NoticeLevel, RateCause, Side};
use crate::session::halves::Halves;
use crate::session::state::{InstanceTrack, Session};
use crate::text::{counted, span};
use crate::timeline::Row;
use scaletop_load::RateProfile;
use scaletop_units::Elapsed;

/// An instance that has not answered for this long, while others have, is gone, as far as we can see.
pub(crate) const GONE_AFTER: Duration = Duration::from_secs(5);

/// Presses of a key in such succession are one entry.
const ONE_HAND: Duration = Duration::from_secs(2);

/// What kind of entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rate,
    /// An instance answered for the first time.
    Born,
    /// An instance answers no more.
    Gone,
    Mark,
    Notice(NoticeLevel),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Elapsed,
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

/// What happened, ascending in time; with `filter`, only what has that text in it, whatever the case.
pub(crate) fn entries(halves: &Halves, filter: Option<&str>) -> Vec<Entry> {
    let mut entries = all_of(halves.first());
    if let Some(second) = halves.second() {
        entries = told_apart(entries, all_of(second));
    }
    if let Some(filter) = filter.map(str::to_lowercase).filter(|filter| !filter.is_empty()) {
        entries.retain(|entry| entry.text.to_lowercase().contains(&filter));
    }
    entries
}

/// The entries of both targets. What happened to both at the same time is one entry, what is of one says of which.
fn told_apart(mut first: Vec<Entry>, second: Vec<Entry>) -> Vec<Entry> {
    let of = |side: Side, entry: Entry| Entry { text: format!("{}: {}", side.letter(), entry.text), ..entry };
    let mut is_shared = vec![false; first.len()];
    let mut others = Vec::new();
    for entry in second {
        let from = first.partition_point(|known| known.at < entry.at);
        let same = (from..first.len())
            .take_while(|&at| first[at].at == entry.at)
            .find(|&at| !is_shared[at] && first[at] == entry);
        match same {
            Some(at) => is_shared[at] = true,
            None => others.push(of(Side::Second, entry)),
        }
    }
    first = first
        .into_iter()
        .zip(is_shared)
        .map(|(entry, both)| if both { entry } else { of(Side::First, entry) })
        .collect();
    first.extend(others);
    first.sort_by_key(|entry| entry.at);
    first
}

fn all_of(session: &Session) -> Vec<Entry> {
    let mut entries = rates(session);
    for track in session.tracks() {
        let id = &track.id;
        let first = track.first_ok.unwrap_or(track.first);
        entries.push(Entry { at: first, kind: Kind::Born, text: format!("instance {id} answers, for the first time") });
        if is_gone(session, track.last) {
            let text = format!("instance {id} answers no more, after {}", counted(track.requests, "request"));
            entries.push(Entry { at: track.last, kind: Kind::Gone, text });
        }
    }
    let marks = session.marks().iter();
    entries.extend(marks.map(|(at, text)| Entry { at: *at, kind: Kind::Mark, text: text.clone() }));
    let notice = |(at, Notice { level, text }): &(Elapsed, Notice)| Entry {
        at: *at,
        kind: Kind::Notice(*level),
        text: text.clone(),
    };
    entries.extend(session.log().iter().map(notice));
    entries.sort_by_key(|entry| entry.at);
    entries
}

/// Whether an instance was gone at a moment: others had answered since it did last, for long enough.
pub(crate) fn was_gone(session: &Session, track: &InstanceTrack, at: Elapsed) -> bool {
    let rows = session.timeline().rows();
    let end = |row: &Row| Elapsed::from_secs(u64::from(row.second) + u64::from(row.span.max(1)));
    let known = rows.partition_point(|row| end(row) <= at);
    let answered = rows.range(..known).rev().find(|row| row.outcomes.total() > 0);
    answered.is_some_and(|row| end(row) > track.last_before(at) + GONE_AFTER)
}

/// Whether others have answered since one answered last, at `last`, for long enough.
pub(crate) fn is_gone(session: &Session, last: Elapsed) -> bool {
    let answered = session.timeline().rows().iter().rev().find(|row| row.outcomes.total() > 0);
    answered.is_some_and(|row| Elapsed::from_secs(u64::from(row.second) + u64::from(row.span)) > last + GONE_AFTER)
}

/// The changes of rate; a key that is held is one.
fn rates(session: &Session) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut before = RateProfile::PAUSED;
    // Where the last entry began, and when it was last continued, if a key may go on with it.
    let mut held: Option<(u32, Elapsed)> = None;
    for (at, profile, cause) in session.rates() {
        let from = match held.filter(|_| *cause == RateCause::Nudge) {
            Some((from, last)) if at.saturating_since(last) <= ONE_HAND => {
                entries.pop();
                from
            }
            _ => before.last().get(),
        };
        held = (*cause == RateCause::Nudge).then_some((from, *at));
        let text = match profile {
            RateProfile::Constant(to) => format!("rate {from}→{to}{}", in_words(*cause)),
            RateProfile::Ramp { to, over, .. } => format!("ramp {from}→{to} over {}", span(*over)),
        };
        entries.push(Entry { at: *at, kind: Kind::Rate, text });
        before = *profile;
    }
    entries
}

const fn in_words(cause: RateCause) -> &'static str {
    match cause {
        RateCause::Spike => " (spike)",
        RateCause::Pause => " (pause)",
        RateCause::Clear => " (cleared)",
        RateCause::Plan => " (plan)",
        RateCause::Start => " (start)",
        RateCause::Stop => " (the end of the load)",
        RateCause::Nudge | RateCause::Set | RateCause::Ramp => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::{Header, RateChange, SessionEvent, Settings};
    use scaletop_units::ArrivalRate;

    #[test]
    fn rates_marks_and_notices_are_told_in_their_order_and_a_held_key_once() {
        let mut session = Session::new(Header::new(0, Settings::default()));
        let mut rate = |at: u64, to: u32, cause| {
            let profile = RateProfile::Constant(ArrivalRate::new(to));
            session.apply(
                Elapsed::from_millis(at),
                &SessionEvent::Rate(RateChange { profile, cause, stage: None, unmet_start: None }),
            );
        };
        rate(1_000, 50, RateCause::Nudge);
        rate(1_500, 100, RateCause::Nudge);
        rate(9_000, 600, RateCause::Spike);
        rate(9_500, 650, RateCause::Nudge);
        session.apply(Elapsed::from_secs(5), &SessionEvent::Mark { text: "deploy v2".to_owned() });
        let notice = Notice { level: NoticeLevel::Warning, text: "ECS says no".to_owned() };
        session.apply(Elapsed::from_secs(7), &SessionEvent::Notice(notice));
        let halves = Halves::of(session, None);
        let texts = |filter| entries(&halves, filter).into_iter().map(|entry| entry.text).collect::<Vec<_>>();
        let all = ["rate 0→100/s", "deploy v2", "ECS says no", "rate 100→600/s (spike)", "rate 600→650/s"];
        assert_eq!(texts(None), all);
        assert_eq!(texts(Some("ecs")), ["ECS says no"]);
        assert_eq!(texts(Some("RATE")).len(), 3);
    }

    #[test]
    fn of_two_targets_what_both_share_is_told_once_and_what_is_of_one_says_of_which() {
        let settings = Settings::default();
        let mut halves = Halves::new(&Header::new(0, settings.clone()).beside(settings));
        let notice = |text: &str| SessionEvent::Notice(Notice { level: NoticeLevel::Info, text: text.to_owned() });
        halves.apply_to(None, Elapsed::from_secs(1), &SessionEvent::Mark { text: "deploy v2".to_owned() });
        halves.apply_to(Some(Side::Second), Elapsed::from_secs(2), &notice("the objective holds"));
        halves.apply_to(Some(Side::First), Elapsed::from_secs(3), &notice("the objective holds"));
        let texts: Vec<_> = entries(&halves, None).into_iter().map(|entry| entry.text).collect();
        assert_eq!(texts, ["deploy v2", "B: the objective holds", "A: the objective holds"]);
    }
}
