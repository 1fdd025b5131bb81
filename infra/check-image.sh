#!/usr/bin/env bash
# Proves what the Dockerfile promises, as far as this machine can, without a container engine and without pulling:
#   - its plan stage leaves a workspace of test-app alone (the stage's own RUN lines are executed, not a copy of them)
#   - the binary is static, small, and runs in an empty root with an empty environment as nobody
# What is not run is said. With IMAGE_MUSL=debian it first builds the musl standard library from Debian's Rust sources
# (about 130 MB and three minutes), for machines where rustup cannot fetch the target.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/infra-check
target=x86_64-unknown-linux-musl
limit=3000000
mkdir -p "$work"

fail() {
  echo "image: FAILED $*" >&2
  exit 1
}
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
  echo "image: SKIPPED: the binary is for linux/amd64, this is $(uname -s) $(uname -m)"
  exit 0
fi

# --- the plan stage ---------------------------------------------------------------------------------------------------
plan=$work/image
mkdir -p "$plan/test-app"
rm -rf "$plan/Cargo.toml" "$plan/Cargo.lock" "$plan/test-app"
mkdir "$plan/test-app"
cp "$root/Cargo.toml" "$root/Cargo.lock" "$plan/"
cp "$root/test-app/Cargo.toml" "$plan/test-app/"
# The RUN instruction of the stage named plan: from its RUN to the first line that does not end in a backslash.
recipe=$(awk '/^FROM/ { stage = $NF } stage == "plan" && /^RUN/ { on = 1; sub(/^RUN /, "") } on { print; if (!/\\$/) exit }' "$root/Dockerfile")
[ -n "$recipe" ] || fail 'no RUN in the Dockerfile stage "plan"'
(cd "$plan" && sh -euc "$recipe")
grep -q '^name = "test-app"$' "$plan/Cargo.lock" || fail 'the plan has no test-app'
packages=$(grep -c '^\[\[package\]\]' "$plan/Cargo.lock")
! grep -qE '^name = "(scaletop|tokio|ratatui|aws-config)"$' "$plan/Cargo.lock" || fail 'the plan still has the root package or its dependencies'
echo "image: the plan has $packages packages, of $(grep -c '^\[\[package\]\]' "$root/Cargo.lock") in the repository"

# --- the build --------------------------------------------------------------------------------------------------------
rm -rf "$plan/test-app/src"
cp -r "$root/test-app/src" "$plan/test-app/src"
export CARGO_TARGET_DIR=$work/image-target CARGO_PROFILE_RELEASE_STRIP=symbols
if [ "${IMAGE_MUSL:-}" = debian ]; then
  RUSTC=$("$here/scripts/musl-from-debian.sh" "$work/musl")
  export RUSTC
fi
if [ -d "$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/$target" ]; then
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
  echo "image: build for $target with $("${RUSTC:-rustc}" --version), linked by rust-lld as in the Dockerfile"
else
  # Not the image's binary, but the same sources, static as well: it proves that nothing in them needs a shared object,
  # a user database, a resolver or an environment.
  target=x86_64-unknown-linux-gnu
  export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
  echo "image: the musl target is not installed here (rustup target add, or IMAGE_MUSL=debian); a static glibc build stands in"
fi
(cd "$plan" && cargo build --quiet --locked --release --package test-app --target "$target")
binary=$CARGO_TARGET_DIR/$target/release/test-app

# --- static and small -------------------------------------------------------------------------------------------------
headers=$(readelf --program-headers --dynamic --wide "$binary")
! grep -q INTERP <<<"$headers" || fail 'the binary asks for a dynamic loader'
! grep -q NEEDED <<<"$headers" || fail 'the binary asks for a shared object'
ldd "$binary" 2>&1 | grep -qE 'statically linked|not a dynamic executable' || fail "ldd: $(ldd "$binary")"
size=$(stat --format %s "$binary")
[ "$size" -lt $limit ] || fail "the binary has $size bytes, $limit are allowed"
echo "image: $target, static, $size bytes"

# --- an empty root, an empty environment, nobody ----------------------------------------------------------------------
if ! command -v bwrap >/dev/null; then
  echo 'image: SKIPPED the run in an empty root: bwrap (bubblewrap) is not installed'
  exit 0
fi
empty=$(mktemp -d "$work/root.XXXXXX")
pid=
cleanup() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  rm -rf "$empty"
}
trap cleanup EXIT
mkdir "$empty/root"
cp "$binary" "$empty/root/test-app"
# Only the binary: no /proc, /dev, /etc, /tmp, /lib. The image sets PORT; 0 picks a free one.
env -i bwrap --unshare-user --uid 65532 --gid 65532 --unshare-pid --unshare-ipc --unshare-uts \
  --ro-bind "$empty/root" / --clearenv --setenv PORT 0 /test-app >"$empty/out" 2>"$empty/err" &
pid=$!
for _ in $(seq 100); do
  url=$(sed -nE 's#.*(http)://0\.0\.0\.0:([0-9]+).*#\1://127.0.0.1:\2#p' "$empty/out" "$empty/err" | head -n 1)
  [ -z "$url" ] || break
  kill -0 "$pid" 2>/dev/null || fail "it did not start: $(cat "$empty/out" "$empty/err")"
  sleep 0.1
done
[ -n "$url" ] || fail "it said no address: $(cat "$empty/out" "$empty/err")"
curl --silent --show-error --fail --max-time 5 --output /dev/null "$url/healthz" || fail '/healthz'
answer=$(curl --silent --show-error --fail --max-time 5 --include "$url/api/test?delay=5")
grep -qi '^x-instance-id: [0-9a-f]' <<<"$answer" || fail "no x-instance-id in: $answer"
# bwrap stays as a parent (twice, with a PID namespace); the innermost process is the app.
app=$pid
while child=$(pgrep -P "$app" | head -n 1) && [ -n "$child" ]; do app=$child; done
kill -TERM "$app"
status=0
wait "$pid" || status=$?
pid=
[ $status -eq 0 ] || fail "SIGTERM ended it with $status: $(cat "$empty/out" "$empty/err")"
echo "image: runs in an empty root with an empty environment as uid 65532, answers with its instance id, ends cleanly on SIGTERM"
echo 'image: NOT RUN here: pulling the base image and assembling the layers (make buildc does)'
