//! Plays many generators in one process, so that a controller can be measured with more of them than a machine could run.
//!
//! `cargo run --release -p scaletop-fleet --example players -- JOIN.TICKET COUNT BYTES`: each beats, follows the schedule and stores its
//! seconds over the fleet's server as any generator does; what it sends is answered within the process, and its seconds are as
//! long as those of one that measures a wide range of latencies (BYTES, such as 20000). It ends when the run does.
#![expect(clippy::print_stderr, reason = "whoever starts it reads how it ends")]

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use scaletop_fleet::nats::{Backlog, connect_generator};
use scaletop_fleet::ticket::{JoinTicket, Source};
use scaletop_fleet::{Engine, EngineSetup, FleetError, GeneratorConfig, generate};
use scaletop_load::{Latency, Line, LoadConfig, Reply, Second, Transport, Turn, start_inline};
use scaletop_units::{ArrivalRate, Elapsed};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// Seconds that wait to be stored.
const AHEAD: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ticket, count, bytes] = arguments.as_slice() else { return Err("players JOIN.TICKET COUNT BYTES".into()) };
    let ticket = JoinTicket::read(&Source::find(Some(Path::new(ticket)), None)?)?;
    let (count, wide) = (count.parse::<u32>()?, wide(bytes.parse()?)?);
    scaletop_load::raise_fd_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        let players: Vec<_> =
            (0..count).map(|number| tokio::task::spawn_local(play(ticket.clone(), number, wide.clone()))).collect();
        for player in players {
            if let Err(error) = player.await? {
                eprintln!("{error}");
            }
        }
        Ok(())
    }))
}

/// Latencies that make a stored second so many bytes long, or as long as it gets.
fn wide(bytes: usize) -> Result<Latency, serde_json::Error> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut wide = Latency::new();
    for _ in 0..40 {
        // From some 50 µs to half a minute.
        (0..500).for_each(|_| wide.record(Duration::from_micros(50).mul_f64((13.0 * rng.f64()).exp())));
        let mut second = Second::new(1, ArrivalRate::PAUSED);
        fill(&mut second, &wide);
        if serde_json::to_vec(&second)?.len() >= bytes {
            break;
        }
    }
    Ok(wide)
}

/// Puts them where a second has latencies: response and service time of what was intended in it and in the one before.
fn fill(second: &mut Second, wide: &Latency) {
    for intended in [second.index.saturating_sub(1), second.index] {
        let part = second.part_mut(intended);
        part.ok.merge(wide);
        part.service.merge(wide);
    }
    second.send_lag.merge(wide);
}

async fn play(ticket: JoinTicket, number: u32, wide: Latency) -> Result<(), Box<dyn std::error::Error>> {
    let id = format!("p{number:03}").parse()?;
    let link = connect_generator(&ticket, &id, Backlog::default()).await?;
    // Held: nobody asks it to leave.
    let (_stays, leave) = oneshot::channel();
    let config = GeneratorConfig {
        id,
        threads: 1,
        max_rate: ArrivalRate::new(40_000),
        allow: ticket.hosts().to_vec(),
        orphan: Duration::from_mins(1),
        labels: Vec::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        verify: Box::new(ticket.verifier()),
        leave,
    };
    generate(config, link, async move |setup| Ok::<_, FleetError>(engine(&setup, wide)), |_| {}).await?;
    Ok(())
}

/// An engine whose requests are answered at once, and whose seconds are `wide`.
fn engine(setup: &EngineSetup, wide: Latency) -> Engine {
    let (handle, mut counted) = start_inline(&LoadConfig::default(), Answered, setup.clock);
    let (told, seconds) = mpsc::channel(AHEAD);
    tokio::task::spawn_local(async move {
        while let Some(mut second) = counted.recv().await {
            fill(&mut second, &wide);
            if told.send(second).await.is_err() {
                return;
            }
        }
    });
    Engine { handle, seconds, keep: None }
}

/// Answers at once.
struct Answered;

impl Transport for Answered {
    async fn send(&self, _: Elapsed) -> Reply {
        Reply::status(200)
    }

    fn serve(self: &Rc<Self>, line: &Rc<Line>, _: Turn) {
        while let Some(mut exchange) = line.take() {
            exchange.begin();
            exchange.complete(Reply::status(200));
        }
    }
}
