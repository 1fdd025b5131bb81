#!/usr/bin/env bash
# infra/scripts/field-check.sh against the embedded cluster, with a drive, and against moto, without one. A stand-in before
# the aws CLI writes down what is called, and refuses what DENY names. Load goes to loopback alone.
#   field_check.sh cluster | moto     (moto: MOTO_ENDPOINT says where; tests/compat/run.sh field starts it)
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
check=$root/infra/scripts/field-check.sh
export CHECK=$check
real=$(command -v aws || true)
if [ -z "$real" ] || ! "$real" ecs list-service-deployments --generate-cli-skeleton input >/dev/null 2>&1; then
  echo 'field check: SKIPPED: no aws CLI that knows the calls (2.33, or 1.43.1)'
  exit 0
fi
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/bin"
cat >"$work/bin/aws" <<AWS
#!/usr/bin/env bash
printf '%s %s\n' "\$1" "\${2:-}" >>"$work/called"
printf '%s\n' "\${AWS_PROFILE:-none}" >"$work/profile"
if [ -n "\${DENY:-}" ] && [ "\$1 \${2:-}" = "\$DENY" ]; then
  echo 'An error occurred (AccessDeniedException) when calling it: you are not authorized to perform it' >&2
  exit 254
fi
if [ -n "\${FAIL:-}" ] && [ "\$1 \${2:-}" = "\$FAIL" ]; then
  echo 'An error occurred (ValidationException): arn:aws:iam::210987654321:role/x of AKIAIOSFODNN7EXAMPLE at abc.ecs.eu-west-1.on.aws' >&2
  exit 254
fi
exec "$real" "\$@"
AWS
# A sed as POSIX has it, without GNU's word boundary.
cat >"$work/bin/sed" <<SED
#!/usr/bin/env bash
case "\$*" in *'\b'*) echo 'sed: \b is not of POSIX' >&2 && exit 1 ;; esac
exec "$(command -v sed)" "\$@"
SED
cat >"$work/bin/terraform" <<TERRAFORM
#!/usr/bin/env bash
cat "$work/outputs.json"
TERRAFORM
chmod +x "$work/bin"/*
export PATH=$work/bin:$PATH AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
unset AWS_PROFILE

failed() {
  echo "field check: FAILED: $*" >&2
  cat "$work/text" "$work/said" >&2
  exit 1
}
run() { # run CODE WORDS…
  local expected=$1 code=0
  shift
  "$check" "$@" >"$work/text" 2>"$work/said" </dev/null || code=$?
  [ "$code" = "$expected" ] || failed "field-check.sh $* ended with $code, not with $expected"
}
# answers WORD WORDS…: the same from a terminal, where WORD is typed; it must end with 0.
answers() {
  # With our PATH: a python3 that is a shim may put the aws beside itself first.
  python3 - "$PATH" "$@" >"$work/text" 2>"$work/said" <<'PYTHON' || failed "field-check.sh, answered with $1, must end with 0"
import os, pty, subprocess, sys

ours, theirs = pty.openpty()
os.write(ours, f"{sys.argv[2]}\n".encode())
sys.exit(subprocess.run([os.environ["CHECK"], *sys.argv[3:]], stdin=theirs, env={**os.environ, "PATH": sys.argv[1]}).returncode)
PYTHON
}
has() { grep -qE -- "$1" "$work/text" || failed "the block must say: $1"; }
says() { grep -qF -- "$1" "$work/said" || failed "it must say: $1"; }
reads_only() {
  ! grep -vE '^[a-z0-9-]+ (describe|get|list)-|^--version |^configure get$' "$work/called" | grep . || failed 'it must call nothing but describe, get and list'
}
masks() {
  ! grep -nE '\b[0-9]{12}\b|\b(AKIA|ASIA)[A-Z0-9]{12}|\b[0-9a-f]{32}\b' "$work/text" || failed 'an account, a key or an id is not masked'
  # shellcheck disable=SC2016
  [ "$(head -n 1 "$work/text") $(tail -n 1 "$work/text")" = '```text ```' ] || failed 'one block of text'
}

case ${1:-} in
cluster)
  scaletop=${SCALETOP:-${CARGO_TARGET_DIR:-$root/target}/debug/scaletop}
  export SCALETOP=$scaletop
  for platform in ${2:-ecs app-runner}; do
    "$scaletop" cluster --platform "$platform" --time-scale 20 >"$work/env" 2>"$work/cluster" &
    pid=$!
    for _ in $(seq 300); do
      grep -q AWS_SECRET_ACCESS_KEY "$work/env" && break
      sleep 0.1
    done
    set -a
    # shellcheck source=/dev/null
    . "$work/env"
    set +a
    : >"$work/called"

    # Nobody is here to ask, and nobody said yes: nothing is asked of the platform either.
    run 2 "$SCALETOP_TARGET" --seconds 20
    says 'nobody can be asked here: add --yes, or --no-drive'
    ! [ -s "$work/called" ] || failed 'it must be refused before any call'

    # Who is asked and says no, or nothing, has what was read.
    answers n "$SCALETOP_TARGET" --seconds 20
    says 'this sends up to 9050 requests'
    # shellcheck disable=SC2016
    says 'costs at most some $0.'
    case $platform in
    # The emulation has no task definitions.
    ecs) says 'with 5 instances of 1 vCPU and 2 GB (the size is assumed: it could not be read)' ;;
    *)
      says 'with 5 instances of 0.25 vCPU and 0.5 GB'
      ! grep -qF assumed "$work/said" || failed 'nothing is assumed'
      ;;
    esac
    says 'nothing was sent; this is what was read'
    has '^## the service as it is$'
    has '^## not asked$'
    ! grep -qE '^(## the drive|step )' "$work/text" || failed 'it must not be driven'
    masks
    answers '' "$SCALETOP_TARGET" --seconds 20
    says 'nothing was sent; this is what was read'
    DENY=$([ "$platform" = ecs ] && echo 'application-autoscaling describe-scalable-targets' || echo 'apprunner describe-auto-scaling-configuration') answers n "$SCALETOP_TARGET" --seconds 20
    says 'with 25 instances of'
    says '(the number is assumed: it could not be read)'

    run 0 "$SCALETOP_TARGET" --yes --rate 250 --seconds 20 --after 2 --out "$work/out"
    cmp -s "$work/text" "$work/out" || failed '--out has the same text'
    has "^platform $(tr -d - <<<"$platform"), region us-east-1$"
    has '^step spike: 5→250/s: '
    has '^err_429: [0-9]+'
    has '^0: 1 '
    case $platform in
    ecs)
      has 'TargetTrackingScaling.*CPUUtilization'
      has 'no policy names a target group: nothing to survive'
      has '^alarms: state, metric, operator, threshold, period, points:$'
      # The emulation keeps no record of deployments: said, and not the end.
      has 'failed ecs list-service-deployments: '
      ;;
    *)
      has '^concurrency, least, most:$'
      has '^  10[[:space:]]1[[:space:]]5$'
      has '^  4xxStatusResponses'
      ;;
    esac
    masks
    reads_only
    DENY=$([ "$platform" = ecs ] && echo 'cloudwatch describe-alarms' || echo 'apprunner list-operations') run 0 "$SCALETOP_TARGET" --no-drive
    has '^  denied (cloudwatch describe-alarms|apprunner list-operations)$'
    FAIL=$([ "$platform" = ecs ] && echo 'cloudwatch describe-alarms' || echo 'apprunner list-operations') run 0 "$SCALETOP_TARGET" --no-drive
    has '^  failed [a-z]+ [a-z-]+: .*arn:aws:iam::<account>:role/x of <key> at <host>.on.aws'
    masks

    if [ "$platform" = app-runner ]; then
      # Both are there: App Runner is what is checked, and it is said; with the profile of the state, whatever the caller's.
      arn=$("$real" apprunner list-services --region us-east-1 --query 'ServiceSummaryList[0].ServiceArn' --output text)
      printf '[profile shop]\nregion = us-east-1\n' >"$work/config"
      printf '{"region": {"value": "us-east-1"}, "profile": {"value": "shop"}, "app_runner_service_arn": {"value": "%s"}, "ecs_cluster": {"value": "c"}, "ecs_service_name": {"value": "s"}}\n' "$arn" >"$work/outputs.json"
      AWS_CONFIG_FILE=$work/config AWS_PROFILE=other run 0 "terraform:$work" --no-drive
      says "both platforms are deployed, of which this checks App Runner; the other: AWS_PROFILE=shop AWS_REGION=us-east-1 $check ecs:c/s"
      has '^both platforms are deployed, of which this checks App Runner$'
      has '^  ok apprunner describe-service$'
      [ "$(cat "$work/profile")" = shop ] || failed 'it must read with the profile of the state, as scaletop drives'
    fi
    kill "$pid" && wait "$pid" 2>/dev/null || true
    pid=
    echo "field check: the embedded cluster as $platform ok"
  done
  run 2 ecs:a/b --rate 9000
  says '--rate must be a whole number from 1 to 5000, and is "9000"'
  run 2 https://example.com
  says 'is no target'
  run 2 --colour
  says 'there is no option --colour'
  echo 'field check: wrong words ok'
  ;;
moto)
  export AWS_ENDPOINT_URL=$MOTO_ENDPOINT AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_DEFAULT_REGION=eu-west-1 AWS_REGION=eu-west-1
  quietly() { "$real" "$@" --output text 2>"$work/error" || { cat "$work/error" >&2 && exit 1; }; }
  : >"$work/called"
  vpc=$(quietly ec2 describe-vpcs --query 'Vpcs[0].VpcId')
  group=$(quietly elbv2 create-target-group --name ecs-gateway-tg-1 --protocol HTTP --port 80 --vpc-id "$vpc" --target-type ip --query 'TargetGroups[0].TargetGroupArn')
  quietly ecs create-cluster --cluster-name field >/dev/null
  quietly ecs register-task-definition --family app --cpu 256 --memory 512 --container-definitions '[{"name":"Main","image":"app","memory":128,"portMappings":[{"containerPort":80}]}]' >/dev/null
  quietly ecs create-service --cluster field --service-name app-0a1b2c --task-definition app --desired-count 1 --load-balancers "targetGroupArn=$group,containerName=Main,containerPort=80" >/dev/null
  quietly application-autoscaling register-scalable-target --service-namespace ecs --resource-id service/field/app-0a1b2c --scalable-dimension ecs:service:DesiredCount --min-capacity 1 --max-capacity 5 >/dev/null
  policy() {
    quietly application-autoscaling put-scaling-policy --service-namespace ecs --resource-id service/field/app-0a1b2c --scalable-dimension ecs:service:DesiredCount --policy-name requests --policy-type TargetTrackingScaling \
      --target-tracking-scaling-policy-configuration "{\"TargetValue\":6000,\"ScaleOutCooldown\":60,\"ScaleInCooldown\":300,\"PredefinedMetricSpecification\":{\"PredefinedMetricType\":\"ALBRequestCountPerTarget\",\"ResourceLabel\":\"app/ecs-express-gateway-alb-1/0123456789abcdef/$1\"}}" >/dev/null
  }
  policy "${group##*:}"
  run 0 ecs:field/app-0a1b2c --no-drive
  has '^  TargetTrackingScaling[[:space:]]ALBRequestCountPerTarget[[:space:]]6000(\.0)?[[:space:]]60[[:space:]]300'
  has '^target group: [0-9a-z]+ healthy targets, named by the policy: yes$'
  has '^  ok ecs describe-services$'
  masks
  reads_only
  has '^  256[[:space:]]512$'
  SCALETOP=$(command -v true) answers n ecs:field/app-0a1b2c
  says 'with 5 instances of 0.25 vCPU and 0.5 GB'
  ! grep -qF assumed "$work/said" || failed 'nothing is assumed'
  FAIL='cloudwatch describe-alarms' run 0 ecs:field/app-0a1b2c --no-drive
  has 'failed cloudwatch describe-alarms: .*arn:aws:iam::<account>:role/x of <key> at <host>.on.aws'
  masks
  policy targetgroup/ecs-gateway-tg-0/fedcba9876543210
  run 0 ecs:field/app-0a1b2c --no-drive
  has 'named by the policy: no$'
  run 0 --left app-0a1b2c
  has '^target groups of Express:$'
  has '^  ecs-gateway-tg-1[[:space:]]0$'
  has '^  service/field/app-0a1b2c[[:space:]]1[[:space:]]5$'
  masks
  reads_only
  echo 'field check: moto ok'
  ;;
*)
  echo 'usage: field_check.sh cluster | moto' >&2
  exit 2
  ;;
esac
