#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat probe, the command: what it takes and prints, and what it leaves. Whether anything escapes is for tests/escape.
load look

setup_file() { look_setup_file; }
setup() { look_setup; }
teardown() { look_teardown; }

@test "--json is what its schema says" {
    "$MOAT" probe --class rings --json > out
    judge probe.schema.json out
    assert_equal "$(jq -r '[.probes[].class] | unique | join(" ")' out)" rings
    assert_equal "$(jq '.counts.probes' out)" "$(jq '.probes | length' out)"
    assert_equal "$(jq '.counts | .blocked + .escaped + .absent + .unproven' out)" "$(jq .counts.probes out)"
}

@test "a table names each class and each attempt, and says how it went" {
    run "$MOAT" probe file sti
    assert_success
    assert_contains "CLASS"
    assert_match "names +1 +1 +0"
    assert_match "tty +1 +1 +0"
    assert_contains "container: 2 of 2 attempts that succeed unconfined are blocked, 0 escaped"
}

@test "an escape is named, with what was seen, and the status is 1" {
    mkdir tmp
    chmod 755 tmp
    TMPDIR=$PWD/tmp run "$MOAT" probe -v "$PWD:$PWD" file file-dot-dot
    assert_status 1
    assert_contains "ESCAPED"
    assert_contains "read 'moat-canary-"
    assert_contains "0 of 2 attempts"
}

@test "options of run go to the sandbox that is probed" {
    run "$MOAT" probe --security-opt seccomp=unconfined uring-setup
    assert_status 1
    assert_contains "a ring was made"
}

@test "--list prints at least 120 attempts, each once, and makes none" {
    run "$MOAT" probe --list
    assert_success
    local ids
    ids=$(awk '/^[a-z]/ { print $2 }' <<<"$output")
    [ "$(wc -l <<<"$ids")" -ge 120 ]
    assert_equal "$(sort <<<"$ids" | uniq -d)" ""
}

@test "names that nobody has are refused with the nearest" {
    run "$MOAT" probe fil
    assert_error 125 "unknown probe 'fil'" "did you mean 'file'"
    run "$MOAT" probe --class ttys
    assert_error 125 "unknown class 'ttys'" "did you mean 'tty'"
    run "$MOAT" probe -b contaner
    assert_error 125 "unknown boundary 'contaner'" "did you mean 'container'"
    run "$MOAT" probe --class tty file
    assert_error 125 "no probe of that name" "tty"
}

@test "options that take the sandbox away are refused by name" {
    local o
    for o in --detach --tty --rootfs=/ --name=x; do
        run "$MOAT" probe "$o" file
        assert_error 125 "${o%%=*}" "no meaning here"
    done
}

@test "what cannot be run is an error of its own, with the reason" {
    run "$MOAT" probe --user nobody-of-that-name file
    assert_error 125 "could not be run confined" "nobody-of-that-name"
}

@test "it leaves no canary behind, and neither does one that is ended" {
    before() { find "$dir/tmp" /dev/shm -name 'moat-*'; cat /proc/sysvipc/shm /proc/sysvipc/msg /proc/sysvipc/sem; }
    mkdir tmp
    chmod 755 tmp
    export TMPDIR=$dir/tmp
    before > was
    "$MOAT" probe file > /dev/null
    "$MOAT" probe > /dev/null 2>&1 3>&- &
    sleep 0.3
    kill -TERM $!
    wait $! || true
    gone() { diff was <(before); }
    wait_for 5 gone
}

@test "the surface is tests/surface/list, 47 rows in its order" {
    local probe=${MOAT%/*}/libexec/moat-probe
    require_command jq
    "$probe" --surface --json > out
    assert_equal "$(jq .total out)" 47
    assert_equal "$(jq '[.items[] | select(.reachable)] | length' out)" "$(jq .reachable out)"
    diff <(grep -v '^#' "$MOAT_SRC/tests/surface/list" | awk '{ print $1, $2 }') <(jq -r '.items[] | .name + " " + .kind' out)
    diff <("$probe" --surface | awk 'NF == 3 || $1 ~ /reachable/ { print $2 }') <(jq -r '.items[].name' out)
}

@test "the surface behind a boundary is smaller than the host's" {
    local probe=${MOAT%/*}/libexec/moat-probe
    require_command jq
    "$probe" --surface --json > host
    "$MOAT" run --rm -v "$probe:/probe:ro" busybox /probe --surface --json > container
    [ "$(jq .reachable host)" -ge 20 ]
    [ "$(jq .reachable container)" -le 10 ]
}

@test "the surface behind the broker is at most 6 of 47" {
    local probe=${MOAT%/*}/libexec/moat-probe
    "$MOAT" boundaries --json | jq -e '.[] | select(.name == "broker") | .available' > /dev/null || skip "no broker in this build"
    "$MOAT" run --rm -b broker -- "$probe" --surface --json > out
    [ "$(jq .reachable out)" -le 6 ]
}
