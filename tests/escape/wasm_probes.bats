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
    "$WORK/naive" list > "$WORK/list"
    (require_wasm_clang) > /dev/null 2>&1 || return 0
    clang --target=wasm32-wasi "${flags[@]}" -o "$WORK/probes.wasm" "$source/probes.c"
    clang --target=wasm32-wasi "${flags[@]}" -o "$WORK/sweep.wasm" "$source/sweep.c"
    clang --target=wasm32-wasi "${flags[@]}" -o "$WORK/race.wasm" "$source/race.c"
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

# each COMMAND...: every probe, with streams that the caller has open both ways, and a file and the root left open
each()
{
    local name
    while read -r name; do
        wasm_trees
        echo input > "$BATS_TEST_TMPDIR/input"
        echo "$MOAT_CANARY" > "$BATS_TEST_TMPDIR/errors"
        timeout -k 5 30 "$@" "${facts[@]}" "$name" 5< "$WORK/canaries/secret" 9< / \
            0<> "$BATS_TEST_TMPDIR/input" 2<> "$BATS_TEST_TMPDIR/errors" || echo "lost $name $?"
    done < <(cut -f1 "$WORK/list") > "$out"
}

@test "every probe is live: with a WASI that checks nothing it succeeds" {
    each "$WORK/naive"
    local dead
    dead=$(cut -f1 "$WORK/list" | grep -vxF -f <(said "$out" ESCAPED)) || true
    [ -z "$dead" ] || { grep -F -f <(sed 's/.*/ & /' <<< "$dead") "$out" >&2; return 1; }
    echo "# $(grep -c . "$WORK/list") probes" >&3
}

behind()
{
    local bad canaries
    canaries=$(tree_of "$WORK/canaries")
    each "$MOAT" run --rm -b wasm --deny-log=false "$@" "${policy[@]}" "$WORK/probes.wasm"
    bad=$(cut -f1 "$WORK/list" | grep -vxF -f <(said "$out" held)) || true
    [ -z "$bad" ] || { echo "not held:" >&2; grep -wF -f <(echo "$bad") "$out" >&2; return 1; }
    assert_equal "$(tree_of "$WORK/canaries")" "$canaries"
}

@test "behind moat run none succeeds" { behind; }

@test "nor with the interpreter" { behind --engine interpreter; }

@test "guard off: what is granted is had" {
    policy=(--rw "$WORK" --tmpfs /tmp)
    each "$MOAT" run --rm -b wasm -e MOAT_CANARY --dir "$WORK/canaries::/etc:ro" "${policy[@]}" "$WORK/probes.wasm"
}
