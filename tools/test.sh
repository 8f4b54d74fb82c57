#!/bin/sh
# npm test: installs what is missing, checks the code, runs every test. Tests of kernel work need root.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh
# What tests run: programs for their images, terminals, disks, archives to compare with, and the docker command line, which is the
# client that the end-to-end tests are about; Debian has that in one package with a daemon.
test_packages="busybox-static bsdutils dnsmasq-base dosfstools docker-registry docker-compose e2fsprogs etcd-server fish openssh-client ovmf"
test_packages="$test_packages python3-docker qemu-system-x86 qemu-utils swtpm tar xorriso zsh zstd"
command -v docker >/dev/null || test_packages="$test_packages docker.io"
# shellcheck disable=SC2086
setup $test_packages
timed checks "types, lint, format, dead code, architecture" sh tools/ok.sh
exec node --disable-warning=ExperimentalWarning tools/run-tests.ts "$@"
