#!/usr/bin/env bash
# The pandas, polars and DuckDB of docs/data.md and the notebook examples/session.ipynb, run on kept sessions (by plan and by key) and a made-up one: what they
# compute is what summary.json and the report say. Libraries come from PyPI into a venv under target/. SCALETOP and SYNTHETIC name
# the programs to test.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=target/data
if [ ! -x "$work/venv/bin/python" ]; then python3 -m venv "$work/venv"; fi
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile --requirement tests/data/requirements.txt

if [ -z "${SCALETOP:-}" ]; then
  # In CI everything has been built already, with the cloud's side; by hand the lean build is quicker.
  lean=(--no-default-features)
  if [ "${CI:-}" ]; then lean=(); fi
  cargo build --locked "${lean[@]}" --bin scaletop --example synthetic
  SCALETOP=target/debug/scaletop SYNTHETIC=target/debug/examples/synthetic
fi
rm -rf "$work/synthetic"
"$SYNTHETIC" --hours 0.2 --far "$work/synthetic"
"$work/venv/bin/python" tests/data/run.py "$SCALETOP" "$work/sessions" tests/fixtures/session-0.1/app-runner tests/fixtures/session-0.1/ecs \
  tests/data/by-key "$work/synthetic"
