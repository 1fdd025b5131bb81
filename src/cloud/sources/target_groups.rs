//! The load balancer's target groups of a service, and what it says of their targets.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecs::types::{
    EcsManagedResources, LoadBalancer, ManagedIngressPath, ResolvedConfiguration, Service, ServiceRevision,
};

use super::last_told::LastTold;
use super::task_health::Targets;
use crate::cloud::clients::Cloud;
use crate::cloud::failure::Api;
use crate::instances::{SourceError, SourceErrorKind};
use crate::polling::PollReport;
use crate::session::event::NoticeLevel;
use scaletop_units::Elapsed;

/// Groups change with a deployment; a permission may be given meanwhile.
const LOOKED_UP_EVERY: Duration = Duration::from_mins(1);

/// The target groups of a service, by ARN: those that it names itself, else those of its revisions, as Express services have
/// them. Both of a blue/green deployment.
pub(crate) async fn target_groups(cloud: &Cloud, cluster: &str, service: &str) -> Result<Vec<String>, SourceError> {
    let asked = cloud.ecs.describe_services().cluster(cluster).services(service).send().await;
    let answer = asked.map_err(|error| cloud.error(Api::ECS_SERVICES, &error))?;
    let Some(found) = answer.services().first() else { return Ok(Vec::new()) };
    let own = of_load_balancers(found.load_balancers());
    if !own.is_empty() {
        return Ok(own.into_iter().collect());
    }
    let revisions = revisions(found);
    if revisions.is_empty() {
        return Ok(Vec::new());
    }
    let asked = cloud.ecs.describe_service_revisions().set_service_revision_arns(Some(revisions)).send().await;
    let answer = asked.map_err(|error| cloud.error(Api::ECS_REVISIONS, &error))?;
    Ok(answer.service_revisions().iter().flat_map(of_revision).collect::<BTreeSet<_>>().into_iter().collect())
}

fn revisions(service: &Service) -> Vec<String> {
    service.current_service_revisions().iter().filter_map(|one| one.arn()).map(str::to_owned).collect()
}

fn of_load_balancers(all: &[LoadBalancer]) -> BTreeSet<String> {
    let alternate = |one: &LoadBalancer| Some(one.advanced_configuration()?.alternate_target_group_arn()?.to_owned());
    all.iter().flat_map(|one| [one.target_group_arn().map(str::to_owned), alternate(one)]).flatten().collect()
}

fn of_revision(revision: &ServiceRevision) -> BTreeSet<String> {
    let mut found = of_load_balancers(revision.load_balancers());
    let resolved = revision.resolved_configuration().map(ResolvedConfiguration::load_balancers).unwrap_or_default();
    found.extend(resolved.iter().filter_map(|one| one.target_group_arn()).map(str::to_owned));
    let managed = revision.ecs_managed_resources().map(EcsManagedResources::ingress_paths).unwrap_or_default();
    let groups = managed.iter().flat_map(ManagedIngressPath::target_groups).filter_map(|group| group.arn());
    found.extend(groups.map(str::to_owned));
    found
}

/// The target groups of one service, looked up now and then.
#[derive(Debug, Default)]
pub(super) struct TargetGroups {
    groups: Vec<String>,
    looked_up: Option<Elapsed>,
    /// Why they may not be asked.
    refused: Option<String>,
}

impl TargetGroups {
    /// What the load balancer says of the targets of the service now. What is not allowed is told once, with what to do.
    pub(super) async fn targets(
        &mut self,
        cloud: &Cloud,
        (cluster, service): (&str, &str),
        report: &mut PollReport,
        told: &mut LastTold,
        now: Elapsed,
    ) -> Targets {
        if self.looked_up.is_none_or(|at| now.saturating_since(at) >= LOOKED_UP_EVERY) {
            match target_groups(cloud, cluster, service).await {
                Ok(groups) => (self.groups, self.refused) = (groups, None),
                Err(problem) => return self.judge(&problem, report, told, now),
            }
            self.looked_up = Some(now);
        }
        if let Some(why) = &self.refused {
            return Targets::Refused(why.clone());
        }
        if self.groups.is_empty() {
            return Targets::None;
        }
        let mut found = Vec::new();
        for group in &self.groups {
            match cloud.target_health(group).await {
                Ok(targets) => found.extend(targets),
                Err(problem) => return self.judge(&problem, report, told, now),
            }
        }
        told.notice(report, "target health", NoticeLevel::Info, "");
        Targets::Known(found)
    }

    /// What may be over at the next poll is asked again then; anything else stands until the next look-up.
    fn judge(&mut self, problem: &SourceError, report: &mut PollReport, told: &mut LastTold, now: Elapsed) -> Targets {
        use SourceErrorKind::{Credentials, Throttled, Unavailable, Unreachable};
        match problem.kind {
            Throttled | Unreachable | Credentials => return Targets::NotAsked,
            // An endpoint that does not know the operation has no load balancer to ask.
            Unavailable => {
                (self.groups, self.looked_up) = (Vec::new(), Some(now));
                return Targets::None;
            }
            _ => {}
        }
        let text = format!("tasks: {problem}; until then nothing tells when a task without a health check is healthy");
        told.notice(report, "target health", NoticeLevel::Warning, text);
        self.looked_up = Some(now);
        let why = format!("the load balancer was not to be asked: {}", problem.remedy);
        self.refused = Some(why.clone());
        Targets::Refused(why)
    }
}
