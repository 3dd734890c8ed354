#!/usr/bin/env bash
# Finds libtorch and compiles the C++ side against it. Usage: build.sh OUTPUT_FOLDER
# Looked for in this order: $LIBTORCH (a libtorch folder), a Python that has torch, Debian's libtorch-dev.
# Does nothing when neither the sources nor the libtorch found have changed. Writes OUTPUT_FOLDER/libtorch.txt
# (KEY=VALUE lines: FOLDER, INCLUDE, LIBRARY, SOURCE, VERSION, CUDA) for whoever wants to know what was chosen.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)

find_libtorch() {
  if [ -n "${LIBTORCH:-}" ]; then
    folder=$LIBTORCH source=LIBTORCH
    [ -e "$folder/lib/libtorch.so" ] || { echo "error: LIBTORCH=$folder has no lib/libtorch.so; name the folder that holds include/ and lib/" >&2; exit 1; }
  elif folder=$(python3 -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0])' 2>/dev/null) \
      && [ -e "$folder/lib/libtorch.so" ]; then
    source=python
  elif library=$(ls /usr/lib/*/libtorch.so 2>/dev/null | head -n 1) && [ -n "$library" ]; then
    folder=/usr source=debian
    include="/usr/include;/usr/include/torch/csrc/api/include"
    lib=$(dirname "$library")
    return
  else
    echo "error: no libtorch found; install it with: apt-get install libtorch-dev libopenblas0-openmp (or set LIBTORCH, or pip install torch)" >&2
    exit 1
  fi
  include="$folder/include;$folder/include/torch/csrc/api/include"
  lib="$folder/lib"
}

find_libtorch
headers=${include%%;*}/torch   # the numbers moved to headeronly/ in 2.x
version=$(cat "$headers/headeronly/version.h" "$headers/csrc/api/include/torch/version.h" 2>/dev/null \
  | sed -n 's/^#define TORCH_VERSION_\(MAJOR\|MINOR\|PATCH\) \([0-9]*\).*/\2/p' | paste -sd. || true)
cuda=no; [ -e "$lib/libtorch_cuda.so" ] && cuda=yes
describe() { printf 'FOLDER=%s\nINCLUDE=%s\nLIBRARY=%s\nSOURCE=%s\nVERSION=%s\nCUDA=%s\n' "$folder" "$include" "$lib" "$source" "${version:-unknown}" "$cuda"; }

stamp=$( (describe; stat -L -c '%Y %s' "$lib/libtorch_cpu.so"; cat "$here"/*.cpp "$here"/*.h "$here"/CMakeLists.txt) | sha256sum)
if [ -e "$out/libworkbook_torch.so" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

for tool in cmake g++; do
  command -v $tool >/dev/null || { echo "error: $tool is missing; install it with: apt-get install cmake g++" >&2; exit 1; }
done
echo "compiling the C++ side against libtorch ${version:-unknown} in $lib"
build="$out/build"
rm -rf "$build"
cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release -DTORCH_INCLUDE="$include" -DTORCH_LIBRARY="$lib" -DTORCH_CUDA="$cuda" > "$out/cmake.log" 2>&1 \
  && cmake --build "$build" >> "$out/cmake.log" 2>&1 || { cat "$out/cmake.log" >&2; exit 1; }
cp "$build/libworkbook_torch.so" "$out/libworkbook_torch.so.new" && mv "$out/libworkbook_torch.so.new" "$out/libworkbook_torch.so"
describe > "$out/libtorch.txt"
echo "$stamp" > "$out/stamp"
