# SPDX-License-Identifier: Apache-2.0
# For the bats files about the unikernel: where their files are, and what they plant.
load escape

require_unikernel()
{
    require_root
    "$MOAT" boundaries --json | tr -d '\n ' | grep -q '{"name":"unikernel"[^}]*"available":true' ||
        skip "the boundary unikernel is not in this build, or not on this host"
}

# For setup_file: directories of moat's own, and $WORK, which is not below /tmp.
unikernel_place()
{
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    export MOAT_CANARY=moat-canary-$RANDOM$RANDOM
    WORK=$(mktemp -d /var/tmp/moat-unikernel-XXXXXX) && chmod 755 "$WORK"
    export WORK
    mkdir "$WORK/canaries"
    echo "$MOAT_CANARY" > "$WORK/canaries/secret"
    echo "a file of the host" > "$WORK/canaries/victim"
    chmod 666 "$WORK"/canaries/*
}

unikernel_unplace() { [ -z "${WORK-}" ] || rm -rf "$WORK"; }

# A tree as it is.
tree_of() { tar --sort=name --numeric-owner --atime-preserve=system -C "$1" -cf - . | cksum; }
