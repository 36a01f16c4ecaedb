#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --ioctls: which commands of ioctl(2) may be given. What is not on the list gets ENOTTY (25), with whatever upper bits; the
# flag, a policy file and the kept sandbox's own record mean the same.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    run_setup_file
    require_command python3
}
setup() { run_setup; }
teardown() { run_teardown; }

# Python of the host, behind the broker: prints the errno (0: none) of ioctl(2) by its number on a fresh terminal.
probe='
import ctypes, os, pty, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
master, slave = pty.openpty()
buffer = ctypes.create_string_buffer(64)
number = 16 if os.uname().machine == "x86_64" else 29
for word in sys.argv[1:]:
    ctypes.set_errno(0)
    r = libc.syscall(ctypes.c_long(number), ctypes.c_long(slave), ctypes.c_ulong(int(word, 0)), buffer)
    print(word, ctypes.get_errno() if r < 0 else 0)
'
WINSZ=0x5413 WINSZ_HIGH=0x100005413 FIONREAD=0x541b TIOCGSID=0x5429 STI=0x5412 STI_HIGH=0x100005412

ask() { moat_run "${@:1:$#-1}" -- python3 -c "$probe" ${!#}; }

@test "without a list the profile alone decides" {
    ask -b broker "$WINSZ $WINSZ_HIGH $FIONREAD $STI $STI_HIGH"
    assert_status 0
    assert_output $'0x5413 0\n0x100005413 0\n0x541b 0\n0x5412 1\n0x100005412 1'
}

@test "what is not on the list gets ENOTTY; what the profile refuses keeps its errno" {
    ask -b broker --ioctls pty,TIOCGWINSZ "$WINSZ $WINSZ_HIGH $FIONREAD $STI $STI_HIGH"
    assert_status 0
    assert_output $'0x5413 0\n0x100005413 0\n0x541b 25\n0x5412 1\n0x100005412 1'
}

@test "a list does not open what the profile refuses" {
    ask -b broker --ioctls pty,TIOCSTI,0x5413 "$WINSZ $STI $STI_HIGH"
    assert_output $'0x5413 0\n0x5412 1\n0x100005412 1'
}

@test "a list holds without any profile" {
    ask -b broker --security-opt seccomp=unconfined --ioctls pty,0x5413 "$WINSZ $FIONREAD $STI $STI_HIGH"
    assert_output $'0x5413 0\n0x541b 25\n0x5412 25\n0x100005412 25'
}

@test "a policy file, and a flag over it" {
    echo '{"version": 1, "ioctls": "pty,file"}' > policy.json
    ask -b broker --policy policy.json "$WINSZ $FIONREAD"
    assert_output $'0x5413 25\n0x541b 0'
    ask -b broker --policy policy.json --ioctls pty,tty "$WINSZ $TIOCGSID"
    assert_match '0x5413 0'
    ask -b broker --policy policy.json --ioctls all "$WINSZ $FIONREAD"
    assert_output $'0x5413 0\n0x541b 0'
}

@test "behind the container, also for exec into a kept sandbox" {
    run "$MOAT" run -d --name open busybox sleep 60
    run "$MOAT" run -d --name closed --ioctls file busybox sleep 60
    assert_status 0
    run "$MOAT" exec -t open stty size
    assert_status 0
    run "$MOAT" exec -t closed stty size
    [ "$status" != 0 ]
    assert_contains "Inappropriate ioctl for device"
    "$MOAT" rm -f open closed
    moat_run -t --ioctls tty busybox stty size
    assert_status 0
}

@test "explain names the list and what it does; a word that is not known is refused by name" {
    run "$MOAT" explain --ioctls tty,file
    assert_contains "ioctl commands"
    assert_contains "tty,file ("
    assert_contains "ENOTTY"
    run "$MOAT" explain --ioctls ttyy
    assert_status 125
    assert_contains "did you mean tty?"
    echo '{"version": 1, "ioctls": "tty,0x100005412"}' > bad.json
    run "$MOAT" policy check bad.json
    assert_status 1
    assert_contains "32 bits"
}
