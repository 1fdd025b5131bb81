# From nothing to a scaling service, in two applies of one state (`make infra` runs both):
#   1. image_tag = ""    registry, roles, pipeline credentials: everything that costs nothing and needs no image
#   2. image_tag = TAG   the service, its scaling configurations and the dashboard
# A service without an image is what fails an App Runner create after ten minutes with a message about access roles
# (aws/apprunner-roadmap#127); here phase 2 looks the image up first and stops in seconds.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  on_app_runner = contains(["app-runner", "both"], var.platform)
  on_ecs        = contains(["ecs-express", "both"], var.platform)
  deployed      = var.image_tag != ""

  # The two halves of the App Runner experiment. Both exist on App Runner at all times; switching is one update of the service.
  scalings = {
    "single-instance" = { short = "single", min_size = 1, max_size = 1 }
    "multi-instance"  = { short = "multi", min_size = var.min_size, max_size = var.max_size }
  }
  scaling = local.scalings[var.scaling]

  environment = merge(var.environment, { PORT = tostring(var.port), DELAY_MS = tostring(var.delay_ms) })
  image       = "${local.repository.url}:${var.image_tag}"

  # Where images come from: a repository of our own, or somebody's, of which the URL says everything.
  foreign = var.image_repository == "" ? null : regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr(?:-fips)?\\.(?P<region>[a-z0-9-]+)\\.[a-z.]+/(?P<name>.+)$", var.image_repository)
  repository = local.foreign == null ? {
    arn      = module.registry[0].repository_arn
    name     = module.registry[0].repository_name
    url      = module.registry[0].repository_url
    registry = data.aws_caller_identity.current.account_id
    region   = data.aws_region.current.region
    } : {
    arn      = "arn:${data.aws_partition.current.partition}:ecr:${local.foreign.region}:${local.foreign.account}:repository/${local.foreign.name}"
    name     = local.foreign.name
    url      = var.image_repository
    registry = local.foreign.account
    region   = local.foreign.region
  }
}

module "registry" {
  source = "./modules/registry"
  count  = var.image_repository == "" ? 1 : 0
  name   = var.name
  # Only once the image was found: what is kept for a tag that does not exist would be kept no longer for the one that runs.
  keep_tag = local.deployed ? reverse(split(":", terraform_data.image[0].output))[0] : ""
}

moved {
  from = module.registry
  to   = module.registry[0]
}

# Looked up before any service is touched. `aws_ecr_images` lists what is there, so the refusal can name it; asking
# `aws_ecr_image` for a tag that does not exist fails inside the provider, before any condition of ours is read.
data "aws_ecr_images" "available" {
  count           = local.deployed ? 1 : 0
  repository_name = local.repository.name
  registry_id     = local.repository.registry
  region          = local.repository.region
}

locals {
  available_tags = sort(distinct(compact([for image in try(data.aws_ecr_images.available[0].image_ids, []) : image.image_tag])))
  image_digest   = try([for image in data.aws_ecr_images.available[0].image_ids : image.image_digest if image.image_tag == var.image_tag][0], null)
}

resource "terraform_data" "image" {
  count = local.deployed ? 1 : 0
  input = local.image

  lifecycle {
    precondition {
      condition     = contains(local.available_tags, var.image_tag)
      error_message = "There is no image \"${var.image_tag}\" in ${local.repository.name} (it has: ${length(local.available_tags) == 0 ? "none" : join(", ", local.available_tags)}). Push one first: `make push`, or run `make infra`, which builds and pushes before it deploys."
    }
    precondition {
      condition     = !local.on_app_runner || data.aws_partition.current.partition == "aws"
      error_message = "App Runner has no region in the partition ${data.aws_partition.current.partition}: platform = \"ecs-express\"."
    }
  }
}

module "ci_credentials" {
  source = "./modules/ci_credentials"

  name                 = var.name
  kind                 = var.ci_credentials
  repository_arn       = local.repository.arn
  github_repository    = var.github_repository
  github_owner_id      = var.github_owner_id
  github_repository_id = var.github_repository_id
  github_branch        = var.github_branch
  github_environments  = var.github_environments
  dns_suffix           = data.aws_partition.current.dns_suffix
  create_oidc_provider = var.create_oidc_provider
  pgp_key              = var.access_key_pgp_key
}

module "app_runner" {
  source = "./modules/app_runner"
  count  = local.on_app_runner ? 1 : 0

  name              = var.name
  repository_arn    = local.repository.arn
  image             = local.deployed ? terraform_data.image[0].output : ""
  port              = var.port
  environment       = local.environment
  cpu               = var.cpu
  memory            = var.memory
  health_check_path = var.health_check_path
  scalings          = local.scalings
  scaling           = var.scaling
  max_concurrency   = var.max_concurrency
  deployed          = local.deployed
}

module "ecs_express" {
  source = "./modules/ecs_express"
  count  = local.on_ecs ? 1 : 0

  name              = var.name
  partition         = data.aws_partition.current.partition
  account_id        = data.aws_caller_identity.current.account_id
  region            = data.aws_region.current.region
  repository_arn    = local.repository.arn
  image             = local.deployed ? terraform_data.image[0].output : ""
  port              = var.port
  environment       = local.environment
  cpu               = var.cpu
  memory            = var.memory
  health_check_path = var.health_check_path
  min_size          = local.scaling.min_size
  max_size          = local.scaling.max_size
  scaling_metric    = var.ecs_scaling_metric
  scaling_target    = var.ecs_scaling_target
  subnet_ids        = var.ecs_subnet_ids
  deployed          = local.deployed
}

module "dashboard" {
  source = "./modules/dashboard"
  count  = local.deployed ? 1 : 0

  name   = var.name
  region = data.aws_region.current.region
  app_runner = local.on_app_runner ? {
    service_name = module.app_runner[0].service_name
    service_id   = module.app_runner[0].service_id
  } : null
  ecs = local.on_ecs ? {
    cluster_name = module.ecs_express[0].cluster_name
    service_name = module.ecs_express[0].service_name
  } : null
}
