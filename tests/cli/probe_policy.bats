#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat probe --policy: what a user's own policy says, tried on this host.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_root
    require_file "$MOAT_BUILD/libexec/moat-attempts"
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
}

setup()
{
    run_setup
    work=$(mktemp -d /var/tmp/moat-test-XXXXXX) # not below /tmp, which is fresh inside
    cd "$work" || return
    mkdir -p tree/sub tree/secret beside
    echo open > tree/file
    echo secret > tree/secret/key
    echo beside > beside/file
    cp "$(type -P true)" tree/prog
    cat > p.yaml <<- 'EOP'
	version: 1
	ro: [tree]
	env: {GIVEN: "a secret value"}
	limits: {pids: 40, ulimits: {nofile: 100}}
	mounts: [{type: tmpfs, target: /scratch, size: 1m}]
	EOP
}

teardown()
{
    cd /
    rm -rf "$work"
    run_teardown
}

probe() { run "$MOAT" probe --policy "$@"; }

# attempts RESULT GRANTED ITEM-PREFIX: those of the JSON in $output.
attempts()
{
    jq -r --arg result "$1" --argjson granted "$2" --arg item "$3" \
        '.attempts[] | select(.result == $result and .granted == $granted and (.item | startswith($item))) | .attempt' <<< "$output"
}

@test "a policy that holds: what it grants works, what it does not is refused" {
    require_command jq
    local b
    for b in container broker; do
        probe p.yaml -b "$b" --json
        assert_status 0
        assert_contains '"passed": true'
        assert_equal "$(attempts asSaid true 'path ')" "stat $work/tree
list $work/tree
read $work/tree/file
may-execute $work/tree/prog"
        assert_equal "$(attempts asSaid false 'path ')" "open $work/tree/file w"
        attempts asSaid false "beside $work/tree" | grep -qx "list $work/beside"
        attempts asSaid false "the host's /tmp" | grep -q '^read /tmp/'
        attempts asSaid false "the host's loopback" | grep -q '^reach 127.0.0.1 '
        assert_equal "$(attempts asSaid false pids)" "processes 41"
        assert_equal "$(attempts asSaid true pids)" "processes 20"
    done
}

@test "what goes otherwise is found, said twice, and the status is 1" {
    # Granted by the rule, and yet nobody's inside: the sandbox knows the directory's owner alone.
    chown 4321 tree/file
    chmod 600 tree/file
    probe p.yaml -b broker
    assert_status 1
    assert_match "otherwise than the policy says"
    assert_match "x granted +read $work/tree/file"
    assert_match "1 otherwise"
}

@test "what fails outside as well proves nothing" {
    require_command jq
    require_command setpriv util-linux
    chmod 600 tree/file
    chmod 755 "$work"
    install -d -m 700 -o 4321 -g 4321 r d
    printf 'version: 1\nro: [tree]\n' > q.yaml
    run setpriv --reuid=4321 --regid=4321 --clear-groups env MOAT_RUN_DIR="$work/r" MOAT_DATA_DIR="$work/d" HOME=/nonexistent \
        "$MOAT" probe --policy q.yaml -b broker --json
    [ "$status" != 125 ] || skip "an ordinary user cannot make this sandbox here: $output"
    assert_equal "$(attempts untried true 'path ' | head -n 1)" "read $work/tree/file"
}

@test "nothing is changed, and nothing made, without --write" {
    require_command jq
    sed -i 's/^ro:/rw:/' p.yaml
    touch -d 2001-01-01 tree tree/file tree/sub
    local before
    before=$(find . -printf '%p %T@ %s %m %U\n' | sort)
    probe p.yaml -b broker --json
    assert_status 0
    assert_equal "$(find . -printf '%p %T@ %s %m %U\n' | sort)" "$before"
    assert_equal "$(attempts untried true 'path ')" "create-and-remove $work/tree"
    attempts asSaid true 'path ' | grep -qx "open $work/tree/file w"
    probe p.yaml -b broker --write --json
    assert_status 0
    attempts asSaid true 'path ' | grep -qx "create-and-remove $work/tree"
    assert_equal "$(find . -printf '%p\n' | sort)" "$(cut -d ' ' -f 1 <<< "$before")"
}

@test "neither contents nor values of variables are printed" {
    probe p.yaml -b container
    refute_contains "a secret value"
    refute_contains "open?"
    refute_match "bytes: "
    assert_match "it is as given"
}

@test "deny inside allow, a limit of time, and options of run go over the file" {
    require_command jq
    printf 'deny: [tree/secret]\ntimeout: 300ms\n' >> p.yaml
    probe p.yaml -b broker --json --hostname other
    assert_status 0
    assert_equal "$(attempts asSaid false "path $work/tree/secret")" "list $work/tree/secret
read $work/tree/secret/key
open $work/tree/secret/key w"
    attempts asSaid false timeout | grep -q ^wait
    attempts asSaid true hostname | grep -qx 'hostname other'
}

@test "what the broker process answers: paths, addresses, names and other ports" {
    require_command jq
    require_command unshare util-linux
    require_command ip iproute2
    require_file "$MOAT_BUILD/libexec/moat-broker"
    printf 'version: 1\nbroker: [tree:rwc]\ndeny: [tree/secret]\nallowNet: ["192.0.2.1:7000", "peer.example:7000"]\n' > b.yaml
    echo nameserver 192.0.2.1 > resolv.conf
    mkfifo hold ready
    # The host of these sandboxes is a network namespace with one address.
    run unshare --net --mount --propagation private bash -c '
        ip link set lo up && ip addr add 192.0.2.1/32 dev lo && mount --bind resolv.conf /etc/resolv.conf || exit 99
        "$MOAT_BUILD/libexec/moat-attempts" serve tcp:192.0.2.1:7000 dns:192.0.2.1:peer.example=192.0.2.1 < hold > ready 3>&- &
        exec 9> hold && read -r word < ready || exit 99
        "$MOAT" probe -b broker --policy b.yaml --write --json 9>&-'
    assert_status 0
    attempts asSaid true "path $work/tree" | grep -qx "open $work/tree/file w"
    attempts asSaid true "path $work/tree" | grep -qx "create-and-remove $work/tree"
    attempts asSaid false "path $work/tree/secret" | grep -qx "read $work/tree/secret/key"
    assert_equal "$(attempts asSaid true network)" "reach 192.0.2.1 7000
reach peer.example 7000"
    assert_equal "$(attempts asSaid false 'another port')" "reach 192.0.2.1 1
reach peer.example 1"
    refute_exists tree/.moat-attempt*
}

@test "a policy that run refuses by name is refused with run's words" {
    echo 'allowNet: ["192.0.2.1:7000"]' >> p.yaml
    probe p.yaml -b container
    assert_error 125 192.0.2.1:7000 "-b broker"
    probe no-such.yaml
    assert_error 125 no-such.yaml
    run "$MOAT" probe --write -b container
    assert_error 125 --write --policy
}

@test "the JSON follows its schema" {
    probe p.yaml -b container --json
    echo "$output" > out
    judge probe-policy.schema.json out
}

@test "nothing is left in /tmp" {
    probe p.yaml -b container
    assert_equal "$(find /tmp -maxdepth 1 -name 'moat-probe-*' -newer p.yaml)" ""
}
