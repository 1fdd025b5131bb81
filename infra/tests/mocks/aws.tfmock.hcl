# What the tests take AWS to answer: an account with two images pushed. Everything not named here gets a made-up value.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}

mock_data "aws_region" {
  defaults = { region = "eu-west-1" }
}

mock_data "aws_ecr_images" {
  defaults = {
    image_ids = [
      { image_tag = "41", image_digest = "sha256:4141" },
      { image_tag = "42", image_digest = "sha256:4242" },
      { image_tag = null, image_digest = "sha256:0000" },
    ]
  }
}

mock_data "aws_iam_openid_connect_provider" {
  defaults = {
    arn            = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    client_id_list = ["sts.amazonaws.com"]
  }
}

mock_resource "aws_iam_openid_connect_provider" {
  defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
}

mock_resource "aws_ecr_repository" {
  defaults = {
    id             = "scaletop-test-app"
    arn            = "arn:aws:ecr:eu-west-1:123456789012:repository/scaletop-test-app"
    repository_url = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scaletop-test-app"
  }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
}

mock_resource "aws_apprunner_service" {
  defaults = {
    arn         = "arn:aws:apprunner:eu-west-1:123456789012:service/scaletop-test-app/0123456789abcdef0123456789abcdef"
    service_id  = "0123456789abcdef0123456789abcdef"
    service_url = "abc123.eu-west-1.awsapprunner.com" # a bare host, as the API gives it
  }
}

mock_resource "aws_ecs_express_gateway_service" {
  defaults = {
    service_arn   = "arn:aws:ecs:eu-west-1:123456789012:service/scaletop-test-app/scaletop-test-app-0a1b2c"
    ingress_paths = [{ access_type = "PUBLIC", endpoint = "scaletop-test-app-0a1b2c.ecs.eu-west-1.on.aws" }]
  }
}

mock_resource "aws_iam_access_key" {
  defaults = { id = "AKIAMOCKED", secret = "mocked-secret" }
}
