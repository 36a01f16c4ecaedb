#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The walls around a machine when its guest has taken over the machine process (tests/escape/machine/taken.c): what it does
# succeeds where that process has no filter, what it asks of the I/O process where that believes all, and else none of it does.
bats_require_minimum_version 1.5.0
load escape

TAKEN=$MOAT_BUILD/tests/escape/machine-taken
GUEST=$MOAT_BUILD/tests/machine/machine-guest

setup()
{
    require_root
    require_file "$TAKEN"
    cd "$BATS_TEST_TMPDIR" || return
    head -c 65536 /dev/zero | tr '\0' d > disk
    cp disk fixed
    echo "a file of the host" > secret
    sleep 300 3>&- &
    outside=$!
    TAKEN=list "$TAKEN" --accel soft --kernel "$GUEST" > rows < /dev/null
}

teardown()
{
    kill "$outside" 2>/dev/null || true
    wait "$outside" 2>/dev/null || true
}

# of TABLE: its rows
of() { awk -F'\t' -v table="$1" '$1 == table { print $2 }' rows; }

# taken NAME [VARIABLE=VALUE...]: what became of it
taken()
{
    local name=$1
    shift
    env "$@" TAKEN="$name" FILE="$PWD/secret" VICTIM="$outside" timeout -k 1 60 "$TAKEN" --accel soft --kernel "$GUEST" --append w \
        --disk disk --disk fixed,ro > out 2> err < /dev/null 3>&-
}

# all_are STATUS TABLE [VARIABLE=VALUE...]
all_are()
{
    local wanted=$1 table=$2 name status failed=
    shift 2
    for name in $(of "$table"); do
        status=0
        taken "$name" "$@" || status=$?
        [ "$status" = "$wanted" ] || failed+=" $name:$status"
    done
    assert_equal "$failed" ""
}

@test "every call is live: where the machine process has no filter it succeeds" { all_are 10 call NAIVE=1; }

@test "behind the filter none does: it ends the machine" {
    all_are 159 call
    all_are 159 twice
}

@test "the I/O process is shut to the other one without any filter" { all_are 0 twice NAIVE=1; }

@test "an I/O process that believes what the rings say can be led outside" {
    local name status
    for name in outside too-much disks; do
        status=0
        taken "$name" CREDULOUS=1 || status=$?
        assert_equal "$name $status" "$name 10"
    done
    [ "$(stat -c %s disk)" -gt 65536 ] # written behind its end
}

@test "ours is not, and goes on" {
    all_are 0 ring
    assert_equal "$(stat -c %s disk)" 65536
    cmp fixed <(head -c 65536 /dev/zero | tr '\0' d)
}

# A PC, of the same two processes: a floppy, one that is read-only, a disk, and a CD-ROM drive with nothing in it.
# pc NAME [VARIABLE=VALUE...]: what became of it
pc()
{
    local name=$1
    shift
    env "$@" TAKEN="$name" FILE="$PWD/secret" VICTIM="$outside" timeout -k 1 60 "$TAKEN" --accel soft --machine pc --memory 16777216 \
        --firmware "$FIRMWARE" --boot a --floppy floppy --floppy protected,ro --hda disk > out 2> err < /dev/null 3>&-
}

pc_setup()
{
    FIRMWARE=/usr/share/seabios/bios-256k.bin
    [ -e $FIRMWARE ] || skip "needs $FIRMWARE (Debian package seabios)"
    head -c 1474560 /dev/zero | tr '\0' f > floppy
    cp floppy protected
    taken() { pc "$@"; }
}

@test "a PC: every call is live without the filter, and behind it none is done" {
    pc_setup
    all_are 10 call NAIVE=1
    all_are 159 call
    all_are 159 twice
}

@test "a PC: an I/O process that believes what is said about its disks can be led outside" {
    local name status
    pc_setup
    for name in media-outside media-files; do
        status=0
        pc "$name" CREDULOUS=1 || status=$?
        assert_equal "$name $status" "$name 10"
    done
    [ "$(stat -c %s floppy)" -gt 1474560 ] # written behind its end
}

@test "a PC: ours is not, and goes on; what is not in a drive cannot be had" {
    pc_setup
    all_are 0 media
    assert_equal "$(stat -c %s floppy disk | xargs)" "1474560 65536"
    cmp protected <(head -c 1474560 /dev/zero | tr '\0' f)
}

# by_media NAME [VARIABLE=VALUE]: the same with a socket for media, whose name it knows
by_media()
{
    run env TAKEN="$1" FILE="$PWD/secret" ${2:+"$2"} timeout -k 1 60 python3 - "$TAKEN" --machine pc --memory 16777216 --firmware "$FIRMWARE" 3>&- <<'END'
import os
import sys
sys.path.insert(0, os.environ["MOAT_SRC"] + "/tests/cli")
import vmm_machine
os.environ["MEDIA"] = f"{vmm_machine.directory}/1.media"
print(vmm_machine.Machine(sys.argv[1], *sys.argv[2:], media=True).process.wait())
END
}

@test "a PC: the socket by which media come is not the machine process's" {
    pc_setup
    yes "a file of the host" | head -c 4096 > secret
    by_media media-socket NAIVE=1
    assert_output 10
    by_media media-socket
    assert_output -31 # SIGSYS
}

@test "a PC: the firmware's pages stay as they were read" {
    local status=0
    pc_setup
    all_are 139 pc-fault
    all_are 10 pc-fault WRITABLE=1
    pc firmware-opened NAIVE=1 || status=$?
    assert_equal $status 10
    status=0
    pc firmware-opened || status=$?
    assert_equal $status 159
}

@test "a PC: a floppy that is only read is protected by its descriptor as well" {
    pc_setup
    pc media-protected UNPROTECTED=1
    cmp protected <(head -c 1474560 /dev/zero | tr '\0' f)
}

@test "what is in the environment of its program is not to be read off the command line" {
    local pid
    mkfifo hold
    exec 8<> hold
    "$MOAT_BUILD/libexec/moat-vmm" --accel soft --kernel "$GUEST" --append i --run eTOKEN=moat-secret --program x > out 2> err < hold 3>&- 8>&- &
    pid=$!
    shown() { tr '\0' '\n' < "/proc/$1/cmdline" | grep -q '^eTOKEN=[*]*$'; }
    wait_for 20 shown "$pid"
    wait_for 20 pgrep -P "$pid"
    shown "$(pgrep -P "$pid")"
    kill -9 "$pid"
    wait "$pid" || true
    exec 8>&-
}

@test "no process of a machine is left" {
    taken kicks
    ! pgrep -f "$TAKEN --accel soft --kernel $GUEST --append w --disk disk" > /dev/null
}
