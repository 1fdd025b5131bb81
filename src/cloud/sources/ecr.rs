//! The image that is deployed, and whether a newer one waits.
//!
//! Facts: `image` (`demo:v1`), `image_digest`, `image_pushed`, `image_newer` (`none`, or what waits).

use std::time::Duration;

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, ImageIdentifier, TagStatus};
use jiff::Timestamp;

use super::ecs_tasks::newest_task;
use super::last_told::LastTold;
use super::newer_image::{NewerImage, newer_than, pushed_at, time_text};
use crate::cloud::WatchedService;
use crate::cloud::clients::Cloud;
use crate::cloud::failure::Api;
use crate::cloud::image::{EcrImage, short_digest};
use crate::cloud::listing::{Listing, at_most};
use crate::instances::{SourceError, SourceErrorKind};
use crate::polling::{PollReport, PolledFeed};
use crate::session::event::NoticeLevel;
use scaletop_units::Elapsed;

/// Images are pushed by pipelines.
const INTERVAL: Duration = Duration::from_mins(1);
/// More tagged images than this of a repository are not looked through for a newer one.
const MOST_IMAGES: usize = 1_000;

/// Whose image it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageOwner {
    /// An App Runner service, by its ARN.
    AppRunner {
        arn: String,
    },
    /// Nobody's in particular: an image by its name.
    Image {
        /// The name: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:v1`.
        name: String,
    },
    Ecs {
        cluster: String,
        service: String,
    },
}

impl From<&WatchedService> for ImageOwner {
    fn from(service: &WatchedService) -> Self {
        match service {
            WatchedService::AppRunner { arn, .. } => Self::AppRunner { arn: arn.clone() },
            WatchedService::Ecs { cluster, service, .. } => {
                Self::Ecs { cluster: cluster.clone(), service: service.clone() }
            }
        }
    }
}

/// The image that is deployed, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeployedImage {
    /// Its name: `demo:v1`.
    pub(crate) name: String,
    pub(crate) digest: Option<String>,
    /// When it was pushed.
    pub(crate) pushed: Option<Timestamp>,
    /// Whether a newer one waits; `None` when the registry could not be asked.
    pub(crate) newer: Option<NewerImage>,
    /// Whether the repository has more images than were looked at.
    is_cut: bool,
}

/// What the platform says is deployed: the image's name, and its digest where it says it.
type Named = (String, Option<String>);

/// Watches the image of one service.
#[derive(Debug)]
pub struct EcrFeed {
    cloud: Cloud,
    owner: ImageOwner,
    last_told: LastTold,
}

impl EcrFeed {
    /// Watches the image of this service.
    pub fn new(cloud: Cloud, owner: ImageOwner) -> Self {
        Self { cloud, owner, last_told: LastTold::default() }
    }

    async fn named(&self) -> Result<Option<Named>, SourceError> {
        match &self.owner {
            ImageOwner::Image { name } => Ok(Some((name.clone(), None))),
            ImageOwner::AppRunner { arn } => {
                let asked = self.cloud.app_runner.describe_service().service_arn(arn).send().await;
                let answer = asked.map_err(|error| self.cloud.error(Api::APP_RUNNER_DESCRIBE, &error))?;
                let source = answer.service.and_then(|service| service.source_configuration);
                Ok(source.and_then(|source| source.image_repository).map(|image| (image.image_identifier, None)))
            }
            ImageOwner::Ecs { cluster, service } => {
                let Some(task) = newest_task(&self.cloud, cluster, service).await? else { return Ok(None) };
                let containers = task.containers();
                // Express calls its container Main; elsewhere the first is as good as any.
                let main = containers.iter().find(|container| container.name() == Some("Main")).or(containers.first());
                Ok(main.and_then(|container| {
                    Some((container.image()?.to_owned(), container.image_digest().map(str::to_owned)))
                }))
            }
        }
    }

    /// The deployed image, and those of its repository.
    async fn images(
        &self,
        image: &EcrImage,
        digest: Option<&str>,
    ) -> Result<(ImageDetail, Listing<ImageDetail>), SourceError> {
        // The registry may be in another region than the service.
        let ecr = if self.cloud.region() == Some(&image.region) {
            self.cloud.ecr.clone()
        } else {
            self.cloud.in_region(&image.region).ecr
        };
        let refuse = |error: &_| across_accounts(self.cloud.error(Api::IMAGES, error), image);
        let id = match digest.or(image.digest.as_deref()) {
            Some(digest) => ImageIdentifier::builder().image_digest(digest).build(),
            None => ImageIdentifier::builder().set_image_tag(image.tag.clone()).build(),
        };
        let ask = || ecr.describe_images().registry_id(&image.account).repository_name(&image.repository);
        let deployed = ask().image_ids(id).send().await.map_err(|error| refuse(&error))?;
        let Some(deployed) = deployed.image_details.unwrap_or_default().into_iter().next() else {
            return Err(SourceError {
                kind: SourceErrorKind::NotFound,
                message: format!("ECR has no image {}", image.label()),
                remedy: "push it again (make push), or the next instance cannot start".to_owned(),
            });
        };
        // What has no tag never waits: attestations, and what a tag has moved away from.
        let tagged = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build();
        let all = ask().filter(tagged).into_paginator().items().send();
        let all = at_most(all, MOST_IMAGES).await.map_err(|error| refuse(&error))?;
        Ok((deployed, all))
    }

    /// Looks once: the image, if one is deployed, and what failed, if anything.
    pub(crate) async fn look(&self) -> (Option<DeployedImage>, Option<SourceError>) {
        let (name, digest) = match self.named().await {
            Ok(Some(named)) => named,
            Ok(None) => return (None, None),
            Err(error) => return (None, Some(error)),
        };
        let nothing = DeployedImage { name, digest: None, pushed: None, newer: None, is_cut: false };
        let Some(image) = EcrImage::parse(&nothing.name) else {
            return (Some(DeployedImage { newer: Some(NewerImage::Unknown), ..nothing }), None);
        };
        let nothing = DeployedImage { name: image.label(), ..nothing };
        match self.images(&image, digest.as_deref()).await {
            Ok((deployed, all)) => {
                let looked_at = DeployedImage {
                    digest: deployed.image_digest().map(short_digest),
                    pushed: pushed_at(&deployed),
                    newer: Some(newer_than(image.tag.as_deref(), &deployed, &all.items)),
                    is_cut: all.is_cut,
                    ..nothing
                };
                (Some(looked_at), None)
            }
            Err(error) => (Some(nothing), Some(error)),
        }
    }

    fn tell(&mut self, report: &mut PollReport, image: DeployedImage, now: Elapsed) {
        let told = &mut self.last_told;
        told.fact(report, "image", image.name, now);
        if let Some(digest) = image.digest {
            told.fact(report, "image_digest", digest, now);
        }
        if let Some(pushed) = image.pushed {
            told.fact(report, "image_pushed", time_text(pushed), now);
        }
        if let Some(newer) = image.newer {
            told.fact(report, "image_newer", newer.to_string(), now);
        }
        let too_many = if image.is_cut {
            format!("ECR has more than {MOST_IMAGES} tagged images of the service: a newer one may be missed")
        } else {
            String::new()
        };
        told.notice(report, "images", NoticeLevel::Info, too_many);
    }
}

/// Across accounts the role's own permission is not enough.
fn across_accounts(mut error: SourceError, image: &EcrImage) -> SourceError {
    if error.kind == SourceErrorKind::AccessDenied {
        let EcrImage { account, region, repository, .. } = image;
        error.remedy = format!(
            "{}; the repository {repository} is the account {account}'s in {region}: where that is another account than yours, \
             its repository policy must allow it, too",
            error.remedy
        );
    }
    error
}

impl PolledFeed for EcrFeed {
    fn name(&self) -> &'static str {
        "ecr"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn poll(&mut self) -> PollReport {
        let mut report = PollReport::default();
        let (image, problem) = self.look().await;
        let now = self.cloud.skew().clock().now();
        if let Some(image) = image {
            self.tell(&mut report, image, now);
        }
        report.problem = problem;
        report
    }
}
