#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# customize.sh ROOT: what makes Debian's base system the peer. From the environment: KERNEL (folder of the kernel that Hull's
# image has), BUNDLE (an OCI bundle), GUEST (folder of the compiled programs), HERE (this folder), OUT (takes the initramfs).
set -eu
root=$1
version=$(cat "$KERNEL/version")
mkdir -p "$root/lib/modules" "$root/srv"
cp -a "$KERNEL/lib/modules/$version" "$root/lib/modules/"
cp "$KERNEL/config" "$root/boot/config-$version"
chroot "$root" update-initramfs -c -k "$version"
mv "$root/boot/initrd.img-$version" "$OUT/initrd.img"
rm "$root/boot/config-$version"
cp -a "$BUNDLE" "$root/srv/web"
cp "$GUEST/probe" "$root/usr/local/bin/"
cp "$HERE/web.service" "$HERE/bench.service" "$root/etc/systemd/system/"
printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/dhcp.network"
echo peer >"$root/etc/hostname"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
echo 10 >"$root/etc/bench-settle"
chroot "$root" systemctl enable web.service bench.service systemd-networkd.service systemd-timesyncd.service
# Nobody logs in, as on Hull's console; and a getty would hang up the console that the figures go to.
chroot "$root" systemctl mask serial-getty@ttyS0.service
chroot "$root" apt-get clean
