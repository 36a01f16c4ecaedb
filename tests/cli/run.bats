#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run: what docker's users expect of its options, its exit status and its streams, and that nothing is left behind.
# Refusals of the command line are in help.bats, terminals in terminal.bats, policy files in policy.bats.
bats_require_minimum_version 1.5.0
load run

setup_file() { run_setup_file; }
setup() { run_setup; }
teardown() { run_teardown; }

# ---- exit status ------------------------------------------------------------------------------------------------

@test "the workload's own status" {
    moat_run busybox sh -c 'exit 42'
    assert_status 42
    assert_output ""
}

@test "125: moat's own error, one line" {
    moat_run --rm no-such-image true
    assert_error 125 "no-such-image" "moat import"
    moat_run --no-such-option busybox
    assert_error 125 "--no-such-option"
}

@test "126: not a program" {
    moat_run busybox /etc/passwd
    assert_error 126 "/etc/passwd"
    moat_run busybox /etc
    assert_error 126 "/etc"
}

@test "127: not found" {
    run -127 "$MOAT" run --rm busybox no-such-program
    assert_error 127 "no-such-program"
    run -127 "$MOAT" run --rm busybox /no/such/program
    assert_error 127 "/no/such/program"
}

@test "126 and 127 with --init, too" {
    moat_run --init busybox /etc/passwd
    assert_status 126
    run -127 "$MOAT" run --rm --init busybox no-such-program
    assert_status 127
}

@test "128+N: a signal ended it" {
    background busybox sh -c "$LIVES"
    wait_for 5 said up
    kill -9 "$(inner_pid)"
    status=0
    wait "$pid" || status=$?
    assert_status 137
}

@test "128+N with --init" {
    moat_run --init busybox sh -c 'kill -USR2 $$'
    assert_status 140
}

@test "124: the time limit" {
    moat_run --timeout 300ms busybox sh -c "$LIVES"
    assert_status 124
    assert_output $'up\nmoat run: warning: its time limit was reached (--timeout raises it)'
}

@test "the time limit does not touch what ends before it" {
    moat_run --timeout 1m busybox sh -c 'exit 3'
    assert_status 3
}

@test "--stop-signal is what the time limit sends" {
    moat_run --timeout 300ms --stop-signal USR1 busybox sh -c 'trap "echo usr1; exit" USR1; while :; do sleep 0.05; done'
    assert_status 124
    assert_line usr1
}

@test "137: over the memory limit" {
    require_cgroup memory
    moat_run -m 16m --tmpfs /t busybox dd if=/dev/zero of=/t/big bs=1M count=64
    assert_status 137
}

# ---- process ----------------------------------------------------------------------------------------------------

@test "arguments arrive as they are" {
    moat_run busybox printf '[%s]' '' 'a b' '"q"' '$HOME' --rm
    assert_output '[][a b]["q"][$HOME][--rm]'
}

@test "-e: values, moat's own, and the later wins" {
    export MOAT_TEST_OWN=own
    moat_run -e A=1 -e 'B=x y' -e MOAT_TEST_OWN -e NOT_THERE -e A=2 busybox sh -c 'echo "$A|$B|$MOAT_TEST_OWN|${NOT_THERE-unset}"'
    assert_output '2|x y|own|unset'
}

@test "the environment holds nothing of moat's own that was not asked for" {
    export MOAT_TEST_SECRET=1
    moat_run busybox env
    assert_equal "$(sort <<<"$output")" $'HOME=/root\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

@test "--env-file: comments, empty lines, values with =; -e goes over it" {
    export MOAT_TEST_OWN=own
    printf '# comment\n\nA=1\nB=x=y\nMOAT_TEST_OWN\n' > env
    moat_run --env-file env -e A=2 busybox sh -c 'echo "$A|$B|$MOAT_TEST_OWN"'
    assert_output '2|x=y|own'
}

@test "-w" {
    moat_run -w /usr/bin busybox pwd
    assert_output /usr/bin
}

@test "-u: names of the image's passwd and group, numbers, HOME" {
    mkdir -p tree/etc
    cp -a "$MOAT_BUSYBOX/." tree
    printf 'root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n' > tree/etc/passwd
    printf 'root:x:0:\nann:x:1001:\nvideo:x:44:ann\nextra:x:77:\n' > tree/etc/group
    moat_run -u ann --rootfs tree sh -c 'id -u; id -g; id -G; echo $HOME'
    assert_output $'1000\n1001\n1001 44\n/home/ann'
    moat_run -u ann:extra --rootfs tree sh -c 'id -u; id -g'
    assert_output $'1000\n77'
    moat_run -u 1000 --group-add extra --rootfs tree sh -c 'id -u; id -g; id -G'
    assert_output $'1000\n1001\n1001 44 77'
    moat_run -u 5:6 --rootfs tree sh -c 'id -u; id -g; echo $HOME'
    assert_output $'5\n6\n/'
}

@test "-u with a name that the image lacks is refused" {
    moat_run -u nosuch busybox id
    assert_error 125 "nosuch" "/etc/passwd"
    moat_run -u 0:nosuch busybox id
    assert_error 125 "nosuch" "/etc/group"
}

@test "-u beyond the sandbox's ids is refused" {
    moat_run -u 70000 busybox id
    assert_failure
    assert_contains 70000
}

@test "--entrypoint, and none" {
    moat_run --entrypoint echo busybox a b
    assert_output "a b"
    moat_run --entrypoint "" busybox echo c
    assert_output c
}

@test "--hostname and --domainname" {
    moat_run --hostname box --domainname example.org busybox sh -c 'hostname; cat /proc/sys/kernel/domainname'
    assert_output $'box\nexample.org'
}

@test "the host name is the sandbox's name when none is given" {
    moat_run --name "named-$$" busybox hostname
    assert_output "named-$$"
}

@test "a name in use is refused" {
    background --name "twice-$$" busybox sh -c "$LIVES"
    wait_for 5 said up
    moat_run --name "twice-$$" busybox true
    assert_error 125 "twice-$$" "in use"
    kill -TERM "$pid"
    wait "$pid" || true
}

@test "--init is process 1, and reaps what is left to it" {
    moat_run --init busybox sh -c 'cat /proc/1/comm; for i in 1 2 3; do (sh -c "true & exit" &); done
        for i in $(seq 100); do grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | grep -q . || { echo none; exit; }; sleep 0.02; done; echo zombies'
    assert_output $'moat-init\nnone'
}

@test "--init ends with the workload, whatever else runs" {
    moat_run --init busybox sh -c 'sleep 1000 & exit 4'
    assert_status 4
}

@test "--init does not miss the end of a short workload" {
    local n=$((MOAT_TEST_SCALE > 1 ? 1000 : 40))
    for ((i = 0; i < n; i++)); do
        timeout 20 "$MOAT" run --rm --init busybox true
    done
}

@test "signals reach the workload" {
    background busybox sh -c 'for s in HUP INT QUIT USR1 USR2; do trap "echo got-$s" $s; done; trap "exit 7" TERM; echo up; while :; do sleep 0.02; done'
    wait_for 5 said up
    for s in HUP USR1 USR2; do
        kill -$s "$pid"
        wait_for 5 said "got-$s"
    done
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    assert_status 7
}

@test "signals reach the workload behind --init" {
    background --init busybox sh -c "$LIVES"
    wait_for 5 said up
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    assert_status 7
}

@test "TERM ends a workload behind --init that does not handle it" {
    background --init busybox sh -c 'echo up; exec sleep 1000'
    wait_for 5 said up
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    assert_status 143
}

# ---- streams ----------------------------------------------------------------------------------------------------

@test "10 MB through cat -i are the same" {
    head -c 10485760 /dev/urandom > big
    "$MOAT" run --rm -i busybox cat < big | cmp big -
}

@test "standard error is apart" {
    "$MOAT" run --rm busybox sh -c 'echo out; echo err >&2' > out 2> err
    assert_equal "$(< out)|$(< err)" "out|err"
}

@test "without -i the workload reads nothing of moat's input" {
    status=0
    output=$(echo secret | "$MOAT" run --rm busybox cat) || status=$?
    assert_success
    assert_output ""
}

@test "a reader that goes away ends the workload, as any program" {
    # Status of the workload: SIGPIPE is its own business.
    timeout 20 bash -c '"$1" run --rm busybox yes | head -n 1' - "$MOAT"
}

@test "no descriptor of moat's caller is inside" {
    run bash -c 'exec 5< /etc/passwd 9< /etc/shadow; "$1" run --rm busybox ls /proc/self/fd' - "$MOAT"
    assert_output $'0\n1\n2\n3' # 3 is ls's own
}

@test "a pipe without a name is the workload's user's, a named one stays its owner's" {
    mkfifo pipe
    chown 4321:4321 pipe
    chmod 600 pipe
    exec 7<> pipe
    "$MOAT" run --rm -u 1000 busybox sh -c 'echo through it' < pipe > pipe 2> pipe 7>&-
    read -r line <&7
    exec 7>&-
    assert_equal "$line|$(stat -c %u:%g:%a pipe)" "through it|4321:4321:600"
    run bash -c '"$1" run --rm -u 1000 busybox sh -c "echo again > /dev/stdout" | cat' - "$MOAT"
    assert_output again
    # What a sandbox writes to that is kept is the monitor's pipe.
    moat run --name "kept$$" -u 1000 busybox sh -c 'echo logged > /dev/stderr' 2> err
    moat rm "kept$$"
    assert_equal "$(< err)" logged
}

@test "the host's /dev/null keeps its owner and mode" {
    local before
    before=$(stat -c '%u %g %a %Z' /dev/null)
    "$MOAT" run --rm -u 1000 busybox chmod 600 /dev/null /dev/stdin /dev/stdout < /dev/null > /dev/null 2>&1 || true
    "$MOAT" run --rm --userns host busybox sh -c 'chown 5 /dev/stdout; chmod 600 /dev/fd/0' < /dev/null > /dev/null 2>&1 || true
    assert_equal "$(stat -c '%u %g %a %Z' /dev/null)" "$before"
}

# ---- files ------------------------------------------------------------------------------------------------------

@test "-v, writable: root inside owns what the owner of the source owns" {
    mkdir source
    echo from-host > source/file
    chown -R 1234:1235 source
    moat_run -v "$dir/source:/s" busybox sh -c 'stat -c "%u:%g" /s /s/file; cat /s/file; echo new > /s/made; mkdir /s/sub'
    assert_output $'0:0\n0:0\nfrom-host'
    assert_equal "$(stat -c %u:%g source/made source/sub | xargs)" "1234:1235 1234:1235"
}

@test "-v of a source of root's: what root inside makes is root's outside" {
    mkdir source
    moat_run -v "$dir/source:/s" busybox sh -c 'stat -c %u:%g /s; touch /s/made'
    assert_output 0:0
    assert_equal "$(stat -c %u:%g source/made)" 0:0
}

@test "-v: what is root's outside is nobody's inside, unless root is the owner of the source" {
    mkdir source
    echo secret > source/roots
    chmod 600 source/roots
    chown 1234 source
    moat_run -v "$dir/source:/s" busybox sh -c 'stat -c %u /s/roots; cat /s/roots'
    assert_failure
    assert_match "^65534"
    refute_contains secret
}

@test "-v with a relative source, of a file, read-only" {
    echo content > file
    moat_run -v ./file:/etc/given:ro busybox sh -c 'cat /etc/given; echo x > /etc/given'
    assert_status 1
    assert_match "^content"
    assert_contains "Read-only file system"
    assert_equal "$(< file)" content
}

@test "-v :ro of a directory" {
    mkdir source
    moat_run -v "$dir/source:/s:ro" busybox touch /s/file
    assert_status 1
    assert_contains "Read-only file system"
}

@test "-v of a source that is not there is refused by its name" {
    moat_run -v /no/source:/s busybox true
    assert_error 125 "/no/source"
}

@test "-v to where the image has nothing makes the place, in the sandbox alone" {
    echo content > file
    moat_run -v ./file:/new/place/file busybox cat /new/place/file
    assert_output content
    assert_equal "$(find "$MOAT_DATA_DIR/images" -path '*/new/place*')" ""
}

@test "--read-only with -v to where the image has nothing leaves the image alone" {
    echo content > file
    moat_run --read-only -v ./file:/new/place/file busybox cat /new/place/file
    assert_output content
    assert_equal "$(find "$MOAT_DATA_DIR/images" -path '*/new/place*')" ""
}

@test "-v of a file system without id maps is refused with the remedy, --userns host takes it" {
    mkdir l u w m
    run unshare -m --propagation private sh -c 'mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m || exit 99
        "$1" run --rm -v "$2/m:/s" busybox true; echo "status $?"; "$1" run --rm --userns host -v "$2/m:/s" busybox touch /s/file; ls m' - "$MOAT" "$dir"
    [ "$status" != 99 ] || skip "overlay cannot be mounted here"
    assert_contains "--userns host"
    assert_contains "status 125"
    assert_match "file$"
}

@test "--mount bind and tmpfs" {
    mkdir source
    moat_run --mount "type=bind,source=$dir/source,target=/s,readonly" --mount type=tmpfs,target=/t,tmpfs-size=1m busybox \
        sh -c 'touch /s/x 2>/dev/null || echo closed; touch /t/x && echo open; df -k /t | tail -n 1 | tr -s " " | cut -d" " -f2'
    assert_output $'closed\nopen\n1024'
}

@test "--tmpfs: size, mode, and no programs in it unless exec is given" {
    moat_run --tmpfs /t:size=2m,mode=700 busybox sh -c 'stat -c %a /t; cp /bin/busybox /t/echo && /t/echo no'
    assert_status 126
    assert_match "^700"
    moat_run --tmpfs /t:exec busybox sh -c 'cp /bin/busybox /t/echo && /t/echo yes'
    assert_output yes
}

@test "--ro and --rw show a path under its own name" {
    mkdir source
    echo content > source/file
    moat_run --ro source busybox sh -c "cat $dir/source/file; touch $dir/source/new"
    assert_status 1
    assert_match "^content"
    moat_run --rw source -w "$dir/source" busybox touch new
    assert_success
    assert_exists source/new
}

@test "--read-only" {
    moat_run --read-only busybox touch /file
    assert_status 1
    assert_contains "Read-only file system"
}

@test "--read-only with --tmpfs /tmp" {
    moat_run --read-only --tmpfs /tmp busybox touch /tmp/file
    assert_success
}

@test "an image is the same after a run that spoils everything" {
    digest() { (cd "$MOAT_DATA_DIR/images" && find . -type f -exec sha256sum {} + -o -printf '%p %y %m %U %G %l\n' | sort | sha256sum); }
    local before
    before=$(digest)
    moat_run busybox sh -c 'echo x > /etc/passwd; rm -rf /home /root; chmod 777 /; chown 5 /bin; ln -s x /link; mv /usr /other'
    assert_success
    assert_equal "$(digest)" "$before"
    moat_run busybox cat /etc/passwd
    assert_match "^root:"
}

@test "--rootfs: changes stay in the directory, owned by who owns it" {
    cp -a "$MOAT_BUSYBOX" tree
    moat_run --rootfs tree sh -c 'touch /made; stat -c %u /made'
    assert_output 0
    assert_equal "$(stat -c %u tree/made)" 0
}

@test "a directory as the operand is a root" {
    cp -a "$MOAT_BUSYBOX" tree
    moat_run ./tree echo fine
    assert_output fine
}

@test "--bundle: config.json is the policy" {
    make_bundle bundle '.process.args = ["sh", "-c", "hostname; exit 6"] | .hostname = "from-config"'
    moat_run --bundle bundle
    assert_status 6
    assert_output from-config
}

@test "--bundle with options that would change its policy is refused" {
    make_bundle bundle
    moat_run --bundle bundle -m 64m
    assert_error 125 "--memory" "config.json"
    moat_run --bundle bundle true
    assert_error 125 "process.args"
}

# ---- limits -----------------------------------------------------------------------------------------------------

# value V1-FILE V2-FILE, inside
cgroup_value() { moat_run "${@:3}" busybox sh -c "cat /sys/fs/cgroup/$1 /sys/fs/cgroup/$2 2>/dev/null"; }

@test "-m, and 1 GiB by default" {
    require_cgroup memory
    cgroup_value memory/memory.limit_in_bytes memory.max -m 64m
    assert_output 67108864
    cgroup_value memory/memory.limit_in_bytes memory.max
    assert_output 1073741824
}

@test "-m 512k starts" {
    require_cgroup memory
    cp -a "$MOAT_BUSYBOX" tree
    moat_run -m 512k --rootfs tree true
    assert_success
}

@test "--cpus" {
    require_cgroup cpu
    cgroup_value cpu/cpu.cfs_quota_us cpu.max --cpus 0.5
    assert_match "^50000( 100000)?$"
}

@test "--pids-limit, and 512 by default" {
    require_cgroup pids
    cgroup_value pids/pids.max pids.max --pids-limit 33
    assert_output 33
    cgroup_value pids/pids.max pids.max
    assert_output 512
}

@test "--pids-limit is enforced" {
    require_cgroup pids
    moat_run --pids-limit 4 busybox sh -c 'for i in 1 2 3 4 5 6; do sleep 2 & done'
    assert_failure
    assert_contains fork
}

@test "--ulimit, and the defaults" {
    moat_run --ulimit nofile=100:200 --ulimit core=0 busybox sh -c 'ulimit -Sn; ulimit -Hn; ulimit -Hc'
    assert_output $'100\n200\n0'
    moat_run busybox sh -c 'ulimit -Hn; ulimit -Hc'
    assert_output $'1024\n0'
}

@test "--ulimit above the hard limit names CAP_SYS_RESOURCE" {
    local above
    above=$(($(ulimit -Hn) + 1))
    run setpriv --inh-caps -sys_resource --bounding-set -sys_resource "$MOAT" run --rm --ulimit "nofile=10:$above" busybox true
    assert_error 125 "RLIMIT_NOFILE" "$above" "CAP_SYS_RESOURCE"
}

@test "--oom-score-adj" {
    moat_run --oom-score-adj 700 busybox cat /proc/self/oom_score_adj
    assert_output 700
}

# ---- rights -----------------------------------------------------------------------------------------------------

caps() { moat_run "$@" busybox sh -c 'grep -E "^Cap(Prm|Eff|Bnd)" /proc/self/status | cut -f2 | sort -u'; }

@test "capabilities: docker's fourteen" {
    caps
    assert_output 00000000a80425fb
}

@test "--cap-drop ALL, --cap-add, --cap-drop" {
    caps --cap-drop ALL
    assert_output 0000000000000000
    caps --cap-drop ALL --cap-add CHOWN --cap-add CAP_KILL
    assert_output 0000000000000021
    caps --cap-drop NET_RAW
    assert_output 00000000a80405fb
    caps --cap-add SYS_TIME
    assert_output 00000000aa0425fb
}

@test "a user other than root has no capabilities" {
    moat_run -u 1000 busybox sh -c 'grep -E "^Cap(Prm|Eff)" /proc/self/status | cut -f2 | sort -u'
    assert_output 0000000000000000
}

@test "no new privileges and a seccomp filter by default, both can be turned off" {
    moat_run busybox sh -c 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | cut -f2 | xargs'
    assert_output "1 2"
    moat_run --security-opt no-new-privileges=false --security-opt seccomp=unconfined busybox sh -c 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | cut -f2 | xargs'
    assert_output "0 0"
}

@test "no-new-privileges=false keeps the filter and Landlock, for root and others" {
    for user in 0 1000; do
        moat_run -u $user --security-opt no-new-privileges=false busybox sh -c 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | cut -f2 | xargs'
        assert_output "0 2"
    done
}

@test "--security-opt seccomp=FILE" {
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}' > profile.json
    moat_run --security-opt seccomp=profile.json busybox mkdir /x
    assert_status 1
    assert_contains "Operation not supported"
}

@test "--security-opt seccomp=FILE that is not there, or no profile, is refused by name" {
    moat_run --security-opt seccomp=no-file busybox true
    assert_error 125 "no-file"
    echo '{"defaultAction": "NO_SUCH"}' > profile.json
    moat_run --security-opt seccomp=profile.json busybox true
    assert_error 125 "profile.json" "NO_SUCH"
}

@test "the default filter refuses a user namespace, whoever asks; unconfined does not" {
    require_userns
    moat_run --userns host busybox sh -c 'unshare -U true 2>/dev/null; echo status-$?'
    assert_output status-1
    moat_run --userns host --security-opt seccomp=unconfined busybox sh -c 'unshare -U true; echo status-$?'
    assert_output status-0
}

@test "--device" {
    require_cgroup devices
    [ -c /dev/fuse ] || skip "needs /dev/fuse"
    moat_run --userns host --device /dev/fuse:/dev/given:r busybox sh -c 'exec 5< /dev/given && echo open; exec 5<> /dev/given'
    assert_failure
    assert_match "^open"
    assert_contains "Operation not permitted"
}

@test "--device of what is no device is refused" {
    moat_run --device /etc/passwd busybox true
    assert_error 125 "/etc/passwd"
}

@test "--network none has loopback alone, --network host is the host's" {
    moat_run busybox sh -c 'ls /sys/class/net'
    assert_output lo
    moat_run --network host busybox readlink /proc/self/ns/net
    assert_output "$(readlink /proc/self/ns/net)"
}

@test "--sysctl" {
    moat_run --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward
    assert_output 1
    moat_run --sysctl vm.swappiness=1 busybox true
    assert_error 125 "vm.swappiness"
}

# ---- users ------------------------------------------------------------------------------------------------------

first_of_block() { sed -n 's/^ *0 *\([0-9]*\) *65536$/\1/p' "$1"; }

@test "root inside is nobody outside: ids of its own, never below 2^19" {
    background busybox sh -c "cat /proc/self/uid_map /proc/self/gid_map; $LIVES"
    wait_for 5 said up
    local block
    block=$(first_of_block out | head -n 1)
    [ "$block" -ge 524288 ]
    assert_equal $((block % 65536)) 0
    assert_equal "$(stat -c %u:%g "/proc/$(inner_pid)")" "$block:$block"
    assert_equal "$(grep -c ":$block:" /etc/passwd)" 0
    kill -TERM "$pid"
    wait "$pid" || true
}

@test "two sandboxes have different ids" {
    background busybox sh -c "cat /proc/self/uid_map; $LIVES"
    wait_for 5 said up
    moat_run busybox cat /proc/self/uid_map
    local first second
    first=$(first_of_block out) second=$(first_of_block <(echo "$output"))
    [ -n "$first" ] && [ -n "$second" ] && [ "$first" != "$second" ]
    kill -TERM "$pid"
    wait "$pid" || true
}

@test "--userns host: no user namespace" {
    moat_run --userns host busybox readlink /proc/self/ns/user
    assert_output "$(readlink /proc/self/ns/user)"
}

@test "--userns single: one id, which is the caller" {
    moat_run --userns single busybox sh -c 'tr -s " " < /proc/self/uid_map; id -u'
    assert_output $' 0 0 1\n0'
}

@test "without root: a single-uid sandbox" {
    require_userns
    # A store that the user may read, and a state directory of his own.
    mkdir -m 700 home run
    cp -a "$MOAT_BUSYBOX" tree
    chown -R 12345:12345 home run tree
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$dir" "$BATS_RUN_TMPDIR"/test 2>/dev/null || true
    cp "$MOAT" moat && chmod 755 moat
    run setpriv --reuid 12345 --regid 12345 --clear-groups env HOME="$dir/home" MOAT_RUN_DIR="$dir/run" MOAT_DATA_DIR="$dir/home/data" \
        ./moat run --rm --rootfs tree sh -c 'id -u; tr -s " " < /proc/self/uid_map; touch /made'
    assert_success
    assert_contains $'0\n 0 12345 1'
    assert_equal "$(stat -c %u tree/made)" 12345
}

# ---- nothing is left --------------------------------------------------------------------------------------------

@test "nothing is left after each kind of end" {
    "$MOAT" run --rm --name moat-left-$$ busybox true
    "$MOAT" run --rm --name moat-left-$$ busybox no-such-program 2>/dev/null || true
    "$MOAT" run --rm --name moat-left-$$ -v /no/source:/x busybox true 2>/dev/null || true
    "$MOAT" run --rm --name moat-left-$$ --timeout 200ms --init busybox sleep 100 2>/dev/null || true
    "$MOAT" run --rm --name moat-left-$$ --init busybox sh -c 'sleep 1000 & exit 1' || true
    "$MOAT" run --rm --name moat-left-$$ --sysctl net.no.such=1 busybox true 2>/dev/null || true
    "$MOAT" run --rm --name moat-left-$$ --tmpfs /t --read-only busybox true
    assert_equal "$(leftovers)" ""
    assert_equal "$(find /sys/fs/cgroup -name "*left-$$")" ""
    assert_equal "$(grep -F "$BATS_RUN_TMPDIR/" /proc/self/mountinfo)" ""
}

@test "kill -9 of moat ends the workload; system check clears what is left" {
    background --name "moat-test-$$-killed" busybox sh -c "$LIVES"
    wait_for 5 said up
    local inner
    inner=$(inner_pid)
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    ended() { [ ! -e "/proc/$inner" ]; }
    wait_for 5 ended
    run "$MOAT" system check
    assert_success
    assert_contains "moat-test-$$-killed"
    assert_equal "$(leftovers)" ""
}

@test "system check leaves a running sandbox alone" {
    background --name "alive-$$" busybox sh -c "$LIVES"
    wait_for 5 said up
    run "$MOAT" system check
    assert_success
    refute_contains "alive-$$"
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    assert_status 7
}

@test "a state directory without room: an error, nothing is left" {
    mkdir full
    run unshare -m --propagation private sh -c 'mount -t tmpfs -o size=8k,nr_inodes=2 t full && chmod 700 full &&
        MOAT_RUN_DIR=$2/full "$1" run --rm busybox true; s=$?; ls -A full | grep -v "^.ids$"; exit $s' - "$MOAT" "$dir"
    assert_error 125 "No space left on device"
}

@test "the built-in image has a shell as its command" {
    run bash -c 'echo "echo from a shell" | "$1" run --rm -i busybox' - "$MOAT"
    assert_success
    assert_line "from a shell"
}
