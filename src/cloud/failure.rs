//! What a failed call to the cloud means, and what mends it.
//!
//! Pure: [`explain`] turns the platform's code and words into a [`SourceError`] with a remedy. Codes come from the error's
//! metadata, since most of those that matter here (throttling, expired tokens, missing permissions) are not modelled.

use crate::instances::{SourceError, SourceErrorKind};

/// An operation of the cloud's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Api {
    /// The service, as people call it: `App Runner`.
    pub(crate) service: &'static str,
    /// The operation: `DescribeService`.
    pub(crate) operation: &'static str,
    /// The IAM action that it needs: `apprunner:DescribeService`.
    pub(crate) permission: &'static str,
}

macro_rules! apis {
    ($($(#[$doc:meta])* $name:ident = $service:literal, $operation:literal, $permission:literal;)*) => {
        impl Api {
            $($(#[$doc])* pub(crate) const $name: Self = Self { service: $service, operation: $operation, permission: $permission };)*
        }
    };
}

apis! {
    /// Finds an App Runner service by name.
    APP_RUNNER_LIST = "App Runner", "ListServices", "apprunner:ListServices";
    /// Status, URL and image of an App Runner service.
    APP_RUNNER_DESCRIBE = "App Runner", "DescribeService", "apprunner:DescribeService";
    APP_RUNNER_SCALING = "App Runner", "DescribeAutoScalingConfiguration", "apprunner:DescribeAutoScalingConfiguration";
    APP_RUNNER_OPERATIONS = "App Runner", "ListOperations", "apprunner:ListOperations";
    /// Metrics.
    METRICS = "CloudWatch", "GetMetricData", "cloudwatch:GetMetricData";
    /// When an alarm went off.
    ALARMS = "CloudWatch", "DescribeAlarms", "cloudwatch:DescribeAlarms";
    /// Images and when they were pushed.
    IMAGES = "ECR", "DescribeImages", "ecr:DescribeImages";
    /// Task counts.
    ECS_SERVICES = "ECS", "DescribeServices", "ecs:DescribeServices";
    /// The tasks of a service.
    ECS_LIST_TASKS = "ECS", "ListTasks", "ecs:ListTasks";
    /// When tasks were created, pulled and started.
    ECS_TASKS = "ECS", "DescribeTasks", "ecs:DescribeTasks";
    /// What a task is made of.
    ECS_DEFINITION = "ECS", "DescribeTaskDefinition", "ecs:DescribeTaskDefinition";
    /// The same with something changed, for one run. Needs `iam:PassRole` for the definition's roles, too.
    ECS_REGISTER = "ECS", "RegisterTaskDefinition", "ecs:RegisterTaskDefinition";
    /// Forgets that.
    ECS_DEREGISTER = "ECS", "DeregisterTaskDefinition", "ecs:DeregisterTaskDefinition";
    /// Starts generators.
    ECS_RUN = "ECS", "RunTask", "ecs:RunTask";
    /// Ends them.
    ECS_STOP = "ECS", "StopTask", "ecs:StopTask";
    /// The load balancer's target groups of a service's revisions.
    ECS_REVISIONS = "ECS", "DescribeServiceRevisions", "ecs:DescribeServiceRevisions";
    /// Whether the load balancer sends requests to a task.
    TARGET_HEALTH = "Elastic Load Balancing", "DescribeTargetHealth", "elasticloadbalancing:DescribeTargetHealth";
    /// The URL of an Express service.
    ECS_EXPRESS = "ECS", "DescribeExpressGatewayService", "ecs:DescribeExpressGatewayService";
    /// Limits of an ECS service.
    SCALING_TARGETS = "Application Auto Scaling", "DescribeScalableTargets", "application-autoscaling:DescribeScalableTargets";
    SCALING_POLICIES = "Application Auto Scaling", "DescribeScalingPolicies", "application-autoscaling:DescribeScalingPolicies";
    /// What the policy did.
    SCALING_ACTIVITIES = "Application Auto Scaling", "DescribeScalingActivities", "application-autoscaling:DescribeScalingActivities";
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The service answered with an error.
    Refused {
        /// Its code, such as `ThrottlingException`; empty when it gave none.
        code: String,
        message: String,
        status: u16,
    },
    /// No region is configured.
    NoRegion,
    /// The chain of credential sources has none.
    NoCredentials,
    /// A credential source failed: an expired SSO session, a helper that ended with an error.
    BadCredentials { detail: String },
    /// The profile signs on in the browser with `aws login`, which is not read here.
    LoginSession,
    /// No answer in time.
    Timeout,
    /// No connection.
    Unreachable { detail: String },
    /// An answer that is none.
    BadAnswer {
        /// What is wrong with it.
        detail: String,
    },
}

/// Where the call went.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CallContext {
    pub(crate) region: Option<String>,
    /// The endpoint, when it is not the region's own.
    pub(crate) endpoint: Option<String>,
    /// The profile, when one was named.
    pub(crate) profile: Option<String>,
    /// The proxy that calls go through and the variable that names it, without secrets.
    pub(crate) proxy: Option<String>,
    /// By how much the cloud's clock is ahead of ours, seconds, when it is known.
    pub(crate) skew_secs: Option<f64>,
}

/// More than this and requests are refused as too old or from the future: AWS allows five minutes.
const SKEW_THAT_MATTERS: f64 = 240.0;

const CLOSED: &str = "App Runner has been closed to new customers since 2026-04-30: only accounts that used it before \
                      can; use ECS Express Mode instead (infra: platform = \"ecs-express\"), or an account that has App Runner";

/// What the failure of `api` means, and what mends it.
pub(crate) fn explain(api: Api, failure: &Failure, context: &CallContext) -> SourceError {
    let Api { service, operation, .. } = api;
    let what = format!("{service} {operation}");
    // The chain of credentials itself is no call.
    let call = if operation.is_empty() { String::new() } else { format!("cannot call {what}: ") };
    let region = context.region.as_deref().unwrap_or("?");
    let (kind, message, remedy) = match failure {
        Failure::Refused { code, message, status } => return refused(api, code, message, *status, context),
        Failure::NoRegion => (
            SourceErrorKind::Credentials,
            format!("{call}no region is set"),
            "name it with --region, AWS_REGION or `aws configure set region REGION`".to_owned(),
        ),
        Failure::NoCredentials => (
            SourceErrorKind::Credentials,
            format!(
                "{call}no credentials were found (environment, profile, sign-on, container and instance were tried)"
            ),
            sign_in(context),
        ),
        Failure::BadCredentials { detail } => (
            SourceErrorKind::Credentials,
            format!("{call}the credentials could not be had: {}", one_line(detail)),
            sign_in(context),
        ),
        Failure::LoginSession => (
            SourceErrorKind::Credentials,
            format!("{call}profiles with login_session (`aws login`) are not read"),
            export_credentials(context),
        ),
        Failure::Timeout => (
            SourceErrorKind::Unreachable,
            format!("{what} did not answer in time"),
            unreachable_remedy(service, region, context),
        ),
        Failure::Unreachable { detail } => (
            SourceErrorKind::Unreachable,
            format!("cannot reach {what}: {}", one_line(detail)),
            unreachable_remedy(service, region, context),
        ),
        Failure::BadAnswer { detail } => (
            SourceErrorKind::BadAnswer,
            format!("{what} answered nonsense: {}", one_line(detail)),
            match &context.endpoint {
                Some(endpoint) => format!("check that {endpoint} speaks for AWS (--endpoint-url, AWS_ENDPOINT_URL)"),
                None => "check that no proxy or captive portal answers in its place".to_owned(),
            },
        ),
    };
    SourceError { kind, message, remedy }
}

fn refused(api: Api, code: &str, message: &str, status: u16, context: &CallContext) -> SourceError {
    let Api { service, operation, permission } = api;
    let region = context.region.as_deref().unwrap_or("?");
    let code = code.rsplit('#').next().unwrap_or(code);
    let said = if code.is_empty() { format!("HTTP {status}") } else { code.to_owned() };
    let what = format!("{service} {operation} answered {said}: {}", one_line(message));
    let error = |kind, remedy: String| SourceError { kind, message: what.trim_end_matches(": ").to_owned(), remedy };
    match class_of(code, status) {
        Class::Throttled => {
            error(SourceErrorKind::Throttled, "backing off; others use the same account's quota".to_owned())
        }
        Class::Skewed => error(SourceErrorKind::Credentials, skew_remedy(context)),
        Class::Credentials if context.skew_secs.is_some_and(|skew| skew.abs() > SKEW_THAT_MATTERS) => {
            error(SourceErrorKind::Credentials, skew_remedy(context))
        }
        Class::Credentials => error(SourceErrorKind::Credentials, sign_in(context)),
        // What IAM denies names the action; what an account may not use at all does not.
        Class::Denied if service == "App Runner" && !message.contains("not authorized to perform") => {
            error(SourceErrorKind::Unavailable, format!("{CLOSED}; if it does, the role needs {permission}"))
        }
        Class::Denied => error(
            SourceErrorKind::AccessDenied,
            format!("the role needs {permission}; `scaletop doctor --policy` prints all that are needed"),
        ),
        Class::NotSubscribed if service == "App Runner" => error(SourceErrorKind::Unavailable, CLOSED.to_owned()),
        Class::NotSubscribed => error(
            SourceErrorKind::Unavailable,
            format!(
                "enable the region {region} or the service in this account, or choose another --region or --profile"
            ),
        ),
        Class::NotFound => error(
            SourceErrorKind::NotFound,
            format!("check the name, --region (now {region}) and the account; `scaletop doctor` lists what is there"),
        ),
        Class::Unknown => error(
            SourceErrorKind::Unavailable,
            format!("the region {region} or the endpoint does not offer {operation}; choose another --region"),
        ),
        Class::Server => {
            error(SourceErrorKind::Unreachable, "asking again; see health.aws.amazon.com if it lasts".to_owned())
        }
        Class::Other => error(SourceErrorKind::BadAnswer, "`scaletop doctor` tries each call and says more".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Throttled,
    Skewed,
    Credentials,
    Denied,
    NotSubscribed,
    NotFound,
    Unknown,
    Server,
    Other,
}

fn class_of(code: &str, status: u16) -> Class {
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "SlowDown"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete" => Class::Throttled,
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => Class::Skewed,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidAccessKeyId"
        | "AuthFailure" => Class::Credentials,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" | "Forbidden" => {
            Class::Denied
        }
        "OptInRequired" | "SubscriptionRequiredException" | "OptInRequiredException" => Class::NotSubscribed,
        "ResourceNotFoundException"
        | "ResourceNotFound"
        | "ServiceNotFoundException"
        | "ClusterNotFoundException"
        | "RepositoryNotFoundException"
        | "ImageNotFoundException"
        | "ServiceNotActiveException"
        | "ObjectNotFoundException" => Class::NotFound,
        "UnknownOperationException" | "InvalidAction" | "UnsupportedFeatureException" | "NoSuchMethod" => {
            Class::Unknown
        }
        _ => match status {
            429 => Class::Throttled,
            401 => Class::Credentials,
            403 => Class::Denied,
            404 => Class::Unknown,
            500.. => Class::Server,
            _ => Class::Other,
        },
    }
}

fn sign_in(context: &CallContext) -> String {
    let profile = context.profile.as_ref().map(|profile| format!(" --profile {profile}")).unwrap_or_default();
    format!(
        "sign in again (`aws sso login{profile}` or new AWS_… variables); a running session asks again every minute"
    )
}

/// The aws CLI reads what we do not, and hands it on.
fn export_credentials(context: &CallContext) -> String {
    let profile = context.profile.as_ref().map(|profile| format!(" --profile {profile}")).unwrap_or_default();
    let export = format!("aws configure export-credentials{profile}");
    format!(
        "hand the credentials over: eval \"$({export} --format env)\", without --profile and AWS_PROFILE; or name a profile \
         of its own with credential_process = {export} --format process"
    )
}

fn skew_remedy(context: &CallContext) -> String {
    match context.skew_secs {
        Some(skew) if skew.abs() >= 1.0 => {
            let side = if skew > 0.0 { "behind" } else { "ahead of" };
            format!("set this machine's clock: it is {:.0} s {side} the cloud's", skew.abs())
        }
        _ => "check this machine's clock".to_owned(),
    }
}

fn unreachable_remedy(service: &str, region: &str, context: &CallContext) -> String {
    match &context.endpoint {
        Some(endpoint) => format!("check that something listens at {endpoint} (--endpoint-url, AWS_ENDPOINT_URL)"),
        None => match &context.proxy {
            Some(proxy) => format!(
                "check the proxy {proxy}: it must let https through to amazonaws.com; or name the host in NO_PROXY"
            ),
            None => format!(
                "check the network, and that {service} is offered in {region} (--region); where only a proxy leads out, name \
                 it in HTTPS_PROXY"
            ),
        },
    }
}

/// The first line, bounded: error chains can hold whole pages.
fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    if line.is_empty() { "no reason given".to_owned() } else { line }
}

#[cfg(test)]
mod tests;
