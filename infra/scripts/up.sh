#!/usr/bin/env bash
# `make infra`: from nothing to a URL. Registry and roles, image, service; every step looks first whether it is done.
#   make infra [PLATFORM=app-runner|ecs-express|both] [SCALING=single-instance|multi-instance] [MAX_SIZE=n]
#              [MAX_CONCURRENCY=n] [REGION=r] [PROFILE=p] [TAG=an image that is already pushed]
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=await.sh
. "$(dirname "$0")/await.sh"

need terraform 'https://developer.hashicorp.com/terraform/install'
need curl 'it waits for the service to answer'
need git 'it names the image by its sources'

[ -z "${PLATFORM:-}" ] || remember platform "\"$PLATFORM\""
[ -z "${SCALING:-}" ] || remember scaling "\"$SCALING\""
[ -z "${MAX_SIZE:-}" ] || remember max_size "$MAX_SIZE"
[ -z "${MAX_CONCURRENCY:-}" ] || remember max_concurrency "$MAX_CONCURRENCY"
[ -z "${REGION:-}" ] || remember region "\"$REGION\""
[ -z "${PROFILE:-}" ] || { remember profile "\"$PROFILE\"" && export AWS_PROFILE=$PROFILE; }

say 'terraform init'
tf init -input=false >/dev/null
aws_ready
say "account $identity"

# Whether this state makes GitHub's OIDC provider: one per URL and account, so a second apply of somebody else's would fail
# with EntityAlreadyExists. Looked up each time that it is not there yet, since the account may have got or lost one since.
choose_oidc_provider() {
  local mine=$oidc_address
  ! grep -qs '^ *create_oidc_provider *=' "$infra_dir/terraform.tfvars" || return 0
  ! tf state list "$mine" 2>/dev/null | grep -q . || return 0
  if [ -n "$(oidc_provider_arn)" ]; then
    say "the account has GitHub's OIDC provider already: it is used, and stays when this goes"
    remember create_oidc_provider false
  else
    forget create_oidc_provider
  fi
}

# The ids of the repository, which newer ones have in their tokens; only the GitHub CLI can ask for private ones too.
remember_github_ids() {
  local ids
  if command -v gh >/dev/null && ids=$(gh api "repos/$1" --jq '"\(.owner.id) \(.id)"' 2>/dev/null) && [[ $ids =~ ^([0-9]+)\ ([0-9]+)$ ]]; then
    remember github_owner_id "\"${BASH_REMATCH[1]}\""
    remember github_repository_id "\"${BASH_REMATCH[2]}\""
  else
    say "GitHub names repositories of 2026-07-15 and later by their ids in its tokens; for one of these set both:
   gh api repos/$1 --jq '.owner.id,.id'    (github_owner_id and github_repository_id in infra/terraform.tfvars)"
  fi
}

# The pipeline's role is bound to a repository; this checkout's is the best guess, and nothing without one.
guess_github_repository() {
  local origin github
  origin=$(git -C "$repository_root" remote get-url origin 2>/dev/null || true)
  github=$(printf '%s\n' "$origin" | sed -nE 's#^(https://|ssh://)?(git@)?github\.com[:/]([^/]+/[^/]+)$#\3#p')
  [ -z "$github" ] || grep -qs '^ *github_repository *=' "$choices" "$infra_dir/terraform.tfvars" || remember github_repository "\"${github%.git}\""
}

# What the role for a repository needs, each time: the repository, or this look for its ids, may be newer than the registry.
# Terraform says what is set, since it may be set in any of its files or its environment; what it refuses, the apply tells.
prepare_github() {
  local set kind github owner
  # shellcheck disable=SC2016
  set=$(tf console <<<'"${var.ci_credentials}|${var.github_repository}|${var.github_owner_id}"' 2>/dev/null) || return 0
  IFS='|' read -r kind github owner < <(tr -d '"' <<<"$set")
  { [ "$kind" = github-oidc ] && [ -n "$github" ]; } || return 0
  [ -n "$owner" ] || remember_github_ids "$github"
  choose_oidc_provider
}

# Phase 1, only while there is no registry: later a plan without a tag would remove the running service.
if [ -n "$(output ecr_repository_url)" ]; then
  prepare_github
else
  guess_github_repository
  prepare_github
  say 'phase 1: registry and roles'
  tf apply -input=false -auto-approve -var image_tag=
fi
read_registry

# The image: one that was named must be there; otherwise the one these sources make.
if [ -n "${TAG:-}" ]; then
  image_exists "$TAG" || die "there is no image $TAG in $repository; push it first, or leave TAG out to build one from these sources"
  tag=$TAG
elif [ "$registry" != "$identity" ]; then
  die "the images are another account's ($repository_url): say which one, make infra TAG=…"
else
  tag=$(source_tag)
  push_image "$tag"
fi
remember image_tag "\"$tag\""

# A create that timed out or tripped over a provider bug leaves a service that runs but is marked tainted; replacing it
# would fail, since its name is taken. App Runner's own failures (CREATE_FAILED) stay tainted, which is right.
# (hashicorp/terraform-provider-aws#38371, #45792, #47377, #49511)
mend() {
  local state address arn status mended=1
  state=$(tf show -no-color 2>/dev/null || true)
  for address in 'module.app_runner[0].aws_apprunner_service.this[0]' 'module.ecs_express[0].aws_ecs_express_gateway_service.this[0]'; do
    grep -qF "# $address: (tainted)" <<<"$state" || continue
    arn=$(tf state show -no-color "$address" | sed -nE 's/^ +(arn|service_arn) += "([^"]+)"$/\2/p' | head -n 1)
    case $arn in
    arn:*:apprunner:*) status=$(aws apprunner describe-service --region "$region" --service-arn "$arn" --query Service.Status --output text || true) ;;
    arn:*:ecs:*) status=$(aws ecs describe-express-gateway-service --region "$region" --service-arn "$arn" --query service.status.statusCode --output text || true) ;;
    *) continue ;;
    esac
    case $status in
    RUNNING | ACTIVE | OPERATION_IN_PROGRESS)
      say "$arn is $status: keep it"
      tf untaint "$address"
      mended=0
      ;;
    esac
  done
  return $mended
}

# What the last apply printed, to tell why it failed.
applied=$(mktemp)
trap 'rm -f "$applied"' EXIT
apply() { tf apply -no-color -input=false -auto-approve 2>&1 | tee "$applied" >&2; }
blames() { grep -qiE "$1" "$applied"; }

say "phase 2: the service, image $tag"
if ! apply; then
  if blames 'service[- ]linked role'; then
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
    say 'ECS has just made its service-linked role, which a new account does not have yet: once more in a moment'
    sleep "${ROLE_SECS:-20}"
    apply || true
  fi
  if ! mend && blames 'Error:'; then
    hint=''
    ! blames 'apprunner' || ! blames 'AccessDenied|not authorized|SubscriptionRequired|OptInRequired|may not create' ||
      hint='
       App Runner refuses accounts that were not its customers before 2026-04-30: make infra PLATFORM=ecs-express'
    die "the service could not be made (see above). It is safe to run make infra again.$hint
       An operation that is still in progress ends by itself within minutes."
  fi
  ! blames 'Error:' || apply || die 'the service could not be made (see above). It is safe to run make infra again.'
fi

await_deployments "$repository_url:$tag"
await_answers

cat <<DONE

$(output service_url)
next: $(output next_step)
stop paying: make destroy
DONE
