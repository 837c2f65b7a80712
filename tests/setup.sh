#!/usr/bin/env bash
# Brings what the end-to-end tests need and a new machine lacks. Run it as often as you like: a second run only looks.
#
# That is one thing so far, Taskwarrior 3.4 or newer. A recent one on PATH is used as it is. Otherwise Debian's package is
# unpacked below `target/taskwarrior/`, which changes nothing on the system: no package is installed, and APT's own lists,
# cache and sources stay as they are.
set -euo pipefail

readonly OLDEST_TASKWARRIOR=3.4
# The suite that the package comes from, and with it the libraries that `task` is linked to: those of an older system are
# too old for it. It runs through the dynamic loader of this very libc.
readonly SUITE=forky
readonly PACKAGES=(taskwarrior libc6 libgcc-s1 libstdc++6 libuuid1 libsqlite3-0)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
mkdir -p "$target"
readonly here target=$(cd "$target" && pwd)
readonly private=$target/taskwarrior

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Prints the version of a Taskwarrior; fails for anything else that is called `task`.
version_of() {
  local answer
  answer=$(TASKRC=/dev/null TASKDATA=/nonexistent "$1" rc.verbose=nothing _version 2>/dev/null </dev/null) || return 1
  answer=${answer%% *}
  [[ $answer =~ ^[0-9]+\.[0-9]+ ]] && printf '%s\n' "$answer"
}

is_recent() {
  local version
  version=$(version_of "$1") && [[ $(printf '%s\n' "$OLDEST_TASKWARRIOR" "$version" | sort -V | head -n 1) == "$OLDEST_TASKWARRIOR" ]]
}

explain_by_hand() {
  die "$1" "install Taskwarrior $OLDEST_TASKWARRIOR or newer yourself, so that \`task --version\` finds it; everything else runs without it"
}

# The address of Debian's main archive as this machine's own package source has it, mirrors included.
archive_address() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main' |
    sort -u | head -n 1
}

# `apt-get` with lists, cache, sources and package states of its own, all below `$1`.
apt_aside() {
  local aside=$1
  shift
  # As root, APT would drop to a user that may not be able to read the clone.
  apt-get -qq \
    -o Dir::Etc::SourceList="$aside/archive.sources" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State="$aside" -o Dir::State::status="$aside/status" -o Dir::Cache="$aside/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}

unpack_taskwarrior() {
  command -v apt-get dpkg cc >/dev/null && [[ $(. /etc/os-release && echo "${ID:-} ${ID_LIKE:-}") == *debian* ]] ||
    explain_by_hand "this is no Debian system with apt-get, dpkg and cc, the only kind that Taskwarrior can be fetched for"

  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg address
  [[ -e $keyring ]] || explain_by_hand "$keyring is missing, so Debian's packages can't be verified"
  address=$(archive_address)
  if [[ -z $address ]] && [[ $EUID == 0 ]]; then
    # A fresh image ships without lists.
    apt-get -qq update
    address=$(archive_address)
  fi
  [[ -n $address ]] || explain_by_hand "no source of Debian's main archive is known to apt-get (run \`apt-get update\` once?)"

  say "fetching Taskwarrior from Debian's $SUITE suite"
  rm -rf "$private" "$private.new"
  local aside=$private.new/apt root=$private.new/root
  mkdir -p "$aside"/{lists,cache/archives}/partial "$root"
  printf '%s\n' 'Types: deb' "URIs: $address" "Suites: $SUITE" 'Components: main' "Signed-By: $keyring" >"$aside/archive.sources"
  : >"$aside/status"
  apt_aside "$aside" update
  (cd "$aside" && apt_aside "$aside" download "${PACKAGES[@]}")
  local package
  for package in "$aside"/*.deb; do dpkg -x "$package" "$root"; done
  rm -rf "$aside"
  cc -shared -fPIC -O1 -Wall -Werror -o "$private.new/find_themes.so" "$here/setup/find_themes.c"
  mv "$private.new" "$private"
}

# A program that behaves like an installed `task` from every folder, with its own libc underneath. The loader takes its
# options for this one process only, so hooks run with the system's libraries.
write_wrapper() {
  local loader
  loader=$(find "$private/root/usr/lib" -path '*-linux-*/ld-linux*.so.*' | head -n 1)
  [[ -n $loader ]] || die "the unpacked libc6 has no dynamic loader"
  {
    echo '#!/bin/sh'
    echo '# Written by tests/setup.sh.'
    printf 'export TASKWARRIOR_THEMES=%q\n' "$private/root/usr/share/taskwarrior"
    printf 'exec %q --library-path %q --preload %q --argv0 task %q "$@"\n' \
      "$loader" "${loader%/*}" "$private/find_themes.so" "$private/root/usr/bin/task"
  } >"$private/task"
  chmod +x "$private/task"
}

main() {
  local system
  if system=$(command -v task) && is_recent "$system"; then
    say "Taskwarrior $(version_of "$system") ($system)"
    return
  fi
  if ! is_recent "$private/task"; then
    unpack_taskwarrior
    write_wrapper
    is_recent "$private/task" || die "the unpacked Taskwarrior does not start:" "$("$private/task" --version 2>&1)"
  fi
  say "Taskwarrior $(version_of "$private/task") ($private/task)"
}

main
