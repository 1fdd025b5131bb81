#!/bin/sh
# Plays nightly.toml against TARGET and compares it with the newest earlier session in FOLDER; further words go to scaletop run.
#   examples/nightly.sh TARGET FOLDER [OPTION...]
# Exits as the run did. The comparison goes to stdout and, with the curves of both nights, to FOLDER/compare.html.
set -eu
target=$1 folder=$2
shift 2
mkdir -p "$folder"
before=
for session in "$folder"/night-*/; do
  if [ -e "$session/recording.jsonl" ]; then before=$session; fi # names sort by time, so the last one is the newest
done
tonight=$folder/night-$(date -u +%Y%m%dT%H%M%SZ)
code=0
scaletop run "${PLAN:-$(dirname "$0")/nightly.toml}" "$target" --out "$tonight" "$@" || code=$?
if [ -n "$before" ] && [ -e "$tonight/recording.jsonl" ]; then
  scaletop compare "$before" "$tonight" --html "$folder/compare.html"
fi
exit $code
