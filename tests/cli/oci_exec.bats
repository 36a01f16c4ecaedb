#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat-oci: exec, terminals and console sockets, descriptors that are handed over and those that are not.
bats_require_minimum_version 1.5.0
load oci

setup_file() { oci_setup_file; }
setup() { oci_setup; }
teardown() { oci_teardown; }

# ---- exec -------------------------------------------------------------------------------------------------------

@test "exec runs in the container's namespaces and cgroup" {
    up '.hostname = "inside"'
    run oci exec "$id" sh -c 'hostname; for n in mnt net ipc; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup'
    assert_success
    local ns
    ns=$(for n in mnt net ipc; do readlink "/proc/$(host_pid)/ns/$n"; done)
    assert_equal "$(head -n 4 <<<"$output")" "inside"$'\n'"$ns"
    assert_equal "$(tail -n +5 <<<"$output" | grep -vc ':/$')" 0
}

@test "exec gives the exit status" {
    up
    run oci exec "$id" sh -c 'exit 9'
    assert_status 9
}

@test "exec gives 128+N when a signal ended it" {
    up
    run oci exec "$id" sh -c 'kill -9 $$'
    assert_status 137
}

@test "exec of a program that is not there is refused by its name" {
    up
    run oci exec "$id" no-such-program
    assert_failure
    assert_contains no-such-program
}

@test "exec of a file that is no program is refused by its name" {
    up
    run oci exec "$id" /etc/passwd
    assert_failure
    assert_contains /etc/passwd
}

@test "exec --user, --additional-gids" {
    up
    run oci exec --user 1000:1001 --additional-gids 5,6 "$id" sh -c 'id -u; id -g; id -G'
    assert_output $'1000\n1001\n1001 5 6'
}

@test "exec --cwd" {
    up
    run oci exec --cwd /usr "$id" pwd
    assert_output /usr
}

@test "exec --cwd that is not there names it" {
    up
    run oci exec --cwd /no/where "$id" pwd
    assert_failure
    assert_contains /no/where
}

@test "exec --env adds and replaces, the container's stay" {
    up '.process.env += ["KEEP=1", "CHANGE=old"]'
    run oci exec --env NEW=2 --env CHANGE=new "$id" sh -c 'echo "$KEEP $CHANGE $NEW"'
    assert_output "1 new 2"
}

@test "exec sets HOME from the container's passwd" {
    up
    run oci exec "$id" sh -c 'echo $HOME'
    assert_output /root
    run oci exec --env HOME=/given "$id" sh -c 'echo $HOME'
    assert_output /given
}

@test "exec --cap adds to bounding, effective, permitted" {
    up
    run oci exec --cap CAP_SYS_ADMIN "$id" grep -E 'Cap(Prm|Eff|Bnd|Amb)' /proc/self/status
    assert_output $'CapPrm:\t0000000020200420\nCapEff:\t0000000020200420\nCapBnd:\t0000000020200420\nCapAmb:\t0000000000000000'
}

@test "exec --process takes a whole process object and nothing of the container's" {
    up '.process.env += ["KEEP=1"]'
    jq '.process | .args = ["sh", "-c", "echo $KEEP-$ONLY; id -u; pwd; umask; grep CapEff /proc/self/status"] | .cwd = "/etc"
        | .user = {uid: 12, gid: 13, umask: 7} | .env = ["PATH=/bin:/usr/bin", "ONLY=1"] | del(.capabilities)' "$BASE" > "$dir/p.json"
    run oci exec --process "$dir/p.json" "$id"
    assert_output $'-1\n12\n/etc\n0007\nCapEff:\t0000000000000000'
}

@test "exec --process - reads standard input" {
    up
    jq '.process | .args = ["echo", "from stdin"]' "$BASE" > "$dir/p.json"
    run oci exec --process - "$id" < "$dir/p.json"
    assert_output "from stdin"
}

@test "exec --process with bad JSON is refused with the file's name" {
    up
    echo '{"args": [' > "$dir/p.json"
    run oci exec --process "$dir/p.json" "$id"
    assert_error 1 "$dir/p.json"
}

@test "exec --tty with --console-socket hands the terminal over" {
    up
    receive console
    oci exec --tty --detach --console-socket "$dir/socket" "$id" sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && echo all' < /dev/null 3>&-
    wait_for 5 grep -q all "$dir/received"
    assert_equal "$(head -n 1 "$dir/received" | tr -d 0-9)" "/dev/pts/"
}

@test "exec --detach with --pid-file, the process goes on" {
    up
    oci exec --detach --pid-file "$dir/pid" "$id" sleep 1000 < /dev/null > /dev/null 2>&1 3>&-
    assert_equal "$(tr '\0' ' ' < "/proc/$(< "$dir/pid")/cmdline")" "sleep 1000 "
    kill -9 "$(< "$dir/pid")"
}

@test "exec in a created container" {
    config .
    create
    run oci exec "$id" echo here
    assert_output here
}

@test "exec in a stopped container is refused" {
    config .
    create
    start
    wait_for 5 status_is stopped
    run oci exec "$id" true
    assert_error 1 "stopped"
}

@test "exec in a paused container is refused" {
    up
    oci pause "$id"
    run oci exec "$id" true
    assert_error 1 "paused"
    oci resume "$id"
}

@test "exec has the container's seccomp filter and no_new_privs" {
    up '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"}'
    run oci exec "$id" grep -E 'Seccomp:|NoNewPrivs' /proc/self/status
    assert_output $'NoNewPrivs:\t1\nSeccomp:\t2'
}

@test "exec in a user namespace is its root" {
    up '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 700000, size: 1000}]
        | .linux.gidMappings = [{containerID: 0, hostID: 700000, size: 1000}]'
    run oci exec "$id" sh -c 'id -u; cat /proc/self/uid_map | tr -s " "'
    assert_output $'0\n 0 700000 1000'
}

@test "exec hands descriptors over with --preserve-fds" {
    up
    echo third > "$dir/three"
    run bash -c 'exec 3< "$1"; "$2" --root "$3" exec --preserve-fds 1 "$4" sh -c "cat <&3"' - "$dir/three" "$MOAT_OCI" "$state" "$id"
    assert_output third
}

@test "exec leaks no descriptor" {
    up
    run bash -c 'exec 3< /etc/passwd 7< /etc/passwd; "$1" --root "$2" exec "$3" sh -c "ls /proc/self/fd"' - "$MOAT_OCI" "$state" "$id"
    assert_output $'0\n1\n2\n3' # 3 is ls's own
}

# ---- terminals and descriptors ----------------------------------------------------------------------------------

@test "create with --console-socket: the terminal is the container's, with the size of consoleSize" {
    receive console
    config 'shell("tty; stty size; test -c /dev/console && echo console") | .process.terminal = true | .process.consoleSize = {height: 33, width: 111}'
    create --console-socket "$dir/socket"
    assert_success
    start
    wait_for 5 grep -q '^console' "$dir/received"
    assert_equal "$(tr -d '0-9' < "$dir/received" | head -n 1)" /dev/pts/
    grep -qx '33 111' "$dir/received"
}

@test "a terminal takes typed input" {
    receive type 'hello\n'
    config 'shell("read word; echo got-$word") | .process.terminal = true'
    create --console-socket "$dir/socket"
    start
    wait_for 5 grep -q got-hello "$dir/received"
}

@test "a terminal without --console-socket, and the reverse, are refused" {
    config '.process.terminal = true'
    create
    assert_error 1 "--console-socket"
    config .
    create --console-socket "$dir/socket"
    assert_error 1 "--console-socket" "terminal"
    refute_exists "$state/$id"
}

@test "a console socket where nobody listens is an error that names it, nothing is left" {
    config '.process.terminal = true'
    create --console-socket "$dir/nobody"
    assert_error 1 "$dir/nobody"
    refute_exists "$state/$id"
}

@test "--preserve-fds hands over 3 and up, in order" {
    echo three > "$dir/3"
    echo four > "$dir/4"
    config 'shell("cat <&3; cat <&4")'
    run bash -c 'exec 3< "$1/3" 4< "$1/4" 5< /etc/passwd; "$2" --root "$3" run --preserve-fds 2 --bundle "$1" "$4"' - "$dir" "$MOAT_OCI" "$state" "$id"
    assert_output $'three\nfour'
}

@test "descriptors beyond --preserve-fds are not inside" {
    config 'shell("ls /proc/self/fd")'
    run bash -c 'exec 3< /etc/passwd 4< /etc/passwd 5< /etc/passwd 9< /etc/passwd
        "$2" --root "$3" run --preserve-fds 1 --bundle "$1" "$4"' - "$dir" "$MOAT_OCI" "$state" "$id"
    assert_output $'0\n1\n2\n3\n4' # 4 is ls's own
}

@test "--preserve-fds of one that is not open is refused" {
    config .
    run bash -c 'exec 3>&- 4>&-; "$2" --root "$3" run --preserve-fds 2 --bundle "$1" "$4"' - "$dir" "$MOAT_OCI" "$state" "$id"
    assert_error 1 "--preserve-fds 2" "3"
}
