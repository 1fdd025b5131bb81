//! Keeps as many instances as the scaler wants: asks it ten times a second, starts what is missing, drains what is too
//! much, replaces what died, fails its checks or is of an older revision, and ends everything with the cluster.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::ClusterError;
use super::autoscaler::Scaler;
use super::balancer;
use super::instance::{InstanceProgram, Process, StartError};
use super::ledger::InstanceKey;
use super::shared::Shared;
use super::target_health::GRACE_PERIOD;
use super::truth::EndCause;
use scaletop_units::InstanceId;

/// How often the scaler is asked.
const TICK: Duration = Duration::from_millis(100);

/// A draining instance that has not answered everything by then is ended anyway.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

/// After a failed start: the pause before the next, doubled with every further failure up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Killed processes are reaped within milliseconds; the end does not wait longer than this for one that is not.
const REAP_PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    program: Arc<InstanceProgram>,
    scaler: Box<dyn Scaler>,
    lives: JoinSet<Result<(), StartError>>,
    failures_in_a_row: u32,
    next_start: Instant,
}

impl Supervisor {
    pub(crate) fn new(shared: Arc<Shared>, program: InstanceProgram, scaler: Box<dyn Scaler>) -> Self {
        let (lives, next_start) = (JoinSet::new(), Instant::now());
        Self { shared, program: Arc::new(program), scaler, lives, failures_in_a_row: 0, next_start }
    }

    /// Starts the first instances, says when they are active (or why they are not), and keeps the right number of them
    /// until `stop`. When this returns every process has ended.
    pub(crate) async fn run(mut self, stop: CancellationToken, ready: oneshot::Sender<Result<(), ClusterError>>) {
        let outcome = tokio::select! {
            outcome = self.start_first() => outcome,
            () = stop.cancelled() => Ok(()),
        };
        let is_up = outcome.is_ok();
        // Ignored when nobody waits any more: then `stop` is cancelled too.
        let _ = ready.send(outcome.map_err(ClusterError::from));
        if is_up {
            self.keep(stop).await;
        }
        self.end_all().await;
    }

    /// Warm, that is without a cold start and past their grace: the service was there before the session.
    async fn start_first(&mut self) -> Result<(), StartError> {
        let min = self.shared.reader.options().min_size;
        for _ in 0..min {
            self.start_with_grace(Duration::ZERO, Duration::ZERO);
        }
        while self.shared.reader.view().active < min {
            tokio::select! {
                () = self.shared.instances_changed.notified() => {}
                Some(ended) = self.lives.join_next() => match ended {
                    Ok(Err(error)) => return Err(error),
                    Ok(Ok(())) | Err(_) => self.start_with_grace(Duration::ZERO, Duration::ZERO),
                },
            }
        }
        Ok(())
    }

    async fn keep(&mut self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        // Late looks are not made up for: the next one covers their time.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => self.ask_the_scaler(),
                () = self.shared.instances_changed.notified() => {}
                Some(ended) = self.lives.join_next() => if let Ok(Err(error)) = ended { self.start_failed(&error) },
            }
            self.reconcile();
        }
    }

    fn ask_the_scaler(&mut self) {
        let reader = &self.shared.reader;
        let now = reader.now();
        let demand = reader.ledger().look(now);
        let options = reader.options();
        let wanted = self.scaler.tick(now, &demand).clamp(options.min_size, options.max_size);
        let mut ledger = reader.ledger();
        if wanted != ledger.desired() {
            ledger.decided(now, wanted, self.scaler.cause());
        }
    }

    /// Starts or drains until as many instances are active or on their way as are wanted, all of the newest revision and none
    /// unhealthy.
    ///
    /// What is to go serves until others have taken its place: a deployment, and on ECS the replacement of an unhealthy task,
    /// start the new one first (`maximumPercent` 200, `minimumHealthyPercent` 100).
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html>
    fn reconcile(&mut self) {
        let now = self.shared.reader.now();
        let mut staff = self.shared.reader.ledger().staff(now);
        let staffed = staff.starting.len() + staff.active.len();
        if staffed < staff.desired && Instant::now() >= self.next_start {
            let cold_start = self.shared.reader.options().cold_start;
            for _ in staffed..staff.desired {
                self.start(cold_start);
            }
        }
        for _ in staff.desired..staffed {
            // The newest first; what has not served anybody yet before what has.
            match (staff.starting.pop(), staff.active.last()) {
                (Some(key), _) => self.shared.retire(key, EndCause::ScaledIn),
                (None, Some(key)) => {
                    self.shared.drain(*key, EndCause::ScaledIn);
                    staff.active.pop();
                }
                (None, None) => break,
            }
        }
        for key in staff.obsolete {
            self.shared.retire(key, EndCause::Replaced);
        }
        let still_needed = staff.desired.saturating_sub(staff.active.len());
        let let_go = staff.outgoing.len().saturating_sub(still_needed);
        for (key, cause) in staff.outgoing.into_iter().take(let_go) {
            self.shared.drain(key, cause);
        }
        let overdue = self.shared.reader.ledger().draining_since_before(now - DRAIN_PATIENCE);
        for key in self.shared.drained().into_iter().chain(overdue) {
            let parting = self.shared.reader.ledger().parting(key);
            self.shared.retire(key, parting);
        }
        self.shared.reader.ledger().look_whether_deployed(now);
    }

    fn start(&mut self, cold_start: Duration) {
        self.start_with_grace(cold_start, self.shared.reader.options().scaled(GRACE_PERIOD));
    }

    fn start_with_grace(&mut self, cold_start: Duration, grace: Duration) {
        let (key, id, stop) = self.shared.birth();
        let life = Life { shared: Arc::clone(&self.shared), key, id, stop, cold_start, grace };
        let program = Arc::clone(&self.program);
        self.lives.spawn(async move { life.live(&program).await });
    }

    fn start_failed(&mut self, error: &StartError) {
        let reason = error.to_string();
        tracing::warn!(reason, "an instance did not come up");
        let mut ledger = self.shared.reader.ledger();
        // Cleared by the ledger as soon as one comes up.
        self.failures_in_a_row = if ledger.has_start_failure() { self.failures_in_a_row + 1 } else { 0 };
        ledger.start_failed(reason);
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures_in_a_row.min(16));
        self.next_start = Instant::now() + pause.min(LONGEST_PAUSE);
    }

    async fn end_all(&mut self) {
        self.shared.end_all();
        let all = async { while self.lives.join_next().await.is_some() {} };
        // What is left is killed when its task is dropped, and reads the end of its standard input besides.
        if tokio::time::timeout(REAP_PATIENCE, all).await.is_err() {
            self.lives.abort_all();
        }
    }
}

/// One instance, from its birth to its end.
struct Life {
    shared: Arc<Shared>,
    key: InstanceKey,
    id: InstanceId,
    stop: CancellationToken,
    cold_start: Duration,
    /// From its first request on, for how long its failed checks have no consequence.
    grace: Duration,
}

impl Life {
    /// Lives it. An error means that it never became active.
    async fn live(self, program: &InstanceProgram) -> Result<(), StartError> {
        let mut process = match Process::spawn(program, &self.id, self.shared.reader.options().delay) {
            Ok(process) => process,
            Err(error) => return Err(self.failed(error)),
        };
        self.shared.reader.ledger().has_process(self.key, process.pid());
        let outcome = tokio::select! {
            outcome = self.serve(&mut process) => outcome,
            // Whoever cancels has written down why.
            () = self.stop.cancelled() => Ok(()),
        };
        process.kill().await;
        outcome.map_err(|error| self.failed(error))
    }

    async fn serve(&self, process: &mut Process) -> Result<(), StartError> {
        let warm = Instant::now() + self.cold_start;
        let addr = process.announced().await?;
        self.shared.reader.ledger().listening(self.shared.reader.now(), self.key);
        tokio::select! {
            () = tokio::time::sleep_until(warm) => {}
            _ = process.ended() => return Err(process.exited().await),
        }
        self.shared.activate(self.key, addr, self.grace);
        tokio::select! {
            // Whatever its status: an instance is not supposed to end by itself.
            _ = process.ended() => {}
            never = balancer::check_target(&self.shared, self.key) => match never {},
        }
        self.shared.retire(self.key, EndCause::Died);
        Ok(())
    }

    fn failed(&self, error: StartError) -> StartError {
        self.shared.retire(self.key, EndCause::FailedToStart);
        error
    }
}
