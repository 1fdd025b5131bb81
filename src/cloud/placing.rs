//! Generators as Fargate tasks: `RunTask`, ten at a time, and what it takes before and after.
//!
//! Nothing is remembered here: tasks carry their run in `startedBy`, so that whoever knows cluster and run can list and end them. The
//! ticket is never part of a call. A task definition names the secret that it stands in, and ECS hands it to the container.
//!
//! Limits: ten tasks a call (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>); calls one after the other
//! stay below the 20 a second that the API lets go on after its burst
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>).

use aws_sdk_ecs::error::ProvideErrorMetadata as _;
use aws_sdk_ecs::operation::run_task::RunTaskOutput;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition, ContainerOverride, CpuArchitecture,
    Failure, LaunchType, NetworkConfiguration, OsFamily, RuntimePlatform, Secret, Tag, Task, TaskDefinition,
    TaskOverride,
};

use super::clients::Cloud;
use super::failure::Api;
use super::listing;
use crate::instances::SourceError;

/// The most tasks of one call.
const AT_ONCE: u32 = 10;
/// The most tasks that one `DescribeTasks` takes.
const DESCRIBED_AT_ONCE: usize = 100;
/// More tasks of a run are not looked for.
const MOST_TASKS: usize = 5_000;
/// The tag that the run stands in.
const RUN_TAG: &str = "scaletop:run";

/// What generators are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The task definition to begin with: its family, with a revision or without, or its ARN.
    pub(crate) definition: String,
    /// Another image than the definition's.
    pub(crate) image: Option<String>,
    /// On ARM; else what the definition says.
    pub(crate) is_arm: bool,
    /// The secret that the ticket stands in: its ARN. Else the definition's.
    pub(crate) ticket: Option<String>,
    /// The variable that the container is to have the ticket in.
    pub(crate) variable: &'static str,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The cluster: its name or its ARN.
    pub(crate) cluster: String,
    /// The run: 16 hexadecimal digits.
    pub(crate) run: String,
    /// How many tasks.
    pub(crate) count: u32,
    /// CPU units of each, 1,024 a vCPU.
    pub(crate) cpu_units: u32,
    /// MiB of each.
    pub(crate) memory: u32,
    /// What each is told.
    pub(crate) words: Vec<String>,
    /// The subnets that they are spread over.
    pub(crate) subnets: Vec<String>,
    /// Their security groups; none: the VPC's own.
    pub(crate) security_groups: Vec<String>,
    /// Each with a public IPv4 address.
    pub(crate) has_address: bool,
    /// What makes repeated calls the same one: unique for every time that somebody asks for tasks.
    pub(crate) token: String,
}

/// What tasks are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Its ARN, with the revision.
    pub(crate) arn: String,
    /// The container that the generator is in.
    pub(crate) container: String,
    /// Whether it is for ARM.
    pub(crate) is_arm: bool,
}

/// A task that carries a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlacedTask {
    /// Its ARN.
    pub(crate) arn: String,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, … `STOPPED`.
    pub(crate) status: String,
    /// Why it stopped, where it has.
    pub(crate) reason: Option<String>,
    /// What it is made of: the ARN.
    pub(crate) definition: String,
}

/// Why there are no tasks, or not all.
#[derive(Debug, thiserror::Error)]
pub enum PlacingError {
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] SourceError),
    /// The definition is none of a generator.
    #[error("the task definition {definition} {why}; infra/modules/fleet makes one that is right")]
    Definition {
        /// Which.
        definition: String,
        /// What is wrong with it.
        why: String,
    },
    /// Some were placed before it failed.
    #[error("{placed} of {wanted} tasks were placed, then: {why}; scaletop fleet down ends them")]
    Partly {
        /// So many.
        placed: usize,
        /// Of so many.
        wanted: u32,
        /// What went wrong.
        why: String,
    },
}

impl Cloud {
    /// What generators are made of: the definition that was named, or, where something is to differ, one of its own for this run.
    pub(crate) async fn generator_definition(&self, wanted: &Wanted, run: &str) -> Result<Definition, PlacingError> {
        let name = wanted.definition.as_str();
        let told = self.ecs.describe_task_definition().task_definition(name).send().await;
        let wrong = |why: &str| PlacingError::Definition { definition: name.to_owned(), why: why.to_owned() };
        let told = told.map_err(|error| match error.code() {
            // All that ECS says of one that is not there.
            Some("ClientException") => wrong("does not exist here, or is no longer active"),
            _ => self.error(Api::ECS_DEFINITION, &error).into(),
        })?;
        let base = told.task_definition().ok_or_else(|| wrong("is not described"))?;
        // One container, or the one of that name.
        let containers = base.container_definitions();
        let named = containers.iter().find(|container| container.name() == Some("generator"));
        let container = named.or(containers.first().filter(|_| containers.len() == 1));
        let container = container.ok_or_else(|| wrong("has several containers, and none is called generator"))?;
        if base.network_mode().is_none_or(|mode| mode.as_str() != "awsvpc") {
            return Err(wrong("has another network mode than awsvpc, and is not for Fargate"));
        }
        let is_arm = is_arm(base);
        let secret = secret_of(container, wanted.variable);
        if secret.is_none() && wanted.ticket.is_none() {
            return Err(wrong(&format!(
                "hands its container no secret as {}: name it with --ticket-secret",
                wanted.variable
            )));
        }
        let differs = wanted.image.as_deref().is_some_and(|image| container.image() != Some(image))
            || wanted.ticket.as_deref().is_some_and(|ticket| secret != Some(ticket))
            || (wanted.is_arm && !is_arm);
        let own = container.name().unwrap_or_default().to_owned();
        if !differs {
            let arn = base.task_definition_arn().unwrap_or(name).to_owned();
            return Ok(Definition { arn, container: own, is_arm });
        }
        let arn = self.register_for(base, container, wanted, run).await?;
        Ok(Definition { arn, container: own, is_arm: is_arm || wanted.is_arm })
    }

    /// Registers a definition of a family of its own, so that whoever manages the one it comes from never finds it changed.
    async fn register_for(
        &self,
        base: &TaskDefinition,
        generator: &ContainerDefinition,
        wanted: &Wanted,
        run: &str,
    ) -> Result<String, PlacingError> {
        let family = family_for(base.family().unwrap_or("scaletop-generator"), run);
        let containers = base.container_definitions().iter().map(|container| {
            if container.name() != generator.name() {
                return container.clone();
            }
            let mut own = container.clone();
            if let Some(image) = &wanted.image {
                own.image = Some(image.clone());
            }
            if let Some(ticket) = &wanted.ticket {
                let secret = Secret::builder().name(wanted.variable).value_from(ticket).build().ok();
                let others = container.secrets().iter().filter(|secret| secret.name() != wanted.variable).cloned();
                own.secrets = Some(others.chain(secret).collect());
            }
            own
        });
        let architecture = if wanted.is_arm || is_arm(base) { CpuArchitecture::Arm64 } else { CpuArchitecture::X8664 };
        let platform =
            RuntimePlatform::builder().cpu_architecture(architecture).operating_system_family(OsFamily::Linux);
        let call = self.ecs.register_task_definition().family(family);
        let call = call
            .set_container_definitions(Some(containers.collect()))
            .set_execution_role_arn(base.execution_role_arn().map(str::to_owned))
            .set_task_role_arn(base.task_role_arn().map(str::to_owned))
            .set_network_mode(base.network_mode().cloned())
            .set_cpu(base.cpu().map(str::to_owned))
            .set_memory(base.memory().map(str::to_owned))
            .set_ephemeral_storage(base.ephemeral_storage().cloned())
            .set_volumes(Some(base.volumes().to_vec()).filter(|volumes| !volumes.is_empty()))
            .requires_compatibilities(Compatibility::Fargate)
            .runtime_platform(platform.build());
        let told = call.tags(run_tag(run)).send().await.map_err(|error| self.error(Api::ECS_REGISTER, &error))?;
        let arn = told.task_definition().and_then(TaskDefinition::task_definition_arn);
        arn.map(str::to_owned).ok_or_else(|| PlacingError::Definition {
            definition: base.family().unwrap_or_default().to_owned(),
            why: "could not be registered anew: the answer names none".to_owned(),
        })
    }

    /// Runs the tasks, ten a call; `told` hears how many there are so far. Returns their ARNs.
    pub(crate) async fn place(
        &self,
        placement: &Placement,
        definition: &Definition,
        mut told: impl FnMut(usize),
    ) -> Result<Vec<String>, PlacingError> {
        let mut placed: Vec<String> = Vec::new();
        let partly = |placed: &[String], why: String| PlacingError::Partly {
            placed: placed.len(),
            wanted: placement.count,
            why,
        };
        let calls = placement.count.div_ceil(AT_ONCE);
        for call in 0..calls {
            let count = AT_ONCE.min(placement.count - call * AT_ONCE);
            let answer = match self.run_some(placement, definition, call, count).await {
                Ok(answer) => answer,
                Err(error) if placed.is_empty() => return Err(error.into()),
                Err(error) => return Err(partly(&placed, error.to_string())),
            };
            placed.extend(answer.tasks().iter().filter_map(|task| task.task_arn().map(str::to_owned)));
            told(placed.len());
            if let Some(failure) = answer.failures().first() {
                return Err(partly(&placed, words_of(failure)));
            }
            if answer.tasks().is_empty() {
                return Err(partly(&placed, "RunTask placed none and did not say why".to_owned()));
            }
        }
        Ok(placed)
    }

    async fn run_some(
        &self,
        placement: &Placement,
        definition: &Definition,
        call: u32,
        count: u32,
    ) -> Result<RunTaskOutput, SourceError> {
        let address = if placement.has_address { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let vpc = AwsVpcConfiguration::builder()
            .set_subnets(Some(placement.subnets.clone()))
            .set_security_groups(Some(placement.security_groups.clone()).filter(|groups| !groups.is_empty()))
            .assign_public_ip(address)
            .build();
        let container =
            ContainerOverride::builder().name(&definition.container).set_command(Some(placement.words.clone()));
        let overrides = TaskOverride::builder()
            .cpu(placement.cpu_units.to_string())
            .memory(placement.memory.to_string())
            .container_overrides(container.build());
        let request = self
            .ecs
            .run_task()
            .cluster(&placement.cluster)
            .task_definition(&definition.arn)
            .count(i32::try_from(count).unwrap_or(i32::MAX))
            .launch_type(LaunchType::Fargate)
            .started_by(started_by(&placement.run))
            .client_token(format!("{}-{call}", placement.token))
            .enable_ecs_managed_tags(true)
            .tags(run_tag(&placement.run))
            .overrides(overrides.build());
        // Its one member that the builder insists on, the subnets, is set.
        let network = vpc.ok().map(|vpc| NetworkConfiguration::builder().awsvpc_configuration(vpc).build());
        let sent = request.set_network_configuration(network).send().await;
        sent.map_err(|error| self.error(Api::ECS_RUN, &error))
    }

    /// The tasks of a run that are meant to run.
    pub(crate) async fn placed(&self, cluster: &str, run: &str) -> Result<Vec<PlacedTask>, PlacingError> {
        // By itself: with `startedBy`, ListTasks takes no other filter.
        let pages = self.ecs.list_tasks().cluster(cluster).started_by(started_by(run)).into_paginator().items().send();
        let listed =
            listing::at_most(pages, MOST_TASKS).await.map_err(|error| self.error(Api::ECS_LIST_TASKS, &error))?;
        self.placed_tasks(cluster, &listed.items).await
    }

    /// What became of tasks.
    pub(crate) async fn placed_tasks(&self, cluster: &str, arns: &[String]) -> Result<Vec<PlacedTask>, PlacingError> {
        let mut tasks = Vec::new();
        for some in arns.chunks(DESCRIBED_AT_ONCE) {
            let told = self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec())).send().await;
            let told = told.map_err(|error| self.error(Api::ECS_TASKS, &error))?;
            tasks.extend(told.tasks().iter().map(placed_task));
        }
        Ok(tasks)
    }

    /// Ends tasks, each by a call of its own, since there is no other way; `told` hears how many so far. ECS sends each SIGTERM, so it
    /// leaves as planned. Definitions that were made for the run go, too.
    pub(crate) async fn end_tasks(
        &self,
        cluster: &str,
        run: &str,
        tasks: &[PlacedTask],
        mut told: impl FnMut(usize),
    ) -> Result<(), PlacingError> {
        for (at, task) in tasks.iter().enumerate() {
            let call =
                self.ecs.stop_task().cluster(cluster).task(&task.arn).reason(format!("scaletop fleet down {run}"));
            call.send().await.map_err(|error| self.error(Api::ECS_STOP, &error))?;
            told(at + 1);
        }
        let mut made: Vec<&str> =
            tasks.iter().map(|task| task.definition.as_str()).filter(|arn| is_made_for(arn, run)).collect();
        made.sort_unstable();
        made.dedup();
        for arn in made {
            let call = self.ecs.deregister_task_definition().task_definition(arn).send().await;
            call.map_err(|error| self.error(Api::ECS_DEREGISTER, &error))?;
        }
        Ok(())
    }
}

/// What tasks of a run say that started them.
fn started_by(run: &str) -> String {
    format!("scaletop/{run}")
}

fn run_tag(run: &str) -> Tag {
    Tag::builder().key(RUN_TAG).value(run).build()
}

/// The family of a definition that is made for one run.
fn family_for(base: &str, run: &str) -> String {
    format!("{base}-{run}")
}

/// Whether a definition was made for this run alone: `…:task-definition/NAME-RUN:3`.
fn is_made_for(arn: &str, run: &str) -> bool {
    let family = arn.rsplit_once(':').map_or(arn, |(family, _)| family);
    family.ends_with(&format!("-{run}"))
}

fn is_arm(definition: &TaskDefinition) -> bool {
    definition.runtime_platform().and_then(RuntimePlatform::cpu_architecture) == Some(&CpuArchitecture::Arm64)
}

/// Where the secret comes from that a container has in a variable.
fn secret_of<'a>(container: &'a ContainerDefinition, variable: &str) -> Option<&'a str> {
    container.secrets().iter().find(|secret| secret.name() == variable).map(Secret::value_from)
}

fn placed_task(task: &Task) -> PlacedTask {
    let of_containers = task.containers().iter().find_map(|container| container.reason()).map(str::to_owned);
    PlacedTask {
        arn: task.task_arn().unwrap_or_default().to_owned(),
        status: task.last_status().unwrap_or("UNKNOWN").to_owned(),
        reason: task.stopped_reason().map(str::to_owned).or(of_containers),
        definition: task.task_definition_arn().unwrap_or_default().to_owned(),
    }
}

/// Why `RunTask` did not place one, in ECS' words.
fn words_of(failure: &Failure) -> String {
    let reason = failure.reason().unwrap_or("for no reason that was given");
    failure.detail().map_or_else(|| reason.to_owned(), |detail| format!("{reason}: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_definition_of_this_run_is_its_own() {
        let arn = |family: &str| format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{family}:3");
        let run = "0123456789abcdef";
        assert!(is_made_for(&arn(&family_for("gen", run)), run));
        assert!(!is_made_for(&arn("gen"), run) && !is_made_for(&arn("gen-fedcba9876543210"), run));
    }

    #[test]
    fn what_started_a_task_has_only_characters_that_ecs_takes() {
        let by = started_by("0123456789abcdef");
        assert!(
            by.len() <= 128 && by.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_')),
            "{by}"
        );
    }
}
