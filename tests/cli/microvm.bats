#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b microvm: images behind a Linux of their own, on our own processor; kernels and initramfs of the user's.
# The kernel is Debian's (tests/kernel).
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    require_command cpio cpio
    KERNEL=$("$MOAT_SRC/tests/kernel" 2> /dev/null) || skip "no kernel could be had: tests/kernel says why"
    KERNEL=$(find "$KERNEL/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)
    export KERNEL
}

setup() { run_setup; }

teardown() { run_teardown; }

vm() { run --separate-stderr timeout 120 "$MOAT" run --rm -b microvm --accel soft --kernel "$KERNEL" "$@"; }

@test "output, error and exit status are the program's" {
    vm busybox sh -c 'echo out; echo err >&2; exit 7'
    assert_status 7
    assert_output out
    [ "$stderr" = err ]
}

@test "standard input reaches the program, and so does its end" {
    run --separate-stderr sh -c 'printf "one\ntwo\n" | timeout 120 "$0" run -i --rm -b microvm --accel soft --kernel "$1" busybox wc -l' "$MOAT" "$KERNEL"
    assert_status 0
    assert_output 2
}

@test "user, directory, variables and host name are as asked for" {
    vm -u 7:8 -w /tmp -e A='b c' --hostname inside busybox sh -c 'id -u; id -g; pwd; echo "$A"; hostname; uname -s'
    assert_status 0
    assert_output "7
8
/tmp
b c
inside
Linux"
}

@test "a program that is not there is 127, one that cannot be run 126, as in a container" {
    run -127 --separate-stderr timeout 120 "$MOAT" run --rm -b microvm --accel soft --kernel "$KERNEL" busybox nothing-of-that-name
    [[ $stderr == *"executable file not found in \$PATH"* ]]
    vm busybox /etc
    assert_status 126
}

@test "a program that dies of a signal is 128 and the signal" {
    vm busybox sh -c 'kill -SEGV $$'
    assert_status 139
}

@test "home, host name and a read-only root are as in a container" {
    vm --read-only --hostname here busybox sh -c 'echo "$HOME"; hostname; touch /x'
    assert_status 1
    assert_output "/root
here"
    [[ $stderr == *"Read-only file system"* ]]
}

@test "who stops reading ends a program that writes, and a time limit one that sleeps" {
    run bash -c 'timeout 60 "$0" run --rm -b microvm --accel soft --kernel "$1" busybox yes | head -n 1' "$MOAT" "$KERNEL"
    assert_output y
    vm --timeout 3 busybox sleep 100
    assert_status 124
}

@test "ten thousand lines come out whole" {
    vm busybox sh -c 'seq 10000 | tee /dev/stderr'
    assert_status 0
    [ "$output" = "$(seq 10000)" ]
    [ "$stderr" = "$(seq 10000)" ]
}

@test "the guest sees no file of the host and nothing of what brought it there" {
    vm busybox sh -c 'ls -a /; ls /.moat 2>&1; cat /proc/1/comm'
    assert_status 0
    [[ $output != *initrd* && $output != *kernel* ]]
    [[ $output == *"No such file"* ]]
}

@test "its memory is what was asked for, and no more" {
    vm -m 96m busybox sh -c 'grep MemTotal /proc/meminfo | tr -dc 0-9'
    assert_status 0
    [ "$output" -gt 30000 ]
    [ "$output" -le 98304 ]
}

@test "three boundaries, one image: equal output and exit status" {
    local b options
    for b in container unikernel microvm; do
        options=()
        [ "$b" != microvm ] || options=(--accel soft --kernel "$KERNEL")
        run --separate-stderr timeout 120 "$MOAT" run --rm -b "$b" "${options[@]}" busybox sh -c 'echo "$0 $1"; read -r line < /etc/passwd; echo "$line"; exit 3' a b
        assert_status 3
        [ -n "${first+x}" ] || first=$output
        [ "$output" = "$first" ]
    done
}

@test "a kernel with an initramfs of the user's: its console, and power-off ends it with 0" {
    local root=$BATS_TEST_TMPDIR/root
    mkdir -p "$root/bin"
    cp "$(command -v busybox)" "$root/bin/busybox"
    printf '#!/bin/busybox sh\n/bin/busybox echo init: $((6 * 7))\n/bin/busybox poweroff -f\n' > "$root/init"
    chmod +x "$root/init"
    (cd "$root" && find . | cpio -o -H newc --quiet) > initrd
    vm --initrd initrd --append quiet
    assert_status 0
    [[ $output == *"init: 42"* ]]
}

@test "a kernel that panics ends the machine with 1" {
    vm --append quiet
    assert_status 1
}

# ---- devices ------------------------------------------------------------------------------------------------------

# 256 MiB where loops are whole (--full), else 8.
@test "what is written to a disk is on it after a power-off, and in the next machine" {
    local mib=8 sum bytes
    [ "${MOAT_TEST_SCALE:-1}" -lt 50 ] || mib=256
    bytes=$((mib << 20))
    truncate -s "$bytes" disk
    vm -m 256m --disk disk busybox sh -c "yes 0123456789abcdef | head -c $bytes > /dev/vda && sync && sha256sum < /dev/vda"
    assert_status 0
    sum=${output%% *}
    [ "$(sha256sum < disk)" = "$sum  -" ]
    [ "$(yes 0123456789abcdef | head -c "$bytes" | sha256sum)" = "$sum  -" ]
    vm -m 256m --disk disk,ro busybox sh -c 'sha256sum < /dev/vda; echo x > /dev/vda'
    [ "${output%% *}" = "$sum" ]
    [ "$(sha256sum < disk)" = "$sum  -" ]
}

# The host of this network is a namespace of its own.
@test "a file comes whole over the network card" {
    require_command ip iproute2
    mkdir web
    head -c 4000000 /dev/urandom > web/file
    cat > inside <<'END'
ip link set lo up && ip tuntap add dev mvt0 mode tap && ip addr add 192.0.2.1/24 dev mvt0 && ip link set mvt0 up || exit 99
busybox httpd -f -p 192.0.2.1:8000 -h web &
server=$!
timeout 120 "$MOAT" run --rm -b microvm --accel soft --kernel "$KERNEL" --network tap=mvt0 busybox sh -c \
    'ip link set eth0 up && ip addr add 192.0.2.2/24 dev eth0 && wget -q -O /file http://192.0.2.1:8000/file && sha256sum < /file'
status=$?
kill "$server"
exit $status
END
    run --separate-stderr unshare --net bash inside
    assert_status 0
    assert_output "$(sha256sum < web/file)"
}

# ---- refusals -----------------------------------------------------------------------------------------------------

refused()
{
    local sentence=$1
    shift
    run --separate-stderr "$MOAT" run --rm "$@"
    assert_status 125
    [[ $stderr == *"$sentence"* ]]
}

@test "what a machine cannot have is refused by name, with what would do it" {
    refused "--volume: a machine sees the files of its image" -b microvm -v /tmp:/tmp busybox true
    refused "--network: a machine has a network of its own" -b microvm --network host busybox true
    refused "--network tap=x: a machine alone" --network tap=x busybox true
    refused "--kernel, --initrd, --append" --type image --kernel /boot/vmlinuz busybox true
    refused "--tty: a machine's program has standard streams" -t -b microvm busybox true
    refused "16m is the least" -b microvm -m 5m busybox true
    refused "--memory -1: a machine's memory has a size" -b microvm -m -1 busybox true
    refused "--accel turbo: auto, kvm or soft" -b microvm --accel turbo busybox true
    refused "--machine pc: micro, kut" -b microvm --machine pc busybox true
    refused "--kernel /nope: No such file" -b microvm --kernel /nope
    refused "--initrd: an image is its own first root" -b microvm --initrd /etc/passwd busybox true
    refused "--disk /nope: No such file" -b microvm --disk /nope busybox true
    refused "there is no such interface" -b microvm --network tap=nope0 busybox true
}

@test "a file that is no kernel is named" {
    echo nothing > file
    vm --kernel file
    assert_status 126
    [[ $stderr == *"not a kernel that can be entered"* ]]
    head -c 600000 "$KERNEL" > cut
    refused "it is cut short" -b microvm --kernel cut
    [ -z "$(ls "$MOAT_CACHE_DIR/microvm" 2> /dev/null | grep -v '\.boot$')" ]
}

@test "explain says what enforces each item" {
    run "$MOAT" explain -b microvm --kernel "$KERNEL" -m 64m busybox true
    assert_status 0
    [[ $output == *"guest's memory"*"64 MiB"* ]]
    [[ $output == *"the guest's own kernel; none of"* ]]
}

# ---- snapshots ----------------------------------------------------------------------------------------------------

# machine NAME COMMAND...: one that runs and answers what it reads.
machine()
{
    "$MOAT" run -d -i --name "$1" -b microvm --accel soft --kernel "$KERNEL" -m 128m busybox "${@:2}" > /dev/null
    speaks() { "$MOAT" logs "$1" | grep -q ready; }
    wait_for 90 speaks "$1"
}

@test "a snapshot is gone on from, twice, with the memory that it had and the time that it is" {
    machine one sh -c 'x=$((6 * 7)); echo ready; read -r line; echo "$line $x $(date +%s)"; exit 5'
    "$MOAT" snapshot one kept
    [ "$("$MOAT" snapshot --list --json | jq -r '.[].name')" = kept ]
    local turn began
    for turn in 1 2; do
        began=$(date +%s)
        run --separate-stderr sh -c 'echo "said $2" | timeout 60 "$0" restore --rm -i --accel soft "$1"' "$MOAT" kept "$turn"
        assert_status 5
        [[ $output == "said $turn 42 "* ]]
        [ "${output##* }" -ge "$((began - 1))" ]
    done
    "$MOAT" kill one > /dev/null
    "$MOAT" rm -f one > /dev/null
    "$MOAT" snapshot --rm kept
    [ -z "$(ls "$MOAT_DATA_DIR/snapshots")" ]
}

@test "a machine is saved while it starts, and goes on from there" {
    "$MOAT" run -d --name early -b microvm --accel soft --kernel "$KERNEL" -m 128m busybox sh -c 'echo came so far; exit 6' > /dev/null
    "$MOAT" snapshot --end early begun
    run --separate-stderr timeout 120 "$MOAT" restore --rm --accel soft begun
    assert_status 6
    assert_output "came so far"
    "$MOAT" snapshot --rm begun
    "$MOAT" rm -f early > /dev/null
}

@test "a machine is saved whose output nobody reads" {
    mkfifo pipe
    exec 7<> pipe
    "$MOAT" run --rm --name unread -b microvm --accel soft --kernel "$KERNEL" -m 128m busybox yes > pipe 2> err 3>&- 7>&- &
    # What finds no room more finds the pipe full; what finds some is one byte of what nobody reads.
    full() { ! dd if=/dev/zero of=pipe oflag=nonblock bs=4096 count=1 2> /dev/null && "$MOAT" ps -q --filter name=unread | grep -q .; }
    wait_for 90 full
    run timeout 60 "$MOAT" snapshot unread kept
    assert_status 0
    assert_output kept
    "$MOAT" kill unread > /dev/null
    wait $! || true
    exec 7<&-
    "$MOAT" snapshot --rm kept
}

@test "what is wrong with a snapshot is said" {
    run --separate-stderr "$MOAT" restore --rm nothing
    assert_status 125
    [[ $stderr == *"there is no snapshot nothing"* ]]
    run --separate-stderr "$MOAT" snapshot nobody
    assert_status 1
    "$MOAT" run -d --name plain busybox sleep 1000 > /dev/null
    run --separate-stderr "$MOAT" snapshot plain
    assert_status 1
    [[ $stderr == *"boundary container has no snapshots: -b microvm has"* ]]
    "$MOAT" rm -f plain > /dev/null
    mkdir -p "$MOAT_DATA_DIR/snapshots/bad"
    echo '{"version": 1, "memory": 16777216, "words": ["--accel", "soft"], "disks": []}' > "$MOAT_DATA_DIR/snapshots/bad/snapshot.json"
    head -c 8192 /dev/zero > "$MOAT_DATA_DIR/snapshots/bad/state"
    run --separate-stderr "$MOAT" restore --rm bad
    [ "$status" -ne 0 ]
    [[ $stderr == *snapshot* ]]
    "$MOAT" snapshot --rm bad
}

@test "how a machine ended is told: power-off, panic" {
    "$MOAT" run -d --name off -b microvm --accel soft --kernel "$KERNEL" busybox sh -c "busybox poweroff -f; sleep 100" > /dev/null
    run timeout 90 "$MOAT" wait off; assert_output 0
    [ "$("$MOAT" inspect off | jq -r ".[0].State.ExitReason")" = poweroff ]
    "$MOAT" run -d --name panics -b microvm --accel soft --kernel "$KERNEL" --append quiet > /dev/null
    run timeout 90 "$MOAT" wait panics
    assert_output 1
    [ "$("$MOAT" inspect panics | jq -r ".[0].State.ExitReason")" = panic ]
    "$MOAT" rm off panics > /dev/null
}
