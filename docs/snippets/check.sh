#!/usr/bin/env bash
# Runs each snippet whose tools are here on a loopback port and checks that its header is there (on a 404 as well), stays
# the same within a process, and takes INSTANCE_ID. Says what was run, with versions, and what was skipped.
#   docs/snippets/check.sh [express fastapi go spring axum nginx]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/snippets
mkdir -p "$work"
export CARGO_TARGET_DIR=$work/axum HOST=127.0.0.1
pid=
trap 'stop' EXIT

skip() { echo "snippets: SKIPPED $1: $2"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
stop() {
  [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
  pid=
}
header() { curl --silent --max-time 5 --dump-header - --output /dev/null "http://127.0.0.1:$PORT$1" | tr -d '\r' | sed -nE 's/^x-instance-id: (.*)$/\1/Ip'; }

# try NAME WITH COMMAND…: starts it on $PORT and checks the header.
try() {
  local name=$1 with=$2 first second missing
  shift 2
  "$@" >"$work/$name.log" 2>&1 &
  pid=$!
  for _ in $(seq 150); do
    first=$(header / || true)
    [ -z "$first" ] || break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  second=$(header / || true)
  missing=$(header /no-such-page || true)
  stop
  if [ -z "$first" ] || [ "$first" != "$second" ] || [ "$first" != "$missing" ]; then
    echo "snippets: FAILED $name: x-instance-id was '$first', then '$second', on a 404 '$missing'; log:" >&2
    cat "$work/$name.log" >&2
    exit 1
  fi
  if [ "$name" != nginx ] && [ "$first" != check-1 ]; then
    echo "snippets: FAILED $name: INSTANCE_ID=check-1 gave '$first'" >&2
    exit 1
  fi
  echo "snippets: $name ok ($with): x-instance-id: $first"
}

express() {
  command -v npm >/dev/null || { skip express 'npm is not installed' && return; }
  cp -r "$here/express" "$work/"
  [ -d "$work/express/node_modules/express" ] || npm install --silent --no-fund --no-audit --prefix "$work/express" express@5 >/dev/null 2>&1 || { skip express 'it cannot be installed from npm' && return; }
  try express "node $(node --version), express $(node -p "require('$work/express/node_modules/express/package.json').version")" node "$work/express/server.js"
}

fastapi() {
  local bin=$work/fastapi-venv/bin
  [ -x "$bin/uvicorn" ] || { python3 -m venv "$work/fastapi-venv" && "$bin/pip" install --quiet --disable-pip-version-check fastapi uvicorn; } || { skip fastapi 'it cannot be installed from PyPI' && return; }
  try fastapi "$(python3 --version), fastapi $("$bin/python" -c 'import fastapi; print(fastapi.__version__)')" "$bin/uvicorn" --app-dir "$here/fastapi" --host 127.0.0.1 --port "$PORT" main:app
}

go_() {
  command -v go >/dev/null || { skip go 'go is not installed' && return; }
  (cd "$here/go" && go vet . && GOCACHE=$work/go-cache go build -o "$work/go-instance-id" .)
  try go "$(go version | cut -d' ' -f3)" "$work/go-instance-id"
}

spring() {
  command -v javac >/dev/null || { skip spring 'javac is not installed' && return; }
  # Jars of Debian's libtomcat10-java (or -embed-java) and libspring-context-java; JARS_ROOT for packages unpacked elsewhere.
  local jars root=${JARS_ROOT:-}/usr/share
  jars=$(find "$root/java" "$root/maven-repo/org/apache/tomcat" "$root/maven-repo/org/springframework" \( -name 'tomcat10*.jar' -o -name 'tomcat-*-10.1*.jar' -o -name 'spring-context-4*.jar' -o -name 'spring-context.jar' \) 2>/dev/null | tr '\n' ':')
  case $jars in *tomcat*spring-context* | *spring-context*tomcat*) ;; *) skip spring 'no Tomcat 10 and spring-context jars (Debian: libtomcat10-java libspring-context-java)' && return ;; esac
  mkdir -p "$work/spring"
  javac -Xlint:-options -cp "$jars" -d "$work/spring" "$here"/spring/*.java 2>"$work/spring-javac.log" || { cat "$work/spring-javac.log" >&2 && exit 1; }
  try spring "$(javac -version), the filter in Tomcat $(grep -oE 'tomcat[a-z-]*catalina-10\.[0-9.]+[0-9]|tomcat10-catalina[0-9.-]*' <<<"$jars" | grep -oE '10\.[0-9.]+[0-9]' | head -n 1); Spring Boot itself not run" java -cp "$work/spring:$jars" InTomcat
}

axum() {
  command -v cargo >/dev/null || { skip axum 'cargo is not installed' && return; }
  cp -r "$here/axum" "$work/axum-source.new" && rm -rf "$work/axum-source" && mv "$work/axum-source.new" "$work/axum-source"
  cargo build --quiet --manifest-path "$work/axum-source/Cargo.toml"
  try axum "$(rustc --version | cut -d' ' -f1-2), axum $(sed -nE '/^name = "axum"/{n;s/version = "(.*)"/\1/p}' "$work/axum-source/Cargo.lock")" "$work/axum/debug/instance-id-axum"
}

nginx_() {
  command -v nginx >/dev/null || { skip nginx 'nginx is not installed' && return; }
  mkdir -p "$work/nginx"
  cat >"$work/nginx/nginx.conf" <<CONF
daemon off; master_process off; pid $work/nginx/pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path $work/nginx/body; proxy_temp_path $work/nginx/proxy; fastcgi_temp_path $work/nginx/fastcgi; uwsgi_temp_path $work/nginx/uwsgi; scgi_temp_path $work/nginx/scgi;
  include $here/nginx/instance-id.conf;
  server { listen 127.0.0.1:$PORT; location = / { return 200 "hello\n"; } location / { return 404; } }
}
CONF
  try nginx "$(nginx -v 2>&1 | cut -d/ -f2)" nginx -p "$work/nginx" -c "$work/nginx/nginx.conf"
}

[ $# -gt 0 ] || set -- express fastapi go spring axum nginx
for snippet; do
  PORT=$(free_port)
  export PORT INSTANCE_ID=check-1
  case $snippet in
  express | fastapi | spring | axum) "$snippet" ;;
  go | nginx) "${snippet}_" ;;
  *) echo "no snippet named $snippet" >&2 && exit 2 ;;
  esac
done
