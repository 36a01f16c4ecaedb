#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat-oci, the life cycle of a container: create, start, run, state, kill, delete, list, ps, pause, resume, update, events,
# features, spec, and how errors are told. exec, terminals and descriptors are in oci_exec.bats, what config.json asks for
# is in oci_config.bats.
bats_require_minimum_version 1.5.0
load oci

setup_file() { oci_setup_file; }
setup() { oci_setup; }
teardown() { oci_teardown; }

check_document() # --check-state|--check-features FILE
{
    [ -x "$MOAT_BUILD/tests/conformance/oci_schema" ] ||
        ninja -C "$MOAT_BUILD" tests/conformance/oci_schema > "$dir/ninja.log" 2>&1 || { cat "$dir/ninja.log" >&2; return 1; }
    "$MOAT_BUILD/tests/conformance/oci_schema" "$@"
}

# ---- create, start, state ---------------------------------------------------------------------------------------

@test "create sets up and does not run the program" {
    config 'shell("echo ran")'
    create
    assert_success
    assert_equal "$(< "$dir/out")" ""
    status_is created
}

@test "start runs it, and it is stopped when it has ended" {
    config 'shell("echo ran; exit 3")'
    create
    start
    assert_success
    wait_for 5 status_is stopped
    assert_equal "$(< "$dir/out")" ran
}

@test "start twice is refused, while it runs and after it" {
    up
    start
    assert_error 1 "cannot start" "running"
    oci kill "$id" KILL
    wait_for 5 status_is stopped
    start
    assert_error 1 "cannot start" "stopped"
}

@test "start without a process in config.json is refused" {
    config 'del(.process)'
    create
    assert_success
    status_is created
    start
    assert_error 1 "process"
    oci delete --force "$id"
}

@test "create with an id in use is refused and leaves the first alone" {
    up
    create
    assert_error 1 "already in use"
    status_is running
}

@test "ids that could leave the state directory are refused" {
    config .
    for id in .. . a/b '' .hidden "a b" $'a\nb' "$(printf 'x%.0s' {1..300})"; do
        create
        assert_failure
        assert_contains "container id"
    done
    id=none
}

@test "config.json changed after create does not matter" {
    config 'shell("echo first")'
    create
    config 'shell("echo second") | .hostname = "other"'
    start
    assert_success
    wait_for 5 status_is stopped
    assert_equal "$(< "$dir/out")" first
}

@test "the bundle taken away after create does not matter" {
    config 'shell("echo first")'
    create
    rm "$dir/config.json"
    start
    assert_success
    wait_for 5 status_is stopped
    run oci delete "$id"
    assert_success
}

@test "pid-file holds the pid of state, without a newline" {
    config 'shell("sleep 100")'
    create --pid-file "$dir/pid"
    assert_equal "$(od -An -c "$dir/pid" | tr -d ' \n')" "$(host_pid)"
    assert_exists "/proc/$(< "$dir/pid")"
}

@test "pid-file in a directory that is not there: refused, nothing is left" {
    config .
    create --pid-file "$dir/no/pid"
    assert_error 1 "--pid-file" "$dir/no/pid"
    refute_exists "$state/$id"
}

@test "state is judged by the specification's schema in every status" {
    config 'shell("sleep 100") | .annotations = {"org.example.a": "1", "org.example.b": ""}'
    create
    oci state "$id" > "$dir/state.json"
    check_document --check-state "$dir/state.json"
    start
    oci state "$id" > "$dir/state.json"
    check_document --check-state "$dir/state.json"
    oci kill "$id" KILL
    wait_for 5 status_is stopped
    oci state "$id" > "$dir/state.json"
    check_document --check-state "$dir/state.json"
}

@test "state has id, bundle, pid, version and annotations" {
    up '.annotations = {"org.example.a": "b"} | .ociVersion = "1.0.2"'
    run oci state "$id"
    assert_equal "$(jq -c '[.id, .bundle, .status, .ociVersion, .annotations]' <<<"$output")" \
        "[\"$id\",\"$dir\",\"running\",\"1.0.2\",{\"org.example.a\":\"b\"}]"
    grep -q 'NSpid:.*[^0-9]1$' "/proc/$(jq .pid <<<"$output")/status"
}

@test "state.json on disk is what its schema describes" {
    up
    judge sandbox-state.schema.json "$state/$id/state.json"
}

@test "state of what is not there is an error that names it" {
    run oci state no-such-thing
    assert_error 1 "no-such-thing" "does not exist"
}

@test "the state directory is its owner's alone" {
    up
    assert_equal "$(stat -c %a "$state") $(stat -c %a "$state/$id") $(stat -c %a "$state/$id/state.json")" "700 700 600"
}

@test "a state directory that others may write is refused" {
    mkdir -m 777 "$state"
    config .
    create
    assert_error 1 "$state" "777"
}

@test "two state directories do not see each other" {
    up
    run "$MOAT_OCI" --root "$dir/elsewhere" state "$id"
    assert_error 1 "does not exist"
    run "$MOAT_OCI" --root "$dir/elsewhere" list -q
    assert_success
    assert_output ""
}

# ---- run --------------------------------------------------------------------------------------------------------

@test "run gives the program's exit status" {
    oci_run 'shell("exit 42")'
    assert_status 42
}

@test "run gives 128+N when a signal ended it" {
    oci_run 'shell("kill -9 $$") | without("pid")'
    assert_status 137
}

@test "run leaves no state and no cgroup" {
    oci_run .
    assert_success
    refute_exists "$state/$id"
    assert_equal "$(find /sys/fs/cgroup -name "moat-$id")" ""
}

@test "run of a program that is not there names it" {
    oci_run '.process.args = ["no-such-program"]'
    assert_failure
    assert_contains "no-such-program"
    refute_exists "$state/$id"
}

@test "run passes standard input and output, bytes as they are" {
    head -c 300000 /dev/urandom > "$dir/in"
    config '.process.args = ["cat"]'
    oci run --bundle "$dir" "$id" < "$dir/in" > "$dir/back"
    cmp "$dir/in" "$dir/back"
}

@test "run forwards TERM" {
    config "shell(\"${LIVES//\"/\\\"}\")"
    "$MOAT_OCI" --root "$state" run --bundle "$dir" "$id" > "$dir/out" 3>&- &
    local pid=$!
    wait_for 5 grep -q up "$dir/out"
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    assert_status 7
}

@test "run --detach returns at once; the container lives on" {
    config "shell(\"${LIVES//\"/\\\"}\")"
    oci run --detach --bundle "$dir" --pid-file "$dir/pid" "$id" < /dev/null > "$dir/out" 2>&1 3>&-
    status_is running
    assert_equal "$(host_pid)" "$(< "$dir/pid")"
}

@test "run --keep leaves the state, delete takes it" {
    oci_run 'shell("exit 5")' --keep
    assert_status 5
    status_is stopped
    run oci delete "$id"
    assert_success
    refute_exists "$state/$id"
}

@test "run dies, and its container with it, by kill -9" {
    config "shell(\"${LIVES//\"/\\\"}\")"
    "$MOAT_OCI" --root "$state" run --bundle "$dir" "$id" > "$dir/out" 2>&1 3>&- &
    local pid=$! inner
    wait_for 5 grep -q up "$dir/out"
    inner=$(pgrep -P "$pid" | head -n 1)
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    wait_for 5 gone "$inner"
}

# ---- kill, delete -----------------------------------------------------------------------------------------------

@test "kill sends TERM when no signal is named" {
    config 'shell("trap \"echo term; exit\" TERM; echo up; while :; do sleep 0.05; done")'
    create
    start
    wait_for 5 grep -q up "$dir/out"
    run oci kill "$id"
    assert_success
    wait_for 5 status_is stopped
    assert_equal "$(tail -n 1 "$dir/out")" term
}

@test "kill takes names with and without SIG, and numbers" {
    config 'shell("for s in USR1 USR2 HUP; do trap \"echo got-$s\" $s; done; echo up; while :; do sleep 0.05; done")'
    create
    start
    wait_for 5 grep -q up "$dir/out"
    oci kill "$id" USR1
    wait_for 5 grep -q got-USR1 "$dir/out"
    oci kill "$id" SIGUSR2
    wait_for 5 grep -q got-USR2 "$dir/out"
    oci kill "$id" 1
    wait_for 5 grep -q got-HUP "$dir/out"
}

@test "kill with an unknown signal is refused" {
    up
    run oci kill "$id" NOSUCH
    assert_error 1 "NOSUCH"
    status_is running
}

@test "kill of a created container ends it" {
    config .
    create
    run oci kill "$id" KILL
    assert_success
    wait_for 5 status_is stopped
}

@test "kill of a stopped container is refused" {
    config .
    create
    start
    wait_for 5 status_is stopped
    run oci kill "$id" KILL
    assert_error 1 "not running"
}

@test "kill --all reaches every process, in a shared pid namespace too" {
    config 'shell("sleep 1000 & sleep 1001 & echo up; wait") | without("pid")'
    create
    start
    wait_for 5 grep -q up "$dir/out"
    local pids
    pids=$(oci ps --format json "$id" | jq -r '.[]')
    assert_equal "$(wc -l <<<"$pids")" 3
    run oci kill --all "$id" KILL
    assert_success
    for p in $pids; do wait_for 5 gone "$p"; done
}

@test "delete of a running container is refused and leaves it alone" {
    up
    run oci delete "$id"
    assert_error 1 "running" "--force"
    status_is running
}

@test "delete --force ends and removes it" {
    up
    local pid
    pid=$(host_pid)
    run oci delete --force "$id"
    assert_success
    refute_exists "$state/$id"
    wait_for 5 gone "$pid"
    assert_equal "$(find /sys/fs/cgroup -name "moat-$id")" ""
}

@test "delete --force ends every process of a shared pid namespace" {
    config 'shell("sleep 1000 & sleep 1001 & echo up; wait") | without("pid")'
    create
    start
    wait_for 5 grep -q up "$dir/out"
    local pids
    pids=$(oci ps --format json "$id" | jq -r '.[]')
    run oci delete --force "$id"
    assert_success
    for p in $pids; do wait_for 5 gone "$p"; done
}

@test "delete --force of a paused container" {
    up
    oci pause "$id"
    run oci delete --force "$id"
    assert_success
    refute_exists "$state/$id"
}

@test "delete of a created container" {
    config .
    create
    local pid
    pid=$(host_pid)
    run oci delete "$id"
    assert_success
    wait_for 5 gone "$pid"
    refute_exists "$state/$id"
}

@test "delete of what is not there is an error, with --force it is none" {
    run oci delete no-such-thing
    assert_error 1 "does not exist"
    run oci delete --force no-such-thing
    assert_success
    assert_output ""
}

@test "delete of a container whose process was killed from outside" {
    up
    kill -9 "$(host_pid)"
    wait_for 5 status_is stopped
    run oci delete "$id"
    assert_success
    refute_exists "$state/$id"
}

# ---- list, ps ---------------------------------------------------------------------------------------------------

@test "list -q gives ids alone, sorted" {
    config .
    for id in b-"$id" a-"$id"; do create; done
    run oci list -q
    assert_output "$(printf '%s\n' "a-${id#*-}" "b-${id#*-}")"
}

@test "list as table and as JSON" {
    up
    run oci list
    assert_match "^ID +PID +STATUS +BUNDLE +CREATED"
    assert_match "$id +$(host_pid) +running +$dir +[0-9]{4}-"
    run oci list --format json
    assert_equal "$(jq -c '.[] | [.id, .status, .pid]' <<<"$output")" "[\"$id\",\"running\",$(host_pid)]"
}

@test "list without a state directory is empty" {
    run oci list --format json
    assert_output "[]"
}

@test "list leaves unreadable entries out and shows the rest" {
    up
    mkdir -m 700 "$state/broken"
    echo '{' > "$state/broken/state.json"
    run oci list --format json
    assert_success
    assert_equal "$(jq -r '.[].id' <<<"$output")" "$id"
    rm -r "$state/broken"
}

@test "ps as JSON has the host's pids" {
    up
    oci exec --detach --pid-file "$dir/pid" "$id" sleep 1000 < /dev/null > /dev/null 2>&1 3>&-
    run oci ps --format json "$id"
    jq -e --argjson a "$(host_pid)" --argjson b "$(< "$dir/pid")" 'index($a) != null and index($b) != null' <<<"$output"
}

@test "ps as table is ps(1)'s, of the container's processes" {
    require_command ps procps
    up
    run oci ps "$id"
    assert_match "^UID +PID"
    assert_contains "$(host_pid)"
    refute_contains "$$ "
}

# ---- pause, resume, update, events ------------------------------------------------------------------------------

ticks() { wc -l < "$dir/out"; }

@test "pause stops the processes, resume lets them go on" {
    require_freezer
    config 'shell("while :; do echo tick; sleep 0.02; done")'
    create
    start
    wait_for 5 test -s "$dir/out"
    run oci pause "$id"
    assert_success
    status_is paused
    local before
    before=$(ticks)
    sleep 0.2 # time passes for everybody else
    assert_equal "$(ticks)" "$before"
    run oci resume "$id"
    assert_success
    status_is running
    more() { [ "$(ticks)" -gt "$before" ]; }
    wait_for 5 more
}

@test "pause twice, and resume of what runs, are refused" {
    require_freezer
    up
    run oci resume "$id"
    assert_error 1 "not paused"
    oci pause "$id"
    run oci pause "$id"
    assert_error 1 "paused"
    oci resume "$id"
}

@test "kill KILL ends a paused container" {
    require_freezer
    up
    oci pause "$id"
    run oci kill "$id" KILL
    assert_success
    wait_for 5 status_is stopped
}

@test "update --memory and --pids-limit reach the cgroup" {
    v1_group memory
    up
    run oci update --memory 67108864 --pids-limit 77 "$id"
    assert_success
    assert_equal "$(cat "$group/memory.limit_in_bytes")" 67108864
    v1_group pids
    assert_equal "$(cat "$group/pids.max")" 77
}

@test "update lowers memory and swap in one step, and raises them again" {
    v1_group memory
    require_file "${group%/*}/memory.memsw.limit_in_bytes"
    up '.linux.resources.memory = {limit: 134217728, swap: 134217728}'
    run oci update --memory 67108864 --memory-swap 67108864 "$id"
    assert_success
    assert_equal "$(cat "$group/memory.limit_in_bytes" "$group/memory.memsw.limit_in_bytes" | tr '\n' ' ')" "67108864 67108864 "
    run oci update --memory 268435456 --memory-swap 268435456 "$id"
    assert_success
    assert_equal "$(cat "$group/memory.limit_in_bytes" "$group/memory.memsw.limit_in_bytes" | tr '\n' ' ')" "268435456 268435456 "
}

@test "update --resources from a file and from standard input" {
    v1_group cpu
    up
    echo '{"cpu": {"shares": 300, "quota": 25000, "period": 50000}}' > "$dir/r.json"
    run oci update --resources "$dir/r.json" "$id"
    assert_success
    assert_equal "$(cat "$group/cpu.shares" "$group/cpu.cfs_quota_us" "$group/cpu.cfs_period_us" | tr '\n' ' ')" "300 25000 50000 "
    run oci update --resources - "$id" <<<'{"cpu": {"shares": 400}}'
    assert_success
    assert_equal "$(cat "$group/cpu.shares" "$group/cpu.cfs_quota_us" | tr '\n' ' ')" "400 25000 "
}

@test "update with a value that the kernel refuses is an error that names it" {
    require_cgroup cpuset
    up
    run oci update --cpuset-cpus 4095 "$id"
    assert_failure
    assert_contains cpu
    status_is running
}

@test "update of a stopped container is refused" {
    config .
    create
    start
    wait_for 5 status_is stopped
    run oci update --memory 64m "$id"
    assert_error 1 "stopped"
}

@test "events --stats is one JSON line with the cgroup's figures" {
    require_cgroup pids
    up '.linux.resources.pids = {limit: 50}'
    run oci events --stats "$id"
    assert_success
    assert_equal "$(jq -c '[.type, .id, .data.pids.limit, (.data.pids.current >= 1), (.data.memory.usage.usage > 0), (.data.cpu.usage.total > 0)]' <<<"$output")" \
        "[\"stats\",\"$id\",50,true,true,true]"
}

@test "events goes on until the container ends" {
    up
    "$MOAT_OCI" --root "$state" events --interval 1s "$id" > "$dir/events" 3>&- &
    helpers+=($!)
    wait_for 5 test -s "$dir/events"
    oci kill "$id" KILL
    wait_for 5 gone $!
}

# ---- features, spec ---------------------------------------------------------------------------------------------

@test "features is judged by the specification's schema" {
    oci features > "$dir/features.json"
    check_document --check-features "$dir/features.json"
}

@test "features says that what is refused is not there" {
    run oci features
    assert_equal "$(jq -c '[.linux.apparmor.enabled, .linux.selinux.enabled, .linux.intelRdt.enabled]' <<<"$output")" "[false,false,false]"
    assert_equal "$(jq -c '[.hooks, .linux.namespaces | length]' <<<"$output")" "[6,8]"
}

@test "spec writes a config.json that runs" {
    mkdir "$dir/b"
    make_rootfs "$dir/b/rootfs"
    (cd "$dir/b" && oci spec)
    bundle_edit "$dir/b" '.process.terminal = false | .process.args = ["echo", "fine"]'
    run oci run --bundle "$dir/b" "$id"
    assert_output fine
}

@test "spec does not write over a config.json" {
    echo mine > "$dir/config.json"
    run oci spec --bundle "$dir"
    assert_error 1 "config.json" "already"
    assert_equal "$(< "$dir/config.json")" mine
}

@test "--version names the version of the specification" {
    run "$MOAT_OCI" --version
    assert_success
    assert_match "^moat-oci version [0-9]"
    assert_match "spec: 1\."
}

# ---- errors, logs, flags that engines pass ----------------------------------------------------------------------

@test "--log with --log-format json gets a line for an error" {
    run oci --log "$dir/log" --log-format json state no-such-thing
    assert_failure
    assert_equal "$(jq -r '.level + " " + .msg' "$dir/log")" 'error container "no-such-thing" does not exist'
    jq -e '.time | fromdate' "$dir/log"
}

@test "--log keeps what is there, one line an error" {
    oci --log "$dir/log" --log-format json state one 2> /dev/null || true
    oci --log "$dir/log" --log-format json state two 2> /dev/null || true
    assert_equal "$(jq -s length "$dir/log")" 2
}

@test "--log as text" {
    run oci --log "$dir/log" state no-such-thing
    assert_failure
    grep -q 'level=error msg=.*no-such-thing' "$dir/log"
}

@test "the flags of containerd's shim, of conmon and of dockerd are taken" {
    config "shell(\"${LIVES//\"/\\\"}\")"
    "$MOAT_OCI" --root "$state" --log "$dir/log" --log-format json --systemd-cgroup=false create --bundle "$dir" \
        --pid-file "$dir/pid" --no-pivot=false --no-new-keyring "$id" < /dev/null > "$dir/out" 2>&1 3>&-
    oci --cgroup-manager cgroupfs --log-level warn --debug --rootless=auto start "$id"
    status_is running
}

@test "unknown commands and options are refused by name" {
    run oci no-such-command
    assert_error 1 "no-such-command"
    run oci create --no-such-option "$id"
    assert_failure
    assert_contains "--no-such-option"
    run oci state
    assert_error 1 "state"
}

@test "checkpoint and restore are refused by name" {
    for c in checkpoint restore; do
        run oci "$c" x
        assert_error 1 "$c"
    done
}

@test "a config.json that is not there, is empty, is no JSON, is too deep" {
    create
    assert_error 1 "config.json"
    : > "$dir/config.json"
    create
    assert_error 1 "config.json"
    echo '{"ociVersion": "1.0.0"' > "$dir/config.json"
    create
    assert_error 1 "config.json"
    printf '[%.0s' {1..5000} > "$dir/config.json"
    create
    assert_error 1 "config.json"
    refute_exists "$state/$id"
}
