#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat pack, build and run -b unikernel: one program (tests/unikernel/act.c), dynamic with this host's libc and static
# from source, does inside what it does outside.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    WORK=$BATS_FILE_TMPDIR/work
    export WORK
    mkdir -p "$WORK"
    require_command cc gcc
    cc -O2 -o "$WORK/act" "$MOAT_SRC/tests/unikernel/act.c" -pthread
    "$MOAT" pack -q "$WORK/act" -o "$WORK/act.moat"
}

setup()
{
    run_setup
    ln -s "$WORK/act.moat" "$WORK/act" .
}

teardown() { run_teardown; }

uni() { run "$MOAT" run --rm -b unikernel "$@"; }

# static NAME: tests/unikernel/NAME.c as NAME.moat, from source
static()
{
    require_command musl-gcc musl-tools
    "$MOAT" build --unikernel "$MOAT_SRC/tests/unikernel/$1.c" -o "$1.moat" "${@:2}"
}

# ---- the program --------------------------------------------------------------------------------------------------

@test "arguments, streams and the exit status are the program's" {
    uni act.moat args a 'b c' ''
    assert_status 0
    assert_output "[$WORK/act]
[args]
[a]
[b c]
[]"
    run --separate-stderr sh -c 'echo in | "$0" run --rm -b unikernel act.moat input' "$MOAT"
    assert_status 0
    assert_output in
    [ -z "$stderr" ]
    uni act.moat exit 42
    assert_status 42
    run --separate-stderr "$MOAT" run --rm -b unikernel act.moat nothing
    assert_status 2
    [ -z "$output" ]
    [ "$stderr" = "usage: act WORD [ARG...]" ]
}

@test "a death by signal is 128 and the signal" {
    uni act.moat die 9
    assert_status 137
    uni act.moat fault 0
    assert_status 139
    uni act.moat die 15
    assert_status 143
}

@test "an image is known by its first bytes, without -b and whatever its name" {
    cp -L act.moat tool
    moat_run ./tool exit 3
    assert_status 3
    moat_run --type unikernel tool exit 4
    assert_status 4
}

@test "the program has the names, ids, directory and variables that it is given" {
    uni --hostname inside -u 7:8 -w /tmp --ulimit nofile=77 act.moat world
    assert_status 0
    assert_output "Linux x86_64 uid 7 gid 8 host inside pid 1 cwd /tmp umask 022 files 77"
    FROM_HERE=yes uni -e A=1 -e FROM_HERE act.moat env
    assert_status 0
    assert_line A=1
    assert_line FROM_HERE=yes
    assert_line PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    refute_contains MOAT
    "$MOAT" pack -q ./act -o own.moat -e A=image -e B=image -w /etc --cmd "args 'one two'"
    uni own.moat
    assert_line "[one two]"
    uni -e A=run own.moat env
    assert_line A=run
    assert_line B=image
    uni own.moat world
    assert_match "cwd /etc"
}

@test "what is written is gone with the sandbox, and nothing of the host is there" {
    uni act.moat write /tmp/file text
    assert_status 0
    assert_output text
    uni act.moat read /tmp/file
    assert_status 1
    assert_output "/tmp/file: No such file or directory"
    uni act.moat read /etc/hostname
    assert_status 1
    uni act.moat read /etc/passwd
    assert_status 0
    refute_contains "$(sed -n '2s/:.*//p' /etc/passwd):"
    uni --read-only act.moat write /tmp/file text
    assert_status 1
    assert_output "/tmp/file: Read-only file system"
}

@test "limits: memory, threads and time" {
    uni -m 64m act.moat memory 1000
    assert_status 3
    assert_output "no memory: Cannot allocate memory"
    uni -m 64m act.moat memory 20
    assert_status 0
    uni --pids-limit 20 act.moat tasks 30
    assert_status 3
    assert_output "no thread: Resource temporarily unavailable"
    uni --pids-limit 20 act.moat tasks 15
    assert_status 0
    uni --ulimit nproc=20:30 act.moat tasks 30
    assert_status 3
    assert_output "no thread: Resource temporarily unavailable"
    uni --ulimit nproc=20 act.moat tasks 15
    assert_status 0
    uni --timeout 300ms act.moat spin
    assert_status 124
    uni --ulimit fsize=3 act.moat write /tmp/x text
    assert_status 153
    uni --ulimit stack=65536:65536 --ulimit cpu=1 act.moat spin
    assert_status 137
    uni -m 2m act.moat exit 0
    assert_error 125 --memory "4m is the least"
}

@test "threads count together" {
    uni act.moat threads
    assert_status 0
    assert_output 800000
}

@test "a program without names of files has a kernel without file systems, and threads, signals and shared memory in it" {
    static nameless
    uni nameless.moat
    assert_status 3
    assert_output "a thread wrote this, signal 10"
}

@test "a program with one task and few calls has a scheduler and a heap for that: time, signals, memory, streams, faults" {
    static alone
    uni alone.moat
    assert_status 3
    assert_output "slept 1, memory 0, signal 15"
    uni alone.moat fault
    assert_status 139
    head -c 300000 /dev/urandom > in
    (cat in; sleep 0.2; cat in) | "$MOAT" run --rm alone.moat copy > out
    cat in in | cmp - out
    uni --timeout 1s alone.moat wait
    assert_status 124
    "$MOAT" run -d --name alone alone.moat wait > /dev/null
    wait_for 5 sh -c '"$0" logs alone | grep -q up' "$MOAT"
    "$MOAT" stop alone
    run "$MOAT" inspect -f '{{.State.ExitCode}}' alone
    assert_output 7
    "$MOAT" rm alone
}

@test "a program that only asks for more memory is an image with next to no kernel, and does what it did" {
    printf '#include <stdio.h>\nint main(int n, char **v) { puts("hello"); return n > 1 ? *(volatile int *)16 : 4; }\n' > small.c
    require_command musl-gcc musl-tools
    "$MOAT" build -q --unikernel small.c -o small.moat
    uni small.moat
    assert_status 4
    assert_output hello
    uni small.moat fault
    assert_status 139
}

@test "fork is refused by name, and the program goes on" {
    run --separate-stderr "$MOAT" run --rm -b unikernel act.moat fork
    assert_status 1
    assert_output "Function not implemented"
    [[ $stderr == *"fork() is not supported behind this boundary"* ]]
}

@test "--trace shows system calls on standard error, and standard output is the program's" {
    run --separate-stderr "$MOAT" run --rm -b unikernel --trace act.moat args x
    assert_status 0
    assert_line "[x]"
    [[ $stderr == *'write(1, '*'exit_group(0)'* ]]
}

# ---- a sandbox as every other ---------------------------------------------------------------------------------------

@test "a kept unikernel: ps, logs, stats, a signal, stop, inspect, start, rm" {
    "$MOAT" run -d --name uni -b unikernel act.moat wait > /dev/null
    wait_for 5 sh -c '"$0" logs uni | grep -q up' "$MOAT"
    run "$MOAT" ps
    assert_match "uni +act.moat .* Up .* uni"
    run "$MOAT" stats --no-stream --format '{{.Name}} {{.PIDs}}' uni
    assert_output "uni 1"
    run "$MOAT" exec uni true
    assert_error 1 "own kernel's"
    "$MOAT" stop uni
    run "$MOAT" inspect -f '{{.State.Status}} {{.State.ExitCode}}' uni
    assert_output "exited 7"
    run "$MOAT" logs uni
    assert_line "signal 15"
    "$MOAT" start uni > /dev/null
    wait_for 5 sh -c '[ $("$0" logs uni | grep -c up) = 2 ]' "$MOAT"
    "$MOAT" kill -s USR1 uni > /dev/null
    run "$MOAT" wait uni
    assert_output 7
    run "$MOAT" logs uni
    assert_line "signal 10"
    "$MOAT" rm uni > /dev/null
}

@test "a unikernel that is stopped before it has begun ends as it is asked to" {
    local i
    for i in 1 2 3 4 5 6 7 8; do
        background -b unikernel act.moat wait
        wait_for 5 inner_pid
        kill -TERM "$pid" # which hands it on, to a tender that may not have begun
        status=0
        wait "$pid" || status=$?
        [ "$status" = 7 ] || [ "$status" = 143 ] # by its own handler, or before it had one
    done
    helpers=()
}

@test "what a unikernel cannot have is refused by its name, with what would give it" {
    local words
    for words in "--ro ." "--rw ." "--dir .::/x" "-v $PWD:/x" "--mount type=bind,source=$PWD,target=/x" "--network host" \
        "--tmpfs /x" "--device /dev/null" "--cap-add SYS_TIME" "--cap-drop ALL" "--init" "--sysctl a=b" "--shm-size 1m" \
        "-t" "--group-add 5" "--domainname x" "--security-opt seccomp=unconfined" "--ioctls none" \
        "--broker ." "--allow-net 127.0.0.1:80" "--deny-log" "--deny /x" "--symlink /a:/b"; do
        uni $words act.moat exit 0
        assert_status 125
        assert_match "^moat run: ${words%% *}|^moat run: --(volume|link|tty)"
    done
    run -127 "$MOAT" run --rm -b unikernel ./none
    assert_error 127 ./none "no directory and no image"
    echo text > text
    uni text
    assert_error 126 "moat pack"
    run "$MOAT" run --rm -b container --trace busybox true
    assert_error 125 --trace "-b unikernel"
}

@test "explain names what enforces each item" {
    run "$MOAT" explain -b unikernel -m 64m --json act.moat
    assert_status 0
    printf '%s' "$output" > explain.json
    judge "$MOAT_SRC/docs/schema/explain.schema.json" explain.json
    run "$MOAT" explain -b unikernel --read-only act.moat
    assert_contains "seccomp filter of moat-spt's own"
    assert_contains "the kernel inside (src/linux)"
    assert_contains "processes and threads"
    refute_contains refused
    run "$MOAT" explain -b unikernel -u 1234:567 --json act.moat
    assert_contains '"1234:567"'
}

# ---- roots and images of the store ---------------------------------------------------------------------------------

@test "an image of the store and a directory are packed once, and run with a command" {
    export MOAT_CACHE_DIR=$PWD/cache
    uni busybox sh -c 'echo $0 $1; read -r line < /etc/passwd; echo "$line"; exit 5' a b
    assert_status 5
    assert_line "a b"
    assert_match "root:x:0:0"
    run find cache -name '*.moat'
    [ "${#lines[@]}" = 1 ]
    local first=$output before
    before=$(stat -c %i "$output")
    uni -u nobody -w /tmp busybox sh -c 'pwd; exec id -un'
    assert_output "/tmp
nobody"
    assert_equal "$(stat -c %i "$first")" "$before"
    run -127 "$MOAT" run --rm -b unikernel busybox nothing
    assert_error 127 nothing PATH
    uni busybox /etc/passwd
    assert_error 126 "permission denied"
    make_rootfs root
    echo one > root/file
    uni ./root cat /file
    assert_output one
    echo two > root/file
    uni ./root cat /file
    assert_output two
    run find cache -name '*.moat'
    [ "${#lines[@]}" = 3 ]
    # What others could have written is not used, and makes room.
    chmod 666 cache/unikernel/*.moat
    uni ./root cat /file
    assert_output two
    run find cache -name '*.moat' -perm 400
    [ "${#lines[@]}" = 1 ]
    uni ./root
    assert_error 125 "no command"
    run "$MOAT" system df --format '{{.Type}} {{.TotalCount}}'
    assert_line "Packed roots 3"
    "$MOAT" system prune -af > /dev/null
    run find cache -name '*.moat'
    assert_output ""
}

@test "a root with a hostile file is packed without its being followed" {
    export MOAT_CACHE_DIR=$PWD/cache
    make_rootfs root
    echo secret > "$WORK/secret"
    ln -s "$WORK/secret" root/outside
    ln -s ../../../../../../../../../../../..$WORK/secret root/above
    ln -s loop root/loop
    mkfifo root/fifo
    printf '\177ELF\2\1\1' > root/short
    head -c 300 "$MOAT_BUSYBOX/bin/busybox" > root/cut
    uni ./root ls /
    assert_line fifo
    assert_line cut
    uni ./root cat /outside /above /loop
    assert_status 1
    [ "$(grep -c "^cat: can't open" <<< "$output")" = 3 ]
    uni ./root /cut
    assert_status 126
}

# ---- damaged images --------------------------------------------------------------------------------------------------

@test "an image that is cut off or not one of ours is refused in one line" {
    head -c 100000 act.moat > cut.moat
    uni cut.moat
    assert_status 126
    [ "${#lines[@]}" = 1 ]
    cp -L act.moat other.moat
    printf '\x99' | dd of=other.moat bs=1 seek=8 conv=notrunc status=none # its version
    uni other.moat
    assert_status 126
    [ "${#lines[@]}" = 1 ]
    printf 'MOATUNI\n' > begin.moat
    uni begin.moat
    assert_status 126
    run "$MOAT" inspect ./cut.moat
    assert_status 1
    assert_contains "cut off"
}
