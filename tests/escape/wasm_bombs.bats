#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Modules that will not end, use up a resource, or are larger than anybody expects (tests/escape/wasm/bombs.py), behind
# `moat run -b wasm`: each ends as its limit says, by the engine's own word, and the host is as before.
bats_require_minimum_version 1.5.0
load wasm

setup_file()
{
    wasm_is_here && command -v python3 > /dev/null || return 0
    wasm_place
    mkdir "$WORK/bombs" "$WORK/given"
    python3 "$BATS_TEST_DIRNAME/wasm/bombs.py" "$WORK/bombs"
}

teardown_file() { wasm_unplace; }

setup()
{
    require_wasm
    require_command python3
    require_cgroup memory
    cd "$BATS_TEST_TMPDIR" || return
    sleep 300 3>&- &
    beside=$!
    mkfifo hold
    exec 8<> hold
}

teardown()
{
    kill "$beside" 2>/dev/null || true
    wait "$beside" 2>/dev/null || true
    exec 8>&-
}

# one NAME OPTION...: its output and status in files of that name
one()
{
    local status=0 name=$1
    shift
    timeout -k 5 60 "$MOAT" run --rm -b wasm --rw "$WORK/given" "$@" "$WORK/bombs/$name.wasm" < hold > "$name.out" 2> "$name.err" 3>&- 8>&- || status=$?
    echo $status > "$name.status"
}

# all STATUS WORDS PATTERN [OPTION...]: each module whose name matches, all at once, ends with the status and says the words
all()
{
    local want=$1 words=$2 pattern=$3 name wrong=0 names=() pids=()
    shift 3
    for name in "$WORK/bombs"/*.wasm; do
        name=${name##*/} name=${name%.wasm}
        # shellcheck disable=SC2053
        [[ $name =~ ^($pattern)$ ]] || continue
        names+=("$name")
        one "$name" "$@" &
        pids+=($!)
    done
    wait "${pids[@]}"
    for name in "${names[@]}"; do
        if [ "$(cat "$name.status")" != "$want" ] || { [ -n "$words" ] && ! grep -q -- "$words" "$name.err"; }; then
            echo "$name: $(cat "$name.status"), not $want: $(head -c 300 "$name.err")" >&2
            wrong=1
        fi
        # It got so far that it could do something.
        case $want:$name in 126:* | *-start | *:segment-beyond) ;; *)
            [ "$(head -n 1 "$name.out")" = begun ] || { echo "$name has not begun" >&2; wrong=1; } ;;
        esac
    done
    [ ${#names[@]} -gt 0 ] && [ $wrong = 0 ] && unharmed
}

unharmed()
{
    kill -0 "$beside"
    [ -z "$("$MOAT" ps -q)" ] || { "$MOAT" ps >&2; return 1; }
    [ -z "$(ls "$WORK/given")" ]
}

both() { all "$@" && all "$@" --engine interpreter; }

@test "what has no end is ended by the time limit" {
    both 124 "the time limit was reached (--timeout)" "loop.*|wait.*" --timeout 400ms
}

@test "what has no end is ended by fuel" {
    both 124 "the fuel is used up (--fuel)" "loop.*" --fuel 200
}

@test "recursion without an end, and a start that traps, are traps" {
    both 134 "call stack exhausted" "deep.*"
    both 134 "trap: unreachable" "trap-start"
    both 134 "out of bounds memory access" "segment-beyond"
}

@test "memory, tables and descriptors have an end that the module is told" {
    both 0 "" "grow.*|descriptors|table-grow-at-once" -m 64m
    both 0 "" "table-grow" -m 512m
}

@test "what is large and right runs" {
    both 0 "" "table-of-branches|nested.*|stack|functions|segments" -m 256m
    both 0 "" "bytes" -m 512m
}

@test "what is no module, or wants what is not here, is refused in one line" {
    both 126 "^moat-wasm: .*" "bytes-random|counts.*|locals|memory.*|table|import.*" -m 256m
    [ "$(cat ./*.err | wc -l)" = "$(ls ./*.err | wc -l)" ]
}

@test "a module that does not fit into the memory that it is given is ended, with the reason" {
    all 137 "its memory limit was reached" "table-grow" -m 64m
    one bytes -m 64m
    assert_equal "$(cat bytes.status)" 137
    unharmed
}

@test "no signal from outside leaves it hanging" {
    local signal name n=0
    for signal in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 ALRM TERM CHLD CONT URG XCPU VTALRM PROF WINCH SYS; do
        name=bomb-$$-$((n += 1))
        "$MOAT" run -d --name $name -b wasm "$WORK/bombs/$([ $((n % 2)) = 0 ] && echo loop || echo wait).wasm" > /dev/null 3>&- 8>&-
        wait_for 10 eval '"$MOAT" logs $name | grep -qx begun'
        "$MOAT" kill -s $signal $name > /dev/null
        case $signal in
        CHLD | CONT | URG | WINCH)
            sleep 0.1
            assert_equal "$signal $("$MOAT" inspect -f '{{.State.Status}}' $name)" "$signal running" ;;
        HUP | INT | QUIT | TERM | XCPU | ALRM) timeout 20 "$MOAT" wait $name > /dev/null ;;
        *) ;; # the first process of a namespace is not ended by a signal that it has no handler for
        esac
        timeout 20 "$MOAT" rm -f $name > /dev/null
    done
    unharmed
}
