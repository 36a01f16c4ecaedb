#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a container's root tries (guest/probe has the table), as `moat-oci` starts it, and as `moat run` does with fewer
# guards; each that is taken down is seen to be gone. suite.bats has the whole table behind each boundary.
bats_require_minimum_version 1.5.0
load escape

setup_file() { build_probes naive; }

setup()
{
    require_root
    dir=$BATS_TEST_TMPDIR id=$(new_id)
    probe=${MOAT%/*}/libexec/moat-probe
    require_file "$probe"
    export MOAT_CANARY=moat-canary-$RANDOM$RANDOM
    # The canaries serve until their input ends, or a signal comes.
    mkdir -m 777 "$dir/canaries"
    mkfifo "$dir/hold"
    exec 8<> "$dir/hold"
    "$probe" plant "$dir/canaries" "canary=$MOAT_CANARY" < "$dir/hold" > "$dir/facts" 3>&- 8>&- &
    target=$!
    wait_for 5 grep -qx '' "$dir/facts"
    mapfile -t facts < <(grep . "$dir/facts")
    secret=$(sed -n 's/^file=//p' "$dir/facts")
}

teardown()
{
    delete_container "$id" "$dir/run"
    kill "${target:-}" 2>/dev/null || true
    wait "${target:-}" 2>/dev/null || true
}

probe_root()
{
    make_rootfs "$1"
    mkdir -p "$1/tmp" "$1/proc"
    cp "$probe" "$1/probe"
}

words() { jq -cn '$ARGS.positional' --args "$@"; }

probe_bundle()
{
    make_bundle "$dir/b" ".root.readonly = false | .process.args = $(words /probe run "${facts[@]}") | ${1:-.}"
    probe_root "$dir/b/rootfs"
}

all_names() { "$probe" list | cut -f1; }
# The default spec has no user namespace, so its root is the host's, and no mask names these: they are that root's to read.
of_hosts_root=(page-flags vmalloc-areas slabs)
# shellcheck disable=SC2046
names_without_filter() { names_but $("$probe" list | awk -F'\t' '$3 ~ /filter/ { print $1 }') "${of_hosts_root[@]}"; }
# names_but NAME...
names_but() { local but; but=$(printf '%s\n' "$@"); all_names | grep -vxF "$but"; }

# verdicts: "ID WORD" of each line in $output; an escape that had to show the secret, and has not, is none
verdicts()
{
    awk -F'\t' -v canary="$MOAT_CANARY" 'NR == FNR { needs[$1] = $3; next }
        NF == 4 && $1 in needs { print $1, $3 == "escaped" && needs[$1] ~ /token/ && !index($4, canary) ? "blocked" : $3 }' \
        <("$probe" list) - <<<"$output"
}

# assert_refused NAMES...: each of them was refused; nothing else is looked at.
assert_refused()
{
    local bad
    assert_success || return
    bad=$(printf '%s\n' "$@" | awk 'NR == FNR { word[$1] = $2; next } word[$1] !~ /^(blocked|absent)$/' <(verdicts) -)
    [ -z "$bad" ] || report_run "expected to be refused: $bad"
}

assert_verdict() { [ "$(verdicts | awk -v id="$1" '$1 == id { print $2 }')" = "$2" ] || report_run "expected of $1: $2"; }
assert_seen() { assert_verdict "$1" escaped; }

# A key of the caller is planted in the session keyring around each start.
planted() { "$probe" keyed "$@"; }

# That each probe succeeds unconfined, and none behind `moat run`: suite.bats.

@test "guard off: a mask goes away where root may unmount" {
    probe_bundle ".process.args = $(words /probe run unmount) | .process.capabilities |= map_values(. + [\"CAP_SYS_ADMIN\"])"
    run "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id"
    assert_seen unmount
}

@test "guard off: chroot alone is left, and a directory that was left open too" {
    probe_root "$dir/root"
    run unshare --mount --propagation private "$PROBES/naive" chroot "$dir/root" /probe run "file=$secret" chroot-break
    assert_seen chroot-break
    run unshare --mount --pid --fork --propagation private sh -c "mount -t proc proc '$dir/root/proc' && exec '$PROBES/naive' chroot '$dir/root' /probe run 'file=$secret' magic-link-up inherited-fchdir" 5</
    assert_seen magic-link-up
    assert_seen inherited-fchdir
}

@test "moat run --cap-add ALL: what is left is the container's own" {
    probe_root "$dir/root"
    run --separate-stderr planted "$MOAT" run --rm --cap-add ALL --rootfs "$dir/root" /probe run "${facts[@]}" 5</
    # New namespaces and mounts inside one's own, names of one's own, and the end of one's own pid namespace.
    local own=(unmount clone-user clone-user-high clone-mount-high clone-net clone3-user clone3-user-long clone3-mount clone3-time
        unshare-all number-high-unshare unshare-user unshare-mount unshare-net unshare-pid unshare-ipc unshare-uts unshare-cgroup
        unshare-time map-root prctl-ambient prctl-ambient-high capabilities reboot host-name domain-name fsopen-tmpfs fsopen-proc
        fsopen-cgroup fsmount open-tree move-mount mount-setattr fspick)
    # shellcheck disable=SC2046
    assert_refused $(names_but "${own[@]}")
}

@test "moat-oci run with the default spec: every probe that needs no filter is refused" {
    probe_bundle
    run --separate-stderr planted "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id" 5</
    # shellcheck disable=SC2046
    assert_refused $(names_without_filter)
}

@test "moat-oci exec: every probe that needs no filter is refused" {
    probe_bundle '.process.args = ["sleep", "60"]'
    "$MOAT_OCI" --root "$dir/run" run --detach --bundle "$dir/b" "$id" > /dev/null 2>&1 3>&-
    run --separate-stderr planted "$MOAT_OCI" --root "$dir/run" exec "$id" /probe run "${facts[@]}" 5</
    # shellcheck disable=SC2046
    assert_refused $(names_without_filter)
}

@test "moat-oci run with a filter: the rest is refused too" {
    probe_bundle '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls: [
        {names: ["unshare", "bpf", "perf_event_open", "syslog", "personality", "io_uring_setup", "io_uring_register", "userfaultfd",
            "add_key", "keyctl"], action: "SCMP_ACT_ERRNO"},
        {names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38},
        {names: ["clone"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 268435456, valueTwo: 268435456, op: "SCMP_CMP_MASKED_EQ"}]},
        {names: ["ioctl"], action: "SCMP_ACT_ERRNO", args: [{index: 1, value: 4294967295, valueTwo: 21522, op: "SCMP_CMP_MASKED_EQ"}]},
        {names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 4294967295, valueTwo: 38, op: "SCMP_CMP_MASKED_EQ"}]},
        {names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 4294967295, valueTwo: 40, op: "SCMP_CMP_MASKED_EQ"}]}]}'
    run --separate-stderr "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id"
    # shellcheck disable=SC2046
    assert_refused $(names_but "${of_hosts_root[@]}")
}

# ---- the caller's terminal ---------------------------------------------------------------------------------------

# in_terminal COMMAND: under script(1), whose carriage returns are taken away
in_terminal()
{
    require_command script bsdutils
    run timeout 20 script -qec "bash -c '$1'" /dev/null < <(sleep 3)
    output=${output//$'\r'/}
}

@test "guard off: a process of the caller's session types into his terminal" {
    in_terminal "$probe run sti; : > /dev/tty && echo OPENED"
    assert_seen sti
    assert_contains OPENED
}

@test "moat run without -t: the caller's terminal is not reached" {
    probe_root "$dir/root"
    in_terminal "$MOAT run --rm -i --rootfs $dir/root /probe run sti; $MOAT run --rm -i --rootfs $dir/root sh -c \": > /dev/tty && echo OPENED\""
    assert_verdict sti blocked
    assert_contains "can't create /dev/tty"
    refute_contains OPENED
}

@test "moat-oci run and exec without a terminal: the caller's is not reached" {
    probe_bundle '.process.args = ["/probe", "run", "sti"]'
    in_terminal "$MOAT_OCI --root $dir/run run --bundle $dir/b $id"
    assert_verdict sti blocked
    bundle_edit "$dir/b" '.process.args = ["sleep", "60"]'
    "$MOAT_OCI" --root "$dir/run" run --detach --bundle "$dir/b" "$id" > /dev/null 2>&1 3>&-
    in_terminal "$MOAT_OCI --root $dir/run exec $id /probe run sti; $MOAT_OCI --root $dir/run exec $id sh -c \": > /dev/tty && echo OPENED\""
    assert_verdict sti blocked
    assert_contains "can't create /dev/tty"
    refute_contains OPENED
}

# ---- descriptors and the working directory (CVE-2024-21626) ------------------------------------------------------

@test "guard off: a working directory behind an open descriptor leads out" {
    probe_root "$dir/root"
    local up=../../../../../../../../..
    run unshare --mount --pid --fork --propagation private sh -c "mount -t proc proc '$dir/root/proc' && exec '$PROBES/naive' leak '$dir/root' /proc/self/fd/5 /bin/cat '$up$secret'" 5</
    assert_output "$MOAT_CANARY"
}

@test "a working directory behind any descriptor of ours leads nowhere" {
    local n up=../../../../../../../../..
    probe_bundle '.process.args = ["sleep", "60"]'
    "$MOAT_OCI" --root "$dir/run" run --detach --bundle "$dir/b" "$id" > /dev/null 2>&1 3>&-
    for n in {0..24}; do
        bundle_edit "$dir/b" ".process.cwd = \"/proc/self/fd/$n\" | .process.args = [\"cat\", \"$up$secret\"]"
        run "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id-cwd" 5</
        assert_failure
        refute_contains "$MOAT_CANARY"
        run "$MOAT_OCI" --root "$dir/run" exec --cwd "/proc/self/fd/$n" "$id" cat "$up$secret" 5</
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
