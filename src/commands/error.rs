//! Why a command could not do what it was asked to, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use crate::cli::config_file::Place;
use crate::cli::settings::{Said, Source};
#[cfg(feature = "aws")]
use crate::cloud::ResolveError;
use crate::commands::authority::AuthorityError;
use crate::commands::placing::PlaceError;
use crate::consent::ConsentError;
use crate::export::ExportError;
use crate::metrics::MetricsError;
use crate::metrics::otlp::OtlpError;
use crate::plan::PlanError;
use crate::replay::playback::ReplayError;
use crate::requests::RequestsError;
use crate::session::folder::{self, FolderError};
use crate::session::recording::{ReadError, WriteError};
use crate::target::{TargetError, hide_secrets};
use crate::tui::terminal::TerminalError;
use crate::values::ValueError;
use crate::web::WebError;
use scaletop_cluster::ClusterError;
use scaletop_cluster::wire::EmbeddedError;
use scaletop_load::EngineError;
use scaletop_load::TransportError;

/// Why a command could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// `live` draws a screen.
    #[error(
        "live needs a terminal; to drive a service without one: scaletop run URL --rate 100 --duration 30s, or scaletop run PLAN \
         TARGET"
    )]
    NoTerminal,
    /// `replay` draws a screen.
    #[error("replay needs a terminal; for a session's numbers and pages without one, use: scaletop report {}", session.display())]
    NoTerminalToReplay { session: PathBuf },
    /// A replay ended before its user ended it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The one request before the search was not answered as expected.
    #[error("{0} (asked once; --no-preflight searches all the same)")]
    Preflight(String),
    /// Nobody said where the load goes.
    #[error("no target: give one after the plan (a URL, or demo), or a [target] with a url in the plan")]
    NoTarget,
    /// The plan's file cannot be read.
    #[error("cannot read the plan {}: {source}", hide_secrets(&path.display().to_string()))]
    ReadPlan {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither a plan nor enough to make one of.
    #[error(
        "no plan: give one (a TOML file, or a built-in one such as demo-spike), or a rate above 0 and a time: scaletop run URL \
         --rate 100 --duration 30s (from 0 to a spike: --duration 30s --spike-at 5s --spike-rate 100)"
    )]
    NoPlan,
    /// One of the two that make a plan is missing.
    #[error(
        "{missing}: without a plan a run needs a rate above 0 and a time, such as scaletop run URL --rate 100 --duration 30s"
    )]
    HalfAPlan {
        /// Which.
        missing: &'static str,
    },
    /// No request would be due.
    #[error("plan \"{name}\" sends nothing: its rates and times come to less than one request")]
    NothingToSend { name: String },
    /// There is no such file, and no built-in plan of that name.
    #[error("there is no plan {plan}; {tip}")]
    NoSuchPlan {
        /// As it was given, without secrets.
        plan: String,
        /// What may have been meant.
        tip: String,
    },
    /// Nobody said which session, and there is none.
    #[error("no session: give its folder; {} has none", folder::HOME)]
    NoSession,
    /// There is nothing of that name.
    #[error("there is no session {}: {tip}", path.display())]
    NoSuchSession {
        path: PathBuf,
        /// What may have been meant.
        tip: String,
    },
    /// The page of a comparison cannot be written.
    #[error("cannot write {}: {source}; name another file with --html", path.display())]
    WritePage {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A session cannot be read.
    #[error(transparent)]
    Session(#[from] ReadError),
    /// The body's file cannot be read.
    #[error("cannot read the body from {}: {source}", path.display())]
    ReadBody {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Several requests cannot be used as they are written.
    #[error(transparent)]
    Requests(#[from] RequestsError),
    /// Requests cannot be sent as somebody.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A file of headers cannot be read.
    #[error("cannot read the headers from {}: {source}", path.display())]
    ReadHeaders {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The plan in a file makes no sense.
    #[error("{}: {source}", path.display())]
    PlanFile {
        path: PathBuf,
        /// What is wrong with it.
        source: Box<PlanError>,
    },
    /// The live numbers cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// They cannot be pushed.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
    /// Nor can the live page.
    #[error(transparent)]
    Web(#[from] WebError),
    /// A file that was asked for is there already.
    #[error("{} exists, and is not overwritten: name another file with {option}", path.display())]
    Exists { path: PathBuf, option: &'static str },
    /// A folder of sessions cannot be read.
    #[error("cannot read the sessions in {}: {source}", path.display())]
    ReadFolder {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that was asked for cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no fleet, or it has ended.
    #[cfg(feature = "fleet")]
    #[error(transparent)]
    Fleet(#[from] scaletop_fleet::FleetError),
    /// The ticket lets nobody in.
    #[cfg(feature = "fleet")]
    #[error(transparent)]
    Ticket(#[from] scaletop_fleet::ticket::TicketError),
    /// The fleet's server is not reached, or lets nobody in.
    #[cfg(feature = "fleet")]
    #[error(transparent)]
    FleetLink(#[from] scaletop_fleet::nats::LinkError),
    /// Too few generators came, after another controller had let those of its session go.
    #[cfg(feature = "fleet")]
    #[error(
        "{before} steered this fleet until now, and the generators of its session ended with it: start them anew with scaletop fleet join \
         ({source})"
    )]
    AfterAnother {
        /// Who.
        before: String,
        /// How many came.
        source: scaletop_fleet::FleetError,
    },
    /// A signal came before the load began.
    #[error("interrupted before the load began: nothing was sent, and nothing is recorded")]
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// A fleet that was started says nothing.
    #[cfg(feature = "fleet")]
    #[error(
        "the fleet was started and does not say how it stands: no load was sent; see that its server can be reached, and start again"
    )]
    SilentFleet,
    /// The target makes no sense.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// What is wrong with an option that was not typed, and where that one stands.
    #[error("{error} ({places})")]
    Placed {
        error: Box<Self>,
        /// `max-rate stands in ./scaletop.toml, line 3`.
        places: String,
    },
    /// A key or a color of one's own makes no sense.
    #[error("{place}: {problem}")]
    Own { place: Place, problem: String },
    /// An option makes no sense.
    #[error("{0}")]
    Option(String),
    /// A value makes no sense.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The request cannot be built.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The load engine cannot start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The session's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The recording cannot be written.
    #[error(transparent)]
    Recording(#[from] WriteError),
    /// The derived files cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The embedded cluster cannot start.
    #[error(transparent)]
    Cluster(#[from] EmbeddedError),
    /// The service cannot be found.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A command of a fleet failed.
    #[cfg(feature = "fleet")]
    #[error(transparent)]
    FleetCommand(#[from] crate::commands::fleet::FleetCommandError),
    /// Generators are not placed, or not all.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Nobody agreed to the load.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The terminal cannot be used.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The terminal or a stream failed.
    #[error("cannot read from or write to the terminal: {0}")]
    Io(#[from] io::Error),
}

impl CommandError {
    /// Whether it only says that nobody reads stdout any more.
    pub fn is_closed_stdout(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The same with the places of the options that it speaks of, where they were not typed.
    pub(super) fn placed(self, said: &[Said]) -> Self {
        if self.exit_code() != 2 {
            return self;
        }
        let message = self.to_string();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let named = |key: &str| message.split(|c| !is_word(c)).any(|word| word.strip_prefix("--") == Some(key));
        let is_meant = |one: &&Said| {
            one.source != Source::Typed && (named(&one.key) || self.options().contains(&one.key.as_str()))
        };
        let places: Vec<_> = said.iter().filter(is_meant).map(ToString::to_string).collect();
        if places.is_empty() {
            return self;
        }
        Self::Placed { error: Box::new(self), places: places.join(", ") }
    }

    /// The options whose values it is about, where its message does not name them.
    const fn options(&self) -> &'static [&'static str] {
        match self {
            Self::ReadBody { .. } => &["body", "body-file"],
            Self::ReadHeaders { .. } => &["header"],
            Self::Requests(_) => &["requests", "requests-data"],
            Self::Transport(TransportError::CertificateFile { .. }) => &["cacert"],
            Self::Transport(TransportError::Resolve { .. }) => &["resolve"],
            Self::Target(_) => &["target"],
            _ => &[],
        }
    }

    /// 2 when the words of the command were wrong, 1 when it could not be done.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Placed { error, .. } => error.exit_code(),
            Self::Authority(error) if error.is_usage() => 2,
            #[cfg(feature = "fleet")]
            Self::FleetCommand(error) => error.exit_code(),
            #[cfg(feature = "fleet")]
            Self::Ticket(scaletop_fleet::ticket::TicketError::Write { .. }) => 1,
            #[cfg(feature = "fleet")]
            Self::Fleet(scaletop_fleet::FleetError::Refused(_) | scaletop_fleet::FleetError::Unwilling(_)) => 2,
            // A folder is no plan, nor is what is no text; a file that the system does not give away may be one.
            Self::ReadPlan { source, .. }
                if matches!(source.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData) =>
            {
                2
            }
            // A name that is none; what cannot be read for another reason is no matter of words.
            Self::ReadBody { source, .. }
            | Self::ReadHeaders { source, .. }
            | Self::Session(ReadError::Io { source, .. })
            | Self::Export(ExportError::Read(ReadError::Io { source, .. }))
            | Self::Transport(TransportError::CertificateFile { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                2
            }
            // As shells have it.
            Self::Interrupted { signal } => u8::try_from(128 + signal).unwrap_or(1),
            Self::Place(error) if error.is_usage() => 2,
            Self::NoTerminal
            | Self::NoTerminalToReplay { .. }
            | Self::NoTarget
            | Self::NoPlan
            | Self::HalfAPlan { .. }
            | Self::NothingToSend { .. }
            | Self::NoSuchPlan { .. }
            | Self::Exists { .. }
            | Self::NoSession
            | Self::NoSuchSession { .. }
            | Self::Session(ReadError::NotASession { .. })
            | Self::Export(ExportError::Read(ReadError::NotASession { .. }))
            | Self::Folder(FolderError::Taken { .. })
            | Self::PlanFile { .. }
            | Self::Requests(_)
            | Self::Target(_)
            | Self::Option(_)
            | Self::Otlp(_)
            | Self::Own { .. }
            | Self::Transport(TransportError::Url(_) | TransportError::Resolve { .. } | TransportError::Request(_))
            | Self::Cluster(EmbeddedError::Cluster(ClusterError::Options(_)))
            | Self::Value(_) => 2,
            #[cfg(feature = "fleet")]
            Self::Ticket(_) => 2,
            _ => 1,
        }
    }
}
