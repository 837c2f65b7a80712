#!/bin/sh
# Installs Taskferry's programs for one user: downloads them, compares their
# checksums, and puts them into a folder. It needs no root, changes no settings
# and starts nothing.
#
#   sh install.sh                    both programs, newest version, ~/.local/bin
#   sh install.sh --version 0.1.0    that version
#   sh install.sh --only taskferry   the wizard alone (or: taskferry-server)
#   sh install.sh --to DIR           another folder
#   sh install.sh --from URL         another place to download from
# Backticks in single quotes are words for people here, and what stands behind `||` ends the program.
# shellcheck disable=SC2016,SC2015
set -eu

# Where releases are. The release sets it; from a clone, name a place with --from.
releases=''

say() { printf '%s\n' "$@" >&2; }
die() {
  say "error: $1"
  if [ $# -gt 1 ]; then say '' "hint: $2"; fi
  exit 1
}
usage() {
  say "error: $1" '' 'hint: `sh install.sh --help` shows what it takes'
  exit 2
}

main() {
  version='' only='' to='' scratch=''
  while [ $# -gt 0 ]; do
    case $1 in
      --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
      --version | --only | --to | --from)
        [ $# -ge 2 ] && [ -n "$2" ] || usage "\`$1\` needs a value"
        case $1 in
          --version) version=${2#v} ;;
          --only) only=$2 ;;
          --to) to=$2 ;;
          --from) releases=${2%/} ;;
        esac
        shift 2 ;;
      *) usage "\`$1\` means nothing here" ;;
    esac
  done
  case $version in *[!0-9A-Za-z.+-]*) usage "\`$version\` is not a version" ;; esac
  case $only in
    '') programs='taskferry taskferry-server' ;;
    taskferry | taskferry-server) programs=$only ;;
    *) usage "there is no program \`$only\`" ;;
  esac
  [ -n "$releases" ] || usage 'this copy does not know where releases are: name the place with `--from URL`'
  case $releases in
    # The checksums come from the same place, so plain http would prove nothing.
    https://* | http://127.0.0.1:*) ;;
    *) usage "\`$releases\` does not start with \`https://\`" ;;
  esac
  if [ -z "$to" ]; then
    [ -n "${HOME:-}" ] || usage 'there is no home directory: name a folder with `--to DIR`'
    to=$HOME/.local/bin
  fi

  system=$(system_name)
  for program in $programs; do refuse_foreign "$to/$program" "$program"; done

  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  if [ -n "$version" ]; then place=$releases/download/v$version; else place=$releases/latest/download; fi
  archive=taskferry-$system.tar.gz
  say "downloading $place/$archive"
  download "$place/SHA256SUMS" "$scratch/SHA256SUMS"
  download "$place/$archive" "$scratch/$archive"
  check "$scratch" "$archive"
  mkdir "$scratch/unpacked"
  # Only the two names that are expected, whatever else an archive may hold.
  # shellcheck disable=SC2086
  tar -xzf "$scratch/$archive" -C "$scratch/unpacked" $programs

  mkdir -p "$to"
  for program in $programs; do
    chmod 0755 "$scratch/unpacked/$program"
    # Beside its place first: renaming is atomic only within a file system, and a running program can't be written over.
    cp "$scratch/unpacked/$program" "$to/.$program.new"
    mv -f "$to/.$program.new" "$to/$program"
    say "installed $("$to/$program" --version) as $to/$program"
  done
  case :${PATH:-}: in
    *:"$to":*) ;;
    *) say '' "your shell does not look there yet; add this line to its profile:" "  export PATH=\"$to:\$PATH\"" ;;
  esac
}

system_name() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64 | Linux-amd64) echo x86_64-linux ;;
    Linux-aarch64 | Linux-arm64) echo aarch64-linux ;;
    Darwin-x86_64) echo x86_64-macos ;;
    Darwin-arm64) echo aarch64-macos ;;
    *) die "there are no ready-made programs for $(uname -s) on $(uname -m)" \
      'build them from source: `cargo install --path wizard` in a clone of the repository' ;;
  esac
}

# A program of another project that happens to have the name stays.
refuse_foreign() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  case $("$1" --version 2>/dev/null </dev/null | head -n 1) in
    "$2 "[0-9]*) ;;
    *) die "\`$1\` is there already, and it is not Taskferry's; nothing was changed" \
      'choose another folder with `--to DIR`' ;;
  esac
}

download() {
  if command -v curl >/dev/null 2>&1; then
    curl --fail --silent --show-error --location --proto-redir '=https' --retry 3 --max-time 600 --output "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget --quiet --tries=3 --timeout=60 --output-document="$2" "$1"
  else
    die 'neither `curl` nor `wget` is installed' 'install one of them'
  fi || die "could not download $1; nothing was changed" 'check the version and the connection'
}

check() {
  expected=$(awk -v name="$2" '$2 == name || $2 == "*" name { print $1 }' "$1/SHA256SUMS")
  [ -n "$expected" ] || die "the list of checksums does not name $2; nothing was changed"
  if command -v sha256sum >/dev/null 2>&1; then
    found=$(sha256sum "$1/$2")
  else
    found=$(shasum -a 256 "$1/$2")
  fi
  [ "${found%% *}" = "$expected" ] ||
    die "$2 is not what was released: its checksum differs; nothing was changed" 'try again; if it stays so, report it'
}

# At the very end, so that half a download of this script does nothing.
main "$@"
