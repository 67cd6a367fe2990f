#!/bin/sh
# First process of a machine's own pid, mount and network namespaces: launch.sh LOWER WORK COMMAND...
# COMMAND is what runs systemd-nspawn.
# Everything it makes goes with it. Standard input is the harness: a line sets off, the end of it is the end of the machine.
set -eu
lower=$1 work=$2
shift 2
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/overlay" "$work/root"
# nspawn leaves a folder there for each machine.
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
exec 3<&0 </dev/null
read -r address gateway <&3
ip link set lo up
ip addr add "$address" dev eth0
ip link set eth0 up
ip route add default via "$gateway"

# What runs in it filters its own system calls; a second filter around it would forbid what a machine allows.
export SYSTEMD_SECCOMP=0
# Rootless containers bring their own network up, and that is done in /proc/sys/net.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
trap 'exit 1' TERM
(
  # 133: it wants to be started anew.
  code=133
  while [ "$code" = 133 ]; do
    code=0
    "$@" || code=$?
  done
  exit "$code"
) 3<&- &
machine=$!
(
  cat <&3 >/dev/null
  kill -TERM $$
) &
wait "$machine"
