//! Generators as Fargate tasks: the estimate, the question, the tasks, and what became of them.

use std::io::IsTerminal as _;
use std::time::Duration;

use crate::cli::fleet_place::{AwsArgs, UpArgs};
use crate::cloud::placing::{PlacedTask, Placement, Wanted};
use crate::cloud::{Cloud, CloudOptions};
use crate::commands::{CommandError, say};
use crate::consent;
use crate::placing::estimate::{Estimate, Placed};
use crate::placing::join::USUAL_MAX_RATE;
use crate::placing::ticket::{JoinTicket, VARIABLE};
use crate::placing::{Join, Size};
use scaletop_units::RunClock;

use super::PlaceError;
use super::up::generators;

/// The size of a task where none is said: TLS costs CPU, so that a thread that holds 20,000/s in plain HTTP gets two.
const USUAL_SIZE: &str = "2x4";

/// The task definition where none is said: what infra/modules/fleet makes.
const USUAL_DEFINITION: &str = "scaletop-generator";

/// How often is looked whether all run, and how many times: a task takes half a minute, and in a bad hour a few.
const EVERY: Duration = Duration::from_secs(3);
const LOOKS: u32 = 100;

/// Places tasks: estimate, question, calls, and a wait until they run.
pub(super) async fn up(args: &UpArgs, cluster: &str, ticket: &JoinTicket, join: &Join) -> Result<u8, CommandError> {
    let tasks = &args.tasks;
    let usual = || USUAL_SIZE.parse().map_err(CommandError::Option);
    let size: Size = tasks.size.map_or_else(usual, Ok)?;
    size.on_fargate().map_err(|why| CommandError::Option(format!("--size {size}: {why}")))?;
    if tasks.subnets.is_empty() {
        let why = "--subnets: name the subnets that the tasks are to be in, of the target's zones; public ones, or with --no-public-ip \
                   ones that have another way out";
        return Err(CommandError::Option(why.to_owned()));
    }
    if tasks.ticket_secret.as_deref().is_some_and(|given| !is_secrets_arn(given)) {
        // What was given is not repeated: somebody may have given the secret itself.
        let why = "--ticket-secret takes the ARN of a secret of Secrets Manager or of a parameter of Systems Manager, never the ticket";
        return Err(CommandError::Option(why.to_owned()));
    }
    let count = args.count.unwrap_or(1);
    let placed = Placed {
        count,
        size,
        is_arm: tasks.arm,
        has_address: !tasks.no_public_ip,
        max_rate: join.max_rate.unwrap_or(USUAL_MAX_RATE),
    };
    let estimate = Estimate::of(placed);
    say(&estimate.text());
    agree(args.yes, count, estimate.an_hour())?;
    let cloud = connect(&args.aws).await;
    let wanted = Wanted {
        definition: tasks.task_definition.clone().unwrap_or_else(|| USUAL_DEFINITION.to_owned()),
        image: tasks.image.clone(),
        is_arm: tasks.arm,
        ticket: tasks.ticket_secret.clone(),
        variable: VARIABLE,
    };
    let definition = cloud.generator_definition(&wanted, ticket.run()).await.map_err(PlaceError::from)?;
    if definition.is_arm && !tasks.arm {
        say("the task definition is for ARM, so it costs a fifth less than that");
    }
    let placement = Placement {
        cluster: cluster.to_owned(),
        run: ticket.run().to_owned(),
        count,
        cpu_units: size.cpu_units(),
        memory: size.memory_mib(),
        words: join.words(),
        subnets: tasks.subnets.clone(),
        security_groups: tasks.security_groups.clone(),
        has_address: !tasks.no_public_ip,
        // Chance, so that asking again places more; its calls, tried again, do not.
        token: format!("scaletop-{}-{:012x}", ticket.run(), fastrand::u64(..1 << 48)),
    };
    let told = |so_far| say(&format!("{so_far} of {count} placed"));
    let started = cloud.place(&placement, &definition, told).await.map_err(PlaceError::from)?;
    say(&format!("to end them: scaletop fleet down --run {} --on ecs:{cluster}", ticket.run()));
    if tasks.no_wait {
        return Ok(0);
    }
    wait(&cloud, cluster, &started).await?;
    say(&format!("{} run", generators(count)));
    Ok(0)
}

/// Whether it is what a task definition can have a secret from; a member of a JSON secret may follow.
fn is_secrets_arn(text: &str) -> bool {
    let is_of = |service| text.split(':').nth(2) == Some(service);
    text.starts_with("arn:") && (is_of("secretsmanager") || is_of("ssm")) && !text.contains(char::is_whitespace)
}

/// Asks whether it may cost that, unless that was said.
fn agree(yes: bool, count: u32, an_hour: f64) -> Result<(), PlaceError> {
    if yes {
        return Ok(());
    }
    let question = format!("Place {} for ${an_hour:.2} an hour and the network?", generators(count));
    match consent::asked(&question) {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false)) => Err(PlaceError::Refused),
        Ok(None) | Err(_) => Err(PlaceError::NobodyToAsk),
    }
}

/// Waits until all tasks run; one that stops instead says why.
async fn wait(cloud: &Cloud, cluster: &str, arns: &[String]) -> Result<(), PlaceError> {
    let mut before = usize::MAX;
    for _ in 0..LOOKS {
        let tasks = cloud.placed_tasks(cluster, arns).await?;
        if let Some(stopped) = tasks.iter().find(|task| task.status == "STOPPED") {
            let why = stopped.reason.as_deref().unwrap_or("it does not say why");
            return Err(PlaceError::Missing(format!(
                "a task stopped before it ran: {why} ({}); scaletop fleet down ends the others",
                stopped.arn
            )));
        }
        let running = tasks.iter().filter(|task| task.status == "RUNNING").count();
        if running == arns.len() {
            return Ok(());
        }
        if running != before && std::io::stderr().is_terminal() {
            say(&format!("{running} of {} run", arns.len()));
        }
        before = running;
        tokio::time::sleep(EVERY).await;
    }
    let tasks = cloud.placed_tasks(cluster, arns).await?;
    let waiting: Vec<_> = tasks.iter().filter(|task| task.status != "RUNNING").map(line).collect();
    Err(PlaceError::Missing(format!(
        "after {} min {} of {} tasks do not run yet, such as {}; look at them in the console, or end them with scaletop fleet down",
        (EVERY * LOOKS).as_secs() / 60,
        waiting.len(),
        arns.len(),
        waiting.first().map_or("", String::as_str)
    )))
}

/// Ends the tasks of a run.
pub(super) async fn down(aws: &AwsArgs, cluster: &str, run: &str) -> Result<u8, CommandError> {
    let cloud = connect(aws).await;
    let tasks = cloud.placed(cluster, run).await.map_err(PlaceError::from)?;
    if tasks.is_empty() {
        say(&format!("no task of the run {run} runs on {cluster}"));
        return Ok(0);
    }
    let told = |so_far| {
        if so_far % 10 == 0 || so_far == tasks.len() {
            say(&format!("{so_far} of {} told to end", tasks.len()));
        }
    };
    cloud.end_tasks(cluster, run, &tasks, told).await.map_err(PlaceError::from)?;
    Ok(0)
}

/// The tasks of a run, a line each.
pub(super) async fn placed(aws: &AwsArgs, cluster: &str, run: &str) -> Result<Vec<String>, CommandError> {
    let tasks = connect(aws).await.placed(cluster, run).await.map_err(PlaceError::from)?;
    Ok(tasks.iter().map(line).collect())
}

fn line(task: &PlacedTask) -> String {
    let reason = task.reason.as_deref().map_or_else(String::new, |reason| format!("  {reason}"));
    format!("{}  {}{reason}", task.arn, task.status)
}

async fn connect(aws: &AwsArgs) -> Cloud {
    let AwsArgs { region, profile, endpoint_url, keys } = aws.clone();
    let options = CloudOptions { region, profile, endpoint_url, keys, ..CloudOptions::default() };
    Cloud::connect(&options, RunClock::start()).await
}
