#!/usr/bin/env bash
# Builds what has changed and runs the service, or the command line. See --help.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/eng/common.sh"

# A script that starts this one with & makes it ignore SIGINT, and bash cannot trap what it was told to ignore.
if [[ -r /proc/$$/status ]] && (($((16#$(awk '/^SigIgn/ { print $2 }' /proc/$$/status))) & 2)) && env --default-signal=INT true 2>/dev/null; then
  exec env --default-signal=INT "$BASH" "${BASH_SOURCE[0]}" "$@"
fi

loadtest="$root/tests/CacheService.LoadTests/bin/Release/net10.0/CacheService.LoadTests"
service="$root/src/CacheService/bin/Release/net10.0/CacheService"
tool="$root/src/CacheService.Tool/bin/Release/net10.0/tweetcounts"
default_address=http://127.0.0.1:5080
live_timeout=60 # seconds
stop_timeout=10 # seconds

help() {
  cat <<'TEXT'
run.sh [setting …]               run the service in the foreground; Ctrl-C stops it
run.sh tweetcounts [argument …]  run the command line, which talks to it
run.sh loadtest [argument …]     measure it against direct SQL: speed, memory, and what the writers pay
run.sh --help                    this text

Without a connection string it is a demo: the service runs a PostgreSQL of its own, the cast of a play
tweets, and a gentle simulation retweets and likes. The data is kept; --Embedded:DataDirectory says where.

Examples:
  ./run.sh
  ./run.sh tweetcounts top
  ./run.sh tweetcounts get 1 2 3
  ./run.sh tweetcounts watch --all
  ./run.sh loadtest --quick
  ./run.sh --ConnectionStrings:Postgres='Host=db;Username=app;Password=secret;Database=tweets'
  ./run.sh --Embedded:DataDirectory=/tmp/demo --Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:6080

All settings: after the first run, src/CacheService/bin/Release/net10.0/CacheService --help
TEXT
}

# setting NAME DEFAULT: what the service takes for Section:Name: the arguments in "${arguments[@]}", else the environment, else the default.
setting() {
  local name="$1" value="$2" variable="${1//:/__}" i
  value="${!variable:-$value}"
  shopt -s nocasematch
  for ((i = 0; i < ${#arguments[@]}; i++)); do
    case "${arguments[i]}" in
      "--$name="* | "/$name="* | "$name="*) value="${arguments[i]#*=}" ;;
      "--$name" | "/$name") value="${arguments[i + 1]:-}" ;;
    esac
  done
  shopt -u nocasematch
  printf '%s' "$value"
}

# The folder of the embedded server, as the service and the command line find it.
default_data_folder() {
  if [[ $(uname) == Darwin ]]; then
    echo "$HOME/Library/Application Support/cacheservice"
  elif [[ $EUID -eq 0 ]]; then
    echo /var/lib/cacheservice
  elif [[ ${XDG_DATA_HOME:-} == /* ]]; then
    echo "$XDG_DATA_HOME/cacheservice"
  else
    echo "$HOME/.local/share/cacheservice"
  fi
}

# What goes into a build; not what it makes.
source_folders=(src protos sql)
sources() {
  (cd "$root" && find "${source_folders[@]}" Directory.*.props global.json \( -name bin -o -name obj \) -prune -o -type f "$@" -print | LC_ALL=C sort)
}

stamp() { printf '%s' "$root/artifacts/$(basename "$1").built"; }

# False when a file has come, gone or changed since the last build of the program.
up_to_date() {
  [[ -x $1 && -f $(stamp "$1") && "$(sources)" == "$(<"$(stamp "$1")")" && -z "$(sources -newer "$(stamp "$1")")" ]]
}

# build PROJECT PROGRAM …
build() {
  local project="$1" program stale=""
  shift
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

# An address that this machine can call, for one that the service listens on.
callable() {
  local url="${1%%;*}" any
  for any in '*' '+' '[::]' 0.0.0.0; do
    url="${url/"://$any:"/://127.0.0.1:}"
  done
  printf '%s' "$url"
}

# The health answer of the service, as it is; nothing while it does not listen.
health() {
  local address="${http_url#*://}" host line answer=""
  address="${address%%/*}"
  host="${address%:*}"
  host="${host#[}"
  {
    exec 3<>"/dev/tcp/${host%]}/${address##*:}" || return 0
  } 2>/dev/null
  printf 'GET /health HTTP/1.0\r\nHost: %s\r\n\r\n' "$address" >&3
  # The last line is the body.
  while IFS= read -r -t 2 line <&3 || [[ -n $line ]]; do
    answer="${line%$'\r'}"
  done
  exec 3>&-
  printf '%s' "$answer"
}

# Whether a process that this script has started still runs. (A number alone may be another's by now.)
running() { [[ -n $1 && " $(jobs -rp | tr '\n' ' ')" == *" $1 "* ]]; }

# Stops what this script has started, the simulation first: it needs the server.
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

demo() {
  local deadline=$((SECONDS + live_timeout)) state=""
  while [[ $state != live ]]; do
    running "$service_pid" || return 0
    if ((SECONDS > deadline)); then
      say "no demo: the service is not LIVE after $live_timeout seconds: ${state:-it does not answer at $http_url}"
      return 0
    fi
    sleep 0.1
    state="$(health)"
  done

  in_background "$tool" load-cast >/dev/null || { say "no demo: the cast could not be loaded"; return 0; }
  "$tool" simulate --rate 5 --quiet &
  helper_pid=$!
  local run=./run.sh
  [[ $TWEETCOUNTS_ADDRESS == "$default_address" ]] || run="TWEETCOUNTS_ADDRESS=$TWEETCOUNTS_ADDRESS ./run.sh"
  cat >&2 <<TEXT

The service is LIVE, and a simulation writes five retweets and likes a second. Try, in another terminal:

  cd $root
  $run tweetcounts top   # read counts
  $run tweetcounts get 1 2 3
  $run tweetcounts watch --all
  $(printf %q "$data_folder/psql")   # a psql on its database

Ctrl-C stops it all; the data is kept in $data_folder.

TEXT
}

# The programs that the load test uses besides PostgreSQL: offered at a terminal, else only named. It runs without them, and says so.
offer_tools() {
  local missing=() answer="" package
  command -v h2load >/dev/null || missing+=(nghttp2-client)
  command -v etcd >/dev/null || missing+=(etcd-server)
  ((${#missing[@]})) || return 0
  say "The load test compares more with ${missing[*]} (Debian, Ubuntu: apt-get install ${missing[*]})."
  [[ -t 0 && -t 2 ]] && command -v apt-get >/dev/null || return 0
  read -r -p "Install now? [y/N] " answer || true
  [[ $answer == [yY]* ]] || return 0
  for package in "${missing[@]}"; do
    apt_install_idle "$package" || say "$package could not be installed: going on without it"
  done
}

arguments=("$@")
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
    fi
    [[ " $* " == *" --output"* ]] || set -- --output "$root/artifacts/loadtest" "$@"
    trap - INT TERM HUP EXIT
    exec "$loadtest" "$@"
    ;;
esac

is_demo=""
[[ -n "$(setting ConnectionStrings:Postgres "")" ]] || is_demo=yes
[[ -z $is_demo ]] || require_postgres
build eng/run.slnf "$service" "$tool"

data_folder="$(setting Embedded:DataDirectory "$(default_data_folder)")"
[[ $data_folder == /* ]] || data_folder="$PWD/$data_folder"
http_url="$(callable "$(setting Kestrel:Endpoints:Http:Url http://127.0.0.1:5081)")"
TWEETCOUNTS_ADDRESS="$(callable "$(setting Kestrel:Endpoints:Grpc:Url "$default_address")")"
# Where another service answers at the address, this one says so and ends: no demo with the other's database.
[[ -z $is_demo || -z "$(health)" ]] || is_demo=""

"$service" "$@" &
service_pid=$!

if [[ -n $is_demo ]]; then
  export TWEETCOUNTS_ADDRESS Embedded__DataDirectory="$data_folder"
  demo
fi

code=0
wait "$service_pid" || code=$?
exit "$code"
