#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# CVE-2019-5736: nothing inside can reach the launcher's own file. The strongest container there is: no user namespace, all
# capabilities, no seccomp. What is run is a copy (the canary); its digest is compared. The same attack has to succeed
# against naive.c, which has no guard.
# Alone: its races are run between two processors.
load escape

setup_file() { build_probes naive overwrite; }

setup()
{
    require_root
    dir=$BATS_TEST_TMPDIR id=$(new_id)
    mkdir -p "$dir/canary"
}

teardown()
{
    delete_container "$id" "$dir/run"
    [ -z "${attacker:-}" ] || kill "$attacker" 2>/dev/null || true
}

digest() { sha256sum < "$1"; }

# A root in which `evil` is a script whose interpreter is whatever executes it.
hostile_root()
{
    cp "$PROBES/overwrite" "$1/overwrite"
    printf '#!/proc/self/exe\n' > "$1/evil"
    cp "$1/bin/busybox" "$1/victim" # exec'd as an ordinary program: ours to spoil
    chmod 755 "$1/evil" "$1/victim"
}

plant()
{
    strong_bundle "$dir/b" ".process.args = $1"
    hostile_root "$dir/b/rootfs"
    cp "$MOAT" "$dir/canary/moat-oci"
    before=$(digest "$dir/canary/moat-oci")
}

canary() { "$dir/canary/moat-oci" --root "$dir/run" "$@"; }

assert_untouched() { assert_equal "$(digest "$dir/canary/moat-oci")" "$before"; }

changed() { [ "$(digest "$1")" != "$before" ]; }

plant_naive()
{
    make_rootfs "$dir/root"
    hostile_root "$dir/root"
    cp "$PROBES/naive" "$dir/canary/naive"
    before=$(digest "$dir/canary/naive")
}

# Starts the hunt inside, and waits until it has begun.
hunt()
{
    "$@" > "$dir/hunt" 2> "$dir/hunt.err" 3>&- &
    attacker=$!
    wait_for 5 grep -q ready "$dir/hunt"
}

# hunt_ends ROOT: when all has been done that it is about.
hunt_ends()
{
    touch "$1/stop"
    wait "$attacker" || true
    attacker=
}

@test "entrypoint /proc/self/exe does not reach the launcher" {
    plant '["/proc/self/exe", "spawn", "/overwrite", "2"]'
    run canary run --bundle "$dir/b" "$id"
    assert_status 125
    assert_untouched
}

@test "entrypoint with #!/proc/self/exe does not reach the launcher" {
    plant '["/evil", "spawn", "/overwrite", "2"]'
    run canary run --bundle "$dir/b" "$id"
    assert_status 125
    assert_untouched
}

@test "guard off: entrypoint /proc/self/exe overwrites a naive launcher" {
    plant_naive
    # The launcher once more, inside, with arguments of the attacker's choice: there it can be held.
    "$dir/canary/naive" init "$dir/root" /proc/self/exe spawn /overwrite 3 > "$dir/hunt" 2>&1 3>&- || true
    wait_for 4 changed "$dir/canary/naive" || { cat "$dir/hunt" >&2; false; }
}

@test "exec of /proc/self/exe, of a #! script and of plain programs does not reach the launcher" {
    plant '["/overwrite", "20"]'
    hunt canary run --bundle "$dir/b" "$id"
    for i in {1..40}; do
        canary exec "$id" /proc/self/exe 2>/dev/null || true
        canary exec "$id" /evil 2>/dev/null || true
        canary exec "$id" /victim 2>/dev/null || true
    done
    hunt_ends "$dir/b/rootfs"
    assert_untouched
    # The hunt was in earnest: it held what we execute inside.
    grep -q HELD "$dir/hunt" || { cat "$dir/hunt" "$dir/hunt.err" >&2; false; }
}

@test "guard off: the same hunt overwrites a naive launcher (exec of /proc/self/exe)" {
    plant_naive
    hunt "$dir/canary/naive" run "$dir/root" /overwrite 20
    # Two files of one launcher: the canary is the one that enters.
    cp "$dir/canary/naive" "$dir/canary/enter"
    local pid
    pid=$(awk '/^pid/ { print $2 }' "$dir/hunt.err")
    "$dir/canary/enter" exec "$pid" /proc/self/exe || true
    wait_for 4 changed "$dir/canary/enter" || true
    hunt_ends "$dir/root"
    changed "$dir/canary/enter" || { cat "$dir/hunt" "$dir/hunt.err" >&2; false; }
}

@test "guard off: the same hunt overwrites a naive launcher (#!/proc/self/exe)" {
    plant_naive
    hunt "$dir/canary/naive" run "$dir/root" /overwrite 20
    cp "$dir/canary/naive" "$dir/canary/enter"
    local pid
    pid=$(awk '/^pid/ { print $2 }' "$dir/hunt.err")
    "$dir/canary/enter" exec "$pid" /evil || true
    wait_for 4 changed "$dir/canary/enter" || true
    hunt_ends "$dir/root"
    changed "$dir/canary/enter" || { cat "$dir/hunt" "$dir/hunt.err" >&2; false; }
}

@test "the last stage's memfd, held by root inside, is sealed" {
    plant '["/overwrite", "20"]'
    hunt canary run --bundle "$dir/b" "$id"
    canary exec "$id" /proc/self/exe 2>/dev/null || true
    for i in {1..30}; do canary exec "$id" /victim 2>/dev/null || true; done
    hunt_ends "$dir/b/rootfs"
    grep -q 'REFUSED' "$dir/hunt" || { cat "$dir/hunt" "$dir/hunt.err" >&2; false; }
}
