#!/usr/bin/env bash
# The pictures of the README, from a session that this records: the demo's spike, without a terminal. Takes a minute and
# a half. `make pictures` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

scaletop=${SCALETOP:-target/debug/scaletop}
session=target/pictures/session
rm -rf target/pictures
mkdir -p target/pictures
"$scaletop" demo --out "$session" </dev/null >/dev/null 2>target/pictures/log

picture() { # NAME SECONDS VIEW SIZE TITLE
  cargo run --quiet --no-default-features --example picture -- "$session" "$2" "$3" "$4" "$5" >"docs/pictures/$1.svg"
  echo "docs/pictures/$1.svg"
}
picture overview 45 overview 120x40 "scaletop after a spike: the target rate jumps, OK answers follow in stairs as instances arrive, errors fill the gap, the instance count climbs; the verdict stands at the top left, the steps in numbers and words below"
picture latency 45 latency 120x40 "the latency view after a spike: a heat map of response times, failures in a row of their own, percentiles below"
picture steps 60 steps 120x40 "the steps view: every number of the spike's step, with what each means"
