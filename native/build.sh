#!/bin/sh
# Builds the one native program, when a source is newer than it. The result appears whole or not at all.
set -eu
cd "$(dirname "$0")"
target=build/gantry-shim
if [ -x $target ] && [ -z "$(find . -maxdepth 1 \( -name '*.[ch]' -o -name build.sh \) -newer $target)" ]; then exit 0; fi
mkdir -p build
temporary=$target.$$
trap 'rm -f $temporary' EXIT
gcc -static -O2 -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -fstack-protector-strong -D_FORTIFY_SOURCE=2 -s -o $temporary ./*.c
mv -f $temporary $target
