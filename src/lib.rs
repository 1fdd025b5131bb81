//! scaletop: a live scale monitor for the terminal.
//!
//! A program, not a library: what stands here is what the program, its tests, its examples and its benchmarks use. ARCHITECTURE.md
//! has the picture. In short: everything that happens is an [`Event`]; [`update`] folds it into the [`State`] and says what
//! to do as [`Effect`]s; [`Runtime`] does it.

#![allow(missing_docs, reason = "a comment is written where it helps, not where a lint would extract it")]

mod analysis;
mod app;
mod capacity;
mod chart;
mod cli;
mod cloud;
mod commands;
mod compare;
mod consent;
mod counting;
mod doctor;
mod endpoint;
mod experiment;
mod export;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod headless;
mod instances;
mod metrics;
mod placing;
mod plan;
mod polling;
mod replay;
mod report;
mod requests;
mod session;
mod slo;
mod target;
mod text;
mod timeline;
mod tui;
mod values;
mod web;

pub use analysis::elasticity::Jitter;
pub use analysis::{StepReport, Timing, Validity};
pub use app::action::Action;
pub use app::effect::Effect;
pub use app::ends::FrontEnd;
pub use app::event::Event;
pub use app::player::Player;
pub use app::runtime::{Ended, Runtime};
pub use app::signals::Signals;
pub use app::state::update::update;
pub use app::state::{Live, State, TimeRange, Ui, View, Window};
pub use cli::Cli;
pub use cli::config_file::{ConfigFile, Files};
pub use cli::environment::{Surroundings, Understood, Unparsed, parse};
pub use cli::fleet_place::PlaceCommand;
#[cfg(feature = "aws")]
pub use cloud::{Cloud, CloudOptions, ResolveError, Resolved, Signer, ToSign, WatchedService, resolve, sources};
#[cfg(feature = "aws")]
pub use commands::demo::{demo_cloud, demo_target};
pub use commands::placing::place;
pub use commands::{execute, long_version, offer};
pub use compare::{Contender, compare, table};
pub use doctor::{Check, Status, worst};
#[cfg(feature = "aws")]
pub use doctor::{Findings, check_cloud};
pub use export::{FILES, export, summary};
pub use instances::milestone::{Milestone, MilestoneKind};
pub use instances::{Basis, CountSource, Counted, Feed, InstanceObservation, Limits, SourceErrorKind};
pub use polling::{PollReport, PolledFeed};
pub use replay::index;
pub use replay::playback::Playback;
pub use replay::seekable::SeekableRecording;
pub use report::live::Drawing;
pub use session::event::{
    Fact, Header, Notice, NoticeLevel, RateCause, RateChange, Recorded, SessionEvent, Settings, Side,
};
pub use session::halves::Halves;
pub use session::recording::RecordingWriter;
pub use session::state::Session;
pub use slo::Slo;
pub use target::hide_secrets_in;
pub use text::clean_lines;
pub use timeline::Row;
pub use tui::draw;
pub use tui::picture::picture;
pub use tui::theme::Theme;
