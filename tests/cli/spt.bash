# SPDX-License-Identifier: Apache-2.0
# For tests of moat-spt by hand: guests of tests/spt, packed once a file.
load ../lib

SPT=$MOAT_BUILD/moat-spt
GATE=$((0x70101000))

# spt_pack NAME...: images of them in $WORK.
spt_pack()
{
    export WORK=$BATS_FILE_TMPDIR
    local g
    for g; do
        "$MOAT_BUILD/libexec/moat-pack" pack --kernel "$MOAT_BUILD/libexec/moat-kernel.elf" \
            --program "$MOAT_BUILD/tests/spt/spt-$g" --output "$WORK/$g.moat" || return
    done
}

# Under a limit: a guest that hangs is a failure, not the end of the run.
spt() { run --separate-stderr timeout -k 1 30 "$SPT" "$@"; }

# The address of the `syscall` instruction in the body of row N of the gate.
gate_body() { printf '0x%x\n' $((GATE + 0x40 + 16 * $1 + 8)); }

# in_background OPTION...: its pid is $pid, what it prints is in $BATS_TEST_TMPDIR/out and err.
in_background()
{
    rm -f "$BATS_TEST_TMPDIR/out" # of the last one, who was ready too
    "$SPT" "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- < /dev/null &
    pid=$!
}

is_ready() { grep -qs ready "$BATS_TEST_TMPDIR/out"; }
