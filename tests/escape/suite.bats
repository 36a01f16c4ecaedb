#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The whole table of escape probes (guest/probe) behind each boundary that runs Linux programs: every probe succeeds
# unconfined, none confined, three times over; and a boundary with its guards off is seen to leak.
bats_require_minimum_version 1.5.0
load escape

setup_file()
{
    require_root
    require_file "$MOAT_BUSYBOX/bin/busybox"
    require_command jq
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    "$MOAT" run --rm busybox true # the embedded image enters the store
}

setup() { dir=$BATS_TEST_TMPDIR; }

# probe_boundary NAME [OPTION...]: the document in $dir/out
probe_boundary()
{
    local name=$1
    shift
    run --separate-stderr "$MOAT" probe -b "$name" --json "$@"
    # shellcheck disable=SC2154 # bats sets it
    [ -z "$stderr" ] || { status=125 output=$stderr; report_run "moat probe: an error of its own"; }
    printf '%s\n' "$output" > "$dir/out"
}

of() { jq -r "$1" "$dir/out"; }
escaped() { of '[.probes[] | select(.confined == "escaped") | .id] | join(" ")'; }
unproven() { of '[.probes[] | select(.unconfined == "blocked" or .unconfined == "lost" or .confined == "lost") | .id] | join(" ")'; }

# nothing_escapes NAME [OPTION...]: TIMES, or three times
nothing_escapes()
{
    local i
    for i in $(seq "${TIMES:-3}"); do
        probe_boundary "$@"
        assert_equal "run $i escaped: $(escaped)" "run $i escaped: "
        assert_equal "run $i unproven: $(unproven)" "run $i unproven: "
        assert_status 0
        [ "$(of .counts.blocked)" -ge 120 ] || { echo "only $(of .counts.blocked) probes are live here" >&2; return 1; }
    done
    echo "# $1: $(of .counts.blocked) blocked; not in this kernel: $(of '[.probes[] | select(.unconfined == "absent") | .id] | join(" ")')" >&3
}

built() { "$MOAT" boundaries --json | jq -e --arg b "$1" '.[] | select(.name == $b) | .available' >/dev/null || skip "the boundary $1 is not in this build, or not on this host"; }

@test "behind the container nothing escapes, three times" { nothing_escapes container; }

@test "behind the broker nothing escapes, three times" {
    built broker
    nothing_escapes broker
}

# What a kernel of its own does to itself is blocked by the table's word alone, so here the host says what it has of it.
@test "behind the unikernel nothing escapes, three times, and the host's kernel is as it was" {
    built unikernel
    local before
    kernel_state() { cat /proc/self/mountinfo /proc/sys/kernel/{hostname,domainname,printk,randomize_va_space}; ipcs -a; }
    before=$(kernel_state)
    nothing_escapes unikernel
    assert_equal "$(kernel_state)" "$before"
    # Attempts that end the sandbox do not hide those behind them.
    [ "$(of '[.probes[] | select(.confinedSaw // "" | startswith("the sandbox ended"))] | length')" -ge 6 ]
}

@test "behind the sentry nothing escapes, three times, and the host's kernel is as it was" {
    built sentry
    local before
    kernel_state() { cat /proc/self/mountinfo /proc/sys/kernel/{hostname,domainname,printk,randomize_va_space}; ipcs -a; }
    before=$(kernel_state)
    nothing_escapes sentry
    assert_equal "$(kernel_state)" "$before"
    [ "$(of '[.probes[] | select(.confinedSaw // "" | startswith("by a kernel of its own"))] | length')" -ge 5 ]
}

@test "guard off: what a sentry's program does to its own kernel is done" {
    built sentry
    mkdir "$dir/root"
    cp "$MOAT_BUILD/libexec/moat-probe" "$dir/root/"
    sentry() { run "$MOAT" run --rm -b sentry "$dir/root" /moat-probe run "$@" personality key-add kernel-log; }
    sentry
    [ "$(grep -c $'\tescaped\t' <<< "$output")" = 3 ]
    sentry "boot=$(cat /proc/sys/kernel/random/boot_id)"
    [ "$(grep -c $'\tblocked\tby a kernel of its own' <<< "$output")" = 3 ]
}

with_kernel()
{
    local root
    built microvm
    root=$("$MOAT_SRC/tests/kernel" 2> /dev/null) || skip "no kernel could be had: tests/kernel says why"
    kernel=$(find "$root/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)
}

# Once, since this boots; with --full three times.
machine_escapes()
{
    with_kernel
    built "$1"
    local before
    kernel_state() { cat /proc/self/mountinfo /proc/sys/kernel/{hostname,domainname,printk,randomize_va_space}; ipcs -a; }
    before=$(kernel_state)
    [ "${MOAT_TEST_SCALE:-1}" -ge 50 ] || export TIMES=1
    nothing_escapes "$1" --accel soft --kernel "$kernel"
    assert_equal "$(kernel_state)" "$before"
    [ "$(of '[.probes[] | select(.confinedSaw // "" | startswith("by a kernel of its own"))] | length')" -ge 80 ]
}

@test "behind the microvm nothing escapes, and the host's kernel is as it was" { machine_escapes microvm; }
@test "behind the vm nothing escapes, and the host's kernel is as it was" { machine_escapes vm; }

# By its boot_id it is another kernel even where it is of the host's version.
@test "guard off: what a machine does to its own kernel is done" {
    with_kernel
    mkdir "$dir/root"
    cp "$MOAT_BUILD/libexec/moat-probe" "$dir/root/"
    machine() { run "$MOAT" run --rm -b microvm --accel soft --kernel "$kernel" "$dir/root" /moat-probe run "$@" module-load host-name fsmount; }
    machine
    [ "$(grep -c $'\tescaped\t' <<< "$output")" = 3 ]
    machine "boot=$(cat /proc/sys/kernel/random/boot_id)"
    [ "$(grep -c $'\tblocked\tby a kernel of its own' <<< "$output")" = 3 ]
}

@test "guard off: what a unikernel does to its own kernel is done" {
    built unikernel
    "$MOAT" pack -q "$MOAT_BUILD/libexec/moat-probe" -o "$dir/probe.moat"
    run "$MOAT" run --rm -b unikernel "$dir/probe.moat" run mount-tmpfs host-name capabilities
    [ "$(grep -c $'\tescaped\t' <<< "$output")" = 3 ]
    run "$MOAT" run --rm -b unikernel "$dir/probe.moat" run "kernel=$(uname -r) $(uname -v)" mount-tmpfs host-name capabilities
    [ "$(grep -c $'\tblocked\tby a kernel of its own' <<< "$output")" = 3 ]
}

@test "guard off: a container without filter, with every capability and the host's namespaces leaks" {
    local caps=() c
    for c in $(all_caps | jq -r '.[]'); do caps+=(--cap-add "$c"); done
    probe_boundary container --security-opt seccomp=unconfined --security-opt systempaths=unconfined --userns host --network host \
        -v "${TMPDIR:-/tmp}:${TMPDIR:-/tmp}" --device /dev/kmsg "${caps[@]}"
    assert_status 1
    # Some of each class that is opened by it. (Mounts are not: Landlock refuses them still.)
    local id got
    got=" $(escaped) "
    for id in file file-write core-pattern file-handle int80-getpid clone-user number-high-bpf bpf-map fsmount reboot \
        loopback-tcp socket-abstract packet-socket uring-open passed-path sysctl-vm unshare-mount dev-kmsg; do
        [[ $got == *" $id "* || $(of ".probes[] | select(.id == \"$id\") | .unconfined") == absent ]] ||
            { echo "not seen to escape: $id; escaped:$got" >&2; return 1; }
    done
}

@test "guard off: one hole alone is seen, and named" {
    probe_boundary container --security-opt seccomp=unconfined
    assert_status 1
    assert_equal "$(of .passed)" false
    [[ " $(escaped) " == *" clone-user "* ]]
    [[ " $(escaped) " != *" mount-tmpfs "* ]]
}

@test "guard off: a file that only confinement stands before is seen where it is shown" {
    probe_boundary container -v "${TMPDIR:-/tmp}:${TMPDIR:-/tmp}:ro" --class names
    assert_status 1
    [[ " $(escaped) " == *" file "* ]]
    [[ " $(escaped) " != *" file-write "* ]]
}

# What was handed over as a stream is no way to more of its file: container root's id is not the owner's, so the files
# here are everybody's.
@test "streams: an input cannot be written, an output cannot be read" {
    local stream
    umask 0
    echo in > "$dir/in"
    echo earlier > "$dir/log"
    "$MOAT" run --rm -i busybox sh -c 'cat /dev/stdin; cat /dev/fd/2; echo changed > /dev/stdin; cat /proc/self/fd/2; true' \
        < "$dir/in" > "$dir/out" 2>> "$dir/log"
    assert_equal "$(cat "$dir/in")" in
    run cat "$dir/out"
    refute_contains earlier
    # and by themselves they stay open
    run "$MOAT" run --rm -i busybox sh -c 'cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr' < "$dir/in"
    assert_success
    for stream in in out err; do assert_contains "$stream"; done
}
