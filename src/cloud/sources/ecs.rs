//! ECS' live counts of a service: running, desired, pending, every two seconds.
//!
//! Running is not yet serving: the load balancer's health check comes after. A deployment in progress is told of, because
//! an Express service rolls back when a load test provokes errors during one.
//!
//! Facts: `status`, `deployment`, `capacity_providers`.

use std::time::Duration;

use aws_sdk_ecs::types::{Failure, Service};
use jiff::Timestamp;

use super::ecs_conditions::{deployment, deployment_fact, fixed_count, is_trouble, placement};
use super::last_told::LastTold;
use crate::cloud::clients::{Cloud, timestamp};
use crate::cloud::failure::Api;
use crate::instances::{Basis, SourceError, SourceErrorKind};
use crate::polling::{PollReport, PolledCounts, PolledFeed};
use crate::session::event::{Notice, NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// Far below the API's limits (a bucket of tens of calls), and as fine as the control plane itself.
const INTERVAL: Duration = Duration::from_secs(2);
/// Events of the service that are told after one poll, at most.
const MOST_EVENTS: usize = 20;

/// Counts the tasks of one service.
#[derive(Debug)]
pub struct EcsFeed {
    cloud: Cloud,
    cluster: String,
    service: String,
    last_told: LastTold,
    counts: PolledCounts,
    /// The time of the newest service event that was told.
    events_until: Timestamp,
}

impl EcsFeed {
    /// Counts the tasks of `service` on `cluster`.
    pub fn new(cloud: Cloud, cluster: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            cloud,
            cluster: cluster.into(),
            service: service.into(),
            last_told: LastTold::default(),
            counts: PolledCounts::new(INTERVAL),
            events_until: Timestamp::MIN,
        }
    }

    fn count(&mut self, report: &mut PollReport, basis: Basis, count: i32, now: Elapsed) {
        let Ok(count) = u32::try_from(count) else { return };
        report.events.extend(self.counts.tell(basis, count, now));
    }

    fn tell(&mut self, report: &mut PollReport, service: &Service, now: Elapsed) {
        self.count(report, Basis::Desired, service.desired_count(), now);
        self.count(report, Basis::Running, service.running_count(), now);
        self.count(report, Basis::Pending, service.pending_count(), now);
        let status = service.status().unwrap_or("UNKNOWN");
        self.last_told.fact(report, "status", status, now);
        if status != "ACTIVE" {
            report.problem(SourceError {
                kind: SourceErrorKind::NotFound,
                message: format!("the service {}/{} is {status}", self.cluster, self.service),
                remedy: "create it again under another name (ECS holds a deleted one's), or choose another target"
                    .to_owned(),
            });
        }
        if let Some(state) = deployment_fact(service) {
            self.last_told.fact(report, "deployment", state, now);
        }
        if let Some(providers) = capacity_providers(service) {
            self.last_told.fact(report, "capacity_providers", providers, now);
        }
        let placement = placement(service);
        let said = placement.as_ref().map(|trouble| trouble.text.clone());
        let stands = [("deployment", deployment(service)), ("count", fixed_count(service)), ("new tasks", placement)];
        for (topic, found) in stands {
            self.last_told.condition(report, "ECS", topic, found, now);
        }
        self.tell_events(report, service, said.as_deref());
    }

    /// What ECS writes of the service: placements, failures to place, steady states; but for what is told as a condition.
    fn tell_events(&mut self, report: &mut PollReport, service: &Service, told: Option<&str>) {
        let skew = self.cloud.skew();
        let timed = |event: &aws_sdk_ecs::types::ServiceEvent| {
            let at = timestamp(event.created_at()?)?;
            let is_news = at > self.events_until && !skew.since_start(at).is_negative();
            is_news.then(|| (at, event.message().unwrap_or_default().to_owned()))
        };
        let mut news: Vec<(Timestamp, String)> = service.events().iter().filter_map(timed).collect();
        news.sort_by_key(|(at, _)| *at);
        if let Some((newest, _)) = news.last() {
            self.events_until = *newest;
        }
        for (at, text) in news.into_iter().rev().take(MOST_EVENTS).rev().filter(|(_, text)| Some(&**text) != told) {
            let level = if is_trouble(&text) { NoticeLevel::Warning } else { NoticeLevel::Info };
            let when = skew.elapsed(at).map_or_else(String::new, |at| format!(" at {at}"));
            report.events.push(SessionEvent::Notice(Notice { level, text: format!("ECS{when}: {text}") }));
        }
    }
}

/// Where its tasks run: `FARGATE_SPOT` ones may be taken away at any time.
fn capacity_providers(service: &Service) -> Option<String> {
    let strategy = service.capacity_provider_strategy().iter().map(|item| item.capacity_provider().to_owned());
    let mut providers: Vec<String> = strategy.collect();
    if providers.is_empty() {
        providers.extend(service.launch_type().map(|kind| kind.as_str().to_owned()));
    }
    (!providers.is_empty()).then(|| providers.join(", "))
}

/// Why a service or task was not described: `MISSING`, with what is said of it.
fn failure_reason(failure: &Failure) -> String {
    let said = [failure.reason(), failure.detail()].into_iter().flatten();
    said.collect::<Vec<_>>().join(": ")
}

impl PolledFeed for EcsFeed {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn poll(&mut self) -> PollReport {
        let mut report = PollReport::default();
        let sent = self.cloud.skew().clock().now();
        let asked = self.cloud.ecs.describe_services().cluster(&self.cluster).services(&self.service).send().await;
        let now = self.cloud.skew().clock().now();
        match asked {
            Err(error) => report.problem(self.cloud.error(Api::ECS_SERVICES, &error)),
            Ok(answer) => match answer.services().first() {
                Some(service) => {
                    self.tell(&mut report, service, now);
                    self.counts.answered(sent);
                }
                None => report.problem(SourceError {
                    kind: SourceErrorKind::NotFound,
                    message: format!(
                        "ECS knows no service {} on the cluster {} ({})",
                        self.service,
                        self.cluster,
                        answer.failures().first().map_or_else(|| "no reason given".to_owned(), failure_reason)
                    ),
                    remedy: format!(
                        "check the name and --region (now {}): aws ecs list-services --cluster {}",
                        self.cloud.region().unwrap_or("none"),
                        self.cluster
                    ),
                }),
            },
        }
        report
    }
}
