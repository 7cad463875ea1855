# Functions that run.sh and test.sh share. Sourced, never run.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# heed_signal NAMES NUMBER ARGUMENT …: starts the script again, with its arguments, where it was told to ignore the signal of that number; from then on it heeds those of
# the names, with commas between them.
heed_signal() {
  local name="$1" bit=$((1 << ($2 - 1))) ignored
  [[ -r /proc/$$/status ]] || return 0
  ignored=$((16#$(awk '/^SigIgn/ { print $2 }' /proc/$$/status)))
  if ((ignored & bit)) && env --default-signal="$name" true 2>/dev/null; then
    exec env --default-signal="$name" "$BASH" "$0" "${@:3}"
  fi
}

# Puts the .NET SDK that global.json asks for on PATH.
require_dotnet() {
  if ! command -v dotnet >/dev/null && [[ -x "$HOME/.dotnet/dotnet" ]]; then
    export DOTNET_ROOT="$HOME/.dotnet" PATH="$HOME/.dotnet:$PATH"
  fi
  command -v dotnet >/dev/null || die "the .NET SDK 10 is missing. Get it from https://dotnet.microsoft.com/download/dotnet/10.0" \
    "(Ubuntu: apt-get install dotnet-sdk-10.0; Fedora: dnf install dotnet-sdk-10.0; macOS: brew install dotnet)"
  (cd "$root" && dotnet --version >/dev/null) ||
    die "there is a .NET SDK, but not 10.0. Get it from https://dotnet.microsoft.com/download/dotnet/10.0"
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
}

# build_release RUNNER PROJECT [argument …]: prints nothing but errors. The runner is a command that runs its arguments.
build_release() {
  local log="$root/artifacts/build-log.$$" code=0
  mkdir -p "$root/artifacts"
  "$1" dotnet build "${@:2}" -c Release -v quiet -clp:"ErrorsOnly;NoSummary" >"$log" 2>&1 || code=$?
  ((code == 0)) || cat "$log" >&2
  rm -f "$log"
  return "$code"
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "this needs root, and there is no sudo: $*"
    return 1
  fi
}

# Installs Debian packages; refreshes the package lists only where that is needed.
apt_install() {
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@")
  as_root "${install[@]}" >/dev/null 2>&1 || { as_root apt-get update -qq && as_root "${install[@]}"; } >&2
}

# Installs Debian packages without starting the services that they bring.
apt_install_idle() {
  local policy=/usr/sbin/policy-rc.d code=0
  if [[ -e $policy ]]; then
    apt_install "$@"
    return
  fi
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' >'$policy' && chmod +x '$policy'" || return 1
  apt_install "$@" || code=$?
  as_root rm -f "$policy"
  return "$code"
}

# The places where the embedded server looks too.
has_postgres() {
  local folder
  for folder in ${PG_HOME:+"$PG_HOME/bin" "$PG_HOME"} ${PATH//:/ } /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
    /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /Applications/Postgres.app/Contents/Versions/*/bin /usr/local/pgsql/bin; do
    [[ -x "$folder/initdb" && -x "$folder/pg_ctl" && -x "$folder/postgres" ]] && return 0
  done
  return 1
}

# The server's programs, without a server: Debian's package would make and start one of its own, unless told not to.
require_postgres() {
  has_postgres && return 0
  command -v apt-get >/dev/null || die "PostgreSQL is missing. Install it (Fedora, RHEL: dnf install postgresql-server;" \
    "macOS: brew install postgresql; Alpine: apk add postgresql), or set PG_HOME to the folder of initdb, pg_ctl and postgres"

  say "installing PostgreSQL …"
  local folder=/etc/postgresql-common/createcluster.d setting
  setting="$folder/cacheservice-install.conf"
  as_root mkdir -p "$folder" && as_root sh -c "echo 'create_main_cluster = false' > '$setting'" ||
    die "PostgreSQL is missing: install it with apt-get install postgresql"
  local installed=yes
  apt_install postgresql || installed=no
  as_root rm -f "$setting"
  [[ $installed == yes ]] && has_postgres || die "PostgreSQL cannot be installed: see above, or install it with apt-get install postgresql"
}
