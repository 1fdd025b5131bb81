# Which resources, URLs and outputs each platform gives.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  image_tag = "42"
}

run "app_runner" {
  command = apply

  variables {
    platform = "app-runner"
  }

  assert {
    condition     = output.platform == "app-runner" && output.region == "eu-west-1" && output.account_id == "123456789012"
    error_message = "platform, region and account must be outputs"
  }
  assert {
    condition     = output.app_runner_service_url == "https://abc123.eu-west-1.awsapprunner.com" && output.service_url == output.app_runner_service_url
    error_message = "the API's bare host must become an https URL"
  }
  assert {
    condition     = output.app_runner_service_name == "scaletop-test-app" && output.app_runner_service_id == "0123456789abcdef0123456789abcdef" && endswith(output.app_runner_service_arn, output.app_runner_service_id)
    error_message = "name, ARN and id of the App Runner service must be outputs"
  }
  assert {
    condition     = output.ecs_cluster == null && output.ecs_service_name == null && output.ecs_service_arn == null && output.ecs_service_url == null
    error_message = "no ECS outputs without ECS"
  }
  assert {
    condition     = length(module.ecs_express) == 0
    error_message = "no ECS resources without ECS"
  }
  assert {
    condition     = output.image_tag == "42" && output.image_digest == "sha256:4242"
    error_message = "tag and digest of the deployed image must be outputs"
  }
  assert {
    condition     = output.min_size == 1 && output.max_size == 5 && output.max_concurrency == 10 && output.delay_ms == 80 && output.scaling == "multi-instance"
    error_message = "the App Runner experiment's multi-instance configuration is the default: 1 to 5, concurrency 10, 80 ms"
  }
  assert {
    condition     = output.next_step == "scaletop live terraform:infra"
    error_message = "the next command must be an output"
  }
}

run "ecs_express" {
  command = apply

  variables {
    platform = "ecs-express"
  }

  assert {
    condition     = output.ecs_service_url == "https://scaletop-test-app-0a1b2c.ecs.eu-west-1.on.aws" && output.service_url == output.ecs_service_url
    error_message = "an endpoint without a scheme must become an https URL"
  }
  assert {
    condition     = output.ecs_cluster == "scaletop-test-app" && can(regex("^scaletop-test-app-[0-9a-f]{6}$", output.ecs_service_name)) && output.ecs_service_arn != null
    error_message = "cluster and a service name with a suffix must be outputs"
  }
  assert {
    condition     = output.app_runner_service_name == null && output.app_runner_service_arn == null && output.app_runner_service_url == null && length(module.app_runner) == 0
    error_message = "nothing of App Runner without App Runner"
  }
  assert {
    condition     = output.max_concurrency == null && output.max_size == 5
    error_message = "ECS has no concurrency limit to report"
  }
}

run "ecs_express_keeps_its_name" {
  command = apply

  variables {
    platform = "ecs-express"
    max_size = 7
  }

  assert {
    condition     = output.ecs_service_name == run.ecs_express.ecs_service_name
    error_message = "the suffix is chosen once; a later apply must not rename (replace) the service"
  }
}

run "ecs_express_url_with_scheme" {
  command = apply
  module {
    source = "./modules/ecs_express"
  }

  variables {
    name              = "demo"
    partition         = "aws"
    account_id        = "123456789012"
    region            = "eu-west-1"
    repository_arn    = "arn:aws:ecr:eu-west-1:123456789012:repository/demo"
    image             = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:42"
    port              = 8080
    environment       = {}
    cpu               = 1024
    memory            = 2048
    health_check_path = "/healthz"
    min_size          = 1
    max_size          = 5
    scaling_metric    = "AVERAGE_CPU"
    scaling_target    = 60
    subnet_ids        = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    deployed          = true
  }
  override_resource {
    target = aws_ecs_express_gateway_service.this
    values = { ingress_paths = [{ access_type = "PUBLIC", endpoint = "https://with-scheme.ecs.eu-west-1.on.aws" }] }
  }

  assert {
    condition     = output.service_url == "https://with-scheme.ecs.eu-west-1.on.aws"
    error_message = "an endpoint that has its scheme keeps one, not two (hashicorp/terraform-provider-aws#47531)"
  }
  assert {
    condition     = one(aws_ecs_express_gateway_service.this[0].network_configuration).subnets == tolist(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"])
    error_message = "subnets of one's own must reach the service"
  }
}

run "both" {
  command = apply

  variables {
    platform = "both"
  }

  assert {
    condition     = output.app_runner_service_url != null && output.ecs_service_url != null && output.service_url == output.app_runner_service_url
    error_message = "both URLs must be outputs, App Runner's first"
  }
  assert {
    condition     = terraform_data.image[0].output == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scaletop-test-app:42"
    error_message = "both run the same image"
  }
  assert {
    condition     = output.max_concurrency == 10
    error_message = "App Runner's concurrency must be an output"
  }
}
