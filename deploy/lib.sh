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

# orphans OPTION... PACKAGE...: what keeps apt from installing these, is there in a version
# that no source has any more, and in which one the sources have it: NAME=VERSION.
orphans() {
  local name there offered
  # " qemu-utils : Breaks: qemu-system-common (< 1:8.0) but 1:7.2 is to be installed"
  # Or it would be removed for them: "Remv qemu-utils [1:10.0]".
  for name in $(LC_ALL=C apt-get install --simulate "$@" -o quiet=0 2>/dev/null |
    sed -n 's/^ \([^ :]*\)[^ ]* : .*/\1/p; s/^Remv \([^ ]*\).*/\1/p' | sort -u); do
    there=$(dpkg-query -W -f='${Version}' "$name" 2>/dev/null) && [ -n "$there" ] || continue
    offered=$(apt-cache madison "$name" | awk '{ print $3 }')
    [ -z "$offered" ] || grep -qxF -- "$there" <<<"$offered" || echo "$name=$(sed -n 1p <<<"$offered")"
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
  local missing removed back options=(-y -qq --no-install-recommends -o DPkg::Lock::Timeout=300)
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
    # (A machine may bring a package of a source that it has no more.)
    back=$(orphans "${options[@]}" "$@" | tr '\n' ' ')
    if [ -n "$back" ]; then
      say "in the way, and of no source that is there; going back to $back"
      # shellcheck disable=SC2086  # one package a word
      DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" --no-remove --allow-downgrades "$@" $back >&2 || true
    fi
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
