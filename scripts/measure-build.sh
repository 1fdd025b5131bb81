#!/usr/bin/env bash
# What a clean build costs: CPU seconds (user and system), seconds on the clock, and the size of the binary.
#   scripts/measure-build.sh [demo] [test] [release] [dist]   the first three by default; each from nothing, in a folder that goes again
# Needs Rust and a C compiler. Crates are fetched before, so the network is not measured. The CPU seconds of a busy machine
# are some tenths too many: compare two runs of one machine. `cargo build --timings` has the same by crate.
set -euo pipefail
cd "$(dirname "$0")/.."
for what in ${*:-demo test release}; do
  case $what in demo|test|release|dist) ;; *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;; esac
done

unset CARGO_BUILD_RUSTC_WRAPPER RUSTC_WRAPPER # a cache of compiled crates would be measured instead
export CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
TIMEFORMAT='%U %S %R'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo fetch --locked --quiet

printf '%-8s %12s %10s %10s\n' build 'CPU seconds' seconds binary
for what in ${*:-demo test release}; do
  case $what in
    demo) build=(--profile demo); made=demo/scaletop ;;
    test) build=(); made= ;;
    release) build=(--release); made=release/scaletop ;;
    dist) build=(--profile dist); made=dist/scaletop ;;
  esac
  if [ "$what" = test ]; then
    command=(env CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}" cargo test --workspace --lib --bins --tests --no-run)
  else
    command=(cargo build "${build[@]}")
  fi
  export CARGO_TARGET_DIR="$folder/$what"
  { time "${command[@]}" --locked --quiet >"$folder/log" 2>&1; } 2>"$folder/time" || { cat "$folder/log" >&2; exit 1; }
  size=-
  [ "$made" ] && size=$(wc -c <"$CARGO_TARGET_DIR/$made" | awk '{ printf "%.1f MB", $1 / 1e6 }')
  awk -v what="$what" -v size="$size" '{ printf "%-8s %12.0f %10.0f %10s\n", what, $1 + $2, $3, size }' "$folder/time"
  rm -rf "$CARGO_TARGET_DIR"
done
