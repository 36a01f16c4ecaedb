# SPDX-License-Identifier: Apache-2.0
# Helpers for bats files (`load ../lib`) and for tests/run. No side effects when loaded, except the variables below.
#
# A test that cannot run here says why with `skip`: the require_* functions do that. A test never weakens its assertion
# because the host lacks something.

MOAT_SRC=${MOAT_SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
MOAT_BUILD=${MOAT_BUILD:-$MOAT_SRC/build}
MOAT=${MOAT:-$MOAT_BUILD/moat}
MOAT_OCI=${MOAT_OCI:-$MOAT_BUILD/moat-oci}
MOAT_BUSYBOX=${MOAT_BUSYBOX:-$MOAT_BUILD/share/busybox}
MOAT_TEST_SCALE=${MOAT_TEST_SCALE:-1}
export MOAT_SRC MOAT_BUILD MOAT MOAT_OCI MOAT_BUSYBOX MOAT_TEST_SCALE

moat() { "$MOAT" "$@"; }
moat-oci() { "$MOAT_OCI" "$@"; }

# ---- what a test needs ------------------------------------------------------------------------------------------

require_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# require_command NAME [DEBIAN-PACKAGE]
require_command() { command -v "$1" >/dev/null || skip "needs the command $1 (Debian package ${2:-$1})"; }

require_file() { [ -e "$1" ] || skip "needs $1"; }

# A C compiler for WASI, or a skip that names the packages.
require_wasm_clang()
{
    require_command clang
    require_command wasm-ld lld
    require_file /usr/lib/wasm32-wasi/libc.a
    [ -e "$(clang --target=wasm32-wasi -print-libgcc-file-name)" ] ||
        skip "needs clang's library for wasm32 (Debian package libclang-rt-14-dev-wasm32)"
}

# require_cgroup CONTROLLER: a v1 hierarchy with it, or a cgroup2 tree that offers it.
require_cgroup()
{
    grep -qE " - cgroup .*[ ,]$1(,|\$)" /proc/self/mountinfo && return 0
    local dir
    for dir in $(awk '/ - cgroup2 / { print $5 }' /proc/self/mountinfo); do
        grep -qw "$1" "$dir/cgroup.controllers" 2>/dev/null && return 0
    done
    skip "no cgroup hierarchy with the $1 controller is mounted here"
}

# The kernel refuses user namespaces to chrooted processes and by sysctl.
require_userns()
{
    unshare -U true 2>/dev/null || skip "this host does not let this process make a user namespace"
}

# ---- things to run ----------------------------------------------------------------------------------------------

# An id that no other test uses.
new_id() { echo "moat-test-$$-${BATS_TEST_NUMBER:-0}-$RANDOM"; }

# A fresh busybox root in DIR.
make_rootfs()
{
    require_file "$MOAT_BUSYBOX/bin/busybox"
    mkdir -p "$1" && cp -a "$MOAT_BUSYBOX/." "$1/"
}

# make_bundle DIR [JQ-FILTER]: DIR/rootfs (busybox) and DIR/config.json, which is `moat-oci spec` through the filter.
# Without a terminal, running `true`, unless the filter says otherwise.
make_bundle()
{
    require_command jq
    make_rootfs "$1/rootfs"
    (cd "$1" && rm -f config.json && "$MOAT_OCI" spec) || return
    bundle_edit "$1" ".process.terminal = false | .process.args = [\"true\"] | ${2:-.}"
}

# bundle_edit DIR JQ-FILTER
bundle_edit()
{
    jq "$2" "$1/config.json" > "$1/config.json.new" && mv "$1/config.json.new" "$1/config.json"
}

# delete_container ID [ROOT]: for teardown; silent when there is none.
delete_container() { "$MOAT_OCI" ${2:+--root "$2"} delete --force "$1" >/dev/null 2>&1 || true; }

# crun 1.8 refuses hybrid cgroups: run a peer where the cgroup2 tree beside v1 is not mounted. Host untouched.
without_unified()
{
    unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh "$@"
}

# wait_for SECONDS COMMAND...: until it succeeds; fails with the command's name.
wait_for()
{
    local end=$((SECONDS + $1 + 1)); shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "# waited in vain for: $*" >&2; return 1; }
        sleep 0.05
    done
}

# ---- assertions on bats' $status and $output; each prints everything on failure ----------------------------------

report_run()
{
    printf '%s\n' "$1" "status: ${status-}" "output:" "${output-}" "----" >&2
    return 1
}

assert_status() { [ "${status-}" = "$1" ] || report_run "expected status $1"; }
assert_success() { assert_status 0; }
assert_failure() { [ "${status-0}" != 0 ] || report_run "expected a failure"; }
assert_output() { [ "${output-}" = "$1" ] || report_run "expected output: $1"; }
assert_line() { grep -qxF -- "$1" <<<"${output-}" || report_run "expected the line: $1"; }
assert_contains() { [[ ${output-} == *"$1"* ]] || report_run "expected in the output: $1"; }
refute_contains() { [[ ${output-} != *"$1"* ]] || report_run "not expected in the output: $1"; }
assert_match() { [[ ${output-} =~ $1 ]] || report_run "expected output matching: $1"; }
refute_match() { [[ ! ${output-} =~ $1 ]] || report_run "not expected: output matching: $1"; }
assert_equal() { [ "$1" = "$2" ] || { printf 'got:      %s\nexpected: %s\n' "$1" "$2" >&2; return 1; }; }
assert_exists() { [ -e "$1" ] || { echo "expected to exist: $1" >&2; return 1; }; }
refute_exists() { [ ! -e "$1" ] || { echo "expected not to exist: $1" >&2; return 1; }; }

# An error of ours is one line that names the item and the remedy: assert_error STATUS WORD...
assert_error()
{
    assert_status "$1" || return
    shift
    local word
    for word; do assert_contains "$word" || return; done
    [ "$(grep -c . <<<"${output-}")" = 1 ] || report_run "expected one line of error"
}

# ---- leftovers --------------------------------------------------------------------------------------------------

# leaks_snapshot: prints everything that a test may not leave behind, one sorted line each.
leaks_snapshot()
{
    {
        awk '{ for (i = 7; i <= NF && $i != "-"; i++); print "mount", $5, $(i + 1), $(i + 2) }' /proc/self/mountinfo
        find /sys/fs/cgroup -type d -name '*moat*' -printf 'cgroup %p\n' 2>/dev/null
        local p comm exe
        for p in /proc/[0-9]*; do
            read -r comm < "$p/comm" || continue
            exe=$(readlink "$p/exe") || exe=
            case $comm:${exe##*/} in moat*|*:moat*) echo "process ${p#/proc/} $comm ${exe##*/}" ;; esac
        done 2>/dev/null
        for p in /sys/block/loop*/loop/backing_file; do
            [ -e "$p" ] && echo "loop ${p%/loop/backing_file} $(cat "$p")"
        done
        for p in "${MOAT_RUN_DIR:-/run/moat}"/*/*; do
            # Reservations and caches outlive a sandbox by design: files are not counted, directories are.
            [ -d "$p" ] && echo "state $p"
        done
        for p in /run/netns/*; do [ -e "$p" ] && echo "netns $p"; done
    } | LC_ALL=C sort
}

# leaks_since SNAPSHOT: prints what is there now and was not then; what the kernel takes away late gets two seconds.
leaks_since()
{
    local try new=
    for try in {1..10}; do : "$try"
        new=$(LC_ALL=C comm -13 "$1" <(leaks_snapshot))
        [ -n "$new" ] || return 0
        sleep 0.2
    done
    printf '%s\n' "$new"
    return 1
}
