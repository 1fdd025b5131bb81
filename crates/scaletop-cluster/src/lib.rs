#![doc = include_str!("../README.md")]
//!
//! # Inside
//!
//! ```text
//!  requests ─► balancer (hyper) ─► instances (processes of their own, test-app)
//!                  │  App Runner: up to MaxConcurrency per active instance, else 429
//!                  │  ECS: a queue in each task, and health checks that wait in it
//!                  ▼
//!               ledger ── demand ─► scaler ── desired ─► supervisor ─► starts and stops instances
//!                  └──► truth (read model): AWS endpoints, tests, the demo's screen
//! ```
//!
//! The balancer and the supervisor share one thread of their own with a single-threaded runtime, so that the cluster takes
//! little from the load generator beside it.

// The cloud of the tests names this crate as its users do.
#[cfg(any(test, feature = "fuzzing"))]
extern crate self as scaletop_cluster;

mod autoscaler;
mod balancer;
mod faults;
mod instance;
mod instance_pool;
mod ledger;
mod options;
mod orders;
mod reader;
mod serve;
mod shared;
mod supervisor;
mod target_health;
mod target_tracking;
mod task_queue;
mod truth;
pub mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::orders::Orders;
use self::shared::Shared;
use self::supervisor::Supervisor;
use scaletop_units::InstanceId;

pub use autoscaler::{ConcurrencyScaler, ObservedLoad, Scaler};
pub use faults::Fault;
pub use instance::{InstanceProgram, StartError, run_if_child};
pub use options::{ClusterArgs, ClusterOptions, OptionsError, Platform};
pub use reader::ClusterReader;
pub use truth::{
    ClusterView, Decision, Deployment, EndCause, Ended, HealthChange, InstancePhase, InstanceTruth, Rejections,
    SecondCounts, Truth,
};

/// The end takes milliseconds; nobody waits longer than this for it.
const END_PATIENCE: Duration = Duration::from_secs(3);

/// Why the cluster cannot start, or cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The options make no sense.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// Somebody else has the port.
    #[error(
        "cannot start the cluster: port {port} on 127.0.0.1 is in use; choose another --cluster-port, or 0 for a free one"
    )]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The port cannot be had for another reason.
    #[error(
        "cannot start the cluster: cannot listen on 127.0.0.1:{port}: {source}; choose another --cluster-port, or 0 for a free one"
    )]
    Listen {
        /// The port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// An instance did not come up.
    #[error("cannot start the cluster: {0}")]
    Instance(#[from] StartError),
    /// No thread, runtime or program path was to be had.
    #[error(
        "cannot start the cluster: {what}: {source}; the system may be out of processes, memory or files (ulimit -a)"
    )]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The cluster has ended.
    #[error("the cluster has ended; start it again")]
    Ended,
    /// No living instance has this id.
    #[error("no instance is called {id}; the living ones are: {living}")]
    NoSuchInstance {
        /// The id.
        id: InstanceId,
        /// The ids there are.
        living: String,
    },
    /// There is nothing to kill.
    #[error("no instance is active now; wait until one has started")]
    NothingToKill,
    /// A tag that no image can have.
    #[error("{tag:?} is no image tag; choose 1 to 128 letters, digits, '_', '.' or '-', the first no '.' and no '-'")]
    Tag {
        /// What it was.
        tag: String,
    },
    /// A share that is none.
    #[error("a 503 share of {share} is not possible; choose 0 to 1")]
    Share {
        /// What it was.
        share: f64,
    },
}

/// A running cluster. It ends, with every process of it, when dropped; [`Cluster::shutdown`] does so without blocking.
#[derive(Debug)]
pub struct Cluster {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
}

/// What a cluster is made of, where a test or another platform wants something else than the default.
pub struct ClusterParts {
    /// How it is set up.
    pub options: ClusterOptions,
    /// The moment that counts as [`Elapsed::ZERO`](scaletop_units::Elapsed::ZERO); earlier moments count as zero too.
    pub anchor: Instant,
    /// What is started as an instance.
    pub program: InstanceProgram,
    /// Decides how many instances there are.
    pub scaler: Box<dyn Scaler>,
}

impl Cluster {
    /// Starts a cluster from these parts. Returns when the first `min_size` instances are active.
    pub async fn assemble(parts: ClusterParts) -> Result<Self, ClusterError> {
        let ClusterParts { options, anchor, program, scaler } = parts;
        options.check()?;
        let listener = balancer::listen(options.port).map_err(|source| cannot_listen(options.port, source))?;
        let addr = listener.local_addr().map_err(|source| cannot_listen(options.port, source))?;
        // Its runtime will be another than this one.
        let listener = listener.into_std().map_err(|source| cannot_listen(options.port, source))?;
        let shared = Arc::new(Shared::new(ClusterReader::new(anchor, options)));
        let stop = CancellationToken::new();
        let (ready_tx, ready) = oneshot::channel();
        let (ended_tx, ended) = oneshot::channel();
        let supervisor = Supervisor::new(Arc::clone(&shared), program, scaler);
        let work = Work { listener, addr, shared: Arc::clone(&shared), supervisor, stop: stop.clone() };
        let thread = thread::Builder::new().name("cluster".to_owned()).spawn(move || {
            work.run(ready_tx);
            // Nobody may be waiting.
            let _ = ended_tx.send(());
        });
        let what = "cannot start its thread";
        let thread = Some(thread.map_err(|source| ClusterError::System { what, source })?);
        let cluster = Self { addr, shared, stop, thread, ended };
        match ready.await {
            Ok(outcome) => outcome.map(|()| cluster),
            // The thread is gone without a word, which only a panic does.
            Err(_) => Err(ClusterError::Ended),
        }
    }

    /// The address of the balancer.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of the service: the balancer's address with the path that the instances answer on.
    pub fn url(&self) -> String {
        format!("http://{}/api/test", self.addr)
    }

    /// A handle to look at the cluster with, from anywhere.
    pub fn reader(&self) -> ClusterReader {
        self.shared.reader.clone()
    }

    /// The cluster as it is now.
    pub fn view(&self) -> ClusterView {
        self.shared.reader.view()
    }

    /// Everything that is remembered.
    pub fn truth(&self) -> Truth {
        self.shared.reader.truth()
    }

    /// Kills an active instance, drawn by chance; the autoscaler replaces it. Returns which.
    pub fn kill_one(&self) -> Result<InstanceId, ClusterError> {
        self.shared.kill(None).ok_or(ClusterError::NothingToKill)
    }

    /// Makes something go wrong, for a while or (`None`) until [`Cluster::heal`]. A kill and a deployment happen at once and
    /// last anyway.
    pub fn inject(&self, fault: Fault, lasts: Option<Duration>) -> Result<(), ClusterError> {
        self.orders().inject(fault, lasts)
    }

    /// What takes orders for the cluster while it runs.
    pub(crate) fn orders(&self) -> Orders {
        Orders { shared: Arc::clone(&self.shared), stop: self.stop.clone() }
    }

    /// Ends every lasting fault.
    pub fn heal(&self) {
        self.shared.heal();
    }

    /// The lasting faults in force.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.faults()
    }

    /// Ends the cluster: the balancer closes, every instance is killed and reaped. Takes milliseconds.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // The drop that follows waits no longer when this came.
        let _ = tokio::time::timeout(END_PATIENCE, &mut self.ended).await;
    }
}

impl Drop for Cluster {
    /// Waits for the end, so that no process is left when the owner goes on (also when it unwinds from a panic).
    fn drop(&mut self) {
        self.stop.cancel();
        let Some(thread) = self.thread.take() else { return };
        let step = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        while !thread.is_finished() && waited < END_PATIENCE {
            thread::park_timeout(step);
            waited += step;
        }
    }
}

/// What the cluster's thread does.
struct Work {
    listener: std::net::TcpListener,
    addr: SocketAddr,
    shared: Arc<Shared>,
    supervisor: Supervisor,
    stop: CancellationToken,
}

impl Work {
    fn run(self, ready: oneshot::Sender<Result<(), ClusterError>>) {
        let what = "cannot build its runtime";
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(source) => {
                let _ = ready.send(Err(ClusterError::System { what, source }));
                return;
            }
        };
        runtime.block_on(async {
            let listener = match TcpListener::from_std(self.listener) {
                Ok(listener) => listener,
                Err(source) => {
                    let _ = ready.send(Err(ClusterError::System { what, source }));
                    return;
                }
            };
            tokio::select! {
                // The supervisor's end is the end; the balancer has none of its own.
                () = self.supervisor.run(self.stop, ready) => {}
                never = balancer::serve(listener, self.addr, self.shared) => match never {},
            }
        });
    }
}

fn cannot_listen(port: u16, source: io::Error) -> ClusterError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ClusterError::PortInUse { port },
        _ => ClusterError::Listen { port, source },
    }
}
