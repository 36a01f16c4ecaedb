#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One policy from flags, file and bundle: --policy FILE has the effect of the flags, explain tells what run would do, and
# --best-effort and --strict decide about what this host cannot enforce.
bats_require_minimum_version 1.5.0
load run

setup_file() { run_setup_file; }
setup() { run_setup; }
teardown() { run_teardown; }

# with JSON [OPTION...] -- COMMAND...: runs busybox under a policy file
with()
{
    local options=()
    echo "$1" > policy.json
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    moat_run --policy policy.json "${options[@]}" busybox "$@"
}

# ---- what a file may say ----------------------------------------------------------------------------------------

@test "env, workdir, user, groups, hostname, domainname" {
    with '{"version": 1, "env": {"A": "x y", "N": 2}, "workdir": "/usr", "user": "1000:5", "groups": ["44", "users"], "hostname": "box", "domainname": "example.org"}' -- \
        sh -c 'echo "$A|$N"; pwd; id -u; id -g; id -G; hostname; cat /proc/sys/kernel/domainname'
    assert_output $'x y|2\n/usr\n1000\n5\n5 44 100\nbox\nexample.org'
}

@test "entrypoint and init" {
    with '{"version": 1, "entrypoint": ["sh", "-c", "cat /proc/1/comm; echo $0"], "init": true}' -- word
    assert_output $'moat-init\nword'
}

@test "timeout and stopSignal" {
    with '{"version": 1, "timeout": "300ms", "stopSignal": "SIGUSR1"}' -- sh -c 'trap "echo usr1; exit" USR1; while :; do sleep 0.05; done'
    assert_status 124
    assert_line usr1
}

@test "readOnlyRoot, shmSize" {
    with '{"version": 1, "readOnlyRoot": true, "shmSize": "1m"}' -- sh -c 'df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2; touch /file'
    assert_status 1
    assert_match "^1024"
    assert_contains "Read-only file system"
}

@test "mounts: host paths begin at the file's own folder" {
    mkdir -p folder/data elsewhere
    echo content > folder/data/file
    echo '{"version": 1, "mounts": [{"source": "data", "target": "/d", "readOnly": true}, {"type": "tmpfs", "target": "/t", "size": "1m", "mode": "1700"}]}' > folder/policy.json
    cd elsewhere
    moat_run --policy ../folder/policy.json busybox sh -c 'cat /d/file; touch /d/x 2>/dev/null || echo closed; stat -c %a /t'
    assert_output $'content\nclosed\n1700'
}

@test "ro and rw, relative to the file" {
    mkdir a b
    echo content > a/file
    with '{"version": 1, "ro": ["./a"], "rw": ["./b"]}' -- sh -c "cat $dir/a/file; touch $dir/b/made; touch $dir/a/x 2>/dev/null || echo closed"
    assert_output $'content\nclosed'
    assert_exists b/made
}

@test "check takes relative paths as run does, and counts what the broker is for" {
    mkdir folder
    echo '{"version": 1, "ro": ["."], "deny": [".git"], "broker": ["out"], "allowNet": ["example.org:443"]}' > folder/policy.json
    cd /
    run "$MOAT" policy check "$dir/folder/policy.json"
    assert_success
    assert_contains "none but 1 destination, 1 host paths, 3 path rules"
    assert_contains "for -b broker"
    refute_contains capabilities
}

@test "limits" {
    require_cgroup memory
    require_cgroup pids
    with '{"version": 1, "limits": {"memory": "64m", "pids": 33, "cpus": 0.5, "ulimits": {"nofile": 100, "core": {"soft": 0, "hard": 0}}, "oomScoreAdj": 600}}' -- \
        sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max pids/pids.max pids.max 2>/dev/null; cat cpu/cpu.cfs_quota_us cpu.max 2>/dev/null | cut -d" " -f1; ulimit -n; cat /proc/self/oom_score_adj'
    assert_output $'67108864\n33\n50000\n100\n600'
}

@test "capabilities, noNewPrivileges, seccomp by name" {
    with '{"version": 1, "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}, "noNewPrivileges": false, "seccomp": "unconfined"}' -- \
        sh -c 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | cut -f2 | xargs'
    assert_output "0000000000000001 0000000000000001 0 0"
}

@test "seccomp as an object" {
    with '{"version": 1, "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}}' -- mkdir /x
    assert_status 1
    assert_contains "Operation not supported"
}

@test "network, userns, sysctl" {
    with '{"version": 1, "network": "host", "userns": "host"}' -- sh -c 'readlink /proc/self/ns/net; readlink /proc/self/ns/user'
    assert_output "$(readlink /proc/self/ns/net)"$'\n'"$(readlink /proc/self/ns/user)"
    with '{"version": 1, "sysctl": {"net.ipv4.ip_forward": 1}}' -- cat /proc/sys/net/ipv4/ip_forward
    assert_output 1
}

@test "flags go over the file" {
    with '{"version": 1, "hostname": "file", "env": {"A": "file", "B": "file"}, "user": "5", "workdir": "/usr"}' --hostname flag -e A=flag -u 6 -w /etc -- \
        sh -c 'hostname; echo "$A|$B"; id -u; pwd'
    assert_output $'flag\nflag|file\n6\n/etc'
}

@test "a file that is not there, is no JSON, or is for another version is refused by its name" {
    moat_run --policy no-file.json busybox true
    assert_error 125 "no-file.json"
    echo '{"version": 1,' > policy.json
    moat_run --policy policy.json busybox true
    assert_error 125 "policy.json"
    with '{"version": 2}' -- true
    assert_error 125 "policy.json" "version"
}

@test "a file does not take from moat's environment" {
    export MOAT_TEST_SECRET=1
    with '{"version": 1, "env": ["MOAT_TEST_SECRET"]}' -- env
    assert_failure
    assert_contains "env"
    refute_contains "MOAT_TEST_SECRET=1"
}

@test "what the schema accepts, run accepts" {
    mkdir data
    echo '{"version": 1, "env": {"A": "1"}, "limits": {"memory": "64m"}, "ro": ["./data"]}' > policy.json
    judge policy.schema.json policy.json
    moat_run --policy policy.json busybox true
    assert_success
}

# ---- explain ----------------------------------------------------------------------------------------------------

@test "explain --json follows its schema, whatever the options" {
    mkdir source
    for options in "" "-m 64m --cpus 1 --pids-limit 5 --cap-drop ALL" "-v $dir/source:/s:ro --tmpfs /t --read-only" "--userns host --network host" \
        "--security-opt seccomp=unconfined --security-opt no-new-privileges=false" "--userns single --timeout 5" "--init --ulimit nofile=5"; do
        # shellcheck disable=SC2086
        "$MOAT" explain --json $options busybox > explain.json || true
        judge explain.schema.json explain.json
    done
}

@test "a file and the same flags are explained alike" {
    echo '{"version": 1, "limits": {"memory": "64m", "pids": 5}, "capabilities": {"drop": ["ALL"]}, "readOnlyRoot": true, "network": "host"}' > policy.json
    "$MOAT" explain --json --policy policy.json busybox > file.json
    "$MOAT" explain --json -m 64m --pids-limit 5 --cap-drop ALL --read-only --network host busybox > flags.json
    cmp file.json flags.json
}

@test "explain says by which file a limit is kept" {
    require_command jq
    require_cgroup memory
    run "$MOAT" explain --json -m 64m busybox
    assert_success
    assert_equal "$(jq -r '.items[] | select(.item == "memory") | "\(.value) \(.how)"' <<<"$output")" "64 MiB enforced"
    jq -e '.items[] | select(.item == "memory") | .mechanism | test("memory.limit_in_bytes|memory.max")' <<<"$output"
}

@test "explain of a bundle" {
    require_command jq
    make_bundle bundle '.process.apparmorProfile = "profile-x"'
    run "$MOAT" explain --json --bundle bundle
    assert_status 125
    assert_equal "$(jq -c '[.accepted, (.items[] | select(.how == "refused") | .value)]' <<<"$output")" '[false,"profile-x"]'
    moat_run --bundle bundle
    assert_error 125 "profile-x"
}

@test "explain runs nothing and leaves nothing" {
    run "$MOAT" explain busybox sh -c 'echo ran'
    assert_success
    refute_contains ran$'\n'
    assert_equal "$(leftovers)" ""
}

@test "images --json follows its schema" {
    "$MOAT" images --json > images.json
    judge images.schema.json images.json
}

@test "the sandbox's state.json follows its schema" {
    background --name "state-$$" busybox sh -c "$LIVES"
    wait_for 5 said up
    judge sandbox-state.schema.json "$MOAT_RUN_DIR/state-$$/state.json"
    kill -TERM "$pid"
    wait "$pid" || true
}

# ---- hosts that lack something ----------------------------------------------------------------------------------

# In a mount namespace where no cgroup hierarchy is mounted.
without_cgroups()
{
    # shellcheck disable=SC2016
    unshare -m --propagation private sh -c 'umount -R -l /sys/fs/cgroup || exit 99; exec "$@"' sh "$@"
}

@test "without cgroups: the defaults fall with one warning" {
    run without_cgroups "$MOAT" run --rm busybox echo ran
    assert_success
    assert_contains ran
    assert_equal "$(grep -c "warning: no cgroup hierarchy is mounted" <<<"$output") $(wc -l <<<"$output")" "1 2"
}

@test "without cgroups: --strict refuses that" {
    run without_cgroups "$MOAT" run --rm --strict busybox true
    assert_error 125 "no cgroup hierarchy is mounted" "--strict"
}

@test "without cgroups: a limit that was asked for is refused by name, --best-effort warns" {
    run without_cgroups "$MOAT" run --rm -m 64m busybox true
    assert_status 125
    assert_match "memory 64 MiB: no cgroup hierarchy is mounted.*--best-effort"
    run without_cgroups "$MOAT" run --rm --best-effort -m 64m busybox echo ran
    assert_success
    assert_contains ran
    assert_contains "warning: memory: no cgroup hierarchy"
}

@test "without cgroups: explain and run agree" {
    for options in "" "--strict" "-m 64m" "-m 64m --best-effort" "--pids-limit 5"; do
        local explained=0 ran=0
        # shellcheck disable=SC2086
        without_cgroups "$MOAT" explain $options busybox > /dev/null || explained=$?
        # shellcheck disable=SC2086
        without_cgroups "$MOAT" run --rm $options busybox true 2> /dev/null || ran=$?
        [ $explained = $ran ] || { echo "options '$options': explain $explained, run $ran" >&2; false; }
    done
}

@test "with everything there, --strict accepts" {
    require_file /sys/fs/cgroup/memory
    moat_run --strict busybox true
    assert_success
}
