# Good and bad values of every variable. The bad ones must be refused by their own validation, not by something later.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "good_defaults" {
  command = plan
}

run "good_lower_bounds" {
  command = plan

  variables {
    platform             = "app-runner"
    region               = "eu-west-1"
    profile              = "p"
    name                 = "abcd"
    image_tag            = "4"
    scaling              = "single-instance"
    min_size             = 1
    max_size             = 1
    max_concurrency      = 1
    cpu                  = 256
    memory               = 512
    delay_ms             = 0
    port                 = 1
    health_check_path    = "/"
    ecs_scaling_metric   = "AVERAGE_CPU"
    ecs_scaling_target   = 1
    ci_credentials       = "none"
    github_repository    = "a/b"
    github_branch        = "x"
    create_oidc_provider = false
  }
  override_data {
    target = data.aws_ecr_images.available[0]
    values = { image_ids = [{ image_tag = "4", image_digest = "sha256:4242" }] }
  }
}

run "good_upper_bounds" {
  command = plan

  variables {
    platform             = "both"
    region               = "us-gov-east-1"
    name                 = "aaaaaaaaaaaaaaaaaaaaaaaaa"
    image_tag            = "42222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
    scaling              = "multi-instance"
    min_size             = 25
    max_size             = 25
    max_concurrency      = 200
    cpu                  = 4096
    memory               = 8192
    delay_ms             = 60000
    port                 = 65535
    health_check_path    = "/a/b?c=d"
    ecs_scaling_metric   = "AVERAGE_MEMORY"
    ecs_scaling_target   = 100
    ecs_subnet_ids       = ["subnet-01234567", "subnet-0123456789abcdef0"]
    ci_credentials       = "access-key"
    access_key_pgp_key   = "keybase:someone"
    github_repository    = "some-owner/Some.repo_1"
    github_branch        = "release/1.x"
    github_owner_id      = "1"
    github_repository_id = "2"
    github_environments  = ["production", "eu-west.1"]
    image_repository     = "999988887777.dkr.ecr.cn-north-1.amazonaws.com.cn/team/app-1"
    environment          = { "LOG_LEVEL" = "info", "_X" = "1" }
    tags                 = { "team" = "load" }
  }
  override_data {
    target = data.aws_ecr_images.available[0]
    values = { image_ids = [{ image_tag = "42222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222", image_digest = "sha256:4242" }] }
  }
}

run "good_ecs_requests" {
  command = plan

  variables {
    platform           = "ecs-express"
    ecs_scaling_metric = "REQUEST_COUNT_PER_TARGET"
    ecs_scaling_target = 1000000
    ci_credentials     = "github-oidc"
  }
}

run "good_app_runner_takes_12_gb" {
  command = plan

  variables {
    platform = "app-runner"
    cpu      = 4096
    memory   = 12288
  }
}

run "good_cpu_256_memory_512" {
  command = plan

  variables {
    cpu    = 256
    memory = 512
  }
}

run "good_cpu_256_memory_1024" {
  command = plan

  variables {
    cpu    = 256
    memory = 1024
  }
}

run "good_cpu_512_memory_1024" {
  command = plan

  variables {
    cpu    = 512
    memory = 1024
  }
}

run "good_cpu_1024_memory_2048" {
  command = plan

  variables {
    cpu    = 1024
    memory = 2048
  }
}

run "good_cpu_1024_memory_3072" {
  command = plan

  variables {
    cpu    = 1024
    memory = 3072
  }
}

run "good_cpu_1024_memory_4096" {
  command = plan

  variables {
    cpu    = 1024
    memory = 4096
  }
}

run "good_cpu_2048_memory_4096" {
  command = plan

  variables {
    cpu    = 2048
    memory = 4096
  }
}

run "good_cpu_2048_memory_6144" {
  command = plan

  variables {
    cpu    = 2048
    memory = 6144
  }
}

run "good_cpu_4096_memory_8192" {
  command = plan

  variables {
    cpu    = 4096
    memory = 8192
  }
}

run "good_cpu_4096_memory_10240" {
  command = plan

  variables {
    cpu    = 4096
    memory = 10240
  }
}

# Each run below has one bad value per variable, so that one plan refuses many: every variable named in expect_failures
# must fail, and no other may. (A variable whose rule looks at another is not judged while that one is bad.)

run "bad_values_1" {
  command = plan

  variables {
    platform = "lambda"
    # words
    region = "Ireland"
    # with space
    profile = "my profile"
    # short
    name = "abc"
    # latest
    image_tag = "latest"
    scaling   = "multi"
    # zero
    min_size = 0
    # zero
    max_concurrency = 0
    cpu             = 1000
    # delay negative
    delay_ms = -1
    # name
    environment = { "1X" = "1" }
    # zero
    port = 0
    # relative
    health_check_path = "healthz"
    # of the docs page
    ecs_scaling_metric = "CPU"
    ecs_scaling_target = 60
    # one subnet
    ecs_subnet_ids = ["subnet-0123456789abcdef0"]
    ci_credentials = "password"
    # wildcard
    github_repository = "scaletop/*"
    # wildcard
    github_branch = "release/*"
    # an @
    github_repository_id = "@1"
    # wildcard
    github_environments = ["*"]
    # with a tag
    image_repository = "999988887777.dkr.ecr.eu-west-1.amazonaws.com/app:1"
    # pgp key armoured
    access_key_pgp_key = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
    # reserved
    tags = { "aws:x" = "1" }
  }
  expect_failures = [
    var.platform,
    var.region,
    var.profile,
    var.name,
    var.image_tag,
    var.scaling,
    var.min_size,
    var.max_concurrency,
    var.cpu,
    var.delay_ms,
    var.environment,
    var.port,
    var.health_check_path,
    var.ecs_scaling_metric,
    var.ecs_subnet_ids,
    var.ci_credentials,
    var.github_repository,
    var.github_branch,
    var.github_repository_id,
    var.github_environments,
    var.image_repository,
    var.access_key_pgp_key,
    var.tags,
  ]
}

run "bad_values_2" {
  command = plan

  variables {
    # zero
    max_size = 0
    # odd
    memory = 2000
    # zone
    region = "eu-west-1a"
    # long
    name = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
    # leading dot
    image_tag = ".1"
    # 201
    max_concurrency = 201
    # delay above a minute
    delay_ms = 60001
    # reserved
    environment = { "AWSAPPRUNNER_X" = "1" }
    # 65536
    port = 65536
    # with space
    health_check_path = "/a b"
    # above 100 percent
    ecs_scaling_target = 101
    ecs_scaling_metric = "AVERAGE_CPU"
    # subnet id
    ecs_subnet_ids = ["subnet-0123456789abcdef0", "vpc-1"]
    # without owner
    github_repository = "scaletop"
    # empty
    github_branch = ""
  }
  expect_failures = [
    var.max_size,
    var.memory,
    var.region,
    var.name,
    var.image_tag,
    var.max_concurrency,
    var.delay_ms,
    var.environment,
    var.port,
    var.health_check_path,
    var.ecs_scaling_target,
    var.ecs_subnet_ids,
    var.github_repository,
    var.github_branch,
  ]
}

run "bad_values_3" {
  command = plan

  variables {
    # 26
    min_size = 26
    max_size = 25
    # of another cpu
    memory = 2048
    cpu    = 256
    # upper case
    name = "Scaletop"
    # with space
    image_tag = "a b"
    # fraction
    max_concurrency = 10.5
    # delay fraction
    delay_ms = 0.5
    # zero
    ecs_scaling_target = 0
    # the new form of the subject: ids have variables of their own
    github_repository = "scaletop@1/scaletop@2"
    # a public registry
    image_repository = "public.ecr.aws/team/app"
  }
  expect_failures = [
    var.min_size,
    var.memory,
    var.name,
    var.image_tag,
    var.max_concurrency,
    var.delay_ms,
    var.ecs_scaling_target,
    var.github_repository,
    var.image_repository,
  ]
}

run "bad_values_4" {
  command = plan

  variables {
    # fraction
    min_size = 1.5
    # above express
    memory   = 12288
    cpu      = 4096
    platform = "both"
    # leading digit
    name = "1scaletop"
    # long
    image_tag = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    # above a million
    ecs_scaling_target = 1000001
  }
  expect_failures = [
    var.min_size,
    var.memory,
    var.name,
    var.image_tag,
    var.ecs_scaling_target,
  ]
}

run "bad_values_5" {
  command = plan

  variables {
    # 26
    max_size = 26
    # trailing hyphen
    name = "scaletop-"
  }
  expect_failures = [
    var.max_size,
    var.name,
  ]
}

run "bad_values_6" {
  command = plan

  variables {
    # above max size
    min_size = 3
    max_size = 2
    # double hyphen
    name = "scale--top"
  }
  expect_failures = [
    var.min_size,
    var.name,
  ]
}

run "bad_values_7" {
  command = plan

  variables {
    # fraction
    max_size = 2.5
  }
  expect_failures = [
    var.max_size,
  ]
}

# Apart: a variable that looks at others is not judged while those are refused.
run "bad_github_ids_a_name" {
  command = plan

  variables {
    github_repository    = "scaletop/scaletop"
    github_owner_id      = "scaletop"
    github_repository_id = "2"
  }
  expect_failures = [var.github_owner_id]
}

run "bad_github_ids_one_without_the_other" {
  command = plan

  variables {
    github_repository = "scaletop/scaletop"
    github_owner_id   = "1"
  }
  expect_failures = [var.github_owner_id]
}

run "bad_github_ids_of_no_repository" {
  command = plan

  variables {
    github_owner_id      = "1"
    github_repository_id = "2"
  }
  expect_failures = [var.github_owner_id]
}
