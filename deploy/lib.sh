# shellcheck shell=bash
# Words and small steps that scripts share, those of this folder and others; to be
# sourced.
# Every fault ends with what failed, on what, and what to do.

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

# absent PACKAGE...: prints those that are not installed.
absent() {
  local package
  for package in "$@"; do
    grep -q 'ok installed' < <(dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null) || echo "$package"
  done
}

# obtain PACKAGE...: installs what is missing of Debian packages, or says why not and
# ends with 1.
#
# apt is asked for the whole list, also for what is there already: asked for the missing
# ones alone, it may remove another of the list for them (installing one program of
# QEMU did, where the others were of another version). What nobody asked for is not
# removed either. And since `apt-get install` has an opinion of its own about what
# is installed, it is looked at afterwards.
obtain() {
  # (Where two scripts ask at once, one waits for the other.)
  local missing removed options=(-y -qq --no-install-recommends -o DPkg::Lock::Timeout=300)
  missing=$(absent "$@" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "these Debian packages are missing: sudo apt-get install $missing"
    return 1
  fi
  say "installing $missing"
  # (Where one of several sources does not answer, the others may do.)
  apt-get update -qq >&2 || true
  if ! DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" --no-remove "$@" >&2; then
    removed=$(apt-get install --simulate "${options[@]}" "$@" 2>/dev/null | sed -n 's/^Remv \([^ ]*\).*/\1/p' | tr '\n' ' ')
    [ -z "$removed" ] || say "apt would remove $removed for it: decide that yourself, by apt-get install $*"
  fi
  missing=$(absent "$@" | tr '\n' ' ')
  [ -z "$missing" ] || { say "not installed: $missing"; return 1; }
}

# need PACKAGE...: as above, or the script ends.
need() { obtain "$@" || fail "needs these Debian packages: $*"; }

# sector FILE NUMBER: first sector of a primary partition in a DOS table. Reads
# the table itself: sfdisk is not on every machine that flashes cards.
sector() {
  od -An -tu4 -j $((446 + 16 * ($2 - 1) + 8)) -N 4 "$1" | tr -d ' '
}
