#!/usr/bin/env bash
# Compiles the C++ side of src/LibTorch (no linking) against the libtorch headers of newer Debian suites, so that one source serves 1.13 and 2.x.
# Usage: tests/native-compat.sh [SUITE…]     default: trixie (2.6) and sid (the newest)
# Nothing is installed and the machine's own sources stay as they are: lists, packages and headers go to a folder of their own
# ($NATIVE_COMPAT, default artifacts/native-compat), from the mirror that the machine's apt already uses.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=${NATIVE_COMPAT:-$root/artifacts/native-compat}

# The mirror: the entry of the machine's sources that carries the running release.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 2>/dev/null | awk -v release="$release" '$2 == release { print $1; exit }')
[ -n "$mirror" ] || { echo "error: no apt source here carries $release; run apt-get update first" >&2; exit 1; }

failed=0
[ $# -gt 0 ] || set -- trixie sid
for suite in "$@"; do
  folder=$work/$suite
  mkdir -p "$folder"/{lists/partial,cache/archives/partial,packages,root}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$folder/sources.list"
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache"
       -o APT::Sandbox::User=root -o Acquire::Languages=none)
  if [ ! -e "$folder/root/usr/include/torch" ]; then
    "${apt[@]}" update
    (cd "$folder/packages" && "${apt[@]}" download libtorch-dev)
    dpkg -x "$folder"/packages/libtorch-dev_*.deb "$folder/root"
  fi
  include=$folder/root/usr/include
  version=$(sed -n 's/^#define TORCH_VERSION_\(MAJOR\|MINOR\|PATCH\) \([0-9]*\).*/\2/p' "$(find "$include" -name version.h -exec grep -l '^#define TORCH_VERSION_MAJOR' {} + | head -n 1)" | paste -sd.)
  for source in "$root"/src/LibTorch/native/*.cpp; do
    if g++ -std=c++20 -fsyntax-only -Wall -Wno-unknown-pragmas -isystem "$include" -isystem "$include/torch/csrc/api/include" "$source"; then
      echo "ok      libtorch $version ($suite)  $(basename "$source")"
    else
      echo "FAILED  libtorch $version ($suite)  $(basename "$source")"
      failed=1
    fi
  done
done
exit $failed
