#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What tests/hosts/run boots. First /init of the initramfs: loads the drivers and goes on from the disk. Then process 1
# there: makes the machine what a host is, with cgroup2 alone, runs the checks below and prints TAP on the console. The
# shell is busybox's. A check is a function; what it prints is shown when it fails.

if [ "$1" != disk ]; then
    export PATH=/bin
    busybox mount -t proc proc /proc
    busybox mount -t devtmpfs dev /dev
    while read -r module; do busybox insmod "/modules/$module.ko"; done </modules/order
    busybox mount -t ext4 /dev/vda /new || exec busybox poweroff -f
    busybox umount /proc /dev
    exec busybox switch_root /new /init.sh disk
fi

export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/null >/dev/ttyS0 2>&1
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,gid=5,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# A host's init delegates what it has; who runs in the root itself stays there.
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
chmod 1777 /tmp
ip link set lo up
hostname host
variant=$(sed -n 's/.*moat\.variant=\([^ ]*\).*/\1/p' /proc/cmdline)
cgroups=/sys/fs/cgroup

# ---- running and judging ----------------------------------------------------------------------------------------

number=0
say() { echo "$1 $number - $2"; }

# check WORDS FUNCTION [ARGUMENT...]
check()
{
    local words=$1
    shift
    number=$((number + 1))
    if "$@" >/tmp/check 2>&1; then
        say ok "$words"
    else
        say "not ok" "$words"
        sed 's/^/# /' /tmp/check
    fi
}

# skip WORDS REASON
skip()
{
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

oci() { timeout -s KILL 30 /moat/moat-oci --root /run/oci "$@"; }
moat() { timeout -s KILL 40 /moat/moat "$@"; }

# expect WHAT WANTED GOT
expect()
{
    [ "$2" = "$3" ] && return 0
    echo "$1: expected '$2', got '$3'"
    return 1
}

# contains FILE PATTERN
contains()
{
    [ -z "$2" ] || grep -qiE "$2" "$1" && return 0
    echo "no /$2/ in:"
    cat "$1"
    return 1
}

# eventually COMMAND...: up to ten seconds, for what follows asynchronously.
eventually()
{
    local tries=0
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || { echo "not within ten seconds: $*"; return 1; }
        sleep 0.2
    done
}

status_of() { oci state "$1" 2>/dev/null | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p'; }
has_status() { [ "$(status_of "$1")" = "$2" ]; }
pid_of() { oci state "$1" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'; }

# bundle NAME ARGUMENTS: /bundles/NAME with a config.json. ARGUMENTS are those of the process, as JSON. From the
# environment: RESOURCES (of linux), NAMESPACES (more of them, each with a comma before it), MORE (of linux, likewise).
bundle()
{
    mkdir -p "/bundles/$1"
    cat >"/bundles/$1/config.json" <<END
{
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0}, "cwd": "/", "args": $2,
        "env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"],
        "noNewPrivileges": true,
        "capabilities": {
            "bounding": ["CAP_KILL", "CAP_MKNOD"], "effective": ["CAP_KILL", "CAP_MKNOD"], "permitted": ["CAP_KILL", "CAP_MKNOD"]
        }
    },
    "root": {"path": "/rootfs", "readonly": true},
    "hostname": "inside",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=4m"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777", "size=200m"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]}
    ],
    "linux": {
        "cgroupsPath": "/moat-test/$1",
        "resources": ${RESOURCES:-{\}},
        "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"},
            {"type": "cgroup"}${NAMESPACES:-}],
        "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]${MORE:-}
    }
}
END
}

# run_bundle NAME: in the foreground; output in /tmp/NAME.out; the status is the container's.
run_bundle()
{
    oci run --bundle "/bundles/$1" "$1" >"/tmp/$1.out" 2>&1
}

# start_bundle NAME: create and start. The output goes to a file: the container keeps what it was given open.
start_bundle()
{
    oci create --bundle "/bundles/$1" --pid-file "/run/$1.pid" "$1" >"/tmp/$1.out" 2>&1 &&
        expect "state" created "$(status_of "$1")" && oci start "$1" && return
    cat "/tmp/$1.out"
    oci delete --force "$1"
    return 1
}

remove() { oci delete --force "$1" && is_gone "$1"; }
is_gone()
{
    [ ! -e "$cgroups/moat-test/$1" ] || { echo "its cgroup is still there"; return 1; }
    ! oci state "$1" >/tmp/remove 2>&1 || { echo "state still knows it"; return 1; }
}

limit_is() { expect "$2" "$3" "$(cat "$cgroups/moat-test/$1/$2")"; }

# ---- moat-oci: checks that hold on every kind of host -----------------------------------------------------------

oci_lifecycle()
{
    bundle life '["sh", "-c", "echo begun; exec sleep 1000"]'
    start_bundle life || return
    expect "state" running "$(status_of life)" &&
        expect "pid file" "$(pid_of life)" "$(cat /run/life.pid)" &&
        eventually grep -q begun /tmp/life.out || return
    ! oci delete life >/tmp/life.delete 2>&1 || { echo "deleted while it was running"; return 1; }
    ! oci start life >/tmp/life.again 2>&1 || { echo "started twice"; return 1; }
    oci kill life KILL && eventually has_status life stopped || return
    ! oci kill life KILL >/tmp/life.kill 2>&1 || { echo "kill of a stopped container succeeded"; return 1; }
    oci delete life && is_gone life
}

oci_exit_status()
{
    bundle seven '["sh", "-c", "exit 7"]'
    run_bundle seven
    expect "status of run" 7 $?
}

oci_inside()
{
    bundle inside '["sh", "-c", "hostname; echo pid $$ net $(ls /sys/class/net) kcore $(head -c 1 /proc/kcore | wc -c); cat /proc/self/cgroup; touch /x; echo 1 >/proc/sys/kernel/sysrq"]'
    run_bundle inside
    contains /tmp/inside.out '^inside$' && contains /tmp/inside.out '^pid 1 net lo kcore 0$' &&
        contains /tmp/inside.out '^0::/$' && contains /tmp/inside.out 'x: Read-only file system' &&
        contains /tmp/inside.out 'sysrq: Read-only'
}

oci_limits_written()
{
    RESOURCES='{"memory": {"limit": 67108864, "reservation": 33554432}, "pids": {"limit": 32},
        "cpu": {"quota": 50000, "period": 100000, "shares": 512, "cpus": "0"}}'
    bundle limits '["sleep", "1000"]'
    unset RESOURCES
    start_bundle limits || return
    limit_is limits memory.max 67108864 && limit_is limits memory.low 33554432 && limit_is limits pids.max 32 &&
        limit_is limits cpu.max "50000 100000" && limit_is limits cpuset.cpus.effective 0 || { remove limits; return 1; }
    # 1 + (512 - 2) * 9999 / 262142 is the mapping that engines expect, newer versions of it round elsewhere.
    case $(cat $cgroups/moat-test/limits/cpu.weight) in
    20 | 59) ;;
    *) echo "cpu.weight is $(cat $cgroups/moat-test/limits/cpu.weight)"; remove limits; return 1 ;;
    esac
    remove limits
}

fill='echo begun; dd if=/dev/zero of=/tmp/big bs=1M count=100'
oci_memory_limit_kills()
{
    RESOURCES='{"memory": {"limit": 33554432, "swap": 33554432}}'
    bundle memory "[\"sh\", \"-c\", \"$fill\"]"
    unset RESOURCES
    run_bundle memory
    contains /tmp/memory.out '^begun' && ! grep -q '100+0 records out' /tmp/memory.out || { cat /tmp/memory.out; return 1; }
}

oci_pids_limit_refuses()
{
    RESOURCES='{"pids": {"limit": 8}}'
    bundle pids '["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done; wait; echo all started"]'
    unset RESOURCES
    run_bundle pids
    ! grep -q 'all started' /tmp/pids.out && contains /tmp/pids.out "can't fork|resource temporarily unavailable"
}

oci_cpu_limit_slows()
{
    local throttled
    RESOURCES='{"cpu": {"quota": 10000, "period": 100000}}'
    bundle cpu '["sh", "-c", "while :; do :; done"]'
    unset RESOURCES
    start_bundle cpu || return
    sleep 1
    throttled=$(sed -n 's/^nr_throttled //p' $cgroups/moat-test/cpu/cpu.stat)
    remove cpu && { [ "$throttled" -gt 2 ] || { echo "nr_throttled is $throttled"; return 1; }; }
}

# The attack: reading the host's disk through a node of one's own. With the guard off it succeeds.
device_bundle() # NAME RULE
{
    RESOURCES="{\"devices\": [{\"allow\": false, \"access\": \"rwm\"}, $2]}"
    bundle "$1" "[\"sh\", \"-c\", \"mknod /dev/disk b $(tr : ' ' </sys/block/vda/dev); head -c 2 /dev/disk | wc -c; head -c4 /dev/zero | wc -c; echo x >/dev/null && echo null works\"]"
    unset RESOURCES
}
oci_device_rules()
{
    device_bundle devices '{"allow": true, "type": "c", "major": 1, "minor": 5, "access": "r"}'
    run_bundle devices
    contains /tmp/devices.out 'disk: Operation not permitted' && contains /tmp/devices.out '^4$' &&
        contains /tmp/devices.out 'null works' && ! contains /tmp/devices.out '^2$' >/dev/null
}
oci_device_rules_allow()
{
    device_bundle alldev '{"allow": true, "access": "rwm"}'
    run_bundle alldev
    contains /tmp/alldev.out '^2$'
}

oci_exec()
{
    local status
    RESOURCES='{"pids": {"limit": 20}}'
    bundle exec '["sleep", "1000"]'
    unset RESOURCES
    start_bundle exec || return
    oci exec exec sh -c 'hostname; echo pids $(ls -d /proc/[0-9]* | wc -l); exit 5' >/tmp/exec.inside 2>&1
    status=$?
    oci exec exec cat /proc/self/cgroup >/tmp/exec.cgroup 2>&1
    remove exec
    expect "status of exec" 5 $status && contains /tmp/exec.inside '^inside$' && contains /tmp/exec.cgroup '^0::/$'
}

oci_pause()
{
    bundle pause '["sh", "-c", "while :; do echo x >>/tmp/ticks; sleep 0.1; done"]'
    start_bundle pause || return
    oci pause pause && expect "state" paused "$(status_of pause)" &&
        contains $cgroups/moat-test/pause/cgroup.events '^frozen 1' &&
        oci resume pause && expect "state" running "$(status_of pause)" &&
        contains $cgroups/moat-test/pause/cgroup.events '^frozen 0' || { remove pause; return 1; }
    # A frozen container is deleted by force all the same.
    oci pause pause && remove pause
}

oci_kill_reaches_trap()
{
    bundle trap '["sh", "-c", "trap \"echo caught; exit 3\" TERM; echo ready; while :; do sleep 0.1; done"]'
    start_bundle trap && eventually grep -q ready /tmp/trap.out || return
    oci kill trap TERM && eventually has_status trap stopped || { remove trap; return 1; }
    contains /tmp/trap.out caught && remove trap
}

oci_seccomp()
{
    MORE=', "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}'
    bundle seccomp '["sh", "-c", "mkdir /tmp/a; touch /tmp/b && echo touched; grep Seccomp: /proc/self/status"]'
    unset MORE
    run_bundle seccomp
    contains /tmp/seccomp.out 'mkdir.*Function not implemented' && contains /tmp/seccomp.out touched &&
        contains /tmp/seccomp.out 'Seccomp:.2'
}

user_namespace_bundle()
{
    NAMESPACES=', {"type": "user"}'
    MORE=', "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 1000}],
        "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 1000}]'
    bundle "$1" '["sh", "-c", "id -u; cat /proc/self/uid_map; exec sleep 1000"]'
    unset NAMESPACES MORE
}

oci_user_namespace()
{
    local owner
    user_namespace_bundle userns
    start_bundle userns || return
    eventually grep -q 100000 /tmp/userns.out
    owner=$(stat -c %u "/proc/$(pid_of userns)")
    remove userns && contains /tmp/userns.out '^0$' && expect "owner on the host" 100000 "$owner"
}

# ---- moat run ---------------------------------------------------------------------------------------------------

# run_moat WANTED-STATUS PATTERN ARGUMENT...: stdout and stderr together must have the pattern.
run_moat()
{
    local wanted=$1 pattern=$2
    shift 2
    moat run --rm "$@" >/tmp/moat.out 2>&1
    expect "status of moat run $*" "$wanted" $? || { cat /tmp/moat.out; return 1; }
    contains /tmp/moat.out "$pattern"
}

moat_directory() { run_moat 0 '^0 inside$' --rootfs /rootfs --hostname inside sh -c 'echo $(id -u) $(hostname)'; }
moat_image() { run_moat 0 'hello' busybox echo hello; }
moat_status() { run_moat 7 '' --rootfs /rootfs sh -c 'exit 7' && run_moat 127 'nowhere' --rootfs /rootfs /nowhere; }
moat_memory_fits() { run_moat 0 '100\+0 records out' -m 200m --tmpfs /tmp:size=150m --rootfs /rootfs sh -c "$fill"; }
moat_memory()
{
    moat run --rm -m 32m --tmpfs /tmp:size=150m --rootfs /rootfs sh -c "$fill" >/tmp/moat.out 2>&1
    contains /tmp/moat.out '^begun' && ! grep -q '100+0 records out' /tmp/moat.out || { cat /tmp/moat.out; return 1; }
}
moat_pids()
{
    moat run --rm --pids-limit 8 --rootfs /rootfs \
        sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done; wait; echo all started' >/tmp/moat.out 2>&1
    ! grep -q 'all started' /tmp/moat.out && contains /tmp/moat.out "can't fork|resource temporarily unavailable"
}
moat_read_only() { run_moat 1 'read-only' --read-only --rootfs /rootfs touch /x; }
moat_timeout() { run_moat 124 '' --timeout 2 --rootfs /rootfs sleep 100; }
moat_devices() { run_moat 1 'not permitted' --cap-add MKNOD --rootfs /rootfs mknod /dev/ram b 1 0; }
moat_strict() { run_moat 0 'strict' --strict --rootfs /rootfs echo strict; }
moat_owner()
{
    moat run --rm --rootfs /rootfs sleep 8 >/tmp/moat.out 2>&1 &
    eventually sh -c 'ps -o user,args | grep "sleep 8" | grep -vE "grep|moat|root|timeout"' || { cat /tmp/moat.out; ps; return 1; }
    wait $!
}

# An item that this host lacks is named, and refused under --strict: neither silence nor a vague error.
# refused_by_name PATTERN ARGUMENT...
refused_by_name()
{
    local pattern=$1
    shift
    moat run --rm "$@" >/tmp/moat.out 2>&1
    expect "status" 125 $? || { cat /tmp/moat.out; return 1; }
    contains /tmp/moat.out "$pattern"
}

moat_explains_landlock() { moat explain --rootfs /rootfs true >/tmp/moat.out 2>&1 && contains /tmp/moat.out landlock; }
moat_without_landlock()
{
    run_moat 0 'ran' --rootfs /rootfs echo ran || return
    # Where Landlock is a second layer, a run without it is no failure; what was asked of it must be named.
    moat run --rm --strict --rootfs /rootfs echo ran >/tmp/moat.out 2>&1 || contains /tmp/moat.out landlock
}

as_nobody()
{
    mkdir -p /tmp/nobody && chown 65534:65534 /tmp/nobody
    HOME=/tmp/nobody XDG_RUNTIME_DIR=/tmp/nobody timeout -s KILL 40 su -s /bin/sh nobody -c \
        'exec /moat/moat run --rm --rootfs /rootfs id -u' >/tmp/moat.out 2>&1
}
moat_rootless() { as_nobody; expect "status" 0 $? && contains /tmp/moat.out '^0$' || { cat /tmp/moat.out; return 1; }; }
moat_rootless_refused() { as_nobody; expect "status" 125 $? && contains /tmp/moat.out 'user namespace' || { cat /tmp/moat.out; return 1; }; }

# A group that was given to nobody, as systemd's Delegate= does, with the shell in it. ARGUMENTS are those of run.
as_nobody_given()
{
    local given=$cgroups/given status
    mkdir -p /tmp/nobody && chown 65534:65534 /tmp/nobody
    mkdir "$given" && chown 65534 "$given" "$given/cgroup.procs" "$given/cgroup.threads" "$given/cgroup.subtree_control" || return 99
    HOME=/tmp/nobody XDG_RUNTIME_DIR=/tmp/nobody sh -c 'echo $$ >"$0/cgroup.procs" && exec timeout -s KILL 40 su -s /bin/sh nobody -c "$1"' \
        "$given" "$1" >/tmp/moat.out 2>&1
    status=$?
    # The run has taken its own group away; the one it moved to is empty now.
    eventually rmdir "$given/moat.self" && eventually rmdir "$given" || return 98
    return $status
}
limits='cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max'
moat_rootless_limits()
{
    as_nobody_given "/moat/moat run --rm -m 64m --pids-limit 20 --cpus 0.5 --rootfs /rootfs sh -c '$limits'"
    expect "status" 0 $? && contains /tmp/moat.out '^67108864$' && contains /tmp/moat.out '^20$' &&
        contains /tmp/moat.out '^50000 ' || { cat /tmp/moat.out; return 1; }
}
moat_rootless_memory()
{
    as_nobody_given "/moat/moat run --rm -m 32m --rootfs /rootfs sh -c 'echo began; head -c 100m /dev/zero | tail >/dev/null && echo survived'"
    contains /tmp/moat.out '^began$' && ! grep -q survived /tmp/moat.out || { cat /tmp/moat.out; return 1; }
}
moat_rootless_life()
{
    as_nobody_given 'export MOAT_DATA_DIR=/tmp/nobody/data; m=/moat/moat; $m run -d --name one -m 64m --rootfs /rootfs sleep 100 && $m pause one && $m unpause one &&
        $m exec one cat /sys/fs/cgroup/memory.max && $m stop -t 0 one && $m start one && $m rm -f one'
    expect "status" 0 $? && contains /tmp/moat.out '^67108864$' || { cat /tmp/moat.out; return 1; }
}
moat_rootless_not_given()
{
    HOME=/tmp/nobody XDG_RUNTIME_DIR=/tmp/nobody su -s /bin/sh nobody -c '/moat/moat run --rm -m 64m --rootfs /rootfs true' >/tmp/moat.out 2>&1
    expect "status" 125 $? && contains /tmp/moat.out 'no memory controller is delegated'
}

# ---- this host --------------------------------------------------------------------------------------------------

landlock_is() { expect "landlock among the security modules" "$1" "$(tr , '\n' </sys/kernel/security/lsm | grep -c landlock)"; }
only_cgroup2() { expect "cgroup mounts" "cgroup2" "$(awk '$3 ~ /^cgroup/ { print $3 }' /proc/mounts | sort -u)"; }

# What the checks must not leave: mounts, cgroups, processes.
traces()
{
    awk '{ print "mount", $2, $3 }' /proc/mounts
    find $cgroups -mindepth 1 -type d | grep -v '/moat-test$'
    # busybox's timeout leaves its watcher for a moment.
    ps -o args | grep -vE '\[|^(ps|grep|awk|find|sort|timeout) |init.sh|^COMMAND|^\{' | sort
}

checks_oci()
{
    check "moat-oci: life of a container" oci_lifecycle
    check "moat-oci: exit status" oci_exit_status
    check "moat-oci: namespaces, read-only root, masked paths" oci_inside
    check "moat-oci: limits are in the cgroup's files" oci_limits_written
    check "moat-oci: the memory limit holds" oci_memory_limit_kills
    check "moat-oci: the process limit holds" oci_pids_limit_refuses
    check "moat-oci: the processor limit holds" oci_cpu_limit_slows
    check "moat-oci: device rules hold" oci_device_rules
    check "moat-oci: a device rule allows what it says" oci_device_rules_allow
    check "moat-oci: exec" oci_exec
    check "moat-oci: pause and resume" oci_pause
    check "moat-oci: kill" oci_kill_reaches_trap
    check "moat-oci: seccomp" oci_seccomp
}

checks_moat()
{
    check "moat run: a directory" moat_directory
    check "moat run: the built-in image" moat_image
    check "moat run: exit status" moat_status
    check "moat run: the memory limit holds" moat_memory
    check "moat run: what is under the memory limit fits" moat_memory_fits
    check "moat run: the process limit holds" moat_pids
    check "moat run: --read-only" moat_read_only
    check "moat run: --timeout" moat_timeout
    check "moat run: devices" moat_devices
}

# A machine that KVM computes, in this machine that qemu computes. `vmm`: moat-vmm with what it boots.
vmm()
{
    timeout -s KILL 100 /moat/libexec/moat-vmm --kernel /moat/kvm/vmlinux --initrd /moat/kvm/initrd --memory 134217728 \
        --append "console=ttyS0 quiet reboot=a panic=-1 nokaslr tsc=reliable mitigations=off" "$@" </dev/null
}

kvm_refused_by_name()
{
    vmm --accel kvm >/tmp/vmm.out 2>&1 && { echo "it ran"; return 1; }
    contains /tmp/vmm.out '/dev/kvm.*kvm-amd.*--accel soft'
}

kvm_loaded()
{
    for module in irqbypass kvm kvm-amd; do insmod /moat/kvm/$module.ko || return; done
    eventually test -c /dev/kvm
}

# Emulation of emulation is slow, and qemu's of SVM not without faults: once more, and it is said.
kvm_boots()
{
    vmm --accel "$1" >/tmp/vmm.out 2>&1 && contains /tmp/vmm.out INIT-REACHED && return
    echo "# $1: once more" >/dev/ttyS0
    vmm --accel "$1" >/tmp/vmm.out 2>&1 && contains /tmp/vmm.out INIT-REACHED
}

# Which processor was taken is seen by what the process has open.
kvm_is_chosen()
{
    vmm --accel auto >/tmp/vmm.out 2>&1 &
    eventually kvm_is_open
    local seen=$?
    wait $!
    contains /tmp/vmm.out INIT-REACHED && return $seen
}

kvm_is_open()
{
    local process
    for process in $(pidof moat-vmm); do
        ls -l "/proc/$process/fd" | grep -q kvm-vcpu && return
    done
    return 1
}

# A machine of moat's that runs, and answers what it reads. Booted once more where the first did not come that far.
ready_in_log() { moat logs warm 2>/dev/null | grep -q ready; }
kvm_machine()
{
    local turn tries
    for turn in 1 2; do
        moat run -d -i --name warm -b microvm --accel kvm --kernel /moat/kvm/vmlinux -m 128m --append "nokaslr mitigations=off" \
            busybox sh -c 'x=$((6 * 7)); echo ready; read -r line; echo "$line $x"; exit 5' || return
        tries=0
        until ready_in_log; do
            tries=$((tries + 1))
            [ $tries -lt 300 ] && [ "$(moat inspect -f '{{.State.Status}}' warm)" = running ] || break
            sleep 0.2
        done
        ready_in_log && return
        moat logs warm
        moat rm -f warm
        [ $turn = 2 ] || echo "# moat run -b microvm: once more" >/dev/ttyS0
    done
    return 1
}

kvm_snapshot()
{
    kvm_machine && moat snapshot warm kept && moat snapshot --list && moat snapshot --list | grep -q '^kept ' &&
        expect "the machine that was saved" running "$(moat inspect -f '{{.State.Status}}' warm)"
}

kvm_restore() # ACCEL SNAPSHOT
{
    echo said | moat restore --rm -i --accel "$1" "$2" >/tmp/restore.out 2>&1
    expect "status" 5 $? && contains /tmp/restore.out '^said 42$' || { cat /tmp/restore.out; return 1; }
}

# Saved again while software computes it.
kvm_and_back()
{
    moat restore -d -i --name soft --accel soft kept && moat snapshot --end soft back && moat wait soft && moat rm soft &&
        kvm_restore kvm back && moat snapshot --rm back
}

# Which processor it is that goes on.
kvm_restored_is_kvm()
{
    local seen
    moat restore -d -i --name again --accel kvm kept && eventually kvm_is_open
    seen=$?
    moat rm -f again
    return $seen
}

# A PC that boots from a floppy on KVM: what is on its screen, what a key does, and its state, gone on with in software.
on_screen() { moat vm text "$1" 2>/dev/null | grep -q "$2"; }
# shows NAME TEXT: a minute and a half, as long as it runs.
shows()
{
    local tries=0
    until on_screen "$1" "$2"; do
        tries=$((tries + 1))
        [ $tries -lt 450 ] && [ "$(moat inspect -f '{{.State.Status}}' "$1")" = running ] || { moat vm text "$1"; moat logs "$1"; return 1; }
        sleep 0.2
    done
}
kvm_floppy()
{
    local turn
    for turn in 1 2; do
        moat run -d --name pc -b vm --accel kvm -m 32m --floppy /moat/kvm/grub.img,ro || return
        shows pc 'GNU GRUB' && return
        moat rm -f pc
        [ $turn = 2 ] || echo "# moat run -b vm: once more" >/dev/ttyS0
    done
    return 1
}
kvm_floppy_keys() { moat vm sendkey pc c && shows pc '^grub>' && moat vm type pc 'echo typed\n' && shows pc '^typed'; }
kvm_floppy_snapshot()
{
    local seen
    moat snapshot pc at-prompt && moat restore -d --name pc-soft --accel soft at-prompt && on_screen pc-soft '^grub>' &&
        moat vm type pc-soft 'clear\nls\n' && shows pc-soft '(fd0)'
    seen=$?
    moat rm -f pc-soft
    moat snapshot --rm at-prompt
    return $seen
}
kvm_floppy_reset() { moat vm reset pc && shows pc 'GNU GRUB' && moat rm -f pc; }
checks_of_pc()
{
    [ -s /moat/kvm/grub.img ] || { skip "moat run -b vm" "no floppy and firmware were given (packages grub-rescue-pc, seabios)"; return; }
    check "moat run -b vm --accel kvm: GRUB's menu from a floppy" kvm_floppy
    check "moat vm: keys reach it, on KVM" kvm_floppy_keys
    check "moat snapshot: a PC on KVM goes on in software" kvm_floppy_snapshot
    check "moat vm reset: a PC on KVM begins again" kvm_floppy_reset
}

checks_of_variant()
{
    case $variant in
    kvm)
        [ -s /moat/libexec/moat-vmm ] || { skip "moat-vmm" "no moat-vmm was given"; return; }
        check "moat-vmm --accel kvm: without KVM refused by name" kvm_refused_by_name
        check "KVM can be loaded" kvm_loaded
        check "moat-vmm --accel kvm: Linux boots and switches off" kvm_boots kvm
        check "moat-vmm --accel auto: takes KVM" kvm_is_chosen
        [ -x /moat/moat ] && [ -x /moat/libexec/moat-guest-init ] || { skip "moat snapshot" "no moat was given"; return; }
        check "moat snapshot: a machine on KVM is saved, and goes on" kvm_snapshot
        check "moat restore --accel kvm: it goes on from there on KVM" kvm_restore kvm kept
        check "moat rm: the machine that was saved" moat rm -f warm
        check "moat restore --accel kvm: its processor is KVM's" kvm_restored_is_kvm
        check "moat restore --accel soft: it goes on from there in software" kvm_restore soft kept
        check "moat restore: saved in software, it goes on on KVM" kvm_and_back
        check "moat snapshot --rm" moat snapshot --rm kept
        checks_of_pc
        ;;
    cgroup2)
        check "the host has Landlock" landlock_is 1
        checks_oci
        check "moat-oci: user namespace" oci_user_namespace
        [ -x /moat/moat ] || { skip "moat run" "no moat was given"; return; }
        checks_moat
        check "moat run: ids of its own" moat_owner
        check "moat run: --strict" moat_strict
        check "moat explain: names Landlock" moat_explains_landlock
        check "moat run: without root" moat_rootless
        check "moat run: without root, limits in a group that was given" moat_rootless_limits
        check "moat run: without root, the memory limit of such a group holds" moat_rootless_memory
        check "moat run -d, pause, exec, start: without root, in such a group" moat_rootless_life
        check "moat run: without root and such a group, limits are refused by name" moat_rootless_not_given
        ;;
    no-landlock)
        check "the host has no Landlock" landlock_is 0
        checks_oci
        check "moat-oci: user namespace" oci_user_namespace
        [ -x /moat/moat ] || { skip "moat run" "no moat was given"; return; }
        checks_moat
        check "moat run: ids of its own" moat_owner
        check "moat run: goes without Landlock, or refuses it by name" moat_without_landlock
        check "moat explain: names Landlock" moat_explains_landlock
        ;;
    no-userns)
        # First without privilege only, as Debian once shipped; then for root too.
        echo 0 >/proc/sys/kernel/unprivileged_userns_clone
        check "moat-oci: user namespace, made by root" oci_user_namespace
        if [ -x /moat/moat ]; then
            check "moat run: made by root" moat_directory
            check "moat run: without root, refused by name" moat_rootless_refused
        else
            skip "moat run" "no moat was given"
        fi
        echo 0 >/proc/sys/user/max_user_namespaces
        checks_oci
        check "moat-oci: a user namespace is refused by name" oci_user_namespace_refused
        [ -x /moat/moat ] || return
        check "moat run: --userns moat is refused by name" refused_by_name 'user namespace' --userns moat --rootfs /rootfs true
        check "moat run: --userns host works" run_moat 0 '^0$' --userns host --rootfs /rootfs id -u
        check "moat run: the default works and says what is missing, or is refused by name" moat_default_without_userns
        ;;
    esac
}

oci_user_namespace_refused()
{
    user_namespace_bundle refused
    if oci create --bundle /bundles/refused refused >/tmp/refused.out 2>&1; then
        remove refused
        echo "it was created"
        return 1
    fi
    contains /tmp/refused.out 'user.?namespace|unshare|clone'
}

moat_default_without_userns()
{
    moat run --rm --rootfs /rootfs id -u >/tmp/moat.out 2>&1
    case $? in
    0 | 125) contains /tmp/moat.out 'user namespace' ;;
    *) cat /tmp/moat.out; return 1 ;;
    esac
}

tests()
{
    mount -t securityfs securityfs /sys/kernel/security
    echo "# $variant: Linux $(uname -r), $(cat /sys/kernel/security/lsm), up after $(cut -d. -f1 /proc/uptime) s"
    check "cgroup2 alone" only_cgroup2
    traces >/tmp/before
    checks_of_variant
    rmdir $cgroups/moat-test 2>/dev/null
    traces >/tmp/after
    check "nothing is left behind" diff /tmp/before /tmp/after
    echo "moat-hosts: end, up $(cut -d. -f1 /proc/uptime) s"
}

# Process 1 must reap what the runtime leaves to it: a wait does that while the checks run beside it.
tests &
wait
poweroff -f
