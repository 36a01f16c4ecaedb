#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The walls around a unikernel when a program has taken over its kernel (tests/escape/unikernel/taken.c, an image's kernel of
# the attacker's): what it does succeeds where the tender has no filter, and none of it does behind moat-spt and moat run.
bats_require_minimum_version 1.5.0
load unikernel

TAKEN=$MOAT_BUILD/tests/escape/unikernel-taken.elf

setup_file()
{
    [ -x "$TAKEN" ] || return 0
    unikernel_place
    # A dynamic program: its image sets room for code apart.
    "$MOAT_BUILD/libexec/moat-pack" pack --kernel "$TAKEN" --program /bin/true --output "$WORK/taken.moat" 2> /dev/null
    "$MOAT_BUILD/moat-spt" "$WORK/taken.moat" list > "$WORK/rows"
}

teardown_file() { unikernel_unplace; }

setup()
{
    require_unikernel
    require_file "$TAKEN"
    cd "$BATS_TEST_TMPDIR" || return
    sleep 300 3>&- &
    outside=$!
    facts=("file=$WORK/canaries/secret" "victim=$WORK/canaries/victim" "pid=$outside")
    name=taken-$$-$BATS_TEST_NUMBER
    mkfifo hold
    exec 8<> hold
}

teardown()
{
    kill "$outside" 2>/dev/null || true
    wait "$outside" 2>/dev/null || true
    exec 8>&-
    "$MOAT" rm -f "$name" > /dev/null 2>&1 || true
}

# of TABLE: its rows
of() { awk -F'\t' -v table="$1" '$1 == table { print $2 }' "$WORK/rows"; }

# said WORD: the rows of which $output says it
said() { awk -F'\t' -v word="$1" '$2 == word { print $1 }' <<< "$output"; }

naive() { "$MOAT_BUILD/tests/escape/unikernel-naive" "$WORK/taken.moat" "$@" < hold 8>&-; }
spt() { "$MOAT_BUILD/moat-spt" "$WORK/taken.moat" "$@" < hold 8>&-; }
sandbox() { "$MOAT" run --rm -b unikernel "${options[@]}" "$WORK/taken.moat" "$@" < hold 8>&-; }

# all_held COMMAND...: of all rows, and the host is as before
all_held()
{
    local canaries
    canaries=$(tree_of "$WORK/canaries")
    run timeout -k 1 60 bash -c "$(declare -f spt sandbox); options=(); "'exec 8<> hold; "$@"' bash "$@" acts sweeps "${facts[@]}"
    assert_status 0
    assert_equal "$(said ESCAPED)" ""
    assert_equal "$(said held | sort)" "$({ of acts; of sweeps; echo pages-live; } | sort)"
    refute_contains "$MOAT_CANARY"
    assert_equal "$(tree_of "$WORK/canaries")" "$canaries"
    kill -0 "$outside"
}

@test "every act is live: where the tender has no filter it succeeds" {
    run timeout -k 1 60 bash -c "$(declare -f naive); "'exec 8<> hold; naive acts "$@"' bash "${facts[@]}"
    assert_status 0
    assert_equal "$(said held)" ""
    assert_equal "$(said ESCAPED | sort)" "$(of acts | sort)"
    assert_line "file	ESCAPED	$MOAT_CANARY 0"
    assert_equal "$(stat -c %s "$WORK/canaries/victim")" 1 # file-write has cut it off
    echo "a file of the host" > "$WORK/canaries/victim"
}

@test "behind the tender's filter none succeeds, by any number, instruction, argument, page or frame" { all_held spt; }

@test "behind moat run none succeeds" { all_held sandbox; }

@test "an instruction for system calls of another kind ends the sandbox, and would have been answered" {
    local row
    for row in int80 compat-int80; do
        run naive $row
        assert_status 0
        [ "$(said ESCAPED)" = $row ] || [ "$(said held)" = $row ] # a kernel without 32-bit programs
        run -159 spt $row
        assert_output begun
        run -159 sandbox $row
        assert_line begun
        assert_equal "$(said ESCAPED)" ""
    done
    # By other instructions, which not every processor has.
    for row in compat-sysenter compat-syscall; do
        run spt $row
        [ "$status" = 0 ] || [ "$status" = 159 ]
        assert_line begun
        assert_equal "$(said ESCAPED)" ""
    done
}

@test "its status is a status, whatever it is" {
    run -125 sandbox exit-125
    run -7 sandbox exit-4096
}

@test "a kernel that hears no signal and has no end is ended" {
    local options=(--timeout 300ms --stop-timeout 1)
    run -124 sandbox deaf
    assert_line begun
    run -124 sandbox alarm # and one that hears nothing else
    assert_line begun
    "$MOAT" run -d --name "$name" -b unikernel "$WORK/taken.moat" deaf > /dev/null 3>&- 8>&-
    wait_for 10 eval '"$MOAT" logs $name | grep -qx begun'
    timeout 20 "$MOAT" stop -t 1 "$name" > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.ExitCode}} {{.State.ExitReason}}' "$name")" "137 stopped"
}

@test "a kernel that takes all memory is ended, with the reason" {
    require_cgroup memory
    local options=(-m 64m)
    run -137 sandbox eat
    assert_contains "its memory limit was reached"
    refute_contains ESCAPED
}

@test "output without an end waits for its reader, and what is kept of it has an end" {
    run bash -c '"$MOAT" run --rm -b unikernel --timeout 1s --stop-timeout 0 "$WORK/taken.moat" flood < /dev/null 2> /dev/null | head -c 5000000 | wc -c' 8>&-
    assert_output 5000000
    "$MOAT" run -d --name "$name" -b unikernel --log-opt max-size=1m --log-opt max-file=2 "$WORK/taken.moat" flood > /dev/null 3>&- 8>&-
    turned() { find "$MOAT_DATA_DIR" -name log.1 | grep -q .; }
    wait_for 20 turned
    sleep 0.5
    [ "$(du -sk "$MOAT_DATA_DIR" | cut -f1)" -lt 4096 ]
    timeout 20 "$MOAT" rm -f "$name" > /dev/null
    ! "$MOAT" ps -aq | grep .
}
