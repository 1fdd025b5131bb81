//! Trouble on request: errors, throttling, silence and nonsense in place of answers.

use serde::{Deserialize, Serialize};

use super::protocol::{Service, WireError};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireFault {
    /// Asked too often.
    Throttle,
    /// The session token has expired.
    ExpiredToken,
    /// The access key is unknown.
    UnknownKey,
    /// The role lacks the permission.
    AccessDenied,
    /// The account may not use App Runner any more.
    ClosedToNewCustomers,
    /// 500.
    ServerError,
    /// No answer.
    Hang,
    /// An answer that is none.
    Garbage,
    /// `GetMetricData` answers in two pages, the first of them `PartialData`.
    Partial,
}

/// When it goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: WireFault,
    /// With which operation, such as `ListServices`; `None`: with each.
    #[serde(default)]
    pub operation: Option<String>,
    /// How often; `None`: until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct WireFaults {
    rules: Vec<FaultRule>,
}

impl WireFaults {
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// What goes wrong with this call, if anything; counts it.
    pub(crate) fn strike(&mut self, operation: &str) -> Option<WireFault> {
        self.rules.retain(|rule| rule.times != Some(0));
        let rule =
            self.rules.iter_mut().find(|rule| rule.operation.as_deref().is_none_or(|named| named == operation))?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.fault)
    }
}

/// The error that a fault answers with; `None` for those that do not answer with an error.
pub(crate) fn error(fault: WireFault, service: Service, operation: &str) -> Option<WireError> {
    let prefix = match service {
        Service::AppRunner => "apprunner",
        Service::CloudWatch => "cloudwatch",
        Service::Ecr => "ecr",
        Service::Ecs => "ecs",
        Service::AutoScaling => "application-autoscaling",
    };
    // The query service that CloudWatch was names its errors without "Exception".
    let is_cloudwatch = service == Service::CloudWatch;
    Some(match fault {
        WireFault::Throttle => {
            WireError::client(if is_cloudwatch { "Throttling" } else { "ThrottlingException" }, "Rate exceeded")
        }
        WireFault::ExpiredToken => WireError::client(
            if is_cloudwatch { "ExpiredToken" } else { "ExpiredTokenException" },
            "The security token included in the request is expired",
        ),
        WireFault::UnknownKey => WireError::client(
            if is_cloudwatch { "InvalidClientTokenId" } else { "UnrecognizedClientException" },
            "The security token included in the request is invalid.",
        ),
        WireFault::AccessDenied => WireError::client(
            if is_cloudwatch { "AccessDenied" } else { "AccessDeniedException" },
            format!(
                "User: arn:aws:iam::123456789012:user/demo is not authorized to perform: {prefix}:{operation} because no \
                 identity-based policy allows the {prefix}:{operation} action"
            ),
        ),
        WireFault::ClosedToNewCustomers => {
            WireError::client("AccessDeniedException", "Your account is not subscribed to this service.")
        }
        WireFault::ServerError => WireError {
            status: 500,
            code: "InternalFailure".to_owned(),
            message: "The request processing has failed because of an unknown error.".to_owned(),
        },
        WireFault::Hang | WireFault::Garbage | WireFault::Partial => return None,
    })
}
