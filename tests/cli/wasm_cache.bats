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

# flip FILE OFFSET: one bit of one byte
flip()
{
    local byte
    byte=$(od -An -tu1 -j"$2" -N1 "$1")
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "what is damaged costs time alone: the module itself is compiled, with one warning" {
    "$MOAT" wasm compile act.wasm
    local file=("$MOAT_CACHE_DIR"/wasm/*.code) size offset
    size=$(stat -c %s "${file[0]}")
    cp "${file[0]}" good
    chmod 600 "${file[0]}"
    # magic, version, sum, a piece's place, the maps, the module, the code
    for offset in 0 9 25 64 200 $((size / 2)) $((size - 500)) $((size - 1)); do
        cat good > "${file[0]}"
        flip "${file[0]}" "$offset"
        run --separate-stderr "$MOAT" run -b wasm act.wasm args "$offset"
        assert_status 0
        assert_output "[act.wasm]
[args]
[$offset]"
        assert_equal "$stderr" "moat-wasm: act.wasm: its compiled code is damaged and not used: moat wasm compile makes it anew"
    done
    # The module in it is another: a word of its data. It is not that one which runs.
    cat good > "${file[0]}"
    offset=$(grep -abo 'args' good | head -n 1 | cut -d: -f1)
    flip "${file[0]}" "$offset"
    run --separate-stderr "$MOAT" run -b wasm act.wasm args
    assert_output "[act.wasm]
[args]"
    run "$MOAT" wasm compile act.wasm
    assert_status 0
    assert_match '\(what was kept was damaged\)$'
    cmp good "${file[0]}"
    [ "$(stat -c %a "${file[0]}")" = 400 ]
    run "$MOAT" wasm compile act.wasm
    assert_output "act.wasm: compiled already"
    from_cache
}

@test "what was cut is removed, or made anew" {
    "$MOAT" wasm compile act.wasm
    local file=("$MOAT_CACHE_DIR"/wasm/*.code)
    chmod 600 "${file[0]}"
    cp "${file[0]}" good
    truncate -s $(($(stat -c %s good) / 2)) "${file[0]}"
    run "$MOAT" run -b wasm act.wasm exit 5
    assert_status 5
    assert_output ""
    [ "$(kept)" = 0 ]
    : > "${file[0]}"
    run "$MOAT" run -b wasm act.wasm exit 5
    assert_status 5
    assert_output ""
    run "$MOAT" wasm compile act.wasm
    assert_status 0
    cmp good "${file[0]}"
}

@test "nobody else's file is compiled code" {
    "$MOAT" wasm compile act.wasm
    local name
    name=$(basename "$MOAT_CACHE_DIR"/wasm/*.code)
    # The module is compiled code by its looks: it is a module that is none.
    cp "$MOAT_CACHE_DIR/wasm/$name" looks.wasm
    chmod 600 looks.wasm
    run "$MOAT" run -b wasm looks.wasm exit 3
    assert_status 126
    assert_match "looks.wasm: at offset 0x0"
    # Compiled code that is gone when it is wanted is a link here, which is not followed.
    mv "$MOAT_CACHE_DIR/wasm/$name" kept.code
    ln -s "$dir/kept.code" "$MOAT_CACHE_DIR/wasm/$name"
    run "$MOAT" run -b wasm act.wasm exit 3
    assert_status 3
    not_from_cache
}

@test "a listener comes beside compiled code" {
    require_command unshare util-linux
    "$MOAT" wasm compile act.wasm
    echo "\"$MOAT\" run -b wasm -p 127.0.0.1:7001 act.wasm exit 3" > go
    run unshare -n bash -c 'ip link set lo up && . ./go'
    assert_status 3
    assert_output ""
    local file=("$MOAT_CACHE_DIR"/wasm/*.code)
    chmod 600 "${file[0]}"
    flip "${file[0]}" 5000
    run unshare -n bash -c 'ip link set lo up && . ./go'
    assert_status 3
    assert_output "moat-wasm: act.wasm: its compiled code is damaged and not used: moat wasm compile makes it anew"
}

@test "a file that is larger than a module can be is not read" {
    "$MOAT" wasm compile act.wasm
    truncate -s 6G sparse.wasm
    run "$MOAT" wasm compile sparse.wasm
    assert_status 126
    assert_output "moat wasm: sparse.wasm: 6442450944 bytes: a module has at most 1073741824"
    for words in "run -b wasm" "wasm inspect"; do
        run "$MOAT" $words sparse.wasm
        assert_status 126
        assert_match "sparse.wasm: 6442450944 bytes: a module has at most 1073741824"
    done
}

@test "who compiles or looks has memory and files by the module's size" {
    require_command strace
    local words
    for words in compile inspect; do
        strace -f -qq -e trace=prlimit64,setrlimit -o calls "$MOAT" wasm $words act.wasm
        grep -qE 'RLIMIT_DATA, \{rlim_cur=[0-9*]+' calls
        grep -qE 'RLIMIT_FSIZE, \{rlim_cur=[0-9*]+' calls
    done
}

@test "a directory that others could write to is not used" {
    mkdir -m 770 "$MOAT_CACHE_DIR/wasm"
    run "$MOAT" wasm compile act.wasm
    assert_status 125
    assert_match "directory of compiled modules: .*/wasm belongs to uid 0 with mode 770; it must be ours alone"
    assert_match "remove it with all that is in it, or set MOAT_CACHE_DIR"
    refute_match chmod
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

# no_way_in: whatever a module is told to do around the directory, it gets nothing into it
no_way_in()
{
    local words
    for words in "write $MOAT_CACHE_DIR/wasm/new x" "mkdir $MOAT_CACHE_DIR/wasm/new" "list $MOAT_CACHE_DIR/wasm" \
        "rename $MOAT_CACHE_DIR/wasm $dir/away" "rename $MOAT_CACHE_DIR $dir/away"; do
        run "$MOAT" run -b wasm --rw "$dir" act.wasm $words
        assert_status 1
        run "$MOAT" run -b wasm --dir "$dir::/in" act.wasm ${words//$dir//in}
        assert_status 1
        run "$MOAT" run -b wasm --dir "$dir::/" act.wasm ${words//$dir/}
        assert_status 1
    done
    [ ! -e "$dir/away" ]
    [ -z "$(find "$MOAT_CACHE_DIR/wasm" -name new)" ]
}

@test "what may be trusted some day is denied, too" {
    mkdir -m 755 "$MOAT_CACHE_DIR/wasm"
    no_way_in
    chmod 777 "$MOAT_CACHE_DIR/wasm"
    no_way_in
    rm -r "${MOAT_CACHE_DIR:?}"/*
    chmod 777 "$MOAT_CACHE_DIR"
    no_way_in
    chmod 755 "$MOAT_CACHE_DIR"
    rm -r "${MOAT_CACHE_DIR:?}"
    no_way_in
    [ "$(stat -c %a "$MOAT_CACHE_DIR/wasm")" = 700 ]
    rm -r "${MOAT_CACHE_DIR:?}"
    export MOAT_CACHE_DIR=$dir/not/there
    no_way_in
}

@test "where it cannot be denied nothing runs" {
    mkdir "$dir/elsewhere"
    ln -s "$dir/elsewhere" "$MOAT_CACHE_DIR/wasm"
    run "$MOAT" run -b wasm --rw "$dir" act.wasm args
    assert_status 125
    assert_match "the rule about $dir lets the program write where moat keeps compiled modules.* $MOAT_CACHE_DIR/wasm is a link"
    run "$MOAT" run -b wasm --dir "$dir::/in" act.wasm args
    assert_status 125
    # A rule about what the link leads to lets nobody exchange the link.
    run "$MOAT" run -b wasm --rw "$dir/elsewhere" act.wasm args
    assert_status 125
    assert_match "$dir/elsewhere may be read at most"
    rm "$MOAT_CACHE_DIR/wasm"
    touch "$MOAT_CACHE_DIR/wasm"
    run "$MOAT" run -b wasm --rw "$dir" act.wasm args
    assert_status 125
    assert_match "is no directory: remove it, or set MOAT_CACHE_DIR"
    rm "$MOAT_CACHE_DIR/wasm"
    ln -s "$MOAT_CACHE_DIR" "$dir/linked"
    MOAT_CACHE_DIR=$dir/linked run "$MOAT" run -b wasm --rw "$dir" act.wasm args
    assert_status 125
    assert_match "$dir/linked is a link"
    # With rules that do not reach it, links are as good as directories.
    mkdir "$dir/work"
    MOAT_CACHE_DIR=$dir/linked run "$MOAT" run -b wasm --rw "$dir/work" act.wasm write "$dir/work/x" y
    assert_status 0
    MOAT_CACHE_DIR=$dir/linked run "$MOAT" run -b wasm --rw "$MOAT_CACHE_DIR" act.wasm write "$MOAT_CACHE_DIR/wasm/x" y
    assert_status 1
    run "$MOAT" run -b wasm --rw "$dir" --deny "$MOAT_CACHE_DIR" act.wasm write "$MOAT_CACHE_DIR/wasm/x" y
    assert_status 1
}

@test "a rule for a file of it lets nobody write there" {
    "$MOAT" wasm compile act.wasm
    local file=("$MOAT_CACHE_DIR"/wasm/*.code) rule
    cp "${file[0]}" good
    for rule in "--rw ${file[0]}" "--rw $MOAT_CACHE_DIR/wasm" "--dir $MOAT_CACHE_DIR/wasm::/in" "--allow ${file[0]}:rw" "-v ${file[0]}:/x"; do
        run "$MOAT" run -b wasm $rule act.wasm args
        assert_status 125
        assert_match "$MOAT_CACHE_DIR/wasm may be read at most: --ro"
    done
    run "$MOAT" run -b wasm --ro "$MOAT_CACHE_DIR/wasm" act.wasm list "$MOAT_CACHE_DIR/wasm"
    assert_status 0
    cmp good "${file[0]}"
}

@test "that it is denied is said" {
    run --separate-stderr "$MOAT" run -b wasm --rw "$dir" act.wasm write "$MOAT_CACHE_DIR/wasm/new" x
    assert_status 1
    grep -qx "moat: denied: create $MOAT_CACHE_DIR/wasm/new: --deny $MOAT_CACHE_DIR/wasm forbids it" <<< "$stderr"
}

@test "a small module is compiled at each start, and nothing is kept" {
    module small << 'EOF'
(module (func (export "_start")))
EOF
    run "$MOAT" wasm compile small.wasm
    assert_status 0
    assert_match "^small.wasm: .*B, compiled at each start sooner than looked up: nothing is kept$"
    [ "$(kept)" = 0 ]
    run "$MOAT" wasm compile small.wat
    assert_status 126
    assert_output "moat wasm: small.wat: compile takes modules: wat2wasm makes one of text"
    run "$MOAT" wasm compile --help
    assert_status 0
    assert_match "^Usage: moat wasm compile FILE"
    refute_match "--memory|--json"
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
