#!/usr/bin/env bash
# Puts plotly.js into artifacts/plotly, from where the build copies it beside Charts.dll: the smallest of its bundles that draws every chart
# here, at a pinned version whose hash is checked. It is not part of this project (MIT licence, its header says whose it is).
# Usage: src/Charts/plotly.sh     fetches it once with npm (0.5 MB); a second start does nothing
# Where that cannot be done, one line says why and the exit code is 1: charts are then static pictures.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
package=plotly.js-cartesian-dist-min version=4.1.1
hash=a3c1ab15ebac9dcc012316c1ca7449a58e29920541e9c68cf892e9c2b2d86dbb0eedd67c149f9254dd85afe2fb9221bf67ac383f93b426eb3f42be4479f1d57a
target=$root/artifacts/plotly/plotly.min.js

give_up() { echo "no plotly.js, charts will be static pictures: $*" >&2; exit 1; }

if [ -e "$target" ]; then exit 0; fi
command -v npm >/dev/null || give_up "this machine has no npm"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent --fetch-timeout=30000 --fetch-retries=1 "$package@$version") >"$work/log" 2>&1 || give_up "npm pack $package@$version failed: $(tail -n 1 "$work/log")"
echo "$hash  $work/$package-$version.tgz" | sha512sum --check --status || give_up "$package-$version.tgz is not the file that was expected"
mkdir -p "$(dirname "$target")"
tar -xzmf "$work/$package-$version.tgz" -C "$work" package/plotly-cartesian.min.js || give_up "the package holds no plotly-cartesian.min.js"
mv "$work/package/plotly-cartesian.min.js" "$target"
