//! What the state asks the world to do. Data, so that a test can compare it.

use crate::session::event::Recorded;
use scaletop_load::RateProfile;
use scaletop_units::Elapsed;

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Drive this rate from that moment on.
    SetRate {
        /// The profile's anchor: a little in the future when the change was known before.
        at: Elapsed,
        profile: RateProfile,
    },
    /// Append this to the recording: it is part of the state already.
    Record(Recorded),
    /// Write the derived files.
    Export,
    /// Kill an instance of the demo.
    KillInstance,
    /// Kill a generator of the fleet that this program started itself.
    KillGenerator,
    /// Wait until nothing is in flight, then say `Drained`.
    Drain,
    /// Give the terminal back to the shell, and stand still until it says `fg`.
    Suspend,
    /// Stop; write the derived files first, unless at once.
    Exit {
        /// Without draining and without exports: the user asked twice.
        at_once: bool,
    },
}
