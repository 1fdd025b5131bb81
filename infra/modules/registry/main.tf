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

locals {
  # In order of rulePriority: the API returns them sorted, and any other order here would plan a change for ever.
  lifecycle_policy = {
    rules = [
      {
        rulePriority = 1
        description  = "Drop layers of pushes that never finished or were replaced"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 1 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Keep the last 20 images: enough to go back, bounded in cost"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
        action       = { type = "expire" }
      },
    ]
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
  description = "Name of the repository."
  value       = aws_ecr_repository.this.name
}

output "repository_url" {
  description = "HOST/NAME, what an image is tagged with before the push."
  value       = aws_ecr_repository.this.repository_url
}

output "lifecycle_policy" {
  description = "The policy as sent, for the tests."
  value       = aws_ecr_lifecycle_policy.this.policy
}
