#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ps, inspect, stats, events: what docker_rows.bats does not say, which is what moat adds to docker and what it refuses.
bats_require_minimum_version 1.5.0
load look

setup_file() { look_setup_file; }
setup() { look_setup; }
teardown() { look_teardown; }

# ---- ps ---------------------------------------------------------------------------------------------------------

@test "ps: one in the foreground runs too, with the name of its image" {
    foreground "$n"
    assert_equal "$(moat ps --format '{{.ID}} {{.Image}} {{.State}}')" "$n busybox running"
}
@test "ps --json: figures, by its schema" {
    up "$n" --label k=v
    ended "$n-b" 3
    moat create --name "$n-c" busybox true
    moat ps -a --json > out
    judge ps.schema.json out
    assert_equal "$(jq -r '.[] | [.id, .state, .exitCode, .exitReason, .labels.k, .kept] | map(tostring) | join(" ")' out | sort)" \
"$n running null null v true
$n-b exited 3 exited null true
$n-c created null null null true"
}
@test "ps: nothing was ever run, and no state directory is made" {
    assert_equal "$(moat ps -aq)" ""
    assert_equal "$(moat ps -a --json | jq length)" 0
    refute_exists "$MOAT_RUN_DIR"
}
@test "ps -s is refused with what to use instead" {
    run moat ps -s
    assert_error 125 "--size" "moat system df -v"
}
@test "ps --filter: id, ancestor by name, by name with tag, by id" {
    ended "$n" 0
    image=$(moat images -q | head -n 1)
    for f in "id=$n" ancestor=busybox ancestor=busybox:latest "ancestor=$image" "ancestor=sha256:$image"; do
        assert_equal "$f $(moat ps -aq --filter "$f")" "$f $n"
    done
    for f in id=other ancestor=busybo ancestor=busybox:1 ancestor=sha256:; do
        assert_equal "$f $(moat ps -aq --filter "$f")" "$f "
    done
}
@test "ps: control characters of a workload do not reach the table" {
    moat create --name "$n" busybox printf $'\033[31m\nred' > /dev/null
    run moat ps -a --no-trunc
    assert_success
    refute_contains $'\033'
    assert_contains '"printf \x1b[31m\nred"'
    assert_equal "$(wc -l <<<"$output")" 2
}
@test "ps: a long command of letters of several bytes is cut between letters" {
    moat create --name "$n" busybox echo äöüäöüäöüäöüäöüäöü > /dev/null
    assert_equal "$(moat ps -a --format '{{.Command}}')" '"echo äöüäöüäöüäöüäö…"'
}
@test "ps: a damaged sandbox is said, and the others are listed" {
    ended "$n" 0
    ended "$n-b" 0
    echo '{' > "$MOAT_RUN_DIR/$n-b/sandbox.json"
    run moat ps -aq
    assert_success
    assert_line "$n"
    assert_contains "$n-b is passed over"
}

# ---- inspect ----------------------------------------------------------------------------------------------------

@test "inspect: why it ended" {
    ended "$n-exited" 3
    moat run --name "$n-timeout" --timeout 300ms --stop-timeout 1 busybox sleep 100 || true
    up "$n-stopped" && moat stop "$n-stopped"
    up "$n-killed" && moat kill "$n-killed" && moat wait "$n-killed"
    moat run --name "$n-start" busybox no-such-program 2> err || true
    assert_equal "$(for r in exited timeout stopped killed start; do moat inspect -f '{{.State.ExitReason}} {{.State.ExitCode}}' "$n-$r"; done)" \
"exited 3
timeout 124
stopped 7
stopped 137
start-failed 127"
    [[ $(state "$n-start" Error) == *no-such-program* ]]
}
@test "inspect: what the policy tells" {
    mkdir v
    moat create --name "$n" --cap-add NET_ADMIN --cap-drop CHOWN -v "$dir/v:/v:ro" --cpus 1.5 --cpu-shares 512 --memory 64m \
        --restart on-failure:3 --stop-signal USR1 --stop-timeout 7 --log-opt max-size=8k --init -e A=b busybox sh -c true > /dev/null
    moat inspect "$n" | jq -c '.[0] | [.HostConfig.CapAdd, .HostConfig.CapDrop, (.Mounts[] | select(.Destination == "/v") | [.Source, .RW]),
        .HostConfig.NanoCpus, .HostConfig.CpuShares, .HostConfig.Memory, .HostConfig.MemorySwap, .HostConfig.RestartPolicy,
        .Config.StopSignal, .Config.StopTimeout, .HostConfig.LogConfig, .HostConfig.Init, .HostConfig.NetworkMode, .Boundary,
        .Config.Cmd, (.Config.Env | index("A=b") != null)]' > out
    assert_equal "$(cat out)" "[[\"CAP_NET_ADMIN\"],[\"CAP_CHOWN\"],[\"$dir/v\",false],1500000000,512,67108864,67108864,{\"Name\":\"on-failure\",\"MaximumRetryCount\":3},\"SIGUSR1\",7,{\"Type\":\"local\",\"Config\":{\"max-size\":\"8192\",\"max-file\":\"2\"}},true,\"none\",\"container\",[\"sh\",\"-c\",\"true\"],true]"
}
@test "inspect -f: a missing member is an error that names it, and nothing is printed" {
    ended "$n" 0
    run --separate-stderr moat inspect -f 'a {{.State.Nosuch}}' "$n"
    assert_status 1
    assert_output ""
    [[ $stderr == *'no entry for key "Nosuch"'* ]]
}
@test "inspect: what is not supported is refused by name" {
    run moat inspect --type image "$n"
    assert_error 125 "--type image"
    run moat inspect -f '{{printf "%s" .Id}}' "$n"
    assert_error 1 printf
}
@test "inspect: one in the foreground" {
    foreground "$n"
    assert_equal "$(moat inspect -f '{{.State.Status}} {{.HostConfig.AutoRemove}} {{.Config.Image}} {{.HostConfig.LogConfig.Type}} {{.LogPath}}.' "$n")" "running true busybox none ."
}

# ---- stats ------------------------------------------------------------------------------------------------------

@test "stats: figures, by its schema" {
    require_cgroup memory
    up "$n" -m 64m
    moat stats --json > out
    judge stats.schema.json out
    assert_equal "$(jq -r '.[0] | [.id, .running, .memoryLimitBytes, (.memoryBytes > 0), (.pids > 0), (.cpuNanoseconds > 0)] | map(tostring) | join(" ")' out)" "$n true 67108864 true true true"
}
@test "stats: a busy one is busier than an idle one" {
    require_cgroup cpuacct
    moat run -d --name "$n" busybox sh -c 'while :; do :; done' > /dev/null
    moat run -d --name "$n-b" busybox sleep 100 > /dev/null
    assert_equal "$(moat stats --json | jq -r 'sort_by(.cpuPercent) | last | .id')" "$n"
}
@test "stats: one that has ended, by name and with -a" {
    ended "$n" 0
    assert_equal "$(moat stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' "$n")" "$n 0B / 0B 0"
    assert_equal "$(moat stats --no-stream -a --format '{{.Name}}')" "$n"
    assert_equal "$(moat stats --no-stream --format '{{.Name}}')" ""
}
@test "stats: goes on, each second, until it is ended" {
    up "$n"
    "$MOAT" stats --format '{{.Name}}' > out 3>&- &
    helpers+=($!)
    twice() { [ "$(grep -cx "$n" out)" -ge 2 ]; }
    wait_for 10 twice
}

# ---- events -----------------------------------------------------------------------------------------------------

@test "events: those of one in the foreground name its image" {
    foreground "$n"
    moat pause "$n" && moat unpause "$n" && moat kill "$n"
    run moat events --since 1h --until 0s --filter container="$n" --filter event=pause --filter event=unpause --filter event=kill
    assert_equal "$(sed 's/^[^ ]* //' <<<"$output")" \
"container pause $n (image=busybox, name=$n)
container unpause $n (image=busybox, name=$n)
container kill $n (image=busybox, name=$n, signal=9)"
}
@test "events --json: docker's object, one a line" {
    ended "$n" 3
    moat events --since 1h --until 0s --json --filter event=die > out
    assert_equal "$(jq -r '[.status, .id, .from, .Type, .Action, .Actor.ID, .Actor.Attributes.exitCode, .Actor.Attributes.name, .scope, (.timeNano / 1000000000 | floor) == .time] | map(tostring) | join(" ")' out)" \
        "die $n busybox container die $n 3 $n local true"
}
@test "events: the older file is read too, and a damaged line passed over" {
    ended "$n" 0
    mv "$MOAT_RUN_DIR/.events" "$MOAT_RUN_DIR/.events.1"
    echo 'no line of ours {' >> "$MOAT_RUN_DIR/.events.1"
    ended "$n-b" 0
    assert_equal "$(moat events --since 1h --until 0s --filter event=die --format '{{.Actor.ID}}')" "$n
$n-b"
}
@test "events: a follower outlives the change of files" {
    up "$n"
    "$MOAT" events --filter event=pause --filter event=unpause --format '{{.Action}}' > out 3>&- &
    helpers+=($!)
    heard() { [ "$(cat out)" = "$1" ]; }
    first() { moat pause "$n" && moat unpause "$n" && grep -q unpause out; }
    wait_for 10 first
    : > out
    mv "$MOAT_RUN_DIR/.events" "$MOAT_RUN_DIR/.events.1"
    moat pause "$n"
    wait_for 10 heard pause
    moat unpause "$n"
    wait_for 10 heard "pause
unpause"
}
@test "events: an idle follower sleeps" {
    up "$n"
    "$MOAT" events > out 3>&- &
    p=$!
    helpers+=($p)
    sleeps() { grep -q '^State:.*S' /proc/$p/status && [ -n "$(ls -l /proc/$p/fd | grep inotify)" ]; }
    wait_for 10 sleeps
    sleep 0.3
    before=$(grep ctxt /proc/$p/status)
    sleep 1
    assert_equal "$(grep ctxt /proc/$p/status)" "$before"
}
@test "events --until: a time to come ends it" {
    run timeout 20 "$MOAT" events --until "$(date -d '+1 second' +%s.%N)"
    assert_success
}
@test "events: refusals" {
    run moat events --filter nosuch=1
    assert_error 1 "nosuch" "event, container, image"
    run moat events --since yesterday
    assert_error 1 "--since 'yesterday'" "10m"
}
