# SPDX-License-Identifier: Apache-2.0
# For the bats files about WebAssembly: where their files are, what they plant, and what outside has to stay as it was.
load escape

wasm_is_here() { "$MOAT" boundaries --json | tr -d '\n ' | grep -q '{"name":"wasm"[^}]*"available":true'; }

require_wasm()
{
    require_root
    wasm_is_here || skip "the boundary wasm is not in this build, or not on this host"
}

# For setup_file: directories of moat's own, and $WORK, which is not below /tmp.
wasm_place()
{
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    export MOAT_CANARY=moat-canary-$RANDOM$RANDOM
    WORK=$(mktemp -d /var/tmp/moat-wasm-XXXXXX) && chmod 755 "$WORK"
    export WORK
}

wasm_unplace() { [ -z "${WORK-}" ] || rm -rf "$WORK"; }

# wasm_trees: $WORK/{granted,readable,canaries}; what a module may write, what it may read, what it may not know of
wasm_trees()
{
    local d
    rm -rf "$WORK"/{granted,readable}
    if [ -d "$WORK/template" ]; then
        cp -a "$WORK/template/." "$WORK"
        return
    fi
    mkdir -p "$WORK"/template/{granted/sub/deep,granted/denied,readable/sub} "$WORK/canaries"
    echo "$MOAT_CANARY" > "$WORK/canaries/secret"
    ln -s x "$WORK/canaries/link"
    d=$WORK/template/readable
    echo file | tee "$d/spare" > "$d/file"
    : > "$d/empty"
    d=$WORK/template/granted
    echo file > "$d/file"
    echo "$MOAT_CANARY" > "$d/denied/key"
    ln -s "$WORK/canaries/secret" "$d/absolute"
    ln -s ../canaries/secret "$d/relative"
    ln -s sub/up "$d/chain"
    ln -s ../../canaries/secret "$d/sub/up"
    ln -s ../canaries "$d/door"
    ln -s denied/key "$d/to-denied"
    mknod "$d/device" c 1 5
    cp -a "$WORK/template/." "$WORK"
}

# A tree as it is.
tree_of() { tar --sort=name --numeric-owner --atime-preserve=system -C "$1" -cf - . | cksum; }

# words FILE WORD: the names of which a line says it; the secret has to be in what needs it
said()
{
    awk -F'\t' -v word="$2" -v canary="$MOAT_CANARY" 'NR == FNR { needs[$1] = $2; next }
        { split($0, w, " ") } w[1] == word && !(word == "ESCAPED" && needs[w[2]] == "token" && !index($0, canary)) { print w[2] }' \
        "$WORK/list" "$1"
}
