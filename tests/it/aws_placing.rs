//! Generators as Fargate tasks, through the SDK against the embedded endpoint: what is asked for, and what is listed and ended.

use std::sync::Arc;

use clap::Parser;
use scaletop::{PlaceCommand, place};
use scaletop_cluster::wire::{CloudPlatform, Overrides, Publication, WireServer};
use serde_json::{Value, json};

use crate::support::fixed_cloud::FixedCloud;

const RUN: &str = "0123456789abcdef";

#[derive(Debug, Parser)]
struct Words {
    #[command(subcommand)]
    command: PlaceCommand,
}

struct Account {
    server: WireServer,
    folder: tempfile::TempDir,
}

impl Account {
    /// An ECS cluster with a task definition for generators.
    async fn new() -> Self {
        let cloud = Arc::new(FixedCloud::new(CloudPlatform::Ecs));
        let server = WireServer::start(cloud, Publication::REALISTIC, 0).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ticket = json!({ "scaletop-fleet-ticket": 1, "role": "generator", "run": RUN, "servers": ["tls://nats.example:4222"],
            "allow": ["shop.example"], "key": "SUASECRET" });
        std::fs::write(folder.path().join("join.ticket"), ticket.to_string()).unwrap();
        let account = Self { server, folder };
        account.register(&json!({
            "family": "scaletop-generator",
            "networkMode": "awsvpc",
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "cpu": "2048",
            "memory": "4096",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{
                "name": "generator",
                "image": "registry.example/scaletop:1",
                "secrets": [{ "name": "SCALETOP_FLEET_TICKET", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:old" }],
            }],
        }))
        .await;
        account
    }

    /// Registers a task definition as any client does.
    async fn register(&self, document: &Value) {
        self.call("RegisterTaskDefinition", document).await;
    }

    async fn call(&self, operation: &str, body: &Value) -> Value {
        let client = scaletop_client(&self.server.endpoint_url(), operation, body).await;
        serde_json::from_slice(&client).unwrap()
    }

    /// Runs a command of `fleet` against this account.
    async fn fleet(&self, words: &str) -> Result<u8, String> {
        let endpoint = self.server.endpoint_url();
        let words = words.replace("TICKET", &self.folder.path().join("join.ticket").display().to_string());
        let words = format!("fleet {words} --region eu-west-1 --endpoint-url {endpoint}");
        let words = Words::try_parse_from(words.split_whitespace()).map_err(|error| error.to_string())?;
        let mut command = words.command;
        command.with_keys("ID", "SECRET");
        place(command).await.map_err(|error| error.to_string())
    }

    fn state(&self) -> Overrides {
        let mut state = None;
        self.server.override_with(|overrides| state = Some(overrides.clone()));
        state.unwrap()
    }
}

/// One call, unsigned, since the endpoint checks no signature.
async fn scaletop_client(endpoint: &str, operation: &str, body: &Value) -> Vec<u8> {
    use http_body_util::BodyExt as _;
    let stream = tokio::net::TcpStream::connect(endpoint.trim_start_matches("http://")).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post("/")
        .header("host", "localhost")
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=ID/20261124/eu-west-1/ecs/aws4_request")
        .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
        .body(http_body_util::Full::new(bytes::Bytes::from(body.to_string())))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    body
}

#[tokio::test]
async fn tasks_are_run_ten_a_call_carry_their_run_and_are_listed_and_ended_by_it() {
    let account = Account::new().await;
    let up = "up TICKET --on ecs:default --count 23 --yes --subnets subnet-a1,subnet-b2 --security-groups sg-1 --size 4x8 --max-rate 9000";
    assert_eq!(account.fleet(up).await, Ok(0));
    assert_eq!(account.server.calls("RunTask"), 3);
    assert_eq!(account.server.calls("RegisterTaskDefinition"), 1, "nothing differs from the definition that is there");
    let placed = account.state().placed;
    assert_eq!(placed.len(), 23);
    let tokens: std::collections::BTreeSet<_> = placed.iter().map(|task| task.token.clone()).collect();
    assert_eq!(tokens.len(), 3, "each call has a token of its own");
    for task in &placed {
        assert_eq!(task.started_by, format!("scaletop/{RUN}"));
        assert!(task.tags.contains(&("scaletop:run".to_owned(), RUN.to_owned())));
        assert_eq!((&task.overrides["cpu"], &task.overrides["memory"]), (&json!("4096"), &json!("8192")));
        assert_eq!(task.overrides["containerOverrides"][0]["command"], json!(["fleet", "join", "--max-rate", "9000"]));
        let vpc = &task.network["awsvpcConfiguration"];
        assert_eq!(vpc["subnets"], json!(["subnet-a1", "subnet-b2"]));
        assert_eq!((&vpc["securityGroups"], &vpc["assignPublicIp"]), (&json!(["sg-1"]), &json!("ENABLED")));
        assert!(!task.overrides.to_string().contains("SECRET"), "anybody who may describe tasks reads that");
    }
    // Only the run's own are ended: neither the service's tasks nor another run's.
    let other = RUN.replace('0', "f");
    assert_eq!(account.fleet(&format!("down --run {other} --on ecs:default")).await, Ok(0));
    assert_eq!(account.server.calls("StopTask"), 0);
    assert_eq!(account.fleet("placed TICKET --on ecs:default").await, Ok(0));
    assert_eq!(account.fleet("down TICKET --on ecs:default").await, Ok(0));
    assert_eq!(account.server.calls("StopTask"), 23);
    assert!(account.state().placed.iter().all(|task| task.stopped.as_ref().is_some_and(|(_, why)| why.contains(RUN))));
}

#[tokio::test]
async fn another_image_processor_or_secret_makes_a_definition_of_the_runs_own_that_goes_with_it() {
    let account = Account::new().await;
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:new";
    let up = format!(
        "up TICKET --on ecs:default --yes --subnets subnet-a1 --no-public-ip --arm --image other:2 --ticket-secret {secret}"
    );
    assert_eq!(account.fleet(&up).await, Ok(0));
    let state = account.state();
    let made = &state.definitions[1];
    assert_eq!(made.family, format!("scaletop-generator-{RUN}"));
    assert_eq!(state.placed[0].definition, made.arn);
    let container = &made.document["containerDefinitions"][0];
    assert_eq!((&container["image"], &container["secrets"][0]["valueFrom"]), (&json!("other:2"), &json!(secret)));
    assert_eq!(container["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(made.document["runtimePlatform"]["cpuArchitecture"], "ARM64");
    assert_eq!(made.document["executionRoleArn"], "arn:aws:iam::123456789012:role/execution");
    assert_eq!(state.placed[0].network["awsvpcConfiguration"]["assignPublicIp"], "DISABLED");
    assert_eq!(account.fleet("down TICKET --on ecs:default").await, Ok(0));
    let state = account.state();
    assert!(state.definitions[0].is_active && !state.definitions[1].is_active);
}

#[tokio::test]
async fn what_cannot_be_placed_is_told_with_its_remedy_and_nothing_is() {
    let account = Account::new().await;
    account
        .register(&json!({ "family": "bare", "networkMode": "awsvpc", "containerDefinitions": [{ "name": "x" }] }))
        .await;
    account
        .register(&json!({ "family": "bridge", "networkMode": "bridge", "containerDefinitions": [{ "name": "x" }] }))
        .await;
    let ecs = "up TICKET --on ecs:default --subnets subnet-a1";
    for (words, said) in [
        (
            format!("{ecs} --yes --task-definition bare"),
            "no secret as SCALETOP_FLEET_TICKET: name it with --ticket-secret",
        ),
        (format!("{ecs} --yes --task-definition bridge"), "another network mode than awsvpc"),
        (format!("{ecs} --yes --task-definition absent"), "absent does not exist here"),
        (format!("{ecs} --yes --size 2x2"), "with 2 vCPU, Fargate has 4 to 16 GB"),
        ("up TICKET --on ecs:default --yes".to_owned(), "--subnets"),
        ("up TICKET --on ecs:elsewhere --yes --subnets subnet-a1".to_owned(), "ClusterNotFoundException"),
        (ecs.to_owned(), "say so with --yes"),
        (format!("{ecs} --yes --ticket-secret SUASECRET"), "--ticket-secret takes the ARN of a secret"),
    ] {
        let error = account.fleet(&words).await.unwrap_err();
        assert!(error.contains(said) && !error.contains("SUASECRET"), "{words}: {error}");
    }
    assert_eq!(account.state().placed, []);
}

#[tokio::test]
async fn tasks_that_were_placed_before_a_call_failed_are_counted() {
    let account = Account::new().await;
    account.server.override_with(|overrides| overrides.room = Some(17));
    let error = account.fleet("up TICKET --on ecs:default --count 30 --yes --subnets subnet-a1").await.unwrap_err();
    assert!(error.contains("17 of 30 tasks were placed, then: Capacity is unavailable"), "{error}");
    assert!(error.contains("scaletop fleet down"), "{error}");
}

#[tokio::test]
async fn options_of_tasks_do_nothing_elsewhere_and_a_ticket_for_this_machine_leads_nowhere() {
    let account = Account::new().await;
    let error = account.fleet("up TICKET --on local").await.unwrap_err();
    assert!(error.contains("--region is for --on ecs:CLUSTER"), "{error}");
    let here = json!({ "scaletop-fleet-ticket": 1, "role": "generator", "run": RUN, "servers": ["tls://127.0.0.1:4222"],
        "allow": ["shop.example"] });
    std::fs::write(account.folder.path().join("join.ticket"), here.to_string()).unwrap();
    let error = account.fleet("up TICKET --on ecs:default --yes --subnets subnet-a1").await.unwrap_err();
    assert!(error.contains("--advertise HOST"), "{error}");
}
