#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's dockerd with moat-oci as its default runtime, as a Swarm node has it. The network is `none` throughout: the
# tests are about the runtime.
load engines

setup_file()
{
    require_command dockerd docker.io
    require_command docker docker.io
    require_command containerd
    engine_setup dock
    echo '{}' > "$E/daemon.json" # the host's is not ours to follow
    dockerd --data-root "$E/data" --exec-root "$E/exec" --pidfile "$E/pid" --host "unix://$E/sock" --config-file "$E/daemon.json" \
        --iptables=false --ip6tables=false --bridge=none --storage-driver "$(storage_driver)" --cgroup-parent "/$ENGINE_TAG" \
        --exec-opt native.cgroupdriver=cgroupfs --add-runtime "moat=$MOAT_OCI" --default-runtime moat > "$E/log" 2>&1 3>&- < /dev/null &
    wait_for 30 d version || { tail -5 "$E/log" >&2; return 1; }
    d load -q -i "$E/image.tar" > "$E/import"
}

teardown_file()
{
    [ -n "${E-}" ] || return 0
    if [ -e "$E/pid" ]; then
        ids=$(d ps -aq)
        [ -z "$ids" ] || d rm -f $ids > /dev/null
        engine_stop "$(cat "$E/pid")"
    fi
    engine_cleanup
}

d() { docker --host "unix://$E/sock" "$@"; }
storage_driver() { if grep -qw overlay /proc/filesystems; then echo overlay2; else echo vfs; fi; }
show() { d inspect -f "{{.State.$2}}" "$1"; }
is() { [ "$(show "$1" Status)" = "$2" ]; }
# Ends by SIGTERM with status 3.
patient='trap "echo bye; exit 3" TERM; echo up; echo complaint >&2; while :; do sleep 0.1; done'

@test "docker: the default runtime is moat-oci" {
    run d info -f '{{.DefaultRuntime}}'
    assert_output moat
    run d run --rm bb:1 grep -c . /proc/self/status
    assert_success
}

@test "docker: exit statuses are the workload's, 125, 126 and 127" {
    run d run --rm bb:1 sh -c 'exit 7'
    assert_status 7
    run -127 d run --rm bb:1 nosuch
    assert_contains '"nosuch": executable file not found in $PATH'
    run -127 d run --rm bb:1 /no/such
    run d run --rm bb:1 /plain
    assert_status 126
    assert_contains '"/plain": permission denied'
    run d run --rm bb:1 /etc
    assert_status 126
    run d run --rm --sysctl kernel.no_such=1 bb:1 true
    assert_status 125
    run d run --rm bb:1 sh -c 'kill -9 $$; exit 9' # the first process of a pid namespace is deaf to that
    assert_status 9
}

@test "docker: an engine error is moat-oci's sentence" {
    run d run --rm --ulimit nofile=1000:999999999 bb:1 true
    assert_status 125
    assert_contains RLIMIT_NOFILE
}

@test "docker: standard input, output and error, binary-clean" {
    run bash -c "head -c 300000 /dev/urandom > $E/blob && docker -H unix://$E/sock run --rm -i bb:1 cat < $E/blob | cmp - $E/blob"
    assert_success
    run bash -c "docker -H unix://$E/sock run --rm bb:1 sh -c 'echo out; echo err >&2' 2>/dev/null"
    assert_output out
}

@test "docker: a user opens /dev/stdout and /dev/stderr again" {
    run d run --rm -u guest bb:1 sh -c 'echo one > /dev/stdout; echo two > /dev/stderr'
    assert_success
    assert_line one
    assert_line two
}

@test "docker: the host's /dev/null is out of reach, as a stream and as a mask" {
    run d run --rm bb:1 sh -c 'stat -L -c %d:%i /dev/null /dev/stdin | uniq | wc -l; chmod 666 /proc/keys'
    assert_line 1
    assert_contains "Read-only file system"
}

@test "docker: a terminal has the caller's size; run -it and exec -it" {
    in_terminal "docker -H unix://$E/sock run --rm -it bb:1 sh -c 'sleep 1; tty; stty size; exit 4'"
    assert_status 4
    assert_line /dev/pts/0
    assert_line "33 101"
    d run -d --name term bb:1 sleep 100 > /dev/null
    in_terminal "docker -H unix://$E/sock exec -it term sh -c 'sleep 1; tty; stty size; exit 5'"
    d rm -f term
    assert_status 5
    assert_line /dev/pts/0
    assert_line "33 101"
}

@test "docker: limits are in the container's cgroup" {
    run d run --rm -m 64m --pids-limit 20 --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --cgroupns host bb:1 cat /proc/self/cgroup
    assert_success
    assert_contains "/$ENGINE_TAG/"
    if [ -d /sys/fs/cgroup/memory ]; then
        run d run --rm -m 64m --pids-limit 20 --cpus 0.5 --cpu-shares 512 bb:1 sh -c \
            'cd /sys/fs/cgroup && cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpu/cpu.shares'
        assert_output "67108864"$'\n'"20"$'\n'"50000"$'\n'"512"
    else
        run d run --rm -m 64m --pids-limit 20 bb:1 sh -c 'cd /sys/fs/cgroup && cat memory.max pids.max'
        assert_output "67108864"$'\n'"20"
    fi
}

@test "docker: the memory limit ends the container, and docker knows why" {
    run d run --name oom -m 16m bb:1 sh -c 'exec dd if=/dev/zero of=/dev/shm/x bs=1M count=60'
    assert_status 137
    run d inspect -f '{{.State.OOMKilled}}' oom
    d rm -f oom
    assert_output true
}

@test "docker: the pid limit stops a fork bomb" {
    run d run --rm --pids-limit 5 bb:1 sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
    assert_failure
    assert_contains "can't fork"
}

@test "docker: detached, logs, exec, top, stats, pause, update, restart, stop" {
    d run -d --name main bb:1 sh -c "$patient"
    wait_for 5 grep -q complaint <(d logs -f main 2>&1)
    run d exec main sh -c 'echo in; exit 5'
    assert_status 5
    assert_output in
    run d exec main nosuch
    assert_match '"nosuch": executable file not found'
    [[ $status = 126 || $status = 127 ]] # 126 from the shim of containerd 1.6, with every runtime
    run d exec -u guest -w /tmp -e X=y main sh -c 'id -u; pwd; echo $X'
    assert_output "1000"$'\n'"/tmp"$'\n'"y"
    run bash -c "echo hello | docker -H unix://$E/sock exec -i main cat"
    assert_output hello
    run d top main
    assert_contains "echo bye"
    run d stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' main
    assert_match '^[0-9.]+[KM]iB / .* [1-9]'
    d pause main
    is main paused
    run d exec main true
    assert_failure
    d unpause main
    is main running
    d update -m 96m --memory-swap -1 --pids-limit 33 --cpus 0.4 main
    run d exec main sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null'
    assert_output 100663296
    d restart -t 5 main
    is main running
    d stop main
    run show main ExitCode
    assert_output 3
    run d logs main
    assert_contains bye
    d rm main
}

@test "docker: kill, its signals, and wait" {
    d run -d --name victim bb:1 sh -c 'trap "exit 21" USR1; while :; do sleep 0.1; done'
    sleep 0.3
    d kill -s USR1 victim
    run d wait victim
    assert_output 21
    d start victim
    d kill victim
    run d wait victim
    d rm victim
    assert_output 137
}

@test "docker: a paused container with processes by exec is removed by force" {
    d run -d --name cold bb:1 sleep 100
    d exec -d cold sleep 100
    d pause cold
    d rm -f cold
}

@test "docker: --init, --read-only, --tmpfs, -v, --device, --cap-drop, --hostname, --sysctl, --ulimit, --shm-size" {
    run d run --rm --init bb:1 ps
    assert_match '1 root .*docker-init'
    run d run --rm --read-only --tmpfs /run:size=1m -v "$MOAT_BUSYBOX:/v:ro" --device /dev/null:/dev/nothing --cap-drop ALL --hostname hh \
        --sysctl net.ipv4.ip_forward=1 --ulimit nofile=100:200 --shm-size 7m --oom-score-adj 500 bb:1 sh -c '
        touch /run/x && echo run; touch /x; touch /v/x; hostname; grep CapEff /proc/self/status; cat /proc/sys/net/ipv4/ip_forward
        ulimit -n; df -k /dev/shm | tail -1; cat /proc/self/oom_score_adj; echo gone > /dev/nothing && echo null'
    for line in run hh 1 100 500 null; do assert_line "$line"; done
    assert_contains "/x: Read-only file system"
    assert_contains "/v/x: Read-only file system"
    assert_match 'CapEff:.0000000000000000'
    assert_match 'shm +7168 '
}

@test "docker: a container joins another's network, pid and ipc namespaces" {
    d run -d --name host1 --ipc shareable bb:1 sleep 123
    run d run --rm --network container:host1 --pid container:host1 --ipc container:host1 bb:1 ps
    d rm -f host1
    assert_success
    assert_contains "sleep 123"
}

@test "docker: create, start -a, cp, commit" {
    d create --name made bb:1 sh -c 'echo made > /file; echo started'
    run d start -a made
    assert_output started
    run bash -c "docker -H unix://$E/sock cp made:/file - | tar -xO"
    assert_output made
    d commit made bb:2 > /dev/null
    run d run --rm bb:2 cat /file
    assert_output made
    d rm made
}

@test "docker: $ENGINE_COUNT containers, four at a time, leave nothing beside the running engine" {
    d run --rm bb:1 true
    world take "$E/running"
    counted docker -H "unix://$E/sock" run --rm bb:1 echo @
    run world since "$E/running"
    assert_success
}

@test "docker: once dockerd is stopped, no mount, cgroup, process or namespace is left" {
    run d ps -aq
    assert_output ""
    engine_stop "$(cat "$E/pid")"
    # dockerd's own, which it leaves mounted: always the one, the other where the file system around it is private.
    nothing_left "$E/exec/netns/default" "$E/data"
}
