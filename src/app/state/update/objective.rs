//! Another objective from now on.

use crate::app::state::Lifecycle;
use crate::app::state::update::live::LiveUpdate;
use crate::session::event::SessionEvent;
use crate::values::{self, Objective};

impl LiveUpdate<'_> {
    /// Why the session cannot be judged by these from now on.
    pub(super) fn refusal_to_judge(&self, objectives: &[Objective]) -> Option<String> {
        let now = self.session().objective();
        if self.live.is_watched() {
            Some(format!("you look on: whoever leads the session judges by {now}"))
        } else if self.session().header().settings.plan.is_some() {
            Some(format!("a plan drives this session, and its thresholds speak of one objective: it stays {now}"))
        } else if self.live.phase != Lifecycle::Running {
            Some(format!("the load has ended, and was judged by {now}"))
        } else if values::replaced(*now, objectives) == *now {
            Some(format!("it is {now} already"))
        } else {
            None
        }
    }

    /// Judges by these from now on; what they do not name stays.
    pub(super) fn judge_by(&mut self, objectives: &[Objective]) {
        let slo = values::replaced(*self.session().objective(), objectives);
        self.toast(format!("objective from now on: {slo}"));
        self.record(self.now, SessionEvent::Objective(slo));
    }
}
