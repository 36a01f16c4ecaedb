#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Mount targets that change while they are looked up: on another processor a directory of the root and a symbolic link out
# of it change places all the time, while containers are made with mounts, files, devices and masks below that name. The canary, a
# directory of the host where the link leads, must receive nothing. 1,000 tries in all, 100,000 under --full.
# Alone: its races are run between two processors.
bats_require_minimum_version 1.5.0
load escape

setup_file() { build_probes naive swap; }

setup()
{
    require_root
    dir=$BATS_TEST_TMPDIR id=$(new_id) tries=$((334 * MOAT_TEST_SCALE))
    mkdir -p "$dir/canary/mnt" "$dir/canary/dev" "$dir/canary/masked"
    echo untouched > "$dir/canary/file"
    before=$(listing)
}

teardown()
{
    [ -z "${swapper:-}" ] || kill "$swapper" 2>/dev/null || true
    delete_container "$id" "$dir/run"
}

listing() { find "$dir/canary" -printf '%P %y %i %m %s %T@\n' | LC_ALL=C sort; }

# hostile_root ROOT LINK-TARGET: ROOT/t is a directory and ROOT/link leads out of the root.
hostile_root()
{
    mkdir -p "$1/t/mnt" "$1/t/dev" "$1/t/masked"
    touch "$1/t/file" "$1/t/mfile"
    ln -s "$2" "$1/link"
}

swap_on()
{
    "$PROBES/swap" exchange "$1/t" "$1/link" 3>&- &
    swapper=$!
}

race_bundle()
{
    make_bundle "$dir/b" ".root.readonly = false
        | .mounts += [{destination: \"/t/mnt\", type: \"tmpfs\", source: \"tmpfs\"},
                      {destination: \"/t/new/deep\", type: \"tmpfs\", source: \"tmpfs\"},
                      {destination: \"/t/file\", type: \"bind\", source: \"/etc/hostname\", options: [\"bind\", \"ro\"]},
                      {destination: \"/t/newfile\", type: \"bind\", source: \"/etc/hostname\", options: [\"bind\", \"ro\"]}]
        | .linux.devices = [{path: \"/t/dev/nod\", type: \"c\", major: 1, minor: 3}, {path: \"/t/newdev/nod\", type: \"p\"}]
        | .linux.maskedPaths += [\"/t/masked\", \"/t/mfile\"] | .linux.readonlyPaths += [\"/t/dev\"]
        | .hooks.createContainer = [{path: \"$PROBES/swap\", args: [\"swap\", \"check\", \"$dir/canary\", \"$dir/escaped\"]}]"
    hostile_root "$dir/b/rootfs" "$1"
}

race()
{
    race_bundle "$1"
    local round made=0 refused=0
    swap_on "$dir/b/rootfs"
    # The race has to be one: some are made, some meet the link where it may not be followed. How often is the scheduler's
    # affair, so it goes on until both have happened.
    for round in {1..20}; do
        run --separate-stderr "$PROBES/swap" repeat "$tries" "$MOAT_OCI" --root "$dir/run" run --bundle "$dir/b" "$id"
        assert_match '[0-9]+ succeeded, [0-9]+ refused'
        read -r good _ bad _ <<< "$output"
        made=$((made + good)) refused=$((refused + bad))
        ((made == 0 || refused == 0)) || break
    done
    kill "$swapper"
    swapper=
    echo "$made made, $refused refused"
    ((made > 0 && refused > 0))
    assert_equal "$(listing)" "$before"
    refute_exists "$dir/escaped"
    assert_equal "$(grep -c " $dir/canary" /proc/self/mountinfo)" 0
    assert_equal "$(ls "$dir/run" | grep -c "$id")" 0
}

@test "a mount target that becomes a relative link out of the root" { race ../../canary; }

@test "a mount target that becomes an absolute link to the host" { race "$dir/canary"; }

@test "a mount target that becomes a link through the launcher's /proc" { race "/proc/self/root$dir/canary"; }

@test "guard off: a resolver that checks a path and then uses it loses the race" {
    mkdir -p "$dir/root"
    hostile_root "$dir/root" ../canary
    swap_on "$dir/root"
    # What it mounts stays in a mount namespace that ends with it.
    for round in {1..50}; do
        unshare -m --propagation private "$PROBES/naive" mounts "$dir/root" /t/mnt 100000
        [ "$(listing)" = "$before" ] || break
    done
    kill "$swapper"
    swapper=
    # It made a file there, and removed it again: the directory's time shows it.
    [ "$(listing)" != "$before" ] || { echo "the canary is as it was" >&2; false; }
}
