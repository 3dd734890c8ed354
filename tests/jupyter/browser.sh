#!/usr/bin/env bash
# Opens a notebook in the classic Jupyter Notebook in headless Chromium, runs all its cells and looks at what is shown.
# Usage: tests/jupyter/browser.sh [notebook]      the notebook is copied; without one, a small one with a chart is made
# Needs Debian's jupyter-notebook and chromium (root, or they are there). Leaves out/browser.png. Takes about half a minute.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
for package in jupyter-notebook chromium; do
  command -v "$package" >/dev/null || { echo "missing: apt-get install --no-install-recommends jupyter-notebook chromium" >&2; exit 1; }
done
mkdir -p "$root/out"
JUPYTER_DATA_DIR=$(mktemp -d)
export JUPYTER_DATA_DIR
trap 'rm -rf "$JUPYTER_DATA_DIR"' EXIT
"$root/workbook" kernel install
/usr/bin/python3 "$root/tests/jupyter/browser.py" "$root/out/browser.png" "$@"
