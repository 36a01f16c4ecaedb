#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's containerd with its own shim: create, start, kill, delete, exec, ps, events, pause and resume through moat-oci,
# as Kubernetes uses it.
load engines

setup_file()
{
    require_command containerd
    require_command ctr containerd
    engine_setup ctrd
    cat > "$E/config.toml" <<END
version = 2
root = "$E/root"
state = "$E/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$E/sock"
END
    containerd --config "$E/config.toml" > "$E/log" 2>&1 3>&- &
    echo $! > "$E/pid"
    wait_for 20 ctr -a "$E/sock" version || { tail -5 "$E/log" >&2; return 1; }
    c image import "$E/image.tar" > "$E/import" 2>&1
}

teardown_file()
{
    [ -n "${E-}" ] || return 0
    for id in $(c task ls -q); do c task kill -s KILL "$id"; c task delete -f "$id"; done > /dev/null 2>&1
    engine_stop "$(cat "$E/pid")"
    engine_cleanup
}

c() { ctr -a "$E/sock" -n "$ENGINE_TAG" "$@"; }
start() { c run "${@:1:$#-1}" --runc-binary "$MOAT_OCI" --runc-root "$E/runc" "$IMAGE" $(new_id) sh -c "${!#}"; }
background() { c run -d --fifo-dir "$E/fifo" "${@:3}" --runc-binary "$MOAT_OCI" --runc-root "$E/runc" "$IMAGE" "$1" sh -c "$2"; }
status_of() { c task ls | awk -v id="$1" '$1 == id { print $3 }'; }
is() { [ "$(status_of "$1")" = "$2" ]; }

@test "ctr: a container's output and exit status" {
    run start --rm 'echo out; exit 7'
    assert_status 7
    assert_line out
}

@test "ctr: it runs under moat-oci: no_new_privs, number filter, a pid namespace" {
    run start --rm 'echo pid $$; grep -E "NoNewPrivs|^CapBnd" /proc/self/status'
    assert_success
    assert_line "pid 1"
    assert_match 'NoNewPrivs:.1'
    assert_match 'CapBnd:.00000000a80425fb'
}

@test "ctr: missing and non-executable commands are errors that name them" {
    run c run --rm --runc-binary "$MOAT_OCI" --runc-root "$E/runc" "$IMAGE" "$(new_id)" /no/such
    assert_failure
    assert_contains '"/no/such": no such file or directory'
    run c run --rm --runc-binary "$MOAT_OCI" --runc-root "$E/runc" "$IMAGE" "$(new_id)" /plain
    assert_failure
    assert_contains '"/plain": permission denied'
}

@test "ctr: standard input arrives, and its end" {
    # Not at once: ctr itself loses an end of input that comes before its task is set up, with every runtime.
    run bash -c "(sleep 1; echo hello; sleep 0.5) | timeout -s KILL 20 ctr -a $E/sock -n $ENGINE_TAG run --rm --runc-binary $MOAT_OCI \
        --runc-root $E/runc $IMAGE $(new_id) cat"
    assert_success
    assert_output hello
}

@test "ctr: a terminal has the caller's size" {
    in_terminal "ctr -a $E/sock -n $ENGINE_TAG run --rm -t --runc-binary $MOAT_OCI --runc-root $E/runc $IMAGE $(new_id) \
        sh -c 'sleep 0.5; tty; stty size; exit 4'"
    assert_status 4
    assert_line /dev/pts/0
    assert_line "33 101"
}

@test "ctr: detached, exec, exec -t, ps, metrics, pause, resume, kill, delete" {
    id=$(new_id)
    background "$id" 'trap "exit 3" TERM; while :; do sleep 0.1; done' --memory-limit 67108864
    run c task exec --exec-id e1 "$id" sh -c 'cat /proc/1/cgroup; exit 5'
    assert_status 5
    assert_contains "memory:/$ENGINE_TAG/$id"
    run c task exec --exec-id e2 "$id" /no/such
    assert_failure
    assert_contains '"/no/such"'
    in_terminal "ctr -a $E/sock -n $ENGINE_TAG task exec -t --exec-id e3 $id sh -c 'sleep 0.5; stty size; exit 4'"
    assert_status 4
    assert_line "33 101"
    run c task ps "$id"
    assert_success
    assert_match $'\n[0-9]+'
    run c task metrics --format json "$id"
    assert_success
    assert_contains '"hierarchical_memory_limit": 67108864'
    c task pause "$id"
    wait_for 5 is "$id" PAUSED
    c task resume "$id"
    wait_for 5 is "$id" RUNNING
    c task kill -s TERM "$id"
    wait_for 5 is "$id" STOPPED
    run c task delete "$id"
    assert_contains "exit code 3"
    c container delete "$id"
}

@test "ctr: kill --all reaches what exec started" {
    id=$(new_id)
    background "$id" 'while :; do sleep 0.1; done'
    c task exec -d --fifo-dir "$E/fifo" --exec-id e1 "$id" sh -c 'while :; do sleep 0.1; done'
    c task kill -a -s KILL "$id"
    wait_for 5 is "$id" STOPPED
    c task delete "$id" || true # its exit status is that of SIGKILL
    c container delete "$id"
}

@test "ctr: a paused container is removed by force" {
    id=$(new_id)
    background "$id" 'sleep 100'
    c task pause "$id"
    c task delete -f "$id" || true
    wait_for 5 is "$id" ""
    c container delete "$id"
}

@test "ctr: a shim that is killed leaves no process and no cgroup of its container" {
    start --rm true
    world take "$E/running"
    id=$(new_id)
    background "$id" 'while :; do sleep 0.1; done'
    kill -9 "$(ps -e -o pid=,args= | awk -v id="$id" '/[c]ontainerd-shim/ && index($0, " -id " id " ") { print $1; exit }')"
    wait_for 10 is "$id" "" # containerd has the shim's clean-up delete it by force
    c container delete "$id"
    run world since "$E/running"
    assert_success
}

@test "ctr: a memory limit ends what exceeds it, and that alone" {
    run start --rm --memory-limit 16777216 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60 2>/dev/null; echo status $?; rm /dev/shm/x'
    assert_line "status 137"
}

@test "ctr: the host's namespaces, a bind mount, an environment" {
    run c run --rm --net-host --env A=b --mount "type=bind,src=$MOAT_BUSYBOX,dst=/mnt/it,options=rbind:ro" --cwd /tmp \
        --runc-binary "$MOAT_OCI" --runc-root "$E/runc" "$IMAGE" "$(new_id)" sh -c 'readlink /proc/self/ns/net; echo $A; pwd; touch /mnt/it/x'
    assert_line "$(readlink /proc/self/ns/net)"
    assert_line b
    assert_line /tmp
    assert_contains "Read-only file system"
}

@test "ctr: $ENGINE_COUNT containers, four at a time, leave nothing beside the running engine" {
    start --rm true
    world take "$E/running"
    counted ctr -a "$E/sock" -n "$ENGINE_TAG" run --rm --runc-binary "$MOAT_OCI" --runc-root "$E/runc" "$IMAGE" "n@" echo @
    run world since "$E/running"
    assert_success
    run find "$E/runc" -mindepth 2
    assert_output ""
}

@test "ctr: once containerd is stopped, no mount, cgroup, process or namespace is left" {
    engine_stop "$(cat "$E/pid")"
    nothing_left
}
