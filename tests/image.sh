#!/usr/bin/env bash
# Builds the Dockerfile without a network and tries the image: every check of tests/e2e/deploy/image.rs, on the real thing.
#
#   tests/image.sh           builds and tries the image; needs root, Debian, buildah and debootstrap
#   tests/image.sh --keep    and leaves it in the store below target/image for a look
#
# What the Dockerfile builds on are stand-ins of the same names: Debian's packages of this machine's own archive with this
# machine's Rust toolchain, and Debian's static busybox. So the recipe is the real one, and the bases are as good as real.
# The first run takes as long as a release build; a second one finds the stand-ins and the layers of dependencies again.
set -euo pipefail

# Compressed it is less than half of that; this is what it takes on a disk.
readonly LARGEST_IMAGE_MB=40
readonly SUITE=bookworm

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$here/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
readonly here target work=$target/image
readonly image=localhost/taskferry-server:try

say() { printf 'image: %s\n' "$*" >&2; }
die() { printf 'image: %s\n' "$@" >&2; exit 1; }

# A store of our own: nothing that this machine's containers use is touched.
store() { buildah --root "$work/store" --runroot "$work/run" --storage-driver overlay "$@"; }

# The words in the Dockerfile behind `FROM`, for the stage that begins with this name of an image.
base_named() { awk -v start="docker.io/library/$1:" 'toupper($1) == "FROM" && index($2, start) == 1 { print $2; exit }' "$here/Dockerfile"; }

# Debian's main archive as this machine's own package source has it, mirrors included.
# shellcheck disable=SC2016 # the format is apt's
archive_address() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main' |
    sort -u | head -n 1
}

check_machine() {
  [[ $EUID == 0 ]] || die 'only root can put file systems together'
  local program
  for program in buildah debootstrap cargo busybox unshare python3 objcopy; do
    command -v "$program" >/dev/null || die "$program is missing: apt-get install buildah debootstrap busybox-static util-linux python3 binutils"
  done
  # A busybox that needs libraries would not start where there are none.
  ! ldd "$(command -v busybox)" >/dev/null 2>&1 || die 'busybox is not static: apt-get install busybox-static'
}

# Commits the folder $1 under the name $2, with the configuration in the rest.
commit() {
  local folder=$1 name=$2 container
  shift 2
  container=$(store from scratch)
  store add --quiet "$container" "$folder" / >/dev/null
  store config "$@" "$container"
  store commit --quiet --rm "$container" "$name" >/dev/null
}

# A name for what a stand-in consists of; a change makes it anew.
is_there() { [[ $(cat "$work/$1.made-of" 2>/dev/null) == "$2" ]] && store inspect --type image "$3" >/dev/null 2>&1; }

make_rust_base() {
  local name tools made_of root=$work/rust address
  name=$(base_named rust)
  tools=$(sed -n 's/^RUN cargo install --locked //p' "$here/Dockerfile")
  made_of="$name $(rustc --version) $tools $(sha256sum <"$here/Cargo.lock")"
  is_there rust "$made_of" "$name" && return
  say "making a stand-in for $name"
  if [[ ! -e $work/debian.tar ]]; then
    address=$(archive_address)
    [[ -n $address ]] || die 'no source of Debian'\''s main archive is known to apt-get: run apt-get update'
    rm -rf "$work/debian"
    debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev "$SUITE" "$work/debian" "$address" >&2
    rm -f "$work"/debian/var/cache/apt/archives/*.deb
    tar -C "$work/debian" -cf "$work/debian.tar.new" .
    rm -rf "$work/debian"
    mv "$work/debian.tar.new" "$work/debian.tar"
  fi
  rm -rf "$root"
  mkdir -p "$root/usr/local/cargo"
  tar -C "$root" -xf "$work/debian.tar"
  local sysroot part
  sysroot=$(rustc --print sysroot)
  for part in bin lib; do cp -a "$sysroot/$part" "$root/usr/local/"; done
  # With a network now, so that it needs none later. A mirror that somebody configured is kept in mind.
  local config=${CARGO_HOME:-$HOME/.cargo}/config.toml
  [[ ! -e $config ]] || cp "$config" "$root/usr/local/cargo/config.toml"
  # shellcheck disable=SC2086
  (export CARGO_HOME=$root/usr/local/cargo CARGO_TARGET_DIR=$work/tools-target
    cd "$here" && cargo fetch --locked --quiet && cargo install --locked --quiet $tools)
  printf '[net]\noffline = true\n' >>"$root/usr/local/cargo/config.toml"
  commit "$root" "$name" --env CARGO_HOME=/usr/local/cargo \
    --env PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  rm -rf "$root"
  printf '%s' "$made_of" >"$work/rust.made-of"
}

make_runtime_base() {
  local name made_of root=$work/busybox applet
  name=$(base_named busybox)
  made_of="$name $(sha256sum <"$(command -v busybox)")"
  is_there busybox "$made_of" "$name" && return
  say "making a stand-in for $name"
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,etc,home,root,tmp,usr,var}
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in $(busybox --list); do [[ $applet == busybox ]] || ln "$root/bin/busybox" "$root/bin/$applet"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$root/etc/group"
  commit "$root" "$name" --cmd sh --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  rm -rf "$root"
  printf '%s' "$made_of" >"$work/busybox.made-of"
}

# What a clone has, with the changes that are not committed yet; and nothing below target.
make_context() {
  rm -rf "$work/context"
  mkdir -p "$work/context"
  (cd "$here" && git ls-files -z | tar --null --files-from=- --ignore-failed-read -cf -) | tar -C "$work/context" -xf -
}

build() {
  make_context
  # Without a network: what is not in the stand-ins can't be had.
  export -f store
  export work
  unshare --net bash -c "store build --isolation chroot --pull-never --layers --format docker --tag '$image' \
    --build-arg VERSION=0.0.0-try '$work/context'" >&2
}

# As `docker image inspect` names it: what the checks need to know about how the image is started.
configuration() {
  store inspect --type image "$image" | python3 -c 'import json, sys; json.dump(json.load(sys.stdin)["Docker"]["config"], sys.stdout)'
}

list_sizes() {
  local root=$1 total part
  total=$(du --summarize --bytes "$root" | cut -f 1)
  printf '%8s  %s\n' MB part
  for part in bin/busybox usr/local/bin/taskferry-server usr/local/bin/taskferry etc/ssl/certs/ca-certificates.crt; do
    printf '%8s  /%s\n' "$(megabytes "$(stat --format %s "$root/$part")")" "$part"
  done
  printf '%8s  in all, at most %s\n' "$(megabytes "$total")" "$LARGEST_IMAGE_MB"
  ((total <= LARGEST_IMAGE_MB * 1000 * 1000)) || die 'the image is too large'
}

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1000000 }'; }

# The list of dependencies is where `cargo audit bin` and `syft` look for it.
check_sbom() {
  local program count
  for program in taskferry-server taskferry; do
    objcopy --dump-section .dep-v0="$work/sbom" "$1/usr/local/bin/$program" /dev/null
    count=$(python3 -c 'import json, sys, zlib; print(len(json.loads(zlib.decompress(open(sys.argv[1], "rb").read()))["packages"]))' "$work/sbom")
    ((count > 50)) || die "$program names only $count dependencies"
    say "$program names its $count dependencies"
  done
}

main() {
  check_machine
  # Without a Taskwarrior, the checks that sync with the image would be left out.
  "$here/tests/setup.sh" >&2
  mkdir -p "$work"
  make_rust_base
  make_runtime_base
  build
  local container root status=0
  container=$(store from --pull-never "$image")
  root=$(store mount "$container")
  list_sizes "$root"
  check_sbom "$root"
  configuration >"$work/configuration.json"
  (cd "$here" && export TASKFERRY_REQUIRE_TASKWARRIOR=1 &&
    TASKFERRY_IMAGE_ROOT=$root TASKFERRY_IMAGE_CONFIGURATION=$work/configuration.json \
    cargo test --package e2e --test e2e deploy::image) || status=$?
  store umount "$container" >/dev/null
  store rm "$container" >/dev/null
  [[ ${1:-} == --keep ]] || store rmi "$image" >/dev/null
  [[ $status == 0 ]] && say 'the image is built as it should be, and works'
  return "$status"
}

main "$@"
