# Every range below is stated in the message that refuses a value, so that nobody has to look it up.

variable "platform" {
  description = "Where the service runs: app-runner, ecs-express, or both with the same image (for `scaletop compare`)."
  type        = string
  default     = "app-runner"

  validation {
    condition     = contains(["app-runner", "ecs-express", "both"], var.platform)
    error_message = "platform must be \"app-runner\", \"ecs-express\" or \"both\"; App Runner is closed to accounts that were not its customers before 2026-04-30."
  }
}

variable "region" {
  description = "AWS region; null takes AWS_REGION or the profile's region."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region must look like \"eu-west-1\", or be null for the region of your AWS configuration."
  }
}

variable "profile" {
  description = "Profile of ~/.aws/config; null takes AWS_PROFILE or the default chain."
  type        = string
  default     = null

  validation {
    condition     = var.profile == null || can(regex("^[^\\s]+$", var.profile))
    error_message = "profile must be a profile name without spaces, or null for the default credential chain."
  }
}

variable "name" {
  description = "Name of the service, the repository and everything beside them."
  type        = string
  default     = "scaletop-test-app"

  validation {
    # The tightest of: ECR (lower case), App Runner service (4-40), scaling configuration "NAME-single" (4-32),
    # Express service "NAME-xxxxxx" (becomes a DNS label of the URL).
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must have 4 to 25 characters: lower-case letters, digits and single hyphens, first a letter, last no hyphen."
  }
}

variable "image_tag" {
  description = "Tag of the image to run. Empty: registry and roles only, no service yet (the first half of `make infra`)."
  type        = string
  default     = ""

  validation {
    condition     = var.image_tag == "" || can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.image_tag))
    error_message = "image_tag must have 1 to 128 characters (letters, digits, '_', '.', '-', not first '.' or '-'), or be empty for no service yet."
  }
  validation {
    condition     = var.image_tag != "latest"
    error_message = "image_tag must name one image; \"latest\" would hide which one is measured (the repository's tags are immutable)."
  }
}

variable "image_repository" {
  description = "ECR repository that images come from instead of one made here, also of another account or region: ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME. Its own policy has to let this account pull."
  type        = string
  default     = ""

  validation {
    condition     = var.image_repository == "" || can(regex("^[0-9]{12}\\.dkr\\.ecr(-fips)?\\.[a-z0-9-]+\\.[a-z.]+/[a-z0-9]+([._/-][a-z0-9]+)*$", var.image_repository))
    error_message = "image_repository must look like 123456789012.dkr.ecr.eu-west-1.amazonaws.com/NAME, without a tag, or be empty for a repository of its own."
  }
}

variable "scaling" {
  description = "Which of the two scaling configurations the service uses."
  type        = string
  default     = "multi-instance"

  validation {
    condition     = contains(["single-instance", "multi-instance"], var.scaling)
    error_message = "scaling must be \"single-instance\" (1 to 1) or \"multi-instance\" (min_size to max_size)."
  }
}

variable "min_size" {
  description = "Instances that multi-instance always keeps provisioned."
  type        = number
  default     = 1

  validation {
    condition     = var.min_size >= 1 && var.min_size <= 25 && floor(var.min_size) == var.min_size
    error_message = "min_size must be a whole number from 1 to 25."
  }
  validation {
    condition     = var.min_size <= var.max_size
    error_message = "min_size must not be above max_size."
  }
}

variable "max_size" {
  description = "Most instances of multi-instance."
  type        = number
  default     = 5

  validation {
    condition     = var.max_size >= 1 && var.max_size <= 25 && floor(var.max_size) == var.max_size
    error_message = "max_size must be a whole number from 1 to 25 (App Runner's quota per service)."
  }
}

variable "max_concurrency" {
  description = "Requests in flight per instance above which App Runner adds an instance, or answers 429 when it may not."
  type        = number
  default     = 10

  validation {
    condition     = var.max_concurrency >= 1 && var.max_concurrency <= 200 && floor(var.max_concurrency) == var.max_concurrency
    error_message = "max_concurrency must be a whole number from 1 to 200."
  }
}

variable "cpu" {
  description = "CPU units of an instance (1024 = 1 vCPU)."
  type        = number
  default     = 1024

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu)
    error_message = "cpu must be 256, 512, 1024, 2048 or 4096."
  }
}

variable "memory" {
  description = "Memory of an instance in MiB."
  type        = number
  default     = 2048

  validation {
    condition = contains(lookup({
      256  = [512, 1024]
      512  = [1024]
      1024 = [2048, 3072, 4096]
      2048 = [4096, 6144]
      4096 = [8192, 10240, 12288]
    }, var.cpu, []), var.memory)
    error_message = "memory must fit cpu: 256 with 512 or 1024; 512 with 1024; 1024 with 2048, 3072 or 4096; 2048 with 4096 or 6144; 4096 with 8192, 10240 or 12288."
  }
  validation {
    condition     = var.platform == "app-runner" || var.memory <= 8192
    error_message = "memory must be at most 8192 on ecs-express."
  }
}

variable "delay_ms" {
  description = "How long the test app waits before it answers."
  type        = number
  default     = 80

  validation {
    # App Runner ends a request after 120 s; half of it leaves room for a queue.
    condition     = var.delay_ms >= 0 && var.delay_ms <= 60000 && floor(var.delay_ms) == var.delay_ms
    error_message = "delay_ms must be a whole number from 0 to 60000."
  }
}

variable "environment" {
  description = "More environment variables for the container (for a service of your own). Not for secrets: they show in the console."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !startswith(name, "AWSAPPRUNNER")])
    error_message = "environment names must have letters, digits and '_', not first a digit, and not start with AWSAPPRUNNER (reserved)."
  }
}

variable "port" {
  description = "Port that the container listens on."
  type        = number
  default     = 8080

  validation {
    condition     = var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port must be a whole number from 1 to 65535."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 as soon as an instance can serve."
  type        = string
  default     = "/healthz"

  validation {
    condition     = can(regex("^/[!-~]*$", var.health_check_path))
    error_message = "health_check_path must start with \"/\" and have no spaces."
  }
}

variable "ecs_scaling_metric" {
  description = "What Express Mode scales on. It has no concurrency; requests per task and minute come closest."
  type        = string
  default     = "REQUEST_COUNT_PER_TARGET"

  validation {
    # The provider's page names CPU and MEMORY; the API wants these (hashicorp/terraform-provider-aws#49511).
    condition     = contains(["AVERAGE_CPU", "AVERAGE_MEMORY", "REQUEST_COUNT_PER_TARGET"], var.ecs_scaling_metric)
    error_message = "ecs_scaling_metric must be \"AVERAGE_CPU\", \"AVERAGE_MEMORY\" or \"REQUEST_COUNT_PER_TARGET\"."
  }
}

variable "ecs_scaling_target" {
  description = "Target of that metric: percent, or requests per task and minute (6000 = 100/s, what one instance held in the App Runner experiment)."
  type        = number
  default     = 6000

  validation {
    condition     = var.ecs_scaling_target >= 1 && floor(var.ecs_scaling_target) == var.ecs_scaling_target && (var.ecs_scaling_metric == "REQUEST_COUNT_PER_TARGET" ? var.ecs_scaling_target <= 1000000 : var.ecs_scaling_target <= 100)
    error_message = "ecs_scaling_target must be a whole number: 1 to 100 (percent) for AVERAGE_CPU and AVERAGE_MEMORY, 1 to 1000000 (requests per minute) for REQUEST_COUNT_PER_TARGET."
  }
}

variable "ecs_subnet_ids" {
  description = "Subnets of the Express service; empty takes those of the default VPC. Private subnets give an internal load balancer."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.ecs_subnet_ids) != 1 && alltrue([for id in var.ecs_subnet_ids : can(regex("^subnet-[0-9a-f]{8,17}$", id))])
    error_message = "ecs_subnet_ids must be empty (default VPC) or at least 2 ids like \"subnet-0123456789abcdef0\"."
  }
}

variable "ci_credentials" {
  description = "How a pipeline may push images: github-oidc (a role, no key), access-key (an IAM user with a long-lived key; only on request), none."
  type        = string
  default     = "github-oidc"

  validation {
    condition     = contains(["github-oidc", "access-key", "none"], var.ci_credentials)
    error_message = "ci_credentials must be \"github-oidc\", \"access-key\" or \"none\"."
  }
}

variable "github_repository" {
  description = "OWNER/REPO that may push images. Empty with github-oidc: no role is made (a role bound to nothing would be open to everyone)."
  type        = string
  default     = ""

  validation {
    condition     = var.github_repository == "" || can(regex("^[A-Za-z0-9](-?[A-Za-z0-9])*/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be OWNER/REPO (letters, digits, '-', '_', '.'; no wildcard, and no @: ids go into github_owner_id and github_repository_id), or empty for no role."
  }
}

variable "github_owner_id" {
  description = "Numeric id of that repository's owner, for tokens that name it (repositories of 2026-07-15 and later): gh api repos/OWNER/REPO --jq .owner.id"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9]*$", var.github_owner_id))
    error_message = "github_owner_id must be digits: gh api repos/OWNER/REPO --jq .owner.id"
  }
  validation {
    condition     = (var.github_owner_id == "") == (var.github_repository_id == "")
    error_message = "github_owner_id and github_repository_id go together: gh api repos/OWNER/REPO --jq '.owner.id,.id'"
  }
  validation {
    condition     = var.github_owner_id == "" || var.github_repository != ""
    error_message = "github_owner_id needs github_repository, whose owner it is."
  }
}

variable "github_repository_id" {
  description = "Numeric id of that repository: gh api repos/OWNER/REPO --jq .id"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9]*$", var.github_repository_id))
    error_message = "github_repository_id must be digits: gh api repos/OWNER/REPO --jq .id"
  }
}

variable "github_branch" {
  description = "The one branch of that repository that may push images."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.github_branch))
    error_message = "github_branch must be one branch name (letters, digits, '.', '_', '/', '-'; no wildcard)."
  }
}

variable "github_environments" {
  description = "GitHub environments of that repository whose jobs may push images too; a token of theirs names them in place of the branch."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.github_environments : can(regex("^[A-Za-z0-9._-]{1,255}$", name))])
    error_message = "github_environments must be names of environments (letters, digits, '.', '_', '-'; no wildcard)."
  }
}

variable "create_oidc_provider" {
  description = "False where the account already has GitHub's OIDC provider: AWS allows one per URL and account."
  type        = bool
  default     = true
}

variable "access_key_pgp_key" {
  description = "With access-key: a base64 PGP public key or keybase:USER that the secret is encrypted with. Empty: it stands in the state in clear."
  type        = string
  default     = ""

  validation {
    condition     = var.access_key_pgp_key == "" || can(regex("^(keybase:[A-Za-z0-9_]+|[A-Za-z0-9+/=\\s]{100,})$", var.access_key_pgp_key))
    error_message = "access_key_pgp_key must be keybase:USER, a base64 PGP public key (not ASCII-armoured), or empty."
  }
}

variable "tags" {
  description = "Tags on everything that can carry them, beside project and deployment."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 40 && alltrue([for key in keys(var.tags) : length(key) <= 128 && !startswith(lower(key), "aws:")])
    error_message = "tags must be at most 40, with keys of at most 128 characters that do not start with \"aws:\"."
  }
}
