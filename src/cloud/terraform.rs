//! What `terraform output -json` of infra/ says. Pure: running Terraform is `resolve`'s.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The outputs that matter here; infra/README.md has them all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outputs {
    /// The region of everything.
    pub(crate) region: Option<String>,
    /// The profile that the state was made with.
    pub(crate) profile: Option<String>,
    /// The URL of the service; of App Runner's where both exist.
    pub(crate) service_url: Option<String>,
    /// The App Runner service.
    pub(crate) app_runner_service_arn: Option<String>,
    pub(crate) app_runner_service_url: Option<String>,
    pub(crate) ecs_cluster: Option<String>,
    pub(crate) ecs_service_name: Option<String>,
    pub(crate) ecs_service_url: Option<String>,
    /// What to do when nothing is deployed.
    pub(crate) next_step: Option<String>,
}

/// Why the outputs are of no use.
#[derive(Debug, thiserror::Error)]
pub enum OutputsError {
    /// Not what Terraform prints.
    #[error("`terraform output -json` printed no outputs: {0}; run terraform apply in that folder first")]
    NotOutputs(#[source] serde_json::Error),
    /// There are outputs, and no service.
    #[error("the Terraform state has no service yet; {next_step}")]
    NothingDeployed { next_step: String },
}

#[derive(Deserialize)]
struct Output {
    value: serde_json::Value,
}

impl Outputs {
    /// Reads what `terraform output -json` printed. Unknown outputs are ignored; those that are null are absent.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, OutputsError> {
        let outputs: BTreeMap<String, Output> = serde_json::from_slice(json).map_err(OutputsError::NotOutputs)?;
        let text = |name: &str| {
            let value = outputs.get(name)?.value.as_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let found = Self {
            region: text("region"),
            profile: text("profile"),
            service_url: text("service_url"),
            app_runner_service_arn: text("app_runner_service_arn"),
            app_runner_service_url: text("app_runner_service_url"),
            ecs_cluster: text("ecs_cluster"),
            ecs_service_name: text("ecs_service_name"),
            ecs_service_url: text("ecs_service_url"),
            next_step: text("next_step"),
        };
        let has_service =
            found.service_url.is_some() || found.app_runner_service_arn.is_some() || found.ecs_service_name.is_some();
        if has_service {
            return Ok(found);
        }
        let next_step = found.next_step.unwrap_or_else(|| "run `make infra`".to_owned());
        Err(OutputsError::NothingDeployed { next_step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outputs_of_a_deployed_service_are_read() {
        let json = br#"{
            "platform": {"sensitive": false, "type": "string", "value": "app-runner"},
            "region": {"sensitive": false, "type": "string", "value": "eu-west-1"},
            "service_url": {"sensitive": false, "type": "string", "value": "https://abc.eu-west-1.awsapprunner.com"},
            "app_runner_service_arn": {"sensitive": false, "type": "string", "value": "arn:aws:apprunner:eu-west-1:1:service/demo/0"},
            "max_size": {"sensitive": false, "type": "number", "value": 5},
            "ecs_cluster": {"sensitive": false, "type": "string", "value": null}
        }"#;
        let outputs = Outputs::parse(json).expect("outputs");
        assert_eq!(outputs.region.as_deref(), Some("eu-west-1"));
        assert_eq!(outputs.service_url.as_deref(), Some("https://abc.eu-west-1.awsapprunner.com"));
        assert_eq!(outputs.ecs_cluster, None);
    }

    #[test]
    fn an_empty_state_says_what_to_do() {
        let none = Outputs::parse(b"{}").expect_err("nothing there").to_string();
        assert!(none.contains("make infra"), "{none}");
        let pushed =
            Outputs::parse(br#"{"next_step": {"value": "push an image"}}"#).expect_err("no service").to_string();
        assert!(pushed.contains("push an image"), "{pushed}");
        let noise = Outputs::parse(b"Error: no state").expect_err("no JSON").to_string();
        assert!(noise.contains("terraform apply"), "{noise}");
    }
}
