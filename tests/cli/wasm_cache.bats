#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat wasm compile: machine code that is kept, who may write it, and when a run starts from it.
bats_require_minimum_version 1.5.0
load run
load wasm

setup_file()
{
    wasm_place
    require_wasm_clang
    wasm_build act
}

setup()
{
    run_setup
    export MOAT_CACHE_DIR=$dir/cache
    mkdir -m 755 "$MOAT_CACHE_DIR"
    cp "$WORK/act.wasm" .
}

teardown() { run_teardown; }

kept() { find "$MOAT_CACHE_DIR/wasm" -name '*.code' 2> /dev/null | wc -l; }

# from_cache: whether a run of act.wasm has a file of the cache mapped to be executed
from_cache()
{
    background -b wasm act.wasm spin
    wait_for 10 said up
    local engine
    engine=$(inner_pid)
    grep -qE " r-xp .*/wasm/[0-9a-f]{64}\.code$" "/proc/$engine/maps"
    local found=$?
    kill -TERM "$pid"
    wait "$pid" || true
    helpers=()
    return $found
}

not_from_cache() { if from_cache; then return 1; fi; }

@test "a module is compiled once, and runs start from that" {
    run "$MOAT" run -b wasm act.wasm args x
    assert_status 0
    [ "$(kept)" = 0 ]
    not_from_cache
    run "$MOAT" wasm compile act.wasm
    assert_status 0
    assert_match '^act.wasm: .*, compiled: '
    [ "$(kept)" = 1 ]
    [ "$(stat -c %a "$MOAT_CACHE_DIR/wasm")" = 700 ]
    [ "$(stat -c %a "$MOAT_CACHE_DIR"/wasm/*.code)" = 400 ]
    run "$MOAT" wasm compile act.wasm
    assert_output "act.wasm: compiled already"
    from_cache
    run "$MOAT" run -b wasm act.wasm args x
    assert_status 0
    assert_output "[act.wasm]
[args]
[x]"
    run --separate-stderr "$MOAT" run -b wasm act.wasm abort
    assert_status 134
    grep -qE '^  #0  0x[0-9a-f]{6}' <<< "$stderr"
    run "$MOAT" run -b wasm --timeout 300ms act.wasm spin
    assert_status 124
}

@test "another module, another name of it, fuel and the interpreter" {
    "$MOAT" wasm compile act.wasm
    mv act.wasm other.wasm
    ln -s other.wasm act.wasm
    from_cache
    rm act.wasm
    cp other.wasm act.wasm
    printf '\0\2\1x' >> act.wasm # a custom section more
    not_from_cache
    run "$MOAT" run -b wasm --fuel 100000000 other.wasm exit 3
    assert_status 3
    run "$MOAT" run -b wasm --engine interpreter other.wasm exit 3
    assert_status 3
}

@test "what is damaged costs time alone" {
    "$MOAT" wasm compile act.wasm
    local file=("$MOAT_CACHE_DIR"/wasm/*.code) size
    size=$(stat -c %s "${file[0]}")
    chmod 600 "${file[0]}"
    printf 'XXXX' | dd of="${file[0]}" bs=1 seek=$((size - 500)) conv=notrunc status=none
    run "$MOAT" run -b wasm act.wasm exit 5
    assert_status 5
    truncate -s $((size / 2)) "${file[0]}"
    run "$MOAT" run -b wasm act.wasm exit 5
    assert_status 5
    [ "$(kept)" = 0 ]
}

@test "a directory that others could write to is not used" {
    mkdir -m 770 "$MOAT_CACHE_DIR/wasm"
    run "$MOAT" wasm compile act.wasm
    assert_status 125
    assert_match "directory of compiled modules: .*/wasm belongs to uid 0 with mode 770; it must be ours alone"
    [ "$(kept)" = 0 ]
    rmdir "$MOAT_CACHE_DIR/wasm"
    "$MOAT" wasm compile act.wasm
    chmod g+w "$MOAT_CACHE_DIR/wasm"
    not_from_cache
    chmod g-w "$MOAT_CACHE_DIR/wasm"
    from_cache
    mv "$MOAT_CACHE_DIR/wasm" "$MOAT_CACHE_DIR/elsewhere"
    ln -s elsewhere "$MOAT_CACHE_DIR/wasm"
    not_from_cache
}

@test "what is no module leaves nothing" {
    echo none > none.wasm
    run "$MOAT" wasm compile none.wasm
    assert_status 126
    assert_match "none.wasm: at offset 0x0"
    printf '\0asm\1\0\0\0\1\5\1' > cut.wasm
    run "$MOAT" wasm compile cut.wasm
    assert_status 126
    run -127 "$MOAT" wasm compile nothing.wasm
    run "$MOAT" wasm compile
    assert_status 125
    [ -z "$(find "$MOAT_CACHE_DIR/wasm" -type f)" ]
}

@test "no module reaches it, whatever it may write" {
    "$MOAT" wasm compile act.wasm
    local name=("$MOAT_CACHE_DIR"/wasm/*.code)
    for words in "remove ${name[0]}" "write $MOAT_CACHE_DIR/wasm/new x" "list $MOAT_CACHE_DIR/wasm"; do
        run "$MOAT" run -b wasm --rw "$dir" act.wasm $words
        assert_status 1
        run "$MOAT" run -b wasm --dir "$dir::/in" act.wasm ${words//$dir//in}
        assert_status 1
    done
    [ "$(kept)" = 1 ]
    [ ! -e "$MOAT_CACHE_DIR/wasm/new" ]
    run "$MOAT" run -b wasm --rw "$dir" act.wasm write "$dir/new" x
    assert_status 0
}

@test "it is counted, and removed with what else can be made again" {
    "$MOAT" wasm compile act.wasm
    run "$MOAT" system df --json
    [ "$(jq .compiledModules.total <<< "$output")" = 1 ]
    "$MOAT" system prune -f > /dev/null
    [ "$(kept)" = 1 ]
    "$MOAT" system prune -af > /dev/null
    [ "$(kept)" = 0 ]
}
