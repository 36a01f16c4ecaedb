#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat-spt by hand: guests of tests/spt, each with its exact end. One that survives what must not be possible prints FAILURE.
bats_require_minimum_version 1.5.0
load spt

setup_file() { spt_pack clock deep fault fresh gate idle own_kernel pages registers signals streams threads; }

setup()
{
    cd "$WORK" || return
    pid=
}

teardown()
{
    [ -z "$pid" ] && return
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

# ---- the program ------------------------------------------------------------------------------------------------

@test "arguments, streams and the exit status are the program's" {
    spt streams.moat args a 'b c' ''
    assert_status 0
    assert_equal "$(tail -n +2 <<<"$output")" "[args]
[a]
[b c]
[]"
    spt streams.moat both
    assert_status 0
    assert_equal "$output/$stderr" "out/err"
    spt streams.moat status 42
    assert_status 42
    spt --image streams.moat status 255
    assert_status 255
}

@test "standard input reaches the program whole, from a file and through a pipe" {
    head -c 3000000 /dev/urandom > "$BATS_TEST_TMPDIR/random"
    want=$(sha256sum < "$BATS_TEST_TMPDIR/random")
    assert_equal "$("$SPT" streams.moat cat < "$BATS_TEST_TMPDIR/random" | sha256sum)" "$want"
    assert_equal "$(cat "$BATS_TEST_TMPDIR/random" | "$SPT" streams.moat cat | (sleep 0.2; sha256sum))" "$want"
    "$SPT" streams.moat cat < "$BATS_TEST_TMPDIR/random" > "$BATS_TEST_TMPDIR/copy"
    assert_equal "$(sha256sum < "$BATS_TEST_TMPDIR/copy")" "$want"
}

@test "closed standard streams are null devices" {
    run timeout 30 sh -c '"$0" streams.moat cat <&-' "$SPT"
    assert_status 0
    assert_output ""
    timeout 30 sh -c '"$0" streams.moat both >&- 2>&-' "$SPT"
}

@test "the environment is the image's and that of --env, and not the host's" {
    SECRET=planted spt --env A=1 --env HOME=/elsewhere --env A=2 streams.moat env
    assert_status 0
    assert_line A=2
    assert_line HOME=/elsewhere
    refute_contains A=1
    refute_contains HOME=/root
    refute_contains planted
}

@test "--trace shows the program's calls on standard error, in strace's form" {
    spt --trace streams.moat both
    assert_status 0
    assert_output out
    grep -qE '^writev?\(1, ' <<<"$stderr"
    grep -qxF 'exit_group(0) = ?' <<<"$stderr"
}

# ---- faults -----------------------------------------------------------------------------------------------------

@test "a fault of the program ends it by its signal" {
    local row
    for row in segv:139 null:139 write:139 jump:139 odd:139 return:139 fpe:136 ill:132 trap:133; do
        spt fault.moat "${row%:*}"
        assert_status "${row#*:}"
        assert_output ""
    done
}

@test "a fault is handled by the program, who is told what Linux tells" {
    local kind
    for kind in segv null write jump odd return flags fpe ill trap; do
        spt fault.moat $kind handled
        assert_status 0
        assert_equal "$output" "$("$MOAT_BUILD/tests/spt/spt-fault" $kind handled)"
    done
}

@test "a stack without an end is a fault, and one that a handler on another stack sees" {
    spt deep.moat
    assert_status 139
    spt deep.moat handled
    assert_status 0
    assert_output handled
}

# ---- system calls -----------------------------------------------------------------------------------------------

@test "a system call keeps all registers, flags and the red zone, rewritten or trapped" {
    spt registers.moat
    assert_status 0
    assert_output "all kept"
}

@test "a program begins with vector registers as at a start, also one that another has executed" {
    spt fresh.moat
    assert_status 0
    assert_output "fresh
fresh"
    assert_equal "$("$MOAT_BUILD/tests/spt/spt-fresh")" "$output"
}

@test "thousands of threads are alive at once" {
    spt threads.moat many
    assert_status 0
    assert_output "3000 met"
}

@test "threads that make no call are interrupted, and keep their vector registers" {
    spt threads.moat spin
    assert_status 0
    assert_output interrupted
    spt threads.moat vectors
    assert_status 0
    assert_output "each its own"
}

@test "the vDSO and the system calls tell the same time, also one that a program has set" {
    spt clock.moat object
    assert_output "__vdso_clock_gettime@LINUX_2.6 3ae75f6
__vdso_gettimeofday@LINUX_2.6 3ae75f6
__vdso_time@LINUX_2.6 3ae75f6
__vdso_clock_getres@LINUX_2.6 3ae75f6
__vdso_getcpu@LINUX_2.6 3ae75f6"
    spt clock.moat agree
    assert_output agreed
    spt clock.moat set
    assert_output "1 1 1"
}

@test "a thread that does nothing but ask the time is interrupted" {
    spt clock.moat spin
    assert_status 0
    assert_output interrupted
}

@test "signals from outside reach the program asleep, spinning and calling" {
    local what i
    for what in asleep spinning calling; do
        in_background signals.moat $what
        wait_for 10 is_ready
        for i in 1 2 3; do kill -USR1 $pid; done
        sleep 0.05
        kill -TERM $pid
        status=0; wait $pid || status=$?
        pid=
        assert_status 7
        grep -qx "ended after some" "$BATS_TEST_TMPDIR/out"
    done
}

@test "a signal from outside that the program does not handle ends it" {
    in_background signals.moat default
    wait_for 10 is_ready
    kill -TERM $pid
    status=0; wait $pid || status=$?
    pid=
    assert_status 143
}

@test "a control descriptor brings signals, answers each record and tells the end" {
    control() { run timeout -k 1 40 python3 "$MOAT_SRC/tests/cli/spt_control.py" "$SPT" "$@"; }
    control idle.moat signal=15 end
    assert_output "answer 0
end 143 signaled
status 143"
    control "signals.moat asleep" signal=10 signal=15 end
    assert_output "answer 0
answer 0
end 7 exited
status 7"
    control "signals.moat spinning" signal=10 signal=15 end
    assert_output "answer 0
answer 0
end 7 exited
status 7"
    control idle.moat junk type=5 signal=0 signal=65 version signal=9 end
    assert_output "answer Operation not supported
answer Invalid argument
answer Invalid argument
answer Protocol not supported
answer 0
end 137 signaled
status 137"
}

# ---- memory -----------------------------------------------------------------------------------------------------

@test "memory is never writable and executable, and data never runs" {
    spt pages.moat both
    assert_output "both: Permission denied"
    spt pages.moat later
    assert_output "later: Permission denied"
    spt pages.moat call
    assert_status 139
}

@test "memory that was given back is zero when it comes again, and its end is ENOMEM" {
    spt pages.moat many
    assert_output clean
    spt --memory $((32 << 20)) pages.moat exhaust
    assert_status 0
    assert_output "refused after some"
}

# ---- the wall ---------------------------------------------------------------------------------------------------

@test "a jump into the gate with a call outside the list ends the sandbox by SIGSYS, by name" {
    local nr
    # execve, socket, openat, ptrace, mmap, clone, prctl, process_vm_writev, kill
    for nr in 59 41 257 101 9 56 157 311 62; do
        spt gate.moat jump "$(gate_body 1)" $nr 0 0 0 0 0 0
        assert_status 159
        assert_output ""
        grep -qE "^moat-spt: gate.moat: host call $nr \([a-z_]+\) from the gate is not on the list" <<<"$stderr"
    done
}

@test "a call of the list from another call's instruction, or with other arguments, is the same" {
    local row
    # body, number, arguments: write from read's; descriptors; the kernel, the gate and the stack made writable; code
    for row in '0 1 1' '0 0 3' '1 1 3' '3 10 0x70140000 4096 3' '3 10 0x70101000 4096 3' '3 10 0x7ffffffde000 4096 7' \
        '3 10 0x400000 4096 7' '3 10 0x400000 4096 5' '4 28 0x70140000 4096 4' '2 271 0x70400000 9' '5 223 1 1' '8 295 3 0 1'; do
        set -- $row
        spt gate.moat jump "$(gate_body $1)" "${@:2}"
        assert_status 159
        grep -q "from the gate is not on the list" <<<"$stderr"
    done
}

@test "a call that the list has can be made by the program itself, and does what it says" {
    spt gate.moat jump "$(gate_body 7)" 231 9
    assert_status 9
}

@test "a call of the 32-bit kind kills" {
    run -159 --separate-stderr "$SPT" gate.moat int80
    assert_output ""
}

@test "an ordinary call never reaches the host" {
    spt gate.moat plain 39 # getpid: not the host's
    assert_output "1 "
    spt gate.moat plain 9999
    assert_output "-1 Function not implemented"
}

@test "a program that spoils its own kernel ends, and nothing else does" {
    spt own_kernel.moat code
    assert_status 139
    spt own_kernel.moat gate
    assert_status 139
    run "$SPT" own_kernel.moat data
    [ "$status" = 139 ] || [ "$status" = 125 ]
    refute_contains FAILURE
    spt own_kernel.moat entry
    assert_status 125
    grep -q "kernel fault" <<<"$stderr"
    spt own_kernel.moat write # its own kernel does not read kernel memory out to it
    assert_status 0
    assert_output ""
}

@test "the live filter lets the list pass and nothing else" {
    require_root
    in_background idle.moat
    wait_for 10 is_ready
    run python3 "$MOAT_SRC/tests/cli/installed_filter.py" $pid
    [ "$status" != 3 ] || skip "this kernel does not hand filters out (CONFIG_CHECKPOINT_RESTORE)"
    assert_status 0
    run python3 "$MOAT_SRC/tests/cli/spt_filter.py" <<<"$output"
    assert_status 0
    assert_equal "$(LC_ALL=C sort <<<"$output")" "allowed exit_group
allowed madvise
allowed mprotect
allowed ppoll
allowed read
allowed rt_sigreturn
allowed timer_settime
allowed write
ok 31"
}

@test "a kernel of moat build that only asks for memory and sets no timer has a shorter list" {
    require_root
    require_command musl-gcc musl-tools
    "$MOAT_BUILD/moat" build --unikernel "$MOAT_SRC/tests/spt/idle.c" -o "$BATS_TEST_TMPDIR/small.moat"
    in_background "$BATS_TEST_TMPDIR/small.moat"
    wait_for 10 is_ready
    run python3 "$MOAT_SRC/tests/cli/installed_filter.py" $pid
    [ "$status" != 3 ] || skip "this kernel does not hand filters out (CONFIG_CHECKPOINT_RESTORE)"
    assert_status 0
    run python3 "$MOAT_SRC/tests/cli/spt_filter.py" <<<"$output"
    assert_contains "allowed mprotect"
    refute_contains "allowed madvise"
    refute_contains "allowed timer_settime"
}

@test "the list in the README is that of the filter's rows" {
    # {GATE_call, FILTER_when, {conditions}, "why"} over any number of lines
    rows=$(sed -n '/^const struct filter_row filter_rows/,/^};/p' "$MOAT_SRC/src/spt/filter.c" | tr '\n' ' ' |
        grep -oE '\{GATE_[a-z_]+, FILTER_[^"]*"[^"]*"' | sed -E 's/^\{GATE_([a-z_]+),.*"([^"]*)"$/\1: \2/')
    listed=$(sed -nE 's/^\| `([a-z_]+)` \| [^|]* \| (.*) \|$/\1: \2/p' "$MOAT_SRC/src/spt/README.md")
    [ "$(wc -l <<<"$rows")" -gt 10 ]
    assert_equal "$listed" "$rows"
}

@test "a live tender has no right, no descriptor beyond its streams, and no environment" {
    require_root
    SECRET=planted in_background idle.moat
    wait_for 10 is_ready
    run cat /proc/$pid/status
    assert_match $'CapPrm:\t0000000000000000'
    assert_match $'CapEff:\t0000000000000000'
    assert_match $'NoNewPrivs:\t1'
    assert_match $'Seccomp:\t2'
    assert_equal "$(ls /proc/$pid/fd | tr '\n' ' ')" "0 1 2 "
    run grep -c planted /proc/$pid/environ
    assert_output 0
    run awk '$2 ~ /w.*x/' /proc/$pid/maps
    assert_output ""
}

# ---- bad input --------------------------------------------------------------------------------------------------

# bad STATUS WORDS IMAGE
bad()
{
    run "-$1" timeout -k 1 30 "$SPT" "$3"
    assert_error "$1" "moat-spt: $3: " "$2"
}

@test "what is no image is refused, with the reason" {
    cd "$BATS_TEST_TMPDIR"
    bad 127 "No such file" none.moat
    mkdir dir
    bad 126 "no file" dir
    : > empty
    bad 126 "no file" empty
    cp /bin/ls ls
    bad 126 "no image" ls
    mkfifo fifo
    bad 126 "no file" fifo
}

@test "an image that was cut off or changed is refused, with the reason" {
    cd "$BATS_TEST_TMPDIR"
    local n size=$(stat -c %s "$WORK/streams.moat")
    for n in 1 100 300 4096 $((size / 2)) $((size - 1)); do
        head -c "$n" "$WORK/streams.moat" > cut.moat
        run timeout -k 1 30 "$SPT" cut.moat
        assert_error 126 "moat-spt: cut.moat: "
    done
    cp "$WORK/streams.moat" version.moat
    printf '\x63' | dd of=version.moat bs=1 seek=8 conv=notrunc status=none
    bad 126 version version.moat
    cp "$WORK/streams.moat" machine.moat
    printf '\xb7' | dd of=machine.moat bs=1 seek=12 conv=notrunc status=none
    bad 126 processor machine.moat
    (cat "$WORK/streams.moat"; echo more) > longer.moat
    bad 126 "behind it" longer.moat
}

@test "a command line that is wrong is refused, with the word" {
    run "$SPT"
    assert_error 125 usage
    run "$SPT" --memory much streams.moat
    assert_error 125 --memory bytes
    run "$SPT" --trac streams.moat
    assert_error 125 --trac
    run "$SPT" --control 1 streams.moat
    assert_error 125 --control
}

@test "a host without address space to spare is told so" {
    run bash -c 'ulimit -v 1000000; exec "$0" streams.moat args' "$SPT"
    assert_error 125 "address space" "ulimit -v"
}
