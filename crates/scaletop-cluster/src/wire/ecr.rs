//! ECR's operations, awsJson 1.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::input::{Input, page};
use super::protocol::WireError;
use super::state::{ACCOUNT, CloudSnapshot, Overrides, digest_of};
use super::value::{Value, list, map};
use crate::ledger::FIRST_TAG;

const INVALID: &str = "InvalidParameterException";

/// The deployed image was pushed this long before the cluster started.
const PUSHED_BEFORE: f64 = 3_600.0;
/// An authorization token is good for 12 hours.
const TOKEN_LIFE: f64 = 43_200.0;

/// Answers `operation`.
pub(crate) fn answer(
    operation: &str,
    input: &serde_json::Value,
    cloud: &CloudSnapshot,
    overrides: &Overrides,
) -> Option<Result<Value, WireError>> {
    let input = Input::new(input, INVALID);
    Some(match operation {
        "DescribeImages" => describe_images(input, cloud, overrides),
        "DescribeRepositories" => describe_repositories(input, cloud),
        "GetAuthorizationToken" => Ok(authorization_token(cloud)),
        _ => return None,
    })
}

fn no_repository(name: &str) -> WireError {
    WireError::client(
        "RepositoryNotFoundException",
        format!("The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"),
    )
}

fn describe_images(input: Input<'_>, cloud: &CloudSnapshot, overrides: &Overrides) -> Result<Value, WireError> {
    let repository = input.required_text("repositoryName")?;
    if repository != cloud.name || input.text("registryId")?.is_some_and(|id| id != ACCOUNT) {
        return Err(no_repository(repository));
    }
    let pushed = overrides.pushed.iter().map(|(tag, at)| (tag.as_str(), *at));
    // What is deployed was pushed just before, unless that was said; what ran first, long before.
    let deployed = cloud.deployments.iter().map(|deployment| {
        let at = if deployment.revision == 1 { cloud.created - PUSHED_BEFORE } else { deployment.created };
        (deployment.tag.as_str(), at)
    });
    let first = (FIRST_TAG, cloud.created - PUSHED_BEFORE);
    let mut images: Vec<(&str, f64)> = Vec::new();
    for image in std::iter::once(first).chain(pushed).chain(deployed) {
        if images.iter().all(|(tag, _)| *tag != image.0) {
            images.push(image);
        }
    }
    let ids = input.structures("imageIds")?;
    let chosen: Vec<(&str, f64)> = if ids.is_empty() {
        images
    } else {
        let mut chosen = Vec::new();
        for id in ids {
            let (tag, digest) = (id.text("imageTag")?, id.text("imageDigest")?);
            let is_it = |(name, _): &&(&str, f64)| {
                tag.is_none_or(|tag| tag == *name) && digest.is_none_or(|digest| digest == digest_of(name))
            };
            let found = images.iter().find(is_it).copied().ok_or_else(|| {
                WireError::client(
                    "ImageNotFoundException",
                    format!(
                        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository \
                         with name '{repository}' in the registry with id '{ACCOUNT}'",
                        digest.unwrap_or("null"),
                        tag.unwrap_or("null")
                    ),
                )
            })?;
            chosen.push(found);
        }
        chosen
    };
    let size = input.page_size("maxResults", 1, 1_000, 100)?;
    let (items, next) = page(&chosen, input.text("nextToken")?, size, INVALID)?;
    let details = items.iter().map(|(tag, at)| {
        map([
            ("registryId", ACCOUNT.into()),
            ("repositoryName", repository.into()),
            ("imageDigest", digest_of(tag).into()),
            ("imageTags", list([Value::from(*tag)])),
            ("imageSizeInBytes", 2_621_440_u32.into()),
            ("imagePushedAt", Value::Time(*at)),
        ])
    });
    Ok(map([("imageDetails", list(details))]).with("nextToken", next))
}

fn describe_repositories(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    if let Some(missing) = input.texts("repositoryNames")?.into_iter().find(|name| *name != cloud.name) {
        return Err(no_repository(missing));
    }
    let repository = map([
        ("repositoryArn", format!("arn:aws:ecr:{}:{ACCOUNT}:repository/{}", cloud.region, cloud.name).into()),
        ("registryId", ACCOUNT.into()),
        ("repositoryName", cloud.name.as_str().into()),
        ("repositoryUri", cloud.repository_uri().into()),
        ("createdAt", Value::Time(cloud.created - 2.0 * PUSHED_BEFORE)),
        ("imageTagMutability", "IMMUTABLE".into()),
    ]);
    Ok(map([("repositories", list((!cloud.name.is_empty()).then_some(repository)))]))
}

/// A token of the right form for a registry that holds nothing.
fn authorization_token(cloud: &CloudSnapshot) -> Value {
    let data = map([
        ("authorizationToken", STANDARD.encode("AWS:scaletop-demo").into()),
        ("expiresAt", Value::Time(cloud.now + TOKEN_LIFE)),
        ("proxyEndpoint", format!("https://{ACCOUNT}.dkr.ecr.{}.amazonaws.com", cloud.region).into()),
    ]);
    map([("authorizationData", list([data]))])
}
