#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs that use up one thing of their kernel's (tests/escape/sentry/bombs.c), behind `moat run -b sentry`: each is
# refused, or ended by the host before the sentry is, and the kernel inside goes on.
bats_require_minimum_version 1.5.0
load escape

setup_file()
{
    [ -x "$MOAT_BUILD/tests/escape/sentry-bombs" ] || return 0
    export ROOT=$BATS_FILE_TMPDIR/root
    mkdir -p "$ROOT/bin" "$ROOT/tmp"
    cp "$MOAT_BUILD/tests/escape/sentry-bombs" "$ROOT/bin/bombs"
}

setup()
{
    require_root
    require_file "$MOAT_BUILD/tests/escape/sentry-bombs"
    require_file "$MOAT_BUILD/libexec/moat-sentry"
    require_cgroup memory
    cd "$BATS_TEST_TMPDIR" || return
}

all_go_on() # OPTION...
{
    local name
    for name in $("$MOAT_BUILD/tests/escape/sentry-bombs"); do
        run --separate-stderr bash -c 'timeout -k 5 120 "$@" > /dev/null' bash \
            "$MOAT" run --rm "$@" -m 64m --pids-limit 256 "$ROOT" /bin/bombs "$name"
        # shellcheck disable=SC2154 # bats sets it
        output="$name: $stderr"
        assert_status 0
        assert_contains "bombs: the kernel goes on"
    done
}

@test "whatever a program uses up, the kernel goes on" { all_go_on -b sentry; }
@test "the same where all calls come by signals" { all_go_on -b sentry=trap; }

@test "the host ends stubs first, and never the sentry" {
    "$MOAT" run -d --name "oom-$$" -b sentry --oom-score-adj 5 busybox sleep 60
    pid=$("$MOAT" inspect -f '{{.State.Pid}}' "oom-$$")
    stubs() { cat "/proc/$pid/task/$pid/children" 2> /dev/null; }
    there() { [ "$(stubs | wc -w)" -ge 2 ]; }
    wait_for 10 there
    assert_equal "$(cat "/proc/$pid/oom_score_adj")" 5
    for stub in $(stubs); do assert_equal "$(cat "/proc/$stub/oom_score_adj")" 1000; done
    "$MOAT" rm -f "oom-$$"
}
