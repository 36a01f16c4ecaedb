#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b sentry, and moat exec into it: images, directories and volumes behind a Linux of our own in another process
# do what they do in a container; what it has not is refused by name; the host's calls that are left are counted.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    run_setup_file
    export MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    "$MOAT" run -b sentry busybox true # packed once
}

setup()
{
    run_setup
    n=moat-test-$$-$BATS_TEST_NUMBER
}

teardown()
{
    "$MOAT" rm -f "$n" > /dev/null 2>&1 || true
    run_teardown
}

sentry() { run "$MOAT" run --rm -b sentry "$@"; }
kept() { "$MOAT" run -d --name "$n" -b sentry "$@" > /dev/null; }
logged() { "$MOAT" logs "$n" 2>&1; }
has_logged() { logged | grep -qx -- "$1"; }

# person STEP... -- COMMAND: at a terminal, see person.py.
person()
{
    require_command python3
    run python3 "$BATS_TEST_DIRNAME/person.py" "$@"
    output=${output//$'\r'/}
    [ "$status" != 99 ] || report_run "a step failed"
}

# ---- a program --------------------------------------------------------------------------------------------------------

@test "arguments, streams and the exit status are the program's, on both platforms" {
    local form
    for form in sentry sentry=notify sentry=trap; do
        run "$MOAT" run --rm -b $form busybox sh -c 'for a; do echo "[$a]"; done; exit 42' sh args a 'b c' ''
        assert_status 42
        assert_output $'[args]\n[a]\n[b c]\n[]'
    done
    run --separate-stderr sh -c 'printf "one\ntwo\n" | "$0" run --rm -i -b sentry busybox sh -c "cat; echo err >&2"' "$MOAT"
    assert_status 0
    assert_output $'one\ntwo'
    assert_equal "$stderr" err
    sentry=x
    run "$MOAT" run --rm -b sentry=kvm busybox true
    assert_error 125 sentry=kvm notify trap
}

@test "a death by signal is 128 and the signal" {
    local s
    for s in 1 2 6 9 10 13 15; do
        sentry busybox sh -c "kill -$s \$\$"
        assert_status $((128 + s))
    done
}

@test "pipelines, jobs, here-documents and signals between processes work" {
    sentry busybox sh -c '
        seq 1000 | tee /tmp/all | wc -l
        sort -rn /tmp/all | head -n 1
        (sleep 100 & echo $! > /tmp/pid; wait $!; echo "ended $?") 2> /dev/null &
        while [ ! -s /tmp/pid ]; do :; done
        kill $(cat /tmp/pid); wait
        cat <<- END
		here
		END
        find /proc/self/fd | wc -l > /dev/null && echo ok'
    assert_status 0
    assert_output $'1000\n1000\nended 143\nhere\nok'
}

@test "a program that is not there, or cannot be invoked, ends with 127 and 126" {
    sentry busybox nothing
    assert_error 127 nothing PATH
    sentry busybox /nothing
    assert_error 127 /nothing
    sentry busybox /etc/passwd
    assert_error 126 "permission denied"
    sentry no-such-image true
    assert_error 127 no-such-image
    sentry ./no-such-directory true
    assert_error 127 no-such-directory
}

@test "ids, groups, directory, variables, names and capabilities are those that were asked for" {
    export FROM_HERE=yes
    sentry -u 7:8 --group-add 9 -w /tmp --hostname inside -e A=1 -e FROM_HERE busybox sh -c \
        'id -u; id -g; id -G; pwd; hostname; echo $A $FROM_HERE $HOME; grep CapEff /proc/self/status; ulimit -c'
    assert_status 0
    assert_output $'7\n8\n8 9\n/tmp\ninside\n1 yes /\nCapEff:\t0000000000000000\n0'
    sentry -u nobody busybox id -un
    assert_output nobody
    sentry --cap-drop ALL --cap-add CHOWN busybox sh -c 'grep -E "CapEff|CapBnd" /proc/self/status; chown 5 /tmp && ! chroot / true 2> /dev/null && echo kept'
    assert_output $'CapEff:\t0000000000000001\nCapBnd:\t0000000000000001\nkept'
    sentry busybox grep CapEff /proc/self/status
    assert_output $'CapEff:\t00000000a80425fb'
}

@test "values of variables are not in the sentry's command line, where everybody on the host could read them" {
    kept -e SECRET=hushed busybox sh -c 'echo up; exec sleep 1000'
    wait_for 5 has_logged up
    run cat "/proc/$("$MOAT" inspect -f '{{.State.Pid}}' "$n")/cmdline"
    refute_contains hushed
    run "$MOAT" exec "$n" sh -c 'echo $SECRET'
    assert_output hushed
}

@test "--strace shows the calls of all programs" {
    sentry --strace busybox sh -c 'cat /etc/passwd | cat > /dev/null; exit 3'
    assert_status 3
    assert_match 'execve\("/proc/self/exe", \["cat"'
    assert_match 'open(at)?\(.*"/etc/passwd"'
    assert_match 'exit_group\(3\)'
}

# ---- images and directories ---------------------------------------------------------------------------------------------

@test "an image of the store is packed once, a directory shown as it is: owners, modes, links, devices" {
    export MOAT_CACHE_DIR=$PWD/cache
    sentry busybox true
    assert_status 0
    run find cache -name '*.root'
    [ "${#lines[@]}" = 1 ]
    local first=$output inode
    inode=$(stat -c %i "$first")
    sentry busybox true
    assert_equal "$(stat -c %i "$first")" "$inode"
    run "$MOAT" system df --format '{{.Type}} {{.TotalCount}}'
    assert_line "Packed roots 1"
    run "$MOAT" run --rm -b unikernel "$first"
    assert_error 126 "no kernel"
    # What others could have written is not used.
    chmod 666 "$first"
    sentry busybox true
    assert_status 0
    [ "$(stat -c '%i %a' "$first")" != "$inode 666" ]
    make_rootfs root
    echo one > root/file
    chown 12:34 root/file
    chmod 4751 root/file
    ln -s file root/link
    ln root/file root/hard
    mknod root/null c 1 3
    mkfifo root/fifo
    sentry ./root sh -c 'stat -c "%n %a %u:%g %h %F" /file /link /null /fifo; cat /link; echo gone > /null && [ ! /file -ot /hard ] && echo same'
    assert_output $'/file 4751 12:34 2 regular file\n/link 777 0:0 1 symbolic link\n/null 644 0:0 1 character special file\n/fifo 644 0:0 1 fifo\none\nsame'
    echo two > root/file
    sentry ./root sh -c 'cat /file; echo three > /file; rm /link; ls /link; cat /file'
    assert_match "two.*No such file.*three"
    assert_equal "$(cat root/file)" two
    [ -L root/link ]
    "$MOAT" system prune -af > /dev/null
    run find cache -name '*.root'
    assert_output ""
}

@test "what is written is gone with the sandbox, and --read-only lets nothing be written" {
    sentry busybox sh -c 'echo x > /etc/passwd; rm /bin/vi; cat /etc/passwd; ls /bin/vi'
    assert_status 1
    assert_line x
    sentry busybox sh -c 'grep -c root /etc/passwd; ls /bin/vi'
    assert_output $'1\n/bin/vi'
    sentry --read-only busybox sh -c 'touch /x; touch /tmp/y && echo memory'
    assert_match "Read-only file system"
    assert_line memory
}

@test "programs of this host's distribution run: bash, python with threads and subprocesses" {
    require_command python3
    local rc=0
    "$MOAT_SRC/tests/debian_root" root python3-minimal > out 2>&1 || rc=$?
    [ $rc != 77 ] || skip "$(tail -n 1 out)"
    assert_equal $rc 0
    sentry ./root bash -c 'shopt -s lastpipe; printf "%s\n" {1..5} | mapfile -t a; echo "${a[*]}"; diff <(echo a) <(echo a) && echo equal; python3 -c "
import subprocess, threading
t = [threading.Thread(target=lambda i=i: out.append(subprocess.check_output([\"echo\", str(i)]).decode().strip())) for i in range(5)]
out = []
for x in t: x.start()
for x in t: x.join()
print(sorted(out))"'
    assert_status 0
    assert_output $'1 2 3 4 5\nequal\n[\'0\', \'1\', \'2\', \'3\', \'4\']'
}

# ---- files of the host --------------------------------------------------------------------------------------------------

@test "volumes are shown as they are asked for, and links in them lead nowhere outside" {
    mkdir data out
    echo text > data/file
    echo secret > secret
    ln -s "$PWD/secret" data/link
    ln -s ../secret data/above
    chmod 755 . data
    sentry -v "$PWD/data:/data:ro" -v "$PWD/out:/out" busybox sh -c \
        'cat /data/file; touch /data/new; cat /data/link; cat /data/above; echo made > /out/made; chmod 700 /out/made; ls /'
    assert_match "touch: /data/new: Read-only file system"
    assert_line text
    [ "$(grep -c "can't open" <<< "$output")" = 2 ]
    refute_match secret
    assert_equal "$(cat out/made) $(stat -c '%u %a' out/made)" "made 0 700"
    sentry --ro "$PWD/data/file" busybox cat "$PWD/data/file"
    assert_output text
    sentry --rw "$PWD/out" busybox sh -c "rm $PWD/out/made; mkdir $PWD/out/dir"
    assert_status 0
    [ -d out/dir ] && [ ! -e out/made ]
    cp "$MOAT_BUSYBOX/bin/busybox" out/echo
    sentry -v "$PWD/out:/out:noexec" busybox /bin/sh -c '/out/echo ran'
    assert_match "[Pp]ermission denied"
    sentry -v "$PWD/out:/out" busybox /out/echo ran
    assert_output ran
    sentry -v "$PWD/nothing:/x" busybox true
    assert_error 125 nothing
}

@test "memory file systems have their sizes" {
    sentry --tmpfs /scratch:size=1m --mount type=tmpfs,target=/more,tmpfs-size=2m busybox sh -c \
        'df -k /scratch /more | tail -n +2 | tr -s " " | cut -d" " -f2; dd if=/dev/zero of=/scratch/x bs=1M count=2 2> /dev/null || echo full'
    assert_output $'1024\n2048\nfull'
}

@test "a working directory that is missing is made, and what is said to be off is not refused" {
    sentry -w /a/b//c busybox sh -c 'pwd; ls -ld /a/b | cut -c1-10'
    assert_status 0
    assert_output $'/a/b/c\ndrwxr-xr-x'
    sentry -w /etc/passwd/x busybox pwd
    assert_status 127
    assert_contains "/etc/passwd/x"
}

@test "a volume without a user namespace of its own" {
    [ "$(id -u)" = 0 ] || skip "only root can do without one"
    echo here > file
    sentry --userns host -v "$PWD:/v:ro" busybox sh -c 'cat /v/file; echo x > /v/file || echo denied'
    assert_status 0
    assert_contains here
    assert_contains denied
}

@test "what a sentry has not is refused by name" {
    local row
    while read -r row; do
        # shellcheck disable=SC2086
        sentry $row busybox true
        assert_error 125 "${row%% *}"
    done << 'END'
--network host
--allow-net example.org:443
--deny /etc
--allow /etc:r
--broker /etc
--deny-log
--symlink /a=b
--domainname x
--init
--device /dev/null
--sysctl net.ipv4.ip_forward=1
--security-opt no-new-privileges
--ioctls none
--defaults host
-m 4m
END
    run "$MOAT" run --rm --strace -b container busybox true
    assert_error 125 --strace sentry
}

# ---- limits -------------------------------------------------------------------------------------------------------------

@test "memory, processes, descriptors and time have limits, and the sentry outlives what meets them" {
    sentry -m 48m busybox sh -c 'dd if=/dev/zero of=/tmp/x bs=1M count=200 2> /dev/null; rm /tmp/x; echo alive'
    assert_status 0
    assert_output alive
    sentry --pids-limit 6 busybox sh -c '(for i in 1 2 3 4 5 6 7 8; do sleep 5 & done) 2>&1 | head -n 1; echo alive'
    assert_match "can't fork"
    sentry --ulimit nofile=9:10 --ulimit nproc=99 busybox sh -c 'ulimit -n; ulimit -Hn; grep processes /proc/self/limits | tr -s " "'
    assert_output $'9\n10\nMax processes 99 99 processes '
    sentry --timeout 300ms busybox sleep 100
    assert_status 124
}

@test "limits of a kept one can be changed as far as they are the host's" {
    kept busybox sleep 1000
    run "$MOAT" update --pids-limit 3 "$n"
    assert_error 1 --pids-limit "$n"
    run "$MOAT" update -m 512m "$n"
    assert_status 0
    assert_contains note
    run "$MOAT" stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$n"
    assert_match '^[1-9][0-9]* .*iB / 512MiB'
}

# ---- a life -------------------------------------------------------------------------------------------------------------

@test "created, started, restarted, paused, signalled, waited for, removed" {
    "$MOAT" create --name "$n" -b sentry busybox sh -c "$LIVES" > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.Status}}' "$n")" created
    "$MOAT" start "$n" > /dev/null
    wait_for 5 has_logged up
    "$MOAT" pause "$n" > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.Status}}' "$n")" paused
    "$MOAT" unpause "$n" > /dev/null
    "$MOAT" stop -t 5 "$n" > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.ExitCode}}' "$n")" 7
    "$MOAT" restart "$n" > /dev/null
    "$MOAT" kill "$n" > /dev/null
    assert_equal "$("$MOAT" wait "$n")" 137
    "$MOAT" rm "$n" > /dev/null
    run "$MOAT" inspect "$n"
    assert_status 1
}

@test "each signal from outside reaches a program that handles it, and ends one that does not" {
    local s
    for s in HUP INT QUIT USR1 USR2 TERM; do
        kept busybox sh -c "trap 'echo got; exit 9' $s; echo up; while :; do sleep 0.05; done"
        wait_for 5 has_logged up
        "$MOAT" kill -s $s "$n" > /dev/null
        assert_equal "$s $("$MOAT" wait "$n") $(logged | tail -n 1)" "$s 9 got"
        "$MOAT" rm "$n" > /dev/null
        kept busybox cat /dev/zero
        "$MOAT" kill -s $s "$n" > /dev/null
        assert_equal "$s $("$MOAT" wait "$n")" "$s $((128 + $(kill -l $s)))"
        "$MOAT" rm "$n" > /dev/null
    done
}

@test "killed from outside, sentry or launcher, nothing is left" {
    local first
    background --name "$n" -b sentry busybox sh -c "$LIVES"
    wait_for 5 said up
    kill -9 "$pid"
    gone() { ! pgrep -f "moat-sentry .*--hostname $n "; }
    wait_for 5 gone
    "$MOAT" system check > /dev/null 2>&1 || true
    kept busybox sh -c "$LIVES"
    wait_for 5 has_logged up
    first=$("$MOAT" inspect -f '{{.State.Pid}}' "$n")
    kill -9 "$first"
    assert_equal "$("$MOAT" wait "$n")" 137
    wait_for 5 gone
}

@test "a stub that is killed from outside ends its guest process alone" {
    local first
    kept busybox sh -c 'sleep 1000 & echo up; wait; echo "ended $?"; exec sleep 1000'
    wait_for 5 has_logged up
    first=$("$MOAT" inspect -f '{{.State.Pid}}' "$n")
    sleep_there() { "$MOAT" exec "$n" pidof sleep; }
    run sleep_there
    assert_status 0
    # The last stub that was made is that of the sleeping program.
    kill -9 "$(pgrep -P "$first" | tail -n 1)"
    wait_for 5 has_logged "ended 0" || wait_for 1 has_logged "ended 137"
    run "$MOAT" exec "$n" echo alive
    assert_output alive
}

# ---- terminals ------------------------------------------------------------------------------------------------------------

@test "a terminal has lines, signals, a size and a name" {
    # Control characters are typed when the program that is to have them runs, which says so (and not in the echo of it).
    person -s 30x90 'expect:# ' 'send:stty size; tty; echo $TERM\n' expect:xterm "send:sh -c 'echo one | tr a-z A-Z; exec sleep 100'\n" \
        expect:ONE 'send:\x03' 'expect:# ' resize:31x77 'send:until stty size | grep "31 7"7; do :; done\n' 'expect:31 77' 'expect:# ' \
        "send:sh -c 'echo two | tr a-z A-Z; exec sleep 100'\n" expect:TWO 'send:\x1a' expect:Stopped 'expect:# ' \
        'send:exit 4\n' 'expect:stopped jobs' 'expect:# ' 'send:exit 4\n' -- "$MOAT" run --rm -it -b sentry busybox sh
    assert_status 4
    assert_match "30 90"
    assert_match "/dev/pts/0"
}

@test "a kept one with a terminal is attached to, left, and attached to again" {
    "$MOAT" run -dit --name "$n" -b sentry busybox sh > /dev/null
    person 'send:x=5\n' pause:0.2 'send:\x10\x11' -- "$MOAT" attach "$n"
    person 'send:echo "x is $x"\n' 'expect:x is 5' 'send:exit 3\n' -- "$MOAT" attach "$n"
    assert_status 3
}

# ---- exec -----------------------------------------------------------------------------------------------------------------

@test "exec: words, streams, status, user, directory and variables" {
    kept -u 5:6 -e FOO=bar -w /tmp busybox sleep 1000
    run "$MOAT" exec "$n" sh -c 'for a; do echo "[$a]"; done; id -u; pwd; echo $FOO; exit 9' sh a 'b c'
    assert_status 9
    assert_output $'[a]\n[b c]\n5\n/tmp\nbar'
    run "$MOAT" exec -u 0:0 -w / -e FOO=own "$n" sh -c 'id -u; pwd; echo $FOO'
    assert_output $'0\n/\nown'
    head -c 1000000 /dev/urandom > data
    assert_equal "$("$MOAT" exec -i "$n" cat < data | sha256sum)" "$(sha256sum < data)"
    run --separate-stderr "$MOAT" exec "$n" sh -c 'echo out; echo err >&2'
    assert_equal "$output $stderr" "out err"
    run "$MOAT" exec "$n" nothing
    assert_error 127 nothing
    run "$MOAT" exec "$n" /etc/passwd
    assert_error 126 /etc/passwd
    run "$MOAT" exec -w /nothing "$n" true
    assert_error 126 /nothing
    run "$MOAT" exec "$n" sh -c 'kill -9 $$'
    assert_status 137
}

@test "exec: nobody inside waits for it, it is detached, and it ends with its caller" {
    kept busybox sh -c 'echo up; wait; while :; do sleep 1000 & wait; done'
    wait_for 5 has_logged up
    "$MOAT" exec -d "$n" sleep 200
    one() { "$MOAT" exec "$n" ps | grep -q "sleep $1"; }
    none() { ! one "$1"; }
    wait_for 5 one 200
    "$MOAT" exec "$n" sleep 300 &
    pid=$!
    wait_for 5 one 300
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    assert_equal $status 143
    "$MOAT" exec "$n" sleep 400 &
    pid=$!
    wait_for 5 one 400
    kill -9 $pid
    wait $pid || true
    wait_for 5 none 400
    one 200
    "$MOAT" kill "$n" > /dev/null
    "$MOAT" wait "$n" > /dev/null
    run "$MOAT" exec "$n" true
    assert_error 1 "not running"
}

@test "exec: a terminal of its own, and many at once" {
    local i
    kept busybox sleep 1000
    person -s 30x90 'expect:# ' 'send:stty size; tty\n' expect:/dev/pts "send:sh -c 'echo one | tr a-z A-Z; exec sleep 100'\n" \
        expect:ONE 'send:\x03' 'expect:# ' resize:31x77 'send:until stty size | grep "31 7"7; do :; done\n' 'expect:31 77' 'expect:# ' 'send:exit 4\n' -- "$MOAT" exec -it "$n" sh
    assert_status 4
    for i in 1 2 3 4 5 6 7 8; do
        "$MOAT" exec "$n" sh -c "seq $i 3000 | tail -n 1; exit $i" > "out$i" 3>&- &
        helpers+=($!)
    done
    for i in 1 2 3 4 5 6 7 8; do
        status=0
        wait "${helpers[$((i - 1))]}" || status=$?
        assert_equal "$status $(cat "out$i")" "$i 3000"
    done
    helpers=()
}

# ---- what is said of it -----------------------------------------------------------------------------------------------------

@test "explain names volumes and memory file systems" {
    run "$MOAT" explain -b sentry -v /etc:/e:ro --rw "$PWD" --tmpfs /t --json busybox
    assert_status 0
    echo "$output" > explained
    require_command jq
    run jq -r '.items[] | select(.item | startswith("mount ")) | "\(.item) \(.value)"' explained
    assert_match "mount /e /etc \(read-only\)"
    assert_contains "mount $PWD $PWD"
    assert_contains "mount /t tmpfs"
}

@test "explain says what holds, and boundaries that it is there" {
    run "$MOAT" explain -b sentry -m 64m --pids-limit 9 --json busybox
    assert_status 0
    echo "$output" > explained
    judge "$MOAT_SRC/docs/schema/explain.schema.json" explained
    assert_contains '"programs'"'"' system calls"'
    assert_contains '"processes and threads"'
    run "$MOAT" boundaries
    assert_match "sentry +yes"
}

@test "the host's calls that the filters leave are read back, of each kind of task, and nobody is disturbed" {
    require_command jq
    kept busybox sh -c 'i=0; while [ $i -lt 400 ]; do i=$((i + 1)); echo $i; sleep 0.005; done; echo end; exec sleep 1000'
    wait_for 5 has_logged 1
    for _ in 1 2 3 4 5; do
        run "$MOAT" explain --surface "$n" --json
        [[ $output != *CHECKPOINT_RESTORE* ]] || skip "$output"
        assert_status 0
        echo "$output" > surface
        judge "$MOAT_SRC/docs/schema/surface.schema.json" surface
        run jq -r '[.processes[] | select(.filters > 0) | .allowed] | max' surface
        [ "$output" -le 60 ]
        # Guest tasks, which have two filters, make one call of the host's; services at most twelve.
        run jq -r '[.processes[] | select(.filters > 1 and .answered > 0) | .allowedCalls[].name] | unique | join(" ")' surface
        assert_output rt_sigreturn
        run jq -r '[.processes[] | select(.filters == 1 and .answered > 0) | .allowed] | max' surface
        [ "$output" -le 12 ]
        run jq -r '[.processes[] | select(.foreign)] | length' surface
    done
    wait_for 20 has_logged end
    assert_equal "$(logged | sort -n | uniq -d | wc -l) $(logged | grep -c '^[0-9]')" "0 400"
    run "$MOAT" explain --surface "$n"
    assert_match "calls allowed"
    run "$MOAT" explain --surface no-such-sandbox
    assert_error 125 no-such-sandbox
}

@test "the surface of a container is its filter's, and one without a filter has all" {
    require_command jq
    "$MOAT" run -d --name "$n" busybox sleep 1000 > /dev/null
    run "$MOAT" explain --surface "$n" --json
    [[ $output != *CHECKPOINT_RESTORE* ]] || skip "$output"
    assert_status 0
    echo "$output" > surface
    run jq -r '.processes[0].allowedCalls | map(select(.name == "read" or .name == "clone") | "\(.name) \(.always)") | join(", ")' surface
    assert_output "read true, clone false"
    run jq -r '.processes[0].allowedCalls | map(.name) | index("bpf")' surface
    assert_output null
    "$MOAT" rm -f "$n" > /dev/null
    "$MOAT" run -d --name "$n" --security-opt seccomp=unconfined busybox sleep 1000 > /dev/null
    run "$MOAT" explain --surface "$n" --json
    run jq -r '.processes[0] | "\(.filters) \(.foreign)"' <<< "$output"
    assert_output "0 true"
}
