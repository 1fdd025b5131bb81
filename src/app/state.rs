//! Everything the screen may know: the session, how it is going, and what the user looks at. No handles, no clocks, no
//! colours.
//!
//! Fields are private to this module, and [`update`] stands within it: nothing else can change a state.

mod live;
pub(crate) mod palette;
mod range;
mod told;
mod ui;
mod undo;
pub(crate) mod update;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::keymap::KeyMap;
use crate::app::player::Player;
use crate::session::event::{Header, Recorded, SessionEvent};
use crate::session::halves::Halves;
use crate::session::state::Session;
use scaletop_units::Elapsed;

/// A session records something each second: more than so long without a word, and whoever leads it may be gone.
const NO_NEWS: Duration = Duration::from_secs(3);

pub use live::Live;
pub(crate) use live::Place;
pub(crate) use live::{INCREMENTS, Lifecycle, PRESETS};
pub use range::TimeRange;
pub(crate) use range::{CLOSING_SECS, Shown, present};
pub(crate) use ui::{Characters, Colors, Gone};
pub(crate) use ui::{Prompt, PromptKind, Question};
pub use ui::{Ui, View, Window};

/// Everything the views may know.
#[derive(Clone, Debug)]
pub struct State {
    halves: Halves,
    now: Elapsed,
    run: Run,
    ui: Ui,
    folder: Option<PathBuf>,
}

/// Where the session comes from.
#[derive(Clone, Debug)]
enum Run {
    Live(Box<Live>),
    /// A recording is shown.
    Replay(Player),
}

impl State {
    /// A session that is about to begin.
    #[expect(clippy::needless_pass_by_value, reason = "who begins a session has no other use for it")]
    pub fn live(header: Header, live: Live) -> Self {
        Self::new(&header, Run::Live(Box::new(live)))
    }

    /// A recording that is about to be shown.
    #[expect(clippy::needless_pass_by_value, reason = "as for a session that begins")]
    pub fn replay(header: Header, player: Player) -> Self {
        Self::new(&header, Run::Replay(player))
    }

    fn new(header: &Header, run: Run) -> Self {
        Self { halves: Halves::new(header), now: Elapsed::ZERO, run, ui: Ui::default(), folder: None }
    }

    /// As these events left it: a session that began elsewhere, and is gone on with or watched here.
    #[must_use]
    pub(crate) fn after(mut self, events: impl IntoIterator<Item = Recorded>) -> Self {
        for recorded in events {
            if let (Run::Live(live), SessionEvent::Rate(change)) = (&mut self.run, &recorded.event) {
                live.highest = live.highest.max(change.profile.first()).max(change.profile.last());
            }
            self.halves.apply(&recorded);
        }
        self.now = self.halves.now();
        if let Run::Live(live) = &mut self.run {
            live.know(&self.halves);
        }
        self
    }

    /// With the session's files in `folder`.
    #[must_use]
    pub fn in_folder(self, folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// With keys of one's own.
    #[must_use]
    pub(crate) fn with_keys(mut self, keys: Arc<KeyMap>) -> Self {
        self.ui.keys = keys;
        self
    }

    /// As if the events of `session` had led here, and it were `now`: for pictures and measurements of the screen.
    #[must_use]
    pub fn showing(self, session: Session, now: Elapsed, ui: Ui) -> Self {
        self.showing_halves(Halves::of(session, None), now, ui)
    }

    /// The same for a session with two targets.
    #[must_use]
    pub(crate) fn showing_halves(self, halves: Halves, now: Elapsed, ui: Ui) -> Self {
        Self { halves, now, ui, ..self }
    }

    /// What is known of the session; with two targets, of the first.
    pub const fn session(&self) -> &Session {
        self.halves.first()
    }

    /// What is known of each target.
    pub const fn halves(&self) -> &Halves {
        &self.halves
    }

    /// Now, as of the last event: may be later than the session's last one. In a replay, the moment that is shown.
    pub const fn now(&self) -> Elapsed {
        self.now
    }

    /// What the user looks at, and how.
    pub const fn ui(&self) -> &Ui {
        &self.ui
    }

    /// The part of the session that the charts show.
    pub(crate) fn shown(&self) -> Shown {
        self.ui.range.shown(present(&self.halves, self.now))
    }

    /// Which of the steps that begin at `starts`, the oldest first, is selected: see [`Ui::selected_step`].
    pub(crate) fn selected_step(&self, starts: impl ExactSizeIterator<Item = Elapsed>) -> Option<usize> {
        self.ui.selected_step(present(&self.halves, self.now), starts)
    }

    /// Where the session's files are.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Whether a live session was paused, and would be resumed by the same key.
    pub(crate) fn is_paused(&self) -> bool {
        self.as_live().is_some_and(|live| live.paused_from.is_some())
    }

    /// Whether a live session is on its way to its end: no more load, and what is in flight is waited for.
    pub(crate) fn is_ending(&self) -> bool {
        self.as_live().is_some_and(|live| live.phase != Lifecycle::Running)
    }

    /// Whether another program leads the session, which is only shown here.
    pub(crate) fn is_watched(&self) -> bool {
        self.as_live().is_some_and(Live::is_watched)
    }

    /// For how long nothing was heard of a session that another program leads, where that is longer than its seconds take to come.
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        let silent = self.now().saturating_since(self.session().now());
        (self.is_watched() && silent > NO_NEWS).then_some(silent)
    }

    /// What commands may do.
    pub(crate) fn reach(&self) -> palette::Reach {
        self.as_live().map_or(palette::Reach::Replay, Live::reach)
    }

    /// How a live session is going; `None` in a replay.
    pub fn as_live(&self) -> Option<&Live> {
        match &self.run {
            Run::Live(live) => Some(live),
            Run::Replay(_) => None,
        }
    }

    /// Which moment of a recording is shown; `None` in a live session.
    pub const fn player(&self) -> Option<&Player> {
        match &self.run {
            Run::Live(_) => None,
            Run::Replay(player) => Some(player),
        }
    }

    /// When the state has to hear of the time at the latest, besides every now and then.
    pub fn deadline(&self) -> Option<Elapsed> {
        let live = self.as_live().filter(|live| live.phase == Lifecycle::Running)?;
        live.controller.as_ref()?.deadline()
    }

    /// Whether the screen changes by the passing of time alone.
    pub fn changes_with_time(&self) -> bool {
        self.player().is_none_or(Player::is_playing) || self.ui.toast.is_some()
    }
}
