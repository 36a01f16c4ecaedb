# SPDX-License-Identifier: Apache-2.0
# What a shell script does to a kernel: processes, signals, descriptors, files. Its output is compared.
cd /tmp || exit 1
trap 'echo "caught USR1"' USR1
trap 'echo "the end"' EXIT
kill -USR1 $$
( trap 'echo child TERM; exit 9' TERM; kill -TERM $BASHPID; sleep 1 ) ; echo "status $?"
sleep 5 & p=$!; kill -KILL $p; wait $p 2>/dev/null; echo "killed $?"
( kill -SEGV $BASHPID ) 2>/dev/null; echo "fault $?"
exec 7<>both; echo line >&7; exec 7>&-; cat both
read -r -t 0.1 x < <(sleep 1); echo "time out $?"
coproc cat; echo through the process >&"${COPROC[1]}"; read -r y <&"${COPROC[0]}"; echo "$y"
for f in {1..50}; do echo $f >"file $f"; done; ls | sort | md5sum; rm -f file*
mapfile -t lines < <(seq 3); echo "${lines[*]}"
time_before=$SECONDS; sleep 0.3; echo $((SECONDS - time_before < 3))
(ulimit -n 10; exec 20>&1) 2>/dev/null; echo "descriptor $?"
(ulimit -f 1; dd if=/dev/zero of=big bs=1024 count=10 2>/dev/null); echo "file limit $?"; stat -c %s big
umask 027; touch mode; stat -c %a mode
type -t nothing; command -v ls; nothing 2>&1; echo $?
echo $((0xff)) "${BASH_VERSION%%.*}" "$(printf '%q' 'a b')"
cat <<END | tr a-z A-Z
here is a document
END
cat /dev/null; head -c 3 /dev/zero | od -An -tx1; [ -c /dev/urandom ] && echo character
echo a | { read -r v; echo "$v"; } ; exit 3
