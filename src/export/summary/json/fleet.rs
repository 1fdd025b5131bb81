//! The fleet in `summary.json`.

use serde_json::{Value, json};

use super::{LONGEST_TEXT, millis, rounded, secs};
use crate::session::state::{Generator, Session};
use crate::text::clean_to;
use scaletop_units::GeneratorId;

/// More generators than this are left out; the totals have what they did.
const MOST_GENERATORS: usize = 1_000;

/// What the fleet was, and each of its generators; `null` without one.
pub(super) fn value(session: &Session) -> Value {
    let Some(fleet) = session.fleet() else { return Value::Null };
    // Of a fleet of which nobody is left, what it was when somebody was.
    let (state, last) = (fleet.state(), fleet.with_some());
    let generators = fleet.generators().take(MOST_GENERATORS).map(|(id, one)| generator(id, one));
    json!({
        "wanted": state.map(|state| state.wanted),
        "live": session.there_to_the_end(),
        "clock_error_ms": millis(last.map(|_| fleet.widest_clock_error())),
        "lead_ms": millis(last.map(|_| fleet.longest_lead())),
        "ceiling_rps": last.map(|last| last.ceiling.get()),
        "held_s": rounded(fleet.held_for(session.now()).as_secs_f64()),
        "planned": session.totals().planned,
        "unreported": session.totals().unreported(),
        "losses": fleet.losses(),
        "generators": generators.collect::<Vec<_>>(),
    })
}

fn generator(id: &GeneratorId, one: &Generator) -> Value {
    json!({
        "id": id.as_str(),
        "state": one.state.key(),
        "since_s": secs(one.since),
        "losses": one.losses,
        "last_loss_s": one.last_loss.as_ref().map(|(at, _)| secs(*at)),
        "last_loss_why": one.last_loss.as_ref().and_then(|(_, why)| Some(clean_to(why.as_deref()?, LONGEST_TEXT))),
        "due": one.due,
        "sent": one.sent,
        "ok": one.ok,
    })
}
