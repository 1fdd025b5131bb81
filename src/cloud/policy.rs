//! The least that a role needs to be allowed: what `doctor --policy` prints. Pure.

use serde_json::{Value, json};

use super::image::{EcrImage, is_of_another_registry};
use super::partition::Partition;
use crate::target::{AppRunnerName, EcsName, Target};

/// The least-privilege policy for watching `target`, as IAM wants it. What is not known (region, account, repository) is
/// left as `REGION`, `ACCOUNT`, `REPOSITORY` for the user to fill in, never widened to `*`; `*` stands only where the API
/// knows no resources. For a URL or the demo nothing is needed: `None`.
///
/// `repository` is the image's repository in the service's own registry, or the whole name of the image, which says in whose
/// registry and in which region it lies. An image of a public registry needs no permission.
pub(crate) fn least_privilege(
    target: &Target,
    region: Option<&str>,
    account: Option<&str>,
    repository: Option<&str>,
) -> Option<Value> {
    let region = target.region().or(region).unwrap_or("REGION");
    let scope = ResourceScope {
        partition: Partition::of_region(region).id,
        region: region.to_owned(),
        account: target.account().or(account).unwrap_or("ACCOUNT").to_owned(),
    };
    let mut statements = match target {
        Target::Url(_) | Target::Demo(_) => return None,
        Target::AppRunner(name) => scope.app_runner(name),
        Target::Ecs(name) => scope.ecs(name),
        // What is deployed there is not known without asking: both, by the names that Terraform gives.
        Target::Terraform(_) => {
            let mut both = scope.app_runner(&AppRunnerName::Name("SERVICE".to_owned()));
            let (cluster, service) = ("CLUSTER".to_owned(), "SERVICE".to_owned());
            both.extend(scope.ecs(&EcsName { cluster, service, region: None, account: None }));
            both
        }
    };
    statements.extend(scope.images(repository.unwrap_or("REPOSITORY")));
    Some(json!({"Version": "2012-10-17", "Statement": statements}))
}

struct ResourceScope {
    /// `aws`, `aws-cn`, …
    partition: &'static str,
    region: String,
    account: String,
}

impl ResourceScope {
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    fn app_runner(&self, name: &AppRunnerName) -> Vec<Value> {
        let service = match name {
            AppRunnerName::Name(name) => self.arn("apprunner", &format!("service/{name}/*")),
            AppRunnerName::Arn(arn) => arn.to_string(),
        };
        vec![
            json!({
                "Sid": "AppRunnerService", "Effect": "Allow",
                "Action": ["apprunner:DescribeService", "apprunner:ListOperations"], "Resource": service,
            }),
            json!({
                "Sid": "AppRunnerLimits", "Effect": "Allow",
                "Action": "apprunner:DescribeAutoScalingConfiguration",
                "Resource": self.arn("apprunner", "autoscalingconfiguration/*"),
            }),
            json!({
                "Sid": "AppRunnerNamesAndMetrics", "Effect": "Allow",
                "Action": ["apprunner:ListServices", "cloudwatch:GetMetricData"], "Resource": "*",
            }),
        ]
    }

    fn ecs(&self, name: &EcsName) -> Vec<Value> {
        let EcsName { cluster, service, .. } = name;
        vec![
            json!({
                "Sid": "EcsService", "Effect": "Allow",
                "Action": ["ecs:DescribeServices", "ecs:DescribeExpressGatewayService"],
                "Resource": self.arn("ecs", &format!("service/{cluster}/{service}")),
            }),
            json!({
                "Sid": "EcsTasks", "Effect": "Allow", "Action": "ecs:DescribeTasks",
                "Resource": self.arn("ecs", &format!("task/{cluster}/*")),
            }),
            json!({
                "Sid": "EcsTaskList", "Effect": "Allow", "Action": "ecs:ListTasks", "Resource": "*",
                "Condition": {"ArnEquals": {"ecs:cluster": self.arn("ecs", &format!("cluster/{cluster}"))}},
            }),
            json!({
                "Sid": "EcsScalingAndMetrics", "Effect": "Allow",
                "Action": [
                    "application-autoscaling:DescribeScalableTargets",
                    "application-autoscaling:DescribeScalingPolicies",
                    "application-autoscaling:DescribeScalingActivities",
                    "cloudwatch:DescribeAlarms",
                    "cloudwatch:GetMetricData",
                ],
                "Resource": "*",
            }),
            // Without these two the waterfall does not know when a task behind a load balancer is healthy.
            json!({
                "Sid": "OptionalTargetGroups", "Effect": "Allow", "Action": "ecs:DescribeServiceRevisions",
                "Resource": self.arn("ecs", &format!("service-revision/{cluster}/{service}/*")),
            }),
            json!({
                "Sid": "OptionalTargetHealth", "Effect": "Allow", "Action": "elasticloadbalancing:DescribeTargetHealth",
                "Resource": "*",
            }),
        ]
    }

    /// Nothing for an image of a registry that is no private ECR.
    fn images(&self, repository: &str) -> Option<Value> {
        let resource = match EcrImage::parse(repository) {
            Some(image) => {
                let EcrImage { account, region, repository, .. } = image;
                let partition = Partition::of_region(&region).id;
                Self { partition, region, account }.arn("ecr", &format!("repository/{repository}"))
            }
            None if is_of_another_registry(repository) => return None,
            None => self.arn("ecr", &format!("repository/{repository}")),
        };
        Some(json!({"Sid": "Images", "Effect": "Allow", "Action": "ecr:DescribeImages", "Resource": resource}))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn actions(policy: &Value) -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().expect("statements").iter();
        statements
            .flat_map(|statement| match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                action => vec![action.clone()],
            })
            .map(|action| action.as_str().expect("text").to_owned())
            .collect()
    }

    fn policy(target: &str) -> Value {
        let target = target.parse().expect(target);
        least_privilege(&target, Some("eu-west-1"), Some("123456789012"), Some("demo")).expect("a policy")
    }

    #[cfg(feature = "aws")]
    #[test]
    fn it_holds_every_permission_that_the_sources_ask_for_and_no_other() {
        use crate::cloud::failure::Api;
        let of = |apis: &[Api]| apis.iter().map(|api| api.permission.to_owned()).collect::<BTreeSet<_>>();
        let app_runner = of(&[
            Api::APP_RUNNER_LIST,
            Api::APP_RUNNER_DESCRIBE,
            Api::APP_RUNNER_SCALING,
            Api::APP_RUNNER_OPERATIONS,
            Api::METRICS,
            Api::IMAGES,
        ]);
        assert_eq!(actions(&policy("apprunner:demo")), app_runner);
        let ecs = of(&[
            Api::ECS_SERVICES,
            Api::ECS_EXPRESS,
            Api::ECS_REVISIONS,
            Api::TARGET_HEALTH,
            Api::ECS_LIST_TASKS,
            Api::ECS_TASKS,
            Api::SCALING_TARGETS,
            Api::SCALING_POLICIES,
            Api::SCALING_ACTIVITIES,
            Api::ALARMS,
            Api::METRICS,
            Api::IMAGES,
        ]);
        assert_eq!(actions(&policy("ecs:default/demo")), ecs);
        assert_eq!(actions(&policy("terraform:infra")), app_runner.union(&ecs).cloned().collect());
    }

    #[test]
    fn no_action_has_a_wildcard_and_what_has_resources_names_them() {
        for target in ["apprunner:demo", "ecs:default/demo", "terraform:infra"] {
            let policy = policy(target);
            assert!(actions(&policy).iter().all(|action| !action.contains('*')));
            for statement in policy["Statement"].as_array().expect("statements") {
                let sid = statement["Sid"].as_str().expect("sid");
                let everywhere = statement["Resource"] == "*";
                let knows_no_resources = ["EcsTaskList", "OptionalTargetHealth"].contains(&sid);
                assert_eq!(everywhere, sid.contains("And") || knows_no_resources, "{sid}");
            }
        }
        assert_eq!(
            policy("apprunner:demo")["Statement"][0]["Resource"],
            "arn:aws:apprunner:eu-west-1:123456789012:service/demo/*"
        );
    }

    /// Every ARN of a policy.
    fn resources(policy: &Value) -> Vec<String> {
        let statements = policy["Statement"].as_array().expect("statements").iter();
        let of = |statement: &Value| {
            let cluster = statement["Condition"]["ArnEquals"]["ecs:cluster"].as_str().map(str::to_owned);
            [statement["Resource"].as_str().map(str::to_owned), cluster]
        };
        statements.flat_map(of).flatten().filter(|resource| resource != "*").collect()
    }

    #[test]
    fn every_arn_has_the_partition_of_its_region_and_a_target_says_its_own_account_and_region() {
        for (region, begin) in [
            ("eu-west-1", "arn:aws:"),
            ("cn-northwest-1", "arn:aws-cn:"),
            ("us-gov-east-1", "arn:aws-us-gov:"),
            ("eusc-de-east-1", "arn:aws-eusc:"),
        ] {
            for target in ["apprunner:demo", "ecs:default/demo", "terraform:infra"] {
                let target = target.parse().expect(target);
                let policy = least_privilege(&target, Some(region), Some("123456789012"), None).expect("a policy");
                let found = resources(&policy);
                assert!(found.len() > 2 && found.iter().all(|arn| arn.starts_with(begin)), "{region}: {found:?}");
            }
        }
        let target = "ecs:arn:aws-cn:ecs:cn-north-1:210987654321:service/default/demo".parse().expect("a target");
        let policy = least_privilege(&target, Some("eu-west-1"), None, Some("demo")).expect("a policy");
        let begins = |arn: &String| {
            ["ecs", "ecr"]
                .iter()
                .any(|service| arn.starts_with(&format!("arn:aws-cn:{service}:cn-north-1:210987654321:")))
        };
        assert!(resources(&policy).iter().all(begins), "{policy:#}");
    }

    #[test]
    fn an_image_is_allowed_where_it_lies_and_one_of_a_public_registry_needs_nothing() {
        let target = "ecs:default/demo".parse().expect("a target");
        let of = |image: &str| {
            let policy =
                least_privilege(&target, Some("eu-west-1"), Some("123456789012"), Some(image)).expect("a policy");
            resources(&policy).into_iter().find(|arn| arn.contains(":ecr:"))
        };
        for (image, arn) in [
            ("demo", "arn:aws:ecr:eu-west-1:123456789012:repository/demo"),
            ("team.a/demo", "arn:aws:ecr:eu-west-1:123456789012:repository/team.a/demo"),
            (
                "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/demo:v1",
                "arn:aws:ecr:us-east-1:210987654321:repository/team/demo",
            ),
            (
                "210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn/demo",
                "arn:aws-cn:ecr:cn-north-1:210987654321:repository/demo",
            ),
        ] {
            assert_eq!(of(image).as_deref(), Some(arn), "{image}");
        }
        for image in [
            "public.ecr.aws/aws-containers/hello-app-runner:latest",
            "docker.io/library/nginx",
            "nginx:1.27",
            "nginx@sha256:0",
        ] {
            assert_eq!(of(image), None, "{image}");
        }
    }

    #[test]
    fn a_url_needs_no_policy_and_what_is_unknown_is_left_to_fill_in() {
        assert_eq!(least_privilege(&Target::Demo(None), None, None, None), None);
        let open = least_privilege(&"apprunner:demo".parse().expect("target"), None, None, None).expect("policy");
        assert_eq!(open["Statement"][0]["Resource"], "arn:aws:apprunner:REGION:ACCOUNT:service/demo/*");
    }
}
