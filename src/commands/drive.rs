//! Sets a session up, so that nothing can fail once load flows, runs it, and says how it went.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::mpsc;
use url::Url;

use crate::app::front::FrontEnd;
use crate::app::runtime::{Finished, Runtime};
use crate::app::state::{State, Ui};
use crate::cli::values;
use crate::cli::{DriveArgs, RequestArgs};
use crate::clock::RunClock;
use crate::cluster::ClusterArgs;
use crate::commands::CommandError;
use crate::commands::place::Place;
use crate::consent;
use crate::headless::Log;
use crate::load::engine::{LoadConfig, Prepared, Running};
use crate::load::generator;
use crate::load::http::{HttpTransport, RequestOptions};
use crate::plan::Plan;
use crate::plan::conductor::Conductor;
use crate::session::event::{FORMAT_VERSION, Header, Settings};
use crate::session::folder;
use crate::session::scribe::Scribe;
use crate::session::state::Session;
use crate::session::summary;
use crate::target::{Target, without_secrets};
use crate::tui::front::TerminalFront;
use crate::tui::theme::Theme;
use crate::units::ArrivalRate;

/// Events that sources may have waiting for the loop.
const FEED_QUEUE: usize = 1_024;

/// Columns and rows where there is no screen.
const NO_SIZE: (u16, u16) = (0, 0);

/// A session that only needs a front end.
struct Ready {
    header: Header,
    clock: RunClock,
    engine: Prepared,
    place: Place,
    folder: PathBuf,
    rate: ArrivalRate,
    spike_rate: ArrivalRate,
    panic_after: Option<Duration>,
}

/// Runs a session on the screen.
pub(super) async fn on_screen(drive: DriveArgs, target: Target, cluster: ClusterArgs) -> Result<u8, CommandError> {
    let ready = prepare(&drive, target, cluster, None).await?;
    let theme = Theme::from_env(|name| std::env::var(name).ok());
    let front = TerminalFront::open(theme)?;
    let size = front.size()?;
    let finished = ready.run(front, None, size).await?;
    conclude(finished)
}

/// Plays a plan without a screen.
pub(super) async fn headless(
    drive: DriveArgs,
    target: Target,
    cluster: ClusterArgs,
    plan: Plan,
) -> Result<u8, CommandError> {
    let ready = prepare(&drive, target, cluster, Some(&plan)).await?;
    let finished = ready.run(Log::default(), Some(Conductor::new(&plan)), NO_SIZE).await?;
    conclude(finished)
}

/// Everything that can go wrong goes wrong here, before the first request.
async fn prepare(
    drive: &DriveArgs,
    target: Target,
    cluster: ClusterArgs,
    plan: Option<&Plan>,
) -> Result<Ready, CommandError> {
    let load = &drive.load;
    let highest = plan.map_or(load.rate, Plan::peak).max(load.rate);
    if highest > load.max_rate {
        let (highest, ceiling) = (highest.get(), load.max_rate.get());
        return Err(CommandError::Option(format!(
            "{highest}/s is above the ceiling of {ceiling}/s: raise it with --max-rate"
        )));
    }
    if load.capacity.is_some_and(|capacity| !(capacity.is_finite() && capacity > 0.0)) {
        return Err(CommandError::Option("--capacity takes a positive number of requests per second".to_owned()));
    }
    // Before anything asks how many connections there may be. Not being allowed to is no failure: the cap follows.
    let _ = generator::raise_fd_limit();
    let clock = RunClock::start();
    let place = Place::find(&target, &cluster, &drive.cloud, clock).await?;
    let url = join(place.url.clone(), drive.request.path.as_deref());
    if !drive.output.yes {
        consent::ensure(&url, consent::memory(|name| std::env::var(name).ok()).as_deref())?;
    }
    let request = request_options(&drive.request, url.clone())?;
    let settings = settings(drive, &target, &url, plan);
    let header = Header {
        version: FORMAT_VERSION,
        writer: concat!("scaletop ", env!("CARGO_PKG_VERSION")).to_owned(),
        started_unix_micros: clock.started_unix_micros(),
        settings,
    };
    let folder = drive
        .output
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(folder::HOME).join(folder::name(header.started_unix_micros, &target)));
    folder::prepare(&folder)?;
    let config = LoadConfig {
        arrivals: load.arrivals,
        seed: header.settings.seed,
        max_in_flight: header.settings.max_in_flight,
        warm: usize::try_from(load.warm).unwrap_or(0),
    };
    let transports = (0..load.workers).map(|_| HttpTransport::new(&request)).collect::<Result<_, _>>()?;
    let engine = Prepared::new(config, transports).await?;
    Ok(Ready {
        header,
        clock,
        engine,
        place,
        folder,
        rate: load.rate,
        spike_rate: load.spike_rate,
        panic_after: drive.output.panic_after,
    })
}

impl Ready {
    async fn run<F: FrontEnd>(
        self,
        front: F,
        conductor: Option<Conductor>,
        size: (u16, u16),
    ) -> Result<Finished, CommandError> {
        let (scribe, troubles) = Scribe::start(&self.folder, &self.header)?;
        let Running { handle: load, seconds, threads } = self.engine.start(self.clock)?;
        let (feeds_tx, feeds) = mpsc::channel(FEED_QUEUE);
        let watchers = self.place.watch(&feeds_tx);
        let (cluster, endpoints) = match self.place.platform {
            Some(platform) => (Some(platform.cluster), Some(platform.endpoints)),
            None => (None, None),
        };
        let mut ui = Ui::new(self.spike_rate);
        ui.is_demo = cluster.is_some();
        ui.folder = Some(self.folder.clone());
        ui.size = size;
        let runtime = Runtime {
            state: State { session: Session::new(self.header), ui },
            clock: self.clock,
            load,
            seconds,
            feeds,
            scribe,
            troubles,
            cluster,
            conductor,
            folder: self.folder,
            panic_at: self.panic_after.map(|after| tokio::time::Instant::now() + after),
            front,
        };
        let finished = runtime.run(self.rate).await?;
        drop((threads, watchers, endpoints));
        Ok(finished)
    }
}

/// The summary on stdout, the files' place, and the exit code.
fn conclude(finished: Finished) -> Result<u8, CommandError> {
    let mut out = io::stdout().lock();
    let folder = finished.state.ui.folder.clone().unwrap_or_default();
    out.write_all(summary::text(&finished.state.session).as_bytes())?;
    match finished.exported {
        Some(Ok(exported)) => writeln!(out, "files: {}", exported.folder.display())?,
        Some(Err(error)) => {
            writeln!(out, "recording: {}", folder.display())?;
            return Err(error.into());
        }
        None => writeln!(out, "recording: {0} (its files: scaletop report {0})", folder.display())?,
    }
    Ok(finished.signal.map_or(0, |signal| u8::try_from(128 + signal).unwrap_or(1)))
}

/// `url` with `path` in place of its own path and query, if one is given.
fn join(mut url: Url, path: Option<&str>) -> Url {
    if let Some(path) = path {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
    }
    url
}

fn request_options(args: &RequestArgs, url: Url) -> Result<RequestOptions, CommandError> {
    let body = match (&args.body, &args.body_file) {
        (Some(body), _) => Some(Bytes::from(body.clone().into_bytes())),
        (None, Some(path)) => {
            let bytes = std::fs::read(path).map_err(|source| CommandError::ReadBody { path: path.clone(), source })?;
            Some(Bytes::from(bytes))
        }
        (None, None) => None,
    };
    let mut headers = HeaderMap::new();
    for line in &args.headers {
        let (name, value) = values::header(line)?;
        headers.append(name, value);
    }
    Ok(RequestOptions {
        method: values::method(&args.method)?,
        headers,
        body,
        timeout: args.timeout,
        insecure: args.insecure,
        cacert: args.cacert.clone(),
        http2: args.http2,
        keep_alive: !args.no_keepalive,
        conn_max_age: (args.conn_max_age > Duration::ZERO).then_some(args.conn_max_age),
        resolve: args.resolve.iter().map(|text| values::resolve(text)).collect::<Result<_, _>>()?,
        instance_header: values::header_name(&args.instance_header)?,
        ..RequestOptions::get(url)
    })
}

fn settings(drive: &DriveArgs, target: &Target, url: &Url, plan: Option<&Plan>) -> Settings {
    let (request, load) = (&drive.request, &drive.load);
    let objectives = if load.slo.is_empty() { plan.and_then(|plan| plan.slo) } else { None };
    Settings {
        target: public(target),
        url: without_secrets(url).to_string(),
        method: request.method.clone(),
        plan: plan.map(|plan| plan.name.clone()),
        slo: objectives.unwrap_or_else(|| values::slo(&load.slo)),
        arrivals: load.arrivals,
        max_rate: load.max_rate.get(),
        max_in_flight: load.max_in_flight.unwrap_or_else(generator::default_max_in_flight),
        timeout: request.timeout,
        conn_max_age: (request.conn_max_age > Duration::ZERO).then_some(request.conn_max_age),
        instance_header: request.instance_header.clone(),
        capacity_per_instance: load.capacity,
        seed: load.load_seed.unwrap_or_else(|| fastrand::u64(..)),
    }
}

fn public(target: &Target) -> String {
    match target {
        Target::Url(url) => without_secrets(url).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_replaces_the_targets_own() {
        let url: Url = "http://127.0.0.1:1/old?x=1".parse().unwrap();
        assert_eq!(join(url.clone(), Some("/new?delay=5")).as_str(), "http://127.0.0.1:1/new?delay=5");
        assert_eq!(join(url.clone(), None), url);
    }
}
