//! How precisely the engine sends: `cargo run --release --no-default-features --example send_lag`.
//!
//! Drives a trivial hyper server (a process of its own, on loopback, so that its CPU time is not counted) and prints,
//! as medians of three runs each, the send lag, what was achieved and what it cost; then how long a change of rate takes
//! from the call to the first request at the new rate. Close everything else first: it measures the machine as well.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use scaletop_load::Latency;
use scaletop_load::RateProfile;
use scaletop_load::{HttpFactory, RequestOptions};
use scaletop_load::{LoadConfig, Prepared, Running};
use scaletop_load::{Reply, Transport};
use scaletop_units::RunClock;
use scaletop_units::{ArrivalRate, Elapsed};

const ROUNDS: usize = 3;
/// The first second is warm-up, the others are measured.
const SECONDS: u32 = 5;
const CHANGES: u32 = 60;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if std::env::args().nth(1).as_deref() == Some("--serve") {
        return runtime.block_on(serve());
    }
    let target = Target::start()?;
    runtime.block_on(async {
        println!("{:>9}  {:>9}  {:>17}  {:>17}  {:>7}  {:>9}", "rate", "achieved", "send lag p50/p99", "response p50/p99", "CPU %", "CPU s/1M");
        for rate in [1_000, 5_000, 20_000] {
            let mut runs = Vec::new();
            for _ in 0..ROUNDS {
                runs.push(steady(&target.url, rate).await?);
            }
            println!(
                "{rate:>7}/s  {:>8.2}%  {:>6.0} / {:>5.0} µs  {:>6.0} / {:>5.0} µs  {:>7.1}  {:>9.1}",
                median(&runs, |run| run.achieved * 100.0),
                median(&runs, |run| micros(&run.lag, 0.5)),
                median(&runs, |run| micros(&run.lag, 0.99)),
                median(&runs, |run| micros(&run.response, 0.5)),
                median(&runs, |run| micros(&run.response, 0.99)),
                median(&runs, |run| run.cpu_percent),
                median(&runs, |run| run.cpu_percent * 1e4 / f64::from(rate)),
            );
        }
        let mut reactions = reactions().await?;
        reactions.sort_unstable();
        println!(
            "a rate change (1/s to 2000/s), call to first request at the new rate, {} changes: median {:?}, longest {:?}",
            reactions.len(),
            reactions[reactions.len() / 2],
            reactions[reactions.len() - 1],
        );
        Ok(())
    })
}

/// One run at a steady rate.
struct Run {
    achieved: f64,
    lag: Latency,
    response: Latency,
    cpu_percent: f64,
}

async fn steady(url: &str, rate: u32) -> anyhow::Result<Run> {
    let transport = HttpFactory::new(&RequestOptions::get(url.parse()?))?;
    let config = LoadConfig { max_in_flight: 5_000, warm: 64, ..LoadConfig::default() };
    let Running { handle, mut seconds, threads } =
        Prepared::new(config, vec![transport]).await?.start(RunClock::start())?;
    handle.set(Elapsed::ZERO, RateProfile::Constant(ArrivalRate::new(rate)));
    let mut run = Run { achieved: 0.0, lag: Latency::new(), response: Latency::new(), cpu_percent: 0.0 };
    let mut ok = 0;
    while let Some(second) = seconds.recv().await {
        if (1..=SECONDS).contains(&second.index) {
            let total = second.total();
            ok += total.ok.count();
            run.lag.merge(&second.send_lag);
            run.response.merge(&total.response());
            run.cpu_percent += f64::from(second.generator.cpu_percent.unwrap_or(f32::NAN)) / f64::from(SECONDS);
        }
        if second.index == SECONDS {
            handle.stop();
        }
    }
    drop(threads);
    run.achieved = ok as f64 / f64::from(rate * SECONDS);
    Ok(run)
}

/// Notes when the first request after a change was sent, and answers at once: this is about the engine alone.
struct Watched {
    /// Nanoseconds; 0: none yet.
    first: Arc<AtomicU64>,
}

impl Transport for Watched {
    async fn send(&self, sent: Elapsed) -> Reply {
        let _ = self.first.compare_exchange(0, sent.as_nanos(), Ordering::SeqCst, Ordering::SeqCst);
        Reply::status(200)
    }
}

async fn reactions() -> anyhow::Result<Vec<Duration>> {
    let first = Arc::new(AtomicU64::new(0));
    let config = LoadConfig { max_in_flight: 5_000, ..LoadConfig::default() };
    let watched = Watched { first: Arc::clone(&first) };
    let clock = RunClock::start();
    let Running { handle, seconds, threads } = Prepared::new(config, vec![watched]).await?.start(clock)?;
    let mut reactions = Vec::new();
    for turn in 0..CHANGES {
        handle.set(clock.now(), RateProfile::Constant(ArrivalRate::new(1)));
        // At ever different distances from the engine's next wake-up.
        tokio::time::sleep(Duration::from_millis(60 + u64::from(turn % 7))).await;
        handle.drain(Duration::from_secs(1)).await;
        first.store(0, Ordering::SeqCst);
        let key = clock.now();
        handle.set(key, RateProfile::Constant(ArrivalRate::new(2_000)));
        tokio::time::sleep(Duration::from_millis(20)).await;
        let seen = first.load(Ordering::SeqCst);
        anyhow::ensure!(seen > 0, "no request within 20 ms of a rate change");
        reactions.push(Elapsed::from_nanos(seen).saturating_since(key));
    }
    handle.stop();
    drop(seconds);
    drop(threads);
    Ok(reactions)
}

fn micros(latency: &Latency, quantile: f64) -> f64 {
    latency.quantile(quantile).map_or(f64::NAN, |value| value.as_secs_f64() * 1e6)
}

fn median(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The server, as a child process that ends with this one.
struct Target {
    child: Child,
    url: String,
}

impl Target {
    fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut url)?;
        Ok(Self { child, url: url.trim().to_owned() })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn serve() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    // Ends when whoever started it does: its end of the pipe closes.
    let (orphaned_tx, mut orphaned) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || orphaned_tx.send(std::io::stdin().lines().count()));
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut orphaned => return Ok(()),
        };
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let answer =
                service_fn(async |_| Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from_static(b"ok\n")))));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
