//! Plays many generators in one process, so that a controller can be measured with more of them than a machine could run.
//!
//! `cargo run --release -p scaletop-fleet --example players -- JOIN.TICKET COUNT BYTES`: each beats, follows the schedule and stores its
//! seconds over the fleet's server as any generator does; what it sends is answered within the process, and its seconds are as
//! long as those of one that measures a wide range of latencies (BYTES, such as 20000). Those latencies are packed once, at the
//! start, and put into each second on its way: on machines of their own generators pack at the same time, in one process one
//! would wait for the other. It ends when the run does.
#![expect(clippy::print_stderr, reason = "whoever starts it reads how it ends")]

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ciborium::Value;
use scaletop_fleet::nats::{Backlog, connect_generator};
use scaletop_fleet::ticket::{JoinTicket, Source};
use scaletop_fleet::{Engine, EngineSetup, FleetError, GeneratorConfig, GeneratorLink, ToStore, generate};
use scaletop_load::{Latency, Line, LoadConfig, Reply, Second, Transport, Turn, start_inline};
use scaletop_units::{ArrivalRate, Elapsed};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// A player whose connection does not come about tries again so often.
const TRIES: u32 = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ticket, count, bytes] = arguments.as_slice() else { return Err("players JOIN.TICKET COUNT BYTES".into()) };
    let ticket = JoinTicket::read(&Source::find(Some(Path::new(ticket)), None)?)?;
    let (count, packed) = (count.parse::<u32>()?, packed(bytes.parse()?)?);
    scaletop_load::raise_fd_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        let players: Vec<_> =
            (0..count).map(|number| tokio::task::spawn_local(play(ticket.clone(), number, packed.clone()))).collect();
        for player in players {
            if let Err(error) = player.await? {
                eprintln!("{error}");
            }
        }
        Ok(())
    }))
}

/// The `latencies` of a stored second that is so many bytes long, or as long as it gets: send lag, and response and service time
/// of what was intended in it and in the one before.
fn packed(bytes: usize) -> Result<Value, Box<dyn std::error::Error>> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut wide = Latency::new();
    let mut fields = Value::Null;
    for _ in 0..40 {
        // From some 50 µs to half a minute.
        (0..500).for_each(|_| wide.record(Duration::from_micros(50).mul_f64((13.0 * rng.f64()).exp())));
        let mut second = Second::new(1, ArrivalRate::PAUSED);
        for intended in [0, 1] {
            let part = second.part_mut(intended);
            (part.ok, part.service) = (wide.clone(), wide.clone());
        }
        second.send_lag = wide.clone();
        fields = Value::serialized(&second)?;
        if serde_json::to_vec(&second)?.len() >= bytes {
            break;
        }
    }
    Ok(field(&mut fields, "latencies").ok_or("a second without latencies")?.clone())
}

/// A field of a map.
fn field<'a>(of: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let Value::Map(fields) = of else { return None };
    fields.iter_mut().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// Puts packed latencies in place of those of a second on its way: a list of four, of which the last has the second.
fn fill(body: &[u8], packed: &Value) -> Option<Bytes> {
    let mut message: Value = ciborium::from_reader(body).ok()?;
    let Value::Array(four) = &mut message else { return None };
    let second = field(four.last_mut()?, "second")?;
    let index = u32::try_from(i128::from(field(second, "index")?.as_integer()?)).ok()?;
    let Value::Map(fields) = &mut *second else { return None };
    // Histograms of connections and of failed requests would be more of them: nothing fails here, and nobody connects.
    fields.retain(|(key, _)| !matches!(key.as_text(), Some("latencies" | "connections" | "split")));
    fields.push((Value::from("latencies"), packed.clone()));
    let Value::Array(parts) = field(second, "parts")? else { return None };
    let of = |part: &Value| part.as_array()?.first()?.as_integer().map(i128::from);
    let found = |intended: u32| {
        let none = || {
            Value::Array(
                [intended, 0, 0, 0, 0].map(Value::from).into_iter().chain([Value::Array(Vec::new())]).collect(),
            )
        };
        parts.iter().find(|part| of(part) == Some(i128::from(intended))).cloned().unwrap_or_else(none)
    };
    // In second 0 nothing is earlier; it has two parts all the same.
    *parts = vec![found(index.saturating_sub(1)), found(index.max(1))];
    let mut bytes = Vec::new();
    ciborium::into_writer(&message, &mut bytes).ok()?;
    Some(bytes.into())
}

/// A link like `link`, on which seconds are filled before they are stored.
fn filling(link: GeneratorLink, packed: Value) -> GeneratorLink {
    let GeneratorLink { questions, seconds: onward, inbox } = link;
    let (seconds, mut coming) = mpsc::unbounded_channel::<ToStore>();
    tokio::task::spawn_local(async move {
        while let Some(second) = coming.recv().await {
            let body = fill(&second.body, &packed).unwrap_or_else(|| second.body.clone());
            if onward.send(ToStore { body, ..second }).is_err() {
                return;
            }
        }
    });
    GeneratorLink { questions, seconds, inbox }
}

async fn play(ticket: JoinTicket, number: u32, packed: Value) -> Result<(), Box<dyn std::error::Error>> {
    let id = format!("p{number:03}").parse()?;
    let mut tries = 0;
    let link = loop {
        match connect_generator(&ticket, &id, Backlog::default()).await {
            Ok(link) => break filling(link, packed),
            // Two hundred handshakes at one moment are too many for a small machine.
            Err(_) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
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
    let engine = async |setup: EngineSetup| {
        let (handle, seconds) = start_inline(&LoadConfig::default(), Answered, setup.clock);
        Ok::<_, FleetError>(Engine { handle, seconds, keep: None })
    };
    generate(config, link, engine, |_| {}).await?;
    Ok(())
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
