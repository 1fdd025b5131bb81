#!/usr/bin/env bash
# The fleet's tests once more, over Debian's nats-server, which is years older than the wheel's. It is unpacked, not installed: no
# unit, no user, no right is needed. Where there is no apt this is skipped, and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "skipped: no apt here, so no nats-server of Debian's"
  exit 0
fi
dir=$PWD/target/nats-debian
program=$dir/usr/sbin/nats-server
if [ ! -x "$program" ]; then
  mkdir -p "$dir"
  fetch() { (cd "$dir" && apt-get download -qq nats-server); }
  fetch || { apt-get update -qq && fetch; }
  dpkg-deb -x "$dir"/nats-server_*.deb "$dir"
fi
"$program" --version
SCALETOP_NATS_SERVER=$program SCALETOP_REQUIRE_NATS=1 cargo test --locked --test fleet
