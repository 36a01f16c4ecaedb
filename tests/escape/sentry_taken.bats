#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The sentry, when a guest owns the process that it runs in (tests/escape/sentry): whatever it does to what it shares with
# the sentry, it gets nothing, the sentry goes on, and others do not notice.
bats_require_minimum_version 1.5.0
load escape

setup()
{
    require_file "$MOAT_BUILD/tests/escape/sentry-taken"
    require_file "$MOAT_BUILD/libexec/moat-sentry"
    cd "$BATS_TEST_TMPDIR" || return
    mkdir -p root/bin root/tmp
    cp "$MOAT_BUILD/tests/escape/sentry-taken" root/bin/taken
    cp "$MOAT_BUILD/tests/escape/sentry-random_calls" root/bin/random_calls
}

@test "a guest that owns its stub gets nothing, and the sentry goes on" {
    for platform in notify trap; do
        run timeout -k 2 200 "$MOAT" run --rm -b "sentry=$platform" ./root /bin/taken 1
        assert_status 0
        assert_contains "taken: nothing was got"
        refute_contains ESCAPE
        assert_equal "$(grep -c : <<< "$output")" 22
    done
}

# one_attack SENTRY NAME
one_attack()
{
    [ -e taken.moat ] || "$MOAT" pack -q root/bin/taken -o taken.moat
    run timeout -k 2 60 "$1" --image taken.moat 1 "$2"
}

@test "guard off: without the filter of guest tasks a service's instruction is a guest's" {
    one_attack "$MOAT_BUILD/tests/escape/sentry-naive" service_mmap
    assert_status 1
    assert_line "service_mmap: exit 99 ESCAPE"
    one_attack "$MOAT_BUILD/libexec/moat-sentry" service_mmap
    assert_status 0
}

@test "a sentry that was taken over can have a stub make no call that matters" {
    export TELL_ALL=yes
    one_attack "$MOAT_BUILD/tests/escape/sentry-continues" made_after_all
    assert_status 1
    assert_line "made_after_all: exit 99 ESCAPE"
    unset TELL_ALL
    one_attack "$MOAT_BUILD/tests/escape/sentry-continues" made_after_all
    assert_status 0
    assert_line "made_after_all: exit 0"
}

@test "system calls at random: the kernel answers as before" {
    rounds=$([ -n "${MOAT_TEST_FULL:-}" ] && echo 500 || echo 10)
    for platform in notify trap; do
        run timeout -k 2 600 "$MOAT" run --rm -b "sentry=$platform" ./root /bin/random_calls 20261130 "$rounds"
        assert_status 0
        assert_contains "random_calls: $rounds rounds"
    done
}

@test "another sandbox does not notice" {
    "$MOAT" run -d --name "other-$$" -b sentry busybox sh -c 'i=0; while sleep 0.1; do i=$((i+1)); echo $i; done'
    run timeout -k 2 200 "$MOAT" run --rm -b sentry ./root /bin/taken 7
    assert_status 0
    before=$("$MOAT" logs "other-$$" | tail -1)
    sleep 1
    after=$("$MOAT" logs "other-$$" | tail -1)
    "$MOAT" rm -f "other-$$"
    [ "$after" -gt "$before" ]
}
