# Least privilege, read back from the documents as they are sent.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name              = "demo"
  repository_arn    = "arn:aws:ecr:eu-west-1:123456789012:repository/demo"
  image             = ""
  port              = 8080
  environment       = {}
  cpu               = 1024
  memory            = 2048
  health_check_path = "/healthz"
  deployed          = false
}

run "app_runner_pulls_this_repository_and_nothing_else" {
  command = apply
  module {
    source = "./modules/app_runner"
  }

  variables {
    scalings        = {}
    scaling         = "multi-instance"
    max_concurrency = 10
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.access.policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "no wildcard in an action"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.access.policy).Statement : statement.Resource == "arn:aws:ecr:eu-west-1:123456789012:repository/demo" || statement.Action == ["ecr:GetAuthorizationToken"]])
    error_message = "only GetAuthorizationToken, which has no resource level, may name every resource"
  }
  assert {
    condition     = length(setintersection(["ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"], flatten(jsondecode(aws_iam_role_policy.access.policy).Statement[*].Action))) == 0
    error_message = "who pulls may not push"
  }
  assert {
    condition     = length(setsubtract(["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages"], flatten(jsondecode(aws_iam_role_policy.access.policy).Statement[*].Action))) == 0
    error_message = "what App Runner needs to pull"
  }
  assert {
    condition     = one(jsondecode(aws_iam_role.access.assume_role_policy).Statement).Principal.Service == "build.apprunner.amazonaws.com"
    error_message = "App Runner's build service assumes the access role"
  }
  assert {
    condition     = one(jsondecode(aws_iam_role.instance.assume_role_policy).Statement).Principal.Service == "tasks.apprunner.amazonaws.com"
    error_message = "App Runner's tasks assume the instance role"
  }
}

run "ecs_pulls_this_repository_and_writes_this_log" {
  command = apply
  module {
    source = "./modules/ecs_express"
  }

  variables {
    partition      = "aws"
    account_id     = "123456789012"
    region         = "eu-west-1"
    min_size       = 1
    max_size       = 5
    scaling_metric = "AVERAGE_CPU"
    scaling_target = 60
    subnet_ids     = []
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
    condition     = contains(jsondecode(aws_iam_role_policy.execution.policy).Statement[*].Resource, "arn:aws:logs:eu-west-1:123456789012:log-group:/scaletop/demo:*") && aws_cloudwatch_log_group.this.name == "/scaletop/demo"
    error_message = "the log that may be written is the one that exists"
  }
  assert {
    condition     = one(jsondecode(aws_iam_role.execution.assume_role_policy).Statement).Principal.Service == "ecs-tasks.amazonaws.com" && one(jsondecode(aws_iam_role.task.assume_role_policy).Statement).Principal.Service == "ecs-tasks.amazonaws.com" && one(jsondecode(aws_iam_role.infrastructure.assume_role_policy).Statement).Principal.Service == "ecs.amazonaws.com"
    error_message = "tasks assume execution and task role, ECS itself the infrastructure role"
  }
  assert {
    condition     = aws_iam_role_policy_attachment.infrastructure.policy_arn == "arn:aws:iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
    error_message = "the policy Express asks for"
  }
}
