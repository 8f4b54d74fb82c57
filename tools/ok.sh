#!/bin/sh
# The one command before a commit: types, lint, format, dead code, architecture. In the order of what fails fastest.
set -eu
cd "$(dirname "$0")/.."
. tools/env.sh
bin=node_modules/.bin
$bin/tsc -p tsconfig.json
$bin/tsc -p tsconfig.neutral.json
$bin/oxlint --type-aware bin base api oci client host rpc engine orchestrator $(test -d hypervisor && echo hypervisor) cli test tools bench
$bin/biome format --error-on-warnings .
$bin/knip --no-progress
node --test test/architecture.test.ts
