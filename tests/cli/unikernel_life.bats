#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A unikernel's life by moat's commands: every way to begin and to end, what comes through its streams, images that are
# damaged, and what is left when the tender or whoever waits for it is killed. The program is tests/unikernel/act.c.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    WORK=$BATS_FILE_TMPDIR/work
    export WORK
    mkdir -p "$WORK"
    require_command cc gcc
    cc -O2 -o "$WORK/act" "$MOAT_SRC/tests/unikernel/act.c" -pthread
    # A name that no other tender has in its command line.
    export IMAGE=$WORK/act-$$.moat
    "$MOAT" pack -q "$WORK/act" -o "$IMAGE"
}

setup()
{
    run_setup
    require_command jq
    image=$IMAGE
    n=life-$BATS_TEST_NUMBER
    RANDOM=${MOAT_TEST_SEED:-20}
}

teardown()
{
    "$MOAT" rm -f "$n" > /dev/null 2>&1 || true
    run_teardown
}

uni() { "$MOAT" run --rm -b unikernel "$@"; }
kept() { "$MOAT" run -d --name "$n" -b unikernel "$@" > /dev/null; }
state() { "$MOAT" inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.ExitReason}}' "$n"; }
logged() { "$MOAT" logs "$n" 2>&1; }
up_times() { [ "$(logged | grep -cx up)" = "$1" ]; }
is_up() { wait_for 5 up_times 1; }
# Its process on this host; fails when there is none.
tender() { "$MOAT" inspect -f '{{.State.Pid}}' "$n" | grep -E '^[1-9][0-9]+$'; }

# ---- beginnings and ends ---------------------------------------------------------------------------------------------

@test "created, started, restarted, paused, killed, attached, removed" {
    local first pid status=0
    "$MOAT" create --name "$n" -b unikernel "$image" wait > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.Status}}' "$n")" created
    "$MOAT" start "$n" > /dev/null
    is_up
    first=$(tender)
    "$MOAT" restart -t 5 "$n" > /dev/null
    wait_for 5 up_times 2
    [ "$(tender)" != "$first" ]
    logged | grep -qx "signal 15"
    "$MOAT" pause "$n" > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.Status}}' "$n")" paused
    "$MOAT" unpause "$n" > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.Status}}' "$n")" running
    "$MOAT" kill "$n" > /dev/null
    assert_equal "$("$MOAT" wait "$n")" 137
    "$MOAT" start -a "$n" < /dev/null > attached 2>&1 3>&- &
    pid=$!
    wait_for 5 up_times 3
    run "$MOAT" rm "$n"
    assert_failure
    "$MOAT" kill -s INT "$n" > /dev/null
    wait "$pid" || status=$?
    assert_equal "$status $(cat attached)" "7 up
signal 2"
    "$MOAT" rm "$n" > /dev/null
    run "$MOAT" inspect "$n"
    assert_status 1
}

@test "a status is the program's, and a death by a signal is 128 and its number, attached and kept" {
    local s status
    for s in 0 1 42 255; do
        status=0
        uni "$image" exit $s || status=$?
        assert_equal "$status" "$s"
    done
    # Those whose default is death, and one of the real-time signals that a libc leaves to programs.
    for s in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 40; do
        status=0
        uni "$image" die $s 2> /dev/null || status=$?
        assert_equal "$s: $status" "$s: $((128 + s))"
    done
    kept "$image" die 6
    assert_equal "$("$MOAT" wait "$n")" 134
    assert_equal "$(state | cut -d' ' -f1,2)" "exited 134"
}

@test "each signal from outside reaches the program that handles it, and ends one that does not" {
    local s
    for s in HUP INT QUIT USR1 USR2 TERM; do
        kept "$image" wait
        is_up
        "$MOAT" kill -s $s "$n" > /dev/null
        assert_equal "$s $("$MOAT" wait "$n")" "$s 7"
        logged | grep -qx "signal $(kill -l $s)"
        "$MOAT" rm "$n" > /dev/null
        kept "$image" spin
        "$MOAT" kill -s $s "$n" > /dev/null
        assert_equal "$s $("$MOAT" wait "$n")" "$s $((128 + $(kill -l $s)))"
        "$MOAT" rm "$n" > /dev/null
    done
}

@test "a time limit asks first, and restarts follow a failure" {
    local status=0
    uni --timeout 300ms "$image" wait > out 2> err || status=$?
    assert_equal "$status $(cat out)" "124 up
signal 15"
    grep -q -- --timeout err
    kept --restart on-failure:2 "$image" exit 5
    assert_equal "$("$MOAT" wait "$n")" 5
    assert_equal "$("$MOAT" inspect -f '{{.RestartCount}}' "$n")" 2
}

@test "what a unikernel cannot be asked is refused by name, with what can" {
    kept "$image" wait
    is_up
    local pids=$("$MOAT" inspect -f '{{.HostConfig.PidsLimit}}' "$n")
    run "$MOAT" exec "$n" /bin/sh
    assert_error 1 "$n" "-b container"
    run script -qec "'$MOAT' run --rm -t -b unikernel $image args" /dev/null
    assert_status 125
    assert_contains "terminal"
    run "$MOAT" update --pids-limit 3 "$n"
    assert_error 1 --pids-limit "$n"
    assert_equal "$("$MOAT" inspect -f '{{.HostConfig.PidsLimit}}' "$n")" "$pids"
    run "$MOAT" update -m 512m "$n"
    assert_status 0
    assert_contains note
    "$MOAT" rm -f "$n" > /dev/null
    [ -z "$("$MOAT" ps -aq)" ]
}

# ---- streams ---------------------------------------------------------------------------------------------------------

@test "streams come through whole, from pipes and files, and their ends are ends" {
    local want
    head -c 3000000 /dev/urandom > data
    want=$(sha256sum < data)
    assert_equal "$(uni -i "$image" input < data | sha256sum)" "$want"
    assert_equal "$(cat data | uni -i "$image" input | (sleep 0.3; sha256sum))" "$want"
    assert_equal "$( (head -c 1000 data; sleep 0.2; tail -c +1001 data) | uni -i "$image" input | sha256sum)" "$want"
    uni -i "$image" input < data > copy
    cmp data copy
    # One that is closed is at its end, and there is nobody to be written to.
    assert_equal "$(uni -i "$image" input <&-)" ""
    uni "$image" args x >&-
    run bash -c '"$MOAT" run --rm -i -b unikernel "$IMAGE" input < /dev/zero 2> /dev/null | head -c 1 > /dev/null; echo ${PIPESTATUS[0]}'
    assert_output 141
}

@test "what is written is in the log, whole, and on the right stream" {
    # shellcheck disable=SC2046
    kept "$image" args $(seq 1 3000)
    assert_equal "$("$MOAT" wait "$n")" 0
    assert_equal "$("$MOAT" logs "$n" | tail -n +3)" "$(seq 1 3000 | sed 's/.*/[&]/')"
    "$MOAT" rm "$n" > /dev/null
    kept "$image" nothing
    assert_equal "$("$MOAT" wait "$n")" 2
    assert_equal "$("$MOAT" logs "$n" 2> /dev/null)" ""
    assert_equal "$("$MOAT" logs "$n" 2>&1)" "usage: act WORD [ARG...]"
    "$MOAT" rm "$n" > /dev/null
    kept --trace "$image" exit 0
    assert_equal "$("$MOAT" wait "$n")" 0
    "$MOAT" logs "$n" 2>&1 > /dev/null | grep -q 'exit_group(0)'
    timeout 10 "$MOAT" logs -f "$n" > /dev/null 2>&1
}

@test "what it uses is counted" {
    used() { "$MOAT" stats --no-stream --format '{{json .}}' "$n" > stats && [[ $(jq -r .CPUPerc stats) != 0.00% ]]; }
    kept "$image" spin
    wait_for 5 used
    assert_equal "$(jq -r .PIDs stats)" 1
    [[ $(jq -r .MemUsage stats) =~ ^[1-9] ]]
    "$MOAT" stop -t 5 "$n" > /dev/null
    assert_equal "$(state)" "exited 143 stopped"
}

# ---- damaged images ----------------------------------------------------------------------------------------------------

@test "a damaged image is refused in one line, or runs, or ends: nothing hangs and nothing is left" {
    local at status size
    size=$(stat -Lc %s "$image")
    # The header, then some of everything.
    for at in $(seq 0 3 255) $(seq 4096 $((size / 40)) "$((size - 1))"); do
        cp "$image" flipped.moat
        printf '\xa5' | dd of=flipped.moat bs=1 seek="$at" conv=notrunc status=none
        status=0
        timeout -k 1 10 "$MOAT" run --rm -b unikernel -m 64m --timeout 5s flipped.moat exit 3 > out 2> err < /dev/null || status=$?
        case $status in
        3) ;;
        125 | 126 | 127) [ "$(wc -l < err)" = 1 ] || { echo "byte $at: $status" >&2; cat err >&2; return 1; } ;;
        132 | 133 | 134 | 135 | 136 | 139) ;; # code of its own, or of its libraries, was hit
        *) echo "byte $at: $status" >&2; cat err >&2; return 1 ;;
        esac
    done
    for at in 0 1 8 64 511 4096 $((size / 2)) $((size - 1)); do
        head -c "$at" "$image" > cut.moat
        status=0
        timeout -k 1 10 "$MOAT" run --rm -b unikernel cut.moat exit 3 > out 2> err < /dev/null || status=$?
        assert_equal "$at: $status $(wc -l < err)" "$at: 126 1"
    done
    for at in /bin/true /etc/passwd; do
        run -126 "$MOAT" run --rm -b unikernel "$at"
        assert_contains "moat pack"
    done
    cp "$image" foreign.moat
    printf '\xb7\0\0\0' | dd of=foreign.moat bs=1 seek=12 conv=notrunc status=none # another processor's
    run -126 "$MOAT" run --rm -b unikernel foreign.moat
    assert_contains "processor"
}

# ---- sudden ends -------------------------------------------------------------------------------------------------------

# Tenders of this file's, by their command line.
tenders() { pgrep -f "^moat-spt .*${IMAGE##*/}" || true; }
no_tender() { [ -z "$(tenders)" ]; }

@test "the tender is killed at any moment: 137, and nothing is left" {
    local i pid status
    for i in $(seq 1 25); do
        "$MOAT" run --rm -b unikernel "$image" spin > out 2> err < /dev/null 3>&- &
        pid=$!
        sleep "0.0$((RANDOM % 4))$((RANDOM % 10))"
        # Perhaps it is not there yet.
        killed() { tenders | xargs -r kill -9 2> /dev/null; ! kill -0 "$pid" 2> /dev/null; }
        wait_for 5 killed
        status=0
        wait "$pid" || status=$?
        assert_equal "$i: $status" "$i: 137"
        no_tender
        [ -z "$("$MOAT" ps -aq)" ]
    done
    kept "$image" wait
    is_up
    pid=$(tender)
    kill -9 "$pid"
    assert_equal "$("$MOAT" wait "$n")" 137
    assert_equal "$(state)" "exited 137 signal"
}

@test "whoever waits for it is killed at any moment: the tender ends with it, and nothing is left" {
    local i pid
    for i in $(seq 1 25); do
        "$MOAT" run --rm -b unikernel "$image" spin > out 2> err < /dev/null 3>&- &
        pid=$!
        sleep "0.0$((RANDOM % 4))$((RANDOM % 10))"
        kill -9 "$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
        wait_for 5 no_tender
    done
    "$MOAT" ps -aq | xargs -r "$MOAT" rm -f > /dev/null
    "$MOAT" system check > /dev/null
}

@test "the monitor is killed under a kept one: it goes on, and its end is on record" {
    local i
    # Guard and monitor: with both there the younger one is the monitor, and there is one to start another.
    both() { [ "$(pgrep -fc "^moat-monitor $n $MOAT_RUN_DIR ")" -ge 2 ]; }
    kept "$image" wait
    is_up
    for i in 1 2 3 4 5; do
        wait_for 10 both
        pkill -9 -n -f "^moat-monitor $n $MOAT_RUN_DIR " || true
        sleep "0.0$((RANDOM % 10))"
    done
    wait_for 10 both
    assert_equal "$(state | cut -d' ' -f1)" running
    timeout 20 "$MOAT" stop -t 5 "$n" > /dev/null
    assert_equal "$(state)" "exited 7 stopped"
    logged | grep -qx "signal 15"
}

# ---- many --------------------------------------------------------------------------------------------------------------

# What there is of this file's on the host, in numbers.
growth()
{
    echo "entries $(find "$MOAT_RUN_DIR" "$MOAT_DATA_DIR" ! -name '.events*' | wc -l)"
    echo "tenders $(tenders | wc -l)"
    echo "monitors $(pgrep -fc "^moat-monitor $n $MOAT_RUN_DIR " || true)"
    echo "cgroups $(find /sys/fs/cgroup -type d -name "*moat*$n*" | wc -l)"
    echo "mounts $(wc -l < /proc/self/mountinfo)"
}

@test "many starts and stops, attached and kept: no growth of processes, cgroups, mounts, entries" {
    local i before many=$((MOAT_TEST_SCALE >= 100 ? 10000 : 100))
    uni "$image" exit 0
    before=$(growth)
    for ((i = 0; i < many; i++)); do
        uni "$image" exit 0 < /dev/null
        if ((i % 10 == 0)); then
            kept "$image" wait
            "$MOAT" stop -t 5 "$n" > /dev/null
            "$MOAT" rm "$n" > /dev/null
        fi
    done
    same() { [ "$(growth)" = "$before" ]; }
    wait_for 3 same || { diff <(echo "$before") <(growth) >&2; return 1; }
}
