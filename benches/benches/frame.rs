//! How long a frame takes with an hour of load behind it, in every view; and what the live page costs then: a copy of the session
//! on the thread of its loop, and a drawing on a thread of its own.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use scaletop::{
    Drawing, Halves, Header, Live, RateCause, RateChange, Session, SessionEvent, Settings, State, Theme, TimeRange, Ui,
    View, Window, draw,
};
use scaletop_load::{Latency, OutcomeKind, RateProfile, Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

const HOUR: u32 = 3_600;

fn frame(criterion: &mut Criterion) {
    let session = an_hour();
    let mut group = criterion.benchmark_group("frame 120×40");
    for view in View::ALL {
        for window in [Window::FiveMinutes, Window::All] {
            let ui = Ui { view, range: TimeRange { window, ..TimeRange::default() }, ..Ui::default() };
            let state = State::live(session.header().clone(), Live::new(ArrivalRate::new(600)));
            let state = state.showing(session.clone(), Elapsed::from_secs(HOUR.into()), ui);
            let Ok(mut terminal) = Terminal::new(TestBackend::new(120, 40));
            group.bench_function(format!("{}, {}", view.title(), window.label()), |bencher| {
                bencher.iter(|| terminal.draw(|frame| draw(&state, &Theme::DARK, frame)).map(drop));
            });
        }
    }
    group.finish();
}

fn live_page(criterion: &mut Criterion) {
    let session = Halves::of(an_hour(), None);
    let mut group = criterion.benchmark_group("live page");
    group.bench_function("a copy of the session", |bencher| bencher.iter(|| session.clone()));
    let before = Drawing::of(&session, None, None);
    group.bench_function("a drawing", |bencher| bencher.iter(|| Drawing::of(&session, None, Some(&before))));
    group.finish();
}

criterion_group!(frames, frame, live_page);
criterion_main!(frames);

/// Load that changes every minute, answered by up to five instances.
fn an_hour() -> Session {
    let header = Header::new(0, Settings { target: "demo".to_owned(), ..Settings::default() });
    let mut session = Session::new(header);
    for index in 0..HOUR {
        let rate = ArrivalRate::new(50 + index / 60 % 10 * 60);
        let at = Elapsed::from_secs(u64::from(index));
        if index.is_multiple_of(60) {
            let change = RateChange {
                profile: RateProfile::Constant(rate),
                cause: RateCause::Set,
                stage: None,
                unmet_start: None,
            };
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
