#!/bin/sh
# A stand-in for Taskwarrior, as far as the wizard uses it. Reads the taskrc as Taskwarrior would (last assignment wins,
# includes followed), and keeps what a test looks at in files below $HOME/.task:
#   version      what --version prints        count    number of tasks
#   pending      how many of them are pending arrives  tasks that a sync brings
#   broken       makes a sync fail, saying it synced   a line per sync
#   slow         makes a sync take a minute broken_once  as broken, for one sync
data="$HOME/.task"
taskrc="${TASKRC:-$HOME/.taskrc}"

file() { cat "$data/$1" 2>/dev/null; }

if [ "$1" = --version ]; then
  file version || echo 3.5.0
  exit 0
fi
if [ ! -f "$taskrc" ]; then
  echo "Cannot proceed without rc file." >&2
  exit 2
fi

settings() {
  while IFS= read -r line || [ -n "$line" ]; do
    case "$line" in
      "#"*) ;;
      *=*) printf '%s\n' "$line" ;;
      "include "*)
        included="${line#include }"
        case "$included" in "~/"*) included="$HOME/${included#"~/"}" ;; esac
        if [ ! -f "$included" ]; then
          echo "Could not read include file '$included'." >&2
          exit 2
        fi
        settings "$included" ;;
      *[!\ ]*)
        echo "Malformed entry '$line' in config file." >&2
        exit 2 ;;
    esac
  done <"$1"
}

for argument in "$@"; do
  case "$argument" in
    rc.hooks=*) echo "Configuration override $argument" >&2 ;;
    _get | count | export | sync) command="$argument" ;;
    rc.*=*) ;;
    rc.*) key="${argument#rc.}" ;;
  esac
done

case "$command" in
  _get)
    all="$(settings "$taskrc")" || exit 2
    printf '%s\n' "$all" | awk -v wanted="$key" '
      function trimmed(text) { gsub(/^[ \t\r]+|[ \t\r]+$/, "", text); return text }
      { sub(/#.*/, "") }
      (at = index($0, "=")) && trimmed(substr($0, 1, at - 1)) == wanted { value = trimmed(substr($0, at + 1)) }
      END { print value }'
    ;;
  count)
    case " $* " in
      *" status:pending "*) file pending || file count || echo 0 ;;
      *) file count || echo 0 ;;
    esac
    ;;
  export) echo "[]" ;;
  sync)
    if [ -f "$data/broken" ]; then
      file broken >&2
      exit 2
    fi
    if [ -f "$data/broken_once" ]; then
      file broken_once >&2
      rm "$data/broken_once"
      exit 2
    fi
    if [ -f "$data/slow" ]; then
      exec sleep 60
    fi
    mkdir -p "$data"
    before="$(file count || echo 0)"
    arrives="$(file arrives || echo 0)"
    echo $((before + arrives)) >"$data/count"
    echo synced >>"$data/synced"
    ;;
esac
