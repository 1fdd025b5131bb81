# The image that was asked for never expires, however many are pushed after it.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_deployed_image_is_kept_by_the_first_rule" {
  command = apply
  module {
    source = "./modules/registry"
  }

  variables {
    name     = "demo"
    keep_tag = "src-0123456789ab"
  }

  assert {
    condition = jsondecode(output.lifecycle_policy).rules[0].selection == {
      tagStatus      = "tagged"
      tagPatternList = ["src-0123456789ab"]
      countType      = "imageCountMoreThan"
      countNumber    = 1
    }
    error_message = "one tag, of which there is one image: the rule selects it and never expires it, and no later rule may"
  }
  assert {
    condition     = join(",", jsondecode(output.lifecycle_policy).rules[*].rulePriority) == "1,2,3" && jsondecode(output.lifecycle_policy).rules[2].selection.tagStatus == "any"
    error_message = "in order, and the rule for any image last: ECR takes no other"
  }
}

run "without_a_deployed_image_there_is_nothing_to_keep" {
  command = apply
  module {
    source = "./modules/registry"
  }

  variables {
    name     = "demo"
    keep_tag = ""
  }

  assert {
    condition     = length(jsondecode(output.lifecycle_policy).rules) == 2
    error_message = "no rule for an image that is not there"
  }
}

run "the_root_keeps_the_tag_it_deploys" {
  command = apply

  variables {
    image_tag = "42"
  }

  assert {
    condition     = strcontains(module.registry[0].lifecycle_policy, "\"tagPatternList\":[\"42\"]")
    error_message = "the deployed tag must reach the policy"
  }
}
