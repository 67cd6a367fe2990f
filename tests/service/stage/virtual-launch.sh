#!/bin/sh
# First process of a virtual machine's own pid and mount namespaces: virtual-launch.sh TREE WORK
# Emulator and mke2fs are those of TREE, which is not written to: WORK is mounted in it for as long as this runs.
# The disk has TREE with WORK/files laid over it. The second serial line ends in WORK/answer.
set -eu
tree=$1 work=$2
mount --bind "$work" "$tree/mnt"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/overlay" "$tree/mnt/root"
# Folders that are there keep their owners and modes.
cp -r "$work/files/." "$tree/mnt/root/"
truncate -s 3G "$work/disk"
chroot "$tree" mke2fs -q -t ext4 -d /mnt/root /mnt/disk
umount "$tree/mnt/root"
# Emulated in every case: the same everywhere, also where the tests themselves run in a virtual machine.
exec chroot "$tree" qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -m 1024 -smp 2 -nodefaults -display none -no-reboot \
  -kernel /boot/kernel -initrd /boot/initrd \
  -append "root=/dev/vda rw console=ttyS0 panic=1 quiet systemd.show_status=0 systemd.wants=answer.service" \
  -drive file=/mnt/disk,if=virtio,format=raw,cache=unsafe \
  -serial file:/mnt/console -serial file:/mnt/answer
