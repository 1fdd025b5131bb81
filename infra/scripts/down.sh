#!/usr/bin/env bash
# `make destroy`: removes everything that `make infra` made, also what Terraform does not know of.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

need terraform 'https://developer.hashicorp.com/terraform/install'
tf init -input=false >/dev/null
aws_ready
region=$(output region)
name=$(output app_runner_service_name)
id=$(output app_runner_service_id)

# Without a tag nothing is looked up, so a missing image cannot stand in the way.
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

# The next `make infra` starts from nothing again; sizes and platform that were chosen stay.
if [ -f "$choices" ]; then
  { grep -v -e '^image_tag *=' -e '^create_oidc_provider *=' "$choices" || true; } >"$choices.new"
  mv "$choices.new" "$choices"
fi
say 'everything is removed'
