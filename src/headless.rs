//! Without a screen: one line a second that a person can read in a log.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::app::event::Event;
use crate::app::front::FrontEnd;
use crate::app::state::State;
use crate::load::sample::OutcomeKind;
use crate::timeline::Row;

/// Shows a session as lines on stderr: stdout is the result's.
#[derive(Debug, Default)]
pub struct Log {
    shown: Option<u32>,
    notices: usize,
}

impl FrontEnd for Log {
    async fn next(&mut self, _: &State) -> Event {
        std::future::pending().await
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn show(&mut self, state: &State) -> io::Result<()> {
        let session = &state.session;
        let mut err = io::stderr().lock();
        for (at, notice) in session.log.iter().skip(self.notices) {
            writeln!(err, "{at:>5}  {}", notice.text)?;
        }
        self.notices = session.log.len();
        let rows = session.timeline.rows();
        let from = self.shown.map_or(0, |shown| rows.partition_point(|row| row.second <= shown));
        for row in rows.range(from..) {
            writeln!(err, "{}", describe(row))?;
            self.shown = Some(row.second);
        }
        Ok(())
    }
}

/// A closed second in a line.
fn describe(row: &Row) -> String {
    let at = u64::from(row.second) + 1;
    let failed = row.outcomes.failed();
    let dropped = row.dropped_cap + row.dropped_late;
    let instances = match (row.responding, row.needed) {
        (Some(seen), Some(needed)) => format!("{seen} of {needed} needed"),
        (Some(seen), None) => seen.to_string(),
        (None, _) => "–".to_owned(),
    };
    let p = |pick: fn(&crate::timeline::Percentiles) -> Duration| row.response.as_ref().map(pick);
    format!(
        "{minutes:>2}:{seconds:02}  target {target:>5}/s  sent {sent:>5}  ok {ok:>5}  failed {failed:>5}  dropped {dropped:>5}  \
         p50 {p50:>7}  p99 {p99:>7}  in flight {in_flight:>5}  instances {instances}{lag}",
        minutes = at / 60,
        seconds = at % 60,
        target = row.target.get(),
        sent = row.sent,
        ok = row.outcomes.get(OutcomeKind::Ok),
        p50 = short(p(|p| p.p50)),
        p99 = short(p(|p| p.p99)),
        in_flight = row.in_flight,
        lag = late(row.send_lag_p99),
    )
}

/// A latency in at most seven characters: `80.1ms`, `1.52s`, `–`.
pub fn short(duration: Option<Duration>) -> String {
    let Some(duration) = duration else { return "–".to_owned() };
    let ms = duration.as_secs_f64() * 1e3;
    match ms {
        ms if ms < 10.0 => format!("{ms:.2}ms"),
        ms if ms < 100.0 => format!("{ms:.1}ms"),
        ms if ms < 1_000.0 => format!("{ms:.0}ms"),
        ms if ms < 10_000.0 => format!("{:.2}s", ms / 1e3),
        ms => format!("{:.1}s", ms / 1e3),
    }
}

/// Our own lateness, when it begins to matter.
fn late(lag: Option<Duration>) -> String {
    match lag {
        Some(lag) if lag > Duration::from_millis(10) => format!("  SEND LAG p99 {}: we are late", short(Some(lag))),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_stay_short_at_every_scale() {
        let shown: Vec<_> = [1_234, 80_100, 500_000, 1_520_000, 59_900_000]
            .map(|micros| short(Some(Duration::from_micros(micros))))
            .into_iter()
            .collect();
        assert_eq!(shown, ["1.23ms", "80.1ms", "500ms", "1.52s", "59.9s"]);
        assert_eq!(short(None), "–");
    }
}
