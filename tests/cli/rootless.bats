#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat for ordinary users: two of them are made for this file, one with subordinate ids and one without, and taken away
# again. Everything they start is theirs and ends with its test.
load ../lib
bats_require_minimum_version 1.5.0

ANN=moatann BOB=moatbob # has a range of ids; has none

setup_file()
{
    require_root
    local tool
    for tool in useradd usermod userdel setpriv script; do require_command "$tool"; done
    require_file "$MOAT_BUSYBOX/bin/busybox"
    local user
    for user in $ANN $BOB; do
        ! id "$user" >/dev/null 2>&1 || userdel -rf "$user" 2>/dev/null
        useradd -m -s /bin/bash "$user"
        sed -i "/^$user:/d" /etc/subuid /etc/subgid 2>/dev/null || true
    done
    # Where the users can reach it, and only root can change it.
    export TOOLS=/tmp/moat-test-tools-$$
    mkdir -m 755 "$TOOLS"
    cp -r "$MOAT" "${MOAT%/*}/libexec" "${MOAT%/*}/share" "$TOOLS/"
    chmod -R a+rX "$TOOLS"
    as $BOB unshare -Ur true 2>/dev/null || export NO_USERNS=1
    if command -v newuidmap >/dev/null; then
        usermod --add-subuids 1879048192-1879113727 --add-subgids 1879048192-1879113727 $ANN
    fi
}

teardown_file()
{
    local user
    for user in $ANN $BOB; do
        id "$user" >/dev/null 2>&1 || continue
        rm -rf "/tmp/moat-$(id -u $user)"
        userdel -rf "$user" 2>/dev/null
    done
    [ -z "${TOOLS-}" ] || rm -rf "$TOOLS"
}

setup()
{
    [ -z "${NO_USERNS-}" ] || skip "this host does not let an ordinary user make a user namespace"
    dir=$BATS_TEST_TMPDIR
    given=
}

teardown()
{
    local user
    for user in $ANN $BOB; do
        as $user sh -c 'ids=$("$0" ps -aq); [ -z "$ids" ] || "$0" rm -f $ids' "$TOOLS/moat" >/dev/null 2>&1 || true
        as $user "$TOOLS/moat" system check >/dev/null 2>&1 || true
    done
    [ -z "$given" ] || wait_for 5 take_back
}

# as USER COMMAND...: with what a login sets and nothing else.
as()
{
    local user=$1; shift
    setpriv --reuid "$user" --regid "$user" --init-groups --reset-env env -C "$(getent passwd "$user" | cut -d: -f6)" "$@" 3>&-
}

ann() { as $ANN "$TOOLS/moat" "$@"; }
bob() { as $BOB "$TOOLS/moat" "$@"; }
home_of() { getent passwd "$1" | cut -d: -f6; }
data_of() { echo "$(home_of "$1")/.local/share/moat"; }
run_of() { echo "/tmp/moat-$(id -u "$1")"; }
need_range() { require_command newuidmap uidmap; }

# Directories of sandboxes and their layers.
left_of() { find "$(run_of "$1")" "$(data_of "$1")/layers" -mindepth 1 ! -name '.*' 2>/dev/null || true; }

# ---- the main job -----------------------------------------------------------------------------------------------

@test "run --rm busybox, without XDG_RUNTIME_DIR and with it" {
    run -0 --separate-stderr bob run --rm busybox echo hi
    assert_output hi
    assert_equal "$(stat -c '%U %a' "$(run_of $BOB)")" "$BOB 700"
    assert_equal "$(stat -c '%U' "$(data_of $BOB)")" "$BOB"
    assert_equal "$(left_of $BOB)" ""
    mkdir -m 700 "$(home_of $BOB)/run" && chown $BOB: "$(home_of $BOB)/run"
    run -0 --separate-stderr as $BOB XDG_RUNTIME_DIR="$(home_of $BOB)/run" XDG_DATA_HOME="$(home_of $BOB)/xdg" "$TOOLS/moat" run --rm busybox echo hi
    assert_output hi
    assert_equal "$(stat -c '%U %a' "$(home_of $BOB)/run/moat")" "$BOB 700"
    assert_exists "$(home_of $BOB)/xdg/moat/images"
}

@test "run -it under a terminal" {
    run -0 bob run --rm busybox true
    run -0 as $BOB script -qec "$TOOLS/moat run --rm -it busybox sh -c 'tty; id -u'" /dev/null
    assert_contains /dev/pts/0
    run -0 as $ANN script -qec "$TOOLS/moat run --rm -it busybox sh -c 'tty; echo to the terminal > /dev/tty'" /dev/null
    assert_contains "to the terminal"
}

@test "-v: what is made inside belongs to the user; read-only is read-only" {
    local user home
    for user in $ANN $BOB; do
        home=$(home_of $user)
        as $user sh -c 'rm -rf b; mkdir b; echo there > b/r'
        run -0 --separate-stderr as $user "$TOOLS/moat" run --rm -v "$home/b:/b" busybox sh -c 'cat /b/r; echo x > /b/w; mkdir /b/d'
        assert_output there
        assert_equal "$(stat -c %U:%G "$home/b/w" "$home/b/d" | uniq)" "$user:$user"
        run as $user "$TOOLS/moat" run --rm -v "$home/b:/b:ro" busybox sh -c 'echo x > /b/no'
        assert_failure
        refute_exists "$home/b/no"
    done
}

@test "-d, logs, exec, exec -it, ps, stop, start, rm" {
    local user
    for user in $ANN $BOB; do
        run -0 --separate-stderr as $user "$TOOLS/moat" run -d --name one busybox sh -c 'echo up; trap "exit 3" TERM; while :; do sleep 0.05; done'
        said_up() { as $user "$TOOLS/moat" logs one | grep -qx up; }
        wait_for 5 said_up
        run as $user timeout 1 "$TOOLS/moat" logs -f one
        assert_status 124
        assert_output up
        run -0 as $user "$TOOLS/moat" exec one id -u
        assert_output 0
        run -0 as $user script -qec "$TOOLS/moat exec -it one tty" /dev/null
        assert_contains /dev/pts/
        run -0 as $user "$TOOLS/moat" ps --format '{{.Names}} {{.State}}'
        assert_output "one running"
        run -0 as $user "$TOOLS/moat" stop one
        run -0 as $user "$TOOLS/moat" inspect --format '{{.State.ExitCode}}' one
        assert_output 3
        run -0 as $user "$TOOLS/moat" start one
        run -0 as $user "$TOOLS/moat" rm -f one
        assert_equal "$(left_of $user)" ""
    done
}

# ---- one id -----------------------------------------------------------------------------------------------------

@test "without a range: one id, and explain and boundaries say what would give more" {
    run -0 --separate-stderr bob run --rm busybox sh -c 'tr -s " " < /proc/self/uid_map; cat /proc/self/setgroups'
    assert_output " 0 $(id -u $BOB) 1"$'\n'deny
    run bob explain busybox
    assert_contains "programs inside that change owners"
    run -0 bob boundaries --json
    assert_match 'subuid grants this user no ids|newuidmap is not installed'
    assert_contains 'systemd-run --user --scope -p Delegate=yes'
    run bob run --rm -u 1000 busybox true
    assert_error 125 "user 1000" "only id 0 is mapped"
    run bob run --rm --userns moat busybox true
    assert_error 125 "--userns moat" "only one id can be mapped"
    run bob run --rm --userns host busybox true
    assert_error 125 "--userns host"
}

@test "no_new_privs, or helpers that are not set-uid: named, and one id is mapped" {
    need_range
    run -0 as $ANN setpriv --no-new-privs "$TOOLS/moat" boundaries --json
    assert_contains no_new_privs
    run -0 --separate-stderr as $ANN setpriv --no-new-privs "$TOOLS/moat" run --rm busybox sh -c 'wc -l < /proc/self/uid_map'
    assert_output 1
    cp /usr/bin/newuidmap "$dir/plain" && chmod 755 "$dir/plain"
    export dir TOOLS ANN
    run -0 unshare -m sh -c 'mount --bind "$dir/plain" "$(readlink -f /usr/bin/newuidmap)"
        exec setpriv --reuid $ANN --regid $ANN --init-groups --reset-env "$TOOLS/moat" boundaries --json'
    assert_contains "neither set-uid"
    run -0 unshare -m sh -c 'chmod 4757 "$dir/plain"; mount --bind "$dir/plain" "$(readlink -f /usr/bin/newuidmap)"
        exec setpriv --reuid $ANN --regid $ANN --init-groups --reset-env "$TOOLS/moat" boundaries --json'
    assert_contains "root alone can change"
}

# ---- a range of ids ---------------------------------------------------------------------------------------------

@test "with a range: users and owners inside, none of the user's groups" {
    need_range
    groupadd -f moatgroup && usermod -aG moatgroup $ANN
    echo secret > "$(home_of $ANN)/g" && chown root:moatgroup "$(home_of $ANN)/g" && chmod 640 "$(home_of $ANN)/g"
    run -0 as $ANN cat g
    run -0 --separate-stderr ann run --rm -v "$(home_of $ANN)/g:/g" busybox sh -c 'tr -s " " < /proc/self/uid_map; id; cat /g || echo no'
    gpasswd -d $ANN moatgroup >/dev/null && groupdel moatgroup
    assert_line " 0 $(id -u $ANN) 1"
    assert_line " 1 1879048192 65536"
    assert_contains "uid=0(root) gid=0(root)"
    refute_contains nogroup
    assert_line no
    run -0 --separate-stderr ann run --rm -u 1000:1000 --group-add 55 busybox id
    assert_output "uid=1000 gid=1000 groups=55"
    run -0 ann run -d --name one -u 1000 busybox sleep 100
    run -0 ann exec one id -u
    assert_output 1000
    run -0 ann exec -u 5:6 one sh -c 'id -u; id -g'
    assert_output $'5\n6'
    run -0 ann stop -t 0 one
    run -0 ann rm one
}

@test "newuidmap is found in no PATH, and gets no environment" {
    need_range
    local home
    home=$(home_of $ANN)
    mkdir -p "$home/bin"
    printf '#!/bin/sh\ntouch %s/ran\nexec /usr/bin/newuidmap "$@"\n' "$home" > "$home/bin/newuidmap"
    cp "$home/bin/newuidmap" "$home/bin/newgidmap"
    chmod 755 "$home/bin/"*
    run -0 --separate-stderr as $ANN PATH="$home/bin:$PATH" "$TOOLS/moat" run --rm busybox sh -c 'wc -l < /proc/self/uid_map'
    assert_output 2
    refute_exists "$home/ran"
}

@test "files of subordinate ids go with their sandbox: --rm, rm, rm -f, system check" {
    need_range
    local make='mkdir -p /p/q; echo x > /p/q/x; chmod 700 /p; chown -R 1000:1000 /p'
    run -0 ann run --rm busybox sh -c "$make"
    assert_equal "$(left_of $ANN)" ""
    run -0 ann run --name one busybox sh -c "$make"
    assert_equal "$(stat -c '%u %a' "$(data_of $ANN)/layers/one/upper/p")" "$((1879048192 + 999)) 700"
    run as $ANN rm -rf "$(data_of $ANN)/layers/one/upper/p" # the guard off: the user alone cannot
    assert_failure
    run -0 ann rm one
    assert_equal "$(left_of $ANN)" ""
    run -0 ann run -d --name one busybox sh -c "$make; sleep 100"
    made() { [ "$(stat -c %u "$(data_of $ANN)/layers/one/upper/p/q/x")" = $((1879048192 + 999)) ]; }
    wait_for 5 made
    run -0 ann rm -f one
    assert_equal "$(left_of $ANN)" ""
    ann run --rm --name one busybox sh -c "$make; sleep 100" 3>&- 2>/dev/null &
    local pid=$!
    wait_for 5 made
    kill -9 "$(pgrep -u $ANN -f 'moat run --rm --name one')" && wait $pid || true
    run -0 ann system check
    assert_equal "$(left_of $ANN)" ""
}

@test "an archive with several owners keeps them; ids beyond the range are refused by name" {
    need_range
    make_rootfs "$dir/tree"
    mkdir "$dir/tree/priv" && echo x > "$dir/tree/priv/x" && chmod 700 "$dir/tree/priv"
    chown -R 7:8 "$dir/tree/priv" && chmod 4755 "$dir/tree/priv/x"
    tar -C "$dir/tree" -cf "$(home_of $ANN)/many.tar" .
    run -0 ann import many.tar many
    refute_contains "belong to you"
    run -0 --separate-stderr ann run --rm many stat -c '%u:%g %a' /priv /priv/x /bin/busybox
    assert_output $'7:8 700\n7:8 4755\n0:0 755'
    run -0 ann rmi many
    assert_equal "$(find "$(data_of $ANN)/images" -name '.tmp-*')" ""
    chown 3000000 "$dir/tree/priv/x"
    tar -C "$dir/tree" -cf "$(home_of $ANN)/far.tar" .
    run ann import far.tar far
    assert_error 125 3000000 /etc/subuid
    assert_equal "$(find "$(data_of $ANN)/images" -name '.tmp-*')" ""
    # Without a range all is the importer's, and it is said.
    cp "$(home_of $ANN)/many.tar" "$(home_of $BOB)/many.tar"
    run -0 bob import many.tar many
    assert_contains "all files belong to you"
    run -0 --separate-stderr bob run --rm many stat -c '%u:%g' /priv/x
    assert_output 0:0
}

# ---- limits -----------------------------------------------------------------------------------------------------

@test "limits without a group of one's own are refused by name" {
    local option
    for option in "-m 64m" "--cpus 0.5" "--pids-limit 10" "--cpuset-cpus 0" "--cpu-shares 100"; do
        # shellcheck disable=SC2086
        run --separate-stderr bob run --rm $option busybox true
        assert_status 125
        [[ $stderr == *"controller is delegated to you"*"Delegate=yes"*"chown"* ]] || { echo "$option: $stderr" >&2; false; }
    done
    run bob run --rm --device-cgroup-rule 'c 1:3 r' busybox true
    assert_failure
    assert_contains "needs root"
    run bob explain -m 64m busybox
    assert_status 125
    assert_contains "no memory controller is delegated"
}

# give USER [NAME]: groups that are USER's, in every hierarchy of memory, pids, cpu and freezer.
give()
{
    local name=${2:-moat-test-given-$$} c top
    given="$given $name"
    require_cgroup memory; require_cgroup pids; require_cgroup cpu
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        top=/sys/fs/cgroup/$name
        mkdir "$top" || skip "this host gives no groups away"
        for c in memory pids cpu; do
            grep -qw $c "$top/cgroup.controllers" || skip "cgroup $c is not handed down by the root group"
        done
        chown "$1" "$top" "$top"/cgroup.{procs,threads,subtree_control}
        return
    fi
    for c in memory pids cpu freezer; do
        top=/sys/fs/cgroup/$c
        [ -d "$top" ] || skip "cgroup $c is mounted elsewhere"
        mkdir "$top/$name" && chown "$1" "$top/$name" || return
    done
}

# inside USER NAME COMMAND...: started from those groups.
inside()
{
    local user=$1 name=$2; shift 2
    # shellcheck disable=SC2016
    sh -c 'name=$1; shift
        for procs in /sys/fs/cgroup/$name/moat.self/cgroup.procs /sys/fs/cgroup/$name/cgroup.procs /sys/fs/cgroup/*/$name/cgroup.procs; do
            [ ! -e "$procs" ] || echo $$ > "$procs" || continue
            case $procs in /sys/fs/cgroup/$name/*) [ ! -e "$procs" ] || break ;; esac
        done
        exec "$@"' sh "$name" setpriv --reuid "$user" --regid "$user" --init-groups --reset-env \
        env -C "$(home_of "$user")" "$TOOLS/moat" "$@" 3>&-
}

take_back()
{
    local name d
    for name in $given; do
        for d in /sys/fs/cgroup/"$name" /sys/fs/cgroup/*/"$name"; do
            [ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} \; || return
        done
    done
}

# value V1-FILE V2-FILE: of the sandbox's own group, read inside.
value() { echo "cat /sys/fs/cgroup/$1 2>/dev/null || cat /sys/fs/cgroup/$2"; }

@test "limits in a group that was given to the user are enforced" {
    local g=moat-test-given-$$
    give $BOB
    run -0 --separate-stderr inside $BOB $g run --rm -m 64m --pids-limit 20 --cpus 0.5 busybox sh -c \
        "$(value memory/memory.limit_in_bytes memory.max); $(value pids/pids.max pids.max); $(value cpu/cpu.cfs_quota_us cpu.max)"
    assert_line 67108864
    assert_line 20
    assert_match '50000'
    assert_equal "$stderr" "" # the defaults are in force too
    run inside $BOB $g run --rm -m 64m busybox sh -c 'echo began; head -c 200m /dev/zero | tail && echo survived'
    assert_contains began
    refute_contains survived
    run inside $BOB $g run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait; echo survived'
    refute_contains survived
    assert_contains "can't fork"
    run -0 inside $BOB $g boundaries --json
    assert_match 'limits by the controllers .*memory.*pids'
    assert_equal "$(find /sys/fs/cgroup -path "*$g/moat-*" ! -name moat.self)" ""
}

@test "exec, pause, update and stats in such a group; start from another one" {
    local g=moat-test-given-$$ other=moat-test-other-$$
    give $BOB
    run -0 inside $BOB $g run -d --name one -m 64m busybox sleep 100
    run -0 inside $BOB $g exec one sh -c "$(value memory/memory.limit_in_bytes memory.max)"
    assert_output 67108864
    run -0 inside $BOB $g pause one
    run -0 inside $BOB $g ps --format '{{.State}}'
    assert_output paused
    run -0 inside $BOB $g unpause one
    run -0 inside $BOB $g update -m 32m one
    run -0 inside $BOB $g exec one sh -c "$(value memory/memory.limit_in_bytes memory.max)"
    assert_output 33554432
    run -0 inside $BOB $g stop -t 0 one
    give $BOB $other
    run -0 inside $BOB $other start one
    assert_equal "$(find /sys/fs/cgroup -type d -name moat-one | grep -cv "/$other/moat-one")" 0
    run -0 inside $BOB $other exec one sh -c "$(value memory/memory.limit_in_bytes memory.max)"
    run -0 inside $BOB $other rm -f one
    assert_equal "$(find /sys/fs/cgroup -type d -name moat-one)" ""
}

@test "a group below somebody else's is not the user's" {
    give $BOB
    local d
    for d in /sys/fs/cgroup/moat-test-given-$$ /sys/fs/cgroup/*/moat-test-given-$$; do [ ! -d "$d" ] || chown root "$d"; done
    run inside $BOB moat-test-given-$$ run --rm -m 64m busybox true
    assert_failure
    assert_contains "no memory controller is delegated"
}

# ---- who may -----------------------------------------------------------------------------------------------------

@test "a state directory that is a link, another's or open to others is refused" {
    local state home
    state=$(run_of $BOB) home=$(home_of $BOB)
    rm -rf "$state"
    as $BOB mkdir -p -m 700 real
    ln -s "$home/real" "$state"
    run bob ps
    rm "$state"
    assert_failure
    assert_contains "symbolic link"
    mkdir -m 700 "$state"
    run bob run --rm busybox true
    assert_error 125 "$state" "not yours"
    chmod 755 "$state"
    run bob run --rm busybox true
    assert_error 125 "$state" "must be ours alone"
    chown $BOB "$state" && chmod 777 "$state"
    run bob run --rm busybox true
    assert_error 125 "$state" "must be ours alone"
    rmdir "$state"
    run as $BOB XDG_RUNTIME_DIR="$(home_of $ANN)" "$TOOLS/moat" run --rm busybox true
    assert_error 125 "not yours" XDG_RUNTIME_DIR
    # A relative one counts for nothing.
    run -0 as $BOB XDG_RUNTIME_DIR=relative "$TOOLS/moat" run --rm busybox true
    refute_exists "$home/relative"
}

@test "a data directory that is another's or open to others is refused" {
    mkdir -m 755 "$(home_of $BOB)/foreign"
    run as $BOB MOAT_DATA_DIR="$(home_of $BOB)/foreign" "$TOOLS/moat" run --rm busybox true
    assert_failure
    assert_contains "belongs to uid 0"
    as $BOB mkdir -m 777 open && chmod 777 "$(home_of $BOB)/open"
    run as $BOB MOAT_DATA_DIR="$(home_of $BOB)/open" "$TOOLS/moat" run --rm busybox true
    assert_failure
    assert_contains "not for others to write"
}

@test "a second user reaches nothing of the first one's" {
    run -0 ann run -d --name one busybox sh -c 'echo secret > /s; sleep 100'
    local state
    state=$(run_of $ANN)
    assert_exists "$state/one/control.sock"
    assert_equal "$(find "$state" "$(data_of $ANN)" -mindepth 1 -maxdepth 1 -type d -perm /077 ! -name '.*')" ""
    run bob ps -aq
    assert_output ""
    run as $BOB MOAT_RUN_DIR="$state" "$TOOLS/moat" exec one cat /s
    assert_failure
    refute_contains secret
    run as $BOB MOAT_RUN_DIR="$state" "$TOOLS/moat" rm -f one
    assert_failure
    run as $BOB cat "$(data_of $ANN)/layers/one/upper/s" "$state/one/config.json"
    assert_failure
    refute_contains secret
    run as $BOB kill -9 "$(pgrep -u $ANN -n sleep)"
    assert_failure
    run -0 ann exec one cat /s
    assert_output secret
}

@test "two users and root at once, under the same name" {
    export MOAT_RUN_DIR=$dir/run MOAT_DATA_DIR=$dir/data
    local who
    root() { "$TOOLS/moat" "$@" 3>&-; }
    for who in ann bob root; do
        run -0 $who run -d --name moat-same busybox sleep 100
    done
    for who in ann bob root; do
        run -0 $who ps --format '{{.Names}} {{.State}}'
        assert_output "moat-same running"
        run -0 $who system check
        assert_output "nothing is left over"
    done
    run -0 ann rm -f moat-same
    run -0 bob exec moat-same true
    run -0 root exec moat-same true
    run -0 root rm -f moat-same
    run -0 bob exec moat-same true
    run -0 bob rm -f moat-same
    assert_equal "$(left_of $ANN)$(left_of $BOB)$(find "$dir/run" "$dir/data/layers" -mindepth 1 ! -name '.*' ! -path '*/.*')" ""
}

@test "system check leaves alone what belongs to the user's other state directory" {
    as $BOB mkdir -p -m 700 two
    run -0 as $BOB XDG_RUNTIME_DIR="$(home_of $BOB)/two" "$TOOLS/moat" run --name other busybox sh -c 'echo kept > /k'
    touch -d '1 hour ago' "$(data_of $BOB)/layers/other"
    run -0 bob system check
    assert_exists "$(data_of $BOB)/layers/other/upper/k"
    run -0 as $BOB XDG_RUNTIME_DIR="$(home_of $BOB)/two" "$TOOLS/moat" rm other
    refute_exists "$(data_of $BOB)/layers/other"
}
