#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Help, version, and refusals of command lines: nothing here starts a sandbox.
load ../lib

setup() { export NO_COLOR=1; }

@test "moat without a command prints the commands and succeeds" {
    run moat
    assert_success
    assert_contains "Usage: moat COMMAND"
    for c in run explain boundaries import images rmi policy system version help; do assert_match "  $c  +[A-Z]"; done
}

@test "help COMMAND and COMMAND --help say the same, for every command" {
    for c in run explain boundaries import images rmi policy system version help; do
        run moat help "$c"
        assert_success
        assert_contains "Usage: moat $c"
        by_help=$output
        run moat "$c" --help
        assert_success
        assert_equal "$output" "$by_help"
    done
}

@test "help fits 80 columns" {
    for c in run explain boundaries import images rmi policy system version; do
        run moat help "$c"
        long=$(awk 'length > 84' <<<"$output")
        assert_equal "$long" ""
    done
}

@test "help has no colours when it is piped or NO_COLOR is set" {
    run moat help run
    refute_contains $'\033'
}

@test "--help behind the image belongs to the workload" {
    require_root
    run moat run --rm no-such-image:at-all --help
    assert_failure
    refute_contains "Usage: moat run"
}

@test "every option that run parses is in its help, but those of docker it refuses" {
    run moat help run
    for o in rm name interactive tty env env-file workdir user group-add entrypoint hostname domainname volume mount tmpfs \
        ro rw dir read-only memory memory-swap memory-reservation cpus cpu-shares cpuset-cpus pids-limit ulimit shm-size \
        cap-add cap-drop security-opt device device-cgroup-rule sysctl network init stop-signal timeout rootfs bundle \
        policy userns boundary annotation oom-score-adj best-effort strict type; do
        assert_contains "--$o"
    done
    refute_contains "--privileged"
}

@test "unknown command is refused with the nearest" {
    run moat exlpain
    assert_error 1 "unknown command 'exlpain'" "'explain'"
}

@test "unknown option is refused with the nearest" {
    run moat run --memroy 1g x
    assert_error 125 "--memroy" "--memory"
}

@test "option before the command is refused" {
    run moat --rm run
    assert_error 125 "--rm" "moat --help"
}

@test "--privileged is refused with what to use instead" {
    run moat run --privileged x
    assert_error 125 "--privileged" "--cap-add" "--device" "seccomp=unconfined"
}

@test "-p is refused by name" {
    run moat run -p 80:80 x
    assert_error 125 "--publish" "--network none or host"
}

@test "named volumes are refused with a path as the remedy" {
    run moat run -v data:/data x
    assert_error 125 "data:/data" "./data"
}

@test "a bad size is refused with flag, value and remedy" {
    run moat run -m 5q x
    assert_error 125 "--memory '5q'" "512m"
}

@test "a policy file's unknown member is refused by its path" {
    echo '{"version": 1, "limits": {"memroy": "1g"}}' > "$BATS_TEST_TMPDIR/p.json"
    run moat run --policy "$BATS_TEST_TMPDIR/p.json" x
    assert_error 125 "p.json" "limits.memroy" "memorySwap"
}

@test "a policy file's names cannot send escape sequences to the terminal" {
    printf '{"version": 1, "\\u001b[31m": 1}' > "$BATS_TEST_TMPDIR/p.json"
    run moat run --policy "$BATS_TEST_TMPDIR/p.json" x
    assert_error 125 "unknown member"
    refute_contains $'\033'
}

@test "boundaries lists the whole spectrum" {
    run moat boundaries
    assert_success
    for b in container broker sentry unikernel microvm vm wasm jvm; do assert_match "(^|"$'\n'")$b "; done
}

@test "a boundary that there is not is refused by name" {
    run moat explain -b vmm x
    assert_error 125 "'vmm'"
}

# validate FILE SCHEMA
validate()
{
    python3 -c 'import jsonschema' 2>/dev/null || skip "needs jsonschema (Debian package python3-jsonschema)"
    python3 -c 'import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' "$1" "$MOAT_SRC/docs/schema/$2"
}

@test "boundaries --json follows its schema" {
    moat boundaries --json > "$BATS_TEST_TMPDIR/out.json"
    validate "$BATS_TEST_TMPDIR/out.json" boundaries.schema.json
}

@test "explain --json follows its schema" {
    moat explain --best-effort --json -m 64m --network host > "$BATS_TEST_TMPDIR/out.json"
    validate "$BATS_TEST_TMPDIR/out.json" explain.schema.json
}

@test "explain prints an item with the mechanism that enforces it" {
    run moat explain --best-effort -m 64m
    assert_success
    assert_match "memory.*64"
    assert_contains "ENFORCED BY (container)"
}

@test "version prints the same version in both forms" {
    run moat version
    assert_success
    version=$(sed -n 's/^moat //p' <<<"$output")
    run moat --version
    assert_contains "moat $version"
    run moat version --json
    assert_contains "\"version\": \"$version\""
}

@test "a full disk behind standard output is an error" {
    require_file /dev/full
    run bash -c '"$MOAT" help > /dev/full'
    assert_error 125 "standard output"
}
