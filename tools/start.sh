#!/bin/sh
# npm start: from a bare machine to a container that serves a page. Run again, it does what is missing, which is nothing.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh
[ "$(id -u)" = 0 ] || die "npm start needs root: the engine makes namespaces, mounts and firewall rules"
setup
bin/gantry up
bin/gantry image bootstrap --if-missing busybox
exec node --disable-warning=ExperimentalWarning tools/demo.ts
