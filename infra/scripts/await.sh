# shellcheck shell=bash disable=SC2154
# Waits until what was applied is what serves: no deployment in progress, the image that was asked for, as many instances
# as wanted. Sourced by up.sh, after lib.sh. An answer alone says little: during a deployment the old revision answers.

# Seconds for one service, between two looks, and that an end has to hold: just after an apply the newest record can still
# be that of the deployment before. An Express deployment bakes twice for three minutes and starts tasks.
wait_secs=${WAIT_SECS:-2400}
look_secs=${LOOK_SECS:-10}
settle_secs=${SETTLE_SECS:-20}

# progress TEXT: a line when the text changes, and every minute.
progress() {
  if [ "$1" != "${progress_said:-}" ] || [ $((SECONDS - ${progress_at:-0})) -ge 60 ]; then
    printf '   %4d s  %s\n' $((SECONDS - wait_began)) "$1" >&2
    progress_said=$1 progress_at=$SECONDS
  fi
}

# await LOOK FAILURE ARGUMENTS…: calls LOOK until what it finds has held for a moment, or the time is up. LOOK sets `found`
# (ready, waiting, failed) and `said`; FAILURE prints what else the platform says.
await() {
  local look=$1 failure=$2 before='' since
  shift 2
  wait_began=$SECONDS progress_said='' since=$SECONDS
  while :; do
    "$look" "$@"
    progress "$said"
    [ "$found" = "$before" ] || since=$SECONDS
    before=$found
    if [ "$found" != waiting ] && [ $((SECONDS - since)) -ge "$settle_secs" ]; then
      [ "$found" != ready ] || return 0
      break
    fi
    if [ $((SECONDS - wait_began)) -ge "$wait_secs" ]; then
      said="not finished after $wait_secs s: $said"
      break
    fi
    sleep "$look_secs"
  done
  "$failure" "$@" >&2 || true
  die "$said. It is safe to run make infra again."
}

# look_at_app_runner ARN IMAGE
look_at_app_runner() {
  local operation status="" image=""
  operation=$(aws apprunner list-operations --region "$region" --service-arn "$1" --query 'OperationSummaryList[0].[Type,Status]' --output text) || operation=unknown
  read -r status image < <(aws apprunner describe-service --region "$region" --service-arn "$1" --query 'Service.[Status,SourceConfiguration.ImageRepository.ImageIdentifier]' --output text) || true
  said="App Runner: the service is $status, the last operation $(tr '\t' ' ' <<<"$operation")"
  case $operation/$status in
  *FAILED/* | *ROLLBACK_SUCCEEDED/* | */CREATE_FAILED | */DELETED | */DELETE_FAILED | */PAUSED) found=failed ;;
  *SUCCEEDED/RUNNING | None*/RUNNING)
    found=ready
    [ "$image" = "$2" ] || found=waiting said="$said, but it runs $image in place of $2"
    ;;
  *) found=waiting ;;
  esac
}

app_runner_failure() {
  echo "its log says why: aws logs tail '/aws/apprunner/$(cut -d/ -f2- <<<"$1")/service' --region $region --since 1h"
}

# look_at_ecs CLUSTER SERVICE DIGEST
look_at_ecs() {
  local deployment="" reason="" revision="" digest desired="" running="" pending="" deployments="" rollout=""
  IFS=$'\t' read -r deployment revision reason < <(aws ecs list-service-deployments --region "$region" --cluster "$1" --service "$2" \
    --query 'reverse(sort_by(serviceDeployments,&createdAt))[0].[status,targetServiceRevisionArn,statusReason]' --output text) || true
  IFS=$'\t' read -r desired running pending deployments rollout < <(aws ecs describe-services --region "$region" --cluster "$1" --services "$2" \
    --query 'services[0].[desiredCount,runningCount,pendingCount,length(deployments),deployments[0].rolloutState]' --output text) || true
  said="ECS: deployment $deployment, $running of $desired tasks run, $pending start"
  found=waiting
  case $deployment in
  STOPPED | ROLLBACK_SUCCESSFUL | ROLLBACK_FAILED)
    found=failed said="$said: $reason"
    return
    ;;
  # A service without a record of its deployments says only how many there are.
  SUCCESSFUL | None) ;;
  *) return ;;
  esac
  # The state of the rollout is said of some strategies only.
  case $deployments/$rollout in 1/COMPLETED | 1/None) ;; *) return ;; esac
  [ "$running" = "$desired" ] && [ "$running" != 0 ] || return 0
  if [ "$revision" != None ]; then
    digest=$(aws ecs describe-service-revisions --region "$region" --service-revision-arns "$revision" --query 'serviceRevisions[0].containerImages[].imageDigest' --output text) || return 0
    case $'\t'$digest$'\t' in
    *$'\t'"$3"$'\t'*) ;;
    *)
      said="$said, but of the image $digest in place of $3"
      return
      ;;
    esac
  fi
  found=ready
}

# Events, and why tasks stopped: neither is in the service's status.
ecs_failure() {
  local tasks
  echo 'the last events of the service:'
  aws ecs describe-services --region "$region" --cluster "$1" --services "$2" --query 'services[0].events[:5].[createdAt,message]' --output text
  tasks=$(aws ecs list-tasks --region "$region" --cluster "$1" --service-name "$2" --desired-status STOPPED --query 'taskArns[:5]' --output text)
  [ -n "$tasks" ] && [ "$tasks" != None ] || return 0
  echo 'tasks that stopped:'
  # shellcheck disable=SC2086
  aws ecs describe-tasks --region "$region" --cluster "$1" --tasks $tasks --query 'tasks[].[stopCode,stoppedReason,containers[0].reason]' --output text
}

# await_deployments IMAGE: of every service that there is.
await_deployments() {
  local arn cluster service
  arn=$(output app_runner_service_arn)
  cluster=$(output ecs_cluster)
  service=$(output ecs_service_name)
  if [ -n "$arn" ]; then
    say 'wait until App Runner has finished its operation (some minutes)'
    await look_at_app_runner app_runner_failure "$arn" "$1"
  fi
  if [ -n "$service" ]; then
    say 'wait until ECS has finished its deployment (a canary: ten minutes and more)'
    await look_at_ecs ecs_failure "$cluster" "$service" "$(output image_digest)"
  fi
}

# await_answer: each URL answers (load balancer, certificate and DNS take minutes of their own).
look_at_answer() {
  said="$1$2 does not answer yet"
  found=waiting
  ! curl --silent --fail --output /dev/null --max-time 5 "$1$2" || found=ready said="$1 answers"
}

await_answers() {
  local address
  for address in "$(output app_runner_service_url)" "$(output ecs_service_url)"; do
    [ -n "$address" ] || continue
    say "wait until $address answers"
    await look_at_answer : "$address" "$(output health_check_path)"
  done
}
