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
    /// Other lines, and no outputs among them: something stands in Terraform's place.
    #[error(
        "`terraform output -json` printed a line that is no JSON: `{line}`; a wrapper stands in terraform's place: let it pass \
         the output on as it is (setup-terraform: terraform_wrapper: false; terragrunt: --tf-forward-stdout), or name the \
         service by its URL, apprunner:NAME or ecs:CLUSTER/SERVICE"
    )]
    NoJson {
        /// The first such line, cut.
        line: String,
    },
    /// Nothing at all; Terraform itself prints `{}` where there are no outputs.
    #[error("`terraform output -json` printed nothing; run it by hand in that folder and see what stands in its place")]
    Nothing,
    /// JSON of another kind.
    #[error(
        "`terraform output -json` printed JSON that is no outputs: {0}; see that terraform itself runs, and no wrapper"
    )]
    NotOutputs(#[source] serde_json::Error),
    /// There are outputs, and no service.
    #[error("the Terraform state has no service yet; {next_step}")]
    NothingDeployed { next_step: String },
}

/// A line of a wrapper is quoted up to this many characters.
const LONGEST_QUOTE: usize = 120;

#[derive(Deserialize)]
struct Output {
    value: serde_json::Value,
}

impl Outputs {
    /// Reads what `terraform output -json` printed. Unknown outputs are ignored; those that are null are absent.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, OutputsError> {
        let outputs = find_outputs(json)?;
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

/// The outputs among what was printed. Wrappers put lines of their own around them, on the same stdout.
fn find_outputs(printed: &[u8]) -> Result<BTreeMap<String, Output>, OutputsError> {
    let error = match serde_json::from_slice(printed) {
        Ok(outputs) => return Ok(outputs),
        Err(error) => error,
    };
    let mut at = 0;
    for line in printed.split_inclusive(|byte| *byte == b'\n') {
        // Where a line first opens an object, the outputs may begin; they end where their object does.
        if let Some(brace) = line.iter().position(|byte| *byte == b'{') {
            let found = serde_json::Deserializer::from_slice(&printed[at + brace..]).into_iter().next();
            if let Some(Ok(outputs)) = found {
                return Ok(outputs);
            }
        }
        at += line.len();
    }
    let text = String::from_utf8_lossy(printed);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(printed).is_ok();
    let is_cut = error.is_eof();
    match lines.find(|line| !looks_like_json(line)) {
        _ if text.trim().is_empty() => Err(OutputsError::Nothing),
        Some(line) if !is_json && !is_cut => {
            Err(OutputsError::NoJson { line: line.chars().take(LONGEST_QUOTE).collect() })
        }
        _ => Err(OutputsError::NotOutputs(error)),
    }
}

/// Whether a line may be part of a JSON text. `[command]…` begins like one.
fn looks_like_json(line: &str) -> bool {
    let is_value = serde_json::from_str::<serde::de::IgnoredAny>(line.trim_end_matches(',')).is_ok();
    is_value || line.starts_with(['{', '}', ']', '"']) || matches!(line, "[" | "[]" | "[{")
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
    }

    #[test]
    fn the_lines_of_a_wrapper_around_the_outputs_are_passed_over() {
        let outputs = r#"{"service_url": {"sensitive": false, "type": "string", "value": "https://demo.example/"}}"#;
        let pretty = "{\n  \"service_url\": {\n    \"value\": \"https://demo.example/\"\n  }\n}";
        for printed in [
            format!(
                "[command]/opt/tools/terraform-bin output -json\n{outputs}\n::debug::Terraform exited with code 0.\n"
            ),
            format!("{{\"level\":\"info\",\"msg\":\"running\"}}\n{outputs}\n"),
            format!("\u{feff}{outputs}"),
            format!("12:00:00 STDOUT terraform: {outputs}\n"),
            format!("+ terraform output -json\n{pretty}\nok {{done}}\n"),
        ] {
            let found = Outputs::parse(printed.as_bytes()).unwrap_or_else(|error| panic!("{printed}: {error}"));
            assert_eq!(found.service_url.as_deref(), Some("https://demo.example/"));
        }
    }

    #[test]
    fn where_there_are_none_the_first_foreign_line_is_quoted_and_apply_is_not_the_advice() {
        for (printed, words) in [
            ("Error: no state", "`Error: no state`"),
            ("[command]/opt/terraform-bin output -json\nnot found\n", "`[command]/opt/terraform-bin output -json`"),
            ("12:00 terraform: {\n12:00 terraform:   \"service_url\": {\n", "`12:00 terraform: {`"),
            ("", "printed nothing"),
            (" \n", "printed nothing"),
            ("[]", "JSON that is no outputs"),
            (r#"{"format_version": "1.0"}"#, "JSON that is no outputs"),
            (r#"{"service_url": {"value": "#, "JSON that is no outputs"),
        ] {
            let said = Outputs::parse(printed.as_bytes()).expect_err(printed).to_string();
            assert!(said.contains(words), "{printed:?}: {said}");
            assert!(!said.contains("apply"), "{said}");
        }
        let long = Outputs::parse("x".repeat(1_000).as_bytes()).expect_err("no JSON").to_string();
        assert!(long.len() < 600 && long.contains("terraform_wrapper: false"), "{long}");
    }
}
