#!/bin/sh
# A stand-in for `systemctl --user` with one unit, for machines without systemd: starts what `ExecStart=` says in the background,
# and stops it by its process. Writes down how it was called.
printf '%s\n' "$*" >>"$HOME/systemctl.calls"
[ "$1" = --user ] || exit 1
if [ -e "$HOME/no-bus" ]; then
  echo 'Failed to connect to bus: No medium found' >&2
  exit 1
fi
shift
[ "$1" != --quiet ] || shift
unit="$HOME/.config/systemd/user/taskferry-home.service"
pid="$HOME/systemctl.pid"

# One that has ended but was not waited for, as where nobody does that for orphans, has no command line any more.
runs() { [ -f "$pid" ] && grep -q . "/proc/$(cat "$pid")/cmdline" 2>/dev/null; }

start() {
  runs && return
  command="$(sed -n 's/^ExecStart=//p' "$unit")"
  # As quoted for systemd, which is near enough to a shell for the paths of a test.
  eval "setsid $command </dev/null >/dev/null 2>&1 &"
  echo $! >"$pid"
}

stop() {
  runs || return 0
  kill -TERM "$(cat "$pid")"
  while runs; do sleep 0.02; done
}

case $1 in
  daemon-reload) ;;
  enable) start ;;
  stop | disable) stop ;;
  is-active) runs ;;
  *) exit 1 ;;
esac
