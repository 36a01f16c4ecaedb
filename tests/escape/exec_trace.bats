#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# CVE-2016-9962: a process on its way into a container cannot be traced by those inside before it is one of them.
# Alone: its races are run between two processors.
load escape

setup_file() { build_probes naive exec_trace; }

setup()
{
    require_root
    dir=$BATS_TEST_TMPDIR id=$(new_id)
}

teardown()
{
    delete_container "$id" "$dir/run"
    [ -z "${hunter:-}" ] || kill "$hunter" 2>/dev/null || true
}

hunt()
{
    "$@" > "$dir/hunt" 2> "$dir/hunt.err" 3>&- &
    hunter=$!
    wait_for 5 grep -q ready "$dir/hunt"
}

# hunt_ends ROOT: when all has been done that it is about.
hunt_ends()
{
    touch "$1/stop"
    wait "$hunter" || true
    hunter=
    rm "$1/stop"
}

# Same ids, same capabilities, a filter on what runs inside: only what has not passed the last stage has none.
filtered='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO"}]} | .process.args = ["/exec_trace", "20"]'

@test "exec: no process is traced before its filter is in place" {
    make_bundle "$dir/b" "$filtered"
    cp "$PROBES/exec_trace" "$dir/b/rootfs/"
    hunt "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id"
    for i in {1..150}; do "$MOAT_OCI" --root "$dir/run" exec "$id" sleep 0.01 || true; done
    hunt_ends "$dir/b/rootfs"
    tail -n 5 "$dir/hunt"
    # The hunt worked: it did trace what had arrived.
    grep -q 'TRACED.* seccomp 2' "$dir/hunt"
    ! grep -E 'TRACED.* (name memfd|name moat|seccomp 0)' "$dir/hunt"
}

# CAP_SYS_PTRACE without a user namespace traces everything it sees: it must not see more than the container's own.
@test "exec: nor while it has more capabilities, by one with CAP_SYS_PTRACE" {
    local inside privileges
    for privileges in true false; do
        make_bundle "$dir/b" ".process.args = [\"/exec_trace\", \"20\"] | .process.noNewPrivileges = $privileges
            | .process.capabilities |= map_values(. + [\"CAP_SYS_PTRACE\"])"
        cp "$PROBES/exec_trace" "$dir/b/rootfs/"
        hunt "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id"
        for i in {1..100}; do "$MOAT_OCI" --root "$dir/run" exec "$id" sleep 0.01 || true; done
        inside=$("$MOAT_OCI" --root "$dir/run" exec "$id" sh -c "grep CapEff /proc/self/status" | awk '{ print $2 }')
        hunt_ends "$dir/b/rootfs"
        tail -n 5 "$dir/hunt"
        grep -q "TRACED.* caps $inside" "$dir/hunt"
        ! grep TRACED "$dir/hunt" | grep -v "caps $inside" || return 1
    done
}

@test "guard off: a naive launcher is traced with all it has" {
    make_rootfs "$dir/root"
    cp "$PROBES/exec_trace" "$dir/root/"
    hunt "$PROBES/naive" run "$dir/root" /exec_trace 20
    local pid
    pid=$(awk '/^pid/ { print $2 }' "$dir/hunt.err")
    for i in {1..150}; do "$PROBES/naive" exec "$pid" /bin/sleep 0.01 || true; done
    hunt_ends "$dir/root"
    grep -q 'TRACED.* name naive' "$dir/hunt" || { cat "$dir/hunt" >&2; false; }
}
