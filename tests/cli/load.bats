#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many starts, eight at a time: every one succeeds with its own output, and nothing is left of any. 1,000 under --full.
# Alone: it counts what is left on the host, and loads it.
load ../lib

setup()
{
    require_root
    require_command jq
    dir=$BATS_TEST_TMPDIR
    export MOAT_RUN_DIR=$dir/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    starts=$((MOAT_TEST_SCALE >= 100 ? 1000 : 100))
    before=$dir/before
    leaks_snapshot > "$before"
}

teardown() { rm -rf "$MOAT_RUN_DIR"; }

# Everything of ours that a sandbox named moat-load-* or in our state directory could have left.
nothing_left()
{
    local left
    left=$(ls -A "$MOAT_RUN_DIR" | grep -vx -e .ids -e '.events.*'
           ls -A "$MOAT_RUN_DIR/.ids" "$MOAT_DATA_DIR/layers" 2>/dev/null | grep -v ':$' | grep .
           ls -d "$MOAT_DATA_DIR"/images/.tmp-* /sys/fs/cgroup/*/moat-load-* /sys/fs/cgroup/moat-load-* 2>/dev/null
           leaks_since "$before" | grep -e "$dir" -e moat-load) || true
    [ -z "$left" ] || { printf 'left: %s\n' "$left" >&2; return 1; }
}

# eight COMMAND-LINE: runs it `starts` times with $1 as a number; each prints "hello NUMBER" and exits 0.
eight()
{
    seq "$starts" | xargs -P 8 -n 1 sh -c "$1"' || echo "failed $1: $?"' sh > "$dir/out" 2> "$dir/err"
    [ ! -s "$dir/err" ] || { head -5 "$dir/err" >&2; return 1; }
    diff <(sort "$dir/out") <(seq "$starts" | sed 's/^/hello /' | sort) | head -5 >&2
    [ "$(wc -l < "$dir/out")" = "$starts" ] && ! grep -qv '^hello [0-9]*$' "$dir/out"
}

@test "moat-oci run, eight at a time" {
    make_bundle "$dir/b" '.process.args = ["sh", "-c", "echo hello $N"]'
    export dir
    eight 'mkdir "$dir/b$1"; jq --arg n "N=$1" --arg r "$dir/b/rootfs" ".process.env += [\$n] | .root.path = \$r" "$dir/b/config.json" > "$dir/b$1/config.json"
        "$MOAT_OCI" run -b "$dir/b$1" "moat-load-$1"'
    nothing_left
}

@test "moat run of an image, eight at a time" {
    "$MOAT" run --rm busybox true # into the store
    eight '"$MOAT" run --rm --name "load-$1" busybox echo "hello $1"'
    nothing_left
}

@test "moat run --rootfs, eight at a time" {
    make_rootfs "$dir/rootfs"
    export dir
    eight '"$MOAT" run --rm --name "load-$1" --rootfs "$dir/rootfs" echo "hello $1"'
    nothing_left
}

@test "the first eight runs import the default image at the same time" {
    export MOAT_DATA_DIR=$dir/data
    starts=8
    eight '"$MOAT" run --rm --name "load-$1" busybox echo "hello $1"'
    nothing_left
}

@test "moat system check in a loop does not touch what others start and run" {
    make_rootfs "$dir/rootfs"
    make_bundle "$dir/b" '.process.args = ["sleep", "60"]'
    export dir
    "$MOAT" run --rm busybox true
    while [ ! -e "$dir/stop" ]; do "$MOAT" system check; done > "$dir/check" 2>&1 &
    local checker=$! i bad=
    eight '"$MOAT" run --rm --name "load-$1" busybox echo "hello $1"' || bad="moat run: $(head -3 "$dir/err" "$dir/out")"
    # One name again and again: the directory, the ids and the layer of the last are taken away while the next are made.
    for ((i = 0; i < starts; i++)); do
        "$MOAT" run --rm --name load-same busybox true > "$dir/same" 2>&1 || bad="same name: $(cat "$dir/same")"
    done
    for ((i = 0; i < starts / 4; i++)); do
        "$MOAT_OCI" create -b "$dir/b" moat-load-c < /dev/null > "$dir/create" 2>&1 || bad="create: $(cat "$dir/create")"
        "$MOAT_OCI" start moat-load-c || bad="start: $i"
        "$MOAT_OCI" delete --force moat-load-c || bad="delete: $i"
    done
    : > "$dir/stop"
    wait "$checker"
    [ -z "$bad" ] || { echo "$bad" >&2; false; }
    # A directory that it finds before its maker has locked it is cleared, and made again: nobody notices.
    run grep -e 'could not be cleared' -e '^moat system: ' "$dir/check"
    assert_output ""
    nothing_left
}
