//! Drives a URL on loopback at a rate and prints what came of it, in one line: for measuring the engine beside its peers.
//!
//! `cargo run --release -p scaletop-load --example drive -- http://127.0.0.1:8081/ --rate 5000 --seconds 6`
//!
//! | flag | means |
//! |---|---|
//! | `--rate N` `--seconds N` | the load |
//! | `--then N` | afterwards another rate, for as long |
//! | `--transport own` or `reqwest` | with what |
//! | `--workers N` or `auto` | on how many threads |
//! | `--warm N` | connections opened beforehand |
//! | `--connections N` `--in-flight N` | the caps |
//! | `--http2` `--insecure` | as on the command line of the program |
//! | `--each` | a line for every second, too |
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::time::Duration;

use anyhow::{Context as _, bail};
use scaletop_load::{
    CohortPart, Connections, Failure, HttpFactory, Latency, LoadConfig, OutcomeKind, Prepared, RateProfile,
    RequestOptions, ReqwestTransport, Second, Workers, raise_fd_limit,
};
use scaletop_units::{ArrivalRate, RunClock};

struct Asked {
    options: RequestOptions,
    config: LoadConfig,
    rate: u32,
    then: Option<u32>,
    seconds: u64,
    workers: usize,
    is_reqwest: bool,
    each: bool,
}

fn main() -> anyhow::Result<()> {
    let asked = asked()?;
    raise_fd_limit();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(asked))
}

fn asked() -> anyhow::Result<Asked> {
    let mut arguments = std::env::args().skip(1);
    let url: url::Url = arguments.next().context("the first argument is a URL")?.parse()?;
    if !matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        bail!("only loopback is loaded");
    }
    let mut asked = Asked {
        options: RequestOptions::get(url),
        config: LoadConfig::default(),
        rate: 1_000,
        then: None,
        seconds: 6,
        workers: 1,
        is_reqwest: false,
        each: false,
    };
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--rate" => asked.rate = value()?.parse()?,
            "--then" => asked.then = Some(value()?.parse()?),
            "--seconds" => asked.seconds = value()?.parse()?,
            "--warm" => asked.config.warm = value()?.parse()?,
            "--connections" => asked.config.max_connections = value()?.parse()?,
            "--in-flight" => asked.config.max_in_flight = value()?.parse()?,
            "--transport" => asked.is_reqwest = value()? == "reqwest",
            "--age" => asked.options.conn_max_age = Some(Duration::from_millis(value()?.parse()?)),
            "--timeout" => asked.options.timeout = Duration::from_millis(value()?.parse()?),
            "--workers" => match value()?.as_str() {
                "auto" => {
                    asked.config.workers = Workers::Auto;
                    asked.workers = std::thread::available_parallelism()?.get();
                }
                count => asked.workers = count.parse()?,
            },
            "--http2" => asked.options.http2 = true,
            "--insecure" => asked.options.insecure = true,
            "--no-keepalive" => asked.options.keep_alive = false,
            "--each" => asked.each = true,
            other => bail!("no such flag: {other}"),
        }
    }
    Ok(asked)
}

async fn run(asked: Asked) -> anyhow::Result<()> {
    let prepared = if asked.is_reqwest {
        let transports = (0..asked.workers).map(|_| ReqwestTransport::new(&asked.options)).collect::<Result<_, _>>()?;
        Prepared::new(asked.config, transports).await?
    } else {
        Prepared::new(asked.config, vec![HttpFactory::new(&asked.options)?; asked.workers]).await?
    };
    let warmed = prepared.warmed();
    let clock = RunClock::start();
    let mut running = prepared.start(clock)?;
    let start = clock.now() + Duration::from_millis(20);
    let mut end = start;
    for rate in std::iter::once(asked.rate).chain(asked.then) {
        running.handle.set(end, RateProfile::Constant(ArrivalRate::new(rate)));
        end = end + Duration::from_secs(asked.seconds);
    }
    running.handle.set(end, RateProfile::PAUSED);
    let handle = running.handle.clone();
    let answered = tokio::spawn(async move {
        tokio::time::sleep_until(clock.instant_at(end)).await;
        handle.drain(Duration::from_secs(3)).await;
        clock.now()
    });
    let mut all = Sums::default();
    loop {
        let second = running.seconds.recv().await.context("the engine ended")?;
        if asked.each {
            let mut one = Sums::default();
            one.add(&second);
            println!("{}", one.line(&format!("{:>4}", second.index), Duration::from_secs(1)));
        }
        all.add(&second);
        if second.end() > end {
            break;
        }
    }
    let answered = answered.await?;
    running.handle.stop();
    while let Some(second) = running.seconds.recv().await {
        all.add(&second);
    }
    let label = format!("{}/s warmed {warmed}", asked.rate);
    println!("{}", all.line(&label, answered.saturating_since(start)));
    for failure in &all.failures {
        let phase = failure.phase.map_or("answered", |phase| phase.label());
        println!("     {} × {:?}: {} ({phase})", failure.count, failure.kind, failure.cause);
    }
    Ok(())
}

/// Some seconds, added up: so that a long run takes no more memory than a short one.
struct Sums {
    total: CohortPart,
    lag: Latency,
    connections: Connections,
    turn: Duration,
    open: u64,
    waiting: u64,
    workers: u32,
    /// The first three.
    failures: Vec<Failure>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            total: CohortPart::new(0),
            lag: Latency::new(),
            connections: Connections::default(),
            turn: Duration::ZERO,
            open: 0,
            waiting: 0,
            workers: 0,
            failures: Vec::new(),
        }
    }
}

impl Sums {
    fn add(&mut self, second: &Second) {
        self.total.merge(&CohortPart { intended: 0, ..second.total() });
        self.lag.merge(&second.send_lag);
        self.connections.merge(&second.connections);
        self.turn = self.turn.max(second.generator.longest_turn.unwrap_or_default());
        self.open = self.open.max(second.connections.open);
        self.waiting = self.waiting.max(second.connections.waiting_peak);
        self.workers = self.workers.max(second.generator.workers);
        let left = 3 - self.failures.len();
        self.failures.extend(second.failures.iter().take(left).cloned());
    }

    /// The figures of the seconds, which took `span`.
    fn line(&self, label: &str, span: Duration) -> String {
        let Self { total, lag, connections, turn, open, waiting, workers, .. } = self;
        let response = total.response();
        let ms = |latency: &Latency, q: f64| latency.quantile(q).map_or(f64::NAN, |found| found.as_secs_f64() * 1e3);
        let ok = total.outcomes.get(OutcomeKind::Ok);
        let (cpu, rss) = used();
        format!(
            "{label}: achieved {:.2} % ({:.0}/s) failed {} dropped {}+{}+{} · p50 {:.2} p99 {:.2} max {:.1} · service {:.2} {:.2} · lag99 {:.2} turn {:.1} · slot99 {:.2} connect99 {:.2} ms · opened {} closed {} open {open} cancelled {} connect-failed {} waiting {waiting} retried {}+{} · CPU {:.1} s/1M · RSS {rss:.1} MiB · workers {workers}",
            100.0 * ok as f64 / total.due.max(1) as f64,
            ok as f64 / span.as_secs_f64(),
            total.outcomes.failed(),
            total.dropped_cap,
            total.dropped_late,
            total.dropped_connections,
            ms(&response, 0.5),
            ms(&response, 0.99),
            ms(&response, 1.0),
            ms(&total.service, 0.5),
            ms(&total.service, 0.99),
            ms(lag, 0.99),
            turn.as_secs_f64() * 1e3,
            ms(&connections.slot_wait, 0.99),
            ms(&connections.connect, 0.99),
            connections.opened,
            connections.closed,
            connections.cancelled,
            connections.failed,
            connections.retried_on_close,
            connections.retried_on_refusal,
            cpu * 1e6 / ok.max(1) as f64,
        )
    }
}

/// CPU seconds and peak resident MiB of this process, where the system says.
fn used() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    ((ticks(11) + ticks(12)) / 100.0, peak.unwrap_or(f64::NAN) / 1024.0)
}
