#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat pack and moat build: what gets into an image, and what moat inspect says of it.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
    require_command cc gcc
}

setup()
{
    run_setup
    cc -O2 -o act "$MOAT_SRC/tests/unikernel/act.c" -pthread
}

teardown() { run_teardown; }

# The paths in an image.
names() { "$MOAT" inspect -f '{{range .files}}{{.path}}
{{end}}' "$1"; }

@test "the same program gives the same image, from another directory and at another time too" {
    "$MOAT" pack -q ./act -o one.moat
    touch -d 2001-01-01 act
    mkdir sub
    (cd sub && "$MOAT" pack -q ../act -o two.moat)
    cmp one.moat sub/two.moat
    echo text > file
    touch -d '2030-01-01' file
    SOURCE_DATE_EPOCH=1000000000 "$MOAT" pack -q ./act --add file -o three.moat
    touch -d '2031-01-01' file
    SOURCE_DATE_EPOCH=1000000000 "$MOAT" pack -q ./act --add file -o four.moat
    cmp three.moat four.moat
}

@test "a dynamic program has its interpreter, its libraries and what every program expects, and nothing else" {
    "$MOAT" pack -q ./act -o act.moat
    run names act.moat
    assert_line "$PWD/act"
    assert_line /lib64
    assert_match '/libc\.so\.6'
    assert_line /etc/passwd
    assert_line /etc/hosts
    assert_line /etc/nsswitch.conf
    assert_line /tmp
    refute_contains /etc/shadow
    refute_contains ca-certificates
}

@test "--add takes files and whole directories, at their own places and at others" {
    mkdir -p data/sub
    echo one > data/one
    echo two > data/sub/two
    ln -s sub/two data/link
    "$MOAT" pack -q ./act -o act.moat --add data --add data/one::/opt/other --add data/sub::/opt/sub
    moat_run act.moat read "$PWD/data/link"
    assert_output two
    moat_run act.moat read /opt/other
    assert_output one
    moat_run act.moat read /opt/sub/two
    assert_output two
    run "$MOAT" pack -q ./act -o bad.moat --add none
    assert_error 125 none
    refute_exists bad.moat
    run "$MOAT" pack -q ./act -o bad.moat --add /proc/self/status
    assert_error 125 "file system of the kernel's"
    run "$MOAT" pack -q ./act -o bad.moat --add data::relative
    assert_error 125 "begin with /"
}

@test "--trace adds the files that the program uses in one run, and not those of others" {
    echo inner > used
    echo outer > unused
    "$MOAT" pack -q ./act -o act.moat --trace './act read used; cat unused > /dev/null; ./act write made text > /dev/null'
    moat_run act.moat read "$PWD/used"
    assert_status 0
    assert_output inner
    run names act.moat
    assert_line "$PWD/used"
    refute_contains "$PWD/unused"
    refute_contains "$PWD/made"
    run "$MOAT" pack -q ./act -o bad.moat --trace true
    assert_error 125 --trace "without running"
    run "$MOAT" pack -q ./act -o act.moat --trace './act exit 3'
    assert_status 0
    assert_contains "ended with status 3"
}

@test "a script is packed with its interpreter" {
    printf '#!%s exit\n' "$PWD/act" > script
    chmod +x script
    "$MOAT" pack -q ./script -o script.moat
    moat_run script.moat 5
    [ "$status" != 125 ]
    run names script.moat
    assert_line "$PWD/act"
    assert_line "$PWD/script"
}

@test "what cannot be packed is refused with the reason" {
    run "$MOAT" pack none -o x.moat
    assert_error 125 none PATH
    run "$MOAT" pack ./none -o x.moat
    assert_error 125 none "No such file"
    echo text > text
    run "$MOAT" pack ./text -o x.moat
    assert_error 125 text "chmod +x"
    chmod +x text
    run "$MOAT" pack ./text -o x.moat
    assert_error 125 text "neither an ELF file nor a script"
    run "$MOAT" pack / -o x.moat
    assert_error 125 "no file"
    cp act setuid
    chmod u+s setuid
    run "$MOAT" pack ./setuid -o x.moat
    assert_error 125 setuid set-user-ID
    head -c 3000 act > cut
    chmod +x cut
    run "$MOAT" pack ./cut -o x.moat
    assert_error 125 cut
    cp act arm
    printf '\xb7\0' | dd of=arm bs=1 seek=18 conv=notrunc status=none
    run "$MOAT" pack ./arm -o x.moat
    assert_error 125 "another machine"
    run "$MOAT" pack ./act
    assert_error 125 "-o FILE"
    run "$MOAT" pack -o x.moat
    assert_error 125 "name a program"
    run "$MOAT" pack ./act -o x.moat --cmd "a 'b"
    assert_error 125 --cmd quote
    run "$MOAT" pack ./act -o /none/x.moat
    assert_error 125 /none/x.moat
    refute_exists x.moat
    run bash -c 'compgen -G "*.tmp"'
    assert_failure
}

@test "a library that is not there is named, with who needs it" {
    echo 'int f(void) { return 3; }' > lib.c
    echo 'int f(void); int main(void) { return f(); }' > main.c
    cc -shared -fPIC -o liblone.so lib.c
    cc -o main main.c -L. -llone
    run "$MOAT" pack ./main -o main.moat
    assert_error 125 liblone.so main LD_LIBRARY_PATH
    "$MOAT" pack -q ./main -o main.moat -e LD_LIBRARY_PATH="$PWD"
    moat_run main.moat
    assert_status 3
    cc -o main main.c -L. -llone '-Wl,-rpath,$ORIGIN'
    "$MOAT" pack -q ./main -o main.moat
    moat_run main.moat
    assert_status 3
}

@test "inspect describes an image by its schema, and --format picks from it" {
    "$MOAT" pack -q ./act -o act.moat --cmd 'args x' -m 64m
    "$MOAT" inspect --json act.moat > all.json
    python3 -c 'import json; d = json.load(open("all.json")); assert len(d) == 1; json.dump(d[0], open("one.json", "w"))'
    judge "$MOAT_SRC/docs/schema/unikernel-image.schema.json" one.json
    run "$MOAT" inspect -f '{{.program}} {{.memory}} {{.sha256}}' act.moat
    assert_output "$PWD/act $((64 << 20)) $(sha256sum < act.moat | cut -d' ' -f1)"
    run python3 -c 'import json; [print(f["path"], f["sha256"]) for f in json.load(open("one.json"))["files"] if f["type"] == "file"]'
    assert_line "$PWD/act $(sha256sum < act | cut -d' ' -f1)"
    run "$MOAT" inspect -f '{{range .files}}{{if .sites}}{{.path}} {{.sites.trapped}}{{println}}{{end}}{{end}}' act.moat
    assert_status 0
    assert_contains "$PWD/act "
    refute_contains /etc/passwd
    cp act.moat flipped.moat
    printf 'x' | dd of=flipped.moat bs=1 seek=$(($(stat -c %s act.moat) - 1)) conv=notrunc status=none
    run "$MOAT" inspect flipped.moat
    assert_status 1
    assert_contains sha256
}

# ---- from source ------------------------------------------------------------------------------------------------------

@test "a program from source has only the system calls that it can make" {
    require_command musl-gcc musl-tools
    printf '#include <stdio.h>\nint main(void) { puts("hello"); return 7; }\n' > hello.c
    "$MOAT" build -q --unikernel hello.c -o hello.moat
    moat_run hello.moat
    assert_status 7
    assert_output hello
    run "$MOAT" inspect -f '{{range .kernel.calls}}{{.}} {{end}}' hello.moat
    assert_contains "writev "
    assert_contains "exit_group "
    refute_contains "socket "
    refute_contains "openat "
    refute_contains "execve "
    mkdir again
    "$MOAT" build -q --unikernel hello.c -o again/hello.moat
    cmp hello.moat again/hello.moat
}

@test "a program from source with threads, files and signals does what it does natively" {
    require_command musl-gcc musl-tools
    "$MOAT" build -q --unikernel "$MOAT_SRC/tests/unikernel/act.c" -o act.moat
    local words
    for words in "args a b" threads "exit 9" "die 11" "write /tmp/x text" socket; do
        moat_run act.moat $words
        local got=$status said=$output
        run ./act $words
        assert_equal "$got" "$([ "$status" -ge 128 ] && echo "$status" || echo "$status")"
        [ "$words" = "args a b" ] || assert_equal "$said" "$output"
    done
    rm -f /tmp/x
}

@test "flags reach the compiler, its errors reach the user, and nothing is left behind" {
    require_command musl-gcc musl-tools
    printf '#include <stdio.h>\nint main(void) { puts(WORD); }\n' > word.c
    mkdir tmp
    TMPDIR=$PWD/tmp "$MOAT" build -q --unikernel word.c -o word.moat --cflags "-O2 '-DWORD=\"two words\"'"
    moat_run word.moat
    assert_output "two words"
    TMPDIR=$PWD/tmp run "$MOAT" build -q --unikernel word.c -o bad.moat
    assert_status 125
    assert_contains WORD
    assert_contains "musl-gcc has failed"
    refute_exists bad.moat
    run ls tmp
    assert_output ""
    # One that is asked to end while it compiles: the compiler says when, and waits.
    mkdir slow
    printf '#!/bin/sh\necho > "%s/compiles"\nexec sleep 60\n' "$PWD" > slow/musl-gcc
    chmod +x slow/musl-gcc
    TMPDIR=$PWD/tmp PATH=$PWD/slow:$PATH "$MOAT" build -q --unikernel word.c -o bad.moat 2> err 3>&- &
    local pid=$! status=0
    wait_for 5 test -e compiles
    kill -TERM "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 143
    refute_exists bad.moat
    run ls tmp
    assert_output ""
    run "$MOAT" build word.c -o bad.moat
    assert_error 125 --unikernel
    PATH=/none run "$MOAT" build --unikernel word.c -o bad.moat
    assert_error 125 musl-gcc musl-tools
}

@test "a program at addresses that are not free in an image, or with code that it may write, is refused by name" {
    printf 'int main(void) { return 4; }\n' > main.c
    cc -static -no-pie -Wl,-Ttext-segment=0x70000000 -o fixed main.c
    run "$MOAT" pack ./fixed -o x.moat
    assert_error 125 fixed 0x70000000 -pie
    cc -static -no-pie -o fixed main.c
    "$MOAT" pack -q ./fixed -o fixed.moat
    moat_run fixed.moat
    assert_status 4
    cc -static-pie -Wl,-N -o writable main.c 2> /dev/null || skip "this linker makes no such program"
    run "$MOAT" pack ./writable -o x.moat
    assert_error 125 writable "writable and executable"
}

@test "a kernel that was linked for its program alone says that it shows no system calls" {
    require_command musl-gcc musl-tools
    printf 'int main(void) { return 4; }\n' > main.c
    "$MOAT" build -q --unikernel main.c -o main.moat
    moat_run main.moat
    assert_status 4
    moat_run --trace main.moat
    assert_error 125 "shows no system calls"
    moat_run --entrypoint /main main.moat
    assert_status 4
    run -127 "$MOAT" run --rm --entrypoint /other main.moat
    assert_error 127 /other "its program alone"
}

@test "a static program that is alone in its image executes itself" {
    local kind
    printf '%s\n' '#include <stdio.h>' '#include <unistd.h>' 'int main(int n, char **v) {' \
        'char *words[] = {v[0], "a", "b", "c", NULL}; words[n < 4 ? n + 1 : 4] = NULL;' \
        'if (n < 4) execv("/proc/self/exe", words);' 'puts("the last"); return n; }' > again.c
    for kind in "-static -no-pie" -static-pie; do
        cc $kind -o again again.c
        "$MOAT" pack -q ./again -o again.moat
        moat_run again.moat
        assert_output "the last"
        assert_status 4
    done
}

@test "an image takes the place of a file, and of nothing else: no device, and not of the program itself" {
    echo old > there
    "$MOAT" pack -q ./act -o there
    assert_equal "$(head -c 7 there)" MOATUNI
    mkfifo pipe
    mknod node c 1 7
    mkdir directory
    for place in pipe directory node; do
        run "$MOAT" pack -q ./act -o "$place"
        assert_error 125 "$place: it is there already, and no file"
    done
    [ -p pipe ] && [ -c node ]
    before=$(sha256sum < act)
    ln act hard
    for place in act hard; do
        run "$MOAT" pack -q ./act -o "$place"
        assert_error 125 "is a program of what is packed"
    done
    assert_equal "$(sha256sum < act)" "$before"
    run ls -A
    refute_contains .tmp
}
