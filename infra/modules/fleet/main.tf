# Where a fleet's generators run: a cluster, roles, a security group, a log group and the task definition that
# `scaletop fleet up --on ecs:NAME` begins with; on request a NATS server behind a network load balancer. By itself it costs
# nothing but that load balancer and the server's task.
#
# Tickets never stand in the state: they are in secrets of Secrets Manager that are made beside it (docs/fleet-placing.md).

variable "name" {
  description = "Name of the cluster and prefix of everything beside it."
  type        = string
  default     = "scaletop"

  validation {
    # The narrowest is the load balancer's, NAME-nats: 32 characters.
    condition     = can(regex("^[a-z][a-z0-9-]{1,25}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must have 3 to 27 characters: lower-case letters, digits and single hyphens, first a letter, last no hyphen."
  }
}

variable "partition" {
  description = "aws, aws-cn, …"
  type        = string
  default     = "aws"
}

variable "account_id" {
  description = "The account, for resource names in policies."
  type        = string
}

variable "region" {
  description = "The region, for resource names in policies and for the log."
  type        = string
}

variable "vpc_id" {
  description = "The VPC that generators are in."
  type        = string
}

variable "image" {
  description = "The image of scaletop, HOST/NAME:TAG."
  type        = string
}

variable "repository_arn" {
  description = "The ECR repository that it is pulled from; empty for an image that anybody may pull."
  type        = string
  default     = ""
}

variable "ticket_secret_arn" {
  description = "The secret of Secrets Manager that join.ticket stands in: its full ARN."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+", var.ticket_secret_arn))
    error_message = "ticket_secret_arn must be the ARN of a secret of Secrets Manager, never the ticket itself."
  }
}

variable "cpu" {
  description = "CPU units of a generator where `fleet up` says nothing else (1024 = 1 vCPU)."
  type        = number
  default     = 2048
}

variable "memory" {
  description = "MiB of a generator where `fleet up` says nothing else."
  type        = number
  default     = 4096
}

variable "arm" {
  description = "Generators on ARM; the image must be for it."
  type        = bool
  default     = false
}

variable "nats_secret_arn" {
  description = "The secret that the NATS server's files stand in, JSON with nats_conf, server_pem and server_key; empty: no server."
  type        = string
  default     = ""
}

variable "nats_image" {
  description = "The image of NATS; it needs a shell."
  type        = string
  default     = "docker.io/library/nats:2-alpine"
}

variable "nats_subnet_ids" {
  description = "Subnets of the NATS server and its load balancer."
  type        = list(string)
  default     = []

  validation {
    condition     = var.nats_secret_arn == "" || length(var.nats_subnet_ids) > 0
    error_message = "nats_subnet_ids must name a subnet where there is a nats_secret_arn."
  }
}

variable "nats_public" {
  description = "The load balancer has an address in the internet, so that a controller elsewhere reaches it: TLS and keys guard it."
  type        = bool
  default     = false
}

variable "controller_cidrs" {
  description = "Addresses that controllers come from, IPv4 ranges; the generators' security group is let in anyway."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.controller_cidrs : can(cidrnetmask(cidr))])
    error_message = "controller_cidrs must be IPv4 ranges such as 203.0.113.7/32."
  }
}

locals {
  has_nats      = var.nats_secret_arn != ""
  log_group     = "/scaletop/${var.name}"
  log_group_arn = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:${local.log_group}"
  secrets       = compact([var.ticket_secret_arn, var.nats_secret_arn])

  execution_policy = {
    Version = "2012-10-17"
    Statement = concat(
      var.repository_arn == "" ? [] : [
        { Sid = "Login", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = "*" },
        {
          Sid      = "PullThisRepository"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = var.repository_arn
        },
      ],
      [
        {
          Sid      = "WriteThisLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${local.log_group_arn}:*"
        },
        { Sid = "HandOverTheTicket", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = local.secrets },
      ],
    )
  }

  # What whoever types `fleet up`, `placed` and `down` needs, and no more.
  operator_policy = {
    Version = "2012-10-17"
    Statement = [
      { Sid = "Definitions", Effect = "Allow", Action = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition"], Resource = "*" },
      {
        Sid       = "Run"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = "arn:${var.partition}:ecs:${var.region}:${var.account_id}:task-definition/${local.family}*:*"
        Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
      },
      {
        Sid       = "LookAndEnd"
        Effect    = "Allow"
        Action    = ["ecs:ListTasks", "ecs:DescribeTasks", "ecs:StopTask"]
        Resource  = "*"
        Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
      },
      {
        Sid       = "Tag"
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = "*"
        Condition = { StringEquals = { "ecs:CreateAction" = ["RunTask", "RegisterTaskDefinition"] } }
      },
      {
        Sid       = "HandOverTheRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.execution.arn, aws_iam_role.task.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  }

  trust = {
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { Service = "ecs-tasks.amazonaws.com" } }]
  }

  family = "${var.name}-generator"

  log = { for prefix in ["generator", "nats"] : prefix => {
    logDriver = "awslogs"
    options   = { "awslogs-group" = local.log_group, "awslogs-region" = var.region, "awslogs-stream-prefix" = prefix }
  } }

  # The files, as `fleet serve` wrote them, moved to where this container has them.
  nats_start = join(" && ", [
    "umask 077",
    "mkdir -p /tmp/nats",
    "printf '%s\\n' \"$NATS_CONF\" | sed -E -e 's#\"[^\"]*/(server\\.(pem|key))\"#\"/tmp/nats/\\1\"#' -e 's#store_dir:.*#store_dir: \"/tmp/nats/store\"#' -e '/^ *(log_file|logfile_size_limit|pid_file):/d' > /tmp/nats/nats.conf",
    "printf '%s\\n' \"$NATS_CERTIFICATE\" > /tmp/nats/server.pem",
    "printf '%s\\n' \"$NATS_KEY\" > /tmp/nats/server.key",
    "unset NATS_CONF NATS_CERTIFICATE NATS_KEY",
    "exec nats-server --config /tmp/nats/nats.conf --addr 0.0.0.0 --port 4222",
  ])
}

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
  name               = "${var.name}-execution"
  description        = "ECS pulls scaletop, writes its log and hands it its ticket"
  assume_role_policy = jsonencode(local.trust)
}

resource "aws_iam_role_policy" "execution" {
  name   = "pull-log-ticket"
  role   = aws_iam_role.execution.name
  policy = jsonencode(local.execution_policy)
}

# What a generator may do in AWS: nothing.
resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  description        = "What a generator may do in AWS"
  assume_role_policy = jsonencode(local.trust)
}

# Nobody connects to a generator; it connects to NATS, and to whatever it may load.
resource "aws_security_group" "generator" {
  name        = "${var.name}-generator"
  description = "Generators of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "generator" {
  for_each = { ipv4 = { v4 = "0.0.0.0/0", v6 = null }, ipv6 = { v4 = null, v6 = "::/0" } }

  security_group_id = aws_security_group.generator.id
  description       = "To what is loaded, NATS, ECR, the log"
  ip_protocol       = "-1"
  cidr_ipv4         = each.value.v4
  cidr_ipv6         = each.value.v6
}

resource "aws_ecs_task_definition" "generator" {
  family                   = local.family
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.cpu)
  memory                   = tostring(var.memory)
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.arm ? "ARM64" : "X86_64"
  }

  container_definitions = jsonencode([{
    name      = "generator"
    image     = var.image
    essential = true
    command   = ["fleet", "join"]
    # The most that Fargate lets a container have.
    ulimits                = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
    readonlyRootFilesystem = true
    user                   = "65532:65532"
    linuxParameters        = { capabilities = { drop = ["ALL"] }, initProcessEnabled = false }
    # Leaving is planned: its share is handed over first.
    stopTimeout      = 60
    secrets          = [{ name = "SCALETOP_FLEET_TICKET", valueFrom = var.ticket_secret_arn }]
    logConfiguration = local.log["generator"]
  }])
}

# --- NATS -------------------------------------------------------------------------------------------------------------

resource "aws_security_group" "nats" {
  count = local.has_nats ? 1 : 0

  name        = "${var.name}-nats"
  description = "NATS of ${var.name}, and its load balancer"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "nats_generators" {
  count = local.has_nats ? 1 : 0

  security_group_id            = aws_security_group.nats[0].id
  description                  = "From generators"
  ip_protocol                  = "tcp"
  from_port                    = 4222
  to_port                      = 4222
  referenced_security_group_id = aws_security_group.generator.id
}

# The load balancer's own, and its health checks: it is in the same group.
resource "aws_vpc_security_group_ingress_rule" "nats_balancer" {
  count = local.has_nats ? 1 : 0

  security_group_id            = aws_security_group.nats[0].id
  description                  = "From the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = 4222
  to_port                      = 4222
  referenced_security_group_id = aws_security_group.nats[0].id
}

resource "aws_vpc_security_group_ingress_rule" "nats_controllers" {
  for_each = local.has_nats ? toset(var.controller_cidrs) : toset([])

  security_group_id = aws_security_group.nats[0].id
  description       = "From controllers"
  ip_protocol       = "tcp"
  from_port         = 4222
  to_port           = 4222
  cidr_ipv4         = each.value
}

resource "aws_vpc_security_group_egress_rule" "nats" {
  count = local.has_nats ? 1 : 0

  security_group_id = aws_security_group.nats[0].id
  description       = "To the registry, the secrets, the log"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

# An address that stays: the certificate names it, and so do the tickets.
resource "aws_lb" "nats" {
  count = local.has_nats ? 1 : 0

  name               = "${var.name}-nats"
  load_balancer_type = "network"
  internal           = !var.nats_public
  subnets            = var.nats_subnet_ids
  security_groups    = [aws_security_group.nats[0].id]
}

resource "aws_lb_target_group" "nats" {
  count = local.has_nats ? 1 : 0

  name        = "${var.name}-nats"
  port        = 4222
  protocol    = "TCP"
  target_type = "ip"
  vpc_id      = var.vpc_id
}

resource "aws_lb_listener" "nats" {
  count = local.has_nats ? 1 : 0

  load_balancer_arn = aws_lb.nats[0].arn
  port              = 4222
  protocol          = "TCP" # passed through: the server's own certificate is the one that tickets pin

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.nats[0].arn
  }
}

resource "aws_ecs_task_definition" "nats" {
  count = local.has_nats ? 1 : 0

  family                   = "${var.name}-nats"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "512"
  memory                   = "1024"
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  container_definitions = jsonencode([{
    name         = "nats"
    image        = var.nats_image
    essential    = true
    entryPoint   = ["sh", "-c"]
    command      = [local.nats_start]
    portMappings = [{ containerPort = 4222, protocol = "tcp" }]
    secrets = [for variable, member in { NATS_CONF = "nats_conf", NATS_CERTIFICATE = "server_pem", NATS_KEY = "server_key" } :
      { name = variable, valueFrom = "${var.nats_secret_arn}:${member}::" }
    ]
    logConfiguration = local.log["nats"]
  }])
}

resource "aws_ecs_service" "nats" {
  count = local.has_nats ? 1 : 0

  name            = "${var.name}-nats"
  cluster         = aws_ecs_cluster.this.name
  task_definition = aws_ecs_task_definition.nats[0].arn
  desired_count   = 1
  launch_type     = "FARGATE"

  # Never two at once: they would be two fleets.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  network_configuration {
    subnets          = var.nats_subnet_ids
    security_groups  = [aws_security_group.nats[0].id]
    assign_public_ip = true
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.nats[0].arn
    container_name   = "nats"
    container_port   = 4222
  }

  depends_on = [aws_lb_listener.nats, aws_iam_role_policy.execution]
}

output "cluster_name" {
  description = "For --on ecs:NAME."
  value       = aws_ecs_cluster.this.name
}

output "task_definition" {
  description = "For --task-definition."
  value       = aws_ecs_task_definition.generator.family
}

output "security_group_id" {
  description = "For --security-groups."
  value       = aws_security_group.generator.id
}

output "nats_host" {
  description = "For fleet serve --advertise; null without a server."
  value       = one(aws_lb.nats[*].dns_name)
}

output "operator_policy" {
  description = "What whoever places and ends generators needs, as JSON."
  value       = jsonencode(local.operator_policy)
}
