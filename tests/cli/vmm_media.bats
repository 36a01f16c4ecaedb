#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A PC's disks and drives, by moat-vmm alone: its guest is a boot sector (tests/machine/boot_sector.S) that is asked for sectors.
bats_require_minimum_version 1.5.0
load vmm

setup()
{
    vmm_setup
    truncate -s 1440K boot blank
    truncate -s 720K small
    printf S | dd of=small conv=notrunc status=none
    truncate -s 1M disk
    truncate -s 40K disc
    truncate -s 1000 odd
}

# vm OPTION...: what cannot be run
vm() { run ${want:+-"$want"} timeout -k 1 20 "$VMM" --machine pc --firmware "$FIRMWARE" --accel soft --memory 16777216 "$@" < /dev/null; }

@test "disks are read and written where the guest says" {
    media option=--floppy option=small option=--hda option=disk ask=r11 ask=w12X ask=r12 ask=w83Y ask=r83 end
    assert_status 0
    assert_output "ready
00 53
00 58
00 58
00 59
00 59
0 poweroff"
    assert_equal "$(head -c 1024 small | tail -c 512 | tr -d X | wc -c) $(head -c 1536 disk | tail -c 512 | tr -d Y | wc -c)" "0 0"
    assert_equal "$(stat -c %s small disk | xargs)" "737280 1048576"
}

@test "media are put in, changed and taken out while it runs" {
    media ask=r11 insert=1:small ask=r11 insert=1:blank ask=r11 insert=1:small,ro ask=w12Z eject=1 ask=r11 eject=1 insert=2:disc eject=2 end
    assert_status 0
    # c0: no medium; 03: write protected.
    assert_output "ready
c0 00
0
00 53
0
00 00
0
03 5a
0
c0 00
ENOMEDIUM the drive is empty
0
0
0 poweroff"
    assert_equal "$(tail -c +2 small | tr -d '\0' | wc -c)" 0
}

@test "what is no medium of a drive is refused, and what was in it stays" {
    media insert=1:small insert=1:odd insert=1:disc insert=1:/dev/null insert=2:odd insert=3:small eject=7 ask=r11 end
    assert_status 0
    assert_output "ready
0
EINVAL its size is no floppy disk's that fits the drive
EINVAL its size is no floppy disk's that fits the drive
EINVAL its size is no floppy disk's that fits the drive
EINVAL its size is no CD-ROM's
ENODEV there is no such drive
ENODEV there is no such drive
00 53
0 poweroff"
}

@test "strangers on the socket of media get nothing and delay nobody" {
    media junk silent=6 insert=1:small ask=r11 descriptors end
    assert_status 0
    assert_equal "$(sed -n '2,3p; 5p' <<<"$output")" "0
00 53
0 poweroff"
    # Connections have four numbers from 24 on; no file of the strangers' is left.
    assert_equal "$(sed -n 4p <<<"$output" | tr ' ' '\n' | awk '{ print $1 < 24 ? "low" : $1 < 32 ? "connection" : $1 }' | sort | uniq -c | xargs)" \
        "1 40 1 41 4 connection 24 low"
}

@test "a machine goes on from a snapshot with the media that are there then" {
    media insert=1:small ask=r11 "snapshot=$PWD/file" ask=r11 restore=file insert=1:small ask=r11 end
    assert_status 0
    assert_output "ready
0
00 53
snapshot 0
00 53
0
00 53
0 poweroff"
    vm --restore file --hda disk
    assert_status 126
    assert_contains "--hda: it was made without a disk"
    run timeout -k 1 20 "$VMM" --accel soft --restore file < /dev/null
    assert_status 126
    assert_contains "--firmware: this was made with one"
}

@test "a write without room on the host waits, and loses nothing" {
    require_root
    run timeout -k 1 110 unshare -m python3 "$MOAT_SRC/tests/cli/vmm_media.py" "$VMM" boot "full=$PWD/little" option=--floppy "option=$PWD/little/floppy" \
        tell=w15R "said=floppy1: no room on the host" "snapshot=$PWD/file" "free=$PWD/little" hear ask=r15 "said=there is room again" end
    assert_status 0
    assert_output "ready
said
snapshot -28
00 52
00 52
said
0 poweroff"
}

@test "a disk is one machine's, and two may share one that both only read" {
    local row
    # The locks are of open files, so another opener stands for another machine.
    exec 7<> blank 8< small
    flock_ofd 7 write
    flock_ofd 8 read
    for row in "--floppy blank" "--floppy blank,ro" "--hda blank" "--cdrom blank" "--floppy small" "--hda small"; do
        # shellcheck disable=SC2086
        vm $row
        assert_status 126
        assert_contains "another machine has it (a disk is one machine's; two may share one that is read-only for both)"
    done
    exec 7>&-
    media option=--floppy option=small,ro option=--hda option=blank ask=r11 ask=r81 insert=0:boot end
    assert_output "ready
00 53
00 00
0
0 poweroff"
    exec 8>&-
    run timeout -k 1 20 "$VMM" --accel soft --kernel "$MOAT_BUILD/tests/machine/machine-guest" --append o --disk blank --disk blank < /dev/null
    assert_status 126
    assert_contains "blank: another machine has it"
    run timeout -k 1 20 "$VMM" --accel soft --kernel "$MOAT_BUILD/tests/machine/machine-guest" --append o --disk blank,ro --disk blank,ro < /dev/null
    assert_status 0
}

# flock_ofd FD read|write: as moat-vmm locks it
flock_ofd()
{
    python3 -c 'import fcntl, struct, sys
fcntl.fcntl(int(sys.argv[1]), 37, struct.pack("hhqqi4x", fcntl.F_RDLCK if sys.argv[2] == "read" else fcntl.F_WRLCK, 0, 0, 0, 0))' "$1" "$2"
}

@test "images of other sizes, and files that cannot be written, are refused by name" {
    local row
    for row in "--floppy odd:odd: 1000 bytes are no floppy disk's size: there are 160, 180" "--hda odd:odd: 1000 bytes are no disk" \
        "--cdrom odd:odd: 1000 bytes are no CD-ROM" "--floppy .:.: it is neither a file" \
        "--floppy .,ro:.: it is neither a file nor a block device" "--hda empty:empty: 0 bytes are no disk"; do
        : > empty
        # shellcheck disable=SC2086
        vm ${row%%:*}
        assert_status 126
        assert_contains "moat-vmm: ${row#*:}"
    done
    want=127 vm --floppy nowhere
    assert_contains "nowhere: open the disk: No such file"
    [ "$(id -u)" = 0 ] || skip "as another user: it takes root to become one"
    chmod 777 . && chmod 444 blank
    run setpriv --reuid 65534 --regid 65534 --clear-groups timeout -k 1 20 "$VMM" --machine pc --firmware "$FIRMWARE" --accel soft --floppy blank < /dev/null
    assert_status 126
    assert_contains "blank: open it for writing (with ,ro behind its name it is only read): Permission denied"
}

@test "the live filters of a PC let their lists pass and nothing else" {
    require_root
    media filters end
    [[ "$output" != *"machine 3"* ]] || skip "this kernel does not hand filters out (CONFIG_CHECKPOINT_RESTORE)"
    assert_output "ready
machine 0
io 0
0 poweroff"
    run python3 "$MOAT_SRC/tests/cli/vmm_filter.py" media < io.json
    assert_status 0
    assert_equal "$(LC_ALL=C sort <<<"$output")" "allowed accept4
allowed close
allowed dup2
allowed exit_group
allowed fdatasync
allowed getrandom
allowed ioctl
allowed lseek
allowed ppoll
allowed preadv
allowed pwritev
allowed read
allowed readv
allowed recvmsg
allowed write
allowed writev
ok 37"
}
