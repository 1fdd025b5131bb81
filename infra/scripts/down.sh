#!/usr/bin/env bash
# `make destroy`: removes everything that `make infra` made, also what Terraform does not know of; leaves what others may
# use by now, and says so.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

need terraform 'https://developer.hashicorp.com/terraform/install'
tf init -input=false >/dev/null
aws_ready
region=$(output region)
name=$(output app_runner_service_name)
id=$(output app_runner_service_id)
left=()

# GitHub's OIDC provider is one for the whole account: whoever came later uses the one that was made here. Who cannot be
# asked may be somebody.
keep_oidc_provider() {
  local arn role others
  arn=$(oidc_provider_arn)
  [ -n "$arn" ] || return 0
  if ! tf state list "$oidc_address" 2>/dev/null | grep -q .; then
    left+=("GitHub's OIDC provider ($arn), which was there before")
    return
  fi
  role=$(output ci_push_role_arn)
  if others=$(aws iam list-roles --query "Roles[?contains(to_string(AssumeRolePolicyDocument), '$arn')].RoleName" --output text 2>/dev/null); then
    others=$(tr -s '\t' '\n' <<<"$others" | grep -vxF -e "${role##*/}" -e None -e '' | paste -sd ' ' - || true)
    [ -n "$others" ] || return 0
    left+=("GitHub's OIDC provider ($arn), which is trusted by: $others")
  else
    left+=("GitHub's OIDC provider ($arn): who else uses it cannot be told without iam:ListRoles; if nobody does: aws iam delete-open-id-connect-provider --open-id-connect-provider-arn $arn")
  fi
  tf state rm "$oidc_address" >/dev/null
  # Should the rest fail and `make infra` come before the next try.
  remember create_oidc_provider false
}
keep_oidc_provider

# Without a tag nothing is looked up, so a missing image cannot stand in the way. The provider that stays is no longer
# asked for: after `state rm` only a variable would make it again.
tf destroy -input=false -auto-approve -var image_tag=

# App Runner makes its own log groups, keeps them for ever and leaves them behind.
if [ -n "$id" ]; then
  aws logs describe-log-groups --region "$region" --log-group-name-prefix "/aws/apprunner/$name/$id/" --query 'logGroups[].logGroupName' --output text | tr '\t' '\n' |
    while IFS= read -r group; do
      case $group in /aws/apprunner/*)
        say "delete log group $group"
        aws logs delete-log-group --region "$region" --log-group-name "$group"
        ;;
      esac
    done
fi

# The next `make infra` starts from nothing again and looks the account up anew; sizes and platform that were chosen stay.
forget image_tag
forget create_oidc_provider

say 'everything that was made here is removed'
left+=('service-linked roles of ECS, load balancing and scaling, which AWS makes once per account and which cost nothing')
printf '   left: %s\n' "${left[@]}" >&2
