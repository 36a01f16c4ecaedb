#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b broker: what people see of the broker process. Its answers to single calls are in broker_process.bats, the
# kernel's walls in broker.bats.
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
    mkdir -p data/sub
    echo hello > data/file
}

teardown()
{
    cd /
    rm -rf "$work"
    run_teardown
}

broker() { run timeout 60 "$MOAT" run -b broker "$@"; }

# socket PROTOCOL STATEMENT...: statements of Python about a socket `s`, each by itself.
socket()
{
    local statement program="import socket
s = socket.socket(socket.AF_INET, socket.$1)"
    shift
    for statement; do program+="
try: $statement
except OSError as e: print('error', e.errno)"; done
    printf '%s\n' "$program" > data/program.py
}

# ---- paths ---------------------------------------------------------------------------------------------------------

@test "a denial below a directory that the sandbox's ids may not search is told too" {
    mkdir -m 700 closed
    chmod 711 .
    echo x > closed/file
    broker --deny-log -- cat "$work/closed/file"
    assert_contains "moat: denied: open for reading $work/closed/file (cat"
    assert_contains "--ro $work/closed/file would allow it"
}

@test ".. of a brokered tree's top can be looked at, and no more" {
    chmod 755 .
    broker --broker data:rwc -- ls -la data
    assert_status 0
    assert_match ' \.\.'$'\n'
    assert_contains file
    broker --broker data:rwc -- sh -c 'test -d data/.. && stat -c %F data/sub/../.. && ls data/..'
    assert_contains directory
    assert_match "ls: cannot open directory 'data/..'"
    echo secret > beside
    broker --broker data:rwc -- stat data/../beside
    assert_match "No such file"
}

@test "reports name rules and paths without dots, and print what is text as it is" {
    chmod 755 .
    echo x > $'data/d\xc3\xa4t'
    broker --deny-log --ro data --deny ./data/./sub -- sh -c 'cat ./data/./sub/./x'
    assert_contains "$work/data/sub/x (cat"
    assert_contains "--deny $work/data/sub forbids it"
    broker --deny-log -- sh -c "cat $work/./data//d"$'\xc3\xa4'"t"
    assert_contains "open for reading $work/data/d"$'\xc3\xa4'"t (cat"
    # An escape, a C1 control character, a direction, a byte that is no text.
    broker --deny-log --broker data:r -- sh -c $'echo x > "data/\033[2J\xc2\x9b2J\xe2\x80\xae\xff"'
    assert_contains 'data/\x1b[2J\xc2\x9b2J\xe2\x80\xae\xff'
}

# ---- addresses -----------------------------------------------------------------------------------------------------

@test "without network rules, a connect to somewhere else is told with the rule that would allow it" {
    socket SOCK_STREAM 's.connect(("127.0.0.1", 9))' 's.connect(("192.0.2.1", 80))'
    broker --deny-log --ro data -- python3 data/program.py
    assert_contains "error 111" # refused by the loopback inside
    assert_contains "connect to 192.0.2.1:80/tcp"
    assert_contains "--allow-net 192.0.2.1:80 would allow it"
    refute_contains 127.0.0.1
}

@test "who looks for name servers is told of --allow-net" {
    require_file /etc/resolv.conf
    broker --deny-log -- cat /etc/resolv.conf
    assert_contains "/etc/resolv.conf (cat"
    assert_contains "--allow-net HOST:PORT would allow it"
    refute_contains "--ro /etc/resolv.conf"
}

@test "a datagram with an address of its own that a rule allows: the report says to connect first" {
    socket SOCK_DGRAM 's.sendto(b"x", ("127.0.0.1", 9))' 's.sendto(b"x", ("192.0.2.1", 53))'
    broker --deny-log --allow-net 192.0.2.1:53/udp --ro data -- python3 data/program.py
    assert_contains "send to 192.0.2.1:53/udp"
    assert_contains "connect(2) the socket first"
    refute_contains "--allow-net 192.0.2.1"
    refute_contains 127.0.0.1
}

@test "a rule for any name does not reach addresses, and the report says so" {
    socket SOCK_STREAM 's.connect(("192.0.2.1", 8099))' 's.connect(("192.0.2.1", 8098))'
    broker --deny-log --allow-net '*:8099' --ro data -- python3 data/program.py
    assert_match '8099/tcp .*the rule for "\*" is for names that were looked up: --allow-net 192.0.2.1:8099 would allow it'
    assert_match '8098/tcp .*no rule allows it: --allow-net 192.0.2.1:8098 would allow it'
}
