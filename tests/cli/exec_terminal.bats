#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat exec without -t at a terminal (the process gets pipes, and a child of ours carries) and without one (it gets the
# caller's own): the same bytes, ends and signals.
bats_require_minimum_version 1.5.0
load run

setup_file() { run_setup_file; }

setup()
{
    run_setup
    n=moat-test-$$-$BATS_TEST_NUMBER
    "$MOAT" run -d --name "$n" busybox sleep 1000 > /dev/null
}

teardown()
{
    "$MOAT" rm -f "$n" > /dev/null
    ! pgrep -f "moat exec .*$n" || return 1
    run_teardown
}

# person STEP... -- COMMAND: at a terminal, see person.py.
person()
{
    require_command python3
    run python3 "$BATS_TEST_DIRNAME/person.py" "$@"
    output=${output//$'\r'/}
    [ "$status" != 99 ] || report_run "a step failed"
}

SHELL_OF_USER=(env "PS1=user% " HISTFILE= bash --norc --noprofile -i)

@test "no stream of it is a terminal" {
    person -- "$MOAT" exec -i "$n" sh -c 'for i in 0 1 2; do test -t $i && echo "$i is one"; done; ls -l /proc/self/fd/ 2> /dev/null | grep -c -e pts -e tty; (: < /dev/tty) 2> /dev/null || echo none'
    assert_output $'0\nnone'
}

@test "what is typed arrives by lines, Ctrl-D ends it, status and output are right" {
    person 'send:one\n' expect:got-one 'send:two\n' expect:got-two 'send:\x04' expect:end -- \
        "$MOAT" exec -i "$n" sh -c 'while read -r x; do echo "got-$x"; done; echo end >&2; exit 4'
    assert_status 4
}

@test "without -i nothing typed is read" {
    person 'send:typed\n' expect:out -- "$MOAT" exec "$n" sh -c 'cat; echo out; sleep 0.2'
    assert_success
    assert_output $'typed\nout'
}

@test "the order of what it writes to both streams is kept" {
    person -- "$MOAT" exec "$n" sh -c 'i=0; while [ $i -lt 200 ]; do echo "out $i"; echo "err $i" >&2; i=$((i + 1)); done'
    assert_equal "$output" "$(for ((i = 0; i < 200; i++)); do echo "out $i"; echo "err $i"; done)"
}

@test "its streams can be opened by name" {
    person -- "$MOAT" exec "$n" sh -c 'echo a > /dev/stdout; echo b > /dev/stderr'
    assert_output $'a\nb'
}

@test "a megabyte to a terminal is all there" {
    python3 "$BATS_TEST_DIRNAME/person.py" -- "$MOAT" exec "$n" sh -c 'yes 0123456789abcde | head -n 65536; echo end >&2' > out
    tr -d '\r' < out > plain
    cmp plain <(yes 0123456789abcde | head -n 65536; echo end)
}

@test "a terminal that stands still for a while gets all, after the process has ended" {
    person expect:up 'send:\x13' 'send:go\n' pause:1.5 'send:\x11' expect:end -- \
        "$MOAT" exec -i "$n" sh -c 'echo up; read x; yes 0123456789abcde | head -n 3000; echo end; exit 3'
    assert_status 3
    assert_equal "$(grep -c '^0123456789abcde$' <<< "$output")" 3000
}

@test "a terminal that stands still is left by a signal" {
    person expect:user% 'send:"$MOAT" exec -i '"$n"' sh -c "echo u\\"\\"p; read x; yes | head -n 30000"\n' expect:up 'send:\x13' 'send:go\n' \
        pause:1.5 'send:\x03' pause:0.3 'send:\x11' 'expect:user% ' 'send:echo st-$?\n' expect:st-130 'send:exit\n' -- "${SHELL_OF_USER[@]}"
    assert_success
}

@test "much typed into one that echoes it" {
    python3 - "$MOAT" "$n" <<'EOF'
import hashlib, os, pty, sys, termios, threading, tty
moat, name = sys.argv[1:]
data = b"0123456789abcde\n" * 65536
pid, master = pty.fork()
if pid == 0:
    tty.setraw(0)
    os.execv(moat, [moat, "exec", "-i", name, "sh", "-c", "echo up; sleep 1; head -c %d" % len(data)])
got = b""
while b"up\n" not in got:
    got += os.read(master, 65536)
got = got.split(b"up\n", 1)[1]
def write():
    at = 0
    while at < len(data):
        at += os.write(master, data[at:at + 4096])
threading.Thread(target=write, daemon=True).start()
while len(got) < len(data):
    got += os.read(master, 65536)
assert got == data
EOF
}

@test "Ctrl-C goes to the process" {
    person expect:ready 'send:\x03' expect:interrupted -- \
        "$MOAT" exec -i "$n" sh -c 'trap "echo interrupted; exit 5" INT; echo ready; while :; do sleep 0.02; done'
    assert_status 5
}

@test "TERM to moat goes to the process" {
    printf '#!/bin/sh\necho $$ > %q\nexec "$MOAT" exec %q sh -c "$1"\n' "$dir/pid" "$n" > go
    person expect:ready "kill:TERM:$dir/pid" expect:ended -- sh go 'trap "echo ended; exit 6" TERM; echo ready; while :; do sleep 0.02; done'
    assert_status 6
}

@test "Ctrl-Z stops moat, fg goes on, and the modes of the terminal are as before" {
    person 'expect:user% ' modes 'send:"$MOAT" exec -i '"$n"' sh -c "echo re\"\"ady; read x; echo got-\\$x; exit 7"\n' expect:ready 'send:\x1a' expect:Stopped 'expect:user% ' \
        'send:echo here-$((40+2))\n' expect:here-42 'send:fg\n' 'expect:exec -i' 'send:word\n' expect:got-word 'expect:user% ' same-modes 'send:exit $?\n' -- "${SHELL_OF_USER[@]}"
    assert_status 7
}

@test "one that ends without reading leaves the terminal to the user" {
    person 'expect:user% ' 'send:"$MOAT" exec -i '"$n"' true\n' 'expect:user% ' 'send:echo here-$((40+2))\n' expect:here-42 'send:exit\n' -- "${SHELL_OF_USER[@]}"
    assert_success
}

@test "one that closed its output is still waited for" {
    person 'send:word\n' -- "$MOAT" exec -i "$n" sh -c 'exec > /dev/null 2>&1; read x; [ "$x" = word ]; exit $(($? + 8))'
    assert_status 8
}

@test "one that cannot be executed: said at the terminal" {
    person -- sh -c '"$MOAT" exec -i "$0" no-such-program; echo st-$?' "$n"
    assert_contains st-127
    assert_contains no-such-program
}

@test "the terminal was closed: what writes to it ends" {
    printf '#!/bin/sh\necho $$ > %q\nexec "$MOAT" exec %q yes\n' "$dir/pid" "$n" > go
    python3 - <<'EOF'
import os, subprocess
master, slave = os.openpty()
# No signal tells it that the terminal is gone.
subprocess.Popen(["sh", "go"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
os.close(slave)
os.read(master, 10)
os.close(master)
EOF
    gone() { ! kill -0 "$(cat pid)"; }
    wait_for 10 gone
}

@test "a file, a pipe: its streams are the caller's own, and nobody carries" {
    seq 1000 > in
    "$MOAT" exec -i "$n" cat < in > out
    cmp in out
    assert_equal "$(seq 3 | "$MOAT" exec -i "$n" sh -c 'cat; echo e >&2' 2> err | tac | tr -d '\n') $(cat err)" "321 e"
    "$MOAT" exec -i "$n" sh -c 'echo up; sleep 1000' < /dev/null > out 2> err 3>&- & pid=$!
    wait_for 5 said up
    # Its one child is the process.
    assert_equal "$(pgrep -c -P $pid)" 1
    kill $pid
    wait $pid || true
}

@test "some of the streams are a terminal: only those are carried" {
    person 'send:typed\n' expect:err -- bash -c '"$MOAT" exec -i "$0" sh -c "cat /proc/self/mounts > /dev/null; read x; echo \$x; test -t 2 || echo err >&2" > out' "$n"
    assert_contains err
    assert_equal "$(cat out)" typed
}

@test "10 MB through pipes" {
    head -c 10485760 /dev/urandom > in
    cat in | "$MOAT" exec -i "$n" cat | cat > out
    cmp in out
}
