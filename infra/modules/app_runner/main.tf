# An App Runner service and the two scaling configurations of the experiment.

variable "name" {
  description = "Name of the service."
  type        = string
}

variable "repository_arn" {
  description = "The repository the access role may pull from."
  type        = string
}

variable "image" {
  description = "HOST/NAME:TAG."
  type        = string
}

variable "port" {
  description = "Port of the container."
  type        = number
}

variable "environment" {
  description = "Environment of the container."
  type        = map(string)
}

variable "cpu" {
  description = "CPU units."
  type        = number
}

variable "memory" {
  description = "MiB."
  type        = number
}

variable "health_check_path" {
  description = "Path that answers 200."
  type        = string
}

variable "scalings" {
  description = "Configurations to keep, by name."
  type        = map(object({ short = string, min_size = number, max_size = number }))
}

variable "scaling" {
  description = "The one in use."
  type        = string
}

variable "max_concurrency" {
  description = "Requests in flight per instance."
  type        = number
}

variable "deployed" {
  description = "False: roles only, so that they have settled when the service needs them."
  type        = bool
}

locals {
  # The managed policy AWSAppRunnerServicePolicyForECRAccess reads every repository of the account; this one reads ours.
  access_policy = {
    Version = "2012-10-17"
    Statement = [
      { Sid = "Login", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = "*" },
      {
        Sid      = "PullThisRepository"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
        Resource = var.repository_arn
      },
    ]
  }
  trust = { for role, principal in { access = "build.apprunner.amazonaws.com", instance = "tasks.apprunner.amazonaws.com" } : role => {
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { Service = principal } }]
  } }
}

# Pulls the image. Part of the first apply: a role that is seconds old can still be unknown to App Runner.
resource "aws_iam_role" "access" {
  name               = "${var.name}-apprunner-access"
  description        = "App Runner pulls ${var.name} from ECR"
  assume_role_policy = jsonencode(local.trust.access)
}

resource "aws_iam_role_policy" "access" {
  name   = "pull-image"
  role   = aws_iam_role.access.name
  policy = jsonencode(local.access_policy)
}

# What the running app may do in AWS: nothing. A service of your own hangs its policies here.
resource "aws_iam_role" "instance" {
  name               = "${var.name}-apprunner-instance"
  description        = "What ${var.name} may do in AWS"
  assume_role_policy = jsonencode(local.trust.instance)
}

resource "aws_apprunner_auto_scaling_configuration_version" "this" {
  for_each = var.deployed ? var.scalings : {}

  # "multi-instance" alone would be shared by every deployment of the account.
  auto_scaling_configuration_name = "${var.name}-${each.value.short}"
  max_concurrency                 = var.max_concurrency
  min_size                        = each.value.min_size
  max_size                        = each.value.max_size

  lifecycle {
    # A configuration is immutable, so every change replaces it. By default the old one goes first, which App Runner
    # refuses while a service uses it: "You can't delete the auto scaling configuration. It's used by one or more
    # services" (hashicorp/terraform-provider-aws#38534, open). Created first under the same name it becomes the next
    # revision, the service is pointed at it, and only then the old revision is deleted; at most two of the five
    # revisions a name may have exist at a time.
    create_before_destroy = true
  }
}

resource "aws_apprunner_service" "this" {
  count        = var.deployed ? 1 : 0
  service_name = var.name

  source_configuration {
    # Tags are immutable, so there is nothing to follow; and it must be off for ECR Public
    # (hashicorp/terraform-provider-aws#24531), should the repository ever move there.
    auto_deployments_enabled = false

    authentication_configuration {
      access_role_arn = aws_iam_role.access.arn
    }

    image_repository {
      image_identifier      = var.image
      image_repository_type = "ECR"

      image_configuration {
        port = tostring(var.port)
        # PORT is App Runner's own: it sets it from `port`.
        runtime_environment_variables = { for name, value in var.environment : name => value if name != "PORT" }
      }
    }
  }

  auto_scaling_configuration_arn = aws_apprunner_auto_scaling_configuration_version.this[var.scaling].arn

  instance_configuration {
    cpu               = tostring(var.cpu)
    memory            = tostring(var.memory)
    instance_role_arn = aws_iam_role.instance.arn
  }

  # Every field is set: left out, the provider once planned a replacement of the service
  # (hashicorp/terraform-provider-aws#30216). A short interval and one success: a new instance serves soonest.
  health_check_configuration {
    protocol            = "HTTP"
    path                = var.health_check_path
    interval            = 2
    timeout             = 1
    healthy_threshold   = 1
    unhealthy_threshold = 5
  }

  # The policy, not only the role: on the way up it must be in force before the pull, on the way down it goes last.
  depends_on = [aws_iam_role_policy.access]
}

output "service_name" {
  description = "Name of the service, or null."
  value       = one(aws_apprunner_service.this[*].service_name)
}

output "service_arn" {
  description = "ARN of the service, or null."
  value       = one(aws_apprunner_service.this[*].arn)
}

output "service_id" {
  description = "The id that CloudWatch calls ServiceID, or null."
  value       = one(aws_apprunner_service.this[*].service_id)
}

output "service_url" {
  description = "https URL, or null."
  # The API gives a bare host.
  value = one([for service in aws_apprunner_service.this : "https://${trimprefix(service.service_url, "https://")}"])
}

output "scaling_configurations" {
  description = "What exists, by name."
  value = { for name, configuration in aws_apprunner_auto_scaling_configuration_version.this : name => {
    arn             = configuration.arn
    min_size        = configuration.min_size
    max_size        = configuration.max_size
    max_concurrency = configuration.max_concurrency
  } }
}

output "access_policy" {
  description = "The access role's policy as sent, for the tests."
  value       = aws_iam_role_policy.access.policy
}
