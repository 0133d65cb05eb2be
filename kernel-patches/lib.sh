# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh: what the scripts of kernel-patches/ share: where a version's source comes from, and its patches. It is sourced by
# them, with `set -euo pipefail` in force.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../script/lib.sh"

here=$repo/kernel-patches

# choose_version VERSION: sets version, package, source_version and patches. VERSION is a directory beside this file: a
# version of Linux, or that and a dash and what is special about the series.
choose_version() {
  version=$1
  [[ -n $version && $version != */* && -f $here/$version/0000-cover-letter.patch ]] ||
    die "there is no series \"$version\"; there are: $(cd "$here" && echo [0-9]*)"
  package=linux-source-${version%%-*}
  "$repo/script/install-deps" kernel >&2
  source_version=$(apt-cache policy "$package" | awk '$1 == "Candidate:" { print $2 }')
  [[ -n $source_version && $source_version != "(none)" ]] ||
    die "apt knows no package $package: is a source of Debian 12 security updates in /etc/apt?"
  mapfile -t patches < <(find "$here/$version" -name '0*.patch' ! -name '0000-*' | sort)
}

# write_compiler FILE: gcc by way of ccache, where that is, but not for assembly: what .incbin puts into an object, such as
# the compressed kernel into its loader, ccache does not count.
write_compiler() {
  cat >"$1" <<'END'
#!/bin/sh
case "$*" in *.S) exec gcc "$@" ;; esac
command -v ccache >/dev/null && exec ccache gcc "$@"
exec gcc "$@"
END
  chmod +x "$1"
}

# need_space GIGABYTES: dies where the cache directory has not so much left.
need_space() {
  local left
  left=$(df --output=avail -BG "$cache" | tail -n 1 | tr -dc 0-9)
  ((left >= $1)) || die "$cache has ${left} GB left, and this takes $1 GB: make room, or set XDG_CACHE_HOME"
}

# inputs_hash FILE...: of these files, of what decides how they are used, and of the compiler.
inputs_hash() {
  { echo "$source_version" && gcc --version && cat "$here/lib.sh" "$repo/script/lib.sh" "$@"; } | sha256sum | cut -c1-12
}

# download_source DIRECTORY
download_source() {
  (cd "$1" && apt-get -o APT::Sandbox::User=root download "$package=$source_version")
}

# unpack_source DIRECTORY: makes it, with the source of $package in it. DIRECTORY.download is used on the way.
unpack_source() {
  local download=$1.download
  mkdir "$download"
  quietly "fetching $package $source_version (if it is not there any more: apt-get update)" download_source "$download"
  quietly "unpacking $package" dpkg-deb -x "$download/$package"_*.deb "$download/package"
  mkdir "$1"
  quietly "unpacking the source" tar --strip-components=1 -C "$1" -xJf "$download/package/usr/src/$package.tar.xz"
  rm -rf "$download"
}

# apply_patches DIRECTORY: puts the patches on the source in it.
apply_patches() {
  local patch
  for patch in "${patches[@]}"; do
    quietly "applying kernel-patches/$version/$(basename "$patch") to $source_version" \
      patch -d "$1" -p1 --forward --fuzz=0 --input="$patch"
  done
}
