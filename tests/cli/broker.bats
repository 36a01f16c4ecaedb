#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b broker: a program of the host, under path rules that the kernel's walls enforce. What the broker process
# answers is in broker_calls.bats.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
}

setup()
{
    run_setup
    # Not below /tmp, which is fresh inside and so a rule of its own.
    work=$(mktemp -d /var/tmp/moat-test-XXXXXX)
    cd "$work" || return
    mkdir -p tree/sub tree/.git
    echo open > tree/file
    echo below > tree/sub/file
    echo secret > tree/.git/config
}

teardown()
{
    cd /
    rm -rf "$work"
    run_teardown
}

broker() { run "$MOAT" run -b broker "$@"; }

# ---- the program --------------------------------------------------------------------------------------------------

@test "a program of the host, its streams and its status" {
    run --separate-stderr sh -c 'echo in | "$0" run -b broker -- sh -c "cat; echo err >&2; exit 42"' "$MOAT"
    assert_status 42
    assert_output in
    assert_equal "$stderr" err
}

@test "127 and 126: not found, not a program" {
    run -127 "$MOAT" run -b broker -- no-such-program
    assert_error 127 "no-such-program"
    broker -- "$work/tree/file"
    assert_error 126 "tree/file"
    broker
    assert_error 125 "PROGRAM"
}

@test "a program that no rule shows is shown alone" {
    cp "$(type -P true)" tree/mine
    printf '#!/bin/sh\nls "$(dirname "$0")"\n' > tree/script
    chmod +x tree/script
    broker -- ./tree/mine
    assert_status 0
    broker -- ./tree/script
    assert_output script
}

@test "a time limit, a signal, a memory limit: as behind every boundary" {
    broker --timeout 300ms -- sleep 30
    assert_status 124
    assert_contains "its time limit was reached"
    broker -- sh -c 'kill -USR2 $$'
    assert_status 140
    require_cgroup memory
    broker -m 32m -- python3 -c 'x = bytearray(200 << 20)'
    assert_status 137
}

@test "detached, with logs, exec and a status" {
    run "$MOAT" run -d --name bk-$$ -b broker --ro tree -- sh -c 'echo up; cat tree/file; while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 5'
    assert_status 0
    run "$MOAT" exec bk-$$ touch /tmp/go
    assert_status 0
    run "$MOAT" wait bk-$$
    assert_output 5
    run "$MOAT" logs bk-$$
    assert_match up
    run "$MOAT" rm -f bk-$$
    assert_status 0
}

# ---- what is there ------------------------------------------------------------------------------------------------

@test "nothing of a person, of the host's secrets or of its devices is there" {
    local path
    cd /usr
    for path in /root /home /etc/shadow /etc/passwd- /var /run /sys /boot /dev/mem /dev/sda /dev/kmsg "$work"; do
        broker -- ls -d "$path"
        assert_match "No such file"
    done
    broker -- sh -c 'cat /proc/1/environ; ls /proc/1/root/ 2>&1; cat /proc/sys/kernel/core_pattern > /dev/null; echo x > /proc/sys/kernel/core_pattern'
    assert_match "Read-only|denied"
}

@test "the environment is small and names nothing of the caller's" {
    MOAT_TEST_SECRET=1 run "$MOAT" run -b broker -e GIVEN=2 -- env
    refute_match MOAT_TEST_SECRET
    assert_match GIVEN=2
    assert_match HOME=/tmp
}

@test "ids: root inside is nobody outside, and no capability is left" {
    broker -- sh -c 'grep Cap /proc/self/status; cat /proc/self/uid_map'
    assert_equal "$(grep -c 'Cap.*0000000000000000' <<< "$output")" 5
    refute_match '0 +0 +[0-9]'
}

@test "no network, and a name for loopback" {
    broker -- python3 -c 'import socket
print(socket.gethostbyname("localhost"))
s = socket.socket()
try: s.connect(("192.0.2.1", 80))
except OSError as e: print(e.strerror)'
    assert_match 127.0.0.1
    assert_match unreachable
}

@test "/tmp is fresh and goes with the sandbox" {
    touch "/tmp/moat-test-host-$$"
    broker -- sh -c 'ls -A /tmp; echo x > /tmp/mine; cat /tmp/mine'
    rm -f "/tmp/moat-test-host-$$"
    assert_output x
    refute_exists /tmp/mine
}

# ---- path rules ---------------------------------------------------------------------------------------------------

@test "--ro: read and run, not written; the working directory is the caller's" {
    broker --ro . -- sh -c 'pwd; cat tree/sub/file; echo no > tree/file; rm tree/file; mkdir tree/new; chmod 777 tree/file'
    assert_match "$work"
    assert_match below
    assert_equal "$(grep -c 'Read-only' <<< "$output")" 4
    assert_equal "$(cat tree/file)" open
}

@test "--rw: written, and what is made belongs to who owns the directory" {
    broker --rw tree -- sh -c "cd tree && echo more >> file && mkdir new && mv file new/moved && rm sub/file"
    assert_status 0
    assert_equal "$(cat tree/new/moved)" "open
more"
    assert_equal "$(stat -c %u:%g tree/new/moved)" "$(stat -c %u:%g tree)"
    chown -R 4321:4321 tree
    broker --rw tree -- sh -c 'cd tree && echo x > his && cat sub/../his'
    assert_output x
    assert_equal "$(stat -c %u:%g tree/his)" 4321:4321
}

@test "--allow: just the access that was given" {
    broker --allow tree:r -- sh -c 'cat tree/file; cp /usr/bin/true /tmp/t; cat /tmp/t > /dev/null; :'
    assert_match open
    cp "$(type -P true)" tree/prog
    broker --allow tree:r -- tree/prog
    assert_error 126 "not for execution"
    broker --allow tree:r -- sh -c 'tree/prog'
    assert_match "Permission denied"
    broker --allow tree:rx -- sh -c 'tree/prog'
    assert_status 0
    broker --allow tree:rw -- sh -c 'cd tree; echo changed > file; echo new > fresh; rm file; mv file x; ln file y; mkdir d'
    assert_equal "$(cat tree/file)" changed
    assert_equal "$(ls tree)" "file
prog
sub"
    broker --allow tree:s -- sh -c 'stat -c %s tree/file; cat tree/file; ls tree'
    assert_line 8
    assert_equal "$(grep -c 'Permission denied' <<< "$output")" 2
}

@test "the longest rule wins: the project, but not .git" {
    broker --rw tree --deny tree/.git -- sh -c 'cd tree; cat file; ls .git; cat .git/config; echo x > .git/new; chmod 755 .git; mv .git g; rm -rf .git; echo ok > made'
    assert_match open
    refute_match secret
    assert_equal "$(cat tree/.git/config)" secret
    assert_equal "$(ls -A tree/.git)" config
    assert_equal "$(cat tree/made)" ok
    # By another name for it, too.
    broker --rw tree --deny tree/.git -- sh -c 'cat tree/sub/../.git/config; cat /proc/self/root/"$0"/tree/.git/config; mv tree/sub tree/s2; cat tree/.git/config' "$work"
    refute_match secret
}

@test "--deny of a file; inside a denied tree an allowed one" {
    broker --ro tree --deny tree/file -- cat tree/file tree/sub/file
    assert_match "Permission denied"
    assert_match below
    broker --ro tree --deny tree/sub --ro tree/sub/file -- sh -c 'cat tree/sub/file; ls tree/sub'
    assert_match "below|refused|denied"
}

@test "--ro inside --rw" {
    broker --rw tree --ro tree/sub -- sh -c 'echo a > tree/a; echo b > tree/sub/b; mv tree/sub tree/elsewhere'
    assert_equal "$(cat tree/a)" a
    refute_exists tree/sub/b
    assert_equal "$(cat tree/sub/file)" below
}

@test "--dir and -v: under another name" {
    broker --dir "tree::/work" -w /work -- sh -c 'pwd; cat file; cat /work/sub/file'
    assert_output "/work
open
below"
    broker -v "$work/tree:/data:ro" -- sh -c 'cat /data/file; echo x > /data/file'
    assert_match "open"
    assert_match "Read-only"
}

@test "what no mechanism expresses is refused by name, with the remedy" {
    broker --rw tree --deny tree/.env -- true
    assert_error 125 "tree/.env" "does not exist" "create it first"
    broker --ro tree --deny tree/.env -- true
    assert_status 0
    broker --allow tree:rwc --allow tree/sub:w -- true
    assert_error 125 "tree/sub" "--broker"
    ln -s .git tree/link
    broker --ro tree --deny tree/link -- true
    assert_error 125 "symbolic link"
    broker --allow tree:q -- true
    assert_error 125 "tree:q"
    broker --ro / -- true
    assert_error 125
    broker --ro tree/nosuch --best-effort -- true
    assert_error 125 "path $work/tree/nosuch" "does not exist on the host"
    broker --deny /etc/passwd -- true
    assert_error 125 "/etc/passwd" "made by moat"
    broker --allow tree:rwC -- true
    assert_error 125 "'rwC' is no access"
    broker -u no-such-user -- true
    assert_error 125 "no-such-user" "this host's /etc/passwd"
}

@test "a name with a colon is taken where it exists" {
    echo named > tree/a:zz
    broker --allow tree/a:zz -- cat tree/a:zz
    assert_output named
}

@test "another user than root is not called so" {
    broker -u 1000 -- id
    assert_match '^uid=1000\(user\)'
    broker -- id -un
    assert_output root
}

@test "links out of a granted tree lead nowhere" {
    echo outside > outside
    ln -s "$work/outside" tree/abs
    ln -s ../outside tree/rel
    broker --ro tree -- sh -c 'cat tree/abs; cat tree/rel'
    assert_equal "$(grep -c 'No such file' <<< "$output")" 2
}

@test "--defaults none: nothing of the host but what rules show" {
    run -127 "$MOAT" run -b broker --defaults none -- /bin/true
    run "$MOAT" run -b broker --defaults none --ro /usr --ro /lib64 --dir /usr/bin::/bin --dir /usr/lib::/lib -- sh -c 'ls / | tr "\n" " "'
    assert_status 0
    refute_match etc.alternatives
}

@test "a policy file says the same" {
    cat > p.yaml <<- 'EOF'
	version: 1
	allow: [tree:rw]
	deny: [tree/.git]
	timeout: 10s
	EOF
    broker --policy p.yaml -- sh -c 'cat tree/file; cat tree/.git/config; echo x > tree/new'
    assert_match open
    refute_match secret
    refute_exists tree/new
}

@test "a directory above a rule cannot be moved away from it" {
    mkdir -p tree/a/conf
    echo safe > tree/a/conf/f
    broker --rw tree --deny tree/sub/file --ro tree/a/conf -- sh -c \
        'mv tree/sub tree/b; mv tree/a tree/c; rmdir tree/sub; echo x > tree/sub/new; echo y > tree/a/new; cat tree/sub/file'
    refute_match below
    [ ! -e tree/b ] && [ ! -e tree/c ]
    assert_equal "$(cat tree/sub/new tree/a/new tree/sub/file)" "x
y
below"
}

@test "a link in a tree that may be written is no source of another rule" {
    mkdir -p tree/a secret
    echo hidden > secret/f
    ln -s "$work/secret" tree/a/conf
    ln -s sub tree/alias
    broker --rw tree --ro tree/a/conf -- true
    assert_error 125 "tree/a/conf"
    broker --rw . --dir tree/a/conf::/conf -- true
    assert_error 125 "tree/a/conf"
    broker --rw tree --deny tree/alias/file -- true
    assert_error 125 "symbolic link"
    broker --broker tree/a/conf -- true
    assert_error 125 "symbolic link"
}

@test "a brokered rule inside a mount that is shown is refused" {
    for outer in --ro --rw; do
        broker $outer tree --broker tree/sub:rwc -- true
        assert_error 125 "tree/sub" "without asking"
    done
}

@test "a directory or a socket of the host's network as a standard stream is refused" {
    run -125 sh -c '"$0" run -b broker -- true < /' "$MOAT"
    assert_match "standard input is a directory"
    run python3 -c 'import socket, subprocess, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
c = socket.create_connection(s.getsockname())
sys.exit(subprocess.run([sys.argv[1], "run", "-b", "broker", "--", "true"], stdin=c).returncode)' "$MOAT"
    assert_status 125
    assert_match "socket of the host"
}

# ---- what else ----------------------------------------------------------------------------------------------------

@test "explain names the mechanism of each rule, and what would be refused" {
    run "$MOAT" explain -b broker --rw tree --deny tree/.git --allow-net example.org:443 --broker out:rwc -- sh
    assert_status 0
    assert_match "mount that nobody can enter"
    assert_match "example.org:443"
    assert_match "broker process"
    run "$MOAT" explain -b broker --rw tree --deny tree/.env -- sh
    assert_status 125
    assert_match "does not exist"
    run "$MOAT" explain -b broker --best-effort --ro tree/nosuch
    assert_status 125
    assert_match "does not exist on the host"
    run "$MOAT" explain -b broker --deny /etc/hosts
    assert_match "made by moat"
}

@test "explain shows the program's own grant, and refuses one that is not there as run does" {
    cp "$(type -P true)" mine
    run "$MOAT" explain -b broker -- ./mine
    assert_status 0
    assert_match "path $work/mine"
    refute_match "answered by a broker"
    run -127 "$MOAT" explain -b broker -- no-such-program
    assert_error 127 "no-such-program" "not found"
}

@test "more brokered paths than can be answered for" {
    local i rules=()
    for i in {1..65}; do rules+=(--broker "tree/f$i"); done
    run "$MOAT" explain -b broker --best-effort "${rules[@]}" -- true
    assert_status 125
    assert_match "at most 64"
    broker "${rules[@]}" -- true
    assert_error 125 "name a directory above them"
    run "$MOAT" explain -b broker "${rules[@]:2}" -- true
    assert_status 0
}

@test "other boundaries refuse by name what only the broker answers" {
    run "$MOAT" run --rm --broker tree busybox true
    assert_error 125 "-b broker"
    run "$MOAT" run --rm --allow-net example.org:443 busybox true
    assert_error 125 "example.org:443" "-b broker"
    run "$MOAT" run --rm --deny-log busybox true
    assert_error 125 "-b broker"
    printf 'version: 1\ndefaults: none\n' > none.yaml
    run "$MOAT" run --rm --policy none.yaml busybox true
    assert_error 125 "--policy none.yaml: defaults" "-b broker"
    run "$MOAT" run --rm --rootfs / -b broker true
    assert_error 125 "rootfs"
}

@test "a source is the host's, also where the way to it passes the root" {
    local names way
    names=$(LC_ALL=C ls /)
    broker --userns host -e LC_ALL=C --dir /::/h:ro --dir /::/again:ro -- sh -c 'ls /h; ls /again'
    assert_status 0
    assert_output "$names
$names"
    # In a root that has another file under that name.
    mkdir -p "root$work/tree" root/h
    cp "$MOAT_BUSYBOX/bin/busybox" root/
    echo forged > "root$work/tree/file"
    ln -s "../../..$work/tree" link
    ln -s "$work/tree" absolute
    for way in "$work/tree" "$work/link" "$work/absolute"; do
        run "$MOAT" run --rm --userns host -v "$way:/h:ro" ./root /busybox cat /h/file
        assert_status 0
        assert_output open
    done
    run "$MOAT" run --rm --userns host -v /:/h:ro ./root /busybox cat "/h$work/tree/file"
    assert_status 0
    assert_output open
}

@test "the container takes --deny and --allow too" {
    run "$MOAT" run --rm -v "$work/tree:/t" --allow "$work/tree" busybox cat "$work/tree/file"
    assert_output open
    run "$MOAT" run --rm --ro "$work/tree" --deny "$work/tree/.git" busybox sh -c "ls -A $work/tree/.git; cat $work/tree/.git/config"
    refute_match secret
    run "$MOAT" run --rm --allow "$work/tree:rw" busybox true
    assert_error 125 "tree" "-b broker"
}

@test "a terminal with job control, and no way to type into the caller's" {
    require_command script
    run script -qec "$MOAT run -b broker -- bash --norc -ic 'tty; sleep 9 & kill %1; wait; echo done'" /dev/null < /dev/null
    assert_match /dev/pts/0
    assert_match done
    run script -qec "$MOAT run -b broker -- python3 -c 'import fcntl
for cmd in (0x5412, 0x5412 | 1 << 32):
  for fd in (0, 1, 2):
    try: fcntl.ioctl(fd, cmd & 0xffffffff, b\"x\"); print(\"TYPED\")
    except OSError as e: print(e.errno)'" /dev/null < /dev/null
    refute_match TYPED
    assert_contains 1
}
