//! How long a frame takes with an hour of load behind it:
//! `cargo run --release --no-default-features --example frame_time`.

use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use scaletop::Session;
use scaletop::Theme;
use scaletop::draw;
use scaletop::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop::{Live, State, Ui, View, Window};
use scaletop_load::Latency;
use scaletop_load::OutcomeKind;
use scaletop_load::RateProfile;
use scaletop_load::{Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

const HOUR: u32 = 3_600;
const FRAMES: u32 = 200;

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn main() {
    let session = an_hour();
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        for window in [Window::FiveMinutes, Window::All] {
            for view in View::ALL {
                let state = State::live(session.header().clone(), Live::new(ArrivalRate::new(600))).showing(
                    session.clone(),
                    Elapsed::from_secs(u64::from(HOUR)),
                    Ui { view, window, ..Ui::default() },
                );
                let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
                let mut slowest = Duration::ZERO;
                let start = Instant::now();
                for _ in 0..FRAMES {
                    let before = start.elapsed();
                    let Ok(_) = terminal.draw(|frame| draw(&state, &Theme::DARK, frame));
                    slowest = slowest.max(start.elapsed().saturating_sub(before));
                }
                let mean = start.elapsed() / FRAMES;
                println!(
                    "{columns}×{rows} {:<9} {:>3}: mean {mean:>9.1?}, slowest {slowest:>9.1?}",
                    view.title(),
                    window.label()
                );
            }
        }
    }
}

/// Load that changes every minute, answered by up to five instances.
fn an_hour() -> Session {
    let header = Header::new(0, Settings { target: "demo".to_owned(), ..Settings::default() });
    let mut session = Session::new(header);
    for index in 0..HOUR {
        let rate = ArrivalRate::new(50 + index / 60 % 10 * 60);
        let at = Elapsed::from_secs(u64::from(index));
        if index.is_multiple_of(60) {
            let change = RateChange { profile: RateProfile::Constant(rate), cause: RateCause::Set, stage: None };
            session.apply(at, &SessionEvent::Rate(change));
        }
        let second = second(index, rate);
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    }
    session
}

fn second(index: u32, rate: ArrivalRate) -> Second {
    let mut second = Second::new(index, rate);
    let part = second.part_mut(index);
    part.due = u64::from(rate.get());
    part.sent = part.due;
    for n in 0..part.sent {
        let latency = Duration::from_millis(80 + n * 7 % 23 + u64::from(index) % 40 * u64::from(n % 50 == 0) * 10);
        part.outcomes.add(if n % 97 == 0 { OutcomeKind::Http429 } else { OutcomeKind::Ok });
        part.ok.record(latency);
        part.service.record(latency);
    }
    let requests = part.sent / 5;
    for id in ["i-1", "i-2", "i-3", "i-4", "i-5"] {
        let mut response = Latency::new();
        response.record(Duration::from_millis(85));
        let first_ok_intended = Some(Elapsed::from_secs(u64::from(index)));
        second.served.push(Served {
            id: InstanceId::from(id.to_owned()),
            requests,
            ok: requests,
            first_ok_intended,
            response,
        });
    }
    second
}
