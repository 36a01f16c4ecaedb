# SPDX-License-Identifier: Apache-2.0
# Makes a package, installs it, looks at it, removes it.
set -e
cd /tmp
mkdir -p p/DEBIAN p/usr/bin p/etc
printf 'Package: example\nVersion: 1.2\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDepends: bash\nDescription: an example\n' >p/DEBIAN/control
printf '#!/bin/sh\necho the package runs\n' >p/usr/bin/example
echo setting=1 >p/etc/example.conf
echo /etc/example.conf >p/DEBIAN/conffiles
printf '#!/bin/sh\necho "postinst $1"\n' >p/DEBIAN/postinst
chmod 755 p/usr/bin/example p/DEBIAN/postinst
dpkg-deb --root-owner-group -b p example.deb
dpkg -i example.deb 2>&1 | grep -v 'Reading database\|files and directories'
example
dpkg -s example | grep -E '^(Status|Version)'
dpkg -L example | sort
dpkg -V example
dpkg -r example 2>&1 | grep -v 'Reading database\|files and directories'
ls /usr/bin/example 2>&1 || true
cat /etc/example.conf
