//! Requests that are sent once more, since they met the close of a connection.
//!
//! What a service does to one idle connection it does to the others: they are as old, and may be closing, too. So the
//! second try, which is the last, gets a connection that was opened after the first one failed. Where none can be had it
//! takes what there is.

use std::collections::VecDeque;
use std::time::Duration;

use crate::http::job::Job;
use scaletop_units::Elapsed;

/// So long a request waits for a connection of its own.
const PATIENCE: Duration = Duration::from_millis(250);

/// They wait here, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Resends {
    /// With the moment since which they wait.
    waiting: VecDeque<(Elapsed, Job)>,
}

impl Resends {
    pub(super) fn push(&mut self, now: Elapsed, job: Job) {
        self.waiting.push_back((now, job));
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        self.waiting.pop_front().map(|(_, job)| job)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When a connection must have been opened to carry the oldest of them; `None` when none waits.
    pub(super) fn wants(&self, now: Elapsed, can_open: bool) -> Option<Elapsed> {
        let since = self.waiting.front()?.0;
        let may_wait = can_open && now.saturating_since(since) < PATIENCE;
        Some(if may_wait { since } else { Elapsed::ZERO })
    }

    /// When the patience of the oldest ends.
    pub(super) fn ends_waiting(&self) -> Option<Elapsed> {
        self.waiting.front().map(|(since, _)| *since + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use tokio::sync::oneshot;
    use tokio::task::LocalSet;

    use super::*;
    use crate::RequestOptions;
    use crate::http::pool::Pool;
    use crate::http::slot::Slot;
    use crate::http::template::RequestTemplate;

    #[tokio::test]
    async fn a_connection_that_was_open_before_does_not_get_it_while_another_can_be_opened() {
        let on_one_thread = async {
            let options = RequestOptions::get("http://127.0.0.1:9/".parse().unwrap());
            let pool = Pool::new(Arc::new(RequestTemplate::new(&options).unwrap()));
            let open = |id| {
                let slot = Rc::new(Slot::new(id, ([127, 0, 0, 1], 9).into(), pool.now(), None, 1));
                let state = &mut *pool.state.borrow_mut();
                state.open.insert(id, Rc::clone(&slot));
                slot.is_stacked.set(true);
                // At the bottom: it would be the last to be chosen.
                state.stack.push_front(Rc::clone(&slot));
                slot
            };
            let old = open(1_001);
            pool.send_once_more(Job::single(0, oneshot::channel().0));
            let connecting = || pool.state.borrow().connecting.len();
            assert_eq!((old.busy.get(), connecting()), (0, 1), "it waits for a new one");
            pool.submit(Job::single(0, oneshot::channel().0));
            assert_eq!((old.busy.get(), connecting()), (1, 1), "which keeps no other waiting");
            let new = open(1_002);
            pool.balance();
            assert_eq!((new.busy.get(), pool.waiting()), (1, 0));
            assert!(new.take().is_some_and(|job| job.again));
        };
        LocalSet::new().run_until(on_one_thread).await;
    }

    #[test]
    fn the_oldest_waits_for_a_newer_connection_as_long_as_one_can_be_had_soon() {
        let mut resends = Resends::default();
        let (at, soon) = (Elapsed::from_secs(3), Elapsed::from_secs(3) + Duration::from_millis(249));
        assert_eq!((resends.wants(at, true), resends.ends_waiting()), (None, None));
        resends.push(at, Job::single(0, oneshot::channel().0));
        resends.push(soon, Job::single(0, oneshot::channel().0));
        assert_eq!(resends.wants(soon, true), Some(at));
        assert_eq!(resends.wants(soon, false), Some(Elapsed::ZERO), "no other can be opened");
        let late = at + PATIENCE;
        assert_eq!((resends.wants(late, true), resends.ends_waiting()), (Some(Elapsed::ZERO), Some(late)));
        assert!(resends.pop().is_some());
        assert_eq!((resends.wants(late, true), resends.len()), (Some(soon), 1), "each has its own patience");
    }
}
