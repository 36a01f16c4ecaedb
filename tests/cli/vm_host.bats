#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat vm and the host: what a picture may replace, what is no medium, block devices by two names, several who ask at once.
bats_require_minimum_version 1.5.0
load run

FIRMWARE=/usr/share/seabios/bios-256k.bin

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
}

shows() { "$MOAT" vm text one | grep -qF -- "$1"; }

# A PC that has nothing to boot, and says so.
setup()
{
    [ -e "$FIRMWARE" ] || skip "no firmware: apt install seabios"
    run_setup
    truncate -s 1440K blank other
    "$MOAT" run -d --name one -b vm --accel soft -m 16m --floppy blank > /dev/null
    wait_for 60 shows "not a bootable disk"
}

teardown()
{
    "$MOAT" rm -f one > /dev/null 2>&1 || true
    [ ! -e loop ] || losetup -d "$(cat loop)"
    run_teardown
}

vm() { run --separate-stderr timeout 20 "$MOAT" vm "$@"; }

# refused SENTENCE WORD...
refused()
{
    vm "${@:2}"
    assert_status 1
    [[ $stderr == *"$1"* ]] || { echo "# $stderr" >&2; return 1; }
}

# together N WORD...: how many of them succeeded
together()
{
    local n=$1 i
    shift
    rm -f well
    for i in $(seq "$n"); do
        { timeout 60 "$MOAT" "$@" > /dev/null 2>> errors && echo >> well; } 3>&- &
    done
    wait
    touch well
    wc -l < well
}

is_png() { [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]; }

@test "a picture replaces a file, and neither a device nor a pipe nor a link" {
    mkfifo pipe
    mknod device c 1 3
    echo kept > target
    ln -s target link
    mkdir directory
    for name in pipe device link; do
        refused "$name is a link, a pipe or a device" screenshot one "$name"
    done
    refused "directory: Is a directory" screenshot one directory
    [ -p pipe ] && [ -c device ] && [ -L link ]
    assert_equal "$(cat target)" kept
    echo old > shot.png
    vm screenshot one shot.png
    assert_status 0
    is_png shot.png
    "$MOAT" vm screenshot one - > target
    is_png target
}

@test "a link that waits in a stranger's directory where a picture is being made leads nowhere" {
    echo secret > victim
    sh -c 'ln -s victim shot.png.$$.tmp; exec "$0" vm screenshot one shot.png' "$MOAT"
    is_png shot.png
    [ ! -L shot.png ]
    assert_equal "$(cat victim)" secret
}

@test "what is no file is not opened as a medium" {
    mkfifo pipe
    mknod device c 1 3
    for name in pipe device .; do
        refused "insert $name: it is neither a file nor a block device" insert one floppy1 "$name"
        refused "insert $name: it is neither a file nor a block device" insert one cdrom0 "$name,ro"
    done
}

@test "a block device that is written is one machine's, whatever its names are" {
    require_command losetup
    losetup -f --show other > loop 2> /dev/null || { rm loop; skip "no loop device can be had here"; }
    local device
    device=$(cat loop)
    mknod alias b "$((0x$(stat -c %t "$device")))" "$((0x$(stat -c %T "$device")))"
    vm insert one floppy1 "$device"
    assert_status 0
    refused "insert alias: it is in use" insert one floppy0 alias
    vm eject one floppy1
    vm insert one floppy0 alias
    assert_status 0
    vm eject one floppy0
}

@test "many who ask at once are all heard" {
    assert_equal "$(together 16 vm text one)" 16
    assert_equal "$(together 16 vm insert one floppy1 other,ro)" 16
    refused "insert other: another machine has it" insert one floppy0 other
}

@test "of two snapshots of one name one is made, and what is left of one that was not is in nobody's way" {
    mkdir -p "$MOAT_DATA_DIR/snapshots/.kept"
    echo half > "$MOAT_DATA_DIR/snapshots/.kept/state"
    assert_equal "$(together 4 snapshot one kept)" 1
    [ ! -e "$MOAT_DATA_DIR/snapshots/.kept" ]
    [ "$(grep -cE "another moat snapshot of this name is being made|there is a snapshot kept" errors)" = 3 ]
    "$MOAT" rm -f one > /dev/null
    "$MOAT" restore -d --name one --accel soft kept > /dev/null
    wait_for 20 shows "not a bootable disk"
    "$MOAT" snapshot --rm kept > /dev/null
}
