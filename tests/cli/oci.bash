# SPDX-License-Identifier: Apache-2.0
# For tests of moat-oci: one root file system a bats file, a config.json for each test, a state directory of its own.
load ../lib

# In setup_file: $ROOTFS, $BASE (`moat-oci spec`, no terminal, running `true`).
oci_setup_file()
{
    require_root
    require_command jq
    ROOTFS=$BATS_FILE_TMPDIR/rootfs BASE=$BATS_FILE_TMPDIR/base.json
    make_rootfs "$ROOTFS"
    "$MOAT_OCI" spec --bundle "$BATS_FILE_TMPDIR"
    jq --arg root "$ROOTFS" '.process.terminal = false | .process.args = ["true"] | .root.path = $root' \
        "$BATS_FILE_TMPDIR/config.json" > "$BASE"
    export ROOTFS BASE
}

oci_setup()
{
    dir=$BATS_TEST_TMPDIR id=$(new_id) state=$BATS_TEST_TMPDIR/state
    helpers=()
}

# Nothing of a failed test outlives it.
oci_teardown()
{
    local p
    for p in "$state"/*/; do [ ! -d "$p" ] || oci delete --force "$(basename "$p")" > /dev/null 2>&1 || true; done
    for p in "${helpers[@]}"; do kill "$p" 2>/dev/null || true; done
}

oci() { "$MOAT_OCI" --root "$state" "$@"; }

# config JQ-FILTER [JQ-OPTION...]: config.json of this test. `shell TEXT` in the filter sets the program.
config()
{
    local filter=$1; shift
    jq "$@" 'def shell(s): .process.args = ["sh", "-c", s];
             def without(ns): .linux.namespaces |= map(select(.type != ns));
             '"$filter" "$BASE" > "$dir/config.json"
}

# oci_run JQ-FILTER [OPTION...]: runs it to the end; what it says in $output, both streams.
oci_run()
{
    config "$1"; shift
    run oci run --bundle "$dir" "$@" "$id"
}

# create [OPTION...]: `run` would wait for the container, which has its output. Sets status and output (errors only).
create()
{
    status=0
    oci create --bundle "$dir" "$@" "$id" < /dev/null > "$dir/out" 2> "$dir/err" 3>&- || status=$?
    output=$(< "$dir/err")
}

start() { run oci start "$id"; }

# A program that says `up`, ends with 7 on TERM, and lives until then.
LIVES='trap "exit 7" TERM; echo up; while :; do sleep 0.05; done'

# up [JQ-FILTER]: a running container that has said `up`.
up()
{
    config "shell(\"${LIVES//\"/\\\"}\") | ${1:-.}"
    create
    assert_success
    start
    assert_success
    wait_for 5 grep -q up "$dir/out"
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

status_is() { [ "$(oci state "$id" 2>/dev/null | jq -r .status)" = "$1" ]; }
host_pid() { oci state "$id" | jq .pid; }
gone() { [ ! -e "/proc/$1" ]; }

# The directory of the container's cgroup in the v1 hierarchy of a controller; skips where there is none.
v1_group()
{
    local mount
    mount=$(awk -v c="$1" '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup" && $(i + 3) ~ ("(^|,)" c "(,|$)")) { print $5; exit } }' /proc/self/mountinfo)
    [ -n "$mount" ] || skip "no v1 hierarchy with the $1 controller is mounted here"
    group=$mount/${2:-moat-$id}
}

# cgroup v2 has it without a controller of that name.
require_freezer() { [ -e /sys/fs/cgroup/cgroup.controllers ] || require_cgroup freezer; }

# receive MODE...: the other end of a socket, tests/cli/receive.py; listens on $dir/socket when this returns.
receive()
{
    require_command python3
    python3 "$BATS_TEST_DIRNAME/receive.py" "$@" "$dir/socket" > "$dir/received" 2> "$dir/receive.err" 3>&- &
    helpers+=($!)
    wait_for 5 test -S "$dir/socket"
}

# A hook's script at $dir/NAME.
hook_script()
{
    printf '#!/bin/sh\n%s\n' "$2" > "$dir/$1"
    chmod 755 "$dir/$1"
}
