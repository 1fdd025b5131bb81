#!/usr/bin/env bash
# Proves what Dockerfile.scaletop promises, as far as this machine can, without a container engine and without pulling:
#   - what the build is given (Dockerfile.scaletop.dockerignore) is all that it needs, and none of the rest
#   - the binary is static, small, and runs in an empty root with an empty environment as nobody: told to join without a
#     ticket it says so, with the exit code of a wrong command
# What is not run is said. check-image-scaletop.sh BINARY checks one that was built elsewhere (the release's); without, one
# is built where the musl target is installed and SCALETOP_IMAGE=build, since that takes some 15 minutes of a core.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/infra-check
limit=24000000
mkdir -p "$work"

fail() {
  echo "image of scaletop: FAILED $*" >&2
  exit 1
}

# --- the context ------------------------------------------------------------------------------------------------------
context=$(mktemp -d "$work/context.XXXXXX")
empty=
cleanup() { rm -rf "$context" ${empty:+"$empty"}; }
trap cleanup EXIT
(cd "$root" && sed -n 's/^!//p' Dockerfile.scaletop.dockerignore | while read -r path; do
  [ -e "$path" ] || fail "the context names $path, which is not there"
  echo "$path"
done | tar -cf - --exclude='*/target' --files-from=- | tar -C "$context" -xf -)
(cd "$context" && cargo metadata --locked --offline --no-deps --format-version 1 >/dev/null) || fail 'the context lacks a manifest'
# What the code takes in from beside it. Tests take in more, and are not built.
missing=$(cd "$context" && grep -rhoE --include='*.rs' --exclude='tests.rs' --exclude-dir=tests '^[^/]*include_(str|bytes)!\("\.\./[^"]+' src |
  sed -E 's/.*"(\.\.\/)+//' | sort -u | while read -r path; do [ -e "$path" ] || echo "$path"; done)
[ -z "$missing" ] || fail "the context lacks $missing"
! grep -rqE --include='*.rs' 'BEGIN (RSA |EC )?PRIVATE KEY' "$context/src" || fail 'there is a key in the context'
echo "image of scaletop: the context has $(du -sh "$context" | cut -f1), and all that the build takes in"

# --- the binary -------------------------------------------------------------------------------------------------------
binary=${1:-}
if [ -z "$binary" ]; then
  target=$(uname -m)-unknown-linux-musl
  if [ "${SCALETOP_IMAGE:-}" != build ]; then
    echo 'image of scaletop: SKIPPED the binary: SCALETOP_IMAGE=build builds one, and check-image-scaletop.sh BINARY checks the release'\''s'
    exit 0
  fi
  if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ] || ! command -v musl-gcc >/dev/null; then
    echo "image of scaletop: SKIPPED the binary: $target or musl-gcc is not installed here (rustup target add $target; apt install musl-tools)"
    exit 0
  fi
  (cd "$root" && cargo build --quiet --locked --profile dist --package scaletop --bin scaletop --target "$target")
  binary=${CARGO_TARGET_DIR:-$root/target}/$target/dist/scaletop
fi
headers=$(readelf --program-headers --dynamic --wide "$binary")
! grep -q INTERP <<<"$headers" || fail 'the binary asks for a dynamic loader'
! grep -q NEEDED <<<"$headers" || fail 'the binary asks for a shared object'
size=$(stat --format %s "$binary")
[ "$size" -lt $limit ] || fail "the binary has $size bytes, $limit are allowed"
echo "image of scaletop: static, $size bytes"

# --- an empty root, an empty environment, nobody ----------------------------------------------------------------------
if ! command -v bwrap >/dev/null; then
  echo 'image of scaletop: SKIPPED the run in an empty root: bwrap (bubblewrap) is not installed'
  exit 0
fi
empty=$(mktemp -d "$work/root.XXXXXX")
cp "$binary" "$empty/scaletop"
alone() {
  env -i bwrap --unshare-user --uid 65532 --gid 65532 --unshare-pid --unshare-ipc --unshare-uts --ro-bind "$empty" / --clearenv /scaletop "$@"
}
alone --version | grep -q '^scaletop ' || fail 'it does not say its version'
status=0
said=$(alone fleet join 2>&1) || status=$?
[ $status -eq 2 ] || fail "without a ticket it ends with $status: $said"
grep -q 'no ticket' <<<"$said" || fail "without a ticket it says: $said"
echo 'image of scaletop: runs in an empty root with an empty environment as uid 65532'
echo 'image of scaletop: NOT RUN here: pulling the base image and assembling the layers (make image does)'
