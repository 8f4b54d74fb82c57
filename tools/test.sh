#!/bin/sh
# npm test: installs what is missing, checks the code, runs every test. Tests of kernel work need root.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh
# The docker command line is the client that the end-to-end tests are about; Debian has it in one package with a daemon,
# which is kept from starting.
if command -v docker >/dev/null; then test_packages=""; else test_packages="docker.io"; fi
policy=/usr/sbin/policy-rc.d
if [ -n "$test_packages" ] && [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  # shellcheck disable=SC2086
  (setup $test_packages) || { rm -f $policy; exit 1; }
  rm -f $policy
fi
# shellcheck disable=SC2086
setup $test_packages
timed checks "types, lint, format, dead code, architecture" sh tools/ok.sh
files=$(find . -name '*.test.ts' -not -path './node_modules/*' -not -path './.node/*' | LC_ALL=C sort)
# shellcheck disable=SC2086
exec node --disable-warning=ExperimentalWarning --test --test-concurrency=2 --test-timeout=600000 $files
