#!/bin/sh
# Makes the tree that every machine boots from: recipe.sh FOLDER MIRROR SOURCES [PACKAGE...]
# SOURCES holds the lines for apt's sources.list; the packages are installed beside those named here.
set -eu
root=$1 mirror=$2 sources=$3
shift 3
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# dbus-user-session is what gives a user manager its bus, libpam-systemd what gives a login its session.
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,ca-certificates bookworm "$root" "$mirror"

# The rest by apt: debootstrap configures what it includes in an order that podman's packages do not survive.
cp "$sources" "$root/etc/apt/sources.list"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
for folder in /etc/apt/trusted.gpg.d /etc/apt/apt.conf.d; do
  # How the mirror is reached (a proxy, a certificate), and whom to believe: the machine's own business.
  [ ! -d "$folder" ] || cp -rL "$folder/." "$root$folder/"
done
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" apt-get update -qq
# First line: what a login needs. Second: tools that people and tests use. Third: containers without root. Last: what Python links to.
chroot "$root" apt-get install -y -qq --no-install-recommends \
  polkitd sudo login passwd \
  procps psmisc iproute2 util-linux strace gdb busybox-static \
  podman uidmap slirp4netns fuse-overlayfs crun \
  libssl3 libffi8 zlib1g libbz2-1.0 liblzma5 libreadline8 libsqlite3-0 libncursesw6 libexpat1 libuuid1 libgdbm6 libgdbm-compat4 \
  libtirpc3 libnsl2 libcrypt1 libstdc++6 libgcc-s1 libgomp1 "$@"
rm "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*

# What a machine does of its own accord, late, on a timer or beyond its own walls, is noise to a test.
systemctl --root="$root" --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer podman.socket podman.service podman-restart.service podman-auto-update.timer podman-auto-update.service \
  console-getty.service getty@.service systemd-sysctl.service sys-kernel-debug.mount sys-kernel-tracing.mount
systemctl --root="$root" --quiet set-default multi-user.target
: >"$root/etc/machine-id"
echo gpubox >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 gpubox\n' >"$root/etc/hosts"
echo LANG=C.UTF-8 >"$root/etc/default/locale"

# useradd gives each of them their own range of subordinate ids, since uidmap is there.
for user in alice bob carol; do
  chroot "$root" useradd --create-home --shell /bin/bash "$user"
  chmod 700 "$root/home/$user"
done
