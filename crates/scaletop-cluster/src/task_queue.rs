//! What waits inside a task of ECS: it works on so many requests at a time, the others wait their turn in it.
//!
//! A load balancer knows no limit of concurrency per target, so what is too much for a task is slow before it is an error.
//! `MaxConcurrency` is here what the process itself can do at once: its threads, its connections to a database. Turns are
//! given in the order of arrival, so the wait of a request is what came before it ÷ what the task does per second.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests that may wait in a task beside those that it works on; with more its connections are refused, which the balancer
/// answers with 502. Ours to choose: common servers hold 100 (Tomcat's `acceptCount`), 511 (Node, nginx) or 2,048 (gunicorn,
/// uvicorn) connections that nobody works on yet. At 10 requests of 80 ms at a time it is a wait of eight seconds, longer than
/// the health check of a target group waits.
pub(crate) const TASK_BACKLOG: u32 = 1_024;

/// The places in a task at which requests are worked on.
#[derive(Clone, Debug)]
pub(crate) struct TaskQueue {
    places: Arc<Semaphore>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
}

/// The task has ended while a request waited in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl TaskQueue {
    /// A task that works on `at_a_time` requests.
    pub(crate) fn new(at_a_time: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(at_a_time as usize)) }
    }

    /// Waits for a place, behind all that wait already.
    pub(crate) async fn turn(&self) -> Result<Turn, Gone> {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => Ok(Turn { _place: place }),
            Err(_) => Err(Gone),
        }
    }

    /// The task is gone, and with it everything that waits in it.
    pub(crate) fn close(&self) {
        self.places.close();
    }

    /// Whether the task is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.places.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinSet;
    use tokio::time::{Instant, sleep};

    use super::*;

    const SERVICE_TIME: Duration = Duration::from_millis(80);

    /// Sends a request every `gap` to a task that works on `at_a_time` of 80 ms: each one's number and latency, as they end.
    async fn latencies(at_a_time: u32, count: u32, gap: Duration) -> Vec<(u32, Duration)> {
        let (queue, mut requests) = (TaskQueue::new(at_a_time), JoinSet::new());
        for number in 0..count {
            let queue = queue.clone();
            requests.spawn(async move {
                sleep(gap * number).await;
                let arrived = Instant::now();
                let _turn = queue.turn().await.unwrap();
                sleep(SERVICE_TIME).await;
                (number, arrived.elapsed())
            });
        }
        let mut ended = Vec::new();
        while let Some(one) = requests.join_next().await {
            ended.push(one.unwrap());
        }
        ended
    }

    #[tokio::test(start_paused = true)]
    async fn below_its_capacity_a_task_answers_in_its_service_time() {
        // Two at a time, 80 ms each: 25 a second. A request every 40 ms is just that.
        let ended = latencies(2, 50, Duration::from_millis(40)).await;
        assert!(ended.iter().all(|(_, latency)| *latency == SERVICE_TIME), "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_it_each_request_waits_for_those_before_it_and_none_is_refused() {
        // Twice what it can do: with every second request the wait grows by what the task is behind.
        let ended = latencies(2, 40, Duration::from_millis(20)).await;
        let order: Vec<u32> = ended.iter().map(|(number, _)| *number).collect();
        assert_eq!(order, (0..40).collect::<Vec<_>>(), "first come, first served");
        // Request n begins with the pair n / 2, at 80 ms a pair (or 20 ms after it, its fellow's arrival), and arrived at 20 n.
        let wait = |number: usize| ended[number].1.saturating_sub(SERVICE_TIME);
        assert_eq!([wait(0), wait(1)], [Duration::ZERO; 2]);
        assert_eq!(wait(20), Duration::from_millis(10 * 80 - 20 * 20));
        assert_eq!(wait(38), Duration::from_millis(19 * 80 - 38 * 20));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_in_a_task_ends_with_it() {
        let queue = TaskQueue::new(1);
        let _busy = queue.turn().await.unwrap();
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.turn().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        queue.close();
        assert_eq!(waiting.await.unwrap(), Err(Gone));
        assert!(queue.is_closed());
    }
}
