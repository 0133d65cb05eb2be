# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh: what the scripts share. It is sourced by them, with `set -euo pipefail` in force.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/forcebind
export LC_ALL=C.UTF-8
unset LANG LC_CTYPE LC_MESSAGES # LC_ALL stands for them, and ccache counts each of them
# Objects of one checkout serve another: paths are hashed as relative ones, and the times of files do not count, not even
# for the precompiled header (ccache(1), "Precompiled headers"). CCACHE_DEPEND: an empty cache costs no preprocessing of its own.
export CCACHE_BASEDIR=$repo CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_ctime,include_file_mtime

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

need_root() { [[ $EUID == 0 ]] || die "must be run as root"; }

# quietly WHAT COMMAND...: runs the command; only if it fails, what it printed is shown, then one line.
quietly() {
  local what=$1 log status=0
  shift
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [[ $status == 0 ]] || tail -n 40 "$log" >&2
  rm -f "$log"
  [[ $status == 0 ]] || die "$what failed with status $status"
}

# The calling script's phases: `phase NAME` ends the one before and prints what it took.
phase_name='' phase_start=0
phase() {
  local now=${EPOCHREALTIME/./}
  [[ -z $phase_name ]] || printf -- '-- %-26s %6d.%01d s\n' "$phase_name" $(((now - phase_start) / 1000000)) \
    $(((now - phase_start) / 100000 % 10))
  phase_name=${1:-} phase_start=$now
}

# in_own_root "$@": the calling script goes on only by script/own-root, for which it is run again, with the same
# arguments, once there are the packages that it takes.
in_own_root() {
  [[ -z ${FORCEBIND_OWN_ROOT:-} ]] || return 0
  need_root
  phase packages
  "$repo/script/install-deps"
  phase
  FORCEBIND_OWN_ROOT=1 exec "$repo/script/own-root" "$repo/script/$(basename "$0")" "$@"
}
