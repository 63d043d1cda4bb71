# shellcheck shell=bash
# Words and small steps that the scripts of this folder share; to be sourced.
# Every fault ends with what failed, on what, and what to do.

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "deploy/$(basename "$0")" "$*" >&2; exit 1; }

# need PACKAGE...: installs Debian packages that are missing, or names them.
need() {
  local missing=() package
  for package in "$@"; do
    grep -q 'ok installed' < <(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    fail "these Debian packages are missing: sudo apt-get install ${missing[*]}"
  fi
  say "installing ${missing[*]}"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# sector FILE NUMBER: first sector of a primary partition in a DOS table. Reads
# the table itself: sfdisk is not on every machine that flashes cards.
sector() {
  od -An -tu4 -j $((446 + 16 * ($2 - 1) + 8)) -N 4 "$1" | tr -d ' '
}
