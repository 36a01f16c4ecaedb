#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A caller that ignores SIGCHLD, which is inherited: the kernel then keeps no status of a child for who does not say otherwise. Statuses
# are right all the same, and the guard sleeps.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_command python3
    run_setup_file
}

setup()
{
    run_setup
    n=moat-test-$$-$BATS_TEST_NUMBER
}

teardown()
{
    "$MOAT" rm -f "$n" > /dev/null 2>&1
    run_teardown
}

# ignoring COMMAND...
ignoring() { python3 -c 'import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])' "$@"; }
family() { pgrep -f "^moat-monitor $n $MOAT_RUN_DIR "; }
# Clock ticks that both have used.
ticks() { local p sum=0; for p in $(family); do sum=$((sum + $(sed 's/.*) //' "/proc/$p/stat" | awk '{ print $12 + $13 }'))); done; echo $sum; }

@test "it is ignored here, and a plain program is hurt by that" {
    run ignoring grep SigIgn /proc/self/status
    [ $((16#${output##*[[:space:]]} >> 16 & 1)) = 1 ]
    run ignoring python3 -c 'import os; os.spawnv(os.P_WAIT, "/bin/true", ["true"])'
    assert_contains "No child processes"
}

@test "run --rm: the exit status, and death by a signal" {
    run ignoring "$MOAT" run --rm busybox sh -c 'exit 7'
    assert_status 7
    run ignoring "$MOAT" run --rm --init busybox sh -c 'kill -TERM $$'
    assert_status 143
}

@test "run --rm with a policy in YAML, which a helper reads" {
    printf 'version: 1\nenv:\n  WORD: through\n' > policy.yaml
    require_file "${MOAT%/*}/libexec/moat-yaml"
    run ignoring "$MOAT" run --rm --policy policy.yaml busybox sh -c 'echo "$WORD"; exit 6'
    assert_status 6
    assert_output through
}

@test "run, kept: the exit status, and on record" {
    run ignoring "$MOAT" run --name "$n" busybox sh -c 'echo said; exit 9'
    assert_status 9
    assert_output said
    assert_equal "$("$MOAT" inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$n")" "exited 9"
    "$MOAT" rm "$n"
}

@test "run -d: the guard sleeps, wait tells the status, rm removes" {
    ignoring "$MOAT" run -d --name "$n" busybox sh -c "$LIVES" > /dev/null
    sleep 0.3
    local before; before=$(ticks)
    sleep 1
    [ $(($(ticks) - before)) -lt $(($(getconf CLK_TCK) / 5)) ]
    "$MOAT" stop "$n"
    assert_equal "$("$MOAT" wait "$n")" 7
    "$MOAT" rm "$n"
    ! family
}

@test "run -d, the monitor killed: another is made, and the status is right" {
    ignoring "$MOAT" run -d --name "$n" busybox sh -c "$LIVES" > /dev/null
    two() { [ "$(family | wc -l)" = 2 ]; }
    wait_for 5 two
    kill -9 "$(family | tail -n 1)"
    sleep 0.2
    wait_for 5 two
    ignoring "$MOAT" stop "$n"
    assert_equal "$(ignoring "$MOAT" wait "$n")" 7
    ignoring "$MOAT" rm "$n"
}

@test "exec: the exit status, detached too" {
    ignoring "$MOAT" run -d --name "$n" busybox sleep 1000 > /dev/null
    run ignoring "$MOAT" exec "$n" sh -c 'exit 5'
    assert_status 5
    run ignoring "$MOAT" exec -d "$n" touch /made
    assert_success
    there() { "$MOAT" exec "$n" test -e /made; }
    wait_for 5 there
    run ignoring "$MOAT" exec "$n" no-such-program
    [ "$status" = 127 ] || report_run "expected status 127"
    ignoring "$MOAT" rm -f "$n"
}

@test "the workload is not told of it: its own children can be waited for" {
    run ignoring "$MOAT" run --rm busybox grep SigIgn /proc/self/status
    [ $((16#${output##*[[:space:]]} >> 16 & 1)) = 0 ]
    run ignoring "$MOAT" run --name "$n" busybox grep SigIgn /proc/self/status
    [ $((16#${output##*[[:space:]]} >> 16 & 1)) = 0 ]
}
