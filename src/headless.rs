//! Without a screen: on a terminal one line that is written again and again, in a log a line every ten seconds that a person
//! can read. On stderr: stdout is the result's.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use crate::app::ends::FrontEnd;
use crossterm::terminal::{Clear, ClearType};

use crate::app::event::Event;
use crate::app::state::State;
use crate::session::event::{NoticeLevel, Side};
use crate::session::state::Session;
use crate::text::{clean, cut, latency};
use crate::timeline::Row;
use scaletop_load::OutcomeKind;
use scaletop_units::Elapsed;

/// Cells of the progress bar.
const BAR_CELLS: u32 = 20;

/// Seconds from one line of a log to the next: an hour of progress is 360 lines.
const LINE_EVERY: u32 = 10;

/// How much progress is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// None.
    Quiet,
    /// In a log a line every ten seconds.
    #[default]
    Normal,
    /// In a log a line every second.
    Verbose,
}

/// How progress is told; what happens always is, on lines that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// One line, written again and again.
    Rewritten,
    /// A line every so many seconds.
    Lines(u32),
    Hidden,
}

/// Shows a session as lines on stderr.
#[derive(Debug)]
pub(crate) struct Log {
    /// How long the session takes at most, where that is known.
    total: Option<Duration>,
    progress: Progress,
    /// Whether the cursor is behind a line that may be written again.
    is_open: bool,
    /// The last second of each target that was told, and how many notices of it were.
    shown: [Option<u32>; 2],
    notices: [usize; 2],
    steps: usize,
    /// Nobody reads stderr any more.
    is_gone: bool,
}

impl Log {
    /// A session that takes `total` at most, if that is known.
    pub(crate) fn new(total: Option<Duration>, verbosity: Verbosity) -> Self {
        Self {
            total,
            progress: match (verbosity, io::stderr().is_terminal()) {
                (Verbosity::Quiet, _) => Progress::Hidden,
                (_, true) => Progress::Rewritten,
                (Verbosity::Normal, false) => Progress::Lines(LINE_EVERY),
                (Verbosity::Verbose, false) => Progress::Lines(1),
            },
            is_open: false,
            shown: [None; 2],
            notices: [0; 2],
            steps: 0,
            is_gone: false,
        }
    }

    /// A line that stays.
    fn keep(&mut self, err: &mut impl io::Write, line: &str) -> io::Result<()> {
        if std::mem::take(&mut self.is_open) {
            write!(err, "\r{}", Clear(ClearType::UntilNewLine))?;
        }
        writeln!(err, "{}", clean(line))
    }

    /// A line that the next one replaces, cut to the terminal's width: what wraps cannot be replaced.
    fn replace(&mut self, err: &mut impl io::Write, line: &str) -> io::Result<()> {
        let width = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
        let line = cut(&clean(line), width.saturating_sub(1));
        self.is_open = true;
        write!(err, "\r{line}{}", Clear(ClearType::UntilNewLine))?;
        err.flush()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.is_open {
            // Nobody can be told that stderr is gone.
            let _ = writeln!(io::stderr());
        }
    }
}

impl FrontEnd for Log {
    async fn next(&mut self, _: &State) -> Event {
        std::future::pending().await
    }

    fn is_ready(&self) -> bool {
        true
    }

    /// Progress is for whoever listens: when stderr is gone, the measurement goes on without it.
    fn show(&mut self, state: &State) -> io::Result<()> {
        if !self.is_gone && self.write(&mut io::stderr().lock(), state).is_err() {
            self.is_gone = true;
        }
        Ok(())
    }
}

impl Log {
    /// Writes what is new.
    pub(crate) fn write(&mut self, err: &mut impl io::Write, state: &State) -> io::Result<()> {
        let session = state.session();
        for report in session.steps().iter().skip(self.steps) {
            if let Some(name) = report.step.name.as_ref().filter(|_| self.progress != Progress::Hidden) {
                self.keep(err, &format!("{:>5}  {name}: {}", report.step.start, report.step.profile))?;
            }
        }
        self.steps = session.steps().len();
        for (side, half) in state.halves().each() {
            self.write_notices(err, state, (side, half))?;
        }
        if self.progress == Progress::Hidden {
            return Ok(());
        }
        if self.progress == Progress::Rewritten {
            return self.rewrite(err, state);
        }
        for (side, half) in state.halves().each() {
            self.write_lines(err, state, (side, half))?;
        }
        Ok(())
    }

    /// What the log says of a target; what it says of both is told once.
    fn write_notices(
        &mut self,
        err: &mut impl io::Write,
        state: &State,
        (side, half): (Side, &Session),
    ) -> io::Result<()> {
        let told = &mut self.notices[side as usize];
        let news: Vec<_> = half.log().iter().skip(std::mem::replace(told, half.log().len())).collect();
        let other = state.halves().second().map(|second| if side == Side::First { second } else { state.session() });
        for news in news {
            let is_shared = other.is_some_and(|other| other.log().contains(news));
            if is_shared && side == Side::Second {
                continue;
            }
            let (at, notice) = news;
            let level = match notice.level {
                NoticeLevel::Info => "",
                NoticeLevel::Warning => "warning: ",
                NoticeLevel::Error => "ERROR: ",
            };
            let of = if other.is_some() && !is_shared { format!("{}: ", side.letter()) } else { String::new() };
            self.keep(err, &format!("{at:>5}  {level}{of}{}", notice.text))?;
        }
        Ok(())
    }

    /// The line that is written again and again: of one target in full, of two what each answers.
    fn rewrite(&mut self, err: &mut impl io::Write, state: &State) -> io::Result<()> {
        let session = state.session();
        let latest = state.halves().each().filter_map(|(side, half)| Some((side, half.timeline().latest()?)));
        let latest: Vec<_> = latest.collect();
        let Some((_, row)) = latest.first() else { return Ok(()) };
        let now = latest.iter().map(|(_, row)| row.second).max();
        if std::mem::replace(&mut self.shown[0], now) == now {
            return Ok(());
        }
        let told = match latest.as_slice() {
            [_] => describe(row, row, Counted::of([*row])),
            both => both.iter().map(|(side, row)| brief(*side, row)).collect::<Vec<_>>().join("  "),
        };
        // What has no room is cut off on the right: first comes how far it is.
        let bar = self.total.map(|total| bar(session.now(), total)).unwrap_or_default();
        self.replace(err, &format!("{bar}{}  {told}", progress(session, row, self.total)))
    }

    /// A line of a target for every so many seconds that have closed since.
    fn write_lines(
        &mut self,
        err: &mut impl io::Write,
        state: &State,
        (side, half): (Side, &Session),
    ) -> io::Result<()> {
        let rows = half.timeline().rows();
        let of = state.halves().second().map(|_| format!("{} ", side.letter())).unwrap_or_default();
        let from = self.shown[side as usize].map_or(0, |shown| rows.partition_point(|row| row.second <= shown));
        for row in rows.range(from..) {
            let shown = &mut self.shown[side as usize];
            if !is_due(self.progress, *shown, row) {
                continue;
            }
            let first = shown.map_or(0, |shown| rows.partition_point(|row| row.second <= shown));
            let latest = rows.partition_point(|other| other.second <= row.second);
            *shown = Some(row.second);
            let since = || rows.range(first..latest);
            let slowest = since().max_by_key(|row| row.ok.as_ref().map(|p| p.p99)).unwrap_or(row);
            let line = describe(row, slowest, Counted::of(since()));
            let progress = progress(half, row, self.total);
            self.keep(err, format!("{of}{line}  {progress}").trim_end())?;
        }
        Ok(())
    }
}

/// Whether a log has a line at this second: at the first with load, then every so many seconds.
fn is_due(progress: Progress, shown: Option<u32>, row: &Row) -> bool {
    let Progress::Lines(every) = progress else { return false };
    match shown {
        Some(shown) => row.second >= shown.saturating_add(every),
        None => row.sent > 0 || row.second + 1 >= every,
    }
}

/// What a target of two answers: `A ok 590 failed 10 p99 81 ms`.
fn brief(side: Side, row: &Row) -> String {
    let Counted { ok, failed, .. } = Counted::of([row]);
    format!("{} ok {ok} failed {failed} p99 {}", side.letter(), latency(row.ok.map(|ok| ok.p99)))
}

/// What happened in some seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    sent: u64,
    ok: u64,
    failed: u64,
    dropped: u64,
}

impl Counted {
    fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        rows.into_iter().fold(Self::default(), |sum, row| Self {
            sent: sum.sent + row.sent,
            ok: sum.ok + row.outcomes.get(OutcomeKind::Ok),
            failed: sum.failed + row.outcomes.failed(),
            dropped: sum.dropped + row.dropped(),
        })
    }
}

/// `[#######.............] `
fn bar(now: Elapsed, total: Duration) -> String {
    let done = now.as_secs_f64() / total.as_secs_f64().max(1e-9);
    let cells = (0..BAR_CELLS).map(|cell| if f64::from(cell) < done * f64::from(BAR_CELLS) { '#' } else { '.' });
    format!("[{}] ", cells.collect::<String>())
}

/// The stage that the second belongs to, and how much of all is done.
fn progress(session: &Session, row: &Row, total: Option<Duration>) -> String {
    let step = session.steps().iter().rev().find(|report| Some(report.step.id) == row.step);
    let stage = step.and_then(|report| report.step.name.as_deref()).unwrap_or_default();
    let done = total.map(|total| {
        let percent = (session.now().as_secs_f64() / total.as_secs_f64().max(1e-9) * 100.0).min(100.0);
        format!("{percent:.0} %")
    });
    [stage.to_owned(), done.unwrap_or_default()].join("  ")
}

/// Some closed seconds in a line: what was counted in them, the percentiles of the slowest, the rest as of the latest.
fn describe(row: &Row, slowest: &Row, counted: Counted) -> String {
    let at = u64::from(row.second) + 1;
    let Counted { sent, ok, failed, dropped } = counted;
    let instances = match (row.responding, row.needed) {
        (Some(seen), Some(needed)) => format!("{seen} of {needed} needed"),
        (Some(seen), None) => seen.to_string(),
        (None, _) => "–".to_owned(),
    };
    let p = |pick: fn(&crate::timeline::Percentiles) -> Duration| slowest.ok.as_ref().map(pick);
    format!(
        "{minutes:>2}:{seconds:02}  target {target:>5}/s  sent {sent:>5}  ok {ok:>5}  failed {failed:>5}  dropped {dropped:>5}  \
         p50 {p50:>7}  p99 {p99:>7}  in flight {in_flight:>5}  instances {instances}{lag}",
        minutes = at / 60,
        seconds = at % 60,
        target = row.target.get(),
        p50 = latency(p(|p| p.p50)),
        p99 = latency(p(|p| p.p99)),
        in_flight = row.in_flight,
        lag = late(slowest.send_lag_p99.max(row.send_lag_p99)),
    )
}

/// Our own lateness, when it begins to matter.
fn late(lag: Option<Duration>) -> String {
    match lag {
        Some(lag) if lag > Duration::from_millis(10) => format!("  SEND LAG p99 {}: we are late", latency(lag)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_up_and_stays_full() {
        let total = Duration::from_secs(100);
        assert_eq!(bar(Elapsed::ZERO, total), "[....................] ");
        assert_eq!(bar(Elapsed::from_secs(50), total), "[##########..........] ");
        assert_eq!(bar(Elapsed::from_secs(500), total), "[####################] ");
    }

    #[test]
    fn a_line_that_stays_clears_the_one_that_was_being_rewritten() {
        let mut log = Log { progress: Progress::Rewritten, ..Log::new(None, Verbosity::Normal) };
        let mut out = Vec::new();
        log.replace(&mut out, "12%").unwrap();
        log.keep(&mut out, "stage spike").unwrap();
        log.keep(&mut out, "stage after").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\r12%\x1b[K\r\x1b[Kstage spike\nstage after\n");
    }
}
