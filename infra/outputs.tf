# What `scaletop … terraform:infra` reads with `terraform output -json`; infra/README.md has the table. An output that is
# null (no such platform, not deployed yet) is absent from that JSON.

output "platform" {
  description = "app-runner, ecs-express or both."
  value       = var.platform
}

output "region" {
  description = "Region of everything here."
  value       = data.aws_region.current.region
}

output "profile" {
  description = "AWS profile the state was made with, if one was named."
  value       = var.profile
}

output "account_id" {
  description = "Account of everything here."
  value       = data.aws_caller_identity.current.account_id
}

output "service_url" {
  description = "Base URL of the service; of the App Runner one where both exist."
  value       = try(coalesce(one(module.app_runner[*].service_url), one(module.ecs_express[*].service_url)), null)
}

output "app_runner_service_name" {
  description = "Name of the App Runner service."
  value       = one(module.app_runner[*].service_name)
}

output "app_runner_service_arn" {
  description = "ARN of the App Runner service."
  value       = one(module.app_runner[*].service_arn)
}

output "app_runner_service_id" {
  description = "What CloudWatch calls ServiceID."
  value       = one(module.app_runner[*].service_id)
}

output "app_runner_service_url" {
  description = "https URL of the App Runner service."
  value       = one(module.app_runner[*].service_url)
}

output "ecs_cluster" {
  description = "Name of the ECS cluster."
  value       = local.deployed ? one(module.ecs_express[*].cluster_name) : null
}

output "ecs_service_name" {
  description = "Name of the ECS service."
  value       = one(module.ecs_express[*].service_name)
}

output "ecs_service_arn" {
  description = "ARN of the ECS service."
  value       = one(module.ecs_express[*].service_arn)
}

output "ecs_service_url" {
  description = "https URL of the ECS service."
  value       = one(module.ecs_express[*].service_url)
}

output "ecr_repository_name" {
  description = "Name of the ECR repository."
  value       = local.repository.name
}

output "ecr_repository_url" {
  description = "HOST/NAME of the ECR repository."
  value       = local.repository.url
}

output "ecr_registry_id" {
  description = "Account of the ECR repository."
  value       = local.repository.registry
}

output "ecr_region" {
  description = "Region of the ECR repository."
  value       = local.repository.region
}

output "image_tag" {
  description = "Tag that was last asked for, whose image never expires; after a deployment that was rejected the one before it still runs."
  value       = local.deployed ? var.image_tag : null
}

output "image_digest" {
  description = "Digest of that image."
  value       = local.image_digest
}

output "scaling" {
  description = "The scaling configuration in use: single-instance or multi-instance."
  value       = var.scaling
}

output "min_size" {
  description = "Fewest instances or tasks of the configuration in use."
  value       = local.scaling.min_size
}

output "max_size" {
  description = "Most instances or tasks of the configuration in use."
  value       = local.scaling.max_size
}

output "max_concurrency" {
  description = "Requests in flight per instance; App Runner only, ECS has no such limit."
  value       = local.on_app_runner ? var.max_concurrency : null
}

output "delay_ms" {
  description = "How long the test app waits before it answers."
  value       = var.delay_ms
}

output "health_check_path" {
  description = "Path that answers 200 as soon as an instance can serve."
  value       = var.health_check_path
}

locals {
  # Each partition has a console of its own.
  console = {
    aws        = "${data.aws_region.current.region}.console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }[contains(["aws-cn", "aws-us-gov"], data.aws_partition.current.partition) ? data.aws_partition.current.partition : "aws"]
}

output "dashboard_url" {
  description = "The CloudWatch dashboard."
  value       = local.deployed ? "https://${local.console}/cloudwatch/home?region=${data.aws_region.current.region}#dashboards/dashboard/${one(module.dashboard[*].name)}" : null
}

output "ci_push_role_arn" {
  description = "Role for GitHub Actions: the repository variable AWS_PUSH_ROLE_ARN."
  value       = module.ci_credentials.role_arn
}

output "ci_access_key_id" {
  description = "With ci_credentials = access-key: the key id."
  value       = module.ci_credentials.access_key_id
}

output "ci_secret_access_key" {
  description = "With ci_credentials = access-key and no PGP key: the secret."
  value       = module.ci_credentials.secret_access_key
  sensitive   = true
}

output "ci_encrypted_secret_access_key" {
  description = "With ci_credentials = access-key and a PGP key: the encrypted secret, base64."
  value       = module.ci_credentials.encrypted_secret_access_key
  sensitive   = true
}

output "next_step" {
  description = "What to do now."
  value       = local.deployed ? "scaletop live terraform:infra" : "push an image and set image_tag; `make infra` does both"
}
