#!/bin/bash
# Process 1 of a machine, in namespaces of its own: launch.sh WORK NAME DISK_MB HOME_MB PYTHON TREE...
# Its disk is the tests' machine's with a layer over it that is kept in memory; all of it goes with this process.
# Standard input is the harness: the end of it is the end of the machine. Standard output says which process this is, once it has booted.
set -eu
work=$1 name=$2 disk=$3 home=$4 python=$5
shift 5
# As the tests count: /proc is still theirs.
read -r pid _ </proc/self/stat
umask 022
hostname "$name"
mount -t tmpfs -o "size=${disk}m,mode=0755" tmpfs "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
root=$work/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/overlay" "$root"

# What is the tests' machine's own is not this one's.
mount -t tmpfs -o "size=${home}m,mode=0755" tmpfs "$root/home"
mount -t tmpfs -o mode=0711 tmpfs "$root/root"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
for folder in tmp var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$root/$folder"; done
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

for tree in "$@"; do
  mkdir -p "$root$tree"
  # A private home on the way to it is nobody's to read here either, but the environment may lie in it.
  above=$tree
  while above=${above%/*} && [ -n "$above" ]; do chmod a+x "$root$above"; done
  if [ "$python" = yes ]; then
    mount --bind "$tree" "$root$tree"
    mount -o remount,bind,ro "$root$tree"
  else
    mount -t tmpfs -o mode=0755 tmpfs "$root$tree"
  fi
done
[ "$python" = yes ] || rm -f "$root"/usr/bin/python* "$root"/usr/local/bin/python* "$root"/usr/bin/pip* "$root"/usr/local/bin/pip*

cd "$root"
mkdir .before
pivot_root . .before
cd /
mount -t proc proc /proc
mount -t sysfs -o ro sysfs /sys
umount -l /.before
rmdir /.before
ip link set lo up
echo "$pid"
# The shell waits for what nobody else does: orphans come to process 1.
while read -r _; do :; done
