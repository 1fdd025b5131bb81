//! What makes a watched session happen: what is recorded elsewhere, as it comes.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::effect::Effect;
use crate::app::ends::BackEnd;
use crate::app::event::{Event, ReplayEvent};
use crate::app::state::State;

/// A session that another program leads.
#[derive(Debug)]
pub(crate) struct Watching {
    /// What it records, and what there is to know of that.
    pub coming: mpsc::Receiver<ReplayEvent>,
}

impl BackEnd for Watching {
    type Error = io::Error;

    /// So that ages on the screen grow.
    const TICK: Duration = Duration::from_millis(250);

    async fn next(&mut self) -> io::Result<Option<Event>> {
        match self.coming.recv().await {
            Some(event) => Ok(Some(Event::Replay(event))),
            // Nothing more comes, and what came stays on the screen.
            None => std::future::pending().await,
        }
    }

    /// Who looks on drives nothing and writes nothing.
    fn perform(&mut self, _: Effect, _: &State) -> Option<Event> {
        None
    }
}
