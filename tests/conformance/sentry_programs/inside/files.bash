# SPDX-License-Identifier: Apache-2.0
# Names, permissions, links and times.
cd /tmp || exit 1
mkdir -p a/b/c; touch a/b/c/f; ln a/b/c/f hard; ln -s a/b soft; stat -c '%h %a %s %F' hard soft; stat -c '%h %a %F' a
chmod 4751 hard; stat -c %a a/b/c/f; chown 12:34 hard; stat -c '%u %g' hard; chmod u+s,g+s hard; stat -c %a hard
cp -a a copy; diff -r a copy && echo same; mv copy moved; ls -R moved; rm -r moved
touch -d '2001-02-03 04:05:06 UTC' hard; stat -c %Y hard; TZ=UTC ls -l --time-style=+%F hard | cut -d' ' -f1,3-
find . -name f -o -type l | sort; find a -printf '%p %y %m\n' | sort
dd if=/dev/urandom of=r bs=4096 count=100 2>/dev/null; cp r s; cmp r s && echo equal; truncate -s 10M sparse; du -k sparse; stat -c '%s %b' sparse
tar cf t.tar a r; tar tvf t.tar | awk '{ print $1, $2, $3, $6 }'; mkdir x; tar xf t.tar -C x; cmp r x/r && echo unpacked
mkdir no; chmod 000 no; ls -ld no | cut -d' ' -f1; rmdir no; rmdir a 2>&1; mkdir a 2>&1; cat nothing 2>&1; cat a 2>&1; ln hard hard 2>&1; mv a a/b 2>&1
touch "$(printf 'n%.0s' {1..255})" && rm n*; touch "$(printf 'n%.0s' {1..256})" 2>&1 | tail -c 20
su nobody -s /bin/sh -c 'id; cat /tmp/r >/dev/null && echo read; chmod 600 /tmp/r 2>&1; touch /etc/x 2>&1; cat /etc/shadow 2>&1'
realpath soft/c; readlink -f soft; mktemp -d XXXXXX | wc -c; df /tmp | wc -l; stat -f -c %T /proc; sync; flock r echo locked
