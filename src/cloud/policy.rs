//! The least that a role needs to be allowed: what `doctor --policy` prints. Pure.

use serde_json::{Value, json};

use crate::target::{AppRunnerName, EcsName, Target};

/// The least-privilege policy for watching `target`, as IAM wants it. What is not known (region, account, repository) is
/// left as `REGION`, `ACCOUNT`, `REPOSITORY` for the user to fill in, never widened to `*`; `*` stands only where the API
/// knows no resources. For a URL or the demo nothing is needed: `None`.
pub(crate) fn least_privilege(
    target: &Target,
    region: Option<&str>,
    account: Option<&str>,
    repository: Option<&str>,
) -> Option<Value> {
    let of_arn = match target {
        Target::AppRunner(AppRunnerName::Arn(arn)) => Some(arn.account.as_str()),
        _ => None,
    };
    let scope = ResourceScope {
        region: target.region().or(region).unwrap_or("REGION").to_owned(),
        account: of_arn.or(account).unwrap_or("ACCOUNT").to_owned(),
        repository: repository.unwrap_or("REPOSITORY").to_owned(),
    };
    let mut statements = match target {
        Target::Url(_) | Target::Demo => return None,
        Target::AppRunner(name) => scope.app_runner(name),
        Target::Ecs(name) => scope.ecs(name),
        // What is deployed there is not known without asking: both, by the names that Terraform gives.
        Target::Terraform(_) => {
            let mut both = scope.app_runner(&AppRunnerName::Name("SERVICE".to_owned()));
            let ecs = EcsName { cluster: "CLUSTER".to_owned(), service: "SERVICE".to_owned(), region: None };
            both.extend(scope.ecs(&ecs));
            both
        }
    };
    statements.push(scope.images());
    Some(json!({"Version": "2012-10-17", "Statement": statements}))
}

struct ResourceScope {
    region: String,
    account: String,
    repository: String,
}

impl ResourceScope {
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
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
        ]
    }

    fn images(&self) -> Value {
        json!({
            "Sid": "Images", "Effect": "Allow", "Action": "ecr:DescribeImages",
            "Resource": self.arn("ecr", &format!("repository/{}", self.repository)),
        })
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
                assert_eq!(everywhere, sid.contains("And") || sid == "EcsTaskList", "{sid}");
            }
        }
        assert_eq!(
            policy("apprunner:demo")["Statement"][0]["Resource"],
            "arn:aws:apprunner:eu-west-1:123456789012:service/demo/*"
        );
    }

    #[test]
    fn a_url_needs_no_policy_and_what_is_unknown_is_left_to_fill_in() {
        assert_eq!(least_privilege(&Target::Demo, None, None, None), None);
        let open = least_privilege(&"apprunner:demo".parse().expect("target"), None, None, None).expect("policy");
        assert_eq!(open["Statement"][0]["Resource"], "arn:aws:apprunner:REGION:ACCOUNT:service/demo/*");
    }
}
