#!/usr/bin/env bash
# The programs that the tests run, from Debian's packages: installed when we are root, named in one line when we are not.
set -euo pipefail

# Each line: a program that tells whether it is there, and the package that brings it.
needed='
chromium chromium
certutil libnss3-tools
strace strace
faketime faketime
ip iproute2
openssl openssl
setpriv util-linux
fuser psmisc
git git
nginx nginx-light
fail2ban-regex fail2ban
debootstrap debootstrap
systemd-nspawn systemd-container
ssh openssh-client
sshd openssh-server
nft nftables
sudo sudo
zsh zsh
fish fish
tcsh tcsh
ksh93 ksh93u+m
busybox busybox
mkfs.exfat exfatprogs
mount.exfat-fuse exfat-fuse
'
missing=()
while read -r program package; do
  [ -n "$program" ] || continue
  PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1 || missing+=("$package")
done <<<"$needed"
# A page in Chinese without a Chinese font is a page of boxes.
[ -n "$(find /usr/share/fonts -iname '*cjk*' -print -quit 2>/dev/null)" ] || missing+=(fonts-noto-cjk)
# Debian splits venv off; an interpreter of one's own has it.
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need these Debian packages: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
