#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a process leaves behind when its user at a terminal believes that it is gone can neither read what is typed afterwards nor
# write to that terminal: exec without -t, and a kept sandbox whose client was killed or stopped. The probe reads from and
# writes to everything it has; with the terminal given to it directly (nsenter) it gets both. `moat run --rm -i` without -t
# is not here: its workload has its caller's streams by design, and ends with its caller.
bats_require_minimum_version 1.5.0
load escape

setup_file()
{
    build_probes linger
    require_root
    require_command python3
    require_file "$MOAT_BUSYBOX/bin/busybox"
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    "$MOAT" run --rm busybox true
}

setup()
{
    dir=$BATS_TEST_TMPDIR n=moat-left-${BATS_TEST_NUMBER}x x=$BATS_TEST_TMPDIR/x
    cd "$dir" || return
    mkdir -m 777 x
    cp "$PROBES/linger" x/
    # A user who runs a command, and types a line when it seems to be over. Nobody but the probe reads meanwhile.
    cat > user <<'EOF'
set -m
"$@"
echo "back-$?"
touch x/go
until grep -qs TRIES x/report; do sleep 0.05; done
echo ready
until read -rt 0 || grep -q secret x/report; do sleep 0.05; done
sleep 0.3 # for the probe, which waits for it too
touch x/stop
until grep -q DONE x/report; do sleep 0.05; done
read -rt 1 line
echo "mine: $line."
# One that is stopped; gone before we are, since with the session the kernel continues what is stopped.
p=$(jobs -p)
[ -z "$p" ] || kill -9 $p
while [ -n "$p" ] && kill -0 $p 2>/dev/null; do sleep 0.05; done
EOF
    printf 'echo $$ > %q\nexec "$MOAT" "$@"\n' "$dir/pid" > client
}

teardown()
{
    touch x/go x/stop
    "$MOAT" rm -f "$n" > /dev/null 2>&1 || true
    ! pgrep -f "moat (exec|start|run) .*$n" || return 1
}

# user [STEP...] -- COMMAND: the steps come before the command is back.
user()
{
    local steps=()
    while [ "$1" != -- ]; do steps+=("$1"); shift; done
    run python3 "$BATS_TEST_DIRNAME/../cli/person.py" "${steps[@]}" expect:back- expect:ready 'send:secret-word\n' expect:mine: -- bash --norc user "${@:2}"
    output=${output//$'\r'/}
    cat x/report >&2 || true
    [ "$status" != 99 ] || report_run "a step failed"
}

assert_safe()
{
    refute_contains PWNED
    assert_line "mine: secret-word."
    ! grep secret x/report || return 1
    # It did try.
    grep -qE '^(WROTE|REFUSED) 1' x/report
    grep -qE '^(WROTE|REFUSED) 3' x/report
}

box() { "$MOAT" run -d --name "$n" -v "$x:/x" busybox sleep 1000 > /dev/null; }

@test "guard off: with the terminal itself it reads what is typed and writes to it" {
    box
    user -- nsenter -t "$("$MOAT" inspect --format '{{.State.Pid}}' "$n")" -U -m -p /x/linger /x
    assert_contains PWNED-0
    assert_contains PWNED-1
    assert_line "mine: ."
    grep -q 'READ . secret-word' x/report
}

@test "exec: what it leaves behind has no way to the terminal" {
    box
    user -- "$MOAT" exec "$n" /x/linger /x
    assert_line back-0
    assert_safe
}

@test "exec -i: what it leaves behind has no way to the terminal" {
    box
    user -- "$MOAT" exec -i "$n" /x/linger /x
    assert_line back-0
    assert_safe
}

@test "exec -i, killed: what it leaves behind has no way to the terminal" {
    box
    user expect:LEFT "kill:KILL:$dir/pid" -- sh client exec -i "$n" /x/linger /x stay
    assert_line back-137
    assert_safe
}

@test "exec -i, stopped by Ctrl-Z: what it runs has no way to the terminal" {
    box
    user expect:LEFT 'send:\x1a' -- "$MOAT" exec -i "$n" /x/linger /x stay
    assert_contains back-148
    assert_safe
}

@test "exec: who is left behind writes without end, and the terminal is quiet" {
    box
    run python3 "$BATS_TEST_DIRNAME/../cli/person.py" expect:NOISE expect:over -- \
        bash --norc -c '"$MOAT" exec "$0" sh -c "(trap \"\" HUP; while :; do echo NOISE; done) & sleep 0.2"; touch over; echo over; sleep 1; echo end' "$n"
    assert_success
    output=${output##*over}
    refute_contains NOISE
}

@test "exec, killed: who is left behind writes without end, and the terminal is quiet" {
    box
    run python3 "$BATS_TEST_DIRNAME/../cli/person.py" expect:NOISE "kill:KILL:$dir/pid" expect:over -- \
        bash --norc -c 'sh client exec "$0" sh -c "(trap \"\" HUP; setsid sh -c \"while :; do echo NOISE; done\") & sleep 1000"; sleep 0.2; echo over; sleep 1; echo end' "$n"
    assert_success
    output=${output##*over}
    refute_contains NOISE
}

@test "exec: who is left behind holds the pipe, and exec ends" {
    build_probes hold
    box
    cp "$PROBES/hold" x/
    run python3 "$BATS_TEST_DIRNAME/../cli/person.py" expect:back-0 -- \
        bash --norc -c '"$MOAT" exec "$0" sh -c "/x/hold out & sleep 0.5"; echo back-$?; "$MOAT" rm -f "$0"' "$n"
    assert_success
}

kept()
{
    user expect:LEFT "kill:$1:$dir/pid" -- sh client "${@:2}"
    assert_safe
    assert_equal "$("$MOAT" inspect --format '{{.State.Status}}' "$n")" running
}

# Its first process stays, so LEFT comes through the log.
@test "run -i of a kept sandbox, the client killed" { kept KILL run -i --name "$n" -v "$x:/x" busybox /x/linger /x stay; }
@test "run -i of a kept sandbox, the client stopped" { kept STOP run -i --name "$n" -v "$x:/x" busybox /x/linger /x stay; }

@test "start -ai, the client killed" {
    "$MOAT" create -i --name "$n" -v "$x:/x" busybox /x/linger /x stay
    kept KILL start -ai "$n"
}

@test "start -ai, the client stopped" {
    "$MOAT" create -i --name "$n" -v "$x:/x" busybox /x/linger /x stay
    kept STOP start -ai "$n"
}
