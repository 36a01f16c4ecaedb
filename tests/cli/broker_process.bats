#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# libexec/moat-broker alone, without a launcher: tests/broker/driver.c gives it a record and a target. What each row of a
# scenario must end in stands in tests/broker/scenarios.c and scenarios_net.c; a scenario prints what went otherwise.
load ../lib

setup_file()
{
    require_command gcc
    require_file "$MOAT_BUSYBOX/bin/busybox"
    MOAT_BROKER=$(dirname "$MOAT")/libexec/moat-broker
    require_file "$MOAT_BROKER"
    export MOAT_BROKER DRIVER=$BATS_FILE_TMPDIR/driver
    gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wno-unused-parameter -Werror -pthread -I "$MOAT_SRC/src" -o "$DRIVER" \
        "$MOAT_SRC"/tests/broker/*.c "$MOAT_SRC/src/confine/syscalls.c"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" # the target's ids are others than ours
}

# The target's root, and what is brokered: a tree with a denied directory and one for reading in it, a tree for reading,
# a tree with a denied path two levels down, and one file.
setup()
{
    dir=$BATS_TEST_TMPDIR root=$dir/root owner=0
    [ "$(id -u)" != 0 ] || owner=100000
    make_rootfs "$root"
    mkdir -p "$root"/{proc,tmp,etc} "$dir"/tree/{sub,deny,ro} "$dir/plain" "$dir/nest/top/deny" "$dir/one.d" "$dir/far"
    echo root:x:0:0::/:/bin/sh > "$root/etc/passwd"
    echo hello | tee "$dir/tree/f" > "$dir/plain/f"
    echo secret > "$dir/tree/deny/secret"
    echo data > "$dir/tree/ro/file"
    echo one > "$dir/one.d/one"
    echo two > "$dir/one.d/two"
    ln -s f "$dir/tree/link"
    ln -s /b/f "$dir/tree/absolute"
    ln -s /etc/passwd "$dir/tree/out"
    ln -s ../../../../etc/passwd "$dir/tree/up"
    ln -s circle "$dir/tree/circle"
    ln -s deny/secret "$dir/tree/dlink"
    ln -s deny "$dir/tree/ddir"
    mkfifo "$dir/tree/fifo" "$dir/plain/fifo"
    if [ "$(id -u)" = 0 ]; then
        mknod -m 666 "$dir/tree/null" c 1 3
        mknod -m 666 "$dir/plain/null" c 1 3
        chown -hR $owner:$owner "$dir/tree" "$dir/plain" "$dir/nest" "$dir/one.d"
    fi
    chmod a+rx "$dir"
    rules=("broker:/b=$dir/tree:rwc" "deny:/b/deny=$dir/tree/deny" "broker:/b/ro=$dir/tree/ro:r" "broker:/p=$dir/plain:r"
        "broker:/n=$dir/nest:rwc" "deny:/n/top/deny=$dir/nest/top/deny" "file:/etc/one=$dir/one.d/one:r"
        "broker:/far/away/tree=$dir/far:r")
}

# drive ITEM... -- COMMAND
drive() { run timeout 120 "$DRIVER" "$MOAT_BROKER" "$root" "$@"; }

scenario()
{
    require_root # device nodes, and a user namespace with more than one id
    drive "${rules[@]}" -- "$@"
    assert_success
    [ -z "$output" ] || report_run "expected no output"
}

# ---- files -------------------------------------------------------------------------------------------------------

@test "open: what rules give, and nothing else, whatever way the path takes" { scenario @opening; }
@test "stat, access, readlink and what is refused by name" { scenario @looking; }
@test "names and attributes: made, moved, removed where a rule says so" { scenario @changing; }
@test "a descriptor of a brokered directory leads no further than its rules" { scenario @by-descriptor; }
@test "pointers and sizes that lie get the kernel's errors" { scenario @lies; }
@test "a full table of descriptors is EMFILE, and nothing is left open" { scenario @full-table; }
@test "sixteen threads get their own answers" { scenario @many-threads; }
@test "signals during calls break nothing" { scenario @signals; }

@test "the same as an ordinary user: views found by name" {
    require_root
    require_command setpriv util-linux
    chown -hR 12345:12345 "$dir"
    local s
    for s in @opening @looking @changing @by-descriptor; do
        chown -R 12345:12345 "$dir/tree"
        run timeout 120 setpriv --reuid=12345 --regid=12345 --clear-groups "$DRIVER" "$MOAT_BROKER" "$root" "${rules[@]}" -- "$s"
        [ -z "$output" ] || report_run "expected no output of $s"
        assert_success
        rm -rf "$dir"/tree/{made,made2,masked,d,d2,e,by-openat}
        echo hello > "$dir/tree/f"
    done
}

@test "an ordinary program reads and writes through it" {
    require_root
    drive "broker:/b=$dir/tree:rwc" -- /bin/sh -c 'cat /b/f && echo new > /b/sub/new && cat /b/sub/new && mv /b/sub/new /b/n && ls /b/sub && rm /b/n && cat < /b/link'
    assert_success
    assert_output $'hello\nnew\nhello'
}

@test "a rule of one file: no link and no directory takes its place" {
    require_root
    echo outside > "$dir/outside"
    drive "file:/etc/new=$dir/one.d/new:rwc" -- /bin/sh -c "ln -s $dir/outside /etc/new; mkdir /etc/new; echo made > /etc/new && cat /etc/new; rm /etc/new; ln -s $dir/outside /etc/new"
    assert_failure
    assert_line made
    [ ! -e "$dir/one.d/new" ] && [ ! -L "$dir/one.d/new" ]
    assert_equal "$(cat "$dir/outside")" outside
}

# ---- races -------------------------------------------------------------------------------------------------------

@test "a path that is exchanged during the call: the guard off, the forbidden file is read" {
    require_root
    echo good > "$root/race-g"
    echo 'bad!' > "$root/race-b"
    drive naive:/race-b -- @race /race-g /race-b 2000000 100
    assert_success
    assert_match '^good [0-9]+ bad 100$'
}

@test "a path that is exchanged during the call: by the broker it is never read" {
    require_root
    echo good > "$dir/tree/race-g"
    echo 'bad!' > "$dir/tree/race-b"
    drive "broker:/b=$dir/tree:r" "deny:/b/race-b=$dir/tree/race-b" -- @race /b/race-g /b/race-b $((20000 * MOAT_TEST_SCALE))
    assert_success
    assert_match '^good [1-9][0-9]* bad 0$'
    drive "file:/b/race-g=$dir/tree/race-g:r" -- @race /b/race-g /b/race-b 20000
    assert_success
    assert_match '^good [1-9][0-9]* bad 0$'
}

# ---- reports -----------------------------------------------------------------------------------------------------

@test "a denial is one line for people and one for programs, said once" {
    require_root
    require_command jq
    drive "${rules[@]}" terminal "events:$dir/events" -- /bin/sh -c 'for i in 1 2 3; do cat /b/deny/secret; done; echo x > /p/f'
    assert_failure
    assert_match "moat: denied: open for reading /b/deny/secret \(cat, pid [0-9]+\): --deny $dir/tree/deny forbids it"
    assert_contains "/p is given r alone: --broker $dir/plain/f:rw would allow it"
    assert_equal "$(grep -c 'moat: denied' <<<"$output")" 2
    run jq -r '[.denied, .path, .why, .rule, .allow // "", .program] | join(" ")' "$dir/events"
    assert_line "openat /b/deny/secret rule /b/deny  cat"
    assert_match "open(at)? /p/f rule /p --broker $dir/plain/f:rw sh"
}

@test "with deny-log, what the host has and the target has not is reported, and what is nowhere is not" {
    require_root
    require_command jq
    echo x > "$dir/plain/else"
    drive "broker:/b=$dir/tree:r" "allow:/etc=$root/etc:r" deny-log "events:$dir/events" -- /bin/sh -c "
        cat $dir/plain/else; cat $dir/plain/none; cat /none; echo x > /etc/passwd; echo x > /new; echo x > /tmp/fine; cat /etc/passwd"
    assert_success
    run jq -r '[.path, .allow, (.access | join(","))] | join(" ")' "$dir/events"
    assert_line "$dir/plain/else --ro $dir/plain/else read"
    assert_contains "/etc/passwd --rw"
    assert_contains "/new --rw / "
    refute_contains none
    refute_contains /tmp/fine
}

@test "with deny-log, what lies in a directory that cannot be searched is reported as such" {
    require_root
    require_command jq
    mkdir -m 700 "$dir/closed"
    echo x > "$dir/closed/f"
    drive "broker:/b=$dir/tree:r" deny-log "events:$dir/events" -- /bin/sh -c "cat $dir/closed/f; cat $dir/none; :"
    assert_success
    run jq -r '[.path, .why, .allow] | join(" ")' "$dir/events"
    assert_line "$dir/closed/f cannot-be-looked-for --ro $dir/closed/f"
    refute_contains "$dir/none"
}

@test "a name of a target's making cannot write to the terminal" {
    require_root
    drive "broker:/b=$dir/tree:r" terminal -- /bin/sh -c $'echo x > "/b/a\033[2Jb\nc"'
    assert_failure
    assert_contains '/b/a\x1b[2Jb\x0ac'
    run grep '^moat:' <<<"$output"
    refute_contains $'\033'
}

@test "learn mode refuses nothing and tells each use once" {
    require_root
    require_command jq
    mkdir "$root/data"
    echo x > "$root/data/f"
    chown -R $owner "$root/data"
    drive learn "events:$dir/events" writable-root -- /bin/sh -c \
        'cd /data; for i in 1 2 3 4 5; do cat f; done; echo y > made; ln -s f l; cat l made; ls none'
    assert_failure
    assert_line y
    run jq -r 'select(.learn) | [.path, .asked, (.access | join(",")), .exists, .creates] | join(" ")' "$dir/events"
    assert_equal "$(grep -c '^/data/f /data/f read true false$' <<<"$output")" 1
    assert_line "/data/made /data/made write false true"
    assert_line "/data/f /data/l read true false"
    assert_line "/data/none /data/none stat false false"
}

@test "every event is as the schema says" {
    require_root
    python3 -c 'import jsonschema' 2>/dev/null || skip "needs jsonschema (Debian package python3-jsonschema)"
    drive "${rules[@]}" deny-log "events:$dir/events" -- @opening
    drive "${rules[@]}" deny-log "events:$dir/events" -- @changing
    drive learn "events:$dir/events" -- /bin/sh -c 'cat /etc/passwd; cat /none'
    run python3 - "$MOAT_SRC/docs/schema/denial.schema.json" "$dir/events" <<'PYTHON'
import json, jsonschema, sys
v = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
n = 0
for line in open(sys.argv[2]):
    v.validate(json.loads(line))
    n += 1
print("checked" if n > 20 else f"too few: {n}")
PYTHON
    assert_success
    assert_output checked
}

# ---- addresses ---------------------------------------------------------------------------------------------------

# net ITEM... -- COMMAND: where this test's own network is the host's, with echoes in it (tests/broker/peer.py).
net()
{
    require_root
    require_command ip iproute2
    run timeout 120 unshare -n bash -c '
        ip link set lo up && ip addr add 192.0.2.1/32 dev lo && ip addr add 192.0.2.3/32 dev lo
        exec {out}< <(exec python3 "$0/tests/broker/peer.py")
        peer=$!
        read -r _ <&$out
        [ -z "$MEANWHILE" ] || eval "$MEANWHILE" &
        "${@}"
        status=$?
        kill $peer
        exit $status' "$MOAT_SRC" "$DRIVER" "$MOAT_BROKER" "$root" "$@"
}
some=(net:192.0.2.1:7-8/tcp net:192.0.2.1:7-8/udp listen:192.0.2.1:9009-9009/tcp)

net_scenario()
{
    net "${some[@]}" "$@"
    assert_success
    [ -z "$output" ] || report_run "expected no output"
}

@test "TCP: by rule and by a socket of the host, with its options, or refused" { net_scenario -- @net-tcp; }
@test "within its own network a target may go where it likes" { net_scenario -- @net-own; }
@test "UDP: a connected socket of the host sends to nobody else" { net_scenario -- @net-udp; }

@test "listening by rule" {
    MEANWHILE='for i in {1..100}; do sleep 0.1; (exec 3<>/dev/tcp/192.0.2.1/9009 && head -c 7 <&3 > '"$dir/heard"') 2>/dev/null && break; done' \
        net_scenario -- @net-listen
    assert_equal "$(cat "$dir/heard")" welcome
}

@test "local sockets work, but those that have a brokered path" {
    python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' "$dir/tree/sock" 2>/dev/null ||
        (cd "$dir/tree" && python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("sock")')
    net_scenario "broker:/b=$dir/tree:r" -- @net-local
}

@test "an address that is exchanged during the call is never reached" {
    net "${some[@]}" -- @net-race $((5000 * MOAT_TEST_SCALE))
    assert_success
    assert_match '^good [1-9][0-9]* bad 0$'
}

@test "names: looked up by rule, and connected to by the addresses of the answer" {
    echo nameserver 127.0.0.1 > "$root/etc/resolv.conf"
    net net:echo.example:7-7/tcp resolver:127.0.0.1 terminal -- /bin/sh -c 'echo hello | busybox nc -w 2 echo.example 7'
    assert_success
    assert_output hello
    net net:echo.example:7-7/tcp resolver:127.0.0.1 terminal -- /bin/sh -c 'echo hello | busybox nc -w 2 other.example 7'
    assert_failure
    assert_contains "moat: denied: look up the name other.example"
    assert_contains "--allow-net other.example:* would allow it"
    net net:echo.example:7-7/tcp resolver:127.0.0.1 terminal -- /bin/sh -c 'echo hello | busybox nc -w 2 192.0.2.1 8'
    assert_failure
    assert_contains "moat: denied: connect to 192.0.2.1:8/tcp"
}

# ---- its own end -------------------------------------------------------------------------------------------------

@test "a record that is wrong ends the start with a sentence" {
    require_root
    drive "broker:relative=$dir/tree:r" -- /bin/true
    assert_failure
    assert_contains "broker: the broker's record is wrong (the path of a rule)"
    drive listen:192.0.2.1:9-9/udp -- /bin/true
    assert_failure
    assert_contains "the broker listens for tcp alone"
}

@test "started by hand it says by whom it is to be started, or nothing" {
    run timeout 10 "$MOAT_BROKER" 3</dev/null 4</dev/null 5</dev/null
    assert_failure
}
