#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Files of the host in a sandbox of -b sentry: they go through the gofer (src/gofer/README.md).
bats_require_minimum_version 1.5.0
load ../lib

setup()
{
    require_file "$MOAT_BUILD/libexec/moat-sentry"
    cd "$BATS_TEST_TMPDIR" || return
    make_rootfs root
    mkdir -m 755 host
    echo "of the host" > host/file
}

inside() { run timeout -k 2 60 "$MOAT" run --rm -b sentry "$@"; }

@test "a program prints on a volume what it prints on the host" {
    local program=$MOAT_BUILD/tests/escape/sentry-volume
    require_file "$program"
    mkdir native bin new
    cp "$program" bin/volume
    "$program" native > wanted
    for boundary in sentry=notify sentry=trap; do
        run timeout -k 2 100 "$MOAT" run --rm -b "$boundary" -v "$PWD/new:/v" -v "$PWD/bin:/p:ro" "$PWD/root" sh -c "exec /p/volume /v"
        [ "$status" = 0 ]
        diff wanted - <<< "$output"
        [ "$status" = 0 ]
    done
}

@test "what is written is on the host at once, and what the host writes inside" {
    inside -v "$PWD/host:/v" "$PWD/root" sh -c 'cat /v/file; echo inside > /v/made; mkdir /v/dir; mv /v/made /v/dir/; rm /v/file'
    [ "$status" = 0 ]
    [ "$output" = "of the host" ]
    [ "$(cat host/dir/made)" = inside ]
    [ ! -e host/file ]
    mkfifo go
    "$MOAT" run --rm -b sentry -v "$PWD/host:/v" "$PWD/root" sh -c 'echo begun > /v/begun; until [ -e /v/dir/answer ]; do sleep 0.05; done; cat /v/dir/answer' > out &
    for _ in $(seq 200); do [ -s host/begun ] && break; sleep 0.05; done
    echo "from outside" > host/dir/answer.new
    mv host/dir/answer.new host/dir/answer
    wait $!
    [ "$(cat out)" = "from outside" ]
}

@test "a volume that is read-only stays as it is" {
    chmod 644 host/file
    inside -v "$PWD/host:/v:ro" "$PWD/root" sh -c '
        cat /v/file
        for c in "touch /v/new" "rm /v/file" "mv /v/file /v/x" "chmod 777 /v/file" "mkdir /v/d" "ln -s x /v/l" "truncate -s 0 /v/file"; do
            $c 2>/dev/null && echo "done: $c"
        done; true'
    [ "$status" = 0 ]
    [ "$output" = "of the host" ]
    [ "$(ls host)" = file ]
    [ "$(stat -c %a host/file)" = 644 ]
}

@test "links lead where they lead inside, never on the host" {
    echo secret > secret
    ln -s "$PWD/secret" host/absolute
    ln -s ../secret host/relative
    inside -v "$PWD/host:/v" "$PWD/root" sh -c 'cat /v/absolute; cat /v/relative; echo inside > /secret; cat /v/relative'
    [[ "$output" != *secret$'\n'* ]]
    [ "${lines[-1]}" = inside ]
    [ "$(cat secret)" = secret ]
}

@test "a file as a volume, a place that is missing, memory with a size" {
    inside -v "$PWD/host/file:/deep/down/one" --tmpfs /m:size=64k,mode=700 "$PWD/root" \
        sh -c 'cat /deep/down/one; echo more >> /deep/down/one; stat -c %a /m; dd if=/dev/zero of=/m/x bs=1k count=100 2>/dev/null || echo full'
    [ "$status" = 0 ]
    [ "$output" = "of the host
700
full" ]
    [ "$(cat host/file)" = "of the host
more" ]
}

@test "what root makes inside belongs to who runs moat" {
    inside -v "$PWD/host:/v" "$PWD/root" sh -c 'touch /v/made; mkdir /v/dir; stat -c "%u %g" /v/made /v/file'
    [ "$status" = 0 ]
    [ "$output" = "0 0
0 0" ]
    [ "$(stat -c "%u %g" host/made)" = "$(id -u) $(id -g)" ]
    [ "$(stat -c "%u %g" host/dir)" = "$(id -u) $(id -g)" ]
}

@test "devices, FIFOs and sockets of the host are looked at and not opened" {
    mkfifo host/fifo
    inside -v "$PWD/host:/v" "$PWD/root" sh -c 'ls -l /v/fifo | cut -c1; cat /v/fifo; mkfifo /v/another'
    [ "${lines[0]}" = p ]
    [[ "$output" == */v/fifo*"No such device or address"* ]]
    [ ! -e host/another ]
}

@test "a volume outlives the moat that started the sandbox" {
    local id
    id=$(new_id)
    "$MOAT" run -d --name "$id" -b sentry -v "$PWD/host:/v" "$PWD/root" sh -c 'until [ -e /v/stop ]; do sleep 0.05; done; echo stopped > /v/said'
    touch host/stop
    for _ in $(seq 200); do [ -s host/said ] && break; sleep 0.05; done
    [ "$(cat host/said)" = stopped ]
    "$MOAT" rm --force "$id" > /dev/null
}

@test "file systems of the kernel are no volumes" {
    inside -v /proc:/v "$PWD/root" true
    [ "$status" = 125 ]
    [[ "$output" == *proc* ]]
}
