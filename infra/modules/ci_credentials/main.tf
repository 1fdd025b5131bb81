# What a pipeline needs to push images, and nothing more. By default a role that GitHub's OIDC tokens may assume: no key
# to leak, rotate or forget. An IAM user with an access key exists only for those who ask for it by name.

variable "name" {
  description = "Prefix of the role or user."
  type        = string
}

variable "kind" {
  description = "github-oidc, access-key or none."
  type        = string
}

variable "repository_arn" {
  description = "The one repository that may be pushed to."
  type        = string
}

variable "github_repository" {
  description = "OWNER/REPO, or empty for no role."
  type        = string
}

variable "github_owner_id" {
  description = "Numeric id of the repository's owner, or empty."
  type        = string
}

variable "github_repository_id" {
  description = "Numeric id of the repository, or empty."
  type        = string
}

variable "github_branch" {
  description = "The branch whose runs may assume the role."
  type        = string
}

variable "github_environments" {
  description = "GitHub environments whose jobs may assume the role as well."
  type        = list(string)
}

variable "dns_suffix" {
  description = "The partition's: amazonaws.com, amazonaws.com.cn."
  type        = string
}

variable "create_oidc_provider" {
  description = "False: use the account's existing provider."
  type        = bool
}

variable "pgp_key" {
  description = "Encrypts the secret key in state and output; empty leaves it in clear."
  type        = string
}

locals {
  oidc       = var.kind == "github-oidc" && var.github_repository != ""
  access_key = var.kind == "access-key"

  issuer = "token.actions.githubusercontent.com"
  # What aws-actions/configure-aws-credentials asks for; in China its input `audience` has to say so.
  audience = "sts.${var.dns_suffix}"

  # A subject names owner and repository. Those created, renamed or transferred since 2026-07-15, and those that opted in,
  # name them with their ids, which nobody can take over with the name; older ones without. Which it is, only GitHub
  # knows: both are accepted, each to the letter.
  # https://docs.github.com/en/actions/reference/security/oidc (immutable subject claims)
  github_parts = split("/", var.github_repository)
  github_names = concat(
    ["repo:${var.github_repository}"],
    var.github_owner_id == "" || var.github_repository_id == "" ? [] : ["repo:${local.github_parts[0]}@${var.github_owner_id}/${try(local.github_parts[1], "")}@${var.github_repository_id}"],
  )
  # A job that names an environment has it in place of the branch.
  github_places = concat(["ref:refs/heads/${var.github_branch}"], [for name in var.github_environments : "environment:${name}"])
  subjects      = [for pair in setproduct(local.github_names, local.github_places) : join(":", pair)]

  push_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Login"
        Effect = "Allow"
        # The one ECR action that has no resource level.
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = "*"
      },
      {
        Sid    = "PushToThisRepository"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:CompleteLayerUpload",
          "ecr:DescribeImages",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = var.repository_arn
      },
    ]
  }

  oidc_trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Principal = { Federated = one(concat(aws_iam_openid_connect_provider.github[*].arn, data.aws_iam_openid_connect_provider.github[*].arn)) }
      Condition = {
        # StringEquals, not StringLike: no fork, no pull request, no other branch, tag or repository.
        StringEquals = {
          "${local.issuer}:aud" = local.audience
          "${local.issuer}:sub" = local.subjects
        }
      }
    }]
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = local.oidc && var.create_oidc_provider ? 1 : 0
  url            = "https://${local.issuer}"
  client_id_list = [local.audience]
}

data "aws_iam_openid_connect_provider" "github" {
  count = local.oidc && !var.create_oidc_provider ? 1 : 0
  url   = "https://${local.issuer}"
}

resource "aws_iam_role" "push" {
  count                = local.oidc ? 1 : 0
  name                 = "${var.name}-push"
  description          = "GitHub Actions of ${var.github_repository}, branch ${var.github_branch}, pushes images"
  assume_role_policy   = jsonencode(local.oidc_trust)
  max_session_duration = 3600

  lifecycle {
    precondition {
      condition     = alltrue([for provider in data.aws_iam_openid_connect_provider.github : contains(provider.client_id_list, local.audience)])
      error_message = "The account's OIDC provider for GitHub does not accept the audience ${local.audience}, so no role can be assumed through it. Add it: aws iam add-client-id-to-open-id-connect-provider --client-id ${local.audience} --open-id-connect-provider-arn ARN"
    }
  }
}

resource "aws_iam_role_policy" "push" {
  count  = local.oidc ? 1 : 0
  name   = "push-image"
  role   = aws_iam_role.push[0].name
  policy = jsonencode(local.push_policy)
}

# --- Only on request (ci_credentials = "access-key"): a long-lived key ---------------------------------------------

resource "aws_iam_user" "push" {
  count = local.access_key ? 1 : 0
  name  = "${var.name}-push"
  tags  = { warning = "long-lived access key, on request; prefer ci_credentials github-oidc" }
}

resource "aws_iam_user_policy" "push" {
  count  = local.access_key ? 1 : 0
  name   = "push-image"
  user   = aws_iam_user.push[0].name
  policy = jsonencode(local.push_policy)
}

resource "aws_iam_access_key" "push" {
  count = local.access_key ? 1 : 0
  user  = aws_iam_user.push[0].name
  # The secret stands in the Terraform state in clear unless a key encrypts it.
  pgp_key = var.pgp_key == "" ? null : var.pgp_key
}

output "role_arn" {
  description = "Role for GitHub Actions, or null."
  value       = one(aws_iam_role.push[*].arn)
}

output "access_key_id" {
  description = "Key id of the IAM user, or null."
  value       = one(aws_iam_access_key.push[*].id)
}

output "secret_access_key" {
  description = "Secret of the IAM user in clear, or null (also when a PGP key encrypts it)."
  value       = one(aws_iam_access_key.push[*].secret)
  sensitive   = true
}

output "encrypted_secret_access_key" {
  description = "Secret of the IAM user, encrypted with the PGP key, base64; or null."
  value       = one(aws_iam_access_key.push[*].encrypted_secret)
  sensitive   = true
}

output "trust_policy" {
  description = "Who may assume the role, as sent, for the tests; null without a role."
  value       = one(aws_iam_role.push[*].assume_role_policy)
}
