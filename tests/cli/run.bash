# SPDX-License-Identifier: Apache-2.0
# For tests of moat run: a store a bats file, a state directory of its own, and nothing left in either after each test.
load ../lib

run_setup_file()
{
    require_root
    require_file "$MOAT_BUSYBOX/bin/busybox"
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    "$MOAT" run --rm busybox true # the embedded image enters the store
}

run_setup()
{
    dir=$BATS_TEST_TMPDIR
    helpers=()
    cd "$dir" || return
}

# Directories of sandboxes, id blocks, layers, and the cgroups of those which had no name of ours.
leftovers()
{
    find "$MOAT_RUN_DIR" -mindepth 1 ! -name .ids ! -name '.lock*' ! -name '.events*'
    find "$MOAT_DATA_DIR/layers" -mindepth 1 -maxdepth 1
    find /sys/fs/cgroup -type d -name "moat-test-$$-*"
}

run_teardown()
{
    local p
    for p in "${helpers[@]}"; do kill -9 "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
    nothing_left() { [ -z "$(leftovers 2>/dev/null)" ]; }
    if [ ${#helpers[@]} = 0 ]; then
        wait_for 3 nothing_left && return
        leftovers >&2
    fi
    # For the tests behind a failed one.
    "$MOAT" ps -aq | xargs -r "$MOAT" rm -f > /dev/null 2>&1
    "$MOAT" system check > /dev/null 2>&1
    wait_for 3 nothing_left && [ ${#helpers[@]} != 0 ]
}

moat_run() { run "$MOAT" run --rm "$@"; }

# background OPTION...: `moat run` whose pid is $pid; what it prints is in $dir/out and $dir/err.
background()
{
    "$MOAT" run --rm "$@" > "$dir/out" 2> "$dir/err" 3>&- &
    pid=$!
    helpers+=("$pid")
}

said() { grep -q -- "$1" "$dir/out"; }

# The first process of the sandbox that $pid keeps, in the host's numbers.
inner_pid() { pgrep -P "$pid" | head -n 1; }

LIVES='trap "exit 7" TERM; echo up; while :; do sleep 0.05; done'

# judge SCHEMA FILE: a document against a schema of docs/schema.
judge()
{
    require_command python3
    local verdict=0
    python3 "$BATS_TEST_DIRNAME/judge.py" "$@" || verdict=$?
    [ $verdict != 77 ] || skip "needs the Python module jsonschema (Debian package python3-jsonschema)"
    return $verdict
}
