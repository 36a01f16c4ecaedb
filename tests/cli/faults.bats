#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 at every step, hosts that lack something, documents and roots that mean harm: a clear error, and after `moat system
# check` nothing is left. Kills are stepped through system call by call (killat.c), each 13th by default, all under --full.
load ../lib

setup_file()
{
    require_root
    require_command jq
    require_command gcc
    gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$BATS_FILE_TMPDIR/killat" "$BATS_TEST_DIRNAME/killat.c"
    # One store for all: every run would import the image again.
    MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_RUN_DIR=$BATS_FILE_TMPDIR/first "$MOAT" run --rm busybox true
    make_bundle "$BATS_FILE_TMPDIR/b"
}

setup()
{
    dir=$BATS_TEST_TMPDIR bundle=$BATS_TEST_TMPDIR/b id=moat-kill-${BATS_TEST_NUMBER}x
    export MOAT_RUN_DIR=$dir/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    stride=$((MOAT_TEST_SCALE >= 100 ? 1 : 13))
    cp -a "$BATS_FILE_TMPDIR/b" "$bundle"
}

teardown()
{
    delete_container "$id"
    umount -R "$dir/mnt" 2>/dev/null || true
    rmdir "/sys/fs/cgroup/pids/$id-outer" 2>/dev/null || true
}

# What a sandbox of this test could have left: state, ids, layers, images being made, groups, mounts.
leftovers()
{
    ls -A "$MOAT_RUN_DIR" "$MOAT_RUN_DIR/.ids" "$MOAT_DATA_DIR/layers" 2>/dev/null | grep -v -e ':$' -e '^$' -e '^\.ids$' -e '^\.events'
    compgen -G "$MOAT_DATA_DIR/images/.tmp-*"
    compgen -G "/sys/fs/cgroup/*moat-$id*"
    compgen -G "/sys/fs/cgroup/*/moat-$id*"
    compgen -G "/sys/fs/cgroup/*/$id-group"
    grep -F "$dir/" /proc/self/mountinfo | grep -vF "$dir/mnt"
}

nothing_left()
{
    local left try
    for try in {1..20}; do : "$try" # the kernel takes away the dead in its own time
        left=$(leftovers) || true
        [ -n "$left" ] || return 0
        sleep 0.05
    done
    printf 'left%s:\n%s\n' "${1:+ after $1}" "$left" >&2
    return 1
}

# A container that was complete when its maker died is no leftover: its engine deletes it.
clear='"$MOAT" system check && if [ -e "$MOAT_RUN_DIR/$ID/state.json" ]; then "$MOAT_OCI" delete --force "$ID"; fi'

# step WHO COMMAND...: kills WHO at each step of the command. $prepare goes before each, $after (default: $clear) behind.
step()
{
    local who=$1 n status first=$((1 + RANDOM % stride)); shift
    export ID=$id
    for ((n = first; n < 5000; n += stride)); do
        ${prepare:+eval "$prepare"}
        status=0
        "$BATS_FILE_TMPDIR/killat" --at $n --then "${after:-$clear}" "$who" -- "$@" > "$dir/out" 2>&1 < /dev/null || status=$?
        [ $status -le 1 ] || { echo "$who killed at call $n of $*: killat says $status" >&2; cat "$dir/out" >&2; return 1; }
        nothing_left "$who killed at call $n of $*" || { cat "$dir/out" >&2; return 1; }
        [ $status = 0 ] || break
    done
    echo "# $who of $1: killed at $(((n - first) / stride)) of $n calls" >&3
    # A range that is empty tests nothing.
    [ $n -gt $((stride + 3)) ]
}

# ---- kill -9 at every step ----------------------------------------------------------------------------------------

@test "kill -9: the launcher of moat-oci run" { step launcher "$MOAT_OCI" run -b "$bundle" "$id"; }
@test "kill -9: the child of moat-oci run, through set-up, moat-enter and workload" { step child "$MOAT_OCI" run -b "$bundle" "$id"; }
@test "kill -9: the launcher of moat run, image and user namespace" { step launcher "$MOAT" run --rm --name "$id" busybox true; }
@test "kill -9: the child of moat run, image and user namespace" { step child "$MOAT" run --rm --name "$id" busybox true; }
@test "kill -9: the launcher of moat run --init" { step launcher "$MOAT" run --rm --name "$id" --init --rootfs "$bundle/rootfs" true; }
@test "kill -9: the launcher of moat-oci create" { step launcher "$MOAT_OCI" create -b "$bundle" "$id"; }
@test "kill -9: the launcher of moat-oci run --detach" { step launcher "$MOAT_OCI" run --detach -b "$bundle" "$id"; }

@test "kill -9: the child of moat-oci create" {
    # The child waits for its start at the end: only a kill ends it.
    after='"$MOAT_OCI" delete --force "$ID"' step child "$MOAT_OCI" create -b "$bundle" "$id"
}

@test "kill -9: the launcher of create, cgroupsPath elsewhere" {
    bundle_edit "$bundle" ".linux.cgroupsPath = \"/$id-group\""
    step launcher "$MOAT_OCI" create -b "$bundle" "$id"
}

@test "kill -9: the launcher of run, without a pid and a mount namespace" {
    bundle_edit "$bundle" '.linux.namespaces |= map(select(.type != "pid" and .type != "mount")) | .linux.maskedPaths = [] |
        .linux.readonlyPaths = [] | .root.readonly = false | .mounts |= map(select(.type == "proc" or .type == "tmpfs"))'
    step launcher "$MOAT_OCI" run -b "$bundle" "$id"
}

make_created() { "$MOAT_OCI" create -b "$bundle" "$id" < /dev/null > /dev/null 2>&1; }

@test "kill -9: the launcher of start" { prepare=make_created step launcher "$MOAT_OCI" start "$id"; }

@test "kill -9: the launcher of delete" {
    prepare=make_created after='"$MOAT_OCI" delete --force "$ID"; "$MOAT" system check' step launcher "$MOAT_OCI" delete "$id"
}

@test "kill -9: launcher and child of exec leave the container as it was" {
    local who
    bundle_edit "$bundle" '.process.args = ["sleep", "1000"]'
    "$MOAT_OCI" run --detach -b "$bundle" "$id" < /dev/null > /dev/null 2>&1
    "$MOAT_OCI" exec "$id" true
    for who in launcher child; do
        local n=$((1 + RANDOM % stride)) status
        for (( ; n < 5000; n += stride)); do
            status=0
            "$BATS_FILE_TMPDIR/killat" --at $n "$who" -- "$MOAT_OCI" exec "$id" true > "$dir/out" 2>&1 || status=$?
            [ $status -le 1 ] || { echo "$who at $n: killat says $status" >&2; cat "$dir/out" >&2; return 1; }
            [ $status = 0 ] || break
        done
    done
    assert_equal "$("$MOAT_OCI" ps --format json "$id" | jq length)" 1
    "$MOAT_OCI" delete --force "$id"
    nothing_left
}

@test "kill -9 at any moment, launcher or child, 30 times (300 under --full)" {
    local kills=$((MOAT_TEST_SCALE >= 100 ? 300 : 30)) i who status
    export ID=$id
    for ((i = 0; i < kills; i++)); do
        who=launcher; ((RANDOM % 3)) || who=child
        status=0
        case $((i % 3)) in
        0) set -- "$MOAT_OCI" run -b "$bundle" "$id" ;;
        1) set -- "$MOAT" run --rm --name "$id" busybox true ;;
        2) set -- "$MOAT_OCI" create -b "$bundle" "$id" ;;
        esac
        "$BATS_FILE_TMPDIR/killat" --after $((RANDOM % 9000)) --then "$clear" "$who" -- "$@" > "$dir/out" 2>&1 < /dev/null || status=$?
        [ $status -le 1 ] || { echo "$who of $*: killat says $status" >&2; cat "$dir/out" >&2; return 1; }
        nothing_left "$who killed in $*"
    done
}

@test "the first process is killed while created, running, paused: stopped, and delete clears all" {
    local phase pid
    bundle_edit "$bundle" '.process.args = ["sleep", "1000"]'
    for phase in created running paused; do
        make_created
        [ $phase = created ] || "$MOAT_OCI" start "$id"
        [ $phase != paused ] || "$MOAT_OCI" pause "$id"
        pid=$("$MOAT_OCI" state "$id" | jq .pid)
        kill -9 "$pid"
        if [ $phase = paused ]; then "$MOAT_OCI" resume "$id"; fi # v1 delivers it to a thawed group only
        wait_for 3 sh -c "\"\$MOAT_OCI\" state $id | jq -e '.status == \"stopped\"'"
        "$MOAT" system check # not its business
        "$MOAT_OCI" delete "$id"
        nothing_left "$phase"
    done
    make_created
    "$MOAT_OCI" start "$id"
    "$MOAT_OCI" pause "$id"
    "$MOAT_OCI" delete --force "$id"
    nothing_left "delete of a paused one"
}

@test "a group that was there before is joined, and stays when its half-made sandbox is cleared" {
    local group=/sys/fs/cgroup/pids/$id-outer sleeper
    [ -d /sys/fs/cgroup/pids ] || skip "needs the v1 pids hierarchy"
    mkdir "$group"
    sleep 1000 & sleeper=$!
    echo $sleeper > "$group/cgroup.procs"
    bundle_edit "$bundle" ".linux.cgroupsPath = \"/$id-outer\" | .hooks.createContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"kill -9 \$PPID; kill -9 $$-none\"]}] |
        .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"sleep 0.2; kill -9 \$PPID\"]}]"
    run "$MOAT_OCI" create -b "$bundle" "$id"
    assert_status 137
    sleep 0.1
    "$MOAT" system check
    kill -0 $sleeper
    [ -d "$group" ]
    kill $sleeper; wait $sleeper || true
    rmdir "$group"
    nothing_left
}

# ---- what a host lacks --------------------------------------------------------------------------------------------

# fails WORD... -- COMMAND...: fails with one line that has each word, in bounded time, and leaves nothing.
fails()
{
    local words=()
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    run timeout -s KILL 20 "$@" < /dev/null
    [ "$status" != 137 ] || report_run "did not end: $*"
    assert_failure
    local word
    for word in "${words[@]}"; do assert_contains "$word" || return; done
    [ "$(grep -c . <<<"$output")" = 1 ] || report_run "expected one line of error"
    nothing_left "$*"
}

fails_oci() { local w=(); while [ "$1" != -- ]; do w+=("$1"); shift; done; shift; fails "${w[@]}" -- "$@" "$MOAT_OCI" run -b "$bundle" "$id"; }

@test "a full disk under the state directory, at every block" {
    local free
    mkdir "$dir/mnt"
    mount -t tmpfs -o size=64k,mode=700 tmpfs "$dir/mnt"
    for free in 0 4 8 12; do
        rm -rf "$dir/mnt/"* "$dir/mnt/.ids" "$dir/mnt/.events"
        head -c $(((60 - free) * 1024)) /dev/zero > "$dir/mnt/fill" || true
        for what in "$MOAT_OCI run -b $bundle" "$MOAT_OCI create -b $bundle" "$MOAT run --rm --rootfs $bundle/rootfs --name"; do
            set -- $what
            if [ "$2" = run ] && [ "$1" = "$MOAT" ]; then set -- "$@" "$id" true; else set -- "$@" "$id"; fi
            status=0
            MOAT_RUN_DIR=$dir/mnt timeout -s KILL 20 "$@" > "$dir/out" 2>&1 < /dev/null || status=$?
            if [ $status = 0 ]; then
                MOAT_RUN_DIR=$dir/mnt "$MOAT_OCI" delete --force "$id"
            else
                grep -q "No space left on device" "$dir/out" || { cat "$dir/out" >&2; return 1; }
            fi
            assert_equal "$(ls -A "$dir/mnt" | grep -vx -e .ids -e fill -e '.events.*')" ""
            assert_equal "$(ls -A "$dir/mnt/.ids" 2>/dev/null)" ""
            nothing_left "$what, $free KiB free"
        done
    done
    [ $status = 0 ] # and with room it works
}

@test "a full disk under the data directory" {
    mkdir "$dir/mnt"
    mount -t tmpfs -o size=256k,mode=700 tmpfs "$dir/mnt"
    MOAT_DATA_DIR=$dir/mnt fails "No space left on device" -- "$MOAT" run --rm --name "$id" busybox true
    assert_equal "$(MOAT_DATA_DIR=$dir/mnt "$MOAT" system check)" "nothing is left over"
    assert_equal "$(find "$dir/mnt" -name '.tmp-*')" ""
}

@test "cgroups that cannot be written: the item that needs them is named" {
    local ro='for m in $(awk "/ - cgroup/ { print \$5 }" /proc/self/mountinfo); do mount -o remount,ro,bind $m; done; exec "$@"'
    fails_oci linux.resources.devices Read-only "delegate" -- unshare -m sh -c "$ro" sh
    fails pids "Read-only" -- unshare -m sh -c "$ro" sh "$MOAT" run --rm --name "$id" busybox true
}

# without CAP: this process's rights but one
without() { fails_oci "${@:2}" -- setpriv "--bounding-set=-$1" "--inh-caps=-$1"; }

@test "each missing capability is named" {
    without sys_admin CAP_SYS_ADMIN "cannot be copied as a mount"
    without mknod CAP_MKNOD /dev/null
    without setgid CAP_SETGID process.user
    without setpcap CAP_SETPCAP process.capabilities
    without net_admin CAP_NET_ADMIN loopback
    without kill process.capabilities "one of them" # asked for by the document
    without dac_override "run as root" linux.resources
    fails CAP_SETUID uid_map -- setpriv --bounding-set=-setuid --inh-caps=-setuid "$MOAT" run --rm --name "$id" busybox true
    fails CAP_SETGID gid_map -- setpriv --bounding-set=-setgid --inh-caps=-setgid "$MOAT" run --rm --name "$id" busybox true
    fails CAP_SYS_ADMIN -- setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$MOAT" run --rm --name "$id" busybox true
}

@test "an unprivileged caller of moat-oci is told what is missing" {
    chmod 711 "$dir" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
    run setpriv --reuid 65534 --regid 65534 --clear-groups env MOAT_RUN_DIR=/nonexistent/moat "$MOAT_OCI" run -b "$bundle" "$id"
    assert_error 1 "/nonexistent/moat" MOAT_RUN_DIR
}

@test "no /proc: said so" {
    fails "/proc is not mounted" -- unshare -m sh -c 'umount -l /proc; exec "$@"' sh "$MOAT_OCI" run -b "$bundle" "$id"
    fails "/proc is not mounted" -- unshare -m sh -c 'umount -l /proc; exec "$@"' sh "$MOAT" run --rm --name "$id" busybox true
}

@test "descriptors run out at any place: an error that names ulimit -n, nothing left" {
    local n ok=0
    bundle_edit "$bundle" 'del(.process.rlimits)'
    for n in $(seq 5 3 45) 64; do
        for what in "$MOAT_OCI run -b $bundle $id" "$MOAT run --rm --name $id busybox true" "$MOAT run --rm --name $id --rootfs $bundle/rootfs true"; do
            status=0
            (ulimit -n "$n"; exec $what) > "$dir/out" 2>&1 < /dev/null || status=$?
            if [ $status = 0 ]; then ok=1; else grep -q "ulimit -n" "$dir/out" || { echo "-n $n: $what" >&2; cat "$dir/out" >&2; return 1; }; fi
            # Undoing needs descriptors too: what could not be undone is on record.
            "$MOAT" system check > /dev/null
            nothing_left "$what with $n descriptors"
        done
    done
    [ $ok = 1 ]
}

@test "a limit on processes of the caller's own group" {
    [ -d /sys/fs/cgroup/pids ] || skip "needs the v1 pids hierarchy"
    mkdir "/sys/fs/cgroup/pids/$id-outer"
    echo 1 > "/sys/fs/cgroup/pids/$id-outer/pids.max"
    fails_oci pids.max -- sh -c "echo \$\$ > /sys/fs/cgroup/pids/$id-outer/cgroup.procs; exec \"\$@\"" sh
    fails pids.max -- sh -c "echo \$\$ > /sys/fs/cgroup/pids/$id-outer/cgroup.procs; exec \"\$@\"" sh "$MOAT" run --rm --name "$id" busybox true
    rmdir "/sys/fs/cgroup/pids/$id-outer"
}

@test "limits of the sandbox that are too low to start" {
    fails --memory 4096 128k -- "$MOAT" run --rm -m 4k --name "$id" busybox true
    run timeout -s KILL 20 "$MOAT" run --rm -m 128k --name "$id" busybox true
    assert_status 137
    assert_contains "memory limit was reached"
    nothing_left
    fails "pids limit" -- "$MOAT" run --rm --pids-limit 1 --init --name "$id" busybox true
    bundle_edit "$bundle" '.process.rlimits = [{type: "RLIMIT_AS", soft: 4096, hard: 4096}]'
    run timeout -s KILL 20 "$MOAT_OCI" run -b "$bundle" "$id"
    assert_failure
    nothing_left
}

@test "user namespaces switched off: named, with the way without" {
    require_userns
    MOAT_RUN_DIR=$dir/inner fails max_user_namespaces -- unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"' sh \
        "$MOAT" run --rm --name "$id" --rootfs "$bundle/rootfs" true
    rm -rf "$dir/inner"
}

@test "vm.memfd_noexec=2 is named; 1 does no harm" {
    [ -e /proc/sys/vm/memfd_noexec ] || skip "this kernel has no vm.memfd_noexec"
    local set='echo $0 > /proc/sys/vm/memfd_noexec && exec "$@"'
    fails_oci vm.memfd_noexec -- unshare -pf --mount-proc sh -c "$set" 2
    unshare -pf --mount-proc sh -c "$set" 1 "$MOAT_OCI" run -b "$bundle" "$id"
    nothing_left
}

# ---- documents ----------------------------------------------------------------------------------------------------

# edited FILTER WORD...: config.json through jq, then fails_oci
edited() { cp "$BATS_FILE_TMPDIR/b/config.json" "$bundle/"; bundle_edit "$bundle" "$1"; shift; fails_oci "$@" --; }

@test "config.json that is too large, too deep, cut, empty, no file" {
    local config=$bundle/config.json base=$BATS_FILE_TMPDIR/b/config.json
    { cat "$base"; head -c $((16 * 1048576 + 1)) /dev/zero | tr '\0' ' '; } > "$config"
    fails_oci "16 MiB" --
    { head -c $((16 * 1048576 - $(stat -c %s "$base"))) /dev/zero | tr '\0' ' '; cat "$base"; } > "$config"
    "$MOAT_OCI" run -b "$bundle" "$id" # 16 MiB to the byte
    { head -c 100000 /dev/zero | tr '\0' '['; } > "$config"
    fails_oci config.json "nested deeper" --
    head -c 300 "$base" > "$config"
    fails_oci config.json line column --
    : > "$config"
    fails_oci config.json --
    rm "$config"
    fails_oci config.json "No such file" --
    mkdir "$config"
    fails_oci config.json "directory" --
    rmdir "$config"; mkfifo "$config"
    fails_oci config.json "not a regular file" --
    rm "$config"; ln -s /dev/zero "$config"
    fails_oci config.json "not a regular file" --
}

@test "arrays of a million items" {
    cp "$BATS_FILE_TMPDIR/b/config.json" "$dir/base.json"
    jq -c '.process.args = [range(1000000) | "true"]' "$dir/base.json" > "$bundle/config.json"
    fails_oci process.args "larger than the kernel takes" --
    jq -c '.mounts += [range(200000) | {destination: "/tmp", type: "tmpfs", source: "t"}]' "$dir/base.json" > "$bundle/config.json"
    fails_oci mounts: 10000 --
    jq -c '.annotations = ([range(300000) | {key: tostring, value: "x"}] | from_entries)' "$dir/base.json" > "$bundle/config.json"
    timeout -s KILL 20 "$MOAT_OCI" run -b "$bundle" "$id"
    nothing_left
}

@test "NUL bytes, wrong types, lines and escapes in strings" {
    edited '.hostname = "a\u0000b"' "\\u0000"
    edited '.process.args = ["tr\u0000ue"]' "\\u0000"
    edited '.process.args = "true"' process.args array
    edited '.process.user.uid = "0"' process.user.uid integer
    edited '.mounts = {}' mounts array
    edited '.linux.namespaces = [{type: 7}]' "linux.namespaces[0].type" string
    edited '.process.cwd = "/a\nb\u001b[31m"' process.cwd "/a?b?[31m"
    edited '.root.path = "root\nfs"' root.path "root?fs"
    edited '.linux.cgroupsPath = "/x\n"' linux.cgroupsPath newline
    edited '.linux.cgroupsPath = "/a/../../b"' linux.cgroupsPath ..
}

# ---- root file systems --------------------------------------------------------------------------------------------

# rooted COMMANDS WORD...: with a root changed by the commands, fails_oci
rooted()
{
    rm -rf "$bundle/rootfs"; cp -a "$BATS_FILE_TMPDIR/b/rootfs" "$bundle/"
    (cd "$bundle/rootfs" && eval "$1") || return
    shift
    fails_oci "$@" --
}

@test "roots whose /proc, /sys or /dev lead elsewhere" {
    mkdir "$dir/outside"
    # A procfs over the root itself would be reached as /.. with nothing masked.
    rooted 'rm -rf proc; ln -s / proc' "mount /proc" "symbolic link"
    rooted 'rm -rf proc; ln -s tmp proc' "mount /proc" "symbolic link"
    rooted 'rm -rf sys; ln -s proc sys' "mount /sys" "symbolic link"
    rooted 'rm -rf proc; ln -s proc proc' "mount /proc" "symbolic link"
    rooted 'rm -rf dev; ln -s / dev' "mount /dev" "root itself"
    rooted "rm -rf dev; ln -s $dir/outside dev" "mount /dev" "No such file"
    rooted "rm -rf dev; ln -s ../../../../../../../..$dir/outside dev" "mount /dev" "No such file"
    rooted 'rm -rf dev; ln -s proc/sys dev' "mount /dev"
    rooted 'rm -rf dev; touch dev' "mount /dev" "no directory"
    rooted 'rm -rf proc; mkfifo proc' "mount /proc" "no directory"
    assert_equal "$(ls -A "$dir/outside")" ""
}

@test "mount targets that loop, are devices, or are the root" {
    bundle_edit "$bundle" '.mounts += [{destination: "/l1/x", type: "tmpfs", source: "t"}]'
    rooted 'ln -s l2 l1; ln -s l1 l2' "mount /l1/x" "Symbolic link loop"
    edited '.mounts += [{destination: "/n", type: "tmpfs", source: "t"}]' || true
    rooted 'mknod n c 1 3' "mount /n" "no directory"
    rm -rf "$bundle/rootfs"; cp -a "$BATS_FILE_TMPDIR/b/rootfs" "$bundle/"
    edited '.mounts += [{destination: "/.", type: "tmpfs", source: "t"}]' "root itself"
    # A bind over a device node hides the node.
    mknod "$bundle/rootfs/n" c 1 3
    cp "$BATS_FILE_TMPDIR/b/config.json" "$bundle/"
    bundle_edit "$bundle" '.mounts += [{destination: "/n", type: "bind", source: "/etc/passwd", options: ["bind", "ro"]}] | .process.args = ["head", "-c4", "/n"]'
    run "$MOAT_OCI" run -b "$bundle" "$id"
    assert_output "root"
    nothing_left
}

@test "an /etc/passwd that never ends, waits, or is huge" {
    local how
    for how in 'mkfifo etc/passwd' 'mknod etc/passwd c 1 5' 'truncate -s 1G etc/passwd' 'ln -s /proc/self/environ etc/passwd' 'ln -s passwd etc/passwd'; do
        rm -rf "$bundle/rootfs"; cp -a "$BATS_FILE_TMPDIR/b/rootfs" "$bundle/"
        (cd "$bundle/rootfs"; mkdir -p etc; rm -f etc/passwd etc/group; eval "$how")
        timeout -s KILL 20 "$MOAT_OCI" run -b "$bundle" "$id" # HOME is not worth a failure
        run timeout -s KILL 20 "$MOAT" run --rm --name "$id" -u daemon --rootfs "$bundle/rootfs" true
        [ "$status" = 125 ] || report_run "$how"
        nothing_left "$how"
    done
}

@test "roots that are missing, files, dangling, empty, not executable, not writable" {
    rm -rf "$bundle/rootfs"
    fails_oci root.path "$bundle/rootfs" --
    touch "$bundle/rootfs"
    fails_oci root.path "not a directory" --
    rm "$bundle/rootfs"; ln -s nowhere "$bundle/rootfs"
    fails_oci root.path --
    rm "$bundle/rootfs"; mkdir "$bundle/rootfs"
    fails_oci "not found" true --
    mkdir "$dir/mnt"
    mount -t tmpfs -o noexec tmpfs "$dir/mnt"
    rm -rf "$bundle/rootfs"
    cp -a "$BATS_FILE_TMPDIR/b" "$dir/mnt/"
    bundle=$dir/mnt/b
    fails_oci exec: "permission denied" --
    mount -o remount,exec "$dir/mnt"
    rm -rf "$bundle/rootfs/proc"
    mount -o remount,ro "$dir/mnt"
    fails_oci "mount /proc" "Read-only file system" --
}
