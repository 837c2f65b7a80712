#!/usr/bin/env bash
# Makes what the guides' computers have in common: a small Debian with what a reader has already, the certificate authority of
# their own little internet, and this build's programs in the shape of a release. `tests/guides/walk` calls it.
#
#   tests/guides/base.sh FOLDER      needs root and Debian's archive; a second run only looks
set -euo pipefail

# The suite has Taskwarrior 3.5, Docker with Compose 2, and a systemd of today.
readonly SUITE=forky
readonly MINIMAL=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,sudo,openssh-server,openssh-client,ca-certificates,curl,git,python3,taskwarrior,uuid-runtime,iproute2,procps,adduser
readonly MORE=(docker.io docker-cli docker-compose docker-buildx iptables dnsmasq-base caddy nodejs gcc libc6-dev busybox-static python3-yaml)
# Started only where a guide needs it.
readonly ASLEEP=(docker.service docker.socket containerd.service caddy.service)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
# One at a time; and what is mounted on the way is gone in the end.
if [[ -z ${GUIDES_BASE:-} ]]; then
  GUIDES_BASE=1 exec flock "$work" unshare --mount "${BASH_SOURCE[0]}" "$work"
fi
readonly here work target=${CARGO_TARGET_DIR:-$here/target}

say() { printf 'guides: %s\n' "$*" >&2; }
die() { printf 'guides: %s\n' "$*" >&2; exit 1; }

# Debian's main archive as this machine's own package source has it, mirrors included.
# shellcheck disable=SC2016 # the format is apt's
archive_address() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main' |
    sort -u | head -n 1
}

inside() { chroot "$work/system.new" env DEBIAN_FRONTEND=noninteractive "$@"; }

make_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=The guides'\'' own authority' \
    -addext 'basicConstraints=critical,CA:true' -keyout "$work/authority.key" -out "$work/authority.crt" 2>/dev/null
}

# The person of the guides: `reader`, with `sudo`, and with a key that opens their own computers.
make_person() {
  local home=$work/system.new/home/reader
  inside useradd --create-home --shell /bin/bash --groups sudo reader
  inside usermod --append --groups docker reader
  printf 'reader ALL=(ALL) NOPASSWD: ALL\n' >"$work/system.new/etc/sudoers.d/reader"
  mkdir -m 0700 "$home/.ssh"
  ssh-keygen -q -t ed25519 -N '' -C reader -f "$home/.ssh/id_ed25519"
  cp "$home/.ssh/id_ed25519.pub" "$home/.ssh/authorized_keys"
  cp "$home/.ssh/id_ed25519" "$work/key"
  # One host key for all, which all of them know.
  printf '* %s\n' "$(cut -d ' ' -f 1,2 "$work/system.new/etc/ssh/ssh_host_ed25519_key.pub")" >"$home/.ssh/known_hosts"
  inside chown -R reader: /home/reader
  cp -a "$home/.ssh" "$work/system.new/root/"
  inside chown -R root: /root/.ssh
  # The prompt carries a mark that no terminal shows: how the last command ended.
  cat >>"$home/.bashrc" <<'END'
PS1='\[\e]7;end $?\a\]\u@\h:\w\$ '
PS2='\[\e]7;more\a\]> '
END
  cp "$home/.bashrc" "$work/system.new/root/.bashrc"
  printf 'set enable-bracketed-paste off\n' >>"$work/system.new/etc/inputrc"
}

# A name for what the system consists of; a change makes it anew.
made_of() { (echo "$SUITE $MINIMAL ${MORE[*]} ${ASLEEP[*]}" && declare -f make_person make_authority make_system) | sha256sum; }

make_system() {
  [[ -e $work/system/.ready && $(<"$work/system/.ready") == "$(made_of)" ]] && return
  local address
  address=$(archive_address)
  [[ -n $address ]] || die "no source of Debian's main archive is known to apt-get: run apt-get update"
  say "making a small Debian $SUITE"
  rm -rf "$work/system" "$work/system.new"
  # What debootstrap knows of the newest suites is all the same.
  debootstrap --variant=minbase --include="$MINIMAL" "$SUITE" "$work/system.new" "$address" sid >"$work/debootstrap.log" 2>&1 ||
    die "debootstrap failed: $work/debootstrap.log"
  printf '#!/bin/sh\nexit 101\n' >"$work/system.new/usr/sbin/policy-rc.d"
  chmod +x "$work/system.new/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf "$work/system.new/etc/"
  # How this machine reaches the archive: proxies, mirrors, whether an old list is good enough.
  apt-config dump | grep '^Acquire::' >"$work/system.new/etc/apt/apt.conf.d/99as-outside" || true
  inside apt-get -qq update
  printf 'debconf debconf/frontend select Noninteractive\n' | inside debconf-set-selections
  inside apt-get -qq install --no-install-recommends "${MORE[@]}" >"$work/install.log" 2>&1 || die "apt-get failed: $work/install.log"
  # A registry for images; its own installation script wants a system that runs.
  inside sh -c 'cd /tmp && apt-get -qq download docker-registry && dpkg -x docker-registry_*.deb / && rm docker-registry_*.deb' 2>/dev/null
  inside apt-get clean
  rm -rf "$work"/system.new/var/lib/apt/lists/* "$work/system.new/usr/sbin/policy-rc.d" "$work/system.new/etc/apt/apt.conf.d/99as-outside"
  inside systemctl --quiet disable "${ASLEEP[@]}"
  make_authority
  cp "$work/authority.crt" "$work/system.new/usr/local/share/ca-certificates/guides.crt"
  inside update-ca-certificates >/dev/null
  make_person
  made_of >"$work/system.new/.ready"
  mv "$work/system.new" "$work/system"
}

# What a release holds, of this build: the programs, the packages, the installer, the checksums.
make_release() {
  local program version programs=$work/programs release=$work/release
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/Cargo.toml" | head -n 1)
  mkdir -p "$programs"
  for program in taskferry taskferry-server; do
    [[ -e $target/debug/$program ]] || die "$program is not built: cargo build --workspace"
    [[ $programs/$program -nt $target/debug/$program ]] || objcopy --strip-debug "$target/debug/$program" "$programs/$program"
  done
  [[ ! -e $release/SHA256SUMS || $programs/taskferry -nt $release/SHA256SUMS || $programs/taskferry-server -nt $release/SHA256SUMS ||
    $here/install.sh -nt $release/SHA256SUMS ]] || return 0
  PATH=$work/tools/bin:$PATH command -v cargo-deb >/dev/null || {
    say 'bringing cargo-deb'
    cargo install --quiet --locked --version 3.8.0 cargo-deb --root "$work/tools"
  }
  say 'packing this build as a release'
  rm -rf "$release"
  mkdir -p "$release"
  tar -czf "$release/taskferry-x86_64-linux.tar.gz" -C "$programs" taskferry taskferry-server
  for program in taskferry taskferry-server; do
    # The package as the release makes it; the programs are this build's.
    local as_release=$work/package-target
    mkdir -p "$as_release/release"
    cp "$programs/$program" "$as_release/release/"
    (cd "$here" && PATH=$work/tools/bin:$PATH CARGO_TARGET_DIR=$as_release cargo deb --locked --no-build --no-strip --fast \
      --package "$program" --output "$release" >/dev/null 2>"$work/deb.log") || die "cargo deb failed: $work/deb.log"
  done
  sed "s|^releases=''|releases='https://downloads.example.org'|" "$here/install.sh" >"$release/install.sh"
  printf '%s\n' "$version" >"$release/version"
  (cd "$release" && sha256sum -- *.tar.gz *.deb >SHA256SUMS)
}

# What a program needs of the system's libraries, beside it.
bring_libraries() {
  local root=$1 library
  shift
  mkdir -p "$root/lib64" "$root/lib/x86_64-linux-gnu"
  cp -L "$work/system/lib64/ld-linux-x86-64.so.2" "$root/lib64/"
  for library in $(objdump -p "$@" | awk '$1 == "NEEDED" { print $2 }' | sort -u) libc.so.6; do
    [[ -e $root/lib/x86_64-linux-gnu/$library || $library == ld-linux* ]] || cp -L "$work/system/usr/lib/x86_64-linux-gnu/$library" "$root/lib/x86_64-linux-gnu/"
  done
}

busybox_root() {
  local root=$1 applet
  mkdir -p "$root"/{bin,etc/ssl/certs,root,tmp,usr/bin,usr/local/bin,var}
  chmod 1777 "$root/tmp"
  cp "$work/system/usr/bin/busybox" "$root/bin/busybox"
  for applet in $("$root/bin/busybox" --list); do [[ $applet == busybox ]] || ln -f "$root/bin/busybox" "$root/bin/$applet"; done
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\n' >"$root/etc/group"
  cp "$work/system/etc/ssl/certs/ca-certificates.crt" "$root/etc/ssl/certs/"
}

# What stands in for the images of Docker Hub, which can't be reached. That of Rust has a `cargo` that compiles nothing: it hands out
# this build's programs. So the Dockerfile is followed to the letter, and quickly.
make_images() {
  local images=$work/images root=$work/image-root
  [[ ! -e $images/caddy.tar || $work/programs/taskferry -nt $images/caddy.tar || $work/programs/taskferry-server -nt $images/caddy.tar ||
    $work/system/.ready -nt $images/caddy.tar || ${BASH_SOURCE[0]} -nt $images/caddy.tar ]] || return 0
  say 'making the base images'
  mkdir -p "$images"
  rm -rf "$root"
  busybox_root "$root"
  bring_libraries "$root" "$work/programs/taskferry" "$work/programs/taskferry-server"
  tar -C "$root" -cf "$images/busybox.tar" .
  # Busybox's `install` knows no long options.
  rm "$root/bin/install"
  cp "$work/system/usr/bin/install" "$root/usr/bin/"
  bring_libraries "$root" "$work/system/usr/bin/install" "$work"/system/usr/lib/x86_64-linux-gnu/lib{selinux,acl,attr}.so.?
  mkdir "$root/this-build"
  cp "$work"/programs/* "$root/this-build/"
  cat >"$root/usr/local/bin/cargo" <<'END'
#!/bin/sh
case "$1 $2" in
  'chef prepare') echo '{}' >recipe.json ;;
  'auditable build')
    mkdir -p "target/$(rustc --print host-tuple)/release"
    cp /this-build/* "target/$(rustc --print host-tuple)/release/"
    ;;
esac
END
  printf '#!/bin/sh\necho x86_64-unknown-linux-gnu\n' >"$root/usr/local/bin/rustc"
  chmod +x "$root"/usr/local/bin/*
  tar -C "$root" -cf "$images/rust.tar" .
  rm -rf "$root"
  busybox_root "$root"
  cp "$work/system/usr/bin/caddy" "$root/usr/bin/"
  bring_libraries "$root" "$work/system/usr/bin/caddy"
  mkdir -p "$root"/{config,data,srv,etc/caddy}
  tar -C "$root" -cf "$images/caddy.tar" .
  rm -rf "$root"
}

[[ $EUID == 0 ]] || die 'only root can put file systems together'
for program in debootstrap openssl ssh-keygen objcopy cargo; do
  command -v "$program" >/dev/null || die "$program is missing: apt-get install debootstrap openssl openssh-client binutils"
done
make_system
make_release
make_images
