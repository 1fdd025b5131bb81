#!/usr/bin/env bash
# `make infra`: from nothing to a URL. Registry and roles, image, service; every step looks first whether it is done.
#   make infra [PLATFORM=app-runner|ecs-express|both] [SCALING=single-instance|multi-instance] [MAX_SIZE=n]
#              [MAX_CONCURRENCY=n] [REGION=r] [PROFILE=p] [TAG=an image that is already pushed]
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

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

# Phase 1, only while there is no registry: later a plan without a tag would remove the running service.
if [ -z "$(output ecr_repository_url)" ]; then
  # The pipeline's role is bound to a repository; this checkout's is the best guess, and nothing without one.
  origin=$(git -C "$repository_root" remote get-url origin 2>/dev/null || true)
  github=$(printf '%s\n' "$origin" | sed -nE 's#^(https://|ssh://)?(git@)?github\.com[:/]([^/]+/[^/]+)$#\3#p')
  if [ -n "$github" ] && ! grep -qs '^ *github_repository *=' "$choices" "$infra_dir/terraform.tfvars"; then
    remember github_repository "\"${github%.git}\""
    # One provider per URL and account: a second apply of somebody else's would fail with EntityAlreadyExists.
    if aws iam list-open-id-connect-providers --query 'OpenIDConnectProviderList[].Arn' --output text 2>/dev/null | grep -q 'token\.actions\.githubusercontent\.com'; then
      remember create_oidc_provider false
    fi
  fi
  say 'phase 1: registry and roles'
  tf apply -input=false -auto-approve -var image_tag=
fi
read_registry

# The image: one that was named must be there; otherwise the one these sources make.
if [ -n "${TAG:-}" ]; then
  image_exists "$TAG" || die "there is no image $TAG in $repository; push it first, or leave TAG out to build one from these sources"
  tag=$TAG
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

say "phase 2: the service, image $tag"
if ! tf apply -input=false -auto-approve; then
  if mend; then
    tf apply -input=false -auto-approve
  else
    die 'the service could not be made (see above). It is safe to run make infra again.
       App Runner refuses accounts that were not its customers before 2026-04-30: make infra PLATFORM=ecs-express
       An operation that is still in progress ends by itself within minutes.'
  fi
fi

url=$(output service_url)
for address in "$(output app_runner_service_url)" "$(output ecs_service_url)"; do
  [ -n "$address" ] || continue
  say "wait until $address answers (load balancer, certificate and DNS take minutes)"
  deadline=$((SECONDS + ${WAIT_SECS:-900}))
  until curl --silent --fail --output /dev/null --max-time 5 "$address$(output health_check_path)"; do
    [ $SECONDS -lt $deadline ] || die "$address does not answer yet; the service's events in the console say why. It is safe to run make infra again."
    sleep 5
  done
done

cat <<DONE

$url
next: $(output next_step)
stop paying: make destroy
DONE
