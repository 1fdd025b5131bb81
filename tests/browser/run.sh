#!/usr/bin/env bash
# Opens report.html and compare.html in headless Chromium: no console error, nothing loaded, the crosshair moves on every
# chart, and the values shown are those of the CSV files. Then looks on at a session on its live page. Screenshots go to
# target/browser.
#
# Needs node, npm and Chromium (CHROMIUM names another one than the one in PATH); where they cannot be had it says so and
# is skipped. SCALETOP names the program to test.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "browser test SKIPPED: $1"; exit 0; }

chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$chromium" ] && [ "${CI:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  (apt-get update && apt-get install --yes --no-install-recommends chromium) >/dev/null 2>&1 || true
  chromium=$(command -v chromium || true)
fi
[ -n "$chromium" ] || skip "no Chromium; install it, or name one with CHROMIUM="
command -v npm >/dev/null || skip "no npm"

work=target/browser
mkdir -p "$work"
if [ ! -d "$work/node_modules/playwright-core" ]; then
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" playwright-core@1.56.1 >/dev/null 2>&1 \
    || skip "playwright-core could not be installed from npm"
fi

if [ -z "${SCALETOP:-}" ]; then
  # In CI everything has been built already, with the cloud's side; by hand the lean build is quicker.
  cargo build --locked $([ "${CI:-}" ] || echo --no-default-features) --bin scaletop --example synthetic
  SCALETOP=target/debug/scaletop SYNTHETIC=target/debug/examples/synthetic
fi
rm -rf "$work/a" "$work/b"
"$SYNTHETIC" --hours 0.3 --hostile "$work/a"
"$SYNTHETIC" --hours 0.3 --far --seed 2 "$work/b"
for session in a b; do "$SCALETOP" report "$work/$session" >/dev/null; done
"$SCALETOP" compare "$work/a" "$work/b" --html "$work/compare.html" >/dev/null
CHROMIUM="$chromium" node tests/browser/check.mjs "$work"
CHROMIUM="$chromium" SCALETOP="$SCALETOP" node tests/browser/live.mjs "$work"
