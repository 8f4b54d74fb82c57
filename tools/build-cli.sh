#!/bin/sh
# npm run build:cli: the command line as one program, dist/gantry. Bytecode and split modules are what make it start in 9 ms.
set -eu
cd "$(dirname "$0")/.."
bun=node_modules/@oven/bun-linux-x64/bin/bun
if [ ! -x "$bun" ]; then
  echo "build:cli: Bun is there for x86-64 only (on $(uname -m) bin/gantry runs under Node)" >&2
  exit 1
fi
mkdir -p dist
"$bun" build --compile --minify --bytecode --splitting --format=esm --no-compile-autoload-dotenv --no-compile-autoload-bunfig bin/gantry-binary.ts --outfile dist/gantry >/dev/null
echo "dist/gantry  $(dist/gantry --version)  $(du -h dist/gantry | cut -f1)"
