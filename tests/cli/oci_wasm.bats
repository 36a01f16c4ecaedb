#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat-oci with bundles whose entry point is a WebAssembly module, marked as crun's handler knows them.
bats_require_minimum_version 1.5.0
load oci
load wasm

setup_file()
{
    oci_setup_file
    require_wasm_clang
    WORK=$BATS_FILE_TMPDIR
    wasm_build act
    cp "$WORK/act.wasm" "$ROOTFS/act.wasm"
    mkdir -p "$ROOTFS/data"
    echo inside > "$ROOTFS/data/file"
}
setup() { oci_setup; }
teardown() { oci_teardown; }

MODULE='.annotations = {"run.oci.handler": "wasm"} | .process.args = ["/act.wasm", "args", "a b"]'

@test "a module runs with its arguments, environment and exit status" {
    oci_run "$MODULE"
    assert_status 0
    assert_output "[/act.wasm]
[args]
[a b]"
    oci_run "$MODULE"' | .process.args = ["act.wasm", "env"] | .process.env = ["GIVEN=1", "HOME=/x"] | .process.cwd = "/"'
    assert_status 0
    assert_output "GIVEN=1
HOME=/x"
    oci_run "$MODULE"' | .process.args = ["/act.wasm", "exit", "7"]'
    assert_status 7
}

@test "what marks it: the handler, the image's variant, and their careful forms" {
    local marks
    for marks in '{"module.wasm.image/variant": "compat"}' '{"run.oci.handler": "wasm-smart"}' '{"module.wasm.image/variant": "compat-smart"}'; do
        oci_run "$MODULE | .annotations = $marks"
        assert_status 0
        assert_match '^\[/act.wasm\]'
    done
    # The careful forms leave other programs what they are.
    oci_run '.annotations = {"run.oci.handler": "wasm-smart"} | shell("echo a shell")'
    assert_status 0
    assert_output "a shell"
    oci_run '.annotations = {"run.oci.handler": "wasm"} | .process.args = ["/bin/busybox", "true"]'
    assert_status 126
    assert_match "moat-wasm: /bin/busybox: at offset 0x0"
}

@test "its files are the container's" {
    oci_run "$MODULE"' | .process.args = ["/act.wasm", "read", "/data/file"]'
    assert_status 0
    assert_output inside
    oci_run "$MODULE"' | .process.args = ["/act.wasm", "read", "file"] | .process.cwd = "/data"'
    assert_status 0
    assert_output inside
    oci_run "$MODULE"' | .root.readonly = true | .process.args = ["/act.wasm", "write", "/data/new", "x"]'
    assert_status 1
    [ ! -e "$ROOTFS/data/new" ]
    mkdir "$dir/volume"
    oci_run "$MODULE"' | .mounts += [{destination: "/data", type: "bind", source: "'"$dir"'/volume", options: ["rbind"]}]
        | .process.args = ["/act.wasm", "write", "/data/new", "x"]'
    assert_status 0
    [ "$(cat "$dir/volume/new")" = x ]
    oci_run "$MODULE"' | .process.args = ["/nothing.wasm"]'
    assert_status 127
}

@test "created, started, stopped as any container" {
    config "$MODULE"' | .process.args = ["/act.wasm", "spin"]'
    create
    assert_status 0
    [ "$(oci state "$id" | jq -r .status)" = created ]
    start
    assert_status 0
    said_up() { grep -q up "$dir/out"; }
    wait_for 10 said_up
    [ "$(oci state "$id" | jq -r .status)" = running ]
    # No file of the host is behind what runs.
    [[ "$(readlink "/proc/$(oci state "$id" | jq .pid)/exe")" == "/memfd:moat-wasm (deleted)" ]]
    run oci exec "$id" true
    [ "$status" != 0 ]
    assert_match "a WebAssembly module has no programs to run"
    oci kill "$id" TERM
    ended() { [ "$(oci state "$id" | jq -r .status)" = stopped ]; }
    wait_for 10 ended
    oci delete "$id"
}
