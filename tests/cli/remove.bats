#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rm, prune, kill, wait, pause, update, system: over killed monitors and damaged records, two at once, in the foreground.
bats_require_minimum_version 1.5.0
load look

setup_file() { look_setup_file; }
setup() { look_setup; }
teardown() { look_teardown; }

# both COMMAND --- COMMAND: at once; their statuses are in $first and $second, what they print in out1 and out2.
both()
{
    local a=()
    while [ "$1" != --- ]; do a+=("$1"); shift; done
    shift
    timeout 40 "$MOAT" "${a[@]}" > out1 2>&1 3>&- & p=$!
    timeout 40 "$MOAT" "$@" > out2 2>&1 && second=0 || second=$?
    wait $p && first=0 || first=$?
}

# ---- rm ---------------------------------------------------------------------------------------------------------

@test "rm takes the layer and the log along" {
    moat run --name "$n" busybox sh -c 'echo x > /file; echo logged' > /dev/null
    layer=$MOAT_DATA_DIR/layers/$n
    assert_exists "$layer/upper/file" && assert_exists "$layer/log"
    moat rm "$n"
    refute_exists "$layer"
    assert_equal "$(find "$MOAT_RUN_DIR/.ids" -mindepth 1)" ""
}
@test "rm: the beginning of a name, and one that is that of several" {
    ended "$n-aa" 0 && ended "$n-ab" 0
    run moat rm "$n-a"
    assert_error 1 "several sandboxes"
    assert_equal "$(moat rm "$n-aa" "$n-a")" "$n-aa
$n-a"
    run moat rm "../$n" .events
    assert_status 1
    assert_contains "No such container: ../$n"
    assert_contains "No such container: .events"
}
@test "rm -f: one that is not there is said, and no failure" {
    run moat rm -f "$n"
    assert_error 0 "No such container: $n"
}
@test "rm: in the foreground" {
    foreground "$n"
    run moat rm "$n"
    assert_error 1 "container is running"
    assert_equal "$(moat rm -f "$n")" "$n"
    wait "$pid" && false || assert_equal $? 137
    assert_equal "$(moat ps -aq)" ""
}
@test "rm -f: paused, and its monitors are dead" {
    up "$n"
    moat pause "$n"
    kill_monitors "$n"
    assert_equal "$(timeout 30 "$MOAT" rm -f "$n")" "$n"
    gone "$n"
}
@test "rm: without force, one whose monitors are dead is still running" {
    up "$n"
    kill_monitors "$n"
    run moat rm "$n"
    assert_error 1 "container is running"
    is_now "$n" running
}
@test "rm -f: damaged records" {
    for record in sandbox.json config.json exit.json state.json; do
        for damage in '' '{' '{"version": 99}'; do
            up "$n"
            inner=$(state "$n" Pid)
            [ -e "$MOAT_RUN_DIR/$n/$record" ] || moat stop "$n" > /dev/null
            printf %s "$damage" > "$MOAT_RUN_DIR/$n/$record"
            run timeout 40 "$MOAT" rm -f "$n"
            assert_success || { echo "$record: $damage" >&2; return 1; }
            dead() { [ ! -e "/proc/$inner" ] && not monitors "$n"; }
            wait_for 10 dead || { echo "$record: $damage" >&2; return 1; }
            gone "$n"
        done
    done
    moat system check > /dev/null # the id block of one that could not tell its own
}
@test "two rm at once: one does it, the other says so" {
    for option in "" -f; do
        for i in 1 2 3; do
            [ -n "$option" ] && up "$n" || ended "$n" 0
            both rm $option "$n" --- rm $option "$n"
            gone_now "$n"
            [ $first = 0 ] || grep -q "No such container" out1
            [ $second = 0 ] || grep -q "No such container" out2
            [ $first = 0 ] || [ $second = 0 ]
        done
    done
}
@test "rm and start at once: one wins, and the other has a clear word" {
    for i in 1 2 3 4 5; do
        moat create --name "$n" busybox sleep 100 > /dev/null
        both rm "$n" --- start "$n"
        if [ $first = 0 ]; then
            gone_now "$n"
            [ $second = 0 ] || grep -q "No such container" out2
        else
            grep -q -e "container is running" -e "at work" out1
            is_now "$n" running
            moat rm -f "$n"
        fi
    done
}
@test "rm -f and stop, kill, pause, update at once" {
    for other in stop kill pause "update --pids-limit 50"; do
        up "$n"
        both rm -f "$n" --- $other "$n"
        [ $first = 0 ] || cat out1 >&2
        assert_equal $first 0
        gone_now "$n"
        [ $second = 0 ] || grep -q -e "No such container" -e "not running" out2
    done
}

# ---- prune ------------------------------------------------------------------------------------------------------

@test "prune: filters, and what it says" {
    ended "$n-a" 0 --label keep=no
    ended "$n-b" 0 --label keep=yes
    up "$n-c" --label keep=no
    run moat prune -f --filter label=keep=no
    assert_success
    assert_match "^Deleted Containers:"$'\n'"$n-a"$'\n\n'"Total reclaimed space: [1-9]"
    assert_equal "$(moat prune -f --filter until=1h)" "Total reclaimed space: 0B"
    assert_equal "$(moat ps -aq | sort | paste -sd' ')" "$n-b $n-c"
    run moat prune -f --filter nosuch=1
    assert_error 1 "nosuch"
    run moat prune -f --filter until=x
    assert_error 1 "until"
}
@test "prune: asks, and the end of the answer is no" {
    ended "$n" 0
    run moat prune < /dev/null
    assert_success
    assert_contains "[y/N]"
    assert_equal "$(moat ps -aq)" "$n"
    echo y | moat prune > /dev/null
    assert_equal "$(moat ps -aq)" ""
}

# ---- system -----------------------------------------------------------------------------------------------------

@test "system df: figures" {
    up "$n"
    moat run --name "$n-b" busybox dd if=/dev/zero of=/big bs=1M count=2 2> /dev/null
    moat system df --json > out
    assert_equal "$(jq -c '[.images.total, .images.active, .images.reclaimableBytes, .sandboxes.total, .sandboxes.active, (.sandboxes.bytes >= 2097152), (.sandboxes.reclaimableBytes >= 2097152), .imageBuilds.total]' out)" \
        "[1,1,0,2,1,true,true,0]"
    run moat system df -v
    assert_success
    assert_match "busybox +latest +[0-9a-f]{12} +[0-9.]+MB +2"
    assert_match "$n-b +busybox +[0-9.]+MB +not running +$n-b"
}
@test "system df: a build that was left unfinished" {
    mkdir "$MOAT_DATA_DIR/images/.tmp-left" && dd if=/dev/zero of="$MOAT_DATA_DIR/images/.tmp-left/x" bs=1M count=1 2> /dev/null
    moat system df --json > out
    assert_equal "$(jq -c '[.imageBuilds.total, .imageBuilds.active, (.imageBuilds.reclaimableBytes >= 1048576)]' out)" "[1,0,true]"
    moat system prune -f > /dev/null
    refute_exists "$MOAT_DATA_DIR/images/.tmp-left"
}
@test "system prune -a: images that no sandbox uses go, the others stay" {
    mkdir -p tree/bin && echo x > tree/bin/x
    moat import tree one:1 > /dev/null
    moat import "$MOAT_BUSYBOX" two:1 > /dev/null
    moat create --name "$n" two:1 true > /dev/null
    moat run -d --name "$n-b" two:1 sleep 100 > /dev/null
    moat system prune -f > /dev/null
    moat images | grep -q "^one "
    moat system prune -af > out
    grep -q '^untagged: one:1$' out && grep -q '^deleted: sha256:' out
    moat images > left
    not grep -q "^one " left
    grep -q "^two " left
}
@test "rmi: the last name of an image that a sandbox stands on is refused, another name is not" {
    make_rootfs tree && echo own > tree/own
    moat import tree three:1 > /dev/null
    moat import tree three:2 > /dev/null
    moat create --name "$n" three:1 true > /dev/null
    image=$(moat inspect -f '{{.Image}}' "$n")
    run moat rmi "$image"
    assert_error 125 "is used by 1 sandbox" "moat ps -a"
    assert_equal "$(moat rmi three:1)" "Untagged: three:1"
    run moat rmi three:2
    assert_error 125 "is used by 1 sandbox" "moat ps -a"
    moat start "$n" && moat rm -f "$n"
    assert_equal "$(moat rmi three:2 | head -n 1)" "Untagged: three:2"
}
@test "rmi, system prune -a: a sandbox in another state directory counts too" {
    make_rootfs tree && echo own > tree/own
    moat import tree four:1 > /dev/null
    MOAT_RUN_DIR=$dir/other moat create --name "$n" four:1 true > /dev/null
    run moat rmi four:1
    assert_error 125 "is used by 1 sandbox"
    moat system prune -af > /dev/null
    moat images > left
    grep -q "^four " left
    MOAT_RUN_DIR=$dir/other moat rm "$n"
    moat system prune -af > /dev/null
    moat images > left
    not grep -q "^four " left
}
@test "system: options of another verb are refused" {
    run moat system df --force
    assert_error 125 "df takes no --force"
    run moat system check -a
    assert_error 125 "check takes no --all"
    run moat system nothing
    assert_error 125 "nothing" "check" "df" "prune"
}
@test "system check: a running one whose monitors are dead has a monitor again" {
    up "$n"
    kill_monitors "$n"
    assert_equal "$(moat system check --dry-run --json | jq -c '[.recovered, .sandboxes, .cleared]')" "[1,0,false]"
    not monitors "$n"
    run moat system check
    assert_success
    assert_contains "sandbox $n: its monitor was gone, it has another"
    monitors "$n" > /dev/null
    assert_equal "$(moat system check)" "nothing is left over"
    moat stop "$n" && is_now "$n" exited
}
@test "system check: the end of one whose monitors are dead comes on record" {
    up "$n"
    inner=$(state "$n" Pid)
    kill_monitors "$n"
    kill -KILL "$inner"
    dead() { [ ! -e "/proc/$inner" ] || grep -q '^State:.*Z' "/proc/$inner/status"; }
    wait_for 10 dead
    assert_equal "$(moat inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.ExitReason}}' "$n")" "exited 255 lost"
    assert_equal "$(moat ps -a --format '{{.Status}}')" "Exited (255)"
    moat system check > /dev/null
    is "$n" exited
    assert_exists "$MOAT_RUN_DIR/$n/exit.json"
    assert_equal "$(moat system check)" "nothing is left over"
}
@test "system check leaves those that have ended, wait or run alone" {
    up "$n"
    ended "$n-b" 0
    moat create --name "$n-c" busybox true
    assert_equal "$(moat system check)" "nothing is left over"
    assert_equal "$(moat ps -aq | sort | paste -sd' ')" "$n $n-b $n-c"
}

# ---- kill, wait, pause ------------------------------------------------------------------------------------------

@test "kill: a paused one dies" {
    up "$n"
    moat pause "$n"
    moat kill "$n"
    assert_equal "$(timeout 20 "$MOAT" wait "$n")" 137
}
@test "kill: one that is between two runs is not started again" {
    moat run -d --name "$n" --restart always busybox false > /dev/null
    waits() { is_now "$n" restarting; }
    wait_for 10 waits
    moat kill "$n" 2> err || grep -q "not running" err || cat err
    is "$n" exited
    sleep 0.5
    is_now "$n" exited
}
@test "kill: in the foreground, and its status as wait tells it" {
    foreground "$n"
    "$MOAT" wait "$n" > waited 2>&1 3>&- & p=$!
    waits() { find "/proc/$p/fd" -lname '*pidfd*' | grep -q .; }
    wait_for 10 waits
    moat kill -s TERM "$n"
    wait "$pid" && false || assert_equal $? 7
    if wait $p; then assert_equal "$(cat waited)" 7; else grep -q "does not tell" waited; fi
}
@test "wait: goes on when the monitor is killed" {
    up "$n"
    "$MOAT" wait "$n" > waited 2>&1 3>&- & p=$!
    helpers+=("$p")
    kill -KILL "$(pgrep -P "$(monitors "$n" | head -n 1)" -f moat-monitor | head -n 1)"
    moat stop "$n"
    wait $p
    assert_equal "$(cat waited)" 7
}
@test "wait: the end of one whose monitors are dead" {
    up "$n"
    inner=$(state "$n" Pid)
    kill_monitors "$n"
    kill -KILL "$inner"
    run timeout 30 "$MOAT" wait "$n"
    assert_success
    assert_match "^(137|255)$"
}
@test "wait: one that was never started, and one that ended long ago" {
    moat create --name "$n" busybox true
    ended "$n-b" 9
    assert_equal "$(timeout 20 "$MOAT" wait "$n" "$n-b")" "0
9"
}
@test "pause and unpause: in the foreground" {
    foreground "$n"
    assert_equal "$(moat pause "$n") $(state "$n" Status)" "$n paused"
    assert_equal "$(moat unpause "$n") $(state "$n" Status)" "$n running"
}
@test "two pause at once: one does it" {
    up "$n"
    both pause "$n" --- pause "$n"
    assert_equal $((first + second)) 1
    cat out1 out2 | grep -q "already paused"
}

# ---- update -----------------------------------------------------------------------------------------------------

@test "update: what runs has it at once, and the next run too" {
    require_cgroup pids
    up "$n"
    limit() { cat "$(find /sys/fs/cgroup -path "*moat-$n*/pids.max" | head -n 1)"; }
    assert_equal "$(moat update --pids-limit 77 --cpus 0.5 "$n")" "$n"
    assert_equal "$(limit) $(moat inspect -f '{{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}' "$n")" "77 77 500000000"
    moat stop "$n" && moat start "$n"
    assert_equal "$(limit)" 77
}
@test "update: memory alone keeps swap at none, and an old sum has to do" {
    moat create --name "$n" -m 64m busybox true
    moat update -m 128m "$n"
    assert_equal "$(moat inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' "$n")" "134217728 134217728"
    moat update --memory-swap 256m "$n"
    moat update -m 192m "$n"
    assert_equal "$(moat inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' "$n")" "201326592 268435456"
    run moat update -m 512m "$n"
    assert_error 1 "memoryswap"
    assert_equal "$(moat inspect -f '{{.HostConfig.Memory}}' "$n")" 201326592
    moat update -m -1 --memory-swap -1 "$n"
    assert_equal "$(moat inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' "$n")" "0 -1"
}
@test "update: the rest of the policy stays as it was" {
    mkdir v
    moat create --name "$n" -v "$dir/v:/v" --label a=b --init --timeout 5m --stop-signal USR1 --cap-drop ALL -u 5 busybox true
    moat inspect "$n" | jq 'del(.[0].HostConfig.PidsLimit)' > before
    moat update --pids-limit 5 "$n"
    moat inspect "$n" | jq 'del(.[0].HostConfig.PidsLimit)' > after
    cmp before after
    assert_equal "$(jq -c '[.annotations["moat.init"], .annotations["moat.timeout-ms"], .annotations.a]' "$MOAT_RUN_DIR/$n/config.json")" '["true","300000","b"]'
}
@test "update --restart: in the foreground and with --rm it is refused" {
    foreground "$n"
    run moat update --restart always "$n"
    assert_error 1 "--restart" "foreground"
    up "$n-b" --rm
    run moat update --restart always "$n-b"
    assert_error 1 "--restart" "--rm"
}
@test "update: what has a limit that cannot be is refused, and nothing is changed" {
    up "$n"
    before=$(moat inspect "$n" | jq -S '.[0].HostConfig')
    run moat update --cpuset-cpus 4000 "$n"
    assert_status 1
    run moat update --cpus 1 --cpu-quota 1000 "$n"
    assert_error 1 "cpus"
    run moat update "$n"
    assert_error 1 "one or more flags"
    assert_equal "$(moat inspect "$n" | jq -S '.[0].HostConfig')" "$before"
}
