#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b wasm: modules written as text, what is wrong with modules, --invoke, fuel, and what is refused by name.
bats_require_minimum_version 1.5.0
load run
load wasm

setup_file() { wasm_place; }
setup() { run_setup; }
teardown()
{
    [ -z "${theirs-}" ] || rm -rf "$theirs"
    run_teardown
}

wasm() { run "$MOAT" run -b wasm "$@"; }

sums()
{
    module sums << 'EOF'
(module
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func $divide (export "divide") (param i64 i64) (result i64) local.get 0 local.get 1 i64.div_s)
  (func $caller (export "caller") (result i64) i64.const 1 i64.const 0 call $divide)
  (func (export "halves") (param f64 f32) (result f64 f32)
    local.get 0 f64.const 0.5 f64.mul local.get 1 f32.const 0.5 f32.mul)
  (func (export "lanes") (param v128) (result v128) local.get 0)
  (func (export "nothing"))
  (func (export "null") (result funcref) ref.null func)
  (func $deep (export "deep") call $deep)
  (func (export "spin") (loop br 0))
  (func (export "count") (param i32) (result i32)
    (loop $again (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $again (local.get 0))) (local.get 0))
  (memory (export "memory") 1)
  (func (export "grow") (param i32) (result i32) local.get 0 memory.grow)
  (func (export "load") (param i32) (result i32) local.get 0 i32.load))
EOF
}

# ---- --invoke -----------------------------------------------------------------------------------------------------

@test "a function is called with arguments by its type, and its results are printed" {
    sums
    wasm --invoke add sums.wasm 2 5
    assert_status 0
    assert_output 7
    wasm --invoke add sums.wasm 2147483647 1
    assert_output -2147483648
    wasm --invoke add sums.wasm 0xffffffff 4294967295
    assert_output -2
    wasm --invoke divide sums.wasm -9223372036854775808 2
    assert_output -4611686018427387904
    wasm --invoke halves sums.wasm 0.2 1e-3
    assert_output "0.1
0.0005"
    wasm --invoke halves sums.wasm inf nan
    assert_output "inf
nan"
    wasm --invoke lanes sums.wasm 0x000102030405060708090a0b0c0d0e0f
    assert_output 0x000102030405060708090a0b0c0d0e0f
    wasm --invoke nothing sums.wasm
    assert_output ""
    wasm --invoke null sums.wasm
    assert_output null
}

@test "what is wrong with an invocation is said, and nothing runs" {
    sums
    wasm --invoke add sums.wasm 1
    assert_status 125
    assert_output "moat-wasm: sums.wasm: --invoke add: it takes 2 arguments, and 1 is given"
    wasm --invoke lanes sums.wasm
    assert_status 125
    assert_output "moat-wasm: sums.wasm: --invoke lanes: it takes 1 argument, and 0 are given"
    wasm --invoke add sums.wasm 1 4294967296
    assert_status 125
    assert_match "the argument '4294967296': i32 is a whole number"
    wasm --invoke minus sums.wasm
    assert_status 126
    assert_match "exports no function of that name, but: add, divide, caller"
    wasm sums.wasm
    assert_status 126
    assert_match "it is no program \(it exports no function _start\): --invoke NAME calls one of: add, divide"
}

# ---- traps --------------------------------------------------------------------------------------------------------

@test "a trap is 134, with functions by name and offsets as a listing has them" {
    sums
    run --separate-stderr "$MOAT" run -b wasm --invoke caller sums.wasm
    assert_status 134
    assert_output ""
    error_says "moat-wasm: sums.wasm: trap: integer divide by zero"
    grep -qE '^  #0  0x[0-9a-f]{6}  divide$' <<< "$stderr"
    grep -qE '^  #1  0x[0-9a-f]{6}  caller$' <<< "$stderr"
    local offset
    offset=$(grep -oE '#0  0x[0-9a-f]{6}' <<< "$stderr")
    wasm-objdump -d sums.wasm | grep -qE "^ ${offset#\#0  0x}: 7f +\| i64.div_s"
    wasm --invoke load sums.wasm 65533
    assert_status 134
    assert_match "trap: out of bounds memory access"
    wasm --invoke deep sums.wasm
    assert_status 134
    assert_match "trap: call stack exhausted"
}

@test "names in a trap move no cursor" {
    # _start is `unreachable`, and called ESC [ J
    printf '\0asm\1\0\0\0\1\4\1\140\0\0\3\2\1\0\7\12\1\6_start\0\0\12\5\1\3\0\0\13\0\15\4name\1\6\1\0\3\33[J' > names.wasm
    run --separate-stderr "$MOAT" run -b wasm names.wasm
    assert_status 134
    grep -q '?\[J' <<< "$stderr"
    [[ "$stderr" != *$'\033'* ]]
}

# ---- limits -------------------------------------------------------------------------------------------------------

@test "fuel: the same each time, 124 when it is used up" {
    sums
    wasm --invoke spin --fuel 100000 sums.wasm
    assert_status 124
    assert_match "moat-wasm: sums.wasm: the fuel is used up \(--fuel\)"
    local low=1 high=100000 middle
    while [ $((high - low)) -gt 1 ]; do
        middle=$(((low + high) / 2))
        if "$MOAT" run -b wasm --fuel $middle --invoke count sums.wasm 100 > /dev/null 2>&1; then high=$middle; else low=$middle; fi
    done
    wasm --fuel "$high" --invoke count sums.wasm 100
    assert_status 0
    wasm --fuel "$low" --invoke count sums.wasm 100
    assert_status 124
    wasm --engine interpreter --fuel "$high" --invoke count sums.wasm 100
    assert_status 0
    wasm --engine interpreter --fuel "$low" --invoke count sums.wasm 100
    assert_status 124
}

@test "memory grows to -m and no further" {
    sums
    wasm -m 16m --invoke grow sums.wasm 100
    assert_status 0
    assert_output 1
    wasm -m 16m --invoke grow sums.wasm 400
    assert_status 0
    assert_output -1
}

@test "a time limit ends an endless loop" {
    sums
    wasm --timeout 200ms --invoke spin sums.wasm
    assert_status 124
    assert_match "the time limit was reached"
}

# ---- what is no module ----------------------------------------------------------------------------------------------

@test "malformed modules: 126 and one line with the offset" {
    printf '\0asm\1\0\0\0\1\5\1' > cut.wasm
    run --separate-stderr "$MOAT" run -b wasm cut.wasm
    assert_status 126
    assert_output ""
    [[ "$stderr" == "moat-wasm: cut.wasm: at offset 0x"* ]]
    [ "$(wc -l <<< "$stderr")" = 1 ]
    echo 'no module' > text.wasm
    wasm text.wasm
    assert_status 126
    assert_match "at offset 0x0"
    printf '\0asm\15\0\1\0' > component.wasm
    wasm component.wasm
    assert_status 126
    assert_match component
    : > empty.wasm
    wasm empty.wasm
    assert_status 126
    module wrong << 'EOF' || wat2wasm --no-check -o wrong.wasm wrong.wat
(module (func (export "_start") i32.const 1 i64.const 2 i32.add drop))
EOF
    wasm wrong.wasm
    assert_status 126
    assert_match "at offset 0x"
}

@test "an import that nobody gives is named, with what would give it" {
    module imports << 'EOF'
(module (import "env" "host_call" (func (param i32))) (import "env" "other" (func))
  (func (export "_start")))
EOF
    wasm imports.wasm
    assert_status 126
    assert_match "moat-wasm: imports.wasm: .*env.*host_call.*, and 1 more: it expects a host program of its own"
    module unknown << 'EOF'
(module (import "wasi_snapshot_preview1" "fd_fly" (func (param i32) (result i32))) (func (export "_start")))
EOF
    wasm unknown.wasm
    assert_status 126
    assert_match fd_fly
    module typed << 'EOF'
(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) (func (export "_start")))
EOF
    wasm typed.wasm
    assert_status 126
    assert_match proc_exit
}

@test "what is not there, and what is none" {
    run -127 "$MOAT" run -b wasm nothing.wasm
    assert_output 'moat run: exec: "nothing.wasm": no such file or directory'
    mkdir directory
    wasm directory
    assert_status 126
    wasm
    assert_status 125
    assert_match "what is to run is missing: moat run -b wasm"
    printf '\0asm\1\0\0\0' > denied.wasm
    wasm --ro . --deny denied.wasm denied.wasm
    assert_status 126
    assert_match "the policy denies it"
}

@test "what is no file is said in the same words by run, inspect and compile" {
    mkdir directory
    mkfifo fifo
    for file in directory fifo; do
        for words in "run -b wasm" "wasm inspect" "wasm compile"; do
            run timeout 20 "$MOAT" $words $file
            assert_status 126
            assert_match "^moat (run|wasm): exec: \"$file\": it is no file$"
        done
    done
    for words in "run -b wasm" "wasm inspect" "wasm compile"; do
        run -127 "$MOAT" $words nothing.wasm
        assert_match "^moat (run|wasm): exec: \"nothing.wasm\": no such file or directory$"
    done
}

@test "options that mean nothing to a module are refused by name" {
    printf '\0asm\1\0\0\0' > m.wasm
    while read -r option word; do
        wasm "$option" "$word" m.wasm
        assert_status 125
        assert_match "moat run: $option"
    done << 'EOF'
--broker /etc
--allow-net example.org:443
--network host
--pids-limit 5
--cap-add CHOWN
--device /dev/null
--entrypoint x
--symlink /a=/b
--defaults none
EOF
    run "$MOAT" run -b container --fuel 5 busybox true
    assert_status 125
    assert_match "--invoke, --fuel, --clock, --seed and --engine are about WebAssembly modules"
}

@test "what a policy says of any workload, and a module has anyway, is no wish" {
    sums
    wasm --network none --invoke add sums.wasm 2 3
    assert_status 0
    for profile in tool decode; do
        wasm --profile "$profile" --invoke add sums.wasm 2 3
        assert_status 0
        assert_output 5
    done
    printf 'version: 1\ninit: true\n' > policy.yaml
    wasm --policy policy.yaml --invoke add sums.wasm 2 3
    assert_status 0
    wasm --profile build --invoke add sums.wasm 2 3
    assert_error 125 "moat run: --profile build: capabilities.add: "
    printf 'version: 1\nnetwork: host\n' > policy.yaml
    wasm --policy policy.yaml --invoke add sums.wasm 2 3
    assert_error 125 "moat run: --policy policy.yaml: network: "
}

@test "a file with a module's name that is none is not taken for an image" {
    : > empty.wasm
    echo text > text.wasm
    run "$MOAT" run empty.wasm
    assert_error 125 "empty.wasm is an empty file" "-b container"
    run "$MOAT" run ./text.wasm
    assert_error 125 "text.wasm is a file that begins otherwise than a module"
    run "$MOAT" run -b container --pull never empty.wasm
    assert_error 125 "image empty.wasm"
    run -127 "$MOAT" explain -b wasm nothere.wasm
    assert_error 127 'moat explain: exec: "nothere.wasm": no such file'
    run -127 "$MOAT" run -b wasm nothere.wasm
    assert_error 127 'moat run: exec: "nothere.wasm": no such file'
    sums
    wasm -t --invoke add sums.wasm 2 3 < /dev/null
    assert_error 125 "moat run: -t needs a terminal as standard input"
}

@test "a module in the text format is assembled first" {
    require_command wat2wasm wabt
    cat > sums.wat << 'EOF'
(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func $trap (export "trap") unreachable))
EOF
    wasm --invoke add sums.wat 2 3
    assert_status 0
    assert_output 5
    wasm --invoke trap sums.wat
    assert_status 134
    assert_match "#0  0x[0-9a-f]{6}  trap"
    run "$MOAT" wasm inspect sums.wat
    assert_status 0
    assert_match "exports: add, trap"
    echo '(module (func' > wrong.wat
    wasm wrong.wat
    assert_status 126
    assert_match "wrong.wat:.*error"
    assert_match "exec: .*wrong.wat.: wat2wasm cannot assemble it"
    run "$MOAT" run -d -b wasm sums.wat
    assert_status 125
    assert_match "text is assembled for a run in the foreground"
    # It sees the one file.
    echo '(module (func unreachable))' > other.wat
    ln -sf /etc/passwd link.wat
    wasm link.wat
    assert_status 126
}

@test "what wat2wasm says of a text reaches the terminal clean, under the name that was given" {
    require_command wat2wasm wabt
    printf '(module (func \033[31m evil \302\233 \233))' > bad.wat
    run --separate-stderr "$MOAT" run -b wasm ./bad.wat
    assert_status 126
    [ -z "$(grep '[^[:print:]]' <<< "$stderr")" ]
    error_says "./bad.wat:1:15: error: unexpected char"
    error_says "(module (func ?[31m evil ? ?))"
    [ "${stderr_lines[-1]}" = 'moat run: exec: "./bad.wat": wat2wasm cannot assemble it' ]
    [ -z "$(grep -F "$PWD" <<< "$stderr")" ]
}

@test "a text of an ordinary user without a control group; a tool that is not there; a sandbox that cannot be" {
    require_command wat2wasm wabt
    require_command setpriv util-linux
    theirs=$(mktemp -d /var/tmp/moat-test-XXXXXX)
    echo '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))' > "$theirs/sums.wat"
    chown -R 12345:12345 "$theirs"
    setpriv --reuid 12345 --regid 12345 --clear-groups unshare -Ur true || skip "this host gives an ordinary user no user namespace"
    run --separate-stderr theirs exec "$MOAT" run -b wasm --invoke add sums.wat 2 3
    assert_status 0
    assert_output 5
    [ -z "$(grep -v 'the default limits' <<< "$stderr")" ]
    run theirs 'PATH=/nowhere; exec "$MOAT" run -b wasm --invoke add sums.wat 2 3'
    assert_status 125
    assert_match "sums.wat: text is assembled by wat2wasm, which is not there"
    refute_match "exec:|cannot assemble"
    run theirs 'ulimit -v 500000; exec "$MOAT" run -b wasm --invoke add sums.wat 2 3'
    assert_status 125
    assert_match "sums.wat: the sandbox in which wat2wasm is to assemble it cannot be made: process.rlimits RLIMIT_AS"
    refute_match "cannot assemble"
}
# theirs WORD...: as an ordinary user, in a directory of theirs
theirs()
{
    setpriv --reuid 12345 --regid 12345 --clear-groups env -C "$theirs" MOAT="$MOAT" MOAT_RUN_DIR="$theirs/run" MOAT_DATA_DIR="$theirs/data" \
        MOAT_CACHE_DIR="$theirs/cache" sh -c "$*"
}

@test "inspect: what is imported against what is granted" {
    require_command wat2wasm wabt
    cat > tool.wat << 'EOF'
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1 5) (func (export "_start")))
EOF
    wat2wasm tool.wat
    run "$MOAT" wasm inspect tool.wasm
    assert_status 0
    assert_match "memory of 1 to 5 pages"
    assert_match "fd_write +yes"
    assert_match "path_open +no: no directory is given"
    run "$MOAT" wasm inspect --ro . tool.wasm
    assert_match "path_open +yes"
    assert_match "path_unlink_file +no: no directory may be changed"
    run "$MOAT" wasm inspect --json --rw . tool.wasm
    assert_status 0
    echo "$output" > inspect.json
    judge wasm-inspect.schema.json inspect.json
    refute_match '"granted": *false'
    echo '(module (import "env" "f" (func)) (func (export "_start")))' > env.wat
    wat2wasm env.wat
    run "$MOAT" wasm inspect env.wasm
    assert_status 126
    assert_match "env.f +no: it expects a host program of its own"
    run "$MOAT" wasm inspect --json env.wasm
    echo "$output" > inspect.json
    judge wasm-inspect.schema.json inspect.json
    echo none > none.wasm
    run "$MOAT" wasm inspect none.wasm
    assert_status 126
    assert_match "^moat wasm: none.wasm: at offset 0x0"
    run -127 "$MOAT" wasm inspect nothing.wasm
    run "$MOAT" wasm inspect --ro nodir tool.wasm
    assert_status 125
    assert_match "nodir r: does not exist on the host"
    echo '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) (func (export "_start")))' > typed.wat
    wat2wasm typed.wat
    run "$MOAT" wasm inspect typed.wasm
    assert_status 126
    assert_match "proc_exit +no: its type in WASI preview 1 is another: i32"
}

# ---- what would hold it ---------------------------------------------------------------------------------------------

@test "explain says what the engine enforces, and runs nothing" {
    printf '\0asm\1\0\0\0' > m.wasm
    run "$MOAT" explain --json -b wasm -m 64m --fuel 10 --clock fixed --seed 1 --ro /etc/passwd m.wasm
    assert_status 0
    echo "$output" > explain.json
    judge explain.schema.json explain.json
    assert_match '"boundary": *"wasm"'
    for item in "module's memory" fuel clock "random numbers" "programs and processes" "directories of WASI"; do
        assert_match "\"item\": *\"$item\""
    done
    refute_match '"how": *"(refused|warned|fallback)"'
    run "$MOAT" boundaries --json
    assert_match '"name": *"wasm"'
}
