#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat-oci: what config.json asks for is what the program finds. One field a test, looked at from inside or on the host.
load oci

setup_file() { oci_setup_file; }
setup() { oci_setup; }
teardown() { oci_teardown; }

# own_root: a root of this test's own, writable.
own_root() { make_rootfs "$dir/root"; }
OWN='.root = {path: "root"}'

# ---- namespaces -------------------------------------------------------------------------------------------------

@test "namespaces that are listed are new, those that are not are the caller's" {
    for ns in ipc uts network pid cgroup; do
        case $ns in network) file=net ;; *) file=$ns ;; esac
        oci_run "shell(\"readlink /proc/self/ns/$file\")"
        [ "$output" != "$(readlink "/proc/self/ns/$file")" ] || { echo "$ns is not new" >&2; false; }
        # What belongs to the namespace goes with it.
        oci_run "shell(\"readlink /proc/self/ns/$file\") | without(\"$ns\") | if \"$ns\" == \"uts\" then del(.hostname) else . end"
        assert_output "$(readlink "/proc/self/ns/$file")"
    done
}

@test "no user namespace is added that config.json lacks" {
    oci_run 'shell("readlink /proc/self/ns/user")'
    assert_output "$(readlink /proc/self/ns/user)"
}

@test "a namespace is joined by path" {
    up
    local first=$id pid net ipc
    pid=$(host_pid) net=$(readlink "/proc/$pid/ns/net") ipc=$(readlink "/proc/$pid/ns/ipc")
    id=second-$id
    config '.linux.namespaces |= map(if .type == "network" then .path = "/proc/\($pid)/ns/net" elif .type == "ipc" then .path = "/proc/\($pid)/ns/ipc" else . end)
        | shell("readlink /proc/self/ns/net; readlink /proc/self/ns/ipc")' --argjson pid "$pid"
    run oci run --bundle "$dir" "$id"
    assert_output "$net"$'\n'"$ipc"
    id=$first
}

@test "a pid namespace is joined by path" {
    up
    local pid
    pid=$(host_pid)
    config '.linux.namespaces |= map(if .type == "pid" then .path = "/proc/\($pid)/ns/pid" else . end) | shell("readlink /proc/self/ns/pid")' --argjson pid "$pid"
    run oci run --bundle "$dir" "second-$id"
    assert_output "$(readlink "/proc/$pid/ns/pid")"
}

@test "a path that is another kind of namespace is refused" {
    oci_run '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/uts" else . end)'
    assert_error 1 "network" "/proc/self/ns/uts"
}

@test "a namespace path that is not there is refused" {
    oci_run '.linux.namespaces |= map(if .type == "network" then .path = "/no/such" else . end)'
    assert_error 1 "network" "/no/such"
}

USERNS='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 700000, size: 1000}]
    | .linux.gidMappings = [{containerID: 0, hostID: 800000, size: 500}]'

@test "user namespace with maps" {
    require_userns
    oci_run "$USERNS"' | shell("cat /proc/self/uid_map /proc/self/gid_map | tr -s \" \"; id -u")'
    assert_output $' 0 700000 1000\n 0 800000 500\n0'
}

@test "user namespace with several map entries" {
    require_userns
    oci_run '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 700000, size: 10}, {containerID: 1000, hostID: 720000, size: 1}]
        | .linux.gidMappings = .linux.uidMappings | .process.user = {uid: 1000, gid: 1000} | shell("cat /proc/self/uid_map | tr -s \" \"; id -u; id -g")'
    assert_output $' 0 700000 10\n 1000 720000 1\n1000\n1000'
}

@test "user namespace: root inside is the mapped id outside" {
    require_userns
    up "$USERNS"
    assert_equal "$(stat -c '%u %g' "/proc/$(host_pid)")" "700000 800000"
}

@test "user namespace without maps is refused" {
    oci_run '.linux.namespaces += [{type: "user"}]'
    assert_error 1 "uidMappings"
}

@test "time namespace with offsets" {
    require_file /proc/self/ns/time
    local before after
    before=$(cut -d. -f1 /proc/uptime)
    oci_run '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000000, nanosecs: 0}, monotonic: {secs: 5000}} | shell("cut -d. -f1 /proc/uptime; tr -s \" \" < /proc/self/timens_offsets")'
    assert_success
    after=$(cut -d. -f1 /proc/uptime)
    local inside=${lines[0]}
    [ "$inside" -ge $((before + 1000000)) ] && [ "$inside" -le $((after + 1000001)) ]
    assert_contains "monotonic 5000 0"
    assert_contains "boottime 1000000 0"
}

@test "hostname and domainname" {
    oci_run '.hostname = "box" | .domainname = "example.org" | shell("hostname; cat /proc/sys/kernel/domainname")'
    assert_output $'box\nexample.org'
}

@test "hostname without a uts namespace is refused" {
    oci_run 'without("uts")'
    assert_error 1 "hostname" "uts"
}

@test "loopback is up in a network namespace of its own" {
    oci_run 'shell("ip -o link show lo; ls /sys/class/net")'
    assert_contains "LOOPBACK,UP"
    assert_equal "$(tail -n 1 <<<"$output")" lo
}

@test "cgroup namespace: its own group is the root" {
    oci_run 'shell("cut -d: -f3 /proc/self/cgroup | sort -u")'
    assert_output /
}

# ---- sysctl -----------------------------------------------------------------------------------------------------

@test "sysctl of the container's namespaces" {
    oci_run '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "123456", "fs.mqueue.msg_max": "5"}
        | shell("cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax fs/mqueue/msg_max")'
    assert_output $'1\n123456\n5'
}

@test "sysctl that would change the host is refused" {
    oci_run '.linux.sysctl = {"vm.swappiness": "1"}'
    assert_error 1 "vm.swappiness" "host"
    oci_run '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | without("network")'
    assert_error 1 "net.ipv4.ip_forward" "network"
}

@test "sysctl that does not exist, and a value that the kernel refuses, are named" {
    oci_run '.linux.sysctl = {"net.no.such": "1"}'
    assert_error 1 "net.no.such"
    oci_run '.linux.sysctl = {"net.ipv4.ip_forward": "many"}'
    assert_error 1 "net.ipv4.ip_forward" "many"
}

# ---- root and mounts --------------------------------------------------------------------------------------------

@test "root.readonly" {
    own_root
    oci_run "$OWN"' | .root.readonly = true | shell("touch /here 2>&1")'
    assert_failure
    assert_contains "Read-only file system"
    refute_exists "$dir/root/here"
}

@test "a writable root, relative to the bundle" {
    own_root
    oci_run "$OWN"' | shell("touch /here")'
    assert_success
    assert_exists "$dir/root/here"
}

@test "a root that is not there is named" {
    oci_run '.root.path = "no-root"'
    assert_error 1 "no-root"
}

@test "nothing of the host's mounts is inside" {
    # The root's own line names where it lies in its file system; field 5 is the place inside.
    oci_run 'shell("cut -d\" \" -f5 /proc/self/mountinfo | grep -vE \"^/(|proc|dev|sys)(/|$)\"; true")'
    assert_success
    assert_output ""
}

@test "tmpfs with size, mode and flags" {
    oci_run '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "noexec", "nodev", "size=1m", "mode=1750", "noatime"]}]
        | shell("stat -c %a /tmp; grep \" /tmp \" /proc/self/mountinfo | cut -d\" \" -f6; df -k /tmp | tail -n 1 | tr -s \" \" | cut -d\" \" -f2")'
    assert_output $'1750\nrw,nosuid,nodev,noexec,noatime\n1024'
}

@test "bind mount, writable" {
    mkdir "$dir/shared"
    oci_run '.mounts += [{destination: "/tmp", source: "shared", options: ["bind"]}] | shell("echo hello > /tmp/file")'
    assert_success
    assert_equal "$(< "$dir/shared/file")" hello
}

@test "bind mount, read-only" {
    mkdir "$dir/shared"
    oci_run '.mounts += [{destination: "/tmp", source: "shared", options: ["bind", "ro"]}] | shell("echo hello > /tmp/file 2>&1")'
    assert_failure
    assert_contains "Read-only file system"
    refute_exists "$dir/shared/file"
}

@test "bind mount of a file onto a name that is not there" {
    own_root
    echo content > "$dir/file"
    oci_run "$OWN"' | .mounts += [{destination: "/new/folder/name", source: "file", options: ["bind", "ro"]}] | shell("cat /new/folder/name")'
    assert_output content
}

@test "a bind source that is not there is named" {
    oci_run '.mounts += [{destination: "/tmp", source: "/no/source", options: ["bind"]}]'
    assert_error 1 "/tmp" "/no/source"
}

@test "a source whose way passes the root is the host's, and what the host lacks is not looked for in the image" {
    own_root
    local up=../../../../../../../../../../../..
    mkdir -p "$dir/real" "$dir/root$dir/real" "$dir/root$dir/away"
    echo host > "$dir/real/file"
    echo forged | tee "$dir/root$dir/real/file" > "$dir/root$dir/away/file"
    ln -s "$up$dir/real" "$dir/link"
    ln -s "$up$dir/away" "$dir/lost"
    for source in link "$dir/link" "$dir/../$up$dir/real"; do
        oci_run "$OWN | .mounts += [{destination: \"/tmp\", source: \"$source\", options: [\"bind\", \"ro\"]}] | shell(\"cat /tmp/file\")"
        assert_output host
    done
    oci_run "$OWN"' | .mounts += [{destination: "/tmp", source: "lost", options: ["bind", "ro"]}] | shell("cat /tmp/file")'
    assert_failure
    assert_contains "lost"
    refute_contains forged
}

@test "rro makes submounts read-only, too" {
    mkdir -p "$dir/shared/sub"
    config '.mounts += [{destination: "/tmp", source: "shared", options: ["rbind", "rro"]}] | shell("touch /tmp/sub/file 2>&1")'
    run unshare -m --propagation private sh -c 'mount -t tmpfs t "$1/shared/sub" && "$2" --root "$3" run --bundle "$1" "$4"' - "$dir" "$MOAT_OCI" "$state" "$id"
    assert_failure
    assert_contains "Read-only file system"
}

@test "ro makes only the top read-only" {
    mkdir -p "$dir/shared/sub"
    config '.mounts += [{destination: "/tmp", source: "shared", options: ["rbind", "ro"]}] | shell("touch /tmp/sub/file && echo fine; touch /tmp/file 2>/dev/null || echo refused")'
    run unshare -m --propagation private sh -c 'mount -t tmpfs t "$1/shared/sub" && "$2" --root "$3" run --bundle "$1" "$4"' - "$dir" "$MOAT_OCI" "$state" "$id"
    assert_output $'fine\nrefused'
}

@test "propagation of a bind mount" {
    mkdir "$dir/shared"
    oci_run '.mounts += [{destination: "/tmp", source: "shared", options: ["bind", "shared"]}] | shell("grep -c \" /tmp .*shared:\" /proc/self/mountinfo")'
    assert_output 1
    oci_run '.mounts += [{destination: "/tmp", source: "shared", options: ["bind", "private"]}] | shell("grep -c \" /tmp .*shared:\" /proc/self/mountinfo")'
    assert_output 0
}

@test "tmpcopyup: the tmpfs begins with what the root has there" {
    own_root
    mkdir -p "$dir/root/data/sub"
    echo old > "$dir/root/data/file"
    chmod 646 "$dir/root/data/file"
    chown 5:6 "$dir/root/data/file"
    ln -s file "$dir/root/data/link"
    oci_run "$OWN"' | .root.readonly = true | .mounts += [{destination: "/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}]
        | shell("cat /data/file; stat -c \"%a %u %g\" /data/file; readlink /data/link; ls -d /data/sub; echo new > /data/file; cat /data/file")'
    assert_output $'old\n646 5 6\nfile\n/data/sub\nnew'
    assert_equal "$(< "$dir/root/data/file")" old
}

@test "idmap mount: what the map says" {
    mkdir "$dir/shared"
    touch "$dir/shared/zero" "$dir/shared/five"
    chown 5:6 "$dir/shared/five"
    oci_run '.mounts += [{destination: "/tmp", source: "shared", options: ["bind", "idmap"],
            uidMappings: [{containerID: 0, hostID: 4000, size: 10}], gidMappings: [{containerID: 0, hostID: 6000, size: 10}]}]
        | shell("stat -c \"%u %g\" /tmp/zero /tmp/five")'
    assert_output $'4000 6000\n4005 6006'
}

@test "idmap mount without maps takes those of the user namespace" {
    require_userns
    mkdir "$dir/shared"
    touch "$dir/shared/zero"
    oci_run "$USERNS"' | .mounts += [{destination: "/tmp", source: "shared", options: ["bind", "idmap"]}]
        | shell("stat -c \"%u %g\" /tmp/zero; touch /tmp/made")'
    assert_output "0 0"
    assert_equal "$(stat -c '%u %g' "$dir/shared/made")" "0 0"
}

@test "idmap without maps and without a user namespace is refused" {
    mkdir "$dir/shared"
    oci_run '.mounts += [{destination: "/tmp", source: "shared", options: ["bind", "idmap"]}]'
    assert_error 1 "mounts[7]" "idmap" "uidMappings"
}

@test "idmap of a file system that has none is refused with the remedy" {
    require_userns
    mkdir "$dir/l" "$dir/u" "$dir/w" "$dir/m"
    config "$USERNS"' | .mounts += [{destination: "/tmp", source: "m", options: ["bind", "idmap"]}]'
    run unshare -m --propagation private sh -c 'mount -t overlay o -o "lowerdir=$1/l,upperdir=$1/u,workdir=$1/w" "$1/m" || exit 99
        "$2" --root "$3" run --bundle "$1" "$4"' - "$dir" "$MOAT_OCI" "$state" "$id"
    [ "$status" != 99 ] || skip "overlay cannot be mounted here"
    assert_error 1 "/tmp" "id-mapped" "copy it"
}

@test "unknown mount options go to the file system, which refuses them by the mount's name" {
    oci_run '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["no-such-option"]}]'
    assert_failure
    assert_contains "/tmp"
}

@test "an unknown file system is named" {
    oci_run '.mounts += [{destination: "/tmp", type: "nosuchfs", source: "x"}]'
    assert_failure
    assert_contains "nosuchfs"
}

@test "maskedPaths: a file reads as nothing, a folder is empty" {
    own_root
    mkdir "$dir/root/secret"
    echo x > "$dir/root/secret/file"
    echo y > "$dir/root/word"
    oci_run "$OWN"' | .linux.maskedPaths = ["/secret", "/word", "/not/there"] | shell("ls /secret; cat /word; touch /secret/new 2>/dev/null || echo closed")'
    assert_output closed
}

@test "readonlyPaths" {
    own_root
    mkdir "$dir/root/fixed"
    oci_run "$OWN"' | .linux.readonlyPaths = ["/fixed", "/not/there"] | shell("touch /fixed/new 2>/dev/null || echo closed; touch /other && echo open")'
    assert_output $'closed\nopen'
}

@test "/sys/fs/cgroup inside shows the container's group and nothing above it" {
    v1_group pids
    oci_run '.linux.resources.pids = {limit: 33} | shell("cat /sys/fs/cgroup/pids/pids.max; ls -d /sys/fs/cgroup/pids/moat* 2>/dev/null | wc -l")'
    assert_output $'33\n0'
}

# ---- devices ----------------------------------------------------------------------------------------------------

@test "the default devices and links" {
    oci_run 'shell("cd /dev; stat -c \"%n %t:%T\" null zero full random urandom tty; for l in fd stdin stdout stderr ptmx; do readlink $l; done")'
    assert_output $'null 1:3\nzero 1:5\nfull 1:7\nrandom 1:8\nurandom 1:9\ntty 5:0\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx'
}

@test "linux.devices with mode and owner" {
    oci_run '.linux.devices = [{path: "/dev/extra", type: "c", major: 1, minor: 3, fileMode: 416, uid: 5, gid: 6}, {path: "/dev/sub/pipe", type: "p", fileMode: 384}]
        | shell("stat -c \"%F %t:%T %a %u %g\" /dev/extra; stat -c \"%F %a\" /dev/sub/pipe")'
    assert_output $'character special file 1:3 640 5 6\nfifo 600'
}

# A device that is none of the defaults and opens without privilege.
other_device()
{
    require_cgroup devices
    local d
    for d in /dev/fuse /dev/net/tun /dev/loop-control /dev/kvm; do
        if [ -c "$d" ] && head -c 0 "$d" 2>/dev/null; then
            MAJOR=$(printf %d "0x$(stat -c %t "$d")") MINOR=$(printf %d "0x$(stat -c %T "$d")")
            OTHER=".linux.devices = [{path: \"/dev/other\", type: \"c\", major: $MAJOR, minor: $MINOR}]
                | .linux.resources.devices = [{allow: false, access: \"rwm\"}]"
            return
        fi
    done
    skip "this host has none of /dev/fuse, /dev/net/tun, /dev/loop-control, /dev/kvm"
}

@test "device rules: the default devices work, what no rule allows is denied" {
    other_device
    oci_run "$OTHER"' | shell("head -c 1 /dev/zero | wc -c; echo x > /dev/null; exec 5< /dev/other")'
    assert_failure
    assert_match "^1"
    assert_contains "/dev/other: Operation not permitted"
}

@test "device rules: a rule allows" {
    other_device
    oci_run "$OTHER"' | .linux.resources.devices += [{allow: true, type: "c", major: '$MAJOR', minor: '$MINOR', access: "r"}] | shell("exec 5< /dev/other; echo open")'
    assert_output open
}

@test "device rules: reading does not give writing" {
    other_device
    oci_run "$OTHER"' | .linux.resources.devices += [{allow: true, type: "c", major: '$MAJOR', minor: '$MINOR', access: "r"}] | shell("exec 5<> /dev/other")'
    assert_failure
    assert_contains "/dev/other: Operation not permitted"
}

@test "device rules: without one nothing is denied" {
    other_device
    oci_run "$OTHER"' | del(.linux.resources.devices) | shell("exec 5< /dev/other; echo open")'
    assert_output open
}

@test "device rules: a node made inside opens no more than they allow" {
    require_cgroup devices
    oci_run '.process.capabilities = ({} | .bounding = ["CAP_MKNOD"] | .permitted = .bounding | .effective = .bounding)
        | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}] | shell("mknod /tmp/mem c 1 1; exec 5< /tmp/mem")'
    assert_failure
    assert_contains "/tmp/mem: "
}

# ---- process ----------------------------------------------------------------------------------------------------

@test "user, group and additional groups" {
    oci_run '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 44, 1001]} | shell("id -u; id -g; grep Groups /proc/self/status")'
    assert_equal "$(tr -d '\t' <<<"$output" | sed 's/ *$//')" $'1000\n1001\nGroups:5 44 1001'
}

@test "no groups of the caller's are left" {
    oci_run '.process.user = {uid: 0, gid: 0} | shell("grep Groups /proc/self/status")'
    assert_equal "$(tr -d '\t ' <<<"$output")" "Groups:"
}

@test "umask, 022 when none is given" {
    oci_run '.process.user.umask = 63 | shell("umask")'
    assert_output 0077
    oci_run 'shell("umask")'
    assert_output 0022
}

@test "capabilities: the exact five sets" {
    oci_run '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], permitted: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_KILL"],
            inheritable: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"]} | .process.user.uid = 1000 | shell("grep ^Cap /proc/self/status | tr -d \"\\t\"")'
    # sh keeps what exec left: permitted and effective become the ambient set for a user without privilege.
    assert_output $'CapInh:0000000000000001\nCapPrm:0000000000000001\nCapEff:0000000000000001\nCapBnd:0000000000002021\nCapAmb:0000000000000001'
}

@test "capabilities of root: permitted and effective are the bounding set's" {
    oci_run '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_CHOWN", "CAP_KILL"]}
        | shell("grep ^Cap /proc/self/status | tr -d \"\\t\"")'
    assert_output $'CapInh:0000000000000000\nCapPrm:0000000000000021\nCapEff:0000000000000021\nCapBnd:0000000000000021\nCapAmb:0000000000000000'
}

@test "no capabilities object: none at all" {
    oci_run 'del(.process.capabilities) | shell("grep -E \"Cap(Prm|Eff|Bnd|Inh|Amb)\" /proc/self/status | cut -f2 | sort -u")'
    assert_output 0000000000000000
}

@test "an unknown capability is refused by name" {
    oci_run '.process.capabilities.bounding += ["CAP_NO_SUCH"]'
    assert_error 1 "CAP_NO_SUCH"
}

@test "noNewPrivileges, on and off" {
    oci_run '.process.noNewPrivileges = true | shell("grep NoNewPrivs /proc/self/status | cut -f2")'
    assert_output 1
    oci_run '.process.noNewPrivileges = false | shell("grep NoNewPrivs /proc/self/status | cut -f2")'
    assert_output 0
}

@test "rlimits" {
    oci_run '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]
        | shell("ulimit -Sn; ulimit -Hn; ulimit -Hc")'
    assert_output $'100\n200\n0'
}

@test "an rlimit above the hard limit needs CAP_SYS_RESOURCE, which the error names" {
    local above
    above=$(($(ulimit -Hn) + 1))
    config ".process.rlimits = [{type: \"RLIMIT_NOFILE\", soft: 10, hard: $above}]"
    run setpriv --inh-caps -sys_resource --bounding-set -sys_resource "$MOAT_OCI" --root "$state" run --bundle "$dir" "$id"
    assert_error 1 "RLIMIT_NOFILE" "$above" "CAP_SYS_RESOURCE"
    refute_exists "$state/$id"
}

@test "oomScoreAdj" {
    oci_run '.process.oomScoreAdj = 567 | shell("cat /proc/self/oom_score_adj")'
    assert_output 567
}

@test "oomScoreAdj below the caller's needs CAP_SYS_RESOURCE, which the error names" {
    config '.process.oomScoreAdj = -900'
    run setpriv --inh-caps -sys_resource --bounding-set -sys_resource "$MOAT_OCI" --root "$state" run --bundle "$dir" "$id"
    assert_error 1 "oomScoreAdj" "-900" "CAP_SYS_RESOURCE"
}

@test "cwd" {
    oci_run '.process.cwd = "/usr/bin" | shell("pwd")'
    assert_output /usr/bin
}

@test "a cwd that is not there is named" {
    oci_run '.process.cwd = "/no/where"'
    assert_error 1 "/no/where"
}

@test "env is exactly what is given, and HOME" {
    oci_run '.process.env = ["PATH=/bin:/usr/bin", "A=1", "B=x y=z"] | .process.args = ["env"]'
    assert_equal "$(sort <<<"$output")" $'A=1\nB=x y=z\nHOME=/root\nPATH=/bin:/usr/bin'
}

@test "the program is looked up in the PATH of process.env" {
    own_root
    mkdir "$dir/root/mine"
    printf '#!/bin/sh\necho mine\n' > "$dir/root/mine/ls"
    chmod 755 "$dir/root/mine/ls"
    oci_run "$OWN"' | .process.env = ["PATH=/mine:/bin"] | .process.args = ["ls"]'
    assert_output mine
}

@test "arguments arrive as they are" {
    oci_run '.process.args = ["printf", "[%s]", "", "a b", "\"q\"", "ü\n"]'
    assert_output $'[][a b]["q"][ü\n]'
}

@test "personality LINUX32" {
    [ "$(uname -m)" = x86_64 ] || skip "needs x86-64"
    oci_run '.linux.personality = {domain: "LINUX32"} | shell("uname -m")'
    assert_output i686
}

@test "scheduler and ioPriority" {
    oci_run '.process.scheduler = {policy: "SCHED_BATCH", nice: 5} | .process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}
        | shell("cut -d\" \" -f19,41 /proc/self/stat; ionice")'
    assert_output $'5 3\nbest-effort: prio 6'
}

@test "apparmorProfile, selinuxLabel and intelRdt are refused by name" {
    oci_run '.process.apparmorProfile = "profile-x"'
    assert_error 1 "process.apparmorProfile" "profile-x"
    oci_run '.process.selinuxLabel = "label-x"'
    assert_error 1 "process.selinuxLabel" "label-x"
    oci_run '.linux.intelRdt = {closID: "x"}'
    assert_error 1 "linux.intelRdt"
    refute_exists "$state/$id"
}

@test "exec --process refuses apparmorProfile and selinuxLabel by name" {
    up
    jq '.process | .args = ["true"] | .apparmorProfile = "profile-x"' "$BASE" > "$dir/p.json"
    run oci exec --process "$dir/p.json" "$id"
    assert_error 1 "apparmorProfile" "profile-x"
    jq '.process | .args = ["true"] | .selinuxLabel = "label-x"' "$BASE" > "$dir/p.json"
    run oci exec --process "$dir/p.json" "$id"
    assert_error 1 "selinuxLabel" "label-x"
}

@test "a version of the specification from the future is refused" {
    oci_run '.ociVersion = "2.0.0"'
    assert_error 1 "ociVersion" "2.0.0"
}

# ---- cgroups ----------------------------------------------------------------------------------------------------

@test "cgroup v1: the limits are written" {
    v1_group memory; local memory=$group
    v1_group cpu; local cpu=$group
    v1_group pids; local pids=$group
    v1_group cpuset; local cpuset=$group
    up '.linux.resources += {memory: {limit: 67108864, reservation: 33554432, swappiness: 10}, cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0"}, pids: {limit: 44}}'
    assert_equal "$(cat "$memory"/memory.{limit_in_bytes,soft_limit_in_bytes,swappiness} | xargs)" "67108864 33554432 10"
    assert_equal "$(cat "$cpu"/cpu.{shares,cfs_quota_us,cfs_period_us} | xargs)" "512 50000 100000"
    assert_equal "$(cat "$cpuset"/cpuset.{cpus,mems} | xargs)" "0 0"
    assert_equal "$(cat "$pids/pids.max")" 44
    assert_equal "$(xargs < "$memory/cgroup.procs" | wc -w)" "$(xargs < "$pids/cgroup.procs" | wc -w)"
    grep -qx "$(host_pid)" "$memory/cgroup.procs"
}

@test "memory limit: what is over it is killed" {
    require_cgroup memory
    oci_run '.linux.resources.memory = {limit: 8388608, swap: 8388608} | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]
        | .process.args = ["dd", "if=/dev/zero", "of=/tmp/big", "bs=1M", "count=64"]'
    assert_status 137
}

@test "pids limit: fork fails beyond it" {
    require_cgroup pids
    oci_run '.linux.resources.pids = {limit: 4} | shell("for i in 1 2 3 4 5 6; do sleep 3 & done; echo all")'
    assert_failure
    assert_contains "fork"
}

@test "cgroupsPath, absolute and relative" {
    v1_group pids "moat-test-$$/deep/group"
    up ".linux.cgroupsPath = \"/moat-test-$$/deep/group\""
    grep -qx "$(host_pid)" "$group/cgroup.procs"
    oci delete --force "$id"
    refute_exists "$group"
    up ".linux.cgroupsPath = \"moat-test-$$/deep/group\""
    grep -qx "$(host_pid)" "$group/cgroup.procs"
    oci delete --force "$id"
    find /sys/fs/cgroup -depth -type d -path "*/moat-test-$$*" -exec rmdir {} + 2>/dev/null || true
}

@test "cgroupsPath with .. is refused" {
    oci_run '.linux.cgroupsPath = "/a/../../b"'
    assert_error 1 "cgroupsPath" ".."
}

@test "cgroupsPath in systemd's form" {
    v1_group pids "moat-test-$$.slice/x-$id.scope"
    config "shell(\"sleep 100\") | .linux.cgroupsPath = \"moat-test-$$.slice:x:$id\""
    status=0
    "$MOAT_OCI" --root "$state" --systemd-cgroup create --bundle "$dir" "$id" < /dev/null > "$dir/out" 2>&1 3>&- || status=$?
    assert_success
    grep -qx "$(host_pid)" "$group/cgroup.procs"
    oci delete --force "$id"
    find /sys/fs/cgroup -depth -type d -path "*/moat-test-$$.slice*" -exec rmdir {} + 2>/dev/null || true
}

@test "a limit for whose controller this host has no hierarchy is refused by name" {
    ! grep -qE " - cgroup .*[ ,]net_cls" /proc/self/mountinfo || skip "net_cls is mounted here"
    oci_run '.linux.resources.network = {classID: 1}'
    assert_failure
    assert_match "net_cls|classID"
    refute_exists "$state/$id"
    assert_equal "$(find /sys/fs/cgroup -name "moat-$id")" ""
}

# ---- seccomp ----------------------------------------------------------------------------------------------------

@test "seccomp: errno of a rule" {
    oci_run '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}
        | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}] | shell("mkdir /tmp/x")'
    assert_failure
    assert_contains "Operation not supported"
}

@test "seccomp: EPERM where a rule has no errno" {
    oci_run '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}
        | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}] | shell("mkdir /tmp/x")'
    assert_failure
    assert_contains "Operation not permitted"
}

@test "seccomp: arguments decide" {
    oci_run '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{index: 1, value: 12, op: "SCMP_CMP_EQ"}]}]}
        | shell("kill -0 $$ && echo zero; kill -12 $$ 2>/dev/null || echo twelve")'
    assert_output $'zero\ntwelve'
}

@test "seccomp: kill ends the process with SIGSYS" {
    oci_run '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS"}]} | .process.args = ["mkdir", "/x"]'
    assert_status 159
}

@test "seccomp: flags and architectures, unknown names of calls are passed over" {
    oci_run '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], flags: ["SECCOMP_FILTER_FLAG_LOG"],
            syscalls: [{names: ["no_such_call", "mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1}]} | shell("grep Seccomp_filters /proc/self/status | cut -f2")'
    assert_output 1
}

@test "seccomp listener: gets the state and answers" {
    receive seccomp 95
    config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $socket, listenerMetadata: "note", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}]}
        | .annotations = {"org.example.a": "b"} | shell("mkdir /x")' --arg socket "$dir/socket"
    run oci run --bundle "$dir" "$id"
    assert_failure
    assert_contains "Operation not supported"
    wait_for 5 grep -q '^call' "$dir/received"
    assert_equal "$(head -n 1 "$dir/received" | jq -c '[.fds, .metadata, .state.id, .state.bundle, .state.annotations, (.pid >= 0)]')" \
        "[[\"seccompFd\"],\"note\",\"$id\",\"$dir\",{\"org.example.a\":\"b\"},true]"
}

@test "seccomp listener where nobody listens is refused by its path" {
    oci_run '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/no/agent", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
    assert_error 1 "listenerPath" "/no/agent"
}

# ---- hooks ------------------------------------------------------------------------------------------------------

# Every hook adds a line to $dir/log: NAME STATUS and its mount namespace. startContainer's is inside.
hooks_everywhere()
{
    own_root
    hook_script hook 'state=$(cat); echo "$1 $(expr "$state" : ".*\"status\": *\"\([a-z]*\)\"") $(readlink /proc/self/ns/mnt)" >> "${2:-/log}"'
    cp "$dir/hook" "$dir/root/hook"
    config "$OWN"' | def h(name): {path: "\($dir)/hook", args: ["hook", name, "\($dir)/log"]};
        .hooks = {prestart: [h("prestart")], createRuntime: [h("createRuntime"), h("createRuntime2")], createContainer: [h("createContainer")],
                  startContainer: [{path: "/hook", args: ["hook", "startContainer"], env: ["PATH=/bin:/usr/bin"]}], poststart: [h("poststart")], poststop: [h("poststop")]}
        | .hooks |= with_entries(.value |= map(.env = ["PATH=/usr/bin:/bin"])) | shell("echo ran >> /log; readlink /proc/self/ns/mnt >> /log")' --arg dir "$dir"
}

@test "hooks: order, status, and in which namespace" {
    hooks_everywhere
    create
    assert_success
    local own inner
    own=$(readlink /proc/self/ns/mnt) inner=$(readlink "/proc/$(host_pid)/ns/mnt")
    assert_equal "$(< "$dir/log")" "prestart created $own
createRuntime creating $own
createRuntime2 creating $own
createContainer creating $inner"
    start
    assert_success
    wait_for 5 status_is stopped
    assert_equal "$(< "$dir/root/log")" "startContainer created $inner
ran
$inner"
    assert_equal "$(tail -n +5 "$dir/log")" "poststart running $own"
    oci delete "$id"
    assert_equal "$(tail -n +6 "$dir/log")" "poststop stopped $own"
}

@test "hooks: run has them all in the same order" {
    hooks_everywhere
    oci run --bundle "$dir" "$id"
    assert_equal "$(cut -d' ' -f1 "$dir/log" | xargs)" "prestart createRuntime createRuntime2 createContainer poststart poststop"
    assert_equal "$(cut -d' ' -f1 "$dir/root/log" | head -n 2 | xargs)" "startContainer ran"
}

@test "hooks: state on standard input has id, bundle, pid and annotations" {
    hook_script hook "cat > '$dir/state.json'"
    config '.annotations = {"org.example.a": "b"} | .hooks.createRuntime = [{path: "\($dir)/hook", env: ["PATH=/bin"]}]' --arg dir "$dir"
    create
    assert_success
    assert_equal "$(jq -c '[.id, .bundle, .pid, .status, .annotations]' "$dir/state.json")" "[\"$id\",\"$dir\",$(host_pid),\"creating\",{\"org.example.a\":\"b\"}]"
}

@test "hooks: arguments and environment are exactly those given" {
    hook_script hook "cat > /dev/null; tr '\\0' ' ' < /proc/self/environ > '$dir/env'; printf '[%s]' \"\$@\" > '$dir/args'"
    config '.hooks.prestart = [{path: "\($dir)/hook", args: ["zero", "one", "two words"], env: ["PATH=/bin", "X=1"]}]' --arg dir "$dir"
    create
    assert_success
    assert_equal "$(< "$dir/env")" "PATH=/bin X=1 "
    assert_equal "$(< "$dir/args")" "[one][two words]"
}

@test "hooks: one that fails before the start ends create, is named, nothing is left" {
    hook_script hook 'exit 3'
    for point in prestart createRuntime createContainer; do
        config '.hooks[$point] = [{path: "\($dir)/hook"}]' --arg dir "$dir" --arg point "$point"
        create
        assert_error 1 "hooks.$point[0]" "$dir/hook" "3"
        refute_exists "$state/$id"
        assert_equal "$(find /sys/fs/cgroup -name "moat-$id")" ""
    done
}

@test "hooks: a startContainer hook that fails ends start, the program does not run" {
    own_root
    printf '#!/bin/sh\nexit 3\n' > "$dir/root/hook"
    chmod 755 "$dir/root/hook"
    config "$OWN"' | .hooks.startContainer = [{path: "/hook"}] | shell("echo ran")'
    create
    assert_success
    start
    assert_failure
    assert_contains startContainer
    wait_for 5 status_is stopped
    assert_equal "$(< "$dir/out")" ""
}

@test "hooks: a poststart hook that fails is a warning, the container runs" {
    hook_script hook 'exit 3'
    config "shell(\"${LIVES//\"/\\\"}\")"' | .hooks.poststart = [{path: "\($dir)/hook"}]' --arg dir "$dir"
    create
    start
    assert_success
    assert_contains "hooks.poststart"
    status_is running
}

@test "hooks: a poststop hook that fails is a warning, the rest still run, delete succeeds" {
    hook_script hook 'exit 3'
    hook_script after "touch '$dir/after-ran'"
    config '.hooks.poststop = [{path: "\($dir)/hook"}, {path: "\($dir)/after", env: ["PATH=/bin:/usr/bin"]}]' --arg dir "$dir"
    create
    start
    wait_for 5 status_is stopped
    run oci delete "$id"
    assert_success
    assert_contains "hooks.poststop[0]"
    assert_exists "$dir/after-ran"
    refute_exists "$state/$id"
}

@test "hooks: one that passes its timeout is killed and named" {
    hook_script hook "echo \$\$ > '$dir/hook.pid'; exec sleep 100"
    config '.hooks.createRuntime = [{path: "\($dir)/hook", timeout: 1, env: ["PATH=/bin"]}]' --arg dir "$dir"
    create
    assert_error 1 "hooks.createRuntime[0]" "1 second"
    gone "$(< "$dir/hook.pid")"
    refute_exists "$state/$id"
}

@test "hooks: one that is not there is named" {
    oci_run '.hooks.createRuntime = [{path: "/no/hook"}]'
    assert_error 1 "hooks.createRuntime" "/no/hook"
}

# ---- network devices --------------------------------------------------------------------------------------------

# in_network COMMAND...: in a network namespace with the device mt0, 10.9.0.1/24, up; what is left of it there is said.
in_network()
{
    require_command ip iproute2
    # shellcheck disable=SC2016
    run unshare -n sh -c 'ip link add mt0 type veth peer name mt1 2>/dev/null || exit 99
        ip addr add 10.9.0.1/24 dev mt0 && ip link set mt0 up && ip link set mt1 up && "$@"
        status=$?; ip -o link show mt0 2>&1 | sed "s/^/left: /"; exit $status' - "$@"
    [ "$status" != 99 ] || skip "the kernel makes no veth pair here"
}

@test "netDevices: a device moves inside under its new name, with its address, up" {
    config '.linux.netDevices = {mt0: {name: "eth7"}} | shell("ip -o addr show eth7; ip -o link show eth7")'
    in_network "$MOAT_OCI" --root "$state" run --bundle "$dir" "$id"
    assert_success
    assert_contains "10.9.0.1/24"
    assert_match "eth7@if[0-9]+: <[A-Z,_]*UP"
    assert_match "left: .*not exist"
}

@test "netDevices: under its own name when none is given" {
    config '.linux.netDevices = {mt0: {}} | shell("ls /sys/class/net | xargs")'
    in_network "$MOAT_OCI" --root "$state" run --bundle "$dir" "$id"
    assert_match "(^|$'\n')lo mt0"
}

@test "netDevices: one that is not there is named, nothing is left" {
    config '.linux.netDevices = {nosuch0: {}}'
    in_network "$MOAT_OCI" --root "$state" run --bundle "$dir" "$id"
    assert_failure
    assert_contains nosuch0
    refute_exists "$state/$id"
}

@test "netDevices without a network namespace is refused" {
    oci_run '.linux.netDevices = {mt0: {}} | without("network")'
    assert_error 1 "netDevices" "network"
}
