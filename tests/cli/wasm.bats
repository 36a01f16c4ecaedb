#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b wasm: programs of tests/wasm, built by clang for WASI. What needs no WASI is in wasm_modules.bats.
bats_require_minimum_version 1.5.0
load run
load wasm

setup_file()
{
    wasm_place
    require_wasm_clang
    wasm_build act cat sort sha256 walk calc
    mkdir -p "$WORK/data/sub"
    printf 'pear\napple\nfig\n' > "$WORK/data/fruit"
    echo below > "$WORK/data/sub/file"
    ln -s sub/file "$WORK/data/link"
    echo outside > "$WORK/secret"
}

setup()
{
    run_setup
    cp -a "$WORK/data" .
    ln -s "$WORK"/*.wasm .
}

teardown() { run_teardown; }

wasm() { run "$MOAT" run -b wasm "$@"; }

# ---- the program --------------------------------------------------------------------------------------------------

@test "arguments, streams and the exit status are the program's" {
    wasm act.wasm args a 'b c' ''
    assert_status 0
    assert_output "[act.wasm]
[args]
[a]
[b c]
[]"
    run --separate-stderr sh -c 'echo in | "$0" run -b wasm act.wasm read' "$MOAT"
    assert_status 0
    assert_output in
    [ -z "$stderr" ]
    wasm act.wasm exit 42
    assert_status 42
    wasm act.wasm nothing
    assert_status 2
    assert_output "usage: act WORD [ARG...]"
}

@test "a module is known by its first bytes, without -b and whatever its name" {
    cp -L act.wasm tool
    run "$MOAT" run ./tool args x
    assert_status 0
    assert_line "[./tool]"
    run "$MOAT" run --type wasm tool exit 3
    assert_status 3
}

@test "the environment is what -e gives and nothing else" {
    wasm act.wasm env
    assert_status 0
    assert_output ""
    FROM_HERE=yes wasm -e A=1 -e FROM_HERE -e HOME=/nowhere act.wasm env
    assert_status 0
    assert_output "A=1
FROM_HERE=yes
HOME=/nowhere"
}

@test "five small programs do what they do on the host" {
    printf '1+2*3\n(1+2)*-3/4\n1/(\n7 7\n' > sums
    wasm calc.wasm < sums
    assert_status 0
    assert_output "$("$WORK/calc" < sums)"
    head -c 300000 /dev/urandom > noise
    wasm --ro noise sha256.wasm noise
    assert_status 0
    assert_output "$(sha256sum noise)"
    wasm --ro data --rw . sort.wasm data/fruit sorted
    assert_status 0
    [ "$(cat sorted)" = "$(LC_ALL=C sort data/fruit)" ]
    wasm --ro data walk.wasm data
    assert_status 0
    assert_output "$("$WORK/walk" data)"
    wasm --ro data cat.wasm data/fruit data/sub/file data/link
    assert_status 0
    assert_output "$(cat data/fruit data/sub/file data/link)"
    "$MOAT" run -b wasm --ro noise cat.wasm noise > copy
    cmp noise copy
}

# ---- files --------------------------------------------------------------------------------------------------------

@test "nothing is there without a rule, and the rule that would show it is told once" {
    run --separate-stderr "$MOAT" run -b wasm cat.wasm /etc/passwd /etc/passwd data/fruit
    assert_status 1
    assert_output ""
    [ "$(grep -c 'moat: denied' <<< "$stderr")" = 2 ]
    grep -qx "moat: denied: open for reading /etc/passwd: --ro /etc/passwd would allow it" <<< "$stderr"
    grep -qx "moat: denied: open for reading $PWD/data/fruit: --ro $PWD/data/fruit would allow it" <<< "$stderr"
    wasm --deny-log=false cat.wasm /etc/passwd
    assert_status 1
    refute_match denied
    wasm act.wasm stat /etc/passwd
    assert_status 1
    refute_match denied
    wasm --deny-log act.wasm stat /etc/passwd
    assert_status 1
    assert_match "moat: denied: .* /etc/passwd: --ro /etc/passwd would allow it"
}

@test "what is told would allow it" {
    wasm --ro /etc/passwd cat.wasm /etc/passwd
    assert_status 0
    assert_output "$(cat /etc/passwd)"
    wasm --ro "$PWD/data/fruit" cat.wasm data/fruit "$PWD/data/fruit"
    assert_status 0
    assert_output "$(cat data/fruit data/fruit)"
}

@test "--ro reads and changes nothing, --rw changes" {
    local before
    before=$(tar --sort=name -cf - data | cksum)
    for words in "write data/new x" "write data/fruit x" "append data/fruit x" "remove data/fruit" "mkdir data/d" \
        "rename data/fruit data/other" "link fruit data/l"; do
        wasm --ro data act.wasm $words
        assert_status 1
        assert_match "^moat: denied: .*/data.* is given r alone: --rw .*data.* would allow it"
    done
    [ "$before" = "$(tar --sort=name -cf - data | cksum)" ]
    wasm --rw data act.wasm write data/new text
    assert_status 0
    [ "$(cat data/new)" = text ]
    wasm --rw data act.wasm append data/new more
    [ "$(cat data/new)" = textmore ]
    wasm --rw data act.wasm mkdir data/d
    [ -d data/d ]
    wasm --rw data act.wasm rename data/new data/d/other
    [ -e data/d/other ]
    wasm --rw data act.wasm link d/other data/l
    [ "$(readlink data/l)" = d/other ]
    wasm --rw data act.wasm remove data/d/other
    assert_status 0
    [ ! -e data/d/other ]
}

@test "directories under other names, memory file systems, rules inside rules" {
    wasm --dir data::/in:ro act.wasm read /in/fruit
    assert_status 0
    assert_output "$(cat data/fruit)"
    wasm --dir data::/in:ro act.wasm write /in/new x
    assert_status 1
    assert_match "moat: denied: create /in/new: /in is given r alone: --dir $PWD/data::/in would allow it"
    wasm -v "$PWD/data:/in" act.wasm write /in/new x
    assert_status 0
    wasm --mount "type=bind,source=$PWD/data,target=/in,readonly" act.wasm read /in/new
    assert_status 0
    assert_output x
    wasm --tmpfs /tmp act.wasm write /tmp/new x
    assert_status 0
    wasm --ro data --deny data/sub act.wasm read data/sub/file
    assert_status 1
    assert_match "moat: denied: open for reading $PWD/data/sub/file: --deny $PWD/data/sub forbids it"
    wasm --ro data --rw data/sub act.wasm write data/sub/new x
    assert_status 0
    wasm --ro data --rw data/sub act.wasm write data/new2 x
    assert_status 1
    wasm --allow data:rw act.wasm append data/fruit more
    assert_status 0
    wasm --allow data:rw act.wasm write data/new3 more
    assert_status 1
    [ ! -e data/new3 ]
}

@test "a directory can be the module's root" {
    wasm --dir data::/ act.wasm read /fruit
    assert_status 0
    assert_output "$(cat data/fruit)"
    wasm --dir data::/ act.wasm read sub/file
    assert_status 0
    wasm --dir data::/ act.wasm write /new x
    assert_status 0
    [ -e data/new ]
    wasm --dir data::/:ro act.wasm write /new2 x
    assert_status 1
    assert_match "moat: denied: create /new2: / is given r alone: --dir $PWD/data::/ would allow it"
    wasm --dir data::/ act.wasm read /../secret
    assert_status 1
    wasm --dir data::/ --ro /etc/passwd act.wasm read /etc/passwd
    assert_status 0
    run "$MOAT" run -b broker --dir data::/ -- true
    assert_status 125
    assert_match "nothing can be mounted over the root"
}

@test "links and .. lead out of no directory" {
    ln -s "$WORK/secret" data/absolute
    ln -s ../secret data/relative
    echo beside > secret
    for path in data/absolute data/relative data/../secret ../secret "$WORK/secret"; do
        wasm --ro data act.wasm read "$path"
        assert_status 1
        refute_match '^(outside|beside)'
    done
    wasm --ro data act.wasm read data/link
    assert_status 0
    assert_output below
}

@test "the working directory is the caller's, or that of -w" {
    cd data
    wasm --ro . ../act.wasm read fruit
    assert_status 0
    wasm --ro . ../act.wasm read ./sub/../fruit
    assert_status 0
    cd ..
    wasm --dir data::/in -w /in/sub act.wasm read file
    assert_status 0
    assert_output below
}

# ---- the network --------------------------------------------------------------------------------------------------

# In a network namespace of its own: no port of the host is taken.
@test "-p gives a listener and nothing else of the network" {
    require_command ip iproute2
    cat > serve << 'EOF'
: > out; ip link set lo up
"$MOAT" run -b wasm -p 127.0.0.1:7001:80 -p '[::1]:7002' act.wasm serve 2 > out &
for i in $(seq 100); do grep -q up out && break; sleep 0.1; done
for word in hello again; do
    exec 9<> /dev/tcp/127.0.0.1/7001
    printf %s "$word" >&9
    cat <&9
    echo
done
wait $!
EOF
    run unshare --net bash serve
    assert_status 0
    assert_output "hello
again"
    wasm -p 192.0.2.7:7001 act.wasm serve
    assert_status 125
    assert_match "--publish: cannot listen on 192.0.2.7:7001"
    wasm -p 0 act.wasm serve
    assert_status 125
    assert_match "--publish 0: .ADDRESS:.PORT.:PORT.* is expected"
    wasm -p 53:53/udp act.wasm serve
    assert_status 125
    run "$MOAT" explain -b wasm -p 7001 act.wasm
    assert_match "connections to +0.0.0.0:7001"
    run "$MOAT" run -b container -p 7001:80 busybox true
    assert_status 125
    assert_match "--publish is refused"
}

@test "ps shows the ports of a module that listens" {
    require_command ip iproute2
    local name=$(new_id)
    cat > listen << EOF
ip link set lo up
"$MOAT" run -d --name $name -b wasm -p 127.0.0.1:7001:80 -p 7002 act.wasm serve 1 > /dev/null
EOF
    unshare --net bash listen
    run "$MOAT" ps -a --format '{{.Names}} {{.Ports}}' --filter "name=$name"
    "$MOAT" rm -f "$name"
    assert_status 0
    assert_output "$name 127.0.0.1:7001->7001/tcp, 0.0.0.0:7002->7002/tcp"
}

# ---- the same each time -------------------------------------------------------------------------------------------

@test "--clock and --seed give the same each time" {
    wasm --clock fixed act.wasm clock
    assert_output 946684800
    wasm --clock fixed=2024-01-02T03:04:05Z act.wasm clock
    assert_output 1704164645
    wasm --clock tomorrow act.wasm clock
    assert_status 125
    assert_output "moat run: --clock tomorrow: real (the default), fixed, or fixed=TIME"
    wasm --seed 7 act.wasm random
    local first=$output
    wasm --seed 7 act.wasm random
    assert_output "$first"
    wasm --seed 8 act.wasm random
    [ "$output" != "$first" ]
    wasm act.wasm random
    first=$output
    wasm act.wasm random
    [ "$output" != "$first" ]
    wasm --seed -1 act.wasm random
    assert_status 125
}

# ---- limits -------------------------------------------------------------------------------------------------------

@test "a time limit ends computing and waiting, says where, and gives 124" {
    for words in spin "sleep 1000"; do
        run --separate-stderr "$MOAT" run -b wasm --timeout 2 act.wasm $words
        assert_status 124
        assert_output up
        error_says "moat-wasm: act.wasm: the time limit was reached (--timeout)"
        grep -q '^  #0 *0x' <<< "$stderr"
        [ "$(grep -c 'time limit' <<< "$stderr")" = 1 ]
    done
    # With a monitor, too.
    local name=$(new_id)
    run --separate-stderr "$MOAT" run --restart on-failure:1 --name "$name" -b wasm --timeout 1 act.wasm spin
    "$MOAT" rm "$name"
    assert_status 124
    [ -z "$(grep 'warning: its time limit' <<< "$stderr")" ]
}

@test "memory ends at -m with an error that the program sees" {
    wasm -m 32m act.wasm alloc 8
    assert_status 0
    assert_output allocated
    wasm -m 32m act.wasm alloc 64
    assert_status 1
    assert_output "malloc: Out of memory"
    wasm -m 4m act.wasm args
    assert_status 125
    assert_match "leave nothing to the module"
}

@test "signals end it: what is forwarded, and moat stop" {
    # At once: what asks it to end waits until the engine listens.
    "$MOAT" run -d --name "$(new_id)" -b wasm act.wasm spin > name
    run "$MOAT" stop "$(cat name)"
    assert_status 0
    run "$MOAT" inspect --format '{{.State.ExitCode}} {{.State.ExitReason}}' "$(cat name)"
    assert_output "143 stopped"
    run "$MOAT" ps -a --no-trunc --format '{{.Command}}' --filter "name=$(cat name)"
    assert_output '"act.wasm spin"'
    "$MOAT" rm "$(cat name)"
    background -b wasm act.wasm sleep 1000
    wait_for 10 said up
    kill -TERM "$pid"
    wait "$pid" || status=$?
    helpers=()
    assert_status 143
}

@test "abort and other traps: 134 and where" {
    run --separate-stderr "$MOAT" run -b wasm act.wasm abort
    assert_status 134
    error_says "moat-wasm: act.wasm: trap: unreachable"
    grep -q '^  #0 *0x[0-9a-f]* ' <<< "$stderr"
}

# ---- kept -----------------------------------------------------------------------------------------------------------

@test "in the background: logs, restarts, no exec" {
    local name
    name=$(new_id)
    "$MOAT" run -d --name "$name" --restart on-failure:2 -b wasm --ro data act.wasm exit 3
    run "$MOAT" wait "$name"
    assert_output 3
    run "$MOAT" inspect --format '{{.RestartCount}}' "$name"
    assert_output 2
    "$MOAT" rm "$name"
    "$MOAT" run -d --name "$name" -b wasm act.wasm sleep 1000
    wait_for 10 logged
    run "$MOAT" exec "$name" true
    assert_match "a WebAssembly module has no programs to run: -b broker runs them"
    [ "$status" != 0 ]
    "$MOAT" rm -f "$name"
}
logged() { "$MOAT" logs "$name" | grep -q up; }
