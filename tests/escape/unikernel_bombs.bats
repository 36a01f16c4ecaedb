#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs that will not end, or use up one thing of their kernel's (tests/escape/unikernel/bombs.c), behind `moat run -b
# unikernel`: each is refused by its own kernel or ended as a limit says, and the host is as before.
bats_require_minimum_version 1.5.0
load unikernel

setup_file()
{
    [ "$(id -u)" = 0 ] && command -v musl-gcc > /dev/null || return 0
    unikernel_place
    musl-gcc -std=gnu17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-infinite-recursion -static -idirafter /usr/include \
        -idirafter "/usr/include/$(gcc -print-multiarch)" -o "$WORK/bombs" "$BATS_TEST_DIRNAME/unikernel/bombs.c"
    "$MOAT" pack -q "$WORK/bombs" -o "$WORK/bombs.moat"
    "$WORK/bombs" list > "$WORK/rows"
}

teardown_file() { unikernel_unplace; }

setup()
{
    require_unikernel
    require_command musl-gcc musl-tools
    require_cgroup memory
    cd "$BATS_TEST_TMPDIR" || return
    sleep 300 3>&- &
    beside=$!
}

teardown()
{
    kill "$beside" 2>/dev/null || true
    wait "$beside" 2>/dev/null || true
}

of() { awk -F'\t' -v table="$1" '$1 == table { print $2 }' "$WORK/rows"; }

one() # NAME OPTION...: its output and status in files of that name
{
    local status name=$1 first
    shift
    timeout -k 5 90 "$MOAT" run --rm -b unikernel "$@" "$WORK/bombs.moat" "$name" < /dev/null 2> "$name.err" 3>&- |
        { read -r first; echo "$first"; tail -c 1000; } > "$name.out"
    status=${PIPESTATUS[0]}
    echo "$status" > "$name.status"
}

# some NAMES OPTION...: each of the words NAMES, six at a time
some()
{
    local names=$1 name pids=()
    shift
    for name in $names; do
        one "$name" "$@" &
        pids+=($!)
        [ ${#pids[@]} -lt 6 ] || { wait "${pids[@]}" || true; pids=(); }
    done
    # By number: `wait` alone would wait for what stands beside, too.
    [ ${#pids[@]} = 0 ] || wait "${pids[@]}" || true
}

# ended NAME PATTERN: "STATUS LAST-WORDS" is that, and it had begun
ended()
{
    local words
    words="$(cat "$1.status") $(tail -n 1 "$1.out") $(tail -n 1 "$1.err")"
    [[ $words =~ ^($2) ]] && [ "$(head -n 1 "$1.out")" = begun ] || { echo "$1: $words" >&2; return 1; }
}

unharmed()
{
    kill -0 "$beside"
    [ -z "$("$MOAT" ps -aq)" ] || { "$MOAT" ps -a >&2; return 1; }
}

MEMORY='137 begun .*its memory limit was reached'
REFUSED='0 .+ after [1-9][0-9]* '
TIME='124 .*its time limit was reached'

@test "what takes all of one thing is refused by its kernel, or ended by the memory limit" {
    local name wrong=0
    some "$(of refused)" -m 64m --pids-limit 100 --timeout 60s
    for name in $(of refused); do ended "$name" "$REFUSED|$MEMORY" || wrong=1; done
    [ $wrong = 0 ]
    ended memory "0 Out of memory after 5[0-9] "
    ended tasks "0 Resource temporarily unavailable after 99 "
    ended missing "0 No such file or directory after 300000 "
    unharmed
}

@test "with more memory than its kernel has room for objects, that is an error and no fault" {
    local name
    some "sockets in-flight links" -m 1g --timeout 60s
    for name in sockets in-flight links; do ended $name "$REFUSED"; done
    unharmed
}

@test "what has no end is ended by the time limit, whatever it does meanwhile" {
    local name wrong=0
    some "$(of endless)" -m 64m --pids-limit 100 --timeout 1s --stop-timeout 0
    for name in $(of endless); do ended "$name" "$TIME" || wrong=1; done
    [ $wrong = 0 ]
    unharmed
}

@test "recursion without an end is a fault of the program's" {
    local name
    some "$(of faults)" -m 64m --timeout 30s
    for name in $(of faults); do ended "$name" "139 begun "; done
    unharmed
}
