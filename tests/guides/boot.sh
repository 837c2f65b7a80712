#!/usr/bin/env bash
# Boots a computer: the first process of namespaces of its own, on a file system of its own over the common one. `street.py` calls it.
#
#   boot.sh NAME SYSTEM FOLDER [SOURCE:TARGET:ro|rw]...
set -euo pipefail
name=$1 system=$2 folder=$3
shift 3
root=$folder/root

mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$system,upperdir=$folder/changes,workdir=$folder/work" "$root"
for bound in "$@"; do
  IFS=: read -r source inside how <<<"$bound"
  if [[ -d $source ]]; then mkdir -p "$root$inside"; else mkdir -p "$(dirname "$root$inside")"; touch "$root$inside"; fi
  mount --bind "$source" "$root$inside"
  [[ $how == rw ]] || mount -o remount,bind,ro "$root$inside"
done
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for device in null zero full random urandom tty; do cp -a "/dev/$device" dev/; done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0 1 2; do ln -s "fd/$number" "dev/$(cut -d ' ' -f $((number + 1)) <<<'stdin stdout stderr')"; done
hostname "$name"
echo "$name" >etc/hostname
: >etc/machine-id
pivot_root . mnt
umount -l mnt
exec env -i container=guides PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/init
