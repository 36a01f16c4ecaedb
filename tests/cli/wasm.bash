# SPDX-License-Identifier: Apache-2.0
# For the files that run WebAssembly modules behind -b wasm: a place for their files in $WORK.

# For setup_file.
wasm_place()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    export LC_ALL=C.UTF-8
    WORK=$BATS_FILE_TMPDIR/work
    export WORK
    mkdir -p "$WORK"
}

# wasm_build NAME...: tests/wasm/NAME.c as $WORK/NAME.wasm, and for the host as $WORK/NAME
wasm_build()
{
    local name
    for name; do
        clang --target=wasm32-wasi -O2 -o "$WORK/$name.wasm" "$MOAT_SRC/tests/wasm/$name.c"
        cc -O2 -o "$WORK/$name" "$MOAT_SRC/tests/wasm/$name.c"
    done
}

# module NAME < TEXT: $NAME.wasm of the text format
module()
{
    require_command wat2wasm wabt
    cat > "$1.wat"
    wat2wasm --debug-names -o "$1.wasm" "$1.wat"
}

# error_says LINE: for run --separate-stderr
error_says() { grep -qxF -- "$1" <<< "${stderr-}" || report_run "expected the line on standard error: $1 (there is: ${stderr-})"; }
