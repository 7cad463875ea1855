#!/usr/bin/env bash
# Builds what has changed and runs the service, or the command line. See --help.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/eng/common.sh"

# A script that starts this one with & makes it ignore SIGINT, and bash cannot trap what it was told to ignore.
heed_signal INT 2 "$@"

loadtest="$root/tests/CacheService.LoadTests/bin/Release/net10.0/CacheService.LoadTests"
service="$root/src/CacheService/bin/Release/net10.0/CacheService"
tool="$root/src/CacheService.Tool/bin/Release/net10.0/tweetcounts"
published="$root/artifacts/published"
stop_timeout=10 # seconds

help() {
  cat <<'TEXT'
run.sh [setting …]               run the service in the foreground; Ctrl-C stops it
run.sh tweetcounts [argument …]  run the command line, which talks to it
run.sh loadtest [argument …]     measure it against direct SQL: speed, memory, and what the writers pay
run.sh --help                    this text

Without a connection string it is a demo: the service runs a PostgreSQL of its own, the cast of a play
tweets, and a gentle simulation retweets and likes; jobs are run. It prints the address of a page on which
the counts move. The data is kept; --Embedded:DataDirectory says where.

Examples:
  ./run.sh
  ./run.sh tweetcounts top
  ./run.sh tweetcounts get 1 2 3
  ./run.sh tweetcounts watch --all
  ./run.sh loadtest --quick
  ./run.sh --ConnectionStrings:Postgres='Host=db;Username=app;Password=secret;Database=tweets'
  ./run.sh --Embedded:DataDirectory=/tmp/demo --Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:6080

CACHESERVICE_NO_BUILD=1 runs what was built before. All settings: after the first run, src/CacheService/bin/Release/net10.0/CacheService --help
TEXT
}

# What goes into a build; not what it makes.
source_folders=(src protos sql)
sources() {
  (cd "$root" && find "${source_folders[@]}" Directory.*.props global.json \( -name bin -o -name obj \) -prune -o -type f "$@" -print | LC_ALL=C sort)
}

stamp() { printf '%s' "$root/artifacts/$(basename "$1").built"; }

# False when a file has come, gone or changed since the last build of the program, or of the folder.
up_to_date() {
  [[ -x $1 && -f $(stamp "$1") && "$(sources)" == "$(<"$(stamp "$1")")" && -z "$(sources -newer "$(stamp "$1")")" ]]
}

# build PROJECT PROGRAM …
build() {
  local project="$1" program stale=""
  shift
  [[ -z ${CACHESERVICE_NO_BUILD:-} ]] || return 0
  for program in "$@"; do
    up_to_date "$program" || stale="$program"
  done
  [[ -n $stale ]] || return 0

  require_dotnet
  say "building … (the first time takes a minute or two)"
  # The list is from before the build: what changes meanwhile is built next time.
  mkdir -p "$root/artifacts"
  sources >"$root/artifacts/sources.$$"
  # No compiler server and no build node stays behind.
  build_release in_background "$root/$project" -nodeReuse:false -p:UseSharedCompilation=false || die "the build failed"
  for program in "$@"; do
    cp -p "$root/artifacts/sources.$$" "$(stamp "$program")"
  done
  rm "$root/artifacts/sources.$$"
}

# The service with the runtime, compiled as one. The load test goes on without it.
publish() {
  local source_folders=(src protos sql) log="$root/artifacts/build-log.$$"
  if [[ -n ${CACHESERVICE_NO_BUILD:-} ]] || { [[ -x $published/CacheService ]] && up_to_date "$published"; }; then
    return 0
  fi

  require_dotnet
  say "publishing the service, to measure its start … (two minutes)"
  mkdir -p "$root/artifacts"
  rm -rf "$published" "$(stamp "$published")"
  sources >"$root/artifacts/sources.$$"
  if in_background dotnet publish "$root/src/CacheService" -c Release --use-current-runtime --self-contained -o "$published" -v quiet -nodeReuse:false -p:UseSharedCompilation=false >"$log" 2>&1; then
    mv "$root/artifacts/sources.$$" "$(stamp "$published")"
  else
    cat "$log" >&2
    say "the service could not be published: see above. Its start is measured as it was built only."
    rm -rf "$published" "$root/artifacts/sources.$$"
  fi
  rm -f "$log"
}

# Whether a process that this script has started still runs. (A number alone may be another's by now.)
running() { [[ -n $1 && " $(jobs -rp | tr '\n' ' ')" == *" $1 "* ]]; }

# Stops what this script has started, the demo first: it needs the server.
stop_all() {
  rm -f "$root/artifacts/"*".$$"
  local pid deadline
  for pid in "$helper_pid" "$service_pid"; do
    running "$pid" || continue
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + stop_timeout))
    while running "$pid" && ((SECONDS < deadline)); do
      sleep 0.05
    done
    if running "$pid"; then
      say "process $pid has not stopped within $stop_timeout seconds: killing it"
      kill -KILL "$pid"
    fi
  done
}

on_signal() {
  trap '' INT TERM HUP
  trap - EXIT
  stop_all
  exit "$1"
}

# in_background COMMAND …: runs it and waits for it; unlike a command in the foreground, it does not hold up a signal's trap.
in_background() {
  local code=0
  "$@" &
  helper_pid=$!
  wait "$helper_pid" || code=$?
  helper_pid=""
  return "$code"
}

# The programs that the load test uses besides PostgreSQL: offered at a terminal, else only named. It runs without them, and says so.
offer_tools() {
  local missing=() answer="" package
  command -v h2load >/dev/null || missing+=(nghttp2-client)
  command -v etcd >/dev/null || missing+=(etcd-server)
  command -v redis-server >/dev/null || missing+=(redis-server)
  ((${#missing[@]})) || return 0
  say "The load test compares more with ${missing[*]} (Debian, Ubuntu: apt-get install ${missing[*]})."
  [[ -t 0 && -t 2 ]] && command -v apt-get >/dev/null || return 0
  read -r -p "Install now? [y/N] " answer || true
  [[ $answer == [yY]* ]] || return 0
  for package in "${missing[@]}"; do
    apt_install_idle "$package" || say "$package could not be installed: going on without it"
  done
}

service_pid="" helper_pid=""
trap 'on_signal 130' INT
trap 'on_signal 0' TERM HUP
trap stop_all EXIT

case "${1:-}" in
  --help | -h)
    help
    exit 0
    ;;
  tweetcounts)
    build src/CacheService.Tool "$tool"
    trap - INT TERM HUP EXIT
    exec "$tool" "${@:2}"
    ;;
  loadtest)
    shift
    source_folders+=(tests/CacheService.LoadTests)
    build tests/CacheService.LoadTests "$loadtest"
    if [[ " $* " != *" --help "* && " $* " != *" -h "* && " $* " != *" -? "* ]]; then
      require_postgres
      offer_tools
      if [[ " $* " != *" --quick"* && " $* " != *" --version "* && " $* " != *" --published"* && (" $* " != *" --parts"* || " $* " == *startup*) ]]; then
        publish
        [[ ! -x $published/CacheService ]] || set -- --published "$published" "$@"
      fi
    fi
    [[ " $* " == *" --output"* ]] || set -- --output "$root/artifacts/loadtest" "$@"
    trap - INT TERM HUP EXIT
    exec "$loadtest" "$@"
    ;;
esac

build eng/run.slnf "$service" "$tool"

demo=("$tool" demo --as "./run.sh tweetcounts" --in "$root")
is_demo="" defaults=()
if in_background "${demo[@]}" --check -- "$@"; then
  is_demo=yes
  # Before the user's own, which overrule them.
  defaults=(--Jobs:Enabled=true)
  require_postgres
fi

# Where the system can see to it, nothing outlives this script, not even when it is killed.
tied=()
! setpriv --pdeathsig TERM true 2>/dev/null || tied=(setpriv --pdeathsig TERM)

${tied[@]+"${tied[@]}"} "$service" ${defaults[@]+"${defaults[@]}"} "$@" &
service_pid=$!
if [[ -n $is_demo ]]; then
  ${tied[@]+"${tied[@]}"} "${demo[@]}" -- "$@" &
  helper_pid=$!
fi

code=0
wait "$service_pid" || code=$?
exit "$code"
