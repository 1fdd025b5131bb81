#!/bin/sh
# Several requests: plays endpoint.toml against each PATH of a service, a session each, and compares them with the first.
#   examples/endpoints.sh TARGET FOLDER PATH...
# For example: examples/endpoints.sh https://staging.example.com endpoints /api/orders /api/search /healthz
# A plan sends one request, so this is one endpoint after the other and no mixture. Further options in OPTIONS, e.g. OPTIONS=--yes.
# Exits with the highest exit code of its runs.
set -eu
target=$1 folder=$2
shift 2
mkdir -p "$folder"
code=0
for path in "$@"; do
  shift # each path gives way to its session
  session=$folder/$(printf %s "$path" | tr -c 'A-Za-z0-9' -)
  # shellcheck disable=SC2086 # OPTIONS holds words
  scaletop run "${PLAN:-$(dirname "$0")/endpoint.toml}" "$target" --path "$path" --out "$session" ${OPTIONS:-} || {
    ended=$?
    if [ "$ended" -gt "$code" ]; then code=$ended; fi
  }
  set -- "$@" "$session"
done
if [ $# -gt 1 ]; then scaletop compare "$@" --html "$folder/compare.html"; fi
exit $code
