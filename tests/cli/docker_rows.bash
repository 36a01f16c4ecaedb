# SPDX-License-Identifier: Apache-2.0
# What is around the rows of docker_rows.bats: the client, which is moat or, with MOAT_ROWS_CLIENT=docker, the first
# docker in PATH beside a dockerd of the test's own (directories, socket and cgroup parent; no network); the comparison of
# a row; and that nothing is left behind. Nothing of a dockerd that runs on this host is touched.
load run

ROWS_CLIENT=${MOAT_ROWS_CLIENT:-moat}

# What is missing is kept for setup(): bats 1.8 counts a skip in setup_file as a failure.
rows_setup_file()
{
    unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_API_VERSION DOCKER_DEFAULT_PLATFORM
    ROWS_SKIP=$(skip() { echo "$1"; exit; }; rows_require)
    export ROWS_SKIP ROWS_TAG=$$
    [ -z "$ROWS_SKIP" ] || return 0
    case $ROWS_CLIENT in
    moat) run_setup_file ;;
    docker) dockerd_start ;;
    *) echo "MOAT_ROWS_CLIENT is moat or docker, not $ROWS_CLIENT" >&2; return 1 ;;
    esac
}

rows_require()
{
    require_root
    require_file "$MOAT_BUSYBOX/bin/busybox"
    [ "$ROWS_CLIENT" = docker ] || return 0
    require_command docker docker.io
    require_command dockerd docker.io
    require_command containerd
}

rows_setup() { [ -z "$ROWS_SKIP" ] || skip "$ROWS_SKIP"; }

rows_teardown_file()
{
    if [ "$ROWS_CLIENT" = docker ]; then dockerd_stop; else moat_nothing_left; fi
}

# ---- the client's side ------------------------------------------------------------------------------------------

dockerd_start()
{
    E=$(mktemp -d /tmp/moat-rows.XXXXXX) # short, for the sockets in it
    export E DOCKER_HOST=unix://$E/sock DOCKER_CONFIG=$E/config
    local driver=vfs
    ! grep -qw overlay /proc/filesystems || driver=overlay2
    mkdir "$E/config"
    echo '{}' > "$E/daemon.json" # the host's is not ours to follow
    dockerd --data-root "$E/data" --exec-root "$E/exec" -p "$E/pid" -H "$DOCKER_HOST" --config-file "$E/daemon.json" \
        --iptables=false --ip6tables=false --ip-forward=false --bridge=none --storage-driver $driver \
        --cgroup-parent "/moat-test-${E##*.}" --exec-opt native.cgroupdriver=cgroupfs > "$E/log" 2>&1 3>&- 4>&- < /dev/null &
    local daemon=$!
    started() { ! kill -0 $daemon || docker version; }
    # A daemon which started and no container which runs: that too is "cannot run here".
    if ! wait_for 30 started ||
        ! tar -C "$MOAT_BUSYBOX" --owner=0 --group=0 -c . | docker import --change 'CMD ["sh"]' - busybox:latest > "$E/import" 2>&1 ||
        ! docker run --rm busybox true > "$E/first" 2>&1; then
        ROWS_SKIP="dockerd cannot run here: $(kill -0 $daemon 2>/dev/null && cat "$E/first" "$E/import" 2>/dev/null | grep -m 1 . || tail -n 1 "$E/log")"
    fi
}

dockerd_stop()
{
    [ -n "${E-}" ] || return 0
    local parent=moat-test-${E##*.} left m
    if [ -s "$E/pid" ]; then
        rows_clear || true
        kill "$(cat "$E/pid")" || true
        wait_for 20 dockerd_gone || kill -9 "$(cat "$E/pid")" || true
    fi
    # What dockerd makes once and leaves by design: two mounts, and the parent group.
    umount "$E/exec/netns/default" "$E/data" 2>/dev/null || true
    for m in /sys/fs/cgroup/*; do rmdir "$m/$parent" 2>/dev/null || true; done
    left=$({
        awk -v e="$E/" 'index($5, e) == 1 { print "mount", $5 }' /proc/self/mountinfo
        find /sys/fs/cgroup -type d -name "$parent"
        pgrep -af "$E/"
    } 2>/dev/null) || true
    for m in $(awk -v e="$E/" 'index($5, e) == 1 { print $5 }' /proc/self/mountinfo | tac); do umount "$m"; done
    rm -rf --one-file-system "$E"
    [ -z "$left" ] || { printf 'left: %s\n' "$left" >&2; return 1; }
}

dockerd_gone() { ! pgrep -f "$E/" > /dev/null; }

# The monitor of each sandbox, its directory and its layer.
moat_left()
{
    local p
    for p in /proc/[0-9]*; do
        grep -q '^moat' "$p/comm" && grep -qzxF "MOAT_RUN_DIR=$MOAT_RUN_DIR" "$p/environ" && echo "process ${p#/proc/} $(tr '\0' ' ' < "$p/cmdline")"
    done 2>/dev/null
    find "$MOAT_RUN_DIR" -mindepth 1 -type d ! -name '.*' 2>/dev/null
    find "$MOAT_DATA_DIR/layers" -mindepth 1 -maxdepth 1 2>/dev/null
    return 0
}

moat_nothing_left()
{
    [ -z "$ROWS_SKIP" ] || return 0
    nothing() { [ -z "$(moat_left)" ]; }
    wait_for 3 nothing && return
    moat_left >&2
    "$MOAT" system check > /dev/null 2>&1
    return 1
}

# Removes all containers, between two rows.
rows_clear()
{
    local ids client=docker
    [ "$ROWS_CLIENT" = docker ] || client=$MOAT
    ids=$(timeout 20 "$client" ps -aq 2>/dev/null) || return 0
    # shellcheck disable=SC2086
    [ -z "$ids" ] || timeout 20 "$client" rm -f $ids > /dev/null
}

# The one word that differs: what docker calls `container prune` is `moat prune`.
rows_client()
{
    if [ "$ROWS_CLIENT" = moat ]; then "$MOAT" "$@"
    elif [ "$1" = prune ]; then docker container "$@"
    else docker "$@"; fi
}

# ---- a row ------------------------------------------------------------------------------------------------------

# What the commands of a row may use; they run with `set -eu -o pipefail`, an empty stdin and a directory of their own.
rows_words()
{
    c() { rows_client "$@"; }
    q() { c "$@" > /dev/null; }
    # until COMMAND...: tries for 10 seconds.
    eventually()
    {
        local try
        for try in {1..200}; do : "$try"
            if "$@" > /dev/null 2>&1; then return 0; fi
            sleep 0.05
        done
        echo "waited in vain for: $*" >&2
        return 99
    }
    state() { c inspect -f "{{.State.$2}}" "$1"; }
    is_now() { [ "$(state "$1" Status)" = "$2" ]; }
    is() { eventually is_now "$@"; }
    said_now() { c logs "$1" 2>&1 | grep -e "$2"; }
    said() { eventually said_now "$@"; }
    # up NAME [OPTION...]: a container which ends with 7 at SIGTERM, and is ready for that.
    UP='trap "exit 7" TERM; echo up; while :; do sleep 0.05; done'
    up()
    {
        local name=$1; shift
        q run -d --name "$name" "$@" busybox sh -c "$UP"
        said "$name" up
    }
    # One that ended with the status.
    ended() { c run --name "$1" busybox sh -c "exit $2" || [ $? = "$2" ]; }
}

# The names box, jar and tin of the rows become names of this run, in commands and patterns: cgroups are named for them.
rows_named() { sed -E "s/\\b(box|jar|tin)\\b/\\1$ROWS_TAG/g"; }

# row STATUS STDOUT STDERR [COMMANDS]: the commands (else those of stdin) end with STATUS and print what the patterns say.
# Patterns are extended regular expressions over the whole text, whose last newlines are dropped; '' is nothing at all.
row()
{
    local dir=$BATS_TEST_TMPDIR got=0 out err
    mkdir -p "$dir/work"
    if [ $# -gt 3 ]; then printf '%s\n' "$4"; else cat; fi | rows_named > "$dir/row"
    set -- "$1" "$(rows_named <<<"$2")" "$(rows_named <<<"$3")"
    {
        printf 'ROWS_CLIENT=%q MOAT=%q\n' "$ROWS_CLIENT" "$MOAT"
        declare -f rows_client rows_words
        echo 'rows_words; cd work; . ../row'
    } > "$dir/script"
    # shellcheck disable=SC2164
    (cd "$dir" && exec timeout -k 2 "${MOAT_ROWS_LIMIT:-30}" bash -eu -o pipefail script) > "$dir/out" 2> "$dir/err" < /dev/null 3>&- 4>&- &
    wait $! || got=$?
    # A row that failed may have left a client in the foreground. Its process group is the one that timeout made.
    if kill -KILL -- -$! 2>/dev/null && [ "$ROWS_CLIENT" = moat ]; then "$MOAT" system check > /dev/null 2>&1 || true; fi
    out=$(tr -d '\0\r' < "$dir/out") err=$(tr -d '\0\r' < "$dir/err")
    row_matches "$1" "$got" && row_text "$2" "$out" && row_text "$3" "$err" && return
    printf '%s\n' "$ROWS_CLIENT, commands:" "$(cat "$dir/row")" "status: $got, expected: $1" \
        "stdout (expected: $2):" "$out" "stderr (expected: $3):" "$err" "----" >&2
    return 1
}

row_matches() { [[ $2 =~ ^($1)$ ]]; }
row_text() { if [ -n "$1" ]; then [[ $2 =~ $1 ]]; else [ -z "$2" ]; fi; }
