# Where the image lives. Tags are immutable: the tag in a report names one image for good.

variable "name" {
  description = "Name of the repository."
  type        = string
}

resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  # Without it `terraform destroy` stops at a repository that still holds an image.
  force_delete = true

  image_scanning_configuration {
    scan_on_push = true
  }
}

variable "keep_tag" {
  description = "Tag of the image that was last asked for, which never expires; empty while there is none. One that a rejected deployment left running counts among the others."
  type        = string
}

locals {
  # An image that one rule selects cannot be expired by a rule of lower priority; and of this rule's images, one by one tag
  # that is immutable, there are never more than one.
  # https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html (how a lifecycle policy works)
  keep_deployed = var.keep_tag == "" ? [] : [{
    rulePriority = 1
    description  = "Keep the image that was asked for, however many are pushed after it"
    selection    = { tagStatus = "tagged", tagPatternList = [var.keep_tag], countType = "imageCountMoreThan", countNumber = 1 }
    action       = { type = "expire" }
  }]

  # In order of rulePriority: the API returns them sorted, and any other order here would plan a change for ever.
  lifecycle_policy = {
    rules = concat(local.keep_deployed, [
      {
        rulePriority = 2
        description  = "Drop layers of pushes that never finished or were replaced"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 1 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 3
        description  = "Keep the last 20 images: enough to go back, bounded in cost"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
        action       = { type = "expire" }
      },
    ])
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy     = jsonencode(local.lifecycle_policy)
}

output "repository_arn" {
  description = "What roles are allowed to read from or push to."
  value       = aws_ecr_repository.this.arn
}

output "repository_name" {
  description = "Name of the repository, known once it is made: who lists its images asks not too early."
  value       = aws_ecr_repository.this.id
}

output "repository_url" {
  description = "HOST/NAME, what an image is tagged with before the push."
  value       = aws_ecr_repository.this.repository_url
}

output "lifecycle_policy" {
  description = "The policy as sent, for the tests."
  value       = aws_ecr_lifecycle_policy.this.policy
}
