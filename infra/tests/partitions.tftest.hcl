# In another partition nothing says arn:aws, amazonaws.com or an account that is not ours; and images of another account.

mock_provider "aws" {
  source = "./tests/mocks"

  mock_data "aws_partition" {
    defaults = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }
  mock_data "aws_region" {
    defaults = { region = "cn-north-1" }
  }
  mock_data "aws_iam_openid_connect_provider" {
    defaults = { client_id_list = ["sts.amazonaws.com.cn"] }
  }
  mock_resource "aws_ecr_repository" {
    defaults = {
      id             = "scaletop-test-app"
      arn            = "arn:aws-cn:ecr:cn-north-1:123456789012:repository/scaletop-test-app"
      repository_url = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/scaletop-test-app"
    }
  }
}

mock_provider "aws" {
  alias  = "gov"
  source = "./tests/mocks"

  mock_data "aws_partition" {
    defaults = { partition = "aws-us-gov", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "us-gov-west-1" }
  }
}

mock_provider "aws" {
  alias  = "home"
  source = "./tests/mocks"
}

variables {
  platform          = "ecs-express"
  image_tag         = "42"
  github_repository = "scaletop/scaletop"
}

run "china" {
  command = apply

  assert {
    condition     = module.ecs_express[0].infrastructure_policy_arn == "arn:aws-cn:iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
    error_message = "the managed policy is the partition's"
  }
  assert {
    condition     = strcontains(module.ecs_express[0].execution_policy, "arn:aws-cn:logs:cn-north-1:123456789012:") && !strcontains(module.ecs_express[0].execution_policy, "arn:aws:")
    error_message = "every ARN that is put together names the partition"
  }
  assert {
    condition     = strcontains(module.ci_credentials.trust_policy, "\"sts.amazonaws.com.cn\"")
    error_message = "the audience is China's STS"
  }
  assert {
    condition     = startswith(output.dashboard_url, "https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1#")
    error_message = "China has a console of its own"
  }
}

run "app_runner_is_not_in_china" {
  command = plan

  variables {
    platform = "app-runner"
  }
  expect_failures = [terraform_data.image]
}

run "gov_cloud" {
  command = apply
  providers = {
    aws = aws.gov
  }

  assert {
    condition     = module.ecs_express[0].infrastructure_policy_arn == "arn:aws-us-gov:iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
    error_message = "the managed policy is the partition's"
  }
  assert {
    condition     = strcontains(module.ci_credentials.trust_policy, "\"sts.amazonaws.com\"") && startswith(output.dashboard_url, "https://console.amazonaws-us-gov.com/")
    error_message = "GovCloud's STS has the usual suffix, its console does not"
  }
}

run "images_of_another_account_and_region" {
  command = apply
  providers = {
    aws = aws.home
  }

  variables {
    platform         = "both"
    image_repository = "999988887777.dkr.ecr.us-east-1.amazonaws.com/team/app"
  }

  assert {
    condition     = length(module.registry) == 0 && output.ecr_repository_url == "999988887777.dkr.ecr.us-east-1.amazonaws.com/team/app" && output.ecr_repository_name == "team/app" && output.ecr_registry_id == "999988887777" && output.ecr_region == "us-east-1"
    error_message = "no repository of our own; name, account and region are the other's"
  }
  assert {
    condition     = data.aws_ecr_images.available[0].registry_id == "999988887777" && data.aws_ecr_images.available[0].region == "us-east-1"
    error_message = "the image is looked up where it is"
  }
  assert {
    condition     = strcontains(module.ecs_express[0].execution_policy, "arn:aws:ecr:us-east-1:999988887777:repository/team/app") && strcontains(module.app_runner[0].access_policy, "arn:aws:ecr:us-east-1:999988887777:repository/team/app")
    error_message = "who pulls may pull from there"
  }
}
