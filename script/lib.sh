# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh: what the scripts share. It is sourced by them, with `set -euo pipefail` in force.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/forcebind
export LC_ALL=C.UTF-8
# Objects of one checkout serve another: paths are hashed as relative ones.
export CCACHE_BASEDIR=$repo CCACHE_NOHASHDIR=1

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

# What tests and demonstration need below "/": proc, sysfs, cgroup v2, and a "/" that is a mount point, since the
# kernel makes only a mount point private (not so in a bare chroot).
mounts_are_complete() {
  [[ -r /proc/self/mountinfo && -d /sys/kernel ]] || return 1
  awk '$5 == "/" { root = 1 } / - cgroup2 / { cgroup = 1 } END { exit !(root && cgroup) }' /proc/self/mountinfo
}

# Inside a fresh mount namespace: makes $1 a private view of "/" with all of that.
complete_mounts() {
  local root=$1
  mount --rbind / "$root"
  mount --make-rprivate "$root"
  [[ -e $root/proc/self ]] || mount -t proc proc "$root/proc"
  [[ -d $root/sys/kernel ]] || mount -t sysfs sysfs "$root/sys"
  grep -q ' - cgroup2 ' "$root/proc/self/mountinfo" || mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
}

# with_mounts "$@": the calling script goes on only where mounts_are_complete; elsewhere it is run again, with the same
# arguments, in a mount namespace of its own where they are. The mounts go with it.
with_mounts() {
  mounts_are_complete && return
  need_root
  [[ -z ${FORCEBIND_MOUNTED:-} ]] || die "cannot mount proc, sysfs and cgroup v2 here"
  local root status=0
  root=$(mktemp -d)
  FORCEBIND_MOUNTED=1 unshare --mount --propagation unchanged bash -euc '
    . "$1"; complete_mounts "$2"; shift 2; exec chroot "$@"' \
    bash "$repo/script/lib.sh" "$root" "$root" "$repo/script/$(basename "$0")" "$@" || status=$?
  umount --lazy "$root" 2>/dev/null || true # only where the mounts around a chroot are shared
  rmdir "$root"
  exit "$status"
}

# The calling script's phases: `phase NAME` ends the one before and prints what it took.
phase_name='' phase_start=0
phase() {
  local now=${EPOCHREALTIME/./}
  [[ -z $phase_name ]] || printf -- '-- %-26s %6d.%01d s\n' "$phase_name" $(((now - phase_start) / 1000000)) \
    $(((now - phase_start) / 100000 % 10))
  phase_name=${1:-} phase_start=$now
}
