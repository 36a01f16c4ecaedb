# SPDX-License-Identifier: Apache-2.0
# What the engine tests share (`load engines`). Each file starts its engine with directories, socket and cgroup parent of
# its own in setup_file and ends it by pid in teardown_file; nothing of an engine that runs on this host is touched.
load ../lib
bats_require_minimum_version 1.5.0

# How many containers in the tests that count: 5, and 50 under --full.
if [ "$MOAT_TEST_SCALE" -ge 100 ]; then ENGINE_COUNT=50; else ENGINE_COUNT=5; fi

# engine_setup NAME: E (scratch; short, for the sockets in it), ENGINE_TAG (cgroup parent), the image, the world before.
engine_setup()
{
    require_root
    require_command python3
    require_command script bsdutils
    require_file "$MOAT_OCI"
    require_file "$MOAT_BUSYBOX/bin/busybox"
    E=$(mktemp -d "/tmp/me-$1.XXXXXX")
    ENGINE_TAG=moat-test-${E##*.}
    export E ENGINE_TAG
    IMAGE=docker.io/library/bb:1
    export IMAGE
    python3 "$BATS_TEST_DIRNAME/image.py" "$MOAT_BUSYBOX" "$IMAGE" "$E/image.tar"
    world take "$E/before"
}

world() { python3 "$BATS_TEST_DIRNAME/world.py" "$@" "$ENGINE_TAG"; }

# nothing_left: the world is as before the engine. What the engine makes once and keeps by design goes first: the parent
# group of its containers with the group for conmon, and mounts (MOUNT...) of its own. rmdir and a busy umount take
# nothing away that a container left.
nothing_left()
{
    remove_parents
    for m; do umount "$m" 2>/dev/null || true; done
    run world since "$E/before"
    assert_success
}

remove_parents()
{
    local h
    for h in /sys/fs/cgroup/*; do
        rmdir "$h/$ENGINE_TAG/conmon" "$h/$ENGINE_TAG" 2>/dev/null || true
    done
}

# engine_stop PID: by pid, politely, and not at all after 20 seconds.
engine_stop()
{
    [ -n "$1" ] && kill "$1" 2>/dev/null || return 0
    wait_for 20 engine_gone "$1" || kill -9 "$1"
}

engine_gone()
{
    local state
    read -r _ _ state _ < "/proc/$1/stat" || return 0
    [ "$state" = Z ]
}

# engine_cleanup: what is in E, and the groups that the engine made for us.
engine_cleanup()
{
    [ -n "${E-}" ] || return 0
    local m
    while read -r m; do umount "$m"; done < <(awk -v e="$E/" 'index($5, e) == 1 { print $5 }' /proc/self/mountinfo | tac)
    remove_parents
    rm -rf --one-file-system "$E"
}

# in_terminal COMMAND...: on a terminal of 33 rows and 101 columns; its output in $output, without carriage returns.
in_terminal()
{
    run script -qec "stty rows 33 cols 101; $*" /dev/null < /dev/null
    output=$(tr -d '\r\000' <<<"$output" | sed 's/\^@//; s/\x08//g')
}

# counted COMMAND...: ENGINE_COUNT containers, four at a time; `@` in the command is the number, which each prints.
counted()
{
    local out
    out=$(seq "$ENGINE_COUNT" | xargs -P 4 -I@ "$@" | tr -d '\r' | sort -n)
    [ "$out" = "$(seq "$ENGINE_COUNT")" ] || { printf 'printed: %s\n' "$out" >&2; return 1; }
}
