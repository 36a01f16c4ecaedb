#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The life of a sandbox, the same for each boundary: the container, and the null boundary (src/boundary/null.c), which confines
# nothing and writes down each verb that is called. What differs between the two here is a fault above the contract.
load ../lib

boundaries="null container"

setup_file()
{
    require_root
    require_command jq
    require_file "$MOAT_BUSYBOX/bin/busybox"
    export MOAT_NULL=${MOAT_NULL:-${MOAT%/*}/tests/moat-null} MOAT_TEST_NULL_BOUNDARY=1
    require_file "$MOAT_NULL"
    cp -a "$MOAT_BUSYBOX" "$BATS_FILE_TMPDIR/root"
}

setup()
{
    dir=$BATS_TEST_TMPDIR root=$BATS_FILE_TMPDIR/root
    export MOAT_RUN_DIR=$dir/run MOAT_DATA_DIR=$dir/data
    mkdir -p "$MOAT_DATA_DIR"
}

teardown()
{
    local id left
    for id in "$MOAT_RUN_DIR"/*; do [ ! -d "$id" ] || "$MOAT_NULL" rm -f "${id##*/}" > /dev/null 2>&1 || true; done
    wait_for 3 nothing_left || { left; return 1; }
}

left()
{
    find "$MOAT_RUN_DIR" -mindepth 1 -maxdepth 1 ! -name '.*' 2> /dev/null
    find "$MOAT_RUN_DIR/.ids" "$MOAT_DATA_DIR/layers" -mindepth 1 2> /dev/null
    pgrep -f "moat-monitor [^ ]* $MOAT_RUN_DIR " || true
}
nothing_left() { [ -z "$(left)" ]; }

# m COMMAND...: moat with this boundary. `run` and `create` need -b and the root, which $make gives.
m() { "$moat" "$@"; }
use() { b=$1 moat=$MOAT; [ "$b" != null ] || moat=$MOAT_NULL; n=t-$b-$BATS_TEST_NUMBER; }
make() { local verb=$1; shift; "$moat" "$verb" -b "$b" --name "$n" "${options[@]}" --rootfs "$root" "$@"; }
# The same in place of this shell, so that its pid is moat's.
make_only() { local verb=$1; shift; exec "$moat" "$verb" -b "$b" --name "$n" "${options[@]}" --rootfs "$root" "$@"; }

# each FUNCTION [OPTION...]: with both boundaries.
each()
{
    local f=$1; shift
    options=("$@")
    for b in $boundaries; do
        use "$b"
        "$f" || { echo "boundary $b" >&2; return 1; }
    done
}

state() { m inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$n"; }
is() { assert_equal "$(state)" "$1"; }
becomes() { wait_for 10 sh -c '[ "$("$0" inspect --format "{{.State.Status}} {{.State.ExitCode}}" "$1")" = "$2" ]' "$moat" "$n" "$1"; }
logged() { assert_equal "$(m logs "$n" 2>&1)" "$1"; }
logs_up() { wait_for 10 sh -c '"$0" logs "$1" | grep -q "$2"' "$moat" "$n" "${1:-up}"; }
# The verbs that had an effect, in order.
verbs() { awk -v id="$n" '$1 == id && $2 != "recover" && $2 != "stats" && $2 != "settle" { print $2 ($3 == "" ? "" : " " $3) }' "$MOAT_RUN_DIR/.null-calls" | paste -sd' '; }
called() { [ "$b" != null ] || assert_equal "$(verbs)" "$1"; }

stays='trap "exit 7" TERM; echo up; while :; do sleep 0.05; done'
deaf='trap "" TERM; echo up; while :; do sleep 0.05; done'

@test "create, start, wait, logs, rm" {
    f()
    {
        assert_equal "$(make create sh -c 'echo out; echo err >&2; exit 3')" "$n" && is "created 0" && called "" &&
            assert_equal "$(m start "$n")" "$n" && assert_equal "$(m wait "$n")" 3 && is "exited 3" && logged "out
err" && called "create destroy" && assert_equal "$(m rm "$n")" "$n" && ! m inspect "$n" > /dev/null 2>&1 && called "create destroy destroy"
    }
    each f
}

@test "run -d, stop: the stop signal, its exit status, each verb once" {
    f()
    {
        assert_equal "$(make run sh -c "$stays")" "$n" && logs_up && is "running 0" && m stop "$n" && is "exited 7" &&
            m stop "$n" && is "exited 7" && called "create destroy" && m rm "$n"
    }
    each f -d
}

@test "stop of one that is deaf: SIGKILL when the time is over" {
    f() { make run sh -c "$deaf" && logs_up && m stop -t 1 "$n" && is "exited 137" && m rm "$n"; }
    each f -d
}

@test "stop with another signal, and one with a stop signal of its own" {
    f() { make run sh -c 'trap "exit 8" USR1; trap "exit 9" USR2; echo up; while :; do sleep 0.05; done' && logs_up && m stop "$@" "$n" && is "exited $want" && m rm "$n"; }
    want=9; each f -d --stop-signal USR2
    g() { f -s USR1; }
    want=8; each g -d
}

@test "kill: SIGKILL, a signal by name, and one that does not run" {
    f()
    {
        make run sh -c 'trap "echo usr" USR1; echo up; while :; do sleep 0.05; done' && logs_up && m kill -s USR1 "$n" && logs_up usr && is "running 0" &&
            m kill "$n" && assert_equal "$(m wait "$n")" 137 && is "exited 137" && ! m kill "$n" 2> "$dir/err" && grep -q "is not running" "$dir/err" && m rm "$n"
    }
    each f -d
}

@test "in the foreground: streams, exit status, and what is left to see" {
    f()
    {
        local status=0
        make run sh -c 'echo out; echo err >&2; exit 5' > "$dir/out" 2> "$dir/err" || status=$?
        assert_equal "$status $(cat "$dir/out") $(cat "$dir/err")" "5 out err" && is "exited 5" && called "create destroy" && m rm "$n"
    }
    each f
}

@test "in the foreground with --rm: nothing stays, each verb once" {
    f()
    {
        local status=0
        make run sh -c 'exit 6' || status=$?
        assert_equal "$status" 6 && refute_exists "$MOAT_RUN_DIR/$n" && called "create destroy"
    }
    each f --rm
}

@test "in the foreground with --rm: kill is one signal" {
    f()
    {
        local status=0
        make run sh -c "$stays" > "$dir/out" 3>&- & local pid=$!
        wait_for 10 grep -q up "$dir/out" && m kill -s TERM "$n" || return 1
        wait $pid || status=$?
        assert_equal "$status" 7 && called "create signal 15 destroy"
    }
    each f --rm
}

@test "in the foreground: a signal to moat is the workload's" {
    f()
    {
        local status=0
        (make_only run sh -c "$stays" > "$dir/out" 3>&-) & local pid=$!
        wait_for 10 grep -q up "$dir/out" && kill -TERM $pid || return 1
        wait $pid || status=$?
        assert_equal "$status" 7 && is "exited 7" && m rm "$n"
    }
    each f
}

@test "--rm -d: gone when it has ended, or when it was stopped" {
    f()
    {
        make run sh -c 'sleep 0.2' && { m wait "$n" > /dev/null 2>&1 || true; } && wait_for 10 [ ! -e "$MOAT_RUN_DIR/$n" ] && called "create destroy" &&
            make run sh -c "$stays" && logs_up && m stop "$n" && wait_for 10 [ ! -e "$MOAT_RUN_DIR/$n" ]
    }
    each f -d --rm
}

# Runs it had: its lines of output.
runs() { assert_equal "$(m logs "$n" | grep -c run)" "$1"; }

@test "--restart on-failure:2: three runs, then no more" {
    f() { make run sh -c 'echo run; exit 4' && assert_equal "$(m wait "$n")" 4 && is "exited 4" && runs 3 && called "create destroy create destroy create destroy" && m rm "$n"; }
    each f -d --restart on-failure:2
}

@test "--restart on-failure: success is the end" {
    f() { make run sh -c 'echo run; exit 0' && assert_equal "$(m wait "$n")" 0 && runs 1 && m rm "$n"; }
    each f -d --restart on-failure
}

@test "--restart always: until stop, which waits through the pause between two runs" {
    f()
    {
        make run sh -c 'echo run; exit 0' && wait_for 20 sh -c '[ $("$0" logs "$1" | grep -c run) -ge 3 ]' "$moat" "$n" && m stop "$n" && is "exited 0" || return 1
        local count; count=$(m logs "$n" | grep -c run)
        sleep 1
        runs "$count" && m rm "$n"
    }
    each f -d --restart always
}

@test "--restart always: kill of one that runs is the end" {
    f() { make run sh -c "echo run; $stays" && logs_up && m kill "$n" && assert_equal "$(m wait "$n")" 137 && runs 1 && m rm "$n"; }
    each f -d --restart always
}

@test "--restart always: rm -f in a run and between two runs" {
    f()
    {
        make run sh -c "$stays" && logs_up && m rm -f "$n" && refute_exists "$MOAT_RUN_DIR/$n" &&
            make run false && becomes "restarting 1" && m rm -f "$n" && refute_exists "$MOAT_RUN_DIR/$n"
    }
    each f -d --restart always
}

@test "--timeout: 124, with the reason" {
    f()
    {
        make run sh -c "sleep 100" && assert_equal "$(m wait "$n")" 124 && is "exited 124" && assert_equal "$(jq -r .reason "$MOAT_RUN_DIR/$n/exit.json")" timeout && m rm "$n"
    }
    each f -d --timeout 1 --stop-timeout 1
}

@test "attach: what is written from then on, and the exit status" {
    f()
    {
        local status=0
        make run sh -c 'trap "echo last; exit 9" USR1; echo up; while :; do sleep 0.05; done' && logs_up || return 1
        m attach --no-stdin "$n" > "$dir/attached" 3>&- & local pid=$!
        sleep 0.3
        m kill -s USR1 "$n"
        wait $pid || status=$?
        assert_equal "$status $(cat "$dir/attached")" "9 last" && m rm "$n"
    }
    each f -d
}

@test "attach to one with -i: its standard input" {
    f()
    {
        make run sh -c 'while read -r l; do echo "got $l"; [ "$l" != end ] || exit 2; done' || return 1
        local status=0
        { echo one; sleep 0.2; echo end; sleep 2; } | m attach "$n" > "$dir/attached" || status=$?
        assert_equal "$status $(paste -sd' ' "$dir/attached")" "2 got one got end" && m rm "$n"
    }
    each f -d -i
}

@test "exec: output, exit status, a command that is not there, one that does not run" {
    f()
    {
        local status=0
        make run sh -c "$stays" && logs_up || return 1
        assert_equal "$(m exec "$n" echo inside)" inside || return 1
        m exec "$n" sh -c 'exit 11' || status=$?
        assert_equal $status 11 || return 1
        status=0; m exec "$n" no-such-command 2> /dev/null || status=$?
        assert_equal $status 127 && m stop "$n" || return 1
        status=0; m exec "$n" true 2> "$dir/err" || status=$?
        assert_equal $status 1 && grep -q "is not running" "$dir/err" && called "create exec exec exec destroy" && m rm "$n"
    }
    each f -d
}

@test "pause and unpause" {
    f()
    {
        make run sh -c "$stays" && logs_up && m pause "$n" && is "paused 0" && ! m pause "$n" 2> /dev/null && ! m exec "$n" true 2> /dev/null &&
            m unpause "$n" && is "running 0" && ! m unpause "$n" 2> /dev/null && m pause "$n" && m stop "$n" && is "exited 7" &&
            called "create pause resume pause resume destroy" && m rm "$n"
    }
    each f -d
}

@test "restart: another run, the log goes on" {
    f() { make run sh -c "echo run; $stays" && logs_up && m restart "$n" && is "running 0" && wait_for 10 runs 2 && m stop "$n" && runs 2 && called "create destroy create destroy" && m rm "$n"; }
    each f -d
}

@test "start of one that runs changes nothing; start of one that has ended is another run" {
    f() { make run sh -c "echo run; $stays" && logs_up && m start "$n" && runs 1 && m stop "$n" && m start "$n" && wait_for 10 runs 2 && m stop "$n" && m rm "$n"; }
    each f -d
}

@test "start -a: output and exit status" {
    f()
    {
        local status=0
        make create sh -c 'echo hello; exit 12' || return 1
        m start -a "$n" > "$dir/out" || status=$?
        assert_equal "$status $(cat "$dir/out")" "12 hello" && m rm "$n"
    }
    each f
}

@test "a command that is not there: 127, said, and it counts as never run" {
    f()
    {
        local status=0
        make run no-such-command 2> "$dir/err" || status=$?
        assert_equal $status 127 && grep -q "no-such-command" "$dir/err" && is "created 127" && called "create destroy destroy" && m rm "$n"
    }
    each f -d
}

@test "rm of one that runs is refused, rm -f ends it" {
    f() { make run sh -c "$stays" && logs_up && ! m rm "$n" 2> "$dir/err" && grep -q "is running" "$dir/err" && is "running 0" && m rm -f "$n" && refute_exists "$MOAT_RUN_DIR/$n" && called "create destroy"; }
    each f -d
}

@test "two at once under one name: one of them" {
    f()
    {
        make run sh -c "$stays" && logs_up && ! make run true 2> "$dir/err" && grep -q "already in use" "$dir/err" && is "running 0" && m rm -f "$n"
    }
    each f -d
}

@test "the null boundary is not in moat, and not to be had by accident" {
    run "$MOAT" run -b null --rootfs "$root" true
    assert_error 125 "unknown boundary 'null'"
    MOAT_TEST_NULL_BOUNDARY='' run "$MOAT_NULL" run -b null --rootfs "$root" true
    assert_error 125 "null boundary" "MOAT_TEST_NULL_BOUNDARY=1"
    run "$MOAT_NULL" boundaries
    refute_contains null
    ! grep -qa MOAT_TEST_NULL_BOUNDARY "$MOAT"
}
