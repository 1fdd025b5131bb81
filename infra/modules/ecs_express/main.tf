# The same service on ECS Express Mode: Fargate tasks, a load balancer, a certificate and a scaling policy that ECS makes
# and removes itself. What scaletop watches is the ECS service in it.

variable "name" {
  description = "Name of the cluster and prefix of the service's name."
  type        = string
}

variable "partition" {
  description = "aws, aws-cn, …"
  type        = string
}

variable "account_id" {
  description = "The account, for resource names in policies."
  type        = string
}

variable "region" {
  description = "The region, for resource names in policies."
  type        = string
}

variable "repository_arn" {
  description = "The repository the execution role may pull from."
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

variable "min_size" {
  description = "Fewest tasks."
  type        = number
}

variable "max_size" {
  description = "Most tasks."
  type        = number
}

variable "scaling_metric" {
  description = "AVERAGE_CPU, AVERAGE_MEMORY or REQUEST_COUNT_PER_TARGET."
  type        = string
}

variable "scaling_target" {
  description = "Target of that metric."
  type        = number
}

variable "subnet_ids" {
  description = "Empty: the default VPC's."
  type        = list(string)
}

variable "deployed" {
  description = "False: cluster and roles only."
  type        = bool
}

locals {
  log_group     = "/scaletop/${var.name}"
  log_group_arn = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:${local.log_group}"

  # The managed AmazonECSTaskExecutionRolePolicy reads every repository and writes every log group of the account.
  execution_policy = {
    Version = "2012-10-17"
    Statement = [
      { Sid = "Login", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = "*" },
      {
        Sid      = "PullThisRepository"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.repository_arn
      },
      {
        Sid      = "WriteThisLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.log_group_arn}:*"
      },
    ]
  }

  trust = { for role, principal in { execution = "ecs-tasks.amazonaws.com", task = "ecs-tasks.amazonaws.com", infrastructure = "ecs.amazonaws.com" } : role => {
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { Service = principal } }]
  } }
}

# A cluster of its own: the account's "default" cluster, which Express would make, stays behind after a destroy.
resource "aws_ecs_cluster" "this" {
  name = var.name
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = 14
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-ecs-execution"
  description        = "ECS pulls ${var.name} from ECR and writes its log"
  assume_role_policy = jsonencode(local.trust.execution)
}

resource "aws_iam_role_policy" "execution" {
  name   = "pull-image-write-log"
  role   = aws_iam_role.execution.name
  policy = jsonencode(local.execution_policy)
}

# ECS builds load balancer, certificate, security groups and scaling with it. AWS's own policy is the one that Express
# asks for; the role cannot be changed on a running service.
resource "aws_iam_role" "infrastructure" {
  name               = "${var.name}-ecs-infrastructure"
  description        = "ECS Express Mode manages the infrastructure of ${var.name}"
  assume_role_policy = jsonencode(local.trust.infrastructure)
}

resource "aws_iam_role_policy_attachment" "infrastructure" {
  role       = aws_iam_role.infrastructure.name
  policy_arn = "arn:${var.partition}:iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
}

# What the running app may do in AWS: nothing.
resource "aws_iam_role" "task" {
  name               = "${var.name}-ecs-task"
  description        = "What ${var.name} may do in AWS"
  assume_role_policy = jsonencode(local.trust.task)
}

# ECS holds the name of a deleted service for a while, so that destroy and make again would fail on the same name. Six
# characters, chosen once when the service is first made and kept in the state, from a provider that is built in.
resource "terraform_data" "suffix" {
  count = var.deployed ? 1 : 0
  input = substr(sha256("${plantimestamp()} ${var.name}"), 0, 6)

  lifecycle {
    ignore_changes = [input]
  }
}

# Block syntax throughout: several of these are attributes in the provider's schema, and Terraform takes both for them.
resource "aws_ecs_express_gateway_service" "this" {
  count = var.deployed ? 1 : 0

  service_name            = "${var.name}-${terraform_data.suffix[0].output}"
  cluster                 = aws_ecs_cluster.this.name
  execution_role_arn      = aws_iam_role.execution.arn
  infrastructure_role_arn = aws_iam_role.infrastructure.arn
  task_role_arn           = aws_iam_role.task.arn

  # Said outright: AWS's pages disagree on the defaults of all three.
  cpu               = tostring(var.cpu)
  memory            = tostring(var.memory)
  health_check_path = var.health_check_path

  primary_container {
    image          = var.image
    container_port = var.port

    aws_logs_configuration {
      log_group         = aws_cloudwatch_log_group.this.name
      log_stream_prefix = "task"
    }

    # Sorted by name (a map's keys are): the API returns them sorted, and in any other order the provider reports an
    # "inconsistent result after apply" (hashicorp/terraform-provider-aws#45792, open).
    dynamic "environment" {
      for_each = var.environment
      content {
        name  = environment.key
        value = environment.value
      }
    }
  }

  # All four fields: what is left out comes back filled in, again an "inconsistent result after apply"
  # (hashicorp/terraform-provider-aws#49511, open).
  scaling_target {
    min_task_count            = var.min_size
    max_task_count            = var.max_size
    auto_scaling_metric       = var.scaling_metric
    auto_scaling_target_value = var.scaling_target
  }

  # Left out entirely without subnets: with a block, ECS's own security groups once showed as a change
  # (hashicorp/terraform-provider-aws#47595, #47908, fixed by #47944; see the version in versions.tf).
  dynamic "network_configuration" {
    for_each = length(var.subnet_ids) == 0 ? [] : [var.subnet_ids]
    content {
      subnets = network_configuration.value
    }
  }

  # Waiting makes the provider read current_deployment while it is null and fail
  # (hashicorp/terraform-provider-aws#47377, open). `make infra` waits for the URL to answer instead.
  wait_for_steady_state = false

  timeouts {
    create = "30m"
    update = "30m"
    delete = "30m"
  }

  # On the way down ECS still needs role and policy to remove the load balancer: they go last.
  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.execution,
    aws_iam_role_policy_attachment.infrastructure,
  ]
}

locals {
  endpoints = [for service in aws_ecs_express_gateway_service.this : [for path in service.ingress_paths : path.endpoint]]
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "Name of the service, or null."
  value       = one(aws_ecs_express_gateway_service.this[*].service_name)
}

output "service_arn" {
  description = "ARN of the service, or null."
  value       = one(aws_ecs_express_gateway_service.this[*].service_arn)
}

output "service_url" {
  description = "https URL, or null."
  # The API gives the endpoint with and without its scheme (hashicorp/terraform-provider-aws#47531).
  value = one([for paths in local.endpoints : try("https://${trimprefix(paths[0], "https://")}", null)])
}

output "execution_policy" {
  description = "The execution role's policy as sent, for the tests."
  value       = aws_iam_role_policy.execution.policy
}

output "infrastructure_policy_arn" {
  description = "The infrastructure role's managed policy, for the tests."
  value       = aws_iam_role_policy_attachment.infrastructure.policy_arn
}
