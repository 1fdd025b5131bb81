//! Requests that are signed by AWS Signature Version 4 as they are sent.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tokio::sync::mpsc;

use crate::cli::CloudArgs;
use crate::cloud::{CloudOptions, Fresh, Signer, ToSign, keep_fresh};
use crate::commands::CommandError;
use crate::commands::authority::AuthorityError;
use crate::commands::destination::cloud_options;
use crate::session::event::{Notice, NoticeLevel, SessionEvent};
use crate::values::SigV4;
use scaletop_load::{Authorize, RequestOptions, Unsigned};
use scaletop_units::RunClock;

/// What signs, and where its credentials come from.
pub(in crate::commands) struct Signed {
    signer: Arc<Signer>,
    options: CloudOptions,
    first: Fresh,
    clock: RunClock,
}

#[derive(Debug)]
struct AtOnce(Arc<Signer>);

impl Authorize for AtOnce {
    fn headers(&self, request: &Unsigned<'_>) -> Vec<(HeaderName, HeaderValue)> {
        let Unsigned { method, path, headers, body, .. } = *request;
        self.0.headers(&ToSign { method, path, headers, body }, wall_clock())
    }
}

/// The time that a signature tells: the service compares it with its own clock, however this machine's was set since the session began.
#[expect(clippy::disallowed_methods, reason = "a signature tells the wall clock's time, not the session's")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

impl Signed {
    /// Finds service, region and credentials, and signs `request` from now on. A `user` is the id and the secret of a key.
    pub(super) async fn of(
        wanted: &SigV4,
        user: Option<&str>,
        cloud: &CloudArgs,
        request: &mut RequestOptions,
        clock: RunClock,
    ) -> Result<Self, CommandError> {
        let mut options = cloud_options(cloud)?;
        if let Some((id, secret)) = user.and_then(|user| user.split_once(':')) {
            options.keys = Some((id.to_owned(), secret.to_owned()));
            request.headers.remove(AUTHORIZATION);
        }
        let host = request.url.host_str().unwrap_or_default();
        let (service, region) = (wanted.service.as_deref(), wanted.region.as_deref());
        let (signer, first) =
            Signer::connect(service, region, host, &options, clock).await.map_err(AuthorityError::from)?;
        let signer = Arc::new(signer);
        request.authorize = Some(Arc::new(AtOnce(Arc::clone(&signer))));
        Ok(Self { signer, options, first, clock })
    }

    /// Gets new credentials before the old ones end, for as long as anybody waits for it.
    pub(super) async fn kept_fresh(self, feeds: mpsc::Sender<SessionEvent>) {
        let Self { signer, options, first, clock } = self;
        let tell = |failure: Option<String>| {
            let (level, text) = match failure {
                Some(why) => (
                    NoticeLevel::Warning,
                    format!("no new credentials to sign with: {why}; requests are signed with the last ones"),
                ),
                None => (NoticeLevel::Info, "there are new credentials to sign with again".to_owned()),
            };
            let _ = feeds.try_send(SessionEvent::Notice(Notice { level, text }));
        };
        let refresh = || {
            let (signer, options) = (Arc::clone(&signer), options.clone());
            async move { signer.refresh(&options, clock).await }
        };
        keep_fresh(first, refresh, wall_clock, tell).await;
    }
}
