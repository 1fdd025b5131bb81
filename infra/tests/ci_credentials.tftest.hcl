# Both kinds of pipeline credentials, and none.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                 = "demo"
  repository_arn       = "arn:aws:ecr:eu-west-1:123456789012:repository/demo"
  kind                 = "github-oidc"
  github_repository    = "scaletop/scaletop"
  github_owner_id      = ""
  github_repository_id = ""
  github_branch        = "main"
  github_environments  = []
  dns_suffix           = "amazonaws.com"
  create_oidc_provider = true
  pgp_key              = ""
}

run "a_role_for_one_repository_and_branch" {
  command = apply
  module {
    source = "./modules/ci_credentials"
  }

  assert {
    condition = one(jsondecode(aws_iam_role.push[0].assume_role_policy).Statement) == {
      Effect    = "Allow"
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = ["repo:scaletop/scaletop:ref:refs/heads/main"]
        }
      }
    }
    error_message = "exactly this repository and branch may assume the role: StringEquals on aud and sub"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.push[0].policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "no wildcard in an action"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.push[0].policy).Statement : statement.Resource == "arn:aws:ecr:eu-west-1:123456789012:repository/demo" || statement.Action == ["ecr:GetAuthorizationToken"]])
    error_message = "the role pushes to one repository"
  }
  assert {
    condition     = length(setsubtract(["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:BatchGetImage", "ecr:DescribeImages"], flatten(jsondecode(aws_iam_role_policy.push[0].policy).Statement[*].Action))) == 0
    error_message = "what a push needs"
  }
  assert {
    condition     = aws_iam_openid_connect_provider.github[0].url == "https://token.actions.githubusercontent.com" && aws_iam_openid_connect_provider.github[0].client_id_list == toset(["sts.amazonaws.com"])
    error_message = "GitHub's provider"
  }
  assert {
    condition     = output.role_arn != null && output.access_key_id == null && nonsensitive(output.secret_access_key == null) && length(aws_iam_user.push) == 0 && length(aws_iam_access_key.push) == 0
    error_message = "a role, no user and no key"
  }
}

run "both_forms_of_the_subject_are_accepted_to_the_letter" {
  command = apply
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    github_owner_id      = "123456"
    github_repository_id = "456789"
  }

  assert {
    condition = toset(one(jsondecode(aws_iam_role.push[0].assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:sub"]) == toset([
      "repo:scaletop/scaletop:ref:refs/heads/main",
      "repo:scaletop@123456/scaletop@456789:ref:refs/heads/main",
    ])
    error_message = "tokens of repositories from before and from after 2026-07-15"
  }
  assert {
    condition     = !strcontains(aws_iam_role.push[0].assume_role_policy, "*") && !strcontains(aws_iam_role.push[0].assume_role_policy, "StringLike")
    error_message = "no wildcard: it would let another repository in"
  }
}

run "an_environment_stands_in_place_of_the_branch" {
  command = apply
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    github_owner_id      = "123456"
    github_repository_id = "456789"
    github_environments  = ["production"]
  }

  assert {
    condition = toset(one(jsondecode(aws_iam_role.push[0].assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:sub"]) == toset([
      "repo:scaletop/scaletop:ref:refs/heads/main",
      "repo:scaletop/scaletop:environment:production",
      "repo:scaletop@123456/scaletop@456789:ref:refs/heads/main",
      "repo:scaletop@123456/scaletop@456789:environment:production",
    ])
    error_message = "branch and environment, in both forms"
  }
}

run "a_provider_that_does_not_accept_our_audience_is_refused" {
  command = plan
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    create_oidc_provider = false
  }
  override_data {
    target = data.aws_iam_openid_connect_provider.github[0]
    values = { client_id_list = ["another"] }
  }
  expect_failures = [aws_iam_role.push]
}

run "the_accounts_own_provider_is_used_when_told_so" {
  command = apply
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    create_oidc_provider = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(data.aws_iam_openid_connect_provider.github) == 1 && one(jsondecode(aws_iam_role.push[0].assume_role_policy).Statement).Principal.Federated == "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    error_message = "one provider per URL and account: the existing one is looked up"
  }
}

run "without_a_repository_there_is_no_role" {
  command = apply
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    github_repository = ""
  }

  assert {
    condition     = length(aws_iam_role.push) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && output.role_arn == null
    error_message = "a role bound to nothing would be open to everyone"
  }
}

run "an_access_key_only_on_request" {
  command = apply
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    kind = "access-key"
  }

  assert {
    condition     = length(aws_iam_user.push) == 1 && length(aws_iam_access_key.push) == 1 && length(aws_iam_role.push) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "a user and its key instead of the role"
  }
  assert {
    condition     = strcontains(aws_iam_user.push[0].tags.warning, "long-lived access key")
    error_message = "the user must be marked for what it is"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_user_policy.push[0].policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")]) && (statement.Resource == "arn:aws:ecr:eu-west-1:123456789012:repository/demo" || statement.Action == ["ecr:GetAuthorizationToken"])])
    error_message = "the user may do what the role may, no more"
  }
  assert {
    condition     = issensitive(output.secret_access_key) && issensitive(output.encrypted_secret_access_key)
    error_message = "a secret must be marked sensitive"
  }
}

run "a_pgp_key_reaches_the_access_key" {
  command = plan
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    kind    = "access-key"
    pgp_key = "keybase:someone"
  }

  assert {
    condition     = aws_iam_access_key.push[0].pgp_key == "keybase:someone"
    error_message = "the PGP key must encrypt the secret"
  }
}

run "none" {
  command = apply
  module {
    source = "./modules/ci_credentials"
  }

  variables {
    kind = "none"
  }

  assert {
    condition     = output.role_arn == null && output.access_key_id == null && length(aws_iam_user.push) == 0 && length(aws_iam_role.push) == 0
    error_message = "none means none"
  }
}

run "the_roots_secret_outputs_are_sensitive" {
  command = apply

  variables {
    name           = "scaletop-test-app"
    ci_credentials = "access-key"
  }

  assert {
    condition     = issensitive(output.ci_secret_access_key) && issensitive(output.ci_encrypted_secret_access_key)
    error_message = "a secret must be marked sensitive at the root as well"
  }
  assert {
    condition     = nonsensitive(output.ci_secret_access_key) == "mocked-secret" && output.ci_access_key_id == "AKIAMOCKED" && output.ci_push_role_arn == null
    error_message = "the key must reach its outputs"
  }
}
