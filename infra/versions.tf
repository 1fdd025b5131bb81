terraform {
  # 1.9: a variable's validation may look at other variables (min_size against max_size, memory against cpu).
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The modules are checked against the schema of 6.69.1. Older 6.x releases fail on Express services: they report
      # "inconsistent result after apply" when ECS adds its own security groups (hashicorp/terraform-provider-aws#47595,
      # #47908; fixed by #47944). A future major release is to deprecate aws_apprunner_* (#47161).
      version = "~> 6.69"
    }
  }
}

provider "aws" {
  # Null means: what AWS_REGION, AWS_PROFILE or ~/.aws/config say, the same as for the aws CLI and scaletop.
  region  = var.region
  profile = var.profile

  default_tags {
    tags = merge({ project = "scaletop", deployment = var.name }, var.tags)
  }
}
