#!/usr/bin/env bash
# Installs Jupyter's clients, with which the tests talk to the kernel: Debian's python3-jupyter-client and python3-nbclient (about
# 10 MB with what they need). A second start does nothing. Where it cannot be done, one line says what to install and the exit
# code is 1: the tests that need them are then skipped.
set -euo pipefail
packages=(python3-jupyter-client python3-nbclient)

if /usr/bin/python3 -c 'import jupyter_client, nbclient' 2>/dev/null; then exit 0; fi
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
install() { DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq --yes --no-install-recommends "${packages[@]}" >/dev/null 2>&1; }
if command -v apt-get >/dev/null && { install || { "${as_root[@]}" apt-get update -qq >/dev/null 2>&1 && install; }; }; then exit 0; fi
echo "no Jupyter clients, the tests that use them will be skipped: apt-get install ${packages[*]}" >&2
exit 1
