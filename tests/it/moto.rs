//! The SDK crates and our sources against moto's ECR and ECS: implementations that nobody here wrote.
//!
//! Needs a moto server: `tests/compat/run.sh moto` starts one and runs these with `--ignored`.

use std::time::Duration;

use aws_sdk_ecs::types::{ContainerDefinition, LaunchType};
use scaletop::SessionEvent;
use scaletop::demo_cloud;
use scaletop::{Basis, SourceErrorKind};
use scaletop::{Cloud, CloudOptions, ResolveError, resolve};
use scaletop::{
    sources::EcrFeed, sources::EcsFeed, sources::EcsTasksFeed, sources::ImageOwner, sources::PollReport,
    sources::PolledFeed,
};
use scaletop_units::RunClock;

fn options() -> CloudOptions {
    let endpoint = std::env::var("MOTO_ENDPOINT").expect("MOTO_ENDPOINT; run tests/compat/run.sh moto");
    CloudOptions { patience: Some(Duration::from_secs(30)), ..demo_cloud(endpoint) }
}

fn manifest(layer: &str) -> String {
    let digest = |c: &str| format!("sha256:{}", c.repeat(64));
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{{"mediaType":
        "application/vnd.docker.container.image.v1+json","size":1,"digest":"{}"}},"layers":[{{"mediaType":
        "application/vnd.docker.image.rootfs.diff.tar.gzip","size":1,"digest":"{}"}}]}}"#,
        digest("a"),
        digest(layer)
    )
}

#[tokio::test]
#[ignore = "needs a moto server: tests/compat/run.sh moto"]
async fn images_in_motos_ecr_are_told_as_they_are_pushed() {
    let cloud = Cloud::connect(&options(), RunClock::start()).await;
    let repository = cloud.ecr.create_repository().repository_name("shop").send().await.expect("created");
    let uri = repository.repository().and_then(|found| found.repository_uri()).expect("a URI").to_owned();
    let put = |tag: &'static str, layer: &'static str| {
        cloud.ecr.put_image().repository_name("shop").image_tag(tag).image_manifest(manifest(layer)).send()
    };
    let pushed = put("v1", "b").await.expect("pushed");
    let digest = pushed.image().and_then(|image| image.image_id()).and_then(|id| id.image_digest()).expect("a digest");
    let mut feed = EcrFeed::new(cloud.clone(), ImageOwner::Image { name: format!("{uri}:v1") });
    let first = feed.poll().await;
    assert_eq!(first.problem, None);
    assert_eq!(first.fact("image"), Some("shop:v1"));
    assert_eq!(first.fact("image_digest"), Some(&digest[..19]));
    assert_eq!(first.fact("image_newer"), Some("none"));
    // moto's push times are whole seconds: within the same one, neither image is newer. Push until the next has begun.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let newer = loop {
        put("v2", "c").await.expect("pushed");
        if let Some(newer) = feed.poll().await.fact("image_newer").map(str::to_owned) {
            break newer;
        }
        assert!(tokio::time::Instant::now() < deadline, "a newer one waits");
        cloud
            .ecr
            .batch_delete_image()
            .repository_name("shop")
            .image_ids(aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("v2").build())
            .send()
            .await
            .expect("deleted");
    };
    assert!(newer.starts_with("v2, pushed "), "{newer}");
    let absent = EcrFeed::new(cloud.clone(), ImageOwner::Image { name: format!("{uri}:v9") }).poll().await;
    let problem = absent.problem.expect("no such image");
    assert_eq!(problem.kind, SourceErrorKind::NotFound);
    assert!(problem.message.contains("ImageNotFoundException"), "{problem}");
    let other = uri.replace("/shop", "/nowhere");
    let absent = EcrFeed::new(cloud.clone(), ImageOwner::Image { name: format!("{other}:v1") }).poll().await;
    assert!(absent.problem.expect("no such repository").message.contains("RepositoryNotFoundException"));
    let token = cloud.ecr.get_authorization_token().send().await.expect("a token");
    let endpoint = token.authorization_data()[0].proxy_endpoint().expect("an endpoint");
    assert!(uri.starts_with(endpoint.trim_start_matches("https://")), "{endpoint} {uri}");
}

#[tokio::test]
#[ignore = "needs a moto server: tests/compat/run.sh moto"]
async fn services_on_motos_ecs_are_counted() {
    let cloud = Cloud::connect(&options(), RunClock::start()).await;
    cloud.ecs.create_cluster().cluster_name("web").send().await.expect("created");
    let container = ContainerDefinition::builder().name("Main").image("shop:v1").memory(128).build();
    cloud
        .ecs
        .register_task_definition()
        .family("shop")
        .container_definitions(container)
        .send()
        .await
        .expect("registered");
    let create = cloud.ecs.create_service().cluster("web").service_name("shop").task_definition("shop");
    create.desired_count(2).launch_type(LaunchType::Fargate).send().await.expect("created");
    let told = cloud.ecs.describe_services().cluster("web").services("shop").send().await.expect("described");
    let service = &told.services()[0];
    let count = |report: &PollReport, basis| {
        report.events.iter().find_map(|event| match event {
            SessionEvent::Observed(seen) if seen.basis == basis => i32::try_from(seen.count).ok(),
            _ => None,
        })
    };
    let mut feed = EcsFeed::new(cloud.clone(), "web", "shop");
    let first = feed.poll().await;
    assert_eq!(first.problem, None);
    assert_eq!(count(&first, Basis::Desired), Some(2));
    assert_eq!(count(&first, Basis::Running), Some(service.running_count()));
    assert_eq!(count(&first, Basis::Pending), Some(service.pending_count()));
    cloud.ecs.update_service().cluster("web").service("shop").desired_count(4).send().await.expect("updated");
    let second = feed.poll().await;
    assert_eq!((count(&second, Basis::Desired), second.problem), (Some(4), None));
    assert_eq!(EcsTasksFeed::new(cloud.clone(), "web", "shop").poll().await.problem, None);
    let missing = EcsFeed::new(cloud.clone(), "web", "absent").poll().await.problem.expect("missing");
    assert_eq!(missing.kind, SourceErrorKind::NotFound);
    let cluster = EcsFeed::new(cloud, "nowhere", "shop").poll().await.problem.expect("no cluster");
    assert!(cluster.message.contains("ClusterNotFoundException"), "{cluster}");
    // A plain service says no URL of its own.
    let error = resolve(&"ecs:web/shop".parse().expect("target"), None, &options(), RunClock::start()).await;
    assert!(matches!(error, Err(ResolveError::NoUrl { .. })), "{error:?}");
}

/// The first id that moto's EC2 answers to `action` with, in an element of this name: there is no client for EC2 here.
async fn first_of_ec2(endpoint: &str, action: &str, element: &str) -> String {
    use http_body_util::BodyExt as _;
    let stream = tokio::net::TcpStream::connect(endpoint.trim_start_matches("http://")).await.expect("moto");
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("HTTP");
    tokio::spawn(connection);
    let request = http::Request::post("/")
        .header("host", "ec2.eu-west-1.amazonaws.com")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=ID/20261124/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0",
        )
        .header("content-type", "application/x-www-form-urlencoded")
        .body(http_body_util::Full::new(bytes::Bytes::from(format!("Action={action}&Version=2016-11-15"))))
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer").into_body().collect().await.expect("its body");
    let text = String::from_utf8_lossy(&answer.to_bytes()).into_owned();
    let (_, rest) = text.split_once(&format!("<{element}>")).expect("one of them");
    rest.split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test]
#[ignore = "needs a moto server: tests/compat/run.sh moto"]
async fn generators_are_placed_on_motos_ecs_listed_and_ended() {
    use clap::Parser as _;
    #[derive(clap::Parser)]
    struct Words {
        #[command(subcommand)]
        command: scaletop::PlaceCommand,
    }
    let options = CloudOptions { region: Some("eu-west-1".to_owned()), ..options() };
    let endpoint = options.endpoint_url.clone().expect("an endpoint");
    let cloud = Cloud::connect(&options, RunClock::start()).await;
    cloud.ecs.create_cluster().cluster_name("load").send().await.expect("created");
    let secret = aws_sdk_ecs::types::Secret::builder().name("SCALETOP_FLEET_TICKET");
    let secret =
        secret.value_from("arn:aws:secretsmanager:eu-west-1:123456789012:secret:ticket").build().expect("a secret");
    let container =
        ContainerDefinition::builder().name("generator").image("scaletop:1").memory(128).secrets(secret).build();
    let define = cloud.ecs.register_task_definition().family("scaletop-generator").container_definitions(container);
    let define = define.network_mode(aws_sdk_ecs::types::NetworkMode::Awsvpc).cpu("2048").memory("4096");
    define.requires_compatibilities(aws_sdk_ecs::types::Compatibility::Fargate).send().await.expect("registered");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("join.ticket");
    let ticket = r#"{"scaletop-fleet-ticket":1,"role":"generator","run":"0123456789abcdef","servers":["tls://nats.example:4222"],"allow":["shop.example"]}"#;
    std::fs::write(&file, ticket).expect("written");
    let subnet = first_of_ec2(&endpoint, "DescribeSubnets", "subnetId").await;
    // moto insists on a group, which the cloud does not.
    let group = first_of_ec2(&endpoint, "DescribeSecurityGroups", "groupId").await;
    let fleet = async |words: &str| {
        let words =
            format!("fleet {words} {} --on ecs:load --region eu-west-1 --endpoint-url {endpoint}", file.display());
        let mut command = Words::try_parse_from(words.split_whitespace()).expect("words").command;
        command.with_keys("ID", "SECRET");
        scaletop::place(command).await
    };
    assert_eq!(
        fleet(&format!("up --count 12 --yes --no-wait --subnets {subnet} --security-groups {group}"))
            .await
            .expect("placed"),
        0
    );
    let ours = || cloud.ecs.list_tasks().cluster("load").started_by("scaletop/0123456789abcdef").send();
    assert_eq!(ours().await.expect("listed").task_arns().len(), 12);
    assert_eq!(fleet("placed").await.expect("listed"), 0);
    assert_eq!(fleet("down").await.expect("ended"), 0);
    let running = cloud.ecs.list_tasks().cluster("load").desired_status(aws_sdk_ecs::types::DesiredStatus::Running);
    assert_eq!(running.send().await.expect("listed").task_arns().len(), 0);
}
