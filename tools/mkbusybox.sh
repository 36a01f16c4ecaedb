#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkbusybox.sh BUSYBOX DIR [STAMP]: makes DIR a small root file system of one static busybox: the program, a link per
# applet, accounts for root and nobody, the directories that a sandbox mounts on. This is moat's default image.
# The result depends on BUSYBOX alone. DIR is replaced as a whole, so a running build never leaves half of it.
# mkbusybox.sh --check BUSYBOX: the status says whether that one can serve.
set -eu

check=false
if [ "$1" = --check ]; then check=true; shift; fi
busybox=$1 dir=${2-} stamp=${3-}
umask 022

if LC_ALL=C readelf -lW "$busybox" 2>/dev/null | grep -q INTERP; then
    echo "mkbusybox: $busybox is linked dynamically and cannot run in an empty root: install busybox-static" >&2
    exit 1
fi
! $check || exit 0

new=$dir.new.$$
trap 'rm -rf "$new"' EXIT
rm -rf "$new"
mkdir -p "$new"
for d in bin sbin usr usr/bin usr/sbin etc proc sys dev run var var/tmp tmp root home; do
    mkdir -p "$new/$d"
done
chmod 1777 "$new/tmp" "$new/var/tmp"
# /root stays readable: another user than the builder may use this image without privilege.

# A busybox may be a link (merged /usr): copy what it points to.
cat "$busybox" > "$new/bin/busybox"
chmod 755 "$new/bin/busybox"

# Relative links: right under any root. Applets that no sandbox may use anyway (module loading, power) are left out.
"$busybox" --list-full | while read -r applet; do
    case ${applet##*/} in
    busybox | insmod | rmmod | modprobe | lsmod | depmod | modinfo | reboot | halt | poweroff | init | linuxrc) continue ;;
    esac
    case $applet in
    bin/*) target=busybox ;;
    sbin/*) target=../bin/busybox ;;
    usr/bin/* | usr/sbin/*) target=../../bin/busybox ;;
    *) continue ;;
    esac
    ln -s "$target" "$new/$applet"
done

cat > "$new/etc/passwd" <<-'END'
	root:x:0:0:root:/root:/bin/sh
	nobody:x:65534:65534:nobody:/:/bin/false
END
cat > "$new/etc/group" <<-'END'
	root:x:0:
	tty:x:5:
	users:x:100:
	nogroup:x:65534:
END
cat > "$new/etc/profile" <<-'END'
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	PS1='\u@\h:\w\$ '
END
printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' > "$new/etc/hosts"
printf 'hosts: files dns\npasswd: files\ngroup: files\n' > "$new/etc/nsswitch.conf"

rm -rf "$dir"
mv "$new" "$dir"
[ -z "$stamp" ] || touch "$stamp"
