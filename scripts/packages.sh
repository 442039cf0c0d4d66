# shellcheck shell=bash
# Sourced by the other scripts: say what happens, find programs, install Debian packages where that is possible.

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    sudo "$@"
  else
    return 1
  fi
}

# Install Debian packages without starting the servers that some of them carry. Fails where there is no apt-get or no
# way to become root; the caller then says what to do.
apt_install() {
  have apt-get || return 1
  as_root true || return 1
  say "installing with apt-get: $*"
  local policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.d/aethergrid.conf mine='' status=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    mine=$policy
  fi
  as_root mkdir -p "${cluster%/*}"
  printf 'create_main_cluster = false\n' | as_root tee "$cluster" >/dev/null
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; then
    as_root apt-get update -qq >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 || status=$?
  fi
  as_root rm -f "$cluster" ${mine:+"$mine"}
  return "$status"
}

# find_uv: the path of a uv that works.
find_uv() {
  local candidate
  for candidate in "${UV:-}" "$(command -v uv || true)" .tools/uv/bin/uv .tools/uv-target/bin/uv "$HOME/.local/bin/uv"; do
    if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}
