#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A module that writes machine code over its engine through /proc/self/mem (tests/escape/wasm/engine_memory.c). The same
# program built for the host does it to itself, in the very bundle and by the very names: so the way is there, and what
# stands before it is the engine's.
bats_require_minimum_version 1.5.0
load wasm

setup_file()
{
    wasm_is_here || return 0
    wasm_place
    local flags=(-std=gnu17 -O2 -Wall -Wextra -Werror) source=$BATS_TEST_DIRNAME/wasm/engine_memory.c
    gcc "${flags[@]}" -static -o "$WORK/native" "$source"
    (require_wasm_clang) > /dev/null 2>&1 || return 0
    clang --target=wasm32-wasi "${flags[@]}" -o "$WORK/module.wasm" "$source"
}

teardown_file() { wasm_unplace; }

setup()
{
    require_wasm
    require_wasm_clang
    dir=$BATS_TEST_TMPDIR id=$(new_id)
}

teardown() { delete_container "$id"; }

# bundle PROGRAM NAMES...: where procfs is at /proc, and the host's is at /elsewhere and at /file, as a directory and a file
bundle()
{
    make_bundle "$dir" ".process.args = $(jq -cn '$ARGS.positional' --args -- "$@") | .root.readonly = false
        | .linux.maskedPaths = [] | .linux.readonlyPaths = []
        | .mounts += [{destination: \"/elsewhere\", type: \"bind\", source: \"/proc\", options: [\"rbind\"]}]"
    cp "$WORK/native" "$dir/rootfs/native"
    cp "$WORK/module.wasm" "$dir/rootfs/module.wasm"
    ln -s elsewhere "$dir/rootfs/link"
}

engine() { bundle_edit "$dir" '.annotations = {"run.oci.handler": "wasm"}'; }

in_bundle() { run timeout -k 5 30 "$MOAT_OCI" run --bundle "$dir" "$id"; }

@test "the way is there: a program of the same bundle does it to itself, by each name" {
    local proc
    for proc in /proc /elsewhere /link; do
        bundle /native "$proc" self
        in_bundle
        assert_status 42
        assert_line native
        rm -rf "$dir/rootfs"
    done
    bundle /native /elsewhere thread-self
    in_bundle
    assert_status 42
}

@test "a module in a bundle finds no memory of its engine, by whatever name" {
    local proc whose names=()
    # Its own procfs is not mounted.
    bundle /module.wasm /proc self
    engine
    in_bundle
    assert_status 0
    assert_output "/proc/self/maps: No such file or directory; /proc/self/mem: No such file or directory"
    rm -rf "$dir/rootfs"
    for proc in /elsewhere /link elsewhere/../elsewhere; do
        for whose in self thread-self self/task/.. 1; do names+=("$proc" "$whose"); done
    done
    bundle /module.wasm "${names[@]}"
    engine
    in_bundle
    assert_status 0
    assert_equal "$(grep -c 'maps: Permission denied; .*mem: Permission denied$' <<< "$output")" $((${#names[@]} / 2))
    refute_match native
}

@test "a working directory in procfs is given to no module" {
    bundle /module.wasm . self
    engine
    bundle_edit "$dir" '.process.cwd = "/elsewhere"'
    in_bundle
    assert_status 126
    assert_match "the directory . cannot be given to the program: it is the kernel's"
}

@test "behind moat run: refused by name, and below a granted directory by the engine, which says why" {
    local option
    for option in "--ro /proc" "--rw /proc/self" "--ro /proc/self/mem" "-v /proc:/p" "--dir /proc::/p" "--ro /sys" "--rw /" "--ro /" "--dir /::/p"; do
        # shellcheck disable=SC2086
        run timeout 20 "$MOAT" run --rm -b wasm $option "$WORK/module.wasm" /p self
        assert_status 125
        assert_match "of which a module is given nothing|nothing can be mounted in /proc"
    done
    mkdir -p "$WORK/granted/proc"
    run timeout -k 5 30 unshare --mount --propagation private sh -c "mount --bind /proc $WORK/granted/proc && exec $MOAT run --rm --userns host -b wasm \
        --rw $WORK/granted $WORK/module.wasm $WORK/granted/proc self"
    assert_status 0
    assert_match "maps: Permission denied; .*mem: Permission denied"
    assert_match "moat: denied: open for reading and writing $WORK/granted/proc/self/mem: it is the kernel's, as /proc is, and never given to a module"
}
