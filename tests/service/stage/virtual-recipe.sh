#!/bin/sh
# Makes the tree that a virtual machine boots from, and that brings the emulator: virtual-recipe.sh FOLDER TREE
# TREE is the one that recipe.sh has made; apt's sources are in it.
set -eu
root=$1 tree=$2
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

cp -a --reflink=auto "$tree" "$root"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" apt-get update -qq
# First line: what boots. Second: what it boots in, with the firmware, which it only recommends. Third: what makes its disk, and runs in it.
chroot "$root" apt-get install -y -qq --no-install-recommends \
  linux-image-cloud-amd64 initramfs-tools zstd \
  qemu-system-x86 seabios \
  e2fsprogs python3
rm "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*

# Nobody logs in there, and a getty hangs the line up that others write to.
systemctl --root="$root" --quiet mask serial-getty@.service
# Under names without a version. With two of either this fails, as it should.
ln -s "$(basename "$root"/boot/vmlinuz-*)" "$root/boot/kernel"
ln -s "$(basename "$root"/boot/initrd.img-*)" "$root/boot/initrd"
