//! The image that is deployed, and whether a newer one waits.
//!
//! Facts: `image` (`demo:v1`), `image_digest`, `image_pushed`, `image_newer` (`none`, or what waits).

use std::time::Duration;

use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier};

use super::ecs_tasks::task_arns;
use super::feed::{CloudFeed, Report};
use super::said::Said;
use crate::cloud::clients::{Cloud, unix_secs};
use crate::cloud::failure::Api;
use crate::cloud::image::{EcrImage, short_digest};
use crate::cloud::listing::{Listing, at_most};
use crate::instances::{SourceError, SourceErrorKind};
use crate::session::event::NoticeLevel;
use scaletop_units::Elapsed;

/// Images are pushed by pipelines.
const INTERVAL: Duration = Duration::from_mins(1);
/// More images than this of a repository are not looked through for a newer one.
const MOST_IMAGES: usize = 1_000;

/// Whose image it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageOwner {
    /// An App Runner service, by its ARN.
    AppRunner {
        /// The ARN.
        arn: String,
    },
    /// Nobody's in particular: an image by its name.
    Image {
        /// The name: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:v1`.
        name: String,
    },
    /// An ECS service.
    Ecs {
        /// The cluster.
        cluster: String,
        /// The service.
        service: String,
    },
}

/// What is deployed: the image's name, and its digest where the platform says it.
type Deployed = (String, Option<String>);

/// Watches the image of one service.
#[derive(Debug)]
pub struct EcrFeed {
    cloud: Cloud,
    owner: ImageOwner,
    said: Said,
}

impl EcrFeed {
    /// Watches the image of this service.
    pub fn new(cloud: Cloud, owner: ImageOwner) -> Self {
        Self { cloud, owner, said: Said::default() }
    }

    async fn deployed(&self) -> Result<Option<Deployed>, SourceError> {
        match &self.owner {
            ImageOwner::Image { name } => Ok(Some((name.clone(), None))),
            ImageOwner::AppRunner { arn } => {
                let asked = self.cloud.app_runner.describe_service().service_arn(arn).send().await;
                let answer = asked.map_err(|error| self.cloud.error(Api::APP_RUNNER_DESCRIBE, &error))?;
                let source = answer.service.and_then(|service| service.source_configuration);
                Ok(source.and_then(|source| source.image_repository).map(|image| (image.image_identifier, None)))
            }
            ImageOwner::Ecs { cluster, service } => {
                let tasks = task_arns(&self.cloud, cluster, service).await?;
                let Some(newest) = tasks.items.last() else { return Ok(None) };
                let asked = self.cloud.ecs.describe_tasks().cluster(cluster).tasks(newest).send().await;
                let answer = asked.map_err(|error| self.cloud.error(Api::ECS_TASKS, &error))?;
                let containers = answer.tasks().first().map(aws_sdk_ecs::types::Task::containers).unwrap_or_default();
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
        let refuse = |error: &_| self.cloud.error(Api::IMAGES, error);
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
        let all = at_most(ask().into_paginator().items().send(), MOST_IMAGES).await.map_err(|error| refuse(&error))?;
        Ok((deployed, all))
    }

    fn tell(&mut self, report: &mut Report, deployed: &ImageDetail, all: &[ImageDetail], now: Elapsed) {
        let pushed = deployed.image_pushed_at().map(unix_secs);
        if let Some(digest) = deployed.image_digest() {
            self.said.fact(report, "image_digest", short_digest(digest), now);
        }
        if let Some(pushed) = pushed {
            self.said.fact(report, "image_pushed", time_text(pushed), now);
        }
        let is_newer = |image: &&ImageDetail| {
            let at = image.image_pushed_at().map(unix_secs);
            image.image_digest() != deployed.image_digest() && at.zip(pushed).is_some_and(|(at, pushed)| at > pushed)
        };
        let order = |image: &&ImageDetail| image.image_pushed_at().map(|at| (at.secs(), at.subsec_nanos()));
        let newest = all.iter().filter(is_newer).max_by_key(order);
        let newer = newest.map_or_else(
            || "none".to_owned(),
            |image| {
                let name = image
                    .image_tags()
                    .first()
                    .map_or_else(|| short_digest(image.image_digest().unwrap_or_default()), Clone::clone);
                let at = image.image_pushed_at().map_or_else(String::new, |at| time_text(unix_secs(at)));
                format!("{name}, pushed {at}, waits to be deployed")
            },
        );
        self.said.fact(report, "image_newer", newer, now);
    }
}

/// `2026-11-24 00:20:00 UTC`.
fn time_text(unix: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970; `as` saturates")]
    let at = jiff::Timestamp::from_second(unix as i64);
    at.map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

impl CloudFeed for EcrFeed {
    fn name(&self) -> &'static str {
        "ecr"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn poll(&mut self) -> Report {
        let mut report = Report::default();
        let deployed = self.deployed().await;
        let now = self.cloud.skew().clock().now();
        let (name, digest) = match deployed {
            Ok(Some(deployed)) => deployed,
            Ok(None) => return report,
            Err(error) => {
                report.problem(error);
                return report;
            }
        };
        let Some(image) = EcrImage::parse(&name) else {
            self.said.fact(&mut report, "image", name, now);
            self.said.fact(&mut report, "image_newer", "unknown: the image is in no private ECR registry", now);
            return report;
        };
        self.said.fact(&mut report, "image", image.label(), now);
        match self.images(&image, digest.as_deref()).await {
            Ok((deployed, all)) => {
                self.tell(&mut report, &deployed, &all.items, now);
                let too_many = if all.is_cut {
                    format!("ECR has more than {MOST_IMAGES} images in {}: a newer one may be missed", image.repository)
                } else {
                    String::new()
                };
                self.said.notice(&mut report, "images", NoticeLevel::Info, too_many);
            }
            Err(error) => report.problem(error),
        }
        report
    }
}
