#!/usr/bin/env bash
# Builds everything and runs all tests, or those that the arguments choose, which go to dotnet test:
#   ./test.sh
#   ./test.sh --filter FullyQualifiedName~Feed
# Or has faults happen at random, for 20 minutes or as many as told, and looks for differences and for what grows:
#   ./test.sh soak
#   ./test.sh soak 5
# TWCACHE_TEST_POSTGRES, a connection string, names the PostgreSQL to test with; or TWCACHE_TEST_CONTAINER an image to start in Docker, such as
# postgres:17-alpine; without them one is started.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/eng/common.sh"

# Some tests send these. What nohup starts ignores the first, and what a shell starts in the background the others (bash itself ignores QUIT always).
heed_signal HUP 1 "$@"
heed_signal INT,QUIT 2 "$@"

results="$root/artifacts/test-results"

# One test calls the service from Python; TWCACHE_TEST_PYTHON names the one that can.
find_python_grpc() {
  local python
  # Debian's packages are for Debian's Python, which need not be the first on PATH.
  for python in "${TWCACHE_TEST_PYTHON:-python3}" /usr/bin/python3; do
    if "$python" -c 'import grpc, grpc_tools' 2>/dev/null; then
      export TWCACHE_TEST_PYTHON="$python"
      return 0
    fi
  done
  return 1
}

require_python_grpc() {
  find_python_grpc && return 0
  if command -v apt-get >/dev/null; then
    say "installing python3-grpcio and python3-grpc-tools …"
    apt_install python3 python3-grpcio python3-grpc-tools || true
  fi
  find_python_grpc || say "
*** WARNING: Python's gRPC is missing (packages python3-grpcio and python3-grpc-tools): ***
*** the test that calls the service from Python cannot run.                             ***
"
}

# One test calls the service from Node.js; TWCACHE_TEST_NODE_MODULES names the folder node_modules that has what it needs.
has_node_grpc() {
  NODE_PATH="$TWCACHE_TEST_NODE_MODULES" node -e "require('@grpc/grpc-js'); require('@grpc/proto-loader')" 2>/dev/null
}

require_node_grpc() {
  local folder="$root/artifacts/node" log
  if [[ -z ${TWCACHE_TEST_NODE_MODULES:-} ]]; then
    export TWCACHE_TEST_NODE_MODULES="$folder/node_modules"
  fi
  has_node_grpc && return 0
  if ! command -v npm >/dev/null && command -v apt-get >/dev/null; then
    say "installing nodejs and npm …"
    apt_install nodejs npm || true
  fi
  if command -v npm >/dev/null; then
    say "installing @grpc/grpc-js …"
    mkdir -p "$folder"
    cp "$root/tests/CacheService.IntegrationTests/Interop/package.json" "$folder"
    log="$(cd "$folder" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock 2>&1)" || say "$log"
  fi
  has_node_grpc || say "
*** WARNING: gRPC of Node.js is missing (packages nodejs and npm; @grpc/grpc-js and @grpc/proto-loader by npm): ***
*** the test that calls the service from Node.js cannot run.                                                    ***
"
}

# One test puts a pooler between the service and the server.
require_pgbouncer() {
  [[ -x /usr/sbin/pgbouncer || -x /usr/bin/pgbouncer || -x /usr/local/bin/pgbouncer || -x /opt/homebrew/bin/pgbouncer ]] && return 0
  if command -v apt-get >/dev/null; then
    say "installing pgbouncer …"
    apt_install pgbouncer && return 0
  fi
  say "
*** WARNING: PgBouncer is missing (package pgbouncer): the test of the service behind a pooler cannot run. ***
"
}

# Board and alerts are proven by a Prometheus.
require_prometheus() {
  command -v prometheus >/dev/null && command -v promtool >/dev/null && return 0
  if command -v apt-get >/dev/null; then
    say "installing prometheus …"
    apt_install_idle prometheus && return 0
  fi
  say "
*** WARNING: Prometheus is missing (package prometheus): the tests of deploy/ cannot run. ***
"
}

# What caches that follow one another over NATS do, is shown with a real server.
require_nats() {
  local folder
  for folder in ${PATH//:/ } /usr/sbin /usr/local/bin /opt/homebrew/bin; do
    [[ ! -x $folder/nats-server ]] || return 0
  done
  if command -v apt-get >/dev/null; then
    say "installing nats-server …"
    apt_install_idle nats-server && return 0
  fi
  say "
*** WARNING: NATS is missing (package nats-server): caches that follow one another are not tested. ***
"
}

# Some tests look at the operator's page in a browser, one watches by its EventSource, and one through a proxy that buffers.
require_browser_and_proxy() {
  local folder browser=no proxy=no missing=()
  for folder in ${PATH//:/ } /usr/sbin /usr/local/bin /opt/homebrew/bin; do
    [[ -x $folder/chromium || -x $folder/chromium-browser || -x $folder/google-chrome ]] && browser=yes
    [[ -x $folder/nginx ]] && proxy=yes
  done
  [[ $browser == yes ]] || missing+=(chromium)
  [[ $proxy == yes ]] || missing+=(nginx-light)
  ((${#missing[@]} > 0)) || return 0
  if command -v apt-get >/dev/null; then
    say "installing ${missing[*]} …"
    apt_install_idle "${missing[@]}" && return 0
  fi
  say "
*** WARNING: ${missing[*]} missing (packages of that name): the page and events are not tested with a browser, nor events behind a proxy. ***
"
}

# The files of deploy/ are judged by those whom they are for, as far as these run without an engine or a cluster.
require_deployment_tools() {
  local pair missing=()
  for pair in bwrap:bubblewrap docker-compose:docker-compose kubectl:kubernetes-client systemd-analyze:systemd; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]} > 0)) || return 0
  if command -v apt-get >/dev/null; then
    say "installing ${missing[*]} …"
    apt_install_idle "${missing[@]}" && return 0
  fi
  say "
*** WARNING: ${missing[*]} missing (packages of that name): not all files of deploy/ are tested. ***
"
}

# Names the tests that failed, each with the beginning of what it says: the rest is far above.
list_failed() {
  find "$results" -name '*.trx' -exec cat {} + | awk '
    function plain(text) {
      gsub(/<[^>]*>/, "", text); gsub(/&#x[DA];/, "", text)
      gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&apos;/, "\047", text); gsub(/&amp;/, "\\&", text)
      return text
    }
    /<UnitTestResult / {
      failed = / outcome="(Failed|Error|Timeout|Aborted)"/
      if (failed && match($0, / testName="[^"]*"/)) print "failed: " plain(substr($0, RSTART + 11, RLENGTH - 12))
    }
    failed && /<Message>/ { lines = 6 }
    lines > 0 { lines--; if (plain($0) ~ /[^ \t\r]/) print "  " plain($0) }
    /<\/Message>/ { lines = 0 }'
}

# Sums the result files up in one line; fails when a test has failed or none has run.
summarize() {
  find "$results" -name '*.trx' -exec cat {} + | awk '
    function count(name) {
      return match($0, " " name "=\"[0-9]+\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) + 0 : 0
    }
    /<Counters / {
      passed += count("passed")
      failed += count("failed") + count("error") + count("timeout") + count("aborted")
      skipped += count("total") - count("executed")
    }
    END {
      printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""
      exit failed > 0 || passed == 0
    }'
}

require_dotnet
[[ -n ${TWCACHE_TEST_POSTGRES:-} ]] || require_postgres
if [[ ${1:-} == soak ]]; then
  [[ ${2:-20} =~ ^[0-9]+$ ]] || die "the soak takes minutes: ./test.sh soak 5"
  export TWCACHE_SOAK_MINUTES="${2:-20}"
  # Chosen by name, since it is run on request alone.
  set -- --filter "FullyQualifiedName~SoakTests"
else
  require_python_grpc
  require_node_grpc
  require_pgbouncer
  require_prometheus
  require_nats
  require_browser_and_proxy
  require_deployment_tools
fi

# What changes the build has to be said to the build.
properties=()
for argument in "$@"; do
  [[ $argument != -p:* ]] || properties+=("$argument")
done

code=0
rm -rf "$results"
say "building …"
build_release command "$root/CacheService.sln" ${properties[@]+"${properties[@]}"} || die "the build failed"
# The console shows what tests measured, and the seeds of random ones. One project after the other (-m:1): tests of time and load do not disturb each other.
run_tests() {
  dotnet test "$@" -c Release --no-build -m:1 --logger "console;verbosity=normal" --logger trx --results-directory "$results" || code=$?
}

rest=()
if [[ " $* " != *" --filter "* ]]; then
  # Counts that are LIVE and wrong are the worst that can happen: what looks for them, on all kinds of databases, comes first.
  rest=(--filter "FullyQualifiedName!~IntegrationTests.AnyDatabase&FullyQualifiedName!~IntegrationTests.Upgrades")
  run_tests "$root/tests/CacheService.IntegrationTests" --filter "FullyQualifiedName~IntegrationTests.AnyDatabase|FullyQualifiedName~IntegrationTests.Upgrades" "$@"
fi
run_tests "$root/CacheService.sln" ${rest[@]+"${rest[@]}"} "$@"
counts="$(summarize)" || code=$((code > 0 ? code : 1))
((code == 0)) || [[ $counts != *", 0 failed"* ]] || say "error: no test ran, or something failed outside the tests (a crash, a fixture's set-up or tear-down): see above"
# Where no test ran at all there are no results to list; the line of counts must come all the same.
((code == 0)) || list_failed || true
printf '%s\n' "$counts"
exit "$code"
