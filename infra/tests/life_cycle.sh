#!/usr/bin/env bash
# `make infra`, again and again, and `make destroy`, with the real terraform and the real scripts, against a small cloud on
# this machine (small_cloud/) that refuses what AWS refuses. It shows what mocks cannot: the order in which things are made,
# replaced and removed. Skipped, and said so, where terraform or SHARED_DIR (see ../check.sh) is missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
shared_schema=${SHARED_DIR:-$root/../shared}/tools/terraform-offline/aws-6.69.1.schema.json
work=${CARGO_TARGET_DIR:-$root/target}/infra-check
python=$work/venv/bin/python
mkdir -p "$work"

skip() {
  echo "life cycle: SKIPPED: $1"
  exit 0
}
command -v terraform >/dev/null || skip 'terraform is not installed'
[ -f "$shared_schema" ] || skip "no provider schema at $shared_schema"
"$python" -c 'import tf, msgpack' 2>/dev/null || { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check tf==1.2.0; } || skip 'cannot install tf==1.2.0 from PyPI'

# A machine's own CLI settings have no part in this.
: >"$work/empty.tfrc"
export TF_CLI_CONFIG_FILE=$work/empty.tfrc
run=$(mktemp -d "$work/life.XXXXXX")
trap 'rm -rf "$run"' EXIT

# --- the cloud: a provider in a mirror (so that `terraform init` is real too) and four tools on the PATH ------------------
"$python" - "$shared_schema" "$here/more.schema.json" "$run/schema.json" <<'PYTHON'
import json, sys
base, more = (json.load(open(path)) for path in sys.argv[1:3])
base["schemas"].update(more["schemas"])
json.dump(base, open(sys.argv[3], "w"))
PYTHON
mirror=$run/mirror/registry.terraform.io/hashicorp/aws/6.69.1/$(terraform version -json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["platform"])')
mkdir -p "$mirror" "$run/bin"
printf '#!/bin/sh\nexec "%s" "%s"\n' "$python" "$here/small_cloud/provider.py" >"$mirror/terraform-provider-aws_v6.69.1"
for tool in aws docker curl gh; do printf '#!/bin/sh\nexec "%s" "%s" %s "$@"\n' "$python" "$here/small_cloud/tools.py" $tool >"$run/bin/$tool"; done
chmod +x "$mirror"/* "$run"/bin/*
printf 'provider_installation {\n  filesystem_mirror { path = "%s" }\n}\n' "$run/mirror" >"$run/terraform.rc"
export TF_CLI_CONFIG_FILE=$run/terraform.rc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 PATH=$run/bin:$PATH WAIT_SECS=600 LOOK_SECS=0 SETTLE_SECS=0 ROLE_SECS=0
export SMALL_CLOUD=$run/cloud.json SMALL_CLOUD_SCHEMA=$run/schema.json PYTHONDONTWRITEBYTECODE=1
unset AWS_PROFILE PLATFORM SCALING MAX_SIZE MAX_CONCURRENCY REGION PROFILE TAG ENGINE MAKEFLAGS 2>/dev/null || true

# --- a checkout of its own ------------------------------------------------------------------------------------------------
checkout=$run/checkout
mkdir -p "$checkout"
cp -r "$root/Dockerfile" "$root/Cargo.toml" "$root/Cargo.lock" "$root/test-app" "$checkout/"
tar -C "$root" --exclude='*.auto.tfvars' --exclude=terraform.tfvars --exclude=.terraform --exclude='*.tfstate*' --exclude=.terraform.lock.hcl -cf - infra | tar -C "$checkout" -xf -
git -C "$checkout" init --quiet
git -C "$checkout" remote add origin git@github.com:scaletop/scaletop.git

# --- helpers --------------------------------------------------------------------------------------------------------------
make_() { make --silent --no-print-directory -C "$checkout" -f infra/infra.mk "$@" >"$run/log" 2>&1; }
must() { make_ "$@" || failed "make $* must succeed"; }
failed() {
  echo "life cycle: FAILED: $*" >&2
  tail -n 40 "$run/log" >&2
  exit 1
}
events() { "$python" -c 'import json, os; print("\n".join(json.load(open(os.environ["SMALL_CLOUD"]))["events"]))'; }
mark() { before=$(events | wc -l); }
since() { events | tail -n "+$((before + 1))"; }
# in_order PATTERN…: each first occurs after the one before it, among the events since the mark.
in_order() {
  local from=0 line
  for pattern; do
    line=$(since | grep -nE -- "$pattern" | cut -d: -f1 | awk -v from="$from" '$1 > from' | head -n 1)
    [ -n "$line" ] || failed "expected in this order: $* ; happened: $(since)"
    from=$line
  done
}
# log_order PATTERN…: the same of what make printed.
log_order() {
  local from=0 line
  for pattern; do
    line=$(grep -nE -- "$pattern" "$run/log" | cut -d: -f1 | awk -v from="$from" '$1 > from' | head -n 1)
    [ -n "$line" ] || failed "it must say in this order: $*"
    from=$line
  done
}
said() { grep -qF -- "$1" "$run/log" || failed "it must say: $1"; }
ok() { echo "life cycle: $* ok"; }

# --- the tests ------------------------------------------------------------------------------------------------------------
before=0
must infra PLATFORM=both
in_order 'create aws_ecr_repository' 'docker build' 'docker push' 'create aws_apprunner_service'
in_order 'create aws_iam_role ' 'docker push' 'create aws_ecs_express'
in_order 'create aws_iam_role_policy' 'create aws_iam_role_policy' 'docker push'
said 'next: scaletop live terraform:infra'
log_order 'App Runner: the service is RUNNING, the last operation UPDATE_SERVICE IN_PROGRESS' 'UPDATE_SERVICE SUCCEEDED' 'ECS: deployment IN_PROGRESS' 'ECS: deployment SUCCESSFUL' 'answers$'
grep -qE '^https://[0-9a-f]+\.eu-west-1\.awsapprunner\.com$' "$run/log" || failed 'it must print the URL'
[ "$(terraform -chdir="$checkout/infra" output -raw ci_push_role_arn)" = arn:aws:iam::123456789012:role/scaletop-test-app-push ] || failed 'the role for this checkout'\''s repository'
trusts() { "$python" -c 'import json, os, sys; roles = [entry["values"] for entry in json.load(open(os.environ["SMALL_CLOUD"]))["resources"].values() if entry["kind"] == "aws_iam_role"]; sys.exit(not any(sys.argv[1] in role["assume_role_policy"] for role in roles))' "$1"; }
trusts '"repo:scaletop/scaletop:ref:refs/heads/main"' || failed 'the repository by its name may push'
trusts '"repo:scaletop@1001/scaletop@2002:ref:refs/heads/main"' || failed 'the ids of the repository are looked up'
ok 'from an empty account to two services'

mark
must infra
[ -z "$(since)" ] || failed "a repeated make infra must change nothing, but: $(since)"
said 'is already in scaletop-test-app'
terraform -chdir="$checkout/infra" plan -input=false -detailed-exitcode >"$run/log" 2>&1 || failed 'a plain plan must find nothing to do'
ok 'repeated: nothing built, nothing changed, a plain plan is empty'

mark
must infra MAX_SIZE=3
in_order 'create aws_apprunner_auto.*-multi/2/' 'update aws_apprunner_service' 'delete aws_apprunner_auto.*-multi/1/'
[ "$(since | grep -c 'aws_apprunner_auto.*-single')" -eq 0 ] || failed 'single-instance has no part in max_size'
mark
must infra MAX_CONCURRENCY=20
in_order 'create aws_apprunner_auto.*-multi/3/' 'update aws_apprunner_service' 'delete aws_apprunner_auto.*-multi/2/'
[ "$(since | grep -c 'create aws_apprunner_service')" -eq 0 ] || failed 'the service must stay'
for size in 4 5 6; do must infra MAX_SIZE=$size; done
mark
must infra SCALING=single-instance
in_order 'update aws_apprunner_service'
[ "$(since | grep -c aws_apprunner_auto)" -eq 0 ] || failed 'both configurations exist already'
ok 'sizes and concurrency replace the configuration behind the service (six revisions, of which a name may have five at a time), single-instance is one update'

mark
! make_ infra TAG=99 || failed 'an image that is not there must stop it'
said 'there is no image 99 in scaletop-test-app'
! terraform -chdir="$checkout/infra" apply -no-color -input=false -auto-approve -var image_tag=99 >"$run/log" 2>&1 || failed 'terraform itself must stop'
said 'There is no image "99" in scaletop-test-app (it has: src-'
[ -z "$(since)" ] || failed "nothing may be touched, but: $(since)"
ok 'a missing image stops it before anything is touched, and says what there is'

echo '// changed' >>"$checkout/test-app/src/lib.rs"
mark
must infra
in_order 'docker build' 'docker push' 'update aws_apprunner_service'
in_order 'docker push' 'update aws_ecs_express'
log_order 'ECS: deployment IN_PROGRESS' 'ECS: deployment SUCCESSFUL, 1 of 1 tasks run' 'answers$'
ok 'changed sources make a new image and update both services'

first=$(terraform -chdir="$checkout/infra" output -raw ecs_service_name)
must destroy
"$python" - <<'PYTHON' || failed 'destroy must leave nothing'
import json, os, sys
state = json.load(open(os.environ["SMALL_CLOUD"]))
left = {kind: state[kind] for kind in ("resources", "images", "logs") if state[kind]}
sys.exit(f"left behind: {left}" if left else 0)
PYTHON
ok 'destroy leaves nothing, App Runner'\''s own log groups included'

must destroy
must infra PLATFORM=ecs-express
[ "$(terraform -chdir="$checkout/infra" output -raw ecs_service_name)" != "$first" ] || failed 'ECS holds the old name'
must destroy
ok 'destroy can be repeated; up again with a name that ECS does not hold'

SMALL_CLOUD_TRIP=aws_ecs_express_gateway_service must infra
said 'is ACTIVE: keep it'
[ -f "$SMALL_CLOUD.tripped" ] || failed 'the provider must have tripped'
! terraform -chdir="$checkout/infra" show -no-color | grep -q tainted || failed 'nothing may stay tainted'
must destroy
ok 'a provider that trips over a service that runs is mended, not replaced'

! SMALL_CLOUD_CLOSED=1 make_ infra PLATFORM=app-runner || failed 'a closed App Runner must fail'
said 'make infra PLATFORM=ecs-express'
must infra PLATFORM=ecs-express
must destroy
ok 'an account that App Runner refuses is told what to do'

SMALL_CLOUD_NEW_ACCOUNT=1 must infra PLATFORM=ecs-express
said 'service-linked role'
must destroy
ok 'the first service of a new account is tried once more, and it is said why'

! SMALL_CLOUD_ROLLBACK=1 make_ infra PLATFORM=ecs-express || failed 'a deployment that is rolled back must fail'
said 'ROLLBACK_SUCCESSFUL'
said 'because of alarm(s) in ALARM. It is safe to run make infra again.'
said 'was unable to place a task'
said 'CannotPullContainerError'
! grep -qF 'App Runner refuses' "$run/log" || failed 'App Runner has no part in it'
must infra
must destroy
ok 'a deployment that is rolled back fails with its reason, the events and the stopped tasks, and blames nobody else'

! SMALL_CLOUD_OLD_CLI=1 make_ infra || failed 'an aws CLI without Express Mode must be refused'
said 'this aws CLI is too old (aws-cli/2.9.0'
said '2.33 or newer'
ok 'an aws CLI that is too old is named, with the version that is needed'

# --- GitHub's OIDC provider, one per account: twice round without an earlier one, twice with one -------------------------------
account() { "$python" -c "import json, os; path = os.environ['SMALL_CLOUD']; state = json.load(open(path)); $1; json.dump(state, open(path, 'w'))"; }
provider_arn=arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com

for round in first second; do
  mark
  must infra
  [ "$(since | grep -c 'create aws_iam_openid_connect_provider')" -eq 1 ] || failed "$round round: the provider is made"
  must destroy
  [ "$(since | grep -c 'delete aws_iam_openid_connect_provider')" -eq 1 ] || failed "$round round: nobody else uses it, so it goes"
done
ok 'twice round without a provider: made and removed each time'

account "state['foreign_oidc'] = ['$provider_arn']"
for round in first second; do
  mark
  must infra
  said "the account has GitHub's OIDC provider already"
  must destroy
  said "left: GitHub's OIDC provider ($provider_arn), which was there before"
  [ "$(since | grep -c aws_iam_openid_connect_provider)" -eq 0 ] || failed "$round round: the account's own provider is used and stays"
done
ok 'twice round with a provider of the account: used and left, and it is said'

# The account loses it, gets ours, and somebody comes to trust that.
account "state['foreign_oidc'] = []"
must infra
account "state['foreign_roles'] = [['theirs', json.dumps({'Federated': '$provider_arn'})]]"
mark
must destroy
said "left: GitHub's OIDC provider ($provider_arn), which is trusted by: theirs"
[ "$(since | grep -c 'delete aws_iam_openid_connect_provider')" -eq 0 ] || failed 'a provider that others trust must stay'
# In the small cloud it is now nobody's of this state.
must infra
said "the account has GitHub's OIDC provider already"
must destroy
ok 'a provider that other roles have come to trust stays, and the next make infra uses it'

account "state['foreign_roles'] = []; state['resources'] = {}"
must infra
mark
SMALL_CLOUD_NO_LIST_ROLES=1 must destroy
said 'cannot be told without iam:ListRoles'
[ "$(since | grep -c 'delete aws_iam_openid_connect_provider')" -eq 0 ] || failed 'who cannot ask must leave it'
ok 'where nobody may ask who trusts it, it stays too'

# --- a repository, or its ids, that come later than the registry ---------------------------------------------------------------
account "state['resources'] = {}; state['foreign_oidc'] = []"
rm -f "$checkout"/infra/make.auto.tfvars "$checkout"/infra/terraform.tfstate*
ids='"repo:scaletop@1001/scaletop@2002:ref:refs/heads/main"'
SMALL_CLOUD_NO_GH=1 must infra
said "gh api repos/scaletop/scaletop --jq '.owner.id,.id'"
! trusts "$ids" || failed 'nobody could say the ids'
SMALL_CLOUD_NO_GH=1 must infra
said "gh api repos/scaletop/scaletop --jq '.owner.id,.id'"
mark
must infra
in_order 'update aws_iam_role '
trusts "$ids" || failed 'a later make infra looks the ids up too'
mark
must infra
[ -z "$(since)" ] || failed "the ids are looked up once, but: $(since)"
must destroy
ok 'ids of the repository that an earlier make infra could not look up are added by the next'

account "state['foreign_oidc'] = ['$provider_arn']"
rm -f "$checkout"/infra/make.auto.tfvars
git -C "$checkout" remote remove origin
must infra
! trusts repo: || failed 'without a repository there is no role for one'
echo 'github_repository = "else/where"' >"$checkout/infra/terraform.tfvars"
must infra
said "the account has GitHub's OIDC provider already"
trusts '"repo:else@3003/where@4004:ref:refs/heads/main"' || failed 'a repository that is set later has its ids, too'
must destroy
said "left: GitHub's OIDC provider ($provider_arn), which was there before"
ok 'a repository that is set later uses the provider that the account has'
