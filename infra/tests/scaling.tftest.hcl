# The two scaling configurations of the experiment, the one in use, and what a change does. That a change replaces the
# old revision only after the service left it is shown on the whole life cycle by tests/life_cycle.sh.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  image_tag = "42"
}

run "both_configurations_exist" {
  command = apply

  assert {
    condition     = toset(keys(module.app_runner[0].scaling_configurations)) == toset(["single-instance", "multi-instance"])
    error_message = "single-instance and multi-instance must both exist"
  }
  assert {
    condition     = module.app_runner[0].scaling_configurations["single-instance"].min_size == 1 && module.app_runner[0].scaling_configurations["single-instance"].max_size == 1 && module.app_runner[0].scaling_configurations["single-instance"].max_concurrency == 10
    error_message = "single-instance is 1 to 1, concurrency 10"
  }
  assert {
    condition     = module.app_runner[0].scaling_configurations["multi-instance"].min_size == 1 && module.app_runner[0].scaling_configurations["multi-instance"].max_size == 5 && module.app_runner[0].scaling_configurations["multi-instance"].max_concurrency == 10
    error_message = "multi-instance is 1 to 5, concurrency 10"
  }
}

run "a_variable_chooses_single_instance" {
  command = apply

  variables {
    scaling = "single-instance"
  }

  assert {
    condition     = output.max_size == 1 && output.min_size == 1 && output.scaling == "single-instance"
    error_message = "the outputs must describe the configuration in use"
  }
}

run "a_change_of_size_and_concurrency_reaches_the_configuration" {
  command = apply

  variables {
    max_size        = 3
    min_size        = 2
    max_concurrency = 20
  }

  assert {
    condition     = module.app_runner[0].scaling_configurations["multi-instance"].max_size == 3 && module.app_runner[0].scaling_configurations["multi-instance"].min_size == 2 && module.app_runner[0].scaling_configurations["multi-instance"].max_concurrency == 20
    error_message = "new sizes must reach multi-instance"
  }
  assert {
    condition     = module.app_runner[0].scaling_configurations["single-instance"].max_size == 1 && module.app_runner[0].scaling_configurations["single-instance"].max_concurrency == 20
    error_message = "single-instance stays 1 to 1 and takes the concurrency"
  }
  assert {
    condition     = output.max_size == 3 && output.min_size == 2 && output.max_concurrency == 20
    error_message = "the outputs must follow"
  }
}

run "the_service_uses_the_chosen_configuration" {
  command = apply
  module {
    source = "./modules/app_runner"
  }

  variables {
    name              = "demo"
    repository_arn    = "arn:aws:ecr:eu-west-1:123456789012:repository/demo"
    image             = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:42"
    port              = 8080
    environment       = { PORT = "8080", DELAY_MS = "80" }
    cpu               = 1024
    memory            = 2048
    health_check_path = "/healthz"
    scalings = {
      "single-instance" = { short = "single", min_size = 1, max_size = 1 }
      "multi-instance"  = { short = "multi", min_size = 1, max_size = 5 }
    }
    scaling         = "single-instance"
    max_concurrency = 10
    deployed        = true
  }

  assert {
    condition     = aws_apprunner_service.this[0].auto_scaling_configuration_arn == aws_apprunner_auto_scaling_configuration_version.this["single-instance"].arn
    error_message = "the service must use the configuration that was chosen"
  }
  assert {
    condition     = aws_apprunner_auto_scaling_configuration_version.this["single-instance"].auto_scaling_configuration_name == "demo-single" && aws_apprunner_auto_scaling_configuration_version.this["multi-instance"].auto_scaling_configuration_name == "demo-multi"
    error_message = "configurations carry the deployment's name: the account shares them"
  }
  assert {
    condition     = one(aws_apprunner_service.this[0].instance_configuration).cpu == "1024" && one(aws_apprunner_service.this[0].instance_configuration).memory == "2048"
    error_message = "the App Runner experiment's 1 vCPU and 2 GB"
  }
  assert {
    condition     = one(aws_apprunner_service.this[0].source_configuration).auto_deployments_enabled == false
    error_message = "no automatic deployments: tags are immutable"
  }
  assert {
    condition     = one(one(one(aws_apprunner_service.this[0].source_configuration).image_repository).image_configuration).runtime_environment_variables == tomap({ DELAY_MS = "80" })
    error_message = "DELAY_MS is passed on, PORT is App Runner's own"
  }
  assert {
    condition     = one(one(one(aws_apprunner_service.this[0].source_configuration).image_repository).image_configuration).port == "8080" && one(one(aws_apprunner_service.this[0].source_configuration).image_repository).image_identifier == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:42"
    error_message = "port and image must reach the service"
  }
}

run "express_sets_what_the_provider_would_stumble_over" {
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
    environment       = { ZULU = "z", PORT = "8080", DELAY_MS = "80", ALPHA = "a" }
    cpu               = 1024
    memory            = 2048
    health_check_path = "/healthz"
    min_size          = 1
    max_size          = 5
    scaling_metric    = "REQUEST_COUNT_PER_TARGET"
    scaling_target    = 6000
    subnet_ids        = []
    deployed          = true
  }

  assert {
    condition     = [for entry in one(aws_ecs_express_gateway_service.this[0].primary_container).environment : entry.name] == ["ALPHA", "DELAY_MS", "PORT", "ZULU"]
    error_message = "environment must be sorted by name (hashicorp/terraform-provider-aws#45792)"
  }
  assert {
    condition = one(aws_ecs_express_gateway_service.this[0].scaling_target) == {
      auto_scaling_metric       = "REQUEST_COUNT_PER_TARGET"
      auto_scaling_target_value = 6000
      max_task_count            = 5
      min_task_count            = 1
    }
    error_message = "all four fields of scaling_target must be set (hashicorp/terraform-provider-aws#49511)"
  }
  assert {
    condition     = aws_ecs_express_gateway_service.this[0].wait_for_steady_state == false
    error_message = "waiting for a steady state fails (hashicorp/terraform-provider-aws#47377)"
  }
  assert {
    condition     = aws_ecs_express_gateway_service.this[0].cpu == "1024" && aws_ecs_express_gateway_service.this[0].memory == "2048" && aws_ecs_express_gateway_service.this[0].health_check_path == "/healthz"
    error_message = "AWS's pages disagree on the defaults: all set"
  }
  assert {
    condition     = one(aws_ecs_express_gateway_service.this[0].primary_container).image == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:42" && one(aws_ecs_express_gateway_service.this[0].primary_container).container_port == 8080
    error_message = "image and port must reach the service"
  }
}
