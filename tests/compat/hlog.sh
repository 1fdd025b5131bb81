#!/usr/bin/env bash
# Reads latency.hlog with an HdrHistogram that is not ours (PyPI's hdrhistogram, in a venv under target/) and holds its
# counts and percentiles against our own files. SCALETOP and SYNTHETIC name the programs to test.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=target/hlog
if [ ! -x "$work/venv/bin/python" ]; then python3 -m venv "$work/venv"; fi
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'hdrhistogram==0.10.3'

if [ -z "${SCALETOP:-}" ]; then
  # In CI everything has been built already, with the cloud's side; by hand the lean build is quicker.
  cargo build --locked $([ "${CI:-}" ] || echo --no-default-features) --bin scaletop --example synthetic
  SCALETOP=target/debug/scaletop SYNTHETIC=target/debug/examples/synthetic
fi
rm -rf "$work/session"
"$SYNTHETIC" --hours 0.1 --far "$work/session"
"$SCALETOP" report "$work/session" >/dev/null
"$work/venv/bin/python" tests/compat/hlog.py "$work/session"
