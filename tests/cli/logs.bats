#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# logs: byte for byte, in bounded memory, over rotation and the death of monitors; followers sleep, and end.
bats_require_minimum_version 1.5.0
load look

setup_file() { look_setup_file; }
setup() { look_setup; }
teardown() { look_teardown; }

# follow NAME [OPTION...]: `moat logs -f` in the background, to out and err; its pid is $p.
follow()
{
    local name=$1; shift
    "$MOAT" logs -f "$@" "$name" > out 2> err 3>&- &
    p=$!
    helpers+=("$p")
}
ends() { wait_for 20 sh -c '! kill -0 "$0"' "$p" && wait "$p"; }
# It sleeps in poll(2), with nothing left to read.
idle_now() { grep -q '^State:.*S' "/proc/$p/status" && grep -q poll "/proc/$p/wchan"; }

@test "every byte there is, on its own stream" {
    cat > make.sh <<'-'
i=0
while [ $i -lt 256 ]; do printf "\\$(printf %03o $i)"; i=$((i + 1)); done
printf '\0\n\r\n\0no end' >&2
-
    mkdir v && cp make.sh v
    "$MOAT" run --name "$n" -v "$dir/v:/v:ro" busybox sh /v/make.sh > want.out 2> want.err
    "$MOAT" logs "$n" > out 2> err
    cmp out want.out
    cmp err want.err
    assert_equal "$(wc -c < out)" 256
}

@test "-t: one time a line, also when a line comes in pieces" {
    "$MOAT" run --name "$n" busybox sh -c 'printf a; sleep 0.1; printf b; sleep 0.1; echo c; echo; echo d' > /dev/null
    run "$MOAT" logs -t "$n"
    assert_equal "$(sed -E 's/^20[0-9-]{8}T[0-9:]{8}\.[0-9]{9}Z /T /' <<<"$output")" "T abc
T 
T d"
}

@test "--since, --until, --tail together" {
    moat run --name "$n" busybox sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done' > /dev/null
    at() { moat logs -t "$n" | awk -v k="$1" '$2 == k { print $1 }'; }
    assert_equal "$(moat logs --since "$(at 2)" --until "$(at 4)" "$n" | paste -sd' ')" "2 3 4"
    assert_equal "$(moat logs --since "$(at 2)" --until "$(at 4)" --tail 2 "$n" | paste -sd' ')" "3 4"
    assert_equal "$(moat logs --since "$(at 5)" --tail 3 "$n" | paste -sd' ')" "5"
    assert_equal "$(moat logs --tail 0 "$n")" ""
    assert_equal "$(moat logs --tail=-1 "$n" | wc -l)" 5
    assert_equal "$(moat logs --until 1h "$n")" ""
    run moat logs --tail x "$n"
    assert_error 125 "--tail 'x'"
    run moat logs --since yesterday "$n"
    assert_error 1 "--since 'yesterday'"
}

@test "--tail counts the lines of both streams" {
    moat run --name "$n" busybox sh -c 'for i in 1 2 3; do echo o$i; sleep 0.05; echo e$i >&2; sleep 0.05; done' > /dev/null 2>&1
    assert_equal "$(moat logs --tail 3 "$n" 2> err | paste -sd' ')" "o3"
    assert_equal "$(paste -sd' ' err)" "e2 e3"
}

@test "rotated files: the end is whole, and --tail reaches over files" {
    moat run --name "$n" --log-opt max-size=8k --log-opt max-file=3 busybox seq 10000 > /dev/null
    moat logs "$n" > out
    first=$(head -n 1 out)
    [ "$(wc -c < out)" -le $((3 * 8192)) ] && [ "$(wc -l < out)" -gt 1700 ]
    assert_equal "$(tail -n +2 out | cksum)" "$(seq 10000 | tail -n +"$((10002 - $(wc -l < out)))" | cksum)" # the first may be cut
    assert_equal "$(moat logs --tail 3000 "$n" | cksum)" "$(seq 7001 10000 | cksum)"
    assert_equal "$(moat logs --tail 1 "$n")" 10000
}

@test "a log of 64 MiB is read in little memory, and --tail too" {
    moat run --name "$n" --log-opt max-size=100m busybox sh -c 'yes 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde | head -n 1048576' > /dev/null
    assert_equal "$(moat logs "$n" | wc -c)" 67108864
    # What it may take beyond its reserved address space, of which nothing is touched.
    peak() { awk '/^VmHWM/ { print $2 }' "$1"; }
    mkfifo pipe
    "$MOAT" logs --tail 1000000 "$n" > pipe 3>&- &
    p=$!
    helpers+=("$p")
    { head -c 30000000 > /dev/null; peak "/proc/$p/status" > hwm; cat > rest; } < pipe
    wait "$p"
    assert_equal "$(wc -c < rest)" $((64000000 - 30000000))
    [ "$(cat hwm)" -lt 8192 ] # KiB
}

@test "-f: over rotations, whole and in order" {
    # Never faster than a reader, so that no file is given up unread.
    moat run -d --name "$n" --log-opt max-size=4k --log-opt max-file=4 busybox sh -c \
        'while [ ! -e /go ]; do sleep 0.05; done; i=0; while [ $i -lt 6000 ]; do i=$((i + 1)); echo line $i; [ $((i % 300)) != 0 ] || sleep 0.05; done' > /dev/null
    follow "$n"
    wait_for 10 idle_now
    moat exec "$n" touch /go
    ends
    assert_equal "$(cat err)" ""
    assert_equal "$(cksum < out)" "$(seq -f 'line %.0f' 6000 | cksum)"
}

@test "-f: what was given up before it was read is said" {
    moat run -d --name "$n" --log-opt max-size=4k --log-opt max-file=2 busybox sh -c 'echo first; while [ ! -e /go ]; do sleep 0.05; done; seq 20000' > /dev/null
    follow "$n"
    wait_for 10 grep -q first out
    wait_for 10 idle_now
    kill -STOP "$p"
    moat exec "$n" touch /go
    moat wait "$n" > /dev/null
    kill -CONT "$p"
    ends
    assert_equal "$(tail -n 1 out)" 20000
    grep -q "output is missing here" err
}

@test "-f: an idle follower does not wake" {
    up "$n"
    follow "$n"
    wait_for 10 grep -q up out
    wait_for 10 idle_now
    sleep 0.3
    before=$(grep ctxt "/proc/$p/status")
    sleep 1
    assert_equal "$(grep ctxt "/proc/$p/status")" "$before"
}

@test "-f: the bytes before the end are all there, and the order of the streams too" {
    moat run -d --name "$n" busybox sh -c 'i=0; while [ ! -e /go ]; do sleep 0.05; done; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i + 1)); done; exit 3' > /dev/null
    follow "$n"
    wait_for 10 idle_now
    moat exec "$n" touch /go
    ends
    assert_equal "$(tail -n 1 out) $(wc -l < out)" "o499 500"
    assert_equal "$(tail -n 1 err) $(wc -l < err)" "e499 500"
}

@test "-f: goes on when the monitor is killed, and when all are" {
    moat run -d --name "$n" busybox sh -c 'trap "echo bye; exit 3" TERM; i=0; while :; do i=$((i + 1)); echo $i; sleep 0.05; done' > /dev/null
    follow "$n"
    wait_for 10 grep -q 3 out
    victim=$(pgrep -P "$(monitors "$n" | head -n 1)" -f moat-monitor | head -n 1)
    kill -KILL "$victim"
    at=$(tail -n 1 out)
    wait_for 10 grep -qx "$((at + 10))" out
    kill_now() { for v in $(monitors "$n"); do kill -STOP "$v"; done; for v in $(monitors "$n"); do kill -KILL "$v"; done; }
    kill_now
    at=$(tail -n 1 out)
    wait_for 10 grep -qx "$((at + 10))" out
    moat kill -s TERM "$n"
    ends
    assert_equal "$(tail -n 1 out)" bye
    assert_equal "$(sed '$d' out | cksum)" "$(seq "$(($(wc -l < out) - 1))" | cksum)"
}

@test "-f: over restarts, until the last end" {
    moat run -d --name "$n" --restart on-failure:2 busybox sh -c 'echo run; exit 1' > /dev/null
    follow "$n"
    ends
    assert_equal "$(paste -sd' ' out)" "run run run"
}

@test "-f --until: ends then" {
    up "$n"
    run timeout 20 "$MOAT" logs -f --until "$(date -d '+1 second' +%s.%N)" "$n"
    assert_success
    assert_output up
}

@test "-f: one that was never started, one that is removed" {
    moat create --name "$n" busybox true > /dev/null
    run timeout 20 "$MOAT" logs -f "$n"
    assert_success
    assert_output ""
    up "$n-b"
    follow "$n-b"
    wait_for 10 grep -q up out
    moat rm -f "$n-b"
    ends
}

@test "refusals: the foreground, --log-driver none, --details" {
    foreground "$n"
    run moat logs "$n"
    assert_error 1 "foreground" "its own terminal"
    up_quiet() { moat run -d --name "$n-b" --log-driver none busybox sleep 100 > /dev/null; }
    up_quiet
    run moat logs "$n-b"
    assert_error 1 "does not support reading" "--log-driver none"
    run moat logs --details "$n"
    assert_error 125 "--details"
    run moat logs "$n" "$n-b"
    assert_error 1 "requires 1 argument"
}
