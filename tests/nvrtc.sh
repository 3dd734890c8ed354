#!/usr/bin/env bash
# Puts NVIDIA's run-time compiler into a folder, so that the CUDA kernels are compiled by the tests on a machine without a GPU.
# Usage: tests/nvrtc.sh     fetches libnvrtc 11.8 (16 MB, 62 MB unpacked) once; a second start does nothing
# Nothing is installed and the machine's own sources stay as they are: lists, packages and libraries go to a folder of their own
# ($NVRTC_FOLDER, default artifacts/nvrtc), from Debian's component non-free of the mirror that the machine's apt already uses.
# Where that cannot be done, one line says why and the exit code is 1: the tests that need the compiler are then skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${NVRTC_FOLDER:-$root/artifacts/nvrtc}

give_up() { echo "no libnvrtc, the tests that compile CUDA kernels will be skipped: $*" >&2; exit 1; }

found() { [ -n "$(find "$folder/lib" -name 'libnvrtc.so.*' 2>/dev/null)" ] && [ -n "$(find "$folder/lib" -name 'libnvrtc-builtins.so.*' 2>/dev/null)" ]; }

if found; then exit 0; fi
command -v apt-get >/dev/null && command -v dpkg >/dev/null || give_up "this machine has no apt-get"

# The mirror: the entry of the machine's sources that carries the running release.
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 2>/dev/null | awk -v release="$release" '$2 == release { print $1; exit }')
[ -n "$mirror" ] || give_up "no apt source here carries ${release:-this release}; run apt-get update first"

work=$folder/apt
mkdir -p "$work"/{lists/partial,cache/archives/partial,packages}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release non-free" > "$work/sources.list"
apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
     -o APT::Sandbox::User=root -o Acquire::Languages=none -o APT::Update::Error-Mode=any -o Acquire::Retries=2 -o Acquire::http::Timeout=30)
"${apt[@]}" update >"$work/log" 2>&1 || give_up "apt-get update of $mirror $release non-free failed: $(tail -n 1 "$work/log")"
(cd "$work/packages" && "${apt[@]}" download libnvrtc11.2 libnvrtc-builtins11.8) >"$work/log" 2>&1 \
  || give_up "the download from $mirror $release non-free failed: $(tail -n 1 "$work/log")"

# Unpacked beside and moved into place, so that an interrupted start leaves nothing half there.
rm -rf "$work/root"
for package in "$work"/packages/*.deb; do dpkg -x "$package" "$work/root" || give_up "$package does not unpack"; done
mkdir -p "$work/lib"
find "$work/root" \( -name 'libnvrtc.so*' -o -name 'libnvrtc-builtins.so*' \) -exec cp -a {} "$work/lib/" \;
rm -rf "$folder/lib"
mv "$work/lib" "$folder/lib"
rm -rf "$work"
found || give_up "the packages hold no libnvrtc"
