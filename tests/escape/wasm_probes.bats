#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a hostile module tries with WASI's functions (tests/escape/wasm/probes.c): built for the host, where WASI is what a
# trusting author would write, each attempt succeeds; behind `moat run -b wasm` none does.
bats_require_minimum_version 1.5.0
load wasm

setup_file()
{
    wasm_is_here || return 0
    wasm_place
    local flags=(-std=gnu17 -O2 -Wall -Wextra -Werror -Wno-missing-field-initializers) source=$BATS_TEST_DIRNAME/wasm
    gcc "${flags[@]}" -o "$WORK/naive" "$source/probes.c" "$source/naive.c"
    gcc "${flags[@]}" -o "$WORK/naive-race" "$source/race.c" "$source/naive.c"
    "$WORK/naive" list > "$WORK/list"
    (require_wasm_clang) > /dev/null 2>&1 || return 0
    clang --target=wasm32-wasi "${flags[@]}" -o "$WORK/probes.wasm" "$source/probes.c" "$source/space.c"
    clang --target=wasm32-wasi "${flags[@]}" -o "$WORK/sweep.wasm" "$source/sweep.c"
    clang --target=wasm32-wasi "${flags[@]}" -o "$WORK/race.wasm" "$source/race.c" "$source/space.c"
}

teardown_file() { wasm_unplace; }

setup()
{
    require_wasm
    require_wasm_clang
    wasm_trees
    facts=("granted=$WORK/granted" "readable=$WORK/readable" "secret=$WORK/canaries/secret" "outside=$(stat -c %i "$WORK")")
    policy=(--rw "$WORK/granted" --ro "$WORK/readable" --deny "$WORK/granted/denied")
    out=$BATS_TEST_TMPDIR/out
}

teardown() { [ ! -e "$BATS_TEST_TMPDIR/kept" ] || "$MOAT" rm -f "$(cat "$BATS_TEST_TMPDIR/kept")" > /dev/null; }

# each COMMAND... < LIST: every probe, with streams that the caller has open both ways, and a file and the root left open
each()
{
    local name
    while read -r name _; do
        wasm_trees
        echo input > "$BATS_TEST_TMPDIR/input"
        echo "$MOAT_CANARY" > "$BATS_TEST_TMPDIR/errors"
        timeout -k 5 30 "$@" "${facts[@]}" "$name" 5< "$WORK/canaries/secret" 9< / \
            0<> "$BATS_TEST_TMPDIR/input" 2<> "$BATS_TEST_TMPDIR/errors" || echo "lost $name $?"
    done > "$out"
}

@test "every probe is live: with a WASI that checks nothing it succeeds" {
    each "$WORK/naive" < "$WORK/list"
    local dead
    dead=$(cut -f1 "$WORK/list" | grep -vxF -f <(said "$out" ESCAPED)) || true
    [ -z "$dead" ] || { grep -F -f <(sed 's/.*/ & /' <<< "$dead") "$out" >&2; return 1; }
    echo "# $(grep -c . "$WORK/list") probes" >&3
}

@test "behind moat run none succeeds" {
    local bad canaries
    canaries=$(tree_of "$WORK/canaries")
    each "$MOAT" run --rm -b wasm --deny-log=false "${policy[@]}" "$WORK/probes.wasm" < "$WORK/list"
    bad=$(cut -f1 "$WORK/list" | grep -vxF -f <(said "$out" held)) || true
    [ -z "$bad" ] || { echo "not held:" >&2; grep -wF -f <(echo "$bad") "$out" >&2; return 1; }
    assert_equal "$(tree_of "$WORK/canaries")" "$canaries"
}

# The engine alone, with nothing around it: what is denied, devices and the environment are not its to hold.
@test "without a sandbox WASI's own checks hold all that is theirs" {
    local bad others='^(.*denied.*|device|see-environment)$'
    each "$MOAT_BUILD/libexec/moat-wasm" --preopen-writable "$WORK/granted" --preopen "$WORK/readable" --module "$WORK/probes.wasm" x < "$WORK/list"
    bad=$(cut -f1 "$WORK/list" | grep -vE "$others" | grep -vxF -f <(said "$out" held)) || true
    [ -z "$bad" ] || { echo "not held:" >&2; grep -wF -f <(echo "$bad") "$out" >&2; return 1; }
    said "$out" ESCAPED | grep -qx denied
}

# What a path leads out of is the kernel's to say, and between two mounts nothing is linked or moved, granted or not; what
# policy alone stands before is had when it is granted.
@test "guard off: what is granted is had" {
    local name dead
    policy=(--rw "$WORK/granted" --rw "$WORK/readable" --ro /etc/passwd --ro /usr/bin --ro "$WORK/canaries" --tmpfs /tmp -e MOAT_CANARY)
    grep -E '^(denied|below-denied|made-to-denied|name-denied|move-denied|look-denied|readable-(write|truncate|create|inherit|times|unlink)|renumber|see-(environment|passwords|programs|temporary))' \
        "$WORK/list" > "$WORK/some"
    each "$MOAT" run --rm -b wasm --deny-log=false "${policy[@]}" "$WORK/probes.wasm" < "$WORK/some"
    dead=$(cut -f1 "$WORK/some" | grep -vxF -f <(said "$out" ESCAPED)) || true
    [ -z "$dead" ] || { grep -wF -f <(echo "$dead") "$out" >&2; return 1; }
}

@test "every address, length and count that does not fit is refused in every function, and numbers may come and go" {
    local engine
    for engine in baseline interpreter; do
        rm -rf "$WORK/swept"; mkdir "$WORK/swept"; echo filefile > "$WORK/swept/file"
        run timeout 60 "$MOAT" run --rm -b wasm --engine $engine -e A=1 --rw "$WORK/swept" "$WORK/sweep.wasm"
        assert_status 0
        assert_match "^40[6-9][0-9][0-9] calls, 0 wrong$"
    done
}

@test "a link that comes and goes while a path is walked leads nowhere" {
    local race=(timeout -k 5 60 "$MOAT" run --rm --deny-log=false -b wasm --rw "$WORK/granted" "$WORK/race.wasm" "granted=$WORK/granted") name=race-$$
    mkdir "$WORK/granted/turn"
    echo inside > "$WORK/granted/turn/secret"
    ln -s ../canaries "$WORK/granted/bait"
    echo "$name" > "$BATS_TEST_TMPDIR/kept"
    "$MOAT" run -d --name $name -b wasm --rw "$WORK/granted" "$WORK/race.wasm" "granted=$WORK/granted" swap > /dev/null 3>&-
    run "${race[@]}" open
    assert_status 0
    assert_match "^inside [0-9]+, refused [0-9]+$"
    run timeout 60 "$WORK/naive-race" "granted=$WORK/granted" insist
    assert_output "ESCAPED $MOAT_CANARY"
}
