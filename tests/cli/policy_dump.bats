#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat policy dump --bpf: the filter that run would install, as a listing and as numbers. That it is the installed one is
# asked of the kernel.
bats_require_minimum_version 1.5.0
load run

setup_file() { run_setup_file; }
setup() { run_setup; }
teardown() { run_teardown; }

dump() { run "$MOAT" policy dump "$@"; }

# The process inside: the last that bears the name, but for copies of it which are about to become sleep(1).
inside()
{
    local all p parent last=
    all=$(pgrep -f "moat-filter-probe-$BATS_TEST_NUMBER")
    for p in $all; do
        parent=$(ps -o ppid= -p "$p") || continue
        parent=${parent// /}
        if [ "$parent" = "$pid" ] || ! grep -qx "$parent" <<< "$all"; then last=$p; fi
    done
    echo "$last"
}

# same_as_installed OPTION...: what is installed in the sandbox of $pid is what these options dump
same_as_installed()
{
    local inner
    "$MOAT" policy dump --bpf --json "$@" > dumped.json
    wait_for 5 said up
    inner=$(inside)
    python3 "$MOAT_SRC/tests/cli/installed_filter.py" "$inner" > installed.json || {
        [ $? != 3 ] || skip "this kernel shows no filters (CONFIG_CHECKPOINT_RESTORE)"
        return 1
    }
    [ "$(jq length installed.json)" -gt 5 ]
    cmp <(jq -c '.[]' dumped.json) <(jq -c '.[]' installed.json)
}

# A name by which the process inside is found from outside.
wait_inside() { echo "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done # moat-filter-probe-$BATS_TEST_NUMBER"; }

@test "the listing of the container's filter: every jump goes forward and every end is a verdict" {
    dump --bpf
    assert_status 0
    [[ ${lines[0]} =~ ^'# container: '[0-9]+' instructions'$ ]]
    [[ ${lines[1]} =~ ^' '+'0  load arch'$ ]]
    assert_contains "return errno 38"
    assert_contains "return kill process 0"
    echo "$output" | awk '
        /^#/ { said = $3; next }
        { n++; if ($1 != n - 1) bad = 1 }
        $2 == "if" { if ($6 <= $1 || $8 <= $1) bad = 1 }
        END { exit bad || n != said }'
}

@test "the numbers are a document of its schema, as many as the listing has lines" {
    require_command jq
    "$MOAT" policy dump --bpf --json > dump.json
    judge policy-dump.schema.json dump.json
    "$MOAT" policy dump --bpf > dump.txt
    [ "$(jq length dump.json)" = "$(grep -vc '^#' dump.txt)" ]
}

@test "a policy file changes the filter, as an operand, as --policy, and as YAML" {
    echo '{"version": 1, "capabilities": {"add": ["SYS_ADMIN"]}}' > wide.json
    printf 'version: 1\ncapabilities:\n  add: [SYS_ADMIN]\n' > wide.yaml
    "$MOAT" policy dump --bpf > default.txt
    "$MOAT" policy dump --bpf wide.json > operand.txt
    "$MOAT" policy dump --bpf --policy wide.json > option.txt
    "$MOAT" policy dump --bpf wide.yaml > yaml.txt
    "$MOAT" policy dump --bpf --cap-add SYS_ADMIN > flag.txt
    ! cmp -s default.txt operand.txt
    cmp operand.txt option.txt
    cmp operand.txt yaml.txt
    cmp operand.txt flag.txt
}

@test "a profile of the user's own is compiled as it is" {
    require_command jq
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 1, "value": 21522, "op": "SCMP_CMP_EQ"}]}]}' > profile.json
    "$MOAT" policy dump --bpf --json --security-opt seccomp=profile.json > dump.json
    # Of argument 1 the lower half is loaded and the upper one is not: offsets 24 and 28 of the data.
    [ "$(jq '[.[] | select(.code == 32 and .k == 24)] | length' dump.json)" = 1 ]
    [ "$(jq '[.[] | select(.code == 32 and .k == 28)] | length' dump.json)" = 0 ]
}

@test "the broker's filter is another one, and says what goes to the broker" {
    "$MOAT" boundaries --json | grep -q '"broker"' || skip "this build has no broker"
    dump --bpf -b broker
    assert_status 0
    [[ ${lines[0]} =~ ^'# broker: '[0-9]+' instructions'$ ]]
    assert_contains "return errno 97"
    [[ $output != *"return notify"* ]]
    dump --bpf -b broker --deny-log
    [[ ${lines[0]} =~ ^'# broker: '[0-9]+' instructions; calls of files, programs and network go to the broker'$ ]]
    assert_contains "return notify 0"
}

@test "what is dumped is what is installed: default, capabilities, a policy file" {
    require_command jq
    require_command python3
    background busybox sh -c "$(wait_inside)"
    same_as_installed
    kill "$pid"
    wait "$pid" || true
    helpers=()
    echo '{"version": 1, "capabilities": {"add": ["SYS_TIME", "SYS_PTRACE"]}}' > policy.json
    background --policy policy.json busybox sh -c "$(wait_inside)"
    same_as_installed policy.json
    kill "$pid"
    wait "$pid" || true
    helpers=()
}

@test "what is dumped is what is installed: broker" {
    require_command jq
    require_command python3
    "$MOAT" boundaries --json | grep -q '"broker"' || skip "this build has no broker"
    background -b broker -- sh -c "$(wait_inside)"
    same_as_installed -b broker
    kill "$pid"
    wait "$pid" || true
    helpers=()
}

@test "what cannot be dumped is refused by name" {
    dump
    assert_status 125
    assert_contains "say what to dump"
    dump --bpf a.json b.json
    assert_status 125
    assert_contains "name one policy file"
    dump --bpf --policy a.json b.json
    assert_status 125
    assert_contains "name one policy file"
    dump --bpf absent.json
    assert_status 125
    assert_contains "absent.json: cannot read the file"
    dump --bpf --security-opt seccomp=unconfined
    assert_status 125
    assert_contains "no system-call filter"
    dump --bpf -b nowhere
    assert_status 125
    assert_contains "unknown boundary"
    dump --bpf --bundle .
    assert_status 125
    assert_contains "--security-opt seccomp=FILE"
    run "$MOAT" policy --bpf dump
    assert_status 125
    assert_contains "dump comes first"
}
