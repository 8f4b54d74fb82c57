#!/bin/sh
# npm start: from a bare machine to a container that serves a page, and a cluster whose replicas do. Run again, it does what is missing, which is nothing.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh
[ "$(id -u)" = 0 ] || die "npm start needs root: the engine makes namespaces, mounts and firewall rules"
setup
# The engine first: what it shows needs no cluster, and one that does not start here is told of in its own place.
up=$(bin/gantry up --no-cluster)
say engine "${up#engine }"
image=$(bin/gantry image bootstrap --if-missing busybox)
say image "$(echo "$image" | sed 's/\(sha256:.\{12\}\)[0-9a-f]*/\1/')"
exec node --disable-warning=ExperimentalWarning tools/demo.ts
