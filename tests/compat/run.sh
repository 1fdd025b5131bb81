#!/bin/sh
# Holds the embedded cluster's AWS endpoints against clients that nobody here wrote, and the official Rust crates against
# moto's ECR and ECS. Needs Rust and Python 3; installs botocore and moto into target/compat-venv, nothing elsewhere.
#
#   tests/compat/run.sh              all of it
#   tests/compat/run.sh botocore     the endpoints only (builds without the AWS crates)
#   tests/compat/run.sh moto         the crates only
#   tests/compat/run.sh manifest     the manifest for Kubernetes, against the models of its API
#   tests/compat/run.sh field        infra/scripts/field-check.sh only, against either (needs the aws CLI)
set -eu
export PYTHONDONTWRITEBYTECODE=1
cd "$(dirname "$0")/../.."
half="${1:-both}"
venv=target/compat-venv
stamp="$venv/requirements.txt"
if ! cmp -s tests/compat/requirements.txt "$stamp"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/compat/requirements.txt
    cp tests/compat/requirements.txt "$stamp"
fi
case "$half" in botocore | both)
    cargo build --quiet -p scaletop-cluster --example wire_server
    WIRE_SERVER="${CARGO_TARGET_DIR:-target}/debug/examples/wire_server" \
        "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/compat
    ;;
esac
case "$half" in moto | both)
    "$venv/bin/python" tests/compat/with_moto.py \
        cargo test --quiet --test it moto:: -- --ignored
    ;;
esac
case "$half" in manifest | both)
    # In an environment of its own: it wants an older urllib3 than botocore.
    models=target/manifest-venv
    [ -x "$models/bin/python" ] || python3 -m venv "$models"
    "$models/bin/pip" install --quiet --disable-pip-version-check kubernetes==37.0.2
    "$models/bin/python" tests/compat/manifest.py tests/fixtures/fleet-manifest.yaml
    ;;
esac
case "$half" in field | both)
    cargo build --quiet --bin scaletop
    # Side by side: most of it is waiting for the aws CLI to start.
    tests/compat/field_check.sh cluster ecs &
    ecs=$!
    tests/compat/field_check.sh cluster app-runner &
    app_runner=$!
    "$venv/bin/python" tests/compat/with_moto.py tests/compat/field_check.sh moto
    wait "$ecs"
    wait "$app_runner"
    ;;
esac
