#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The walls around the WebAssembly engine, when a module has taken it over: wasm_owned.c in the place of libexec/moat-wasm,
# behind the same filter. Bare, each attempt succeeds; behind `moat run -b wasm` none does.
bats_require_minimum_version 1.5.0
load escape

setup_file()
{
    require_root
    require_command musl-gcc musl-tools
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    export OWNED=$BATS_FILE_TMPDIR/owned
    mkdir -p "$OWNED/libexec"
    cp "$MOAT" "$OWNED/moat"
    musl-gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wno-missing-field-initializers -static -idirafter /usr/include \
        -idirafter "/usr/include/$(gcc -print-multiarch)" -I"$MOAT_SRC/src" -o "$OWNED/libexec/moat-wasm" \
        "$BATS_TEST_DIRNAME/wasm_owned.c" "$MOAT_SRC/src/wasmrun/fence.c" "$MOAT_SRC/src/base/err.c"
}

setup()
{
    dir=$(mktemp -d /var/tmp/moat-test-XXXXXX)
    mkdir "$dir/read" "$dir/write"
    echo file > "$dir/read/file"
    echo secret > "$dir/secret"
    printf '\0asm\1\0\0\0' > "$dir/m.wasm"
    export SECRET=$dir/secret READ=$dir/read WRITE=$dir/write
}

teardown() { rm -rf "$dir"; }

# Those that have to succeed in a namespace of mounts of their own, since they move and mount.
bare() { FENCE=off unshare --mount "$OWNED/libexec/moat-wasm" "$1" 4> "$dir/beyond"; }

owned() { "$OWNED/moat" run -b wasm --ro "$READ" --rw "$WRITE" -e SECRET -e READ -e WRITE "$@"; }

@test "every attempt is live: bare it succeeds" {
    local name dead=
    while read -r name; do
        case $name in engine) continue ;; esac # a file of this process's own; behind the walls it has none
        local out status=0
        out=$(bare "$name" 2>&1) || status=$?
        case $out in absent:*) continue ;; esac
        [ "$status" = 0 ] || dead+="$name: $out ($status)"$'\n'
        rm -rf "$dir/read/made" "$dir/write"/*
    done < <("$OWNED/libexec/moat-wasm" names)
    [ -z "$dead" ] || { echo "$dead" >&2; return 1; }
}

@test "none succeeds behind the walls, and calls that are not WASI's end the process" {
    local name out status bad=
    while read -r name; do
        status=0
        out=$(owned "$dir/m.wasm" "$name" 2>&1 < /dev/null) || status=$?
        case $name in
        exec | fork | thread | socket | open | memfd | map-code | protect-code | trace | unshare | mount | chroot | io-uring | personality | set-id | dumpable)
            [ "$status" = 159 ] || bad+="$name: $out ($status)"$'\n' ;;
        *)
            [[ $status = 1 && $out == "held: $name: "* ]] || bad+="$name: $out ($status)"$'\n' ;;
        esac
    done < <("$OWNED/libexec/moat-wasm" names)
    [ -z "$bad" ] || { echo "$bad" >&2; return 1; }
    [ "$(cat "$dir/read/file")" = file ]
    [ "$(ls "$dir/read")" = file ]
    [ -z "$(find "$dir/write" -perm /6000)" ]
}

@test "without the filter the walls alone hold files, programs and the network" {
    local name out status bad=
    for name in exec secret secret-upwards process engine write-readable make-in-readable make-in-root move-readable link-out link-to-secret \
        device mount unshare; do
        status=0
        out=$(owned -e FENCE=off "$dir/m.wasm" "$name" 2>&1 < /dev/null) || status=$?
        case $name in unshare) continue ;; esac # the kernel's user namespaces are the host's to refuse
        [[ $out == "held: $name: "* ]] || bad+="$name: $out ($status)"$'\n'
    done
    [ -z "$bad" ] || { echo "$bad" >&2; return 1; }
}
