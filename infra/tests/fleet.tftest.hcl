# Where generators run: who may do what, what stands where, and that no ticket is in it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name              = "load"
  account_id        = "123456789012"
  region            = "eu-west-1"
  vpc_id            = "vpc-1"
  image             = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scaletop:1"
  repository_arn    = "arn:aws:ecr:eu-west-1:123456789012:repository/scaletop"
  ticket_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ticket-AbCdEf"
}

run "a_generator_has_its_ticket_from_a_secret_and_no_rights" {
  command = apply
  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "no wildcard in an action"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource != "*" || statement.Action == ["ecr:GetAuthorizationToken"]])
    error_message = "only GetAuthorizationToken may name every resource"
  }
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if statement.Action == ["secretsmanager:GetSecretValue"]]) == [var.ticket_secret_arn]
    error_message = "this ticket, and no other secret"
  }
  assert {
    condition     = one(jsondecode(aws_ecs_task_definition.generator.container_definitions)).secrets == [{ name = "SCALETOP_FLEET_TICKET", valueFrom = var.ticket_secret_arn }]
    error_message = "the variable that fleet join reads, from the secret"
  }
  assert {
    condition     = one(jsondecode(aws_ecs_task_definition.generator.container_definitions)).name == "generator" && one(jsondecode(aws_ecs_task_definition.generator.container_definitions)).command == ["fleet", "join"]
    error_message = "the container that fleet up looks for"
  }
  assert {
    condition     = one(jsondecode(aws_ecs_task_definition.generator.container_definitions)).readonlyRootFilesystem && one(jsondecode(aws_ecs_task_definition.generator.container_definitions)).user == "65532:65532"
    error_message = "not root, and nothing to write to"
  }
  assert {
    condition     = one(jsondecode(aws_ecs_task_definition.generator.container_definitions)).ulimits == [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
    error_message = "a connection is a file"
  }
  assert {
    condition     = aws_ecs_task_definition.generator.network_mode == "awsvpc" && one(aws_ecs_task_definition.generator.runtime_platform).cpu_architecture == "X86_64"
    error_message = "Fargate, x86"
  }
  assert {
    condition     = output.cluster_name == "load" && output.task_definition == "load-generator" && output.nats_host == null
    error_message = "what fleet up is given"
  }
  assert {
    condition     = length(aws_lb.nats) + length(aws_ecs_service.nats) + length(aws_security_group.nats) == 0
    error_message = "no server where none is asked for"
  }
}

run "who_places_generators_may_do_that_on_this_cluster_alone" {
  command = apply
  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = alltrue([for statement in jsondecode(output.operator_policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "no wildcard in an action"
  }
  assert {
    condition = alltrue([for statement in jsondecode(output.operator_policy).Statement :
      try(statement.Condition.ArnEquals["ecs:cluster"], "") == aws_ecs_cluster.this.arn if length(setintersection(statement.Action, ["ecs:RunTask", "ecs:StopTask", "ecs:ListTasks", "ecs:DescribeTasks"])) > 0
    ])
    error_message = "tasks of this cluster"
  }
  assert {
    condition     = one([for statement in jsondecode(output.operator_policy).Statement : statement.Condition.StringEquals["iam:PassedToService"] if statement.Action == ["iam:PassRole"]]) == "ecs-tasks.amazonaws.com"
    error_message = "roles go to tasks alone"
  }
  assert {
    condition     = length(setsubtract(["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:RunTask", "ecs:StopTask", "ecs:ListTasks", "ecs:DescribeTasks", "ecs:TagResource", "iam:PassRole"], flatten(jsondecode(output.operator_policy).Statement[*].Action))) == 0
    error_message = "all that fleet up, placed and down call"
  }
}

run "an_image_that_anybody_may_pull_needs_no_right_to" {
  command = apply
  module {
    source = "./modules/fleet"
  }

  variables {
    image          = "ghcr.io/scaletop/scaletop:1"
    repository_arn = ""
    arm            = true
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.execution.policy, "ecr:")
    error_message = "nothing of ECR"
  }
  assert {
    condition     = one(aws_ecs_task_definition.generator.runtime_platform).cpu_architecture == "ARM64"
    error_message = "ARM"
  }
}

run "a_nats_server_is_one_task_behind_an_address_that_stays" {
  command = apply
  module {
    source = "./modules/fleet"
  }

  variables {
    nats_secret_arn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nats-AbCdEf"
    nats_subnet_ids  = ["subnet-1", "subnet-2"]
    controller_cidrs = ["203.0.113.7/32"]
  }

  assert {
    condition     = aws_ecs_service.nats[0].desired_count == 1 && aws_ecs_service.nats[0].deployment_maximum_percent == 100 && aws_ecs_service.nats[0].deployment_minimum_healthy_percent == 0
    error_message = "never two at once"
  }
  assert {
    condition     = toset([for secret in one(jsondecode(aws_ecs_task_definition.nats[0].container_definitions)).secrets : secret.valueFrom]) == toset([for member in ["nats_conf", "server_pem", "server_key"] : "${var.nats_secret_arn}:${member}::"])
    error_message = "its files from the members of the secret"
  }
  assert {
    condition     = aws_lb.nats[0].internal && aws_lb.nats[0].load_balancer_type == "network" && aws_lb_listener.nats[0].protocol == "TCP"
    error_message = "within the VPC, and TLS is the server's own"
  }
  assert {
    condition     = toset(one([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if statement.Action == ["secretsmanager:GetSecretValue"]])) == toset([var.ticket_secret_arn, var.nats_secret_arn])
    error_message = "both secrets, and no other"
  }
  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.nats_controllers : rule.cidr_ipv4] == ["203.0.113.7/32"] && aws_vpc_security_group_ingress_rule.nats_generators[0].referenced_security_group_id == aws_security_group.generator.id
    error_message = "who may connect"
  }
}

run "a_ticket_in_place_of_its_secrets_arn_is_refused" {
  command = plan
  module {
    source = "./modules/fleet"
  }

  variables {
    ticket_secret_arn = "{\"scaletop-fleet-ticket\":1}"
  }

  expect_failures = [var.ticket_secret_arn]
}

run "a_server_needs_subnets" {
  command = plan
  module {
    source = "./modules/fleet"
  }

  variables {
    nats_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nats-AbCdEf"
  }

  expect_failures = [var.nats_subnet_ids]
}
