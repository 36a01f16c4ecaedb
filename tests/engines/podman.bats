#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's podman and conmon with moat-oci, by name from a containers.conf as docs/engines.md gives it. Network `none`; the
# limits that podman would raise are set, there, to what a process without CAP_SYS_RESOURCE may have.
load engines

setup_file()
{
    require_command podman
    require_command conmon
    engine_setup pod
    cat > "$E/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=100:100"]
[engine]
runtime = "moat"
cgroup_manager = "cgroupfs"
lock_type = "file"
events_logger = "file"
[engine.runtimes]
moat = ["$MOAT_OCI"]
END
    export CONTAINERS_CONF=$E/containers.conf
    cd "$E" || return # conmon 2.1.6 writes a file "oom" where it is started
    p load -q -i "$E/image.tar" > "$E/import" 2>&1
}

teardown_file()
{
    [ -n "${E-}" ] || return 0
    p rm -fa > /dev/null 2>&1 || true
    engine_cleanup
}

setup() { cd "$E" || return; }

P='podman --root $E/root --runroot $E/run --tmpdir $E/tmp'
LIMITS='--network none --cgroup-parent /$ENGINE_TAG'
# The options, with $E filled in.
pod() { eval "echo $P"; }
limits() { eval "echo $LIMITS"; }
p() { $(pod) "$@"; }
prun() { p run $(limits) "$@"; }
show() { p inspect -f "{{.State.$2}}" "$1"; }
is() { [ "$(show "$1" Status)" = "$2" ]; }

@test "podman: moat-oci is the runtime, and says its version" {
    run p info -f '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Version}}'
    assert_contains "moat moat-oci version"
}

@test "podman: exit statuses are the workload's, 126 and 127" {
    run prun --rm bb:1 sh -c 'echo out; exit 7'
    assert_status 7
    assert_output out
    run -127 prun --rm bb:1 nosuch
    assert_contains '"nosuch": executable file not found in $PATH'
    run prun --rm bb:1 /plain
    assert_status 126
    assert_contains '"/plain": permission denied'
}

@test "podman: an rlimit above the hard limit is refused by name, without CAP_SYS_RESOURCE" {
    [ $((0x$(sed -n 's/CapEff:\t//p' /proc/self/status) >> 24 & 1)) = 0 ] || skip "this process holds CAP_SYS_RESOURCE"
    run p run --rm --network none --cgroup-parent "/$ENGINE_TAG" --ulimit nofile=1024:999999999 bb:1 true
    assert_failure
    assert_contains "RLIMIT_NOFILE"
    assert_contains "CAP_SYS_RESOURCE"
}

@test "podman: a user opens /dev/stdout and /dev/stderr again; the host's /dev/null stays outside" {
    run prun --rm -u guest bb:1 sh -c 'echo one > /dev/stdout; echo two > /dev/stderr'
    assert_line one
    assert_line two
    run prun --rm bb:1 sh -c 'stat -L -c %d:%i /dev/null /dev/stdin | uniq | wc -l'
    assert_output 1
}

@test "podman: a terminal has the caller's size; run -it and exec -it" {
    in_terminal "$(pod) run $(limits) --rm -it bb:1 sh -c 'sleep 0.5; tty; stty size; exit 4'"
    assert_status 4
    assert_line /dev/pts/0
    assert_line "33 101"
    prun -d --name term bb:1 sleep 100
    in_terminal "$(pod) exec -it term sh -c 'sleep 0.5; tty; stty size; exit 5'"
    p rm -f -t 0 term
    assert_status 5
    assert_line /dev/pts/0
    assert_line "33 101"
}

@test "podman: detached, logs, exec, top, stats, pause, update, restart, stop" {
    prun -d --name main bb:1 sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
    wait_for 5 sh -c "$(pod) logs main | grep up"
    run p exec main sh -c 'echo in; exit 5'
    assert_status 5
    assert_output in
    run -127 p exec main nosuch
    run p exec main /plain
    assert_status 126
    run p exec -u guest -w /tmp -e X=y main sh -c 'id -u; pwd; echo $X'
    assert_output "1000"$'\n'"/tmp"$'\n'"y"
    p exec -d main sleep 123
    run p top main pid args
    assert_contains "sleep 123"
    run p stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' main
    assert_match '^[0-9.]+[kM]?B / .* [1-9]'
    p pause main
    is main paused
    p unpause main
    is main running
    p update -m 96m --cpus 0.4 main
    run p exec main sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null'
    assert_output 100663296
    p restart -t 5 main
    is main running
    p stop main
    run show main ExitCode
    assert_output 3
    p rm main
}

@test "podman: kill" {
    prun -d --name victim bb:1 sleep 100
    p kill victim
    run p wait victim
    p rm victim
    assert_output 137
}

@test "podman: limits hold" {
    run prun --rm -m 16m bb:1 sh -c 'exec dd if=/dev/zero of=/dev/shm/x bs=1M count=60'
    assert_status 137
    run prun --rm --pids-limit 5 bb:1 sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
    assert_failure
    assert_contains "can't fork"
}

@test "podman: hooks run, with the state on their input" {
    mkdir "$E/hooks"
    cat > "$E/hook" <<END
#!/bin/sh
echo "\$1 \$(cat)" | tr -d '\n' >> "$E/hook.log"
echo >> "$E/hook.log"
END
    chmod 755 "$E/hook"
    for stage in prestart createRuntime poststart poststop; do
        printf '{"version": "1.0.0", "hook": {"path": "%s", "args": ["hook", "%s"]}, "when": {"always": true}, "stages": ["%s"]}' \
            "$E/hook" $stage $stage > "$E/hooks/$stage.json"
    done
    run p --hooks-dir "$E/hooks" run $(limits) --rm bb:1 echo ran
    assert_output ran
    for stage in prestart createRuntime poststart poststop; do
        wait_for 5 grep -q "^$stage {.*\"id\"" "$E/hook.log"
    done
    run sed 's/ .*"status": *"\([a-z]*\)".*/ \1/' "$E/hook.log"
    assert_line "createRuntime creating"
    assert_line "poststart running"
    assert_line "poststop stopped"
}

@test "podman: a hook that fails stops the start, and its name is said" {
    mkdir "$E/badhooks"
    echo '{"version": "1.0.0", "hook": {"path": "/bin/false"}, "when": {"always": true}, "stages": ["createRuntime"]}' > "$E/badhooks/x.json"
    run p --hooks-dir "$E/badhooks" run $(limits) --rm bb:1 true
    assert_failure
    assert_contains "createRuntime"
    assert_contains "/bin/false"
}

@test "podman: a user namespace by --uidmap, a read-only root, a device, a volume" {
    run prun --rm --uidmap 0:700000:65536 --gidmap 0:700000:65536 --read-only -v "$MOAT_BUSYBOX:/v:ro" --device /dev/fuse bb:1 \
        sh -c 'cat /proc/self/uid_map; touch /x; touch /v/x; ls -l /dev/fuse | grep -c ^c'
    assert_match ' 0 +700000 +65536'
    assert_contains "/x: Read-only file system"
    assert_contains "/v/x: Read-only file system"
    assert_line 1
}

@test "podman: a pod whose containers share namespaces" {
    pod=$(p pod create --name pp --network none --cgroup-parent "/$ENGINE_TAG" --infra-image bb:1 --infra-command 'sleep 100' --share ipc,net,uts)
    run p run --rm --pod pp bb:1 readlink /proc/self/ns/uts
    first=$output
    run p run --rm --pod pp bb:1 readlink /proc/self/ns/uts
    p pod rm -f -t 0 pp
    # podman removes a pod's own group where it knows of one, and leaves it in the rest, with every runtime.
    for h in /sys/fs/cgroup/*; do rmdir "$h/$ENGINE_TAG/$pod" 2>/dev/null || true; done
    assert_match '^uts:'
    assert_equal "$output" "$first"
}

@test "podman: $ENGINE_COUNT containers, four at a time, leave nothing" {
    prun --rm bb:1 true
    world take "$E/running"
    counted $(pod) run $(limits) --rm bb:1 echo @
    run world since "$E/running"
    assert_success
}

@test "podman: in the end no mount, cgroup, process or namespace is left" {
    run p ps -aq
    assert_output ""
    nothing_left "$E/root/overlay" # podman's own bind mount of its storage
}
