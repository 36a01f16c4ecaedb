#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 of whoever stands around a kept sandbox (the caller, the guard, the monitor, a hand of it, both, the workload's first
# process), workloads that mean harm to their log, full disks, damaged records, two commands at once. What was promised holds
# each time: the exit status, the lines in their order, the restart rule, an end to each command, and nothing left behind.
# Chance comes from one seed, which is printed: MOAT_TEST_SEED=N repeats a run.
load ../lib

setup_file()
{
    require_root
    require_command jq
    require_command gcc
    require_file "$MOAT_BUSYBOX/bin/busybox"
    cp -a "$MOAT_BUSYBOX" "$BATS_FILE_TMPDIR/root"
    gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$BATS_FILE_TMPDIR/killat" "$BATS_TEST_DIRNAME/killat.c"
}

setup()
{
    dir=$BATS_TEST_TMPDIR root=$BATS_FILE_TMPDIR/root n=moat-mf-${BATS_TEST_NUMBER}x
    export MOAT_RUN_DIR=$dir/run MOAT_DATA_DIR=$dir/data
    mkdir -p "$MOAT_DATA_DIR"
    RANDOM=${MOAT_TEST_SEED:-20}
    stride=$((MOAT_TEST_SCALE >= 100 ? 1 : 13))
}

teardown()
{
    local id status=0
    for id in "$MOAT_RUN_DIR"/*; do [ ! -d "$id" ] || timeout -s KILL 20 "$MOAT" rm -f "${id##*/}" > /dev/null 2>&1 || true; done
    wait_for 3 nothing_left || { left >&2; status=1; }
    "$MOAT" system check > /dev/null 2>&1 || true
    return $status
}

# What a sandbox of this test could have left.
left()
{
    ls -A "$MOAT_RUN_DIR" 2> /dev/null | grep -v '^\.'
    ls -A "$MOAT_RUN_DIR/.ids" "$MOAT_DATA_DIR/layers" 2> /dev/null | grep -v -e ':$' -e '^$'
    compgen -G "/sys/fs/cgroup/*moat-$n*"
    compgen -G "/sys/fs/cgroup/*/moat-$n*"
    pgrep -af "moat-monitor [^ ]* $MOAT_RUN_DIR "
    grep -F "$dir/" /proc/self/mountinfo
    true
}
nothing_left() { [ -z "$(left)" ]; }
cleared()
{
    "$MOAT" rm -f "$n" > /dev/null 2>&1 || true
    "$MOAT" system check > /dev/null || true
    wait_for 3 nothing_left || { echo "left: $1" >&2; left >&2; return 1; }
}

# ---- who is who ---------------------------------------------------------------------------------------------------

up() { "$MOAT" run -d --name "$n" "$@" > /dev/null; }           # up [OPTION...] --rootfs "$root" COMMAND...
init() { jq .pid "$MOAT_RUN_DIR/$n/state.json"; }
# Our processes of this sandbox, each with its parent, by age.
family() { local p; p=$(pgrep -f "^moat-monitor $n $MOAT_RUN_DIR " -d,) && ps -o pid=,ppid= --sort start_time,pid -p "$p"; }
guard() { family | awk '{ pid[$1] = 1; parent[$1] = $2 } END { for (p in pid) if (!(parent[p] in pid)) print p }'; }
monitor() { family | awk -v g="$(guard)" '$2 == g { print $1 }' | head -n 1; }
both_live() { [ -n "$(guard)" ] && [ -n "$(monitor)" ]; }
settled() { wait_for 10 both_live || { family >&2; return 1; }; }
hit() { [ -z "$1" ] || kill -9 "$1" 2> /dev/null || true; }
# The status of a workload whose parent was killed and whose parent's parent was too is known to the kernel alone.
kernel_tells() { local v; v=$(uname -r); [ "$(printf '%s\n' 6.15 "$v" | sort -V | head -n 1)" = 6.15 ]; }

# kill_both: so that neither sees the other die.
kill_both()
{
    local g m; settled; g=$(guard) m=$(monitor)
    kill -STOP "$g" "$m"; kill -9 "$g" "$m"
    wait_for 5 sh -c '! pgrep -f "$0" > /dev/null' "^moat-monitor $n $MOAT_RUN_DIR "
}

end_of() { jq -r '"\(.exitCode) \(.reason)"' "$MOAT_RUN_DIR/$n/exit.json"; }
status_of() { "$MOAT" inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$n"; }
waits() { timeout -s KILL 30 "$MOAT" wait "$n"; }
logs_has() { "$MOAT" logs "$n" 2> /dev/null | grep -q -- "$1"; }
said() { wait_for 10 logs_has "$1"; }

# Numbered lines as fast as a shell can until SIGTERM, then "last N" and status 7.
writer='trap "stop=1" TERM; i=0; stop=; while [ -z "$stop" ]; do echo "$i"; i=$((i + 1)); done; echo "last $i"; exit 7'
# Every number once and in order, up to the last.
complete()
{
    "$MOAT" logs "$n" > "$dir/log" 2> "$dir/log.err"
    [ ! -s "$dir/log.err" ] || { cat "$dir/log.err" >&2; return 1; }
    awk '$1 == "last" { if ($2 != NR - 1) { print "last is " $2 " behind " NR - 1 " lines"; bad = 1 } seen = 1; next }
        $1 != NR - 1 { print "line " NR " is " $0; bad = 1; exit }
        END { if (!seen && !bad) print "the last line is missing"; exit bad || !seen }' "$dir/log" >&2
}
stays='trap "exit 7" TERM; echo up; while :; do sleep 0.05; done'

# ---- one is killed ------------------------------------------------------------------------------------------------

@test "the monitor is killed 20 times under a writer: no line is missing, none twice, the status is true" {
    local i
    up --log-opt max-size=256m --rootfs "$root" sh -c "$writer"
    for ((i = 0; i < 20; i++)); do settled; sleep 0.0$((RANDOM % 9)); hit "$(monitor)"; done
    timeout 20 "$MOAT" stop "$n"
    complete
    assert_equal "$(end_of)" "7 stopped"
    echo "# $(wc -l < "$dir/log") lines" >&3
}

@test "the monitor is killed 20 times while the log is rotated by a writer: the lines that are there are in order" {
    local i
    up --log-opt max-size=64k --log-opt max-file=4 --rootfs "$root" sh -c "$writer"
    for ((i = 0; i < 20; i++)); do settled; sleep 0.0$((RANDOM % 9)); hit "$(monitor)"; done
    timeout 20 "$MOAT" stop "$n"
    "$MOAT" logs "$n" > "$dir/log"
    awk 'NR == 1 { next } # may begin within a line
        $1 == "last" { if ($2 != before + 1) bad = 1; seen = 1; next }
        NR > 2 && $1 != before + 1 { print "line " NR " is " $0 " behind " before; bad = 1; exit }
        { before = $1 } END { if (!seen) print "the last line is missing"; exit bad || !seen }' "$dir/log" >&2
    [ "$(du -cb "$MOAT_DATA_DIR/layers/$n"/log* | awk 'END { print $1 }')" -le $((4 * 65536)) ]
    [ "$(wc -c < "$dir/log")" -gt 65536 ] # more than one file was read
}

@test "the guard is killed under a writer: the monitor goes on in its place" {
    local m
    up --log-opt max-size=256m --rootfs "$root" sh -c "$writer"
    settled; m=$(monitor); hit "$(guard)"
    settled
    assert_equal "$(guard)" "$m"
    timeout 20 "$MOAT" stop "$n"
    complete
    assert_equal "$(end_of)" "7 stopped"
}

@test "guard and monitor by turns, 20 times, under a writer" {
    kernel_tells || skip "before Linux 6.15 a status is lost with the second parent of a process"
    local i
    up --log-opt max-size=256m --rootfs "$root" sh -c "$writer"
    for ((i = 0; i < 20; i++)); do settled; sleep 0.0$((RANDOM % 9)); if ((RANDOM % 2)); then hit "$(guard)"; else hit "$(monitor)"; fi; done
    settled
    timeout 20 "$MOAT" stop "$n"
    complete
    assert_equal "$(end_of)" "7 stopped"
}

@test "the monitor is killed and the workload ends before another is there: status and last lines are kept" {
    local g
    up --rootfs "$root" sh -c "$stays"
    said up; settled; g=$(guard)
    kill -STOP "$g"; hit "$(monitor)"
    kill -TERM "$(init)"
    sleep 0.3
    kill -CONT "$g"
    assert_equal "$(waits)" 7
    assert_equal "$(end_of)" "7 exited"
    up2() { "$MOAT" rm "$n" > /dev/null && up --rootfs "$root" sh -c 'trap "echo last words; exit 6" TERM; echo up; while :; do sleep 0.05; done'; }
    up2; said up; settled; g=$(guard)
    kill -STOP "$g"; hit "$(monitor)"
    kill -TERM "$(init)"
    wait_for 5 sh -c '[ "$(awk "{ print \$3 }" /proc/$0/stat)" = Z ]' "$(init)" || true
    kill -CONT "$g"
    assert_equal "$(waits)" 6
    logs_has "last words"
}

@test "the first process is killed: 137, by a signal; a restart rule starts another" {
    up --rootfs "$root" sleep 1000
    hit "$(init)"
    assert_equal "$(waits)" 137
    assert_equal "$(end_of)" "137 signal"
    "$MOAT" rm "$n"
    up --restart always --rootfs "$root" sh -c "$stays"
    local first; first=$(init)
    said up; hit "$first"
    wait_for 10 sh -c 'p=$(jq .pid "$0" 2> /dev/null) && [ -n "$p" ] && [ "$p" != "$1" ] && kill -0 "$p"' "$MOAT_RUN_DIR/$n/state.json" "$first"
    timeout 20 "$MOAT" stop "$n"
    assert_equal "$(status_of)" "exited 7"
}

@test "on-failure:3 is three restarts, whoever is killed" {
    up --restart on-failure:3 --rootfs "$root" sh -c 'echo run; sleep 0.4; exit 5'
    local i
    for i in 1 2 3 4 5 6; do sleep 0.2; hit "$(monitor)"; done
    assert_equal "$(waits)" 5
    assert_equal "$("$MOAT" logs "$n" | grep -c run)" 4
    assert_equal "$(jq .restarts "$MOAT_RUN_DIR/$n/exit.json")" 3
}

@test "--rm holds when the monitor is killed, before the end and in it" {
    local i g
    for i in 1 2 3; do
        up --rm --rootfs "$root" sh -c "$stays"
        said up; settled; g=$(guard)
        case $i in
        1) hit "$(monitor)"; settled; kill -TERM "$(init)" ;;
        2) kill -STOP "$g"; hit "$(monitor)"; kill -TERM "$(init)"; sleep 0.1; kill -CONT "$g" ;;
        3) hit "$g"; settled; kill -TERM "$(init)" ;;
        esac
        wait_for 15 nothing_left || { echo "case $i" >&2; left >&2; return 1; }
    done
}

restarts() { jq .restarts "$MOAT_RUN_DIR/$n/exit.json" 2> /dev/null || echo 0; }

@test "hands are killed at random: starts, ends and restarts go on" {
    local i p
    up --restart always --rootfs "$root" sh -c 'echo run'
    # The pause between two runs is doubled each time: five are enough to wait for.
    for ((i = 0; i < 200 && $(restarts) < 5; i++)); do
        for p in $(family | awk -v g="$(guard)" -v m="$(monitor)" '$1 != g && $1 != m { print $1 }'); do hit "$p"; done
        sleep 0.01
    done
    local before; before=$("$MOAT" logs "$n" | grep -c run)
    wait_for 20 sh -c '[ "$("$MOAT" logs "$0" | grep -c run)" -gt "$1" ]' "$n" "$before" || { status_of >&2; cat "$MOAT_RUN_DIR/$n/exit.json" >&2; family >&2; return 1; }
    timeout 20 "$MOAT" stop "$n"
    [[ $(status_of) == exited* ]]
}

@test "wait in progress: the true code across five kills" {
    up --rootfs "$root" sh -c "$stays"
    said up
    waits > "$dir/code" 3>&- & local pid=$! i
    for i in 1 2 3 4 5; do settled; sleep 0.1; if [ $i = 3 ] && kernel_tells; then hit "$(guard)"; else hit "$(monitor)"; fi; done
    settled
    kill -TERM "$(init)"
    wait $pid
    assert_equal "$(cat "$dir/code")" 7
}

@test "stop in progress: ends across kills of the monitor, with SIGKILL in the end" {
    up --rootfs "$root" sh -c 'trap "" TERM; echo up; while :; do sleep 0.05; done'
    said up; settled
    timeout -s KILL 25 "$MOAT" stop -t 2 "$n" 3>&- & local pid=$!
    sleep 0.5; hit "$(monitor)"; settled; sleep 0.3; hit "$(monitor)"
    wait $pid
    assert_equal "$(end_of)" "137 stopped"
}

@test "rm -f in progress: ends, and nothing is left, though the monitor is killed at it" {
    local i
    for i in 1 2 3 4 5 6; do
        up --rootfs "$root" sh -c "$stays"
        said up; settled
        timeout -s KILL 25 "$MOAT" rm -f "$n" > /dev/null 2> "$dir/err" 3>&- & local pid=$! status=0
        sleep 0.0$((RANDOM % 4)); hit "$(monitor)"
        wait $pid || status=$?
        [ $status != 137 ] || { echo "rm did not end" >&2; return 1; }
        [ $status = 0 ] || "$MOAT" rm -f "$n" > /dev/null
        wait_for 5 nothing_left || { cat "$dir/err" >&2; left >&2; return 1; }
    done
}

# ---- both are killed ----------------------------------------------------------------------------------------------

@test "both killed under a writer: ps, logs and exec work, system check gives it another, no line is missing" {
    up --log-opt max-size=256m --rootfs "$root" sh -c "$writer"
    kill_both
    assert_equal "$("$MOAT" ps --format '{{.Names}} {{.State}}')" "$n running"
    "$MOAT" logs "$n" | grep -qx 0
    assert_equal "$(timeout 10 "$MOAT" exec "$n" echo inside)" inside
    run "$MOAT" system check
    assert_success
    settled
    timeout 20 "$MOAT" stop "$n"
    complete
    kernel_tells || skip "before Linux 6.15 the status of a process that was never ours to wait for is lost"
    assert_equal "$(end_of)" "7 stopped"
}

@test "both killed: wait recovers it, and says the code" {
    kernel_tells || skip "before Linux 6.15 the status of a process that was never ours to wait for is lost"
    up --rootfs "$root" sh -c "$stays"
    said up; kill_both
    waits > "$dir/code" 3>&- & local pid=$!
    settled
    kill -TERM "$(init)"
    wait $pid
    assert_equal "$(cat "$dir/code")" 7
}

@test "both killed while wait waits: it goes on with another" {
    kernel_tells || skip "before Linux 6.15 the status of a process that was never ours to wait for is lost"
    up --rootfs "$root" sh -c "$stays"
    said up
    waits > "$dir/code" 3>&- & local pid=$!
    sleep 0.3
    kill_both || true
    settled
    kill -TERM "$(init)"
    wait $pid
    assert_equal "$(cat "$dir/code")" 7
}

@test "both killed: stop and rm -f end it" {
    up --rootfs "$root" sh -c "$stays"
    said up; kill_both
    timeout -s KILL 20 "$MOAT" stop "$n"
    [[ $(status_of) == exited* ]]
    "$MOAT" rm "$n"
    up --rootfs "$root" sh -c "$stays"
    said up; kill_both
    timeout -s KILL 20 "$MOAT" rm -f "$n"
    cleared both
}

@test "both killed, then the workload ends: system check puts it on record as lost, a restart rule holds" {
    up --rootfs "$root" sh -c "$stays"
    said up; kill_both; kill -9 "$(init)"
    wait_for 5 sh -c '! kill -0 "$0" 2> /dev/null' "$(init)"
    "$MOAT" system check
    wait_for 10 [ -e "$MOAT_RUN_DIR/$n/exit.json" ]
    assert_equal "$(end_of)" "255 lost"
    assert_equal "$(status_of)" "exited 255"
    assert_equal "$(waits)" 255
    "$MOAT" rm "$n"
    up --restart always --rootfs "$root" sh -c "$stays"
    local first; first=$(init)
    said up; kill_both; kill -9 "$first"
    wait_for 5 sh -c '! kill -0 "$0" 2> /dev/null' "$first"
    "$MOAT" system check
    wait_for 10 sh -c 'p=$(jq .pid "$0" 2> /dev/null) && [ -n "$p" ] && [ "$p" != "$1" ] && kill -0 "$p"' "$MOAT_RUN_DIR/$n/state.json" "$first"
    timeout -s KILL 20 "$MOAT" stop "$n"
}

@test "both killed, then the workload ends: wait does not hang and does not say that it was removed" {
    up --rootfs "$root" sh -c "$stays"
    said up; kill_both; kill -9 "$(init)"
    wait_for 5 sh -c '! kill -0 "$0" 2> /dev/null' "$(init)"
    run waits
    assert_success
    assert_output 255
}

@test "both killed, then a workload of --rm ends: it is not started again, and rm removes it" {
    up --rm --rootfs "$root" sh -c "$stays"
    said up; kill_both; kill -9 "$(init)"
    wait_for 5 sh -c '! kill -0 "$0" 2> /dev/null' "$(init)"
    local verb
    for verb in start "start -a"; do
        # shellcheck disable=SC2086
        run timeout -s KILL 20 "$MOAT" $verb "$n"
        assert_error 1 "$n" "--rm" "moat rm $n"
    done
    refute_exists "$MOAT_RUN_DIR/$n/exit.json"
    [ -z "$(family)" ]
    timeout -s KILL 20 "$MOAT" rm "$n"
    nothing_left
}

# ---- at every step, and at random ---------------------------------------------------------------------------------

# step WHO [OPTION...]: kills the process that is born as the WHO-th of a run, at each of its calls. With $attached the run is
# waited for.
step()
{
    local at status first=$((1 + RANDOM % stride))
    export ID=$n
    for ((at = first; at < 3000; at += stride)); do
        status=0
        "$BATS_FILE_TMPDIR/killat" --at $at --then '"$MOAT" system check > /dev/null; "$MOAT" rm -f "$ID"; "$MOAT" system check' "$1" -- \
            "$MOAT" run ${attached--d} "${@:2}" --name "$n" --rootfs "$root" "${program:-true}" > "$dir/out" 2>&1 < /dev/null 3>&- || status=$?
        [ $status -le 1 ] || { echo "$1 killed at call $at: killat says $status" >&2; cat "$dir/out" >&2; return 1; }
        wait_for 5 nothing_left || { echo "$1 killed at call $at" >&2; cat "$dir/out" >&2; left >&2; return 1; }
        [ $status = 0 ] || break
    done
    echo "# process $1: killed at $(((at - first) / stride)) of $at calls" >&3
    [ $at -gt $((stride + 3)) ] # a range that is empty tests nothing
}

@test "kill -9 at the system calls of run -d: the caller" { step launcher; }
# In the order of birth: the guard, the monitor, the hand that starts, the workload, the hand of the end.
@test "kill -9 at the system calls of run -d: the guard" { step 1; }
@test "kill -9 at the system calls of run -d: the monitor" { step 2; }
@test "kill -9 at the system calls of run -d: the monitor, --rm" { step 2 --rm; }
@test "kill -9 at the system calls of run -d: the hand that starts it" { step 3; }
@test "kill -9 at the system calls of run -d: the workload's process" { attached='' step 4; }
@test "kill -9 at the system calls of run: the hand of the end" { attached='' step 5; }
@test "kill -9 at the system calls of run --restart: the hand of the end" { attached='' program=false step 5 --restart on-failure:1; }

@test "a workload that is traced has its status, not a lost one" {
    require_command strace
    up --rootfs "$root" sh -c 'sleep 0.5; exit 9'
    strace -f -o /dev/null -p "$(init)" 2> /dev/null 3>&- &
    local tracer=$!
    assert_equal "$(waits)" 9
    kill -9 $tracer 2> /dev/null || true # it may have nothing left to trace, and wait all the same
}

@test "kill -9 at the system calls of stop: the caller" {
    local at status
    for ((at = 1 + RANDOM % stride; at < 3000; at += stride)); do
        up --rootfs "$root" sh -c "$stays"
        said up
        status=0
        "$BATS_FILE_TMPDIR/killat" --at $at launcher -- "$MOAT" stop "$n" > "$dir/out" 2>&1 < /dev/null 3>&- || status=$?
        [ $status -le 1 ] || { cat "$dir/out" >&2; return 1; }
        timeout -s KILL 20 "$MOAT" stop "$n" > /dev/null
        assert_equal "$(status_of)" "exited 7"
        "$MOAT" rm "$n" > /dev/null
        [ $status = 0 ] || break
    done
    [ $at -gt $((stride + 3)) ]
}

@test "random kills of caller, guard, monitor and first process (500 under --full): the sandbox is always one of the states it may be in" {
    local i kills=$((5 * MOAT_TEST_SCALE)) who victim line
    echo "# seed ${MOAT_TEST_SEED:-20}, $kills kills" >&3
    up --restart always --rootfs "$root" sh -c 'echo "run"; while :; do sleep 0.02; done'
    for ((i = 0; i < kills; i++)); do
        sleep 0.0$((RANDOM % 6))
        case $((RANDOM % 4)) in
        0) who=caller; "$MOAT" restart -t 0 "$n" > /dev/null 2>&1 3>&- & victim=$!; sleep 0.00$((RANDOM % 9)) ;;
        1) who=guard; victim=$(guard) ;;
        2) who=monitor; victim=$(monitor) ;;
        3) who=init; victim=$(init 2> /dev/null) || victim= ;;
        esac
        hit "$victim"
        [ $who != caller ] || wait "$victim" 2> /dev/null || true
        # Whatever it is at: each command ends, and the next or a check mends it.
        line=$(timeout -s KILL 20 "$MOAT" ps -a --format '{{.Names}} {{.State}}') || { echo "ps after kill $i ($who)" >&2; return 1; }
        [[ $line == "$n "@(running|restarting|exited|created) ]] || { echo "after kill $i ($who): $line" >&2; return 1; }
        if ! both_live; then timeout -s KILL 20 "$MOAT" system check > /dev/null; fi
        # A restart that was cut short between its two halves has stopped it: the user's own word.
        case $line in *exited | *created) timeout -s KILL 20 "$MOAT" start "$n" > /dev/null 2>&1 || true ;; esac
    done
    timeout -s KILL 20 "$MOAT" system check > /dev/null
    timeout -s KILL 20 "$MOAT" start "$n" > /dev/null
    settled
    assert_equal "$(timeout 10 "$MOAT" exec "$n" echo inside)" inside
    timeout -s KILL 20 "$MOAT" stop -t 1 "$n" > /dev/null
    [[ $(status_of) == exited* ]]
    cleared "$kills kills"
}

# ---- workloads ----------------------------------------------------------------------------------------------------

@test "200 MiB to the standard output (10 GiB under --full): the log never takes more than its files" {
    local mib=$((MOAT_TEST_SCALE >= 100 ? 10240 : 200)) most=0 now status=0
    up --log-opt max-size=1m --log-opt max-file=3 --rootfs "$root" sh -c "head -c ${mib}m /dev/zero; echo end; exit 4"
    while [ ! -e "$MOAT_RUN_DIR/$n/exit.json" ]; do
        now=$(du -scB1 "$MOAT_DATA_DIR/layers/$n/" 2> /dev/null | awk 'END { print $1 }') || true
        [ "${now:-0}" -le $most ] || most=$now
        sleep 0.02
    done
    echo "# at most $most bytes" >&3
    [ "$most" -le $((3 * 1048576 + 3 * 4096 + 4096)) ]
    assert_equal "$(waits)" 4
    "$MOAT" logs "$n" | tr -d '\0' | grep -qx end
    [ "$("$MOAT" logs "$n" | wc -c)" -gt 1900000 ]
}

@test "streams closed, and daemons left: in the end there is the status and nobody" {
    up --rootfs "$root" sh -c 'exec > /dev/null 2>&1 1>&- 2>&-; sleep 0.3; exit 3'
    assert_equal "$(waits)" 3
    "$MOAT" rm "$n"
    up --rootfs "$root" sh -c '(setsid sh -c "(sleep 1001 &) ; (setsid sleep 1002 &)" &); sleep 0.2; echo done; exit 5'
    local group; group=$(awk -F: '{ print $3 }' "/proc/$(init)/cgroup" | grep moat- | head -n 1)
    assert_equal "$(waits)" 5
    assert_equal "$("$MOAT" logs "$n")" "done"
    [ -z "$(compgen -G "/sys/fs/cgroup/*$group")$(compgen -G "/sys/fs/cgroup/*/$group")" ] || [ -z "$group" ]
    ! pgrep -xf 'sleep 100[12]'
}

@test "one that exits at once, 30 times: the status is never missed" {
    local i
    for ((i = 0; i < 30; i++)); do
        up --rootfs "$root" sh -c "echo $i; exit $((i + 1))"
        assert_equal "$(waits)" $((i + 1))
        assert_equal "$("$MOAT" logs "$n")" $i
        "$MOAT" rm "$n" > /dev/null
    done
}

@test "one that does not read what attach writes: attach ends with it" {
    local status=0
    up -i --rootfs "$root" sh -c 'echo up; sleep 2; exit 3'
    said up
    head -c 3m /dev/zero | timeout -s KILL 20 "$MOAT" attach "$n" > /dev/null 2>&1 || status=$?
    [ $status != 137 ] || { echo "attach did not end" >&2; return 1; }
    assert_equal "$(waits)" 3
}

@test "a fork bomb under --pids-limit: stop ends it, rm -f too" {
    local bomb='b() { b | b & b; }; echo up; b; while :; do sh -c : & done'
    up --pids-limit 64 --rootfs "$root" sh -c "$bomb"
    said up; sleep 0.5
    timeout -s KILL 20 "$MOAT" stop -t 1 "$n"
    [[ $(status_of) == exited* ]]
    "$MOAT" rm "$n"
    up --pids-limit 64 --rootfs "$root" sh -c "$bomb"
    said up; sleep 0.3
    timeout -s KILL 20 "$MOAT" rm -f "$n"
    cleared bomb
}

@test "orphans of a workload without a pid namespace are buried while it runs" {
    make_bundle "$dir/b" '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.type != "proc")) | .linux.maskedPaths = [] | .linux.readonlyPaths = [] |
        .process.args = ["sh", "-c", "i=0; while [ $i -lt 100 ]; do (true &); i=$((i + 1)); done; echo up; sleep 1000"]'
    up "$dir/b"
    said up
    wait_for 5 sh -c '[ "$(ps --ppid "$0" -o stat= | grep -c Z)" = 0 ]' "$(monitor)"
    "$MOAT" rm -f "$n"
}

# ---- a full disk --------------------------------------------------------------------------------------------------

@test "a full disk under the logs: the workload goes on, the gap is said, the status is kept" {
    mkdir "$dir/data/layers"
    cat > "$dir/inside" << 'EOS'
mount -t tmpfs -o size=1m,mode=700 tmpfs "$MOAT_DATA_DIR/layers" || exit 77
set -e
"$MOAT" run -d --name "$1" --log-opt max-size=16m --rootfs "$2" sh -c 'head -c 8m /dev/zero; echo behind; sleep 1; echo after; exit 9' > /dev/null
[ "$(timeout -s KILL 60 "$MOAT" wait "$1")" = 9 ]
"$MOAT" logs "$1" 2> "$3/gap" | tr -d '\0' > "$3/text"
"$MOAT" rm "$1" > /dev/null
# And full from the beginning.
head -c 2m /dev/zero > "$MOAT_DATA_DIR/layers/fill" 2> /dev/null || true
status=0
"$MOAT" run -d --name "$1" --rootfs "$2" sh -c 'echo hello; exit 8' > /dev/null 2> "$3/full" || status=$?
if [ $status = 0 ]; then [ "$(timeout -s KILL 60 "$MOAT" wait "$1")" = 8 ]; else grep -q "No space left" "$3/full"; fi
rm "$MOAT_DATA_DIR/layers/fill"
"$MOAT" rm -f "$1" > /dev/null 2>&1 || true
EOS
    run timeout -s KILL 120 unshare -m sh "$dir/inside" "$n" "$root" "$dir"
    [ "$status" != 77 ] || skip "no tmpfs can be mounted here"
    assert_success
    grep -q "bytes of output are missing here: the disk was full" "$dir/gap" || { cat "$dir/gap" >&2; return 1; }
    rmdir "$dir/data/layers" 2> /dev/null || true
}

# ---- damaged records ----------------------------------------------------------------------------------------------

# damaged WHAT COMMAND-LINE: after that, start and inspect are one line of error, ps goes on, rm -f removes all.
damaged()
{
    local verb other=moat-mf-other
    "$MOAT" create --name "$n" --rootfs "$root" sh -c "exit 3" > /dev/null
    [ "$1" = created ] || { "$MOAT" start "$n" > /dev/null; waits > /dev/null; }
    (cd "$MOAT_RUN_DIR/$n" && eval "$3") || return
    for verb in start inspect logs; do
        run timeout -s KILL 20 "$MOAT" $verb "$n"
        [ "$status" != 137 ] || { echo "$verb hangs after: $3" >&2; return 1; }
        [ "$status" = 0 ] || [ "$(grep -cv '^\[\]$' <<< "$output")" = 1 ] || report_run "$verb after: $3" || return
    done
    [ "$2" = any ] || { run "$MOAT" "$2" "$n"; assert_failure || { echo "$2 after $3" >&2; return 1; }; }
    run timeout -s KILL 20 "$MOAT" ps -a
    assert_success || return
    run timeout -s KILL 20 "$MOAT" rm -f "$n"
    assert_success || { echo "rm -f after: $3" >&2; return 1; }
    cleared "$3"
}

@test "damaged records: one clear error, and rm -f still removes it" {
    local file
    for file in sandbox.json state.json exit.json config.json; do
        damaged ended inspect ": > $file; truncate -s 7 $file"
        damaged ended inspect "printf '{\"version\":1,' > $file"
        damaged ended inspect "head -c 300 /dev/urandom > $file"
    done
    for file in sandbox.json exit.json; do
        damaged ended inspect "sed -i 's/\"version\":1/\"version\":99/' $file"
        damaged ended any "rm $file"
    done
    damaged ended inspect "printf '[]' > sandbox.json"
    damaged ended inspect "printf 'null' > sandbox.json"
    damaged ended any "sed -i 's/\"version\":1/\"version\":99/' state.json"
    damaged ended any "printf '{}' > state.json"
    damaged ended any "rm state.json"
    damaged ended any ": > config.json"
    damaged ended any "rm config.json"
    damaged ended any 'sed -i "s/\"reason\":\"[a-z]*\"/\"reason\":\"else\"/" exit.json'
    damaged ended inspect 'sed -i "s/\"boundary\":\"container\"/\"boundary\":\"else\"/" sandbox.json'
    damaged ended start 'rm -r "$MOAT_DATA_DIR/layers/$n"'
    damaged created start 'rm -r "$MOAT_DATA_DIR/layers/$n"'
    damaged ended any 'rm -f control.sock monitor.lock stdout stderr'
    damaged ended any 'mkdir control.sock'
    damaged ended any 'rm -f stdout; mkdir stdout'
    damaged ended any 'rm -f monitor.lock; mkfifo monitor.lock'
    damaged ended any 'head -c 500 /dev/urandom > "$MOAT_DATA_DIR/layers/$n/log"'
    damaged ended any 'rm -f "$MOAT_DATA_DIR/layers/$n/log"; mkfifo "$MOAT_DATA_DIR/layers/$n/log"'
}

@test "damaged while it runs: rm -f still ends it and removes it" {
    local what
    for what in ': > sandbox.json' ': > state.json' ': > config.json' 'rm control.sock' 'rm state.json' 'rm sandbox.json'; do
        up --rootfs "$root" sh -c "$stays"
        said up
        local first; first=$(init)
        (cd "$MOAT_RUN_DIR/$n" && eval "$what")
        run timeout -s KILL 30 "$MOAT" rm -f "$n"
        assert_success || { echo "after: $what" >&2; return 1; }
        wait_for 5 sh -c '! kill -0 "$0" 2> /dev/null' "$first" || { echo "lives after: $what" >&2; kill -9 "$first"; return 1; }
        cleared "$what"
    done
}

# ---- two at once --------------------------------------------------------------------------------------------------

# pair COMMAND COMMAND: each ends within its time, with a status of docker's and no more than one line of error.
pair()
{
    local a=0 b=0
    # shellcheck disable=SC2086
    timeout -s KILL 20 "$MOAT" $1 "$n" > "$dir/a" 2>&1 3>&- & local first=$!
    timeout -s KILL 20 "$MOAT" $2 "$n" > "$dir/b" 2>&1 3>&- & local second=$!
    wait $first || a=$?
    wait $second || b=$?
    if [ $a -gt 1 ] || [ $b -gt 1 ] || [ "$(wc -l < "$dir/a")" -gt 1 ] || [ "$(wc -l < "$dir/b")" -gt 1 ]; then
        echo "$1: $a: $(cat "$dir/a")"; echo "$2: $b: $(cat "$dir/b")"
        return 1
    fi >&2
    both="$a $b"
}

@test "start and start, 20 times: one run" {
    local i
    for ((i = 0; i < 20; i++)); do
        "$MOAT" create --name "$n" --rootfs "$root" sh -c "echo run; $stays" > /dev/null
        pair start start
        assert_equal "$both" "0 0"
        said up
        assert_equal "$("$MOAT" logs "$n" | grep -c run)" 1
        cleared "round $i"
    done
}

@test "stop and rm -f, 20 times" {
    local i
    for ((i = 0; i < 20; i++)); do
        up --rootfs "$root" sh -c "$stays"
        pair "stop -t 1" "rm -f"
        [ "${both#* }" = 0 ] || { cat "$dir/b" >&2; return 1; }
        wait_for 5 nothing_left || { left >&2; return 1; }
    done
}

@test "rm and rm, rm -f and rm -f, 20 times" {
    local i
    for ((i = 0; i < 20; i++)); do
        if ((i % 2)); then
            up --rootfs "$root" sh -c "$stays"
            pair "rm -f" "rm -f"
        else
            "$MOAT" create --name "$n" --rootfs "$root" true > /dev/null
            pair rm rm
        fi
        [[ $both == *0* ]]
        wait_for 5 nothing_left || { left >&2; return 1; }
    done
}

@test "start and rm, start and rm -f, 20 times" {
    local i
    for ((i = 0; i < 20; i++)); do
        "$MOAT" create --name "$n" --rootfs "$root" sh -c "$stays" > /dev/null
        if ((i % 2)); then pair start "rm -f"; else pair start rm; fi
        [[ $both == *0* ]] || { cat "$dir/a" "$dir/b" >&2; return 1; }
        cleared "round $i"
    done
}

@test "restart and stop, kill and restart, 20 times: it ends in a state that start or stop mends" {
    local i
    up --rootfs "$root" sh -c "$stays"
    for ((i = 0; i < 20; i++)); do
        if ((i % 2)); then pair "restart -t 1" "stop -t 1"; else pair kill "restart -t 1"; fi
        timeout -s KILL 20 "$MOAT" start "$n" > /dev/null
        [[ $(status_of) == running* ]]
    done
}
