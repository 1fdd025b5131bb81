# A trap: the first apply into an empty account. Without an image there is no service; with a tag that was never
# pushed the apply stops before any service is touched, and says what there is.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "no_image_yet_makes_registry_and_roles_only" {
  command = apply

  variables {
    platform          = "both"
    github_repository = "scaletop/scaletop"
  }

  assert {
    condition     = output.ecr_repository_url == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scaletop-test-app" && output.ecr_repository_name == "scaletop-test-app"
    error_message = "the repository to push to must be known after the first apply"
  }
  assert {
    condition     = output.ci_push_role_arn != null
    error_message = "the pipeline's role belongs to the first apply"
  }
  assert {
    condition     = output.service_url == null && output.app_runner_service_arn == null && output.ecs_service_arn == null && output.image_tag == null && output.image_digest == null && output.dashboard_url == null
    error_message = "no service, no dashboard without an image"
  }
  assert {
    condition     = length(data.aws_ecr_images.available) == 0 && length(terraform_data.image) == 0 && length(module.dashboard) == 0
    error_message = "without a tag nothing is looked up"
  }
  assert {
    condition     = length(module.app_runner[0].scaling_configurations) == 0
    error_message = "scaling configurations come with the service"
  }
  assert {
    condition     = strcontains(output.next_step, "make infra")
    error_message = "the next step must be named"
  }
}

run "then_the_pushed_image_is_deployed" {
  command = apply

  variables {
    platform          = "both"
    github_repository = "scaletop/scaletop"
    image_tag         = "41"
  }

  assert {
    condition     = output.service_url != null && output.ecs_service_url != null && output.image_digest == "sha256:4141"
    error_message = "the second apply makes the services"
  }
}

run "a_tag_that_was_never_pushed_stops_the_plan" {
  command = plan

  variables {
    image_tag = "43"
  }
  expect_failures = [terraform_data.image]
}

run "an_empty_repository_stops_the_plan" {
  command = plan

  variables {
    image_tag = "41"
  }
  override_data {
    target = data.aws_ecr_images.available[0]
    values = { image_ids = [] }
  }
  expect_failures = [terraform_data.image]
}

run "an_untagged_image_is_no_image" {
  command = plan

  variables {
    image_tag = "41"
  }
  override_data {
    target = data.aws_ecr_images.available[0]
    values = { image_ids = [{ image_tag = null, image_digest = "sha256:4141" }] }
  }
  expect_failures = [terraform_data.image]
}
