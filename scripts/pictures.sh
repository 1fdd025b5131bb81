#!/usr/bin/env bash
# The pictures of the README and of the pages, from a session that this records: the demo's spike, without a terminal. Takes a
# minute and a half. `make pictures` calls it. Look at them before you commit them: a busy machine makes another session.
set -euo pipefail
cd "$(dirname "$0")/.."

scaletop=${SCALETOP:-target/debug/scaletop}
work=${WORK:-target/pictures}
session=$work/session
if [ ! -e "$session/recording.jsonl" ] || [ -z "${KEEP:-}" ]; then # KEEP=1 draws the session of the last time again
  rm -rf "$work"
  mkdir -p "$work"
  "$scaletop" demo --out "$session" </dev/null >/dev/null 2>"$work/log"
fi
if ! grep -q '"exit_code": 0' "$session/summary.json" || ! grep -q ',spike,.*,valid,' "$session/steps.csv"; then
  echo "this session shows no clean spike; on a quiet machine, again:" >&2
  cut -d, -f1-4,11-17 "$session/steps.csv" >&2
  exit 1
fi

draw=(cargo run --quiet --locked --no-default-features --example picture --)
if [ "${PICTURE:-}" ]; then draw=("$PICTURE"); fi # a build of examples/picture that is there
picture() { # NAME SECONDS VIEW SIZE TITLE
  "${draw[@]}" "$session" "$2" "$3" "$4" "$5" >"docs/pictures/$1.svg"
  echo "docs/pictures/$1.svg: $(wc -c <"docs/pictures/$1.svg") bytes"
}
picture spike "$(seq --separator=, 6 38)" overview 100x30 "scaletop, moving: the rate jumps from 20 to 500 requests a second; refusals fill the errors chart, new instances answer one after the other, OK answers climb in a stair until nothing is refused, and the header turns from MISSED to held"
picture overview 45 overview 120x40 "scaletop after a spike: the target rate jumps, OK answers follow in stairs as instances arrive, errors fill the gap, the instance count climbs; the verdict stands at the top left, the steps in numbers and words below"
picture latency 45 latency 120x40 "the latency view after a spike: a heat map of response times, failures in a row of their own, percentiles below"
picture steps 60 steps 120x40 "the steps view: every number of the spike's step, with what each means"
