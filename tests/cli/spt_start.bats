#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What may come in between while moat-spt starts: before the filter is there nothing of the image's may run.
bats_require_minimum_version 1.5.0
load spt

setup_file()
{
    spt_pack streams own_kernel
    cd "$WORK" || return
    "$MOAT_BUILD/libexec/moat-pack" pack --kernel "$MOAT_BUILD/tests/spt/spt-early.elf" \
        --program "$MOAT_BUILD/tests/spt/spt-streams" --output early.moat
}

setup() { cd "$WORK" || return; }

# A signal waits from before the start on, as moat run lets it (boundary/engine.h).
with_waiting() { run timeout -k 1 30 env --block-signal="$1" sh -c 'kill -s "$0" $$; exec "$@"' "$1" "$SPT" "${@:2}"; }

@test "a signal that waits for the start finds the handler behind the filter" {
    for signal in TERM INT HUP QUIT USR1 WINCH ALRM; do
        with_waiting "$signal" early.moat
        assert_status 159 # SIGSYS
        assert_output handler
    done
}

@test "a signal that waits for the start reaches the program" {
    with_waiting TERM streams.moat cat < /dev/null
    assert_status 143
    with_waiting USR1 streams.moat cat < /dev/null
    assert_status 138
}

@test "where the image lies is not told inside" {
    run timeout -k 1 30 "$SPT" "$PWD/own_kernel.moat" entry
    assert_contains "moat-spt: own_kernel.moat: kernel fault"
    refute_contains "$PWD"
}
