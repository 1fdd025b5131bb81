#!/usr/bin/env bash
# Asks a real account, in some ten minutes, what no documentation says, and prints one block of text for an issue.
#
#   field-check.sh apprunner:NAME-or-ARN | ecs:CLUSTER/SERVICE | terraform:DIR [option…]
#   field-check.sh --left NAME       after make destroy: what of NAME is still there (reads only)
#
#   --rate N        requests per second of the drive (900, as the App Runner experiment ended with)
#   --seconds S     its length, 20 to 180 (180)
#   --after S       how long the platform is watched afterwards (300): an alarm may decide when the load is over
#   --no-drive      only read
#   --yes           do not ask before the drive
#   --out FILE      write the block there too
#
# It calls nothing but describe, get and list, and sends the load that it asks about, through scaletop (SCALETOP= says
# which). Ids, accounts, hosts and keys are masked in what it prints; read it before you post it. Region, profile and
# endpoint are those of the aws CLI (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rate=900 seconds=180 after=300 drive=yes confirmed='' out='' target='' left='' both=''

die() {
  printf 'field-check: %s\n' "$1" >&2
  exit "${2:-1}"
}
say() { printf 'field-check: %s\n' "$*" >&2; }
number() { # number OPTION VALUE LEAST MOST
  { [[ $2 =~ ^[0-9]{1,6}$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } || die "$1 must be a whole number from $3 to $4, and is \"$2\"" 2
}
value() { [ $# -ge 2 ] || die "$1 needs a value" 2; }

while [ $# -gt 0 ]; do
  case $1 in
  --rate) value "$@" && rate=$2 && shift ;;
  --seconds) value "$@" && seconds=$2 && shift ;;
  --after) value "$@" && after=$2 && shift ;;
  --out) value "$@" && out=$2 && shift ;;
  --left) value "$@" && left=$2 && shift ;;
  --no-drive) drive='' ;;
  --yes) confirmed=yes ;;
  -h | --help)
    sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  -*) die "there is no option $1; --help has them" 2 ;;
  *)
    [ -z "$target" ] || die "one target, and \"$target\" and \"$1\" are two" 2
    target=$1
    ;;
  esac
  shift
done
number --rate "$rate" 1 5000
number --seconds "$seconds" 20 180
number --after "$after" 0 900
[ -n "$target$left" ] || die 'say what to check: apprunner:NAME, ecs:CLUSTER/SERVICE, terraform:DIR, or --left NAME' 2

case $target in
'' | terraform:* | apprunner:* | ecs:*/*) ;;
*) die "\"$target\" is no target; give apprunner:NAME, ecs:CLUSTER/SERVICE or terraform:DIR" 2 ;;
esac
# Before anything is asked: what was read should not be lost for want of an answer.
[ -z "$target" ] || [ -z "$drive" ] || [ -n "$confirmed" ] || [ -t 0 ] || die 'nobody can be asked here: add --yes, or --no-drive' 2

for tool in aws python3; do command -v $tool >/dev/null || die "$tool is not installed"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region 2>/dev/null || true)}}

# --- asking -----------------------------------------------------------------------------------------------------------
# ask QUERY SERVICE OPERATION ARGUMENTS…: prints the answer as text, and notes whether the call may be made. A call that is
# refused or not known is an answer of its own, never the end.
ask() {
  local query=$1 answer line
  shift
  if answer=$(aws "$@" --region "$region" --query "$query" --output text 2>"$work/error"); then
    echo "ok      $1 $2" >>"$work/calls"
    [ "$answer" = None ] || printf '%s\n' "$answer"
    return 0
  fi
  # Masked before it is cut: half an id is not known as one.
  line=$({ grep -m1 -v '^ *$' "$work/error" || true; } | masked)
  case $line in
  *AccessDenied* | *not\ authorized* | *UnauthorizedOperation*) echo "denied  $1 $2" >>"$work/calls" ;;
  *) echo "failed  $1 $2: ${line:0:160}" >>"$work/calls" ;;
  esac
  return 0
}
block() { printf '%s\n' "$@" >>"$work/block"; }
head_line() { block '' "## $1"; }
# listed LABEL TEXT: each line of the text, indented under its label; nothing to say is said.
listed() {
  if [ -z "$2" ]; then block "$1: nothing"; else
    block "$1:"
    while IFS= read -r line; do block "  $line"; done <<<"$2"
  fi
}
# Whatever names an account, a host, a key or a resource that is nobody's business.
masked() {
  python3 -c '
import re, sys

RULES = [
    (r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b", "<key>"),
    (r"\b[0-9]{12}\b", "<account>"),
    (r"[A-Za-z0-9.-]+\.(awsapprunner\.com|on\.aws|elb\.amazonaws\.com(\.cn)?)", r"<host>.\1"),
    (r"\b(subnet|vpc|sg|eni|i)-[0-9a-f]{8,17}\b", r"\1-<id>"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
    (r"\b[0-9a-f]{16,64}\b", "<id>"),
    (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", "<mail>"),
]
text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
for pattern, word in RULES:
    text = re.sub(pattern, word, text, flags=re.ASCII)
sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
'
}
finish() {
  sort "$work/calls" | uniq -c | sort -k2,2 -k3 | awk '{ $1 = ""; print "  " substr($0, 2) }' >"$work/permissions"
  {
    echo '```text'
    cat "$work/title"
    printf '\n## what may be asked\n'
    cat "$work/permissions" "$work/block"
    echo '```'
  } | masked >"$work/text"
  cat "$work/text"
  [ -z "$out" ] || { cp "$work/text" "$out" && say "written to $out"; }
}

# --- what stays after deletion ------------------------------------------------------------------------------------------
if [ -n "$left" ]; then
  [[ $left =~ ^[A-Za-z0-9-]{1,64}$ ]] || die "--left takes the name that make infra used (letters, digits, '-')" 2
  : >"$work/calls"
  printf '%s\n' "scaletop field check: what is left, $began" "$(aws --version 2>&1 | cut -d' ' -f1), region $region" >"$work/title"
  head_line "what is left of $left"
  listed 'load balancers of Express' "$(ask "LoadBalancers[?contains(LoadBalancerName,'ecs-express-gateway')].[LoadBalancerName,State.Code,CreatedTime]" elbv2 describe-load-balancers)"
  listed 'target groups of Express' "$(ask "TargetGroups[?contains(TargetGroupName,'ecs-gateway')].[TargetGroupName,length(LoadBalancerArns)]" elbv2 describe-target-groups)"
  listed 'alarms' "$(ask "MetricAlarms[?contains(AlarmName,'$left')].[AlarmName,StateValue]" cloudwatch describe-alarms)"
  listed 'scalable targets' "$(ask "ScalableTargets[?contains(ResourceId,'$left')].[ResourceId,MinCapacity,MaxCapacity]" application-autoscaling describe-scalable-targets --service-namespace ecs)"
  listed 'clusters' "$(ask "clusterArns[?contains(@,'$left')]" ecs list-clusters)"
  listed 'App Runner services' "$(ask "ServiceSummaryList[?contains(ServiceName,'$left')].[ServiceName,Status]" apprunner list-services)"
  listed 'scaling configurations of App Runner' "$(ask "AutoScalingConfigurationSummaryList[?contains(AutoScalingConfigurationName,'$left')].[AutoScalingConfigurationName,AutoScalingConfigurationRevision]" apprunner list-auto-scaling-configurations)"
  listed 'log groups' "$(ask "logGroups[?contains(logGroupName,'$left')].[logGroupName,storedBytes]" logs describe-log-groups)"
  listed 'repositories' "$(ask "repositories[?contains(repositoryName,'$left')].[repositoryName]" ecr describe-repositories)"
  listed 'certificates' "$(ask "CertificateSummaryList[?contains(DomainName,'.ecs.')].[DomainName,Status]" acm list-certificates)"
  listed 'security groups of Express' "$(ask "SecurityGroups[?contains(GroupName,'ecs-express') || contains(GroupName,'$left')].[GroupName]" ec2 describe-security-groups)"
  finish
  exit 0
fi

# --- which service ------------------------------------------------------------------------------------------------------
case $target in
terraform:*)
  dir=${target#terraform:}
  outputs=$(terraform -chdir="$dir" output -json 2>"$work/error") || die "terraform output in $dir: $(head -n 1 "$work/error")"
  read_output() { python3 -c 'import json, sys; print((json.loads(sys.argv[1]).get(sys.argv[2]) or {}).get("value") or "")' "$outputs" "$1"; }
  # As scaletop does: what the state says is where both look.
  profile=$(read_output profile)
  [ -z "$profile" ] || export AWS_PROFILE=$profile
  its_region=$(read_output region)
  region=${its_region:-$region}
  arn=$(read_output app_runner_service_arn)
  service="$(read_output ecs_cluster)/$(read_output ecs_service_name)"
  if [ -n "$arn" ]; then platform=apprunner; elif [ "$service" != / ]; then platform=ecs; else die "nothing is deployed by $dir: make infra"; fi
  if [ -n "$arn" ] && [ "$service" != / ]; then
    both='both platforms are deployed, of which this checks App Runner'
    say "$both; the other: ${profile:+AWS_PROFILE=$profile }AWS_REGION=$region $0 ecs:$service"
  fi
  ;;
apprunner:*) platform=apprunner arn=${target#apprunner:} ;;
ecs:*/*) platform=ecs service=${target#ecs:} ;;
esac
[ -n "$region" ] || die 'no region: set AWS_REGION, or a profile that has one'
: >"$work/calls"
if [ "$platform" = apprunner ] && [[ $arn != arn:* ]]; then
  [[ $arn =~ ^[A-Za-z0-9_-]{1,64}$ ]] || die "\"$arn\" is no name of an App Runner service" 2
  name=$arn
  arn=$(ask "ServiceSummaryList[?ServiceName=='$name'].ServiceArn | [0]" apprunner list-services)
  [ -n "$arn" ] || die "App Runner has no service $name in $region, or it may not be listed: $(cat "$work/calls")"
fi
cluster=${service:-} cluster=${cluster%%/*} name=${name:-${service:-${arn:-}}} name=${name##*/}
[ "$platform" = ecs ] || name=$(cut -d/ -f2 <<<"$arn")

scaletop=${SCALETOP:-}
if [ -n "$drive" ] && [ -z "$scaletop" ]; then
  for candidate in "$(command -v scaletop || true)" "$root/target/release/scaletop" "$root/target/debug/scaletop"; do
    [ ! -x "$candidate" ] || { scaletop=$candidate && break; }
  done
  [ -n "$scaletop" ] || die 'there is no scaletop: cargo install --path . (or SCALETOP=FILE, or --no-drive)'
fi

printf '%s\n' "scaletop field check, $began" \
  "$([ -n "$scaletop" ] && "$scaletop" --version || echo 'no drive'), $(aws --version 2>&1 | cut -d' ' -f1), $(uname -s)" \
  "platform $platform, region $region" ${both:+"$both"} >"$work/title"

# --- the platform as it is ----------------------------------------------------------------------------------------------
# What a drive may cost depends on it: the size of an instance, and how many there may be; empty where it was not told.
cpu='' memory='' most=''

as_it_is_app_runner() {
  local scaling service_is limits
  head_line 'the service as it is'
  service_is=$(ask 'Service.[Status,SourceConfiguration.ImageRepository.ImageRepositoryType,InstanceConfiguration.Cpu,InstanceConfiguration.Memory]' apprunner describe-service --service-arn "$arn")
  listed 'status, image, cpu, memory' "$service_is"
  IFS=$'\t' read -r _ _ cpu memory <<<"$service_is" || true
  scaling=$(ask Service.AutoScalingConfigurationSummary.AutoScalingConfigurationArn apprunner describe-service --service-arn "$arn")
  if [ -n "$scaling" ]; then
    limits=$(ask 'AutoScalingConfiguration.[MaxConcurrency,MinSize,MaxSize]' apprunner describe-auto-scaling-configuration --auto-scaling-configuration-arn "$scaling")
    listed 'concurrency, least, most' "$limits"
    IFS=$'\t' read -r _ _ most <<<"$limits" || true
  fi
  listed 'last operations' "$(ask 'OperationSummaryList[:5].[Type,Status,StartedAt,EndedAt]' apprunner list-operations --service-arn "$arn")"
}

as_it_is_ecs() {
  local label groups deployments group revision limits sizes definition
  local resource=service/$service
  head_line 'the service as it is'
  listed 'managed by, desired, running, deployments, controller, strategy, canary %, bake min' "$(ask 'services[0].[resourceManagementType,desiredCount,runningCount,length(deployments),deploymentController.type,deploymentConfiguration.strategy,deploymentConfiguration.canaryConfiguration.canaryPercent,deploymentConfiguration.bakeTimeInMinutes]' ecs describe-services --cluster "$cluster" --services "$name")"
  definition=$(ask 'services[0].taskDefinition' ecs describe-services --cluster "$cluster" --services "$name")
  sizes=$([ -z "$definition" ] || ask 'taskDefinition.[cpu,memory]' ecs describe-task-definition --task-definition "$definition")
  listed 'cpu, memory of a task' "$sizes"
  IFS=$'\t' read -r cpu memory <<<"$sizes" || true
  limits=$(ask 'ScalableTargets[].[MinCapacity,MaxCapacity,SuspendedState.DynamicScalingInSuspended,SuspendedState.DynamicScalingOutSuspended]' application-autoscaling describe-scalable-targets --service-namespace ecs --resource-ids "$resource")
  listed 'least and most tasks, suspended in/out' "$limits"
  IFS=$'\t' read -r _ most _ <<<"$limits" || true
  listed 'policies: type, metric, target, cooldown out, in, no scale-in' "$(ask 'ScalingPolicies[].[PolicyType,TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.PredefinedMetricType,TargetTrackingScalingPolicyConfiguration.TargetValue,TargetTrackingScalingPolicyConfiguration.ScaleOutCooldown,TargetTrackingScalingPolicyConfiguration.ScaleInCooldown,TargetTrackingScalingPolicyConfiguration.DisableScaleIn]' application-autoscaling describe-scaling-policies --service-namespace ecs --resource-id "$resource")"
  listed 'alarms: state, metric, operator, threshold, period, points' "$(ask "MetricAlarms[?contains(AlarmName,'$name')].[StateValue,MetricName,ComparisonOperator,Threshold,Period,EvaluationPeriods]" cloudwatch describe-alarms)"

  deployments=$(ask 'serviceDeployments[].[status,createdAt]' ecs list-service-deployments --cluster "$cluster" --service "$name")
  listed 'deployments' "$deployments"
  label=$(ask "ScalingPolicies[].TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.ResourceLabel | [0]" application-autoscaling describe-scaling-policies --service-namespace ecs --resource-id "$resource")
  revision=$(ask 'reverse(sort_by(serviceDeployments,&createdAt))[0].targetServiceRevisionArn' ecs list-service-deployments --cluster "$cluster" --service "$name")
  groups=$(ask 'services[0].loadBalancers[].[targetGroupArn,advancedConfiguration.alternateTargetGroupArn]' ecs describe-services --cluster "$cluster" --services "$name")
  [ -z "$revision" ] || groups="$groups $(ask 'serviceRevisions[0].ecsManagedResources.ingressPaths[].targetGroups[].arn' ecs describe-service-revisions --service-revision-arns "$revision")"
  head_line 'does the label of REQUEST_COUNT_PER_TARGET survive a deployment?'
  if [ -z "$label" ]; then
    block 'no policy names a target group: nothing to survive'
    return
  fi
  for group in $(tr -s ' \t' '\n' <<<"$groups" | grep '^arn:' | sort -u); do
    local healthy named=no
    healthy=$(ask "length(TargetHealthDescriptions[?TargetHealth.State=='healthy'])" elbv2 describe-target-health --target-group-arn "$group")
    case $label in *"${group##*:}") named=yes ;; esac
    block "target group: ${healthy:-unknown} healthy targets, named by the policy: $named"
  done
  block "deployments so far: $(grep -c . <<<"$deployments" || true). It survives when a group with healthy targets is the one named, after two deployments."
}

# --- the drive ----------------------------------------------------------------------------------------------------------
# in_units VALUE UNIT: "1024" or "1 vCPU" as 1; nothing where it is neither.
in_units() {
  awk -v text="$1" -v unit="$2" 'BEGIN { if (text ~ "^[0-9.]+ " unit "$") print text + 0; else if (text ~ /^[0-9]+$/) print text / 1024 }'
}

# Says what the drive would do and cost; 1 where it is not wanted.
confirm() {
  local requests=$((rate * (seconds - 10) + 50))
  local dollars vcpu gigabytes instances assumed='' answer=''
  vcpu=$(in_units "$cpu" vCPU) gigabytes=$(in_units "$memory" GB)
  if [ -z "$vcpu" ] || [ -z "$gigabytes" ]; then vcpu=1 gigabytes=2 assumed=' (the size is assumed: it could not be read)'; fi
  instances=$most
  if ! [[ $instances =~ ^[0-9]+$ ]]; then instances=25 assumed+=' (the number is assumed: it could not be read)'; fi
  # All instances from the first second, each with an address, at the dearer platform's price (infra/scripts/costs.py);
  # answers of 0.5 kB.
  dollars=$(awk -v s=$((seconds + after)) -v n=$requests -v i="$instances" -v v="$vcpu" -v g="$gigabytes" \
    'BEGIN { printf "%.2f", i * (v * 0.064 + g * 0.007 + 0.005) * s / 3600 + n * 0.0000005 * 0.09 + n * 0.000001 * 0.008 + 0.01 }')
  say "this sends up to $requests requests to $platform $name in $seconds s (5/s for 10 s, then $rate/s), watches it for $after s more, and costs at most some \$$dollars, with $instances instances of $vcpu vCPU and $gigabytes GB$assumed"
  say 'the service is overloaded meanwhile: use one that nobody else does, and none that is being deployed'
  [ -z "$confirmed" ] || return 0
  read -r -p 'field-check: go on? [y/N] ' answer || true
  [[ $answer == [yY]* ]]
}

drive_it() {
  local code=0 scaletop_target=$target
  case $target in terraform:*) ;; *) [ "$platform" = ecs ] || scaletop_target=apprunner:$arn ;; esac
  cat >"$work/plan.toml" <<PLAN
name = "field check"
[[stage]]
name = "quiet"
rate = 5
duration = "10s"
[[stage]]
name = "spike"
rate = $rate
duration = "$((seconds - 10))s"
PLAN
  drive_began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  "$scaletop" run "$work/plan.toml" "$scaletop_target" --region "$region" --yes --out "$work/session" --format json >"$work/result.json" 2>"$work/run.log" || code=$?
  head_line 'the drive'
  block "5/s for 10 s, then $rate/s for $((seconds - 10)) s; scaletop ended with $code"
  if [ ! -s "$work/session/timeline.csv" ]; then
    listed 'it could not be driven' "$(tail -n 5 "$work/run.log")"
    return
  fi
  python3 - "$work/session" >>"$work/block" <<'PYTHON'
import csv, json, pathlib, sys

session = pathlib.Path(sys.argv[1])
summary = json.loads((session / "summary.json").read_text())
spike = next((step for step in summary["steps"] if step["name"] == "spike"), None)
for step in summary["steps"]:
    print(f"step {step['name']}: {step['words']}")
if spike:
    known = {name: time for name, time in spike["scale_out"].items() if time}
    print(f"where the time went: {json.dumps(known)}")
    for word in ("scale_out_cause", "not_scaled", "invalid_generator"):
        if spike[word]:
            print(f"{word}: {spike[word]}")
rows = list(csv.DictReader((session / "timeline.csv").open()))
begins = spike["start_s"] if spike else 0
number = lambda row, name: float(row.get(name) or 0)
during = [row for row in rows if number(row, "elapsed_s") >= begins]
print("\n## is too much refused at once (429)?")
for name in ("err_429", "err_5xx", "err_timeout", "err_connect", "err_reset"):
    seconds = [number(row, "elapsed_s") - begins for row in during if number(row, name)]
    total = int(sum(number(row, name) for row in during))
    print(f"{name}: {total}" + (f", first {seconds[0]:.0f} s after the spike began, last {seconds[-1]:.0f} s" if seconds else ""))
failed = [number(row, "failed_p99_ms") for row in during if row.get("failed_p99_ms")]
if failed:
    print(f"p99 of failed answers: median second {sorted(failed)[len(failed) // 2]:.0f} ms (a refusal at once takes some milliseconds, a queue more)")
print("\n## instances by the second, at each change (seconds after the spike began: responding, active, running, desired)")
before = None
for row in during:
    counts = tuple(row[f"instances_{kind}"] or "–" for kind in ("responding", "active", "running", "desired"))
    if counts != before:
        print(f"{number(row, 'elapsed_s') - begins:.0f}: {' '.join(counts)}")
    before = counts
PYTHON
}

# What the platform says of it afterwards, by its own clock.
platform_says() {
  local id name_of
  head_line "what the platform says of it, asked $after s later (the drive began $drive_began)"
  if [ "$platform" = ecs ]; then
    listed 'activities: begin, end, status, cause' "$(ask 'ScalingActivities[:6].[StartTime,EndTime,StatusCode,Cause]' application-autoscaling describe-scaling-activities --service-namespace ecs --resource-id "service/$service")"
    listed 'alarms: state, since' "$(ask "MetricAlarms[?contains(AlarmName,'$name')].[StateValue,StateUpdatedTimestamp,MetricName]" cloudwatch describe-alarms)"
    listed 'events' "$(ask 'services[0].events[:6].[createdAt,message]' ecs describe-services --cluster "$cluster" --services "$name")"
    listed 'tasks that stopped: code, reason' "$(stopped_tasks)"
    return
  fi
  id=${arn##*/} name_of="Name=ServiceName,Value=$name},{Name=ServiceID,Value=$id"
  local metric query='' at=0
  for metric in ActiveInstances:Maximum Requests:Sum 2xxStatusResponses:Sum 4xxStatusResponses:Sum 5xxStatusResponses:Sum Concurrency:Maximum; do
    query+=" Id=m$((at++)),MetricStat={Metric={Namespace=AWS/AppRunner,MetricName=${metric%:*},Dimensions=[{$name_of}]},Period=60,Stat=${metric#*:}}"
  done
  # shellcheck disable=SC2086
  listed 'minute by minute (is 429 among the 4xx? compare)' "$(ask "MetricDataResults[].[Label,join(',',map(&to_string(@),Values))]" cloudwatch get-metric-data --scan-by TimestampAscending --start-time "$drive_began" --end-time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --metric-data-queries $query)"
}

stopped_tasks() {
  local tasks
  tasks=$(ask 'taskArns[:5]' ecs list-tasks --cluster "$cluster" --service-name "$name" --desired-status STOPPED)
  # shellcheck disable=SC2086
  [ -z "$tasks" ] || ask 'tasks[].[stopCode,stoppedReason]' ecs describe-tasks --cluster "$cluster" --tasks $tasks
}

if [ "$platform" = ecs ]; then as_it_is_ecs; else as_it_is_app_runner; fi
if [ -n "$drive" ] && ! confirm; then
  say 'nothing was sent; this is what was read'
elif [ -n "$drive" ]; then
  # Ctrl-C ends the drive or the watching, not what was read; a second one ends everything.
  interrupted=''
  trap 'interrupted=yes; trap - INT' INT
  say "driving for $seconds s"
  drive_it
  if [ -z "$interrupted" ]; then
    say "watching for $after s more"
    sleep "$after" || true
  fi
  [ -z "$interrupted" ] || block '' "interrupted: the drive or the $after s after it were cut short"
  platform_says
fi
block '' '## not asked' "what stays after deletion: make destroy, then infra/scripts/field-check.sh --left $name"
finish
