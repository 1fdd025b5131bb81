//! As whom requests are sent, where that changes while they are sent: the token of a file, signatures of AWS.

mod bearer;
#[cfg(feature = "aws")]
mod signed;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use http::header::AUTHORIZATION;
use tokio::task::JoinHandle;

use crate::cli::{CloudArgs, RequestArgs};
use crate::commands::CommandError;
use crate::session::event::SessionEvent;
use bearer::{BearerFile, Lookout};
use scaletop_load::RequestOptions;
use scaletop_units::RunClock;

/// How often a file with a token is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// As whom requests are sent.
pub(super) enum Authority {
    /// As they were written, each the same.
    Written,
    /// With the token of a file.
    Bearer(Arc<BearerFile>),
    /// Signed.
    #[cfg(feature = "aws")]
    Signed(Box<signed::Signed>),
}

/// Keeps it fresh until it is dropped.
pub(super) enum Keeper {
    /// The other end of what its thread waits on.
    Thread { _stop: mpsc::Sender<()> },
    /// A task of this runtime.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "as with the cloud's side"))]
    Task(JoinHandle<()>),
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Self::Task(task) = self {
            task.abort();
        }
    }
}

/// Why requests cannot be sent as somebody.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Nothing of the token is repeated.
    #[error("--bearer-file: cannot use the token in {}: {why}", path.display())]
    Bearer {
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// Two options that each say who sends.
    #[error("{one} and {other} both say as whom requests are sent, and one header goes out: keep one of them")]
    Both { one: &'static str, other: &'static str },
    #[cfg(not(feature = "aws"))]
    #[error(
        "--sigv4 needs the cloud's side, which this build leaves out: build it with the feature aws, which is on by default"
    )]
    LeftOut,
    #[cfg(feature = "aws")]
    #[error("--sigv4: {0}")]
    Sign(#[from] crate::cloud::SignError),
}

impl AuthorityError {
    /// Whether the words of the command were wrong.
    pub(super) const fn is_usage(&self) -> bool {
        match self {
            #[cfg(feature = "aws")]
            Self::Sign(error) => error.is_usage(),
            _ => true,
        }
    }
}

/// Refuses what says twice as whom `request` is sent. What was said of it elsewhere is as good as what is typed: a wrong guess would
/// send a secret to where it was not meant.
pub(super) fn check(args: &RequestArgs, request: &RequestOptions) -> Result<(), AuthorityError> {
    let in_url = !request.url.username().is_empty() || request.url.password().is_some();
    let by_user = args.user.is_some();
    let by_header = request.headers.contains_key(AUTHORIZATION) && !by_user;
    let in_requests = request.mix.as_ref().is_some_and(|mix| {
        let headers = mix.spec().requests.iter().flat_map(|request| &request.headers);
        headers.into_iter().any(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION.as_str()))
    });
    let others = [
        // A signature takes the user and the password as the id and the secret of a key, as curl does.
        (by_user && args.sigv4.is_none(), "--user"),
        (by_header, "the header authorization"),
        (in_url, "the user in the URL"),
        (in_requests, "a header authorization in the file of --requests"),
    ];
    let other = others.into_iter().find_map(|(is_said, name)| is_said.then_some(name));
    match (&args.bearer_file, &args.sigv4) {
        (Some(_), Some(_)) => Err(AuthorityError::Both { one: "--bearer-file", other: "--sigv4" }),
        (Some(_), None) => other.map_or(Ok(()), |other| Err(AuthorityError::Both { one: "--bearer-file", other })),
        (None, Some(_)) => other.map_or(Ok(()), |other| Err(AuthorityError::Both { one: "--sigv4", other })),
        (None, None) => Ok(()),
    }
}

impl Authority {
    /// As whom `args` want `request` to be sent; it adds its headers from now on.
    pub(super) async fn of(
        args: &RequestArgs,
        cloud: &CloudArgs,
        request: &mut RequestOptions,
        clock: RunClock,
    ) -> Result<Self, CommandError> {
        check(args, request)?;
        if let Some(path) = &args.bearer_file {
            let file = Arc::new(opened(path)?);
            request.authorize = Some(Arc::<BearerFile>::clone(&file));
            return Ok(Self::Bearer(file));
        }
        match &args.sigv4 {
            #[cfg(feature = "aws")]
            Some(wanted) => signed::Signed::of(wanted, args.user.as_deref(), cloud, request, clock)
                .await
                .map(Box::new)
                .map(Self::Signed),
            #[cfg(not(feature = "aws"))]
            Some(_) => {
                let _ = (cloud, clock);
                std::future::ready(Err(AuthorityError::LeftOut.into())).await
            }
            None => Ok(Self::Written),
        }
    }

    /// Refuses what [`Authority::of`] would, as far as nobody else need be asked.
    pub(super) fn check(args: &RequestArgs, request: &RequestOptions) -> Result<(), CommandError> {
        check(args, request)?;
        if let Some(path) = &args.bearer_file {
            opened(path)?;
        }
        #[cfg(not(feature = "aws"))]
        if args.sigv4.is_some() {
            return Err(AuthorityError::LeftOut.into());
        }
        Ok(())
    }

    /// Keeps it fresh; what there is to tell goes to `feeds`.
    pub(super) fn kept(self, feeds: &tokio::sync::mpsc::Sender<SessionEvent>) -> Result<Option<Keeper>, CommandError> {
        let feeds = feeds.clone();
        match self {
            Self::Written => Ok(None),
            Self::Bearer(file) => {
                let (stop, stopped) = mpsc::channel::<()>();
                let look = move || {
                    let mut lookout = Lookout::new();
                    // A file system that hangs keeps nobody waiting but this thread.
                    while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                        if let Some(notice) = lookout.look(&file) {
                            let _ = feeds.blocking_send(SessionEvent::Notice(notice));
                        }
                    }
                };
                std::thread::Builder::new().name("bearer-file".to_owned()).spawn(look)?;
                Ok(Some(Keeper::Thread { _stop: stop }))
            }
            #[cfg(feature = "aws")]
            Self::Signed(signed) => Ok(Some(Keeper::Task(tokio::spawn(signed.kept_fresh(feeds))))),
        }
    }
}

fn opened(path: &std::path::Path) -> Result<BearerFile, AuthorityError> {
    BearerFile::open(path).map_err(|why| AuthorityError::Bearer { path: path.to_owned(), why })
}
