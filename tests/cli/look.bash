# SPDX-License-Identifier: Apache-2.0
# For tests of the commands that look at sandboxes or act on them from outside: a store a bats file, a state directory a
# test, names that no other test uses (groups are named for them), and nothing left behind.
load ../lib

look_setup_file()
{
    require_root
    require_command jq
    require_file "$MOAT_BUSYBOX/bin/busybox"
    export MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data NO_COLOR=1
    MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run "$MOAT" run --rm busybox true # the embedded image enters the store
}

look_setup()
{
    dir=$BATS_TEST_TMPDIR n=look$$-$BATS_TEST_NUMBER helpers=()
    export MOAT_RUN_DIR=$dir/run
    cd "$dir" || return
}

look_left()
{
    find "$MOAT_RUN_DIR" -mindepth 1 -maxdepth 1 ! -name '.*'
    find "$MOAT_RUN_DIR/.ids" "$MOAT_DATA_DIR/layers" -mindepth 1 -maxdepth 1
    pgrep -f "moat-monitor [^ ]* $MOAT_RUN_DIR "
    find /sys/fs/cgroup -type d -name "moat-$n*"
} 2> /dev/null

look_teardown()
{
    local id p
    for p in "${helpers[@]}"; do kill -9 "$p" 2> /dev/null && wait "$p" 2> /dev/null || true; done
    for id in $(cd "$MOAT_RUN_DIR" 2> /dev/null && ls); do timeout -s KILL 20 "$MOAT" rm -f "$id" > /dev/null 2>&1 || true; done
    nothing_left() { [ -z "$(look_left)" ]; }
    wait_for 5 nothing_left && return
    look_left >&2
    "$MOAT" system check > /dev/null 2>&1
    return 1
}

UP='trap "exit 7" TERM; echo up; while :; do sleep 0.05; done'

# up NAME [OPTION...]: a detached one that ends with 7 at SIGTERM, and is ready for that.
up()
{
    local name=$1; shift
    moat run -d --name "$name" "$@" busybox sh -c "$UP" > /dev/null
    said "$name" up
}
logged() { moat logs "$1" 2>&1 | grep -q -- "$2"; }
said() { wait_for 10 logged "$@"; }
# ended NAME STATUS [OPTION...]
ended()
{
    local name=$1 code=$2; shift 2
    moat run --name "$name" "$@" busybox sh -c "exit $code" || [ $? = "$code" ]
}
# `! command` never fails a test, so:
not() { ! "$@"; }
state() { moat inspect -f "{{.State.$2}}" "$1"; }
is_now() { [ "$(state "$1" Status)" = "$2" ]; }
is() { wait_for 10 is_now "$@"; }
gone_now() { [ -z "$(moat ps -aq --filter name="^/$1\$")" ]; }
gone() { wait_for 10 gone_now "$@"; }
# foreground NAME [OPTION...]: one of `run --rm`; its moat's pid is $pid.
foreground()
{
    local name=$1; shift
    "$MOAT" run --rm --name "$name" "$@" busybox sh -c "$UP" > "$dir/out" 2> "$dir/err" 3>&- &
    pid=$!
    helpers+=("$pid")
    wait_for 10 grep -q up "$dir/out"
}
monitors() { pgrep -f "^moat-monitor $1 $MOAT_RUN_DIR "; }
kill_monitors()
{
    local p
    for p in $(monitors "$1"); do kill -STOP "$p"; done
    for p in $(monitors "$1"); do kill -KILL "$p"; done
    no_monitor() { ! monitors "$1"; }
    wait_for 5 no_monitor "$1"
}

# judge SCHEMA FILE: a document against a schema of docs/schema.
judge()
{
    require_command python3
    local verdict=0
    python3 "$BATS_TEST_DIRNAME/judge.py" "$@" || verdict=$?
    [ $verdict != 77 ] || skip "needs the Python module jsonschema (Debian package python3-jsonschema)"
    return $verdict
}
