#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a container's root tries (probe.c has the list), as `moat run` and `moat-oci` start it. Every probe has to be seen to
# succeed with its guard off: on this host as root, in namespaces of its own where that keeps it harmless.
bats_require_minimum_version 1.5.0
load escape

setup_file() { build_probes naive probe; }

setup()
{
    require_root
    dir=$BATS_TEST_TMPDIR id=$(new_id)
    echo secret > "$dir/secret"
    sleep 300 3>&- &
    target=$!
    export PROBE_SECRET=$dir/secret PROBE_PID=$target PROBE_ABSTRACT=$id PROBE_BLOCK=
    "$PROBES/probe" listen "$PROBE_ABSTRACT" > "$dir/listener" 3>&- &
    listener=$!
    wait_for 5 grep -q ready "$dir/listener"
    local b # a block device that root may read on this host
    for b in /dev/*; do
        [ -b "$b" ] && head -c 0 "$b" 2>/dev/null && PROBE_BLOCK=$((0x$(stat -c %t "$b"))):$((0x$(stat -c %T "$b"))) && break
    done
}

teardown()
{
    delete_container "$id" "$dir/run"
    kill "${target:-}" "${listener:-}" "${container:-}" 2>/dev/null || true
}

facts() { printf -- '-e %s=%s ' PROBE_SECRET "$PROBE_SECRET" PROBE_PID "$PROBE_PID" PROBE_ABSTRACT "$PROBE_ABSTRACT" PROBE_BLOCK "$PROBE_BLOCK"; }

probe_root()
{
    make_rootfs "$1"
    mkdir -p "$1/tmp" "$1/proc"
    cp "$PROBES/probe" "$1/probe"
}

probe_bundle()
{
    make_bundle "$dir/b" ".root.readonly = false | .process.args = [\"/probe\", \"all\"]
        | .process.env += [\"PROBE_SECRET=$PROBE_SECRET\", \"PROBE_PID=$PROBE_PID\", \"PROBE_ABSTRACT=$PROBE_ABSTRACT\", \"PROBE_BLOCK=$PROBE_BLOCK\"] | ${1:-.}"
    probe_root "$dir/b/rootfs"
}

# assert_refused NAMES...: each of them was refused; nothing else is looked at.
assert_refused()
{
    local name bad=
    assert_success || return
    for name; do
        grep -qE "^$name (REFUSED .*|ABSENT)\$" <<<"$output" || bad+=" $name"
    done
    [ -z "$bad" ] || report_run "expected to be refused:$bad"
    absent=$(awk '/ABSENT$/ { printf " %s", $1 }' <<<"$output")
    [ -z "$absent" ] || echo "# not in this kernel:$absent" >&3
}

# assert_seen NAMES...: the probes are live.
assert_seen()
{
    local name bad=
    for name; do
        grep -qE "^$name (SEEN|ABSENT)\$" <<<"$output" || bad+=" $name"
    done
    [ -z "$bad" ] || report_run "expected to succeed with the guard off:$bad"
}

all_names() { "$PROBES/probe" names | sed 's/^+//'; }
names_without_filter() { "$PROBES/probe" names | grep -v '^+'; }
# names_but NAME...
names_but() { local but; but=$(printf '%s\n' "$@"); all_names | grep -vxF "$but"; }

# A key of the caller is planted in the session keyring around each start.
planted() { "$PROBES/probe" plant "$@"; }

@test "guard off: each probe succeeds on the host" {
    run unshare --mount --ipc --uts --propagation private "$PROBES/probe" plant "$PROBES/probe" all
    assert_seen $(names_but umount-mask chroot-break descriptor-leak)
}

@test "guard off: a mask goes away where root may unmount" {
    probe_bundle '.process.args = ["/probe", "umount-mask"] | .process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])'
    run "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id"
    assert_output "umount-mask SEEN"
}

@test "guard off: chroot alone is left, and a directory that was left open too" {
    probe_root "$dir/root"
    run unshare --mount --propagation private "$PROBES/naive" chroot "$dir/root" /probe chroot-break
    assert_output "chroot-break SEEN"
    run unshare --mount --propagation private "$PROBES/naive" chroot "$dir/root" /probe descriptor-leak 5</
    assert_output "descriptor-leak SEEN"
}

@test "moat run: every probe is refused to container root" {
    probe_root "$dir/root"
    # shellcheck disable=SC2046
    run --separate-stderr planted "$MOAT" run --rm $(facts) --rootfs "$dir/root" /probe all 5</
    assert_refused $(all_names)
}

@test "moat run --cap-add ALL: what is left is the container's own" {
    probe_root "$dir/root"
    # shellcheck disable=SC2046
    run --separate-stderr planted "$MOAT" run --rm --cap-add ALL $(facts) --rootfs "$dir/root" /probe all 5</
    # New namespaces inside one's own, and the end of one's own pid namespace.
    assert_refused $(names_but unshare-mount unshare-net unshare-user clone-user clone3-user reboot)
}

@test "moat-oci run with the default spec: every probe that needs no filter is refused" {
    probe_bundle
    run --separate-stderr planted "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id" 5</
    assert_refused $(names_without_filter)
}

@test "moat-oci exec: every probe that needs no filter is refused" {
    probe_bundle '.process.args = ["sleep", "60"]'
    "$MOAT_OCI" --root "$dir/run" run --detach --bundle "$dir/b" "$id" > /dev/null 2>&1 3>&-
    run --separate-stderr planted "$MOAT_OCI" --root "$dir/run" exec "$id" /probe all 5</
    assert_refused $(names_without_filter)
}

@test "moat-oci run with a filter: the rest is refused too" {
    probe_bundle '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls: [
        {names: ["unshare", "bpf", "perf_event_open", "syslog", "personality", "io_uring_setup", "userfaultfd"], action: "SCMP_ACT_ERRNO"},
        {names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38},
        {names: ["clone"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 268435456, valueTwo: 268435456, op: "SCMP_CMP_MASKED_EQ"}]},
        {names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 38, op: "SCMP_CMP_EQ"}]},
        {names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 40, op: "SCMP_CMP_EQ"}]}]}'
    run --separate-stderr "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id"
    assert_refused $(all_names)
}

# ---- the caller's terminal ---------------------------------------------------------------------------------------

# in_terminal COMMAND: under script(1), then whatever was typed into the shell that waits there.
in_terminal()
{
    require_command script bsdutils
    run timeout 20 script -qec "bash -c '$1; read -r -t 1 typed; echo \"GOT: \$typed\"'" /dev/null < <(sleep 3)
}

@test "guard off: a process of the caller's session types into his terminal" {
    in_terminal "$PROBES/probe terminal type-ahead"
    assert_contains "terminal SEEN"
    assert_contains "type-ahead SEEN"
    assert_contains "GOT: echo TYPED-BY-PROBE"
}

@test "moat run without -t: the caller's terminal is not reached" {
    probe_root "$dir/root"
    in_terminal "$MOAT run --rm -i --rootfs $dir/root /probe terminal type-ahead"
    assert_contains "terminal REFUSED"
    assert_contains "type-ahead REFUSED"
    refute_contains "GOT: echo"
}

@test "moat-oci run and exec without a terminal: the caller's is not reached" {
    probe_bundle '.process.args = ["/probe", "terminal", "type-ahead"]'
    in_terminal "$MOAT_OCI --root $dir/run run --bundle $dir/b $id"
    assert_contains "terminal REFUSED"
    assert_contains "type-ahead REFUSED"
    refute_contains "GOT: echo"
    bundle_edit "$dir/b" '.process.args = ["sleep", "60"]'
    "$MOAT_OCI" --root "$dir/run" run --detach --bundle "$dir/b" "$id" > /dev/null 2>&1 3>&-
    in_terminal "$MOAT_OCI --root $dir/run exec $id /probe terminal type-ahead"
    assert_contains "terminal REFUSED"
    assert_contains "type-ahead REFUSED"
    refute_contains "GOT: echo"
}

# ---- descriptors and the working directory (CVE-2024-21626) ------------------------------------------------------

@test "guard off: a working directory behind an open descriptor leads out" {
    probe_root "$dir/root"
    local up=../../../../../../../../..
    run unshare --mount --pid --fork --propagation private sh -c "mount -t proc proc '$dir/root/proc' && exec '$PROBES/naive' leak '$dir/root' /proc/self/fd/5 /bin/cat '$up$PROBE_SECRET'" 5</
    assert_output secret
}

@test "a working directory behind any descriptor of ours leads nowhere" {
    local n up=../../../../../../../../..
    probe_bundle '.process.args = ["sleep", "60"]'
    "$MOAT_OCI" --root "$dir/run" run --detach --bundle "$dir/b" "$id" > /dev/null 2>&1 3>&-
    for n in {0..24}; do
        bundle_edit "$dir/b" ".process.cwd = \"/proc/self/fd/$n\" | .process.args = [\"cat\", \"$up$PROBE_SECRET\"]"
        run "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id-cwd" 5</
        assert_failure
        refute_contains secret$'\n'
        run "$MOAT_OCI" --root "$dir/run" exec --cwd "/proc/self/fd/$n" "$id" cat "$up$PROBE_SECRET" 5</
        assert_failure
    done
}

@test "descriptors: none but the three and those asked for reach the workload" {
    probe_bundle '.process.args = ["sh", "-c", "for f in /proc/self/fd/*; do echo ${f##*/}; done"]'
    # The shell opens the directory it lists (one more), everything else would be ours or the caller's.
    run --separate-stderr "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id" 4< /etc/passwd 5</ 9</etc
    assert_success
    assert_equal "$(wc -l <<<"$output")" 4
    run --separate-stderr "$MOAT_OCI" --root "$dir/run" run --preserve-fds 2 --bundle "$dir/b" "$id" 3< /dev/null 4< /etc/passwd 5</ 9</etc
    assert_success
    assert_equal "$(wc -l <<<"$output")" 6
    run "$MOAT_OCI" --root "$dir/run" run --preserve-fds 40 --bundle "$dir/b" "$id"
    assert_error 1 preserve-fds "is not open"
}

@test "descriptors: a caller without standard streams gives none of ours away" {
    probe_bundle '.process.args = ["sh", "-c", "ls -l /proc/self/fd > /out"]'
    "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id" <&- >&- 2>&-
    run cat "$dir/b/rootfs/out"
    assert_success
    refute_contains pipe:
    refute_contains socket:
    assert_equal "$(grep -c /dev/null <<<"$output")" 2
}
