#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat-vmm by hand: a kernel of tests/machine, whose command line is a letter, and its exact end.
bats_require_minimum_version 1.5.0
load ../lib

VMM=$MOAT_BUILD/libexec/moat-vmm
GUEST=$MOAT_BUILD/tests/machine/machine-guest

setup()
{
    cd "$BATS_TEST_TMPDIR" || return
    pid=
}

teardown()
{
    [ -z "$pid" ] && return
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

# vmm LETTER OPTION...
vmm() { run --separate-stderr timeout -k 1 60 "$VMM" --accel soft --kernel "$GUEST" --append "$@" < "${input:-/dev/null}"; }

# in_background LETTER OPTION...: its pid is $pid, what it prints is in out and err.
in_background()
{
    rm -f out # of the last one, who was ready too
    env --default-signal=INT "$VMM" --accel soft --kernel "$GUEST" --append "$@" > out 2> err 3>&- < /dev/null &
    pid=$!
    wait_for 20 grep -qs ready out
}

io_process() { pgrep -P "$pid"; }
has_ended() { ! kill -0 "$1" 2> /dev/null || [ "$(cut -d' ' -f3 "/proc/$1/stat")" = Z ]; }

@test "a machine ends as its guest ends it" {
    local row
    for row in o:0 r:0 p:1 t:1; do
        vmm "${row%:*}"
        assert_status "${row#*:}"
    done
    vmm x --machine kut
    assert_status 11
    vmm unknown
    assert_output "no such letter"
}

@test "what cannot be run is said in one sentence" {
    run timeout 20 "$VMM"
    assert_status 125
    run timeout 20 "$VMM" --kernel
    assert_status 125
    assert_output "moat-vmm: --kernel: wants a value"
    run -127 timeout 20 "$VMM" --kernel nowhere
    assert_contains "moat-vmm: nowhere: open it"
    run timeout 20 "$VMM" --kernel /dev/null
    assert_status 126
    head -c 5000 /dev/zero > zeros
    run timeout 20 "$VMM" --kernel zeros
    assert_status 126
    assert_contains "moat-vmm: zeros: "
    run -127 timeout 20 "$VMM" --kernel "$GUEST" --disk nowhere
    run timeout 20 "$VMM" --kernel "$GUEST" --disk .
    assert_status 126
    run timeout 20 "$VMM" --kernel "$GUEST" --control-fd 0 < /dev/null
    assert_status 125
    run timeout 20 "$VMM" --kernel "$GUEST" --mac 01:00:00:00:00:00
    assert_status 125
}

@test "a serial port's bytes arrive whole and in order, however slowly they are read" {
    want=$(python3 -c 'import hashlib; print(hashlib.md5(bytes((i + 1) & 255 for i in range(300000))).hexdigest())')
    assert_equal "$("$VMM" --accel soft --kernel "$GUEST" --append f < /dev/null | md5sum)" "$want  -"
    assert_equal "$("$VMM" --accel soft --kernel "$GUEST" --append f < /dev/null | (sleep 0.5; md5sum))" "$want  -"
    "$VMM" --accel soft --kernel "$GUEST" --append f < /dev/null > file
    assert_equal "$(md5sum < file)" "$want  -"
}

@test "standard input reaches the serial port, byte by byte as it has room" {
    head -c 20000 /dev/zero | tr '\0' 'a-p' > text
    echo q >> text
    input=text vmm e
    assert_status 0
    assert_equal "$(printf '%s' "${output#ready?}" | md5sum)" "$(head -c 20000 text | md5sum)"
}

@test "--debug names registers that nobody has" {
    vmm n --debug
    assert_status 0
    grep -q "port: 0x4321" <<<"$stderr"
    grep -q "address: 0xf0000000 0xf0000000" <<<"$stderr"
    vmm n
    assert_equal "$stderr" ""
}

@test "--console says where the serial port's bytes go" {
    vmm f --console none
    assert_status 0
    assert_equal "$output$stderr" ""
    vmm unknown --console stderr
    assert_equal "$stderr" "no such letter"
    assert_output ""
}

# ---- the channel ------------------------------------------------------------------------------------------------

@test "the channel carries output, errors, input and the exit status" {
    printf abcdef > text
    input=text vmm c --channel
    assert_status 42
    assert_output outabcd
    assert_equal "$stderr" err
}

@test "signals are the guest's program's through the channel" {
    in_background g --channel
    kill -HUP "$pid"
    wait_for 20 grep -q "ready1" out
    kill -USR1 "$pid"
    wait_for 20 grep -q "ready1:" out # '0' + 10
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    pid=
    assert_equal "$status" 0
}

# ---- the end from outside ---------------------------------------------------------------------------------------

@test "without a channel a signal presses the button, and the next one ends the machine" {
    local letter
    for letter in i s; do
        in_background $letter
        kill -TERM "$pid"
        sleep 0.2
        kill -0 "$pid"
        kill -TERM "$pid"
        status=0
        wait "$pid" || status=$?
        assert_equal "$status" 143
    done
    in_background s
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    pid=
    assert_equal "$status" 130
}

@test "neither process outlives the other" {
    local io
    in_background s
    io=$(io_process)
    kill -9 "$pid"
    wait_for 10 has_ended "$io"
    in_background i
    kill -9 "$(io_process)"
    status=0
    wait "$pid" || status=$?
    pid=
    assert_equal "$status" 125
}

@test "the control descriptor ends a machine and tells how it ended" {
    run timeout -k 1 60 python3 "$MOAT_SRC/tests/cli/vmm_control.py" "$VMM" "$GUEST" i signal=9 end
    assert_status 0
    assert_output "answer 0
end 137 killed
status 137"
    run timeout -k 1 60 python3 "$MOAT_SRC/tests/cli/vmm_control.py" "$VMM" "$GUEST" e junk signal=70 type=7 version signal=15 input=q end
    assert_status 0
    assert_output "answer Invalid argument
answer Operation not supported
answer Protocol not supported
answer 0
end 0 poweroff
status 0"
}

@test "a machine goes on from a snapshot, as often as one likes" {
    run timeout -k 1 60 python3 "$MOAT_SRC/tests/cli/vmm_snapshot.py" "$VMM" "$GUEST" "$PWD/file" 10
    assert_status 0
    assert_output "before
snapshot 0
after 0 poweroff
second 0 poweroff
third 0 poweroff
of 10 others 0"
    # What is empty of 32 MiB is not in the file.
    [ "$(stat -c '%b' file)" -lt 4096 ]
    run timeout -k 1 20 "$VMM" --accel soft --restore file --memory 67108864 < /dev/null
    assert_status 126
    assert_contains "--memory: it was made with another size"
    run timeout -k 1 20 "$VMM" --accel soft --restore file --channel < /dev/null
    assert_status 126
    printf x | dd of=file bs=1 seek=5000 conv=notrunc status=none # a record
    run timeout -k 1 20 "$VMM" --accel soft --restore file < /dev/null
    assert_status 126
    assert_contains "checksum"
    truncate -s 100000 file
    run timeout -k 1 20 "$VMM" --accel soft --restore file < /dev/null
    assert_status 126
    assert_contains "damaged"
    run timeout -k 1 20 "$VMM" --accel soft --restore "$GUEST" < /dev/null
    assert_status 126
    assert_contains "no snapshot"
}

# ---- what the processes have ------------------------------------------------------------------------------------

@test "a snapshot waits for nobody who does not read" {
    run timeout -k 1 110 python3 "$MOAT_SRC/tests/cli/vmm_stuck.py" "$VMM" "$GUEST" "$PWD/file"
    assert_status 0
    assert_output "stuck 0 0
whole True 0 poweroff
rest True 0 poweroff"
}

# The rate is in the header and in the clock's record: a snapshot of elsewhere is made of one of here.
@test "a snapshot of a host whose counter runs at another rate goes on in software, and is refused by name with KVM" {
    run timeout -k 1 110 python3 "$MOAT_SRC/tests/cli/vmm_rate.py" "$VMM" "$GUEST" "$PWD/file"
    assert_status 0
    assert_output "twice: hello 0 poweroff
a quarter: hello 0 poweroff"
    [ -r /dev/kvm ] && [ -w /dev/kvm ] || skip "the refusal needs /dev/kvm"
    run timeout -k 1 20 "$VMM" --accel kvm --restore file < /dev/null
    assert_status 126
    assert_contains "counter (TSC) ran at another rate"
}

@test "the machine process has no file, and the I/O process none but what it serves" {
    truncate -s 1M disk
    in_background i --disk disk
    run bash -c "cd /proc/$pid/fd && for f in *; do echo \$f \$(readlink \$f); done"
    assert_equal "$(sed 's/:\[[0-9]*\]//' <<<"$output")" "3 anon_inode:[eventfd]
4 pipe
8 anon_inode:[eventfd]
9 anon_inode:[eventfd]"
    run bash -c "cd /proc/$(io_process)/fd && for f in *; do echo \$f \$(readlink \$f); done"
    assert_contains "32 $PWD/disk"
    assert_equal "$(cut -d' ' -f1 <<<"$output" | sort -n | tr '\n' ' ')" "0 1 2 3 4 8 9 32 "
    run grep -h -E 'CapEff|CapPrm|NoNewPrivs|Seccomp:' "/proc/$pid/status" "/proc/$(io_process)/status"
    assert_equal "$(awk '{ print $2 }' <<<"$output" | tr '\n' ' ')" "0000000000000000 0000000000000000 1 2 0000000000000000 0000000000000000 1 2 "
    # Threads are not left out.
    run grep -h Seccomp: /proc/"$(io_process)"/task/*/status
    assert_equal "$(sort -u <<<"$output")" "Seccomp:	2"
}

@test "the live filters let their lists pass and nothing else" {
    require_root
    truncate -s 1M disk
    in_background i --disk disk
    run python3 "$MOAT_SRC/tests/cli/installed_filter.py" "$pid"
    [ "$status" != 3 ] || skip "this kernel does not hand filters out (CONFIG_CHECKPOINT_RESTORE)"
    assert_status 0
    run python3 "$MOAT_SRC/tests/cli/vmm_filter.py" machine <<<"$output"
    assert_status 0
    assert_equal "$(LC_ALL=C sort <<<"$output")" "allowed clock_gettime
allowed exit_group
allowed getrandom
allowed ppoll
allowed read
allowed rt_sigreturn
allowed write
ok 33"
    run python3 "$MOAT_SRC/tests/cli/installed_filter.py" "$(io_process)"
    assert_status 0
    run python3 "$MOAT_SRC/tests/cli/vmm_filter.py" io <<<"$output"
    assert_status 0
    assert_equal "$(LC_ALL=C sort <<<"$output")" "allowed exit_group
allowed fallocate
allowed fdatasync
allowed getrandom
allowed ioctl
allowed ppoll
allowed preadv
allowed pwritev
allowed read
allowed readv
allowed write
allowed writev
ok 39"
}

@test "the list in the README is that of the filters' rows" {
    rows=$(grep -oE 'FILTER_(MACHINE|IO), SYS_[a-z_]+' "$MOAT_SRC/src/machine/filter.c" | sed 's/FILTER_//; s/, SYS_/ /' | sort -u)
    readme=$(sed -n '/^## What passes/,/^## Exit/p' "$MOAT_SRC/src/machine/README.md")
    machine=$(sed '/^In the I.O process/,$d' <<<"$readme" | grep '^| `' | cut -d'|' -f2 | grep -oE '[a-z_]+' | sed 's/^/MACHINE /')
    io=$(sed -n '/^In the I.O process/,$p' <<<"$readme" | grep -oE '`[a-z_]+[0-9]*`' | tr -d '`0-9' | sed 's/^/IO /')
    assert_equal "$rows" "$(printf '%s\n' "$machine" "$io" | sort -u)"
}
