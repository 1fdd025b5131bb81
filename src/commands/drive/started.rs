//! The load on a target under way, with all that lives as long as it does.

use std::any::Any;
use std::rc::Rc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::app::live::{Kill, Load, Watched};
use crate::app::state::Place;
use crate::commands::CommandError;
use crate::commands::aim::Aim;
use crate::commands::authority::Keeper;
use crate::commands::counting::Counting;
use crate::commands::destination::Watchers;
use crate::commands::drive::FEED_QUEUE;
use crate::commands::drive::sender::{Sender, Sending};
use crate::counting;
use crate::session::event::{Notice, NoticeLevel, SessionEvent};
use scaletop_cluster::Cluster;
use scaletop_cluster::wire::WireServer;
use scaletop_units::RunClock;

/// The load on a target, started, and who watches it.
pub(super) struct Started {
    pub(super) load: Load,
    pub(super) watched: Watched,
    pub(super) place: Place,
    /// Whether the generators of its fleet may be killed.
    pub(super) owns_generators: bool,
    /// Where what else there is to say goes.
    pub(super) notices: mpsc::Sender<SessionEvent>,
    pub(super) kept: Kept,
}

/// What goes on as long as the load on a target does.
pub(super) struct Kept {
    cluster: Option<Rc<Cluster>>,
    /// The threads of its engine, or what its fleet needs.
    threads: Box<dyn Any>,
    watchers: Watchers,
    counting: JoinSet<()>,
    endpoints: Option<WireServer>,
    /// What keeps that fresh with which requests are authorized.
    keeper: Option<Keeper>,
}

impl Started {
    pub(super) async fn of(
        aim: Aim,
        sender: Sender,
        counting: Counting,
        clock: RunClock,
        notice: Option<String>,
    ) -> Result<Self, CommandError> {
        let (feeds_tx, feeds) = mpsc::channel(FEED_QUEUE);
        let Sending { load, seconds, known, told, owns_generators, threads } = sender.start(clock, &feeds_tx).await?;
        if let Some(text) = aim.warning {
            let notice = SessionEvent::Notice(Notice { level: NoticeLevel::Warning, text });
            let _ = feeds_tx.try_send(notice);
        }
        if let Some(text) = notice {
            let _ = feeds_tx.try_send(SessionEvent::Notice(Notice { level: NoticeLevel::Info, text }));
        }
        let keeper = aim.authority.kept(&feeds_tx)?;
        let watchers = aim.destination.watch(&feeds_tx);
        let counting = counting::start(counting.sources, counting.every, clock, &feeds_tx);
        let (cluster, endpoints) = match aim.destination.platform {
            Some(platform) => (Some(Rc::new(platform.cluster)), Some(platform.endpoints)),
            None => (None, None),
        };
        let place = match (&cluster, aim.is_elsewhere) {
            (Some(_), _) => Place::Demo,
            (None, true) => Place::Elsewhere,
            (None, false) => Place::Here,
        };
        let watched = Watched::new(seconds, feeds, cluster.clone().map(kill)).knowing(known).told_by(told);
        Ok(Self {
            load,
            watched,
            place,
            owns_generators,
            notices: feeds_tx,
            kept: Kept { cluster, threads, watchers, counting, endpoints, keeper },
        })
    }
}

impl Kept {
    /// Ends it, the demo's instances first.
    pub(super) async fn end(self) {
        if let Some(cluster) = self.cluster.and_then(Rc::into_inner) {
            cluster.shutdown().await;
        }
        drop((self.threads, self.watchers, self.counting, self.endpoints, self.keeper));
    }
}

/// How an instance of `cluster` is killed.
fn kill(cluster: Rc<Cluster>) -> Kill {
    Box::new(move || cluster.kill_one().map(String::from).map_err(|error| error.to_string()))
}
